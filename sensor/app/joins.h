/*
 * What joins.c and joins_bytes.c share: a whole that is being put together, its pieces, and the memory of both.
 * Thread: a worker's.
 */
#ifndef APP_JOINS_H
#define APP_JOINS_H

#include "app/own.h"

#define PIECE_SIZE 65536 /* of pool memory, with its head */

struct piece {
	uint64_t at;
	uint32_t size, room;
	uint8_t bytes[];
};

enum join_state { JOIN_FREE, JOIN_OPEN, JOIN_GIVEN_UP };

struct join {
	uint8_t state;
	bool odd;                  /* something was said twice, and differently */
	bool whole;                /* given away */
	uint64_t id;               /* of this use of the slot */
	uint64_t name[2];          /* keyed hashes of what it is called by */
	uint64_t words[2];         /* the same without its size, while that is not known */
	uint64_t total, next;      /* next: bytes of the file, all of them from 0 on */
	uint64_t have;             /* bytes of pieces */
	uint64_t used;             /* when it was last touched, ns */
	uint32_t ranges;
	uint32_t older, newer;     /* of all, by use; COUNT: none */
	struct app_flow *flow;     /* the last that added to it; NULL: it is over */
	struct file *file;
	const struct cc_range_coder *coder; /* NULL: the bytes are the file's */
	void *coded;               /* the coder's */
	size_t coder_memory;
	bool broken;               /* it can't go on */
	bool marked;               /* somebody has said that it is over */
	bool endless;              /* its ranges have no end either: one side of a file that is open */
	struct piece **piece;      /* sorted; the ones from first on wait */
	uint32_t first, count, room;
	size_t memory;             /* pieces and the file's content */
};

struct joins {
	uint64_t seed[2], next_id;
	uint32_t count, open;
	uint32_t oldest, newest;   /* count: none */
	size_t memory;
	struct join join[];
};

/* joins.c: makes room for size bytes more of this one; false: it can't be had. */
bool joins_memory_make(struct app *app, struct join *join, size_t size);

/* joins_bytes.c */
size_t join_piece_memory(const struct piece *piece);
void join_piece_free(struct app *app, struct join *join, struct piece *piece);
/* Bytes of a range at that place, from there on as far as they are alike; *bytes is what is left.  false: given up. */
bool join_add(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx, uint64_t at,
    struct slice *bytes);
/* The pieces that continue now. */
void join_drain(struct cc_ctx *ctx, struct join *join, const struct cc_range *range, struct cc_tx *tx);

static inline void
join_memory_add(struct joins *joins, struct join *join, size_t size)
{
	join->memory += size;
	joins->memory += size;
}

static inline void
join_memory_drop(struct joins *joins, struct join *join, size_t size)
{
	join->memory -= size;
	joins->memory -= size;
}

#endif
