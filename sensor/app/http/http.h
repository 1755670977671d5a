/*
 * What the versions of HTTP have in common: words on text, URIs, content codings, bodies that become files.  Used by
 * http1/ and http2/ alone.
 *
 * Anomalies are numbered by each parser's own table, so a body is told which of them to report.  Memory is the pool's
 * and the transaction's.  Thread: the flow's worker.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "app/ntlm/ntlm.h"
#include "base/base.h"
#include "concert/parser.h"

#define HTTP_CODINGS 4        /* stacked content codings that are undone */

enum http_coding_kind { HTTP_NONE, HTTP_GZIP, HTTP_DEFLATE, HTTP_BROTLI, HTTP_ZSTD, HTTP_LZMA };

struct http_codings {
	unsigned count;
	uint8_t kind[HTTP_CODINGS]; /* enum http_coding_kind, as applied: the last one is undone first */
};

/* Which anomalies of the parser's table a body may report. */
struct http_body_odd {
	unsigned failed;          /* it isn't coded as its headers say */
	unsigned bomb;            /* it grows beyond reason */
	unsigned multipart;       /* a multipart body that can't be read, */
	unsigned multipart_header; /* or the header of a part */
	unsigned no_data;         /* a part names a file and holds none */
	unsigned long_name;       /* a file's name that was cut */
	unsigned memory;          /* decoding wants more memory than is given */
	unsigned ranges;          /* two ranges say different bytes of one place */
};

struct http_coding;
struct http_multipart;

/* What a response is, or a range of; texts in the transaction's memory. */
struct http_whole {
	struct slice host, uri;
	struct slice version;   /* ETag, or Last-Modified */
	struct slice type;      /* Content-Type: ranges may stand in parts of their own */
	uint64_t start, end; /* of the range, its last byte included */
	uint64_t total;      /* 0: not known; of a range CC_RANGE_ANY */
	bool partial;           /* 206 */
};

/* The body of one message. */
struct http_body {
	struct cc_tx *tx;
	const struct http_body_odd *odd;
	enum cc_dir dir;
	struct slice name;      /* the file's; in the transaction's memory */
	struct cc_file *file;
	struct http_codings codings; /* as its head names them */
	struct http_coding *coding; /* the outermost */
	struct http_multipart *multipart;
	struct http_whole whole;
	struct cc_range range;  /* what comes in of the whole */
	bool ranged;
	bool raw;               /* it is one range of a coded whole: its bytes go there as they come */
	bool joined;            /* no message's: what several ranges make, and file is the core's */
	uint64_t in;            /* bytes without framing, still coded */
	uint64_t out;           /* decoded */
	bool cut;               /* beyond http.body_limit, or a bomb: no more of it goes to the file */
	bool broken;            /* it can't be decoded further */
};

