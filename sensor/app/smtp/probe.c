/*
 * Is it SMTP?  The client is known by EHLO, HELO, LHLO or "MAIL FROM:", or by what only SMTP has; commands that other
 * protocols know, too, say nothing.  A server's "220" is also FTP's: it tells when it says SMTP of itself, when 250
 * comes next (FTP has no such answer before a login), or when the client has told already.
 */
#include "app/smtp/own.h"

static bool
may_be(struct slice text, const char *word)
{
	size_t n = text.size;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (uint8_t)(text.p[i] + 32) : text.p[i];

		if (word[i] == '\0' || c != (uint8_t)word[i])
			return false;
	}
	return true;
}

/* A word with what may follow it. */
static bool
is_verb(struct slice text, const char *word)
{
	size_t size = strlen(word);

	return text.size > size && mime_begins(text, word) &&
	    (word[size - 1] == ':' || text.p[size] == ' ' || text.p[size] == '\r' || text.p[size] == '\n');
}

static enum cc_status
probe_client(struct slice in)
{
	static const char *const ours[] = {"ehlo", "helo", "lhlo", "mail from:", "rcpt to:", "bdat"};
	static const char *const anybody[] = {"rset", "noop", "quit", "help", "vrfy", "expn", "starttls"};

	while (in.size > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.size);
		bool known = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
			if (is_verb(in, ours[i]))
				return CC_OK;
			known |= may_be(in, ours[i]);
		}
		for (size_t i = 0; i < sizeof(anybody) / sizeof(anybody[0]); i++)
			known |= may_be(in, anybody[i]) || is_verb(in, anybody[i]);
		if (!known)
			return CC_BAD;
		if (lf == NULL)
			return CC_MORE;
		in = mime_drop(in, (size_t)(lf - in.p) + 1);
	}
	return CC_MORE;
}

static bool
says(struct slice line, const char *word)
{
	while (line.size > 0) {
		if (mime_begins(line, word))
			return true;
		line = mime_drop(line, 1);
	}
	return false;
}

static enum cc_status
probe_server(struct slice in, bool other_known)
{
	while (in.size > 0) {
		const uint8_t *lf = memchr(in.p, '\n', in.size);
		struct slice line = slice_of(in.p, lf != NULL ? (size_t)(lf - in.p) : in.size);

		if (may_be(line, "220") && line.size < 4)
			return lf != NULL && line.size < 3 ? CC_BAD : CC_MORE;
		if (!mime_begins(line, "220") || (line.p[3] != ' ' && line.p[3] != '-' && line.p[3] != '\r'))
			return CC_BAD;
		if (other_known || (says(line, "smtp") && !says(line, "ftp")))
			return CC_OK;
		if (lf == NULL)
			return CC_MORE;
		in = mime_drop(in, line.size + 1);
		if (may_be(in, "250") && in.size < 4)
			return CC_MORE;
		if (mime_begins(in, "250"))
			return in.p[3] == ' ' || in.p[3] == '-' ? CC_OK : CC_BAD;
		if (in.size > 0 && (in.p[0] == '4' || in.p[0] == '5'))
			return CC_MORE;           /* an error, as FTP's are */
	}
	return CC_MORE;
}

enum cc_status
smtp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	return dir == CC_TO_SERVER ? probe_client(in) : probe_server(in, cc_other_known(ctx));
}
