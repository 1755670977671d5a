/*
 * What is known of requests: their steps, taken in as they come, in whatever order; and our own steps.
 *
 * A step waits until the one that it names is there, then it is applied or, when the state machine says no, refused and
 * noted in the audit log.  Bounds: requests in all and open ones of a partner, steps of one request, bytes of parts.
 */
#include "exchange/desk_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STEPS_MAX 4096 /* of one request, parts among them */

enum { STEP_WAITING, STEP_APPLIED, STEP_REFUSED };

enum cc_status
requests_table(struct desk *desk)
{
	enum cc_status st = desk_do(desk,
	    "CREATE TABLE IF NOT EXISTS request (id TEXT PRIMARY KEY, requester TEXT, responder TEXT, state INTEGER, "
	    "tlp INTEGER, exercise INTEGER, created INTEGER, changed INTEGER, last TEXT, question TEXT, reason TEXT, "
	    "answer TEXT, verdict TEXT, held TEXT, kind INTEGER) WITHOUT ROWID",
	    "");

	if (st == CC_OK)
		st = desk_do(desk,
		    "CREATE TABLE IF NOT EXISTS step (request TEXT, id TEXT, organisation TEXT, state TEXT, time "
		    "INTEGER, after TEXT, status INTEGER, why TEXT, tlp INTEGER, exercise INTEGER, content TEXT, "
		    "PRIMARY KEY (request, organisation, id)) WITHOUT ROWID",
		    "");
	if (st == CC_OK)
		st = desk_do(desk,
		    "CREATE TABLE IF NOT EXISTS part (request TEXT, n INTEGER, bytes BLOB, PRIMARY KEY (request, n))",
		    "");
	if (st == CC_OK)
		st = desk_do(desk, "CREATE INDEX IF NOT EXISTS request_state ON request (requester, state)", "");
	return st;
}

/* ---- evidence that came ---- */

enum cc_status
request_capture(struct desk *desk, const struct request *request, char *ret_path, size_t room)
{
	if (strlen(request->evidence) != 64 ||
	    (size_t)snprintf(ret_path, room, "%s/evidence/%s.pcapng", desk->dir, request->evidence) >= room)
		return CC_ABSENT;
	return access(ret_path, R_OK) == 0 ? CC_OK : CC_ABSENT;
}

