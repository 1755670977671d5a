/*
 * A case's answer as JSON: what it is, the hypotheses with all that their numbers are made of, and what it would be
 * without those organisations that it rests on.  README.md, CASES.json.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdio.h>

const char *
case_proof(unsigned proof)
{
	static const char *const word[] = {"spoofable", "handshake", "dialogue", "keyed", "content"};

	return proof < 5 ? word[proof] : "";
}

/* Of a clock; negative: not known. */
void
case_bound(struct json *json, const char *key, double error)
{
	if (error < 0)
		json_null(json, key);
	else
		json_double(json, key, error);
}

const char *
case_kind(uint8_t type)
{
	return type == FEATURE_SITE ? "domain" : feature_about[type].word;
}

/* What it is; of a registrable domain: that all names below it are meant, and not a host. */
static void
put_what(const struct joint *joint, const struct hypothesis *h, struct json *json)
{
	char room[PREFIX_TEXT];

	json_text(json, "kind", case_kind(h->type));
	json_string(json, "value", wide_name(joint, h->value, h->within, room));
	if (h->type == FEATURE_SITE)
		json_bool(json, "zone", true);
}

static void
put_item(const struct joint *joint, const struct item *item, struct json *json)
{
	static const char *const by[] = {[ITEM_ACCUSED] = "", [ITEM_OBSERVED] = ", as a rule observes",
	    [ITEM_OBSERVED_TOO] = ", as a rule observes; another accuses"};
	const struct node *node = &joint->node[item->node];
	char text[128];

	json_object(json, NULL);
	case_name(joint, json, "organisation", node->organisation);
	case_name(joint, json, "message", node_first_message(joint, node));
	snprintf(text, sizeof(text), "%s%s", item->text, by[item->by]);
	json_text(json, "item", text);
	case_name(joint, json, "indicator", node->key);
	json_text(json, "proof", case_proof(node->proof));
	json_text(json, "role", node->client ? "client" : "server");
	json_double(json, "lost", item->lost);
	case_bound(json, "clock_error_s", item->clock_error);
	if (node->negative)
		json_double(json, "hours", item->hours);
	json_double(json, "llr", item->llr);
	json_object(json, "factors");
	json_double(json, "proof", item->base);
	json_double(json, "rarity", item->rarity);
	json_double(json, "independence", item->independence);
	json_double(json, "coverage", item->coverage);
	json_double(json, "clock", item->clock);
	json_end_object(json);
	json_end_object(json);
}

static void
put_items(const struct joint *joint, const struct hypothesis *h, bool against, struct json *json)
{
	unsigned count = 0;

	json_array(json, against ? "against" : "for");
	/* What counts comes before what is capped to nothing: the list is cut at its end. */
	for (int empty = 0; empty <= !against; empty++) {
		for (size_t i = 0; i < h->item_count && count < joint->conf->joint_evidence_max; i++) {
			double llr = h->item[i].llr;

			if (against ? llr < 0 : empty ? fabs(llr) < 1e-12 : llr >= 1e-12) {
				put_item(joint, &h->item[i], json);
				count++;
			}
		}
	}
	json_end_array(json);
}

static void
put_candidate(const struct joint *joint, const struct hypothesis *h, struct json *json, const char *key)
{
	json_object(json, key);
	put_what(joint, h, json);
	json_end_object(json);
}

/* What the log-odds are made of beside the evidence: with it, all can be reckoned again by hand. */
static void
put_parts(const struct hypothesis *h, struct json *json)
{
	json_array(json, "parts");
	for (unsigned i = 0; i < h->parts; i++) {
		json_object(json, NULL);
		json_text(json, "why", h->part[i].why);
		json_double(json, "nats", h->part[i].nats);
		if (!isnan(h->part[i].of))
			json_double(json, "of", h->part[i].of);
		json_end_object(json);
	}
	json_end_array(json);
}

static void
put_agreement(const struct joint *joint, const struct activity *a, const struct hypothesis *h, struct json *json)
{
	double with[ORGANISATIONS_MAX];

	hypothesis_with(joint, a, h, with);
	json_array(json, "agreement");
	for (unsigned i = 0; i < a->parties; i++) {
		json_object(json, NULL);
		case_name(joint, json, "organisation", a->party[i].organisation);
		json_double(json, "with", with[i]);
		json_double(json, "of", a->party[i].nodes);
		if (h->beside[i] > 0)
			json_uint(json, "of_its_sort", h->beside[i]);
		json_end_object(json);
	}
	json_end_array(json);
	json_object(json, "spread");
	json_double(json, "diversity", (double)joint->value[h->value].diversity);
	json_double(json, "part", (double)joint->value[h->value].part);
	json_end_object(json);
}

static void
put_hypothesis(const struct joint *joint, const struct activity *a, const struct hypothesis *h, bool lines,
    struct json *json)
{
	json_object(json, NULL);
	json_text(json, "kind", h->rival < 0 ? "source" : rival_word[h->rival]);
	if (h->rival < 0)
		put_candidate(joint, h, json, "candidate");
	else
		json_null(json, "candidate");
	json_double(json, "probability", h->probability);
	json_double(json, "log_odds", h->log_odds);
	if (h->rival < 0) {
		json_double(json, "witness", h->witness);
		json_double(json, "bonus", h->bonus);
		json_uint(json, "witnesses", h->witnesses);
		json_uint(json, "evidence", h->items > 0 ? h->items : h->item_count);
		put_agreement(joint, a, h, json);
	}
	put_parts(h, json);
	if (lines) {
		put_items(joint, h, false, json);
		put_items(joint, h, true, json);
	}
	json_end_object(json);
}

void
case_answer(const struct joint *joint, const struct activity *a, struct json *json)
{
	json_object(json, "answer");
	json_text(json, "verdict", a->source ? "source" : "cannot say");
	if (a->source) {
		put_what(joint, &a->hypothesis[0], json);
	} else {
		json_null(json, "kind");
		json_null(json, "value");
		json_text(json, "leaning", rival_word[a->leaning]);
	}
	json_double(json, "confidence", a->confidence);
	json_end_object(json);
}

void
case_hypotheses(const struct joint *joint, const struct activity *a, const struct activity *whole, struct json *json)
{
	json_array(json, "hypotheses");
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		const struct hypothesis *h = &a->hypothesis[i];

		put_hypothesis(joint, a, h, whole == NULL || !activity_lists(whole, h), json);
	}
	json_end_array(json);
}

void
case_resting(const struct joint *joint, const struct activity *a, struct json *json)
{
	json_array(json, "rests_on");
	for (unsigned i = 0; i < a->restings; i++) {
		const struct resting *r = &a->resting[i];

		json_object(json, NULL);
		case_name(joint, json, "organisation", r->organisation);
		case_answer(joint, &r->is, json);
		json_double(json, "completeness", r->is.completeness / 100.0);
		case_hypotheses(joint, &r->is, a, json);
		json_end_object(json);
	}
	json_end_array(json);
}
