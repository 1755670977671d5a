/*
 * What the fuzz targets share.  A target is one <name>_fuzz.c with the function that libFuzzer calls; it reads its
 * input through struct cur, shows the sensor bytes in memory of exactly their size, and calls FUZZ_CHECK() on what must
 * hold.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <jansson.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What does not hold is a crash, with or without sanitizers. */
#define FUZZ_CHECK(expr)                                                                     \
	do {                                                                                 \
		if (!(expr)) {                                                               \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #expr);   \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* A copy of its own, so that a sanitizer sees a read past either end, and of a byte that was given back. */
static inline uint8_t *
fuzz_copy(struct slice bytes)
{
	uint8_t *p = malloc(bytes.size > 0 ? bytes.size : 1);

	FUZZ_CHECK(p != NULL);
	if (bytes.size > 0)
		memcpy(p, bytes.p, bytes.size);
	return p;
}

static inline void
fuzz_give(uint8_t *copy, size_t size)
{
	memset(copy, 0xaa, size);
	free(copy);
}

/* Looks at every byte: what a slice says must be there. */
static inline unsigned
fuzz_touch(struct slice bytes)
{
	volatile unsigned sum = 0;

	for (size_t i = 0; i < bytes.size; i++)
		sum += bytes.p[i];
	return sum;
}

/*
 * The next part of an input that stands for several chunks, frames or messages: its control byte, then its bytes up to
 * the next mark.  A mark instead of lengths: whatever the fuzzer inserts or cuts, the other parts stay whole.
 */
static inline bool
fuzz_part(struct cur *in, uint8_t *ret_control, struct slice *ret_bytes)
{
	static const uint8_t mark[2] = {0xc0, 0xde};
	struct slice rest;
	const uint8_t *next;

	if (cur_left(in) == 0)
		return false;
	*ret_control = cur_u8(in);
	rest = cur_rest(in);
	next = memmem(rest.p, rest.size, mark, sizeof(mark));
	*ret_bytes = slice_of(rest.p, next != NULL ? (size_t)(next - rest.p) : rest.size);
	cur_skip(in, ret_bytes->size + (next != NULL ? sizeof(mark) : 0));
	return true;
}

/* The defaults with small limits, so that a small input reaches them.  Making one takes longer than most inputs do. */
static inline struct conf *
fuzz_conf_new(void)
{
	static const char *const small[] = {"flow.max=64", "flow.stream_memory=16k", "flow.stream_total=1m",
	    "decode.defrag_memory=64k", "engine.arena=256k", "app.tx_max=16", "app.tx_memory=16k",
	    "http.header_limit=4096", "http.bomb_size=65536", "http.bomb_ratio=64", "tls.handshake_limit=16384",
	    "files.content_limit=16k", "capture.record_max=256k", "exchange.message_max=65536",
	    "indicate.events=all"};
	struct conf *conf = conf_new();
	char *why = NULL;

	FUZZ_CHECK(conf != NULL);
	log_open("fuzz", LOG_LEVEL_ERROR);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		if (conf_set(conf, small[i], &why) != CC_OK) {
			fprintf(stderr, "%s: %s\n", small[i], why);
			abort();
		}
	}
	return conf;
}

/* The same for all inputs of the process. */
static inline struct conf *
fuzz_conf(void)
{
	static struct conf *conf;

	if (conf == NULL)
		conf = fuzz_conf_new();
	return conf;
}

/* A file of these bytes; the path is good until the next call, the file for the process. */
static inline char *
fuzz_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* One JSON text (RFC 8259): valid UTF-8, no member twice, and, as a line of a log, without a line break. */
static inline void
fuzz_json(struct slice text)
{
	json_error_t error;
	json_t *json = json_loadb((const char *)text.p, text.size,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
	    &error); /* SMB's sessions have 64 bits */

	if (json == NULL)
		fprintf(stderr, "not JSON: %s at %d: %.*s\n", error.text, error.position, (int)text.size,
		    (const char *)text.p);
	FUZZ_CHECK(json != NULL && memchr(text.p, '\n', text.size) == NULL);
	json_decref(json);
}

#endif
