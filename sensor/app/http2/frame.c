/*
 * Frames other than DATA (RFC 9113, 4 and 6), whole ones: header blocks to their streams, settings and errors to
 * values. A frame of stream 0 is a transaction of its own.
 */
#include "app/http2/own.h"

/*
 *  +-----------------------------------------------+
 *  |                 Length (24)                   |
 *  +---------------+---------------+---------------+
 *  |   Type (8)    |   Flags (8)   |
 *  +-+-------------+---------------+-------------------------------+
 *  |R|                 Stream Identifier (31)                      |
 *  +=+=============================================================+
 */
enum cc_status
http2_frame_read(struct cur *in, struct http2_frame *ret_frame)
{
	struct cur c = *in;
	uint32_t stream;

	ret_frame->length = cur_u24(&c);
	ret_frame->type = cur_u8(&c);
	ret_frame->flags = cur_u8(&c);
	stream = cur_u32(&c);
	ret_frame->stream = stream & 0x7fffffff;
	ret_frame->reserved = stream >> 31 != 0;
	if (c.bad)
		return CC_MORE;
	in->p = c.p;
	return CC_OK;
}

/* Lengths that the types must have (6). */
static bool
length_fits(const struct http2_frame *frame)
{
	switch (frame->type) {
	case T_PRIORITY:
		return frame->length == 5;
	case T_RST_STREAM:
	case T_WINDOW_UPDATE:
		return frame->length == 4;
	case T_SETTINGS:
		return frame->length % 6 == 0 && ((frame->flags & FLAG_ACK) == 0 || frame->length == 0);
	case T_PUSH_PROMISE:
		return frame->length >= 4;
	case T_PING:
		return frame->length == 8;
	case T_GOAWAY:
		return frame->length >= 8;
	default:
		return true;
	}
}

static bool
stream_fits(const struct http2_frame *frame)
{
	switch (frame->type) {
	case T_SETTINGS:
	case T_PING:
	case T_GOAWAY:
		return frame->stream == 0;
	case T_WINDOW_UPDATE:
		return true;
	default:
		return frame->stream != 0 || frame->type >= T_COUNT;
	}
}

bool
http2_frame_plausible(const struct http2_frame *frame)
{
	static const uint8_t flags[T_COUNT] = {
		[T_DATA] = FLAG_END_STREAM | FLAG_PADDED,
		[T_HEADERS] = FLAG_END_STREAM | FLAG_END_HEADERS | FLAG_PADDED | FLAG_PRIORITY,
		[T_SETTINGS] = FLAG_ACK,
		[T_PUSH_PROMISE] = FLAG_END_HEADERS | FLAG_PADDED,
		[T_PING] = FLAG_ACK,
		[T_CONTINUATION] = FLAG_END_HEADERS,
	};

	return !frame->reserved && frame->type < T_COUNT && (frame->flags & ~flags[frame->type]) == 0 &&
	    frame->length <= HTTP2_WHOLE_MAX && length_fits(frame) && stream_fits(frame);
}

/* A transaction for a frame that belongs to no stream, or to none that we follow. */
static void
alone(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, const struct http2_frame *frame, struct slice body)
{
	struct http2_side *side = &http2->side[dir];
	struct cur c = cur_slice(body);
	struct cc_tx *tx;

	if (++side->control == HTTP2_FLOOD)
		http2_odd_once(ctx, http2, NULL, A_CONTROL_FLOOD);
	if ((frame->flags & FLAG_ACK) != 0 && (frame->type == T_SETTINGS || frame->type == T_PING))
		return; /* says nothing that its question didn't */
	tx = cc_tx_new(ctx);
	http2_common_put(ctx, tx, CC_TO_SERVER, NULL);
	http2_common_put(ctx, tx, dir, frame);
	if (frame->type == T_SETTINGS)
		http2_settings_put(ctx, tx, dir, body);
	if (frame->type == T_WINDOW_UPDATE)
		cc_put_uint(ctx, tx, dir == CC_TO_SERVER ? F_REQ_WINDOW : F_RES_WINDOW, cur_u32(&c) & 0x7fffffff);
	if (frame->type == T_GOAWAY) {
		cur_skip(&c, 4);
		http2_error_put(ctx, tx, dir, cur_u32(&c));
	}
	cc_tx_done(ctx, tx);
}

/* The largest frame that the peer of this side may send. */
static void
settings_obey(struct http2 *http2, enum cc_dir dir, struct slice body)
{
	struct cur c = cur_slice(body);

	while (cur_left(&c) >= 6) {
		uint16_t id = cur_u16(&c);
		uint32_t value = cur_u32(&c);

		if (id == SETTING_FRAME_SIZE && value > http2->side[cc_dir_other(dir)].frame_max)
			http2->side[cc_dir_other(dir)].frame_max = value;
	}
}

