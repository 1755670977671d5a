/*
 * One capture to N workers: the reader copies frames into each worker's part of the round and hands all parts over when
 * one of them is full.  Threads: the reader's, and one for each worker; between them two queues of parts and two
 * semaphores.
 */
#include "engine/dispatch.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define PART_FRAMES 2048
#define PART_BYTES (1u << 20)
#define PARTS 3        /* in flight for each worker */
#define GO_EVERY 4096  /* frames between two questions whether to go on */
#define PROMISE_EVERY 64

/* One worker's share of a round.  An item without bytes is a tick. */
struct part {
	struct frame item[PART_FRAMES];
	bool note[PART_FRAMES]; /* another worker's frame, with a fragment */
	unsigned count;
	size_t used;
	uint64_t end;  /* key that the round comes to */
	uint64_t time; /* of the newest frame so far, whoever had it */
	bool last;
	uint8_t *bytes;
	size_t room;
};

struct lane {
	struct worker *worker;
	struct part *part; /* being filled */
	struct part *parts[PARTS];
	struct fifo *full, *empty;
	sem_t full_count, empty_count;
	pthread_t thread;
	bool running;
};

struct dispatch {
	struct lane *lane;
	unsigned lanes;
	struct decode *decode; /* for decode_spread() */
	struct ticker ticker;
	uint64_t seq, time;
	bool no_memory;
};

/* ---- one worker ---- */

struct single {
	struct worker *worker;
	struct ticker ticker;
	uint64_t seq, time;
};

static void
single_frame(void *ctx, const struct frame *frame)
{
	struct single *s = ctx;

	if (ticker_due(&s->ticker, frame->time))
		worker_tick(s->worker, key_tick(frame->seq), frame->time);
	worker_frame(s->worker, frame);
	s->seq = frame->seq;
	s->time = frame->time;
}

enum cc_status
dispatch_one(struct capture *capture, struct worker *w, dispatch_go_fn *go, void *ctx)
{
	struct single s = {.worker = w};
	enum cc_status st;
	unsigned rounds = 0;

	while ((st = capture_dispatch(capture, PROMISE_EVERY, single_frame, &s)) == CC_OK || st == CC_MORE) {
		worker_promise(w, key_tick(s.seq + 1));
		if ((++rounds % (GO_EVERY / PROMISE_EVERY) == 0 || st == CC_MORE) && !go(ctx, capture))
			break;
	}
	worker_end(w, s.time);
	return st == CC_END ? CC_OK : st;
}

/* ---- many ---- */

static void *
lane_run(void *ctx)
{
	struct lane *lane = ctx;
	bool last = false;
	uint64_t time = 0;

	while (!last) {
		struct part *part;

		while (sem_wait(&lane->full_count) != 0)
			;
		part = fifo_pull(lane->full);
		for (unsigned i = 0; i < part->count; i++) {
			const struct frame *item = &part->item[i];

			if (item->p == NULL)
				worker_tick(lane->worker, key_tick(item->seq), item->time);
			else if (part->note[i])
				worker_note(lane->worker, item);
			else
				worker_frame(lane->worker, item);
			if (i % PROMISE_EVERY == PROMISE_EVERY - 1 && i + 1 < part->count)
				worker_promise(lane->worker, key_tick(part->item[i + 1].seq));
		}
		worker_promise(lane->worker, part->end);
		last = part->last;
		time = part->time;
		fifo_push(lane->empty, part);
		sem_post(&lane->empty_count);
	}
	worker_end(lane->worker, time);
	return NULL;
}

static struct part *
part_next(struct lane *lane)
{
	struct part *part;

	while (sem_wait(&lane->empty_count) != 0)
		;
	part = fifo_pull(lane->empty);
	part->count = 0;
	part->used = 0;
	part->last = false;
	return part;
}

static void
round_end(struct dispatch *d, bool last)
{
	for (unsigned i = 0; i < d->lanes; i++) {
		struct lane *lane = &d->lane[i];

		lane->part->end = key_tick(d->seq + 1);
		lane->part->last = last;
		lane->part->time = d->time;
		fifo_push(lane->full, lane->part);
		sem_post(&lane->full_count);
		lane->part = last ? NULL : part_next(lane);
	}
}

static bool
part_takes(const struct part *part, size_t size)
{
	return part->count < PART_FRAMES - 1 && (part->used + size <= part->room || part->used == 0);
}

/* A single frame may be larger than a part: then the part grows, once. */
static bool
part_grow(struct part *part, size_t size)
{
	uint8_t *bytes;

	if (size <= part->room)
		return true;
	bytes = realloc(part->bytes, size);
	if (bytes == NULL)
		return false;
	part->bytes = bytes;
	part->room = size;
	return true;
}

