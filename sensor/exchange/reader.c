/*
 * Messages of the shared topics, from brokers and file exchanges, behind one interface; from the fall-back of
 * exchange.to as well, where one is configured.  What is read here is the bytes of strangers: form is judged here,
 * trust elsewhere.  One thread.
 */
#include "exchange/reader_own.h"

#include <stdio.h>
#include <stdlib.h>

#include "exchange/channels_own.h"

#define FALLBACK "fallback:" /* before a place's name */
#define SLICE_MS 10 /* of waiting at one of several places */
#define PLACES (EXCHANGE_SOURCES + 1)

struct place {
	struct reader *reader;
	struct reader_file *file;
	struct reader_kafka *kafka;
	struct reader_resume resume;
	char prefix[READER_PLACE / 2]; /* before its segments and partitions, which elsewhere may have the same names */
	bool fallback;
};

struct reader {
	struct place place[PLACES]; /* exchange.to, or what was asked for; exchange.fallback */
	struct reader_resume resume;
	unsigned places, at;
	uint64_t since;        /* what is older is passed over; 0: nothing */
	struct conf conf;      /* of the fall-back */
};

char *
exchange_place(const char *outdir, const char *name)
{
	char *dir, *place;

	if (strncmp(name, "file:", 5) != 0)
		return strdup(name);
	dir = dirs_under(outdir, name[5] != '\0' ? name + 5 : "exchange");
	if (dir == NULL || asprintf(&place, "file:%s", dir) < 0)
		place = NULL;
	free(dir);
	return place;
}

enum cc_status
exchange_sources(const struct conf *conf, const char *outdir, struct exchange_sources *ret_sources)
{
	char *const *name = conf->exchange_from.count > 0 ? conf->exchange_from.item : &conf->exchange_to;
	size_t count = conf->exchange_from.count > 0 ? conf->exchange_from.count : 1;

	ret_sources->count = 0;
	for (size_t i = 0; i < count && ret_sources->count < EXCHANGE_SOURCES; i++) {
		if (strcmp(name[i], "none") == 0)
			continue;
		if ((ret_sources->name[ret_sources->count] = exchange_place(outdir, name[i])) == NULL) {
			exchange_sources_free(ret_sources);
			return CC_NOMEM;
		}
		ret_sources->count++;
	}
	return CC_OK;
}

void
exchange_sources_free(struct exchange_sources *sources)
{
	while (sources->count > 0)
		free(sources->name[--sources->count]);
}

/* ---- one place ---- */

/* As whoever keeps how far he is knows it. */
static bool
next_at(void *ctx, const char *where, uint64_t *ret_next)
{
	const struct place *place = ctx;
	char name[READER_PLACE + sizeof(place->prefix)];

	snprintf(name, sizeof(name), "%s%s", place->prefix, where);
	return place->reader->resume.fn(place->reader->resume.ctx, name, ret_next);
}

static enum cc_status
open_place(const struct conf *conf, const char *from, char *const *whole, size_t count, bool from_start, bool later,
    struct reader *reader, char **ret_why)
{
	struct place *place = &reader->place[reader->places];
	const struct reader_resume *resume = reader->resume.fn != NULL ? &place->resume : NULL;

