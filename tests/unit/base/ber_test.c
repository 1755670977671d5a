/* BER: heads and their refusals, numbers at their edges, trees that are too deep, object identifiers. */
#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/ber.h"

static struct cur
bytes(const char *p, size_t size)
{
	return cur_of(p, size);
}

#define BYTES(text) bytes(text, sizeof(text) - 1)

TEST(measure)
{
	size_t size = 7;

	CHECK(ber_measure(slice_of("\x30", 1), &size) == CC_MORE);
	CHECK(ber_measure(slice_of("\x30\x82\x01", 3), &size) == CC_MORE && size == 7);
	CHECK(ber_measure(slice_of("\x30\x82\x01\x00", 4), &size) == CC_OK);
	CHECK_UINT(size, 260);
	CHECK(ber_measure(slice_of("\x30\x05", 2), &size) == CC_OK);
	CHECK_UINT(size, 7);
	CHECK(ber_measure(slice_of("\x30\x84\xff\xff\xff\xff", 6), &size) == CC_OK);
	CHECK_UINT(size, 0x100000005);
	CHECK(ber_measure(slice_of("\x30\x80\x00\x00", 4), &size) == CC_BAD); /* indefinite */
	CHECK(ber_measure(slice_of("\x30\x85\0\0\0\0\1", 7), &size) == CC_BAD);
	CHECK(ber_measure(slice_of("\x7f\x81\x01\x01", 4), &size) == CC_BAD); /* long tag */
}

TEST(structure)
{
	struct cur c = BYTES("\x30\x0a\x02\x01\x05\x04\x03"
			     "abc\x05\x00\x0a\x01\x80");
	struct cur seq = ber_sub(&c, BER_SEQUENCE), other;
	uint8_t tag;

	CHECK(ber_is(&seq, BER_INTEGER) && !ber_is(&seq, BER_NULL));
	CHECK(ber_int(&seq, BER_INTEGER) == 5);
	CHECK(slice_is(ber_take(&seq, BER_OCTET_STRING), "abc"));
	other = seq;
	CHECK(ber_any(&other, &tag).size == 0 && tag == BER_NULL && !other.bad);
	CHECK(ber_take(&seq, BER_SET).size == 0 && seq.bad); /* another tag */
	CHECK(!ber_is(&seq, BER_NULL) && !c.bad);
	CHECK(ber_int(&c, BER_ENUMERATED) == -128 && !c.bad && cur_left(&c) == 0);
	CHECK(ber_any(&c, &tag).p == NULL && c.bad && tag == 0);
	c = BYTES("\x30\x03\x02\x02\x05"); /* the inner one reaches beyond the outer */
	seq = ber_sub(&c, BER_SEQUENCE);
	CHECK(!c.bad && ber_int(&seq, BER_INTEGER) == 0 && seq.bad);
	c = BYTES("\x31\x00");
	seq = ber_sub(&c, BER_SEQUENCE);
	CHECK(seq.bad && cur_left(&seq) == 0 && c.bad);
}

TEST(numbers)
{
	struct cur c = BYTES("\x02\x08\x80\0\0\0\0\0\0\0");

	CHECK(ber_int(&c, BER_INTEGER) == INT64_MIN && !c.bad);
	c = BYTES("\x02\x02\x00\xff");
	CHECK(ber_int(&c, BER_INTEGER) == 255 && !c.bad);
	c = BYTES("\x02\x00");
	CHECK(ber_int(&c, BER_INTEGER) == 0 && c.bad);
	c = BYTES("\x02\x09\0\0\0\0\0\0\0\0\1");
	CHECK(ber_int(&c, BER_INTEGER) == 0 && c.bad);
	c = BYTES("\x41\x09\0\xff\xff\xff\xff\xff\xff\xff\xff"); /* a Counter of SNMP */
	CHECK(ber_uint(&c, BER_APPLICATION(1)) == UINT64_MAX && !c.bad);
	c = BYTES("\x02\x01\xff");
	CHECK(ber_uint(&c, BER_INTEGER) == 0 && c.bad);
	c = BYTES("\x02\x05\x00\xff\xff\xff\xff");
	CHECK(ber_uint(&c, BER_INTEGER) == UINT32_MAX && !c.bad);
}

TEST(tree)
{
	uint8_t deep[2 * 40];

	CHECK(ber_tree(slice_of("\x30\x07\x02\x01\x05\x30\x02\x05\x00", 9), 3));
	CHECK(!ber_tree(slice_of("\x30\x07\x02\x01\x05\x30\x02\x05\x01", 9), 3));
	CHECK(!ber_tree(slice_of("\x30\x07\x02\x01\x05\x30\x02\x05", 8), 3));
	CHECK(!ber_tree(slice_of(NULL, 0), 3));
	for (unsigned i = 0; i < 40; i++) {
		deep[2 * i] = BER_SEQUENCE;
		deep[2 * i + 1] = (uint8_t)(2 * (39 - i));
	}
	CHECK(!ber_tree(slice_of(deep, sizeof(deep)), BER_DEPTH_MAX));
	CHECK(!ber_tree(slice_of(deep + 2 * 8, 2 * 32), BER_DEPTH_MAX));
	CHECK(ber_tree(slice_of(deep + 2 * 9, 2 * 31), BER_DEPTH_MAX));
	CHECK(!ber_tree(slice_of(deep + 2 * 36, 8), 4) && ber_tree(slice_of(deep + 2 * 37, 6), 4));
}

TEST(oids)
{
	char text[64];

	CHECK(ber_oid_text(slice_of("\x2b\x06\x01\x04\x01\x82\x37\x14", 8), text, sizeof(text)));
	CHECK_TEXT(text, "1.3.6.1.4.1.311.20");
	CHECK(ber_oid_text(slice_of("\x88\x37\x03", 3), text, sizeof(text)));
	CHECK_TEXT(text, "2.999.3");
	CHECK(ber_oid_text(slice_of("\x00", 1), text, sizeof(text)));
	CHECK_TEXT(text, "0.0");
	CHECK(!ber_oid_text(slice_of("\x2b\x86", 2), text, sizeof(text)) && text[0] == '\0');
	CHECK(!ber_oid_text(slice_of(NULL, 0), text, sizeof(text)));
	CHECK(!ber_oid_text(slice_of("\x2b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11), text, sizeof(text)));
	CHECK(
	    !ber_oid_text(slice_of("\x2b\x06\x01", 3), text, 7) && ber_oid_text(slice_of("\x2b\x06\x01", 3), text, 8));
	CHECK(!ber_oid_text(slice_of("\x2b", 1), text, 0));
}

/* Whatever comes, nothing is read beyond it, and what bad says stays. */
TEST(noise)
{
	uint64_t rand = 7;
	uint8_t noise[64];

	for (unsigned round = 0; round < 20000; round++) {
		size_t size = rand_below(&rand, sizeof(noise));
		struct cur c;

		for (size_t i = 0; i < size; i++)
			noise[i] =
			    (uint8_t)(rand_below(&rand, 3) == 0 ? rand_below(&rand, 256) : rand_below(&rand, 2) * 0x30);
		(void)ber_tree(slice_of(noise, size), 8);
		c = cur_of(noise, size);
		while (!c.bad) {
			uint8_t tag;
			struct slice value = ber_any(&c, &tag);

			CHECK(value.size <= size);
		}
		CHECK(cur_left(&c) == 0);
	}
}

TESTS(T(measure), T(structure), T(numbers), T(tree), T(oids), T(noise))
