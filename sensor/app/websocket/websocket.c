/*
 * WebSocket (RFC 6455) after HTTP/1's 101: frames unmasked, messages put together from their frames and inflated
 * (RFC 7692), each a transaction.
 *
 * It is never identified by content: HTTP/1 hands the connection over.  A message's payload is kept up to
 * websocket.payload_limit; what is beyond is passed over, and said.  A gap within a frame leaves the frames in step;
 * any other ends our interest in that side, as frames have no mark to be found by.
 */
#include "app/websocket/own.h"

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/websocket/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/websocket/anomalies.def"
#undef ANOMALY
};

static const struct cc_word opcode_words[] = {{"continuation", OP_CONTINUATION}, {"text", OP_TEXT},
    {"binary", OP_BINARY}, {"connection_close", OP_CLOSE}, {"close", OP_CLOSE}, {"ping", OP_PING}, {"pong", OP_PONG}};

static const struct cc_word flag_words[] = {{"fin", FLAG_FIN}, {"comp", FLAG_COMPRESSED}, {"rsv2", FLAG_RSV2},
    {"rsv3", FLAG_RSV3}};

#define WORDS(field, as, table) {field, as, table, sizeof(table) / sizeof(table[0])}

static const struct cc_words words[] = {
	WORDS(F_REQ_OPCODE, CC_ONE_OF, opcode_words), WORDS(F_RES_OPCODE, CC_ONE_OF, opcode_words),
	WORDS(F_REQ_FLAGS, CC_BITS, flag_words), WORDS(F_RES_FLAGS, CC_BITS, flag_words),
};

enum { FRAME_HEADER, FRAME_PDU, FRAME_DATA, FRAME_COUNT };

static const struct cc_frame_kind frames[FRAME_COUNT] = {
	[FRAME_HEADER] = {"header", "The header of a frame."},
	[FRAME_PDU] = {"pdu", "A frame with its header."},
	[FRAME_DATA] = {"data", "The payload of a frame as sent."},
};

void
websocket_odd(struct cc_ctx *ctx, struct websocket *ws, enum websocket_anomaly anomaly)
{
	if ((ws->reported >> anomaly & 1) != 0)
		return;
	ws->reported |= 1u << anomaly;
	cc_anomaly(ctx, NULL, anomaly);
}

void
websocket_text_add(struct cc_ctx *ctx, struct websocket_text *text, struct slice bytes)
{
	uint64_t limit = cc_limit(ctx, "websocket.payload_limit");

	if (text->cut)
		return;
	if (bytes.size > limit - text->size) {
		bytes.size = (size_t)(limit - text->size);
		text->cut = true;
	}
	if (bytes.size == 0)
		return;
	if (bytes.size > text->room - text->size) {
		uint32_t room = text->room > 0 ? text->room : 256;
		uint8_t *p;

		while (room - text->size < bytes.size)
			room *= 2;
		p = cc_take(ctx, room);
		if (p == NULL) {
			text->cut = true;
			return;
		}
		if (text->size > 0)
			memcpy(p, text->p, text->size);
		if (text->room > 0)
			cc_give(ctx, text->p, text->room);
		text->p = p;
		text->room = room;
	}
	memcpy(text->p + text->size, bytes.p, bytes.size);
	text->size += (uint32_t)bytes.size;
}

static void
text_drop(struct cc_ctx *ctx, struct websocket_text *text)
{
	if (text->room > 0)
		cc_give(ctx, text->p, text->room);
	memset(text, 0, sizeof(*text));
}

/* ---- messages ---- */

static const char *
opcode_text(unsigned opcode)
{
	static const char *const name[16] = {[OP_CONTINUATION] = "continuation", [OP_TEXT] = "text",
	    [OP_BINARY] = "binary", [OP_CLOSE] = "close", [OP_PING] = "ping", [OP_PONG] = "pong"};

	return name[opcode & 15] != NULL ? name[opcode & 15] : "unknown";
}

/* Those of RFC 6455, 7.4, of IANA's list, and those left to libraries and applications. */
static bool
close_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void
put_close(struct cc_ctx *ctx, struct websocket *ws, struct cc_tx *tx, struct slice payload)
{
	struct cur c = cur_slice(payload);
	unsigned code = cur_u16(&c);

	if (payload.size == 0)
		return;
	if (c.bad || !close_valid(code))
		websocket_odd(ctx, ws, A_CLOSE);
	if (!c.bad)
		cc_put_uint(ctx, tx, F_CLOSE, code);
}

