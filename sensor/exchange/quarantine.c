/*
 * What was refused, kept so that people can look at it: OUTDIR/quarantine, segments like the spool's, never more than
 * exchange.quarantine_max, the oldest going first.
 *
 * A refused message is the value of one of our own: topic "quarantine", key the verdict, ce_time when it was seen, and
 *   {"why": …, "notes": "gap …"} newline, the message as message_encode() writes it.
 * One that cannot be encoded is kept by its first part alone.  One owner at a time (file lock); one thread.
 */
#include <jansson.h> /* before base/json.h */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "exchange/spool_own.h"

#define PARTS 8 /* the folder's bound over a segment's */

struct quarantine {
	char *dir;
	int dir_fd, lock_fd, fd;
	struct spool_segment *segment;
	size_t count;
	uint64_t bytes, max, kept, lost;
	struct buf value, out;
	bool trouble;
};

enum cc_status
quarantine_open(const struct conf *conf, const char *outdir, struct quarantine **ret_quarantine, char **ret_why)
{
	struct quarantine *q = calloc(1, sizeof(*q));

	*ret_why = NULL;
	if (q == NULL)
		return CC_NOMEM;
	q->dir_fd = q->lock_fd = q->fd = -1;
	q->max = conf->exchange_quarantine_max;
	buf_open(&q->value, 40u << 20);
	buf_open(&q->out, 44u << 20);
	if (asprintf(&q->dir, "%s/quarantine", outdir) < 0) {
		q->dir = NULL;
		quarantine_close(q);
		return CC_NOMEM;
	}
	*ret_quarantine = q;
	return CC_OK;
}

