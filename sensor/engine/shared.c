/* The shared memory of the processes: one mapping, counters and rings. */
#include "engine/shared.h"

#include <string.h>
#include <sys/mman.h>

#define ALIGN 4096

static size_t
align(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Rings are a power of two; the configuration may say anything. */
static size_t
ring_size(const struct conf *conf)
{
	size_t size = 256 * 1024;

	while (size < conf->engine_ring)
		size *= 2;
	return size;
}

struct shared *
shared_new(const struct conf *conf, unsigned workers, bool live)
{
	size_t head = align(sizeof(struct shared) + workers * sizeof(struct shared_worker));
	size_t size = head + workers * align(ring_memory(ring_size(conf)));
	struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (shared == MAP_FAILED)
		return NULL;
	shared->size = size;
	shared->workers = workers;
	shared->ring_size = ring_size(conf);
	shared->live = live;
	shared->started = time_now();
	return shared;
}

void
shared_free(struct shared *shared)
{
	if (shared != NULL)
		munmap(shared, shared->size);
}

void *
shared_ring(struct shared *shared, unsigned worker)
{
	size_t head = align(sizeof(struct shared) + shared->workers * sizeof(struct shared_worker));

	return (uint8_t *)shared + head + worker * align(ring_memory(shared->ring_size));
}

void
shared_counts(const struct shared *shared, uint64_t *ret_counts)
{
	memset(ret_counts, 0, COUNTS_ALL * sizeof(*ret_counts));
	for (unsigned w = 0; w < shared->workers; w++) {
		for (unsigned i = 0; i < COUNTS_WORKER; i++)
			ret_counts[i] += count_get(&shared->worker[w].count[i]);
	}
	for (unsigned i = 0; i < EXCHANGE_COUNT; i++)
		ret_counts[AT_EXCHANGE + i] = count_get(&shared->courier_count[i]);
}