static enum cc_status
keep_capture(struct desk *desk, const struct request *r, struct slice bytes)
{
	char path[4400], part[4410];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/evidence", desk->dir);
	if (dirs_make(path, 0700) != CC_OK)
		return CC_IO;
	snprintf(path, sizeof(path), "%s/evidence/%s.pcapng", desk->dir, r->evidence);
	snprintf(part, sizeof(part), "%s.part", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	good = fd >= 0 && write(fd, bytes.p, bytes.size) == (ssize_t)bytes.size && fsync(fd) == 0 &&
	       rename(part, path) == 0;
	if (fd >= 0)
		close(fd);
	return good ? CC_OK : CC_IO;
}

static void
say_verdict(struct desk *desk, const struct request *r, const char *verdict)
{
	(void)desk_do(desk, "UPDATE request SET verdict = ?2 WHERE id = ?1", "ss", r->id, verdict);
	desk_audit(desk, "evidence came",
	    (const char *const[]){
		"request", r->id, "from", r->responder, "sha256", r->evidence, "verdict", verdict, NULL});
}

/* An answer with evidence: all parts, in order, must be what the sighting committed to. */
static void
check_capture(struct desk *desk, const struct request *r, const char *answer)
{
	json_error_t error;
	json_t *from = json_loads(answer, 0, &error), *evidence = json_object_get(from, "evidence");
	json_int_t parts = json_integer_value(json_object_get(evidence, "parts"));
	sqlite3_stmt *stmt;
	struct buf bytes;
	uint8_t digest[32];
	uint64_t count = 0;
	char hex[65], text[200];

	if (!json_is_object(evidence) || !r->ours || r->kind != REQUEST_EVIDENCE) {
		json_decref(from);
		return;
	}
	buf_open(&bytes, desk->conf.exchange_parts_max);
	stmt = desk_ask(desk, "SELECT n, bytes FROM part WHERE request = ?1 ORDER BY n", "s", r->id);
	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW &&
	       sqlite3_column_int64(stmt, 0) == (sqlite3_int64)count + 1) {
		buf_add(&bytes, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
		count++;
	}
	sqlite3_finalize(stmt);
	sha256_of(buf_slice(&bytes), digest);
	hex_text(slice_of(digest, 32), hex);
	if ((json_int_t)count != parts) {
		snprintf(
		    text, sizeof(text), "%llu of %lld parts are here", (unsigned long long)count, (long long)parts);
		(void)desk_do(desk, "UPDATE request SET verdict = ?2 WHERE id = ?1", "ss", r->id, text);
	} else {
		if (bytes.full || strcmp(hex, r->evidence) != 0)
			snprintf(text, sizeof(text), "does not fit its commitment: SHA-256 %s: not kept", hex);
		else if (keep_capture(desk, r, buf_slice(&bytes)) != CC_OK)
			snprintf(text, sizeof(text), "fits its commitment, but can't be written: %s", strerror(errno));
		else
			snprintf(text, sizeof(text), "fits its commitment: %zu bytes", bytes.size);
		say_verdict(desk, r, text);
		(void)desk_do(desk, "DELETE FROM part WHERE request = ?1", "s", r->id);
	}
	buf_close(&bytes);
	json_decref(from);
}

/* ---- rows ---- */

#define COLUMNS                                                                                                        \
	"id, requester, responder, state, tlp, exercise, created, changed, question, reason, answer, verdict, held"

/* The answer is borrowed from the row. */
static bool
row_to_request(struct desk *desk, sqlite3_stmt *stmt, struct request *r)
{
	json_error_t error;
	json_t *question = json_loads(sql_text(stmt, 8), 0, &error);
	const char *why;
	bool good = question != NULL && request_parse(question, r, &why) == CC_OK;

	json_decref(question);
	r->state = (enum request_state)sqlite3_column_int(stmt, 3);
	r->tlp = (enum cc_tlp)sqlite3_column_int(stmt, 4);
	r->exercise = sqlite3_column_int(stmt, 5) != 0;
	r->created = (uint64_t)sqlite3_column_int64(stmt, 6);
	r->changed = (uint64_t)sqlite3_column_int64(stmt, 7);
	snprintf(r->reason, sizeof(r->reason), "%s", sql_text(stmt, 9));
	r->answer = sqlite3_column_type(stmt, 10) == SQLITE_NULL ? NULL : (char *)(uintptr_t)sql_text(stmt, 10);
	snprintf(r->verdict, sizeof(r->verdict), "%s", sql_text(stmt, 11));
	snprintf(r->held, sizeof(r->held), "%s", sql_text(stmt, 12));
	r->ours = strcmp(r->requester, desk->conf.sensor_organisation) == 0;
	return good && (unsigned)r->state < REQUEST_STATES;
}

enum cc_status
requests_visit(struct desk *desk, const char *id, request_fn *fn, void *ctx)
{
	struct request *r = malloc(sizeof(*r));
	sqlite3_stmt *stmt;
	enum cc_status st = CC_ABSENT;

	if (id != NULL &&
	    desk_number(desk, "SELECT count(*) FROM request WHERE substr(id, 1, length(?1)) = ?1", "s", id) > 1) {
		free(r);
		return CC_DENIED;
	}
	stmt = id != NULL
		   ? desk_ask(desk, "SELECT " COLUMNS " FROM request WHERE substr(id, 1, length(?1)) = ?1", "s", id)
		   : desk_ask(desk, "SELECT " COLUMNS " FROM request ORDER BY created, id", "");
	while (r != NULL && stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		if (!row_to_request(desk, stmt, r))
			continue;
		fn(ctx, r);
		st = CC_OK;
	}
	sqlite3_finalize(stmt);
	free(r);
	return r == NULL ? CC_NOMEM : stmt == NULL ? CC_IO : st;
}

enum cc_status
request_events(struct desk *desk, const char *id, request_event_fn *fn, void *ctx)
{
	static const char *const status[] = {"waiting", "applied", "refused"};
	sqlite3_stmt *stmt = desk_ask(desk,
	    "SELECT organisation, state, status, why, content, time FROM step WHERE request = ?1 AND "
	    "state <> 'part' ORDER BY time, id",
	    "s", id);

	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		json_error_t error;
		json_t *content = json_loads(sql_text(stmt, 4), 0, &error);
		const char *text = json_string_value(json_object_get(content, "text"));
		struct request_event event = {sql_text(stmt, 0), sql_text(stmt, 1),
		    status[sqlite3_column_int(stmt, 2) % 3], sql_text(stmt, 3), text != NULL ? text : "",
		    (uint64_t)sqlite3_column_int64(stmt, 5)};

		fn(ctx, &event);
		json_decref(content);
	}
	sqlite3_finalize(stmt);
	return stmt != NULL ? CC_OK : CC_IO;
}

