/* The ways out: a main one that is away, a fall-back that is there, and one that gives back what it holds. */
#include "exchange/channels_own.h"

#include <unistd.h>

#include "unit/test.h"

static char dir[64];

static const struct conf *
conf_of(struct conf *conf, const char *to, const char *fallback)
{
	char set[200], *why = NULL;

	snprintf(set, sizeof(set), "exchange.to=%s", to);
	CHECK(conf_set(conf, set, &why) == CC_OK);
	snprintf(set, sizeof(set), "exchange.fallback=%s", fallback);
	CHECK(conf_set(conf, set, &why) == CC_OK);
	CHECK(conf_set(conf, "exchange.insecure=yes", &why) == CC_OK);
	CHECK(conf_set(conf, "exchange.fallback_after=200ms", &why) == CC_OK);
	CHECK(conf_set(conf, "spool.fsync=never", &why) == CC_OK);
	return conf;
}

struct reports {
	unsigned good, back;
	uint64_t last;
};

static void
report(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct reports *r = ctx;

	if (status == CC_OK)
		r->good++;
	else
		r->back++;
	r->last = ticket;
}

static struct cc_message
message(unsigned n)
{
	static char id[32];
	struct cc_message msg = {
	    .topic = slice_str("concert.indicators"), .key = slice_str("k"), .value = slice_str("{}")};

	snprintf(id, sizeof(id), "id-%u", n);
	msg.header[msg.header_count++] = (struct cc_header){"ce_id", slice_str(id)};
	return msg;
}

TEST(away)
{
	struct conf *conf = conf_new();
	struct reports r = {0, 0, 0};
	struct channels *ways = NULL;
	struct channels_figures figures;
	char fallback[100], *why = NULL;
	struct cc_message msg = message(1);

	snprintf(dir, sizeof(dir), "/tmp/channels_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(fallback, sizeof(fallback), "file:%s/second", dir);
	conf_of(conf, "kafka:127.0.0.1:1", fallback);
	CHECK(channels_open(conf, dir, report, &r, &ways, &why) == CC_OK);
	/* Nobody waits for it: away, and no reason to leave it. */
	for (unsigned i = 0; i < 30; i++)
		channels_poll(ways, 10);
	channels_figures(ways, &figures);
	CHECK(figures.two && !figures.fallback && figures.since == 0);
	CHECK(channels_send(ways, &msg, 1) == CC_OK);
	CHECK_UINT(channels_pending(ways), 1);
	for (unsigned i = 0; i < 500 && !figures.fallback; i++) {
		channels_poll(ways, 10);
		channels_figures(ways, &figures);
	}
	CHECK(figures.fallback && figures.since != 0 && figures.changes == 1);
	CHECK_UINT(r.back, 1);
	CHECK_UINT(channels_pending(ways), 0);
	/* What comes now goes by the fall-back; the copy that waits for the main one is nobody's. */
	for (unsigned i = 1; i <= 3; i++) {
		msg = message(i);
		while (channels_send(ways, &msg, i) != CC_OK)
			channels_poll(ways, 10);
	}
	for (unsigned i = 0; i < 100 && r.good < 3; i++)
		channels_poll(ways, 10);
	CHECK_UINT(r.good, 3);
	CHECK_UINT(channels_pending(ways), 0);
	channels_figures(ways, &figures);
	CHECK(figures.fallback && figures.by_fallback == 3);
	CHECK(strstr(channels_state(ways), "by exchange.fallback") != NULL);
	channels_close(ways);
	CHECK_UINT(r.good, 3);
	CHECK_UINT(r.back, 1);
	conf_free(conf);
}

/* A reader of exchange.to has what lies at the fall-back, and is told which is which. */
TEST(readers)
{
	struct conf *conf = conf_new();
	struct reader *reader = NULL;
	struct cc_message msg;
	const char *trouble;
	char to[100], fallback[100], *why = NULL;
	unsigned here = 0, there = 0;

	snprintf(to, sizeof(to), "file:%s/first", dir);
	snprintf(fallback, sizeof(fallback), "file:%s/second", dir);
	conf_of(conf, to, "");
	for (unsigned i = 0; i < 2; i++) {
		struct reports r = {0, 0, 0};
		struct channels *ways = NULL;

		msg = message(10 + i);
		CHECK(channels_open(conf, dir, report, &r, &ways, &why) == CC_OK);
		CHECK(channels_send(ways, &msg, 1) == CC_OK);
		channels_poll(ways, 10);
		CHECK_UINT(r.good, 1);
		channels_close(ways);
	}
	conf_of(conf, to, fallback);
	CHECK(reader_open(conf, to, NULL, 0, true, &reader, &why) == CC_OK);
	while (reader_next(reader, 50, &msg, &trouble) == CC_OK) {
		here += !msg.fallback;
		there += msg.fallback;
	}
	CHECK_UINT(here, 2);
	CHECK_UINT(there, 3);
	CHECK(reader_next(reader, 20, &msg, &trouble) == CC_END);
	reader_close(reader);
	conf_free(conf);
}

TEST(settings)
{
	struct conf *conf = conf_new(), over;
	char *why = NULL;

	CHECK(conf_set(conf, "kafka.linger.ms=7", &why) == CC_OK);
	CHECK(conf_set(conf, "kafka.ssl.ca.location=/one", &why) == CC_OK);
	CHECK(conf_set(conf, "exchange.fallback_kafka.ssl.ca.location=/two", &why) == CC_OK);
	CHECK(channels_fallback_conf(conf, &over) == CC_OK);
	CHECK_TEXT(conf_map_get(&over.kafka, "linger.ms"), "7");
	CHECK_TEXT(conf_map_get(&over.kafka, "ssl.ca.location"), "/two");
	CHECK_TEXT(conf_map_get(&conf->kafka, "ssl.ca.location"), "/one");
	CHECK_UINT(over.kafka.count, 2);
	channels_fallback_conf_free(&over);
	conf_free(conf);
}

TEST(clean_up)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

TESTS(T(away), T(readers), T(settings), T(clean_up))
