/* What the files of joint/ share. */
#ifndef JOINT_OWN_H
#define JOINT_OWN_H

#include "joint/joint.h"

enum feature_type {
#define FEATURE(symbol, word, cap, spread, group) FEATURE_##symbol,
#include "joint/features.def"
#undef FEATURE
	FEATURE_TYPES
};

struct feature_about {
	const char *word;
	double cap, spread;
	char group;
};
extern const struct feature_about feature_about[FEATURE_TYPES];

enum { TAG_GONE = 2, TAG_NODE }; /* of what keep.c writes of a node: four bytes of its size, and what it is */

#define NODE_FEATURES 32
#define SAMPLE 64 /* nodes that a diversity is estimated from: those with the least hashes */
#define NONE UINT32_MAX
#define CELL_LARGE 2048 /* nodes: a larger cell waits until it has grown */
#define WEIGHT_LEAST 0.5 /* a shared feature of less links nothing, and counts as 0 */
#define CLOSE 1.0        /* nats, what closeness in time adds at most */

/* One thing that a node has: a place in the list of all nodes that have the same. */
struct feature {
	uint32_t value, node, next, prev; /* next: of a free block, the next free one */
	float cap;                        /* of this sight: what is shown without proof links less */
	uint8_t type;                     /* of the value, so that this need not be looked at */
};

/* The nodes with the least hashes of those that have a value, of no organisation more than a part. */
struct sample {
	uint64_t fold[SAMPLE]; /* of each, and who says it: so that no node need be looked at */
	uint32_t node[SAMPLE], organisation[SAMPLE];
	unsigned count, most; /* most: since it was made */
	uint64_t limit; /* no larger hash is in it; UINT64_MAX: there is room */
};

/* What nodes can have in common, once. */
struct value {
	uint64_t hash; /* of type, text and exercise */
	uint32_t check; /* of type and text, by this process's secret */
	uint32_t name;
	uint32_t head, negative; /* features of nodes, and of "not seen"; head: of a free one, the next free one */
	uint32_t count;          /* in the list head */
	uint32_t oldest;         /* node of that list; NONE: to be looked for */
	struct sample *sample;   /* beyond SAMPLE nodes; NULL: to be made */
	/* Groups that its nodes fall into without it, these by the nodes that could tell, as it links: who says most
	 * counts as the others do.  His own nodes link by all that is said. */
	float diversity, part, weight, weight_own;
	uint32_t talker, holder; /* organisations: who that is; and for holds.  NONE: nobody */
	uint32_t mark;           /* of the cell whose walk has seen it */
	uint8_t type;
	bool dirty, used, named; /* named: by a notice, since the last settling */
	bool holds, holds_own; /* nodes together, while another value's diversity is judged; those of holder */
	bool popular; /* a name that many unrelated ask for: it holds nothing together where it leads */
	bool finds_one; /* a rule: of those whom it finds most have one hello (sole.c) */
	bool sole;    /* a hello that is one client's, at places that come and go (sole.c) */
};

#define BEATS_MAX 24
/* When sights of a node began, the earliest of the day, by time. */
struct beats {
	uint32_t count, at[BEATS_MAX]; /* ms of the day */
};

/* What one organisation saw of one thing in one day: repeats fold into it.  Linking reads the first 64 bytes alone. */
struct node {
	_Alignas(64) uint64_t fold; /* hash of all that must be equal */
	uint64_t first, last;
	uint32_t features; /* the first in joint->feature */
	uint32_t activity; /* NONE: alone */
	uint32_t mark;     /* of the cell whose walk has seen it */
	uint32_t place;    /* group of that cell */
	uint8_t feature_count, kind, proof, origin, completeness, hops, tlp; /* tlp: the strictest of its messages */
	bool client, exercise, negative, echo;
	bool used, dirty, unsaved;
	bool put_off;      /* its cell is large, and waits until it has grown */
	bool can_link, will_link; /* with anybody: when its cell was settled last; in the walk at hand */
	bool doubted;             /* whether it still can, or cannot */
	bool hearsay;             /* says no more than a partner said, as its activity was weighed last */
	bool hosted;              /* its name is one at a hosting platform */
	bool observed;            /* by a rule whose class only observes */
	bool revocable;           /* revoke.c lists it */
	bool of_facet;            /* has a candidate that others are held against at the moment */

