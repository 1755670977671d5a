/*
 * Which nodes belong together, of a cell: of nodes that no shared value of any weight leads out of, so that what is
 * found here does not depend on any other.  README.md, Linking; what a value weighs is value.c's.
 *
 * Cost: a sort over the cell's features; each node is held against a bounded number of neighbours by feature.
 */
#include "joint/link_own.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define WINDOW 12      /* neighbours by time that share a feature */
#define PAIR_LEAST 1.9 /* a feature of less brings no pairs up */
#define TOOL_MAX 5.4   /* nats, of all that one tool shows: each follows from the others, and can be copied */
#define SOLE_MAX 6.6   /* nats, where its hello is one client's: all of it is that client's own */
#define COPY_MAX 4.0   /* nats of a certificate or key that was shown, and not used: draft.c */
#define GROUPS_MAX 16  /* groups with a feature, beyond which it brings none of them together */
#define GROUPS_OF_ONE 4 /* of these, that one organisation alone is in */
#define BUCKET_BITS 16 /* that features are sorted by at once */
#define GROUPS_STRONG (JOINT_STRONG + 0.5)
#define ROUNDS 3
#define ROUNDING 1e-6  /* nats, by which a sum may be another in another order */
#define HOUR (3600 * NS_PER_S)

uint32_t
link_root(struct linker *l, uint32_t at)
{
	while (l->parent[at] != at) {
		l->parent[at] = l->parent[l->parent[at]];
		at = l->parent[at];
	}
	return at;
}

bool
link_unite(struct linker *l, uint32_t a, uint32_t b, bool told)
{
	uint32_t x = link_root(l, a), y = link_root(l, b), root = x < y ? x : y, other = x < y ? y : x;

	if (x == y || (l->side != NULL && l->side[x] != 0 && l->side[y] != 0 && l->side[x] != l->side[y]))
		return false;
	l->parent[other] = root;
	if (l->side != NULL && l->side[root] == 0)
		l->side[root] = l->side[other];
	if (l->tree != NULL) {
		l->tree[2 * other] = told ? a : NONE;
		l->tree[2 * other + 1] = b;
	}
	return true;
}

/* A node by time, with all that this is told by: nodes themselves are far from each other. */
struct when {
	uint64_t first, fold;
	uint32_t node;
};

static int
by_time(const void *a, const void *b)
{
	const struct when *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->fold > y->fold) - (x->fold < y->fold);
}

