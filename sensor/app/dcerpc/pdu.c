/*
 * Connection-oriented PDUs (C706, 12.6): bindings, requests, answers, in either byte order.
 *
 *     version 1 | minor 1 | type 1 | flags 1 | drep 4 | size 2 | auth size 2 | call id 4     numbers as drep says
 *     bind:     sizes 4 | group 4 | count 1 | 3 | { context 2 | syntaxes 1 | 1 | uuid 16 | version 4 | 20 each }
 *     bind_ack: sizes 4 | group 4 | address 2 + n | pad | count 1 | 3 | { result 2 | reason 2 | uuid 16 | version 4 }
 *     request:  hint 4 | context 2 | opnum 2 | [object 16] | stub | auth
 *     response: hint 4 | 2 | 2 | stub | auth
 */
#include <stdio.h>

#include "app/dcerpc/dcerpc.h"

#define LOG_ON_MAX 2048 /* of a message: its names stand in front */

enum { PART_SIZE_MIN = 4096 };

static uint16_t
take16(struct cur *c, bool little)
{
	return little ? cur_u16le(c) : cur_u16(c);
}

static uint32_t
take32(struct cur *c, bool little)
{
	return little ? cur_u32le(c) : cur_u32(c);
}

enum cc_status
dcerpc_header(struct slice in, struct dcerpc_head *ret_head)
{
	struct cur c = cur_slice(in);
	struct dcerpc_head head;
	uint8_t order, floats;

	head.version = cur_u8(&c);
	if (!c.bad && head.version != 5)
		return CC_BAD;
	head.minor = cur_u8(&c);
	head.type = cur_u8(&c);
	if (!c.bad && (head.minor > 1 || head.type >= DCERPC_TYPES))
		return CC_BAD;
	head.flags = cur_u8(&c);
	order = cur_u8(&c);
	floats = cur_u8(&c);
	if (!c.bad && ((order & 0xef) != 0 || floats > 3))
		return CC_BAD;
	head.little = order >> 4 == 1;
	cur_skip(&c, 2);
	head.size = take16(&c, head.little);
	head.auth_size = take16(&c, head.little);
	head.call_id = take32(&c, head.little);
	if (c.bad)
		return CC_MORE;
	if (head.size < DCERPC_HEADER || head.auth_size > head.size - DCERPC_HEADER)
		return CC_BAD;
	*ret_head = head;
	return CC_OK;
}

static const struct dcerpc_iface *
iface_of(const struct dcerpc_conn *conn, uint16_t context)
{
	const struct dcerpc_iface *found = NULL;

	for (unsigned i = 0; i < conn->iface_count; i++) /* the newest binding, an accepted one before others */
		if (conn->iface[i].context == context && (found == NULL || !found->acked || conn->iface[i].result == 0))
			found = &conn->iface[i];
	return found;
}

static void
put_iface(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, const struct dcerpc_iface *iface,
    bool acked)
{
	char uuid[37], version[16];

	dcerpc_uuid_text(iface->uuid, uuid);
	snprintf(version, sizeof(version), "%u.%u", iface->major, iface->minor);
	if (user->field[DCERPC_F_IFACES] != DCERPC_NOWHERE)
		cc_put_row(ctx, tx, user->field[DCERPC_F_IFACES]);
	dcerpc_put_text(ctx, user, tx, DCERPC_F_UUID, uuid);
	dcerpc_put_text(ctx, user, tx, DCERPC_F_IFACE_VERSION, version);
	if (!acked)
		return;
	dcerpc_put_uint(ctx, user, tx, DCERPC_F_ACK_RESULT, iface->result);
	dcerpc_put_uint(ctx, user, tx, DCERPC_F_ACK_REASON, iface->reason);
}

/* The rule's dce_iface: the interface of a request. */
static void
put_iface_buffer(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, const struct dcerpc_iface *iface)
{
	char uuid[37], both[64];

	dcerpc_uuid_text(iface->uuid, uuid);
	snprintf(both, sizeof(both), "%s %u.%u", uuid, iface->major, iface->minor);
	dcerpc_put_text(ctx, user, tx, DCERPC_F_IFACE, both);
}

/* ---- who logs on ---- */

static void
put_log_on(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, struct slice token)
{
	if ((ntlm_put(ctx, tx, user->ntlm, token) & NTLM_V1) != 0)
		dcerpc_report(ctx, user, tx, DCERPC_NTLM_V1);
}

