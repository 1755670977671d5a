/*
 * Responses that are a range of something (RFC 9110, 14.4 and 15.3.7): a download that is resumed, or fetched in
 * pieces.
 *
 * What they are a range of is known by host, path, version (ETag, else Last-Modified), size and coding; the core puts
 * the ranges together.  A range of a coded representation is one of coded bytes, which can't be decoded from the
 * middle: the coded bytes are put together, and decoded in their order as the whole grows.  A whole response that is
 * cut is the beginning of what a later one resumes; its decoder goes on there.
 */
#include "app/http/http.h"

/* The decoder of a whole; body is no message's but what its decoder reports to. */
struct coder {
	struct http_body body;
	struct http_coding *coding;
};

static struct coder *
coder_new(struct cc_ctx *ctx, const struct http_body *by, struct http_coding *coding)
{
	struct coder *coder = coding != NULL ? cc_take(ctx, sizeof(*coder)) : NULL;

	if (coder == NULL)
		return NULL;
	coder->body = (struct http_body){.dir = by->dir, .joined = true};
	coder->coding = coding;
	return coder;
}

static void *
coder_open(struct cc_ctx *ctx, const void *by)
{
	const struct http_body *body = by;
	struct http_coding *coding = http_coding_open(ctx, &body->codings);
	struct coder *coder = coder_new(ctx, body, coding);

	if (coder == NULL)
		http_coding_free(ctx, coding);
	return coder;
}

static enum cc_status
coder_add(struct cc_ctx *ctx, void *state, const void *by, struct cc_tx *tx, struct cc_file *file, struct slice bytes,
    bool last)
{
	struct coder *coder = state;
	struct http_body *body = &coder->body;

	body->tx = tx;
	body->odd = ((const struct http_body *)by)->odd;
	body->file = file;
	body->in += bytes.size;
	http_coding_add(ctx, body, coder->coding, bytes);
	if (last)
		http_coding_end(ctx, body, coder->coding);
	body->tx = NULL;
	body->file = NULL;
	return body->cut || body->broken ? CC_BAD : CC_OK;
}

static size_t
coder_memory(const void *coder)
{
	return sizeof(struct coder) + http_coding_memory(((const struct coder *)coder)->coding);
}

static void
coder_free(struct cc_ctx *ctx, void *state)
{
	struct coder *coder = state;

	http_coding_free(ctx, coder->coding);
	cc_give(ctx, coder, sizeof(*coder));
}

static const struct cc_range_coder range_coder = {coder_open, coder_add, coder_memory, coder_free};

static void
open_at(struct cc_ctx *ctx, struct http_body *body, uint64_t start, uint64_t end, uint64_t total, bool coded)
{
	const struct http_whole *whole = &body->whole;
	struct slice words[] = {
	    whole->host, whole->uri, whole->version, slice_of(body->codings.kind, coded ? body->codings.count : 0)};

	body->ranged = false;
	if (whole->uri.size == 0 || total == 0 || end >= total || start > end)
		return;
	cc_range_open_coded(ctx, &body->range, words, 4, start, end + 1, total, body->name,
	    coded ? &range_coder : NULL, body);
	body->ranged = true;
}

bool
http_ranges_part_of(const struct http_whole *whole)
{
	return whole->partial && !(whole->start == 0 && whole->end + 1 == whole->total);
}

bool
http_ranges_learn(struct http_whole *whole, struct slice content_range)
{
	uint64_t number[3] = {0, 0, CC_RANGE_ANY};
	unsigned count = 0;

	if (http_range(content_range, number, &count) != CC_OK || count < 2)
		return false;
	whole->start = number[0];
	whole->end = number[1];
	whole->total = number[2];
	return true;
}

void
http_ranges_open(struct cc_ctx *ctx, struct http_body *body)
{
	const struct http_whole *whole = &body->whole;

	body->ranged = body->raw = false;
	if (!http_ranges_part_of(whole) || body->multipart != NULL)
		return;
	body->raw = body->codings.count > 0;
	open_at(ctx, body, whole->start, whole->end, whole->total, body->raw);
}

/* Where the parts stand uncoded in spite of the head, what is coded is what they are ranges of. */
void
http_ranges_part(struct cc_ctx *ctx, struct http_body *body, struct slice content_range)
{
	struct http_whole part;

	body->ranged = false;
	if (body->whole.partial && http_ranges_learn(&part, content_range))
		open_at(ctx, body, part.start, part.end, part.total,
		    body->codings.count > 0 && http_coding_passes(body->coding));
}

void
http_ranges_add(struct cc_ctx *ctx, struct http_body *body, struct slice bytes)
{
	if (body->ranged && cc_range_data(ctx, &body->range, body->tx, body->dir, bytes) == CC_BAD)
		cc_anomaly(ctx, body->tx, body->odd->ranges);
}

void
http_ranges_cut(struct cc_ctx *ctx, struct http_body *body)
{
	const struct http_whole *whole = &body->whole;
	bool coded = body->coding != NULL;
	struct coder *coder;

	if (whole->partial || whole->version.size == 0 || body->multipart != NULL || body->cut || body->broken ||
	    body->in == 0 || body->in >= whole->total || (!coded && body->in != body->out) || body->out == 0)
		return;
	open_at(ctx, body, 0, whole->total - 1, whole->total, coded);
	if (!body->ranged)
		return;
	if (!coded) {
		cc_range_begin(ctx, &body->range, body->file);
		return;
	}
	coder = coder_new(ctx, body, body->coding);
	if (coder == NULL)
		return;
	coder->body.in = body->in;
	coder->body.out = body->out;
	if (cc_range_begin_coded(ctx, &body->range, body->file, body->in, coder))
		body->coding = NULL; /* it goes on there */
	else
		cc_give(ctx, coder, sizeof(*coder));
}
