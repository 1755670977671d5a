/*
 * Activities that were not used for longest, on disk alone: a row each, of where in the log (node_log.c) its nodes are,
 * found again by their strong values (cold_index.c).  What a new node shares with a row comes back whole.  An era is
 * what eight parts of the index are of, at most a million rows, or an eighth of joint.keep if that is over sooner, and
 * ends with its index, all at once.  All within the transaction of keep.c.  One thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "joint/keep_own.h"

#define AHEAD 8                   /* of what is looked for, the filters' lines are fetched so far before */
#define APART_MAX 64              /* nodes of an activity that stay where they are in the log */
#define SWEEP 16384               /* rows of an era that is over, by commit */
#define ERAS_MAX 4096

static struct era *
era_new(struct joint_keep *keep, uint64_t number)
{
	struct era *more = realloc(keep->era, (keep->eras + 1) * sizeof(*more));

	if (more == NULL)
		return NULL;
	keep->era = more;
	more[keep->eras] = (struct era){
	    .number = number, .first = keep->newest, .log = keep->hot_first, .changed = true};
	return index_open_era(&more[keep->eras]) ? &more[keep->eras++] : NULL;
}

/* ---- to disk ---- */

/* By its hash turned by this state's secret: nobody makes names that all fall into one bucket. */
static bool
add_entry(struct joint_keep *keep, uint64_t hash)
{
	if (!GROW(keep->entry, keep->entries, keep->entry_room))
		return false;
	keep->entry[keep->entries++] = (struct entry){hash * keep->turn, keep->cold_next};
	return true;
}

static bool
is_strong(uint8_t type)
{
	return feature_about[type].cap >= JOINT_STRONG;
}

/*
 * The era of the next row, whose newest sight is of that time: the one at hand, if it has not lasted.  What is open of
 * the index is closed between two rows.
 */
static enum cc_status
era_for(struct joint_keep *keep, uint64_t last)
{
	struct era *era = keep->eras > 0 ? &keep->era[keep->eras - 1] : NULL;
	uint64_t number = keep->cold_next >> ERA_BITS;
	enum cc_status st = CC_OK;
	bool over;

	/* Who says of a sight that it is to come does not make others' old. */
	last = last < keep->now ? last : keep->now;
	keep->newest = last > keep->newest ? last : keep->newest;
	if (era != NULL && index_is_full(keep))
		st = index_close_part(keep, era);
	over = era != NULL && (era->parts == ERA_PARTS || era->number != number ||
				  (keep->newest - era->first > keep->conf->joint_keep / 8 && keep->eras < ERAS_MAX));
	if (st == CC_OK && over)
		st = index_close_part(keep, era);
	if (st == CC_OK && over && era->number == number)
		keep->cold_next = (number + 1) << ERA_BITS;
	if (st == CC_OK && (era == NULL || over) && (era = era_new(keep, keep->cold_next >> ERA_BITS)) == NULL)
		st = CC_NOMEM;
	if (st == CC_OK && last > era->last) {
		era->last = last;
		era->changed = true;
	}
	return st;
}

