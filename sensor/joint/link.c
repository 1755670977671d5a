/*
 * Sightings to activities.  A shared feature links by its log-likelihood ratio, which falls with its diversity: in how many
 * groups its nodes fall apart when it is taken away.  An address with thirty domains that have nothing else in common is a
 * content network's; a certificate whose nodes share a tool is somebody's own.  README.md, Linking.
 *
 * Cost: a sort over all features; each node is held against a bounded number of neighbours by feature.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdlib.h>

#define SAMPLE 48      /* nodes that a diversity is estimated from */
#define WINDOW 12      /* neighbours by time that share a feature */
#define PAIR_LEAST 1.9 /* a feature of less brings no pairs up */
#define GROUPS_MAX 16  /* groups with a feature, beyond which it brings none of them together */
#define ROUNDS 3
#define HOUR (3600 * NS_PER_S)
/* A fingerprint is one tool's own: few groups have it, or some that have it often. */
#define OWN_SURELY 3.0
#define OWN_MAX 12.0
#define OWN_PART 0.6

/* A feature at a place in the order. */
struct at {
	uint64_t hash;
	uint32_t place, feature;
};

struct range {
	size_t start, end; /* in linker.at */
	float diversity;   /* by names and contents alone, then by all that is rare */
	float part;        /* of the nodes that could tell */
	uint8_t type;
};

struct linker {
	struct joint *joint;
	struct at *at;
	size_t count;
	struct range *range;
	size_t range_count;
	uint32_t *range_of; /* by index of joint->feature */
	float *weight;      /* the same */
};

uint32_t
joint_root(struct joint *joint, uint32_t at)
{
	while (joint->parent[at] != at) {
		joint->parent[at] = joint->parent[joint->parent[at]];
		at = joint->parent[at];
	}
	return at;
}

/* The oldest place is the root: it names the activity. */
static void
unite(struct joint *joint, uint32_t a, uint32_t b)
{
	a = joint_root(joint, a);
	b = joint_root(joint, b);
	if (a < b)
		joint->parent[b] = a;
	else
		joint->parent[a] = b;
}

static int
by_time(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct node *x = &joint->node[*(const uint32_t *)a], *y = &joint->node[*(const uint32_t *)b];

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->fold > y->fold) - (x->fold < y->fold);
}

static int
by_hash(const void *a, const void *b)
{
	const struct at *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static const struct node *
node_at(const struct joint *joint, uint32_t place)
{
	return &joint->node[joint->order[place]];
}

static bool
is_strong(uint8_t type)
{
	return feature_about[type].cap >= 6;
}

/* ---- diversity ---- */

enum pass { BY_CONTENT, BY_STRONG, BY_ALL };

/* May this feature hold two nodes together while another one's diversity is judged? */
static bool
connects(const struct linker *l, uint32_t feature, char group, enum pass pass)
{
	const struct feature *f = &l->joint->feature[feature];
	const struct range *r = &l->range[l->range_of[feature]];
	const struct feature_about *about = &feature_about[f->type];

	if (about->group == group)
		return false;
	if (pass == BY_CONTENT)
		return f->type == FEATURE_DOMAIN || f->type == FEATURE_FILE;
	if (is_strong(f->type))
		return (double)f->cap >= 6 && (double)r->diversity <= 2 * about->spread;
	return pass == BY_ALL && about->cap >= 2 && strchr("vah", about->group) == NULL &&
	       ((double)r->diversity <= OWN_SURELY || ((double)r->diversity <= OWN_MAX && (double)r->part <= OWN_PART));
}

static double
diversity(const struct linker *l, const struct range *r, enum pass pass, float *ret_part)
{
	struct at seen[SAMPLE * NODE_FEATURES];
	uint32_t parent[SAMPLE], groups = 0, told = 0;
	size_t count = 0, all = r->end - r->start, nodes = all < SAMPLE ? all : SAMPLE;
	bool informed[SAMPLE];

	for (uint32_t i = 0; i < nodes; i++) {
		const struct node *node = node_at(l->joint, l->at[r->start + i * all / nodes].place);

		parent[i] = i;
		informed[i] = false;
		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			/* Any value of a kind that could connect informs; only rare ones connect. */
			if (connects(l, f, feature_about[r->type].group, pass)) {
				seen[count++] = (struct at){l->joint->feature[f].hash, i, 0};
				informed[i] = true;
			} else if (pass != BY_CONTENT && is_strong(l->joint->feature[f].type) && (double)l->joint->feature[f].cap >= 6 &&
				   feature_about[l->joint->feature[f].type].group != feature_about[r->type].group) {
				informed[i] = true;
			}
		}
	}
	qsort(seen, count, sizeof(*seen), by_hash);
	for (size_t i = 1; i < count; i++) {
		uint32_t a = seen[i - 1].place, b = seen[i].place;

		if (seen[i].hash != seen[i - 1].hash)
			continue;
		while (parent[a] != a)
			a = parent[a];
		while (parent[b] != b)
			b = parent[b];
		parent[a > b ? a : b] = a > b ? b : a;
	}
	for (uint32_t i = 0; i < nodes; i++) {
		groups += informed[i] && parent[i] == i;
		told += informed[i];
	}
	*ret_part = told > 0 ? (float)groups / (float)told : 0;
	return groups > 0 ? groups : 1;
}

