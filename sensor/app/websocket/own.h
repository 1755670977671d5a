/*
 * What the files of sensor/app/websocket/ share: the state of a flow and of the message that a side is in.  Nobody
 * outside includes it.
 */
#ifndef WEBSOCKET_OWN_H
#define WEBSOCKET_OWN_H

#include <zlib.h>

#include "base/base.h"
#include "concert/parser.h"

enum websocket_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/websocket/fields.def"
#undef FIELD
	F_COUNT
};

enum websocket_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/websocket/anomalies.def"
#undef ANOMALY
	A_COUNT
};

enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };
enum { FLAG_FIN = 0x80, FLAG_COMPRESSED = 0x40, FLAG_RSV2 = 0x20, FLAG_RSV3 = 0x10 };

#define CONTROL_MAX 125         /* payload of a control frame */

/* Memory that a payload grows in, from the pool. */
struct websocket_text {
	uint8_t *p;
	uint32_t size, room;
	bool cut;               /* longer than websocket.payload_limit */
};

struct websocket_side {
	bool in_frame;
	uint8_t first;          /* flags and opcode of the frame */
	bool masked, begun;     /* begun: a message is open */
	uint8_t kind;           /* its opcode, */
	uint8_t flags;          /* the flags of its first frame */
	uint32_t mask;          /* of the frame, */
	uint32_t message_mask;  /* of the message's first frame */
	uint32_t turn;          /* bytes of the frame that are unmasked */
	uint64_t left;          /* of the frame */
	struct websocket_text message, control;
	uint64_t coded, plain;  /* bytes of the message, as sent and inflated */
	bool holed;             /* bytes of it are missing */
	bool lost;              /* where the frames begin is not known any more */
	bool deflate;           /* its direction may be compressed */
	bool fresh;             /* each message begins with an empty window */
	bool broken;            /* what comes can't be inflated any more */
	bool open;              /* z is */
	z_stream z;
	struct cc_ctx *ctx;     /* of the call that runs, for z's memory */
};

struct websocket {
	bool begun;
	struct websocket_side side[2];
	uint32_t reported;      /* bits by enum websocket_anomaly: those that are said once a flow */
};

/* deflate.c: permessage-deflate (RFC 7692). */
/* What both agreed to, by Sec-WebSocket-Extensions of the response. */
void websocket_extensions(struct websocket *ws, struct slice text);
/* Bytes of a compressed message, at its end also the four that the sender took away.  false: they can't be inflated. */
bool websocket_inflate(struct cc_ctx *ctx, struct websocket *ws, struct websocket_side *side, struct slice bytes,
    bool last);
void websocket_inflate_close(struct cc_ctx *ctx, struct websocket_side *side);
/* Bytes more, up to the limit. */
void websocket_text_add(struct cc_ctx *ctx, struct websocket_text *text, struct slice bytes);

void websocket_odd(struct cc_ctx *ctx, struct websocket *ws, enum websocket_anomaly anomaly);

#endif
