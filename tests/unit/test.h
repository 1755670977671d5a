/*
 * The unit tests' few words.  A test program has functions declared with TEST(name), listed in one
 * TESTS(...) at its end; it prints a line for each that fails and closes with "N passed, N failed".
 */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

static int test_failures; /* in the test that runs */
static bool test_skipped;

#define TEST(name) static void name(void)

#define CHECK(expr)                                                                        \
	do {                                                                               \
		if (!(expr)) {                                                             \
			test_failures++;                                                   \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #expr); \
		}                                                                          \
	} while (0)

#define CHECK_UINT(is, should)                                                                           \
	do {                                                                                             \
		uint64_t test_is = (uint64_t)(is), test_should = (uint64_t)(should);                     \
		if (test_is != test_should) {                                                            \
			test_failures++;                                                                 \
			printf("%s:%d: %s: %s is %llu, not %llu\n", __FILE__, __LINE__, __func__, #is,   \
			       (unsigned long long)test_is, (unsigned long long)test_should);            \
		}                                                                                        \
	} while (0)

#define CHECK_TEXT(is, should)                                                                                     \
	do {                                                                                                       \
		const char *test_is = (is), *test_should = (should);                                               \
		if (test_is == NULL || strcmp(test_is, test_should) != 0) {                                        \
			test_failures++;                                                                           \
			printf("%s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, __func__, #is,         \
			       test_is != NULL ? test_is : "(null)", test_should);                                 \
		}                                                                                                  \
	} while (0)

/* The rest of this test needs something that is not here. */
#define SKIP(why)                                                      \
	do {                                                           \
		test_skipped = true;                                   \
		printf("%s: skipped: %s\n", __func__, (why));          \
		return;                                                \
	} while (0)

static inline int
test_main(const struct test *tests, size_t count)
{
	int passed = 0, failed = 0, skipped = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		test_failures = 0;
		test_skipped = false;
		tests[i].run();
		if (test_failures > 0) {
			failed++;
			printf("failed: %s\n", tests[i].name);
		} else if (test_skipped) {
			skipped++;
		} else {
			passed++;
		}
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed == 0 ? 0 : 1;
}

#define TESTS(...)                                                           \
	int main(void)                                                       \
	{                                                                    \
		static const struct test tests[] = {__VA_ARGS__};            \
		return test_main(tests, sizeof(tests) / sizeof(tests[0]));   \
	}
#define T(name) {#name, name}

#endif
