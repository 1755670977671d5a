/* HTTP/2: connections made by hand, each cut at every byte of either side with the same result; limits; lost bytes. */
#include <nghttp2/nghttp2.h>

#include "app_rig.h"

#define MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, PRIORITIZED = 32 };

/* A connection under construction: both sides' bytes, and a compressor for each. */
struct talk {
	struct buf side[2];
	nghttp2_hd_deflater *hpack[2];
};

static void
frame(struct buf *buf, unsigned type, unsigned flags, uint32_t stream, const void *body, size_t size)
{
	buf_add_u8(buf, (uint8_t)(size >> 16));
	buf_add_u8(buf, (uint8_t)(size >> 8));
	buf_add_u8(buf, (uint8_t)size);
	buf_add_u8(buf, (uint8_t)type);
	buf_add_u8(buf, (uint8_t)flags);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_u8(buf, (uint8_t)(stream >> shift));
	buf_add(buf, body, size);
}

/* "name: value" lines, compressed. */
static size_t
compress(struct talk *talk, enum cc_dir dir, const char *const *lines, uint8_t *out, size_t room)
{
	nghttp2_nv nv[64];
	size_t count = 0;
	ssize_t size;

	for (; lines[count] != NULL; count++) {
		const char *colon = strstr(lines[count] + 1, ": ");

		nv[count] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)lines[count],
		    .namelen = (size_t)(colon - lines[count]), .value = (uint8_t *)(uintptr_t)(colon + 2),
		    .valuelen = strlen(colon + 2)};
	}
	size = nghttp2_hd_deflate_hd(talk->hpack[dir], out, room, nv, count);
	if (size < 0)
		abort();
	return (size_t)size;
}

static void
headers(struct talk *talk, enum cc_dir dir, unsigned flags, uint32_t stream, const char *const *lines)
{
	uint8_t block[4096];
	size_t size = compress(talk, dir, lines, block, sizeof(block));

	frame(&talk->side[dir], HEADERS, flags | END_HEADERS, stream, block, size);
}

#define LINES(...) (const char *const[]){__VA_ARGS__, NULL}
#define GET(path) LINES(":method: GET", ":path: " path, ":scheme: http", ":authority: Www.Example.org:8080", \
    "user-agent: tester", "cookie: a=b", "cookie: c=d")
#define OK LINES(":status: 200", "server: s", "content-type: text/plain; x=y", "set-cookie: k=v")

static void
talk_open(struct talk *talk)
{
	for (unsigned i = 0; i < 2; i++) {
		buf_open(&talk->side[i], 4u << 20);
		if (nghttp2_hd_deflate_new(&talk->hpack[i], 4096) != 0)
			abort();
	}
	buf_add_text(&talk->side[CC_TO_SERVER], MAGIC);
	frame(&talk->side[CC_TO_SERVER], SETTINGS, 0, 0, "\0\3\0\0\0\144", 6);
	frame(&talk->side[CC_TO_CLIENT], SETTINGS, 0, 0, "\0\5\0\0\200\0", 6);
}

static void
talk_close(struct talk *talk)
{
	for (unsigned i = 0; i < 2; i++) {
		buf_close(&talk->side[i]);
		nghttp2_hd_deflate_del(talk->hpack[i]);
	}
}

static const char *
talk_run(struct rig *rig, struct talk *talk)
{
	return rig_run(rig, buf_slice(&talk->side[0]), buf_slice(&talk->side[1]), 0);
}

