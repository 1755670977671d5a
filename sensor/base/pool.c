/*
 * Memory with a budget.  One region is mapped at start; a buddy allocator (Knuth 1.2.5) deals in its pages, 4 KiB to
 * 4 MiB, and sizes up to 2 KiB are cut from slabs: blocks of the buddy allocator with objects of one class, and a bit
 * for each that is free.  All book-keeping is beside the region in one struct for each page, so that a parser that
 * writes past its object can't bend the allocator, and a wrong or second pool_give() is caught by an assert.
 *
 * An empty slab goes back to the buddy allocator, but for one of each class that stays idle for the next take; a take
 * that finds no block gives the idle ones back first and tries again.  So when everything was given back, everything
 * merges. One thread.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pool.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISON 1
#endif
#endif

#ifdef POOL_POISON
#include <sanitizer/asan_interface.h>
#define poison(p, size) __asan_poison_memory_region(p, size)
#define unpoison(p, size) __asan_unpoison_memory_region(p, size)
#else
#define poison(p, size) ((void)0)
#define unpoison(p, size) ((void)0)
#endif

#define PAGE_BITS 12
#define PAGE ((size_t)1 << PAGE_BITS)
#define ORDERS 11 /* 4 KiB << 10 is POOL_BLOCK_MAX */
#define SMALL_MAX 2048
#define CLASSES 11
#define HUGE_FROM ((size_t)32 << 20) /* a budget from which huge pages are worth asking for */
#define NONE UINT32_MAX

/* What a page is, in the upper bits of its kind; the order in the lower. */
enum { INSIDE = 0, FREE = 0x10, TAKEN = 0x20, SLAB = 0x30 };

struct page {
	uint64_t free;       /* of a slab: bit n is set when object n is free */
	uint32_t next, prev; /* of a free block, of a slab with free objects */
	uint8_t kind;
	uint8_t class;
};

/* The free bits of a slab are 64: a slab has no more objects. */
struct slab_class {
	uint16_t size;
	uint8_t order; /* of its slabs: larger where 4 KiB would leave much over */
	uint8_t count;
	uint32_t reciprocal; /* 2^32 / size, rounded up: offsets below 16 KiB divide exactly */
};

/* clang-format off */
#define CLASS(size, order) {size, order, (4096u << order) / size, (uint32_t)((0x100000000ull + size - 1) / size)}
/* clang-format on */
static const struct slab_class classes[CLASSES] = {
    CLASS(64, 0),
    CLASS(96, 0),
    CLASS(128, 0),
    CLASS(192, 0),
    CLASS(256, 0),
    CLASS(384, 0),
    CLASS(512, 0),
    CLASS(768, 2),
    CLASS(1024, 2),
    CLASS(1536, 2),
    CLASS(2048, 2),
};

/* The class of a size, by (size + 31) / 32. */
static const uint8_t class_of[SMALL_MAX / 32 + 1] = {0, 0, 0, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7,
    7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    10, 10, 10, 10, 10, 10, 10};

struct pool {
	uint8_t *base;
	size_t used, budget;
	uint64_t refused;
	uint32_t partial[CLASSES]; /* slabs with free objects */
	uint32_t idle[CLASSES];    /* the one of them without taken objects, or NONE */
	uint32_t blocks[ORDERS];   /* free blocks */
	uint32_t orders;           /* which of them are not empty */
	uint32_t page_count;
	void *map; /* what munmap() gets */
	size_t map_size;
	struct page *pages;
};

static inline void
list_put(struct pool *pool, uint32_t *list, uint32_t at)
{
	struct page *page = &pool->pages[at];

	page->next = *list;
	page->prev = NONE;
	if (*list != NONE)
		pool->pages[*list].prev = at;
	*list = at;
}

static inline void
list_remove(struct pool *pool, uint32_t *list, uint32_t at)
{
	struct page *page = &pool->pages[at];

	if (page->prev != NONE)
		pool->pages[page->prev].next = page->next;
	else
		*list = page->next;
	if (page->next != NONE)
		pool->pages[page->next].prev = page->prev;
}

/* Blocks of the buddy allocator, by the number of their first page. */

static void
block_put(struct pool *pool, uint32_t at, unsigned order)
{
	pool->pages[at].kind = (uint8_t)(FREE | order);
	list_put(pool, &pool->blocks[order], at);
	pool->orders |= 1u << order;
}

static void
block_remove(struct pool *pool, uint32_t at, unsigned order)
{
	list_remove(pool, &pool->blocks[order], at);
	if (pool->blocks[order] == NONE)
		pool->orders &= ~(1u << order);
	pool->pages[at].kind = INSIDE;
}

