/*
 * Messages on their way to the spool: collected in batches, numbered by lane, signed, spooled in the order in which
 * they came.
 *
 * Signing takes longer than all the rest, and within a lane every message needs the one before; so each thread signs
 * the lanes that fall to it.  Batches go round: while the threads sign some, the courier spools those that are signed
 * and fills the next, so that whoever signs has work as long as there is any.  The bytes do not depend on the number
 * of threads.
 *
 * A batch is numbered when it is given to the threads, behind what is on its way already.  What the spool refuses
 * leaves no hole: the rest of its lane, in all that is on its way, is numbered and signed anew by the courier, and the
 * next batch is given only when the spool's own word on the lanes counts again.
 */
#include "exchange/signing_own.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 64
#define BATCHES 16   /* one being filled, the others signed or about to be */
#define AHEAD 2      /* batches that wait for the threads or are theirs: more only when they are full */
#define HARDLY_ANY 2 /* not worth waking anybody */
#define THREADS_MAX 16
#define LANES_MAX 65536
#define TOPIC_MAX 256

/* Where a lane stands, with what is on its way. */
struct sign_lane {
	uint64_t sequence; /* the last number given; the courier's */
	bool late;         /* the courier's: the spool refused one, those behind it are to be done anew */
	bool broken;       /* the signing thread's: one could not be signed */
	uint8_t digest[32]; /* the signing thread's: of the last one signed */
};

struct slot {
	struct cc_message msg; /* slices into bytes, jws */
	struct buf bytes, jws;
	char sequence[24];
	unsigned at;         /* index of ce_sequence */
	struct sign_lane *lane; /* NULL: there is no memory for it */
	bool first;          /* of its lane: no prev */
	struct jws_front front; /* what can be written of its jws without prev */
	uint8_t digest[32];
	enum cc_status status; /* CC_MORE: to be done by the courier, what is before it is not signed */
};

struct sign_batch {
	struct slot slot[BATCH];
	unsigned count;
	unsigned busy; /* threads that have not done their share */
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
	struct sign_batch batch[BATCHES];
	uint64_t filling, oldest; /* counted from the start, their place is the remainder; between them: on their way */
	struct map *lanes;
	bool stale;       /* the spool refused one: lanes are to be asked for anew, once nothing is on its way */
	bool spooling;    /* fn is at work: it may come back here */
	uint64_t errors, too_large, added, retired;
	unsigned threads;
	struct signer_thread thread[THREADS_MAX];
	pthread_mutex_t mutex; /* for what follows, and each batch's busy */
	pthread_cond_t begin, done;
	struct sign_batch *work[BATCHES]; /* those that the threads sign, their place by the remainder */
	uint64_t given;
	bool ending;
};

/* ---- signing ---- */

static enum cc_status
sign_message(const struct signing *signing, struct slot *slot, const uint8_t *prev)
{
	enum cc_status st =
	    jws_finish(signing->key, &slot->front, slot->msg.value, slot->first ? NULL : prev, &slot->jws);

	if (st != CC_OK)
		return st;
	slot->msg.header[slot->msg.header_count++] = (struct cc_header){"jws", buf_slice(&slot->jws)};
	jws_digest(&slot->msg, slot->digest);
	return CC_OK;
}

static void
sign_share(const struct signing *signing, struct sign_batch *batch, unsigned share, unsigned of)
{
	for (unsigned i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];
		struct sign_lane *lane = slot->lane;

		if (slot->msg.lane % of != share || lane == NULL)
			continue;
		if (slot->status == CC_OK)
			slot->status = lane->broken ? CC_MORE : sign_message(signing, slot, lane->digest);
		lane->broken = slot->status != CC_OK;
		memcpy(lane->digest, slot->digest, sizeof(lane->digest));
	}
}

static void *
thread_main(void *arg)
{
	struct signer_thread *self = arg;
	struct signing *signing = self->signing;
	uint64_t next = 0;

	(void)pthread_setname_np(pthread_self(), "signer");
	pthread_mutex_lock(&signing->mutex);
	for (;;) {
		struct sign_batch *batch;

		while (signing->given == next && !signing->ending)
			pthread_cond_wait(&signing->begin, &signing->mutex);
		if (signing->given == next)
			break;
		batch = signing->work[next++ % BATCHES];
		pthread_mutex_unlock(&signing->mutex);
		sign_share(signing, batch, self->index, signing->threads);
		pthread_mutex_lock(&signing->mutex);
		if (--batch->busy == 0)
			pthread_cond_signal(&signing->done);
	}
	pthread_mutex_unlock(&signing->mutex);
	return NULL;
}

static struct sign_batch *
batch_at(struct signing *signing, uint64_t n)
{
	return &signing->batch[n % BATCHES];
}

