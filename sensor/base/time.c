/*
 * Clocks, and times as text.  Dates are reckoned by arithmetic on days in the proleptic Gregorian calendar: no time
 * zone files, no locks, quick enough for every record.  No state, any thread.
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

#define DAY_S 86400u
/* From 1 March of the year 0, where leap days fall on the end of a year, to 1 January 1970. */
#define DAYS_TO_1970 719468u
#define DAYS_IN_400_YEARS 146097u

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t
time_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t
time_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline char *
write_two(char *to, unsigned n)
{
	static const char pairs[201] =
	    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	    "8081828384858687888990919293949596979899";

	memcpy(to, pairs + 2 * (size_t)n, 2);
	return to + 2;
}

/* Year, month and day of a day counted from 1970.  Years begin in March here, until the last step. */
static inline void
date_of(uint32_t day, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint32_t days = day + DAYS_TO_1970;
	uint32_t era = days / DAYS_IN_400_YEARS, in_era = days % DAYS_IN_400_YEARS;
	/* Takes out the leap days: one each 1,461 days, but for the centuries', but for the last. */
	uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * in_year + 2) / 153; /* 153 days in each five months from March */

	*ret_day = in_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + 400 * era + (*ret_month <= 2);
}

static inline uint32_t
day_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), era = y / 400, in_era = y % 400;
	unsigned in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * DAYS_IN_400_YEARS + in_era * 365 + in_era / 4 - in_era / 100 + in_year - DAYS_TO_1970;
}

/* "2026-01-31T23:59:59.123456"; the end of it. */
static char *
write_time(uint64_t ns, char *to)
{
	uint64_t seconds = ns / NS_PER_S;
	uint32_t us = (uint32_t)(ns % NS_PER_S) / 1000, in_day = (uint32_t)(seconds % DAY_S);
	unsigned year, month, day;

	date_of((uint32_t)(seconds / DAY_S), &year, &month, &day);
	to = write_two(to, year / 100);
	to = write_two(to, year % 100);
	*to++ = '-';
	to = write_two(to, month);
	*to++ = '-';
	to = write_two(to, day);
	*to++ = 'T';
	to = write_two(to, in_day / 3600);
	*to++ = ':';
	to = write_two(to, in_day / 60 % 60);
	*to++ = ':';
	to = write_two(to, in_day % 60);
	*to++ = '.';
	to = write_two(to, us / 10000);
	to = write_two(to, us / 100 % 100);
	return write_two(to, us % 100);
}

char *
time_eve_text(uint64_t ns, char ret_text[40])
{
	memcpy(write_time(ns, ret_text), "+0000", 6);
	return ret_text;
}

char *
time_rfc3339_text(uint64_t ns, char ret_text[40])
{
	memcpy(write_time(ns, ret_text), "Z", 2);
	return ret_text;
}

/* Exactly count digits; moves *text on success only. */
static bool
read_digits(const char **text, int count, unsigned *ret_n)
{
	unsigned n = 0;

	for (int i = 0; i < count; i++) {
		char c = (*text)[i];

		if (c < '0' || c > '9')
			return false;
		n = n * 10 + (unsigned)(c - '0');
	}
	*text += count;
	*ret_n = n;
	return true;
}

static bool
read_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool
is_date(unsigned year, unsigned month, unsigned day)
{
	static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (year < 1970 || month < 1 || month > 12)
		return false;
	return day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* "2026-01-31T23:59:59" as seconds since 1970.  A leap second counts as the second after it. */
static bool
read_seconds(const char **text, int64_t *ret_seconds)
{
	unsigned year, month, day, hour, minute, second;

	if (!read_digits(text, 4, &year) || !read_char(text, '-') || !read_digits(text, 2, &month) ||
	    !read_char(text, '-') || !read_digits(text, 2, &day) || !is_date(year, month, day))
		return false;
	if (!read_char(text, 'T') && !read_char(text, 't') && !read_char(text, ' '))
		return false;
	if (!read_digits(text, 2, &hour) || !read_char(text, ':') || !read_digits(text, 2, &minute) ||
	    !read_char(text, ':') || !read_digits(text, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	*ret_seconds = (int64_t)day_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
	return true;
}

static bool
read_fraction(const char **text, uint32_t *ret_ns)
{
	uint32_t ns = 0, worth = 100000000;
	unsigned digit;

	*ret_ns = 0;
	if (!read_char(text, '.'))
		return true;
	if (!read_digits(text, 1, &digit))
		return false;
	do {
		ns += digit * worth; /* past the ninth digit worth is 0 */
		worth /= 10;
	} while (read_digits(text, 1, &digit));
	*ret_ns = ns;
	return true;
}

/* "Z", "+01:00", and "+0100" as EVE has it: seconds east. */
static bool
read_zone(const char **text, int64_t *ret_seconds)
{
	int64_t sign = **text == '-' ? -1 : 1;
	unsigned hour, minute;

	*ret_seconds = 0;
	if (read_char(text, 'Z') || read_char(text, 'z'))
		return true;
	if (!read_char(text, '+') && !read_char(text, '-'))
		return false;
	if (!read_digits(text, 2, &hour))
		return false;
	(void)read_char(text, ':');
	if (!read_digits(text, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*ret_seconds = sign * (int64_t)(hour * 3600 + minute * 60);
	return true;
}

enum cc_status
time_rfc3339_parse(const char *text, uint64_t *ret_ns)
{
	int64_t seconds, east;
	uint64_t ns;
	uint32_t part;

	if (!read_seconds(&text, &seconds) || !read_fraction(&text, &part) || !read_zone(&text, &east) || *text != '\0')
		return CC_BAD;
	seconds -= east;
	if (seconds < 0 || __builtin_mul_overflow((uint64_t)seconds, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, part, &ns))
		return CC_BAD;
	*ret_ns = ns;
	return CC_OK;
}
