/*
 * concert watch: what arrives on the shared topics, a line a message: fitted to the terminal, by tabs and whole where
 * there is none, or as JSON with all of it.
 *
 * The bundles are partners' words: read by jansson, with its depth limit, and printed without control characters.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "cmd/watch.h"
#include "exchange/exchange.h"

int cmd_watch(int argc, char **argv);

#define WAIT_MS 200
#define QUIET_KAFKA_MS 3000 /* without --follow, a broker that says nothing for so long has said all */

static volatile sig_atomic_t stop, reload;

static void
on_reload(int signal)
{
	(void)signal;
	reload = 1;
}

static void
on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

/* The first size bytes, or fewer: never half a UTF-8 character. */
static size_t
whole_size(struct slice text, size_t size)
{
	while (size > 0 && size < text.size && (text.p[size] & 0xc0) == 0x80)
		size--;
	return size;
}

/* In a column of this width; what is too long loses its end, or its middle where the end tells more. */
static void
print_column(struct slice text, size_t width, bool middle, FILE *out)
{
	size_t tail = middle ? width / 3 : 0, front = width > tail + 2 ? width - tail - 2 : 0;

	if (text.size < width) {
		cmd_print_clean(text, out);
		fprintf(out, "%*s", (int)(width - text.size), "");
		return;
	}
	cmd_print_clean(slice_of(text.p, whole_size(text, front)), out);
	fputs("\u2026", out);
	if (tail > 0) {
		front = whole_size(text, text.size - tail);
		cmd_print_clean(slice_of(text.p + front, text.size - front), out);
	}
	putc(' ', out);
}

static json_t *
object_of(json_t *bundle, const char *type)
{
	json_t *objects = json_object_get(bundle, "objects"), *one;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		const char *is = json_string_value(json_object_get(one, "type"));

		if (is != NULL && strcmp(is, type) == 0)
			return one;
	}
	return NULL;
}

/* The group of the basic information extension, whatever the id of the extension. */
static json_t *
basic(json_t *bundle, const char *group)
{
	json_t *extensions = json_object_get(object_of(bundle, "observed-data"), "extensions"), *one;
	const char *key;

	json_object_foreach(extensions, key, one)
	{
		json_t *found = json_object_get(one, group);

		if (found != NULL)
			return found;
	}
	return NULL;
}

static const char *
text_of(json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

enum { COL_FIRST, COL_COUNT, COL_TLP, COL_PROOF, COL_WAY, COL_INDICATOR, COL_WHY, COL_FROM, COLS };

static const struct {
	const char *head;
	unsigned width;
} column[COLS] = {
    [COL_FIRST] = {"FIRST SEEN", 16}, [COL_COUNT] = {"TIMES", 6}, [COL_TLP] = {"TLP", 7}, [COL_PROOF] = {"PROOF", 10},
    [COL_WAY] = {"WAY", 8}, [COL_INDICATOR] = {"INDICATOR", 0}, [COL_WHY] = {"WHY", 0}, [COL_FROM] = {"FROM", 0},
};

#define WIDE 120 /* from so many columns on, the way and the attacker's address have room */

/* To a terminal of so many columns, fitted; width 0 is no terminal: by tabs, whole. */
static void
print_row(const struct slice text[COLS], unsigned width)
{
	size_t rest = width;

	if (width == 0) {
		for (int i = 0; i < COLS; i++) {
			cmd_print_clean(text[i], stdout);
			putchar(i + 1 < COLS ? '\t' : '\n');
		}
		return;
	}
	for (int i = 0; i < COL_INDICATOR; i++) {
		if (i == COL_WAY && width < WIDE)
			continue;
		print_column(i == COL_FIRST && text[i].size == 19 ? slice_of(text[i].p + 5, 14) : text[i],
		    column[i].width, false, stdout);
		rest -= column[i].width;
	}
	if (width >= WIDE)
		rest -= 16;
	print_column(text[COL_INDICATOR], rest * 3 / 5, true, stdout);
	print_column(text[COL_WHY], rest - rest * 3 / 5, false, stdout);
	if (width >= WIDE)
		cmd_print_clean(text[COL_FROM], stdout);
	putchar('\n');
}

static void
print_heads(unsigned width)
{
	struct slice text[COLS];

	for (int i = 0; i < COLS; i++)
		text[i] = slice_str(column[i].head);
	print_row(text, width);
}

static struct slice
text_slice(const char *text)
{
	return slice_str(text != NULL ? text : "-");
}

static void
print_sighting(const struct cc_message *msg, json_t *bundle, unsigned width)
{
	json_t *indicator = object_of(bundle, "indicator"), *sighting = object_of(bundle, "sighting");
	json_int_t count = json_integer_value(json_object_get(sighting, "count"));
	const char *first = text_of(sighting, "first_seen"), *why = text_of(basic(bundle, "detection"), "name");
	char when[20], times[24];

	snprintf(when, sizeof(when), "%.19s", first != NULL ? first : "-");
	if (strlen(when) == 19 && when[10] == 'T')
		when[10] = ' ';
	snprintf(times, sizeof(times), "%lld", (long long)(count > 0 ? count : 1));
	print_row((const struct slice[COLS]){
	    [COL_FIRST] = slice_str(when),
	    [COL_COUNT] = slice_str(times),
	    [COL_TLP] = message_header(msg, "tlp"),
	    [COL_PROOF] = text_slice(text_of(basic(bundle, "proof"), "level")),
	    [COL_WAY] = text_slice(text_of(basic(bundle, "vantage"), "direction")),
	    [COL_INDICATOR] = msg->key,
	    [COL_WHY] = text_slice(why != NULL ? why : text_of(indicator, "name")),
	    [COL_FROM] = text_slice(text_of(basic(bundle, "endpoint"), "attacker")),
	}, width);
}

static void
print_line(const struct cc_message *msg, unsigned width)
{
	json_error_t error;
	json_t *bundle = json_loadb((const char *)msg->value.p, msg->value.size, 0, &error);
	struct slice type = message_header(msg, "ce_type");

	if (bundle == NULL) {
		cmd_print_clean(message_header(msg, "ce_id"), stdout);
		printf(" is not JSON: %s\n", error.text);
	} else if (slice_is(type, "org.concert.sighting.v1")) {
		print_sighting(msg, bundle, width);
	} else {
		print_column(message_header(msg, "ce_time"), 28, false, stdout);
		print_column(type, 30, false, stdout);
		cmd_print_clean(msg->key, stdout);
		putchar('\n');
	}
	json_decref(bundle);
}

/* Columns of the terminal; 0: it is none. */
static unsigned
terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 100;
	return size.ws_col > 72 ? size.ws_col : 72;
}

