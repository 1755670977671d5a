/*
 * Telnet (RFC 854) over TCP: options and text in, a transaction for each attempt to log in out, or one for a session
 * without.  What is typed afterwards is looked at by rules on frames and on the stream alone.
 */
#include "app/telnet/own.h"

static const struct cc_field telnet_fields[F_COUNT] = {
    [F_USER] = {"telnet.user", "user", CC_BYTES, CC_REQUEST,
	"Name that is typed at the prompt, or sent as a variable."},
    [F_SUCCESS] = {"telnet.success", "success", CC_FLAG, CC_RESPONSE,
	"Did the server let it in?  Not there: nothing tells."},
    [F_TERMINAL] = {"telnet.terminal", "terminal", CC_BYTES, CC_REQUEST, "Type of the terminal."},
    [F_DISPLAY] = {"telnet.display", "display", CC_BYTES, CC_REQUEST, "The X display that the client offers."},
    [F_ENVIRON] = {"telnet.environ", "environ", CC_BYTES, CC_REQUEST | CC_MULTI,
	"Variables that the client sends, \"NAME=value\"."},
    [F_CLIENT_OPTIONS] = {"telnet.client_options", "client_options", CC_BYTES, CC_REQUEST,
	"Options in the order of the client's words, \"will:24 do:3\"."},
    [F_SERVER_OPTIONS] = {"telnet.server_options", "server_options", CC_BYTES, CC_RESPONSE, "The same of the server."},
};

static const struct cc_anomaly telnet_anomalies[A_COUNT] = {
    [A_CREDENTIALS] = {"plaintext_credentials", "A password went by in clear."},
    [A_USER_IS_OPTION] = {"user_is_option", "The user's name that is sent as a variable begins with a dash: login "
					    "programs took it for an option (CVE-2007-0882)."},
    [A_SUB_TOO_LONG] = {"suboption_too_long", "A suboption is longer than telnet.suboption_limit; it was passed by."},
    [A_INVALID_COMMAND] = {"invalid_command", "A command is none of Telnet."},
};

static const struct cc_frame_kind telnet_frames[FRAME_COUNT] = {
	[FRAME_PDU] = {"pdu", "A command, or a piece of text up to a line's end."},
	[FRAME_CTL] = {"ctl", "A command or suboption."},
	[FRAME_DATA] = {"data", "A piece of text up to a line's end."},
};

void
telnet_report(struct cc_ctx *ctx, struct telnet_state *state, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported = (uint8_t)(state->reported | 1u << anomaly);
	cc_anomaly(ctx, state->tx, anomaly);
}

struct cc_tx *
telnet_tx(struct cc_ctx *ctx, struct telnet_state *state)
{
	if (state->tx == NULL && !state->over)
		state->tx = cc_tx_new(ctx);
	return state->tx;
}

void
telnet_tell(struct cc_ctx *ctx, struct telnet_state *state)
{
	/* What is negotiated later on is no session of its own. */
	if (state->tx == NULL && !state->told && (state->options[0].count > 0 || state->options[1].count > 0))
		(void)telnet_tx(ctx, state);
	if (state->tx == NULL)
		return;
	state->told = true;
	telnet_put_options(ctx, state);
	state->options[0].count = state->options[1].count = 0;
	cc_tx_side_done(ctx, state->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, state->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, state->tx);
	state->tx = NULL;
	/* Another attempt is another password. */
	state->reported &= (uint8_t)~(1u << A_CREDENTIALS);
}

static void
ctl_frames(struct cc_ctx *ctx, enum cc_dir dir, const uint8_t *p, size_t size)
{
	cc_frame(ctx, NULL, dir, FRAME_PDU, p, size);
	cc_frame(ctx, NULL, dir, FRAME_CTL, p, size);
}

/* Where a suboption ends: the place of its IAC SE; size when it doesn't. */
static size_t
sub_end(struct slice in)
{
	for (size_t i = 0; i + 1 < in.size; i++) {
		if (in.p[i] != TELNET_IAC)
			continue;
		if (in.p[i + 1] == TELNET_SE)
			return i;
		i++;
	}
	return in.size;
}

