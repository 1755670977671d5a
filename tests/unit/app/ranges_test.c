/* Downloads in ranges: any order, overlaps, several flows, resumed ones, contradictions, and what is hostile. */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "app/own.h"
#include "app_rig.h"

#define SIZE_MAX_TEST 300000

static uint8_t whole[SIZE_MAX_TEST];
static uint64_t state = 88172645463325252u;

static uint64_t
rnd(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void
fill(void)
{
	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = (uint8_t)rnd(256);
}

static void
sha_of(size_t size, char ret_text[65])
{
	uint8_t sha256[32];

	sha256_of(slice_of(whole, size), sha256);
	hex_text(slice_of(sha256, 8), ret_text);
}

/* One flow more with one request, answered by these bytes; what came out. */
static const char *
fetch(struct rig *rig, struct slice answer, uint64_t gap_at, uint64_t gap)
{
	static const char get[] = "GET /a/file.bin HTTP/1.1\r\nHost: h.example\r\n\r\n";
	size_t from = 0;

	rig_begin(rig);
	rig_add(rig, CC_TO_SERVER, slice_str(get));
	while (from < answer.size) {
		size_t size = 1 + (size_t)rnd(20000);

		if (gap > 0 && from == gap_at) {
			from += (size_t)gap;
			rig_chunk(rig, CC_TO_CLIENT, slice_of(NULL, 0), gap, false);
			gap = 0;
			continue;
		}
		if (size > answer.size - from)
			size = answer.size - from;
		if (gap > 0 && from < gap_at && from + size > gap_at)
			size = (size_t)gap_at - from;
		rig_add(rig, CC_TO_CLIENT, slice_of(answer.p + from, size));
		from += size;
	}
	return rig_end(rig);
}

/* 206 with bytes from to (not included) of a file of size. */
static const char *
part(struct rig *rig, size_t from, size_t to, size_t size, const uint8_t *bytes, const char *etag)
{
	struct buf answer;
	const char *out;

	buf_open(&answer, 1u << 20);
	buf_printf(&answer,
	    "HTTP/1.1 206 Partial Content\r\nETag: %s\r\nContent-Range: bytes %zu-%zu/%zu\r\nContent-Length: "
	    "%zu\r\n\r\n",
	    etag, from, to - 1, size, to - from);
	buf_add(&answer, bytes + from, to - from);
	out = fetch(rig, buf_slice(&answer), 0, 0);
	buf_close(&answer);
	return out;
}

static bool
whole_told(const char *out, size_t size)
{
	char line[128], hex[65];

	sha_of(size, hex);
	snprintf(line, sizeof(line), "file > whole %zu %s file.bin", size, hex);
	return strstr(out, line) != NULL;
}

TEST(random_orders_and_overlaps)
{
	struct rig rig;

	fill();
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	for (unsigned round = 0; round < 60; round++) {
		size_t size = 1000 + (size_t)rnd(SIZE_MAX_TEST - 1000), cut[32], count = 2 + (size_t)rnd(20);
		unsigned told = 0, order[32];
		char etag[32];

		snprintf(etag, sizeof(etag), "\"v%u\"", round);
		cut[0] = 0;
		for (size_t i = 1; i < count; i++)
			cut[i] = cut[i - 1] + 1 + (size_t)rnd((size - cut[i - 1] - (count - i)) / (count - i) );
		cut[count] = size;
		for (unsigned i = 0; i < count; i++)
			order[i] = i;
		for (unsigned i = 0; i < count; i++) {
			unsigned j = (unsigned)rnd(count), was = order[i];

			order[i] = order[j];
			order[j] = was;
		}
		for (size_t i = 0; i < count; i++) {
			size_t from = cut[order[i]], to = cut[order[i] + 1];
			size_t back = (size_t)rnd(from + 1 < 5000 ? from + 1 : 5000),
			       on = (size_t)rnd(size - to + 1 < 5000 ? size - to + 1 : 5000);

			if (told > 0)
				break; /* overlaps were enough already */
			told += whole_told(part(&rig, from - back, to + on, size, whole, etag), size);
		}
		CHECK_UINT(told, 1);
	}
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 60);
	CHECK_UINT(app_counts(rig.app)[APP_RANGES_ODD], 0);
	joins_clear(rig.app);
	rig_close(&rig);
}

