/* Repeats: the first at once, one update a window, whatever the load. */
#include "indicate/indicate.h"

#include "unit/test.h"

struct seen {
	unsigned first, updates;
	uint64_t sum, last_count;
	char order[4096];
};

static void
pass(void *ctx, const struct cc_record *rec, bool update)
{
	struct seen *seen = ctx;

	if (update)
		seen->updates++;
	else
		seen->first++;
	seen->sum += update ? rec->count - 1 : rec->count;
	seen->last_count = rec->count;
	if (strlen(seen->order) < sizeof(seen->order) - 64)
		sprintf(seen->order + strlen(seen->order), "%.*s%s ", (int)rec->value.size, (const char *)rec->value.p,
		    update ? "+" : "");
}

static struct cc_record
record(const char *value, uint64_t second)
{
	struct cc_record rec = {.kind = CC_KIND_DOMAIN, .value = slice_str(value), .detector = CC_BY_SIGNATURE,
	    .severity = 3,
	    .first = second * NS_PER_S, .last = second * NS_PER_S, .count = 1, .sid = 1};

	return rec;
}

static struct aggregate *
make(const char *max, struct seen *seen, struct conf **ret_conf)
{
	char *why = NULL;

	*ret_conf = conf_new();
	CHECK(conf_set(*ret_conf, "indicate.window=60s", &why) == CC_OK);
	if (max != NULL)
		CHECK(conf_set(*ret_conf, max, &why) == CC_OK);
	return aggregate_new(*ret_conf, pass, seen);
}

TEST(windows)
{
	struct seen seen = {0};
	struct conf *conf;
	struct aggregate *aggregate = make(NULL, &seen, &conf);
	struct cc_record rec;

	for (uint64_t second = 0; second < 50; second += 10) {
		rec = record("a.example", 1000 + second);
		aggregate_add(aggregate, &rec);
	}
	rec = record("b.example", 1030);
	aggregate_add(aggregate, &rec);
	CHECK_TEXT(seen.order, "a.example b.example ");
	CHECK_UINT(aggregate_repeats(aggregate), 4);
	aggregate_tick(aggregate, 1059 * NS_PER_S);
	CHECK_UINT(seen.updates, 0);
	aggregate_tick(aggregate, 1060 * NS_PER_S);
	CHECK_TEXT(seen.order, "a.example b.example a.example+ ");
	CHECK_UINT(seen.last_count, 5);
	/* b was seen once: no update.  A new sight of a is a first one again. */
	rec = record("a.example", 1100);
	aggregate_add(aggregate, &rec);
	CHECK_TEXT(seen.order, "a.example b.example a.example+ a.example ");
	aggregate_flush(aggregate);
	CHECK_UINT(seen.updates, 1);
	aggregate_free(aggregate);
	conf_free(conf);
}

/* Nothing is lost when there are more than indicate.max. */
TEST(bounded)
{
	struct seen seen = {0};
	struct conf *conf;
	struct aggregate *aggregate = make("indicate.max=64", &seen, &conf);
	char value[32];

	for (unsigned i = 0; i < 10000; i++) {
		struct cc_record rec;

		snprintf(value, sizeof(value), "h%u.example", i * 7919 % 100);
		rec = record(value, 1000);
		aggregate_add(aggregate, &rec);
	}
	aggregate_flush(aggregate);
	CHECK_UINT(seen.sum, 10000);
	CHECK(aggregate_early(aggregate) > 0);
	aggregate_free(aggregate);
	conf_free(conf);
}

static enum cc_tlp last_tlp;

static void
note_tlp(void *ctx, const struct cc_record *rec, bool update)
{
	(void)ctx;
	(void)update;
	last_tlp = rec->tlp;
}

/* The sum is marked as the strictest of what it sums. */
TEST(strictest_marking_wins)
{
	struct conf *conf = conf_new();
	struct aggregate *aggregate = aggregate_new(conf, note_tlp, NULL);
	struct cc_record rec = record("a.example", 1000);

	aggregate_add(aggregate, &rec);
	CHECK_UINT(last_tlp, CC_TLP_CLEAR);
	rec.tlp = CC_TLP_RED;
	aggregate_add(aggregate, &rec);
	aggregate_flush(aggregate);
	CHECK_UINT(last_tlp, CC_TLP_RED);
	aggregate_free(aggregate);
	conf_free(conf);
}

TESTS(T(windows), T(bounded), T(strictest_marking_wins))
