/* Hex, base64, UTF-8, quantities with units, and numbers for people.  No state, any thread. */
#include <stdio.h>

#include "base/text.h"
#include "base/utf8.h"

static const char hex_digits[] = "0123456789abcdef";

char *
hex_text(struct slice bytes, char *ret_text)
{
	char *to = ret_text;

	for (size_t i = 0; i < bytes.size; i++) {
		*to++ = hex_digits[bytes.p[i] >> 4];
		*to++ = hex_digits[bytes.p[i] & 15];
	}
	*to = '\0';
	return ret_text;
}

char *
hex_colon_text(struct slice bytes, char *ret_text)
{
	char *to = ret_text;

	for (size_t i = 0; i < bytes.size; i++) {
		if (i > 0)
			*to++ = ':';
		*to++ = hex_digits[bytes.p[i] >> 4];
		*to++ = hex_digits[bytes.p[i] & 15];
	}
	*to = '\0';
	return ret_text;
}

int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum cc_status
hex_parse(struct slice text, uint8_t *ret_bytes, size_t size)
{
	if (text.size / 2 != size || text.size % 2 != 0)
		return CC_BAD;
	for (size_t i = 0; i < text.size; i++) {
		if (hex_value(text.p[i]) < 0)
			return CC_BAD;
	}
	for (size_t i = 0; i < size; i++)
		ret_bytes[i] = (uint8_t)(hex_value(text.p[2 * i]) << 4 | hex_value(text.p[2 * i + 1]));
	return CC_OK;
}

static char *
write_base64(struct slice bytes, const char digits[64], bool pad, char *to)
{
	const uint8_t *p = bytes.p;
	size_t left = bytes.size;

	for (; left >= 3; left -= 3, p += 3) {
		*to++ = digits[p[0] >> 2];
		*to++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
		*to++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
		*to++ = digits[p[2] & 63];
	}
	if (left > 0) {
		uint8_t second = left > 1 ? p[1] : 0;

		*to++ = digits[p[0] >> 2];
		*to++ = digits[(p[0] & 3) << 4 | second >> 4];
		if (left > 1)
			*to++ = digits[(second & 15) << 2];
		else if (pad)
			*to++ = '=';
		if (pad)
			*to++ = '=';
	}
	*to = '\0';
	return to;
}

char *
base64_text(struct slice bytes, char *ret_text)
{
	(void)write_base64(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true, ret_text);
	return ret_text;
}

char *
base64url_text(struct slice bytes, char *ret_text)
{
	(void)write_base64(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false, ret_text);
	return ret_text;
}

/* The value of a character and one; 0: it is none. */
static const uint8_t base64url_value[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0,
    53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 64,
    0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0, 0, 0, 0, 0,
};

enum cc_status
base64url_parse(struct slice text, uint8_t *ret_bytes, size_t *ret_size)
{
	const uint8_t *p = text.p;
	size_t left = text.size, size = 0;
	uint32_t bits = 0, last;

	if (left % 4 == 1)
		return CC_BAD;
	for (; left >= 4; left -= 4, p += 4) {
		uint32_t a = base64url_value[p[0]], b = base64url_value[p[1]], c = base64url_value[p[2]],
			 d = base64url_value[p[3]];

		if (a == 0 || b == 0 || c == 0 || d == 0)
			return CC_BAD;
		bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		ret_bytes[size] = (uint8_t)(bits >> 16);
		ret_bytes[size + 1] = (uint8_t)(bits >> 8);
		ret_bytes[size + 2] = (uint8_t)bits;
		size += 3;
	}
	if (left == 0) {
		*ret_size = size;
		return CC_OK;
	}
	/* Two or three characters; the bits beyond their bytes are zero, so that each bytes have one text. */
	if (base64url_value[p[0]] == 0 || base64url_value[p[1]] == 0 || (left == 3 && base64url_value[p[2]] == 0))
		return CC_BAD;
	last = left == 3 ? base64url_value[p[2]] - 1u : 0;
	bits = (base64url_value[p[0]] - 1u) << 18 | (base64url_value[p[1]] - 1u) << 12 | last << 6;
	ret_bytes[size++] = (uint8_t)(bits >> 16);
	if (left == 3)
		ret_bytes[size++] = (uint8_t)(bits >> 8);
	if ((bits & (left == 3 ? 0xffu : 0xffffu)) != 0)
		return CC_BAD;
	*ret_size = size;
	return CC_OK;
}

/* How many bytes of ASCII p begins with, as far as whole words tell. */
static size_t
ascii_words(const uint8_t *p, size_t size)
{
	const uint64_t high = 0x8080808080808080ull;
	size_t n = 0;
	uint64_t w[4];

	for (; size - n >= sizeof(w); n += sizeof(w)) {
		memcpy(w, p + n, sizeof(w));
		if (((w[0] | w[1] | w[2] | w[3]) & high) != 0)
			break;
	}
	for (; size - n >= sizeof(w[0]); n += sizeof(w[0])) {
		memcpy(w, p + n, sizeof(w[0]));
		if ((w[0] & high) != 0)
			break;
	}
	return n;
}

