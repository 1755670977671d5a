/*
 * DCE/RPC in named pipes: writes, reads, and transactions that are both, in the order in which they come.  The reader
 * is sensor/app/dcerpc/; here is who makes its transactions and where its values go.
 */
#include "app/smb/own.h"

static struct cc_tx *
open_tx(struct cc_ctx *ctx, void *arg)
{
	const struct smb_state *state = arg;

	return state->head != NULL ? smb_tx_open(ctx, state->head) : NULL;
}

static void
done_tx(struct cc_ctx *ctx, void *arg, struct cc_tx *tx)
{
	struct smb_state *state = arg;

	smb_tx_close(ctx, state, tx, state->head);
}

struct dcerpc_user
smb_rpc_user(struct smb_state *state)
{
	return (struct dcerpc_user){
		.field = {
			[DCERPC_F_REQUEST] = SMB_F_RPC_REQUEST, [DCERPC_F_RESPONSE] = SMB_F_RPC_RESPONSE,
			[DCERPC_F_CALL_ID] = SMB_F_RPC_CALL_ID, [DCERPC_F_VERSION] = DCERPC_NOWHERE,
			[DCERPC_F_OPNUM] = SMB_F_RPC_OPNUM, [DCERPC_F_OPNUM_REQ] = DCERPC_NOWHERE,
			[DCERPC_F_REQ_FRAGS] = SMB_F_RPC_REQ_FRAGS, [DCERPC_F_REQ_SIZE] = SMB_F_RPC_REQ_SIZE,
			[DCERPC_F_RES_FRAGS] = SMB_F_RPC_RES_FRAGS, [DCERPC_F_RES_SIZE] = SMB_F_RPC_RES_SIZE,
			[DCERPC_F_STUB_REQ] = SMB_F_RPC_STUB_REQ, [DCERPC_F_STUB_RES] = SMB_F_RPC_STUB_RES,
			[DCERPC_F_BIG_REQ] = SMB_F_RPC_BIG_REQ, [DCERPC_F_BIG_RES] = SMB_F_RPC_BIG_RES,
			[DCERPC_F_IFACES] = SMB_F_RPC_IFACES, [DCERPC_F_UUID] = SMB_F_RPC_UUID,
			[DCERPC_F_IFACE_VERSION] = SMB_F_RPC_VERSION, [DCERPC_F_ACK_RESULT] = SMB_F_RPC_ACK_RESULT,
			[DCERPC_F_ACK_REASON] = SMB_F_RPC_ACK_REASON, [DCERPC_F_IFACE] = SMB_F_RPC_IFACE,
			[DCERPC_F_REQUEST_IFACES] = SMB_F_RPC_IFACES, [DCERPC_F_ACTIVITY] = DCERPC_NOWHERE,
			[DCERPC_F_SEQUENCE] = DCERPC_NOWHERE,
		},
		.anomaly = {SMB_RPC_MALFORMED, SMB_RPC_TOO_MANY_CALLS, SMB_RPC_STUB_TOO_LONG},
		.open = open_tx,
		.done = done_tx,
		.arg = state,
	};
}

static bool
looks_like_rpc(struct slice bytes)
{
	struct dcerpc_head head;

	return dcerpc_header(bytes, &head) == CC_OK && head.type != DCERPC_PING &&
	    (head.type < DCERPC_WORKING || head.type > DCERPC_CANCEL_ACK);
}

bool
smb_pipe_data(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir, struct slice bytes)
{
	struct dcerpc_user user = smb_rpc_user(state);

	if (file->rpc == NULL) {
		if (!looks_like_rpc(bytes) || state->pipe_count >= SMB_PIPES_MAX)
			return false;
		file->rpc = cc_take(ctx, sizeof(*file->rpc));
		if (file->rpc == NULL)
			return false;
		state->pipe_count++;
		file->pipe = true;
	}
	if (!dcerpc_pipe(ctx, &user, file->rpc, dir, bytes))
		smb_report(ctx, state, NULL, SMB_RPC_MALFORMED);
	return true;
}

void
smb_pipe_close(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file)
{
	struct dcerpc_user user = smb_rpc_user(state);

	if (file->rpc == NULL)
		return;
	dcerpc_close(ctx, &user, file->rpc);
	cc_give(ctx, file->rpc, sizeof(*file->rpc));
	file->rpc = NULL;
	state->pipe_count--;
}
