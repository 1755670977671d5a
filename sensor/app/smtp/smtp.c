/*
 * SMTP and LMTP (RFC 5321, 2033, with 1870, 2920, 3030, 3207, 4954): sessions in, one transaction for each mail and its
 * files out.
 *
 * A transaction begins with the first command and ends with the reply to its mail, with RSET, QUIT, or the next sender.
 * Commands are pipelined, so each waits in a queue for its reply.  Where only one side is seen the client's commands
 * alone have to do.  Mail goes to mail.c as it comes; nothing of it is kept here.  Thread: the worker's.
 */
#include "app/smtp/own.h"

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/smtp/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/smtp/anomalies.def"
#undef ANOMALY
};

static const struct mail_table mail_table = {
    .field = {[MAIL_STATUS] = F_STATUS,
	[MAIL_FROM] = F_FROM,
	[MAIL_TO] = F_TO,
	[MAIL_CC] = F_CC,
	[MAIL_SUBJECT] = F_SUBJECT,
	[MAIL_SUBJECT_TEXT] = F_SUBJECT_TEXT,
	[MAIL_DATE] = F_DATE,
	[MAIL_MESSAGE_ID] = F_MESSAGE_ID,
	[MAIL_X_MAILER] = F_X_MAILER,
	[MAIL_RECEIVED] = F_RECEIVED,
	[MAIL_ATTACHMENT] = F_ATTACHMENT,
	[MAIL_URL] = F_URL,
	[MAIL_URL_WHOLE] = F_URL_WHOLE},
    .odd = {[MIME_BAD_HEADER] = A_MIME_MALFORMED,
	[MIME_LONG_NAME] = A_MIME_NAME,
	[MIME_LONG_VALUE] = A_MIME_VALUE,
	[MIME_LONG_HEAD] = A_MIME_HEAD,
	[MIME_LONG_LINE] = A_MIME_LINE,
	[MIME_LONG_ENCODED] = A_MIME_ENC_LINE,
	[MIME_LONG_BOUNDARY] = A_MIME_BOUNDARY,
	[MIME_LONG_FILENAME] = A_MIME_FILENAME,
	[MIME_BAD_BASE64] = A_MIME_BASE64,
	[MIME_BAD_QP] = A_MIME_QP,
	[MIME_BAD_MULTIPART] = A_MIME_FAILED,
	[MIME_TOO_DEEP] = A_MIME_DEEP,
	[MIME_TOO_MANY] = A_MIME_MANY},
};

/* ---- transactions ---- */

struct cc_tx *
smtp_need_tx(struct cc_ctx *ctx, struct smtp *smtp)
{
	if (smtp->tx != NULL)
		return smtp->tx;
	smtp->tx = cc_tx_new(ctx);
	if (smtp->tx != NULL && smtp->helo_size > 0)
		cc_put(ctx, smtp->tx, F_HELO, slice_of(smtp->helo, smtp->helo_size));
	if (smtp->tx != NULL && smtp->banner_size > 0)
		cc_put(ctx, smtp->tx, F_BANNER, slice_of(smtp->banner, smtp->banner_size));
	return smtp->tx;
}

