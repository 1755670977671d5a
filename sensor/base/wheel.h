/*
 * A hierarchical timer wheel (Varghese and Lauck, 1987): set, move and cancel in constant time.  Nodes live in their
 * owner's memory.  Time is the caller's, in ns, and only goes forward: earlier is taken as now.  One thread.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

struct wheel_node {
	struct wheel_node *next, **link; /* link NULL: not set */
	uint64_t due;
};

struct wheel;

struct wheel *wheel_new(uint64_t now, uint64_t tick); /* tick in ns; NULL: no memory */
void wheel_free(struct wheel *wheel);

void wheel_set(struct wheel *wheel, struct wheel_node *node, uint64_t due); /* sets or moves */
void wheel_cancel(struct wheel *wheel, struct wheel_node *node);
/* The next node that is due at now, unset; NULL: none.  Call until NULL. */
struct wheel_node *wheel_expire(struct wheel *wheel, uint64_t now);

#endif
