/*
 * A case's document to struct casefile.  It may come from a partner: lists are cut at their bounds, numbers are made
 * finite and put into their range, times that are none are 0, edges that lead nowhere are left out.
 *
 * RFC 8259 by Jansson, which refuses a name twice, bytes that are no UTF-8, and NUL.  One thread.
 */
#include <jansson.h>

#include "cases/cases.h"
#include "exchange/exchange.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Here json_… is Jansson's alone. */
#undef json_object
#undef json_array
#undef json_string
#undef json_null

#define FILE_MAX (512u << 20)

static enum cc_status
fail(enum cc_status st, char **ret_why, const char *what, const char *detail)
{
	if (asprintf(ret_why, "%s%s%s", what, detail[0] != '\0' ? ": " : "", detail) < 0)
		*ret_why = NULL;
	return st;
}

/* ---- members ---- */

static const char *
text_of(const json_t *from, const char *name)
{
	const char *text = json_string_value(json_object_get(from, name));

	return text != NULL ? text : "";
}

static double
number_of(const json_t *from, const char *name, double otherwise, double least, double most)
{
	const json_t *value = json_object_get(from, name);
	double number = json_is_number(value) ? json_number_value(value) : otherwise;

	if (!isfinite(number))
		number = otherwise;
	return number < least ? least : number > most ? most : number;
}

static uint64_t
time_of(const json_t *from, const char *name)
{
	uint64_t ns = 0;

	return time_rfc3339_parse(text_of(from, name), &ns) == CC_OK ? ns : 0;
}

/* The error bound of a clock: absent or null is "not known", a negative number. */
static double
error_of(const json_t *from, const char *name)
{
	const json_t *value = json_object_get(from, name);

	return json_is_number(value) && json_number_value(value) >= 0 ? number_of(from, name, -1, 0, 1e9) : -1;
}

/* Room for as many elements as the array has, at most so many; NULL without any, and without memory, which is noted. */
static void *
room_for(struct casefile *one, const json_t *array, size_t most, size_t size, size_t *ret_count)
{
	size_t count = json_array_size(array) < most ? json_array_size(array) : most;
	void *room = count > 0 ? calloc(count, size) : NULL;

	one->no_memory = one->no_memory || (count > 0 && room == NULL);
	*ret_count = room != NULL ? count : 0;
	return room;
}

static size_t
texts_of(const json_t *array, const char **ret_text, size_t most)
{
	const json_t *one;
	size_t count = 0, i;

	json_array_foreach(array, i, one)
	{
		if (count < most && json_is_string(one))
			ret_text[count++] = json_string_value(one);
	}
	return count;
}

/* Where none is said, as in documents older than markings are: AMBER. */
static enum cc_tlp
marking_of(const json_t *from)
{
	enum cc_tlp tlp;

	return record_tlp_parse(slice_str(text_of(from, "tlp")), &tlp) == CC_OK ? tlp : CC_TLP_AMBER;
}

/* ---- parts ---- */

static struct case_evidence *
take_evidence(struct casefile *one, const json_t *array, size_t *ret_count)
{
	struct case_evidence *list = room_for(one, array, CASES_EVIDENCE, sizeof(*list), ret_count);

	for (size_t i = 0; i < *ret_count; i++) {
		const json_t *from = json_array_get(array, i), *factors = json_object_get(from, "factors");

		list[i] = (struct case_evidence){.organisation = text_of(from, "organisation"),
		    .message = text_of(from, "message"),
		    .item = text_of(from, "item"),
		    .indicator = text_of(from, "indicator"),
		    .proof = text_of(from, "proof"),
		    .llr = number_of(from, "llr", 0, -1000, 1000),
		    .base = number_of(factors, "proof", 0, -1000, 1000),
		    .rarity = number_of(factors, "rarity", 0, -1000, 1000),
		    .independence = number_of(factors, "independence", 0, -1000, 1000),
		    .coverage = number_of(factors, "coverage", 0, -1000, 1000),
		    .clock = number_of(factors, "clock", 0, -1000, 1000),
		    .hours = number_of(from, "hours", -1, -1, 1e6),
		    .lost = number_of(from, "lost", 0, 0, 1)};
	}
	return list;
}