/* ---- what was found out ---- */

static const char *
who(const struct verified *verified)
{
	return verified->key != NULL ? verified->key->organisation->id : "nobody known";
}

static void
put_verified(struct json *json, const struct verified *verified)
{
	base_json_object(json, "verified");
	if (verified->key != NULL) {
		json_text(json, "by", who(verified));
		json_text(json, "kid", verified->key->entry.kid);
	}
	json_uint(json, "sequence", verified->sequence);
	base_json_array(json, "notes");
	for (unsigned n = 0; n < VERIFY_NOTES; n++) {
		if ((verified->notes >> n & 1) != 0)
			json_text(json, NULL, verify_note_word[n]);
	}
	json_end_array(json);
	if (verified->missing > 0)
		json_uint(json, "missing", verified->missing);
	json_end_object(json);
}

static void
print_json(const struct cc_message *msg, const struct verified *verified, struct buf *line)
{
	struct json json = json_into(line);
	json_error_t error;
	json_t *value = json_loadb((const char *)msg->value.p, msg->value.size, 0, &error);

	buf_clear(line);
	json_object(&json, NULL);
	json_string(&json, "topic", msg->topic);
	json_string(&json, "key", msg->key);
	json_uint(&json, "lane", msg->lane);
	if (msg->fallback)
		json_text(&json, "channel", "fallback");
	json_object(&json, "headers");
	for (unsigned i = 0; i < msg->header_count; i++)
		json_string(&json, msg->header[i].name, msg->header[i].value);
	json_end_object(&json);
	if (verified != NULL)
		put_verified(&json, verified);
	if (value != NULL)
		json_raw(&json, "value", msg->value);
	else
		json_string(&json, "value", msg->value);
	json_end_object(&json);
	json_decref(value);
	buf_add_u8(line, '\n');
	fwrite(line->p, 1, line->size, stdout);
}

/* A refused message has no value here: nobody shall act on it by mistake. */
static void
print_refused_json(const struct cc_message *msg, const struct verified *verified, struct buf *line)
{
	struct json json = json_into(line);

	buf_clear(line);
	base_json_object(&json, NULL);
	json_text(&json, "refused", verdict_word[verified->verdict]);
	json_text(&json, "why", verified->why);
	json_text(&json, "claims", who(verified));
	base_json_string(&json, "topic", msg->topic);
	base_json_string(&json, "source", message_header(msg, "ce_source"));
	base_json_string(&json, "id", message_header(msg, "ce_id"));
	if (msg->fallback)
		json_text(&json, "channel", "fallback");
	json_uint(&json, "lane", verified->lane);
	put_verified(&json, verified);
	json_end_object(&json);
	buf_add_u8(line, '\n');
	fwrite(line->p, 1, line->size, stdout);
}

