/*
 * Tunnels over IP and UDP: GRE (RFC 2784, 2890; PPTP's RFC 2637), ERSPAN, IP in IP (RFC 2003, 4213, 2473), EtherIP
 * (RFC 3378), VXLAN (RFC 7348), GENEVE (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC 4380), MPLS in UDP (RFC 7510).
 *
 * Over UDP only the port and what the bytes look like say that it is a tunnel: each header is checked as far as it goes
 * before it is believed, and what can't be read inside leaves the datagram as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "decode/inside.h"

enum {
	GRE_CHECKSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_STRICT = 0x0800,
	GRE_RECURSION = 0x0700, GRE_ACK = 0x0080, GRE_FLAGS = 0x00f8, GRE_VERSION = 0x0007,
};

enum { TYPE_ERSPAN = 0x88be, TYPE_ERSPAN_3 = 0x22eb, TYPE_PPP = 0x880b, TYPE_WCCP = 0x883e, TYPE_TEB = 0x6558 };

struct mark
decode_mark(const struct packet *pkt)
{
	struct mark mark = {.tunnel = pkt->tunnel, .tunnel_flow = pkt->tunnel_flow, .vlan_count = pkt->vlan_count,
	    .layer_count = pkt->layer_count, .ip_count = pkt->ip_count};

	memcpy(mark.vlan, pkt->vlan, sizeof(mark.vlan[0]) * pkt->vlan_count);
	return mark;
}

void
decode_back(struct decode *d, struct packet *pkt, const struct mark *mark)
{
	(void)d;
	memcpy(pkt->vlan, mark->vlan, sizeof(mark->vlan[0]) * mark->vlan_count);
	pkt->vlan_count = mark->vlan_count;
	pkt->layer_count = mark->layer_count;
	pkt->ip_count = mark->ip_count;
	pkt->tunnel = mark->tunnel;
	pkt->tunnel_flow = mark->tunnel_flow;
	pkt->is_fragment = false;
	pkt->reassembled = mark->ip_count > 0 && pkt->ip[mark->ip_count - 1].reassembled;
}

/*
 * Inside a tunnel begins another network: its VLANs are those within, its id is this tunnel's.  both: the other
 * direction has the same id.  An id of 0 leaves an outer tunnel's in place.
 */
static void
enter(struct packet *pkt, uint32_t id, bool both)
{
	pkt->vlan_count = 0;
	if (id == 0)
		return;
	pkt->tunnel = id;
	pkt->tunnel_flow = both ? id : 0;
}

/* VLAN tags so far, in all layers. */
static unsigned
tags_outside(const struct packet *pkt)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pkt->layer_count; i++)
		count += pkt->layer[i] == LAYER_VLAN || pkt->layer[i] == LAYER_IEEE8021AD;
	return count;
}

/*
 * Type II has 8 bytes of header, recognised by GRE's sequence number; type I none.  Type III has 12 and perhaps 8
 * more.
 */
static enum cc_status
erspan(struct decode *d, struct packet *pkt, uint16_t type, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t vlan = cur_u16(&c), session = cur_u16(&c) & 0x03ff, flags;

	cur_skip(&c, 4);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ERSPAN_HEADER_TOO_SMALL);
	if (vlan >> 12 != (type == TYPE_ERSPAN ? 1 : 2))
		return decode_bad(d, pkt, DECODE_EVENT_ERSPAN_UNSUPPORTED_VERSION);
	if (!decode_layer(d, pkt, LAYER_ERSPAN))
		return CC_BAD;
	if ((vlan & 0x0fff) != 0 && tags_outside(pkt) >= DECODE_VLAN_MAX)
		decode_event(d, pkt, DECODE_EVENT_ERSPAN_TOO_MANY_VLAN_LAYERS);
	enter(pkt, session, false);
	if ((vlan & 0x0fff) != 0)
		pkt->vlan[pkt->vlan_count++] = vlan & 0x0fff;
	if (type == TYPE_ERSPAN)
		return decode_eth(d, pkt, cur_rest(&c));
	cur_skip(&c, 2);
	flags = cur_u16(&c);
	if ((flags & 1) != 0)
		cur_skip(&c, 8);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ERSPAN_HEADER_TOO_SMALL);
	return (flags >> 10 & 0x1f) == 2 ? decode_ip(d, pkt, cur_rest(&c)) : decode_eth(d, pkt, cur_rest(&c));
}

