/*
 * NFS versions 2, 3 and 4 over ONC RPC (RFC 1094, 1813, 7530, 8881; RPC: 5531), over UDP and TCP: messages in, a
 * transaction for each call with its reply, and one for each file that is read or written.
 *
 * Over TCP a message is a record of fragments: 4 bytes (1 bit: the last one; 31 bits: size), then the fragment.  Of a
 * long one the beginning is read, the file's bytes in it go on as they come.  After a gap the next call, or the reply
 * to a known one, is looked for.  Replies say nothing without their calls: they are found by the number they share,
 * xid. One thread, a worker's.
 */
#include "app/nfs/own.h"

#include <stdio.h>
#include <zlib.h>

#define WHOLE_MAX 16384         /* a message up to this size is waited for */
#define HEAD_SIZE 4096          /* of a longer one, this much */
#define RECORD_MAX (16u << 20)

static const struct cc_field nfs_fields[NFS_F_COUNT] = {
	[NFS_F_VERSION] = {NULL, "version", CC_UINT, CC_REQUEST | CC_ENDS, "NFS's version."},
	[NFS_F_PROCEDURE] = {NULL, "procedure", CC_BYTES, CC_REQUEST,
	    "What is asked for; version 4: the operation that matters most."},
	[NFS_F_FILE] = {"nfs.filename", "filename", CC_BYTES, CC_REQUEST, "Name of the file, as it was looked up."},
	[NFS_F_HASH] = {NULL, "hhash", CC_BYTES, CC_REQUEST, "CRC-32 of the file's handle."},
	[NFS_F_ID] = {NULL, "id", CC_UINT, CC_REQUEST, "Number of the transaction."},
	[NFS_F_FILE_TX] = {NULL, "file_tx", CC_FLAG, CC_REQUEST, "Holds all that was read or written of a file."},
	[NFS_F_TYPE] = {NULL, "type", CC_BYTES, CC_REQUEST, "\"response\", or \"request\" where none was seen."},
	[NFS_F_STATUS] = {NULL, "status", CC_BYTES, CC_RESPONSE, "What became of it, \"OK\"."},
	[NFS_F_FROM] = {NULL, "rename.from", CC_BYTES, CC_REQUEST, "Name before."},
	[NFS_F_TO] = {NULL, "rename.to", CC_BYTES, CC_REQUEST, "Name afterwards."},
	[NFS_F_READ_FIRST] = {NULL, "read.first", CC_FLAG, CC_RESPONSE, "Read without a hole."},
	[NFS_F_READ_LAST] = {NULL, "read.last", CC_FLAG, CC_RESPONSE, "Read to the end."},
	[NFS_F_READ_XID] = {NULL, "read.last_xid", CC_UINT, CC_RESPONSE, "Number of the last call."},
	[NFS_F_READ_CHUNKS] = {NULL, "read.chunks", CC_UINT, CC_RESPONSE, "Number of calls."},
	[NFS_F_WRITE_FIRST] = {NULL, "write.first", CC_FLAG, CC_REQUEST, "Written without a hole."},
	[NFS_F_WRITE_LAST] = {NULL, "write.last", CC_FLAG, CC_REQUEST, "Written to the end."},
	[NFS_F_WRITE_XID] = {NULL, "write.last_xid", CC_UINT, CC_REQUEST, "Number of the last call."},
	[NFS_F_WRITE_CHUNKS] = {NULL, "write.chunks", CC_UINT, CC_REQUEST, "Number of calls."},
	[NFS_F_XID] = {NULL, "/rpc.xid", CC_UINT, CC_REQUEST, "Number that a call shares with its reply."},
	[NFS_F_RPC_STATUS] = {NULL, "/rpc.status", CC_BYTES, CC_RESPONSE, "\"ACCEPTED\" or \"DENIED\"."},
	[NFS_F_AUTH] = {NULL, "/rpc.auth_type", CC_BYTES, CC_REQUEST, "Kind of the credential."},
	[NFS_F_MACHINE] = {"rpc.machine_name", "/rpc.creds.machine_name", CC_BYTES, CC_REQUEST,
	    "Host that the client says it is."},
	[NFS_F_UID] = {"rpc.uid", "/rpc.creds.uid", CC_UINT, CC_REQUEST, "User that the client says it is."},
	[NFS_F_GID] = {"rpc.gid", "/rpc.creds.gid", CC_UINT, CC_REQUEST, "Group that the client says it is."},
	[NFS_F_OPS] = {NULL, "concert.operations", CC_BYTES, CC_REQUEST | CC_MULTI | CC_DETAIL,
	    "Version 4: the operations."},
	[NFS_F_VERSION_NUM] = {"nfs.version", NULL, CC_UINT, CC_REQUEST, "NFS's version."},
	[NFS_F_PROC_NUM] = {"nfs_procedure", NULL, CC_UINT, CC_REQUEST | CC_MULTI | CC_ENDS,
	    "Number of the procedure; version 4: of each operation."},
};