void
smtp_tx_finish(struct cc_ctx *ctx, struct smtp *smtp, struct cc_tx *tx)
{
	if (tx == NULL)
		return;
	if (smtp->tx == tx) {
		mail_close(ctx, smtp->mail, false);
		smtp->mail = NULL;
		smtp->tx = NULL;
	}
	for (unsigned i = 0; i < smtp->wait_count; i++) {
		struct smtp_wait *wait = &smtp->wait[(smtp->wait_first + i) % SMTP_PIPELINE];

		if (wait->tx == tx)
			wait->tx = NULL;
	}
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

void
smtp_wait_push(struct cc_ctx *ctx, struct smtp *smtp, enum smtp_command command, struct cc_tx *tx)
{
	if (smtp->wait_count == SMTP_PIPELINE) { /* no server is heard, or it is far behind */
		struct smtp_wait oldest = smtp->wait[smtp->wait_first];

		smtp->lost = true;
		smtp->wait_first = (uint16_t)((smtp->wait_first + 1) % SMTP_PIPELINE);
		smtp->wait_count--;
		if (oldest.tx != NULL && oldest.tx != smtp->tx && oldest.tx != tx)
			smtp_tx_finish(ctx, smtp, oldest.tx);
	}
	smtp->wait[(smtp->wait_first + smtp->wait_count) % SMTP_PIPELINE] = (struct smtp_wait){tx, (uint8_t)command};
	smtp->wait_count++;
}

void
smtp_mail_end(struct cc_ctx *ctx, struct smtp *smtp, bool whole)
{
	struct cc_tx *tx = smtp->tx;

	mail_close(ctx, smtp->mail, whole);
	smtp->mail = NULL;
	smtp->tx = NULL;
	if (tx == NULL)
		return;
	smtp_tx(tx)->ended = true;
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	if (!smtp->server_seen)
		smtp_tx_finish(ctx, smtp, tx);
}

/* ---- mail ---- */

static void
mail_bytes(struct cc_ctx *ctx, struct smtp *smtp, struct slice bytes)
{
	if (bytes.size == 0)
		return;
	if (smtp->mail == NULL && smtp->tx != NULL)
		smtp->mail = mail_open(ctx, smtp->tx, CC_TO_SERVER, &mail_table);
	smtp->data_any = true;
	mail_add(ctx, smtp->mail, bytes);
}

/* The lone dot.  It is replied to, whether anybody took the mail or not. */
static void
data_end(struct cc_ctx *ctx, struct smtp *smtp, bool lf)
{
	if (smtp->state == C_DATA) {
		struct cc_tx *tx = smtp->tx;

		if (lf || !smtp->crlf)
			cc_anomaly(ctx, tx, A_DATA_END);
		smtp_wait_push(ctx, smtp, SMTP_END, tx);
		smtp_mail_end(ctx, smtp, true);
	} else {
		smtp_wait_push(ctx, smtp, SMTP_OTHER, NULL);
	}
	smtp->state = C_COMMAND;
}

/*
 * Is it a command, where mail should be?  A client that goes on with one shows that it was refused, where no server is
 * heard to say so.  CC_OK: yes; CC_MORE: too short to say; CC_BAD: no.
 */
static enum cc_status
was_refused(const struct smtp *smtp, struct slice rest)
{
	static const char *const words[] = {"rset\r\n", "quit\r\n", "mail from:"};
	enum cc_status st = CC_BAD;

	if (smtp->state == C_REJECTED ? !smtp->bol : smtp->server_seen || smtp->data_any)
		return CC_BAD;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = 0;

		while (n < rest.size && words[i][n] != '\0' &&
		       (rest.p[n] | (rest.p[n] >= 'A' && rest.p[n] <= 'Z' ? 0x20 : 0)) == (uint8_t)words[i][n])
			n++;
		if (words[i][n] == '\0')
			return CC_OK;
		if (n == rest.size)
			st = CC_MORE;
	}
	return st;
}

/* A line that begins with a dot.  CC_OK: taken; CC_MORE: not all of it is here; CC_END: the mail is over. */
static enum cc_status
dot(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	struct slice rest = cur_rest(in);
	size_t cr = rest.size > 1 && rest.p[1] == '\r';

	if (rest.size < 2 + cr)
		return CC_MORE;
	if (rest.p[1 + cr] == '\n') {
		cur_skip(in, 2 + cr);
		data_end(ctx, smtp, cr == 0);
		return CC_END;
	}
	cur_skip(in, 1);
	smtp->bol = false;
	return CC_OK;
}

static enum cc_status
feed_data(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	if (smtp->state == C_DATA && !smtp->data_any && smtp->greeted && smtp->wait_count > 0 &&
	    smtp->wait[(smtp->wait_first + smtp->wait_count - 1) % SMTP_PIPELINE].command == SMTP_DATA && !smtp->lost)
		cc_anomaly(ctx, smtp->tx, A_PIPELINED);
	while (cur_left(in) > 0) {
		struct slice rest = cur_rest(in);
		const uint8_t *at;
		size_t size;

		switch (was_refused(smtp, rest)) {
		case CC_OK:
			smtp->state = C_COMMAND;
			return CC_OK;
		case CC_MORE:
			return CC_MORE;
		default:
			break;
		}
		if (smtp->bol && rest.p[0] == '.') {
			enum cc_status st = dot(ctx, smtp, in);

			if (st == CC_OK)
				continue;
			return st == CC_END ? CC_OK : CC_MORE;
		}
		at = memmem(
		    rest.p, rest.size, smtp->state == C_REJECTED ? "\n" : "\n.", smtp->state == C_REJECTED ? 1 : 2);
		size = at != NULL ? (size_t)(at - rest.p) + 1 : rest.size;
		smtp->bol = rest.p[size - 1] == '\n';
		smtp->crlf = size > 1 ? rest.p[size - 2] == '\r' : smtp->last_cr;
		smtp->last_cr = rest.p[size - 1] == '\r';
		if (smtp->state == C_DATA)
			mail_bytes(ctx, smtp, slice_of(rest.p, size));
		cur_skip(in, size);
	}
	return CC_OK;
}

static void
feed_bdat(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	size_t size = cur_left(in) < smtp->bdat_left ? cur_left(in) : (size_t)smtp->bdat_left;

	mail_bytes(ctx, smtp, cur_take(in, size));
	smtp->bdat_left -= size;
	if (smtp->bdat_left > 0)
		return;
	smtp->state = C_COMMAND;
	if (smtp->bdat_last)
		smtp_mail_end(ctx, smtp, true);
}

