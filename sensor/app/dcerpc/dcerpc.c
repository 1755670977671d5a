/*
 * DCE/RPC over TCP (C706, MS-RPCE; also what an endpoint mapper says) and over UDP: PDUs in, a transaction for each
 * bind and for each call out.  The reader is shared with smb: dcerpc.h.
 *
 * A gap is got over at the next PDU that begins a chunk; a PDU has at most 64 KiB by its header.
 */
#include "app/dcerpc/dcerpc.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

enum {
	F_REQUEST, F_RESPONSE, F_CALL_ID, F_RPC_VERSION, F_OPNUM, F_REQ_FRAGS, F_REQ_SIZE, F_RES_FRAGS, F_RES_SIZE,
	F_STUB_REQ, F_STUB_RES, F_BIG_REQ, F_BIG_RES, F_IFACES, F_UUID, F_IFACE_VERSION, F_ACK_RESULT, F_IFACE,
	F_ACTIVITY, F_SEQUENCE, F_NTLM_DOMAIN, F_NTLM_USER, F_NTLM_HOST, F_NTLM_VERSION,
	F_COUNT,
};

static const struct cc_field dcerpc_fields[F_COUNT] = {
	[F_REQUEST] = {NULL, "request", CC_BYTES, CC_REQUEST, "Type of the request, \"REQUEST\", \"BIND\"."},
	[F_IFACES] = {NULL, "interfaces[]", CC_ROW, BOTH, "Interfaces that a bind asks for, or a call is of."},
	[F_UUID] = {NULL, "interfaces[].uuid", CC_BYTES, BOTH, "UUID of an interface."},
	[F_IFACE_VERSION] = {NULL, "interfaces[].version", CC_BYTES, BOTH, "Its version, \"1.0\"."},
	[F_ACK_RESULT] = {NULL, "interfaces[].ack_result", CC_UINT, CC_RESPONSE, "The server's answer, 0: accepted."},
	[F_OPNUM] = {"dcerpc.opnum", "req.opnum", CC_UINT, BOTH, "Operation that is called."},
	[F_REQ_FRAGS] = {NULL, "req.frag_cnt", CC_UINT, CC_REQUEST, "Fragments of the request."},
	[F_REQ_SIZE] = {NULL, "req.stub_data_size", CC_UINT, CC_REQUEST, "Bytes of stub data of the request."},
	[F_RESPONSE] = {NULL, "response", CC_BYTES, CC_RESPONSE, "Type of the answer, or \"UNREPLIED\"."},
	[F_RES_FRAGS] = {NULL, "res.frag_cnt", CC_UINT, CC_RESPONSE, "Fragments of the response."},
	[F_RES_SIZE] = {NULL, "res.stub_data_size", CC_UINT, CC_RESPONSE, "Bytes of stub data of the response."},
	[F_CALL_ID] = {NULL, "call_id", CC_UINT, CC_REQUEST, "Number of the call."},
	[F_RPC_VERSION] = {NULL, "rpc_version", CC_BYTES, CC_REQUEST, "\"5.0\" over TCP, \"4.0\" over UDP."},
	[F_ACTIVITY] = {NULL, "activityuuid", CC_BYTES, CC_REQUEST, "UDP: the activity that the call belongs to."},
	[F_SEQUENCE] = {NULL, "seqnum", CC_UINT, CC_REQUEST, "UDP: number of the call in its activity."},
	[F_STUB_REQ] = {"dcerpc.stub_data", NULL, CC_BYTES, CC_REQUEST, "Stub data of a request, put together."},
	[F_STUB_RES] = {"dcerpc.stub_data", NULL, CC_BYTES, CC_RESPONSE, "Stub data of a response, put together."},
	[F_BIG_REQ] = {"dcerpc.big_endian", NULL, CC_FLAG, CC_REQUEST,
	    "The request's numbers begin with the high byte."},
	[F_BIG_RES] = {"dcerpc.big_endian", NULL, CC_FLAG, CC_RESPONSE, "The response's numbers do."},
	[F_IFACE] = {"dcerpc.iface", NULL, CC_BYTES, BOTH | CC_MULTI,
	    "Interface of a call: UUID, space, version."},
	[F_NTLM_DOMAIN] = {NULL, "concert.ntlm.domain", CC_BYTES, CC_REQUEST, "NTLMSSP: the user's domain."},
	[F_NTLM_USER] = {NULL, "concert.ntlm.user", CC_BYTES, CC_REQUEST, "NTLMSSP: who logs on."},
	[F_NTLM_HOST] = {NULL, "concert.ntlm.host", CC_BYTES, CC_REQUEST, "NTLMSSP: name of the client's machine."},
	[F_NTLM_VERSION] = {NULL, "concert.ntlm.version", CC_BYTES, CC_REQUEST,
	    "NTLMSSP: version of the client's system."},
};

static const struct ntlm_table ntlm_table = {
    .domain = F_NTLM_DOMAIN,
    .user = F_NTLM_USER,
    .host = F_NTLM_HOST,
    .version = F_NTLM_VERSION,
    .server = NTLM_NONE,
};

enum { A_MALFORMED, A_TOO_MANY_CALLS, A_STUB_TOO_LONG, A_NTLM_V1, A_COUNT };

static const struct cc_anomaly dcerpc_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed_data", "A PDU breaks off, or is not what its type demands."},
	[A_TOO_MANY_CALLS] = {"too_many_calls", "More calls wait for their answer than are remembered."},
	[A_STUB_TOO_LONG] = {"stub_data_too_long", "Stub data is longer than what is shown to rules."},
	[A_NTLM_V1] = {"ntlm_v1", "A log-on by NTLM's version 1, or LM."},
};

