/*
 * The hypotheses of one activity: candidate sources from what was seen (rank.c), the rivals that are always there
 * (rivals.c), and Bayes over them.  README.md, Evidence, has every formula; every number that goes in is kept beside
 * its item.
 */
#include "joint/weigh_own.h"

#include <math.h>
#include <stdlib.h>

#define OBSERVED 0.3     /* of what a sight weighs whose rule only observes */
#define OBSERVED_TOO 0.6 /* where another organisation's accuses */
#define ANSWER 0.3       /* independence of what was looked for because a partner told of it, or said after him */

void
hypotheses_free(struct activity *activity)
{
	for (size_t i = 0; i < activity->hypothesis_count; i++)
		free(activity->hypothesis[i].item);
	free(activity->hypothesis);
	activity->hypothesis = NULL;
	activity->hypothesis_count = 0;
	for (unsigned i = 0; i < activity->restings; i++)
		hypotheses_free(&activity->resting[i].is);
	free(activity->resting);
	activity->resting = NULL;
	activity->restings = 0;
}

static int
by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* ---- one line of evidence ---- */

static struct item
make_item(const struct joint *joint, const struct claim *claim)
{
	const struct node *node = &joint->node[claim->node];
	uint8_t type = joint->value[claim->value].type;
	struct item item = {.node = claim->node, .independence = 1, .lost = (double)node->loss,
	    .clock_error = (double)node->clock_error};
	struct looked_at is = {.known = false};
	/* Such a rule says that it was there, not that it is bad; that is another's to say. */
	bool observed = node->observed;

	if (node->negative || node->from == 0 || node->clock_error < 0)
		is = watch_look(joint, node->organisation, node->first, node->last);
	if (is.known && node->from == 0)
		item.lost = is.lost;
	if (is.known && item.clock_error < 0)
		item.clock_error = is.clock_error;
	item.clock = item.clock_error < 0 ? 0.95 : 1;
	item.hours = (double)(node->last - node->first) / 3.6e12;

	item.base = joint_proof_llr((enum cc_proof)node->proof, node->client);
	item.text = "the address took part";
	if (type == FEATURE_DOMAIN || type == FEATURE_SITE) {
		/* A name below a zone that nobody answers for is anybody's to say. */
		item.base = node->proof == CC_PROOF_SPOOFABLE ? (type == FEATURE_DOMAIN ? 0.5 : 0.1)
			    : node->proof == CC_PROOF_KEYED   ? item.base
							      : item.base * 0.85;
		item.text = type == FEATURE_DOMAIN ? "the name was used" : "a name below it was used";
	} else if (type == FEATURE_CERT || type == FEATURE_KEY) {
		item.base = node->proof == CC_PROOF_KEYED ? 2.6 : 0.1;
		item.text = node->proof == CC_PROOF_KEYED ? "the key was used"
			    : observed			  ? "the certificate was shown"
							  : "the certificate was shown, its key not used";
	} else if (is_wide(type)) {
		item.text = "an address of it took part";
	} else if (node->attacker == NONE && !node->echo) {
		item.base = 0.3;
		item.text = "the address was named";
	}
	if (observed)
		item.base *= OBSERVED;
	item.rarity = value_rarity(joint, claim->value);
	item.coverage = 1 - item.lost / 2;
	if (node->negative) {
		/* Who did not look says nothing by not seeing it. */
		item.hours *= is.known ? is.part : 1;
		item.base = joint_negative_llr(item.lost, item.hours);
		item.rarity = item.coverage = 1;
		item.text = is.known && is.part < 0.05 ? "not seen, and not looked" : "looked for and not seen";
	} else if (node->echo) {
		item.independence = 0;
		item.text = "repeated from another: no witness";
	} else if (node->origin == JOINT_ANSWER) {
		/* Looked for because a partner said so: that it is bad is still only the partner's word. */
		item.independence = ANSWER;
		item.text = "seen, in answer to a partner";
	} else if (node->hearsay) {
		item.independence = ANSWER;
		item.text = "no more than a partner said before, and no victim";
	} else if (observed) {
		item.by = ITEM_OBSERVED;
	}
	item.llr = item.base * item.rarity * item.independence * item.coverage * item.clock;
	return item;
}

/* A witness's own word against the candidate, as one sight of it. */
static bool
is_accusing(const struct joint *joint, const struct item *item)
{
	const struct node *node = &joint->node[item->node];

	return item->by == ITEM_ACCUSED && !node->echo && !is_second_hand(node) && item->llr >= WITNESS_LEAST;
}