/* The same whatever the cut. */
static void
check_cuts(struct rig *rig, struct talk *talk)
{
	char *whole = strdup(talk_run(rig, talk));

	for (unsigned dir = 0; dir < 2; dir++) {
		for (size_t cut = 1; cut < talk->side[dir].size; cut++) {
			rig_begin(rig);
			if (dir == CC_TO_CLIENT)
				rig_add(rig, CC_TO_SERVER, buf_slice(&talk->side[0]));
			rig_add(rig, (enum cc_dir)dir, slice_of(talk->side[dir].p, cut));
			rig_add(rig, (enum cc_dir)dir, slice_of(talk->side[dir].p + cut, talk->side[dir].size - cut));
			if (dir == CC_TO_SERVER)
				rig_add(rig, CC_TO_CLIENT, buf_slice(&talk->side[1]));
			CHECK_TEXT(rig_end(rig), whole);
			if (test_failures > 0)
				break;
		}
	}
	for (size_t piece = 1; piece < 4; piece++)
		CHECK_TEXT(rig_run(rig, buf_slice(&talk->side[0]), buf_slice(&talk->side[1]), piece), whole);
	free(whole);
}

static void
has(const char *out, const char *text)
{
	bool wanted = text[0] != '!';

	if ((strstr(out, text + !wanted) != NULL) == wanted)
		return;
	test_failures++;
	printf("%s \"%s\" in:\n%s\n", wanted ? "no" : "there is", text + !wanted, out);
}

static void
ordinary(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 1, GET("/dir/../a%20b?q"));
	headers(talk, CC_TO_SERVER, 0, 3, LINES(":method: POST", ":path: /post", ":scheme: http", ":authority: h",
	    "content-length: 6", "user-agent: tester"));
	frame(&talk->side[0], DATA, PADDED, 3, "\2abcxx", 6);
	frame(&talk->side[0], DATA, END_STREAM, 3, "def", 3);
	headers(talk, CC_TO_CLIENT, 0, 3, LINES(":status: 302", "location: /x", "server: s"));
	headers(talk, CC_TO_CLIENT, 0, 1, OK);
	frame(&talk->side[1], DATA, 0, 1, "hel", 3);
	frame(&talk->side[1], DATA, END_STREAM, 3, "", 0);
	frame(&talk->side[1], DATA, 0, 1, "lo", 2);
	headers(talk, CC_TO_CLIENT, END_STREAM, 1, LINES("x-trailer: t"));
	frame(&talk->side[1], GOAWAY, 0, 0, "\0\0\0\3\0\0\0\13", 8);
}

TEST(exchange)
{
	struct talk talk;
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	talk_open(&talk);
	ordinary(&talk);
	out = talk_run(&rig, &talk);
	has(out, "is http2\n");
	has(out, "<http.method GET\n");
	has(out, "<http.uri /a b?q\n");
	has(out, "<http.uri.raw /dir/../a%20b?q\n");
	has(out, "<http.host www.example.org\n");
	has(out, "<http.host.raw Www.Example.org:8080\n");
	has(out, "<http_port 8080\n");
	has(out, "<http.cookie a=b; c=d\n");
	has(out, "<http.header :method: GET\\r\\n:path: /dir/../a%20b?q\\r\\n:scheme: http\\r\\n"
	    ":authority: Www.Example.org:8080\\r\\nuser-agent: tester\\r\\n\n");
	has(out, "<concert.header_order :method,:path,:scheme,:authority,user-agent,cookie,cookie\n");
	has(out, "<http.request_line GET /dir/../a%20b?q HTTP/2\\r\\n\n");
	has(out, ">http.response_line HTTP/2 200\\r\\n\n");
	has(out, ">http_content_type text/plain\n");
	has(out, ">http.cookie k=v\n");
	has(out, ">http.header_names \\r\\n:status\\r\\nserver\\r\\ncontent-type\\r\\nset-cookie\\r\\n\\r\\n\n");
	has(out, ">http.response_header x-trailer: t\n");
	has(out, ">redirect /x\n");
	has(out, ">http2.errorcode 11\n");
	has(out, "file < whole 6 bef57ec7f53a6d40 post [abcdef]");
	has(out, "file > whole 5 2cf24dba5fb0a30e a b [hello]");
	has(out, "!odd ");
	check_cuts(&rig, &talk);
	talk_close(&talk);
	rig_close(&rig);
}

