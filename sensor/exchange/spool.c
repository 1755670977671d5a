/*
 * The spool: messages on disk until the output has them for good.
 *
 * A folder of segment files, each named by the position of its first message; appended to one at a time, read from a
 * position that can go back, deleted from the oldest once all of it is delivered.  Positions count from 1.  The write
 * is done when spool_append() returns; when the disk must have it is spool.fsync's to say.
 *
 * Priority when spool.max comes near: events are refused from 80 % on, other sightings from 90 %, alerts at the end.
 * What is refused gets no number, so that no lane has a hole from it.  The courier's one thread.
 */
#include "exchange/spool_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LATE_SEGMENTS 4 /* delivered ones above spool.keep that wait for the disk before they go */
#define GROUP_MAX (512u << 10) /* bytes of messages in one write */

/* Part of spool.max, in per cent, that a class may fill the spool to. */
static const unsigned share[CC_CLASS_COUNT] = {
    [CC_CLASS_ALERT] = 100,
    [CC_CLASS_SIGHTING] = 90,
    [CC_CLASS_EVENT] = 80,
};

enum cc_status
spool_trouble(struct spool *spool, const char *name)
{
	snprintf(spool->error, sizeof(spool->error), "%.180s/%s: %s", spool->dir, name, strerror(errno));
	return CC_IO;
}

enum cc_status
spool_why(char **ret_why, const char *dir, const char *text)
{
	if (asprintf(ret_why, "spool: %s: %s", dir, text) < 0)
		*ret_why = NULL;
	return CC_IO;
}

/* ---- segments come and go ---- */

/* The segment is full: its bytes and its lanes' numbers are for the thread that waits for the disk. */
static enum cc_status
close_segment(struct spool *spool)
{
	char name[SPOOL_NAME_ROOM];

	spool->numbers_due = spool->segment_count > 0;
	if (spool->fd < 0)
		return CC_OK;
	if (spool->closed_count == SPOOL_CLOSED_MAX && spool_sync_closed(spool) != CC_OK)
		return spool_trouble(spool, spool_segment_name(spool->segment[spool->segment_count - 1].first, name));
	if (spool->dirty && spool->fsync != 0)
		spool->closed[spool->closed_count++] = spool->fd;
	else
		close(spool->fd);
	spool->fd = -1;
	spool->dirty = false;
	return CC_OK;
}

static bool
oldest_is_delivered(const struct spool *spool)
{
	return spool->segment_count > 1 && spool->segment[1].first <= spool->cursor;
}

/* Deletes the oldest segment, all of it delivered; where its lanes' numbers are not in their file yet, behind that. */
static void
drop_oldest(struct spool *spool)
{
	char name[SPOOL_NAME_ROOM];

	if (spool->segment[1].first > spool->numbers_stored && spool_sequences_store(spool) != CC_OK)
		return;
	spool_fault(spool, "drop");
	if (unlinkat(spool->dir_fd, spool_segment_name(spool->segment[0].first, name), 0) != 0 && errno != ENOENT) {
		spool_trouble(spool, name);
		return;
	}
	spool->bytes -= spool->segment[0].size;
	spool->segment_count--;
	memmove(spool->segment, spool->segment + 1, spool->segment_count * sizeof(*spool->segment));
	if (spool->read_segment > 0) {
		spool->read_segment--;
	} else if (spool->reader.fd >= 0) {
		close(spool->reader.fd); /* it stood at the end of this one */
		spool->reader.fd = -1;
	}
}

/* Bytes of the segments that are wholly delivered. */
static uint64_t
delivered_bytes(const struct spool *spool)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < spool->segment_count && spool->segment[i + 1].first <= spool->cursor; i++)
		sum += spool->segment[i].size;
	return sum;
}

