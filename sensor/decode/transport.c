/*
 * What an IP packet carries: TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), and the way to
 * tunnels.
 */
#include "decode/inside.h"

enum { OPT_EOL = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_OK = 4, OPT_TS = 8 };

void
decode_settle(struct packet *pkt, struct slice l4)
{
	const struct ip_info *ip = &pkt->ip[pkt->ip_count - 1];

	pkt->src = ip->src;
	pkt->dst = ip->dst;
	pkt->proto = ip->proto;
	pkt->l4 = l4;
	pkt->payload = (struct slice){l4.p, 0};
	pkt->sport = pkt->dport = 0;
	pkt->has_transport = false;
}

static bool
option_size_ok(uint8_t kind, size_t size)
{
	switch (kind) {
	case OPT_MSS:
		return size == 4;
	case OPT_WSCALE:
		return size == 3;
	case OPT_SACK_OK:
		return size == 2;
	case OPT_TS:
		return size == 10;
	default:
		return size >= 2;
	}
}

static void
tcp_options(struct decode *d, struct packet *pkt, struct tcp_info *tcp)
{
	struct cur c = cur_slice(tcp->options);
	unsigned seen = 0;

	while (cur_left(&c) > 0) {
		uint8_t kind = cur_u8(&c), size;
		struct cur body;

		if (kind == OPT_EOL)
			return;
		if (kind == OPT_NOP)
			continue;
		size = cur_u8(&c);
		body = cur_sub(&c, size >= 2 ? size - 2u : 0);
		if (c.bad || !option_size_ok(kind, size)) {
			decode_event(d, pkt, DECODE_EVENT_TCP_OPT_INVALID_LEN);
			if (c.bad || size < 2)
				return;
			continue;
		}
		if (kind > OPT_TS)
			continue;
		if (seen & 1u << kind) {
			decode_event(d, pkt, DECODE_EVENT_TCP_OPT_DUPLICATE);
			continue;
		}
		switch (kind) {
		case OPT_MSS:
			tcp->mss = cur_u16(&body);
			break;
		case OPT_WSCALE:
			tcp->wscale = cur_u8(&body);
			break;
		case OPT_SACK_OK:
			tcp->sack_ok = true;
			break;
		case OPT_TS:
			tcp->has_ts = true;
			tcp->ts_val = cur_u32(&body);
			tcp->ts_ecr = cur_u32(&body);
			break;
		default:
			continue;
		}
		seen |= 1u << kind;
	}
}

/* Ports, sequence, acknowledgement, offset (4 bits) and flags, window, checksum, urgent; options. */
static enum cc_status
tcp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	const uint8_t *p = cur_bytes(&c, 20);
	struct cur h = cur_of(p, 20);
	struct tcp_info *t = &pkt->tcp;
	size_t header;

	decode_settle(pkt, in);
	if (p == NULL)
		return decode_bad(d, pkt, DECODE_EVENT_TCP_PKT_TOO_SMALL);
	pkt->sport = cur_u16(&h);
	pkt->dport = cur_u16(&h);
	t->seq = cur_u32(&h);
	t->ack = cur_u32(&h);
	header = (cur_u8(&h) >> 4) * 4u;
	t->flags = cur_u8(&h);
	t->window = cur_u16(&h);
	cur_skip(&h, 2);
	t->urgent = cur_u16(&h);
	if (header < 20)
		return decode_bad(d, pkt, DECODE_EVENT_TCP_HLEN_TOO_SMALL);
	if (header > in.size)
		return decode_bad(d, pkt, DECODE_EVENT_TCP_INVALID_OPTLEN);
	if (!decode_layer(d, pkt, LAYER_TCP))
		return CC_BAD;
	t->wscale = 255;
	t->mss = 0;
	t->sack_ok = t->has_ts = false;
	t->ts_val = t->ts_ecr = 0;
	t->options = cur_take(&c, header - 20);
	pkt->payload = cur_rest(&c);
	pkt->has_transport = true;
	if (t->options.size > 0)
		tcp_options(d, pkt, t);
	return CC_OK;
}

/*
 * A datagram that is a tunnel hands on to what is inside; where that has no IP packet of its own, the datagram is the
 * innermost packet, with the layers that were seen; where it can't be read, it is a datagram like others.
 */
static bool
udp_inner(struct decode *d, struct packet *pkt, uint16_t sport, uint16_t dport, struct slice in)
{
	struct mark mark = decode_mark(pkt);
	enum cc_status st = decode_udp_tunnel(d, pkt, sport, dport, in);

	if (st == CC_ABSENT)
		return false;
	if (st == CC_OK && pkt->ip_count > mark.ip_count)
		return true;
	if (st != CC_OK)
		decode_count(d, DECODE_INNER_LEFT);
	else
		mark.layer_count = pkt->layer_count;
	decode_back(d, pkt, &mark);
	return false;
}