/* "lane 3 of concert.indicators, urn:concert:a.example/s1" */
static void
print_place(const struct cc_message *msg, const struct verified *verified)
{
	printf("lane %u of ", verified->lane);
	cmd_print_clean(msg->topic, stdout);
	fputs(", ", stdout);
	cmd_print_clean(message_header(msg, "ce_source"), stdout);
	putchar('\n');
}

static void
print_refused(const struct cc_message *msg, const struct verified *verified)
{
	printf(
	    "! %s %s: ", verified->verdict == VERDICT_DUPLICATE ? "again" : "refused", verdict_word[verified->verdict]);
	cmd_print_clean(slice_str(verified->why), stdout);
	printf("; number %llu, ", (unsigned long long)verified->sequence);
	print_place(msg, verified);
}

static void
print_notes(const struct cc_message *msg, const struct verified *verified)
{
	for (unsigned n = 0; n < VERIFY_NOTES; n++) {
		if ((verified->notes >> n & 1) == 0)
			continue;
		printf("! %s: ", verify_note_word[n]);
		if (n == VERIFY_GAP)
			printf("%llu missing before number %llu, ", (unsigned long long)verified->missing,
			    (unsigned long long)verified->sequence);
		else
			printf("number %llu, ", (unsigned long long)verified->sequence);
		print_place(msg, verified);
	}
}

/* In a table that has no column for it: a line where the channel changes. */
static void
print_channel(const struct cc_message *msg, bool *channel)
{
	if (msg->fallback == *channel)
		return;
	*channel = msg->fallback;
	puts(msg->fallback ? "! channel: what follows came by exchange.fallback"
			   : "! channel: what follows came by exchange.to");
}

static uint64_t
verifier_notes(const struct verifier *verifier)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < VERIFY_NOTES; n++)
		sum += verifier_note_count(verifier, (enum verify_note)n);
	return sum;
}

static void
print_counts(const struct verifier *verifier, bool as_json, struct buf *line)
{
	struct json json = json_into(line);
	const char *comma = "";

	buf_clear(line);
	if (as_json) {
		base_json_object(&json, NULL);
		base_json_object(&json, "counters");
	}
	for (unsigned i = 0; i < VERDICT_COUNT + VERIFY_NOTES; i++) {
		const char *word = i < VERDICT_COUNT ? verdict_word[i] : verify_note_word[i - VERDICT_COUNT];
		uint64_t count = i < VERDICT_COUNT
				     ? verifier_count(verifier, (enum verdict)i)
				     : verifier_note_count(verifier, (enum verify_note)(i - VERDICT_COUNT));
		char name[64];

		snprintf(name, sizeof(name), "verify.%s", word);
		if (as_json) {
			json_uint(&json, name, count);
		} else if (count > 0 || i == VERDICT_ACCEPTED) {
			buf_printf(line, "%s%llu %s", comma, (unsigned long long)count, word);
			comma = ", ";
		}
	}
	if (as_json) {
		json_end_object(&json);
		json_end_object(&json);
	}
	buf_add_u8(line, '\n');
	fwrite(line->p, 1, line->size, as_json ? stdout : stderr);
}

/* ---- the quarantine ---- */

struct listing {
	bool json;
	struct buf line;
	uint64_t count;
};

static void
print_quarantined(void *ctx, const struct quarantined *why, const struct cc_message *msg)
{
	struct listing *l = ctx;
	struct json json = json_into(&l->line);
	const struct slice text[] = {why->seen, why->verdict, message_header(msg, "ce_source"), msg->topic,
	    message_header(msg, "ce_id"), why->why};

	l->count++;
	if (!l->json) {
		for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
			cmd_print_clean(text[i].size > 0 ? text[i] : slice_str("-"), stdout);
			putchar(i + 1 < sizeof(text) / sizeof(text[0]) ? '\t' : '\n');
		}
		return;
	}
	buf_clear(&l->line);
	base_json_object(&json, NULL);
	base_json_string(&json, "seen", why->seen);
	base_json_string(&json, "verdict", why->verdict);
	base_json_string(&json, "why", why->why);
	base_json_string(&json, "notes", why->notes);
	base_json_string(&json, "topic", msg->topic);
	base_json_string(&json, "key", msg->key);
	base_json_object(&json, "headers");
	for (unsigned i = 0; i < msg->header_count; i++)
		base_json_string(&json, msg->header[i].name, msg->header[i].value);
	json_end_object(&json);
	base_json_string(&json, "value", msg->value);
	json_end_object(&json);
	buf_add_u8(&l->line, '\n');
	fwrite(l->line.p, 1, l->line.size, stdout);
}

