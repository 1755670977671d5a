/* The words for enum cc_status, as messages use them.  Any thread. */
#include "concert/status.h"

const char *
cc_status_text(enum cc_status st)
{
	switch (st) {
	case CC_OK:
		return "ok";
	case CC_MORE:
		return "incomplete";
	case CC_BAD:
		return "malformed";
	case CC_END:
		return "at the end";
	case CC_FULL:
		return "limit reached";
	case CC_NOMEM:
		return "out of memory";
	case CC_IO:
		return "input/output error";
	case CC_ABSENT:
		return "not there";
	case CC_DENIED:
		return "not permitted";
	}
	return "unknown status";
}