	uint64_t version;  /* rising number of its last change */
	uint64_t count, from, until;
	uint32_t organisation, sensor, value, key, attacker, pseudonym, victim, sector, rule_name, domain, cert,
	    key_sha256, of, class; /* class: of its rule */
	uint32_t messages, message_count; /* the first of a list in joint->message; all that came */
	uint32_t home;         /* organisation in whose networks the attacker is; NONE */
	uint32_t newer, older; /* by use; newer: of a free one, the next free one */
	float loss, clock_error;
	/* Between repeats, as a message of so many said it: seconds; part of it, negative: not known. */
	float period, jitter;
	uint64_t period_count; /* 0: nothing said */
	struct beats *beats;   /* NULL: one */
	uint16_t port;
	uint16_t saved_size; /* of what is on disk of it: by 16 bytes */
	uint32_t saved;      /* in which row of hot */
	uint64_t used_at;    /* rising number of its last use */
	uint32_t bytes;      /* of its texts and messages: by these it counts for more than one node */
	uint32_t beside_next, beside_prev; /* of those that say the same: revoke.c */
};

/* A feature of a sighting, or of a node on its way in; the text is borrowed. */
struct feature_draft {
	enum feature_type type;
	struct slice text;
	double cap;
	uint64_t hash;
};

struct draft {
	struct feature_draft feature[NODE_FEATURES];
	unsigned count;
	uint32_t home;       /* of the attacker */
	char port[16], net[64], shape[32], path[64], as[24], home_name[256]; /* texts move when more are kept */
};

struct message_ref {
	uint32_t name, next, hash;
};

struct home {
	struct cc_prefix prefix;
	uint32_t organisation;
};

#define WATCH_SLOTS 96 /* quarters of an hour of a day */

/* A day: 0: it did not look, else 1 and more by what was lost; and the sums of these. */
struct watch_day {
	uint8_t slot[WATCH_SLOTS], up;
	uint16_t lost;
};

/* When an organisation's sensors looked: a day each from the first on. */
struct watcher {
	uint32_t organisation;
	uint32_t first, days;
	struct watch_day *day;
	float clock_error; /* the worst that was said; NAN: nothing said yet */
	uint64_t changed_from, changed_until, unsaved_from, unsaved_until; /* where these are so: */
	bool changed, clock_changed, unsaved;
	uint64_t version; /* rising */
};

struct looked_at {
	bool known;
	double part, lost, clock_error; /* of the time, that was looked; of the packets; seconds, negative: not known */
};

/* A contacts entry or a notice, the newest that was heard. */
struct heard {
	uint32_t organisation, text[HEARD_TEXTS];
	uint64_t time, replaced; /* replaced: the row of what it took the place of, still on disk; 0: none */
	uint8_t tlp;
	bool notice, unsaved;
};

struct revocation {
	uint64_t time, hash; /* hash: of the rest, but for unsaved */
	uint32_t organisation, value;
	uint8_t kind;
	bool unsaved;
	bool taken, again; /* since the last settling: once; later than that, and not looked for yet */
};

enum { RIVAL_FORGED, RIVAL_RELAYED, RIVAL_SHARED, RIVAL_UNKNOWN, RIVALS };
extern const char *const rival_word[RIVALS];

#define WITNESS_LEAST 0.8 /* nats of an organisation's own sights, from which on it is a witness */
#define ITEMS_MAX 16
#define CANDIDATES_MAX 8

/* One line of evidence, with all that its number is made of. */
struct item {
	uint32_t node;
	double llr, base, rarity, independence, coverage, clock;
	double lost, hours, clock_error; /* as reckoned with: of heartbeats where the sight does not say it */
	const char *text; /* static */
	enum { ITEM_ACCUSED, ITEM_OBSERVED, ITEM_OBSERVED_TOO } by; /* a rule that only observes; another's accuses */
};

/* What log-odds are made of beside evidence, each with the number that its formula takes. */
struct part {
	const char *why; /* static; README.md has them */
	double nats, of; /* of: NAN: the formula takes none */
};
#define PARTS_MAX 6

#define ORGANISATIONS_MAX 64 /* in one activity, that weighing tells apart */

