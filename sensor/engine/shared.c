/* The shared memory of the processes: one mapping, counters and rings. */
#include "engine/shared.h"

#include <stdlib.h>
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
	size_t size = head + workers * align(ring_memory(ring_size(conf))) + 2 * align(conf->partners_list);
	struct shared *shared =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (shared == MAP_FAILED)
		return NULL;
	shared->size = size;
	shared->workers = workers;
	shared->ring_size = ring_size(conf);
	shared->list_room = conf->partners_list;
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

static uint8_t *
list_at(const struct shared *shared, unsigned slot)
{
	return (uint8_t *)(uintptr_t)shared + shared->size - (2 - slot) * align(shared->list_room);
}

void
shared_list_put(struct shared *shared, struct slice list)
{
	uint64_t version = shared->list_version + 1, turn;
	unsigned slot = (unsigned)(version % 2);

	if (list.size > shared->list_room)
		return;
	turn = shared->list[slot].turn | 1; /* a courier that died while it wrote left it odd */
	__atomic_store_n(&shared->list[slot].turn, turn, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (list.size > 0)
		memcpy(list_at(shared, slot), list.p, list.size);
	__atomic_store_n(&shared->list[slot].size, list.size, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->list[slot].turn, turn + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&shared->list_version, version, __ATOMIC_RELEASE);
}

/* The writer comes back to a slot only after it has filled the other; then this copy is no good, and the other is
 * newer. */
bool
shared_list_take(const struct shared *shared, uint64_t *version, struct buf *out)
{
	uint64_t now = __atomic_load_n(&shared->list_version, __ATOMIC_ACQUIRE);
	unsigned slot = (unsigned)(now % 2);
	uint64_t turn = __atomic_load_n(&shared->list[slot].turn, __ATOMIC_ACQUIRE), size;

	if (now == *version || turn % 2 != 0)
		return false;
	size = __atomic_load_n(&shared->list[slot].size, __ATOMIC_RELAXED);
	buf_clear(out);
	if (size > shared->list_room || !buf_reserve(out, size))
		return false;
	buf_add(out, list_at(shared, slot), size);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->list[slot].turn, __ATOMIC_RELAXED) != turn)
		return false;
	*version = now;
	return true;
}

uint64_t
shared_time(const struct shared *shared)
{
	uint64_t time = 0;

	for (unsigned i = 0; i < shared->workers; i++)
		time = shared->worker[i].time > time ? shared->worker[i].time : time;
	return time;
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

static int
cost_compare(const void *a, const void *b)
{
	const struct detect_cost *x = a, *y = b;

	return x->ns > y->ns ? -1 : x->ns < y->ns;
}

/* One rule's costs of all workers together; returns how many there are then. */
static unsigned
cost_join(struct detect_cost *all, unsigned count, const struct detect_cost *cost)
{
	unsigned i = 0;

	while (i < count && (all[i].gid != cost->gid || all[i].sid != cost->sid))
		i++;
	if (i == count) {
		all[i] = *cost;
		return count + 1;
	}
	all[i].checks += cost->checks;
	all[i].matches += cost->matches;
	all[i].ns += cost->ns;
	return count;
}

/* Shares of the workers' processor time, by stage. */
static void
profile_stages(const struct shared *shared, struct buf *out)
{
	static const char *const names[] = {"capture", "decode", "flow", "app", "prefilter", "evaluate", "output"};
	uint64_t counts[COUNTS_ALL], sum = 0, packets;
	const uint64_t *stage = &counts[AT_ENGINE + ENGINE_STAGE_CAPTURE];

	shared_counts(shared, counts);
	packets = counts[AT_DECODE + DECODE_FRAMES];
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sum += stage[i];
	buf_printf(out, "%10s %12s %12s %8s\n", "stage", "ms", "ns a packet", "share");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		buf_printf(out, "%10s %12llu %12llu %7.1f%%\n", names[i], (unsigned long long)(stage[i] / 1000000),
		    (unsigned long long)(packets > 0 ? stage[i] / packets : 0),
		    sum > 0 ? 100.0 * (double)stage[i] / (double)sum : 0.0);
	buf_add_text(out, "\n");
}

void
shared_profile(const struct shared *shared, unsigned max, struct buf *out)
{
	struct detect_cost *all = calloc((size_t)shared->workers * COSTS_MAX + 1, sizeof(*all));
	unsigned count = 0;

	profile_stages(shared, out);
	buf_printf(out, "%10s %6s %12s %10s %12s %10s\n", "sid", "gid", "checks", "matches", "us", "ns a check");
	for (unsigned w = 0; all != NULL && w < shared->workers; w++) {
		unsigned n = __atomic_load_n(&shared->worker[w].cost_count, __ATOMIC_ACQUIRE);

		for (unsigned i = 0; i < n && i < COSTS_MAX; i++) {
			struct detect_cost cost = shared->worker[w].cost[i];

			count = cost_join(all, count, &cost);
		}
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), cost_compare);
	for (unsigned i = 0; i < count && i < max; i++)
		buf_printf(out, "%10u %6u %12llu %10llu %12llu %10llu\n", all[i].sid, all[i].gid,
		    (unsigned long long)all[i].checks, (unsigned long long)all[i].matches,
		    (unsigned long long)(all[i].ns / 1000),
		    (unsigned long long)(all[i].checks > 0 ? all[i].ns / all[i].checks : 0));
	free(all);
}
