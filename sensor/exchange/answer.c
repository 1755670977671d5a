/*
 * Answers: what a machine can say for us.  Have-you-seen from the sensor's own store with its coverage, the evidence
 * behind a sighting in parts, the address behind a pseudonym, a ping.
 *
 * An answer is marked as strictly as the question, and as what it tells: sightings as indicate.tlp, captures and
 * addresses of ours at least AMBER.  What the requester may not receive stays here and waits for a person.  Every
 * answer is in the audit log before it leaves; without the log nothing is revealed.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

#include "evidence/evidence.h"

#define SHOWN_HOURS 24

static enum cc_tlp
strictest(enum cc_tlp a, enum cc_tlp b)
{
	return a > b ? a : b;
}

static enum cc_status
finish(
    struct desk *desk, const struct request *r, const char *words, const char *answer, enum cc_tlp tlp, char **ret_why)
{
	struct step_out out = {
	    .state = request_state_word[REQUEST_ANSWERED], .words = words, .answer = answer, .tlp = tlp};

	return request_deliver(desk, r, &out, ret_why);
}

/* ---- have you seen ---- */

static void
put_coverage(struct json *json, const struct store_seen *seen)
{
	json_object(json, "coverage");
	json_printf(json, "looked", "%.0fs", (double)seen->looked / 1e9);
	json_time_if(json, "from", seen->looked_from);
	json_time_if(json, "until", seen->looked_until);
	json_uint(json, "packets", seen->packets);
	json_uint(json, "lost", seen->lost);
	json_end_object(json);
}

static enum cc_status
put_seen(struct json *json, struct store *store, const struct request *r, const char *indicator, uint64_t until,
    struct store_seen *seen)
{
	const char *colon = strchr(indicator, ':');
	enum cc_kind kind;
	enum cc_status st = record_kind_parse(slice_of(indicator, (size_t)(colon - indicator)), &kind);

	if (st == CC_OK)
		st = store_seen(store, kind, slice_str(colon + 1), r->from, until, seen);
	if (st == CC_IO || st == CC_NOMEM)
		return st;
	json_object(json, NULL);
	json_text(json, "indicator", indicator);
	if (st != CC_OK) {
		json_text(json, "trouble", "no indicator of a kind that we know");
	} else {
		json_bool(json, "seen", seen->count + seen->flows > 0);
		json_uint(json, "count", seen->count);
		json_uint(json, "flows", seen->flows);
		json_time_if(json, "first", seen->first);
		json_time_if(json, "last", seen->last);
		if (seen->count + seen->flows > 0)
			json_text(json, "proof", record_proof_text(seen->proof));
		if (seen->cut)
			json_bool(json, "lower_bound", true);
	}
	json_end_object(json);
	return CC_OK;
}

static enum cc_status
have_you_seen(struct desk *desk, const struct request *r, const char *words, char **ret_why)
{
	struct store_seen *seen = calloc(1, sizeof(*seen));
	struct store *store = NULL;
	uint64_t until = r->to != 0 ? r->to : r->created;
	struct buf text;
	struct json json = json_into(&text);
	enum cc_status st = seen != NULL ? store_open(desk->given, desk->outdir, false, &store, ret_why) : CC_NOMEM;

	if (st == CC_ABSENT) {
		free(seen);
		return desk_fail(desk, CC_ABSENT, ret_why, "there is no store of sightings in %s", desk->outdir);
	}
	buf_open(&text, desk->conf.exchange_message_max);
	json_object(&json, NULL);
	json_array(&json, "results");
	for (size_t i = 0; st == CC_OK && i < r->indicators; i++)
		st = put_seen(&json, store, r, r->indicator[i], until, seen);
	json_end_array(&json);
	if (seen != NULL)
		*seen = (struct store_seen){.count = 0};
	if (st == CC_OK && (st = store_looked(store, r->from, until, seen)) == CC_OK)
		put_coverage(&json, seen);
	json_end_object(&json);
	buf_add_u8(&text, '\0');
	if (st == CC_IO && *ret_why == NULL)
		(void)desk_fail(desk, st, ret_why, "%s", store_error(store));
	store_end(store);
	if (st == CC_OK && text.full)
		st = desk_fail(desk, CC_FULL, ret_why, "the answer is larger than exchange.message_max");
	if (st == CC_OK)
		st = finish(desk, r, words, (const char *)text.p,
		    strictest(r->tlp, (enum cc_tlp)desk->conf.indicate_tlp), ret_why);
	buf_close(&text);
	free(seen);
	return st;
}

