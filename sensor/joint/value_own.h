/* What value.c and word.c share: a value's nodes, and what they fall into without it. */
#ifndef JOINT_VALUE_OWN_H
#define JOINT_VALUE_OWN_H

#include "joint/joint_own.h"

/* What the nodes of one value fall into. */
struct parts {
	uint32_t node[SAMPLE];
	uint8_t parent[SAMPLE];
	bool informed[SAMPLE];
	unsigned nodes;
};

/* Groups, and of the nodes that tell the part that groups are. */
struct judged {
	double groups, part;         /* who says most counts as the others do */
	double all_groups, all_part; /* as everybody says */
	uint32_t talker;             /* who says most; NONE: nobody more than another */
};

/* word.c */
void value_count_groups(
    const struct joint *joint, const struct parts *parts, uint8_t type, struct judged *ret_judged);

static inline bool
is_strong(uint8_t type)
{
	return feature_about[type].cap >= 6;
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
