/*
 * Where on disk something is: pairs of a hash and the number of a row of cold.  New ones are in memory and in
 * cold_open, up to 262,144: a part.  A part that is full is sorted and written once, to cold_index, by 4,096 buckets of
 * equal first bits, and never changed: what is looked for is in one row of each part.
 *
 * Two filters in memory know what surely is not there: before eight parts (an era) a byte a place with a bit a part,
 * before eight eras (an age) the same with a bit an era, of other places.  The age's is asked first, one line of memory
 * for sixteen million pairs: it lets 3 in 100 through, of which the era's lets 5 in 10,000 through, so that of what is
 * not there next to nothing is read.  Each part's bits, and each era's of its age, are kept (cold_filter, cold_age), so
 * that a start reads those alone.
 *
 * So cost is that of writing each pair twice, in order, and of a look into one line of memory by age.  All within the
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
#define AGE_BYTES (16u << 20)       /* of an age: 8 places a pair */
#define AGE_PLANE (AGE_BYTES / 8)
#define AGE_PROBES 4

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
put_places(uint8_t *plane, size_t line, uint64_t places, unsigned probes)
{
	for (unsigned i = 0; i < probes; i++, places >>= 6)
		plane[(line + places % LINE) / 8] |= (uint8_t)(1u << places % 8);
}

static void
plane_put(uint8_t *plane, uint64_t hash)
{
	put_places(plane, line_of(hash), places_of(hash), PROBES);
}

/* Bits of a part, or an era, into a filter, eight places at a time. */
static void
add_plane(uint8_t *filter, unsigned bit, const uint8_t *plane, size_t size)
{
	uint64_t spread[256];

	for (unsigned i = 0; i < 256; i++) {
		uint8_t place[8];

		for (unsigned k = 0; k < 8; k++)
			place[k] = (uint8_t)((i >> k & 1) << bit);
		memcpy(&spread[i], place, 8);
	}
	for (size_t i = 0; i < size; i++) {
		uint64_t eight;

		memcpy(&eight, filter + i * 8, 8);
		eight |= spread[plane[i]];
		memcpy(filter + i * 8, &eight, 8);
	}
}

/* The bits that all places have. */
static unsigned
look(const uint8_t *line, uint64_t places, unsigned probes)
{
	unsigned bits = 0xff;

	for (unsigned i = 0; i < probes; i++, places >>= 6)
		bits &= line[places % LINE];
	return bits;
}

static unsigned
parts_of(const struct era *era, uint64_t hash)
{
	return look(era->filter + line_of(hash), places_of(hash), PROBES);
}

/* Where a hash is in an age's filter: nothing of it follows from where it is in an era's. */
static uint64_t
age_mix(uint64_t hash)
{
	hash = (kept_bits(hash) ^ hash >> 29) * 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 32;
}

static size_t
age_line(uint64_t mixed)
{
	return (mixed >> 44) % (AGE_BYTES / LINE) * LINE;
}

static void
age_plane_put(uint8_t *plane, uint64_t hash)
{
	uint64_t mixed = age_mix(hash);

	put_places(plane, age_line(mixed), mixed, AGE_PROBES);
}

static struct age *
age_of(struct joint_keep *keep, uint64_t era)
{
	uint64_t number = era / AGE_ERAS;
	struct age *more;

	if (keep->ages > 0 && keep->age[keep->ages - 1].number == number)
		return &keep->age[keep->ages - 1];
	/* Eras only come behind all others. */
	if ((more = realloc(keep->age, (keep->ages + 1) * sizeof(*more))) == NULL)
		return NULL;
	keep->age = more;
	more += keep->ages;
	if ((more->filter = joint_table(AGE_BYTES)) == NULL)
		return NULL;
	memset(more->filter, 0, AGE_BYTES);
	more->number = number;
	keep->ages++;
	return more;
}

void
index_prefetch(const struct joint_keep *keep, uint64_t hash)
{
	size_t line = age_line(age_mix(hash));

	for (size_t i = 0; i < keep->ages; i++)
		__builtin_prefetch(keep->age[i].filter + line);
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
	add_plane(era->filter, (unsigned)(part % ERA_PARTS), plane, PLANE_BYTES);
	st = state_do(keep->state, "INSERT OR REPLACE INTO cold_filter VALUES (?1, ?2)", "ib", part,
	    slice_of(plane, PLANE_BYTES));
	free(plane);
	return st;
}

