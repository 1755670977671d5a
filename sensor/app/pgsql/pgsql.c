/*
 * PostgreSQL's protocol 3.0 (its manual, chapter 55): who logs on where and how, what is asked, what came of it.
 *
 *     first of a client: length 4 | 3.0 as 0x00030000 4 | (name NUL value NUL) … NUL
 *                        length 4 | 80877103 TLS wanted, 80877104 GSS wanted, 80877102 a query is to be cancelled
 *     answer to those:   'S' or 'G' (TLS or GSS follows) or 'N', one byte
 *     then, both sides:  type 1 | length 4, itself counted | body
 *
 * A transaction is what the client asks up to what makes the server answer, and its answer up to where it waits again.
 * A message waits up to its first bytes of interest; the rest goes by uncounted in memory.  One thread, a worker's.
 */
#include <stdio.h>

#include "base/base.h"
#include "concert/parser.h"

#define SHOWN_MAX 16384      /* bytes of one message that are looked at */
#define STARTUP_MAX 10000    /* as servers have it */
#define MESSAGE_MAX (1u << 30) /* that, too */
#define PARAMETERS_MAX 64

enum { CODE_CANCEL = 80877102, CODE_TLS = 80877103, CODE_GSS = 80877104, CODE_3 = 0x30000 };

enum {
	F_QUERY, F_PREPARED, F_MESSAGE_REQ, F_VERSION, F_USER, F_PARAMETERS, F_DATABASE, F_APPLICATION, F_ENCODING,
	F_REPLICATION, F_MECHANISM, F_REDACTED,
	F_SSL, F_AUTH, F_STATUS, F_SERVER_VERSION, F_PROCESS, F_SEVERITY, F_CODE, F_MESSAGE, F_FIELDS, F_ROWS, F_BYTES,
	F_COMPLETED, F_QUERY_BUFFER,
	F_COUNT,
};

static const struct cc_field pgsql_fields[F_COUNT] = {
	[F_QUERY] = {NULL, "request.simple_query", CC_BYTES, CC_REQUEST, "A query in words."},
	[F_PREPARED] = {NULL, "concert.prepared", CC_BYTES, CC_REQUEST | CC_MULTI, "Queries that are to be prepared."},
	[F_MESSAGE_REQ] = {NULL, "request.message", CC_BYTES, CC_REQUEST, "Another message: \"SSL Request\", …"},
	[F_VERSION] = {NULL, "request.protocol_version", CC_BYTES, CC_REQUEST, "The protocol's version."},
	[F_USER] = {"pgsql.user", "request.startup_parameters.user", CC_BYTES, CC_REQUEST, "Who logs on."},
	[F_PARAMETERS] = {NULL, "request.startup_parameters.optional_parameters[]", CC_ROW, CC_REQUEST,
	    "What else a client says of itself."},
	[F_DATABASE] = {"pgsql.database", "request.startup_parameters.optional_parameters[].database", CC_BYTES,
	    CC_REQUEST, "The database."},
	[F_APPLICATION] = {NULL, "request.startup_parameters.optional_parameters[].application_name", CC_BYTES,
	    CC_REQUEST, "The client's program."},
	[F_ENCODING] = {NULL, "request.startup_parameters.optional_parameters[].client_encoding", CC_BYTES, CC_REQUEST,
	    "The client's encoding."},
	[F_REPLICATION] = {NULL, "request.startup_parameters.optional_parameters[].replication", CC_BYTES, CC_REQUEST,
	    "The client replicates."},
	[F_MECHANISM] = {NULL, "request.sasl_authentication_mechanism", CC_BYTES, CC_REQUEST, "SASL's mechanism."},
	[F_REDACTED] = {NULL, "request.password_redacted", CC_FLAG, CC_REQUEST, "A password, which is not recorded."},
	[F_SSL] = {NULL, "response.ssl_accepted", CC_FLAG, CC_RESPONSE, "The server goes over to TLS."},
	[F_AUTH] = {NULL, "concert.authentication", CC_BYTES, CC_RESPONSE, "How the client has to log on; \"ok\"."},
	[F_STATUS] = {NULL, "response.parameter_status[]", CC_ROW, CC_RESPONSE, "The server's settings."},
	[F_SERVER_VERSION] = {NULL, "response.parameter_status[].server_version", CC_BYTES, CC_RESPONSE,
	    "Its version."},
	[F_PROCESS] = {NULL, "response.process_id", CC_UINT, CC_RESPONSE, "The server's process for this session."},
	[F_SEVERITY] = {NULL, "response.severity_non_localizable", CC_BYTES, CC_RESPONSE, "How bad an error is."},
	[F_CODE] = {"pgsql.error_code", "response.code", CC_BYTES, CC_RESPONSE, "SQLSTATE of an error, \"28P01\"."},
	[F_MESSAGE] = {NULL, "response.message", CC_BYTES, CC_RESPONSE, "What an error says."},
	[F_FIELDS] = {NULL, "response.field_count", CC_UINT, CC_RESPONSE, "Columns of what was found."},
	[F_ROWS] = {NULL, "response.data_rows", CC_UINT, CC_RESPONSE, "Rows of what was found."},
	[F_BYTES] = {NULL, "response.data_size", CC_UINT, CC_RESPONSE, "Bytes of these rows."},
	[F_COMPLETED] = {NULL, "response.command_completed", CC_BYTES, CC_RESPONSE, "What was done, \"SELECT 3\"."},
	[F_QUERY_BUFFER] = {"pgsql.query", NULL, CC_BYTES, CC_REQUEST | CC_MULTI, "A query, simple or to be prepared."},
};

