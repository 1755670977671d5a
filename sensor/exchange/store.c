/*
 * What this sensor saw, by hour: own indicators, remote addresses of flows, and when it was looking.
 *
 * A table a day: what is too old goes by dropping a table, and a question over 30 days is 30 walks down a tree, however
 * many rows there are.  Addresses are 16 bytes and domains are written backwards, so that a prefix, or a domain with
 * all below it, is one range.  What is noted gathers in memory, a row once an hour and thing, until the owner's thread
 * writes it.
 */
#include "exchange/store.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/sql.h"

#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS (24 * HOUR_NS)
#define PENDING_MAX 262144   /* rows in memory */
#define SPANS_MAX 64         /* of coverage, in memory */
#define ROWS_MAX 500000      /* that one question looks through */
#define VALUE_MAX 2048
#define KIND_FLOW 64         /* beside enum cc_kind, in the column kind */

struct row {
	uint64_t first, last, count;
	uint8_t proof;
};

struct span {
	uint64_t from, until, packets, lost;
};

struct store {
	const struct conf *conf;
	char *path;
	bool write;
	sqlite3 *db;
	pthread_mutex_t lock; /* of what follows up to lost */
	struct map *pending;
	struct span span[SPANS_MAX];
	size_t spans;
	uint64_t lost;
	uint64_t flushed;  /* monotonic */
	uint64_t kept_day; /* what is too old was let go on this day, one up */
	char error[300];
};

static enum cc_status
fail(struct store *store)
{
	snprintf(store->error, sizeof(store->error), "%s: %s", store->path, sqlite3_errmsg(store->db));
	return CC_IO;
}

static enum cc_status
run(struct store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CC_OK : fail(store);
}

static sqlite3_stmt *
prepare(struct store *store, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		(void)fail(store);
	return stmt;
}

/* ---- opening ---- */

static enum cc_status
database_open(struct store *store)
{
	static const char setup[] =
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=16777216;"
	    "PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;"
	    "CREATE TABLE IF NOT EXISTS coverage (start INTEGER PRIMARY KEY, until INTEGER, packets INTEGER,"
	    " lost INTEGER);";
	int flags = store->write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;

	if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return fail(store);
	sqlite3_busy_timeout(store->db, 2000);
	return store->write ? run(store, setup) : CC_OK;
}

/* A file that is no database any more is put aside: memory of the past is no reason not to look at the present. */
static enum cc_status
open_or_begin_anew(struct store *store)
{
	enum cc_status st = database_open(store);
	int code = store->db != NULL ? sqlite3_errcode(store->db) : SQLITE_NOMEM;
	char aside[4200];

	if (st == CC_OK || !store->write || (code != SQLITE_NOTADB && code != SQLITE_CORRUPT))
		return st;
	log_error("%s; put aside with .broken, begun anew", store->error);
	sqlite3_close(store->db);
	store->db = NULL;
	snprintf(aside, sizeof(aside), "%s.broken", store->path);
	return rename(store->path, aside) == 0 ? database_open(store) : CC_IO;
}

enum cc_status
store_open(const struct conf *conf, const char *outdir, bool write, struct store **ret_store, char **ret_why)
{
	struct store *store;
	struct stat about;
	enum cc_status st = CC_NOMEM;

	*ret_why = NULL;
	if (conf->store_days == 0)
		return CC_ABSENT;
	if ((store = calloc(1, sizeof(*store))) == NULL)
		return CC_NOMEM;
	store->conf = conf;
	store->write = write;
	pthread_mutex_init(&store->lock, NULL);
	if (asprintf(&store->path, "%s/store.sqlite", outdir) < 0)
		store->path = NULL;
	store->pending = map_new(PENDING_MAX);
	if (store->path != NULL && store->pending != NULL)
		st = !write && stat(store->path, &about) != 0 ? CC_ABSENT : open_or_begin_anew(store);
	if (st == CC_OK) {
		(void)chmod(store->path, 0600);
		*ret_store = store;
		return CC_OK;
	}
	*ret_why = store->error[0] != '\0' ? strdup(store->error) : NULL;
	store_end(store);
	return st;
}

void
store_end(struct store *store)
{
	if (store == NULL)
		return;
	if (store->db != NULL && store->write)
		(void)store_flush(store);
	sqlite3_close(store->db);
	map_free(store->pending, free);
	pthread_mutex_destroy(&store->lock);
	free(store->path);
	free(store);
}

const char *
store_error(const struct store *store)
{
	return store->error;
}