struct dcerpc_state {
	struct dcerpc_conn conn;
	bool lost[2];
	uint8_t minor;
	bool finished;
};

static struct cc_tx *
open_tx(struct cc_ctx *ctx, void *arg)
{
	const struct dcerpc_state *state = arg;
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put_text(ctx, tx, F_RPC_VERSION, cc_is_udp(ctx) ? "4.0" : state->minor == 0 ? "5.0" : "5.1");
	return tx;
}

static void
done_tx(struct cc_ctx *ctx, void *arg, struct cc_tx *tx)
{
	(void)arg;
	cc_tx_done(ctx, tx);
}

static struct dcerpc_user
user_of(struct dcerpc_state *state)
{
	return (struct dcerpc_user){
		.field = {
			[DCERPC_F_REQUEST] = F_REQUEST, [DCERPC_F_RESPONSE] = F_RESPONSE,
			[DCERPC_F_CALL_ID] = F_CALL_ID,
			[DCERPC_F_VERSION] = DCERPC_NOWHERE, [DCERPC_F_OPNUM] = DCERPC_NOWHERE,
			[DCERPC_F_OPNUM_REQ] = F_OPNUM, [DCERPC_F_REQ_FRAGS] = F_REQ_FRAGS,
			[DCERPC_F_REQ_SIZE] = F_REQ_SIZE, [DCERPC_F_RES_FRAGS] = F_RES_FRAGS,
			[DCERPC_F_RES_SIZE] = F_RES_SIZE, [DCERPC_F_STUB_REQ] = F_STUB_REQ,
			[DCERPC_F_STUB_RES] = F_STUB_RES, [DCERPC_F_BIG_REQ] = F_BIG_REQ,
			[DCERPC_F_BIG_RES] = F_BIG_RES, [DCERPC_F_IFACES] = F_IFACES, [DCERPC_F_UUID] = F_UUID,
			[DCERPC_F_IFACE_VERSION] = F_IFACE_VERSION, [DCERPC_F_ACK_RESULT] = F_ACK_RESULT,
			[DCERPC_F_ACK_REASON] = DCERPC_NOWHERE, [DCERPC_F_IFACE] = F_IFACE,
			[DCERPC_F_REQUEST_IFACES] = DCERPC_NOWHERE, [DCERPC_F_ACTIVITY] = F_ACTIVITY,
			[DCERPC_F_SEQUENCE] = F_SEQUENCE,
		},
		.anomaly = {A_MALFORMED, A_TOO_MANY_CALLS, A_STUB_TOO_LONG, A_NTLM_V1},
		.head_shown = true,
		.ntlm = &ntlm_table,
		.open = open_tx,
		.done = done_tx,
		.arg = state,
	};
}

/* A stream begins with a bind or its answer; in the middle of one a whole call has to lie here. */
static enum cc_status
dcerpc_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct dcerpc_head head;
	enum cc_status st;

	(void)dir;
	if (cc_is_udp(ctx))
		return dcerpc_datagram_probe(in);
	st = dcerpc_header(in, &head);
	if (st != CC_OK)
		return st;
	if (head.type == DCERPC_PING || (head.type >= DCERPC_WORKING && head.type <= DCERPC_CANCEL_ACK))
		return CC_BAD; /* those are for datagrams */
	return head.size >= DCERPC_HEADER + 4 && (head.flags & 3) != 0 ? CC_OK : CC_BAD;
}

static enum cc_status
dcerpc_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dcerpc_state *state = own;
	struct dcerpc_user user = user_of(state);
	struct dcerpc_head head;

	if (cc_is_udp(ctx)) {
		dcerpc_datagram(ctx, &user, &state->conn, cur_take(in, cur_left(in)));
		return CC_OK;
	}
	while (cur_left(in) > 0) {
		enum cc_status st = dcerpc_header(cur_rest(in), &head);

		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD) {
			if (!state->lost[dir])
				cc_anomaly(ctx, NULL, A_MALFORMED);
			state->lost[dir] = true; /* the next chunk may begin with a PDU again */
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		if (head.size > cur_left(in))
			return CC_MORE;
		state->lost[dir] = false;
		state->minor = head.minor;
		dcerpc_pdu(ctx, &user, &state->conn, &head, cur_take(in, head.size));
	}
	return CC_OK;
}

static enum cc_status
dcerpc_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct dcerpc_state *state = own;

	(void)ctx;
	(void)size;
	state->lost[dir] = true;
	return CC_OK;
}

/* When the client is through the server may still answer: calls end with the side that answers, or with the flow. */
static void
dcerpc_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct dcerpc_state *state = own;
	struct dcerpc_user user = user_of(state);

	if (state->finished || dir == CC_TO_CLIENT)
		dcerpc_close(ctx, &user, &state->conn);
	state->finished = true;
}

static void
dcerpc_end(struct cc_ctx *ctx, void *own)
{
	struct dcerpc_state *state = own;
	struct dcerpc_user user = user_of(state);

	dcerpc_close(ctx, &user, &state->conn);
}

const struct cc_parser dcerpc_parser = {
	.name = "dcerpc",
	.ports = "tcp/135 tcp/593 udp/135",
	.fields = dcerpc_fields,
	.field_count = F_COUNT,
	.anomalies = dcerpc_anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct dcerpc_state),
	.unit_max = 65536 + DCERPC_HEADER,
	.tcp = true,
	.udp = true,
	.probe = dcerpc_probe,
	.feed = dcerpc_feed,
	.gap = dcerpc_gap,
	.finish = dcerpc_finish,
	.close = dcerpc_end,
};
