/*
 * The normal form of a URL, so that two sensors that saw one name it alike.
 *
 * As the WHATWG URL standard writes http and https ones: tabs and ends of lines taken away, the host decoded, mapped by
 * IDNA, addresses of IPv4 in any notation in four decimal parts, default ports dropped, dot segments resolved, also
 * where they are escaped, backslashes turned; beyond it without user and fragment, percent escapes in upper case, and
 * escaped until RFC 3986 has a place for every character.  Hostile text; no state.
 */
#include "indicate/own.h"

#define URL_MAX 2048
#define HOST_MAX 1024
#define CLEAN_MAX 8192 /* what is longer would not fit into URL_MAX */

/*
 * In the standard's percent-encode sets, and what RFC 3986 has no place for, which the standard leaves alone: the
 * result is a URI to everybody.
 */
static bool
must_escape(uint8_t c, bool query)
{
	if (c <= ' ' || c >= 0x7f || strchr("\"<>[]\\^`{|}#", c) != NULL)
		return true;
	return query && c == '\'';
}

static void
put_escaped(struct buf *out, struct slice s, bool query)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (c == '%' && i + 2 < s.size && hex_value(s.p[i + 1]) >= 0 && hex_value(s.p[i + 2]) >= 0) {
			buf_add_u8(out, '%');
			buf_add_u8(out, (uint8_t)digit[hex_value(s.p[++i])]);
			buf_add_u8(out, (uint8_t)digit[hex_value(s.p[++i])]);
		} else if (must_escape(c, query) || c == '%') {
			buf_add_u8(out, '%');
			buf_add_u8(out, (uint8_t)digit[c >> 4]);
			buf_add_u8(out, (uint8_t)digit[c & 15]);
		} else {
			buf_add_u8(out, c);
		}
	}
}

/* How many dots a segment is, "%2e" being one: 1 for ".", 2 for "..", 0 for anything else. */
static unsigned
dots(struct slice s)
{
	unsigned count = 0;
	size_t i = 0;

	while (i < s.size) {
		if (s.p[i] == '.')
			i++;
		else if (s.size - i >= 3 && s.p[i] == '%' && s.p[i + 1] == '2' && (s.p[i + 2] | 0x20) == 'e')
			i += 3;
		else
			return 0;
		count++;
	}
	return count <= 2 ? count : 0;
}

/* Back to before the last '/' of the path that begins at `path`. */
static void
drop_segment(struct buf *out, size_t path)
{
	while (out->size > path && out->p[out->size - 1] != '/')
		out->size--;
	if (out->size > path)
		out->size--;
}

static void
put_path(struct buf *out, struct slice path)
{
	size_t begin = out->size, at = 0;

	if (path.size == 0)
		buf_add_u8(out, '/');
	while (at < path.size) {
		size_t size = 0;
		struct slice segment;
		bool last;
		unsigned n;

		at++; /* the slash */
		while (at + size < path.size && path.p[at + size] != '/' && path.p[at + size] != '\\')
			size++;
		segment = slice_of(path.p + at, size);
		last = at + size >= path.size;
		n = dots(segment);
		if (n == 2)
			drop_segment(out, begin);
		if (n == 0 || last) {
			buf_add_u8(out, '/');
			if (n == 0)
				put_escaped(out, segment, false);
		}
		at += size;
	}
}

/* ---- the host ---- */

/* "0x7f.1", "017700000001", "2130706433": a number a part, the last of which fills what is left.  CC_BAD: too large. */
static enum cc_status
ipv4_part(struct slice s, uint64_t *ret_number)
{
	unsigned base = 10;
	uint64_t n = 0;

	if (s.size == 0)
		return CC_BAD;
	if (s.size >= 2 && s.p[0] == '0') {
		base = (s.p[1] | 0x20) == 'x' ? 16 : 8;
		s = slice_of(s.p + (base == 16 ? 2 : 1), s.size - (base == 16 ? 2 : 1));
	}
	for (size_t i = 0; i < s.size; i++) {
		int digit = hex_value(s.p[i]);

		if (digit < 0 || (unsigned)digit >= base || n > UINT32_MAX)
			return CC_BAD;
		n = n * base + (unsigned)digit;
	}
	*ret_number = n;
	return CC_OK;
}

