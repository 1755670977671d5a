/* Words on text as HTTP has it.  Any thread, no state. */
#include "app/http/http.h"

bool
http_prefix(struct slice text, const char *lower)
{
	size_t i = 0;

	for (; lower[i] != '\0'; i++)
		if (i >= text.size || http_lower(text.p[i]) != (uint8_t)lower[i])
			return false;
	return true;
}

bool
http_eq(struct slice text, const char *lower)
{
	return text.size == strlen(lower) && http_prefix(text, lower);
}

struct slice
http_drop(struct slice text, size_t size)
{
	return size < text.size ? slice_of(text.p + size, text.size - size) : slice_of(NULL, 0);
}

bool
http_find(struct slice text, const char *lower)
{
	size_t size = strlen(lower);

	for (size_t i = 0; i + size <= text.size; i++)
		if (http_prefix(http_drop(text, i), lower))
			return true;
	return false;
}

struct slice
http_trim(struct slice text)
{
	while (text.size > 0 && http_is_space(text.p[0]))
		text = slice_of(text.p + 1, text.size - 1);
	while (text.size > 0 && http_is_space(text.p[text.size - 1]))
		text.size--;
	return text;
}

/* RFC 9110, 5.6.2: all visible characters but the delimiters. */
bool
http_is_token(uint8_t c)
{
	static const uint64_t set[4] = {0x3ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0};

	return (set[c >> 6] >> (c & 63) & 1) != 0;
}

int
http_hex(uint8_t c)
{
	if (http_is_digit(c))
		return c - '0';
	c = http_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
http_port(struct slice text)
{
	int port = 0;

	if (text.size == 0 || text.size > 5)
		return -1;
	for (size_t i = 0; i < text.size; i++) {
		if (!http_is_digit(text.p[i]))
			return -1;
		port = port * 10 + (text.p[i] - '0');
	}
	return port > 65535 ? -1 : port;
}

void
http_host_split(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
	size_t at = text.size;

	*ret_port = slice_of(NULL, 0);
	if (text.size > 0 && text.p[0] == '[') {
		const uint8_t *end = memchr(text.p, ']', text.size);

		at = end != NULL ? (size_t)(end - text.p) + 1 : text.size;
	} else {
		const uint8_t *colon = text.size > 0 ? memchr(text.p, ':', text.size) : NULL;

		if (colon != NULL)
			at = (size_t)(colon - text.p);
	}
	*ret_host = slice_of(text.p, at);
	if (at < text.size && text.p[at] == ':')
		*ret_port = http_drop(text, at + 1);
}

bool
http_host_valid(struct slice host)
{
	for (size_t i = 0; i < host.size; i++)
		if (!(http_is_token(host.p[i]) || host.p[i] == '[' || host.p[i] == ']' || host.p[i] == ':'))
			return false;
	return host.size > 0;
}

bool
http_same_nocase(struct slice a, struct slice b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (http_lower(a.p[i]) != http_lower(b.p[i]))
			return false;
	return true;
}

struct slice
http_disposition_name(struct slice value)
{
	for (size_t i = 0; i + 9 <= value.size; i++) {
		struct slice rest = http_drop(value, i);
		size_t n = 0;

		if (!http_prefix(rest, "filename="))
			continue;
		rest = http_drop(rest, 9);
		if (rest.size > 0 && rest.p[0] == '"') {
			rest = http_drop(rest, 1);
			while (n < rest.size && rest.p[n] != '"')
				n += rest.p[n] == '\\' && n + 1 < rest.size ? 2u : 1u;
		} else {
			while (n < rest.size && rest.p[n] != ';' && !http_is_space(rest.p[n]))
				n++;
		}
		return slice_of(rest.p, n < rest.size ? n : rest.size);
	}
	return slice_of(NULL, 0);
}

enum cc_status
http_range(struct slice text, uint64_t ret_number[3], unsigned *ret_count)
{
	static const char ends[] = {'-', '/', '\0'};
	size_t n = 0;

	*ret_count = 0;
	if (http_prefix(text, "bytes"))
		text = http_trim(http_drop(text, 5));
	if (text.size > 0 && text.p[0] == '*') /* no range, only the size */
		return CC_OK;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t number = 0;
		size_t from = n;

		while (n < text.size && http_is_digit(text.p[n]) && n - from < 18)
			number = number * 10 + (uint64_t)(text.p[n++] - '0');
		if (n == from && i == 2 && n < text.size && text.p[n] == '*')
			return CC_OK;
		if (n == from || (i < 2 && (n >= text.size || text.p[n] != (uint8_t)ends[i])))
			return CC_BAD;
		n++;
		ret_number[(*ret_count)++] = number;
	}
	return CC_OK;
}