struct hypothesis {
	int rival; /* RIVAL_, or -1: a candidate */
	uint8_t type; /* FEATURE_ */
	uint32_t value; /* in joint->value */
	uint64_t hash;
	uint32_t within; /* value, an address: all that is in this /48 is in the address's /64; NONE: it is not */
	double log_odds, probability, bonus, witness; /* witness: sum over organisations, each capped */
	unsigned witnesses;
	bool own_word; /* it steers a host, whose witnesses it has, and only its owner met both */
	struct item *item;
	size_t item_count;
	size_t items; /* there were, where only those that a case lists were kept; 0: all are here */
	size_t against;
	double turn; /* of its sort's sights, the part that has it; negative: it was not asked */
	uint16_t beside[ORGANISATIONS_MAX]; /* of each party's own nodes those of its sort; 0: it was not asked */
	uint32_t with[ORGANISATIONS_MAX]; /* of each party's own nodes those that have it, where items were let go */
	struct part part[PARTS_MAX]; /* of a candidate they make the bonus, of a rival the log-odds */
	unsigned parts;
};


struct party {
	uint32_t organisation;
	double nodes; /* positive, its own */
};

struct resting; /* without.c: below */

/* Nodes that belong together: positive ones by time, then negative ones. */
struct activity {
	uint32_t *node; /* NULL: the slot is free, `count` the next free one */
	size_t count;
	uint64_t first, fold; /* of the oldest: its name */
	uint32_t mark;
	bool kept;            /* in the cell that is settled at the moment */
	bool changed;         /* since it was told */
	bool gaps;            /* nodes of it went since the last settling */
	uint64_t told;        /* hash of what its case is made from, as it was or will be told */
	uint64_t heard;       /* heard_version that it was told anew for */
	uint64_t asks;        /* heard_bit() of those whom its case, as it was told, has questions for */
	/* after joint_weigh() */
	struct hypothesis *hypothesis; /* best first */
	size_t hypothesis_count;
	struct party party[ORGANISATIONS_MAX];
	unsigned parties;
	bool source;
	uint32_t named, named_within; /* value, and as of its hypothesis; of a source */
	double confidence, relay_odds;
	int leaning; /* RIVAL_ */
	unsigned completeness;
	unsigned organisations;
	struct resting *resting; /* organisations without which the answer would be another, by name */
	unsigned restings;
};

/* What it would be if one organisation had said nothing of it: weighed without that organisation's nodes. */
struct resting {
	uint32_t organisation;
	struct activity is; /* without nodes */
};

/* What a case is called by: its oldest node, and when that began, which no more than the day is told of. */
struct called {
	uint64_t fold, first;
};
#define NOBODY ((struct called){0, 0})

/* A case that is no more, or came out of another. */
struct change {
	struct called one, other; /* other: NOBODY */
	const char *event;
};

struct vector {
	uint32_t *at;
	size_t count, room;
};

/* table.c: a slot is the first 32 bits of a hash, and a place; NONE: free. */
struct table {
	uint64_t *slot;
	size_t slots, count; /* slots: a power of two; 0: not opened yet */
};

