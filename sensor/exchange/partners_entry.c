/*
 * The entries of the partners' watch list: in memory by partner, kind and value, and in OUTDIR/partners.sqlite, so that
 * a restart knows them, and knows how far each lane of each partner was read.  Entries and lanes are committed
 * together: what was taken is not asked for again, what was not comes again.
 *
 * A disk that fails costs the memory of it, not the list; that is counted, and logged once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/sql.h"
#include "exchange/partners_own.h"

enum { KEEP, REMOVE, LANE, STATEMENTS };

struct entries {
	const struct conf *conf;
	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS];
	bool begun, trouble;
	uint64_t errors;
	struct map *entry, *source;
	const char *from; /* while lanes are saved */
};

/* ---- the database ---- */

static void
trouble(struct entries *e)
{
	e->errors++;
	if (!e->trouble)
		log_error("partners.sqlite: %s: the watch list from partners is not kept over a restart",
		    sqlite3_errmsg(e->db));
	e->trouble = true;
}

static bool
run(struct entries *e, const char *sql)
{
	if (sqlite3_exec(e->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	trouble(e);
	return false;
}

static sqlite3_stmt *
statement(struct entries *e, unsigned which)
{
	static const char *const sql[STATEMENTS] = {
	    [KEEP] = "INSERT OR REPLACE INTO entry VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	    [REMOVE] = "DELETE FROM entry WHERE source = ?1 AND kind = ?2 AND value = ?3",
	    [LANE] = "INSERT OR REPLACE INTO lane VALUES (?1,?2,?3)",
	};

	if (!e->begun) {
		if (!run(e, "BEGIN IMMEDIATE"))
			return NULL;
		e->begun = true;
	}
	if (e->stmt[which] == NULL && sqlite3_prepare_v2(e->db, sql[which], -1, &e->stmt[which], NULL) != SQLITE_OK) {
		trouble(e);
		return NULL;
	}
	sqlite3_reset(e->stmt[which]);
	return e->stmt[which];
}

static void
step(struct entries *e, sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		trouble(e);
	sqlite3_reset(stmt);
}

void
entries_commit(struct entries *e)
{
	if (!e->begun)
		return;
	e->begun = false;
	if (run(e, "COMMIT"))
		e->trouble = false;
	else
		sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
}

uint64_t
entries_errors(const struct entries *e)
{
	return e->errors;
}

/* ---- entries ---- */

static struct slice
key_of(const char *source, enum cc_kind kind, struct slice value, uint8_t out[VALUE_MAX + 256])
{
	size_t size = strlen(source);

	memcpy(out, source, size);
	out[size] = 0;
	out[size + 1] = (uint8_t)kind;
	memcpy(out + size + 2, value.p, value.size);
	return slice_of(out, size + 2 + value.size);
}

struct source *
entries_source(struct entries *e, const char *id)
{
	struct source *source = map_get(e->source, slice_str(id));

	if (source != NULL)
		return source;
	source = calloc(1, sizeof(*source));
	if (source == NULL || (size_t)snprintf(source->id, sizeof(source->id), "%s", id) >= sizeof(source->id) ||
	    map_put(e->source, slice_str(id), source, NULL) != CC_OK) {
		free(source);
		return NULL;
	}
	return source;
}

struct entry *
entries_find(struct entries *e, const struct source *source, enum cc_kind kind, struct slice value)
{
	uint8_t key[VALUE_MAX + 256];

	return value.size <= VALUE_MAX ? map_get(e->entry, key_of(source->id, kind, value, key)) : NULL;
}

static void
entry_free(void *p)
{
	struct entry *entry = p;

	if (entry != NULL)
		free(entry->value);
	free(entry);
}

enum cc_status
entries_add(struct entries *e, struct source *source, enum cc_kind kind, struct slice value, struct entry **ret_entry)
{
	uint8_t key[VALUE_MAX + 256];
	struct entry *entry;

	if (map_count(e->entry) >= e->conf->partners_max || source->count >= source->max)
		return CC_FULL;
	entry = calloc(1, sizeof(*entry));
	if (entry != NULL)
		entry->value = strndup((const char *)value.p, value.size);
	if (entry == NULL || entry->value == NULL ||
	    map_put(e->entry, key_of(source->id, kind, value, key), entry, NULL) != CC_OK) {
		entry_free(entry);
		return CC_NOMEM;
	}
	entry->source = source;
	entry->kind = kind;
	source->count++;
	*ret_entry = entry;
	return CC_OK;
}

void
entries_keep(struct entries *e, const struct entry *entry)
{
	sqlite3_stmt *stmt = statement(e, KEEP);

	if (stmt == NULL)
		return;
	sqlite3_bind_text(stmt, 1, entry->source->id, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, (int)entry->kind);
	sqlite3_bind_text(stmt, 3, entry->value, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, entry->message, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, entry->indicator, -1, SQLITE_STATIC);
	sql_bind_u64(stmt, 6, entry->told);
	sql_bind_u64(stmt, 7, entry->until);
	sql_bind_u64(stmt, 8, entry->looked);
	sql_bind_u64(stmt, 9, entry->hit);
	sqlite3_bind_int(stmt, 10, entry->negative);
	step(e, stmt);
}

void
entries_remove(struct entries *e, struct entry *entry)
{
	uint8_t key[VALUE_MAX + 256];
	sqlite3_stmt *stmt = statement(e, REMOVE);

	if (stmt != NULL) {
		sqlite3_bind_text(stmt, 1, entry->source->id, -1, SQLITE_STATIC);
		sqlite3_bind_int(stmt, 2, (int)entry->kind);
		sqlite3_bind_text(stmt, 3, entry->value, -1, SQLITE_STATIC);
		step(e, stmt);
	}
	entry->source->count--;
	map_remove(e->entry, key_of(entry->source->id, entry->kind, slice_str(entry->value), key));
	entry_free(entry);
}

bool
entries_next(const struct entries *e, size_t *at, struct entry **ret_entry)
{
	struct slice key;
	void *value;

	if (!map_next(e->entry, at, &key, &value))
		return false;
	*ret_entry = value;
	return true;
}

size_t
entries_count(const struct entries *e)
{
	return map_count(e->entry);
}

/* ---- policy ---- */

static bool
yes(const char *text, bool otherwise)
{
	if (text == NULL)
		return otherwise;
	return strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0 || strcasecmp(text, "on") == 0;
}

/* "[addr,domain]"; words that we don't know allow nothing. */
static unsigned
kinds_of(const char *text)
{
	unsigned kinds = 0;

	for (text += *text == '['; *text != '\0' && *text != ']'; text += *text == ',') {
		size_t size = strcspn(text, ",]");
		enum cc_kind kind;

		if (record_kind_parse(slice_of(text, size), &kind) == CC_OK)
			kinds |= 1u << kind;
		else
			log_warning("exchange.trust: watch.kinds: '%.*s' is no kind of indicator", (int)size, text);
		text += size;
	}
	return kinds;
}

static void
set_policy(const struct conf *conf, struct source *source, const struct conf_map *policy)
{
	const char *kinds = conf_map_get(policy, "watch.kinds"), *max = conf_map_get(policy, "watch.max"),
		   *proof = conf_map_get(policy, "watch.proof");

	source->use = yes(conf_map_get(policy, "watch.use"), yes(conf_map_get(policy, "watch"), true));
	source->answers = yes(conf_map_get(policy, "watch.answers"), false);
	source->negative = yes(conf_map_get(policy, "watch.negative"), false);
	source->kinds = kinds != NULL ? kinds_of(kinds) : ~0u;
	source->max = conf->partners_source_max;
	if (max != NULL && uint_parse(max, &source->max) != CC_OK) {
		log_warning(
		    "exchange.trust: %s: watch.max: '%s' is no number: nothing of theirs is watched", source->id, max);
		source->max = 0;
	}
	source->has_proof = proof != NULL;
	source->proof = CC_PROOF_CONTENT; /* a word that we don't know asks for the most */
	for (int p = CC_PROOF_SPOOFABLE; proof != NULL && p <= CC_PROOF_CONTENT; p++) {
		if (strcmp(proof, record_proof_text((enum cc_proof)p)) == 0)
			source->proof = (enum cc_proof)p;
	}
}

void
entries_policy(struct entries *e, const struct trust *trust)
{
	struct slice key;
	size_t at = 0;
	void *value;

	for (size_t i = 0; i < trust_count(trust); i++)
		(void)entries_source(e, trust_at(trust, i)->id);
	while (map_next(e->source, &at, &key, &value)) {
		struct source *source = value;
		const struct trust_organisation *o = trust_organisation(trust, slice_str(source->id));

		if (o != NULL && !o->own) {
			set_policy(e->conf, source, &o->policy);
		} else {
			source->use = false;
			source->max = 0;
		}
	}
}

/* ---- lanes ---- */

static void
save_lane(void *ctx, struct slice key, struct slice state)
{
	struct entries *e = ctx;
	sqlite3_stmt *stmt = statement(e, LANE);

	if (stmt == NULL)
		return;
	sqlite3_bind_text(stmt, 1, e->from, -1, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 2, key.p, (int)key.size, SQLITE_STATIC);
	sqlite3_bind_blob(stmt, 3, state.p, (int)state.size, SQLITE_STATIC);
	step(e, stmt);
}

void
entries_save_lanes(struct entries *e, const char *from, struct verifier *verifier)
{
	e->from = from;
	verifier_save(verifier, save_lane, e);
}

void
entries_restore_lanes(struct entries *e, const char *from, struct verifier *verifier)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(e->db, "SELECT key, state FROM lane WHERE origin = ?1", -1, &stmt, NULL) != SQLITE_OK) {
		trouble(e);
		return;
	}
	sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		(void)verifier_restore(verifier, sql_blob(stmt, 0), sql_blob(stmt, 1));
	sqlite3_finalize(stmt);
}

