/*
 * Messages on their way to the spool: collected, numbered, signed by several threads, spooled in the order in which
 * they came. The courier's thread calls; the signing threads touch what lies between.
 */
#ifndef EXCHANGE_SIGNING_OWN_H
#define EXCHANGE_SIGNING_OWN_H

#include "exchange/exchange.h"

struct signing;

/* Spools what is signed, in this order.  CC_OK: all have their numbers now; else *ret_count of them have. */
typedef enum cc_status signing_spool_fn(
    void *ctx, const struct spool_item *item, size_t count, size_t *ret_count);

/* spool, key: borrowed. */
enum cc_status signing_new(const struct conf *conf, struct spool *spool, const struct key *key, signing_spool_fn *fn,
    void *ctx, struct signing **ret_signing);
void signing_free(struct signing *signing); /* what is not flushed is lost */
/*
 * A message without ce_sequence and jws; copied.  The number goes before the header at index `at`.  Not CC_OK: some
 * message that was given earlier could not be spooled.
 */
enum cc_status signing_add(struct signing *signing, const struct cc_message *msg, unsigned at);
/* What is signed goes to the spool, what was collected to the threads if they are short of work; waits for nothing. */
enum cc_status signing_turn(struct signing *signing);
/* All that was added is in the spool, or has failed. */
enum cc_status signing_flush(struct signing *signing);
uint64_t signing_added(const struct signing *signing);
uint64_t signing_retired(const struct signing *signing);  /* of these: in the spool, or failed */
uint64_t signing_errors(const struct signing *signing);   /* could not be signed, with the next one's sum */
uint64_t signing_too_large(const struct signing *signing);

#endif
