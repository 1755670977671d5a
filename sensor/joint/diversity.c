/*
 * How many groups the nodes of a value fall into when it, and its kind, is taken away, and they are held together by
 * what else is rare.  README.md, Diversity.  In: a value, and what of it holds in this pass; out: groups, and their
 * part.  At most SAMPLE nodes are looked at.  One thread.
 */
#include "joint/value_own.h"

#include <stdlib.h>

#define MEAN_TELLS 1.5 /* a period that only a mean gap shows weighs less: it holds nothing, and tells nobody apart */
#define SEEN_SLOTS 4096 /* over SAMPLE * NODE_FEATURES */

bool
value_scratch(struct joint *joint)
{
	if (joint->seen_value == NULL) {
		joint->seen_value = malloc(SEEN_SLOTS * sizeof(*joint->seen_value));
		joint->seen_place = malloc(SEEN_SLOTS);
		joint->seen_stamp = calloc(SEEN_SLOTS, sizeof(*joint->seen_stamp));
	}
	return joint->seen_value != NULL && joint->seen_place != NULL && joint->seen_stamp != NULL;
}

/* Does its value hold this node to others while another is judged? */
static bool
holds(const struct joint *joint, const struct feature *f)
{
	const struct value *v = &joint->value[f->value];

	return v->holder != NONE && joint->node[f->node].organisation == v->holder ? v->holds_own : v->holds;
}

/* Where this value stands, or would, of those that this judgement has met. */
static size_t
seen_slot(const struct joint *joint, uint32_t value)
{
	size_t slot = (value * 2654435761u) >> 20 & (SEEN_SLOTS - 1);

	while (joint->seen_stamp[slot] == joint->stamp && joint->seen_value[slot] != value)
		slot = (slot + 1) & (SEEN_SLOTS - 1);
	return slot;
}

static bool
is_seen(const struct joint *joint, uint32_t value)
{
	return joint->seen_stamp[seen_slot(joint, value)] == joint->stamp;
}

/* The place that has shown this value before in this judgement, or at from now on. */
static unsigned
seen_before(struct joint *joint, uint32_t value, unsigned at)
{
	size_t slot = seen_slot(joint, value);

	if (joint->seen_stamp[slot] == joint->stamp)
		return joint->seen_place[slot];
	joint->seen_stamp[slot] = joint->stamp;
	joint->seen_value[slot] = value;
	joint->seen_place[slot] = (uint8_t)at;
	return at;
}

/* Anything of who spoke or how, beside where they went? */
static bool
shows_who(const struct joint *joint, const struct node *node)
{
	bool shows = false;

	for (uint32_t f = node->features; f < node->features + node->feature_count && !shows; f++)
		shows = strchr("tsupr", feature_about[joint->feature[f].type].group) != NULL;
	return shows;
}

/*
 * What is taken away with a value: what is of its kind; with an address or a certificate what the server there shows of
 * itself, which all have who are let a place on it, or a device of the same make; and with a name all of the place that
 * it leads to, which is one for all who ask for it, whoever they are.
 */
static bool
follows_from(char group, uint8_t judged)
{
	char of = feature_about[judged].group;
	bool name = judged == FEATURE_DOMAIN || judged == FEATURE_URL;

	return group == of || (group == 's' && (of == 'a' || of == 'k')) || (name && strchr("aks", group) != NULL);
}

/* Could a value of its kind connect at all in this pass, and does this one?  Only rare ones of several nodes do. */
static void
take_pass(const struct joint *joint, const struct feature *feature, enum pass pass, bool *ret_tells, bool *ret_joins)
{
	bool content = feature->type == FEATURE_DOMAIN || feature->type == FEATURE_FILE;
	bool weak = (pass == BY_ALL && can_hold(feature->type)) || (pass == BY_PLACE && is_early(feature->type));

	if (pass == BY_CONTENT) {
		*ret_tells = *ret_joins = content;
	} else if (is_strong(feature->type)) {
		*ret_tells = (double)feature->cap >= JOINT_TELLS;
		*ret_joins = *ret_tells && !is_alone(feature) && holds(joint, feature);
	} else {
		*ret_tells = *ret_joins = (double)feature->cap >= WEIGHT_LEAST && weak &&
					  (is_alone(feature) || holds(joint, feature));
	}
}

