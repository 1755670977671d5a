/*
 * The hypotheses of one activity: candidate sources from what was seen, the rivals that are always there, and Bayes
 * over them.  README.md, Evidence, has every formula; every number that goes in is kept beside its item.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdlib.h>

#define THRESHOLD 3.5    /* nats that 'cannot say' starts with */
#define ALONE 3.5        /* more of it while fewer than two organisations witness */
#define HOLLOW 2.0       /* more of it while what was sent is less complete than joint.completeness */
#define DAY (86400 * NS_PER_S)
#define RIVAL_PRIOR 0.5
#define IN_HOME 4.5      /* nats that an address in a partner's networks is behind 'relayed' */
#define SHARED_LESS 1.3  /* nats that 'shared' has less than what is shared by just as many as one would have */
#define INHERIT 0.8      /* of a relay's weight that goes to who was seen to control it */
#define INHERIT_MAX 8.0
#define OBSERVED 0.3     /* of what a sight weighs whose rule only observes */
#define EXPLAINS 0.5     /* of the sights of a sort: who has less of them stands for so much less */
#define WIDER 0.75       /* of the sights of a sort: who has more of them stays, who has less does not */
#define WIDER_LEAST 5.0  /* nats that such a name has by itself, to be named in place of an address that does not */
#define ANSWER 0.3       /* independence of what was looked for because a partner told of it, or said after him */
#define NET_LESS 1.0     /* nats that a network has less than an address: others may be in it, */
#define AS_LESS 2.0      /* and an operator */

struct claims {
	struct claim *claim;
	size_t count, room;
};

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

static bool
add_claim(struct claims *c, struct claim claim)
{
	if (c->count == c->room) {
		size_t room = c->room > 0 ? c->room * 2 : 64;
		struct claim *more = realloc(c->claim, room * sizeof(*more));

		if (more == NULL)
			return false;
		c->claim = more;
		c->room = room;
	}
	c->claim[c->count++] = claim;
	return true;
}

/* Those of a kind that is named anyway, and of one wide kind; FEATURE_TYPES: of none. */
static enum cc_status
collect(const struct joint *joint, const struct activity *a, uint8_t wide, struct claims *c)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];

		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if ((is_candidate(v->type) || (v->type == wide && v->weight >= (float)WEIGHT_LEAST)) &&
			    !add_claim(c, (struct claim){v->hash, joint->feature[f].value, a->node[i]}))
				return CC_NOMEM;
		}
	}
	if (c->count > 0)
		qsort(c->claim, c->count, sizeof(*c->claim), by_claim);
	return CC_OK;
}

/* ---- one line of evidence ---- */

/* Of what a rule says that only observes: that it was there, not that it is bad. */
static const char *
observed_text(const char *text)
{
	static const char *const word[][2] = {
	    {"the address took part", "the address took part, as a rule observes"},
	    {"the name was used", "the name was used, as a rule observes"},
	    {"the key was used", "the key was used, as a rule observes"},
	    {"the certificate was shown, its key not used", "the certificate was shown, as a rule observes"},
	    {"an address of it took part", "an address of it took part, as a rule observes"},
	    {"the address was named", "the address was named, as a rule observes"}};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (strcmp(word[i][0], text) == 0)
			return word[i][1];
	}
	return text;
}

static struct item
make_item(const struct joint *joint, const struct claim *claim)
{
	const struct node *node = &joint->node[claim->node];
	uint8_t type = joint->value[claim->value].type;
	struct item item = {.node = claim->node, .independence = 1, .lost = (double)node->loss,
	    .clock_error = (double)node->clock_error};
	struct looked_at is = {.known = false};

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
	if (type == FEATURE_DOMAIN) {
		item.base = node->proof == CC_PROOF_SPOOFABLE ? 0.5
			    : node->proof == CC_PROOF_KEYED   ? item.base
							      : item.base * 0.85;
		item.text = "the name was used";
	} else if (type == FEATURE_CERT || type == FEATURE_KEY) {
		item.base = node->proof == CC_PROOF_KEYED ? 2.6 : 0.1;
		item.text =
		    node->proof == CC_PROOF_KEYED ? "the key was used" : "the certificate was shown, its key not used";
	} else if (is_wide(type)) {
		item.text = "an address of it took part";
	} else if (node->attacker == NONE && !node->echo) {
		item.base = 0.3;
		item.text = "the address was named";
	}
	if (joint_class_observes(name_slice(joint, node->class))) {
		item.base *= OBSERVED;
		item.text = observed_text(item.text);
	}
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
	}
	item.llr = item.base * item.rarity * item.independence * item.coverage * item.clock;
	return item;
}

