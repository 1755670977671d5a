/*
 * What may stand between an Ethernet type and IP: VLAN tags (IEEE 802.1Q, 802.1ad), provider backbone (802.1ah), VN-Tag
 * (802.1BR), Cisco's MetaData and FabricPath, MPLS (RFC 3032), NSH (RFC 8300); and ARP (RFC 826).
 */
#include "decode/inside.h"

/* What a tag names; event: nobody looks into that.  What lies deeper is another's matter. */
static enum cc_status
behind_tag(struct decode *d, struct packet *pkt, uint16_t type, struct slice in, enum decode_event event)
{
	uint64_t unknown = d->counts[DECODE_UNKNOWN_ETHERTYPE];
	uint8_t layers = pkt->layer_count;
	enum cc_status st = decode_ethertype(d, pkt, type, in);

	if (d->counts[DECODE_UNKNOWN_ETHERTYPE] != unknown && pkt->layer_count == layers && type >= 0x0600)
		decode_event(d, pkt, event);
	return st;
}

/* priority and id (12 bits), type */
enum cc_status
decode_vlan(struct decode *d, struct packet *pkt, uint16_t type, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t tag = cur_u16(&c), next = cur_u16(&c);

	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_VLAN_HEADER_TOO_SMALL);
	if (!decode_layer(d, pkt, type == 0x88a8 ? LAYER_IEEE8021AD : LAYER_VLAN))
		return CC_BAD;
	if (pkt->vlan_count < DECODE_VLAN_MAX)
		pkt->vlan[pkt->vlan_count++] = tag & 0x0fff;
	else
		decode_event(d, pkt, DECODE_EVENT_VLAN_TOO_MANY_LAYERS);
	return behind_tag(d, pkt, next, cur_rest(&c), DECODE_EVENT_VLAN_UNKNOWN_TYPE);
}

/* priority, flags and service id; then the customer's frame, which may be another such: only the first is noted */
enum cc_status
decode_pbb(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	do {
		cur_skip(&c, 16);
		type = cur_u16(&c);
	} while (type == 0x88e7 && !c.bad);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_IEEE8021AH_HEADER_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_IEEE8021AH) ? decode_ethertype(d, pkt, type, cur_rest(&c)) : CC_BAD;
}

/* direction and interfaces, type */
enum cc_status
decode_vntag(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 4);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_VNTAG_HEADER_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_VNTAG))
		return CC_BAD;
	return behind_tag(d, pkt, type, cur_rest(&c), DECODE_EVENT_VNTAG_UNKNOWN_TYPE);
}

/* version, size in words, option, security group, type */
enum cc_status
decode_cmd(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 6);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_CMD) ? decode_ethertype(d, pkt, type, cur_rest(&c)) : CC_BAD;
}

/* forwarding tag and TTL; then a frame */
enum cc_status
decode_cfp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, 2);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_DCE_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_CFP) ? decode_eth(d, pkt, cur_rest(&c)) : CC_BAD;
}

/* Could this be an Ethernet header?  MPLS does not say what it carries, so look at the type; llc: a size will do. */
static bool
looks_like_eth(struct slice in, bool llc)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 12);
	type = cur_u16(&c);
	if (c.bad)
		return false;
	switch (type) {
	case 0x0800:
	case 0x0806:
	case 0x86dd:
	case 0x8100:
	case 0x88a8:
	case 0x8847:
	case 0x8863:
	case 0x8864:
	case 0x88cc:
		return true;
	default:
		return llc && type >= 3 && type < 0x0600 && type <= cur_left(&c) && cur_u16(&c) != 0;
	}
}

/* A hardware address may begin with 4 as well: an IPv4 header must make sense. */
static bool
looks_like_ip4(struct slice in)
{
	return in.size >= 20 && byte_at(in, 0) >> 4 == 4 && (byte_at(in, 0) & 0x0f) >= 5 && u16_at(in, 2) >= 20;
}

static enum cc_status
mpls_inner(struct decode *d, struct packet *pkt, uint32_t label, struct slice in)
{
	struct slice wire = behind(in, 4);
	bool eth = looks_like_eth(in, false);
	uint8_t first;

	if (in.size == 0)
		return decode_bad(d, pkt, DECODE_EVENT_MPLS_PKT_TOO_SMALL);
	first = byte_at(in, 0) >> 4;
	if (label == 0 || (first == 4 && (looks_like_ip4(in) || !eth)))
		return decode_ip4(d, pkt, in);
	if (label == 2 || (first == 6 && (in.size >= 40 || !eth)))
		return decode_ip6(d, pkt, in);
	if (first == 0 && !eth && looks_like_eth(wire, true)) /* a pseudo-wire's control word (RFC 4385) */
		return decode_layer(d, pkt, LAYER_PW_CONTROL) ? decode_eth(d, pkt, wire) : CC_BAD;
	if (eth || looks_like_eth(in, first != 1))
		return decode_eth(d, pkt, in);
	if (first != 1) /* 1: an associated channel, the operator's own messages (RFC 5586) */
		decode_event(d, pkt, DECODE_EVENT_MPLS_UNKNOWN_PAYLOAD_TYPE);
	return CC_OK;
}