enum { A_MALFORMED, A_CREDENTIALS, A_REFUSED, A_COUNT };

static const struct cc_anomaly pgsql_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed", "A message's size or content is impossible."},
	[A_CREDENTIALS] = {"plaintext_credentials", "A password went by in clear."},
	[A_REFUSED] = {"log_on_refused", "The server refuses to let a user in."},
};

static const struct cc_frame_kind pgsql_frames[] = {{"pdu", "A message."}};

struct side {
	uint64_t skip;      /* bytes of the message at hand that are still to go by */
	bool begun;         /* typed messages; before: what opens a session */
	bool lost;          /* behind a gap */
};

struct pgsql_state {
	struct cc_tx *tx;
	struct side side[2];
	uint64_t rows, row_bytes;
	bool wants_tls, clear, over, logging_on;
};

static struct cc_tx *
tx_at_hand(struct cc_ctx *ctx, struct pgsql_state *state)
{
	if (state->tx == NULL)
		state->tx = cc_tx_new(ctx);
	return state->tx;
}

static void
tx_end(struct cc_ctx *ctx, struct pgsql_state *state)
{
	struct cc_tx *tx = state->tx;

	if (tx == NULL)
		return;
	if (state->rows > 0) {
		cc_put_uint(ctx, tx, F_ROWS, state->rows);
		cc_put_uint(ctx, tx, F_BYTES, state->row_bytes);
	}
	state->rows = state->row_bytes = 0;
	state->tx = NULL;
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

/* Up to the next NUL, which is taken, too; bad when there is none. */
static struct slice
text_take(struct cur *c)
{
	const uint8_t *end = cur_left(c) > 0 ? memchr(c->p, 0, cur_left(c)) : NULL;
	struct slice text;

	if (end == NULL) {
		c->bad = true;
		return slice_of(NULL, 0);
	}
	text = cur_take(c, (size_t)(end - c->p));
	cur_skip(c, 1);
	return text;
}

static bool
is_word(struct slice s)
{
	for (size_t i = 0; i < s.size; i++) {
		if (s.p[i] < 'a' || s.p[i] > 'z') {
			if (s.p[i] != '_' && s.p[i] != '.' && (s.p[i] < 'A' || s.p[i] > 'Z'))
				return false;
		}
	}
	return s.size > 0;
}

/* ---- identification ---- */

static enum cc_status
probe_client(struct slice in)
{
	struct cur c = cur_slice(in);
	uint32_t size = cur_u32(&c), code = cur_u32(&c);
	size_t word = 0;

	if (in.size > 0 && in.p[0] != 0)
		return CC_BAD;
	if (c.bad)
		return size > STARTUP_MAX ? CC_BAD : CC_MORE;
	if (code == CODE_TLS || code == CODE_GSS)
		return size == 8 ? CC_OK : CC_BAD;
	if (code == CODE_CANCEL)
		return size == 16 ? CC_OK : CC_BAD;
	if (code != CODE_3 || size < 9 || size > STARTUP_MAX)
		return CC_BAD;
	while (word < cur_left(&c) && c.p[word] != 0)
		word++;
	if (word > 0 && !is_word(slice_of(c.p, word)))
		return CC_BAD;
	return word < cur_left(&c) ? (word > 0 || size == 9 ? CC_OK : CC_BAD) : CC_MORE;
}

/* The server's first word is how to log on, or why not; a client that asked for TLS has a 'N' before it. */
static enum cc_status
probe_server(const struct cc_ctx *ctx, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t type;
	uint32_t size, auth;

	if (in.size == 0)
		return CC_MORE;
	if (in.size == 1 && cc_other_known(ctx) && memchr("SNG", in.p[0], 3) != NULL)
		return CC_OK;
	if (in.p[0] == 'N')
		cur_skip(&c, 1);
	type = cur_u8(&c);
	size = cur_u32(&c);
	if (type != 'R' && type != 'E' && in.size > (in.p[0] == 'N'))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (size < 8 || size > STARTUP_MAX)
		return CC_BAD;
	if (type == 'E') {
		auth = cur_u8(&c);
		return c.bad ? CC_MORE : auth == 'S' && cur_u8(&c) >= 'A' ? CC_OK : CC_BAD;
	}
	auth = cur_u32(&c);
	return type != 'R' ? CC_BAD : c.bad ? CC_MORE : auth <= 12 ? CC_OK : CC_BAD;
}

static enum cc_status
pgsql_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	return dir == CC_TO_SERVER ? probe_client(in) : probe_server(ctx, in);
}