uint64_t
store_lost(const struct store *store)
{
	return __atomic_load_n(&store->lost, __ATOMIC_RELAXED);
}

/* ---- keys ---- */

/* Backwards, so that all below a domain is one range. */
static size_t
backwards(struct slice text, uint8_t out[VALUE_MAX])
{
	while (text.size > 0 && text.p[text.size - 1] == '.')
		text.size--;
	if (text.size > VALUE_MAX)
		return 0;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.p[text.size - 1 - i];

		out[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
	}
	return text.size;
}

/* The bytes under which a value is kept.  0: none such.  *ret_bits: of a prefix, 128 of an address. */
static size_t
key_of(enum cc_kind kind, struct slice value, uint8_t out[VALUE_MAX], uint8_t *ret_bits)
{
	char text[CC_ADDR_TEXT + 8];
	struct cc_prefix prefix;

	*ret_bits = 128;
	if (value.size == 0 || value.size > VALUE_MAX)
		return 0;
	switch (kind) {
	case CC_KIND_ADDR:
		if (value.size >= sizeof(text))
			return 0;
		memcpy(text, value.p, value.size);
		text[value.size] = '\0';
		if (cc_prefix_parse(text, &prefix) != CC_OK)
			return 0;
		memcpy(out, prefix.addr.b, 16);
		*ret_bits = prefix.bits;
		return 16;
	case CC_KIND_DOMAIN:
		return backwards(value, out);
	case CC_KIND_URL:
	case CC_KIND_USER_AGENT:
		memcpy(out, value.p, value.size);
		return value.size;
	default:
		lower_copy(out, value);
		return value.size;
	}
}

/* ---- noting ---- */

static void
note_hour(struct store *store, uint8_t kind, struct slice value, const struct store_note *note)
{
	uint8_t key[5 + VALUE_MAX];
	uint32_t hour = (uint32_t)(note->first / HOUR_NS);
	struct slice whole = slice_of(key, 5 + value.size);
	struct row *row;

	memcpy(key, &hour, 4);
	key[4] = kind;
	memcpy(key + 5, value.p, value.size);
	row = map_get(store->pending, whole);
	if (row == NULL) {
		row = calloc(1, sizeof(*row));
		if (row == NULL || map_put(store->pending, whole, row, NULL) != CC_OK) {
			free(row);
			__atomic_fetch_add(&store->lost, 1, __ATOMIC_RELAXED);
			return;
		}
		row->first = note->first;
	}
	row->first = note->first < row->first ? note->first : row->first;
	row->last = note->last > row->last ? note->last : row->last;
	row->count += note->count;
	row->proof = (uint8_t)note->proof > row->proof ? (uint8_t)note->proof : row->proof;
}

void
store_note(struct store *store, const struct store_note *note)
{
	uint8_t bytes[VALUE_MAX], bits;
	size_t size = key_of(note->kind, note->value, bytes, &bits);

	if (size == 0 || (note->kind == CC_KIND_ADDR && bits != 128))
		return;
	pthread_mutex_lock(&store->lock);
	note_hour(store, note->flow ? KIND_FLOW : (uint8_t)note->kind, slice_of(bytes, size), note);
	pthread_mutex_unlock(&store->lock);
}

void
store_coverage(struct store *store, uint64_t from, uint64_t until, uint64_t packets, uint64_t lost)
{
	struct span span = {from, until, packets, lost};
	size_t i = 0;

	if (until <= from)
		return;
	pthread_mutex_lock(&store->lock);
	while (i < store->spans && store->span[i].from != from)
		i++;
	if (i < SPANS_MAX) {
		store->span[i] = span;
		store->spans += i == store->spans;
	}
	pthread_mutex_unlock(&store->lock);
}

/* ---- writing ---- */

struct writing {
	struct store *store;
	sqlite3_stmt *stmt;
	uint64_t day;
};

static enum cc_status
day_open(struct writing *w, uint64_t day)
{
	char sql[500];

	if (w->stmt != NULL && w->day == day)
		return CC_OK;
	sqlite3_finalize(w->stmt);
	w->stmt = NULL;
	w->day = day;
	snprintf(sql, sizeof(sql),
	    "CREATE TABLE IF NOT EXISTS seen_%" PRIu64
	    " (kind INTEGER, value BLOB, hour INTEGER, first INTEGER, last INTEGER,"
	    " count INTEGER, proof INTEGER, PRIMARY KEY (kind, value, hour)) WITHOUT ROWID",
	    day);
	if (run(w->store, sql) != CC_OK)
		return CC_IO;
	snprintf(sql, sizeof(sql),
	    "INSERT INTO seen_%" PRIu64
	    " VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO UPDATE SET first = min(first, ?4),"
	    " last = max(last, ?5), count = count + ?6, proof = max(proof, ?7)",
	    day);
	w->stmt = prepare(w->store, sql);
	return w->stmt != NULL ? CC_OK : CC_IO;
}

