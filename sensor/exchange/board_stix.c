/*
 * A case of the joint determination as STIX 2.1 objects: observables, an observed-data for each organisation that saw
 * some of them, the infrastructure that consists of these, a note in plain words, our opinion, and the grouping that
 * holds all together, with the whole document in our extension.
 *
 * Ids follow from the case and from who publishes it: what the same organisation publishes again are later versions of
 * the same objects, and another's version of the same case has ids of its own.
 */
#include "exchange/desk_own.h"

#include <stdio.h>

struct writing {
	struct json *json;
	const struct board_post *post;
	const char *author; /* identity */
	char created[40], modified[40];
};

static void
own_id(const struct writing *w, const char *type, const char *word, char ret_id[STIX_ID])
{
	struct slice part[] = {slice_str(w->author), slice_str(w->post->id), slice_str(word)};

	stix_own_id(type, part, 3, ret_id);
}

static void
grouping_id(const char *author, const char *id, char ret_id[STIX_ID])
{
	struct slice part[] = {slice_str(author), slice_str(id), slice_str("")};

	stix_own_id("grouping", part, 3, ret_id);
}

static void
begin(const struct writing *w, const char *type, const char *id)
{
	stix_begin(w->json, type, id, w->author, w->created, w->modified);
}

static void
begin_extension(struct json *json)
{
	json_object(json, "extensions");
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
}

static void
end(const struct writing *w)
{
	stix_marking(w->json, w->post->tlp);
	json_end_object(w->json);
}

static void
put_time(struct json *json, const char *key, uint64_t ns)
{
	char text[40];

	json_text(json, key, time_rfc3339_text(ns, text));
}

/* Ids of all objects, for the grouping. */
struct ids {
	struct buf text; /* each with its NUL */
};

static void
note_id(struct ids *ids, const char *id)
{
	buf_add(&ids->text, id, strlen(id) + 1);
}

static void
put_witness(const struct writing *w, const struct board_witness *one, const char (*sco)[STIX_ID], struct ids *ids,
    char ret_id[STIX_ID])
{
	size_t refs = 0;

	ret_id[0] = '\0';
	for (size_t i = 0; i < one->items; i++)
		refs += sco[one->item[i]][0] != '\0';
	if (refs == 0)
		return;
	own_id(w, "observed-data", one->organisation, ret_id);
	begin(w, "observed-data", ret_id);
	put_time(w->json, "first_observed", one->first);
	put_time(w->json, "last_observed", one->last);
	json_uint(w->json, "number_observed", one->count > 0 ? one->count : 1);
	json_array(w->json, "object_refs");
	for (size_t i = 0; i < one->items; i++) {
		if (sco[one->item[i]][0] != '\0')
			json_text(w->json, NULL, sco[one->item[i]]);
	}
	json_end_array(w->json);
	begin_extension(w->json);
	json_object(w->json, "witness");
	json_text(w->json, "organisation", one->organisation);
	json_array(w->json, "messages");
	for (size_t i = 0; i < one->messages; i++)
		json_text(w->json, NULL, one->message[i]);
	json_end_array(w->json);
	json_end_object(w->json);
	json_end_object(w->json);
	json_end_object(w->json);
	end(w);
	note_id(ids, ret_id);
}

static void
put_consists(const struct writing *w, const char *whole, const char *part, struct ids *ids)
{
	char id[STIX_ID];
	struct slice both[] = {slice_str(w->author), slice_str(whole), slice_str(part)};

	stix_own_id("relationship", both, 3, id);
	begin(w, "relationship", id);
	json_text(w->json, "relationship_type", "consists-of");
	json_text(w->json, "source_ref", whole);
	json_text(w->json, "target_ref", part);
	end(w);
	note_id(ids, id);
}

