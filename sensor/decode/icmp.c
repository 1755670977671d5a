/*
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, identifier; what they quote is judged, not followed.
 */
#include "decode/inside.h"

/* Highest known code of each ICMP type; 255: the type is not known. */
static uint8_t
icmp_codes(uint8_t type)
{
	switch (type) {
	case 0:
	case 4:
	case 8:
	case 10:
	case 13:
	case 14:
	case 15:
	case 16:
	case 17:
	case 18:
		return 0;
	case 3:
		return 15;
	case 5:
		return 3;
	case 9:
		return 16;
	case 11:
		return 1;
	case 12:
		return 2;
	case 40:
		return 5;
	case 42:
		return 0;
	case 43:
		return 4;
	default:
		return 255;
	}
}

enum cc_status
decode_icmp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t most;

	decode_settle(pkt, in);
	pkt->icmp.type = cur_u8(&c);
	pkt->icmp.code = cur_u8(&c);
	cur_skip(&c, 2);
	pkt->icmp.id = cur_u16(&c);
	pkt->icmp.seq = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ICMPV4_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ICMP))
		return CC_BAD;
	pkt->payload = cur_rest(&c);
	pkt->has_transport = true;
	most = icmp_codes(pkt->icmp.type);
	if (most == 255)
		decode_event(d, pkt, DECODE_EVENT_ICMPV4_UNKNOWN_TYPE);
	else if (pkt->icmp.code > most)
		decode_event(d, pkt, DECODE_EVENT_ICMPV4_UNKNOWN_CODE);
	switch (pkt->icmp.type) {
	case 3:
	case 4:
	case 5:
	case 11:
	case 12: /* quote an IP header and 8 bytes */
		if (pkt->payload.size < 20)
			decode_event(d, pkt, DECODE_EVENT_ICMPV4_IPV4_TRUNC_PKT);
		else if (byte_at(pkt->payload, 0) >> 4 != 4)
			decode_event(d, pkt, DECODE_EVENT_ICMPV4_IPV4_UNKNOWN_VER);
	}
	return CC_OK;
}

/* Events of type and code; IANA's registry. */
static void
icmp6_known(struct decode *d, struct packet *pkt, uint8_t type, uint8_t code)
{
	uint8_t most = 0;

	switch (type) {
	case 1:
		most = 8;
		break;
	case 3:
		most = 1;
		break;
	case 4:
		most = 10;
		break;
	case 138:
		if (code > 1 && code != 255)
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_UNKNOWN_CODE);
		return;
	case 139:
	case 140:
		most = 2;
		break;
	case 157:
	case 158:
	case 161:
		most = 4;
		break;
	case 155:
		return; /* RPL */
	case 160:
		return;
	case 130:
	case 131:
	case 132:
	case 143:
	case 151:
	case 152:
	case 153: /* listener messages stay on the link */
		if (pkt->ip[pkt->ip_count - 1].ttl != 1)
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_MLD_MESSAGE_WITH_INVALID_HL);
		break;
	case 100:
	case 101:
	case 200:
	case 201:
		decode_event(d, pkt, DECODE_EVENT_ICMPV6_EXPERIMENTATION_TYPE);
		return;
	default:
		if ((type >= 5 && type <= 99) || (type >= 102 && type <= 126) || (type >= 162 && type <= 199) ||
		    (type >= 202 && type <= 254))
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_UNASSIGNED_TYPE);
		else if (type == 0 || type == 127 || type == 255)
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_UNKNOWN_TYPE);
	}
	if (code > most)
		decode_event(d, pkt, DECODE_EVENT_ICMPV6_UNKNOWN_CODE);
}

enum cc_status
decode_icmp6(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);

	decode_settle(pkt, in);
	pkt->icmp.type = cur_u8(&c);
	pkt->icmp.code = cur_u8(&c);
	cur_skip(&c, 2);
	pkt->icmp.id = cur_u16(&c);
	pkt->icmp.seq = cur_u16(&c);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_ICMPV6_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_ICMPV6))
		return CC_BAD;
	pkt->payload = cur_rest(&c);
	pkt->has_transport = true;
	icmp6_known(d, pkt, pkt->icmp.type, pkt->icmp.code);
	if (pkt->icmp.type >= 1 && pkt->icmp.type <= 4) { /* errors quote the packet */
		if (pkt->payload.size < 40)
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_IPV6_TRUNC_PKT);
		else if (byte_at(pkt->payload, 0) >> 4 != 6)
			decode_event(d, pkt, DECODE_EVENT_ICMPV6_IPV6_UNKNOWN_VERSION);
	}
	return CC_OK;
}