static enum cc_status
write_row(struct writing *w, struct slice key, const struct row *row)
{
	uint32_t hour;
	enum cc_status st;

	memcpy(&hour, key.p, 4);
	if ((st = day_open(w, hour / 24)) != CC_OK)
		return st;
	sqlite3_reset(w->stmt);
	sqlite3_bind_int(w->stmt, 1, key.p[4]);
	sqlite3_bind_blob(w->stmt, 2, key.p + 5, (int)(key.size - 5), SQLITE_STATIC);
	sqlite3_bind_int(w->stmt, 3, (int)(hour % 24));
	sql_bind_u64(w->stmt, 4, row->first);
	sql_bind_u64(w->stmt, 5, row->last);
	sql_bind_u64(w->stmt, 6, row->count);
	sqlite3_bind_int(w->stmt, 7, row->proof);
	return sqlite3_step(w->stmt) == SQLITE_DONE ? CC_OK : fail(w->store);
}

static enum cc_status
write_spans(struct store *store, const struct span *span, size_t count)
{
	sqlite3_stmt *stmt = count > 0 ? prepare(store, "INSERT OR REPLACE INTO coverage VALUES (?1,?2,?3,?4)") : NULL;
	enum cc_status st = count > 0 && stmt == NULL ? CC_IO : CC_OK;

	for (size_t i = 0; i < count && st == CC_OK; i++) {
		sqlite3_reset(stmt);
		sql_bind_u64(stmt, 1, span[i].from);
		sql_bind_u64(stmt, 2, span[i].until);
		sql_bind_u64(stmt, 3, span[i].packets);
		sql_bind_u64(stmt, 4, span[i].lost);
		st = sqlite3_step(stmt) == SQLITE_DONE ? CC_OK : fail(store);
	}
	sqlite3_finalize(stmt);
	return st;
}

enum cc_status
store_flush(struct store *store)
{
	struct map *fresh = map_new(PENDING_MAX), *notes;
	struct writing w = {.store = store};
	struct span span[SPANS_MAX];
	size_t at = 0, spans;
	struct slice key;
	void *row;
	enum cc_status st;

	if (fresh == NULL)
		return CC_NOMEM;
	pthread_mutex_lock(&store->lock);
	notes = store->pending;
	store->pending = fresh;
	spans = store->spans;
	memcpy(span, store->span, spans * sizeof(*span));
	store->spans = 0;
	pthread_mutex_unlock(&store->lock);
	st = map_count(notes) + spans == 0 ? CC_OK : run(store, "BEGIN IMMEDIATE");
	if (map_count(notes) + spans > 0 && st == CC_OK) {
		st = write_spans(store, span, spans);
		while (st == CC_OK && map_next(notes, &at, &key, &row))
			st = write_row(&w, key, row);
		sqlite3_finalize(w.stmt);
		if (st == CC_OK)
			st = run(store, "COMMIT");
		if (st != CC_OK)
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	}
	if (st != CC_OK)
		__atomic_fetch_add(&store->lost, map_count(notes), __ATOMIC_RELAXED);
	map_free(notes, free);
	return st;
}

/* ---- keeping it small ---- */

/* The oldest day that has a table; false: none has. */
static bool
oldest(struct store *store, uint64_t *ret_day)
{
	sqlite3_stmt *stmt =
	    prepare(store, "SELECT min(CAST(substr(name, 6) AS INTEGER)) FROM sqlite_master WHERE type = 'table'"
			   " AND name GLOB 'seen_*'");
	bool there = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL;

	if (there)
		*ret_day = sql_u64(stmt, 0);
	sqlite3_finalize(stmt);
	return there;
}

static uint64_t
pragma(struct store *store, const char *sql)
{
	sqlite3_stmt *stmt = prepare(store, sql);
	uint64_t n = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW ? sql_u64(stmt, 0) : 0;

	sqlite3_finalize(stmt);
	return n;
}

