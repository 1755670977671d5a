/*
 * engine's own: inspect's side of the partners' watch list.  A thread that gives way to the workers copies each new
 * list from the shared memory, as hostile input, builds a struct watch beside the one in use, and offers it to every
 * worker.
 */
#ifndef ENGINE_HEARSAY_H
#define ENGINE_HEARSAY_H

#include "engine/worker.h"

struct hearsay;

struct hearsay *hearsay_new(const struct conf *conf, struct shared *shared); /* NULL: no memory */
/* The list that is there before any worker is: for worker_setup; may be NULL. */
const struct watch *hearsay_first(struct hearsay *hearsay);
/* Live: workers get every later one. */
enum cc_status hearsay_start(struct hearsay *hearsay, struct worker *const *worker, unsigned workers);
void hearsay_stop(struct hearsay *hearsay); /* accepts NULL, here and below */
void hearsay_free(struct hearsay *hearsay); /* after the workers */

#endif
