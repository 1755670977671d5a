/*
 * SMB 1, 2 and 3 (MS-CIFS, MS-SMB, MS-SMB2) over NetBIOS sessions and direct TCP: a transaction for each request and
 * its response, one for each direction in which a file goes, and one for each DCE/RPC call over a named pipe.
 *
 * Here are the tables and the end of a flow; stream.c finds the messages, smb1.c and smb2.c read them, table.c and
 * file.c remember.
 */
#include "app/smb/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field smb_fields[SMB_F_COUNT] = {
	[SMB_F_ID] = {NULL, "id", CC_UINT, CC_REQUEST, "Number of the transaction in its flow, from 1."},
	[SMB_F_DIALECT] = {NULL, "dialect", CC_BYTES, CC_RESPONSE, "Negotiated dialect, \"3.11\", \"NT LM 0.12\"."},
	[SMB_F_COMMAND] = {NULL, "command", CC_BYTES, CC_REQUEST, "Command, \"SMB2_COMMAND_CREATE\"."},
	[SMB_F_STATUS] = {NULL, "status", CC_BYTES, CC_RESPONSE, "Status of the response by its name."},
	[SMB_F_STATUS_CODE] = {NULL, "status_code", CC_BYTES, CC_RESPONSE, "The same in hex."},
	[SMB_F_SESSION] = {NULL, "session_id", CC_UINT, CC_REQUEST, "Session, or user id in SMB 1."},
	[SMB_F_TREE] = {NULL, "tree_id", CC_UINT, CC_REQUEST, "Number of the share in its session."},
	[SMB_F_CLIENT_DIALECTS] = {NULL, "client_dialects", CC_BYTES, CC_REQUEST | CC_MULTI, "What the client speaks."},
	[SMB_F_CLIENT_GUID] = {NULL, "client_guid", CC_BYTES, CC_REQUEST, "Number that the client gave itself."},
	[SMB_F_SERVER_GUID] = {NULL, "server_guid", CC_BYTES, CC_RESPONSE, "Number that the server gave itself."},
	[SMB_F_MAX_READ] = {NULL, "max_read_size", CC_UINT, CC_RESPONSE, "Longest read that the server grants."},
	[SMB_F_MAX_WRITE] = {NULL, "max_write_size", CC_UINT, CC_RESPONSE, "Longest write that the server grants."},
	[SMB_F_NTLM_DOMAIN] = {"smb.ntlmssp_domain", "ntlmssp.domain", CC_BYTES, CC_REQUEST,
	    "NTLMSSP: the user's domain."},
	[SMB_F_NTLM_USER] = {"smb.ntlmssp_user", "ntlmssp.user", CC_BYTES, CC_REQUEST, "NTLMSSP: who logs on."},
	[SMB_F_NTLM_HOST] = {NULL, "ntlmssp.host", CC_BYTES, CC_REQUEST, "NTLMSSP: name of the client's machine."},
	[SMB_F_NTLM_VERSION] = {NULL, "ntlmssp.version", CC_BYTES, CC_REQUEST,
	    "NTLMSSP: version of the client's system."},
	[SMB_F_KRB_REALM] = {NULL, "kerberos.realm", CC_BYTES, CC_REQUEST, "Kerberos: realm of the ticket."},
	[SMB_F_KRB_SNAMES] = {NULL, "kerberos.snames", CC_BYTES, CC_REQUEST | CC_MULTI,
	    "Kerberos: parts of the service's name."},
	[SMB_F_REQUEST_OS] = {NULL, "request.native_os", CC_BYTES, CC_REQUEST, "SMB 1: the client's system."},
	[SMB_F_REQUEST_LM] = {NULL, "request.native_lm", CC_BYTES, CC_REQUEST, "SMB 1: the client's LAN manager."},
	[SMB_F_RESPONSE_OS] = {NULL, "response.native_os", CC_BYTES, CC_RESPONSE, "SMB 1: the server's system."},
	[SMB_F_RESPONSE_LM] = {NULL, "response.native_lm", CC_BYTES, CC_RESPONSE, "SMB 1: the server's LAN manager."},
	[SMB_F_NAMED_PIPE] = {"smb.named_pipe", "named_pipe", CC_BYTES, CC_REQUEST,
	    "Share of named pipes that is connected."},
	[SMB_F_SHARE] = {NULL, "share", CC_BYTES, CC_REQUEST, "Share that is connected, or that a file is on."},
	[SMB_F_CONNECTED] = {"smb.share", NULL, CC_BYTES, CC_REQUEST, "Share that is connected, for rules."},
	[SMB_F_SHARE_TYPE] = {NULL, "share_type", CC_BYTES, CC_RESPONSE, "FILE, PIPE, PRINT or UNKNOWN."},
	[SMB_F_SERVICE_REQUEST] = {NULL, "service.request", CC_BYTES, CC_REQUEST, "SMB 1: kind of share asked for."},
	[SMB_F_SERVICE_RESPONSE] = {NULL, "service.response", CC_BYTES, CC_RESPONSE, "SMB 1: kind of share."},
	[SMB_F_FILENAME] = {"smb.filename", "filename", CC_BYTES, CC_REQUEST, "Path of the file below its share."},
	[SMB_F_DIRECTORY] = {NULL, "directory", CC_BYTES, CC_REQUEST, "Directory that is listed."},
	[SMB_F_DISPOSITION] = {NULL, "disposition", CC_BYTES, CC_REQUEST, "What to do where the file exists or not."},
	[SMB_F_ACCESS] = {NULL, "access", CC_BYTES, CC_REQUEST, "\"normal\" or \"delete on close\"."},
	[SMB_F_CREATED] = {NULL, "created", CC_UINT, CC_RESPONSE, "When the file was made, seconds since 1970."},
	[SMB_F_ACCESSED] = {NULL, "accessed", CC_UINT, CC_RESPONSE, "When it was last read."},
	[SMB_F_MODIFIED] = {NULL, "modified", CC_UINT, CC_RESPONSE, "When it was last written."},
	[SMB_F_CHANGED] = {NULL, "changed", CC_UINT, CC_RESPONSE, "When its attributes last changed."},
	[SMB_F_SIZE] = {NULL, "size", CC_UINT, CC_RESPONSE, "Size when it was opened."},
	[SMB_F_FUID] = {NULL, "fuid", CC_BYTES, BOTH, "Number of the open file."},
	[SMB_F_RENAME_FROM] = {NULL, "rename.from", CC_BYTES, CC_REQUEST, "Old name."},
	[SMB_F_RENAME_TO] = {NULL, "rename.to", CC_BYTES, CC_REQUEST, "New name."},
	[SMB_F_SET_CLASS] = {NULL, "set_info.class", CC_BYTES, CC_REQUEST, "What a set-info request is about."},
	[SMB_F_SET_LEVEL] = {NULL, "set_info.info_level", CC_BYTES, CC_REQUEST, "What of it is set."},
	[SMB_F_SUBCMD] = {NULL, "subcmd", CC_BYTES, CC_REQUEST, "SMB 1: command inside a TRANS2."},
	[SMB_F_LEVEL] = {NULL, "level_of_interest", CC_BYTES, CC_REQUEST, "SMB 1: what is asked or set in a TRANS2."},
	[SMB_F_FUNCTION] = {NULL, "function", CC_BYTES, CC_REQUEST, "Function of an IOCTL."},
	[SMB_F_RPC_REQUEST] = {NULL, "dcerpc.request", CC_BYTES, CC_REQUEST, "Type of the DCE/RPC request."},
	[SMB_F_RPC_RESPONSE] = {NULL, "dcerpc.response", CC_BYTES, CC_RESPONSE,
	    "Type of the answer, or \"UNREPLIED\"."},
	[SMB_F_RPC_OPNUM] = {"dcerpc.opnum", "dcerpc.opnum", CC_UINT, BOTH, "Operation that is called."},
	[SMB_F_RPC_CALL_ID] = {NULL, "dcerpc.call_id", CC_UINT, CC_REQUEST, "Number of the call."},
	[SMB_F_RPC_REQ_FRAGS] = {NULL, "dcerpc.req.frag_cnt", CC_UINT, CC_REQUEST, "Fragments of the request."},
	[SMB_F_RPC_REQ_SIZE] = {NULL, "dcerpc.req.stub_data_size", CC_UINT, CC_REQUEST, "Its bytes of stub data."},
	[SMB_F_RPC_RES_FRAGS] = {NULL, "dcerpc.res.frag_cnt", CC_UINT, CC_RESPONSE, "Fragments of the response."},
	[SMB_F_RPC_RES_SIZE] = {NULL, "dcerpc.res.stub_data_size", CC_UINT, CC_RESPONSE, "Its bytes of stub data."},
	[SMB_F_RPC_STUB_REQ] = {"dcerpc.stub_data", NULL, CC_BYTES, CC_REQUEST,
	    "Stub data of a request, put together."},
	[SMB_F_RPC_STUB_RES] = {"dcerpc.stub_data", NULL, CC_BYTES, CC_RESPONSE,
	    "Stub data of a response, put together."},
	[SMB_F_RPC_BIG_REQ] = {"dcerpc.big_endian", NULL, CC_FLAG, CC_REQUEST, "The request's high bytes come first."},
	[SMB_F_RPC_BIG_RES] = {"dcerpc.big_endian", NULL, CC_FLAG, CC_RESPONSE, "The response's high bytes do."},
	[SMB_F_RPC_IFACES] = {NULL, "dcerpc.interfaces[]", CC_ROW, BOTH, "Interfaces asked for, or called."},
	[SMB_F_RPC_UUID] = {NULL, "dcerpc.interfaces[].uuid", CC_BYTES, BOTH, "UUID of an interface."},
	[SMB_F_RPC_VERSION] = {NULL, "dcerpc.interfaces[].version", CC_BYTES, BOTH, "Its version, \"2.0\"."},
	[SMB_F_RPC_ACK_RESULT] = {NULL, "dcerpc.interfaces[].ack_result", CC_UINT, CC_RESPONSE,
	    "The server's answer, 0: accepted."},
	[SMB_F_RPC_ACK_REASON] = {NULL, "dcerpc.interfaces[].ack_reason", CC_UINT, CC_RESPONSE, "Why it was refused."},
	[SMB_F_RPC_IFACE] = {"dcerpc.iface", NULL, CC_BYTES, BOTH | CC_MULTI,
	    "Interface of a call, or asked for by a bind: UUID, space, version."},
};