static void
judge(struct linker *l, enum pass pass, bool strong)
{
	for (size_t i = 0; i < l->range_count; i++) {
		struct range *r = &l->range[i];

		if (is_strong(r->type) == strong && r->end - r->start > 1)
			r->diversity = (float)diversity(l, r, pass, &r->part);
	}
}

/* What the weighing asks for later: only what is not 1. */
static bool
remember(struct joint *joint, const struct range *r, uint64_t hash, double weight)
{
	if ((double)r->diversity <= feature_about[r->type].spread)
		return true;
	if (joint->rare_count == joint->rare_room) {
		size_t room = joint->rare_room > 0 ? joint->rare_room * 2 : 256;
		uint64_t *h = realloc(joint->rare_hash, room * sizeof(*h));
		float *d = realloc(joint->rare_diversity, room * sizeof(*d)), *w = realloc(joint->rare_weight, room * sizeof(*w));

		if (h != NULL)
			joint->rare_hash = h;
		if (d != NULL)
			joint->rare_diversity = d;
		if (w != NULL)
			joint->rare_weight = w;
		if (h == NULL || d == NULL || w == NULL)
			return false;
		joint->rare_room = room;
	}
	joint->rare_hash[joint->rare_count] = hash;
	joint->rare_weight[joint->rare_count] = (float)(weight / feature_about[r->type].cap);
	joint->rare_diversity[joint->rare_count++] = r->diversity;
	return true;
}

