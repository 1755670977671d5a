/* Folders on disk, with those above them. */
#include "base/dirs.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum cc_status
dirs_make(const char *dir, mode_t mode)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return CC_IO;
	}
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, mode) != 0 && errno != EEXIST)
			return CC_IO;
		*p = '/';
	}
	return mkdir(path, mode) == 0 || errno == EEXIST ? CC_OK : CC_IO;
}

char *
dirs_under(const char *dir, const char *path)
{
	char *whole;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&whole, "%s/%s", dir, path) < 0 ? NULL : whole;
}
