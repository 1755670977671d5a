/*
 * Messages on their way to the spool: collected in batches, numbered by lane, signed, spooled in the order in which
 * they came.
 *
 * Signing takes longer than all the rest, and within a lane every message needs the one before; so each thread signs
 * the lanes that fall to it.  While one batch is signed the courier fills the next.  A batch is numbered when the one
 * before is spooled, so that what the spool refuses leaves no hole: the rest of its lane in that batch is numbered and
 * signed anew. The bytes do not depend on the number of threads.
 */
#include "exchange/signing_own.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 256
#define HARDLY_ANY 2 /* not worth waking anybody */
#define THREADS_MAX 16

struct slot {
	struct cc_message msg; /* slices into bytes, jws */
	struct buf bytes, jws;
	char sequence[24];
	unsigned at;         /* index of ce_sequence */
	int before;          /* the slot before it in its lane, or -1: prev is what the spool knows */
	bool first;          /* of its lane: no prev */
	uint8_t prev[32], digest[32];
	enum cc_status status;
};

struct sign_batch {
	struct slot slot[BATCH];
	int count;
};

struct signer_thread {
	struct signing *signing;
	unsigned index;
	pthread_t id;
};

struct signing {
	struct spool *spool;
	const struct key *key;
	signing_spool_fn *fn;
	void *ctx;
	struct sign_batch batch[2], *filling, *working; /* working: being signed; NULL: none */
	bool spooling;    /* fn is at work: it may come back here */
	uint64_t errors, too_large;
	unsigned threads;
	struct signer_thread thread[THREADS_MAX];
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t begin, done;
	uint64_t round;
	unsigned busy;
	bool ending;
};

/* ---- signing ---- */

static void
sign_slot(const struct signing *signing, struct sign_batch *batch, struct slot *slot)
{
	const uint8_t *prev = slot->before >= 0 ? batch->slot[slot->before].digest : slot->prev;

	buf_clear(&slot->jws);
	slot->status = slot->before >= 0 && batch->slot[slot->before].status != CC_OK ?
	    CC_MORE : jws_sign(signing->key, &slot->msg, slot->first ? NULL : prev, &slot->jws);
	if (slot->status != CC_OK)
		return;
	slot->msg.header[slot->msg.header_count++] = (struct cc_header){"jws", buf_slice(&slot->jws)};
	jws_digest(&slot->msg, slot->digest);
}

static void
sign_share(const struct signing *signing, struct sign_batch *batch, unsigned share, unsigned of)
{
	for (int i = 0; i < batch->count; i++) {
		if (batch->slot[i].msg.lane % of == share)
			sign_slot(signing, batch, &batch->slot[i]);
	}
}

static void *
thread_main(void *arg)
{
	struct signer_thread *self = arg;
	struct signing *signing = self->signing;
	uint64_t seen = 0;

	pthread_mutex_lock(&signing->mutex);
	for (;;) {
		while (signing->round == seen && !signing->ending)
			pthread_cond_wait(&signing->begin, &signing->mutex);
		if (signing->ending)
			break;
		seen = signing->round;
		pthread_mutex_unlock(&signing->mutex);
		sign_share(signing, signing->working, self->index, signing->threads);
		pthread_mutex_lock(&signing->mutex);
		if (--signing->busy == 0)
			pthread_cond_signal(&signing->done);
	}
	pthread_mutex_unlock(&signing->mutex);
	return NULL;
}

/* ---- numbering ---- */

static bool
same_lane(const struct slot *a, const struct slot *b)
{
	return a->msg.lane == b->msg.lane && slice_eq(a->msg.topic, b->msg.topic);
}

static void
number(struct slot *slot, uint64_t n)
{
	int size = snprintf(slot->sequence, sizeof(slot->sequence), "%" PRIu64, n);

	slot->msg.header[slot->at].value = slice_of(slot->sequence, (size_t)size);
}

/* From the spool's last number on, one after the other. */
static void
number_from_spool(const struct signing *signing, struct slot *slot)
{
	uint64_t last = spool_sequence(signing->spool, slot->msg.topic, slot->msg.lane, slot->prev);

	slot->before = -1;
	slot->first = last == 0;
	number(slot, last + 1);
}

static void
number_batch(const struct signing *signing, struct sign_batch *batch)
{
	for (int i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];
		int before = i - 1;

		while (before >= 0 && !same_lane(slot, &batch->slot[before]))
			before--;
		if (before < 0) {
			number_from_spool(signing, slot);
			continue;
		}
		slot->before = before;
		slot->first = false;
		number(slot, strtoull(batch->slot[before].sequence, NULL, 10) + 1);
	}
}

/* ---- spooling ---- */

/* After a message that did not get into the spool: those of its lane behind it follow another one now. */
static void
sign_anew(struct sign_batch *batch, int from)
{
	for (int i = from + 1; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];

		if (!same_lane(slot, &batch->slot[from]))
			continue;
		if (slot->status == CC_OK)
			slot->msg.header_count--; /* its jws */
		slot->status = CC_MORE;
	}
}

static enum cc_status
retire(struct signing *signing)
{
	struct sign_batch *batch = signing->working;
	enum cc_status result = CC_OK;

	if (batch == NULL)
		return CC_OK;
	pthread_mutex_lock(&signing->mutex);
	while (signing->busy > 0)
		pthread_cond_wait(&signing->done, &signing->mutex);
	pthread_mutex_unlock(&signing->mutex);
	signing->spooling = true;
	for (int i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];
		enum cc_status st;

		if (slot->status == CC_MORE) {
			number_from_spool(signing, slot);
			sign_slot(signing, batch, slot);
		}
		if (slot->status == CC_FULL)
			signing->too_large++;
		else if (slot->status != CC_OK)
			signing->errors++;
		st = slot->status == CC_OK     ? signing->fn(signing->ctx, &slot->msg, slot->digest)
		     : slot->status == CC_FULL ? CC_OK
					       : CC_IO;
		if (st != CC_OK)
			result = st;
		if (st != CC_OK || slot->status != CC_OK)
			sign_anew(batch, i);
	}
	signing->spooling = false;
	batch->count = 0;
	signing->working = NULL;
	return result;
}

