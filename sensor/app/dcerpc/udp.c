/*
 * Connectionless PDUs (C706, 12.5): one datagram is one fragment of one call.
 *
 *     version 1 | type 1 | flags 1 | flags 1 | drep 3 | serial 1 | object 16 | interface 16 | activity 16 | boot 4 |
 *     interface version 4 | sequence 4 | opnum 2 | hints 2 + 2 | size 2 | fragment 2 | auth 1 | serial 1 | body
 */
#include <stdio.h>

#include "app/dcerpc/dcerpc.h"

enum { CL_LAST = 2, CL_FRAGMENT = 4 };

struct datagram {
	uint8_t type, flags;
	bool little;
	uint8_t uuid[16], activity[16];
	uint16_t opnum, fragment, major, minor;
	uint32_t sequence;
	struct slice body;
};

static enum cc_status
read_datagram(struct slice in, struct datagram *ret)
{
	struct cur c = cur_slice(in);
	struct datagram d = {.type = 0};
	uint8_t version = cur_u8(&c), order, floats, chars;
	const uint8_t *uuid, *activity;
	uint32_t iface_version;
	uint16_t size;

	d.type = cur_u8(&c);
	d.flags = cur_u8(&c);
	cur_skip(&c, 1);
	order = cur_u8(&c);
	floats = cur_u8(&c);
	chars = cur_u8(&c);
	d.little = order >> 4 == 1;
	cur_skip(&c, 1 + 16);
	uuid = cur_bytes(&c, 16);
	activity = cur_bytes(&c, 16);
	cur_skip(&c, 4);
	iface_version = d.little ? cur_u32le(&c) : cur_u32(&c);
	d.sequence = d.little ? cur_u32le(&c) : cur_u32(&c);
	d.opnum = d.little ? cur_u16le(&c) : cur_u16(&c);
	cur_skip(&c, 4);
	size = d.little ? cur_u16le(&c) : cur_u16(&c);
	d.fragment = d.little ? cur_u16le(&c) : cur_u16(&c);
	cur_skip(&c, 2);
	if (c.bad || version != 4 || d.type > DCERPC_CANCEL_ACK || (order & 0xef) != 0 || floats > 3 || chars > 3 ||
	    size > cur_left(&c))
		return CC_BAD;
	dcerpc_uuid_order(uuid, d.little, d.uuid);
	dcerpc_uuid_order(activity, d.little, d.activity);
	d.major = (uint16_t)(iface_version & 0xffff);
	d.minor = (uint16_t)(iface_version >> 16);
	d.body = cur_take(&c, size);
	*ret = d;
	return CC_OK;
}

/* Little but the version and the byte order is fixed: the size has to be right, too, up to an auth trailer. */
enum cc_status
dcerpc_datagram_probe(struct slice in)
{
	struct datagram d;

	if (read_datagram(in, &d) != CC_OK || in.size < DCERPC_UDP_HEADER + d.body.size)
		return CC_BAD;
	if (in.size != DCERPC_UDP_HEADER + d.body.size && in.p[78] == 0) /* trailing bytes without an auth protocol */
		return CC_BAD;
	return d.major < 256 && d.minor < 256 && d.opnum < 4096 ? CC_OK : CC_BAD;
}

static struct dcerpc_call *
call_of(struct dcerpc_conn *conn, const struct datagram *d)
{
	for (struct dcerpc_call *call = conn->calls; call != NULL; call = call->next)
		if (call->id == d->sequence && memcmp(call->activity, d->activity, 16) == 0)
			return call;
	return NULL;
}

static struct dcerpc_call *
open_call(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, const struct datagram *d)
{
	struct dcerpc_call *call = dcerpc_call_new(ctx, user, conn, d->sequence, d->type);
	char uuid[37], text[64];

	if (call == NULL)
		return NULL;
	memcpy(call->activity, d->activity, 16);
	dcerpc_uuid_text(d->activity, uuid);
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_ACTIVITY, uuid);
	dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_SEQUENCE, d->sequence);
	dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_OPNUM, d->opnum);
	dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_OPNUM_REQ, d->opnum);
	if (!d->little)
		dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_BIG_REQ, 1);
	dcerpc_uuid_text(d->uuid, uuid);
	snprintf(text, sizeof(text), "%u.%u", d->major, d->minor);
	if (user->field[DCERPC_F_IFACES] != DCERPC_NOWHERE)
		cc_put_row(ctx, call->tx, user->field[DCERPC_F_IFACES]);
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_UUID, uuid);
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_IFACE_VERSION, text);
	snprintf(text, sizeof(text), "%s %u.%u", uuid, d->major, d->minor);
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_IFACE, text);
	return call;
}

void
dcerpc_datagram(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct slice in)
{
	struct dcerpc_call *call;
	struct datagram d;
	bool last;
	char room[8];

	if (read_datagram(in, &d) != CC_OK) {
		dcerpc_report(ctx, user, NULL, DCERPC_MALFORMED);
		return;
	}
	last = !(d.flags & CL_FRAGMENT) || (d.flags & CL_LAST) != 0;
	call = call_of(conn, &d);
	switch (d.type) {
	case DCERPC_REQUEST:
		if (call == NULL)
			call = open_call(ctx, user, conn, &d);
		if (call != NULL)
			dcerpc_call_stub(ctx, user, conn, call, CC_TO_SERVER, d.body, d.body.size, last);
		break;
	case DCERPC_RESPONSE:
	case DCERPC_FAULT:
	case DCERPC_REJECT:
		if (call == NULL)
			break;
		last = last || d.type != DCERPC_RESPONSE;
		if (last && !d.little)
			dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_BIG_RES, 1);
		dcerpc_call_stub(ctx, user, conn, call, CC_TO_CLIENT, d.body, d.body.size, last);
		if (!call->part[CC_TO_CLIENT].done)
			break;
		dcerpc_put_text(ctx, user, call->tx, DCERPC_F_RESPONSE, dcerpc_type_text(d.type, room));
		dcerpc_call_end(ctx, user, conn, call);
		break;
	default: /* pings, acknowledgements */
		break;
	}
}
