/*
 * The server's replies (RFC 5321, 4.2): three digits, of several lines the last counts, each for the oldest command
 * that waits for one.
 */
#include "app/smtp/own.h"

static bool
reply_code(struct slice line, unsigned *ret_code, bool *ret_last)
{
	unsigned code = 0;

	if (line.size < 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
		code = code * 10 + (line.p[i] - '0');
	}
	if (code < 200 || code > 599 || (line.size > 3 && line.p[3] != ' ' && line.p[3] != '-'))
		return false;
	*ret_code = code;
	*ret_last = line.size == 3 || line.p[3] == ' ';
	return true;
}

/* The first reply: a greeting, unless the beginning wasn't seen.  true: it belongs to no command. */
static bool
greeting(struct cc_ctx *ctx, struct smtp *smtp, unsigned code, struct slice line)
{
	const struct smtp_wait *first = smtp->wait_count > 0 ? &smtp->wait[smtp->wait_first] : NULL;
	struct slice text = mime_trim(mime_drop(line, 4));

	smtp->greeted = true;
	if (code == 220 && (first == NULL || first->command != SMTP_STARTTLS)) {
		smtp->banner_size = (uint16_t)(text.size < SMTP_BANNER_MAX ? text.size : SMTP_BANNER_MAX);
		memcpy(smtp->banner, text.p, smtp->banner_size);
		if (smtp->tx != NULL)
			cc_put(ctx, smtp->tx, F_BANNER, slice_of(smtp->banner, smtp->banner_size));
		return true;
	}
	if (first == NULL)
		return code == 421 || code == 554 || !smtp->client_seen;
	if (first->command == SMTP_HELO && !cc_is_midstream(ctx))
		cc_anomaly(ctx, smtp->tx, A_NO_WELCOME);
	return false;
}

static void
data_rejected(struct cc_ctx *ctx, struct smtp *smtp, struct cc_tx *tx)
{
	cc_anomaly(ctx, tx, A_DATA_REJECTED);
	if (smtp->lost || smtp->state != C_DATA || smtp->tx != tx)
		return;
	mail_close(ctx, smtp->mail, false);
	smtp->mail = NULL;
	smtp->lost = smtp->data_any; /* each line of it may be replied to */
	smtp->state = smtp->data_any ? C_REJECTED : C_COMMAND;
}

static void
matched(struct cc_ctx *ctx, struct smtp *smtp, const struct smtp_wait *wait, unsigned code)
{
	bool refused = code >= 400;

	switch (wait->command) {
	case SMTP_MAIL:
		if (refused && wait->tx != NULL)
			smtp_tx(wait->tx)->rejected = true;
		break;
	case SMTP_DATA:
		if (refused)
			data_rejected(ctx, smtp, wait->tx);
		break;
	case SMTP_STARTTLS:
		smtp->starttls = !refused;
		if (refused) {
			cc_anomaly(ctx, wait->tx, A_TLS_REJECTED);
			break;
		}
		if (wait->tx != NULL) {
			cc_put_uint(ctx, wait->tx, F_STARTTLS, 1);
			smtp_tx_finish(ctx, smtp, wait->tx);
		}
		cc_switch_to(ctx, "tls");
		break;
	case SMTP_AUTH:
		smtp->auth = false;
		break;
	case SMTP_END:
		if (wait->tx != NULL)
			cc_put_uint(ctx, wait->tx, F_REPLY, code);
		smtp_tx_finish(ctx, smtp, wait->tx);
		break;
	case SMTP_RSET:
	case SMTP_QUIT:
		smtp_tx_finish(ctx, smtp, wait->tx);
		break;
	default:
		break;
	}
}

