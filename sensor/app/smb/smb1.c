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

void
smb1_key(uint16_t fid, uint8_t ret_key[16])
{
	memset(ret_key, 0, 16);
	ret_key[0] = (uint8_t)fid;
	ret_key[1] = (uint8_t)(fid >> 8);
}

/* One command of a chain. */
struct command {
	struct slice message;      /* all of it */
	struct smb_head head;      /* with this command's number */
	struct cur words, bytes;
	unsigned count;            /* words */
};

static struct smb_file *
file_of(struct smb_state *state, uint16_t fid)
{
	uint8_t key[16];

	smb1_key(fid, key);
	return smb_file_find(state, key, false);
}

/* A file that was opened before we came has no name. */
static struct smb_file *
file_or_new(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, uint16_t fid)
{
	struct smb_file *file = file_of(state, fid);
	uint8_t key[16];

	smb1_key(fid, key);
	return file != NULL ? file : smb_file_new(ctx, state, key, head, slice_str(""));
}

static struct slice
bytes_at(struct slice message, uint32_t at, uint32_t size)
{
	struct cur c = cur_slice(message);

	cur_skip(&c, at);
	if (size > cur_left(&c))
		size = (uint32_t)cur_left(&c);
	return cur_take(&c, size);
}

/* File bytes that are all here. */
static void
file_bytes(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_file *file, uint64_t offset,
    struct slice bytes)
{
	smb_data_begin(ctx, state, dir, file, offset, (uint32_t)bytes.size);
	if (bytes.size > 0)
		smb_data(ctx, state, dir, bytes);
	smb_data_end(ctx, state, dir);
}

/* ---- reads and writes ---- */

struct span {
	uint16_t fid;
	uint64_t offset;
	uint32_t at, size;
};

/* WRITE_ANDX: andx 4 | fid 2 | offset 4 | timeout 4 | mode 2 | left 2 | size high 2 | size 2 | at 2 | [high 4] */
static struct span
write_span(struct cur c, unsigned count)
{
	struct span span;
	uint32_t high;

	cur_skip(&c, 4);
	span.fid = cur_u16le(&c);
	span.offset = cur_u32le(&c);
	cur_skip(&c, 8);
	high = cur_u16le(&c);
	span.size = high << 16 | cur_u16le(&c);
	span.at = cur_u16le(&c);
	if (count >= 14)
		span.offset |= (uint64_t)cur_u32le(&c) << 32;
	return span;
}

void
smb1_write_request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head, struct cur c,
    uint32_t size, uint32_t *ret_at, uint32_t *ret_size)
{
	struct span span = write_span(c, (unsigned)(cur_left(&c) / 2));

	*ret_at = span.at < size ? span.at : size;
	*ret_size = span.size;
	if (span.size > size - *ret_at) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		*ret_size = size - *ret_at;
	}
	smb_data_begin(ctx, state, dir, file_or_new(ctx, state, head, span.fid), span.offset, *ret_size);
}

/* READ_ANDX's answer: andx 4 | left 2 | mode 2 | 2 | size 2 | at 2 | size high 2 */
static struct span
read_span(struct cur c)
{
	struct span span = {.fid = 0};

	cur_skip(&c, 10);
	span.size = cur_u16le(&c);
	span.at = cur_u16le(&c);
	span.size |= (uint32_t)cur_u16le(&c) << 16;
	return span;
}

static struct smb_file *
read_file(struct cc_ctx *ctx, struct smb_state *state, struct smb_head *head, struct smb_request *req,
    const struct span *span)
{
	struct smb_file *file;
	uint16_t fid;

	if (req == NULL || !req->has_key)
		return NULL;
	fid = (uint16_t)(req->key[0] | req->key[1] << 8);
	head->session = req->session;
	head->tree = req->tree;
	if (span->size > req->size)
		smb_report(ctx, state, NULL, SMB_READ_RESPONSE_TOO_LARGE);
	file = file_or_new(ctx, state, head, fid);
	if (file != NULL && !file->pipe && span->size < req->size)
		file->way[CC_TO_CLIENT].short_read = true;
	return file;
}

void
smb1_read_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head, struct cur c,
    uint32_t size, uint32_t *ret_at, uint32_t *ret_size)
{
	struct span span = read_span(c);
	struct smb_request *req = smb_request_find(state, head);
	struct smb_file *file = read_file(ctx, state, head, req, &span);

	*ret_at = span.at < size ? span.at : size;
	*ret_size = span.size;
	if (span.size > size - *ret_at) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		*ret_size = size - *ret_at;
	}
	smb_data_begin(ctx, state, dir, file, req != NULL ? req->offset : 0, *ret_size);
	if (req != NULL)
		smb_request_end(ctx, state, req, head);
}

