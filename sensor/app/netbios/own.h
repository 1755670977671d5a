/* What netbios's files share: names as they are on the wire (RFC 1001, 14).  Nobody outside includes it. */
#ifndef APP_NETBIOS_OWN_H
#define APP_NETBIOS_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum { NETBIOS_NAME = 15, NETBIOS_SCOPE = 220 };

struct netbios_name {
	char name[NETBIOS_NAME + 1]; /* without the blanks that fill it; a NUL behind it */
	uint8_t size;
	uint8_t suffix;            /* what the name is for: 0x20 a file server, 0x1c a domain's controllers */
	char scope[NETBIOS_SCOPE]; /* "": none */
	uint16_t scope_size;
};

/* 32 letters that spell 16 bytes, and a scope as labels; all: what a pointer of 2 bytes may point into.  false: none.
 */
bool netbios_name(struct cur *in, struct slice all, struct netbios_name *ret_name);
/* "file server" for 0x20; NULL: not known. */
const char *netbios_suffix(uint8_t suffix);
/* The fields name, suffix, what it is for, and scope, in this order from `field` on. */
void netbios_put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const struct netbios_name *name);

#endif
