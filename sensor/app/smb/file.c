/*
 * Open files and the bytes that are read and written in them.
 *
 * A file has two directions, each a file of its own for the rooms above: what the client writes, and what it reads.
 * Bytes that continue go on at once; bytes ahead of them wait in pieces, bounded in number and size, and where these
 * bounds are reached the hole before them is said to be one.  Bytes that were there before are dropped: the first copy
 * counts.  Whole is what began at 0, has no hole, and reaches the size that the server named.
 */
#include <stdio.h>

#include "app/smb/own.h"

static struct smb_file **
bucket_of(struct smb_state *state, const uint8_t key[16])
{
	uint32_t hash = 2166136261u; /* a bucket list is at most SMB_FILES_MAX long, whoever chooses the keys */

	for (int i = 0; i < 16; i++)
		hash = (hash ^ key[i]) * 16777619u;
	return &state->bucket[(hash >> 16 ^ hash) % SMB_BUCKETS];
}

struct smb_file *
smb_file_find(struct smb_state *state, const uint8_t key[16], bool two)
{
	struct smb_file *file;

	for (file = *bucket_of(state, key); file != NULL; file = file->next)
		if (file->two == two && memcmp(file->key, key, 16) == 0)
			return file;
	return NULL;
}

struct smb_file *
smb_file_new(struct cc_ctx *ctx, struct smb_state *state, const uint8_t key[16], const struct smb_head *head,
    struct slice name)
{
	struct smb_file *file = smb_file_find(state, key, head->two), **bucket = bucket_of(state, key);
	struct smb_tree *tree = smb_tree_find(state, head->session, head->tree);

	if (file != NULL) /* the number is used anew: the old file must be closed by now */
		smb_file_close(ctx, state, file);
	if (state->file_count >= SMB_FILES_MAX) {
		smb_report(ctx, state, NULL, SMB_TOO_MANY_FILES);
		smb_file_close(ctx, state, state->oldest);
	}
	file = cc_take(ctx, sizeof(*file));
	if (file == NULL)
		return NULL;
	memcpy(file->key, key, 16);
	file->two = head->two;
	file->session = head->session;
	file->tree = head->tree;
	file->pipe = tree != NULL && tree->pipe;
	file->unplaced = tree == NULL;
	file->name = smb_name_new(ctx, name);
	file->next = *bucket;
	*bucket = file;
	file->older = state->newest;
	if (state->newest != NULL)
		state->newest->newer = file;
	else
		state->oldest = file;
	state->newest = file;
	state->file_count++;
	return file;
}

void
smb_put_fuid(struct cc_ctx *ctx, struct cc_tx *tx, const uint8_t key[16], bool two)
{
	char text[37];

	if (two)
		smb_guid_text(key, text);
	else
		snprintf(text, sizeof(text), "%02x%02x", key[1], key[0]);
	cc_put_text(ctx, tx, SMB_F_FUID, text);
}

/* ---- one direction ---- */

static void
chunk_free(struct cc_ctx *ctx, struct smb_state *state, struct smb_chunk *chunk)
{
	state->queued -= chunk->room;
	cc_give(ctx, chunk, sizeof(*chunk) + chunk->room);
}

struct cc_tx *
smb_file_tx(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir)
{
	struct smb_tree *tree = smb_tree_find(state, file->session, file->tree);
	struct cc_tx *tx = smb_tx_open(ctx, &state->side[dir].head);

	smb_tx_tree(tx, file->session, file->tree);
	cc_put(ctx, tx, SMB_F_FILENAME, smb_name_slice(&file->name));
	cc_put(ctx, tx, SMB_F_SHARE, tree != NULL ? smb_name_slice(&tree->name) : slice_str(""));
	smb_put_fuid(ctx, tx, file->key, file->two);
	return tx;
}

static void
way_open(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir)
{
	struct smb_way *way = &file->way[dir];

	if (way->began)
		return;
	way->began = true;
	way->tx = smb_file_tx(ctx, state, file, dir);
	way->file = cc_file_open(ctx, way->tx, dir, smb_name_slice(&file->name));
	cc_tx_update(ctx, way->tx, dir);
}

static void
way_gap(struct cc_ctx *ctx, struct smb_way *way, uint64_t to)
{
	if (to <= way->next)
		return;
	cc_file_gap(ctx, way->file, to - way->next);
	way->gap = true;
	way->next = to;
}

