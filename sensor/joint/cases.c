/*
 * Cases as JSON, for people and programs: README.md lists the members.  Texts of partners go out as JSON strings, so
 * that nothing of theirs is ever structure.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
case_name(const struct joint *joint, struct json *json, const char *key, uint32_t name)
{
	json_string(json, key, name_slice(joint, name));
}

void
case_time(struct json *json, const char *key, uint64_t ns)
{
	char text[40];

	json_text(json, key, time_rfc3339_text(ns, text));
}

/* The least ce_id of a node's messages: one that does not depend on the order of arrival. */
uint32_t
node_first_message(const struct joint *joint, const struct node *node)
{
	uint32_t least = NONE;

	for (uint32_t m = node->messages; m != NONE; m = joint->message[m].next) {
		if (least == NONE || name_order(&joint->message[m].name, &least, (void *)(uintptr_t)joint) < 0)
			least = joint->message[m].name;
	}
	return least;
}

/* From the oldest sight, so that what comes later does not rename a case. */
void
case_id(uint64_t fold, const char *type, char ret_id[64])
{
	char hex[65];
	uint8_t digest[32];
	struct digest d;

	digest_open(&d, DIGEST_SHA256);
	digest_add(&d, slice_str("activity"));
	digest_add(&d, slice_of(&fold, 8));
	digest_close(&d, NULL, NULL, digest);
	hex_text(slice_of(digest, 16), hex);
	snprintf(ret_id, 64, "%s--%.8s-%.4s-8%.3s-b%.3s-%.12s", type, hex, hex + 8, hex + 13, hex + 17, hex + 20);
}

static void
put_id(const struct activity *a, struct json *json, const char *type, const char *key)
{
	char id[64];

	case_id(a->fold, type, id);
	json_text(json, key, id);
}

static void
put_organisations(const struct joint *joint, const struct activity *a, struct json *json)
{
	uint32_t seen[256];
	unsigned count = 0;

	for (size_t i = 0; i < a->count; i++) {
		uint32_t who = case_node(joint, a, i)->organisation;
		unsigned k = 0;

		while (k < count && seen[k] != who)
			k++;
		if (k == count && count < 256)
			seen[count++] = who;
	}
	json_array(json, "organisations");
	for (unsigned k = 0; k < count; k++)
		case_name(joint, json, NULL, seen[k]);
	json_end_array(json);
}

int
name_order(const void *a, const void *b, void *ctx)
{
	struct slice x = name_slice(ctx, *(const uint32_t *)a), y = name_slice(ctx, *(const uint32_t *)b);
	int order = memcmp(x.p, y.p, x.size < y.size ? x.size : y.size);

	return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

/* Every message of the activity, sorted. */
static void
put_sightings(struct joint *joint, const struct activity *a, struct json *json)
{
	size_t count = 0, room = 0;
	uint32_t *name = NULL;

	for (size_t i = 0; i < a->count; i++) {
		for (uint32_t m = case_node(joint, a, i)->messages; m != NONE; m = joint->message[m].next) {
			if (GROW(name, count, room))
				name[count++] = joint->message[m].name;
			else
				joint->no_memory = true;
		}
	}
	if (name != NULL)
		qsort_r(name, count, sizeof(*name), name_order, joint);
	json_array(json, "sightings");
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || name[i] != name[i - 1])
			case_name(joint, json, NULL, name[i]);
	}
	json_end_array(json);
	free(name);
}

/* ---- coverage, infrastructure, time line ---- */

struct looked {
	uint32_t organisation;
	uint64_t from, until;
	double lost, clock_error;
};

static int
by_span(const void *a, const void *b, void *ctx)
{
	const struct looked *x = a, *y = b;

	if (x->organisation != y->organisation)
		return name_order(&x->organisation, &y->organisation, ctx);
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->until > y->until) - (x->until < y->until);
}

static void
put_looked(const struct joint *joint, struct json *json, const struct looked *one)
{
	json_object(json, NULL);
	case_name(joint, json, "organisation", one->organisation);
	case_time(json, "from", one->from);
	case_time(json, "until", one->until);
	json_double(json, "lost", one->lost);
	case_bound(json, "clock_error_s", one->clock_error);
	json_end_object(json);
}

#define SPANS_MAX 512

