/*
 * What the files of capture/ share: a stream of bytes that a file is read through, the formats, filter and duplicates.
 */
#ifndef CAPTURE_INSIDE_H
#define CAPTURE_INSIDE_H

#include <stdatomic.h>
#include <stdio.h>

#include "base/base.h"
#include "capture/capture.h"

/* ---- stream.c: plain, gzip or zstd bytes as one window that is refilled in large blocks */

struct stream {
	const uint8_t *p, *end;     /* what is here */
	uint64_t offset;            /* of `end` in the decompressed bytes */
	uint64_t raw;               /* bytes of the file read so far; read by other threads */
	int fd;
	bool regular;               /* a file on disk: read() does not wait for somebody */
	bool eof;
	enum { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD } kind;
	const char *broken;         /* why nothing more comes although it should */
	uint8_t *base;              /* the window's memory, kept from file to file */
	size_t room, most;          /* most: largest capture_stream_need() */
	uint8_t *in;                /* compressed bytes */
	size_t in_at, in_end;
	void *inflate;              /* z_stream or ZSTD_DStream */
	bool member_end;            /* the compressed data may end here */
};

enum cc_status capture_stream_new(struct stream *s, size_t most);
void capture_stream_free(struct stream *s);
/* Takes fd.  CC_IO: broken says why. */
enum cc_status capture_stream_open(struct stream *s, int fd);
void capture_stream_close(struct stream *s);
/*
 * Refills so that size bytes are at s->p. CC_END: the file ends before; CC_MORE: none came for a while (pipes); CC_IO:
 * broken.
 */
enum cc_status capture_stream_fill(struct stream *s, size_t size);

static inline enum cc_status
capture_stream_need(struct stream *s, size_t size)
{
	return (size_t)(s->end - s->p) >= size ? CC_OK : capture_stream_fill(s, size);
}

/* Where s->p is in the decompressed bytes. */
static inline uint64_t
capture_stream_at(const struct stream *s)
{
	return s->offset - (uint64_t)(s->end - s->p);
}

/* ---- formats */

struct interface {
	char *name;
	uint32_t snaplen;
	uint16_t linktype;
	uint8_t resolution;         /* pcapng's if_tsresol: a power of ten, or with the high bit of two */
	uint64_t scale;             /* ns of a unit, when whole; 0: compute */
	int64_t shift;              /* seconds, if_tsoffset */
	uint64_t drops[2];          /* kernel, interface: as the last statistics block had it */
};

#define INTERFACES_CHUNK 256
#define INTERFACES_MAX 65536

struct capture {
	const struct conf *conf;
	char *why;                  /* of the failed open */
	uint64_t counts[CAPTURE_COUNT];
	uint64_t seq;
	unsigned trouble;
	atomic_bool stop;
	bool no_wait;               /* live: the caller waits */
	struct filter *filter;      /* NULL: none */
	struct same *same;          /* NULL: duplicates are kept */
	struct interface *interface[INTERFACES_MAX / INTERFACES_CHUNK]; /* never moves: other threads look names up */
	uint32_t interface_count;

	/* files */
	char **path;
	size_t path_count, path_at;
	uint64_t total, before;     /* bytes of all files; of those that are done */
	struct stream stream;
	bool open;                  /* path[path_at] is being read */
	bool quiet;                 /* the first is being opened: trouble goes to the caller, not to the log */
	struct {
		enum { FILE_PCAP, FILE_PCAPNG } format;
		bool big;               /* numbers are big endian */
		unsigned header;        /* pcap: bytes before each record */
		bool swapped_sizes;     /* pcap before 2.3 */
		uint32_t unit;          /* pcap: ns of a unit of the fraction */
		uint32_t first;         /* index of its first interface; pcapng: of the section's */
		uint32_t count;         /* pcapng: interfaces of the section */
		bool in_section;
	} file;

	struct live *live;          /* NULL: files */
};

/* A new interface; NULL: too many, or no memory.  Copies name. */
struct interface *capture_add_interface(struct capture *capture, const char *name, size_t name_size);

static inline struct interface *
capture_interface_at(const struct capture *capture, uint32_t index)
{
	return &capture->interface[index / INTERFACES_CHUNK][index % INTERFACES_CHUNK];
}

/* Numbers in the file's byte order. */
static inline uint32_t
file_u32(const struct capture *capture, struct cur *c)
{
	return capture->file.big ? cur_u32(c) : cur_u32le(c);
}

static inline uint16_t
file_u16(const struct capture *capture, struct cur *c)
{
	return capture->file.big ? cur_u16(c) : cur_u16le(c);
}

/* Logs and counts what is wrong with the file that is read; it ends there. */
enum cc_status capture_file_trouble(struct capture *capture, const char *format, ...) __attribute__((format(printf, 2,
    3)));
/* Says of a record that begins at `at` that the file ends, or breaks, within it. */
enum cc_status capture_file_cut(struct capture *capture, uint64_t at, const char *what, enum cc_status st);

/* pcap.c, pcapng.c: CC_OK: *ret_frame; CC_END: this file is done, well or not; CC_MORE: later. */
enum cc_status capture_pcap_open(struct capture *capture);
enum cc_status capture_pcap_next(struct capture *capture, struct frame *ret_frame);
enum cc_status capture_pcapng_next(struct capture *capture, struct frame *ret_frame);
bool capture_pcap_magic(struct slice in);

/* live.c */
void capture_live_close(struct live *live);
enum cc_status capture_live_dispatch(struct capture *capture, unsigned max, capture_fn *fn, void *ctx);
void capture_live_break(struct live *live);
void capture_live_counts(struct capture *capture);
int capture_live_fd(const struct live *live);

/* ---- filter.c: BPF on frames of files; programs are made for each link type when it is first seen */
struct filter *capture_filter_new(const char *text, char **ret_why); /* NULL: *ret_why (malloc) */
void capture_filter_free(struct filter *filter);
bool capture_filter_passes(struct filter *filter, const struct frame *frame);

/* ---- same.c: frames that a mirror sends twice */
struct same *capture_same_new(uint64_t window);
void capture_same_free(struct same *same);
bool capture_same_seen(struct same *same, const struct frame *frame);

/* Hands one frame on, unless filter or duplicates hold it back.  true: it went. */
static inline bool
capture_hand_on(struct capture *capture, struct frame *frame, capture_fn *fn, void *ctx)
{
	frame->seq = ++capture->seq;
	if (__builtin_expect(capture->filter != NULL, 0) && !capture_filter_passes(capture->filter, frame)) {
		count_add(&capture->counts[CAPTURE_FILTERED], 1);
		return false;
	}
	if (__builtin_expect(capture->same != NULL, 0) && capture_same_seen(capture->same, frame)) {
		count_add(&capture->counts[CAPTURE_DUPLICATES], 1);
		return false;
	}
	count_add(&capture->counts[CAPTURE_PACKETS], 1);
	count_add(&capture->counts[CAPTURE_BYTES], frame->size);
	if (frame->size < frame->wire_size)
		count_add(&capture->counts[CAPTURE_TRUNCATED], 1);
	fn(ctx, frame);
	return true;
}

#endif
