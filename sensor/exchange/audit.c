/*
 * The audit log: what was revealed, answered, decided and refused, in lines that nobody can change later without it
 * being seen.
 *
 * OUTDIR/desk/audit.jsonl, a JSON object a line, each with the SHA-256 of the line before as `prev`; audit.head beside
 * it has the number of lines and the SHA-256 of the last one, so that the last can't be changed and the end can't be
 * cut. Whoever can write both can write another log: a copy of the head kept elsewhere shows that.  Several processes
 * take turns by a lock on the log.  Nothing is taken out; its size is told, not bounded, as a bound would be a way to
 * make it forget.
 */
#include "exchange/desk_own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536u
#define NO_LINE "0000000000000000000000000000000000000000000000000000000000000000"

struct head {
	uint64_t count;
	char digest[65]; /* of the last line */
};

static void
digest_of(struct slice line, char ret_hex[65])
{
	uint8_t digest[32];

	sha256_of(line, digest);
	hex_text(slice_of(digest, 32), ret_hex);
}

static enum cc_status
io_fail(const char *path, char **ret_why)
{
	if (asprintf(ret_why, "%s: %s", path, strerror(errno)) < 0)
		*ret_why = NULL;
	return CC_IO;
}

static enum cc_status
bad(char **ret_why, const char *path, uint64_t line, const char *what)
{
	if (asprintf(ret_why, "%s:%" PRIu64 ": %s", path, line, what) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

/* CC_ABSENT: there is none. */
static enum cc_status
read_head(const char *dir, struct head *ret_head)
{
	char path[4352], text[128], *end;
	ssize_t size;
	int fd;

	*ret_head = (struct head){0, NO_LINE};
	snprintf(path, sizeof(path), "%s/audit.head", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? CC_ABSENT : CC_IO;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size < 0)
		return CC_IO;
	text[size] = '\0';
	ret_head->count = strtoull(text, &end, 10);
	if (end == text || text[0] < '1' || text[0] > '9' || *end != ' ' || strlen(end) != 66 || end[65] != '\n' ||
	    strspn(end + 1, "0123456789abcdef") != 64)
		return CC_BAD;
	memcpy(ret_head->digest, end + 1, 64);
	return CC_OK;
}

static enum cc_status
write_head(const char *dir, const struct head *head)
{
	char path[4352], part[4352], text[128];
	int size = snprintf(text, sizeof(text), "%" PRIu64 " %s\n", head->count, head->digest), fd;
	bool done;

	snprintf(path, sizeof(path), "%s/audit.head", dir);
	snprintf(part, sizeof(part), "%s/audit.head.part", dir);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	done = fd >= 0 && write(fd, text, (size_t)size) == size && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return done && rename(part, path) == 0 ? CC_OK : CC_IO;
}

/* The members of a line in the order in which we write them: only such a line is one of ours. */
static bool
has_prev(struct slice line, const char *prev)
{
	char begin[96];
	int size = snprintf(begin, sizeof(begin), "{\"prev\":\"%s\",", prev);

	return line.size > (size_t)size && memcmp(line.p, begin, (size_t)size) == 0;
}

/*
 * Walks the lines of an open log.  A line that a crash left without its head is good as long as it is the last and
 * follows the line that the head names.
 */
static enum cc_status
walk(FILE *file, const char *path, const struct head *head, enum cc_status head_st, audit_fn *fn, void *ctx,
    struct head *ret_last, char **ret_why)
{
	struct head last = {0, NO_LINE};
	bool met = head->count == 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t size;
	enum cc_status st = CC_OK;

	while (st == CC_OK && (size = getline(&line, &room, file)) > 0) {
		struct slice text = slice_of(line, (size_t)size - 1);

		if (line[size - 1] != '\n')
			break; /* left by a crash, if the head agrees */
		if ((size_t)size > LINE_MAX_BYTES)
			st = bad(ret_why, path, last.count + 1, "is too long");
		else if (!has_prev(text, last.digest))
			st = bad(ret_why, path, last.count + 1,
			    "does not follow the line before it: one of the two was changed, or lines are missing");
		if (st != CC_OK)
			break;
		last.count++;
		digest_of(text, last.digest);
		if (last.count == head->count) {
			met = strcmp(last.digest, head->digest) == 0;
			if (!met)
				st = bad(ret_why, path, last.count, "is not the line that audit.head names");
		}
		if (st == CC_OK && fn != NULL)
			fn(ctx, text);
	}
	free(line);
	if (st == CC_OK && (head_st == CC_BAD || (head_st == CC_ABSENT && last.count > 1)))
		st = bad(ret_why, path, last.count, "audit.head is missing or was changed");
	if (st == CC_OK && (!met || last.count > head->count + 1))
		st = bad(
		    ret_why, path, last.count, "ends elsewhere than audit.head says: lines are missing, or too many");
	*ret_last = last;
	return st;
}

static enum cc_status
check_file(
    FILE *file, const char *dir, const char *path, audit_fn *fn, void *ctx, struct head *ret_last, char **ret_why)
{
	struct head head;
	enum cc_status st = read_head(dir, &head);

	if (st == CC_IO)
		return io_fail(path, ret_why);
	return walk(file, path, &head, st, fn, ctx, ret_last, ret_why);
}

enum cc_status
audit_check(const char *outdir, audit_fn *fn, void *ctx, uint64_t *ret_count, char **ret_why)
{
	char dir[4096], path[4352];
	struct head last;
	enum cc_status st;
	FILE *file;

	*ret_why = NULL;
	*ret_count = 0;
	snprintf(dir, sizeof(dir), "%s/desk", outdir);
	snprintf(path, sizeof(path), "%s/audit.jsonl", dir);
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT) {
		struct head head;

		return read_head(dir, &head) == CC_ABSENT ? CC_OK
							  : bad(ret_why, path, 0, "is missing, audit.head is there");
	}
	if (file == NULL)
		return io_fail(path, ret_why);
	(void)flock(fileno(file), LOCK_SH);
	st = check_file(file, dir, path, fn, ctx, &last, ret_why);
	fclose(file);
	*ret_count = last.count;
	return st;
}

/*
 * Where the chain ends: by the head when the last line is the one that it names, else by walking it.  What a crash left
 * of a line is cut off.
 */
static enum cc_status
find_end(FILE *file, const char *dir, const char *path, struct head *ret_last, char **ret_why)
{
	static const size_t most = LINE_MAX_BYTES + 1;
	struct stat st;
	char *tail = malloc(most), *end, *begin;
	off_t from;
	ssize_t size;

	if (tail == NULL)
		return CC_NOMEM;
	if (fstat(fileno(file), &st) != 0) {
		free(tail);
		return io_fail(path, ret_why);
	}
	from = st.st_size > (off_t)most ? st.st_size - (off_t)most : 0;
	size = pread(fileno(file), tail, most, from);
	end = size > 0 ? memrchr(tail, '\n', (size_t)size) : NULL;
	if (end != NULL && read_head(dir, ret_last) == CC_OK) {
		char digest[65];

		begin = memrchr(tail, '\n', (size_t)(end - tail));
		begin = begin != NULL ? begin + 1 : tail;
		digest_of(slice_of(begin, (size_t)(end - begin)), digest);
		if (strcmp(digest, ret_last->digest) == 0) {
			off_t whole = from + (end + 1 - tail);

			free(tail);
			return whole == st.st_size || ftruncate(fileno(file), whole) == 0 ? CC_OK
											  : io_fail(path, ret_why);
		}
	}
	free(tail);
	rewind(file);
	return check_file(file, dir, path, NULL, NULL, ret_last, ret_why);
}

enum cc_status
audit_note(const char *outdir, const char *what, const char *const *pair, char **ret_why)
{
	char dir[4096], path[4352], time[40];
	struct head last = {0, NO_LINE};
	struct buf line;
	struct json json = json_into(&line);
	enum cc_status st;
	FILE *file;
	int fd;

	*ret_why = NULL;
	snprintf(dir, sizeof(dir), "%s/desk", outdir);
	snprintf(path, sizeof(path), "%s/audit.jsonl", dir);
	if (dirs_make(dir, 0700) != CC_OK)
		return io_fail(dir, ret_why);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	file = fd >= 0 ? fdopen(fd, "a+e") : NULL;
	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return io_fail(path, ret_why);
	}
	buf_open(&line, LINE_MAX_BYTES);
	st = flock(fd, LOCK_EX) == 0 ? find_end(file, dir, path, &last, ret_why) : io_fail(path, ret_why);
	json_object(&json, NULL);
	json_text(&json, "prev", last.digest);
	json_uint(&json, "n", last.count + 1);
	json_text(&json, "time", time_rfc3339_text(time_now(), time));
	json_text(&json, "what", what);
	for (; *pair != NULL; pair += 2) {
		if (pair[1] != NULL && pair[1][0] != '\0')
			json_text(&json, pair[0], pair[1]);
	}
	json_end_object(&json);
	if (st == CC_OK && !line.full) {
		last.count++;
		digest_of(buf_slice(&line), last.digest);
		buf_add_u8(&line, '\n');
		if (line.full || write(fd, line.p, line.size) != (ssize_t)line.size || fsync(fd) != 0 ||
		    write_head(dir, &last) != CC_OK)
			st = io_fail(path, ret_why);
	} else if (st == CC_OK) {
		st = CC_FULL;
	}
	fclose(file);
	buf_close(&line);
	return st;
}
