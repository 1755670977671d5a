/* HTTP/1: tables of messages, each cut at every byte of either side with the same result; limits; random damage. */
#include <zlib.h>

#include "app_rig.h"

struct sample {
	const char *name, *request, *response;
	const char *has[10]; /* lines that must come out; "!x": must not */
};

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define NTLM_V1 \
	"TlRMTVNTUAADAAAAGAAYAFIAAAAYABgAagAAAAYABgBAAAAACgAKAEYAAAAEAAQAUAAAAAAAAACCAAAAAQAAAEQATwBNA" \
	"HIAbwBiAGkAbgBXAFMAMTExMTExMTExMTExMTExMTExMTExMTExMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy"
#define OK "HTTP/1.1 200 OK\r\n"

static const struct sample samples[] = {
	{"plain", GET, OK "Content-Length: 5\r\nContent-Type: text/html; charset=x\r\nServer: s\r\n\r\nhello",
	    {"is http\n", "file > whole 5 2cf24dba5fb0a30e a [hello]", "<http.method GET\n", "<http.host h\n",
	    ">status 200\n",
	    ">http_content_type text/html\n", ">length 5\n", ">http.server s\n", "!odd "}},
	{"pipelined", GET "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", OK "Content-Length: 1\r\n\r\n1"
	    OK "Content-Length: 1\r\n\r\n2",
	    {"a [1]\ntx 0\n", "b [2]\ntx 1\n", "!odd "}},
	{"chunked", GET, OK "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n" OK "\r\n",
	    {"file > whole 5 36bbe50ed96841d1 a [abcde]", ">length 5\n", "tx 1\n"}},
	{"chunked request", "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" GET,
	    OK "Content-Length: 0\r\n\r\n", {"file < whole 2 fb8e20fc2e4c3f24 p [ab]", "tx 0\n", "tx 1\n", "!odd "}},
	{"close", GET, OK "\r\nabc", {"file > whole 3 ba7816bf8f01cfea a [abc]", ">length 3\n"}},
	{"short", GET, OK "Content-Length: 9\r\n\r\nabc", {"file > cut 3 ba7816bf8f01cfea a [abc]"}},
	{"LF only", "GET /a HTTP/1.0\nHost: h\n\n", "HTTP/1.0 200 OK\nContent-Length: 3\n\nabc", {"file > whole 3",
	    "<http.host h\n"}},
	{"no end of head", GET, OK "Server: s\r\n", {">http.server s\n", ">status 200\n"}},
	{"HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" GET, OK "Content-Length: 5\r\n\r\n"
	    OK "Content-Length: 1\r\n\r\nx",
	    {"file > whole 1", "tx 0\n", "tx 1\n", "!odd "}},
	{"304", GET GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
	    {"file > whole 1", "tx 1\n", "!odd "}},
	{"304 with a body", GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", {"file > whole 5"}},
	{"100", "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
	    "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx",
	    {"file < whole 2", "file > whole 1", ">status 200\n", "!status 100", "!tx 1"}},
	{"HTTP/0.9", "GET /old\r\n", "<html>old</html>", {"file > whole 16", "<http.uri /old\n",
	    "odd request_line_missing_protocol"}},
	{"no version, headers", "GET /old\r\nHost: h\r\n\r\n" GET, OK "\r\n", {"<http.host h\n", "tx 0\n", "tx 1\n"}},
	{"response alone", "", OK "Content-Length: 2\r\n\r\nab", {"file > whole 2", ">status 200\n", "!odd unable"}},
	{"request alone", GET GET, "", {"tx 0\n", "tx 1\n", "!>"}},
	{"absolute", "GET http://User@Ex.Org:8080/x/../y?q=%41 HTTP/1.1\r\nHost: ex.org\r\n\r\n", OK "\r\n",
	    {"<http.host ex.org\n", "<http_port 8080\n", "<http.uri /y?q=A\n",
	    "<http.uri.raw http://User@Ex.Org:8080/x/../y?q=%41\n",
	    "!host_header_ambiguous"}},
	{"ambiguous host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "", {"<http.host a\n",
	    "odd host_header_ambiguous"}},
	{"folding", "GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n  2\r\n\t3\r\nY: z\r\n\r\n", "",
	    {"<http.header Host: h\\r\\nX-A: 1 2 3\\r\\nY: z\\r\\n\n", "<http.request_header X-A: 1 2 3\n"}},
	{"Basic", "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Basic cm9iaW46c2VjcmV0\r\n\r\n", "",
	    {"<concert.auth.mechanism Basic\n", "<http.auth_user robin\n", "odd plaintext_credentials\n", "!secret"}},
	{"Digest",
	    "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Digest realm=\"r\", username=\"robin\", uri=\"/a\"\r\n\r\n",
	        "",
	    {"<concert.auth.mechanism Digest\n", "<http.auth_user robin\n", "!odd "}},
	{"NTLM", "GET /a HTTP/1.1\r\nHost: h\r\nProxy-Authorization: NTLM " NTLM_V1 "\r\n\r\n", "",
	    {"<concert.ntlm.domain DOM\n", "<concert.ntlm.user robin\n", "<concert.ntlm.host WS\n", "odd ntlm_v1\n"}},
	{"repeated", "GET /a HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\na: 3\r\nA: 4\r\n\r\n", "",
	    {"<http.header Host: h\\r\\nA: 1, 3, 4\\r\\nB: 2\\r\\n\n",
	    "<http.header_names \\r\\nHost\\r\\nA\\r\\nB\\r\\n\\r\\n\n", "<concert.header_order host,a,b,a,a\n"}},
	{"cookies", "GET /a HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n",
	    OK "Set-Cookie: c=d\r\nSet-Cookie: e=f\r\n\r\n",
	    {"<http.cookie a=b\n", ">http.cookie c=d, e=f\n", "<http.header Host: h\\r\\n\n",
	    "<http.request_header Cookie: a=b\n"}},
	{"missing colon", "GET /a HTTP/1.1\r\nHost: h\r\nfoo\r\n\r\n", "", {"odd request_field_missing_colon",
	    "<http.host h\n"}},
	{"odd names", GET, OK "Transfer-Encoding\v: \vchunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	    {"file > whole 1", "odd response_header_invalid"}},
	{"odd values", GET, OK "Transfer-Encoding: x\x7f" "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	    {"file > whole 1", "odd response_abnormal_transfer_encoding"}},
	{"chunked, but not", GET, OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nxyz",
	    {"file > whole 3", "odd invalid_response_chunk_len", "[xyz]"}},
	{"chunks that stop", GET, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz", {"[azz]",
	    "odd invalid_response_chunk_len"}},
	{"two lengths", GET, OK "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
	    {"[abcde]", "odd duplicate_content_length_field_in_response"}},
	{"odd length", GET GET, OK "Content-Length: 3(5)\r\n\r\nabc" OK "Content-Length: 1\r\n\r\nx",
	    {"[abc]", "[x]", "odd ambiguous_content_length"}},
	{"endless length", GET, OK "Content-Length: 99999999999999999999999999\r\n\r\nabc",
	    {"file > whole 3", "odd invalid_content_length_field_in_response"}},
	{"odd coding names", GET, OK "Content-Encoding: identity, foo\r\n\r\nabc",
	    {"file > whole 3", "odd abnormal_ce_header"}},
	{"lone CR", GET, "HTTP/1.1 200 OK\rContent-Length: 3\rServer: s\r\n\r\nabcdef", {"file > whole 3",
	    ">http.server s\n"}},
	{"white line ends", GET, OK "Content-Length: 3\n\t\n@bc", {"file > whole 3"}},
	{"white line goes on", GET, OK "X: y\r\n \r\nContent-Length: 3\r\n\r\nabcdef", {"file > whole 3"}},
	{"junk first", GET, " junk\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", {"file > whole 3",
	    ">status 200\n"}},
	{"upgrade", "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
	    "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05" "again", {">status 101\n", "tx 0\n", "!file",
	    "is websocket\n", "<websocket.payload hello\n", ">websocket.payload again\n", "!odd request_body"}},
	{"upgrade to another", "GET /x HTTP/1.1\r\nHost: h\r\nUpgrade: tls\r\n\r\n", "HTTP/1.1 101 Switching\r\n"
	    "Upgrade: tls\r\n\r\n\x16\x03\x01", {">status 101\n", "tx 0\n", "!tx 1", "!file", "!is tls"}},
	{"connect refused", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" GET,
	    "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno" OK "Content-Length: 1\r\n\r\nx",
	    {"<http.uri.raw h:443\n", "tx 1\n", "[no]", "[x]"}},
	{"path as name", "GET http://h/x/../b%20c/%2e/a%3fb.exe?x=/y HTTP/1.1\r\nHost: h\r\n\r\n",
	    OK "Content-Length: 1\r\n\r\nx",
	    {"file > whole 1 ", " a?b.exe [x]\n", "path /b c/a?b.exe\n"}},
	{"name", GET, OK "Content-Disposition: attachment; filename=\"b c.exe\"\r\nContent-Length: 1\r\n\r\nx",
	    {" b c.exe [x]"}},
	{"redirect", GET, "HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
	    {">redirect http://x/\n"}},
	{"range", GET, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/20\r\nContent-Length: 5\r\n\r\nabcde",
	    {">content_range.raw bytes 5-9/20\n", ">content_range.start 5\n", ">content_range.end 9\n",
	    ">content_range.size 20\n"}},
	{"status", GET, "HTTP/1.1 2xx ok\r\nContent-Length: 1\r\n\r\nx", {">status_string 2xx\n",
	    "odd response_invalid_status"}},
	{"multipart",
	    "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=BB\r\n"
	    "Content-Length: 119\r\n\r\n"
	    "--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\n"
	    "ab\r\n-c\r\n--B\r\r\n--BB\r\n"
	    "Content-Disposition: a\r\n\r\nB\r\n--BB--", OK "Content-Length: 0\r\n\r\n",
	    {"x.txt [ab\\r\\n-c\\r\\n--B\\r]", " up [--BB", "tx 0\n"}},
	{"multipart, LF alone",
	    "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=BB\r\n"
	    "Content-Length: 115\r\n\r\n"
	    "--BB\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\n\n"
	    "ab\n-c\r\n\n--B\n\n--BB\n"
	    "Content-Disposition: a\n\nB\n--BB--", OK "Content-Length: 0\r\n\r\n",
	    {"x.txt [ab\\n-c\\r\\n\\n--B\\n]", " up [--BB", "tx 0\n"}},
	{"multipart, LF only once",
	    "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=BB\r\n"
	    "Content-Length: 85\r\n\r\n"
	    "--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\n"
	    "ab\n--BB\nc\r\n--BB--", OK "Content-Length: 0\r\n\r\n", {"x.txt [ab\\n--BB\\nc]"}},
	{"empty part",
	    "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=BB\r\n"
	    "Content-Length: 76\r\n\r\n"
	    "--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\n"
	    "\r\n--BB--", OK "Content-Length: 0\r\n\r\n", {"odd multipart_no_filedata"}},
	{"auth", "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Foo x\r\n\r\n", "", {"odd request_auth_unrecognized"}},
	{"port", "GET /a HTTP/1.1\r\nHost: H.Example:81\r\n\r\n", "", {"<http.host h.example\n", "<http_port 81\n",
	    "odd request_server_port_tcp_port_mismatch", "<http.host.raw H.Example:81\n"}},
};

static void
check_has(const struct sample *sample, const char *out)
{
	for (size_t i = 0; i < sizeof(sample->has) / sizeof(sample->has[0]) && sample->has[i] != NULL; i++) {
		bool wanted = sample->has[i][0] != '!';

		if ((strstr(out, sample->has[i] + (wanted ? 0 : 1)) != NULL) == wanted)
			continue;
		test_failures++;
		printf("%s: %s \"%s\" in:\n%s\n", sample->name, wanted ? "no" : "there is", sample->has[i], out);
	}
}

/* Both sides whole, then cut once at every byte of one of them, then byte by byte: the same each time. */
static void
check_cuts(struct rig *rig, const char *name, struct slice request, struct slice response)
{
	char *whole = strdup(rig_run(rig, request, response, 0));
	size_t total = request.size + response.size;

	for (size_t cut = 0; cut <= total; cut++) {
		const char *out;

		rig_begin(rig);
		if (cut < request.size && cut > 0)
			rig_add(rig, CC_TO_SERVER, slice_of(request.p, cut));
		if (cut < request.size)
			rig_add(rig, CC_TO_SERVER, slice_of(request.p + cut, request.size - cut));
		else
			rig_add(rig, CC_TO_SERVER, request);
		if (cut > request.size) {
			size_t at = cut - request.size;

			rig_add(rig, CC_TO_CLIENT, slice_of(response.p, at));
			rig_add(rig, CC_TO_CLIENT, slice_of(response.p + at, response.size - at));
		} else if (response.size > 0) {
			rig_add(rig, CC_TO_CLIENT, response);
		}
		out = rig_end(rig);
		if (strcmp(out, whole) != 0) {
			test_failures++;
			printf("%s, cut at %zu:\n%s\nnot\n%s\n", name, cut, out, whole);
			break;
		}
	}
	for (size_t piece = 1; piece < 4; piece++)
		CHECK_TEXT(rig_run(rig, request, response, piece), whole);
	free(whole);
}

TEST(messages)
{
	struct rig rig;

	rig_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct slice request = slice_str(samples[i].request), response = slice_str(samples[i].response);

		check_has(&samples[i], rig_run(&rig, request, response, 0));
		check_cuts(&rig, samples[i].name, request, response);
	}
	rig_close(&rig);
}