/* Ports, size with this header, checksum. */
static enum cc_status
udp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint16_t sport = cur_u16(&c), dport = cur_u16(&c);
	size_t size = cur_u16(&c);

	cur_skip(&c, 2);
	if (c.bad) {
		decode_settle(pkt, in);
		return decode_bad(d, pkt, DECODE_EVENT_UDP_HLEN_TOO_SMALL);
	}
	if (size == 0 && in.size > 1500)
		size = in.size; /* as with IP: the sender's adapter will cut it */
	if (size < 8 || (size > in.size && size - in.size > d->missing)) {
		decode_settle(pkt, in);
		return decode_bad(d, pkt, size < 8 ? DECODE_EVENT_UDP_LEN_INVALID : DECODE_EVENT_UDP_PKT_TOO_SMALL);
	}
	if (!decode_layer(d, pkt, LAYER_UDP))
		return CC_BAD;
	if (size < in.size) {
		decode_event(d, pkt, DECODE_EVENT_UDP_HLEN_INVALID);
		c = cur_slice(slice_of(c.p, size - 8));
	}
	if (cur_left(&c) > 8 && udp_inner(d, pkt, sport, dport, cur_rest(&c)))
		return CC_OK;
	decode_settle(pkt, size < in.size ? slice_of(in.p, size) : in);
	pkt->sport = sport;
	pkt->dport = dport;
	pkt->payload = cur_rest(&c);
	pkt->has_transport = true;
	return CC_OK;
}

/* Ports, checksum coverage, checksum. */
static enum cc_status
udplite(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);

	decode_settle(pkt, in);
	pkt->sport = cur_u16(&c);
	pkt->dport = cur_u16(&c);
	cur_skip(&c, 4);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_UDP_HLEN_TOO_SMALL);
	pkt->payload = cur_rest(&c);
	pkt->has_transport = true;
	return decode_layer(d, pkt, LAYER_UDPLITE) ? CC_OK : CC_BAD;
}

/* Ports, verification tag, checksum; the first chunk's type. */
static enum cc_status
sctp(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);

	decode_settle(pkt, in);
	pkt->sport = cur_u16(&c);
	pkt->dport = cur_u16(&c);
	pkt->sctp.vtag = cur_u32(&c);
	cur_skip(&c, 4);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_SCTP_PKT_TOO_SMALL);
	pkt->payload = cur_rest(&c);
	pkt->sctp.first_chunk = pkt->payload.size > 0 ? byte_at(pkt->payload, 0) : 255;
	pkt->has_transport = true;
	return decode_layer(d, pkt, LAYER_SCTP) ? CC_OK : CC_BAD;
}

/* IP that carries a packet: as with UDP, the outer one stays where the inner one can't be read. */
static enum cc_status
ip_inner(struct decode *d, struct packet *pkt, uint8_t proto, struct slice in)
{
	struct mark mark = decode_mark(pkt);
	enum cc_status st = proto == 47 ? decode_gre(d, pkt, in) : decode_ip_in_ip(d, pkt, proto, in);

	if (st == CC_OK && pkt->ip_count > mark.ip_count)
		return CC_OK;
	if (st != CC_OK)
		decode_count(d, DECODE_INNER_LEFT);
	if (st == CC_OK)
		mark.layer_count = pkt->layer_count;
	else if (proto == 47 && pkt->layer_count > mark.layer_count)
		mark.layer_count++; /* GRE itself was there */
	decode_back(d, pkt, &mark);
	decode_settle(pkt, in);
	return CC_OK;
}

/* AH in IPv4; in IPv6 it is part of the chain. */
static enum cc_status
ah(struct decode *d, struct packet *pkt, struct slice in)
{
	struct ip_info *ip = &pkt->ip[pkt->ip_count - 1];
	struct cur c = cur_slice(in);
	enum cc_status st = decode_ah(d, pkt, &c, &ip->proto);

	if (st != CC_OK || ip->proto == 51) {
		decode_settle(pkt, in);
		return CC_OK;
	}
	ip->payload = cur_rest(&c);
	return decode_transport(d, pkt, ip->payload);
}

static enum cc_status
esp(struct decode *d, struct packet *pkt, struct slice in)
{
	decode_settle(pkt, in);
	if (in.size < 8)
		return decode_bad(d, pkt, DECODE_EVENT_ESP_PKT_TOO_SMALL);
	decode_count(d, DECODE_ENCRYPTED);
	return decode_layer(d, pkt, LAYER_ESP) ? CC_OK : CC_BAD;
}

enum cc_status
decode_transport(struct decode *d, struct packet *pkt, struct slice in)
{
	const struct ip_info *ip = &pkt->ip[pkt->ip_count - 1];

	switch (ip->proto) {
	case 6:
		return tcp(d, pkt, in);
	case 17:
		return udp(d, pkt, in);
	case 1:
		if (ip->version == 6)
			decode_event(d, pkt, DECODE_EVENT_IPV6_ICMPV4);
		return decode_icmp(d, pkt, in);
	case 58:
		if (ip->version == 4)
			decode_event(d, pkt, DECODE_EVENT_IPV4_ICMPV6);
		return decode_icmp6(d, pkt, in);
	case 4:
	case 41:
	case 47:
	case 97:
	case 137:
	case 143:
		return ip_inner(d, pkt, ip->proto, in);
	case 132:
		return sctp(d, pkt, in);
	case 136:
		return udplite(d, pkt, in);
	case 50:
		return esp(d, pkt, in);
	case 51:
		if (ip->version == 4)
			return ah(d, pkt, in);
		break;
	default:
		if (ip->version == 6)
			decode_event(d, pkt, DECODE_EVENT_IPV6_UNKNOWN_NEXT_HEADER);
	}
	decode_settle(pkt, in);
	decode_count(d, DECODE_UNKNOWN_TRANSPORT);
	return CC_OK;
}