static uint64_t
bytes_used(struct store *store)
{
	return (pragma(store, "PRAGMA page_count") - pragma(store, "PRAGMA freelist_count")) *
	       pragma(store, "PRAGMA page_size");
}

/* A coverage without its sightings would turn 'forgotten' into 'not seen': both go together. */
static enum cc_status
drop_day(struct store *store, uint64_t day)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
	    "BEGIN; DROP TABLE IF EXISTS seen_%" PRIu64 "; DELETE FROM coverage WHERE start < %" PRIu64 "; COMMIT", day,
	    (uint64_t)((day + 1) * DAY_NS));
	return run(store, sql);
}

static enum cc_status
let_go(struct store *store, uint64_t now)
{
	uint64_t day,
	    limit = now / DAY_NS - (now / DAY_NS < store->conf->store_days ? now / DAY_NS : store->conf->store_days);
	enum cc_status st = CC_OK;
	bool old = store->kept_day != now / DAY_NS + 1;

	store->kept_day = now / DAY_NS + 1;
	while (
	    st == CC_OK && oldest(store, &day) && ((old && day < limit) || bytes_used(store) > store->conf->store_max))
		st = drop_day(store, day);
	return st;
}

enum cc_status
store_tick(struct store *store, uint64_t now)
{
	uint64_t mono = time_monotonic();
	enum cc_status st;

	if (mono - store->flushed < NS_PER_S)
		return CC_OK;
	st = store_flush(store);
	if (st == CC_OK)
		st = let_go(store, now);
	store->flushed = time_monotonic();
	return st;
}

/* ---- asking ---- */

struct asking {
	struct store *store;
	uint64_t from, to;
	const uint8_t *low, *high; /* high exclusive; NULL: only low itself */
	size_t low_size, high_size;
	uint64_t rows;
	struct store_seen *seen;
};

static void
add_hour(struct store_seen *seen, uint64_t start, uint64_t count, bool flow)
{
	struct store_hour *hour = seen->hours > 0 ? &seen->hour[seen->hours - 1] : NULL;
	size_t i = seen->hours;

	while (i > 0 && seen->hour[i - 1].start > start) /* at most a day's rows back */
		i--;
	if (i > 0 && seen->hour[i - 1].start == start) {
		hour = &seen->hour[i - 1];
	} else if (seen->hours < STORE_HOURS) {
		memmove(&seen->hour[i + 1], &seen->hour[i], (seen->hours - i) * sizeof(*hour));
		hour = &seen->hour[i];
		*hour = (struct store_hour){.start = start};
		seen->hours++;
	} else {
		seen->cut = true;
		return;
	}
	if (flow)
		hour->flows += count;
	else
		hour->count += count;
}

static void
add_row(struct asking *a, uint64_t day, sqlite3_stmt *stmt, bool flow)
{
	uint64_t first = sql_u64(stmt, 1), last = sql_u64(stmt, 2), count = sql_u64(stmt, 3);
	struct store_seen *seen = a->seen;
	enum cc_proof proof = (enum cc_proof)sqlite3_column_int(stmt, 4);

	if (last < a->from || first > a->to)
		return;
	if (flow)
		seen->flows += count;
	else
		seen->count += count;
	seen->first = seen->first == 0 || first < seen->first ? first : seen->first;
	seen->last = last > seen->last ? last : seen->last;
	seen->proof = proof > seen->proof && proof <= CC_PROOF_CONTENT ? proof : seen->proof;
	add_hour(seen, day * DAY_NS + sql_u64(stmt, 0) * HOUR_NS, count, flow);
}

static enum cc_status
ask_day(struct asking *a, uint64_t day, int kind)
{
	char sql[300];
	sqlite3_stmt *stmt;
	int rc;

	snprintf(sql, sizeof(sql),
	    "SELECT hour, first, last, count, proof FROM seen_%" PRIu64 " WHERE kind = ?1 AND value %s", day,
	    a->high != NULL ? ">= ?2 AND value < ?3" : "= ?2");
	if ((stmt = prepare(a->store, sql)) == NULL)
		return CC_IO;
	sqlite3_bind_int(stmt, 1, kind);
	sqlite3_bind_blob(stmt, 2, a->low, (int)a->low_size, SQLITE_STATIC);
	if (a->high != NULL)
		sqlite3_bind_blob(stmt, 3, a->high, (int)a->high_size, SQLITE_STATIC);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (a->rows++ >= ROWS_MAX) {
			a->seen->cut = true;
			break;
		}
		add_row(a, day, stmt, kind == KIND_FLOW);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? CC_OK : fail(a->store);
}

