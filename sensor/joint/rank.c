/*
 * What candidates have beside their evidence, so that one stands before another: how many of those who could have seen
 * it did, what takes turns with it, whom it steers, and what else it was seen with.  README.md, Evidence,
 * the bonus.
 */
#include "joint/weigh_own.h"

#include <math.h>
#include <stdlib.h>

#define DAY (86400 * NS_PER_S)
#define IN_HOME 4.5      /* nats that an address in a partner's networks is behind 'relayed' */
#define INHERIT 0.8      /* of a relay's weight that goes to who was seen to control it */
#define INHERIT_MAX 8.0
#define EXPLAINS 0.5     /* of the sights of a sort: who has less of them stands for so much less */
#define RARE 0.5         /* of its type's weight, that a value keeps: less is what many unrelated have */
#define WIDER 0.75       /* of the sights of a sort: who has more of them stays, who has less does not */
#define WIDER_LEAST 5.0  /* nats that such a name has by itself, to be named in place of an address that does not */
#define NET_LESS 1.0     /* nats that a network, or a zone, has less than an address or a name: others may be in it, */
#define AS_LESS 2.0      /* and an operator */

/* ---- who has it, of those who could ---- */

/* An organisation's place among those who took part; a->parties: it did not. */
static unsigned
party_at(const struct activity *a, uint32_t organisation)
{
	unsigned k = 0;

	while (k < a->parties && a->party[k].organisation != organisation)
		k++;
	return k;
}

/* Does it say who was there?  An address without a name that is one datagram's word does not, so that a flood with
 * forged ones says nothing against whom its victims talk with. */
static bool
says_who(const struct node *node)
{
	return !node->negative && !node->echo && (node->proof != CC_PROOF_SPOOFABLE || node->domain != NONE);
}

/* Who took part, with how many nodes of his own. */
void
parties_count(const struct joint *joint, struct activity *a)
{
	bool accuses[ORGANISATIONS_MAX] = {false}, any = false;
	unsigned count = 0;

	a->parties = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];
		unsigned k = party_at(a, node->organisation);

		if (!says_who(node) || k == ORGANISATIONS_MAX)
			continue;
		if (k == a->parties)
			a->party[a->parties++] = (struct party){node->organisation, 0};
		a->party[k].nodes++;
		accuses[k] = accuses[k] || !node->observed;
		any = any || accuses[k];
	}
	/* Who saw that things were there, and nothing bad, has no part in who it was, where others have. */
	for (unsigned k = 0; k < a->parties; k++) {
		if (accuses[k] || !any)
			a->party[count++] = a->party[k];
	}
	a->parties = count;
}

void
hypothesis_with(const struct joint *joint, const struct activity *a, const struct hypothesis *h,
    double ret_with[ORGANISATIONS_MAX])
{
	for (unsigned k = 0; k < ORGANISATIONS_MAX; k++)
		ret_with[k] = h->items > 0 ? h->with[k] : 0;
	for (size_t n = 0; h->items == 0 && n < h->item_count; n++) {
		const struct node *node = &joint->node[h->item[n].node];
		unsigned k = party_at(a, node->organisation);

		if (k < a->parties && h->item[n].base > 0 && says_who(node))
			ret_with[k]++;
	}
}

/* How much of what each organisation saw has the candidate: the mean over organisations, so that none outshouts. */
static double
share_of(const struct joint *joint, const struct activity *a, const struct hypothesis *h)
{
	double with[ORGANISATIONS_MAX], sum = 0;

	hypothesis_with(joint, a, h, with);
	/* In an order that is not that of arrival: the sum of what is equal is the same. */
	for (unsigned k = 0; k < a->parties; k++)
		sum += with[k] / a->party[k].nodes;
	return a->parties > 0 ? sum / a->parties : 0;
}

/* What kind of sight: who began, at which port, and the class of the rule. */
static bool
same_sort(const struct node *a, const struct node *b)
{
	return a->client == b->client && a->class == b->class && (a->client || a->port == b->port);
}

#define SORTS_MAX 16

/*
 * Does the node tell a thing of the candidate's kind: this one, or one that could be the source instead?  What many
 * unrelated have is in front of somebody, a partner's host is a relay's (there is a rival for either), all names of a
 * zone are one holder's, and another name of the candidate is the candidate.
 */
static bool
tells_either(const struct joint *joint, const struct hypothesis *h, const struct node *node, uint32_t site)
{
	uint32_t other = NONE;

	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		if (joint->feature[f].value == h->value)
			return true;
		if (joint->feature[f].type == h->type)
			other = joint->feature[f].value;
	}
	/* Who sees no certificates does not say that there was another one. */
	return other != NONE && node->home == NONE && !node->of_facet &&
	       value_rarity(joint, other) >= RARE &&
	       !(h->type == FEATURE_DOMAIN && site != NONE && node_value(joint, node, FEATURE_SITE) == site);
}