static bool
sort_by_time(const struct joint *joint, uint32_t *node, size_t count)
{
	struct when *when = malloc((count + 1) * sizeof(*when));

	if (when == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		when[i] = (struct when){joint->node[node[i]].first, joint->node[node[i]].fold, node[i]};
	qsort(when, count, sizeof(*when), by_time);
	for (size_t i = 0; i < count; i++)
		node[i] = when[i].node;
	free(when);
	return true;
}

static int
by_value(const void *a, const void *b)
{
	const struct at *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1; /* of one hash by somebody's art; which is first is no matter */
	return (x->place > y->place) - (x->place < y->place);
}

/* What has few bits of its hash in common; mostly it is one value's, in order of place already. */
static void
sort_bucket(struct at *at, size_t count)
{
	size_t i = 1;

	while (i < count && by_value(&at[i - 1], &at[i]) <= 0)
		i++;
	if (i < count)
		qsort(at, count, sizeof(*at), by_value);
}

/* Hashes are spread: most falls into its place at once.  Whoever makes some that are not gets a plain sort. */
static bool
sort_by_value(struct linker *l)
{
	unsigned bits = 1;
	struct at *at;
	size_t *end;

	while (bits < BUCKET_BITS && (size_t)2 << bits < l->count)
		bits++;
	at = malloc((l->count + 1) * sizeof(*at));
	end = calloc(((size_t)1 << bits) + 1, sizeof(*end));
	if (at == NULL || end == NULL) {
		free(at);
		free(end);
		return false;
	}
	for (size_t i = 0; i < l->count; i++)
		end[(l->at[i].hash >> (64 - bits)) + 1]++;
	for (size_t b = 1; b <= (size_t)1 << bits; b++)
		end[b] += end[b - 1];
	for (size_t i = 0; i < l->count; i++)
		at[end[l->at[i].hash >> (64 - bits)]++] = l->at[i];
	for (size_t b = 0, start = 0; b < (size_t)1 << bits; start = end[b++])
		sort_bucket(at + start, end[b] - start);
	free(end);
	free(l->at);
	l->at = at;
	return true;
}

/* What is in common by the order in which it came, beside what nodes have themselves. */
static enum cc_status
list_stages(struct linker *l, size_t *room)
{
	struct stage *stage;
	size_t count;
	enum cc_status st = stages_list(l->joint, l->order, l->nodes, &stage, &count) ? CC_OK : CC_NOMEM;

	for (size_t i = 0; i < count && st == CC_OK; i++) {
		if (!GROW(l->at, l->count, *room))
			st = CC_NOMEM;
		else
			l->at[l->count++] = (struct at){stage[i].hash, NONE, stage[i].place, stage[i].weight};
	}
	free(stage);
	return st;
}

/* ---- between two ---- */

/* Nats for closeness in time: by the gap between two spans. */
static double
time_llr(uint64_t first_a, uint64_t last_a, uint64_t first_b, uint64_t last_b)
{
	uint64_t gap = first_b > last_a ? first_b - last_a : first_a > last_b ? first_a - last_b : 0;

	if (gap <= HOUR)
		return CLOSE;
	if (gap <= 24 * HOUR)
		return 0.4;
	return gap <= 168 * HOUR ? 0 : -log((double)gap / (168.0 * (double)HOUR)) - 0.2;
}

/* Address and certificate of one provider come together: where they are shared they count as one. */
static char
group_of(const struct linker *l, uint32_t value)
{
	const struct value *v = value != NONE ? &l->joint->value[value] : NULL;
	const struct feature_about *about = v != NULL ? &feature_about[v->type] : NULL;

	if (v == NULL)
		return 'w';
	if (v->type == FEATURE_SHAPE)
		return feature_about[FEATURE_DOMAIN].group; /* a name's: who shares the name shares it */
	return (about->group == 'a' || about->group == 'k') && (double)v->diversity > about->spread ? 'i'
												    : about->group;
}

/* Between two sights: a certificate or key that one of them only showed is a copy for all that can be told. */
static char
group_by(const struct linker *l, uint32_t value, double weight)
{
	char group = group_of(l, value);

	return group == 'k' && weight <= COPY_MAX ? 'c' : group;
}

#define GROUP_LETTERS 26

struct tally {
	char group[GROUP_LETTERS];
	double weight[GROUP_LETTERS];
	unsigned count;
	bool sole;
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
	assert(t->count < GROUP_LETTERS);
	t->group[t->count] = group;
	t->weight[t->count++] = weight;
}

/*
 * What a tool shows of itself, and who copies or buys it shows, too: its hello, its agent and headers, its paths, that
 * a rule finds it, a certificate without its key, and the order in which it does things.
 */
static bool
is_of_tool(char group)
{
	return group == 't' || group == 's' || group == 'u' || group == 'p' || group == 'r' || group == 'c' ||
	       group == 'w';
}

/* word: what one organisation's word is worth: it counts with what can be copied, and both are no more than that. */
static double
tally_sum(const struct tally *t, double word)
{
	double sum = 0, tool = word;

	for (unsigned i = 0; i < t->count; i++) {
		if (is_of_tool(t->group[i]))
			tool += t->weight[i];
		else
			sum += t->weight[i];
	}
	return sum + (t->sole ? SOLE_MAX : fmin(tool, TOOL_MAX));
}

/* What two share of a rule, a hello and a host: what it weighs where nothing speaks against it. */
struct finding {
	double rule, hello;
	bool host, agent, sole; /* sole: the hello is one client's */
};

static void
finding_add(const struct linker *l, struct finding *is, const struct feature *a, const struct feature *b)
{
	double cap = (double)(a->cap < b->cap ? a->cap : b->cap);

	is->host = is->host || a->type == FEATURE_VICTIM;
	if (a->type == FEATURE_RULE)
		is->rule = cap;
	else if (feature_about[a->type].group == 't')
		is->hello = fmax(is->hello, cap);
	else if (feature_about[a->type].group == 'u')
		is->agent = true;
	is->sole = is->sole || l->joint->value[a->value].sole;
}

/* What one rule finds at one host is one matter, however common the rule is; with one hello it is one program's. */
static void
tally_finding(struct tally *t, const struct finding *is)
{
	if (!is->host || !(is->rule > 0))
		return;
	tally_add(t, feature_about[FEATURE_RULE].group, is->rule);
	tally_add(t, feature_about[FEATURE_JA4].group, is->hello);
}

double
link_llr(const struct linker *l, uint32_t a, uint32_t b, uint32_t value, double weight)
{
	const struct node *x = node_at(l, a), *y = node_at(l, b);
	const struct feature *feature = l->joint->feature;
	struct tally t = {.count = 0};
	struct finding is = {.host = false};

	if (value != NONE)
		tally_add(&t, group_of(l, value), weight);
	for (uint32_t i = x->features; i < x->features + x->feature_count; i++) {
		for (uint32_t k = y->features; k < y->features + y->feature_count; k++) {
			float v, w;

			if (feature[i].value != feature[k].value ||
			    (feature[i].type == FEATURE_HOME && x->home == NONE && y->home == NONE &&
				x->pseudonym == NONE && y->pseudonym == NONE))
				continue;
			finding_add(l, &is, &feature[i], &feature[k]);
			v = feature_weight(l->joint, i);
			w = feature_weight(l->joint, k);
			tally_add(&t, group_by(l, feature[i].value, (double)(v < w ? v : w)), (double)(v < w ? v : w));
		}
	}
	if (node_is_at_host(x) && node_is_at_host(y))
		tally_finding(&t, &is);
	t.sole = is.sole && is.agent;
	return tally_sum(&t, 0) + time_llr(x->first, x->last, y->first, y->last);
}

/* ---- what is in common, by value ---- */

/*
 * What this node can share with others, as features; and whether with any of them it would be linked: if it shared all
 * of it, as much as it weighs here, within an hour.  A key counts twice: who shares two may show one of them as a copy.
 */
static bool
list_node(struct linker *l, uint32_t place, size_t *room)
{
	const struct node *node = node_at(l, place);
	struct tally all = {.count = 0};
	struct finding is = {.host = false};

	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		uint32_t value = l->joint->feature[f].value;
		float weight = feature_weight(l->joint, f);
		char group;

		if (l->joint->value[value].count < 2)
			continue;
		finding_add(l, &is, &l->joint->feature[f], &l->joint->feature[f]);
		if (!(weight > 0))
			continue;
		group = group_by(l, value, (double)weight);
		tally_add(&all, group, (double)weight);
		if (group == 'k')
			tally_add(&all, 'c', COPY_MAX);
		if (!node->can_link)
			continue;
		if (!GROW(l->at, l->count, *room))
			return false;
		l->at[l->count++] = (struct at){l->joint->value[value].hash, value, place, weight};
	}
	if (node_is_at_host(node))
		tally_finding(&all, &is);
	all.sole = is.sole && is.agent;
	l->pairs[place] = tally_sum(&all, 0) + CLOSE + ROUNDING >= JOINT_STRONG;
	return true;
}

