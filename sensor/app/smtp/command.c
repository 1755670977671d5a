/*
 * A client's command line (RFC 5321, 4.1; 3030, 3207, 4954, 2033): what it says goes into the transaction, and what its
 * reply will mean into the queue.  Passwords are told to be there, and never kept.
 */
#include "app/ntlm/ntlm.h"
#include "app/smtp/own.h"

#define CHUNK_ABSURD (1ull << 40)
#define USER_MAX 256

static const struct {
	const char *word;
	enum smtp_command command;
} commands[] = {
    {"ehlo", SMTP_HELO}, {"helo", SMTP_HELO}, {"lhlo", SMTP_HELO}, {"mail", SMTP_MAIL}, {"rcpt", SMTP_RCPT},
    {"data", SMTP_DATA}, {"bdat", SMTP_BDAT}, {"rset", SMTP_RSET}, {"starttls", SMTP_STARTTLS}, {"auth", SMTP_AUTH},
    {"quit", SMTP_QUIT},
};

static enum smtp_command
command_of(struct slice word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (mime_is(word, commands[i].word))
			return commands[i].command;
	return SMTP_OTHER;
}

/* The next word of a line; *rest moves behind it. */
static struct slice
next_word(struct slice *rest)
{
	struct slice text = mime_trim(*rest);
	size_t n = 0;

	while (n < text.size && text.p[n] != ' ' && text.p[n] != '\t')
		n++;
	*rest = mime_drop(text, n);
	return slice_of(text.p, n);
}

