/*
 * Frames: ranges of a side's bytes that a parser names, kept for the rules that look at them.
 *
 * A parser says where a frame begins and how long it is, perhaps before all of it is here: the bytes are copied as they
 * come.  They are shown to detection when the frame begins, each time that twice as much of it is here, and when it is
 * over.  A long frame is shown in pieces of app.frame_limit that overlap by half; a gap ends a piece.  What was shown
 * lives until the batch is through.  Nothing here is done, or kept, where no rule asks for that kind of frame.
 */
#include <assert.h>

#include "app/own.h"

#define PIECE_FIRST 256

static bool
wanted(const struct cc_ctx *ctx, unsigned kind)
{
	return (ctx->app->wants.frames[ctx->own->index] >> kind & 1) != 0;
}

bool
cc_frames_wanted(const struct cc_ctx *ctx)
{
	return ctx->app->wants.frames[ctx->own->index] != 0;
}

static size_t
piece_memory(const struct frame_piece *piece)
{
	return sizeof(*piece) + piece->room;
}

static struct frame_piece *
piece_new(struct app *app, uint64_t base, size_t want)
{
	size_t limit = app->conf->app_frame_limit;
	size_t size = pool_room(sizeof(struct frame_piece) + (want < limit ? want : limit));
	struct frame_piece *piece = pool_take(app->pool, size);

	if (piece == NULL) {
		app_count_add(app, APP_NOMEM, 1);
		return NULL;
	}
	*piece = (struct frame_piece){.base = base, .room = (uint32_t)(size - sizeof(*piece))};
	return piece;
}

/* An event may point to it. */
static void
piece_bury(struct cc_ctx *ctx, struct frame_piece *piece)
{
	piece->next = ctx->batch->dead_piece;
	ctx->batch->dead_piece = piece;
}

static void
show(struct cc_ctx *ctx, struct cc_frame *frame)
{
	struct event event = {.kind = EVENT_FRAME, .dir = (enum cc_dir)frame->dir, .tx = frame->tx, .frame = frame,
	    .piece = frame->piece, .parser = frame->parser};

	frame->asked = frame->piece->size;
	event_push(ctx, &event);
}

static void
list_remove(struct app_frames *frames, struct cc_frame *frame)
{
	struct cc_frame **link = &frames->open;

	while (*link != frame)
		link = &(*link)->next;
	*link = frame->next;
	frames->open_count--;
}

/* It is over: shown a last time. */
static void
frame_close(struct cc_ctx *ctx, struct cc_frame *frame)
{
	struct frame_piece *piece = frame->piece;

	list_remove(ctx->own->frames, frame);
	if (frame->size == CC_FRAME_OPEN)
		frame->size = piece->base + piece->size;
	piece->last = true;
	piece->cut = piece->base + piece->size < frame->size;
	app_count_add(ctx->app, piece->cut ? APP_FRAMES_CUT : APP_FRAMES_WHOLE, 1);
	show(ctx, frame);
	piece_bury(ctx, piece);
	frame->piece = NULL;
	frame->next = ctx->batch->dead_frame;
	ctx->batch->dead_frame = frame;
}

/* The piece has become too small: a larger one, or, at the limit, another that begins with its second half. */
static bool
piece_next(struct cc_ctx *ctx, struct cc_frame *frame, size_t more)
{
	struct frame_piece *old = frame->piece, *fresh;
	size_t limit = ctx->app->conf->app_frame_limit, skip = 0, want = old->room * 2u;

	if (old->size >= limit) {
		show(ctx, frame);
		skip = old->size - limit / 2;
		want = limit;
	} else if (want < old->size + more) {
		want = old->size + more;
	}
	fresh = piece_new(ctx->app, old->base + skip, want);
	if (fresh == NULL)
		return false;
	fresh->partial = old->partial || skip > 0;
	fresh->size = old->size - (uint32_t)skip;
	memcpy(fresh->bytes, old->bytes + skip, fresh->size);
	frame->asked = skip > 0 ? fresh->size : frame->asked;
	piece_bury(ctx, old);
	frame->piece = fresh;
	return true;
}

