/*
 * What partners tell, and what of it becomes live here: messages of exchange.from, verified by the operator's trust
 * file, to
 * a watch list that every worker has within two seconds.  Part of exchange.h.
 *
 * One thread of the courier's, beside its loop, which never waits for it: partners_step() reads, judges, keeps
 * (OUTDIR/partners.sqlite) and gives the list away. partners_hit(), _reload() and _counts() may be called from any
 * thread.
 *
 * What may become live is the operator's policy: the trust file, under an organisation's `policy`:
 *   watch:
 *     use: yes                 # no: nothing of theirs
 *     kinds: [addr, domain]    # all, if not said
 *     max: 1000                # entries; else partners.source_max
 *     proof: dialogue          # least proof, of every kind; else partners.proof, of addresses alone
 *     answers: no              # also what they only saw because others had told it
 *     negative: no             # tell them when there was no hit for partners.quiet
 */
#ifndef EXCHANGE_PARTNERS_H
#define EXCHANGE_PARTNERS_H

#include "concert/output.h"
#include "conf/conf.h"
#include "exchange/sign.h"
#include "exchange/store.h"

struct partners;
struct exchange_message;

struct partners_setup {
	const struct conf *conf;
	const char *outdir;
	bool live;
	struct store *store; /* for coverage; may be NULL */
	/* The whole list anew, as partners_list_next() reads it; borrowed for the call. */
	void (*publish)(void *ctx, struct slice list);
	/* A message of ours to go out; copies.  CC_FULL: not now. */
	enum cc_status (*send)(void *ctx, const struct exchange_message *what);
	void *ctx;
};

/* CC_ABSENT: exchange.from is none, or nobody is trusted.  Needs the keys that exchange_open() makes. */
enum cc_status partners_open(const struct partners_setup *setup, struct partners **ret_partners, char **ret_why);
void partners_close(struct partners *partners);
/* Called for every verified message of a topic ("requests", without prefix) that is not "indicators"; on the thread. */
typedef void partners_fn(void *ctx, const struct cc_message *msg, const struct verified *verified);
void partners_handle(struct partners *partners, partners_fn *fn, void *ctx);
struct trust *partners_trust(struct partners *partners);
/* Reads what is there, at most a few thousand messages and some megabytes of them, waits up to ms for the first
 * (negative: no longer than it takes to have all that is there); expiry, quiet windows, the disk.  CC_END: all that was
 * there is read. */
enum cc_status partners_step(struct partners *partners, int ms);
/* Over files: the capture ended; entries without a hit since first are told as not seen, if that is partners.quiet and
 * more. */
void partners_capture(struct partners *partners, uint64_t first, uint64_t last, uint64_t packets, uint64_t lost);
/* A worker hit what `answer_to` of a record names. */
void partners_hit(struct partners *partners, struct slice answer_to, uint64_t time);
void partners_reload(struct partners *partners); /* trust file and allow-lists are read again */
/* Adds to counts[EXCHANGE_COUNT]. */
void partners_counts(const struct partners *partners, uint64_t *counts);

/* ---- for people: what OUTDIR/partners.sqlite has, also beside a running sensor ---- */

struct partners_entry {
	const char *source, *value, *message;
	enum cc_kind kind;
	uint64_t told, until, hit; /* ns; hit 0: none yet */
};
typedef void partners_visit_fn(void *ctx, const struct partners_entry *entry);
/* CC_ABSENT: there is none; *ret_why (malloc). */
enum cc_status partners_visit(const char *outdir, partners_visit_fn *fn, void *ctx, char **ret_why);

/* ---- the list on its way ---- */

struct partners_item {
	uint8_t kind;
	struct slice value, source, answer_to;
};
/* The next of a list that was published, as hostile input.  CC_END; CC_BAD: malformed. */
enum cc_status partners_list_next(struct cur *list, struct partners_item *ret_item);

#endif
