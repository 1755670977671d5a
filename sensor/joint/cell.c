/*
 * A cell: all that shared values of any weight lead to from a node, over nodes that could link with anybody at all.  It
 * is walked, linked anew (link.c), and its groups become activities, which keep their slots where their oldest node
 * stays; what opened, merged, split or went is noted.  Nothing outside of a cell has a say in it.  One thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

/* What a rule finds at a host that others find something at, too, counts however common it is elsewhere. */
static bool
may_be_at_host(const struct joint *joint, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct feature *is = &joint->feature[f];

		if (is->type == FEATURE_VICTIM && !(is->next == NONE && is->prev == NONE))
			return node_is_at_host(node);
	}
	return false;
}

static bool
shows_program(uint8_t type)
{
	return type == FEATURE_RULE || feature_about[type].group == 't';
}

/* One client's hello: with its agent it suffices. */
static bool
is_sole(const struct joint *joint, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		if (joint->value[joint->feature[f].value].sole)
			return true;
	}
	return false;
}

/*
 * If another shared all that anybody shares with this node, would they be linked?  Most of what comes shares a victim,
 * a tool, a port with many and could not: it is in no cell, is no neighbour, and costs a look at its own values.  As
 * long as a node is not touched its answer stands: weights and first company touch.
 */
bool
may_link(const struct joint *joint, const struct node *node)
{
	char group[NODE_FEATURES];
	float most[NODE_FEATURES];
	unsigned count = 0, at;
	double sum = CLOSE;
	bool at_host = may_be_at_host(joint, node);

	for (uint32_t f = node->features; f < node->features + node->feature_count && !node->negative; f++) {
		const struct feature *feature = &joint->feature[f];
		float weight;

		/* What nobody else has; its value need not be looked at. */
		if (feature->next == NONE && feature->prev == NONE)
			continue;
		weight = joint->value[feature->value].weight;
		weight = feature->cap < weight || (at_host && shows_program(feature->type)) ? feature->cap : weight;
		if (weight < (float)WEIGHT_LEAST)
			continue;
		if (feature->type == FEATURE_NET && joint->value[feature->value].count >= WIDE_NODES &&
		    network_tells(joint, node))
			weight = (float)network_weight((double)weight);
		for (at = 0; at < count && group[at] != feature_about[feature->type].group; at++)
			;
		if (at == count) {
			group[count] = feature_about[feature->type].group;
			most[count++] = weight;
		} else if (group[at] == 'v') {
			most[at] += weight;
		} else if (weight > most[at]) {
			most[at] = weight;
		}
	}
	for (at = 0; at < count; at++)
		sum += (double)most[at];
	return sum >= JOINT_STRONG || (!node->negative && is_sole(joint, node));
}

static bool
reach(struct joint *joint, struct cell *c, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (node->mark == c->mark)
		return true;
	if (node->put_off && c->limit != SIZE_MAX) {
		c->given_up = true;
		return true;
	}
	node->will_link = node->dirty ? may_link(joint, node) : node->can_link;
	node->mark = c->mark;
	return vector_add(&c->node, index);
}

/* By a value that they share: only who could link, or could until now. */
static bool
reach_linking(struct joint *joint, struct cell *c, uint32_t index)
{
	const struct node *node = &joint->node[index];

	return node->can_link || (node->dirty && may_link(joint, node)) ? reach(joint, c, index) : true;
}

/* "Not seen" belongs to the activity whose indicator it names: the first of its values that anybody has seen. */
static uint32_t
home_value(const struct joint *joint, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct value *v = &joint->value[joint->feature[f].value];

		if (v->count > 0 && v->type != FEATURE_NET && v->type != FEATURE_SITE)
			return joint->feature[f].value;
	}
	return NONE;
}

static bool
reach_negatives(struct joint *joint, struct cell *c, uint32_t value)
{
	bool good = true;

	for (uint32_t f = joint->value[value].negative; f != NONE && good && !c->given_up; f = joint->feature[f].next) {
		if (home_value(joint, &joint->node[joint->feature[f].node]) == value)
			good = reach(joint, c, joint->feature[f].node);
	}
	return good;
}

static bool
reach_by(struct joint *joint, struct cell *c, uint32_t value)
{
	const struct value *v = &joint->value[value];
	bool good = true;

	for (uint32_t f = v->head; v->weight >= (float)WEIGHT_LEAST && f != NONE && good && !c->given_up;
	     f = joint->feature[f].next)
		good = reach_linking(joint, c, joint->feature[f].node);
	return good && reach_negatives(joint, c, value);
}

