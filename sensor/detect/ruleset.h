/*
 * A whole set of rules, compiled: patterns and the databases that find them, groups, names, and what rules share.
 * Never changed while it is in use; all workers read it.
 */
#ifndef DETECT_RULESET_H
#define DETECT_RULESET_H

#include "detect/rule.h"

/* ---- the multi-pattern stage ---- */

struct dbs;
struct cache;
struct mpm_entry {
	struct slice pattern; /* lower case with nocase */
	bool nocase;
	uint32_t rule;
};
struct mpm_builder {
	struct mpm_entry *entry;
	size_t count, room;
	bool together; /* short patterns, too, in one database */
	bool large;    /* much is scanned at a time */
};
enum cc_status mpm_add(struct mpm_builder *builder, struct slice pattern, bool nocase, uint32_t rule);
/* Sorts and empties the builder; *ret_mpm NULL when there was nothing in it.  It can be used after dbs_make(). */
enum cc_status mpm_build(struct dbs *dbs, struct mpm_builder *builder, struct mpm **ret_mpm);
void mpm_free(struct mpm *mpm);
enum cc_status mpm_scratch(const struct mpm *mpm, hs_scratch_t **scratch);
size_t mpm_longest(const struct mpm *mpm);

/* Soon to be scanned with.  Of the many there are, those of the packet at hand are in no near cache. */
#define MPM_LINE 64
static inline void
mpm_fetch(const struct mpm *mpm)
{
	__builtin_prefetch(mpm);
	__builtin_prefetch((const void *)((uintptr_t)mpm + MPM_LINE)); /* it may be NULL */
	__builtin_prefetch((const void *)((uintptr_t)mpm + 2 * MPM_LINE));
}
/* Each rule of which a pattern is in bytes is told, perhaps several times. */
void mpm_scan(
    const struct mpm *mpm, hs_scratch_t *scratch, struct slice bytes, void (*hit)(void *ctx, uint32_t rule), void *ctx);

/* ---- groups of packet rules ---- */

enum { GROUP_TCP, GROUP_UDP, GROUP_OTHER, GROUP_PROTOS };

struct sieve { /* patterns and rules that one class of packets, or of streams, asks for */
	struct mpm *all;  /* patterns that may lie anywhere */
	struct mpm *head; /* those that end within head_size, and those of rules for payloads of up to small_size */
	uint32_t all_longest, head_longest; /* patterns */
	uint32_t head_size, small_size;
	uint32_t *always; /* rules without a pattern */
	uint32_t always_count;
	struct sieve *bound; /* for flows of some protocols alone: the first of them */
	uint64_t bound_apps; /* of these, all */
	struct sieve *more;  /* of the bound ones */
	uint64_t apps;       /* bits of the protocols; 0: any */
	struct sieve *next;  /* of the ruleset's */
};

#define PORTS_LOW 1024
struct port_sieves {
	uint32_t count;
	uint32_t *start; /* first port of each interval */
	struct sieve **sieve;
	uint16_t page[257]; /* the interval in which each 256 ports begin */
	uint16_t low[PORTS_LOW]; /* that of each of the first: most packets go to or come from them, and most rules name
				    them */
};

struct addr_kinds {
	uint32_t count;
	unsigned kinds;
	struct cc_addr *start;
	uint8_t *kind;
};

static inline unsigned
way_between(unsigned src, unsigned dst)
{
	return src * KINDS + dst;
}

struct sieves { /* of packets or streams of a transport and a way */
	struct sieve *by_way[WAYS_MAX];
	struct port_sieves by_dport, by_sport; /* rules that name few ports */
};
struct group {
	struct sieves packet, stream;
};

/* ways: the one bit of a way, or all of them when there are no addresses: then there is nothing to scan either. */
static inline const struct sieve *
way_sieve(const struct sieves *sieves, unsigned ways)
{
	return ways != WAYS_ALL ? sieves->by_way[__builtin_ctz(ways)] : NULL;
}