static void
odd_names(struct talk *talk)
{
	headers(
	    talk, CC_TO_SERVER, END_STREAM, 1, LINES(":method: GET", "X-Upper: 1", ":path: /", "connection: close"));
}

static void
odd_value(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 1, LINES(":method: GET", ":path: /", "x: a\r\nHost: b"));
}

static void
hosts(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 1, LINES(":method: GET", ":path: /", ":authority: u:p@real.example:80",
	    "host: false.example"));
}

static void
bad_index(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS | END_STREAM, 1, "\xff\x7f", 2);
}

static void
overflow(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS | END_STREAM, 1, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
}

static void
cut_header(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS | END_STREAM, 1, "\x82\x40\x05" "ab", 5);
}

static void
wrong_length(struct talk *talk)
{
	frame(&talk->side[0], WINDOW_UPDATE, 0, 0, "abc", 3);
	frame(&talk->side[0], SETTINGS, 0, 0, "abc", 3);
}

static void
wrong_padding(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, 0, 1, GET("/"));
	frame(&talk->side[0], DATA, PADDED | END_STREAM, 1, "\7ab", 3);
}

static void
wrong_stream(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS, 0, "\x82", 1);
	frame(&talk->side[0], CONTINUATION, END_HEADERS, 1, "\x82", 1);
	frame(&talk->side[0], PING, 0, 1, "12345678", 8);
}

static void
between(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_STREAM, 1, "\x82", 1);
	frame(&talk->side[0], PING, 0, 0, "12345678", 8);
	frame(&talk->side[0], CONTINUATION, END_HEADERS, 1, "\x84", 1);
}

static void
reuse(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 5, GET("/one"));
	headers(talk, CC_TO_CLIENT, END_STREAM, 5, OK);
	headers(talk, CC_TO_SERVER, END_STREAM, 3, GET("/two"));
}

static void
mismatch(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, 0, 1, LINES(":method: POST", ":path: /p", "content-length: 3"));
	frame(&talk->side[0], DATA, END_STREAM, 1, "abcd", 4);
}

static void
resets(struct talk *talk)
{
	for (uint32_t i = 0; i < 100; i++) {
		headers(talk, CC_TO_SERVER, END_STREAM, 2 * i + 1, LINES(":method: GET", ":path: /"));
		frame(&talk->side[0], RST_STREAM, 0, 2 * i + 1, "\0\0\0\10", 4);
	}
}

/* The client lets go while the answer is on its way. */
static void
late(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 1, GET("/late"));
	frame(&talk->side[0], RST_STREAM, 0, 1, "\0\0\0\10", 4);
	headers(talk, CC_TO_CLIENT, 0, 1, OK);
	frame(&talk->side[1], DATA, END_STREAM, 1, "answer", 6);
}

static void
promise(struct talk *talk)
{
	uint8_t block[256] = {0, 0, 0, 2};
	size_t size =
	    4 + compress(talk, CC_TO_CLIENT, LINES(":method: GET", ":path: /pushed", ":authority: h"), block + 4, 252);

	headers(talk, CC_TO_SERVER, END_STREAM, 1, GET("/"));
	frame(&talk->side[1], PUSH_PROMISE, END_HEADERS, 1, block, size);
	headers(talk, CC_TO_CLIENT, 0, 2, OK);
	frame(&talk->side[1], DATA, END_STREAM, 2, "pushed", 6);
}

static void
weight(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS | END_STREAM | PRIORITIZED, 1, "\0\0\0\0\17\x82\x84", 7);
	frame(&talk->side[0], WINDOW_UPDATE, 0, 1, "\0\0\1\0", 4);
}

static void
sizes(struct talk *talk)
{
	frame(&talk->side[0], HEADERS, END_HEADERS | END_STREAM, 1, "\x3f\xe1\x1f\x82\x84", 5);
}

