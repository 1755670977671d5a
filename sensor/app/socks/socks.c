/*
 * SOCKS 4, 4a and 5 over TCP: a transaction a flow, told with the proxy's answer; then the flow is handed on to
 * whatever goes through it.
 *
 * Each side is read by itself, for either may be missing or ahead of the other.  What a client says behind its request
 * waits for the answer.  A proxy behind a firewall, such as malware makes of its host, calls its master, who then asks:
 * the connection's server is SOCKS's client.  The fields stand on the sides that SOCKS has.
 */
#include "app/socks/own.h"

enum socks_field {
	F_VERSION, F_COMMAND, F_HOST, F_PORT, F_USER, F_METHODS, F_METHOD, F_AUTH_STATUS, F_REPLY, F_BOUND_HOST,
	F_BOUND_PORT, F_COUNT
};

static const struct cc_field socks_fields[F_COUNT] = {
    [F_VERSION] = {"socks.version", "version", CC_UINT, CC_REQUEST | CC_RESPONSE, "Version: 4 or 5."},
    [F_COMMAND] = {"socks.command", "command", CC_UINT, CC_REQUEST, "What is asked for: 1 connect, 2 bind, 3 UDP."},
    [F_HOST] = {"socks.host", "host", CC_BYTES, CC_REQUEST, "Name or address of the host that is to be reached."},
    [F_PORT] = {"socks.port", "port", CC_UINT, CC_REQUEST, "Its port."},
    [F_USER] = {"socks.user", "user", CC_BYTES, CC_REQUEST, "User's name."},
    [F_METHODS] = {NULL, "methods", CC_UINT, CC_REQUEST | CC_MULTI, "Ways to authenticate that the client offers."},
    [F_METHOD] = {"socks.method", "method", CC_UINT, CC_RESPONSE, "The one that the proxy chose; 255: none."},
    [F_AUTH_STATUS] = {NULL, "auth_status", CC_UINT, CC_RESPONSE, "What it says of the password; 0: right."},
    [F_REPLY] = {"socks.reply", "reply", CC_UINT, CC_RESPONSE, "The proxy's answer; granted is 0, of version 4 90."},
    [F_BOUND_HOST] = {NULL, "bound_host", CC_BYTES, CC_RESPONSE, "Where the proxy speaks from."},
    [F_BOUND_PORT] = {NULL, "bound_port", CC_UINT, CC_RESPONSE, "The port there."},
};

static const struct cc_word command_words[] = {{"connect", 1}, {"bind", 2}, {"udp", 3}};
static const struct cc_word reply_words[] = {
	{"succeeded", 0}, {"failure", 1}, {"not_allowed", 2}, {"network_unreachable", 3}, {"host_unreachable", 4},
	{"refused", 5}, {"ttl_expired", 6}, {"command_not_supported", 7}, {"address_not_supported", 8}, {"granted", 90},
	{"rejected", 91}, {"no_identd", 92}, {"wrong_user", 93},
};
static const struct cc_words socks_words[] = {
	{F_COMMAND, CC_ONE_OF, command_words, sizeof(command_words) / sizeof(command_words[0])},
	{F_REPLY, CC_ONE_OF, reply_words, sizeof(reply_words) / sizeof(reply_words[0])},
};

enum { A_CREDENTIALS, A_MALFORMED, A_NO_ANSWER, A_EXCHANGED, A_COUNT };

static const struct cc_anomaly socks_anomalies[A_COUNT] = {
    [A_CREDENTIALS] = {"plaintext_credentials", "A password went by in clear."},
    [A_MALFORMED] = {"malformed_message", "A message is none of SOCKS."},
    [A_NO_ANSWER] = {"no_answer", "The client goes on, and no answer of the proxy was seen."},
    [A_EXCHANGED] = {"exchanged_roles",
	"The proxy is the connection's client: it called back, and is told whom to reach."},
};

enum step { STEP_START, STEP_AUTH, STEP_REQUEST, STEP_DONE };

struct socks_state {
	struct cc_tx *tx;
	uint8_t version;
	uint8_t step[2];           /* enum step, by side: what comes next */
	uint8_t command, method, replies;
	bool chosen, over, finished[2];
	bool roled, exchanged; /* which end asks is known; it is the connection's server */
};

