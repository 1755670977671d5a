/* SIP: a call over TCP in pieces of any size, datagrams, gaps. */
#include "torture.h"

extern const struct cc_parser sip_parser;

#define INVITE                                                                                                         \
	"INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nf: <sip:alice@a.example>\r\nTo:\r\n "               \
	"<sip:bob@b.example>\r\n"                                                                                      \
	"Call-ID: 7@a\r\nProxy-Authorization: Digest username=\"alice\", realm=\"r\"\r\nContent-Type: "                \
	"text/plain\r\nl: 4\r\n\r\nbody"
#define TRYING "SIP/2.0 100 Trying\r\nServer: x/1\r\nContent-Length: 0\r\n\r\n"
#define BYE "BYE sip:alice@a.example SIP/2.0\r\nFrom: <sip:bob@b.example>\r\n\r\n"

static const struct said talk[] = {
    SAID(CC_TO_SERVER, INVITE),
    SAID(CC_TO_CLIENT, TRYING BYE),
    SAID(CC_TO_SERVER, "\r\n\r\nSIP/2.0 200 OK\r\n\r\n"),
};

static void
check_call(struct cc_ctx *rig)
{
	CHECK_UINT(rig->done_count, 4);
	CHECK_TEXT(rig_value(rig, 0, "sip.method", 0), "INVITE");
	CHECK_TEXT(rig_value(rig, 0, "sip.uri", 0), "sip:bob@b.example");
	CHECK_TEXT(rig_value(rig, 0, "sip.protocol", 0), "SIP/2.0");
	CHECK_TEXT(rig_value(rig, 0, "sip.request_line", 0), "INVITE sip:bob@b.example SIP/2.0");
	CHECK_TEXT(rig_value(rig, 0, "sip.from", 0), "<sip:alice@a.example>");
	CHECK_TEXT(rig_value(rig, 0, "sip.to", 0), "<sip:bob@b.example>");
	CHECK_TEXT(rig_value(rig, 0, "concert.auth_user", 0), "alice");
	CHECK_TEXT(rig_value(rig, 1, "sip.stat_code", 0), "100");
	CHECK_TEXT(rig_value(rig, 1, "sip.stat_msg", 0), "Trying");
	CHECK_TEXT(rig_value(rig, 1, "sip.response_line", 0), "SIP/2.0 100 Trying");
	CHECK_TEXT(rig_value(rig, 2, "method", 0), "BYE");
	CHECK_TEXT(rig_value(rig, 3, "code", 0), "200");
	CHECK_UINT(rig->anomaly_count, 0);
}

TEST(call_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 400; piece += piece < 20 ? 1 : 41) {
		struct cc_ctx rig;

		rig_open(&rig, &sip_parser, false, 5060);
		for (unsigned i = 0; i < 3; i++)
			for (size_t at = 0; at < talk[i].size; at += piece)
				rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes + at,
				    talk[i].size - at < piece ? talk[i].size - at : piece));
		check_call(&rig);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(gaps)
{
	static const char bye[] = BYE;
	struct cc_ctx rig;

	rig_open(&rig, &sip_parser, false, 5060);
	rig_feed(&rig, CC_TO_SERVER, slice_of(INVITE, sizeof(INVITE) - 1 - 4));
	rig_gap(&rig, CC_TO_SERVER, 4); /* just the body */
	rig_feed(&rig, CC_TO_SERVER, slice_of(bye, sizeof(bye) - 1));
	CHECK_UINT(rig.done_count, 2);
	rig_gap(&rig, CC_TO_SERVER, 400);
	rig_feed(&rig, CC_TO_SERVER, slice_str("the end of something\r\n\r\n"));
	rig_feed(&rig, CC_TO_SERVER, slice_of(bye, sizeof(bye) - 1));
	CHECK_UINT(rig.done_count, 3);
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(datagrams)
{
	struct cc_ctx rig;

	rig_open(&rig, &sip_parser, true, 5060);
	rig_feed(&rig, CC_TO_SERVER, slice_str(INVITE));
	rig_feed(&rig, CC_TO_SERVER, slice_str("jaK"));
	rig_feed(&rig, CC_TO_CLIENT, slice_str("SIP/2.0 401 Unauthorized\r\nVia: a"));
	CHECK_UINT(rig.done_count, 2);
	CHECK(rig_has_anomaly(&rig, "incomplete_data"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK_UINT(torture_probe(&sip_parser, false, 9, CC_TO_SERVER, slice_str("GET / HTTP/1.1\r\n")), CC_BAD);
	CHECK_UINT(
	    torture_probe(&sip_parser, false, 9, CC_TO_SERVER, slice_str("OPTIONS rtsp://a RTSP/1.0\r\n")), CC_BAD);
	CHECK_UINT(torture_probe(&sip_parser, false, 9, CC_TO_SERVER, slice_str("OPTIONS sip:a SIP/2.0\r\n")), CC_OK);
	CHECK_UINT(torture_probe(&sip_parser, false, 9, CC_TO_SERVER, slice_str("SSH-2.0-x\r\n")), CC_BAD);
	CHECK_UINT(torture_probe(&sip_parser, true, 9, CC_TO_CLIENT, slice_str("SIP/2.0 200 OK\r\n")), CC_OK);
}

TEST(cut_and_flipped)
{
	torture(&sip_parser, false, 5060, talk, 3);
}

TESTS(T(call_in_pieces_of_any_size), T(gaps), T(datagrams), T(who_is_taken), T(cut_and_flipped))
