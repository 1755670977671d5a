/*
 * The correlator's memory on disk, in one transaction with how far it has read: after a crash at any point all is as it
 * was after the last commit, and what came since is read again.
 *
 * hot: nodes in memory, as they changed, a blob a commit, and the names of those that went; written anew when half of
 * it is old. cold: activities that were not used for longest, a row each, found again by their strong values:
 * cold_index_N, a table for each million, before which stands a filter in memory that knows what surely is in none.
 * What a new node shares with one of them comes back whole.  Cost a sighting: that of its batch, and a look into a
 * filter for each million on disk.  A table of the index ends with its rows, all at once: an era is a million rows, or
 * an eighth of joint.keep if that is over sooner.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "joint/state_own.h"
#include "joint/joint_own.h"

#define ERA_BITS 20               /* rows of cold by table of the index */
#define FILTER_BYTES (8u << 20)   /* of an era: about four entries a row, sixteen bits an entry */
#define FILTER_PROBES 5
#define RECALL_MAX 64             /* activities by one value */
#define HOT_SPARE (32u << 20)     /* bytes of old nodes that are not worth writing anew */
#define ROOM (1u << 30)
#define SWEEP 16384               /* rows of an era that is over, by commit */
#define ERAS_MAX 4096

struct entry {
	uint64_t hash, id;
};

struct era {
	uint64_t number;
	uint64_t first, last; /* ns: the newest sight of all when it began, the newest in it */
	uint64_t swept;       /* rows before this are gone: it is over */
	uint8_t *filter;
	sqlite3_stmt *find;
};

