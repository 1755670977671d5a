/*
 * Growing bytes: room doubles up to max, and what doesn't fit sets `full` instead of failing each call.
 * Not for the packet path unless over fixed memory.  One thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define BUF_ROOM_FIRST 256

void
buf_open(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void
buf_over(struct buf *buf, void *memory, size_t room)
{
	*buf = (struct buf){.p = memory, .room = room, .max = room, .fixed = true};
}

void
buf_close(struct buf *buf)
{
	if (buf == NULL)
		return;
	if (!buf->fixed)
		free(buf->p);
	*buf = (struct buf){.p = NULL};
}

void
buf_close_part(struct buf *part, struct buf *whole)
{
	whole->full = whole->full || part->full;
	buf_close(part);
}

bool
buf_reserve(struct buf *buf, size_t more)
{
	size_t need, room = buf->room > 0 ? buf->room : BUF_ROOM_FIRST;
	uint8_t *p;

	if (more <= buf->room - buf->size)
		return true;
	if (buf->fixed || more > buf->max - buf->size) {
		buf->full = true;
		return false;
	}
	need = buf->size + more;
	while (room < need && room <= buf->max / 2)
		room *= 2;
	if (room < need || room > buf->max)
		room = buf->max;
	p = realloc(buf->p, room);
	if (p == NULL) {
		buf->full = true;
		return false;
	}
	buf->p = p;
	buf->room = room;
	return true;
}

void
buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

/* size bytes of text that don't fit together with the NUL of vsnprintf(), but may without. */
static void
print_exact(struct buf *buf, size_t size, const char *format, va_list args)
{
	char *text = malloc(size + 1);

	if (text == NULL) {
		buf->full = true;
		return;
	}
	(void)vsnprintf(text, size + 1, format, args);
	buf_add(buf, text, size);
	free(text);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	size_t left = buf->room - buf->size;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(left > 0 ? (char *)buf->p + buf->size : NULL, left, format, args);
	if (n < 0) {
		buf->full = true;
	} else if ((size_t)n < left) {
		buf->size += (size_t)n;
	} else if ((size_t)n > buf->max - buf->size) {
		buf->full = true;
	} else if ((size_t)n == buf->max - buf->size) {
		print_exact(buf, (size_t)n, format, again);
	} else if (buf_reserve(buf, (size_t)n + 1)) {
		(void)vsnprintf((char *)buf->p + buf->size, (size_t)n + 1, format, again);
		buf->size += (size_t)n;
	}
	va_end(again);
	va_end(args);
}