static uint32_t
block_take(struct pool *pool, unsigned order)
{
	uint32_t fit = pool->orders >> order, at;
	unsigned have;

	if (fit == 0)
		return NONE;
	have = order + (unsigned)__builtin_ctz(fit);
	at = pool->blocks[have];
	block_remove(pool, at, have);
	while (have > order) {
		have--;
		block_put(pool, at + (1u << have), have);
	}
	return at;
}

static void
block_give(struct pool *pool, uint32_t at, unsigned order)
{
	pool->pages[at].kind = INSIDE;
	for (; order + 1 < ORDERS; order++) {
		uint32_t buddy = at ^ 1u << order;

		if (buddy >= pool->page_count || pool->pages[buddy].kind != (FREE | order))
			break;
		block_remove(pool, buddy, order);
		at &= ~(1u << order);
	}
	block_put(pool, at, order);
}

static bool
give_idle(struct pool *pool)
{
	bool any = false;

	for (unsigned i = 0; i < CLASSES; i++) {
		uint32_t at = pool->idle[i];

		if (at == NONE)
			continue;
		pool->idle[i] = NONE;
		list_remove(pool, &pool->partial[i], at);
		block_give(pool, at, classes[i].order);
		any = true;
	}
	return any;
}

static uint32_t
block_take_hard(struct pool *pool, unsigned order)
{
	uint32_t at = block_take(pool, order);

	if (at == NONE && give_idle(pool))
		at = block_take(pool, order);
	return at;
}

static inline unsigned
order_of(size_t size)
{
	return size <= PAGE ? 0 : 64 - PAGE_BITS - (unsigned)__builtin_clzll(size - 1);
}

/* The region begins on a boundary of the largest block, so that huge pages and buddies are where they seem. */
static bool
map_region(struct pool *pool)
{
	uintptr_t start;

	pool->map_size = pool->budget + POOL_BLOCK_MAX;
	pool->map =
	    mmap(NULL, pool->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->map == MAP_FAILED) {
		pool->map = NULL;
		return false;
	}
	start = ((uintptr_t)pool->map + POOL_BLOCK_MAX - 1) & ~(uintptr_t)(POOL_BLOCK_MAX - 1);
	pool->base = (uint8_t *)pool->map + (start - (uintptr_t)pool->map);
	if (pool->budget >= HUGE_FROM)
		(void)madvise(pool->base, pool->budget, MADV_HUGEPAGE);
	poison(pool->base, pool->budget);
	return true;
}

static void
lay_out(struct pool *pool)
{
	uint32_t at, count;

	for (unsigned i = 0; i < CLASSES; i++)
		pool->partial[i] = pool->idle[i] = NONE;
	for (unsigned i = 0; i < ORDERS; i++)
		pool->blocks[i] = NONE;
	/* From the end, so that the first takes come from the beginning; what is no whole 4 MiB is cut in smaller
	 * blocks. */
	for (at = pool->page_count; at > 0; at -= count) {
		unsigned order = (unsigned)__builtin_ctz(at);

		order = order < ORDERS ? order : ORDERS - 1;
		count = 1u << order;
		block_put(pool, at - count, order);
	}
}

struct pool *
pool_new(size_t budget)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->budget = budget & ~(PAGE - 1);
	if (pool->budget == 0 || pool->budget >> PAGE_BITS >= NONE)
		goto fail;
	pool->page_count = (uint32_t)(pool->budget >> PAGE_BITS);
	pool->pages = calloc(pool->page_count, sizeof(struct page));
	if (pool->pages == NULL || !map_region(pool))
		goto fail;
	lay_out(pool);
	return pool;
fail:
	pool_free(pool);
	return NULL;
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	if (pool->map != NULL) {
		unpoison(pool->base, pool->budget);
		munmap(pool->map, pool->map_size);
	}
	free(pool->pages);
	free(pool);
}

static inline uint64_t
all_free(const struct slab_class *c)
{
	return UINT64_MAX >> (64 - c->count);
}

/* A slab of class with all objects free, first of its list; NONE when memory is used up. */
static __attribute__((noinline)) uint32_t
slab_new(struct pool *pool, unsigned class)
{
	const struct slab_class *c = &classes[class];
	uint32_t at = block_take_hard(pool, c->order);
	struct page *page;

	if (at == NONE)
		return NONE;
	page = &pool->pages[at];
	page->kind = (uint8_t)(SLAB | c->order);
	page->class = (uint8_t) class;
	page->free = all_free(c);
	list_put(pool, &pool->partial[class], at);
	return at;
}

