/*
 * Compounds of NFS version 4 (RFC 7530, 8881): arguments and results of the operations in a row. Bytes in, slices of
 * them
 * out; no state.
 *
 *     arguments: tag | minor version | count | { operation | its arguments }
 *     results:   status | tag | count | { operation | status | its results }       the first that fails is the last
 *
 * An operation tells nobody its size, so each has to be read to come to the next. At one that isn't known the reading
 * ends;
 * what came before is good.
 */
#include "app/nfs/own.h"

#define NAME_MAX_WIRE 65536
#define STATE_ID 16
#define CHANGE 20               /* what a change did to its folder */

enum op {
	OP_ACCESS = 3, OP_CLOSE, OP_COMMIT, OP_CREATE, OP_DELEGPURGE, OP_DELEGRETURN, OP_GETATTR, OP_GETFH, OP_LINK,
	OP_LOCK,
	OP_LOCKT, OP_LOCKU, OP_LOOKUP, OP_LOOKUPP, OP_NVERIFY, OP_OPEN, OP_OPENATTR, OP_OPEN_CONFIRM, OP_OPEN_DOWNGRADE,
	OP_PUTFH, OP_PUTPUBFH, OP_PUTROOTFH, OP_READ, OP_READDIR, OP_READLINK, OP_REMOVE, OP_RENAME, OP_RENEW,
	OP_RESTOREFH, OP_SAVEFH, OP_SECINFO, OP_SETATTR, OP_SETCLIENTID, OP_SETCLIENTID_CONFIRM, OP_VERIFY, OP_WRITE,
	OP_RELEASE_LOCKOWNER,
	OP_EXCHANGE_ID = 42, OP_DESTROY_SESSION = 44, OP_FREE_STATEID, OP_SECINFO_NO_NAME = 52, OP_SEQUENCE,
	OP_DESTROY_CLIENTID = 57, OP_RECLAIM_COMPLETE,
};

/* Sizes of what has one, plus 1; 0: it has none, or isn't known. */
static const uint8_t args_size[] = {
	[OP_ACCESS] = 4 + 1, [OP_CLOSE] = 4 + STATE_ID + 1, [OP_COMMIT] = 12 + 1, [OP_DELEGPURGE] = 8 + 1,
	[OP_DELEGRETURN] = STATE_ID + 1, [OP_GETFH] = 0 + 1, [OP_LOCKU] = 8 + STATE_ID + 16 + 1,
	[OP_LOOKUPP] = 0 + 1, [OP_OPENATTR] = 4 + 1, [OP_OPEN_CONFIRM] = STATE_ID + 4 + 1,
	[OP_OPEN_DOWNGRADE] = STATE_ID + 12 + 1, [OP_PUTPUBFH] = 0 + 1, [OP_PUTROOTFH] = 0 + 1,
	[OP_READ] = STATE_ID + 12 + 1, [OP_READLINK] = 0 + 1, [OP_RENEW] = 8 + 1, [OP_RESTOREFH] = 0 + 1,
	[OP_SAVEFH] = 0 + 1, [OP_SETCLIENTID_CONFIRM] = 16 + 1, [OP_DESTROY_SESSION] = 16 + 1,
	[OP_FREE_STATEID] = STATE_ID + 1, [OP_SECINFO_NO_NAME] = 4 + 1, [OP_SEQUENCE] = 32 + 1,
	[OP_DESTROY_CLIENTID] = 8 + 1, [OP_RECLAIM_COMPLETE] = 4 + 1,
};
static const uint8_t results_size[] = {
	[OP_ACCESS] = 8 + 1, [OP_CLOSE] = STATE_ID + 1, [OP_COMMIT] = 8 + 1, [OP_DELEGPURGE] = 0 + 1,
	[OP_DELEGRETURN] = 0 + 1, [OP_LINK] = CHANGE + 1, [OP_LOCK] = STATE_ID + 1, [OP_LOCKT] = 0 + 1,
	[OP_LOCKU] = STATE_ID + 1, [OP_LOOKUP] = 0 + 1, [OP_LOOKUPP] = 0 + 1, [OP_NVERIFY] = 0 + 1,
	[OP_OPENATTR] = 0 + 1, [OP_OPEN_CONFIRM] = STATE_ID + 1, [OP_OPEN_DOWNGRADE] = STATE_ID + 1,
	[OP_PUTFH] = 0 + 1, [OP_PUTPUBFH] = 0 + 1, [OP_PUTROOTFH] = 0 + 1, [OP_REMOVE] = CHANGE + 1,
	[OP_RENAME] = 2 * CHANGE + 1, [OP_RENEW] = 0 + 1, [OP_RESTOREFH] = 0 + 1, [OP_SAVEFH] = 0 + 1,
	[OP_SETCLIENTID] = 16 + 1, [OP_SETCLIENTID_CONFIRM] = 0 + 1, [OP_VERIFY] = 0 + 1, [OP_WRITE] = 16 + 1,
	[OP_RELEASE_LOCKOWNER] = 0 + 1, [OP_DESTROY_SESSION] = 0 + 1, [OP_FREE_STATEID] = 0 + 1,
	[OP_SEQUENCE] = 36 + 1, [OP_DESTROY_CLIENTID] = 0 + 1, [OP_RECLAIM_COMPLETE] = 0 + 1,
};