static enum cc_status
put_ipv4(struct buf *out, struct slice host)
{
	uint64_t part[4], whole = 0;
	unsigned count = 0;
	uint8_t bytes[4];
	char text[CC_ADDR_TEXT];
	struct cc_addr addr;

	if (host.size > 0 && host.p[host.size - 1] == '.')
		host.size--;
	while (true) {
		const uint8_t *dot = host.size > 0 ? memchr(host.p, '.', host.size) : NULL;
		size_t size = dot != NULL ? (size_t)(dot - host.p) : host.size;

		if (count == 4 || ipv4_part(slice_of(host.p, size), &part[count++]) != CC_OK)
			return CC_BAD;
		if (dot == NULL)
			break;
		host = slice_of(dot + 1, host.size - size - 1);
	}
	for (unsigned i = 0; i + 1 < count; i++) {
		if (part[i] > 255)
			return CC_BAD;
		whole |= part[i] << (24 - 8 * i);
	}
	if (part[count - 1] >> (8 * (5 - count)) != 0)
		return CC_BAD;
	whole |= part[count - 1];
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(whole >> (24 - 8 * i));
	addr = cc_addr4(bytes);
	buf_add_text(out, cc_addr_text(&addr, text));
	return CC_OK;
}

static enum cc_status
put_ipv6(struct buf *out, struct slice inner)
{
	char text[CC_ADDR_TEXT];
	struct cc_addr addr;

	if (inner.size >= sizeof(text) || memchr(inner.p, ':', inner.size) == NULL ||
	    memchr(inner.p, 0, inner.size) != NULL)
		return CC_BAD;
	memcpy(text, inner.p, inner.size);
	text[inner.size] = '\0';
	if (cc_addr_parse(text, &addr) != CC_OK)
		return CC_BAD;
	if (cc_addr_is4(&addr)) /* the standard has no dots between brackets */
		buf_printf(out, "[::ffff:%x:%x]", addr.b[12] << 8 | addr.b[13], addr.b[14] << 8 | addr.b[15]);
	else
		buf_printf(out, "[%s]", cc_addr_text(&addr, text));
	return CC_OK;
}

/* A domain, an IPv4 address in any notation, or "[IPv6]". */
static enum cc_status
put_host(struct buf *out, struct slice host)
{
	uint8_t plain[HOST_MAX], memory[HOST_MAX];
	struct buf decoded, ascii;
	bool is_ascii = true;

	if (host.size > 2 && host.p[0] == '[' && host.p[host.size - 1] == ']')
		return put_ipv6(out, slice_of(host.p + 1, host.size - 2));
	buf_over(&decoded, plain, sizeof(plain));
	for (size_t i = 0; i < host.size; i++) {
		uint8_t c = host.p[i];

		if (c == '%' && i + 2 < host.size && hex_value(host.p[i + 1]) >= 0 && hex_value(host.p[i + 2]) >= 0) {
			c = (uint8_t)(hex_value(host.p[i + 1]) << 4 | hex_value(host.p[i + 2]));
			i += 2;
		}
		is_ascii = is_ascii && c < 0x80;
		buf_add_u8(&decoded, c);
	}
	buf_over(&ascii, memory, sizeof(memory));
	if (is_ascii)
		buf_add_slice(&ascii, buf_slice(&decoded));
	else if (normal_idna(buf_slice(&decoded), &ascii) != CC_OK)
		return CC_BAD;
	if (decoded.full || ascii.full)
		return CC_BAD;
	if (normal_ends_in_number(buf_slice(&ascii)))
		return put_ipv4(out, buf_slice(&ascii));
	if (indicate_domain(buf_slice(&ascii), &decoded) != CC_OK)
		return CC_BAD;
	buf_add_slice(out, buf_slice(&decoded));
	return CC_OK;
}

/* ---- the whole ---- */

/* What follows the first byte of s that is in stop, and s without it. */
static struct slice
cut_at(struct slice *s, const char *stop, bool *ret_found)
{
	for (size_t i = 0; i < s->size; i++) {
		if (strchr(stop, s->p[i]) != NULL && s->p[i] != '\0') {
			struct slice rest = slice_of(s->p + i, s->size - i);

			s->size = i;
			*ret_found = true;
			return rest;
		}
	}
	*ret_found = false;
	return slice_of(NULL, 0);
}

