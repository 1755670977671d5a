/* A message as bytes: whole or not at all. */
#include "output/output.h"

#include "unit/test.h"

static struct cc_message
example(void)
{
	struct cc_message msg = {
	    .topic = slice_str("concert.indicators"),
	    .key = slice_str("domain:evil.example"),
	    .value = slice_str("{\"type\":\"bundle\"}"),
	    .header = {{"ce_id", slice_str("id-1")}, {"ce_sequence", slice_str("17")}, {"jws", slice_str("")}},
	    .header_count = 3,
	    .class = CC_CLASS_SIGHTING,
	    .lane = 63,
	};

	return msg;
}

TEST(comes_back_as_it_was)
{
	struct cc_message msg = example(), back;
	struct buf out;
	struct cur c;

	buf_open(&out, 4096);
	CHECK(message_encode(&msg, &out) == CC_OK);
	CHECK(message_encode(&msg, &out) == CC_OK);
	c = cur_slice(buf_slice(&out));
	for (int i = 0; i < 2; i++) {
		CHECK(message_decode(&c, &back) == CC_OK);
		CHECK(
		    slice_eq(back.topic, msg.topic) && slice_eq(back.key, msg.key) && slice_eq(back.value, msg.value));
		CHECK_UINT(back.lane, 63);
		CHECK_UINT(back.class, CC_CLASS_SIGHTING);
		CHECK(slice_is(message_header(&back, "ce_sequence"), "17"));
		CHECK_UINT(message_header(&back, "ce_time").size, 0);
	}
	CHECK_UINT(cur_left(&c), 0);
	CHECK(message_decode(&c, &back) == CC_MORE);
	buf_close(&out);
}

TEST(cut_at_each_byte_is_more)
{
	struct cc_message msg = example(), back = {.lane = 9};
	struct buf out;

	buf_open(&out, 4096);
	CHECK(message_encode(&msg, &out) == CC_OK);
	for (size_t size = 0; size < out.size; size++) {
		uint8_t *copy = malloc(size > 0 ? size : 1);
		struct cur c;

		memcpy(copy, out.p, size);
		c = cur_of(copy, size);
		CHECK(message_decode(&c, &back) == CC_MORE);
		CHECK_UINT(cur_left(&c), size);
		CHECK_UINT(back.lane, 9);
		free(copy);
	}
	buf_close(&out);
}

TEST(each_flip_is_noticed)
{
	struct cc_message msg = example(), back;
	struct buf out;

	buf_open(&out, 4096);
	CHECK(message_encode(&msg, &out) == CC_OK);
	for (size_t i = 0; i < out.size * 8; i++) {
		struct cur c = cur_slice(buf_slice(&out));

		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(message_decode(&c, &back) != CC_OK);
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_close(&out);
}

/* A right checksum around nonsense: a stranger's file, not a broken disk. */
TEST(hostile_bodies)
{
	struct cc_message msg = example(), back;
	struct buf out;
	uint32_t seed = 1;
	unsigned good = 0;

	buf_open(&out, 4096);
	for (unsigned round = 0; round < 20000; round++) {
		struct cur c;
		uint32_t crc;

		buf_clear(&out);
		CHECK(message_encode(&msg, &out) == CC_OK);
		for (unsigned flips = 0; flips < 3; flips++) {
			seed = seed * 1103515245 + 12345;
			out.p[12 + seed / 65536 % (out.size - 12)] ^= (uint8_t)(seed >> 8);
		}
		crc = crc32c(crc32c(0, slice_of(out.p + 4, 4)), slice_of(out.p + 12, out.size - 12));
		for (int i = 0; i < 4; i++)
			out.p[8 + i] = (uint8_t)(crc >> (24 - 8 * i));
		c = cur_slice(buf_slice(&out));
		if (message_decode(&c, &back) == CC_OK) {
			good++;
			CHECK(back.header_count <= CC_HEADERS_MAX && back.class < CC_CLASS_COUNT);
			CHECK(back.value.size <= out.size);
		}
	}
	CHECK(good > 0);
	buf_close(&out);
}

TEST(too_much_is_refused)
{
	static uint8_t large[70000];
	struct cc_message msg = example();
	struct buf out;
	uint8_t small[40];

	buf_open(&out, 1 << 20);
	msg.key = slice_of(large, sizeof(large));
	CHECK(message_encode(&msg, &out) == CC_BAD);
	CHECK_UINT(out.size, 0);
	buf_close(&out);
	msg = example();
	buf_over(&out, small, sizeof(small));
	CHECK(message_encode(&msg, &out) == CC_FULL);
	CHECK_UINT(out.size, 0);
}

TESTS(T(comes_back_as_it_was), T(cut_at_each_byte_is_more), T(each_flip_is_noticed), T(hostile_bodies),
    T(too_much_is_refused))
