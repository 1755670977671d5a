/*
 * Internet checksums (RFC 1071) of the innermost packet, and SCTP's CRC-32C (RFC 9260, appendix A).  What can't be
 * checked, because the capture cut it or a router on the way would still change an address, counts as right.
 */
#include "decode/inside.h"

static uint32_t
sum(uint32_t start, struct slice in)
{
	struct cur c = cur_slice(in);
	uint64_t total = start;

	while (cur_left(&c) >= 4)
		total += cur_u32(&c);
	if (cur_left(&c) >= 2)
		total += cur_u16(&c);
	if (cur_left(&c) > 0)
		total += (uint32_t)cur_u8(&c) << 8;
	while (total >> 16 != 0)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

bool
decode_ip_checksum_ok(const struct packet *pkt)
{
	const struct ip_info *ip;

	if (pkt->ip_count == 0)
		return true;
	ip = &pkt->ip[pkt->ip_count - 1];
	return ip->version != 4 || ip->reassembled || sum(0, ip->header) == 0xffff;
}

/* Is the payload all here?  Only then has it a checksum to look at. */
static bool
whole(const struct packet *pkt, const struct ip_info *ip)
{
	struct cur c = cur_slice(ip->header);
	size_t said, here = ip->header.size + ip->payload.size;

	cur_skip(&c, ip->version == 4 ? 2 : 4);
	said = cur_u16(&c);
	if (ip->version == 6)
		said += 40;
	for (unsigned i = pkt->layer_count; i-- > 0 && pkt->layer[i] != LAYER_IPV6 && pkt->layer[i] != LAYER_IP;)
		if (pkt->layer[i] == LAYER_ROUTING)
			return false;
	return !c.bad && (said == here || (ip->reassembled && said <= 65535));
}

static uint32_t
pseudo(const struct packet *pkt, const struct ip_info *ip)
{
	bool four = ip->version == 4;
	uint32_t start = (uint32_t)pkt->l4.size + pkt->proto;

	start = sum(start, four ? slice_of(ip->src.b + 12, 4) : slice_of(ip->src.b, 16));
	return sum(start, four ? slice_of(ip->dst.b + 12, 4) : slice_of(ip->dst.b, 16));
}

static bool
sctp_ok(struct slice l4)
{
	static const uint8_t zero[4];
	struct cur c = cur_slice(l4);
	uint32_t should, crc;

	cur_skip(&c, 8);
	should = cur_u32le(&c);
	if (c.bad)
		return true;
	crc = crc32c(0, slice_of(l4.p, 8));
	crc = crc32c(crc, slice_of(zero, 4));
	return crc32c(crc, cur_rest(&c)) == should;
}

bool
decode_l4_checksum_ok(const struct packet *pkt)
{
	const struct ip_info *ip;

	if (pkt->ip_count == 0 || !pkt->has_transport)
		return true;
	ip = &pkt->ip[pkt->ip_count - 1];
	if (!whole(pkt, ip))
		return true;
	switch (pkt->proto) {
	case 17:
		if (pkt->l4.size >= 8 && u16_at(pkt->l4, 6) == 0)
			return true; /* none was made */
		return sum(pseudo(pkt, ip), pkt->l4) == 0xffff;
	case 6:
	case 58:
		return sum(pseudo(pkt, ip), pkt->l4) == 0xffff;
	case 1:
		return sum(0, pkt->l4) == 0xffff;
	case 132:
		return sctp_ok(pkt->l4);
	default:
		return true;
	}
}