static bool
add_item(struct hypothesis *h, struct item item)
{
	if (h->item_count == h->item_room) {
		size_t room = h->item_room > 0 ? h->item_room * 2 : 8;
		struct item *more = realloc(h->item, room * sizeof(*more));

		if (more == NULL)
			return false;
		h->item = more;
		h->item_room = room;
	}
	h->item[h->item_count++] = item;
	return true;
}

/* ---- candidates ---- */

/* Who took part, with how many nodes of his own. */
static void
count_parties(const struct joint *joint, struct activity *a)
{
	a->parties = 0;
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];
		unsigned k = 0;

		if (node->negative || node->echo)
			continue;
		while (k < a->parties && a->party[k].organisation != node->organisation)
			k++;
		if (k == ORGANISATIONS_MAX)
			continue;
		if (k == a->parties)
			a->party[a->parties++] = (struct party){node->organisation, 0};
		a->party[k].nodes++;
	}
}

void
hypothesis_with(const struct joint *joint, const struct activity *a, const struct hypothesis *h,
    double ret_with[ORGANISATIONS_MAX])
{
	memset(ret_with, 0, ORGANISATIONS_MAX * sizeof(*ret_with));
	for (size_t n = 0; n < h->item_count; n++) {
		const struct node *node = &joint->node[h->item[n].node];
		unsigned k = 0;

		while (k < a->parties && a->party[k].organisation != node->organisation)
			k++;
		if (k < a->parties && h->item[n].base > 0 && !node->echo)
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

/* Of each party's own nodes, how many are of a sort with those that have the candidate. */
static void
count_beside(const struct joint *joint, const struct activity *a, struct hypothesis *h)
{
	const struct node *sort[SORTS_MAX];
	unsigned sorts = 0;

	memset(h->beside, 0, sizeof(h->beside));
	for (size_t n = 0; n < h->item_count && sorts < SORTS_MAX; n++) {
		const struct node *node = &joint->node[h->item[n].node];
		unsigned k = 0;

		while (k < sorts && !same_sort(sort[k], node))
			k++;
		if (k == sorts && h->item[n].base > 0 && !node->echo)
			sort[sorts++] = node;
	}
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = &joint->node[a->node[i]];
		unsigned k = 0, s = 0;

		/* Who sees no certificates does not say that there was another one. */
		if (node->negative || node->echo || !node_tells(joint, node, h->type))
			continue;
		while (k < a->parties && a->party[k].organisation != node->organisation)
			k++;
		while (s < sorts && !same_sort(sort[s], node))
			s++;
		if (k < a->parties && s < sorts && h->beside[k] < UINT16_MAX)
			h->beside[k]++;
	}
}

/* Of the sights that are of a sort with those of the candidate, how many have it: 1 if nothing takes turns with it. */
static double
turn_of(const struct joint *joint, const struct activity *a, struct hypothesis *h)
{
	double with[ORGANISATIONS_MAX], sum = 0, parties = 0;

	hypothesis_with(joint, a, h, with);
	count_beside(joint, a, h);
	for (unsigned k = 0; k < a->parties; k++) {
		sum += h->beside[k] > 0 ? with[k] / h->beside[k] : 0;
		parties += h->beside[k] > 0;
	}
	return parties > 0 ? sum / parties : 1;
}

/* of: NAN where there is nothing to say. */
static void
add_part(struct hypothesis *h, const char *why, double nats, double of)
{
	if (h->parts < PARTS_MAX)
		h->part[h->parts++] = (struct part){why, nats, of};
}

static double
sum_parts(const struct hypothesis *h)
{
	double sum = 0;

	for (unsigned i = 0; i < h->parts; i++)
		sum += h->part[i].nats;
	return sum;
}

static bool
add_hypothesis(struct activity *a, struct hypothesis h)
{
	struct hypothesis *more = realloc(a->hypothesis, (a->hypothesis_count + 1) * sizeof(*more));

	if (more == NULL)
		return false;
	a->hypothesis = more;
	a->hypothesis[a->hypothesis_count++] = h;
	return true;
}

static int
by_odds(const void *a, const void *b)
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
		qsort(a->hypothesis, a->hypothesis_count, sizeof(*a->hypothesis), by_odds);
	while (a->hypothesis_count > WEIGHED_MAX)
		free(a->hypothesis[--a->hypothesis_count].item);
}

