/*
 * Bytes of a capture file, as one window that moves along: plain, gzip (RFC 1952) or zstd (RFC 8878), told apart by
 * their first bytes.  Frames are handed on right out of the window; what is left of it moves to its beginning before
 * the next block comes.  The window's memory is sized at start: no number in a file makes it grow.
 */
#include "capture/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK (256u << 10) /* what a read brings is still in the processor's own cache when it is decoded */
#define IN_BLOCK (256u << 10)
#define WAIT_MS 100

enum cc_status
capture_stream_new(struct stream *s, size_t most)
{
	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->most = most;
	s->room = most + BLOCK;
	s->base = malloc(s->room); /* pages that are not needed are never touched */
	s->p = s->end = s->base;
	return s->base != NULL ? CC_OK : CC_NOMEM;
}

static void
inflate_close(struct stream *s)
{
	if (s->inflate == NULL)
		return;
	if (s->kind == STREAM_GZIP) {
		inflateEnd(s->inflate);
		free(s->inflate);
	} else {
		ZSTD_freeDStream(s->inflate);
	}
	s->inflate = NULL;
}

void
capture_stream_close(struct stream *s)
{
	if (s->fd > STDERR_FILENO)
		close(s->fd);
	s->fd = -1;
	inflate_close(s);
	s->p = s->end = s->base;
}

void
capture_stream_free(struct stream *s)
{
	capture_stream_close(s);
	free(s->base);
	free(s->in);
	s->base = s->in = NULL;
}

/* Reads what is there.  CC_END: the file ends; CC_MORE: a pipe has nothing yet, or a signal came. */
static enum cc_status
read_some(struct stream *s, uint8_t *to, size_t size, size_t *ret_size)
{
	ssize_t n;

	if (!s->regular) {
		struct pollfd poll_fd = {.fd = s->fd, .events = POLLIN};

		if (poll(&poll_fd, 1, WAIT_MS) <= 0)
			return CC_MORE;
	}
	n = read(s->fd, to, size);
	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return CC_MORE;
		s->broken = strerror(errno);
		return CC_IO;
	}
	if (n == 0)
		return CC_END;
	__atomic_store_n(&s->raw, s->raw + (uint64_t)n, __ATOMIC_RELAXED);
	*ret_size = (size_t)n;
	return CC_OK;
}

static enum cc_status
gzip_step(struct stream *s, uint8_t *to, size_t size, size_t *ret_size)
{
	z_stream *z = s->inflate;
	int result;

	if (s->member_end) { /* another member may follow; anything else is padding */
		if (s->in_end - s->in_at >= 2 && (s->in[s->in_at] != 0x1f || s->in[s->in_at + 1] != 0x8b))
			return CC_END;
		inflateReset(z);
		s->member_end = false;
	}
	z->next_in = s->in + s->in_at;
	z->avail_in = (uInt)(s->in_end - s->in_at);
	z->next_out = to;
	z->avail_out = (uInt)size;
	result = inflate(z, Z_NO_FLUSH);
	s->in_at = s->in_end - z->avail_in;
	*ret_size = size - z->avail_out;
	if (result == Z_STREAM_END) {
		s->member_end = true;
		return CC_OK;
	}
	if (result == Z_OK || result == Z_BUF_ERROR)
		return CC_OK;
	s->broken = "the gzip data is corrupt";
	return CC_IO;
}

static enum cc_status
zstd_step(struct stream *s, uint8_t *to, size_t size, size_t *ret_size)
{
	ZSTD_inBuffer in = {s->in, s->in_end, s->in_at};
	ZSTD_outBuffer out = {to, size, 0};
	size_t result = ZSTD_decompressStream(s->inflate, &out, &in);

	if (ZSTD_isError(result)) {
		s->broken = "the zstd data is corrupt";
		return CC_IO;
	}
	s->in_at = in.pos;
	*ret_size = out.pos;
	s->member_end = result == 0;
	return CC_OK;
}

