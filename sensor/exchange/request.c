/*
 * Requests for assistance: the state machine, and its messages.
 *
 *   requester   sent ─────────────────────────────────────────────────────────► closed
 *   responder        ► acknowledged ► working ► answered, declined (reason)  ──┘
 *
 * Every step is a message that its side signs; it names the step before it (`after`), so that both sides' words stand
 * in one order however they arrive.  A request's id follows from its requester and a nonce: nobody can take another's.
 * A requester may close at any time: before an answer that withdraws the request.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

const char *const request_state_word[REQUEST_STATES] = {
    "sent", "acknowledged", "working", "answered", "declined", "closed"};
const char *const request_priority_word[REQUEST_PRIORITIES] = {"routine", "urgent", "flash"};

/* From which states one gets there, and whose step it is. */
static const struct {
	unsigned from;
	bool requester;
} legal[REQUEST_STATES] = {
    [REQUEST_SENT] = {1u << REQUEST_STATES, true},
    [REQUEST_ACKNOWLEDGED] = {1u << REQUEST_SENT, false},
    [REQUEST_WORKING] = {1u << REQUEST_ACKNOWLEDGED, false},
    [REQUEST_ANSWERED] = {1u << REQUEST_ACKNOWLEDGED | 1u << REQUEST_WORKING, false},
    [REQUEST_DECLINED] = {1u << REQUEST_ACKNOWLEDGED | 1u << REQUEST_WORKING, false},
    [REQUEST_CLOSED] = {(1u << REQUEST_CLOSED) - 1, true},
};

const char *
request_step(enum request_state from, enum request_state to, bool by_requester)
{
	if ((unsigned)to >= REQUEST_STATES || (unsigned)from > REQUEST_STATES)
		return "no such state";
	if (legal[to].requester != by_requester)
		return by_requester ? "this step is the responder's" : "this step is the requester's";
	if ((legal[to].from >> from & 1) != 0)
		return NULL;
	if (from == REQUEST_STATES)
		return "there is no such request";
	if (from == to)
		return "it is in this state already";
	if (from == REQUEST_CLOSED)
		return "it is closed";
	if (from == REQUEST_ANSWERED || from == REQUEST_DECLINED)
		return "it has its answer";
	if (to == REQUEST_SENT)
		return "it was sent already";
	return "it has not come that far";
}

/* ---- in ---- */