static enum cc_status
make_candidates(const struct joint *joint, struct activity *a, const struct claims *c)
{
	for (size_t i = 0, k; i < c->count; i = k) {
		struct hypothesis h = {.rival = -1,
		    .type = joint->value[c->claim[i].value].type,
		    .value = c->claim[i].value,
		    .hash = c->claim[i].hash};

		for (k = i; k < c->count && c->claim[k].value == h.value; k++)
			;
		if (is_wide(h.type) && !wide_is_spread(joint, &c->claim[i], k - i, h.type))
			continue;
		for (size_t n = i; n < k; n++) {
			if (!add_item(&h, make_item(joint, &c->claim[n]))) {
				free(h.item);
				return CC_NOMEM;
			}
		}
		hypothesis_sum(joint, &h);
		h.log_odds = h.witness;
		if (!add_hypothesis(a, h)) {
			free(h.item);
			return CC_NOMEM;
		}
		if (a->hypothesis_count >= 8 * WEIGHED_MAX)
			keep_strongest(a);
	}
	keep_strongest(a);
	return CC_OK;
}

/* A name is where it leads to: in somebody's networks if all that was seen of it is. */
static uint32_t
home_of_name(const struct joint *joint, const struct hypothesis *h)
{
	uint32_t home = NONE;

	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *node = &joint->node[h->item[i].node];

		if (node->negative || node->echo || node->attacker == NONE)
			continue;
		if (node->home == NONE)
			return NONE;
		home = node->home;
	}
	return home;
}

/* In whose networks it is; NONE: nobody's, or no address. */
static uint32_t
home_of(const struct joint *joint, const struct hypothesis *h)
{
	if (h->type == FEATURE_DOMAIN)
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
		const struct node *node = &joint->node[h->item[i].node];

		if (node->organisation == home && node->victim != NONE && node->home == NONE &&
		    node->proof >= CC_PROOF_DIALOGUE && !node->echo && !node->negative)
			return true;
	}
	return false;
}

/* Surely first seen a day and more after the last that was seen of the relay, beyond the bounds of both clocks: it did
 * not steer it. */
static bool
came_after(const struct joint *joint, const struct hypothesis *relay, const struct hypothesis *h)
{
	for (size_t i = 0; i < relay->item_count; i++) {
		const struct node *last = &joint->node[relay->item[i].node];
		double error = relay->item[i].clock_error;

		for (size_t k = 0; k < h->item_count; k++) {
			const struct node *first = &joint->node[h->item[k].node];

			if (!last->negative && !last->echo && !first->negative &&
			    !joint_before(
				last->last + DAY, error, first->first, h->item[k].clock_error))
				return false;
		}
	}
	return true;
}

/* Who was seen to control a relay inherits of what was seen of the relay. */
static void
follow_relays(const struct joint *joint, struct activity *a)
{
	for (size_t r = 0; r < a->hypothesis_count; r++) {
		struct hypothesis *relay = &a->hypothesis[r];
		uint32_t home = home_of(joint, relay);

		if (home == NONE || is_wide(relay->type))
			continue;
		for (size_t i = 0; i < a->hypothesis_count; i++) {
			struct hypothesis *h = &a->hypothesis[i];
			double more = relay->witness * INHERIT < INHERIT_MAX ? relay->witness * INHERIT : INHERIT_MAX;

			if (!is_wide(h->type) && relay->witness >= WITNESS_LEAST && home_of(joint, h) == NONE &&
			    controls(joint, h, home) && more > h->bonus && !came_after(joint, relay, h)) {
				h->bonus = more;
				h->parts = 0;
				add_part(h, "steers a host that others saw attack", more, relay->witness);
				h->witnesses += relay->witnesses;
			}
		}
	}
}

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