/* All of the line behind a word of it; the spaces around it, but nothing else, are left out. */
static struct slice
behind(struct slice line, struct slice word)
{
	struct slice text = word.size > 0 ? mime_drop(line, (size_t)(word.p - line.p) + word.size) : line;

	while (text.size > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = mime_drop(text, 1);
	while (text.size > 0 && text.p[text.size - 1] == ' ')
		text.size--;
	return text;
}

static bool
has_mail(struct smtp *smtp)
{
	return smtp->tx != NULL && smtp_tx(smtp->tx)->mail;
}

/* What was prepared is dropped: its transaction ends with the reply, or now where none will be seen. */
static void
drop_tx(struct cc_ctx *ctx, struct smtp *smtp, enum smtp_command command)
{
	struct cc_tx *tx = smtp->tx;

	if (smtp->mail != NULL) {
		mail_close(ctx, smtp->mail, false);
		smtp->mail = NULL;
	}
	smtp->tx = NULL;
	if (tx != NULL)
		cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	if (!smtp->server_seen) {
		smtp_tx_finish(ctx, smtp, tx);
		tx = NULL;
	}
	smtp_wait_push(ctx, smtp, command, tx);
}

static void
helo(struct cc_ctx *ctx, struct smtp *smtp, struct slice name)
{
	const struct cc_value *before = cc_get(smtp->tx, F_HELO);
	bool again = before != NULL && slice_eq(slice_of(before->bytes, before->size), name);

	if (has_mail(smtp) || (before != NULL && !again)) {
		if (has_mail(smtp))
			cc_anomaly(ctx, smtp->tx, A_DUPLICATE);
		smtp_tx_finish(ctx, smtp, smtp->tx);
	}
	smtp->helo_size = 0;       /* so that it is put here whole */
	if (smtp_need_tx(ctx, smtp) != NULL && cc_get(smtp->tx, F_HELO) == NULL)
		cc_put(ctx, smtp->tx, F_HELO, name);
	smtp->helo_size = (uint16_t)(name.size < SMTP_HELO_MAX ? name.size : SMTP_HELO_MAX);
	if (smtp->helo_size > 0)
		memcpy(smtp->helo, name.p, smtp->helo_size);
	cc_tx_update(ctx, smtp->tx, CC_TO_SERVER);
}

/* "FROM:<a@b> SIZE=1": the address with its brackets.  false: there is none. */
static bool
address_of(struct slice text, const char *word, struct slice *ret_address)
{
	size_t n = 0;

	text = mime_trim(text);
	if (!mime_begins(text, word))
		return false;
	text = mime_trim(mime_drop(text, strlen(word)));
	if (text.size == 0 || text.p[0] != ':')
		return false;
	text = mime_trim(mime_drop(text, 1));
	if (text.size > 0 && text.p[0] == '<') {
		const uint8_t *end = memchr(text.p, '>', text.size);

		n = end != NULL ? (size_t)(end - text.p) + 1 : text.size;
	}
	while (n < text.size && text.p[n] != ' ' && text.p[n] != '\t')
		n++;
	*ret_address = slice_of(text.p, n);
	return n > 0;
}

static void
mail_from(struct cc_ctx *ctx, struct smtp *smtp, struct slice text)
{
	struct slice address;

	if (has_mail(smtp)) {
		if (!smtp_tx(smtp->tx)->rejected && smtp->server_seen)
			cc_anomaly(ctx, smtp->tx, A_DUPLICATE);
		smtp_tx_finish(ctx, smtp, smtp->tx);
	}
	if (smtp_need_tx(ctx, smtp) == NULL)
		return;
	smtp_tx(smtp->tx)->mail = true;
	if (address_of(text, "from", &address))
		cc_put(ctx, smtp->tx, F_MAIL_FROM, address);
	else
		cc_anomaly(ctx, smtp->tx, A_UNPARSABLE);
	cc_tx_update(ctx, smtp->tx, CC_TO_SERVER);
}

static void
rcpt_to(struct cc_ctx *ctx, struct smtp *smtp, struct slice text)
{
	struct slice address;

	if (smtp_need_tx(ctx, smtp) == NULL)
		return;
	if (!address_of(text, "to", &address))
		cc_anomaly(ctx, smtp->tx, A_UNPARSABLE);
	else if (smtp_tx(smtp->tx)->recipients++ < SMTP_RCPT_MAX)
		cc_put(ctx, smtp->tx, F_RCPT_TO, address);
	cc_tx_update(ctx, smtp->tx, CC_TO_SERVER);
}

static void
bdat(struct cc_ctx *ctx, struct smtp *smtp, struct slice text)
{
	struct slice size = next_word(&text);
	uint64_t n = 0;
	bool good = size.size > 0 && size.size < 20;

	for (size_t i = 0; good && i < size.size; i++) {
		good = size.p[i] >= '0' && size.p[i] <= '9' && n < CHUNK_ABSURD;
		n = n * 10 + (uint64_t)(size.p[i] - '0');
	}
	smtp_need_tx(ctx, smtp);
	if (!good || n > CHUNK_ABSURD) {
		cc_anomaly(ctx, smtp->tx, A_BDAT_LEN);
		smtp_wait_push(ctx, smtp, SMTP_BDAT, smtp->tx);
		return;
	}
	smtp->bdat_last = mime_is(next_word(&text), "last");
	smtp->bdat_left = n;
	smtp->state = C_BDAT;
	smtp_wait_push(ctx, smtp, smtp->bdat_last ? SMTP_END : SMTP_BDAT, smtp->tx);
	if (n == 0) {
		smtp->state = C_COMMAND;
		if (smtp->bdat_last)
			smtp_mail_end(ctx, smtp, true);
	}
}

/* ---- AUTH ---- */

static const struct ntlm_table ntlm_table = {
    .domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION, .server = NTLM_NONE,
};

static void
ntlm(struct cc_ctx *ctx, struct smtp *smtp, struct slice text)
{
	if ((ntlm_put_base64(ctx, smtp->tx, &ntlm_table, text) & NTLM_V1) != 0)
		cc_anomaly(ctx, smtp->tx, A_NTLM_V1);
}

/* Base64 that says who; of PLAIN the second of three strings. */
static void
credentials(struct cc_ctx *ctx, struct smtp *smtp, struct slice text, bool plain)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	uint8_t out[USER_MAX];
	struct slice user;
	size_t n = mime_decode(&code, &text, out, sizeof(out)), at = 0;

	if (sizeof(out) - n >= 3)
		n += mime_decode_end(&code, out + n, sizeof(out) - n);
	user = slice_of(out, n);
	if (plain) {
		while (at < n && out[at] != 0)
			at++;
		user = mime_drop(user, at + 1);
		for (at = 0; at < user.size && user.p[at] != 0; at++)
			;
		user.size = at;
	}
	if (user.size > 0 && cc_get(smtp->tx, F_AUTH_USER) == NULL)
		cc_put(ctx, smtp->tx, F_AUTH_USER, user);
	memset(out, 0, sizeof(out));
}

