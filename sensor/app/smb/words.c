/* Numbers of the protocol and their words. */
#include <stdio.h>

#include "app/smb/own.h"

static const char *const smb1_command[256] = {
	[0x00] = "SMB1_COMMAND_CREATE_DIRECTORY", [0x01] = "SMB1_COMMAND_DELETE_DIRECTORY",
	[0x02] = "SMB1_COMMAND_OPEN",
	[0x03] = "SMB1_COMMAND_CREATE", [0x04] = "SMB1_COMMAND_CLOSE", [0x05] = "SMB1_COMMAND_FLUSH",
	[0x06] = "SMB1_COMMAND_DELETE", [0x07] = "SMB1_COMMAND_RENAME", [0x08] = "SMB1_COMMAND_QUERY_INFORMATION",
	[0x09] = "SMB1_COMMAND_SET_INFORMATION", [0x0a] = "SMB1_COMMAND_READ", [0x0b] = "SMB1_COMMAND_WRITE",
	[0x0c] = "SMB1_COMMAND_LOCK_BYTE_RANGE", [0x0d] = "SMB1_COMMAND_UNLOCK_BYTE_RANGE",
	[0x0e] = "SMB1_COMMAND_CREATE_TEMPORARY", [0x0f] = "SMB1_COMMAND_CREATE_NEW",
	[0x10] = "SMB1_COMMAND_CHECK_DIRECTORY", [0x11] = "SMB1_COMMAND_PROCESS_EXIT", [0x12] = "SMB1_COMMAND_SEEK",
	[0x13] = "SMB1_COMMAND_LOCK_AND_READ", [0x14] = "SMB1_COMMAND_WRITE_AND_UNLOCK",
	[0x1a] = "SMB1_COMMAND_READ_RAW",
	[0x1d] = "SMB1_COMMAND_WRITE_RAW", [0x22] = "SMB1_COMMAND_SET_INFORMATION2",
	[0x23] = "SMB1_COMMAND_QUERY_INFORMATION2", [0x24] = "SMB1_COMMAND_LOCKING_ANDX", [0x25] = "SMB1_COMMAND_TRANS",
	[0x26] = "SMB1_COMMAND_TRANS_SECONDARY", [0x27] = "SMB1_COMMAND_IOCTL", [0x29] = "SMB1_COMMAND_COPY",
	[0x2a] = "SMB1_COMMAND_MOVE", [0x2b] = "SMB1_COMMAND_ECHO", [0x2c] = "SMB1_COMMAND_WRITE_AND_CLOSE",
	[0x2d] = "SMB1_COMMAND_OPEN_ANDX", [0x2e] = "SMB1_COMMAND_READ_ANDX", [0x2f] = "SMB1_COMMAND_WRITE_ANDX",
	[0x32] = "SMB1_COMMAND_TRANS2", [0x33] = "SMB1_COMMAND_TRANS2_SECONDARY", [0x34] = "SMB1_COMMAND_FIND_CLOSE2",
	[0x70] = "SMB1_COMMAND_TREE_CONNECT", [0x71] = "SMB1_COMMAND_TREE_DISCONNECT",
	[0x72] = "SMB1_COMMAND_NEGOTIATE_PROTOCOL", [0x73] = "SMB1_COMMAND_SESSION_SETUP_ANDX",
	[0x74] = "SMB1_COMMAND_LOGOFF_ANDX", [0x75] = "SMB1_COMMAND_TREE_CONNECT_ANDX",
	[0x80] = "SMB1_COMMAND_QUERY_INFO_DISK", [0x81] = "SMB1_COMMAND_SEARCH", [0x82] = "SMB1_COMMAND_FIND",
	[0x84] = "SMB1_COMMAND_FIND_CLOSE", [0xa0] = "SMB1_COMMAND_NT_TRANS",
	[0xa1] = "SMB1_COMMAND_NT_TRANS_SECONDARY",
	[0xa2] = "SMB1_COMMAND_NT_CREATE_ANDX", [0xa4] = "SMB1_COMMAND_NT_CANCEL", [0xa5] = "SMB1_COMMAND_NT_RENAME",
	[0xc0] = "SMB1_COMMAND_OPEN_PRINT_FILE", [0xc1] = "SMB1_COMMAND_WRITE_PRINT_FILE",
	[0xc2] = "SMB1_COMMAND_CLOSE_PRINT_FILE",
};

