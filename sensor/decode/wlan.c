/*
 * 802.11 data frames, with radiotap (www.radiotap.org), prism or AVS headers before them.  Management and control
 * frames, and what is encrypted, end here.  Of an aggregate (A-MSDU) the first packet is taken.
 */
#include "decode/inside.h"

enum { FC_TO_DS = 0x0100, FC_FROM_DS = 0x0200, FC_MORE_FRAGMENTS = 0x0400, FC_PROTECTED = 0x4000, FC_ORDER = 0x8000 };

/* What is the radio's word of the frame: padding between its header and body, and a checksum at its end. */
static uint8_t
radiotap_flags(struct slice header)
{
	struct cur c = cur_slice(header);
	uint32_t present, more;

	cur_skip(&c, 4);
	present = more = cur_u32le(&c);
	while ((more & 0x80000000) != 0 && !c.bad)
		more = cur_u32le(&c);
	if ((present & 2) == 0)
		return 0;
	if ((present & 1) != 0) { /* a time stamp of 8 bytes, aligned to 8 from the header's start */
		size_t at = header.size - cur_left(&c);

		cur_skip(&c, (8 - at % 8) % 8 + 8);
	}
	return cur_u8(&c);
}

/* version, pad, size (little endian), present fields */
enum cc_status
decode_radiotap(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	struct slice header;
	uint16_t size;
	uint8_t flags;

	cur_skip(&c, 2);
	size = cur_u16le(&c);
	c = cur_slice(in);
	header = cur_take(&c, size);
	if (c.bad || size < 8)
		return decode_bad(d, pkt, DECODE_EVENT_WLAN_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_RADIOTAP) || !decode_layer(d, pkt, LAYER_WLAN_RADIO))
		return CC_BAD;
	flags = radiotap_flags(header);
	if ((flags & 0x10) != 0 && cur_left(&c) >= 4 && d->missing == 0)
		c.end -= 4;
	return decode_wlan(d, pkt, cur_rest(&c), (flags & 0x20) != 0);
}

/* Prism says its size in the second word, in the byte order of the host; AVS has a magic number and is big endian. */
enum cc_status
decode_prism(struct decode *d, struct packet *pkt, struct slice in)
{
	struct cur c = cur_slice(in);
	uint32_t magic = cur_u32(&c), size = cur_u32(&c);
	bool avs = magic >> 12 == 0x80211;

	if (!avs && size > 0xffff)
		size = __builtin_bswap32(size);
	c = cur_slice(in);
	cur_skip(&c, size);
	if (c.bad || size < 8)
		return decode_bad(d, pkt, DECODE_EVENT_WLAN_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, avs ? LAYER_AVS : LAYER_PRISM) || !decode_layer(d, pkt, LAYER_WLAN_RADIO))
		return CC_BAD;
	return decode_wlan(d, pkt, cur_rest(&c), false);
}

/* destination, source, size; LLC */
static enum cc_status
amsdu(struct decode *d, struct packet *pkt, struct cur *c)
{
	uint16_t size;

	cur_skip(c, 12);
	size = cur_u16(c);
	if (c->bad || (size > cur_left(c) && size - cur_left(c) > d->missing))
		return decode_bad(d, pkt, DECODE_EVENT_WLAN_PKT_TOO_SMALL);
	return decode_llc(d, pkt, size < cur_left(c) ? cur_take(c, size) : cur_rest(c));
}

/* frame control, duration, three addresses, sequence; a fourth address, quality of service, high throughput */
enum cc_status
decode_wlan(struct decode *d, struct packet *pkt, struct slice in, bool pad)
{
	struct cur c = cur_slice(in);
	uint16_t control = cur_u16le(&c), qos = 0, sequence;
	uint8_t kind = control >> 2 & 3, subtype = control >> 4 & 0x0f;

	if (c.bad || (control & 3) != 0)
		return decode_bad(d, pkt, DECODE_EVENT_WLAN_PKT_TOO_SMALL);
	if (!decode_layer(d, pkt, LAYER_WLAN))
		return CC_BAD;
	if (kind != 2 || (subtype & 4) != 0)
		return CC_OK; /* management, control, or data frames without data */
	cur_skip(&c, 20);
	sequence = cur_u16le(&c);
	if ((control & FC_TO_DS) != 0 && (control & FC_FROM_DS) != 0)
		cur_skip(&c, 6);
	if ((subtype & 8) != 0) {
		qos = cur_u16le(&c);
		if ((control & FC_ORDER) != 0)
			cur_skip(&c, 4);
	}
	if (pad && (in.size - cur_left(&c)) % 4 != 0)
		cur_skip(&c, 4 - (in.size - cur_left(&c)) % 4);
	if (c.bad)
		return decode_bad(d, pkt, DECODE_EVENT_WLAN_PKT_TOO_SMALL);
	if ((control & FC_PROTECTED) != 0) {
		decode_count(d, DECODE_ENCRYPTED);
		return CC_OK;
	}
	if ((sequence & 0x0f) != 0)
		return CC_OK; /* a later fragment of a frame: no LLC header */
	if ((qos & 0x80) != 0)
		return amsdu(d, pkt, &c);
	return decode_llc(d, pkt, cur_rest(&c));
}
