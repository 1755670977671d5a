/*
 * Frames, from live interfaces (libpcap, TPACKET_V3) or from capture files, with their time and what was lost.
 *
 * Files are read by a reader of our own (pcap, pcapng with any number of interfaces, gzip, zstd, standard input,
 * folders): libpcap refuses what real captures hold.  A struct capture belongs to one thread.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "concert/status.h"
#include "conf/conf.h"

enum capture_count {
#define COUNT(symbol, name, help) CAPTURE_##symbol,
#include "capture/counters.def"
#undef COUNT
	CAPTURE_COUNT
};

struct frame {
	const uint8_t *p;    /* valid until the callback returns */
	uint32_t size;       /* bytes here */
	uint32_t wire_size;  /* bytes on the wire, >= size unless the file lies */
	uint64_t time;       /* ns since 1970 */
	uint64_t seq;        /* counts from 1 over all files or, live, per worker */
	uint32_t interface;  /* index, see capture_interface() */
	uint16_t linktype;   /* LINKTYPE_ value as in a pcap file */
};

typedef void capture_fn(void *ctx, const struct frame *frame);

struct capture;

/*
 * Reads the files in order of their names' position; "-" is standard input, a folder stands for the captures in it by
 * name.  CC_IO: the first can't be opened or isn't a capture: *ret_why is a message that names it (malloc).  A file
 * that is wrong later is reported by log_warning and capture_trouble(), and the next one is read.
 */
enum cc_status capture_open_files(
    const struct conf *conf, char *const *paths, size_t count, struct capture **ret_capture, char **ret_why);

/* Worker `worker` of `workers` on a live interface; same fanout group for all workers of one interface. */
enum cc_status capture_open_live(const struct conf *conf, const char *interface, unsigned worker, unsigned workers,
    struct capture **ret_capture, char **ret_why);

void capture_close(struct capture *capture);

/*
 * Calls fn for up to max frames.  CC_OK: some came; CC_MORE: live, none came within the poll time (100 ms or conf);
 * CC_END: no more will come; CC_IO: the interface went away.
 */
enum cc_status capture_dispatch(struct capture *capture, unsigned max, capture_fn *fn, void *ctx);
/* Live: from now on capture_dispatch() takes what is there and never waits; the caller polls capture_fd() of several.
 */
void capture_no_wait(struct capture *capture);

/* Makes a capture_dispatch() in another thread or signal handler come back soon. */
void capture_break(struct capture *capture);

/* Name of an interface or of the file, for frames' `interface`; never NULL. */
const char *capture_interface(const struct capture *capture, uint32_t interface);
uint32_t capture_snaplen(const struct capture *capture, uint32_t interface);

/* How far: bytes of all files, and read so far; total is 0 when not known (live, standard input). */
void capture_progress(const struct capture *capture, uint64_t *ret_read, uint64_t *ret_total);

/* Number of files that turned out truncated, corrupt or unreadable; each was logged. */
unsigned capture_trouble(const struct capture *capture);

/* Counters; for live captures this also asks the kernel (32-bit values that wrap are extended). */
void capture_counts(struct capture *capture, uint64_t ret_counts[CAPTURE_COUNT]);

/* fd to poll for a live capture; -1 for files. */
int capture_fd(const struct capture *capture);

extern const char *const capture_count_name[CAPTURE_COUNT];

#endif
