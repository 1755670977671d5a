/*
 * Transactions: lists of typed values in memory of their own, which goes back to the pool in one go.
 *
 * The first block of 1 KiB holds the transaction, its parser's part and most of its values, so that a DNS message
 * costs one block; further blocks double.  A flow has at most app.tx_max open: the oldest is then closed for the rooms
 * above, and kept, emptily, until its parser lets go of it.
 */
#include "app/own.h"

static size_t
round16(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

/* A block with room for size bytes more, or NULL when memory or the transaction's share of it is used up. */
static struct tx_block *
block_new(struct app *app, struct tx *tx, size_t size)
{
	size_t want = tx->block->size * 2 <= 65536 ? (size_t)tx->block->size * 2 : 65536;
	size_t need = round16(sizeof(struct tx_block)) + size;
	struct tx_block *block;

	if (want > app->conf->app_tx_memory - tx->size)
		want = need;
	if (want < need)
		want = need;
	if (size > app->conf->app_tx_memory || want > app->conf->app_tx_memory - tx->size)
		return NULL;
	block = pool_take(app->pool, want);
	if (block == NULL) {
		app_count_add(app, APP_NOMEM, 1);
		return NULL;
	}
	block->size = (uint32_t)want;
	block->used = (uint32_t)round16(sizeof(struct tx_block));
	tx->size += (uint32_t)want;
	/* The struct of the transaction lies in the last block of the list. */
	block->next = tx->block;
	tx->block = block;
	return block;
}

/* Not zeroed, 16-byte aligned. */
static void *
tx_alloc(struct app *app, struct tx *tx, size_t size)
{
	struct tx_block *block = tx->block;
	uint8_t *p;

	size = round16(size);
	if (size > block->size - block->used) {
		block = block_new(app, tx, size);
		if (block == NULL) {
			app_count_add(app, APP_VALUES_LOST, 1);
			return NULL;
		}
	}
	p = (uint8_t *)block + block->used;
	block->used += (uint32_t)size;
	return p;
}

/* Text needs no alignment: values lie close together. */
static uint8_t *
tx_alloc_bytes(struct app *app, struct tx *tx, size_t size)
{
	struct tx_block *block = tx->block;
	uint8_t *p;

	if (size > block->size - block->used)
		return tx_alloc(app, tx, size);
	p = (uint8_t *)block + block->used;
	block->used += (uint32_t)size;
	if ((block->used & 15) != 0) { /* what comes after may be a struct */
		uint32_t up = (uint32_t)round16(block->used);

		block->used = up <= block->size ? up : block->size;
	}
	return p;
}

static struct tx *
tx_make(struct cc_ctx *ctx)
{
	const struct cc_parser *parser = ctx->own->parser;
	size_t head = round16(sizeof(struct tx_block)) + round16(sizeof(struct tx)) + round16(parser->tx_size);
	size_t want = head + TX_VALUES * sizeof(struct cc_value);
	size_t size = want > TX_BLOCK ? want : TX_BLOCK;
	struct tx_block *block = pool_take(ctx->app->pool, size);
	struct tx *tx;

	if (block == NULL) {
		app_count_add(ctx->app, APP_NOMEM, 1);
		return NULL;
	}
	memset(block, 0, head);
	block->size = (uint32_t)size;
	block->used = (uint32_t)want;
	tx = (struct tx *)(void *)((uint8_t *)block + round16(sizeof(struct tx_block)));
	tx->block = block;
	tx->size = (uint32_t)size;
	tx->pub.own = parser->tx_size > 0 ? (uint8_t *)tx + round16(sizeof(struct tx)) : NULL;
	tx->pub.value = (struct cc_value *)(void *)((uint8_t *)block + head);
	tx->pub.room = TX_VALUES;
	tx->pub.parser = parser;
	return tx;
}

void
tx_free(struct app *app, struct tx *tx)
{
	struct tx_block *block = tx->block, *next;
	struct file **link = &tx->files, *file;

	while ((file = *link) != NULL) {
		if (file->pub.holds > 0) { /* a held file keeps it */
			link = &file->tx_next;
			continue;
		}
		*link = file->tx_next;
		file->pub.tx = NULL;
		file->tx_next = NULL;
	}
	tx->kept = tx->files != NULL;
	if (tx->kept)
		return;
	for (; block != NULL; block = next) {
		next = block->next;
		pool_give(app->pool, block, block->size);
	}
}

static void
list_remove(struct tx **first, struct tx **last, struct tx *tx)
{
	if (tx->prev != NULL)
		tx->prev->next = tx->next;
	else
		*first = tx->next;
	if (tx->next != NULL)
		tx->next->prev = tx->prev;
	else if (last != NULL)
		*last = tx->prev;
	tx->next = tx->prev = NULL;
}

static void
tell(struct cc_ctx *ctx, enum event_kind kind, struct tx *tx, enum cc_dir dir)
{
	struct event event = {.kind = kind, .dir = dir, .tx = &tx->pub, .parser = tx->pub.parser};

	event_push(ctx, &event);
}

/* To the batch's dead: freed when the batch is through. */
static void
bury(struct cc_ctx *ctx, struct tx *tx)
{
	tx->prev = NULL;
	tx->next = (struct tx *)ctx->batch->dead_tx;
	ctx->batch->dead_tx = &tx->pub;
}

/* The rooms above are told that it is over; the parser doesn't know. */
static void
evict(struct cc_ctx *ctx, struct tx *tx)
{
	struct app_flow *own = ctx->own;

	app_count_add(ctx->app, APP_TX_EVICTED, 1);
	list_remove(&own->first, &own->last, tx);
	own->tx_count--;
	tell(ctx, EVENT_DONE, tx, ctx->dir);
	tx->evicted = true;
	tx->next = own->evicted;
	if (tx->next != NULL)
		tx->next->prev = tx;
	own->evicted = tx;
	own->evicted_count++;
}

struct cc_tx *
cc_tx_new(struct cc_ctx *ctx)
{
	struct app_flow *own = ctx->own;
	struct tx *tx = NULL;

	if (own->tx_count >= ctx->app->conf->app_tx_max && own->evicted_count < ctx->app->conf->app_tx_max)
		evict(ctx, own->first);
	if (own->tx_count < ctx->app->conf->app_tx_max)
		tx = tx_make(ctx);
	if (tx == NULL) {
		app_count_add(ctx->app, APP_TX_REFUSED, 1);
		return NULL;
	}
	app_count_add(ctx->app, APP_TX, 1);
	tx->pub.id = own->tx_next++;
	tx->pub.time = ctx->now;
	tx->prev = own->last;
	if (own->last != NULL)
		own->last->next = tx;
	else
		own->first = tx;
	own->last = tx;
	own->tx_count++;
	return &tx->pub;
}

/* Room for one more value at the end, or NULL. */
static struct cc_value *
value_new(struct cc_ctx *ctx, struct cc_tx *pub, unsigned field)
{
	struct tx *tx = (struct tx *)pub;
	struct cc_value *grown, *value;

	if (tx->evicted)
		return NULL;
	if (pub->count == pub->room) {
		unsigned room = pub->room < UINT16_MAX / 2 ? pub->room * 2u : UINT16_MAX;

		grown = pub->room < room ? tx_alloc(ctx->app, tx, room * sizeof(*grown)) : NULL;
		if (grown == NULL)
			return NULL;
		memcpy(grown, pub->value, pub->count * sizeof(*grown));
		pub->value = grown;
		pub->room = (uint16_t)room;
	}
	value = &pub->value[pub->count++];
	*value = (struct cc_value){.field = (uint16_t)field};
	pub->present[field / 64] |= 1ull << field % 64;
	return value;
}

void
cc_put_ref(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes)
{
	struct cc_value *value = tx != NULL ? value_new(ctx, tx, field) : NULL;

	if (value == NULL)
		return;
	value->bytes = bytes.p != NULL ? bytes.p : (const uint8_t *)"";
	value->size = (uint32_t)bytes.size;
}

void
cc_put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes)
{
	uint8_t *copy;

	if (tx == NULL || ((struct tx *)tx)->evicted)
		return;
	copy = tx_alloc_bytes(ctx->app, (struct tx *)tx, bytes.size);
	if (copy == NULL)
		return;
	if (bytes.size > 0)
		memcpy(copy, bytes.p, bytes.size);
	cc_put_ref(ctx, tx, field, slice_of(copy, bytes.size));
}