/* bits: zlib's window bits, 31 gzip, 15 zlib, -15 raw. */
static size_t
deflate_to(const void *p, size_t size, int bits, uint8_t *out, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)size, .next_out = out,
	    .avail_out = (uInt)room};

	if (deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z,
	    Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

static struct slice
response_with(struct buf *buf, const char *headers, const void *body, size_t size)
{
	buf_clear(buf);
	buf_printf(buf, OK "Content-Length: %zu\r\n%s\r\n", size, headers);
	buf_add(buf, body, size);
	return buf_slice(buf);
}

TEST(content_codings)
{
	static const struct {
		const char *headers;
		int bits[2];
		bool odd;
	} cases[] = {
	    {"Content-Encoding: gzip\r\n", {31}, false}, {"Content-Encoding: x-gzip\r\n", {31}, false},
	    {"Content-Encoding: deflate\r\n", {15}, false}, {"Content-Encoding: deflate\r\n", {-15}, false},
	    {"Content-Encoding: gzip, deflate\r\n", {31, 15}, false},
	    {"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", {31, 31}, false},
	    {"Content-Encoding: deflate\r\n", {31}, false}, {"Content-Encoding: gzip\r\n", {0}, true},
	    {"Content-Encoding: deflate, gzip\r\n", {-15}, true}, {"Content-Encoding: gzip;q=1\r\n", {31}, false},
	    {"Content-Encoding: br\r\n", {0}, true},
	};
	static const char text[] = "What is compressed here is this text, this text, this very text; and it is "
	    "long enough for a "
	    "few bytes more than the decoders need to make up their minds: 0123456789.";
	uint8_t once[1024], twice[1024];
	struct buf buf;
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&buf, 1u << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const void *body = text;
		size_t size = sizeof(text) - 1;
		struct slice response;
		const char *out;

		if (cases[i].bits[0] != 0) {
			size = deflate_to(body, size, cases[i].bits[0], once, sizeof(once));
			body = once;
		}
		if (cases[i].bits[1] != 0) {
			size = deflate_to(body, size, cases[i].bits[1], twice, sizeof(twice));
			body = twice;
		}
		response = response_with(&buf, cases[i].headers, body, size);
		out = rig_run(&rig, slice_str(GET), response, 0);
		CHECK(strstr(out, "file > whole 166 ") != NULL);
		CHECK((strstr(out, "gzip_decompression_failed") != NULL) == cases[i].odd ||
		    strstr(cases[i].headers, "q=1") != NULL);
		check_cuts(&rig, cases[i].headers, slice_str(GET), response);
	}
	buf_close(&buf);
	rig_close(&rig);
}

