/*
 * IPv6 (RFC 8200): the header, the chain of extension headers, fragments.  Odd chains are events; only a chain that
 * can't be followed ends it.
 */
#include "decode/inside.h"

#define CHAIN_MAX 32 /* extension headers of one packet */

enum {
	NEXT_HOPOPTS = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_ESP = 50, NEXT_AH = 51, NEXT_NONE = 59,
	NEXT_DSTOPTS = 60, NEXT_MOBILITY = 135, NEXT_HIP = 139, NEXT_SHIM6 = 140,
};

struct chain {
	unsigned hopopts, dstopts, routing, fragment, ah;
	uint32_t frag_id;
	uint16_t frag_off;     /* offset in bytes and flags, as in the header */
	uint8_t frag_next;
	size_t frag_header;    /* bytes before the fragment header */
	bool is_fragment;
};

/* Hop-by-hop and destination options: type, length, value. */
static void
options(struct decode *d, struct packet *pkt, struct slice in, bool hop)
{
	struct cur c = cur_slice(in);
	bool padding_only = true, unknown = false;

	while (cur_left(&c) > 0) {
		uint8_t type = cur_u8(&c), size;

		if (type == 0) /* Pad1 */
			continue;
		size = cur_u8(&c);
		cur_skip(&c, size);
		if (c.bad) {
			decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_INVALID_OPTLEN);
			return;
		}
		if (type == 1) { /* PadN */
			if (size == 0)
				decode_event(d, pkt, DECODE_EVENT_IPV6_ZERO_LEN_PADN);
			continue;
		}
		padding_only = false;
		switch (type) {
		case 0x04: /* tunnel encapsulation limit */
		case 0x05: /* router alert */
		case 0x07: /* CALIPSO */
		case 0x08: /* SMF_DPD */
		case 0x0f: /* PDM */
		case 0x22: /* RPL */
		case 0x23:
		case 0x26: /* quick start */
		case 0x30: /* minimum path MTU */
		case 0x31: /* IOAM */
		case 0x63:
		case 0x6d: /* MPL */
		case 0x8b: /* ILNP nonce */
		case 0x8c: /* line identification */
		case 0xc2: /* jumbo */
		case 0xc9: /* home address */
			break;
		default:
			unknown = true;
		}
	}
	if (unknown)
		decode_event(d, pkt, hop ? DECODE_EVENT_IPV6_HOPOPTS_UNKNOWN_OPT :
		    DECODE_EVENT_IPV6_DSTOPTS_UNKNOWN_OPT);
	if (padding_only)
		decode_event(d, pkt, hop ? DECODE_EVENT_IPV6_HOPOPTS_ONLY_PADDING :
		    DECODE_EVENT_IPV6_DSTOPTS_ONLY_PADDING);
}

/* Headers of the common form: next header, length in 8 bytes less the first, contents. */
static enum cc_status
plain_header(struct decode *d, struct packet *pkt, struct cur *c, uint8_t *next, struct chain *chain)
{
	static const struct { uint8_t next; uint8_t layer; } layers[] = {{NEXT_HOPOPTS, LAYER_HOPOPTS},
	    {NEXT_DSTOPTS, LAYER_DSTOPTS}, {NEXT_ROUTING, LAYER_ROUTING}, {NEXT_MOBILITY, LAYER_MOBILITY},
	    {NEXT_HIP, LAYER_HIP}, {NEXT_SHIM6, LAYER_SHIM6}};
	uint8_t type = *next, size;
	struct slice body;

	*next = cur_u8(c);
	size = cur_u8(c);
	body = cur_take(c, size * 8u + 6);
	if (c->bad)
		return decode_bad(d, pkt, DECODE_EVENT_IPV6_TRUNC_EXTHDR);
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
		if (layers[i].next == type && !decode_layer(d, pkt, layers[i].layer))
			return CC_BAD;
	if (type == NEXT_HOPOPTS) {
		if (++chain->hopopts == 2)
			decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_DUPL_HH);
		options(d, pkt, body, true);
	} else if (type == NEXT_DSTOPTS) {
		if (++chain->dstopts == 3) /* one before and one behind a routing header is right */
			decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_DUPL_DH);
		options(d, pkt, body, false);
	} else if (type == NEXT_ROUTING) {
		if (++chain->routing == 2)
			decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_DUPL_RH);
		if (byte_at(body, 0) == 0)
			decode_event(d, pkt, DECODE_EVENT_IPV6_RH_TYPE_0);
	}
	return CC_OK;
}

