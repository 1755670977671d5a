/* The map against an array that is searched; the order of a walk; limits; removal while walking. */
#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/map.h"

#define KEYS 700

static struct slice
key_of(unsigned n, char text[16])
{
	/* Keys that begin alike, of different sizes, one of them empty. */
	int size = n == 0 ? 0 : snprintf(text, 16, "%0*u", (int)(n % 7) + 1, n);

	return slice_of(text, (size_t)size);
}

TEST(like_an_array)
{
	static int things[KEYS * 2];
	void *values[KEYS] = {NULL};
	struct map *map = map_new(0);
	uint64_t seed = 5;
	size_t count = 0;
	char text[16];

	for (int step = 0; step < 300000; step++) {
		unsigned n = (unsigned)rand_below(&seed, KEYS);
		struct slice key = key_of(n, text);
		void *value = &things[n * 2 + rand_below(&seed, 2)], *old = text;
		/* Now mostly growing, now mostly shrinking. */
		bool put = rand_below(&seed, 10) < (step / 5000 % 2 == 0 ? 7u : 2u);

		if (put) {
			CHECK(map_put(map, key, value, &old) == CC_OK && old == values[n]);
			count += values[n] == NULL;
			values[n] = value;
		} else {
			CHECK(map_remove(map, key) == values[n]);
			count -= values[n] != NULL;
			values[n] = NULL;
		}
		CHECK(map_count(map) == count);
		n = (unsigned)rand_below(&seed, KEYS);
		CHECK(map_get(map, key_of(n, text)) == values[n]);
	}
	for (unsigned n = 0; n < KEYS; n++)
		CHECK(map_get(map, key_of(n, text)) == values[n]);
	map_free(map, NULL);
}

TEST(in_order)
{
	struct map *map = map_new(0);
	static int things[5000];
	struct slice key;
	char text[16];
	size_t at = 0;
	void *value;
	int n = 0;

	CHECK(!map_next(map, &at, &key, &value));
	for (unsigned i = 0; i < 5000; i++)
		CHECK(map_put(map, slice_of(&i, sizeof(i)), &things[i], NULL) == CC_OK);
	CHECK(map_put(map, slice_of(&(unsigned){3}, sizeof(unsigned)), &things[3], NULL) == CC_OK);
	while (map_next(map, &at, &key, &value)) {
		unsigned is;

		memcpy(&is, key.p, sizeof(is));
		CHECK(key.size == sizeof(is) && is == (unsigned)n && value == &things[n]);
		n++;
	}
	CHECK_UINT(n, 5000);
	CHECK(map_get(map, key_of(7, text)) == NULL);
	map_free(map, NULL);
	map_free(NULL, NULL);
}

TEST(remove_while_walking)
{
	struct map *map = map_new(0);
	static int thing;
	struct slice key;
	size_t at = 0;
	void *value;
	int n = 0;

	for (unsigned i = 0; i < 1000; i++)
		CHECK(map_put(map, slice_of(&i, sizeof(i)), &thing, NULL) == CC_OK);
	while (map_next(map, &at, &key, &value)) {
		if (n++ % 3 != 0)
			CHECK(map_remove(map, key) == &thing);
	}
	CHECK_UINT(n, 1000);
	CHECK_UINT(map_count(map), 334);
	for (at = 0, n = 0; map_next(map, &at, &key, &value); n++) {
		unsigned is;

		memcpy(&is, key.p, sizeof(is));
		CHECK(is % 3 == 0);
		CHECK(map_remove(map, key) == &thing);
	}
	CHECK_UINT(map_count(map), 0);
	map_free(map, NULL);
}

TEST(limit_and_values)
{
	struct map *map = map_new(2);
	void *old = NULL, *mine = malloc(1);

	CHECK(map_put(map, slice_str("a"), malloc(1), NULL) == CC_OK);
	CHECK(map_put(map, slice_str("b"), malloc(1), NULL) == CC_OK);
	CHECK(map_put(map, slice_str("c"), mine, &old) == CC_FULL && old == NULL);
	CHECK(map_put(map, slice_str("a"), mine, &old) == CC_OK && old != NULL && old != mine);
	free(old);
	free(map_remove(map, slice_str("b")));
	CHECK(map_put(map, slice_of(NULL, 0), malloc(1), NULL) == CC_OK && map_get(map, slice_str("")) != NULL);
	map_free(map, free);
}

TESTS(T(like_an_array), T(in_order), T(remove_while_walking), T(limit_and_values))
