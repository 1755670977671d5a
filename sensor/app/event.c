/*
 * The batch: what one packet brought forth, in one arena that is emptied at once.  The array of events doubles in the
 * arena; when that is full, events are lost and counted, while what they spoke of is still freed with the batch.
 */
#include "app/own.h"

#define EVENTS_FIRST 32

enum cc_status
batch_open(struct batch *batch, const struct conf *conf)
{
	*batch = (struct batch){.event = NULL};
	return arena_open(&batch->arena, conf->engine_arena);
}

void
batch_close(struct batch *batch)
{
	arena_close(&batch->arena);
	*batch = (struct batch){.event = NULL};
}

static bool
event_grow(struct batch *batch)
{
	unsigned room = batch->event_room == 0 ? EVENTS_FIRST : batch->event_room * 2;
	struct event *grown = arena_alloc(&batch->arena, room * sizeof(*grown));

	if (grown == NULL)
		return false;
	if (batch->event_count > 0)
		memcpy(grown, batch->event, batch->event_count * sizeof(*grown));
	batch->event = grown;
	batch->event_room = room;
	return true;
}

bool
event_push(struct cc_ctx *ctx, const struct event *event)
{
	struct batch *batch = ctx->batch;

	if (batch->event_count == batch->event_room && !event_grow(batch)) {
		app_count_add(ctx->app, APP_EVENTS_LOST, 1);
		return false;
	}
	app_count_add(ctx->app, APP_EVENTS, 1);
	batch->event[batch->event_count++] = *event;
	return true;
}

struct cc_tx *
app_next_dead(const struct batch *batch, const struct cc_tx *tx)
{
	return tx != NULL ? (struct cc_tx *)((const struct tx *)tx)->next : batch->dead_tx;
}

void
app_batch_reset(struct app *app, struct batch *batch)
{
	struct file *file = (struct file *)batch->dead_file, *next_file;
	struct tx *tx = (struct tx *)batch->dead_tx, *next_tx;

	for (; file != NULL; file = next_file) {
		next_file = file->next;
		file_batch_end(app, file);
	}
	for (; tx != NULL; tx = next_tx) {
		next_tx = tx->next;
		tx_free(app, tx);
	}
	frames_batch_end(app, batch);
	batch->dead_file = NULL;
	batch->dead_tx = NULL;
	batch->event = NULL;
	batch->event_count = batch->event_room = 0;
	batch->match = NULL;
	batch->match_count = batch->match_room = 0;
	arena_reset(&batch->arena);
}
