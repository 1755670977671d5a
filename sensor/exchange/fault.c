/*
 * Places where the courier can be made to die, for tests of what a crash there costs: exchange.fault names one, and at
 * which time it is passed.  SIGKILL, as nothing of ours could soften it.  Once: a file "fault" in the spool says that
 * it has been.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "exchange/spool_own.h"

static const char *const points[] = {
#define FAULT(name, help) name,
#include "exchange/fault.def"
#undef FAULT
};

enum cc_status
fault_set(struct fault *fault, const char *text, char **ret_why)
{
	const char *colon = strchr(text, ':');
	size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);

	*fault = (struct fault){.countdown = 1};
	if (text[0] == '\0')
		return CC_OK;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		if (slice_is(slice_of(text, size), points[i]))
			fault->point = points[i];
	}
	if (fault->point != NULL &&
	    (colon == NULL || (uint_parse(colon + 1, &fault->countdown) == CC_OK && fault->countdown > 0)))
		return CC_OK;
	if (asprintf(ret_why, "exchange.fault: '%s' is no point of sensor/exchange/fault.def with a count", text) < 0)
		*ret_why = NULL;
	return CC_BAD;
}

void
fault_die(struct fault *fault, int dir_fd)
{
	int fd;

	if (--fault->countdown > 0)
		return;
	fault->point = NULL;
	fd = openat(dir_fd, "fault", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	close(fd);
	raise(SIGKILL);
}
