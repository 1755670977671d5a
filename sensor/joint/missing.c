/*
 * What is missing in a case: questions that would change its answer, by the bits that they are worth, each as a request
 * that can be sent.  README.md, Missing.  One thread.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdlib.h>

static double
entropy(double p)
{
	return p > 0 && p < 1 ? -(p * log2(p) + (1 - p) * log2(1 - p)) : 0;
}

static double
moved(double p, double llr)
{
	double odds = p / (1 - p) * exp(llr);

	return odds / (1 + odds);
}

/* Bits that an answer is worth: yes with this chance moves the odds by up, no by down. */
static double
value_bits(double p, double chance, double up, double down)
{
	double after;

	if (p < 0.001)
		p = 0.001;
	if (p > 0.999)
		p = 0.999;
	after = chance * entropy(moved(p, up)) + (1 - chance) * entropy(moved(p, down));
	return entropy(p) > after ? entropy(p) - after : 0;
}

static bool
took_part(const struct joint *joint, const struct activity *a, uint32_t organisation)
{
	for (size_t i = 0; i < a->count; i++) {
		if (case_node(joint, a, i)->organisation == organisation)
			return true;
	}
	return false;
}

struct wanted {
	const char *item, *kind; /* static */
	uint32_t ask, value, message;
	const char *what; /* of value */
	uint32_t without; /* whose word alone the answer rests on; NONE: the answer itself is asked for */
	double bits, looked; /* looked: the part of the time that it looked; negative: not known, or not of account */
};

#define WANTED_MAX 32

static void
want(struct wanted *list, unsigned *count, struct wanted one)
{
	if (*count < WANTED_MAX)
		list[(*count)++] = one;
}

static int
by_bits(const void *a, const void *b, void *ctx)
{
	const struct wanted *x = a, *y = b;
	int order = 0;

	if (fabs(x->bits - y->bits) > 1e-12)
		return x->bits > y->bits ? -1 : 1;
	order = name_order(&x->ask, &y->ask, ctx);
	if (order == 0 && x->message != NONE && y->message != NONE)
		order = name_order(&x->message, &y->message, ctx);
	return order != 0 ? order : name_order(&x->value, &y->value, ctx);
}

static void
ask_others(const struct joint *joint, const struct activity *a, const struct hypothesis *top, uint32_t address,
    struct wanted *list, unsigned *count)
{
	uint64_t first = case_node(joint, a, 0)->first, last = case_last(joint, a);
	/* Of a network one asks by an address of it; who looks for a domain looks for all below it. */
	bool wide = is_wide(top->type) && top->type != FEATURE_SITE && address != NONE;
	struct looked_at is;
	uint32_t seen[64];
	unsigned asked = 0;
	double p;
	/* Where it rests on one organisation, another witness is worth what it does to the answer without that one. */
	const struct resting *r = resting_least(a, &p);

	if (r == NULL)
		p = top->probability;

	/* Whoever the operator's trust file gives networks can be asked. */
	for (size_t i = 0; i < joint->home_count && asked < 64; i++) {
		uint32_t who = joint->home[i].organisation;
		unsigned k = 0;

		while (k < asked && seen[k] != who)
			k++;
		if (k < asked)
			continue;
		seen[asked++] = who;
		is = watch_look(joint, who, first, last);
		/* Who did not look can't have seen it. */
		if (!took_part(joint, a, who) && (!is.known || is.part > 0))
			want(list, count,
			    (struct wanted){"another witness", "have-you-seen", who,
				wide ? address : joint->value[top->value].name, NONE,
				wide ? "addr" : case_kind(top->type),
				r != NULL ? r->organisation : NONE,
				value_bits(p, 0.4 * (is.known ? is.part : 1), 2.0, -0.4),
				is.known ? is.part : -1});
	}
}