static void
tell(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir, uint8_t opcode, uint8_t flags, uint32_t mask,
    const struct websocket_text *text, uint64_t size)
{
	bool client = dir == CC_TO_SERVER;
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put_uint(ctx, tx, F_FIN, (flags & FLAG_FIN) != 0);
	if (ws->side[dir].masked)
		cc_put_uint(ctx, tx, F_MASK, mask);
	cc_put_text(ctx, tx, F_OPCODE, opcode_text(opcode));
	cc_put_uint(ctx, tx, F_SIZE, size);
	if (opcode == OP_CLOSE)
		put_close(ctx, ws, tx, slice_of(text->p, text->size));
	cc_put(ctx, tx, client ? F_REQ_PAYLOAD : F_RES_PAYLOAD, slice_of(text->p, text->size));
	cc_put_uint(ctx, tx, client ? F_REQ_OPCODE : F_RES_OPCODE, opcode);
	cc_put_uint(ctx, tx, client ? F_REQ_FLAGS : F_RES_FLAGS, flags);
	if (ws->side[dir].masked)
		cc_put_uint(ctx, tx, client ? F_REQ_MASK : F_RES_MASK, mask);
	cc_tx_update(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

static void
message_end(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir)
{
	struct websocket_side *side = &ws->side[dir];
	bool compressed = (side->flags & FLAG_COMPRESSED) != 0 && side->deflate;

	if (compressed && !side->broken && !websocket_inflate(ctx, ws, side, slice_of(NULL, 0), true))
		side->broken = true;
	if (side->message.cut && !side->holed)
		websocket_odd(ctx, ws, (side->flags & FLAG_FIN) != 0 ? A_SKIP_END : A_REASSEMBLY);
	tell(ctx, ws, dir, side->kind, side->flags, side->message_mask, &side->message,
	    compressed ? side->plain : side->coded);
	text_drop(ctx, &side->message);
	side->begun = false;
	if (side->broken && side->fresh) { /* the next one stands on its own */
		websocket_inflate_close(ctx, side);
		side->broken = false;
	}
}

/* Payload of the frame that a side is in, unmasked. */
static void
payload_add(struct cc_ctx *ctx, struct websocket *ws, struct websocket_side *side, struct slice bytes)
{
	if ((side->first & 8) != 0) {
		websocket_text_add(ctx, &side->control, bytes);
		return;
	}
	side->coded += bytes.size;
	if ((side->flags & FLAG_COMPRESSED) == 0 || !side->deflate)
		websocket_text_add(ctx, &side->message, bytes);
	else if (!side->broken && !websocket_inflate(ctx, ws, side, bytes, false))
		side->broken = true;
}

static void
unmask(struct cc_ctx *ctx, struct websocket *ws, struct websocket_side *side, struct slice bytes)
{
	uint8_t out[1024];

	while (bytes.size > 0 && side->masked) {
		size_t size = bytes.size < sizeof(out) ? bytes.size : sizeof(out);

		for (size_t i = 0; i < size; i++)
			out[i] = (uint8_t)(bytes.p[i] ^ side->mask >> (24 - 8 * ((side->turn + i) & 3)));
		side->turn += (uint32_t)size;
		payload_add(ctx, ws, side, slice_of(out, size));
		bytes = slice_of(bytes.p + size, bytes.size - size);
	}
	if (bytes.size > 0)
		payload_add(ctx, ws, side, bytes);
}

/* ---- frames ---- */

static void
frame_judge(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir)
{
	struct websocket_side *side = &ws->side[dir];
	unsigned opcode = side->first & 15;

	if (dir == CC_TO_SERVER && !side->masked)
		websocket_odd(ctx, ws, A_UNMASKED);
	if (dir == CC_TO_CLIENT && side->masked)
		websocket_odd(ctx, ws, A_MASKED);
	if ((opcode > OP_BINARY && opcode < OP_CLOSE) || opcode > OP_PONG)
		websocket_odd(ctx, ws, A_OPCODE);
	if (opcode >= OP_CLOSE && ((side->first & FLAG_FIN) == 0 || side->left > CONTROL_MAX))
		websocket_odd(ctx, ws, A_CONTROL);
	if ((side->first & (FLAG_RSV2 | FLAG_RSV3)) != 0 || ((side->first & FLAG_COMPRESSED) != 0 && !side->deflate))
		websocket_odd(ctx, ws, A_RESERVED);
	if (side->left >> 63 != 0)
		websocket_odd(ctx, ws, A_LENGTH);
	if (opcode < OP_CLOSE && (opcode == OP_CONTINUATION) != side->begun)
		websocket_odd(ctx, ws, A_CONTINUATION);
}

static void
frame_begin(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir)
{
	struct websocket_side *side = &ws->side[dir];
	unsigned opcode = side->first & 15;

	frame_judge(ctx, ws, dir);
	side->turn = 0;
	if (opcode >= OP_CLOSE)
		return;
	if (side->begun && opcode != OP_CONTINUATION)
		message_end(ctx, ws, dir); /* a message within another */
	if (side->begun)
		return;
	side->begun = true;
	side->kind = (uint8_t)opcode;
	side->flags = side->first & 0xf0;
	side->message_mask = side->mask;
	side->coded = side->plain = 0;
	side->holed = false;
}

/*
 *  +-+-+-+-+-------+-+-------------+-------------------------------+
 *  |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *  |I|S|S|S|  (4)  |A|     (7)     |           (16 or 64)          |
 *  |N|V|V|V|       |S|             | if payload len is 126 or 127  |
 *  +-+-+-+-+-------+-+-------------+-------------------------------+
 *  | Masking key, if MASK is set   |
 *  +-------------------------------+
 */
static enum cc_status
take_header(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir, struct cur *in)
{
	struct websocket_side *side = &ws->side[dir];
	const uint8_t *from = in->p;
	struct cur c = *in;
	uint8_t first = cur_u8(&c), second = cur_u8(&c);
	uint64_t size = second & 0x7f;
	uint32_t mask;

	size = size == 126 ? cur_u16(&c) : size == 127 ? cur_u64(&c) : size;
	mask = (second & 0x80) != 0 ? cur_u32(&c) : 0;
	if (c.bad)
		return CC_MORE;
	in->p = c.p;
	side->in_frame = true;
	side->first = first;
	side->masked = (second & 0x80) != 0;
	side->mask = mask;
	side->left = size;
	cc_frame(ctx, NULL, dir, FRAME_HEADER, from, (uint64_t)(c.p - from));
	if (size >> 62 == 0) {
		cc_frame(ctx, NULL, dir, FRAME_PDU, from, (uint64_t)(c.p - from) + size);
		cc_frame(ctx, NULL, dir, FRAME_DATA, c.p, size);
	}
	frame_begin(ctx, ws, dir);
	return CC_OK;
}

static void
frame_end(struct cc_ctx *ctx, struct websocket *ws, enum cc_dir dir)
{
	struct websocket_side *side = &ws->side[dir];
	uint8_t opcode = side->first & 15;

	side->in_frame = false;
	if (opcode >= OP_CLOSE) {
		tell(ctx, ws, dir, opcode, side->first & 0xf0, side->mask, &side->control, side->control.size);
		text_drop(ctx, &side->control);
	} else if ((side->first & FLAG_FIN) != 0) {
		message_end(ctx, ws, dir);
	}
}

static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx, (void)dir, (void)in;
	return CC_BAD; /* nothing in a frame tells it from other bytes */
}

static void
begin(struct cc_ctx *ctx, struct websocket *ws)
{
	ws->begun = true;
	websocket_extensions(ws, cc_expected(ctx));
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	struct websocket *ws = state;
	struct websocket_side *side = &ws->side[dir];

	if (!ws->begun)
		begin(ctx, ws);
	if (side->lost) {
		in->p = in->end;
		return CC_MORE;
	}
	while (cur_left(in) > 0 || (side->in_frame && side->left == 0)) {
		size_t size;

		if (!side->in_frame) {
			if (take_header(ctx, ws, dir, in) != CC_OK)
				return CC_MORE;
			continue;
		}
		size = cur_left(in) < side->left ? cur_left(in) : (size_t)side->left;
		unmask(ctx, ws, side, cur_take(in, size));
		side->left -= size;
		if (side->left == 0)
			frame_end(ctx, ws, dir);
	}
	return CC_MORE;
}

/* Behind it the frames go on if it lay in one; the message's text ends before it. */
static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct websocket *ws = state;
	struct websocket_side *side = &ws->side[dir];

	if (!ws->begun)
		begin(ctx, ws);
	if (!side->in_frame || size > side->left) {
		side->lost = true;
		cc_enough(ctx, dir);
		return CC_OK;
	}
	side->left -= size;
	side->turn += (uint32_t)size;
	side->message.cut = side->holed = true;
	if ((side->flags & FLAG_COMPRESSED) != 0 && (side->first & 8) == 0)
		side->broken = true;
	if (side->left == 0)
		frame_end(ctx, ws, dir);
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct websocket *ws = state;

	if (ws->side[dir].begun)
		message_end(ctx, ws, dir);
}

static void
close_flow(struct cc_ctx *ctx, void *state)
{
	struct websocket *ws = state;

	for (unsigned i = 0; i < 2; i++) {
		text_drop(ctx, &ws->side[i].message);
		text_drop(ctx, &ws->side[i].control);
		websocket_inflate_close(ctx, &ws->side[i]);
	}
}

const struct cc_parser websocket_parser = {
	.name = "websocket",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.words = words,
	.words_count = sizeof(words) / sizeof(words[0]),
	.frames = frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct websocket),
	.tcp = true,
	.server_first = true,
	.one_way = true,
	.probe = probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = close_flow,
};