static const struct cc_anomaly smb_anomalies[SMB_ANOMALY_COUNT] = {
	[SMB_INTERNAL_ERROR] = {"internal_error", "No memory was left for what had to be remembered."},
	[SMB_MALFORMED_DATA] = {"malformed_data", "A message breaks off, or is not what its command demands."},
	[SMB_RECORD_OVERFLOW] = {"record_overflow", "A message is said to be longer than the record that it is in."},
	[SMB_MALFORMED_NTLMSSP_REQUEST] = {"malformed_ntlmssp_request", "The client's NTLMSSP message is broken."},
	[SMB_MALFORMED_NTLMSSP_RESPONSE] = {"malformed_ntlmssp_response", "The server's NTLMSSP message is broken."},
	[SMB_DUPLICATE_NEGOTIATE] = {"duplicate_negotiate", "A second negotiation while the first has no answer."},
	[SMB_NEGOTIATE_MALFORMED_DIALECTS] = {"negotiate_malformed_dialects",
	    "The list of dialects is empty or broken."},
	[SMB_FILE_OVERLAP] = {"file_overlap", "Bytes of a file were read or written again; the first copy counts."},
	[SMB_REQUEST_TO_CLIENT] = {"request_to_client", "A request was sent to the client."},
	[SMB_RESPONSE_TO_SERVER] = {"response_to_server", "A response was sent to the server."},
	[SMB_MAX_READ_TOO_LARGE] = {"negotiate_max_read_size_too_large", "The server grants reads beyond 16 MiB."},
	[SMB_MAX_WRITE_TOO_LARGE] = {"negotiate_max_write_size_too_large", "The server grants writes beyond 16 MiB."},
	[SMB_READ_REQUEST_TOO_LARGE] = {"read_request_too_large", "A read asks for more than was granted."},
	[SMB_READ_RESPONSE_TOO_LARGE] = {"read_response_too_large",
	    "A read brings more than was granted or asked for."},
	[SMB_READ_QUEUE_SIZE] = {"read_queue_size_exceeded", "More bytes were read out of order than are kept."},
	[SMB_READ_QUEUE_COUNT] = {"read_queue_cnt_exceeded", "More pieces were read out of order than are kept."},
	[SMB_WRITE_REQUEST_TOO_LARGE] = {"write_request_too_large", "A write brings more than was granted."},
	[SMB_WRITE_QUEUE_SIZE] = {"write_queue_size_exceeded", "More bytes were written out of order than are kept."},
	[SMB_WRITE_QUEUE_COUNT] = {"write_queue_cnt_exceeded", "More pieces were written out of order than are kept."},
	[SMB_TOO_MANY_TRANSACTIONS] = {"too_many_transactions",
	    "More requests wait for an answer than are remembered."},
	[SMB_NTLM_V1] = {"ntlm_v1", "A log-on by NTLM's version 1, or LM."},
	[SMB_PLAINTEXT] = {"plaintext_credentials", "A password was sent in clear."},
	[SMB_ANONYMOUS] = {"anonymous_logon", "A log-on as nobody: a null session."},
	[SMB_TOO_MANY_FILES] = {"too_many_files", "More files are open than are remembered."},
	[SMB_COMPRESSION_OVERFLOW] = {"compression_overflow",
	    "Sizes of a compressed message overflow (CVE-2020-0796)."},
	[SMB_ENCRYPTED] = {"encrypted", "Messages are encrypted from here on."},
	[SMB_RPC_MALFORMED] = {"dcerpc_malformed_data", "DCE/RPC in a pipe is not what its header says."},
	[SMB_RPC_TOO_MANY_CALLS] = {"dcerpc_too_many_calls", "More calls wait for an answer than are remembered."},
	[SMB_RPC_STUB_TOO_LONG] = {"dcerpc_stub_data_too_long", "Stub data is longer than what is shown to rules."},
};

