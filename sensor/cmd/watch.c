/*
 * concert watch: what arrives on the shared topics, a line a message, or as JSON with all of it.
 *
 * The bundles are partners' words: read by jansson, with its depth limit, and printed without control characters.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
print_clean(struct slice text, int width, FILE *out)
{
	int printed = 0;

	for (size_t i = 0; i < text.size; i++, printed++)
		putc(text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i], out);
	for (; printed < width; printed++)
		putc(' ', out);
}

static void
print_text(const char *text, int width, FILE *out)
{
	print_clean(slice_str(text != NULL ? text : "-"), width, out);
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

static void
print_sighting(const struct cc_message *msg, json_t *bundle)
{
	json_t *indicator = object_of(bundle, "indicator"), *sighting = object_of(bundle, "sighting");
	json_t *proof = basic(bundle, "proof"), *endpoint = basic(bundle, "endpoint"), *vantage = basic(bundle, "vantage");
	json_int_t count = json_integer_value(json_object_get(sighting, "count"));
	const char *first = text_of(sighting, "first_seen");
	char times[24];

	print_clean(slice_of(first, first != NULL && strlen(first) > 19 ? 19 : 0), 20, stdout);
	snprintf(times, sizeof(times), "%lldx", (long long)(count > 0 ? count : 1));
	print_text(times, 6, stdout);
	print_clean(message_header(msg, "tlp"), 7, stdout);
	print_text(text_of(proof, "level"), 11, stdout);
	print_text(text_of(vantage, "direction"), 9, stdout);
	print_clean(msg->key, 48, stdout);
	putchar(' ');
	print_text(text_of(indicator, "name"), 0, stdout);
	if (text_of(json_object_get(endpoint, "attacker"), "address") != NULL) {
		fputs("  from ", stdout);
		print_text(text_of(json_object_get(endpoint, "attacker"), "address"), 0, stdout);
	}
	putchar('\n');
}

static void
print_line(const struct cc_message *msg)
{
	json_error_t error;
	json_t *bundle = json_loadb((const char *)msg->value.p, msg->value.size, 0, &error);
	struct slice type = message_header(msg, "ce_type");

	if (bundle == NULL) {
		print_clean(message_header(msg, "ce_id"), 37, stdout);
		printf("not JSON: %s\n", error.text);
	} else if (slice_is(type, "org.concert.sighting.v1")) {
		print_sighting(msg, bundle);
	} else {
		print_clean(message_header(msg, "ce_time"), 20, stdout);
		print_clean(type, 30, stdout);
		print_clean(msg->key, 0, stdout);
		putchar('\n');
	}
	json_decref(bundle);
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
				printf("%-20s%-6s%-7s%-11s%-9s%-48s %s\n", "FIRST SEEN (UTC)", "COUNT", "TLP", "PROOF", "WAY",
				    "INDICATOR", "WHY");
			heads = true;
			print_line(&msg);
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