struct joint_keep {
	struct joint_state *state;
	struct joint *joint;
	const struct conf *conf;
	struct buf blob;
	uint64_t hot_bytes, hot_least; /* on disk; after the last writing anew */
	uint64_t cold_next, went, evicted, recalled;
	uint64_t newest; /* ns: of the sights that went to disk */
	struct era *era;
	size_t eras;
	struct entry *entry; /* of what goes to disk now */
	size_t entries, entry_room;
	sqlite3_stmt *put_cold, *get_cold, *drop_cold;
};

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS hot (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS cold (id INTEGER PRIMARY KEY, last INTEGER, data BLOB);"
    "CREATE TABLE IF NOT EXISTS lanes (key BLOB PRIMARY KEY, state BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS offsets (place TEXT PRIMARY KEY, next INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS eras (number INTEGER PRIMARY KEY, first INTEGER, last INTEGER);";

/* ---- the filter ---- */

static void
filter_put(struct era *era, uint64_t hash)
{
	for (unsigned i = 0; i < FILTER_PROBES; i++, hash = hash * 0x9e3779b97f4a7c15ull + 0x7f4a7c15)
		era->filter[hash >> 38 & (FILTER_BYTES - 1)] |= (uint8_t)(1u << (hash >> 61));
}

static bool
filter_has(const struct era *era, uint64_t hash)
{
	for (unsigned i = 0; i < FILTER_PROBES; i++, hash = hash * 0x9e3779b97f4a7c15ull + 0x7f4a7c15) {
		if ((era->filter[hash >> 38 & (FILTER_BYTES - 1)] >> (hash >> 61) & 1) == 0)
			return false;
	}
	return true;
}

static struct era *
era_of(struct joint_keep *keep, uint64_t number, bool make)
{
	struct era *more;
	char sql[200];

	for (size_t i = keep->eras; i > 0; i--) {
		if (keep->era[i - 1].number == number)
			return &keep->era[i - 1];
	}
	if (!make || (more = realloc(keep->era, (keep->eras + 1) * sizeof(*more))) == NULL)
		return NULL;
	keep->era = more;
	more[keep->eras] = (struct era){.number = number, .first = keep->newest, .filter = calloc(1, FILTER_BYTES)};
	if (more[keep->eras].filter == NULL)
		return NULL;
	snprintf(sql, sizeof(sql),
	    "CREATE TABLE IF NOT EXISTS cold_index_%llu (hash INTEGER, id INTEGER, PRIMARY KEY (hash, id)) WITHOUT "
	    "ROWID",
	    (unsigned long long)number);
	if (state_run(keep->state, sql) != CC_OK ||
	    state_do(keep->state, "INSERT OR IGNORE INTO eras VALUES (?1, ?2, 0)", "ii", number, keep->newest) !=
		CC_OK) {
		free(more[keep->eras].filter);
		return NULL;
	}
	return &more[keep->eras++];
}

/* ---- to disk ---- */

static bool
add_entry(struct joint_keep *keep, uint64_t hash)
{
	if (!GROW(keep->entry, keep->entries, keep->entry_room))
		return false;
	keep->entry[keep->entries++] = (struct entry){hash, keep->cold_next};
	return true;
}

static bool
is_strong(const struct value *v)
{
	return feature_about[v->type].cap >= JOINT_STRONG;
}

/* The era of the next row whose newest sight is of that time; it begins anew where the one at hand has lasted. */
static struct era *
era_for(struct joint_keep *keep, uint64_t last)
{
	struct era *era;

	keep->newest = last > keep->newest ? last : keep->newest;
	era = era_of(keep, keep->cold_next >> ERA_BITS, true);
	if (era != NULL && keep->newest - era->first > keep->conf->joint_keep / 8 && keep->eras < ERAS_MAX) {
		keep->cold_next = (era->number + 1) << ERA_BITS;
		era = era_of(keep, keep->cold_next >> ERA_BITS, true);
	}
	if (era != NULL && last > era->last)
		era->last = last;
	return era;
}

/* One activity as a row; a node without anything strong is found by what it is. */
static enum cc_status
to_cold(void *ctx, struct joint *joint, const uint32_t *node, size_t count)
{
	struct joint_keep *keep = ctx;
	uint64_t last = 0;
	bool good = true;

	for (size_t i = 0; i < count; i++)
		last = joint->node[node[i]].last > last ? joint->node[node[i]].last : last;
	if (era_for(keep, last) == NULL)
		return CC_IO;
	buf_clear(&keep->blob);
	for (size_t i = 0; i < count; i++) {
		const struct node *n = &joint->node[node[i]];

		node_encode(joint, n, &keep->blob);
		good = good && add_entry(keep, n->fold);
		for (uint32_t f = n->features; f < n->features + n->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if (is_strong(v))
				good = good && add_entry(keep, v->hash);
		}
	}
	if (!good || keep->blob.full)
		return CC_NOMEM;
	if (keep->put_cold == NULL && (keep->put_cold = state_ask(keep->state,
					   "INSERT INTO cold (id, last, data) VALUES (?1, ?2, ?3)", "")) == NULL)
		return CC_IO;
	sqlite3_bind_int64(keep->put_cold, 1, (sqlite3_int64)keep->cold_next);
	sqlite3_bind_int64(keep->put_cold, 2, (sqlite3_int64)last);
	sqlite3_bind_blob64(keep->put_cold, 3, keep->blob.p, keep->blob.size, SQLITE_STATIC);
	if (sqlite3_step(keep->put_cold) != SQLITE_DONE)
		return state_fail(keep->state);
	sqlite3_reset(keep->put_cold);
	keep->cold_next++;
	keep->went++;
	keep->evicted += count;
	return CC_OK;
}

static int
by_hash(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->id >> ERA_BITS != y->id >> ERA_BITS)
		return x->id >> ERA_BITS < y->id >> ERA_BITS ? -1 : 1;
	if (x->hash != y->hash)
		return (int64_t)x->hash < (int64_t)y->hash ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* In order, so that the tree is walked once. */
static enum cc_status
write_entries(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = NULL;
	struct era *era = NULL;
	enum cc_status st = CC_OK;
	char sql[120];

	if (keep->entries > 0)
		qsort(keep->entry, keep->entries, sizeof(*keep->entry), by_hash);
	for (size_t i = 0; i < keep->entries && st == CC_OK; i++) {
		const struct entry *e = &keep->entry[i];

		if (era == NULL || era->number != e->id >> ERA_BITS) {
			sqlite3_finalize(stmt);
			if ((era = era_of(keep, e->id >> ERA_BITS, true)) == NULL)
				return CC_IO;
			snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO cold_index_%llu VALUES (?1, ?2)",
			    (unsigned long long)era->number);
			if ((stmt = state_ask(keep->state, sql, "")) == NULL)
				return CC_IO;
		}
		filter_put(era, e->hash);
		sqlite3_bind_int64(stmt, 1, (sqlite3_int64)e->hash);
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)e->id);
		if (sqlite3_step(stmt) != SQLITE_DONE)
			st = state_fail(keep->state);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	keep->entries = 0;
	return st;
}

