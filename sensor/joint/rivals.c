/*
 * What stands against every candidate: forged, relayed, shared, and that nobody can say.  README.md, Evidence, Rivals.
 */
#include "joint/weigh_own.h"

#include <math.h>
#include <stdlib.h>

#define THRESHOLD 3.5    /* nats that 'cannot say' starts with */
#define ALONE 3.5        /* more of it while fewer than two organisations witness */
#define HOLLOW 2.0       /* more of it while what was sent is less complete than joint.completeness */
#define RIVAL_PRIOR 0.5
#define OWN_WORD 0.75    /* probability, at most, of who steers a host by one organisation's word */
#define SHARED_LESS 1.3  /* nats that 'shared' has less than what is shared by just as many as one would have */

static unsigned
organisations_of(const struct joint *joint, const struct activity *a, bool spoofable)
{
	uint32_t seen[64];
	unsigned count = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];
		unsigned k = 0;

		if (node->negative || node->echo ||
		    (spoofable && (node->proof != CC_PROOF_SPOOFABLE || node->attacker == NONE)))
			continue;
		while (k < count && seen[k] != node->organisation)
			k++;
		if (k == count && count < 64)
			seen[count++] = node->organisation;
	}
	return count;
}

static unsigned
completeness_of(const struct joint *joint, const struct activity *a)
{
	unsigned sum = 0, count = 0;

	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];

		if (node->negative || node->echo)
			continue;
		sum += node->completeness;
		count++;
	}
	return count > 0 ? sum / count : 0;
}

/* Of the address that most of it came from: shared infrastructure shows in what else is there. */
static double
widest(const struct joint *joint, const struct claims *c, uint32_t without)
{
	double most = 1;

	for (size_t i = 0; i < c->count; i++) {
		const struct value *v = &joint->value[c->claim[i].value];
		double is = v->type == FEATURE_ADDR && (double)v->diversity > feature_about[FEATURE_ADDR].spread
				? (double)v->diversity
				: 1;

		if (is > most && claim_counts(joint, &c->claim[i], FEATURE_TYPES, without))
			most = is;
	}
	return most;
}

/* All that speaks for what many unrelated have speaks for its being shared; by: how many times more than one would. */
static void
put_shared(struct hypothesis *shared, const struct hypothesis *top, double by, double most)
{
	if (most > 1)
		hypothesis_part(shared, "what else was seen of an address", log(most), most);
	if (by <= 1 || top == NULL || top->log_odds + 2 * log(by) - SHARED_LESS <= hypothesis_parts(shared))
		return;
	shared->parts = 0;
	hypothesis_part(shared, "as the leading candidate", top->log_odds, (double)NAN);
	hypothesis_part(shared, "seen with what is unrelated", 2 * log(by), by);
	hypothesis_part(shared, "less than that, for just as many as one would have", -SHARED_LESS, (double)NAN);
}

/*
 * A source is no more probable than the part of its sort's sights that it explains, however many witnesses it has: who
 * rents one server after the other is behind none of them alone.
 */
static void
put_turns(struct hypothesis *unknown, const struct hypothesis *top, double turn)
{
	double more = turn < 1 && turn > 0 ? top->log_odds + log((1 - turn) / turn) - hypothesis_parts(unknown) : 0;

	if (more > 0)
		hypothesis_part(unknown, "others take turns with what leads", more, turn);
}

/*
 * That a host of somebody's attacks several saw; who steers it, if only one did, and that is mostly the host's owner,
 * who has a part in it: with as many witnesses as the host has, no more probable than OWN_WORD.
 */
static void
put_own_word(struct hypothesis *unknown, const struct hypothesis *top)
{
	double more = top->log_odds + log((1 - OWN_WORD) / OWN_WORD) - hypothesis_parts(unknown);

	if (top->own_word && more > 0)
		hypothesis_part(unknown, "who steers it is one organisation's word", more, OWN_WORD);
}

/* An address, a /24 or a /48, and who saw it. */
struct place {
	uint32_t value, organisation;
};