static const struct cc_anomaly nfs_anomalies[NFS_ODD_COUNT] = {
	[NFS_MALFORMED] = {"malformed_data", "A message isn't what its procedure demands."},
	[NFS_TOO_MANY_CALLS] = {"too_many_transactions", "More than nfs.calls_limit calls wait for replies."},
	[NFS_RECORD_LONG] = {"record_too_long", "A record is longer than any of NFS."},
	[NFS_TOO_MANY_FILES] = {"too_many_files", "More than nfs.files_limit files are open."},
	[NFS_HOLE] = {"file_gap", "Bytes of a file were not seen."},
	[NFS_NO_CALL] = {"reply_without_call", "A reply whose call was not seen."},
	[NFS_DENIED] = {"access_denied", "The server refuses a call for its credential."},
	[NFS_ROOT] = {"root_user", "A file is changed by a client that says it is root."},
};

static const struct cc_alias nfs_aliases[] = {{"nfs_version", "nfs.version"}};

static const struct cc_frame_kind nfs_frames[NFS_FRAME_COUNT] = {
	[NFS_FRAME_RPC] = {"rpc.pdu", "An RPC message with its mark."},
	[NFS_FRAME_HDR] = {"rpc.hdr", "What lies before the credential."},
	[NFS_FRAME_CREDS] = {"rpc.creds", "The credential of a call."},
	[NFS_FRAME_DATA] = {"rpc.data", "What lies behind credential and verifier."},
	[NFS_FRAME_PDU] = {"nfs.pdu", "The same, as NFS's."},
	[NFS_FRAME_STATUS] = {"nfs.status", "Status of a reply."},
	[NFS_FRAME_PDU4] = {"nfs4.pdu", "What lies behind credential and verifier, of version 4."},
	[NFS_FRAME_HDR4] = {"nfs4.hdr", "The first 8 bytes of a compound."},
	[NFS_FRAME_OPS4] = {"nfs4.ops", "What lies behind them: its operations."},
	[NFS_FRAME_STATUS4] = {"nfs4.status", "Status of a compound's results."},
};

void
nfs_report(struct cc_ctx *ctx, struct nfs_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->told >> anomaly & 1) != 0)
		return;
	state->told |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

void
nfs_put_hash(struct cc_ctx *ctx, struct cc_tx *tx, struct slice handle)
{
	char text[12];

	snprintf(text, sizeof(text), "%lx", crc32(0, handle.p, (uInt)handle.size));
	cc_put_text(ctx, tx, NFS_F_HASH, text);
}

/* ---- who is it ---- */

/* The mark of a record that can be one: of a size. */
static bool
mark_right(uint32_t mark)
{
	uint32_t size = mark & 0x7fffffff;

	return size >= NFS_RPC_SIZE && size <= RECORD_MAX;
}

/* A call names the program in its twelve constant bytes.  A reply names nothing: on the port, or to a call that was
 * seen. */
