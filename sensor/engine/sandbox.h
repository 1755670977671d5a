/* engine's own: what a process gives up once it has what it needs. */
#ifndef ENGINE_SANDBOX_H
#define ENGINE_SANDBOX_H

#include "conf/conf.h"

/* Becomes user (if root); no privilege can come back.  CC_ABSENT: no such user, nothing changed.  CC_DENIED: the system
 * refused. */
enum cc_status sandbox_user(const char *user, const char *process);
/*
 * No new files but for reading below the given paths (NULL-terminated), by Landlock; no network, no new programs, no
 * debugging, by seccomp.  What the kernel lacks is told once and left out.
 */
enum cc_status sandbox_inspect(const char *const *readable);

#endif
