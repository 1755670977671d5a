/*
 * A spool without owning it: its messages, its figures, what is wrong with it, and the wish that it be offered again.
 *
 * Works on the folder of a running courier: segments may grow or go while they are read, so a message that is cut at
 * the end of the last segment is no damage, and a segment that is gone by now is none either.  One thread, no state.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange/spool_own.h"

struct look {
	int dir_fd;
	struct spool_segment *segment;
	size_t count;
	struct spool_reader reader;
	const struct conf *conf;
	struct verifier *verifier; /* NULL: signatures are not looked at */
	spool_finding_fn *fn;      /* NULL: nobody wants to know */
	void *fn_ctx;
	spool_visit_fn *visit;
	void *visit_ctx;
	struct spool_figures figures;
};

static void
find(struct look *look, const char *segment, const char *what, const char *why, uint64_t position, uint64_t offset,
    uint64_t size)
{
	if (look->fn != NULL)
		look->fn(look->fn_ctx, &(struct spool_finding){segment, what, why, position, offset, size});
}

static uint64_t
time_of(const struct cc_message *msg)
{
	struct slice text = message_header(msg, "ce_time");
	char copy[48];
	uint64_t time = 0;

	if (text.size == 0 || text.size >= sizeof(copy))
		return 0;
	memcpy(copy, text.p, text.size);
	copy[text.size] = '\0';
	return time_rfc3339_parse(copy, &time) == CC_OK ? time : 0;
}

static void
judge(struct look *look, const char *name, const struct cc_message *msg, uint64_t position, uint64_t offset)
{
	struct verified v;

	if (look->verifier == NULL)
		return;
	verifier_check(look->verifier, msg, 1, time_now(), &v);
	if (v.verdict > VERDICT_DUPLICATE) {
		look->figures.refused++;
		find(look, name, verdict_word[v.verdict], v.why, position, offset, 0);
	} else if (v.verdict == VERDICT_DUPLICATE) {
		look->figures.repeated++;
	} else if ((v.notes & 1u << VERIFY_GAP) != 0) {
		char text[120];

		snprintf(text, sizeof(text), "lane %u: %" PRIu64 " messages before number %" PRIu64 " are not here",
		    v.lane, v.missing, v.sequence);
		find(look, name, verify_note_word[VERIFY_GAP], text, position, offset, 0);
	}
}

/* One segment.  last: its end may be a message that is being written. */
static enum cc_status
look_at(struct look *look, int dir_fd, const char *name, uint64_t first, bool last)
{
	struct spool_reader *reader = &look->reader;
	struct spool_figures *f = &look->figures;
	enum cc_status st = spool_reader_open(reader, dir_fd, name);
	uint64_t position = first, end = 0, damaged = 0;
	struct cc_message msg;
	struct stat about;

	while (st == CC_OK && (st = spool_reader_next(reader, &msg)) == CC_OK) {
		if (reader->damaged > damaged)
			find(look, name, "damaged", "bytes that are no message: checksum or form", position, end,
			    reader->damaged - damaged);
		if (position >= f->cursor && f->waiting++ == 0)
			f->oldest_waiting = time_of(&msg);
		f->messages++;
		judge(look, name, &msg, position, end + reader->damaged - damaged);
		if (look->visit != NULL)
			look->visit(look->visit_ctx, &msg, position);
		damaged = reader->damaged;
		end = reader->offset;
		position++;
	}
	if (st == CC_END && fstat(reader->fd, &about) == 0 && (uint64_t)about.st_size > end) {
		uint64_t rest = (uint64_t)about.st_size - end;

		find(look, name, last ? "cut" : "damaged",
		    last ? "the last message is not whole: being written, or cut by a crash"
			 : "ends with bytes that are no message",
		    position, end, rest);
		f->damaged += last ? 0 : rest - (reader->damaged - damaged);
	}
	f->damaged += reader->damaged;
	f->next = position;
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
	return st == CC_END ? CC_OK : st;
}

static enum cc_status
look_at_all(struct look *look)
{
	char name[SPOOL_NAME_ROOM];
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < look->count && st == CC_OK; i++) {
		uint64_t first = look->segment[i].first, before = look->figures.next;

		spool_segment_name(first, name);
		if (i > 0 && first > before) {
			look->figures.lost += first - before;
			find(look, name, "lost", "positions before this segment have no whole message", before, 0,
			    first - before);
		}
		st = look_at(look, look->dir_fd, name, first, i + 1 == look->count);
		look->figures.bytes += look->segment[i].size;
		/* The owner may have deleted it since. */
		if (st == CC_IO && errno == ENOENT)
			st = CC_OK;
	}
	return st;
}

/* Whether a process has it open.  The lock itself is not touched: an owner that starts now would find it taken. */
static bool
is_owned(int dir_fd)
{
	struct stat about;
	char line[256], *colon;
	bool owned = false;
	FILE *locks;

	if (fstatat(dir_fd, "lock", &about, 0) != 0 || (locks = fopen("/proc/locks", "re")) == NULL)
		return false;
	while (!owned && fgets(line, sizeof(line), locks) != NULL) {
		/* "7: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF": device and inode */
		colon = strstr(line, " FLOCK ") != NULL ? strrchr(line, ':') : NULL;
		owned = colon != NULL && strtoull(colon + 1, NULL, 10) == (unsigned long long)about.st_ino;
	}
	fclose(locks);
	return owned;
}