static enum cc_status
nfs_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	struct rpc_call call;
	struct rpc_reply reply;
	enum cc_status st;

	if (!cc_is_udp(ctx)) {
		uint32_t mark = cur_u32(&c);

		if (c.bad)
			return CC_MORE;
		if (!mark_right(mark))
			return CC_BAD;
	}
	if (dir == CC_TO_SERVER) {
		st = rpc_call_read(cur_rest(&c), &call);
	} else {
		if (!cc_other_known(ctx) && cc_server_port(ctx) != 2049)
			return CC_BAD;
		st = rpc_reply_read(cur_rest(&c), &reply);
	}
	return cc_is_udp(ctx) && st == CC_MORE ? CC_BAD : st;
}

/* ---- messages ---- */

static struct slice
clip(struct cc_ctx *ctx, struct slice name)
{
	uint64_t most = cc_limit(ctx, "nfs.name_limit");

	if (name.size > most)
		name.size = (size_t)most;
	return name;
}

static void
put_caller(struct cc_ctx *ctx, struct cc_tx *tx, const struct rpc_call *call)
{
	static const char *const text[] = {"NULL", "UNIX", "SHORT", "DES", "KERB", "RSA", "GSS"};

	if (cc_get(tx, NFS_F_AUTH) != NULL)
		return;
	cc_put_text(ctx, tx, NFS_F_AUTH, text[call->auth]);
	if (!call->has_user)
		return;
	cc_put(ctx, tx, NFS_F_MACHINE, call->machine);
	cc_put_uint(ctx, tx, NFS_F_UID, call->uid);
	cc_put_uint(ctx, tx, NFS_F_GID, call->gid);
}

/*
 * Calls that name a file, or change one, are told one by one; so are all of versions 2 and 3.  Version 4 keeps up a
 * constant talk of attributes and leases, which is not.
 */
static bool
is_told(const struct rpc_call *call, const struct nfs_args *args)
{
	if (args->act == ACT_READ || args->act == ACT_WRITE)
		return false;
	return call->version < 4 || (args->act != ACT_NONE && args->act != ACT_COMMIT);
}

static struct cc_tx *
call_tx(struct cc_ctx *ctx, struct nfs_state *state, const struct rpc_call *call, const struct nfs_args *args)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put_uint(ctx, tx, NFS_F_VERSION, call->version);
	cc_put_uint(ctx, tx, NFS_F_VERSION_NUM, call->version);
	cc_put_text(ctx, tx, NFS_F_PROCEDURE, nfs_procedure_text(call->version, args->procedure));
	if (args->op_count == 0)
		cc_put_uint(ctx, tx, NFS_F_PROC_NUM, args->procedure);
	for (unsigned i = 0; i < args->op_count; i++) {
		cc_put_uint(ctx, tx, NFS_F_PROC_NUM, args->op[i]);
		cc_put_text(ctx, tx, NFS_F_OPS, nfs_procedure_text(4, args->op[i]));
	}
	cc_put(ctx, tx, NFS_F_FILE, args->name.size > 0 ? clip(ctx, args->name) : nfs_name_of(state, args->handle));
	if (args->act == ACT_RENAME) {
		cc_put(ctx, tx, NFS_F_FROM, clip(ctx, args->name));
		cc_put(ctx, tx, NFS_F_TO, clip(ctx, args->to));
	}
	if (args->handle.size > 0)
		nfs_put_hash(ctx, tx, args->handle);
	cc_put_uint(ctx, tx, NFS_F_ID, ++state->tx_count);
	cc_put_uint(ctx, tx, NFS_F_FILE_TX, false);
	cc_put_uint(ctx, tx, NFS_F_XID, call->xid);
	put_caller(ctx, tx, call);
	if (call->has_user && call->uid == 0 && args->act >= ACT_MAKE && args->act <= ACT_LINK)
		nfs_report(ctx, state, tx, NFS_ROOT);
	return tx;
}

/* What of a file's bytes is here goes on; what is to come is noted for the side. */
static void
data(struct cc_ctx *ctx, struct nfs_state *state, enum cc_dir dir, struct nfs_file *file, const struct nfs_data *data)
{
	struct nfs_side *side = &state->side[dir];

	if (!data->is || file == NULL)
		return;
	nfs_file_bytes(ctx, state, file, data->offset, data->bytes);
	side->file = file;
	side->left = data->size - data->bytes.size;
	side->offset = data->offset + data->bytes.size;
}

