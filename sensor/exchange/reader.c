/*
 * Messages of the shared topics, from a broker or a file exchange, behind one interface.  What is read here is the
 * bytes of strangers: form is judged here, trust elsewhere.  One thread.
 */
#include "exchange/reader_own.h"

#include <stdio.h>
#include <stdlib.h>

struct reader {
	struct reader_file *file;
	struct reader_kafka *kafka;
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
reader_open(const struct conf *conf, const char *from, const char *const *topics, size_t count, bool from_start,
    struct reader **ret_reader, char **ret_why)
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
	if (st == CC_OK && strncmp(from, "file:", 5) == 0) {
		st = reader_file_open(conf, from + 5, whole, count, from_start, &reader->file, ret_why);
	} else if (st == CC_OK && strncmp(from, "kafka:", 6) == 0) {
		st = reader_kafka_open(conf, from + 6, whole, count, from_start, &reader->kafka, ret_why);
	} else if (st == CC_OK) {
		if (asprintf(ret_why, "'%s' is not file:DIR or kafka:HOST:PORT", from) < 0)
			*ret_why = NULL;
		st = CC_BAD;
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
reader_next(struct reader *reader, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	return reader->file != NULL ? reader_file_next(reader->file, ms, ret_msg, ret_why)
				    : reader_kafka_next(reader->kafka, ms, ret_msg, ret_why);
}

void
reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	reader_file_close(reader->file);
	reader_kafka_close(reader->kafka);
	free(reader);
}
