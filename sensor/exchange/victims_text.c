/*
 * Addresses of ours within texts: a URL to one of our servers, a host named after its address, a reverse look-up.  What
 * is found makes the text stay here; so a few words too many are found rather than one too few.  No state.
 */
#include "exchange/victims.h"

#include <ctype.h>
#include <stdlib.h>

#define PLAIN_MAX 65536
#define NIBBLES 32

static bool
digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* %XX undone, into out; what is longer is cut (texts of records are shorter). */
static struct slice
plain_of(struct slice text, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.size && n < PLAIN_MAX; i++) {
		if (text.p[i] == '%' && i + 2 < text.size && hex_value(text.p[i + 1]) >= 0 &&
		    hex_value(text.p[i + 2]) >= 0) {
			out[n++] = (uint8_t)(hex_value(text.p[i + 1]) << 4 | hex_value(text.p[i + 2]));
			i += 2;
		} else {
			out[n++] = text.p[i];
		}
	}
	return slice_of(out, n);
}

static bool
ours4(const struct victims *victims, const uint8_t b[4])
{
	struct cc_addr there = cc_addr4(b), back = cc_addr4((const uint8_t[]){b[3], b[2], b[1], b[0]});

	return victims_ours(victims, &there) || victims_ours(victims, &back);
}

/* Four numbers with one separator between them, from p on. */
static bool
dotted_at(const struct victims *victims, const uint8_t *p, const uint8_t *end)
{
	uint8_t b[4], separator = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;

		while (p < end && digit(*p) && digits < 4) {
			value = value * 10 + (unsigned)(*p++ - '0');
			digits++;
		}
		if (digits == 0 || value > 255)
			return false;
		b[i] = (uint8_t)value;
		if (i == 3)
			break;
		if (p == end || (*p != '.' && *p != '-' && *p != '_') || (separator != 0 && *p != separator))
			return false;
		separator = *p++;
	}
	return ours4(victims, b);
}

/* The longest text from p on that is an IPv6 address. */
static bool
six_at(const struct victims *victims, const uint8_t *p, const uint8_t *end)
{
	char text[CC_ADDR_TEXT];
	size_t size = 0, colons = 0;
	struct cc_addr addr;

	while (p + size < end && size + 1 < sizeof(text) &&
	       (hex_value(p[size]) >= 0 || p[size] == ':' || p[size] == '.')) {
		text[size] = (char)p[size];
		colons += p[size] == ':';
		size++;
	}
	for (; colons >= 2 && size >= 2; size--) {
		text[size] = '\0';
		if (cc_addr_parse(text, &addr) == CC_OK)
			return victims_ours(victims, &addr);
		colons -= text[size - 1] == ':';
	}
	return false;
}

/* "b.a.9.…": 32 nibbles, last first, as in ip6.arpa; or 32 in one word, first first. */
static bool
nibbles_at(const struct victims *victims, const uint8_t *p, const uint8_t *end, bool dots)
{
	struct cc_addr addr = {{0}};

	for (unsigned i = 0; i < NIBBLES; i++) {
		unsigned at = dots ? NIBBLES - 1 - i : i;

		if (p == end || hex_value(*p) < 0)
			return false;
		addr.b[at / 2] |= (uint8_t)(hex_value(*p++) << (at % 2 == 0 ? 4 : 0));
		if (dots && i < NIBBLES - 1 && (p == end || *p++ != '.'))
			return false;
	}
	return victims_ours(victims, &addr);
}

/* A URL's host as browsers read it: one number, decimal, octal or hexadecimal. */
static bool
number_at(const struct victims *victims, const uint8_t *p, const uint8_t *end)
{
	char text[16];
	size_t size = 0;
	unsigned long value;
	char *rest;

	while (p + size < end && size + 1 < sizeof(text) && isalnum(p[size])) {
		text[size] = (char)p[size];
		size++;
	}
	text[size] = '\0';
	value = strtoul(text, &rest, 0);
	if (size == 0 || *rest != '\0' || value > UINT32_MAX || (p + size < end && p[size] == '.'))
		return false;
	return ours4(victims,
	    (const uint8_t[]){(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value});
}

/*
 * How long a product's version from p on is, as in "Chrome/131.0.0.0 Safari/537.36" (RFC 9110, 10.1.5): numbers and
 * points behind a name and a slash, then a space, a bracket or the end.  0 where it may be an address: behind "//", in
 * a path, with a port, behind a name with points.
 */
static size_t
version_at(struct slice text, const uint8_t *p)
{
	const uint8_t *end = text.p + text.size, *q = p, *name = p - 1;
	bool letter = false;

	if (p < text.p + 2 || p[-1] != '/')
		return 0;
	for (; name > text.p && (isalnum(name[-1]) || name[-1] == '_' || name[-1] == '-'); name--)
		letter = letter || isalpha(name[-1]);
	if (!letter || (name > text.p && memchr(" (;,", name[-1], 4) == NULL))
		return 0;
	while (q < end && (digit(*q) || *q == '.'))
		q++;
	return q == end || memchr(" );,", *q, 4) != NULL ? (size_t)(q - p) : 0;
}

static bool
named_in_plain(const struct victims *victims, struct slice text, bool agent)
{
	const uint8_t *end = text.p + text.size;
	bool number = false; /* the character before belongs to the same number */

	for (const uint8_t *p = text.p; p < end; p++) {
		size_t version = agent && digit(*p) ? version_at(text, p) : 0;

		if (version > 0) {
			p += version - 1;
			number = true;
			continue;
		}
		bool begins = digit(*p) && !number;

		if (begins && dotted_at(victims, p, end))
			return true;
		if ((hex_value(*p) >= 0 || *p == ':') && (p == text.p || (hex_value(p[-1]) < 0 && p[-1] != ':')) &&
		    (six_at(victims, p, end) || nibbles_at(victims, p, end, true) ||
			nibbles_at(victims, p, end, false)))
			return true;
		if (*p == '/' && p > text.p && p[-1] == '/' && number_at(victims, p + 1, end))
			return true;
		if (*p == '@' && number_at(victims, p + 1, end))
			return true;
		number = digit(*p);
	}
	return number_at(victims, text.p, end);
}

static bool
named_in(const struct victims *victims, struct slice text, bool agent)
{
	static const uint8_t nothing[1];
	uint8_t plain[PLAIN_MAX];

	if (victims == NULL || text.size == 0)
		return false;
	text.p = text.p != NULL ? text.p : nothing;
	return named_in_plain(victims, text, agent) ||
	       (memchr(text.p, '%', text.size) != NULL && named_in_plain(victims, plain_of(text, plain), agent));
}

bool
victims_named_in(const struct victims *victims, struct slice text)
{
	return named_in(victims, text, false);
}

bool
victims_named_in_agent(const struct victims *victims, struct slice text)
{
	return named_in(victims, text, true);
}