/* Of "not seen" all who saw what it names and link, or who was the first to see it: one of them has it. */
static bool
reach_home(struct joint *joint, struct cell *c, const struct node *negative)
{
	uint32_t home = home_value(joint, negative);
	struct value *v = home != NONE ? &joint->value[home] : NULL;

	if (v == NULL)
		return true;
	if (v->weight >= (float)WEIGHT_LEAST && v->mark != c->mark) {
		v->mark = c->mark;
		if (!reach_by(joint, c, home))
			return false;
	}
	return reach(joint, c, value_oldest(joint, home));
}

/* All that a positive node leads to. */
static bool
reach_from(struct joint *joint, struct cell *c, const struct node *node)
{
	bool links = node->can_link || node->will_link, good = true;

	for (uint32_t f = node->features; f < node->features + node->feature_count && good; f++) {
		uint32_t value = joint->feature[f].value;
		struct value *v = &joint->value[value];

		if (v->mark == c->mark || (v->count < 2 && v->negative == NONE))
			continue;
		if (links)
			v->mark = c->mark;
		good = links ? reach_by(joint, c, value) : reach_negatives(joint, c, value);
	}
	return good;
}

/* The first of its nodes that is met brings all: it may fall apart. */
static bool
reach_activity(struct joint *joint, struct cell *c, uint32_t activity)
{
	struct activity *a = &joint->activity[activity];
	bool good = true;

	if (a->mark == c->mark)
		return true;
	a->mark = c->mark;
	if (!vector_add(&c->activity, activity))
		return false;
	for (size_t i = 0; i < a->count && good && !c->given_up; i++)
		good = reach(joint, c, a->node[i]);
	return good;
}

enum cc_status
cell_walk(struct joint *joint, struct cell *c, uint32_t start)
{
	bool good;

	c->node.count = c->activity.count = 0;
	c->given_up = false;
	c->mark = ++joint->mark;
	good = reach(joint, c, start);
	for (size_t i = 0; i < c->node.count && good && !c->given_up; i++) {
		const struct node *node = &joint->node[c->node.at[i]];

		if (node->activity != NONE)
			good = reach_activity(joint, c, node->activity);
		if (node->negative) {
			good = good && reach_home(joint, c, node);
		} else if (good) {
			good = reach_from(joint, c, node);
		}
		c->given_up = c->given_up || c->node.count > c->limit;
	}
	return good ? CC_OK : CC_NOMEM;
}

/* ---- activities ---- */

static struct activity *
activity_new(struct joint *joint, uint32_t *ret_index)
{
	uint32_t index = joint->activity_free;

	if (index != NONE) {
		joint->activity_free = (uint32_t)joint->activity[index].count;
	} else {
		if (!GROW(joint->activity, joint->activity_count, joint->activity_room))
			return NULL;
		index = (uint32_t)joint->activity_count++;
	}
	memset(&joint->activity[index], 0, sizeof(joint->activity[index]));
	*ret_index = index;
	return &joint->activity[index];
}

void
activity_free(struct joint *joint, uint32_t index)
{
	struct activity *a = &joint->activity[index];
	bool changed = a->changed;

	hypotheses_free(a);
	free(a->node);
	memset(a, 0, sizeof(*a));
	a->changed = changed;
	a->count = joint->activity_free;
	/* One that stands in the list of what changed is free for others after that was told. */
	if (changed)
		return;
	joint->activity_free = index;
}

bool
note_change(struct joint *joint, struct called one, struct called other, const char *event)
{
	if (!GROW(joint->change, joint->change_count, joint->change_room))
		return false;
	joint->change[joint->change_count++] = (struct change){one, other, event};
	return true;
}

/*
 * All that a case is made from: its nodes as they are, what heartbeats say of their organisations, and what their
 * candidate values are worth.  What else weighs otherwise now may link them to others, and changes no word where it
 * does not.
 */
static uint64_t
contents(const struct joint *joint, const struct activity *a)
{
	uint64_t hash = a->count + (joint->heard_version << 32);

	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];

		hash ^= node->version ^ watch_version(joint, node->organisation) << 40;
		hash *= 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];
			float worth[4] = {v->diversity, v->weight, v->part, 0};
			uint64_t bits[2];

			if (!is_candidate(v->type) && !(is_wide(v->type) && v->weight >= (float)WEIGHT_LEAST))
				continue;
			memcpy(bits, worth, sizeof(bits));
			hash = (hash ^ bits[0]) * 0x9e3779b97f4a7c15ull;
			hash = (hash ^ hash >> 32 ^ bits[1]) * 0x9e3779b97f4a7c15ull;
			hash ^= hash >> 29;
		}
	}
	return hash;
}

bool
activity_tell(struct joint *joint, uint32_t index)
{
	struct activity *a = &joint->activity[index];
	uint64_t now = contents(joint, a);

	if (now == a->told)
		return true;
	a->told = now;
	hypotheses_free(a);
	if (a->changed)
		return true;
	a->changed = true;
	return vector_add(&joint->changed, index);
}