static void
way_bytes(struct cc_ctx *ctx, struct smb_way *way, uint64_t offset, struct slice bytes)
{
	uint64_t old = way->next > offset ? way->next - offset : 0;

	if (old >= bytes.size)
		return;
	cc_file_data(ctx, way->file, slice_of(bytes.p + old, bytes.size - old));
	way->next = offset + bytes.size;
}

/* The pieces that continue now. */
static void
way_drain(struct cc_ctx *ctx, struct smb_state *state, struct smb_way *way)
{
	while (way->chunks != NULL && way->chunks->offset <= way->next) {
		struct smb_chunk *chunk = way->chunks;

		way->chunks = chunk->next;
		way->chunk_count--;
		way_bytes(ctx, way, chunk->offset, slice_of(chunk->bytes, chunk->size));
		chunk_free(ctx, state, chunk);
	}
}

static void
way_close(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir)
{
	struct smb_way *way = &file->way[dir];
	bool all, whole;

	file->closing = file->closing || smb_channel_was_closed(ctx, state, file);
	if (!way->began) {
		smb_channel_end(ctx, state, file, dir, false);
		return;
	}
	while (way->chunks != NULL) { /* what was waited for doesn't come any more */
		way_gap(ctx, way, way->chunks->offset);
		way_drain(ctx, state, way);
	}
	all = way->short_read || (file->has_size && way->next >= file->size);
	if (file->pipe) /* has no size: a message of it, or what went through it until its end */
		whole = !way->gap && (file->closing || way->message);
	else
		whole = !way->gap && (dir == CC_TO_SERVER ? file->closing && (all || !file->has_size) : all);
	if (dir == CC_TO_SERVER && whole && smb_channel_has_more(ctx, state, file))
		whole = false;
	smb_channel_end(ctx, state, file, dir, whole);
	cc_file_close(ctx, way->file, whole);
	smb_tx_close(ctx, state, way->tx, state->head);
	*way = (struct smb_way){.tx = NULL};
}

void
smb_file_close(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file)
{
	struct smb_file **link = bucket_of(state, file->key);

	while (*link != NULL && *link != file)
		link = &(*link)->next;
	if (*link != NULL)
		*link = file->next;
	*(file->older != NULL ? &file->older->newer : &state->oldest) = file->newer;
	*(file->newer != NULL ? &file->newer->older : &state->newest) = file->older;
	state->file_count--;
	for (int dir = 0; dir < 2; dir++) {
		struct smb_side *side = &state->side[dir];

		if (side->file == file) { /* its bytes may just be coming in */
			if (side->chunk != NULL)
				chunk_free(ctx, state, side->chunk);
			side->chunk = NULL;
			side->file = NULL;
			side->target = SMB_TO_NOBODY;
		}
	}
	way_close(ctx, state, file, CC_TO_SERVER);
	way_close(ctx, state, file, CC_TO_CLIENT);
	smb_pipe_close(ctx, state, file);
	smb_name_free(ctx, &file->name);
	cc_give(ctx, file, sizeof(*file));
}

void
smb_files_close(struct cc_ctx *ctx, struct smb_state *state)
{
	while (state->oldest != NULL)
		smb_file_close(ctx, state, state->oldest);
}

/* ---- bytes as they come ---- */

