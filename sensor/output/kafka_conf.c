/*
 * The settings of a Kafka client: ours, then the operator's map over them, each by librdkafka's own name.  What
 * librdkafka does not know or take is refused with its words.  At start, and when a client has to be made anew.
 */
#include "output/kafka_own.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

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

static bool
is_no(const char *text)
{
	return text != NULL && (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcasecmp(text, "f") == 0);
}

static enum cc_status
too_open(const char *name, const char *value, const char *means, char **ret_why)
{
	if (asprintf(ret_why, "kafka.%s: %s: %s; only with exchange.insecure: yes, for a broker of tests", name, value,
		means) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

bool
kafka_uses_tls(const struct conf *conf)
{
	const char *protocol = conf_map_get(&conf->kafka, "security.protocol");

	return protocol == NULL ? !conf->exchange_insecure
				: strcasecmp(protocol, "ssl") == 0 || strcasecmp(protocol, "sasl_ssl") == 0;
}

/* TLS with both names checked, unless somebody has said in so many words that it need not be. */
static enum cc_status
set_security(const struct conf *conf, rd_kafka_conf_t *rconf, char **ret_why)
{
	const char *protocol = conf_map_get(&conf->kafka, "security.protocol");
	const char *names = conf_map_get(&conf->kafka, "ssl.endpoint.identification.algorithm");
	const char *checks = conf_map_get(&conf->kafka, "enable.ssl.certificate.verification");
	enum cc_status st;

	if (!conf->exchange_insecure) {
		if (!kafka_uses_tls(conf))
			return too_open(
			    "security.protocol", protocol, "anybody on the way could read and write", ret_why);
		if (is_no(checks))
			return too_open(
			    "enable.ssl.certificate.verification", checks, "anybody could be the broker", ret_why);
		if (names != NULL && strcasecmp(names, "https") != 0)
			return too_open("ssl.endpoint.identification.algorithm", names,
			    "any holder of a certificate could be the broker", ret_why);
	}
	if (!kafka_uses_tls(conf))
		return CC_OK;
	st = protocol == NULL ? set(rconf, "", "security.protocol", "ssl", ret_why) : CC_OK;
	if (st == CC_OK && names == NULL)
		st = set(rconf, "", "ssl.endpoint.identification.algorithm", "https", ret_why);
	if (st == CC_OK && !is_no(checks))
		rd_kafka_conf_set_ssl_cert_verify_cb(rconf, kafka_on_certificate);
	return st;
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
	if (st == CC_OK)
		st = set_security(conf, rconf, ret_why);
	if (st == CC_OK && kafka_uses_tls(conf)) {
		struct kafka_pem pem;

		st = kafka_pem_read(conf, &pem, ret_why);
	}
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
