/*
 * Files that are read and written, by their handles: bytes with their places in, files out.
 *
 * Bytes that continue go on at once.  Those ahead wait in pieces, bounded in number and size (several calls are under
 * way at a time); where the bound is reached the hole before them is one.  What was there already is dropped.  One
 * transaction tells a file, and holds all of its calls.
 */
#include "app/nfs/own.h"

struct nfs_file *
nfs_file_find(struct nfs_state *state, struct slice handle, enum cc_dir dir)
{
	struct nfs_file *file, **link;

	for (link = &state->files; (file = *link) != NULL; link = &file->next) {
		if (file->dir != dir || !slice_eq(slice_of(file->handle, file->handle_size), handle))
			continue;
		*link = file->next;
		file->next = state->files;
		state->files = file;
		return file;
	}
	return NULL;
}

static struct nfs_file *
file_new(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, enum cc_dir dir)
{
	struct nfs_file *file = state->files;

	if (state->file_count >= cc_limit(ctx, "nfs.files_limit")) {
		while (file->next != NULL)
			file = file->next;
		nfs_report(ctx, state, file->tx, NFS_TOO_MANY_FILES);
		nfs_file_close(ctx, state, file, false);
	}
	file = cc_take(ctx, sizeof(*file));
	if (file == NULL)
		return NULL;
	file->dir = dir;
	file->handle_size = (uint16_t)handle.size;
	memcpy(file->handle, handle.p, handle.size);
	file->next = state->files;
	state->files = file;
	state->file_count++;
	return file;
}

struct nfs_file *
nfs_file_use(struct cc_ctx *ctx, struct nfs_state *state, struct slice handle, enum cc_dir dir, unsigned version,
    uint32_t xid)
{
	struct nfs_file *file;
	struct slice name;
	bool read = dir == CC_TO_CLIENT;

	if (handle.size == 0 || handle.size > NFS_HANDLE_MAX)
		return NULL;
	file = nfs_file_find(state, handle, dir);
	if (file == NULL) {
		file = file_new(ctx, state, handle, dir);
		if (file == NULL)
			return NULL;
		name = nfs_name_of(state, handle);
		file->version = (uint8_t)version;
		file->tx = cc_tx_new(ctx);
		cc_put_uint(ctx, file->tx, NFS_F_VERSION, version);
		cc_put_uint(ctx, file->tx, NFS_F_VERSION_NUM, version);
		cc_put_text(ctx, file->tx, NFS_F_PROCEDURE, read ? "READ" : "WRITE");
		cc_put_uint(ctx, file->tx, NFS_F_PROC_NUM,
		    version == 4   ? (read ? 25 : 38)
		    : version == 3 ? (read ? 6 : 7)
		    : read         ? 6
				   : 8);
		cc_put(ctx, file->tx, NFS_F_FILE, name);
		nfs_put_hash(ctx, file->tx, handle);
		cc_put_uint(ctx, file->tx, NFS_F_ID, ++state->tx_count);
		cc_put_uint(ctx, file->tx, NFS_F_FILE_TX, true);
		cc_put_text(ctx, file->tx, NFS_F_TYPE, read ? "response" : "request");
		cc_put_uint(ctx, file->tx, NFS_F_XID, xid);
		file->file = cc_file_open(ctx, file->tx, dir, name);
		cc_tx_update(ctx, file->tx, CC_TO_SERVER);
	}
	file->chunks++;
	file->last_xid = xid;
	return file;
}

static void
continue_with(struct cc_ctx *ctx, struct nfs_file *file, uint64_t offset, struct slice bytes)
{
	uint64_t old = file->at > offset ? file->at - offset : 0;

	if (old >= bytes.size)
		return;
	cc_file_data(ctx, file->file, slice_of(bytes.p + old, bytes.size - (size_t)old));
	file->at = offset + bytes.size;
}

static void
drain(struct cc_ctx *ctx, struct nfs_file *file)
{
	while (file->pieces != NULL && file->pieces->offset <= file->at) {
		struct nfs_piece *piece = file->pieces;

		file->pieces = piece->next;
		file->piece_count--;
		file->piece_bytes -= piece->size;
		continue_with(ctx, file, piece->offset, slice_of(piece->bytes, piece->size));
		cc_give(ctx, piece, sizeof(*piece) + piece->size);
	}
}

