/* IMAP: sessions in order, from one side, with gaps, behind STARTTLS; literals; mail; passwords; cuts and flips. */
#include "app_rig.h"

/* "> " before a line of the server's; lines of either side in their order, in pieces. */
static void
say(struct rig *rig, const char *text, size_t piece)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n') + 1;
		bool server = text[0] == '>' && text[1] == ' ';
		struct slice line = slice_of(text + (server ? 2 : 0), (size_t)(end - text) - (server ? 2 : 0));

		while (line.size > 0) {
			size_t size = piece == 0 || piece > line.size ? line.size : piece;

			rig_add(rig, server ? CC_TO_CLIENT : CC_TO_SERVER, slice_of(line.p, size));
			line = slice_of(line.p + size, line.size - size);
		}
		text = end;
	}
}

static const char *
run(struct rig *rig, const char *text, size_t piece)
{
	rig_begin(rig);
	say(rig, text, piece);
	return rig_end(rig);
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

#define MAIL \
	"> From: a@x.example\r\n> To: b@y.example, c@z.example\r\n> Subject: hello\r\n" \
	"> MIME-Version: 1.0\r\n> Content-Type: multipart/mixed; boundary=zz\r\n> \r\n" \
	"> --zz\r\n> Content-Type: text/plain\r\n> \r\n> see http://u.example/p\r\n> a1 OK {3}\r\n" \
	"> --zz\r\n> Content-Type: application/octet-stream; name=f.bin\r\n" \
	"> Content-Transfer-Encoding: base64\r\n> \r\n> aGVsbG8=\r\n> --zz--\r\n"

static const char session[] =
    "> * OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n"
    "a1 CAPABILITY\r\n> * CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n> a1 OK done\r\n"
    "a2 login \"ro\\\"bin\" secret\r\n> a2 OK in\r\n"
    "a3 select inbox\r\n> * 2 EXISTS\r\n> * FLAGS (\\Seen)\r\n> a3 OK [READ-WRITE] selected\r\n"
    "a4 UID FETCH 7 (UID BODY.PEEK[])\r\n> * 1 FETCH (UID 7 BODY[] {312}\r\n" MAIL "> )\r\n> a4 OK done\r\n"
    "a5 APPEND \"Sent\" (\\Seen) {39+}\r\nSubject: mine\r\nFrom: m@x.example\r\n\r\na\r\n\r\n> a5 OK stored\r\n"
    "a6 idle\r\n> + idling\r\n> * 3 EXISTS\r\nDONE\r\n> a6 OK\r\n"
    "a7 logout\r\n> * BYE\r\n> a7 OK bye\r\n";

TEST(a_session)
{
	struct rig rig;
	const char *out;
	char *whole;

	rig_open(&rig, NULL);
	out = run(&rig, session, 0);
	CHECK(has(out, "is imap\ntx 0\n  >imap.status OK\n  >imap.reply [CAPABILITY IMAP4rev1 LITERAL+] ready\n"));
	CHECK(has(out, "  <tag a2\n  <imap.command LOGIN\n  <imap.user ro\"bin\n  >imap.status OK\n"));
	CHECK(has(out, "odd plaintext_credentials\n") && !has(out, "secret"));
	CHECK(has(
	    out, "  <imap.command SELECT\n  <imap.args inbox\n  >imap.data 2 EXISTS\n  >imap.data FLAGS (\\\\Seen)\n"));
	CHECK(has(out, "  <imap.command UID FETCH\n  <imap.args 7 (UID BODY.PEEK[])\n"));
	CHECK(has(out, "  <email.from a@x.example\n") && has(out, "  <email.to c@z.example\n"));
	CHECK(has(out, "  <email.url u.example/p\n"));
	CHECK(has(out, "file > whole 5 ") && has(out, " f.bin [hello]\n"));
	CHECK(has(out, "</email.status PARSE_DONE\n") && !has(out, "STARTED"));
	CHECK(has(out, "  <imap.command APPEND\n  <email.subject mine\n  <email.from m@x.example\n"));
	CHECK(has(out, "  <imap.command APPEND\n  <imap.args \"Sent\" (\\\\Seen)\n  >imap.status OK\n"));
	CHECK(has(out, "  <imap.command IDLE\n  >imap.data 3 EXISTS\n  >imap.status OK\n"));
	CHECK(has(out, "  <imap.command LOGOUT\n  >imap.data BYE\n  >imap.status OK\n"));
	CHECK(!has(out, "odd invalid") && !has(out, "odd unknown") && has(out, "tx 9\n") && !has(out, "tx 10\n"));
	whole = strdup(out);
	for (size_t piece = 1; piece < 20; piece++)
		CHECK_TEXT(run(&rig, session, piece), whole);
	free(whole);
	rig_close(&rig);
}

TEST(logging_in)
{
	static const char ntlm[] =
	    "TlRMTVNTUAADAAAAGAAYAFIAAAAYABgAagAAAAYABgBAAAAACgAKAEYAAAAEAAQAUAAAAAAAAACCAAAAAQAAAEQATwBNA"
	    "HIAbwBiAGkAbgBXAFMAMTExMTExMTExMTExMTExMTExMTExMTExMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy";
	struct rig rig;
	const char *out;
	char text[600];

	rig_open(&rig, NULL);
	out = run(&rig, "> * OK IMAP4\r\na1 AUTHENTICATE PLAIN AHJvYmluAHNlY3JldA==\r\n> a1 OK\r\n", 0);
	CHECK(has(out, "auth.mechanism PLAIN\n  <imap.user robin\n") && has(out, "odd plaintext_credentials\n"));
	out = run(&rig,
	    "> * OK IMAP4\r\na1 AUTHENTICATE LOGIN\r\n> + VXNlcg==\r\ncm9iaW4=\r\n> + UGFzcw==\r\nc2VjcmV0\r\n> a1 "
	    "OK\r\n"
	    "a2 NOOP\r\n> a2 OK\r\n",
	    3);
	CHECK(has(out, "imap.user robin\n") && has(out, "<imap.command NOOP\n") && !has(out, "secret") &&
	      !has(out, "odd invalid"));
	out = run(&rig,
	    "> * OK IMAP4\r\na1 LOGIN {5}\r\n> + go\r\nrobin {6}\r\n> + go\r\nsecret\r\n> a1 OK\r\na2 NOOP\r\n> a2 "
	    "OK\r\n",
	    0);
	CHECK(has(out, "imap.user robin\n") && has(out, "odd plaintext_credentials\n") && !has(out, "secret"));
	CHECK(has(out, "<imap.command NOOP\n") && !has(out, "odd invalid"));
	snprintf(text, sizeof(text),
	    "> * OK IMAP4\r\na1 AUTHENTICATE NTLM\r\n> + \r\nTlRMTVNTUAABAAAAB4IIogAAAAA=\r\n> + x\r\n%s\r\n> a1 "
	    "OK\r\n",
	    ntlm);
	out = run(&rig, text, 0);
	CHECK(has(out, "ntlm.domain DOM\n") && has(out, "ntlm.user robin\n") && has(out, "ntlm.host WS\n"));
	CHECK(has(out, "odd ntlm_v1\n") && !has(out, "odd plaintext"));
	rig_close(&rig);
}

TEST(literals)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	/* Refused: what would be its literal is a command. */
	out = run(&rig, "> * OK IMAP4\r\na1 APPEND box {10}\r\n> a1 NO too big\r\na2 NOOP\r\n> a2 OK\r\n", 0);
	CHECK(has(out, "<imap.command NOOP\n") && has(out, ">imap.status NO\n"));
	/* The box's name as a literal. */
	out = run(&rig, "> * OK IMAP4\r\na1 APPEND {5+}\r\ninbox {16+}\r\nSubject: x\r\n\r\nab\r\n> a1 OK\r\n", 0);
	CHECK(has(out, "email.subject x\n"));
	/* In pieces: one message. */
	out = run(&rig,
	    "> * OK IMAP4\r\na1 FETCH 3 BODY.PEEK[]<0.14>\r\n> * 3 FETCH (BODY[]<0> {14}\r\n> Subject: x\r\n> \r\n> "
	    ")\r\n> a1 OK\r\n"
	    "a2 FETCH 3 BODY.PEEK[]<14.14>\r\n> * 3 FETCH (BODY[]<14> {8}\r\n> http://\n> )\r\n> a2 OK\r\n",
	    0);
	CHECK(has(out, "email.subject x\n") && has(out, "email.status PARSE_DONE\n") && !has(out, "tx 4\n"));
	/* What claims too much is none. */
	out = run(&rig, "> * OK IMAP4\r\na1 FETCH 3 BODY[]\r\n> * 3 FETCH (BODY[] {99999999999}\r\n> a1 OK end\r\n", 0);
	CHECK(has(out, "odd literal_too_long\n") && has(out, "imap.reply end\n"));
	rig_close(&rig);
}