/* Is all that was seen of the host by such rules? */
static bool
is_clean(const struct joint *joint, uint32_t victim)
{
	const struct value *v = &joint->value[victim];

	for (uint32_t f = v->head; f != NONE && v->count <= CLEAN_MAX; f = joint->feature[f].next) {
		if (!joint->node[joint->feature[f].node].observed)
			return false;
	}
	return v->count <= CLEAN_MAX;
}

/* A program, or a content, that a node shows. */
static bool
is_shown(const struct feature *f)
{
	return strchr("tupf", feature_about[f->type].group) != NULL;
}

/* Does it show anything that is seen already? */
static bool
shows_seen(const struct joint *joint, const struct node *node)
{
	bool is = false;

	for (uint32_t f = node->features; f < node->features + node->feature_count && !is; f++)
		is = is_shown(&joint->feature[f]) && is_seen(joint, joint->feature[f].value);
	return is;
}

/* What the accused show, and by whom hosts are accused: organisations, the same more than once; their count. */
static unsigned
list_accused(struct joint *joint, const struct parts *p, uint32_t ret_accuser[SAMPLE])
{
	unsigned accusers = 0;

	for (unsigned i = 0; i < p->nodes; i++) {
		const struct node *node = &joint->node[p->node[i]];

		if (node->observed)
			continue;
		if (node_tells(joint, node, FEATURE_VICTIM))
			ret_accuser[accusers++] = node->organisation;
		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			if (is_shown(&joint->feature[f]))
				(void)seen_before(joint, joint->feature[f].value, i);
		}
	}
	return accusers;
}

/*
 * A bystander spoke with what is judged, shows nothing that an accused one does, and nobody accuses his host of
 * anything, though his organisation has a rule that accuses others of the same: who has no such rule does not say that
 * his hosts are clean.
 */
static void
find_bystanders(struct joint *joint, struct parts *p)
{
	uint32_t accuser[SAMPLE];
	unsigned accusers;

	joint->stamp++;
	accusers = list_accused(joint, p, accuser);
	for (unsigned i = 0; i < p->nodes; i++) {
		const struct node *node = &joint->node[p->node[i]];
		uint32_t victim = node_value(joint, node, FEATURE_VICTIM);
		unsigned k = 0;

		while (k < accusers && accuser[k] != node->organisation)
			k++;
		p->bystander[i] = k < accusers && victim != NONE && node_tells(joint, node, FEATURE_NET) &&
				  node->observed && !shows_seen(joint, node) && is_clean(joint, victim);
	}
}

/* That two differ in it tells nobody apart. */
static bool
differs_for_nothing(
    const struct joint *joint, const struct node *node, const struct feature *feature, char group, enum pass pass)
{
	/* A made name is one of many of one maker: who is behind it no other name of it tells. */
	if (feature_about[feature->type].group == 'd' && pass != BY_CONTENT && pass != BY_ALL)
		return node_tells(joint, node, FEATURE_SHAPE);
	/* Where a name points is its owner's choice: of a lookup, that it points elsewhere each time is his; that it
	 * points to one place holds together. */
	return group == 'd' && feature->type == FEATURE_ADDR && !shows_who(joint, node);
}

/* What one host has with an address, without a name, is one matter, however many rules find of it; what it has by one
 * rule is one, however many are at the other end. */
static bool
joins_at_host(const struct joint *joint, const struct node *node, uint8_t type, char judged, enum pass pass)
{
	if (judged == 'a')
		return pass == BY_ALL && type == FEATURE_VICTIM && !node_tells(joint, node, FEATURE_DOMAIN);
	return judged == 'v' && type == FEATURE_RULE && node_is_at_host(node);
}

/* Of a node at a place that comes and goes: the place, and a name that was at more of them. */
static bool
is_passing_thing(const struct joint *joint, const struct feature *feature)
{
	char group = feature_about[feature->type].group;

	return group == 'a' || (group == 'd' && joint->value[feature->value].count > PASSING_MAX);
}

