/* POP3: sessions in order, from one side, with gaps, behind STLS; mail and its files; passwords; cuts and flips. */
#include "app_rig.h"

#define NTLM_V1 \
	"TlRMTVNTUAADAAAAGAAYAFIAAAAYABgAagAAAAYABgBAAAAACgAKAEYAAAAEAAQAUAAAAAAAAACCAAAAAQAAAEQATwBNA" \
	"HIAbwBiAGkAbgBXAFMAMTExMTExMTExMTExMTExMTExMTExMTExMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy"

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

static const char session[] = "> +OK POP3 ready\r\n"
			      "USER robin\r\n> +OK go on\r\n"
			      "PASS secret\r\n> +OK 2 messages\r\n"
			      "STAT\r\n> +OK 2 900\r\n"
			      "LIST\r\n> +OK\r\n> 1 400\r\n> 2 500\r\n> .\r\n"
			      "RETR 1\r\n> +OK 400 octets\r\n"
			      "> From: a@x.example\r\n> To: b@y.example, c@z.example\r\n> Subject: hello\r\n"
			      "> MIME-Version: 1.0\r\n> Content-Type: multipart/mixed; boundary=zz\r\n> \r\n"
			      "> --zz\r\n> Content-Type: text/plain\r\n> \r\n> see http://u.example/p\r\n> ..dot\r\n"
			      "> --zz\r\n> Content-Type: application/octet-stream; name=f.bin\r\n"
			      "> Content-Transfer-Encoding: base64\r\n> \r\n> aGVsbG8=\r\n> --zz--\r\n> .\r\n"
			      "DELE 1\r\n> -ERR locked\r\n"
			      "QUIT\r\n> +OK bye\r\n";

static const char *
run(struct rig *rig, const char *text, size_t piece)
{
	rig_begin(rig);
	say(rig, text, piece);
	return rig_end(rig);
}

TEST(a_session)
{
	struct rig rig;
	const char *out;
	char *whole;

	rig_open(&rig, NULL);
	out = run(&rig, session, 0);
	CHECK(
	    strstr(out, "is pop3\ntx 0\n  >response.success 1\n  >pop3.status OK\n  >pop3.reply POP3 ready\n") != NULL);
	CHECK(strstr(out, "  <pop3.command USER\n  <pop3.args robin\n  >response.success 1\n") != NULL);
	CHECK(strstr(out, "odd plaintext_credentials\n") != NULL && strstr(out, "secret") == NULL);
	CHECK(strstr(out, "  >response.data 1 400\n  >response.data 2 500\n") != NULL);
	CHECK(strstr(out, "  >email.from a@x.example\n") != NULL && strstr(out, "  >email.to c@z.example\n") != NULL);
	CHECK(strstr(out, "  >email.url u.example/p\n") != NULL);
	CHECK(strstr(out, "file > whole 5 ") != NULL && strstr(out, " f.bin [hello]\n") != NULL);
	CHECK(strstr(out, "email.status PARSE_DONE\n") != NULL);
	CHECK(strstr(out, "  <pop3.command DELE\n  <pop3.args 1\n  >response.success 0\n  >pop3.status ERR\n") != NULL);
	CHECK(strstr(out, "tx 7\n") != NULL && strstr(out, "tx 8\n") == NULL);
	whole = strdup(out);
	for (size_t piece = 1; piece < 20; piece++)
		CHECK_TEXT(run(&rig, session, piece), whole);
	free(whole);
	rig_close(&rig);
}

TEST(logging_in)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	out = run(&rig, "> +OK hi <1.2@h>\r\nAUTH PLAIN AHJvYmluAHNlY3JldA==\r\n> +OK\r\n", 0);
	CHECK(strstr(out, "concert.auth.mechanism PLAIN\n  <concert.auth.user robin\n") != NULL);
	CHECK(strstr(out, "odd plaintext_credentials\n") != NULL);
	out = run(&rig,
	    "> +OK hi <1.2@h>\r\nAUTH LOGIN\r\n> + VXNlcg==\r\ncm9iaW4=\r\n> + UGFzcw==\r\nc2VjcmV0\r\n> +OK\r\n"
	    "STAT\r\n> +OK 1 2\r\n",
	    3);
	CHECK(strstr(out, "concert.auth.user robin\n") != NULL && strstr(out, "<pop3.command STAT\n") != NULL);
	CHECK(strstr(out, "secret") == NULL && strstr(out, "odd invalid_reply") == NULL);
	out = run(&rig, "> +OK hi <1.2@h>\r\nAUTH NTLM\r\n> + \r\nTlRMTVNTUAABAAAAB4IIogAAAAA=\r\n> + x\r\n" NTLM_V1
			"\r\n> +OK\r\n", 0);
	CHECK(strstr(out, "concert.ntlm.user robin\n") != NULL && strstr(out, "odd ntlm_v1\n") != NULL);
	out = run(&rig, "> +OK hi <1.2@h>\r\nAPOP robin c4c9334bac560ecc979e58001b3e22fb\r\n> +OK\r\n", 0);
	CHECK(strstr(out, "<pop3.args robin\n") != NULL && strstr(out, "odd ") == NULL);
	rig_close(&rig);
}