/* How observables hang together; each pair and relation once. */
static void
put_edges(const struct writing *w, const char (*sco)[STIX_ID], struct ids *ids)
{
	for (size_t i = 0; i < w->post->edges; i++) {
		const struct board_edge *e = &w->post->edge[i];
		bool resolves = strcmp(e->why, "resolved to") == 0 && strncmp(sco[e->from], "domain-name--", 13) == 0;
		char id[STIX_ID];
		struct slice part[] = {slice_str(w->author), slice_str(w->post->id), slice_str(sco[e->from]),
		    slice_str(sco[e->to]), slice_str(e->why)};
		size_t k = 0;

		while (k < i && (strcmp(sco[w->post->edge[k].from], sco[e->from]) != 0 ||
				    strcmp(sco[w->post->edge[k].to], sco[e->to]) != 0 ||
				    strcmp(w->post->edge[k].why, e->why) != 0))
			k++;
		if (k < i || sco[e->from][0] == '\0' || sco[e->to][0] == '\0' ||
		    strcmp(sco[e->from], sco[e->to]) == 0)
			continue;
		stix_own_id("relationship", part, 5, id);
		begin(w, "relationship", id);
		json_text(w->json, "relationship_type", resolves ? "resolves-to" : "related-to");
		if (!resolves)
			json_text(w->json, "description", e->why);
		json_text(w->json, "source_ref", sco[e->from]);
		json_text(w->json, "target_ref", sco[e->to]);
		end(w);
		note_id(ids, id);
	}
}

static void
begin_infrastructure(const struct writing *w, const char *id, const char *name)
{
	begin(w, "infrastructure", id);
	json_text(w->json, "name", name);
	json_array(w->json, "infrastructure_types");
	json_text(w->json, NULL, "unknown");
	json_end_array(w->json);
	put_time(w->json, "first_seen", w->post->first);
	/* Later than the first, by the standard. */
	put_time(w->json, "last_seen", w->post->last > w->post->first ? w->post->last : w->post->first + NS_PER_S);
}

static void
put_infrastructure(
    const struct writing *w, const char (*sco)[STIX_ID], const char (*observed)[STIX_ID], struct ids *ids)
{
	char id[STIX_ID], name[700];

	own_id(w, "infrastructure", "all", id);
	snprintf(name, sizeof(name), "infrastructure of %s", w->post->id);
	begin_infrastructure(w, id, name);
	end(w);
	note_id(ids, id);
	for (size_t i = 0; i < w->post->witnesses; i++) {
		if (observed[i][0] != '\0')
			put_consists(w, id, observed[i], ids);
	}
	if (w->post->source_value[0] == '\0')
		return;
	own_id(w, "infrastructure", "source", id);
	snprintf(name, sizeof(name), "%s %.512s", w->post->source_kind, w->post->source_value);
	begin_infrastructure(w, id, name);
	json_text(w->json, "description", "Where the activity comes from, by the determination.");
	json_uint(w->json, "confidence", w->post->confidence);
	end(w);
	note_id(ids, id);
	for (size_t i = 0; i < w->post->items; i++) {
		if (sco[i][0] != '\0' && strcmp(w->post->item[i].kind, w->post->source_kind) == 0 &&
		    strcmp(w->post->item[i].value, w->post->source_value) == 0)
			put_consists(w, id, sco[i], ids);
	}
}

void
board_opinion_object(struct json *json, const struct board_opinion *o, bool document)
{
	static const char *const word[] = {
	    [BOARD_AGREE] = "agree", [BOARD_DISAGREE] = "disagree", [BOARD_ABSTAIN] = "neutral"};
	char author[IDENTITY_ID], of[IDENTITY_ID], id[STIX_ID], grouping[STIX_ID], when[40];
	struct slice part[] = {slice_of(NULL, 0), slice_str(o->id), slice_str(time_rfc3339_text(o->time, when))};

	identity_of(o->organisation, author);
	identity_of(o->of, of);
	part[0] = slice_str(author);
	stix_own_id("opinion", part, 3, id);
	grouping_id(of, o->id, grouping);
	stix_begin(json, "opinion", id, author, when, when);
	json_text(json, "opinion", word[o->view]);
	if (o->text[0] != '\0')
		json_text(json, "explanation", o->text);
	json_array(json, "object_refs");
	json_text(json, NULL, grouping);
	json_end_array(json);
	if (document) {
		begin_extension(json);
		json_object(json, "opinion");
		json_text(json, "case", o->id);
		json_text(json, "of", o->of);
		json_text(json, "opinion", board_view_word[o->view]);
		json_text_if(json, "text", o->text);
		json_text_if(json, "about", o->about);
		json_end_object(json);
		json_end_object(json);
		json_end_object(json);
	}
	stix_marking(json, o->tlp);
	json_end_object(json);
}

/* In an export: who they are that said something; the same object as they send. */
static void
put_speakers(const struct writing *w, const char *own)
{
	char id[IDENTITY_ID];

	for (size_t i = 0; i < w->post->opinions; i++) {
		const char *who = w->post->opinion[i].organisation;
		size_t k = 0;

		while (k < i && strcmp(w->post->opinion[k].organisation, who) != 0)
			k++;
		if (k < i || strcmp(who, own) == 0)
			continue;
		identity_of(who, id);
		stix_begin(w->json, "identity", id, id, STIX_CREATED, STIX_CREATED);
		json_text(w->json, "name", who);
		json_text(w->json, "identity_class", "organization");
		json_end_object(w->json);
	}
}

