/*
 * Where on disk something is: pairs of a hash and the number of a row of cold.  New ones are in memory and in
 * cold_open, up to 262,144: a part.  A part that is full is sorted and written once, to cold_index, by 4,096 buckets of
 * equal first bits, and never changed: what is looked for is in one row of each part.  Before eight parts (an era) is
 * one filter in memory, a byte a place with a bit a part, that knows what surely is in none; each part's bits are kept
 * in cold_filter, so that a start reads those alone.
 *
 * So cost is that of writing each pair twice, in order, and of a look into one line of memory by era.  All within the
 * transaction of keep.c.  One thread.
 */
#include <stdlib.h>

#include "joint/keep_own.h"

#define BUCKET_BITS 12
#define BUCKETS (1u << BUCKET_BITS)
#define HEADS (1u << 18)
#define PAIR 9                      /* bytes: 48 bits of the hash after the bucket's, 24 of the row in its era */
#define LINE 64                     /* all places of a hash are in one line */
#define PROBES 6
#define FILTER_BYTES (8u << 20)     /* of an era: 32 places a pair */
#define PLANE_BYTES (FILTER_BYTES / 8)

/* Bits that bucket and pair hold. */
static uint64_t
kept_bits(uint64_t hash)
{
	return hash & ~(uint64_t)15;
}

/* ---- the filter ---- */

static size_t
line_of(uint64_t hash)
{
	return (hash >> 36 & (FILTER_BYTES / LINE - 1)) * LINE;
}

/* Six bits for each probe. */
static uint64_t
places_of(uint64_t hash)
{
	return kept_bits(hash) * 0x9e3779b97f4a7c15ull >> 28;
}

static void
plane_put(uint8_t *plane, uint64_t hash)
{
	uint64_t places = places_of(hash);
	size_t line = line_of(hash);

	for (unsigned i = 0; i < PROBES; i++, places >>= 6)
		plane[(line + places % LINE) / 8] |= (uint8_t)(1u << places % 8);
}

/* A part's bits into the filter, eight places at a time. */
static void
add_plane(struct era *era, unsigned part, const uint8_t *plane)
{
	uint64_t spread[256];

	for (unsigned i = 0; i < 256; i++) {
		uint8_t place[8];

		for (unsigned k = 0; k < 8; k++)
			place[k] = (uint8_t)((i >> k & 1) << part);
		memcpy(&spread[i], place, 8);
	}
	for (size_t i = 0; i < PLANE_BYTES; i++) {
		uint64_t eight;

		memcpy(&eight, era->filter + i * 8, 8);
		eight |= spread[plane[i]];
		memcpy(era->filter + i * 8, &eight, 8);
	}
}

static unsigned
parts_of(const struct era *era, uint64_t hash)
{
	const uint8_t *line = era->filter + line_of(hash);
	uint64_t places = places_of(hash);
	unsigned parts = 0xff;

	for (unsigned i = 0; i < PROBES; i++, places >>= 6)
		parts &= line[places % LINE];
	return parts;
}

void
index_prefetch(const struct joint_keep *keep, uint64_t hash)
{
	for (size_t i = 0; i < keep->eras; i++)
		__builtin_prefetch(keep->era[i].filter + line_of(hash));
	if (keep->open.head != NULL)
		__builtin_prefetch(&keep->open.head[hash & (HEADS - 1)]);
}

/* ---- the part that is open ---- */

bool
index_add(struct joint_keep *keep, uint64_t hash, uint64_t id)
{
	struct open_part *o = &keep->open;
	uint32_t *head;

	if (o->head == NULL) {
		if ((o->head = joint_table(HEADS * sizeof(*o->head))) == NULL)
			return false;
		memset(o->head, 0xff, HEADS * sizeof(*o->head));
	}
	if (!GROW(o->pair, o->count, o->room) || !GROW(o->next, o->count, o->next_room))
		return false;
	head = &o->head[hash & (HEADS - 1)];
	o->pair[o->count] = (struct entry){hash, id};
	o->next[o->count] = *head;
	*head = (uint32_t)o->count++;
	return true;
}

bool
index_is_full(const struct joint_keep *keep)
{
	return keep->open.count >= PART_PAIRS;
}

/* What was added since. */
enum cc_status
index_save(struct joint_keep *keep)
{
	struct open_part *o = &keep->open;
	enum cc_status st;

	if (o->saved == o->count)
		return CC_OK;
	st = state_do(keep->state, "INSERT INTO cold_open (data) VALUES (?1)", "b",
	    slice_of((const void *)&o->pair[o->saved], (o->count - o->saved) * sizeof(*o->pair)));
	o->saved = o->count;
	return st;
}

static int
by_hash(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->id < y->id) - (x->id > y->id); /* the newest first */
}

