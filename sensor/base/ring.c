/*
 * Entries from one process to another through shared memory:
 *
 *	head  tail  promised  | entry | entry | pad ... end
 *	entry: size 4, kind 2, pad 2, seq 8, bytes, up to the next multiple of 8
 *
 * head and tail count all bytes ever written and read; only their remainder is a place.  An entry never wraps: a first
 * word with pad set says that the rest up to the end is unused.
 *
 * Each side believes only its own position, which it keeps in its private view; the shared word is for the other to
 * see.  The writer never reads an entry, so a lying reader can only spoil what it is going to read itself.  The reader
 * reads each word of a header once, checks it against the head that it has read once, and stays at CC_BAD when
 * something can't be.  The bytes of an entry may still change under it: who doesn't trust the writer copies first and
 * checks the copy.  Lock-free.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ring.h"

#define ENTRY_HEAD 16
#define ALIGN 8
#define SIZE_MIN ((size_t)64)
#define SIZE_MOST ((size_t)1 << 31)

struct shared {
	_Alignas(64) _Atomic uint64_t head; /* the writer's words */
	_Atomic uint64_t promised;
	_Alignas(64) _Atomic uint64_t tail; /* the reader's */
	_Alignas(64) uint8_t data[];
};

/* Aligned, since both sides' views may lie in one process. */
struct ring {
	_Alignas(64) struct shared *shared;
	size_t size;
	uint64_t at;    /* our position */
	uint64_t other; /* what we last saw of the other's */
	uint64_t start; /* writer: where the reserved entry begins */
	size_t given;   /* writer: bytes reserved, including the head; reader: bytes of the entry peeked at; 0: none */
	bool reader;
	bool broken;
};

static inline struct slice
no_entry(void)
{
	return (struct slice){NULL, 0};
}

static inline size_t
whole(size_t size)
{
	return ENTRY_HEAD + ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1));
}

static inline _Atomic uint64_t *
word_at(const struct ring *ring, uint64_t position)
{
	return (_Atomic uint64_t *)(void *)(ring->shared->data + (position & (ring->size - 1)));
}

static inline uint64_t
entry_word(size_t size, uint16_t kind, bool pad)
{
	return (uint64_t)size | (uint64_t)kind << 32 | (uint64_t)pad << 48;
}

size_t
ring_memory(size_t size)
{
	return sizeof(struct shared) + size;
}

static struct ring *
view_new(void *memory, size_t size, bool reader)
{
	struct ring *ring;

	if (size < SIZE_MIN || size > SIZE_MOST || (size & (size - 1)) != 0)
		return NULL;
	assert(((uintptr_t)memory & 63) == 0);
	ring = aligned_alloc(64, sizeof(*ring));
	if (ring == NULL)
		return NULL;
	*ring = (struct ring){.shared = memory, .size = size, .reader = reader};
	/* Zero in a new ring; where the last one of our side stopped in one that lived on. */
	ring->at = atomic_load(reader ? &ring->shared->tail : &ring->shared->head);
	ring->broken = ring->at % ALIGN != 0;
	ring->other = reader ? ring->at : atomic_load(&ring->shared->tail);
	return ring;
}

struct ring *
ring_writer(void *memory, size_t size)
{
	return view_new(memory, size, false);
}

struct ring *
ring_reader(void *memory, size_t size)
{
	return view_new(memory, size, true);
}

void
ring_close(struct ring *ring)
{
	free(ring);
}

/* Whether need bytes from our position are free, as far as the reader says; nonsense from it counts as full. */
static inline bool
has_room(struct ring *ring, uint64_t need)
{
	if (ring->at - ring->other <= ring->size && need <= ring->size - (ring->at - ring->other))
		return true;
	ring->other = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
	return ring->at - ring->other <= ring->size && need <= ring->size - (ring->at - ring->other);
}

void *
ring_reserve(struct ring *ring, size_t size)
{
	size_t to_end = ring->size - (ring->at & (ring->size - 1)), total, pad;

	ring->given = 0;
	/* At most half of the ring: larger ones may find no contiguous place even in an empty one. */
	if (size > ring->size / 2 - ENTRY_HEAD || ring->broken)
		return NULL;
	total = whole(size);
	pad = total <= to_end ? 0 : to_end;
	if (!has_room(ring, pad + total))
		return NULL;
	ring->start = ring->at + pad;
	ring->given = total;
	return ring->shared->data + (ring->start & (ring->size - 1)) + ENTRY_HEAD;
}

