/*
 * HTTP/2 (RFC 9113) in clear text, by prior knowledge or after an Upgrade, or inside of a tunnel: streams to
 * transactions, DATA to files.
 *
 * Each side is a small machine: the client's preface, then frames.  DATA goes to its stream's body as it comes, other
 * frames are taken whole.  After a gap that is not within one DATA frame the next place is looked for where two frames
 * follow one another; the headers that the lost ones put into the table are unknown from then on.
 */
#include "app/http2/own.h"

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/http2/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/http2/anomalies.def"
#undef ANOMALY
};

static const struct cc_word type_words[] = {{"DATA", T_DATA}, {"HEADERS", T_HEADERS}, {"PRIORITY", T_PRIORITY},
    {"RST_STREAM", T_RST_STREAM}, {"RSTSTREAM", T_RST_STREAM}, {"SETTINGS", T_SETTINGS},
    {"PUSH_PROMISE", T_PUSH_PROMISE}, {"PUSHPROMISE", T_PUSH_PROMISE}, {"PING", T_PING}, {"GOAWAY", T_GOAWAY},
    {"WINDOW_UPDATE", T_WINDOW_UPDATE}, {"WINDOWUPDATE", T_WINDOW_UPDATE}, {"CONTINUATION", T_CONTINUATION}};

static const struct cc_word error_words[] = {{"NO_ERROR", 0}, {"PROTOCOL_ERROR", 1}, {"INTERNAL_ERROR", 2},
    {"FLOW_CONTROL_ERROR", 3}, {"SETTINGS_TIMEOUT", 4}, {"STREAM_CLOSED", 5}, {"FRAME_SIZE_ERROR", 6},
    {"REFUSED_STREAM", 7}, {"CANCEL", 8}, {"COMPRESSION_ERROR", 9}, {"CONNECT_ERROR", 10}, {"ENHANCE_YOUR_CALM", 11},
    {"INADEQUATE_SECURITY", 12}, {"HTTP_1_1_REQUIRED", 13}};

static const struct cc_word setting_words[] = {{"SETTINGS_HEADER_TABLE_SIZE", SETTING_TABLE_SIZE},
    {"SETTINGS_ENABLE_PUSH", SETTING_PUSH}, {"SETTINGS_MAX_CONCURRENT_STREAMS", SETTING_STREAMS},
    {"SETTINGS_INITIAL_WINDOW_SIZE", SETTING_WINDOW}, {"SETTINGS_MAX_FRAME_SIZE", SETTING_FRAME_SIZE},
    {"SETTINGS_MAX_HEADER_LIST_SIZE", SETTING_LIST_SIZE}};

#define WORDS(field, as, table) {field, as, table, sizeof(table) / sizeof(table[0])}

static const struct cc_words words[] = {
	WORDS(F_REQ_TYPE, CC_ONE_OF, type_words), WORDS(F_RES_TYPE, CC_ONE_OF, type_words),
	WORDS(F_REQ_ERROR, CC_ONE_OF, error_words), WORDS(F_RES_ERROR, CC_ONE_OF, error_words),
	WORDS(F_REQ_SETTINGS, CC_PAIR, setting_words), WORDS(F_RES_SETTINGS, CC_PAIR, setting_words),
};

enum { FRAME_HDR, FRAME_PDU, FRAME_COUNT };

static const struct cc_frame_kind frames[FRAME_COUNT] = {
	[FRAME_HDR] = {"hdr", "The header of a frame."},
	[FRAME_PDU] = {"pdu", "A frame with its header."},
};

void
http2_odd(struct cc_ctx *ctx, struct cc_tx *tx, enum http2_anomaly anomaly)
{
	cc_anomaly(ctx, tx, anomaly);
}