static enum cc_status
gre_payload(struct decode *d, struct packet *pkt, uint16_t flags, uint16_t type, struct slice in)
{
	switch (type) {
	case TYPE_ERSPAN:
		if ((flags & GRE_SEQUENCE) != 0)
			return erspan(d, pkt, type, in);
		return decode_layer(d, pkt, LAYER_ERSPAN) ? decode_eth(d, pkt, in) : CC_BAD;
	case TYPE_ERSPAN_3:
		return erspan(d, pkt, type, in);
	case TYPE_WCCP: /* version 2 puts 4 bytes before the packet */
		if (byte_at(in, 0) >> 4 != 4)
			in = behind(in, 4);
		return decode_ip4(d, pkt, in);
	default:
		/* access points of Aruba */
		if (type == 0x9000 || (type >= 0x8200 && type <= 0x8370 && (type & 0x0f) == 0))
			return decode_wlan(d, pkt, in, false);
		return decode_ethertype(d, pkt, type, in);
	}
}

/* A list of routes behind the fixed fields: family, offset, size; ends with family and size of zero. */
static bool
gre_routes(struct cur *c)
{
	for (;;) {
		uint16_t family = cur_u16(c);
		uint8_t size;

		cur_skip(c, 1);
		size = cur_u8(c);
		if (c->bad)
			return false;
		if (family == 0 && size == 0)
			return true;
		cur_skip(c, size);
	}
}

static enum cc_status
gre_0(struct decode *d, struct packet *pkt, uint16_t flags, uint16_t type, struct cur *c)
{
	uint32_t key = 0;

	if ((flags & GRE_RECURSION) != 0)
		decode_event(d, pkt, DECODE_EVENT_GRE_VERSION0_RECUR);
	if ((flags & GRE_FLAGS) != 0)
		decode_event(d, pkt, DECODE_EVENT_GRE_VERSION0_FLAGS);
	if ((flags & (GRE_CHECKSUM | GRE_ROUTING)) != 0)
		cur_skip(c, 4);
	if ((flags & GRE_KEY) != 0)
		key = cur_u32(c);
	if ((flags & GRE_SEQUENCE) != 0)
		cur_skip(c, 4);
	if (c->bad)
		return decode_bad(d, pkt, DECODE_EVENT_GRE_VERSION0_HDR_TOO_BIG);
	if ((flags & GRE_ROUTING) != 0 && !gre_routes(c))
		return decode_bad(d, pkt, DECODE_EVENT_GRE_VERSION0_MALFORMED_SRE_HDR);
	if (!decode_layer(d, pkt, LAYER_GRE))
		return CC_BAD;
	enter(pkt, key, true);
	return gre_payload(d, pkt, flags, type, cur_rest(c));
}

/* PPTP: the key is payload size and call id; PPP inside, or an acknowledgement alone. */
static enum cc_status
gre_1(struct decode *d, struct packet *pkt, uint16_t flags, uint16_t type, struct cur *c)
{
	static const struct { uint16_t flag; uint16_t event; } wrong[] = {
	    {GRE_CHECKSUM, DECODE_EVENT_GRE_VERSION1_CHKSUM}, {GRE_ROUTING, DECODE_EVENT_GRE_VERSION1_ROUTE},
	    {GRE_STRICT, DECODE_EVENT_GRE_VERSION1_SSR}, {GRE_RECURSION, DECODE_EVENT_GRE_VERSION1_RECUR},
	    {GRE_FLAGS & ~GRE_ACK, DECODE_EVENT_GRE_VERSION1_FLAGS}};
	uint16_t size, call;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if ((flags & wrong[i].flag) != 0)
			return decode_bad(d, pkt, wrong[i].event);
	if ((flags & GRE_KEY) == 0)
		return decode_bad(d, pkt, DECODE_EVENT_GRE_VERSION1_NO_KEY);
	if (type != TYPE_PPP)
		return decode_bad(d, pkt, DECODE_EVENT_GRE_VERSION1_WRONG_PROTOCOL);
	size = cur_u16(c);
	call = cur_u16(c);
	if ((flags & GRE_SEQUENCE) != 0)
		cur_skip(c, 4);
	if ((flags & GRE_ACK) != 0)
		cur_skip(c, 4);
	if (c->bad || (size > cur_left(c) && size - cur_left(c) > d->missing))
		return decode_bad(d, pkt, DECODE_EVENT_GRE_VERSION1_HDR_TOO_BIG);
	if (!decode_layer(d, pkt, LAYER_GRE))
		return CC_BAD;
	if ((flags & GRE_SEQUENCE) == 0 || size == 0)
		return CC_OK;
	enter(pkt, call, false);
	return decode_ppp(d, pkt, size < cur_left(c) ? cur_take(c, size) : cur_rest(c));
}

