/*
 * Link layers by LINKTYPE_ value (www.tcpdump.org/linktypes.html): Ethernet and LLC, Linux cooked, loopback, raw IP and
 * what else carries IP in captures.  PPP and its kin are in ppp.c, 802.11 in wlan.c, tags in tag.c.
 */
#include "decode/inside.h"

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_SLIP = 8, LINK_PPP = 9, LINK_FDDI = 10, LINK_ATM_OLD = 11,
	LINK_RAW_12 = 12,
	LINK_RAW_14 = 14, LINK_PPP_HDLC = 50, LINK_PPP_ETHER = 51, LINK_ATM_RFC1483 = 100, LINK_RAW = 101,
	LINK_C_HDLC = 104, LINK_WLAN = 105, LINK_FRELAY = 107, LINK_LOOP = 108, LINK_SLL = 113, LINK_PRISM = 119,
	LINK_SUNATM = 123, LINK_RADIOTAP = 127, LINK_AVS = 163, LINK_PPP_DIR = 204, LINK_C_HDLC_DIR = 205,
	LINK_FRELAY_DIR = 206, LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_NFLOG = 239, LINK_SLL2 = 276, LINK_DSA = 284,
	LINK_EDSA = 285,
};

enum {
	TYPE_IP = 0x0800, TYPE_ARP = 0x0806, TYPE_CMD = 0x8909, TYPE_TEB = 0x6558, TYPE_VLAN = 0x8100,
	TYPE_RARP = 0x8035,
	TYPE_IPV6 = 0x86dd, TYPE_PPP = 0x880b, TYPE_MPLS = 0x8847, TYPE_MPLS_MULTI = 0x8848, TYPE_PPPOE = 0x8864,
	TYPE_PPPOE_DISCOVERY = 0x8863,
	TYPE_QINQ = 0x88a8, TYPE_PBB = 0x88e7, TYPE_CFP = 0x8903, TYPE_VNTAG = 0x8926, TYPE_NSH = 0x894f,
	TYPE_QINQ_OLD = 0x9100, TYPE_QINQ_OLDER = 0x9200, TYPE_LEAST = 0x0600,
};

enum cc_status
decode_ethertype(struct decode *d, struct packet *pkt, uint16_t type, struct slice in)
{
	switch (type) {
	case TYPE_IP:
		return decode_ip4(d, pkt, in);
	case TYPE_IPV6:
		return decode_ip6(d, pkt, in);
	case TYPE_ARP:
	case TYPE_RARP:
		return decode_arp(d, pkt, in);
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD:
	case TYPE_QINQ_OLDER:
		return decode_vlan(d, pkt, type, in);
	case TYPE_MPLS:
	case TYPE_MPLS_MULTI:
		return decode_mpls(d, pkt, in);
	case TYPE_PPPOE:
		return decode_pppoe(d, pkt, in);
	case TYPE_PPPOE_DISCOVERY:
		return decode_pppoe_discovery(d, pkt, in);
	case TYPE_PPP:
		return decode_ppp(d, pkt, in);
	case TYPE_TEB:
		return decode_eth(d, pkt, in);
	case TYPE_PBB:
		return decode_pbb(d, pkt, in);
	case TYPE_VNTAG:
		return decode_vntag(d, pkt, in);
	case TYPE_CMD:
		return decode_cmd(d, pkt, in);
	case TYPE_CFP:
		return decode_cfp(d, pkt, in);
	case TYPE_NSH:
		return decode_nsh(d, pkt, in);
	default:
		if (type < TYPE_LEAST) /* not a type but the size of an LLC frame, behind a tag */
			return decode_llc(d, pkt, in.size > type ? slice_of(in.p, type) : in);
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
}

/* IEEE 802.2: two service access points, control; with 0xaa SNAP, an Ethernet type again. */
enum cc_status
decode_llc(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t saps = cur_u16(&c), type;
	uint8_t control = cur_u8(&c);
	uint32_t organisation;

	if (saps == 0xffff && !c.bad) { /* IPX without LLC */
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LLC_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_LLC))
		return CC_BAD;
	if (saps == 0x0606 && control == 3)
		return decode_ip4(d, pkt, cur_rest(&c));
	if (saps != 0xaaaa || control != 3) {
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
	organisation = cur_u24(&c);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LLC_PKT_TOO_SMALL);
	if (organisation == 0 || organisation == 0x0000f8)
		return decode_ethertype(d, pkt, type, cur_rest(&c));
	/* RFC 2684: bridged Ethernet, with or without FCS */
	if (organisation == 0x0080c2 && (type == 1 || type == 7)) {
		cur_skip(&c, 2);
		return decode_eth(d, pkt, cur_rest(&c));
	}
	decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
	return CC_OK;
}

