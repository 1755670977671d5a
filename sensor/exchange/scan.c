/*
 * Strict reading of JSON (RFC 8259) without building a tree: for what has to be judged before anybody believes it,
 * fifty thousand times a second.  Refused: a member that is there twice, names with escapes (no name of STIX needs
 * any), text that is no UTF-8, nesting beyond SCAN_DEPTH, objects of more than SCAN_MEMBERS members.  Any thread, no
 * state.
 */
#include "base/plain.h"
#include "base/utf8.h"
#include "exchange/jws_own.h"

static inline int
peek(const struct cur *c)
{
	return c->p < c->end ? *c->p : -1;
}

static bool
scan_escape(struct cur *c)
{
	uint8_t b = cur_u8(c);

	if (b != 'u')
		return !c->bad && strchr("\"\\/bfnrt", b) != NULL && b != 0;
	for (int i = 0; i < 4; i++) {
		b = cur_u8(c);
		if (!((b >= '0' && b <= '9') || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F')))
			return false;
	}
	return true;
}

bool
scan_string(struct cur *c, struct slice *ret_raw, bool *ret_plain)
{
	const uint8_t *start = c->p;

	*ret_plain = true;
	for (;;) {
		size_t size;

		cur_skip(c, json_plain_run(c->p, cur_left(c)));
		if (cur_left(c) == 0)
			return false;
		if (*c->p == '"') {
			*ret_raw = slice_of(start, (size_t)(c->p - start));
			cur_skip(c, 1);
			return true;
		}
		if (*c->p == '\\') {
			*ret_plain = false;
			cur_skip(c, 1);
			if (!scan_escape(c))
				return false;
			continue;
		}
		if (*c->p < 0x20)
			return false;
		size = utf8_char_size(c->p, c->end);
		if (size == 0)
			return false;
		cur_skip(c, size);
	}
}

static bool
scan_digits(struct cur *c)
{
	if (!(peek(c) >= '0' && peek(c) <= '9'))
		return false;
	while (peek(c) >= '0' && peek(c) <= '9')
		cur_skip(c, 1);
	return true;
}

static bool
scan_number(struct cur *c)
{
	if (peek(c) == '-')
		cur_skip(c, 1);
	if (peek(c) == '0')
		cur_skip(c, 1);
	else if (!scan_digits(c))
		return false;
	if (peek(c) == '.') {
		cur_skip(c, 1);
		if (!scan_digits(c))
			return false;
	}
	if (peek(c) == 'e' || peek(c) == 'E') {
		cur_skip(c, 1);
		if (peek(c) == '+' || peek(c) == '-')
			cur_skip(c, 1);
		return scan_digits(c);
	}
	return true;
}

static bool
scan_word(struct cur *c, const char *word)
{
	return slice_is(cur_take(c, strlen(word)), word);
}

static bool
is_new(const struct slice *name, size_t count, struct slice fresh)
{
	for (size_t i = 0; i < count; i++) {
		if (name[i].size == fresh.size &&
		    (fresh.size == 0 || (*name[i].p == *fresh.p && memcmp(name[i].p, fresh.p, fresh.size) == 0)))
			return false;
	}
	return true;
}

static bool
scan_object(struct cur *c, unsigned depth)
{
	struct slice name[SCAN_MEMBERS];
	size_t count = 0;
	bool plain;

	scan_space(c);
	if (peek(c) == '}') {
		cur_skip(c, 1);
		return true;
	}
	for (;;) {
		if (count == SCAN_MEMBERS || cur_u8(c) != '"' || !scan_string(c, &name[count], &plain) || !plain ||
		    !is_new(name, count, name[count]))
			return false;
		count++;
		scan_space(c);
		if (cur_u8(c) != ':' || !scan_value(c, depth + 1))
			return false;
		switch (cur_u8(c)) {
		case ',':
			scan_space(c);
			break;
		case '}':
			return true;
		default:
			return false;
		}
	}
}

static bool
scan_array(struct cur *c, unsigned depth)
{
	scan_space(c);
	if (peek(c) == ']') {
		cur_skip(c, 1);
		return true;
	}
	for (;;) {
		if (!scan_value(c, depth + 1))
			return false;
		switch (cur_u8(c)) {
		case ',':
			break;
		case ']':
			return true;
		default:
			return false;
		}
	}
}

/* One value, and the space around it. */
bool
scan_value(struct cur *c, unsigned depth)
{
	struct slice raw;
	bool good, plain;

	scan_space(c);
	if (depth > SCAN_DEPTH)
		return false;
	switch (peek(c)) {
	case '"':
		cur_skip(c, 1);
		good = scan_string(c, &raw, &plain);
		break;
	case '{':
		cur_skip(c, 1);
		good = scan_object(c, depth);
		break;
	case '[':
		cur_skip(c, 1);
		good = scan_array(c, depth);
		break;
	case 't':
		good = scan_word(c, "true");
		break;
	case 'f':
		good = scan_word(c, "false");
		break;
	case 'n':
		good = scan_word(c, "null");
		break;
	default:
		good = scan_number(c);
	}
	scan_space(c);
	return good;
}

/* ---- what an escaped string says ---- */

static uint32_t
hex4(struct cur *c)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++) {
		uint8_t b = cur_u8(c);

		n = n << 4 | (uint32_t)(b <= '9' ? b - '0' : (b | 0x20) - 'a' + 10);
	}
	return n;
}

static void
put_char(struct buf *out, uint32_t n)
{
	uint8_t b[4];

	buf_add(out, b, utf8_put(n, b));
}

bool
scan_unescape(struct slice raw, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	struct cur c = cur_slice(raw);

	while (cur_left(&c) > 0) {
		uint8_t b = cur_u8(&c);
		const char *at;
		uint32_t n, low;

		if (b != '\\') {
			buf_add_u8(out, b);
			continue;
		}
		b = cur_u8(&c);
		at = b != 0 ? strchr(from, b) : NULL;
		if (at != NULL) {
			buf_add_u8(out, (uint8_t)to[at - from]);
			continue;
		}
		n = hex4(&c);
		if (n >= 0xdc00 && n < 0xe000)
			return false;
		if (n >= 0xd800 && n < 0xdc00) {
			if (!slice_is(cur_take(&c, 2), "\\u"))
				return false;
			low = hex4(&c);
			if (low < 0xdc00 || low >= 0xe000)
				return false;
			n = 0x10000 + ((n - 0xd800) << 10) + (low - 0xdc00);
		}
		put_char(out, n);
	}
	return !c.bad && !out->full;
}