/* What is named: of a domain, whether the host is meant, or all names below it. */
static const char *
what_of(const json_t *from)
{
	const char *kind = text_of(from, "kind");

	return json_is_true(json_object_get(from, "zone")) && strcmp(kind, "domain") == 0 ? "registrable-domain" : kind;
}

static void
take_parts_of(struct case_hypothesis *h, const json_t *array)
{
	const json_t *from;
	size_t i;

	json_array_foreach(array, i, from)
	{
		if (h->parts < CASES_PARTS)
			h->part[h->parts++] = (struct case_part){text_of(from, "why"),
			    number_of(from, "nats", 0, -1000, 1000), number_of(from, "of", 0, -1e9, 1e9),
			    json_is_number(json_object_get(from, "of"))};
	}
}

static void
take_hypotheses(struct casefile *one, const json_t *array)
{
	one->hypothesis = room_for(one, array, CASES_HYPOTHESES, sizeof(*one->hypothesis), &one->hypotheses);
	for (size_t i = 0; i < one->hypotheses; i++) {
		const json_t *from = json_array_get(array, i), *candidate = json_object_get(from, "candidate");
		struct case_hypothesis *h = &one->hypothesis[i];

		*h = (struct case_hypothesis){.kind = text_of(from, "kind"),
		    .what = what_of(candidate),
		    .value = text_of(candidate, "value"),
		    .probability = number_of(from, "probability", 0, 0, 1),
		    .log_odds = number_of(from, "log_odds", 0, -1000, 1000),
		    .witness = number_of(from, "witness", 0, -1000, 1000),
		    .bonus = number_of(from, "bonus", 0, -1000, 1000),
		    .summed = json_is_number(json_object_get(from, "witness")) &&
			      json_is_number(json_object_get(from, "bonus")),
		    .listed = (size_t)number_of(from, "evidence", 0, 0, 1e9)};
		take_parts_of(h, json_object_get(from, "parts"));
		h->support = take_evidence(one, json_object_get(from, "for"), &h->supports);
		h->against = take_evidence(one, json_object_get(from, "against"), &h->againsts);
	}
}

static void
take_coverage(struct casefile *one, const json_t *array)
{
	one->span = room_for(one, array, CASES_SPANS, sizeof(*one->span), &one->spans);
	for (size_t i = 0; i < one->spans; i++) {
		const json_t *from = json_array_get(array, i);
		struct case_span *s = &one->span[i];

		*s = (struct case_span){text_of(from, "organisation"), time_of(from, "from"), time_of(from, "until"),
		    number_of(from, "lost", 0, 0, 1), error_of(from, "clock_error_s")};
		if (s->until < s->from)
			s->until = s->from;
	}
}

static void
take_missing(struct casefile *one, const json_t *array)
{
	one->missing = room_for(one, array, CASES_MISSING, sizeof(*one->missing), &one->missings);
	for (size_t i = 0; i < one->missings; i++) {
		const json_t *from = json_array_get(array, i), *request = json_object_get(from, "request"), *asked;
		struct case_missing *m = &one->missing[i];
		size_t k;

		*m = (struct case_missing){.item = text_of(from, "item"),
		    .ask = text_of(from, "ask"),
		    .kind = text_of(request, "kind"),
		    .message = text_of(request, "message"),
		    .name = text_of(json_object_get(from, "contact"), "name"),
		    .email = text_of(json_object_get(from, "contact"), "email"),
		    .telephone = text_of(json_object_get(from, "contact"), "telephone"),
		    .from = time_of(request, "from"),
		    .bits = number_of(from, "value_bits", 0, 0, 1000)};
		json_array_foreach(json_object_get(request, "indicators"), k, asked)
		{
			if (m->indicators == CASES_ASKED)
				break;
			m->what[m->indicators] = text_of(asked, "kind");
			m->value[m->indicators++] = text_of(asked, "value");
		}
	}
}

static void
take_resting(struct casefile *one, const json_t *array)
{
	one->tried = json_is_array(array);
	one->resting = room_for(one, array, CASES_RESTINGS, sizeof(*one->resting), &one->restings);
	for (size_t i = 0; i < one->restings; i++) {
		const json_t *from = json_array_get(array, i), *answer = json_object_get(from, "answer");

		one->resting[i] = (struct case_resting){text_of(from, "organisation"), text_of(answer, "verdict"),
		    what_of(answer), text_of(answer, "value"), number_of(answer, "confidence", 0, 0, 1)};
	}
}

