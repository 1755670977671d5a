/* concert read and concert run: what differs between them before the keeper takes over. */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>
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

/* Whose addresses are ours decides what is told to partners: a guess should not pass unnoticed. */
static void
warn_of_guess(const struct conf *conf)
{
	struct conf *plain = conf_new();
	const char *home = conf_map_get(&conf->detect_vars_address, "HOME_NET");
	const char *guess = plain != NULL ? conf_map_get(&plain->detect_vars_address, "HOME_NET") : NULL;

	if (conf->indicate_home.count == 0 && (home == NULL || (guess != NULL && strcmp(home, guess) == 0)))
		log_warning("no home network is named (vars.address.HOME_NET): the private ranges are taken for it, "
			    "and any other address may be told to partners");
	conf_free(plain);
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
	warn_of_guess(job->conf);
	return run(job, workers, true);
}
