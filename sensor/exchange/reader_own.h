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
const char *reader_kafka_cluster(struct reader_kafka *reader, int ms);
void reader_kafka_commit(struct reader_kafka *reader, const struct reader_position *position, size_t count);
enum cc_status reader_kafka_next(struct reader_kafka *reader, int ms, struct cc_message *ret_msg, const char **ret_why);
void reader_kafka_since(struct reader_kafka *reader, uint64_t since); /* before the first message is asked for */
bool reader_kafka_reached(const struct reader_kafka *reader);
bool reader_kafka_has_more(const struct reader_kafka *reader);
void reader_kafka_helps(struct reader_kafka *reader, bool helps);
void reader_kafka_look(struct reader_kafka *reader);
bool reader_kafka_behind(const struct reader_kafka *reader);
void reader_kafka_close(struct reader_kafka *reader);

/* reader_share.c: members of a group that help each other */
struct reader_share;
struct rd_kafka_s;
struct rd_kafka_topic_partition_list_s;

/* every: so often at the least who reads tells the group how far he is, ns. */
struct reader_share *reader_share_new(struct rd_kafka_s *rk, uint64_t every);
void reader_share_free(struct reader_share *share);
/* True, as at first: there is time to read for others; false: none for what others will have time for. */
void reader_share_helps(struct reader_share *share, bool helps);
/* What the group gave, each with where it is read from.  What to read of it, owned by who calls; NULL: no memory. */
struct rd_kafka_topic_partition_list_s *reader_share_given(struct reader_share *share, char *const *topic,
    size_t topics, const struct rd_kafka_topic_partition_list_s *given);
void reader_share_none(struct reader_share *share);
/* Every partition of the topics.  Who calls owns it. */
struct rd_kafka_topic_partition_list_s *reader_share_all(const struct reader_share *share);
/* What to read from now on, and from where; NULL: as before.  Who calls owns it. */
struct rd_kafka_topic_partition_list_s *reader_share_look(struct reader_share *share);
/* The group has much to read yet. */
bool reader_share_behind(const struct reader_share *share);
/* Tells the group, of what was read here. */
void reader_share_commit(struct reader_share *share, const struct reader_position *position, size_t count);

#endif