/* Memory for size bytes that are ahead; NULL: a bound is reached. */
static struct smb_chunk *
chunk_new(struct cc_ctx *ctx, struct smb_state *state, const struct smb_way *way, enum cc_dir dir, uint64_t offset,
    uint32_t size)
{
	bool write = dir == CC_TO_SERVER;
	struct smb_chunk *chunk;

	if (way->chunk_count >= SMB_CHUNKS_MAX) {
		smb_report(ctx, state, way->tx, write ? SMB_WRITE_QUEUE_COUNT : SMB_READ_QUEUE_COUNT);
		return NULL;
	}
	if (size > SMB_CHUNK_BYTES || state->queued + size > SMB_QUEUE_BYTES) {
		smb_report(ctx, state, way->tx, write ? SMB_WRITE_QUEUE_SIZE : SMB_READ_QUEUE_SIZE);
		return NULL;
	}
	chunk = cc_take(ctx, sizeof(*chunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->offset = offset;
	chunk->room = size;
	state->queued += size;
	return chunk;
}

static void
to_file(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, uint32_t size)
{
	struct smb_side *side = &state->side[dir];
	struct smb_way *way = &side->file->way[dir];

	way_open(ctx, state, side->file, dir);
	if (side->file->pipe)
		side->offset = way->next; /* a pipe's offsets say nothing */
	side->target = SMB_TO_FILE;
	if (side->offset < way->next)
		smb_report(ctx, state, way->tx, SMB_FILE_OVERLAP);
	smb_channel_begin(ctx, state, dir);
	if (side->offset <= way->next)
		return;
	side->chunk = chunk_new(ctx, state, way, dir, side->offset, size);
	if (side->chunk != NULL) {
		side->target = SMB_TO_CHUNK;
		return;
	}
	while (side->offset > way->next) { /* no longer waited for */
		uint64_t next = side->offset;

		if (way->chunks != NULL && way->chunks->offset < next)
			next = way->chunks->offset;
		way_gap(ctx, way, next);
		way_drain(ctx, state, way);
	}
}

void
smb_data_begin(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct smb_file *file, uint64_t offset,
    uint32_t size)
{
	struct smb_side *side = &state->side[dir];

	side->target = SMB_TO_NOBODY;
	side->file = file;
	side->chunk = NULL;
	side->ranged = false;
	side->offset = offset;
	if (file == NULL || size == 0)
		return;
	if (offset > UINT64_MAX - size) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		return;
	}
	if (file->pipe || file->rpc != NULL ||
	    (file->unplaced && offset == 0 && file->way[0].next == 0 && file->way[1].next == 0))
		side->target = SMB_TO_PIPE; /* the first bytes tell */
	else
		to_file(ctx, state, dir, size);
}

void
smb_data(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct slice bytes)
{
	struct smb_side *side = &state->side[dir];

	if (side->target == SMB_TO_PIPE && !smb_pipe_data(ctx, state, side->file, dir, bytes))
		to_file(ctx, state, dir, (uint32_t)bytes.size);
	if (side->ranged)
		smb_channel_data(ctx, side, dir, bytes);
	if (side->target == SMB_TO_FILE) {
		way_bytes(ctx, &side->file->way[dir], side->offset, bytes);
	} else if (side->target == SMB_TO_CHUNK && bytes.size <= side->chunk->room - side->chunk->size) {
		memcpy(side->chunk->bytes + side->chunk->size, bytes.p, bytes.size);
		side->chunk->size += (uint32_t)bytes.size;
	}
	side->offset += bytes.size;
}

static void
chunk_queue(struct smb_way *way, struct smb_chunk *chunk)
{
	struct smb_chunk **link = &way->chunks;

	while (*link != NULL && (*link)->offset <= chunk->offset)
		link = &(*link)->next;
	chunk->next = *link;
	*link = chunk;
	way->chunk_count++;
}

void
smb_data_end(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir)
{
	struct smb_side *side = &state->side[dir];

	if (side->file != NULL && side->chunk != NULL)
		chunk_queue(&side->file->way[dir], side->chunk);
	if (side->file != NULL && side->target != SMB_TO_NOBODY)
		way_drain(ctx, state, &side->file->way[dir]);
	if (side->file != NULL && side->file->pipe && side->file->rpc == NULL && side->target == SMB_TO_FILE &&
	    side->file->way[dir].next > 0) {
		side->file->way[dir].message = true;
		way_close(ctx, state, side->file, dir);
	}
	side->chunk = NULL;
	side->file = NULL;
	side->target = SMB_TO_NOBODY;
}

/* size bytes of these data are missing.  Of a piece only what came before them is kept. */
void
smb_data_gap(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, uint64_t size)
{
	struct smb_side *side = &state->side[dir];

	if (side->target == SMB_TO_PIPE && side->file->rpc != NULL)
		dcerpc_pipe_gap(ctx, side->file->rpc, dir);
	if (side->target == SMB_TO_PIPE && !side->file->pipe)
		to_file(ctx, state, dir, (uint32_t)size);
	if (side->target == SMB_TO_FILE)
		way_gap(ctx, &side->file->way[dir], side->offset + size);
	if (side->ranged)
		cc_range_gap(&side->range, size);
	side->offset += size;
	if (side->target == SMB_TO_CHUNK) {
		chunk_queue(&side->file->way[dir], side->chunk);
		side->chunk = NULL;
		side->target = SMB_TO_NOBODY;
		to_file(ctx, state, dir, side->data); /* the rest is ahead, too */
	}
}