static enum cc_status
list_features(struct linker *l)
{
	size_t room = 0;

	if ((l->pairs = malloc(l->nodes + 1)) == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < l->nodes; i++) {
		if (!list_node(l, i, &room))
			return CC_NOMEM;
	}
	if (list_stages(l, &room) != CC_OK)
		return CC_NOMEM;
	room = 0;
	if (!sort_by_value(l))
		return CC_NOMEM;
	for (size_t i = 0; i < l->count; i++) {
		if (i == 0 || l->at[i].value != l->at[i - 1].value || l->at[i].hash != l->at[i - 1].hash) {
			if (!GROW(l->range, l->range_count, room))
				return CC_NOMEM;
			l->range[l->range_count++].start = i;
		}
		l->range[l->range_count - 1].end = i + 1;
	}
	return CC_OK;
}

/* ---- links ---- */

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
				(void)link_unite(l, before->place, at->place, true);
			before = at;
		}
	}
}

/* Who has more than half of a range; NONE: nobody. */
static uint32_t
flooder_of(const struct linker *l, const struct range *r)
{
	uint32_t most = NONE;
	size_t lead = 0, count = 0;

	for (size_t k = r->start; k < r->end; k++) {
		uint32_t is = node_at(l, l->at[k].place)->organisation;

		if (lead == 0)
			most = is;
		lead = most == is ? lead + 1 : lead - 1;
	}
	for (size_t k = r->start; k < r->end; k++)
		count += node_at(l, l->at[k].place)->organisation == most;
	return 2 * count > r->end - r->start ? most : NONE;
}

