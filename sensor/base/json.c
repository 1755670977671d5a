/*
 * JSON into a buf (RFC 8259).  A string is copied in runs of plain bytes, found 16 at a time; only quotes, backslashes,
 * control characters and bytes above 0x7f are looked at one by one.  No state besides struct json.  One thread.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/plain.h"
#include "base/text.h"
#include "base/time.h"
#include "base/utf8.h"

#define ESCAPED_MAX 6 /* \u00XX */

static const char hex_digits[] = "0123456789abcdef";

static inline bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Whether one of the eight bytes is not plain (Warren, Hacker's Delight, 6.1). */
static inline bool
has_odd(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101ull, high = 0x80 * ones;
	uint64_t quote = eight ^ '"' * ones, backslash = eight ^ '\\' * ones;

	return ((eight | (eight - 0x20 * ones) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) &
		   high) != 0;
}

/* Keys and most values: up to 16 bytes, copied by two words that may overlap.  False: there is something to escape. */
static inline bool
copy_short(uint8_t *to, const uint8_t *p, size_t size)
{
	uint64_t a, b;

	if (size >= 8) {
		memcpy(&a, p, 8);
		memcpy(&b, p + size - 8, 8);
		memcpy(to, &a, 8);
		memcpy(to + size - 8, &b, 8);
		return !has_odd(a) && !has_odd(b);
	}
	if (size >= 4) {
		uint32_t half[2];

		memcpy(half, p, 4);
		memcpy(half + 1, p + size - 4, 4);
		memcpy(to, half, 4);
		memcpy(to + size - 4, half + 1, 4);
		memcpy(&a, half, 8);
		return !has_odd(a);
	}
	for (size_t i = 0; i < size; i++) {
		if (!is_plain(p[i]))
			return false;
		to[i] = p[i];
	}
	return true;
}

static uint8_t *
escape_byte(uint8_t *to, uint8_t c)
{
	static const char named[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char name = c == '"' || c == '\\' ? (char)c : c < 0x20 ? named[c] : '\0';

	*to++ = '\\';
	if (name != '\0') {
		*to++ = (uint8_t)name;
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)hex_digits[c >> 4];
	to[4] = (uint8_t)hex_digits[c & 15];
	return to + 5;
}

/* How far p may be copied as it is: plain bytes and whole characters of UTF-8. */
static inline const uint8_t *
clean_end(const uint8_t *p, const uint8_t *end)
{
	for (;;) {
		size_t size;

		p += json_plain_run(p, (size_t)(end - p));
		if (p == end || *p < 0x80)
			return p;
		size = utf8_char_size(p, end);
		if (size == 0)
			return p;
		p += size;
	}
}

static uint8_t *
write_escaped(uint8_t *to, struct slice s)
{
	struct cur c = cur_slice(s); /* never NULL */
	const uint8_t *p = c.p, *end = c.end;

	if (s.size <= 16 && copy_short(to, p, s.size))
		return to + s.size;
	while (p < end) {
		const uint8_t *stop = clean_end(p, end);

		memcpy(to, p, (size_t)(stop - p));
		to += stop - p;
		p = stop;
		if (p < end)
			to = escape_byte(to, *p++);
	}
	return to;
}

static size_t
escaped_size(struct slice s)
{
	struct cur c = cur_slice(s);
	const uint8_t *p = c.p, *end = c.end;
	uint8_t escaped[ESCAPED_MAX];
	size_t size = 0;

	while (p < end) {
		const uint8_t *stop = clean_end(p, end);

		size += (size_t)(stop - p);
		p = stop;
		if (p < end)
			size += (size_t)(escape_byte(escaped, *p++) - escaped);
	}
	return size;
}

/* Where there is room for the worst, it is not measured. */
static inline void
add_quoted(struct buf *out, struct slice s)
{
	uint8_t *to;

	if ((out->room - out->size) / ESCAPED_MAX <= s.size && !buf_reserve(out, escaped_size(s) + 2))
		return;
	to = out->p + out->size;
	*to++ = '"';
	to = write_escaped(to, s);
	*to++ = '"';
	out->size = (size_t)(to - out->p);
}

/* Comma, key, colon: what stands before a value. */
static inline void
begin(struct json *json, const char *key)
{
	if (json->comma)
		buf_add_u8(json->out, ',');
	json->comma = true;
	if (key != NULL) {
		add_quoted(json->out, slice_str(key));
		buf_add_u8(json->out, ':');
	}
}

void
json_object(struct json *json, const char *key)
{
	begin(json, key);
	buf_add_u8(json->out, '{');
	json->comma = false;
}

void
json_end_object(struct json *json)
{
	buf_add_u8(json->out, '}');
	json->comma = true;
}

void
json_array(struct json *json, const char *key)
{
	begin(json, key);
	buf_add_u8(json->out, '[');
	json->comma = false;
}

void
json_end_array(struct json *json)
{
	buf_add_u8(json->out, ']');
	json->comma = true;
}

void
json_string(struct json *json, const char *key, struct slice value)
{
	begin(json, key);
	add_quoted(json->out, value);
}

void
json_text(struct json *json, const char *key, const char *value)
{
	json_string(json, key, slice_str(value));
}

static void
add_uint(struct buf *out, uint64_t value)
{
	static const char pairs[201] =
	    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	    "8081828384858687888990919293949596979899";
	char digits[20], *p = digits + sizeof(digits);

	for (; value >= 100; value /= 100) {
		p -= 2;
		memcpy(p, pairs + 2 * (value % 100), 2);
	}
	if (value >= 10) {
		p -= 2;
		memcpy(p, pairs + 2 * value, 2);
	} else {
		*--p = (char)('0' + value);
	}
	buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

void
json_text_if(struct json *json, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_text(json, key, value);
}

void
json_time_if(struct json *json, const char *key, uint64_t ns)
{
	char text[40];

	if (ns != 0)
		json_text(json, key, time_rfc3339_text(ns, text));
}

void
json_uint(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	add_uint(json->out, value);
}

void
json_int(struct json *json, const char *key, int64_t value)
{
	begin(json, key);
	if (value < 0)
		buf_add_u8(json->out, '-');
	add_uint(json->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* ---- numbers that are not whole ---- */

/* value is mantissa / 2^shift exactly, of 0.0001 and more and below a million, so that all below fits 128 bits. */
struct binary {
	uint64_t mantissa;
	unsigned shift;
};

/* Of so many significant digits, rounded as printf() does; places: of them after the point.  False: it rounds up to one
 * digit more. */
static bool
to_digits(const struct binary *b, unsigned digits, unsigned places, uint64_t *ret_digits, bool *ret_same)
{
	static const uint64_t ten[20] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
	    10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
	    10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000u};
	unsigned __int128 power = (unsigned __int128)ten[places / 2] * ten[places - places / 2];
	unsigned __int128 exact = b->mantissa * power, half = (unsigned __int128)1 << (b->shift - 1);
	unsigned __int128 whole = exact >> b->shift, rest = exact - (whole << b->shift), off;

	if (rest > half || (rest == half && (whole & 1) != 0))
		whole++;
	*ret_digits = (uint64_t)whole;
	/* It reads back the same if it is nearer than half of the last bit; between two, the even one is read. */
	off = (whole << b->shift) > exact ? (whole << b->shift) - exact : exact - (whole << b->shift);
	*ret_same = 2 * off < power || (2 * off == power && (b->mantissa & 1) == 0);
	return whole >= ten[digits - 1] && whole < ten[digits];
}

/* The fewest digits, 15 to 17, that read back the same; 0: it is none of those that are quick. */
static size_t
quick_text(double value, char text[40])
{
	static const double power[] = {1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
	double is = value < 0 ? -value : value, mantissa;
	struct binary b;
	uint64_t whole = 0;
	unsigned up = 0, digits, places = 0;
	bool same = false;
	char *p = text + 40, *end;
	int exponent;

	if (!(is > 1.0001e-4 && is < 999999))
		return 0;
	mantissa = frexp(is, &exponent);
	b = (struct binary){(uint64_t)ldexp(mantissa, 53), (unsigned)(53 - exponent)};
	if (b.mantissa == (uint64_t)1 << 52) /* what is below is nearer than what is above */
		return 0;
	while (is >= power[up])
		up++;
	for (digits = 15; digits <= 17 && !same; digits++) {
		places = digits + 3 - up;
		if (!to_digits(&b, digits, places, &whole, &same))
			return 0;
	}
	for (; whole % 10 == 0; places--)
		whole /= 10;
	end = p;
	for (; whole > 0 || places > 0; whole /= 10) {
		*--p = (char)('0' + whole % 10);
		if (places > 0 && --places == 0)
			*--p = '.';
	}
	if (*p == '.')
		*--p = '0';
	if (value < 0)
		*--p = '-';
	memmove(text, p, (size_t)(end - p));
	return (size_t)(end - p);
}

void
json_double(struct json *json, const char *key, double value)
{
	char text[40];
	size_t size;

	if (!isfinite(value)) { /* JSON has no word for it */
		json_null(json, key);
		return;
	}
	if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value) {
		json_int(json, key, (int64_t)value);
		return;
	}
	if ((size = quick_text(value, text)) > 0) {
		begin(json, key);
		buf_add(json->out, text, size);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	for (char *p = text; *p != '\0'; p++) {
		if (*p == ',') /* a locale's decimal sign */
			*p = '.';
	}
	begin(json, key);
	buf_add_text(json->out, text);
}

void
json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	buf_add(json->out, value ? "true" : "false", value ? 4 : 5);
}

void
json_null(struct json *json, const char *key)
{
	begin(json, key);
	buf_add(json->out, "null", 4);
}

void
json_hex(struct json *json, const char *key, struct slice bytes)
{
	char text[129];

	begin(json, key);
	buf_add_u8(json->out, '"');
	while (bytes.size > 0) {
		size_t size = bytes.size < 64 ? bytes.size : 64;

		hex_text(slice_of(bytes.p, size), text);
		buf_add(json->out, text, 2 * size);
		bytes = slice_of(bytes.p + size, bytes.size - size);
	}
	buf_add_u8(json->out, '"');
}

void
json_printf(struct json *json, const char *key, const char *format, ...)
{
	char near[512], *text = near;
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(near, sizeof(near), format, args);
	if (n >= (int)sizeof(near)) {
		text = malloc((size_t)n + 1);
		if (text != NULL)
			(void)vsnprintf(text, (size_t)n + 1, format, again);
	}
	if (n < 0 || text == NULL)
		json->out->full = true;
	else
		json_string(json, key, slice_of(text, (size_t)n));
	if (text != near)
		free(text);
	va_end(again);
	va_end(args);
}

void
json_raw(struct json *json, const char *key, struct slice text)
{
	begin(json, key);
	buf_add_slice(json->out, text);
}
