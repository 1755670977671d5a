/*
 * Bytes that grow, up to a stated size.  For everything outside the packet path (malloc inside), or over fixed memory.
 * An append that doesn't fit sets `full`, which stays: check it once at the end.  One thread.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "concert/slice.h"

struct buf {
	uint8_t *p;
	size_t size, room, max;
	bool fixed; /* p is not ours */
	bool full;  /* something did not fit */
};

void buf_open(struct buf *buf, size_t max);                    /* empty, grows up to max */
void buf_over(struct buf *buf, void *memory, size_t room);     /* over memory of the caller */
void buf_close(struct buf *buf);
void buf_close_part(struct buf *part, struct buf *whole);      /* what it lacks is missing where it went to */
bool buf_reserve(struct buf *buf, size_t more);                /* room for more bytes beyond size; false sets full */

static inline void
buf_clear(struct buf *buf)
{
	buf->size = 0;
	buf->full = false;
}

static inline void
buf_add(struct buf *buf, const void *p, size_t size)
{
	if ((size <= buf->room - buf->size || buf_reserve(buf, size)) && size > 0) {
		memcpy(buf->p + buf->size, p, size);
		buf->size += size;
	}
}

static inline void
buf_add_u8(struct buf *buf, uint8_t byte)
{
	buf_add(buf, &byte, 1);
}

/* Numbers: big-endian, all of their bytes or none. */
static inline void
buf_add_u16(struct buf *buf, uint16_t n)
{
	const uint8_t b[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	buf_add(buf, b, 2);
}

static inline void
buf_add_u32(struct buf *buf, uint32_t n)
{
	const uint8_t b[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	buf_add(buf, b, 4);
}

static inline void
buf_add_u64(struct buf *buf, uint64_t n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(n >> 8 * (7 - i));
	buf_add(buf, b, 8);
}

static inline void
buf_add_slice(struct buf *buf, struct slice s)
{
	buf_add(buf, s.p, s.size);
}

void buf_add_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct slice
buf_slice(const struct buf *buf)
{
	return slice_of(buf->p, buf->size);
}

#endif
