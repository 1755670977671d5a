/*
 * What organisations' sights of one candidate weigh together: each further one of an organisation less, all of one
 * capped, and answers, which all come from one partner's question, as if one organisation gave them, as what only
 * repeats a partner is; what all did not see is capped, too.  README.md,
 * Evidence; every factor is written back to its item.  Pure; one thread.
 */
#include "joint/weigh_own.h"

#include <math.h>
#include <stdlib.h>

#define NEGATIVE_MAX 1.0 /* nats, all negatives of one organisation, */
#define SILENCE_MAX 2.0  /* and of all: whether an activity is aimed at few is one unknown, not one for each */

/* By organisation (text, so that the order of arrival does not show), best first, then by content. */
int
item_by_witness(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct item *x = a, *y = b;
	const struct node *m = &joint->node[x->node], *n = &joint->node[y->node];

	if (m->organisation != n->organisation)
		return name_order(&m->organisation, &n->organisation, ctx);
	if (fabs(x->llr - y->llr) > 0)
		return x->llr > y->llr ? -1 : 1;
	return (m->fold > n->fold) - (m->fold < n->fold);
}

/* Best first; of equal ones by organisation, which a case shows, then by content. */
static int
by_answer(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct item *x = a, *y = b;
	const struct node *m = &joint->node[x->node], *n = &joint->node[y->node];

	if (fabs(x->llr - y->llr) > 0)
		return x->llr > y->llr ? -1 : 1;
	if (m->organisation != n->organisation)
		return name_order(&m->organisation, &n->organisation, ctx);
	return (m->fold > n->fold) - (m->fold < n->fold);
}

/* They come in the order of item_by_witness(), mostly. */
static void
sort_items(const struct joint *joint, struct hypothesis *h, int (*order)(const void *, const void *, void *))
{
	void *ctx = (void *)(uintptr_t)joint;
	size_t i = 1;

	while (i < h->item_count && order(&h->item[i - 1], &h->item[i], ctx) <= 0)
		i++;
	if (i < h->item_count)
		qsort_r(h->item, h->item_count, sizeof(*h->item), order, ctx);
}

static bool
is_answer(const struct joint *joint, const struct item *item)
{
	return is_second_hand(&joint->node[item->node]) && item->llr > 0;
}

/* All say so because one partner did: whoever answers, or repeats, each further one counts less. */
static void
sum_answers(const struct joint *joint, struct hypothesis *h)
{
	double part = 1;
	bool any = false;

	for (size_t i = 0; i < h->item_count && !any; i++)
		any = is_answer(joint, &h->item[i]);
	if (!any)
		return;
	sort_items(joint, h, by_answer);
	for (size_t i = 0; i < h->item_count; i++) {
		if (!is_answer(joint, &h->item[i]))
			continue;
		h->item[i].llr *= part;
		h->item[i].independence *= part;
		part *= JOINT_AGAIN;
	}
}

/* What all did not see, at most so much; each has its part of that. */
static double
limit_silence(struct hypothesis *h, double silence)
{
	double part = SILENCE_MAX / -silence;

	if (silence >= -SILENCE_MAX)
		return silence;
	for (size_t i = 0; i < h->item_count; i++) {
		if (h->item[i].llr < 0) {
			h->item[i].llr *= part;
			h->item[i].independence *= part;
		}
	}
	return -SILENCE_MAX;
}

/* Each organisation's items to its capped sum; what another sight adds is written back as its independence. */
void
hypothesis_sum(const struct joint *joint, struct hypothesis *h)
{
	double silence = 0;

	sum_answers(joint, h);
	sort_items(joint, h, item_by_witness);
	for (size_t i = 0, k; i < h->item_count; i = k) {
		uint32_t organisation = joint->node[h->item[i].node].organisation;
		double up = 0, down = 0, part = 1, answered = 0;

		for (k = i; k < h->item_count && joint->node[h->item[k].node].organisation == organisation; k++) {
			struct item *item = &h->item[k];
			double before = item->llr, room;

			if (before > 0) {
				room = JOINT_WITNESS_CAP - up;
				item->llr = before * part < room ? before * part : room;
				up += item->llr;
				answered += is_answer(joint, item) ? item->llr : 0;
				part *= JOINT_AGAIN;
			} else if (before < 0) {
				room = -NEGATIVE_MAX - down;
				item->llr = before > room ? before : room;
				down += item->llr;
				h->against++;
			}
			if (fabs(before) > 0)
				item->independence *= item->llr / before;
		}
		h->witness += up;
		silence += down;
		h->witnesses += up - answered >= WITNESS_LEAST;
	}
	h->witness += limit_silence(h, silence);
}
