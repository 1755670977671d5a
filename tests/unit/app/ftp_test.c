/* FTP: control connections as text, cut at every byte, out of order, flipped; the data connection with its note. */
#include "parser_rig.h"
#include "../test.h"
#include "app/ftp/own.h"

extern const struct cc_parser ftp_parser;

/* A dialogue: lines with "> " are the server's, the others the client's. */
static void
open_rig(struct cc_ctx *rig)
{
	static const uint8_t client[] = {10, 0, 0, 1}, server[] = {10, 0, 0, 2};

	rig_open(rig, &ftp_parser, false, 21);
	rig->addr[CC_TO_SERVER] = cc_addr4(client);
	rig->addr[CC_TO_CLIENT] = cc_addr4(server);
}

static void
say(struct cc_ctx *rig, const char *text, size_t step)
{
	while (*text != '\0') {
		const char *end = strchr(text, '\n');
		enum cc_dir dir = text[0] == '>' ? CC_TO_CLIENT : CC_TO_SERVER;
		const char *p = dir == CC_TO_CLIENT ? text + 2 : text;
		size_t size = (size_t)(end + 1 - p);

		for (size_t at = 0; at < size; at += step)
			rig_feed(rig, dir, slice_of(p + at, size - at < step ? size - at : step));
		text = end + 1;
	}
}

static const char dialogue[] =
    "> 220-Hello,\r\n"
    ">  220 lines follow\r\n"
    "> 220 ftp ready\r\n"
    "USER bob\r\n"
    "> 331 Password?\r\n"
    "pass s3cret word\r\n"
    "> 230 In.\r\n"
    "PASV\r\n"
    "> 227 Entering Passive Mode (10,0,0,2,4,1)\r\n"
    "RETR a b.txt\r\n"
    "> 150 Opening\r\n"
    "> 226 Done\r\n"
    "PORT 10,0,0,1,200,10\r\n"
    "> 200 ok\r\n"
    "REST 100\r\n"
    "> 350 ok\r\n"
    "STOR up\r\n"
    "> 150 go\r\n"
    "> 226 done\r\n"
    "QUIT\r\n"
    "> 221 Bye\r\n";

static const char told[] =
    "update 0 1\n"
    "side done 0 0\n"
    "side done 0 1\n"
    "done 0\n"
    "  completion_code=220\n"
    "  reply=Hello,\n"
    "  reply= 220 lines follow\n"
    "  completion_code=220\n"
    "  reply=ftp ready\n"
    "  reply_received=yes\n";

TEST(table_is_whole)
{
	CHECK(rig_table_right(&ftp_parser));
	CHECK(rig_table_right(&ftp_data_parser));
}

TEST(dialogue_in_pieces_of_any_size)
{
	struct cc_ctx rig;
	char *first = NULL;

	for (size_t step = 1; step < 60; step++) {
		open_rig(&rig);
		say(&rig, dialogue, step);
		CHECK_UINT(rig.tx_count, 9);
		CHECK_UINT(rig.done_count, 9);
		if (first == NULL)
			first = strdup(rig.said);
		CHECK_TEXT(rig.said, first);
		CHECK(strncmp(rig.said, told, strlen(told)) == 0);
		CHECK_TEXT(rig_value(&rig, 2, "ftp.command", 0), "PASS");
		CHECK_TEXT(rig_value(&rig, 2, "ftp.command_data", 0), "s3cret word");
		CHECK_TEXT(rig_value(&rig, 3, "ftp.mode", 0), "passive");
		CHECK_TEXT(rig_value(&rig, 3, "ftp.dynamic_port", 0), "1025");
		CHECK_TEXT(rig_value(&rig, 4, "ftp.completion_code", 1), "226");
		CHECK_TEXT(rig_value(&rig, 5, "ftp.mode", 0), "active");
		CHECK(strstr(rig.said, "expect ftp-data at 1 10.0.0.2:1025 10 0a 32b.txt\n") != NULL);
		CHECK(strstr(rig.said, "expect ftp-data at 0 10.0.0.1:51210 11 1up\n") != NULL);
		CHECK(rig_has_anomaly(&rig, "plaintext_credentials"));
		CHECK_UINT(rig.anomaly_count, 1);
		rig_end(&rig);
		rig_free(&rig);
	}
	free(first);
}