/* "user:password@host:port" */
static enum cc_status
read_authority(struct slice authority, struct slice *ret_host, uint16_t *ret_port)
{
	const uint8_t *at = authority.size > 0 ? memrchr(authority.p, '@', authority.size) : NULL;
	struct slice host;
	uint64_t number = 0;

	if (at != NULL)
		authority = slice_of(at + 1, authority.size - (size_t)(at + 1 - authority.p));
	host = authority;
	while (host.size > 0 && host.p[host.size - 1] >= '0' && host.p[host.size - 1] <= '9')
		host.size--;
	*ret_port = 0;
	*ret_host = authority;
	if (host.size == 0 || host.p[host.size - 1] != ':')
		return CC_OK;
	for (size_t i = host.size; i < authority.size && number <= UINT16_MAX; i++)
		number = number * 10 + (unsigned)(authority.p[i] - '0');
	if (number > UINT16_MAX)
		return CC_BAD;
	*ret_port = (uint16_t)number;
	*ret_host = slice_of(host.p, host.size - 1);
	return CC_OK;
}

/*
 * The absolute form that proxies are sent: its own scheme and host count.  The standard takes any number of slashes,
 * either way they lean, behind these schemes, and so do browsers.
 */
static enum cc_status
take_absolute(struct slice *scheme, struct slice *host, uint16_t *port, struct slice *target)
{
	static const char *const names[] = {"http", "https"};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(names[i]);
		struct slice authority;
		bool found;

		if (target->size <= size + 1 || target->p[size] != ':' ||
		    !text_eq_nocase(slice_of(target->p, size), names[i]))
			continue;
		*scheme = slice_str(names[i]);
		for (size++; size < target->size && (target->p[size] == '/' || target->p[size] == '\\'); size++)
			;
		authority = slice_of(target->p + size, target->size - size);
		*target = cut_at(&authority, "/\\?#", &found);
		return read_authority(authority, host, port);
	}
	return CC_OK;
}

/* Without what stands around it, and without tabs and ends of lines, which the standard takes away before anything. */
static enum cc_status
clean(struct slice *target, uint8_t *room, size_t size)
{
	struct slice s = *target;
	struct buf out;

	while (s.size > 0 && s.p[0] <= ' ')
		s = slice_of(s.p + 1, s.size - 1);
	while (s.size > 0 && s.p[s.size - 1] <= ' ')
		s.size--;
	*target = s;
	if (s.size == 0 || (memchr(s.p, '\t', s.size) == NULL && memchr(s.p, '\r', s.size) == NULL &&
			       memchr(s.p, '\n', s.size) == NULL))
		return CC_OK;
	buf_over(&out, room, size);
	for (size_t i = 0; i < s.size; i++)
		if (s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			buf_add_u8(&out, s.p[i]);
	*target = buf_slice(&out);
	return out.full ? CC_BAD : CC_OK;
}

enum cc_status
indicate_url(struct slice scheme, struct slice host, uint16_t port, struct slice target, struct buf *ret_out)
{
	struct slice query, fragment;
	bool has_query, has_fragment, http;
	uint8_t room[CLEAN_MAX];

	buf_clear(ret_out);
	if (clean(&target, room, sizeof(room)) != CC_OK || take_absolute(&scheme, &host, &port, &target) != CC_OK)
		return CC_BAD;
	http = text_eq_nocase(scheme, "http");
	if (!http && !text_eq_nocase(scheme, "https"))
		return CC_BAD;
	fragment = cut_at(&target, "#", &has_fragment);
	(void)fragment;
	query = cut_at(&target, "?", &has_query);
	/* The authority form of CONNECT and the asterisk of OPTIONS name no resource. */
	if (target.size > 0 && target.p[0] != '/' && target.p[0] != '\\')
		return CC_BAD;
	buf_add_text(ret_out, http ? "http://" : "https://");
	if (put_host(ret_out, host) != CC_OK)
		return CC_BAD;
	if (port != 0 && port != (http ? 80 : 443))
		buf_printf(ret_out, ":%u", port);
	put_path(ret_out, target);
	if (has_query) {
		buf_add_u8(ret_out, '?');
		put_escaped(ret_out, slice_of(query.p + 1, query.size - 1), true);
	}
	return ret_out->full || ret_out->size > URL_MAX ? CC_BAD : CC_OK;
}
