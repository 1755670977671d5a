/*
 * The lines of a head (RFC 9112, 2.2 and 5), taken apart as lenient receivers do, since that is what an attacker counts
 * on: CRLF or LF; in responses also a lone CR, and LF CR.
 *
 * Which line ends a head is where receivers differ most.  Here it is "", with one CR at most; a line of white space
 * only ends it too, if what follows it is not a header.  A line of several CRs does not, unless lines end with LF CR.
 */
#include "app/http1/own.h"

/* A line that ends at a lone CR, before its LF: responses only. */
static bool
lone_cr(struct slice text, size_t *ret_at)
{
	const uint8_t *cr = text.size > 0 ? memchr(text.p, '\r', text.size) : NULL;

	if (cr == NULL || (size_t)(cr - text.p) + 1 == text.size)
		return false; /* none, or the CR of CRLF */
	*ret_at = (size_t)(cr - text.p);
	return true;
}

static bool
only(struct slice text, bool (*is)(uint8_t))
{
	for (size_t i = 0; i < text.size; i++)
		if (!is(text.p[i]))
			return false;
	return true;
}

static bool
is_cr(uint8_t c)
{
	return c == '\r';
}

/* The line that these bytes are, without the CR of CRLF. */
static struct http1_line
line_of(struct slice bytes)
{
	struct http1_line line = {.text = bytes, .lf = true};

	if (bytes.size > 0 && bytes.p[bytes.size - 1] == '\r') {
		line.text.size--;
		line.lf = false;
		line.crlf = true;
	}
	return line;
}

/* The rest of the bytes, though no line's end was found. */
static enum cc_status
line_cut(struct slice rest, bool last, struct http1_scan *scan, struct http1_line *ret_line)
{
	scan->seen = rest.size;
	if (!last)
		return CC_MORE;
	*ret_line = (struct http1_line){.text = rest, .lf = true};
	scan->at += rest.size;
	scan->seen = 0;
	return CC_OK;
}

enum cc_status
http1_line_next(struct slice in, bool response, bool last, struct http1_scan *scan, struct http1_line *ret_line)
{
	struct slice rest = http_drop(in, scan->at);
	const uint8_t *lf;
	size_t at;

	if (rest.size == 0)
		return CC_MORE;
	lf = rest.size > scan->seen ? memchr(rest.p + scan->seen, '\n', rest.size - scan->seen) : NULL;
	if (lf == NULL)
		return line_cut(rest, last, scan, ret_line);
	rest.size = (size_t)(lf - rest.p);
	scan->seen = 0;
	if (response && scan->begun && rest.size > 1 && rest.p[0] == '\r' && only(rest, is_cr)) {
		/* CR CR LF ends a head whose lines end with LF CR, and is garbage in another */
		*ret_line = (struct http1_line){.text = slice_of(rest.p, 0), .crlf = true,
		    .empty = rest.size == 2 && scan->after_lf};
		scan->at += rest.size + 1;
		scan->after_lf = false;
		return CC_OK;
	}
	if (response && scan->begun && scan->after_lf && rest.size > 1 && rest.p[0] == '\r') { /* LF CR */
		rest = http_drop(rest, 1);
		scan->at++;
	}
	if (response && lone_cr(rest, &at)) {
		*ret_line = (struct http1_line){.text = slice_of(rest.p, at)};
		scan->at += at + 1;
		scan->after_lf = false;
		return CC_OK;
	}
	*ret_line = line_of(rest);
	ret_line->empty = ret_line->text.size == 0;
	scan->at += rest.size + 1;
	scan->after_lf = ret_line->lf;
	return CC_OK;
}

enum cc_status
http1_goes_on(struct slice rest, bool last)
{
	size_t n = 0;

	if (rest.size == 0)
		return last ? CC_BAD : CC_MORE;
	if (http_is_space(rest.p[0]))
		return CC_OK; /* an empty line is still to come, or a continuation */
	while (n < rest.size && n < 256 && (http_is_token(rest.p[n]) || rest.p[n] == ' '))
		n++;
	if (n == rest.size)
		return last ? CC_BAD : CC_MORE;
	return rest.p[n] == ':' ? CC_OK : CC_BAD;
}

enum cc_status
http1_head_find(struct slice in, bool response, bool last, struct http1_scan *scan, size_t *ret_size)
{
	struct http1_scan at = *scan;
	struct http1_line line;

	for (;;) {
		enum cc_status st = http1_line_next(in, response, last && at.at < in.size, &at, &line);

		if (st != CC_OK) {
			*scan = at;
			if (!last)
				return CC_MORE;
			*ret_size = in.size;
			return CC_OK;
		}
		if (!at.begun) {
			at.begun = http_trim(line.text).size > 0;
			*scan = at;
			continue;
		}
		if (!line.empty && line.text.size > 0 && http_is_space(line.text.p[0]) &&
		    http_trim(line.text).size == 0) {
			st = http1_goes_on(http_drop(in, at.at), last);
			if (st == CC_MORE)
				return CC_MORE; /* the same line is looked at again, with more behind it */
			line.empty = st == CC_BAD;
		}
		*scan = at;
		if (line.empty) {
			*ret_size = at.at;
			return CC_OK;
		}
	}
}
