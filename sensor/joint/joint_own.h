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

/* One thing that a node has; features of one value have one hash. */
struct feature {
	uint64_t hash;
	uint32_t name; /* of the value */
	float cap;     /* of this sight: what is shown without proof links less */
	uint8_t type;
};

#define NODE_FEATURES 20
#define NONE UINT32_MAX

/* What one organisation saw of one thing in one day: repeats fold into it. */
struct node {
	uint64_t fold;  /* hash of all that must be equal */
	uint64_t first, last, count;
	uint32_t organisation, sensor, value, key, attacker, pseudonym, victim, sector, rule_name, domain, cert, key_sha256, of;
	uint32_t messages; /* the newest of a list in joint->message */
	uint32_t features; /* the first in joint->feature */
	uint32_t home;     /* organisation in whose networks the attacker is; NONE */
	float loss, clock_error;
	uint16_t port;
	uint8_t feature_count, kind, proof, origin, completeness, hops;
	bool client, exercise, negative, echo;
	uint64_t from, until;
};

struct message_ref {
	uint32_t name, next;
};

struct home {
	struct cc_prefix prefix;
	uint32_t organisation;
};

enum { RIVAL_FORGED, RIVAL_RELAYED, RIVAL_SHARED, RIVAL_UNKNOWN, RIVALS };
extern const char *const rival_word[RIVALS];

#define ITEMS_MAX 16
#define CANDIDATES_MAX 8

/* One line of evidence, with all that its number is made of. */
struct item {
	uint32_t node;
	double llr, base, rarity, independence, coverage, clock;
	const char *text; /* static */
};

struct hypothesis {
	int rival; /* RIVAL_, or -1: a candidate */
	uint8_t type; /* FEATURE_ */
	uint32_t value;
	uint64_t hash;
	double log_odds, probability, bonus, witness; /* witness: sum over organisations, each capped */
	unsigned witnesses;
	struct item *item;
	size_t item_count, item_room;
	size_t against;
};

struct activity {
	uint32_t *node;
	size_t count;
	struct hypothesis *hypothesis; /* best first */
	size_t hypothesis_count;
	bool source;
	double confidence, relay_odds;
	int leaning; /* RIVAL_ */
	unsigned completeness;
	unsigned organisations;
};

struct joint {
	const struct conf *conf;
	/* texts */
	struct buf text;
	uint64_t *name_at; /* offset << 24 | size: of name i */
	uint32_t name_count, name_room;
	uint32_t *name_table;
	size_t name_slots;
	struct node *node;
	size_t node_count, node_room, node_max;
	uint32_t *node_table;
	size_t node_slots;
	struct feature *feature;
	size_t feature_count, feature_room;
	struct message_ref *message;
	size_t message_count, message_room;
	struct home *home;
	size_t home_count;
	uint64_t dropped;
	/* after joint_settle() */
	uint32_t *order;  /* nodes by time, then content */
	uint32_t *parent; /* union-find over places in order */
	struct activity *activity;
	size_t activity_count;
	uint64_t *rare_hash; /* sorted: hashes of features whose diversity was more than their spread, with it */
	float *rare_diversity, *rare_weight; /* weight: part of the type's cap */
	size_t rare_count, rare_room;
};

struct slice name_slice(const struct joint *joint, uint32_t name);
uint32_t name_of(struct joint *joint, struct slice text); /* NONE: empty, or no memory */

/* link.c: joint->order and joint->parent; CC_NOMEM. */
enum cc_status joint_link(struct joint *joint);
uint32_t joint_root(struct joint *joint, uint32_t at);
double joint_diversity(const struct joint *joint, uint64_t hash); /* 1: nothing unusual */
double joint_rarity(const struct joint *joint, uint64_t hash);    /* part of its type's weight that it keeps */

/* weigh.c: the hypotheses of one activity */
enum cc_status joint_weigh(struct joint *joint, struct activity *activity);
void activity_free(struct activity *activity);

#endif
