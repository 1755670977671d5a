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

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define CELL_GROWN 4      /* by this part: it is linked five times as often as it has nodes then, all in all */
#define TEXT_LEAST ((size_t)64 << 20) /* bytes of texts, below which it matters little whether they are used */

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
	joint->turn = hash_seed() | 1;
	joint->text_most = TEXT_LEAST;
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
	for (size_t i = 0; i < joint->node_count; i++)
		free(joint->node[i].used ? joint->node[i].beats : NULL);
	for (size_t i = 0; i < joint->value_count; i++)
		free(joint->value[i].used ? joint->value[i].sample : NULL);
	buf_close(&joint->text);
	free(joint->activity);
	free(joint->name_at);
	table_close(&joint->names);
	free(joint->node);
	table_close(&joint->nodes);
	free(joint->feature);
	free(joint->message);
	free(joint->home);
	free(joint->value);
	table_close(&joint->values);
	free(joint->dirty_values.at);
	free(joint->seen_value);
	free(joint->seen_place);
	free(joint->seen_stamp);
	watch_close(joint);
	free(joint->heard);
	free(joint->named.at);
	free(joint->naming);
	as_close(joint);
	suffixes_close(joint->suffixes);
	map_free(joint->revoked, NULL);
	map_free(joint->revokers, NULL);
	free(joint->revocation);
	free(joint->taken_back.at);
	table_close(&joint->revocable);
	buf_close(&joint->gone);
	free(joint->made.at);
	free(joint->fresh.at);
	free(joint->unsaved.at);
	free(joint->dirty.at);
	free(joint->deferred.at);
	free(joint->doubted.at);
	free(joint->gaps.at);
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
joint_unnamed(const struct joint *joint)
{
	return joint->messages_left_out;
}

