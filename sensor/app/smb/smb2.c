/*
 * Messages of SMB 2 and 3 (MS-SMB2, 2.2), little-endian.
 *
 *     0xfe "SMB" | size 2 | credits 2 | status 4 | command 2 | credits 2 | flags 4 | next 4 | message id 8 |
 *     process 4, tree 4 or async id 8 | session 8 | signature 16 | body
 *
 * Offsets in a body count from the header.  In a compound a related message means the session, tree and file of the one
 * before it; a file that is opened in the same compound has no number yet, so it is the answer that tells.
 */
#include "app/smb/own.h"

enum { FLAG_RESPONSE = 1, FLAG_ASYNC = 2, FLAG_RELATED = 4 };

enum { CLASS_BASIC = 4, CLASS_RENAME = 10, CLASS_DISPOSITION = 13, CLASS_ALLOCATION = 19, CLASS_END_OF_FILE = 20,
	PIPE_TRANSCEIVE = 0x0011c017, QUERY_INTERFACES = 0x001401fc };
enum { SETUP_BINDING = 1 }; /* of a session setup's flags: one more connection of a session that there is */

bool
smb2_header(struct cur *c, struct smb_head *ret_head)
{
	struct smb_head head = {.two = true, .unicode = true};
	uint32_t flags;

	cur_skip(c, 8);
	head.status = cur_u32le(c);
	head.command = cur_u16le(c);
	cur_skip(c, 2);
	flags = cur_u32le(c);
	head.next = cur_u32le(c);
	head.id = cur_u64le(c);
	cur_skip(c, 4);
	head.tree = cur_u32le(c);
	head.session = cur_u64le(c);
	cur_skip(c, 16);
	head.response = (flags & FLAG_RESPONSE) != 0;
	head.async = (flags & FLAG_ASYNC) != 0;
	head.related = (flags & FLAG_RELATED) != 0;
	if (head.async)
		head.tree = 0;
	*ret_head = head;
	return !c->bad;
}

/* size bytes of the message at an offset that it names; empty where it lies. */
static struct slice
part_of(struct slice message, uint32_t at, uint32_t size)
{
	struct cur c = cur_slice(message);

	cur_skip(&c, at);
	return cur_take(&c, size);
}

static bool
is_related_key(const uint8_t key[16])
{
	for (int i = 0; i < 16; i++)
		if (key[i] != 0xff)
			return false;
	return true;
}

/* The file that a message names, or the one before it in the compound; false: not known yet. */
static bool
take_key(struct smb_side *side, struct cur *c, uint8_t ret_key[16])
{
	const uint8_t *key = cur_bytes(c, 16);

	if (key == NULL)
		return false;
	memcpy(ret_key, key, 16);
	if (is_related_key(key)) {
		if (side->has_key)
			memcpy(ret_key, side->key, 16);
		return side->has_key;
	}
	memcpy(side->key, key, 16);
	side->has_key = true;
	return true;
}

/* What a related message means; and where a compound begins. */
static void
relate(struct smb_side *side, struct smb_head *head)
{
	if (!head->related) {
		if (!head->response)
			side->has_key = false;
		side->session = head->session;
		side->tree = head->tree;
	} else if (head->session == UINT64_MAX || head->tree == UINT32_MAX) {
		head->session = side->session;
		head->tree = side->tree;
	}
}

/* ---- requests ---- */

static void
negotiate_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct cur c)
{
	const uint8_t *guid;
	unsigned count;
	char text[37], room[8];

	cur_skip(&c, 2);
	count = cur_u16le(&c);
	cur_skip(&c, 8);
	guid = cur_bytes(&c, 16);
	cur_skip(&c, 8);
	if (count == 0 || c.bad || cur_left(&c) < (size_t)count * 2)
		smb_report(ctx, state, tx, SMB_NEGOTIATE_MALFORMED_DIALECTS);
	for (unsigned i = 0; i < count && i < SMB_DIALECTS_MAX && cur_left(&c) >= 2; i++)
		cc_put_text(ctx, tx, SMB_F_CLIENT_DIALECTS, smb2_dialect_text(cur_u16le(&c), room));
	if (guid != NULL) {
		smb_guid_text(guid, text);
		cc_put_text(ctx, tx, SMB_F_CLIENT_GUID, text);
	}
	for (const struct smb_request *req = state->requests; req != NULL; req = req->next)
		if (req->two && req->command == SMB2_NEGOTIATE)
			smb_report(ctx, state, tx, SMB_DUPLICATE_NEGOTIATE);
}

