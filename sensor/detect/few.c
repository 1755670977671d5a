/*
 * A few patterns, looked for together: made while loading, read by all workers.
 *
 * Each pattern lends up to three neighbouring bytes, its rarest, to tables by the low and the high half of a byte: bit b
 * of lo[k][low] & hi[k][high] says that a pattern of bucket b may have this byte at its place k.  Two shuffles look up 32
 * bytes, and where a bit is left over all places the patterns of that bucket are compared (the trick is known as Teddy).
 * A pass costs the same for one pattern as for eight: a quarter of a cycle a byte, where Hyperscan asks 400 cycles before
 * it sees one.  Processors without AVX2 look for the patterns one by one.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "detect/own.h"

#define PLACES 3
#define BUCKETS 8
#define BLOCK 32

struct few_pattern {
	uint8_t size, at; /* at: where the bytes in the tables lie within */
	bool nocase;
	uint8_t bytes[FEW_BYTES];
};

struct few {
	uint8_t lo[PLACES][16], hi[PLACES][16];
	uint8_t bucket[BUCKETS + 1]; /* its patterns: bucket[b] … bucket[b + 1] */
	uint8_t count;
	bool brief; /* there is a pattern that is shorter than PLACES */
	struct few_pattern pattern[FEW_MAX];
};

/* ---- making ---- */

/* The best neighbours: those that the bytes at hand will have least often. */
static uint8_t
best_place(struct slice bytes)
{
	unsigned best = 0, worth;
	uint8_t at = 0;

	for (size_t i = 0; i + PLACES <= bytes.size; i++) {
		worth = pattern_worth(slice_of(bytes.p + i, PLACES));
		if (worth > best) {
			best = worth;
			at = (uint8_t)i;
		}
	}
	return at;
}

static void
table_set(struct few *few, unsigned place, uint8_t c, uint8_t bit)
{
	few->lo[place][c & 15] |= bit;
	few->hi[place][c >> 4] |= bit;
}

static void
pattern_enter(struct few *few, const struct few_pattern *pattern, uint8_t bit)
{
	for (unsigned k = 0; k < PLACES; k++) {
		uint8_t c = pattern->bytes[pattern->at + k];

		if (pattern->at + k >= pattern->size) { /* a short one: any byte will do */
			for (unsigned i = 0; i < 16; i++) {
				few->lo[k][i] |= bit;
				few->hi[k][i] |= bit;
			}
			continue;
		}
		table_set(few, k, c, bit);
		if (pattern->nocase && c >= 'a' && c <= 'z')
			table_set(few, k, (uint8_t)(c - 32), bit);
	}
}

size_t
few_size(void)
{
	return sizeof(struct few);
}

void
few_add(struct few *few, struct slice pattern, bool nocase)
{
	struct few_pattern *to = &few->pattern[few->count++];

	*to = (struct few_pattern){.size = (uint8_t)pattern.size, .at = best_place(pattern), .nocase = nocase};
	memcpy(to->bytes, pattern.p, pattern.size);
	few->brief = few->brief || pattern.size < PLACES;
}

/* Patterns come sorted: neighbours, which are alike, share a bucket. */
void
few_finish(struct few *few)
{
	for (unsigned b = 0; b < BUCKETS; b++) {
		few->bucket[b] = (uint8_t)(few->count * b / BUCKETS);
		few->bucket[b + 1] = (uint8_t)(few->count * (b + 1) / BUCKETS);
		for (unsigned i = few->bucket[b]; i < few->bucket[b + 1]; i++)
			pattern_enter(few, &few->pattern[i], (uint8_t)(1u << b));
	}
}

/* ---- looking ---- */

static uint32_t
find_each(const struct few *few, struct slice bytes)
{
	uint32_t found = 0;

	for (unsigned i = 0; i < few->count; i++) {
		const struct few_pattern *pattern = &few->pattern[i];

		if (bytes_find(bytes, slice_of(pattern->bytes, pattern->size), pattern->nocase) != NULL)
			found |= 1u << i;
	}
	return found;
}

