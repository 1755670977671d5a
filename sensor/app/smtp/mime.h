/*
 * A reader of MIME messages (RFC 5322, 2045 to 2047, 2231), for every protocol that carries mail.
 *
 * The message goes in as slices, cut anywhere; what it says comes out through the sink, while it goes by: the headers
 * of the message, each leaf part with its decoded bytes.  Multiparts nest, messages in messages too, each up to a
 * limit; what lies deeper is one opaque part.  State is one block of pool memory and never grows.  Thread: the
 * worker's.
 */
#ifndef SMTP_MIME_H
#define SMTP_MIME_H

#include "base/base.h"
#include "concert/parser.h"

#define MIME_NAME_MAX 255     /* bytes of a part's file name */
#define MIME_DEPTH_MAX 64     /* multiparts open at once, whatever the limit says */

enum mime_odd {
	MIME_BAD_HEADER,      /* a line among the headers is none */
	MIME_LONG_NAME,       /* a header's name */
	MIME_LONG_VALUE,      /* a header's value was cut */
	MIME_LONG_HEAD,       /* headers beyond the limit were passed over */
	MIME_LONG_LINE,       /* a line of a body longer than the standard's 998 */
	MIME_LONG_ENCODED,    /* a line of an encoded body longer than the standard's 76 */
	MIME_LONG_BOUNDARY,   /* longer than the standard's 70 */
	MIME_LONG_FILENAME,   /* the file name was cut */
	MIME_BAD_BASE64,
	MIME_BAD_QP,
	MIME_BAD_MULTIPART,   /* a multipart without boundary, or without end */
	MIME_TOO_DEEP,
	MIME_TOO_MANY,        /* parts beyond the limit were passed over */
	MIME_ODD_COUNT
};

enum mime_text { MIME_TEXT_NONE, MIME_TEXT_PLAIN, MIME_TEXT_HTML };

/* A leaf: what its headers say.  Borrowed for the call. */
struct mime_part {
	struct slice type;    /* "text/plain", in lower case */
	struct slice name;    /* of the file, in UTF-8 where that is known; empty: none */
	bool attachment;      /* Content-Disposition says so */
	enum mime_text text;
};

struct mime_sink {
	/* A header of the message itself (not of its parts), unfolded. */
	void (*header)(struct cc_ctx *ctx, void *user, struct slice name, struct slice value);
	void (*part)(struct cc_ctx *ctx, void *user, const struct mime_part *part);
	void (*body)(struct cc_ctx *ctx, void *user, struct slice bytes);
	void (*part_gap)(struct cc_ctx *ctx, void *user, uint64_t size);
	void (*part_end)(struct cc_ctx *ctx, void *user, bool whole);
	/* At most once for each kind and message. */
	void (*odd)(struct cc_ctx *ctx, void *user, enum mime_odd odd);
};

struct mime_limits {
	uint64_t head;        /* bytes of the headers of one part */
	uint64_t depth;       /* multiparts and messages in each other */
	uint64_t parts;       /* leaves */
};

struct mime;

/* NULL: no memory; the others accept that. */
struct mime *mime_open(struct cc_ctx *ctx, const struct mime_limits *limits, const struct mime_sink *sink, void *user);
void mime_add(struct cc_ctx *ctx, struct mime *mime, struct slice bytes);
void mime_gap(struct cc_ctx *ctx, struct mime *mime, uint64_t size);
/* The message ends here; whole: as it should.  Ends the open part.  Does not free. */
void mime_end(struct cc_ctx *ctx, struct mime *mime, bool whole);
/* Are its headers over? */
bool mime_in_body(const struct mime *mime);
void mime_free(struct cc_ctx *ctx, struct mime *mime);

/* ---- mime_text.c: the words of headers ---- */

struct slice mime_trim(struct slice text);
struct slice mime_drop(struct slice text, size_t size);
bool mime_is(struct slice text, const char *lower);     /* case-insensitive */
bool mime_begins(struct slice text, const char *lower); /* case-insensitive */
bool mime_says(struct slice text, const char *lower);   /* the same, anywhere in it */
/* Encoded words (RFC 2047) of UTF-8, ASCII and Latin 1 become UTF-8, others stay.  Returns the size; at most room. */
size_t mime_words(struct slice text, uint8_t *out, size_t room);
/*
 * The parameter of a structured header ("text/plain; name=x"), with RFC 2231's pieces put together.  Returns the size,
 * 0: none; *ret_cut: it did not fit.
 */
size_t mime_parameter(struct slice header, const char *name, uint8_t *out, size_t room, bool *ret_cut);
/* The next address of a list, trimmed; commas in quotes, comments and <> do not part them.  false: no more. */
bool mime_next_address(struct slice *list, struct slice *ret_address);

/* ---- mime_code.c: transfer encodings ---- */

enum mime_encoding { MIME_IDENTITY, MIME_BASE64, MIME_QP };

struct mime_code {
	uint8_t encoding;     /* enum mime_encoding */
	uint8_t held_size;    /* of held: digits of base64, or "=X" */
	uint8_t held[3];
	uint8_t pad;          /* '=' seen since the last digit */
	bool bad;             /* something in it was no such encoding */
};

/* Decodes from *in into out, as far as either goes; returns the bytes written.  room at least 4. */
size_t mime_decode(struct mime_code *code, struct slice *in, uint8_t *out, size_t room);
/* What is left at the end. */
size_t mime_decode_end(struct mime_code *code, uint8_t *out, size_t room);
int mime_hex(uint8_t c); /* -1: no digit */

#endif