static void
session_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct slice message, struct cur c)
{
	uint32_t at, size;

	cur_skip(&c, 2);
	state->channels |= (cur_u8(&c) & SETUP_BINDING) != 0;
	cur_skip(&c, 9);
	at = cur_u16le(&c);
	size = cur_u16le(&c);
	if (!c.bad)
		smb_auth(ctx, state, tx, part_of(message, at, size));
}

static void
tree_request(struct cc_ctx *ctx, struct smb_request *req, struct slice message, struct cur c)
{
	uint32_t at, size;
	char room[SMB_NAME_MAX];

	cur_skip(&c, 4);
	at = cur_u16le(&c);
	size = cur_u16le(&c);
	if (req != NULL && !c.bad)
		req->name = smb_name_new(ctx, smb_text(part_of(message, at, size), true, room));
}

static void
create_request(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct smb_request *req,
    struct slice message, struct cur c)
{
	uint32_t disposition, options, at, size;
	char room[SMB_NAME_MAX];
	struct slice name;

	cur_skip(&c, 36);
	disposition = cur_u32le(&c);
	options = cur_u32le(&c);
	at = cur_u16le(&c);
	size = cur_u16le(&c);
	if (c.bad || (size > 0 && at + size > message.size)) {
		smb_report(ctx, state, tx, SMB_MALFORMED_DATA);
		return;
	}
	name = smb_text(part_of(message, at, size), true, room);
	if (req != NULL)
		req->name = smb_name_new(ctx, name);
	cc_put(ctx, tx, SMB_F_FILENAME, name.size > 0 ? name : slice_str("<share_root>"));
	cc_put_text(ctx, tx, SMB_F_DISPOSITION, smb_disposition_text(disposition));
	cc_put_text(ctx, tx, SMB_F_ACCESS, options & 0x1000 ? "delete on close" : "normal");
}

static void
close_request(struct smb_state *state, struct smb_side *side, struct smb_request *req, struct cur c)
{
	struct smb_file *file;
	uint8_t key[16];

	cur_skip(&c, 8);
	if (!take_key(side, &c, key))
		return;
	file = smb_file_find(state, key, true);
	if (file != NULL)
		file->closing = true;
	if (req != NULL) {
		req->has_key = true;
		memcpy(req->key, key, 16);
	}
}

static void
read_request(struct cc_ctx *ctx, struct smb_state *state, struct smb_side *side, const struct smb_head *head,
    struct cur c)
{
	struct smb_request *req;
	uint64_t offset;
	uint32_t size;
	uint8_t key[16];
	bool known;

	cur_skip(&c, 4);
	size = cur_u32le(&c);
	offset = cur_u64le(&c);
	known = take_key(side, &c, key);
	if (c.bad) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		return;
	}
	if (size > SMB_LENGTH_MAX || (state->max_read != 0 && size > state->max_read))
		smb_report(ctx, state, NULL, SMB_READ_REQUEST_TOO_LARGE);
	req = smb_request_new(ctx, state, head, NULL);
	if (req == NULL)
		return;
	req->offset = offset;
	req->size = size;
	req->has_key = known;
	memcpy(req->key, key, 16);
}

