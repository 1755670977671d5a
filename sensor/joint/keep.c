/*
 * The correlator's memory on disk, in one transaction with how far it has read: after a crash at any point all is as it
 * was after the last commit, and what came since is read again.
 *
 * Nodes are in a log (node_log.c), of which cold.c has the places of those that were not used for longest.  One
 * thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "joint/keep_own.h"

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS revoked (hash INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS heard (hash INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS cold (id INTEGER PRIMARY KEY, last INTEGER, nodes BLOB);"
    "CREATE TABLE IF NOT EXISTS lanes (key BLOB PRIMARY KEY, state BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS offsets (place TEXT PRIMARY KEY, next INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS cold_open (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS cold_index (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS cold_filter (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS cold_age (id INTEGER PRIMARY KEY, data BLOB);"
    "CREATE TABLE IF NOT EXISTS eras (number INTEGER PRIMARY KEY, first INTEGER, last INTEGER, parts INTEGER, log INTEGER);";

/* ---- what is in memory ---- */

static enum cc_status
save_revocations(struct joint_keep *keep)
{
	struct joint *joint = keep->joint;
	enum cc_status st = CC_OK;

	for (size_t i = 0; joint->revocations_unsaved && i < joint->revocation_count && st == CC_OK; i++) {
		struct revocation *r = &joint->revocation[i];

		if (!r->unsaved)
			continue;
		buf_clear(&keep->blob);
		revocation_encode(joint, r, &keep->blob);
		r->unsaved = false;
		st = state_do(keep->state, "INSERT OR REPLACE INTO revoked VALUES (?1, ?2)", "ib", r->hash,
		    buf_slice(&keep->blob));
	}
	joint->revocations_unsaved = false;
	return st;
}

/* Heartbeats, contacts, notices. */
static enum cc_status
save_heard(struct joint_keep *keep)
{
	enum cc_status st = CC_OK;
	uint64_t hash;

	while (st == CC_OK && heard_replaced(keep->joint, &hash))
		st = state_do(keep->state, "DELETE FROM heard WHERE hash = ?1", "i", hash);
	buf_clear(&keep->blob);
	while (st == CC_OK && said_next(keep->joint, &keep->blob, &hash)) {
		st = state_do(
		    keep->state, "INSERT OR REPLACE INTO heard VALUES (?1, ?2)", "ib", hash, buf_slice(&keep->blob));
		buf_clear(&keep->blob);
	}
	return st;
}

static enum cc_status
save_nodes(struct joint_keep *keep)
{
	enum cc_status st = cold_make_room(keep);

	if (st == CC_OK)
		st = node_log_trim(keep);
	if (st == CC_OK)
		st = save_revocations(keep);
	if (st == CC_OK)
		st = save_heard(keep);
	return st == CC_OK ? node_log_save(keep) : st;
}

/* Before the nodes: what was taken back is in none.  And what was heard. */
static enum cc_status
load_revocations(struct joint_keep *keep)
{
	sqlite3_stmt *stmt = state_ask(keep->state, "SELECT data FROM revoked UNION ALL SELECT data FROM heard", "");
	enum cc_status st = CC_OK;
	int step = SQLITE_ERROR;

	while (stmt != NULL && st == CC_OK && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct cur c = cur_slice(sql_blob(stmt, 0));
		uint32_t node;

		st = node_decode(keep->joint, &c, &node);
	}
	sqlite3_finalize(stmt);
	for (size_t i = 0; i < keep->joint->revocation_count; i++)
		keep->joint->revocation[i].unsaved = false;
	keep->joint->revocations_unsaved = false;
	for (size_t i = 0; i < keep->joint->watcher_count; i++)
		keep->joint->watcher[i].unsaved = false;
	for (size_t i = 0; i < keep->joint->heard_count; i++)
		keep->joint->heard[i].unsaved = false;
	if (st == CC_BAD)
		snprintf(keep->state->error, sizeof(keep->state->error), "%s: what was taken back is damaged",
		    keep->state->path);
	return st != CC_OK ? st : step == SQLITE_DONE ? CC_OK : state_fail(keep->state);
}

/* ---- opening ---- */

/*
 * A large cell, or all that came last, may have waited to be linked when the correlator before us died, and what waited
 * has given its case another name now: the one on disk leads there.
 */
