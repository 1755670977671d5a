/* EtherNet/IP: sessions, CIP alone and several in one, who a device says it is. */
#include "torture.h"

extern const struct cc_parser enip_parser;

#define ZERO4 "\0\0\0\0"
#define REST ZERO4 ZERO4 ZERO4 ZERO4 /* status, context, options */
#define REGISTER "\x65\0\x04\0" ZERO4 REST "\x01\0\0\0"
#define REGISTERED "\x65\0\x04\0\x11\x02\0\0" REST "\x01\0\0\0"
#define ITEMS ZERO4 "\0\0\x02\0" "\0\0\0\0" "\xb2\0"
#define SET "\x6f\0\x1a\0\x11\x02\0\0" REST ITEMS "\x0a\0" "\x10\x03\x20\xf6\x24\x01\x30\x06\x01\x02"
#define REFUSED "\x6f\0\x14\0\x11\x02\0\0" REST ITEMS "\x04\0" "\x90\0\x08\0"
#define MANY "\x6f\0\x26\0\x11\x02\0\0" REST ITEMS "\x16\0" "\x0a\x02\x20\x02\x24\x01" "\x02\0\x06\0\x0c\0" \
	     "\x01\x02\x20\x01\x24\x01" "\x05\x01\x20\x07"
#define LIST "\x63\0\0\0" ZERO4 REST
#define IDENTITY "\x63\0\x2d\0" ZERO4 REST "\x01\0\x0c\0\x27\0\x01\0" ZERO4 ZERO4 ZERO4 ZERO4 \
		 "\x01\0\x0e\0\x36\0\x14\x0b\x60\x31\x78\x56\x34\x12\x04" "PLC1" "\x03\0"

static const struct said talk[] = {
	SAID(CC_TO_SERVER, REGISTER), SAID(CC_TO_CLIENT, REGISTERED), SAID(CC_TO_SERVER, SET),
	SAID(CC_TO_CLIENT, REFUSED),
	SAID(CC_TO_SERVER, MANY), SAID(CC_TO_SERVER, LIST), SAID(CC_TO_CLIENT, IDENTITY),
};

TEST(messages_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 40; piece += 3) {
		struct cc_ctx rig;

		rig_open(&rig, &enip_parser, false, 44818);
		for (size_t i = 0; i < 7; i++)
			for (size_t at = 0; at < talk[i].size; at += piece)
				rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes + at,
				    talk[i].size - at < piece ? talk[i].size - at : piece));
		CHECK_UINT(rig.done_count, 7);
		CHECK_TEXT(rig_value(&rig, 0, "request.command", 0), "RegisterSession");
		CHECK_TEXT(rig_value(&rig, 1, "enip_command", 0), "101");
		CHECK_TEXT(rig_value(&rig, 1, "concert.session", 0), "529");
		CHECK_TEXT(rig_value(&rig, 2, "enip.cip", 0), "100726288"); /* 16, 246, 6 */
		CHECK_TEXT(rig_value(&rig, 2, "request.cip.service", 0), "SetAttributeSingle");
		CHECK_TEXT(rig_value(&rig, 3, "response.cip.status", 0), "8");
		CHECK_TEXT(rig_value(&rig, 4, "enip.cip", 1), "257"); /* 1, class 1 */
		CHECK_TEXT(rig_value(&rig, 4, "enip.cip", 2), "1797"); /* 5, class 7 */
		CHECK_TEXT(rig_value(&rig, 6, "enip.product_name", 0), "PLC1");
		CHECK_TEXT(rig_value(&rig, 6, "enip.serial", 0), "305419896");
		CHECK(rig_has_anomaly(&rig, "cip_error"));
		CHECK_UINT(rig.anomaly_count, 1);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(who_is_taken)
{
	static const char zeros[24];

	CHECK_UINT(torture_probe(&enip_parser, false, 9, CC_TO_SERVER, slice_of(REGISTER, 28)), CC_OK);
	CHECK_UINT(torture_probe(&enip_parser, false, 9, CC_TO_SERVER, slice_of(REGISTER, 23)), CC_MORE);
	CHECK_UINT(torture_probe(&enip_parser, true, 9, CC_TO_SERVER, slice_of(LIST, 24)), CC_OK);
	CHECK_UINT(torture_probe(&enip_parser, true, 9, CC_TO_SERVER, slice_of(REGISTER, 24)), CC_BAD);
	CHECK_UINT(torture_probe(&enip_parser, false, 9, CC_TO_SERVER, slice_of(zeros, 24)), CC_BAD);
	CHECK_UINT(torture_probe(&enip_parser, false, 44818, CC_TO_SERVER, slice_of(zeros, 24)), CC_OK);
}

TEST(cut_and_flipped)
{
	torture(&enip_parser, false, 44818, talk, 7);
}

TESTS(T(messages_in_pieces_of_any_size), T(who_is_taken), T(cut_and_flipped))
