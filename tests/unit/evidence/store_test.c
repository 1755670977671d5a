/* The ring of evidence on disk. */
#include "evidence/evidence.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

static char dir[64];

static struct conf *
conf_here(const char *max)
{
	struct conf *conf = conf_new();
	char text[64], *why = NULL;

	snprintf(dir, sizeof(dir), "/tmp/evidence_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	snprintf(text, sizeof(text), "evidence.max=%s", max);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	return conf;
}

static void
end(struct conf *conf)
{
	char command[100];

	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static struct evidence_store *
open_it(const struct conf *conf, bool writes)
{
	struct evidence_store *store = NULL;
	char *why = NULL;

	if (evidence_store_open(conf, dir, writes, &store, &why) != CC_OK)
		printf("%s\n", why);
	CHECK(store != NULL);
	return store;
}

static void
put(struct evidence_store *store, unsigned n, size_t size, uint8_t ret_sha256[32])
{
	static uint8_t bytes[1 << 20];

	memset(bytes, (int)n, size);
	memcpy(bytes, &n, sizeof(n));
	sha256_of(slice_of(bytes, size), ret_sha256);
	CHECK(evidence_store_put(store, ret_sha256, slice_of(bytes, size), n) == CC_OK);
}

static void
count(void *ctx, const struct evidence_entry *entry)
{
	unsigned *counts = ctx;

	counts[entry->state]++;
}

TEST(oldest_gives_way_and_is_remembered)
{
	struct conf *conf = conf_here("1m");
	struct evidence_store *store = open_it(conf, true);
	struct evidence_entry entry;
	unsigned counts[EVIDENCE_STATES] = {0};
	uint8_t sha256[8][32], never[32] = {1};
	struct slice bytes;

	for (unsigned n = 0; n < 8; n++)
		put(store, n, 300000, sha256[n]);
	CHECK_UINT(evidence_store_bytes(store), 900000);
	CHECK(evidence_store_find(store, sha256[0], &entry) == CC_OK && entry.state == EVIDENCE_OVERWRITTEN &&
	      entry.gone > 0);
	CHECK(evidence_store_read(store, sha256[0], &bytes) == CC_ABSENT);
	CHECK(evidence_store_find(store, never, &entry) == CC_ABSENT);
	CHECK(evidence_store_read(store, sha256[7], &bytes) == CC_OK && bytes.size == 300000);
	free((void *)(uintptr_t)bytes.p);
	CHECK(evidence_store_list(store, slice_of(NULL, 0), 100, count, counts) == CC_OK);
	CHECK_UINT(counts[EVIDENCE_KEPT], 3);
	CHECK_UINT(counts[EVIDENCE_OVERWRITTEN], 5);
	evidence_store_close(store);
	end(conf);
}

/* Another process asks, and throws away, while the writer goes on. */
TEST(two_at_a_time)
{
	struct conf *conf = conf_here("10m");
	struct evidence_store *store = open_it(conf, true), *other;
	struct evidence_entry entry;
	uint8_t one[32], two[32], three[32];
	unsigned counts[EVIDENCE_STATES] = {0};
	size_t gone;

	put(store, 1, 1000, one);
	CHECK(evidence_store_note(store, one, slice_str("domain:x.example")) == CC_OK);
	CHECK(evidence_store_note(store, one, slice_str("domain:later.example")) == CC_OK);
	CHECK(evidence_store_tick(store, time_now()) == CC_OK);
	CHECK(evidence_store_find(store, one, &entry) == CC_OK);
	other = open_it(conf, true);
	CHECK(evidence_store_list(other, slice_str("domain:x.example"), 10, count, counts) == CC_OK &&
	      counts[EVIDENCE_KEPT] == 1);
	CHECK(evidence_store_purge(other, one, 0, &gone) == CC_OK && gone == 1);
	CHECK(evidence_store_purge(other, one, 0, &gone) == CC_OK && gone == 0);
	put(store, 2, 1000, two);
	CHECK(evidence_store_tick(store, time_now() + 2 * NS_PER_S) == CC_OK);
	CHECK(evidence_store_find(other, one, &entry) == CC_OK && entry.state == EVIDENCE_PURGED);
	CHECK(evidence_store_find(other, two, &entry) == CC_OK && entry.state == EVIDENCE_KEPT);
	put(other, 3, 1000, three);
	evidence_store_close(other);
	CHECK(evidence_store_find(store, three, &entry) == CC_OK);
	evidence_store_close(store);
	end(conf);
}

/* The process died before the index was committed; or somebody changed a file. */
TEST(after_an_accident)
{
	struct conf *conf = conf_here("10m");
	struct evidence_store *store = open_it(conf, true);
	struct evidence_entry entry;
	struct slice bytes;
	uint8_t one[32], two[32], wrong[32] = {0};
	char path[200], hex[65];
	int fd;

	put(store, 1, 1000, one);
	put(store, 2, 1000, two);
	CHECK(evidence_store_put(store, wrong, slice_str("bytes"), 1) == CC_BAD);
	CHECK(evidence_store_tick(store, time_now()) == CC_OK);
	evidence_store_close(store);
	snprintf(path, sizeof(path), "rm %s/evidence/index.sqlite*", dir);
	CHECK(system(path) == 0);
	hex_text(slice_of(one, 32), hex);
	snprintf(path, sizeof(path), "%s/evidence/%.2s/%s.pcapng", dir, hex, hex);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 500) == 1);
	close(fd);
	store = open_it(conf, true);
	CHECK(evidence_store_find(store, one, &entry) == CC_OK && entry.state == EVIDENCE_KEPT);
	CHECK(evidence_store_read(store, one, &bytes) == CC_BAD);
	CHECK(evidence_store_find(store, one, &entry) == CC_OK && entry.state == EVIDENCE_DAMAGED);
	CHECK(evidence_store_read(store, two, &bytes) == CC_OK);
	free((void *)(uintptr_t)bytes.p);
	evidence_store_close(store);
	end(conf);
}

TESTS(T(oldest_gives_way_and_is_remembered), T(two_at_a_time), T(after_an_accident))
