/*
 * What the sensor counts of repeats, on disk as it changes: a courier that dies leaves its sums to the next one.
 *
 *   0        4        8                12
 *   +--------+--------+----------------+--- … ---+
 *   | "CCR2" | size   | CRC-32C        | body    |     blocks, one behind the other, in the file "repeats" of the spool
 *   +--------+--------+----------------+--- … ---+
 *   body: run:u64 whole:u8 count:u8, count positions:u64, then aggregate_changes()
 *
 * A block tells of all entries up to its positions in the rings; it is built when the courier has read so far, and
 * written when their messages are in the spool: so what is in the rings behind the last block's positions is neither
 * counted nor sent, and what is before them is both.  Positions mean something in the same run of the sensor only.  The
 * page cache is safe enough against a process that dies; a block that is not whole ends the file.
 */
#include "exchange/repeats_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

#define NAME "repeats"
#define FRESH NAME ".new"
#define HEAD 12
#define BLOCK_MAX (256u << 20)
#define GROWS 4            /* times what was written whole, before it is again */
#define SMALL (4u << 20)   /* bytes that nobody minds */

struct repeats {
	struct aggregate *aggregate;
	int dir_fd, fd;
	uint64_t run;
	struct buf block;
	bool pending, whole; /* a block waits; it stands for all before it */
	bool told;
	uint64_t size, whole_size;
};

static void
put_number(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes > 0)
		buf_add_u8(out, (uint8_t)(n >> 8 * --bytes));
}

/* ---- reading ---- */

static enum cc_status
read_block(int fd, struct buf *body)
{
	uint8_t head[HEAD];
	struct cur c = cur_of(head, HEAD);
	uint32_t size, crc;

	if (read(fd, head, HEAD) != HEAD || !slice_is(cur_take(&c, 4), "CCR2"))
		return CC_END;
	size = cur_u32(&c);
	crc = cur_u32(&c);
	buf_clear(body);
	if (size > BLOCK_MAX || !buf_reserve(body, size) || read(fd, body->p, size) != (ssize_t)size)
		return CC_END;
	body->size = size;
	return crc32c(0, buf_slice(body)) == crc ? CC_OK : CC_END;
}

/* Positions of the last block, if it is of this run. */
static bool
take_body(struct repeats *repeats, struct cur c, bool any_run, uint64_t *ret_position, unsigned count)
{
	uint64_t run = cur_u64(&c);
	unsigned positions;

	(void)cur_u8(&c);
	positions = cur_u8(&c);
	if (c.bad || (run != repeats->run && !any_run))
		return false;
	for (unsigned i = 0; i < positions; i++) {
		uint64_t position = cur_u64(&c);

		if (i < count)
			ret_position[i] = position;
	}
	aggregate_restore(repeats->aggregate, cur_rest(&c));
	return run == repeats->run && positions == count && !c.bad;
}

bool
repeats_resume(struct repeats *repeats, uint64_t run, bool any_run, uint64_t *ret_position, unsigned count)
{
	bool same = false;
	int fd;

	repeats->run = run;
	fd = openat(repeats->dir_fd, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && read_block(fd, &repeats->block) == CC_OK)
		same = take_body(repeats, cur_slice(buf_slice(&repeats->block)), any_run, ret_position, count);
	if (fd >= 0)
		close(fd);
	buf_clear(&repeats->block);
	return same;
}

/* ---- writing ---- */

/* Without it a courier that dies loses sums; messages it does not.  What is there stays: room on a full disk is for
 * messages. */
static void
give_up(struct repeats *repeats, const char *what)
{
	if (!repeats->told)
		log_warning("spool: " NAME ": %s: repeats that are not told yet are lost should the courier die", what);
	repeats->told = true;
	repeats->pending = false;
	if (repeats->fd >= 0) {
		if (ftruncate(repeats->fd, (off_t)repeats->size) != 0)
			(void)unlinkat(repeats->dir_fd, NAME, 0);
		close(repeats->fd);
	}
	repeats->fd = -1;
	(void)unlinkat(repeats->dir_fd, FRESH, 0);
}

void
repeats_mark(struct repeats *repeats, const uint64_t *position, unsigned count)
{
	struct buf head;
	bool all = repeats->fd < 0 || (repeats->size > SMALL && repeats->size > GROWS * repeats->whole_size);
	size_t at;

	buf_clear(&repeats->block);
	buf_add(&repeats->block, "CCR2\0\0\0\0\0\0\0\0", HEAD);
	put_number(&repeats->block, repeats->run, 8);
	at = repeats->block.size;
	buf_add_u8(&repeats->block, 0);
	buf_add_u8(&repeats->block, (uint8_t)count);
	for (unsigned i = 0; i < count; i++)
		put_number(&repeats->block, position[i], 8);
	repeats->whole = aggregate_changes(repeats->aggregate, all, &repeats->block);
	if (repeats->block.full || repeats->block.size < HEAD) {
		give_up(repeats, "too much to be written");
		return;
	}
	repeats->block.p[at] = repeats->whole;
	buf_over(&head, repeats->block.p + 4, 8);
	put_number(&head, repeats->block.size - HEAD, 4);
	put_number(&head, crc32c(0, slice_of(repeats->block.p + HEAD, repeats->block.size - HEAD)), 4);
	repeats->pending = true;
}

void
repeats_write(struct repeats *repeats)
{
	int fd;

	if (!repeats->pending)
		return;
	repeats->pending = false;
	if (repeats->whole) {
		fd = openat(repeats->dir_fd, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (repeats->fd >= 0)
			close(repeats->fd);
		repeats->fd = fd;
		repeats->size = 0;
		repeats->whole_size = repeats->block.size;
	}
	if (repeats->fd < 0 ||
	    write(repeats->fd, repeats->block.p, repeats->block.size) != (ssize_t)repeats->block.size ||
	    (repeats->whole && renameat(repeats->dir_fd, FRESH, repeats->dir_fd, NAME) != 0)) {
		give_up(repeats, strerror(errno));
		return;
	}
	repeats->size += repeats->block.size;
	repeats->told = false;
}

void
repeats_end(struct repeats *repeats)
{
	if (repeats->fd >= 0)
		close(repeats->fd);
	repeats->fd = -1;
	repeats->pending = false;
	(void)unlinkat(repeats->dir_fd, NAME, 0);
}

/* ---- life ---- */

struct repeats *
repeats_new(struct aggregate *aggregate, const char *dir)
{
	struct repeats *repeats = calloc(1, sizeof(*repeats));

	if (repeats == NULL)
		return NULL;
	repeats->aggregate = aggregate;
	repeats->fd = -1;
	repeats->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_open(&repeats->block, BLOCK_MAX);
	if (repeats->dir_fd >= 0)
		return repeats;
	free(repeats);
	return NULL;
}

void
repeats_free(struct repeats *repeats)
{
	if (repeats == NULL)
		return;
	if (repeats->fd >= 0)
		close(repeats->fd);
	close(repeats->dir_fd);
	buf_close(&repeats->block);
	free(repeats);
}
