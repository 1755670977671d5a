/*
 * Which worker gets a frame, over all captures that are here: an innermost pair of addresses has one worker, and
 * several decoders that are dealt the frames find together what one alone finds.
 */
#include <dirent.h>
#include <unistd.h>

#include "../test.h"

#include "base/base.h"
#include "decode/decode.h"
#include "frames.h"

#define WORKERS 3

struct rig {
	struct decode *alone, *spread, *worker[WORKERS];
	struct map *pairs; /* innermost pair of addresses to its value, plus one */
	uint64_t frames, fragments;
};

static struct decode *
decoder(uint64_t depth)
{
	struct conf conf = conf_for_tests();

	conf.decode_depth = depth;
	return decode_new(&conf);
}

static struct rig
rig_new(uint64_t depth)
{
	struct rig r = {.alone = decoder(depth), .spread = decoder(depth), .pairs = map_new(0)};

	for (unsigned i = 0; i < WORKERS; i++)
		r.worker[i] = decoder(depth);
	return r;
}

static void
rig_free(struct rig *r)
{
	decode_free(r->alone);
	decode_free(r->spread);
	for (unsigned i = 0; i < WORKERS; i++)
		decode_free(r->worker[i]);
	map_free(r->pairs, NULL);
}

static struct packet
deal(struct rig *r, const struct frame *frame)
{
	static struct packet pkt, mine;
	bool fragment;
	uint32_t value = decode_spread(r->spread, frame, &fragment);
	enum cc_status st = decode_frame(r->alone, frame, &pkt);

	r->frames++;
	r->fragments += fragment;
	for (unsigned i = 0; i < WORKERS; i++) {
		if (i == value % WORKERS) {
			CHECK(decode_frame(r->worker[i], frame, &mine) == st);
			CHECK(mine.ip_count == pkt.ip_count && mine.reassembled == pkt.reassembled);
			CHECK(slice_eq(mine.payload, pkt.payload));
		} else if (fragment) {
			decode_note(r->worker[i], frame);
		}
	}
	if (st == CC_OK && pkt.ip_count > 0) {
		bool first = memcmp(&pkt.src, &pkt.dst, sizeof(pkt.src)) < 0;
		struct cc_addr key[2] = {first ? pkt.src : pkt.dst, first ? pkt.dst : pkt.src};
		struct slice bytes = slice_of(key, sizeof(key));
		uintptr_t known = (uintptr_t)map_get(r->pairs, bytes);

		if (known == 0)
			map_put(r->pairs, bytes, (void *)((uintptr_t)value + 1), NULL);
		else
			CHECK_UINT(value, known - 1);
	}
	return pkt;
}

/* Nothing is counted twice, and nothing is forgotten. */
static void
check_counts(const struct rig *r)
{
	for (unsigned k = 0; k < DECODE_COUNT; k++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < WORKERS; i++)
			sum += decode_counts(r->worker[i])[k];
		if (sum != decode_counts(r->alone)[k])
			printf("%s\n", decode_count_name[k]);
		CHECK_UINT(sum, decode_counts(r->alone)[k]);
	}
}

static void
deal_fn(void *ctx, const struct frame *frame)
{
	deal(ctx, frame);
}

static void
read_capture(const char *path, uint64_t *frames)
{
	struct conf *conf = conf_new();
	struct rig r = rig_new(8);
	struct capture *capture = NULL;
	char *paths[] = {(char *)(uintptr_t)path}, *why = NULL;

	if (capture_open_files(conf, paths, 1, &capture, &why) == CC_OK) {
		while (capture_dispatch(capture, 1000, deal_fn, &r) == CC_OK)
			;
		check_counts(&r);
		if (test_failures > 0)
			printf("in %s\n", path);
	}
	*frames += r.frames;
	free(why);
	capture_close(capture);
	conf_free(conf);
	rig_free(&r);
}

/* Files of a folder and of those in it. */
static void
read_folder(const char *path, uint64_t *frames)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL && test_failures == 0) {
		const char *end = strrchr(entry->d_name, '.');
		char below[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR)
			read_folder(below, frames);
		else if (end != NULL && strncmp(end, ".pcap", 5) == 0)
			read_capture(below, frames);
	}
	if (dir != NULL)
		closedir(dir);
}

TEST(captures)
{
	uint64_t frames = 0;

	if (access("tests/captures", R_OK) != 0)
		SKIP("not in the project's folder");
	read_folder("tests/captures", &frames);
	read_folder("../shared/captures/set", &frames); /* where it is at hand */
	CHECK(frames > 100);
}

/* A frame with TCP in GTP-U, 10.0.0.1 to 10.0.0.2, or a fragment of it: size bytes of its UDP packet from off on. */
static struct frame
tunnelled(struct build *f, size_t off, size_t size, bool more, uint64_t time)
{
	static const uint8_t gtp[8] = {0x30, 255, 0, 20 + TCP_SIZE + 4, 0, 0, 0, 7};
	static struct build whole;
	struct frame frame;

	whole.size = 0;
	udp(&whole, 2152, 2152, sizeof(gtp) + 20 + TCP_SIZE + 4);
	add(&whole, gtp, sizeof(gtp));
	ip4(&whole, 6, 1, 2, TCP_SIZE + 4);
	tcp(&whole, 4000, 80, TCP_ACK);
	add(&whole, "GET ", 4);
	if (size > whole.size - off)
		size = whole.size - off;
	f->size = 0;
	f->linktype = 1;
	eth(f, 0x0800);
	ip4(f, 17, 50, 51, size);
	f->b[14 + 6] = (uint8_t)((more ? 0x20 : 0) | off / 8 >> 8);
	f->b[14 + 7] = (uint8_t)(off / 8);
	add(f, whole.b + off, size);
	frame = frame_of(f);
	frame.time = time;
	return frame;
}

/* The whole datagram goes where the inner packet's others go, whoever had its first fragment. */
TEST(outer_fragments)
{
	struct rig r = rig_new(8);
	struct build f;
	struct frame frame = tunnelled(&f, 0, 16, true, 2);
	struct packet pkt = deal(&r, &frame);

	CHECK(pkt.is_fragment);
	frame = tunnelled(&f, 16, SIZE_MAX, false, 3);
	pkt = deal(&r, &frame);
	CHECK(pkt.reassembled && pkt.ip_count == 2 && pkt.sport == 4000);
	CHECK_UINT(r.fragments, 2);
	frame = tunnelled(&f, 0, SIZE_MAX, false, 4); /* deal() sees that it has the same worker */
	deal(&r, &frame);
	frame = tunnelled(&f, 0, 16, true, 5); /* never whole: counted once when its time is over */
	deal(&r, &frame);
	for (unsigned i = 0; i < WORKERS; i++)
		decode_tick(r.worker[i], 1000 * NS_PER_S);
	decode_tick(r.alone, 1000 * NS_PER_S);
	CHECK_UINT(decode_counts(r.alone)[DECODE_DEFRAG_TIMEOUT], 1);
	check_counts(&r);
	rig_free(&r);
}

/* Where decoding stops, spreading stops: the innermost pair is what flows are made of. */
TEST(depth)
{
	struct rig r = rig_new(1);
	struct build f;
	struct frame frame = tunnelled(&f, 0, SIZE_MAX, false, 1);
	struct packet pkt = deal(&r, &frame);

	CHECK_UINT(pkt.ip_count, 1);
	CHECK_UINT(pkt.src.b[15], 50);
	rig_free(&r);
}

TESTS(T(captures), T(outer_fragments), T(depth))