/* destination, source, type or size */
enum cc_status
decode_eth(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 12);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ETHERNET_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ETH))
		return CC_BAD;
	if (pkt->layer_count == 1) {
		pkt->link = slice_of(in.p, 14);
		pkt->ethertype = type;
	}
	if (type == TYPE_IP)
		return decode_ip4(d, pkt, cur_rest(&c));
	return decode_ethertype(d, pkt, type, cur_rest(&c));
}

/* A switch's tag of 4 (DSA) or 8 (EDSA) bytes between the addresses and the type. */
static enum cc_status
dsa(struct decode *d, struct packet *pkt, struct slice in, size_t tag)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 12 + tag);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ETHERNET_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ETH))
		return CC_BAD;
	pkt->link = slice_of(in.p, 12);
	pkt->ethertype = type;
	return decode_ethertype(d, pkt, type, cur_rest(&c));
}

/* Linux cooked: the type means an Ethernet type, except where the device is of another kind. */
static enum cc_status
cooked(struct decode *d, struct packet *pkt, uint16_t type, struct slice in)
{
	pkt->ethertype = type;
	if (type == 4) /* 802.2 */
		return decode_llc(d, pkt, in);
	if (type < TYPE_LEAST) { /* 1: Novell without LLC; 12: CAN; … */
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
	return decode_ethertype(d, pkt, type, in);
}

/* packet type, ARPHRD_, address size, address (8), type */
static enum cc_status
sll(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 14);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_SLL_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_SLL) ? cooked(d, pkt, type, cur_rest(&c)) : CC_BAD;
}

/* type, reserved (2), interface (4), ARPHRD_ (2), packet type, address size, address (8) */
static enum cc_status
sll2(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type = cur_u16(&c);

	cur_skip(&c, 18);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_SLL2_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_SLL) ? cooked(d, pkt, type, cur_rest(&c)) : CC_BAD;
}

/* BSD loopback: an address family in the byte order of the host that captured, or of the network. */
static enum cc_status
null(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint32_t family = cur_u32(&c);

	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LTNULL_PKT_TOO_SMALL);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	if (!decode_layer(d, pkt, LAYER_NULL))
		return CC_BAD;
	switch (family) {
	case 2:
		return decode_ip4(d, pkt, cur_rest(&c));
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* OpenBSD, NetBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return decode_ip6(d, pkt, cur_rest(&c));
	default:
		return decode_bad(d, pkt, DECODE_EVENT_LTNULL_UNSUPPORTED_TYPE);
	}
}

static enum cc_status
raw(struct decode *d, struct packet *pkt, struct slice in)
{
	return decode_layer(d, pkt, LAYER_RAW) ? decode_ip(d, pkt, in) : CC_BAD;
}

/* frame control, destination, source; LLC */
static enum cc_status
fddi(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t control = cur_u8(&c);

	cur_skip(&c, 12);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_FDDI))
		return CC_BAD;
	if ((control & 0xf0) == 0x50)
		return decode_llc(d, pkt, cur_rest(&c));
	return CC_OK;
}

/* SunATM: flags with the kind of traffic, VPI, VCI */
static enum cc_status
sunatm(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t flags = cur_u8(&c);

	cur_skip(&c, 3);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ATM))
		return CC_BAD;
	return (flags & 0x0f) == 2 ? decode_llc(d, pkt, cur_rest(&c)) : CC_OK;
}