static void
interim(struct talk *talk)
{
	headers(talk, CC_TO_SERVER, END_STREAM, 1, GET("/"));
	headers(talk, CC_TO_CLIENT, 0, 1, LINES(":status: 103", "link: x"));
	headers(talk, CC_TO_CLIENT, END_STREAM, 1, OK);
}

TEST(tables)
{
	static const struct {
		void (*make)(struct talk *talk);
		const char *has[6];
	} cases[] = {
		{odd_names,
		    {"odd header_name_invalid", "odd pseudo_header_invalid", "odd connection_header", "<http.uri /\n"}},
		{odd_value, {"odd header_value_invalid", "!<http.host "}},
		{hosts, {"odd userinfo_in_uri", "odd authority_host_mismatch", "<http.host real.example\n",
		    "<http.host.raw u:p@real.example:80\n"}},
		{bad_index, {"odd invalid_header\n"}},
		{overflow, {"odd header_integer_overflow", "odd invalid_header\n"}},
		{cut_header, {"odd extra_header_data", "<http.method GET\n"}},
		{wrong_length, {"odd invalid_frame_length"}},
		{wrong_padding, {"odd invalid_frame_data", "<http.method GET"}},
		{wrong_stream, {"odd invalid_frame_header"}},
		{between, {"odd invalid_frame_header", "<http.method GET\n"}},
		{reuse, {"odd stream_id_reuse", "<http.uri /one\n", "<http.uri /two\n"}},
		{mismatch, {"odd content_length_mismatch", "file < whole 4"}},
		{late, {">http.stat_code 200\n", "file > whole 6 ", "!odd "}},
		{resets, {"odd rapid_reset", "<http2.errorcode 8\n"}},
		{promise, {"<http.uri /pushed\n", "file > whole 6 ", "!odd "}},
		{weight, {"<http2.priority 15\n", "<http2.window 256\n", "!odd "}},
		{sizes, {"<http2.size_update 4096\n", "<http.method GET\n", "!odd "}},
		{interim, {">http.stat_code 200\n", "!link", "!odd "}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;
		struct rig rig;

		rig_open(&rig, NULL);
		talk_open(&talk);
		cases[i].make(&talk);
		for (size_t j = 0; j < 6 && cases[i].has[j] != NULL; j++)
			has(talk_run(&rig, &talk), cases[i].has[j]);
		if (talk.side[0].size < 600)
			check_cuts(&rig, &talk);
		talk_close(&talk);
		rig_close(&rig);
	}
}

#define UPGRADE "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" \
    "HTTP2-Settings: AAMAAABkAAQAAP__\r\nUser-Agent: u\r\n\r\n"

TEST(upgrade)
{
	struct talk talk, plain;
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	talk_open(&plain);
	talk_open(&talk);
	buf_clear(&talk.side[0]);
	buf_clear(&talk.side[1]);
	buf_add_text(&talk.side[0], UPGRADE);
	buf_add_slice(&talk.side[0], buf_slice(&plain.side[0]));
	headers(&talk, CC_TO_SERVER, END_STREAM, 3, GET("/next"));
	buf_add_text(&talk.side[1], "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	buf_add_slice(&talk.side[1], buf_slice(&plain.side[1]));
	headers(&talk, CC_TO_CLIENT, 0, 1, OK);
	frame(&talk.side[1], DATA, END_STREAM, 1, "one", 3);
	headers(&talk, CC_TO_CLIENT, 0, 3, OK);
	frame(&talk.side[1], DATA, END_STREAM, 3, "two", 3);
	out = talk_run(&rig, &talk);
	has(out, "is http\n");
	has(out, "is http2\n");
	has(out, "<http.header :method: GET\\r\\n:path: /up\\r\\n:authority: h\\r\\n"
	    "Connection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nUser-Agent: u\\r\\n\n");
	has(out, "<http2.settings 12884901988\n"); /* 3: 100 */
	has(out, "<http2.settings 17179934719\n"); /* 4: 65535 */
	has(out, "file > whole 3 7692c3ad3540bb80 up [one]");
	has(out, "file > whole 3 3fc4ccfe745870e2  [two]"); /* shown before its request, so without a name */
	has(out, "!odd ");
	check_cuts(&rig, &talk);
	/* The client alone. */
	has(rig_run(&rig, buf_slice(&talk.side[0]), slice_of(NULL, 0), 0), "<http.uri /next\n");
	talk_close(&talk);
	talk_close(&plain);
	rig_close(&rig);
}

/* Bytes missing: within a DATA frame, and beyond one; the table's newest headers stay right. */
TEST(gaps)
{
	struct talk talk;
	struct rig rig;
	const char *out;
	size_t mark;

	rig_open(&rig, NULL);
	talk_open(&talk);
	headers(&talk, CC_TO_SERVER, END_STREAM, 1, GET("/a"));
	headers(&talk, CC_TO_CLIENT, 0, 1, OK);
	frame(&talk.side[1], DATA, END_STREAM, 1, "0123456789", 10);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, buf_slice(&talk.side[0]));
	rig_add(&rig, CC_TO_CLIENT, slice_of(talk.side[1].p, talk.side[1].size - 6));
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("789"), 3, false);
	has(rig_end(&rig), "file > whole 10 - gap a [0123]");

	headers(&talk, CC_TO_SERVER, END_STREAM, 3, LINES(":method: GET", ":path: /lost", "x-old: 1"));
	mark = talk.side[0].size;
	headers(&talk, CC_TO_SERVER, END_STREAM, 5, LINES(":method: GET", ":path: /b", "x-old: 1", "x-new: 2"));
	headers(&talk, CC_TO_SERVER, END_STREAM, 7, LINES(":method: GET", ":path: /c", "x-old: 1", "x-new: 2"));
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_of(talk.side[0].p, mark - 12));
	rig_chunk(&rig, CC_TO_SERVER, slice_of(talk.side[0].p + mark - 5, talk.side[0].size - mark + 5), 7, false);
	out = rig_end(&rig);
	has(out, "<http.uri /b\n");
	has(out, "<http.uri /c\n");
	has(out, "<http.request_header x-new: 2\n");
	has(out, "!<http.request_header x-old"); /* its entry came with what is missing */
	has(out, "odd header_table_unknown");
	talk_close(&talk);
	rig_close(&rig);
}

