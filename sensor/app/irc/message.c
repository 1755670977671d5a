/*
 * A line of IRC to a transaction: who says what to whom, and with each who the flow's client is, as far as it has said
 * so.
 *
 * Passwords are never kept.  Replies that only fill a screen (lists, the message of the day) and PING make no
 * transaction.
 */
#include "app/irc/own.h"

static void
name_set(struct irc_name *name, struct slice text)
{
	name->size = (uint8_t)(text.size < IRC_NAME_MAX ? text.size : IRC_NAME_MAX);
	if (name->size > 0)
		memcpy(name->b, text.p, name->size);
}

static struct slice
name_of(const struct irc_name *name)
{
	return slice_of(name->b, name->size);
}

static bool
is(const struct irc_line *line, const char *command)
{
	return text_eq_nocase(line->command, command);
}

static void
put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice text)
{
	if (text.size > 0)
		cc_put_ref(ctx, tx, field, text);
}

/* Welcome, topic, operator, wrong password, banned; names of SASL. */
static bool
number_told(unsigned number)
{
	return number == 1 || number == 332 || number == 381 || number == 433 || number == 464 || number == 465 ||
	       number == 670 || (number >= 900 && number <= 908);
}

/* Nick and user, as the client says, the server repeats, or changes. */
static void
remember(struct irc_state *state, enum cc_dir dir, const struct irc_line *line)
{
	struct slice source = line->source;
	const uint8_t *mark = source.size > 0 ? memchr(source.p, '!', source.size) : NULL;

	if (mark != NULL)
		source.size = (size_t)(mark - source.p);
	if (line->count == 0)
		return;
	if (line->number == 1 && dir == CC_TO_CLIENT)
		name_set(&state->nick, line->param[0]);
	else if (is(line, "NICK") && (dir == CC_TO_SERVER || slice_eq(source, name_of(&state->nick))))
		name_set(&state->nick, line->param[0]);
	else if (is(line, "USER") && dir == CC_TO_SERVER)
		name_set(&state->user, line->param[0]);
}

