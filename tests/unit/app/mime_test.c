/* MIME: messages and what they say, cut at every byte with the same result; encodings; depth and number; damage. */
#include "parser_rig.h"

#include "../test.h"
#include "app/smtp/mail.h"
#include "base/base.h"

extern const struct cc_parser smtp_parser;

struct seen {
	struct buf out;
	struct buf body;       /* of the part that is open */
	bool quiet;
};

static void
on_header(struct cc_ctx *ctx, void *user, struct slice name, struct slice value)
{
	struct seen *seen = user;

	(void)ctx;
	buf_printf(
	    &seen->out, "%.*s=%.*s\n", (int)name.size, (const char *)name.p, (int)value.size, (const char *)value.p);
}

static void
on_part(struct cc_ctx *ctx, void *user, const struct mime_part *part)
{
	struct seen *seen = user;

	(void)ctx;
	buf_clear(&seen->body);
	buf_printf(&seen->out, "part %.*s%s", (int)part->type.size, (const char *)part->type.p,
	    part->attachment ? " att" : "");
	if (part->name.size > 0)
		buf_printf(&seen->out, " '%.*s'", (int)part->name.size, (const char *)part->name.p);
}

static void
on_body(struct cc_ctx *ctx, void *user, struct slice bytes)
{
	(void)ctx;
	CHECK(bytes.size > 0);
	buf_add_slice(&((struct seen *)user)->body, bytes);
}

static void
on_gap(struct cc_ctx *ctx, void *user, uint64_t size)
{
	(void)ctx;
	buf_printf(&((struct seen *)user)->body, "<%u>", (unsigned)size);
}

static void
on_end(struct cc_ctx *ctx, void *user, bool whole)
{
	struct seen *seen = user;

	(void)ctx;
	buf_add_text(&seen->out, " [");
	for (size_t i = 0; i < seen->body.size; i++) {
		uint8_t c = seen->body.p[i];

		if (c == '\r' || c == '\n')
			buf_add_text(&seen->out, c == '\r' ? "\\r" : "\\n");
		else
			buf_add_u8(&seen->out, c);
	}
	buf_add_text(&seen->out, whole ? "]\n" : "] cut\n");
}

static void
on_odd(struct cc_ctx *ctx, void *user, enum mime_odd odd)
{
	static const char *const name[MIME_ODD_COUNT] = {"header", "long name", "long value", "long head", "long line",
	    "long encoded", "long boundary", "long filename", "base64", "qp", "multipart", "deep", "many"};

	(void)ctx;
	/* On a line of its own: where it comes among the body's bytes depends on how they were cut. */
	buf_printf(&((struct seen *)user)->out, "(%s)", name[odd]);
}

static const struct mime_sink sink = {on_header, on_part, on_body, on_gap, on_end, on_odd};
static const struct mime_limits limits = {.head = 1000, .depth = 8, .parts = 10};

/* In pieces, or cut once; the answer is the seen's. */
static const char *
read_mail(struct seen *seen, struct slice in, size_t piece, size_t cut)
{
	struct cc_ctx rig = {0};
	struct mime *mime = mime_open(&rig, &limits, &sink, seen);

	buf_clear(&seen->out);
	while (in.size > 0) {
		size_t size = cut > 0 ? cut : piece > 0 && piece < in.size ? piece : in.size;
		uint8_t *exact = malloc(size);

		memcpy(exact, in.p, size);
		mime_add(&rig, mime, slice_of(exact, size));
		free(exact);
		in = mime_drop(in, size);
		cut = 0;
	}
	mime_end(&rig, mime, true);
	mime_free(&rig, mime);
	CHECK_UINT(rig.taken, 0);
	buf_add_u8(&seen->out, 0);
	return (const char *)seen->out.p;
}

#define MULTI(b) "Content-Type: multipart/mixed; boundary=" b "\r\n\r\n"

