/*
 * The settings of a Kafka client: ours, then the operator's map over them, each by librdkafka's own name.  What
 * librdkafka does not know or take is refused with its words.  At start, and when a client has to be made anew.
 */
#include "output/output.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

struct setting {
	const char *name, *value;
};

/*
 * The spool keeps what is not delivered, so that a message never times out here.  Without Nagle's algorithm, which
 * costs three to five times the throughput under TLS and is only off by default since librdkafka 2.10.
 */
static const struct setting producer[] = {
    {"client.id", "concert"},
    {"socket.nagle.disable", "true"},
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"compression.codec", "lz4"},
    {"message.timeout.ms", "0"},
    {"linger.ms", "20"},
    {"queue.buffering.max.messages", "100000"},
    {"queue.buffering.max.kbytes", "131072"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
};

/* A reader has no group and commits nothing: where it stands is its own business. */
static const struct setting consumer[] = {
    {"client.id", "concert"},
    {"socket.nagle.disable", "true"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "earliest"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
};

static enum cc_status
set(rd_kafka_conf_t *rconf, const char *prefix, const char *name, const char *value, char **ret_why)
{
	char text[512] = "";

	if (rd_kafka_conf_set(rconf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return CC_OK;
	if (asprintf(ret_why, "%s%s: %s", prefix, name, text) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

/* SCRAM of librdkafka before 2.6.1 repeats its nonce, which no Kafka 4 takes. */
static void
warn_of_scram(const struct conf *conf)
{
	const char *mechanism = conf_map_get(&conf->kafka, "sasl.mechanisms");

	if (mechanism == NULL)
		mechanism = conf_map_get(&conf->kafka, "sasl.mechanism");
	if (mechanism != NULL && strncmp(mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < 0x020601ff)
		log_warning(
		    "kafka: SCRAM of librdkafka %s fails with Kafka 4 (\"invalid credentials\"): use TLS client "
		    "certificates or librdkafka 2.6.1",
		    rd_kafka_version_str());
}

static void
on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	log_debug("kafka: %s: %s", facility, text);
}

struct rd_kafka_conf_s *
output_kafka_conf(const struct conf *conf, const char *bootstrap, bool consumes, char **ret_why)
{
	rd_kafka_conf_t *rconf = rd_kafka_conf_new();
	const struct setting *ours = consumes ? consumer : producer;
	size_t count = consumes ? sizeof(consumer) / sizeof(consumer[0]) : sizeof(producer) / sizeof(producer[0]);
	char size[24];
	enum cc_status st;

	if (rconf == NULL)
		return NULL;
	/* Room for key, headers and the batch's own head. */
	snprintf(size, sizeof(size), "%llu", (unsigned long long)conf->exchange_message_max + 65536);
	st = set(rconf, "", "bootstrap.servers", bootstrap, ret_why);
	if (st == CC_OK && !consumes)
		st = set(rconf, "", "message.max.bytes", size, ret_why);
	for (size_t i = 0; i < count && st == CC_OK; i++)
		st = set(rconf, "", ours[i].name, ours[i].value, ret_why);
	for (size_t i = 0; i < conf->kafka.count && st == CC_OK; i++)
		st = set(rconf, "kafka.", conf->kafka.pair[i].key, conf->kafka.pair[i].value, ret_why);
	if (st != CC_OK) {
		rd_kafka_conf_destroy(rconf);
		return NULL;
	}
	warn_of_scram(conf);
	rd_kafka_conf_set_log_cb(rconf, on_log);
	return rconf;
}
