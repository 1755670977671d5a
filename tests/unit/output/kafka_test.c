/* The Kafka output against librdkafka's mock cluster: partitions, settings, a broker that is away.  The real broker has
 * its tests in tests/e2e/. */
#include "output/output.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "unit/test.h"

extern const struct cc_output kafka_output;

struct reports {
	unsigned ok, lost, bad;
	bool seen[4096];
};

static void
report(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct reports *r = ctx;

	if (status == CC_OK) {
		r->ok++;
		CHECK(ticket < 4096 && !r->seen[ticket]);
		r->seen[ticket % 4096] = true;
	} else if (status == CC_BAD) {
		r->bad++;
	} else {
		r->lost++;
	}
}

static rd_kafka_t *owner;

static rd_kafka_mock_cluster_t *
cluster(int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_mock_cluster_t *mock;
	char text[256];

	owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	mock = rd_kafka_mock_cluster_new(owner, 1);
	if (partitions > 0)
		rd_kafka_mock_topic_create(mock, "concert.indicators", partitions, 1);
	return mock;
}

static void
end_cluster(rd_kafka_mock_cluster_t *mock)
{
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(owner);
}

/* The mock speaks no TLS. */
static struct conf *
open_conf(void)
{
	struct conf *conf = conf_new();
	char *why = NULL;

	CHECK(conf_set(conf, "exchange.insecure=yes", &why) == CC_OK);
	return conf;
}

static struct cc_message
message(unsigned n)
{
	static char id[16], value[64];
	struct cc_message msg = {.topic = slice_str("concert.indicators"), .key = slice_str("k"), .lane = n % 64};

	snprintf(id, sizeof(id), "id-%u", n);
	snprintf(value, sizeof(value), "value %u", n);
	msg.value = slice_str(value);
	msg.header[0] = (struct cc_header){"ce_id", slice_str(id)};
	msg.header[1] = (struct cc_header){"jws", slice_str("")};
	msg.header_count = 2;
	return msg;
}

static void
poll_until(void *self, const unsigned *count, unsigned wanted, unsigned seconds)
{
	uint64_t end = time_monotonic() + seconds * NS_PER_S;

	while (*count < wanted && time_monotonic() < end)
		kafka_output.poll(self, 20);
}

/* Reads all back: each message stands in its lane's partition, with its headers. */
static unsigned
consume(const char *bootstrap, unsigned wanted, int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_t *rk;
	char text[256];
	unsigned count = 0;
	uint64_t end = time_monotonic() + 20 * NS_PER_S;

	rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", "test", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	rd_kafka_poll_set_consumer(rk);
	for (int p = 0; p < partitions; p++)
		rd_kafka_topic_partition_list_add(list, "concert.indicators", p)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	while (count < wanted && time_monotonic() < end) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 100);
		rd_kafka_headers_t *headers = NULL;
		const void *id = NULL;
		size_t size = 0;
		unsigned n;

		if (msg == NULL || msg->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			if (msg != NULL)
				rd_kafka_message_destroy(msg);
			continue;
		}
		memcpy(text, msg->payload, msg->len);
		text[msg->len] = '\0';
		n = (unsigned)strtoul(text + 6, NULL, 10);
		CHECK_UINT(msg->partition, n % 64 % (unsigned)partitions);
		CHECK(rd_kafka_message_headers(msg, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR);
		CHECK(rd_kafka_header_get_last(headers, "ce_id", &id, &size) == RD_KAFKA_RESP_ERR_NO_ERROR);
		snprintf(text, sizeof(text), "id-%u", n);
		CHECK(size == strlen(text) && memcmp(id, text, size) == 0);
		rd_kafka_message_destroy(msg);
		count++;
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return count;
}

TEST(delivers_by_lane)
{
	rd_kafka_mock_cluster_t *mock = cluster(5);
	const char *bootstrap = rd_kafka_mock_cluster_bootstraps(mock);
	struct conf *conf = open_conf();
	struct reports *r = calloc(1, sizeof(*r));
	void *self = NULL;
	char *why = NULL;

	CHECK(kafka_output.open(conf, bootstrap, report, r, &self, &why) == CC_OK);
	for (unsigned i = 0; i < 1000; i++) {
		struct cc_message msg = message(i);

		CHECK(kafka_output.send(self, &msg, i + 1) == CC_OK);
	}
	poll_until(self, &r->ok, 1000, 20);
	CHECK_UINT(r->ok, 1000);
	CHECK_UINT(r->lost + r->bad, 0);
	CHECK_UINT(kafka_output.pending(self), 0);
	CHECK(strstr(kafka_output.state(self), "connected to") != NULL);
	CHECK_UINT(consume(bootstrap, 1000, 5), 1000);
	kafka_output.close(self);
	conf_free(conf);
	free(r);
	end_cluster(mock);
}

/* 'Not now' is never 'drop': what an ACL refuses is given back, and taken once the ACL returns. */
TEST(refused_is_not_dropped)
{
	rd_kafka_mock_cluster_t *mock = cluster(1);
	struct conf *conf = open_conf();
	struct reports *r = calloc(1, sizeof(*r));
	void *self = NULL;
	char *why = NULL;
	struct cc_message msg = message(7);
	uint64_t end;

	CHECK(kafka_output.open(conf, rd_kafka_mock_cluster_bootstraps(mock), report, r, &self, &why) == CC_OK);
	rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	CHECK(kafka_output.send(self, &msg, 1) == CC_OK);
	poll_until(self, &r->lost, 1, 20);
	CHECK_UINT(r->lost, 1);
	CHECK(strstr(kafka_output.state(self), "ACL") != NULL);
	end = time_monotonic() + 20 * NS_PER_S;
	while (kafka_output.send(self, &msg, 1) != CC_OK && time_monotonic() < end)
		kafka_output.poll(self, 20);
	poll_until(self, &r->ok, 1, 20);
	CHECK_UINT(r->ok, 1);
	CHECK_UINT(r->bad, 0);
	kafka_output.close(self);
	conf_free(conf);
	free(r);
	end_cluster(mock);
}

