/*
 * Memory for one frame: handed out by moving a pointer, taken back all at once.  One thread.
 * A fixed block, sized at start; when it is used up arena_alloc() gives NULL and counts it in arena.refused.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "concert/status.h"

struct arena {
	uint8_t *base;
	size_t size, used;
	uint64_t refused;
};

/* A new arena of size bytes in *arena; CC_NOMEM leaves it empty.  arena_close() ends it. */
enum cc_status arena_open(struct arena *arena, size_t size);
void arena_close(struct arena *arena);

/* 16-byte aligned, not zeroed; NULL when it is full. */
static inline void *
arena_alloc(struct arena *arena, size_t size)
{
	size_t start = (arena->used + 15) & ~(size_t)15;

	if (start > arena->size || size > arena->size - start) {
		arena->refused++;
		return NULL;
	}
	arena->used = start + size;
	return arena->base + start;
}

static inline void
arena_reset(struct arena *arena)
{
	arena->used = 0;
}

#endif