struct joint {
	const struct conf *conf;
	/* names.c: texts, once */
	struct buf text;
	uint64_t *name_at; /* offset << 24 | size: of name i */
	uint32_t name_count;
	size_t name_room;
	struct table names;
	size_t stale; /* nodes that went since texts were gathered anew */
	size_t text_most; /* bytes of texts, at which they are gathered anew, too */
	/* node.c */
	struct node *node;
	size_t node_count, node_room, node_live, node_max; /* count: slots */
	uint64_t bulk; /* of all nodes */
	uint64_t turn; /* odd, a secret: where a hash stands in tables nobody outside knows */
	uint32_t node_free, node_newest, node_oldest;
	struct table nodes; /* by fold */
	struct feature *feature;
	size_t feature_count, feature_room;
	uint32_t feature_free[NODE_FEATURES + 1]; /* blocks, by size */
	struct message_ref *message;
	size_t message_count, message_room;
	uint32_t message_free;
	struct home *home;
	size_t home_count;
	uint64_t dropped, messages_left_out, ahead;
	bool no_memory; /* since something was left out for want of it: all that follows says so */
	void *as_database; /* MMDB_s; NULL: none */
	struct suffixes *suffixes; /* NULL: not needed yet */
	/* revoke.c */
	struct map *revoked; /* place in revocation, one up */
	struct map *revokers; /* of each organisation, how many */
	struct revocation *revocation;
	size_t revocation_count, revocation_room;
	size_t revocations_held; /* as they count, by their texts */
	bool revocations_unsaved;
	struct vector taken_back; /* revocations: since the last settling */
	struct table revocable;   /* nodes by who says them, of what: of equal ones the first */
	/* watch.c */
	struct watcher *watcher;
	size_t watcher_count, watcher_room;
	bool watch_changed;
	/* heard.c */
	struct heard *heard;
	size_t heard_count, heard_room;
	uint64_t heard_version;
	uint64_t recontacted;   /* heard_bit() of those whose contact is another one, since the last settling */
	struct vector named; /* values that a notice names or named, since the last settling */
	struct naming *naming;
	size_t naming_count, naming_room;
	uint64_t naming_version; /* of what was heard, when it was listed */
	/* value.c */
	struct value *value;
	size_t value_count, value_room;
	uint32_t value_free;
	struct table values; /* by hash */
	struct vector dirty_values;
	uint32_t *seen_value; /* scratch of a diversity */
	uint8_t *seen_place;
	uint32_t *seen_stamp, stamp;
	/* joint.c: activities */
	struct vector dirty, deferred; /* nodes */
	struct vector doubted;         /* nodes: dirty only if they can link now and could not, or the reverse */
	bool keeps;                    /* the next three are wanted */
	struct vector fresh, unsaved;  /* nodes: new by a message; changed since they were written */
	struct buf gone;               /* of nodes that went, as keep.c writes it */
	uint64_t saved_size;           /* of all nodes, by 16 bytes */
	bool leaving;                  /* what goes is on disk then, and counts on in what values weigh */
	size_t deferred_least; /* of deferred nodes, before they are looked at again */
	size_t largest;        /* cell, in nodes */
	uint32_t mark;
	uint64_t uses, versions;
	struct vector gaps;    /* activities that have some */
	struct vector made;    /* activities of the cell that is settled at the moment */
	struct activity *activity;
	size_t activity_count, activity_room;
	uint32_t activity_free;
	struct vector changed; /* activities */
	size_t change_at;
	struct change *change;
	size_t change_count, change_room;
	uint32_t *listed; /* after joint_settle(): cases in order */
	size_t listed_count;
	uint64_t relinked; /* nodes, over all settlings: what linking costs */
};

/* As joint.nodes_max counts. */
static inline size_t
joint_held(const struct joint *joint)
{
	return joint->node_live + joint->bulk;
}

/* table.c; hash: by a secret, or turned by one */
bool table_open(struct table *t, size_t count); /* with room for so many */
void table_close(struct table *t);
void table_clear(struct table *t); /* with the room that it had */
bool table_room(struct table *t); /* for one more; opened if it is not */
void table_put(struct table *t, uint64_t hash, uint32_t place);
void table_drop(struct table *t, uint64_t hash, uint32_t place); /* which is there */

static inline size_t
table_home(const struct table *t, uint64_t hash)
{
	return (size_t)(hash >> (64 - (unsigned)__builtin_ctzll(t->slots)));
}

static inline size_t
table_after(const struct table *t, size_t at)
{
	return (at + 1) & (t->slots - 1);
}

/* What is in the next slot, from *at on, that begins as the hash does; NONE: nothing more is. */
static inline uint32_t
table_next(const struct table *t, uint64_t hash, size_t *at)
{
	while ((uint32_t)t->slot[*at] != NONE && (t->slot[*at] ^ hash) >> 32 != 0)
		*at = table_after(t, *at);
	return (uint32_t)t->slot[*at];
}

static inline void
table_prefetch(const struct table *t, uint64_t hash)
{
	if (t->slots > 0)
		__builtin_prefetch(&t->slot[table_home(t, hash)]);
}

void *joint_table(size_t bytes); /* for free(); what is in it is not said */
void joint_large(void *p, size_t bytes); /* on large pages, where it is that large */
bool joint_grow(void **array, size_t count, size_t *room, size_t size); /* room for one more */
#define GROW(array, count, room) joint_grow((void **)&(array), count, &(room), sizeof(*(array)))
bool vector_add(struct vector *vector, uint32_t one);

/* names.c */
static inline struct slice
name_slice(const struct joint *joint, uint32_t name)
{
	if (name == NONE)
		return slice_of(NULL, 0);
	return slice_of(joint->text.p + (joint->name_at[name] >> 24), joint->name_at[name] & 0xffffff);
}
uint32_t name_of(struct joint *joint, struct slice text); /* NONE: empty, or no memory */
void name_prefetch(const struct joint *joint, struct slice text);
enum cc_status names_gather(struct joint *joint); /* only those in use: other numbers for all */

