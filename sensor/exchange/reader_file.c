/*
 * Reads a file exchange: every writer's segments of every wanted topic, and what is appended to them later.
 *
 * In: DIR/<topic>/<writer>-<number>.ccm (output/file.c).  Within a segment messages come in order; segments are read
 * one behind the other by name.  A message that is still being written is left for the next look.  One thread.
 */
#include "exchange/reader_own.h"
#include "exchange/spool_own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 50 /* between two looks at the folder */

struct file_segment {
	char *path;      /* below dir */
	uint64_t offset; /* read up to here */
};

struct reader_file {
	char *dir, *prefix;
	int dir_fd;
	char *topic[READER_TOPICS_MAX];
	size_t topic_count;
	struct file_segment *segment; /* sorted by path */
	size_t count, room;
	size_t at; /* the one that is open; count: none */
	const struct reader_resume *resume;
	struct spool_reader reader;
	uint64_t damaged;       /* of the open one, already told */
	struct cc_message held; /* read, but the damage before it is told first */
	bool holds;
	char why[600];
};

static bool
wanted(const struct reader_file *r, const char *topic)
{
	size_t size = strlen(r->prefix);

	if (r->topic_count == 0)
		return strncmp(topic, r->prefix, size) == 0 && topic[size] == '.';
	for (size_t i = 0; i < r->topic_count; i++) {
		if (strcmp(r->topic[i], topic) == 0)
			return true;
	}
	return false;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct file_segment *)a)->path, ((const struct file_segment *)b)->path);
}

/* New to us: from its start, or from its present end. */
static enum cc_status
add_segment(struct reader_file *r, const char *topic, const char *name, bool from_start, size_t known)
{
	struct file_segment fresh = {NULL, 0};
	struct stat st;

	if (asprintf(&fresh.path, "%s/%s", topic, name) < 0)
		return CC_NOMEM;
	if (known > 0 && bsearch(&fresh, r->segment, known, sizeof(fresh), by_path) != NULL) {
		free(fresh.path);
		return CC_OK;
	}
	if (!from_start && fstatat(r->dir_fd, fresh.path, &st, 0) == 0)
		fresh.offset = (uint64_t)st.st_size;
	if (r->resume != NULL && !r->resume->fn(r->resume->ctx, fresh.path, &fresh.offset))
		fresh.offset = 0;
	if (r->count == r->room) {
		size_t room = r->room * 2 + 16;
		struct file_segment *more = realloc(r->segment, room * sizeof(*more));

		if (more == NULL) {
			free(fresh.path);
			return CC_NOMEM;
		}
		r->segment = more;
		r->room = room;
	}
	r->segment[r->count++] = fresh;
	return CC_OK;
}

static DIR *
open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

static enum cc_status
look_at_topic(struct reader_file *r, const char *topic, bool from_start, size_t known)
{
	DIR *dir = open_dir(r->dir_fd, topic);
	struct dirent *entry;
	enum cc_status st = CC_OK;

	while (dir != NULL && st == CC_OK && (entry = readdir(dir)) != NULL) {
		size_t size = strlen(entry->d_name);

		if (entry->d_name[0] != '.' && size > 4 && strcmp(entry->d_name + size - 4, ".ccm") == 0)
			st = add_segment(r, topic, entry->d_name, from_start, known);
	}
	if (dir != NULL)
		closedir(dir);
	return st;
}