void
http2_odd_once(struct cc_ctx *ctx, struct http2 *http2, struct cc_tx *tx, enum http2_anomaly anomaly)
{
	if ((http2->reported >> anomaly & 1) != 0)
		return;
	http2->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

/* ---- identification ---- */

#define FRAMES_ENOUGH 4

/* How many frames that could be right follow one another; *ret_end: all bytes belong to them, or they are enough. */
static unsigned
frames_in_row(struct slice in, bool *ret_end)
{
	struct cur c = cur_slice(in);
	struct http2_frame frame;
	unsigned count = 0;

	*ret_end = false;
	while (count < FRAMES_ENOUGH && http2_frame_read(&c, &frame) == CC_OK) {
		if (!http2_frame_plausible(&frame))
			return count;
		count++;
		if (frame.length > cur_left(&c))
			break;
		cur_skip(&c, frame.length);
	}
	*ret_end = count > 0;
	return count;
}

/* The server begins with SETTINGS; of a connection whose beginning is missing two frames in a row must do. */
static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	size_t size = in.size < HTTP2_MAGIC_SIZE ? in.size : HTTP2_MAGIC_SIZE;
	struct cur c = cur_slice(in);
	struct http2_frame frame;
	unsigned count;
	bool end;

	if (dir == CC_TO_SERVER && memcmp(in.p, HTTP2_MAGIC, size) == 0)
		return size == HTTP2_MAGIC_SIZE ? CC_OK : CC_MORE;
	if (dir == CC_TO_SERVER && !cc_is_midstream(ctx) && !cc_other_known(ctx))
		return CC_BAD;
	if (http2_frame_read(&c, &frame) !=
	    CC_OK) /* a length begins with 0, or it is beyond all that is allowed at first */
		return in.p[0] == 0 ? CC_MORE : CC_BAD;
	if (!http2_frame_plausible(&frame))
		return CC_BAD;
	if (frame.type == T_SETTINGS && frame.flags == 0 && frame.length <= 32 * 6 && dir == CC_TO_CLIENT)
		return CC_OK;
	if (!cc_is_midstream(ctx) && !cc_other_known(ctx))
		return CC_BAD;
	count = frames_in_row(in, &end);
	return !end ? CC_BAD : count >= 2 ? CC_OK : CC_MORE;
}

/* ---- a side ---- */

static void
begin(struct cc_ctx *ctx, struct http2 *http2)
{
	struct slice note = cc_expected(ctx);

	http2->begun = true;
	for (unsigned i = 0; i < 2; i++) {
		http2->side[i].frame_max = HTTP2_FRAME_SIZE;
		http2->side[i].state = i == CC_TO_SERVER ? S_MAGIC : S_FRAME;
		if (cc_is_midstream(ctx))
			http2->side[i].hpack.lost = true;
	}
	if (note.size > 0)
		http2_upgrade(ctx, http2, note);
}

static enum cc_status
take_magic(struct cc_ctx *ctx, struct http2_side *side, struct cur *in)
{
	size_t size = cur_left(in) < HTTP2_MAGIC_SIZE ? cur_left(in) : HTTP2_MAGIC_SIZE;

	if (memcmp(in->p, HTTP2_MAGIC, size) == 0) {
		if (size < HTTP2_MAGIC_SIZE)
			return CC_MORE;
		cur_skip(in, size);
		side->state = S_FRAME;
		return CC_OK;
	}
	side->state = S_FRAME;
	if (!cc_is_midstream(ctx)) {
		http2_odd(ctx, NULL, A_CLIENT_MAGIC);
		side->state = S_LOST;
	}
	return CC_OK;
}

static void
data_begin(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir)
{
	struct http2_side *side = &http2->side[dir];
	struct http2_stream *stream = http2_stream_find(http2, side->frame.stream);
	bool unknown = side->hpack.lost && stream == NULL && side->frame.stream != 0;

	side->left = side->frame.length;
	side->pad = 0;
	side->state = (side->frame.flags & FLAG_PADDED) != 0 ? S_PAD : S_DATA;
	if (side->frame.stream == 0)
		http2_odd(ctx, NULL, A_FRAME_HEADER);
	if (unknown) /* its headers may be among what is missing */
		stream = http2_stream_new(ctx, http2, side->frame.stream);
	if (stream != NULL)
		http2_common_put(ctx, stream->tx, dir, &side->frame);
}