static enum cc_status
look_open(struct look *look, const char *dir, char **ret_why)
{
	struct spool spool = {.dir = (char *)(uintptr_t)dir, .cursor = 1};
	struct stat about;
	enum cc_status st;

	look->reader.fd = -1;
	look->figures.cursor = look->figures.next = look->figures.first = 1;
	look->dir_fd = open(dir, O_RDONLY | O_CLOEXEC);
	if (look->dir_fd < 0 || fstat(look->dir_fd, &about) != 0)
		return spool_why(ret_why, dir, strerror(errno));
	if (!S_ISDIR(about.st_mode))
		return CC_OK;
	spool.dir_fd = look->dir_fd;
	st = spool_list(look->dir_fd, &look->segment, &look->count);
	if (st != CC_OK)
		return spool_why(ret_why, dir, strerror(errno));
	(void)spool_cursor_load(&spool);
	look->figures.segments = look->count;
	look->figures.cursor = spool.cursor;
	if (look->count > 0)
		look->figures.first = look->figures.next = look->segment[0].first;
	look->figures.owned = is_owned(look->dir_fd);
	look->figures.replay_asked = faccessat(look->dir_fd, SPOOL_REPLAY, F_OK, 0) == 0;
	return CC_OK;
}

/* All of it, or of the one segment that dir names. */
static enum cc_status
look_through(struct look *look, const char *dir, char **ret_why)
{
	enum cc_status st = look_open(look, dir, ret_why);
	struct stat about;

	if (st == CC_OK) {
		bool is_file = fstat(look->dir_fd, &about) == 0 && !S_ISDIR(about.st_mode);

		st = is_file ? look_at(look, AT_FDCWD, dir, 1, true) : look_at_all(look);
		if (is_file)
			look->figures.bytes = (uint64_t)about.st_size;
		if (st != CC_OK)
			(void)spool_why(ret_why, dir, st == CC_IO ? strerror(errno) : cc_status_text(st));
	}
	if (look->figures.next < look->figures.cursor)
		look->figures.next = look->figures.cursor;
	spool_reader_close(&look->reader);
	verifier_free(look->verifier);
	free(look->segment);
	if (look->dir_fd >= 0)
		close(look->dir_fd);
	return st;
}

enum cc_status
spool_visit(const char *dir, spool_visit_fn *fn, void *ctx, char **ret_why)
{
	struct look look = {.visit = fn, .visit_ctx = ctx};

	return look_through(&look, dir, ret_why);
}

enum cc_status
spool_figures(const char *dir, struct spool_figures *ret_figures, char **ret_why)
{
	struct look look = {0};
	enum cc_status st = look_through(&look, dir, ret_why);

	*ret_figures = look.figures;
	return st;
}

enum cc_status
spool_check(const struct conf *conf, const struct trust *trust, const char *dir, spool_finding_fn *fn, void *ctx,
    struct spool_figures *ret_figures, char **ret_why)
{
	struct look look = {.fn = fn, .fn_ctx = ctx};
	enum cc_status st;

	if (trust != NULL && (st = verifier_new(conf, trust, &look.verifier)) != CC_OK)
		return st;
	st = look_through(&look, dir, ret_why);
	*ret_figures = look.figures;
	return st;
}

/* ---- replay ---- */

struct since {
	uint64_t time, position; /* position 0: none yet */
};

static void
first_since(void *ctx, const struct cc_message *msg, uint64_t position)
{
	struct since *since = ctx;

	if (since->position == 0 && time_of(msg) >= since->time)
		since->position = position;
}

enum cc_status
spool_replay_from(const struct conf *conf, const char *dir, uint64_t position, uint64_t time, uint64_t *ret_position,
    bool *ret_owned, char **ret_why)
{
	struct since since = {time, position};
	struct spool *spool = NULL;
	enum cc_status st = CC_OK;
	int dir_fd;

	if (position == 0)
		st = spool_visit(dir, first_since, &since, ret_why);
	if (st != CC_OK || (*ret_position = since.position) == 0)
		return st != CC_OK ? st : CC_ABSENT;
	/* spool_open() would make a folder that is not there. */
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return spool_why(ret_why, dir, strerror(errno));
	st = spool_open(conf, dir, &spool, ret_why);
	*ret_owned = st == CC_DENIED;
	if (st == CC_OK) {
		spool_replay(spool, since.position);
		spool_close(spool);
	} else if (st == CC_DENIED) {
		free(*ret_why);
		*ret_why = NULL;
		st = spool_replay_ask(dir, dir_fd, since.position);
		if (st != CC_OK)
			(void)spool_why(ret_why, dir, strerror(errno));
	}
	close(dir_fd);
	return st;
}