/* ---- what is over ---- */

/* An era and its rows go, in steps; true: nothing is left of it. */
static bool
sweep(struct joint_keep *keep, struct era *era, enum cc_status *ret_st)
{
	uint64_t from = (era->number << ERA_BITS) + era->swept, end = (era->number + 1) << ERA_BITS;
	char sql[100];

	*ret_st = state_do(keep->state, "DELETE FROM cold WHERE id >= ?1 AND id < ?2", "ii", from,
	    from + SWEEP < end ? from + SWEEP : end);
	era->swept += SWEEP;
	if (*ret_st != CC_OK || from + SWEEP < end)
		return false;
	sqlite3_finalize(era->find);
	era->find = NULL;
	snprintf(sql, sizeof(sql), "DROP TABLE cold_index_%llu", (unsigned long long)era->number);
	if ((*ret_st = state_run(keep->state, sql)) == CC_OK)
		*ret_st = state_do(keep->state, "DELETE FROM eras WHERE number = ?1", "i", era->number);
	return *ret_st == CC_OK;
}

/* How old is what sights say, not the clock: so that old sights that are read today are kept as they were. */
static enum cc_status
expire(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i + 1 < keep->eras && st == CC_OK; i++) {
		struct era *era = &keep->era[i];

		if (era->last + keep->conf->joint_keep >= keep->newest)
			continue;
		if (sweep(keep, era, &st)) {
			free(era->filter);
			memmove(era, era + 1, (--keep->eras - i) * sizeof(*era));
		}
		break; /* one at a time */
	}
	return st;
}

static enum cc_status
save_eras(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;

	for (size_t i = keep->eras > 2 ? keep->eras - 2 : 0; i < keep->eras && st == CC_OK; i++)
		st = state_do(keep->state, "UPDATE eras SET first = ?2, last = ?3 WHERE number = ?1", "iii",
		    keep->era[i].number, keep->era[i].first, keep->era[i].last);
	return st;
}

/* ---- back from disk ---- */

static enum cc_status
decode_all(struct joint_keep *keep, struct slice data)
{
	struct cur c = cur_slice(data);
	enum cc_status st = CC_OK;
	uint32_t node;

	while (cur_left(&c) > 0 && (st = node_decode(keep->joint, &c, &node)) == CC_OK)
		;
	if (st == CC_BAD)
		log_error("%s: a sighting on disk is damaged and is left out", keep->state->path);
	return st == CC_BAD ? CC_OK : st;
}

static enum cc_status
recall_row(struct joint_keep *keep, uint64_t id)
{
	enum cc_status st = CC_OK;
	bool there;

	if ((keep->get_cold == NULL &&
		(keep->get_cold = state_ask(keep->state, "SELECT data FROM cold WHERE id = ?1", "")) == NULL) ||
	    (keep->drop_cold == NULL &&
		(keep->drop_cold = state_ask(keep->state, "DELETE FROM cold WHERE id = ?1", "")) == NULL))
		return CC_IO;
	sqlite3_bind_int64(keep->get_cold, 1, (sqlite3_int64)id);
	there = sqlite3_step(keep->get_cold) == SQLITE_ROW;
	if (there)
		st = decode_all(keep, sql_blob(keep->get_cold, 0));
	sqlite3_reset(keep->get_cold);
	keep->recalled += there;
	sqlite3_bind_int64(keep->drop_cold, 1, (sqlite3_int64)id);
	if (st == CC_OK && there && sqlite3_step(keep->drop_cold) != SQLITE_DONE)
		st = state_fail(keep->state);
	sqlite3_reset(keep->drop_cold);
	return st;
}