static enum cc_status
take_frame(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct cur *in)
{
	struct http2_side *side = &http2->side[dir];
	const uint8_t *from = in->p;
	struct cur c = *in;

	if (http2_frame_read(&c, &side->frame) != CC_OK)
		return CC_MORE;
	cc_frame(ctx, NULL, dir, FRAME_HDR, from, HTTP2_HEADER);
	cc_frame(ctx, NULL, dir, FRAME_PDU, from, HTTP2_HEADER + (uint64_t)side->frame.length);
	if (side->frame.type != T_DATA && side->frame.length <= HTTP2_WHOLE_MAX && cur_left(&c) < side->frame.length)
		return CC_MORE;
	in->p = c.p;
	if (side->frame.reserved)
		http2_odd_once(ctx, http2, NULL, A_FRAME_HEADER);
	if (side->frame.length > side->frame_max && !side->hpack.lost)
		http2_odd_once(ctx, http2, NULL, A_FRAME_LENGTH);
	if (side->frame.type == T_DATA && side->block.stream == 0) {
		data_begin(ctx, http2, dir);
	} else if (side->frame.length > HTTP2_WHOLE_MAX) {
		http2_odd(ctx, NULL, A_LONG_FRAME);
		if (side->frame.type == T_HEADERS || side->frame.type == T_PUSH_PROMISE ||
		    side->frame.type == T_CONTINUATION)
			http2_hpack_lose(ctx, &side->hpack);
		side->left = side->frame.length;
		side->state = S_SKIP;
	} else {
		http2_frame_take(ctx, http2, dir, &side->frame, cur_take(in, side->frame.length));
	}
	return CC_OK;
}

static void
data_end(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir)
{
	struct http2_side *side = &http2->side[dir];
	struct http2_stream *stream;

	side->state = S_FRAME;
	if ((side->frame.flags & FLAG_END_STREAM) == 0)
		return;
	stream = http2_stream_find(http2, side->frame.stream);
	if (stream != NULL)
		http2_stream_side_done(ctx, http2, stream, dir, true);
}

static enum cc_status
take_pad(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct cur *in)
{
	struct http2_side *side = &http2->side[dir];

	if (side->left == 0 || in->p[0] > side->left - 1) { /* more padding than frame */
		http2_odd(ctx, NULL, A_FRAME_DATA);
		side->state = S_SKIP;
		return CC_OK;
	}
	side->pad = cur_u8(in);
	side->left -= side->pad + 1;
	side->state = S_DATA;
	return CC_OK;
}

static enum cc_status
take_data(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct cur *in)
{
	struct http2_side *side = &http2->side[dir];
	size_t size = cur_left(in) < side->left ? cur_left(in) : side->left;
	struct http2_stream *stream = size > 0 ? http2_stream_find(http2, side->frame.stream) : NULL;

	if (stream != NULL)
		http2_stream_data(ctx, stream, dir, slice_of(in->p, size));
	cur_skip(in, size);
	side->left -= (uint32_t)size;
	if (side->left > 0)
		return CC_MORE;
	size = cur_left(in) < side->pad ? cur_left(in) : side->pad;
	cur_skip(in, size);
	side->pad -= (uint32_t)size;
	if (side->pad > 0)
		return CC_MORE;
	data_end(ctx, http2, dir);
	return CC_OK;
}

static enum cc_status
take_skip(struct http2_side *side, struct cur *in)
{
	size_t size = cur_left(in) < side->left ? cur_left(in) : side->left;

	cur_skip(in, size);
	side->left -= (uint32_t)size;
	if (side->left > 0)
		return CC_MORE;
	side->state = S_FRAME;
	return CC_OK;
}

