/* Members of a group that help each other, over librdkafka's mock cluster: who has nothing to do reads what another
 * does not come to, and nothing is left out. */
#include "exchange/exchange.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

#include "unit/test.h"

#define PARTITIONS 4
#define EACH 5000
#define ALL (PARTITIONS * EACH)
#define EVERY (100 * NS_PER_MS)

static bool seen[ALL];
static unsigned distinct;

struct member {
	struct reader *reader;
	struct reader_resume resume;
	struct reader_position position[PARTITIONS];
	char place[PARTITIONS][READER_PLACE];
	unsigned read;
	uint64_t told;
};

static bool
nothing_kept(void *ctx, const char *place, uint64_t *ret_next)
{
	(void)ctx;
	(void)place;
	(void)ret_next;
	return false;
}

static void
open_member(struct member *m, const struct conf *conf, const char *from)
{
	static const char *const topics[] = {"indicators"};
	char *why = NULL;

	*m = (struct member){.resume = {nothing_kept, NULL, "group", EVERY}};
	for (unsigned i = 0; i < PARTITIONS; i++)
		m->position[i].place = m->place[i];
	CHECK(reader_open_at(conf, from, topics, 1, &m->resume, &m->reader, &why) == CC_OK);
	reader_helps(m->reader, true, false);
}

/* So many messages at most, then what it tells the group. */
static void
pump(struct member *m, unsigned most, int ms)
{
	struct cc_message msg;
	const char *why;

	for (unsigned i = 0; i < most && reader_next(m->reader, ms, &msg, &why) == CC_OK; i++) {
		char place[READER_PLACE], text[16] = "";
		uint64_t next;
		unsigned n, p;

		memcpy(text, msg.value.p, msg.value.size < 15 ? msg.value.size : 15);
		n = (unsigned)strtoul(text, NULL, 10);
		CHECK(n < ALL);
		distinct += !seen[n % ALL];
		seen[n % ALL] = true;
		m->read++;
		reader_where(m->reader, place, &next);
		p = (unsigned)atoi(strchr(place, '/') + 1) % PARTITIONS;
		snprintf(m->place[p], READER_PLACE, "%s", place);
		m->position[p].next = next;
		m->position[p].changed = true;
		ms = 0;
	}
	if (time_monotonic() - m->told < EVERY)
		return;
	m->told = time_monotonic();
	reader_commit(m->reader, m->position, PARTITIONS);
	for (unsigned i = 0; i < PARTITIONS; i++)
		m->position[i].changed = false;
}

static void
fill(rd_kafka_t *rk)
{
	for (unsigned n = 0; n < ALL; n++) {
		char text[16];
		int size = snprintf(text, sizeof(text), "%u", n);

		while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("concert.indicators"),
			   RD_KAFKA_V_PARTITION((int)(n % PARTITIONS)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			   RD_KAFKA_V_VALUE(text, (size_t)size), RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
			rd_kafka_poll(rk, 10);
	}
	CHECK(rd_kafka_flush(rk, 30000) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST(who_has_time_reads_for_others)
{
	char text[256];
	rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text)), *producer;
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(owner, 1);
	rd_kafka_conf_t *rconf = rd_kafka_conf_new();
	struct conf *conf = conf_new();
	struct member quick, slow;
	char *why = NULL;
	uint64_t until;

	rd_kafka_mock_topic_create(mock, "concert.indicators", PARTITIONS, 1);
	rd_kafka_conf_set(rconf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), text, sizeof(text));
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	CHECK(conf_set(conf, "exchange.insecure=yes", &why) == CC_OK);
	snprintf(text, sizeof(text), "kafka:%s", rd_kafka_mock_cluster_bootstraps(mock));
	open_member(&quick, conf, text);
	open_member(&slow, conf, text);
	until = time_monotonic() + 60 * NS_PER_S;
	while (!(reader_reached(quick.reader) && reader_reached(slow.reader)) && time_monotonic() < until) {
		pump(&quick, 1, 20);
		pump(&slow, 1, 20);
	}
	fill(producer);
	/* One of the slow one's partitions may be what it is at; the other is not, but for what it had read of that
	 * before. */
	until = time_monotonic() + 60 * NS_PER_S;
	while (quick.read + slow.read < 3 * EACH && time_monotonic() < until) {
		pump(&quick, 500, 5);
		pump(&slow, 1, 0);
	}
	CHECK(quick.read + slow.read >= 3 * EACH);
	CHECK(slow.read < EACH);
	for (until = time_monotonic() + 60 * NS_PER_S; distinct < ALL && time_monotonic() < until;) {
		pump(&quick, 500, 5);
		pump(&slow, 500, 5);
	}
	CHECK_UINT(distinct, ALL);
	reader_close(quick.reader);
	reader_close(slow.reader);
	rd_kafka_destroy(producer);
	conf_free(conf);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(owner);
}

TESTS(T(who_has_time_reads_for_others))
