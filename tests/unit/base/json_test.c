/* JSON: what is written reads back the same by another library (Jansson), and is escaped as a slow oracle says. */
#include <jansson.h>
#include <math.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/json.h"
#include "base/text.h"

/* One byte at a time: the character at p as it should be written; its size. */
static size_t
slow_char(const uint8_t *p, size_t left, struct buf *out)
{
	if (p[0] == '"' || p[0] == '\\') {
		buf_printf(out, "\\%c", p[0]);
		return 1;
	}
	for (size_t size = 1; size <= 4 && size <= left; size++) {
		/* A prefix that is valid UTF-8 on its own is one character: utf8_valid() is tested by itself. */
		if (p[0] >= 0x20 && utf8_valid(slice_of(p, size))) {
			buf_add(out, p, size);
			return size;
		}
	}
	switch (p[0]) {
	case '\b':
		buf_add_text(out, "\\b");
		break;
	case '\t':
		buf_add_text(out, "\\t");
		break;
	case '\n':
		buf_add_text(out, "\\n");
		break;
	case '\f':
		buf_add_text(out, "\\f");
		break;
	case '\r':
		buf_add_text(out, "\\r");
		break;
	default:
		buf_printf(out, "\\u%04x", p[0]);
	}
	return 1;
}

static void
slow_string(struct slice s, struct buf *out)
{
	buf_add_u8(out, '"');
	for (size_t at = 0; at < s.size;)
		at += slow_char(s.p + at, s.size - at, out);
	buf_add_u8(out, '"');
}

static size_t
some_bytes(uint64_t *seed, uint8_t *to, size_t room)
{
	static const char *const pieces[] = {"\"", "\\", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
	    "\xc0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\n", "\x01", "\x7f", "\xff"};
	size_t size = 0, want = rand_below(seed, room - 40);
	uint64_t plain = rand_below(seed, 40);

	while (size < want) {
		const char *piece = pieces[rand_below(seed, sizeof(pieces) / sizeof(pieces[0]))];

		for (uint64_t n = rand_below(seed, plain + 1); n > 0 && size < want; n--)
			to[size++] = (uint8_t)(' ' + rand_below(seed, 95));
		if (rand_below(seed, 5) == 0) {
			to[size++] = (uint8_t)rand_next(seed);
		} else {
			memcpy(to + size, piece, strlen(piece));
			size += strlen(piece);
		}
	}
	return size;
}

TEST(strings)
{
	uint64_t seed = 21;

	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[300], tight[2000];
		struct buf is, should, over;
		struct json json;
		struct slice s;
		uint8_t *exact;

		s.size = some_bytes(&seed, bytes, sizeof(bytes));
		exact = malloc(s.size + 1); /* its end is watched by the sanitizer */
		memcpy(exact, bytes, s.size);
		s.p = exact;
		buf_open(&is, 1 << 16);
		buf_open(&should, 1 << 16);
		slow_string(s, &should);
		json = json_into(&is);
		json_string(&json, NULL, s);
		CHECK(!is.full && slice_eq(buf_slice(&is), buf_slice(&should)));
		/* Just enough room, and a byte too little. */
		buf_over(&over, tight, should.size);
		json = json_into(&over);
		json_string(&json, NULL, s);
		CHECK(!over.full && slice_eq(buf_slice(&over), buf_slice(&should)));
		buf_over(&over, tight, should.size - 1);
		json = json_into(&over);
		json_string(&json, NULL, s);
		CHECK(over.full && over.size <= over.room);
		buf_close(&is);
		buf_close(&should);
		free(exact);
	}
}

/* Every byte at every place of short strings, where whole words are looked at. */
TEST(short_strings)
{
	for (unsigned c = 0; c < 256; c++) {
		for (size_t size = 1; size <= 40; size++) {
			for (size_t at = 0; at < size; at++) {
				uint8_t bytes[40], memory[64], slow[64];
				struct buf is, should;
				struct json json = json_into(&is);

				memset(bytes, at % 2 == 0 ? '~' : ' ', sizeof(bytes));
				bytes[at] = (uint8_t)c;
				buf_over(&is, memory, sizeof(memory));
				buf_over(&should, slow, sizeof(slow));
				json_string(&json, NULL, slice_of(bytes, size));
				slow_string(slice_of(bytes, size), &should);
				CHECK(slice_eq(buf_slice(&is), buf_slice(&should)));
			}
		}
	}
}

/* Every byte alone, as another library reads it. */
TEST(each_byte)
{
	for (unsigned c = 0; c < 256; c++) {
		uint8_t byte = (uint8_t)c, utf8[2] = {(uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 0x3f))};
		struct buf out;
		struct json json = json_into(&out);
		json_t *root, *value;

		buf_open(&out, 1000);
		json_array(&json, NULL);
		json_string(&json, NULL, slice_of(&byte, 1));
		json_end_array(&json);
		root = json_loadb((char *)out.p, out.size, JSON_ALLOW_NUL, NULL);
		value = json_array_get(root, 0);
		CHECK(json_string_length(value) == (c < 0x80 ? 1u : 2u));
		CHECK(memcmp(json_string_value(value), c < 0x80 ? &byte : utf8, c < 0x80 ? 1 : 2) == 0);
		json_decref(root);
		buf_close(&out);
	}
}