/* ---- steps that came ---- */

struct waiting {
	char id[STIX_ID], organisation[128], state[16], after[STIX_ID];
	uint64_t time;
	enum cc_tlp tlp;
	bool exercise;
	json_t *content;
};

static void
refuse(struct desk *desk, const char *request, const struct waiting *w, const char *why)
{
	(void)desk_do(desk, "UPDATE step SET status = 2, why = ?4 WHERE request = ?1 AND organisation = ?2 AND id = ?3",
	    "ssss", request, w->organisation, w->id, why);
	desk_audit(desk, "step refused",
	    (const char *const[]){"request", request, "by", w->organisation, "step", w->state, "why", why, NULL});
}

/* A new request makes room by letting an old closed one go. */
static const char *
find_room(struct desk *desk, const char *requester)
{
	if (desk_number(desk, "SELECT count(*) FROM request WHERE requester = ?1 AND state < 3", "s", requester) >=
	    desk->conf.exchange_open_max)
		return "too many requests of this organisation are open (exchange.open_max)";
	if (desk_number(desk, "SELECT count(*) FROM request", "") < desk->conf.exchange_requests_max)
		return NULL;
	(void)desk_do(desk,
	    "DELETE FROM step WHERE request = (SELECT id FROM request WHERE state = 5 ORDER BY changed LIMIT 1)", "");
	(void)desk_do(desk,
	    "DELETE FROM overdue WHERE request = (SELECT id FROM request WHERE state = 5 ORDER BY changed LIMIT 1)",
	    "");
	(void)desk_do(desk,
	    "DELETE FROM request WHERE id = (SELECT id FROM request WHERE state = 5 ORDER BY changed LIMIT 1)", "");
	if (desk_number(desk, "SELECT count(*) FROM request", "") >= desk->conf.exchange_requests_max)
		return "there are too many requests that are not closed (exchange.requests_max)";
	return NULL;
}

static const char *
apply_sent(struct desk *desk, const char *id, const struct waiting *w)
{
	struct request *r = malloc(sizeof(*r));
	char *question = json_dumps(w->content, JSON_COMPACT);
	const char *why = "no memory";

	if (r == NULL || question == NULL || request_parse(w->content, r, &why) != CC_OK)
		goto out;
	why = "it is another's request";
	if (strcmp(w->organisation, r->requester) != 0 || strcmp(r->id, id) != 0)
		goto out;
	why = "a ping that is no drill";
	if (r->kind == REQUEST_PING && !w->exercise)
		goto out;
	why = desk_number(desk, "SELECT count(*) FROM request WHERE id = ?1", "s", id) > 0
		  ? "it was sent already"
		  : find_room(desk, r->requester);
	if (why == NULL)
		(void)desk_do(desk,
		    "INSERT INTO request (id, requester, responder, state, tlp, exercise, created, changed, last, "
		    "question, kind) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?6, ?7, ?8, ?9)",
		    "sssiiissi", id, r->requester, r->responder, (uint64_t)w->tlp, (uint64_t)w->exercise, w->time,
		    w->id, question, (uint64_t)r->kind);
out:
	free(r);
	free(question);
	return why;
}

static void
recheck(void *ctx, const struct request *r)
{
	if (r->answer != NULL)
		check_capture(ctx, r, r->answer);
}