/* ---- what opens a session ---- */

static void
parameters(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	static const struct {
		const char *name;
		uint16_t field;
	} known[] = {{"database", F_DATABASE}, {"application_name", F_APPLICATION}, {"client_encoding", F_ENCODING},
	    {"replication", F_REPLICATION}};

	for (unsigned n = 0; n < PARAMETERS_MAX && cur_left(c) > 1; n++) {
		struct slice name = text_take(c), value = text_take(c);

		if (c->bad)
			return;
		if (slice_is(name, "user"))
			cc_put(ctx, tx, F_USER, value);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (slice_is(name, known[i].name)) {
				cc_put_row(ctx, tx, F_PARAMETERS);
				cc_put(ctx, tx, known[i].field, value);
			}
		}
	}
}

/* CC_BAD: this opens no session. */
static enum cc_status
opening(struct cc_ctx *ctx, struct pgsql_state *state, struct cur *in)
{
	struct cur c = *in, body;
	uint32_t size = cur_u32(&c), code = cur_u32(&c);
	struct cc_tx *tx;

	if (c.bad)
		return CC_MORE;
	if (size < 8 || size > STARTUP_MAX)
		return CC_BAD;
	body = cur_sub(&c, size - 8);
	if (c.bad)
		return CC_MORE;
	tx_end(ctx, state);
	tx = tx_at_hand(ctx, state);
	cc_frame(ctx, tx, CC_TO_SERVER, 0, in->p, size);
	*in = c;
	switch (code) {
	case CODE_TLS:
	case CODE_GSS:
		cc_put_text(ctx, tx, F_MESSAGE_REQ, code == CODE_TLS ? "SSL Request" : "GSS Request");
		state->wants_tls = true;
		break;
	case CODE_CANCEL:
		cc_put_text(ctx, tx, F_MESSAGE_REQ, "Cancel Request");
		tx_end(ctx, state);
		return CC_OK;
	case CODE_3:
		cc_put_text(ctx, tx, F_VERSION, "3.0");
		parameters(ctx, tx, &body);
		if (body.bad)
			cc_anomaly(ctx, tx, A_MALFORMED);
		state->side[CC_TO_SERVER].begun = true;
		state->logging_on = true;
		break;
	default:
		return CC_BAD;
	}
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	return CC_OK;
}

/* The client's request for TLS wasn't seen, but the server's 'N', with what comes behind it. */
static bool
begins_with_no(const struct side *side, const struct cur *in)
{
	return !side->begun && cur_left(in) > 1 && in->p[0] == 'N' && (in->p[1] == 'R' || in->p[1] == 'E');
}

