/* What link.c and apart.c share: nodes of a cell on their way to groups. */
#ifndef JOINT_LINK_OWN_H
#define JOINT_LINK_OWN_H

#include "joint/joint_own.h"

/* A feature at a place in the order. */
struct at {
	uint64_t hash; /* of the value: its order does not depend on who came first */
	uint32_t value, place;
	float weight;
};

struct range {
	size_t start, end; /* in linker.at */
};

struct linker {
	struct joint *joint;
	const uint32_t *order; /* nodes by time */
	uint32_t *parent;      /* union-find over places in it */
	uint32_t *tree;        /* of a place that was a root: what it was joined by, and to */
	uint32_t *side;        /* of a root: different sides are not joined; 0: of none; NULL: there are none */
	double word;           /* nats that groups lack at most where one organisation says that they are one */
	size_t nodes;
	bool *pairs;           /* by place: could two nodes be linked of which this is one */
	struct at *at;
	size_t count;
	struct range *range;
	size_t range_count;
};

/* Nodes by time; parent, and sides where there are any, as they are. */
enum cc_status link_nodes(struct linker *l);
uint32_t link_root(struct linker *l, uint32_t at);
/* False: they are one already, or of two sides.  The oldest place is the root: it names the activity.  told: by these
 * two nodes, and not by all of their groups. */
bool link_unite(struct linker *l, uint32_t a, uint32_t b, bool told);

/* Nats of all that two places share and of how soon one came after the other.  value: counts so much here; NONE: all as
 * ever. */
double link_llr(const struct linker *l, uint32_t a, uint32_t b, uint32_t value, double weight);

/* victims.c: what two groups share of victims */
struct group { /* at its root */
	uint64_t last;
	uint32_t only;            /* its only organisation; NONE: several */
	uint32_t hit, call;       /* victims that were called from outside; that call out */
	uint32_t hit_in, call_in; /* range, one up, that has counted so last */
};

struct victims {
	double most, near, held; /* held: of one that attacks for the one, and talks with the other */
	double fell[2]; /* weight of those that fell to the one, and called the other; the other way */
	uint32_t count[2], before[2]; /* so many; and that called before */
};

bool victim_tells(const struct node *node); /* somebody was at the other end: who began is no guess */
/* Called from outside, and called out after that: 1; the other way round: -1; UINT64_MAX: never, so 0. */
int8_t victim_fell(uint64_t hit, uint64_t call);
/* Of the victim that this value is, by a rule that accuses: it attacks others; it talks with somebody. */
bool victim_attacks(const struct joint *joint, const struct node *node, uint32_t value);
bool victim_talks(const struct joint *joint, const struct node *node, uint32_t value);
float victim_weight(const struct linker *l, uint32_t value); /* if two of the groups that have it are one */
float victim_held(const struct linker *l, uint32_t value);   /* and it attacks for one, and talks with the other */
void victims_add(struct victims *v, float weight, float near, const int8_t fell[2], float as_one, float held);
double victims_sum(const struct victims *v, const struct group *a, const struct group *b); /* in the bonds' order */
void victims_count(struct linker *l, struct group *group); /* hit and call of each */

/* network.c: addresses of one network that do one thing; needs the features listed. */
enum cc_status link_networks(struct linker *l);

/* apart.c: what rests on one organisation alone; of groups that are linked, with their tree. */
enum cc_status link_keep_apart(struct linker *l);

static inline const struct node *
node_at(const struct linker *l, uint32_t place)
{
	return &l->joint->node[l->order[place]];
}

#endif