static int
by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Did two organisations see the name at one place?  Who only repeats a name says where it led to otherwise. */
static enum cc_status
one_place(const struct joint *joint, const struct hypothesis *h, bool *ret_is)
{
	struct place *place = NULL;
	size_t count = 0, room = 0;

	*ret_is = false;
	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *node = &joint->node[h->item[i].node];

		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct feature *is = &joint->feature[f];

			if (h->item[i].base <= 0 || node->echo || (is->type != FEATURE_ADDR && is->type != FEATURE_NET))
				continue;
			if (!GROW(place, count, room)) {
				free(place);
				return CC_NOMEM;
			}
			place[count++] = (struct place){is->value, node->organisation};
		}
	}
	if (count > 0)
		qsort(place, count, sizeof(*place), by_place);
	/* Of one place any two that differ have two side by side that do. */
	for (size_t i = 1; i < count; i++)
		*ret_is = *ret_is || (place[i].value == place[i - 1].value &&
					 place[i].organisation != place[i - 1].organisation);
	free(place);
	return CC_OK;
}

/*
 * Does what leads explain all that was seen?  Only two things raise its bonus above 0: that it steers a host, which has
 * the evidence of all that the host did, or that 95 of 100 sights and more have it.  Then nothing is left for a host
 * that only passes on, or for others that take turns with it.
 */
static bool
explains_all(const struct hypothesis *top)
{
	return top != NULL && top->bonus > 0;
}

enum cc_status
rivals_add(const struct joint *joint, struct activity *a, const struct claims *c, uint32_t without)
{
	struct hypothesis *top = a->hypothesis_count > 0 ? &a->hypothesis[0] : NULL;
	unsigned forged = organisations_of(joint, a, true), completeness = completeness_of(joint, a);
	struct hypothesis rival[RIVALS] = {{.rival = 0}};
	bool all = explains_all(top);
	bool good = true, one = true;

	if (top != NULL && top->witnesses == 2 &&
	    (top->type == FEATURE_DOMAIN || top->type == FEATURE_SITE) &&
	    one_place(joint, top, &one) != CC_OK)
		return CC_NOMEM;
	a->completeness = completeness;
	a->organisations = organisations_of(joint, a, false);
	for (int i = 0; i < RIVALS; i++) {
		rival[i] = (struct hypothesis){.rival = i, .value = NONE};
		hypothesis_part(&rival[i], "prior", i == RIVAL_UNKNOWN ? THRESHOLD : RIVAL_PRIOR, (double)NAN);
	}
	if (forged > 0 && (top == NULL || top->witness < WITNESS_LEAST))
		hypothesis_part(
		    &rival[RIVAL_FORGED], "organisations that saw what is cheap to forge", 1.2 * forged, forged);
	if (!all && a->relay_odds > RIVAL_PRIOR) {
		rival[RIVAL_RELAYED].parts = 0;
		hypothesis_part(&rival[RIVAL_RELAYED], "as the strongest address in the networks of an organisation",
		    a->relay_odds, (double)NAN);
	}
	put_shared(&rival[RIVAL_SHARED], top, top != NULL ? hypothesis_shared_by(joint, top) : 1,
	    widest(joint, c, without));
	if (top == NULL || top->witnesses < joint->conf->joint_witnesses_min)
		hypothesis_part(&rival[RIVAL_UNKNOWN],
		    joint->conf->joint_witnesses_min == 2 ? "fewer than two witnesses"
							  : "fewer witnesses than are asked for",
		    ALONE, top != NULL ? top->witnesses : 0);
	else if (!one)
		hypothesis_part(&rival[RIVAL_UNKNOWN], "two witnesses of a name, in no common network", ALONE, 2);
	if (completeness < joint->conf->joint_completeness)
		hypothesis_part(&rival[RIVAL_UNKNOWN], "reports that lack too much", HOLLOW, completeness / 100.0);
	if (top != NULL && !all)
		put_turns(&rival[RIVAL_UNKNOWN], top, hypothesis_turn(joint, a, top));
	if (all)
		put_own_word(&rival[RIVAL_UNKNOWN], top);
	for (int i = 0; i < RIVALS; i++) {
		rival[i].log_odds = hypothesis_parts(&rival[i]);
		good = hypothesis_add(a, rival[i]) && good;
	}
	return good ? CC_OK : CC_NOMEM;
}