/* A READ or a WRITE of a file belongs to that file's transaction. */
static void
write_call(struct cc_ctx *ctx, struct nfs_state *state, const struct rpc_call *call, const struct nfs_args *args)
{
	struct nfs_file *file = nfs_file_use(ctx, state, args->handle, CC_TO_SERVER, call->version, call->xid);

	if (file == NULL)
		return;
	put_caller(ctx, file->tx, call);
	if (call->has_user && call->uid == 0)
		nfs_report(ctx, state, file->tx, NFS_ROOT);
	data(ctx, state, CC_TO_SERVER, file, &args->data);
}

static void
close_files(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, bool reads)
{
	struct nfs_file *file = nfs_file_find(state, handle, CC_TO_SERVER);

	if (file != NULL)
		nfs_file_close(ctx, state, file, true);
	file = reads ? nfs_file_find(state, handle, CC_TO_CLIENT) : NULL;
	if (file != NULL)
		nfs_file_close(ctx, state, file, false);
}

/* partial: the message goes on behind what is here. */
static void
call_message(struct cc_ctx *ctx, struct nfs_state *state, struct rpc_call *call, bool partial)
{
	struct nfs_args args = {.act = ACT_NONE};
	struct nfs_call *wait;
	bool good = true;

	if (nfs_call_find(state, call->xid) != NULL)
		return; /* sent again */
	args.procedure = call->version == 4 ? 0 : call->procedure;
	if (!call->sealed && call->version == 4 && call->procedure == 1)
		good = nfs4_args_read(&call->args, &args);
	else if (!call->sealed && call->version < 4)
		good = nfs_args_read(call->version, call->procedure, &call->args, &args);
	if (args.handle.size > NFS_HANDLE_MAX)
		args.handle.size = 0;
	wait = nfs_call_new(ctx, state, args.handle, clip(ctx, args.name));
	if (wait == NULL)
		return;
	wait->xid = call->xid;
	wait->version = (uint8_t)call->version;
	wait->procedure = args.procedure;
	wait->act = (uint8_t)args.act;
	wait->sealed = call->sealed;
	wait->wrapped = call->wrapped;
	wait->offset = args.offset;
	if (is_told(call, &args))
		wait->tx = call_tx(ctx, state, call, &args);
	if (!good && !partial)
		nfs_report(ctx, state, wait->tx, NFS_MALFORMED);
	if (args.act == ACT_WRITE)
		write_call(ctx, state, call, &args);
	if (args.close && args.handle.size > 0)
		close_files(ctx, state, args.handle, call->version == 4);
	cc_tx_side_done(ctx, wait->tx, CC_TO_SERVER);
	cc_tx_update(ctx, wait->tx, CC_TO_SERVER);
}

static void
read_reply(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_call *call, struct nfs_results *res)
{
	struct slice handle = slice_of(call->bytes, call->handle_size);
	struct nfs_file *file = nfs_file_use(ctx, state, handle, CC_TO_CLIENT, call->version, call->xid);
	bool ends;

	if (file == NULL)
		return;
	res->data.offset = call->offset;
	data(ctx, state, CC_TO_CLIENT, file, &res->data);
	if (res->has_size)
		nfs_file_size(file, res->size);
	else if (res->eof)
		nfs_file_size(file, call->offset + res->data.size);
	ends = file->has_size && file->at >= file->size && !file->gap;
	if (cc_get(file->tx, NFS_F_STATUS) == NULL)
		cc_put_text(ctx, file->tx, NFS_F_STATUS, "OK");
	if (ends && state->side[CC_TO_CLIENT].left == 0)
		nfs_file_close(ctx, state, file, true);
}

