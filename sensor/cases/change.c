/*
 * Changes to a case, in its document, too: opinions and lines of its trace, state, and the document in as many bytes as
 * a message may have.  One thread.
 */
#include <jansson.h>

#include "cases/cases.h"
#include "exchange/exchange.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Here json_… is Jansson's alone. */
#undef json_object
#undef json_array
#undef json_string
#undef json_null

static enum cc_status
append(struct casefile *one, const char *name, json_t *value, size_t most)
{
	json_t *array = json_object_get(one->json, name);

	if (value == NULL)
		return CC_NOMEM;
	if (!json_is_array(array)) {
		array = json_array();
		if (json_object_set_new(one->json, name, array) != 0) {
			json_decref(value);
			return CC_NOMEM;
		}
	}
	if (json_array_size(array) >= most) {
		json_decref(value);
		return CC_FULL;
	}
	if (json_array_append_new(array, value) != 0)
		return CC_NOMEM;
	cases_take_words(one);
	return one->no_memory ? CC_NOMEM : CC_OK;
}

enum cc_status
cases_add_opinion(struct casefile *one, const struct case_opinion *opinion)
{
	char when[40];

	return append(one, "opinions",
	    json_pack("{ss ss ss ss ss ss ss}", "organisation", opinion->organisation, "opinion", opinion->opinion,
		"text", opinion->text, "time", time_rfc3339_text(opinion->time, when), "message", opinion->message,
		"about", opinion->about, "tlp", record_tlp_text(opinion->tlp)),
	    CASES_OPINIONS);
}

enum cc_status
cases_add_trace(struct casefile *one, const struct case_trace *trace)
{
	char when[40];

	return append(one, "trace",
	    json_pack(
		"{ss ss ss}", "time", time_rfc3339_text(trace->time, when), "event", trace->event, "with", trace->with),
	    CASES_TRACE);
}

void
cases_mark(struct casefile *one, enum cc_tlp tlp)
{
	one->tlp = tlp > one->floor ? tlp : one->floor;
}

enum cc_tlp
cases_marking(const struct casefile *one)
{
	enum cc_tlp tlp = one->tlp;

	for (size_t i = 0; i < one->opinions; i++)
		tlp = one->opinion[i].tlp > tlp ? one->opinion[i].tlp : tlp;
	return tlp;
}

enum cc_status
cases_set_state(struct casefile *one, const char *state)
{
	if (json_object_set_new(one->json, "state", json_string(state)) != 0)
		return CC_NOMEM;
	one->state = json_string_value(json_object_get(one->json, "state"));
	return CC_OK;
}

enum cc_status
cases_drop_opinions(struct casefile *one)
{
	if (json_object_set_new(one->json, "opinions", json_array()) != 0)
		return CC_NOMEM;
	cases_take_words(one);
	return one->no_memory ? CC_NOMEM : CC_OK;
}

bool
cases_has_trace(const struct casefile *one, const struct case_trace *t)
{
	for (size_t i = 0; i < one->traces; i++) {
		if (one->trace[i].time == t->time && strcmp(one->trace[i].event, t->event) == 0 &&
		    strcmp(one->trace[i].with, t->with) == 0)
			return true;
	}
	return false;
}

static int
trace_order(const void *a, const void *b)
{
	const struct case_trace *x = a, *y = b;
	int order = (x->time > y->time) - (x->time < y->time);

	if (order == 0)
		order = strcmp(x->event, y->event);
	return order != 0 ? order : strcmp(x->with, y->with);
}

enum cc_status
cases_join_trace(struct casefile *one, const struct casefile *other)
{
	struct case_trace *all = calloc(one->traces + other->traces + 1, sizeof(*all));
	json_t *array = json_array();
	size_t count = 0;
	enum cc_status st = all != NULL && array != NULL ? CC_OK : CC_NOMEM;

	for (size_t i = 0; st == CC_OK && i < one->traces; i++)
		all[count++] = one->trace[i];
	for (size_t i = 0; st == CC_OK && i < other->traces; i++) {
		if (!cases_has_trace(one, &other->trace[i]))
			all[count++] = other->trace[i];
	}
	if (st == CC_OK && count > 0)
		qsort(all, count, sizeof(*all), trace_order);
	/* The newest stay. */
	for (size_t i = count > CASES_TRACE ? count - CASES_TRACE : 0; st == CC_OK && i < count; i++) {
		char when[40];

		if (json_array_append_new(array, json_pack("{ss ss ss}", "time", time_rfc3339_text(all[i].time, when),
						     "event", all[i].event, "with", all[i].with)) != 0)
			st = CC_NOMEM;
	}
	free(all);
	if (st != CC_OK || json_object_set_new(one->json, "trace", array) != 0)
		return CC_NOMEM;
	cases_take_words(one);
	return one->no_memory ? CC_NOMEM : CC_OK;
}