/* ---- opening ---- */

static void
load_entry(struct entries *e, sqlite3_stmt *stmt)
{
	const char *id = (const char *)sqlite3_column_text(stmt, 0),
		   *value = (const char *)sqlite3_column_text(stmt, 2);
	const char *message = (const char *)sqlite3_column_text(stmt, 3),
		   *indicator = (const char *)sqlite3_column_text(stmt, 4);
	int kind = sqlite3_column_int(stmt, 1);
	struct source *source = id != NULL ? entries_source(e, id) : NULL;
	struct entry *entry;

	if (source == NULL || value == NULL || kind < 0 || kind >= CC_KIND_COUNT || strlen(value) > VALUE_MAX)
		return;
	source->max = UINT64_MAX; /* the policy comes later */
	if (entries_add(e, source, (enum cc_kind)kind, slice_str(value), &entry) != CC_OK)
		return;
	snprintf(entry->message, sizeof(entry->message), "%s", message != NULL ? message : "");
	snprintf(entry->indicator, sizeof(entry->indicator), "%s", indicator != NULL ? indicator : "");
	entry->told = sql_u64(stmt, 5);
	entry->until = sql_u64(stmt, 6);
	entry->looked = sql_u64(stmt, 7);
	entry->hit = sql_u64(stmt, 8);
	entry->negative = sqlite3_column_int(stmt, 9) != 0;
}

