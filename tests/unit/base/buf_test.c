/* Growing bytes: what was added is there, the limit holds, `full` stays. */
#include "unit/test.h"

#include "base/buf.h"

TEST(grows)
{
	struct buf buf;

	buf_open(&buf, 100000);
	for (unsigned i = 0; i < 100000; i++)
		buf_add_u8(&buf, (uint8_t)(i * 7));
	CHECK(!buf.full && buf.size == 100000 && buf.room <= 100000);
	for (unsigned i = 0; i < 100000; i++)
		CHECK(buf.p[i] == (uint8_t)(i * 7));
	buf_add_u8(&buf, 1);
	CHECK(buf.full && buf.size == 100000);
	buf_clear(&buf);
	CHECK(!buf.full && buf.size == 0);
	buf_add_text(&buf, "abc");
	CHECK(slice_is(buf_slice(&buf), "abc"));
	buf_close(&buf);
	buf_close(NULL);
}

TEST(over_memory)
{
	uint8_t memory[8];
	struct buf buf;

	buf_over(&buf, memory, sizeof(memory));
	buf_add_text(&buf, "12345");
	CHECK(!buf_reserve(&buf, 4) && buf.full);
	buf.full = false;
	CHECK(buf_reserve(&buf, 3) && !buf.full);
	buf_add_text(&buf, "6789");
	CHECK(buf.full && slice_is(buf_slice(&buf), "12345"));
	buf_add_slice(&buf, slice_str("678"));
	CHECK(buf.full && slice_is(buf_slice(&buf), "12345678"));
	buf_add(&buf, NULL, 0);
	buf_close(&buf);
}

TEST(numbers)
{
	static const uint8_t should[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e};

	for (size_t room = 0; room <= sizeof(should); room++) {
		uint8_t memory[sizeof(should)];
		size_t fits = room >= 14 ? 14 : room >= 6 ? 6 : room >= 2 ? 2 : 0;
		struct buf buf;

		buf_over(&buf, memory, room);
		buf_add_u16(&buf, 0x0102);
		if (!buf.full)
			buf_add_u32(&buf, 0x03040506);
		if (!buf.full)
			buf_add_u64(&buf, 0x0708090a0b0c0d0e);
		CHECK(buf.size == fits && buf.full == (fits < 14) && memcmp(memory, should, fits) == 0);
	}
}

TEST(formatted)
{
	/* Every size of text against every room, with the NUL that vsnprintf() wants besides. */
	for (int room = 0; room < 20; room++) {
		for (int size = 0; size < 24; size++) {
			struct buf fixed, grown;
			char memory[20];

			buf_over(&fixed, memory, (size_t)room);
			buf_open(&grown, (size_t)room);
			buf_printf(&fixed, "%0*d", size, 0);
			buf_printf(&grown, "%0*d", size, 0);
			CHECK(fixed.full == (fixed.size == 0) && grown.full == fixed.full && grown.size == fixed.size);
			CHECK(fixed.full == ((size == 0 ? 1 : size) > room));
			CHECK(grown.size == 0 || memcmp(grown.p, memory, grown.size) == 0);
			buf_close(&grown);
		}
	}
}

TEST(formatted_many)
{
	struct buf buf;
	size_t size = 0;

	buf_open(&buf, 1 << 20);
	for (int i = 0; i < 10000; i++) {
		char text[16];

		size += (size_t)snprintf(text, sizeof(text), "%d;", i);
		buf_printf(&buf, "%d;", i);
		CHECK(buf.size == size && memcmp(buf.p + size - strlen(text), text, strlen(text)) == 0);
	}
	CHECK(!buf.full);
	buf_close(&buf);
}

TESTS(T(grows), T(over_memory), T(numbers), T(formatted), T(formatted_many))