/* count | words */
static void
words(struct cur *c)
{
	uint32_t count = cur_u32(c);

	if (count > 64)
		c->bad = true;
	cur_skip(c, (size_t)count * 4);
}

static void
attributes(struct cur *c)
{
	words(c);
	(void)xdr_opaque(c, NAME_MAX_WIRE);
}

/* seqid, access, deny | owner | how | claim */
static void
open_args(struct cur *c, struct nfs_args *args)
{
	uint32_t how, claim;

	cur_skip(c, 12 + 8);
	(void)xdr_opaque(c, 1024);
	if (cur_u32(c) == 1) {
		how = cur_u32(c);
		if (how == 2 || how == 3)
			cur_skip(c, 8);
		if (how != 2)
			attributes(c);
	}
	claim = cur_u32(c);
	switch (claim) {
	case 2:
		cur_skip(c, STATE_ID);
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		break;
	case 0:
	case 3:
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		break;
	case 1:
		cur_skip(c, 4);
		break;
	case 4:
	case 6:
		break;
	case 5:
		cur_skip(c, STATE_ID);
		break;
	default:
		c->bad = true;
	}
}

static void
create_args(struct cur *c, struct nfs_args *args)
{
	uint32_t type = cur_u32(c);

	if (type == 5)
		(void)xdr_opaque(c, NAME_MAX_WIRE);
	else if (type == 3 || type == 4)
		cur_skip(c, 8);
	args->name = xdr_opaque(c, NAME_MAX_WIRE);
	attributes(c);
}

static void
lock_args(struct cur *c)
{
	cur_skip(c, 8 + 16);
	if (cur_u32(c) == 0) {
		cur_skip(c, STATE_ID + 4);
		return;
	}
	cur_skip(c, 4 + STATE_ID + 4 + 8);
	(void)xdr_opaque(c, 1024);
}

/* One that matters more than what went before takes the compound's name. */
static void
act(struct nfs_args *args, enum nfs_act what, uint32_t op)
{
	args->act = what;
	args->procedure = op;
}

/* false: not known. */
static bool
odd_args(uint32_t op, struct cur *c, struct nfs_args *args)
{
	switch (op) {
	case OP_CREATE:
		create_args(c, args);
		act(args, ACT_MAKE, op);
		return true;
	case OP_OPEN:
		open_args(c, args);
		act(args, ACT_MAKE, op);
		return true;
	case OP_LOOKUP:
	case OP_REMOVE:
	case OP_LINK:
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		act(args, op == OP_LOOKUP ? ACT_LOOKUP : op == OP_REMOVE ? ACT_REMOVE : ACT_LINK, op);
		return true;
	case OP_RENAME:
		args->name = xdr_opaque(c, NAME_MAX_WIRE);
		args->to = xdr_opaque(c, NAME_MAX_WIRE);
		act(args, ACT_RENAME, op);
		return true;
	case OP_PUTFH:
		args->handle = xdr_opaque(c, NFS_HANDLE_MAX);
		return true;
	case OP_WRITE:
		cur_skip(c, STATE_ID);
		args->data.offset = cur_u64(c);
		cur_skip(c, 4);
		act(args, ACT_WRITE, op);
		(void)nfs_data_read(c, &args->data);
		return true;
	case OP_GETATTR:
		words(c);
		return true;
	case OP_READDIR:
		cur_skip(c, 24);
		words(c);
		return true;
	case OP_SETATTR:
		cur_skip(c, STATE_ID);
		attributes(c);
		if (args->act == ACT_NONE)
			act(args, ACT_HANDLE, op);
		return true;
	case OP_VERIFY:
	case OP_NVERIFY:
		attributes(c);
		return true;
	case OP_SECINFO:
		(void)xdr_opaque(c, NAME_MAX_WIRE);
		return true;
	case OP_LOCK:
		lock_args(c);
		return true;
	case OP_LOCKT:
		cur_skip(c, 28);
		(void)xdr_opaque(c, 1024);
		return true;
	case OP_SETCLIENTID:
		cur_skip(c, 8);
		(void)xdr_opaque(c, 1024);
		cur_skip(c, 4);
		(void)xdr_opaque(c, 256);
		(void)xdr_opaque(c, 256);
		cur_skip(c, 4);
		return true;
	case OP_RELEASE_LOCKOWNER:
		cur_skip(c, 8);
		(void)xdr_opaque(c, 1024);
		return true;
	default:
		return false;
	}
}

