/*
 * The partners' watch list, from the shared memory into the workers: copied, held against its form, built beside the
 * one in use, offered; each worker takes it up at its next tick, between two packets, and when all have, the old one
 * goes.  The workers never wait, and nothing is shared with them but a pointer to what does not change any more.
 */
#include "engine/hearsay.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 50
#define HEARSAY_NICE 5

struct hearsay {
	const struct conf *conf;
	struct shared *shared;
	uint64_t version;
	struct buf bytes;
	struct watch *watch, *retired; /* retired: not known to be free */
	struct worker *const *worker;
	unsigned workers;
	pthread_t thread;
	bool running, told;
	uint32_t stop;
};

struct hearsay *
hearsay_new(const struct conf *conf, struct shared *shared)
{
	struct hearsay *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->conf = conf;
	h->shared = shared;
	buf_open(&h->bytes, conf->partners_list + 1);
	return h;
}

/* NULL: no memory.  What is malformed ends the list: the courier alone could have written it. */
static struct watch *
build(struct hearsay *h)
{
	struct watch *watch = watch_new(h->conf->partners_max);
	struct cur c = cur_slice(buf_slice(&h->bytes));
	struct partners_item item;
	enum cc_status st = CC_OK, one = CC_OK;

	while (watch != NULL && one != CC_NOMEM && one != CC_FULL && (st = partners_list_next(&c, &item)) == CC_OK)
		one = watch_add(watch, &(struct watch_entry){.kind = (enum cc_kind)item.kind,
					   .value = item.value,
					   .source = item.source,
					   .answer_to = item.answer_to});
	if ((st == CC_BAD || one == CC_NOMEM) && !h->told) {
		log_error("the watch list from partners is %s: it is used as far as it goes",
		    st == CC_BAD ? "malformed" : "too large for the memory");
		h->told = true;
	}
	return watch;
}

const struct watch *
hearsay_first(struct hearsay *h)
{
	if (h->watch == NULL && shared_list_take(h->shared, &h->version, &h->bytes))
		h->watch = build(h);
	return h->watch;
}

static void
nap(void)
{
	nanosleep(&(struct timespec){0, LOOK_MS * 1000000}, NULL);
}

/* False: we are to end before all had it. */
static bool
all_took(struct hearsay *h, const struct watch *watch)
{
	for (unsigned i = 0; i < h->workers; i++) {
		while (worker_watch(h->worker[i]) != watch) {
			if (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) != 0)
				return false;
			nap();
		}
	}
	return true;
}

static void
look(struct hearsay *h)
{
	struct watch *old = h->watch, *fresh;

	if (!shared_list_take(h->shared, &h->version, &h->bytes) || (fresh = build(h)) == NULL)
		return;
	for (unsigned i = 0; i < h->workers; i++)
		worker_offer_watch(h->worker[i], fresh);
	h->watch = fresh;
	if (all_took(h, fresh))
		watch_free(old);
	else
		h->retired = old;
}

static void *
run(void *ctx)
{
	struct hearsay *h = ctx;

	setpriority(PRIO_PROCESS, (id_t)gettid(), HEARSAY_NICE);
	while (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE) == 0) {
		look(h);
		nap();
	}
	return NULL;
}

enum cc_status
hearsay_start(struct hearsay *h, struct worker *const *worker, unsigned workers)
{
	h->worker = worker;
	h->workers = workers;
	h->running = pthread_create(&h->thread, NULL, run, h) == 0;
	return h->running ? CC_OK : CC_NOMEM;
}

void
hearsay_stop(struct hearsay *h)
{
	if (h == NULL)
		return;
	__atomic_store_n(&h->stop, 1, __ATOMIC_RELEASE);
	if (h->running)
		pthread_join(h->thread, NULL);
	h->running = false;
}

void
hearsay_free(struct hearsay *h)
{
	if (h == NULL)
		return;
	watch_free(h->watch);
	watch_free(h->retired);
	buf_close(&h->bytes);
	free(h);
}