/* flags and version, type of the payload; checksum and offset, key, sequence, routes, as the flags say */
enum cc_status
decode_gre(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t flags = cur_u16(&c), type = cur_u16(&c);

	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_GRE_PKT_TOO_SMALL);
	switch (flags & GRE_VERSION) {
	case 0:
		return gre_0(d, pkt, flags, type, &c);
	case 1:
		return gre_1(d, pkt, flags, type, &c);
	default:
		return decode_bad(d, pkt, DECODE_EVENT_GRE_WRONG_VERSION);
	}
}

enum cc_status
decode_ip_in_ip(struct decode *d, struct packet *pkt, uint8_t proto, struct slice in)
{
	bool six = pkt->ip[pkt->ip_count - 1].version == 6;

	pkt->vlan_count = 0;
	switch (proto) {
	case 4:
		if (six && in.size < 20)
			return decode_bad(d, pkt, DECODE_EVENT_IPV6_IPV4_IN_IPV6_TOO_SMALL);
		if (six && byte_at(in, 0) >> 4 != 4)
			return decode_bad(d, pkt, DECODE_EVENT_IPV6_IPV4_IN_IPV6_WRONG_VERSION);
		return decode_ip4(d, pkt, in);
	case 41:
		if (six && in.size < 40)
			return decode_bad(d, pkt, DECODE_EVENT_IPV6_IPV6_IN_IPV6_TOO_SMALL);
		if (six && byte_at(in, 0) >> 4 != 6)
			return decode_bad(d, pkt, DECODE_EVENT_IPV6_IPV6_IN_IPV6_WRONG_VERSION);
		return decode_ip6(d, pkt, in);
	case 97: /* EtherIP: version 3 and nothing else */
		if (in.size < 2 || byte_at(in, 0) != 0x30)
			return CC_BAD;
		return decode_layer(d, pkt, LAYER_ETHERIP) ? decode_eth(d, pkt, behind(in, 2)) :
		    CC_BAD;
	case 137:
		return decode_mpls(d, pkt, in);
	default: /* 143: Ethernet (RFC 8986) */
		return decode_eth(d, pkt, in);
	}
}

/* flags, reserved (or group policy), network id, reserved (or, as GPE, the payload's protocol before the id) */
static enum cc_status
vxlan(struct decode *d, struct packet *pkt, bool gpe, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t flags = cur_u8(&c), next;
	uint32_t vni;

	cur_skip(&c, 2);
	next = cur_u8(&c);
	vni = cur_u24(&c);
	cur_skip(&c, 1);
	if (c.bad || (flags & 0x08) == 0) /* all else is to be ignored (RFC 7348, 5), and some senders rely on it */
		return CC_ABSENT;
	if (!gpe)
		next = 3;
	if (!decode_layer(d, pkt, LAYER_VXLAN))
		return CC_BAD;
	enter(pkt, vni, true);
	switch (next) {
	case 1:
		return decode_ip4(d, pkt, cur_rest(&c));
	case 2:
		return decode_ip6(d, pkt, cur_rest(&c));
	case 3:
		return decode_eth(d, pkt, cur_rest(&c));
	case 4:
		return decode_nsh(d, pkt, cur_rest(&c));
	default:
		decode_event(d, pkt, DECODE_EVENT_VXLAN_UNKNOWN_PAYLOAD_TYPE);
		return CC_OK;
	}
}

/* version (2 bits) and size of options in words (6), flags, payload type, network id, reserved; options */
static enum cc_status
geneve(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t first = cur_u8(&c), flags = cur_u8(&c);
	uint16_t type = cur_u16(&c);
	uint32_t vni = cur_u24(&c);

	if (cur_u8(&c) != 0 || first >> 6 != 0 || (flags & 0x3f) != 0)
		return CC_ABSENT;
	cur_skip(&c, (first & 0x3fu) * 4);
	if (c.bad)
		return CC_ABSENT;
	if (!decode_layer(d, pkt, LAYER_GENEVE))
		return CC_BAD;
	enter(pkt, vni, true);
	if (type != TYPE_TEB && type != 0x0800 && type != 0x86dd && type != 0x0806 && type != 0x8847 && type != 0x894f)
		decode_event(d, pkt, DECODE_EVENT_GENEVE_UNKNOWN_PAYLOAD_TYPE);
	return decode_ethertype(d, pkt, type, cur_rest(&c));
}

