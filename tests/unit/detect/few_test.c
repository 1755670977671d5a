/* A few patterns looked for together, against each looked for alone: random patterns and bytes, borders of blocks. */
#include "detect/own.h"

#include "unit/test.h"

static uint64_t seed = 88172645463325252ull;

static unsigned
pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

struct want {
	uint8_t bytes[FEW_BYTES];
	size_t size;
	bool nocase;
};

static uint8_t
any_byte(unsigned kinds)
{
	static const char letters[] = "aAbBzZ{[@`0";

	return kinds == 256 ? (uint8_t)pick(256) : kinds == 2 ? (uint8_t)(pick(2) * 255) : (uint8_t)letters[pick(11)];
}

static bool
lies_in(const struct want *want, const uint8_t *p, size_t size)
{
	for (size_t at = 0; at + want->size <= size; at++) {
		size_t i = 0;

		for (; i < want->size; i++) {
			uint8_t c = p[at + i];

			if (want->nocase && c >= 'A' && c <= 'Z')
				c = (uint8_t)(c + 32);
			if (c != want->bytes[i])
				break;
		}
		if (i == want->size)
			return true;
	}
	return false;
}

static void
wants_make(struct want *want, unsigned count, unsigned kinds, struct few *few)
{
	for (unsigned i = 0; i < count; i++) {
		want[i].size = 1 + pick(pick(3) == 0 ? FEW_BYTES : 5);
		want[i].nocase = pick(2) == 0;
		for (size_t k = 0; k < want[i].size; k++) {
			uint8_t c = any_byte(kinds);

			want[i].bytes[k] = want[i].nocase && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
		}
		few_add(few, slice_of(want[i].bytes, want[i].size), want[i].nocase);
	}
	few_finish(few);
}

TEST(together_is_each_alone)
{
	static const unsigned all_kinds[] = {256, 2, 11};

	for (unsigned round = 0; round < 3000; round++) {
		unsigned count = 1 + pick(FEW_MAX), kinds = all_kinds[pick(3)];
		struct want want[FEW_MAX];
		struct few *few = calloc(1, few_size(count));

		wants_make(want, count, kinds, few);
		for (unsigned i = 0; i < 12; i++) {
			size_t size = pick(150);
			uint8_t *p = malloc(size > 0 ? size : 1); /* no longer: a sanitizer sees what is read behind */
			uint64_t expected = 0, found;

			for (size_t k = 0; k < size; k++)
				p[k] = any_byte(kinds);
			if (size > 0 && pick(2) == 0) { /* one of them, somewhere, or at the very end */
				const struct want *w = &want[pick(count)];

				if (w->size <= size) {
					size_t at =
					    pick(2) == 0 ? size - w->size : pick((unsigned)(size - w->size + 1));

					memcpy(p + at, w->bytes, w->size);
				}
			}
			for (unsigned k = 0; k < count; k++)
				expected |= (uint64_t)lies_in(&want[k], p, size) << k;
			found = few_find(few, slice_of(p, size));
			CHECK_UINT(found, expected);
			free(p);
		}
		free(few);
	}
}

TESTS(T(together_is_each_alone))
