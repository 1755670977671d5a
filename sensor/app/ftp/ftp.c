/*
 * FTP's control connection (RFC 959, 2228, 2428, 3659): lines in, a transaction for each command and its replies out.
 *
 *     "220 ready" CR LF  or  "220-first" CR LF … "220 last" CR LF
 *
 * Replies belong to the oldest command without one; 1xx is not the last word.  A reply that no command is here for is a
 * transaction of its own (the greeting).  PORT, PASV and their kin announce a data connection, which ftp-data takes;
 * AUTH TLS hands the flow over to TLS.
 */
#include "app/ftp/own.h"

static const struct cc_field ftp_fields[FTP_F_COUNT] = {
	[FTP_F_COMMAND] = {"ftp.command", "command", CC_BYTES, CC_REQUEST, "Command, in upper case."},
	[FTP_F_COMMAND_DATA] = {"ftp.command_data", "command_data", CC_BYTES, CC_REQUEST, "What the command is given."},
	[FTP_F_COMMAND_TRUNCATED] = {NULL, "command_truncated", CC_FLAG, CC_REQUEST,
	    "The command was longer than is kept."},
	[FTP_F_CODE] = {"ftp.completion_code", "completion_code", CC_BYTES, CC_RESPONSE | CC_MULTI,
	    "Codes of the replies."},
	[FTP_F_REPLY] = {"ftp.reply", "reply", CC_BYTES, CC_RESPONSE | CC_MULTI, "Text of the replies, line by line."},
	[FTP_F_REPLY_TRUNCATED] = {NULL, "reply_truncated", CC_FLAG, CC_RESPONSE,
	    "The replies were longer than is kept."},
	[FTP_F_DYNAMIC_PORT] = {"ftp.dynamic_port", "dynamic_port", CC_UINT, CC_REQUEST | CC_RESPONSE,
	    "Port of the data connection that was agreed."},
	[FTP_F_MODE] = {"ftp.mode", "mode", CC_BYTES, CC_REQUEST | CC_RESPONSE,
	    "Who opens the data connection: \"active\" the server, \"passive\" the client."},
	[FTP_F_REPLY_RECEIVED] = {"ftp.reply_received", "reply_received", CC_BYTES, CC_RESPONSE,
	    "Whether the command was answered, \"yes\" or \"no\"."},
};

static const struct cc_anomaly ftp_anomalies[FTP_ANOMALY_COUNT] = {
	[FTP_REQUEST_TOO_LONG] = {"request_command_too_long", "A command is longer than 4096 bytes."},
	[FTP_RESPONSE_TOO_LONG] = {"response_command_too_long", "A reply is very long."},
	[FTP_PLAINTEXT_PASSWORD] = {"plaintext_credentials", "A user's password went by in clear."},
	[FTP_PORT_BOUNCE] = {"port_bounce", "The client wants data sent to another host than itself."},
	[FTP_PASSIVE_REDIRECT] = {"passive_redirect", "The server names another host than itself for the data."},
	[FTP_INVALID_PORT] = {"invalid_port", "What names a data port can't be read."},
	[FTP_REPLY_WITHOUT_CODE] = {"reply_without_code", "A reply has no code."},
	[FTP_TOO_MANY_COMMANDS] = {"too_many_commands", "Very many commands wait for their reply."},
	[FTP_TRANSFER_FAILED] = {"transfer_failed", "The server gave up a transfer that had begun."},
};

static void
report(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported = (uint16_t)(state->reported | 1u << anomaly);
	cc_anomaly(ctx, tx, anomaly);
}

static struct ftp_tx *
own_of(const struct cc_tx *tx)
{
	return tx->own;
}

