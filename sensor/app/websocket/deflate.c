/*
 * permessage-deflate (RFC 7692): the parameters that both agreed to, and the messages inflated, zlib's memory from the
 * pool.  A direction keeps its window from message to message unless it said not to.
 */
#include "app/websocket/own.h"

#define BLOCK_HEAD 16
#define OUT_SIZE 16384

static bool
names(struct slice text, const char *word)
{
	size_t size = strlen(word);

	for (size_t i = 0; i + size <= text.size; i++)
		if (text_eq_nocase(slice_of(text.p + i, size), word))
			return true;
	return false;
}

void
websocket_extensions(struct websocket *ws, struct slice text)
{
	if (!names(text, "permessage-deflate"))
		return;
	ws->side[CC_TO_SERVER].deflate = ws->side[CC_TO_CLIENT].deflate = true;
	ws->side[CC_TO_SERVER].fresh = names(text, "client_no_context_takeover");
	ws->side[CC_TO_CLIENT].fresh = names(text, "server_no_context_takeover");
}

static void *
z_take(void *opaque, unsigned items, unsigned size)
{
	struct websocket_side *side = opaque;
	size_t all = (size_t)items * size + BLOCK_HEAD;
	size_t *block = cc_take(side->ctx, all);

	if (block == NULL)
		return NULL;
	*block = all;
	return (uint8_t *)block + BLOCK_HEAD;
}

static void
z_give(void *opaque, void *p)
{
	struct websocket_side *side = opaque;
	size_t *block = (size_t *)(void *)((uint8_t *)p - BLOCK_HEAD);

	cc_give(side->ctx, block, *block);
}

static bool
inflate_open(struct websocket_side *side)
{
	if (side->open)
		return true;
	memset(&side->z, 0, sizeof(side->z));
	side->z.zalloc = z_take;
	side->z.zfree = z_give;
	side->z.opaque = side;
	side->open = inflateInit2(&side->z, -15) == Z_OK;
	return side->open;
}

void
websocket_inflate_close(struct cc_ctx *ctx, struct websocket_side *side)
{
	side->ctx = ctx;
	if (side->open)
		inflateEnd(&side->z);
	side->open = false;
}

static bool
is_bomb(struct cc_ctx *ctx, const struct websocket_side *side)
{
	return side->plain > cc_limit(ctx, "http.bomb_size") &&
	    side->plain / cc_limit(ctx, "http.bomb_ratio") >= side->coded + 1;
}

/* false: it can't be inflated on. */
static bool
inflate_all(struct cc_ctx *ctx, struct websocket *ws, struct websocket_side *side, struct slice bytes)
{
	uint8_t out[OUT_SIZE];
	int st = Z_OK;

	side->z.next_in = (z_const Bytef *)bytes.p;
	side->z.avail_in = (uInt)bytes.size;
	do {
		side->z.next_out = out;
		side->z.avail_out = sizeof(out);
		st = inflate(&side->z, Z_SYNC_FLUSH);
		side->plain += sizeof(out) - side->z.avail_out;
		websocket_text_add(ctx, &side->message, slice_of(out, sizeof(out) - side->z.avail_out));
		if (is_bomb(ctx, side)) {
			websocket_odd(ctx, ws, A_BOMB);
			return false;
		}
		if (st == Z_STREAM_END && inflateReset(&side->z) == Z_OK) /* a last block: another may follow */
			st = Z_OK;
	} while (st == Z_OK && (side->z.avail_in > 0 || side->z.avail_out == 0));
	if (st == Z_OK || st == Z_BUF_ERROR)
		return true;
	websocket_odd(ctx, ws, A_DEFLATE);
	return false;
}

bool
websocket_inflate(struct cc_ctx *ctx, struct websocket *ws, struct websocket_side *side, struct slice bytes, bool last)
{
	static const uint8_t tail[] = {0, 0, 0xff, 0xff};

	side->ctx = ctx;
	if (!inflate_open(side))
		return false;
	if (bytes.size > 0 && !inflate_all(ctx, ws, side, bytes))
		return false;
	if (last && !inflate_all(ctx, ws, side, slice_of(tail, sizeof(tail))))
		return false;
	return !last || !side->fresh || inflateReset(&side->z) == Z_OK;
}
