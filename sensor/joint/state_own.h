/* SQLite for the files of joint/ that keep something.  One thread. */
#ifndef JOINT_STATE_OWN_H
#define JOINT_STATE_OWN_H

#include "base/sql.h"
#include "joint/joint.h"

struct joint_state {
	char *path;
	sqlite3 *db;
	bool write, within; /* within: a transaction is open */
	char error[300];
};

/* As sql_ask() and sql_do().  NULL: joint_state_error(). */
sqlite3_stmt *state_ask(struct joint_state *state, const char *sql, const char *format, ...);
enum cc_status state_do(struct joint_state *state, const char *sql, const char *format, ...);
enum cc_status state_run(struct joint_state *state, const char *sql);
enum cc_status state_fail(struct joint_state *state);
uint64_t state_u64(sqlite3_stmt *stmt, int column); /* all 64 bits: hashes, too */

#endif