/* next header, reserved, offset (13 bits), reserved (2), more (1), identification */
static enum cc_status
fragment_header(struct decode *d, struct packet *pkt, struct cur *c, uint8_t *next, struct chain *chain, size_t before)
{
	uint8_t reserved;

	*next = cur_u8(c);
	reserved = cur_u8(c);
	chain->frag_off = cur_u16(c);
	chain->frag_id = cur_u32(c);
	if (c->bad)
		return decode_bad(d, pkt, DECODE_EVENT_IPV6_TRUNC_EXTHDR);
	if (!decode_layer(d, pkt, LAYER_FRAGMENT))
		return CC_BAD;
	if (reserved != 0 || (chain->frag_off & 6) != 0)
		decode_event(d, pkt, DECODE_EVENT_IPV6_FH_NON_ZERO_RESERVED_FIELD);
	if (++chain->fragment == 2)
		decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_DUPL_FH);
	if ((chain->frag_off & ~6u) == 0) { /* an atomic fragment is a datagram (RFC 6946) */
		decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_USELESS_FH);
		return CC_OK;
	}
	chain->is_fragment = true;
	chain->frag_next = *next;
	chain->frag_header = before;
	return CC_OK;
}

/* Follows the chain up to a transport or a fragment. CC_OK: *next is what comes at c. */
static enum cc_status
chain_follow(struct decode *d, struct packet *pkt, struct cur *c, uint8_t *next, const uint8_t *start,
    struct chain *chain)
{
	enum cc_status st = CC_OK;

	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		switch (*next) {
		case NEXT_HOPOPTS:
		case NEXT_ROUTING:
		case NEXT_DSTOPTS:
		case NEXT_MOBILITY:
		case NEXT_HIP:
		case NEXT_SHIM6:
			st = plain_header(d, pkt, c, next, chain);
			break;
		case NEXT_AH:
			if (++chain->ah == 2)
				decode_event(d, pkt, DECODE_EVENT_IPV6_EXTHDR_DUPL_AH);
			st = decode_ah(d, pkt, c, next);
			break;
		case NEXT_FRAGMENT:
			st = fragment_header(d, pkt, c, next, chain, (size_t)(c->p - start));
			if (st == CC_OK && chain->is_fragment)
				return CC_OK;
			break;
		default:
			return CC_OK;
		}
		if (st != CC_OK)
			return st;
		/* An extension header names what follows, and nothing does: no header has less than two bytes. */
		if (*next != NEXT_NONE && cur_left(c) < 2)
			return decode_bad(d, pkt, DECODE_EVENT_IPV6_TRUNC_EXTHDR);
	}
	return decode_bad(d, pkt, DECODE_EVENT_TOO_MANY_LAYERS);
}

static enum cc_status
rest(struct decode *d, struct packet *pkt, struct ip_info *ip)
{
	if (ip->proto != NEXT_NONE)
		return decode_transport(d, pkt, ip->payload);
	if (ip->payload.size > 0)
		decode_event(d, pkt, DECODE_EVENT_IPV6_DATA_AFTER_NONE_HEADER);
	decode_settle(pkt, ip->payload);
	return CC_OK;
}