void
cc_put_text(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const char *text)
{
	cc_put(ctx, tx, field, slice_str(text));
}

void
cc_put_uint(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint64_t num)
{
	struct cc_value *value = tx != NULL ? value_new(ctx, tx, field) : NULL;

	if (value != NULL)
		value->num = num;
}

void
cc_put_row(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field)
{
	if (tx != NULL)
		(void)value_new(ctx, tx, field);
}

void *
cc_tx_alloc(struct cc_ctx *ctx, struct cc_tx *tx, size_t size)
{
	return tx != NULL ? tx_alloc(ctx->app, (struct tx *)tx, size) : NULL;
}

const struct cc_value *
cc_get(const struct cc_tx *tx, unsigned field)
{
	if (tx == NULL || (tx->present[field / 64] >> field % 64 & 1) == 0)
		return NULL;
	for (unsigned i = 0; i < tx->count; i++)
		if (tx->value[i].field == field)
			return &tx->value[i];
	return NULL;
}

void
cc_tx_update(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir)
{
	const struct batch *batch = ctx->batch;
	const struct event *last = batch->event_count > 0 ? &batch->event[batch->event_count - 1] : NULL;

	if (tx == NULL || ((struct tx *)tx)->evicted)
		return;
	if (last != NULL && last->kind == EVENT_UPDATE && last->tx == tx && last->dir == dir)
		return;
	tell(ctx, EVENT_UPDATE, (struct tx *)tx, dir);
}

