/*
 * Is it IMAP?  The client by a tagged command with arguments as it must have them; the tag has a digit or is one
 * letter, for "USER login" is FTP.  The server by a greeting that names IMAP, or data that nobody else has.
 */
#include "app/imap/own.h"

/* May these bytes become "tag COMMAND"? */
static bool
may_begin(struct slice in)
{
	struct slice tag, rest;

	if (in.size >= 256)
		return false;
	if (imap_tag(in, &tag, &rest)) {
		for (unsigned i = IMAP_OTHER + 1; i < IMAP_WORDS; i++) {
			const char *text = imap_word_text((enum imap_word)i);
			size_t size = strlen(text), n = rest.size < size ? rest.size : size, k = 0;

			while (k < n && (rest.p[k] & ~0x20) == (text[k] & ~0x20))
				k++;
			if (k == n && (rest.size <= size || rest.p[size] == ' ' || rest.p[size] == '\r'))
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < in.size; i++)
		if (in.p[i] <= ' ' || in.p[i] >= 0x7f || i >= IMAP_TAG_MAX)
			return false;
	return true;
}

static bool
sure_tag(struct slice tag)
{
	for (size_t i = 0; i < tag.size; i++)
		if (tag.p[i] >= '0' && tag.p[i] <= '9')
			return true;
	return tag.size == 1;
}

static unsigned
count_args(struct slice args)
{
	unsigned count = 0;
	uint8_t text[4];
	size_t size;

	while (count < 4 && imap_astring(&args, text, sizeof(text), &size))
		count++;
	return count;
}

/* 1: IMAP's; 0: may be; -1: no. */
static int
judge(struct slice line)
{
	struct slice tag, rest, args;
	enum imap_word word, second;
	unsigned count;

	if (!imap_tag(line, &tag, &rest))
		return -1;
	word = imap_word_of(rest, &args);
	count = count_args(args);
	if (word == IMAP_OTHER)
		return -1;
	if (imap_word_bare(word) ? count != 0 : count == 0)
		return -1;
	if ((word == IMAP_LOGIN || word == IMAP_FETCH || word == IMAP_STORE || word == IMAP_COPY ||
		word == IMAP_STATUS || word == IMAP_APPEND || word == IMAP_RENAME || word == IMAP_LIST ||
		word == IMAP_LSUB) &&
	    count < 2 && args.p[args.size - 1] != '}')
		return -1;
	second = word == IMAP_UID ? imap_word_of(args, &args) : word;
	if (second == IMAP_OTHER)
		return -1;
	return sure_tag(tag) ? 1 : 0;
}

static enum cc_status
probe_client(const struct cc_ctx *ctx, struct slice in)
{
	const uint8_t *lf = in.size > 0 ? memchr(in.p, '\n', in.size) : NULL;
	struct slice line = slice_of(in.p, lf != NULL ? (size_t)(lf - in.p) : in.size);
	int verdict;

	if (lf == NULL)
		return may_begin(in) ? CC_MORE : CC_BAD;
	if (line.size > 0 && line.p[line.size - 1] == '\r')
		line.size--;
	if (cc_other_known(ctx) && text_eq_nocase(line, "DONE"))
		return CC_OK;
	verdict = judge(line);
	if (verdict == 0)
		return cc_other_known(ctx) || cc_server_port(ctx) == 143 ? CC_OK : CC_BAD;
	return verdict > 0 ? CC_OK : CC_BAD;
}

/* "12 EXISTS", "3 FETCH (...", "LIST (...", "FLAGS (...": */
static bool
is_data(struct slice rest)
{
	static const char *const numbered[] = {"exists", "recent", "expunge", "fetch ("};
	static const char *const plain[] = {
	    "list (", "lsub (", "flags (", "capability imap4", "status ", "namespace (("};
	size_t digits = 0;

	while (digits < rest.size && rest.p[digits] >= '0' && rest.p[digits] <= '9')
		digits++;
	if (digits > 0 && digits < rest.size && rest.p[digits] == ' ') {
		rest = mime_drop(rest, digits + 1);
		for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++)
			if (mime_begins(rest, numbered[i]))
				return true;
		return false;
	}
	for (size_t i = 0; digits == 0 && i < sizeof(plain) / sizeof(plain[0]); i++)
		if (mime_begins(rest, plain[i]))
			return true;
	return false;
}

static enum cc_status
probe_server(const struct cc_ctx *ctx, struct slice in)
{
	const uint8_t *lf = in.size > 0 ? memchr(in.p, '\n', in.size) : NULL;
	struct slice line = slice_of(in.p, lf != NULL ? (size_t)(lf - in.p) : in.size), tag, rest, status;

	if (cc_other_known(ctx) && mime_begins(in, "+ "))
		return CC_OK;
	if (in.size > 0 && in.p[0] != '*') { /* behind the greeting */
		if (!cc_other_known(ctx) || !imap_tag(line, &tag, &rest))
			return cc_other_known(ctx) && lf == NULL && in.size < 64 ? CC_MORE : CC_BAD;
		status = imap_next(&rest);
		if (lf == NULL && status.size < 4)
			return CC_MORE;
		return text_eq_nocase(status, "OK") || text_eq_nocase(status, "NO") || text_eq_nocase(status, "BAD")
			   ? CC_OK
			   : CC_BAD;
	}
	if (in.size >= 2 && in.p[1] != ' ')
		return CC_BAD;
	if (lf == NULL)
		return in.size < 1024 ? CC_MORE : CC_BAD;
	rest = mime_drop(line, 2);
	if (mime_begins(rest, "ok ") || mime_begins(rest, "preauth ") || mime_begins(rest, "bye ")) {
		if (mime_says(line, "imap") || mime_says(line, "[capability ") || cc_other_known(ctx) ||
		    cc_server_port(ctx) == 143)
			return CC_OK;
		return in.size < 1024 ? CC_MORE : CC_BAD; /* the client will tell */
	}
	return is_data(rest) ? CC_OK : CC_BAD;
}

enum cc_status
imap_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	return dir == CC_TO_SERVER ? probe_client(ctx, in) : probe_server(ctx, in);
}
