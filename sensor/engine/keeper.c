/*
 * The keeper: starts courier and inspect, counts and mends their crashes, hears signals and the control socket, and
 * over files shows how far it is.  It parses nothing that comes from the wire.
 *
 * A courier that dies is started again: what it had not yet written is still in the rings, what it had spooled is on
 * the disk.  Live, inspect is started again, too; over files its death ends the run, and what it had found is kept.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/control.h"
#include "engine/process.h"
#include "engine/progress.h"
#include "engine/sandbox.h"

#define CRASHES_MAX 5                  /* of one process … */
#define CRASHES_TIME (10 * NS_PER_S)   /* … within this: it is left down */
#define LOOP_MS 100

struct child {
	const char *name;
	int (*main)(const struct process *process);
	pid_t pid;           /* 0: not running */
	bool done;           /* ended as it should, or is not started any more */
	int code;
	unsigned crashes;
	uint64_t crash_time; /* monotonic, of the first of these crashes */
};

struct keeper {
	const struct process *process;
	struct shared *shared;
	struct child inspect, courier;
	struct control *control;
	int signals;
	unsigned asked;      /* how often a signal said to stop */
	bool stopping, failed;
};

static sigset_t
signals_of_keeper(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

static bool
child_start(struct keeper *k, struct child *child)
{
	pid_t pid, keeper = getpid();

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int code;

		close(k->signals);
		control_forget(k->control);
		process_begin(child->name);
		if (getppid() != keeper)
			_exit(EXIT_FAILED); /* the keeper died before we asked to die with it */
		code = child->main(k->process);
		fflush(NULL);
		_exit(code);
	}
	if (pid < 0) {
		log_error("%s can't be started: %s", child->name, strerror(errno));
		child->done = true;
		child->code = EXIT_FAILED;
		k->failed = true;
		return false;
	}
	child->pid = pid;
	return true;
}

/* Counts a crash; false: there were too many of late. */
static bool
may_restart(struct child *child)
{
	uint64_t now = time_monotonic();

	if (child->crashes == 0 || now - child->crash_time > CRASHES_TIME) {
		child->crashes = 0;
		child->crash_time = now;
	}
	return ++child->crashes < CRASHES_MAX;
}

static void
stop_inspect(struct keeper *k)
{
	if (k->inspect.pid != 0)
		kill(k->inspect.pid, SIGTERM);
	else
		__atomic_store_n(&k->shared->closing, 1, __ATOMIC_RELEASE);
}

static void
inspect_ended(struct keeper *k, bool crashed)
{
	struct child *c = &k->inspect;

	if (crashed && k->process->live && !k->stopping && may_restart(c)) {
		k->shared->inspect_starts++;
		k->shared->inspect_ready = 0;
		log_error("inspect is started again");
		if (child_start(k, c))
			return;
	}
	c->done = true;
	k->failed = k->failed || crashed || c->code != EXIT_DONE;
	__atomic_store_n(&k->shared->closing, 1, __ATOMIC_RELEASE);
}

static void
courier_ended(struct keeper *k, bool crashed)
{
	struct child *c = &k->courier;

	if (crashed && k->asked < 2 && may_restart(c)) {
		k->shared->courier_starts++;
		k->shared->courier_ready = 0;
		log_error("courier is started again; what it had not written is still in the rings");
		if (child_start(k, c))
			return;
	}
	c->done = true;
	k->failed = k->failed || crashed || c->code != EXIT_DONE;
	if (!k->inspect.done) { /* nobody will take what inspect finds */
		__atomic_store_n(&k->shared->abandon, 1, __ATOMIC_RELEASE);
		k->stopping = true;
		stop_inspect(k);
	}
}

static void
reap(struct keeper *k)
{
	struct child *children[] = {&k->inspect, &k->courier};
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < 2; i++) {
			struct child *c = children[i];
			bool crashed = WIFSIGNALED(status);

			if (c->pid != pid)
				continue;
			c->pid = 0;
			c->code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
			if (crashed)
				log_error("%s died of signal %d (%s)", c->name, WTERMSIG(status),
				    strsignal(WTERMSIG(status)));
			if (c == &k->inspect)
				inspect_ended(k, crashed);
			else
				courier_ended(k, crashed);
		}
	}
}