/* "Go ahead" has one meaning only: where replies went missing, it tells where they stand. */
static void
go_ahead(struct cc_ctx *ctx, struct smtp *smtp)
{
	unsigned n = 0;

	while (n < smtp->wait_count && smtp->wait[(smtp->wait_first + n) % SMTP_PIPELINE].command != SMTP_DATA)
		n++;
	if (n == smtp->wait_count)
		return;
	for (; n > 0; n--) {
		struct cc_tx *tx = smtp->wait[smtp->wait_first].tx;

		smtp->wait_first = (uint16_t)((smtp->wait_first + 1) % SMTP_PIPELINE);
		smtp->wait_count--;
		if (tx != smtp->tx)
			smtp_tx_finish(ctx, smtp, tx);
	}
}

/* CC_END: another protocol follows. */
static enum cc_status
reply(struct cc_ctx *ctx, struct smtp *smtp, unsigned code, struct slice line)
{
	struct smtp_wait wait;

	smtp->server_seen = true;
	if (!smtp->greeted && greeting(ctx, smtp, code, line))
		return CC_OK;
	if (code == 354)
		go_ahead(ctx, smtp);
	if (smtp->wait_count == 0) {
		if (smtp->state == C_DATA && smtp->data_gap) { /* the end of the mail was not seen, but taken */
			cc_put_uint(ctx, smtp->tx, F_REPLY, code);
			smtp_tx_finish(ctx, smtp, smtp->tx);
			smtp->state = C_SKIP;
		} else if (smtp->client_seen && !smtp->lost && !smtp->lmtp && code != 421 && !smtp->told_reply) {
			smtp->told_reply = true;
			cc_anomaly(ctx, smtp->tx, A_UNMATCHED_REPLY);
		}
		return CC_OK;
	}
	wait = smtp->wait[smtp->wait_first];
	if (wait.command == SMTP_AUTH && code / 100 == 3)
		return CC_OK;
	smtp->wait_first = (uint16_t)((smtp->wait_first + 1) % SMTP_PIPELINE);
	smtp->wait_count--;
	matched(ctx, smtp, &wait, code);
	return wait.command == SMTP_STARTTLS && code < 400 ? CC_END : CC_OK;
}

static enum cc_status
reply_line(struct cc_ctx *ctx, struct smtp *smtp, struct slice line)
{
	unsigned code;
	bool last;

	while (line.size > 0 && line.p[line.size - 1] == '\r')
		line.size--;
	if (!reply_code(line, &code, &last)) {
		if (line.size == 0)
			return CC_OK;
		if (smtp->bad++ == 0)
			cc_anomaly(ctx, smtp->tx, A_INVALID_REPLY);
		return smtp->bad > SMTP_BAD_MAX ? CC_BAD : CC_OK;
	}
	return last ? reply(ctx, smtp, code, line) : CC_OK;
}

enum cc_status
smtp_feed_server(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in)
{
	size_t limit = (size_t)cc_limit(ctx, "smtp.line_limit");

	while (cur_left(in) > 0) {
		struct slice rest = cur_rest(in), line;
		const uint8_t *lf = memchr(rest.p, '\n', rest.size);
		size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;
		enum cc_status st = CC_OK;

		if (lf == NULL && size < limit && !smtp->server_skip)
			return CC_MORE;
		line = slice_of(rest.p, size < limit ? size : limit);
		cur_skip(in, size + (lf != NULL));
		if (!smtp->server_skip) {
			if (size > limit)
				cc_anomaly(ctx, smtp->tx, A_REPLY_TOO_LONG);
			st = reply_line(ctx, smtp, line);
		}
		smtp->server_skip = lf == NULL;
		if (st == CC_BAD)
			return CC_BAD;
		if (st == CC_END)
			return CC_OK;
	}
	return CC_OK;
}

void
smtp_server_gap(struct cc_ctx *ctx, struct smtp *smtp)
{
	smtp->server_skip = true;
	smtp->greeted = smtp->lost = true;
	smtp->auth = false;
	while (smtp->wait_count > 0) {
		struct smtp_wait wait = smtp->wait[smtp->wait_first];

		smtp->wait_first = (uint16_t)((smtp->wait_first + 1) % SMTP_PIPELINE);
		smtp->wait_count--;
		if (wait.tx != NULL && wait.tx != smtp->tx)
			smtp_tx_finish(ctx, smtp, wait.tx);
	}
}
