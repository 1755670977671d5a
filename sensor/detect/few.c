/*
 * A few patterns, looked for together: made while loading, read by all workers.
 *
 * Each pattern lends up to three neighbouring bytes, its rarest, to tables by the low and the high half of a byte: bit
 * b of lo[k][low] & hi[k][high] says that a pattern of bucket b may have this byte at its place k.  Two shuffles look
 * up 32 bytes, and where a bit is left over all places the patterns of that bucket are compared (the trick is known as
 * Teddy). A pass costs the same for one pattern as for sixteen: a quarter of a cycle a byte, where Hyperscan asks 400
 * cycles before it sees one.  More patterns are passes of their own.  Processors without AVX2 look for the patterns one
 * by one.
 */
#include <limits.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "detect/own.h"

#define PLACES 3
#define BUCKETS 8
#define BLOCK 32
#define PASS_MAX 16 /* patterns; with more, what is compared in vain costs more than another pass */
#define PASSES ((FEW_MAX + PASS_MAX - 1) / PASS_MAX)

struct few_pattern {
	uint8_t size, at; /* at: where the bytes in the tables lie within */
	uint8_t id, bucket;
	bool nocase;
	uint8_t bytes[FEW_BYTES];
};

struct pass {
	uint8_t lo[PLACES][16], hi[PLACES][16];
	uint8_t bucket[BUCKETS + 1]; /* its patterns: bucket[b] … bucket[b + 1] */
	bool brief;                  /* there is a pattern that is shorter than PLACES */
};

