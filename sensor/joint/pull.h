/*
 * JSON pulled out of the bytes that it stands in, without a tree and each byte looked at once: a cursor stands at a
 * value, and whoever reads it leaves the cursor behind it.
 *
 *	if (pull_enter(c, '{')) {
 *		while (pull_step(c, &name)) {
 *			if (slice_is(name, "count"))
 *				count = pull_number(pull_take(c), 1);
 *			else
 *				(void)pull_take(c);
 *		}
 *	}
 *
 * For what the verifier has judged already (strict JSON, no member twice); what is none all the same ends in c->bad, or
 * early, and never past the end.  Nesting is bounded.  Slices borrow from the bytes.  Any thread, no state.
 */
#ifndef JOINT_PULL_H
#define JOINT_PULL_H

#include "base/base.h"

/*
 * To the next element of an array, or of an object where its name is asked for (as it stands, escapes and all): the
 * value there is to be passed before the next step.  False: the end; the bracket there is passed.
 */
bool pull_step(struct cur *c, struct slice *ret_name);
/* The value, passed: as it stands, a string with its quotes. */
struct slice pull_take(struct cur *c);
/* Into the object or array; false: it is none, and is passed. */
bool pull_enter(struct cur *c, char bracket);
/* Of the object, which is passed, one member; empty: there is none. */
struct slice pull_take_member(struct cur *c, const char *name);

/* Of values that are at hand.  Each looks at the value from its beginning. */
struct cur pull_inside(struct slice value, char bracket); /* empty: it is none */
bool pull_next(struct cur *c, struct slice *ret_name, struct slice *ret_value); /* a step, and what is there */
struct slice pull_member(struct slice object, const char *name);

/* The text of a string; empty: it is none.  What has escapes is written to scratch, which must not move. */
struct slice pull_text(struct slice value, struct buf *scratch);
double pull_number(struct slice value, double otherwise);
/* A whole number up to most, which is not beyond 2^53; otherwise: it is none, or less than 0, or more. */
uint64_t pull_uint(struct slice value, uint64_t most, uint64_t otherwise);
/* RFC 3339, ns; 0: it is none, or later than 2262, so that spans can be added to what comes out. */
uint64_t pull_time(struct slice value, struct buf *scratch);

#endif
