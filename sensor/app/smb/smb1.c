/*
 * Messages of SMB 1 (MS-CIFS, 2.2), little-endian.
 *
 *     0xff "SMB" | command 1 | status 4 | flags 1 | flags 2 | pid high 2 | signature 8 | 2 | tid 2 |
 *     pid 2 | uid 2 | mid 2 | count 1 | words 2 * count | count 2 | bytes
 *
 * Commands whose name ends in AndX have the next command and its offset in their first two words; such a chain shares
 * the header, and may go on only forwards.
 */
#include "app/smb/own.h"

enum { FLAG_RESPONSE = 0x80, FLAG2_UNICODE = 0x8000, FLAG2_NT_STATUS = 0x4000, CHAIN_MAX = 16 };

static const uint32_t EXTENDED_SECURITY = 0x80000000;

bool
smb1_header(struct cur *c, struct smb_head *ret_head)
{
	struct smb_head head = {.two = false};
	uint16_t flags2, high, low;
	uint8_t flags;

	cur_skip(c, 4);
	head.command = cur_u8(c);
	head.status = cur_u32le(c);
	flags = cur_u8(c);
	flags2 = cur_u16le(c);
	high = cur_u16le(c);
	cur_skip(c, 10);
	head.tree = cur_u16le(c);
	low = cur_u16le(c);
	head.session = cur_u16le(c);
	head.id = (uint64_t)high << 32 | (uint64_t)low << 16 | cur_u16le(c);
	head.response = (flags & FLAG_RESPONSE) != 0;
	head.unicode = (flags2 & FLAG2_UNICODE) != 0;
	head.dos = (flags2 & FLAG2_NT_STATUS) == 0;
	*ret_head = head;
	return !c->bad;
}

/* ---- requests ---- */

static void
negotiate_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX];
	struct cur c = cmd->bytes;

	for (const struct smb_request *req = state->requests; req != NULL; req = req->next)
		if (!req->two && req->command == SMB1_NEGOTIATE)
			smb_report(ctx, state, tx, SMB_DUPLICATE_NEGOTIATE);
	state->client_dialects = 0;
	if (cur_left(&c) == 0)
		smb_report(ctx, state, tx, SMB_NEGOTIATE_MALFORMED_DIALECTS);
	while (cur_left(&c) > 0 && state->client_dialects < SMB_DIALECTS_MAX) {
		char *keep = state->client_dialect[state->client_dialects];
		struct slice name;

		if (cur_u8(&c) != 2) {
			smb_report(ctx, state, tx, SMB_NEGOTIATE_MALFORMED_DIALECTS);
			return;
		}
		name = smb_next_text(&c, cmd->message, false, room);
		cc_put(ctx, tx, SMB_F_CLIENT_DIALECTS, name);
		if (name.size >= sizeof(state->client_dialect[0]))
			name.size = sizeof(state->client_dialect[0]) - 1;
		memcpy(keep, name.p, name.size);
		keep[name.size] = '\0';
		state->client_dialects++;
	}
}

static void
put_next_text(struct cc_ctx *ctx, struct cc_tx *tx, enum smb_field field, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX];

	cc_put(ctx, tx, field, smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room));
}

/* 12 words: a blob, its size in the eighth; 13: two passwords, their sizes in the eighth and ninth, then names. */
static void
session_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX];
	struct slice text;
	uint16_t size, more;

	if (cmd->count != 12 && cmd->count != 13)
		return;
	cur_skip(&cmd->words, 14);
	size = cur_u16le(&cmd->words);
	more = cur_u16le(&cmd->words);
	if (cmd->count == 12) {
		smb_auth(ctx, state, tx, cur_take(&cmd->bytes, size));
	} else {
		cur_skip(&cmd->bytes, (size_t)size + more);
		text = smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room);
		if (text.size > 0)
			cc_put(ctx, tx, SMB_F_NTLM_USER, text);
		if (!cmd->bytes.bad)
			smb_auth_bare(ctx, state, tx, text.size > 0, size, more);
		text = smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room);
		if (text.size > 0)
			cc_put(ctx, tx, SMB_F_NTLM_DOMAIN, text);
	}
	if (cmd->bytes.bad) {
		smb_report(ctx, state, tx, SMB_MALFORMED_DATA);
		return;
	}
	put_next_text(ctx, tx, SMB_F_REQUEST_OS, cmd);
	put_next_text(ctx, tx, SMB_F_REQUEST_LM, cmd);
}

