/* Repeats: the first at once, one update a window, whatever the load. */
#include "indicate/indicate.h"

#include "unit/test.h"

struct seen {
	unsigned first, updates;
	uint64_t sum, last_count, period;
	unsigned jitter;
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
	seen->period = rec->period;
	seen->jitter = rec->jitter;
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

/* Two couriers one after the other pass what one would have passed, wherever the first one died. */
TEST(goes_on_after_a_death)
{
	for (unsigned dies = 1; dies < 400; dies += 7) {
		struct seen one = {0}, two = {0};
		struct conf *conf, *same;
		struct aggregate *whole = make("indicate.max=64", &one, &conf);
		struct aggregate *part = make("indicate.max=64", &two, &same);
		struct buf journal;
		char value[32];

		buf_open(&journal, 1u << 24);
		for (unsigned i = 0; i < 400; i++) {
			struct cc_record rec;

			snprintf(value, sizeof(value), "%u.example", i * 7 % 90 % (1 + i / 9));
			rec = record(value, 1000 + i / 3);
			aggregate_add(whole, &rec);
			if (i % 5 == 0 || i == dies) {
				size_t before = journal.size;

				/* All there is stands for what was before it. */
				if (aggregate_changes(part, i % 50 == 0, &journal) && before > 0) {
					memmove(journal.p, journal.p + before, journal.size - before);
					journal.size -= before;
				}
			}
			if (i == dies) {
				aggregate_free(part);
				part = aggregate_new(same, pass, &two);
				aggregate_restore(part, buf_slice(&journal));
			}
			aggregate_add(part, &rec);
		}
		aggregate_flush(whole);
		aggregate_flush(part);
		CHECK_UINT(two.first, one.first);
		CHECK_UINT(two.updates, one.updates);
		CHECK_UINT(two.sum, one.sum);
		CHECK(strcmp(one.order, two.order) == 0);
		aggregate_free(whole);
		aggregate_free(part);
		conf_free(conf);
		conf_free(same);
		buf_close(&journal);
	}
}

/* The median: a beacon that was lost changes nothing, one that comes at random has a large jitter, five say nothing. */
TEST(period_of_repeats)
{
	static const struct {
		unsigned count, lost, wobble;
		uint64_t period;
		unsigned jitter_least, jitter_most;
	} run[] = {{12, 20, 0, 4000, 0, 0}, {12, 5, 0, 4000, 0, 0}, {12, 20, 1, 4000, 50, 100}, {5, 20, 0, 0, 0, 0},
	    {100, 20, 0, 500, 0, 0}};

	for (size_t r = 0; r < sizeof(run) / sizeof(run[0]); r++) {
		struct seen seen = {0};
		struct conf *conf, *conf_after;
		struct aggregate *aggregate = make(NULL, &seen, &conf), *after = make(NULL, &seen, &conf_after);
		struct buf changes;
		uint64_t ms = 1000000;

		buf_open(&changes, 1u << 20);
		for (unsigned i = 0; i < run[r].count; i++) {
			struct cc_record rec = record("a.example", 0);

			rec.first = rec.last = ms * (NS_PER_S / 1000);
			ms += (run[r].count == 100 ? 500 : 4000) + (run[r].wobble ? (i * 7 % 5) * 300 - 600 : 0);
			if (i == run[r].lost)
				continue;
			/* What was counted goes on after a death. */
			aggregate_add(aggregate, &rec);
			if (i == 7) {
				(void)aggregate_changes(aggregate, true, &changes);
				aggregate_restore(after, buf_slice(&changes));
				aggregate_free(aggregate);
				aggregate = after;
				after = NULL;
			}
		}
		aggregate_flush(aggregate);
		CHECK(seen.updates == 1);
		CHECK(seen.period / (NS_PER_S / 1000) == run[r].period);
		CHECK(seen.jitter >= run[r].jitter_least && seen.jitter <= run[r].jitter_most);
		aggregate_free(aggregate);
		aggregate_free(after);
		conf_free(conf);
		conf_free(conf_after);
		buf_close(&changes);
	}
}

TEST(hostile_changes)
{
	struct seen seen = {0};
	struct conf *conf;
	struct aggregate *aggregate = make(NULL, &seen, &conf), *other;
	struct cc_record rec;
	struct buf journal;

	buf_open(&journal, 1u << 20);
	for (unsigned i = 0; i < 6; i++) {
		rec = record(i % 2 == 0 ? "a.example" : "b.example", 1000 + i * 25);
		aggregate_add(aggregate, &rec);
		(void)aggregate_changes(aggregate, false, &journal);
	}
	for (size_t cut = 0; cut < journal.size; cut++) {
		other = aggregate_new(conf, pass, &seen);
		aggregate_restore(other, slice_of(journal.p, cut));
		aggregate_free(other);
		other = aggregate_new(conf, pass, &seen);
		journal.p[cut] ^= 0xff;
		aggregate_restore(other, buf_slice(&journal));
		journal.p[cut] ^= 0xff;
		aggregate_flush(other);
		aggregate_free(other);
	}
	aggregate_free(aggregate);
	conf_free(conf);
	buf_close(&journal);
}

TESTS(T(windows), T(bounded), T(strictest_marking_wins), T(goes_on_after_a_death), T(period_of_repeats),
    T(hostile_changes))
