/* DNP3 (IEEE 1815): what the files of this folder share.  One thread, a worker's. */
#ifndef APP_DNP3_OWN_H
#define APP_DNP3_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum {
	DNP3_LINK_HEADER = 10, /* with its CRC */
	DNP3_BLOCK = 16,       /* bytes of user data between two CRCs */
	DNP3_USER_MAX = 250,   /* of a link frame */
	DNP3_MESSAGE_MAX = 2048,
	DNP3_OBJECTS_MAX = 256, /* headers of one message that are told */
};

/* One object header of a message: group, variation, qualifier, and the range that it speaks of. */
struct dnp3_object {
	uint8_t group, variation, qualifier;
	uint32_t start, stop, count;
	bool has_range;
};

/*
 * The next object header off *in, and its points behind it when with_points.  CC_MORE: nothing left.  CC_BAD: it ends
 * early.  CC_ABSENT: a group whose points have no size that is known, so what follows can't be found; *ret_object is
 * good.
 */
enum cc_status dnp3_object_read(struct cur *in, bool with_points, struct dnp3_object *ret_object);
/* Of each frame's header, and of each block of user data. */
uint16_t dnp3_crc(struct slice bytes);

#endif