/* The token in a PDU's auth trailer, which is its last part. */
static void
log_on(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, const struct dcerpc_head *head,
    struct slice pdu, const struct dcerpc_call *call)
{
	struct slice token, message;

	if (user->ntlm == NULL || head->auth_size == 0 || head->auth_size > pdu.size)
		return;
	token = slice_of(pdu.p + pdu.size - head->auth_size, head->auth_size);
	if (!ntlm_find(token, &message))
		return;
	if (call != NULL) {
		put_log_on(ctx, user, call->tx, message);
		return;
	}
	if (message.size > LOG_ON_MAX)
		message.size = LOG_ON_MAX;
	cc_give(ctx, conn->log_on, conn->log_on_size);
	conn->log_on = cc_take(ctx, message.size);
	conn->log_on_size = (uint32_t)message.size;
	if (conn->log_on != NULL)
		memcpy(conn->log_on, message.p, message.size);
}

static void
tell_log_on(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct cc_tx *tx)
{
	if (conn->log_on == NULL)
		return;
	put_log_on(ctx, user, tx, slice_of(conn->log_on, conn->log_on_size));
	cc_give(ctx, conn->log_on, conn->log_on_size);
	conn->log_on = NULL;
}

static void
read_bind(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, const struct dcerpc_head *head,
    struct slice pdu, struct cur c)
{
	struct dcerpc_call *call = dcerpc_call_new(ctx, user, conn, head->call_id, head->type);
	unsigned count;

	cur_skip(&c, 8);
	count = cur_u8(&c);
	cur_skip(&c, 3);
	if (head->type == DCERPC_BIND)
		conn->iface_count = 0;
	else if (conn->iface_count + count > DCERPC_IFACES_MAX)
		conn->iface_count = 0; /* alter_context over and over: the oldest are forgotten */
	conn->bind_id = head->call_id;
	conn->bind_first = conn->iface_count;
	for (unsigned i = 0; i < count && !c.bad && conn->iface_count < DCERPC_IFACES_MAX; i++) {
		struct dcerpc_iface iface = {.acked = false};
		const uint8_t *uuid;
		unsigned syntaxes;

		iface.context = take16(&c, head->little);
		syntaxes = cur_u8(&c);
		cur_skip(&c, 1);
		uuid = cur_bytes(&c, 16);
		iface.major = take16(&c, head->little);
		iface.minor = take16(&c, head->little);
		cur_skip(&c, (size_t)syntaxes * 20);
		if (uuid == NULL)
			break;
		dcerpc_uuid_order(uuid, head->little, iface.uuid);
		conn->iface[conn->iface_count++] = iface;
	}
	if (c.bad)
		dcerpc_report(ctx, user, call != NULL ? call->tx : NULL, DCERPC_MALFORMED);
	if (call != NULL) {
		log_on(ctx, user, conn, head, pdu, call);
		call->part[CC_TO_SERVER].done = true;
		cc_tx_side_done(ctx, call->tx, CC_TO_SERVER);
	}
}

void
dcerpc_put_bindings(struct cc_ctx *ctx, const struct dcerpc_user *user, const struct dcerpc_conn *conn,
    const struct dcerpc_call *call)
{
	if (call->id != conn->bind_id)
		return;
	for (unsigned i = conn->bind_first; i < conn->iface_count; i++)
		put_iface(ctx, user, call->tx, &conn->iface[i], conn->iface[i].acked);
}

static void
read_bind_ack(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    const struct dcerpc_head *head, struct slice pdu, struct cur c)
{
	struct dcerpc_call *call = dcerpc_call_find(conn, head->call_id, true);
	unsigned count, at = conn->bind_first;
	char room[8];

	cur_skip(&c, 8);
	cur_skip(&c, take16(&c, head->little));
	while (!c.bad && (size_t)(c.p - pdu.p) % 4 != 0)
		cur_skip(&c, 1);
	count = cur_u8(&c);
	cur_skip(&c, 3);
	for (unsigned i = 0; i < count && !c.bad; i++, at++) {
		uint16_t result = take16(&c, head->little), reason = take16(&c, head->little);

		cur_skip(&c, 20);
		if (c.bad || at >= conn->iface_count || call == NULL || call->id != conn->bind_id)
			continue;
		conn->iface[at].acked = true;
		conn->iface[at].result = result;
		conn->iface[at].reason = reason;
	}
	if (c.bad)
		dcerpc_report(ctx, user, call != NULL ? call->tx : NULL, DCERPC_MALFORMED);
	if (call == NULL)
		return;
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_RESPONSE, dcerpc_type_text(head->type, room));
	dcerpc_put_bindings(ctx, user, conn, call);
	dcerpc_call_end(ctx, user, conn, call);
}

