/* Opening and closing the memory of one frame; the handing out is inline in arena.h.  One thread. */
#include <stdlib.h>

#include "base/arena.h"

enum cc_status
arena_open(struct arena *arena, size_t size)
{
	size_t whole = (size + 63) & ~(size_t)63;

	*arena = (struct arena){NULL, 0, 0, 0};
	if (whole < size)
		return CC_NOMEM;
	arena->base = aligned_alloc(64, whole > 0 ? whole : 64);
	if (arena->base == NULL)
		return CC_NOMEM;
	arena->size = size;
	return CC_OK;
}

void
arena_close(struct arena *arena)
{
	if (arena == NULL)
		return;
	free(arena->base);
	*arena = (struct arena){NULL, 0, 0, 0};
}