/* Pairs by bucket: those of b are to[start[b]] up to to[start[b + 1]]. */
static void
to_buckets(const struct open_part *o, struct entry *to, uint32_t *start)
{
	memset(start, 0, (BUCKETS + 2) * sizeof(*start));
	for (size_t i = 0; i < o->count; i++)
		start[(o->pair[i].hash >> (64 - BUCKET_BITS)) + 2]++;
	for (size_t i = 2; i < BUCKETS + 2; i++)
		start[i] += start[i - 1];
	for (size_t i = 0; i < o->count; i++)
		to[start[(o->pair[i].hash >> (64 - BUCKET_BITS)) + 1]++] = o->pair[i];
}

static enum cc_status
put_bucket(struct joint_keep *keep, uint64_t id, struct entry *pair, size_t count)
{
	static const char sql[] = "INSERT INTO cold_index VALUES (?1, ?2)";

	if (count == 0)
		return CC_OK;
	qsort(pair, count, sizeof(*pair), by_hash);
	buf_clear(&keep->blob);
	for (size_t i = 0; i < count; i++) {
		uint8_t b[PAIR];

		for (unsigned k = 0; k < 6; k++)
			b[k] = (uint8_t)(pair[i].hash >> (44 - 8 * k));
		for (unsigned k = 0; k < 3; k++)
			b[6 + k] = (uint8_t)(pair[i].id >> (16 - 8 * k));
		buf_add(&keep->blob, b, sizeof(b));
	}
	return keep->blob.full ? CC_NOMEM : state_redo(keep->state, sql, "ib", id, buf_slice(&keep->blob));
}

static enum cc_status
put_buckets(struct joint_keep *keep, uint64_t part, struct entry *pair, uint32_t *start)
{
	enum cc_status st = CC_OK;

	to_buckets(&keep->open, pair, start);
	for (uint64_t b = 0; b < BUCKETS && st == CC_OK; b++)
		st = put_bucket(keep, part << BUCKET_BITS | b, pair + start[b], start[b + 1] - start[b]);
	return st;
}

static enum cc_status
put_plane(struct joint_keep *keep, struct era *era, uint64_t part)
{
	uint8_t *plane = calloc(1, PLANE_BYTES);
	enum cc_status st;

	if (plane == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < keep->open.count; i++)
		plane_put(plane, keep->open.pair[i].hash);
	add_plane(era, (unsigned)(part % ERA_PARTS), plane);
	st = state_do(keep->state, "INSERT OR REPLACE INTO cold_filter VALUES (?1, ?2)", "ib", part,
	    slice_of(plane, PLANE_BYTES));
	free(plane);
	return st;
}

/* The open part is closed, and a new one begins. */
enum cc_status
index_close_part(struct joint_keep *keep, struct era *era)
{
	struct open_part *o = &keep->open;
	uint64_t part = era->number * ERA_PARTS + era->parts;
	struct entry *pair = malloc((o->count + 1) * sizeof(*pair));
	uint32_t *start = malloc((BUCKETS + 2) * sizeof(*start));
	enum cc_status st = pair != NULL && start != NULL ? CC_OK : CC_NOMEM;

	if (st == CC_OK && o->count > 0) {
		if ((st = put_buckets(keep, part, pair, start)) == CC_OK && (st = put_plane(keep, era, part)) == CC_OK)
			st = state_run(keep->state, "DELETE FROM cold_open");
		memset(o->head, 0xff, HEADS * sizeof(*o->head));
		o->count = o->saved = 0;
		era->parts++;
		era->changed = true;
	}
	free(pair);
	free(start);
	return st;
}

/* ---- looking ---- */

static enum cc_status
find_open(struct joint_keep *keep, uint64_t hash, index_fn *fn)
{
	const struct open_part *o = &keep->open;
	enum cc_status st = CC_OK;
	unsigned count = 0;

	for (uint32_t i = o->head != NULL ? o->head[hash & (HEADS - 1)] : NONE;
	     i != NONE && count < RECALL_MAX && st == CC_OK; i = o->next[i]) {
		if (o->pair[i].hash == hash) {
			st = fn(keep, o->pair[i].id);
			count++;
		}
	}
	return st;
}

static enum cc_status
find_closed(struct joint_keep *keep, const struct era *era, unsigned part, uint64_t hash, index_fn *fn)
{
	static const char sql[] = "SELECT data FROM cold_index WHERE id = ?1";
	uint64_t bucket = (era->number * ERA_PARTS + part) << BUCKET_BITS | hash >> (64 - BUCKET_BITS);
	sqlite3_stmt *stmt = state_again(keep->state, sql, "i", bucket);
	uint64_t id[RECALL_MAX], wanted = hash >> 4 & 0xffffffffffff;
	unsigned count = 0;
	enum cc_status st = CC_OK;

	if (stmt == NULL)
		return CC_IO;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		struct cur c = cur_slice(sql_blob(stmt, 0));

		while (cur_left(&c) >= PAIR && count < RECALL_MAX) {
			uint64_t is = (uint64_t)cur_u16(&c) << 32;

			is |= cur_u32(&c);
			id[count] = era->number << ERA_BITS | cur_u24(&c);
			count += is == wanted;
		}
	}
	sqlite3_reset(stmt);
	for (unsigned i = 0; i < count && st == CC_OK; i++)
		st = fn(keep, id[i]);
	return st;
}