/* A pipe's transaction: its input is a write, its output a read.  true: that was DCE/RPC, which speaks for itself. */
static bool
ioctl_request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message, struct cur c)
{
	struct smb_side *side = &state->side[dir];
	struct smb_request *req;
	struct smb_file *file;
	struct slice input;
	struct cc_tx *tx;
	uint32_t code, at, size;
	uint8_t key[16];
	char room[12];
	bool rpc = false, known;

	cur_skip(&c, 4);
	code = cur_u32le(&c);
	known = take_key(side, &c, key);
	at = cur_u32le(&c);
	size = cur_u32le(&c);
	if (c.bad) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		return false;
	}
	if (code == QUERY_INTERFACES) /* the client looks for more ways to the server */
		state->channels = true;
	if (known && code == PIPE_TRANSCEIVE) {
		input = part_of(message, at, size);
		file = smb_file_find(state, key, true);
		if (file == NULL)
			file = smb_file_new(ctx, state, key, head, slice_str(""));
		rpc = file != NULL && input.size > 0 && smb_pipe_data(ctx, state, file, dir, input);
	}
	tx = rpc ? NULL : smb_tx_open(ctx, head);
	cc_put_text(ctx, tx, SMB_F_FUNCTION, smb2_function_text(code, room));
	req = smb_request_new(ctx, state, head, tx);
	if (req != NULL) {
		req->has_key = known;
		req->pipe = rpc;
		memcpy(req->key, key, 16);
	}
	return rpc;
}

static void
find_request(struct cc_ctx *ctx, struct smb_state *state, struct smb_side *side, struct cc_tx *tx, struct cur c)
{
	struct smb_file *file;
	uint8_t key[16];

	cur_skip(&c, 8);
	if (!take_key(side, &c, key))
		return;
	file = smb_file_find(state, key, true);
	if (file != NULL && file->name.size > 0)
		cc_put(ctx, tx, SMB_F_DIRECTORY, smb_name_slice(&file->name));
}

/* Of a file that is opened in this very compound the name stands in the request before. */
static struct slice
known_name(const struct smb_state *state, const struct smb_file *file, const struct smb_head *head)
{
	if (file != NULL)
		return smb_name_slice(&file->name);
	for (const struct smb_request *req = head->related ? state->requests : NULL; req != NULL; req = req->next)
		if (req->two && req->command == SMB2_CREATE)
			return smb_name_slice(&req->name);
	return slice_str("<unknown>");
}

static void
set_info_request(struct cc_ctx *ctx, struct smb_state *state, struct smb_side *side, const struct smb_head *head,
    struct smb_request *req, struct cc_tx *tx, struct slice message, struct cur c)
{
	struct smb_file *file;
	struct slice info;
	struct cur in;
	uint32_t at, size;
	uint8_t type, class, key[16];
	char room[SMB_NAME_MAX];
	bool known;

	cur_skip(&c, 2);
	type = cur_u8(&c);
	class = cur_u8(&c);
	size = cur_u32le(&c);
	at = cur_u16le(&c);
	cur_skip(&c, 6);
	known = take_key(side, &c, key);
	if (c.bad || type != 1)
		return;
	info = part_of(message, at, size);
	in = cur_slice(info);
	file = known ? smb_file_find(state, key, true) : NULL;
	if (class == CLASS_END_OF_FILE && file != NULL && info.size >= 8) {
		file->has_size = true;
		file->size = cur_u64le(&in);
	}
	if (class == CLASS_DISPOSITION && info.size >= 1) {
		cc_put(ctx, tx, SMB_F_FILENAME, known_name(state, file, head));
		cc_put_text(ctx, tx, SMB_F_ACCESS, cur_u8(&in) != 0 ? "delete on close" : "normal");
		smb_put_fuid(ctx, tx, key, true);
	}
	if (class == CLASS_BASIC || class == CLASS_ALLOCATION || class == CLASS_END_OF_FILE) {
		cc_put_text(ctx, tx, SMB_F_SET_CLASS, "FILE_INFO");
		cc_put_text(ctx, tx, SMB_F_SET_LEVEL, class == CLASS_BASIC ? "SMB2_FILE_BASIC_INFO" :
		    class == CLASS_ALLOCATION ? "SMB2_FILE_ALLOCATION_INFO" : "SMB2_FILE_ENDOFFILE_INFO");
		cc_put(ctx, tx, SMB_F_FILENAME, known_name(state, file, head));
		smb_put_fuid(ctx, tx, key, true);
	}
	if (class != CLASS_RENAME)
		return;
	cur_skip(&in, 16);
	size = cur_u32le(&in);
	info = smb_text(cur_take(&in, size), true, room);
	if (in.bad) {
		smb_report(ctx, state, tx, SMB_MALFORMED_DATA);
		return;
	}
	cc_put_text(ctx, tx, SMB_F_SET_CLASS, "FILE_INFO");
	cc_put_text(ctx, tx, SMB_F_SET_LEVEL, "SMB2_FILE_RENAME_INFO");
	cc_put(ctx, tx, SMB_F_RENAME_FROM, known_name(state, file, head));
	cc_put(ctx, tx, SMB_F_RENAME_TO, info);
	smb_put_fuid(ctx, tx, key, true);
	if (req != NULL) {
		req->has_key = known;
		memcpy(req->key, key, 16);
		req->name = smb_name_new(ctx, info);
	}
}