/* How much stub data lie before the auth trailer: its padding is counted in the trailer's third byte. */
static size_t
stub_size(const struct dcerpc_head *head, struct slice stub)
{
	struct cur trailer;
	uint8_t pad;

	if (head->auth_size == 0 || stub.size < head->auth_size + 8u)
		return stub.size;
	stub.size -= head->auth_size + 8u;
	trailer = cur_of(stub.p + stub.size, 8);
	cur_skip(&trailer, 2);
	pad = cur_u8(&trailer);
	return pad <= stub.size ? stub.size - pad : stub.size;
}

/*
 * Rules are written for buffers that have what stands around the stub data, too: the object's UUID or a response's head
 * before, the auth trailer behind.  Of a call in several fragments they see what is before the first and behind the
 * last, and the data themselves in one piece.
 */
static void
fragment(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct dcerpc_call *call,
    enum cc_dir dir, const struct dcerpc_head *head, struct slice before, struct slice stub, bool last)
{
	size_t size = stub_size(head, stub);
	struct slice shown = stub;

	if (!last)
		shown.size = size;
	if (call->part[dir].frags == 0)
		shown = slice_of(before.p, before.size + shown.size);
	dcerpc_call_stub(ctx, user, conn, call, dir, shown, size, last);
}

static void
read_request(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    const struct dcerpc_head *head, struct cur c)
{
	struct dcerpc_call *call = NULL;
	const struct dcerpc_iface *iface;
	struct slice object = {NULL, 0};
	uint16_t context, opnum;

	cur_skip(&c, 4);
	context = take16(&c, head->little);
	opnum = take16(&c, head->little);
	object = cur_take(&c, head->flags & DCERPC_HAS_OBJECT ? 16 : 0);
	if (c.bad) {
		dcerpc_report(ctx, user, NULL, DCERPC_MALFORMED);
		return;
	}
	if (!(head->flags & DCERPC_FIRST))
		call = dcerpc_call_find(conn, head->call_id, false);
	if (call == NULL || call->part[CC_TO_SERVER].done) {
		call = dcerpc_call_new(ctx, user, conn, head->call_id, head->type);
		if (call == NULL)
			return;
		dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_OPNUM, opnum);
		dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_OPNUM_REQ, opnum);
		if (!head->little)
			dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_BIG_REQ, 1);
		tell_log_on(ctx, user, conn, call->tx);
		iface = iface_of(conn, context);
		if (iface != NULL) {
			put_iface_buffer(ctx, user, call->tx, iface);
			if (user->field[DCERPC_F_REQUEST_IFACES] != DCERPC_NOWHERE)
				put_iface(ctx, user, call->tx, iface, false);
		}
	}
	fragment(ctx, user, conn, call, CC_TO_SERVER, head, object, cur_rest(&c), (head->flags & DCERPC_LAST) != 0);
}

static void
read_response(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    const struct dcerpc_head *head, struct cur c)
{
	struct dcerpc_call *call = dcerpc_call_find(conn, head->call_id, false);
	bool last = (head->flags & DCERPC_LAST) != 0 || head->type == DCERPC_FAULT;
	struct slice before;
	char room[8];

	before = cur_take(&c, 8);
	if (c.bad)
		dcerpc_report(ctx, user, call != NULL ? call->tx : NULL, DCERPC_MALFORMED);
	if (call == NULL && !c.bad && head->type == DCERPC_RESPONSE && (head->flags & DCERPC_FIRST) != 0)
		call = dcerpc_call_new(ctx, user, conn, head->call_id, DCERPC_TYPES);
	if (call == NULL || c.bad)
		return;
	if (last && !head->little)
		dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_BIG_RES, 1);
	if (!user->head_shown)
		before = slice_of(before.p + before.size, 0);
	fragment(ctx, user, conn, call, CC_TO_CLIENT, head, before, cur_rest(&c), last);
	if (!last)
		return;
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_RESPONSE, dcerpc_type_text(head->type, room));
	dcerpc_call_end(ctx, user, conn, call);
}

