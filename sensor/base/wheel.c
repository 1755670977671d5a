/*
 * The timer wheel: eleven levels of 64 slots, one level for each six bits of the tick count, so that no due time is too
 * far.  A node lies on the level of the highest bits in which its tick differs from now.  From that follows: all slots
 * in use on a level are ahead of now's own digit there, and the earliest node is in the first slot in use of the lowest
 * level in use.  Two bit maps find it without looking at empty slots, however far time jumps.  One thread.
 *
 * Due times are rounded up to ticks: a node expires late by less than a tick, never early.
 */
#include <stdlib.h>

#include "base/wheel.h"

#define LEVEL_BITS 6
#define SLOTS 64
#define LEVELS 11 /* 11 * 6 >= 64 */

struct wheel {
	uint64_t tick, reciprocal;
	uint64_t now;             /* in ticks */
	uint32_t levels;          /* which have a slot in use */
	uint64_t used[LEVELS];    /* which slots are in use */
	struct wheel_node *ready; /* due at now or before */
	struct wheel_node *slots[LEVELS * SLOTS];
};

/* ns / tick by multiplication: the estimate is at most two too small. */
static inline uint64_t
ticks_of(const struct wheel *wheel, uint64_t ns, uint64_t *ret_rest)
{
	uint64_t n = (uint64_t)((unsigned __int128)ns * wheel->reciprocal >> 64);
	uint64_t rest = ns - n * wheel->tick;

	while (rest >= wheel->tick) {
		rest -= wheel->tick;
		n++;
	}
	*ret_rest = rest;
	return n;
}

struct wheel *
wheel_new(uint64_t now, uint64_t tick)
{
	struct wheel *wheel = calloc(1, sizeof(*wheel));
	uint64_t rest;

	if (wheel == NULL)
		return NULL;
	wheel->tick = tick > 0 ? tick : 1;
	wheel->reciprocal = UINT64_MAX / wheel->tick;
	wheel->now = ticks_of(wheel, now, &rest);
	return wheel;
}

void
wheel_free(struct wheel *wheel)
{
	free(wheel);
}

static inline void
put_first(struct wheel_node **list, struct wheel_node *node)
{
	node->next = *list;
	node->link = list;
	if (node->next != NULL)
		node->next->link = &node->next;
	*list = node;
}

static inline void
file_node(struct wheel *wheel, struct wheel_node *node, uint64_t due)
{
	unsigned level, slot;

	if (due <= wheel->now) {
		put_first(&wheel->ready, node);
		return;
	}
	level = (63 - (unsigned)__builtin_clzll(due ^ wheel->now)) / LEVEL_BITS;
	slot = due >> (level * LEVEL_BITS) & (SLOTS - 1);
	put_first(&wheel->slots[level * SLOTS + slot], node);
	wheel->used[level] |= 1ull << slot;
	wheel->levels |= 1u << level;
}

/* The list that begins at link went empty: if it is a slot's, its bit goes too. */
static inline void
note_empty(struct wheel *wheel, struct wheel_node **link)
{
	uintptr_t at = (uintptr_t)link, first = (uintptr_t)wheel->slots;
	size_t slot;

	if (at < first || at >= first + sizeof(wheel->slots))
		return;
	slot = (at - first) / sizeof(wheel->slots[0]);
	wheel->used[slot / SLOTS] &= ~(1ull << slot % SLOTS);
	if (wheel->used[slot / SLOTS] == 0)
		wheel->levels &= ~(1u << slot / SLOTS);
}

static inline void
unlink_node(struct wheel *wheel, struct wheel_node *node)
{
	*node->link = node->next;
	if (node->next != NULL)
		node->next->link = node->link;
	else
		note_empty(wheel, node->link);
	node->next = NULL;
	node->link = NULL;
}

static inline uint64_t
due_tick(const struct wheel *wheel, uint64_t due)
{
	uint64_t rest, ticks = ticks_of(wheel, due, &rest);

	return ticks + (rest > 0);
}

void
wheel_set(struct wheel *wheel, struct wheel_node *node, uint64_t due)
{
	if (node->link != NULL)
		unlink_node(wheel, node);
	node->due = due;
	file_node(wheel, node, due_tick(wheel, due));
}

void
wheel_cancel(struct wheel *wheel, struct wheel_node *node)
{
	if (node->link != NULL)
		unlink_node(wheel, node);
}

/* Moves time to the next slot in use, at most to target.  False: there is none until then, and now is target. */
static bool
advance(struct wheel *wheel, uint64_t target)
{
	unsigned level, slot, shift;
	struct wheel_node *node, *next;
	uint64_t start;

	if (wheel->levels == 0) {
		wheel->now = target;
		return false;
	}
	level = (unsigned)__builtin_ctz(wheel->levels);
	slot = (unsigned)__builtin_ctzll(wheel->used[level]);
	shift = level * LEVEL_BITS;
	start = wheel->now >> shift;
	start = ((start & ~(uint64_t)(SLOTS - 1)) | slot) << shift;
	if (start > target) {
		wheel->now = target;
		return false;
	}
	wheel->now = start;
	node = wheel->slots[level * SLOTS + slot];
	wheel->slots[level * SLOTS + slot] = NULL;
	note_empty(wheel, &wheel->slots[level * SLOTS + slot]);
	for (; node != NULL; node = next) {
		next = node->next;
		file_node(wheel, node, due_tick(wheel, node->due)); /* ready, or a lower level */
	}
	return true;
}

struct wheel_node *
wheel_expire(struct wheel *wheel, uint64_t now)
{
	struct wheel_node *node;
	uint64_t rest, target = ticks_of(wheel, now, &rest);

	while (wheel->ready == NULL) {
		if (wheel->now >= target || !advance(wheel, target))
			return NULL;
	}
	node = wheel->ready;
	unlink_node(wheel, node);
	__builtin_prefetch(wheel->ready, 1); /* nobody has touched it for long */
	return node;
}