/* Who else accuses it has said that it is bad; who only observes it saw that it was there. */
static void
heed_accusers(const struct joint *joint, struct hypothesis *h)
{
	uint32_t one = NONE;
	bool several = false;

	for (size_t i = 0; i < h->item_count; i++) {
		uint32_t who = joint->node[h->item[i].node].organisation;

		if (!is_accusing(joint, &h->item[i]))
			continue;
		several = several || (one != NONE && one != who);
		one = who;
	}
	for (size_t i = 0; i < h->item_count; i++) {
		struct item *item = &h->item[i];

		if (one == NONE || item->by != ITEM_OBSERVED ||
		    (!several && joint->node[item->node].organisation == one))
			continue;
		item->base *= OBSERVED_TOO / OBSERVED;
		item->llr *= OBSERVED_TOO / OBSERVED;
		item->by = ITEM_OBSERVED_TOO;
	}
}

/* ---- candidates ---- */

bool
claim_counts(const struct joint *joint, const struct claim *claim, uint8_t wide, uint32_t without)
{
	uint8_t type = joint->value[claim->value].type;

	return (is_candidate(type) || type == wide) && joint->node[claim->node].organisation != without;
}

static enum cc_status
list_claims(const struct joint *joint, const struct activity *a, struct claims *c)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];

		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if (!is_candidate(v->type) && !(is_wide(v->type) && v->weight >= (float)WEIGHT_LEAST))
				continue;
			if (!GROW(c->claim, c->count, c->room))
				return CC_NOMEM;
			c->claim[c->count++] = (struct claim){v->hash, joint->feature[f].value, a->node[i]};
		}
	}
	if (c->count > 0)
		qsort(c->claim, c->count, sizeof(*c->claim), by_claim);
	return CC_OK;
}

void
claims_free(struct claims *c)
{
	free(c->claim);
	free(c->some);
	free(c->item);
	free(c->place);
}

enum cc_status
claims_collect(struct joint *joint, const struct activity *a, struct claims *c)
{
	enum cc_status st = list_claims(joint, a, c);

	if (st != CC_OK)
		return st;
	c->some = malloc((c->count + 1) * sizeof(*c->some));
	c->item = malloc((c->count + 1) * sizeof(*c->item));
	c->place = malloc((c->count + 1) * sizeof(*c->place));
	if (c->some == NULL || c->item == NULL || c->place == NULL)
		return CC_NOMEM;
	for (size_t i = 0, k; i < c->count; i = k) {
		for (k = i; k < c->count && c->claim[k].value == c->claim[i].value; k++)
			c->item[k] = make_item(joint, &c->claim[k]);
		qsort_r(&c->item[i], k - i, sizeof(*c->item), item_by_witness, joint);
		for (size_t n = i; n < k; n++)
			c->claim[n].node = c->item[n].node;
	}
	return CC_OK;
}

void
hypothesis_part(struct hypothesis *h, const char *why, double nats, double of)
{
	if (h->parts < PARTS_MAX)
		h->part[h->parts++] = (struct part){why, nats, of};
}

double
hypothesis_parts(const struct hypothesis *h)
{
	double sum = 0;

	for (unsigned i = 0; i < h->parts; i++)
		sum += h->part[i].nats;
	return sum;
}

bool
hypothesis_add(struct activity *a, struct hypothesis h)
{
	struct hypothesis *more = realloc(a->hypothesis, (a->hypothesis_count + 1) * sizeof(*more));

	if (more == NULL)
		return false;
	a->hypothesis = more;
	a->hypothesis[a->hypothesis_count++] = h;
	return true;
}

