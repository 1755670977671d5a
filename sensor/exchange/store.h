/*
 * The sensor's memory: which indicators it saw in which hour, which remote addresses its flows had, and when it was
 * looking. OUTDIR/store.sqlite, a table a day, bounded by store.days and store.max.  Part of exchange.h.
 *
 * store_note() and store_coverage() may be called from any thread and never touch the disk; all else by the one thread
 * that opened it.  Whoever only asks opens a handle of his own (write false), also beside a running sensor.
 */
#ifndef EXCHANGE_STORE_H
#define EXCHANGE_STORE_H

#include "concert/addr.h"
#include "concert/record.h"
#include "conf/conf.h"

struct store;

/* *ret_why (malloc) names the file.  CC_ABSENT: write is false and there is none yet, or store.days is 0. */
enum cc_status store_open(
    const struct conf *conf, const char *outdir, bool write, struct store **ret_store, char **ret_why);
void store_end(struct store *store); /* what was noted is written */

/* One thing seen: an indicator of ours (flow false), or a remote address of flows (kind CC_KIND_ADDR, flow true). */
struct store_note {
	enum cc_kind kind;
	bool flow;
	struct slice value;   /* in normal form, as in records */
	uint64_t first, last; /* ns */
	uint64_t count;
	enum cc_proof proof;
};
void store_note(struct store *store, const struct store_note *note);
/* The sensor looked from … until; figures of that time alone.  A later call with the same from replaces the one before.
 */
void store_coverage(struct store *store, uint64_t from, uint64_t until, uint64_t packets, uint64_t lost);
/* Writes what was noted, at most once a second, and lets go what is too old or too much.  now: wall clock. */
enum cc_status store_tick(struct store *store, uint64_t now);
enum cc_status store_flush(struct store *store); /* at once */
const char *store_error(const struct store *store); /* after CC_IO */
uint64_t store_lost(const struct store *store);  /* notes that found no room before they could be written */

#define STORE_HOURS 2400 /* buckets that an answer has room for: 100 days */

struct store_hour {
	uint64_t start;        /* ns since 1970, a whole hour */
	uint64_t count, flows; /* sightings of the indicator; flows with the address */
};

struct store_seen {
	uint64_t count, flows;   /* both 0: not seen */
	uint64_t first, last;    /* ns; 0: not seen */
	enum cc_proof proof;     /* the strongest */
	bool cut; /* a prefix or domain with more below it than is looked through: figures are lower bounds */
	struct store_hour hour[STORE_HOURS]; /* in order of time */
	size_t hours;
	/* What "not seen" is worth: the time within from … to that the sensor was looking. */
	uint64_t looked;                  /* ns */
	uint64_t looked_from, looked_until; /* the outermost of it, 0: never */
	uint64_t packets, lost;           /* of all spans that touch the question's time */
};

/*
 * Was it seen in from … to (ns)?  value in any form of the kind: an address or prefix ("192.0.2.0/24"), a domain (with
 * all below it), a hash, a URL.  CC_BAD: no such value; CC_IO.  Hours are whole: one that overlaps the time counts when
 * its first and last do.
 */
enum cc_status store_seen(struct store *store, enum cc_kind kind, struct slice value, uint64_t from, uint64_t to,
    struct store_seen *ret_seen);
/* Only the coverage members of *ret_seen. */
enum cc_status store_looked(struct store *store, uint64_t from, uint64_t to, struct store_seen *ret_seen);

#endif
