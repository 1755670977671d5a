/* Small words on text, each way and at their edges. */
#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/text.h"

TEST(hex)
{
	static const char *const bad[] = {"", "0", "0g", "abc", "abcde", "a b0", "0x12", "abcdef"};
	uint8_t bytes[256], back[256];
	char text[768];

	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	CHECK_TEXT(hex_text(slice_of(bytes + 8, 4), text), "08090a0b");
	CHECK_TEXT(hex_text(slice_of(NULL, 0), text), "");
	CHECK_TEXT(hex_colon_text(slice_of(bytes + 0xa8, 3), text), "a8:a9:aa");
	CHECK_TEXT(hex_colon_text(slice_of(bytes, 1), text), "00");
	CHECK_TEXT(hex_colon_text(slice_of(NULL, 0), text), "");
	hex_text(slice_of(bytes, 256), text);
	CHECK(hex_parse(slice_str(text), back, 256) == CC_OK && memcmp(bytes, back, 256) == 0);
	CHECK(hex_parse(slice_str("AbCd"), back, 2) == CC_OK && back[0] == 0xab && back[1] == 0xcd);
	CHECK(hex_parse(slice_str(""), back, 0) == CC_OK);
	back[0] = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(hex_parse(slice_str(bad[i]), back, 2) == CC_BAD && back[0] == 42);
}

TEST(base64)
{
	static const char *const pairs[][3] = {
	    {"", "", ""},
	    {"f", "Zg==", "Zg"},
	    {"fo", "Zm8=", "Zm8"},
	    {"foo", "Zm9v", "Zm9v"},
	    {"foob", "Zm9vYg==", "Zm9vYg"},
	    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
	    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	    {"\xfb\xff\xbf", "+/+/", "-_-_"},
	};
	char text[16];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		CHECK_TEXT(base64_text(slice_str(pairs[i][0]), text), pairs[i][1]);
		CHECK_TEXT(base64url_text(slice_str(pairs[i][0]), text), pairs[i][2]);
	}
}

/* Every code point, written by hand: valid but for the surrogates; one byte less or another is not. */
TEST(utf8_code_points)
{
	for (uint32_t c = 0x80; c < 0x120000; c += c < 0x3000 || c % 0x1000 > 0xfe0 ? 1 : 17) {
		size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		uint8_t b[4];

		for (size_t i = 0; i < size; i++)
			b[size - 1 - i] = (uint8_t)(0x80 | (c >> 6 * i & 0x3f));
		b[0] = (uint8_t)(c >> 6 * (size - 1) | (0xf00u >> size & 0xff));
		CHECK(utf8_valid(slice_of(b, size)) == ((c < 0xd800 || c > 0xdfff) && c <= 0x10ffff));
		for (size_t cut = 1; cut < size; cut++)
			CHECK(!utf8_valid(slice_of(b, cut)) && !utf8_valid(slice_of(b + cut, size - cut)));
		b[size - 1] = 'a';
		CHECK(!utf8_valid(slice_of(b, size)));
	}
}