TEST(midstream)
{
	struct talk talk;
	struct rig rig;
	const char *out;
	size_t mark;

	rig_open(&rig, NULL);
	talk_open(&talk);
	headers(&talk, CC_TO_SERVER, END_STREAM, 1, GET("/a"));
	mark = talk.side[0].size;
	headers(&talk, CC_TO_SERVER, END_STREAM, 3, LINES(":method: GET", ":path: /b", "user-agent: tester", "n: 1"));
	headers(&talk, CC_TO_SERVER, END_STREAM, 5, LINES(":method: GET", ":path: /c", "n: 1"));
	rig_begin(&rig);
	rig.flow.midstream = true;
	rig_add(&rig, CC_TO_SERVER, slice_of(talk.side[0].p + mark, talk.side[0].size - mark));
	out = rig_end(&rig);
	has(out, "is http2\n");
	has(out, "<http.uri /b\n");
	has(out, "<http.uri /c\n");
	has(out, "!http.user_agent");
	talk_close(&talk);
	rig_close(&rig);
}

/* A flood of CONTINUATION; a table entry named again and again; more streams than are followed. */
TEST(limits)
{
	static const char *const settings[] = {"http2.streams=4", "http.header_limit=4096", NULL};
	static char big[3000];
	uint8_t block[8192];
	struct talk talk;
	struct rig rig;
	const char *out;

	memset(big, 'x', sizeof(big) - 1);
	rig_open(&rig, settings);
	talk_open(&talk);
	frame(&talk.side[0], HEADERS, END_STREAM, 1, "\x82\x84", 2);
	memset(block, 0x82, sizeof(block));
	for (unsigned i = 0; i < 100; i++)
		frame(&talk.side[0], CONTINUATION, i == 99 ? END_HEADERS : 0, 1, block, 100);
	headers(&talk, CC_TO_SERVER, END_STREAM, 3, GET("/after"));
	out = talk_run(&rig, &talk);
	has(out, "odd reassembly_limit_reached");
	has(out, "odd header_list_too_long");
	has(out, "<http.uri /after\n");
	talk_close(&talk);

	talk_open(&talk);
	big[0] = 'n', big[1] = ':', big[2] = ' ';
	headers(&talk, CC_TO_SERVER, 0, 1, LINES(":method: GET", ":path: /bomb", big));
	memset(block, 0xbe, sizeof(block)); /* the newest entry of the table */
	frame(&talk.side[0], HEADERS, END_STREAM | END_HEADERS, 1, block, sizeof(block));
	out = talk_run(&rig, &talk);
	has(out, "odd header_list_too_long");
	has(out, "<http.uri /bomb\n");
	talk_close(&talk);

	talk_open(&talk);
	for (uint32_t i = 1; i < 20; i += 2)
		headers(&talk, CC_TO_SERVER, END_STREAM, i, GET("/many"));
	has(talk_run(&rig, &talk), "odd too_many_streams");
	talk_close(&talk);
	rig_close(&rig);
}

