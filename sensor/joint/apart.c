/*
 * What rests on one organisation's word alone: groups that are one only by its nodes.  Linked as if it had said
 * nothing, they fall into parts; its word that two of these are one counts little, most of what joins them has to
 * come from others.  Parts for which that is not enough stay apart, and its own nodes go where they fit best.
 * README.md, One that lies.  In: groups as link.c found them; out: the same, or smaller ones.  One thread.
 */
#include "joint/link_own.h"

#include <stdlib.h>

/*
 * What one organisation's word counts, of the nats that join groups where a single other one sees one of the two: what
 * is left, 5, is more than anybody can show without proof at the right time (3.5 for an address, 3 for a certificate, 1
 * for an hour).
 */
#define WORD 2.0
#define STEERS_MAX 16 /* addresses that steer hosts of an organisation's, by its word, that are looked for */
#define DEEP 8 /* how often parts are looked at again, for another organisation's word */

/* Places by their roots: those of root r, by time, are place[start[r]] up to place[start[r + 1]]. */
struct members {
	uint32_t *place, *start;
};

static bool
members_open(struct members *m, const uint32_t *parent, size_t nodes)
{
	m->place = malloc((nodes + 1) * sizeof(*m->place));
	m->start = calloc(nodes + 2, sizeof(*m->start));
	if (m->place == NULL || m->start == NULL)
		return false;
	for (size_t i = 0; i < nodes; i++)
		m->start[parent[i] + 2]++;
	for (size_t i = 2; i < nodes + 2; i++)
		m->start[i] += m->start[i - 1];
	for (uint32_t i = 0; i < nodes; i++)
		m->place[m->start[parent[i] + 1]++] = i;
	return true;
}

static void
members_close(struct members *m)
{
	free(m->place);
	free(m->start);
}

/* One group on its own. */
struct lump {
	struct linker *l;
	const uint32_t *place; /* in the linker, by time */
	size_t count;
	uint32_t *order;   /* nodes, by time */
	uint32_t *parent;  /* by place in it: what it falls into */
	uint32_t *scratch; /* room for as many as the linker has places */
	uint32_t *side;
};

static bool
lump_open(struct lump *lump)
{
	lump->order = malloc((lump->count + 1) * sizeof(*lump->order));
	lump->parent = malloc((lump->count + 1) * sizeof(*lump->parent));
	lump->side = malloc((lump->count + 1) * sizeof(*lump->side));
	if (lump->order == NULL || lump->parent == NULL || lump->side == NULL)
		return false;
	for (size_t i = 0; i < lump->count; i++)
		lump->order[i] = lump->l->order[lump->place[i]];
	return true;
}

static void
lump_close(struct lump *lump)
{
	free(lump->order);
	free(lump->parent);
	free(lump->side);
}

/* Did others see hosts of this organisation attack? */
static bool
has_hosts(const struct lump *lump, uint32_t organisation)
{
	bool has = false;

	for (size_t i = 0; i < lump->count && !has; i++) {
		const struct node *node = node_at(lump->l, lump->place[i]);

		has = node->home == organisation && node->organisation != organisation;
	}
	return has;
}

/* Those come last of whose hosts it is: what only they can know looks like a lie that makes one of two. */
static void
owners_last(const struct lump *lump, uint32_t organisation[ORGANISATIONS_MAX], unsigned count)
{
	uint32_t owner[ORGANISATIONS_MAX];
	unsigned others = 0, owners = 0;

	for (unsigned i = 0; i < count; i++) {
		if (has_hosts(lump, organisation[i]))
			owner[owners++] = organisation[i];
		else
			organisation[others++] = organisation[i];
	}
	memcpy(organisation + others, owner, owners * sizeof(*owner));
}

