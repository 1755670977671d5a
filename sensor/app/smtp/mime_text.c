/*
 * The words of mail headers: encoded words (RFC 2047), parameters with their continuations (RFC 2231), lists of
 * addresses (RFC 5322, 3.4).  Text in, text out; nothing is kept.
 */
#include "app/smtp/mime.h"

#define PIECES_MAX 32 /* of one parameter */

enum charset { CHARSET_OTHER, CHARSET_UTF8, CHARSET_LATIN1 };

static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

struct slice
mime_drop(struct slice text, size_t size)
{
	return size < text.size ? slice_of(text.p + size, text.size - size) : slice_of("", 0);
}

struct slice
mime_trim(struct slice text)
{
	while (text.size > 0 && is_space(text.p[0]))
		text = mime_drop(text, 1);
	while (text.size > 0 && is_space(text.p[text.size - 1]))
		text.size--;
	return text;
}

bool
mime_begins(struct slice text, const char *word)
{
	size_t size = strlen(word);

	if (text.size < size)
		return false;
	for (size_t i = 0; i < size; i++)
		if (lower(text.p[i]) != (uint8_t)word[i])
			return false;
	return true;
}

bool
mime_says(struct slice text, const char *word)
{
	for (; text.size > 0; text = mime_drop(text, 1))
		if (mime_begins(text, word))
			return true;
	return false;
}

bool
mime_is(struct slice text, const char *word)
{
	return text.size == strlen(word) && mime_begins(text, word);
}

static enum charset
charset_of(struct slice name)
{
	static const char *const latin[] = {
	    "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "windows-1252", "cp1252"};

	if (mime_is(name, "utf-8") || mime_is(name, "utf8") || mime_is(name, "us-ascii") || mime_is(name, "ascii"))
		return CHARSET_UTF8;
	for (size_t i = 0; i < sizeof(latin) / sizeof(latin[0]); i++)
		if (mime_is(name, latin[i]))
			return CHARSET_LATIN1;
	return CHARSET_OTHER;
}

static void
put_byte(struct buf *out, enum charset charset, uint8_t byte)
{
	if (charset == CHARSET_LATIN1 && byte >= 0x80) {
		uint8_t two[2] = {(uint8_t)(0xc0 | byte >> 6), (uint8_t)(0x80 | (byte & 0x3f))};

		buf_add(out, two, 2);
	} else {
		buf_add_u8(out, byte);
	}
}

/* ---- encoded words ---- */

struct word {
	struct slice charset, text;
	uint8_t encoding;      /* 'b' or 'q' */
	size_t size;           /* of all of it */
};

/* "=?charset?b?text?=" at the beginning of text. */
static bool
read_word(struct slice text, struct word *ret_word)
{
	struct slice part[3] = {{0}};
	size_t at = 2;

	if (text.size < 8 || text.p[0] != '=' || text.p[1] != '?')
		return false;
	for (unsigned i = 0; i < 3; i++) {
		size_t start = at;

		while (at < text.size && text.p[at] != '?' && (i == 2 || !is_space(text.p[at])))
			at++;
		if (at >= text.size || text.p[at] != '?')
			return false;
		part[i] = slice_of(text.p + start, at - start);
		at++;
	}
	if (at >= text.size || text.p[at] != '=' || part[1].size != 1)
		return false;
	ret_word->encoding = lower(part[1].p[0]);
	for (size_t i = 0; i < part[0].size; i++)
		if (part[0].p[i] == '*')       /* RFC 2231's language */
			part[0].size = i;
	ret_word->charset = part[0];
	ret_word->text = part[2];
	ret_word->size = at + 1;
	return ret_word->encoding == 'b' || ret_word->encoding == 'q';
}

static void
put_word(struct buf *out, const struct word *word, enum charset charset)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	struct slice in = word->text;
	uint8_t some[64];
	size_t n;

	for (size_t i = 0; word->encoding == 'q' && i < in.size; i++) {
		bool escape =
		    in.p[i] == '=' && in.size - i >= 3 && mime_hex(in.p[i + 1]) >= 0 && mime_hex(in.p[i + 2]) >= 0;

		if (escape) {
			put_byte(out, charset, (uint8_t)(mime_hex(in.p[i + 1]) << 4 | mime_hex(in.p[i + 2])));
			i += 2;
		} else {
			put_byte(out, charset, in.p[i] == '_' ? ' ' : in.p[i]);
		}
	}
	while (word->encoding == 'b' && in.size > 0) {
		n = mime_decode(&code, &in, some, sizeof(some));
		for (size_t i = 0; i < n; i++)
			put_byte(out, charset, some[i]);
	}
	n = mime_decode_end(&code, some, sizeof(some));
	for (size_t i = 0; i < n; i++)
		put_byte(out, charset, some[i]);
}

size_t
mime_words(struct slice text, uint8_t *out, size_t room)
{
	struct buf buf;
	bool after = false; /* an encoded word: white space up to the next one is none */

	buf_over(&buf, out, room);
	while (text.size > 0) {
		struct slice at = text;
		struct word word;
		size_t spaces = 0;

		while (after && spaces < at.size && is_space(at.p[spaces]))
			spaces++;
		at = mime_drop(at, spaces);
		if (read_word(at, &word) && charset_of(word.charset) != CHARSET_OTHER) {
			put_word(&buf, &word, charset_of(word.charset));
			text = mime_drop(at, word.size);
			after = true;
			continue;
		}
		after = false;
		buf_add_u8(&buf, text.p[0]);
		text = mime_drop(text, 1);
	}
	return buf.size;
}

/* ---- parameters ---- */

struct parameter {
	struct slice name, value;
	bool quoted;
};

