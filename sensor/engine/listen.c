/*
 * The courier's second thread: partners' messages in, the watch list to inspect and messages of ours out; beside that
 * the disk of what the sensor remembers.  The courier's loop gives it notes and takes what waits in a bounded queue;
 * neither waits for the other's disk or broker.  It gives way to the workers (nice 10).
 */
#include "engine/listen.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/seen.h"
#include "engine/serve.h"

#define QUEUE_MAX 1024
#define WAIT_MS 100                /* for a message; also the longest until it is asked to end */
#define CATCH_UP_NS (60 * NS_PER_S)
#define LISTEN_NICE 10

struct waiting {
	struct exchange_message what;
	uint8_t *bytes; /* of key and value */
};

struct listen {
	const struct conf *conf;
	struct shared *shared;
	bool live, running, trouble;
	uint32_t stop;
	pthread_t thread;
	struct store *store;       /* NULL: nothing is remembered */
	struct partners *partners; /* NULL: nobody is heard */
	struct serve *serve;       /* NULL: nobody is answered */
	pthread_mutex_t lock;      /* of the queue */
	struct waiting queue[QUEUE_MAX];
	unsigned first, count;
};

/* ---- the way out ---- */

static enum cc_status
enqueue(void *ctx, const struct exchange_message *what)
{
	struct listen *l = ctx;
	uint8_t *bytes = malloc(what->key.size + what->value.size + 1);
	enum cc_status st = CC_FULL;

	if (bytes == NULL)
		return CC_NOMEM;
	pthread_mutex_lock(&l->lock);
	if (l->count < QUEUE_MAX) {
		struct waiting *w = &l->queue[(l->first + l->count++) % QUEUE_MAX];

		memcpy(bytes, what->key.p, what->key.size);
		memcpy(bytes + what->key.size, what->value.p, what->value.size);
		w->what = *what;
		w->what.key = slice_of(bytes, what->key.size);
		w->what.value = slice_of(bytes + what->key.size, what->value.size);
		w->bytes = bytes;
		bytes = NULL;
		st = CC_OK;
	}
	pthread_mutex_unlock(&l->lock);
	free(bytes);
	return st;
}

static bool
dequeue(struct listen *l, struct waiting *ret_waiting)
{
	bool some;

	pthread_mutex_lock(&l->lock);
	some = l->count > 0;
	if (some) {
		*ret_waiting = l->queue[l->first];
		l->first = (l->first + 1) % QUEUE_MAX;
		l->count--;
	}
	pthread_mutex_unlock(&l->lock);
	return some;
}

void
listen_pump(struct listen *l, struct exchange *exchange)
{
	struct waiting w;

	/* A look without the lock: what came meanwhile is seen the next time. */
	if (__atomic_load_n(&l->count, __ATOMIC_RELAXED) == 0)
		return;
	while (dequeue(l, &w)) {
		(void)exchange_send(exchange, &w.what); /* its trouble is the spool's, which says so */
		free(w.bytes);
	}
}

static void
publish(void *ctx, struct slice list)
{
	struct listen *l = ctx;

	shared_list_put(l->shared, list);
}

/* ---- the thread ---- */

static void
tick_store(struct listen *l)
{
	bool trouble = l->store != NULL && store_tick(l->store, time_now()) != CC_OK;

	if (trouble && !l->trouble)
		log_error("%s: what is seen is not remembered until this is mended", store_error(l->store));
	l->trouble = trouble;
}

static void *
run(void *ctx)
{
	static const struct timespec idle = {0, WAIT_MS * 1000000};
	struct listen *l = ctx;

	setpriority(PRIO_PROCESS, (id_t)gettid(), LISTEN_NICE);
	while (__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE) == 0) {
		tick_store(l);
		if (l->partners == NULL || partners_step(l->partners, WAIT_MS) == CC_END)
			nanosleep(&(struct timespec){0, l->partners != NULL ? 20000000 : idle.tv_nsec}, NULL);
	}
	return NULL;
}

/* On the thread: what concerns the desk wakes it; it reads for itself, from the topics' start. */
static void
heard(void *ctx, const struct cc_message *msg, const struct verified *verified)
{
	struct listen *l = ctx;

	(void)msg;
	if (!verified->key->organisation->own)
		serve_wake(l->serve);
}

