/* Times: each day from 1970 to 2554 as gmtime_r() has it, and back. */
#include <time.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/time.h"

#define LAST_DAY (UINT64_MAX / NS_PER_S / 86400)

static void
check_time(uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char is[40], should[64], whole[32];
	uint64_t back = 0;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(should, sizeof(should), "%s.%06u+0000", whole, (unsigned)(ns % NS_PER_S / NS_PER_US));
	if (strcmp(time_eve_text(ns, is), should) != 0)
		CHECK_TEXT(is, should);
	CHECK(time_rfc3339_parse(is, &back) == CC_OK && back == ns / NS_PER_US * NS_PER_US);
	snprintf(should, sizeof(should), "%s.%06uZ", whole, (unsigned)(ns % NS_PER_S / NS_PER_US));
	if (strcmp(time_rfc3339_text(ns, is), should) != 0)
		CHECK_TEXT(is, should);
	CHECK(time_rfc3339_parse(is, &back) == CC_OK && back == ns / NS_PER_US * NS_PER_US);
}

TEST(each_day)
{
	uint64_t seed = 41;

	for (uint64_t day = 0; day < LAST_DAY; day++) {
		uint64_t begin = day * 86400 * NS_PER_S;

		check_time(begin);
		check_time(begin + 86400 * NS_PER_S - 1);
		check_time(begin + rand_below(&seed, 86400 * NS_PER_S));
	}
	check_time(UINT64_MAX);
}

TEST(read)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01t00:00:01.5z", 1500000000},
	    {"1970-01-01 01:00:00+01:00", 0},
	    {"1970-01-01T00:00:00-00:01", 60000000000},
	    {"1970-01-01T01:00:00.000000001+0100", 1},
	    {"1970-01-01T00:00:00.0000000019999Z", 1},
	    {"2000-02-29T00:00:00Z", 951782400000000000},
	    {"2016-12-31T23:59:60Z", 1483228800000000000},
	    {"2026-01-31T23:59:59.123456Z", 1769903999123456000},
	};
	static const char *const bad[] = {
	    "",
	    "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00+00:01",
	    "2026-02-29T00:00:00Z",
	    "2100-02-29T00:00:00Z",
	    "2026-00-01T00:00:00Z",
	    "2026-13-01T00:00:00Z",
	    "2026-01-00T00:00:00Z",
	    "2026-04-31T00:00:00Z",
	    "2026-01-01T24:00:00Z",
	    "2026-01-01T00:60:00Z",
	    "2026-01-01T00:00:61Z",
	    "2026-01-01T00:00:00",
	    "2026-01-01T00:00:00.Z",
	    "2026-01-01T00:00:00ZZ",
	    "2026-01-01T00:00:00+1",
	    "2026-01-01T00:00:00+24:00",
	    "2026-01-01T00:00:00+00:60",
	    "26-01-01T00:00:00Z",
	    "2026-1-01T00:00:00Z",
	    "2555-01-01T00:00:00Z",
	    "9999-12-31T23:59:59Z",
	};
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(time_rfc3339_parse(good[i].text, &ns) == CC_OK);
		CHECK_UINT(ns, good[i].ns);
	}
	ns = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (time_rfc3339_parse(bad[i], &ns) != CC_BAD || ns != 42)
			CHECK_TEXT("taken", bad[i]);
	}
}

/* Cut at each byte: never right too early. */
TEST(cut)
{
	static const char text[] = "2026-01-31T23:59:59.123456+01:00";
	uint64_t ns;

	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		char *cut = malloc(size + 1);

		memcpy(cut, text, size);
		cut[size] = '\0';
		CHECK(time_rfc3339_parse(cut, &ns) == CC_BAD);
		free(cut);
	}
	CHECK(time_rfc3339_parse(text, &ns) == CC_OK);
}

TEST(clocks)
{
	uint64_t a = time_monotonic(), b = time_monotonic();

	CHECK(b >= a);
	CHECK(time_now() / NS_PER_S - (uint64_t)time(NULL) + 1 <= 2);
}

TESTS(T(each_day), T(read), T(cut), T(clocks))