/* version, type and flags; message; size; tunnel id; sequence, N-PDU number and extensions if any flag is set */
static enum cc_status
gtp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t flags = cur_u8(&c), message = cur_u8(&c), next;
	size_t size = cur_u16(&c);
	uint32_t teid = cur_u32(&c);

	if (c.bad || (flags & 0xf0) != 0x30 || (size > cur_left(&c) && size - cur_left(&c) > d->missing))
		return CC_ABSENT;
	if (size < cur_left(&c))
		c = cur_slice(slice_of(c.p, size));
	if (!decode_layer(d, pkt, LAYER_GTP))
		return CC_BAD;
	if (message != 255) /* the tunnel's own messages */
		return CC_OK;
	if ((flags & 7) != 0) {
		cur_skip(&c, 3);
		next = cur_u8(&c);
		while ((flags & 4) != 0 && next != 0 && !c.bad) {
			uint8_t words = cur_u8(&c);

			if (words == 0)
				return decode_bad(d, pkt, DECODE_EVENT_GTP_MALFORMED);
			cur_skip(&c, words * 4u - 2);
			next = cur_u8(&c);
		}
	}
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_GTP_MALFORMED);
	enter(pkt, teid, false);
	next = byte_at(cur_rest(&c), 0) >> 4;
	if (next != 4 && next != 6)
		return CC_OK; /* PPP, Ethernet or nothing: the message does not say */
	return decode_ip(d, pkt, cur_rest(&c));
}

/* Is that IPv6, no longer than what is here? */
static bool
teredo_ip6(struct slice in)
{
	struct cur c = cur_slice(in);
	uint32_t first = cur_u32(&c);
	size_t size = cur_u16(&c);

	cur_skip(&c, 34);
	return !c.bad && first >> 28 == 6 && size <= cur_left(&c);
}

/* Authentication (1), origin (0), then IPv6: the first two may be left out. */
static enum cc_status
teredo(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	struct cur at = c;
	uint8_t id, value;

	if (cur_u16(&at) == 1) {
		id = cur_u8(&at);
		value = cur_u8(&at);
		cur_skip(&at, (size_t)id + value + 9);
		c = at;
	}
	at = c;
	if (cur_u16(&at) == 0) {
		cur_skip(&at, 6);
		c = at;
	}
	if (c.bad || !teredo_ip6(cur_rest(&c)))
		return CC_ABSENT;
	if (!decode_layer(d, pkt, LAYER_TEREDO))
		return CC_BAD;
	enter(pkt, 0, false);
	return decode_ip6(d, pkt, cur_rest(&c));
}

void
decode_read_tunnels(struct decode *d, const struct conf *conf)
{
	static const char *const word[] = {"none", "vxlan", "vxlan-gpe", "geneve", "gtp", "teredo", "mpls"};
	const struct conf_map *map = &conf->decode_udp_tunnels;

	for (size_t i = 0; i < map->count; i++) {
		char *end;
		unsigned long port = strtoul(map->pair[i].key, &end, 10);
		unsigned kind = 0;

		while (kind < sizeof(word) / sizeof(word[0]) && strcmp(word[kind], map->pair[i].value) != 0)
			kind++;
		if (*end != '\0' || port == 0 || port > UINT16_MAX || kind == sizeof(word) / sizeof(word[0]) ||
		    d->tunnel_count == DECODE_UDP_TUNNELS) {
			log_warning(
			    "decode.udp_tunnels: '%s': '%s' is not a port and a tunnel, or one too many; left out",
			    map->pair[i].key, map->pair[i].value);
			continue;
		}
		d->tunnel[d->tunnel_count++] = (struct udp_tunnel){(uint16_t)port, (uint8_t)kind};
	}
}

static enum cc_status
by_port(struct decode *d, struct packet *pkt, uint16_t port, struct slice in)
{
	enum udp_tunnel_kind kind = UDP_NO_TUNNEL;

	for (unsigned i = 0; i < d->tunnel_count && kind == UDP_NO_TUNNEL; i++) {
		if (d->tunnel[i].port == port)
			kind = (enum udp_tunnel_kind)d->tunnel[i].kind;
	}
	switch (kind) {
	case UDP_VXLAN:
		return vxlan(d, pkt, false, in);
	case UDP_VXLAN_GPE:
		return vxlan(d, pkt, true, in);
	case UDP_GENEVE:
		return geneve(d, pkt, in);
	case UDP_GTP:
		return gtp(d, pkt, in);
	case UDP_TEREDO:
		return teredo(d, pkt, in);
	case UDP_MPLS:
		pkt->vlan_count = 0;
		return decode_mpls(d, pkt, in);
	case UDP_NO_TUNNEL:
		break;
	}
	return CC_ABSENT;
}

enum cc_status
decode_udp_tunnel(struct decode *d, struct packet *pkt, uint16_t sport, uint16_t dport, struct slice in)
{
	enum cc_status st = by_port(d, pkt, dport, in);

	return st == CC_ABSENT ? by_port(d, pkt, sport, in) : st;
}