TEST(ends_anywhere)
{
	struct cc_ctx rig;
	size_t size = strlen(dialogue);

	for (size_t cut = 0; cut <= size; cut++) {
		char text[sizeof(dialogue) + 2];

		memcpy(text, dialogue, cut);
		text[cut] = '\0';
		/* a line without its end says nothing */
		while (cut > 0 && text[cut - 1] != '\n')
			text[--cut] = '\0';
		open_rig(&rig);
		say(&rig, text, 1000);
		rig_end(&rig);
		CHECK_UINT(rig.done_count, rig.tx_count);
		rig_free(&rig);
		cut = cut < size ? (size_t)(strchr(dialogue + cut, '\n') + 1 - dialogue) - 1 : size;
	}
}

TEST(pipelined_commands_get_their_replies)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig, "> 220 x\r\nUSER ftp\r\nPASS x@y\r\nSYST\r\n> 331 a\r\n> 230-b\r\n> 230 c\r\n> 215 d\r\n", 1000);
	CHECK_UINT(rig.done_count, 4);
	CHECK_TEXT(rig_value(&rig, 1, "ftp.reply", 0), "a");
	CHECK_TEXT(rig_value(&rig, 2, "ftp.reply", 1), "c");
	CHECK_TEXT(rig_value(&rig, 3, "ftp.reply", 0), "d");
	CHECK_UINT(rig.anomaly_count, 0); /* the anonymous' password is none */
	rig_end(&rig);
	rig_free(&rig);
}

/* Recognised by the server's second line, while the client's first is still kept back. */
TEST(replies_before_their_commands)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig, "> 220 x\r\n> 331 a\r\nUSER bob\r\nPASS p\r\n> 230 b\r\n", 1000);
	CHECK_UINT(rig.done_count, 3);
	CHECK_TEXT(rig_value(&rig, 1, "ftp.command", 0), "USER");
	CHECK_TEXT(rig_value(&rig, 1, "ftp.completion_code", 0), "331");
	CHECK_TEXT(rig_value(&rig, 2, "ftp.completion_code", 0), "230");
	rig_end(&rig);
	rig_free(&rig);
}

TEST(one_side_alone)
{
	struct cc_ctx rig;

	open_rig(&rig);
	for (int i = 0; i < 50; i++)
		say(&rig, "> 200 fine\r\n", 1000);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 50);
	rig_free(&rig);
	open_rig(&rig);
	for (int i = 0; i < 50; i++)
		say(&rig, "NOOP\r\n", 1000);
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 50);
	CHECK_TEXT(rig_value(&rig, 49, "ftp.reply_received", 0), "no");
	rig_free(&rig);
}