/* ---- evidence ---- */

/* In parts, each a message: base64 takes a third more, the seal's another third, the frame a few kB. */
static enum cc_status
send_parts(struct desk *desk, const struct request *r, struct slice bytes, enum cc_tlp tlp, unsigned *ret_parts,
    char **ret_why)
{
	size_t most = (desk->conf.exchange_message_max - 8192) / 16 * 9 - 512;
	struct evidence_part part = {.n = 1, .of = (unsigned)((bytes.size + most - 1) / most)};
	struct step_out out = {.state = "part", .part = &part, .tlp = tlp};
	enum cc_status st = CC_OK;

	for (; st == CC_OK && part.n <= part.of; part.n++) {
		size_t from = (part.n - 1) * most;

		part.bytes = slice_of(bytes.p + from, bytes.size - from < most ? bytes.size - from : most);
		st = request_deliver(desk, r, &out, ret_why);
	}
	*ret_parts = part.of;
	return st;
}

static enum cc_status
evidence(struct desk *desk, const struct request *r, const char *words, char **ret_why)
{
	struct evidence_store *store = NULL;
	struct evidence_entry entry;
	struct slice bytes = slice_of(NULL, 0);
	enum cc_tlp tlp = strictest(strictest(r->tlp, CC_TLP_AMBER), (enum cc_tlp)desk->conf.indicate_tlp);
	uint8_t sha256[32];
	char answer[256];
	unsigned parts = 0;
	enum cc_status st;

	if (hex_parse(slice_str(r->evidence), sha256, 32) != CC_OK)
		return desk_fail(desk, CC_ABSENT, ret_why, "it names no SHA-256");
	if (evidence_store_open(desk->given, desk->outdir, false, &store, ret_why) != CC_OK)
		return desk_fail(desk, CC_ABSENT, ret_why, "there is no evidence in %s", desk->outdir);
	st = evidence_store_read(store, sha256, &bytes);
	if (st != CC_OK) {
		bool known = evidence_store_find(store, sha256, &entry) == CC_OK;

		(void)desk_fail(desk, CC_ABSENT, ret_why, "this evidence %s%s",
		    known ? "is not kept any more: " : "was never kept here",
		    known ? evidence_state_text[entry.state] : "");
		evidence_store_close(store);
		return CC_ABSENT;
	}
	evidence_store_close(store);
	st = send_parts(desk, r, bytes, tlp, &parts, ret_why);
	snprintf(answer, sizeof(answer), "{\"evidence\":{\"sha256\":\"%s\",\"size\":%zu,\"parts\":%u}}", r->evidence,
	    bytes.size, parts);
	if (st == CC_OK)
		st = finish(desk, r, words, answer, tlp, ret_why);
	free((void *)(uintptr_t)bytes.p);
	return st;
}

/* ---- reveal ---- */

static enum cc_status
reveal(struct desk *desk, const struct request *r, const char *words, char **ret_why)
{
	enum cc_tlp tlp = strictest(r->tlp, CC_TLP_AMBER);
	struct cc_addr addr;
	char text[CC_ADDR_TEXT], answer[512];
	const char *wrong;
	struct buf line;
	struct json json = json_into(&line);
	enum cc_status st = CC_OK;

	if (desk->victims == NULL)
		st = victims_open(desk->given, desk->outdir, &desk->victims, ret_why);
	if (st == CC_OK && victims_reveal(desk->victims, slice_str(r->pseudonym), &addr, &wrong) != CC_OK)
		return desk_fail(desk, CC_ABSENT, ret_why, "%s", wrong);
	if (st != CC_OK)
		return st;
	cc_addr_text(&addr, text);
	st = audit_note(desk->outdir, "reveal",
	    (const char *const[]){
		"request", r->id, "to", r->requester, "pseudonym", r->pseudonym, "address", text, "why", r->text, NULL},
	    ret_why);
	if (st != CC_OK)
		return st;
	buf_over(&line, answer, sizeof(answer) - 1);
	json_object(&json, NULL);
	json_text(&json, "pseudonym", r->pseudonym);
	json_text(&json, "address", text);
	json_end_object(&json);
	answer[line.size] = '\0';
	return finish(desk, r, words, answer, tlp, ret_why);
}

