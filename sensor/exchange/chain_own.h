/* What a reader remembers of lanes: chain.c.  One thread. */
#ifndef EXCHANGE_CHAIN_OWN_H
#define EXCHANGE_CHAIN_OWN_H

#include "exchange/jws_own.h"

#define CHAIN_WINDOW 32 /* of a lane's last messages the digests are kept, to tell a repetition from another past */
#define CHAIN_HOLES 64  /* of a lane, that may still be filled */
#define CHAIN_DIGEST 16 /* bytes of a digest that are kept for that */

struct chain_hole {
	uint64_t from, until; /* sequences, both missing */
};

struct chain_lane {
	struct chain_lane *newer, *older; /* by use */
	char *key;                        /* source, newline, topic, newline, lane as two bytes */
	size_t key_size;
	char kid[KEY_ID];
	uint64_t last;
	uint8_t digest[32]; /* of the last */
	uint8_t window[CHAIN_WINDOW][CHAIN_DIGEST]; /* by sequence mod CHAIN_WINDOW; zeros: not known */
	struct chain_hole hole[CHAIN_HOLES]; /* rising */
	unsigned holes;
	bool changed; /* since the last chain_save() */
};

struct chain;

struct chain *chain_new(size_t lanes_max);
void chain_free(struct chain *chain);
/* The lane with this key; made when make is set.  NULL: not there, or no memory. */
struct chain_lane *chain_lane(struct chain *chain, struct slice key, bool make);
/* Where a message whose signature is good stands in its lane.  The lane moves on only where it is accepted. */
enum verdict chain_take(struct chain_lane *lane, const struct jws *jws, const uint8_t digest[32], unsigned *ret_notes,
    uint64_t *ret_missing);
void chain_save(struct chain *chain, verifier_lane_fn *fn, void *ctx);
enum cc_status chain_restore(struct chain *chain, struct slice key, struct slice state);

#endif
