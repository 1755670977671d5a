/* The timer wheel against a list that is searched: the same nodes expire at the same calls, however time goes. */
#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/wheel.h"

#define NODES 500

struct timer {
	struct wheel_node node;
	uint64_t due; /* in ticks, rounded up */
	bool set;
};

static uint64_t
ticks_up(uint64_t ns, uint64_t tick)
{
	return ns / tick + (ns % tick != 0);
}

/* Distances of every order of magnitude. */
static uint64_t
some_distance(uint64_t *seed, unsigned bits)
{
	return rand_next(seed) >> (63 - rand_below(seed, bits));
}

static void
set_some(struct wheel *wheel, struct timer *timers, uint64_t *seed, uint64_t now, uint64_t tick, unsigned bits)
{
	for (uint64_t n = rand_below(seed, 30); n > 0; n--) {
		struct timer *timer = &timers[rand_below(seed, NODES)];

		if (rand_below(seed, 4) == 0) {
			wheel_cancel(wheel, &timer->node);
			timer->set = false;
		} else {
			uint64_t due = rand_below(seed, 20) == 0 ? now / 2 : now + some_distance(seed, bits);

			due = due < now && rand_below(seed, 2) == 0 ? UINT64_MAX : due;
			wheel_set(wheel, &timer->node, due);
			timer->set = true;
			timer->due = ticks_up(due, tick);
		}
		CHECK((timer->node.link != NULL) == timer->set);
	}
}

static void
walk(uint64_t start, uint64_t tick, unsigned bits, uint64_t seed)
{
	static struct timer timers[NODES];
	struct wheel *wheel = wheel_new(start, tick);
	uint64_t now = start;

	memset(timers, 0, sizeof(timers));
	for (int step = 0; step < 2000; step++) {
		unsigned should = 0, count = 0;
		struct wheel_node *node;
		uint64_t move = rand_below(&seed, 4) == 0 ? 0 : some_distance(&seed, bits);

		set_some(wheel, timers, &seed, now, tick, bits);
		now = now + move < now ? UINT64_MAX : now + move;
		for (int i = 0; i < NODES; i++)
			should += timers[i].set && timers[i].due <= now / tick;
		while ((node = wheel_expire(wheel, now)) != NULL) {
			struct timer *timer = (struct timer *)(void *)node;

			CHECK(timer->set && timer->due <= now / tick && node->link == NULL);
			timer->set = false;
			count++;
		}
		if (count != should)
			CHECK_UINT(count, should);
	}
	wheel_free(wheel);
}

TEST(like_a_list)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		walk(0, 1, 12, seed);
		walk(0, 1, 20, seed);
		walk(1769904000123456789ull, 1000000, 30, seed);
		walk(1769904000123456789ull, 1000000, 45, seed);
		walk(1769904000123456789ull, 7, 60, seed);
		walk(UINT64_MAX / 2, 3, 63, seed);
		walk(12345, 1ull << 40, 63, seed);
	}
}

TEST(never_early)
{
	struct wheel *wheel = wheel_new(1000, 100);
	struct wheel_node node = {NULL, NULL, 0};

	wheel_set(wheel, &node, 1001);
	CHECK(node.due == 1001);
	CHECK(wheel_expire(wheel, 1000) == NULL && wheel_expire(wheel, 1099) == NULL);
	CHECK(wheel_expire(wheel, 1100) == &node && node.link == NULL);
	CHECK(wheel_expire(wheel, UINT64_MAX) == NULL);
	/* In the past: at the next call, even when that has no later time. */
	wheel_set(wheel, &node, 5);
	CHECK(wheel_expire(wheel, 0) == &node && wheel_expire(wheel, 0) == NULL);
	wheel_cancel(wheel, &node);
	wheel_free(wheel);
	wheel_free(NULL);
}

/* Nodes set while others expire, at the same time and later. */
TEST(set_while_expiring)
{
	struct wheel *wheel = wheel_new(0, 10);
	struct wheel_node a = {NULL, NULL, 0}, b = {NULL, NULL, 0};
	int count = 0;

	wheel_set(wheel, &a, 100);
	wheel_set(wheel, &b, 100);
	wheel_cancel(wheel, &b);
	while (wheel_expire(wheel, 1000) != NULL && ++count < 10)
		wheel_set(wheel, &a, 100);
	CHECK_UINT(count, 10);
	CHECK(wheel_expire(wheel, 2000) == NULL);
	wheel_set(wheel, &a, 2000);
	CHECK(wheel_expire(wheel, 2000) == &a);
	wheel_free(wheel);
}

TESTS(T(like_a_list), T(never_early), T(set_while_expiring))