TEST(utf8_strings)
{
	static const char *const bad[] = {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
	    "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xff", "\xed\xa0\x80"};
	char text[64];

	CHECK(utf8_valid(slice_of(NULL, 0)) && utf8_valid(slice_of("\0", 1)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* At every place of the eight that are looked at together. */
		for (size_t before = 0; before < 20; before++) {
			size_t size = strlen(bad[i]);

			memset(text, 'a', sizeof(text));
			CHECK(utf8_valid(slice_of(text, sizeof(text))));
			memcpy(text + before, bad[i], size);
			CHECK(!utf8_valid(slice_of(text, before + size)));
			CHECK(!utf8_valid(slice_of(text, sizeof(text))));
			memcpy(text + before, "\xf0\x9f\x98\x80", 4);
			CHECK(utf8_valid(slice_of(text, before + 4)));
		}
	}
}

static void
check_quantity(enum cc_status (*parse)(const char *, uint64_t *), const char *text, enum cc_status st, uint64_t value)
{
	uint64_t is = 42;
	bool same = parse(text, &is) == st && is == (st == CC_OK ? value : 42);

	CHECK(same);
	if (!same)
		printf("\"%s\": %llu\n", text, (unsigned long long)is);
}

TEST(sizes)
{
	static const char *const bad[] = {"", "k", "-1", "+1", "1.", ".5", "1.5.5", "1 x", "1kk", " 1", "1k ",
	    "18446744073709551616", "16777216t", "99999999999999999999999999999999999999999999999999", "1e3", "1,5"};

	check_quantity(size_parse, "0", CC_OK, 0);
	check_quantity(size_parse, "64k", CC_OK, 65536);
	check_quantity(size_parse, "1.5 MiB", CC_OK, 1572864);
	check_quantity(size_parse, "2g", CC_OK, 2ull << 30);
	check_quantity(size_parse, "2 GB", CC_OK, 2ull << 30);
	check_quantity(size_parse, "100 b", CC_OK, 100);
	check_quantity(size_parse, "1.25K", CC_OK, 1280);
	check_quantity(size_parse, "0.3333333333333333333333333333 k", CC_OK, 341);
	check_quantity(size_parse, "18446744073709551615", CC_OK, UINT64_MAX);
	check_quantity(size_parse, "16777215t", CC_OK, 16777215ull << 40);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_quantity(size_parse, bad[i], CC_BAD, 0);
}

TEST(durations)
{
	static const char *const bad[] = {"", "s", "-1s", "1 parsec", "1y", "1m30s", "40000w", "5 S x"};

	check_quantity(duration_parse, "30s", CC_OK, 30000000000ull);
	check_quantity(duration_parse, "30", CC_OK, 30000000000ull);
	check_quantity(duration_parse, "0.5", CC_OK, 500000000ull);
	check_quantity(duration_parse, "5m", CC_OK, 300000000000ull);
	check_quantity(duration_parse, "200ms", CC_OK, 200000000ull);
	check_quantity(duration_parse, "7 us", CC_OK, 7000);
	check_quantity(duration_parse, "9ns", CC_OK, 9);
	check_quantity(duration_parse, "1h", CC_OK, 3600000000000ull);
	check_quantity(duration_parse, "7d", CC_OK, 604800000000000ull);
	check_quantity(duration_parse, "1W", CC_OK, 604800000000000ull);
	check_quantity(duration_parse, "1.000000001s", CC_OK, 1000000001ull);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_quantity(duration_parse, bad[i], CC_BAD, 0);
}

TEST(numbers)
{
	static const char *const bad[] = {
	    "", "0x", "-1", "+1", " 1", "1 ", "1a", "0xg", "18446744073709551616", "0x10000000000000000", "1.0", "x1"};

	check_quantity(uint_parse, "0", CC_OK, 0);
	check_quantity(uint_parse, "007", CC_OK, 7);
	check_quantity(uint_parse, "0xFfaB", CC_OK, 0xffab);
	check_quantity(uint_parse, "18446744073709551615", CC_OK, UINT64_MAX);
	check_quantity(uint_parse, "0xffffffffffffffff", CC_OK, UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_quantity(uint_parse, bad[i], CC_BAD, 0);
}

TEST(case_of_ascii)
{
	uint8_t in[256], out[256];

	for (unsigned i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	lower_copy(out, slice_of(in, 256));
	for (unsigned i = 0; i < 256; i++)
		CHECK(out[i] == (i >= 'A' && i <= 'Z' ? i + 32 : i));
	CHECK(text_eq_nocase(slice_str("Host"), "hOST") && text_eq_nocase(slice_str(""), ""));
	CHECK(!text_eq_nocase(slice_str("Host"), "Hos") && !text_eq_nocase(slice_str("Hos"), "Host"));
	CHECK(!text_eq_nocase(slice_str("["), "{") && !text_eq_nocase(slice_of("a\0b", 3), "a"));
}

TEST(for_people)
{
	char text[32];

	CHECK_TEXT(thousands_text(0, text), "0");
	CHECK_TEXT(thousands_text(999, text), "999");
	CHECK_TEXT(thousands_text(1000, text), "1,000");
	CHECK_TEXT(thousands_text(1234567, text), "1,234,567");
	CHECK_TEXT(thousands_text(UINT64_MAX, text), "18,446,744,073,709,551,615");
	CHECK_TEXT(bytes_text(0, text), "0 B");
	CHECK_TEXT(bytes_text(1023, text), "1023 B");
	CHECK_TEXT(bytes_text(1024, text), "1.0 KiB");
	CHECK_TEXT(bytes_text(1536, text), "1.5 KiB");
	CHECK_TEXT(bytes_text(1048575, text), "1.0 MiB");
	CHECK_TEXT(bytes_text(1288490189, text), "1.2 GiB");
	CHECK_TEXT(bytes_text(UINT64_MAX, text), "16.0 EiB");
}

TEST(utf16le)
{
	char text[32];
	static const uint8_t pair[] = {0x3d, 0xd8, 0x00, 0xde, 'a', 0}, half[] = {0x3d, 0xd8, 'b', 0},
			     low[] = {0x00, 0xde, 'c', 0};
	static const uint8_t ends[] = {'a', 0, 0, 0, 'b', 0}, odd[] = {0xe9, 0, 'x'}, wide[] = {0xac, 0x20};

	CHECK(slice_is(utf16le_text(slice_of(pair, sizeof(pair)), text, sizeof(text)), "\xf0\x9f\x98\x80" "a"));
	CHECK(slice_is(utf16le_text(slice_of(half, sizeof(half)), text, sizeof(text)), "\xef\xbf\xbd" "b"));
	CHECK(slice_is(utf16le_text(slice_of(low, sizeof(low)), text, sizeof(text)), "\xef\xbf\xbd" "c"));
	CHECK(slice_is(utf16le_text(slice_of(ends, sizeof(ends)), text, sizeof(text)), "a"));
	CHECK(slice_is(utf16le_text(slice_of(odd, sizeof(odd)), text, sizeof(text)), "\xc3\xa9"));
	CHECK(slice_is(utf16le_text(slice_of(wide, sizeof(wide)), text, sizeof(text)), "\xe2\x82\xac"));
	CHECK_UINT(utf16le_text(slice_of(odd, sizeof(odd)), text, 3).size, 0);
}

TESTS(T(utf16le), T(hex), T(base64), T(utf8_code_points), T(utf8_strings), T(sizes), T(durations), T(numbers),
    T(case_of_ascii), T(for_people))