static void
write_command(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct command *cmd)
{
	struct span span = {.fid = 0};
	struct slice bytes;
	struct smb_file *file;

	if (cmd->head.command == SMB1_WRITE_ANDX) {
		if (cmd->count < 12)
			return;
		span = write_span(cmd->words, cmd->count);
		if (span.size > SMB_LENGTH_MAX || span.at + (uint64_t)span.size > cmd->message.size)
			smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		bytes = bytes_at(cmd->message, span.at, span.size);
	} else { /* WRITE: fid 2 | count 2 | offset 4 | left 2; format 1 | size 2 | bytes.  AND_CLOSE: pad 1 | bytes */
		span.fid = cur_u16le(&cmd->words);
		span.size = cur_u16le(&cmd->words);
		span.offset = cur_u32le(&cmd->words);
		cur_skip(&cmd->bytes, cmd->head.command == SMB1_WRITE ? 3 : 1);
		if (span.size > cur_left(&cmd->bytes))
			span.size = (uint32_t)cur_left(&cmd->bytes);
		bytes = cur_take(&cmd->bytes, span.size);
	}
	file = file_or_new(ctx, state, &cmd->head, span.fid);
	file_bytes(ctx, state, dir, file, span.offset, bytes);
	if (file == NULL)
		return;
	if (cmd->head.command == SMB1_WRITE_AND_CLOSE) {
		file->closing = true;
		smb_file_close(ctx, state, file);
	}
}

/* READ_ANDX: andx 4 | fid 2 | offset 4 | most 2 | least 2 | most high 2, 2 | 2 | [high 4].  READ: fid 2 | 2 | 4 */
static void
read_command(struct cc_ctx *ctx, struct smb_state *state, struct command *cmd)
{
	bool andx = cmd->head.command == SMB1_READ_ANDX;
	struct smb_request *req = smb_request_new(ctx, state, &cmd->head, NULL);
	struct cur *c = &cmd->words;
	uint16_t fid, high;

	if (req == NULL)
		return;
	cur_skip(c, andx ? 4 : 0);
	fid = cur_u16le(c);
	if (andx) {
		req->offset = cur_u32le(c);
		req->size = cur_u16le(c);
		cur_skip(c, 2);
		high = cur_u16le(c);
		if (high != UINT16_MAX) /* -1: a timeout */
			req->size |= (uint32_t)high << 16;
		cur_skip(c, 4);
		if (cmd->count >= 12)
			req->offset |= (uint64_t)cur_u32le(c) << 32;
	} else {
		req->size = cur_u16le(c);
		req->offset = cur_u32le(c);
	}
	req->has_key = !c->bad;
	smb1_key(fid, req->key);
}

static void
read_answer(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct command *cmd, struct smb_request *req)
{
	struct span span = {.fid = 0};
	struct slice bytes;
	struct smb_file *file;

	if (cmd->head.command == SMB1_READ_ANDX) {
		if (cmd->count < 12)
			return;
		span = read_span(cmd->words);
		bytes = bytes_at(cmd->message, span.at, span.size);
	} else {
		span.size = cur_u16le(&cmd->words);
		cur_skip(&cmd->bytes, 3);
		if (cmd->bytes.bad)
			return;
		bytes = cur_rest(&cmd->bytes);
		if (bytes.size > span.size)
			bytes.size = span.size;
	}
	file = read_file(ctx, state, &cmd->head, req, &span);
	if (file != NULL)
		file_bytes(ctx, state, dir, file, req->offset, bytes);
}

/* ---- requests ---- */

static void
negotiate_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct command *cmd)
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
put_next_text(struct cc_ctx *ctx, struct cc_tx *tx, enum smb_field field, struct command *cmd)
{
	char room[SMB_NAME_MAX];

	cc_put(ctx, tx, field, smb_next_text(&cmd->bytes, cmd->message, cmd->head.unicode, room));
}

/* 12 words: a blob, its size in the eighth; 13: two passwords, their sizes in the eighth and ninth, then names. */
static void
session_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct command *cmd)
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
tree_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct command *cmd)
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
create_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct command *cmd)
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
named_request(struct cc_ctx *ctx, struct cc_tx *tx, struct smb_request *req, struct command *cmd)
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
close_request(struct smb_state *state, struct smb_request *req, struct command *cmd)
{
	uint16_t fid = cur_u16le(&cmd->words);
	struct smb_file *file = file_of(state, fid);

	if (file != NULL)
		file->closing = true;
	req->has_key = !cmd->words.bad;
	smb1_key(fid, req->key);
}

static void
request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct command *cmd)
{
	struct smb_request *req;
	struct cc_tx *tx;

	switch (cmd->head.command) {
	case SMB1_WRITE:
	case SMB1_WRITE_ANDX:
	case SMB1_WRITE_AND_CLOSE:
		write_command(ctx, state, dir, cmd);
		return;
	case SMB1_READ:
	case SMB1_READ_ANDX:
		read_command(ctx, state, cmd);
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
negotiate_response(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct command *cmd)
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
session_response(struct cc_ctx *ctx, struct cc_tx *tx, struct command *cmd)
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
tree_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, struct command *cmd, bool right)
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
open_file(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, const struct command *cmd, uint16_t fid)
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
create_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, struct command *cmd)
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
response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct command *cmd)
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
		read_answer(ctx, state, dir, cmd, req);
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
next_command(struct slice message, uint32_t *at, struct command *cmd)
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
	struct command cmd = {.head = *head};
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