static inline uint8_t
http_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline bool
http_is_space(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

static inline bool
http_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* auth.c */

/* Which of the parser's fields say who logs on. */
struct http_auth {
	unsigned mechanism, user;
	struct ntlm_table ntlm;
};

/* What http_auth_put() found, as bits. */
enum { HTTP_AUTH_KNOWN = 1, HTTP_AUTH_PLAINTEXT = 2, HTTP_AUTH_NTLM_V1 = 4 };

/* The value of Authorization or Proxy-Authorization.  0: a mechanism that isn't known. */
unsigned http_auth_put(struct cc_ctx *ctx, struct cc_tx *tx, const struct http_auth *auth, struct slice value);

/* text.c */
bool http_prefix(struct slice text, const char *lower); /* case-insensitive */
bool http_eq(struct slice text, const char *lower);
bool http_find(struct slice text, const char *lower);   /* anywhere in it */
struct slice http_trim(struct slice text);
struct slice http_drop(struct slice text, size_t size);
bool http_is_token(uint8_t c);
int http_hex(uint8_t c); /* -1: no digit */
/* A decimal port; -1: none. */
int http_port(struct slice text);
/* "host", "host:port", "[v6]:port". */
void http_host_split(struct slice text, struct slice *ret_host, struct slice *ret_port);
bool http_host_valid(struct slice host);
bool http_same_nocase(struct slice a, struct slice b);
/* filename="x" or filename=x of Content-Disposition (RFC 6266). */
struct slice http_disposition_name(struct slice value);
/* "bytes 0-67/68"; *ret_count numbers of it were found (0: only a size, no range).  CC_BAD: none of these. */
enum cc_status http_range(struct slice text, uint64_t ret_number[3], unsigned *ret_count);

/* uri.c */
/* The path and query as a server would see them; into out (room in.size), returns the size, and that of the path. */
size_t http_uri_normal(struct slice uri, uint8_t *out, bool *ret_double, size_t *ret_path);
/* Takes an URI apart as far as we need it: *ret_host with port for absolute URIs, else empty; *ret_path the rest. */
void http_uri_split(struct slice uri, struct slice *ret_host, struct slice *ret_path);

/* body.c: tx, odd, dir and name stand in it.  content_type may be NULL. */
void http_body_open(struct cc_ctx *ctx, struct http_body *body, const struct http_codings *codings,
    const struct cc_value *content_type);
void http_body_add(struct cc_ctx *ctx, struct http_body *body, struct slice bytes);
void http_body_gap(struct cc_ctx *ctx, struct http_body *body, uint64_t size);
void http_body_close(struct cc_ctx *ctx, struct http_body *body, bool whole);
/* The flow is over, and its files are closed already. */
void http_body_forget(struct cc_ctx *ctx, struct http_body *body);
/* ranges.c: responses that are a range of a whole, put together. */
/* Is it less than the whole?  Some servers answer with a range of everything. */
bool http_ranges_part_of(const struct http_whole *whole);
/* The body begins; body->whole says of what. */
void http_ranges_open(struct cc_ctx *ctx, struct http_body *body);
/* Content-Range says which range a 206 is.  False: it says none. */
bool http_ranges_learn(struct http_whole *whole, struct slice content_range);
/* Where the range at hand is of the whole: a part of multipart/byteranges says so in its head. */
void http_ranges_part(struct cc_ctx *ctx, struct http_body *body, struct slice content_range);
void http_ranges_add(struct cc_ctx *ctx, struct http_body *body, struct slice bytes);
/* A whole response ends too early: what is resumed goes on from there. */
void http_ranges_cut(struct cc_ctx *ctx, struct http_body *body);
/* Decoded bytes, from coding.c. */
void http_body_decoded(struct cc_ctx *ctx, struct http_body *body, struct slice bytes);

/* coding.c: content codings. */
/* The codings that a header names, whatever separates them, behind those that are there. */
void http_codings_add(struct http_codings *codings, struct slice value, bool *ret_unknown, bool *ret_too_many);
/* A chain that undoes them; NULL: none, or no memory. */
struct http_coding *http_coding_open(struct cc_ctx *ctx, const struct http_codings *codings);
void http_coding_add(struct cc_ctx *ctx, struct http_body *body, struct http_coding *coding, struct slice bytes);
void http_coding_end(struct cc_ctx *ctx, struct http_body *body, struct http_coding *coding);
void http_coding_free(struct cc_ctx *ctx, struct http_coding *coding);
/* Pool memory of the chain. */
size_t http_coding_memory(const struct http_coding *coding);
/* What comes is not coded at all, whatever the head says. */
bool http_coding_passes(const struct http_coding *coding);

/* multipart.c: the files in a multipart/form-data body, the ranges in one of multipart/byteranges. */
struct http_multipart *http_multipart_open(struct cc_ctx *ctx, struct slice content_type);
void http_multipart_add(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body,
    struct slice bytes);
/* True: there were files in it. */
bool http_multipart_close(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, bool whole);
void http_multipart_forget(struct cc_ctx *ctx, struct http_multipart *multipart);

#endif