/* Flows that are open side by side, as a download manager has them, on one rig after the other's flow. */
TEST(a_cut_download_is_resumed)
{
	struct rig rig;
	struct buf answer;
	const char *out;

	fill();
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	buf_open(&answer, 1u << 20);
	buf_printf(&answer,
	    "HTTP/1.1 200 OK\r\nLast-Modified: Tue, 19 Dec 2023 20:31:06 GMT\r\nContent-Length: 200000\r\n\r\n");
	buf_add(&answer, whole, 123456);
	out = fetch(&rig, buf_slice(&answer), 0, 0);
	CHECK(strstr(out, "file > cut 123456 ") != NULL);
	CHECK(!whole_told(out, 200000));
	buf_clear(&answer);
	buf_printf(&answer, "HTTP/1.1 206 Partial\r\nLast-Modified: Tue, 19 Dec 2023 20:31:06 GMT\r\n"
	    "Content-Range: bytes 120000-199999/200000\r\nContent-Length: 80000\r\n\r\n");
	buf_add(&answer, whole + 120000, 80000);
	out = fetch(&rig, buf_slice(&answer), 0, 0);
	CHECK(whole_told(out, 200000));
	/* Another version is another file. */
	buf_clear(&answer);
	buf_printf(&answer, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 200000\r\n\r\n");
	buf_add(&answer, whole, 123456);
	fetch(&rig, buf_slice(&answer), 0, 0);
	out = part(&rig, 120000, 200000, 200000, whole, "\"2\"");
	CHECK(!whole_told(out, 200000));
	out = part(&rig, 120000, 200000, 200000, whole, "\"1\"");
	CHECK(whole_told(out, 200000));
	joins_clear(rig.app);
	buf_close(&answer);
	rig_close(&rig);
}

TEST(byteranges_in_one_answer)
{
	static const char *const type = "multipart/byteranges; boundary=THIS_STRING";
	struct rig rig;
	struct buf body, answer;
	const char *out;

	fill();
	rig_open(&rig, NULL);
	buf_open(&body, 1u << 20);
	buf_open(&answer, 1u << 20);
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned from[] = {50000, 0, 90000, 20000}, to[] = {90000, 20000, 100000, 50000};

		buf_printf(&body,
		    "%s--THIS_STRING\r\nContent-Type: application/pdf\r\nContent-Range: bytes %u-%u/100000\r\n\r\n",
		    i > 0 ? "\r\n" : "", from[i], to[i] - 1);
		buf_add(&body, whole + from[i], to[i] - from[i]);
	}
	buf_add_text(&body, "\r\n--THIS_STRING--\r\n");
	buf_printf(&answer, "HTTP/1.1 206 Partial\r\nETag: \"x\"\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
	    type, body.size);
	buf_add_slice(&answer, buf_slice(&body));
	out = fetch(&rig, buf_slice(&answer), 0, 0);
	CHECK(whole_told(out, 100000));
	buf_close(&body);
	buf_close(&answer);
	rig_close(&rig);
}

TEST(a_hole_is_said)
{
	struct rig rig;
	struct buf answer;
	const char *out;

	fill();
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	out = part(&rig, 0, 1000, 5000, whole, "\"1\"");
	CHECK(strstr(out, "file > cut") == NULL); /* one range is what it is */
	out = part(&rig, 4000, 5000, 5000, whole, "\"1\"");
	CHECK(strstr(out, "file > cut 2000 - gap file.bin") != NULL);
	/* Lost packets in a range leave a hole, and another range fills it. */
	buf_open(&answer, 1u << 20);
	buf_printf(&answer, "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Range: bytes "
			    "1000-3999/5000\r\nContent-Length: 3000\r\n\r\n");
	buf_add(&answer, whole + 1000, 3000);
	out = fetch(&rig, buf_slice(&answer), answer.size - 2000, 500);
	CHECK(strstr(out, "file > cut 4500 - gap file.bin") != NULL);
	out = part(&rig, 1500, 3000, 5000, whole, "\"1\"");
	CHECK(whole_told(out, 5000));
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 1);
	joins_clear(rig.app);
	buf_close(&answer);
	rig_close(&rig);
}

