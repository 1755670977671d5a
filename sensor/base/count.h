/*
 * Counters by name.  A room lists its own in <room>/counters.def as COUNT(symbol, "dotted.name", "what it counts");
 * each owner (a worker, the courier) has its own array, which it alone writes; readers on other threads sum them.
 */
#ifndef BASE_COUNT_H
#define BASE_COUNT_H

#include <stdint.h>

struct count_info {
	const char *name; /* "decode.ipv4.too_short" */
	const char *help;
};

static inline void
count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void
count_set(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, n, __ATOMIC_RELAXED);
}

static inline uint64_t
count_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
