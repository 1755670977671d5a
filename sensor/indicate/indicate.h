/*
 * Matches and, by policy, protocol events to indicator records: which thing is to be named (address, domain, URL, hash,
 * fingerprint), in normal form, with the basic information that partners agreed on.
 *
 * indicate_next() runs on a worker; struct aggregate on the courier.
 */
#ifndef INDICATE_INDICATE_H
#define INDICATE_INDICATE_H

#include "app/app.h"
#include "base/base.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "detect/detect.h"
#include "flow/flow.h"
#include "record/record.h"

enum indicate_count {
#define COUNT(symbol, name, help) INDICATE_##symbol,
#include "indicate/counters.def"
#undef COUNT
	INDICATE_COUNT
};
extern const char *const indicate_count_name[INDICATE_COUNT];

struct indicate;

/* CC_BAD: a prefix of conf can't be read: *ret_why (malloc) names it. */
enum cc_status indicate_new(const struct conf *conf, const struct flows *flows, struct indicate **ret_indicate,
    char **ret_why);
void indicate_free(struct indicate *indicate);
/* The rules changed: their digest goes into every record. */
void indicate_switch(struct indicate *indicate, const struct ruleset *set);

/*
 * The records of a batch, one a call, strongest first; CC_END when there are no more.  Slices live in the batch.  Call
 * until CC_END.  time is that of the packet, or of the flow's end.
 */
enum cc_status indicate_next(struct indicate *indicate, struct flow *flow, const struct packet *pkt,
    struct batch *batch, uint64_t time, struct cc_record *ret_rec);

/* Facts of an interface by its index in frames: name and snap length stand in every record of it. */
void indicate_interface(struct indicate *indicate, uint32_t index, const char *name, uint32_t snaplen);

/* A flow that an alert was told of; kept in the flow's slot, which needs no freeing. */
static inline void
indicate_mark_alerted(struct flow *flow)
{
	flow->indicate = flow;
}

static inline bool
indicate_alerted(const struct flow *flow)
{
	return flow->indicate != NULL;
}

const uint64_t *indicate_counts(const struct indicate *indicate);

/* The home networks of the configuration, for who stands outside of the sensor's workers.  CC_BAD: *ret_why (malloc).
 */
struct home;
enum cc_status home_new(const struct conf *conf, struct home **ret_home, char **ret_why);
void home_free(struct home *home);
bool home_has(const struct home *home, const struct cc_addr *addr);
bool home_touches(const struct home *home, const struct cc_prefix *prefix); /* is any address of the prefix at home? */

/* Normal forms; ret_out is cleared first.  CC_BAD: no such thing. */
enum cc_status indicate_domain(
    struct slice raw, struct buf *ret_out); /* lower case, IDNA A-labels, no final dot, no address */
/* U-labels, for people to read, of a domain in that form.  CC_ABSENT: it has none; CC_BAD: not those of this name. */
enum cc_status indicate_domain_unicode(struct slice domain, struct buf *ret_out);
enum cc_status indicate_email(
    struct slice raw, struct buf *ret_out); /* of "Name <local@domain>": lower case, the domain as above */
enum cc_status indicate_url(
    struct slice scheme, struct slice host, uint16_t port, struct slice target, struct buf *ret_out);

/*
 * Repeats: the first sight of an indicator passes at once, later ones are counted; when its window closes, one update
 * with the sum passes.  Keyed by record_key().  Bounded by indicate.max.
 */
struct aggregate;
typedef void aggregate_fn(void *ctx, const struct cc_record *rec, bool update);

struct aggregate *aggregate_new(const struct conf *conf, aggregate_fn *fn, void *ctx);
void aggregate_free(struct aggregate *aggregate);
void aggregate_add(struct aggregate *aggregate, const struct cc_record *rec); /* time goes on by rec->last */
void aggregate_tick(struct aggregate *aggregate, uint64_t now);
void aggregate_flush(struct aggregate *aggregate); /* closes every window, in order of first sight */
/* What changed since the last call, or, if asked, at the first call and after too many changes, all there is (true).
 * aggregate_restore() of all of it in this order makes the windows anew; what is malformed ends it. */
bool aggregate_changes(struct aggregate *aggregate, bool all, struct buf *out);
void aggregate_restore(struct aggregate *aggregate, struct slice changes);
uint64_t aggregate_repeats(const struct aggregate *aggregate); /* counted within windows so far */
uint64_t aggregate_early(const struct aggregate *aggregate);   /* windows closed before their time: indicate.max */

#endif
