/*
 * An IP address of either family in 16 bytes, network order; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that keys,
 * prefixes and comparisons need one form only.  Plain data, any thread.
 */
#ifndef CONCERT_ADDR_H
#define CONCERT_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "concert/status.h"

#define CC_ADDR_TEXT 46 /* INET6_ADDRSTRLEN: room for any address and its NUL */

struct cc_addr {
	uint8_t b[16];
};

struct cc_prefix {
	struct cc_addr addr;
	uint8_t bits; /* 0 to 128; an IPv4 prefix has 96 + n */
};

static inline struct cc_addr
cc_addr4(const uint8_t *p)
{
	struct cc_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, p[0], p[1], p[2], p[3]}};

	return a;
}

static inline struct cc_addr
cc_addr6(const uint8_t *p)
{
	struct cc_addr a;

	memcpy(a.b, p, sizeof(a.b));
	return a;
}

static inline bool
cc_addr_is4(const struct cc_addr *a)
{
	static const uint8_t head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->b, head, sizeof(head)) == 0;
}

static inline int
cc_addr_cmp(const struct cc_addr *a, const struct cc_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* Text as RFC 5952 wants it; IPv4 dotted.  Returns ret_text. */
char *cc_addr_text(const struct cc_addr *a, char ret_text[CC_ADDR_TEXT]);

/* Reads an IPv4 or IPv6 address.  CC_BAD leaves *ret_addr alone. */
enum cc_status cc_addr_parse(const char *text, struct cc_addr *ret_addr);

/* Reads "a.b.c.d/n", "x::/n" or a bare address.  CC_BAD leaves *ret_prefix alone. */
enum cc_status cc_prefix_parse(const char *text, struct cc_prefix *ret_prefix);

bool cc_prefix_has(const struct cc_prefix *prefix, const struct cc_addr *a);

#endif