/* Of a request that is there.  NULL: applied; else why not. */
static const char *
apply_step(struct desk *desk, const char *id, const struct waiting *w)
{
	sqlite3_stmt *stmt = desk_ask(desk, "SELECT requester, responder, state FROM request WHERE id = ?1", "s", id);
	bool there = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW,
	     by_requester = there && strcmp(sql_text(stmt, 0), w->organisation) == 0;
	bool party = there && (by_requester || strcmp(sql_text(stmt, 1), w->organisation) == 0);
	enum request_state from = there ? (enum request_state)sqlite3_column_int(stmt, 2) : REQUEST_STATES,
			   to = REQUEST_STATES;
	json_t *answer = json_object_get(w->content, "answer");
	char text[1024], *raw;
	const char *why;

	sqlite3_finalize(stmt);
	if (!party)
		return there ? "it is neither the requester's nor the responder's" : "there is no such request";
	for (int i = 0; i < REQUEST_STATES; i++) {
		if (strcmp(w->state, request_state_word[i]) == 0)
			to = (enum request_state)i;
	}
	if ((why = request_step(from, to, by_requester)) != NULL)
		return why;
	(void)desk_member(w->content, "text", text, sizeof(text));
	if (to == REQUEST_DECLINED && text[0] == '\0')
		return "it is declined without a reason";
	raw = json_is_object(answer) ? json_dumps(answer, JSON_COMPACT) : NULL;
	(void)desk_do(desk,
	    "UPDATE request SET state = ?2, changed = ?3, last = ?4, answer = coalesce(?5, answer), "
	    "reason = CASE WHEN ?6 = '' THEN reason ELSE ?6 END, held = CASE WHEN ?2 >= 3 THEN NULL ELSE held END "
	    "WHERE id = ?1",
	    "siisss", id, (uint64_t)to, w->time, w->id, raw, text);
	free(raw);
	if (to == REQUEST_ANSWERED && desk_member(w->content, "trouble", text, sizeof(text)) && text[0] != '\0') {
		char verdict[200];

		snprintf(verdict, sizeof(verdict), "the answer is sealed and does not open: %.150s", text);
		(void)desk_do(desk, "UPDATE request SET verdict = ?2 WHERE id = ?1", "ss", id, verdict);
		desk_audit(desk, "answer does not open",
		    (const char *const[]){"request", id, "from", w->organisation, "why", text, NULL});
	}
	if (to == REQUEST_ANSWERED)
		(void)requests_visit(desk, id, recheck, desk);
	return NULL;
}

/* One that waits and whose time has come.  False: none. */
static bool
settle_one(struct desk *desk, const char *id)
{
	sqlite3_stmt *stmt = desk_ask(desk,
	    "SELECT id, organisation, state, after, time, tlp, exercise, content FROM step AS s WHERE request = ?1 AND "
	    "status = 0 AND state <> 'part' AND (state = 'sent' OR EXISTS (SELECT 1 FROM step AS b WHERE b.request = "
	    "?1 AND b.id = s.after AND b.status = 1)) ORDER BY state <> 'sent', time, id LIMIT 1",
	    "s", id);
	json_error_t error;
	struct waiting w;
	const char *why;

	if (stmt == NULL || sqlite3_step(stmt) != SQLITE_ROW) {
		sqlite3_finalize(stmt);
		return false;
	}
	snprintf(w.id, sizeof(w.id), "%s", sql_text(stmt, 0));
	snprintf(w.organisation, sizeof(w.organisation), "%s", sql_text(stmt, 1));
	snprintf(w.state, sizeof(w.state), "%s", sql_text(stmt, 2));
	w.time = (uint64_t)sqlite3_column_int64(stmt, 4);
	w.tlp = (enum cc_tlp)sqlite3_column_int(stmt, 5);
	w.exercise = sqlite3_column_int(stmt, 6) != 0;
	w.content = json_loads(sql_text(stmt, 7), 0, &error);
	sqlite3_finalize(stmt);
	why = strcmp(w.state, "sent") == 0 ? apply_sent(desk, id, &w) : apply_step(desk, id, &w);
	if (why != NULL)
		refuse(desk, id, &w, why);
	else
		(void)desk_do(desk, "UPDATE step SET status = 1 WHERE request = ?1 AND organisation = ?2 AND id = ?3",
		    "sss", id, w.organisation, w.id);
	json_decref(w.content);
	return true;
}