/* The next "; name=value" of a header. */
static bool
next_parameter(struct slice *rest, struct parameter *ret_parameter)
{
	struct slice in = *rest;
	size_t n = 0;

	while (in.size > 0 && (in.p[0] == ';' || is_space(in.p[0])))
		in = mime_drop(in, 1);
	while (n < in.size && in.p[n] != '=' && in.p[n] != ';')
		n++;
	if (in.size == 0)
		return false;
	*ret_parameter = (struct parameter){.name = mime_trim(slice_of(in.p, n)), .value = slice_of("", 0)};
	if (n == in.size || in.p[n] == ';') {
		*rest = mime_drop(in, n);
		return true;
	}
	in = mime_drop(in, n + 1);
	while (in.size > 0 && is_space(in.p[0]))
		in = mime_drop(in, 1);
	n = 0;
	if (in.size > 0 && in.p[0] == '"') {
		in = mime_drop(in, 1);
		while (n < in.size && in.p[n] != '"')
			n += in.p[n] == '\\' && n + 1 < in.size ? 2 : 1;
		ret_parameter->quoted = true;
		ret_parameter->value = slice_of(in.p, n);
		n = n < in.size ? n + 1 : n;
		while (n < in.size && in.p[n] != ';')
			n++;
	} else {
		while (n < in.size && in.p[n] != ';')
			n++;
		ret_parameter->value = mime_trim(slice_of(in.p, n));
	}
	*rest = mime_drop(in, n);
	return true;
}

static void
put_plain(struct buf *out, const struct parameter *parameter)
{
	struct slice value = parameter->value;

	for (size_t i = 0; i < value.size; i++) {
		if (parameter->quoted && value.p[i] == '\\' && i + 1 < value.size)
			i++;
		buf_add_u8(out, value.p[i]);
	}
}

/* charset'language'text with %XX; only the first piece has the head. */
static void
put_extended(struct buf *out, struct slice value, bool first, enum charset *charset)
{
	unsigned quotes = 0;

	for (size_t i = 0; first && i < value.size && quotes < 2; i++) {
		if (value.p[i] != '\'')
			continue;
		if (quotes++ == 0)
			*charset = charset_of(slice_of(value.p, i));
		else
			value = mime_drop(value, i + 1);
	}
	for (size_t i = 0; i < value.size; i++) {
		bool escape = value.p[i] == '%' && value.size - i >= 3 && mime_hex(value.p[i + 1]) >= 0 &&
		    mime_hex(value.p[i + 2]) >= 0;

		if (escape) {
			put_byte(out, *charset, (uint8_t)(mime_hex(value.p[i + 1]) << 4 | mime_hex(value.p[i + 2])));
			i += 2;
		} else {
			buf_add_u8(out, value.p[i]);
		}
	}
}

/* What stands behind the name: "", "*", "*0", "*0*".  false: another parameter.  *ret_index -1: not a piece. */
static bool
suffix_of(struct slice is, const char *name, int *ret_index, bool *ret_extended)
{
	struct slice rest;
	int index = -1;

	if (!mime_begins(is, name))
		return false;
	rest = mime_drop(is, strlen(name));
	*ret_extended = false;
	if (rest.size > 1 && rest.p[0] == '*' && rest.p[1] != '*') {
		rest = mime_drop(rest, 1);
		index = 0;
		while (rest.size > 0 && rest.p[0] >= '0' && rest.p[0] <= '9' && index < PIECES_MAX) {
			index = index * 10 + (rest.p[0] - '0');
			rest = mime_drop(rest, 1);
		}
	}
	if (rest.size == 1 && rest.p[0] == '*') {
		*ret_extended = true;
		rest.size = 0;
	}
	*ret_index = index;
	return rest.size == 0;
}

size_t
mime_parameter(struct slice header, const char *name, uint8_t *out, size_t room, bool *ret_cut)
{
	enum charset charset = CHARSET_OTHER;
	struct parameter parameter;
	struct buf buf;
	bool found = false;

	while (header.size > 0 && header.p[0] != ';')
		header = mime_drop(header, 1);
	/* piece -1, the whole, first; then 0, 1, … as long as there are */
	for (int want = -1; want < PIECES_MAX; want++) {
		struct slice rest = header;
		bool here = false, extended = false;
		int index = -1;

		if (want == -1)
			buf_over(&buf, out, room);
		while (!here && next_parameter(&rest, &parameter))
			here = suffix_of(parameter.name, name, &index, &extended) && index == want;
		if (!here && want >= 0)
			break;
		if (!here)
			continue;
		if (want == 0)
			buf_over(&buf, out, room);  /* pieces go before a whole value */
		found = true;
		if (extended)
			put_extended(&buf, parameter.value, want <= 0, &charset);
		else
			put_plain(&buf, &parameter);
	}
	*ret_cut = found && buf.full;
	return found ? buf.size : 0;
}

/* ---- addresses ---- */

bool
mime_next_address(struct slice *list, struct slice *ret_address)
{
	while (list->size > 0) {
		bool quoted = false, angle = false;
		unsigned comment = 0;
		size_t n = 0;

		for (; n < list->size; n++) {
			uint8_t c = list->p[n];

			if (c == '\\' && (quoted || comment > 0))
				n++;
			else if (c == '"' && comment == 0)
				quoted = !quoted;
			else if (quoted)
				continue;
			else if (c == '(')
				comment++;
			else if (c == ')' && comment > 0)
				comment--;
			else if (c == '<' || c == '>')
				angle = c == '<';
			else if (c == ',' && comment == 0 && !angle)
				break;
		}
		if (n > list->size)
			n = list->size;
		*ret_address = mime_trim(slice_of(list->p, n));
		*list = mime_drop(*list, n + 1);
		if (ret_address->size > 0)
			return true;
	}
	return false;
}