struct slice
utf16le_text(struct slice raw, char *ret_text, size_t room)
{
	struct cur c = cur_slice(raw);
	size_t size = 0;

	while (cur_left(&c) >= 2 && size + 4 <= room) {
		uint32_t unit = cur_u16le(&c), low;
		struct cur ahead = c;

		if (unit == 0)
			break;
		if (unit >= 0xd800 && unit < 0xe000) { /* half of a pair: with its other half, or a mark for it */
			low = cur_u16le(&ahead);
			if (unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
				unit = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
				c = ahead;
			} else {
				unit = 0xfffd;
			}
		}
		size += utf8_put(unit, (uint8_t *)ret_text + size);
	}
	return slice_of(ret_text, size);
}

bool
utf8_valid(struct slice bytes)
{
	struct cur c = cur_slice(bytes); /* never NULL */
	const uint8_t *p = c.p, *end = c.end;

	while (p < end) {
		size_t size = *p < 0x80 ? ascii_words(p, (size_t)(end - p)) : 0;

		if (size == 0)
			size = utf8_char_size(p, end);
		if (size == 0)
			return false;
		p += size;
	}
	return true;
}

struct unit {
	const char *name; /* lower case */
	uint64_t worth;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "12", "1.5" times a unit of the list, which ends with NULL; the unit is in any case, after blanks or none. */
static enum cc_status
parse_quantity(const char *text, const struct unit *units, uint64_t *ret_value)
{
	unsigned __int128 whole = 0, part = 0, scale = 1, value;

	if (!is_digit(*text))
		return CC_BAD;
	for (; is_digit(*text); text++) {
		whole = whole * 10 + (unsigned)(*text - '0');
		if (whole > UINT64_MAX)
			return CC_BAD;
	}
	if (*text == '.') {
		text++;
		if (!is_digit(*text))
			return CC_BAD;
		for (; is_digit(*text); text++) {
			if (scale < 1000000000000ull) {
				part = part * 10 + (unsigned)(*text - '0');
				scale *= 10;
			}
		}
	}
	while (*text == ' ')
		text++;
	while (units->name != NULL && !text_eq_nocase(slice_str(text), units->name))
		units++;
	if (units->name == NULL)
		return CC_BAD;
	value = whole * units->worth + part * units->worth / scale;
	if (value > UINT64_MAX)
		return CC_BAD;
	*ret_value = (uint64_t)value;
	return CC_OK;
}

enum cc_status
size_parse(const char *text, uint64_t *ret_size)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"b", 1},
	    {"k", 1ull << 10},
	    {"kb", 1ull << 10},
	    {"kib", 1ull << 10},
	    {"m", 1ull << 20},
	    {"mb", 1ull << 20},
	    {"mib", 1ull << 20},
	    {"g", 1ull << 30},
	    {"gb", 1ull << 30},
	    {"gib", 1ull << 30},
	    {"t", 1ull << 40},
	    {"tb", 1ull << 40},
	    {"tib", 1ull << 40},
	    {NULL, 0},
	};

	return parse_quantity(text, units, ret_size);
}

enum cc_status
duration_parse(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = {
	    {"", 1000000000ull},
	    {"ns", 1},
	    {"us", 1000},
	    {"ms", 1000000},
	    {"s", 1000000000ull},
	    {"sec", 1000000000ull},
	    {"m", 60000000000ull},
	    {"min", 60000000000ull},
	    {"h", 3600000000000ull},
	    {"d", 86400000000000ull},
	    {"w", 604800000000000ull},
	    {NULL, 0},
	};

	return parse_quantity(text, units, ret_ns);
}

enum cc_status
uint_parse(const char *text, uint64_t *ret_value)
{
	unsigned base = 10;
	uint64_t value = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (*text == '\0')
		return CC_BAD;
	for (; *text != '\0'; text++) {
		int digit = hex_value((uint8_t)*text);

		if (digit < 0 || (unsigned)digit >= base)
			return CC_BAD;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (unsigned)digit, &value))
			return CC_BAD;
	}
	*ret_value = value;
	return CC_OK;
}

static inline uint8_t
lower(uint8_t c)
{
	return (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 0x20 : 0));
}

void
lower_copy(uint8_t *to, struct slice from)
{
	for (size_t i = 0; i < from.size; i++)
		to[i] = lower(from.p[i]);
}

bool
text_eq_nocase(struct slice a, const char *b)
{
	for (size_t i = 0; i < a.size; i++) {
		if (b[i] == '\0' || lower(a.p[i]) != lower((uint8_t)b[i]))
			return false;
	}
	return b[a.size] == '\0';
}

char *
thousands_text(uint64_t n, char ret_text[32])
{
	char digits[24];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *to = ret_text;

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return ret_text;
}

char *
bytes_text(uint64_t n, char ret_text[32])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;
	uint64_t tenths;

	if (n < 1024) {
		snprintf(ret_text, 32, "%u B", (unsigned)n);
		return ret_text;
	}
	/* Tenths of the unit, rounded; what rounds up to 1024.0 takes the next unit. */
	for (;; unit++) {
		unsigned shift = 10 * (unit + 1);

		tenths = (uint64_t)(((unsigned __int128)n * 10 + (1ull << (shift - 1))) >> shift);
		if (tenths < 10240 || unit == 5)
			break;
	}
	snprintf(ret_text, 32, "%llu.%u %s", (unsigned long long)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
	return ret_text;
}

bool
digits_parse(struct slice text, uint64_t max, uint64_t *ret_number)
{
	uint64_t n = 0;

	if (text.size == 0 || text.size > 18)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	*ret_number = n;
	return n <= max;
}
