/*
 * What the files of sensor/app/http1/ share: the state of a flow, of a message and of a transaction, and the names of
 * fields and anomalies.  Nobody outside includes it.
 */
#ifndef HTTP1_OWN_H
#define HTTP1_OWN_H

#include "base/base.h"
#include "app/http/http.h"
#include "concert/parser.h"

enum http1_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/http1/fields.def"
#undef FIELD
	F_COUNT
};

enum http1_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/http1/anomalies.def"
#undef ANOMALY
	A_COUNT
};

#define HTTP1_PIPELINE 256    /* requests that may wait for their responses; then the oldest is closed */
#define HTTP1_HEADERS 1024    /* of one message; more are passed over */
#define HTTP1_LINE_MAX 8192   /* of a chunk's size line, a trailer line, or while looking for a message's start */
#define HTTP1_UNIT_MAX (1u << 20)

/* Headers that mean something to us. */
enum http1_name {
	N_OTHER, N_HOST, N_COOKIE, N_SET_COOKIE, N_USER_AGENT, N_REFERER, N_ACCEPT, N_ACCEPT_ENC, N_ACCEPT_LANG,
	N_CONNECTION, N_CONTENT_TYPE, N_CONTENT_LEN, N_CONTENT_ENC, N_CONTENT_DISP, N_CONTENT_RANGE, N_TRANSFER_ENC,
	N_ETAG, N_LAST_MODIFIED, N_LOCATION, N_SERVER, N_UPGRADE, N_AUTHORIZATION, N_PROXY_AUTH, N_EXPECT, N_COUNT
};

enum http1_state {
	S_START,       /* between messages */
	S_HEAD,        /* the start line has begun */
	S_MAYBE,       /* the status says that there is no body, the headers that there is */
	S_LENGTH,      /* left bytes of body */
	S_LOOSE,       /* the same, but the length is not to be trusted: what follows is looked at */
	S_AFTER_LOOSE,
	S_CLOSE,       /* body up to the end of the side */
	S_CHUNK_SIZE, S_CHUNK_DATA, S_TRAILER,
	S_AFTER_09,    /* a request line without protocol: headers may follow it all the same */
	S_HEAD_09,     /* and do */
	S_SKIP_HEAD,   /* a head beyond its limit: its rest is passed over, a line at a time */
	S_LOST,        /* after a gap or garbage: looking for the next message */
	S_WAIT,        /* the client after CONNECT: the answer decides whose the bytes are */
	S_IGNORE,      /* another protocol that we leave alone */
};

/* A place in a head, between two lines. */
struct http1_scan {
	size_t at;             /* bytes of the head before it */
	size_t seen;           /* bytes that were searched for the line's end */
	bool after_lf;         /* the line before ended with a bare LF */
	bool begun;            /* the start line is behind it */
};

struct http1_line {
	struct slice text;     /* without its end */
	bool empty;            /* ends the head */
	bool lf;               /* ended with a bare LF */
	bool crlf;             /* with CR LF */
};

/* What Upgrade names. */
enum http1_upgrade { U_NONE, U_OTHER, U_H2C, U_WEBSOCKET };

/* The framing that a head asks for. */
struct http1_framing {
	bool chunked, has_length, loose, expect;
	uint8_t upgrade;       /* enum http1_upgrade */
	uint64_t length;
	struct http_codings codings;
};

/* One side: the message that it is in. */
struct http1_side {
	uint8_t state;
	struct http1_scan scan;
	struct cc_tx *tx;
	struct http_body body;
	struct http1_framing framing;
	unsigned status;
	uint64_t left;          /* of S_LENGTH, S_LOOSE, S_CHUNK_DATA */
	bool mid_line;          /* S_SKIP_HEAD: the line has something in it */
	bool finished;
	uint8_t auth;           /* what http_auth_put() has found so far */
	bool first_chunk;       /* no chunk line was believed yet */
};

