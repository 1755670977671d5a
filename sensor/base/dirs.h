/* Folders on disk.  Any thread, no state. */
#ifndef BASE_DIRS_H
#define BASE_DIRS_H

#include <sys/types.h>

#include "concert/status.h"

/* Makes dir and the folders above it, as far as they are missing.  CC_IO: errno says why. */
enum cc_status dirs_make(const char *dir, mode_t mode);
/* path as it is when it begins at the root, else below dir.  malloc; NULL: no memory. */
char *dirs_under(const char *dir, const char *path);

#endif