/* "\001DCC SEND name address port size\001": a file, or a chat, straight between two clients. */
static void
put_ctcp(struct cc_ctx *ctx, struct irc_state *state, struct cc_tx *tx, enum cc_dir dir, struct slice text)
{
	struct slice word, name, addr, port;
	struct cc_addr host;
	uint64_t n, a, size;
	bool known, right, send;

	if (text.size < 2 || text.p[0] != 1)
		return;
	text = slice_of(text.p + 1, text.size - 1 - (text.p[text.size - 1] == 1));
	word = irc_word(&text);
	put(ctx, tx, IRC_F_CTCP, word);
	if (!text_eq_nocase(word, "DCC"))
		return;
	word = irc_word(&text);
	put(ctx, tx, IRC_F_DCC, word);
	send = text_eq_nocase(word, "SEND");
	if (text.size > 1 && text.p[0] == '"') {
		const uint8_t *quote = memchr(text.p + 1, '"', text.size - 1);

		name = slice_of(text.p + 1, quote != NULL ? (size_t)(quote - text.p) - 1 : text.size - 1);
		text = quote != NULL ? slice_of(quote + 1, text.size - name.size - 2) : slice_of("", 0);
		(void)irc_word(&text); /* the space behind it */
	} else {
		name = irc_word(&text);
	}
	put(ctx, tx, IRC_F_DCC_FILE, name);
	addr = irc_word(&text);
	port = irc_word(&text);
	known = digits_parse(addr, UINT32_MAX, &a);
	if (known) {
		uint8_t ip[4] = {(uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a};
		char room[CC_ADDR_TEXT];

		host = cc_addr4(ip);
		cc_put_text(ctx, tx, IRC_F_DCC_ADDR, cc_addr_text(&host, room));
	} else {
		put(ctx, tx, IRC_F_DCC_ADDR, addr);
	}
	right = digits_parse(port, 65535, &n);
	if (right)
		cc_put_uint(ctx, tx, IRC_F_DCC_PORT, n);
	else
		irc_report(ctx, state, tx, IRC_INVALID_DCC);
	if (digits_parse(irc_word(&text), UINT64_MAX, &size))
		cc_put_uint(ctx, tx, IRC_F_DCC_SIZE, size);
	else
		size = UINT64_MAX;
	if (send && known && right && n > 0) /* port 0: the other is to listen */
		irc_dcc_expect(ctx, dir, name, &host, (uint16_t)n, size);
}

/* What a service is told: "IDENTIFY name password", "LOGIN …", "REGISTER …". */
static bool
is_secret_message(const struct irc_line *line)
{
	struct slice text = irc_text(line), word = irc_word(&text);
	struct slice to = line->count > 0 ? line->param[0] : slice_of("", 0);

	if (to.size > 8 && to.p[8] == '@')
		to.size = 8;
	return (text_eq_nocase(to, "nickserv") || text_eq_nocase(to, "authserv") || text_eq_nocase(to, "chanserv") ||
	    (to.size == 1 && (to.p[0] == 'Q' || to.p[0] == 'X'))) &&
	    (text_eq_nocase(word, "identify") || text_eq_nocase(word, "login") || text_eq_nocase(word, "auth") ||
	    text_eq_nocase(word, "register") || text_eq_nocase(word, "ghost"));
}

/* Lines with a password in them: what may be told of those.  false: it is none. */
static bool
put_secret(struct cc_ctx *ctx, struct irc_state *state, struct cc_tx *tx, enum cc_dir dir, const struct irc_line *line)
{
	struct slice text;

	if (dir != CC_TO_SERVER)
		return false;
	if (is(line, "AUTHENTICATE") && line->count > 0) {
		if (!state->secret) {
			put(ctx, tx, IRC_F_TARGET, line->param[0]);
			state->secret = text_eq_nocase(line->param[0], "PLAIN");
			return true;
		}
		state->secret = false;
		irc_report(ctx, state, tx, IRC_CREDENTIALS);
		return true;
	}
	if (is(line, "PASS")) {
		if (line->count > 0 && line->param[0].size > 0)
			irc_report(ctx, state, tx, IRC_CREDENTIALS);
		return true;
	}
	if (is(line, "OPER") && line->count > 1) {
		put(ctx, tx, IRC_F_TARGET, line->param[0]);
		irc_report(ctx, state, tx, IRC_CREDENTIALS);
		return true;
	}
	if ((is(line, "PRIVMSG") || is(line, "NOTICE")) && is_secret_message(line)) {
		text = irc_text(line);
		put(ctx, tx, IRC_F_TARGET, line->param[0]);
		put(ctx, tx, IRC_F_TEXT, irc_word(&text));
		irc_report(ctx, state, tx, IRC_CREDENTIALS);
		return true;
	}
	return false;
}

static void
put_params(struct cc_ctx *ctx, struct irc_state *state, struct cc_tx *tx, enum cc_dir dir, const struct irc_line *line)
{
	unsigned count = line->count - line->has_text, at = 0;

	if (is(line, "USER") && dir == CC_TO_SERVER) {
		if (line->count > 3)
			put(ctx, tx, IRC_F_REALNAME, line->param[line->count - 1]);
		return;
	}
	if (is(line, "QUIT") || is(line, "ERROR")) {
		put(ctx, tx, IRC_F_TEXT, line->count > 0 ? line->param[line->count - 1] : slice_of("", 0));
		return;
	}
	/* Whom a reply is for stands before what it is about. */
	if (line->number > 0 && count > 1)
		at = 1;
	/* Some write "JOIN :#channel". */
	if (line->count == 1 && line->has_text) {
		put(ctx, tx, IRC_F_TARGET, line->param[0]);
		return;
	}
	if (at < count)
		put(ctx, tx, IRC_F_TARGET, line->param[at++]);
	for (; at < count; at++)
		put(ctx, tx, IRC_F_PARAMS, line->param[at]);
	if (line->has_text) {
		put(ctx, tx, IRC_F_TEXT, irc_text(line));
		put_ctcp(ctx, state, tx, dir, irc_text(line));
	}
}

bool
irc_message(struct cc_ctx *ctx, struct irc_state *state, enum cc_dir dir, const struct irc_line *line)
{
	struct cc_tx *tx;

	remember(state, dir, line);
	if (line->number > 0 ? !number_told(line->number) : is(line, "PING") || is(line, "PONG"))
		return false;
	tx = cc_tx_new(ctx);
	put(ctx, tx, IRC_F_COMMAND, line->command);
	put(ctx, tx, IRC_F_SOURCE, line->source);
	/* Copies: another line of this packet may change them, or STARTTLS end the state that they are in. */
	if (state->nick.size > 0)
		cc_put(ctx, tx, IRC_F_NICK, name_of(&state->nick));
	if (state->user.size > 0)
		cc_put(ctx, tx, IRC_F_USER, name_of(&state->user));
	put(ctx, tx, IRC_F_TAGS, line->tags);
	if (!put_secret(ctx, state, tx, dir, line))
		put_params(ctx, state, tx, dir, line);
	if (state->starttls && dir == CC_TO_SERVER)
		irc_report(ctx, state, tx, IRC_INJECTION);
	state->starttls = (state->starttls && dir == CC_TO_CLIENT) || (dir == CC_TO_SERVER && is(line, "STARTTLS"));
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return dir == CC_TO_CLIENT && line->number == 670 && state->starttls;
}
