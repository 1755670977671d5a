/*
 * Puts the stages together: processes, threads, rings, the packet's way, reload, what goes out.
 *
 * Two ways to run.  Over files, one process inspects and one is the courier; the output is in the order of the packets,
 * whatever the number of workers.  Live, a keeper starts inspect and courier, confined each to what it needs, and
 * starts them again when they die; what is in the rings and on the spool survives that.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

/* Exit codes of the program. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct engine_job {
	struct conf *conf;
	const char *conf_path;   /* read again at reload; NULL: none */
	char *const *set;        /* --set and -S … again over it at reload */
	size_t set_count;
	const char *outdir;
	char *const *paths;      /* captures, read only */
	size_t path_count;
	bool summary;            /* print the summary, and a progress bar if standard error is a terminal */
};

/* concert read.  Answers with the exit code. */
int engine_read(const struct engine_job *job);
/* concert run: stays until SIGTERM or SIGINT. */
int engine_run(const struct engine_job *job);
/* concert ctl: one word to the running daemon, its answer to standard output. */
int engine_ctl(const struct conf *conf, const char *word);

#endif
