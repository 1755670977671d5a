/* engine's own: the three processes' entry points and what they have in common. */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <signal.h>
#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/shared.h"

struct process {
	const struct engine_job *job;
	struct shared *shared;
	bool live;
};

/* Each runs to its end and answers with an exit code; called in a child of the keeper. */
int inspect_main(const struct process *process);
int courier_main(const struct process *process);
/* Starts both, mends them, waits for them. */
int keeper_main(const struct process *process);

/* The signal flags: the process-wide state besides the log. */
extern atomic_int process_stop, process_reload; /* read by all threads of a process */
/* SIGTERM sets process_stop, SIGHUP process_reload; SIGINT and SIGPIPE are ignored; dies with its parent by SIGTERM. */
void process_begin(const char *name);

/* Joins OUTDIR and a name that may be absolute; ret_path has room for size. */
char *process_path(const char *outdir, const char *name, char *ret_path, size_t size);

#endif