static enum cc_status
recall_by(struct joint_keep *keep, uint64_t hash)
{
	enum cc_status st = CC_OK;
	char sql[120];

	for (size_t i = keep->eras; i > 0 && st == CC_OK; i--) {
		uint64_t id[RECALL_MAX];
		struct era *era = &keep->era[i - 1];
		unsigned count = 0;

		if (!filter_has(era, hash))
			continue;
		snprintf(sql, sizeof(sql), "SELECT id FROM cold_index_%llu WHERE hash = ?1 ORDER BY id DESC LIMIT %d",
		    (unsigned long long)era->number, RECALL_MAX);
		if (era->find == NULL && (era->find = state_ask(keep->state, sql, "")) == NULL)
			return CC_IO;
		sqlite3_bind_int64(era->find, 1, (sqlite3_int64)hash);
		while (sqlite3_step(era->find) == SQLITE_ROW)
			id[count++] = state_u64(era->find, 0);
		sqlite3_reset(era->find);
		for (unsigned k = 0; k < count && st == CC_OK; k++)
			st = recall_row(keep, id[k]);
	}
	return st;
}

/* A node that has come alone with something strong, or is itself on disk: what is there of it comes back. */
static enum cc_status
recall(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < joint->fresh.count && st == CC_OK && keep->eras > 0; i++) {
		const struct node *n = &joint->node[joint->fresh.at[i]];
		uint64_t hash[NODE_FEATURES + 1];
		unsigned count = 0;

		if (!n->used)
			continue;
		hash[count++] = n->fold;
		for (uint32_t f = n->features; f < n->features + n->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if (is_strong(v) && v->count <= 1)
				hash[count++] = v->hash;
		}
		for (unsigned k = 0; k < count && st == CC_OK; k++)
			st = recall_by(keep, hash[k]);
	}
	joint->fresh.count = 0;
	return st;
}

/* ---- nodes in memory ---- */

static enum cc_status
put_hot(struct joint_keep *keep)
{
	if (keep->blob.full)
		return CC_NOMEM;
	keep->hot_bytes += keep->blob.size;
	return keep->blob.size == 0
		   ? CC_OK
		   : state_do(keep->state, "INSERT INTO hot (data) VALUES (?1)", "b", buf_slice(&keep->blob));
}

static void
encode_hot(struct joint_keep *keep, struct node *node)
{
	buf_add_u8(&keep->blob, TAG_NODE);
	node_encode(keep->joint, node, &keep->blob);
	node->unsaved = false;
}

static enum cc_status
write_anew(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = state_run(keep->state, "DELETE FROM hot");

	keep->hot_bytes = 0;
	buf_clear(&keep->blob);
	for (size_t i = 0; i < joint->node_count && st == CC_OK; i++) {
		if (joint->node[i].used)
			encode_hot(keep, &joint->node[i]);
		if (keep->blob.size > 1u << 20) {
			st = put_hot(keep);
			buf_clear(&keep->blob);
		}
	}
	revocations_encode(joint, true, TAG_NODE, &keep->blob);
	if (st == CC_OK)
		st = put_hot(keep);
	keep->hot_least = keep->hot_bytes;
	return st;
}

static enum cc_status
save_nodes(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = CC_OK;

	if (joint->node_live > joint->conf->joint_nodes_max) {
		st = joint_evict(joint, joint->conf->joint_nodes_max / 8 * 7, to_cold, keep);
		if (st == CC_OK)
			st = write_entries(keep);
		if (st == CC_OK)
			st = save_eras(keep);
	}
	if (st == CC_OK)
		st = expire(keep);
	buf_clear(&keep->blob);
	buf_add_slice(&keep->blob, buf_slice(&joint->gone));
	for (size_t i = 0; i < joint->unsaved.count; i++) {
		struct node *node = &joint->node[joint->unsaved.at[i]];

		if (node->used && node->unsaved)
			encode_hot(keep, node);
	}
	joint->unsaved.count = 0;
	buf_clear(&joint->gone);
	revocations_encode(joint, false, TAG_NODE, &keep->blob);
	if (st == CC_OK)
		st = put_hot(keep);
	return st == CC_OK && keep->hot_bytes > 2 * keep->hot_least + HOT_SPARE ? write_anew(keep) : st;
}

