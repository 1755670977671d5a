/*
 * Which worker gets a frame.  The common case (Ethernet, perhaps one VLAN tag, TCP in IP) is read right here; all else
 * goes through a decoder, so that this can't disagree with the workers' on what the innermost packet is.
 *
 * A tunnel's datagram that came in fragments belongs to another worker than its outer addresses say, and nobody knows
 * before it is whole.  So all decoders see all frames with fragments and put together the same datagrams; each
 * fragment is counted, and the datagram gone on with, by one of them.
 */
#include "decode/inside.h"

static uint64_t
mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 29;
}

static uint64_t
half(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x)); /* byte order is of no interest */
	return x;
}

static uint64_t
address(const struct cc_addr *a)
{
	return mix(half(a->b) + mix(half(a->b + 8)));
}

static uint32_t
pair(const struct cc_addr *a, const struct cc_addr *b)
{
	return (uint32_t)(mix(address(a) + address(b)) >> 16); /* a sum: the same both ways */
}

static bool
common(const struct frame *frame, struct cc_addr *ret_a, struct cc_addr *ret_b)
{
	struct cur c = cur_of(frame->p, frame->size), h;
	uint16_t type, total, frag;
	uint8_t first;

	if (frame->linktype != 1)
		return false;
	cur_skip(&c, 12);
	type = cur_u16(&c);
	if (type == 0x8100) {
		cur_skip(&c, 2);
		type = cur_u16(&c);
	}
	if (type != 0x0800)
		return false;
	h = c;
	first = cur_u8(&h);
	cur_skip(&h, 1);
	total = cur_u16(&h);
	cur_skip(&h, 2);
	frag = cur_u16(&h);
	cur_skip(&h, 1);
	if (cur_u8(&h) != 6 || h.bad || first != 0x45 || total < 40 || total > cur_left(&c) || (frag & 0x3fff) != 0)
		return false;
	cur_skip(&h, 2);
	c = cur_sub(&h, 8);
	if (c.bad)
		return false;
	*ret_a = cc_addr4(cur_bytes(&c, 4));
	*ret_b = cc_addr4(cur_bytes(&c, 4));
	return true;
}

uint32_t
decode_spread(struct decode *d, const struct frame *frame, bool *ret_fragment)
{
	struct cc_addr a, b;
	struct packet pkt;
	uint64_t fragments = d->counts[DECODE_FRAGMENTS];

	*ret_fragment = false;
	if (common(frame, &a, &b))
		return pair(&a, &b);
	d->check = false; /* a wrong checksum changes no address */
	(void)decode_frame(d, frame, &pkt);
	*ret_fragment = d->counts[DECODE_FRAGMENTS] != fragments;
	return pkt.ip_count > 0 ? pair(&pkt.ip[pkt.ip_count - 1].src, &pkt.ip[pkt.ip_count - 1].dst) : 0;
}

/* What became of datagrams is counted by the worker that they belong to, whoever's frame it was that ended them. */
void
decode_note(struct decode *d, const struct frame *frame)
{
	uint64_t counts[DECODE_COUNT];
	struct packet pkt;

	memcpy(counts, d->counts, sizeof(counts));
	d->noting = true;
	(void)decode_frame(d, frame, &pkt);
	d->noting = false;
	counts[DECODE_DEFRAG_TIMEOUT] = d->counts[DECODE_DEFRAG_TIMEOUT];
	counts[DECODE_DEFRAG_EVICTED] = d->counts[DECODE_DEFRAG_EVICTED];
	memcpy(d->counts, counts, sizeof(counts));
}