/* Of each party's own nodes, how many are of a sort with those that have the candidate. */
static void
count_beside(const struct joint *joint, const struct activity *a, struct hypothesis *h)
{
	const struct node *sort[SORTS_MAX];
	unsigned sorts = 0;
	uint32_t site = NONE;

	memset(h->beside, 0, sizeof(h->beside));
	for (size_t n = 0; n < h->item_count && sorts < SORTS_MAX; n++) {
		const struct node *node = &joint->node[h->item[n].node];
		unsigned k = 0;

		site = site == NONE ? node_value(joint, node, FEATURE_SITE) : site;
		while (k < sorts && !same_sort(sort[k], node))
			k++;
		if (k == sorts && h->item[n].base > 0 && says_who(node))
			sort[sorts++] = node;
	}
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];
		unsigned k = party_at(a, node->organisation), s = 0;

		if (!says_who(node) || !tells_either(joint, h, node, site))
			continue;
		while (s < sorts && !same_sort(sort[s], node))
			s++;
		if (k < a->parties && s < sorts && h->beside[k] < UINT16_MAX)
			h->beside[k]++;
	}
}

/* Of the sights that are of a sort with those of the candidate, how many have it: 1 if nothing takes turns with it. */
double
hypothesis_turn(const struct joint *joint, const struct activity *a, struct hypothesis *h)
{
	double with[ORGANISATIONS_MAX], sum = 0, parties = 0;

	if (h->turn >= 0)
		return h->turn;
	hypothesis_with(joint, a, h, with);
	count_beside(joint, a, h);
	for (unsigned k = 0; k < a->parties; k++) {
		sum += h->beside[k] > 0 ? with[k] / h->beside[k] : 0;
		parties += h->beside[k] > 0;
	}
	h->turn = parties > 0 ? sum / parties : 1;
	return h->turn;
}

/* ---- relays, and who steers them ---- */

/*
 * A name is where it leads to: in somebody's networks if all that was seen of it is.  That it is there, or elsewhere,
 * too, is never one organisation's word: of three and more who saw the name, or where it leads, it takes two.
 */
static uint32_t
home_of_name(const struct joint *joint, const struct hypothesis *h)
{
	uint32_t home = NONE;
	unsigned seeing = 0, telling = 0, elsewhere = 0;

	for (size_t i = 0, k; i < h->item_count; i = k) {
		uint32_t organisation = joint->node[h->item[i].node].organisation;
		bool sees = false, tells = false, all = true;

		for (k = i; k < h->item_count && joint->node[h->item[k].node].organisation == organisation; k++) {
			const struct node *node = &joint->node[h->item[k].node];

			sees = sees || !(node->negative || node->echo);
			if (node->negative || node->echo || node->attacker == NONE)
				continue;
			tells = true;
			all = all && node->home != NONE;
			home = node->home != NONE ? node->home : home;
		}
		seeing += sees;
		telling += tells;
		elsewhere += tells && !all;
	}
	if (telling == 1 && seeing >= 3)
		return NONE;
	return elsewhere > (telling >= 3 ? 1 : 0) ? NONE : home;
}

/* In whose networks it is; NONE: nobody's, or no address. */
static uint32_t
home_of(const struct joint *joint, const struct hypothesis *h)
{
	if (h->type == FEATURE_DOMAIN || h->type == FEATURE_SITE)
		return home_of_name(joint, h);
	for (size_t i = 0; i < h->item_count && (h->type == FEATURE_ADDR || is_wide(h->type)); i++) {
		if (joint->node[h->item[i].node].home != NONE)
			return joint->node[h->item[i].node].home;
	}
	return NONE;
}

/* Did the organisation itself see a host of its own in dialogue with this address? */
static bool
controls(const struct joint *joint, const struct hypothesis *h, uint32_t home)
{
	for (size_t i = 0; i < h->item_count; i++) {
		if (tells_who_steers(&joint->node[h->item[i].node], home))
			return true;
	}
	return false;
}

/*
 * Surely first seen a day and more after the last that was seen of the relay, beyond the bounds of both clocks: it did
 * not steer it.  Of all pairs the latest end of the one and the earliest beginning of the other are what counts.
 */
