/*
 * The pool of the fuzz targets: sensor/base/pool.h over malloc, so that a sanitizer guards every object's both ends and
 * its life after pool_give(), which slabs and powers of two would hide.  Linked before the sensor's own.  The budget
 * counts as it does there.
 */
#include "fuzz/fuzz.h"

#define MARK 0x706f6f6c6d61726bull

struct pool {
	size_t budget, used;
	uint64_t refused;
	struct head *first;
};

struct head {
	struct head *next, *prev;
	uint64_t mark, size;
};

struct pool *
pool_new(size_t budget)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	FUZZ_CHECK(pool != NULL);
	pool->budget = budget;
	return pool;
}

void *
pool_take(struct pool *pool, size_t size)
{
	struct head *head;

	if (size == 0 || size > POOL_BLOCK_MAX || size > pool->budget - pool->used) {
		pool->refused++;
		return NULL;
	}
	head = malloc(sizeof(*head) + size);
	FUZZ_CHECK(head != NULL);
	*head = (struct head){.next = pool->first, .mark = MARK, .size = size};
	if (head->next != NULL)
		head->next->prev = head;
	pool->first = head;
	pool->used += size;
	memset(head + 1, 0xbe, size);
	return head + 1;
}

void *
pool_take_zero(struct pool *pool, size_t size)
{
	void *p = pool_take(pool, size);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
pool_give(struct pool *pool, void *p, size_t size)
{
	struct head *head = p;

	if (p == NULL)
		return;
	head--;
	FUZZ_CHECK(head->mark == MARK && head->size == size);
	pool->used -= size;
	head->mark = 0;
	*(head->prev != NULL ? &head->prev->next : &pool->first) = head->next;
	if (head->next != NULL)
		head->next->prev = head->prev;
	free(head);
}

void
pool_free(struct pool *pool)
{
	while (pool != NULL && pool->first != NULL)
		pool_give(pool, pool->first + 1, pool->first->size);
	free(pool);
}

size_t
pool_room(size_t size)
{
	return size > 0 && size <= POOL_BLOCK_MAX ? size : 0;
}

size_t
pool_used(const struct pool *pool)
{
	return pool->used;
}

size_t
pool_budget(const struct pool *pool)
{
	return pool->budget;
}

uint64_t
pool_refused(const struct pool *pool)
{
	return pool->refused;
}