static void
tick_all(struct dispatch *d, const struct frame *frame)
{
	bool full = false;

	for (unsigned i = 0; i < d->lanes; i++)
		full = full || d->lane[i].part->count >= PART_FRAMES - 1;
	if (full)
		round_end(d, false);
	for (unsigned i = 0; i < d->lanes; i++) {
		struct part *part = d->lane[i].part;

		part->item[part->count++] = (struct frame){.p = NULL, .time = frame->time, .seq = frame->seq};
	}
}

static void
lane_frame(struct dispatch *d, struct lane *lane, const struct frame *frame, bool note)
{
	struct part *part;
	struct frame *item;

	if (!part_takes(lane->part, frame->size))
		round_end(d, false);
	part = lane->part;
	if (!part_grow(part, part->used + frame->size)) {
		d->no_memory = true;
		return;
	}
	part->note[part->count] = note;
	item = &part->item[part->count++];
	*item = *frame;
	item->p = part->bytes + part->used;
	if (frame->size > 0)
		memcpy(part->bytes + part->used, frame->p, frame->size);
	part->used += frame->size;
}

static void
many_frame(void *ctx, const struct frame *frame)
{
	struct dispatch *d = ctx;
	unsigned mine;
	bool fragment;

	if (ticker_due(&d->ticker, frame->time)) {
		tick_all(d, frame);
		decode_tick(d->decode, frame->time);
	}
	mine = decode_spread(d->decode, frame, &fragment) % d->lanes;
	for (unsigned i = 0; fragment && i < d->lanes; i++) {
		if (i != mine)
			lane_frame(d, &d->lane[i], frame, true);
	}
	lane_frame(d, &d->lane[mine], frame, false);
	d->seq = frame->seq;
	d->time = frame->time;
}

static void
lane_close(struct lane *lane)
{
	if (lane->running)
		pthread_join(lane->thread, NULL);
	for (unsigned i = 0; i < PARTS; i++) {
		if (lane->parts[i] != NULL)
			free(lane->parts[i]->bytes);
		free(lane->parts[i]);
	}
	fifo_free(lane->full);
	fifo_free(lane->empty);
	sem_destroy(&lane->full_count);
	sem_destroy(&lane->empty_count);
}

static enum cc_status
lane_open(struct lane *lane, struct worker *w)
{
	lane->worker = w;
	sem_init(&lane->full_count, 0, 0);
	sem_init(&lane->empty_count, 0, 0);
	lane->full = fifo_new(4);
	lane->empty = fifo_new(4);
	if (lane->full == NULL || lane->empty == NULL)
		return CC_NOMEM;
	for (unsigned i = 0; i < PARTS; i++) {
		struct part *part = lane->parts[i] = calloc(1, sizeof(*part));

		if (part == NULL || (part->bytes = malloc(PART_BYTES)) == NULL)
			return CC_NOMEM;
		part->room = PART_BYTES;
		fifo_push(lane->empty, part);
		sem_post(&lane->empty_count);
	}
	lane->part = part_next(lane);
	if (pthread_create(&lane->thread, NULL, lane_run, lane) != 0)
		return CC_NOMEM;
	lane->running = true;
	return CC_OK;
}

enum cc_status
dispatch_many(const struct conf *conf, struct capture *capture, struct worker **workers, unsigned count,
    dispatch_go_fn *go, void *ctx)
{
	struct dispatch d = {.lane = calloc(count, sizeof(struct lane)), .decode = decode_new(conf)};
	enum cc_status st = d.lane != NULL && d.decode != NULL ? CC_OK : CC_NOMEM;
	unsigned opened = 0;

	while (st == CC_OK && opened < count)
		st = lane_open(&d.lane[opened], workers[opened]), opened++;
	d.lanes = opened;
	while (st == CC_OK || st == CC_MORE) {
		st = capture_dispatch(capture, GO_EVERY, many_frame, &d);
		if (d.no_memory)
			st = CC_NOMEM;
		if ((st == CC_OK || st == CC_MORE) && !go(ctx, capture))
			break;
	}
	/* Those that run are told to end, whatever went wrong. */
	while (d.lanes > 0 && !d.lane[d.lanes - 1].running)
		d.lanes--;
	if (d.lanes > 0)
		round_end(&d, true);
	for (unsigned i = 0; i < opened; i++)
		lane_close(&d.lane[i]);
	free(d.lane);
	decode_free(d.decode);
	return st == CC_END || st == CC_MORE ? CC_OK : st;
}