static void
take_infrastructure(struct casefile *one, const json_t *from)
{
	const json_t *nodes = json_object_get(from, "nodes"), *edges = json_object_get(from, "edges");
	size_t kept = 0;

	one->node = room_for(one, nodes, CASES_NODES, sizeof(*one->node), &one->nodes);
	for (size_t i = 0; i < one->nodes; i++) {
		const json_t *node = json_array_get(nodes, i);

		one->node[i] = (struct case_node){.id = text_of(node, "id"),
		    .kind = text_of(node, "kind"),
		    .value = text_of(node, "value"),
		    .proof = text_of(node, "proof")};
		one->node[i].seers =
		    texts_of(json_object_get(node, "seen_by"), one->node[i].seen_by, CASES_ORGANISATIONS);
	}
	one->edge = room_for(one, edges, CASES_EDGES, sizeof(*one->edge), &one->edges);
	for (size_t i = 0; i < one->edges; i++) {
		const json_t *edge = json_array_get(edges, i);
		size_t a = 0, b = 0;

		while (a < one->nodes && strcmp(one->node[a].id, text_of(edge, "from")) != 0)
			a++;
		while (b < one->nodes && strcmp(one->node[b].id, text_of(edge, "to")) != 0)
			b++;
		if (a < one->nodes && b < one->nodes && a != b)
			one->edge[kept++] = (struct case_edge){
			    (unsigned)a, (unsigned)b, text_of(edge, "why"), number_of(edge, "weight", 1, 0, 1e9)};
	}
	one->edges = kept;
}

static size_t
node_of(const struct casefile *one, const struct case_hypothesis *h)
{
	size_t i = 0;

	while (i < one->nodes && (strcmp(one->node[i].kind, h->what) != 0 || strcmp(one->node[i].value, h->value) != 0))
		i++;
	return i;
}

static const struct case_part *
part_of(const struct case_hypothesis *h, const char *why)
{
	for (size_t i = 0; i < h->parts; i++) {
		if (strcmp(h->part[i].why, why) == 0)
			return &h->part[i];
	}
	return NULL;
}

/* Who steers a host is said by the log-odds alone: its part has the host's witness.  In the graph it is an edge. */
static void
add_steering(struct casefile *one)
{
	for (size_t a = 0; a < one->hypotheses; a++) {
		const struct case_part *part = part_of(&one->hypothesis[a], "steers a host that others saw attack");

		for (size_t b = 0; part != NULL && b < one->hypotheses; b++) {
			const struct case_hypothesis *host = &one->hypothesis[b];
			size_t from = node_of(one, &one->hypothesis[a]), to = node_of(one, host);
			struct case_edge *more;

			if (part_of(host, "in the networks of an organisation") == NULL || from == to ||
			    fabs(host->witness - part->of) > 1e-6 || from == one->nodes || to == one->nodes ||
			    one->edges == CASES_EDGES)
				continue;
			more = realloc(one->edge, (one->edges + 1) * sizeof(*more));
			if (more == NULL)
				return;
			one->edge = more;
			one->edge[one->edges++] = (struct case_edge){
			    .from = (unsigned)from, .to = (unsigned)to, .why = "steered", .weight = 6};
		}
	}
}

static void
take_timeline(struct casefile *one, const json_t *array)
{
	one->sight = room_for(one, array, CASES_SIGHTS, sizeof(*one->sight), &one->sights);
	for (size_t i = 0; i < one->sights; i++) {
		const json_t *from = json_array_get(array, i);
		struct case_sight *s = &one->sight[i];

		*s = (struct case_sight){.organisation = text_of(from, "organisation"),
		    .item = text_of(from, "item"),
		    .rule = text_of(from, "rule"),
		    .message = text_of(from, "message"),
		    .from = time_of(from, "from"),
		    .until = time_of(from, "until"),
		    .error = error_of(from, "error_s"),
		    .positive = !json_is_false(json_object_get(from, "positive")),
		    .echo = json_is_true(json_object_get(from, "echo"))};
		if (s->until < s->from)
			s->until = s->from;
	}
}