/* What is marked CLEAR leaves out the victim (exchange.withhold): that it names none doesn't say that there is none. */
static inline bool
hides_victim(enum cc_tlp tlp)
{
	return tlp == CC_TLP_CLEAR;
}

/* draft.c */
void draft_features(const struct joint *joint, const struct joint_sighting *s, struct draft *d);
uint64_t draft_fold(const struct joint_sighting *s, const struct draft *d); /* what folds into one node */
bool draft_is_echo(const struct joint_sighting *s);
bool name_is_hosted(struct slice domain); /* by a platform, whose servers answer for all who have a name there */
bool addr_of(struct slice text, struct cc_addr *ret_addr); /* false: it is none */
uint32_t home_named(const struct joint *joint, struct slice addr); /* in whose networks; NONE */

/* rhythm.c */
#define RHYTHM_FEATURES 4
void rhythm_said(struct node *node, const struct joint_sighting *s);
bool rhythm_fold(struct node *node, const struct node *more); /* true: something of it changed */
unsigned rhythm_features(const struct node *node, struct feature_draft ret_feature[RHYTHM_FEATURES],
    char room[RHYTHM_FEATURES][16]);

/* stages.c: the order in which things came upon victims; pseudo-features of places in the order.  False: no memory. */
struct stage {
	uint64_t hash, victim;
	uint32_t place;
	float weight;
};
bool stages_list(const struct joint *joint, const uint32_t *order, size_t nodes, struct stage **ret_stage,
    size_t *ret_count);

/* node.c */
/* With these features; NONE: no memory.  like gets its place in joint->feature. */
uint32_t node_make(struct joint *joint, struct node *like, const struct feature_draft *feature, unsigned count);
/* A repeat: everything by least and most.  True: something of it changed. */
bool node_merge(struct joint *joint, uint32_t node, const struct node *more, const struct feature_draft *feature,
    unsigned count);
/* And of the texts that are no part of what it is. */
bool node_told(struct joint *joint, uint32_t node, struct slice rule_name, struct slice class);
/* The rhythm of what it was made from; false: no memory. */
bool node_rhythm(struct joint *joint, uint32_t node, const struct node *like);
/* CC_ABSENT: it is there already, or left out. */
enum cc_status node_message(struct joint *joint, uint32_t node, struct slice id);
int node_by_time(const struct node *a, const struct node *b);
void node_changed(struct joint *joint, uint32_t node); /* touched, and to be written */
void node_touch(struct joint *joint, uint32_t node); /* dirty: is linked anew with the next settling */
void node_doubt(struct joint *joint, uint32_t node);
void node_use(struct joint *joint, uint32_t node);   /* it is the newest by use */
void node_drop(struct joint *joint, uint32_t node);  /* gone; its activity is the caller's care */
uint32_t node_find(const struct joint *joint, uint64_t fold); /* NONE */
#define NODES_AHEAD 7
/* Of a list that is gone through, at this place now: what comes up to NODES_AHEAD later is on its way to the cache. */
void nodes_fetch(const struct joint *joint, const uint32_t *node, size_t at, size_t count);

/* code.c: of what is written, big-endian; a text is its first 65,535 bytes */
void code_put_float(struct buf *out, float f);
void code_put_text(struct buf *out, struct slice text);
float code_get_float(struct cur *c);
struct slice code_get_text(struct cur *c);
void gone_encode(const struct node *node, struct buf *out);
/* All of a node and its messages as bytes, and back: merged into what is there.  CC_BAD; CC_NOMEM. */
void node_encode(const struct joint *joint, const struct node *node, struct buf *out);
enum cc_status node_decode(struct joint *joint, struct cur *in, uint32_t *ret_node);
/* As node_decode() reads it. */
void revocation_encode(const struct joint *joint, const struct revocation *r, struct buf *out);
/* The next that is not saved, from *at on; it is saved then. */
bool revocation_next(struct joint *joint, size_t *at, struct buf *out);

/* value.c */
uint32_t value_of(
    struct joint *joint, enum feature_type type, struct slice text, bool exercise); /* made; NONE: no memory */
