/* Memory of a ruleset or a rule: handed out by moving a pointer, freed all at once.  Loading only, one thread. */
#include <stdlib.h>

#include "detect/own.h"

#define STORE_BLOCK (1u << 20)

struct store_block {
	struct store_block *next;
	max_align_t data[];
};

void *
store_take(struct store *store, size_t size)
{
	struct store_block *block;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (size > store->left) {
		size_t full = store->block != 0 ? store->block : STORE_BLOCK;
		size_t room = size > full / 4 ? size : full;

		block = calloc(1, sizeof(*block) + room);
		if (block == NULL)
			return NULL;
		block->next = store->first;
		store->first = block;
		store->total += room;
		if (room == size && store->left > 0)
			return block->data; /* a large one of its own; go on with the block before */
		store->at = (uint8_t *)block->data;
		store->left = room;
	}
	p = store->at;
	store->at += size;
	store->left -= size;
	return p;
}

struct slice
store_copy(struct store *store, struct slice s)
{
	uint8_t *p = store_take(store, s.size + 1);

	if (p == NULL)
		return slice_of(NULL, 0);
	if (s.size > 0)
		memcpy(p, s.p, s.size);
	return slice_of(p, s.size);
}

void
store_close(struct store *store)
{
	while (store->first != NULL) {
		struct store_block *next = store->first->next;

		free(store->first);
		store->first = next;
	}
	*store = (struct store){0};
}