/* Bytes that follow what is here of the frame; it closes when they are its last.  False: it is no longer open. */
static bool
frame_add(struct cc_ctx *ctx, struct cc_frame *frame, struct slice bytes)
{
	size_t limit = ctx->app->conf->app_frame_limit;

	for (;;) {
		struct frame_piece *piece = frame->piece;
		uint64_t left = frame->size - piece->base - piece->size; /* CC_FRAME_OPEN is far away */
		size_t room = piece->room < limit ? piece->room : limit;
		size_t size = left < bytes.size ? (size_t)left : bytes.size;

		if (size > room - piece->size)
			size = room - piece->size;
		if (size > 0)
			memcpy(piece->bytes + piece->size, bytes.p, size);
		piece->size += (uint32_t)size;
		bytes = slice_of(bytes.p + size, bytes.size - size);
		if (piece->base + piece->size >= frame->size) {
			frame_close(ctx, frame);
			return false;
		}
		if (bytes.size == 0)
			break;
		if (!piece_next(ctx, frame, bytes.size)) {
			frame_close(ctx, frame);
			return false;
		}
	}
	if (frame->piece->size > 0 && frame->piece->size >= frame->asked * 2)
		show(ctx, frame);
	return true;
}

static bool
flow_frames(struct cc_ctx *ctx)
{
	if (ctx->own->frames == NULL)
		ctx->own->frames = app_take(ctx->app, sizeof(*ctx->own->frames));
	return ctx->own->frames != NULL;
}

static struct cc_frame *
frame_find(const struct cc_ctx *ctx, enum cc_dir dir, unsigned kind)
{
	struct cc_frame *frame = ctx->own->frames != NULL ? ctx->own->frames->open : NULL;

	while (frame != NULL && (frame->kind != kind || frame->dir != dir))
		frame = frame->next;
	return frame;
}

/* What was taken beyond the end, before it was known, goes. */
static void
frame_resize(struct cc_ctx *ctx, struct cc_frame *frame, uint64_t size)
{
	struct frame_piece *piece = frame->piece;

	frame->size = size;
	if (piece->base + piece->size < size)
		return;
	piece->size = size > piece->base ? (uint32_t)(size - piece->base) : 0;
	frame_close(ctx, frame);
}

/* False: no memory, and the frame is gone. */
static bool
frame_open(struct cc_ctx *ctx, struct cc_frame *frame, size_t want)
{
	struct app_frames *frames = ctx->own->frames;
	struct cc_frame *oldest = frames->open;

	frame->piece = piece_new(ctx->app, 0, want);
	if (frame->piece == NULL) {
		pool_give(ctx->app->pool, frame, sizeof(*frame));
		return false;
	}
	if (frames->open_count == APP_FRAMES_OPEN) {
		while (oldest->next != NULL)
			oldest = oldest->next;
		frame_close(ctx, oldest);
	}
	frame->next = frames->open;
	frames->open = frame;
	frames->open_count++;
	app_count_add(ctx->app, APP_FRAMES, 1);
	return true;
}

void
cc_frame(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, unsigned kind, const uint8_t *from, uint64_t size)
{
	const struct chunk *chunk = ctx->chunk;
	struct cc_frame *frame;
	size_t skip, here;
	uint64_t at;

	assert(kind < ctx->own->parser->frame_count);
	if (!wanted(ctx, kind) || chunk == NULL || from < chunk->p || from > chunk->p + chunk->size ||
	    !flow_frames(ctx))
		return;
	skip = (size_t)(from - chunk->p);
	here = chunk->size - skip;
	at = chunk->offset + skip;
	if (!chunk->datagram && at < ctx->own->frames->next[dir][kind]) {
		frame = frame_find(ctx, dir, kind);
		if (frame != NULL && frame->at == at && frame->size == CC_FRAME_OPEN && size != CC_FRAME_OPEN)
			frame_resize(ctx, frame, size);
		return;
	}
	if (size == 0)
		return;
	/* Of one kind none begins within another of unknown size: the one before has ended without a word. */
	frame = frame_find(ctx, dir, kind);
	if (frame != NULL && frame->size == CC_FRAME_OPEN)
		frame_resize(ctx, frame, at > frame->at ? at - frame->at : 0);
	ctx->own->frames->next[dir][kind] = at + 1;
	frame = app_take(ctx->app, sizeof(*frame));
	if (frame == NULL)
		return;
	*frame = (struct cc_frame){.parser = ctx->own->parser, .tx = tx, .at = at, .size = size, .kind = (uint8_t)kind,
	    .dir = (uint8_t)dir};
	/* No more than is here: a size that somebody only claims takes no memory. */
	if (frame_open(ctx, frame, size <= here ? (size_t)size : here > PIECE_FIRST ? here : PIECE_FIRST))
		frame_add(ctx, frame, slice_of(from, size < here ? (size_t)size : here));
}

