/* What was seen by hour, questions over it with coverage, what is let go, a broken file, and a million rows over 30
 * days. */
#include "exchange/exchange.h"

#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)
#define BEGIN (20000 * DAY) /* in October 2024 */

static char dir[64];
static struct conf *conf;
static struct store *store;
static struct store_seen seen;

static void
set(const char *assignment)
{
	char *why = NULL;

	CHECK(conf_set(conf, assignment, &why) == CC_OK);
	free(why);
}

static void
open_store(void)
{
	char *why = NULL;

	CHECK(store_open(conf, dir, true, &store, &why) == CC_OK);
	if (why != NULL)
		printf("%s\n", why);
	free(why);
}

static void
begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/store_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	conf = conf_new();
	open_store();
}

static void
end(void)
{
	char command[100];

	store_end(store);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static void
note(enum cc_kind kind, bool flow, const char *value, uint64_t first, uint64_t last, uint64_t count)
{
	store_note(store, &(struct store_note){.kind = kind, .flow = flow, .value = slice_str(value), .first = first,
	    .last = last, .count = count, .proof = CC_PROOF_DIALOGUE});
}

static enum cc_status
ask(enum cc_kind kind, const char *value, uint64_t from, uint64_t to)
{
	return store_seen(store, kind, slice_str(value), from, to, &seen);
}

TEST(by_hour)
{
	begin();
	note(CC_KIND_DOMAIN, false, "evil.example", BEGIN + HOUR, BEGIN + HOUR + 5, 2);
	note(CC_KIND_DOMAIN, false, "evil.example", BEGIN + HOUR + 7, BEGIN + HOUR + 9, 1);
	note(CC_KIND_DOMAIN, false, "a.b.evil.example", BEGIN + 30 * HOUR, BEGIN + 30 * HOUR, 1);
	note(CC_KIND_DOMAIN, false, "notevil.example", BEGIN + 30 * HOUR, BEGIN + 30 * HOUR, 1);
	note(CC_KIND_ADDR, false, "192.0.2.7", BEGIN, BEGIN, 1);
	note(CC_KIND_ADDR, true, "192.0.2.7", BEGIN, BEGIN + 9, 40);
	note(CC_KIND_ADDR, true, "192.0.3.1", BEGIN, BEGIN + 9, 50);
	CHECK(store_flush(store) == CC_OK);
	note(CC_KIND_DOMAIN, false, "Evil.Example.", BEGIN + HOUR + 11, BEGIN + HOUR + 12, 1);
	CHECK(store_flush(store) == CC_OK);

	CHECK(ask(CC_KIND_DOMAIN, "EVIL.example", BEGIN, BEGIN + DAY) == CC_OK);
	CHECK_UINT(seen.count, 4);
	CHECK_UINT(seen.hours, 1);
	CHECK_UINT(seen.first, BEGIN + HOUR);
	CHECK_UINT(seen.last, BEGIN + HOUR + 12);
	CHECK_UINT(seen.proof, CC_PROOF_DIALOGUE);
	CHECK(ask(CC_KIND_DOMAIN, "evil.example", 0, UINT64_MAX) ==
	      CC_OK); /* what is below it, too; not what ends alike */
	CHECK_UINT(seen.count, 5);
	CHECK_UINT(seen.hours, 2);
	CHECK_UINT(seen.hour[1].start, BEGIN + 30 * HOUR);
	CHECK(ask(CC_KIND_ADDR, "192.0.2.7", BEGIN, BEGIN + 1) == CC_OK);
	CHECK_UINT(seen.count, 1);
	CHECK_UINT(seen.flows, 40);
	CHECK_UINT(seen.hour[0].flows, 40);
	CHECK(ask(CC_KIND_ADDR, "192.0.2.0/23", BEGIN, BEGIN + 1) == CC_OK);
	CHECK_UINT(seen.flows, 90);
	CHECK(ask(CC_KIND_ADDR, "::/0", BEGIN, BEGIN + 1) == CC_OK);
	CHECK_UINT(seen.flows, 90);
	CHECK(ask(CC_KIND_ADDR, "192.0.2.8", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.count + seen.flows + seen.first, 0);
	CHECK(ask(CC_KIND_DOMAIN, "evil.example", BEGIN + HOUR + 13, BEGIN + 2 * HOUR) == CC_OK);
	CHECK_UINT(seen.count, 0);
	CHECK(ask(CC_KIND_ADDR, "no address", 0, 1) == CC_BAD);
	CHECK(ask(CC_KIND_DOMAIN, "", 0, 1) == CC_BAD);
	end();
}

TEST(coverage)
{
	begin();
	store_coverage(store, BEGIN, BEGIN + HOUR, 100, 1);
	store_coverage(store, BEGIN, BEGIN + 2 * HOUR, 200, 2); /* instead of it */
	store_coverage(store, BEGIN + HOUR, BEGIN + 3 * HOUR, 10, 0); /* overlaps */
	store_coverage(store, BEGIN + 9 * HOUR, BEGIN + 10 * HOUR, 5, 5);
	CHECK(store_flush(store) == CC_OK);
	CHECK(ask(CC_KIND_DOMAIN, "x.example", BEGIN + HOUR, BEGIN + 20 * HOUR) == CC_OK);
	CHECK_UINT(seen.looked, 3 * HOUR);
	CHECK_UINT(seen.looked_from, BEGIN + HOUR);
	CHECK_UINT(seen.looked_until, BEGIN + 10 * HOUR);
	CHECK_UINT(seen.packets, 215);
	CHECK_UINT(seen.lost, 7);
	CHECK(store_looked(store, BEGIN + HOUR, BEGIN + 20 * HOUR, &seen) == CC_OK); /* anew, not on top of it */
	CHECK_UINT(seen.packets, 215);
	CHECK_UINT(seen.looked, 3 * HOUR);
	CHECK(ask(CC_KIND_DOMAIN, "x.example", BEGIN + 4 * HOUR, BEGIN + 5 * HOUR) == CC_OK);
	CHECK_UINT(seen.looked, 0);
	end();
}

TEST(restart_and_old_days)
{
	begin();
	for (unsigned day = 0; day < 5; day++)
		note(CC_KIND_JA3, false, "e7d705a3286e19ea42f587b344ee6865", BEGIN + day * DAY, BEGIN + day * DAY, 1);
	store_coverage(store, BEGIN, BEGIN + HOUR, 1, 0);
	store_coverage(store, BEGIN + 4 * DAY, BEGIN + 4 * DAY + HOUR, 1, 0);
	store_end(store); /* writes */
	set("store.days=2");
	open_store();
	CHECK(ask(CC_KIND_JA3, "E7D705A3286E19EA42F587B344EE6865", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.count, 5);
	CHECK(store_tick(store, BEGIN + 4 * DAY + HOUR) == CC_OK);
	CHECK(ask(CC_KIND_JA3, "e7d705a3286e19ea42f587b344ee6865", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.count, 3);
	CHECK_UINT(seen.looked_from, BEGIN + 4 * DAY); /* of days that were let go nothing is claimed */
	end();
}

TEST(bytes)
{
	char value[32];

	begin();
	set("store.max=1m");
	for (unsigned day = 0; day < 4; day++) {
		for (unsigned i = 0; i < 10000; i++) {
			snprintf(value, sizeof(value), "10.%u.%u.%u", day, i / 256, i % 256);
			note(CC_KIND_ADDR, true, value, BEGIN + day * DAY, BEGIN + day * DAY, 1);
		}
	}
	CHECK(store_tick(store, BEGIN + 4 * DAY) == CC_OK);
	CHECK(ask(CC_KIND_ADDR, "10.0.0.1", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.flows, 0);
	CHECK(ask(CC_KIND_ADDR, "10.3.0.1", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.flows, 1);
	end();
}

TEST(broken_file)
{
	char path[128];
	FILE *file;

	begin();
	store_end(store);
	snprintf(path, sizeof(path), "%s/store.sqlite", dir);
	file = fopen(path, "w");
	for (int i = 0; i < 5000; i++)
		fputs("no database ", file);
	fclose(file);
	open_store();
	note(CC_KIND_URL, false, "http://x.example/", BEGIN, BEGIN, 1);
	CHECK(store_flush(store) == CC_OK);
	CHECK(ask(CC_KIND_URL, "http://x.example/", 0, UINT64_MAX) == CC_OK);
	CHECK_UINT(seen.count, 1);
	end();
}

/* STORE_ROWS in the environment: how many; the bound on time is for whoever runs it by hand. */
TEST(many_rows)
{
	const char *wish = getenv("STORE_ROWS");
	uint64_t rows = wish != NULL ? strtoull(wish, NULL, 10) : 600000, began = time_monotonic();
	char value[32];
	struct stat about;
	char path[128];

	begin();
	for (uint64_t i = 0; i < rows; i++) {
		uint64_t n = i * 2654435761u, when = BEGIN + i * 30 / rows * DAY + n % 24 * HOUR;

		snprintf(value, sizeof(value), "%u.%u.%u.%u", 11 + (unsigned)(n >> 24 & 63), (unsigned)(n >> 16 & 255),
		    (unsigned)(n >> 8 & 255), (unsigned)(n & 255));
		note(CC_KIND_ADDR, true, value, when, when, 1);
		if (i % 100000 == 99999)
			CHECK(store_flush(store) == CC_OK);
	}
	note(CC_KIND_ADDR, true, "99.1.2.3", BEGIN + 3 * DAY, BEGIN + 3 * DAY, 7);
	CHECK(store_flush(store) == CC_OK);
	CHECK_UINT(store_lost(store), 0);
	printf("many_rows: %llu rows written in %.1f s", (unsigned long long)rows,
	    (double)(time_monotonic() - began) / 1e9);
	store_end(store);
	open_store();
	snprintf(path, sizeof(path), "%s/store.sqlite", dir);
	CHECK(stat(path, &about) == 0);
	began = time_monotonic();
	CHECK(ask(CC_KIND_ADDR, "99.1.2.3", BEGIN, BEGIN + 30 * DAY) == CC_OK);
	CHECK_UINT(seen.flows, 7);
	printf(", %lld MiB; one address %.2f ms", (long long)(about.st_size >> 20),
	    (double)(time_monotonic() - began) / 1e6);
	began = time_monotonic();
	CHECK(ask(CC_KIND_ADDR, "20.7.0.0/16", BEGIN, BEGIN + 30 * DAY) == CC_OK);
	printf(", a /16 with %llu flows %.2f ms", (unsigned long long)seen.flows,
	    (double)(time_monotonic() - began) / 1e6);
	began = time_monotonic();
	CHECK(ask(CC_KIND_ADDR, "0.0.0.0/0", BEGIN, BEGIN + 30 * DAY) == CC_OK);
	CHECK(seen.flows > 7 && (seen.cut || rows < 500000));
	printf(", all of them %.2f ms\n", (double)(time_monotonic() - began) / 1e6);
	end();
}

TESTS(T(by_hour), T(coverage), T(restart_and_old_days), T(bytes), T(broken_file), T(many_rows))
