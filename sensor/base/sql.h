/*
 * SQLite's statements with their values: whatever a stranger wrote is bound, never put into the text.  Not part of
 * base.h: only who keeps a database wants SQLite's header.  Whoever calls has the handle and says what went wrong
 * (sqlite3_errmsg).  One thread a handle.
 *
 * format has a letter for each value, ?1 first: s const char * (NULL: null), i uint64_t, d double, b struct slice.
 */
#ifndef BASE_SQL_H
#define BASE_SQL_H

#include <sqlite3.h>
#include <stdarg.h>

#include "concert/slice.h"
#include "concert/status.h"

/* The caller finalizes it.  Texts and bytes are copied.  NULL: the statement is wrong, or no memory. */
sqlite3_stmt *sql_ask(sqlite3 *db, const char *sql, const char *format, va_list args);
/* To its end, rows passed over. */
enum cc_status sql_do(sqlite3 *db, const char *sql, const char *format, va_list args);

/* The values of a statement that is there already; texts and bytes are borrowed until it is reset. */
void sql_bind(sqlite3_stmt *stmt, const char *format, va_list args);

/* Numbers beyond 2^63 are kept as the largest that SQLite has; what is below 0 is read as 0. */
void sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t n);
uint64_t sql_u64(sqlite3_stmt *stmt, int column);
const char *sql_text(sqlite3_stmt *stmt, int column);  /* "": null; until the next step */
struct slice sql_blob(sqlite3_stmt *stmt, int column); /* empty: null; until the next step */

#endif
