/*
 * Transactions of SMB 1 (MS-CIFS, 2.2.4.33): a pipe's write and read in one, and what TRANS2 asks and sets of files.
 *
 *     parameters 2 | data 2 | most 2 + 2 | setup 1 | 1 | flags 2 | timeout 4 | 2 | parameters 2 at 2 | data 2 at 2 |
 *     setup count 1 | 1 | setup 2 each                            the answer: 2 | 2 | 2 | 2 at 2 | 2 | data 2 at 2 | …
 */
#include "app/smb/own.h"

enum { PIPE_TRANSACT = 0x26, TRANS2_FIND = 1, TRANS2_SET_PATH = 6, TRANS2_SET_FILE = 8, LEVEL_DISPOSITION = 0x102,
	LEVEL_EOF = 0x104,
	PASS_RENAME = 1010, PASS_DISPOSITION = 1013, PASS_EOF = 1020 };

static struct slice
bytes_at(struct slice message, uint32_t at, uint32_t size)
{
	struct cur c = cur_slice(message);

	cur_skip(&c, at);
	return cur_take(&c, size);
}

struct trans {
	struct slice params, data;
	uint16_t setup[2];
	unsigned setup_count;
};

static bool
read_trans(struct slice message, struct cur c, struct trans *ret)
{
	uint32_t params, params_at, data, data_at;

	cur_skip(&c, 18);
	params = cur_u16le(&c);
	params_at = cur_u16le(&c);
	data = cur_u16le(&c);
	data_at = cur_u16le(&c);
	ret->setup_count = cur_u8(&c);
	cur_skip(&c, 1);
	for (unsigned i = 0; i < 2; i++)
		ret->setup[i] = i < ret->setup_count ? cur_u16le(&c) : 0;
	if (c.bad)
		return false;
	ret->params = bytes_at(message, params_at, params);
	ret->data = bytes_at(message, data_at, data);
	return true;
}

/* What is set of a file, by its number or its path. */
static void
set_info(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, const struct trans *trans,
    struct cc_tx *tx)
{
	bool by_path = trans->setup[0] == TRANS2_SET_PATH;
	struct cur params = cur_slice(trans->params), data = cur_slice(trans->data);
	struct smb_file *file = NULL;
	char room[SMB_NAME_MAX];
	struct slice name = slice_of(NULL, 0);
	uint8_t key[16] = {0};
	uint16_t level;

	if (!by_path) {
		smb1_key(cur_u16le(&params), key);
		file = smb_file_find(state, key, false);
	}
	level = cur_u16le(&params);
	cur_skip(&params, by_path ? 4 : 0);
	if (params.bad)
		return;
	if (by_path)
		name = smb_next_text(&params, trans->params, head->unicode, room);
	else if (file != NULL)
		name = smb_name_slice(&file->name);
	cc_put_text(ctx, tx, SMB_F_SUBCMD, by_path ? "SET_PATH_INFO" : "SET_FILE_INFO");
	if ((level == LEVEL_EOF || level == PASS_EOF) && file != NULL && cur_left(&data) >= 8) {
		file->has_size = true;
		file->size = cur_u64le(&data);
	} else if (level == LEVEL_DISPOSITION || level == PASS_DISPOSITION) {
		cc_put_text(ctx, tx, SMB_F_LEVEL, "DISPOSITION");
		cc_put(ctx, tx, SMB_F_FILENAME, name);
		cc_put_text(ctx, tx, SMB_F_ACCESS, cur_u8(&data) != 0 ? "delete on close" : "normal");
	} else if (level == PASS_RENAME) {
		uint32_t size;

		cur_skip(&data, 8);
		size = cur_u32le(&data);
		if (size > cur_left(&data))
			size = (uint32_t)cur_left(&data);
		cc_put_text(ctx, tx, SMB_F_LEVEL, "RENAME");
		cc_put(ctx, tx, SMB_F_RENAME_FROM, name);
		cc_put(ctx, tx, SMB_F_RENAME_TO, smb_text(cur_take(&data, size), true, room));
	}
	if (!by_path)
		smb_put_fuid(ctx, tx, key, false);
}

/* attributes 2 | count 2 | flags 2 | level 2 | storage 4 | pattern */
static void
find_first(struct cc_ctx *ctx, const struct smb_head *head, const struct trans *trans, struct cc_tx *tx)
{
	struct cur params = cur_slice(trans->params);
	char room[SMB_NAME_MAX];

	cur_skip(&params, 12);
	cc_put_text(ctx, tx, SMB_F_SUBCMD, "FIND_FIRST2");
	cc_put(ctx, tx, SMB_F_DIRECTORY, smb_next_text(&params, trans->params, head->unicode, room));
}

void
smb1_trans_request(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, enum cc_dir dir,
    struct slice message, struct cur words)
{
	struct smb_request *req;
	struct smb_file *file = NULL;
	struct trans trans = {.setup_count = 0};
	struct cc_tx *tx = NULL;
	uint8_t key[16] = {0};
	bool right = head->command == SMB1_NT_TRANS || read_trans(message, words, &trans), rpc = false;

	if (!right)
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
	if (right && head->command == SMB1_TRANS && trans.setup_count >= 2 && trans.setup[0] == PIPE_TRANSACT) {
		smb1_key(trans.setup[1], key);
		file = smb_file_find(state, key, false);
		if (file == NULL)
			file = smb_file_new(ctx, state, key, head, slice_str(""));
		rpc = file != NULL && trans.data.size > 0 && smb_pipe_data(ctx, state, file, dir, trans.data);
	}
	if (right && head->command == SMB1_TRANS2 && trans.setup[0] != TRANS2_FIND &&
	    trans.setup[0] != TRANS2_SET_PATH && trans.setup[0] != TRANS2_SET_FILE)
		return; /* questions about files: only noise */
	if (!rpc)
		tx = smb_tx_open(ctx, head);
	if (right && head->command == SMB1_TRANS2 && trans.setup[0] == TRANS2_FIND)
		find_first(ctx, head, &trans, tx);
	else if (right && head->command == SMB1_TRANS2)
		set_info(ctx, state, head, &trans, tx);
	req = smb_request_new(ctx, state, head, tx);
	if (req == NULL)
		return;
	req->pipe = file != NULL;
	memcpy(req->key, key, 16);
	cc_tx_update(ctx, tx, dir);
	cc_tx_side_done(ctx, tx, dir);
}

void
smb1_trans_response(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct slice message,
    struct cur words, struct smb_request *req)
{
	struct smb_file *file = smb_file_find(state, req->key, false);
	uint32_t size, at;
	struct slice data;

	cur_skip(&words, 12);
	size = cur_u16le(&words);
	at = cur_u16le(&words);
	data = words.bad ? slice_of(NULL, 0) : bytes_at(message, at, size);
	if (file != NULL && data.size > 0)
		(void)smb_pipe_data(ctx, state, file, dir, data);
}
