/* NTP: a client's and a server's message, monlist, and what must not be taken. */
#include "torture.h"

extern const struct cc_parser ntp_parser;

#define ZERO8 "\0\0\0\0\0\0\0\0"
#define NOW "\xe9\x00\x00\x01\x12\x34\x56\x78"
#define CLIENT "\x23\x00\x06\xec" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" ZERO8 ZERO8 ZERO8 NOW
#define SERVER "\x24\x02\x06\xe9" "\0\0\x01\0" "\0\0\x02\0" "\x0a\0\0\x01" NOW NOW NOW NOW
#define MONLIST "\x17\x00\x03\x2a\0\0\0\0"
#define ANSWER "\x97\x00\x03\x2a\0\x01\0\x48" ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8

static const struct said talk[] = {
	SAID(CC_TO_SERVER, CLIENT), SAID(CC_TO_CLIENT, SERVER), SAID(CC_TO_SERVER, MONLIST), SAID(CC_TO_CLIENT, ANSWER),
};

TEST(messages)
{
	struct cc_ctx rig;

	rig_open(&rig, &ntp_parser, true, 123);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_UINT(
		    torture_probe(&ntp_parser, true, 123, talk[i].dir, slice_of(talk[i].bytes, talk[i].size)), CC_OK);
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	}
	CHECK_UINT(rig.done_count, 4);
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "4");
	CHECK_TEXT(rig_value(&rig, 1, "stratum", 0), "2");
	CHECK_TEXT(rig_value(&rig, 1, "reference_id", 0), "0a:00:00:01");
	CHECK_TEXT(rig_value(&rig, 3, "concert.items", 0), "1");
	CHECK(rig_has_anomaly(&rig, "private_message"));
	CHECK(rig_has_anomaly(&rig, "monlist_request"));
	CHECK(rig_has_anomaly(&rig, "monlist_response"));
	CHECK_UINT(rig.anomaly_count, 3);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(elsewhere_only_what_is_sure)
{
	static const char zeros[48] = "\x1b";

	CHECK_UINT(torture_probe(&ntp_parser, true, 9, CC_TO_SERVER, slice_of(CLIENT, 48)), CC_OK);
	CHECK_UINT(torture_probe(&ntp_parser, true, 9, CC_TO_CLIENT, slice_of(SERVER, 48)), CC_OK);
	CHECK_UINT(torture_probe(&ntp_parser, true, 9, CC_TO_SERVER, slice_of(MONLIST, 8)), CC_BAD);
	CHECK_UINT(torture_probe(&ntp_parser, true, 9, CC_TO_SERVER, slice_of(zeros, 48)), CC_BAD);
	CHECK_UINT(torture_probe(&ntp_parser, true, 123, CC_TO_SERVER, slice_of(zeros, 48)), CC_OK);
	CHECK_UINT(torture_probe(&ntp_parser, true, 123, CC_TO_SERVER, slice_of(CLIENT, 47)), CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&ntp_parser, true, 123, talk, 4);
}

TESTS(T(messages), T(elsewhere_only_what_is_sure), T(cut_and_flipped))