TEST(a_document)
{
	struct buf out;
	struct json json = json_into(&out);

	buf_open(&out, 10000);
	json_object(&json, NULL);
	json_text(&json, "text", "a\"b");
	json_uint(&json, "uint", UINT64_MAX);
	json_int(&json, "int", INT64_MIN);
	json_int(&json, "zero", 0);
	json_object(&json, "inner");
	json_end_object(&json);
	json_array(&json, "list");
	json_bool(&json, NULL, true);
	json_bool(&json, NULL, false);
	json_null(&json, NULL);
	json_array(&json, NULL);
	json_end_array(&json);
	json_object(&json, NULL);
	json_hex(&json, "hex", slice_str("\x01\xab"));
	json_end_object(&json);
	json_end_array(&json);
	json_printf(&json, "printf", "%d\n%s", 7, "x");
	json_raw(&json, "raw", slice_str("[1,2]"));
	json_text(&json, "k\"ey", "");
	json_end_object(&json);
	buf_add_u8(&out, '\0');
	CHECK(!out.full);
	CHECK_TEXT((char *)out.p,
	    "{\"text\":\"a\\\"b\",\"uint\":18446744073709551615,\"int\":-9223372036854775808,\"zero\":0,"
	    "\"inner\":{},\"list\":[true,false,null,[],{\"hex\":\"01ab\"}],\"printf\":\"7\\nx\","
	    "\"raw\":[1,2],\"k\\\"ey\":\"\"}");
	buf_close(&out);
}

TEST(numbers)
{
	static const struct {
		double value;
		const char *text;
	} known[] = {{0, "0"}, {1, "1"}, {-2, "-2"}, {0.1, "0.1"}, {1.5, "1.5"}, {1e300, "1e+300"}, {1e15, "1e+15"},
	    {1e-7, "1e-07"}, {-0.25, "-0.25"}, {NAN, "null"}, {INFINITY, "null"}, {-INFINITY, "null"}};
	uint64_t seed = 31;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t memory[64];
		struct buf out;
		struct json json = json_into(&out);

		buf_over(&out, memory, sizeof(memory));
		json_double(&json, NULL, known[i].value);
		buf_add_u8(&out, '\0');
		CHECK_TEXT((char *)out.p, known[i].text);
	}
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = rand_next(&seed);
		uint8_t memory[64];
		struct buf out;
		struct json json = json_into(&out);
		double value;

		memcpy(&value, &bits, sizeof(value));
		buf_over(&out, memory, sizeof(memory));
		json_double(&json, NULL, value);
		buf_add_u8(&out, '\0');
		CHECK(isfinite(value) ? strtod((char *)out.p, NULL) == value : strcmp((char *)out.p, "null") == 0);
	}
}

/* As printf() would with the fewest digits that read back: parts of one, floats, powers of ten and their neighbours. */
TEST(fewest_digits)
{
	uint64_t seed = 7;
	uint8_t memory[64];
	struct buf out;
	struct json json;
	char known[40];

	for (unsigned i = 0; i < 60000; i++) {
		uint64_t bits = rand_next(&seed);
		double value = (double)bits / 18446744073709551616.0;

		if (i % 5 == 1) {
			value = (double)(float)(value * 100);
		} else if (i % 5 == 2) {
			value = (double)(bits % 100000) / pow(10, (double)(bits >> 40) / (1 << 24) * 9);
		} else if (i % 5 == 3) {
			value = pow(10, (double)(bits % 12) - 5);
			memcpy(&bits, &value, sizeof(bits));
			bits += rand_below(&seed, 9) - 4;
			memcpy(&value, &bits, sizeof(value));
		} else if (i % 5 == 4) {
			bits = (bits & 0x8000000000000007) | (1000 + rand_below(&seed, 46)) << 52;
			memcpy(&value, &bits, sizeof(value));
		}
		if (value == floor(value))
			continue;
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(known, sizeof(known), "%.*g", digits, value);
			if (strtod(known, NULL) == value)
				break;
		}
		buf_over(&out, memory, sizeof(memory));
		json = json_into(&out);
		json_double(&json, NULL, value);
		buf_add_u8(&out, '\0');
		CHECK_TEXT((char *)out.p, known);
	}
}

TEST(long_values)
{
	struct buf out;
	struct json json = json_into(&out);
	static uint8_t bytes[1000];
	static char text[2001];

	buf_open(&out, 10000);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	hex_text(slice_of(bytes, sizeof(bytes)), text);
	json_hex(&json, NULL, slice_of(bytes, sizeof(bytes)));
	CHECK(out.size == 2002 && memcmp(out.p + 1, text, 2000) == 0);
	json_printf(&json, NULL, "%s", text);
	CHECK(!out.full && out.size == 2002 * 2 + 1 && memcmp(out.p + 2004, text, 2000) == 0);
	json_string(&json, NULL, slice_of(NULL, 0));
	CHECK(out.size == 2002 * 2 + 4);
	buf_close(&out);
}

TESTS(T(strings), T(short_strings), T(each_byte), T(a_document), T(numbers), T(fewest_digits), T(long_values))
