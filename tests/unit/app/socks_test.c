/* SOCKS 4, 4a and 5: steps of both sides, refusals, sides alone, who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser socks_parser;

static const struct said five[] = {
	SAID(CC_TO_SERVER, "\5\2\0\2"), SAID(CC_TO_CLIENT, "\5\2"), SAID(CC_TO_SERVER, "\1\4user\6secret"),
	SAID(CC_TO_CLIENT, "\1\0"), SAID(CC_TO_SERVER, "\5\1\0\3\x0c" "host.example\1\xbb"),
	SAID(CC_TO_CLIENT, "\5\0\0\1\x0a\0\0\1\4\x38"),
};
static const struct said four[] = {
	SAID(CC_TO_SERVER, "\4\1\0\x50\0\0\0\1me\0host.example\0"), SAID(CC_TO_CLIENT, "\0\x5a\0\0\0\0\0\0"),
};
static const struct said bind[] = {
	SAID(CC_TO_SERVER, "\5\1\0\5\2\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x15"),
	SAID(CC_TO_CLIENT, "\5\0\5\0\0\1\x0a\0\0\1\4\x38"), SAID(CC_TO_CLIENT, "\5\0\0\1\x0a\0\0\2\4\x39"),
};

static void
run(struct cc_ctx *rig, const struct said *said, size_t count)
{
	rig_open(rig, &socks_parser, false, 1080);
	for (size_t i = 0; i < count; i++)
		rig_feed(rig, said[i].dir, slice_of(said[i].bytes, said[i].size));
}

static bool
is(const struct cc_ctx *rig, const char *name, const char *want)
{
	const char *value = rig_value(rig, 0, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(five_with_a_password)
{
	struct cc_ctx rig;

	run(&rig, five, 5);
	CHECK(strstr(rig.said, "switch") == NULL);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(five[5].bytes, five[5].size));
	CHECK(strstr(rig.said, "switch") != NULL);
	CHECK_UINT(rig.done_count, 1);
	CHECK(is(&rig, "version", "5") && is(&rig, "socks.host", "host.example") && is(&rig, "socks.port", "443"));
	CHECK(is(&rig, "socks.user", "user") && is(&rig, "auth_status", "0") && is(&rig, "socks.reply", "0"));
	CHECK(is(&rig, "bound_host", "10.0.0.1") && rig_has_anomaly(&rig, "plaintext_credentials"));
	CHECK(strstr(rig.said, "secret") == NULL);
	rig_end(&rig);
	rig_free(&rig);
}

/* Called back: the connection's server asks. */
TEST(exchanged_roles)
{
	struct cc_ctx rig;

	CHECK(torture_probe(&socks_parser, false, 443, CC_TO_CLIENT, slice_of("\5\1\0", 3)) == CC_MORE);
	CHECK(torture_probe(&socks_parser, false, 443, CC_TO_SERVER, slice_of("\5\0", 2)) == CC_MORE);
	CHECK(torture_probe(&socks_parser, false, 443, CC_TO_CLIENT, slice_of("\5\1\0\5\1\0\1\xc0\0\2\1\0\x50", 13)) ==
	      CC_OK);
	CHECK(torture_probe(&socks_parser, false, 443, CC_TO_SERVER, slice_of("\5\0\5\0\0\1\x0a\0\0\1\4\x38", 12)) ==
	      CC_OK);
	CHECK(torture_probe(&socks_parser, false, 443, CC_TO_CLIENT, slice_of("\5\1\0\5\x9", 5)) == CC_BAD);
	rig_open(&rig, &socks_parser, false, 443);
	for (size_t i = 0; i < sizeof(five) / sizeof(five[0]); i++)
		rig_feed(&rig, cc_dir_other(five[i].dir), slice_of(five[i].bytes, five[i].size));
	CHECK(rig_has_anomaly(&rig, "exchanged_roles") && rig_has_anomaly(&rig, "plaintext_credentials"));
	CHECK(is(&rig, "socks.host", "host.example") && is(&rig, "bound_host", "10.0.0.1"));
	CHECK(strstr(rig.said, "switch") != NULL && !rig_has_anomaly(&rig, "malformed_message"));
	rig_end(&rig);
	rig_free(&rig);
	run(&rig, five, 6);
	CHECK(!rig_has_anomaly(&rig, "exchanged_roles"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(four_with_a_name)
{
	struct cc_ctx rig;

	run(&rig, four, 2);
	CHECK(strstr(rig.said, "switch") != NULL && !rig_has_anomaly(&rig, "malformed_message"));
	CHECK(is(&rig, "version", "4") && is(&rig, "socks.host", "host.example") && is(&rig, "socks.user", "me"));
	CHECK(is(&rig, "socks.reply", "90") && is(&rig, "socks.command", "1"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(bind_is_answered_twice)
{
	struct cc_ctx rig;

	run(&rig, bind, 2);
	CHECK(strstr(rig.said, "switch") == NULL);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(bind[2].bytes, bind[2].size));
	CHECK(strstr(rig.said, "switch") != NULL && is(&rig, "socks.host", "2001:db8::1"));
	CHECK(is(&rig, "bound_port", "1080"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(refused_and_unanswered)
{
	static uint8_t much[20000];
	struct cc_ctx rig;

	run(&rig, five, 5);
	rig_feed(&rig, CC_TO_CLIENT, slice_of("\5\5\0\1\0\0\0\0\0\0", 10));
	CHECK(strstr(rig.said, "switch") == NULL && rig.enough[0] && rig.enough[1] && is(&rig, "socks.reply", "5"));
	rig_end(&rig);
	rig_free(&rig);
	run(&rig, four, 1);
	rig_feed(&rig, CC_TO_SERVER, slice_of(much, sizeof(much)));
	CHECK(strstr(rig.said, "switch") != NULL && rig_has_anomaly(&rig, "no_answer"));
	rig_end(&rig);
	rig_free(&rig);
	run(&rig, five, 1);
	rig_feed(&rig, CC_TO_SERVER, slice_of("GET /", 5));
	CHECK(rig.status == CC_BAD && rig_has_anomaly(&rig, "malformed_message"));
	rig_end(&rig);
	rig_free(&rig);
}

static enum cc_status
asked(uint16_t port, enum cc_dir dir, const char *bytes, size_t size)
{
	return torture_probe(&socks_parser, false, port, dir, slice_of(bytes, size));
}

TEST(who_is_taken)
{
	CHECK(asked(9, CC_TO_SERVER, "\5\1\0", 3) == CC_MORE && asked(1080, CC_TO_SERVER, "\5\1\0", 3) == CC_OK);
	CHECK(asked(9, CC_TO_SERVER, "\5\1\0\5\1\0\1\x0a\0\0\1\0\x50", 13) == CC_OK);
	CHECK(asked(9, CC_TO_SERVER, "\5\1\0\5\1\0\3\3a b\0\x50", 13) == CC_BAD);
	CHECK(asked(9, CC_TO_SERVER, "\5\0\1", 3) == CC_BAD && asked(9, CC_TO_SERVER, "\5\1\x44", 3) == CC_BAD);
	CHECK(asked(9, CC_TO_SERVER, four[0].bytes, four[0].size) == CC_OK);
	CHECK(asked(9, CC_TO_SERVER, "\4\1\0\x50\x0a\0\0\1me\0x", 12) == CC_BAD);
	CHECK(asked(9, CC_TO_CLIENT, "\5\0\5\0\0\1\x0a\0\0\1\4\x38", 12) == CC_OK);
	CHECK(asked(9, CC_TO_CLIENT, "\0\x5a\0\0\0\0\0\0", 8) == CC_BAD && asked(9, CC_TO_CLIENT, "HTTP", 4) == CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&socks_parser, false, 1080, five, sizeof(five) / sizeof(five[0]));
	torture(&socks_parser, false, 1080, four, sizeof(four) / sizeof(four[0]));
	torture(&socks_parser, false, 1080, bind, sizeof(bind) / sizeof(bind[0]));
}

TESTS(T(exchanged_roles), T(five_with_a_password), T(four_with_a_name), T(bind_is_answered_twice),
    T(refused_and_unanswered), T(who_is_taken), T(cut_and_flipped))