/* Out of the list and told. */
static void
tell(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx)
{
	struct cc_tx **link = &state->first, *before = NULL;

	while (*link != tx) {
		before = *link;
		link = &own_of(*link)->next;
	}
	*link = own_of(tx)->next;
	if (state->last == tx)
		state->last = before;
	state->count--;
	if (state->reply == tx)
		state->reply = NULL;
	if (own_of(tx)->reply_cut)
		cc_put_uint(ctx, tx, FTP_F_REPLY_TRUNCATED, 1);
	cc_put_text(ctx, tx, FTP_F_REPLY_RECEIVED, own_of(tx)->answered ? "yes" : "no");
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

static void
tell_all(struct cc_ctx *ctx, struct ftp_state *state)
{
	while (state->first != NULL)
		tell(ctx, state, state->first);
}

static struct cc_tx *
begin(struct cc_ctx *ctx, struct ftp_state *state)
{
	struct cc_tx *tx;

	if (state->count == FTP_PIPELINE) {
		report(ctx, state, NULL, FTP_TOO_MANY_COMMANDS);
		tell(ctx, state, state->first);
	}
	tx = cc_tx_new(ctx);
	if (tx == NULL)
		return NULL;
	if (state->last != NULL)
		own_of(state->last)->next = tx;
	else
		state->first = tx;
	state->last = tx;
	state->count++;
	return tx;
}

/* ---- commands ---- */

/* The data connection as far as it is known: announced anew with each command that would use it. */
static void
expect_data(struct cc_ctx *ctx, const struct ftp_state *state, enum ftp_word word, struct slice name)
{
	uint8_t note[FTP_NOTE_SIZE + 1000];

	if (!state->listens)
		return;
	if (name.size > sizeof(note) - FTP_NOTE_SIZE)
		name.size = sizeof(note) - FTP_NOTE_SIZE;
	note[FTP_NOTE_WORD] = (uint8_t)word;
	note[FTP_NOTE_PART] = state->restart;
	if (name.size > 0)
		memcpy(note + FTP_NOTE_SIZE, name.p, name.size);
	cc_expect(ctx, state->listener, &state->addr, state->port, &ftp_data_parser,
	    slice_of(note, FTP_NOTE_SIZE + name.size));
}

static void
listens(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx, enum cc_dir listener)
{
	state->listens = true;
	state->listener = listener;
	cc_put_uint(ctx, tx, FTP_F_DYNAMIC_PORT, state->port);
	/* The command that uses it comes before the first byte, but may be seen behind it. */
	expect_data(ctx, state, FTP_UNKNOWN, slice_of(NULL, 0));
}

static void
port_command(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx, const struct ftp_command *command)
{
	struct cc_addr client = cc_side_addr(ctx, CC_TO_SERVER), addr;
	bool right = command->word == FTP_PORT ? ftp_port_read(command->argument, true, &addr, &state->port) :
	    ftp_eprt_read(command->argument, &addr, &state->port);

	cc_put_text(ctx, tx, FTP_F_MODE, "active");
	state->listens = false;
	if (!right) {
		report(ctx, state, tx, FTP_INVALID_PORT);
		return;
	}
	state->addr = addr;
	if (cc_addr_cmp(&client, &addr) != 0)
		report(ctx, state, tx, FTP_PORT_BOUNCE);
	listens(ctx, state, tx, CC_TO_SERVER);
}

static void
effect(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx, const struct ftp_command *command)
{
	struct slice arg = command->argument;

	switch (command->word) {
	case FTP_USER:
		state->anonymous = text_eq_nocase(arg, "anonymous") || text_eq_nocase(arg, "ftp");
		break;
	case FTP_PASS:
		if (!state->anonymous && arg.size > 0)
			report(ctx, state, tx, FTP_PLAINTEXT_PASSWORD);
		break;
	case FTP_PORT:
	case FTP_EPRT:
		port_command(ctx, state, tx, command);
		break;
	case FTP_PASV:
	case FTP_EPSV:
		cc_put_text(ctx, tx, FTP_F_MODE, "passive");
		break;
	case FTP_REST:
		state->restart = arg.size > 0 && !slice_is(arg, "0");
		break;
	case FTP_RETR:
	case FTP_STOR:
	case FTP_STOU:
	case FTP_APPE:
	case FTP_LIST:
	case FTP_NLST:
	case FTP_MLSD:
		expect_data(ctx, state, command->word, arg);
		state->restart = false;
		break;
	default:
		break;
	}
}

/* The transaction whose reply was here before its command. */
static struct cc_tx *
without_command(const struct ftp_state *state)
{
	for (struct cc_tx *tx = state->first; tx != NULL; tx = own_of(tx)->next)
		if (own_of(tx)->lacks_command)
			return tx;
	return NULL;
}

static void
command_line(struct cc_ctx *ctx, struct ftp_state *state, struct slice line, bool cut)
{
	struct cc_tx *tx = without_command(state);
	struct ftp_command command;

	ftp_command_read(line, &command);
	if (command.upper[0] == '\0')
		return;
	if (tx == NULL)
		tx = begin(ctx, state);
	if (tx == NULL) {
		effect(ctx, state, NULL, &command);
		return;
	}
	own_of(tx)->lacks_command = false;
	cc_put_text(ctx, tx, FTP_F_COMMAND, command.upper);
	if (command.argument.size > 0)
		cc_put(ctx, tx, FTP_F_COMMAND_DATA, command.argument);
	if (cut)
		cc_put_uint(ctx, tx, FTP_F_COMMAND_TRUNCATED, 1);
	if (line.size > FTP_LINE_LONG)
		report(ctx, state, tx, FTP_REQUEST_TOO_LONG);
	own_of(tx)->transfer = command.word == FTP_RETR || command.word == FTP_STOR || command.word == FTP_STOU ||
	    command.word == FTP_APPE;
	effect(ctx, state, tx, &command);
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	if (own_of(tx)->answered || state->side[CC_TO_CLIENT].finished)
		tell(ctx, state, tx);
}

/* ---- replies ---- */

static void
passive(struct cc_ctx *ctx, struct ftp_state *state, struct cc_tx *tx, const struct ftp_line *line)
{
	struct cc_addr server = cc_side_addr(ctx, CC_TO_CLIENT), addr = server;
	bool right = line->code == 227 ? ftp_port_read(line->text, false, &addr, &state->port) :
	    ftp_epsv_read(line->text, &state->port);

	state->listens = false;
	if (!right) {
		report(ctx, state, tx, FTP_INVALID_PORT);
		return;
	}
	state->addr = addr;
	if (cc_addr_cmp(&server, &addr) != 0)
		report(ctx, state, tx, FTP_PASSIVE_REDIRECT);
	listens(ctx, state, tx, CC_TO_CLIENT);
}

/* The transaction that a new reply belongs to; NULL: no memory. */
static struct cc_tx *
reply_begin(struct cc_ctx *ctx, struct ftp_state *state, unsigned code)
{
	bool hello = !state->greeted && (code == 220 || code == 120 || code == 421);
	struct cc_tx *tx = hello ? NULL : state->first;

	while (tx != NULL && own_of(tx)->answered)
		tx = own_of(tx)->next;
	if (tx == NULL) {
		tx = begin(ctx, state);
		/* Identified by the server's words: the client's are still kept back, and come soon. */
		if (tx != NULL && !hello && !state->client_began)
			own_of(tx)->lacks_command = true;
	}
	return tx;
}

static void
put_reply(struct cc_ctx *ctx, struct ftp_state *state, const struct ftp_line *line, bool cut)
{
	struct cc_tx *tx = state->reply;
	char code[4];

	if (tx == NULL)
		return;
	if (line->text.size > FTP_LINE_LONG || own_of(tx)->lines == FTP_REPLY_LINES)
		report(ctx, state, tx, FTP_RESPONSE_TOO_LONG);
	own_of(tx)->reply_cut |= cut || own_of(tx)->lines == FTP_REPLY_LINES;
	if (own_of(tx)->lines == FTP_REPLY_LINES)
		return;
	own_of(tx)->lines++;
	if (line->code != 0) {
		for (unsigned i = 0, n = line->code; i < 3; i++, n /= 10)
			code[2 - i] = (char)('0' + n % 10);
		code[3] = '\0';
		cc_put_text(ctx, tx, FTP_F_CODE, code);
	}
	cc_put(ctx, tx, FTP_F_REPLY, line->text);
}

/* The reply is whole.  True: what follows is TLS. */
static bool
reply_end(struct cc_ctx *ctx, struct ftp_state *state, const struct ftp_line *line)
{
	struct cc_tx *tx = state->reply;

	state->reply = NULL;
	state->multi = 0;
	if (line->code >= 200)
		state->greeted = true;
	if (line->code == 227 || line->code == 229)
		passive(ctx, state, tx, line);
	if (tx != NULL) {
		if (line->code >= 400 && own_of(tx)->transfer && own_of(tx)->begun)
			cc_anomaly(ctx, tx, FTP_TRANSFER_FAILED);
		own_of(tx)->begun |= line->code >= 100 && line->code < 200;
		cc_tx_update(ctx, tx, CC_TO_CLIENT);
		if (line->code >= 200) {
			own_of(tx)->answered = true;
			if (!own_of(tx)->lacks_command)
				tell(ctx, state, tx);
		}
	}
	return line->code == 234;
}

static bool
reply_line(struct cc_ctx *ctx, struct ftp_state *state, struct slice text, bool cut)
{
	struct ftp_line line;

	ftp_line_read(text, &line);
	if (state->multi == 0) {
		if (line.code == 0 && text.size == 0)
			return false;
		state->reply = reply_begin(ctx, state, line.code);
		if (line.code == 0) {
			report(ctx, state, state->reply, FTP_REPLY_WITHOUT_CODE);
			put_reply(ctx, state, &line, cut);
			state->reply = NULL;
			return false;
		}
		if (line.more)
			state->multi = line.code;
	}
	put_reply(ctx, state, &line, cut);
	if (state->multi != 0 && (line.code != state->multi || line.more))
		return false;
	return reply_end(ctx, state, &line);
}

/* ---- the parser ---- */

static enum cc_status
ftp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct ftp_state *state = own;
	struct slice line;
	bool cut;

	while (ftp_next_line(&state->side[dir].in_line, in, &line, &cut) == CC_OK) {
		if (dir == CC_TO_SERVER) {
			command_line(ctx, state, line, cut);
			state->client_began = true;
		} else if (reply_line(ctx, state, line, cut)) {
			tell_all(ctx, state);
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
	}
	return CC_OK;
}

/* Which reply answers which command can't be told any more behind a gap of the server. */
static enum cc_status
ftp_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct ftp_state *state = own;

	(void)size;
	state->side[dir].in_line = true;
	if (dir == CC_TO_SERVER) {
		state->client_began = true;
		return CC_OK;
	}
	state->greeted = true;
	state->multi = 0;
	tell_all(ctx, state);
	return CC_OK;
}

static void
ftp_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct ftp_state *state = own;

	state->side[dir].finished = true;
	if (dir == CC_TO_CLIENT || state->side[CC_TO_CLIENT].finished)
		tell_all(ctx, state);
}

const struct cc_parser ftp_parser = {
	.name = "ftp",
	.ports = "tcp/21",
	.fields = ftp_fields,
	.field_count = FTP_F_COUNT,
	.anomalies = ftp_anomalies,
	.anomaly_count = FTP_ANOMALY_COUNT,
	.state_size = sizeof(struct ftp_state),
	.tx_size = sizeof(struct ftp_tx),
	.unit_max = 2 * FTP_LINE_MAX,
	.tcp = true,
	.server_first = true,
	.probe = ftp_probe,
	.feed = ftp_feed,
	.gap = ftp_gap,
	.finish = ftp_finish,
};