static void
put_priority(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, uint8_t weight)
{
	if (dir == CC_TO_SERVER)
		cc_put_uint(ctx, tx, F_PRIORITY_EVE, weight);
	cc_put_uint(ctx, tx, dir == CC_TO_SERVER ? F_REQ_PRIORITY : F_RES_PRIORITY, weight);
}

/* The stream that a side's headers belong to: known, begun with them, or of a connection whose beginning is missing. */
static struct http2_stream *
stream_of(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, uint32_t id)
{
	struct http2_stream *stream = http2_stream_find(http2, id);
	struct http2_side *side = &http2->side[dir];
	bool lost = cc_is_midstream(ctx) || http2->side[0].hpack.lost || http2->side[1].hpack.lost;
	bool old = id <= side->newest;

	if (stream != NULL)
		return stream;
	if (dir == CC_TO_CLIENT && id <= http2->side[CC_TO_SERVER].newest && !lost)
		return NULL; /* it was reset meanwhile */
	if (dir == CC_TO_SERVER && old)
		http2_odd(ctx, NULL, A_STREAM_REUSE);
	if (id > side->newest)
		side->newest = id;
	return http2_stream_new(ctx, http2, id);
}

/* A block is complete: to its stream's transaction. */
static void
block_done(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir)
{
	struct http2_side *side = &http2->side[dir];
	struct http2_block block = side->block;
	uint32_t id = block.promised != 0 ? block.promised : block.stream;
	enum cc_dir whose = block.promised != 0 ? CC_TO_SERVER : dir; /* a promise holds what the client would ask */
	struct http2_stream *stream = block.promised != 0 ? http2_stream_new(ctx, http2, id) :
	    stream_of(ctx, http2, dir, id);
	struct cc_tx *tx = stream != NULL ? stream->tx : NULL;

	if (!block.failed && !http2_hpack_end(ctx, side)) {
		http2_odd(ctx, tx, A_EXTRA_HEADER);
		http2_hpack_lose(ctx, &side->hpack);
	}
	memset(&side->block, 0, sizeof(side->block));
	if (block.over)
		http2_odd(ctx, tx, A_HEADER_LIST);
	if (stream != NULL) {
		http2_head_put(ctx, stream, whose, &block);
		cc_tx_update(ctx, stream->tx, whose);
		if (block.end_stream || block.promised != 0)
			http2_stream_side_done(ctx, http2, stream, whose, true);
	}
	http2_block_free(ctx, &block);
}

static void
block_add(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct slice bytes, bool last)
{
	struct http2_side *side = &http2->side[dir];
	uint64_t before = side->block.coded;

	if (!side->block.failed && !http2_hpack_add(ctx, http2, dir, bytes)) {
		struct http2_stream *stream = http2_stream_find(http2, side->block.stream);

		http2_odd(ctx, stream != NULL ? stream->tx : NULL, A_HEADER);
		side->block.failed = true;
		http2_hpack_lose(ctx, &side->hpack);
	}
	if (before <= cc_limit(ctx, "http.header_limit") && side->block.coded > cc_limit(ctx, "http.header_limit"))
		http2_odd(ctx, NULL, A_REASSEMBLY);
	if (last)
		block_done(ctx, http2, dir);
}

/* A block that something else came into: what is missing of it can't be known. */
static void
block_broken(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir)
{
	struct http2_side *side = &http2->side[dir];

	http2_odd(ctx, NULL, A_FRAME_HEADER);
	side->block.failed = true;
	http2_hpack_lose(ctx, &side->hpack);
	block_done(ctx, http2, dir);
}

/* Takes padding away.  false: there is more of it than frame. */
static bool
unpad(const struct http2_frame *frame, struct cur *c)
{
	size_t pad;

	if ((frame->flags & FLAG_PADDED) == 0)
		return true;
	pad = cur_u8(c);
	if (c->bad || pad > cur_left(c))
		return false;
	c->end -= pad;
	return true;
}

static void
take_headers(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, const struct http2_frame *frame,
    struct slice body)
{
	struct http2_side *side = &http2->side[dir];
	bool promise = frame->type == T_PUSH_PROMISE, weighed = false;
	struct cur c = cur_slice(body);
	struct http2_stream *stream;
	uint8_t weight = 0;

