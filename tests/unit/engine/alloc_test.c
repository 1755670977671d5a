/*
 * Nothing between capture and ring calls malloc: a worker takes captures of many protocols, with rules, and after the
 * first thousand packets its thread asks for no memory until the flows end.  malloc and its kin are this program's own,
 * and count.  libmagic, which takes memory once for each file, is off.
 */
#include <glob.h>

#include "base/base.h"
#include "base/ring.h"
#include "capture/capture.h"
#include "engine/worker.h"
#include "unit/count_malloc.h"
#include "unit/test.h"

#define WARM 1000 /* packets */

struct reader {
	struct worker *worker;
	struct ring *ring;
	unsigned long packets, entries, told;
	uint64_t time;
};

static void
drain(struct reader *r)
{
	struct slice entry;
	uint16_t kind;
	uint64_t key;

	while (ring_peek(r->ring, &kind, &key, &entry) == CC_OK) {
		r->entries++;
		ring_pop(r->ring);
	}
}

static void
take(void *ctx, const struct frame *frame)
{
	struct reader *r = ctx;
	unsigned long before = malloc_count;

	r->time = frame->time;
	malloc_counting = ++r->packets > WARM;
	if (r->packets % 64 == 0)
		worker_tick(r->worker, key_tick(frame->seq), frame->time);
	worker_frame(r->worker, frame);
	malloc_counting = false;
	if (malloc_count > before && r->told++ < 5)
		printf("packet %lu asked for memory %lu times\n", r->packets, malloc_count - before);
	drain(r);
}

TEST(none_per_packet)
{
	struct ruleset_report report = {0};
	struct worker_setup setup = {0};
	struct reader reader = {0};
	struct conf *conf = conf_new();
	struct capture *capture = NULL;
	struct shared *shared;
	char *why = NULL;
	glob_t paths;

	if (!MALLOC_OWN)
		SKIP("the sanitizer has malloc");
	CHECK(conf_set(conf, "detect.rules=[rules/concert.rules]", &why) == CC_OK);
	CHECK(conf_set(conf, "detect.yara_threads=0", &why) == CC_OK);
	CHECK(conf_set(conf, "files.magic=no", &why) == CC_OK);
	CHECK(glob("tests/captures/*.pcap", 0, NULL, &paths) == 0 && paths.gl_pathc > 10);
	buf_open(&report.text, 1 << 20);
	buf_open(&report.reasons, 1 << 20);
	CHECK(ruleset_load(conf, &report, &setup.set) == CC_OK);
	shared = shared_new(conf, 1, false);
	setup.conf = conf;
	setup.shared = shared;
	setup.thresholds = threshold_table_new(conf);
	CHECK(worker_new(&setup, &reader.worker, &why) == CC_OK);
	reader.ring = ring_reader(shared_ring(shared, 0), shared->ring_size);
	CHECK(capture_open_files(conf, paths.gl_pathv, paths.gl_pathc, &capture, &why) == CC_OK);
	while (capture_dispatch(capture, 64, take, &reader) == CC_OK)
		;
	printf("%lu packets, %lu entries in the ring\n", reader.packets, reader.entries);
	CHECK(reader.packets > 2 * WARM && reader.entries > 100);
	CHECK_UINT(malloc_count, 0);
	worker_end(reader.worker, reader.time);
	drain(&reader);
	capture_close(capture);
	worker_free(reader.worker);
	ring_close(reader.ring);
	threshold_table_free(setup.thresholds);
	ruleset_free(setup.set);
	shared_free(shared);
	globfree(&paths);
	buf_close(&report.text);
	buf_close(&report.reasons);
	conf_free(conf);
}

TESTS(T(none_per_packet))
