/* Time in nanoseconds since 1970 (uint64_t, enough until 2554), and its texts.  Any thread. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

#include "concert/status.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

uint64_t time_now(void);       /* CLOCK_REALTIME */
uint64_t time_monotonic(void); /* CLOCK_MONOTONIC */

/* "2026-01-31T23:59:59.123456+0000", as EVE writes it. */
char *time_eve_text(uint64_t ns, char ret_text[40]);
/* "2026-01-31T23:59:59.123456Z" (RFC 3339), as STIX and CloudEvents write it. */
char *time_rfc3339_text(uint64_t ns, char ret_text[40]);
enum cc_status time_rfc3339_parse(const char *text, uint64_t *ret_ns);

#endif
