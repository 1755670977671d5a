/* JSON pulled out of the bytes that it stands in, value by value: pull.h.  Any thread, no state. */
#include "joint/pull.h"

#include <stdlib.h>

#define DEPTH 32

static void
space(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

/* Behind the opening quote, up to and with the closing one. */
static bool
skip_string(struct cur *c)
{
	while (c->p < c->end) {
		const uint8_t *quote = memchr(c->p, '"', cur_left(c)), *p;

		if (quote == NULL)
			break;
		for (p = quote; p > c->p && p[-1] == '\\'; p--)
			;
		/* An even number of backslashes before it escape each other. */
		c->p = quote + 1;
		if ((quote - p) % 2 == 0)
			return true;
	}
	c->bad = true;
	return false;
}

static bool
ends_word(uint8_t b)
{
	return b == ',' || b == '}' || b == ']' || b == ' ' || b == '\n' || b == '\r' || b == '\t';
}

/* One value, whatever it is. */
static bool
skip_value(struct cur *c)
{
	unsigned depth = 0;

	do {
		uint8_t b = cur_u8(c);

		if (b == '"' && !skip_string(c))
			return false;
		if (b == '{' || b == '[')
			depth++;
		if ((b == '}' || b == ']') && depth-- == 0)
			return false;
		if (depth > DEPTH || c->bad)
			return false;
		if (depth == 0 && b != '"' && b != '}' && b != ']') {
			while (c->p < c->end && !ends_word(*c->p))
				c->p++;
		}
	} while (depth > 0);
	return true;
}

/*
 * To the next element of an array, or of an object where its name is asked for: c stands at its value then, which is
 * to be passed by pull_take() or pull_enter() before the next step.  False: the end, and the bracket there is passed.
 */
bool
pull_step(struct cur *c, struct slice *ret_name)
{
	const uint8_t *start;

	space(c);
	if (c->p < c->end && *c->p == ',') {
		c->p++;
		space(c);
	}
	if (c->bad || c->p >= c->end)
		return false;
	if (*c->p == '}' || *c->p == ']') {
		c->p++;
		return false;
	}
	if (ret_name == NULL)
		return true;
	start = c->p + 1;
	if (cur_u8(c) != '"' || !skip_string(c))
		return false;
	*ret_name = slice_of(start, (size_t)(c->p - 1 - start));
	space(c);
	if (cur_u8(c) != ':')
		return false;
	space(c);
	return true;
}

/* The value at c, passed. */
struct slice
pull_take(struct cur *c)
{
	const uint8_t *start = c->p;

	if (!skip_value(c)) {
		c->bad = true;
		return slice_of(NULL, 0);
	}
	return slice_of(start, (size_t)(c->p - start));
}

/* Into the object or array at c; false: it is none, and is passed. */
bool
pull_enter(struct cur *c, char bracket)
{
	if (c->p < c->end && *c->p == (uint8_t)bracket) {
		c->p++;
		return true;
	}
	(void)pull_take(c);
	return false;
}

/* The next element of an object (with its name) or array, whole. */
bool
pull_next(struct cur *c, struct slice *ret_name, struct slice *ret_value)
{
	if (!pull_step(c, ret_name))
		return false;
	*ret_value = pull_take(c);
	return !c->bad;
}

/* A cursor into an object or array; empty when it is none. */
struct cur
pull_inside(struct slice value, char bracket)
{
	if (value.size < 2 || value.p[0] != (uint8_t)bracket)
		return cur_of(NULL, 0);
	return cur_of(value.p + 1, value.size - 1);
}

struct slice
pull_member(struct slice object, const char *name)
{
	struct cur c = pull_inside(object, '{');
	struct slice is, value;

	while (pull_next(&c, &is, &value)) {
		if (slice_is(is, name))
			return value;
	}
	return slice_of(NULL, 0);
}

/* Of the object at c, which is passed, one member; empty: there is none. */
struct slice
pull_take_member(struct cur *c, const char *name)
{
	struct slice is, found = slice_of(NULL, 0);

	if (!pull_enter(c, '{'))
		return found;
	while (pull_step(c, &is)) {
		struct slice value = pull_take(c);

		if (slice_is(is, name))
			found = value;
	}
	return found;
}

static void
add_code(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_add_u8(out, (uint8_t)code);
	} else if (code < 0x800) {
		buf_add_u8(out, (uint8_t)(0xc0 | code >> 6));
		buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	} else {
		buf_add_u8(out, (uint8_t)(0xe0 | code >> 12));
		buf_add_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
		buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	}
}

/* The text of a string; empty when it is none.  What has escapes is written to scratch, which must not move. */
struct slice
pull_text(struct slice value, struct buf *scratch)
{
	struct cur c;
	size_t start = scratch->size;

	if (value.size < 2 || value.p[0] != '"')
		return slice_of(NULL, 0);
	value = slice_of(value.p + 1, value.size - 2);
	if (memchr(value.p, '\\', value.size) == NULL)
		return value;
	for (c = cur_slice(value); cur_left(&c) > 0;) {
		uint8_t b = cur_u8(&c);

		if (b == '\\') {
			static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
			const char *at;

			b = cur_u8(&c);
			if (b == 'u') {
				const uint8_t *hex = cur_bytes(&c, 4);
				uint8_t code[2] = {0, 0};

				if (hex != NULL && hex_parse(slice_of(hex, 4), code, 2) == CC_OK)
					add_code(scratch, (unsigned)code[0] << 8 | code[1]);
				continue;
			}
			if (b != 0 && (at = strchr(from, b)) != NULL)
				b = (uint8_t)to[at - from];
		}
		buf_add_u8(scratch, b);
	}
	return slice_of(scratch->p + start, scratch->size - start);
}

double
pull_number(struct slice value, double otherwise)
{
	char word[32], *end;
	double is;

	if (value.size == 0 || value.size >= sizeof(word))
		return otherwise;
	memcpy(word, value.p, value.size);
	word[value.size] = '\0';
	is = strtod(word, &end);
	return *end == '\0' && is >= -1e15 && is <= 1e15 ? is : otherwise;
}

uint64_t
pull_uint(struct slice value, uint64_t most, uint64_t otherwise)
{
	double is = pull_number(value, -1);

	return is >= 0 && is <= (double)most ? (uint64_t)is : otherwise;
}

uint64_t
pull_time(struct slice value, struct buf *scratch)
{
	struct slice s = pull_text(value, scratch);
	char word[48];
	uint64_t ns;

	if (s.size == 0 || s.size >= sizeof(word))
		return 0;
	memcpy(word, s.p, s.size);
	word[s.size] = '\0';
	return time_rfc3339_parse(word, &ns) == CC_OK && ns <= INT64_MAX ? ns : 0;
}
