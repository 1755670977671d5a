/* SMTP: sessions as turns of the two sides, each cut at every byte with the same result; gaps, one side, random damage.
 */
#include "app_rig.h"

#define NTLM_V1 \
	"TlRMTVNTUAADAAAAGAAYAFIAAAAYABgAagAAAAYABgBAAAAACgAKAEYAAAAEAAQAUAAAAAAAAACCAAAAAQAAAEQATwBNA" \
	"HIAbwBiAGkAbgBXAFMAMTExMTExMTExMTExMTExMTExMTExMTExMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy"

struct turn {
	enum cc_dir dir;
	const char *text;
};

#define C CC_TO_SERVER
#define S CC_TO_CLIENT
#define TURNS 24

struct session {
	const char *name;
	struct turn turn[TURNS];
	const char *has[8];  /* in what comes out */
	const char *not[4];
};

#define HEAD "From: A <a@x>\r\nTo: \"Doe, J\" <j@x>, k@x\r\nSubject: =?utf-8?Q?caf=C3=A9?=\r\n"

static const struct session sessions[] = {
    {"plain",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250-mx\r\n250 CHUNKING\r\n"},
	    {C, "MAIL FROM:<a@x> SIZE=9\r\n"}, {S, "250 ok\r\n"}, {C, "rcpt to: <b@x>\r\nRCPT TO:<c@x>\r\n"},
	    {S, "250 ok\r\n250 ok\r\n"}, {C, "DATA\r\n"}, {S, "354 go\r\n"},
	    {C, HEAD "\r\nsee http://h/p.\r\n..dot\r\n.\r\n"}, {S, "250 taken\r\n"}, {C, "QUIT\r\n"},
	    {S, "221 bye\r\n"}},
	{"is smtp", "<smtp.helo me\n", "<smtp.mail_from <a@x>\n", "<smtp.rcpt_to <c@x>\n",
	    "<email.to \"Doe, J\" <j@x>\n", "</email.concert.subject caf\\xc3\\xa9\n", "<email.url h/p\n",
	    "PARSE_DONE"},
	{"odd", "tx 1"}},
    {"greeting that could be ftp's",
	{{S, "220 mx\r\n"}, {C, "HELO me\r\n"}, {S, "250 mx\r\n"}, {C, "MAIL FROM:a@x\r\n"}, {S, "250 ok\r\n"},
	    {C, "RSET\r\n"}, {S, "250 ok\r\n"}, {C, "MAIL FROM:<b@x>\r\n"}, {S, "250 ok\r\n"}},
	{"is smtp", "<smtp.mail_from a@x", "tx 1\n", "<smtp.mail_from <b@x>", "concert.banner mx"}, {"odd"}},
    {"ftp", {{S, "220 mx\r\n"}, {C, "USER me\r\n"}, {S, "331 pass\r\n"}, {C, "PASS x\r\n"}, {S, "230 in\r\n"}}, {NULL},
	{"is smtp"}},
    {"pipelined, two mails",
	{{S, "220 mx SMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"},
	    {C, "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"}, {S, "250 ok\r\n250 ok\r\n354 go\r\n"},
	    {C, "Subject: one\r\n\r\n1\r\n.\r\nMAIL FROM:<c@x>\r\nRCPT TO:<d@x>\r\nDATA\r\n"},
	    {S, "250 taken\r\n250 ok\r\n250 ok\r\n354 go\r\n"}, {C, "Subject: two\r\n\r\n2\r\n.\r\n"},
	    {S, "451 later\r\n"}},
	{"tx 0\n", "<email.subject one", ">concert.reply 250", "tx 1\n", "<smtp.mail_from <c@x>", "<email.subject two",
	    ">concert.reply 451"},
	{"odd"}},
    {"bdat",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"},
	    {S, "250 ok\r\n250 ok\r\n"}, {C, "BDAT 14\r\nSubject: x\r\n\r\nBDAT 3 LAST\r\n.\r\nQUIT\r\n"},
	    {S, "250 1\r\n250 2\r\n221 bye\r\n"}},
	{"<email.subject x\n", "PARSE_DONE", ">concert.reply 250"}, {"odd"}},
    {"bdat with a bad size",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"},
	    {C, "MAIL FROM:<a@x>\r\nBDAT 99999999999999999999 LAST\r\nRSET\r\n"},
	    {S, "250 ok\r\n501 no\r\n250 ok\r\n"}},
	{"odd bdat_chunk_len_exceeded", "tx 0\n"}, {"app_failed"}},
    {"data rejected",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "MAIL FROM:<a@x>\r\nDATA\r\n"},
	    {S, "553 no\r\n503 no\r\n"}, {C, "MAIL FROM:<b@x>\r\n"}, {S, "250 ok\r\n"}},
	{"odd data_command_rejected", "tx 1\n", "<smtp.mail_from <b@x>"}, {"duplicate", "email.status"}},
    {"data sent though rejected",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"},
	    {C, "MAIL FROM:<a@x>\r\nDATA\r\nSubject: x\r\n"}, {S, "250 ok\r\n554 no\r\n"},
	    {C, "\r\ntext\r\n.\r\nMAIL FROM:<b@x>\r\n"}},
	{"odd invalid_pipelined_sequence", "odd data_command_rejected", "<smtp.mail_from <b@x>", "HEADER_STARTED"},
	{NULL}},
    {"starttls",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250-mx\r\n250 STARTTLS\r\n"}, {C, "STARTTLS\r\n"},
	    {S, "220 go\r\n"}, {C, "EHLO again\r\n"}, {S, "250 mx\r\n"}},
	{">concert.starttls 1", "<smtp.helo again"}, {"odd tls_rejected", "injection"}},
    {"starttls refused",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "STARTTLS\r\n"}, {S, "454 no\r\n"},
	    {C, "MAIL FROM:<a@x>\r\n"}, {S, "250 ok\r\n"}},
	{"odd tls_rejected", "<smtp.mail_from <a@x>"}, {"concert.starttls"}},
    {"starttls injection",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "STARTTLS\r\nRSET\r\n"}},
	{"odd starttls_injection"}, {NULL}},
    {"auth login",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "AUTH LOGIN\r\n"}, {S, "334 VXNlcg==\r\n"},
	    {C, "Ym9i\r\n"}, {S, "334 UGFzcw==\r\n"}, {C, "QUIT\r\n"}, {S, "235 in\r\n"}, {C, "MAIL FROM:<a@x>\r\n"},
	    {S, "250 ok\r\n"}},
	{"odd plaintext_credentials", "<concert.auth.user bob\n", "<smtp.mail_from <a@x>"},
	{"unable_to_match", "tx 1"}},
    {"auth plain",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n"},
	    {S, "235 in\r\n"}, {C, "MAIL FROM:<a@x>\r\n"}, {S, "250 ok\r\n"}},
	{"odd plaintext_credentials", "<concert.auth.user bob\n", "<smtp.mail_from <a@x>"}, {"secret", "AGJv"}},
    {"auth ntlm",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "AUTH NTLM\r\n"}, {S, "334 \r\n"},
	    {C, "TlRMTVNTUAABAAAAB4IIogAAAAA=\r\n"}, {S, "334 x\r\n"}, {C, NTLM_V1 "\r\n"}, {S, "235 in\r\n"},
	    {C, "MAIL FROM:<a@x>\r\n"}, {S, "250 ok\r\n"}},
	{"odd ntlm_v1", "<concert.ntlm.user robin\n", "<smtp.mail_from <a@x>"}, {"plaintext"}},
    {"client alone",
	{{C, "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"}, {C, "Subject: one\r\n\r\n1\r\n.\r\n"},
	    {C, "MAIL FROM:<c@x>\r\nDATA\r\nRSET\r\nMAIL FROM:<d@x>\r\n"}},
	{"is smtp", "<email.subject one", "<smtp.mail_from <c@x>", "<smtp.mail_from <d@x>"},
	{"unable_to_match", "odd invalid"}},
    {"server alone", {{S, "220 mx\r\n250-mx\r\n250 x\r\n250 ok\r\n354 go\r\n250 ok\r\n"}}, {"is smtp"}, {"odd unable"}},
    {"bare line feeds",
	{{S, "220 mx ESMTP\n"}, {C, "EHLO me\n"}, {S, "250 mx\n"}, {C, "MAIL FROM:<a@x>\nDATA\n"},
	    {S, "250 ok\n354 go\n"}, {C, "Subject: one\n\n1\n.\nMAIL FROM:<b@x>\n"}, {S, "250 ok\n250 ok\n"}},
	{"odd ambiguous_data_end", "<email.subject one", "<smtp.mail_from <b@x>"}, {NULL}},
    {"two senders",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "MAIL FROM:<a@x>\r\nMAIL FROM:<b@x>\r\n"},
	    {S, "250 ok\r\n503 no\r\n"}},
	{"odd duplicate_fields", "tx 1\n"}, {NULL}},
    {"replies that are none", {{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "hello\r\n250 mx\r\n250 more\r\n"}},
	{"odd invalid_reply", "odd unable_to_match_reply_with_request"}, {NULL}},
    {"no greeting", {{C, "EHLO me\r\n"}, {S, "250 mx\r\n"}}, {"odd no_server_welcome_message"}, {NULL}},
    {"lmtp",
	{{S, "220 mx LMTP (no smtp)\r\n"}, {C, "LHLO me\r\n"}, {S, "250 mx\r\n"},
	    {C, "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"},
	    {S, "250 1\r\n250 2\r\n250 3\r\n354 go\r\n"}, {C, "Subject: one\r\n\r\n1\r\n.\r\n"},
	    {S, "250 b\r\n250 c\r\n"}},
	{"<email.subject one"}, {"odd"}},
    {"a mail with a file",
	{{S, "220 mx ESMTP\r\n"}, {C, "EHLO me\r\n"}, {S, "250 mx\r\n"}, {C, "MAIL FROM:<a@x>\r\nDATA\r\n"},
	    {S, "250 ok\r\n354 go\r\n"},
	    {C, "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npre\r\n--b1\r\n\r\ntext "
		"http://u/v?a=1\r\n--b1\r\n"
		"Content-Type: application/x; name=\"n.bin\"\r\nContent-Transfer-Encoding: "
		"base64\r\n\r\nYWJj\r\nZGVm\r\n--b1--\r\nend\r\n.\r\n"},
	    {S, "250 ok\r\n"}},
	{"file < whole 6 bef57ec7f53a6d40 n.bin [abcdef]", "</email.attachment n.bin", "<email.url u/v?a=1"}, {"odd"}},
};