static struct cc_tx *
tx_of(struct cc_ctx *ctx, struct socks_state *state, unsigned version)
{
	if (state->tx == NULL && !state->over)
		state->tx = cc_tx_new(ctx);
	if (state->version == 0) {
		state->version = (uint8_t)version;
		cc_put_uint(ctx, state->tx, F_VERSION, version);
	}
	return state->tx;
}

static void
tell(struct cc_ctx *ctx, struct socks_state *state)
{
	state->over = true;
	if (state->tx == NULL)
		return;
	cc_tx_side_done(ctx, state->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, state->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, state->tx);
	state->tx = NULL;
}

/* Nothing more can be read: refused, or encrypted by a method of its own. */
static void
end(struct cc_ctx *ctx, struct socks_state *state)
{
	tell(ctx, state);
	cc_enough(ctx, CC_TO_SERVER);
	cc_enough(ctx, CC_TO_CLIENT);
}

static void
put_place(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const struct socks_place *place)
{
	char text[CC_ADDR_TEXT];

	if (place->has_addr)
		cc_put_text(ctx, tx, field, cc_addr_text(&place->addr, text));
	else if (place->name.size > 0)
		cc_put(ctx, tx, field, place->name);
	cc_put_uint(ctx, tx, field + 1, place->port);
}

static void
put_request(struct cc_ctx *ctx, struct socks_state *state, const struct socks_message *m, unsigned version)
{
	struct cc_tx *tx = tx_of(ctx, state, version);

	state->command = m->code;
	cc_put_uint(ctx, tx, F_COMMAND, m->code);
	put_place(ctx, tx, F_HOST, &m->place);
	if (m->user.size > 0)
		cc_put(ctx, tx, F_USER, m->user);
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	state->step[CC_TO_SERVER] = STEP_DONE;
}

static enum cc_status
client_start(struct cc_ctx *ctx, struct socks_state *state, struct cur *in)
{
	struct socks_message m;
	struct slice methods;
	enum cc_status st;

	if (in->p[0] == 4) {
		if ((st = socks4_request(in, &m)) == CC_OK)
			put_request(ctx, state, &m, 4);
		return st;
	}
	if ((st = socks_methods(in, &methods)) != CC_OK)
		return st;
	(void)tx_of(ctx, state, 5);
	for (size_t i = 0; i < methods.size && i < 16; i++)
		cc_put_uint(ctx, state->tx, F_METHODS, methods.p[i]);
	state->step[CC_TO_SERVER] = STEP_AUTH;
	return CC_OK;
}

/* Behind the methods: a password, if it is asked for, or the request. */
static enum cc_status
client_next(struct cc_ctx *ctx, struct socks_state *state, struct cur *in)
{
	struct slice user, password;
	struct socks_message m;
	enum cc_status st;

	if (state->step[CC_TO_SERVER] == STEP_AUTH && in->p[0] == 1) {
		if ((st = socks_password(in, &user, &password)) != CC_OK)
			return st;
		cc_put(ctx, state->tx, F_USER, user);
		if (password.size > 0)
			cc_anomaly(ctx, state->tx, A_CREDENTIALS);
		state->step[CC_TO_SERVER] = STEP_REQUEST;
		return CC_OK;
	}
	st = socks5_message(in, true, &m);
	if (st == CC_OK)
		put_request(ctx, state, &m, 5);
	return st;
}

static enum cc_status
server_start(struct cc_ctx *ctx, struct socks_state *state, struct cur *in)
{
	struct cur c = *in;
	struct cc_tx *tx;
	unsigned version = cur_u8(&c), method = cur_u8(&c);

	if (version == 0 && state->version != 5) {
		(void)tx_of(ctx, state, 4);
		state->step[CC_TO_CLIENT] = STEP_REQUEST;
		return CC_OK;
	}
	if (version != 5 || state->version == 4)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	*in = c;
	tx = tx_of(ctx, state, 5);
	state->chosen = true;
	state->method = (uint8_t)method;
	cc_put_uint(ctx, tx, F_METHOD, method);
	cc_tx_update(ctx, tx, CC_TO_CLIENT);
	state->step[CC_TO_CLIENT] = method == SOCKS_PASSWORD ? STEP_AUTH : STEP_REQUEST;
	if (method != SOCKS_PASSWORD && method != SOCKS_NO_AUTH)
		end(ctx, state);
	return CC_OK;
}

