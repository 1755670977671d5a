/*
 * DTLS 1.0, 1.2 and 1.3 (RFC 4347, RFC 6347, RFC 9147) over UDP: datagrams in, a transaction a handshake out.
 *
 * The handshake's messages are TLS's, and are read by its files into a table that begins as its own: the same rule
 * buffers, the same members in the log.  Here is what datagrams add: records that may be lost, come twice or out of
 * order, messages in fragments with a place of their own, and the cookie that a server asks to be given back.
 */
#include "app/dtls/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field dtls_fields[DTLS_F_COUNT] = {
#include "app/tls/fields.def"
	[DTLS_F_COOKIE] = {"dtls.cookie", "cookie", CC_BYTES, CC_RESPONSE | CC_HEX,
	    "Cookie of the server's HelloVerifyRequest."},
};

static const struct cc_anomaly dtls_anomalies[DTLS_ANOMALY_COUNT] = {
#include "app/tls/anomalies.def"
    [DTLS_FRAGMENT_MISMATCH] = {"fragment_mismatch", "Fragments of one message disagree about its size."},
    [DTLS_FRAGMENT_OVERLAP] = {"fragment_overlap", "Fragments of one message say different things for the same place."},
    [DTLS_FRAGMENT_TOO_FAR] = {"fragment_too_far", "A fragment far behind those before it was not kept."},
};

static int
place_of(unsigned type)
{
	switch (type) {
	case TLS_CLIENT_HELLO:
		return DTLS_PLACE_CLIENT_HELLO;
	case TLS_SERVER_HELLO:
		return DTLS_PLACE_SERVER_HELLO;
	case TLS_CERTIFICATE:
		return DTLS_PLACE_CERTIFICATE;
	default:
		return -1;
	}
}

/* Was this message read already?  Datagrams are sent again while no answer comes. */
static bool
is_again(const struct dtls_state *state, unsigned type)
{
	const struct tls_state *tls = &state->tls;

	return type == TLS_CLIENT_HELLO ? tls->client_hello : type == TLS_SERVER_HELLO && tls->server_hello;
}

/* HelloVerifyRequest (RFC 6347, 4.2.1): version 2 | cookie 1+n. */
static void
hello_verify(struct cc_ctx *ctx, struct dtls_state *state, enum cc_dir dir, struct slice body)
{
	struct cur c = cur_slice(body);
	struct slice cookie;
	struct cc_tx *tx = tls_tx(ctx, &state->tls);

	cur_skip(&c, 2);
	cookie = cur_take(&c, cur_u8(&c));
	if (c.bad || cur_left(&c) > 0) {
		tls_report(ctx, &state->tls, TLS_INVALID_HANDSHAKE);
		return;
	}
	if (!state->tls.client_hello)
		state->tls.turned = dir == CC_TO_SERVER;
	if (tx != NULL && cc_get(tx, DTLS_F_COOKIE) == NULL) {
		cc_put(ctx, tx, DTLS_F_COOKIE, cookie);
		cc_tx_update(ctx, tx, dir);
	}
}

/* A broken message is told; others of the handshake may still be right. */
static void
message(struct cc_ctx *ctx, struct dtls_state *state, enum cc_dir dir, uint8_t type, struct slice body)
{
	if (tls_message(ctx, &state->tls, dir, type, body) != CC_OK)
		tls_report(ctx, &state->tls, TLS_INVALID_HANDSHAKE);
}

static void
fragment(struct cc_ctx *ctx, struct dtls_state *state, enum cc_dir dir, const struct dtls_fragment *f)
{
	int place = place_of(f->type);
	struct dtls_message *open;
	struct slice body;

	tls_note_state(ctx, &state->tls, dir, f->type);
	if (f->type == TLS_HELLO_VERIFY && f->bytes.size == f->size)
		hello_verify(ctx, state, dir, f->bytes);
	if (place < 0 || is_again(state, f->type))
		return;
	if (f->bytes.size == f->size) {
		message(ctx, state, dir, f->type, f->bytes);
		return;
	}
	if (f->size > cc_limit(ctx, "dtls.handshake_limit")) {
		tls_report(ctx, &state->tls, TLS_HANDSHAKE_TOO_LONG);
		return;
	}
	open = &state->open[dir][place];
	if (dtls_assemble(ctx, state, open, f, &body) != CC_OK)
		return;
	message(ctx, state, dir, f->type, body);
	dtls_drop(ctx, open);
}

static void
record(struct cc_ctx *ctx, struct dtls_state *state, enum cc_dir dir, const struct dtls_record *rec)
{
	struct cur c = cur_slice(rec->fragment);
	struct dtls_fragment f;

	if (rec->encrypted || rec->type == TLS_CCS || rec->type == TLS_APPLICATION_DATA) {
		tls_side_over(ctx, &state->tls, dir);
		return;
	}
	while (rec->type == TLS_HANDSHAKE && cur_left(&c) > 0 && !state->tls.side[dir].over) {
		if (dtls_next_fragment(&c, &f) != CC_OK) {
			tls_report(ctx, &state->tls, TLS_INVALID_HANDSHAKE);
			return;
		}
		fragment(ctx, state, dir, &f);
	}
}

static enum cc_status
dtls_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dtls_state *state = own;
	struct dtls_record rec;
	unsigned count = 0;

	state->tls.datagram = true;
	while (cur_left(in) > 0 && !state->tls.side[dir].over && count++ < DTLS_RECORDS_MAX) {
		/* Another protocol may share the ports (STUN, SRTP): what begins otherwise is none of ours. */
		if (dtls_next_record(in, &rec) != CC_OK) {
			if (count > 1)
				tls_report(ctx, &state->tls, TLS_INVALID_HEADER);
			break;
		}
		record(ctx, state, dir, &rec);
	}
	cur_skip(in, cur_left(in));
	return CC_OK;
}

static void
dtls_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct dtls_state *state = own;
	const struct tls_side *other = &state->tls.side[cc_dir_other(dir)];

	state->tls.side[dir].finished = true;
	if (other->finished || other->over)
		tls_done(ctx, &state->tls);
}

static void
dtls_close(struct cc_ctx *ctx, void *own)
{
	struct dtls_state *state = own;

	for (int dir = 0; dir < 2; dir++)
		for (int place = 0; place < DTLS_PLACES; place++)
			dtls_drop(ctx, &state->open[dir][place]);
}

const struct cc_parser dtls_parser = {
	.name = "dtls",
	.ports = "udp/443 udp/684 udp/853 udp/2221 udp/4433 udp/5061 udp/5246 udp/5247 udp/5349 udp/5684",
	.fields = dtls_fields,
	.field_count = DTLS_F_COUNT,
	.anomalies = dtls_anomalies,
	.anomaly_count = DTLS_ANOMALY_COUNT,
	.state_size = sizeof(struct dtls_state),
	.udp = true,
	.own_event = true,
	.probe = dtls_probe,
	.feed = dtls_feed,
	.finish = dtls_finish,
	.close = dtls_close,
};