/* Who is in a group, by name. */
static unsigned
organisations_in(const struct lump *lump, uint32_t ret_organisation[ORGANISATIONS_MAX])
{
	unsigned count = 0;

	for (size_t i = 0; i < lump->count; i++) {
		uint32_t is = node_at(lump->l, lump->place[i])->organisation;
		unsigned k = 0;

		while (k < count && ret_organisation[k] != is)
			k++;
		if (k == count && count < ORGANISATIONS_MAX)
			ret_organisation[count++] = is;
	}
	qsort_r(ret_organisation, count, sizeof(*ret_organisation), name_order, lump->l->joint);
	owners_last(lump, ret_organisation, count);
	return count;
}

/* Do the links that were found hold it together without this organisation's nodes?  If so, no others need be tried. */
static bool
holds_without(const struct lump *lump, uint32_t without)
{
	const struct linker *l = lump->l;
	struct linker own = {.parent = lump->scratch};
	size_t groups = 0;

	for (size_t i = 0; i < lump->count; i++)
		own.parent[lump->place[i]] = lump->place[i];
	for (size_t i = 0; i < lump->count && l->tree != NULL; i++) {
		uint32_t at = lump->place[i], a = l->tree[2 * at], b = l->tree[2 * at + 1];

		if (l->parent[at] != at && a != NONE && node_at(l, a)->organisation != without &&
		    node_at(l, b)->organisation != without)
			(void)link_unite(&own, a, b, true);
	}
	for (size_t i = 0; i < lump->count; i++)
		groups += own.parent[lump->place[i]] == lump->place[i] &&
			  node_at(l, lump->place[i])->organisation != without;
	return groups <= 1;
}

/* Is it more than what others only repeat? */
static bool
has_own(const struct linker *l, const uint32_t *place, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!node_at(l, place[i])->echo)
			return true;
	}
	return false;
}

/* With whom hosts of its own spoke, it says; so many. */
static unsigned
steerers(const struct lump *lump, uint32_t organisation, uint32_t ret_addr[STEERS_MAX])
{
	const struct joint *joint = lump->l->joint;
	unsigned count = 0;

	for (size_t i = 0; i < lump->count && count < STEERS_MAX; i++) {
		const struct node *node = &joint->node[lump->order[i]];
		unsigned k = 0;

		if (node->attacker == NONE || !tells_who_steers(node, organisation))
			continue;
		while (k < count && ret_addr[k] != node->attacker)
			k++;
		if (k == count)
			ret_addr[count++] = node->attacker;
	}
	return count;
}

/*
 * Who steers a host only its owner can know, and his word on it would hold if nobody else had seen that address at all.
 * So what a single other one saw of it is no side of its own, and does not pull it away from what the host did.
 */
static void
keep_with_host(const struct lump *lump, uint32_t owner, struct linker *l)
{
	uint32_t addr[STEERS_MAX], host = NONE, *only = lump->scratch; /* of a root: its only organisation */
	unsigned count = steerers(lump, owner, addr);

	for (uint32_t i = 0; i < l->nodes && count > 0; i++) {
		const struct node *node = node_at(l, i);
		uint32_t root = l->parent[i];

		only[root] = root == i || only[root] == node->organisation ? node->organisation : NONE;
		if (host == NONE && node->home == owner)
			host = root;
	}
	for (uint32_t i = 0; i < l->nodes && host != NONE; i++) {
		unsigned k = 0;

		while (k < count && addr[k] != node_at(l, i)->attacker)
			k++;
		if (k < count && only[l->parent[i]] != NONE)
			(void)link_unite(l, i, host, false);
	}
	for (uint32_t i = 0; i < l->nodes; i++)
		l->parent[i] = link_root(l, i);
}