static bool
is_sealed(const json_t *artifact)
{
	const char *mime = json_string_value(json_object_get(artifact, "mime_type"));

	return mime != NULL && strcmp(mime, SEALED_MIME) == 0;
}

/* What does not open is no part. */
static void
open_part(struct desk *desk, const struct came *came, const struct step *step, unsigned n, struct slice *bytes)
{
	struct slice sealed = *bytes;
	char name[64];
	const char *why;

	*bytes = slice_of(NULL, 0);
	part_name(step->id, n, name);
	if (jwe_open(desk->agreement, slice_str(came->organisation), slice_str(name), sealed, bytes, &why) != CC_OK)
		desk_audit(desk, "part does not open",
		    (const char *const[]){"request", step->id, "from", came->organisation, "why", why, NULL});
	free((void *)(uintptr_t)sealed.p);
}

/* Only of the responder of an evidence request of ours that is there. */
static void
take_part(struct desk *desk, const struct came *came, const struct step *step)
{
	json_int_t n = json_integer_value(json_object_get(step->part, "n")),
		   of = json_integer_value(json_object_get(step->part, "of"));
	json_t *objects = json_object_get(came->bundle, "objects"), *one;
	struct slice bytes = slice_of(NULL, 0);
	size_t i;

	if (n < 1 || of < n || of > STEPS_MAX || strcmp(step->requester, desk->conf.sensor_organisation) != 0 ||
	    desk_number(desk, "SELECT count(*) FROM request WHERE id = ?1 AND responder = ?2 AND kind = 1", "ss",
		step->id, came->organisation) == 0)
		return;
	json_array_foreach(objects, i, one)
	{
		if (bytes.p == NULL && desk_artifact(one, &bytes) != CC_OK)
			bytes = slice_of(NULL, 0);
		else if (bytes.p != NULL && is_sealed(one))
			open_part(desk, came, step, (unsigned)n, &bytes);
	}
	if (bytes.p != NULL && desk_number(desk, "SELECT coalesce(sum(length(bytes)), 0) FROM part", "") + bytes.size <=
				   desk->conf.exchange_parts_max)
		(void)desk_do(
		    desk, "INSERT OR IGNORE INTO part VALUES (?1, ?2, ?3)", "sib", step->id, (uint64_t)n, bytes);
	free((void *)(uintptr_t)bytes.p);
	(void)requests_visit(desk, step->id, recheck, desk);
}

static void
set_trouble(json_t *from, const char *why)
{
	(void)json_object_set_new(from, "trouble", json_stringn(why, strlen(why)));
}

/* What is sealed for us takes the place of the seal; what does not open says why. */
static void
open_answer(struct desk *desk, const struct came *came)
{
	json_t *from = desk_extension(came->bundle, "request"), *sealed = json_object_get(from, "encrypted"), *inner;
	char id[40], requester[128];
	struct slice plain;
	json_error_t error;
	const char *why;

	if (from != NULL)
		json_object_del(from, "trouble"); /* is ours to say */
	if (!json_is_string(sealed) || came->own || !desk_member(from, "id", id, sizeof(id)) ||
	    !desk_member(from, "requester", requester, sizeof(requester)) ||
	    strcmp(requester, desk->conf.sensor_organisation) != 0)
		return;
	if (jwe_open(desk->agreement, slice_str(came->organisation), slice_str(id),
		slice_of(json_string_value(sealed), json_string_length(sealed)), &plain, &why) != CC_OK) {
		set_trouble(from, why);
		return;
	}
	inner = json_loadb((const char *)plain.p, plain.size, JSON_REJECT_DUPLICATES, &error);
	free((void *)(uintptr_t)plain.p);
	if (json_is_object(inner)) {
		json_object_del(from, "encrypted");
		if (json_is_string(json_object_get(inner, "text")))
			json_object_set(from, "text", json_object_get(inner, "text"));
		if (json_is_object(json_object_get(inner, "answer")))
			json_object_set(from, "answer", json_object_get(inner, "answer"));
	} else {
		set_trouble(from, "what is in it is no JSON");
	}
	json_decref(inner);
}

