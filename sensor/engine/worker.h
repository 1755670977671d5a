/*
 * engine's own: one worker, the packet's whole way from frame to ring.  Shares nothing with other workers but the rule
 * set (read-only), the threshold table, and its ring's other end.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shared.h"
#include "indicate/indicate.h"
#include "output/output.h"

struct worker_setup {
	const struct conf *conf;
	struct shared *shared;
	unsigned index;
	bool live;
	struct ruleset *set;
	const struct watch *watch; /* from partners; NULL: none yet */
	struct threshold_table *thresholds;
	/* Waits until every other worker has come to this key; NULL: no such order is needed. */
	void (*order)(void *ctx, uint64_t key);
	void *order_ctx;
	/* Called while a full ring is waited for (files, and live at the end): false gives up, what is pushed is lost
	 * and counted. */
	bool (*waiting)(void *ctx);
	void *waiting_ctx;
};

struct worker;

/* *ret_why (malloc) names what is wrong with the configuration on CC_BAD. */
enum cc_status worker_new(const struct worker_setup *setup, struct worker **ret_worker, char **ret_why);
void worker_free(struct worker *w);

/* Live: the name and snap length behind frames' interface; before the first frame. */
void worker_interface(struct worker *w, uint32_t number, const char *name, uint32_t snaplen);
/* One frame, all its way.  capture_fn. */
void worker_frame(void *worker, const struct frame *frame);
/* A frame of another worker's with an IP fragment, at its place among this one's frames: see decode_spread(). */
void worker_note(struct worker *w, const struct frame *frame);
/* Time goes on, at the moment `key`: flows time out, scans are collected, a new rule set is taken up. */
void worker_tick(struct worker *w, uint64_t key, uint64_t now);
/* Everything before key is done: the courier may go on. */
void worker_promise(struct worker *w, uint64_t key);
/* No frame will follow: all flows end, at now (of the capture's last frame, the same for all workers). */
void worker_end(struct worker *w, uint64_t now);

/* Any thread: the rule set to use from the next tick on; worker_set() tells which one is in use. */
void worker_offer(struct worker *w, struct ruleset *set);
struct ruleset *worker_set(const struct worker *w);
/* The same for the partners' list. */
void worker_offer_watch(struct worker *w, const struct watch *watch);
const struct watch *worker_watch(const struct worker *w);
uint64_t worker_progress(const struct worker *w); /* the last promise; any thread */

/* The worker's counters to the shared memory; on its own thread (worker_tick does it, too). */
void worker_publish_counts(struct worker *w);

#endif
