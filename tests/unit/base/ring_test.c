/*
 * The ring: what goes in comes out, over all wraparounds, between two threads; and a reader that meets a hostile writer
 * (or the other way round) says CC_BAD and never looks beyond the memory.
 */
#include <pthread.h>
#include <sched.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/ring.h"

#define ENTRIES 200000

/* Where the words lie, as ring.c draws them. */
enum { HEAD_AT = 0, TAIL_AT = 64, DATA_AT = 128 };

static uint8_t *
memory_new(size_t size)
{
	size_t room = ring_memory(size);
	uint8_t *memory;

	CHECK(room >= size && room % 64 == 0);
	memory = aligned_alloc(64, room);
	memset(memory, 0, room);
	return memory;
}

/* An entry's bytes follow from its number. */
static size_t
size_of(uint64_t seq, size_t most)
{
	return (size_t)(seq * 2654435761u >> 7) % (most + 1);
}

static bool
push(struct ring *ring, uint64_t seq, size_t most)
{
	size_t size = size_of(seq, most);
	uint8_t *p = ring_reserve(ring, most);

	if (p == NULL)
		return false;
	memset(p, (int)(seq & 0xff), size);
	ring_push(ring, (uint16_t)(seq * 3), seq, size);
	return true;
}

static bool
is_entry(struct slice entry, uint16_t kind, uint64_t is_seq, uint64_t seq, size_t most)
{
	if (kind != (uint16_t)(seq * 3) || is_seq != seq || entry.size != size_of(seq, most) ||
	    ((uintptr_t)entry.p & 7) != 0)
		return false;
	for (size_t i = 0; i < entry.size; i++) {
		if (entry.p[i] != (seq & 0xff))
			return false;
	}
	return true;
}

/* Random bursts on both sides, in rings of all sizes. */
TEST(wraparound)
{
	uint64_t seed = 3;

	for (size_t size = 64; size <= 65536; size *= 2) {
		uint8_t *memory = memory_new(size);
		struct ring *writer = ring_writer(memory, size), *reader = ring_reader(memory, size);
		uint64_t written = 0, read = 0, seq;
		size_t most = size / 2 - 16;
		struct slice entry;
		uint16_t kind;

		while (written < 20000) {
			for (uint64_t n = rand_below(&seed, 20); n > 0 && push(writer, written, most); n--)
				written++;
			CHECK(ring_used(writer) == ring_used(reader) && ring_used(reader) <= size);
			for (uint64_t n = rand_below(&seed, 20); n > 0 && read < written; n--) {
				CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK);
				CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK); /* the same again */
				CHECK(is_entry(entry, kind, seq, read, most));
				ring_pop(reader);
				read++;
			}
		}
		while (ring_peek(reader, &kind, &seq, &entry) == CC_OK) {
			CHECK(is_entry(entry, kind, seq, read++, most));
			ring_pop(reader);
		}
		CHECK(read == written && ring_used(reader) == 0 && ring_used(writer) == 0);
		CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_ABSENT);
		/* The largest fits in an empty ring wherever it stands; a byte more never. */
		CHECK(ring_reserve(writer, most) != NULL && ring_reserve(writer, most + 1) == NULL);
		ring_close(writer);
		ring_close(reader);
		free(memory);
	}
	ring_close(NULL);
}

TEST(full)
{
	uint8_t *memory = memory_new(1024);
	struct ring *writer = ring_writer(memory, 1024), *reader = ring_reader(memory, 1024);
	struct slice entry;
	uint16_t kind;
	uint64_t seq;
	int count = 0;

	while (ring_reserve(writer, 48) != NULL) {
		ring_push(writer, 1, 1, 48);
		count++;
	}
	CHECK_UINT(count, 16);
	CHECK_UINT(ring_used(reader), 1024);
	CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK && ring_reserve(writer, 48) == NULL);
	ring_pop(reader);
	CHECK(ring_reserve(writer, 49) == NULL && ring_reserve(writer, 48) != NULL);
	/* Reserved and not used: nothing has changed. */
	CHECK_UINT(ring_used(reader), 1024 - 64);
	CHECK(ring_reserve(writer, SIZE_MAX) == NULL);
	ring_close(writer);
	ring_close(reader);
	free(memory);
	CHECK(ring_writer(NULL, 32) == NULL && ring_writer(NULL, 100) == NULL && ring_reader(NULL, 0) == NULL);
}