struct group_item {
	uint32_t rule;
	int32_t fast; /* op of the pattern by which it is found; -1: always looked at */
};
enum group_of { OF_PACKETS, OF_STREAMS, OF_VALUES };
struct group_builder {
	struct group_item *item;
	uint32_t count, room;
	enum group_of of;
	bool ported, nomem;
};

struct addr_lists { /* KIND_IP rules, by the address that says most */
	uint32_t interval_count;
	struct cc_addr *start;
	uint32_t *first;
	uint32_t *rule;
	uint32_t *page; /* by the first two bytes of an IPv4 address: its interval; NULL: too few for that */
};

/* ---- the ruleset ---- */

struct class_entry {
	struct slice name, text;
	uint32_t priority;
};

struct field_buffers { /* which buffers a parser's field feeds */
	uint16_t first, count;
};

/*
 * What rules have in common and find by name.  It is passed on from a ruleset to the next as long as the settings are
 * the same that give rules their meaning; what is in it never changes and stays where it is, so that workers may go on
 * with the old set while a new one is read.  Loading threads look things up under the lock.
 */
struct names {
	unsigned users;    /* commons */
	struct map *map;   /* of flowbits and their like; the number stays the name's own over reloads */
	uint32_t count;
};
struct common {
	pthread_mutex_t lock;
	unsigned users;     /* rulesets */
	uint8_t digest[32]; /* over those settings */
	struct store store;
	struct names *names;
	struct map *regexes, *addr_sets, *port_sets, *buffers, *classes, *references;
	struct buffer *buffer; /* as a new set gets them; BUFFERS_MAX of room */
	uint32_t buffer_count;
};

struct MMDB_s;
struct dataset;
struct iprep;
struct watch;
struct yara;
struct db;
struct loading;

struct ruleset {
	struct store store;
	const struct conf *conf;  /* only while loading */
	struct loading *loading;  /* the same */
	struct dbs *dbs;          /* the same */
	struct common *common;
	uint64_t serial;          /* counts reloads */
	uint32_t *moved; /* of the set before: where its rule is now, UINT32_MAX: gone or changed; may be NULL */
	uint32_t moved_count;
	struct rule *rule;
	uint32_t rule_count;
	struct buffer *buffer;    /* while rules are read: the common ones */
	uint32_t buffer_count;
	struct db **db;           /* compiled patterns */
	uint32_t db_count;
	struct map *sids;
	struct field_buffers *by_field[64]; /* by parser index, then field */
	uint16_t *field_buffer;
	uint16_t *file_buffer; /* SRC_FILE buffers with rules */
	uint32_t file_buffer_count;
	uint16_t *meta_buffer; /* SRC_FILE_NAME and _TYPE */
	uint32_t meta_buffer_count;
	uint16_t *frame_buffer; /* SRC_FRAME buffers with rules */
	uint32_t frame_buffer_count;
	struct group group[GROUP_PROTOS][2];
	struct sieve *sieve; /* the first of all */
	struct addr_kinds kinds;
	uint16_t *ways; /* by rule: bits of the ways that its addresses allow */
	struct addr_lists ip_src, ip_dst;
	uint32_t *ip_any, ip_any_count;
	uint32_t *protocol, protocol_count;
	uint32_t *last, last_count; /* of packets of a protocol, whatever they hold: asked at the flow's end, too */
	uint32_t *anomaly, anomaly_count; /* rules with app-layer-event */
	uint32_t *odd, odd_count;
	uint32_t *file_any, file_any_count; /* rules on files without a pattern or buffer */
	size_t stream_window;
	bool wants_content, wants_magic, has_stream;
	unsigned wants_digests;
	uint8_t digest[32];
	struct dataset *dataset; /* the first of all */
	uint32_t dataset_count;
	struct iprep *iprep; /* NULL: no lists */
	struct MMDB_s *geoip; /* NULL: none */
	struct watch *watch;
	struct yara *yara;
};

#endif
