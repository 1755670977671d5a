/* RDP: an opening without TLS, made here, and those that hand over to it. */
#include "torture.h"

extern const struct cc_parser rdp_parser;

#define COOKIE "\x03\0\0\x2b\x26\xe0\0\0\0\0\0" "Cookie: mstshash=alice\r\n" "\x01\0\x08\0\x03\0\0\0"
#define PLAIN "\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"
#define TLS "\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x01\0\0\0"
#define REFUSED "\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x02\0\0\0"
#define NAME "p\0c\0\0\0" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
/* 48 bytes of core data with 4 of head; 20 of channels */
#define BLOCKS "\x01\xc0\x44\0\x04\0\x08\0\x80\x04\x60\x03\x01\xca\x03\xaa\x09\x04\0\0\x28\x0a\0\0" NAME \
	"\x04\0\0\0\0\0\0\0\x0c\0\0\0" "\x03\xc0\x14\0\x01\0\0\0" "rdpdr\0\0\0" "\0\0\x80\x80"
#define GCC "\0\x05\0\x14\x7c\0\x01\x65\0\x08\0\x10\0\x01\xc0\0" "Duca" "\x58"

static const char head[] = "\x7f\x65\x7c\x04\x01\x01\x04\x01\x01\x01\x01\xff\x30\0\x30\0\x30\0\x04\x6d" GCC BLOCKS;

/* The sizes are those of what is here. */
static size_t
connect_request(char *out)
{
	size_t gcc = 21, blocks = sizeof(BLOCKS) - 1, before = sizeof(head) - 1 - gcc - blocks;

	memcpy(out, "\x03\0\0\0\x02\xf0\x80", 7);
	memcpy(out + 7, head, sizeof(head) - 1);
	out[7 + before - 1] = (char)(gcc + blocks);
	out[7 + before + gcc - 1] = (char)blocks;
	out[3] = (char)(7 + sizeof(head) - 1);
	return 7 + sizeof(head) - 1;
}

TEST(opening_in_pieces_of_any_size)
{
	char request[256];
	size_t size = connect_request(request);

	for (size_t piece = 1; piece < 60; piece++) {
		const struct said talk[] = {
			SAID(CC_TO_SERVER, COOKIE), SAID(CC_TO_CLIENT, PLAIN), {CC_TO_SERVER, request, size},
		};
		struct cc_ctx rig;

		rig_open(&rig, &rdp_parser, false, 3389);
		for (size_t i = 0; i < 3; i++)
			for (size_t at = 0; at < talk[i].size; at += piece)
				rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes + at,
				    talk[i].size - at < piece ? talk[i].size - at : piece));
		CHECK_UINT(rig.done_count, 3);
		CHECK_TEXT(rig_value(&rig, 0, "rdp.cookie", 0), "alice");
		CHECK_TEXT(rig_value(&rig, 0, "concert.requested_protocols", 0), "3");
		CHECK_TEXT(rig_value(&rig, 1, "event_type", 0), "initial_response");
		CHECK_TEXT(rig_value(&rig, 2, "event_type", 0), "connect_request");
		CHECK_TEXT(rig_value(&rig, 2, "client.version", 0), "v5");
		CHECK_TEXT(rig_value(&rig, 2, "client.desktop_width", 0), "1152");
		CHECK_TEXT(rig_value(&rig, 2, "client.build", 0), "Windows XP");
		CHECK_TEXT(rig_value(&rig, 2, "client.keyboard_layout", 0), "en-US");
		CHECK_TEXT(rig_value(&rig, 2, "rdp.client_name", 0), "pc");
		CHECK_TEXT(rig_value(&rig, 2, "channels", 0), "rdpdr");
		CHECK(rig_has_anomaly(&rig, "standard_security"));
		CHECK_UINT(rig.anomaly_count, 1);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(tls_is_handed_over)
{
	struct cc_ctx rig;

	rig_open(&rig, &rdp_parser, false, 3389);
	rig_feed(&rig, CC_TO_SERVER, slice_of(COOKIE, sizeof(COOKIE) - 1));
	rig_feed(&rig, CC_TO_CLIENT, slice_of(TLS, sizeof(TLS) - 1));
	CHECK(strstr(rig.said, "switch\n") != NULL);
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
	rig_open(&rig, &rdp_parser, false, 3389);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(REFUSED, sizeof(REFUSED) - 1));
	CHECK(rig_has_anomaly(&rig, "negotiation_failed"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK_UINT(torture_probe(&rdp_parser, false, 9, CC_TO_SERVER, slice_of(COOKIE, sizeof(COOKIE) - 1)), CC_OK);
	CHECK_UINT(torture_probe(&rdp_parser, false, 9, CC_TO_CLIENT, slice_of(TLS, sizeof(TLS) - 1)), CC_OK);
	CHECK_UINT(torture_probe(&rdp_parser, false, 102, CC_TO_CLIENT, slice_of(PLAIN, sizeof(PLAIN) - 1)), CC_BAD);
	CHECK_UINT(torture_probe(&rdp_parser, false, 3389, CC_TO_CLIENT, slice_of(PLAIN, sizeof(PLAIN) - 1)), CC_OK);
	for (size_t cut = 0; cut < 19; cut++)
		CHECK_UINT(torture_probe(&rdp_parser, false, 9, CC_TO_SERVER, slice_of(COOKIE, cut)), CC_MORE);
}

TEST(cut_and_flipped)
{
	char request[256];
	const struct said talk[] = {
	    SAID(CC_TO_SERVER, COOKIE),
	    SAID(CC_TO_CLIENT, PLAIN),
	    {CC_TO_SERVER, request, connect_request(request)},
	};

	torture(&rdp_parser, false, 3389, talk, 3);
}

TESTS(T(opening_in_pieces_of_any_size), T(tls_is_handed_over), T(who_is_taken), T(cut_and_flipped))
