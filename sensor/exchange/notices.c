/*
 * Notices: new threats (STIX report), good practice (course-of-action), rule packs (report with rules and test captures
 * as artifacts).  Signed as every message; a later version, which only its author can send, takes its place or, with
 * `revoked`, takes it back: a notice's id follows from author and nonce.
 *
 * What comes is kept with its files, by number and bytes bounded; nothing is installed here: cmd/notice.c does that
 * when a person says so, and after the rules and their captures were tried.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

const char *const notice_kind_word[NOTICE_KINDS] = {"threat", "practice", "rules"};

enum cc_status
notices_table(struct desk *desk)
{
	enum cc_status st = desk_do(desk,
	    "CREATE TABLE IF NOT EXISTS notice (id TEXT PRIMARY KEY, organisation TEXT, nonce TEXT, kind INTEGER, "
	    "title TEXT, text TEXT, tlp INTEGER, exercise INTEGER, revoked INTEGER, created INTEGER, modified INTEGER, "
	    "installed TEXT) WITHOUT ROWID",
	    "");

	if (st == CC_OK)
		st = desk_do(desk,
		    "CREATE TABLE IF NOT EXISTS notice_file (notice TEXT, n INTEGER, name TEXT, sha256 TEXT, "
		    "bytes BLOB, near INTEGER DEFAULT 0, PRIMARY KEY (notice, n))",
		    "");
	/* One of a version that knew no near misses. */
	if (st == CC_OK &&
	    desk_number(desk, "SELECT count(*) FROM pragma_table_info('notice_file') WHERE name = 'near'", "") == 0)
		st = desk_do(desk, "ALTER TABLE notice_file ADD COLUMN near INTEGER DEFAULT 0", "");
	return st;
}

/* It becomes the name of a file of ours. */
bool
notice_name_is_good(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < sizeof(((struct notice_file *)NULL)->name) && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
}

/* ---- in ---- */

/* The artifact with this digest among the bundle's objects. */
static enum cc_status
find_artifact(const struct came *came, const char *sha256, struct slice *ret_bytes)
{
	json_t *objects = json_object_get(came->bundle, "objects"), *one;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		const char *has = json_string_value(json_object_get(json_object_get(one, "hashes"), "SHA-256"));
		uint8_t digest[32];
		char is[65];

		if (has == NULL || strcmp(has, sha256) != 0 || desk_artifact(one, ret_bytes) != CC_OK)
			continue;
		sha256_of(*ret_bytes, digest);
		hex_text(slice_of(digest, 32), is);
		if (strcmp(is, sha256) == 0)
			return CC_OK;
		free((void *)(uintptr_t)ret_bytes->p);
	}
	return CC_BAD;
}

static void
take_files(struct desk *desk, const struct came *came, const char *id, const json_t *files)
{
	uint64_t held = desk_number(desk, "SELECT coalesce(sum(length(bytes)), 0) FROM notice_file", "");
	const json_t *one;
	size_t i;

	json_array_foreach(files, i, one)
	{
		char name[96], sha256[65];
		struct slice bytes;

		if (i == NOTICE_FILES || !desk_member(one, "name", name, sizeof(name)) ||
		    !desk_member(one, "sha256", sha256, sizeof(sha256)) || !notice_name_is_good(name) ||
		    find_artifact(came, sha256, &bytes) != CC_OK) {
			log_warning("notices: a file of a notice of %s is left out", came->organisation);
			continue;
		}
		held += bytes.size;
		if (held > desk->conf.exchange_parts_max)
			log_warning("notices: exchange.parts_max is used up: %s of a notice of %s is left out", name,
			    came->organisation);
		else
			(void)desk_do(desk, "INSERT OR REPLACE INTO notice_file VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			    "sissbi", id, (uint64_t)i, name, sha256, bytes,
			    (uint64_t)json_is_true(json_object_get(one, "near_miss")));
		free((void *)(uintptr_t)bytes.p);
	}
}

