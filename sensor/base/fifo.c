/*
 * Pointers from one thread to another.  Each side keeps its own position, and a copy of the other's that it refreshes
 * only when it seems full or empty, so that in steady flow the two cache lines rarely move between the cores.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fifo.h"

struct fifo {
	_Alignas(64) _Atomic size_t written; /* the writer's line */
	size_t seen_read;
	_Alignas(64) _Atomic size_t read; /* the reader's */
	size_t seen_written;
	_Alignas(64) size_t mask; /* both; never changes */
	void *items[];
};

struct fifo *
fifo_new(size_t count)
{
	struct fifo *fifo;
	size_t size;

	if (count == 0 || (count & (count - 1)) != 0 || count > SIZE_MAX / 2 / sizeof(void *))
		return NULL;
	size = (sizeof(*fifo) + count * sizeof(void *) + 63) & ~(size_t)63;
	fifo = aligned_alloc(64, size);
	if (fifo == NULL)
		return NULL;
	atomic_init(&fifo->written, 0);
	atomic_init(&fifo->read, 0);
	fifo->seen_read = 0;
	fifo->seen_written = 0;
	fifo->mask = count - 1;
	return fifo;
}

void
fifo_free(struct fifo *fifo)
{
	free(fifo);
}

bool
fifo_push(struct fifo *fifo, void *item)
{
	size_t at = atomic_load_explicit(&fifo->written, memory_order_relaxed);

	if (at - fifo->seen_read > fifo->mask) {
		fifo->seen_read = atomic_load_explicit(&fifo->read, memory_order_acquire);
		if (at - fifo->seen_read > fifo->mask)
			return false;
	}
	fifo->items[at & fifo->mask] = item;
	atomic_store_explicit(&fifo->written, at + 1, memory_order_release);
	return true;
}

void *
fifo_pull(struct fifo *fifo)
{
	size_t at = atomic_load_explicit(&fifo->read, memory_order_relaxed);
	void *item;

	if (at == fifo->seen_written) {
		fifo->seen_written = atomic_load_explicit(&fifo->written, memory_order_acquire);
		if (at == fifo->seen_written)
			return NULL;
	}
	item = fifo->items[at & fifo->mask];
	atomic_store_explicit(&fifo->read, at + 1, memory_order_release);
	return item;
}

size_t
fifo_used(const struct fifo *fifo)
{
	/* The reader's position first: it never passes the writer's, so the difference can't turn negative. */
	size_t read = atomic_load_explicit(&fifo->read, memory_order_acquire);

	return atomic_load_explicit(&fifo->written, memory_order_acquire) - read;
}