static int
list_quarantine(const struct cmd_options *o)
{
	struct listing l = {.json = o->json};
	char *why = NULL;
	enum cc_status st;

	buf_open(&l.line, 256u << 20);
	if (!l.json)
		puts("#seen\tverdict\tsource\ttopic\tid\twhy");
	st = quarantine_visit(o->outdir, print_quarantined, &l, &why);
	if (st != CC_OK)
		fprintf(stderr, "concert watch: %s\n", why != NULL ? why : cc_status_text(st));
	free(why);
	buf_close(&l.line);
	return st == CC_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the loop ---- */

/* Where messages come from: without verification, or with all that belongs to it. */
struct source {
	struct reader *reader;
	struct inbox *inbox;
	struct trust *trust;
	struct quarantine *quarantine;
};

/* --from beginning, end, a time, or how long ago. */
static enum cc_status
start_of(const struct cmd_options *o, bool *ret_start, uint64_t *ret_since, char **ret_why)
{
	uint64_t ago, now = time_now();

	if (o->from == NULL)
		return CC_OK;
	*ret_start = strcmp(o->from, "end") != 0;
	if (!*ret_start || strcmp(o->from, "beginning") == 0 || time_rfc3339_parse(o->from, ret_since) == CC_OK)
		return CC_OK;
	if (duration_parse(o->from, &ago) == CC_OK && ago < now) {
		*ret_since = now - ago;
		return CC_OK;
	}
	if (asprintf(ret_why, "--from %s: beginning, end, a time as 2026-01-31T12:00:00Z, or how long ago, as 2h",
		o->from) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static enum cc_status
open_source(struct source *s, const struct cmd_options *o, const char *from, const char *const *topics, size_t count,
    char **ret_why)
{
	bool from_start = o->from_start;
	uint64_t since = 0;
	enum cc_status st = start_of(o, &from_start, &since, ret_why);

	if (st != CC_OK)
		return st;
	if (o->unverified) {
		st = reader_open(o->conf, from, topics, count, from_start, &s->reader, ret_why);
		if (st == CC_OK)
			reader_since(s->reader, since);
		return st;
	}
	if ((st = trust_open(o->conf, o->outdir, &s->trust, ret_why)) != CC_OK)
		return st;
	(void)trust_learn_from(o->conf, from, s->trust);
	/* Only where somebody said which folder is ours to write to. */
	if (o->outdir_given && quarantine_open(o->conf, o->outdir, &s->quarantine, ret_why) != CC_OK) {
		fprintf(stderr, "concert watch: %s: what is refused is not kept\n",
		    *ret_why != NULL ? *ret_why : "quarantine");
		free(*ret_why);
		*ret_why = NULL;
	}
	st = inbox_open(o->conf, from, topics, count, from_start, s->trust, s->quarantine, &s->inbox, ret_why);
	if (st == CC_OK)
		inbox_since(s->inbox, since);
	return st;
}

static void
close_source(struct source *s)
{
	inbox_close(s->inbox);
	quarantine_close(s->quarantine);
	trust_close(s->trust);
	reader_close(s->reader);
}

/* SIGHUP: the trust file is read again. */
static void
reload_trust(struct source *s)
{
	char *why = NULL;

	reload = 0;
	if (s->trust != NULL && trust_reload(s->trust, &why) != CC_OK)
		fprintf(stderr, "concert watch: %s: as before\n", why != NULL ? why : "exchange.trust");
	free(why);
}

static int
watch(const struct cmd_options *o, const char *from, const char *const *topics, size_t count)
{
	struct source source = {NULL, NULL, NULL, NULL};
	struct verified verified = {.verdict = VERDICT_ACCEPTED};
	struct cc_message msg;
	char *why = NULL;
	const char *trouble = NULL;
	struct buf line;
	bool follow = o->follow, heads = false, channel = false, two = o->conf->exchange_fallback[0] != '\0';
	unsigned width = terminal_width();
	int quiet = 0, code = EXIT_DONE;
	uint64_t shown = 0, printed = time_monotonic();
	struct health_table *health = o->health ? health_new() : NULL;

	if (open_source(&source, o, from, topics, count, &why) != CC_OK) {
		fprintf(stderr, "concert watch: %s\n", why != NULL ? why : from);
		free(why);
		close_source(&source);
		return EXIT_FAILED;
	}
	buf_open(&line, 64u << 20);
	while (!stop) {
		enum cc_status st;

		if (reload)
			reload_trust(&source);
		st = source.inbox != NULL ? inbox_next(source.inbox, WAIT_MS, &msg, &verified, &trouble) :
					    reader_next(source.reader, WAIT_MS, &msg, &trouble);
		if (st == CC_OK && !o->json && !heads && health == NULL)
			print_heads(width);
		heads = heads || st == CC_OK;
		if (st == CC_OK && !o->json && health == NULL)
			print_channel(&msg, &channel);
		shown += st == CC_OK;
		if (st == CC_OK && verified.verdict != VERDICT_ACCEPTED) {
			bool again = verified.verdict == VERDICT_DUPLICATE;

			/* Of two channels one has again what the other had: that is their use, and counted. */
			if (o->json && !(again && two))
				print_refused_json(&msg, &verified, &line);
			else if (!(again && two))
				print_refused(&msg, &verified);
			if (!again)
				code = EXIT_FAILED;
		} else if (st == CC_OK && health != NULL) {
			health_take(health, &msg, &verified);
		} else if (st == CC_OK && o->json) {
			print_json(&msg, source.inbox != NULL ? &verified : NULL, &line);
		} else if (st == CC_OK) {
			print_notes(&msg, &verified);
			print_line(&msg, width);
		} else if (st == CC_BAD) {
			fprintf(
			    stderr, "concert watch: %s\n", trouble != NULL ? trouble : "a message that can't be read");
			code = EXIT_FAILED;
		} else if (st == CC_END && !follow) {
			break;
		} else if (st == CC_MORE || st == CC_END) {
			fflush(stdout);
			if (health != NULL && follow && time_monotonic() - printed > 10 * NS_PER_S) {
				printed = time_monotonic();
				health_print(health, time_now(), o->json);
			}
			quiet += WAIT_MS;
			if (!follow && quiet >= QUIET_KAFKA_MS)
				break;
			if (st == CC_END)
				usleep(WAIT_MS * 1000);
			continue;
		} else if (st != CC_OK) {
			fprintf(stderr, "concert watch: %s\n", trouble != NULL ? trouble : cc_status_text(st));
			code = EXIT_FAILED;
			break;
		}
		quiet = 0;
	}
	if (!follow && !stop && !reader_reached(source.inbox != NULL ? inbox_reader(source.inbox) : source.reader)) {
		fprintf(stderr, "concert watch: nothing was read: no broker has answered\n");
		code = EXIT_FAILED;
	}
	if (health != NULL)
		health_print(health, time_now(), o->json);
	health_free(health);
	if (source.inbox != NULL &&
	    ((o->json && !o->health) || verifier_count(inbox_verifier(source.inbox), VERDICT_ACCEPTED) < shown ||
		verifier_notes(inbox_verifier(source.inbox)) > 0))
		print_counts(inbox_verifier(source.inbox), o->json, &line);
	buf_close(&line);
	close_source(&source);
	return code;
}

int
cmd_watch(int argc, char **argv)
{
	const struct command *command = &cmd_table[0];
	struct sigaction act = {.sa_handler = on_stop}, again = {.sa_handler = on_reload};
	struct cmd_options o;
	char *from = NULL;
	bool absent = false;
	int code = EXIT_USAGE;

	while (command->run != cmd_watch)
		command++;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &again, NULL);
	if (cmd_options(command, argc, argv, "c:l:v", &o)) {
		if (o.quarantine)
			code = list_quarantine(&o);
		else if ((from = cmd_sources(&o)) == NULL)
			fprintf(stderr,
			    "concert watch: where from?  --exchange file:DIR or kafka:HOST:PORT, or -l OUTDIR\n");
		else {
			absent = strchr(from, '\n') != NULL && cmd_name_absent(&o, "watch") && !o.follow;
			code = o.health ? watch(&o, from, (const char *const[]){"health"}, 1)
					: watch(&o, from, (const char *const *)argv + optind, (size_t)(argc - optind));
		}
	}
	code = code == EXIT_DONE && absent ? EXIT_FAILED : code;
	free(from);
	cmd_options_close(&o);
	return code;
}