void
cc_tx_side_done(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir)
{
	if (tx == NULL || tx->done[dir])
		return;
	tx->done[dir] = true;
	if (!((struct tx *)tx)->evicted)
		tell(ctx, EVENT_SIDE_DONE, (struct tx *)tx, dir);
}

void
tx_done(struct cc_ctx *ctx, struct tx *tx)
{
	struct app_flow *own = ctx->own;

	if (tx->evicted) {
		list_remove(&own->evicted, NULL, tx);
		own->evicted_count--;
	} else {
		list_remove(&own->first, &own->last, tx);
		own->tx_count--;
		tell(ctx, EVENT_DONE, tx, ctx->dir);
	}
	frames_tx_over(own, &tx->pub);
	bury(ctx, tx);
}

void
cc_tx_done(struct cc_ctx *ctx, struct cc_tx *tx)
{
	if (tx != NULL)
		tx_done(ctx, (struct tx *)tx);
}

void
tx_done_all(struct cc_ctx *ctx)
{
	while (ctx->own->first != NULL)
		evict(ctx, ctx->own->first);
}

/* The parser's state is gone: nobody holds them any more. */
void
tx_free_evicted(struct cc_ctx *ctx)
{
	while (ctx->own->evicted != NULL)
		tx_done(ctx, ctx->own->evicted);
}

void
cc_anomaly(struct cc_ctx *ctx, struct cc_tx *tx, unsigned anomaly)
{
	struct event event = {.kind = EVENT_ANOMALY, .dir = ctx->dir, .tx = tx, .parser = ctx->own->parser,
	    .anomaly = (uint16_t)anomaly};

	app_count_add(ctx->app, APP_ANOMALIES, 1);
	if (tx != NULL) {
		if (tx->anomalies < UINT8_MAX)
			tx->anomalies++;
		if (((struct tx *)tx)->evicted)
			return;
	}
	event_push(ctx, &event);
}