#define SESSIONS (sizeof(sessions) / sizeof(sessions[0]))

/* piece 0: the turns whole; cut: the turn of that number is cut there. */
static const char *
play(struct rig *rig, const struct session *session, size_t piece, size_t cut_turn, size_t cut)
{
	rig_begin(rig);
	rig->flow.side[CC_TO_CLIENT].port = 25;
	for (size_t i = 0; i < TURNS && session->turn[i].text != NULL; i++) {
		struct slice in = slice_str(session->turn[i].text);
		size_t first = i == cut_turn ? cut : 0;

		while (in.size > 0) {
			size_t size = first > 0 ? first : piece > 0 && piece < in.size ? piece : in.size;

			first = 0;
			rig_add(rig, session->turn[i].dir, slice_of(in.p, size));
			in = slice_of(in.p + size, in.size - size);
		}
	}
	return rig_end(rig);
}

TEST(dialogues)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < SESSIONS; i++) {
		const struct session *session = &sessions[i];
		char *whole = strdup(play(&rig, session, 0, TURNS, 0));
		bool right = true;

		for (size_t k = 0; k < 8 && session->has[k] != NULL; k++)
			right &= strstr(whole, session->has[k]) != NULL;
		for (size_t k = 0; k < 4 && session->not[k] != NULL; k++)
			right &= strstr(whole, session->not[k]) == NULL;
		if (!right)
			printf("%s:\n%s", session->name, whole);
		CHECK(right);
		for (size_t piece = 1; piece < 20; piece++)
			CHECK_TEXT(play(&rig, session, piece, TURNS, 0), whole);
		for (size_t turn = 0; turn < TURNS && session->turn[turn].text != NULL; turn++)
			for (size_t cut = 1; cut < strlen(session->turn[turn].text); cut++) {
				const char *out = play(&rig, session, 0, turn, cut);

				if (strcmp(out, whole) != 0)
					printf("%s, turn %zu cut at %zu:\n%s", session->name, turn, cut, out);
				CHECK(strcmp(out, whole) == 0);
			}
		free(whole);
	}
	rig_close(&rig);
}