/* The file of that size as gzip has it. */
static struct slice
gzip_of(size_t size)
{
	static uint8_t coded[SIZE_MAX_TEST * 2];
	z_stream z = {.next_in = whole, .avail_in = (uInt)size, .next_out = coded, .avail_out = sizeof(coded)};

	for (size_t i = 0; i < size; i++)
		whole[i] = (uint8_t)(whole[i] % 23 + 'a');
	CHECK_UINT(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	CHECK_UINT(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return slice_of(coded, sizeof(coded) - z.avail_out);
}

/* Bytes from to of coded, as a 206 or as the beginning of a 200. */
static const char *
coded_part(struct rig *rig, struct slice coded, size_t from, size_t to, const char *etag, bool partial)
{
	struct buf answer;
	const char *out;

	buf_open(&answer, 1u << 20);
	buf_printf(&answer, "HTTP/1.1 %s\r\nETag: %s\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n",
	    partial ? "206 Partial" : "200 OK", etag, partial ? to - from : coded.size);
	if (partial)
		buf_printf(&answer, "Content-Range: bytes %zu-%zu/%zu\r\n", from, to - 1, coded.size);
	buf_add_text(&answer, "\r\n");
	buf_add(&answer, coded.p + from, to - from);
	out = fetch(rig, buf_slice(&answer), 0, 0);
	buf_close(&answer);
	return out;
}

TEST(ranges_of_coded_bytes_are_decoded_in_order)
{
	struct slice coded;
	struct rig rig;
	const char *out;

	fill();
	coded = gzip_of(200000);
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	CHECK(coded.size > 100000);
	coded_part(&rig, coded, 70000, coded.size, "\"1\"", true);
	out = coded_part(&rig, coded, 0, 30000, "\"1\"", true);
	CHECK(strstr(out, "file > cut") != NULL && strstr(out, "- gap") != NULL); /* and a hole */
	out = coded_part(&rig, coded, 20000, 80000, "\"1\"", true);
	CHECK(whole_told(out, 200000));
	CHECK(strstr(out, "odd") == NULL);
	/* The same bytes uncoded are another representation, whatever the tag. */
	part(&rig, 0, 1000, coded.size, coded.p, "\"2\"");
	CHECK(!whole_told(coded_part(&rig, coded, 1000, coded.size, "\"2\"", true), 200000));
	/* A whole response that broke off, resumed: its decoder goes on. */
	out = coded_part(&rig, coded, 0, 66666, "\"3\"", false);
	CHECK(strstr(out, "file > cut") != NULL);
	CHECK(whole_told(coded_part(&rig, coded, 60000, coded.size, "\"3\"", true), 200000));
	/* What waits for the beginning is decoded when it comes. */
	coded_part(&rig, coded, 50000, coded.size, "\"4\"", true);
	coded_part(&rig, coded, 10, 50000, "\"4\"", true);
	CHECK(whole_told(coded_part(&rig, coded, 0, 10, "\"4\"", true), 200000));
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 3);
	joins_clear(rig.app);
	CHECK_UINT(pool_used(rig.pool), 0);
	rig_close(&rig);
}

TEST(coded_bytes_that_break_are_no_whole)
{
	static uint8_t broken[SIZE_MAX_TEST];
	struct slice coded;
	struct rig rig;
	const char *out;

	fill();
	coded = gzip_of(200000);
	memcpy(broken, coded.p, coded.size);
	for (size_t i = 60000; i < coded.size; i++)
		broken[i] = (uint8_t)rnd(256);
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	coded_part(&rig, slice_of(broken, coded.size), 0, 50000, "\"1\"", true);
	out = coded_part(&rig, slice_of(broken, coded.size), 50000, coded.size, "\"1\"", true);
	CHECK(!whole_told(out, 200000));
	CHECK(strstr(out, "odd") != NULL);
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 0);
	joins_clear(rig.app);
	CHECK_UINT(pool_used(rig.pool), 0);
	rig_close(&rig);
}

