/*
 * IPv4 (RFC 791), its options and fragments; and the authentication header (RFC 4302), which IPv6 has too.
 */
#include "decode/inside.h"

enum {
	OPT_EOL = 0, OPT_NOP = 1, OPT_RR = 7, OPT_QS = 25, OPT_TS = 68, OPT_SEC = 130, OPT_LSRR = 131, OPT_ESEC = 133,
	OPT_CIPSO = 134, OPT_SID = 136, OPT_SSRR = 137, OPT_RTRALT = 148,
};

/* One option's body, behind type and length.  The limits are those of its RFC. */
static bool
option_ok(uint8_t type, struct slice body)
{
	uint8_t first = byte_at(body, 0), flags = byte_at(body, 1) & 0x0f;

	switch (type) {
	case OPT_RR:
	case OPT_LSRR:
	case OPT_SSRR: /* a pointer, 4 or more, in steps of an address, to at most just behind the last */
		return first >= 4 && first % 4 == 0 && first <= body.size + 3;
	case OPT_TS:
		return body.size >= 2 && first >= 5 && (flags == 0 || flags == 1 || flags == 3);
	case OPT_SID:
		return body.size == 2;
	case OPT_RTRALT:
		return body.size == 2;
	case OPT_SEC:
		return body.size == 9 || body.size >= 1;
	case OPT_CIPSO:
		return body.size >= 8;
	default:
		return true;
	}
}

/* CIPSO's tags (FIPS 188, 3): behind the domain each says its own size, and the last ends where the option does. */
static bool
cipso_tags_ok(struct slice body)
{
	struct cur c = cur_slice(body);

	cur_skip(&c, 4);
	while (cur_left(&c) > 0 && !c.bad) {
		uint8_t tag = cur_u8(&c), size = cur_u8(&c);

		if (tag == 0 || size < 4)
			return false;
		cur_skip(&c, size - 2u);
	}
	return !c.bad;
}

static int
option_index(uint8_t type)
{
	static const uint8_t known[] = {OPT_RR, OPT_QS, OPT_TS, OPT_SEC, OPT_LSRR, OPT_ESEC, OPT_CIPSO, OPT_SID,
	    OPT_SSRR,
	    OPT_RTRALT};

	for (int i = 0; i < (int)sizeof(known); i++)
		if (known[i] == type)
			return i;
	return -1;
}

/* Options are only judged: nothing behind depends on them. */
static void
options(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	unsigned seen = 0;
	bool padded = false;

	while (cur_left(&c) > 0) {
		uint8_t type = cur_u8(&c), size;
		struct slice body;
		int i;

		if (type == OPT_EOL) {
			while (cur_left(&c) > 0)
				padded |= cur_u8(&c) != 0;
			if (padded)
				decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_PAD_REQUIRED);
			return;
		}
		if (type == OPT_NOP)
			continue;
		if (cur_left(&c) == 0) {
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_EOL_REQUIRED);
			return;
		}
		size = cur_u8(&c);
		body = cur_take(&c, size >= 2 ? size - 2u : 0);
		if (size < 2 || c.bad) {
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_INVALID_LEN);
			return;
		}
		i = option_index(type);
		if (i < 0)
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_UNKNOWN);
		else if (seen & 1u << i)
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_DUPLICATE);
		else if (!option_ok(type, body))
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_INVALID);
		else if (type == OPT_CIPSO && !cipso_tags_ok(body))
			decode_event(d, pkt, DECODE_EVENT_IPV4_OPT_MALFORMED);
		if (i >= 0)
			seen |= 1u << i;
	}
}

/*
 * Where the packet ends in what is here.  A total length beyond the frame is believed only as far as the capture cut
 * the frame: a receiver drops what was short on the wire, and an attacker may count on us taking it.  A packet broker
 * that slices shows the same, so the outermost packet still counts for its flow, without its bytes.  0 is what a
 * sender's own capture shows of a segment that its adapter will cut (TSO): larger than any that could be sent so.
 */
static enum cc_status
total_size(struct decode *d, struct packet *pkt, size_t here, size_t header, size_t said, size_t *ret_size)
{
	if (said == 0 && here > 1500)
		said = here;
	if (said < header)
		return decode_bad(d, pkt, DECODE_EVENT_IPV4_IPLEN_SMALLER_THAN_HLEN);
	if (said > here) {
		if (said - here > d->missing && !decode_slice(d, pkt, said - here, DECODE_EVENT_IPV4_TRUNC_PKT))
			return CC_BAD;
		decode_count(d, DECODE_CUT);
		said = here;
	}
	*ret_size = said;
	return CC_OK;
}

