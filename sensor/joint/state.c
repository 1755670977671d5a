/*
 * The correlator's database: cases with their documents, and their trace; see state.h.
 *
 * Ids are hashes, and one index of all of them would be written at another place for each case, the more of these the
 * more a case would cost.  So cases and their trace are found by day first: that of the oldest sight, which an id
 * stands for and which never changes.  What is written is of the last days then, in few places; who has an id alone
 * looks into one day after the other.
 *
 * Everything is put through bound parameters, so that no partner's text is ever SQL.  One thread a handle; two
 * processes may have it open, and wait for each other.
 */
#include "joint/state_own.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BUSY_MS 10000
#define VERSION 5
#define DAY (86400 * NS_PER_S)

static const char setup[] =
    "PRAGMA page_size=16384;" /* most of what is written is written in order, in long pieces */
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32768;"
    "PRAGMA wal_autocheckpoint=4096;" /* pages: what several commits write into one goes to its place once */
    "PRAGMA temp_store=MEMORY;";

static const char meta[] = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS cases (day INTEGER NOT NULL, id TEXT NOT NULL, activity TEXT, state TEXT, exercise INTEGER, first INTEGER,"
    " last INTEGER, verdict TEXT, kind TEXT, value TEXT, confidence REAL, organisations INTEGER, sightings INTEGER,"
    " updated INTEGER, published INTEGER DEFAULT 0, closed INTEGER DEFAULT 0, closed_by TEXT, closed_why TEXT,"
    " merged TEXT, document TEXT);"
    "CREATE UNIQUE INDEX IF NOT EXISTS cases_day ON cases (day, id);"
    "CREATE INDEX IF NOT EXISTS cases_last ON cases (last);"
    "CREATE INDEX IF NOT EXISTS cases_changed ON cases (updated) WHERE updated > published;"
    "CREATE TABLE IF NOT EXISTS trace (n INTEGER PRIMARY KEY, day INTEGER, case_id TEXT, time INTEGER, event TEXT, other TEXT);"
    "CREATE INDEX IF NOT EXISTS trace_day ON trace (day, case_id, n);";

enum cc_status
state_fail(struct joint_state *state)
{
	snprintf(state->error, sizeof(state->error), "%s: %s", state->path, sqlite3_errmsg(state->db));
	return CC_IO;
}

enum cc_status
state_run(struct joint_state *state, const char *sql)
{
	return sqlite3_exec(state->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CC_OK : state_fail(state);
}

sqlite3_stmt *
state_ask(struct joint_state *state, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list args;

	va_start(args, format);
	stmt = sql_ask(state->db, sql, format, args);
	va_end(args);
	if (stmt == NULL)
		(void)state_fail(state);
	return stmt;
}

enum cc_status
state_do(struct joint_state *state, const char *sql, const char *format, ...)
{
	enum cc_status st;
	va_list args;

	va_start(args, format);
	st = sql_do(state->db, sql, format, args);
	va_end(args);
	return st == CC_OK ? st : state_fail(state);
}

/* NULL: it can't be compiled, or there are too many, which is our mistake. */
static sqlite3_stmt *
ready(struct joint_state *state, const char *sql)
{
	struct state_ready *one = state->ready;

	while (one < state->ready + STATE_READY && one->sql != NULL && one->sql != sql)
		one++;
	assert(one < state->ready + STATE_READY);
	if (one->sql == NULL) {
		if (sqlite3_prepare_v3(state->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &one->stmt, NULL) != SQLITE_OK) {
			(void)state_fail(state);
			return NULL;
		}
		one->sql = sql;
	}
	return one->stmt;
}

sqlite3_stmt *
state_again(struct joint_state *state, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt = ready(state, sql);
	va_list args;

	va_start(args, format);
	if (stmt != NULL)
		sql_bind(stmt, format, args);
	va_end(args);
	return stmt;
}

enum cc_status
state_redo(struct joint_state *state, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt = ready(state, sql);
	enum cc_status st = CC_OK;
	va_list args;

	if (stmt == NULL)
		return CC_IO;
	va_start(args, format);
	sql_bind(stmt, format, args);
	va_end(args);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		st = state_fail(state);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return st;
}

uint64_t
state_u64(sqlite3_stmt *stmt, int column)
{
	return (uint64_t)sqlite3_column_int64(stmt, column);
}

/* ---- opening ---- */

static enum cc_status
check_version(struct joint_state *state)
{
	sqlite3_stmt *stmt = state_ask(state, "SELECT value FROM meta WHERE name = 'version'", "");
	uint64_t is = VERSION;
	int step;

	if (stmt == NULL)
		return CC_IO;
	if ((step = sqlite3_step(stmt)) == SQLITE_ROW)
		is = state_u64(stmt, 0);
	else if (step != SQLITE_DONE)
		(void)state_fail(state);
	sqlite3_finalize(stmt);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return CC_IO;
	if (is == VERSION)
		return CC_OK;
	snprintf(state->error, sizeof(state->error),
	    "%s: version %llu of the state, this program reads %d: move it away, and concert correlate makes a new one "
	    "from the topics' beginning",
	    state->path, (unsigned long long)is, VERSION);
	return CC_BAD;
}

static enum cc_status
open_database(struct joint_state *state)
{
	int flags = SQLITE_OPEN_READWRITE | (state->write ? SQLITE_OPEN_CREATE : 0);
	enum cc_status st;

	if (sqlite3_open_v2(state->path, &state->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return state_fail(state);
	sqlite3_busy_timeout(state->db, BUSY_MS);
	if ((st = state_run(state, setup)) != CC_OK || (st = state_run(state, meta)) != CC_OK ||
	    (st = check_version(state)) != CC_OK || (st = state_run(state, tables)) != CC_OK)
		return st;
	return state_do(state, "INSERT OR IGNORE INTO meta VALUES ('version', ?1)", "i", (uint64_t)VERSION);
}

enum cc_status
joint_state_open(
    const struct conf *conf, const char *outdir, bool write, struct joint_state **ret_state, char **ret_why)
{
	struct joint_state *state = calloc(1, sizeof(*state));
	struct stat about;
	enum cc_status st = CC_NOMEM;

	(void)conf;
	*ret_why = NULL;
	if (state == NULL)
		return CC_NOMEM;
	state->write = write;
	if (asprintf(&state->path, "%s/joint.sqlite", outdir) < 0)
		state->path = NULL;
	if (write)
		(void)dirs_make(outdir, 0755);
	if (state->path != NULL)
		st = !write && stat(state->path, &about) != 0 ? CC_ABSENT : open_database(state);
	if (st == CC_OK) {
		(void)chmod(state->path, 0600);
		*ret_state = state;
		return CC_OK;
	}
	*ret_why = state->error[0] != '\0' ? strdup(state->error) : NULL;
	joint_state_close(state);
	return st;
}

void
joint_state_close(struct joint_state *state)
{
	if (state == NULL)
		return;
	for (unsigned i = 0; i < STATE_READY; i++)
		sqlite3_finalize(state->ready[i].stmt);
	sqlite3_close(state->db);
	free(state->path);
	free(state);
}

const char *
joint_state_error(const struct joint_state *state)
{
	return state->error;
}

enum cc_status
joint_state_begin(struct joint_state *state)
{
	enum cc_status st = state_run(state, "BEGIN IMMEDIATE");

	state->within = st == CC_OK;
	return st;
}

enum cc_status
joint_state_commit(struct joint_state *state)
{
	enum cc_status st = state_run(state, "COMMIT");

	if (st != CC_OK)
		joint_state_rollback(state);
	state->within = false;
	return st;
}

void
joint_state_rollback(struct joint_state *state)
{
	(void)sqlite3_exec(state->db, "ROLLBACK", NULL, NULL, NULL);
	state->within = false;
}

/* ---- cases ---- */

/* All days of which there is something: a look into an index each. */
#define DAYS(table)                                                                                                    \
	"WITH RECURSIVE d(is_day) AS (SELECT min(day) FROM " table " UNION ALL SELECT (SELECT min(day) FROM " table    \
	" WHERE day > d.is_day) FROM d WHERE d.is_day IS NOT NULL) "

#define COLUMNS                                                                                                        \
	"id, activity, CASE WHEN merged IS NOT NULL THEN 'merged' WHEN closed > 0 THEN 'closed' ELSE state END "       \
	"AS is_state, exercise, first, last, verdict, kind, value, confidence, organisations, sightings, updated, "    \
	"published, closed, closed_by, closed_why, merged"

static const char *
text_at(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column);
}

static struct joint_case
case_at(sqlite3_stmt *stmt, bool whole)
{
	struct joint_case one = {.id = text_at(stmt, 0), .activity = text_at(stmt, 1), .state = text_at(stmt, 2),
	    .exercise = sqlite3_column_int(stmt, 3) != 0, .first = state_u64(stmt, 4), .last = state_u64(stmt, 5),
	    .verdict = text_at(stmt, 6), .kind = text_at(stmt, 7), .value = text_at(stmt, 8),
	        .confidence = sqlite3_column_double(stmt, 9),
	    .organisations = state_u64(stmt, 10), .sightings = state_u64(stmt, 11), .updated = state_u64(stmt, 12),
	    .published = state_u64(stmt, 13), .closed = state_u64(stmt, 14), .closed_by = text_at(stmt, 15),
	    .closed_why = text_at(stmt, 16), .merged = text_at(stmt, 17)};

	if (whole)
		one.document = sql_blob(stmt, 18);
	return one;
}

static enum cc_status
tell_cases(struct joint_state *state, sqlite3_stmt *stmt, bool whole, joint_case_fn *fn, void *ctx)
{
	int step = SQLITE_ERROR;

	while (stmt != NULL && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct joint_case one = case_at(stmt, whole);

		fn(ctx, &one);
	}
	if (stmt != NULL && step != SQLITE_DONE)
		(void)state_fail(state);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? CC_OK : CC_IO;
}

enum cc_status
joint_state_list(struct joint_state *state, const char *which, joint_case_fn *fn, void *ctx)
{
	return tell_cases(state,
	    state_ask(state,
		"SELECT " COLUMNS
		" FROM cases WHERE CASE WHEN ?1 IS NULL THEN is_state <> 'merged' ELSE is_state = ?1 END"
		" ORDER BY last DESC, id",
		"s", which),
	    false, fn, ctx);
}

#define BEGUN_SO " FROM d CROSS JOIN cases ON day = is_day AND id >= ?1 AND id < ?2"

enum cc_status
joint_state_get(struct joint_state *state, const char *id, joint_case_fn *fn, void *ctx)
{
	char from[64], until[66];
	sqlite3_stmt *stmt;
	uint64_t count = 0;

	if (strlen(id) > 50)
		return CC_ABSENT;
	snprintf(from, sizeof(from), "%s%s", strncmp(id, "case--", 6) == 0 ? "" : "case--", id);
	snprintf(until, sizeof(until), "%s\x7f", from);
	stmt = state_ask(state, DAYS("cases") "SELECT count(*)" BEGUN_SO, "ss", from, until);
	if (stmt == NULL)
		return CC_IO;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		count = state_u64(stmt, 0);
	sqlite3_finalize(stmt);
	if (count != 1)
		return count == 0 ? CC_ABSENT : CC_DENIED;
	return tell_cases(state,
	    state_ask(state, DAYS("cases") "SELECT " COLUMNS ", document" BEGUN_SO, "ss", from, until), true, fn, ctx);
}

/* CC_ABSENT. */
static enum cc_status
day_of(struct joint_state *state, const char *id, uint64_t *ret_day)
{
	sqlite3_stmt *stmt = state_ask(
	    state, DAYS("cases") "SELECT day FROM d CROSS JOIN cases ON day = is_day AND id = ?1", "s", id);
	int step = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;

	if (step == SQLITE_ROW)
		*ret_day = state_u64(stmt, 0);
	else if (step != SQLITE_DONE)
		(void)state_fail(state);
	sqlite3_finalize(stmt);
	return step == SQLITE_ROW ? CC_OK : step == SQLITE_DONE ? CC_ABSENT : CC_IO;
}

enum cc_status
joint_state_all(struct joint_state *state, joint_case_fn *fn, void *ctx)
{
	return tell_cases(state,
	    state_ask(state, "SELECT " COLUMNS ", document FROM cases WHERE merged IS NULL ORDER BY first, id", ""),
	    true, fn, ctx);
}

enum cc_status
joint_state_unpublished(struct joint_state *state, joint_case_fn *fn, void *ctx)
{
	return tell_cases(state,
	    state_ask(
		state, "SELECT " COLUMNS ", document FROM cases WHERE updated > published ORDER BY updated, id", ""),
	    true, fn, ctx);
}

enum cc_status
joint_state_published(struct joint_state *state, const char *id, uint64_t updated)
{
	uint64_t day;
	enum cc_status st = day_of(state, id, &day);

	if (st != CC_OK)
		return st == CC_ABSENT ? CC_OK : st;
	return state_do(state, "UPDATE cases SET published = max(published, ?3) WHERE day = ?1 AND id = ?2", "isi", day,
	    id, updated);
}

uint64_t
joint_state_day(uint64_t first)
{
	return first / DAY;
}

enum cc_status
joint_state_put(struct joint_state *state, const struct joint_case *one)
{
	static const char sql[] =
	    "INSERT INTO cases (id, activity, state, exercise, first, last, verdict, kind, value, confidence, "
	    "organisations, sightings, updated, document, day) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
	    "ON CONFLICT DO UPDATE SET activity = ?2, state = ?3, exercise = ?4, first = ?5, last = ?6, verdict = ?7, "
	    "kind = ?8, value = ?9, confidence = ?10, organisations = ?11, sightings = ?12, merged = NULL, "
	    "updated = max(?13, published + 1), document = ?14 WHERE document IS NOT ?14 OR merged IS NOT NULL";
	sqlite3_stmt *stmt = state_again(state, sql, "sssiiisssdiii", one->id, one->activity, one->state,
	    (uint64_t)one->exercise, one->first, one->last, one->verdict, one->kind, one->value, one->confidence,
	    one->organisations, one->sightings, one->updated);
	enum cc_status st = CC_OK;

	if (stmt == NULL)
		return CC_IO;
	sqlite3_bind_int64(stmt, 15, (sqlite3_int64)joint_state_day(one->first));
	sqlite3_bind_text64(stmt, 14, (const char *)one->document.p, one->document.size, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		st = state_fail(state);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return st;
}

enum cc_status
joint_state_merged(struct joint_state *state, uint64_t day, const char *id, const char *into, uint64_t time)
{
	return state_do(state,
	    "UPDATE cases SET merged = ?3, updated = max(?4, published + 1) WHERE day = ?1 AND id = ?2", "issi", day, id,
	    into, time);
}

enum cc_status
joint_state_dropped(struct joint_state *state, uint64_t day, const char *id, uint64_t time)
{
	return joint_state_merged(state, day, id, "", time);
}

enum cc_status
joint_state_finish(struct joint_state *state, const char *id, uint64_t time, const char *by, const char *why)
{
	uint64_t day;
	enum cc_status st = day_of(state, id, &day);

	if (st == CC_OK)
		st = state_do(state,
		    "UPDATE cases SET closed = ?3, closed_by = ?4, closed_why = ?5, updated = max(?3, published + 1) "
		    "WHERE day = ?1 AND id = ?2",
		    "isiss", day, id, time, by, why);
	return st == CC_OK ? joint_state_note(state, day, id, &(struct joint_trace){time, "closed", why}) : st;
}

enum cc_status
joint_state_reopen(struct joint_state *state, const char *id, uint64_t time, const char *why)
{
	uint64_t day;
	enum cc_status st = day_of(state, id, &day);

	if (st == CC_OK)
		st = state_do(state,
		    "UPDATE cases SET closed = 0, closed_by = NULL, closed_why = NULL, "
		    "updated = max(?3, published + 1) WHERE day = ?1 AND id = ?2 AND closed > 0",
		    "isi", day, id, time);
	if (st == CC_OK && sqlite3_changes(state->db) == 0)
		return CC_ABSENT;
	return st == CC_OK ? joint_state_note(state, day, id, &(struct joint_trace){time, "reopened", why}) : st;
}

/* ---- the trace ---- */

enum cc_status
joint_state_note(struct joint_state *state, uint64_t day, const char *case_id, const struct joint_trace *trace)
{
	static const char sql[] = "INSERT INTO trace (day, case_id, time, event, other) VALUES (?1, ?2, ?3, ?4, ?5)";

	return state_redo(state, sql, "isiss", day, case_id, trace->time, trace->event, trace->with);
}

enum cc_status
joint_state_trace(struct joint_state *state, const char *case_id, joint_trace_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt =
	    state_ask(state,
		DAYS("trace")
		"SELECT time, event, other FROM d CROSS JOIN trace ON day = is_day AND case_id = ?1 ORDER BY n",
		"s", case_id);
	int step = SQLITE_ERROR;

	while (stmt != NULL && (step = sqlite3_step(stmt)) == SQLITE_ROW)
		fn(ctx, &(struct joint_trace){state_u64(stmt, 0), text_at(stmt, 1), text_at(stmt, 2)});
	if (stmt != NULL && step != SQLITE_DONE)
		(void)state_fail(state);
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? CC_OK : CC_IO;
}
