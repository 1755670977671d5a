/*
 * Bytes that belong to somebody else: a slice borrows, a cursor reads.
 *
 * Every hostile byte in concert is read through struct cur.  A read past the end gives 0 or NULL and sets `bad`, which
 * stays: check it once per unit, and before a number that was read is used to loop, index or allocate.  Numbers are big
 * endian unless the name says le.
 */
#ifndef CONCERT_SLICE_H
#define CONCERT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p; /* may be NULL only if size is 0 */
	size_t size;
};

struct cur {
	const uint8_t *p, *end; /* never NULL, p <= end */
	bool bad;               /* set by the first short read */
};

static inline struct slice
slice_of(const void *p, size_t size)
{
	return (struct slice){p, size};
}

static inline struct slice
slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, strlen(s)};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.p, b.p, a.size) == 0);
}

static inline bool
slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline struct cur
cur_of(const void *p, size_t size)
{
	static const uint8_t none[1];
	const uint8_t *b = p != NULL ? p : none;

	return (struct cur){b, b + (p != NULL ? size : 0), false};
}

static inline struct cur
cur_slice(struct slice s)
{
	return cur_of(s.p, s.size);
}

static inline size_t
cur_left(const struct cur *c)
{
	return (size_t)(c->end - c->p);
}

/* All that is left, without moving. */
static inline struct slice
cur_rest(const struct cur *c)
{
	return (struct slice){c->p, cur_left(c)};
}

/* The next size bytes, or NULL when there are fewer. */
static inline const uint8_t *
cur_bytes(struct cur *c, size_t size)
{
	const uint8_t *p = c->p;

	if (c->bad || size > cur_left(c)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += size;
	return p;
}

static inline void
cur_skip(struct cur *c, size_t size)
{
	(void)cur_bytes(c, size);
}

static inline struct slice
cur_take(struct cur *c, size_t size)
{
	const uint8_t *p = cur_bytes(c, size);

	return (struct slice){p, p != NULL ? size : 0};
}

/* A cursor over the next size bytes; bad, and empty, when there are fewer. */
static inline struct cur
cur_sub(struct cur *c, size_t size)
{
	struct slice s = cur_take(c, size);
	struct cur sub = cur_slice(s);

	sub.bad = c->bad;
	return sub;
}

static inline uint8_t
cur_u8(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 1);

	return p != NULL ? p[0] : 0;
}

static inline uint16_t
cur_u16(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 2);

	return (uint16_t)(p != NULL ? p[0] << 8 | p[1] : 0);
}

static inline uint32_t
cur_u24(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 3);

	return p != NULL ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t
cur_u32(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 4);

	return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t
cur_u64(struct cur *c)
{
	uint64_t high = cur_u32(c);

	return high << 32 | cur_u32(c);
}

static inline uint16_t
cur_u16le(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 2);

	return (uint16_t)(p != NULL ? p[1] << 8 | p[0] : 0);
}

static inline uint32_t
cur_u32le(struct cur *c)
{
	const uint8_t *p = cur_bytes(c, 4);

	return p != NULL ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0] : 0;
}

static inline uint64_t
cur_u64le(struct cur *c)
{
	uint64_t low = cur_u32le(c);

	return low | (uint64_t)cur_u32le(c) << 32;
}

#endif