/* ---- what the courier's loop says ---- */

void
listen_record(struct listen *l, const struct cc_record *rec)
{
	if (l->store != NULL)
		store_note(l->store, &(struct store_note){.kind = rec->kind,
					 .value = rec->value,
					 .first = rec->first,
					 .last = rec->last,
					 .count = rec->count,
					 .proof = rec->proof});
	if (l->partners != NULL && rec->answer_to.size > 0)
		partners_hit(l->partners, rec->answer_to, rec->last);
}

enum cc_status
listen_seen(struct listen *l, struct slice body)
{
	struct cur c = cur_slice(body);
	struct seen_item item;
	char text[CC_ADDR_TEXT];
	enum cc_status st;

	while ((st = seen_next(&c, &item)) == CC_OK) {
		if (l->store != NULL)
			store_note(l->store, &(struct store_note){.kind = CC_KIND_ADDR,
						 .flow = true,
						 .value = slice_str(cc_addr_text(&item.addr, text)),
						 .first = item.first,
						 .last = item.last,
						 .count = item.count,
						 .proof = (enum cc_proof)item.proof});
	}
	return st == CC_END ? CC_OK : CC_BAD;
}

void
listen_coverage(struct listen *l, uint64_t from, uint64_t until, uint64_t packets, uint64_t lost)
{
	if (l->store != NULL)
		store_coverage(l->store, from, until, packets, lost);
}

void
listen_reload(struct listen *l)
{
	if (l->partners != NULL)
		partners_reload(l->partners);
	serve_reload(l->serve);
}

void
listen_counts(const struct listen *l, uint64_t *counts)
{
	if (l->partners != NULL)
		partners_counts(l->partners, counts);
	serve_counts(l->serve, counts);
	if (l->store != NULL)
		counts[EXCHANGE_STORE_LOST] += store_lost(l->store);
}

/* ---- life ---- */

static void
catch_up(struct listen *l)
{
	uint64_t until = time_monotonic() + CATCH_UP_NS;

	while (partners_step(l->partners, -1) != CC_END && time_monotonic() < until)
		;
}

enum cc_status
listen_open(const struct conf *conf, const char *outdir, struct shared *shared, bool live, struct listen **ret_listen,
    char **ret_why)
{
	struct listen *l = calloc(1, sizeof(*l));
	struct partners_setup setup = {
	    .conf = conf, .outdir = outdir, .live = live, .publish = publish, .send = enqueue, .ctx = l};
	enum cc_status st;

	*ret_why = NULL;
	if (l == NULL)
		return CC_NOMEM;
	l->conf = conf;
	l->shared = shared;
	l->live = live;
	pthread_mutex_init(&l->lock, NULL);
	st = store_open(conf, outdir, true, &l->store, ret_why);
	if (st == CC_OK || st == CC_ABSENT) {
		setup.store = l->store;
		st = partners_open(&setup, &l->partners, ret_why);
	}
	if (st == CC_OK && !live)
		catch_up(l);
	if (live && (st == CC_OK || st == CC_ABSENT))
		st = serve_open(conf, outdir, &l->serve, ret_why);
	if (l->serve != NULL && l->partners != NULL)
		partners_handle(l->partners, heard, l);
	if (st == CC_OK || st == CC_ABSENT) {
		l->running = (l->store != NULL || l->partners != NULL) && pthread_create(&l->thread, NULL, run, l) == 0;
		*ret_listen = l;
		return CC_OK;
	}
	listen_close(l);
	return st;
}

static void
stop(struct listen *l)
{
	__atomic_store_n(&l->stop, 1, __ATOMIC_RELEASE);
	if (l->running)
		pthread_join(l->thread, NULL);
	l->running = false;
}

void
listen_end(struct listen *l, uint64_t first, uint64_t last, uint64_t packets, uint64_t lost)
{
	stop(l);
	serve_close(l->serve);
	l->serve = NULL;
	if (l->partners != NULL && !l->live)
		partners_capture(l->partners, first, last, packets, lost);
}

void
listen_close(struct listen *l)
{
	struct waiting w;

	if (l == NULL)
		return;
	stop(l);
	serve_close(l->serve);
	partners_close(l->partners);
	store_end(l->store);
	while (dequeue(l, &w))
		free(w.bytes);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
