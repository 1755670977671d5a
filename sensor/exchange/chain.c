/*
 * What a reader remembers of every lane of every sensor, to tell loss, repetition, disorder and a rewritten past.
 *
 * Of a lane: its last number and digest, the numbers that are still missing, and the digests of the last few messages.
 * A number that is missing may still come, once.  The same message again is a repetition; another message with a known
 * number, or one whose prev is not the message before it, is a fork: its signer has told two pasts.  A lane that begins
 * anew under another key is a new chain: so a sensor that lost its memory goes on, after `concert keys rotate`.
 *
 * Bounded: the lane that was not used for longest goes first; then its next message is the first that is seen.  One
 * thread.
 */
#include "exchange/chain_own.h"

#include <stdlib.h>

struct chain {
	struct map *lanes;
	struct chain_lane *newest, *oldest;
	size_t max;
};

struct chain *
chain_new(size_t lanes_max)
{
	struct chain *chain = calloc(1, sizeof(*chain));

	if (chain == NULL)
		return NULL;
	chain->max = lanes_max;
	chain->lanes = map_new(0);
	if (chain->lanes == NULL) {
		free(chain);
		return NULL;
	}
	return chain;
}

static void
lane_free(void *ptr)
{
	struct chain_lane *lane = ptr;

	free(lane->key);
	free(lane);
}

void
chain_free(struct chain *chain)
{
	if (chain == NULL)
		return;
	map_free(chain->lanes, lane_free);
	free(chain);
}

static void
unlink_lane(struct chain *chain, struct chain_lane *lane)
{
	*(lane->newer != NULL ? &lane->newer->older : &chain->newest) = lane->older;
	*(lane->older != NULL ? &lane->older->newer : &chain->oldest) = lane->newer;
}

static void
link_newest(struct chain *chain, struct chain_lane *lane)
{
	lane->newer = NULL;
	lane->older = chain->newest;
	*(chain->newest != NULL ? &chain->newest->newer : &chain->oldest) = lane;
	chain->newest = lane;
}

struct chain_lane *
chain_lane(struct chain *chain, struct slice key, bool make)
{
	struct chain_lane *lane = map_get(chain->lanes, key), *old;

	if (lane != NULL) {
		if (lane != chain->newest) {
			unlink_lane(chain, lane);
			link_newest(chain, lane);
		}
		return lane;
	}
	if (!make)
		return NULL;
	if (map_count(chain->lanes) >= chain->max && (old = chain->oldest) != NULL) {
		unlink_lane(chain, old);
		(void)map_remove(chain->lanes, slice_of(old->key, old->key_size));
		lane_free(old);
	}
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL || (lane->key = malloc(key.size + 1)) == NULL ||
	    map_put(chain->lanes, key, lane, NULL) != CC_OK) {
		if (lane != NULL)
			lane_free(lane);
		return NULL;
	}
	memcpy(lane->key, key.p, key.size);
	lane->key_size = key.size;
	link_newest(chain, lane);
	return lane;
}

/* ---- one message ---- */

static void
add_hole(struct chain_lane *lane, uint64_t from, uint64_t until)
{
	if (lane->holes == CHAIN_HOLES) {
		/* The oldest is given up: what comes of it later counts as a repetition. */
		lane->holes--;
		memmove(&lane->hole[0], &lane->hole[1], lane->holes * sizeof(lane->hole[0]));
	}
	lane->hole[lane->holes++] = (struct chain_hole){from, until};
}

/* False: the number is not missing. */
static bool
fill_hole(struct chain_lane *lane, uint64_t sequence)
{
	for (unsigned i = 0; i < lane->holes; i++) {
		struct chain_hole *hole = &lane->hole[i];

		if (sequence < hole->from || sequence > hole->until)
			continue;
		if (hole->from == hole->until) {
			lane->holes--;
			memmove(hole, hole + 1, (lane->holes - i) * sizeof(*hole));
		} else if (sequence == hole->from) {
			hole->from++;
		} else if (sequence == hole->until) {
			hole->until--;
		} else if (lane->holes < CHAIN_HOLES) {
			memmove(hole + 2, hole + 1, (lane->holes - i - 1) * sizeof(*hole));
			hole[1] = (struct chain_hole){sequence + 1, hole->until};
			hole->until = sequence - 1;
			lane->holes++;
		} else {
			/* No room for two: the later part, which is likelier to come. */
			hole->from = sequence + 1;
		}
		return true;
	}
	return false;
}

static bool
is_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static uint8_t *
window_at(struct chain_lane *lane, uint64_t sequence)
{
	return lane->window[sequence % CHAIN_WINDOW];
}

static void
advance(struct chain_lane *lane, const struct jws *jws, const uint8_t digest[32])
{
	uint64_t skipped = jws->sequence - lane->last - 1;

	/* What lies between is not known. */
	for (uint64_t i = 1; i <= skipped && i < CHAIN_WINDOW; i++)
		memset(window_at(lane, jws->sequence - i), 0, CHAIN_DIGEST);
	lane->last = jws->sequence;
	memcpy(lane->digest, digest, 32);
	memcpy(lane->kid, jws->kid, KEY_ID);
	memcpy(window_at(lane, jws->sequence), digest, CHAIN_DIGEST);
	lane->changed = true;
}

