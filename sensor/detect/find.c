/* One content in bytes: candidates by its first byte and its last, sixteen places at a time.  A worker's. */
#include "detect/own.h"

/* Sixteen bytes at a time, by the compilers' vectors: no instruction set is asked for by name. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t halves16 __attribute__((vector_size(16)));

static bytes16
load16(const uint8_t *p)
{
	bytes16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static bytes16
fill16(uint8_t byte)
{
	return (bytes16){0} + byte;
}

/* Of a letter the bit that tells its cases apart, else none. */
static uint8_t
case_bit(uint8_t lower)
{
	return lower >= 'a' && lower <= 'z' ? 0x20 : 0;
}

bool
bytes_equal(const uint8_t *p, struct slice what, bool nocase)
{
	if (!nocase)
		return memcmp(p, what.p, what.size) == 0;
	for (size_t i = 0; i < what.size; i++) {
		if ((p[i] | case_bit(what.p[i])) != what.p[i])
			return false;
	}
	return true;
}

const uint8_t *
bytes_find(struct slice in, struct slice what, bool nocase)
{
	const uint8_t *p = in.p, *end = in.p + in.size;
	size_t last = what.size - 1;
	uint8_t a, b, fold_a, fold_b;
	bytes16 as, bs, fold_as, fold_bs;

	if (what.size == 0 || in.size < what.size)
		return what.size == 0 ? p : NULL;
	a = what.p[0];
	b = what.p[last];
	fold_a = nocase ? case_bit(a) : 0;
	fold_b = nocase ? case_bit(b) : 0;
	as = fill16(a);
	bs = fill16(b);
	fold_as = fill16(fold_a);
	fold_bs = fill16(fold_b);
	end -= last; /* behind the last place where it may begin */
	while (p < end) {
		size_t some;

		for (; end - p >= 16; p += 16) {
			halves16 hits =
			    (halves16)(((load16(p) | fold_as) == as) & ((load16(p + last) | fold_bs) == bs));

			if ((hits[0] | hits[1]) != 0)
				break;
		}
		some = (size_t)(end - p) < 16 ? (size_t)(end - p) : 16;
		for (; some > 0; some--, p++) {
			if ((*p | fold_a) == a && (p[last] | fold_b) == b &&
			    bytes_equal(p, what, nocase))
				return p;
		}
	}
	return NULL;
}