static enum cc_status
fragment(struct decode *d, struct packet *pkt, struct ip_info *ip, const struct chain *chain, bool cut)
{
	struct fragment frag = {.ip = ip, .id = chain->frag_id, .proto = chain->frag_next, .off = chain->frag_off & ~7u,
	    .more = (chain->frag_off & 1) != 0, .data = ip->payload};
	struct chain behind = {0};
	struct slice whole, header = ip->header;
	enum cc_status st;
	struct cur c;
	size_t size;
	uint8_t next;

	decode_count(d, DECODE_FRAGMENTS);
	pkt->is_fragment = true;
	ip->header.size = chain->frag_header; /* the part that every fragment repeats */
	ip->proto = frag.proto;
	ip->frag_off = (uint16_t)frag.off;
	decode_settle(pkt, ip->payload);
	if (cut || d->whole_used >= DECODE_IP_MAX) {
		decode_event(d, pkt, DECODE_EVENT_IPV6_FRAG_IGNORED);
		st = CC_BAD;
	} else if (frag.more && frag.data.size % 8 != 0) {
		decode_event(d, pkt, DECODE_EVENT_IPV6_FRAG_INVALID_LENGTH);
		st = CC_BAD;
	} else {
		st = decode_defrag_put(d, pkt, &frag, d->whole[d->whole_used], &whole, &size, &next);
	}
	if (st != CC_OK) {
		ip->header = header;
		return CC_OK; /* a fragment is still a packet of its flow */
	}
	decode_keep_last(pkt, ip);
	pkt->last_fragment.header = header;
	d->whole_used++;
	d->missing = 0;
	pkt->is_fragment = false;
	pkt->reassembled = ip->reassembled = true;
	c = cur_of(whole.p, whole.size);
	cur_skip(&c, size);
	st = chain_follow(d, pkt, &c, &next, whole.p, &behind);
	if (st == CC_OK && behind.is_fragment) /* a fragment of a fragment: nobody sends that */
		st = decode_bad(d, pkt, DECODE_EVENT_IPV6_FRAG_IGNORED);
	if (st != CC_OK)
		return st;
	ip->proto = next;
	ip->header = slice_of(whole.p, whole.size - cur_left(&c));
	ip->payload = cur_rest(&c);
	return rest(d, pkt, ip);
}

/*
 *  |version| traffic class |              flow label               |
 *  |        payload length         |  next header  |   hop limit   |
 *  |                       source (16 bytes)                       |
 *  |                    destination (16 bytes)                     |
 */
enum cc_status
decode_ip6(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	const uint8_t *p = cur_bytes(&c, 40);
	struct cur h = cur_of(p, 40);
	struct chain chain = {0};
	struct ip_info *ip;
	enum cc_status st;
	uint32_t first;
	uint8_t next;
	size_t size;
	bool cut = false;

	if (p == NULL)
		return decode_bad(d, pkt, DECODE_EVENT_IPV6_PKT_TOO_SMALL);
	first = cur_u32(&h);
	if (first >> 28 != 6)
		return decode_bad(d, pkt, DECODE_EVENT_IPV6_WRONG_IP_VERSION);
	if (pkt->ip_count >= d->depth) {
		decode_count(d, DECODE_TOO_DEEP);
		return decode_bad(d, pkt, DECODE_EVENT_TOO_MANY_LAYERS);
	}
	size = cur_u16(&h);
	next = cur_u8(&h);
	if (size == 0 && cur_left(&c) > 0 && (next == NEXT_HOPOPTS || cur_left(&c) > 1500))
		size = cur_left(&c); /* a jumbogram (RFC 2675), or a segment that the sender's adapter will cut */
	if (size > cur_left(&c)) {
		if (size - cur_left(&c) > d->missing &&
		    !decode_slice(d, pkt, size - cur_left(&c), DECODE_EVENT_IPV6_TRUNC_PKT))
			return CC_BAD;
		decode_count(d, DECODE_CUT);
		size = cur_left(&c);
		cut = true;
	}
	ip = &pkt->ip[pkt->ip_count];
	ip->tos = first >> 20 & 0xff;
	ip->ttl = cur_u8(&h);
	ip->src = cc_addr6(cur_bytes(&h, 16));
	ip->dst = cc_addr6(cur_bytes(&h, 16));
	ip->id = ip->frag_off = 0;
	ip->version = 6;
	ip->reassembled = false;
	if (!decode_layer(d, pkt, LAYER_IPV6))
		return CC_BAD;
	c = cur_of(in.p, 40 + size);
	cur_skip(&c, 40);
	ip->header = slice_of(in.p, 40);
	ip->payload = cur_rest(&c);
	ip->proto = next;
	pkt->ip_count++;
	st = chain_follow(d, pkt, &c, &next, in.p, &chain);
	if (st != CC_OK) {
		pkt->ip_count--;
		return st;
	}
	ip->proto = next;
	ip->header = slice_of(in.p, 40 + size - cur_left(&c));
	ip->payload = cur_rest(&c);
	return chain.is_fragment ? fragment(d, pkt, ip, &chain, cut) : rest(d, pkt, ip);
}