static bool
came_after(const struct joint *joint, const struct hypothesis *relay, const struct hypothesis *h)
{
	long double end = 0, begin = INFINITY; /* ns, to the last one */
	bool known = true, ends = false, begins = false;

	for (size_t i = 0; i < relay->item_count; i++) {
		const struct node *node = &joint->node[relay->item[i].node];
		double error = relay->item[i].clock_error;

		if (node->negative || node->echo)
			continue;
		ends = true;
		known = known && error >= 0;
		end = fmaxl(end, (long double)node->last + DAY + (long double)error * 1e9L);
	}
	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *node = &joint->node[h->item[i].node];
		double error = h->item[i].clock_error;

		if (node->negative)
			continue;
		begins = true;
		known = known && error >= 0;
		begin = fminl(begin, (long double)node->first - (long double)error * 1e9L);
	}
	return !ends || !begins || (known && end < begin);
}

static bool
saw(const struct joint *joint, const struct hypothesis *h, uint32_t organisation)
{
	bool is = false;

	for (size_t i = 0; i < h->item_count && !is; i++) {
		const struct node *node = &joint->node[h->item[i].node];

		is = node->organisation == organisation && !node->negative && !node->echo &&
		     !is_second_hand(node) && node->proof > CC_PROOF_SPOOFABLE;
	}
	return is;
}

/* Did anybody but the host's owner meet both, the host and who steers it?  Else that these are one is his word. */
static bool
met_both(const struct joint *joint, const struct activity *a, const struct hypothesis *relay,
    const struct hypothesis *h, uint32_t home)
{
	bool met = false;

	for (unsigned k = 0; k < a->parties && !met; k++)
		met = a->party[k].organisation != home && saw(joint, h, a->party[k].organisation) &&
		      saw(joint, relay, a->party[k].organisation);
	return met;
}

/* Of those who took part, as bits, who is a witness of it. */
static uint64_t
witnesses_among(const struct joint *joint, const struct activity *a, const struct hypothesis *h)
{
	double up[ORGANISATIONS_MAX] = {0};
	uint64_t is = 0;

	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *node = &joint->node[h->item[i].node];
		unsigned k = party_at(a, node->organisation);

		if (k < a->parties && h->item[i].llr > 0 && !is_second_hand(node))
			up[k] += h->item[i].llr;
	}
	for (unsigned k = 0; k < a->parties; k++)
		is |= (uint64_t)(up[k] >= WITNESS_LEAST) << k;
	return is;
}

/*
 * Who was seen to control a relay inherits of what was seen of it; of several, of the one that most was seen of.  Who
 * saw several of them, or him and them, is one witness all the same.
 */
static void
follow_relays(const struct joint *joint, const struct activity *a, struct hypothesis *h)
{
	const struct hypothesis *most = NULL;
	uint64_t others = 0;
	double more;

	for (size_t r = 0; r < a->hypothesis_count; r++) {
		const struct hypothesis *relay = &a->hypothesis[r];
		uint32_t home = is_wide(relay->type) ? NONE : home_of(joint, relay);

		/* That it attacks is no one's word, either. */
		if (home == NONE || relay->witnesses < 2 || !controls(joint, h, home) ||
		    came_after(joint, relay, h))
			continue;
		others |= witnesses_among(joint, a, relay);
		if (most == NULL || relay->witness > most->witness)
			most = relay;
	}
	if (most == NULL)
		return;
	more = most->witness * INHERIT < INHERIT_MAX ? most->witness * INHERIT : INHERIT_MAX;
	h->own_word = h->witnesses < 2 || !met_both(joint, a, most, h, home_of(joint, most));
	h->bonus = more;
	hypothesis_part(h, "steers a host that others saw attack", more, most->witness);
	h->witnesses += (unsigned)__builtin_popcountll(others & ~witnesses_among(joint, a, h));
}

/* ---- best first ---- */

void
hypothesis_drop(struct activity *a, size_t index)
{
	free(a->hypothesis[index].item);
	memmove(&a->hypothesis[index], &a->hypothesis[index + 1],
	    (a->hypothesis_count - index - 1) * sizeof(*a->hypothesis));
	a->hypothesis_count--;
}

/* How many times more groups have it than one would have by itself. */
double
hypothesis_shared_by(const struct joint *joint, const struct hypothesis *h)
{
	const struct value *v = &joint->value[h->value];

	return (double)v->diversity > feature_about[v->type].spread
		   ? (double)v->diversity / feature_about[v->type].spread
		   : 1;
}

/* What leads, now that its other names are known, where no part of it was reckoned without these. */
static void
turn_again(struct joint *joint, struct activity *a)
{
	struct hypothesis *top = a->hypothesis_count > 0 ? &a->hypothesis[0] : NULL;

	if (top != NULL && (top->turn < 0 || top->turn >= EXPLAINS)) {
		top->turn = -1;
		hypothesis_turn(joint, a, top);
	}
	facets_forget(joint, a);
}

