/*
 * concert watch: what arrives on the shared topics, a line a message: fitted to the terminal, by tabs and whole where there is
 * none, or as JSON with all of it.
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
#include "exchange/exchange.h"

int cmd_watch(int argc, char **argv);

#define WAIT_MS 200
#define QUIET_KAFKA_MS 3000 /* without --follow, a broker that says nothing for so long has said all */

static volatile sig_atomic_t stop;

static void
on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

/* A terminal acts on control characters: a partner's text must not reach it. */
static void
print_clean(struct slice text, FILE *out)
{
	for (size_t i = 0; i < text.size; i++)
		putc(text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i], out);
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
		print_clean(text, out);
		fprintf(out, "%*s", (int)(width - text.size), "");
		return;
	}
	print_clean(slice_of(text.p, whole_size(text, front)), out);
	fputs("\u2026", out);
	if (tail > 0) {
		front = whole_size(text, text.size - tail);
		print_clean(slice_of(text.p + front, text.size - front), out);
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
			print_clean(text[i], stdout);
			putchar(i + 1 < COLS ? '\t' : '\n');
		}
		return;
	}
	for (int i = 0; i < COL_INDICATOR; i++) {
		if (i == COL_WAY && width < WIDE)
			continue;
		print_column(i == COL_FIRST && text[i].size == 19 ? slice_of(text[i].p + 5, 14) : text[i], column[i].width, false, stdout);
		rest -= column[i].width;
	}
	if (width >= WIDE)
		rest -= 16;
	print_column(text[COL_INDICATOR], rest * 3 / 5, true, stdout);
	print_column(text[COL_WHY], rest - rest * 3 / 5, false, stdout);
	if (width >= WIDE)
		print_clean(text[COL_FROM], stdout);
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
		print_clean(message_header(msg, "ce_id"), stdout);
		printf(" is not JSON: %s\n", error.text);
	} else if (slice_is(type, "org.concert.sighting.v1")) {
		print_sighting(msg, bundle, width);
	} else {
		print_column(message_header(msg, "ce_time"), 28, false, stdout);
		print_column(type, 30, false, stdout);
		print_clean(msg->key, stdout);
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

static void
print_json(const struct cc_message *msg, struct buf *line)
{
	struct json json = json_into(line);
	json_error_t error;
	json_t *value = json_loadb((const char *)msg->value.p, msg->value.size, 0, &error);

	buf_clear(line);
	json_object(&json, NULL);
	json_string(&json, "topic", msg->topic);
	json_string(&json, "key", msg->key);
	json_uint(&json, "lane", msg->lane);
	json_object(&json, "headers");
	for (unsigned i = 0; i < msg->header_count; i++)
		json_string(&json, msg->header[i].name, msg->header[i].value);
	json_end_object(&json);
	if (value != NULL)
		json_raw(&json, "value", msg->value);
	else
		json_string(&json, "value", msg->value);
	json_end_object(&json);
	json_decref(value);
	buf_add_u8(line, '\n');
	fwrite(line->p, 1, line->size, stdout);
}

static int
watch(const struct cmd_options *o, const char *from, const char *const *topics, size_t count)
{
	struct reader *reader;
	struct cc_message msg;
	char *why = NULL;
	const char *trouble = NULL;
	struct buf line;
	bool follow = o->follow, heads = false;
	unsigned width = terminal_width();
	int quiet = 0, code = EXIT_DONE;

	if (reader_open(o->conf, from, topics, count, o->from_start, &reader, &why) != CC_OK) {
		fprintf(stderr, "concert watch: %s\n", why != NULL ? why : from);
		free(why);
		return EXIT_FAILED;
	}
	buf_open(&line, 64u << 20);
	while (!stop) {
		enum cc_status st = reader_next(reader, WAIT_MS, &msg, &trouble);

		if (st == CC_OK && o->json) {
			print_json(&msg, &line);
		} else if (st == CC_OK) {
			if (!heads)
				print_heads(width);
			heads = true;
			print_line(&msg, width);
		} else if (st == CC_BAD) {
			fprintf(stderr, "concert watch: %s\n", trouble != NULL ? trouble : "a message that can't be read");
			code = EXIT_FAILED;
		} else if (st == CC_END && !follow) {
			break;
		} else if (st == CC_MORE || st == CC_END) {
			fflush(stdout);
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
	buf_close(&line);
	reader_close(reader);
	return code;
}

int
cmd_watch(int argc, char **argv)
{
	const struct command command = {"watch", cmd_watch,
	    "[-c FILE] [--exchange file:DIR|kafka:HOST:PORT] [--from-start] [--follow] [--json] [TOPIC]...",
	    "print what arrives on the shared topics"};
	struct sigaction act = {.sa_handler = on_stop};
	struct cmd_options o;
	int code = EXIT_USAGE;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (cmd_options(&command, argc, argv, "c:v", &o)) {
		if (strcmp(o.conf->exchange_to, "file:") == 0 || strcmp(o.conf->exchange_to, "none") == 0)
			fprintf(stderr, "concert watch: where from?  --exchange file:DIR or kafka:HOST:PORT\n");
		else
			code = watch(&o, o.conf->exchange_to, (const char *const *)argv + optind, (size_t)(argc - optind));
	}
	cmd_options_close(&o);
	return code;
}
