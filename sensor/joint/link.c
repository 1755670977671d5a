/*
 * Which nodes belong together, of a cell: of nodes that no shared value of any weight leads out of, so that what is
 * found here does not depend on any other.  README.md, Linking; what a value weighs is value.c's.
 *
 * Cost: a sort over the cell's features; each node is held against a bounded number of neighbours by feature.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW 12      /* neighbours by time that share a feature */
#define PAIR_LEAST 1.9 /* a feature of less brings no pairs up */
#define GROUPS_MAX 16  /* groups with a feature, beyond which it brings none of them together */
#define ROUNDS 3
#define HOUR (3600 * NS_PER_S)

/* A feature at a place in the order. */
struct at {
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
	size_t nodes;
	struct at *at;
	size_t count;
	struct range *range;
	size_t range_count;
};

static uint32_t
root_of(struct linker *l, uint32_t at)
{
	while (l->parent[at] != at) {
		l->parent[at] = l->parent[l->parent[at]];
		at = l->parent[at];
	}
	return at;
}

/* The oldest place is the root: it names the activity. */
static void
unite(struct linker *l, uint32_t a, uint32_t b)
{
	a = root_of(l, a);
	b = root_of(l, b);
	if (a < b)
		l->parent[b] = a;
	else
		l->parent[a] = b;
}

static int
by_time(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;

	return node_by_time(&joint->node[*(const uint32_t *)a], &joint->node[*(const uint32_t *)b]);
}

static int
by_value(const void *a, const void *b)
{
	const struct at *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static const struct node *
node_at(const struct linker *l, uint32_t place)
{
	return &l->joint->node[l->order[place]];
}

/* As it links: of this sight, of its value, whichever is less. */
static float
weight_of(const struct joint *joint, uint32_t feature)
{
	const struct feature *f = &joint->feature[feature];
	float weight = joint->value[f->value].weight;

	weight = f->cap < weight ? f->cap : weight;
	return weight >= (float)WEIGHT_LEAST ? weight : 0;
}

static enum cc_status
list_features(struct linker *l)
{
	size_t room = 0;

	for (uint32_t i = 0; i < l->nodes; i++) {
		const struct node *node = node_at(l, i);

		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			float weight = weight_of(l->joint, f);

			if (!(weight > 0) || l->joint->value[l->joint->feature[f].value].count < 2)
				continue;
			if (!GROW(l->at, l->count, room))
				return CC_NOMEM;
			l->at[l->count++] = (struct at){l->joint->feature[f].value, i, weight};
		}
	}
	room = 0;
	if (l->count > 0)
		qsort(l->at, l->count, sizeof(*l->at), by_value);
	for (size_t i = 0; i < l->count; i++) {
		if (i == 0 || l->at[i].value != l->at[i - 1].value) {
			if (!GROW(l->range, l->range_count, room))
				return CC_NOMEM;
			l->range[l->range_count++].start = i;
		}
		l->range[l->range_count - 1].end = i + 1;
	}
	return CC_OK;
}

/* ---- links ---- */

/* Nats for closeness in time: by the gap between two spans. */
static double
time_llr(uint64_t first_a, uint64_t last_a, uint64_t first_b, uint64_t last_b)
{
	uint64_t gap = first_b > last_a ? first_b - last_a : first_a > last_b ? first_a - last_b : 0;

	if (gap <= HOUR)
		return 1.0;
	if (gap <= 24 * HOUR)
		return 0.4;
	return gap <= 168 * HOUR ? 0 : -log((double)gap / (168.0 * (double)HOUR)) - 0.2;
}

/* Address and certificate of one provider come together: where they are shared they count as one. */
static char
group_of(const struct linker *l, uint32_t value)
{
	const struct value *v = &l->joint->value[value];
	const struct feature_about *about = &feature_about[v->type];

	return (about->group == 'a' || about->group == 'k') && (double)v->diversity > about->spread ? 'i'
												    : about->group;
}

struct tally {
	char group[16];
	double weight[16];
	unsigned count;
};

/* The weightiest of its group; victims, who are many, add up. */
static void
tally_add(struct tally *t, char group, double weight)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (t->group[i] != group)
			continue;
		if (group == 'v')
			t->weight[i] += weight;
		else if (weight > t->weight[i])
			t->weight[i] = weight;
		return;
	}
	if (t->count < 16) {
		t->group[t->count] = group;
		t->weight[t->count++] = weight;
	}
}

static double
tally_sum(const struct tally *t)
{
	double sum = 0;

	for (unsigned i = 0; i < t->count; i++)
		sum += t->weight[i];
	return sum;
}

static double
pair_llr(const struct linker *l, uint32_t a, uint32_t b)
{
	const struct node *x = node_at(l, a), *y = node_at(l, b);
	const struct feature *feature = l->joint->feature;
	struct tally t = {.count = 0};

	for (uint32_t i = x->features; i < x->features + x->feature_count; i++) {
		for (uint32_t k = y->features; k < y->features + y->feature_count; k++) {
			float v, w;

			if (feature[i].value != feature[k].value)
				continue;
			v = weight_of(l->joint, i);
			w = weight_of(l->joint, k);
			tally_add(&t, group_of(l, feature[i].value), (double)(v < w ? v : w));
		}
	}
	return tally_sum(&t) + time_llr(x->first, x->last, y->first, y->last);
}

