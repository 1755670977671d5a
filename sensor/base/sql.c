/*
 * Values into statements of SQLite and out of them; see sql.h.
 */
#include "base/sql.h"

static void
bind(sqlite3_stmt *stmt, const char *format, va_list args, sqlite3_destructor_type keep)
{
	for (int at = 1; *format != '\0'; format++, at++) {
		struct slice bytes;

		switch (*format) {
		case 's':
			sqlite3_bind_text(stmt, at, va_arg(args, const char *), -1, keep);
			break;
		case 'i':
			/* Hashes are kept so, too: all 64 bits come back by a cast. */
			sqlite3_bind_int64(stmt, at, (sqlite3_int64)va_arg(args, uint64_t));
			break;
		case 'd':
			sqlite3_bind_double(stmt, at, va_arg(args, double));
			break;
		default:
			bytes = va_arg(args, struct slice);
			sqlite3_bind_blob64(stmt, at, bytes.p != NULL ? (const void *)bytes.p : "", bytes.size, keep);
			break;
		}
	}
}

void
sql_bind(sqlite3_stmt *stmt, const char *format, va_list args)
{
	bind(stmt, format, args, SQLITE_STATIC);
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql, const char *format, va_list args, sqlite3_destructor_type keep)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	bind(stmt, format, args, keep);
	return stmt;
}

sqlite3_stmt *
sql_ask(sqlite3 *db, const char *sql, const char *format, va_list args)
{
	return prepare(db, sql, format, args, SQLITE_TRANSIENT);
}

enum cc_status
sql_do(sqlite3 *db, const char *sql, const char *format, va_list args)
{
	/* It ends before we return, so nothing has to be copied. */
	sqlite3_stmt *stmt = prepare(db, sql, format, args, SQLITE_STATIC);
	int code = SQLITE_ERROR;

	while (stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		;
	/* Keeps what sqlite3_errmsg() says. */
	sqlite3_finalize(stmt);
	return code == SQLITE_DONE ? CC_OK : CC_IO;
}

void
sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t n)
{
	sqlite3_bind_int64(stmt, at, n < INT64_MAX ? (sqlite3_int64)n : INT64_MAX);
}

uint64_t
sql_u64(sqlite3_stmt *stmt, int column)
{
	sqlite3_int64 n = sqlite3_column_int64(stmt, column);

	return n > 0 ? (uint64_t)n : 0;
}

const char *
sql_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text != NULL ? text : "";
}

struct slice
sql_blob(sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);

	return slice_of(p, p != NULL ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}
