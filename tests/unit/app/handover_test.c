/*
 * From one protocol to the next: STARTTLS of each protocol that has it, CONNECT, SOCKS, Upgrade.  The flow is the inner
 * protocol's from the next byte on, whatever the port; what comes otherwise than announced is told.
 */
#include "parts.h"

/* a record, a hello of TLS 1.2, two suites, no extension */
#define HELLO                                                                                                          \
	"\x16\3\1\0\x31\1\0\0\x2d\3\3"                                                                                 \
	"0123456789abcdef0123456789abcdef"                                                                             \
	"\0\0\4\xc0\x2f\xc0\x30\1\0\0\0"
#define GET "GET /inner HTTP/1.1\r\nHost: a.example\r\n\r\n"

static const struct {
	const char *outer, *inner;
	bool tls; /* nothing else is allowed to follow */
	struct part part[8];
} tried[] = {
    {"smtp", "tls", true,
	{S("220 mx.example ESMTP\r\n"), C("EHLO a.example\r\n"), S("250-mx\r\n250 STARTTLS\r\n"), C("STARTTLS\r\n"),
	    S("220 go on\r\n")}},
    {"imap", "tls", true, {S("* OK ready\r\n"), C("a STARTTLS\r\n"), S("a OK go on\r\n")}},
    {"pop3", "tls", true, {S("+OK POP3 ready\r\n"), C("STLS\r\n"), S("+OK go on\r\n")}},
    {"ftp", "tls", true, {S("220 files\r\n"), C("AUTH TLS\r\n"), S("234 go on\r\n")}},
    {"ldap", "tls", true,
	{C("\x30\x1d\2\1\1\x77\x18\x80\x16"
	   "1.3.6.1.4.1.1466.20037"),
	    S("\x30\x0c\2\1\1\x78\7\x0a\1\0\4\0\4\0")}},
    {"xmpp", "tls", true,
	{C(ROOT), S(ROOT), C("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
	    S("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")}},
    {"irc", "tls", true, {C("NICK a\r\nSTARTTLS\r\n"), S(":s.example 670 a :go on\r\n")}},
    {"pgsql", "tls", true, {C("\0\0\0\x08\4\xd2\x16\x2f"), S("S")}},
    {"rdp", "tls", true,
	{C("\3\0\0\x2b\x26\xe0\0\0\0\0\0"
	   "Cookie: mstshash=alice\r\n"
	   "\1\0\x08\0\3\0\0\0"),
	    S("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\0\x08\0\1\0\0\0")}},
    {"rfb", "tls", true, {S("RFB 003.008\n"), C("RFB 003.008\n"), S("\1\x12"), C("\x12")}},
    {"http", "tls", false,
	{C("CONNECT b.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n"), S("HTTP/1.1 200 Connected\r\n\r\n")}},
    {"socks", "tls", false,
	{C("\5\1\0"), S("\5\0"),
	    C("\5\1\0\3\x9"
	      "b.example\1\xbb"),
	    S("\5\0\0\1\xc0\0\2\2\4\0")}},
    {"socks", "tls", false, {C("\4\1\1\xbb\xc0\0\2\1\0"), S("\0\x5a\0\0\0\0\0\0")}},
};

static void
outer(struct rig *rig, unsigned i)
{
	rig_begin(rig);
	rig->flow.side[CC_TO_CLIENT].port = 31337;
	for (unsigned k = 0; k < 8 && tried[i].part[k].bytes != NULL; k++)
		rig_add(rig, tried[i].part[k].dir, slice_of(tried[i].part[k].bytes, tried[i].part[k].size));
}

static bool
says(const char *out, const char *word, const char *what)
{
	char line[80];

	snprintf(line, sizeof(line), "%s %s\n", word, what);
	return strstr(out, line) != NULL;
}

TEST(tls_follows)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *out;

		outer(&rig, i);
		rig_add(&rig, CC_TO_SERVER, slice_of(HELLO, sizeof(HELLO) - 1));
		out = rig_end(&rig);
		if (!says(out, "is", tried[i].outer) || !says(out, "is", tried[i].inner) ||
		    strstr(out, "odd applayer") != NULL)
			printf("%s:\n%s", tried[i].outer, out);
		CHECK(says(out, "is", tried[i].outer) && says(out, "is", tried[i].inner));
		CHECK(strstr(out, "odd applayer") == NULL);
	}
	rig_close(&rig);
}

/* In a tunnel anything may follow; behind STARTTLS only TLS. */
TEST(something_else_follows)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *out;

		outer(&rig, i);
		rig_add(&rig, CC_TO_SERVER, slice_of(GET, sizeof(GET) - 1));
		out = rig_end(&rig);
		CHECK(strstr(out, "http.uri /inner\n") != NULL);
		if (says(out, "odd", "applayer_no_tls_after_starttls") != tried[i].tls)
			printf("%s:\n%s", tried[i].outer, out);
		CHECK(says(out, "odd", "applayer_no_tls_after_starttls") == tried[i].tls);
	}
	rig_close(&rig);
}

/* The server's consent comes with the first byte of what follows, or is cut anywhere. */
TEST(cut_anywhere)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *out;

		rig_begin(&rig);
		rig.flow.side[CC_TO_CLIENT].port = 31337;
		for (unsigned k = 0; k < 8 && tried[i].part[k].bytes != NULL; k++)
			for (size_t at = 0; at < tried[i].part[k].size; at++)
				rig_add(&rig, tried[i].part[k].dir, slice_of(tried[i].part[k].bytes + at, 1));
		for (size_t at = 0; at < sizeof(HELLO) - 1; at++)
			rig_add(&rig, CC_TO_SERVER, slice_of(HELLO + at, 1));
		out = rig_end(&rig);
		CHECK(says(out, "is", tried[i].outer) && says(out, "is", tried[i].inner));
	}
	rig_close(&rig);
}

TESTS(T(tls_follows), T(something_else_follows), T(cut_anywhere))