static int
by_hash(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* By what it is found: each once, though many of its nodes have it. */
static bool
add_entries(struct joint_keep *keep, const uint32_t *node, size_t count)
{
	const struct joint *joint = keep->joint;
	bool good = true;

	keep->entries = 0;
	for (size_t i = 0; i < count && good; i++) {
		const struct node *n = &joint->node[node[i]];

		good = add_entry(keep, n->fold);
		for (uint32_t f = n->features; f < n->features + n->feature_count && good; f++) {
			if (is_strong(joint->feature[f].type))
				good = add_entry(keep, joint->value[joint->feature[f].value].hash);
		}
	}
	if (count > 1)
		qsort(keep->entry, keep->entries, sizeof(*keep->entry), by_hash);
	for (size_t i = 0; i < keep->entries && good; i++) {
		if (i == 0 || keep->entry[i].hash != keep->entry[i - 1].hash)
			good = index_add(keep, keep->entry[i].hash, keep->cold_next);
	}
	return good;
}

/* Where in the log its nodes are.  Many are written again, together, so that they come back by few rows. */
static enum cc_status
list_places(struct joint_keep *keep, const uint32_t *node, size_t count)
{
	enum cc_status st = CC_OK;

	buf_clear(&keep->blob);
	for (size_t i = 0; i < count && st == CC_OK; i++) {
		struct node *n = &keep->joint->node[node[i]];

		if (n->unsaved || count > APART_MAX)
			st = node_log_put(keep, n);
		buf_add_u32(&keep->blob, n->saved);
		buf_add_u64(&keep->blob, n->fold);
	}
	return keep->blob.full ? CC_NOMEM : st;
}

/* One activity as a row; a node without anything strong is found by what it is. */
static enum cc_status
to_cold(void *ctx, struct joint *joint, const uint32_t *node, size_t count)
{
	static const char sql[] = "INSERT INTO cold (id, last, nodes) VALUES (?1, ?2, ?3)";
	struct joint_keep *keep = ctx;
	uint64_t last = 0;
	enum cc_status st;

	for (size_t i = 0; i < count; i++)
		last = joint->node[node[i]].last > last ? joint->node[node[i]].last : last;
	if ((st = era_for(keep, last)) != CC_OK)
		return st;
	if (!add_entries(keep, node, count))
		return CC_NOMEM;
	if ((st = list_places(keep, node, count)) != CC_OK ||
	    (st = state_redo(keep->state, sql, "iib", keep->cold_next, last, buf_slice(&keep->blob))) != CC_OK)
		return st;
	keep->cold_next++;
	keep->went++;
	keep->evicted += count;
	return CC_OK;
}

/* ---- what is over ---- */

/* An era and its rows go, in steps; true: nothing is left of it. */
static bool
sweep(struct joint_keep *keep, struct era *era, enum cc_status *ret_st)
{
	uint64_t from = (era->number << ERA_BITS) + era->swept, end = (era->number + 1) << ERA_BITS;

	*ret_st = state_do(keep->state, "DELETE FROM cold WHERE id >= ?1 AND id < ?2", "ii", from,
	    from + SWEEP < end ? from + SWEEP : end);
	era->swept += SWEEP;
	if (*ret_st != CC_OK || from + SWEEP < end)
		return false;
	*ret_st = index_drop_era(keep, era);
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
			index_drop_ages(keep);
		}
		break; /* one at a time */
	}
	return st;
}

static enum cc_status
save_eras(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < keep->eras && st == CC_OK; i++) {
		struct era *era = &keep->era[i];

		if (era->changed)
			st = state_do(keep->state, "INSERT OR REPLACE INTO eras VALUES (?1, ?2, ?3, ?4, ?5)", "iiiii",
			    era->number, era->first, era->last, (uint64_t)era->parts, era->log);
		era->changed = false;
	}
	return st;
}

enum cc_status
cold_make_room(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = CC_OK;

	if (joint_held(joint) > joint->conf->joint_nodes_max) {
		st = joint_evict(joint, joint->conf->joint_nodes_max / 8 * 7, to_cold, keep);
		if (st == CC_OK)
			st = index_save(keep);
		if (st == CC_OK)
			st = save_eras(keep);
	}
	if (st == CC_OK)
		st = expire(keep);
	return st == CC_OK ? node_log_expire(keep) : st;
}

/* ---- back from disk ---- */

/* places: a row of cold.  What is damaged is left out. */
static enum cc_status
recall_nodes(struct joint_keep *keep, struct slice places)
{
	struct cur c = cur_slice(places);
	enum cc_status st = CC_OK;

	while (cur_left(&c) > 0 && st == CC_OK) {
		uint32_t row = cur_u32(&c);
		uint64_t fold = cur_u64(&c);

		st = c.bad ? CC_BAD : node_log_recall(keep, row, fold);
		if (st == CC_BAD) {
			log_error("%s: a sighting on disk is damaged and is left out", keep->state->path);
			st = CC_OK;
		}
	}
	return st;
}

