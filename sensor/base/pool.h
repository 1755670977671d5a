/*
 * The worker's memory for what outlives a frame: flows' buffers, transactions, parser states.
 *
 * One budget, mapped at start and never exceeded.  A buddy allocator deals in blocks of 4 KiB to 4 MiB; sizes up to
 * 2 KiB come from slabs of one class each.  No headers: whoever gives back says the size that was taken.  One thread.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_BLOCK_MAX (4u << 20)

struct pool;

struct pool *pool_new(size_t budget); /* NULL: no memory */
void pool_free(struct pool *pool);

/* size 1 to POOL_BLOCK_MAX, 16-byte aligned, not zeroed.  NULL: the budget is used up, or size is too large. */
void *pool_take(struct pool *pool, size_t size);
void *pool_take_zero(struct pool *pool, size_t size);
void pool_give(struct pool *pool, void *p, size_t size); /* p may be NULL */

/* Bytes that a block taken with this size really has. */
size_t pool_room(size_t size);

size_t pool_used(const struct pool *pool);    /* bytes handed out, rounded up to their blocks */
size_t pool_budget(const struct pool *pool);
uint64_t pool_refused(const struct pool *pool); /* how often pool_take gave NULL */

#endif