static enum cc_status
server_auth(struct cc_ctx *ctx, struct socks_state *state, struct cur *in)
{
	struct cur c = *in;
	unsigned version = cur_u8(&c), status = cur_u8(&c);

	if (version != 1)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	*in = c;
	cc_put_uint(ctx, state->tx, F_AUTH_STATUS, status);
	state->step[CC_TO_CLIENT] = STEP_REQUEST;
	if (status != 0)
		end(ctx, state);
	return CC_OK;
}

/* The answer; to a bind there are two, the second when somebody has come.  Then the flow is the inner protocol's. */
static enum cc_status
server_reply(struct cc_ctx *ctx, struct socks_state *state, struct cur *in)
{
	struct socks_message m;
	enum cc_status st = state->version == 4 ? socks4_reply(in, &m) : socks5_message(in, false, &m);

	if (st != CC_OK)
		return st;
	if (state->replies++ == 0) {
		cc_put_uint(ctx, state->tx, F_REPLY, m.code);
		put_place(ctx, state->tx, F_BOUND_HOST, &m.place);
		cc_tx_update(ctx, state->tx, CC_TO_CLIENT);
	}
	if (m.code != (state->version == 4 ? SOCKS4_GRANTED : 0) || state->command == SOCKS_UDP) {
		end(ctx, state);
	} else if (state->command != SOCKS_BIND || state->replies > 1) {
		state->step[CC_TO_CLIENT] = STEP_DONE;
		tell(ctx, state);
		cc_switch(ctx);
	}
	return CC_OK;
}

static enum cc_status
step(struct cc_ctx *ctx, struct socks_state *state, enum cc_dir dir, struct cur *in)
{
	if (dir == CC_TO_SERVER)
		return state->step[dir] == STEP_START ? client_start(ctx, state, in) : client_next(ctx, state, in);
	switch (state->step[dir]) {
	case STEP_START:
		return server_start(ctx, state, in);
	case STEP_AUTH:
		return server_auth(ctx, state, in);
	default:
		return server_reply(ctx, state, in);
	}
}

static enum cc_status
socks_feed(struct cc_ctx *ctx, void *own, enum cc_dir side, struct cur *in)
{
	struct socks_state *state = own;
	enum cc_status st = CC_OK;
	enum cc_dir dir;

	if (cur_left(in) == 0)
		return CC_OK;
	if (!state->roled) {
		state->roled = true;
		state->exchanged = socks_exchanged(ctx, side, cur_rest(in));
		if (state->exchanged)
			cc_anomaly(ctx, tx_of(ctx, state, in->p[0] == 4 || in->p[0] == 0 ? 4 : 5), A_EXCHANGED);
	}
	dir = state->exchanged ? cc_dir_other(side) : side;
	while (st == CC_OK && !state->over && cur_left(in) > 0 && state->step[dir] != STEP_DONE)
		st = step(ctx, state, dir, in);
	if (st == CC_BAD) {
		cc_anomaly(ctx, state->tx, A_MALFORMED);
		tell(ctx, state);
		return CC_BAD;
	}
	if (!state->over && dir == CC_TO_SERVER && state->step[dir] == STEP_DONE && cur_left(in) > SOCKS_WAIT) {
		cc_anomaly(ctx, state->tx, A_NO_ANSWER);
		tell(ctx, state);
		cc_switch(ctx);
	}
	return st;
}

/* Behind a gap the steps can't be told. */
static enum cc_status
socks_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	(void)dir;
	(void)size;
	tell(ctx, own);
	return CC_BAD;
}

static void
socks_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct socks_state *state = own;

	state->finished[dir] = true;
	if (state->finished[cc_dir_other(dir)])
		tell(ctx, state);
}

const struct cc_parser socks_parser = {
	.name = "socks",
	.ports = "tcp/1080",
	.fields = socks_fields,
	.field_count = F_COUNT,
	.anomalies = socks_anomalies,
	.anomaly_count = A_COUNT,
	.words = socks_words,
	.words_count = sizeof(socks_words) / sizeof(socks_words[0]),
	.state_size = sizeof(struct socks_state),
	.tcp = true,
	.own_event = true,
	.probe = socks_probe,
	.feed = socks_feed,
	.gap = socks_gap,
	.finish = socks_finish,
};