void
ring_push(struct ring *ring, uint16_t kind, uint64_t seq, size_t size)
{
	assert(ring->given >= whole(size)); /* reserved before, and as much */
	if (ring->start != ring->at)
		atomic_store_explicit(word_at(ring, ring->at), entry_word(0, 0, true), memory_order_relaxed);
	atomic_store_explicit(word_at(ring, ring->start), entry_word(size, kind, false), memory_order_relaxed);
	atomic_store_explicit(word_at(ring, ring->start + 8), seq, memory_order_relaxed);
	ring->at = ring->start + whole(size);
	ring->given = 0;
	atomic_store_explicit(&ring->shared->head, ring->at, memory_order_release);
}

void
ring_watermark(struct ring *ring, uint64_t seq)
{
	atomic_store_explicit(&ring->shared->promised, seq, memory_order_release);
}

static enum cc_status
lied_to(struct ring *ring)
{
	ring->broken = true;
	return CC_BAD;
}

/* Sees to it that there is an entry at our position, and no pad. */
static enum cc_status
find_entry(struct ring *ring, uint64_t *ret_word)
{
	for (int pads = 0;; pads++) {
		uint64_t word, to_end;

		if (ring->other == ring->at) {
			uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

			if (head - ring->at > ring->size || head % ALIGN != 0)
				return lied_to(ring);
			ring->other = head;
			if (head == ring->at)
				return CC_ABSENT;
		}
		word = atomic_load_explicit(word_at(ring, ring->at), memory_order_relaxed);
		if ((word >> 48) == 0) {
			*ret_word = word;
			return CC_OK;
		}
		/* A pad ends at the end of the ring, with an entry behind it: never two, never the whole ring. */
		to_end = ring->size - (ring->at & (ring->size - 1));
		if (word != entry_word(0, 0, true) || pads > 0 || to_end == ring->size ||
		    to_end >= ring->other - ring->at)
			return lied_to(ring);
		ring->at += to_end;
	}
}

enum cc_status
ring_peek(struct ring *ring, uint16_t *ret_kind, uint64_t *ret_seq, struct slice *ret_entry)
{
	uint64_t word = 0;
	enum cc_status st;
	size_t size, total;

	*ret_entry = no_entry();
	ring->given = 0;
	if (ring->broken)
		return CC_BAD;
	st = find_entry(ring, &word);
	if (st != CC_OK)
		return st;
	size = (uint32_t)word;
	total = whole(size);
	if (total > ring->other - ring->at || total > ring->size - (ring->at & (ring->size - 1)))
		return lied_to(ring);
	*ret_kind = (uint16_t)(word >> 32);
	*ret_seq = atomic_load_explicit(word_at(ring, ring->at + 8), memory_order_relaxed);
	*ret_entry = slice_of(ring->shared->data + (ring->at & (ring->size - 1)) + ENTRY_HEAD, size);
	ring->given = total;
	return CC_OK;
}

void
ring_pass(struct ring *ring)
{
	ring->at += ring->given;
	ring->given = 0;
}

void
ring_release(struct ring *ring)
{
	atomic_store_explicit(&ring->shared->tail, ring->at, memory_order_release);
}

uint64_t
ring_position(const struct ring *ring)
{
	return ring->at;
}

void
ring_release_to(struct ring *ring, uint64_t position)
{
	atomic_store_explicit(&ring->shared->tail, position, memory_order_release);
}

bool
ring_resume(struct ring *ring, uint64_t position)
{
	uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);

	if (position % ALIGN != 0 || head - ring->at > ring->size || position - ring->at > head - ring->at)
		return false;
	ring->at = ring->other = position;
	ring_release(ring);
	return true;
}

void
ring_pop(struct ring *ring)
{
	ring_pass(ring);
	ring_release(ring);
}

uint64_t
ring_promised(struct ring *ring)
{
	return atomic_load_explicit(&ring->shared->promised, memory_order_acquire);
}

size_t
ring_used(const struct ring *ring)
{
	uint64_t used;

	if (ring->reader)
		used = atomic_load_explicit(&ring->shared->head, memory_order_acquire) - ring->at;
	else
		used = ring->at - atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
	return used <= ring->size ? (size_t)used : ring->size;
}