int
hypothesis_by_odds(const void *a, const void *b)
{
	const struct hypothesis *x = a, *y = b;

	if (fabs(x->log_odds - y->log_odds) > 1e-9)
		return x->log_odds > y->log_odds ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* The strongest, by what speaks for them. */
static void
keep_strongest(struct activity *a)
{
	if (a->hypothesis_count > 0)
		qsort(a->hypothesis, a->hypothesis_count, sizeof(*a->hypothesis), hypothesis_by_odds);
	while (a->hypothesis_count > WEIGHED_MAX)
		free(a->hypothesis[--a->hypothesis_count].item);
}

/* Of the claims from i on to before k, those that count, and their items; none: nothing. */
static enum cc_status
take_items(struct joint *joint, const struct claims *c, size_t i, size_t k, uint8_t wide, uint32_t without,
    struct hypothesis *h)
{
	size_t count = 0;

	for (size_t n = i; n < k; n++) {
		if (claim_counts(joint, &c->claim[n], wide, without))
			c->some[count++] = c->claim[n];
	}
	if (count == 0 || (is_wide(h->type) && !wide_is_spread(joint, c->some, count, h->type, c->place)) ||
	    (h->type == FEATURE_SITE && !zone_stands(joint, c->some, count)) ||
	    (h->type != FEATURE_SITE && h->type != FEATURE_DOMAIN && zone_hosts(joint, c->some, count)))
		return CC_OK;
	if ((h->item = malloc(count * sizeof(*h->item))) == NULL)
		return CC_NOMEM;
	for (size_t n = i; n < k; n++) {
		if (claim_counts(joint, &c->claim[n], wide, without) &&
		    (h->type != FEATURE_SITE || zone_says(joint, &c->claim[n])))
			h->item[h->item_count++] = c->item[n];
	}
	return CC_OK;
}

static enum cc_status
make_candidates(struct joint *joint, struct activity *a, const struct claims *c, uint8_t wide, uint32_t without)
{
	for (size_t i = 0, k; i < c->count; i = k) {
		struct hypothesis h = {.rival = -1, .turn = -1,
		    .type = joint->value[c->claim[i].value].type,
		    .value = c->claim[i].value,
		    .hash = c->claim[i].hash};

		for (k = i; k < c->count && c->claim[k].value == h.value; k++)
			;
		/* By all, whoever is left out: what it is called does not change with that. */
		h.within = h.type == FEATURE_NET ? wide_within(joint, &c->claim[i], k - i) : NONE;
		if (take_items(joint, c, i, k, wide, without, &h) != CC_OK)
			return CC_NOMEM;
		if (h.item_count == 0) {
			free(h.item);
			continue;
		}
		heed_accusers(joint, &h);
		hypothesis_sum(joint, &h);
		h.log_odds = h.witness;
		if (!hypothesis_add(a, h)) {
			free(h.item);
			return CC_NOMEM;
		}
		if (a->hypothesis_count >= 8 * WEIGHED_MAX)
			keep_strongest(a);
	}
	keep_strongest(a);
	return CC_OK;
}

/* ---- the answer ---- */

static void
normalise(struct activity *a)
{
	double most = -1e9, sum = 0;

	for (size_t i = 0; i < a->hypothesis_count; i++) {
		if (a->hypothesis[i].log_odds > most)
			most = a->hypothesis[i].log_odds;
	}
	for (size_t i = 0; i < a->hypothesis_count; i++)
		sum += exp(a->hypothesis[i].log_odds - most);
	for (size_t i = 0; i < a->hypothesis_count; i++)
		a->hypothesis[i].probability = exp(a->hypothesis[i].log_odds - most) / sum;
}

void
activity_answer(struct activity *a)
{
	const struct hypothesis *top = a->hypothesis_count > 0 && a->hypothesis[0].rival < 0 ? &a->hypothesis[0] : NULL;
	double best = -1e9, named;

	normalise(a);
	named = top != NULL ? top->probability : 0;
	a->source = named >= 0.5;
	a->named = top != NULL ? top->value : NONE;
	a->named_within = top != NULL ? top->within : NONE;
	a->confidence = a->source ? named : 1 - named;
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		if (a->hypothesis[i].rival >= 0 && a->hypothesis[i].log_odds > best) {
			best = a->hypothesis[i].log_odds;
			a->leaning = a->hypothesis[i].rival;
		}
	}
}

static enum cc_status
weigh_with(struct joint *joint, struct activity *a, const struct claims *c, uint8_t wide, uint32_t without)
{
	enum cc_status st;

	hypotheses_free(a);
	a->relay_odds = 0;
	parties_count(joint, a);
	st = make_candidates(joint, a, c, wide, without);
	if (st == CC_OK) {
		candidates_rank(joint, a);
		st = rivals_add(joint, a, c, without);
	}
	if (st == CC_OK)
		activity_answer(a);
	return st;
}

/* A zone or a network is named only where nothing in it is, and an operator where no network is. */
enum cc_status
activity_weigh(struct joint *joint, struct activity *a, const struct claims *c, uint32_t without)
{
	static const uint8_t wide[] = {FEATURE_SITE, FEATURE_NET, FEATURE_AS};
	enum cc_status st = weigh_with(joint, a, c, FEATURE_TYPES, without);

	if (st != CC_OK || a->source || a->count < WIDE_NODES)
		return st;
	for (size_t i = 0; i < sizeof(wide) && st == CC_OK; i++) {
		st = weigh_with(joint, a, c, wide[i], without);
		if (st == CC_OK && a->source && a->hypothesis[0].type == wide[i])
			return CC_OK;
	}
	return st == CC_OK ? weigh_with(joint, a, c, FEATURE_TYPES, without) : st;
}