/* One byte says whether another layer comes between. */
static enum cc_status
layer_answer(struct cc_ctx *ctx, struct pgsql_state *state, struct cur *in)
{
	uint8_t answer = in->p[0];
	struct cc_tx *tx = tx_at_hand(ctx, state);

	if (answer != 'S' && answer != 'N' && answer != 'G')
		return CC_MORE; /* an error of an old server: an ordinary message */
	cur_skip(in, 1);
	state->wants_tls = false;
	cc_put_uint(ctx, tx, F_SSL, answer == 'S');
	tx_end(ctx, state);
	if (answer == 'N')
		return CC_OK;
	state->over = true;
	if (answer == 'S') {
		cc_switch_to(ctx, "tls");
	} else {
		cc_enough(ctx, CC_TO_SERVER);
		cc_enough(ctx, CC_TO_CLIENT);
	}
	return CC_OK;
}

/* ---- messages ---- */

static void
query(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice text)
{
	if (text.size > 0 && text.p[text.size - 1] == 0)
		text.size--;
	if (field == F_PREPARED || cc_get(tx, F_QUERY) == NULL)
		cc_put(ctx, tx, field, text);
	cc_put(ctx, tx, F_QUERY_BUFFER, text);
	cc_tx_update(ctx, tx, CC_TO_SERVER);
}

static void
request(struct cc_ctx *ctx, struct pgsql_state *state, uint8_t type, struct cur body)
{
	struct cc_tx *tx = tx_at_hand(ctx, state);
	struct slice text;

	switch (type) {
	case 'Q':
		query(ctx, tx, F_QUERY, cur_rest(&body));
		break;
	case 'P': /* name NUL query NUL … */
		(void)text_take(&body);
		text = text_take(&body);
		if (body.bad)
			text = cur_rest(&body);
		query(ctx, tx, F_PREPARED, text);
		break;
	case 'p':
		if (state->clear)
			cc_anomaly(ctx, tx, A_CREDENTIALS);
		text = text_take(&body);
		if (cur_left(&body) >= 4 && is_word(slice_of(text.p, text.size < 5 ? text.size : 5)) && !state->clear &&
		    text.size > 5 && memcmp(text.p, "SCRAM", 5) == 0)
			cc_put(ctx, tx, F_MECHANISM, text);
		else
			cc_put_uint(ctx, tx, F_REDACTED, 1);
		state->clear = false;
		break;
	case 'X':
		cc_put_text(ctx, tx, F_MESSAGE_REQ, "Terminate");
		tx_end(ctx, state);
		break;
	default:
		break;
	}
}

/* (code 1 | text NUL) … NUL */
static void
error(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *body)
{
	while (cur_left(body) > 1 && !body->bad) {
		uint8_t code = cur_u8(body);
		struct slice text = text_take(body);

		if (code == 'V')
			cc_put(ctx, tx, F_SEVERITY, text);
		else if (code == 'C')
			cc_put(ctx, tx, F_CODE, text);
		else if (code == 'M')
			cc_put(ctx, tx, F_MESSAGE, text);
		if (code == 'C' && text.size == 5 && memcmp(text.p, "28", 2) == 0)
			cc_anomaly(ctx, tx, A_REFUSED);
	}
}

static void
authentication(struct cc_ctx *ctx, struct pgsql_state *state, struct cc_tx *tx, uint32_t type)
{
	static const char *const text[] = {"ok", NULL, "kerberos", "cleartext", NULL, "md5", "scm", "gss",
	    "gss_continue", "sspi", "sasl", "sasl_continue", "sasl_final"};

	if (type < sizeof(text) / sizeof(text[0]) && text[type] != NULL)
		cc_put_text(ctx, tx, F_AUTH, text[type]);
	state->clear = type == 3;
	if (type != 0 && type != 12) /* the client's turn */
		tx_end(ctx, state);
}

