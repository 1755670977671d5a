/*
 * Normal forms, so that two sensors that saw one thing name it alike.
 *
 * Domains: IDNA 2008 A-labels (RFC 5891) by libidn2, lower case, no final dot.  URLs: as the WHATWG URL standard writes
 * http and https ones, without user and fragment, percent escapes in upper case, and escaped until RFC 3986 has a place
 * for every character.  Both are hostile text.  libidn2 allocates; it is asked only for names that are not plain ASCII,
 * and only of matches.
 */
#include "indicate/indicate.h"

#include <idn2.h>
#include <stdlib.h>

#define DOMAIN_MAX 253
#define LABEL_MAX 63
#define URL_MAX 2048

/* What the wire can't make an indicator of: names of nobody in particular. */
static bool
domain_form(struct slice s)
{
	size_t label = 0, labels = 1, digits = 0;

	if (s.size == 0 || s.size > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			label = digits = 0;
			labels++;
			continue;
		}
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && (c != '-' || label == 0))
			return false;
		digits += c >= '0' && c <= '9';
		if (++label > LABEL_MAX)
			return false;
	}
	/* A last label of digits only is an address, or an attempt at one. */
	return labels > 1 && label > 0 && digits < label && s.p[s.size - 1] != '-';
}

static enum cc_status
domain_idna(struct slice raw, struct buf *out)
{
	char text[1024], *ascii = NULL;
	size_t size;

	if (raw.size >= sizeof(text) || memchr(raw.p, 0, raw.size) != NULL || !utf8_valid(raw))
		return CC_BAD;
	memcpy(text, raw.p, raw.size);
	text[raw.size] = '\0';
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return CC_BAD;
	size = strlen(ascii);
	buf_add(out, ascii, size);
	idn2_free(ascii);
	return CC_OK;
}

enum cc_status
indicate_domain(struct slice raw, struct buf *ret_out)
{
	bool ascii = true;

	buf_clear(ret_out);
	if (raw.size > 0 && raw.p[raw.size - 1] == '.')
		raw.size--;
	for (size_t i = 0; i < raw.size; i++)
		ascii = ascii && raw.p[i] < 0x80;
	if (!ascii && domain_idna(raw, ret_out) != CC_OK)
		return CC_BAD;
	if (ascii)
		buf_add_slice(ret_out, raw);
	if (ret_out->full)
		return CC_BAD;
	lower_copy(ret_out->p, buf_slice(ret_out));
	return domain_form(buf_slice(ret_out)) ? CC_OK : CC_BAD;
}

/* ---- URL ---- */

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

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

		if (c == '\t' || c == '\n' || c == '\r')
			continue;
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

/* A domain, an IPv4 address or "[IPv6]". */
static enum cc_status
put_host(struct buf *out, struct slice host)
{
	uint8_t memory[1024];
	char text[CC_ADDR_TEXT];
	struct cc_addr addr;
	struct buf domain;
	bool brackets = host.size > 2 && host.p[0] == '[' && host.p[host.size - 1] == ']';

	buf_over(&domain, memory, sizeof(memory));
	if (!brackets && indicate_domain(host, &domain) == CC_OK) {
		buf_add_slice(out, buf_slice(&domain));
		return CC_OK;
	}
	if (brackets)
		host = slice_of(host.p + 1, host.size - 2);
	if (host.size == 0 || host.size >= sizeof(text) || memchr(host.p, 0, host.size) != NULL)
		return CC_BAD;
	memcpy(text, host.p, host.size);
	text[host.size] = '\0';
	if (cc_addr_parse(text, &addr) != CC_OK)
		return CC_BAD;
	if (cc_addr_is4(&addr) && !brackets)
		buf_add_text(out, cc_addr_text(&addr, text));
	else
		buf_printf(out, "[%s]", cc_addr_text(&addr, text));
	return CC_OK;
}

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