static enum cc_status
load_hot(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT data FROM hot ORDER BY id", "");
	enum cc_status st = CC_OK;
	int step = SQLITE_ERROR;

	while (stmt != NULL && st == CC_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct slice data = sql_blob(stmt, 0);
		struct cur c = cur_slice(data);

		keep->hot_bytes += data.size;
		while (st == CC_OK && cur_left(&c) > 0) {
			uint8_t tag = cur_u8(&c);
			uint32_t node;

			if (tag == TAG_NODE) {
				st = node_decode(keep->joint, &c, &node);
			} else if (tag == TAG_GONE) {
				if ((node = node_find(keep->joint, cur_u64(&c))) != NONE)
					joint_remove(keep->joint, node, NULL);
			} else {
				st = CC_BAD;
			}
		}
	}
	sqlite3_finalize(stmt);
	keep->hot_least = keep->hot_bytes;
	for (size_t i = 0; i < keep->joint->unsaved.count; i++)
		keep->joint->node[keep->joint->unsaved.at[i]].unsaved = false;
	keep->joint->unsaved.count = keep->joint->fresh.count = 0;
	buf_clear(&keep->joint->gone);
	if (st == CC_BAD)
		snprintf(keep->state->error, sizeof(keep->state->error), "%s: sightings in it are damaged",
		    keep->state->path);
	return st != CC_OK ? st : step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

/* ---- opening ---- */

static enum cc_status
load_era(struct joint_keep *keep, const struct era *is)
{
	struct era *era = era_of(keep, is->number, true);
	sqlite3_stmt *stmt;
	char sql[100];

	if (era == NULL)
		return CC_IO;
	era->first = is->first;
	era->last = is->last;
	keep->newest = is->last > keep->newest ? is->last : keep->newest;
	snprintf(sql, sizeof(sql), "SELECT hash FROM cold_index_%llu", (unsigned long long)is->number);
	if ((stmt = state_ask(keep->state, sql, "")) == NULL)
		return CC_IO;
	while (sqlite3_step(stmt) == SQLITE_ROW)
		filter_put(era, state_u64(stmt, 0));
	sqlite3_finalize(stmt);
	return CC_OK;
}

static enum cc_status
load_cold(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT number, first, last FROM eras ORDER BY number", "");
	struct era era[ERAS_MAX];
	size_t count = 0;
	enum cc_status st = CC_OK;

	while (stmt != NULL && count < ERAS_MAX && sqlite3_step(stmt) == SQLITE_ROW) {
		era[count++] =
		    (struct era){.number = state_u64(stmt, 0), .first = state_u64(stmt, 1), .last = state_u64(stmt, 2)};
	}
	sqlite3_finalize(stmt);
	for (size_t i = 0; i < count && st == CC_OK; i++)
		st = load_era(keep, &era[i]);
	keep->cold_next = joint_keep_count(keep, "cold");
	keep->went = joint_keep_count(keep, "went");
	return st;
}

enum cc_status
joint_keep_open(struct joint_state *state, struct joint *joint, struct joint_keep **ret_keep, char **ret_why)
{
	struct joint_keep *keep = calloc(1, sizeof(*keep));
	enum cc_status st;

	if (keep == NULL)
		return CC_NOMEM;
	keep->state = state;
	keep->joint = joint;
	keep->conf = joint->conf;
	buf_open(&keep->blob, ROOM);
	joint->keeps = true;
	/* A batch comes in before the next commit makes room. */
	joint->node_max = joint->conf->joint_nodes_max + 16384;
	if ((st = state_run(state, tables)) == CC_OK && (st = load_hot(keep)) == CC_OK)
		st = load_cold(keep);
	if (st == CC_OK) {
		*ret_keep = keep;
		return CC_OK;
	}
	*ret_why = strdup(joint_state_error(state));
	joint_keep_close(keep);
	return st;
}

void
joint_keep_close(struct joint_keep *keep)
{
	if (keep == NULL)
		return;
	for (size_t i = 0; i < keep->eras; i++) {
		free(keep->era[i].filter);
		sqlite3_finalize(keep->era[i].find);
	}
	sqlite3_finalize(keep->put_cold);
	sqlite3_finalize(keep->get_cold);
	sqlite3_finalize(keep->drop_cold);
	free(keep->era);
	free(keep->entry);
	buf_close(&keep->blob);
	free(keep);
}

bool
joint_keep_next(struct joint_keep *keep, const char *place, uint64_t *ret_next)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT next FROM offsets WHERE place = ?1", "s", place);
	bool there = stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;

	if (there)
		*ret_next = state_u64(stmt, 0);
	sqlite3_finalize(stmt);
	return there;
}

