/*
 * Second-hand sights that do not say so: who sends on as his own what he reads has the attacker, tools and rule of the
 * sight that he read, but no victim, and is not surely the first.  In: the nodes of one activity.  Out: their
 * `hearsay`, which weighs as an answer does.  README.md, Evidence; one thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define COMPARED_MAX 64 /* earlier sights of the same thing that one is held against */

struct told {
	uint64_t key; /* of what must be equal */
	uint32_t node;
};

static bool
has_end(const struct node *node)
{
	return node->victim != NONE || node->pseudonym != NONE;
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

static bool
is_hearsay(const struct joint *joint, const struct node *node, const struct told *told, size_t count)
{
	size_t compared = 0;

	if (has_end(node))
		return false;
	for (size_t i = 0; i < count && compared < COMPARED_MAX; i++) {
		const struct node *other = &joint->node[told[i].node];

		if (other->organisation == node->organisation || !has_end(other))
			continue;
		compared++;
		if (!joint_before(node->first, (double)node->clock_error, other->first, (double)other->clock_error) &&
		    says_no_more(joint, node, other))
			return true;
	}
	return false;
}

enum cc_status
hearsay_find(struct joint *joint, const struct activity *a)
{
	struct told *told = malloc((a->count > 0 ? a->count : 1) * sizeof(*told));
	size_t count = 0;

	if (told == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < a->count; i++) {
		struct node *node = &joint->node[a->node[i]];

		node->hearsay = false;
		if (!node->negative && !node->echo && node->origin == JOINT_OWN && node->attacker != NONE)
			told[count++] = (struct told){key_of(node), a->node[i]};
	}
	qsort_r(told, count, sizeof(*told), by_key, joint);
	for (size_t i = 0, k; i < count; i = k) {
		for (k = i; k < count && told[k].key == told[i].key; k++)
			;
		for (size_t n = i; n < k; n++) {
			struct node *node = &joint->node[told[n].node];

			node->hearsay = is_hearsay(joint, node, &told[i], k - i);
		}
	}
	free(told);
	return CC_OK;
}