static void
reply_message(struct cc_ctx *ctx, struct nfs_state *state, struct rpc_reply *reply, bool partial)
{
	struct nfs_call *call = nfs_call_find(state, reply->xid);
	struct nfs_results res = {.status = 0};
	struct nfs_file *file;
	bool good = true;

	if (call == NULL) {
		nfs_report(ctx, state, NULL, NFS_NO_CALL);
		return;
	}
	cc_put_text(ctx, call->tx, NFS_F_TYPE, "response");
	cc_put_text(ctx, call->tx, NFS_F_RPC_STATUS, reply->denied != 0 ? "DENIED" : "ACCEPTED");
	if (reply->denied != 0)
		nfs_report(ctx, state, call->tx, NFS_DENIED);
	if (reply->denied == 0 && reply->accept == 0 && !call->sealed) {
		if (call->wrapped)
			cur_skip(&reply->results, 8);
		if (call->version == 4 && call->procedure != 0)
			good = nfs4_results_read(&reply->results, &res);
		else if (call->version < 4)
			good = nfs_results_read(call, &reply->results, &res);
		cc_put_text(ctx, call->tx, NFS_F_STATUS, nfs_status_text(res.status));
		if (!good && !partial)
			nfs_report(ctx, state, call->tx, NFS_MALFORMED);
		if (good && res.status == 0 && res.handle.size > 0)
			nfs_name_put(
			    ctx, state, res.handle, slice_of(call->bytes + call->handle_size, call->name_size));
		if (good && res.status == 0 && call->act == ACT_READ && res.data.is)
			read_reply(ctx, state, call, &res);
		file = good && call->act == ACT_WRITE && res.has_size ?
		    nfs_file_find(state, slice_of(call->bytes, call->handle_size), CC_TO_SERVER) : NULL;
		if (file != NULL)
			nfs_file_size(file, res.size);
	}
	cc_tx_side_done(ctx, call->tx, CC_TO_CLIENT);
	nfs_call_remove(ctx, state, call);
}

/* false: neither a call nor a reply. */
static bool
message(struct cc_ctx *ctx, struct nfs_state *state, struct slice in, bool partial)
{
	struct rpc_call call;
	struct rpc_reply reply;

	if (rpc_call_read(in, &call) == CC_OK)
		call_message(ctx, state, &call, partial);
	else if (rpc_reply_read(in, &reply) == CC_OK)
		reply_message(ctx, state, &reply, partial);
	else
		return false;
	return true;
}

/* What lies behind RPC's head; a compound has frames of its own. */
static void
body_frames(struct cc_ctx *ctx, enum cc_dir dir, const uint8_t *from, size_t size, bool reply, bool compound)
{
	cc_frame(ctx, NULL, dir, NFS_FRAME_DATA, from, size);
	cc_frame(ctx, NULL, dir, compound ? NFS_FRAME_PDU4 : NFS_FRAME_PDU, from, size);
	if (reply && size >= 4)
		cc_frame(ctx, NULL, dir, compound ? NFS_FRAME_STATUS4 : NFS_FRAME_STATUS, from, 4);
	if (!compound || size <= 8)
		return;
	cc_frame(ctx, NULL, dir, NFS_FRAME_HDR4, from, 8);
	cc_frame(ctx, NULL, dir, NFS_FRAME_OPS4, from + 8, size - 8);
}

static void
frames(struct cc_ctx *ctx, struct nfs_state *state, enum cc_dir dir, struct slice in, size_t mark, size_t size)
{
	struct rpc_call call;
	struct rpc_reply reply;
	const uint8_t *from;
	bool is_reply = false, compound;

	if (!cc_frames_wanted(ctx))
		return;
	cc_frame(ctx, NULL, dir, NFS_FRAME_RPC, in.p, mark + size);
	in = slice_of(in.p + mark, in.size - mark);
	if (rpc_call_read(in, &call) == CC_OK) {
		cc_frame(ctx, NULL, dir, NFS_FRAME_HDR, in.p, 24);
		cc_frame(ctx, NULL, dir, NFS_FRAME_CREDS, in.p + 24, call.creds.size + 8);
		from = call.args.p;
		compound = call.version == 4;
	} else if (rpc_reply_read(in, &reply) == CC_OK) {
		cc_frame(ctx, NULL, dir, NFS_FRAME_HDR, in.p, 12);
		const struct nfs_call *asked = nfs_call_find(state, reply.xid);

		from = reply.results.p;
		compound = asked != NULL && asked->version == 4;
		is_reply = true;
	} else {
		return;
	}
	if ((size_t)(from - in.p) < size)
		body_frames(ctx, dir, from, size - (size_t)(from - in.p), is_reply, compound);
}