/* Decompresses up to size bytes; reads more input when that gave none. */
static enum cc_status
inflate_some(struct stream *s, uint8_t *to, size_t size, size_t *ret_size)
{
	enum cc_status st = CC_OK;
	size_t n = 0;

	for (;;) {
		if (s->in_at < s->in_end) {
			st = s->kind == STREAM_GZIP ? gzip_step(s, to, size, &n) : zstd_step(s, to, size, &n);
			if (st != CC_OK || n > 0) {
				*ret_size = n;
				return st == CC_IO && n > 0 ? CC_OK : st;
			}
			/* no progress with input at hand: keep it, get more */
			if (s->in_at < s->in_end && !s->member_end) {
				memmove(s->in, s->in + s->in_at, s->in_end - s->in_at);
				s->in_end -= s->in_at;
				s->in_at = 0;
			}
			if (s->in_at < s->in_end && s->member_end)
				continue;
		}
		if (s->in_at == s->in_end)
			s->in_at = s->in_end = 0;
		if (s->in_end == IN_BLOCK) {
			s->broken = "the compressed data makes no sense";
			return CC_IO;
		}
		st = read_some(s, s->in + s->in_end, IN_BLOCK - s->in_end, &n);
		if (st == CC_END && !s->member_end) {
			s->broken = "the compressed data ends early";
			return CC_IO;
		}
		if (st != CC_OK)
			return st;
		s->in_end += n;
	}
}

enum cc_status
capture_stream_fill(struct stream *s, size_t size)
{
	if (size > s->most)
		return CC_FULL;
	while ((size_t)(s->end - s->p) < size) {
		size_t left = (size_t)(s->end - s->p), n = 0, room;
		enum cc_status st;

		if (s->broken != NULL)
			return CC_IO;
		if (s->eof)
			return CC_END;
		memmove(s->base, s->p, left);
		s->p = s->base;
		s->end = s->base + left;
		room = s->room - left < BLOCK ? s->room - left : BLOCK;
		st = s->kind == STREAM_PLAIN ? read_some(s, s->base + left, room, &n) :
		    inflate_some(s, s->base + left, room, &n);
		if (st == CC_MORE || st == CC_IO)
			return st;
		if (st == CC_END)
			s->eof = true;
		s->end += n;
		s->offset += n;
	}
	return CC_OK;
}

/* The window holds compressed bytes: they become the input. */
static enum cc_status
inflate_open(struct stream *s)
{
	size_t here = (size_t)(s->end - s->p);

	if (s->in == NULL && (s->in = malloc(IN_BLOCK)) == NULL)
		return CC_NOMEM;
	memcpy(s->in, s->p, here);
	s->in_at = 0;
	s->in_end = here;
	s->p = s->end = s->base;
	s->offset = 0;
	s->eof = s->member_end = false;
	if (s->kind == STREAM_ZSTD) {
		s->inflate = ZSTD_createDStream();
		return s->inflate != NULL ? CC_OK : CC_NOMEM;
	}
	s->inflate = calloc(1, sizeof(z_stream));
	return s->inflate != NULL && inflateInit2(s->inflate, 31) == Z_OK ? CC_OK : CC_NOMEM;
}

enum cc_status
capture_stream_open(struct stream *s, int fd)
{
	struct stat file;
	enum cc_status st;
	size_t n = 0;

	capture_stream_close(s);
	s->fd = fd;
	s->regular = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
	s->eof = false;
	s->kind = STREAM_PLAIN;
	s->broken = NULL;
	s->offset = 0;
	__atomic_store_n(&s->raw, 0, __ATOMIC_RELAXED);
	if (s->regular)
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (s->end - s->p < 4 && !s->eof) { /* the magic number; whoever writes into a pipe may take his time */
		errno = 0;
		st = read_some(s, s->base + (s->end - s->base), IN_BLOCK - (size_t)(s->end - s->base), &n);
		if (st == CC_IO)
			return st;
		if (st == CC_MORE && errno == EINTR) { /* whoever started us wants something else */
			s->broken = "interrupted";
			return CC_IO;
		}
		if (st == CC_MORE)
			continue;
		s->eof = st == CC_END;
		if (st == CC_OK) {
			s->end += n;
			s->offset += n;
		}
	}
	if (s->end - s->p >= 2 && s->p[0] == 0x1f && s->p[1] == 0x8b)
		s->kind = STREAM_GZIP;
	else if (s->end - s->p >= 4 && ((s->p[0] == 0x28 && s->p[1] == 0xb5 && s->p[2] == 0x2f && s->p[3] == 0xfd) ||
	    ((s->p[0] & 0xf0) == 0x50 && s->p[1] == 0x2a && s->p[2] == 0x4d && s->p[3] == 0x18)))
		s->kind = STREAM_ZSTD;
	else
		return CC_OK;
	st = inflate_open(s);
	if (st != CC_OK)
		s->broken = "no memory";
	return st == CC_OK ? CC_OK : CC_IO;
}
