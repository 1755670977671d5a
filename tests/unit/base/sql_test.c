/* Values into a database and back, as they were. */
#include "base/sql.h"

#include <string.h>

#include "unit/test.h"

static sqlite3_stmt *
ask(sqlite3 *db, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list args;

	va_start(args, format);
	stmt = sql_ask(db, sql, format, args);
	va_end(args);
	return stmt;
}

static enum cc_status
run(sqlite3 *db, const char *sql, const char *format, ...)
{
	enum cc_status st;
	va_list args;

	va_start(args, format);
	st = sql_do(db, sql, format, args);
	va_end(args);
	return st;
}

TEST(values_come_back)
{
	static const uint8_t bytes[] = {0, 1, 0xff};
	char text[] = "x'); DROP TABLE t; --";
	sqlite3_stmt *stmt;
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
	CHECK(run(db, "CREATE TABLE t (a TEXT, b INTEGER, c REAL, d BLOB, e TEXT, f BLOB, g INTEGER)", "") == CC_OK);
	CHECK(run(db, "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", "sidbsbi", text, (uint64_t)7, 0.5,
		  slice_of(bytes, 3), NULL, slice_of(NULL, 0), UINT64_MAX) == CC_OK);
	/* What was bound is copied: the caller's text may change before the first step. */
	stmt = ask(db, "SELECT * FROM t WHERE a = ?1 AND d = ?2", "sb", text, slice_of(bytes, 3));
	text[0] = 'y';
	CHECK(stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW);
	CHECK(strcmp(sql_text(stmt, 0), "x'); DROP TABLE t; --") == 0);
	CHECK(sql_u64(stmt, 1) == 7);
	CHECK(sqlite3_column_double(stmt, 2) > 0.49 && sqlite3_column_double(stmt, 2) < 0.51);
	CHECK(sql_blob(stmt, 3).size == 3 && memcmp(sql_blob(stmt, 3).p, bytes, 3) == 0);
	CHECK(sqlite3_column_type(stmt, 4) == SQLITE_NULL && sql_text(stmt, 4)[0] == '\0');
	CHECK(sqlite3_column_type(stmt, 5) == SQLITE_BLOB && sql_blob(stmt, 5).size == 0);
	CHECK((uint64_t)sqlite3_column_int64(stmt, 6) == UINT64_MAX && sql_u64(stmt, 6) == 0);
	sqlite3_finalize(stmt);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

TEST(what_is_wrong_is_said)
{
	sqlite3_stmt *stmt;
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
	CHECK(ask(db, "SELECT * FROM nothing", "") == NULL);
	CHECK(run(db, "INSERT INTO nothing VALUES (1)", "") == CC_IO);
	CHECK(strstr(sqlite3_errmsg(db), "nothing") != NULL);
	CHECK(run(db, "CREATE TABLE t (a INTEGER UNIQUE)", "") == CC_OK);
	CHECK(run(db, "INSERT INTO t VALUES (?1)", "i", (uint64_t)1) == CC_OK);
	CHECK(run(db, "INSERT INTO t VALUES (?1)", "i", (uint64_t)1) == CC_IO);
	CHECK(strstr(sqlite3_errmsg(db), "UNIQUE") != NULL);
	CHECK(run(db, "SELECT a FROM t", "") == CC_OK); /* rows are passed over */
	stmt = ask(db, "INSERT INTO t VALUES (?1)", "");
	CHECK(stmt != NULL);
	sql_bind_u64(stmt, 1, UINT64_MAX);
	CHECK(sqlite3_step(stmt) == SQLITE_DONE);
	sqlite3_finalize(stmt);
	stmt = ask(db, "SELECT max(a) FROM t", "");
	CHECK(stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW && sql_u64(stmt, 0) == INT64_MAX);
	sqlite3_finalize(stmt);
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

TESTS(T(values_come_back), T(what_is_wrong_is_said))