static void
put_grouping(const struct writing *w, const char *id, const struct ids *ids)
{
	begin(w, "grouping", id);
	json_text(w->json, "name", w->post->name);
	json_text(w->json, "description", w->post->summary);
	json_text(w->json, "context", "suspicious-activity");
	json_array(w->json, "object_refs");
	for (size_t at = 0; at < ids->text.size; at += strlen((const char *)ids->text.p + at) + 1)
		json_text(w->json, NULL, (const char *)ids->text.p + at);
	json_end_array(w->json);
	begin_extension(w->json);
	json_raw(w->json, "case", w->post->document);
	json_end_object(w->json);
	json_end_object(w->json);
	end(w);
}

static void
put_note(const struct writing *w, const char *grouping)
{
	char id[STIX_ID];

	own_id(w, "note", "summary", id);
	begin(w, "note", id);
	json_text(w->json, "abstract", w->post->name);
	json_text(w->json, "content", w->post->summary);
	json_array(w->json, "object_refs");
	json_text(w->json, NULL, grouping);
	json_end_array(w->json);
	end(w);
}

void
board_objects(struct json *json, const struct board_post *post, const char *author, const char *own, bool all_opinions)
{
	struct writing w = {.json = json, .post = post, .author = author};
	char(*sco)[STIX_ID] = calloc(post->items + 1, STIX_ID),
	(*observed)[STIX_ID] = calloc(post->witnesses + 1, STIX_ID), grouping[STIX_ID];
	struct ids ids;

	buf_open(&ids.text, 1u << 20);
	time_rfc3339_text(post->first, w.created);
	time_rfc3339_text(post->time > post->first ? post->time : post->first, w.modified);
	grouping_id(author, post->id, grouping);
	for (size_t i = 0; sco != NULL && i < post->items; i++) {
		enum cc_kind kind;

		if (record_kind_parse(slice_str(post->item[i].kind), &kind) == CC_OK &&
		    stix_observable(json, kind, slice_str(post->item[i].value), post->tlp, sco[i]) == CC_OK)
			note_id(&ids, sco[i]);
	}
	if (sco == NULL || observed == NULL)
		json->out->full = true;
	for (size_t i = 0; sco != NULL && observed != NULL && i < post->witnesses; i++)
		put_witness(&w, &post->witness[i], (const char (*)[STIX_ID])sco, &ids, observed[i]);
	if (sco != NULL && observed != NULL)
		put_infrastructure(&w, (const char (*)[STIX_ID])sco, (const char (*)[STIX_ID])observed, &ids);
	if (sco != NULL)
		put_edges(&w, (const char (*)[STIX_ID])sco, &ids);
	put_note(&w, grouping);
	if (all_opinions)
		put_speakers(&w, own);
	for (size_t i = 0; i < post->opinions; i++) {
		if (all_opinions || strcmp(post->opinion[i].organisation, own) == 0)
			board_opinion_object(json, &post->opinion[i], false);
	}
	put_grouping(&w, grouping, &ids);
	buf_close(&ids.text);
	free(sco);
	free(observed);
}

enum cc_status
board_stix(const struct conf *conf, const struct board_post *post, struct buf *out)
{
	static char name[] = DESK_NAME;
	struct conf desk = *conf;
	struct json json = json_into(out);
	char organisation[STIX_ID], self[STIX_ID], id[STIX_ID], when[40], publisher[256];
	struct slice part[] = {
	    slice_str(post->publisher), slice_str(post->id), slice_str(time_rfc3339_text(post->time, when))};

	/* Another's determination stays his: the same objects as he sent. */
	snprintf(publisher, sizeof(publisher), "%s", post->publisher);
	desk.sensor_organisation = publisher;
	desk.sensor_name = name;
	stix_self(&desk, organisation, self);
	stix_own_id("bundle", part, 3, id);
	json_object(&json, NULL);
	json_text(&json, "type", "bundle");
	json_text(&json, "id", id);
	json_array(&json, "objects");
	stix_frame(&json, &desk, post->tlp);
	board_objects(&json, post, organisation, publisher, true);
	json_end_array(&json);
	json_end_object(&json);
	return out->full ? CC_FULL : CC_OK;
}
