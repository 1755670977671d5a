/* The two kinds of readers behind reader.c.  One thread. */
#ifndef EXCHANGE_READER_OWN_H
#define EXCHANGE_READER_OWN_H

#include "exchange/exchange.h"

#define READER_TOPICS_MAX 32

struct reader_file;
struct reader_kafka;

/* topic: whole names; count 0: all that begin with the prefix and a dot. */
/* resume: NULL, or borrowed until the reader ends.  later: a folder that is not there is looked for again. */
enum cc_status reader_file_open(const struct conf *conf, const char *dir, char *const *topic, size_t count,
    bool from_start, const struct reader_resume *resume, bool later, struct reader_file **ret_reader, char **ret_why);
void reader_file_where(const struct reader_file *reader, char ret_place[READER_PLACE], uint64_t *ret_next);
enum cc_status reader_file_next(struct reader_file *reader, int ms, struct cc_message *ret_msg, const char **ret_why);
void reader_file_close(struct reader_file *reader);

enum cc_status reader_kafka_open(const struct conf *conf, const char *bootstrap, char *const *topic, size_t count,
    bool from_start, const struct reader_resume *resume, struct reader_kafka **ret_reader, char **ret_why);
void reader_kafka_where(const struct reader_kafka *reader, char ret_place[READER_PLACE], uint64_t *ret_next);
void reader_kafka_commit(struct reader_kafka *reader, const struct reader_position *position, size_t count);
enum cc_status reader_kafka_next(struct reader_kafka *reader, int ms, struct cc_message *ret_msg, const char **ret_why);
void reader_kafka_since(struct reader_kafka *reader, uint64_t since); /* before the first message is asked for */
bool reader_kafka_reached(const struct reader_kafka *reader);
bool reader_kafka_has_more(const struct reader_kafka *reader);
void reader_kafka_close(struct reader_kafka *reader);

#endif