static size_t
find_rare(const struct joint *joint, uint64_t hash)
{
	size_t low = 0, high = joint->rare_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (joint->rare_hash[middle] == hash)
			return middle;
		if (joint->rare_hash[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

double
joint_diversity(const struct joint *joint, uint64_t hash)
{
	size_t at = find_rare(joint, hash);

	return at != SIZE_MAX ? (double)joint->rare_diversity[at] : 1;
}

double
joint_rarity(const struct joint *joint, uint64_t hash)
{
	size_t at = find_rare(joint, hash);

	return at != SIZE_MAX ? (double)joint->rare_weight[at] : 1;
}

/* ---- the lists ---- */

static enum cc_status
list_features(struct linker *l)
{
	struct joint *joint = l->joint;
	size_t total = joint->feature_count + 1;

	l->at = malloc(total * sizeof(*l->at));
	l->range = malloc(total * sizeof(*l->range));
	l->range_of = calloc(total, sizeof(*l->range_of));
	l->weight = calloc(total, sizeof(*l->weight));
	if (l->at == NULL || l->range == NULL || l->range_of == NULL || l->weight == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < joint->node_count; i++) {
		const struct node *node = node_at(joint, i);

		for (uint32_t f = node->features; f < node->features + node->feature_count && !node->negative; f++)
			l->at[l->count++] = (struct at){joint->feature[f].hash ^ node->exercise, i, f};
	}
	qsort(l->at, l->count, sizeof(*l->at), by_hash);
	for (size_t i = 0; i < l->count; i++) {
		if (i == 0 || l->at[i].hash != l->at[i - 1].hash)
			l->range[l->range_count++] = (struct range){i, i, 1, 0, joint->feature[l->at[i].feature].type};
		l->range[l->range_count - 1].end = i + 1;
		l->range_of[l->at[i].feature] = (uint32_t)(l->range_count - 1);
	}
	return CC_OK;
}

static bool
weigh_features(struct linker *l)
{
	judge(l, BY_CONTENT, true);
	judge(l, BY_STRONG, false);
	judge(l, BY_ALL, true);
	for (size_t i = 0; i < l->range_count; i++) {
		struct range *r = &l->range[i];
		const struct feature_about *about = &feature_about[r->type];
		bool rented = about->group == 'a' || about->group == 'k';
		double weight = joint_feature_weight(about->cap, about->spread, (double)r->diversity, (double)r->part, rented);

		if (!remember(l->joint, r, l->at[r->start].hash, weight))
			return false;
		for (size_t k = r->start; k < r->end; k++) {
			float cap = l->joint->feature[l->at[k].feature].cap;

			l->weight[l->at[k].feature] = (double)cap < weight ? cap : (float)weight;
		}
	}
	return true;
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
group_of(const struct linker *l, uint32_t feature)
{
	const struct range *r = &l->range[l->range_of[feature]];
	const struct feature_about *about = &feature_about[r->type];

	return (about->group == 'a' || about->group == 'k') && (double)r->diversity > about->spread ? 'i' : about->group;
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
	const struct node *x = node_at(l->joint, a), *y = node_at(l->joint, b);
	struct tally t = {.count = 0};

	for (uint32_t i = x->features; i < x->features + x->feature_count; i++) {
		for (uint32_t k = y->features; k < y->features + y->feature_count; k++) {
			float w = l->weight[i] < l->weight[k] ? l->weight[i] : l->weight[k];

			if (l->joint->feature[i].hash == l->joint->feature[k].hash)
				tally_add(&t, group_of(l, i), (double)w);
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

			if ((double)l->weight[at->feature] < JOINT_STRONG)
				continue;
			if (before != NULL && node_at(l->joint, at->place)->first - node_at(l->joint, before->place)->first < 720 * HOUR)
				unite(l->joint, before->place, at->place);
			before = at;
		}
	}
}

static void
link_pairs(struct linker *l)
{
	for (size_t i = 0; i < l->range_count; i++) {
		for (size_t k = l->range[i].start; k < l->range[i].end; k++) {
			if ((double)l->weight[l->at[k].feature] < PAIR_LEAST)
				continue;
			for (size_t n = k + 1; n < l->range[i].end && n <= k + WINDOW; n++) {
				uint32_t a = l->at[k].place, b = l->at[n].place;

				if (joint_root(l->joint, a) != joint_root(l->joint, b) && pair_llr(l, a, b) >= JOINT_STRONG)
					unite(l->joint, a, b);
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
		uint32_t is = joint_root(l->joint, l->at[k].place);
		float weight = l->weight[l->at[k].feature];
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

			if (weight >= 0.5f && !add_bond(bonds, (struct bond){has[i].root, has[k].root, weight, group_of(l, l->at[r->start].feature)}))
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
		sum = tally_sum(&t) + time_llr(node_at(l->joint, a)->first, last[a], node_at(l->joint, b)->first, last[b]);
		if (sum >= JOINT_STRONG + 0.5) {
			unite(l->joint, a, b);
			any = true;
		}
	}
	return any;
}

static enum cc_status
link_groups(struct linker *l)
{
	struct bonds bonds = {NULL, 0, 0};
	uint64_t *last = calloc(l->joint->node_count + 1, sizeof(*last));
	enum cc_status st = last != NULL ? CC_OK : CC_NOMEM;

	for (unsigned round = 0; round < ROUNDS && st == CC_OK; round++) {
		memset(last, 0, l->joint->node_count * sizeof(*last));
		for (uint32_t i = 0; i < l->joint->node_count; i++) {
			uint32_t root = joint_root(l->joint, i);

			if (node_at(l->joint, i)->last > last[root])
				last[root] = node_at(l->joint, i)->last;
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

/* "Not seen" belongs to the activity whose indicator it names, and links nothing: where most nodes have it, the oldest if equal. */
static void
place_negatives(struct linker *l)
{
	struct joint *joint = l->joint;

	for (uint32_t i = 0; i < joint->node_count; i++) {
		const struct node *node = node_at(joint, i);

		for (uint32_t f = node->features; f < node->features + node->feature_count && node->negative; f++) {
			struct at key = {joint->feature[f].hash ^ node->exercise, 0, 0};
			size_t low = 0, high = l->count;

			if (joint->feature[f].type == FEATURE_NET || joint->feature[f].type == FEATURE_SITE)
				continue;
			while (low < high) {
				size_t middle = (low + high) / 2;

				if (by_hash(&l->at[middle], &key) < 0)
					low = middle + 1;
				else
					high = middle;
			}
			if (low < l->count && l->at[low].hash == key.hash) {
				/* A negative may be older than what it speaks of, and is no activity's root. */
				uint32_t root = joint_root(joint, l->at[low].place);

				unite(joint, root, i);
				break;
			}
		}
	}
}

enum cc_status
joint_link(struct joint *joint)
{
	struct linker l = {.joint = joint};
	enum cc_status st = CC_OK;

	joint->order = malloc((joint->node_count + 1) * sizeof(*joint->order));
	joint->parent = malloc((joint->node_count + 1) * sizeof(*joint->parent));
	if (joint->order == NULL || joint->parent == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < joint->node_count; i++)
		joint->order[i] = joint->parent[i] = i;
	qsort_r(joint->order, joint->node_count, sizeof(*joint->order), by_time, joint);
	if ((st = list_features(&l)) == CC_OK && !weigh_features(&l))
		st = CC_NOMEM;
	if (st == CC_OK) {
		link_strong(&l);
		link_pairs(&l);
		st = link_groups(&l);
		place_negatives(&l);
	}
	free(l.at);
	free(l.range);
	free(l.range_of);
	free(l.weight);
	return st;
}