struct http1 {
	struct http1_side side[2];
	struct cc_tx *first, *last; /* requests that wait for their response */
	unsigned waiting;
	uint32_t requests;
	bool over;                  /* the flow is handed over to another parser */
};

enum http1_method { M_OTHER, M_GET, M_HEAD, M_POST, M_PUT, M_CONNECT, M_OPTIONS };

struct http1_tx {
	struct cc_tx *next;         /* in the queue of waiting requests */
	uint8_t method;
	uint8_t upgrade;            /* enum http1_upgrade: what the request asked for */
	bool no_protocol;           /* HTTP/0.9 */
	bool continued;             /* 100 Continue was seen */
	struct slice name;          /* last component of the path, for files */
};

static inline struct http1_tx *
http1_tx(struct cc_tx *tx)
{
	return tx->own;
}

/* Anomalies, each once a message at most where `seen` is given. */
void http1_odd(struct cc_ctx *ctx, struct cc_tx *tx, enum http1_anomaly anomaly);

/* text.c */
bool http1_is_status(struct slice text); /* begins as a status line, after white space */
/* Does it begin as a request line?  CC_OK, CC_MORE (line not all here), CC_BAD. */
enum cc_status http1_is_request(struct slice in);

/* line.c: the lines of a head, as lenient receivers take them. */
/* CC_MORE: the line isn't all here; *scan then remembers how far it was searched.  last: no more bytes will come. */
enum cc_status http1_line_next(struct slice in, bool response, bool last, struct http1_scan *scan,
    struct http1_line *ret_line);
/* Behind a line of white space only: do headers follow?  CC_OK: yes; CC_BAD: no; CC_MORE: can't say. */
enum cc_status http1_goes_on(struct slice rest, bool last);
/* CC_OK: a whole head; *ret_size is its size with its last line. */
enum cc_status http1_head_find(struct slice in, bool response, bool last, struct http1_scan *scan, size_t *ret_size);

/* exchange.c */
void http1_reset(struct http1_side *side, enum http1_state state); /* the side is between messages again */
/* A transaction for a message that begins.  false: no memory. */
bool http1_request_open(struct cc_ctx *ctx, struct http1 *http1);
bool http1_response_open(struct cc_ctx *ctx, struct http1 *http1);
void http1_response_done(struct cc_ctx *ctx, struct http1 *http1, bool whole);
void http1_message_done(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, bool whole);
void http1_body_open(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir);
/* Begins the body, or ends the message if there is none. */
void http1_body_begin(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir);
/* The same behind a head: what the method and the status say of it. */
void http1_request_body(struct cc_ctx *ctx, struct http1 *http1);
void http1_response_body(struct cc_ctx *ctx, struct http1 *http1);
/* What follows on both sides is that protocol of enum http1_upgrade. */
void http1_leave_to(struct cc_ctx *ctx, struct http1 *http1, struct cc_tx *tx, unsigned to);

/* chunk.c: a step of a side that is in such a state. */
enum cc_status http1_take_length(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in);
enum cc_status http1_take_chunk_size(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in);
enum cc_status http1_take_trailer(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in);

/* head.c: a whole head to values; fills side->framing. */
void http1_head_request(struct cc_ctx *ctx, struct http1_side *side, struct slice head);
/* Headers behind a request line that was taken for HTTP/0.9. */
void http1_head_more(struct cc_ctx *ctx, struct http1_side *side, struct slice head);
/* side->status is 0 when it can't be read. */
void http1_head_response(struct cc_ctx *ctx, struct http1_side *side, struct slice head);

/* header.c */
void http1_headers(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir, struct slice head, size_t start);

/* upgrade.c: notes for cc_hand_over(), in the transaction's memory. */
/* For HTTP/2, which answers the request: "METHOD URI" CR LF and the headers; empty when it wasn't seen. */
struct slice http1_request_note(struct cc_ctx *ctx, struct cc_tx *tx);
/* For WebSocket: the value of Sec-WebSocket-Extensions that the server agreed to. */
struct slice http1_extensions_note(const struct cc_tx *tx);

#endif