/* A range whose end lies behind the size that another tells meanwhile: two sizes of one file, so it is no whole. */
TEST(a_range_beyond_the_size)
{
	static const char get[] = "GET /a/file.bin HTTP/1.1\r\nHost: h.example\r\n\r\n",
	    head[] = "HTTP/1.1 206 P\r\nETag: \"1\"\r\nContent-Range: bytes 0-5999/*\r\nContent-Length: 6000\r\n\r\n";
	struct flow first;
	struct rig rig;

	fill();
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	rig_begin(&rig);
	rig_add(&rig, CC_TO_SERVER, slice_str(get));
	rig_add(&rig, CC_TO_CLIENT, slice_str(head));
	rig_add(&rig, CC_TO_CLIENT, slice_of(whole, 1000));
	first = rig.flow;
	part(&rig, 2000, 3000, 3000, whole, "\"1\"");
	rig.flow = first;
	rig_add(&rig, CC_TO_CLIENT, slice_of(whole + 1000, 1000));
	rig_add(&rig, CC_TO_CLIENT, slice_of(whole + 2000, 4000));
	rig_end(&rig);
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 0);
	CHECK_UINT(app_counts(rig.app)[APP_RANGES_ODD], 1);
	joins_clear(rig.app);
	rig_close(&rig);
}

/* "bytes 0-99/?" with a star: the size comes with another range, or never. */
TEST(a_size_that_is_told_late)
{
	struct buf answer;
	struct rig rig;
	const char *out;

	fill();
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	buf_open(&answer, 1u << 20);
	for (unsigned i = 0; i < 2; i++) {
		buf_clear(&answer);
		buf_printf(&answer,
		    "HTTP/1.1 206 P\r\nETag: \"1\"\r\nContent-Range: bytes %u-%u/*\r\nContent-Length: 1000\r\n\r\n",
		    i * 2000, i * 2000 + 999);
		buf_add(&answer, whole + i * 2000, 1000);
		out = fetch(&rig, buf_slice(&answer), 0, 0);
	}
	CHECK(strstr(out, "file > cut 2000 - gap file.bin") != NULL);
	CHECK(!whole_told(part(&rig, 3000, 4000, 4000, whole, "\"1\""), 4000));
	CHECK(whole_told(part(&rig, 1000, 2000, 4000, whole, "\"1\""), 4000));
	/* One that says the size first. */
	part(&rig, 2000, 3000, 3000, whole, "\"2\"");
	buf_clear(&answer);
	buf_add_text(&answer,
	    "HTTP/1.1 206 P\r\nETag: \"2\"\r\nContent-Range: bytes 0-1999/*\r\nContent-Length: 2000\r\n\r\n");
	buf_add(&answer, whole, 2000);
	CHECK(whole_told(fetch(&rig, buf_slice(&answer), 0, 0), 3000));
	joins_clear(rig.app);
	CHECK_UINT(pool_used(rig.pool), 0);
	buf_close(&answer);
	rig_close(&rig);
}

TEST(coded_byteranges_in_one_answer)
{
	struct buf body, answer;
	struct slice coded;
	struct rig rig;

	fill();
	coded = gzip_of(100000);
	rig_open(&rig, NULL);
	buf_open(&body, 1u << 20);
	buf_open(&answer, 1u << 20);
	for (unsigned i = 0; i < 2; i++) {
		size_t from = i == 0 ? 30000 : 0, to = i == 0 ? coded.size : 30000;

		buf_printf(&body, "%s--XYZ\r\nContent-Range: bytes %zu-%zu/%zu\r\n\r\n", i > 0 ? "\r\n" : "",
		    from, to - 1, coded.size);
		buf_add(&body, coded.p + from, to - from);
	}
	buf_add_text(&body, "\r\n--XYZ--\r\n");
	buf_printf(&answer, "HTTP/1.1 206 Partial\r\nETag: \"x\"\r\nContent-Encoding: gzip\r\n"
	    "Content-Type: multipart/byteranges; boundary=XYZ\r\nContent-Length: %zu\r\n\r\n", body.size);
	buf_add_slice(&answer, buf_slice(&body));
	CHECK(whole_told(fetch(&rig, buf_slice(&answer), 0, 0), 100000));
	buf_close(&body);
	buf_close(&answer);
	rig_close(&rig);
}