static const struct cc_frame_kind smb_frames[SMB_FRAME_COUNT] = {
	[SMB_FRAME_NBSS_PDU] = {"nbss.pdu", "A NetBIOS session message, header and all."},
	[SMB_FRAME_NBSS_HDR] = {"nbss.hdr", "Its header of 4 bytes."},
	[SMB_FRAME_NBSS_DATA] = {"nbss.data", "What follows that header."},
	[SMB_FRAME_SMB1_PDU] = {"smb1.pdu", "A message of SMB 1."},
	[SMB_FRAME_SMB1_HDR] = {"smb1.hdr", "Its header of 32 bytes."},
	[SMB_FRAME_SMB1_DATA] = {"smb1.data", "What follows that header."},
	[SMB_FRAME_SMB2_PDU] = {"smb2.pdu", "A message of SMB 2, to the end of its record."},
	[SMB_FRAME_SMB2_HDR] = {"smb2.hdr", "Its header of 64 bytes."},
	[SMB_FRAME_SMB2_DATA] = {"smb2.data", "What follows that header."},
	[SMB_FRAME_SMB3_PDU] = {"smb3.pdu", "An encrypted message of SMB 3."},
	[SMB_FRAME_SMB3_HDR] = {"smb3.hdr", "Its transform header of 52 bytes."},
	[SMB_FRAME_SMB3_DATA] = {"smb3.data", "What follows that header."},
};