/* Whatever stands in place of some bytes, memory comes back. */
TEST(damage)
{
	unsigned seed = 1;
	struct buf side[2];
	struct talk talk;
	struct rig rig;

	rig_open(&rig, NULL);
	talk_open(&talk);
	ordinary(&talk);
	promise(&talk);
	buf_open(&side[0], 1u << 20);
	buf_open(&side[1], 1u << 20);
	for (unsigned round = 0; round < 3000; round++) {
		for (unsigned i = 0; i < 2; i++) {
			buf_clear(&side[i]);
			buf_add_slice(&side[i], buf_slice(&talk.side[i]));
			for (unsigned j = (unsigned)rand_r(&seed) % 6; j > 0; j--)
				side[i].p[(unsigned)rand_r(&seed) % side[i].size] = (uint8_t)rand_r(&seed);
		}
		(void)rig_run(&rig, buf_slice(&side[0]), buf_slice(&side[1]), (size_t)rand_r(&seed) % 20);
	}
	buf_close(&side[0]);
	buf_close(&side[1]);
	talk_close(&talk);
	rig_close(&rig);
}

/* Two streams fetch the halves of a file that gzip has packed; the second does not say its size. */
TEST(coded_ranges_are_put_together)
{
	/* five times "hello" */
	static const char coded[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57"
	    "\xc8\xc0\x4e\x72\x01\x00\x68\x02\x31\x66\x1e\x00\x00\x00";
	const size_t half = 13, size = sizeof(coded) - 1;
	struct talk talk;
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	talk_open(&talk);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t stream = 1 + 2 * i;

		headers(&talk, CC_TO_SERVER, END_STREAM, stream, GET("/file"));
		headers(&talk, CC_TO_CLIENT, 0, stream, LINES(":status: 206", "etag: \"1\"", "content-encoding: gzip",
		    i == 0 ? "content-range: bytes 13-29/30" : "content-range: bytes 0-12/*"));
		frame(&talk.side[1], DATA, END_STREAM, stream, coded + (i == 0 ? half : 0),
		    i == 0 ? size - half : half);
	}
	out = talk_run(&rig, &talk);
	has(out, "file > whole 30 ");
	has(out, "[hello hello hello hello hello\\n]");
	talk_close(&talk);
	rig_close(&rig);
}

TESTS(T(exchange), T(coded_ranges_are_put_together), T(tables), T(upgrade), T(gaps), T(midstream), T(limits), T(damage))
