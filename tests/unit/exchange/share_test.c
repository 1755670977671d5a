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
	reader_helps(m->reader, true);
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

/* Two members of a group on a broker of this process, and what fills it. */
struct group {
	rd_kafka_t *owner, *producer;
	rd_kafka_mock_cluster_t *mock;
	struct conf *conf;
	struct member quick, slow;
};

static void
open_group(struct group *g)
{
	char text[256], *why = NULL;
	rd_kafka_conf_t *rconf = rd_kafka_conf_new();
	uint64_t until = time_monotonic() + 60 * NS_PER_S;

	memset(seen, 0, sizeof(seen));
	distinct = 0;
	g->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	g->mock = rd_kafka_mock_cluster_new(g->owner, 1);
	g->conf = conf_new();
	rd_kafka_mock_topic_create(g->mock, "concert.indicators", PARTITIONS, 1);
	rd_kafka_conf_set(rconf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(g->mock), text, sizeof(text));
	g->producer = rd_kafka_new(RD_KAFKA_PRODUCER, rconf, text, sizeof(text));
	CHECK(conf_set(g->conf, "exchange.insecure=yes", &why) == CC_OK);
	snprintf(text, sizeof(text), "kafka:%s", rd_kafka_mock_cluster_bootstraps(g->mock));
	open_member(&g->quick, g->conf, text);
	open_member(&g->slow, g->conf, text);
	while (!(reader_reached(g->quick.reader) && reader_reached(g->slow.reader)) && time_monotonic() < until) {
		pump(&g->quick, 1, 20);
		pump(&g->slow, 1, 20);
	}
}

static void
close_group(struct group *g)
{
	uint64_t until = time_monotonic() + 60 * NS_PER_S;

	while (distinct < ALL && time_monotonic() < until) {
		pump(&g->quick, 500, 5);
		pump(&g->slow, 500, 5);
	}
	CHECK_UINT(distinct, ALL);
	reader_close(g->quick.reader);
	reader_close(g->slow.reader);
	rd_kafka_destroy(g->producer);
	conf_free(g->conf);
	rd_kafka_mock_cluster_destroy(g->mock);
	rd_kafka_destroy(g->owner);
}

TEST(who_has_time_reads_for_others)
{
	struct group g;
	uint64_t until;

	open_group(&g);
	fill(g.producer);
	/* One of the slow one's partitions may be what it is at; the other is not, but for what it had read of that
	 * before. */
	until = time_monotonic() + 60 * NS_PER_S;
	while (g.quick.read + g.slow.read < 3 * EACH && time_monotonic() < until) {
		pump(&g.quick, 500, 5);
		pump(&g.slow, 1, 0);
	}
	CHECK(g.quick.read + g.slow.read >= 3 * EACH);
	CHECK(g.slow.read < EACH);
	close_group(&g);
}

#define OFFSET_FETCH 9

/* Nobody says how far the group is: each reads what it was given, and helps once that is said again. */
TEST(a_group_that_does_not_answer)
{
	rd_kafka_resp_err_t refused[500];
	struct group g;
	uint64_t until;

	for (unsigned i = 0; i < 500; i++)
		refused[i] = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
	open_group(&g);
	rd_kafka_mock_push_request_errors_array(g.mock, OFFSET_FETCH, 500, refused);
	fill(g.producer);
	until = time_monotonic() + 60 * NS_PER_S;
	while (g.quick.read < 2 * EACH && time_monotonic() < until) {
		pump(&g.quick, 500, 5);
		pump(&g.slow, 1, 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		pump(&g.quick, 500, 5);
		pump(&g.slow, 1, 0);
	}
	CHECK_UINT(g.quick.read, 2 * EACH);
	rd_kafka_mock_clear_request_errors(g.mock, OFFSET_FETCH);
	for (until = time_monotonic() + 60 * NS_PER_S; g.quick.read <= 2 * EACH && time_monotonic() < until;) {
		pump(&g.quick, 500, 5);
		pump(&g.slow, 1, 0);
	}
	CHECK(g.quick.read > 2 * EACH);
	close_group(&g);
}

/* Together they have less than what comes of it keeps him busy. */
TEST(who_has_more_to_do_leaves_it_to_others)
{
	struct group g;
	uint64_t until;

	open_group(&g);
	reader_helps(g.slow.reader, false);
	fill(g.producer);
	for (until = time_monotonic() + 60 * NS_PER_S; distinct < ALL && time_monotonic() < until;) {
		pump(&g.quick, 500, 5);
		pump(&g.slow, 5, 0);
	}
	CHECK(g.slow.read < EACH);
	close_group(&g);
}

/* The other is there and does nothing. */
TEST(what_nobody_takes_is_read_after_all)
{
	struct group g;
	uint64_t until;

	open_group(&g);
	reader_helps(g.slow.reader, false);
	fill(g.producer);
	for (until = time_monotonic() + 60 * NS_PER_S; g.slow.read < 2 * EACH && time_monotonic() < until;)
		pump(&g.slow, 500, 5);
	CHECK_UINT(g.slow.read, 2 * EACH);
	CHECK_UINT(g.quick.read, 0);
	close_group(&g);
}

/* The other is there, reads on and on, and never comes to its end. */
TEST(what_nobody_has_time_for_is_read_after_all)
{
	struct group g;
	uint64_t until;

	open_group(&g);
	reader_helps(g.slow.reader, false);
	fill(g.producer);
	until = time_monotonic() + 60 * NS_PER_S;
	for (unsigned i = 0; g.slow.read < 2 * EACH && time_monotonic() < until; i++) {
		pump(&g.slow, 500, 5);
		pump(&g.quick, i % 20 == 0, 0);
	}
	CHECK_UINT(g.slow.read, 2 * EACH);
	CHECK(g.quick.read < EACH);
	close_group(&g);
}

TESTS(T(who_has_time_reads_for_others), T(a_group_that_does_not_answer), T(who_has_more_to_do_leaves_it_to_others),
    T(what_nobody_takes_is_read_after_all), T(what_nobody_has_time_for_is_read_after_all))