uint64_t
joint_ahead(const struct joint *joint)
{
	return joint->ahead;
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
	if ((st = cell_walk(joint, c, index)) != CC_OK)
		return st;
	for (size_t k = 0; k < c->node.count; k++)
		joint->node[c->node.at[k]].put_off = c->given_up;
	if (c->given_up)
		return vector_add(&joint->deferred, index) ? CC_OK : CC_NOMEM;
	joint->largest = c->node.count > joint->largest ? c->node.count : joint->largest;
	clean(joint, index);
	return cell_settle(joint, c);
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

		nodes_fetch(joint, list.at, i, list.count);
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

/* What weighs otherwise, or has company for the first time: others are linked otherwise only if it can link now. */
static void
look_at_doubted(struct joint *joint)
{
	for (size_t i = 0; i < joint->doubted.count; i++) {
		struct node *node = &joint->node[joint->doubted.at[i]];

		node->doubted = false;
		if (node->used && may_link(joint, node) != node->can_link)
			node_touch(joint, joint->doubted.at[i]);
	}
	joint->doubted.count = 0;
}

/* Each once, however many left it: the rest is looked at anew. */
static bool
close_gaps(struct joint *joint)
{
	bool good = true;

	for (size_t i = 0; i < joint->gaps.count; i++) {
		struct activity *a = &joint->activity[joint->gaps.at[i]];
		size_t kept = 0;

		for (size_t k = 0; k < a->count; k++) {
			if (joint->node[a->node[k]].used)
				a->node[kept++] = a->node[k];
		}
		a->count = kept;
		a->gaps = false;
		if (kept > 0) {
			node_touch(joint, a->node[0]);
			continue;
		}
		good = note_change(joint, called(a), NOBODY, "gone") && good;
		activity_free(joint, joint->gaps.at[i]);
	}
	joint->gaps.count = 0;
	return good;
}

/* As many nodes have gone as are left, or texts are twice as much as when they were gathered last. */
static enum cc_status
let_go_of_texts(struct joint *joint)
{
	enum cc_status st;

	if (joint->stale <= joint->node_live + 4096 && joint->text.size <= joint->text_most)
		return CC_OK;
	st = names_gather(joint);
	joint->text_most = 2 * joint->text.size > TEXT_LEAST ? 2 * joint->text.size : TEXT_LEAST;
	return st;
}

static enum cc_status
settle(struct joint *joint, bool all)
{
	bool patient = all || joint->deferred.count >= joint->deferred_least;
	enum cc_status st;

	st = revoked_settle(joint);
	if (st == CC_OK)
		st = close_gaps(joint) ? values_settle(joint) : CC_NOMEM;
	look_at_doubted(joint);
	watch_settle(joint);
	if (!heard_settle(joint))
		st = CC_NOMEM;
	if (patient) {
		for (size_t i = 0; i < joint->deferred.count && st == CC_OK; i++)
			st = vector_add(&joint->dirty, joint->deferred.at[i]) ? CC_OK : CC_NOMEM;
		joint->deferred.count = 0;
		joint->largest = 0;
	}
	if (st == CC_OK)
		st = settle_dirty(joint, patient);
	if (st == CC_OK && joint->no_memory)
		st = CC_NOMEM;
	joint->deferred_least = (joint->largest > CELL_LARGE ? joint->largest : CELL_LARGE) / CELL_GROWN;
	return st == CC_OK ? let_go_of_texts(joint) : st;
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

enum cc_status
joint_case_json(struct joint *joint, size_t index, struct json *json, const char *key)
{
	case_json(joint, joint->listed[index], json, key);
	return joint->no_memory || json->out->full ? CC_NOMEM : CC_OK;
}

/* ---- what changed ---- */

bool
joint_next_change(struct joint *joint, struct joint_change *ret_change)
{
	if (joint->change_at < joint->change_count) {
		const struct change *c = &joint->change[joint->change_at++];

		*ret_change = (struct joint_change){.event = c->event, .activity = NONE, .first = c->one.first,
		    .with_first = c->other.first};
		case_id(c->one.fold, "case", ret_change->id);
		if (c->other.fold != 0)
			case_id(c->other.fold, "case", ret_change->with);
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
		*ret_change = (struct joint_change){.event = NULL, .activity = index, .first = a->first};
		case_id(a->fold, "case", ret_change->id);
		return true;
	}
	return false;
}

/* ---- leaving ---- */

/* What shares something with it alone is about to have no company there. */
static void
touch_last(struct joint *joint, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count && !node->negative; f++) {
		const struct value *v = &joint->value[joint->feature[f].value];

		if (v->count == 2)
			node_touch(joint, joint->feature[v->head == f ? joint->feature[f].next : v->head].node);
	}
}

/* Its activity is looked at by the next settling; until then, since it is dirty, nothing takes its place. */
static void
leave_activity(struct joint *joint, uint32_t index)
{
	uint32_t activity = joint->node[index].activity;
	struct activity *a = &joint->activity[activity];

	node_touch(joint, index);
	if (a->gaps)
		return;
	a->gaps = vector_add(&joint->gaps, activity);
	joint->no_memory = joint->no_memory || !a->gaps;
}

void
joint_remove(struct joint *joint, uint32_t index, const char *event)
{
	uint32_t activity = joint->node[index].activity;

	touch_last(joint, &joint->node[index]);
	if (activity != NONE) {
		if (event != NULL && !note_change(joint, called(&joint->activity[activity]), NOBODY, event))
			joint->no_memory = true;
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

/* A list of free places, each of which has the next at `link`, in their order; bit: one for each place, all 0. */
static void
put_in_order(uint32_t *head, void *array, size_t size, size_t link, uint64_t *bit, size_t count)
{
	if (*head == NONE)
		return;
	for (uint32_t i = *head; i != NONE; memcpy(&i, (char *)array + i * size + link, sizeof(i)))
		bit[i / 64] |= (uint64_t)1 << i % 64;
	*head = NONE;
	for (size_t word = count / 64 + 1; word-- > 0; bit[word] = 0) {
		for (uint64_t left = bit[word]; left != 0;) {
			unsigned last = 63 - (unsigned)__builtin_clzll(left);
			uint32_t i = (uint32_t)(word * 64 + last);

			memcpy((char *)array + i * size + link, head, sizeof(*head));
			*head = i;
			left &= ~((uint64_t)1 << last);
		}
	}
}

/*
 * What comes together lies together, as long as it is given what is free in its order: who is looked at is so with
 * those who came with him.  Without memory as it is.
 */
static void
order_free(struct joint *joint)
{
	size_t most = joint->node_count;
	uint64_t *bit;

	most = joint->feature_count > most ? joint->feature_count : most;
	most = joint->value_count > most ? joint->value_count : most;
	most = joint->message_count > most ? joint->message_count : most;
	if ((bit = calloc(most / 64 + 1, sizeof(*bit))) == NULL)
		return;
	put_in_order(&joint->node_free, joint->node, sizeof(*joint->node), offsetof(struct node, newer), bit,
	    joint->node_count);
	put_in_order(&joint->value_free, joint->value, sizeof(*joint->value), offsetof(struct value, head), bit,
	    joint->value_count);
	put_in_order(&joint->message_free, joint->message, sizeof(*joint->message), offsetof(struct message_ref, next),
	    bit, joint->message_count);
	for (unsigned i = 1; i <= NODE_FEATURES; i++)
		put_in_order(&joint->feature_free[i], joint->feature, sizeof(*joint->feature),
		    offsetof(struct feature, next), bit, joint->feature_count);
	free(bit);
}

/* One further in the order of use; one that went with its activity leads nowhere. */
static void
look_ahead(const struct joint *joint, uint32_t soon[NODES_AHEAD])
{
	uint32_t last = soon[NODES_AHEAD - 1];

	memmove(soon, soon + 1, (NODES_AHEAD - 1) * sizeof(*soon));
	soon[NODES_AHEAD - 1] = last != NONE && joint->node[last].used ? joint->node[last].newer : joint->node_oldest;
	nodes_fetch(joint, soon, 0, NODES_AHEAD);
}

enum cc_status
joint_evict(struct joint *joint, size_t keep, joint_evict_fn *fn, void *ctx)
{
	enum cc_status st = CC_OK;
	size_t rounds = joint->node_live * 2;
	uint32_t soon[NODES_AHEAD] = {0};

	joint->leaving = true;
	while (joint_held(joint) > keep && st == CC_OK && rounds-- > 0) {
		uint32_t index = joint->node_oldest, activity = joint->node[index].activity;
		struct activity *a = activity != NONE ? &joint->activity[activity] : NULL;

		look_ahead(joint, soon);
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
	joint->leaving = false;
	order_free(joint);
	return st;
}

void
joint_trim(struct joint *joint, size_t keep)
{
	(void)revoked_settle(joint);
	for (size_t i = 0; i < joint->dirty.count; i++)
		clean(joint, joint->dirty.at[i]);
	joint->dirty.count = 0;
	for (size_t i = 0; i < joint->doubted.count; i++)
		joint->node[joint->doubted.at[i]].doubted = false;
	joint->doubted.count = 0;
	heard_clean(joint);
	values_clean(joint);
	if (joint_held(joint) > keep)
		nodes_forget(joint);
	buf_clear(&joint->gone);
	(void)let_go_of_texts(joint);
}
