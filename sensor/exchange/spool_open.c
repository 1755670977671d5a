/*
 * Opening the spool: the folder is taken, its segments are read for where each lane stands, and the last of them is cut
 * back to its last whole message.  And its closing.
 *
 * The courier's one thread.
 */
#include "exchange/spool_own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define RESERVE 65536   /* bytes of disk */
#define LANES_MAX 65536 /* topics times lanes whose sequence is kept */

static enum cc_status
lock_dir(struct spool *spool, char **ret_why)
{
	if (dirs_make(spool->dir, 0750) != CC_OK)
		return spool_why(ret_why, spool->dir, strerror(errno));
	spool->dir_fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->dir_fd < 0)
		return spool_why(ret_why, spool->dir, strerror(errno));
	spool->lock_fd = openat(spool->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (spool->lock_fd < 0)
		return spool_why(ret_why, spool->dir, strerror(errno));
	if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		(void)spool_why(ret_why, spool->dir, "another process has it open (file lock)");
		return CC_DENIED;
	}
	return CC_OK;
}

/*
 * Disk set aside for the small files: on a full disk neither the cursor nor the lanes' numbers could be stored else,
 * and without them nothing that is delivered could give way.
 */
void
spool_reserve_take(const struct spool *spool)
{
	int fd = openat(spool->dir_fd, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, RESERVE) != 0)
		(void)unlinkat(spool->dir_fd, "reserve", 0);
	close(fd);
}

void
spool_reserve_give(const struct spool *spool)
{
	(void)unlinkat(spool->dir_fd, "reserve", 0);
}

/* Reads one segment whole: its messages are counted and their sequences noted; *ret_end: bytes up to the last whole
 * one. */
static enum cc_status
scan(struct spool *spool, const struct spool_segment *segment, uint64_t *ret_count, uint64_t *ret_end)
{
	char name[SPOOL_NAME_ROOM];
	struct cc_message msg;
	enum cc_status st;

	*ret_count = 0;
	st = spool_reader_open(&spool->reader, spool->dir_fd, spool_segment_name(segment->first, name));
	if (st == CC_IO)
		spool_trouble(spool, name);
	while (st == CC_OK && (st = spool_reader_next(&spool->reader, &msg)) == CC_OK) {
		++*ret_count;
		st = spool_sequence_note(spool, &msg, NULL);
	}
	*ret_end = spool->reader.offset;
	spool->damaged += spool->reader.damaged;
	if (spool->reader.damaged > 0)
		log_warning("spool: %s/%s: %" PRIu64 " bytes are damaged and were passed over", spool->dir, name,
		    spool->reader.damaged);
	if (spool->reader.fd >= 0)
		close(spool->reader.fd);
	spool->reader.fd = -1;
	return st == CC_END ? CC_OK : st;
}

/* The last segment is the one that a crash can have cut. */
static enum cc_status
open_last(struct spool *spool, uint64_t end)
{
	struct spool_segment *last = &spool->segment[spool->segment_count - 1];
	char name[SPOOL_NAME_ROOM];

	spool->fd = openat(spool->dir_fd, spool_segment_name(last->first, name), O_WRONLY | O_APPEND | O_CLOEXEC);
	if (spool->fd < 0)
		return spool_trouble(spool, name);
	if (end < last->size) {
		log_notice("spool: %s/%s: cut back to its last whole message, %" PRIu64 " bytes dropped", spool->dir,
		    name, last->size - end);
		if (ftruncate(spool->fd, (off_t)end) != 0)
			return spool_trouble(spool, name);
		spool->bytes -= last->size - end;
		last->size = end;
	}
	return CC_OK;
}