static void
request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message, struct cur c)
{
	struct smb_side *side = &state->side[dir];
	struct smb_request *req;
	struct cc_tx *tx;

	if (head->command == SMB2_READ) {
		read_request(ctx, state, side, head, c);
		return;
	}
	if (head->command == SMB2_IOCTL) {
		(void)ioctl_request(ctx, state, dir, head, message, c);
		return;
	}
	if (head->command == SMB2_CANCEL || head->command == SMB2_GET_INFO)
		return; /* the one has the id of what it cancels, and no answer; the other is only noise */
	tx = smb_tx_open(ctx, head);
	if (head->command == SMB2_NEGOTIATE)
		negotiate_request(ctx, state, tx, c);
	req = smb_request_new(ctx, state, head, tx);
	if (req == NULL)
		return;
	switch (head->command) {
	case SMB2_SESSION_SETUP:
		session_request(ctx, state, tx, message, c);
		break;
	case SMB2_TREE_CONNECT:
		tree_request(ctx, req, message, c);
		break;
	case SMB2_CREATE:
		create_request(ctx, state, tx, req, message, c);
		break;
	case SMB2_CLOSE:
		close_request(state, side, req, c);
		break;
	case SMB2_FIND:
		find_request(ctx, state, side, tx, c);
		break;
	case SMB2_SET_INFO:
		set_info_request(ctx, state, side, head, req, tx, message, c);
		break;
	default:
		break;
	}
	cc_tx_update(ctx, tx, dir);
	cc_tx_side_done(ctx, tx, dir);
}

/* ---- responses ---- */

static void
negotiate_response(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct cur c)
{
	const uint8_t *guid;
	char text[37], room[8];
	const char *dialect;
	uint32_t max_read, max_write;
	uint16_t number;

	cur_skip(&c, 4);
	number = cur_u16le(&c);
	cur_skip(&c, 2);
	guid = cur_bytes(&c, 16);
	cur_skip(&c, 8);
	max_read = cur_u32le(&c);
	max_write = cur_u32le(&c);
	if (c.bad) {
		smb_report(ctx, state, tx, SMB_MALFORMED_DATA);
		return;
	}
	dialect = smb2_dialect_text(number, room);
	memcpy(state->dialect_text, dialect, strlen(dialect) + 1);
	state->dialect = number;
	state->max_read = max_read;
	state->max_write = max_write;
	if (max_read > SMB_LENGTH_MAX)
		smb_report(ctx, state, tx, SMB_MAX_READ_TOO_LARGE);
	if (max_write > SMB_LENGTH_MAX)
		smb_report(ctx, state, tx, SMB_MAX_WRITE_TOO_LARGE);
	smb_guid_text(guid, text);
	cc_put_text(ctx, tx, SMB_F_SERVER_GUID, text);
	cc_put_uint(ctx, tx, SMB_F_MAX_READ, max_read);
	cc_put_uint(ctx, tx, SMB_F_MAX_WRITE, max_write);
}

static void
tree_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req, const struct smb_head *head,
    struct cur c)
{
	static const char *const word[] = {"UNKNOWN", "FILE", "PIPE", "PRINT"};
	struct slice name = smb_name_slice(&req->name);
	uint8_t type;

	cur_skip(&c, 2);
	type = cur_u8(&c);
	if (c.bad)
		type = 0;
	smb_put_share(ctx, req, type == 2);
	cc_put_text(ctx, req->tx, SMB_F_SHARE_TYPE, word[type < 4 ? type : 0]);
	smb_tx_tree(req->tx, head->session, head->tree);
	if (head->status == STATUS_SUCCESS)
		smb_tree_add(ctx, state, head->session, head->tree, name, type == 2);
}

