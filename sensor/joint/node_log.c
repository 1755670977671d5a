/*
 * Nodes on disk: a log of all that changed in memory, in rows of about a page, and of the names of those that left it.
 *
 * What is written stays where it is: of who leaves memory for disk, cold.c keeps the place in the log.  The last part
 * of it, from hot_first on, has all that is in memory, and is what a start reads.  When more than half of that part is
 * old its first row leaves it, after what of it is in memory was written again, at the end; since what is in memory
 * longest leaves memory first, that is little.  A row that is out of it has what may be on disk, and little else, and
 * goes with the last era that began while it was in.  All within the transaction of keep.c.  One thread.
 */
#include <stdio.h>

#include "joint/keep_own.h"

#define HOT_SPARE (1u << 20)      /* bytes of old nodes that are not worth writing anew */
#define LOG_ROW 16300             /* bytes: what a page holds beside SQLite's own; only a node by itself is larger */
#define GONE_SIZE 9
#define SWEEP 1024                /* rows that nobody has any more, by commit */

/* ---- writing ---- */

static enum cc_status
put_row(struct joint_keep *keep, size_t size)
{
	static const char sql[] = "INSERT INTO log (id, data) VALUES (?1, ?2)";
	struct buf *row = &keep->row;
	enum cc_status st;

	if (row->full)
		return CC_NOMEM;
	if (size == 0)
		return CC_OK;
	st = state_redo(keep->state, sql, "ib", keep->log_next++, slice_of(row->p, size));
	keep->hot_bytes += size;
	memmove(row->p, row->p + size, row->size - size);
	row->size -= size;
	return st;
}

static enum cc_status
flush(struct joint_keep *keep)
{
	return put_row(keep, keep->row.size);
}

static void
note_saved(struct joint *joint, struct node *node, uint64_t row, size_t size)
{
	size_t units = (size + 15) / 16;

	joint->saved_size -= node->saved_size;
	node->saved_size = (uint16_t)(units < UINT16_MAX ? units : UINT16_MAX);
	joint->saved_size += node->saved_size;
	node->saved = (uint32_t)row;
	node->unsaved = false;
}

enum cc_status
node_log_put(struct joint_keep *keep, struct node *node)
{
	struct buf *row = &keep->row;
	size_t at = row->size, size;
	enum cc_status st = CC_OK;

	buf_add(row, (const uint8_t[5]){TAG_NODE}, 5);
	node_encode(keep->joint, node, row);
	if (row->full)
		return CC_NOMEM;
	size = row->size - at;
	for (unsigned i = 0; i < 4; i++)
		row->p[at + 1 + i] = (uint8_t)((size - 5) >> 8 * (3 - i));
	if (row->size > LOG_ROW)
		st = put_row(keep, at);
	note_saved(keep->joint, node, keep->log_next, size);
	return st;
}

/* Who left memory since. */
static enum cc_status
put_gone(struct joint_keep *keep)
{
	struct slice gone = buf_slice(&keep->joint->gone);
	enum cc_status st = CC_OK;

	for (size_t at = 0; at < gone.size && st == CC_OK; at += GONE_SIZE) {
		if (keep->row.size + GONE_SIZE > LOG_ROW)
			st = put_row(keep, keep->row.size);
		buf_add(&keep->row, gone.p + at, GONE_SIZE);
	}
	buf_clear(&keep->joint->gone);
	return st;
}

enum cc_status
node_log_save(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = put_gone(keep);

	for (size_t i = 0; i < joint->unsaved.count && st == CC_OK; i++) {
		struct node *node = &joint->node[joint->unsaved.at[i]];

		nodes_fetch(joint, joint->unsaved.at, i, joint->unsaved.count);
		if (node->used && node->unsaved)
			st = node_log_put(keep, node);
	}
	joint->unsaved.count = 0;
	return st == CC_OK ? flush(keep) : st;
}

/* ---- reading ---- */

static sqlite3_stmt *
ask_row(struct joint_keep *keep, uint64_t row)
{
	return state_again(keep->state, "SELECT data FROM log WHERE id = ?1", "i", row);
}

/* The next of a row: its tag, its name, and of a node what node_decode() reads. */
struct logged {
	uint64_t fold;
	struct slice whole, node;
	uint8_t tag;
};

static bool
next_logged(struct cur *c, struct logged *ret)
{
	const uint8_t *from = c->p;
	struct cur in;

	ret->tag = cur_u8(c);
	if (ret->tag == TAG_GONE) {
		ret->fold = cur_u64(c);
	} else {
		ret->node = cur_take(c, cur_u32(c));
		in = cur_slice(ret->node);
		(void)cur_u8(&in);
		ret->fold = cur_u64(&in);
	}
	ret->whole = slice_of(from, (size_t)(c->p - from));
	return !c->bad && (ret->tag == TAG_GONE || (ret->tag == TAG_NODE && !in.bad));
}

enum cc_status
node_log_recall(struct joint_keep *keep, uint64_t row, uint64_t fold)
{
	sqlite3_stmt *stmt = ask_row(keep, row);
	enum cc_status st = CC_BAD;
	struct logged one = {.tag = 0};
	struct cur c;
	uint32_t node;

	if (stmt == NULL)
		return CC_IO;
	c = cur_slice(sqlite3_step(stmt) == SQLITE_ROW ? sql_blob(stmt, 0) : slice_of(NULL, 0));
	while (cur_left(&c) > 0 && next_logged(&c, &one)) {
		if (one.tag == TAG_NODE && one.fold == fold) {
			c = cur_slice(one.node);
			st = node_decode(keep->joint, &c, &node);
			break;
		}
	}
	sqlite3_reset(stmt);
	return st;
}