static enum cc_status
recover(struct spool *spool)
{
	enum cc_status st = spool_list(spool->dir_fd, &spool->segment, &spool->segment_count);
	uint64_t count = 0, end = 0;
	size_t from = 0;

	if (st != CC_OK)
		return st == CC_IO ? spool_trouble(spool, "") : st;
	spool->segment_room = spool->segment_count;
	if ((st = spool_cursor_load(spool)) != CC_OK || (st = spool_sequences_load(spool)) != CC_OK)
		return st;
	for (size_t i = 0; i < spool->segment_count; i++)
		spool->bytes += spool->segment[i].size;
	/* What lies wholly below the cursor is only kept for replay; its sequences were stored when it was closed. */
	while (from + 1 < spool->segment_count && spool->segment[from + 1].first <= spool->cursor)
		from++;
	for (size_t i = from; i < spool->segment_count && st == CC_OK; i++) {
		st = scan(spool, &spool->segment[i], &count, &end);
		spool->next = spool->segment[i].first + count;
	}
	if (st == CC_OK && spool->segment_count > 0)
		st = open_last(spool, end);
	/* With `always` nothing is sent that the disk has not. */
	if (st == CC_OK && (spool->next < spool->cursor || (spool->fsync != 2 && spool_machine_died(spool))))
		st = spool_sequences_leap(spool);
	if (spool->next < spool->cursor) {
		/* Messages were lost to damage: positions go on in a segment of their own, whose name says where. */
		spool->next = spool->cursor;
		if (spool->fd >= 0)
			close(spool->fd);
		spool->fd = -1;
	}
	if (spool->segment_count > 0 && spool->cursor < spool->segment[0].first)
		spool->cursor = spool->segment[0].first;
	return st;
}

static struct spool *
spool_make(const struct conf *conf, const char *dir)
{
	struct spool *spool = calloc(1, sizeof(*spool));

	if (spool == NULL)
		return NULL;
	spool->dir_fd = spool->lock_fd = spool->fd = spool->reader.fd = -1;
	spool->next = spool->cursor = spool->cursor_written = spool->read = 1;
	spool->max = conf->spool_max;
	spool->segment_size = conf->spool_segment < spool->max / 8 ? conf->spool_segment : spool->max / 8;
	spool->keep = conf->spool_keep;
	spool->fsync = conf->spool_fsync;
	spool->fsync_interval = conf->spool_fsync_interval;
	buf_open(&spool->out, 64u << 20);
	spool->dir = strdup(dir);
	spool->done_room = 1024;
	spool->done = calloc(spool->done_room / 8, 1);
	spool->sequence = map_new(LANES_MAX);
	if (spool->dir == NULL || spool->done == NULL || spool->sequence == NULL) {
		spool_close(spool);
		return NULL;
	}
	return spool;
}

enum cc_status
spool_open(const struct conf *conf, const char *dir, struct spool **ret_spool, char **ret_why)
{
	struct spool *spool = spool_make(conf, dir);
	enum cc_status st;

	if (spool == NULL)
		return CC_NOMEM;
	st = fault_set(&spool->fault, conf->exchange_fault, ret_why);
	if (st == CC_OK)
		st = lock_dir(spool, ret_why);
	if (st == CC_OK && (st = recover(spool)) != CC_OK)
		(void)spool_why(ret_why, dir, spool->error[0] != '\0' ? spool->error : cc_status_text(st));
	if (st != CC_OK) {
		/* Not ours to write to. */
		spool->cursor_written = spool->cursor;
		spool_close(spool);
		return st;
	}
	spool->numbers_due = spool->segment_count > 1; /* what was read now need not be in their file */
	spool_reserve_take(spool);
	spool_boot_store(spool);
	spool->open = true;
	spool->read_segment = spool->segment_count;
	spool_rewind(spool);
	*ret_spool = spool;
	return CC_OK;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	spool_sync_end(spool);
	(void)spool_sync_closed(spool);
	if (spool->fd >= 0) {
		if (spool->dirty && spool->fsync != 0)
			(void)fdatasync(spool->fd);
		close(spool->fd);
	}
	if (spool->dir_fd >= 0) {
		(void)spool_cursor_store(spool);
		if (spool->open)
			(void)unlinkat(spool->dir_fd, SPOOL_BOOT, 0);
		close(spool->dir_fd);
	}
	if (spool->lock_fd >= 0)
		close(spool->lock_fd);
	spool_reader_close(&spool->reader);
	map_free(spool->sequence, free);
	buf_close(&spool->out);
	free(spool->segment);
	free(spool->done);
	free(spool->dir);
	free(spool);
}