/* One bit of eight places: of each byte, to a byte. */
static uint8_t
gather(const uint8_t *place, unsigned bit)
{
	uint64_t eight;

	memcpy(&eight, place, 8);
	return (uint8_t)((eight >> bit & 0x0101010101010101ull) * 0x0102040810204080ull >> 56);
}

/* What of an age is of this era, with the pairs that are open. */
static enum cc_status
put_age(struct joint_keep *keep, const struct era *era)
{
	struct age *age = age_of(keep, era->number);
	uint8_t *plane = malloc(AGE_PLANE);
	unsigned bit = (unsigned)(era->number % AGE_ERAS);
	enum cc_status st = age != NULL && plane != NULL ? CC_OK : CC_NOMEM;

	for (size_t i = 0; st == CC_OK && i < keep->open.count; i++) {
		uint64_t places = age_mix(keep->open.pair[i].hash);
		uint8_t *line = age->filter + age_line(places);

		for (unsigned k = 0; k < AGE_PROBES; k++, places >>= 6)
			line[places % LINE] |= (uint8_t)(1u << bit);
	}
	for (size_t i = 0; st == CC_OK && i < AGE_PLANE; i++)
		plane[i] = gather(age->filter + i * 8, bit);
	if (st == CC_OK)
		st = state_do(keep->state, "INSERT OR REPLACE INTO cold_age VALUES (?1, ?2)", "ib", era->number,
		    slice_of(plane, AGE_PLANE));
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
		if ((st = put_buckets(keep, part, pair, start)) == CC_OK &&
		    (st = put_plane(keep, era, part)) == CC_OK && (st = put_age(keep, era)) == CC_OK)
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
	unsigned count = 0, looked = 0;

	for (uint32_t i = o->head != NULL ? o->head[hash & (HEADS - 1)] : NONE;
	     i != NONE && count < RECALL_MAX && looked < LOOK_MAX && st == CC_OK; i = o->next[i]) {
		bool there = false;

		if (o->pair[i].hash != hash)
			continue;
		st = fn(keep, o->pair[i].id, &there);
		count += there;
		looked++;
	}
	return st;
}

static enum cc_status
find_closed(struct joint_keep *keep, const struct era *era, unsigned part, uint64_t hash, index_fn *fn)
{
	static const char sql[] = "SELECT data FROM cold_index WHERE id = ?1";
	uint64_t bucket = (era->number * ERA_PARTS + part) << BUCKET_BITS | hash >> (64 - BUCKET_BITS);
	sqlite3_stmt *stmt = state_again(keep->state, sql, "i", bucket);
	uint64_t id[LOOK_MAX], wanted = hash >> 4 & 0xffffffffffff;
	unsigned found = 0, count = 0;
	enum cc_status st = CC_OK;

	if (stmt == NULL)
		return CC_IO;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		struct cur c = cur_slice(sql_blob(stmt, 0));

		while (cur_left(&c) >= PAIR && found < LOOK_MAX) {
			uint64_t is = (uint64_t)cur_u16(&c) << 32;

			is |= cur_u32(&c);
			id[found] = era->number << ERA_BITS | cur_u24(&c);
			found += is == wanted;
		}
	}
	sqlite3_reset(stmt);
	/* A pair stays when its row has come back to memory: that is none that was found. */
	for (unsigned i = 0; i < found && count < RECALL_MAX && st == CC_OK; i++) {
		bool there = false;

		st = fn(keep, id[i], &there);
		count += there;
	}
	return st;
}

static enum cc_status
find_in_era(struct joint_keep *keep, const struct era *era, uint64_t hash, index_fn *fn)
{
	unsigned parts = parts_of(era, hash);
	enum cc_status st = CC_OK;

	for (unsigned part = ERA_PARTS; part > 0 && parts != 0 && st == CC_OK; part--) {
		if ((parts >> (part - 1) & 1) != 0)
			st = find_closed(keep, era, part - 1, hash, fn);
	}
	return st;
}

/* NULL: it is over. */
static const struct era *
era_numbered(const struct joint_keep *keep, uint64_t number)
{
	size_t from = 0, end = keep->eras;

	while (from < end) {
		size_t at = (from + end) / 2;

		if (keep->era[at].number == number)
			return &keep->era[at];
		*(keep->era[at].number < number ? &from : &end) = keep->era[at].number < number ? at + 1 : at;
	}
	return NULL;
}