TEST(brotli)
{
	/* five times "hello", as the brotli command packs it */
	static const uint8_t body[] = {0x1f, 0x1d, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0xd6, 0x0a,
	    0x20,
	    0x6c, 0x6f, 0x4a, 0x11, 0x7a, 0xe2, 0x80, 0x52, 0x2d, 0x00};
	struct slice response;
	struct buf buf;
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&buf, 1u << 20);
	response = response_with(&buf, "Content-Encoding: br\r\n", body, sizeof(body));
	CHECK(strstr(rig_run(&rig, slice_str(GET), response, 0), "[hello hello hello hello hello\\n]") != NULL);
	check_cuts(&rig, "brotli", slice_str(GET), response);
	buf_close(&buf);
	rig_close(&rig);
}

/* As the zstd and xz (--format=lzma) commands pack them. */
TEST(zstd_and_lzma)
{
	static const struct {
		const char *headers;
		uint8_t body[64];
		size_t size;
	} cases[] = {
	    {"Content-Encoding: zstd\r\n",
		{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0x6d, 0x00, 0x00, 0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x0a,
		    0x01, 0x00, 0xa9, 0x4b, 0x11, 0x1a, 0x48, 0x72, 0xab},
		26},
	    {"Content-Encoding: lzma\r\n",
		{0x5d, 0x00, 0x00, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x34, 0x19, 0x49,
		    0xee, 0x8d, 0xe9, 0x57, 0x3a, 0xc7, 0x0d, 0xb0, 0x03, 0xff, 0xff, 0xfd, 0xd1, 0xc0, 0x00},
		32},
	};
	struct slice response;
	struct buf buf;
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&buf, 1u << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		response = response_with(&buf, cases[i].headers, cases[i].body, cases[i].size);
		CHECK(strstr(rig_run(&rig, slice_str(GET), response, 0), "[hello hello hello hello hello\\n]") != NULL);
		check_cuts(&rig, cases[i].headers, slice_str(GET), response);
	}
	buf_close(&buf);
	rig_close(&rig);
}

