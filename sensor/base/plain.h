/* The bytes that stand in a JSON string as they are, for who writes one and who reads one.  Any thread. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* How many bytes p begins with that are neither quote, backslash, control character nor beyond ASCII. */
static inline size_t
json_plain_run(const uint8_t *p, size_t size)
{
	size_t n = 0;

#if defined(__SSE2__)
	for (; size - n >= 16; n += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + n));
		__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: bytes above 0x7f too */
		unsigned mask;

		odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
		odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		mask = (unsigned)_mm_movemask_epi8(odd);
		if (mask != 0)
			return n + (size_t)__builtin_ctz(mask);
	}
#endif
	while (n < size && p[n] >= 0x20 && p[n] < 0x80 && p[n] != '"' && p[n] != '\\')
		n++;
	return n;
}

#endif
