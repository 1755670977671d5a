/*
 * Activities that were not used for longest, on disk, a row each, found again by their strong values.  The index is a
 * table for each 131,072 rows, cold_index_N, small enough that what goes to disk at once is written nearly in one go;
 * before eight of them stands one filter in memory, a byte a place with a bit a table, that knows what surely is in
 * none: cost a sighting is that of its batch, and a look into a filter for each million rows on disk.  What a new node
 * shares with a row comes back whole.  An era is a million rows, or an eighth of joint.keep if that is over sooner, and
 * ends with its tables, all at once.  All within the transaction of keep.c.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "joint/keep_own.h"

#define ERA_BITS 20               /* rows of cold by era */
#define PART_BITS 17              /* by table of the index */
#define FILTER_BYTES (8u << 20)   /* of an era: about four entries a row, sixteen bits an entry */
#define AHEAD 8                   /* of what is looked for, the filters' lines are fetched so far before */
#define FILTER_PROBES 5
#define RECALL_MAX 64             /* activities by one value */
#define SWEEP 16384               /* rows of an era that is over, by commit */
#define ERAS_MAX 4096

/* ---- the filter ---- */

static size_t
filter_place(uint64_t hash)
{
	return hash >> 38 & (FILTER_BYTES - 1);
}

static uint64_t
filter_next(uint64_t hash)
{
	return hash * 0x9e3779b97f4a7c15ull + 0x7f4a7c15;
}

static void
filter_put(struct era *era, uint64_t hash, unsigned part)
{
	for (unsigned i = 0; i < FILTER_PROBES; i++, hash = filter_next(hash))
		era->filter[filter_place(hash)] |= (uint8_t)(1u << part);
}

/* A bit for each table of the era that may have it. */
static unsigned
filter_parts(const struct era *era, uint64_t hash)
{
	unsigned parts = 0xff;

	for (unsigned i = 0; i < FILTER_PROBES && parts != 0; i++, hash = filter_next(hash))
		parts &= era->filter[filter_place(hash)];
	return parts;
}

static unsigned
part_of(uint64_t id)
{
	return id >> PART_BITS & (ERA_PARTS - 1);
}

static enum cc_status
make_tables(struct joint_keep *keep, uint64_t number)
{
	enum cc_status st = CC_OK;
	char sql[200];

	for (unsigned part = 0; part < ERA_PARTS && st == CC_OK; part++) {
		snprintf(sql, sizeof(sql),
		    "CREATE TABLE IF NOT EXISTS cold_index_%llu (hash INTEGER, id INTEGER, PRIMARY KEY (hash, id)) "
		    "WITHOUT ROWID",
		    (unsigned long long)(number * ERA_PARTS + part));
		st = state_run(keep->state, sql);
	}
	return st == CC_OK ? state_do(keep->state, "INSERT OR IGNORE INTO eras VALUES (?1, ?2, 0)", "ii", number,
				 keep->newest)
			   : st;
}