static const struct {
	const char *mail, *should;
} mails[] = {
    {"Subject: a\r\n b\r\n\tc\r\nTo: x\r\n\r\ntext\r\n", "Subject=a b\tc\nTo=x\npart text/plain [text\\r\\n]\n"},
    {"Subject: a\n\ntext", "Subject=a\npart text/plain [text]\n"},
    {"", ""},
    {"Subject: a", "Subject=a\n"},
    {"Subject: a\r\nno header\r\nTo: x\r\n\r\n", "Subject=a\n(header)To=x\npart text/plain []\n"},
    {"From bla@x Mon\r\nTo: x\r\n\r\n", "To=x\npart text/plain []\n"},
    {MULTI("b") "pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n\r\ntwo\r\n\r\n--b--\r\nepi",
	"Content-Type=multipart/mixed; boundary=b\npart text/plain [one]\npart text/html [\\r\\ntwo\\r\\n]\n"},
    {MULTI("b") "--b\n\none\n--b\n\ntwo\n--bb\n-b\n--\n--b  \n\nthree\n--b--",
	"Content-Type=multipart/mixed; boundary=b\npart text/plain [one]\npart text/plain [two\\n--bb\\n-b\\n--]\n"
	"part text/plain [three]\n"},
    {MULTI("\"a b\"") "--a b\r\n" MULTI("c") "--c\r\n\r\n1\r\n--c--\r\n--a b\r\n" MULTI(
	 "d") "--d\r\n\r\n2\r\n--a b\r\n\r\n3\r\n--a b--",
	"Content-Type=multipart/mixed; boundary=\"a b\"\npart text/plain [1]\npart text/plain(multipart) [2]\npart "
	"text/plain [3]\n"},
    {MULTI("b") "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n" MULTI(
	 "c") "--c\r\n\r\nin\r\n--c--\r\n--b\r\n\r\nout\r\n--b--",
	"Content-Type=multipart/mixed; boundary=b\npart text/plain [in]\npart text/plain [out]\n"},
    {MULTI("b") "--b\r\n--b\r\nX: y\r\n--b\r\n\r\nz\r\n--b--",
	"Content-Type=multipart/mixed; boundary=b\npart text/plain [z]\n"},
    {"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n",
	"Content-Type=multipart/mixed\n(multipart)part multipart/mixed [--b\\r\\n\\r\\nx\\r\\n]\n"},
    {MULTI("b") "--b\r\n\r\nx\r\n", "Content-Type=multipart/mixed; boundary=b\npart text/plain(multipart) [x\\r\\n]\n"},
    {"Content-Transfer-Encoding: base64\r\n\r\nYW\r\nJj ZA==\r\nZWY=\r\n",
	"Content-Transfer-Encoding=base64\npart text/plain [abcdef]\n"},
    {"Content-Transfer-Encoding: BASE64\r\n\r\nYWJ\r\n",
	"Content-Transfer-Encoding=BASE64\npart text/plain(base64) [ab]\n"},
    {"Content-Transfer-Encoding: base64\r\n\r\nYW%Jj\r\n",
	"Content-Transfer-Encoding=base64\npart text/plain(base64) [abc]\n"},
    {"Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc=\n=3d =  \r\nd\r\n",
	"Content-Transfer-Encoding=quoted-printable\npart text/plain [a=bc= d\\r\\n]\n"},
    {"Content-Transfer-Encoding: quoted-printable\r\n\r\na=zz=4=\r\nb=4",
	"Content-Transfer-Encoding=quoted-printable\npart text/plain(qp) [a=zz=4b=4]\n"},
    {"Content-Type: a/b; name=\"x.txt\"\r\nContent-Disposition: attachment; filename=y.txt\r\n\r\n",
	"Content-Type=a/b; name=\"x.txt\"\nContent-Disposition=attachment; filename=y.txt\npart a/b att 'y.txt' []\n"},
    {"Content-Disposition: inline; filename*0*=utf-8''a%20; filename*1=b; filename*2*=%C3%A9\r\n\r\n",
	"Content-Disposition=inline; filename*0*=utf-8''a%20; filename*1=b; filename*2*=%C3%A9\npart text/plain 'a "
	"b\xc3\xa9' []\n"},
    {"Content-Disposition: inline; filename*1=b; filename=c; filename*0=a\r\n\r\n",
	"Content-Disposition=inline; filename*1=b; filename=c; filename*0=a\npart text/plain 'ab' []\n"},
    {"Content-Type: a/b; name=\"=?iso-8859-1?Q?=E9=20?= =?utf-8?B?eA==?=.txt\"\r\n\r\n",
	"Content-Type=a/b; name=\"=?iso-8859-1?Q?=E9=20?= =?utf-8?B?eA==?=.txt\"\npart a/b '\xc3\xa9 x.txt' []\n"},
    {"\r\nonly\rtext\r", "part text/plain [only\\rtext\\r]\n"},
};

