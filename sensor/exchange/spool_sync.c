/*
 * The disk's time is not the courier's: fdatasync() of the segments, the files of the lanes' numbers and of the cursor
 * are another thread's, one round at a time, so that a disk that takes its time holds back what `spool.fsync_interval`
 * promises, and no message.  With `always` each write waits for the disk as before, and only the files come here.  The
 * numbers come before the cursor, below which no message is read at the next start.
 *
 * The spool asks and takes the answer in spool_tick(); the thread touches nothing of the spool's but what stands in the
 * round.
 */
#include "exchange/spool_own.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct spool_sync {
	pthread_t id;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t changed;
	bool asked, finished, ending;
	int dir_fd, fd;        /* fd: a duplicate of the segment's, the round's own; -1: nothing to sync */
	int closed[SPOOL_CLOSED_MAX]; /* full segments, the round's own */
	unsigned closed_count;
	struct buf numbers;    /* to be stored; empty: they are */
	uint64_t numbers_at;   /* and the position that they cover */
	uint64_t cursor;       /* to be stored; 0: none */
	int data_error, numbers_error, cursor_error; /* errno */
};

static void
one_round(struct spool_sync *sync)
{
	sync->data_error = sync->numbers_error = sync->cursor_error = 0;
	for (unsigned i = 0; i < sync->closed_count; i++) {
		if (fdatasync(sync->closed[i]) != 0)
			sync->data_error = errno;
		close(sync->closed[i]);
	}
	if (sync->fd >= 0) {
		if (fdatasync(sync->fd) != 0)
			sync->data_error = errno;
		close(sync->fd);
	}
	if (sync->closed_count > 0)
		(void)fsync(sync->dir_fd);
	if (sync->numbers.size > 0 &&
	    spool_write_file(sync->dir_fd, SPOOL_SEQUENCES, buf_slice(&sync->numbers)) != CC_OK)
		sync->numbers_error = errno != 0 ? errno : EIO;
	if (sync->numbers_error != 0)
		sync->cursor_error = sync->numbers_error;
	else if (sync->cursor != 0 && spool_cursor_write(sync->dir_fd, sync->cursor) != CC_OK)
		sync->cursor_error = errno != 0 ? errno : EIO;
}

static void *
sync_main(void *arg)
{
	struct spool_sync *sync = arg;

	(void)pthread_setname_np(pthread_self(), "spool-sync");

	pthread_mutex_lock(&sync->mutex);
	for (;;) {
		while (!sync->asked && !sync->ending)
			pthread_cond_wait(&sync->changed, &sync->mutex);
		if (!sync->asked)
			break;
		pthread_mutex_unlock(&sync->mutex);
		one_round(sync);
		pthread_mutex_lock(&sync->mutex);
		sync->asked = false;
		sync->finished = true;
		pthread_cond_signal(&sync->changed); /* spool_sync_release() may wait for it */
	}
	pthread_mutex_unlock(&sync->mutex);
	return NULL;
}

static struct spool_sync *
sync_new(int dir_fd)
{
	struct spool_sync *sync = calloc(1, sizeof(*sync));

	if (sync == NULL)
		return NULL;
	sync->dir_fd = dir_fd;
	buf_open(&sync->numbers, 0);
	pthread_mutex_init(&sync->mutex, NULL);
	pthread_cond_init(&sync->changed, NULL);
	if (pthread_create(&sync->id, NULL, sync_main, sync) == 0)
		return sync;
	pthread_cond_destroy(&sync->changed);
	pthread_mutex_destroy(&sync->mutex);
	free(sync);
	return NULL;
}

static bool
ask(struct spool *spool, bool data)
{
	struct spool_sync *sync = spool->sync != NULL ? spool->sync : (spool->sync = sync_new(spool->dir_fd));
	int fd = -1;

	if (sync == NULL || (data && (fd = dup(spool->fd)) < 0))
		return false;
	pthread_mutex_lock(&sync->mutex);
	sync->fd = fd;
	memcpy(sync->closed, spool->closed, sizeof(sync->closed));
	sync->closed_count = spool->closed_count;
	spool->closed_count = 0;
	buf_close(&sync->numbers);
	buf_open(&sync->numbers, 0);
	if (spool->numbers_due)
		spool_sequences_text(spool, &sync->numbers);
	spool->numbers_due = sync->numbers.full; /* then without the cursor */
	if (sync->numbers.full)
		buf_clear(&sync->numbers);
	sync->numbers_at = spool->next;
	sync->cursor = spool->cursor != spool->cursor_written && !spool->numbers_due ? spool->cursor : 0;
	sync->finished = false;
	sync->asked = true;
	pthread_cond_signal(&sync->changed);
	pthread_mutex_unlock(&sync->mutex);
	return true;
}

