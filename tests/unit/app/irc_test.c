/* IRC: lines of both sides, bots' orders, offers between clients, passwords, tags; who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser irc_parser;

#define LIT(text) slice_of(text, sizeof(text) - 1)

static bool
is(const struct cc_ctx *rig, unsigned tx, const char *name, const char *want)
{
	const char *value = rig_value(rig, tx, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(a_bot_is_told_what_to_do)
{
	struct cc_ctx rig;

	rig_open(&rig, &irc_parser, false, 6667);
	rig_feed(&rig, CC_TO_SERVER, LIT("NICK [DE]-0815\r\nUSER bot 0 * :a bot\r\n"));
	rig_feed(&rig, CC_TO_CLIENT,
	    LIT(":irc.evil 001 [DE]-0815 :Welcome\r\n:irc.evil 372 [DE]-0815 :- motd\r\nPING :x\r\n"));
	rig_feed(&rig, CC_TO_SERVER, LIT("PONG :x\r\nJOIN #c key\r\n"));
	rig_feed(&rig, CC_TO_CLIENT,
	    LIT(":irc.evil 332 [DE]-0815 #c :.ddos 192.0.2.1\r\n@time=1;a=b :m!u@h PRIVMSG #c :.up"));
	rig_feed(&rig, CC_TO_CLIENT, LIT("date\n:[DE]-0815!bot@h NICK :other\r\n"));
	rig_feed(&rig, CC_TO_SERVER, LIT("QUIT :bye\r\n"));
	CHECK_UINT(rig.done_count, 8);
	CHECK(is(&rig, 0, "irc.nick", "[DE]-0815") && is(&rig, 1, "irc.realname", "a bot") &&
	      is(&rig, 1, "irc.user", "bot"));
	CHECK(is(&rig, 3, "irc.target", "#c") && is(&rig, 3, "irc.params", "key"));
	CHECK(is(&rig, 4, "irc.command", "332") && is(&rig, 4, "irc.text", ".ddos 192.0.2.1"));
	CHECK(is(&rig, 5, "irc.text", ".update") && is(&rig, 5, "irc.source", "m!u@h") &&
	      is(&rig, 5, "irc.tags", "time=1;a=b"));
	CHECK(is(&rig, 7, "irc.nick", "other") && is(&rig, 7, "irc.text", "bye"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(offers_between_clients)
{
	struct cc_ctx rig;

	rig_open(&rig, &irc_parser, false, 6667);
	rig_feed(&rig, CC_TO_CLIENT, LIT(":a!b@c PRIVMSG me :\1DCC SEND \"my file.exe\" 3221225985 5000 1234\1\r\n"));
	CHECK(is(&rig, 0, "irc.ctcp", "DCC") && is(&rig, 0, "irc.dcc", "SEND") &&
	      is(&rig, 0, "irc.dcc.file", "my file.exe"));
	CHECK(is(&rig, 0, "irc.dcc.addr", "192.0.2.1") && is(&rig, 0, "irc.dcc.port", "5000") &&
	      is(&rig, 0, "irc.dcc.size", "1234"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_feed(&rig, CC_TO_CLIENT, LIT(":a!b@c PRIVMSG me :\1DCC SEND f 3221225985 abc 1\1\r\n"));
	CHECK(rig_has_anomaly(&rig, "invalid_dcc"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(passwords_are_not_kept)
{
	static const char *const lines[] = {"PASS hush\r\n", "OPER me hush\r\n", "PRIVMSG NickServ :IDENTIFY hush\r\n",
	    "AUTHENTICATE PLAIN\r\nAUTHENTICATE hush\r\n"};
	struct cc_ctx rig;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		rig_open(&rig, &irc_parser, false, 6667);
		rig_feed(&rig, CC_TO_SERVER, slice_str(lines[i]));
		CHECK(rig_has_anomaly(&rig, "plaintext_credentials") && strstr(rig.said, "hush") == NULL);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(tls_is_handed_on)
{
	struct cc_ctx rig;

	rig_open(&rig, &irc_parser, false, 6667);
	rig_feed(&rig, CC_TO_SERVER, LIT("STARTTLS\r\n"));
	rig_feed(&rig, CC_TO_CLIENT, LIT(":s 670 * :go on\r\n"));
	CHECK(strstr(rig.said, "switch") != NULL);
	rig_end(&rig);
	rig_free(&rig);
	rig_open(&rig, &irc_parser, false, 6667);
	rig_feed(&rig, CC_TO_SERVER, LIT("STARTTLS\r\nNICK a\r\n"));
	CHECK(rig_has_anomaly(&rig, "starttls_injection"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(long_lines_and_gaps)
{
	static char line[3 << 20];
	struct cc_ctx rig;

	memset(line, 'a', sizeof(line));
	memcpy(line, "PRIVMSG #c :", 12);
	rig_open(&rig, &irc_parser, false, 6667);
	rig_feed(&rig, CC_TO_SERVER, slice_of(line, sizeof(line)));
	CHECK(rig_has_anomaly(&rig, "line_too_long"));
	rig_feed(&rig, CC_TO_SERVER, LIT("rest\r\nNICK a\r\nNICK b"));
	rig_gap(&rig, CC_TO_SERVER, 5);
	rig_feed(&rig, CC_TO_SERVER, LIT("x\r\nNICK c\r\n"));
	CHECK_UINT(rig.done_count, 3);
	CHECK(is(&rig, 2, "irc.nick", "c"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	static const struct {
		enum cc_dir dir;
		const char *text;
		enum cc_status want;
	} asked[] = {
		{CC_TO_SERVER, "NICK a\r\n", CC_OK}, {CC_TO_SERVER, "USER a\r\n", CC_MORE},
		{CC_TO_SERVER, "USER a b c d\r\n", CC_OK},
		{CC_TO_SERVER, "PASS x\r\nNICK a\r\n", CC_OK},
		{CC_TO_SERVER, "USER a\r\nPASS b\r\nLIST\r\nRETR 1\r\n", CC_BAD},
		{CC_TO_SERVER, "GET / HTTP/1.1\r\n", CC_BAD}, {CC_TO_SERVER, "EHLO a\r\n", CC_BAD},
		{CC_TO_SERVER, "PING\r\n", CC_MORE},
		{CC_TO_SERVER, "JOIN #c\r\n", CC_OK}, {CC_TO_SERVER, "NICK a b\1\r\n", CC_OK},
		{CC_TO_SERVER, "NICK 1\r\n", CC_BAD},
		{CC_TO_CLIENT, ":s 001 a :hi\r\n", CC_OK}, {CC_TO_CLIENT, "NOTICE AUTH :*** x\r\n", CC_OK},
		{CC_TO_CLIENT, "220 ftp\r\n", CC_BAD},
		{CC_TO_CLIENT, "ERROR :no\r\n", CC_OK}, {CC_TO_CLIENT, "+OK\r\n", CC_BAD},
		{CC_TO_SERVER, ":s 001 a :hi\r\n", CC_BAD},
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		enum cc_status st = torture_probe(&irc_parser, false, 9, asked[i].dir, slice_str(asked[i].text));

		if (st != asked[i].want)
			fprintf(stderr, "%s", asked[i].text);
		CHECK(st == asked[i].want);
	}
}

TEST(cut_and_flipped)
{
	static const struct said said[] = {
	    SAID(CC_TO_SERVER, "PASS x\r\nNICK a\r\nUSER b 0 * :c\r\n"),
	    SAID(CC_TO_CLIENT, ":s 001 a :hi\r\n:s 332 a #c :t\r\n"),
	    SAID(CC_TO_SERVER, "@a=b PRIVMSG #c :\1DCC SEND f 1 2 3\1\r\nAUTHENTICATE PLAIN\r\n"),
	    SAID(CC_TO_SERVER, "STARTTLS\r\n"),
	    SAID(CC_TO_CLIENT, ":s 670 a :go\r\n"),
	};

	torture(&irc_parser, false, 6667, said, sizeof(said) / sizeof(said[0]));
}

TESTS(T(a_bot_is_told_what_to_do), T(offers_between_clients), T(passwords_are_not_kept), T(tls_is_handed_on),
    T(long_lines_and_gaps), T(who_is_taken), T(cut_and_flipped))