/* ---- records ---- */

static void
kept_free(struct cc_ctx *ctx, struct nfs_side *side)
{
	cc_give(ctx, side->kept, (size_t)cc_limit(ctx, "nfs.record_limit"));
	side->kept = NULL;
	side->kept_size = 0;
	side->kept_cut = false;
	side->more = false;
}

/* A record in several fragments is put together, as far as the limit. */
static void
keep(struct cc_ctx *ctx, struct nfs_side *side, struct slice bytes)
{
	size_t room = (size_t)cc_limit(ctx, "nfs.record_limit");

	if (side->kept == NULL)
		side->kept = cc_take(ctx, room);
	if (side->kept == NULL || bytes.size > room - side->kept_size) {
		side->kept_cut = true;
		bytes.size = side->kept != NULL ? room - side->kept_size : 0;
	}
	if (bytes.size > 0)
		memcpy(side->kept + side->kept_size, bytes.p, bytes.size);
	side->kept_size += (uint32_t)bytes.size;
}

/* What belongs to a record that was begun; false: nothing does. */
static bool
go_on(struct cc_ctx *ctx, struct nfs_state *state, enum cc_dir dir, struct cur *in)
{
	struct nfs_side *side = &state->side[dir];
	struct slice bytes;

	if (side->skip == 0)
		return false;
	bytes = cur_take(in, side->skip < cur_left(in) ? (size_t)side->skip : cur_left(in));
	side->skip -= bytes.size;
	if (side->left > 0) {
		struct slice here = slice_of(bytes.p, bytes.size < side->left ? bytes.size : (size_t)side->left);

		side->left -= here.size;
		if (side->file != NULL)
			nfs_file_bytes(ctx, state, side->file, side->offset, here);
		side->offset += here.size;
	}
	if (side->skip == 0)
		side->left = 0;
	if (side->left == 0 && side->file != NULL) {
		struct nfs_file *file = side->file;

		side->file = NULL;
		if (file->dir == CC_TO_CLIENT && file->has_size && file->at >= file->size && !file->gap)
			nfs_file_close(ctx, state, file, true);
	}
	return true;
}

/* After a gap: moves to what can only be a record's beginning.  Keeps what may become one. */
static bool
find(struct nfs_state *state, struct cur *in)
{
	struct rpc_call call;
	struct rpc_reply reply;

	for (; cur_left(in) >= 4 + NFS_RPC_SIZE; cur_skip(in, 1)) {
		struct cur c = *in;
		uint32_t mark = cur_u32(&c);

		if (mark >> 31 == 0 || !mark_right(mark))
			continue;
		if (rpc_call_read(cur_rest(&c), &call) != CC_BAD)
			return true;
		if (rpc_reply_read(cur_rest(&c), &reply) == CC_OK && nfs_call_find(state, reply.xid) != NULL)
			return true;
	}
	return false;
}

/* A fragment from its mark on.  CC_MORE: not enough of it is here. */
static enum cc_status
fragment(struct cc_ctx *ctx, struct nfs_state *state, enum cc_dir dir, struct cur *in)
{
	struct nfs_side *side = &state->side[dir];
	struct cur c = *in;
	uint32_t mark = cur_u32(&c), size = mark & 0x7fffffff;
	bool last = mark >> 31 != 0, good = true;
	struct slice body;

	if (c.bad)
		return CC_MORE;
	if (size > RECORD_MAX || (size < NFS_RPC_SIZE && last && !side->more)) {
		nfs_report(ctx, state, NULL, size > RECORD_MAX ? NFS_RECORD_LONG : NFS_MALFORMED);
		return CC_BAD;
	}
	if (size > WHOLE_MAX && cur_left(&c) < HEAD_SIZE)
		return CC_MORE;
	if (size <= WHOLE_MAX && cur_left(&c) < size)
		return CC_MORE;
	body = cur_take(&c, size <= WHOLE_MAX ? size : size < cur_left(&c) ? size : cur_left(&c));
	if (last && !side->more) {
		frames(ctx, state, dir, slice_of(in->p, body.size + 4), 4, size);
		good = message(ctx, state, body, body.size < size);
	} else {
		keep(ctx, side, body);
		side->kept_cut = side->kept_cut || body.size < size;
		side->more = !last;
		if (last) {
			good = message(ctx, state, slice_of(side->kept, side->kept_size), side->kept_cut);
			side->left = 0; /* what didn't fit is not there */
			side->file = NULL;
			kept_free(ctx, side);
		}
	}
	if (!good) {
		nfs_report(ctx, state, NULL, NFS_MALFORMED);
		return CC_BAD;
	}
	side->skip = size - body.size;
	if (side->left > side->skip)
		side->left = side->skip;
	if (side->skip == 0) {
		side->left = 0;
		side->file = NULL;
	}
	*in = c;
	return CC_OK;
}

