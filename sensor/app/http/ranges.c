/*
 * Responses that are a range of something (RFC 9110, 14.4 and 15.3.7): a download that is resumed, or fetched in
 * pieces.
 *
 * What they are a range of is known by host, path, version (ETag, else Last-Modified) and size; the core puts the
 * ranges together.  A range of a coded representation is one of coded bytes, which cannot be decoded from the middle:
 * those are left alone.  A whole response that is cut is the beginning of what a later one resumes.
 */
#include "app/http/http.h"

static void
open_at(struct cc_ctx *ctx, struct http_body *body, uint64_t start, uint64_t end, uint64_t total)
{
	const struct http_whole *whole = &body->whole;
	struct slice words[] = {whole->host, whole->uri, whole->version};

	body->ranged = false;
	if (whole->uri.size == 0 || total == 0 || end >= total || start > end)
		return;
	cc_range_open(ctx, &body->range, words, 3, start, end + 1, total, body->name);
	body->ranged = true;
}

bool
http_ranges_part_of(const struct http_whole *whole)
{
	return whole->partial && !(whole->start == 0 && whole->end + 1 == whole->total);
}

void
http_ranges_open(struct cc_ctx *ctx, struct http_body *body)
{
	const struct http_whole *whole = &body->whole;

	body->ranged = false;
	if (http_ranges_part_of(whole) && body->coding == NULL && body->multipart == NULL)
		open_at(ctx, body, whole->start, whole->end, whole->total);
}

void
http_ranges_part(struct cc_ctx *ctx, struct http_body *body, struct slice content_range)
{
	uint64_t number[3];
	unsigned count = 0;

	body->ranged = false;
	if (body->whole.partial && http_range(content_range, number, &count) == CC_OK && count == 3)
		open_at(ctx, body, number[0], number[1], number[2]);
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

	if (whole->partial || whole->version.size == 0 || body->coding != NULL || body->multipart != NULL ||
	    body->cut || body->broken || body->in != body->out || body->in == 0 || body->in >= whole->total)
		return;
	open_at(ctx, body, 0, whole->total - 1, whole->total);
	if (body->ranged)
		cc_range_begin(ctx, &body->range, body->file);
}