void values_prefetch(const struct joint *joint, const struct draft *d);
uint32_t value_find(const struct joint *joint, uint64_t hash);
uint64_t value_hash(enum feature_type type, struct slice text, bool exercise);
void value_link(struct joint *joint, uint32_t feature, bool negative);
void value_unlink(struct joint *joint, uint32_t feature, bool negative);
uint32_t value_oldest(struct joint *joint, uint32_t value);
void value_older(struct joint *joint, uint32_t node); /* its first sight moved to earlier */
#define CLEAN_MAX 16 /* sights of one host that are looked at; of one that has more nobody says that it is clean */
void host_doubt(struct joint *joint, uint32_t victim); /* more or less was seen of it */
void values_beside(struct joint *joint, uint32_t node); /* that are judged by it: it shows more than before */
enum cc_status values_settle(struct joint *joint); /* weights; nodes that they concern are dirty then */

/* word.c */
double value_rarity(const struct joint *joint, uint32_t value); /* part of its type's weight that it keeps */
float feature_weight(const struct joint *joint, uint32_t feature); /* as it links this node */

/* link.c: which of these nodes belong together; ret_root: for each the index of the oldest of its group. */
enum cc_status link_cell(struct joint *joint, uint32_t *node, size_t count, uint32_t *ret_root);

/* Is a value of this type what evidence is weighed for, by its diversity and weight? */
static inline bool
is_candidate(uint8_t type)
{
	return type == FEATURE_ADDR || type == FEATURE_DOMAIN || type == FEATURE_CERT || type == FEATURE_KEY;
}

/* A zone of names, a network or its operator: named only where nothing that is in it reaches an answer. */
static inline bool
is_wide(uint8_t type)
{
	return type == FEATURE_SITE || type == FEATURE_NET || type == FEATURE_AS;
}

/* wide.c */
/* A candidate at a node. */
struct claim {
	uint64_t hash; /* of the value: its order does not depend on who came first */
	uint32_t value, node;
};

#define WIDE_PLACES 4 /* addresses of a network, names of a zone, networks of an operator, that it is seen at, */
#define WIDE_NODES 6  /* by so many nodes, before one asks for it */
/* As many places as that, of as many nodes, and none of them has more than half?  A place each. */
bool places_are_spread(const uint32_t *place, size_t count);
/* place: room for count */
bool wide_is_spread(const struct joint *joint, const struct claim *claim, size_t count, uint8_t type, uint32_t *place);
const char *wide_why(uint8_t type); /* it has less than what is in it */
/* The address (value) whose /64 has all these, which are claims to one network; NONE: none, or they are of IPv4. */
uint32_t wide_within(const struct joint *joint, const struct claim *claim, size_t count);
#define PREFIX_TEXT 64
/* What a case calls a value that is a candidate: a network by the /64 of the address that all is within, where there is
 * one (else NONE), and what else there is by its name. */
struct slice wide_name(const struct joint *joint, uint32_t value, uint32_t within, char room[PREFIX_TEXT]);

/* zone.c: the registrable domain of names that are seen once each, or seldom */
/* May it be named at all: nobody else's, no registry's, and no victim of a flood? */
bool zone_stands(struct joint *joint, const struct claim *claim, size_t count);
/* Does a platform answer there, for whoever has a name at it?  Claims to one thing, by organisation. */
bool zone_hosts(const struct joint *joint, const struct claim *claim, size_t count);
/* Does this sight tell of the zone? */
bool zone_says(const struct joint *joint, const struct claim *claim);

/* network.c: addresses of one network that do one thing */
#define NETWORK_DOES JOINT_STRONG /* nats of a network that nothing speaks against, in place of the network's own */
bool network_tells(const struct joint *joint, const struct node *node);
double network_weight(double weight);

/* weigh.c */
void hypotheses_free(struct activity *activity);

/* without.c: the hypotheses of one activity, and whose word it rests on.  Without memory no answer, and no_memory says
 * so. */
enum cc_status joint_weigh(struct joint *joint, struct activity *activity);
/* The organisation without which what is named is least probable, and how probable it is then; NULL: none, or nothing
 * is named. */
const struct resting *resting_least(const struct activity *activity, double *ret_probability);

/* revoke.c: 0: not taken back */
enum cc_status revoked_settle(struct joint *joint); /* what was taken back goes, if it has not gone at once; CC_NOMEM */
bool revocable_add(struct joint *joint, uint32_t node); /* false: no memory */
void revocable_drop(struct joint *joint, uint32_t node);
uint64_t revoked_until(const struct joint *joint, struct slice organisation, unsigned kind, struct slice value);