/* ---- the client's side ---- */

static enum cc_status
feed_command(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	size_t limit = (size_t)cc_limit(ctx, "smtp.line_limit");
	struct slice rest = cur_rest(in), line;
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);
	size_t size = lf != NULL ? (size_t)(lf - rest.p) + 1 : rest.size;

	if (smtp->starttls && rest.p[0] == 0x16) { /* a TLS handshake, though the server's consent wasn't seen */
		if (rest.size < 2)
			return CC_MORE;
		if (rest.p[1] == 3) {
			smtp_tx_finish(ctx, smtp, smtp->tx);
			cc_switch(ctx);
			return CC_END;
		}
	}
	if (lf == NULL && size < limit)
		return CC_MORE;
	line = slice_of(rest.p, size);
	smtp->state = lf != NULL ? C_COMMAND : C_SKIP;
	if (size > limit || lf == NULL) {
		line.size = limit;
		cc_anomaly(ctx, smtp->tx, A_TRUNCATED_LINE);
		cc_anomaly(ctx, smtp->tx, A_COMMAND_TOO_LONG);
	} else {
		line.size--;
	}
	if (line.size > 0 && line.p[line.size - 1] == '\r')
		line.size--;
	smtp->client_seen = true;
	cur_skip(in, size);
	return smtp_command(ctx, smtp, line);
}

static enum cc_status
feed_client(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	enum cc_status st = CC_OK;

	while (cur_left(in) > 0 && st == CC_OK) {
		struct slice rest = cur_rest(in);
		const uint8_t *lf;

		switch (smtp->state) {
		case C_COMMAND:
			st = feed_command(ctx, smtp, in);
			break;
		case C_SKIP:
			lf = memchr(rest.p, '\n', rest.size);
			cur_skip(in, lf != NULL ? (size_t)(lf - rest.p) + 1 : rest.size);
			if (lf != NULL)
				smtp->state = C_COMMAND;
			break;
		case C_BDAT:
			feed_bdat(ctx, smtp, in);
			break;
		default:
			st = feed_data(ctx, smtp, in);
			break;
		}
	}
	return st == CC_BAD ? CC_BAD : CC_OK;
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	return dir == CC_TO_SERVER ? feed_client(ctx, state, in) : smtp_feed_server(ctx, state, in);
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct smtp *smtp = state;

	if (dir == CC_TO_CLIENT) {
		smtp_server_gap(ctx, smtp);
		return CC_OK;
	}
	smtp->lost = true;
	smtp->auth = false;
	switch (smtp->state) {
	case C_DATA:
		if (smtp->mail == NULL && smtp->tx != NULL)
			smtp->mail = mail_open(ctx, smtp->tx, CC_TO_SERVER, &mail_table);
		mail_gap(ctx, smtp->mail, size);
		smtp->data_any = smtp->data_gap = true;
		smtp->bol = false;
		break;
	case C_BDAT:
		if (size <= smtp->bdat_left) {
			mail_gap(ctx, smtp->mail, size);
			smtp->bdat_left -= size;
			if (smtp->bdat_left > 0)
				break;
		} else {
			mail_gap(ctx, smtp->mail, smtp->bdat_left);
			smtp->bdat_left = 0;
		}
		if (smtp->bdat_last)
			smtp_mail_end(ctx, smtp, true);
		smtp->state = C_SKIP;
		break;
	case C_REJECTED:
		smtp->bol = false;
		break;
	default:
		smtp->state = C_SKIP;
		break;
	}
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct smtp *smtp = state;

	smtp->finished[dir] = true;
	if (dir == CC_TO_SERVER) {
		mail_close(ctx, smtp->mail, false);
		smtp->mail = NULL;
	}
	if (!smtp->finished[CC_TO_SERVER] || !smtp->finished[CC_TO_CLIENT])
		return;
	while (smtp->wait_count > 0) {
		struct cc_tx *tx = smtp->wait[smtp->wait_first].tx;

		smtp->wait_first = (uint16_t)((smtp->wait_first + 1) % SMTP_PIPELINE);
		smtp->wait_count--;
		if (tx != smtp->tx)
			smtp_tx_finish(ctx, smtp, tx);
	}
	smtp_tx_finish(ctx, smtp, smtp->tx);
}

static void
end(struct cc_ctx *ctx, void *state)
{
	struct smtp *smtp = state;

	mail_forget(ctx, smtp->mail);
}

const struct cc_parser smtp_parser = {
	.name = "smtp",
	.ports = "tcp/25 tcp/587 tcp/2525 tcp/24",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct smtp),
	.tx_size = sizeof(struct smtp_tx),
	.unit_max = 65536,
	.tcp = true,
	.server_first = true,
	.probe = smtp_probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = end,
};