TEST(tls_takes_over)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	say(&rig, "> * OK IMAP4\r\n. STARTTLS\r\n> . OK go\r\n", 0);
	rig_add(&rig, CC_TO_CLIENT, slice_of(alert, sizeof(alert)));
	out = rig_end(&rig);
	CHECK(has(out, "<imap.command STARTTLS\n") && has(out, "is tls\n") && !has(out, "odd starttls_injection"));
	out = run(&rig, "> * OK IMAP4\r\na STARTTLS\r\nb NOOP\r\n> a OK go\r\n", 0);
	CHECK(has(out, "odd starttls_injection\n"));
	out = run(&rig, "> * OK IMAP4\r\na COMPRESS DEFLATE\r\n> a OK go\r\n\1\2\3\n", 0);
	CHECK(has(out, "odd compressed\n") && !has(out, "odd invalid"));
	rig_close(&rig);
}

TEST(one_side_and_gaps)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	out = run(&rig, "1 LOGIN a b\r\n2 SELECT x\r\n3 FETCH 1 RFC822\r\n4 LOGOUT\r\n", 0);
	CHECK(has(out, "is imap\n") && has(out, "tx 3\n"));
	out = run(&rig,
	    "> * OK ready for IMAP4\r\n> 1 OK in\r\n> * 1 FETCH (RFC822 {12}\r\n> Subject: q\r\n> )\r\n> 2 OK done\r\n",
	    0);
	CHECK(has(out, "is imap\n") && has(out, "imap.reply done\n") && has(out, "email.subject q\n"));
	rig_begin(&rig);
	say(&rig,
	    "> * OK IMAP4\r\na FETCH 1 BODY[]\r\n> * 1 FETCH (BODY[] {150}\r\n> Subject: x\r\n> Content-Type: a/b; "
	    "name=n\r\n> \r\n> begin\r\n",
	    0);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("end)\r\na OK done\r\n"), 98, false);
	out = rig_end(&rig);
	CHECK(has(out, " gap n [begin") && has(out, "imap.reply done\n") && !has(out, "odd invalid"));
	rig_begin(&rig);
	say(&rig,
	    "> * OK IMAP4\r\na FETCH 1 BODY[]\r\nb NOOP\r\n> * 1 FETCH (BODY[] {50}\r\n> Subject: x\r\n> \r\n> "
	    "begin\r\n",
	    0);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("rest of the other {9}\r\na OK done\r\nb OK b\r\n"), 500, false);
	out = rig_end(&rig);
	CHECK(has(out, "BODY_STARTED\n") && has(out, "imap.reply b\n") && !has(out, "odd invalid"));
	rig_close(&rig);
}