/* Each with its next neighbours in time, as if this organisation (NONE: all count) had said nothing. */
static void
link_range(struct linker *l, const struct range *r, uint32_t without)
{
	for (size_t k = r->start; k < r->end; k++) {
		unsigned seen = 0;

		if ((double)l->at[k].weight < PAIR_LEAST || !l->pairs[l->at[k].place] ||
		    (without != NONE && node_at(l, l->at[k].place)->organisation == without))
			continue;
		for (size_t n = k + 1; n < r->end && seen < WINDOW; n++) {
			uint32_t a = l->at[k].place, b = l->at[n].place;

			if (without != NONE && node_at(l, b)->organisation == without)
				continue;
			seen++;
			if (l->pairs[b] && link_root(l, a) != link_root(l, b) &&
			    link_llr(l, a, b, NONE, 0) >= JOINT_STRONG)
				(void)link_unite(l, a, b, true);
		}
	}
}

/* Neighbours are few; who floods a feature must not come between those of others. */
static void
link_pairs(struct linker *l)
{
	for (size_t i = 0; i < l->range_count; i++) {
		uint32_t flooder = l->range[i].end - l->range[i].start > WINDOW ? flooder_of(l, &l->range[i]) : NONE;

		link_range(l, &l->range[i], NONE);
		if (flooder != NONE)
			link_range(l, &l->range[i], flooder);
	}
}

/* ---- groups to groups: what single nodes do not show ---- */

struct bond {
	uint32_t a, b;
	float weight;
	float near; /* of a victim: how soon one came upon it after the other */
	int8_t fell[2]; /* of a victim: victim_fell() by a, to b; by b, to a */
	float as_one; /* its weight, were the two of the bond one group */
	float held;   /* and where it attacks for the one, and talks with the other; else 0 */
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
	uint32_t root, only; /* the only organisation in it; NONE: several */
	float weight;
	bool steered; /* of "home": all that it has are hosts that somebody called from outside */
	bool attacks, talks; /* of a victim: it attacks others; it talks with somebody accused */
	uint64_t first, hit, call; /* of a victim: from outside first, and by itself first; UINT64_MAX: never */
};

static int
by_root(const void *a, const void *b)
{
	const struct has *x = a, *y = b;

	return (x->root > y->root) - (x->root < y->root);
}