static enum cc_status
suboption(struct cc_ctx *ctx, struct telnet_state *state, enum cc_dir dir, struct cur *in)
{
	size_t limit = (size_t)cc_limit(ctx, "telnet.suboption_limit"), end;
	struct slice all = cur_rest(in), rest;

	if (all.size < 3)
		return CC_MORE;
	rest = slice_of(all.p + 3, all.size - 3);
	end = sub_end(rest);
	if (end == rest.size && rest.size <= limit)
		return CC_MORE;
	if (end == rest.size || end > limit) {
		telnet_report(ctx, state, A_SUB_TOO_LONG);
		state->skip[dir] = true;
		return CC_OK;
	}
	ctl_frames(ctx, dir, all.p, end + 5);
	cur_skip(in, end + 5);
	if (!telnet_suboption(ctx, state, dir, all.p[2], slice_of(rest.p, end)))
		state->over = true;
	return CC_OK;
}

static enum cc_status
command(struct cc_ctx *ctx, struct telnet_state *state, enum cc_dir dir, struct cur *in)
{
	struct cur c = *in;
	unsigned what, option;

	cur_skip(&c, 1);
	what = cur_u8(&c);
	if (c.bad)
		return CC_MORE;
	if (what == TELNET_SB)
		return suboption(ctx, state, dir, in);
	if (what >= TELNET_WILL && what <= TELNET_DONT) {
		option = cur_u8(&c);
		if (c.bad)
			return CC_MORE;
		telnet_option(state, dir, what, option);
	} else if (what < TELNET_SE - 4) {
		telnet_report(ctx, state, A_INVALID_COMMAND);
	}
	ctl_frames(ctx, dir, in->p, (size_t)(c.p - in->p));
	*in = c;
	return CC_OK;
}

static void
text(struct cc_ctx *ctx, struct telnet_state *state, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	const uint8_t *iac = memchr(rest.p, TELNET_IAC, rest.size), *lf;

	if (iac != NULL)
		rest.size = (size_t)(iac - rest.p);
	lf = memchr(rest.p, '\n', rest.size);
	if (lf != NULL)
		rest.size = (size_t)(lf - rest.p) + 1;
	cc_frame(ctx, NULL, dir, FRAME_PDU, rest.p, rest.size);
	cc_frame(ctx, NULL, dir, FRAME_DATA, rest.p, rest.size);
	if (dir == CC_TO_SERVER)
		telnet_typed(ctx, state, rest);
	else
		telnet_shown(ctx, state, rest);
	cur_skip(in, rest.size);
}

/* To the end of a suboption that nobody reads. */
static void
skip(struct telnet_state *state, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	size_t end = sub_end(rest);

	state->skip[dir] = end == rest.size;
	cur_skip(in, end < rest.size                                        ? end + 2
		     : rest.size > 1 && rest.p[rest.size - 1] == TELNET_IAC ? rest.size - 1
									    : rest.size);
}

static enum cc_status
telnet_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct telnet_state *state = own;

	while (cur_left(in) > 0 && !state->over) {
		if (state->skip[dir]) {
			skip(state, dir, in);
			if (state->skip[dir])
				return CC_MORE;
		} else if (in->p[0] == TELNET_IAC) {
			if (command(ctx, state, dir, in) != CC_OK)
				return CC_MORE;
		} else {
			text(ctx, state, dir, in);
		}
		if (state->tls[0] && state->tls[1]) {
			telnet_tell(ctx, state);
			state->over = true;
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
	}
	if (state->over) {
		telnet_tell(ctx, state);
		cc_enough(ctx, CC_TO_SERVER);
		cc_enough(ctx, CC_TO_CLIENT);
		cur_skip(in, cur_left(in));
	}
	return CC_OK;
}

/* What was asked or typed there is not known. */
static enum cc_status
telnet_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct telnet_state *state = own;

	(void)ctx;
	(void)size;
	state->skip[dir] = false;
	if (state->asked != ASKED_RESULT)
		state->asked = ASKED_NOTHING;
	state->tail_size = 0;
	return CC_OK;
}

static void
telnet_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	if (dir == CC_TO_CLIENT)
		telnet_tell(ctx, own);
}

const struct cc_parser telnet_parser = {
	.name = "telnet",
	.ports = "tcp/23 tcp/2323 tcp/107",
	.fields = telnet_fields,
	.field_count = F_COUNT,
	.anomalies = telnet_anomalies,
	.anomaly_count = A_COUNT,
	.frames = telnet_frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct telnet_state),
	.tcp = true,
	.server_first = true,
	.own_event = true,
	.probe = telnet_probe,
	.feed = telnet_feed,
	.gap = telnet_gap,
	.finish = telnet_finish,
};
