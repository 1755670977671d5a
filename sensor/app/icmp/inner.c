/*
 * What the payload of an echo holds.  A payload in, a word out; no state.
 *
 * Everything is told by its structure, since magics are the first thing that an author changes: a packet of IP has
 * lengths and a checksum that fit, a record of TLS a length and a message in it.  What most tunnels put before it is a
 * short header of their own, so a packet is looked for behind up to ICMP_INNER_AT bytes.
 */
#include "app/icmp/own.h"

static bool
is_ipv4(struct slice s)
{
	struct cur c = cur_slice(s);
	uint32_t sum = 0;
	size_t head = s.size > 0 ? (size_t)(s.p[0] & 15) * 4 : 0;

	if (s.size < 20 || s.p[0] >> 4 != 4 || head < 20 || s.size < head)
		return false;
	if (((size_t)s.p[2] << 8 | s.p[3]) > s.size || ((size_t)s.p[2] << 8 | s.p[3]) < head || s.p[8] == 0)
		return false;
	/* What pads the payload is little. */
	if (s.size - ((size_t)s.p[2] << 8 | s.p[3]) > 16)
		return false;
	for (size_t i = 0; i < head; i += 2)
		sum += cur_u16(&c);
	sum = (sum & 0xffff) + (sum >> 16);
	return !c.bad && (sum & 0xffff) + (sum >> 16) == 0xffff;
}

static bool
is_ipv6(struct slice s)
{
	static const uint8_t next[] = {0, 6, 17, 43, 44, 50, 51, 58, 60};
	struct cur c = cur_slice(s);

	if (s.size < 40 || cur_u32(&c) >> 28 != 6 || cur_u16(&c) != s.size - 40)
		return false;
	return memchr(next, cur_u8(&c), sizeof(next)) != NULL && cur_u8(&c) > 0 && !c.bad;
}

/*
 * The header that relays TCP by way of a ping (the magic is anybody's):
 *
 *     magic 4 | address 4 | port 4 | state 4 | acknowledged 4 | size 4 | sequence 2 | id 2 | data
 */
static bool
is_tcp_relay(struct slice s)
{
	struct cur c = cur_slice(s);
	uint32_t port, state, size;

	cur_skip(&c, 8);
	port = cur_u32(&c);
	state = cur_u32(&c);
	cur_skip(&c, 4);
	size = cur_u32(&c);
	cur_skip(&c, 4);
	if (c.bad || port > 65535 || size != cur_left(&c))
		return false;
	/* One of the two top bits tells who speaks; below is a small number. */
	return (state >> 30 == 1 || state >> 30 == 2) && (state & 0x3fffffff) < 16;
}

static bool
is_tls(struct slice s)
{
	struct cur c = cur_slice(s);
	uint8_t kind = cur_u8(&c), major = cur_u8(&c), minor = cur_u8(&c);
	uint16_t size = cur_u16(&c);
	uint8_t message = cur_u8(&c);
	uint32_t length = cur_u24(&c);

	return !c.bad && kind == 22 && major == 3 && minor <= 4 && size >= 4 && size <= 16384 &&
	    (message == 1 || message == 2) && length + 4u <= size && length >= 38 && cur_u8(&c) == 3;
}

static bool
is_http(struct slice s)
{
	static const char *const begins[] = {"GET /", "POST /", "PUT /", "HEAD /", "CONNECT ", "HTTP/1."};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		size_t size = strlen(begins[i]);

		if (s.size > size + 8 && memcmp(s.p, begins[i], size) == 0)
			return i == 5 || memmem(s.p, s.size, " HTTP/1.", 8) != NULL;
	}
	return false;
}

