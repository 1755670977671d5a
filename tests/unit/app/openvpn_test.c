/* OpenVPN: the four kinds of protection, TLS inside, packets lost and twice, over TCP; who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser openvpn_parser;

#define SESSION_C "\1\2\3\4\5\6\7\x08"
#define SESSION_S "\x11\x12\x13\x14\x15\x16\x17\x18"
#define HMAC20 "hmachmachmachmachmac"
#define AUTH HMAC20 "\0\0\0\1\x65\0\0\0"
#define HELLO "\x16\3\1\0\x2f\1\0\0\x2b\3\3TIMErandombytesrandombytes123456\0\0\2\xc0\x2f\1\0\0\0"
#define CLOCK "\x65\x53\xf1\0" /* the bench's */

static const struct said plain[] = {
    SAID(CC_TO_SERVER, "\x38" SESSION_C "\0\0\0\0\0"),
    SAID(CC_TO_CLIENT, "\x40" SESSION_S "\1\0\0\0\0" SESSION_C "\0\0\0\0"),
    SAID(CC_TO_SERVER, "\x20" SESSION_C "\0\0\0\0\1" HELLO),
    SAID(CC_TO_CLIENT, "\x28" SESSION_S "\1\0\0\0\1" SESSION_C),
    SAID(CC_TO_CLIENT, "\x20" SESSION_S "\0\0\0\0\1\x15\3\3\0\2\2\x28"),
};
static const struct said auth[] = {
	SAID(CC_TO_SERVER, "\0\x2a\x38" SESSION_C AUTH "\0\0\0\0\0"),
	SAID(CC_TO_CLIENT, "\0\x36\x40" SESSION_S AUTH "\1\0\0\0\0" SESSION_C "\0\0\0\0"),
	SAID(CC_TO_SERVER, "\0\x5e\x20" SESSION_C AUTH "\0\0\0\0\1" HELLO),
};
static const struct said crypt[] = {
	SAID(CC_TO_SERVER, "\x38" SESSION_C "\0\0\0\1" CLOCK HMAC20 "123456789012" "xxxxx"),
	SAID(CC_TO_CLIENT, "\x40" SESSION_S "\0\0\0\1" CLOCK HMAC20 "123456789012" "xxxxxxxxxxxxxxxxx"),
};

static void
run(struct cc_ctx *rig, bool udp, const struct said *said, size_t count)
{
	rig_open(rig, &openvpn_parser, udp, 1194);
	for (size_t i = 0; i < count; i++)
		rig_feed(rig, said[i].dir, slice_of(said[i].bytes, said[i].size));
}

static bool
is(const struct cc_ctx *rig, const char *name, const char *want)
{
	const char *value = rig_value(rig, 0, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

static void
end(struct cc_ctx *rig)
{
	rig_end(rig);
	CHECK_UINT(rig->done_count, 1);
	CHECK_UINT(rig->taken, 0);
	rig_free(rig);
}

TEST(in_clear)
{
	struct cc_ctx rig;

	run(&rig, true, plain, 5);
	CHECK(is(&rig, "protection", "none") && is(&rig, "reset", "2") && is(&rig, "ja3.string", "771,49199,,,"));
	CHECK(rig_value(&rig, 0, "ja4", 0) != NULL);
	CHECK_UINT(rig.anomaly_count, 0);
	end(&rig);
}

TEST(with_tls_auth_over_tcp)
{
	struct cc_ctx rig;

	run(&rig, false, auth, 3);
	CHECK(is(&rig, "protection", "tls-auth") && is(&rig, "hmac_size", "20") &&
	      is(&rig, "ja3.string", "771,49199,,,"));
	end(&rig);
}

TEST(with_tls_crypt)
{
	struct cc_ctx rig;

	run(&rig, true, crypt, 2);
	CHECK(is(&rig, "protection", "tls-crypt") && rig.enough[0] && rig.enough[1]);
	end(&rig);
}

TEST(lost_and_twice)
{
	struct cc_ctx rig;

	run(&rig, true, plain, 3);
	rig_feed(&rig, CC_TO_SERVER, slice_of(plain[2].bytes, plain[2].size));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_feed(&rig, CC_TO_SERVER, slice_of("\x20" SESSION_C "\0\0\0\0\5x", 15));
	CHECK(rig_has_anomaly(&rig, "missing_packets") && rig.enough[CC_TO_SERVER]);
	end(&rig);
}

TEST(who_is_taken)
{
	for (size_t i = 0; i < 2; i++) {
		CHECK(torture_probe(&openvpn_parser, true, 9, plain[i].dir, slice_of(plain[i].bytes, plain[i].size)) ==
		      CC_OK);
		CHECK(torture_probe(&openvpn_parser, true, 9, plain[i].dir,
			  slice_of(plain[i].bytes, plain[i].size - 1)) == CC_BAD);
		CHECK(torture_probe(&openvpn_parser, true, 9, crypt[i].dir, slice_of(crypt[i].bytes, crypt[i].size)) ==
		      CC_OK);
		CHECK(torture_probe(&openvpn_parser, false, 9, auth[i].dir, slice_of(auth[i].bytes, auth[i].size)) ==
		      CC_OK);
		CHECK(torture_probe(&openvpn_parser, false, 9, auth[i].dir,
			  slice_of(auth[i].bytes, auth[i].size - 1)) == CC_MORE);
	}
	CHECK(torture_probe(&openvpn_parser, true, 9, CC_TO_CLIENT, slice_of(plain[0].bytes, plain[0].size)) == CC_BAD);
	CHECK(torture_probe(&openvpn_parser, true, 9, CC_TO_SERVER, slice_of(plain[2].bytes, plain[2].size)) == CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&openvpn_parser, true, 1194, plain, sizeof(plain) / sizeof(plain[0]));
	torture(&openvpn_parser, false, 1194, auth, sizeof(auth) / sizeof(auth[0]));
	torture(&openvpn_parser, true, 1194, crypt, sizeof(crypt) / sizeof(crypt[0]));
}

TESTS(T(in_clear), T(with_tls_auth_over_tcp), T(with_tls_crypt), T(lost_and_twice), T(who_is_taken), T(cut_and_flipped))
