/*
 * The file exchange: the same messages as on a broker, appended to segment files in a folder that partners share.
 *
 *   DIR/<topic>/<organisation>+<sensor>-<8 digits>.ccm
 *
 * Every writer has segments of its own, so that several can share a folder, by NFS or by carrying it about, without
 * locking each other.  A writer goes on in its last segment after cutting it back to whole messages.  A message counts
 * as delivered once spool.fsync's policy is met.  The courier's one thread.
 */
#include "output/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOPICS_MAX 32
#define PENDING_MAX 4096 /* messages written and not reported yet */
#define MESSAGE_ROOM (64u << 20)

struct file_topic {
	char *name;
	int dir_fd, fd;
	uint32_t number; /* of the segment */
	uint64_t size;
	bool dirty;
};

struct file_out {
	const struct conf *conf;
	char *dir, *writer;
	cc_delivered_fn *fn;
	void *ctx;
	struct file_topic topic[TOPICS_MAX];
	unsigned topic_count;
	struct buf out;
	uint64_t pending[PENDING_MAX];
	size_t pending_count;
	uint64_t synced; /* monotonic */
	char state[400];
};

static void
set_state(struct file_out *self, const char *topic, const char *text)
{
	snprintf(self->state, sizeof(self->state), "file exchange %.200s%s%.64s: %.100s", self->dir,
	    topic[0] != '\0' ? "/" : "", topic, text);
}

/* What may be a file's name: no folder of another's making. */
static bool
name_ok(struct slice s)
{
	if (s.size == 0 || s.size > 128 || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' &&
		    c != '-' && c != '_')
			return false;
	}
	return true;
}

