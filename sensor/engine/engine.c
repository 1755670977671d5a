/* concert read and concert run: what differs between them before the keeper takes over. */
#include "engine/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/process.h"

static int
run(const struct engine_job *job, unsigned workers, bool live)
{
	struct process process = {.job = job, .live = live};
	int code;

	process.shared = shared_new(job->conf, workers, live);
	if (process.shared == NULL) {
		log_error("not enough memory for %u rings of engine.ring bytes", workers);
		return EXIT_FAILED;
	}
	code = keeper_main(&process);
	shared_free(process.shared);
	return code;
}

int
engine_read(const struct engine_job *job)
{
	unsigned workers = job->conf->engine_workers > 0 ? (unsigned)job->conf->engine_workers : 1;

	/* Files are scanned where they are found, so that the output does not depend on when a thread was done. */
	job->conf->detect_yara_threads = 0;
	return run(job, workers, false);
}

int
engine_run(const struct engine_job *job)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = (unsigned)job->conf->engine_workers;

	if (workers == 0)
		workers = processors > 0 && processors < WORKERS_MAX ? (unsigned)processors : 1;
	if (job->conf->capture_interfaces.count == 0) {
		log_error("no interface: say -i IFACE or capture.interfaces");
		return EXIT_USAGE;
	}
	return run(job, workers, true);
}