/* Each once a flow, but the transaction that is meant is named. */
void
smb_report(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, enum smb_anomaly anomaly)
{
	if (state->reported >> anomaly & 1)
		return;
	state->reported |= 1ull << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

static void
end_all(struct cc_ctx *ctx, struct smb_state *state)
{
	state->head = NULL;
	smb_files_close(ctx, state);
	smb_table_close(ctx, state);
}

/* Requests of a client that is through may still be answered. */
static void
smb_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct smb_state *state = own;

	if (state->finished || dir == CC_TO_CLIENT)
		end_all(ctx, state);
	state->finished = true;
}

/* Where the flow was given up without an end, its files are closed by now. */
static void
smb_close(struct cc_ctx *ctx, void *own)
{
	struct smb_state *state = own;

	for (struct smb_file *file = state->oldest; file != NULL; file = file->newer)
		file->way[CC_TO_SERVER].file = file->way[CC_TO_CLIENT].file = NULL;
	end_all(ctx, state);
}

const struct cc_parser smb_parser = {
	.name = "smb",
	.ports = "tcp/445 tcp/139",
	.fields = smb_fields,
	.field_count = SMB_F_COUNT,
	.anomalies = smb_anomalies,
	.anomaly_count = SMB_ANOMALY_COUNT,
	.frames = smb_frames,
	.frame_count = SMB_FRAME_COUNT,
	.state_size = sizeof(struct smb_state),
	.tx_size = sizeof(struct smb_tx),
	.unit_max = SMB_HEAD_MAX + 1024,
	.tcp = true,
	.probe = smb_probe,
	.feed = smb_feed,
	.gap = smb_gap,
	.finish = smb_finish,
	.close = smb_close,
};
