/*
 * Passwords in clear, for every protocol that has them, through the whole of app: each is told, and none is kept; and
 * log-ons that are as good as in clear, or as nobody.
 * The password is always "hush".
 */
#include "parts.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

static const struct {
	const char *name, *odd;
	uint8_t proto;
	struct part part[8];
} tried[] = {
    {"http", "plaintext_credentials", 6,
	{C("GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic dXNlcjpodXNo\r\n\r\n"),
	    S("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}},
    {"http", "plaintext_credentials", 6,
	{C("CONNECT b.example:443 HTTP/1.1\r\nHost: b\r\nProxy-Authorization: Basic dXNlcjpodXNo\r\n\r\n"),
	    S("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")}},
    {"http2", "plaintext_credentials", 6,
	{C(PREFACE "\0\0\x27\1\5\0\0\0\1\x82\x86\x84\x41\x09"
		   "a.example"
		   "\x0f\x08\x12"
		   "Basic dXNlcjpodXNo"
		   "\x40\1y\0"),
	    S("\0\0\0\4\0\0\0\0\0\0\0\1\1\5\0\0\0\1\x88")}},
    {"ftp", "plaintext_credentials", 6,
	{S("220 files\r\n"), C("USER user\r\n"), S("331 password\r\n"), C("PASS hush\r\n"), S("230 in\r\n")}},
    {"pop3", "plaintext_credentials", 6,
	{S("+OK ready\r\n"), C("USER user\r\n"), S("+OK\r\n"), C("PASS hush\r\n"), S("+OK\r\n")}},
    {"pop3", "plaintext_credentials", 6,
	{S("+OK ready\r\n"), C("AUTH PLAIN\r\n"), S("+ \r\n"), C("AHVzZXIAaHVzaA==\r\n"), S("+OK\r\n")}},
    {"imap", "plaintext_credentials", 6, {S("* OK ready\r\n"), C("a LOGIN user hush\r\n"), S("a OK in\r\n")}},
    {"imap", "plaintext_credentials", 6,
	{S("* OK ready\r\n"), C("a AUTHENTICATE PLAIN\r\n"), S("+ \r\n"), C("AHVzZXIAaHVzaA==\r\n"), S("a OK in\r\n")}},
    {"smtp", "plaintext_credentials", 6,
	{S("220 mx.example ESMTP\r\n"), C("EHLO a.example\r\n"), S("250-mx\r\n250 AUTH PLAIN LOGIN\r\n"),
	    C("AUTH PLAIN AHVzZXIAaHVzaA==\r\n"), S("235 in\r\n")}},
    {"smtp", "plaintext_credentials", 6,
	{S("220 mx.example ESMTP\r\n"), C("EHLO a.example\r\n"), S("250-mx\r\n250 AUTH PLAIN LOGIN\r\n"),
	    C("AUTH LOGIN\r\n"), S("334 VXNlcm5hbWU6\r\n"), C("dXNlcg==\r\n"), S("334 UGFzc3dvcmQ6\r\n"),
	    C("aHVzaA==\r\n")}},
    {"telnet", "plaintext_credentials", 6,
	{S("\xff\xfd\x18\xff\xfb\1login: "), C("\xff\xfb\x18"), C("user\r\n"), S("user\r\nPassword: "), C("hush\r\n"),
	    S("\r\nWelcome\r\n$ ")}},
    {"irc", "plaintext_credentials", 6,
	{C("PASS hush\r\nNICK user\r\nUSER user 0 * :u\r\n"), S(":s 001 user :hi\r\n")}},
    {"ldap", "plaintext_credentials", 6,
	{C("\x30\x15\2\1\1\x60\x10\2\1\3\4\5"
	   "cn=us"
	   "\x80\4hush"),
	    S("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0")}},
    {"snmp", "plaintext_credentials", 17,
	{C("\x30\x23\2\1\1\4\4hush\xa0\x18\2\2\1\2\2\1\0\2\1\0\x30\x0c\x30\x0a\6\6\x2b\6\1\2\1\1\5\0")}},
    {"sip", "plaintext_credentials", 17,
	{C("REGISTER sip:a.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: "
	   "<sip:u@a.example>;tag=1\r\n"
	   "To: <sip:u@a.example>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nAuthorization: Basic dXNlcjpodXNo\r\n"
	   "Content-Length: 0\r\n\r\n")}},
    {"xmpp", "plaintext_credentials", 6,
	{C(ROOT), S(ROOT),
	    C("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHVzZXIAaHVzaA==</auth>")}},
    {"socks", "plaintext_credentials", 6,
	{C("\5\1\2"), S("\5\2"), C("\1\4user\4hush"), S("\1\0"), C("\5\1\0\1\xc0\0\2\1\0\x50"),
	    S("\5\0\0\1\xc0\0\2\2\4\0")}},
    {"mqtt", "plaintext_credentials", 6, {C("\x10\x19\0\4MQTT\4\xc2\0\x3c\0\1a\0\4user\0\4hush"), S("\x20\2\0\0")}},
    {"smb", "ntlm_v1", 6, {C("\000\000\000\172\377\123\115\102\163\000\000\000\000\030\001\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\001\000\000\000\001\000\015\377\000\000\000\004\021\062"
	"\000\000\000\000\000\000\000\030\000\030\000\000\000\000\000\324\000\000\000\075\000\114"
	"\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114\114"
	"\114\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116\116"
	"\116\116\116\165\163\145\162\000\104\000\157\163\000\154\155\000")}},
    {"smb", "plaintext_credentials", 6,
	{C("\000\000\000\116\377\123\115\102\163\000\000\000\000\030\001\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\001\000\000\000\001\000\015\377\000\000\000\004\021\062"
	"\000\000\000\000\000\000\000\004\000\000\000\000\000\000\000\324\000\000\000\021\000\150"
	"\165\163\150\165\163\145\162\000\104\000\157\163\000\154\155\000")}},
    {"smb", "anonymous_logon", 6,
	{C("\000\000\000\106\377\123\115\102\163\000\000\000\000\030\001\000\000\000\000\000\000\000"
	"\000\000\000\000\000\000\000\000\001\000\000\000\001\000\015\377\000\000\000\004\021\062"
	"\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000\324\000\000\000\011\000\000"
	"\000\000\157\163\000\154\155\000")}},
    {"rfb", "no_authentication", 6,
	{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\1\1"), C("\1"), S("\0\0\0\0"), C("\1"),
	    S("\4\0\3\0\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x8\0\0\0\0\0\0\0\4"
	      "desk")}},
    {"rfb", "weak_authentication", 6,
	{S("RFB 003.008\n"), C("RFB 003.008\n"), S("\1\2"), C("\2"), S("0123456789abcdef"), C("fedcba9876543210"),
	    S("\0\0\0\0")}},
};

static const char *
run(struct rig *rig, unsigned i)
{
	rig_begin(rig);
	rig->flow.proto = tried[i].proto;
	rig->flow.side[CC_TO_CLIENT].port = 31337;
	for (unsigned k = 0; k < 8 && tried[i].part[k].bytes != NULL; k++) {
		const struct part *part = &tried[i].part[k];
		struct chunk chunk = {.dir = part->dir,
		    .p = (const uint8_t *)part->bytes,
		    .size = part->size,
		    .fresh = part->size,
		    .datagram = true};

		if (tried[i].proto == 6) {
			rig_add(rig, part->dir, slice_of(part->bytes, part->size));
			continue;
		}
		rig_seed(rig, part->dir, slice_of(part->bytes, part->size), false);
		app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
		rig_drain(rig);
	}
	return rig_end(rig);
}

/* Rules may look at all that was said; the log has no password, but where Suricata's form of it demands the command. */
static bool
logged(const char *name, const char *out)
{
	const struct cc_parser *parser = app_parser_by_name(slice_str(name));
	static const char *const secrets[] = {"hush", "aHVzaA", "dXNlcjpodXNo"};

	for (const char *line = out; line != NULL; line = strchr(line + 1, '\n')) {
		const char *at = strstr(line, "\n  "), *end = strchr(line + 1, '\n');
		char field[128] = "";
		int index;

		if (at != line || end == NULL || sscanf(line + 4, "%127s", field) != 1)
			continue;
		index = app_field_by_buffer(parser, slice_str(field));
		if (index < 0 || parser->fields[index].eve == NULL)
			continue;
		for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
			if (memmem(line, (size_t)(end - line), secrets[i], strlen(secrets[i])) != NULL &&
			    strcmp(field, "ftp.command_data") != 0)
				return true;
	}
	return false;
}

TEST(every_password_is_told_and_none_kept)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *out = run(&rig, i);
		char is[64], odd[64];
		bool good;

		snprintf(is, sizeof(is), "is %s\n", tried[i].name);
		snprintf(odd, sizeof(odd), "odd %s\n", tried[i].odd);
		good = strstr(out, is) != NULL && strstr(out, odd) != NULL && !logged(tried[i].name, out);
		if (!good)
			printf("%s:\n%s", tried[i].name, out);
		CHECK(good);
	}
	rig_close(&rig);
}

TESTS(T(every_password_is_told_and_none_kept))
