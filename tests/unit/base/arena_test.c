/* The frame's memory: aligned, apart, refused when used up, all back at once. */
#include "unit/test.h"

#include "base/arena.h"

TEST(apart_and_aligned)
{
	struct arena arena;
	uint8_t *before = NULL;

	CHECK(arena_open(&arena, 1000) == CC_OK);
	for (size_t size = 1; size <= 20; size++) {
		uint8_t *p = arena_alloc(&arena, size);

		CHECK(p != NULL && ((uintptr_t)p & 15) == 0);
		CHECK(before == NULL || p >= before + size - 1);
		memset(p, 0xaa, size);
		before = p;
	}
	arena_close(&arena);
	CHECK(arena.base == NULL && arena.size == 0);
	arena_close(&arena);
	arena_close(NULL);
}

TEST(refused)
{
	struct arena arena;

	CHECK(arena_open(&arena, 100) == CC_OK);
	CHECK(arena_alloc(&arena, 101) == NULL);
	CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
	CHECK(arena_alloc(&arena, 100) != NULL);
	CHECK(arena_alloc(&arena, 1) == NULL);
	CHECK_UINT(arena.refused, 3);
	arena_reset(&arena);
	CHECK(arena_alloc(&arena, 100) != NULL);
	arena_close(&arena);
}

TEST(none_to_be_had)
{
	struct arena arena;

	CHECK(arena_open(&arena, SIZE_MAX) == CC_NOMEM);
	CHECK(arena.base == NULL && arena_alloc(&arena, 1) == NULL);
	arena_close(&arena);
	CHECK(arena_open(&arena, 0) == CC_OK);
	CHECK(arena_alloc(&arena, 1) == NULL);
	arena_close(&arena);
}

TESTS(T(apart_and_aligned), T(refused), T(none_to_be_had))