TEST(limits)
{
	struct rig rig;
	char text[40000] = "> * OK IMAP4\r\na1 FETCH 1 BODY[]\r\n> * 1 FETCH (FLAGS (";
	const char *out;

	memset(text + strlen(text), 'x', 30000);
	strcat(text, ") BODY[] {12}\r\n> Subject: q\r\n> )\r\n> a1 OK end\r\n");
	rig_open(&rig, NULL);
	out = run(&rig, text, 1000);
	CHECK(has(out, "odd response_too_long\n") && has(out, "imap.reply end\n") && has(out, "email.subject q\n"));
	rig_begin(&rig);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "a%u NOOP\r\n", i);
		say(&rig, text, 0);
	}
	CHECK(has(rig_end(&rig), "odd too_many_commands\n"));
	rig_close(&rig);
}

TEST(others_are_not_taken)
{
	static const char *const not[] = {
	    "> +OK\r\n> +OK\r\n", "USER login\r\n> 331 go\r\n", "> 220 ftp\r\nRETR list\r\n", "NICK y\r\n",
	        "> * hello\r\n",
	    "GET /1 HTTP/1.1\r\n", "a1 LOGIN\r\n", "a1 NOOP x\r\n", "a1 GET x\r\n", "1 2 3\r\n", "> * OK\r\n> * OK\r\n",
	    "EHLO LOGOUT\r\n", "PASS LOGOUT\r\n",
	};
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		CHECK(!has(run(&rig, not[i], 0), "is imap"));
	rig_close(&rig);
}

TEST(cut_and_flipped)
{
	struct rig rig;
	uint32_t seed = 3;
	char text[sizeof(session)];

	rig_open(&rig, NULL);
	rig.quiet = true;
	for (size_t cut = 20; cut < sizeof(session); cut++) {
		memcpy(text, session, cut);
		memcpy(text + cut - 1, "\n", 2);
		(void)run(&rig, text, 0);
	}
	for (unsigned round = 0; round < 1500; round++) {
		memcpy(text, session, sizeof(session));
		for (unsigned n = 0; n < 1 + round % 4; n++) {
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % (sizeof(session) - 3)] ^= (char)(1u << (seed >> 4 & 7));
		}
		for (size_t i = 0; i + 1 < sizeof(session); i++)
			if (text[i] == '\0')
				text[i] = 1;
		(void)run(&rig, text, round % 30);
	}
	rig_close(&rig);
}

TESTS(T(a_session), T(logging_in), T(literals), T(tls_takes_over), T(one_side_and_gaps), T(limits),
    T(others_are_not_taken), T(cut_and_flipped))
