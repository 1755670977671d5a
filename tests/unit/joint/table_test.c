/* The table by which nodes, values and texts are found, against a plain list: what is put is there, what is dropped is
 * not, whatever is beside it. */
#include "joint/joint_own.h"
#include "unit/test.h"

#define PLACES 20000

static uint64_t
draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static bool
is_there(const struct table *t, uint64_t hash, uint32_t place)
{
	uint32_t is;

	for (size_t at = table_home(t, hash); (is = table_next(t, hash, &at)) != NONE; at = table_after(t, at)) {
		if (is == place)
			return true;
	}
	return false;
}

static size_t
missing(const struct table *t, const uint64_t *hash, const bool *there)
{
	size_t wrong = 0;

	for (uint32_t i = 0; i < PLACES; i++)
		wrong += is_there(t, hash[i], i) != there[i];
	return wrong;
}

/* kept: bits of the hashes that differ. */
static void
put_and_drop(uint64_t kept, size_t rounds)
{
	static uint64_t hash[PLACES];
	static bool there[PLACES];
	struct table t = {NULL, 0, 0};
	uint64_t seed = 88172645463325252ull;
	size_t count = 0;

	memset(there, 0, sizeof(there));
	for (uint32_t i = 0; i < PLACES; i++)
		hash[i] = draw(&seed) | ~kept;
	CHECK(table_room(&t));
	for (size_t round = 0; round < rounds; round++) {
		/* It fills in even rounds, and empties in odd ones. */
		for (uint32_t i = 0; i < PLACES; i++) {
			bool wanted = draw(&seed) % 8 < (round % 2 == 0 ? 7 : 1);

			if (wanted == there[i])
				continue;
			there[i] = wanted;
			count += wanted ? 1 : (size_t)-1;
			if (!wanted)
				table_drop(&t, hash[i], i);
			else if (table_room(&t))
				table_put(&t, hash[i], i);
		}
		CHECK_UINT(t.count, count);
		CHECK(t.slots * 2 > t.count * 3 - 3);
		CHECK_UINT(missing(&t, hash, there), 0);
	}
	for (uint32_t i = 0; i < PLACES; i++) {
		if (there[i])
			table_drop(&t, hash[i], i);
	}
	CHECK_UINT(t.count, 0);
	for (size_t i = 0; i < t.slots; i++)
		CHECK((uint32_t)t.slot[i] == NONE);
	table_close(&t);
}

TEST(what_is_put_is_there)
{
	put_and_drop(UINT64_MAX, 6);
}

/* Runs that begin near the end, and go on at the front. */
TEST(what_falls_together_is_there)
{
	put_and_drop(0x001fffffffffffffull, 2);
}

/* Two of one first half are told apart by who looks. */
TEST(equal_halves_are_both_there)
{
	struct table t = {NULL, 0, 0};

	CHECK(table_open(&t, 100));
	table_put(&t, 0xabcdef0100000001ull, 7);
	table_put(&t, 0xabcdef0100000002ull, 8);
	table_put(&t, 0xabcdef0200000002ull, 9);
	CHECK(is_there(&t, 0xabcdef0100000000ull, 7) && is_there(&t, 0xabcdef0100000000ull, 8));
	CHECK(!is_there(&t, 0xabcdef0100000000ull, 9));
	table_drop(&t, 0xabcdef0100000000ull, 7);
	CHECK(!is_there(&t, 0xabcdef0100000000ull, 7) && is_there(&t, 0xabcdef0100000000ull, 8));
	CHECK(is_there(&t, 0xabcdef0200000000ull, 9));
	table_close(&t);
}

TESTS(T(what_is_put_is_there), T(what_falls_together_is_there), T(equal_halves_are_both_there))
