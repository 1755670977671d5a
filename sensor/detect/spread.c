/*
 * Work for several threads while rules are loaded, and turns among them.  The caller works, too; a thread that can't be
 * started is done without.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "detect/own.h"

struct spreading {
	void (*work)(void *ctx, unsigned thread, size_t at);
	void *ctx;
	size_t count;
	atomic_size_t next;
};

struct hand {
	struct spreading *spreading;
	unsigned number;
	pthread_t thread;
	bool running;
};

static void *
hand_run(void *ctx)
{
	const struct hand *hand = ctx;
	struct spreading *s = hand->spreading;
	size_t at;

	while ((at = atomic_fetch_add(&s->next, 1)) < s->count)
		s->work(s->ctx, hand->number, at);
	return NULL;
}

void
spread(unsigned threads, size_t count, void (*work)(void *ctx, unsigned thread, size_t at), void *ctx)
{
	struct spreading s = {.work = work, .ctx = ctx, .count = count};
	struct hand hand[SPREAD_MAX];

	if (threads > SPREAD_MAX)
		threads = SPREAD_MAX;
	for (unsigned i = 1; i < threads && i < count; i++) {
		hand[i] = (struct hand){.spreading = &s, .number = i};
		hand[i].running = pthread_create(&hand[i].thread, NULL, hand_run, &hand[i]) == 0;
	}
	hand[0] = (struct hand){.spreading = &s};
	hand_run(&hand[0]);
	for (unsigned i = 1; i < threads && i < count; i++) {
		if (hand[i].running)
			pthread_join(hand[i].thread, NULL);
	}
}

unsigned
spread_threads(const struct conf *conf)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (conf->detect_load_threads > 0)
		return (unsigned)conf->detect_load_threads;
	return processors < 1 ? 1 : processors > SPREAD_MAX ? SPREAD_MAX : (unsigned)processors;
}

/* ---- turns ---- */

struct turns {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t oldest, count; /* all below oldest are done */
	unsigned waiting;
	bool *done;
};

struct turns *
turns_new(size_t count)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (turns == NULL)
		return NULL;
	turns->count = count;
	turns->done = calloc(count + 1, sizeof(turns->done[0]));
	if (turns->done == NULL) {
		free(turns);
		return NULL;
	}
	pthread_mutex_init(&turns->lock, NULL);
	pthread_cond_init(&turns->moved, NULL);
	return turns;
}

void
turns_free(struct turns *turns)
{
	if (turns == NULL)
		return;
	pthread_mutex_destroy(&turns->lock);
	pthread_cond_destroy(&turns->moved);
	free(turns->done);
	free(turns);
}

void
turns_wait(struct turns *turns, size_t at)
{
	pthread_mutex_lock(&turns->lock);
	turns->waiting++;
	while (turns->oldest < at)
		pthread_cond_wait(&turns->moved, &turns->lock);
	turns->waiting--;
	pthread_mutex_unlock(&turns->lock);
}

void
turns_done(struct turns *turns, size_t at)
{
	pthread_mutex_lock(&turns->lock);
	turns->done[at] = true;
	while (turns->oldest < turns->count && turns->done[turns->oldest])
		turns->oldest++;
	if (turns->waiting > 0)
		pthread_cond_broadcast(&turns->moved);
	pthread_mutex_unlock(&turns->lock);
}
