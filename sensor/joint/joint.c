/*
 * The set of sightings and the activities that it falls into.
 *
 * A settling looks only at what is dirty: a node that came or changed, or whose shared values weigh otherwise now. From
 * there it walks over everything that shared values of any weight lead to (a cell), links it anew, and notes which
 * activities changed.  Since nothing outside of a cell has a say in it, the outcome is that of linking everything at
 * once, and a function of the set.
 *
 * A cell that has become large (a flood, or one long campaign) is linked anew only after it has grown by a part, so
 * that a node costs the same however many there are; joint_settle() leaves nothing undone.  One thread.
 */
#include "joint/joint_own.h"

#include <stdio.h>
#include <stdlib.h>

#define CELL_LARGE 2048   /* nodes: a larger cell waits until it has grown */
#define CELL_GROWN 8      /* by this part */

const char *const rival_word[RIVALS] = {"forged", "relayed", "shared", "cannot say"};

/* ---- opening ---- */

struct joint *
joint_new(const struct conf *conf)
{
	struct joint *joint = calloc(1, sizeof(*joint));

	if (joint == NULL)
		return NULL;
	joint->conf = conf;
	joint->node_max = conf->joint_nodes_max;
	joint->node_free = joint->node_newest = joint->node_oldest = NONE;
	joint->message_free = joint->value_free = joint->activity_free = NONE;
	memset(joint->feature_free, 0xff, sizeof(joint->feature_free));
	buf_open(&joint->text, (size_t)1 << 36);
	buf_open(&joint->gone, (size_t)1 << 32);
	as_open(joint);
	return joint;
}

void
joint_free(struct joint *joint)
{
	if (joint == NULL)
		return;
	for (size_t i = 0; i < joint->activity_count; i++) {
		if (joint->activity[i].node != NULL)
			hypotheses_free(&joint->activity[i]);
		free(joint->activity[i].node);
	}
	for (size_t i = 0; i < joint->value_count; i++)
		free(joint->value[i].used ? joint->value[i].sample : NULL);
	buf_close(&joint->text);
	free(joint->activity);
	free(joint->name_at);
	free(joint->name_table);
	free(joint->node);
	free(joint->node_table);
	free(joint->feature);
	free(joint->message);
	free(joint->home);
	free(joint->value);
	free(joint->value_table);
	free(joint->dirty_values.at);
	free(joint->seen_value);
	free(joint->seen_place);
	free(joint->seen_stamp);
	as_close(joint);
	map_free(joint->revoked, NULL);
	free(joint->revocation);
	buf_close(&joint->gone);
	free(joint->made.at);
	free(joint->fresh.at);
	free(joint->unsaved.at);
	free(joint->dirty.at);
	free(joint->deferred.at);
	free(joint->changed.at);
	free(joint->change);
	free(joint->listed);
	free(joint);
}

size_t
joint_nodes(const struct joint *joint)
{
	return joint->node_live;
}

uint64_t
joint_dropped(const struct joint *joint)
{
	return joint->dropped;
}

uint64_t
joint_linked(const struct joint *joint)
{
	return joint->relinked;
}

enum cc_status
joint_home(struct joint *joint, const char *organisation, const char *prefix)
{
	struct home *more = realloc(joint->home, (joint->home_count + 1) * sizeof(*more));
	struct home home;
	enum cc_status st = cc_prefix_parse(prefix, &home.prefix);

	if (more == NULL)
		return CC_NOMEM;
	joint->home = more;
	if (st != CC_OK)
		return st;
	home.organisation = name_of(joint, slice_str(organisation));
	joint->home[joint->home_count++] = home;
	return CC_OK;
}

/* ---- the walk over a cell ---- */

