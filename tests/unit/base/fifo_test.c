/* The queue of pointers: order, full, empty, and two threads at once. */
#include <pthread.h>
#include <sched.h>

#include "unit/test.h"

#include "base/fifo.h"

#define ITEMS 300000

TEST(order_and_limits)
{
	struct fifo *fifo = fifo_new(4);
	int things[5];

	CHECK(fifo != NULL && fifo_pull(fifo) == NULL);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			CHECK(fifo_push(fifo, &things[i]));
		CHECK(!fifo_push(fifo, &things[4]));
		CHECK_UINT(fifo_used(fifo), 4);
		for (int i = 0; i < 4; i++)
			CHECK(fifo_pull(fifo) == &things[i]);
		CHECK(fifo_pull(fifo) == NULL && fifo_used(fifo) == 0);
		CHECK(fifo_push(fifo, &things[0]) && fifo_pull(fifo) == &things[0]);
	}
	fifo_free(fifo);
	fifo_free(NULL);
	CHECK(fifo_new(0) == NULL && fifo_new(3) == NULL && fifo_new(SIZE_MAX) == NULL);
}

static void *
write_all(void *arg)
{
	for (uintptr_t i = 1; i <= ITEMS; i++) {
		while (!fifo_push(arg, (void *)i))
			sched_yield();
	}
	return NULL;
}

TEST(two_threads)
{
	struct fifo *fifo = fifo_new(64);
	uintptr_t wrong = 0;
	pthread_t writer;

	CHECK(pthread_create(&writer, NULL, write_all, fifo) == 0);
	for (uintptr_t i = 1; i <= ITEMS; i++) {
		void *item;

		while ((item = fifo_pull(fifo)) == NULL)
			sched_yield();
		wrong += (uintptr_t)item != i;
	}
	pthread_join(writer, NULL);
	CHECK_UINT(wrong, 0);
	CHECK(fifo_pull(fifo) == NULL);
	fifo_free(fifo);
}

TESTS(T(order_and_limits), T(two_threads))