static struct era *
era_of(struct joint_keep *keep, uint64_t number, bool make)
{
	struct era *more;

	for (size_t i = keep->eras; i > 0; i--) {
		if (keep->era[i - 1].number == number)
			return &keep->era[i - 1];
	}
	if (!make || (more = realloc(keep->era, (keep->eras + 1) * sizeof(*more))) == NULL)
		return NULL;
	keep->era = more;
	more[keep->eras] = (struct era){.number = number, .first = keep->newest, .filter = joint_table(FILTER_BYTES)};
	if (more[keep->eras].filter == NULL || make_tables(keep, number) != CC_OK) {
		free(more[keep->eras].filter);
		return NULL;
	}
	memset(more[keep->eras].filter, 0, FILTER_BYTES);
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

	if (x->id >> PART_BITS != y->id >> PART_BITS)
		return x->id >> PART_BITS < y->id >> PART_BITS ? -1 : 1;
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
	uint64_t table = UINT64_MAX;
	char sql[120];

	if (keep->entries > 0)
		qsort(keep->entry, keep->entries, sizeof(*keep->entry), by_hash);
	for (size_t i = 0; i < keep->entries && st == CC_OK; i++) {
		const struct entry *e = &keep->entry[i];

		if (table != e->id >> PART_BITS) {
			table = e->id >> PART_BITS;
			sqlite3_finalize(stmt);
			stmt = NULL;
			if ((era = era_of(keep, e->id >> ERA_BITS, true)) == NULL)
				return CC_IO;
			snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO cold_index_%llu VALUES (?1, ?2)",
			    (unsigned long long)table);
			if ((stmt = state_ask(keep->state, sql, "")) == NULL)
				return CC_IO;
		}
		filter_put(era, e->hash, part_of(e->id));
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

static void
forget_finds(struct era *era)
{
	for (unsigned part = 0; part < ERA_PARTS; part++) {
		sqlite3_finalize(era->find[part]);
		era->find[part] = NULL;
	}
}

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
	forget_finds(era);
	for (unsigned part = 0; part < ERA_PARTS && *ret_st == CC_OK; part++) {
		snprintf(sql, sizeof(sql), "DROP TABLE cold_index_%llu",
		    (unsigned long long)(era->number * ERA_PARTS + part));
		*ret_st = state_run(keep->state, sql);
	}
	if (*ret_st == CC_OK)
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

enum cc_status
cold_make_room(struct joint_keep *keep)
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
	return st == CC_OK ? expire(keep) : st;
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

/* The newest of one table that have it. */
static enum cc_status
recall_part(struct joint_keep *keep, struct era *era, unsigned part, uint64_t hash)
{
	enum cc_status st = CC_OK;
	uint64_t id[RECALL_MAX];
	unsigned count = 0;
	char sql[120];

	snprintf(sql, sizeof(sql), "SELECT id FROM cold_index_%llu WHERE hash = ?1 ORDER BY id DESC LIMIT %d",
	    (unsigned long long)(era->number * ERA_PARTS + part), RECALL_MAX);
	if (era->find[part] == NULL && (era->find[part] = state_ask(keep->state, sql, "")) == NULL)
		return CC_IO;
	sqlite3_bind_int64(era->find[part], 1, (sqlite3_int64)hash);
	while (count < RECALL_MAX && sqlite3_step(era->find[part]) == SQLITE_ROW)
		id[count++] = state_u64(era->find[part], 0);
	sqlite3_reset(era->find[part]);
	for (unsigned k = 0; k < count && st == CC_OK; k++)
		st = recall_row(keep, id[k]);
	return st;
}

static enum cc_status
recall_by(struct joint_keep *keep, uint64_t hash)
{
	enum cc_status st = CC_OK;

	for (size_t i = keep->eras; i > 0 && st == CC_OK; i--) {
		unsigned parts = filter_parts(&keep->era[i - 1], hash);

		for (unsigned part = ERA_PARTS; part > 0 && parts != 0 && st == CC_OK; part--) {
			if ((parts >> (part - 1) & 1) != 0)
				st = recall_part(keep, &keep->era[i - 1], part - 1, hash);
		}
	}
	return st;
}

/* Of a node that has come: itself, and the strong values that it is alone with. */
static bool
list_wanted(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	bool good = true;

	keep->entries = 0;
	for (size_t i = 0; i < joint->fresh.count && good; i++) {
		const struct node *n = &joint->node[joint->fresh.at[i]];

		if (!n->used)
			continue;
		good = add_entry(keep, n->fold);
		for (uint32_t f = n->features; f < n->features + n->feature_count && good; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if (is_strong(v) && v->count <= 1)
				good = add_entry(keep, v->hash);
		}
	}
	joint->fresh.count = 0;
	return good;
}

/* What is there of that on disk comes back. */
enum cc_status
cold_recall(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;

	if (keep->eras == 0) {
		keep->joint->fresh.count = 0;
		return CC_OK;
	}
	if (!list_wanted(keep))
		return CC_NOMEM;
	for (size_t i = 0; i < keep->entries && st == CC_OK; i++) {
		for (size_t k = 0; k < keep->eras && i + AHEAD < keep->entries; k++)
			__builtin_prefetch(&keep->era[k].filter[filter_place(keep->entry[i + AHEAD].hash)]);
		st = recall_by(keep, keep->entry[i].hash);
	}
	keep->entries = 0;
	return st;
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
	for (unsigned part = 0; part < ERA_PARTS; part++) {
		snprintf(sql, sizeof(sql), "SELECT hash FROM cold_index_%llu",
		    (unsigned long long)(is->number * ERA_PARTS + part));
		if ((stmt = state_ask(keep->state, sql, "")) == NULL)
			return CC_IO;
		while (sqlite3_step(stmt) == SQLITE_ROW)
			filter_put(era, state_u64(stmt, 0), part);
		sqlite3_finalize(stmt);
	}
	return CC_OK;
}

enum cc_status
cold_load(struct joint_keep *keep)
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

void
cold_close(struct joint_keep *keep)
{
	for (size_t i = 0; i < keep->eras; i++) {
		free(keep->era[i].filter);
		forget_finds(&keep->era[i]);
	}
	sqlite3_finalize(keep->put_cold);
	sqlite3_finalize(keep->get_cold);
	sqlite3_finalize(keep->drop_cold);
	free(keep->era);
	free(keep->entry);
}