bool
nfs4_args_read(struct cur *c, struct nfs_args *args)
{
	uint32_t count;

	(void)xdr_opaque(c, 1024);
	cur_skip(c, 4);
	count = cur_u32(c);
	if (count > NFS_OPS_CREDIBLE)
		return false;
	for (uint32_t i = 0; i < count && i < NFS_OPS_MAX && !c->bad; i++) {
		uint32_t op = cur_u32(c);

		if (c->bad)
			break;
		args->op[args->op_count++] = op;
		if (args->procedure == 0)
			args->procedure = op;
		if (op == OP_READ) {
			struct cur look = *c;

			cur_skip(&look, STATE_ID);
			args->offset = cur_u64(&look);
			act(args, ACT_READ, op);
		} else if (op == OP_CLOSE || op == OP_COMMIT) {
			args->close = true;
			if (args->act == ACT_NONE)
				act(args, ACT_COMMIT, op);
		}
		if (op < sizeof(args_size) && args_size[op] > 0)
			cur_skip(c, args_size[op] - 1u);
		else if (!odd_args(op, c, args))
			return true;
		if (args->data.is && args->data.bytes.size < args->data.size)
			return true; /* the rest comes later, and what is behind it nobody reads */
	}
	return !c->bad;
}

/* who may do what, for a delegation */
static void
entry(struct cur *c)
{
	cur_skip(c, 12);
	(void)xdr_opaque(c, 1024);
}

static void
open_results(struct cur *c)
{
	uint32_t type, why;

	cur_skip(c, STATE_ID + CHANGE + 4);
	words(c);
	type = cur_u32(c);
	switch (type) {
	case 0:
		break;
	case 1:
		cur_skip(c, STATE_ID + 4);
		entry(c);
		break;
	case 2:
		cur_skip(c, STATE_ID + 4 + 4 + 8);
		entry(c);
		break;
	case 3:
		why = cur_u32(c);
		if (why == 1 || why == 2)
			cur_skip(c, 4);
		break;
	default:
		c->bad = true;
	}
}

static bool
odd_results(uint32_t op, struct cur *c, struct nfs_results *res)
{
	switch (op) {
	case OP_GETFH:
		res->handle = xdr_opaque(c, NFS_HANDLE_MAX);
		return true;
	case OP_OPEN:
		open_results(c);
		return true;
	case OP_CREATE:
		cur_skip(c, CHANGE);
		words(c);
		return true;
	case OP_GETATTR:
		attributes(c);
		return true;
	case OP_SETATTR:
		words(c);
		return true;
	case OP_READ:
		res->eof = cur_u32(c) != 0;
		return nfs_data_read(c, &res->data);
	default:
		return false;
	}
}

bool
nfs4_results_read(struct cur *c, struct nfs_results *res)
{
	uint32_t count;

	res->status = cur_u32(c);
	(void)xdr_opaque(c, 1024);
	count = cur_u32(c);
	if (count > NFS_OPS_CREDIBLE)
		return false;
	for (uint32_t i = 0; i < count && i < NFS_OPS_MAX && !c->bad; i++) {
		uint32_t op = cur_u32(c), status = cur_u32(c);

		if (c->bad || status != 0)
			break;
		if (op < sizeof(results_size) && results_size[op] > 0)
			cur_skip(c, results_size[op] - 1u);
		else if (!odd_results(op, c, res))
			return true;
		if (res->data.is && res->data.bytes.size < res->data.size)
			return true;
	}
	return !c->bad;
}