/* watch.c */
#define CODE_WATCH 4
#define WATCH_BEYOND (6 * 3600 * NS_PER_S) /* before and after what was seen, that a case tells of */
uint64_t watch_version(const struct joint *joint, uint32_t organisation); /* another one: it says more than before */
void watch_settle(struct joint *joint); /* cases that lean on what was heard are dirty then */
double watch_clock_error(const struct joint *joint, uint32_t organisation); /* seconds; negative: not known */
struct looked_at watch_look(const struct joint *joint, uint32_t organisation, uint64_t from, uint64_t until);
bool watch_run(const struct joint *joint, uint32_t organisation, uint64_t *at, uint64_t end, struct looked_at *ret_is,
    uint64_t *ret_from, uint64_t *ret_until);
bool watch_next(struct joint *joint, struct buf *out, uint64_t *ret_hash);
enum cc_status watch_decode(struct joint *joint, struct cur *in);
void watch_close(struct joint *joint);

/* heard.c: of what is marked no stricter than the case */
#define CODE_HEARD 5
/* Cases that notices name are dirty then, those that ask who answers elsewhere now are told anew; false: no memory. */
bool heard_settle(struct joint *joint);
void heard_clean(struct joint *joint);  /* and without one */
uint64_t heard_bit(const struct joint *joint, uint32_t organisation); /* of 64; several may have one */
void heard_contact(const struct joint *joint, uint32_t organisation, enum cc_tlp tlp, struct json *json);
void heard_notices(struct joint *joint, const struct activity *a, enum cc_tlp tlp, struct json *json);
/* The next of what was heard, heartbeats too, that is not saved, as node_decode() reads it; it is saved then. */
bool said_next(struct joint *joint, struct buf *out, uint64_t *ret_hash);
bool heard_replaced(struct joint *joint, uint64_t *ret_row); /* the next row that stands for nothing any more */
enum cc_status heard_decode(struct joint *joint, struct cur *in);

/* as.c */
void as_open(struct joint *joint);
void as_close(struct joint *joint);
/* "AS64500", or "": not known */
void as_name(const struct joint *joint, const struct cc_addr *addr, char ret_name[24]);

/* cell.c */
struct cell {
	struct vector node;     /* all that was reached */
	struct vector activity; /* that were there before */
	uint32_t mark;
	size_t limit;
	bool given_up;
};
bool may_link(const struct joint *joint, const struct node *node);
enum cc_status cell_walk(struct joint *joint, struct cell *cell, uint32_t start);
enum cc_status cell_settle(struct joint *joint, struct cell *cell); /* what was walked */
void activity_free(struct joint *joint, uint32_t activity);
bool activity_retell(struct joint *joint, uint32_t activity); /* what is said beside sights is other; false: as below */
bool activity_tell(struct joint *joint, uint32_t activity); /* anew, if what its case is made from is other; false: no
								* memory */
bool note_change(struct joint *joint, struct called one, struct called other, const char *event);

/* joint.c: event: of its case's trace */
void joint_remove(struct joint *joint, uint32_t node, const char *event);
/* Whole activities, those that were not used for longest first, until so many nodes are left. */
typedef enum cc_status joint_evict_fn(void *ctx, struct joint *joint, const uint32_t *node, size_t count);
enum cc_status joint_evict(struct joint *joint, size_t keep, joint_evict_fn *fn, void *ctx);

/* Of a set that is only folded, and was sent: nothing is linked; where there are more, all are forgotten. */
void joint_trim(struct joint *joint, size_t keep);
void values_clean(struct joint *joint);
void nodes_forget(struct joint *joint); /* all, with their values: nothing is dirty, nothing has an activity */
void values_forget(struct joint *joint);

/* cases.c */
struct joint_case;
/* And what a row has beside the document; texts in the rooms given. */
void case_json_row(struct joint *joint, uint32_t activity, struct json *json, struct joint_case *row,
    char ret_activity[64], char *ret_value, size_t room);
void case_json(struct joint *joint, uint32_t activity, struct json *json, const char *key);
void case_name(const struct joint *joint, struct json *json, const char *key, uint32_t name);
void case_time(struct json *json, const char *key, uint64_t ns);
/* The least ce_id of a node's messages: one that does not depend on the order of arrival. */
uint32_t node_first_message(const struct joint *joint, const struct node *node);
int name_order(const void *a, const void *b, void *joint); /* of names, as texts */