/* The node at this place is joined with those before it that have something rare of it; does it tell at all? */
static void
judge_node(struct joint *joint, struct parts *p, unsigned at, uint8_t type, enum pass pass)
{
	const struct node *node = &joint->node[p->node[at]];
	uint8_t *parent = p->parent;
	bool *ret_informed = &p->informed[at];
	char group = feature_about[type].group;
	bool bystander = p->bystander[at];
	uint32_t name = pass == BY_ALL ? node_value(joint, node, FEATURE_DOMAIN) : NONE;
	bool visits = name != NONE && joint->value[name].popular;
	bool passing = p->passing && node_is_passing(joint, node);

	parent[at] = (uint8_t)at;
	*ret_informed = bystander;
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct feature *feature = &joint->feature[f];
		bool tells, joins;

		/* What only comes often has a mean gap, too: that of another is another, whoever is behind them, and
		 * that two come as often makes them not one. */
		if (follows_from(feature_about[feature->type].group, type) ||
		    (feature->type == FEATURE_PERIOD && (double)feature->cap < MEAN_TELLS))
			continue;
		take_pass(joint, feature, pass, &tells, &joins);
		/* Who visits what everybody visits is not one by that, nor by where it leads. */
		joins = joins && !(visits && strchr("daks", feature_about[feature->type].group) != NULL);
		tells = tells && !(passing && is_passing_thing(joint, feature)) &&
			!(p->passing && is_early(feature->type));
		*ret_informed = *ret_informed || (tells && !differs_for_nothing(joint, node, feature, group, pass));
		joins = joins || joins_at_host(joint, node, feature->type, group, pass);
		/* That it is his host ties a bystander's sights; nothing else of them does. */
		if (bystander)
			joins = feature->type == FEATURE_VICTIM;
		if (joins && !is_alone(feature)) {
			unsigned a = top_of(parent, seen_before(joint, feature->value, at)), b = top_of(parent, at);

			parent[a > b ? a : b] = (uint8_t)(a > b ? b : a);
		}
	}
}

/* Who is joined with one that tells tells what that one does. */
static void
inform_groups(struct parts *p)
{
	for (unsigned i = 0; i < p->nodes; i++) {
		if (p->informed[i])
			p->informed[top_of(p->parent, i)] = true;
	}
	for (unsigned i = 0; i < p->nodes; i++)
		p->informed[i] = p->informed[top_of(p->parent, i)];
}

void
value_nodes(struct joint *joint, struct value *v, struct parts *ret_parts)
{
	struct parts *p = ret_parts;

	*p = (struct parts){.nodes = 0};
	if (v->count > SAMPLE) {
		const struct sample *s = value_sample(joint, v);

		for (; s != NULL && p->nodes < s->count; p->nodes++)
			p->node[p->nodes] = s->node[p->nodes];
	} else {
		for (uint32_t f = v->head; f != NONE; f = joint->feature[f].next)
			p->node[p->nodes++] = joint->feature[f].node;
	}
}

/* The nodes of a value that are looked at, and what they fall into. */
static void
fall_apart(struct joint *joint, struct value *v, enum pass pass, bool passing, struct parts *ret_parts)
{
	struct parts *p = ret_parts;
	char group = feature_about[v->type].group;

	value_nodes(joint, v, p);
	p->passing = passing;
	/* Each is anywhere in memory, and says where its features are: all are asked for first. */
	for (unsigned i = 0; i < p->nodes; i++)
		__builtin_prefetch(&joint->node[p->node[i]]);
	for (unsigned i = 0; i < p->nodes; i++) {
		const struct node *node = &joint->node[p->node[i]];

		for (unsigned f = 0; f < node->feature_count; f += 2)
			__builtin_prefetch(&joint->feature[node->features + f]);
	}
	if (pass == BY_ALL && (group == 'a' || group == 'd'))
		find_bystanders(joint, p);
	joint->stamp++;
	for (unsigned i = 0; i < p->nodes; i++)
		judge_node(joint, p, i, v->type, pass);
	inform_groups(p);
}

void
value_diversity(struct joint *joint, struct value *v, enum pass pass, struct judged *ret_judged)
{
	struct parts p;
	struct judged sole;

	*ret_judged = (struct judged){.groups = 1, .all_groups = 1, .talker = NONE};
	if (v->count < 2)
		return;
	fall_apart(joint, v, pass, false, &p);
	value_count_groups(joint, &p, v->type, ret_judged);
	if (pass != BY_PLACE || feature_about[v->type].group != 't' || !value_may_be_sole(joint, &p))
		return;
	fall_apart(joint, v, pass, true, &p);
	value_count_groups(joint, &p, v->type, &sole);
	sole.sole = sole.groups <= 1;
	if (sole.sole)
		*ret_judged = sole;
}