static void
tree_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX];
	struct slice path;
	uint16_t password;

	cur_skip(&cmd->words, 6);
	password = cur_u16le(&cmd->words);
	cur_skip(&cmd->bytes, password);
	path = smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room);
	if (path.size > 1 && path.p[0] == '\\' && path.p[1] == '\\') /* as others write it */
		path = slice_of(path.p + 1, path.size - 1);
	req->name = smb_name_new(ctx, path);
	cc_put(ctx, tx, SMB_F_SERVICE_REQUEST, smb_next_text(&cmd->bytes, cmd->message, false, room));
}

static void
put_name(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct slice name)
{
	cc_put(ctx, tx, SMB_F_FILENAME, name.size > 0 ? name : slice_str("<share_root>"));
	req->name = smb_name_new(ctx, name);
}

/* NT_CREATE: andx 4 | 1 | name size 2 | flags 4 | root 4 | access 4 | 8 | 4 | 4 | disposition 4 | options 4 */
static void
create_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX];
	uint32_t disposition, options;
	uint16_t size;

	cur_skip(&cmd->words, 5);
	size = cur_u16le(&cmd->words);
	cur_skip(&cmd->words, 28);
	disposition = cur_u32le(&cmd->words);
	options = cur_u32le(&cmd->words);
	if (cmd->head.unicode && (size_t)(cmd->bytes.p - cmd->message.p) % 2 != 0)
		cur_skip(&cmd->bytes, 1);
	if (size > cur_left(&cmd->bytes))
		size = (uint16_t)cur_left(&cmd->bytes);
	put_name(ctx, tx, req, smb_text(cur_take(&cmd->bytes, size), cmd->head.unicode, room));
	cc_put_text(ctx, tx, SMB_F_DISPOSITION, smb_disposition_text(disposition));
	cc_put_text(ctx, tx, SMB_F_ACCESS, options & 0x1000 ? "delete on close" : "normal");
}

/* A name that stands first among the bytes, behind a 4 in the older commands. */
static void
named_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct smb1_command *cmd)
{
	char room[SMB_NAME_MAX], other[SMB_NAME_MAX];
	struct slice name;

	if (cmd->head.command != SMB1_OPEN_ANDX)
		cur_skip(&cmd->bytes, 1);
	name = smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room);
	if (cmd->head.command != SMB1_RENAME) {
		put_name(ctx, tx, req, name);
		return;
	}
	cur_skip(&cmd->bytes, 1);
	cc_put(ctx, tx, SMB_F_RENAME_FROM, name);
	cc_put(ctx, tx, SMB_F_RENAME_TO, smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, other));
}

static void
close_request(struct smb_state *state, struct smb_request *req, struct smb1_command *cmd)
{
	uint16_t fid = cur_u16le(&cmd->words);
	struct smb_file *file = smb1_file_of(state, fid);

	if (file != NULL)
		file->closing = true;
	req->has_key = !cmd->words.bad;
	smb1_key(fid, req->key);
}

static void
request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd)
{
	struct smb_request *req;
	struct cc_tx *tx;

	switch (cmd->head.command) {
	case SMB1_WRITE:
	case SMB1_WRITE_ANDX:
	case SMB1_WRITE_AND_CLOSE:
		smb1_write(ctx, state, dir, cmd);
		return;
	case SMB1_READ:
	case SMB1_READ_ANDX:
		smb1_read(ctx, state, cmd);
		return;
	case SMB1_TRANS:
	case SMB1_TRANS2:
	case SMB1_NT_TRANS:
		smb1_trans_request(ctx, state, &cmd->head, dir, cmd->message, cmd->words);
		return;
	default:
		break;
	}
	tx = smb_tx_open(ctx, &cmd->head);
	if (cmd->head.command == SMB1_NEGOTIATE || cmd->head.command == SMB1_SESSION_SETUP)
		smb_tx_tree(tx, cmd->head.command == SMB1_NEGOTIATE ? 0 : cmd->head.session, 0);
	if (cmd->head.command == SMB1_NEGOTIATE)
		negotiate_request(ctx, state, tx, cmd);
	req = smb_request_new(ctx, state, &cmd->head, tx);
	if (req == NULL)
		return;
	switch (cmd->head.command) {
	case SMB1_SESSION_SETUP:
		session_request(ctx, state, tx, cmd);
		break;
	case SMB1_TREE_CONNECT:
		tree_request(ctx, tx, req, cmd);
		break;
	case SMB1_NT_CREATE:
		create_request(ctx, tx, req, cmd);
		break;
	case SMB1_OPEN_ANDX:
	case SMB1_OPEN:
	case SMB1_CREATE:
	case SMB1_DELETE:
	case SMB1_RENAME:
	case SMB1_CREATE_DIRECTORY:
	case SMB1_DELETE_DIRECTORY:
	case SMB1_CHECK_DIRECTORY:
	case SMB1_QUERY_INFORMATION:
		named_request(ctx, tx, req, cmd);
		break;
	case SMB1_CLOSE:
		close_request(state, req, cmd);
		break;
	default:
		break;
	}
	cc_tx_update(ctx, tx, dir);
	cc_tx_side_done(ctx, tx, dir);
}