static bool
is_signed(struct signing *signing, uint64_t n)
{
	bool done;

	pthread_mutex_lock(&signing->mutex);
	done = batch_at(signing, n)->busy == 0;
	pthread_mutex_unlock(&signing->mutex);
	return done;
}

static void
wait_signed(struct signing *signing, uint64_t n)
{
	pthread_mutex_lock(&signing->mutex);
	while (batch_at(signing, n)->busy > 0)
		pthread_cond_wait(&signing->done, &signing->mutex);
	pthread_mutex_unlock(&signing->mutex);
}

/* ---- numbering ---- */

/* And all that can be done without the message before it, so that the threads have less to do. */
static enum cc_status
number(const struct signing *signing, struct slot *slot, uint64_t n)
{
	int size = snprintf(slot->sequence, sizeof(slot->sequence), "%" PRIu64, n);

	slot->first = n == 1;
	slot->msg.header[slot->at].value = slice_of(slot->sequence, (size_t)size);
	buf_clear(&slot->jws);
	return jws_prepare(signing->key, &slot->msg, &slot->front, &slot->jws);
}

static void
forget_lanes(struct signing *signing)
{
	map_free(signing->lanes, free);
	signing->lanes = map_new(LANES_MAX);
}

/* From the spool when it is not known yet: then nothing of it is on its way. */
static struct sign_lane *
lane_of(struct signing *signing, const struct cc_message *msg)
{
	uint8_t key[TOPIC_MAX + 4] = {(uint8_t)(msg->lane >> 8), (uint8_t)msg->lane};
	size_t size = msg->topic.size < TOPIC_MAX ? msg->topic.size : TOPIC_MAX;
	struct slice name = slice_of(key, size + 2);
	struct sign_lane *lane;

	if (signing->lanes == NULL)
		return NULL;
	memcpy(key + 2, msg->topic.p, size);
	lane = map_get(signing->lanes, name);
	if (lane != NULL || (lane = calloc(1, sizeof(*lane))) == NULL)
		return lane;
	lane->sequence = spool_sequence(signing->spool, msg->topic, msg->lane, lane->digest);
	if (map_put(signing->lanes, name, lane, NULL) == CC_OK)
		return lane;
	free(lane);
	return NULL;
}

static void
number_batch(struct signing *signing, struct sign_batch *batch)
{
	for (unsigned i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];

		slot->lane = lane_of(signing, &slot->msg);
		slot->status = CC_NOMEM;
		if (slot->lane != NULL)
			slot->status = number(signing, slot, ++slot->lane->sequence);
		else
			signing->stale = true; /* too many of them: a new beginning has room */
	}
}

/* ---- spooling ---- */

/* Behind what the spool has of its lane, as it is. */
static void
sign_anew(struct signing *signing, struct slot *slot)
{
	uint8_t prev[32] = {0};

	if (slot->status == CC_OK)
		slot->msg.header_count--; /* its jws */
	slot->status = number(
	    signing, slot, spool_sequence(signing->spool, slot->msg.topic, slot->msg.lane, prev) + 1);
	if (slot->status == CC_OK)
		slot->status = sign_message(signing, slot, prev);
}

static bool
needs_signing(const struct slot *slot)
{
	return slot->lane == NULL || slot->lane->late || slot->status == CC_MORE;
}

/* As many as can go in one piece.  *ret_count: how many are settled; not CC_OK: the last one is not in the spool. */
static enum cc_status
spool_run(struct signing *signing, struct sign_batch *batch, unsigned from, unsigned *ret_count)
{
	struct spool_item item[BATCH];
	size_t count = 0, done = 0;
	enum cc_status st;

	for (unsigned i = from; i < batch->count; i++) {
		struct slot *slot = &batch->slot[i];

		if (count > 0 && (needs_signing(slot) || slot->status != CC_OK))
			break;
		if (needs_signing(slot))
			sign_anew(signing, slot);
		if (slot->status != CC_OK) {
			*ret_count = 1;
			signing->too_large += slot->status == CC_FULL;
			signing->errors += slot->status != CC_FULL;
			return CC_IO;
		}
		item[count++] = (struct spool_item){&slot->msg, slot->digest};
		if (slot->lane == NULL || slot->lane->late)
			break; /* the one behind it needs the spool's word */
	}
	st = signing->fn(signing->ctx, item, count, &done);
	*ret_count = (unsigned)done + (st != CC_OK);
	return st;
}