static inline void *
take_small(struct pool *pool, size_t size)
{
	unsigned class = class_of[(size + 31) / 32], object;
	uint32_t at = pool->partial[class];
	struct page *page;
	void *p;

	if (at == NONE && (at = slab_new(pool, class)) == NONE)
		return NULL;
	page = &pool->pages[at];
	object = (unsigned)__builtin_ctzll(page->free);
	page->free &= page->free - 1;
	if (page->free == 0)
		list_remove(pool, &pool->partial[class], at);
	if (at == pool->idle[class])
		pool->idle[class] = NONE;
	pool->used += classes[class].size;
	p = pool->base + ((size_t)at << PAGE_BITS) + (size_t)object * classes[class].size;
	unpoison(p, size);
	return p;
}

static inline void
slab_emptied(struct pool *pool, unsigned class, uint32_t at)
{
	if (pool->idle[class] == NONE) {
		pool->idle[class] = at;
		return;
	}
	list_remove(pool, &pool->partial[class], at);
	block_give(pool, at, classes[class].order);
}

static inline void
give_small(struct pool *pool, size_t offset, size_t size)
{
	unsigned class = class_of[(size + 31) / 32];
	const struct slab_class *c = &classes[class];
	uint32_t at = (uint32_t)(offset >> PAGE_BITS) & ~((1u << c->order) - 1);
	struct page *page = &pool->pages[at];
	uint32_t inside = (uint32_t)(offset - ((size_t)at << PAGE_BITS));
	unsigned object = (unsigned)((uint64_t)inside * c->reciprocal >> 32);
	uint64_t bit = 1ull << object;

	assert(page->kind == (SLAB | c->order) && page->class == class); /* given back with another size */
	assert(object * c->size == inside && object < c->count);         /* not where an object begins */
	assert((page->free & bit) == 0);                                 /* given back twice */
	if (page->free == 0)
		list_put(pool, &pool->partial[class], at);
	page->free |= bit;
	pool->used -= c->size;
	poison(pool->base + offset, c->size);
	if (page->free == all_free(c))
		slab_emptied(pool, class, at);
}

static __attribute__((noinline)) void *
take_block(struct pool *pool, size_t size)
{
	unsigned order = order_of(size);
	uint32_t at = block_take_hard(pool, order);
	uint8_t *p;

	if (at == NONE)
		return NULL;
	pool->pages[at].kind = (uint8_t)(TAKEN | order);
	pool->used += PAGE << order;
	p = pool->base + ((size_t)at << PAGE_BITS);
	unpoison(p, size);
	return p;
}

static __attribute__((noinline)) void
give_block(struct pool *pool, size_t offset, size_t size)
{
	unsigned order = order_of(size);
	uint32_t at = (uint32_t)(offset >> PAGE_BITS);

	assert((offset & (PAGE - 1)) == 0 && pool->pages[at].kind == (TAKEN | order)); /* twice, or another size */
	pool->used -= PAGE << order;
	poison(pool->base + offset, PAGE << order);
	block_give(pool, at, order);
}

void *
pool_take(struct pool *pool, size_t size)
{
	void *p = NULL;

	if (size - 1 < SMALL_MAX)
		p = take_small(pool, size);
	else if (size - 1 < POOL_BLOCK_MAX)
		p = take_block(pool, size);
	if (p == NULL)
		pool->refused++;
	return p;
}

void *
pool_take_zero(struct pool *pool, size_t size)
{
	void *p = pool_take(pool, size);

	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
pool_give(struct pool *pool, void *p, size_t size)
{
	size_t offset;

	if (p == NULL)
		return;
	offset = (size_t)((uintptr_t)p - (uintptr_t)pool->base);
	assert(offset < pool->budget && size - 1 < POOL_BLOCK_MAX); /* not of this pool */
	if (size <= SMALL_MAX)
		give_small(pool, offset, size);
	else
		give_block(pool, offset, size);
}

size_t
pool_room(size_t size)
{
	if (size - 1 < SMALL_MAX)
		return classes[class_of[(size + 31) / 32]].size;
	if (size - 1 < POOL_BLOCK_MAX)
		return PAGE << order_of(size);
	return 0;
}

size_t
pool_used(const struct pool *pool)
{
	return pool->used;
}

size_t
pool_budget(const struct pool *pool)
{
	return pool->budget;
}

uint64_t
pool_refused(const struct pool *pool)
{
	return pool->refused;
}