void
cases_answer_text(const struct casefile *one, char ret_text[256])
{
	struct buf text;

	buf_over(&text, ret_text, 255);
	cases_clean(&text, one->verdict, 20);
	if (one->value[0] != '\0') {
		buf_add_u8(&text, ' ');
		cases_clean(&text, one->what, 20);
		buf_add_u8(&text, ' ');
		cases_clean(&text, one->value, 90);
	} else if (one->leaning[0] != '\0') {
		buf_add_text(&text, ", leaning to ");
		cases_clean(&text, one->leaning, 20);
	}
	buf_printf(&text, ", %.1f %%", one->confidence * 100);
	ret_text[text.size] = '\0';
}

/* A tenth of a per cent is not told of: nothing has changed for a reader. */
enum cc_status
cases_note_change(struct casefile *one, const struct casefile *earlier, uint64_t now, bool *ret_changed)
{
	bool answer = strcmp(one->verdict, earlier->verdict) != 0 || strcmp(one->value, earlier->value) != 0 ||
		      strcmp(one->what, earlier->what) != 0;
	char before[256], after[256], with[600];

	*ret_changed = answer || fabs(one->confidence - earlier->confidence) >= 0.001;
	if (!*ret_changed)
		return CC_OK;
	cases_answer_text(earlier, before);
	cases_answer_text(one, after);
	snprintf(with, sizeof(with), "%s \u2192 %s", before, after);
	return cases_add_trace(one, &(struct case_trace){answer ? "answer changed" : "probability changed", with, now});
}

/* Lists that a document can do without, longest first; the counts stay in the summary. */
static bool
cut_once(json_t *json)
{
	static const char *const dispensable[] = {"sightings", "timeline"};
	json_t *hypotheses = json_object_get(json, "hypotheses"), *h;
	bool cut = false;
	size_t i;

	for (size_t k = 0; k < 2; k++) {
		json_t *list = json_object_get(json, dispensable[k]);
		size_t keep = json_array_size(list) / 2;

		cut = cut || json_array_size(list) > 0;
		while (json_array_size(list) > keep)
			json_array_remove(list, json_array_size(list) - 1);
	}
	/* Who it rests on, and the answer without him, stay. */
	json_array_foreach(json_object_get(json, "rests_on"), i, h)
	{
		json_t *list = json_object_get(h, "hypotheses");

		cut = cut || json_array_size(list) > 0;
		json_array_clear(list);
	}
	json_array_foreach(hypotheses, i, h)
	{
		json_t *list = json_object_get(h, "for");
		size_t keep = json_array_size(list) / 2;

		cut = cut || json_array_size(list) > 0;
		while (json_array_size(list) > keep)
			json_array_remove(list, json_array_size(list) - 1);
	}
	if (cut)
		json_object_set_new(json, "cut", json_true());
	return cut;
}

/* json_dumpb() says its size first: json_dumps() may lose a member's name where memory ends. */
static bool
add_document(struct buf *out, const json_t *json, size_t size)
{
	if (!buf_reserve(out, size) || json_dumpb(json, (char *)out->p + out->size, size, JSON_COMPACT) != size)
		return false;
	out->size += size;
	return true;
}

enum cc_status
cases_document(struct casefile *one, size_t most, struct buf *out)
{
	json_t *copy = one->json;
	size_t size = json_dumpb(copy, NULL, 0, JSON_COMPACT);
	enum cc_status st = CC_OK;

	if (size > most)
		copy = json_deep_copy(one->json);
	while (copy != NULL && size > most && cut_once(copy))
		size = json_dumpb(copy, NULL, 0, JSON_COMPACT);
	if (copy == NULL || size == 0 || (size <= most && !add_document(out, copy, size)))
		st = CC_NOMEM;
	else if (size > most)
		st = CC_FULL;
	if (copy != one->json)
		json_decref(copy);
	return st;
}
