/*
 * Text of others made safe for one line: what changes how other text looks is shown as <U+XXXX>, what is too long loses
 * its middle.  Each form escapes what is left by its own rules.  Pure.
 */
#include "base/utf8.h"
#include "cases/cases.h"

/* Characters that change what others look like: controls, direction, joiners, tags, line separators. */
static bool
is_sly(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

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

static void
add_char(struct buf *out, uint32_t c, const uint8_t *from, const uint8_t *to)
{
	if (is_sly(c))
		buf_printf(out, "<U+%04X>", (unsigned)c);
	else if (c == 0xfffd)
		buf_add_text(out, "\xef\xbf\xbd");
	else
		buf_add(out, from, (size_t)(to - from));
}

/* What is too long loses its middle: hashes and names are told apart by both ends. */
void
cases_clean(struct buf *out, const char *text, size_t most)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	size_t count = 0, head, tail, at = 0;

	while (p < end) {
		(void)take_char(&p, end);
		count++;
	}
	head = count > most ? most * 3 / 5 : count;
	tail = count > most ? most - head - 1 : 0;
	for (p = (const uint8_t *)text; p < end; at++) {
		const uint8_t *from = p;
		uint32_t c = take_char(&p, end);

		if (at < head || at >= count - tail)
			add_char(out, c, from, p);
		else if (at == head)
			buf_add_text(out, "\u2026");
	}
}