/* direction, 15 bytes of compressed header as it was on the line; then IP */
static enum cc_status
slip(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, 16);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_SLIP) ? decode_ip(d, pkt, cur_rest(&c)) : CC_BAD;
}

/* Netfilter log: family, version, resource; then size, type, value, in the byte order of the host that captured. */
static enum cc_status
nflog(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t family = cur_u8(&c);
	bool little;

	cur_skip(&c, 3);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_NFLOG))
		return CC_BAD;
	little = byte_at(cur_rest(&c), 0) >
		 byte_at(cur_rest(&c), 1); /* the first value is short: its size has a zero high byte */
	while (cur_left(&c) >= 4) {
		uint16_t size = little ? cur_u16le(&c) : cur_u16(&c), type = little ? cur_u16le(&c) : cur_u16(&c);
		struct slice value = cur_take(&c, size >= 4 ? size - 4u : 0);

		if (c.bad || size < 4)
			return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
		if ((type & 0x7fff) == 9) /* the packet */
			return family == 2 ? decode_ip4(d, pkt, value) : family == 10 ? decode_ip6(d, pkt, value) :
			    CC_OK;
		if (size % 4 != 0 && cur_left(&c) >= 4u - size % 4)
			cur_skip(&c, 4u - size % 4);
	}
	return CC_OK;
}

enum cc_status
decode_link(struct decode *d, struct packet *pkt, uint16_t linktype, struct slice in)
{
	switch (linktype) {
	case LINK_ETHERNET:
		return decode_eth(d, pkt, in);
	case LINK_SLL:
		return sll(d, pkt, in);
	case LINK_SLL2:
		return sll2(d, pkt, in);
	case LINK_NULL:
	case LINK_LOOP:
		return null(d, pkt, in);
	case LINK_RAW:
	case LINK_RAW_12:
	case LINK_RAW_14:
		return raw(d, pkt, in);
	case LINK_IPV4:
	case LINK_IPV6: /* writers mix the two up */
		return decode_ip(d, pkt, in);
	case LINK_WLAN:
		return decode_wlan(d, pkt, in, false);
	case LINK_RADIOTAP:
		return decode_radiotap(d, pkt, in);
	case LINK_PRISM:
	case LINK_AVS:
		return decode_prism(d, pkt, in);
	case LINK_PPP:
	case LINK_PPP_HDLC:
		/* Cisco's HDLC is written under this type too */
		if ((byte_at(in, 0) & 0x7f) == 0x0f)
			return decode_chdlc(d, pkt, in);
		return decode_ppp(d, pkt, in);
	case LINK_PPP_ETHER:
		return decode_pppoe(d, pkt, in);
	case LINK_C_HDLC:
		return decode_chdlc(d, pkt, in);
	case LINK_PPP_DIR:
	case LINK_C_HDLC_DIR:
	case LINK_FRELAY_DIR:
		if (in.size == 0)
			return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
		return decode_link(d, pkt, linktype == LINK_PPP_DIR ? LINK_PPP : linktype == LINK_C_HDLC_DIR ?
		    LINK_C_HDLC :
		    LINK_FRELAY, behind(in, 1));
	case LINK_FRELAY:
		return decode_frame_relay(d, pkt, in);
	case LINK_FDDI:
		return fddi(d, pkt, in);
	case LINK_ATM_OLD:
	case LINK_ATM_RFC1483:
		return decode_llc(d, pkt, in);
	case LINK_SUNATM:
		return sunatm(d, pkt, in);
	case LINK_SLIP:
		return slip(d, pkt, in);
	case LINK_NFLOG:
		return nflog(d, pkt, in);
	case LINK_DSA:
		return dsa(d, pkt, in, 4);
	case LINK_EDSA:
		return dsa(d, pkt, in, 8);
	default:
		return decode_bad(d, pkt, DECODE_EVENT_LINK_UNSUPPORTED);
	}
}
