/* What the files of signatures share. */
#ifndef EXCHANGE_JWS_OWN_H
#define EXCHANGE_JWS_OWN_H

#include "exchange/exchange.h"

/* A jws header, taken apart and held against its message. */
struct jws {
	char kid[KEY_ID];
	bool chained; /* prev is there */
	uint8_t prev[32], signature[KEY_SIGNATURE];
	struct slice protected; /* as it stands in the header */
	uint64_t sequence;
};

/* What is wrong, or VERDICT_ACCEPTED: then only key, signature, chain and bundle are still to be judged.  memory:
 * scratch. */
enum verdict jws_read(const struct cc_message *msg, struct buf *memory, struct jws *ret_jws, char ret_why[160]);
/* pkey: OpenSSL's public key. */
bool jws_fits(const struct jws *jws, struct slice value, void *pkey, struct buf *memory);

/* scan.c: strict JSON (RFC 8259) without a tree: no member twice, bounded depth */
#define SCAN_DEPTH 32
#define SCAN_MEMBERS 512 /* of one object: more is no bundle that anybody makes */
/* A string behind its opening quote, up to and with the closing one; ret_plain: it holds no backslash. */
bool scan_string(struct cur *c, struct slice *ret_raw, bool *ret_plain);
bool scan_value(struct cur *c, unsigned depth);
static inline void
scan_space(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}
/* The characters of a raw string; false: it does not fit, or is half a surrogate pair. */
bool scan_unescape(struct slice raw, struct buf *out);

/* bundle.c: whose objects a bundle holds */
struct bundle_owner {
	const char *identity;      /* of the signer */
	const struct trust *trust; /* whose identities are not for others to describe */
};
enum verdict bundle_check(struct slice value, const struct bundle_owner *owner, char ret_why[160]);

#endif
