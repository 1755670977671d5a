/*
 * URIs as servers see them (RFC 3986, 6.2.2, and what they do beyond it): percent-encoding undone, backslashes and
 * repeated slashes made one slash, "." and ".." taken away, in the path; percent-encoding undone in the query.
 */
#include "app/http/http.h"

/* One character of in at *at, decoded; *at moves behind it. */
static uint8_t
next_char(struct slice in, size_t *at, bool *ret_decoded)
{
	uint8_t c = in.p[(*at)++];

	*ret_decoded = false;
	if (c != '%')
		return c;
	if (*at + 2 <= in.size) {
		int high = http_hex(in.p[*at]), low = http_hex(in.p[*at + 1]);

		if (high >= 0 && low >= 0) {
			*at += 2;
			*ret_decoded = true;
			return (uint8_t)(high << 4 | low);
		}
	}
	if (*at + 5 <= in.size && http_lower(in.p[*at]) == 'u') { /* %uXXXX: Microsoft's */
		int value = 0;

		for (size_t i = 1; i < 5; i++) {
			int digit = http_hex(in.p[*at + i]);

			if (digit < 0)
				return c;
			value = value << 4 | digit;
		}
		*at += 5;
		*ret_decoded = true;
		if (value < 0x100)
			return (uint8_t)value;
		if (value >= 0xff01 && value <= 0xff5e) /* full-width forms fit their ASCII */
			return (uint8_t)(value - 0xff00 + 0x20);
		if (value == 0x2215 || value == 0x2044 || value == 0x2216) /* slashes by other names */
			return '/';
		return '?';
	}
	return c;
}

static bool
still_encoded(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i + 2 < size; i++)
		if (p[i] == '%' && http_hex(p[i + 1]) >= 0 && http_hex(p[i + 2]) >= 0)
			return true;
	return false;
}

/* Takes "." and ".." components out of a path, in place (RFC 3986, 5.2.4). */
static size_t
remove_dots(uint8_t *path, size_t size)
{
	size_t in = 0, out = 0;

	while (in < size) {
		size_t from = in, end;

		if (path[in] == '/')
			in++;
		end = in;
		while (end < size && path[end] != '/')
			end++;
		if (end - in == 1 && path[in] == '.') {
			if (end == size && from < in)
				path[out++] = '/';
		} else if (end - in == 2 && path[in] == '.' && path[in + 1] == '.') {
			while (out > 0 && path[out - 1] != '/')
				out--;
			if (out > 0)
				out--;
			if (end == size)
				path[out++] = '/';
		} else {
			memmove(path + out, path + from, end - from);
			out += end - from;
		}
		in = end;
	}
	return out;
}

size_t
http_uri_normal(struct slice uri, uint8_t *out, bool *ret_double, size_t *ret_path)
{
	size_t size = 0, at = 0;
	bool decoded = false, any = false, dots = false;

	while (at < uri.size && uri.p[at] != '?' && uri.p[at] != '#') {
		uint8_t c = next_char(uri, &at, &decoded);

		any = any || decoded;
		if (size > 0 && (out[size - 1] & 0xfe) == 0xc0 && (c & 0xc0) == 0x80) { /* overlong UTF-8 of ASCII */
			c = (uint8_t)((out[size - 1] & 1) << 6 | (c & 0x3f));
			size--;
		}
		if (c == '\\')
			c = '/';
		if (c == '/' && size > 0 && out[size - 1] == '/')
			continue;
		dots = dots || (c == '.' && (size == 0 || out[size - 1] == '/'));
		out[size++] = c;
	}
	if (dots)
		size = remove_dots(out, size);
	*ret_path = size;
	while (at < uri.size) {
		out[size++] = next_char(uri, &at, &decoded);
		any = any || decoded;
	}
	*ret_double = any && still_encoded(out, size);
	return size;
}

void
http_uri_split(struct slice uri, struct slice *ret_host, struct slice *ret_path)
{
	size_t n = 0, from;

	*ret_host = slice_of(NULL, 0);
	*ret_path = uri;
	while (n < uri.size && n < 16 && ((uri.p[n] | 0x20) >= 'a' && (uri.p[n] | 0x20) <= 'z'))
		n++;
	if (n == 0 || n + 3 > uri.size || memcmp(uri.p + n, "://", 3) != 0)
		return;
	from = n += 3;
	while (n < uri.size && uri.p[n] != '/' && uri.p[n] != '?' && uri.p[n] != '#' && uri.p[n] != '\\')
		n++;
	for (size_t i = from; i < n; i++) /* user:password@ */
		if (uri.p[i] == '@')
			from = i + 1;
	*ret_host = slice_of(uri.p + from, n - from);
	*ret_path = n < uri.size ? http_drop(uri, n) : slice_of("/", 1);
}
