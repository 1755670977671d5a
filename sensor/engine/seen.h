/*
 * engine's own: the remote addresses of flows that ended, gathered by a worker and told to the courier some seconds
 * later, who remembers them by hour.  One thread.
 */
#ifndef ENGINE_SEEN_H
#define ENGINE_SEEN_H

#include "base/base.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "flow/flow.h"

struct seen;

enum cc_status seen_new(const struct conf *conf, struct seen **ret_seen, char **ret_why);
void seen_free(struct seen *seen);
/* Takes the flow's addresses that are not at home; false: no room, write first. */
bool seen_flow(struct seen *seen, const struct flow *flow);
bool seen_due(const struct seen *seen, uint64_t now);
size_t seen_size(const struct seen *seen); /* bytes that seen_write() appends */
void seen_write(const struct seen *seen, struct buf *out);
void seen_clear(struct seen *seen, uint64_t now);

struct seen_item {
	struct cc_addr addr;
	uint64_t first, last; /* ns */
	uint32_t count;
	uint8_t proof;
};
/* The courier's side, hostile input.  CC_END; CC_BAD. */
enum cc_status seen_next(struct cur *c, struct seen_item *ret_item);

#endif