static inline struct called
called(const struct activity *a)
{
	return (struct called){a->fold, a->first};
}

static inline const struct node *
case_node(const struct joint *joint, const struct activity *a, size_t index)
{
	return &joint->node[a->node[index]];
}

static inline uint64_t
case_last(const struct joint *joint, const struct activity *a)
{
	uint64_t last = 0;

	for (size_t i = 0; i < a->count; i++)
		last = case_node(joint, a, i)->last > last ? case_node(joint, a, i)->last : last;
	return last;
}

static inline const struct value *
feature_value(const struct joint *joint, uint32_t feature)
{
	return &joint->value[joint->feature[feature].value];
}

/* hearsay.c: whose `hearsay` is so, of these nodes; CC_NOMEM */
enum cc_status hearsay_find(struct joint *joint, const struct activity *a);

/* What of a type a node has; NONE: it tells of no such thing. */
static inline uint32_t
node_value(const struct joint *joint, const struct node *node, uint8_t type)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		if (joint->feature[f].type == type)
			return joint->feature[f].value;
	}
	return NONE;
}

static inline bool
node_tells(const struct joint *joint, const struct node *node, uint8_t type)
{
	return node_value(joint, node, type) != NONE;
}

/* Is what a rule finds at its victim one matter?  Whom a host calls, or asks for, is the doing of what it has; of those
 * who call a host each is somebody. */
static inline bool
node_is_at_host(const struct node *node)
{
	return !node->client && !node->observed;
}

/* Looked for because a partner said so, or said after him: by his word, however many say it. */
static inline bool
is_second_hand(const struct node *node)
{
	return node->origin == JOINT_ANSWER || node->hearsay;
}

/* Does this organisation say with it that somebody else's address was in dialogue with a host of its own? */
static inline bool
tells_who_steers(const struct node *node, uint32_t owner)
{
	return node->organisation == owner && (node->victim != NONE || hides_victim((enum cc_tlp)node->tlp)) &&
	       node->home == NONE && node->proof >= CC_PROOF_DIALOGUE && !node->echo && !node->negative;
}

#define WEIGHED_MAX 64 /* only the strongest by a cheap first look are weighed wholly */

/* rank.c */
void hypothesis_drop(struct activity *a, size_t index);
/* How many times more groups have it than one would have by itself. */
double hypothesis_shared_by(const struct joint *joint, const struct hypothesis *h);
/* Of each party's own nodes, how many have the candidate. */
void hypothesis_with(const struct joint *joint, const struct activity *a, const struct hypothesis *h,
    double ret_with[ORGANISATIONS_MAX]);

/* facet.c */
/* What stands for the leading candidate goes; best first.  Nodes of either are of_facet until they are forgotten. */
void facets_drop(struct joint *joint, struct activity *a);
void facets_forget(struct joint *joint, const struct activity *a);
/* Do organisations, and not one alone, see this name with the address, in most of what they tell of names there? */
bool hypothesis_is_named(const struct joint *joint, const struct hypothesis *addr, const struct hypothesis *name);
/* Are they two names of one thing? */
bool hypothesis_is_facet(struct joint *joint, const struct hypothesis *of, const struct hypothesis *h);

/* Is it one of its candidates, too, so that a case need not list its lines twice? */
bool activity_lists(const struct activity *whole, const struct hypothesis *h);

/* explain.c */
const char *case_kind(uint8_t type); /* as cases say it: a zone is a domain */
const char *case_proof(unsigned proof);
void case_bound(struct json *json, const char *key, double error); /* of a clock; negative: not known */
void case_answer(const struct joint *joint, const struct activity *a, struct json *json);
/* Lines of evidence only of candidates that the whole doesn't list (NULL: of all). */
void case_hypotheses(
    const struct joint *joint, const struct activity *a, const struct activity *whole, struct json *json);
void case_resting(const struct joint *joint, const struct activity *a, struct json *json);

/* witness.c: its items to witness and witnesses */
void hypothesis_sum(const struct joint *joint, struct hypothesis *hypothesis);

/* missing.c */
void case_missing(const struct joint *joint, struct activity *a, enum cc_tlp tlp, struct json *json);
void case_id(uint64_t fold, const char *type, char ret_id[64]);

#endif