static const char *const smb2_command[SMB2_COMMANDS] = {
	[SMB2_NEGOTIATE] = "SMB2_COMMAND_NEGOTIATE_PROTOCOL", [SMB2_SESSION_SETUP] = "SMB2_COMMAND_SESSION_SETUP",
	[SMB2_LOGOFF] = "SMB2_COMMAND_SESSION_LOGOFF", [SMB2_TREE_CONNECT] = "SMB2_COMMAND_TREE_CONNECT",
	[SMB2_TREE_DISCONNECT] = "SMB2_COMMAND_TREE_DISCONNECT", [SMB2_CREATE] = "SMB2_COMMAND_CREATE",
	[SMB2_CLOSE] = "SMB2_COMMAND_CLOSE", [SMB2_FLUSH] = "SMB2_COMMAND_FLUSH", [SMB2_READ] = "SMB2_COMMAND_READ",
	[SMB2_WRITE] = "SMB2_COMMAND_WRITE", [SMB2_LOCK] = "SMB2_COMMAND_LOCK", [SMB2_IOCTL] = "SMB2_COMMAND_IOCTL",
	[SMB2_CANCEL] = "SMB2_COMMAND_CANCEL", [SMB2_ECHO] = "SMB2_COMMAND_KEEPALIVE",
	[SMB2_FIND] = "SMB2_COMMAND_FIND",
	[SMB2_CHANGE_NOTIFY] = "SMB2_COMMAND_CHANGE_NOTIFY", [SMB2_GET_INFO] = "SMB2_COMMAND_GET_INFO",
	[SMB2_SET_INFO] = "SMB2_COMMAND_SET_INFO", [SMB2_OPLOCK_BREAK] = "SMB2_COMMAND_OPLOCK_BREAK",
};

static const struct smb_status {
	uint32_t number;
	const char *name;
} smb_status[] = {
#define STATUS(number, name) {number, name},
#include "app/smb/statuses.def"
#undef STATUS
};

const char *
smb_command_text(const struct smb_head *head, char room[8])
{
	const char *text = NULL;

	if (head->two)
		text = head->command < SMB2_COMMANDS ? smb2_command[head->command] : NULL;
	else
		text = smb1_command[head->command & 0xff];
	if (text != NULL)
		return text;
	snprintf(room, 8, "%u", head->command);
	return room;
}

const char *
smb_status_text(uint32_t status)
{
	size_t low = 0, high = sizeof(smb_status) / sizeof(smb_status[0]);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (smb_status[mid].number == status)
			return smb_status[mid].name;
		if (smb_status[mid].number < status)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *
smb2_dialect_text(uint16_t dialect, char room[8])
{
	switch (dialect) {
	case 0x0202:
		return "2.02";
	case 0x0210:
		return "2.10";
	case 0x0222:
		return "2.22";
	case 0x0224:
		return "2.24";
	case 0x02ff:
		return "2.??";
	case 0x0300:
		return "3.00";
	case 0x0302:
		return "3.02";
	case 0x0310:
		return "3.10";
	case 0x0311:
		return "3.11";
	default:
		snprintf(room, 8, "0x%04x", dialect);
		return room;
	}
}

const char *
smb2_function_text(uint32_t code, char room[12])
{
	static const struct {
		uint32_t code;
		const char *text;
	} word[] = {
		{0x00060194, "FSCTL_DFS_GET_REFERRALS"}, {0x000601b0, "FSCTL_DFS_GET_REFERRALS_EX"},
		{0x00090060, "FSCTL_IS_PATHNAME_VALID"}, {0x000900a4, "FSCTL_SET_REPARSE_POINT"},
		{0x000900a8, "FSCTL_GET_REPARSE_POINT"}, {0x000900c0, "FSCTL_CREATE_OR_GET_OBJECT_ID"},
		{0x000900c4, "FSCTL_SET_SPARSE"}, {0x00090240, "FSCTL_QUERY_SPARING_INFO"},
		{0x000940cf, "FSCTL_QUERY_ALLOCATED_RANGES"}, {0x00094264, "FSCTL_OFFLOAD_READ"},
		{0x000980c8, "FSCTL_SET_ZERO_DATA"}, {0x00098208, "FSCTL_FILE_LEVEL_TRIM"},
		{0x00098268, "FSCTL_OFFLOAD_WRITE"}, {0x00098344, "FSCTL_DUPLICATE_EXTENTS_TO_FILE"},
		{0x0009c280, "FSCTL_SET_INTEGRITY_INFORMATION"}, {0x0009027c, "FSCTL_GET_INTEGRITY_INFORMATION"},
		{0x00110018, "FSCTL_PIPE_WAIT"}, {0x0011400c, "FSCTL_PIPE_PEEK"}, {0x0011c017, "FSCTL_PIPE_TRANSCEIVE"},
		{0x00140078, "FSCTL_SRV_REQUEST_RESUME_KEY"}, {0x001401d4, "FSCTL_LMR_REQUEST_RESILIENCY"},
		{0x001401fc, "FSCTL_QUERY_NETWORK_INTERFACE_INFO"}, {0x00140204, "FSCTL_VALIDATE_NEGOTIATE_INFO"},
		{0x00144064, "FSCTL_SRV_ENUMERATE_SNAPSHOTS"}, {0x001440f2, "FSCTL_SRV_COPYCHUNK"},
		{0x001441bb, "FSCTL_SRV_READ_HASH"}, {0x001480f2, "FSCTL_SRV_COPYCHUNK_WRITE"},
	};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (word[i].code == code)
			return word[i].text;
	snprintf(room, 12, "0x%08x", code);
	return room;
}

const char *
smb_disposition_text(uint32_t disposition)
{
	static const char *const word[] = {"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF",
	    "FILE_OVERWRITE", "FILE_OVERWRITE_IF"};

	return disposition < sizeof(word) / sizeof(word[0]) ? word[disposition] : "UNKNOWN";
}
