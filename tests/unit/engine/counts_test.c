/* All rooms' counters behind one index: every one has a name, no name stands twice. */
#include "base/base.h"
#include "engine/counts.h"
#include "engine/shared.h"
#include "unit/test.h"

TEST(names_are_there_and_distinct)
{
	struct map *seen = map_new(0);

	for (unsigned i = 0; i < COUNTS_ALL; i++) {
		const char *name = counts_name(i);

		CHECK(name != NULL && strchr(name, '.') != NULL);
		CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name));
		if (map_get(seen, slice_str(name)) != NULL)
			printf("twice: %s\n", name);
		CHECK(map_get(seen, slice_str(name)) == NULL);
		CHECK(map_put(seen, slice_str(name), (void *)(uintptr_t)1, NULL) == CC_OK);
	}
	map_free(seen, NULL);
}

TEST(workers_are_summed)
{
	struct conf *conf = conf_new();
	struct shared *shared = shared_new(conf, 3, true);
	uint64_t counts[COUNTS_ALL];

	for (unsigned w = 0; w < 3; w++) {
		shared->worker[w].count[0] = w + 1;
		CHECK(((uintptr_t)shared_ring(shared, w) & 63) == 0);
	}
	shared->courier_count[0] = 7;
	shared_counts(shared, counts);
	CHECK_UINT(counts[0], 6);
	CHECK_UINT(counts[AT_EXCHANGE], 7);
	shared_free(shared);
	conf_free(conf);
}

TEST(keys_keep_the_order_of_frames_and_ticks)
{
	for (uint64_t n = 1; n < 100; n++) {
		CHECK(key_tick(n) < key_frame(n));
		CHECK(key_frame(n) < key_tick(n + 1));
	}
	CHECK(key_frame(UINT64_MAX / 4) < KEY_END);
}

TESTS(T(names_are_there_and_distinct), T(workers_are_summed), T(keys_keep_the_order_of_frames_and_ticks))
