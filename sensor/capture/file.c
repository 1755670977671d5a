/*
 * Capture files, one after the other: opens each, tells its format, and says clearly where one goes wrong.  A file that
 * is truncated or corrupt ends there; what came before has been handed on, and the next one is read.
 */
#include "capture/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_SPARE 65536 /* a block's header and options beside the frame */

static char *
vtext(const char *format, va_list args)
{
	char *text = NULL;

	return vasprintf(&text, format, args) >= 0 ? text : NULL;
}

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *
text(const char *format, ...)
{
	va_list args;
	char *result;

	va_start(args, format);
	result = vtext(format, args);
	va_end(args);
	return result;
}

static const char *
path_text(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

enum cc_status
capture_file_trouble(struct capture *capture, const char *format, ...)
{
	va_list args;

	free(capture->why);
	va_start(args, format);
	capture->why = vtext(format, args);
	va_end(args);
	if (!capture->quiet)
		log_warning("%s: %s", path_text(capture->path[capture->path_at]), capture->why != NULL ?
		    capture->why : "no memory");
	capture->trouble++;
	count_add(&capture->counts[CAPTURE_FILES_BAD], 1);
	return CC_END;
}

enum cc_status
capture_file_cut(struct capture *capture, uint64_t at, const char *what, enum cc_status st)
{
	const struct stream *s = &capture->stream;

	if (st == CC_MORE)
		return CC_MORE;
	if (st == CC_IO)
		return capture_file_trouble(capture, "%s, within the %s at byte %llu", s->broken, what,
		    (unsigned long long)at);
	return capture_file_trouble(capture,
	    "truncated: the file ends at byte %llu, within the %s that begins at byte %llu",
	    (unsigned long long)s->offset, what, (unsigned long long)at);
}

static bool
file_magic(struct slice in)
{
	struct cur c = cur_slice(in);

	return cur_u32(&c) == 0x0a0d0d0a || capture_pcap_magic(in);
}

/* Opens path[path_at] and reads its header.  CC_IO: why. */
static enum cc_status
open_file(struct capture *capture, char **ret_why)
{
	const char *path = capture->path[capture->path_at];
	struct stream *s = &capture->stream;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum cc_status st;

	if (fd < 0) {
		*ret_why = text("%s: %s", path, strerror(errno));
		return CC_IO;
	}
	st = capture_stream_open(s, fd);
	while (st == CC_OK && (st = capture_stream_need(s, 4)) == CC_MORE && !atomic_load(&capture->stop))
		st = CC_OK;
	if (st == CC_END && s->offset == 0) {
		*ret_why = text("%s: empty file", path_text(path));
		return CC_IO;
	}
	if (st == CC_IO || st == CC_MORE) {
		s->broken = st == CC_MORE ? "interrupted" : s->broken;
		*ret_why = text("%s: %s", path_text(path), s->broken != NULL ? s->broken : "no memory");
		return CC_IO;
	}
	if (st != CC_OK || !file_magic(slice_of(s->p, (size_t)(s->end - s->p)))) {
		*ret_why =
		    text("%s: not a capture file (neither pcap nor pcapng, plain or compressed)", path_text(path));
		return CC_IO;
	}
	memset(&capture->file, 0, sizeof(capture->file));
	capture->file.format = FILE_PCAPNG;
	capture->file.first = capture->interface_count;
	if (capture_pcap_magic(slice_of(s->p, 4))) {
		while ((st = capture_pcap_open(capture)) == CC_MORE && !atomic_load(&capture->stop))
			;
		if (st != CC_OK) { /* logged already */
			*ret_why = text("%s: %s", path_text(path), capture->why != NULL ? capture->why : "interrupted");
			return CC_BAD;
		}
	}
	capture->open = true;
	count_add(&capture->counts[CAPTURE_FILES], 1);
	return CC_OK;
}

static void
close_file(struct capture *capture)
{
	__atomic_store_n(&capture->before, capture->before + capture->stream.raw, __ATOMIC_RELAXED);
	__atomic_store_n(&capture->stream.raw, 0, __ATOMIC_RELAXED);
	capture_stream_close(&capture->stream);
	capture->open = false;
	capture->path_at++;
}

static enum cc_status
add_path(struct capture *capture, const char *path)
{
	char **more = realloc(capture->path, (capture->path_count + 1) * sizeof(*more));

	if (more == NULL)
		return CC_NOMEM;
	capture->path = more;
	more[capture->path_count] = strdup(path);
	if (more[capture->path_count] == NULL)
		return CC_NOMEM;
	capture->path_count++;
	return CC_OK;
}

/* Has it the first bytes of a capture, plain or compressed? */
static bool
looks_like_capture(const char *path)
{
	uint8_t head[4];
	struct stat file;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool is = fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && read(fd, head,
	    sizeof(head)) == sizeof(head) &&
	    (file_magic(slice_of(head, sizeof(head))) || (head[0] == 0x1f && head[1] == 0x8b) ||
	    (head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd));

	if (fd >= 0)
		close(fd);
	return is;
}

static enum cc_status
add_folder(struct capture *capture, const char *path, char **ret_why)
{
	struct dirent **entry = NULL;
	int count = scandir(path, &entry, NULL, alphasort);
	enum cc_status st = CC_OK;
	size_t before = capture->path_count;

	if (count < 0) {
		*ret_why = text("%s: %s", path, strerror(errno));
		return CC_IO;
	}
	for (int i = 0; i < count; i++) {
		char *name = text("%s/%s", path, entry[i]->d_name);

		if (name == NULL)
			st = CC_NOMEM;
		else if (st == CC_OK && looks_like_capture(name))
			st = add_path(capture, name);
		free(name);
		free(entry[i]);
	}
	free(entry);
	if (st == CC_OK && capture->path_count == before) {
		*ret_why = text("%s: no capture files in this folder", path);
		return CC_IO;
	}
	return st;
}

static enum cc_status
add_paths(struct capture *capture, char *const *paths, size_t count, char **ret_why)
{
	bool known = true;
	struct stat file;
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < count && st == CC_OK; i++) {
		if (strcmp(paths[i], "-") != 0 && stat(paths[i], &file) == 0 && S_ISDIR(file.st_mode))
			st = add_folder(capture, paths[i], ret_why);
		else
			st = add_path(capture, paths[i]);
	}
	for (size_t i = 0; i < capture->path_count; i++) {
		if (strcmp(capture->path[i], "-") == 0 || stat(capture->path[i], &file) != 0 || !S_ISREG(file.st_mode))
			known = known && strcmp(capture->path[i], "-") != 0;
		else
			capture->total += (uint64_t)file.st_size;
	}
	if (!known)
		capture->total = 0;
	return st;
}