#define BEGIN "EHLO me\r\nMAIL FROM:<a@x>\r\nDATA\r\n"

TEST(gaps)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig); /* in the mail: the file has one, too */
	rig_add(&rig, C, slice_str(BEGIN "Content-Type: image/x\r\n\r\nabc"));
	rig_chunk(&rig, C, slice_str("def\r\n.\r\nMAIL FROM:<b@x>\r\n"), 10, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "file < whole 18 - gap  [abc]") != NULL);
	CHECK(strstr(out, "<smtp.mail_from <b@x>") != NULL);

	rig_begin(&rig); /* over the mail's end: the server's reply tells */
	rig_add(&rig, S, slice_str("220 ESMTP\r\n"));
	rig_add(&rig, C, slice_str(BEGIN));
	rig_add(&rig, S, slice_str("250 a\r\n250 b\r\n354 c\r\n"));
	rig_add(&rig, C, slice_str("Subject: x\r\n\r\nabc"));
	rig_chunk(&rig, C, slice_str(":<z@x>\r\n"), 100, false);
	rig_add(&rig, S, slice_str("250 taken\r\n"));
	rig_add(&rig, C, slice_str("MAIL FROM:<b@x>\r\nMAIL FROM:<c@x>\r\n"));
	out = rig_end(&rig);
	CHECK(strstr(out, "<smtp.mail_from <c@x>") != NULL);

	rig_begin(&rig); /* between commands */
	rig_add(&rig, C, slice_str("EHLO me\r\nMAIL FR"));
	rig_chunk(&rig, C, slice_str("x>\r\nRCPT TO:<b@x>\r\n"), 5, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "<smtp.rcpt_to <b@x>") != NULL);

	rig_begin(&rig); /* in a chunk, and over its end */
	rig_add(&rig, C, slice_str("EHLO me\r\nBDAT 30 LAST\r\nSubject: x\r\n\r\n"));
	rig_chunk(&rig, C, slice_str("67890\r\nMAIL FROM:<b@x>\r\n"), 11, false);
	rig_add(&rig, C, slice_str("BDAT 5\r\nab"));
	rig_chunk(&rig, C, slice_str("zz\r\nMAIL FROM:<c@x>\r\n"), 11, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "<smtp.mail_from <b@x>") != NULL);
	CHECK(strstr(out, "<smtp.mail_from <c@x>") != NULL);

	rig_begin(&rig); /* the server's */
	rig_add(&rig, S, slice_str("220 ESMTP\r\n"));
	rig_add(&rig, C, slice_str("EHLO me\r\n"));
	rig_chunk(&rig, S, slice_str("zzz\r\n250 x\r\n250 y\r\n"), 11, false);
	rig_add(&rig, C, slice_str("MAIL FROM:<b@x>\r\n"));
	out = rig_end(&rig);
	CHECK(strstr(out, "<smtp.mail_from <b@x>") != NULL);
	CHECK(strstr(out, "odd unable") == NULL);
	rig_close(&rig);
}

