/*
 * ONC RPC (RFC 5531) as far as it lies before what NFS says.  Bytes in, slices of them out; no state.
 *
 *     call:  xid | 0 | RPC's version 2 | program 100003 | version | procedure | credential | verifier | arguments
 *     reply: xid | 1 | 0 accepted | verifier | status | results          xid | 1 | 1 denied | why
 *
 * Everything is XDR (RFC 4506): units of four bytes; what is shorter is filled up. Credential and verifier: kind, size,
 * bytes.
 */
#include "app/nfs/own.h"

#define AUTH_MAX 400
#define PROGRAM 100003

enum { GSS_DATA = 0, GSS_PLAIN = 1, GSS_INTEGRITY = 2 };

struct slice
xdr_opaque(struct cur *c, size_t most)
{
	uint32_t size = cur_u32(c);
	struct slice bytes;

	if (size > most)
		c->bad = true;
	bytes = cur_take(c, c->bad ? 0 : size);
	if (cur_left(c) >= (4 - size % 4) % 4)
		cur_skip(c, (4 - size % 4) % 4);
	else /* what fills up may be left out by nobody, but the bytes are good */
		cur_skip(c, cur_left(c));
	return bytes;
}

/* Why a read came to nothing: the bytes end, or are wrong. */
static enum cc_status
short_or_bad(struct slice in, size_t enough)
{
	return in.size < enough ? CC_MORE : CC_BAD;
}

static void
user(struct rpc_call *call)
{
	struct cur c = cur_slice(call->creds);

	cur_skip(&c, 4);
	call->machine = xdr_opaque(&c, 255);
	call->uid = cur_u32(&c);
	call->gid = cur_u32(&c);
	call->has_user = !c.bad;
}

/* version 1 | procedure | sequence | service | context; arguments with integrity are wrapped: size, sequence, arguments
 */
static void
gss(struct rpc_call *call)
{
	struct cur c = cur_slice(call->creds);
	uint32_t version = cur_u32(&c), procedure = cur_u32(&c), service;

	cur_skip(&c, 4);
	service = cur_u32(&c);
	call->sealed = c.bad || version != 1 || procedure != GSS_DATA || service < GSS_PLAIN || service > GSS_INTEGRITY;
	call->wrapped = !call->sealed && service == GSS_INTEGRITY;
	if (call->wrapped)
		cur_skip(&call->args, 8);
}

enum cc_status
rpc_call_read(struct slice in, struct rpc_call *ret_call)
{
	struct cur c = cur_slice(in);
	struct rpc_call call = {.xid = cur_u32(&c)};
	uint32_t type = cur_u32(&c), rpc = cur_u32(&c), program = cur_u32(&c), size;
	static const uint32_t last[] = {17, 21, 1};

	call.version = cur_u32(&c);
	call.procedure = cur_u32(&c);
	call.auth = cur_u32(&c);
	size = cur_u32(&c);
	if ((in.size >= 8 && type != 0) || (in.size >= 12 && rpc != 2) || (in.size >= 16 && program != PROGRAM) ||
	    (in.size >= 20 && (call.version < 2 || call.version > 4)) ||
	    (in.size >= 24 && call.procedure > last[call.version - 2]))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (call.auth > RPC_GSS || size > AUTH_MAX || size % 4 != 0)
		return CC_BAD;
	call.creds = cur_take(&c, size);
	cur_skip(&c, 4);
	size = cur_u32(&c);
	if (!c.bad && size > AUTH_MAX)
		return CC_BAD;
	cur_skip(&c, (size + 3) / 4 * 4);
	if (c.bad)
		return short_or_bad(in, 48 + 2 * AUTH_MAX);
	call.args = c;
	if (call.auth == RPC_UNIX)
		user(&call);
	else if (call.auth == RPC_GSS)
		gss(&call);
	*ret_call = call;
	return CC_OK;
}

enum cc_status
rpc_reply_read(struct slice in, struct rpc_reply *ret_reply)
{
	struct cur c = cur_slice(in);
	struct rpc_reply reply = {.xid = cur_u32(&c)};
	uint32_t type = cur_u32(&c), auth, size;

	reply.denied = cur_u32(&c);
	if ((in.size >= 8 && type != 1) || (in.size >= 12 && reply.denied > 1))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (reply.denied == 1) {
		reply.accept = cur_u32(&c);
		if (!c.bad && reply.accept > 1)
			return CC_BAD;
		cur_skip(&c, 4);
	} else {
		auth = cur_u32(&c);
		size = cur_u32(&c);
		if (!c.bad && (auth > RPC_GSS || size > AUTH_MAX))
			return CC_BAD;
		cur_skip(&c, (size + 3) / 4 * 4);
		reply.accept = cur_u32(&c);
		if (!c.bad && reply.accept > 5)
			return CC_BAD;
	}
	if (c.bad)
		return short_or_bad(in, 24 + AUTH_MAX);
	reply.results = c;
	*ret_reply = reply;
	return CC_OK;
}