/* What was passed is not free before it is released, and a reader that opens anew meets it again. */
TEST(pass_and_release)
{
	uint8_t *memory = memory_new(1024);
	struct ring *writer = ring_writer(memory, 1024), *reader = ring_reader(memory, 1024);
	struct slice entry;
	uint16_t kind;
	uint64_t seq, next = 0;

	for (uint64_t round = 0; round < 500; round++) {
		uint64_t first = next;

		while (push(writer, next, 60))
			next++;
		for (uint64_t n = first; n < next; n++) {
			CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK && is_entry(entry, kind, seq, n, 60));
			ring_pass(reader);
			CHECK(!push(writer, next, 60));
		}
		CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_ABSENT && ring_used(reader) == 0);
		if (round % 7 == 0) {
			ring_close(reader);
			reader = ring_reader(memory, 1024);
			for (uint64_t n = first; n < next; n++) {
				CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK && seq == n);
				ring_pass(reader);
			}
		}
		ring_release(reader);
		CHECK_UINT(ring_used(writer), 0);
	}
	ring_close(writer);
	ring_close(reader);
	free(memory);
}

TEST(watermark)
{
	uint8_t *memory = memory_new(1024);
	struct ring *writer = ring_writer(memory, 1024), *reader = ring_reader(memory, 1024);

	CHECK_UINT(ring_promised(reader), 0);
	ring_watermark(writer, 77);
	CHECK_UINT(ring_promised(reader), 77);
	CHECK_UINT(ring_used(reader), 0);
	ring_close(writer);
	ring_close(reader);
	free(memory);
}

/* Who opens a ring that lived on goes on where the last one stopped. */
TEST(reopened)
{
	uint8_t *memory = memory_new(1024);
	struct slice entry;
	uint16_t kind;
	uint64_t seq;

	for (uint64_t n = 0; n < 1000; n++) {
		struct ring *writer = ring_writer(memory, 1024), *reader = ring_reader(memory, 1024);

		CHECK(push(writer, 2 * n, 100) && push(writer, 2 * n + 1, 100));
		for (uint64_t i = 0; i < (n == 0 ? 1 : 2); i++) {
			CHECK(ring_peek(reader, &kind, &seq, &entry) == CC_OK);
			CHECK(is_entry(entry, kind, seq, n == 0 ? 0 : 2 * n - 1 + i, 100));
			ring_pop(reader);
		}
		ring_close(writer);
		ring_close(reader);
	}
	free(memory);
}

static void *
write_all(void *arg)
{
	for (uint64_t seq = 0; seq < ENTRIES; seq++) {
		while (!push(arg, seq, 300))
			sched_yield();
		if (seq % 64 == 0)
			ring_watermark(arg, seq + 1);
	}
	return NULL;
}

TEST(two_threads)
{
	uint8_t *memory = memory_new(4096);
	struct ring *writer = ring_writer(memory, 4096), *reader = ring_reader(memory, 4096);
	uint64_t wrong = 0, broken_promises = 0, seq;
	struct slice entry;
	pthread_t thread;
	uint16_t kind;

	CHECK(pthread_create(&thread, NULL, write_all, writer) == 0);
	for (uint64_t read = 0; read < ENTRIES; read++) {
		uint64_t promised = ring_promised(reader);
		enum cc_status st;

		while ((st = ring_peek(reader, &kind, &seq, &entry)) == CC_ABSENT) {
			/* Nothing waits: all below the promise has been read. */
			broken_promises += promised > read;
			promised = ring_promised(reader);
			sched_yield();
		}
		wrong += st != CC_OK || !is_entry(entry, kind, seq, read, 300);
		ring_pop(reader);
	}
	pthread_join(thread, NULL);
	CHECK_UINT(wrong, 0);
	CHECK_UINT(broken_promises, 0);
	ring_close(writer);
	ring_close(reader);
	free(memory);
}

static void
put_u64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint64_t
get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Odd values of every kind: small, near the ring's size, near 2^32 and 2^64, random bits. */
static uint64_t
odd_value(uint64_t *seed, size_t size)
{
	uint64_t near = rand_below(seed, 40) - 20;

	switch (rand_below(seed, 7)) {
	case 0:
		return near;
	case 1:
		return size + near;
	case 2:
		return size / 2 + near;
	case 3:
		return (1ull << 32) + near;
	case 4:
		return 1ull << rand_below(seed, 64);
	case 5:
		return 1ull << 48 | rand_below(seed, 3);
	default:
		return rand_next(seed);
	}
}