/* 64 MiB of zeros in gzip in gzip are some 200 bytes; memory and time must stay small. */
TEST(bomb)
{
	size_t zeros_size = 64u << 20, size;
	uint8_t *zeros = calloc(1, zeros_size), *once = malloc(1u << 20), *twice = malloc(1u << 20);
	struct buf buf;
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	buf_open(&buf, 4u << 20);
	size = deflate_to(zeros, zeros_size, 31, once, 1u << 20);
	size = deflate_to(once, size, 31, twice, 1u << 20);
	out = rig_run(&rig, slice_str(GET GET),
	    response_with(&buf, "Content-Encoding: gzip, gzip\r\n", twice, size), 0);
	CHECK(strstr(out, "odd compression_bomb") != NULL);
	CHECK(strstr(out, "file > cut ") != NULL);
	CHECK(strstr(out, "tx 0\n") != NULL);
	buf_close(&buf);
	rig_close(&rig);
	free(zeros);
	free(once);
	free(twice);
}

TEST(gaps)
{
	struct slice head = slice_str(OK "Content-Length: 10\r\n\r\nabc");
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str(GET GET));
	rig_add(&rig, CC_TO_CLIENT, head);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("hij" OK "Content-Length: 1\r\n\r\nx"), 4, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "file > whole 10 - gap a [abc]") != NULL);
	CHECK(strstr(out, "file > whole 1 ") != NULL);

	rig_begin(&rig); /* beyond the body: found again at the next status line */
	rig_add(&rig, CC_TO_SERVER, slice_str(GET GET));
	rig_add(&rig, CC_TO_CLIENT, head);
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("er: x\r\n\r\nzzz\r\n" OK "Content-Length: 1\r\n\r\nx"), 400, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "file > cut 3 ba7816bf8f01cfea a [abc]") != NULL);
	CHECK(strstr(out, "file > whole 1 ") != NULL);

	rig_begin(&rig); /* in the request's head */
	rig_add(&rig, CC_TO_SERVER, slice_str(GET "GET /lo"));
	rig_chunk(&rig, CC_TO_SERVER, slice_str(": x\r\n\r\n" "GET /c HTTP/1.1\r\nHost: h\r\n\r\n"), 7, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "<http.uri /c\n") != NULL);
	rig_close(&rig);
}