/* A fatal error ends the producer, not the output: another is made, and what was given back goes out. */
TEST(fatal_makes_a_new_producer)
{
	rd_kafka_mock_cluster_t *mock = cluster(1);
	struct conf *conf = open_conf();
	struct reports *r = calloc(1, sizeof(*r));
	void *self = NULL;
	char *why = NULL;
	struct cc_message msg = message(7);
	uint64_t end;
	bool taken, told;

	rd_kafka_mock_push_request_errors(
	    mock, 22 /* InitProducerId */, 1, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	CHECK(kafka_output.open(conf, rd_kafka_mock_cluster_bootstraps(mock), report, r, &self, &why) == CC_OK);
	/* The broker's no may be here before the message is offered: then it isn't taken, and nothing is lost. */
	taken = kafka_output.send(self, &msg, 1) == CC_OK;
	told = strstr(kafka_output.state(self), "idempotently") != NULL;
	end = time_monotonic() + 20 * NS_PER_S;
	/*
	 * On a slow machine the next producer may be there, and well, before anybody looks at what the state says: that
	 * the message was refused, or is lost, tells it then.
	 */
	while (taken && !told && r->lost == 0 && time_monotonic() < end) {
		kafka_output.poll(self, 20);
		told = strstr(kafka_output.state(self), "idempotently") != NULL;
	}
	CHECK(told || !taken || r->lost == 1);
	while (taken && r->lost == 0 && time_monotonic() < end)
		kafka_output.poll(self, 20);
	CHECK_UINT(r->lost, taken ? 1 : 0);
	end = time_monotonic() + 20 * NS_PER_S;
	while (kafka_output.send(self, &msg, 1) != CC_OK && time_monotonic() < end)
		kafka_output.poll(self, 20);
	poll_until(self, &r->ok, 1, 20);
	CHECK_UINT(r->ok, 1);
	kafka_output.close(self);
	conf_free(conf);
	free(r);
	end_cluster(mock);
}

/* No broker: nothing waits longer than asked, the state says what is missing, all is given back at the end. */
TEST(nobody_there)
{
	struct conf *conf = open_conf();
	struct reports *r = calloc(1, sizeof(*r));
	void *self = NULL;
	char *why = NULL;
	struct cc_message msg = message(1);
	uint64_t begin;

	log_open("test", LOG_LEVEL_ERROR);
	CHECK(kafka_output.open(conf, "127.0.0.1:1", report, r, &self, &why) == CC_OK);
	CHECK(kafka_output.send(self, &msg, 1) == CC_OK);
	begin = time_monotonic();
	for (int i = 0; i < 50; i++)
		kafka_output.poll(self, 20);
	CHECK(time_monotonic() - begin < 2 * NS_PER_S);
	CHECK(strstr(kafka_output.state(self), "127.0.0.1:1") != NULL);
	CHECK_UINT(kafka_output.pending(self), 1);
	begin = time_monotonic();
	kafka_output.close(self);
	CHECK(time_monotonic() - begin < 5 * NS_PER_S);
	CHECK_UINT(r->lost, 1);
	conf_free(conf);
	free(r);
}

TEST(settings)
{
	static const struct {
		const char *set, *says;
	} cases[] = {
	    {"kafka.no.such.setting=1", "kafka.no.such.setting"},
	    {"kafka.acks=perhaps", "kafka.acks"},
	    {"kafka.compression.codec=zip", "kafka.compression.codec"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *conf = open_conf();
		void *self = NULL;
		char *why = NULL;

		CHECK(conf_set(conf, cases[i].set, &why) == CC_OK);
		CHECK(kafka_output.open(conf, "127.0.0.1:1", report, NULL, &self, &why) == CC_BAD);
		CHECK(why != NULL && strstr(why, cases[i].says) != NULL);
		free(why);
		conf_free(conf);
	}
}

/* What would let others listen in or step in wants a word of its own. */
TEST(secured_by_default)
{
	static const char *const sets[] = {"kafka.security.protocol=plaintext",
	    "kafka.security.protocol=SASL_PLAINTEXT", "kafka.enable.ssl.certificate.verification=false",
	    "kafka.ssl.endpoint.identification.algorithm=none", "kafka.ssl.key.location=/nowhere/at/all",
	    "kafka.ssl.ca.location=/dev/null"};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct conf *conf = conf_new();
		void *self = NULL;
		char *why = NULL;

		CHECK(conf_set(conf, sets[i], &why) == CC_OK);
		CHECK(kafka_output.open(conf, "127.0.0.1:1", report, NULL, &self, &why) == CC_BAD);
		CHECK(why != NULL && strstr(why, i < 4 ? "exchange.insecure" : "location: /") != NULL);
		free(why);
		conf_free(conf);
	}
}

TESTS(T(secured_by_default), T(delivers_by_lane), T(refused_is_not_dropped), T(fatal_makes_a_new_producer),
    T(nobody_there), T(settings))