static enum cc_status
note_renamed(struct joint_keep *keep)
{
	static const char sql[] = "SELECT 1 FROM cases WHERE day = ?1 AND id = ?2 AND merged IS NULL";
	struct joint *joint = keep->joint;
	bool good = true, waited = joint->largest > CELL_LARGE || joint_keep_count(keep, "waits") > 0;

	for (size_t i = 0; waited && i < joint->node_count && good; i++) {
		const struct node *node = &joint->node[i];
		const struct activity *now = node->activity != NONE ? &joint->activity[node->activity] : NULL;
		struct called was = {node->fold, node->first};
		sqlite3_stmt *stmt;
		char id[64];

		if (!node->used || (now != NULL && now->fold == node->fold))
			continue;
		case_id(node->fold, "case", id);
		if ((stmt = state_again(keep->state, sql, "is", joint_state_day(was.first), id)) == NULL)
			return CC_IO;
		if (sqlite3_step(stmt) == SQLITE_ROW)
			good = now != NULL ? note_change(joint, was, called(now), "merged")
					   : note_change(joint, was, NOBODY, "gone");
		sqlite3_reset(stmt);
	}
	return good ? CC_OK : CC_NOMEM;
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
	buf_open(&keep->blob, KEEP_ROOM);
	joint->keeps = true;
	/* A batch comes in before the next commit makes room. */
	joint->node_max = joint->conf->joint_nodes_max + 16384;
	if ((st = state_run(state, tables)) == CC_OK && (st = load_revocations(keep)) == CC_OK &&
	    (st = node_log_load(keep)) == CC_OK)
		st = cold_load(keep);
	/* Before anything new comes: what an older sight renames must have its name, or nobody says where it went. */
	if (st == CC_OK && ((st = joint_settle(joint)) != CC_OK || (st = note_renamed(keep)) != CC_OK))
		snprintf(state->error, sizeof(state->error), "%s: %s", state->path, cc_status_text(st));
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
	cold_close(keep);
	node_log_close(keep);
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
said_of(struct joint_state *state, uint64_t day, const char *id)
{
	static const char sql[] = "SELECT verdict, value FROM cases WHERE day = ?1 AND id = ?2 AND merged IS NULL";
	sqlite3_stmt *stmt = state_again(state, sql, "is", day, id);
	struct said said = {.there = false};

	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *verdict = (const char *)sqlite3_column_text(stmt, 0),
			   *value = (const char *)sqlite3_column_text(stmt, 1);

		said.there = true;
		snprintf(said.verdict, sizeof(said.verdict), "%s", verdict != NULL ? verdict : "");
		snprintf(said.value, sizeof(said.value), "%s", value != NULL ? value : "");
	}
	sqlite3_reset(stmt);
	return said;
}

static enum cc_status
put_case(struct joint_keep *keep, const struct joint_change *change, uint64_t now)
{
	struct joint_case one = {.id = change->id, .updated = now};
	uint64_t day = joint_state_day(change->first);
	struct said before = said_of(keep->state, day, change->id);
	char activity[64], value[2048], with[400];
	struct json json = json_into(&keep->blob);
	enum cc_status st;

	buf_clear(&keep->blob);
	case_json_row(keep->joint, change->activity, &json, &one, activity, value, sizeof(value));
	if (keep->blob.full || keep->joint->no_memory)
		return CC_NOMEM;
	one.document = buf_slice(&keep->blob);
	st = joint_state_put(keep->state, &one);
	if (st == CC_OK && before.there &&
	    (strcmp(before.verdict, one.verdict) != 0 ||
		strcmp(before.value, one.value != NULL ? one.value : "") != 0)) {
		snprintf(with, sizeof(with), "%s %s", one.verdict, one.value != NULL ? one.value : "");
		st = joint_state_note(keep->state, day, one.id, &(struct joint_trace){now, "answer changed", with});
	}
	return st;
}

static enum cc_status
note_event(struct joint_keep *keep, const struct joint_change *change, uint64_t now)
{
	struct joint_trace trace = {now, change->event, change->with[0] != '\0' ? change->with : NULL};
	bool ends = strcmp(change->event, "merged") == 0 || strcmp(change->event, "gone") == 0;
	uint64_t day = joint_state_day(change->first);
	enum cc_status st;

	bool begins = strcmp(change->event, "opened") == 0 || strcmp(change->event, "split") == 0;

	/* After a start all is opened anew in memory; on disk it is known. */
	if (begins == said_of(keep->state, day, change->id).there)
		return CC_OK;
	st = joint_state_note(keep->state, day, change->id, &trace);
	if (st != CC_OK || !ends)
		return st;
	if (trace.with == NULL)
		return joint_state_dropped(keep->state, day, change->id, now);
	if ((st = joint_state_merged(keep->state, day, change->id, change->with, now)) == CC_OK)
		st = joint_state_note(keep->state, joint_state_day(change->with_first), change->with,
		    &(struct joint_trace){now, "merged", change->id});
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
		st = state_do(keep->state,
		    "INSERT OR REPLACE INTO counts VALUES ('cold', ?1), ('went', ?2), ('hot', ?3), ('waits', ?4)", "iiii",
		    keep->cold_next, keep->went, keep->hot_first, (uint64_t)keep->waits);
	return st;
}

static void
pass(const struct joint_progress *p, const char *point)
{
	if (p->fault != NULL)
		p->fault(p->ctx, point);
}

/* Only what is linked may leave memory; and what was taken back is in no case for longer than it takes to say so. */
static bool
can_wait(const struct joint *joint)
{
	return joint_held(joint) <= joint->conf->joint_nodes_max && joint->gaps.count == 0 &&
	       joint->taken_back.count == 0;
}

static enum cc_status
link_and_tell(struct joint_keep *keep, const struct joint_progress *p)
{
	enum cc_status st = p->all ? joint_settle(keep->joint) : joint_settle_some(keep->joint);

	if (st != CC_OK)
		return st;
	pass(p, "linked");
	if ((st = write_cases(keep, p->now)) == CC_OK)
		pass(p, "cases");
	return st;
}

static enum cc_status
commit_all(struct joint_keep *keep, const struct joint_progress *p)
{
	struct saving saving = {keep, CC_OK};
	enum cc_status st;

	keep->now = p->now;
	pass(p, "begun");
	if ((st = cold_recall(keep)) != CC_OK)
		return st;
	pass(p, "recalled");
	keep->waits = p->later && can_wait(keep->joint);
	if (!keep->waits && (st = link_and_tell(keep, p)) != CC_OK)
		return st;
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

bool
joint_keep_waits(const struct joint_keep *keep)
{
	return keep->waits;
}

uint64_t
joint_keep_cold(const struct joint_keep *keep)
{
	return keep->went;
}
