/*
 * BER (X.690): heads, values, numbers, object identifiers.  See ber.h.
 *
 *     tag       class (2 bits) | constructed (1) | number (5; 31: more bytes, refused)
 *     length    0xxxxxxx, or 1nnnnnnn and n bytes, big endian (n = 0: indefinite, refused)
 *     value
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/ber.h"

#define LENGTH_BYTES 4
#define OID_PARTS 128

/* CC_MORE: the head is cut.  On CC_OK the cursor stands before the value. */
static enum cc_status
head(struct cur *c, uint8_t *ret_tag, uint32_t *ret_size)
{
	uint8_t tag = cur_u8(c);
	uint32_t size = cur_u8(c);

	if ((tag & 0x1f) == 0x1f)
		return CC_BAD;
	if (size >= 0x80) {
		unsigned count = size & 0x7f;

		if (count == 0 || count > LENGTH_BYTES)
			return CC_BAD;
		for (size = 0; count > 0; count--)
			size = size << 8 | cur_u8(c);
	}
	if (c->bad)
		return CC_MORE;
	*ret_tag = tag;
	*ret_size = size;
	return CC_OK;
}

enum cc_status
ber_measure(struct slice in, size_t *ret_size)
{
	struct cur c = cur_slice(in);
	uint8_t tag;
	uint32_t size;
	enum cc_status st = head(&c, &tag, &size);

	if (st == CC_OK)
		*ret_size = in.size - cur_left(&c) + size;
	return st;
}

bool
ber_is(const struct cur *c, uint8_t tag)
{
	return !c->bad && cur_left(c) > 0 && c->p[0] == tag;
}

static struct slice
fail(struct cur *c)
{
	c->bad = true;
	c->p = c->end;
	return slice_of(NULL, 0);
}

struct slice
ber_any(struct cur *c, uint8_t *ret_tag)
{
	uint32_t size;

	*ret_tag = 0;
	if (c->bad || head(c, ret_tag, &size) != CC_OK)
		return fail(c);
	return cur_take(c, size);
}

struct slice
ber_take(struct cur *c, uint8_t tag)
{
	uint8_t is;
	struct slice value = ber_any(c, &is);

	return c->bad || is != tag ? fail(c) : value;
}

struct cur
ber_sub(struct cur *c, uint8_t tag)
{
	struct cur inside = cur_slice(ber_take(c, tag));

	inside.bad = c->bad;
	return inside;
}

int64_t
ber_int(struct cur *c, uint8_t tag)
{
	struct slice value = ber_take(c, tag);
	uint64_t n;

	if (c->bad || value.size == 0 || value.size > 8) {
		fail(c);
		return 0;
	}
	n = (value.p[0] & 0x80) != 0 ? UINT64_MAX : 0;
	for (size_t i = 0; i < value.size; i++)
		n = n << 8 | value.p[i];
	return (int64_t)n;
}

uint64_t
ber_uint(struct cur *c, uint8_t tag)
{
	struct slice value = ber_take(c, tag);
	uint64_t n = 0;

	if (value.size == 9 && value.p[0] == 0) /* the sign of a number that takes all 64 bits */
		value = slice_of(value.p + 1, 8);
	else if (value.size > 0 && (value.p[0] & 0x80) != 0)
		value.size = 0;
	if (c->bad || value.size == 0 || value.size > 8) {
		fail(c);
		return 0;
	}
	for (size_t i = 0; i < value.size; i++)
		n = n << 8 | value.p[i];
	return n;
}

bool
ber_tree(struct slice in, unsigned depth)
{
	struct cur level[BER_DEPTH_MAX];
	unsigned at = 0;

	if (depth == 0 || depth > BER_DEPTH_MAX || in.size == 0)
		return false;
	level[0] = cur_slice(in);
	for (;;) {
		uint8_t tag;
		struct slice value;

		if (cur_left(&level[at]) == 0) {
			if (at-- == 0)
				return true;
			continue;
		}
		value = ber_any(&level[at], &tag);
		if (level[at].bad)
			return false;
		if ((tag & BER_CONSTRUCTED) == 0)
			continue;
		if (++at == depth)
			return false;
		level[at] = cur_slice(value);
	}
}

/* One part of an OID: seven bits a byte, the last has its high bit clear. */
static uint64_t
oid_part(struct cur *c)
{
	uint64_t n = 0;
	uint8_t byte;

	do {
		byte = cur_u8(c);
		if (n >> 57 != 0)
			c->bad = true;
		n = n << 7 | (byte & 0x7f);
	} while (!c->bad && (byte & 0x80) != 0);
	return n;
}

bool
ber_oid_text(struct slice oid, char *ret_text, size_t room)
{
	struct cur c = cur_slice(oid);
	size_t size = 0;

	if (room > 0)
		ret_text[0] = '\0';
	for (unsigned i = 0; i < OID_PARTS && cur_left(&c) > 0; i++) {
		uint64_t n = oid_part(&c), first = n < 80 ? n / 40 : 2;
		int more;

		if (c.bad)
			break;
		more = i == 0 ? snprintf(ret_text + size, room - size, "%" PRIu64 ".%" PRIu64, first, n - first * 40) :
		    snprintf(ret_text + size, room - size, ".%" PRIu64, n);
		if (more < 0 || (size_t)more >= room - size) {
			c.bad = true;
			break;
		}
		size += (size_t)more;
	}
	if (c.bad || cur_left(&c) > 0 || size == 0) {
		if (room > 0)
			ret_text[0] = '\0';
		return false;
	}
	return true;
}
