/* engine's own: the progress bar and the summary of concert read. */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include <stdbool.h>

#include "engine/engine.h"
#include "engine/shared.h"

struct progress {
	bool on, drawn;
	uint64_t began, shown; /* monotonic */
};

void progress_open(struct progress *progress, bool wanted); /* a bar only on a terminal */
void progress_show(struct progress *progress, const struct shared *shared);
void progress_close(struct progress *progress);
void progress_summary(const struct engine_job *job, const struct shared *shared);

#endif