void
request_came(struct desk *desk, const struct came *came)
{
	struct step step;
	const char *why;
	char *content;
	const char *us = desk->conf.sensor_organisation;
	bool part;

	open_answer(desk, came);
	if (step_parse(came, &step, &why) != CC_OK) {
		log_warning("requests: a message of %s is left out: %s", came->organisation, why);
		return;
	}
	if (strcmp(step.requester, us) != 0 && strcmp(step.responder, us) != 0)
		return; /* others' */
	if (desk_number(desk, "SELECT count(*) FROM step WHERE request = ?1 AND organisation = ?2 AND id = ?3", "sss",
		step.id, came->organisation, came->id) > 0)
		return; /* known */
	if (desk_number(desk, "SELECT count(*) FROM step WHERE request = ?1", "s", step.id) >= STEPS_MAX ||
	    desk_number(desk, "SELECT count(*) FROM step", "") >= desk->conf.exchange_requests_max * 16) {
		if (desk->flooded++ == 0)
			log_warning("requests: too many steps are kept: those of %s are left out", came->organisation);
		return;
	}
	part = strcmp(step.state, "part") == 0;
	content = part ? NULL : json_dumps(desk_extension(came->bundle, "request"), JSON_COMPACT);
	(void)desk_do(desk, "INSERT INTO step VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10)", "ssssisiiis",
	    step.id, came->id, came->organisation, step.state, came->time, step.after,
	    (uint64_t)(part ? STEP_APPLIED : STEP_WAITING), (uint64_t)came->tlp, (uint64_t)came->exercise, content);
	free(content);
	if (part)
		take_part(desk, came, &step);
	while (settle_one(desk, step.id))
		;
}

/* ---- our steps ---- */

static enum cc_status
may_receive(struct desk *desk, const char *partner, enum cc_tlp tlp, char **ret_why)
{
	const struct trust_organisation *o = trust_organisation(desk->trust, slice_str(partner));

	if (o == NULL)
		return desk_fail(desk, CC_DENIED, ret_why, "%s is not in the trust file", partner);
	if (tlp > o->receive)
		return desk_fail(desk, CC_DENIED, ret_why,
		    "it would be TLP:%s, and %s may receive TLP:%s at most (receive, in the trust file)",
		    record_tlp_text(tlp), partner, record_tlp_text(o->receive));
	return CC_OK;
}

enum cc_status
request_send(struct desk *desk, struct request *r, char **ret_why)
{
	struct step_out out = {.state = "sent", .words = r->text, .tlp = r->tlp};
	char nonce[37];
	enum cc_status st;

	*ret_why = NULL;
	snprintf(r->requester, sizeof(r->requester), "%s", desk->conf.sensor_organisation);
	if (strcmp(r->requester, r->responder) == 0)
		return desk_fail(desk, CC_BAD, ret_why, "a request to ourselves");
	if ((st = may_receive(desk, r->responder, r->tlp, ret_why)) != CC_OK || (st = desk_random_id(nonce)) != CC_OK)
		return st;
	request_id(r->requester, nonce, r->id);
	out.nonce = nonce;
	st = step_send(desk, r, &out, ret_why);
	if (st == CC_OK && r->kind != REQUEST_PING)
		desk_audit(desk, "request sent",
		    (const char *const[]){"request", r->id, "to", r->responder, "kind", request_kind_word[r->kind],
			"tlp", record_tlp_text(r->tlp), "text", r->text, NULL});
	return st;
}

/*
 * Who may read the topic reads it: answers marked AMBER and above, evidence and revealed addresses among them, are
 * sealed for the requester's pinned key, or stay here.
 */
static enum cc_status
choose_seal(struct desk *desk, const struct request *r, struct step_out *out, char **ret_why)
{
	const struct trust_organisation *o;

	out->seal_for = NULL;
	if (out->tlp < CC_TLP_AMBER || r->ours ||
	    (strcmp(out->state, "part") != 0 && strcmp(out->state, request_state_word[REQUEST_ANSWERED]) != 0))
		return CC_OK;
	o = trust_organisation(desk->trust, slice_str(r->requester));
	if (o == NULL || o->agreement[0] == '\0')
		return desk_fail(desk, CC_DENIED, ret_why,
		    "it would be TLP:%s and has to be sealed, and the trust file has no 'agreement' key of %s",
		    record_tlp_text(out->tlp), r->requester);
	if (o->agreement_x[0] == '\0')
		return desk_fail(desk, CC_DENIED, ret_why,
		    "it would be TLP:%s and has to be sealed, and the key of %s is not known yet: x is "
		    "neither in the trust file nor in its contacts entry",
		    record_tlp_text(out->tlp), r->requester);
	out->seal_for = o->agreement_x;
	return CC_OK;
}

