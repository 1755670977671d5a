/* Packets into a window, pieces out of it, read back by the capture room's own reader. */
#include "evidence/evidence.h"

#include <unistd.h>

#include "unit/base/rand.h"
#include "unit/test.h"

static struct evidence *
window(const char *size, const char *flow_bytes, struct conf **ret_conf)
{
	struct conf *conf = conf_new();
	struct evidence *evidence = NULL;
	char text[64], *why = NULL;

	snprintf(text, sizeof(text), "evidence.window=%s", size);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	snprintf(text, sizeof(text), "evidence.flow_bytes=%s", flow_bytes);
	CHECK(conf_set(conf, text, &why) == CC_OK);
	CHECK(evidence_new(conf, 1, &evidence) == CC_OK);
	*ret_conf = conf;
	return evidence;
}

static struct frame
frame_of(const uint8_t *bytes, uint32_t size, uint64_t seq)
{
	return (struct frame){
	    .p = bytes, .size = size, .wire_size = size + 4, .time = seq * 1000, .seq = seq, .linktype = 1};
}

struct seen {
	unsigned count;
	uint64_t time[4096];
	uint32_t size[4096];
};

static void
take_frame(void *ctx, const struct frame *frame)
{
	struct seen *seen = ctx;

	seen->time[seen->count] = frame->time;
	seen->size[seen->count++] = frame->size;
	CHECK(frame->wire_size == frame->size + 4 && frame->linktype == 1);
}

/* What a reader makes of the piece. */
static void
read_back(const struct conf *conf, struct slice bytes, struct seen *seen)
{
	char path[64], *why = NULL;
	struct capture *capture = NULL;
	char *const paths[] = {path};
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/window_test.%d.pcapng", (int)getpid());
	file = fopen(path, "w");
	CHECK(file != NULL && fwrite(bytes.p, 1, bytes.size, file) == bytes.size);
	fclose(file);
	seen->count = 0;
	CHECK(capture_open_files(conf, paths, 1, &capture, &why) == CC_OK);
	while (capture_dispatch(capture, 100, take_frame, seen) == CC_OK)
		;
	capture_close(capture);
	unlink(path);
}

TEST(from_the_first_packet)
{
	static uint8_t bytes[2000];
	struct conf *conf;
	struct evidence *evidence = window("1m", "4k", &conf);
	struct flow flow = {.first_seq = 1}, other = {.first_seq = 2};
	struct evidence_piece piece, again;
	struct frame frame;
	struct slice out;
	static struct seen seen;
	uint8_t digest[32];

	CHECK(evidence_take(evidence, &flow, NULL, &out, &piece) == CC_ABSENT);
	for (uint64_t seq = 1; seq <= 6; seq++) {
		frame = frame_of(bytes, (uint32_t)(60 + seq), seq);
		evidence_keep(evidence, seq % 2 == 1 ? &flow : &other, &frame);
	}
	frame = frame_of(bytes, 65, 5);
	CHECK(evidence_take(evidence, &flow, &frame, &out, &piece) == CC_OK);
	CHECK(piece.whole && piece.packets == 3 && piece.size == out.size);
	sha256_of(out, digest);
	CHECK(memcmp(digest, piece.sha256, 32) == 0);
	read_back(conf, out, &seen);
	CHECK(seen.count == 3 && seen.time[0] == 1000 && seen.time[1] == 3000 && seen.time[2] == 5000 &&
	      seen.size[2] == 65);
	CHECK(evidence_take(evidence, &flow, &frame, &out, &again) == CC_END &&
	      memcmp(&again, &piece, sizeof(piece)) == 0);
	CHECK(evidence_take(evidence, &other, NULL, &out, &again) == CC_OK && again.packets == 3);
	evidence_free(evidence);
	conf_free(conf);
}

/* A long flow keeps its beginning; the packet that matches is there whatever came between. */
TEST(beginning_and_match)
{
	static uint8_t bytes[2000];
	struct conf *conf;
	struct evidence *evidence = window("1m", "4k", &conf);
	struct flow flow = {.first_seq = 1};
	struct evidence_piece piece;
	struct frame frame = {0};
	struct slice out;
	static struct seen seen;

	for (uint64_t seq = 1; seq <= 100; seq++) {
		frame = frame_of(bytes, 1000, seq);
		evidence_keep(evidence, &flow, &frame);
	}
	CHECK(evidence_take(evidence, &flow, &frame, &out, &piece) == CC_OK && piece.whole);
	read_back(conf, out, &seen);
	CHECK(seen.count == 6 && seen.time[4] == 5000 && seen.time[5] == 100000);
	for (unsigned n = 0; n < 3; n++) {
		frame = frame_of(bytes, 1000, 200 + n);
		CHECK(evidence_take(evidence, &flow, &frame, &out, &piece) == CC_OK);
	}
	frame = frame_of(bytes, 1000, 300);
	CHECK(evidence_take(evidence, &flow, &frame, &out, &piece) == CC_ABSENT);
	CHECK_UINT(evidence_counts(evidence)[EVIDENCE_REFUSED], 1);
	evidence_free(evidence);
	conf_free(conf);
}

/* Many flows over a small window: a piece has the flow's last packets, in order, and says when the first are gone. */
TEST(window_goes_round)
{
	enum { FLOWS = 40 };
	static uint8_t bytes[2000];
	static struct flow flow[FLOWS];
	static uint64_t sent[FLOWS][2000];
	unsigned count[FLOWS] = {0}, cut = 0;
	struct conf *conf;
	struct evidence *evidence = window("100k", "1m", &conf);
	uint64_t state = 9;
	static struct seen seen;

	for (uint64_t seq = 1; seq <= 3000; seq++) {
		unsigned n = (unsigned)rand_below(&state, FLOWS);
		struct frame frame = frame_of(bytes, (uint32_t)(20 + rand_below(&state, 1400)), seq);
		struct evidence_piece piece;
		struct slice out;

		if (count[n] == 0)
			flow[n].first_seq = seq;
		evidence_keep(evidence, &flow[n], &frame);
		sent[n][count[n]++] = seq * 1000;
		if (rand_below(&state, 20) != 0 || flow[n].evidence_pieces >= 4)
			continue;
		CHECK(evidence_take(evidence, &flow[n], &frame, &out, &piece) == CC_OK);
		read_back(conf, out, &seen);
		CHECK(seen.count == piece.packets && seen.count > 0 && seen.count <= count[n]);
		for (unsigned i = 0; i < seen.count; i++)
			CHECK(seen.time[i] == sent[n][count[n] - seen.count + i]);
		CHECK(piece.whole == (seen.count == count[n]));
		cut += !piece.whole;
	}
	CHECK(cut > 20);
	evidence_free(evidence);
	conf_free(conf);
}

TEST(none_is_kept)
{
	struct conf *conf;
	struct evidence *evidence = window("0", "1k", &conf);
	struct flow flow = {0};
	struct evidence_piece piece;
	struct frame frame = {0};
	struct slice out;

	CHECK(evidence == NULL);
	evidence_keep(evidence, &flow, &frame);
	CHECK(evidence_take(evidence, &flow, &frame, &out, &piece) == CC_ABSENT);
	CHECK(evidence_counts(evidence)[EVIDENCE_PIECES] == 0);
	conf_free(conf);
}

TESTS(T(from_the_first_packet), T(beginning_and_match), T(window_goes_round), T(none_is_kept))
