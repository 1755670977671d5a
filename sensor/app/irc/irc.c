/*
 * IRC (RFC 1459, RFC 2812, IRCv3): lines in, a transaction for each that says something out.  Either side may be
 * missing, and a gap is made good at the next line.
 */
#include "app/irc/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field irc_fields[IRC_F_COUNT] = {
	[IRC_F_COMMAND] = {"irc.command", "command", CC_BYTES, BOTH, "Command, or the number of a reply."},
	[IRC_F_SOURCE] = {"irc.source", "source", CC_BYTES, BOTH,
	    "Who says it, as the line says: \"nick!user@host\", a server."},
	[IRC_F_NICK] = {"irc.nick", "nick", CC_BYTES, BOTH, "Nick of the flow's client, as known."},
	[IRC_F_USER] = {"irc.user", "user", CC_BYTES, BOTH, "User's name of the flow's client, as known."},
	[IRC_F_REALNAME] = {"irc.realname", "realname", CC_BYTES, BOTH, "Real name that USER gives."},
	[IRC_F_TARGET] = {"irc.target", "target", CC_BYTES, BOTH,
	    "Channel or nick that it is about; OPER's name, a mechanism of SASL."},
	[IRC_F_PARAMS] = {"irc.params", "params", CC_BYTES, BOTH | CC_MULTI, "Further parameters."},
	[IRC_F_TEXT] = {"irc.text", "text", CC_BYTES, BOTH, "Text at the line's end."},
	[IRC_F_TAGS] = {"irc.tags", "tags", CC_BYTES, BOTH, "IRCv3's tags."},
	[IRC_F_CTCP] = {"irc.ctcp", "ctcp", CC_BYTES, BOTH, "Word of a client's question to another."},
	[IRC_F_DCC] = {"irc.dcc", "dcc.type", CC_BYTES, BOTH, "SEND, CHAT: a connection between clients is offered."},
	[IRC_F_DCC_FILE] = {"irc.dcc.file", "dcc.file", CC_BYTES, BOTH, "Name of the file offered."},
	[IRC_F_DCC_ADDR] = {"irc.dcc.addr", "dcc.addr", CC_BYTES, BOTH, "Address where it is offered."},
	[IRC_F_DCC_PORT] = {"irc.dcc.port", "dcc.port", CC_UINT, BOTH, "Port there."},
	[IRC_F_DCC_SIZE] = {"irc.dcc.size", "dcc.size", CC_UINT, BOTH, "Size of the file offered."},
};

static const struct cc_anomaly irc_anomalies[IRC_ANOMALY_COUNT] = {
	[IRC_CREDENTIALS] = {"plaintext_credentials", "A password went by in clear."},
	[IRC_LINE_TOO_LONG] = {"line_too_long", "A line is longer than irc.line_limit; the rest was passed by."},
	[IRC_INVALID_LINE] = {"invalid_line", "A line is none of IRC."},
	[IRC_INVALID_DCC] = {"invalid_dcc", "An offer between clients has no right port."},
	[IRC_INJECTION] = {"starttls_injection", "The client goes on in clear behind its STARTTLS."},
};

void
irc_report(struct cc_ctx *ctx, struct irc_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported = (uint8_t)(state->reported | 1u << anomaly);
	cc_anomaly(ctx, tx, anomaly);
}

/* The next line without its end.  CC_MORE: not all here. */
static enum cc_status
next_line(struct cc_ctx *ctx, struct irc_state *state, enum cc_dir dir, struct cur *in, struct slice *ret_line)
{
	size_t limit = (size_t)cc_limit(ctx, "irc.line_limit");
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);
	size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;

	if (lf == NULL && size < limit)
		return CC_MORE;
	if (size >= limit)
		irc_report(ctx, state, NULL, IRC_LINE_TOO_LONG);
	state->skip[dir] = lf == NULL;
	*ret_line = slice_of(rest.p, size < limit ? size : limit);
	while (ret_line->size > 0 && ret_line->p[ret_line->size - 1] == '\r')
		ret_line->size--;
	cur_skip(in, size + (lf != NULL));
	return CC_OK;
}

static void
skip_line(struct irc_state *state, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);

	cur_skip(in, lf != NULL ? (size_t)(lf - rest.p) + 1 : rest.size);
	state->skip[dir] = lf == NULL;
}

static enum cc_status
irc_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct irc_state *state = own;
	struct irc_line line;
	struct slice text;

	while (cur_left(in) > 0) {
		if (state->skip[dir]) {
			skip_line(state, dir, in);
			continue;
		}
		/* A handshake, though the server's consent wasn't seen. */
		if (state->starttls && dir == CC_TO_SERVER && in->p[0] == 0x16) {
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
		if (next_line(ctx, state, dir, in, &text) != CC_OK)
			return CC_MORE;
		if (text.size == 0)
			continue;
		if (!irc_read(text, &line)) {
			irc_report(ctx, state, NULL, IRC_INVALID_LINE);
		} else if (irc_message(ctx, state, dir, &line)) {
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
	}
	return CC_OK;
}

static enum cc_status
irc_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct irc_state *state = own;

	(void)ctx;
	(void)size;
	state->skip[dir] = true;
	return CC_OK;
}

const struct cc_parser irc_parser = {
	.name = "irc",
	.ports = "tcp/6667 tcp/6660 tcp/6666 tcp/6668 tcp/6669 tcp/7000",
	.fields = irc_fields,
	.field_count = IRC_F_COUNT,
	.anomalies = irc_anomalies,
	.anomaly_count = IRC_ANOMALY_COUNT,
	.state_size = sizeof(struct irc_state),
	.tcp = true,
	.server_first = true,
	.one_way = true,
	.by_message = true,
	.own_event = true,
	.probe = irc_probe,
	.feed = irc_feed,
	.gap = irc_gap,
};