/* What messages say of when their organisation looked; spans that touch are one, with the worst of both. */
static size_t
said_spans(const struct joint *joint, const struct looked *list, size_t count, struct json *json, size_t spans)
{
	for (size_t i = 0; i < count && spans < SPANS_MAX; spans++) {
		struct looked one = list[i];

		for (i++; i < count && list[i].from <= one.until; i++) {
			one.until = list[i].until > one.until ? list[i].until : one.until;
			one.lost = list[i].lost > one.lost ? list[i].lost : one.lost;
			if (one.clock_error >= 0)
				one.clock_error = list[i].clock_error < 0 || list[i].clock_error > one.clock_error
						      ? list[i].clock_error
						      : one.clock_error;
		}
		put_looked(joint, json, &one);
	}
	return spans;
}

/* Where its heartbeats were heard they say it better: gaps show. */
static size_t
heard_spans(const struct joint *joint, uint32_t organisation, uint64_t first, uint64_t last, struct json *json,
    size_t spans)
{
	struct looked one = {.organisation = organisation};
	struct looked_at is;
	uint64_t at = first > WATCH_BEYOND ? first - WATCH_BEYOND : 0, end = last + WATCH_BEYOND;

	while (spans < SPANS_MAX && watch_run(joint, organisation, &at, end, &is, &one.from, &one.until)) {
		one.lost = is.lost;
		one.clock_error = is.clock_error;
		put_looked(joint, json, &one);
		spans++;
	}
	return spans;
}

static void
put_coverage(struct joint *joint, const struct activity *a, struct json *json)
{
	struct looked *list = calloc(a->count, sizeof(*list));
	uint64_t first = case_node(joint, a, 0)->first, last = 0;
	size_t spans = 0;

	joint->no_memory = joint->no_memory || list == NULL;
	json_array(json, "coverage");
	for (size_t i = 0; list != NULL && i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);

		first = node->first < first ? node->first : first;
		last = node->last > last ? node->last : last;
		list[i] = (struct looked){node->organisation, node->from != 0 ? node->from : node->first,
		    node->until != 0 ? node->until : node->last, (double)node->loss, (double)node->clock_error};
	}
	if (list != NULL)
		qsort_r(list, a->count, sizeof(*list), by_span, (void *)(uintptr_t)joint);
	for (size_t i = 0, k; list != NULL && i < a->count; i = k) {
		for (k = i; k < a->count && list[k].organisation == list[i].organisation; k++)
			;
		if (watch_look(joint, list[i].organisation, first, last).known)
			spans = heard_spans(joint, list[i].organisation, first, last, json, spans);
		else
			spans = said_spans(joint, list + i, k - i, json, spans);
	}
	json_end_array(json);
	free(list);
}

struct vertex {
	uint32_t name;
	uint8_t type, proof;
};

#define VERTICES_MAX 200

static bool
is_vertex(uint8_t type)
{
	return type == FEATURE_ADDR || type == FEATURE_DOMAIN || type == FEATURE_CERT || type == FEATURE_KEY ||
	       type == FEATURE_FILE;
}

static unsigned
vertex_of(struct vertex *list, unsigned *count, const struct value *f, uint8_t proof)
{
	for (unsigned i = 0; i < *count; i++) {
		if (list[i].type == f->type && list[i].name == f->name) {
			if (proof > list[i].proof)
				list[i].proof = proof;
			return i;
		}
	}
	if (*count == VERTICES_MAX)
		return VERTICES_MAX;
	list[*count] = (struct vertex){.name = f->name, .type = f->type, .proof = proof};
	return (*count)++;
}

static void
put_seen_by(const struct joint *joint, const struct activity *a, const struct vertex *v, struct json *json)
{
	uint32_t seen[64];
	unsigned count = 0;

	json_array(json, "seen_by");
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);
		unsigned k = 0;
		bool has = false;

		for (uint32_t f = node->features;
		     f < node->features + node->feature_count && !node->negative && !node->echo; f++)
			has = has || (feature_value(joint, f)->type == v->type &&
					 feature_value(joint, f)->name == v->name);
		while (k < count && seen[k] != node->organisation)
			k++;
		if (has && k == count && count < 64) {
			seen[count++] = node->organisation;
			case_name(joint, json, NULL, node->organisation);
		}
	}
	json_end_array(json);
}

static const char *
why_of(uint8_t from, uint8_t to)
{
	if (from == FEATURE_DOMAIN && to == FEATURE_ADDR)
		return "resolved to";
	if (to == FEATURE_CERT || to == FEATURE_KEY)
		return "presented";
	return to == FEATURE_FILE ? "hosted" : "connected";
}

