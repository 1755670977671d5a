/* What the processes have in common: signals, names, paths. */
#include "engine/process.h"

#include <stdio.h>
#include <sys/prctl.h>

atomic_int process_stop, process_reload;

static void
on_signal(int signal)
{
	if (signal == SIGHUP)
		process_reload = 1;
	else
		process_stop = 1;
}

void
process_begin(const char *name)
{
	struct sigaction act = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	sigemptyset(&none);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_NAME, name);
	log_open(name, log_level());
}

char *
process_path(const char *outdir, const char *name, char *ret_path, size_t size)
{
	if (name[0] == '/' || outdir == NULL || outdir[0] == '\0')
		snprintf(ret_path, size, "%s", name);
	else
		snprintf(ret_path, size, "%s/%s", outdir, name);
	return ret_path;
}