/* A place where two frames follow one another, or one ends with what is here. */
static enum cc_status
find_frame(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct cur *in)
{
	struct http2_side *side = &http2->side[dir];

	while (cur_left(in) >= HTTP2_HEADER) {
		struct cur c = *in;
		struct http2_frame frame;
		bool end = false;

		(void)http2_frame_read(&c, &frame);
		if (http2_frame_plausible(&frame) && frame.length <= side->frame_max &&
		    (frame.type != T_DATA || frame.stream <= http2->side[CC_TO_SERVER].newest ||
		    cc_is_midstream(ctx))) {
			unsigned count = frames_in_row(cur_rest(in), &end);

			if (end && count < 2 && cur_left(&c) < (size_t)frame.length + HTTP2_HEADER &&
			    !cc_is_last(ctx) && cur_left(&c) != frame.length)
				return CC_MORE;
			if (end) {
				side->state = S_FRAME;
				return CC_OK;
			}
		}
		cur_skip(in, 1);
	}
	return CC_MORE;
}

static enum cc_status
step(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct cur *in)
{
	switch (http2->side[dir].state) {
	case S_MAGIC:
		return take_magic(ctx, &http2->side[dir], in);
	case S_FRAME:
		return take_frame(ctx, http2, dir, in);
	case S_PAD:
		return take_pad(ctx, http2, dir, in);
	case S_DATA:
		return take_data(ctx, http2, dir, in);
	case S_SKIP:
		return take_skip(&http2->side[dir], in);
	default:
		return find_frame(ctx, http2, dir, in);
	}
}

static bool
is_empty_data(const struct http2_side *side)
{
	return side->state == S_DATA && side->left == 0 && side->pad == 0;
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	struct http2 *http2 = state;
	enum cc_status st = CC_OK;

	if (!http2->begun)
		begin(ctx, http2);
	while (st == CC_OK && (cur_left(in) > 0 || is_empty_data(&http2->side[dir])))
		st = step(ctx, http2, dir, in);
	return CC_MORE;
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct http2 *http2 = state;
	struct http2_side *side = &http2->side[dir];
	struct http2_stream *stream;

	if (!http2->begun)
		begin(ctx, http2);
	if (side->state == S_SKIP && size < side->left) {
		side->left -= (uint32_t)size;
		return CC_OK;
	}
	if (side->state == S_DATA && side->left > 0) {
		stream = http2_stream_find(http2, side->frame.stream);
		if (stream != NULL)
			http2_stream_gap(ctx, stream, dir, size < side->left ? size : side->left);
		if (size < side->left) {
			side->left -= (uint32_t)size;
			return CC_OK;
		}
	}
	/* Where the frames begin is unknown, and what headers were among them. */
	if (side->block.stream != 0)
		http2_block_free(ctx, &side->block);
	http2_hpack_lose(ctx, &side->hpack);
	side->state = S_LOST;
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct http2 *http2 = state;
	struct http2_side *side = &http2->side[dir];

	if (!http2->begun)
		begin(ctx, http2);
	side->finished = true;
	if (side->block.stream != 0) { /* as much of a head as was seen */
		struct http2_stream *stream = http2_stream_find(http2, side->block.stream);

		if (stream != NULL && side->block.promised == 0)
			http2_head_put(ctx, stream, dir, &side->block);
		http2_block_free(ctx, &side->block);
	}
	http2_streams_finish(ctx, http2, dir);
}

static void
close_flow(struct cc_ctx *ctx, void *state)
{
	struct http2 *http2 = state;

	for (unsigned i = 0; i < 2; i++) {
		http2_block_free(ctx, &http2->side[i].block);
		http2_hpack_close(ctx, &http2->side[i].hpack);
	}
	http2_streams_forget(ctx, http2);
}

const struct cc_parser http2_parser = {
	.name = "http2",
	.event = "http",
	.ports = "tcp/3000",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.words = words,
	.words_count = sizeof(words) / sizeof(words[0]),
	.frames = frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct http2),
	.unit_max = HTTP2_WHOLE_MAX + 4096,
	.tcp = true,
	.server_first = true,
	.probe = probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = close_flow,
};