/* label (20 bits), class (3), bottom (1), TTL */
enum cc_status
decode_mpls(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint32_t entry, label;

	if (!decode_layer(d, pkt, LAYER_MPLS))
		return CC_BAD;
	do {
		entry = cur_u32(&c);
		if (c.bad)
			return decode_bad(d, pkt, DECODE_EVENT_MPLS_HEADER_TOO_SMALL);
		label = entry >> 12;
		if (label == 3)
			decode_event(d, pkt, DECODE_EVENT_MPLS_BAD_LABEL_IMPLICIT_NULL);
		else if (label > 3 && label < 16 && label != 7 && label != 13 && label != 14 && label != 15)
			decode_event(d, pkt, DECODE_EVENT_MPLS_BAD_LABEL_RESERVED);
	} while ((entry & 0x100) == 0);
	if (label == 1)
		decode_event(d, pkt, DECODE_EVENT_MPLS_BAD_LABEL_ROUTER_ALERT);
	pkt->tunnel = label;
	pkt->tunnel_flow = 0;
	return mpls_inner(d, pkt, label, cur_rest(&c));
}

/* version, flags, TTL, size in words, metadata type, next protocol; path and index; metadata */
enum cc_status
decode_nsh(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t base = cur_u16(&c);
	uint8_t type = cur_u8(&c) & 0x0f, next = cur_u8(&c);
	size_t size = (base & 0x3fu) * 4;

	cur_skip(&c, 4);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_NSH_HEADER_TOO_SMALL);
	if (base >> 14 != 0)
		return decode_bad(d, pkt, DECODE_EVENT_NSH_UNSUPPORTED_VERSION);
	if (size < 8 || (type == 1 && size != 24) || size - 8 > cur_left(&c))
		return decode_bad(d, pkt, DECODE_EVENT_NSH_BAD_HEADER_LENGTH);
	if (type == 0 || type == 15)
		return decode_bad(d, pkt, type == 0 ? DECODE_EVENT_NSH_RESERVED_TYPE :
		    DECODE_EVENT_NSH_UNSUPPORTED_TYPE);
	cur_skip(&c, size - 8);
	if (!decode_layer(d, pkt, LAYER_NSH))
		return CC_BAD;
	switch (next) {
	case 1:
		return decode_ip4(d, pkt, cur_rest(&c));
	case 2:
		return decode_ip6(d, pkt, cur_rest(&c));
	case 3:
		return decode_eth(d, pkt, cur_rest(&c));
	case 4:
		return decode_nsh(d, pkt, cur_rest(&c));
	case 5:
		return decode_mpls(d, pkt, cur_rest(&c));
	default:
		decode_event(d, pkt, DECODE_EVENT_NSH_UNKNOWN_PAYLOAD);
		return CC_OK;
	}
}

/* hardware and protocol type, their address sizes, operation; addresses */
enum cc_status
decode_arp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t hardware = cur_u16(&c), protocol = cur_u16(&c), operation;
	uint8_t hardware_size = cur_u8(&c), protocol_size = cur_u8(&c);

	operation = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ARP_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ARP))
		return CC_BAD;
	if (hardware != 1 && hardware != 6)
		decode_event(d, pkt, DECODE_EVENT_ARP_UNSUPPORTED_HARDWARE);
	else if (hardware_size != 6)
		decode_event(d, pkt, DECODE_EVENT_ARP_INVALID_HARDWARE_SIZE);
	if (protocol != 0x0800)
		decode_event(d, pkt, DECODE_EVENT_ARP_UNSUPPORTED_PROTOCOL);
	else if (protocol_size != 4)
		decode_event(d, pkt, DECODE_EVENT_ARP_INVALID_PROTOCOL_SIZE);
	if (operation == 0 || operation > 10)
		decode_event(d, pkt, DECODE_EVENT_ARP_UNSUPPORTED_OPCODE);
	cur_skip(&c, 2u * (hardware_size + protocol_size));
	return c.bad ? decode_bad(d, pkt, DECODE_EVENT_ARP_PKT_TOO_SMALL) : CC_OK;
}