struct cell {
	struct vector node;     /* all that was reached */
	struct vector activity; /* that were there before */
	uint32_t mark;
	size_t limit;
	bool given_up;
};

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
	node->mark = c->mark;
	return vector_add(&c->node, index);
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
reach_by(struct joint *joint, struct cell *c, uint32_t value)
{
	const struct value *v = &joint->value[value];
	bool good = true;

	for (uint32_t f = v->head; v->weight >= (float)WEIGHT_LEAST && f != NONE && good && !c->given_up;
	     f = joint->feature[f].next)
		good = reach(joint, c, joint->feature[f].node);
	for (uint32_t f = v->negative; f != NONE && good && !c->given_up; f = joint->feature[f].next) {
		if (home_value(joint, &joint->node[joint->feature[f].node]) == value)
			good = reach(joint, c, joint->feature[f].node);
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

static enum cc_status
walk(struct joint *joint, struct cell *c, uint32_t start)
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
			uint32_t home = home_value(joint, node);

			good = good && (home == NONE || reach(joint, c, value_oldest(joint, home)));
		}
		for (uint32_t f = node->features; f < node->features + node->feature_count && good && !node->negative;
		     f++) {
			struct value *v = &joint->value[joint->feature[f].value];

			if (v->mark == c->mark || (v->count < 2 && v->negative == NONE))
				continue;
			v->mark = c->mark;
			good = reach_by(joint, c, joint->feature[f].value);
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

static void
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

static bool
note_change(struct joint *joint, uint64_t fold, uint64_t other, const char *event)
{
	if (!GROW(joint->change, joint->change_count, joint->change_room))
		return false;
	joint->change[joint->change_count++] = (struct change){fold, other, event};
	return true;
}

static bool
mark_changed(struct joint *joint, uint32_t index)
{
	struct activity *a = &joint->activity[index];

	hypotheses_free(a);
	if (a->changed)
		return true;
	a->changed = true;
	return vector_add(&joint->changed, index);
}

/* A group of a cell, on its way to be an activity. */
struct group {
	uint32_t *node;
	size_t count, room;
};

static bool
group_add(struct group *g, uint32_t node)
{
	if (g->count == g->room) {
		size_t room = g->room > 0 ? g->room * 2 : 4;
		uint32_t *more = realloc(g->node, room * sizeof(*more));

		if (more == NULL)
			return false;
		g->node = more;
		g->room = room;
	}
	g->node[g->count++] = node;
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
		uint64_t from = a != NULL ? a->fold : 0;

		if ((a = activity_new(joint, &index)) == NULL)
			return false;
		good = note_change(joint, oldest->fold, from, from != 0 ? "split" : "opened");
	}
	free(a->node);
	a->node = g->node;
	a->count = g->count;
	a->first = oldest->first;
	a->fold = oldest->fold;
	a->kept = true;
	g->node = NULL;
	return vector_add(&joint->made, index) && mark_changed(joint, index) && good;
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
		good = note_change(joint, a->fold, now != NONE ? joint->activity[now].fold : 0,
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

/* Positive nodes in order of time into groups, then "not seen" to the group of the oldest node that has its value. */
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
	for (size_t i = positive; i < c->node.count && good; i++) {
		uint32_t home = home_value(joint, &joint->node[c->node.at[i]]);

		if (home != NONE && joint->node[value_oldest(joint, home)].mark == c->mark)
			good = group_add(&p->group[joint->node[value_oldest(joint, home)].place], c->node.at[i]);
	}
	return good;
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

static enum cc_status
settle_cell(struct joint *joint, struct cell *c)
{
	size_t positive = 0, count = c->node.count;
	struct parting p = {.count = 0};
	enum cc_status st = CC_NOMEM;

	joint->relinked += count;
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

/* ---- settling ---- */

static void
clean(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	node->dirty = false;
	if (!node->used) {
		node->newer = joint->node_free;
		joint->node_free = index;
	}
}

/* Once in four thousand million cells marks begin anew. */
static void
renew_marks(struct joint *joint, size_t more)
{
	if (joint->mark < UINT32_MAX - 1 - more)
		return;
	for (size_t i = 0; i < joint->node_count; i++)
		joint->node[i].mark = 0;
	for (size_t i = 0; i < joint->value_count; i++)
		joint->value[i].mark = 0;
	for (size_t i = 0; i < joint->activity_count; i++)
		joint->activity[i].mark = 0;
	joint->mark = 0;
}

static enum cc_status
settle_one(struct joint *joint, struct cell *c, uint32_t index)
{
	struct node *node = &joint->node[index];
	enum cc_status st = CC_OK;

	if (node->put_off && c->limit != SIZE_MAX)
		return vector_add(&joint->deferred, index) ? CC_OK : CC_NOMEM;
	if ((st = walk(joint, c, index)) != CC_OK)
		return st;
	for (size_t k = 0; k < c->node.count; k++)
		joint->node[c->node.at[k]].put_off = c->given_up;
	if (c->given_up)
		return vector_add(&joint->deferred, index) ? CC_OK : CC_NOMEM;
	joint->largest = c->node.count > joint->largest ? c->node.count : joint->largest;
	clean(joint, index);
	return settle_cell(joint, c);
}

static enum cc_status
settle_dirty(struct joint *joint, bool patient)
{
	struct cell c = {.limit = patient ? SIZE_MAX : CELL_LARGE};
	struct vector list = joint->dirty;
	enum cc_status st = CC_OK;
	uint32_t since;

	renew_marks(joint, list.count);
	since = joint->mark + 1;
	joint->dirty = (struct vector){NULL, 0, 0};
	for (size_t i = 0; i < list.count && st == CC_OK; i++) {
		const struct node *node = &joint->node[list.at[i]];

		/* Settled with another of its cell, or gone. */
		if (!node->used || (node->mark >= since && !node->put_off))
			clean(joint, list.at[i]);
		else
			st = settle_one(joint, &c, list.at[i]);
	}
	free(list.at);
	free(c.node.at);
	free(c.activity.at);
	return st;
}

static enum cc_status
settle(struct joint *joint, bool all)
{
	bool patient = all || joint->deferred.count >= joint->deferred_least;
	enum cc_status st = values_settle(joint);

	if (patient) {
		for (size_t i = 0; i < joint->deferred.count && st == CC_OK; i++)
			st = vector_add(&joint->dirty, joint->deferred.at[i]) ? CC_OK : CC_NOMEM;
		joint->deferred.count = 0;
		joint->largest = 0;
	}
	if (st == CC_OK)
		st = settle_dirty(joint, patient);
	joint->deferred_least = (joint->largest > CELL_LARGE ? joint->largest : CELL_LARGE) / CELL_GROWN;
	if (st == CC_OK && joint->stale > joint->node_live + 4096)
		st = names_gather(joint);
	return st;
}

static int
by_oldest(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct activity *x = &joint->activity[*(const uint32_t *)a], *y = &joint->activity[*(const uint32_t *)b];

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->fold > y->fold) - (x->fold < y->fold);
}

enum cc_status
joint_settle_some(struct joint *joint)
{
	return settle(joint, false);
}

enum cc_status
joint_settle(struct joint *joint)
{
	enum cc_status st = settle(joint, true);
	uint32_t *more = st == CC_OK ? realloc(joint->listed, (joint->activity_count + 1) * sizeof(*more)) : NULL;

	joint->listed_count = 0;
	if (more == NULL)
		return st == CC_OK ? CC_NOMEM : st;
	joint->listed = more;
	for (uint32_t i = 0; i < joint->activity_count; i++) {
		if (joint->activity[i].node != NULL)
			joint->listed[joint->listed_count++] = i;
	}
	qsort_r(joint->listed, joint->listed_count, sizeof(*joint->listed), by_oldest, joint);
	return CC_OK;
}

size_t
joint_cases(const struct joint *joint)
{
	return joint->listed_count;
}

void
joint_case_json(struct joint *joint, size_t index, struct json *json, const char *key)
{
	case_json(joint, joint->listed[index], json, key);
}

/* ---- what changed ---- */

bool
joint_next_change(struct joint *joint, struct joint_change *ret_change)
{
	if (joint->change_at < joint->change_count) {
		const struct change *c = &joint->change[joint->change_at++];

		*ret_change = (struct joint_change){.event = c->event, .activity = NONE};
		case_id(c->fold, "case", ret_change->id);
		if (c->other != 0)
			case_id(c->other, "case", ret_change->with);
		return true;
	}
	joint->change_at = joint->change_count = 0;
	while (joint->changed.count > 0) {
		uint32_t index = joint->changed.at[--joint->changed.count];
		struct activity *a = &joint->activity[index];

		a->changed = false;
		if (a->node == NULL) {
			a->count = joint->activity_free;
			joint->activity_free = index;
			continue;
		}
		*ret_change = (struct joint_change){.event = NULL, .activity = index};
		case_id(a->fold, "case", ret_change->id);
		return true;
	}
	return false;
}

/* ---- leaving ---- */

/* Out of its activity, of which the rest is looked at anew. */
static void
leave_activity(struct joint *joint, uint32_t index)
{
	struct activity *a = &joint->activity[joint->node[index].activity];
	size_t kept = 0;

	for (size_t i = 0; i < a->count; i++) {
		if (a->node[i] != index)
			a->node[kept++] = a->node[i];
	}
	a->count = kept;
	if (kept > 0) {
		node_touch(joint, a->node[0]);
		return;
	}
	(void)note_change(joint, a->fold, 0, "gone");
	activity_free(joint, joint->node[index].activity);
}

void
joint_remove(struct joint *joint, uint32_t index, const char *event)
{
	if (joint->node[index].activity != NONE) {
		if (event != NULL)
			(void)note_change(joint, joint->activity[joint->node[index].activity].fold, 0, event);
		leave_activity(joint, index);
	}
	node_drop(joint, index);
}

/* Is the activity of the node that was not used for longest in use all the same? */
static bool
is_busy(struct joint *joint, const struct activity *a)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];

		if (node->dirty || joint->uses - node->used_at < joint->node_live / 2)
			return true;
	}
	return false;
}