/* ---- responses ---- */

/* dialect 2 | mode 1 | 2 | 2 | 4 | 4 | 4 | capabilities 4 | …; the bytes may begin with the server's GUID */
static void
negotiate_response(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct smb1_command *cmd)
{
	uint16_t index = cur_u16le(&cmd->words);
	const uint8_t *guid;
	char text[37];

	if (cmd->words.bad)
		return;
	if (index < state->client_dialects)
		memcpy(state->dialect_text, state->client_dialect[index], sizeof(state->client_dialect[0]));
	cur_skip(&cmd->words, 17);
	if (!(cur_u32le(&cmd->words) & EXTENDED_SECURITY))
		return;
	guid = cur_bytes(&cmd->bytes, 16);
	if (guid == NULL)
		return;
	smb_guid_text(guid, text);
	cc_put_text(ctx, tx, SMB_F_SERVER_GUID, text);
}

static void
session_response(struct cc_ctx *ctx, struct cc_tx *tx, struct smb1_command *cmd)
{
	if (cmd->count == 4) {
		cur_skip(&cmd->words, 6);
		cur_skip(&cmd->bytes, cur_u16le(&cmd->words));
	} else if (cmd->count != 3) {
		return;
	}
	if (cmd->bytes.bad)
		return;
	put_next_text(ctx, tx, SMB_F_RESPONSE_OS, cmd);
	put_next_text(ctx, tx, SMB_F_RESPONSE_LM, cmd);
}

static void
tree_response(
    struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, struct smb1_command *cmd, bool right)
{
	char room[SMB_NAME_MAX];
	struct slice service = smb_next_text(&cmd->bytes, cmd->message, false, room);
	bool pipe = slice_is(service, "IPC");

	smb_put_share(ctx, req, pipe);
	cc_put(ctx, req->tx, SMB_F_SERVICE_RESPONSE, service);
	smb_tx_tree(req->tx, cmd->head.session, cmd->head.tree);
	if (right)
		smb_tree_add(ctx, state, cmd->head.session, cmd->head.tree, smb_name_slice(&req->name), pipe);
}

static struct smb_file *
open_file(
    struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, const struct smb1_command *cmd, uint16_t fid)
{
	struct smb_head head = cmd->head;
	uint8_t key[16];

	head.session = req->session;
	head.tree = req->tree != UINT16_MAX ? req->tree : cmd->head.tree; /* chained to its tree connect */
	smb1_key(fid, key);
	smb_put_fuid(ctx, req->tx, key, false);
	return smb_file_new(ctx, state, key, &head, smb_name_slice(&req->name));
}

/*
 * NT_CREATE: andx 4 | oplock 1 | fid 2 | action 4 | times 4 * 8 | attributes 4 | 8 | size 8
 * OPEN_ANDX: andx 4 | fid 2 | 2 | 4 | size 4
 */
static void
create_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, struct smb1_command *cmd)
{
	struct cur *c = &cmd->words;
	struct smb_file *file;
	uint64_t time[4] = {0}, size;
	uint16_t fid;

	if (cmd->head.command == SMB1_OPEN_ANDX) {
		cur_skip(c, 4);
		fid = cur_u16le(c);
		cur_skip(c, 6);
		size = cur_u32le(c);
	} else {
		cur_skip(c, 5);
		fid = cur_u16le(c);
		cur_skip(c, 4);
		for (int i = 0; i < 4; i++)
			time[i] = smb_time(cur_u64le(c));
		cur_skip(c, 12);
		size = cur_u64le(c);
		cc_put_uint(ctx, req->tx, SMB_F_CREATED, time[0]);
		cc_put_uint(ctx, req->tx, SMB_F_ACCESSED, time[1]);
		cc_put_uint(ctx, req->tx, SMB_F_MODIFIED, time[2]);
		cc_put_uint(ctx, req->tx, SMB_F_CHANGED, time[3]);
	}
	if (c->bad) {
		smb_report(ctx, state, req->tx, SMB_MALFORMED_DATA);
		return;
	}
	cc_put_uint(ctx, req->tx, SMB_F_SIZE, size);
	file = open_file(ctx, state, req, cmd, fid);
	if (file == NULL)
		return;
	file->has_size = !file->pipe;
	file->size = size;
}

