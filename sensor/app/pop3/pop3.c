/*
 * POP3 (RFC 1939, 2449, 2595, 5034): lines in, a transaction for each command and its reply out; the mail of RETR and
 * TOP goes through smtp's MIME reader.
 *
 *     client: COMMAND arguments CR LF        server: "+OK text" or "-ERR text" CR LF
 *             answer to AUTH CR LF                   "+ challenge" CR LF
 *                                                    lines, then "." CR LF, behind some commands' +OK
 *
 * Replies come in the order of the commands, so each waits in a list.  STLS hands the flow over to TLS.  Thread: the
 * worker's.
 */
#include "app/pop3/own.h"

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/pop3/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/pop3/anomalies.def"
#undef ANOMALY
};

static const struct mail_table mail_table = {
    .field = {[MAIL_STATUS] = F_MAIL_STATUS, [MAIL_FROM] = F_FROM, [MAIL_TO] = F_TO, [MAIL_CC] = F_CC,
	[MAIL_SUBJECT] = F_SUBJECT, [MAIL_SUBJECT_TEXT] = F_SUBJECT_TEXT, [MAIL_DATE] = F_DATE,
	[MAIL_MESSAGE_ID] = F_MESSAGE_ID, [MAIL_X_MAILER] = F_X_MAILER, [MAIL_RECEIVED] = F_RECEIVED,
	[MAIL_ATTACHMENT] = F_ATTACHMENT, [MAIL_URL] = F_URL, [MAIL_URL_WHOLE] = F_URL_WHOLE},
    .odd = {[MIME_BAD_HEADER] = A_MIME_MALFORMED, [MIME_LONG_NAME] = A_MIME_NAME, [MIME_LONG_VALUE] = A_MIME_VALUE,
	[MIME_LONG_HEAD] = A_MIME_HEAD, [MIME_LONG_LINE] = A_MIME_LINE, [MIME_LONG_ENCODED] = A_MIME_ENC_LINE,
	[MIME_LONG_BOUNDARY] = A_MIME_BOUNDARY, [MIME_LONG_FILENAME] = A_MIME_FILENAME,
	[MIME_BAD_BASE64] = A_MIME_BASE64, [MIME_BAD_QP] = A_MIME_QP, [MIME_BAD_MULTIPART] = A_MIME_FAILED,
	[MIME_TOO_DEEP] = A_MIME_DEEP, [MIME_TOO_MANY] = A_MIME_MANY},
};

void
pop3_report(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, unsigned anomaly)
{
	if (anomaly < 16) {
		if ((pop3->reported >> anomaly & 1) != 0)
			return;
		pop3->reported = (uint16_t)(pop3->reported | 1u << anomaly);
	}
	cc_anomaly(ctx, tx, anomaly);
}

static struct pop3_tx *
own_of(const struct cc_tx *tx)
{
	return tx->own;
}