static enum cc_status
load(struct entries *e)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(e->db, "SELECT * FROM entry ORDER BY told", -1, &stmt, NULL) != SQLITE_OK)
		return CC_IO;
	while (sqlite3_step(stmt) == SQLITE_ROW)
		load_entry(e, stmt);
	sqlite3_finalize(stmt);
	return CC_OK;
}

static enum cc_status
database_open(struct entries *e, const char *path)
{
	static const char setup[] =
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=16777216;"
	    "CREATE TABLE IF NOT EXISTS entry (source TEXT, kind INTEGER, value TEXT, message TEXT, indicator TEXT, "
	    "told INTEGER, until INTEGER, looked INTEGER, hit INTEGER, negative INTEGER, "
	    "PRIMARY KEY (source, kind, value)) WITHOUT ROWID;"
	    "CREATE TABLE IF NOT EXISTS lane (origin TEXT, key BLOB, state BLOB, PRIMARY KEY (origin, key)) "
	    "WITHOUT ROWID;";

	if (sqlite3_open_v2(path, &e->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return CC_IO;
	sqlite3_busy_timeout(e->db, 2000);
	if (sqlite3_exec(e->db, setup, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite3_errcode(e->db) == SQLITE_NOTADB || sqlite3_errcode(e->db) == SQLITE_CORRUPT ? CC_BAD
													   : CC_IO;
	return load(e);
}

enum cc_status
entries_open(const struct conf *conf, const char *outdir, struct entries **ret_entries, char **ret_why)
{
	struct entries *e = calloc(1, sizeof(*e));
	char path[4096], aside[4200];
	enum cc_status st = CC_NOMEM;

	*ret_why = NULL;
	if (e == NULL)
		return CC_NOMEM;
	e->conf = conf;
	e->entry = map_new(0);
	e->source = map_new(0);
	snprintf(path, sizeof(path), "%s/partners.sqlite", outdir);
	snprintf(aside, sizeof(aside), "%s.broken", path);
	if (e->entry != NULL && e->source != NULL)
		st = database_open(e, path);
	if (st == CC_BAD) { /* the topics have it all again */
		log_error("%s: is no database; put aside with .broken, begun anew", path);
		sqlite3_close(e->db);
		e->db = NULL;
		st = rename(path, aside) == 0 ? database_open(e, path) : CC_IO;
	}
	if (st != CC_OK) {
		if (asprintf(ret_why, "%s: %s", path, e->db != NULL ? sqlite3_errmsg(e->db) : cc_status_text(st)) < 0)
			*ret_why = NULL;
		entries_close(e);
		return st;
	}
	*ret_entries = e;
	return CC_OK;
}

void
entries_close(struct entries *e)
{
	if (e == NULL)
		return;
	if (e->db != NULL)
		entries_commit(e);
	for (unsigned i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(e->stmt[i]);
	sqlite3_close(e->db);
	map_free(e->entry, entry_free);
	map_free(e->source, free);
	free(e);
}

/* ---- for people ---- */

enum cc_status
partners_visit(const char *outdir, partners_visit_fn *fn, void *ctx, char **ret_why)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	char path[4096];
	bool good;

	*ret_why = NULL;
	snprintf(path, sizeof(path), "%s/partners.sqlite", outdir);
	good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	       sqlite3_busy_timeout(db, 2000) == SQLITE_OK &&
	       sqlite3_prepare_v2(db,
		   "SELECT source, kind, value, message, told, until, hit FROM entry ORDER BY source, kind, value", -1,
		   &stmt, NULL) == SQLITE_OK;
	while (good && sqlite3_step(stmt) == SQLITE_ROW) {
		struct partners_entry entry = {.source = (const char *)sqlite3_column_text(stmt, 0),
		    .value = (const char *)sqlite3_column_text(stmt, 2),
		    .message = (const char *)sqlite3_column_text(stmt, 3),
		    .told = sql_u64(stmt, 4),
		    .until = sql_u64(stmt, 5),
		    .hit = sql_u64(stmt, 6)};
		int kind = sqlite3_column_int(stmt, 1);

		entry.kind = (enum cc_kind)kind;
		if (kind >= 0 && kind < CC_KIND_COUNT && entry.source != NULL && entry.value != NULL &&
		    entry.message != NULL)
			fn(ctx, &entry);
	}
	if (!good && asprintf(ret_why, "%s: %s", path, sqlite3_errmsg(db)) < 0)
		*ret_why = NULL;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return good ? CC_OK : CC_ABSENT;
}
