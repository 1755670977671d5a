/* The pool: nothing overlaps, the budget holds, and when all is given back all merges. */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/pool.h"

#define HELD_MAX 4096

struct held {
	uint8_t *p;
	size_t size;
	uint8_t mark;
};

/* Sizes of every order of magnitude: small ones often. */
static size_t
some_size(uint64_t *seed)
{
	size_t most = (size_t)1 << rand_below(seed, rand_below(seed, 4) == 0 ? 23 : 13);
	size_t size = 1 + rand_below(seed, most);

	return size <= POOL_BLOCK_MAX ? size : POOL_BLOCK_MAX;
}

/* Marks of the first and last bytes: an overlap with a later take would overwrite one. */
static void
mark(struct held *held)
{
	size_t edge = held->size < 64 ? held->size : 64;

	memset(held->p, held->mark, edge);
	memset(held->p + held->size - edge, held->mark, edge);
}

static bool
is_marked(const struct held *held)
{
	size_t edge = held->size < 64 ? held->size : 64;

	for (size_t i = 0; i < edge; i++) {
		if (held->p[i] != held->mark || held->p[held->size - 1 - i] != held->mark)
			return false;
	}
	return true;
}

static void
random_walk(size_t budget, uint64_t seed, int steps)
{
	static struct held held[HELD_MAX];
	struct pool *pool = pool_new(budget);
	size_t count = 0, used = 0;
	uint64_t refused = 0;

	CHECK(pool != NULL);
	for (int i = 0; i < steps; i++) {
		/* Long stretches of mostly taking, then of mostly giving. */
		bool take = rand_below(&seed, 100) < (i / 2000 % 2 == 0 ? 70 : 30);

		if (count > 0 && (!take || count == HELD_MAX)) {
			size_t at = rand_below(&seed, count);

			CHECK(is_marked(&held[at]));
			pool_give(pool, held[at].p, held[at].size);
			used -= pool_room(held[at].size);
			held[at] = held[--count];
		} else {
			struct held h = {NULL, some_size(&seed), (uint8_t)rand_next(&seed)};

			h.p = pool_take(pool, h.size);
			if (h.p == NULL) {
				refused++;
				continue;
			}
			CHECK(((uintptr_t)h.p & 15) == 0);
			mark(&h);
			held[count++] = h;
			used += pool_room(h.size);
		}
		CHECK(pool_used(pool) == used && used <= pool_budget(pool));
	}
	CHECK_UINT(pool_refused(pool), refused);
	while (count > 0) {
		count--;
		CHECK(is_marked(&held[count]));
		pool_give(pool, held[count].p, held[count].size);
	}
	CHECK_UINT(pool_used(pool), 0);
	/* All of it, in the largest blocks. */
	for (; count < pool_budget(pool) / POOL_BLOCK_MAX; count++) {
		held[count].p = pool_take(pool, POOL_BLOCK_MAX);
		CHECK(held[count].p != NULL);
	}
	while (count > 0)
		pool_give(pool, held[--count].p, POOL_BLOCK_MAX);
	pool_free(pool);
}

TEST(large_budget)
{
	random_walk((size_t)64 << 20, 1, 200000);
}

TEST(tight_budget)
{
	for (uint64_t seed = 1; seed <= 8; seed++)
		random_walk(((size_t)8 << 20) + seed * 12345, seed, 40000);
}

TEST(tiny_budgets)
{
	CHECK(pool_new(0) == NULL && pool_new(4095) == NULL);
	for (size_t pages = 1; pages < 70; pages++) {
		struct pool *pool = pool_new(pages * 4096 + 17);
		static void *held[70];
		size_t count = 0;

		CHECK_UINT(pool_budget(pool), pages * 4096);
		while (count < 70 && (held[count] = pool_take(pool, 4096)) != NULL)
			count++;
		CHECK_UINT(count, pages);
		CHECK_UINT(pool_used(pool), pool_budget(pool));
		while (count > 0)
			pool_give(pool, held[--count], 4096);
		pool_free(pool);
	}
}