enum cc_status
joint_evict(struct joint *joint, size_t keep, joint_evict_fn *fn, void *ctx)
{
	enum cc_status st = CC_OK;
	size_t rounds = joint->node_live * 2;

	while (joint->node_live > keep && st == CC_OK && rounds-- > 0) {
		uint32_t index = joint->node_oldest, activity = joint->node[index].activity;
		struct activity *a = activity != NONE ? &joint->activity[activity] : NULL;

		if (joint->node[index].dirty || (a != NULL && (a->changed || is_busy(joint, a)))) {
			node_use(joint, index);
			continue;
		}
		st = fn(ctx, joint, a != NULL ? a->node : &index, a != NULL ? a->count : 1);
		for (size_t i = 0; a != NULL && i < a->count && st == CC_OK; i++)
			node_drop(joint, a->node[i]);
		if (st == CC_OK && a != NULL)
			activity_free(joint, activity);
		else if (st == CC_OK)
			node_drop(joint, index);
	}
	return st;
}

void
joint_trim(struct joint *joint, size_t keep)
{
	for (size_t i = 0; i < joint->dirty.count; i++)
		clean(joint, joint->dirty.at[i]);
	joint->dirty.count = 0;
	while (joint->node_live > keep)
		node_drop(joint, joint->node_oldest);
	values_clean(joint);
	buf_clear(&joint->gone);
	if (joint->stale > joint->node_live + 4096)
		(void)names_gather(joint);
}