static void
response(struct cc_ctx *ctx, struct pgsql_state *state, uint8_t type, struct cur body)
{
	struct cc_tx *tx = tx_at_hand(ctx, state);
	struct slice name, value;

	switch (type) {
	case 'R':
		authentication(ctx, state, tx, cur_u32(&body));
		break;
	case 'S':
		name = text_take(&body);
		value = text_take(&body);
		if (!body.bad && slice_is(name, "server_version")) {
			cc_put_row(ctx, tx, F_STATUS);
			cc_put(ctx, tx, F_SERVER_VERSION, value);
		}
		break;
	case 'K':
		cc_put_uint(ctx, tx, F_PROCESS, cur_u32(&body));
		break;
	case 'E':
		error(ctx, tx, &body);
		if (state->logging_on)
			tx_end(ctx, state);
		break;
	case 'T':
		if (cc_get(tx, F_FIELDS) == NULL)
			cc_put_uint(ctx, tx, F_FIELDS, cur_u16(&body));
		break;
	case 'C':
		if (cc_get(tx, F_COMPLETED) == NULL)
			cc_put(ctx, tx, F_COMPLETED, text_take(&body));
		break;
	case 'Z':
		state->logging_on = false;
		tx_end(ctx, state);
		break;
	default:
		break;
	}
}

/* One typed message, or its beginning when it is long. */
static enum cc_status
message(struct cc_ctx *ctx, struct pgsql_state *state, enum cc_dir dir, struct cur *in)
{
	struct cur c = *in, body;
	uint8_t type = cur_u8(&c);
	uint32_t size = cur_u32(&c);
	bool data;

	if (c.bad)
		return CC_MORE;
	if (size < 4 || size > MESSAGE_MAX || type < '1' || type > 'z')
		return CC_BAD;
	size -= 4;
	data = type == 'D' && dir == CC_TO_CLIENT;
	body = cur_sub(&c, data || type == 'd' ? 0 : size < SHOWN_MAX ? size : SHOWN_MAX);
	if (c.bad)
		return CC_MORE;
	cc_frame(ctx, state->tx, dir, 0, in->p, 5 + (uint64_t)size);
	state->side[dir].skip = size - cur_left(&body);
	*in = c;
	if (data) {
		(void)tx_at_hand(ctx, state);
		state->rows++;
		state->row_bytes += size;
	} else if (dir == CC_TO_SERVER) {
		request(ctx, state, type, body);
	} else {
		response(ctx, state, type, body);
	}
	return CC_OK;
}

static enum cc_status
pgsql_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct pgsql_state *state = own;
	struct side *side = &state->side[dir];
	enum cc_status st = CC_OK;

	while (cur_left(in) > 0 && st == CC_OK && !state->over) {
		if (side->skip > 0) {
			size_t now = side->skip < cur_left(in) ? (size_t)side->skip : cur_left(in);

			cur_skip(in, now);
			side->skip -= now;
		} else if (side->lost) {
			cur_skip(in, cur_left(in)); /* nothing tells where a message begins */
		} else if (dir == CC_TO_SERVER && !side->begun) {
			st = opening(ctx, state, in);
		} else if (dir == CC_TO_CLIENT && (state->wants_tls || begins_with_no(side, in)) &&
			   layer_answer(ctx, state, in) == CC_OK) {
			continue;
		} else {
			st = message(ctx, state, dir, in);
			side->begun = side->begun || st == CC_OK;
		}
	}
	if (st == CC_BAD) {
		cc_anomaly(ctx, state->tx, A_MALFORMED);
		side->lost = true;
		cur_skip(in, cur_left(in));
		st = CC_OK;
	}
	return st;
}

/* Inside of a message whose bytes go by, a gap does no harm. */
static enum cc_status
pgsql_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct pgsql_state *state = own;
	struct side *side = &state->side[dir];

	(void)ctx;
	if (size <= side->skip)
		side->skip -= size;
	else
		side->lost = true;
	return CC_OK;
}

static void
pgsql_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	if (dir == CC_TO_CLIENT)
		tx_end(ctx, own);
}

const struct cc_parser pgsql_parser = {
	.name = "pgsql",
	.ports = "tcp/5432",
	.fields = pgsql_fields,
	.field_count = F_COUNT,
	.anomalies = pgsql_anomalies,
	.anomaly_count = A_COUNT,
	.frames = pgsql_frames,
	.frame_count = 1,
	.state_size = sizeof(struct pgsql_state),
	.unit_max = SHOWN_MAX + 5,
	.tcp = true,
	.probe = pgsql_probe,
	.feed = pgsql_feed,
	.gap = pgsql_gap,
	.finish = pgsql_finish,
};
