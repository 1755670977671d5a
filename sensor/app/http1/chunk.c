/*
 * A body's bytes: up to a length, or in chunks (RFC 9112, 7.1), as lenient receivers take them, with their trailers.
 */
#include "app/http1/own.h"

enum cc_status
http1_take_length(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];
	size_t size = cur_left(in) < side->left ? cur_left(in) : (size_t)side->left;

	http_body_add(ctx, &side->body, cur_take(in, size));
	side->left -= size;
	if (side->left > 0)
		return CC_MORE;
	if (side->state == S_LOOSE)
		side->state = S_AFTER_LOOSE;
	else if (side->state == S_CHUNK_DATA)
		side->state = S_CHUNK_SIZE;
	else
		http1_message_done(ctx, http1, dir, true);
	return CC_OK;
}

/*
 * A chunk's size line: white space, hex digits, anything, LF (RFC 9112, 7.1, and what browsers make of it).  CC_BAD: no
 * such line.
 */
static enum cc_status
chunk_line(struct slice in, uint64_t *ret_size, size_t *ret_line, bool *ret_extension)
{
	const uint8_t *lf;
	size_t n = 0, from;
	uint64_t size = 0;

	while (n < in.size && (http_is_space(in.p[n]) || in.p[n] == 0))
		n++;
	if (n > 256)
		return CC_BAD;
	if (n == in.size)
		return CC_MORE;
	from = n;
	for (; n < in.size && http_hex(in.p[n]) >= 0; n++) {
		if (size >> 56 != 0)
			return CC_BAD;
		size = size << 4 | (uint64_t)http_hex(in.p[n]);
	}
	if (n == from)
		return CC_BAD;
	lf = n < in.size ? memchr(in.p + n, '\n', in.size - n) : NULL;
	if (lf == NULL)
		return in.size - from < HTTP1_LINE_MAX ? CC_MORE : CC_BAD;
	*ret_size = size;
	*ret_line = (size_t)(lf - in.p) + 1;
	*ret_extension = memchr(in.p + n, ';', (size_t)(lf - in.p) - n) != NULL;
	return CC_OK;
}

enum cc_status
http1_take_chunk_size(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];
	bool extension = false;
	size_t line = 0;
	uint64_t size = 0;
	enum cc_status st = chunk_line(cur_rest(in), &size, &line, &extension);

	if (st == CC_MORE && !(cc_is_last(ctx) && side->first_chunk))
		return CC_MORE;
	if (st != CC_OK) { /* it isn't chunked, or not any more */
		if (!side->first_chunk && in->p[0] == '\r') /* the end of the chunk before */
			cur_skip(in, 1);
		if (!side->first_chunk && cur_left(in) > 0 && in->p[0] == '\n')
			cur_skip(in, 1);
		http1_odd(ctx, side->tx, dir == CC_TO_SERVER ? A_REQ_CHUNK_LEN : A_RES_CHUNK_LEN);
		if (side->first_chunk && side->framing.has_length) {
			side->left = side->framing.length;
			side->state = side->left > 0 ? S_LENGTH : S_CLOSE;
		} else {
			side->state = S_CLOSE;
		}
		return CC_OK;
	}
	if (extension && dir == CC_TO_SERVER && side->first_chunk)
		http1_odd(ctx, side->tx, A_CHUNK_EXTENSION);
	side->first_chunk = false;
	cur_skip(in, line);
	side->left = size;
	side->state = size > 0 ? S_CHUNK_DATA : S_TRAILER;
	return CC_OK;
}

/* Trailers are passed over; the next message, where the empty line should be, ends them too. */
enum cc_status
http1_take_trailer(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);

	if (lf == NULL && rest.size < HTTP1_LINE_MAX)
		return CC_MORE;
	if (lf == NULL) {
		in->p = in->end;
		return CC_OK;
	}
	if (dir == CC_TO_CLIENT && http_prefix(rest, "http/1.")) {
		http1_message_done(ctx, http1, dir, true);
		return CC_OK;
	}
	in->p = lf + 1;
	if (lf == rest.p || (lf == rest.p + 1 && rest.p[0] == '\r'))
		http1_message_done(ctx, http1, dir, true);
	else if (memchr(rest.p, ':', (size_t)(lf - rest.p)) == NULL)
		http1_odd(ctx, http1->side[dir].tx, dir == CC_TO_SERVER ? A_REQ_MISSING_COLON : A_RES_MISSING_COLON);
	return CC_OK;
}
