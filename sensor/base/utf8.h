/* One character of UTF-8 (RFC 3629), for whoever judges, copies or writes text.  Any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * How many bytes the character at p has, 1 to 4; 0: none is here (a stray or missing continuation, an overlong form, a
 * surrogate, beyond U+10FFFF).  p < end.
 */
static inline size_t
utf8_char_size(const uint8_t *p, const uint8_t *end)
{
	size_t left = (size_t)(end - p), size;
	uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		size = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		size = 3;
		low = p[0] == 0xe0 ? 0xa0 : low;
		high = p[0] == 0xed ? 0x9f : high;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		size = 4;
		low = p[0] == 0xf0 ? 0x90 : low;
		high = p[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (left < size || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

/* Writes a code point below 0x110000: 1 to 4 bytes, their number. */
static inline size_t
utf8_put(uint32_t point, uint8_t to[4])
{
	size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t mark[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = size - 1; i > 0; i--) {
		to[i] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	to[0] = (uint8_t)(mark[size] | point);
	return size;
}

#endif
