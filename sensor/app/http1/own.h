/*
 * What the files of sensor/app/http1/ share: the state of a flow, of a message and of a transaction, and the names of
 * fields and anomalies.  Nobody outside includes it.
 */
#ifndef HTTP1_OWN_H
#define HTTP1_OWN_H

#include "base/base.h"
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
#define HTTP1_CODINGS 4       /* stacked content codings that are undone */
#define HTTP1_LINE_MAX 8192   /* of a chunk's size line, a trailer line, or while looking for a message's start */
#define HTTP1_UNIT_MAX (1u << 20)

/* Headers that mean something to us. */
enum http1_name {
	N_OTHER, N_HOST, N_COOKIE, N_SET_COOKIE, N_USER_AGENT, N_REFERER, N_ACCEPT, N_ACCEPT_ENC, N_ACCEPT_LANG,
	N_CONNECTION, N_CONTENT_TYPE, N_CONTENT_LEN, N_CONTENT_ENC, N_CONTENT_DISP, N_CONTENT_RANGE, N_TRANSFER_ENC,
	N_LOCATION, N_SERVER, N_UPGRADE, N_AUTHORIZATION, N_EXPECT, N_COUNT
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

enum coding_kind { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI };

/* The framing that a head asks for. */
struct http1_framing {
	bool chunked, has_length, loose, upgrade, expect;
	uint64_t length;
	unsigned coding_count;
	uint8_t coding[HTTP1_CODINGS]; /* enum coding_kind, as applied: the last one is undone first */
};

struct coding;

/* One side: the message that it is in. */
struct http1_side {
	uint8_t state;
	struct http1_scan scan;
	struct cc_tx *tx;
	struct cc_file *file;
	struct coding *coding;  /* the outermost */
	struct http1_framing framing;
	struct slice file_name; /* in the transaction's memory */
	unsigned status;
	uint64_t left;          /* of S_LENGTH, S_LOOSE, S_CHUNK_DATA */
	uint64_t body_in;       /* bytes of body, without chunk lines, still coded */
	uint64_t body_out;      /* decoded */
	bool mid_line;          /* S_SKIP_HEAD: the line has something in it */
	bool finished;
	bool first_chunk;       /* no chunk line was believed yet */
	bool cut;               /* body beyond http.body_limit, or a bomb: no more of it goes to the file */
	bool broken;            /* it can't be decoded further */
	bool flawed;            /* bytes are missing from it */
	struct multipart *multipart;
};

struct http1 {
	struct http1_side side[2];
	struct cc_tx *first, *last; /* requests that wait for their response */
	unsigned waiting;
	uint32_t requests;
};

enum http1_method { M_OTHER, M_GET, M_HEAD, M_POST, M_PUT, M_CONNECT, M_OPTIONS };

struct http1_tx {
	struct cc_tx *next;         /* in the queue of waiting requests */
	uint8_t method;
	bool upgrade;               /* the request asked for another protocol */
	bool no_protocol;           /* HTTP/0.9 */
	bool continued;             /* 100 Continue was seen */
	struct slice name;          /* last component of the path, for files */
};

static inline struct http1_tx *
http1_tx(struct cc_tx *tx)
{
	return tx->own;
}

static inline uint8_t
http1_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline bool
http1_is_space(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

static inline bool
http1_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Anomalies, each once a message at most where `seen` is given. */
void http1_odd(struct cc_ctx *ctx, struct cc_tx *tx, enum http1_anomaly anomaly);

/* text.c */
bool http1_prefix(struct slice text, const char *lower); /* case-insensitive */
bool http1_eq(struct slice text, const char *lower);
bool http1_find(struct slice text, const char *lower);   /* anywhere in it */
struct slice http1_trim(struct slice text);
struct slice http1_drop(struct slice text, size_t size);
bool http1_is_token(uint8_t c);
int http1_hex(uint8_t c); /* -1: no digit */
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

/* head.c: a whole head to values; fills side->framing. */
void http1_head_request(struct cc_ctx *ctx, struct http1_side *side, struct slice head);
/* Headers behind a request line that was taken for HTTP/0.9. */
void http1_head_more(struct cc_ctx *ctx, struct http1_side *side, struct slice head);
/* side->status is 0 when it can't be read. */
void http1_head_response(struct cc_ctx *ctx, struct http1_side *side, struct slice head);

/* header.c */
void http1_headers(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir, struct slice head, size_t start);

/* uri.c */
/* The path and query as a server would see them; into out (room in.size), returns the size. */
size_t http1_uri_normal(struct slice uri, uint8_t *out, bool *ret_double);
/* Takes an URI apart as far as we need it: *ret_host with port for absolute URIs, else empty; *ret_path the rest. */
void http1_uri_split(struct slice uri, struct slice *ret_host, struct slice *ret_path);

/* body.c */
void http1_body_open(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir);
void http1_body_add(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir, struct slice bytes);
void http1_body_gap(struct cc_ctx *ctx, struct http1_side *side, uint64_t size);
void http1_body_close(struct cc_ctx *ctx, struct http1_side *side, bool whole);
/* Decoded bytes, from coding.c. */
void http1_body_decoded(struct cc_ctx *ctx, struct http1_side *side, struct slice bytes);

/* coding.c: content codings. */
/* A chain for the framing's codings; NULL: none, or no memory. */
struct coding *coding_open(struct cc_ctx *ctx, const struct http1_framing *framing);
void coding_add(struct cc_ctx *ctx, struct http1_side *side, struct coding *coding, struct slice bytes);
void coding_end(struct cc_ctx *ctx, struct http1_side *side, struct coding *coding);
void coding_free(struct cc_ctx *ctx, struct coding *coding);

/* multipart.c: the files in a multipart/form-data body. */
struct multipart *multipart_open(struct cc_ctx *ctx, struct slice content_type);
void multipart_add(struct cc_ctx *ctx, struct multipart *multipart, struct cc_tx *tx, struct slice bytes);
/* True: there were files in it. */
bool multipart_close(struct cc_ctx *ctx, struct multipart *multipart, struct cc_tx *tx, bool whole);
/* The flow is over, and its files are closed already. */
void multipart_forget(struct cc_ctx *ctx, struct multipart *multipart);

#endif