/* Puts a fragment away, or goes on with the whole datagram that it completes. */
static enum cc_status
fragment(struct decode *d, struct packet *pkt, struct ip_info *ip, bool cut)
{
	struct fragment frag = {.ip = ip, .id = ip->id, .proto = ip->proto, .off = (ip->frag_off & 0x1fffu) * 8,
	    .more = (ip->frag_off & 0x2000) != 0, .data = ip->payload};
	struct slice whole;
	size_t header;
	uint8_t proto;

	decode_count(d, DECODE_FRAGMENTS);
	pkt->is_fragment = true;
	decode_settle(pkt, ip->payload);
	if (cut || d->whole_used >= DECODE_IP_MAX) {
		decode_event(d, pkt, DECODE_EVENT_IPV4_FRAG_IGNORED);
		return cut && frag.off == 0 ? decode_cut_fragment(d, pkt, ip->payload) : CC_OK;
	}
	if (frag.more && frag.data.size % 8 != 0)
		frag.data.size -= frag.data.size % 8; /* as receivers do */
	if (decode_defrag_put(d, pkt, &frag, d->whole[d->whole_used], &whole, &header, &proto) != CC_OK)
		return CC_OK; /* a fragment is still a packet of its flow */
	decode_keep_last(pkt, ip);
	d->whole_used++;
	d->missing = 0;
	pkt->is_fragment = false;
	pkt->reassembled = ip->reassembled = true;
	ip->header = slice_of(whole.p, header);
	ip->payload = behind(whole, header);
	ip->frag_off &= 0x4000;
	return decode_transport(d, pkt, ip->payload);
}

/*
 *  0                   1                   2                   3
 *  |version|  IHL  |      TOS      |         total length          |
 *  |        identification         |flags|    fragment offset      |
 *  |      TTL      |   protocol    |           checksum            |
 *  |                            source                             |
 *  |                          destination                          |
 *  |                    options, up to 40 bytes                    |
 */
enum cc_status
decode_ip4(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	const uint8_t *p = cur_bytes(&c, 20);
	struct cur h = cur_of(p, 20);
	struct ip_info *ip;
	size_t header, size;
	enum cc_status st;
	uint8_t first;

	if (p == NULL)
		return decode_bad(d, pkt, DECODE_EVENT_IPV4_PKT_TOO_SMALL);
	first = cur_u8(&h);
	header = (first & 0x0fu) * 4;
	if (first >> 4 != 4)
		return decode_bad(d, pkt, DECODE_EVENT_IPV4_WRONG_IP_VERSION);
	if (header < 20)
		return decode_bad(d, pkt, DECODE_EVENT_IPV4_HLEN_TOO_SMALL);
	if (pkt->ip_count >= d->depth) {
		decode_count(d, DECODE_TOO_DEEP);
		return decode_bad(d, pkt, DECODE_EVENT_TOO_MANY_LAYERS);
	}
	ip = &pkt->ip[pkt->ip_count];
	ip->tos = cur_u8(&h);
	st = total_size(d, pkt, in.size, header, cur_u16(&h), &size);
	if (st != CC_OK)
		return st;
	if (header > size)
		return decode_bad(d, pkt, DECODE_EVENT_IPV4_PKT_TOO_SMALL);
	ip->id = cur_u16(&h);
	ip->frag_off = cur_u16(&h);
	ip->ttl = cur_u8(&h);
	ip->proto = cur_u8(&h);
	cur_skip(&h, 2);
	ip->src = cc_addr4(cur_bytes(&h, 4));
	ip->dst = cc_addr4(cur_bytes(&h, 4));
	ip->version = 4;
	ip->reassembled = false;
	c = cur_of(in.p, size);
	ip->header = cur_take(&c, header);
	ip->payload = cur_rest(&c);
	if (!decode_layer(d, pkt, LAYER_IP))
		return CC_BAD;
	pkt->ip_count++;
	if (header > 20)
		options(d, pkt, behind(ip->header, 20));
	if (ip->frag_off & 0x3fff)
		return fragment(d, pkt, ip, size < u16_at(in, 2));
	return decode_transport(d, pkt, ip->payload);
}

enum cc_status
decode_ip(struct decode *d, struct packet *pkt, struct slice in)
{
	switch (byte_at(in, 0) >> 4) {
	case 4:
		return decode_ip4(d, pkt, in);
	case 6:
		return decode_ip6(d, pkt, in);
	default:
		return decode_bad(d, pkt, DECODE_EVENT_IPRAW_INVALID_IP_VERSION);
	}
}

/* next header, length in 32-bit words less 2, reserved, SPI, sequence number, check value */
enum cc_status
decode_ah(struct decode *d, struct packet *pkt, struct cur *c, uint8_t *proto)
{
	uint8_t next = cur_u8(c);
	size_t size = (cur_u8(c) + 2u) * 4;

	if (cur_u16(c) != 0 && !c->bad)
		decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_AH_RES_NOT_NULL);
	cur_skip(c, size > 4 ? size - 4 : 0);
	if (c->bad)
		return decode_bad(d, pkt, DECODE_EVENT_IPV6_TRUNC_EXTHDR);
	*proto = next;
	return decode_layer(d, pkt, LAYER_AH) ? CC_OK : CC_BAD;
}