enum cc_status
spool_sync_closed(struct spool *spool)
{
	int problem = 0;

	for (unsigned i = 0; i < spool->closed_count; i++) {
		if (spool->fsync != 0 && fdatasync(spool->closed[i]) != 0)
			problem = errno;
		close(spool->closed[i]);
	}
	if (spool->closed_count > 0 && spool->fsync != 0)
		(void)fsync(spool->dir_fd);
	spool->closed_count = 0;
	errno = problem;
	return problem == 0 ? CC_OK : CC_IO;
}

bool
spool_sync_release(struct spool *spool)
{
	struct spool_sync *sync = spool->sync;
	bool held = spool->closed_count > 0;

	if (held && spool_sync_closed(spool) != CC_OK) {
		(void)spool_trouble(spool, "fdatasync");
		return false;
	}
	if (sync == NULL)
		return held;
	pthread_mutex_lock(&sync->mutex);
	held = held || sync->asked;
	while (sync->asked)
		pthread_cond_wait(&sync->changed, &sync->mutex);
	pthread_mutex_unlock(&sync->mutex);
	return held;
}

static enum cc_status
answer(struct spool *spool, int *ret_data_error, int *ret_cursor_error)
{
	struct spool_sync *sync = spool->sync;
	enum cc_status st = CC_END;

	if (sync == NULL)
		return CC_END;
	pthread_mutex_lock(&sync->mutex);
	if (sync->asked) {
		st = CC_MORE;
	} else if (sync->finished) {
		sync->finished = false;
		*ret_data_error = sync->data_error;
		*ret_cursor_error = sync->cursor_error;
		if (sync->numbers.size > 0 && sync->numbers_error == 0 && spool->numbers_stored < sync->numbers_at)
			spool->numbers_stored = sync->numbers_at;
		spool->numbers_due = spool->numbers_due || sync->numbers_error != 0;
		if (sync->cursor != 0 && sync->cursor_error == 0)
			spool->cursor_written = sync->cursor;
		st = CC_OK;
	}
	pthread_mutex_unlock(&sync->mutex);
	return st;
}

void
spool_sync_end(struct spool *spool)
{
	struct spool_sync *sync = spool->sync;
	int data_error, cursor_error;

	if (sync == NULL)
		return;
	pthread_mutex_lock(&sync->mutex);
	sync->ending = true;
	pthread_cond_signal(&sync->changed);
	pthread_mutex_unlock(&sync->mutex);
	pthread_join(sync->id, NULL);
	if (answer(spool, &data_error, &cursor_error) == CC_OK && data_error != 0)
		spool->dirty = true;
	pthread_cond_destroy(&sync->changed);
	pthread_mutex_destroy(&sync->mutex);
	buf_close(&sync->numbers);
	free(sync);
	spool->sync = NULL;
}

/* ---- the spool's side ---- */

/* On a full disk the reserve makes room for it. */
static enum cc_status
store_cursor(struct spool *spool)
{
	enum cc_status st;

	if (spool_cursor_store(spool) == CC_OK)
		return CC_OK;
	spool_reserve_give(spool);
	st = spool_cursor_store(spool);
	spool_reserve_take(spool);
	return st;
}

/* What the thread for the disk has to say.  CC_MORE: it is still at work. */
static enum cc_status
take_answer(struct spool *spool)
{
	uint64_t before = spool->cursor_written;
	int data_error = 0, cursor_error = 0;
	enum cc_status st = answer(spool, &data_error, &cursor_error);

	if (st != CC_OK)
		return st == CC_END ? CC_OK : st;
	if (spool->cursor_written != before)
		spool_fault(spool, "cursor");
	if (data_error != 0) {
		spool->dirty = true;
		errno = data_error;
		return spool_trouble(spool, "fdatasync");
	}
	return cursor_error != 0 ? store_cursor(spool) : CC_OK;
}

enum cc_status
spool_tick(struct spool *spool, uint64_t now)
{
	enum cc_status st = take_answer(spool);
	bool data = spool->dirty && spool->fsync != 0;

	if (st == CC_MORE)
		return CC_OK;
	if (st != CC_OK || (spool->fsync != 2 && now < spool->synced + spool->fsync_interval))
		return st;
	spool->synced = now;
	spool_replay_asked(spool, now);
	if (!data && spool->closed_count == 0 && !spool->numbers_due && spool->cursor == spool->cursor_written)
		return CC_OK;
	if (ask(spool, data)) {
		if (data)
			spool->dirty = false;
		return CC_OK;
	}
	/* No thread can be had: then here. */
	if (spool_sync_closed(spool) != CC_OK)
		return spool_trouble(spool, "fdatasync");
	if (data && fdatasync(spool->fd) != 0)
		return spool_trouble(spool, "fdatasync");
	if (data)
		spool->dirty = false;
	if (spool->numbers_due && (st = spool_sequences_store(spool)) != CC_OK)
		return st;
	return store_cursor(spool);
}