static enum cc_status
retire(struct signing *signing)
{
	struct sign_batch *batch = batch_at(signing, signing->oldest);
	enum cc_status result = CC_OK;

	wait_signed(signing, signing->oldest);
	signing->spooling = true;
	for (unsigned i = 0, settled; i < batch->count; i += settled) {
		enum cc_status st = spool_run(signing, batch, i, &settled);
		struct slot *last;

		if (st == CC_OK)
			continue;
		last = &batch->slot[i + settled - 1];
		signing->stale = true;
		if (last->lane != NULL)
			last->lane->late = true;
		if (last->status != CC_FULL)
			result = st;
	}
	signing->spooling = false;
	signing->retired += batch->count;
	batch->count = 0;
	signing->oldest++;
	return result;
}

static enum cc_status
retire_all(struct signing *signing)
{
	enum cc_status result = CC_OK;

	while (signing->oldest < signing->filling) {
		enum cc_status st = retire(signing);

		if (st != CC_OK)
			result = st;
	}
	return result;
}

/* ---- to the threads ---- */

static void
give(struct signing *signing, struct sign_batch *batch)
{
	pthread_mutex_lock(&signing->mutex);
	batch->busy = signing->threads;
	signing->work[signing->given++ % BATCHES] = batch;
	pthread_cond_broadcast(&signing->begin);
	pthread_mutex_unlock(&signing->mutex);
}

/* What was collected is numbered and given to the threads; then there is an empty batch to fill. */
static enum cc_status
dispatch(struct signing *signing)
{
	struct sign_batch *batch = batch_at(signing, signing->filling);
	enum cc_status st = CC_OK;

	if (batch->count == 0)
		return CC_OK;
	if (signing->stale || signing->lanes == NULL) {
		st = retire_all(signing);
		signing->stale = false;
		forget_lanes(signing);
	} else if (signing->filling + 1 - signing->oldest == BATCHES) {
		st = retire(signing);
	}
	number_batch(signing, batch);
	/* Nobody else has anything of a lane in hand when nothing is on its way. */
	if (signing->threads == 0 || (batch->count <= HARDLY_ANY && signing->oldest == signing->filling))
		sign_share(signing, batch, 0, 1);
	else
		give(signing, batch);
	signing->filling++;
	return st;
}

enum cc_status
signing_turn(struct signing *signing)
{
	enum cc_status result = CC_OK, st;
	uint64_t waiting = 0;

	if (signing->spooling)
		return CC_OK;
	while (signing->oldest < signing->filling && is_signed(signing, signing->oldest)) {
		if ((st = retire(signing)) != CC_OK)
			result = st;
	}
	for (uint64_t n = signing->oldest; n < signing->filling; n++)
		waiting += !is_signed(signing, n);
	if (waiting < AHEAD && (st = dispatch(signing)) != CC_OK)
		result = st;
	if (signing->oldest + 1 == signing->filling && is_signed(signing, signing->oldest) &&
	    (st = retire(signing)) != CC_OK)
		result = st;
	return result;
}

enum cc_status
signing_flush(struct signing *signing)
{
	enum cc_status one, two;

	if (signing->spooling)
		return CC_OK;
	one = dispatch(signing);
	two = retire_all(signing);
	return two != CC_OK ? two : one;
}

uint64_t
signing_added(const struct signing *signing)
{
	return signing->added;
}

uint64_t
signing_retired(const struct signing *signing)
{
	return signing->retired;
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
	struct sign_batch *batch = batch_at(signing, signing->filling);
	enum cc_status st = CC_OK;

	/* Full only where fn comes back here, or did. */
	if (batch->count == BATCH) {
		if (signing->spooling)
			return CC_FULL;
		st = dispatch(signing);
		batch = batch_at(signing, signing->filling);
	}
	if (!copy_message(&batch->slot[batch->count], msg, at))
		return CC_NOMEM;
	batch->count++;
	signing->added++;
	if (batch->count == BATCH && !signing->spooling) {
		enum cc_status given = dispatch(signing);

		st = given != CC_OK ? given : st;
	}
	return st;
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
	signing->lanes = map_new(LANES_MAX);
	for (unsigned b = 0; b < BATCHES; b++) {
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
	signing->ending = true;
	pthread_cond_broadcast(&signing->begin);
	pthread_mutex_unlock(&signing->mutex);
	for (unsigned i = 0; i < signing->threads; i++)
		pthread_join(signing->thread[i].id, NULL);
	for (unsigned b = 0; b < BATCHES; b++) {
		for (unsigned i = 0; i < BATCH; i++) {
			buf_close(&signing->batch[b].slot[i].bytes);
			buf_close(&signing->batch[b].slot[i].jws);
		}
	}
	map_free(signing->lanes, free);
	pthread_cond_destroy(&signing->begin);
	pthread_cond_destroy(&signing->done);
	pthread_mutex_destroy(&signing->mutex);
	free(signing);
}