/* With the first message that is refused: before that there is nothing to be seen on disk. */
static bool
begin(struct quarantine *q)
{
	const char *why = NULL;

	if (q->count > 0 || q->lock_fd >= 0)
		return true;
	if (dirs_make(q->dir, 0750) != CC_OK || (q->dir_fd = open(q->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    (q->lock_fd = openat(q->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640)) < 0)
		why = strerror(errno);
	else if (flock(q->lock_fd, LOCK_EX | LOCK_NB) != 0)
		why = "another process has it open (file lock)";
	else if (spool_list(q->dir_fd, &q->segment, &q->count) != CC_OK)
		why = strerror(errno);
	for (size_t i = 0; i < q->count; i++)
		q->bytes += q->segment[i].size;
	if (why == NULL)
		return true;
	if (!q->trouble)
		log_warning("quarantine: %s: %s: refused messages are not kept", q->dir, why);
	q->trouble = true;
	if (q->lock_fd >= 0)
		close(q->lock_fd);
	if (q->dir_fd >= 0)
		close(q->dir_fd);
	q->dir_fd = q->lock_fd = -1;
	return false;
}

void
quarantine_close(struct quarantine *quarantine)
{
	if (quarantine == NULL)
		return;
	if (quarantine->fd >= 0)
		close(quarantine->fd);
	if (quarantine->lock_fd >= 0)
		close(quarantine->lock_fd);
	if (quarantine->dir_fd >= 0)
		close(quarantine->dir_fd);
	buf_close(&quarantine->value);
	buf_close(&quarantine->out);
	free(quarantine->segment);
	free(quarantine->dir);
	free(quarantine);
}

/* A new segment where there is none or it is full; the oldest give way. */
static bool
make_room(struct quarantine *q, uint64_t size)
{
	char name[SPOOL_NAME_ROOM];
	struct spool_segment *more;

	if (size > q->max / 2)
		return false;
	if (q->fd < 0 || q->segment[q->count - 1].size + size > q->max / PARTS) {
		uint64_t number = q->count > 0 ? q->segment[q->count - 1].first + 1 : 1;

		if (q->fd >= 0)
			close(q->fd);
		q->fd = openat(
		    q->dir_fd, spool_segment_name(number, name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		more = q->fd >= 0 ? realloc(q->segment, (q->count + 1) * sizeof(*more)) : NULL;
		if (more == NULL)
			return false;
		q->segment = more;
		q->segment[q->count++] = (struct spool_segment){number, 0};
	}
	while (q->count > 1 && q->bytes + size > q->max) {
		if (unlinkat(q->dir_fd, spool_segment_name(q->segment[0].first, name), 0) != 0 && errno != ENOENT)
			return false;
		q->bytes -= q->segment[0].size;
		q->count--;
		memmove(&q->segment[0], &q->segment[1], q->count * sizeof(q->segment[0]));
	}
	return q->bytes + size <= q->max;
}

static void
put_notes(struct json *json, unsigned notes)
{
	char text[128] = "";

	for (unsigned n = 0; n < VERIFY_NOTES; n++) {
		if ((notes >> n & 1) != 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] != '\0' ? " " : "",
			    verify_note_word[n]);
	}
	json_text(json, "notes", text);
}

static enum cc_status
encode(struct quarantine *q, const struct cc_message *msg, const struct verified *verified, uint64_t now)
{
	struct cc_message wrap = {.class = CC_CLASS_EVENT};
	struct json json = json_into(&q->value);
	char when[40];
	size_t front;

	buf_clear(&q->value);
	buf_clear(&q->out);
	base_json_object(&json, NULL);
	json_text(&json, "why", verified->why);
	put_notes(&json, verified->notes);
	json_end_object(&json);
	buf_add_u8(&q->value, '\n');
	front = q->value.size;
	if (message_encode(msg, &q->value) != CC_OK || q->value.size > q->max / 4) {
		q->value.size = front;
		q->value.full = false;
	}
	wrap.topic = slice_str("quarantine");
	wrap.key = slice_str(verdict_word[verified->verdict]);
	wrap.value = buf_slice(&q->value);
	wrap.header[wrap.header_count++] = (struct cc_header){"ce_time", slice_str(time_rfc3339_text(now, when))};
	return message_encode(&wrap, &q->out);
}

void
quarantine_put(
    struct quarantine *quarantine, const struct cc_message *msg, const struct verified *verified, uint64_t now)
{
	bool good = begin(quarantine) && encode(quarantine, msg, verified, now) == CC_OK &&
		    make_room(quarantine, quarantine->out.size) &&
		    write(quarantine->fd, quarantine->out.p, quarantine->out.size) == (ssize_t)quarantine->out.size;

	if (good) {
		quarantine->segment[quarantine->count - 1].size += quarantine->out.size;
		quarantine->bytes += quarantine->out.size;
		quarantine->kept++;
	} else {
		quarantine->lost++;
		/* Half a message is passed over by whoever reads; the next begins in a segment of its own. */
		if (quarantine->fd >= 0)
			close(quarantine->fd);
		quarantine->fd = -1;
		if (!quarantine->trouble)
			log_warning("quarantine: %s: refused messages can't be kept", quarantine->dir);
	}
	quarantine->trouble = !good;
}

uint64_t
quarantine_kept(const struct quarantine *quarantine)
{
	return quarantine->kept;
}

uint64_t
quarantine_lost(const struct quarantine *quarantine)
{
	return quarantine->lost;
}

struct visit {
	quarantine_visit_fn *fn;
	void *ctx;
};

static void
unwrap(void *ctx, const struct cc_message *wrap, uint64_t position)
{
	const struct visit *visit = ctx;
	const uint8_t *end = wrap->value.size > 0 ? memchr(wrap->value.p, '\n', wrap->value.size) : NULL;
	struct quarantined why = {.verdict = wrap->key, .seen = message_header(wrap, "ce_time")};
	struct cc_message msg = {.class = CC_CLASS_EVENT};
	struct cur c;
	json_t *json;

	(void)position;
	if (end == NULL)
		return;
	json = json_loadb((const char *)wrap->value.p, (size_t)(end - wrap->value.p), 0, NULL);
	if (json == NULL)
		return;
	why.why = slice_str(
	    json_is_string(json_object_get(json, "why")) ? json_string_value(json_object_get(json, "why")) : "");
	why.notes = slice_str(
	    json_is_string(json_object_get(json, "notes")) ? json_string_value(json_object_get(json, "notes")) : "");
	c = cur_of(end + 1, wrap->value.size - (size_t)(end + 1 - wrap->value.p));
	(void)message_decode(&c, &msg);
	visit->fn(visit->ctx, &why, &msg);
	json_decref(json);
}

enum cc_status
quarantine_visit(const char *outdir, quarantine_visit_fn *fn, void *ctx, char **ret_why)
{
	struct visit visit = {fn, ctx};
	char dir[4096];

	*ret_why = NULL;
	if (snprintf(dir, sizeof(dir), "%s/quarantine", outdir) >= (int)sizeof(dir))
		return CC_BAD;
	if (access(dir, F_OK) != 0 && errno == ENOENT)
		return CC_OK; /* nothing was refused */
	return spool_visit(dir, unwrap, &visit, ret_why);
}
