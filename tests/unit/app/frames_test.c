/* Frames: what is kept of them however the stream is cut, where bytes are missing, and when nobody asks. */
#include "app_rig.h"

static void
want(struct rig *rig, const char *parser, uint32_t kinds)
{
	struct app_wants wants = {.content = true};

	for (unsigned i = 0; i < app_parser_count; i++) {
		if (strcmp(app_parsers[i]->name, parser) == 0)
			wants.frames[i] = kinds;
	}
	app_want(rig->app, &wants);
}

static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.0 200 OK\r\n\r\nto the end";

/* Events of frames alone, in the order of the stream. */
static bool
has_all(const char *out, const char *const *lines)
{
	for (; *lines != NULL; lines++) {
		if (strstr(out, *lines) == NULL) {
			printf("missing: %s\nin:\n%s\n", *lines, out);
			return false;
		}
	}
	return true;
}

TEST(messages_are_frames_however_cut)
{
	static const char *const lines[] = {
	    "frame < request at 0 +0 [GET /a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n]\n",
	    "frame < request at 28 +0 [POST /b HTTP/1.1\\r\\nContent-Length: 3\\r\\n\\r\\nabc]\n",
	    "frame > response at 0 +0 [HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi]\n",
	    "frame > response at 40 +0 [HTTP/1.0 200 OK\\r\\n\\r\\nto the end]\n", NULL};
	struct rig rig;

	rig_open(&rig, NULL);
	want(&rig, "http", 3);
	for (size_t piece = 0; piece < 50; piece++)
		CHECK(has_all(rig_run(&rig, slice_str(request), slice_str(response), piece), lines));
	rig_close(&rig);
}

TEST(nobody_asks_nothing_is_kept)
{
	struct rig rig;

	rig_open(&rig, NULL);
	want(&rig, "http", 1);
	CHECK(strstr(rig_run(&rig, slice_str(request), slice_str(response), 7), "frame >") == NULL);
	want(&rig, "tls", 1);
	CHECK(strstr(rig_run(&rig, slice_str(request), slice_str(response), 7), "frame") == NULL);
	CHECK_UINT(app_counts(rig.app)[APP_FRAMES], 2);
	rig_close(&rig);
}

static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";

TEST(gap_ends_a_piece)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	want(&rig, "http", 2);
	rig.all_pieces = true;
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str("GET / HTTP/1.1\r\n\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str(head));
	rig_add(&rig, CC_TO_CLIENT, slice_str("abc"));
	rig_chunk(&rig, CC_TO_CLIENT, slice_str("ij"), 5, false);
	out = rig_end(&rig);
	CHECK(strstr(out, "Content-Length: 10\\r\\n\\r\\nabc]") != NULL);
	CHECK(strstr(out, "+47 partial [ij]") != NULL); /* closed, and known to be */
	rig_close(&rig);
}

TEST(long_frames_come_in_pieces)
{
	static const char *const settings[] = {"app.frame_limit=1k", NULL};
	struct rig rig;
	uint8_t body[5000];
	const char *at;
	unsigned pieces = 0;

	rig_open(&rig, settings);
	want(&rig, "http", 2);
	rig.all_pieces = true;
	memset(body, '.', sizeof(body));
	memcpy(body + 1490, "needle", 6);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str("GET / HTTP/1.1\r\n\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str("HTTP/1.1 200 OK\r\n\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_of(body, sizeof(body)));
	at = rig_end(&rig);
	CHECK(strstr(at, "needle") != NULL);
	while ((at = strstr(at, "frame >")) != NULL) {
		pieces++;
		at++;
	}
	CHECK(pieces >= 9);
	rig_close(&rig);
}

/* An encrypted stream is gone through by its headers, and no further than it makes sense. */
TEST(encrypted_records)
{
	static const uint8_t stream[] = {22, 3, 1, 0, 4, 20, 0, 0, 0, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 'a', 'b', 23,
	    3, 3, 0, 3, 'c', 'd', 'e', 21, 3, 3, 0, 2, 2, 40, 'x', 'y', 'z', 0, 0, 0, 23, 3, 3, 0, 1, 'q'};
	struct rig rig;

	rig_open(&rig, NULL);
	want(&rig, "tls", 1u << 0 | 1u << 3);
	for (size_t piece = 1; piece < sizeof(stream); piece++) {
		static const uint8_t hello[] = {22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0};
		const char *out;

		rig_begin(&rig);
		rig_add(&rig, CC_TO_SERVER, slice_of(hello, sizeof(hello)));
		for (size_t i = 0; i < sizeof(stream); i += piece)
			rig_add(&rig, CC_TO_SERVER,
			    slice_of(stream + i, sizeof(stream) - i < piece ? sizeof(stream) - i : piece));
		out = rig_end(&rig);
		CHECK(strstr(out, "[\\x17\\x03\\x03\\x00\\x02ab]") != NULL);
		CHECK(strstr(out, "[\\x17\\x03\\x03\\x00\\x03cde]") != NULL);
		CHECK(strstr(out, "frame < alert at 87 +0 [\\x02(]") != NULL);
		CHECK(strstr(out, "q]") == NULL);
	}
	rig_close(&rig);
}

/* A compound of NFS 4 and its results; a heartbeat behind a hello. */
TEST(frames_of_compounds_and_heartbeats)
{
	static const char call[] = "\x80\0\0\x38\0\0\0\7\0\0\0\0\0\0\0\2\0\1\x86\xa3\0\0\0\4\0\0\0\1\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\x18";
	static const char reply[] = "\x80\0\0\x2c\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\x18\0\0\0\0";
	static const char *const nfs[] = {"frame < nfs4.pdu at 44 +0 [", "frame < nfs4.hdr at 44 +0 [",
	    "frame < nfs4.ops at 52 +0 [", "frame < rpc.data at 44 +0 [", "frame > nfs4.status at 28 +0 [",
	    "frame > nfs4.ops at 36 +0 [", NULL};
	static const uint8_t hello[] = {22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0,
	    24, 3, 1, 0, 3, 1, 0x40, 0};
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	want(&rig, "nfs", 0x3ff);
	out = rig_run(&rig, slice_of(call, sizeof(call) - 1), slice_of(reply, sizeof(reply) - 1), 0);
	CHECK(has_all(out, nfs));
	CHECK(strstr(out, "nfs.pdu") == NULL && strstr(out, "nfs.status") == NULL);
	want(&rig, "tls", 0xff);
	out = rig_run(&rig, slice_of(hello, sizeof(hello)), slice_of(NULL, 0), 0);
	CHECK(strstr(out, "frame < heartbeat at 57 +0 [\\x01@\\x00]") != NULL);
	rig_close(&rig);
}

/* A message's first line has its end with it. */
TEST(first_lines)
{
	static const char invite[] = "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/TCP y\r\nContent-Length: 0\r\n\r\n";
	static const char *const line[] = {"frame < request.line at 0 +0 [INVITE sip:b@x SIP/2.0\\r\\n]\n", NULL};
	struct rig rig;

	rig_open(&rig, NULL);
	want(&rig, "sip", 2);
	CHECK(has_all(rig_run(&rig, slice_str(invite), slice_of(NULL, 0), 0), line));
	rig_close(&rig);
}

TESTS(T(first_lines), T(frames_of_compounds_and_heartbeats),
    T(messages_are_frames_however_cut), T(nobody_asks_nothing_is_kept), T(gap_ends_a_piece),
    T(long_frames_come_in_pieces), T(encrypted_records))