void
dcerpc_pdu(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, const struct dcerpc_head *head,
    struct slice pdu)
{
	struct cur c = cur_slice(pdu);
	struct dcerpc_call *call;
	char room[8];

	cur_skip(&c, DCERPC_HEADER);
	switch (head->type) {
	case DCERPC_BIND:
	case DCERPC_ALTER:
		read_bind(ctx, user, conn, head, pdu, c);
		break;
	case DCERPC_BINDACK:
	case DCERPC_ALTER_RESP:
		read_bind_ack(ctx, user, conn, head, pdu, c);
		break;
	case DCERPC_BINDNAK:
		call = dcerpc_call_find(conn, head->call_id, true);
		if (call == NULL)
			break;
		dcerpc_put_text(ctx, user, call->tx, DCERPC_F_RESPONSE, dcerpc_type_text(head->type, room));
		dcerpc_put_bindings(ctx, user, conn, call);
		dcerpc_call_end(ctx, user, conn, call);
		break;
	case DCERPC_REQUEST:
		read_request(ctx, user, conn, head, c);
		break;
	case DCERPC_RESPONSE:
	case DCERPC_FAULT:
		read_response(ctx, user, conn, head, c);
		break;
	case DCERPC_AUTH3:
		log_on(ctx, user, conn, head, pdu, NULL);
		break;
	default: /* cancel, orphaned, shutdown: nothing to tell */
		break;
	}
}

/* ---- pipes ---- */

static void
side_drop(struct cc_ctx *ctx, struct dcerpc_side *side)
{
	cc_give(ctx, side->wait, side->room);
	*side = (struct dcerpc_side){.wait = NULL};
}

static bool
side_keep(struct cc_ctx *ctx, struct dcerpc_side *side, struct slice bytes)
{
	uint32_t need = side->size + (uint32_t)bytes.size, room = side->room == 0 ? PART_SIZE_MIN : side->room;
	uint8_t *grown;

	while (room < need)
		room *= 2;
	if (room != side->room) {
		grown = cc_take(ctx, room);
		if (grown == NULL)
			return false;
		if (side->size > 0)
			memcpy(grown, side->wait, side->size);
		cc_give(ctx, side->wait, side->room);
		side->wait = grown;
		side->room = room;
	}
	memcpy(side->wait + side->size, bytes.p, bytes.size);
	side->size = need;
	return true;
}

/* Fills the waiting PDU as far as it needs.  true: it is whole, or none. */
static bool
side_fill(struct cc_ctx *ctx, struct dcerpc_side *side, struct cur *c, struct dcerpc_head *ret_head,
    enum cc_status *ret)
{
	for (;;) {
		size_t need = DCERPC_HEADER;

		*ret = dcerpc_header(slice_of(side->wait, side->size), ret_head);
		if (*ret == CC_BAD)
			return true;
		if (*ret == CC_OK)
			need = ret_head->size;
		if (side->size >= need)
			return true;
		need -= side->size;
		if (cur_left(c) == 0)
			return false;
		if (need > cur_left(c))
			need = cur_left(c);
		if (!side_keep(ctx, side, cur_take(c, need))) {
			side->size = 0;
			return false;
		}
	}
}

bool
dcerpc_pipe(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, enum cc_dir dir,
    struct slice bytes)
{
	struct dcerpc_side *side = &conn->side[dir];
	struct cur c = cur_slice(bytes);
	struct dcerpc_head head;
	enum cc_status st;

	while (cur_left(&c) > 0 || side->size > 0) {
		if (side->size == 0 && dcerpc_header(cur_rest(&c), &head) == CC_OK && head.size <= cur_left(&c)) {
			dcerpc_pdu(ctx, user, conn, &head, cur_take(&c, head.size)); /* whole, and in place */
			continue;
		}
		if (!side_fill(ctx, side, &c, &head, &st))
			return true;
		if (st == CC_BAD) {
			side_drop(ctx, side);
			return false;
		}
		dcerpc_pdu(ctx, user, conn, &head, slice_of(side->wait, side->size));
		side_drop(ctx, side);
	}
	return true;
}

void
dcerpc_pipe_gap(struct cc_ctx *ctx, struct dcerpc_conn *conn, enum cc_dir dir)
{
	side_drop(ctx, &conn->side[dir]);
}