static void
hole_to(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file, uint64_t offset)
{
	if (offset <= file->at)
		return;
	nfs_report(ctx, state, file->tx, NFS_HOLE);
	cc_file_gap(ctx, file->file, offset - file->at);
	file->gap = true;
	file->at = offset;
}

static bool
wait(struct cc_ctx *ctx, struct nfs_file *file, uint64_t offset, struct slice bytes)
{
	uint64_t most = cc_limit(ctx, "nfs.queue_limit");
	struct nfs_piece *piece, **link = &file->pieces;

	if (file->piece_count >= 64 || bytes.size > most || file->piece_bytes + bytes.size > most)
		return false;
	piece = cc_take(ctx, sizeof(*piece) + bytes.size);
	if (piece == NULL)
		return false;
	piece->offset = offset;
	piece->size = (uint32_t)bytes.size;
	memcpy(piece->bytes, bytes.p, bytes.size);
	while (*link != NULL && (*link)->offset <= offset)
		link = &(*link)->next;
	piece->next = *link;
	*link = piece;
	file->piece_count++;
	file->piece_bytes += piece->size;
	return true;
}

void
nfs_file_bytes(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file, uint64_t offset, struct slice bytes)
{
	if (bytes.size == 0 || offset > UINT64_MAX / 2)
		return;
	if (offset > file->at && !wait(ctx, file, offset, bytes)) {
		if (file->pieces != NULL && file->pieces->offset < offset) {
			while (file->pieces != NULL && file->pieces->offset < offset) {
				hole_to(ctx, state, file, file->pieces->offset);
				drain(ctx, file);
			}
		}
		hole_to(ctx, state, file, offset);
	}
	if (offset <= file->at)
		continue_with(ctx, file, offset, bytes);
	drain(ctx, file);
}

void
nfs_file_size(struct nfs_file *file, uint64_t size)
{
	file->has_size = true;
	file->size = size;
}

static void
counts(struct cc_ctx *ctx, struct nfs_file *file, bool whole)
{
	bool read = file->dir == CC_TO_CLIENT;

	cc_put_uint(ctx, file->tx, read ? NFS_F_READ_FIRST : NFS_F_WRITE_FIRST, !file->gap);
	cc_put_uint(ctx, file->tx, read ? NFS_F_READ_LAST : NFS_F_WRITE_LAST, whole);
	cc_put_uint(ctx, file->tx, read ? NFS_F_READ_XID : NFS_F_WRITE_XID, file->last_xid);
	cc_put_uint(ctx, file->tx, read ? NFS_F_READ_CHUNKS : NFS_F_WRITE_CHUNKS, file->chunks);
}

static void
unlink_file(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file)
{
	struct nfs_file **link = &state->files;

	while (*link != file)
		link = &(*link)->next;
	*link = file->next;
	state->file_count--;
	cc_give(ctx, file, sizeof(*file));
}

void
nfs_file_close(struct cc_ctx *ctx, struct nfs_state *state, struct nfs_file *file, bool closed)
{
	bool whole;

	while (file->pieces != NULL) {
		hole_to(ctx, state, file, file->pieces->offset);
		drain(ctx, file);
	}
	whole = !file->gap && (file->has_size ? file->at >= file->size : closed);
	for (int dir = 0; dir < 2; dir++)
		if (state->side[dir].file == file)
			state->side[dir].file = NULL;
	cc_file_close(ctx, file->file, whole);
	counts(ctx, file, whole);
	cc_tx_side_done(ctx, file->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, file->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, file->tx);
	unlink_file(ctx, state, file);
}

void
nfs_files_free(struct cc_ctx *ctx, struct nfs_state *state)
{
	while (state->files != NULL) {
		struct nfs_file *file = state->files;

		while (file->pieces != NULL) {
			struct nfs_piece *piece = file->pieces;

			file->pieces = piece->next;
			cc_give(ctx, piece, sizeof(*piece) + piece->size);
		}
		unlink_file(ctx, state, file);
	}
}