	place->reader = reader;
	place->resume = (struct reader_resume){next_at, place, reader->resume.group,
	    place->fallback ? 0 : reader->resume.every};
	if (strncmp(from, "file:", 5) == 0)
		return reader_file_open(
		    conf, from + 5, whole, count, from_start, resume, later, &place->file, ret_why);
	if (strncmp(from, "kafka:", 6) == 0)
		return reader_kafka_open(conf, from + 6, whole, count, from_start, resume, &place->kafka, ret_why);
	if (asprintf(ret_why, "'%s' is not file:DIR or kafka:HOST:PORT", from) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static uint64_t
time_of(const struct cc_message *msg)
{
	struct slice text = message_header(msg, "ce_time");
	char copy[40] = "";
	uint64_t time = 0;

	if (text.size < sizeof(copy) && text.size > 0)
		memcpy(copy, text.p, text.size);
	return time_rfc3339_parse(copy, &time) == CC_OK ? time : 0;
}

static enum cc_status
next_of(
    const struct reader *reader, const struct place *place, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	enum cc_status st;

	if (place->file == NULL)
		return reader_kafka_next(place->kafka, ms, ret_msg, ret_why);
	do
		st = reader_file_next(place->file, ms, ret_msg, ret_why);
	while (st == CC_OK && reader->since != 0 && time_of(ret_msg) < reader->since);
	return st;
}

void
reader_since(struct reader *reader, uint64_t since)
{
	reader->since = since;
	for (unsigned i = 0; i < PLACES; i++) {
		if (reader->place[i].kafka != NULL)
			reader_kafka_since(reader->place[i].kafka, since);
	}
}

/* ---- all ---- */

/* exchange.to by its own name, or as exchange_place() put it below an OUTDIR. */
static bool
is_main(const char *from, const char *to)
{
	const char *end = to[5] != '\0' ? to + 5 : "exchange";
	size_t size = strlen(from), tail = strlen(end);

	if (strcmp(from, to) == 0)
		return true;
	return strncmp(to, "file:", 5) == 0 && to[5] != '/' && strncmp(from, "file:", 5) == 0 && size > tail + 5 &&
	       strcmp(from + size - tail, end) == 0 && from[size - tail - 1] == '/';
}

/* The fall-back of what is read; a folder that is not there yet may come. */
static enum cc_status
open_fallback(
    struct reader *reader, const struct conf *conf, char *const *whole, size_t count, bool from_start, char **ret_why)
{
	const char *name = conf->exchange_fallback;
	enum cc_status st;

	if (name[0] == '\0' || strcmp(name, "none") == 0)
		return CC_OK;
	if ((st = channels_fallback_conf(conf, &reader->conf)) != CC_OK)
		return st;
	snprintf(reader->place[reader->places].prefix, sizeof(reader->place[0].prefix), FALLBACK);
	reader->place[reader->places].fallback = true;
	st = open_place(&reader->conf, name, whole, count, from_start, true, reader, ret_why);
	if (st == CC_IO) {
		log_warning("exchange.fallback: %s: is not read", *ret_why != NULL ? *ret_why : name);
		free(*ret_why);
		*ret_why = NULL;
		return CC_OK;
	}
	reader->places += st == CC_OK;
	return st;
}

/* A line a place.  Of several, one that is not there yet may come, and all but exchange.to say whose their parts are.
 */
static enum cc_status
open_places(struct reader *reader, const struct conf *conf, const char *from, char *const *whole, size_t count,
    bool from_start, char **ret_why)
{
	bool several = strchr(from, '\n') != NULL, main_there = false;
	enum cc_status st = CC_OK;

	while (st == CC_OK && *from != '\0') {
		size_t size = strcspn(from, "\n");
		struct place *place = &reader->place[reader->places];
		char *name = strndup(from, size);

		if (name == NULL || reader->places == EXCHANGE_SOURCES) {
			free(name);
			return CC_NOMEM;
		}
		if (several && !is_main(name, conf->exchange_to))
			snprintf(place->prefix, sizeof(place->prefix), "%.*s ", (int)sizeof(place->prefix) - 2, name);
		main_there = main_there || is_main(name, conf->exchange_to);
		st = open_place(conf, name, whole, count, from_start, several, reader, ret_why);
		reader->places += st == CC_OK;
		from += size + (from[size] != '\0');
		free(name);
	}
	return st == CC_OK && main_there ? open_fallback(reader, conf, whole, count, from_start, ret_why) : st;
}

static enum cc_status
open_reader(const struct conf *conf, const char *from, const char *const *topics, size_t count, bool from_start,
    const struct reader_resume *resume, struct reader **ret_reader, char **ret_why)
{
	char *whole[READER_TOPICS_MAX] = {NULL};
	struct reader *reader = calloc(1, sizeof(*reader));
	enum cc_status st = reader != NULL && count <= READER_TOPICS_MAX ? CC_OK : CC_NOMEM;

	*ret_why = NULL;
	for (size_t i = 0; i < count && st == CC_OK; i++) {
		if (asprintf(&whole[i], "%s.%s", conf->exchange_prefix, topics[i]) < 0) {
			whole[i] = NULL;
			st = CC_NOMEM;
		}
	}
	if (st == CC_OK) {
		if (resume != NULL)
			reader->resume = *resume;
		st = open_places(reader, conf, from, whole, count, from_start, ret_why);
	}
	for (size_t i = 0; i < count && i < READER_TOPICS_MAX; i++)
		free(whole[i]);
	if (st != CC_OK) {
		reader_close(reader);
		return st;
	}
	*ret_reader = reader;
	return CC_OK;
}

enum cc_status
reader_open(const struct conf *conf, const char *from, const char *const *topics, size_t count, bool from_start,
    struct reader **ret_reader, char **ret_why)
{
	return open_reader(conf, from, topics, count, from_start, NULL, ret_reader, ret_why);
}

enum cc_status
reader_open_at(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    const struct reader_resume *resume, struct reader **ret_reader, char **ret_why)
{
	return open_reader(conf, from, topics, count, true, resume, ret_reader, ret_why);
}

void
reader_where(const struct reader *reader, char ret_place[READER_PLACE], uint64_t *ret_next)
{
	const struct place *place = &reader->place[reader->at];
	char name[READER_PLACE];

	if (place->file != NULL)
		reader_file_where(place->file, name, ret_next);
	else
		reader_kafka_where(place->kafka, name, ret_next);
	if (snprintf(ret_place, READER_PLACE, "%s%s", place->prefix, name) >= READER_PLACE)
		log_warning("%s: its name is too long to be kept", name);
}

/* What is of this place, by the names that it knows. */
static void
commit_place(const struct place *place, const struct reader_position *position, size_t count)
{
	struct reader_position *own = calloc(count + 1, sizeof(*own));
	size_t size = strlen(place->prefix), owns = 0;

	for (size_t i = 0; own != NULL && i < count; i++) {
		if (strncmp(position[i].place, place->prefix, size) != 0)
			continue;
		own[owns] = position[i];
		own[owns++].place += size;
	}
	if (own != NULL)
		reader_kafka_commit(place->kafka, own, owns);
	free(own);
}

const char *
reader_cluster(struct reader *reader, int ms)
{
	for (unsigned i = 0; i < reader->places; i++) {
		if (reader->place[i].kafka != NULL)
			return reader_kafka_cluster(reader->place[i].kafka, ms);
	}
	return NULL;
}

void
reader_commit(struct reader *reader, const struct reader_position *position, size_t count)
{
	for (unsigned i = 0; i < reader->places; i++) {
		if (reader->place[i].kafka != NULL)
			commit_place(&reader->place[i], position, count);
	}
}

void
reader_helps(struct reader *reader, bool helps)
{
	for (unsigned i = 0; i < reader->places; i++) {
		if (reader->place[i].kafka != NULL)
			reader_kafka_helps(reader->place[i].kafka, helps);
	}
}

void
reader_look(struct reader *reader)
{
	for (unsigned i = 0; i < reader->places; i++) {
		if (reader->place[i].kafka != NULL)
			reader_kafka_look(reader->place[i].kafka);
	}
}

bool
reader_behind(const struct reader *reader)
{
	bool behind = false;

	for (unsigned i = 0; i < reader->places; i++)
		behind = behind || (reader->place[i].kafka != NULL && reader_kafka_behind(reader->place[i].kafka));
	return behind;
}

/* The one that gave something last is asked first, so that what lies there is not read in slices. */
static enum cc_status
next_of_all(struct reader *reader, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	uint64_t until = time_monotonic() + (ms > 0 ? NS_PER_MS * (unsigned)ms : 0);
	enum cc_status st, all = CC_END;
	int wait = 0;

	for (;;) {
		for (unsigned i = 0; i < reader->places; i++) {
			st = next_of(reader, &reader->place[reader->at], wait, ret_msg, ret_why);
			if (st == CC_OK)
				ret_msg->fallback = reader->place[reader->at].fallback;
			if (st != CC_END && st != CC_MORE)
				return st;
			if (st == CC_MORE)
				all = CC_MORE;
			reader->at = (reader->at + 1) % reader->places;
		}
		if (time_monotonic() >= until)
			return all;
		wait = SLICE_MS;
		all = CC_END;
	}
}

enum cc_status
reader_next(struct reader *reader, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	if (reader->places > 1)
		return next_of_all(reader, ms, ret_msg, ret_why);
	return next_of(reader, &reader->place[0], ms, ret_msg, ret_why);
}

bool
reader_has_more(const struct reader *reader)
{
	bool more = false;

	for (unsigned i = 0; i < reader->places; i++)
		more = more || (reader->place[i].kafka != NULL && reader_kafka_has_more(reader->place[i].kafka));
	return more;
}

bool
reader_reached(const struct reader *reader)
{
	bool reached = false;

	for (unsigned i = 0; i < reader->places; i++)
		reached = reached || reader->place[i].file != NULL || reader_kafka_reached(reader->place[i].kafka);
	return reached;
}

void
reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	for (unsigned i = 0; i < PLACES; i++) {
		reader_file_close(reader->place[i].file);
		reader_kafka_close(reader->place[i].kafka);
	}
	channels_fallback_conf_free(&reader->conf);
	free(reader);
}