static int
word_of(const char *text, const char *const *words, int count)
{
	for (int i = 0; text != NULL && i < count; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	return -1;
}

static bool
time_member(const json_t *from, const char *name, uint64_t *ret_time)
{
	const char *text = json_string_value(json_object_get(from, name));

	*ret_time = 0;
	return json_object_get(from, name) == NULL || (text != NULL && time_rfc3339_parse(text, ret_time) == CC_OK);
}

void
request_id(const char *requester, const char *nonce, char ret_id[40])
{
	struct slice part[] = {slice_str(requester), slice_str(nonce)};
	char id[STIX_ID];

	stix_own_id("request", part, 2, id);
	snprintf(ret_id, 40, "%.36s", id + strlen("request--"));
}

enum cc_status
step_parse(const struct came *came, struct step *ret_step, const char **ret_why)
{
	json_t *from = desk_extension(came->bundle, "request");
	struct step *s = ret_step;

	*s = (struct step){.answer = json_object_get(from, "answer"), .part = json_object_get(from, "part")};
	*ret_why = "it has no request";
	if (from == NULL || !desk_member(from, "id", s->id, sizeof(s->id)) ||
	    !desk_member(from, "requester", s->requester, sizeof(s->requester)) ||
	    !desk_member(from, "responder", s->responder, sizeof(s->responder)) ||
	    !desk_member(from, "state", s->state, sizeof(s->state)) ||
	    !desk_member(from, "after", s->after, sizeof(s->after)))
		return CC_BAD;
	(void)desk_member(from, "text", s->text, sizeof(s->text));
	*ret_why = "its key is not the request's id";
	if (!slice_is(came->key, s->id))
		return CC_BAD;
	*ret_why = "it is neither the requester's nor the responder's";
	if (strcmp(came->organisation, s->requester) != 0 && strcmp(came->organisation, s->responder) != 0)
		return CC_BAD;
	*ret_why = "its state is none";
	return word_of(s->state, request_state_word, REQUEST_STATES) >= 0 || strcmp(s->state, "part") == 0 ? CC_OK
													   : CC_BAD;
}

enum cc_status
request_parse(const json_t *from, struct request *r, const char **ret_why)
{
	const json_t *indicators = json_object_get(from, "indicators"), *one;
	char nonce[64], is[40];
	int kind = word_of(json_string_value(json_object_get(from, "kind")), request_kind_word, REQUEST_KINDS);
	int priority =
	    word_of(json_string_value(json_object_get(from, "priority")), request_priority_word, REQUEST_PRIORITIES);
	size_t i;

	*r = (struct request){.kind = (enum request_kind)kind, .priority = (enum request_priority)priority};
	*ret_why = "kind or priority is none that we know";
	if (kind < 0 || priority < 0)
		return CC_BAD;
	*ret_why = "a text is too long, or is none";
	if (!desk_member(from, "id", r->id, sizeof(r->id)) || !desk_member(from, "nonce", nonce, sizeof(nonce)) ||
	    !desk_member(from, "requester", r->requester, sizeof(r->requester)) ||
	    !desk_member(from, "responder", r->responder, sizeof(r->responder)) ||
	    !desk_member(from, "text", r->text, sizeof(r->text)) ||
	    !desk_member(from, "contact", r->contact, sizeof(r->contact)) ||
	    !desk_member(from, "evidence", r->evidence, sizeof(r->evidence)) ||
	    !desk_member(from, "pseudonym", r->pseudonym, sizeof(r->pseudonym)))
		return CC_BAD;
	*ret_why = "its id does not follow from requester and nonce";
	request_id(r->requester, nonce, is);
	if (strcmp(is, r->id) != 0)
		return CC_BAD;
	*ret_why = "a time is no time";
	if (!time_member(from, "deadline", &r->deadline) || !time_member(from, "from_time", &r->from) ||
	    !time_member(from, "until_time", &r->to))
		return CC_BAD;
	*ret_why = "it asks for more than 64 indicators, or for what is none";
	if (json_array_size(indicators) > REQUEST_INDICATORS)
		return CC_BAD;
	json_array_foreach(indicators, i, one)
	{
		const char *text = json_string_value(one);

		if (text == NULL || strlen(text) >= sizeof(r->indicator[0]) || strchr(text, ':') == NULL)
			return CC_BAD;
		snprintf(r->indicator[r->indicators++], sizeof(r->indicator[0]), "%s", text);
	}
	*ret_why = "it does not say what it asks for";
	if ((r->kind == REQUEST_HAVE_YOU_SEEN && r->indicators == 0) ||
	    (r->kind == REQUEST_REVEAL && r->pseudonym[0] == '\0') ||
	    (r->kind == REQUEST_EVIDENCE && strspn(r->evidence, "0123456789abcdef") != 64) ||
	    (r->kind == REQUEST_HAVE_YOU_SEEN && r->to != 0 && r->to < r->from))
		return CC_BAD;
	return CC_OK;
}

/* ---- out ---- */

/* What is asked, in the first message alone. */
static void
put_question(struct json *json, const struct request *r, const char *nonce)
{
	json_text(json, "nonce", nonce);
	json_text(json, "kind", request_kind_word[r->kind]);
	json_text(json, "priority", request_priority_word[r->priority]);
	json_time_if(json, "deadline", r->deadline);
	json_text_if(json, "contact", r->contact);
	if (r->indicators > 0) {
		json_array(json, "indicators");
		for (size_t i = 0; i < r->indicators; i++)
			json_text(json, NULL, r->indicator[i]);
		json_end_array(json);
	}
	json_time_if(json, "from_time", r->from);
	json_time_if(json, "until_time", r->to);
	json_text_if(json, "evidence", r->evidence);
	json_text_if(json, "pseudonym", r->pseudonym);
}

void
part_name(const char *request, unsigned n, char ret_name[64])
{
	snprintf(ret_name, 64, "%.40s/%u", request, n);
}

/* Words and answer as one JSON object, for the requester's eyes: apu is who answers, apv the request. */
static enum cc_status
put_sealed(struct json *json, const struct request *r, const struct step_out *out)
{
	struct buf plain, sealed;
	struct json inner = json_into(&plain);
	enum cc_status st;

	buf_open(&plain, 4u << 20);
	buf_open(&sealed, 8u << 20);
	json_object(&inner, NULL);
	json_text_if(&inner, "text", out->words);
	if (out->answer != NULL)
		json_raw(&inner, "answer", slice_str(out->answer));
	json_end_object(&inner);
	st = plain.full
		 ? CC_FULL
		 : jwe_seal(out->seal_for, slice_str(r->responder), slice_str(r->id), buf_slice(&plain), &sealed);
	if (st == CC_OK)
		json_string(json, "encrypted", buf_slice(&sealed));
	buf_close(&plain);
	buf_close(&sealed);
	return st;
}

static enum cc_status
put_part(struct draft *draft, const struct request *r, const struct step_out *out)
{
	struct buf sealed;
	char name[64];
	enum cc_status st;

	if (out->seal_for == NULL) {
		draft_artifact(draft, out->part->bytes, "application/vnd.tcpdump.pcap");
		return CC_OK;
	}
	buf_open(&sealed, 64u << 20);
	part_name(r->id, out->part->n, name);
	st = jwe_seal(out->seal_for, slice_str(r->responder), slice_str(name), out->part->bytes, &sealed);
	if (st == CC_OK)
		draft_artifact(draft, buf_slice(&sealed), SEALED_MIME);
	buf_close(&sealed);
	return st;
}

enum cc_status
step_send(struct desk *desk, const struct request *r, const struct step_out *out, char **ret_why)
{
	struct draft draft = {.topic = "requests",
	    .type = "org.concert.request.v1",
	    .key = r->id,
	    .tlp = out->tlp,
	    .exercise = r->exercise};
	char word[64], title[200];
	struct buf text;
	struct json json = json_into(&text);
	bool sealed = out->seal_for != NULL;
	enum cc_status st = CC_OK;

	buf_open(&text, desk->conf.exchange_message_max);
	snprintf(word, sizeof(word), "%s %u", out->state, out->part != NULL ? out->part->n : 0);
	draft.word = word;
	json_object(&json, NULL);
	json_text(&json, "id", r->id);
	json_text(&json, "requester", r->requester);
	json_text(&json, "responder", r->responder);
	json_text(&json, "state", out->state);
	json_text_if(&json, "after", out->after);
	if (!sealed)
		json_text_if(&json, "text", out->words);
	if (out->nonce != NULL)
		put_question(&json, r, out->nonce);
	if (sealed && out->part == NULL)
		st = put_sealed(&json, r, out);
	else if (out->answer != NULL)
		json_raw(&json, "answer", slice_str(out->answer));
	if (out->part != NULL) {
		json_object(&json, "part");
		json_uint(&json, "n", out->part->n);
		json_uint(&json, "of", out->part->of);
		json_end_object(&json);
	}
	json_end_object(&json);
	draft_begin(desk, &draft, true);
	snprintf(title, sizeof(title), "request for assistance (%s): %s", request_kind_word[r->kind], out->state);
	if (st == CC_OK && out->part != NULL)
		st = put_part(&draft, r, out);
	draft_note(&draft, title, out->words != NULL && !sealed ? out->words : "", "request", buf_slice(&text));
	desk->value.full = desk->value.full || text.full;
	buf_close(&text);
	if (st != CC_OK && st != CC_FULL)
		return desk_fail(desk, st, ret_why, "it can't be sealed for %s", r->requester);
	desk->value.full = desk->value.full || st == CC_FULL;
	return draft_end(desk, &draft, ret_why);
}
