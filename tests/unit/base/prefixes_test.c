/* The longest match against a walk over a list. */
#include "base/prefixes.h"

#include "unit/base/rand.h"
#include "unit/test.h"

static struct cc_prefix
prefix_of(const char *text)
{
	struct cc_prefix prefix = {0};

	CHECK(cc_prefix_parse(text, &prefix) == CC_OK);
	return prefix;
}

static int64_t
find(const struct prefixes *prefixes, const char *text)
{
	struct cc_addr addr = {{0}};
	uint32_t word;

	CHECK(cc_addr_parse(text, &addr) == CC_OK);
	return prefixes_find(prefixes, &addr, &word) ? (int64_t)word : -1;
}

TEST(longest_wins)
{
	struct prefixes *prefixes = prefixes_new(5);
	const char *const text[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/33", "0.0.0.0/0"};
	struct cc_prefix prefix;

	for (unsigned i = 0; i < 5; i++) {
		prefix = prefix_of(text[i]);
		CHECK(prefixes_add(prefixes, &prefix, i) == CC_OK);
	}
	CHECK(find(prefixes, "10.1.2.3") == 2);
	CHECK(find(prefixes, "10.1.2.4") == 1);
	CHECK(find(prefixes, "10.2.0.0") == 0);
	CHECK(find(prefixes, "11.2.0.0") == 4);
	CHECK(find(prefixes, "2001:db8:7fff::1") == 3);
	CHECK(find(prefixes, "2001:db8:8000::1") == -1);
	prefix = prefix_of("10.1.99.99/16");
	CHECK(prefixes_add(prefixes, &prefix, 9) == CC_OK && find(prefixes, "10.1.2.4") == 9);
	prefix = prefix_of("10.3.0.0/16");
	CHECK(prefixes_add(prefixes, &prefix, 9) == CC_FULL);
	CHECK_UINT(prefixes_count(prefixes), 5);
	prefixes_free(prefixes);
}

TEST(like_a_walk)
{
	enum { COUNT = 400 };
	struct prefixes *prefixes = prefixes_new(COUNT);
	static struct cc_prefix list[COUNT];
	uint64_t state = 5;

	for (uint32_t i = 0; i < COUNT; i++) {
		uint8_t b[4] = {
		    10, (uint8_t)rand_below(&state, 4), (uint8_t)rand_below(&state, 4), (uint8_t)rand_next(&state)};

		list[i] = (struct cc_prefix){cc_addr4(b), (uint8_t)(96 + rand_below(&state, 33))};
		CHECK(prefixes_add(prefixes, &list[i], list[i].bits) == CC_OK);
	}
	for (unsigned n = 0; n < 20000; n++) {
		uint8_t b[4] = {
		    10, (uint8_t)rand_below(&state, 4), (uint8_t)rand_below(&state, 4), (uint8_t)rand_next(&state)};
		struct cc_addr addr = cc_addr4(b);
		uint32_t word = 0, longest = 0;
		bool has = false;

		for (unsigned i = 0; i < COUNT; i++) {
			if (cc_prefix_has(&list[i], &addr)) {
				has = true;
				longest = list[i].bits > longest ? list[i].bits : longest;
			}
		}
		CHECK(prefixes_find(prefixes, &addr, &word) == has && (!has || word == longest));
	}
	prefixes_free(prefixes);
}

TESTS(T(longest_wins), T(like_a_walk))
