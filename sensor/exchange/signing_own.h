/*
 * Messages on their way to the spool: collected, numbered, signed by several threads, spooled in the order in which
 * they came. The courier's thread calls; the signing threads touch what lies between.
 */
#ifndef EXCHANGE_SIGNING_OWN_H
#define EXCHANGE_SIGNING_OWN_H

#include "exchange/exchange.h"

struct signing;

/* Spools one that is signed; digest: jws_digest() of it.  CC_OK: it has its number now. */
typedef enum cc_status signing_spool_fn(void *ctx, const struct cc_message *msg, const uint8_t digest[32]);

/* spool, key: borrowed. */
enum cc_status signing_new(const struct conf *conf, struct spool *spool, const struct key *key, signing_spool_fn *fn,
    void *ctx, struct signing **ret_signing);
void signing_free(struct signing *signing); /* what is not flushed is lost */
/*
 * A message without ce_sequence and jws; copied.  The number goes before the header at index `at`.  Not CC_OK: some
 * message that was given earlier could not be spooled.
 */
enum cc_status signing_add(struct signing *signing, const struct cc_message *msg, unsigned at);
/* All that was added is in the spool, or has failed. */
enum cc_status signing_flush(struct signing *signing);
uint64_t signing_errors(const struct signing *signing);   /* could not be signed, with the next one's sum */
uint64_t signing_too_large(const struct signing *signing);

#endif