/* Of two names of one thing the one that stays: an address of several, behind all of which is one key or name. */
static void
prefer_wider(struct joint *joint, struct activity *a)
{
	while (a->hypothesis_count > 1 && a->hypothesis[0].type == FEATURE_ADDR &&
	       turn_of(joint, a, &a->hypothesis[0]) < WIDER) {
		size_t i = 1;

		for (; i < a->hypothesis_count; i++) {
			struct hypothesis *h = &a->hypothesis[i];

			if ((h->type == FEATURE_CERT || h->type == FEATURE_KEY || h->type == FEATURE_DOMAIN) &&
			    h->log_odds >= WIDER_LEAST && h->witnesses >= 2 && turn_of(joint, a, h) >= WIDER &&
			    hypothesis_is_facet(joint, &a->hypothesis[0], h))
				break;
		}
		if (i == a->hypothesis_count)
			return;
		hypothesis_drop(a, 0);
	}
}

static void
rank(struct joint *joint, struct activity *a)
{
	follow_relays(joint, a);
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		struct hypothesis *h = &a->hypothesis[i];
		double share = share_of(joint, a, h), by = hypothesis_shared_by(joint, h);

		/* Who steers is seen by few: what was inherited has no share. */
		if (h->parts == 0) {
			add_part(h, "agreement", 2 * log(share + 0.05), share);
			/* One of many that take turns is seen well, too, and the source of none of the others' part. */
			if (share < EXPLAINS && h->witness > 0 && (share = turn_of(joint, a, h)) < EXPLAINS)
				add_part(h, "others take turns with it", -h->witness * (1 - share / EXPLAINS), share);
		}
		h->bonus = sum_parts(h);
		/* All that speaks for a partner's host speaks as much for somebody behind it. */
		if (home_of(joint, h) != NONE) {
			if (h->witness + h->bonus > a->relay_odds)
				a->relay_odds = h->witness + h->bonus;
			add_part(h, "in the networks of an organisation", -IN_HOME, (double)NAN);
		}
		if (is_wide(h->type))
			add_part(h, h->type == FEATURE_NET ? "a network, for want of an address"
							   : "an operator, for want of a network",
			    h->type == FEATURE_NET ? -NET_LESS : -AS_LESS, (double)NAN);
		if (by > 1)
			add_part(h, "seen with what is unrelated", -log(by), by);
		h->bonus = sum_parts(h);
		h->log_odds = h->witness + h->bonus;
	}
	if (a->hypothesis_count > 0)
		qsort(a->hypothesis, a->hypothesis_count, sizeof(*a->hypothesis), by_odds);
	prefer_wider(joint, a);
	facets_drop(joint, a);
	while (a->hypothesis_count > CANDIDATES_MAX)
		hypothesis_drop(a, a->hypothesis_count - 1);
}

/* ---- rivals ---- */

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
widest(const struct joint *joint, const struct claims *c)
{
	double most = 1;

	for (size_t i = 0; i < c->count; i++) {
		const struct value *v = &joint->value[c->claim[i].value];
		double is = v->type == FEATURE_ADDR && (double)v->diversity > feature_about[FEATURE_ADDR].spread
				? (double)v->diversity
				: 1;

		most = is > most ? is : most;
	}
	return most;
}

/* All that speaks for what many unrelated have speaks for its being shared; by: how many times more than one would. */
static void
put_shared(struct hypothesis *shared, const struct hypothesis *top, double by, double most)
{
	if (most > 1)
		add_part(shared, "what else was seen of an address", log(most), most);
	if (by <= 1 || top == NULL || top->log_odds + 2 * log(by) - SHARED_LESS <= sum_parts(shared))
		return;
	shared->parts = 0;
	add_part(shared, "as the leading candidate", top->log_odds, (double)NAN);
	add_part(shared, "seen with what is unrelated", 2 * log(by), by);
	add_part(shared, "less than that, for just as many as one would have", -SHARED_LESS, (double)NAN);
}

/* One address, or one /24 or /48. */
static bool
same_place(const struct joint *joint, const struct node *a, const struct node *b)
{
	for (uint32_t f = a->features; f < a->features + a->feature_count; f++) {
		uint32_t value = joint->feature[f].value;

		if (joint->value[value].type != FEATURE_ADDR && joint->value[value].type != FEATURE_NET)
			continue;
		for (uint32_t g = b->features; g < b->features + b->feature_count; g++) {
			if (joint->feature[g].value == value)
				return true;
		}
	}
	return false;
}