static enum cc_status
restore_lanes(struct joint_keep *keep, struct verifier *verifier)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT key, state FROM lanes", "");
	enum cc_status st = CC_OK;
	int step = SQLITE_ERROR;

	while (stmt != NULL && st == CC_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW)
		st = verifier_restore(verifier, sql_blob(stmt, 0), sql_blob(stmt, 1));
	sqlite3_finalize(stmt);
	return st != CC_OK ? st : step == SQLITE_DONE ? CC_OK : CC_IO;
}

enum cc_status
joint_keep_restore(struct joint_keep *keep, struct verifier *verifier)
{
	return restore_lanes(keep, verifier);
}

uint64_t
joint_keep_count(struct joint_keep *keep, const char *name)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT value FROM counts WHERE name = ?1", "s", name);
	uint64_t is = 0;

	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW)
		is = state_u64(stmt, 0);
	sqlite3_finalize(stmt);
	return is;
}

/* ---- cases ---- */

/* What of the answer a person would be told. */
struct said {
	char verdict[32], value[300];
	bool there;
};

static struct said
said_of(struct joint_state *state, const char *id)
{
	sqlite3_stmt *stmt =
	    state_ask(state, "SELECT verdict, value FROM cases WHERE id = ?1 AND merged IS NULL", "s", id);
	struct said said = {.there = false};

	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *verdict = (const char *)sqlite3_column_text(stmt, 0),
			   *value = (const char *)sqlite3_column_text(stmt, 1);

		said.there = true;
		snprintf(said.verdict, sizeof(said.verdict), "%s", verdict != NULL ? verdict : "");
		snprintf(said.value, sizeof(said.value), "%s", value != NULL ? value : "");
	}
	sqlite3_finalize(stmt);
	return said;
}

static enum cc_status
put_case(struct joint_keep *keep, const struct joint_change *change, uint64_t now)
{
	struct joint_case one = {.id = change->id, .updated = now};
	struct said before = said_of(keep->state, change->id);
	char activity[64], value[2048], with[400];
	struct json json = json_into(&keep->blob);
	enum cc_status st;

	buf_clear(&keep->blob);
	case_json_row(keep->joint, change->activity, &json, &one, activity, value, sizeof(value));
	if (keep->blob.full)
		return CC_NOMEM;
	one.document = buf_slice(&keep->blob);
	st = joint_state_put(keep->state, &one);
	if (st == CC_OK && before.there &&
	    (strcmp(before.verdict, one.verdict) != 0 ||
		strcmp(before.value, one.value != NULL ? one.value : "") != 0)) {
		snprintf(with, sizeof(with), "%s %s", one.verdict, one.value != NULL ? one.value : "");
		st = joint_state_note(keep->state, one.id, &(struct joint_trace){now, "answer changed", with});
	}
	return st;
}

