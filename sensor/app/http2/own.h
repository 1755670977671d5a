/*
 * What the files of sensor/app/http2/ share: the state of a flow, of its streams and of the header block that a side is
 * in.  Nobody outside includes it.
 */
#ifndef HTTP2_OWN_H
#define HTTP2_OWN_H

#include <nghttp2/nghttp2.h>

#include "app/http/http.h"
#include "base/base.h"
#include "concert/parser.h"

enum http2_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/http2/fields.def"
#undef FIELD
	F_COUNT
};

enum http2_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/http2/anomalies.def"
#undef ANOMALY
	A_COUNT
};

#define HTTP2_MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_MAGIC_SIZE 24
#define HTTP2_HEADER 9          /* of a frame */
#define HTTP2_FRAME_SIZE 16384  /* that a peer must take; more it has to allow */
#define HTTP2_WHOLE_MAX 65536   /* of a frame that is looked at in one piece: all but DATA */
#define HTTP2_HEADERS 1024      /* of one block; more are passed over */
#define HTTP2_STRING_MAX 65536  /* of a header's name or value, coded */
#define HTTP2_BUCKETS 64
#define HTTP2_FLOOD 10000       /* frames of control in one flow and side before it is said */
#define HTTP2_RESETS 100        /* streams reset unanswered before it is said */
#define HTTP2_LATE   16         /* of them so many wait for an answer that was on its way, */
#define HTTP2_LATE_NS (2 * UINT64_C(1000000000)) /* so long */

enum http2_type {
	T_DATA, T_HEADERS, T_PRIORITY, T_RST_STREAM, T_SETTINGS, T_PUSH_PROMISE, T_PING, T_GOAWAY, T_WINDOW_UPDATE,
	T_CONTINUATION, T_COUNT
};

enum { FLAG_END_STREAM = 1, FLAG_ACK = 1, FLAG_END_HEADERS = 4, FLAG_PADDED = 8, FLAG_PRIORITY = 32 };

enum { SETTING_TABLE_SIZE = 1, SETTING_PUSH, SETTING_STREAMS, SETTING_WINDOW, SETTING_FRAME_SIZE, SETTING_LIST_SIZE };

struct http2_frame {
	uint32_t length, stream;
	uint8_t type, flags;
	bool reserved;
};

/* One direction's header compression (RFC 7541), by nghttp2's inflater on pool memory of a bounded size. */
struct http2_hpack {
	nghttp2_hd_inflater *inflater; /* NULL: not opened yet, or no memory */
	nghttp2_mem mem;               /* it keeps a pointer to this */
	struct cc_ctx *ctx;            /* of the call that runs */
	size_t used;
	bool lost;                     /* the peer's table holds more than ours: its older part is unknown */
};

struct http2_line {
	uint32_t name, value;          /* sizes; they stand in text as "name: value" CR LF */
	uint32_t at;
	bool update;                   /* none, but a new size of the table: value */
};

/* The header block that a side is in: of one stream, over several frames. */
struct http2_block {
	uint32_t stream;               /* 0: none */
	uint32_t promised;             /* PUSH_PROMISE: the stream that it is the request of */
	bool end_stream;
	bool failed;                   /* can't be decoded on */
	bool over;                     /* longer than http.header_limit */
	uint64_t coded;                /* bytes of it */
	uint8_t *rest;                 /* a header that isn't all here */
	uint32_t rest_size, rest_room;
	uint8_t *text;                 /* the lines */
	uint32_t text_size, text_room;
	struct http2_line *line;
	uint32_t line_count, line_room;
};

struct http2_stream {
	struct http2_stream *next;     /* of the bucket */
	struct http2_stream *newer, *older;
	struct cc_tx *tx;
	uint32_t id;
	bool head[2];                  /* the message's headers were seen */
	bool done[2];
	bool body_open[2];
	bool tunnel;                   /* CONNECT: DATA is another protocol */
	bool answered;
	uint64_t reset_at;             /* by the client, unanswered: an answer may be on its way; 0: not */
	bool no_body;                  /* the response to HEAD, or 204, 304: its Content-Length says nothing */
	bool has_length[2];
	uint64_t length[2];
	struct http_codings codings[2];
	struct http_body body[2];
};