TEST(a_transfer_may_fail)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig, "RETR a\r\n> 550 no\r\nRETR b\r\n> 150 here\r\n> 226 done\r\n", 1000);
	CHECK(!rig_has_anomaly(&rig, "transfer_failed"));
	say(&rig, "RETR c\r\n> 150 here\r\n> 426 gone\r\n", 1000);
	CHECK(rig_has_anomaly(&rig, "transfer_failed"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(ports_of_all_forms)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig,
	    "EPRT |1|10.0.0.1|5282|\r\n> 200 ok\r\nEPRT |2|::1|77|\r\n> 200 ok\r\nEPSV\r\n> 229 Extended (|||6446|)\r\n"
	    "PASV\r\n> 227 =10,9,9,9,0,80\r\nPORT 1,2,3,4,5\r\n> 501 no\r\n",
	    1000);
	CHECK_TEXT(rig_value(&rig, 0, "ftp.dynamic_port", 0), "5282");
	CHECK_TEXT(rig_value(&rig, 1, "ftp.dynamic_port", 0), "77");
	CHECK_TEXT(rig_value(&rig, 2, "ftp.dynamic_port", 0), "6446");
	CHECK_TEXT(rig_value(&rig, 3, "ftp.dynamic_port", 0), "80");
	CHECK(rig_value(&rig, 4, "ftp.dynamic_port", 0) == NULL);
	CHECK(rig_has_anomaly(&rig, "port_bounce"));
	CHECK(rig_has_anomaly(&rig, "passive_redirect"));
	CHECK(rig_has_anomaly(&rig, "invalid_port"));
	CHECK(strstr(rig.said, "expect ftp-data at 1 10.0.0.2:6446 0 0\n") != NULL);
	CHECK(strstr(rig.said, "expect ftp-data at 1 10.9.9.9:80 0 0\n") != NULL);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(tls_takes_over)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig, "> 220 x\r\nAUTH TLS\r\n> 234 go\r\n", 1000);
	CHECK(strstr(rig.said, "switch\n") != NULL);
	CHECK_UINT(rig.done_count, 2);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(long_lines_are_cut)
{
	static char text[20000];
	struct cc_ctx rig;
	size_t size = (size_t)snprintf(text, sizeof(text), "RETR ");

	memset(text + size, 'x', 12000);
	snprintf(text + size + 12000, 100, "\r\nPWD\r\n");
	for (size_t step = 1000; step < 20000; step += 1777) {
		open_rig(&rig);
		say(&rig, text, step);
		CHECK_UINT(rig.tx_count, 2);
		CHECK_UINT(rig_value(&rig, 0, "command_truncated", 0) != NULL, 1);
		CHECK_TEXT(rig_value(&rig, 1, "ftp.command", 0), "PWD");
		CHECK(rig_has_anomaly(&rig, "request_command_too_long"));
		CHECK(rig.wait_size[CC_TO_SERVER] < FTP_LINE_MAX);
		rig_end(&rig);
		rig_free(&rig);
	}
	open_rig(&rig);
	say(&rig, "> 211-list\r\n", 1000);
	for (int i = 0; i < FTP_REPLY_LINES + 10; i++)
		say(&rig, "> x\r\n", 1000);
	say(&rig, "> 211 end\r\n", 1000);
	CHECK(rig_has_anomaly(&rig, "response_command_too_long"));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	rig_free(&rig);
}

TEST(gaps_are_survived)
{
	struct cc_ctx rig;

	open_rig(&rig);
	say(&rig, "> 220 x\r\nUSER bob\r\n", 1000);
	rig_gap(&rig, CC_TO_CLIENT, 30);
	say(&rig, "> e rest\r\nPWD\r\n> 257 dir\r\n", 1000);
	rig_gap(&rig, CC_TO_SERVER, 30);
	say(&rig, "rest of a command\r\nSYST\r\n> 215 unix\r\n", 1000);
	CHECK_UINT(rig.done_count, 4);
	CHECK_TEXT(rig_value(&rig, 1, "ftp.reply_received", 0), "no");
	CHECK_TEXT(rig_value(&rig, 2, "ftp.completion_code", 0), "257");
	CHECK_TEXT(rig_value(&rig, 3, "ftp.command", 0), "SYST");
	rig_end(&rig);
	rig_free(&rig);
}

static enum cc_status
probe(enum cc_dir dir, const char *text, uint16_t port, bool known)
{
	struct cc_ctx rig = {.port = port, .other_known = known};
	size_t size = strlen(text);
	char *exact = malloc(size + 1);
	enum cc_status st, longer;

	/* What the beginning decides the rest does not revoke. */
	memcpy(exact, text, size);
	st = ftp_probe(&rig, dir, slice_of(exact, size));
	for (size_t i = 0; i < size; i++) {
		longer = ftp_probe(&rig, dir, slice_of(text, i));
		CHECK(longer == CC_MORE || longer == st);
	}
	free(exact);
	return st;
}