void
notice_came(struct desk *desk, const struct came *came)
{
	const json_t *from = desk_extension(came->bundle, "notice");
	char id[40], is[40], nonce[64], title[256], text[4096];
	const char *kind = json_string_value(json_object_get(from, "kind"));
	bool revoked = json_is_true(json_object_get(from, "revoked"));
	int k = 0;

	while (kind != NULL && k < NOTICE_KINDS && strcmp(kind, notice_kind_word[k]) != 0)
		k++;
	if (kind == NULL || k == NOTICE_KINDS || !desk_member(from, "id", id, sizeof(id)) ||
	    !desk_member(from, "nonce", nonce, sizeof(nonce)) || !desk_member(from, "title", title, sizeof(title)) ||
	    title[0] == '\0') {
		log_warning("notices: a message of %s is no notice", came->organisation);
		return;
	}
	(void)desk_member(from, "text", text, sizeof(text));
	request_id(came->organisation, nonce, is);
	if (strcmp(is, id) != 0 || !slice_is(came->key, id)) {
		log_warning("notices: a message of %s is under another's id", came->organisation);
		return;
	}
	if (desk_number(desk, "SELECT count(*) FROM notice WHERE id = ?1 AND (modified >= ?2 OR revoked)", "si", id,
		came->time) > 0)
		return; /* known, or older than what is known; what is revoked stays so */
	if (desk_number(desk, "SELECT count(*) FROM notice", "") >= desk->conf.exchange_requests_max) {
		(void)desk_do(desk,
		    "DELETE FROM notice_file WHERE notice = (SELECT id FROM notice ORDER BY revoked DESC, modified "
		    "LIMIT 1)",
		    "");
		(void)desk_do(desk,
		    "DELETE FROM notice WHERE id = (SELECT id FROM notice ORDER BY revoked DESC, modified LIMIT 1)",
		    "");
	}
	(void)desk_do(desk,
	    "INSERT INTO notice VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, '') ON CONFLICT (id) DO UPDATE "
	    "SET title = ?5, text = ?6, tlp = ?7, revoked = ?9, modified = ?10",
	    "sssissiiii", id, came->organisation, nonce, (uint64_t)k, title, text, (uint64_t)came->tlp,
	    (uint64_t)came->exercise, (uint64_t)revoked, came->time);
	if (revoked)
		return;
	/* Those of the version before are not of this one. */
	(void)desk_do(desk, "DELETE FROM notice_file WHERE notice = ?1", "s", id);
	take_files(desk, came, id, json_object_get(from, "files"));
}

/* ---- rows ---- */

static void
row_to_notice(struct desk *desk, sqlite3_stmt *stmt, struct notice *n)
{
	*n = (struct notice){
	    .kind = (enum notice_kind)sqlite3_column_int(stmt, 2), .tlp = (enum cc_tlp)sqlite3_column_int(stmt, 5)};
	snprintf(n->id, sizeof(n->id), "%s", sql_text(stmt, 0));
	snprintf(n->organisation, sizeof(n->organisation), "%s", sql_text(stmt, 1));
	snprintf(n->title, sizeof(n->title), "%s", sql_text(stmt, 3));
	snprintf(n->text, sizeof(n->text), "%s", sql_text(stmt, 4));
	n->exercise = sqlite3_column_int(stmt, 6) != 0;
	n->revoked = sqlite3_column_int(stmt, 7) != 0;
	n->created = (uint64_t)sqlite3_column_int64(stmt, 8);
	n->modified = (uint64_t)sqlite3_column_int64(stmt, 9);
	snprintf(n->installed, sizeof(n->installed), "%s", sql_text(stmt, 10));
	n->ours = strcmp(n->organisation, desk->conf.sensor_organisation) == 0;
}

#define COLUMNS "id, organisation, kind, title, text, tlp, exercise, revoked, created, modified, installed"