/* Did two organisations see the name at one place?  Who only repeats a name says where it led to otherwise. */
static bool
one_place(const struct joint *joint, const struct hypothesis *h)
{
	for (size_t i = 0; i < h->item_count; i++) {
		const struct node *a = &joint->node[h->item[i].node];

		for (size_t k = i + 1; k < h->item_count && h->item[i].base > 0 && !a->echo; k++) {
			const struct node *b = &joint->node[h->item[k].node];

			if (h->item[k].base > 0 && !b->echo && a->organisation != b->organisation &&
			    same_place(joint, a, b))
				return true;
		}
	}
	return false;
}

static bool
add_rivals(const struct joint *joint, struct activity *a, const struct claims *c)
{
	const struct hypothesis *top = a->hypothesis_count > 0 ? &a->hypothesis[0] : NULL;
	unsigned forged = organisations_of(joint, a, true), completeness = completeness_of(joint, a);
	struct hypothesis rival[RIVALS] = {{.rival = 0}};
	bool followed = top != NULL && top->bonus > 0;
	bool good = true;

	a->completeness = completeness;
	a->organisations = organisations_of(joint, a, false);
	for (int i = 0; i < RIVALS; i++) {
		rival[i] = (struct hypothesis){.rival = i, .value = NONE};
		add_part(&rival[i], "prior", i == RIVAL_UNKNOWN ? THRESHOLD : RIVAL_PRIOR, (double)NAN);
	}
	if (forged > 0 && (top == NULL || top->witness < WITNESS_LEAST))
		add_part(
		    &rival[RIVAL_FORGED], "organisations that saw what is cheap to forge", 1.2 * forged, forged);
	if (!followed && a->relay_odds > RIVAL_PRIOR) {
		rival[RIVAL_RELAYED].parts = 0;
		add_part(&rival[RIVAL_RELAYED], "as the strongest address in the networks of an organisation",
		    a->relay_odds, (double)NAN);
	}
	put_shared(&rival[RIVAL_SHARED], top, top != NULL ? hypothesis_shared_by(joint, top) : 1, widest(joint, c));
	if (top == NULL || top->witnesses < joint->conf->joint_witnesses_min)
		add_part(&rival[RIVAL_UNKNOWN],
		    joint->conf->joint_witnesses_min == 2 ? "fewer than two witnesses"
							  : "fewer witnesses than are asked for",
		    ALONE, top != NULL ? top->witnesses : 0);
	else if (top->witnesses == 2 && top->type == FEATURE_DOMAIN && !one_place(joint, top))
		add_part(&rival[RIVAL_UNKNOWN], "two witnesses of a name, in no common network", ALONE, 2);
	if (completeness < joint->conf->joint_completeness)
		add_part(&rival[RIVAL_UNKNOWN], "reports that lack too much", HOLLOW, completeness / 100.0);
	for (int i = 0; i < RIVALS; i++) {
		rival[i].log_odds = sum_parts(&rival[i]);
		good = add_hypothesis(a, rival[i]) && good;
	}
	return good;
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
	a->confidence = a->source ? named : 1 - named;
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		if (a->hypothesis[i].rival >= 0 && a->hypothesis[i].log_odds > best) {
			best = a->hypothesis[i].log_odds;
			a->leaning = a->hypothesis[i].rival;
		}
	}
}

static enum cc_status
weigh_with(struct joint *joint, struct activity *a, uint8_t wide)
{
	struct claims c = {NULL, 0, 0};
	enum cc_status st;

	hypotheses_free(a);
	a->relay_odds = 0;
	count_parties(joint, a);
	st = collect(joint, a, wide, &c);
	if (st == CC_OK)
		st = make_candidates(joint, a, &c);
	if (st == CC_OK) {
		rank(joint, a);
		st = add_rivals(joint, a, &c) ? CC_OK : CC_NOMEM;
		activity_answer(a);
	}
	free(c.claim);
	return st;
}

/* A network is named only where nothing in it is, and an operator where no network is. */
enum cc_status
activity_weigh(struct joint *joint, struct activity *a)
{
	static const uint8_t wide[] = {FEATURE_NET, FEATURE_AS};
	enum cc_status st = weigh_with(joint, a, FEATURE_TYPES);

	if (st != CC_OK || a->source || a->count < WIDE_NODES)
		return st;
	for (size_t i = 0; i < sizeof(wide) && st == CC_OK; i++) {
		if ((st = weigh_with(joint, a, wide[i])) == CC_OK && a->source && a->hypothesis[0].type == wide[i])
			return CC_OK;
	}
	return st == CC_OK ? weigh_with(joint, a, FEATURE_TYPES) : st;
}