/* Nothing links otherwise.  One of a large cell waits as what comes to it does. */
bool
activity_retell(struct joint *joint, uint32_t index)
{
	uint32_t oldest = joint->activity[index].node[0];

	if (!joint->node[oldest].put_off)
		return activity_tell(joint, index);
	node_touch(joint, oldest);
	return joint->node[oldest].dirty;
}

/* A group of a cell, on its way to be an activity. */
struct group {
	uint32_t *node; /* NULL: there is one at most */
	size_t count, room;
	uint32_t first;
};

static bool
group_add(struct group *g, uint32_t node)
{
	if (g->count == 0) {
		g->first = node; /* most stay alone */
	} else if (g->count >= g->room) {
		size_t room = g->room > 0 ? g->room * 2 : 4;
		uint32_t *more = realloc(g->node, room * sizeof(*more));

		if (more == NULL)
			return false;
		g->node = more;
		g->node[0] = g->first;
		g->room = room;
	}
	if (g->count > 0)
		g->node[g->count] = node;
	g->count++;
	return true;
}

/* The group becomes an activity, in the slot of the one before that had the same oldest node. */
static bool
make_activity(struct joint *joint, struct group *g)
{
	const struct node *oldest = &joint->node[g->node[0]];
	uint32_t index = oldest->activity;
	struct activity *a = index != NONE ? &joint->activity[index] : NULL;
	bool good = true;

	if (a == NULL || a->fold != oldest->fold) {
		struct called from = a != NULL ? called(a) : NOBODY;
		const char *event = a != NULL ? "split" : "opened";

		if ((a = activity_new(joint, &index)) == NULL)
			return false;
		good = note_change(joint, (struct called){oldest->fold, oldest->first}, from, event);
	}
	free(a->node);
	a->node = g->node;
	a->count = g->count;
	a->first = oldest->first;
	a->fold = oldest->fold;
	a->kept = true;
	g->node = NULL;
	return vector_add(&joint->made, index) && activity_tell(joint, index) && good;
}

/* Where the nodes of what was an activity are now: with the oldest that is left. */
static uint32_t
moved_to(const struct joint *joint, const struct activity *a)
{
	for (size_t i = 0; i < a->count; i++) {
		if (joint->node[a->node[i]].used)
			return joint->node[a->node[i]].activity;
	}
	return NONE;
}

static bool
end_activities(struct joint *joint, const struct vector *before)
{
	bool good = true;

	for (size_t i = 0; i < before->count; i++) {
		struct activity *a = &joint->activity[before->at[i]];
		uint32_t now;

		if (a->kept)
			continue;
		now = moved_to(joint, a);
		good = note_change(joint, called(a), now != NONE ? called(&joint->activity[now]) : NOBODY,
			   now != NONE ? "merged" : "gone") &&
		       good;
		activity_free(joint, before->at[i]);
	}
	for (size_t i = 0; i < joint->made.count; i++)
		joint->activity[joint->made.at[i]].kept = false;
	joint->made.count = 0;
	return good;
}

/* ---- one cell ---- */

static int
by_time(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;

	return node_by_time(&joint->node[*(const uint32_t *)a], &joint->node[*(const uint32_t *)b]);
}

struct parting {
	struct group *group;
	size_t count;
	uint32_t *root, *slot; /* by place: the oldest of its group; of the oldest, the group */
};

/* Who saw what is named, in which group. */
struct seer {
	uint32_t group, organisation;
};

static int
by_group(const void *a, const void *b)
{
	const struct seer *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->organisation > y->organisation) - (x->organisation < y->organisation);
}

/* The group that most organisations saw it in; of as many the one that began first. */
static uint32_t
most_seen(struct seer *seer, size_t count)
{
	uint32_t best = NONE;
	size_t most = 0;

	if (count > 0)
		qsort(seer, count, sizeof(*seer), by_group);
	for (size_t i = 0, k; i < count; i = k) {
		size_t organisations = 0;

		for (k = i; k < count && seer[k].group == seer[i].group; k++)
			organisations += k == i || seer[k].organisation != seer[k - 1].organisation;
		if (organisations > most) {
			most = organisations;
			best = seer[i].group;
		}
	}
	return best;
}

/*
 * The group that "not seen" of this value belongs to: who says alone, and first, that he saw it does not draw to
 * himself what speaks of the activity that several saw.  NONE: none of this cell.
 */
