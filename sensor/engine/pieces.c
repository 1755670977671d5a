/*
 * Evidence on its way to the disk.
 *
 * In: pieces and what they stand behind, from the courier's loop, in a queue that is bounded by bytes: a full one holds
 * the loop back, as the disk itself would.  Out: the evidence store, whose files, rows and commits are this thread's
 * alone.  A sighting that commits to a piece may leave before the piece is on disk: its entry in the ring is released
 * only when both are, so that a courier that dies has it again.  When the whole sensor dies in between, partners hold a
 * digest of what is nowhere: asked for it, the store says that it never had it.
 */
#include "engine/pieces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evidence/evidence.h"

#define WAITING_MAX (32u << 20) /* bytes; one larger piece has room when nothing else waits */

struct piece {
	struct piece *next;
	uint8_t sha256[32];
	bool note;
	uint64_t time;
	size_t size;
	uint8_t bytes[];
};

struct pieces {
	struct evidence_store *store; /* the thread's */
	bool trouble;                 /* the thread's: it was told */
	pthread_t thread;
	pthread_mutex_t mutex;        /* of what follows */
	pthread_cond_t more, settled_some;
	struct piece *first, **end;
	size_t waiting;
	uint64_t given, settled;
	bool ending, failed;
};

/* ---- the thread ---- */

/* Once until one is kept again: a full disk concerns every one. */
static void
say(struct pieces *pieces, enum cc_status st)
{
	if (st == CC_OK || pieces->trouble)
		return;
	pieces->trouble = true;
	log_error("evidence: %s", st == CC_BAD ? "a piece has not the digest that it came with" :
						  evidence_store_error(pieces->store));
	pthread_mutex_lock(&pieces->mutex);
	pieces->failed = true;
	pthread_mutex_unlock(&pieces->mutex);
}

static void
keep(struct pieces *pieces, const struct piece *piece)
{
	struct slice bytes = slice_of(piece->bytes, piece->size);
	enum cc_status st;

	if (piece->note) {
		say(pieces, evidence_store_note(pieces->store, piece->sha256, bytes));
		return;
	}
	st = evidence_store_put(pieces->store, piece->sha256, bytes, piece->time);
	pieces->trouble = pieces->trouble && st != CC_OK;
	say(pieces, st);
}

/* NULL: nothing has come for a while, or nothing will. */
static struct piece *
take(struct pieces *pieces, bool *ret_end)
{
	struct timespec until;
	struct piece *piece;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&pieces->mutex);
	while (pieces->first == NULL && !pieces->ending &&
	       pthread_cond_timedwait(&pieces->more, &pieces->mutex, &until) == 0)
		;
	piece = pieces->first;
	if (piece != NULL && (pieces->first = piece->next) == NULL)
		pieces->end = &pieces->first;
	*ret_end = piece == NULL && pieces->ending;
	pthread_mutex_unlock(&pieces->mutex);
	return piece;
}

static void *
pieces_main(void *ctx)
{
	struct pieces *pieces = ctx;
	bool end = false;

	(void)pthread_setname_np(pthread_self(), "evidence");
	while (!end) {
		struct piece *piece = take(pieces, &end);

		if (piece != NULL) {
			keep(pieces, piece);
			pthread_mutex_lock(&pieces->mutex);
			pieces->settled++;
			pieces->waiting -= piece->size;
			pthread_cond_signal(&pieces->settled_some);
			pthread_mutex_unlock(&pieces->mutex);
			free(piece);
		}
		say(pieces, evidence_store_tick(pieces->store, time_now()));
	}
	return NULL;
}

/* ---- the courier's side ---- */

static bool
give(struct pieces *pieces, const uint8_t sha256[32], struct slice bytes, uint64_t time, bool note)
{
	struct piece *piece = malloc(sizeof(*piece) + bytes.size);

	if (piece == NULL)
		return false;
	*piece = (struct piece){.note = note, .time = time, .size = bytes.size};
	memcpy(piece->sha256, sha256, 32);
	if (bytes.size > 0)
		memcpy(piece->bytes, bytes.p, bytes.size);
	pthread_mutex_lock(&pieces->mutex);
	while (pieces->waiting > 0 && pieces->waiting + bytes.size > WAITING_MAX)
		pthread_cond_wait(&pieces->settled_some, &pieces->mutex);
	*pieces->end = piece;
	pieces->end = &piece->next;
	pieces->waiting += bytes.size;
	pieces->given++;
	pthread_cond_signal(&pieces->more);
	pthread_mutex_unlock(&pieces->mutex);
	return true;
}

bool
pieces_put(struct pieces *pieces, const uint8_t sha256[32], struct slice bytes, uint64_t time)
{
	return pieces == NULL || give(pieces, sha256, bytes, time, false);
}

bool
pieces_note(struct pieces *pieces, const uint8_t sha256[32], struct slice indicator)
{
	return pieces == NULL || give(pieces, sha256, indicator, 0, true);
}

uint64_t
pieces_given(struct pieces *pieces)
{
	return pieces != NULL ? pieces->given : 0; /* changed by who asks */
}

uint64_t
pieces_settled(struct pieces *pieces)
{
	uint64_t settled;

	if (pieces == NULL)
		return 0;
	pthread_mutex_lock(&pieces->mutex);
	settled = pieces->settled;
	pthread_mutex_unlock(&pieces->mutex);
	return settled;
}

void
pieces_flush(struct pieces *pieces)
{
	if (pieces == NULL)
		return;
	pthread_mutex_lock(&pieces->mutex);
	while (pieces->settled < pieces->given)
		pthread_cond_wait(&pieces->settled_some, &pieces->mutex);
	pthread_mutex_unlock(&pieces->mutex);
}

bool
pieces_failed(struct pieces *pieces)
{
	bool failed;

	if (pieces == NULL)
		return false;
	pthread_mutex_lock(&pieces->mutex);
	failed = pieces->failed;
	pthread_mutex_unlock(&pieces->mutex);
	return failed;
}

enum cc_status
pieces_open(const struct conf *conf, const char *outdir, struct pieces **ret_pieces, char **ret_why)
{
	struct pieces *pieces;
	enum cc_status st;

	*ret_why = NULL;
	*ret_pieces = NULL;
	if (conf->evidence_window == 0)
		return CC_OK;
	if ((pieces = calloc(1, sizeof(*pieces))) == NULL)
		return CC_NOMEM;
	if ((st = evidence_store_open(conf, outdir, true, &pieces->store, ret_why)) != CC_OK) {
		free(pieces);
		return st;
	}
	pieces->end = &pieces->first;
	pthread_mutex_init(&pieces->mutex, NULL);
	pthread_cond_init(&pieces->more, NULL);
	pthread_cond_init(&pieces->settled_some, NULL);
	if (pthread_create(&pieces->thread, NULL, pieces_main, pieces) == 0) {
		*ret_pieces = pieces;
		return CC_OK;
	}
	evidence_store_close(pieces->store);
	free(pieces);
	return CC_NOMEM;
}

void
pieces_close(struct pieces *pieces)
{
	if (pieces == NULL)
		return;
	pthread_mutex_lock(&pieces->mutex);
	pieces->ending = true;
	pthread_cond_signal(&pieces->more);
	pthread_mutex_unlock(&pieces->mutex);
	pthread_join(pieces->thread, NULL);
	evidence_store_close(pieces->store);
	pthread_cond_destroy(&pieces->more);
	pthread_cond_destroy(&pieces->settled_some);
	pthread_mutex_destroy(&pieces->mutex);
	free(pieces);
}