enum cc_status
notices_visit(struct desk *desk, const char *id, notice_fn *fn, void *ctx)
{
	struct notice *n = malloc(sizeof(*n));
	sqlite3_stmt *stmt;
	enum cc_status st = CC_ABSENT;

	if (id != NULL &&
	    desk_number(desk, "SELECT count(*) FROM notice WHERE substr(id, 1, length(?1)) = ?1", "s", id) > 1) {
		free(n);
		return CC_DENIED;
	}
	stmt = id != NULL
		   ? desk_ask(desk, "SELECT " COLUMNS " FROM notice WHERE substr(id, 1, length(?1)) = ?1", "s", id)
		   : desk_ask(desk, "SELECT " COLUMNS " FROM notice ORDER BY created, id", "");
	while (n != NULL && stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		sqlite3_stmt *files;

		row_to_notice(desk, stmt, n);
		files = desk_ask(
		    desk, "SELECT name, sha256, bytes, near FROM notice_file WHERE notice = ?1 ORDER BY n", "s", n->id);
		/* All rows of a notice are stepped over first: their bytes must stay while they are borrowed. */
		while (files != NULL && n->files < NOTICE_FILES && sqlite3_step(files) == SQLITE_ROW) {
			struct notice_file *f = &n->file[n->files];
			size_t size = (size_t)sqlite3_column_bytes(files, 2);
			uint8_t *bytes = malloc(size + 1);

			if (bytes == NULL)
				break;
			if (size > 0)
				memcpy(bytes, sqlite3_column_blob(files, 2), size);
			snprintf(f->name, sizeof(f->name), "%s", sql_text(files, 0));
			snprintf(f->sha256, sizeof(f->sha256), "%s", sql_text(files, 1));
			f->bytes = slice_of(bytes, size);
			f->near = sqlite3_column_int(files, 3) != 0;
			n->files++;
		}
		sqlite3_finalize(files);
		fn(ctx, n);
		for (size_t i = 0; i < n->files; i++)
			free((void *)(uintptr_t)n->file[i].bytes.p);
		st = CC_OK;
	}
	sqlite3_finalize(stmt);
	free(n);
	return n == NULL ? CC_NOMEM : stmt == NULL ? CC_IO : st;
}

enum cc_status
notice_installed(struct desk *desk, const char *id, const char *folder)
{
	return desk_do(desk, "UPDATE notice SET installed = ?2 WHERE id = ?1", "ss", id, folder);
}

/* ---- out ---- */

static void
put_extension(struct json *json, const struct notice *n, const char *nonce)
{
	json_object(json, "extensions");
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	json_object(json, "notice");
	json_text(json, "id", n->id);
	json_text(json, "nonce", nonce);
	json_text(json, "kind", notice_kind_word[n->kind]);
	json_text(json, "title", n->title);
	if (n->text[0] != '\0')
		json_text(json, "text", n->text);
	if (n->revoked)
		json_bool(json, "revoked", true);
	if (n->files > 0) {
		json_array(json, "files");
		for (size_t i = 0; i < n->files; i++) {
			json_object(json, NULL);
			json_text(json, "name", n->file[i].name);
			json_text(json, "sha256", n->file[i].sha256);
			if (n->file[i].near)
				json_bool(json, "near_miss", true);
			json_end_object(json);
		}
		json_end_array(json);
	}
	json_end_object(json);
	json_end_object(json);
	json_end_object(json);
}

static enum cc_status
send_notice(struct desk *desk, const struct notice *n, const char *nonce, char **ret_why)
{
	struct draft draft = {.topic = "notices",
	    .type = "org.concert.notice.v1",
	    .key = n->id,
	    .word = n->revoked ? "revoked" : "notice",
	    .tlp = n->tlp,
	    .exercise = n->exercise,
	    .time = n->modified};
	const char *type = n->kind == NOTICE_PRACTICE ? "course-of-action" : "report";
	struct slice part[] = {slice_str(n->organisation), slice_str("notice"), slice_str(n->id)};
	struct json *json = &draft.json;
	char id[STIX_ID], created[40];

	stix_own_id(type, part, 3, id);
	time_rfc3339_text(n->created, created);
	draft_begin(desk, &draft, true);
	for (size_t i = 0; i < n->files; i++)
		draft_artifact(&draft, n->file[i].bytes,
		    strstr(n->file[i].name, ".pcap") != NULL ? "application/vnd.tcpdump.pcap" : "text/plain");
	draft_object(&draft, type, id, created);
	if (n->revoked)
		json_bool(json, "revoked", true);
	json_text(json, "name", n->title);
	if (n->text[0] != '\0')
		json_text(json, "description", n->text);
	if (n->kind != NOTICE_PRACTICE) {
		json_text(json, "published", created);
		json_array(json, "report_types");
		json_text(json, NULL, n->kind == NOTICE_THREAT ? "threat-report" : "indicator");
		json_end_array(json);
		json_array(json, "object_refs");
		json_text(json, NULL, draft.self);
		json_end_array(json);
	}
	stix_marking(json, n->tlp);
	put_extension(json, n, nonce);
	json_end_object(json);
	return draft_end(desk, &draft, ret_why);
}