TEST(limits)
{
	static const char *const settings[] = {
	    "smtp.line_limit=512", "mail.message_files=1", "mail.text_files=1", NULL};
	struct buf buf;
	struct rig rig;
	const char *out;

	rig_open(&rig, settings);
	buf_open(&buf, 4u << 20);
	buf_add_text(&buf, "EHLO ");
	for (unsigned i = 0; i < 100000; i++)
		buf_add_u8(&buf, 'x');
	buf_add_text(&buf, "\r\nMAIL FROM:<a@x>\r\n");
	out = rig_run(&rig, buf_slice(&buf), slice_str("220 ESMTP\r\n"), 0);
	CHECK(strstr(out, "odd max_command_line_len_exceeded") != NULL);
	CHECK(strstr(out, "<smtp.mail_from <a@x>") != NULL);
	buf_clear(&buf); /* commands that nobody answers */
	for (unsigned i = 0; i < 5000; i++)
		buf_add_text(&buf, "EHLO me\r\nMAIL FROM:<a@x>\r\nRSET\r\n");
	out = rig_run(&rig, buf_slice(&buf), slice_str(""), 0);
	CHECK(strstr(out, "tx 4999\n") != NULL);
	buf_clear(&buf); /* the same with a server that says nothing more */
	buf_add_text(&buf, "EHLO me\r\n");
	for (unsigned i = 0; i < 5000; i++)
		buf_add_text(&buf, "MAIL FROM:<a@x>\r\nRSET\r\n");
	rig_begin(&rig);
	rig_add(&rig, S, slice_str("220 ESMTP\r\n"));
	rig_add(&rig, C, buf_slice(&buf));
	out = rig_end(&rig);
	CHECK(strstr(out, "tx 4999\n") != NULL);
	buf_clear(&buf); /* nothing of SMTP */
	buf_add_text(&buf, "EHLO me\r\n");
	for (unsigned i = 0; i < 100; i++)
		buf_add(&buf, "\1\2\n", 3);
	out = rig_run(&rig, buf_slice(&buf), slice_str(""), 0);
	CHECK(strstr(out, "odd applayer_parser_failed") != NULL);
	out = rig_run(&rig, slice_str(BEGIN "Subject: x\r\n\r\nabc\r\n.\r\n"), slice_str(""), 0);
	CHECK(strstr(out, "message.eml [Subject: x\\r\\n\\r\\nabc\\r\\n]") != NULL);
	CHECK(strstr(out, "file < whole 5 ") != NULL);
	buf_close(&buf);
	rig_close(&rig);
}

