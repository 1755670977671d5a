/*
 * What the stages of a packet's way cost, in every build: of STAGE_EVERY packets one, at gaps that vary, is timed from
 * stage to stage.  Sums are estimates for all packets.  A worker's own.
 */
#ifndef ENGINE_STAGES_H
#define ENGINE_STAGES_H

#include "base/base.h"

#define STAGE_EVERY 128
#define STAGE_LONGEST 1000000 /* ns; what seems to take longer was interrupted, and is left out */

#define STAGE_WAIT 50000 /* ns between two packets: longer than that was waiting */

enum stage { STAGE_CAPTURE, STAGE_DECODE, STAGE_FLOW, STAGE_APP, STAGE_DETECT, STAGE_OUTPUT, STAGE_COUNT };

struct stages {
	uint64_t began;          /* of the stage at hand; 0: this packet is not timed */
	uint64_t ns[STAGE_COUNT];
	uint64_t ended;          /* the timed packet before; 0: there was none */
	uint32_t gap, seed;
};

/* From the end of a timed packet to the next one: it was fetched meanwhile. */
static inline void
stages_fetched(struct stages *s)
{
	uint64_t ns = time_monotonic() - s->ended;

	if (ns < STAGE_WAIT)
		s->ns[STAGE_CAPTURE] += ns;
	s->ended = 0;
}

/* True: this packet is timed. */
static inline bool
stages_open(struct stages *s)
{
	if (s->ended != 0)
		stages_fetched(s);
	if (s->gap-- > 0)
		return false;
	s->seed = s->seed * 1103515245u + 12345u;
	s->gap = (s->seed >> 16) % (2 * STAGE_EVERY - 1);
	s->began = time_monotonic();
	return true;
}

/* What went by since the last one was this stage. */
static inline void
stage_end(struct stages *s, enum stage stage)
{
	uint64_t now;

	if (s->began == 0)
		return;
	now = time_monotonic();
	if (now - s->began < STAGE_LONGEST)
		s->ns[stage] += now - s->began;
	s->began = now;
}

#endif