/* The absolute form that proxies are sent: its own scheme and host count. */
static enum cc_status
take_absolute(struct slice *scheme, struct slice *host, uint16_t *port, struct slice *target)
{
	static const char *const names[] = {"http", "https"};
	struct slice authority, digits;
	bool found;
	uint32_t number = 0;

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(names[i]);

		if (target->size <= size + 3 || memcmp(target->p + size, "://", 3) != 0 ||
		    !text_eq_nocase(slice_of(target->p, size), names[i]))
			continue;
		*scheme = slice_str(names[i]);
		authority = slice_of(target->p + size + 3, target->size - size - 3);
		*target = cut_at(&authority, "/\\?#", &found);
		for (size_t k = 0; k < authority.size; k++) {
			if (authority.p[k] == '@') {
				authority = slice_of(authority.p + k + 1, authority.size - k - 1);
				k = (size_t)-1;
			}
		}
		*port = 0;
		*host = authority;
		while (authority.size > 0 && authority.p[authority.size - 1] >= '0' &&
		       authority.p[authority.size - 1] <= '9')
			authority.size--;
		if (authority.size == 0 || authority.p[authority.size - 1] != ':')
			return CC_OK;
		digits = slice_of(host->p + authority.size, host->size - authority.size);
		for (size_t k = 0; k < digits.size && number <= UINT16_MAX; k++)
			number = number * 10 + (digits.p[k] - '0');
		if (number > UINT16_MAX)
			return CC_BAD;
		*port = (uint16_t)number;
		*host = slice_of(host->p, authority.size - 1);
		return CC_OK;
	}
	return CC_OK;
}

enum cc_status
indicate_url(struct slice scheme, struct slice host, uint16_t port, struct slice target, struct buf *ret_out)
{
	struct slice query, fragment;
	bool has_query, has_fragment, http;

	buf_clear(ret_out);
	if (take_absolute(&scheme, &host, &port, &target) != CC_OK)
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

/* The local part is compared in lower case: hosts that tell cases apart are rarer than writers that don't. */
enum cc_status
indicate_email(struct slice raw, struct buf *ret_out)
{
	const uint8_t *open = raw.size > 0 ? memrchr(raw.p, '<', raw.size) : NULL, *at;
	uint8_t memory[512];
	struct buf domain;
	size_t local;

	buf_clear(ret_out);
	if (open != NULL) {
		raw = slice_of(open + 1, raw.size - (size_t)(open + 1 - raw.p));
		at = raw.size > 0 ? memchr(raw.p, '>', raw.size) : NULL;
		if (at != NULL)
			raw.size = (size_t)(at - raw.p);
	}
	while (raw.size > 0 && raw.p[raw.size - 1] <= ' ')
		raw.size--;
	while (raw.size > 0 && raw.p[0] <= ' ')
		raw = slice_of(raw.p + 1, raw.size - 1);
	at = raw.size > 0 ? memrchr(raw.p, '@', raw.size) : NULL;
	local = at != NULL ? (size_t)(at - raw.p) : 0;
	if (local == 0 || local > 64)
		return CC_BAD;
	for (size_t i = 0; i < local; i++) {
		if (raw.p[i] <= ' ' || raw.p[i] >= 0x7f || memchr("\"(),:;<>@[\\]", raw.p[i], 12) != NULL)
			return CC_BAD;
		buf_add_u8(ret_out, raw.p[i] >= 'A' && raw.p[i] <= 'Z' ? (uint8_t)(raw.p[i] + 32) : raw.p[i]);
	}
	buf_over(&domain, memory, sizeof(memory));
	if (indicate_domain(slice_of(at + 1, raw.size - local - 1), &domain) != CC_OK)
		return CC_BAD;
	buf_add_u8(ret_out, '@');
	buf_add_slice(ret_out, buf_slice(&domain));
	return ret_out->full ? CC_BAD : CC_OK;
}
