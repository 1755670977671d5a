/*
 * The bytes of a whole: those that continue it go to its file, or to the coder that makes the file; those ahead wait in
 * sorted pieces.  See joins.c.
 */
#include "app/joins.h"

size_t
join_piece_memory(const struct piece *piece)
{
	return sizeof(*piece) + piece->room;
}

void
join_piece_free(struct app *app, struct join *join, struct piece *piece)
{
	join->have -= piece->size;
	join_memory_drop(app->joins, join, join_piece_memory(piece));
	pool_give(app->pool, piece, join_piece_memory(piece));
}

/* Index of the first piece that ends behind that place. */
static uint32_t
piece_after(const struct join *join, uint64_t at)
{
	uint32_t low = join->first, high = join->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (join->piece[mid]->at + join->piece[mid]->size > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool
index_grow(struct app *app, struct join *join)
{
	uint32_t room = join->room == 0 ? 64 : join->room * 2;
	size_t size = room * sizeof(struct piece *), old = join->room * sizeof(struct piece *);
	struct piece **grown;

	if (join->first > 0) { /* those in front have gone */
		memmove(join->piece, join->piece + join->first, (join->count - join->first) * sizeof(struct piece *));
		join->count -= join->first;
		join->first = 0;
		return true;
	}
	grown = joins_memory_make(app, join, size) ? app_take(app, size) : NULL;
	if (grown == NULL)
		return false;
	if (join->count > 0)
		memcpy(grown, join->piece, join->count * sizeof(struct piece *));
	pool_give(app->pool, join->piece, old);
	join_memory_drop(app->joins, join, old);
	join_memory_add(app->joins, join, size);
	join->piece = grown;
	join->room = room;
	return true;
}

/* A piece of its own in front of index, for up to `left` bytes; false: a bound is reached. */
static bool
piece_new(struct app *app, struct join *join, uint32_t index, uint64_t at, uint64_t left)
{
	size_t size =
	    left < PIECE_SIZE - sizeof(struct piece) ? pool_room(sizeof(struct piece) + (size_t)left) : PIECE_SIZE;
	struct piece *piece;

	if (join->count - join->first >= app->conf->http_range_pieces || !joins_memory_make(app, join, size))
		return false;
	if (join->count == join->room) {
		uint32_t gone = join->first;

		if (!index_grow(app, join))
			return false;
		index -= gone;
	}
	piece = pool_take(app->pool, size);
	if (piece == NULL) {
		app_count_add(app, APP_NOMEM, 1);
		return false;
	}
	*piece = (struct piece){.at = at, .room = (uint32_t)(size - sizeof(*piece))};
	memmove(join->piece + index + 1, join->piece + index, (join->count - index) * sizeof(struct piece *));
	join->piece[index] = piece;
	join->count++;
	join_memory_add(app->joins, join, size);
	return true;
}

/* Bytes ahead of what is here, where no piece has any; index is that of the piece behind them.  false: given up. */
static bool
keep(struct app *app, struct join *join, uint32_t index, uint64_t at, struct slice bytes, uint64_t left)
{
	while (bytes.size > 0) {
		struct piece *before = index > join->first ? join->piece[index - 1] : NULL;
		size_t size;

		if (before == NULL || before->at + before->size != at || before->size == before->room) {
			uint32_t gone = join->first;

			if (!piece_new(app, join, index, at, left))
				return false;
			index = index - (gone - join->first) + 1;
			before = join->piece[index - 1];
		}
		size = before->room - before->size;
		if (size > bytes.size)
			size = bytes.size;
		memcpy(before->bytes + before->size, bytes.p, size);
		before->size += (uint32_t)size;
		join->have += size;
		at += size;
		left -= size < left ? size : left;
		bytes = slice_of(bytes.p + size, bytes.size - size);
		app_count_add(app, APP_RANGES_BYTES, size);
	}
	return true;
}

static void
add_to_file(struct app *app, struct file *file, struct slice bytes)
{
	file_bytes(app, file, bytes);
	if (file->archive != NULL)
		archive_bytes(app, file, bytes);
	else if (!file->no_archive && app->conf->files_archives > 0)
		archive_sniff(app, file, bytes);
}

void
cc_range_decoded(struct cc_ctx *ctx, struct cc_file *file, struct slice bytes)
{
	if (file != NULL && bytes.size > 0)
		add_to_file(ctx->app, (struct file *)file, bytes);
}

/* Coded bytes to their coder, which makes those of the file. */
static void
add_coded(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx, struct slice bytes)
{
	size_t memory;

	if (join->coded == NULL && !join->broken)
		join->coded = join->coder->open(ctx, range->by);
	if (join->coded == NULL)
		join->broken = true;
	if (join->broken)
		return;
	if (join->coder->add(ctx, join->coded, range->by, tx, &join->file->pub, bytes,
		join->next + bytes.size == join->total) != CC_OK)
		join->broken = true;
	memory = join->coder->memory(join->coded);
	join_memory_add(ctx->app->joins, join, memory);
	join_memory_drop(ctx->app->joins, join, join->coder_memory);
	join->coder_memory = memory;
}

static void
append(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx, struct slice bytes)
{
	size_t room = join->file->pub.content_room;

	if (join->coder != NULL)
		add_coded(ctx, join, range, tx, bytes);
	else
		add_to_file(ctx->app, join->file, bytes);
	join->next += bytes.size;
	join_memory_add(ctx->app->joins, join, join->file->pub.content_room - room);
}

/* The pieces that continue now. */
void
join_drain(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx)
{
	while (join->first < join->count && join->piece[join->first]->at == join->next) {
		struct piece *piece = join->piece[join->first++];

		append(ctx, join, range, tx, slice_of(piece->bytes, piece->size));
		join_piece_free(ctx->app, join, piece);
	}
	if (join->first == join->count)
		join->first = join->count = 0;
}

/* Were they here before, and others?  Only as far as they are still kept. */
static bool
contradicts(const struct join *join, const struct piece *piece, uint64_t at, struct slice bytes)
{
	const struct cc_file *file = &join->file->pub;

	if (piece != NULL)
		return memcmp(piece->bytes + (at - piece->at), bytes.p, bytes.size) != 0;
	if (at >= file->content_size || file->content == NULL || join->coder != NULL)
		return false;
	if (bytes.size > file->content_size - at)
		bytes.size = file->content_size - (size_t)at;
	return memcmp(file->content + at, bytes.p, bytes.size) != 0;
}

/* The bytes at that place, from there on as far as they are alike: old, new and next, or new and ahead.  false: given
 * up. */
bool
join_add(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx, uint64_t at,
    struct slice *bytes)
{
	uint32_t index = piece_after(join, at);
	struct piece *piece = index < join->count ? join->piece[index] : NULL;
	bool old = at < join->next, kept = !old && piece != NULL && piece->at <= at;
	uint64_t to = old ? join->next : kept ? piece->at + piece->size : piece != NULL ? piece->at : UINT64_MAX;
	struct slice some = slice_of(bytes->p, to - at < bytes->size ? (size_t)(to - at) : bytes->size);

	*bytes = slice_of(bytes->p + some.size, bytes->size - some.size);
	if (old || kept) {
		if (contradicts(join, kept ? piece : NULL, at, some))
			join->odd = true;
		return true;
	}
	if (at == join->next) {
		append(ctx, join, range, tx, some);
		join_drain(ctx, join, range, tx);
		return join->coder == NULL || joins_memory_make(ctx->app, join, 0);
	}
	return keep(ctx->app, join, index, at, some, range->end - at);
}
