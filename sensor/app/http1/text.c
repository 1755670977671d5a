/* Words on text as HTTP has it, and what a message's first bytes look like.  Any thread, no state. */
#include "app/http1/own.h"

bool
http1_prefix(struct slice text, const char *lower)
{
	size_t i = 0;

	for (; lower[i] != '\0'; i++)
		if (i >= text.size || http1_lower(text.p[i]) != (uint8_t)lower[i])
			return false;
	return true;
}

bool
http1_eq(struct slice text, const char *lower)
{
	return text.size == strlen(lower) && http1_prefix(text, lower);
}

struct slice
http1_drop(struct slice text, size_t size)
{
	return size < text.size ? slice_of(text.p + size, text.size - size) : slice_of(NULL, 0);
}

bool
http1_find(struct slice text, const char *lower)
{
	size_t size = strlen(lower);

	for (size_t i = 0; i + size <= text.size; i++)
		if (http1_prefix(http1_drop(text, i), lower))
			return true;
	return false;
}

struct slice
http1_trim(struct slice text)
{
	while (text.size > 0 && http1_is_space(text.p[0]))
		text = slice_of(text.p + 1, text.size - 1);
	while (text.size > 0 && http1_is_space(text.p[text.size - 1]))
		text.size--;
	return text;
}

/* RFC 9110, 5.6.2: all visible characters but the delimiters. */
bool
http1_is_token(uint8_t c)
{
	static const uint64_t set[4] = {0x3ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0};

	return (set[c >> 6] >> (c & 63) & 1) != 0;
}

int
http1_hex(uint8_t c)
{
	if (http1_is_digit(c))
		return c - '0';
	c = http1_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http1_is_status(struct slice text)
{
	while (text.size > 0 && (http1_is_space(text.p[0]) || text.p[0] == 0))
		text = slice_of(text.p + 1, text.size - 1);
	return http1_prefix(text, "http");
}

static bool
known_method(struct slice method)
{
	static const char *const known[] = {"get", "post", "head", "put", "options", "delete", "connect", "trace",
	    "patch", "propfind", "proppatch", "mkcol", "copy", "move", "lock", "unlock", "search", "report",
	    "subscribe", "notify", "unsubscribe", "m-search", "rpc_in_data", "rpc_out_data", "bits_post", "ccm_post",
	    "merge", "checkout"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (http1_eq(method, known[i]))
			return true;
	return false;
}

/*
 * "METHOD /" is enough where the method is known; otherwise the line has to end with a protocol of ours.  RTSP, SIP and
 * ICAP look alike up to there.
 */
enum cc_status
http1_is_request(struct slice in)
{
	const uint8_t *lf;
	struct slice method, rest;
	size_t n = 0;

	while (in.size > 0 && http1_is_space(in.p[0]))
		in = slice_of(in.p + 1, in.size - 1);
	while (n < in.size && n < 32 && http1_is_token(in.p[n]))
		n++;
	if (n == in.size)
		return CC_MORE;
	if (n == 0 || (in.p[n] != ' ' && in.p[n] != '\t'))
		return CC_BAD;
	method = slice_of(in.p, n);
	rest = slice_of(in.p + n, in.size - n);
	while (rest.size > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t'))
		rest = slice_of(rest.p + 1, rest.size - 1);
	if (rest.size == 0)
		return CC_MORE;
	if (known_method(method) &&
	    (rest.p[0] == '/' || http1_prefix(rest, "http://") || http1_prefix(rest, "https://")))
		return CC_OK;
	if (http1_eq(method, "pri") && rest.p[0] == '*') /* HTTP/2's preface */
		return CC_BAD;
	lf = memchr(rest.p, '\n', rest.size);
	if (lf == NULL)
		return rest.size < HTTP1_LINE_MAX ? CC_MORE : CC_BAD;
	rest.size = (size_t)(lf - rest.p);
	rest = http1_trim(rest);
	for (size_t i = rest.size; i > 0; i--)
		if (rest.p[i - 1] == ' ' || rest.p[i - 1] == '\t')
			return http1_prefix(http1_drop(rest, i), "http/") ? CC_OK : CC_BAD;
	return CC_BAD;
}