/* Random bytes changed, turns lost and doubled: nothing may break, and all memory comes back. */
TEST(damage)
{
	unsigned seed = 1;
	struct rig rig;
	struct buf buf;

	rig_open(&rig, NULL);
	buf_open(&buf, 1u << 20);
	for (unsigned round = 0; round < 6000; round++) {
		const struct session *session = &sessions[(unsigned)rand_r(&seed) % SESSIONS];

		rig_begin(&rig);
		for (size_t i = 0; i < TURNS && session->turn[i].text != NULL; i++) {
			uint64_t gap = rand_r(&seed) % 30 == 0 ? (uint64_t)rand_r(&seed) % 50 : 0;
			size_t cut;

			if (rand_r(&seed) % 12 == 0)
				continue;
			buf_clear(&buf);
			buf_add_text(&buf, session->turn[i].text);
			for (unsigned j = (unsigned)rand_r(&seed) % 3; j > 0; j--)
				buf.p[(unsigned)rand_r(&seed) % buf.size] = (uint8_t)(rand_r(&seed) % 2 == 0 ?
				    "\r\n :;=.-"[rand_r(&seed) % 8] : rand_r(&seed));
			cut = (size_t)rand_r(&seed) % buf.size;
			rig_chunk(&rig, session->turn[i].dir, slice_of(buf.p, cut), gap, false);
			rig_add(&rig, session->turn[i].dir, slice_of(buf.p + cut, buf.size - cut));
		}
		(void)rig_end(&rig);
	}
	buf_close(&buf);
	rig_close(&rig);
}

TESTS(T(dialogues), T(gaps), T(limits), T(damage))