TEST(what_is_said_twice_differently_is_not_whole)
{
	static uint8_t other[SIZE_MAX_TEST];
	struct rig rig;
	const char *out;

	fill();
	memcpy(other, whole, sizeof(other));
	other[2500] ^= 1;
	rig_open(&rig, NULL);
	rig.keep_ranges = true;
	part(&rig, 2000, 4000, 5000, whole, "\"1\"");
	out = part(&rig, 0, 3000, 5000, other, "\"1\"");
	CHECK(strstr(out, "odd range_conflict") != NULL);
	out = part(&rig, 4000, 5000, 5000, whole, "\"1\"");
	CHECK(!whole_told(out, 5000));
	CHECK(strstr(out, "file > cut 5000") != NULL);
	/* And against what was hashed already. */
	part(&rig, 0, 4000, 5000, whole, "\"2\"");
	out = part(&rig, 1000, 3000, 5000, other, "\"2\"");
	CHECK(strstr(out, "odd range_conflict") != NULL);
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_WHOLE], 0);
	joins_clear(rig.app);
	rig_close(&rig);
}

/* A million ranges of a byte, none beside another: no more memory than for the pieces that are allowed, and not for
 * long. */
TEST(a_million_tiny_ranges)
{
	static const char *const settings[] = {"http.range_pieces=1000", "http.range_memory=1m", NULL};
	const struct slice words[] = {slice_str("h"), slice_str("/u"), slice_str("v")};
	struct app_flow own = {.parser = NULL};
	struct rig rig;
	struct cc_ctx ctx;
	size_t most = 0;

	rig_open(&rig, settings);
	ctx = (struct cc_ctx){.app = rig.app, .flow = &rig.flow, .own = &own, .batch = &rig.batch, .now = 7};
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t at = 3 + 2 * (i * 7919ull % 1000000);
		struct cc_range range;

		cc_range_open(&ctx, &range, words, 3, at, at + 1, 4000000, slice_str("n"));
		cc_range_data(&ctx, &range, NULL, CC_TO_CLIENT, slice_of(whole, 1));
		if (pool_used(rig.pool) > most)
			most = pool_used(rig.pool);
	}
	CHECK(most < 1u << 20);
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_GIVEN_UP], 1);
	/* Many files, each with a piece that waits: the oldest make room. */
	for (unsigned i = 0; i < 10000; i++) {
		struct slice other[] = {words[0], words[1], slice_of(&i, sizeof(i))};
		struct cc_range range;

		cc_range_open(&ctx, &range, other, 3, 50, 50 + 100000, 1000000, slice_str("n"));
		for (unsigned j = 0; j < 3; j++)
			cc_range_data(&ctx, &range, NULL, CC_TO_CLIENT, slice_of(whole, 30000));
		if (pool_used(rig.pool) > most)
			most = pool_used(rig.pool);
	}
	CHECK(most < 3u << 20);
	CHECK(app_counts(rig.app)[APP_JOINS_EVICTED] > 9000);
	joins_clear(rig.app);
	CHECK_UINT(pool_used(rig.pool), rig.idle);
	rig_close(&rig);
}

TEST(time_and_number_are_bounded)
{
	static const char *const settings[] = {"http.ranges=2", "http.range_timeout=10s", NULL};
	struct rig rig;

	fill();
	rig_open(&rig, settings);
	rig.keep_ranges = true;
	part(&rig, 0, 1000, 2000, whole, "\"1\"");
	rig.frame.time += 11 * NS_PER_S;
	CHECK(!whole_told(part(&rig, 1000, 2000, 2000, whole, "\"1\""), 2000));
	part(&rig, 0, 1000, 2000, whole, "\"2\"");
	part(&rig, 0, 1000, 2000, whole, "\"3\"");
	CHECK(!whole_told(part(&rig, 0, 1000, 2000, whole, "\"1\""), 2000));
	CHECK(whole_told(part(&rig, 1000, 2000, 2000, whole, "\"3\""), 2000));
	CHECK_UINT(app_counts(rig.app)[APP_JOINS_EVICTED], 3);
	joins_clear(rig.app);
	rig_close(&rig);
}

TESTS(T(random_orders_and_overlaps), T(a_cut_download_is_resumed), T(byteranges_in_one_answer), T(a_hole_is_said),
    T(ranges_of_coded_bytes_are_decoded_in_order), T(coded_bytes_that_break_are_no_whole), T(a_size_that_is_told_late),
    T(a_range_beyond_the_size), T(coded_byteranges_in_one_answer), T(what_is_said_twice_differently_is_not_whole),
    T(a_million_tiny_ranges), T(time_and_number_are_bounded))