enum cc_status
index_find(struct joint_keep *keep, uint64_t hash, index_fn *fn)
{
	enum cc_status st = find_open(keep, hash, fn);

	for (size_t i = keep->eras; i > 0 && st == CC_OK; i--) {
		unsigned parts = parts_of(&keep->era[i - 1], hash);

		for (unsigned part = ERA_PARTS; part > 0 && parts != 0 && st == CC_OK; part--) {
			if ((parts >> (part - 1) & 1) != 0)
				st = find_closed(keep, &keep->era[i - 1], part - 1, hash, fn);
		}
	}
	return st;
}

/* ---- opening, ending ---- */

bool
index_open_era(struct era *era)
{
	if ((era->filter = joint_table(FILTER_BYTES)) == NULL)
		return false;
	memset(era->filter, 0, FILTER_BYTES);
	return true;
}

/* Where what is kept of a part's filter is not there, the part itself is read. */
static enum cc_status
make_plane(struct joint_keep *keep, uint64_t part, uint8_t *plane)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT id, data FROM cold_index WHERE id >= ?1 AND id < ?2", "ii",
	    part << BUCKET_BITS, (part + 1) << BUCKET_BITS);
	int step = SQLITE_ERROR;

	while (stmt != NULL && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint64_t bucket = state_u64(stmt, 0) & (BUCKETS - 1);
		struct cur c = cur_slice(sql_blob(stmt, 1));

		while (cur_left(&c) >= PAIR) {
			uint64_t is = (uint64_t)cur_u16(&c) << 32;

			is |= cur_u32(&c);
			(void)cur_u24(&c);
			plane_put(plane, bucket << (64 - BUCKET_BITS) | is << 4);
		}
	}
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

static enum cc_status
load_plane(struct joint_keep *keep, struct era *era, unsigned part, uint8_t *plane)
{
	uint64_t number = era->number * ERA_PARTS + part;
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT data FROM cold_filter WHERE id = ?1", "i", number);
	bool there = false;
	enum cc_status st = stmt != NULL ? CC_OK : CC_IO;

	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		struct slice data = sql_blob(stmt, 0);

		if ((there = data.size == PLANE_BYTES))
			memcpy(plane, data.p, PLANE_BYTES);
	}
	sqlite3_finalize(stmt);
	if (st == CC_OK && !there) {
		memset(plane, 0, PLANE_BYTES);
		st = make_plane(keep, number, plane);
	}
	if (st == CC_OK)
		add_plane(era, part, plane);
	return st;
}

enum cc_status
index_load_era(struct joint_keep *keep, struct era *era)
{
	uint8_t *plane = malloc(PLANE_BYTES);
	enum cc_status st = plane != NULL ? CC_OK : CC_NOMEM;

	for (unsigned part = 0; part < era->parts && part < ERA_PARTS && st == CC_OK; part++)
		st = load_plane(keep, era, part, plane);
	free(plane);
	return st;
}

enum cc_status
index_load_open(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT data FROM cold_open ORDER BY id", "");
	int step = SQLITE_ERROR;
	bool good = true;

	while (stmt != NULL && good && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct slice data = sql_blob(stmt, 0);

		for (size_t i = 0; i + sizeof(struct entry) <= data.size && good; i += sizeof(struct entry)) {
			struct entry pair;

			memcpy(&pair, data.p + i, sizeof(pair));
			good = index_add(keep, pair.hash, pair.id);
		}
	}
	sqlite3_finalize(stmt);
	keep->open.saved = keep->open.count;
	return !good ? CC_NOMEM : step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

enum cc_status
index_drop_era(struct joint_keep *keep, const struct era *era)
{
	uint64_t from = era->number * ERA_PARTS, end = from + ERA_PARTS;
	enum cc_status st = state_do(keep->state, "DELETE FROM cold_index WHERE id >= ?1 AND id < ?2", "ii",
	    from << BUCKET_BITS, end << BUCKET_BITS);

	if (st != CC_OK)
		return st;
	return state_do(keep->state, "DELETE FROM cold_filter WHERE id >= ?1 AND id < ?2", "ii", from, end);
}

void
index_close(struct joint_keep *keep)
{
	free(keep->open.pair);
	free(keep->open.next);
	free(keep->open.head);
}
