/*
 * Evidence on disk: OUTDIR/evidence/ab/abcd….pcapng, one file a piece, and index.sqlite beside them.
 *
 * A file is written beside and renamed, so a name means a whole file; the index is committed once a second, and what
 * was written after its last commit is found again when the store is opened.  When evidence.max is reached the oldest
 * file goes and its row stays, so that whoever asks for it is told that it was there.  One thread; others may ask at
 * the same time (SQLite's write-ahead log).
 */
#include "evidence/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDICATOR_MAX 512 /* bytes of "kind:value" in the index */
#define PATH_ROOM 4352

const char *const evidence_state_text[EVIDENCE_STATES] = {
    [EVIDENCE_KEPT] = "kept",
    [EVIDENCE_OVERWRITTEN] = "overwritten",
    [EVIDENCE_PURGED] = "purged",
    [EVIDENCE_DAMAGED] = "damaged",
};

enum statement { FIND, ADD, NOTE, GONE, OLDEST, SUM, TRIM, LIST, LIST_BEHIND, OLDER, STATEMENTS };

static const char *const sql[STATEMENTS] = {
    [FIND] = "SELECT sha256, time, size, state, gone, behind FROM piece WHERE sha256 = ?1",
    [ADD] = "INSERT INTO piece (sha256, time, size, state, gone, behind, stored) VALUES (?1, ?2, ?3, 0, 0, NULL, ?4) "
	    "ON CONFLICT (sha256) DO UPDATE SET state = 0, gone = 0, stored = ?4",
    [NOTE] = "UPDATE piece SET behind = ?2 WHERE sha256 = ?1 AND behind IS NULL",
    [GONE] = "UPDATE piece SET state = ?2, gone = ?3 WHERE sha256 = ?1",
    [OLDEST] =
	"SELECT sha256, time, size, state, gone, behind FROM piece WHERE state = 0 ORDER BY stored, sha256 LIMIT 1",
    [SUM] = "SELECT coalesce(sum(size), 0) FROM piece WHERE state = 0",
    [TRIM] = "DELETE FROM piece WHERE state <> 0 AND rowid IN (SELECT rowid FROM piece WHERE state <> 0 ORDER BY "
	     "stored LIMIT max(0, (SELECT count(*) FROM piece) - ?1))",
    [LIST] = "SELECT sha256, time, size, state, gone, behind FROM piece ORDER BY time DESC, sha256 LIMIT ?1",
    [LIST_BEHIND] = "SELECT sha256, time, size, state, gone, behind FROM piece WHERE behind = ?2 ORDER BY time DESC, "
		    "sha256 LIMIT ?1",
    [OLDER] = "SELECT sha256, time, size, state, gone, behind FROM piece WHERE state = 0 AND stored < ?1 ORDER BY "
	      "stored LIMIT 1",
};

struct evidence_store {
	const struct conf *conf;
	char dir[PATH_ROOM - 96];
	bool writes, changed;
	sqlite3 *db;
	sqlite3_stmt *stmt[STATEMENTS];
	uint64_t bytes, committed, trimmed;
	char error[512];
};

static enum cc_status __attribute__((format(printf, 3, 4)))
fail(struct evidence_store *store, enum cc_status st, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(store->error, sizeof(store->error), format, args);
	va_end(args);
	return st;
}

static enum cc_status
db_fail(struct evidence_store *store)
{
	return fail(store, CC_IO, "%s/index.sqlite: %s", store->dir, sqlite3_errmsg(store->db));
}

static void
path_of(const struct evidence_store *store, const uint8_t sha256[32], const char *end, char ret_path[PATH_ROOM])
{
	char hex[65];

	hex_text(slice_of(sha256, 32), hex);
	snprintf(ret_path, PATH_ROOM, "%s/%.2s/%s%s", store->dir, hex, hex, end);
}

/* ---- the index ---- */

static sqlite3_stmt *
with_digest(struct evidence_store *store, enum statement which, const uint8_t sha256[32])
{
	sqlite3_stmt *stmt = store->stmt[which];

	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	sqlite3_bind_blob(stmt, 1, sha256, 32, SQLITE_STATIC);
	return stmt;
}