static void
take_notices(struct casefile *one, const json_t *array)
{
	one->notice = room_for(one, array, CASES_NOTICES, sizeof(*one->notice), &one->notices);
	for (size_t i = 0; i < one->notices; i++) {
		const json_t *from = json_array_get(array, i);

		one->notice[i] = (struct case_notice){text_of(from, "organisation"), text_of(from, "id"),
		    text_of(from, "title"), text_of(from, "names")};
	}
}

/* Again, where the document was changed. */
void
cases_take_words(struct casefile *one)
{
	const json_t *opinions = json_object_get(one->json, "opinions"), *traces = json_object_get(one->json, "trace");

	free(one->opinion);
	free(one->trace);
	one->opinion = room_for(one, opinions, CASES_OPINIONS, sizeof(*one->opinion), &one->opinions);
	for (size_t i = 0; i < one->opinions; i++) {
		const json_t *from = json_array_get(opinions, i);

		one->opinion[i] = (struct case_opinion){text_of(from, "organisation"), text_of(from, "opinion"),
		    text_of(from, "text"), text_of(from, "message"), text_of(from, "about"), time_of(from, "time"),
		    marking_of(from)};
	}
	one->trace = room_for(one, traces, CASES_TRACE, sizeof(*one->trace), &one->traces);
	for (size_t i = 0; i < one->traces; i++) {
		const json_t *from = json_array_get(traces, i);

		one->trace[i] =
		    (struct case_trace){text_of(from, "event"), text_of(from, "with"), time_of(from, "time")};
	}
}

/* ---- the whole ---- */

static void
drop_parts(struct casefile *one)
{
	for (size_t i = 0; i < one->hypotheses; i++) {
		free(one->hypothesis[i].support);
		free(one->hypothesis[i].against);
	}
	free(one->hypothesis);
	free(one->span);
	free(one->missing);
	free(one->resting);
	free(one->node);
	free(one->edge);
	free(one->sight);
	free(one->notice);
	free(one->opinion);
	free(one->trace);
	free(one->message);
}

/* All members anew from one->json. */
static void
take_parts(struct casefile *one)
{
	const json_t *from = one->json, *answer = json_object_get(from, "answer");

	one->id = text_of(from, "id");
	one->activity = text_of(from, "activity");
	one->state = text_of(from, "state");
	one->exercise = json_is_true(json_object_get(from, "exercise"));
	one->first = time_of(from, "first_seen");
	one->last = time_of(from, "last_seen");
	one->organisations = texts_of(json_object_get(from, "organisations"), one->organisation, CASES_ORGANISATIONS);
	one->message =
	    room_for(one, json_object_get(from, "sightings"), CASES_MESSAGES, sizeof(*one->message), &one->messages);
	if (one->message != NULL)
		one->messages = texts_of(json_object_get(from, "sightings"), one->message, one->messages);
	one->verdict = text_of(answer, "verdict");
	one->what = what_of(answer);
	one->value = text_of(answer, "value");
	one->leaning = text_of(answer, "leaning");
	one->confidence = number_of(answer, "confidence", 0, 0, 1);
	one->completeness = number_of(from, "completeness", 0, 0, 1);
	take_hypotheses(one, json_object_get(from, "hypotheses"));
	take_coverage(one, json_object_get(from, "coverage"));
	take_missing(one, json_object_get(from, "missing"));
	take_resting(one, json_object_get(from, "rests_on"));
	take_infrastructure(one, json_object_get(from, "infrastructure"));
	add_steering(one);
	take_timeline(one, json_object_get(from, "timeline"));
	take_notices(one, json_object_get(from, "notices"));
	cases_take_words(one);
}

/* Takes json over. */
static enum cc_status
from_json(json_t *json, struct casefile **ret_case, char **ret_why)
{
	struct casefile *one = calloc(1, sizeof(*one));

	if (one == NULL || !json_is_object(json) || !board_id_is_good(text_of(json, "id")) ||
	    !json_is_object(json_object_get(json, "answer")) ||
	    text_of(json_object_get(json, "answer"), "verdict")[0] == '\0') {
		enum cc_status st = one == NULL
					? CC_NOMEM
					: fail(CC_BAD, ret_why, "no case: it has no id \"case--…\", or no answer", "");

		json_decref(json);
		free(one);
		return st;
	}
	one->json = json;
	one->publisher = "";
	one->tlp = one->floor = marking_of(json);
	take_parts(one);
	if (one->no_memory) {
		cases_free(one);
		return CC_NOMEM;
	}
	*ret_case = one;
	return CC_OK;
}