static void
drop_delivered(struct spool *spool)
{
	uint64_t sum = delivered_bytes(spool);

	/* Where some may stay they wait until the lanes' numbers are in their file. */
	while (sum > spool->keep && oldest_is_delivered(spool) &&
	       (spool->segment[1].first <= spool->numbers_stored || spool->keep == 0 ||
		   sum > spool->keep + LATE_SEGMENTS * spool->segment_size)) {
		size_t before = spool->segment_count;

		sum -= spool->segment[0].size;
		drop_oldest(spool);
		if (spool->segment_count == before)
			return;
	}
}

static enum cc_status
begin_segment(struct spool *spool)
{
	char name[SPOOL_NAME_ROOM];
	enum cc_status st;
	int fd;

	if (spool->segment_count == spool->segment_room) {
		size_t room = spool->segment_room * 2 + 16;
		struct spool_segment *more = realloc(spool->segment, room * sizeof(*more));

		if (more == NULL)
			return CC_NOMEM;
		spool->segment = more;
		spool->segment_room = room;
	}
	fd = openat(spool->dir_fd, spool_segment_name(spool->next, name),
	    O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return spool_trouble(spool, name);
	if (spool->fsync == 2)
		(void)fsync(spool->dir_fd);
	if ((st = close_segment(spool)) != CC_OK) {
		(void)unlinkat(spool->dir_fd, name, 0);
		close(fd);
		return st;
	}
	spool->fd = fd;
	/* A reader that has come to the end of all segments finds this one next. */
	spool->segment[spool->segment_count++] = (struct spool_segment){spool->next, 0};
	spool_fault(spool, "segment");
	return CC_OK;
}

/* ---- appending ---- */

/* Makes room by what is delivered, then asks the class's share. */
static bool
has_room(struct spool *spool, enum cc_class class, uint64_t size)
{
	uint64_t limit = spool->max / 100 * share[class];

	while (spool->bytes + size > limit && oldest_is_delivered(spool)) {
		size_t before = spool->segment_count;

		drop_oldest(spool);
		if (spool->segment_count == before)
			break;
	}
	return spool->bytes + size <= limit;
}

/* What a full disk took of a message is taken back, so that the segment ends with a whole one. */
static enum cc_status
take_back(struct spool *spool)
{
	const struct spool_segment *last = &spool->segment[spool->segment_count - 1];
	char name[SPOOL_NAME_ROOM];

	spool_trouble(spool, spool_segment_name(last->first, name));
	if (ftruncate(spool->fd, (off_t)last->size) != 0)
		log_error("spool: %s/%s: cannot be cut back: %s", spool->dir, name, strerror(errno));
	return CC_IO;
}

static enum cc_status
write_message(struct spool *spool)
{
	struct spool_segment *last = &spool->segment[spool->segment_count - 1];
	size_t done = 0;

	while (done < spool->out.size) {
		ssize_t n = write(spool->fd, spool->out.p + done, spool->out.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			return take_back(spool);
		}
		done += (size_t)n;
	}
	if (spool->fsync == 2 && fdatasync(spool->fd) != 0)
		return take_back(spool);
	last->size += done;
	spool->bytes += done;
	spool->dirty = spool->fsync != 2;
	return CC_OK;
}

/*
 * The disk is full: what was deleted and is still held gives way, and what is delivered, though spool.keep would have
 * it stay.  The last segment can only go when all of it is delivered, and behind a new one, which stores the lanes'
 * numbers first.
 */
static bool
make_way(struct spool *spool)
{
	size_t before = spool->segment_count;
	bool last = before == 1 && spool->cursor == spool->next && spool->segment[0].size > 0;
	bool dropped;

	if (!last && !oldest_is_delivered(spool))
		return spool_sync_release(spool);
	spool_reserve_give(spool);
	if (last && begin_segment(spool) == CC_OK)
		before++;
	while (oldest_is_delivered(spool)) {
		size_t count = spool->segment_count;

		drop_oldest(spool);
		if (spool->segment_count == count)
			break;
	}
	dropped = spool->segment_count < before;
	dropped = spool_sync_release(spool) || dropped;
	spool_reserve_take(spool);
	return dropped;
}

static enum cc_status
write_somewhere(struct spool *spool)
{
	enum cc_status st = CC_OK;

	if (spool->fd < 0 || spool->segment[spool->segment_count - 1].size >= spool->segment_size)
		st = begin_segment(spool);
	return st == CC_OK ? write_message(spool) : st;
}

enum cc_status
spool_append(struct spool *spool, const struct cc_message *msg, const uint8_t *digest, uint64_t *ret_position)
{
	enum cc_status st;

	buf_clear(&spool->out);
	st = message_encode(msg, &spool->out);
	if (st != CC_OK)
		return st == CC_FULL ? CC_NOMEM : st;
	spool_fault(spool, "append");
	if (!has_room(spool, msg->class, spool->out.size)) {
		spool->shed[msg->class]++;
		return CC_FULL;
	}
	st = write_somewhere(spool);
	if (st == CC_IO && make_way(spool))
		st = write_somewhere(spool);
	if (st != CC_OK)
		return st;
	spool_fault(spool, "appended");
	spool->error[0] = '\0';
	*ret_position = spool->next++;
	return spool_sequence_note(spool, msg, digest);
}

/*
 * As many as one write takes: up to the end of the segment, while there is room for them.  0: not even two, or the disk
 * would not have them, and none is there: one by one they are told apart.
 */
static size_t
append_group(struct spool *spool, const struct spool_item *item, size_t count)
{
	const struct spool_segment *last = spool->segment + spool->segment_count;
	size_t taken;

	if (count < 2 || spool->fd < 0 || (--last)->size >= spool->segment_size)
		return 0;
	buf_clear(&spool->out);
	for (taken = 0; taken < count; taken++) {
		size_t before = spool->out.size;

		if (before >= GROUP_MAX || last->size + before >= spool->segment_size)
			break;
		spool_fault(spool, "append");
		if (message_encode(item[taken].msg, &spool->out) != CC_OK ||
		    !has_room(spool, item[taken].msg->class, spool->out.size)) {
			spool->out.size = before;
			break;
		}
		last = &spool->segment[spool->segment_count - 1]; /* delivered ones may have gone */
	}
	if (taken < 2 || write_message(spool) != CC_OK)
		return 0;
	spool->error[0] = '\0';
	for (size_t i = 0; i < taken; i++) {
		spool_fault(spool, "appended");
		spool->next++;
		(void)spool_sequence_note(spool, item[i].msg, item[i].digest);
	}
	return taken;
}

enum cc_status
spool_append_all(struct spool *spool, const struct spool_item *item, size_t count, size_t *ret_count)
{
	uint64_t position;
	enum cc_status st;

	for (*ret_count = 0; *ret_count < count;) {
		size_t done = append_group(spool, item + *ret_count, count - *ret_count);

		if (done == 0) {
			st = spool_append(spool, item[*ret_count].msg, item[*ret_count].digest, &position);
			if (st != CC_OK)
				return st;
			done = 1;
		}
		*ret_count += done;
	}
	return CC_OK;
}

/* ---- reading ---- */

static bool
is_done(const struct spool *spool, uint64_t position)
{
	uint64_t bit = position & (spool->done_room - 1);

	return (spool->done[bit / 8] >> bit % 8 & 1) != 0;
}

static void
set_done(struct spool *spool, uint64_t position, bool done)
{
	uint64_t bit = position & (spool->done_room - 1);

	if (done)
		spool->done[bit / 8] |= (uint8_t)(1u << bit % 8);
	else
		spool->done[bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

/* Room for the bits of cursor..position. */
static bool
done_reaches(struct spool *spool, uint64_t position)
{
	size_t room = spool->done_room;
	uint8_t *old = spool->done, *fresh;
	size_t old_room = room;

	if (position - spool->cursor < room)
		return true;
	if (position - spool->cursor >= SPOOL_AHEAD_MAX)
		return false;
	while (room <= position - spool->cursor)
		room *= 2;
	fresh = calloc(room / 8, 1);
	if (fresh == NULL)
		return false;
	spool->done = fresh;
	spool->done_room = room;
	for (uint64_t p = spool->cursor; p < spool->cursor + old_room; p++) {
		uint64_t bit = p & (old_room - 1);

		if ((old[bit / 8] >> bit % 8 & 1) != 0)
			set_done(spool, p, true);
	}
	free(old);
	return true;
}

/* Opens the segment that holds the read position and passes over what is before it. */
static enum cc_status
seek(struct spool *spool)
{
	char name[SPOOL_NAME_ROOM];
	struct cc_message msg;
	uint64_t at;
	size_t i = spool->segment_count;
	enum cc_status st;

	while (i > 0 && spool->segment[i - 1].first > spool->read)
		i--;
	if (i == 0)
		return CC_END;
	if (spool->reader.fd >= 0)
		close(spool->reader.fd);
	st = spool_reader_open(&spool->reader, spool->dir_fd, spool_segment_name(spool->segment[i - 1].first, name));
	if (st != CC_OK) {
		spool->read_segment = spool->segment_count;
		return st == CC_IO ? spool_trouble(spool, name) : st;
	}
	spool->read_segment = i - 1;
	for (at = spool->segment[i - 1].first; at < spool->read; at++) {
		if (spool_reader_next(&spool->reader, &msg) != CC_OK)
			break;
	}
	return CC_OK;
}

void
spool_rewind(struct spool *spool)
{
	spool->read = spool->cursor;
	if (spool->reader.fd >= 0)
		close(spool->reader.fd);
	spool->reader.fd = -1;
}

/* The next whole message on disk, whatever became of it. */
static enum cc_status
read_one(struct spool *spool, struct cc_message *ret_msg)
{
	enum cc_status st;

	if (spool->read >= spool->next)
		return CC_END;
	if (spool->reader.fd < 0 && (st = seek(spool)) != CC_OK)
		return st;
	st = spool_reader_next(&spool->reader, ret_msg);
	while (st == CC_END && spool->read_segment + 1 < spool->segment_count) {
		uint64_t first = spool->segment[spool->read_segment + 1].first;

		/* Messages lost to damage have no bytes, but their positions must not hold the cursor back. */
		for (; spool->read < first; spool->read++) {
			if (!done_reaches(spool, spool->read))
				return CC_END;
			spool_delivered(spool, spool->read);
		}
		if ((st = seek(spool)) != CC_OK)
			return st;
		st = spool_reader_next(&spool->reader, ret_msg);
	}
	return st;
}

enum cc_status
spool_next(struct spool *spool, struct cc_message *ret_msg, uint64_t *ret_position)
{
	enum cc_status st;

	do {
		if (!done_reaches(spool, spool->read))
			return CC_END;
		st = read_one(spool, ret_msg);
		if (st != CC_OK)
			return st;
		*ret_position = spool->read++;
	} while (*ret_position < spool->cursor || is_done(spool, *ret_position));
	return CC_OK;
}

void
spool_delivered(struct spool *spool, uint64_t position)
{
	if (position < spool->cursor || position >= spool->next || position - spool->cursor >= spool->done_room ||
	    is_done(spool, position))
		return;
	spool_fault(spool, "delivered");
	set_done(spool, position, true);
	spool->done_count++;
	while (spool->cursor < spool->next && is_done(spool, spool->cursor)) {
		set_done(spool, spool->cursor, false);
		spool->done_count--;
		spool->cursor++;
	}
	spool_fault(spool, "moved");
	drop_delivered(spool);
}

void
spool_fault(struct spool *spool, const char *point)
{
	if (spool->fault.point != NULL && strcmp(spool->fault.point, point) == 0)
		fault_die(&spool->fault, spool->dir_fd);
}

/* ---- figures ---- */

uint64_t
spool_waiting(const struct spool *spool)
{
	return spool->next - spool->cursor - spool->done_count;
}

uint64_t
spool_bytes(const struct spool *spool)
{
	return spool->bytes;
}

uint64_t
spool_shed(const struct spool *spool, enum cc_class class)
{
	return spool->shed[class];
}

const char *
spool_error(const struct spool *spool)
{
	return spool->error;
}
