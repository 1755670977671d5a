/*
 * Whose word an answer rests on: the activity is weighed again without each organisation, in turn.  Those without
 * which the answer would be another are kept, with all that it would be then.  README.md, Rests on one.  In: an
 * activity with its nodes; out: its hypotheses, answer, and `resting`.  One thread.
 */
#include "joint/weigh_own.h"

#include <math.h>
#include <stdlib.h>

#define LEAST 0.001 /* probability; less is as this */

/* Who has said anything of it that counts, by name: in vain, too. */
static unsigned
speakers(const struct joint *joint, const struct activity *a, uint32_t ret_organisation[ORGANISATIONS_MAX])
{
	unsigned count = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);
		unsigned k = 0;

		while (k < count && ret_organisation[k] != node->organisation)
			k++;
		if (k == count && count < ORGANISATIONS_MAX && !node->echo)
			ret_organisation[count++] = node->organisation;
	}
	qsort_r(ret_organisation, count, sizeof(*ret_organisation), name_order, (void *)(uintptr_t)joint);
	return count;
}

bool
activity_lists(const struct activity *whole, const struct hypothesis *h)
{
	for (size_t i = 0; i < whole->hypothesis_count; i++) {
		if (whole->hypothesis[i].rival < 0 && whole->hypothesis[i].value == h->value)
			return true;
	}
	return false;
}

/* Of its items those that a case lists: of each sign so many, first those that count. */
static void
keep_lines(struct hypothesis *h, size_t most)
{
	size_t with = 0, empty, against = 0, kept = 0;
	struct item *less;

	for (size_t i = 0; i < h->item_count; i++)
		with += h->item[i].llr >= 1e-12;
	empty = with < most ? most - with : 0;
	with = most;
	against = most;
	for (size_t i = 0; i < h->item_count; i++) {
		size_t *room = h->item[i].llr >= 1e-12 ? &with : fabs(h->item[i].llr) < 1e-12 ? &empty : &against;

		if (*room > 0) {
			h->item[kept++] = h->item[i];
			--*room;
		}
	}
	h->item_count = kept;
	if (kept > 0 && (less = realloc(h->item, kept * sizeof(*less))) != NULL)
		h->item = less;
}

/* What it would be is kept for each organisation until the case is told: no more of it than that needs. */
static void
let_go(const struct joint *joint, const struct activity *whole, struct activity *is)
{
	for (size_t i = 0; i < is->hypothesis_count; i++) {
		struct hypothesis *h = &is->hypothesis[i];
		double with[ORGANISATIONS_MAX];

		if (h->rival >= 0)
			continue;
		hypothesis_with(joint, is, h, with);
		for (unsigned k = 0; k < ORGANISATIONS_MAX; k++)
			h->with[k] = (uint32_t)with[k];
		h->items = h->item_count;
		keep_lines(h, activity_lists(whole, h) ? 0 : joint->conf->joint_evidence_max);
		if (h->item_count == 0) {
			free(h->item);
			h->item = NULL;
		}
	}
}

/* The same, if this organisation had said nothing; nodes: room for all. */
static enum cc_status
weigh_without(struct joint *joint, const struct activity *a, const struct claims *c, uint32_t organisation,
    uint32_t *node, struct activity *ret_is)
{
	enum cc_status st;

	*ret_is = (struct activity){.node = node};
	for (size_t i = 0; i < a->count; i++) {
		if (case_node(joint, a, i)->organisation != organisation)
			node[ret_is->count++] = a->node[i];
	}
	st = activity_weigh(joint, ret_is, c, organisation);
	ret_is->node = NULL;
	ret_is->count = 0;
	return st;
}

/* Nobody can say in both, or both name one thing, if by another of its names. */
static bool
is_same(struct joint *joint, const struct activity *a, const struct activity *is)
{
	if (a->source != is->source)
		return false;
	/* A name, and all below it, are one answer to who reads it. */
	return !a->source || a->named == is->named || joint->value[a->named].name == joint->value[is->named].name ||
	       hypothesis_is_facet(joint, &a->hypothesis[0], &is->hypothesis[0]);
}

/* How probable what is named is there. */
static double
named_in(const struct activity *a, const struct activity *is)
{
	for (size_t i = 0; i < is->hypothesis_count; i++) {
		const struct hypothesis *h = &is->hypothesis[i];

		if (h->rival < 0 && h->value == a->hypothesis[0].value)
			return h->probability > LEAST ? h->probability : LEAST;
	}
	return LEAST;
}

const struct resting *
resting_least(const struct activity *a, double *ret_probability)
{
	const struct resting *least = NULL;

	*ret_probability = 1;
	for (unsigned i = 0; i < a->restings && a->source; i++) {
		double is = named_in(a, &a->resting[i].is);

		if (least == NULL || is < *ret_probability) {
			least = &a->resting[i];
			*ret_probability = is;
		}
	}
	return least;
}

/* Where an answer has to stand without any one of them, it is no more than it would be without him. */
static void
lower(struct activity *a)
{
	const struct hypothesis *top = &a->hypothesis[0];
	double least;

	if (resting_least(a, &least) == NULL)
		return;
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		struct hypothesis *h = &a->hypothesis[i];

		if (h->rival != RIVAL_UNKNOWN || h->parts == PARTS_MAX)
			continue;
		h->part[h->parts] = (struct part){"rests on one organisation's word",
		    top->log_odds + log((1 - least) / least) - h->log_odds, least};
		h->log_odds += h->part[h->parts++].nats;
	}
	activity_answer(a);
}

/* All of it, each organisation left out in turn. */
static enum cc_status
weigh_all(struct joint *joint, struct activity *a, struct claims *c)
{
	uint32_t organisation[ORGANISATIONS_MAX], *node;
	unsigned count;
	enum cc_status st = hearsay_find(joint, a); /* without anybody, too, what was repeated is that */

	if (st == CC_OK)
		st = claims_collect(joint, a, c);
	if (st == CC_OK)
		st = activity_weigh(joint, a, c, NONE);
	if (st != CC_OK)
		return st;
	count = speakers(joint, a, organisation);
	node = malloc((a->count + 1) * sizeof(*node));
	a->resting = calloc(count + 1, sizeof(*a->resting));
	if (node == NULL || a->resting == NULL)
		st = CC_NOMEM;
	for (unsigned i = 0; i < count && st == CC_OK; i++) {
		struct resting *r = &a->resting[a->restings];

		r->organisation = organisation[i];
		st = weigh_without(joint, a, c, organisation[i], node, &r->is);
		if (st == CC_OK && !is_same(joint, a, &r->is)) {
			let_go(joint, a, &r->is);
			a->restings++;
		} else {
			hypotheses_free(&r->is);
		}
	}
	free(node);
	if (st == CC_OK && joint->conf->joint_stands_without > 0)
		lower(a);
	return st;
}

enum cc_status
joint_weigh(struct joint *joint, struct activity *a)
{
	struct claims c = {.count = 0};
	enum cc_status st = weigh_all(joint, a, &c);

	claims_free(&c);
	if (st == CC_OK)
		return CC_OK;
	/* Neither a part of an answer nor that of before. */
	hypotheses_free(a);
	a->source = false;
	a->named = NONE;
	a->leaning = RIVAL_UNKNOWN;
	a->confidence = 0;
	joint->no_memory = true;
	return st;
}