/* The message outlives the capture: it is the caller's. */
static enum cc_status
fail(struct capture *capture, char *why, char **ret_why)
{
	*ret_why = why != NULL ? why : strdup("no memory");
	capture_close(capture);
	return CC_IO;
}

enum cc_status
capture_open_files(const struct conf *conf, char *const *paths, size_t count, struct capture **ret_capture,
    char **ret_why)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	char *why = NULL;

	if (capture == NULL)
		return CC_NOMEM;
	capture->conf = conf;
	capture->stream.fd = -1;
	if (capture_stream_new(&capture->stream, conf->capture_record_max + WINDOW_SPARE) != CC_OK)
		return fail(capture, NULL, ret_why);
	if (conf->capture_filter != NULL && conf->capture_filter[0] != '\0' &&
	    (capture->filter = capture_filter_new(conf->capture_filter, &why)) == NULL)
		return fail(capture, why, ret_why);
	if (conf->capture_duplicates > 0 && (capture->same = capture_same_new(conf->capture_duplicates)) == NULL)
		return fail(capture, NULL, ret_why);
	if (add_paths(capture, paths, count, &why) != CC_OK)
		return fail(capture, why, ret_why);
	if (capture->path_count == 0)
		return fail(capture, text("no capture files"), ret_why);
	capture->quiet = true;
	if (open_file(capture, &why) != CC_OK)
		return fail(capture, why, ret_why);
	capture->quiet = false;
	*ret_capture = capture;
	return CC_OK;
}

/* The next file that can be read.  CC_END: there is none. */
static enum cc_status
next_file(struct capture *capture)
{
	while (capture->path_at < capture->path_count) {
		char *why = NULL;
		enum cc_status st = open_file(capture, &why);

		if (st == CC_IO) {
			log_warning("%s", why != NULL ? why : "no memory");
			capture->trouble++;
			count_add(&capture->counts[CAPTURE_FILES_BAD], 1);
		}
		free(why);
		if (st == CC_OK)
			return CC_OK;
		close_file(capture);
	}
	return CC_END;
}

static enum cc_status
files_dispatch(struct capture *capture, unsigned max, capture_fn *fn, void *ctx)
{
	struct frame frame;
	unsigned done = 0;

	while (done < max) {
		enum cc_status st;

		if (!capture->open && next_file(capture) != CC_OK)
			return done > 0 ? CC_OK : CC_END;
		st = capture->file.format == FILE_PCAP ? capture_pcap_next(capture, &frame) :
		    capture_pcapng_next(capture, &frame);
		if (__builtin_expect(st == CC_OK, 1)) {
			done += capture_hand_on(capture, &frame, fn, ctx);
			continue;
		}
		if (st == CC_MORE)
			return done > 0 ? CC_OK : CC_MORE;
		close_file(capture);
	}
	return CC_OK;
}

enum cc_status
capture_dispatch(struct capture *capture, unsigned max, capture_fn *fn, void *ctx)
{
	enum cc_status st;

	if (capture->live != NULL)
		return capture_live_dispatch(capture, max, fn, ctx);
	st = files_dispatch(capture, max, fn, ctx);
	atomic_store(&capture->stop, false);
	return st;
}