enum cc_status
cases_read(struct slice text, struct casefile **ret_case, char **ret_why)
{
	json_error_t error;
	json_t *json = json_loadb((const char *)text.p, text.size, JSON_REJECT_DUPLICATES, &error);

	*ret_why = NULL;
	/* Without memory Jansson gives no text, or a code of its own. */
	if (json == NULL && (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory))
		return CC_NOMEM;
	return json != NULL ? from_json(json, ret_case, ret_why) : fail(CC_BAD, ret_why, "no JSON", error.text);
}

void
cases_free(struct casefile *one)
{
	if (one == NULL)
		return;
	drop_parts(one);
	json_decref(one->json);
	free(one->signer);
	free(one);
}

bool
cases_set_publisher(struct casefile *one, const char *name)
{
	free(one->signer);
	one->signer = strdup(name);
	one->publisher = one->signer != NULL ? one->signer : "";
	return one->signer != NULL;
}

/* ---- lists ---- */

enum cc_status
cases_list_add(struct cases_list *list, struct casefile *one)
{
	struct casefile **more = (list->count & (list->count - 1)) == 0 ?
		realloc(list->one, (list->count > 0 ? list->count * 2 : 1) * sizeof(*more)) : list->one;

	if (more == NULL)
		return CC_NOMEM;
	list->one = more;
	list->one[list->count++] = one;
	return CC_OK;
}

void
cases_list_free(struct cases_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		cases_free(list->one[i]);
	free(list->one);
	*list = (struct cases_list){NULL, 0, 0};
}

static enum cc_status
take_file(const json_t *file, struct cases_list *list, char **ret_why)
{
	const json_t *cases = json_object_get(file, "cases");
	uint64_t made = time_of(file, "made");
	json_t *json;
	size_t i;

	if (!json_is_array(cases))
		return fail(
		    CC_BAD, ret_why, "it has no list \"cases\": it is not what `concert correlate --out` writes", "");
	json_array_foreach(cases, i, json)
	{
		struct casefile *one = NULL;
		char *why = NULL;

		if (from_json(json_incref(json), &one, &why) != CC_OK) {
			free(why);
			list->left_out++;
			continue;
		}
		one->made = made;
		if (cases_list_add(list, one) != CC_OK) {
			cases_free(one);
			return CC_NOMEM;
		}
	}
	return CC_OK;
}

enum cc_status
cases_load(const char *path, struct cases_list *ret_list, char **ret_why)
{
	json_error_t error;
	FILE *in = fopen(path, "re");
	json_t *file = NULL;
	enum cc_status st = CC_OK;
	char *why = NULL;

	*ret_why = NULL;
	*ret_list = (struct cases_list){NULL, 0, 0};
	if (in == NULL)
		return fail(CC_IO, ret_why, path, strerror(errno));
	if (fseek(in, 0, SEEK_END) == 0 && ftell(in) > (long)FILE_MAX)
		st = fail(CC_FULL, ret_why, path, "larger than 512 MiB");
	rewind(in);
	if (st == CC_OK && (file = json_loadf(in, JSON_REJECT_DUPLICATES, &error)) == NULL)
		st = fail(CC_BAD, &why, "no JSON", error.text);
	if (st == CC_OK)
		st = take_file(file, ret_list, &why);
	if (why != NULL)
		(void)fail(st, ret_why, path, why);
	free(why);
	json_decref(file);
	fclose(in);
	if (st != CC_OK)
		cases_list_free(ret_list);
	return st;
}

struct casefile *
cases_find(const struct cases_list *list, const char *id, bool *ret_many)
{
	struct casefile *found = NULL;

	*ret_many = false;
	if (strncmp(id, "case--", 6) == 0)
		id += 6;
	for (size_t i = 0; i < list->count; i++) {
		if (id[0] == '\0' || strncmp(list->one[i]->id + 6, id, strlen(id)) != 0)
			continue;
		/* The same case by several organisations is one; the list has ours first. */
		if (found != NULL && strcmp(found->id, list->one[i]->id) != 0) {
			*ret_many = true;
			return NULL;
		}
		if (found == NULL)
			found = list->one[i];
	}
	return found;
}