/* The days that have a table, within the question's time. */
static enum cc_status
ask_days(struct asking *a, enum cc_kind kind)
{
	sqlite3_stmt *stmt =
	    prepare(a->store, "SELECT CAST(substr(name, 6) AS INTEGER) AS day FROM sqlite_master WHERE type = 'table'"
			      " AND name GLOB 'seen_*' ORDER BY day");
	uint64_t *days = NULL;
	size_t count = 0, room = 0;
	enum cc_status st = stmt != NULL ? CC_OK : CC_IO;

	while (st == CC_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t day = sql_u64(stmt, 0);

		if (day < a->from / DAY_NS || day > a->to / DAY_NS)
			continue;
		if (count == room) {
			uint64_t *more = realloc(days, (room = room * 2 + 64) * sizeof(*days));

			if (more == NULL) {
				st = CC_NOMEM;
				break;
			}
			days = more;
		}
		days[count++] = day;
	}
	sqlite3_finalize(stmt);
	for (size_t i = 0; i < count && st == CC_OK; i++) {
		st = ask_day(a, days[i], (int)kind);
		if (st == CC_OK && kind == CC_KIND_ADDR)
			st = ask_day(a, days[i], KIND_FLOW);
	}
	free(days);
	return st;
}

/* The first key behind all that begin with these bits; false: nothing is behind them. */
static bool
behind(const uint8_t low[16], uint8_t bits, uint8_t ret_high[16])
{
	memcpy(ret_high, low, 16);
	for (int bit = bits - 1; bit >= 0; bit--) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		ret_high[bit / 8] ^= mask;
		if (ret_high[bit / 8] & mask)
			return true;
	}
	return false;
}

enum cc_status
store_looked(struct store *store, uint64_t from, uint64_t to, struct store_seen *ret_seen)
{
	sqlite3_stmt *stmt = prepare(
	    store, "SELECT start, until, packets, lost FROM coverage WHERE start <= ?2 AND until >= ?1 ORDER BY start");
	uint64_t end = 0;

	ret_seen->packets = ret_seen->lost = ret_seen->looked = ret_seen->looked_from = ret_seen->looked_until = 0;
	if (stmt == NULL)
		return CC_IO;
	sql_bind_u64(stmt, 1, from);
	sql_bind_u64(stmt, 2, to);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t start = sql_u64(stmt, 0), until = sql_u64(stmt, 1);

		start = start < from ? from : start;
		until = until > to ? to : until;
		ret_seen->packets += sql_u64(stmt, 2);
		ret_seen->lost += sql_u64(stmt, 3);
		if (ret_seen->looked_from == 0)
			ret_seen->looked_from = start;
		start = start < end ? end : start; /* spans of two runs may overlap */
		ret_seen->looked += until > start ? until - start : 0;
		end = until > end ? until : end;
	}
	ret_seen->looked_until = end;
	sqlite3_finalize(stmt);
	return CC_OK;
}

enum cc_status
store_seen(
    struct store *store, enum cc_kind kind, struct slice value, uint64_t from, uint64_t to, struct store_seen *ret_seen)
{
	uint8_t low[VALUE_MAX + 1], high[VALUE_MAX + 1], bits;
	struct asking a = {.store = store, .from = from, .to = to, .low = low, .seen = ret_seen};
	enum cc_status st;

	memset(ret_seen, 0, sizeof(*ret_seen));
	a.low_size = key_of(kind, value, low, &bits);
	if (a.low_size == 0 || (unsigned)kind >= CC_KIND_COUNT || to < from)
		return CC_BAD;
	if (kind == CC_KIND_ADDR && bits < 128) {
		for (unsigned bit = bits; bit < 128; bit++)
			low[bit / 8] = (uint8_t)(low[bit / 8] & ~(0x80 >> bit % 8));
		a.high_size = 16;
		if (!behind(low, bits, high))
			memset(high, 0xff, a.high_size = 17); /* longer than any */
		a.high = high;
	}
	st = ask_days(&a, kind);
	if (st == CC_OK && kind == CC_KIND_DOMAIN && a.low_size < VALUE_MAX) { /* and below it */
		memcpy(high, low, a.low_size);
		low[a.low_size] = '.';
		high[a.low_size] = '.' + 1;
		a.high = high;
		a.high_size = ++a.low_size;
		st = ask_days(&a, kind);
	}
	return st == CC_OK ? store_looked(store, from, to, ret_seen) : st;
}