/* ---- what is old ---- */

static bool
is_unsaved(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (!node->unsaved && !vector_add(&joint->unsaved, index))
		return false;
	node->unsaved = true;
	return true;
}

/* What is in memory, and nowhere but in this row, is to be written again; what is not may be on disk, and stays. */
static bool
sift(struct joint_keep *keep, struct slice data, uint64_t row)
{
	struct joint *joint = keep->joint;
	struct cur c = cur_slice(data);
	struct logged one;
	bool good = true;

	buf_clear(&keep->blob);
	while (cur_left(&c) > 0 && good && next_logged(&c, &one)) {
		uint32_t node = one.tag == TAG_NODE ? node_find(joint, one.fold) : NONE;

		if (node != NONE && joint->node[node].saved == (uint32_t)row)
			good = is_unsaved(joint, node);
		else if (one.tag == TAG_NODE && node == NONE)
			buf_add_slice(&keep->blob, one.whole);
	}
	return good && !keep->blob.full;
}

/* Rows before this one are of no era. */
static uint64_t
oldest_wanted(const struct joint_keep *keep)
{
	return keep->eras > 0 ? keep->era[0].log : keep->hot_first;
}

static enum cc_status
leave_row(struct joint_keep *keep)
{
	uint64_t row = keep->hot_first++;
	sqlite3_stmt *stmt = ask_row(keep, row);
	size_t size = 0;
	bool good = true;

	if (stmt == NULL)
		return CC_IO;
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		size = sql_blob(stmt, 0).size;
		good = sift(keep, sql_blob(stmt, 0), row);
	}
	sqlite3_reset(stmt);
	keep->hot_bytes -= size < keep->hot_bytes ? size : keep->hot_bytes;
	if (!good)
		return CC_NOMEM;
	if (keep->blob.size == 0 || row < oldest_wanted(keep))
		return state_do(keep->state, "DELETE FROM log WHERE id = ?1", "i", row);
	if (keep->blob.size >= size / 2)
		return CC_OK;
	return state_do(keep->state, "UPDATE log SET data = ?2 WHERE id = ?1", "ib", row, buf_slice(&keep->blob));
}

enum cc_status
node_log_trim(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;

	while (st == CC_OK && keep->hot_first < keep->log_next &&
	       keep->hot_bytes > 2 * 16 * keep->joint->saved_size + HOT_SPARE)
		st = leave_row(keep);
	return st;
}

enum cc_status
node_log_expire(struct joint_keep *keep)
{
	uint64_t from = keep->log_first, end = oldest_wanted(keep);

	if (from >= end)
		return CC_OK;
	keep->log_first = end - from < SWEEP ? end : from + SWEEP;
	return state_do(keep->state, "DELETE FROM log WHERE id >= ?1 AND id < ?2", "ii", from, keep->log_first);
}

/* ---- opening ---- */

static enum cc_status
load_row(struct joint_keep *keep, struct slice data, uint64_t row)
{
	struct joint *joint = keep->joint;
	struct cur c = cur_slice(data);
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(&c) > 0) {
		struct logged one;
		struct cur in;
		uint32_t node;

		if (!next_logged(&c, &one))
			return CC_BAD;
		if (one.tag == TAG_GONE) {
			if ((node = node_find(joint, one.fold)) != NONE)
				joint_remove(joint, node, NULL);
			continue;
		}
		in = cur_slice(one.node);
		if ((st = node_decode(joint, &in, &node)) == CC_OK && node != NONE)
			note_saved(joint, &joint->node[node], row, one.whole.size);
	}
	return st;
}

static enum cc_status
find_first(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT min(id) FROM log WHERE id < ?1", "i", keep->hot_first);
	int step = stmt != NULL ? sqlite3_step(stmt) : SQLITE_ERROR;

	if (step == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
		keep->log_first = state_u64(stmt, 0);
	sqlite3_finalize(stmt);
	return step == SQLITE_ROW ? CC_OK : state_fail(keep->state);
}

enum cc_status
node_log_load(struct joint_keep *keep)
{
	sqlite3_stmt *stmt;
	enum cc_status st = CC_OK;
	int step = SQLITE_ERROR;

	buf_open(&keep->row, KEEP_ROOM);
	keep->hot_first = joint_keep_count(keep, "hot");
	keep->hot_first = keep->log_first = keep->log_next = keep->hot_first > 0 ? keep->hot_first : 1;
	stmt = state_ask(keep->state, "SELECT data, id FROM log WHERE id >= ?1 ORDER BY id", "i", keep->hot_first);
	while (stmt != NULL && st == CC_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		uint64_t row = state_u64(stmt, 1);

		keep->log_next = row + 1;
		keep->hot_bytes += sql_blob(stmt, 0).size;
		st = load_row(keep, sql_blob(stmt, 0), row);
	}
	sqlite3_finalize(stmt);
	if (st == CC_OK && step == SQLITE_DONE)
		st = find_first(keep);
	for (size_t i = 0; i < keep->joint->unsaved.count; i++)
		keep->joint->node[keep->joint->unsaved.at[i]].unsaved = false;
	keep->joint->unsaved.count = keep->joint->fresh.count = 0;
	buf_clear(&keep->joint->gone);
	if (st == CC_BAD)
		snprintf(keep->state->error, sizeof(keep->state->error), "%s: sightings in it are damaged",
		    keep->state->path);
	return st != CC_OK ? st : step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

void
node_log_close(struct joint_keep *keep)
{
	buf_close(&keep->row);
}
