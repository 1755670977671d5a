/*
 * Text of others made safe for one line: what changes how other text looks is shown as <U+XXXX>, what is too long loses
 * its middle.  Each form escapes what is left by its own rules.  Pure.
 */
#include "base/utf8.h"
#include "cases/cases.h"

/* Characters that change what others look like, or that nobody sees: controls, direction, joiners, tags, line
 * separators, fillers. */
static bool
is_sly(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff) || c == 0x34f ||
	       c == 0x115f || c == 0x1160 || c == 0x2800 || c == 0x3164 || c == 0xffa0 || (c >= 0xfe00 && c <= 0xfe0f);
}

/* Marks that stand over or under the letter before: a heap of them covers other lines. */
static bool
is_mark(uint32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) || (c >= 0x1ab0 && c <= 0x1aff) ||
	       (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe20 && c <= 0xfe2f);
}

#define MARKS 2 /* on one letter */

static uint32_t
take_char(const uint8_t **p, const uint8_t *end)
{
	size_t size = **p >= 0x80 ? utf8_char_size(*p, end) : 1;
	uint32_t c = size <= 1 ? **p : **p & (0x7fu >> size);

	for (size_t i = 1; i < size; i++)
		c = c << 6 | ((*p)[i] & 0x3fu);
	*p += size > 0 ? size : 1;
	return size == 0 ? 0xfffd : c;
}

/* How many characters are shown for it; marks: how many in a row, this one with them. */
static size_t
shown(uint32_t c, size_t marks)
{
	if (marks > MARKS)
		return marks == MARKS + 1;
	return !is_sly(c) ? 1 : c > 0xffff ? 9 : 8;
}

static void
add_char(struct buf *out, uint32_t c, const uint8_t *from, const uint8_t *to, size_t marks)
{
	if (marks > MARKS)
		buf_add_text(out, marks == MARKS + 1 ? "\u2026" : "");
	else if (is_sly(c))
		buf_printf(out, "<U+%04X>", (unsigned)c);
	else if (c == 0xfffd)
		buf_add_text(out, "\xef\xbf\xbd");
	else
		buf_add(out, from, (size_t)(to - from));
}

/* What is too long loses its middle: hashes and names are told apart by both ends.  What counts is what is shown. */
void
cases_clean(struct buf *out, const char *text, size_t most)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	size_t all = 0, head, tail, at = 0, marks = 0;
	bool cut = false;

	while (p < end) {
		uint32_t c = take_char(&p, end);

		marks = is_mark(c) ? marks + 1 : 0;
		all += shown(c, marks);
	}
	head = all > most ? most * 3 / 5 : all;
	tail = all > most ? most - head - 1 : 0;
	marks = 0;
	for (p = (const uint8_t *)text; p < end;) {
		const uint8_t *from = p;
		uint32_t c = take_char(&p, end);
		size_t size;

		marks = is_mark(c) ? marks + 1 : 0;
		size = shown(c, marks);
		if ((at + size <= head && !cut) || at >= all - tail)
			add_char(out, c, from, p, marks);
		else if (!cut)
			buf_add_text(out, "\u2026");
		cut = cut || at + size > head;
		at += size;
	}
}