/* ---- by policy ---- */

enum cc_status
answer_send(struct desk *desk, const struct request *r, const char *words, char **ret_why)
{
	enum cc_status st;

	switch (r->kind) {
	case REQUEST_HAVE_YOU_SEEN:
		st = have_you_seen(desk, r, words, ret_why);
		break;
	case REQUEST_EVIDENCE:
		st = evidence(desk, r, words, ret_why);
		break;
	case REQUEST_REVEAL:
		st = reveal(desk, r, words, ret_why);
		break;
	case REQUEST_PING:
		return finish(desk, r, words, NULL, r->tlp, ret_why);
	default:
		if (words == NULL || words[0] == '\0')
			return desk_fail(desk, CC_ABSENT, ret_why, "this needs a person's words");
		st = finish(desk, r, words, NULL, r->tlp, ret_why);
		break;
	}
	desk_audit(desk, st == CC_OK ? "answered" : "not answered",
	    (const char *const[]){"request", r->id, "to", r->requester, "kind", request_kind_word[r->kind], "why",
		st != CC_OK && *ret_why != NULL ? *ret_why : NULL, NULL});
	return st;
}

struct todo {
	struct request *request;
	size_t count, room;
};

/* Sent, or acknowledged and not held. */
static void
collect(void *ctx, const struct request *r)
{
	struct todo *todo = ctx;

	if (r->ours || r->state > REQUEST_ACKNOWLEDGED || (r->state == REQUEST_ACKNOWLEDGED && r->held[0] != '\0') ||
	    todo->count == todo->room)
		return;
	todo->request[todo->count] = *r;
	todo->request[todo->count++].answer = NULL;
}

static enum cc_status
serve_one(struct desk *desk, const struct policy *policy, struct request *r, size_t *done, char **ret_why)
{
	enum policy_answer answer = policy_of(policy, r->requester, r->kind, r->tlp);
	enum cc_status st = CC_OK;

	if (r->state == REQUEST_SENT) {
		st = request_move(desk, r->id, REQUEST_ACKNOWLEDGED, NULL, ret_why);
		*done += st == CC_OK;
	}
	if (st != CC_OK)
		return st;
	if (answer == POLICY_WAIT) {
		request_hold(desk, r->id, "waits for a person, by exchange.policy");
		return CC_OK;
	}
	if (answer == POLICY_NEVER)
		st = request_move(desk, r->id, REQUEST_DECLINED, "our policy does not answer such requests", ret_why);
	else
		st = request_answer(desk, r->id, NULL, ret_why);
	*done += st == CC_OK;
	/* What can't be answered waits for a person; what can't be sent is tried again. */
	if (st == CC_ABSENT || st == CC_DENIED || st == CC_BAD || st == CC_FULL) {
		request_hold(desk, r->id, *ret_why != NULL ? *ret_why : cc_status_text(st));
		free(*ret_why);
		*ret_why = NULL;
		return CC_OK;
	}
	return st;
}

#define AT_ONCE 64

enum cc_status
requests_serve(struct desk *desk, const struct policy *policy, size_t *ret_done, char **ret_why)
{
	struct todo todo = {.request = calloc(AT_ONCE, sizeof(struct request)), .room = AT_ONCE};
	enum cc_status st = todo.request != NULL ? CC_OK : CC_NOMEM;

	*ret_done = 0;
	*ret_why = NULL;
	do {
		todo.count = 0;
		if (st == CC_OK)
			(void)requests_visit(desk, NULL, collect, &todo);
		for (size_t i = 0; st == CC_OK && i < todo.count; i++)
			st = serve_one(desk, policy, &todo.request[i], ret_done, ret_why);
	} while (st == CC_OK && todo.count == AT_ONCE);
	free(todo.request);
	return st;
}
