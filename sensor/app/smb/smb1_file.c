/*
 * What SMB 1 reads and writes of files (MS-CIFS, 2.2.4): commands whole, and the heads of those whose data are
 * streamed.
 */
#include "app/smb/own.h"

void
smb1_key(uint16_t fid, uint8_t ret_key[16])
{
	memset(ret_key, 0, 16);
	ret_key[0] = (uint8_t)fid;
	ret_key[1] = (uint8_t)(fid >> 8);
}

struct smb_file *
smb1_file_of(struct smb_state *state, uint16_t fid)
{
	uint8_t key[16];

	smb1_key(fid, key);
	return smb_file_find(state, key, false);
}

/* A file that was opened before we came has no name. */
static struct smb_file *
file_or_new(struct cc_ctx *ctx, struct smb_state *state, const struct smb_head *head, uint16_t fid)
{
	struct smb_file *file = smb1_file_of(state, fid);
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

void
smb1_write(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd)
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
void
smb1_read(struct cc_ctx *ctx, struct smb_state *state, struct smb1_command *cmd)
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

void
smb1_read_answer(
    struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb1_command *cmd, struct smb_request *req)
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
