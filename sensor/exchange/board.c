/*
 * The board of cases (topic `cases`): what each organisation determined of a case, and signed opinions on that.
 *
 * The topic is compacted, so keys say what may replace what: `<case>/<organisation>` for a determination, of which the
 * newest stays, and `<case>/<organisation>/<nonce>` for an opinion, of which all stay.  The organisation in the key
 * must be who signed: nobody replaces another's words, and a case that two correlators find alike, under one id, stands
 * there once for each.
 *
 * What is refused here (and why: foreign_case, malformed_case, too_many_cases, too_many_opinions) is in the audit log.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

const char *const board_view_word[BOARD_VIEWS] = {"agree", "disagree", "abstain"};

enum cc_status
board_table(struct desk *desk)
{
	enum cc_status st = desk_do(desk,
	    "CREATE TABLE IF NOT EXISTS board_case (id TEXT, organisation TEXT, message TEXT, tlp INTEGER, "
	    "exercise INTEGER, time INTEGER, document TEXT, PRIMARY KEY (id, organisation)) WITHOUT ROWID",
	    "");

	if (st != CC_OK)
		return st;
	return desk_do(desk,
	    "CREATE TABLE IF NOT EXISTS board_opinion (id TEXT, organisation TEXT, message TEXT, whose TEXT, "
	    "view INTEGER, text TEXT, about TEXT, tlp INTEGER, exercise INTEGER, time INTEGER, "
	    "PRIMARY KEY (id, organisation, message)) WITHOUT ROWID",
	    "");
}

bool
board_id_is_good(const char *id)
{
	if (strncmp(id, "case--", 6) != 0 || strlen(id) != 42)
		return false;
	for (size_t i = 0; i < 36; i++) {
		char c = id[6 + i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? c != '-' : strchr("0123456789abcdef", c) == NULL)
			return false;
	}
	return true;
}

/* ---- in ---- */

static void
refuse(struct desk *desk, const struct came *came, const char *why)
{
	desk->refused++;
	log_warning("cases: a message of %s is refused: %s", came->organisation, why);
	desk_audit(desk, "case refused",
	    (const char *const[]){"from", came->organisation, "why", why, "bundle", came->id, NULL});
}

static bool
key_begins(const struct came *came, const char *id)
{
	char start[256];
	int size = snprintf(start, sizeof(start), "%s/%s", id, came->organisation);

	return size > 0 && (size_t)size <= came->key.size && memcmp(came->key.p, start, (size_t)size) == 0 &&
	       (came->key.size == (size_t)size || came->key.p[size] == '/');
}

static void
case_came(struct desk *desk, const struct came *came, json_t *document)
{
	const char *id = json_string_value(json_object_get(document, "id"));
	char *text;

	if (id == NULL || !board_id_is_good(id) || !json_is_object(json_object_get(document, "answer"))) {
		refuse(desk, came, "malformed_case");
		return;
	}
	if (!key_begins(came, id) || came->key.size != strlen(id) + 1 + strlen(came->organisation)) {
		refuse(desk, came, "foreign_case");
		return;
	}
	if (desk_number(desk, "SELECT count(*) FROM board_case WHERE id = ?1 AND organisation = ?2 AND time >= ?3",
		"ssi", id, came->organisation, came->time) > 0)
		return; /* known, or older than what is known */
	if (desk_number(desk, "SELECT count(*) FROM board_case WHERE organisation = ?1 AND id <> ?2", "ss",
		came->organisation, id) >= desk->conf.exchange_cases_max) {
		refuse(desk, came, "too_many_cases");
		return;
	}
	text = json_dumps(document, JSON_COMPACT);
	if (text != NULL)
		(void)desk_do(desk, "INSERT OR REPLACE INTO board_case VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", "sssiiis",
		    id, came->organisation, came->id, (uint64_t)came->tlp, (uint64_t)came->exercise, came->time, text);
	free(text);
}

static void
opinion_came(struct desk *desk, const struct came *came, const json_t *from)
{
	struct board_opinion *o = calloc(1, sizeof(*o));
	char view[16];
	int v = 0;

	if (o == NULL)
		return;
	if (!desk_member(from, "case", o->id, sizeof(o->id)) || !board_id_is_good(o->id) ||
	    !desk_member(from, "of", o->of, sizeof(o->of)) || !desk_member(from, "opinion", view, sizeof(view)))
		view[0] = '\0';
	while (v < BOARD_VIEWS && strcmp(view, board_view_word[v]) != 0)
		v++;
	(void)desk_member(from, "text", o->text, sizeof(o->text));
	(void)desk_member(from, "about", o->about, sizeof(o->about));
	if (v == BOARD_VIEWS)
		refuse(desk, came, "malformed_case");
	else if (!key_begins(came, o->id))
		refuse(desk, came, "foreign_case");
	else if (desk_number(desk,
		     "SELECT count(*) FROM board_opinion WHERE id = ?1 AND organisation = ?2 AND message <> ?3", "sss",
		     o->id, came->organisation, came->id) >= desk->conf.exchange_opinions_max)
		refuse(desk, came, "too_many_opinions");
	else
		(void)desk_do(desk,
		    "INSERT OR IGNORE INTO board_opinion VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		    "ssssissiii", o->id, came->organisation, came->id, o->of, (uint64_t)v, o->text, o->about,
		    (uint64_t)came->tlp, (uint64_t)came->exercise, came->time);
	free(o);
}