/* A host that was called from outside is like another so far: "home" ties it to one that attacks. */
static bool
is_steered(const struct linker *l, const struct at *at)
{
	const struct node *node = node_at(l, at->place);

	return at->value != NONE && l->joint->value[at->value].type == FEATURE_HOME && node->home == NONE &&
	       node->pseudonym == NONE;
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

/*
 * Stages come upon a victim soon after each other, and in one order: the sign.  What all hosts do, such as fetching
 * updates, comes upon them at any time, so that whatever else they have does not belong to it, however many they are.
 */
static float
near(uint64_t a, uint64_t b)
{
	uint64_t gap = a > b ? a - b : b - a;
	float is = gap <= HOUR ? 1.0F : gap <= 24 * HOUR ? 0.5F : 0;

	return a > b ? -is : is;
}

static void
has_add(struct has *has, const struct linker *l, const struct at *at)
{
	const struct node *node = node_at(l, at->place);
	uint64_t *first = node->client ? &has->hit : &has->call;

	has->weight = at->weight > has->weight ? at->weight : has->weight;
	has->steered = has->steered && is_steered(l, at);
	has->attacks = has->attacks || victim_attacks(l->joint, node, at->value);
	has->talks = has->talks || victim_talks(l->joint, node, at->value);
	if (victim_tells(node) && node->first < *first)
		*first = node->first;
}

/* Is there room for one more group that only this organisation is in? */
static bool
has_room(const struct has *has, size_t count, uint32_t only)
{
	size_t same = 0;

	for (size_t i = 0; i < count && only != NONE; i++)
		same += has[i].only == only;
	return same < GROUPS_OF_ONE;
}

/* The groups that have this, each once, and the best that they have of it; 0: too many to be brought together by it. */
static size_t
groups_with(struct linker *l, const struct range *r, const struct group *group, struct has ret_has[GROUPS_MAX])
{
	size_t count = 0;

	for (size_t k = r->start; k < r->end; k++) {
		uint32_t is = link_root(l, l->at[k].place);
		size_t at = 0;

		while (at < count && ret_has[at].root != is)
			at++;
		if (at == count) {
			if (!has_room(ret_has, count, group[is].only))
				continue;
			if (count++ == GROUPS_MAX)
				return 0;
			ret_has[at] = (struct has){.root = is, .only = group[is].only, .steered = true,
			    .first = node_at(l, l->at[k].place)->first, .hit = UINT64_MAX, .call = UINT64_MAX};
		}
		has_add(&ret_has[at], l, &l->at[k]);
	}
	qsort(ret_has, count, sizeof(*ret_has), by_root);
	return count;
}

/* Between each two of them; false: no memory. */
static bool
bonds_of(struct linker *l, const struct range *r, const struct group *group, struct bonds *bonds)
{
	struct has has[GROUPS_MAX];
	size_t count = groups_with(l, r, group, has);
	uint32_t value = l->at[r->start].value;
	float as_one = victim_weight(l, value), as_held = victim_held(l, value);

	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count; k++) {
			const struct has *a = &has[i], *b = &has[k];
			/* As good as the weaker side's: shown without proof here, used there, is no more than shown. */
			float weight = a->weight < b->weight ? a->weight : b->weight;
			bool held = (a->attacks && b->talks) || (b->attacks && a->talks);

			if (weight >= (float)WEIGHT_LEAST && !(a->steered && b->steered) &&
			    !add_bond(bonds,
				(struct bond){a->root, b->root, weight, near(a->first, b->first),
				    {victim_fell(a->hit, b->call), victim_fell(b->hit, a->call)}, as_one,
				    held ? as_held : 0, group_by(l, value, (double)weight)}))
				return false;
		}
	}
	return true;
}

/*
 * Nats of all bonds between two groups, which stand beside each other, and of their time; *ret_end: behind these.
 * word: what one organisation's word that two are one counts, of what joins them, where one of the two is seen by a
 * single organisation.  Two that several see each stand by themselves: that they are one has to come from others.
 */
