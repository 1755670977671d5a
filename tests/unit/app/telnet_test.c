/* Telnet: options, who logs in and whether it worked, variables, TLS; bytes one by one; who is taken; cuts and flips.
 */
#include "torture.h"

extern const struct cc_parser telnet_parser;

#define LIT(text) slice_of(text, sizeof(text) - 1)
#define TYPE "\xff\xfa\x18\0xterm\xff\xf0"

static const struct said session[] = {
	SAID(CC_TO_CLIENT, "\xff\xfd\x18\xff\xfb\x01"), SAID(CC_TO_SERVER, "\xff\xfb\x18\xff\xfd\x01"),
	SAID(CC_TO_CLIENT, "\xff\xfa\x18\1\xff\xf0"), SAID(CC_TO_SERVER, TYPE),
	SAID(CC_TO_CLIENT, "Debian 12\r\nhost login: "),
	SAID(CC_TO_SERVER, "rx\x7foot\r\0"), SAID(CC_TO_CLIENT, "rx\b oot\r\nPassword: "),
	SAID(CC_TO_SERVER, "hush\r\n"),
	SAID(CC_TO_CLIENT, "\r\nLogin incorrect\r\nlogin: "), SAID(CC_TO_SERVER, "admin\r\n"),
	SAID(CC_TO_CLIENT, "Password: "),
	SAID(CC_TO_SERVER, "\r\n"), SAID(CC_TO_CLIENT, "\r\nLast login: yesterday\r\n# "), SAID(CC_TO_SERVER, "id\r\n"),
};

static void
run(struct cc_ctx *rig, size_t piece)
{
	rig_open(rig, &telnet_parser, false, 23);
	for (size_t i = 0; i < sizeof(session) / sizeof(session[0]); i++)
		for (size_t at = 0; at < session[i].size; at += piece)
			rig_feed(rig, session[i].dir, slice_of(session[i].bytes + at,
			    session[i].size - at < piece ? session[i].size - at : piece));
	rig_end(rig);
}

static bool
is(const struct cc_ctx *rig, unsigned tx, const char *name, const char *want)
{
	const char *value = rig_value(rig, tx, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(two_attempts)
{
	for (size_t piece = 1; piece <= 100; piece += 33) {
		struct cc_ctx rig;

		run(&rig, piece);
		CHECK_UINT(rig.done_count, 2);
		CHECK(is(&rig, 0, "telnet.user", "root") && is(&rig, 0, "telnet.success", "0"));
		CHECK(is(&rig, 0, "telnet.terminal", "xterm") && is(&rig, 0, "client_options", "will:24 do:1"));
		CHECK(is(&rig, 0, "server_options", "do:24 will:1"));
		CHECK(is(&rig, 1, "telnet.user", "admin") && is(&rig, 1, "telnet.success", "1"));
		CHECK(rig_has_anomaly(&rig, "plaintext_credentials") && strstr(rig.said, "hush") == NULL);
		CHECK_UINT(rig.anomaly_count, 1); /* the second password was empty */
		rig_free(&rig);
	}
}

TEST(variables)
{
	struct cc_ctx rig;

	rig_open(&rig, &telnet_parser, false, 23);
	rig_feed(&rig, CC_TO_SERVER, LIT("\xff\xfb\x27\xff\xfa\x27\0\0USER\1-froot\3X\1a\2\3z\xff\xff\xff\xf0"));
	rig_end(&rig);
	CHECK(is(&rig, 0, "telnet.user", "-froot") && rig_has_anomaly(&rig, "user_is_option"));
	CHECK(is(&rig, 0, "environ", "USER=-froot") && strcmp(rig_value(&rig, 0, "environ", 1), "X=a\3z\xff") == 0);
	rig_free(&rig);
}

TEST(ends_and_limits)
{
	static char much[(1 << 20) + 100];
	struct cc_ctx rig;

	memset(much, 'a', sizeof(much));
	memcpy(much, "\xff\xfa\x18", 3);
	rig_open(&rig, &telnet_parser, false, 23);
	rig_feed(&rig, CC_TO_SERVER, slice_of(much, sizeof(much)));
	CHECK(rig_has_anomaly(&rig, "suboption_too_long"));
	rig_feed(&rig, CC_TO_SERVER, LIT("\xff\xf0" TYPE));
	CHECK(is(&rig, 0, "telnet.terminal", "xterm"));
	rig_end(&rig);
	rig_free(&rig);
	/* START_TLS, and what is encrypted by an option. */
	rig_open(&rig, &telnet_parser, false, 23);
	rig_feed(&rig, CC_TO_SERVER, LIT("\xff\xfb\x2e\xff\xfa\x2e\1\xff\xf0"));
	CHECK(strstr(rig.said, "switch") == NULL);
	rig_feed(&rig, CC_TO_CLIENT, LIT("\xff\xfd\x2e\xff\xfa\x2e\1\xff\xf0"));
	CHECK(strstr(rig.said, "switch") != NULL);
	rig_end(&rig);
	rig_free(&rig);
	rig_open(&rig, &telnet_parser, false, 23);
	rig_feed(&rig, CC_TO_SERVER, LIT("\xff\xfb\x26\xff\xfa\x26\3\1\xff\xf0xyz"));
	CHECK(rig.enough[0] && rig.enough[1]);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK(torture_probe(&telnet_parser, false, 9, CC_TO_CLIENT, LIT("\xff\xfd\x18")) == CC_OK);
	CHECK(torture_probe(&telnet_parser, false, 9, CC_TO_CLIENT, LIT("\xff\xfd")) == CC_MORE);
	CHECK(torture_probe(&telnet_parser, false, 9, CC_TO_SERVER, LIT("\xff\xfd\x18\x80")) == CC_BAD);
	CHECK(torture_probe(&telnet_parser, false, 9, CC_TO_SERVER, LIT("\xff\xd8\xff")) == CC_BAD);
	CHECK(torture_probe(&telnet_parser, false, 9, CC_TO_CLIENT, LIT("login: ")) == CC_BAD);
	CHECK(torture_probe(&telnet_parser, false, 23, CC_TO_CLIENT, LIT("hi\r\nlogin: ")) == CC_OK);
	CHECK(torture_probe(&telnet_parser, false, 23, CC_TO_CLIENT, LIT("hi")) == CC_MORE);
}

TEST(cut_and_flipped)
{
	torture(&telnet_parser, false, 23, session, sizeof(session) / sizeof(session[0]));
}

TESTS(T(two_attempts), T(variables), T(ends_and_limits), T(who_is_taken), T(cut_and_flipped))
