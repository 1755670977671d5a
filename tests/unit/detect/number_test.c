/* Comparisons with the words that a parser's table gives for numbers. */
#include "unit/detect/rig.h"

static const struct cc_word type_words[] = {{"CONNECT", 1}, {"CONNACK", 2}, {"PINGREQ", 12}, {"weak", 3}, {"weak", 4}};
static const struct cc_words types = {.as = CC_ONE_OF, .word = type_words, .count = 5};
static const struct cc_word flag_words[] = {{"dup", 8}, {"retain", 1}};
static const struct cc_words flags = {.as = CC_BITS, .word = flag_words, .count = 2};
static const struct cc_word setting_words[] = {{"ENABLE_PUSH", 2}, {"WINDOW", 4}};
static const struct cc_words settings = {.as = CC_PAIR, .word = setting_words, .count = 2};

/* 1, 0: holds or not; -1: can't be read. */
static int
asks(const struct cc_words *words, const char *text, uint64_t value)
{
	struct store store = {0};
	struct number number;
	struct slice wrong;
	int answer = -1;

	if (number_words_parse(&store, words, slice_str(text), &number, &wrong))
		answer = number_holds(&number, value);
	store_close(&store);
	return answer;
}

TEST(one_of)
{
	CHECK_UINT(asks(&types, "CONNECT", 1), 1);
	CHECK_UINT(asks(&types, "connect", 2), 0);
	CHECK_UINT(asks(&types, "!CONNECT", 2), 1);
	CHECK_UINT(asks(&types, "CONNECT, PINGREQ", 12), 1);
	CHECK_UINT(asks(&types, "!CONNECT,PINGREQ", 12), 0);
	CHECK_UINT(asks(&types, "weak", 4), 1);
	CHECK_UINT(asks(&types, "!weak", 3), 0);
	CHECK_UINT(asks(&types, "7,-128", (uint64_t)-128), 1);
	CHECK_UINT(asks(&types, ">2", 3), 1);
	CHECK_UINT(asks(NULL, "1,3", 3), 1);
	CHECK(asks(&types, "NIX", 1) == -1 && asks(NULL, "CONNECT", 1) == -1 && asks(&types, "CONNECT,", 1) == -1);
	CHECK(asks(&types, "", 1) == -1 && asks(&types, "!", 1) == -1 && asks(&types, ",", 1) == -1);
}

TEST(bits_and_pairs)
{
	CHECK_UINT(asks(&flags, "dup", 9), 1);
	CHECK_UINT(asks(&flags, "dup,!retain", 9), 0);
	CHECK_UINT(asks(&flags, "dup,!retain", 8), 1);
	CHECK_UINT(asks(&flags, "!dup", 1), 1);
	CHECK_UINT(asks(&flags, "9", 9), 1);
	CHECK(asks(&flags, "dup,!dup", 8) == -1 && asks(&flags, "dup,x", 8) == -1);
	CHECK_UINT(asks(&settings, "ENABLE_PUSH =0", 2ull << 32), 1);
	CHECK_UINT(asks(&settings, "ENABLE_PUSH=0", 2ull << 32 | 1), 0);
	CHECK_UINT(asks(&settings, "WINDOW >100", 4ull << 32 | 101), 1);
	CHECK_UINT(asks(&settings, "WINDOW >100", 2ull << 32 | 101), 0);
	CHECK_UINT(asks(&settings, "4 5<>7", 4ull << 32 | 6), 1);
	CHECK_UINT(asks(&settings, "WINDOW", 4ull << 32), 1); /* the word alone: with any number */
	CHECK_UINT(asks(&settings, "WINDOW", 2ull << 32 | 4), 0);
	CHECK(asks(&settings, "WINDOW x", 0) == -1 && asks(&settings, "NIX =1", 0) == -1);
}

TESTS(T(one_of), T(bits_and_pairs))