static double
bonds_sum(const struct linker *l, const struct bonds *bonds, size_t start, const struct group *group, double word,
    size_t *ret_end)
{
	uint32_t a = bonds->bond[start].a, b = bonds->bond[start].b;
	bool several = group[a].only == NONE && group[b].only == NONE;
	struct tally t = {.count = 0};
	struct victims shared = {.most = 0};
	size_t i = start;

	for (; i < bonds->count && bonds->bond[i].a == a && bonds->bond[i].b == b; i++) {
		const struct bond *bond = &bonds->bond[i];

		if (bond->group == 'v')
			victims_add(&shared, bond->weight, bond->near, bond->fell, bond->as_one, bond->held);
		else
			tally_add(&t, bond->group, (double)bond->weight);
	}
	*ret_end = i;
	return tally_sum(&t, several ? 0 : word) + victims_sum(&shared, &group[a], &group[b]) +
	       time_llr(node_at(l, a)->first, group[a].last, node_at(l, b)->first, group[b].last);
}

static bool
unite_bonds(struct linker *l, const struct bonds *bonds, const struct group *group, double word)
{
	bool any = false;

	for (size_t i = 0, end; i < bonds->count; i = end) {
		uint32_t a = bonds->bond[i].a, b = bonds->bond[i].b;
		double sum = bonds_sum(l, bonds, i, group, word, &end);

		any = (sum >= GROUPS_STRONG && link_unite(l, a, b, false)) || any;
	}
	return any;
}

static void
look_at_groups(struct linker *l, struct group *group)
{
	for (uint32_t i = 0; i < l->nodes; i++) {
		uint32_t root = link_root(l, i);
		const struct node *node = node_at(l, i);

		if (root == i)
			group[root] = (struct group){.only = node->organisation};
		else if (group[root].only != node->organisation)
			group[root].only = NONE;
		if (node->last > group[root].last)
			group[root].last = node->last;
	}
	victims_count(l, group);
}

static enum cc_status
link_groups(struct linker *l, double word)
{
	struct bonds bonds = {NULL, 0, 0};
	struct group *group = calloc(l->nodes + 1, sizeof(*group));
	enum cc_status st = group != NULL ? CC_OK : CC_NOMEM;

	for (unsigned round = 0; round < ROUNDS && st == CC_OK; round++) {
		look_at_groups(l, group);
		bonds.count = 0;
		for (size_t i = 0; i < l->range_count && st == CC_OK; i++)
			st = bonds_of(l, &l->range[i], group, &bonds) ? CC_OK : CC_NOMEM;
		if (bonds.count > 0)
			qsort(bonds.bond, bonds.count, sizeof(*bonds.bond), by_bond);
		if (st == CC_OK && !unite_bonds(l, &bonds, group, word))
			break;
	}
	free(bonds.bond);
	free(group);
	return st;
}

enum cc_status
link_nodes(struct linker *l)
{
	enum cc_status st = list_features(l);

	if (st == CC_OK) {
		link_strong(l);
		link_pairs(l);
		st = link_networks(l);
	}
	if (st == CC_OK)
		st = link_groups(l, 0);
	if (st == CC_OK && l->word > 0)
		st = link_groups(l, l->word);
	for (uint32_t i = 0; i < l->nodes; i++)
		l->parent[i] = link_root(l, i);
	free(l->at);
	free(l->range);
	free(l->pairs);
	l->pairs = NULL;
	l->at = NULL;
	l->range = NULL;
	l->count = l->range_count = 0;
	return st;
}

enum cc_status
link_cell(struct joint *joint, uint32_t *node, size_t count, uint32_t *ret_root)
{
	struct linker l = {.joint = joint, .order = node, .parent = ret_root, .nodes = count};
	enum cc_status st;

	if (!sort_by_time(joint, node, count))
		return CC_NOMEM;
	l.tree = malloc((2 * count + 1) * sizeof(*l.tree));
	for (uint32_t i = 0; i < count; i++)
		ret_root[i] = i;
	st = l.tree != NULL ? link_nodes(&l) : CC_NOMEM;
	if (st == CC_OK)
		st = link_keep_apart(&l);
	free(l.tree);
	return st;
}