static enum cc_status
seat_of(struct joint *joint, const struct cell *c, uint32_t value, uint32_t *ret_group)
{
	uint32_t oldest = value_oldest(joint, value);
	struct seer *seer = NULL;
	size_t count = 0, room = 0;

	for (uint32_t f = joint->value[value].head; f != NONE && joint->value[value].weight >= (float)WEIGHT_LEAST;
	     f = joint->feature[f].next) {
		const struct node *node = &joint->node[joint->feature[f].node];

		if (node->mark != c->mark || !node->can_link || node->echo)
			continue;
		if (!GROW(seer, count, room)) {
			free(seer);
			return CC_NOMEM;
		}
		seer[count++] = (struct seer){node->place, node->organisation};
	}
	*ret_group = most_seen(seer, count);
	free(seer);
	if (*ret_group == NONE && joint->node[oldest].mark == c->mark)
		*ret_group = joint->node[oldest].place;
	return CC_OK;
}

/* "Not seen", of what, and in whose group it is. */
struct seat {
	uint32_t value, at, group;
};

static int
by_value(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static int
by_at(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Each value is looked at once, however many did not see it; they join their groups by time. */
static enum cc_status
seat_negatives(struct joint *joint, const struct cell *c, size_t positive, struct parting *p)
{
	size_t count = c->node.count - positive;
	struct seat *seat = malloc((count + 1) * sizeof(*seat));
	enum cc_status st = seat != NULL ? CC_OK : CC_NOMEM;

	for (size_t i = 0; i < count && st == CC_OK; i++)
		seat[i] = (struct seat){home_value(joint, &joint->node[c->node.at[positive + i]]), (uint32_t)i, NONE};
	if (count > 0 && st == CC_OK)
		qsort(seat, count, sizeof(*seat), by_value);
	for (size_t i = 0; i < count && st == CC_OK && seat[i].value != NONE; i++) {
		if (i > 0 && seat[i].value == seat[i - 1].value)
			seat[i].group = seat[i - 1].group;
		else
			st = seat_of(joint, c, seat[i].value, &seat[i].group);
	}
	if (count > 0 && st == CC_OK)
		qsort(seat, count, sizeof(*seat), by_at);
	for (size_t i = 0; i < count && st == CC_OK; i++) {
		if (seat[i].group != NONE && !group_add(&p->group[seat[i].group], c->node.at[positive + i]))
			st = CC_NOMEM;
	}
	free(seat);
	return st;
}

/* Positive nodes in order of time into groups, then "not seen" to where its value was seen by most. */
static bool
part_cell(struct joint *joint, const struct cell *c, size_t positive, struct parting *p)
{
	bool good = true;

	for (size_t i = 0; i < positive && good; i++) {
		struct node *node = &joint->node[c->node.at[i]];

		if (p->root[i] == i)
			p->slot[i] = (uint32_t)p->count++;
		node->place = p->slot[p->root[i]];
		good = group_add(&p->group[node->place], c->node.at[i]);
	}
	return good && seat_negatives(joint, c, positive, p) == CC_OK;
}

/* The old numbers of activities stand in the nodes until all new ones are made. */
static bool
place_groups(struct joint *joint, const struct cell *c, struct parting *p)
{
	bool good = true;

	for (size_t g = 0; g < p->count && good; g++) {
		if (p->group[g].count >= 2)
			good = make_activity(joint, &p->group[g]);
	}
	for (size_t i = 0; i < c->node.count; i++)
		joint->node[c->node.at[i]].activity = NONE;
	for (size_t i = 0; i < joint->made.count; i++) {
		const struct activity *a = &joint->activity[joint->made.at[i]];

		for (size_t k = 0; k < a->count; k++)
			joint->node[a->node[k]].activity = joint->made.at[i];
	}
	return end_activities(joint, &c->activity) && good;
}

enum cc_status
cell_settle(struct joint *joint, struct cell *c)
{
	size_t positive = 0, count = c->node.count;
	struct parting p = {.count = 0};
	enum cc_status st = CC_NOMEM;

	joint->relinked += count;
	for (size_t i = 0; i < count; i++)
		joint->node[c->node.at[i]].can_link = joint->node[c->node.at[i]].will_link;
	if (count == 1 && c->activity.count == 0)
		return CC_OK;
	for (size_t i = 0; i < count; i++) {
		uint32_t one = c->node.at[i];

		if (!joint->node[one].negative) {
			c->node.at[i] = c->node.at[positive];
			c->node.at[positive++] = one;
		}
	}
	qsort_r(c->node.at + positive, count - positive, sizeof(*c->node.at), by_time, joint);
	p.group = calloc(positive + 1, sizeof(*p.group));
	p.root = malloc((positive + 1) * sizeof(*p.root));
	p.slot = malloc((positive + 1) * sizeof(*p.slot));
	if (p.group != NULL && p.root != NULL && p.slot != NULL)
		st = link_cell(joint, c->node.at, positive, p.root);
	if (st == CC_OK && (!part_cell(joint, c, positive, &p) || !place_groups(joint, c, &p)))
		st = CC_NOMEM;
	for (size_t g = 0; g < p.count; g++)
		free(p.group[g].node);
	free(p.group);
	free(p.root);
	free(p.slot);
	return st;
}
