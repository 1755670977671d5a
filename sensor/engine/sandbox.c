/*
 * Confinement of inspect, the process that parses hostile bytes: its own user, no privilege to regain, no file to open
 * but rules for reading (a reload needs them), no socket, no exec.  What is open already, the capture rings, stays
 * usable.
 *
 * Landlock is used by its system calls (Linux 5.13); libc has no words for them in Debian 12.
 */
#include "engine/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/base.h"

#define FS_ALL                                                                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |                  \
	    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |             \
	    LANDLOCK_ACCESS_FS_MAKE_SYM)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

/* Who was started as a user with a few capabilities, to open the interfaces, needs none of them any more. */
static enum cc_status
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0 ? CC_OK : CC_DENIED;
}

enum cc_status
sandbox_user(const char *user, const char *process)
{
	struct passwd *pw;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return CC_DENIED;
	if (geteuid() != 0)
		return drop_capabilities();
	pw = user[0] != '\0' ? getpwnam(user) : NULL;
	if (pw == NULL) {
		log_warning("no user '%s': %s stays root (engine.user)", user, process);
		return CC_ABSENT;
	}
	if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
		log_error("%s can't become user '%s': %s", process, user, strerror(errno));
		return CC_DENIED;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* the kernel forgets it when the user changes */
	return CC_OK;
}

static bool
landlock_path(int rules, const char *path)
{
	struct landlock_path_beneath_attr attr = {.allowed_access = FS_READ};
	bool done;

	attr.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return errno == ENOENT; /* nothing there to be read */
	done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == 0;
	if (!done && errno == EINVAL) { /* a file can't be read as a folder */
		attr.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
		done = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == 0;
	}
	close(attr.parent_fd);
	return done;
}

static void
confine_files(const char *const *readable)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = FS_ALL};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (rules < 0) {
		log_warning("Landlock is not available (%s): inspect is confined by its user and seccomp alone",
		    strerror(errno));
		return;
	}
	for (; *readable != NULL; readable++) {
		if (!landlock_path(rules, *readable))
			log_warning("%s: can't be read at a reload: %s", *readable, strerror(errno));
	}
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		log_warning("Landlock refused: %s", strerror(errno));
	close(rules);
}

/* Refuses a call when one argument compares so; MASKED_EQ: (argument & a) == b. */
static bool
refuse_when(scmp_filter_ctx ctx, int call, unsigned arg, enum scmp_compare op, uint64_t a, uint64_t b)
{
	struct scmp_arg_cmp when = {.arg = arg, .op = op, .datum_a = a, .datum_b = b};
	int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EPERM), call, 1, &when);

	return rc == 0 || rc == -EDOM; /* not a call of this machine */
}

/*
 * What depends on arguments: a thread may be made and no process, a file opened and not written, a signal sent to
 * ourselves alone.  The calls whose arguments a filter can't see do not exist: libc knows the older ones.
 */
static bool
confine_arguments(scmp_filter_ctx ctx)
{
	static const unsigned write_flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
	bool done = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0) == 0 &&
	    refuse_when(ctx, SCMP_SYS(clone), 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0) &&
	    refuse_when(ctx, SCMP_SYS(prlimit64), 0, SCMP_CMP_NE, 0, 0) &&
	    refuse_when(ctx, SCMP_SYS(tgkill), 0, SCMP_CMP_NE, (uint64_t)getpid(), 0);

	for (size_t i = 0; done && i < sizeof(write_flags) / sizeof(write_flags[0]); i++) {
		unsigned flag = write_flags[i];

		done = refuse_when(ctx, SCMP_SYS(open), 1, SCMP_CMP_MASKED_EQ, flag, flag) &&
		    refuse_when(ctx, SCMP_SYS(openat), 2, SCMP_CMP_MASKED_EQ, flag, flag);
	}
	return done;
}

/* Everything is allowed but what a parser that was taken over would reach for. */
static enum cc_status
confine_calls(void)
{
	static const int refused[] = {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
	    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(execve), SCMP_SYS(execveat),
	    SCMP_SYS(ptrace),
	    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(umount2),
	    SCMP_SYS(pivot_root),
	    SCMP_SYS(chroot), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setresuid), SCMP_SYS(setresgid),
	    SCMP_SYS(unshare),
	    SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(kexec_load), SCMP_SYS(init_module),
	    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	    SCMP_SYS(io_uring_setup), SCMP_SYS(userfaultfd), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(unlink),
	    SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(kill),
	    SCMP_SYS(tkill),
	    SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_send_signal), SCMP_SYS(pidfd_open),
	    SCMP_SYS(pidfd_getfd), SCMP_SYS(truncate), SCMP_SYS(creat), SCMP_SYS(link), SCMP_SYS(linkat),
	    SCMP_SYS(symlink),
	    SCMP_SYS(symlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(mknod),
	    SCMP_SYS(mknodat),
	    SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown), SCMP_SYS(lchown),
	    SCMP_SYS(fchownat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr), SCMP_SYS(fsopen),
	    SCMP_SYS(fsmount),
	    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(open_by_handle_at), SCMP_SYS(capset)};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	bool done = ctx != NULL;

	for (size_t i = 0; done && i < sizeof(refused) / sizeof(refused[0]); i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);

		done = rc == 0 || rc == -EDOM; /* not a call of this machine */
	}
	done = done && confine_arguments(ctx) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return done ? CC_OK : CC_DENIED;
}

enum cc_status
sandbox_inspect(const char *const *readable)
{
	confine_files(readable);
	if (confine_calls() != CC_OK) {
		log_error("seccomp refused to confine inspect: %s", strerror(errno));
		return CC_DENIED;
	}
	return CC_OK;
}