TEST(messages)
{
	struct seen seen = {.quiet = false};

	buf_open(&seen.out, 1u << 20);
	buf_open(&seen.body, 1u << 20);
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct slice mail = slice_str(mails[i].mail);

		CHECK_TEXT(read_mail(&seen, mail, 0, 0), mails[i].should);
		for (size_t piece = 1; piece < 8; piece++)
			CHECK_TEXT(read_mail(&seen, mail, piece, 0), mails[i].should);
		for (size_t cut = 1; cut < mail.size; cut++)
			CHECK_TEXT(read_mail(&seen, mail, 0, cut), mails[i].should);
	}
	buf_close(&seen.out);
	buf_close(&seen.body);
}

static unsigned
count_of(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

TEST(limited)
{
	struct seen seen = {.quiet = false};
	const char *out;
	struct buf mail;

	buf_open(&seen.out, 64u << 20);
	buf_open(&seen.body, 64u << 20);
	buf_open(&mail, 64u << 20);
	for (unsigned i = 0; i < 1000; i++) /* multiparts in each other */
		buf_printf(&mail, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	buf_add_text(&mail, "\r\nx\r\n");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "(deep)") != NULL);
	CHECK_UINT(count_of(out, "part "), 1);
	buf_clear(&mail);
	for (unsigned i = 0; i < 1000; i++) /* messages in each other */
		buf_add_text(&mail, "Content-Type: message/rfc822\r\n\r\n");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "(deep)") != NULL);
	CHECK_UINT(count_of(out, "part message/rfc822"), 1);
	buf_clear(&mail);
	buf_add_text(&mail, MULTI("b"));
	for (unsigned i = 0; i < 1000; i++)
		buf_add_text(&mail, "--b\r\n\r\nx\r\n");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "(many)") != NULL);
	CHECK_UINT(count_of(out, "part "), 10);
	buf_clear(&mail); /* one header of a megabyte, and many */
	buf_add_text(&mail, "Subject: ");
	for (unsigned i = 0; i < 1000000; i++)
		buf_add_u8(&mail, 'x');
	buf_add_text(&mail, "\r\n\r\ntext");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "part text/plain [text]\n") != NULL);
	CHECK(strlen(out) < 20000);
	buf_clear(&mail);
	for (unsigned i = 0; i < 100000; i++)
		buf_add_text(&mail, "A: b\r\n c\r\n");
	buf_add_text(&mail, "\r\ntext");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "(long head)") != NULL);
	CHECK(strstr(out, "part text/plain [text]\n") != NULL);
	CHECK(strlen(out) < 20000);
	buf_clear(&mail);
	buf_add_text(&mail, "Content-Type: a/b; name=");
	for (unsigned i = 0; i < 500; i++)
		buf_add_u8(&mail, 'n');
	buf_add_text(&mail, "\r\n\r\n");
	out = read_mail(&seen, buf_slice(&mail), 0, 0);
	CHECK(strstr(out, "(long filename)") != NULL);
	buf_close(&mail);
	buf_close(&seen.out);
	buf_close(&seen.body);
}

TEST(a_gap)
{
	struct seen seen = {.quiet = false};
	struct cc_ctx rig = {0};
	struct mime *mime = mime_open(&rig, &limits, &sink, &seen);

	buf_open(&seen.out, 1u << 20);
	buf_open(&seen.body, 1u << 20);
	mime_add(&rig, mime, slice_str(MULTI("b") "--b\r\n\r\nabc\r\n"));
	mime_gap(&rig, mime, 7);
	mime_add(&rig, mime, slice_str("--b\r\ndef\r\n--b\r\n\r\nx"));
	mime_end(&rig, mime, false);
	mime_free(&rig, mime);
	buf_add_u8(&seen.out, 0);
	CHECK_TEXT((const char *)seen.out.p, "Content-Type=multipart/mixed; boundary=b\n"
	    "part text/plain [abc\\r\\n<7>--b\\r\\ndef]\npart text/plain(multipart) [x] cut\n");
	buf_close(&seen.out);
	buf_close(&seen.body);
}

TEST(words)
{
	static const char *const cases[][2] = {
	    {"plain", "plain"},
	    {"=?utf-8?q?a_b=3D?=", "a b="},
	    {"=?UTF-8?B?w6k=?= =?utf-8?b?w6k=?= x", "\xc3\xa9\xc3\xa9 x"},
	    {"=?iso-8859-1?Q?=E9?=", "\xc3\xa9"},
	    {"=?gb2312?B?dGVz?=", "=?gb2312?B?dGVz?="},
	    {"=?utf-8?B?"
	     "?=",
		""},
	    {"=?utf-8?x?y?=", "=?utf-8?x?y?="},
	    {"a =?utf-8?q?b?= c", "a b c"},
	    {"=?utf-8?q?b", "=?utf-8?q?b"},
	    {"=?", "=?"},
	    {"=?utf-8*en?q?b?=", "b"},
	    {"=?utf-8?q?=C3?==?utf-8?q?=A9?=", "\xc3\xa9"},
	};
	uint8_t out[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = mime_words(slice_str(cases[i][0]), out, sizeof(out) - 1);

		out[n] = 0;
		CHECK_TEXT((const char *)out, cases[i][1]);
		CHECK(mime_words(slice_str(cases[i][0]), out, 3) <= 3);
	}
}