static enum cc_status
nfs_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct nfs_state *state = own;
	struct nfs_side *side = &state->side[dir];
	struct slice all = cur_rest(in);

	if (cc_is_udp(ctx)) {
		cur_skip(in, all.size);
		frames(ctx, state, dir, all, 0, all.size);
		if (!message(ctx, state, all, false))
			nfs_report(ctx, state, NULL, NFS_MALFORMED);
		side->left = 0;
		side->file = NULL;
		return CC_OK;
	}
	while (cur_left(in) > 0) {
		if (go_on(ctx, state, dir, in))
			continue;
		if (side->lost && !find(state, in))
			return CC_MORE;
		side->lost = false;
		switch (fragment(ctx, state, dir, in)) {
		case CC_OK:
			break;
		case CC_MORE:
			return CC_MORE;
		default:
			if (side->kept != NULL)
				kept_free(ctx, side);
			side->more = false;
			cur_skip(in, 1);
			side->lost = true; /* the next one may be right again */
		}
	}
	return CC_OK;
}

static enum cc_status
nfs_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct nfs_state *state = own;
	struct nfs_side *side = &state->side[dir];

	if (side->skip >= size) {
		uint64_t lost = size < side->left ? size : side->left;

		side->skip -= size;
		side->left -= lost;
		side->offset += lost;
		return CC_OK;
	}
	if (side->kept != NULL)
		kept_free(ctx, side);
	side->skip = side->left = 0;
	side->file = NULL;
	side->more = false;
	side->lost = true;
	return CC_OK;
}

/* With the flow's end what waits is told as it is. */
static void
nfs_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct nfs_state *state = own;

	if (dir != CC_TO_CLIENT)
		return;
	while (state->calls != NULL) {
		if (cc_get(state->calls->tx, NFS_F_TYPE) == NULL)
			cc_put_text(ctx, state->calls->tx, NFS_F_TYPE, "request");
		nfs_call_remove(ctx, state, state->calls);
	}
	while (state->files != NULL)
		nfs_file_close(ctx, state, state->files, false);
}

static void
nfs_close(struct cc_ctx *ctx, void *own)
{
	struct nfs_state *state = own;

	nfs_calls_free(ctx, state);
	nfs_files_free(ctx, state);
	nfs_names_free(ctx, state);
	for (int dir = 0; dir < 2; dir++)
		if (state->side[dir].kept != NULL)
			kept_free(ctx, &state->side[dir]);
}

const struct cc_parser nfs_parser = {
	.name = "nfs",
	.ports = "tcp/2049 udp/2049",
	.fields = nfs_fields,
	.field_count = NFS_F_COUNT,
	.anomalies = nfs_anomalies,
	.anomaly_count = NFS_ODD_COUNT,
	.aliases = nfs_aliases,
	.alias_count = 1,
	.frames = nfs_frames,
	.frame_count = NFS_FRAME_COUNT,
	.state_size = sizeof(struct nfs_state),
	.unit_max = 65536,
	.tcp = true,
	.udp = true,
	.probe = nfs_probe,
	.feed = nfs_feed,
	.gap = nfs_gap,
	.finish = nfs_finish,
	.close = nfs_close,
};