static void
copy_notice(void *ctx, const struct notice *from)
{
	struct notice *n = ctx;

	*n = *from;
	n->files = 0;
}

static void
nonce_of(struct desk *desk, const char *id, char ret_nonce[64])
{
	sqlite3_stmt *stmt = desk_ask(desk, "SELECT nonce FROM notice WHERE id = ?1", "s", id);

	ret_nonce[0] = '\0';
	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(ret_nonce, 64, "%s", sql_text(stmt, 0));
	sqlite3_finalize(stmt);
}

/* Readers take the later version: it is so where our clock was set back, too. */
static uint64_t
later(uint64_t was, uint64_t now)
{
	return now > was ? now : was + NS_PER_S;
}

/* Ours, that this one takes the place of: it goes on under its id. */
static enum cc_status
replace(struct desk *desk, struct notice *n, char ret_nonce[64], char **ret_why)
{
	struct notice *was = calloc(1, sizeof(*was));
	enum cc_status st = was != NULL ? notices_visit(desk, n->id, copy_notice, was) : CC_NOMEM;

	if (st != CC_OK)
		(void)desk_fail(desk, st, ret_why, "%s: %s", n->id,
		    st == CC_DENIED ? "several notices begin so" : "no such notice");
	else if (!was->ours || was->revoked || was->kind != n->kind || was->exercise != n->exercise)
		st = desk_fail(desk, CC_DENIED, ret_why, "%s: %s", was->id,
		    !was->ours	   ? "only its author writes it anew"
		    : was->revoked ? "is revoked"
				   : "is of another kind");
	if (st == CC_OK) {
		snprintf(n->id, sizeof(n->id), "%s", was->id);
		nonce_of(desk, n->id, ret_nonce);
		n->created = was->created;
		n->modified = later(was->modified, n->modified);
	}
	free(was);
	return st;
}

enum cc_status
notice_publish(struct desk *desk, struct notice *n, char **ret_why)
{
	bool anew = n->id[0] != '\0';
	char nonce[64];
	enum cc_status st;

	*ret_why = NULL;
	n->modified = time_now();
	if ((st = anew ? replace(desk, n, nonce, ret_why) : desk_random_id(nonce)) != CC_OK)
		return st;
	snprintf(n->organisation, sizeof(n->organisation), "%s", desk->conf.sensor_organisation);
	if (!anew) {
		request_id(n->organisation, nonce, n->id);
		n->created = n->modified;
	}
	for (size_t i = 0; i < n->files; i++) {
		uint8_t digest[32];

		sha256_of(n->file[i].bytes, digest);
		hex_text(slice_of(digest, 32), n->file[i].sha256);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(n->file[k].sha256, n->file[i].sha256) == 0 ||
			    strcmp(n->file[k].name, n->file[i].name) == 0)
				return desk_fail(
				    desk, CC_BAD, ret_why, "%s and %s are the same", n->file[k].name, n->file[i].name);
		}
	}
	st = send_notice(desk, n, nonce, ret_why);
	if (st == CC_OK)
		desk_audit(desk, anew ? "notice written anew" : "notice published",
		    (const char *const[]){"notice", n->id, "title", n->title, NULL});
	return st;
}

enum cc_status
notice_revoke(struct desk *desk, const char *id, const char *words, char **ret_why)
{
	struct notice *n = calloc(1, sizeof(*n));
	enum cc_status st = n != NULL ? notices_visit(desk, id, copy_notice, n) : CC_NOMEM;
	char nonce[64];

	*ret_why = NULL;
	if (st == CC_OK && (!n->ours || n->revoked))
		st = desk_fail(desk, CC_DENIED, ret_why, "%s: %s", n->id,
		    n->ours ? "is revoked already" : "only its author takes a notice back");
	else if (st != CC_OK)
		(void)desk_fail(
		    desk, st, ret_why, "%s: %s", id, st == CC_DENIED ? "several notices begin so" : "no such notice");
	if (st == CC_OK) {
		nonce_of(desk, n->id, nonce);
		n->revoked = true;
		n->modified = later(n->modified, time_now());
		if (words != NULL)
			snprintf(n->text, sizeof(n->text), "%s", words);
		st = send_notice(desk, n, nonce, ret_why);
		desk_audit(desk, "notice revoked",
		    (const char *const[]){"notice", n->id, "title", n->title, "why", words, NULL});
	}
	free(n);
	return st;
}