static void
begin_anew(struct chain_lane *lane)
{
	memset(lane->window, 0, sizeof(lane->window));
	lane->holes = 0;
	lane->last = 0;
}

/* Behind the last: numbers that came, or are missing. */
static enum verdict
take_earlier(struct chain_lane *lane, const struct jws *jws, const uint8_t digest[32], unsigned *ret_notes)
{
	uint8_t *known = lane->last - jws->sequence < CHAIN_WINDOW ? window_at(lane, jws->sequence) : NULL;

	if (fill_hole(lane, jws->sequence)) {
		*ret_notes |= 1u << VERIFY_REORDERED;
		if (known != NULL)
			memcpy(known, digest, CHAIN_DIGEST);
		lane->changed = true;
		return VERDICT_ACCEPTED;
	}
	if (known != NULL && !is_zero(known, CHAIN_DIGEST) && memcmp(known, digest, CHAIN_DIGEST) != 0)
		return VERDICT_FORK;
	*ret_notes |= 1u << VERIFY_REPLAY;
	return VERDICT_DUPLICATE;
}

enum verdict
chain_take(struct chain_lane *lane, const struct jws *jws, const uint8_t digest[32], unsigned *ret_notes,
    uint64_t *ret_missing)
{
	*ret_missing = 0;
	if (lane->last != 0 && jws->sequence == 1 && strcmp(lane->kid, jws->kid) != 0) {
		*ret_notes |= 1u << VERIFY_NEW_CHAIN;
		begin_anew(lane);
	}
	if (lane->last == 0) {
		if (jws->sequence > 1) {
			*ret_notes |= 1u << VERIFY_FIRST;
			add_hole(lane, 1, jws->sequence - 1);
		}
		lane->last = jws->sequence - 1;
		advance(lane, jws, digest);
		return VERDICT_ACCEPTED;
	}
	if (jws->sequence <= lane->last)
		return take_earlier(lane, jws, digest, ret_notes);
	if (jws->sequence == lane->last + 1) {
		if (memcmp(jws->prev, lane->digest, 32) != 0)
			return VERDICT_FORK;
	} else {
		*ret_notes |= 1u << VERIFY_GAP;
		*ret_missing = jws->sequence - lane->last - 1;
		add_hole(lane, lane->last + 1, jws->sequence - 1);
	}
	advance(lane, jws, digest);
	return VERDICT_ACCEPTED;
}

/* ---- keeping ---- */

#define STATE_VERSION 1

void
chain_save(struct chain *chain, verifier_lane_fn *fn, void *ctx)
{
	uint8_t memory[64 + KEY_ID + CHAIN_WINDOW * CHAIN_DIGEST + CHAIN_HOLES * 16];
	struct buf out;

	for (struct chain_lane *lane = chain->oldest; lane != NULL; lane = lane->newer) {
		if (!lane->changed)
			continue;
		buf_over(&out, memory, sizeof(memory));
		buf_add_u8(&out, STATE_VERSION);
		buf_add(&out, lane->kid, KEY_ID);
		buf_add_u64(&out, lane->last);
		buf_add(&out, lane->digest, 32);
		buf_add(&out, lane->window, sizeof(lane->window));
		buf_add_u8(&out, (uint8_t)lane->holes);
		for (unsigned i = 0; i < lane->holes; i++) {
			buf_add_u64(&out, lane->hole[i].from);
			buf_add_u64(&out, lane->hole[i].until);
		}
		fn(ctx, slice_of(lane->key, lane->key_size), buf_slice(&out));
		lane->changed = false;
	}
}

enum cc_status
chain_restore(struct chain *chain, struct slice key, struct slice state)
{
	struct chain_lane read = {.last = 0}, *lane;
	struct cur c = cur_slice(state);
	const uint8_t *p;
	bool good = cur_u8(&c) == STATE_VERSION;

	if ((p = cur_bytes(&c, KEY_ID)) != NULL)
		memcpy(read.kid, p, KEY_ID);
	read.last = cur_u64(&c);
	if ((p = cur_bytes(&c, 32)) != NULL)
		memcpy(read.digest, p, 32);
	if ((p = cur_bytes(&c, sizeof(read.window))) != NULL)
		memcpy(read.window, p, sizeof(read.window));
	read.holes = cur_u8(&c);
	good = good && !c.bad && read.holes <= CHAIN_HOLES && read.kid[KEY_ID - 1] == '\0' && read.last > 0;
	for (unsigned i = 0; good && i < read.holes; i++) {
		read.hole[i].from = cur_u64(&c);
		read.hole[i].until = cur_u64(&c);
		good = read.hole[i].from <= read.hole[i].until && read.hole[i].until < read.last;
	}
	if (!good || c.bad || cur_left(&c) != 0)
		return CC_BAD;
	lane = chain_lane(chain, key, true);
	if (lane == NULL)
		return CC_NOMEM;
	memcpy(lane->kid, read.kid, KEY_ID);
	memcpy(lane->digest, read.digest, 32);
	memcpy(lane->window, read.window, sizeof(read.window));
	memcpy(lane->hole, read.hole, sizeof(read.hole));
	lane->holes = read.holes;
	lane->last = read.last;
	lane->changed = false;
	return CC_OK;
}