static void
on_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			keeper_reload(k);
		} else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			if (++k->asked > 1) { /* don't wait for the broker */
				log_warning("asked twice to stop: what is not delivered stays in the spool");
				if (k->courier.pid != 0)
					kill(k->courier.pid, SIGKILL);
			}
			k->stopping = true;
			if (!k->process->live)
				k->failed = true;
			stop_inspect(k);
		}
	}
	reap(k);
}

void
keeper_reload(struct keeper *k)
{
	if (k->inspect.pid != 0)
		kill(k->inspect.pid, SIGHUP);
	if (k->courier.pid != 0)
		kill(k->courier.pid, SIGHUP);
}

void
keeper_drain(struct keeper *k)
{
	k->stopping = true;
	stop_inspect(k);
}

const struct shared *
keeper_shared(const struct keeper *k)
{
	return k->shared;
}

static void
keeper_round(struct keeper *k)
{
	struct pollfd fds[2] = {{.fd = k->signals, .events = POLLIN}, {.fd = control_fd(k->control), .events = POLLIN}};

	if (poll(fds, 2, LOOP_MS) > 0) {
		if (fds[0].revents != 0)
			on_signals(k);
		if (fds[1].revents != 0)
			control_serve(k->control, k);
	}
}

/* The courier first: if the log or the spool can't be written, nothing is read at all. */
static void
start_both(struct keeper *k)
{
	child_start(k, &k->courier);
	while (!k->courier.done && __atomic_load_n(&k->shared->courier_ready, __ATOMIC_ACQUIRE) == 0 && !k->stopping)
		keeper_round(k);
	if (k->courier.done || k->stopping) {
		k->inspect.done = true;
		__atomic_store_n(&k->shared->closing, 1, __ATOMIC_RELEASE);
		return;
	}
	if (!child_start(k, &k->inspect))
		__atomic_store_n(&k->shared->closing, 1, __ATOMIC_RELEASE);
}

static void
prepare_outdir(const struct process *process)
{
	struct passwd *pw = process->live && geteuid() == 0 ? getpwnam(process->job->conf->engine_user) : NULL;

	if (mkdir(process->job->outdir, 0750) == 0 && pw != NULL &&
	    chown(process->job->outdir, pw->pw_uid, pw->pw_gid) != 0)
		log_warning("%s: can't be given to user %s: %s", process->job->outdir, pw->pw_name, strerror(errno));
}

int
keeper_main(const struct process *process)
{
	struct keeper k = {.process = process,
	    .shared = process->shared,
	    .inspect = {.name = "inspect", .main = inspect_main},
	    .courier = {.name = "courier", .main = courier_main}};
	sigset_t set = signals_of_keeper();
	struct progress progress;
	int code;

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	k.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (k.signals < 0) {
		log_error("signalfd: %s", strerror(errno));
		return EXIT_FAILED;
	}
	k.shared->keeper = getpid();
	prepare_outdir(process);
	if (process->live && (k.control = control_open(process->job->conf->engine_control)) == NULL)
		log_warning("concert ctl will not reach this daemon (engine.control)");
	progress_open(&progress, process->job->summary && !process->live);
	start_both(&k);
	while (!k.inspect.done || !k.courier.done) {
		keeper_round(&k);
		progress_show(&progress, k.shared);
	}
	progress_close(&progress);
	if (process->job->summary && !process->live && k.shared->inspect_starts == 0)
		progress_summary(process->job, k.shared);
	control_close(k.control);
	close(k.signals);
	code = k.failed ? EXIT_FAILED : EXIT_DONE;
	if (k.inspect.code == EXIT_USAGE || k.courier.code == EXIT_USAGE)
		code = EXIT_USAGE;
	return code;
}