/*
 * The first change after a commit opens a transaction, with no question of ours still open: one that had looked at the
 * index before another process changed it could not write any more.
 */
static enum cc_status
change(struct evidence_store *store, sqlite3_stmt *stmt)
{
	static const enum statement question[] = {FIND, OLDEST, OLDER};
	int code;

	if (!store->changed) {
		for (size_t i = 0; i < sizeof(question) / sizeof(question[0]); i++)
			sqlite3_reset(store->stmt[question[i]]);
		if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
			sqlite3_reset(stmt);
			return db_fail(store);
		}
		store->changed = true;
	}
	code = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	return code == SQLITE_DONE || code == SQLITE_ROW ? CC_OK : db_fail(store);
}

/* A row of one of the SELECTs; false: its digest has not the size of one. */
static bool
entry_of(sqlite3_stmt *stmt, struct evidence_entry *ret_entry)
{
	int state = sqlite3_column_int(stmt, 3);

	if (sqlite3_column_bytes(stmt, 0) != 32 || state < 0 || state >= EVIDENCE_STATES)
		return false;
	memcpy(ret_entry->sha256, sqlite3_column_blob(stmt, 0), 32);
	ret_entry->time = (uint64_t)sqlite3_column_int64(stmt, 1);
	ret_entry->size = (uint64_t)sqlite3_column_int64(stmt, 2);
	ret_entry->state = (enum evidence_state)state;
	ret_entry->gone = (uint64_t)sqlite3_column_int64(stmt, 4);
	ret_entry->behind = (const char *)sqlite3_column_text(stmt, 5);
	if (ret_entry->behind == NULL)
		ret_entry->behind = "";
	return true;
}

static enum cc_status
one(struct evidence_store *store, sqlite3_stmt *stmt, struct evidence_entry *ret_entry)
{
	int code = sqlite3_step(stmt);

	if (code == SQLITE_DONE)
		return CC_ABSENT;
	if (code != SQLITE_ROW)
		return db_fail(store);
	return entry_of(stmt, ret_entry) ? CC_OK : CC_BAD;
}

static enum cc_status
commit(struct evidence_store *store)
{
	if (!store->changed)
		return CC_OK;
	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(store);
	store->changed = false;
	return CC_OK;
}

/* ---- pieces that go ---- */

static enum cc_status
let_go(struct evidence_store *store, const uint8_t sha256[32], uint64_t size, enum evidence_state state, uint64_t now)
{
	sqlite3_stmt *stmt;
	char path[PATH_ROOM];

	path_of(store, sha256, ".pcapng", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return fail(store, CC_IO, "%s: %s", path, strerror(errno));
	store->bytes -= size < store->bytes ? size : store->bytes;
	stmt = with_digest(store, GONE, sha256);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)now);
	return change(store, stmt);
}

/* The oldest go until more bytes have room. */
static enum cc_status
make_room(struct evidence_store *store, uint64_t more)
{
	enum cc_status st = CC_OK;

	while (st == CC_OK && store->bytes > 0 && store->bytes + more > store->conf->evidence_max) {
		struct evidence_entry entry;
		uint8_t sha256[32];

		sqlite3_reset(store->stmt[OLDEST]);
		st = one(store, store->stmt[OLDEST], &entry);
		if (st == CC_ABSENT) {
			store->bytes = 0;
			return CC_OK;
		}
		if (st == CC_OK) {
			memcpy(sha256, entry.sha256, 32);
			sqlite3_reset(store->stmt[OLDEST]);
			st = let_go(store, sha256, entry.size, EVIDENCE_OVERWRITTEN, time_now());
		}
	}
	return st;
}

/* ---- in ---- */