static void
create_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_side *side, struct smb_request *req,
    struct smb_head head, struct cur c)
{
	struct smb_file *file;
	const uint8_t *key;
	uint64_t time[4], size;

	cur_skip(&c, 8);
	for (int i = 0; i < 4; i++)
		time[i] = smb_time(cur_u64le(&c));
	cur_skip(&c, 8);
	size = cur_u64le(&c);
	cur_skip(&c, 8);
	key = cur_bytes(&c, 16);
	if (c.bad) {
		smb_report(ctx, state, req->tx, SMB_MALFORMED_DATA);
		return;
	}
	cc_put_uint(ctx, req->tx, SMB_F_CREATED, time[0]);
	cc_put_uint(ctx, req->tx, SMB_F_ACCESSED, time[1]);
	cc_put_uint(ctx, req->tx, SMB_F_MODIFIED, time[2]);
	cc_put_uint(ctx, req->tx, SMB_F_CHANGED, time[3]);
	cc_put_uint(ctx, req->tx, SMB_F_SIZE, size);
	smb_put_fuid(ctx, req->tx, key, true);
	memcpy(side->key, key, 16);
	side->has_key = true;
	head.session = req->session;
	head.tree = req->tree;
	file = smb_file_new(ctx, state, key, &head, smb_name_slice(&req->name));
	if (file == NULL)
		return;
	file->has_size = !file->pipe;
	file->size = size;
}

static void
close_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_side *side, const struct smb_request *req)
{
	const uint8_t *key = req->has_key ? req->key : side->has_key ? side->key : NULL;
	struct smb_file *file = key != NULL ? smb_file_find(state, key, true) : NULL;

	if (key != NULL && (file == NULL || file->stranger))
		smb_channel_closed(ctx, state, req->session, key);
	if (file == NULL)
		return;
	file->closing = true;
	smb_file_close(ctx, state, file);
}

static void
ioctl_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_request *req,
    struct slice message, struct cur c)
{
	struct smb_file *file = smb_file_find(state, req->key, true);
	struct slice output;
	uint32_t at, size;

	cur_skip(&c, 32);
	at = cur_u32le(&c);
	size = cur_u32le(&c);
	if (c.bad || file == NULL)
		return;
	output = part_of(message, at, size);
	if (output.size > 0)
		(void)smb_pipe_data(ctx, state, file, dir, output);
}

static void
rename_response(struct cc_ctx *ctx, struct smb_state *state, struct smb_request *req)
{
	struct smb_file *file = req->has_key && req->name.size > 0 ? smb_file_find(state, req->key, true) : NULL;

	if (file == NULL)
		return;
	smb_name_free(ctx, &file->name);
	file->name = req->name;
	req->name = (struct smb_name){.p = NULL};
}

/* The end of a file that a read came upon; other failures say nothing about it. */
static void
read_failed(struct smb_state *state, struct smb_side *side, const struct smb_request *req,
    const struct smb_head *head)
{
	const uint8_t *key = req->has_key ? req->key : side->has_key ? side->key : NULL;
	struct smb_file *file = key != NULL ? smb_file_find(state, key, true) : NULL;

	if (file != NULL && head->status == STATUS_END_OF_FILE && req->offset == file->way[CC_TO_CLIENT].next)
		file->way[CC_TO_CLIENT].short_read = true;
}

static void
response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head,
    struct slice message, struct cur c)
{
	struct smb_side *side = &state->side[dir];
	struct smb_request *req;
	bool right = head->status == STATUS_SUCCESS || head->status == STATUS_BUFFER_OVERFLOW;