/* A reader against a writer that scribbles anywhere: entries stay inside, the end is CC_BAD or CC_ABSENT. */
TEST(hostile_writer)
{
	uint64_t seed = 11;
	unsigned bad = 0;

	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)64 << rand_below(&seed, 6);
		uint8_t *memory = memory_new(size); /* exactly so large: the sanitizer watches its ends */
		struct ring *writer = ring_writer(memory, size), *reader = ring_reader(memory, size);
		enum cc_status st = CC_OK;

		for (uint64_t seq = 0; seq < 40; seq++) {
			struct slice entry;
			uint16_t kind;
			uint64_t got;

			while (rand_below(&seed, 3) != 0 && push(writer, seq, size / 4))
				;
			if (rand_below(&seed, 8) == 0)
				put_u64(memory + DATA_AT + rand_below(&seed, size / 8) * 8, odd_value(&seed, size));
			if (rand_below(&seed, 8) == 0)
				put_u64(memory + HEAD_AT, rand_below(&seed, 2) == 0
							      ? odd_value(&seed, size)
							      : get_u64(memory + HEAD_AT) + odd_value(&seed, size));
			st = ring_peek(reader, &kind, &got, &entry);
			CHECK(st == CC_OK || st == CC_BAD || st == CC_ABSENT);
			CHECK(ring_used(reader) <= size);
			if (st == CC_OK) {
				CHECK(entry.p >= memory + DATA_AT && entry.size <= size);
				CHECK((size_t)(entry.p - (memory + DATA_AT)) + entry.size <= size);
				ring_pop(reader);
			}
			if (st == CC_BAD) {
				bad++;
				CHECK(ring_peek(reader, &kind, &got, &entry) == CC_BAD && entry.size == 0);
				break;
			}
		}
		ring_close(writer);
		ring_close(reader);
		free(memory);
	}
	CHECK(bad > 1000);
}

/* A writer against a reader that lies about where it is: room is always inside, and never more than the ring. */
TEST(hostile_reader)
{
	uint64_t seed = 12;

	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)64 << rand_below(&seed, 6);
		uint8_t *memory = memory_new(size);
		struct ring *writer = ring_writer(memory, size);

		for (uint64_t seq = 0; seq < 40; seq++) {
			size_t want = rand_below(&seed, size);
			uint8_t *p;

			if (rand_below(&seed, 2) == 0)
				put_u64(memory + TAIL_AT, rand_below(&seed, 2) == 0
							      ? odd_value(&seed, size)
							      : get_u64(memory + HEAD_AT) - odd_value(&seed, size));
			p = ring_reserve(writer, want);
			CHECK(ring_used(writer) <= size);
			if (p == NULL)
				continue;
			CHECK(p >= memory + DATA_AT + 16 && p + want <= memory + DATA_AT + size);
			memset(p, 0xee, want);
			ring_push(writer, 1, seq, rand_below(&seed, want + 1));
		}
		ring_close(writer);
		free(memory);
	}
}

/* One lie at a time, each recognised. */
TEST(each_lie)
{
	static const struct lie {
		size_t at;
		uint64_t value;
	} lies[] = {
	    {HEAD_AT, 1025},           /* more than the ring holds, and odd */
	    {HEAD_AT, 4096},           /* more than the ring holds */
	    {HEAD_AT, 41},             /* not a multiple of 8 */
	    {HEAD_AT, UINT64_MAX - 7}, /* behind the reader */
	    {DATA_AT, 25},             /* an entry beyond the head */
	    {DATA_AT, 0xffffffff},     /* the largest size */
	    {DATA_AT, 0xfffffff0},     /* one that would wrap in 32 bits */
	    {DATA_AT, 1ull << 48},     /* a pad over the whole ring */
	    {DATA_AT, 1ull << 48 | 5}, /* a pad with a size */
	    {DATA_AT, 1ull << 49 | 8}, /* unknown flags */
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t *memory = memory_new(1024);
		struct ring *writer = ring_writer(memory, 1024), *reader = ring_reader(memory, 1024);
		struct slice entry;
		uint16_t kind;
		enum cc_status st;
		uint64_t seq;

		CHECK(ring_reserve(writer, 24) != NULL);
		ring_push(writer, 1, 2, 24);
		put_u64(memory + lies[i].at, lies[i].value);
		st = ring_peek(reader, &kind, &seq, &entry);
		CHECK(st == CC_BAD);
		if (st != CC_BAD)
			printf("lie %zu\n", i);
		ring_close(writer);
		ring_close(reader);
		free(memory);
	}
}

TESTS(T(wraparound), T(full), T(pass_and_release), T(watermark), T(reopened), T(two_threads), T(hostile_writer),
    T(hostile_reader), T(each_lie))