void
cc_frame_end(struct cc_ctx *ctx, enum cc_dir dir, unsigned kind, const uint8_t *end)
{
	const struct chunk *chunk = ctx->chunk;
	struct cc_frame *frame = frame_find(ctx, dir, kind);
	uint64_t at;

	if (frame == NULL || frame->size != CC_FRAME_OPEN || chunk == NULL || end < chunk->p ||
	    end > chunk->p + chunk->size)
		return;
	at = chunk->offset + (uint64_t)(end - chunk->p);
	frame_resize(ctx, frame, at > frame->at ? at - frame->at : 0);
}

/* Bytes that will never come: what is behind them is another piece.  False: it is no longer open. */
static bool
frame_gap(struct cc_ctx *ctx, struct cc_frame *frame, uint64_t size)
{
	uint64_t here = frame->piece->base + frame->piece->size;
	struct frame_piece *fresh = NULL;

	if (frame->size - here > size)
		fresh = piece_new(ctx->app, here + size, PIECE_FIRST);
	if (fresh == NULL) {
		frame_close(ctx, frame);
		return false;
	}
	fresh->partial = true;
	show(ctx, frame);
	piece_bury(ctx, frame->piece);
	frame->piece = fresh;
	frame->asked = 0;
	return true;
}

void
frames_chunk(struct cc_ctx *ctx, const struct chunk *chunk)
{
	struct cc_frame *frame = ctx->own->frames != NULL ? ctx->own->frames->open : NULL, *next;
	struct slice fresh = slice_of(chunk->p + (chunk->size - chunk->fresh), chunk->fresh);

	for (; frame != NULL; frame = next) {
		next = frame->next;
		if (frame->dir != chunk->dir)
			continue;
		if ((chunk->gap == 0 || frame_gap(ctx, frame, chunk->gap)) && fresh.size > 0)
			frame_add(ctx, frame, fresh);
	}
}

void
frames_close(struct cc_ctx *ctx, enum cc_dir dir)
{
	struct cc_frame *frame = ctx->own->frames != NULL ? ctx->own->frames->open : NULL, *next;

	for (; frame != NULL; frame = next) {
		next = frame->next;
		if (frame->dir == dir)
			frame_close(ctx, frame);
	}
}

void
frames_close_all(struct cc_ctx *ctx)
{
	if (ctx->own->frames == NULL)
		return;
	while (ctx->own->frames->open != NULL)
		frame_close(ctx, ctx->own->frames->open);
	pool_give(ctx->app->pool, ctx->own->frames, sizeof(*ctx->own->frames));
	ctx->own->frames = NULL;
}

void
frames_tx_over(struct app_flow *own, const struct cc_tx *tx)
{
	struct cc_frame *frame = own->frames != NULL ? own->frames->open : NULL;

	for (; frame != NULL; frame = frame->next) {
		if (frame->tx == tx)
			frame->tx = NULL;
	}
}

void
frames_batch_end(struct app *app, struct batch *batch)
{
	while (batch->dead_piece != NULL) {
		struct frame_piece *piece = batch->dead_piece;

		batch->dead_piece = piece->next;
		pool_give(app->pool, piece, piece_memory(piece));
	}
	while (batch->dead_frame != NULL) {
		struct cc_frame *frame = batch->dead_frame;

		batch->dead_frame = frame->next;
		pool_give(app->pool, frame, sizeof(*frame));
	}
}