static void
auth(struct cc_ctx *ctx, struct smtp *smtp, struct slice text)
{
	struct slice mechanism = next_word(&text), initial = next_word(&text);
	bool plain = mime_is(mechanism, "plain"), login = mime_is(mechanism, "login");

	if (mechanism.size > 32)
		mechanism.size = 32;
	smtp->auth = true;
	smtp->auth_login = login;
	smtp->auth_step = initial.size > 0;
	if (smtp_need_tx(ctx, smtp) == NULL)
		return;
	if (cc_get(smtp->tx, F_AUTH) == NULL)
		cc_put(ctx, smtp->tx, F_AUTH, mechanism);
	if (initial.size > 0 && (plain || login))
		credentials(ctx, smtp, initial, plain);
	if (initial.size > 0 && !plain && !login)
		ntlm(ctx, smtp, initial);
	if (plain || login)
		cc_anomaly(ctx, smtp->tx, A_CREDENTIALS);
	if (plain && initial.size > 0 && !smtp->server_seen)
		smtp->auth = false;
	cc_tx_update(ctx, smtp->tx, CC_TO_SERVER);
}

/* A line while AUTH goes on.  false: it is a command after all. */
static bool
auth_answer(struct cc_ctx *ctx, struct smtp *smtp, struct slice line)
{
	const struct cc_value *mechanism = cc_get(smtp->tx, F_AUTH);
	bool plain = mechanism != NULL && mime_is(slice_of(mechanism->bytes, mechanism->size), "plain");
	bool is_ntlm = mechanism != NULL && mime_is(slice_of(mechanism->bytes, mechanism->size), "ntlm");

	if (memchr(line.p, ' ', line.size) != NULL || memchr(line.p, ':', line.size) != NULL) {
		smtp->auth = false;
		return false;
	}
	if (smtp->auth_step++ == 0 && (plain || smtp->auth_login))
		credentials(ctx, smtp, line, plain);
	else if (!plain && !smtp->auth_login)
		ntlm(ctx, smtp, line);
	/* Where no server is heard, each mechanism's number of answers has to do. */
	if (slice_is(line, "*") || (!smtp->server_seen && smtp->auth_step >= (smtp->auth_login || is_ntlm ? 2 : 1)) ||
	    smtp->auth_step >= 8)
		smtp->auth = false;
	return true;
}

/* ---- */

static bool
is_text(struct slice line)
{
	for (size_t i = 0; i < line.size; i++)
		if (line.p[i] < ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			return false;
	return true;
}

/* A line that is no command that we know: of SMTP's extensions, or of something else altogether. */
static enum cc_status
other(struct cc_ctx *ctx, struct smtp *smtp, struct slice line, size_t word)
{
	if ((!is_text(line) || word < 3 || word > 16) && ++smtp->bad > SMTP_BAD_MAX)
		return CC_BAD;
	if (line.size > 0)
		smtp_wait_push(ctx, smtp, SMTP_OTHER, NULL);
	return CC_OK;
}

enum cc_status
smtp_command(struct cc_ctx *ctx, struct smtp *smtp, struct slice line)
{
	struct slice rest = line, word;
	enum smtp_command command;

	if (line.size > 0 && smtp->auth && auth_answer(ctx, smtp, line))
		return CC_OK;
	word = next_word(&rest);
	command = command_of(word);
	if (smtp->starttls && smtp->server_seen && command != SMTP_OTHER)
		cc_anomaly(ctx, smtp->tx, A_INJECTION);
	switch (command) {
	case SMTP_HELO:
		smtp->lmtp = mime_is(word, "lhlo");
		helo(ctx, smtp, behind(line, word));
		break;
	case SMTP_MAIL:
		mail_from(ctx, smtp, rest);
		break;
	case SMTP_RCPT:
		rcpt_to(ctx, smtp, rest);
		break;
	case SMTP_DATA:
		smtp_need_tx(ctx, smtp);
		smtp->state = C_DATA;
		smtp->bol = smtp->crlf = true;
		smtp->last_cr = smtp->data_any = smtp->data_gap = false;
		break;
	case SMTP_BDAT:
		bdat(ctx, smtp, rest);
		return CC_OK;
	case SMTP_RSET:
	case SMTP_QUIT:
		drop_tx(ctx, smtp, command);
		return CC_OK;
	case SMTP_STARTTLS:
		smtp_need_tx(ctx, smtp);
		smtp->starttls = true;
		break;
	case SMTP_AUTH:
		auth(ctx, smtp, rest);
		break;
	default:
		return other(ctx, smtp, line, word.size);
	}
	smtp_wait_push(ctx, smtp, command, smtp->tx);
	return CC_OK;
}