TEST(probe_takes_ftp_alone)
{
	CHECK_UINT(probe(CC_TO_CLIENT, "220 (vsFTPd 3.0.3)\r\n", 2121, false), CC_OK);
	CHECK_UINT(probe(CC_TO_CLIENT, "220-Welcome\r\n to our\r\n220 FTP site\r\n", 2121, false), CC_OK);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 ready\r\n", 2121, false), CC_MORE);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 ready\r\n331 Password\r\n", 2121, false), CC_OK);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 ready\r\n", 21, false), CC_OK);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 mail.example.org ESMTP Postfix\r\n", 25, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 ftp.example.org ESMTP\r\n250 hello\r\n", 25, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_CLIENT, "220 ready\r\n250 hello\r\n", 25, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_CLIENT, "+OK POP3\r\n", 110, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_CLIENT, "HTTP/1.1 220 x\r\n", 80, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_CLIENT, "200 news.example.org NNTP ready\r\n", 119, false), CC_MORE);
	CHECK_UINT(probe(CC_TO_CLIENT, ":irc.example.org 001 me :Welcome\r\n", 6667, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "AUTH TLS\r\n", 2121, false), CC_OK);
	CHECK_UINT(probe(CC_TO_SERVER, "AUTH PLAIN AGE=\r\n", 25, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "EHLO x\r\n", 25, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "USER bob\r\n", 110, false), CC_MORE);
	CHECK_UINT(probe(CC_TO_SERVER, "USER bob\r\nPASS x\r\nSTAT\r\nLIST\r\nRETR 1\r\nQUIT\r\n", 110,
	    false), CC_MORE);
	CHECK_UINT(probe(CC_TO_SERVER, "USER bob\r\nPASS x\r\nSYST\r\n", 2121, false), CC_OK);
	CHECK_UINT(probe(CC_TO_SERVER, "USER bob\r\n", 2121, true), CC_OK);
	CHECK_UINT(probe(CC_TO_SERVER, "USER guest 0 * :Guest\r\nNICK me\r\n", 6667, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "PASS x\r\nNICK me\r\n", 6667, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "PORT me 1\r\n", 9, false), CC_BAD);
	CHECK_UINT(probe(CC_TO_SERVER, "GET / HTTP/1.1\r\n", 80, false), CC_BAD);
}

/* ---- the data connection ---- */

TEST(data_is_a_file)
{
	struct cc_ctx rig;

	rig_open(&rig, &ftp_data_parser, false, 1025);
	rig.expected = slice_of("\x0a\0a b.txt", 9);
	rig_feed(&rig, CC_TO_CLIENT, slice_str("content"));
	rig_feed(&rig, CC_TO_CLIENT, slice_str("more"));
	rig_end(&rig);
	CHECK_UINT(rig.done_count, 1);
	CHECK_TEXT(rig_value(&rig, 0, "command", 0), "RETR");
	CHECK_TEXT(rig_value(&rig, 0, "filename", 0), "a b.txt");
	rig_free(&rig);
}

TEST(flipped_bytes)
{
	srand(9);
	for (int i = 0; i < 4000; i++) {
		char text[sizeof(dialogue)];
		struct cc_ctx rig;

		memcpy(text, dialogue, sizeof(text));
		for (int j = rand() % 12; j >= 0; j--) {
			size_t at = (size_t)rand() % (sizeof(text) - 2);
			char c = (char)(rand() % 2 == 0 ? 1 + rand() % 255 :
			    "0123456789 ,-|()>\xff\xf4\xfb"[rand() % 20]);

			text[at] = c != '\0' && text[at] != '\n' ? c : text[at];
		}
		open_rig(&rig);
		say(&rig, text, 1 + (size_t)rand() % 80);
		rig_end(&rig);
		CHECK(rig.done_count == rig.tx_count);
		rig_free(&rig);
	}
}

TESTS(T(table_is_whole), T(dialogue_in_pieces_of_any_size), T(ends_anywhere), T(pipelined_commands_get_their_replies),
    T(replies_before_their_commands), T(one_side_alone), T(a_transfer_may_fail), T(ports_of_all_forms),
    T(tls_takes_over), T(long_lines_are_cut), T(gaps_are_survived), T(probe_takes_ftp_alone), T(data_is_a_file),
    T(flipped_bytes))