struct edge {
	unsigned from, to, weight;
};

static void
put_infrastructure(struct joint *joint, const struct activity *a, struct json *json)
{
	static const uint8_t from_order[] = {FEATURE_DOMAIN, FEATURE_ADDR};
	struct vertex *list = calloc(VERTICES_MAX, sizeof(*list));
	struct edge *edge = calloc(4 * VERTICES_MAX, sizeof(*edge));
	unsigned count = 0, edges = 0;

	joint->no_memory = joint->no_memory || list == NULL || edge == NULL;
	for (size_t i = 0; i < a->count && list != NULL && edge != NULL; i++) {
		const struct node *node = case_node(joint, a, i);
		unsigned at[FEATURE_TYPES];

		memset(at, 0xff, sizeof(at));
		for (uint32_t f = node->features; f < node->features + node->feature_count && !node->negative; f++) {
			const struct value *v = feature_value(joint, f);

			if (is_vertex(v->type))
				at[v->type] = vertex_of(list, &count, v, node->proof);
		}
		for (unsigned o = 0; o < 2; o++) {
			for (unsigned t = 0; t < FEATURE_TYPES; t++) {
				unsigned from = at[from_order[o]], to = at[t], e = 0;

				if (!is_vertex((uint8_t)t) || t == from_order[o] || (o == 1 && t == FEATURE_DOMAIN) ||
				    from >= VERTICES_MAX || to >= VERTICES_MAX)
					continue;
				while (e < edges && (edge[e].from != from || edge[e].to != to))
					e++;
				if (e == 4 * VERTICES_MAX)
					continue;
				edges += e == edges;
				edge[e] = (struct edge){from, to, edge[e].weight + 1};
			}
		}
	}
	json_object(json, "infrastructure");
	json_array(json, "nodes");
	for (unsigned i = 0; i < count; i++) {
		json_object(json, NULL);
		json_printf(json, "id", "n%u", i + 1);
		json_text(json, "kind", feature_about[list[i].type].word);
		case_name(joint, json, "value", list[i].name);
		put_seen_by(joint, a, &list[i], json);
		json_text(json, "proof", case_proof(list[i].proof));
		json_end_object(json);
	}
	json_end_array(json);
	json_array(json, "edges");
	for (unsigned i = 0; i < edges; i++) {
		json_object(json, NULL);
		json_printf(json, "from", "n%u", edge[i].from + 1);
		json_printf(json, "to", "n%u", edge[i].to + 1);
		json_text(json, "why", why_of(list[edge[i].from].type, list[edge[i].to].type));
		json_uint(json, "weight", edge[i].weight);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
	free(list);
	free(edge);
}

#define LANES_MAX 256

/* How many nodes an organisation has, and how many of them were come by. */
struct lane {
	uint32_t organisation;
	uint64_t nodes, met;
};

static struct lane *
lane_of(struct lane *lane, unsigned *count, uint32_t organisation)
{
	unsigned k = 0;

	while (k < *count && lane[k].organisation != organisation)
		k++;
	if (k == LANES_MAX)
		return NULL;
	if (k == *count)
		lane[(*count)++] = (struct lane){.organisation = organisation};
	return &lane[k];
}

/* The most that each may show, so that all together are no more than `most`; one in any case. */
static uint64_t
fair_share(const struct lane *lane, unsigned count, uint64_t most)
{
	uint64_t share, sum = 0;

	for (unsigned k = 0; k < count; k++)
		sum += lane[k].nodes;
	if (sum <= most)
		return most;
	for (share = 1;; share++) {
		sum = 0;
		for (unsigned k = 0; k < count; k++)
			sum += lane[k].nodes < share + 1 ? lane[k].nodes : share + 1;
		if (sum > most)
			return share;
	}
}

/* Whether the nth of so many is one of the share; the first is. */
static bool
is_shown(uint64_t n, uint64_t share, uint64_t nodes)
{
	return (n * share + nodes - 1) / nodes != ((n + 1) * share + nodes - 1) / nodes;
}

/* Where there are too many, each organisation has its share of the entries, even in time, the first one among them. */
static void
put_timeline(const struct joint *joint, const struct activity *a, struct json *json)
{
	struct lane lane[LANES_MAX], *mine;
	unsigned lanes = 0;
	uint64_t share;

	for (size_t i = 0; i < a->count; i++) {
		if ((mine = lane_of(lane, &lanes, case_node(joint, a, i)->organisation)) != NULL)
			mine->nodes++;
	}
	share = fair_share(lane, lanes, joint->conf->joint_evidence_max);
	json_uint(json, "sights", a->count);
	json_array(json, "timeline");
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);

		mine = lane_of(lane, &lanes, node->organisation);
		if (mine == NULL || !is_shown(mine->met++, share, mine->nodes))
			continue;
		json_object(json, NULL);
		case_name(joint, json, "organisation", node->organisation);
		case_time(json, "from", node->first);
		case_time(json, "until", node->last);
		case_bound(json, "error_s", (double)node->clock_error);
		json_bool(json, "positive", !node->negative);
		json_bool(json, "echo", node->echo);
		json_double(json, "completeness", node->completeness / 100.0);
		case_name(joint, json, "item", node->key);
		if (node->rule_name != NONE)
			case_name(joint, json, "rule", node->rule_name);
		case_name(joint, json, "message", node_first_message(joint, node));
		json_end_object(json);
	}
	json_end_array(json);
}