static void
close_response(struct cc_ctx *ctx, struct smb_state *state, const struct smb_request *req)
{
	struct smb_file *file = req->has_key ? smb_file_find(state, req->key, false) : NULL;

	if (file == NULL)
		return;
	file->closing = true;
	smb_file_close(ctx, state, file);
}

static void
response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd)
{
	struct smb_request *req = smb_request_find(state, &cmd->head);
	bool right = cmd->head.status == STATUS_SUCCESS;

	if (req == NULL)
		return;
	switch (cmd->head.command) {
	case SMB1_NEGOTIATE:
		negotiate_response(ctx, state, req->tx, cmd);
		break;
	case SMB1_SESSION_SETUP:
		smb_tx_tree(req->tx, cmd->head.session, cmd->head.tree);
		session_response(ctx, req->tx, cmd);
		break;
	case SMB1_TREE_CONNECT:
		tree_response(ctx, state, req, cmd, right);
		break;
	case SMB1_NT_CREATE:
	case SMB1_OPEN_ANDX:
		if (right && cmd->count > 0)
			create_response(ctx, state, req, cmd);
		break;
	case SMB1_READ:
	case SMB1_READ_ANDX:
		smb1_read_answer(ctx, state, dir, cmd, req);
		break;
	case SMB1_CLOSE:
		if (right)
			close_response(ctx, state, req);
		break;
	case SMB1_TRANS:
		if (req->pipe)
			smb1_trans_response(ctx, state, dir, cmd->message, cmd->words, req);
		break;
	case SMB1_TREE_DISCONNECT:
		if (right)
			smb_tree_drop(ctx, state, req->session, req->tree);
		break;
	default:
		break;
	}
	smb_request_end(ctx, state, req, &cmd->head);
}

static bool
is_andx(uint16_t command)
{
	return command == 0x24 || (command >= SMB1_OPEN_ANDX && command <= SMB1_WRITE_ANDX) ||
	    (command >= SMB1_SESSION_SETUP && command <= SMB1_TREE_CONNECT) || command == SMB1_NT_CREATE;
}

/* The next command of the chain at *at, which moves on; false at its end. */
static bool
next_command(struct slice message, uint32_t *at, struct smb1_command *cmd)
{
	struct cur c = cur_slice(message), andx;
	uint16_t bytes;

	cur_skip(&c, *at);
	cmd->message = message;
	cmd->count = cur_u8(&c);
	cmd->words = cur_sub(&c, (size_t)cmd->count * 2);
	bytes = cur_u16le(&c);
	if (c.bad)
		return false;
	if (bytes > cur_left(&c) || cmd->head.command == SMB1_WRITE_ANDX || cmd->head.command == SMB1_READ_ANDX)
		bytes = (uint16_t)(cur_left(&c) < UINT16_MAX ? cur_left(&c) : UINT16_MAX);
	cmd->bytes = cur_sub(&c, bytes);
	*at = 0;
	if (is_andx(cmd->head.command) && cmd->count >= 2) {
		andx = cmd->words;
		cmd->head.next = cur_u8(&andx);
		cur_skip(&andx, 1);
		if (cmd->head.next != SMB1_NONE)
			*at = cur_u16le(&andx);
	}
	return true;
}

void
smb1_message(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message)
{
	struct smb1_command cmd = {.head = *head};
	uint32_t at = SMB1_HEADER, before = 0;

	for (int i = 0; i < CHAIN_MAX && at > before; i++) {
		uint32_t here = at;
		uint16_t next;

		if (!next_command(message, &at, &cmd)) {
			smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
			break;
		}
		before = here;
		next = (uint16_t)cmd.head.next;
		state->head = &cmd.head;
		if (cmd.head.response)
			response(ctx, state, dir, &cmd);
		else
			request(ctx, state, dir, &cmd);
		cmd.head.command = next;
	}
	state->head = NULL;
}