/* Finds segments that are new since the last look; none may be open. */
static enum cc_status
look(struct reader_file *r, bool from_start)
{
	size_t known = r->count;
	enum cc_status st = CC_OK;
	struct dirent *entry;
	DIR *dir;

	/* One that was not there when we began. */
	if (r->dir_fd < 0 && (r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return errno == ENOENT ? CC_OK : CC_IO;
	if ((dir = open_dir(r->dir_fd, ".")) == NULL)
		return CC_IO;
	while (st == CC_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && wanted(r, entry->d_name))
			st = look_at_topic(r, entry->d_name, from_start, known);
	}
	closedir(dir);
	if (r->count > known)
		qsort(r->segment, r->count, sizeof(*r->segment), by_path);
	return st;
}

enum cc_status
reader_file_open(const struct conf *conf, const char *dir, char *const *topic, size_t count, bool from_start,
    const struct reader_resume *resume, bool later, struct reader_file **ret_reader, char **ret_why)
{
	struct reader_file *r = calloc(1, sizeof(*r));
	enum cc_status st = CC_OK;

	if (r == NULL)
		return CC_NOMEM;
	r->resume = resume;
	r->reader.fd = r->dir_fd = -1;
	r->dir = strdup(dir);
	r->prefix = strdup(conf->exchange_prefix);
	for (size_t i = 0; i < count && i < READER_TOPICS_MAX; i++)
		r->topic[r->topic_count++] = strdup(topic[i]);
	if (r->dir == NULL || r->prefix == NULL) {
		st = CC_NOMEM;
	} else if ((r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 && !(later && errno == ENOENT)) {
		if (asprintf(ret_why, "file exchange %s: %s", dir, strerror(errno)) < 0)
			*ret_why = NULL;
		st = CC_IO;
	} else {
		st = look(r, from_start);
	}
	if (st != CC_OK) {
		reader_file_close(r);
		return st;
	}
	r->at = r->count;
	*ret_reader = r;
	return CC_OK;
}

static void
leave_segment(struct reader_file *r)
{
	if (r->reader.fd >= 0) {
		r->segment[r->at].offset = r->reader.offset;
		close(r->reader.fd);
	}
	r->reader.fd = -1;
}

/* One pass over all segments, from the open one on.  CC_END: nothing new in any. */
static enum cc_status
next_message(struct reader_file *r, struct cc_message *ret_msg)
{
	for (; r->at < r->count; r->at++) {
		struct file_segment *s = &r->segment[r->at];
		enum cc_status st = CC_OK;

		if (r->reader.fd < 0) {
			st = spool_reader_open(&r->reader, r->dir_fd, s->path);
			r->reader.offset = s->offset;
			r->damaged = 0;
		}
		if (st == CC_OK)
			st = spool_reader_next(&r->reader, ret_msg);
		if (st == CC_OK) {
			/* The topic by which it came, whatever it says itself. */
			ret_msg->topic = slice_of(s->path, strcspn(s->path, "/"));
			return CC_OK;
		}
		if (st == CC_NOMEM)
			return st;
		leave_segment(r);
	}
	return CC_END;
}

void
reader_file_where(const struct reader_file *r, char ret_place[READER_PLACE], uint64_t *ret_next)
{
	snprintf(ret_place, READER_PLACE, "%s", r->segment[r->at].path);
	*ret_next = r->reader.offset;
}

static enum cc_status
check_damage(struct reader_file *r, const struct cc_message *msg, struct cc_message *ret_msg, const char **ret_why)
{
	if (r->reader.damaged == r->damaged) {
		*ret_msg = *msg;
		return CC_OK;
	}
	snprintf(r->why, sizeof(r->why), "%.300s/%.200s: %" PRIu64 " bytes are no message and were passed over", r->dir,
	    r->segment[r->at].path, r->reader.damaged - r->damaged);
	r->damaged = r->reader.damaged;
	r->held = *msg;
	r->holds = true;
	*ret_why = r->why;
	return CC_BAD;
}

enum cc_status
reader_file_next(struct reader_file *r, int ms, struct cc_message *ret_msg, const char **ret_why)
{
	uint64_t until = time_monotonic();
	struct cc_message msg;

	if (ms > 0)
		until += NS_PER_MS * (unsigned)ms;
	if (r->holds) {
		r->holds = false;
		*ret_msg = r->held;
		return CC_OK;
	}
	for (;;) {
		enum cc_status st = next_message(r, &msg);
		uint64_t now;
		int wait;

		if (st == CC_OK)
			return check_damage(r, &msg, ret_msg, ret_why);
		if (st != CC_END)
			return st;
		if (look(r, true) != CC_OK)
			return CC_IO;
		r->at = 0;
		if (next_message(r, &msg) == CC_OK)
			return check_damage(r, &msg, ret_msg, ret_why);
		now = time_monotonic();
		if (now >= until)
			return CC_END;
		wait = (int)((until - now) / NS_PER_MS) + 1;
		wait = wait < LOOK_MS ? wait : LOOK_MS;
		nanosleep(&(struct timespec){0, wait * 1000000L}, NULL);
		r->at = 0;
	}
}

void
reader_file_close(struct reader_file *r)
{
	if (r == NULL)
		return;
	spool_reader_close(&r->reader);
	for (size_t i = 0; i < r->count; i++)
		free(r->segment[i].path);
	for (size_t i = 0; i < r->topic_count; i++)
		free(r->topic[i]);
	if (r->dir_fd >= 0)
		close(r->dir_fd);
	free(r->segment);
	free(r->dir);
	free(r->prefix);
	free(r);
}
