/* DNP3: messages of both sides, in one frame and in several, wrong CRCs, objects. */
#include "torture.h"

extern const struct cc_parser dnp3_parser;

#define WRITE_TIME "\x05\x64\x11\xc4\x0a\0\x01\0\x06\x15\xc0\xc0\x15\x3c\x02\x06\x3c\x03\x06\x3c\x04\x06\x1a\x55"
#define ANSWER "\x05\x64\x0a\x44\x01\0\x0a\0\x6e\x25\xc0\xf0\x82\x80\0\x6b\x7d"
#define WRITE "\x05\x64\x0e\xc4\x0a\0\x01\0\x25\x29\xc2\xc1\x02\x50\x01\0\x07\x07\0\xc5\xaf"

static const struct said talk[] = {
	SAID(CC_TO_SERVER, WRITE_TIME), SAID(CC_TO_CLIENT, ANSWER), SAID(CC_TO_SERVER, WRITE),
};

static void
put_crc(uint8_t *at, size_t size)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < size; i++) {
		crc ^= at[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xa6bc : 0));
	}
	at[size] = (uint8_t)~crc;
	at[size + 1] = (uint8_t)(~crc >> 8);
}

/* A frame of up to 16 bytes of user data. */
static struct slice
make(uint8_t out[64], bool master, const char *user, size_t size)
{
	const uint8_t head[8] = {5, 0x64, (uint8_t)(5 + size), master ? 0xc4 : 0x44, 10, 0, 1, 0};

	memcpy(out, head, 8);
	put_crc(out, 8);
	memcpy(out + 10, user, size);
	put_crc(out + 10, size);
	return slice_of(out, 12 + size);
}

TEST(messages_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 30; piece++) {
		struct cc_ctx rig;

		rig_open(&rig, &dnp3_parser, false, 20000);
		for (size_t i = 0; i < 3; i++)
			for (size_t at = 0; at < talk[i].size; at += piece)
				rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes + at,
				    talk[i].size - at < piece ? talk[i].size - at : piece));
		CHECK_UINT(rig.done_count, 3);
		CHECK_TEXT(rig_value(&rig, 0, "dnp3_func", 0), "21");
		CHECK_TEXT(rig_value(&rig, 0, "dnp3.object", 2), "15364"); /* 60, 4 */
		CHECK_TEXT(rig_value(&rig, 1, "type", 0), "unsolicited_response");
		CHECK_TEXT(rig_value(&rig, 1, "iin.indicators", 0), "device_restart");
		CHECK_TEXT(rig_value(&rig, 1, "dnp3_ind", 0), "15");
		CHECK_TEXT(rig_value(&rig, 2, "application.complete", 0), "1");
		CHECK_TEXT(rig_value(&rig, 2, "application.objects[].start", 0), "7");
		CHECK_UINT(rig.anomaly_count, 0);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(a_message_in_two_frames)
{
	uint8_t room[64];
	struct cc_ctx rig;

	rig_open(&rig, &dnp3_parser, false, 20000);
	rig_feed(&rig, CC_TO_SERVER, make(room, true, "\x41\xc0\x05\x0c\x01\x17", 6));
	CHECK_UINT(rig.tx_count, 0);
	rig_feed(&rig, CC_TO_SERVER, make(room, true, "\x82\x01\x07\x03\x01\1\1\1\1\2\2\2\2", 13));
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "dnp3_func", 0), "5");
	CHECK_TEXT(rig_value(&rig, 0, "application.complete", 0), "0");
	CHECK(rig_has_anomaly(&rig, "malformed")); /* a point of 88 bits, of which the half is here */
	CHECK(rig_has_anomaly(&rig, "control_operated"));
	rig_end(&rig);
	CHECK_UINT(rig.taken, 0);
	rig_free(&rig);
}

TEST(what_is_wrong_is_passed_by)
{
	uint8_t room[64];
	struct cc_ctx rig;
	struct slice frame;

	rig_open(&rig, &dnp3_parser, false, 20000);
	frame = make(room, false, "\xc0\xc0\x81\0\0\x63\x01\x06", 8);
	room[12] ^= 1;
	rig_feed(&rig, CC_TO_CLIENT, frame);
	CHECK(rig_has_anomaly(&rig, "bad_transport_crc"));
	CHECK_UINT(rig.tx_count, 0);
	frame = make(room, false, "\xc0\xc0\x81\0\0\x63\x01\0\1\2", 10);
	room[4] ^= 1;
	rig_feed(&rig, CC_TO_CLIENT, frame);
	CHECK(rig_has_anomaly(&rig, "bad_link_crc"));
	rig_feed(&rig, CC_TO_CLIENT, make(room, false, "\xc0\xc0\x81\0\0\x63\x01\0\1\2", 10));
	CHECK_UINT(rig.done_count, 1);
	CHECK(rig_has_anomaly(&rig, "unknown_object"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK_UINT(torture_probe(&dnp3_parser, false, 9, CC_TO_SERVER, slice_of(WRITE, 10)), CC_OK);
	CHECK_UINT(torture_probe(&dnp3_parser, false, 9, CC_TO_SERVER, slice_of(WRITE, 9)), CC_MORE);
	CHECK_UINT(torture_probe(&dnp3_parser, true, 9, CC_TO_SERVER, slice_of(WRITE, 9)), CC_BAD);
	CHECK_UINT(torture_probe(&dnp3_parser, false, 9, CC_TO_SERVER, slice_of("\x05\x64zzzzzzzz", 10)), CC_BAD);
	CHECK_UINT(torture_probe(&dnp3_parser, false, 9, CC_TO_SERVER, slice_of("GET / HTTP/1.1", 14)), CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&dnp3_parser, false, 20000, talk, 3);
}

TESTS(T(messages_in_pieces_of_any_size), T(a_message_in_two_frames), T(what_is_wrong_is_passed_by),
    T(who_is_taken), T(cut_and_flipped))
