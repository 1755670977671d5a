/* Random numbers for the property tests: the same in every run. */
#ifndef TEST_RAND_H
#define TEST_RAND_H

#include <stdint.h>

/* xorshift64* (Vigna, 2016); *state is not 0. */
static inline uint64_t
rand_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

static inline uint64_t
rand_below(uint64_t *state, uint64_t end)
{
	return rand_next(state) % end;
}

#endif
