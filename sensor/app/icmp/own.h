/* What icmp's files share: the fields, and what a payload may hold.  Nobody outside includes it. */
#ifndef APP_ICMP_OWN_H
#define APP_ICMP_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum { ICMP_INNER_AT = 40 /* bytes of a tunnel's own header that something may stand behind */ };

/*
 * What an echo's payload holds that no ping puts there, by structure: "ipv4", "ipv6", "tcp_relay", "ssh", "tls",
 * "http", "dns"; NULL: nothing that is known.
 */
const char *icmp_inner(struct slice payload);

/* The packet of IP that icmp_inner() found. */
struct icmp_packet {
	struct cc_addr src, dst;
	uint8_t version, proto;
	bool has_ports;
	uint16_t sport, dport;
};

/* What icmp_inner() calls "ipv4" or "ipv6". */
bool icmp_inner_packet(struct slice payload, struct icmp_packet *ret_packet);
/* The program whose mark the payload begins with; NULL: none that is known.  Marks are easily changed. */
const char *icmp_tool(struct slice payload);

/* The filling of a ping: one byte, bytes that go up by one, or a short text over and over; without its stamps. */
bool icmp_is_filling(struct slice payload);

#endif