TEST(connect)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str("HTTP/1.1 200 Go\r\n\r\n"));
	rig_add(&rig, CC_TO_SERVER, slice_str("GET /inner HTTP/1.1\r\nHost: h\r\n\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str(OK "Content-Length: 1\r\n\r\nx"));
	out = rig_end(&rig);
	CHECK(strstr(out, "<http.uri /inner\n") != NULL);
	CHECK(strstr(out, "tx 1\n") != NULL);
	CHECK(strstr(out, "file > whole 1 ") != NULL);
	rig_close(&rig);
}

TEST(limits)
{
	static const char *const settings[] = {"http.header_limit=1024", "http.body_limit=10", NULL};
	struct buf buf;
	struct rig rig;
	const char *out;

	rig_open(&rig, settings);
	buf_open(&buf, 1u << 20);
	buf_add_text(&buf, "GET /a HTTP/1.1\r\nHost: h\r\nX: ");
	for (unsigned i = 0; i < 3000; i++)
		buf_add_u8(&buf, 'x');
	buf_add_text(&buf, "\r\nY: z\r\n\r\n" GET);
	out = rig_run(&rig, buf_slice(&buf), slice_str(OK "Content-Length: 20\r\n\r\n01234567890123456789"
	    OK "\r\n"), 0);
	CHECK(strstr(out, "odd request_field_too_long") != NULL);
	CHECK(strstr(out, "<http.host h\n") != NULL);
	CHECK(strstr(out, "tx 1\n") != NULL);
	CHECK(strstr(out, "file > cut 10 84d89877f0d4041e a [0123456789]") != NULL);
	check_cuts(&rig, "long head", buf_slice(&buf), slice_str(OK "Content-Length: 0\r\n\r\n"));
	buf_clear(&buf); /* requests that nobody answers */
	for (unsigned i = 0; i < 2000; i++)
		buf_add_text(&buf, GET);
	out = rig_run(&rig, buf_slice(&buf), slice_str(""), 0);
	CHECK(strstr(out, "tx 1999\n") != NULL);
	buf_close(&buf);
	rig_close(&rig);
}

/* Random bytes changed, taken out and doubled in real messages: nothing may break, and all memory comes back. */
TEST(damage)
{
	unsigned seed = 1;
	struct buf side[2];
	struct rig rig;

	rig_open(&rig, NULL);
	buf_open(&side[0], 1u << 20);
	buf_open(&side[1], 1u << 20);
	for (unsigned round = 0; round < 4000; round++) {
		const struct sample *a = &samples[(unsigned)rand_r(&seed) % (sizeof(samples) / sizeof(samples[0]))];
		const struct sample *b = &samples[(unsigned)rand_r(&seed) % (sizeof(samples) / sizeof(samples[0]))];

		buf_clear(&side[0]);
		buf_clear(&side[1]);
		buf_add_text(&side[0], a->request);
		buf_add_text(&side[0], b->request);
		buf_add_text(&side[1], a->response);
		buf_add_text(&side[1], b->response);
		for (unsigned i = 0; i < 2; i++)
			for (unsigned j = (unsigned)rand_r(&seed) % 6; j > 0 && side[i].size > 0; j--)
				side[i].p[(unsigned)rand_r(&seed) % side[i].size] = (uint8_t)(rand_r(&seed) % 3 == 0 ?
				    "\r\n :;"[rand_r(&seed) % 5] : rand_r(&seed));
		(void)rig_run(&rig, buf_slice(&side[0]), buf_slice(&side[1]), (size_t)rand_r(&seed) % 20);
	}
	buf_close(&side[0]);
	buf_close(&side[1]);
	rig_close(&rig);
}

/* A body up to the connection's end is whole if that was a FIN, and not where a reset or the capture ended it. */
TEST(a_body_until_close_needs_the_close)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	for (unsigned fin = 0; fin < 2; fin++) {
		rig_begin(&rig);
		rig.flow.side[CC_TO_CLIENT].tcp_flags = (uint8_t)(TCP_SYN | TCP_ACK | (fin != 0 ? TCP_FIN : TCP_RST));
		rig_add(&rig, CC_TO_SERVER, slice_str(GET));
		rig_add(&rig, CC_TO_CLIENT, slice_str("HTTP/1.1 200 OK\r\n\r\nabc"));
		out = rig_end(&rig);
		CHECK(strstr(out, fin != 0 ? "file > whole 3" : "file > cut 3") != NULL);
	}
	rig_close(&rig);
}

TESTS(T(messages), T(a_body_until_close_needs_the_close), T(content_codings), T(brotli), T(zstd_and_lzma), T(bomb),
    T(gaps), T(connect), T(limits), T(damage))
