/*
 * Second-hand sights that do not say so: who sends on as his own what he reads has the attacker, tools and rule of the
 * sight that he read, but no victim, and is not surely the first.  In: the nodes of one activity.  Out: their
 * `hearsay`, which weighs as an answer does.  README.md, Evidence; one thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define COMPARED_MAX 64 /* sights of the same thing that one is held against: the earliest */
#define TELLERS_MAX (2 * COMPARED_MAX) /* of all and of each: without one's own, enough are left for anybody */

struct told {
	uint64_t key; /* of what must be equal */
	uint32_t node;
	double clock_error; /* seconds, of heartbeats where the sight does not say it; negative: not known */
};

static bool
has_end(const struct node *node)
{
	return node->victim != NONE || node->pseudonym != NONE;
}

/* Has it surely none?  Of what is marked CLEAR an end is left out, whoever it came from. */
static bool
lacks_end(const struct node *node)
{
	return !has_end(node) && !hides_victim((enum cc_tlp)node->tlp);
}

static uint64_t
key_of(const struct node *node)
{
	uint32_t same[4] = {node->kind, node->value, node->attacker, node->client};

	return hash64(slice_of(same, sizeof(same)), 7);
}

/* By key, the earliest first. */
static int
by_key(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct told *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return node_by_time(&joint->node[x->node], &joint->node[y->node]);
}

/* Has the other all that this has?  What is reckoned of an organisation's own networks or repeats is no part of it. */
static bool
says_no_more(const struct joint *joint, const struct node *node, const struct node *other)
{
	if (node->proof > other->proof)
		return false;
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		const struct feature *is = &joint->feature[f];
		bool found = is->type == FEATURE_HOME || is->type == FEATURE_PERIOD || is->type == FEATURE_AS;

		for (uint32_t g = other->features; g < other->features + other->feature_count && !found; g++)
			found = joint->feature[g].value == is->value;
		if (!found)
			return false;
	}
	return true;
}

/* Of one thing, by time, who has an end to tell of: of no organisation more than a node is held against. */
struct tellers {
	struct told of[TELLERS_MAX];
	unsigned count;
};

static void
list_tellers(const struct joint *joint, const struct told *told, size_t count, struct tellers *ret_tellers)
{
	ret_tellers->count = 0;
	for (size_t i = 0; i < count && ret_tellers->count < TELLERS_MAX; i++) {
		const struct node *node = &joint->node[told[i].node];
		unsigned own = 0;

		if (!has_end(node))
			continue;
		for (unsigned k = 0; k < ret_tellers->count; k++)
			own += joint->node[ret_tellers->of[k].node].organisation == node->organisation;
		if (own < COMPARED_MAX)
			ret_tellers->of[ret_tellers->count++] = told[i];
	}
}

static bool
is_hearsay(const struct joint *joint, const struct told *told, const struct tellers *tellers)
{
	const struct node *node = &joint->node[told->node];
	unsigned compared = 0;

	if (!lacks_end(node))
		return false;
	for (unsigned i = 0; i < tellers->count && compared < COMPARED_MAX; i++) {
		const struct told *by = &tellers->of[i];
		const struct node *other = &joint->node[by->node];

		if (other->organisation == node->organisation)
			continue;
		compared++;
		if (!joint_before(node->first, told->clock_error, other->first, by->clock_error) &&
		    says_no_more(joint, node, other))
			return true;
	}
	return false;
}

static double
clock_error_of(const struct joint *joint, const struct node *node)
{
	return node->clock_error < 0 ? watch_clock_error(joint, node->organisation) : (double)node->clock_error;
}

enum cc_status
hearsay_find(struct joint *joint, const struct activity *a)
{
	struct told *told = malloc((a->count > 0 ? a->count : 1) * sizeof(*told));
	struct tellers tellers;
	size_t count = 0;

	if (told == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < a->count; i++) {
		struct node *node = &joint->node[a->node[i]];

		node->hearsay = false;
		if (!node->negative && !node->echo && node->origin == JOINT_OWN && node->attacker != NONE)
			told[count++] = (struct told){key_of(node), a->node[i], clock_error_of(joint, node)};
	}
	qsort_r(told, count, sizeof(*told), by_key, joint);
	for (size_t i = 0, k; i < count; i = k) {
		for (k = i; k < count && told[k].key == told[i].key; k++)
			;
		list_tellers(joint, &told[i], k - i, &tellers);
		for (size_t n = i; n < k; n++)
			joint->node[told[n].node].hearsay = is_hearsay(joint, &told[n], &tellers);
	}
	free(told);
	return CC_OK;
}