enum cc_status
request_deliver(struct desk *desk, const struct request *r, struct step_out *out, char **ret_why)
{
	sqlite3_stmt *stmt;
	char after[STIX_ID];
	enum cc_status st = may_receive(desk, r->ours ? r->responder : r->requester, out->tlp, ret_why);

	if (st == CC_OK)
		st = choose_seal(desk, r, out, ret_why);
	if (st != CC_OK)
		return st;
	stmt = desk_ask(desk, "SELECT last FROM request WHERE id = ?1", "s", r->id);
	snprintf(
	    after, sizeof(after), "%s", stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW ? sql_text(stmt, 0) : "");
	sqlite3_finalize(stmt);
	out->after = after;
	st = step_send(desk, r, out, ret_why);
	out->after = NULL;
	/* Sealed for the other side: what we told is kept here in clear. */
	if (st == CC_OK && out->seal_for != NULL && out->part == NULL)
		(void)desk_do(desk, "UPDATE request SET answer = ?2, reason = coalesce(?3, reason) WHERE id = ?1",
		    "sss", r->id, out->answer, out->words);
	return st;
}

void
request_hold(struct desk *desk, const char *id, const char *why)
{
	(void)desk_do(desk, "UPDATE request SET held = ?2 WHERE id = ?1", "ss", id, why);
}

static void
copy_request(void *ctx, const struct request *request)
{
	struct request *to = ctx;

	*to = *request;
	to->answer = NULL;
}

/* Asks the state machine before anything is sent.  *ret_request is malloc. */
static enum cc_status
begin_step(struct desk *desk, const char *id, enum request_state to, struct request **ret_request, char **ret_why)
{
	struct request *r = calloc(1, sizeof(*r));
	enum cc_status st = r != NULL ? requests_visit(desk, id, copy_request, r) : CC_NOMEM;
	const char *why;

	*ret_why = NULL;
	if (st != CC_OK) {
		st = st == CC_ABSENT || st == CC_DENIED
			 ? desk_fail(desk, st, ret_why, "%s: %s", id,
			       st == CC_ABSENT ? "no such request" : "several requests begin so")
			 : st;
	} else if ((why = request_step(r->state, to, r->ours)) != NULL) {
		desk_audit(desk, "step refused",
		    (const char *const[]){"request", r->id, "by", desk->conf.sensor_organisation, "step",
			request_state_word[to], "why", why, NULL});
		st = desk_fail(desk, CC_DENIED, ret_why, "%s is %s and can't become %s: %s", r->id,
		    request_state_word[r->state], request_state_word[to], why);
	}
	if (st == CC_OK)
		*ret_request = r;
	else
		free(r);
	return st;
}

enum cc_status
request_move(struct desk *desk, const char *id, enum request_state to, const char *words, char **ret_why)
{
	struct step_out out = {.state = request_state_word[to], .words = words};
	struct request *r = NULL;
	enum cc_status st = begin_step(desk, id, to, &r, ret_why);

	if (st != CC_OK)
		return st;
	out.tlp = r->tlp;
	st = to == REQUEST_DECLINED && (words == NULL || words[0] == '\0')
		 ? desk_fail(desk, CC_BAD, ret_why, "declined: why?")
		 : request_deliver(desk, r, &out, ret_why);
	if (st == CC_OK && r->kind != REQUEST_PING)
		desk_audit(desk, "step", (const char *const[]){"request", r->id, "step", request_state_word[to], "with",
			r->ours ? r->responder : r->requester, "text", words, NULL});
	free(r);
	return st;
}

enum cc_status
request_answer(struct desk *desk, const char *id, const char *words, char **ret_why)
{
	struct request *r = NULL;
	enum cc_status st = begin_step(desk, id, REQUEST_ANSWERED, &r, ret_why);

	if (st == CC_OK)
		st = answer_send(desk, r, words, ret_why);
	free(r);
	return st;
}