/* Each class fills the whole budget, and what it took apart is whole again for the next. */
TEST(every_class)
{
	struct pool *pool = pool_new(POOL_BLOCK_MAX);
	void **held = calloc(POOL_BLOCK_MAX / 64 + 1, sizeof(*held));

	for (size_t size = 1; size <= 2048; size += size < 256 ? 1 : 61) {
		size_t count = 0, room = pool_room(size);

		CHECK(room >= size);
		while ((held[count] = pool_take(pool, size)) != NULL) {
			memset(held[count], (int)count & 0xff, size);
			count++;
		}
		/* No slab wastes more than an eighth. */
		CHECK(count * room > POOL_BLOCK_MAX / 8 * 7);
		for (size_t i = 0; i < count; i++) {
			CHECK(*(uint8_t *)held[i] == (i & 0xff));
			pool_give(pool, held[i], size);
		}
		CHECK_UINT(pool_used(pool), 0);
		held[0] = pool_take(pool, POOL_BLOCK_MAX);
		CHECK(held[0] != NULL);
		pool_give(pool, held[0], POOL_BLOCK_MAX);
	}
	free(held);
	pool_free(pool);
}

TEST(sizes)
{
	static const size_t rooms[] = {64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192, 16384, 32768,
	    65536, 131072, 262144, 524288, 1048576, 2097152, 4194304};
	size_t at = 0;

	for (size_t size = 1; size <= POOL_BLOCK_MAX; size += size < 8192 ? 1 : 509) {
		while (rooms[at] < size)
			at++;
		CHECK(pool_room(size) == rooms[at]);
	}
	CHECK(pool_room(POOL_BLOCK_MAX) == POOL_BLOCK_MAX);
	CHECK(pool_room(0) == 0 && pool_room(POOL_BLOCK_MAX + 1) == 0 && pool_room(SIZE_MAX) == 0);
}

TEST(refused)
{
	struct pool *pool = pool_new(POOL_BLOCK_MAX);
	uint8_t *p;

	CHECK(pool_take(pool, 0) == NULL);
	CHECK(pool_take(pool, POOL_BLOCK_MAX + 1) == NULL);
	CHECK(pool_take(pool, SIZE_MAX) == NULL);
	p = pool_take(pool, POOL_BLOCK_MAX);
	CHECK(p != NULL && pool_take(pool, 1) == NULL && pool_take(pool, 4096) == NULL);
	CHECK_UINT(pool_refused(pool), 5);
	memset(p, 0xff, POOL_BLOCK_MAX);
	pool_give(pool, p, POOL_BLOCK_MAX);
	pool_give(pool, NULL, 12);
	p = pool_take_zero(pool, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK(p[i] == 0);
	pool_give(pool, p, 1000);
	pool_free(pool);
	pool_free(NULL);
}

/* Gives p back in a child, which must not survive it. */
static bool
is_fatal(struct pool *pool, void *p, size_t size)
{
	struct rlimit none = {0, 0};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		fclose(stderr);
		pool_give(pool, p, size);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

/* Our own mistakes end the process, before they become somebody else's memory. */
TEST(mistakes)
{
	struct pool *pool = pool_new(POOL_BLOCK_MAX);
	uint8_t *small = pool_take(pool, 100), *other = pool_take(pool, 100), *block = pool_take(pool, 10000);

	CHECK(is_fatal(pool, small, 200) && is_fatal(pool, small, 5000) && is_fatal(pool, small + 64, 100));
	CHECK(is_fatal(pool, block, 5000) && is_fatal(pool, block, 100) && is_fatal(pool, block + 4096, 4096));
	CHECK(is_fatal(pool, &pool, 100) && is_fatal(pool, small, 0) && is_fatal(pool, small, SIZE_MAX));
	pool_give(pool, small, 100);
	pool_give(pool, block, 10000);
	CHECK(is_fatal(pool, small, 100) && is_fatal(pool, block, 10000));
	pool_give(pool, other, 100);
	CHECK(is_fatal(pool, other, 100));
	pool_free(pool);
}

TESTS(T(large_budget), T(tight_budget), T(tiny_budgets), T(every_class), T(sizes), T(refused), T(mistakes))
