/*
 * A message of a segment file.  Input: a byte that says whether size and CRC are mended first (what a flipped bit can't
 * do, a partner can), then the message.  What decodes must come back the same after encoding.
 */
#include "fuzz/fuzz.h"

#include "output/output.h"

static void
put_number(uint8_t *p, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> 8 * (3 - i));
}

static void
mend(uint8_t *p, size_t size)
{
	memcpy(p, "CCM1", 4);
	put_number(p + 4, (uint32_t)size - 12);
	put_number(p + 8, crc32c(crc32c(0, slice_of(p + 4, 4)), slice_of(p + 12, size - 12)));
}

static void
compare(const struct cc_message *a, const struct cc_message *b)
{
	FUZZ_CHECK(slice_eq(a->topic, b->topic) && slice_eq(a->key, b->key) && slice_eq(a->value, b->value));
	FUZZ_CHECK(a->class == b->class && a->lane == b->lane && a->header_count == b->header_count);
	for (unsigned i = 0; i < a->header_count; i++) {
		FUZZ_CHECK(strcmp(a->header[i].name, b->header[i].name) == 0);
		FUZZ_CHECK(slice_eq(a->header[i].value, b->header[i].value));
		(void)message_header(a, a->header[i].name);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size), again;
	bool mended = cur_u8(&in) != 0 && cur_left(&in) >= 12;
	size_t left = cur_left(&in);
	uint8_t *copy = fuzz_copy(cur_rest(&in));
	struct cc_message msg, second;
	struct buf out;

	if (mended)
		mend(copy, left);
	in = cur_of(copy, left);
	buf_open(&out, 128u << 20);
	while (message_decode(&in, &msg) == CC_OK) {
		buf_clear(&out);
		FUZZ_CHECK(message_encode(&msg, &out) == CC_OK);
		again = cur_slice(buf_slice(&out));
		FUZZ_CHECK(message_decode(&again, &second) == CC_OK && cur_left(&again) == 0);
		compare(&msg, &second);
	}
	buf_close(&out);
	fuzz_give(copy, left);
	return 0;
}