	if (!unpad(frame, &c)) {
		http2_odd(ctx, NULL, A_FRAME_DATA);
		http2_hpack_lose(ctx, &side->hpack);
		return;
	}
	side->block.stream = frame->stream;
	side->block.end_stream = (frame->flags & FLAG_END_STREAM) != 0 && !promise;
	if (promise)
		side->block.promised = cur_u32(&c) & 0x7fffffff;
	if (!promise && (frame->flags & FLAG_PRIORITY) != 0) {
		cur_skip(&c, 4);
		weight = cur_u8(&c);
		weighed = true;
	}
	if (c.bad ||
	    (promise && (side->block.promised == 0 || http2_stream_find(http2, side->block.promised) != NULL))) {
		http2_odd(ctx, NULL, A_FRAME_DATA);
		memset(&side->block, 0, sizeof(side->block));
		http2_hpack_lose(ctx, &side->hpack);
		return;
	}
	stream = stream_of(ctx, http2, dir, frame->stream);
	if (stream != NULL) {
		http2_common_put(ctx, stream->tx, dir, frame);
		if (weighed)
			put_priority(ctx, stream->tx, dir, weight);
	}
	block_add(ctx, http2, dir, cur_rest(&c), (frame->flags & FLAG_END_HEADERS) != 0);
}

static void
take_reset(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct http2_stream *stream, uint32_t code)
{
	http2_error_put(ctx, stream->tx, dir, code);
	if (dir == CC_TO_SERVER && !stream->answered && ++http2->resets == HTTP2_RESETS)
		http2_odd_once(ctx, http2, stream->tx, A_RAPID_RESET);
	if (dir == CC_TO_SERVER && !stream->answered && http2->late < HTTP2_LATE && http2->resets < HTTP2_RESETS)
		http2_stream_late(ctx, http2, stream);
	else
		http2_stream_end(ctx, http2, stream);
}

/* Of a stream that is open. */
static void
take_small(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, const struct http2_frame *frame,
    struct http2_stream *stream, struct slice body)
{
	struct cur c = cur_slice(body);

	http2_common_put(ctx, stream->tx, dir, frame);
	switch (frame->type) {
	case T_PRIORITY:
		cur_skip(&c, 4);
		put_priority(ctx, stream->tx, dir, cur_u8(&c));
		break;
	case T_WINDOW_UPDATE:
		cc_put_uint(
		    ctx, stream->tx, dir == CC_TO_SERVER ? F_REQ_WINDOW : F_RES_WINDOW, cur_u32(&c) & 0x7fffffff);
		break;
	case T_RST_STREAM:
		take_reset(ctx, http2, dir, stream, cur_u32(&c));
		break;
	default:
		break;
	}
}

void
http2_frame_take(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, const struct http2_frame *frame,
    struct slice body)
{
	struct http2_side *side = &http2->side[dir];
	struct http2_stream *stream;

	if (http2->late > 0 && dir == CC_TO_SERVER) /* the server's bytes may come late, with their acknowledgement */
		http2_streams_late_end(ctx, http2);
	if (side->block.stream != 0 && (frame->type != T_CONTINUATION || frame->stream != side->block.stream))
		block_broken(ctx, http2, dir);
	if (frame->type < T_COUNT && !length_fits(frame)) {
		http2_odd(ctx, NULL, A_FRAME_LENGTH);
		return;
	}
	if (!stream_fits(frame)) {
		http2_odd(ctx, NULL, A_FRAME_HEADER);
		if (frame->type == T_HEADERS || frame->type == T_PUSH_PROMISE || frame->type == T_CONTINUATION)
			http2_hpack_lose(ctx, &side->hpack);
		return;
	}
	switch (frame->type) {
	case T_HEADERS:
	case T_PUSH_PROMISE:
		take_headers(ctx, http2, dir, frame, body);
		break;
	case T_CONTINUATION:
		if (side->block.stream != 0) {
			block_add(ctx, http2, dir, body, (frame->flags & FLAG_END_HEADERS) != 0);
		} else {
			http2_odd(ctx, NULL, A_FRAME_HEADER);
			http2_hpack_lose(ctx, &side->hpack);
		}
		break;
	case T_SETTINGS:
		settings_obey(http2, dir, body);
		alone(ctx, http2, dir, frame, body);
		break;
	case T_PING:
	case T_GOAWAY:
		alone(ctx, http2, dir, frame, body);
		break;
	default: /* PRIORITY, RST_STREAM, WINDOW_UPDATE; others are for extensions */
		stream = frame->stream != 0 ? http2_stream_find(http2, frame->stream) : NULL;
		if (stream != NULL)
			take_small(ctx, http2, dir, frame, stream, body);
		else if (frame->stream == 0 && frame->type < T_COUNT)
			alone(ctx, http2, dir, frame, body);
		else if (++side->control == HTTP2_FLOOD)
			http2_odd_once(ctx, http2, NULL, A_CONTROL_FLOOD);
		break;
	}
}
