/* What dtls's files share: a flow's state, messages put together out of fragments.  Nobody outside includes it. */
#ifndef APP_DTLS_OWN_H
#define APP_DTLS_OWN_H

#include "app/tls/own.h"

enum {
	DTLS_RECORD_HEADER = 13,
	DTLS_MESSAGE_HEADER = 12,
	DTLS_RECORDS_MAX = 32,      /* of a datagram; more are passed by */
	DTLS_FIRST = 2048,          /* bytes of a message that is put together, at first; then it doubles */
	DTLS_WINDOW = 16384,        /* a fragment that begins this far behind what is here is not kept */
	DTLS_COOKIE_MAX = 255,
};

/* Beyond TLS's own: fields and anomalies. */
enum { DTLS_F_COOKIE = TLS_F_COUNT, DTLS_F_COUNT };
enum {
	DTLS_FRAGMENT_MISMATCH = TLS_ANOMALY_COUNT, DTLS_FRAGMENT_OVERLAP, DTLS_FRAGMENT_TOO_FAR, DTLS_ANOMALY_COUNT,
};

/* Messages that are read: each has a place on each side. */
enum { DTLS_PLACE_CLIENT_HELLO, DTLS_PLACE_SERVER_HELLO, DTLS_PLACE_CERTIFICATE, DTLS_PLACES };

/* A message in fragments: room bytes, behind them a bit for each that is here. */
struct dtls_message {
	uint8_t *bytes;            /* pool memory; NULL: none is open */
	uint32_t room, size, have; /* have: without a hole from the first */
	uint16_t seq;
};

struct dtls_state {
	struct tls_state tls;      /* first: what TLS's files work on */
	struct dtls_message open[2][DTLS_PLACES];
};

struct dtls_fragment {
	uint8_t type;
	uint16_t seq;
	uint32_t size, offset;     /* of the message; in the message */
	struct slice bytes;
};

/* read.c */
struct dtls_record {
	uint8_t type;
	bool encrypted;
	struct slice fragment;
};
/* The next record.  CC_BAD: what is there is none. */
enum cc_status dtls_next_record(struct cur *in, struct dtls_record *ret_record);
/* The next fragment of a handshake message in a record. */
enum cc_status dtls_next_fragment(struct cur *in, struct dtls_fragment *ret_fragment);
enum cc_status dtls_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* assemble.c */
/* CC_OK: the message is whole, in *ret_body until dtls_drop(); CC_MORE: not yet; CC_BAD: no memory, or it doesn't fit.
 */
enum cc_status dtls_assemble(struct cc_ctx *ctx, struct dtls_state *state, struct dtls_message *message,
    const struct dtls_fragment *fragment, struct slice *ret_body);
void dtls_drop(struct cc_ctx *ctx, struct dtls_message *message);

#endif