TEST(tls_takes_over)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	say(&rig, "> +OK POP\r\nSTLS\r\n> +OK go\r\n", 0);
	rig_add(&rig, CC_TO_CLIENT, slice_of(alert, sizeof(alert)));
	out = rig_end(&rig);
	CHECK(strstr(out, "<pop3.command STLS\n") != NULL && strstr(out, "is tls\n") != NULL);
	CHECK(strstr(out, "odd starttls_injection") == NULL);
	out = run(&rig, "> +OK POP\r\nSTLS\r\nCAPA\r\n> +OK go\r\n", 0);
	CHECK(strstr(out, "odd starttls_injection\n") != NULL);
	rig_close(&rig);
}

TEST(one_side_and_gaps)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	out = run(&rig, "CAPA\r\nUSER a\r\nPASS b\r\nRETR 1\r\nQUIT\r\n", 0);
	CHECK(strstr(out, "is pop3\n") != NULL && strstr(out, "tx 4\n") != NULL);
	out = run(&rig, "> +OK ready\r\n> +OK name?\r\n> +OK 2 messages\r\n", 0);
	CHECK(strstr(out, "is pop3\n") != NULL && strstr(out, "pop3.reply 2 messages\n") != NULL);
	rig_begin(&rig);
	say(&rig, "> +OK POP\r\nRETR 1\r\n> +OK\r\n> Subject: x\r\n> Content-Type: a/b; name=n\r\n> \r\n> begin\r\n",
	    0);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("middle\r\n.\r\n"), 100, false);
	say(&rig, "RETR 2\r\n> +OK\r\n> Subject: y\r\n> \r\n> z\r\n", 0);
	say(&rig, "STAT\r\n", 0);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("w\r\n+OK 9 99\r\n"), 100, false);
	out = rig_end(&rig);
	CHECK(strstr(out, " gap n [begin") != NULL && strstr(out, "  >email.subject y\n") != NULL);
	CHECK(
	    strstr(out, "<pop3.command STAT\n  >response.success 1\n  >pop3.status OK\n  >pop3.reply 9 99\n") != NULL);
	rig_close(&rig);
}

TEST(limits)
{
	struct rig rig;
	char text[9000] = "> +OK POP\r\nUSER ";
	const char *out;

	memset(text + strlen(text), 'x', 6000);
	strcat(text, "\r\n> +OK\r\nSTAT\r\n> +OK 1 1\r\n");
	rig_open(&rig, NULL);
	out = run(&rig, text, 1000);
	CHECK(strstr(out, "odd command_too_long\n") != NULL && strstr(out, "pop3.reply 1 1\n") != NULL);
	rig_begin(&rig);
	for (unsigned i = 0; i < 100; i++)
		say(&rig, "UIDL\r\n", 0);
	CHECK(strstr(rig_end(&rig), "odd too_many_commands\n") != NULL);
	rig_close(&rig);
}

TEST(others_are_not_taken)
{
	static const char *const not [] = {
	    "> +OK\r\n> +OK\r\n",
	    "SET a b\r\n> +OK\r\n",
	    "> 220 ftp\r\nUSER x\r\n> 331 go\r\n",
	    "> * OK IMAP4rev1\r\na1 CAPABILITY\r\n",
	    "USER x\r\nNICK y\r\n",
	    "LIST\r\nNOOP\r\n",
	    "RETR file.txt\r\nLIST\r\n",
	};
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		CHECK(strstr(run(&rig, not[i], 0), "is pop3") == NULL);
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

TESTS(T(a_session), T(logging_in), T(tls_takes_over), T(one_side_and_gaps), T(limits), T(others_are_not_taken),
    T(cut_and_flipped))