static enum cc_status
recall_row(struct joint_keep *keep, uint64_t id, bool *ret_there)
{
	static const char get[] = "SELECT nodes FROM cold WHERE id = ?1", drop[] = "DELETE FROM cold WHERE id = ?1";
	sqlite3_stmt *stmt = state_again(keep->state, get, "i", id);
	enum cc_status st = CC_OK;

	if (stmt == NULL)
		return CC_IO;
	*ret_there = sqlite3_step(stmt) == SQLITE_ROW;
	if (*ret_there)
		st = recall_nodes(keep, sql_blob(stmt, 0));
	sqlite3_reset(stmt);
	keep->recalled += *ret_there;
	return st == CC_OK && *ret_there ? state_redo(keep->state, drop, "i", id) : st;
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

		nodes_fetch(joint, joint->fresh.at, i, joint->fresh.count);
		if (!n->used)
			continue;
		good = add_entry(keep, n->fold);
		for (uint32_t f = n->features; f < n->features + n->feature_count && good; f++) {
			const struct feature *feature = &joint->feature[f];

			if (is_strong(feature->type) && joint->value[feature->value].count <= 1)
				good = add_entry(keep, joint->value[feature->value].hash);
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
		if (i + AHEAD < keep->entries)
			index_prefetch(keep, keep->entry[i + AHEAD].hash);
		st = index_find(keep, keep->entry[i].hash, recall_row);
	}
	keep->entries = 0;
	return st;
}

/* ---- opening ---- */

static enum cc_status
load_era(struct joint_keep *keep, const struct era *is)
{
	struct era *era = era_new(keep, is->number);

	if (era == NULL)
		return CC_NOMEM;
	/* More would be parts of the next era. */
	if (is->parts > ERA_PARTS) {
		snprintf(keep->state->error, sizeof(keep->state->error), "%s: an era in it is damaged",
		    keep->state->path);
		return CC_BAD;
	}
	era->first = is->first;
	era->last = is->last;
	era->parts = is->parts;
	era->log = is->log;
	keep->newest = is->last > keep->newest ? is->last : keep->newest;
	return index_load_era(keep, era);
}

/* Made with the state; one that had none before something went to disk goes on without. */
static enum cc_status
load_turn(struct joint_keep *keep)
{
	enum cc_status st = state_do(keep->state,
	    "INSERT OR IGNORE INTO meta SELECT 'turn', ?1 WHERE NOT EXISTS (SELECT 1 FROM eras)", "i", hash_seed() | 1);
	sqlite3_stmt *stmt =
	    st == CC_OK ? state_ask(keep->state, "SELECT value FROM meta WHERE name = 'turn'", "") : NULL;
	int step;

	if (stmt == NULL)
		return st == CC_OK ? CC_IO : st;
	step = sqlite3_step(stmt);
	keep->turn = step == SQLITE_ROW ? state_u64(stmt, 0) : 1;
	st = step == SQLITE_ROW || step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
	sqlite3_finalize(stmt);
	return st;
}

enum cc_status
cold_load(struct joint_keep *keep)
{
	static const char sql[] = "SELECT number, first, last, parts, log FROM eras ORDER BY number";
	sqlite3_stmt *stmt = state_ask(keep->state, sql, "");
	struct era era[ERAS_MAX];
	size_t count = 0;
	int step = SQLITE_ERROR;
	enum cc_status st = CC_OK;

	while (stmt != NULL && count < ERAS_MAX && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		era[count++] = (struct era){.number = state_u64(stmt, 0), .first = state_u64(stmt, 1),
		    .last = state_u64(stmt, 2), .parts = (unsigned)state_u64(stmt, 3), .log = state_u64(stmt, 4)};
	}
	sqlite3_finalize(stmt);
	/* Nothing of what is on disk is forgotten because it could not be read for once. */
	if (step != SQLITE_DONE)
		st = state_fail(keep->state);
	if (st == CC_OK)
		st = load_turn(keep);
	for (size_t i = 0; i < count && st == CC_OK; i++)
		st = load_era(keep, &era[i]);
	if (st == CC_OK)
		st = index_load_open(keep);
	keep->cold_next = joint_keep_count(keep, "cold");
	keep->went = joint_keep_count(keep, "went");
	return st;
}

void
cold_close(struct joint_keep *keep)
{
	for (size_t i = 0; i < keep->eras; i++)
		free(keep->era[i].filter);
	index_close(keep);
	free(keep->era);
	free(keep->entry);
}
