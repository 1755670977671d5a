/* What the files of the spool share: its state on disk and in memory.  The courier's one thread. */
#ifndef EXCHANGE_SPOOL_OWN_H
#define EXCHANGE_SPOOL_OWN_H

#include "exchange/exchange.h"

#define SPOOL_NAME_ROOM 32
#define SPOOL_SUFFIX ".seg"
#define SPOOL_REPLAY "replay" /* the file by which others ask the owner */
#define SPOOL_SEQUENCES "sequences"
#define SPOOL_BOOT "boot"     /* which start of the machine the spool is open in; gone when it was closed */
#define SPOOL_LEAP (1u << 20)  /* by which numbers go on after what the disk did not have when the machine died */
#define SPOOL_CLOSED_MAX 8 /* segments that are full and whose bytes the disk may not have yet */
#define SPOOL_AHEAD_MAX (1u << 20) /* messages read and not delivered: more wait for the first of them */

struct spool_segment {
	uint64_t first; /* position of its first message, its name on disk */
	uint64_t size;  /* bytes */
};

/* Where a lane stands. */
struct lane_end {
	uint64_t sequence;
	uint8_t digest[32]; /* jws_digest() of that message */
};

/* Reads the whole messages of one segment file, from the start. */
struct spool_reader {
	int fd;
	uint64_t offset; /* in the file, of buf[at] */
	uint8_t *buf;
	size_t at, fill, room;
	uint64_t damaged; /* bytes that were no message, passed over */
};

struct fault {
	const char *point; /* NULL: none */
	uint64_t countdown;
};

struct spool_sync;

struct spool {
	struct fault fault;
	char *dir;
	int dir_fd, lock_fd, fd;       /* fd: the last segment, appended to; -1: none */
	struct spool_segment *segment; /* oldest first; the last is being written */
	size_t segment_count, segment_room;
	uint64_t bytes;  /* of all segments */
	uint64_t next;   /* position of the next message appended, from 1 */
	uint64_t cursor; /* all below are delivered */
	uint64_t cursor_written;
	uint64_t read;       /* position of the next message read */
	size_t read_segment; /* index; segment_count: none open */
	struct spool_reader reader;
	uint8_t *done;    /* bits by position mod done_room: delivered ahead of the cursor */
	size_t done_room; /* a power of two, of bits */
	uint64_t done_count;
	struct map *sequence; /* topic and lane to a struct lane_end */
	struct buf out;       /* one encoded message */
	uint64_t max, segment_size, keep;
	int fsync;                       /* as in conf */
	uint64_t fsync_interval, synced; /* monotonic */
	uint64_t looked; /* for a request to replay, monotonic */
	struct spool_sync *sync; /* NULL: nothing was asked of it yet */
	bool dirty;
	int closed[SPOOL_CLOSED_MAX]; /* full segments that are to be synced, ours */
	unsigned closed_count;
	uint64_t numbers_stored; /* of all messages below this position the lanes' numbers are in their file */
	bool numbers_due;        /* a segment is full whose messages they do not cover */
	bool open; /* ours, and recovered */
	uint64_t shed[CC_CLASS_COUNT];
	uint64_t damaged; /* bytes passed over */
	char error[256];  /* "": all is well */
};

enum cc_status spool_why(char **ret_why, const char *dir, const char *text); /* CC_IO, for a return */

/* spool.c */
enum cc_status spool_trouble(struct spool *spool, const char *name); /* CC_IO; errno is kept for spool_error() */

/* spool_open.c */
/* Disk set aside for the small files. */
void spool_reserve_give(const struct spool *spool);
void spool_reserve_take(const struct spool *spool);

/* fault.c */
enum cc_status fault_set(struct fault *fault, const char *text, char **ret_why);
void fault_die(struct fault *fault, int dir_fd);

/* spool_disk.c */
enum cc_status spool_list(int dir_fd, struct spool_segment **ret_segment, size_t *ret_count);
char *spool_segment_name(uint64_t first, char ret_name[SPOOL_NAME_ROOM]);
enum cc_status spool_write_file(
    int dir_fd, const char *name, struct slice text); /* by a new file and a rename, synced */
enum cc_status spool_read_file(int dir_fd, const char *name, struct buf *ret_text);
enum cc_status spool_reader_open(struct spool_reader *reader, int dir_fd, const char *name);
void spool_reader_close(struct spool_reader *reader);
/* CC_END: no whole message behind what was read, for now. */
enum cc_status spool_reader_next(struct spool_reader *reader, struct cc_message *ret_msg);

/* spool_sync.c: what waits for the disk, in a thread of its own */
void spool_sync_end(struct spool *spool);
enum cc_status spool_sync_closed(struct spool *spool); /* here and now; CC_IO: errno */
/* Full segments are let go, once they are on disk: one that was deleted takes its place until then.  Were there any? */
bool spool_sync_release(struct spool *spool);

/* spool_state.c */
enum cc_status spool_cursor_write(int dir_fd, uint64_t position); /* any thread, one at a time */
bool spool_machine_died(const struct spool *spool); /* since it was open last */
void spool_boot_store(const struct spool *spool);
/* Every lane's numbers, those of lanes that are not known as well, go on behind all that may have been sent. */
enum cc_status spool_sequences_leap(struct spool *spool);
enum cc_status spool_cursor_load(struct spool *spool);
enum cc_status spool_cursor_store(struct spool *spool);
enum cc_status spool_sequences_load(struct spool *spool);
enum cc_status spool_sequences_store(struct spool *spool);
void spool_sequences_text(struct spool *spool, struct buf *ret_text); /* as it stands in the file; buf_close() it */
enum cc_status spool_sequence_note(
    struct spool *spool, const struct cc_message *msg, const uint8_t *digest);   /* NULL: made here */
enum cc_status spool_replay_ask(const char *dir, int dir_fd, uint64_t position); /* CC_IO: errno */
void spool_replay_asked(struct spool *spool, uint64_t now); /* acts on the file "replay", looked for once a second */

#endif