/* Did anybody see it with what is unrelated?  One organisation's word makes nothing common, and is a doubt. */
static bool
is_doubted(const struct joint *joint, const struct hypothesis *h)
{
	return joint->value[h->value].diversity > 1 || joint->value[h->value].talker != NONE;
}

/*
 * Of two names of one thing does the second stay, and the first not?  An address of several, behind all of which is one
 * key or name; or a place that somebody saw others at, too, and a name of which nobody says that.
 */
static bool
gives_way(struct joint *joint, struct activity *a, struct hypothesis *top, struct hypothesis *h)
{
	bool moves = top->type == FEATURE_ADDR &&
		     (hypothesis_turn(joint, a, top) < WIDER || share_of(joint, a, h) > share_of(joint, a, top)) &&
		     (h->type == FEATURE_CERT || h->type == FEATURE_KEY || h->type == FEATURE_DOMAIN);
	bool let = h->type == FEATURE_DOMAIN && is_doubted(joint, top) && !is_doubted(joint, h);

	return (moves || let) && h->log_odds >= WIDER_LEAST && h->witnesses >= 2 &&
	       hypothesis_turn(joint, a, h) >= WIDER &&
	       (hypothesis_is_facet(joint, top, h) || (moves && hypothesis_is_named(joint, top, h)));
}

/* Of two names of one thing the one that stays. */
static void
prefer_wider(struct joint *joint, struct activity *a)
{
	while (a->hypothesis_count > 1 && a->hypothesis[0].type != FEATURE_DOMAIN && !is_wide(a->hypothesis[0].type)) {
		size_t i = 1;

		while (i < a->hypothesis_count && !gives_way(joint, a, &a->hypothesis[0], &a->hypothesis[i]))
			i++;
		if (i == a->hypothesis_count)
			return;
		hypothesis_drop(a, 0);
	}
}

/* Did anybody say that it is bad?  A rule that only observes says that it was there. */
static bool
is_accused(const struct joint *joint, const struct hypothesis *h)
{
	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *node = &joint->node[h->item[i].node];

		if (h->item[i].by == ITEM_ACCUSED && !node->negative && !node->echo)
			return true;
	}
	return false;
}

void
candidates_rank(struct joint *joint, struct activity *a)
{
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		if (!is_wide(a->hypothesis[i].type) && home_of(joint, &a->hypothesis[i]) == NONE)
			follow_relays(joint, a, &a->hypothesis[i]);
	}
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		struct hypothesis *h = &a->hypothesis[i];
		double share = share_of(joint, a, h), by = hypothesis_shared_by(joint, h);

		/* Who steers is seen by few: what was inherited has no share. */
		if (h->parts == 0) {
			hypothesis_part(h, "agreement", 2 * log(share + 0.05), share);
			/* One of many that take turns is seen well, too, and the source of none of the others' part. */
			if (share < EXPLAINS && h->witness > 0 && (share = hypothesis_turn(joint, a, h)) < EXPLAINS)
				hypothesis_part(h, "others take turns with it", -h->witness * (1 - share / EXPLAINS), share);
			if (h->witness > 0 && !is_accused(joint, h))
				hypothesis_part(h, "nobody accuses it", -h->witness, (double)NAN);
		}
		h->bonus = hypothesis_parts(h);
		/* All that speaks for a partner's host speaks as much for somebody behind it. */
		if (home_of(joint, h) != NONE) {
			if (h->witness + h->bonus > a->relay_odds)
				a->relay_odds = h->witness + h->bonus;
			hypothesis_part(h, "in the networks of an organisation", -IN_HOME, (double)NAN);
		}
		if (is_wide(h->type))
			hypothesis_part(h, wide_why(h->type), h->type == FEATURE_AS ? -AS_LESS : -NET_LESS, (double)NAN);
		if (by > 1)
			hypothesis_part(h, "seen with what is unrelated", -log(by), by);
		h->bonus = hypothesis_parts(h);
		h->log_odds = h->witness + h->bonus;
	}
	if (a->hypothesis_count > 0)
		qsort(a->hypothesis, a->hypothesis_count, sizeof(*a->hypothesis), hypothesis_by_odds);
	prefer_wider(joint, a);
	facets_drop(joint, a);
	turn_again(joint, a);
	while (a->hypothesis_count > CANDIDATES_MAX)
		hypothesis_drop(a, a->hypothesis_count - 1);
}