/* Linked as if one organisation had said nothing.  side: by place in the lump; 0: of none. */
static enum cc_status
sides_without(struct lump *lump, uint32_t without, uint32_t *ret_sides)
{
	uint32_t *order = malloc((lump->count + 1) * sizeof(*order)), *at = malloc((lump->count + 1) * sizeof(*at));
	uint32_t *parent = malloc((lump->count + 1) * sizeof(*parent));
	struct linker l = {.joint = lump->l->joint, .order = order, .parent = parent, .word = WORD};
	struct members m = {NULL, NULL};
	enum cc_status st = order != NULL && at != NULL && parent != NULL ? CC_OK : CC_NOMEM;

	*ret_sides = 0;
	memset(lump->side, 0, lump->count * sizeof(*lump->side));
	for (size_t i = 0; i < lump->count && st == CC_OK; i++) {
		if (l.joint->node[lump->order[i]].organisation == without)
			continue;
		parent[l.nodes] = (uint32_t)l.nodes;
		at[l.nodes] = (uint32_t)i;
		order[l.nodes++] = lump->order[i];
	}
	if (st == CC_OK && (st = link_nodes(&l)) == CC_OK) {
		keep_with_host(lump, without, &l);
		st = members_open(&m, parent, l.nodes) ? CC_OK : CC_NOMEM;
	}
	for (uint32_t root = 0; root < l.nodes && st == CC_OK; root++) {
		size_t count = m.start[root + 1] - m.start[root];

		if (count == 0 || !has_own(&l, m.place + m.start[root], count))
			continue;
		++*ret_sides;
		for (size_t i = 0; i < count; i++)
			lump->side[at[m.place[m.start[root] + i]]] = *ret_sides;
	}
	members_close(&m);
	free(order);
	free(at);
	free(parent);
	return st;
}

/* Linked anew, with all nodes, but for what would join two sides. */
static enum cc_status
link_apart(struct lump *lump, uint32_t sides)
{
	struct linker l = {.joint = lump->l->joint, .order = lump->order, .parent = lump->parent, .side = lump->side,
	    .nodes = lump->count};
	uint32_t *first = malloc((sides + 1) * sizeof(*first));

	if (first == NULL)
		return CC_NOMEM;
	memset(first, 0xff, (sides + 1) * sizeof(*first));
	for (uint32_t i = 0; i < lump->count; i++) {
		uint32_t side = lump->side[i];

		if (side != 0 && first[side] == NONE)
			first[side] = i;
		lump->parent[i] = side != 0 ? first[side] : i;
	}
	free(first);
	return link_nodes(&l);
}

static enum cc_status keep_apart(struct linker *l, unsigned deep);

/*
 * What one organisation's word alone makes one falls apart; the first by name whose word that is, then others, those
 * last whose hosts it is.
 */
static enum cc_status
lump_apart(struct lump *lump, unsigned deep)
{
	uint32_t organisation[ORGANISATIONS_MAX], sides = 0;
	unsigned count = organisations_in(lump, organisation);
	enum cc_status st = lump_open(lump) ? CC_OK : CC_NOMEM;
	struct linker own = {.joint = lump->l->joint, .order = lump->order, .parent = lump->parent,
	    .nodes = lump->count};

	for (unsigned i = 0; i < count && count >= 2 && st == CC_OK && sides < 2; i++) {
		if (!holds_without(lump, organisation[i]))
			st = sides_without(lump, organisation[i], &sides);
	}
	if (st == CC_OK && sides >= 2 && (st = link_apart(lump, sides)) == CC_OK && deep < DEEP)
		st = keep_apart(&own, deep + 1);
	for (size_t i = 0; i < lump->count && st == CC_OK && sides >= 2; i++)
		lump->l->parent[lump->place[i]] = lump->place[lump->parent[i]];
	lump_close(lump);
	return st;
}

static enum cc_status
keep_apart(struct linker *l, unsigned deep)
{
	struct members m = {NULL, NULL};
	uint32_t *scratch = malloc((l->nodes + 1) * sizeof(*scratch));
	enum cc_status st = scratch != NULL && members_open(&m, l->parent, l->nodes) ? CC_OK : CC_NOMEM;

	for (uint32_t root = 0; root < l->nodes && st == CC_OK; root++) {
		struct lump lump = {.l = l, .place = m.place + m.start[root],
		    .count = m.start[root + 1] - m.start[root], .scratch = scratch};

		if (lump.count >= 3)
			st = lump_apart(&lump, deep);
	}
	members_close(&m);
	free(scratch);
	return st;
}

enum cc_status
link_keep_apart(struct linker *l)
{
	return keep_apart(l, 0);
}