	if (head->status == STATUS_PENDING) /* the answer comes later */
		return;
	req = smb_request_find(state, head);
	if (req == NULL)
		return;
	if (head->command == SMB2_SESSION_SETUP)
		smb_tx_tree(req->tx, head->session, head->tree);
	if (head->command == SMB2_TREE_CONNECT)
		tree_response(ctx, state, req, head, c);
	if (head->command == SMB2_NEGOTIATE && right)
		negotiate_response(ctx, state, req->tx, c);
	else if (head->command == SMB2_CREATE && right)
		create_response(ctx, state, side, req, *head, c);
	else if (head->command == SMB2_CLOSE && right)
		close_response(ctx, state, side, req);
	else if (head->command == SMB2_IOCTL && right && req->pipe)
		ioctl_response(ctx, state, dir, req, message, c);
	else if (head->command == SMB2_SET_INFO && right)
		rename_response(ctx, state, req);
	else if (head->command == SMB2_READ)
		read_failed(state, side, req, head);
	else if (head->command == SMB2_TREE_DISCONNECT && right)
		smb_tree_drop(ctx, state, req->session, req->tree);
	smb_request_end(ctx, state, req, head);
}

void
smb2_message(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *given,
    struct slice message)
{
	struct smb_head head = *given;
	struct cur c = cur_slice(message);

	cur_skip(&c, SMB2_HEADER);
	relate(&state->side[dir], &head);
	state->head = &head;
	if (head.response)
		response(ctx, state, dir, &head, message, c);
	else
		request(ctx, state, dir, &head, message, c);
	state->head = NULL;
	state->side[dir].first = false;
}

/* ---- data that are streamed ---- */

/* How many of the bytes that a message of size bytes names at `at` are in it. */
static uint32_t
clamp(struct cc_ctx *ctx, struct smb_state *state, uint32_t size, uint32_t *at, uint32_t named)
{
	if (*at > size)
		*at = size;
	if (named <= size - *at)
		return named;
	smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
	return size - *at;
}

/* The file of a read or write; it may have been opened where we did not see it. */
static struct smb_file *
file_of(struct cc_ctx *ctx, struct smb_state *state, const uint8_t key[16], const struct smb_head *head)
{
	struct smb_file *file = smb_file_find(state, key, true);

	if (file != NULL)
		return file;
	file = smb_file_new(ctx, state, key, head, slice_str(""));
	if (file != NULL)
		file->stranger = true;
	return file;
}

void
smb2_write_request(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head, struct cur c,
    uint32_t size, uint32_t *ret_at, uint32_t *ret_size)
{
	struct smb_side *side = &state->side[dir];
	struct smb_file *file = NULL;
	uint32_t named;
	uint64_t offset;
	uint8_t key[16];

	relate(side, head);
	cur_skip(&c, 2);
	*ret_at = cur_u16le(&c);
	named = cur_u32le(&c);
	offset = cur_u64le(&c);
	if (named > SMB_LENGTH_MAX || (state->max_write != 0 && named > state->max_write))
		smb_report(ctx, state, NULL, SMB_WRITE_REQUEST_TOO_LARGE);
	if (take_key(side, &c, key)) {
		file = file_of(ctx, state, key, head);
	}
	*ret_size = clamp(ctx, state, size, ret_at, named);
	smb_data_begin(ctx, state, dir, file, offset, *ret_size);
	side->first = false;
}

void
smb2_read_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_head *head, struct cur c,
    uint32_t size, uint32_t *ret_at, uint32_t *ret_size)
{
	struct smb_side *side = &state->side[dir];
	struct smb_request *req = smb_request_find(state, head);
	struct smb_file *file = NULL;
	const uint8_t *key = NULL;
	uint64_t offset = 0;
	uint32_t named;

	cur_skip(&c, 2);
	*ret_at = cur_u8(&c);
	cur_skip(&c, 1);
	named = cur_u32le(&c);
	*ret_size = clamp(ctx, state, size, ret_at, named);
	side->first = false;
	if (req != NULL) {
		if (named > req->size || (state->max_read != 0 && named > state->max_read))
			smb_report(ctx, state, NULL, SMB_READ_RESPONSE_TOO_LARGE);
		key = req->has_key ? req->key : side->has_key ? side->key : NULL;
		offset = req->offset;
		head->session = req->session;
		head->tree = req->tree;
	}
	if (key != NULL) {
		file = file_of(ctx, state, key, head);
	}
	smb_data_begin(ctx, state, dir, file, offset, *ret_size);
	if (file != NULL && !file->pipe && named < req->size)
		file->way[CC_TO_CLIENT].short_read = true;
	if (req != NULL)
		smb_request_end(ctx, state, req, head);
}
