/* RFB: openings of all versions, refusals, what hands over to TLS. */
#include "torture.h"

extern const struct cc_parser rfb_parser;

#define V8 "RFB 003.008\n"
#define CHALLENGE "0123456789abcdef"
#define INIT "\x03\x20\x02\x58\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x04" "desk"

static const struct said talk[] = {
	SAID(CC_TO_CLIENT, V8), SAID(CC_TO_SERVER, V8), SAID(CC_TO_CLIENT, "\x02\x01\x02"), SAID(CC_TO_SERVER, "\x02"),
	SAID(CC_TO_CLIENT, CHALLENGE), SAID(CC_TO_SERVER, CHALLENGE), SAID(CC_TO_CLIENT, "\0\0\0\0"),
	SAID(CC_TO_SERVER, "\x01"), SAID(CC_TO_CLIENT, INIT),
};

static void
run(struct cc_ctx *rig, const struct said *said, size_t count, size_t piece)
{
	rig_open(rig, &rfb_parser, false, 5900);
	for (size_t i = 0; i < count; i++)
		for (size_t at = 0; at < said[i].size; at += piece)
			rig_feed(rig, said[i].dir,
			    slice_of(said[i].bytes + at, said[i].size - at < piece ? said[i].size - at : piece));
}

TEST(opening_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 20; piece++) {
		struct cc_ctx rig;

		run(&rig, talk, 9, piece);
		CHECK_UINT(rig.done_count, 1);
		CHECK_TEXT(rig_value(&rig, 0, "server_protocol_version.minor", 0), "008");
		CHECK_TEXT(rig_value(&rig, 0, "rfb.sectype", 0), "2");
		CHECK_TEXT(rig_value(&rig, 0, "rfb.secresult", 0), "0");
		CHECK_TEXT(rig_value(&rig, 0, "authentication.security_result", 0), "OK");
		CHECK_TEXT(rig_value(&rig, 0, "authentication.vnc.challenge", 0), CHALLENGE);
		CHECK_TEXT(rig_value(&rig, 0, "rfb.name", 0), "desk");
		CHECK_TEXT(rig_value(&rig, 0, "framebuffer.width", 0), "800");
		CHECK_TEXT(rig_value(&rig, 0, "framebuffer.pixel_format.red_shift", 0), "16");
		CHECK(rig.anomaly_count == 1 && rig_has_anomaly(&rig, "weak_authentication"));
		CHECK(rig.enough[0] && rig.enough[1]);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(version_3_3_and_a_refusal)
{
	static const struct said old[] = {
		SAID(CC_TO_CLIENT, "RFB 003.003\n"), SAID(CC_TO_SERVER, V8), SAID(CC_TO_CLIENT, "\0\0\0\x01"),
		SAID(CC_TO_SERVER, "\0"), SAID(CC_TO_CLIENT, INIT),
	};
	static const struct said refused[] = {
		SAID(CC_TO_CLIENT, V8), SAID(CC_TO_SERVER, V8), SAID(CC_TO_CLIENT, "\0\0\0\0\x04" "busy"),
	};
	struct cc_ctx rig;

	run(&rig, old, 5, 100);
	CHECK_TEXT(rig_value(&rig, 0, "rfb.name", 0), "desk");
	CHECK(rig_has_anomaly(&rig, "no_authentication"));
	rig_end(&rig);
	rig_free(&rig);
	run(&rig, refused, 3, 100);
	CHECK_TEXT(rig_value(&rig, 0, "server_security_failure_reason", 0), "busy");
	CHECK_UINT(rig.done_count, 1);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(vencrypt_hands_over)
{
	static const struct said ven[] = {
		SAID(CC_TO_CLIENT, V8), SAID(CC_TO_SERVER, V8), SAID(CC_TO_CLIENT, "\x01\x13"),
		SAID(CC_TO_SERVER, "\x13"),
		SAID(CC_TO_CLIENT, "\0\x02"), SAID(CC_TO_SERVER, "\0\x02"), SAID(CC_TO_CLIENT, "\0\x01\0\0\x01\x03"),
		SAID(CC_TO_SERVER, "\0\0\x01\x03"), SAID(CC_TO_CLIENT, "\x01"),
	};
	struct cc_ctx rig;

	run(&rig, ven, 9, 1);
	CHECK(strstr(rig.said, "switch\n") != NULL);
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(cut_and_flipped)
{
	torture(&rfb_parser, false, 5900, talk, 9);
}

TESTS(T(opening_in_pieces_of_any_size), T(version_3_3_and_a_refusal), T(vencrypt_hands_over), T(cut_and_flipped))
