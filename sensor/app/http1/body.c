/*
 * A message's body: bytes without their framing in, undone codings, a file out.  The file begins with the first byte,
 * so that an empty body is none.
 */
#include "app/http1/own.h"

void
http1_body_open(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir)
{
	const struct cc_value *type = dir == CC_TO_SERVER ? cc_get(side->tx, F_REQ_CONTENT_TYPE) : NULL;

	side->body_in = side->body_out = 0;
	side->cut = side->broken = side->flawed = false;
	if (side->file_name.size == 0)
		side->file_name = http1_tx(side->tx)->name;
	if (side->framing.coding_count > 0)
		side->coding = coding_open(ctx, &side->framing);
	if (type != NULL)
		side->multipart = multipart_open(ctx, slice_of(type->bytes, type->size));
}

void
http1_body_decoded(struct cc_ctx *ctx, struct http1_side *side, struct slice bytes)
{
	uint64_t limit = cc_limit(ctx, "http.body_limit");
	bool over = limit > 0 && bytes.size > limit - side->body_out;

	if (over)
		bytes.size = (size_t)(limit - side->body_out);
	side->body_out += bytes.size;
	cc_file_data(ctx, side->file, bytes);
	if (side->multipart != NULL)
		multipart_add(ctx, side->multipart, side->tx, bytes);
	if (over)
		side->cut = true;
}

void
http1_body_add(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir, struct slice bytes)
{
	if (bytes.size == 0)
		return;
	side->body_in += bytes.size;
	if (side->cut)
		return;
	if (side->file == NULL) {
		side->file = cc_file_open(ctx, side->tx, dir, side->file_name);
		if (side->multipart != NULL)
			cc_file_envelope(side->file, true);
	}
	if (side->coding != NULL)
		coding_add(ctx, side, side->coding, bytes);
	else
		http1_body_decoded(ctx, side, bytes);
}

void
http1_body_gap(struct cc_ctx *ctx, struct http1_side *side, uint64_t size)
{
	side->body_in += size;
	side->flawed = true;
	if (side->coding != NULL) { /* a decoder can't go on behind it */
		coding_free(ctx, side->coding);
		side->coding = NULL;
		side->cut = true;
		return;
	}
	side->body_out += size;
	cc_file_gap(ctx, side->file, size);
}

void
http1_body_close(struct cc_ctx *ctx, struct http1_side *side, bool whole)
{
	if (side->coding != NULL) {
		coding_end(ctx, side, side->coding);
		coding_free(ctx, side->coding);
		side->coding = NULL;
	}
	whole = whole && !side->cut && !side->broken;
	if (side->multipart != NULL) {
		if (!multipart_close(ctx, side->multipart, side->tx, whole))
			cc_file_envelope(side->file, false);
		side->multipart = NULL;
	}
	cc_file_close(ctx, side->file, whole);
	side->file = NULL;
}
