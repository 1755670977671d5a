/*
 * The EVE log file: lines in, whole lines on disk.
 *
 * Lines are gathered and written in large pieces.  What the disk did not take stays in the buffer and is tried again,
 * so that a full disk never leaves half a line in the middle of the log; a line that finds no room any more is refused.
 * A tail without newline, left by a crash, is cut off at opening.  One thread, the courier's.
 */
#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (1u << 20)        /* also the longest line */
#define WRITE_AT (256u * 1024) /* bytes that are worth a system call */

struct evelog {
	char *path; /* "-": standard output */
	int fd;
	uint8_t *buf; /* ROOM bytes; [0, size) are still to be written */
	size_t size;
};

static enum cc_status
say(char **ret_why, const char *what, const char *path)
{
	if (asprintf(ret_why, "%s: %s: %s", path, what, strerror(errno)) < 0)
		*ret_why = NULL;
	return CC_IO;
}

/* Leaves the file at the end of its last whole line. */
static int
cut_half_line(int fd)
{
	char piece[4096];
	struct stat st;
	off_t at, end;

	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return 0;
	for (end = st.st_size; end > 0; end = at) {
		ssize_t got;

		at = end > (off_t)sizeof(piece) ? end - (off_t)sizeof(piece) : 0;
		got = pread(fd, piece, (size_t)(end - at), at);
		if (got < end - at)
			return got < 0 ? -1 : 0;
		for (; got > 0; got--) {
			if (piece[got - 1] == '\n')
				return at + got == st.st_size ? 0 : ftruncate(fd, at + got);
		}
	}
	return st.st_size == 0 ? 0 : ftruncate(fd, 0);
}

static int
open_path(const char *path)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return STDOUT_FILENO;
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	/* A pipe or a device that can't be read: then there is nothing to mend either. */
	if (fd < 0 && (errno == EACCES || errno == ENXIO || errno == EINVAL))
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0 && cut_half_line(fd) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

enum cc_status
evelog_open(const char *path, struct evelog **ret_log, char **ret_why)
{
	struct evelog *log = calloc(1, sizeof(*log));

	if (log == NULL)
		return CC_NOMEM;
	log->fd = -1;
	log->path = strdup(path);
	log->buf = malloc(ROOM);
	if (log->path == NULL || log->buf == NULL) {
		evelog_close(log);
		return CC_NOMEM;
	}
	log->fd = open_path(path);
	if (log->fd < 0) {
		enum cc_status st = say(ret_why, "cannot open the event log", path);

		evelog_close(log);
		return st;
	}
	*ret_log = log;
	return CC_OK;
}

enum cc_status
evelog_flush(struct evelog *log)
{
	size_t done = 0;

	while (done < log->size) {
		ssize_t n = write(log->fd, log->buf + done, log->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	memmove(log->buf, log->buf + done, log->size - done);
	log->size -= done;
	return log->size == 0 ? CC_OK : CC_IO;
}

enum cc_status
evelog_line(struct evelog *log, struct slice line)
{
	enum cc_status st = CC_OK;

	if (line.size == 0 || line.size >= ROOM || memchr(line.p, '\n', line.size) != NULL)
		return CC_BAD;
	if (log->size + line.size + 1 > ROOM)
		st = evelog_flush(log);
	if (log->size + line.size + 1 > ROOM)
		return st == CC_OK ? CC_FULL : st;
	memcpy(log->buf + log->size, line.p, line.size);
	log->size += line.size;
	log->buf[log->size++] = '\n';
	return log->size >= WRITE_AT ? evelog_flush(log) : CC_OK;
}

/* The old file keeps all that was written for it; on failure the log goes on in it. */
enum cc_status
evelog_reopen(struct evelog *log)
{
	enum cc_status st = evelog_flush(log);
	int fd;

	if (strcmp(log->path, "-") == 0)
		return st;
	fd = open_path(log->path);
	if (fd < 0)
		return CC_IO;
	close(log->fd);
	log->fd = fd;
	return st;
}

enum cc_status
evelog_close(struct evelog *log)
{
	enum cc_status st = CC_OK;

	if (log == NULL)
		return CC_OK;
	if (log->fd >= 0) {
		st = evelog_flush(log);
		if (strcmp(log->path, "-") != 0 && close(log->fd) != 0)
			st = CC_IO;
	}
	free(log->buf);
	free(log->path);
	free(log);
	return st;
}