static void
tell(struct cc_ctx *ctx, struct cc_tx *tx)
{
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

/* The oldest, out of the list; NULL: none. */
static struct cc_tx *
shift(struct pop3 *pop3)
{
	struct cc_tx *tx = pop3->first;

	if (tx == NULL)
		return NULL;
	pop3->first = own_of(tx)->next;
	if (pop3->first == NULL)
		pop3->last = NULL;
	pop3->count--;
	return tx;
}

static void
tell_all(struct cc_ctx *ctx, struct pop3 *pop3)
{
	struct cc_tx *tx;

	while ((tx = shift(pop3)) != NULL)
		tell(ctx, tx);
}

static struct cc_tx *
push(struct cc_ctx *ctx, struct pop3 *pop3)
{
	struct cc_tx *tx;

	if (pop3->count == POP3_PIPELINE) {
		pop3_report(ctx, pop3, NULL, A_PIPELINED);
		tell(ctx, shift(pop3));
	}
	tx = cc_tx_new(ctx);
	if (tx == NULL)
		return NULL;
	if (pop3->last != NULL)
		own_of(pop3->last)->next = tx;
	else
		pop3->first = tx;
	pop3->last = tx;
	pop3->count++;
	return tx;
}

/* ---- the client ---- */

static void
put_args(struct cc_ctx *ctx, struct cc_tx *tx, struct slice arg)
{
	for (unsigned i = 0; i < 8 && arg.size > 0; i++) {
		size_t size = 0;

		while (size < arg.size && arg.p[size] != ' ')
			size++;
		cc_put(ctx, tx, F_ARG, slice_of(arg.p, size));
		arg = mime_trim(mime_drop(arg, size));
	}
}

static void
put_command(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, struct slice line)
{
	struct slice arg;
	enum pop3_word word = pop3_word_of(line, &arg);

	if (tx != NULL) {
		own_of(tx)->word = (uint8_t)word;
		own_of(tx)->several = word == POP3_CAPA || word == POP3_RETR || word == POP3_TOP ||
		    ((word == POP3_LIST || word == POP3_UIDL || word == POP3_AUTH) && arg.size == 0);
	}
	if (word != POP3_OTHER) {
		cc_put_text(ctx, tx, F_COMMAND, pop3_word_text(word));
	} else {
		uint8_t upper[16];
		size_t size = 0;

		for (; size < line.size && size < sizeof(upper) && line.p[size] != ' '; size++)
			upper[size] =
			    line.p[size] >= 'a' && line.p[size] <= 'z' ? (uint8_t)(line.p[size] - 32) : line.p[size];
		cc_put(ctx, tx, F_COMMAND, slice_of(upper, size));
		pop3_report(ctx, pop3, tx, A_UNKNOWN_COMMAND);
	}
	if (word == POP3_PASS && arg.size > 0)
		pop3_report(ctx, pop3, tx, A_CREDENTIALS);
	else if (word == POP3_AUTH && arg.size > 0)
		pop3_auth_begin(ctx, pop3, tx, arg);
	else if (word != POP3_OTHER)
		put_args(ctx, tx, arg);
	if (pop3->stls)
		pop3_report(ctx, pop3, tx, A_INJECTION);
	pop3->stls = word == POP3_STLS;
}

static void
command_line(struct cc_ctx *ctx, struct pop3 *pop3, struct slice line)
{
	struct cc_tx *tx = pop3->first;

	if (pop3->auth_left > 0) {
		pop3_auth_line(ctx, pop3, line);
		return;
	}
	if (line.size == 0)
		return;
	if (!pop3->client_began && tx != NULL && own_of(tx)->lacks_command) {
		(void)shift(pop3); /* its reply is here already */
		put_command(ctx, pop3, tx, line);
		cc_tx_update(ctx, tx, CC_TO_SERVER);
		tell(ctx, tx);
		return;
	}
	tx = push(ctx, pop3);
	put_command(ctx, pop3, tx, line);
	if (tx == NULL)
		return;
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
}

/* The next line without its end.  CC_MORE: not all here.  *ret_cut: the rest of it is to be passed by. */
static enum cc_status
next_line(struct cc_ctx *ctx, struct cur *in, struct slice *ret_line, bool *ret_cut)
{
	size_t limit = (size_t)cc_limit(ctx, "pop3.line_limit");
	struct slice rest = cur_rest(in);
	const uint8_t *lf = rest.size > 0 ? memchr(rest.p, '\n', rest.size) : NULL;
	size_t size = lf != NULL ? (size_t)(lf - rest.p) + 1 : rest.size;

	if (lf == NULL && size < limit)
		return CC_MORE;
	*ret_line = slice_of(rest.p, lf != NULL ? size - 1 : size);
	*ret_cut = lf == NULL;
	if (ret_line->size > limit)
		ret_line->size = limit;
	if (ret_line->size > 0 && ret_line->p[ret_line->size - 1] == '\r')
		ret_line->size--;
	cur_skip(in, size);
	return CC_OK;
}

/* The rest of a line that was cut.  false: it goes on. */
static bool
skip_line(struct cur *in)
{
	struct slice rest = cur_rest(in);
	const uint8_t *lf = rest.size > 0 ? memchr(rest.p, '\n', rest.size) : NULL;

	cur_skip(in, lf != NULL ? (size_t)(lf - rest.p) + 1 : rest.size);
	return lf != NULL;
}

static void
hand_over(struct cc_ctx *ctx, struct pop3 *pop3)
{
	tell_all(ctx, pop3);
	cc_switch_to(ctx, "tls");
}

static enum cc_status
feed_client(struct cc_ctx *ctx, struct pop3 *pop3, struct cur *in)
{
	struct slice line;
	bool cut;

	while (cur_left(in) > 0) {
		if (pop3->client_skip) {
			pop3->client_skip = !skip_line(in);
			continue;
		}
		if (pop3->stls && in->p[0] == 0x16) { /* a handshake, though the server's consent wasn't seen */
			hand_over(ctx, pop3);
			return CC_OK;
		}
		if (next_line(ctx, in, &line, &cut) != CC_OK)
			return CC_MORE;
		pop3->client_skip = cut;
		if (cut)
			pop3_report(ctx, pop3, NULL, A_COMMAND_TOO_LONG);
		command_line(ctx, pop3, line);
		pop3->client_began = true;
	}
	return CC_OK;
}

/* ---- the server ---- */

static void
reply_end(struct cc_ctx *ctx, struct pop3 *pop3, bool whole)
{
	mail_close(ctx, pop3->mail, whole);
	pop3->mail = NULL;
	if (pop3->reply != NULL)
		tell(ctx, pop3->reply);
	pop3->reply = NULL;
	pop3->server = S_LINE;
}

/* A first line of a reply.  true: what follows is TLS. */
static bool
status_line(struct cc_ctx *ctx, struct pop3 *pop3, struct slice line)
{
	bool good = mime_begins(line, "+ok"), bad = mime_begins(line, "-err");
	bool greeting = !pop3->greeted && !cc_is_midstream(ctx) && !pop3->client_began;
	bool early = !greeting && !pop3->client_began && pop3->first == NULL;
	struct slice text = mime_trim(mime_drop(line, good ? 3 : 4));
	struct cc_tx *tx;

	if (!good && !bad) {
		if (line.size == 0 || line.p[0] != '+') /* "+ challenge" */
			pop3_report(ctx, pop3, pop3->first, A_INVALID_REPLY);
		return false;
	}
	pop3->greeted = true;
	tx = greeting ? NULL : shift(pop3);
	if (tx == NULL && early)
		tx = push(ctx, pop3);
	else if (tx == NULL)
		tx = cc_tx_new(ctx);
	if (tx == NULL)
		return false;
	cc_put_uint(ctx, tx, F_SUCCESS, good);
	cc_put_text(ctx, tx, F_STATUS, good ? "OK" : "ERR");
	cc_put(ctx, tx, F_HEADER, text);
	cc_tx_update(ctx, tx, CC_TO_CLIENT);
	if (early) { /* its command is still on the way to here */
		own_of(tx)->lacks_command = true;
		return false;
	}
	if (own_of(tx)->word == POP3_AUTH)
		pop3->auth_left = 0;
	if (good && own_of(tx)->word == POP3_STLS) {
		tell(ctx, tx);
		return true;
	}
	if (bad && own_of(tx)->word == POP3_STLS)
		pop3->stls = false;
	pop3->reply = tx;
	if (good && own_of(tx)->several) {
		bool mail = own_of(tx)->word == POP3_RETR || own_of(tx)->word == POP3_TOP;

		pop3->server = mail ? S_MAIL : S_LIST;
		pop3->bol = true;
		pop3->flawed = false;
		if (mail)
			pop3->mail = mail_open(ctx, tx, CC_TO_CLIENT, &mail_table);
	} else {
		reply_end(ctx, pop3, true);
	}
	return false;
}

static void
list_line(struct cc_ctx *ctx, struct pop3 *pop3, struct slice line)
{
	if (slice_is(line, ".")) {
		cc_tx_update(ctx, pop3->reply, CC_TO_CLIENT);
		reply_end(ctx, pop3, true);
		return;
	}
	if (line.size > 0 && line.p[0] == '.')
		line = mime_drop(line, 1);
	if (pop3->reply != NULL && own_of(pop3->reply)->lines++ < POP3_LINES)
		cc_put(ctx, pop3->reply, F_DATA, line);
}

/* At a line's beginning.  CC_OK: go on; CC_MORE: too short to say; CC_END: the mail is over. */
static enum cc_status
mail_bol(struct cc_ctx *ctx, struct pop3 *pop3, struct cur *in)
{
	struct slice rest = cur_rest(in);
	size_t cr = rest.size > 1 && rest.p[1] == '\r';

	/* Behind a gap the mail's end may be missing: a reply shows it. */
	if (pop3->flawed && rest.size < 5 && rest.p[0] == '+' && !cc_is_last(ctx))
		return CC_MORE;
	if (pop3->flawed && mime_begins(rest, "+ok ")) {
		reply_end(ctx, pop3, false);
		return CC_END;
	}
	if (rest.p[0] != '.')
		return CC_OK;
	if (rest.size < 2 + cr)
		return CC_MORE;
	if (rest.p[1 + cr] == '\n') {
		bool all = pop3->reply == NULL || own_of(pop3->reply)->word != POP3_TOP; /* TOP cuts the body */

		cur_skip(in, 2 + cr);
		reply_end(ctx, pop3, all);
		return CC_END;
	}
	cur_skip(in, 1);
	return CC_OK;
}

static enum cc_status
feed_mail(struct cc_ctx *ctx, struct pop3 *pop3, struct cur *in)
{
	while (cur_left(in) > 0) {
		struct slice rest;
		const uint8_t *at;
		size_t size;

		if (pop3->bol) {
			enum cc_status st = mail_bol(ctx, pop3, in);

			if (st != CC_OK)
				return st == CC_END ? CC_OK : CC_MORE;
		}
		rest = cur_rest(in);
		at = pop3->flawed ? memchr(rest.p, '\n', rest.size) : memmem(rest.p, rest.size, "\n.", 2);
		size = at != NULL ? (size_t)(at - rest.p) + 1 : rest.size;
		pop3->bol = rest.p[size - 1] == '\n';
		mail_add(ctx, pop3->mail, slice_of(rest.p, size));
		cur_skip(in, size);
	}
	return CC_OK;
}

static enum cc_status
feed_server(struct cc_ctx *ctx, struct pop3 *pop3, struct cur *in)
{
	struct slice line;
	bool cut;

	while (cur_left(in) > 0) {
		if (pop3->server == S_MAIL) {
			if (feed_mail(ctx, pop3, in) != CC_OK)
				return CC_MORE;
			continue;
		}
		if (pop3->server == S_SKIP) {
			if (skip_line(in))
				pop3->server = pop3->reply != NULL ? S_LIST : S_LINE;
			continue;
		}
		if (next_line(ctx, in, &line, &cut) != CC_OK)
			return CC_MORE;
		if (pop3->server == S_LIST) {
			list_line(ctx, pop3, line);
		} else if (status_line(ctx, pop3, line)) {
			hand_over(ctx, pop3);
			return CC_OK;
		}
		if (cut) {
			pop3_report(ctx, pop3, pop3->reply, A_REPLY_TOO_LONG);
			if (pop3->server == S_MAIL)
				pop3->bol = false;
			else
				pop3->server = S_SKIP;
		}
	}
	return CC_OK;
}

/* ---- the parser ---- */

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	return dir == CC_TO_SERVER ? feed_client(ctx, state, in) : feed_server(ctx, state, in);
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct pop3 *pop3 = state;

	pop3->auth_left = 0;
	if (dir == CC_TO_SERVER) {
		pop3->client_skip = pop3->client_began = true;
		tell_all(ctx, pop3);
		return CC_OK;
	}
	pop3->greeted = true;
	if (pop3->server == S_MAIL) {
		mail_gap(ctx, pop3->mail, size);
		pop3->bol = false;
		pop3->flawed = true;
		return CC_OK;
	}
	/* Which reply is whose can't be told any more. */
	if (pop3->reply != NULL)
		reply_end(ctx, pop3, false);
	tell_all(ctx, pop3);
	pop3->server = S_SKIP;
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct pop3 *pop3 = state;

	pop3->finished[dir] = true;
	if (dir == CC_TO_CLIENT && pop3->reply != NULL)
		reply_end(ctx, pop3, false);
	if (pop3->finished[CC_TO_SERVER] && pop3->finished[CC_TO_CLIENT])
		tell_all(ctx, pop3);
}

static void
end(struct cc_ctx *ctx, void *state)
{
	mail_forget(ctx, ((struct pop3 *)state)->mail);
}

const struct cc_parser pop3_parser = {
	.name = "pop3",
	.ports = "tcp/110",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct pop3),
	.tx_size = sizeof(struct pop3_tx),
	.tcp = true,
	.server_first = true,
	.probe = pop3_probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = end,
};
