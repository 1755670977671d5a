/*
 * The spool's folder: names of segments, small files replaced as a whole, and the reading of a segment's messages.
 *
 * A segment is messages (output/message.c) one behind the other.  Bytes that are no message, after a flipped bit, are
 * passed over up to the next whole one, so that one bad sector costs one message.  The courier's thread.
 */
#include "exchange/spool_own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_ROOM (1u << 20)
#define MESSAGE_MAX (72u << 20) /* a little above what message_decode() believes */

char *
spool_segment_name(uint64_t first, char ret_name[SPOOL_NAME_ROOM])
{
	snprintf(ret_name, SPOOL_NAME_ROOM, "%020" PRIu64 SPOOL_SUFFIX, first);
	return ret_name;
}

/* 20 digits and the suffix; 0: something else that lies in the folder. */
static uint64_t
first_of_name(const char *name)
{
	uint64_t first = 0;

	if (strlen(name) != 20 + sizeof(SPOOL_SUFFIX) - 1 || strcmp(name + 20, SPOOL_SUFFIX) != 0)
		return 0;
	for (int i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9' || first > UINT64_MAX / 20)
			return 0;
		first = first * 10 + (uint64_t)(name[i] - '0');
	}
	return first;
}

static int
by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct spool_segment *)a)->first, y = ((const struct spool_segment *)b)->first;

	return (x > y) - (x < y);
}

enum cc_status
spool_list(int dir_fd, struct spool_segment **ret_segment, size_t *ret_count)
{
	struct spool_segment *list = NULL, *more;
	size_t count = 0, room = 0;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return CC_IO;
	}
	while ((entry = readdir(dir)) != NULL) {
		uint64_t first = first_of_name(entry->d_name);

		if (first == 0 || fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
			continue;
		if (count == room) {
			room = room == 0 ? 64 : room * 2;
			more = realloc(list, room * sizeof(*list));
			if (more == NULL) {
				free(list);
				closedir(dir);
				return CC_NOMEM;
			}
			list = more;
		}
		list[count++] = (struct spool_segment){first, (uint64_t)st.st_size};
	}
	closedir(dir);
	if (count > 0)
		qsort(list, count, sizeof(*list), by_first);
	*ret_segment = list;
	*ret_count = count;
	return CC_OK;
}

static enum cc_status
write_all(int fd, struct slice bytes)
{
	while (bytes.size > 0) {
		ssize_t n = write(fd, bytes.p, bytes.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return CC_IO;
		bytes.p += n;
		bytes.size -= (size_t)n;
	}
	return CC_OK;
}

enum cc_status
spool_write_file(int dir_fd, const char *name, struct slice text)
{
	char fresh[SPOOL_NAME_ROOM];
	enum cc_status st;
	int fd;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return CC_IO;
	st = write_all(fd, text);
	if (st == CC_OK && fdatasync(fd) != 0)
		st = CC_IO;
	if (close(fd) != 0)
		st = CC_IO;
	if (st == CC_OK && renameat(dir_fd, fresh, dir_fd, name) != 0)
		st = CC_IO;
	return st;
}

enum cc_status
spool_read_file(int dir_fd, const char *name, struct buf *ret_text)
{
	uint8_t piece[4096];
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? CC_ABSENT : CC_IO;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(ret_text, piece, (size_t)n);
	close(fd);
	return n < 0 || ret_text->full ? CC_IO : CC_OK;
}

/* ---- messages of a segment ---- */

enum cc_status
spool_reader_open(struct spool_reader *reader, int dir_fd, const char *name)
{
	*reader = (struct spool_reader){.fd = -1, .buf = reader->buf, .room = reader->room};
	if (reader->buf == NULL) {
		reader->buf = malloc(READ_ROOM);
		if (reader->buf == NULL)
			return CC_NOMEM;
		reader->room = READ_ROOM;
	}
	reader->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return reader->fd >= 0 ? CC_OK : CC_IO;
}

void
spool_reader_close(struct spool_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->buf);
	*reader = (struct spool_reader){.fd = -1};
}

/* More bytes behind those that are here.  CC_END: the file has none now. */
static enum cc_status
fill(struct spool_reader *reader)
{
	size_t left = reader->fill - reader->at;
	ssize_t n;

	if (reader->at > 0) {
		memmove(reader->buf, reader->buf + reader->at, left);
		reader->at = 0;
		reader->fill = left;
	}
	if (reader->fill == reader->room) {
		size_t room = reader->room * 2;
		uint8_t *buf = room <= 2ull * MESSAGE_MAX ? realloc(reader->buf, room) : NULL;

		if (buf == NULL)
			return CC_NOMEM;
		reader->buf = buf;
		reader->room = room;
	}
	do
		n = pread(reader->fd, reader->buf + reader->fill, reader->room - reader->fill,
		    (off_t)(reader->offset + reader->fill));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return CC_IO;
	reader->fill += (size_t)n;
	return n == 0 ? CC_END : CC_OK;
}

static void
pass(struct spool_reader *reader, size_t size)
{
	reader->at += size;
	reader->offset += size;
}

/* Where the next message could begin: at most `left` bytes on, so that nothing is passed over that may be one. */
static size_t
next_magic(const uint8_t *p, size_t left)
{
	for (size_t i = 1; i < left; i++) {
		if (p[i] == 'C' && memcmp(p + i, "CCM1", left - i < 4 ? left - i : 4) == 0)
			return i;
	}
	return left;
}

/*
 * CC_MORE at the end of a file may be a message that is being written, or a flipped size that reaches beyond the end:
 * if a whole one follows in what is here, it was the latter.
 */
static size_t
whole_behind(const uint8_t *p, size_t left)
{
	size_t at = 0;

	while ((at += next_magic(p + at, left - at)) < left) {
		struct cur c = cur_of(p + at, left - at);
		struct cc_message msg;

		if (message_decode(&c, &msg) == CC_OK)
			return at;
	}
	return 0;
}

enum cc_status
spool_reader_next(struct spool_reader *reader, struct cc_message *ret_msg)
{
	for (;;) {
		size_t left = reader->fill - reader->at, skip;
		struct cur c = cur_of(reader->buf + reader->at, left);
		enum cc_status st = message_decode(&c, ret_msg);

		if (st == CC_OK) {
			pass(reader, left - cur_left(&c));
			return CC_OK;
		}
		if (st == CC_MORE) {
			st = fill(reader);
			if (st == CC_OK)
				continue;
			if (st != CC_END)
				return st;
			skip = whole_behind(reader->buf + reader->at, reader->fill - reader->at);
			if (skip == 0)
				return CC_END;
		} else {
			skip = next_magic(reader->buf + reader->at, left);
		}
		reader->damaged += skip;
		pass(reader, skip);
	}
}
