/* SQLite for the files of joint/ that keep something.  One thread. */
#ifndef JOINT_STATE_OWN_H
#define JOINT_STATE_OWN_H

#include "base/sql.h"
#include "joint/joint.h"

#define STATE_READY 16

struct joint_state {
	char *path;
	sqlite3 *db;
	bool write, within; /* within: a transaction is open */
	char error[300];
	struct state_ready {
		const char *sql; /* static */
		sqlite3_stmt *stmt;
	} ready[STATE_READY]; /* what is done for each case: read once */
};

/* As sql_ask() and sql_do().  NULL: joint_state_error(). */
sqlite3_stmt *state_ask(struct joint_state *state, const char *sql, const char *format, ...);
enum cc_status state_do(struct joint_state *state, const char *sql, const char *format, ...);
/* The same of a text that is static, and is compiled once; the caller resets what state_again() gives.  Values are
 * borrowed until then. */
sqlite3_stmt *state_again(struct joint_state *state, const char *sql, const char *format, ...);
enum cc_status state_redo(struct joint_state *state, const char *sql, const char *format, ...);
enum cc_status state_run(struct joint_state *state, const char *sql);
enum cc_status state_fail(struct joint_state *state);
uint64_t state_u64(sqlite3_stmt *stmt, int column); /* all 64 bits: hashes, too */

#endif