/* A question with one name that ends where the message does, but for EDNS. */
static bool
is_dns(struct slice s)
{
	struct cur c = cur_slice(s);
	uint16_t flags, questions;
	unsigned labels = 0;
	uint8_t label;

	cur_skip(&c, 2);
	flags = cur_u16(&c);
	questions = cur_u16(&c);
	cur_skip(&c, 6);
	if (c.bad || questions != 1 || (flags & 0x7840) != 0)
		return false;
	while ((label = cur_u8(&c)) != 0 && label < 64 && !c.bad && labels < 32) {
		const uint8_t *p = cur_bytes(&c, label);

		for (size_t i = 0; p != NULL && i < label; i++)
			if (p[i] <= ' ' || p[i] >= 0x7f)
				return false;
		labels++;
	}
	return labels > 1 && label == 0 && (cur_u16(&c) & 0xff00) == 0 && cur_u16(&c) == 1 && !c.bad;
}

static const char *
inner_at(struct slice s)
{
	if (s.size >= 20 && s.p[0] >> 4 == 4 && is_ipv4(s))
		return "ipv4";
	if (s.size >= 40 && s.p[0] >> 4 == 6 && is_ipv6(s))
		return "ipv6";
	if (s.size >= 8 && (memcmp(s.p, "SSH-2.0-", 8) == 0 || memcmp(s.p, "SSH-1.", 6) == 0))
		return "ssh";
	if (s.size >= 10 && s.p[0] == 22 && is_tls(s))
		return "tls";
	if (s.size >= 8 && is_http(s))
		return "http";
	return NULL;
}

const char *
icmp_inner(struct slice payload)
{
	const char *inner = NULL;

	for (size_t at = 0; at <= ICMP_INNER_AT && at < payload.size && inner == NULL; at++)
		inner = inner_at(slice_of(payload.p + at, payload.size - at));
	if (inner == NULL && is_tcp_relay(payload))
		return "tcp_relay";
	if (inner == NULL && is_dns(payload))
		return "dns";
	return inner;
}

static void
read_packet(struct slice s, struct icmp_packet *packet)
{
	struct cur c = cur_slice(s);
	size_t behind = 40;

	packet->version = s.p[0] >> 4;
	if (packet->version == 4) {
		behind = (size_t)(s.p[0] & 15) * 4;
		packet->proto = s.p[9];
		packet->src = cc_addr4(s.p + 12);
		packet->dst = cc_addr4(s.p + 16);
	} else {
		packet->proto = s.p[6];
		packet->src = cc_addr6(s.p + 8);
		packet->dst = cc_addr6(s.p + 24);
	}
	cur_skip(&c, behind);
	packet->sport = cur_u16(&c);
	packet->dport = cur_u16(&c);
	packet->has_ports = !c.bad && (packet->proto == 6 || packet->proto == 17 || packet->proto == 132);
}

bool
icmp_inner_packet(struct slice payload, struct icmp_packet *ret_packet)
{
	for (size_t at = 0; at <= ICMP_INNER_AT && at < payload.size; at++) {
		struct slice s = slice_of(payload.p + at, payload.size - at);

		if (is_ipv4(s) || is_ipv6(s)) {
			read_packet(s, ret_packet);
			return true;
		}
	}
	return false;
}

const char *
icmp_tool(struct slice payload)
{
	static const struct {
		const char mark[5];
		const char *name;
	} known[] = {{"\xd5\x20\x08\x80", "ptunnel"}, {"hanc", "hans"}, {"hans", "hans"}};

	for (size_t i = 0; payload.size >= 5 && i < sizeof(known) / sizeof(known[0]); i++)
		if (memcmp(payload.p, known[i].mark, 4) == 0)
			return known[i].name;
	return NULL;
}

bool
icmp_is_filling(struct slice s)
{
	bool same = true, up = true;

	for (size_t i = 1; i < s.size && (same || up); i++) {
		same = same && s.p[i] == s.p[i - 1];
		up = up && s.p[i] == (uint8_t)(s.p[i - 1] + 1);
	}
	if (same || up)
		return true;
	/* A text that comes again and again, such as the alphabet of Windows; 32 bytes show it twice at least. */
	for (size_t period = 2; period <= 32 && period * 2 <= s.size; period++)
		if (memcmp(s.p, s.p + period, s.size - period) == 0)
			return true;
	return false;
}
