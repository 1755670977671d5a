/* A capture file, plain or compressed: input is the file. */
#include "fuzz/fuzz.h"

#include "capture/capture.h"

#define ENOUGH (4u << 20)

struct seen {
	const struct conf *conf;
	struct capture *capture;
	uint64_t frames, bytes;
};

static void
see(void *ctx, const struct frame *frame)
{
	struct seen *seen = ctx;

	FUZZ_CHECK(frame->seq == ++seen->frames && frame->size <= seen->conf->capture_record_max);
	FUZZ_CHECK(capture_interface(seen->capture, frame->interface) != NULL);
	(void)capture_snaplen(seen->capture, frame->interface);
	fuzz_touch(slice_of(frame->p, frame->size));
	seen->bytes += frame->size + 64;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = {.conf = fuzz_conf()};
	char *path = fuzz_file(data, size), *why = NULL;
	uint64_t counts[CAPTURE_COUNT], done, total;
	enum cc_status st = capture_open_files(seen.conf, &path, 1, &seen.capture, &why);

	FUZZ_CHECK(st == CC_OK || why != NULL);
	if (st == CC_OK) {
		while (seen.bytes < ENOUGH && (st = capture_dispatch(seen.capture, 256, see, &seen)) == CC_OK)
			;
		FUZZ_CHECK(st == CC_OK || st == CC_END);
		capture_counts(seen.capture, counts);
		capture_progress(seen.capture, &done, &total);
		FUZZ_CHECK(done <= total);
	}
	capture_close(seen.capture);
	free(why);
	return 0;
}