/* What was collected goes to the threads, when what was there before is spooled. */
static enum cc_status
dispatch(struct signing *signing)
{
	enum cc_status st = retire(signing);
	struct sign_batch *batch = signing->filling;

	if (batch->count == 0)
		return st;
	number_batch(signing, batch);
	signing->working = batch;
	signing->filling = batch == &signing->batch[0] ? &signing->batch[1] : &signing->batch[0];
	if (signing->threads == 0 || batch->count <= HARDLY_ANY) {
		sign_share(signing, batch, 0, 1);
		return st;
	}
	pthread_mutex_lock(&signing->mutex);
	signing->round++;
	signing->busy = signing->threads;
	pthread_cond_broadcast(&signing->begin);
	pthread_mutex_unlock(&signing->mutex);
	return st;
}

enum cc_status
signing_flush(struct signing *signing)
{
	enum cc_status one, two;

	if (signing->spooling)
		return CC_OK;
	one = dispatch(signing);
	two = retire(signing);
	return two != CC_OK ? two : one;
}

/* ---- collecting ---- */

static struct slice
keep(struct buf *bytes, struct slice from)
{
	size_t start = bytes->size;

	buf_add_slice(bytes, from);
	return slice_of(bytes->p + start, bytes->size - start);
}

static bool
copy_message(struct slot *slot, const struct cc_message *msg, unsigned at)
{
	size_t size = msg->topic.size + msg->key.size + msg->value.size;

	for (unsigned i = 0; i < msg->header_count; i++)
		size += msg->header[i].value.size;
	buf_clear(&slot->bytes);
	if (msg->header_count + 2 > CC_HEADERS_MAX || !buf_reserve(&slot->bytes, size + 1))
		return false;
	slot->msg = (struct cc_message){.class = msg->class, .lane = msg->lane};
	slot->msg.topic = keep(&slot->bytes, msg->topic);
	slot->msg.key = keep(&slot->bytes, msg->key);
	slot->msg.value = keep(&slot->bytes, msg->value);
	slot->at = at;
	for (unsigned i = 0; i <= msg->header_count; i++) {
		if (i == at)
			slot->msg.header[slot->msg.header_count++].name = "ce_sequence";
		if (i < msg->header_count)
			slot->msg.header[slot->msg.header_count++] =
			    (struct cc_header){msg->header[i].name, keep(&slot->bytes, msg->header[i].value)};
	}
	return true;
}

enum cc_status
signing_add(struct signing *signing, const struct cc_message *msg, unsigned at)
{
	if (!copy_message(&signing->filling->slot[signing->filling->count], msg, at))
		return CC_NOMEM;
	signing->filling->count++;
	return signing->filling->count == BATCH ? dispatch(signing) : CC_OK;
}

uint64_t
signing_errors(const struct signing *signing)
{
	return signing->errors;
}

uint64_t
signing_too_large(const struct signing *signing)
{
	return signing->too_large;
}

/* ---- coming and going ---- */

enum cc_status
signing_new(const struct conf *conf, struct spool *spool, const struct key *key, signing_spool_fn *fn, void *ctx,
    struct signing **ret_signing)
{
	struct signing *signing = calloc(1, sizeof(*signing));

	if (signing == NULL)
		return CC_NOMEM;
	signing->spool = spool;
	signing->key = key;
	signing->fn = fn;
	signing->ctx = ctx;
	signing->filling = &signing->batch[0];
	for (unsigned b = 0; b < 2; b++) {
		for (unsigned i = 0; i < BATCH; i++) {
			buf_open(&signing->batch[b].slot[i].bytes, 64u << 20);
			buf_open(&signing->batch[b].slot[i].jws, 64u << 20); /* what is signed is put together there */
		}
	}
	pthread_mutex_init(&signing->mutex, NULL);
	pthread_cond_init(&signing->begin, NULL);
	pthread_cond_init(&signing->done, NULL);
	while (signing->threads < conf->exchange_sign_threads && signing->threads < THREADS_MAX) {
		struct signer_thread *thread = &signing->thread[signing->threads];

		*thread = (struct signer_thread){.signing = signing, .index = signing->threads};
		if (pthread_create(&thread->id, NULL, thread_main, thread) != 0)
			break; /* those that there are do it, or the courier */
		signing->threads++;
	}
	*ret_signing = signing;
	return CC_OK;
}

void
signing_free(struct signing *signing)
{
	if (signing == NULL)
		return;
	pthread_mutex_lock(&signing->mutex);
	while (signing->busy > 0)
		pthread_cond_wait(&signing->done, &signing->mutex);
	signing->ending = true;
	pthread_cond_broadcast(&signing->begin);
	pthread_mutex_unlock(&signing->mutex);
	for (unsigned i = 0; i < signing->threads; i++)
		pthread_join(signing->thread[i].id, NULL);
	for (unsigned b = 0; b < 2; b++) {
		for (unsigned i = 0; i < BATCH; i++) {
			buf_close(&signing->batch[b].slot[i].bytes);
			buf_close(&signing->batch[b].slot[i].jws);
		}
	}
	pthread_cond_destroy(&signing->begin);
	pthread_cond_destroy(&signing->done);
	pthread_mutex_destroy(&signing->mutex);
	free(signing);
}
