/*
 * engine's own: one capture to N workers of a process, so that each pair of addresses stays with one worker.
 *
 * Frames go out in rounds: every worker gets its part, perhaps empty, of the same stretch of the capture, and ticks at
 * the same places.  So all promise to have come to the same point, and the courier can merge in order.
 */
#ifndef ENGINE_DISPATCH_H
#define ENGINE_DISPATCH_H

#include "capture/capture.h"
#include "engine/worker.h"

/* Capture time that passes between two ticks. */
#define TICK_NS (100 * NS_PER_MS)

/* When the next tick is due: plain data. */
struct ticker {
	uint64_t next;
};

/* True: a tick belongs before a frame of this time. */
static inline bool
ticker_due(struct ticker *ticker, uint64_t time)
{
	if (time < ticker->next)
		return false;
	ticker->next = time - time % TICK_NS + TICK_NS;
	return true;
}

/* More frames to come?  Asked now and then; false stops reading. */
typedef bool dispatch_go_fn(void *ctx, struct capture *capture);

/* Reads capture to its end with one worker, on this thread. */
enum cc_status dispatch_one(struct capture *capture, struct worker *w, dispatch_go_fn *go, void *ctx);
/* The same with count workers, a thread each; returns when all have ended. */
enum cc_status dispatch_many(const struct conf *conf, struct capture *capture, struct worker **workers, unsigned count,
    dispatch_go_fn *go, void *ctx);

#endif