TEST(addresses)
{
	struct slice list = slice_str(" a@x, \"b, c\" <b@x>,,(d, \\) e) f@x , <@r,@s:g@x>, \"h\\\", i\" <h@x>, \"j"),
		     address;
	static const char *const should[] = {
	    "a@x", "\"b, c\" <b@x>", "(d, \\) e) f@x", "<@r,@s:g@x>", "\"h\\\", i\" <h@x>", "\"j"};
	size_t n = 0;

	for (; n < 6 && mime_next_address(&list, &address); n++)
		CHECK(slice_is(address, should[n]));
	CHECK_UINT(n, 6);
	CHECK(!mime_next_address(&list, &address));
}

static void
on_url(struct cc_ctx *ctx, void *user, struct slice url, size_t scheme)
{
	(void)ctx;
	buf_printf(user, "%.*s|", (int)(url.size - scheme), (const char *)url.p + scheme);
}

TEST(urls)
{
	static const char text[] =
	    "see HTTP://a.b/c. (https://d.e/f_(g)) <a href=\"ftp://h/i?x=1&amp;y=2\"> xhttp://no http:/no "
	    "http:// http://a.b/c ://no http:http://j.k\nhttps://l.m";
	char should[] = "a.b/c|d.e/f_(g)|h/i?x=1&y=2|j.k|l.m|";
	struct mail_urls *urls = calloc(1, sizeof(*urls));
	struct buf out;

	buf_open(&out, 1u << 20);
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		memset(urls, 0, sizeof(*urls));
		urls->html = true;
		buf_clear(&out);
		for (size_t at = 0; at < sizeof(text) - 1; at += piece)
			mail_urls_add(NULL, urls,
			    slice_of(text + at, piece < sizeof(text) - 1 - at ? piece : sizeof(text) - 1 - at), on_url,
			    &out);
		mail_urls_end(NULL, urls, on_url, &out);
		buf_add_u8(&out, 0);
		CHECK_TEXT((const char *)out.p, should);
	}
	buf_clear(&out); /* many, and long ones */
	memset(urls, 0, sizeof(*urls));
	for (unsigned i = 0; i < 200; i++) {
		char one[32];

		snprintf(one, sizeof(one), "http://host%u/ ", i);
		mail_urls_add(NULL, urls, slice_str(one), on_url, &out);
	}
	CHECK_UINT(urls->count, MAIL_URLS_MAX);
	mail_urls_add(NULL, urls, slice_str("http://"), on_url, &out);
	for (unsigned i = 0; i < 5000; i++)
		mail_urls_add(NULL, urls, slice_str("x"), on_url, &out);
	CHECK_UINT(urls->size, MAIL_URL_MAX);
	buf_close(&out);
	free(urls);
}

TEST(damage)
{
	struct seen seen = {.quiet = true};
	unsigned seed = 1;
	struct buf mail;

	buf_open(&seen.out, 1u << 20);
	buf_open(&seen.body, 1u << 20);
	buf_open(&mail, 1u << 20);
	for (unsigned round = 0; round < 20000; round++) {
		buf_clear(&mail);
		for (unsigned i = 0; i < 3; i++)
			buf_add_text(&mail, mails[(unsigned)rand_r(&seed) % (sizeof(mails) / sizeof(mails[0]))].mail);
		for (unsigned j = (unsigned)rand_r(&seed) % 8; j > 0 && mail.size > 0; j--)
			mail.p[(unsigned)rand_r(&seed) % mail.size] = (uint8_t)(rand_r(&seed) % 2 == 0 ?
			    "\r\n :;=-*?\"'%"[rand_r(&seed) % 12] : rand_r(&seed));
		(void)read_mail(&seen, buf_slice(&mail), (size_t)rand_r(&seed) % 30, 0);
	}
	buf_close(&mail);
	buf_close(&seen.out);
	buf_close(&seen.body);
}

TEST(table)
{
	CHECK(rig_table_right(&smtp_parser));
}

TESTS(T(table), T(messages), T(limited), T(a_gap), T(words), T(addresses), T(urls), T(damage))