enum cc_status
index_find(struct joint_keep *keep, uint64_t hash, index_fn *fn)
{
	enum cc_status st = find_open(keep, hash, fn);
	uint64_t mixed = age_mix(hash);
	size_t line = age_line(mixed);

	for (size_t i = keep->ages; i > 0 && st == CC_OK; i--) {
		const struct age *age = &keep->age[i - 1];
		unsigned eras = look(age->filter + line, mixed, AGE_PROBES);

		for (unsigned bit = AGE_ERAS; bit > 0 && eras != 0 && st == CC_OK; bit--) {
			const struct era *era = (eras >> (bit - 1) & 1) != 0
						    ? era_numbered(keep, age->number * AGE_ERAS + bit - 1)
						    : NULL;

			if (era != NULL)
				st = find_in_era(keep, era, hash, fn);
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

/* Where what is kept of a filter is not there, the part itself is read. */
static enum cc_status
read_part(struct joint_keep *keep, uint64_t part, void (*put)(uint8_t *plane, uint64_t hash), uint8_t *plane)
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
			put(plane, bucket << (64 - BUCKET_BITS) | is << 4);
		}
	}
	sqlite3_finalize(stmt);
	return step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

/* *ret_there: it is all in plane; else that is clear. */
static enum cc_status
read_plane(struct joint_keep *keep, const char *sql, uint64_t id, uint8_t *plane, size_t size, bool *ret_there)
{
	sqlite3_stmt *stmt = state_ask(keep->state, sql, "i", id);
	enum cc_status st = stmt != NULL ? CC_OK : CC_IO;

	*ret_there = false;
	memset(plane, 0, size);
	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		struct slice data = sql_blob(stmt, 0);

		if ((*ret_there = data.size == size))
			memcpy(plane, data.p, size);
	}
	sqlite3_finalize(stmt);
	return st;
}

static enum cc_status
load_part(struct joint_keep *keep, struct era *era, unsigned part, uint8_t *plane)
{
	uint64_t number = era->number * ERA_PARTS + part;
	bool there;
	enum cc_status st = read_plane(
	    keep, "SELECT data FROM cold_filter WHERE id = ?1", number, plane, PLANE_BYTES, &there);

	if (st == CC_OK && !there)
		st = read_part(keep, number, plane_put, plane);
	if (st == CC_OK)
		add_plane(era->filter, part, plane, PLANE_BYTES);
	return st;
}

static enum cc_status
load_age(struct joint_keep *keep, const struct era *era, uint8_t *plane)
{
	struct age *age = age_of(keep, era->number);
	bool there;
	enum cc_status st =
	    read_plane(keep, "SELECT data FROM cold_age WHERE id = ?1", era->number, plane, AGE_PLANE, &there);

	for (unsigned part = 0; st == CC_OK && !there && part < era->parts; part++)
		st = read_part(keep, era->number * ERA_PARTS + part, age_plane_put, plane);
	if (age == NULL)
		return CC_NOMEM;
	if (st == CC_OK)
		add_plane(age->filter, (unsigned)(era->number % AGE_ERAS), plane, AGE_PLANE);
	return st;
}

enum cc_status
index_load_era(struct joint_keep *keep, struct era *era)
{
	uint8_t *plane = malloc(PLANE_BYTES > AGE_PLANE ? PLANE_BYTES : AGE_PLANE);
	enum cc_status st = plane != NULL ? CC_OK : CC_NOMEM;

	for (unsigned part = 0; part < era->parts && part < ERA_PARTS && st == CC_OK; part++)
		st = load_part(keep, era, part, plane);
	if (st == CC_OK && era->parts > 0)
		st = load_age(keep, era, plane);
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

	if (st == CC_OK)
		st = state_do(keep->state, "DELETE FROM cold_filter WHERE id >= ?1 AND id < ?2", "ii", from, end);
	return st == CC_OK ? state_do(keep->state, "DELETE FROM cold_age WHERE id = ?1", "i", era->number) : st;
}

void
index_drop_ages(struct joint_keep *keep)
{
	size_t kept = 0;

	for (size_t i = 0; i < keep->ages; i++) {
		bool used = false;

		for (size_t e = 0; e < keep->eras && !used; e++)
			used = keep->era[e].number / AGE_ERAS == keep->age[i].number;
		if (used)
			keep->age[kept++] = keep->age[i];
		else
			free(keep->age[i].filter);
	}
	keep->ages = kept;
}

void
index_close(struct joint_keep *keep)
{
	for (size_t i = 0; i < keep->ages; i++)
		free(keep->age[i].filter);
	free(keep->age);
	free(keep->open.pair);
	free(keep->open.next);
	free(keep->open.head);
}
