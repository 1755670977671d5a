/*
 * A message's body: bytes without their framing in, undone codings, a file out.  The file begins with the first byte,
 * so that an empty body is none.
 */
#include "app/http/http.h"

void
http_body_open(struct cc_ctx *ctx, struct http_body *body, const struct http_codings *codings,
    const struct cc_value *content_type)
{
	body->in = body->out = 0;
	body->cut = body->broken = body->raw = false;
	body->codings = *codings;
	if (codings->count > 0 && (!body->whole.partial || body->whole.start == 0)) /* else there is no decoding it */
		body->coding = http_coding_open(ctx, codings);
	if (content_type != NULL)
		body->multipart = http_multipart_open(ctx, slice_of(content_type->bytes, content_type->size));
	else if (body->whole.partial)
		body->multipart = http_multipart_open(ctx, body->whole.type);
	http_ranges_open(ctx, body);
}

void
http_body_decoded(struct cc_ctx *ctx, struct http_body *body, struct slice bytes)
{
	uint64_t own = body->dir == CC_TO_SERVER ? cc_limit(ctx, "http.request_limit") : 0;
	uint64_t limit = own > 0 ? own : cc_limit(ctx, "http.body_limit");
	bool over = limit > 0 && bytes.size > limit - body->out;

	if (over)
		bytes.size = (size_t)(limit - body->out);
	body->out += bytes.size;
	if (body->joined) {
		cc_range_decoded(ctx, body->file, bytes);
		body->cut = over;
		return;
	}
	cc_file_data(ctx, body->file, bytes);
	if (body->multipart != NULL)
		http_multipart_add(ctx, body->multipart, body, bytes);
	else if (!body->raw)
		http_ranges_add(ctx, body, bytes);
	if (over)
		body->cut = true;
}

void
http_body_add(struct cc_ctx *ctx, struct http_body *body, struct slice bytes)
{
	if (bytes.size == 0)
		return;
	body->in += bytes.size;
	if (body->raw)
		http_ranges_add(ctx, body, bytes);
	if (body->cut)
		return;
	if (body->file == NULL) {
		body->file = cc_file_open(ctx, body->tx, body->dir, body->name);
		if (body->multipart != NULL && !body->whole.partial)
			cc_file_envelope(body->file, true);
		if (http_ranges_part_of(&body->whole) && body->multipart == NULL)
			cc_file_range(body->file, body->whole.start, body->whole.end);
	}
	if (body->coding != NULL)
		http_coding_add(ctx, body, body->coding, bytes);
	else
		http_body_decoded(ctx, body, bytes);
}

void
http_body_gap(struct cc_ctx *ctx, struct http_body *body, uint64_t size)
{
	body->in += size;
	if (body->ranged && (body->raw || body->coding == NULL))
		cc_range_gap(&body->range, size);
	if (body->coding != NULL) { /* a decoder can't go on behind it */
		http_coding_free(ctx, body->coding);
		body->coding = NULL;
		body->cut = true;
		return;
	}
	body->out += size;
	cc_file_gap(ctx, body->file, size);
}

void
http_body_close(struct cc_ctx *ctx, struct http_body *body, bool whole)
{
	if (!whole)
		http_ranges_cut(ctx, body);
	if (body->coding != NULL) {
		http_coding_end(ctx, body, body->coding);
		http_coding_free(ctx, body->coding);
		body->coding = NULL;
	}
	whole = whole && !body->cut && !body->broken;
	body->ranged = false;
	if (body->multipart != NULL) {
		if (!http_multipart_close(ctx, body->multipart, body, whole))
			cc_file_envelope(body->file, false);
		body->multipart = NULL;
	}
	cc_file_close(ctx, body->file, whole);
	body->file = NULL;
}

void
http_body_forget(struct cc_ctx *ctx, struct http_body *body)
{
	body->file = NULL;
	http_coding_free(ctx, body->coding);
	body->coding = NULL;
	http_multipart_forget(ctx, body->multipart);
	body->multipart = NULL;
}