enum http2_state { S_MAGIC, S_FRAME, S_PAD, S_DATA, S_SKIP, S_LOST };

struct http2_side {
	uint8_t state;
	bool finished;
	struct http2_frame frame;      /* S_PAD, S_DATA, S_SKIP */
	uint32_t left, pad;
	uint32_t frame_max;            /* what the other side allows */
	uint32_t newest;               /* the highest stream that it has opened */
	uint32_t control;
	struct http2_hpack hpack;
	struct http2_block block;
};

struct http2 {
	bool begun;
	struct http2_side side[2];
	struct http2_stream *bucket[HTTP2_BUCKETS];
	struct http2_stream *oldest, *newest;
	uint32_t streams;
	uint32_t resets;
	uint32_t late;                 /* streams that are reset and wait for an answer */
	uint64_t late_since;           /* the earliest of them, as far as known */
	uint32_t reported;             /* bits by enum http2_anomaly: those that are said once a flow */
};

void http2_odd(struct cc_ctx *ctx, struct cc_tx *tx, enum http2_anomaly anomaly);
/* The same, once a flow. */
void http2_odd_once(struct cc_ctx *ctx, struct http2 *http2, struct cc_tx *tx, enum http2_anomaly anomaly);

/* hpack.c */
/* The bytes of a block as they come, into its lines.  false: it can't be decoded. */
bool http2_hpack_add(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct slice bytes);
/* The block is over.  false: it ends within a header. */
bool http2_hpack_end(struct cc_ctx *ctx, struct http2_side *side);
/* What comes refers to headers that weren't seen. */
void http2_hpack_lose(struct cc_ctx *ctx, struct http2_hpack *hpack);
void http2_hpack_close(struct cc_ctx *ctx, struct http2_hpack *hpack);
/* A line more; what is beyond the limit is left out, and said. */
void http2_block_add(struct cc_ctx *ctx, struct http2_block *block, struct slice name, struct slice value);
void http2_block_free(struct cc_ctx *ctx, struct http2_block *block);

/* head.c: the lines of a block to values, and to what the stream has to know of its body. */
void http2_head_put(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, const struct http2_block *block);
/* What stands on every transaction. */
void http2_common_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct http2_frame *frame);
void http2_settings_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice body);
void http2_error_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, uint32_t code);

/* stream.c */
struct http2_stream *http2_stream_find(struct http2 *http2, uint32_t id);
struct http2_stream *http2_stream_new(struct cc_ctx *ctx, struct http2 *http2, uint32_t id); /* NULL: no memory */
void http2_stream_data(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, struct slice bytes);
void http2_stream_gap(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, uint64_t size);
/* The side has said all; true: both have, and the stream is gone. */
bool http2_stream_side_done(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream, enum cc_dir dir,
    bool whole);
void http2_stream_end(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream);
/* The client lets go of it, unanswered: it stays for an answer that is on its way. */
void http2_stream_late(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream);
/* Those whose answer did not come. */
void http2_streams_late_end(struct cc_ctx *ctx, struct http2 *http2);
void http2_streams_finish(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir);
void http2_streams_forget(struct cc_ctx *ctx, struct http2 *http2);

/* frame.c: frames other than DATA, whole. */
enum cc_status http2_frame_read(struct cur *in, struct http2_frame *ret_frame);
/* Could this be a frame of a right connection? */
bool http2_frame_plausible(const struct http2_frame *frame);
void http2_frame_take(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, const struct http2_frame *frame,
    struct slice body);

/* upgrade.c: what HTTP/1 hands over. */
void http2_upgrade(struct cc_ctx *ctx, struct http2 *http2, struct slice note);

#endif
