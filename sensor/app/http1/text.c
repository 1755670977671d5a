/* What the first bytes of a message look like.  Any thread, no state. */
#include "app/http1/own.h"

bool
http1_is_status(struct slice text)
{
	while (text.size > 0 && (http_is_space(text.p[0]) || text.p[0] == 0))
		text = slice_of(text.p + 1, text.size - 1);
	return http_prefix(text, "http");
}

static bool
known_method(struct slice method)
{
	static const char *const known[] = {"get", "post", "head", "put", "options", "delete", "connect", "trace",
	    "patch", "propfind", "proppatch", "mkcol", "copy", "move", "lock", "unlock", "search", "report",
	    "subscribe", "notify", "unsubscribe", "m-search", "rpc_in_data", "rpc_out_data", "bits_post", "ccm_post",
	    "merge", "checkout"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (http_eq(method, known[i]))
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

	while (in.size > 0 && http_is_space(in.p[0]))
		in = slice_of(in.p + 1, in.size - 1);
	while (n < in.size && n < 32 && http_is_token(in.p[n]))
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
	    (rest.p[0] == '/' || http_prefix(rest, "http://") || http_prefix(rest, "https://")))
		return CC_OK;
	if (http_eq(method, "pri") && rest.p[0] == '*') /* HTTP/2's preface */
		return CC_BAD;
	lf = memchr(rest.p, '\n', rest.size);
	if (lf == NULL)
		return rest.size < HTTP1_LINE_MAX ? CC_MORE : CC_BAD;
	rest.size = (size_t)(lf - rest.p);
	rest = http_trim(rest);
	for (size_t i = rest.size; i > 0; i--)
		if (rest.p[i - 1] == ' ' || rest.p[i - 1] == '\t')
			return http_prefix(http_drop(rest, i), "http/") ? CC_OK : CC_BAD;
	return CC_BAD;
}