#if defined(__x86_64__)

/* The patterns of the buckets in bits whose bytes in the tables would lie at `at`. */
static uint32_t
compare_at(const struct few *few, struct slice bytes, size_t at, unsigned bits, uint32_t found)
{
	for (; bits != 0; bits &= bits - 1) {
		unsigned b = (unsigned)__builtin_ctz(bits);

		for (unsigned i = few->bucket[b]; i < few->bucket[b + 1]; i++) {
			const struct few_pattern *pattern = &few->pattern[i];

			if ((found >> i & 1) == 0 && at >= pattern->at && at - pattern->at + pattern->size <= bytes.size &&
			    bytes_equal(bytes.p + (at - pattern->at), slice_of(pattern->bytes, pattern->size), pattern->nocase))
				found |= 1u << i;
		}
	}
	return found;
}

/* What the tables say of one place: a byte's low half and its high one, looked up in 16 entries each. */
__attribute__((target("avx2"))) static inline __m256i
look_up(const uint8_t *lo, const uint8_t *hi, const uint8_t *p)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)lo));
	__m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)hi));

	low = _mm256_shuffle_epi8(low, _mm256_and_si256(v, half));
	high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
	return _mm256_and_si256(low, high);
}

/* Not inline: what it needs would be saved in the loop that hardly ever calls it. */
__attribute__((noinline)) static uint32_t
compare_block(const struct few *few, struct slice bytes, size_t at, const uint8_t *bits, uint32_t some, uint32_t found)
{
	for (; some != 0; some &= some - 1) {
		unsigned i = (unsigned)__builtin_ctz(some);

		found = compare_at(few, bytes, at + i, bits[i], found);
	}
	return found;
}

/* p: the block's bytes, and two more, which may be a copy; at: where they are in bytes. */
__attribute__((target("avx2"))) static inline uint32_t
find_block(const struct few *few, struct slice bytes, const uint8_t *p, size_t at, uint32_t found)
{
	__m256i all = look_up(few->lo[0], few->hi[0], p);
	uint8_t bits[BLOCK];
	uint32_t none;

	all = _mm256_and_si256(all, look_up(few->lo[1], few->hi[1], p + 1));
	all = _mm256_and_si256(all, look_up(few->lo[2], few->hi[2], p + 2));
	if (__builtin_expect(_mm256_testz_si256(all, all), 1))
		return found;
	_mm256_storeu_si256((__m256i *)bits, all);
	none = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_setzero_si256()));
	return compare_block(few, bytes, at, bits, ~none, found);
}

/* The last bytes, or the only ones, with zeros behind them. */
__attribute__((target("avx2"))) static uint32_t
find_end(const struct few *few, struct slice bytes, size_t at, uint32_t found)
{
	uint8_t end[2 * BLOCK + PLACES - 1] = {0};

	memcpy(end, bytes.p + at, bytes.size - at);
	for (size_t i = 0; at + i < bytes.size; i += BLOCK)
		found = find_block(few, bytes, end + i, at + i, found);
	return found;
}

__attribute__((target("avx2"))) static uint32_t
find_together(const struct few *few, struct slice bytes)
{
	uint32_t found = 0;
	size_t at = 0, last;

	if (bytes.size < BLOCK + PLACES - 1)
		return find_end(few, bytes, 0, 0);
	last = bytes.size - (BLOCK + PLACES - 1);
	for (; at < last; at += BLOCK)
		found = find_block(few, bytes, bytes.p + at, at, found);
	found = find_block(few, bytes, bytes.p + last, last, found); /* some of it for the second time */
	return few->brief ? find_end(few, bytes, bytes.size - (PLACES - 1), found) : found;
}

#endif

uint32_t
few_find(const struct few *few, struct slice bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return find_together(few, bytes);
#endif
	return find_each(few, bytes);
}