void
board_came(struct desk *desk, const struct came *came)
{
	json_t *document = desk_extension(came->bundle, "case"), *opinion = desk_extension(came->bundle, "opinion");

	if (document != NULL)
		case_came(desk, came, document);
	else if (opinion != NULL)
		opinion_came(desk, came, opinion);
	else
		refuse(desk, came, "malformed_case");
}

/* ---- rows ---- */

enum cc_status
board_cases(struct desk *desk, board_case_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = desk_ask(desk,
	    "SELECT id, organisation, message, tlp, exercise, time, document FROM board_case ORDER BY id, organisation",
	    "");

	if (stmt == NULL)
		return CC_IO;
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		struct board_case one = {.id = sql_text(stmt, 0),
		    .organisation = sql_text(stmt, 1),
		    .message = sql_text(stmt, 2),
		    .tlp = (enum cc_tlp)sqlite3_column_int(stmt, 3),
		    .exercise = sqlite3_column_int(stmt, 4) != 0,
		    .time = (uint64_t)sqlite3_column_int64(stmt, 5),
		    .document = slice_str(sql_text(stmt, 6))};

		one.ours = strcmp(one.organisation, desk->conf.sensor_organisation) == 0;
		fn(ctx, &one);
	}
	sqlite3_finalize(stmt);
	return CC_OK;
}

enum cc_status
board_opinions(struct desk *desk, const char *id, board_opinion_fn *fn, void *ctx)
{
	struct board_opinion *o = malloc(sizeof(*o));
	sqlite3_stmt *stmt =
	    o == NULL ? NULL
		      : desk_ask(desk,
			    "SELECT id, whose, organisation, view, text, about, message, tlp, exercise, time FROM "
			    "board_opinion WHERE ?1 = '' OR id = ?1 ORDER BY id, time, organisation, message",
			    "s", id != NULL ? id : "");

	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		*o = (struct board_opinion){.view = (enum board_view)sqlite3_column_int(stmt, 3),
		    .tlp = (enum cc_tlp)sqlite3_column_int(stmt, 7),
		    .exercise = sqlite3_column_int(stmt, 8) != 0,
		    .time = (uint64_t)sqlite3_column_int64(stmt, 9)};
		snprintf(o->id, sizeof(o->id), "%s", sql_text(stmt, 0));
		snprintf(o->of, sizeof(o->of), "%s", sql_text(stmt, 1));
		snprintf(o->organisation, sizeof(o->organisation), "%s", sql_text(stmt, 2));
		snprintf(o->text, sizeof(o->text), "%s", sql_text(stmt, 4));
		snprintf(o->about, sizeof(o->about), "%s", sql_text(stmt, 5));
		snprintf(o->message, sizeof(o->message), "%s", sql_text(stmt, 6));
		fn(ctx, o);
	}
	sqlite3_finalize(stmt);
	free(o);
	return stmt != NULL ? CC_OK : CC_IO;
}

/* ---- out ---- */

enum cc_status
board_publish(struct desk *desk, const struct board_post *post, char **ret_why)
{
	char key[256];
	struct draft draft = {.topic = "cases",
	    .type = "org.concert.case.v1",
	    .key = key,
	    .word = "case",
	    .tlp = post->tlp,
	    .exercise = post->exercise,
	    .time = post->time};
	enum cc_status st;

	free(*ret_why);
	*ret_why = NULL;
	snprintf(key, sizeof(key), "%s/%s", post->id, desk->conf.sensor_organisation);
	draft_begin(desk, &draft, true);
	board_objects(&draft.json, post, draft.organisation, desk->conf.sensor_organisation, false);
	st = draft_end(desk, &draft, ret_why);
	if (st == CC_OK)
		desk_audit(
		    desk, "case published", (const char *const[]){"case", post->id, "summary", post->summary, NULL});
	return st;
}

enum cc_status
board_say(struct desk *desk, struct board_opinion *o, char **ret_why)
{
	struct draft draft = {.topic = "cases",
	    .type = "org.concert.opinion.v1",
	    .word = "opinion",
	    .tlp = o->tlp,
	    .exercise = o->exercise};
	char nonce[37], key[256];
	enum cc_status st;

	free(*ret_why);
	*ret_why = NULL;
	if (desk_number(
		desk, "SELECT count(*) FROM board_case WHERE id = ?1 AND organisation = ?2", "ss", o->id, o->of) == 0)
		return desk_fail(desk, CC_ABSENT, ret_why, "unknown_case: %s has not published %s", o->of, o->id);
	if (desk_number(desk, "SELECT count(*) FROM board_opinion WHERE id = ?1 AND organisation = ?2", "ss", o->id,
		desk->conf.sensor_organisation) >= desk->conf.exchange_opinions_max)
		return desk_fail(desk, CC_FULL, ret_why, "too_many_opinions: exchange.opinions_max on one case");
	if ((st = desk_random_id(nonce)) != CC_OK)
		return st;
	snprintf(key, sizeof(key), "%s/%s/%s", o->id, desk->conf.sensor_organisation, nonce);
	snprintf(o->organisation, sizeof(o->organisation), "%s", desk->conf.sensor_organisation);
	draft.key = key;
	draft_begin(desk, &draft, true);
	o->time = draft.time;
	snprintf(o->message, sizeof(o->message), "%s", draft.id);
	board_opinion_object(&draft.json, o, true);
	st = draft_end(desk, &draft, ret_why);
	if (st == CC_OK)
		desk_audit(desk, "opinion",
		    (const char *const[]){
			"case", o->id, "of", o->of, "opinion", board_view_word[o->view], "text", o->text, NULL});
	return st;
}
