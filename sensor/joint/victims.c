/*
 * Victims that two groups share, and whether this is the sign of a break-in: called from outside by the one, they call
 * the other.  README.md, Linking.  In: what bonds say of each victim, and groups; out: nats.  One thread.
 */
#include "joint/link_own.h"

#include <math.h>

#define FALLS_WITHIN (168 * 3600 * NS_PER_S) /* from when a host is called from outside until it calls out */
/* Victims that fell are a sign where they are a third and more of those that call out, a quarter and more of those that
 * were called, and at least sixteen times those that called before they were called. */
#define FALLEN_OF_CALLS 3
#define FALLEN_OF_HIT 4
#define FALLEN_TO_BEFORE 16
#define HELD 6.0 /* nats of a host that attacks others, and talks with somebody accused: within the hour it suffices */

bool
victim_tells(const struct node *node)
{
	return node->proof != CC_PROOF_SPOOFABLE && node->attacker != NONE;
}

/*
 * A host that is broken into is called from outside first, and days later it calls out itself.  What hosts do by
 * themselves some of them did before; others do it, too, who were not called; and a scan calls many who do nothing.
 */
int8_t
victim_fell(uint64_t hit, uint64_t call)
{
	if (hit == UINT64_MAX || call == UINT64_MAX)
		return 0;
	return call <= hit ? -1 : call - hit <= FALLS_WITHIN;
}

/* Of a rule that does more than observe: what only observes says that somebody was there, not that he is bad. */
static bool
is_accused(const struct node *node)
{
	return node->proof >= CC_PROOF_DIALOGUE && !node->observed;
}

bool
victim_attacks(const struct joint *joint, const struct node *node, uint32_t value)
{
	return value != NONE && joint->value[value].type == FEATURE_VICTIM &&
	       node->pseudonym == joint->value[value].name && is_accused(node);
}

bool
victim_talks(const struct joint *joint, const struct node *node, uint32_t value)
{
	return value != NONE && joint->value[value].type == FEATURE_VICTIM &&
	       node->victim == joint->value[value].name && node->attacker != NONE && node->home == NONE &&
	       is_accused(node);
}

static float
weight_as_one(const struct linker *l, uint32_t value, double cap)
{
	const struct value *v = value != NONE ? &l->joint->value[value] : NULL;

	return v == NULL ? 0
			 : (float)joint_feature_weight(
			       cap, feature_about[v->type].spread, (double)v->diversity - 1, 0, 0);
}

float
victim_weight(const struct linker *l, uint32_t value)
{
	return value == NONE ? 0 : weight_as_one(l, value, feature_about[l->joint->value[value].type].cap);
}

/*
 * A host that attacks others is in somebody's hands, and few have more than one such guest: whom rules accuse, and it
 * talks with at that time, is he.  With more than the two on it there is less to say.
 */
float
victim_held(const struct linker *l, uint32_t value)
{
	return weight_as_one(l, value, HELD);
}

void
victims_add(struct victims *v, float weight, float near, const int8_t fell[2], float as_one, float held)
{
	v->held = (double)held > v->held ? (double)held : v->held;
	v->most = (double)weight > v->most ? (double)weight : v->most;
	v->near += (double)(weight * near);
	for (unsigned way = 0; way < 2; way++) {
		v->fell[way] += fell[way] > 0 ? (double)as_one : 0;
		v->count[way] += fell[way] > 0;
		v->before[way] += fell[way] < 0;
	}
}

/* All of those that fell to one group and called the other, if they are so many of both that it is no chance. */
static double
sum_fallen(const struct victims *v, unsigned way, const struct group *by, const struct group *to)
{
	uint32_t count = v->count[way];

	if (count < 2 || FALLEN_OF_CALLS * count < to->call || FALLEN_OF_HIT * count < by->hit ||
	    FALLEN_TO_BEFORE * v->before[way] > count)
		return 0;
	return v->fell[way];
}

double
victims_sum(const struct victims *v, const struct group *a, const struct group *b)
{
	double fallen = fmax(sum_fallen(v, 0, a, b), sum_fallen(v, 1, b, a));

	return fmax(fmax(fmax(v->most, v->held), fabs(v->near)), fallen);
}

/* Each victim once for a group and way; range: one up, of those that have this victim. */
static void
count_victim(struct group *group, const struct node *node, uint32_t range)
{
	uint32_t *in = node->client ? &group->hit_in : &group->call_in;

	if (!victim_tells(node) || (range != 0 && *in == range))
		return;
	*in = range;
	*(node->client ? &group->hit : &group->call) += 1;
}

/* Those that one node alone has are in no range. */
static void
count_alone(const struct linker *l, struct group *group, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct feature *feature = &l->joint->feature[f];

		if (feature->type == FEATURE_VICTIM && l->joint->value[feature->value].count < 2)
			count_victim(group, node, 0);
	}
}

void
victims_count(struct linker *l, struct group *group)
{
	for (uint32_t i = 0; i < l->nodes; i++)
		count_alone(l, &group[link_root(l, i)], node_at(l, i));
	for (uint32_t i = 0; i < l->range_count; i++) {
		const struct range *r = &l->range[i];
		uint32_t value = l->at[r->start].value;

		for (size_t k = r->start;
		     k < r->end && value != NONE && l->joint->value[value].type == FEATURE_VICTIM; k++)
			count_victim(&group[link_root(l, l->at[k].place)], node_at(l, l->at[k].place), i + 1);
	}
}