static enum cc_status
write_file(struct evidence_store *store, const uint8_t sha256[32], struct slice bytes)
{
	char path[PATH_ROOM], part[PATH_ROOM];
	bool done;
	int fd;

	path_of(store, sha256, ".pcapng", path);
	path_of(store, sha256, ".part", part);
	*strrchr(path, '/') = '\0';
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return fail(store, CC_IO, "%s: %s", path, strerror(errno));
	path_of(store, sha256, ".pcapng", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	done = fd >= 0 && write(fd, bytes.p, bytes.size) == (ssize_t)bytes.size && rename(part, path) == 0;
	if (!done) {
		(void)fail(store, CC_IO, "%s: %s", path, strerror(errno));
		(void)unlink(part);
	}
	if (fd >= 0)
		close(fd);
	return done ? CC_OK : CC_IO;
}

static enum cc_status
add_row(struct evidence_store *store, const uint8_t sha256[32], uint64_t size, uint64_t time)
{
	sqlite3_stmt *stmt = with_digest(store, ADD, sha256);

	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)time);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)size);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)time_now());
	store->bytes += size;
	return change(store, stmt);
}

enum cc_status
evidence_store_put(struct evidence_store *store, const uint8_t sha256[32], struct slice bytes, uint64_t time)
{
	struct evidence_entry entry;
	uint8_t digest[32];
	enum cc_status st;

	sha256_of(bytes, digest);
	if (memcmp(digest, sha256, 32) != 0)
		return CC_BAD;
	if (bytes.size > store->conf->evidence_max)
		return fail(store, CC_IO, "a piece of %zu bytes is larger than evidence.max", bytes.size);
	if (evidence_store_find(store, sha256, &entry) == CC_OK && entry.state == EVIDENCE_KEPT)
		return CC_OK;
	st = make_room(store, bytes.size);
	if (st == CC_OK)
		st = write_file(store, sha256, bytes);
	return st == CC_OK ? add_row(store, sha256, bytes.size, time) : st;
}

enum cc_status
evidence_store_note(struct evidence_store *store, const uint8_t sha256[32], struct slice indicator)
{
	sqlite3_stmt *stmt = with_digest(store, NOTE, sha256);
	size_t size = indicator.size < INDICATOR_MAX ? indicator.size : INDICATOR_MAX;

	sqlite3_bind_text(stmt, 2, (const char *)indicator.p, (int)size, SQLITE_STATIC);
	return change(store, stmt);
}

static enum cc_status
expire(struct evidence_store *store, uint64_t now)
{
	uint64_t keep = store->conf->evidence_keep;

	for (;;) {
		struct evidence_entry entry;
		uint8_t sha256[32];
		enum cc_status st;

		sqlite3_reset(store->stmt[OLDER]);
		sqlite3_bind_int64(store->stmt[OLDER], 1, (sqlite3_int64)(now > keep ? now - keep : 0));
		st = one(store, store->stmt[OLDER], &entry);
		if (st != CC_OK)
			return st == CC_ABSENT ? CC_OK : st;
		memcpy(sha256, entry.sha256, 32);
		sqlite3_reset(store->stmt[OLDER]);
		if ((st = let_go(store, sha256, entry.size, EVIDENCE_OVERWRITTEN, now)) != CC_OK)
			return st;
	}
}

enum cc_status
evidence_store_tick(struct evidence_store *store, uint64_t now)
{
	enum cc_status st = CC_OK;

	if (now - store->committed < NS_PER_S && now >= store->committed)
		return CC_OK;
	store->committed = now;
	if (now - store->trimmed >= 60 * NS_PER_S || now < store->trimmed) {
		store->trimmed = now;
		st = expire(store, now);
		sqlite3_reset(store->stmt[TRIM]);
		sqlite3_bind_int64(store->stmt[TRIM], 1, (sqlite3_int64)store->conf->evidence_index_max);
		if (st == CC_OK)
			st = change(store, store->stmt[TRIM]);
	}
	/* Nothing stays open between two calls: others may write then. */
	return st == CC_OK ? commit(store) : st;
}

/* ---- questions ---- */

enum cc_status
evidence_store_find(struct evidence_store *store, const uint8_t sha256[32], struct evidence_entry *ret_entry)
{
	return one(store, with_digest(store, FIND, sha256), ret_entry);
}

static enum cc_status
read_whole(int fd, size_t size, uint8_t *p)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, p + done, size - done);

		if (n <= 0)
			return CC_BAD;
		done += (size_t)n;
	}
	return CC_OK;
}