static enum cc_status
refuse(char **ret_why, const char *what, const char *text)
{
	if (asprintf(ret_why, "exchange.to: %s: %s", what, text) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

static void file_close(void *ptr);

static enum cc_status
file_open(const struct conf *conf, const char *target, cc_delivered_fn *fn, void *ctx, void **ret_self, char **ret_why)
{
	struct file_out *self;

	if (target[0] == '\0')
		return refuse(ret_why, "file:", "names no folder");
	if (!name_ok(slice_str(conf->sensor_organisation)) || !name_ok(slice_str(conf->sensor_name)))
		return refuse(ret_why,
		    "file:", "sensor.organisation and sensor.name may hold letters, digits, dots and dashes only");
	if (dirs_make(target, 0755) != CC_OK) {
		(void)refuse(ret_why, target, strerror(errno));
		return CC_IO;
	}
	self = calloc(1, sizeof(*self));
	if (self == NULL)
		return CC_NOMEM;
	self->conf = conf;
	self->fn = fn;
	self->ctx = ctx;
	self->dir = strdup(target);
	buf_open(&self->out, MESSAGE_ROOM);
	if (self->dir == NULL || asprintf(&self->writer, "%s+%s", conf->sensor_organisation, conf->sensor_name) < 0) {
		self->writer = NULL;
		file_close(self);
		return CC_NOMEM;
	}
	set_state(self, "", "ready");
	*ret_self = self;
	return CC_OK;
}

/* ---- segments ---- */

static void
segment_name(const struct file_out *self, uint32_t number, char name[300])
{
	snprintf(name, 300, "%.128s-%08u.ccm", self->writer, number);
}

/* The number of this writer's last segment, 0: none. */
static uint32_t
last_number(const struct file_out *self, int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint32_t last = 0;
	char name[300];

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *dash = strrchr(entry->d_name, '-');
		unsigned long number = dash != NULL ? strtoul(dash + 1, NULL, 10) : 0;

		if (number == 0 || number > 99999999)
			continue;
		segment_name(self, (uint32_t)number, name);
		if (strcmp(name, entry->d_name) == 0 && number > last)
			last = (uint32_t)number;
	}
	closedir(dir);
	return last;
}

/* Bytes up to the end of the last whole message. */
static enum cc_status
whole_size(int fd, uint64_t *ret_size)
{
	struct stat st;
	struct buf all;
	struct cur c;
	struct cc_message msg;
	uint8_t piece[65536];
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return CC_IO;
	buf_open(&all, (size_t)st.st_size + sizeof(piece));
	while ((n = pread(fd, piece, sizeof(piece), (off_t)all.size)) > 0)
		buf_add(&all, piece, (size_t)n);
	if (n < 0 || all.full) {
		buf_close(&all);
		return CC_IO;
	}
	c = cur_slice(buf_slice(&all));
	*ret_size = 0;
	while (cur_left(&c) > 0) {
		enum cc_status status = message_decode(&c, &msg);

		if (status == CC_OK)
			*ret_size = all.size - cur_left(&c);
		else
			cur_skip(&c, 1); /* a damaged one: later ones are whole all the same */
	}
	buf_close(&all);
	return CC_OK;
}

/* Locked against a second writer of the same name. */
static enum cc_status
open_segment(struct file_out *self, struct file_topic *topic, uint32_t number)
{
	char name[300];
	uint64_t size = 0;
	int fd;

	segment_name(self, number, name);
	fd = openat(topic->dir_fd, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		goto fail;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		set_state(self, topic->name, "another process writes under the same organisation and sensor name");
		close(fd);
		return CC_FULL;
	}
	if (whole_size(fd, &size) != CC_OK || ftruncate(fd, (off_t)size) != 0)
		goto fail;
	if (topic->fd >= 0)
		close(topic->fd);
	topic->fd = fd;
	topic->number = number;
	topic->size = size;
	return CC_OK;
fail:
	set_state(self, topic->name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return CC_FULL;
}

static enum cc_status
open_topic(struct file_out *self, struct slice name, struct file_topic **ret_topic)
{
	struct file_topic *topic = NULL;
	char path[4096];
	uint32_t number;

	for (unsigned i = 0; i < self->topic_count; i++) {
		if (slice_is(name, self->topic[i].name))
			topic = &self->topic[i];
	}
	if (topic == NULL) {
		if (!name_ok(name) || self->topic_count == TOPICS_MAX)
			return CC_BAD;
		topic = &self->topic[self->topic_count];
		topic->fd = topic->dir_fd = -1;
		topic->name = strndup((const char *)name.p, name.size);
		if (topic->name == NULL)
			return CC_FULL;
		self->topic_count++;
	}
	if (topic->dir_fd < 0) {
		snprintf(path, sizeof(path), "%s/%s", self->dir, topic->name);
		if (dirs_make(path, 0755) == CC_OK)
			topic->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (topic->dir_fd < 0) {
			set_state(self, topic->name, strerror(errno));
			return CC_FULL;
		}
	}
	*ret_topic = topic;
	if (topic->fd >= 0 && topic->size < self->conf->spool_segment)
		return CC_OK;
	number = topic->fd >= 0 ? topic->number + 1 : last_number(self, topic->dir_fd);
	if (topic->fd >= 0 && topic->dirty && self->conf->spool_fsync != 0 && fdatasync(topic->fd) != 0)
		return CC_FULL;
	return open_segment(self, topic, number > 0 ? number : 1);
}

/* ---- sending ---- */

static enum cc_status
append(struct file_out *self, struct file_topic *topic)
{
	size_t done = 0;

	while (done < self->out.size) {
		ssize_t n = write(topic->fd, self->out.p + done, self->out.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			set_state(self, topic->name, n < 0 ? strerror(errno) : "no space left");
			if (ftruncate(topic->fd, (off_t)topic->size) != 0) {
				/* What can't be taken back is passed over by readers, as it fails its checksum. */
				close(topic->fd);
				topic->fd = -1;
			}
			return CC_FULL;
		}
		done += (size_t)n;
	}
	topic->size += done;
	topic->dirty = true;
	return CC_OK;
}

static enum cc_status
file_send(void *ptr, const struct cc_message *msg, uint64_t ticket)
{
	struct file_out *self = ptr;
	struct file_topic *topic;
	enum cc_status st;

	if (self->pending_count == PENDING_MAX)
		return CC_FULL;
	buf_clear(&self->out);
	st = message_encode(msg, &self->out);
	if (st == CC_OK)
		st = open_topic(self, msg->topic, &topic);
	if (st == CC_OK)
		st = append(self, topic);
	/* It can never be written: taken, and settled as such by the caller. */
	if (st == CC_BAD) {
		self->fn(self->ctx, ticket, CC_BAD);
		return CC_OK;
	}
	if (st != CC_OK)
		return CC_FULL;
	self->pending[self->pending_count++] = ticket;
	return CC_OK;
}

static enum cc_status
sync_all(struct file_out *self)
{
	for (unsigned i = 0; i < self->topic_count; i++) {
		struct file_topic *topic = &self->topic[i];

		if (!topic->dirty || topic->fd < 0)
			continue;
		if (self->conf->spool_fsync != 0 && fdatasync(topic->fd) != 0) {
			set_state(self, topic->name, strerror(errno));
			return CC_IO;
		}
		topic->dirty = false;
	}
	return CC_OK;
}

static void
settle(struct file_out *self, enum cc_status status)
{
	size_t count = self->pending_count;

	self->pending_count = 0;
	for (size_t i = 0; i < count; i++)
		self->fn(self->ctx, self->pending[i], status);
	if (status == CC_OK && count > 0)
		set_state(self, "", "written");
}

static void
file_poll(void *ptr, int ms)
{
	struct file_out *self = ptr;
	uint64_t now = time_monotonic();

	if (self->pending_count == 0) {
		if (ms > 0)
			nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
		return;
	}
	/* Who can wait has nothing else to do: then the disk may as well have it now. */
	if (self->conf->spool_fsync == 1 && ms == 0 && now < self->synced + self->conf->spool_fsync_interval &&
	    self->pending_count < PENDING_MAX / 2)
		return;
	self->synced = now;
	settle(self, sync_all(self));
}

static size_t
file_pending(const void *ptr)
{
	return ((const struct file_out *)ptr)->pending_count;
}

static const char *
file_state(const void *ptr)
{
	return ((const struct file_out *)ptr)->state;
}

static void
file_close(void *ptr)
{
	struct file_out *self = ptr;

	if (self == NULL)
		return;
	if (self->pending_count > 0)
		settle(self, sync_all(self));
	for (unsigned i = 0; i < self->topic_count; i++) {
		if (self->topic[i].fd >= 0)
			close(self->topic[i].fd);
		if (self->topic[i].dir_fd >= 0)
			close(self->topic[i].dir_fd);
		free(self->topic[i].name);
	}
	buf_close(&self->out);
	free(self->writer);
	free(self->dir);
	free(self);
}

const struct cc_output file_output = {
    .name = "file",
    .help = "append-only segment files in a folder that partners share",
    .open = file_open,
    .send = file_send,
    .poll = file_poll,
    .pending = file_pending,
    .state = file_state,
    .close = file_close,
};