static enum cc_status
note_event(struct joint_keep *keep, const struct joint_change *change, uint64_t now)
{
	struct joint_trace trace = {now, change->event, change->with[0] != '\0' ? change->with : NULL};
	bool ends = strcmp(change->event, "merged") == 0 || strcmp(change->event, "gone") == 0;
	enum cc_status st;

	bool begins = strcmp(change->event, "opened") == 0 || strcmp(change->event, "split") == 0;

	/* After a start all is opened anew in memory; on disk it is known. */
	if (begins == said_of(keep->state, change->id).there)
		return CC_OK;
	st = joint_state_note(keep->state, change->id, &trace);
	if (st != CC_OK || !ends)
		return st;
	if (trace.with == NULL)
		return joint_state_dropped(keep->state, change->id, now);
	if ((st = joint_state_merged(keep->state, change->id, change->with, now)) == CC_OK)
		st = joint_state_note(keep->state, change->with, &(struct joint_trace){now, "merged", change->id});
	return st;
}

static enum cc_status
write_cases(struct joint_keep *keep, uint64_t now)
{
	struct joint_change change;
	enum cc_status st = CC_OK;

	while (st == CC_OK && joint_next_change(keep->joint, &change))
		st = change.event != NULL ? note_event(keep, &change, now) : put_case(keep, &change, now);
	return st;
}

/* ---- the commit ---- */

struct saving {
	struct joint_keep *keep;
	enum cc_status st;
};

static void
save_lane(void *ctx, struct slice key, struct slice state)
{
	struct saving *s = ctx;

	if (s->st == CC_OK)
		s->st = state_do(s->keep->state, "INSERT OR REPLACE INTO lanes VALUES (?1, ?2)", "bb", key, state);
}

static enum cc_status
save_progress(struct joint_keep *keep, const struct joint_progress *p)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < p->positions && st == CC_OK; i++) {
		if (p->position[i].changed)
			st = state_do(keep->state, "INSERT OR REPLACE INTO offsets VALUES (?1, ?2)", "si",
			    p->position[i].place, p->position[i].next);
	}
	if (st == CC_OK && p->second != NULL && p->second->changed)
		st = state_do(keep->state, "INSERT OR REPLACE INTO offsets VALUES (?1, ?2)", "si", p->second->place,
		    p->second->next);
	for (size_t i = 0; i < p->counts && st == CC_OK; i++)
		st = state_do(keep->state, "INSERT OR REPLACE INTO counts VALUES (?1, ?2)", "si", p->count[i].name,
		    p->count[i].value);
	if (st == CC_OK)
		st = state_do(keep->state, "INSERT OR REPLACE INTO counts VALUES ('cold', ?1), ('went', ?2)", "ii",
		    keep->cold_next, keep->went);
	return st;
}

static void
pass(const struct joint_progress *p, const char *point)
{
	if (p->fault != NULL)
		p->fault(p->ctx, point);
}

static enum cc_status
commit_all(struct joint_keep *keep, const struct joint_progress *p)
{
	struct saving saving = {keep, CC_OK};
	enum cc_status st;

	pass(p, "begun");
	if ((st = recall(keep)) != CC_OK)
		return st;
	pass(p, "recalled");
	if ((st = p->all ? joint_settle(keep->joint) : joint_settle_some(keep->joint)) != CC_OK)
		return st;
	pass(p, "linked");
	if ((st = write_cases(keep, p->now)) != CC_OK)
		return st;
	pass(p, "cases");
	if ((st = save_nodes(keep)) != CC_OK)
		return st;
	pass(p, "nodes");
	if (p->verifier != NULL)
		verifier_save(p->verifier, save_lane, &saving);
	if (saving.st != CC_OK)
		return saving.st;
	pass(p, "lanes");
	st = save_progress(keep, p);
	pass(p, "offsets");
	return st;
}

enum cc_status
joint_keep_commit(struct joint_keep *keep, const struct joint_progress *progress)
{
	enum cc_status st = joint_state_begin(keep->state);

	if (st != CC_OK)
		return st;
	if ((st = commit_all(keep, progress)) != CC_OK) {
		joint_state_rollback(keep->state);
		return st;
	}
	if ((st = joint_state_commit(keep->state)) == CC_OK)
		pass(progress, "committed");
	return st;
}

uint64_t
joint_keep_cold(const struct joint_keep *keep)
{
	return keep->went;
}