struct few {
	uint8_t count, passes;
	struct pass pass[PASSES];
	struct few_pattern pattern[]; /* count of them, by bucket */
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

/* What a bucket lets through at each place: low halves in the first 16 bits, high halves in the others. */
struct halves {
	uint32_t place[PLACES];
};

static void
halves_add(struct halves *halves, const struct few_pattern *pattern)
{
	for (unsigned k = 0; k < PLACES; k++) {
		uint8_t c = pattern->bytes[pattern->at + k];

		if (pattern->at + k >= pattern->size) { /* a short one: any byte will do */
			halves->place[k] = UINT32_MAX;
			continue;
		}
		halves->place[k] |= 1u << (c & 15) | 1u << (16 + (c >> 4));
		if (pattern->nocase && c >= 'a' && c <= 'z')
			halves->place[k] |= 1u << (16 + (c >> 4) - 2);
	}
}

/* How often a bucket will be compared in vain: zeros are everywhere, then come letters. */
static unsigned
halves_cost(const struct halves *halves)
{
	static const uint8_t low[16] = {8, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2};
	static const uint8_t high[16] = {8, 1, 2, 2, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 2};
	unsigned cost = 1;

	for (unsigned k = 0; k < PLACES; k++) {
		unsigned lows = 0, highs = 0;

		for (unsigned i = 0; i < 16; i++) {
			lows += low[i] * (halves->place[k] >> i & 1);
			highs += high[i] * (halves->place[k] >> (16 + i) & 1);
		}
		cost *= lows * highs;
	}
	return cost;
}

/* The bucket that the pattern makes least worse. */
static unsigned
best_bucket(const struct halves *halves, unsigned count, const struct few_pattern *pattern)
{
	unsigned best = 0, least = UINT_MAX;

	for (unsigned b = 0; b < count; b++) {
		struct halves with = halves[b];
		unsigned more;

		halves_add(&with, pattern);
		more = halves_cost(&with) - halves_cost(&halves[b]);
		if (more < least) {
			least = more;
			best = b;
		}
	}
	return best;
}

static int
pattern_compare(const void *a, const void *b)
{
	const struct few_pattern *x = a, *y = b;

	return x->bucket != y->bucket ? x->bucket - y->bucket : x->id - y->id;
}

static void
table_fill(struct pass *pass, const struct halves *halves, unsigned bit)
{
	for (unsigned k = 0; k < PLACES; k++) {
		for (unsigned i = 0; i < 16; i++) {
			pass->lo[k][i] = (uint8_t)(pass->lo[k][i] | (halves->place[k] >> i & 1) << bit);
			pass->hi[k][i] = (uint8_t)(pass->hi[k][i] | (halves->place[k] >> (16 + i) & 1) << bit);
		}
	}
}

size_t
few_size(size_t count)
{
	return sizeof(struct few) + count * sizeof(struct few_pattern);
}

void
few_add(struct few *few, struct slice pattern, bool nocase)
{
	struct few_pattern *to = &few->pattern[few->count];

	*to = (struct few_pattern){
	    .size = (uint8_t)pattern.size, .at = best_place(pattern), .nocase = nocase, .id = few->count++};
	memcpy(to->bytes, pattern.p, pattern.size);
}

void
few_finish(struct few *few)
{
	struct halves halves[PASSES * BUCKETS] = {{{0}}};
	unsigned buckets, i = 0;

	few->passes = (uint8_t)((few->count + PASS_MAX - 1) / PASS_MAX);
	buckets = few->passes * BUCKETS;
	for (unsigned p = 0; p < few->count; p++) {
		few->pattern[p].bucket = (uint8_t)best_bucket(halves, buckets, &few->pattern[p]);
		halves_add(&halves[few->pattern[p].bucket], &few->pattern[p]);
	}
	qsort(few->pattern, few->count, sizeof(few->pattern[0]), pattern_compare);
	for (unsigned b = 0; b < buckets; b++) {
		struct pass *pass = &few->pass[b / BUCKETS];

		table_fill(pass, &halves[b], b % BUCKETS);
		pass->bucket[b % BUCKETS] = (uint8_t)i;
		for (; i < few->count && few->pattern[i].bucket == b; i++)
			pass->brief = pass->brief || few->pattern[i].size < PLACES;
		pass->bucket[b % BUCKETS + 1] = (uint8_t)i;
	}
}

/* ---- looking ---- */

static uint64_t
find_each(const struct few *few, struct slice bytes)
{
	uint64_t found = 0;

	for (unsigned i = 0; i < few->count; i++) {
		const struct few_pattern *pattern = &few->pattern[i];

		if (bytes_find(bytes, slice_of(pattern->bytes, pattern->size), pattern->nocase) != NULL)
			found |= 1ull << pattern->id;
	}
	return found;
}

#if defined(__x86_64__)

struct look {
	const struct pass *pass;
	const struct few_pattern *pattern;
	struct slice bytes;
};

/* The patterns of the buckets in bits whose bytes in the tables would lie at `at`. */
static uint64_t
compare_at(const struct look *look, size_t at, unsigned bits, uint64_t found)
{
	for (; bits != 0; bits &= bits - 1) {
		unsigned b = (unsigned)__builtin_ctz(bits);

		for (unsigned i = look->pass->bucket[b]; i < look->pass->bucket[b + 1]; i++) {
			const struct few_pattern *pattern = &look->pattern[i];

			if ((found >> pattern->id & 1) == 0 && at >= pattern->at &&
			    at - pattern->at + pattern->size <= look->bytes.size &&
			    bytes_equal(look->bytes.p + (at - pattern->at), slice_of(pattern->bytes, pattern->size),
				pattern->nocase))
				found |= 1ull << pattern->id;
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
__attribute__((noinline)) static uint64_t
compare_block(const struct look *look, size_t at, const uint8_t *bits, uint32_t some, uint64_t found)
{
	for (; some != 0; some &= some - 1) {
		unsigned i = (unsigned)__builtin_ctz(some);

		found = compare_at(look, at + i, bits[i], found);
	}
	return found;
}

/* p: the block's bytes, and two more, which may be a copy; at: where they are in bytes. */
__attribute__((target("avx2"))) static inline uint64_t
find_block(const struct look *look, const uint8_t *p, size_t at, uint64_t found)
{
	const struct pass *pass = look->pass;
	__m256i all = look_up(pass->lo[0], pass->hi[0], p);
	uint8_t bits[BLOCK];
	uint32_t none;

	all = _mm256_and_si256(all, look_up(pass->lo[1], pass->hi[1], p + 1));
	all = _mm256_and_si256(all, look_up(pass->lo[2], pass->hi[2], p + 2));
	if (__builtin_expect(_mm256_testz_si256(all, all), 1))
		return found;
	_mm256_storeu_si256((__m256i *)bits, all);
	none = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_setzero_si256()));
	return compare_block(look, at, bits, ~none, found);
}

/* The last bytes, or the only ones, with zeros behind them. */
__attribute__((target("avx2"))) static uint64_t
find_end(const struct look *look, size_t at, uint64_t found)
{
	struct slice bytes = look->bytes;
	uint8_t end[2 * BLOCK + PLACES - 1] = {0};

	memcpy(end, bytes.p + at, bytes.size - at);
	for (size_t i = 0; at + i < bytes.size; i += BLOCK)
		found = find_block(look, end + i, at + i, found);
	return found;
}

__attribute__((target("avx2"))) static uint64_t
find_together(const struct look *look)
{
	struct slice bytes = look->bytes;
	uint64_t found = 0;
	size_t at = 0, last;

	if (bytes.size < BLOCK + PLACES - 1)
		return find_end(look, 0, 0);
	last = bytes.size - (BLOCK + PLACES - 1);
	for (; at < last; at += BLOCK)
		found = find_block(look, bytes.p + at, at, found);
	found = find_block(look, bytes.p + last, last, found); /* some of it for the second time */
	return look->pass->brief ? find_end(look, bytes.size - (PLACES - 1), found) : found;
}

#endif

uint64_t
few_find(const struct few *few, struct slice bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		uint64_t found = 0;

		for (unsigned i = 0; i < few->passes; i++)
			found |= find_together(&(struct look){&few->pass[i], few->pattern, bytes});
		return found;
	}
#endif
	return find_each(few, bytes);
}
