/* What inspect can still do once it is confined: the things that it needs, and none that a parser taken over would
 * want. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/sandbox.h"
#include "unit/test.h"

static char dir[] = "/tmp/concert-sandbox-XXXXXX";

static void
put(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)!write(fd, "text", 4);
		close(fd);
	}
}

static void *
nothing(void *ctx)
{
	return ctx;
}

static bool
opens(const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A number for each thing that is not as it should be; runs in a process of its own, as there is no way back. */
static int
confined(void)
{
	char inside[64], outside[64];
	const char *statistics = "/sys/class/net/lo/statistics", *readable[] = {inside, statistics, NULL};
	struct rlimit limit = {0, 0};
	pthread_t thread;
	bool has_sysfs = access(statistics, F_OK) == 0;
	pid_t parent = getppid(), pid;

	snprintf(inside, sizeof(inside), "%s/in", dir);
	snprintf(outside, sizeof(outside), "%s/out", dir);
	if (sandbox_user("", "test") == CC_DENIED || sandbox_inspect(readable) != CC_OK)
		return 1;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	if (!opens("in/rules", O_RDONLY))
		return 3;
	if (opens("in/rules", O_WRONLY) || opens("in/rules", O_RDWR) || opens("in/rules", O_RDONLY | O_TRUNC) ||
	    opens("in/new", O_RDONLY | O_CREAT) || opens("out", O_WRONLY))
		return 4;
	if (truncate(outside, 0) == 0 || chmod(outside, 0777) == 0 || unlink(outside) == 0 ||
	    link(outside, inside) == 0 || mkdir(inside, 0700) == 0)
		return 5;
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid > 0 || syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0)
		return 6;
	if (socket(AF_INET, SOCK_DGRAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		return 7;
	if (kill(parent, 0) == 0 || syscall(SYS_tgkill, parent, parent, 0) == 0 ||
	    syscall(SYS_rt_sigqueueinfo, parent, 0, NULL) == 0 || errno != EPERM)
		return 8;
	if (prlimit(parent, RLIMIT_CORE, NULL, &limit) == 0)
		return 9;
	if (has_sysfs && open("/sys/class/net/lo/statistics/rx_missed_errors", O_RDONLY | O_CLOEXEC) < 0)
		return 11;
	if (raise(0) != 0) /* abort() needs it */
		return 10;
	return 0;
}

TEST(what_is_left)
{
	char path[64];
	int status = 0;
	pid_t pid;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/in", dir);
	CHECK(mkdir(path, 0700) == 0);
	put("in/rules");
	put("out");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(confined());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_UINT(status, 0); /* above: the number of what went wrong, times 256 */
	snprintf(path, sizeof(path), "%s/in/rules", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/in", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/out", dir);
	unlink(path);
	rmdir(dir);
}

TESTS(T(what_is_left))
