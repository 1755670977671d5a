/*
 * Addresses of one network that do one and the same thing: what a network and what it does weigh together, which
 * neither does alone.  Others' tenants are in most networks, and a scan comes from everywhere; that addresses of one
 * network take turns with it, and hardly anything else comes from there, is one activity's doing.  In: the nodes of a
 * cell that have a network in common; out: joined ones.  README.md, Linking.  One thread.
 */
#include "joint/link_own.h"

#include <stdlib.h>

/* A node of a network, and a hash of what it does. */
struct doing {
	uint64_t thing;
	uint32_t place, addr;
};

static bool
is_of_thing(uint8_t type)
{
	return type == FEATURE_RULE || type == FEATURE_PORT || type == FEATURE_STACK || type == FEATURE_JA4 ||
	       type == FEATURE_HASSH;
}

/*
 * May it be one of several addresses that do a thing?  A rule has found a client, and one that does more than
 * observe; servers have names, certificates or files to be found by, and hosts of a partner's are victims of whoever
 * steers them.
 */
bool
network_tells(const struct joint *joint, const struct node *node)
{
	bool rule = false, addr = false;

	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct feature *is = &joint->feature[f];

		rule = rule || (is->type == FEATURE_RULE && !(is->next == NONE && is->prev == NONE));
		addr = addr || (is->type == FEATURE_ADDR && (double)is->cap > JOINT_TELLS);
	}
	return rule && addr && node->client && node->home == NONE && !node->echo;
}

/* Of a network that weighs so much by itself. */
double
network_weight(double weight)
{
	return NETWORK_DOES * weight / feature_about[FEATURE_NET].cap;
}

/* By whole hashes, so that no order of reading shows. */
static struct doing
doing_of(const struct linker *l, uint32_t place)
{
	const struct joint *joint = l->joint;
	const struct node *node = node_at(l, place);
	struct doing is = {1, place, NONE};

	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct value *v = &joint->value[joint->feature[f].value];

		if (v->type == FEATURE_ADDR)
			is.addr = joint->feature[f].value;
		else if (is_of_thing(v->type))
			is.thing += v->hash * (2 * v->type + 1u);
	}
	return is;
}

static int
by_thing(const void *a, const void *b)
{
	const struct doing *x = a, *y = b;

	if (x->thing != y->thing)
		return x->thing < y->thing ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Is it done by addresses enough, none of which does most of it? */
static bool
is_spread(const struct doing *doing, size_t count, uint32_t *addr)
{
	for (size_t i = 0; i < count; i++)
		addr[i] = doing[i].addr;
	return places_are_spread(addr, count);
}

/* Whose nodes of a network there are, and how many. */
struct parties {
	uint32_t organisation[ORGANISATIONS_MAX];
	double nodes[ORGANISATIONS_MAX];
	unsigned count;
};

/* His place; ORGANISATIONS_MAX: there is none left. */
static unsigned
party_of(struct parties *p, uint32_t organisation)
{
	unsigned k = 0;

	while (k < p->count && p->organisation[k] != organisation)
		k++;
	if (k == p->count && k < ORGANISATIONS_MAX) {
		p->organisation[k] = organisation;
		p->nodes[p->count++] = 0;
	}
	return k;
}

/* The part of what comes from there that this is: a mean over organisations, so that nobody drowns it. */
static double
part_of(const struct linker *l, struct parties *p, const struct doing *is, size_t count)
{
	double with[ORGANISATIONS_MAX + 1] = {0}, sum = 0;

	for (size_t i = 0; i < count; i++)
		with[party_of(p, node_at(l, is[i].place)->organisation)]++;
	for (unsigned k = 0; k < p->count; k++)
		sum += with[k] / p->nodes[k];
	return p->count > 0 ? sum / p->count : 0;
}

/* Each with the next in time; not told by these two, since it took all of them to say so. */
static void
join(struct linker *l, uint32_t value, const struct doing *doing, size_t count, double weight)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t a = doing[i - 1].place, b = doing[i].place;

		if (link_root(l, a) != link_root(l, b) && link_llr(l, a, b, value, weight) >= JOINT_STRONG)
			(void)link_unite(l, a, b, false);
	}
}

static enum cc_status
link_network(struct linker *l, const struct range *r)
{
	uint32_t value = l->at[r->start].value;
	size_t count = 0;
	double weight = feature_about[FEATURE_NET].cap;
	struct parties parties = {.count = 0};
	struct doing *doing = NULL;
	uint32_t *addr = NULL;

	if (value == NONE || l->joint->value[value].type != FEATURE_NET || r->end - r->start < WIDE_NODES)
		return CC_OK;
	if ((doing = malloc((r->end - r->start) * sizeof(*doing))) == NULL ||
	    (addr = malloc((r->end - r->start) * sizeof(*addr))) == NULL) {
		free(doing);
		return CC_NOMEM;
	}
	for (size_t k = r->start; k < r->end; k++) {
		unsigned who;

		if (!network_tells(l->joint, node_at(l, l->at[k].place)))
			continue;
		weight = (double)l->at[k].weight < weight ? (double)l->at[k].weight : weight;
		doing[count++] = doing_of(l, l->at[k].place);
		if ((who = party_of(&parties, node_at(l, l->at[k].place)->organisation)) < ORGANISATIONS_MAX)
			parties.nodes[who]++;
	}
	qsort(doing, count, sizeof(*doing), by_thing);
	for (size_t i = 0, k; i < count; i = k) {
		for (k = i; k < count && doing[k].thing == doing[i].thing; k++)
			;
		if (is_spread(&doing[i], k - i, addr) && part_of(l, &parties, &doing[i], k - i) >= 0.5)
			join(l, value, &doing[i], k - i, network_weight(weight));
	}
	free(doing);
	free(addr);
	return CC_OK;
}

enum cc_status
link_networks(struct linker *l)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < l->range_count && st == CC_OK; i++)
		st = link_network(l, &l->range[i]);
	return st;
}
