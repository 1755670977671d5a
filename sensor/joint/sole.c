/*
 * Whether a hello is one client's, however many places it is seen at.  What an innocent uses, or a tool that several
 * have, comes with several agents, or is found by several rules, or is at home somewhere.  One client behind ever new
 * addresses shows one hello with one agent, is found by one rule, and its places come and go.  README.md, Diversity.
 * In: the nodes of a hello; each part is taken so that one sight more does not undo it.  One thread.
 */
#include "joint/value_own.h"

#define SOLE_RULES 2 /* a rule for the client, and one for who steers it */

/* How many of its nodes have each value of a type. */
struct shares {
	uint32_t value[SAMPLE];
	unsigned of[SAMPLE], count, nodes;
};

static void
shares_add(struct shares *s, uint32_t value)
{
	unsigned i = 0;

	if (value == NONE)
		return;
	while (i < s->count && s->value[i] != value)
		i++;
	if (i == s->count) {
		s->value[i] = value;
		s->of[s->count++] = 0;
	}
	s->of[i]++;
	s->nodes++;
}

/* Nodes that have one of the so many commonest. */
static unsigned
shares_most(const struct shares *s, unsigned commonest)
{
	unsigned most = 0;

	for (unsigned i = 0; i < s->count; i++) {
		unsigned more = 0;

		for (unsigned k = 0; k < s->count; k++)
			more += s->of[k] > s->of[i] || (s->of[k] == s->of[i] && k < i);
		most += more < commonest ? s->of[i] : 0;
	}
	return most;
}

bool
node_is_passing(const struct joint *joint, const struct node *node)
{
	uint32_t addr = node_value(joint, node, FEATURE_ADDR);

	return addr != NONE && joint->value[addr].count <= PASSING_MAX;
}

static uint32_t
agent_of(const struct joint *joint, const struct node *node)
{
	uint32_t agent = node_value(joint, node, FEATURE_AGENT);

	return agent != NONE ? agent : node_value(joint, node, FEATURE_HEADERS);
}

static uint32_t
hello_of(const struct joint *joint, const struct node *node)
{
	uint32_t hello = node_value(joint, node, FEATURE_JA4);

	if (hello == NONE)
		hello = node_value(joint, node, FEATURE_JA3);
	return hello != NONE ? hello : node_value(joint, node, FEATURE_HASSH);
}

/* A rule for what everybody tries, with whatever tool, says nothing of who tries it. */
bool
value_finds_one(struct joint *joint, struct value *rule)
{
	struct shares hello = {.count = 0};
	struct parts p;

	value_nodes(joint, rule, &p);
	for (unsigned i = 0; i < p.nodes; i++)
		shares_add(&hello, hello_of(joint, &joint->node[p.node[i]]));
	return 4 * shares_most(&hello, 1) >= 3 * hello.nodes;
}

/* An organisation alone does not say so; and half and more of its nodes are where nobody stays. */
bool
value_may_be_sole(const struct joint *joint, const struct parts *p)
{
	struct shares agent = {.count = 0}, rule = {.count = 0}, place = {.count = 0}, who = {.count = 0};
	unsigned observed = 0;

	if (p->nodes < WIDE_NODES)
		return false;
	for (unsigned i = 0; i < p->nodes; i++) {
		const struct node *node = &joint->node[p->node[i]];
		uint32_t is;

		observed += node->observed ? 1 : 0;
		shares_add(&agent, agent_of(joint, node));
		shares_add(&who, node->organisation);
		is = node_value(joint, node, FEATURE_RULE);
		if (!node->observed && is != NONE && joint->value[is].finds_one)
			shares_add(&rule, is);
		if (node_is_passing(joint, node))
			shares_add(&place, node_value(joint, node, FEATURE_ADDR));
	}
	return who.count > 1 && place.count >= WIDE_PLACES && 2 * place.nodes >= p->nodes &&
	       2 * rule.nodes >= p->nodes && 4 * shares_most(&rule, SOLE_RULES) >= 3 * rule.nodes &&
	       2 * agent.nodes >= p->nodes && 4 * shares_most(&agent, 1) >= 3 * agent.nodes &&
	       8 * observed <= p->nodes;
}
