/*
 * Point-to-point links: PPP (RFC 1661, in HDLC framing RFC 1662), PPPoE (RFC 2516), Cisco HDLC, Frame Relay (RFC 2427).
 */
#include "decode/inside.h"

enum {
	PROTO_IP = 0x21, PROTO_VJ_COMPRESSED = 0x2d, PROTO_VJ = 0x2f, PROTO_MULTILINK = 0x3d, PROTO_IPV6 = 0x57,
	PROTO_MPLS = 0x281, PROTO_MPLS_MULTI = 0x283,
};

/* Behind the protocol number. */
static enum cc_status
ppp_protocol(struct decode *d, struct packet *pkt, uint16_t proto, struct slice in)
{
	switch (proto) {
	case PROTO_IP:
		if (in.size < 20)
			return decode_bad(d, pkt, DECODE_EVENT_PPP_IP4_PKT_TOO_SMALL);
		return decode_ip4(d, pkt, in);
	case PROTO_IPV6:
		if (in.size < 40)
			return decode_bad(d, pkt, DECODE_EVENT_PPP_IP6_PKT_TOO_SMALL);
		return decode_ip6(d, pkt, in);
	case PROTO_MPLS:
	case PROTO_MPLS_MULTI:
		return decode_mpls(d, pkt, in);
	case PROTO_VJ:
		/* the IP header as it was, but its protocol field is a connection number (RFC 1144): always TCP */
	case PROTO_VJ_COMPRESSED: /* would need the state of the line */
		if (in.size < (proto == PROTO_VJ ? 40u : 3u))
			return decode_bad(d, pkt, DECODE_EVENT_PPP_VJU_PKT_TOO_SMALL);
		decode_event(d, pkt, DECODE_EVENT_PPP_UNSUP_PROTO);
		return CC_OK;
	case PROTO_MULTILINK:
		return decode_layer(d, pkt, LAYER_PPP_MP) ? CC_OK : CC_BAD;
	default:
		if (proto >= 0x4000 && (proto & 1) != 0 && (proto >> 8 & 1) == 0)
			return CC_OK; /* the link's own control protocols */
		decode_event(d, pkt, (proto & 1) == 0 ? DECODE_EVENT_PPP_WRONG_TYPE : DECODE_EVENT_PPP_UNSUP_PROTO);
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
}

/* Address and control may be left out, and the first byte of the protocol number where it is zero (RFC 1661, 6.5). */
enum cc_status
decode_ppp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t proto;

	if (u16_at(in, 0) == 0xff03)
		cur_skip(&c, 2);
	proto = cur_u8(&c);
	if ((proto & 1) == 0)
		proto = (uint16_t)(proto << 8 | cur_u8(&c));
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_PPP_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_PPP) ? ppp_protocol(d, pkt, proto, cur_rest(&c)) : CC_BAD;
}

/* version and type, code, session, size */
enum cc_status
decode_pppoe(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t version = cur_u8(&c), code = cur_u8(&c);
	uint16_t session = cur_u16(&c), size = cur_u16(&c);

	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_PPPOE_PKT_TOO_SMALL);
	if (code != 0 || version != 0x11)
		return decode_bad(d, pkt, DECODE_EVENT_PPPOE_WRONG_CODE);
	if (!decode_layer(d, pkt, LAYER_PPPOE))
		return CC_BAD;
	if (size > cur_left(&c) && size - cur_left(&c) > d->missing)
		return decode_bad(d, pkt, DECODE_EVENT_PPPOE_PKT_TOO_SMALL);
	pkt->tunnel = pkt->tunnel_flow = session;
	return decode_ppp(d, pkt, size < cur_left(&c) ? cur_take(&c, size) : cur_rest(&c));
}

/* The same header; then tags: type, size, value (RFC 2516, 5). */
enum cc_status
decode_pppoe_discovery(struct decode *d, struct packet *pkt, struct slice in)
{
	enum { PADI = 0x09, PADO = 0x07, PADR = 0x19, PADS = 0x65, PADT = 0xa7 };
	struct cur c = cur_slice(in), tags;
	uint8_t version = cur_u8(&c), code = cur_u8(&c);
	uint16_t size;

	cur_skip(&c, 2);
	size = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_PPPOE_PKT_TOO_SMALL);
	if (version != 0x11 || (code != PADI && code != PADO && code != PADR && code != PADS && code != PADT))
		return decode_bad(d, pkt, DECODE_EVENT_PPPOE_WRONG_CODE);
	if (!decode_layer(d, pkt, LAYER_PPPOE_DISCOVERY))
		return CC_BAD;
	if (size > cur_left(&c))
		return size - cur_left(&c) > d->missing ? decode_bad(d, pkt, DECODE_EVENT_PPPOE_PKT_TOO_SMALL) : CC_OK;
	tags = cur_slice(cur_take(&c, size));
	while (cur_left(&tags) > 0 && !tags.bad) {
		cur_skip(&tags, 2);
		cur_skip(&tags, cur_u16(&tags));
	}
	if (tags.bad)
		decode_event(d, pkt, DECODE_EVENT_PPPOE_MALFORMED_TAGS);
	return CC_OK;
}

/* address, control, Ethernet type */
enum cc_status
decode_chdlc(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t type;

	cur_skip(&c, 2);
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_CHDLC_PKT_TOO_SMALL);
	return decode_layer(d, pkt, LAYER_CHDLC) ? decode_ethertype(d, pkt, type, cur_rest(&c)) : CC_BAD;
}

/* An address of 2 to 4 bytes, whose last has its low bit set; then control and NLPID, or Cisco's Ethernet type. */
enum cc_status
decode_frame_relay(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t byte, nlpid;
	uint16_t type;

	for (unsigned i = 0; i < 4; i++) {
		byte = cur_u8(&c);
		if (byte & 1)
			break;
	}
	type = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_FRAME_RELAY))
		return CC_BAD;
	if (type >> 8 != 3)
		return decode_ethertype(d, pkt, type, cur_rest(&c));
	nlpid = (uint8_t)type;
	if (nlpid == 0) /* padding, so that what follows is aligned */
		nlpid = cur_u8(&c);
	switch (nlpid) {
	case 0xcc:
		return decode_ip4(d, pkt, cur_rest(&c));
	case 0x8e:
		return decode_ip6(d, pkt, cur_rest(&c));
	case 0xcf:
		return decode_ppp(d, pkt, cur_rest(&c));
	case 0x80: /* SNAP without LLC */
		cur_skip(&c, 3);
		type = cur_u16(&c);
		if (c.bad)
			return decode_bad(d, pkt, DECODE_EVENT_LINK_PKT_TOO_SMALL);
		return decode_ethertype(d, pkt, type, cur_rest(&c));
	default:
		decode_count(d, DECODE_UNKNOWN_ETHERTYPE);
		return CC_OK;
	}
}