enum cc_status
evidence_store_read(struct evidence_store *store, const uint8_t sha256[32], struct slice *ret_bytes)
{
	struct evidence_entry entry;
	enum cc_status st = evidence_store_find(store, sha256, &entry);
	uint8_t digest[32], *p;
	char path[PATH_ROOM];
	int fd;

	if (st != CC_OK || entry.state != EVIDENCE_KEPT)
		return st == CC_OK ? CC_ABSENT : st;
	path_of(store, sha256, ".pcapng", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	p = entry.size <= SIZE_MAX / 2 ? malloc((size_t)entry.size + 1) : NULL;
	st = fd < 0 ? CC_BAD : p == NULL ? CC_NOMEM : read_whole(fd, (size_t)entry.size, p);
	if (st == CC_OK) {
		sha256_of(slice_of(p, (size_t)entry.size), digest);
		st = memcmp(digest, sha256, 32) == 0 ? CC_OK : CC_BAD;
	}
	if (fd >= 0)
		close(fd);
	if (st == CC_OK) {
		*ret_bytes = slice_of(p, (size_t)entry.size);
		return CC_OK;
	}
	free(p);
	if (st == CC_BAD && store->writes) {
		sqlite3_stmt *stmt = with_digest(store, GONE, sha256);

		sqlite3_bind_int(stmt, 2, EVIDENCE_DAMAGED);
		sqlite3_bind_int64(stmt, 3, (sqlite3_int64)time_now());
		(void)change(store, stmt);
	}
	return st;
}

enum cc_status
evidence_store_list(struct evidence_store *store, struct slice behind, size_t max, evidence_visit_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = store->stmt[behind.size > 0 ? LIST_BEHIND : LIST];
	struct evidence_entry entry;
	enum cc_status st;

	sqlite3_reset(stmt);
	sqlite3_bind_int64(stmt, 1, max < INT64_MAX ? (sqlite3_int64)max : INT64_MAX);
	if (behind.size > 0)
		sqlite3_bind_text(stmt, 2, (const char *)behind.p, (int)behind.size, SQLITE_STATIC);
	while ((st = one(store, stmt, &entry)) != CC_ABSENT) {
		if (st == CC_OK)
			fn(ctx, &entry);
		else if (st != CC_BAD)
			break;
	}
	sqlite3_reset(stmt);
	return st == CC_ABSENT ? CC_OK : st;
}

enum cc_status
evidence_store_purge(struct evidence_store *store, const uint8_t *sha256, uint64_t older, size_t *ret_count)
{
	struct evidence_entry entry;
	uint8_t key[32];
	enum cc_status st;

	*ret_count = 0;
	for (;;) {
		if (sha256 != NULL) {
			st = evidence_store_find(store, sha256, &entry);
			if (st == CC_OK && entry.state != EVIDENCE_KEPT)
				st = CC_ABSENT;
		} else {
			sqlite3_reset(store->stmt[OLDER]);
			sqlite3_bind_int64(
			    store->stmt[OLDER], 1, (sqlite3_int64)(older < INT64_MAX ? older : INT64_MAX));
			st = one(store, store->stmt[OLDER], &entry);
		}
		if (st != CC_OK)
			break;
		memcpy(key, entry.sha256, 32);
		sqlite3_reset(store->stmt[sha256 != NULL ? FIND : OLDER]);
		if ((st = let_go(store, key, entry.size, EVIDENCE_PURGED, time_now())) != CC_OK)
			return st;
		++*ret_count;
	}
	if (st == CC_ABSENT)
		st = commit(store);
	return st;
}

uint64_t
evidence_store_bytes(const struct evidence_store *store)
{
	return store->bytes;
}

const char *
evidence_store_error(const struct evidence_store *store)
{
	return store->error;
}

/* ---- opening ---- */

static enum cc_status
open_db(struct evidence_store *store)
{
	static const char schema[] =
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	    "CREATE TABLE IF NOT EXISTS piece (sha256 BLOB PRIMARY KEY, time INTEGER NOT NULL, size INTEGER NOT NULL,"
	    " state INTEGER NOT NULL, gone INTEGER NOT NULL, stored INTEGER NOT NULL, behind TEXT);"
	    "CREATE INDEX IF NOT EXISTS piece_stored ON piece (state, stored);"
	    "CREATE INDEX IF NOT EXISTS piece_time ON piece (time);"
	    "CREATE INDEX IF NOT EXISTS piece_behind ON piece (behind, time);";
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s/index.sqlite", store->dir);
	if (sqlite3_open_v2(path, &store->db,
		store->writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return db_fail(store);
	sqlite3_busy_timeout(store->db, 5000);
	if (store->writes && sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(store);
	for (int i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v2(store->db, sql[i], -1, &store->stmt[i], NULL) != SQLITE_OK)
			return db_fail(store);
	}
	if (sqlite3_step(store->stmt[SUM]) == SQLITE_ROW)
		store->bytes = (uint64_t)sqlite3_column_int64(store->stmt[SUM], 0);
	sqlite3_reset(store->stmt[SUM]);
	return CC_OK;
}

/* What was written after the last commit of a process that died has no row yet. */
static void
adopt(struct evidence_store *store, const char *folder, const char *name)
{
	struct evidence_entry entry;
	char path[PATH_ROOM + 300];
	struct stat about;
	uint8_t sha256[32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (strlen(name) == 64 + 5 && strcmp(name + 64, ".part") == 0)
		(void)unlink(path);
	if (strlen(name) != 64 + 7 || strcmp(name + 64, ".pcapng") != 0 ||
	    hex_parse(slice_of(name, 64), sha256, sizeof(sha256)) != CC_OK || lstat(path, &about) != 0 ||
	    !S_ISREG(about.st_mode))
		return;
	if (evidence_store_find(store, sha256, &entry) != CC_OK || entry.state != EVIDENCE_KEPT)
		(void)add_row(store, sha256, (uint64_t)about.st_size,
		    (uint64_t)about.st_mtim.tv_sec * NS_PER_S + (uint64_t)about.st_mtim.tv_nsec);
}

static void
adopt_all(struct evidence_store *store)
{
	for (unsigned i = 0; i < 256; i++) {
		char folder[PATH_ROOM];
		struct dirent *file;
		DIR *dir;

		snprintf(folder, sizeof(folder), "%s/%02x", store->dir, i);
		dir = opendir(folder);
		while (dir != NULL && (file = readdir(dir)) != NULL)
			adopt(store, folder, file->d_name);
		if (dir != NULL)
			closedir(dir);
	}
}

enum cc_status
evidence_store_open(
    const struct conf *conf, const char *outdir, bool writes, struct evidence_store **ret_store, char **ret_why)
{
	struct evidence_store *store = calloc(1, sizeof(*store));
	enum cc_status st = CC_OK;

	*ret_why = NULL;
	if (store == NULL)
		return CC_NOMEM;
	store->conf = conf;
	store->writes = writes;
	if ((size_t)snprintf(store->dir, sizeof(store->dir), "%s/evidence", outdir) >= sizeof(store->dir))
		st = fail(store, CC_BAD, "%s: the path is too long", outdir);
	else if (writes && dirs_make(store->dir, 0750) != CC_OK)
		st = fail(store, CC_IO, "%s: %s", store->dir, strerror(errno));
	else if (!writes && access(store->dir, F_OK) != 0)
		st = fail(store, CC_ABSENT, "%s: %s", store->dir, strerror(errno));
	if (st == CC_OK)
		st = open_db(store);
	if (st == CC_OK && writes)
		adopt_all(store);
	if (st != CC_OK) {
		*ret_why = strdup(store->error);
		evidence_store_close(store);
		return st;
	}
	*ret_store = store;
	return CC_OK;
}

void
evidence_store_close(struct evidence_store *store)
{
	if (store == NULL)
		return;
	if (store->db != NULL && commit(store) != CC_OK)
		log_error("evidence: %s", store->error);
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(store->stmt[i]);
	sqlite3_close(store->db);
	free(store);
}