static void
link_strong(struct linker *l)
{
	for (size_t i = 0; i < l->range_count; i++) {
		const struct at *before = NULL;

		for (size_t k = l->range[i].start; k < l->range[i].end; k++) {
			const struct at *at = &l->at[k];

			if ((double)at->weight < JOINT_STRONG)
				continue;
			if (before != NULL &&
			    node_at(l, at->place)->first - node_at(l, before->place)->first < 720 * HOUR)
				unite(l, before->place, at->place);
			before = at;
		}
	}
}

static void
link_pairs(struct linker *l)
{
	for (size_t i = 0; i < l->range_count; i++) {
		for (size_t k = l->range[i].start; k < l->range[i].end; k++) {
			if ((double)l->at[k].weight < PAIR_LEAST)
				continue;
			for (size_t n = k + 1; n < l->range[i].end && n <= k + WINDOW; n++) {
				uint32_t a = l->at[k].place, b = l->at[n].place;

				if (root_of(l, a) != root_of(l, b) && pair_llr(l, a, b) >= JOINT_STRONG)
					unite(l, a, b);
			}
		}
	}
}

/* ---- groups to groups: what single nodes do not show ---- */

struct bond {
	uint32_t a, b;
	float weight;
	char group;
};

struct bonds {
	struct bond *bond;
	size_t count, room;
};

static int
by_bond(const void *a, const void *b)
{
	const struct bond *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* A group, and the best that it has of a feature. */
struct has {
	uint32_t root;
	float weight;
};

static int
by_root(const void *a, const void *b)
{
	const struct has *x = a, *y = b;

	return (x->root > y->root) - (x->root < y->root);
}

static bool
add_bond(struct bonds *bonds, struct bond bond)
{
	if (bonds->count == bonds->room) {
		size_t room = bonds->room > 0 ? bonds->room * 2 : 1024;
		struct bond *more = realloc(bonds->bond, room * sizeof(*more));

		if (more == NULL)
			return false;
		bonds->bond = more;
		bonds->room = room;
	}
	bonds->bond[bonds->count++] = bond;
	return true;
}

static bool
bonds_of(struct linker *l, const struct range *r, struct bonds *bonds)
{
	struct has has[GROUPS_MAX + 1];
	size_t count = 0;

	for (size_t k = r->start; k < r->end; k++) {
		uint32_t is = root_of(l, l->at[k].place);
		float weight = l->at[k].weight;
		size_t at = 0;

		while (at < count && has[at].root != is)
			at++;
		if (at == count) {
			if (count++ == GROUPS_MAX)
				return true;
			has[at] = (struct has){is, weight};
		} else if (weight > has[at].weight) {
			has[at].weight = weight;
		}
	}
	qsort(has, count, sizeof(*has), by_root);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count; k++) {
			/* As good as the weaker side's: shown without proof here, used there, is no more than shown. */
			float weight = has[i].weight < has[k].weight ? has[i].weight : has[k].weight;

			if (weight >= (float)WEIGHT_LEAST &&
			    !add_bond(bonds,
				(struct bond){has[i].root, has[k].root, weight, group_of(l, l->at[r->start].value)}))
				return false;
		}
	}
	return true;
}

static bool
unite_bonds(struct linker *l, const struct bonds *bonds, const uint64_t *last)
{
	bool any = false;

	for (size_t i = 0, k; i < bonds->count; i = k) {
		uint32_t a = bonds->bond[i].a, b = bonds->bond[i].b;
		struct tally t = {.count = 0};
		double sum;

		for (k = i; k < bonds->count && bonds->bond[k].a == a && bonds->bond[k].b == b; k++)
			tally_add(&t, bonds->bond[k].group, (double)bonds->bond[k].weight);
		sum = tally_sum(&t) + time_llr(node_at(l, a)->first, last[a], node_at(l, b)->first, last[b]);
		if (sum >= JOINT_STRONG + 0.5) {
			unite(l, a, b);
			any = true;
		}
	}
	return any;
}

static enum cc_status
link_groups(struct linker *l)
{
	struct bonds bonds = {NULL, 0, 0};
	uint64_t *last = calloc(l->nodes + 1, sizeof(*last));
	enum cc_status st = last != NULL ? CC_OK : CC_NOMEM;

	for (unsigned round = 0; round < ROUNDS && st == CC_OK; round++) {
		memset(last, 0, l->nodes * sizeof(*last));
		for (uint32_t i = 0; i < l->nodes; i++) {
			uint32_t root = root_of(l, i);

			if (node_at(l, i)->last > last[root])
				last[root] = node_at(l, i)->last;
		}
		bonds.count = 0;
		for (size_t i = 0; i < l->range_count && st == CC_OK; i++)
			st = bonds_of(l, &l->range[i], &bonds) ? CC_OK : CC_NOMEM;
		if (bonds.count > 0)
			qsort(bonds.bond, bonds.count, sizeof(*bonds.bond), by_bond);
		if (st == CC_OK && !unite_bonds(l, &bonds, last))
			break;
	}
	free(bonds.bond);
	free(last);
	return st;
}

enum cc_status
link_cell(struct joint *joint, uint32_t *node, size_t count, uint32_t *ret_root)
{
	struct linker l = {.joint = joint, .order = node, .parent = ret_root, .nodes = count};
	enum cc_status st;

	qsort_r(node, count, sizeof(*node), by_time, joint);
	for (uint32_t i = 0; i < count; i++)
		ret_root[i] = i;
	if ((st = list_features(&l)) == CC_OK) {
		link_strong(&l);
		link_pairs(&l);
		st = link_groups(&l);
	}
	for (uint32_t i = 0; i < count; i++)
		ret_root[i] = root_of(&l, i);
	free(l.at);
	free(l.range);
	return st;
}
