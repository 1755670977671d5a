/* What value.c, diversity.c and word.c share: a value's nodes, and what they fall into without it. */
#ifndef JOINT_VALUE_OWN_H
#define JOINT_VALUE_OWN_H

#include "joint/joint_own.h"

#define PASSING_MAX 3 /* nodes of a place that comes and goes */

/* What may hold nodes together while another value is judged: README.md, Diversity. */
enum pass { BY_CONTENT, BY_STRONG, BY_PLACE, BY_ALL };

/* What the nodes of one value fall into. */
struct parts {
	uint32_t node[SAMPLE];
	uint8_t parent[SAMPLE];
	bool informed[SAMPLE], bystander[SAMPLE];
	unsigned nodes;
	bool passing; /* places that come and go tell nobody apart: sole.c */
};

/* Groups, and of the nodes that tell the part that groups are. */
struct judged {
	double groups, part;         /* who says most counts as the others do */
	double all_groups, all_part; /* as everybody says */
	uint32_t talker;             /* who says most; NONE: nobody more than another */
	bool sole;
};

/* value.c: of more than SAMPLE nodes those that are looked at; NULL: no memory */
struct sample *value_sample(struct joint *joint, struct value *v);

/* diversity.c */
bool value_scratch(struct joint *joint); /* room for what follows; false: no memory */
void value_diversity(struct joint *joint, struct value *v, enum pass pass, struct judged *ret_judged);

void value_nodes(struct joint *joint, struct value *v, struct parts *ret_parts); /* those that are looked at */

/* sole.c */
bool value_finds_one(struct joint *joint, struct value *rule); /* of those whom it finds most have one hello */
bool value_may_be_sole(const struct joint *joint, const struct parts *parts);
bool node_is_passing(const struct joint *joint, const struct node *node); /* at a place that comes and goes */

/* word.c */
void value_count_groups(
    const struct joint *joint, const struct parts *parts, uint8_t type, struct judged *ret_judged);

static inline bool
is_strong(uint8_t type)
{
	return feature_about[type].cap >= 6;
}

/* What says that addresses belong together, before tools are judged that are seen at them: one network, one period. */
static inline bool
is_early(uint8_t type)
{
	return type == FEATURE_NET || type == FEATURE_PERIOD;
}

/* Can a weak value of this type hold nodes together at all?  A tool's fingerprint can. */
static inline bool
can_hold(uint8_t type)
{
	char group = feature_about[type].group;

	return feature_about[type].cap >= 2 && group != 'v' && group != 'a' && group != 'h';
}

static inline bool
is_alone(const struct feature *f)
{
	return f->next == NONE && f->prev == NONE;
}

static inline unsigned
top_of(const uint8_t *parent, unsigned at)
{
	while (parent[at] != at)
		at = parent[at];
	return at;
}

/* How much it says that groups are a large part of the nodes that tell. */
static inline double
steepness(char group)
{
	return group == 'a' || group == 'k' ? 4 : group == 'd' ? 2 : 0;
}

#endif
