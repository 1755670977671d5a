/*
 * Is it POP3?  The client by commands that nobody else has, or by USER and PASS where the other side or the port tells:
 * those are FTP's, too.  The server by a greeting that says POP of itself or brings APOP's stamp, by its second reply,
 * or once the client has told.  A bare "+OK" is also Redis.
 */
#include "app/pop3/own.h"

static bool
numbers(struct slice arg, unsigned least, unsigned most)
{
	unsigned count = 0;
	bool inside = false;

	for (size_t i = 0; i < arg.size; i++) {
		if (arg.p[i] >= '0' && arg.p[i] <= '9') {
			count += !inside;
			inside = true;
		} else if (arg.p[i] == ' ') {
			inside = false;
		} else {
			return false;
		}
	}
	return count >= least && count <= most;
}

/* 1: POP3's alone; 0: may be; -1: no. */
static int
judge(struct slice line)
{
	struct slice arg;

	switch (pop3_word_of(line, &arg)) {
	case POP3_CAPA:
	case POP3_STLS:
		return arg.size == 0 ? 1 : -1;
	case POP3_UIDL:
		return numbers(arg, 0, 1) ? 1 : -1;
	case POP3_TOP:
		return numbers(arg, 2, 2) ? 1 : -1;
	case POP3_RETR:
	case POP3_DELE:
		return numbers(arg, 1, 1) ? 1 : 0;
	case POP3_APOP:
		return memchr(arg.p != NULL ? (const void *)arg.p : "", ' ', arg.size) != NULL ? 1 : -1;
	case POP3_OTHER:
		return -1;
	default:
		return 0;
	}
}

static enum cc_status
probe_client(const struct cc_ctx *ctx, struct slice in)
{
	while (in.size > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.size);
		struct slice line = slice_of(in.p, lf != NULL ? (size_t)(lf - in.p) : in.size), arg;
		enum pop3_word word;

		if (lf == NULL)
			return in.size < 512 && pop3_word_may_begin(line) ? CC_MORE : CC_BAD;
		line = mime_trim(line);
		word = pop3_word_of(line, &arg);
		switch (judge(line)) {
		case 1:
			return CC_OK;
		case -1:
			return CC_BAD;
		default:
			if (cc_other_known(ctx) ||
			    ((word == POP3_USER || word == POP3_AUTH) && cc_server_port(ctx) == 110))
				return CC_OK;
			break;
		}
		in = mime_drop(in, (size_t)(lf - in.p) + 1);
	}
	return CC_MORE;
}

/* "<1896.697170952@dbc.mtview.ca.us>" */
static bool
has_stamp(struct slice line)
{
	const uint8_t *open = memchr(line.p, '<', line.size), *at, *close;

	if (open == NULL)
		return false;
	line = mime_drop(line, (size_t)(open - line.p));
	at = memchr(line.p, '@', line.size);
	close = memchr(line.p, '>', line.size);
	return at != NULL && close != NULL && at < close;
}

static enum cc_status
probe_server(const struct cc_ctx *ctx, struct slice in)
{
	const uint8_t *lf = in.size > 0 ? memchr(in.p, '\n', in.size) : NULL;
	struct slice line, next;

	for (size_t i = 0; i < in.size && i < 3; i++)
		if (in.p[i] != (uint8_t)"+OK"[i])
			return mime_begins(in, "-err ") && cc_other_known(ctx) ? CC_OK : CC_BAD;
	if (in.size < 4)
		return CC_MORE;
	if (in.p[3] != ' ')
		return cc_other_known(ctx) && (in.p[3] == '\r' || in.p[3] == '\n') ? CC_OK : CC_BAD;
	if (cc_other_known(ctx))
		return CC_OK;
	if (lf == NULL)
		return in.size < 512 ? CC_MORE : CC_BAD;
	line = slice_of(in.p, (size_t)(lf - in.p));
	if (mime_says(line, "pop") || has_stamp(line))
		return CC_OK;
	next = mime_drop(in, line.size + 1);
	if (next.size < 5)
		return CC_MORE;
	return mime_begins(next, "+ok ") || mime_begins(next, "+ok\r") || mime_begins(next, "+ ") ||
		       mime_begins(next, "-err ")
		   ? CC_OK
		   : CC_BAD;
}

enum cc_status
pop3_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	return dir == CC_TO_SERVER ? probe_client(ctx, in) : probe_server(ctx, in);
}