/* A case says what its sightings say, so it is marked as the strictest of them. */
static enum cc_tlp
marking(const struct joint *joint, const struct activity *a)
{
	enum cc_tlp tlp = CC_TLP_CLEAR;

	for (size_t i = 0; i < a->count; i++)
		tlp = case_node(joint, a, i)->tlp > tlp ? (enum cc_tlp)case_node(joint, a, i)->tlp : tlp;
	return tlp;
}

void
case_json(struct joint *joint, uint32_t activity, struct json *json, const char *key)
{
	struct activity *a = &joint->activity[activity];
	uint64_t last = case_last(joint, a);

	if (joint_weigh(joint, a) != CC_OK)
		log_error("joint: no memory to weigh a case of %zu sightings", a->count);
	json_object(json, key);
	put_id(a, json, "case", "id");
	put_id(a, json, "activity", "activity");
	json_text(json, "state", a->source ? "determined" : "undetermined");
	json_bool(json, "exercise", case_node(joint, a, 0)->exercise);
	json_text(json, "tlp", record_tlp_text(marking(joint, a)));
	case_time(json, "first_seen", case_node(joint, a, 0)->first);
	case_time(json, "last_seen", last);
	put_organisations(joint, a, json);
	json_array(json, "trace");
	json_object(json, NULL);
	case_time(json, "time", case_node(joint, a, 0)->first);
	json_text(json, "event", "opened");
	json_end_object(json);
	json_end_array(json);
	put_sightings(joint, a, json);
	case_answer(joint, a, json);
	case_hypotheses(joint, a, NULL, json);
	case_resting(joint, a, json);
	json_uint(json, "witnesses_min", joint->conf->joint_witnesses_min);
	json_double(json, "completeness", a->completeness / 100.0);
	put_coverage(joint, a, json);
	case_missing(joint, a, marking(joint, a), json);
	heard_notices(joint, a, marking(joint, a), json);
	put_infrastructure(joint, a, json);
	put_timeline(joint, a, json);
	json_array(json, "opinions");
	json_end_array(json);
	json_end_object(json);
	hypotheses_free(a);
}

void
case_json_row(struct joint *joint, uint32_t activity, struct json *json, struct joint_case *row, char ret_activity[64],
    char *ret_value, size_t room)
{
	struct activity *a = &joint->activity[activity];
	uint32_t who[256];
	size_t size;

	case_json(joint, activity, json, NULL);
	case_id(a->fold, "activity", ret_activity);
	row->activity = ret_activity;
	row->state = a->source ? "determined" : "undetermined";
	row->verdict = a->source ? "source" : "cannot say";
	row->confidence = a->confidence;
	row->exercise = case_node(joint, a, 0)->exercise;
	row->first = case_node(joint, a, 0)->first;
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);
		uint64_t k = 0;

		row->last = node->last > row->last ? node->last : row->last;
		row->sightings += node->message_count;
		while (k < row->organisations && who[k] != node->organisation)
			k++;
		if (k == row->organisations && k < 256)
			who[row->organisations++] = node->organisation;
	}
	if (a->source) {
		char text[PREFIX_TEXT];
		struct slice value = wide_name(joint, a->named, a->named_within, text);

		size = value.size < room ? value.size : room - 1;
		memcpy(ret_value, value.p, size);
		ret_value[size] = '\0';
		row->value = ret_value;
		row->kind = case_kind(joint->value[a->named].type);
	}
}