static void
ask_of_items(const struct joint *joint, const struct activity *a, struct wanted *list, unsigned *count)
{
	const struct hypothesis *top = &a->hypothesis[0];

	for (size_t h = 0; h < a->hypothesis_count; h++) {
		const struct hypothesis *one = &a->hypothesis[h];

		if (one->rival >= 0)
			continue;
		for (size_t i = 0; i < one->item_count; i++) {
			const struct node *node = &joint->node[one->item[i].node];
			bool again = false;

			for (unsigned k = 0; k < *count; k++)
				again = again ||
					(list[k].ask == node->home && list[k].value == joint->value[one->value].name) ||
					(list[k].message != NONE && list[k].ask == node->organisation);
			if (again)
				continue;
			if (one->type == FEATURE_ADDR && node->home != NONE)
				want(list, count,
				    (struct wanted){"who controls this host", "have-you-seen", node->home,
					joint->value[one->value].name, NONE, "addr", NONE,
					value_bits(0.5, 0.5, 3.0, -1.0), -1});
			else if (one == top && node->proof == CC_PROOF_SPOOFABLE && !node->negative && !node->echo &&
				 node->attacker != NONE)
				want(list, count,
				    (struct wanted){"the packets, to see whether the address answered", "evidence",
					node->organisation, joint->value[one->value].name,
					node_first_message(joint, node), "addr", NONE,
					value_bits(top->probability, 0.3, 1.5, -0.5), -1});
		}
	}
}

static uint32_t
address_of(const struct joint *joint, const struct node *node)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count && !node->negative && !node->echo;
	     f++) {
		if (feature_value(joint, f)->type == FEATURE_ADDR)
			return feature_value(joint, f)->name;
	}
	return NONE;
}

#define LOOKED_AT 512 /* nodes, from the oldest */

/* Of the activity, seen in most nodes: who looks for a name can look for it, too, and a sensor's store has every
 * address.  NONE: none. */
static uint32_t
commonest_address(const struct joint *joint, const struct activity *a)
{
	uint32_t best = NONE, most = 0;
	size_t nodes = a->count < LOOKED_AT ? a->count : LOOKED_AT;

	for (size_t i = 0; i < nodes; i++) {
		uint32_t name = address_of(joint, case_node(joint, a, i)), count = 0;

		if (name == NONE || name == best)
			continue;
		for (size_t k = 0; k < nodes; k++)
			count += address_of(joint, case_node(joint, a, k)) == name;
		if (count > most || (count == most && name_order(&name, &best, (void *)(uintptr_t)joint) < 0)) {
			best = name;
			most = count;
		}
	}
	return best;
}

static void
put_address(const struct joint *joint, struct json *json, uint32_t address, const char *what)
{
	if (address == NONE || strcmp(what, "addr") == 0)
		return;
	json_object(json, NULL);
	json_text(json, "kind", "addr");
	case_name(joint, json, "value", address);
	json_end_object(json);
}

void
case_missing(const struct joint *joint, struct activity *a, enum cc_tlp tlp, struct json *json)
{
	struct wanted list[WANTED_MAX];
	unsigned count = 0;
	uint32_t also = commonest_address(joint, a);

	for (size_t i = 0; i < a->hypothesis_count; i++) {
		if (a->hypothesis[i].rival < 0) {
			ask_others(joint, a, &a->hypothesis[i], also, list, &count);
			break;
		}
	}
	ask_of_items(joint, a, list, &count);
	qsort_r(list, count, sizeof(*list), by_bits, (void *)(uintptr_t)joint);
	json_array(json, "missing");
	a->asks = 0;
	for (unsigned i = 0; i < count; i++) {
		json_object(json, NULL);
		json_text(json, "item", list[i].item);
		case_name(joint, json, "ask", list[i].ask);
		heard_contact(joint, list[i].ask, tlp, json);
		a->asks |= heard_bit(joint, list[i].ask);
		json_object(json, "request");
		json_text(json, "kind", list[i].kind);
		if (list[i].message != NONE) {
			case_name(joint, json, "message", list[i].message);
		} else {
			json_array(json, "indicators");
			json_object(json, NULL);
			json_text(json, "kind", list[i].what);
			case_name(joint, json, "value", list[i].value);
			json_end_object(json);
			put_address(joint, json, also, list[i].what);
			json_end_array(json);
			case_time(json, "from", case_node(joint, a, 0)->first);
		}
		json_end_object(json);
		json_double(json, "value_bits", list[i].bits);
		if (list[i].without != NONE)
			case_name(joint, json, "without", list[i].without);
		if (list[i].looked >= 0)
			json_double(json, "looked", list[i].looked);
		json_end_object(json);
	}
	json_end_array(json);
}
