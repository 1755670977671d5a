/*
 * The TCP stack that a SYN or SYN-ACK shows, in p0f's notation (https://lcamtuf.coredump.cx/p0f3/README, 5):
 *
 *     version:initial TTL:IP options' size:MSS:window,scale:order of options:quirks:payload
 *
 * In: a packet with SYN, decoded.  Out: flow_side.stack, and its text.  The initial TTL is the nearest start value
 * above the one seen; the window is told as a multiple of the MSS or of the MTU where it is one (of the packet, of
 * Ethernet, which stays in the minds of hosts behind tunnels, or, in a SYN-ACK, of its SYN).  No state.
 */
#include <stdarg.h>
#include <stdio.h>

#include "flow/own.h"

enum { KIND_EOL = 0, KIND_NOP = 1, KIND_MSS = 2, KIND_WS = 3, KIND_SOK = 4, KIND_SACK = 5, KIND_TS = 8 };

enum {
	QUIRK_ID_PLUS = 1,   /* DF is set, and an id */
	QUIRK_ID_MINUS = 2,  /* DF is not set, and no id */
	QUIRK_ZERO_PLUS = 4, /* the reserved bit of the IP header */
	QUIRK_FLOW = 8,      /* IPv6 flow label */
	QUIRK_SEQ_MINUS = 16,
	QUIRK_ACK_PLUS = 32, /* an acknowledgement number without the flag */
	QUIRK_ACK_MINUS = 64,
	QUIRK_UPTR_PLUS = 128,
	QUIRK_URGF_PLUS = 256,
	QUIRK_PUSHF_PLUS = 512,
	QUIRK_TS1_MINUS = 1024,
	QUIRK_TS2_PLUS = 2048,
	QUIRK_OPT_PLUS = 4096,
	QUIRK_EXWS = 8192,
	QUIRK_BAD = 16384,
};

static const struct {
	uint16_t bit;
	const char *text;
} quirk_text[] = {
    {QUIRK_ID_PLUS, "id+"},
    {QUIRK_ID_MINUS, "id-"},
    {QUIRK_ZERO_PLUS, "0+"},
    {QUIRK_FLOW, "flow"},
    {QUIRK_SEQ_MINUS, "seq-"},
    {QUIRK_ACK_PLUS, "ack+"},
    {QUIRK_ACK_MINUS, "ack-"},
    {QUIRK_UPTR_PLUS, "uptr+"},
    {QUIRK_URGF_PLUS, "urgf+"},
    {QUIRK_PUSHF_PLUS, "pushf+"},
    {QUIRK_TS1_MINUS, "ts1-"},
    {QUIRK_TS2_PLUS, "ts2+"},
    {QUIRK_OPT_PLUS, "opt+"},
    {QUIRK_EXWS, "exws"},
    {QUIRK_BAD, "bad"},
};

#define IP4_DF 0x4000
#define IP4_RESERVED 0x8000
#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define TS_OPTION 12 /* with what aligns it */
#define ETHERNET_MTU 1500
#define MSS_MIN 100 /* below there is no telling a multiple from chance */

/* ---- reading ---- */

static uint16_t
ip_quirks(const struct ip_info *ip, bool *ret_df, uint8_t *ret_options)
{
	struct cur c = cur_slice(ip->header);
	uint16_t quirks = 0;

	if (ip->version == 6) {
		*ret_df = false;
		*ret_options = 0;
		return cur_u32(&c) & 0xfffff && !c.bad ? QUIRK_FLOW : 0;
	}
	*ret_df = (ip->frag_off & IP4_DF) != 0;
	*ret_options = ip->header.size > IP4_HEADER ? (uint8_t)(ip->header.size - IP4_HEADER) : 0;
	if (*ret_df && ip->id != 0)
		quirks |= QUIRK_ID_PLUS;
	if (!*ret_df && ip->id == 0)
		quirks |= QUIRK_ID_MINUS;
	if (ip->frag_off & IP4_RESERVED)
		quirks |= QUIRK_ZERO_PLUS;
	return quirks;
}

static uint16_t
tcp_quirks(const struct tcp_info *tcp)
{
	uint16_t quirks = 0;

	if (tcp->seq == 0)
		quirks |= QUIRK_SEQ_MINUS;
	if (tcp->flags & TCP_ACK) {
		if (tcp->ack == 0)
			quirks |= QUIRK_ACK_MINUS;
	} else if (tcp->ack != 0) {
		quirks |= QUIRK_ACK_PLUS;
	}
	if (tcp->flags & TCP_URG)
		quirks |= QUIRK_URGF_PLUS;
	else if (tcp->urgent != 0)
		quirks |= QUIRK_UPTR_PLUS;
	if (tcp->flags & TCP_PSH)
		quirks |= QUIRK_PUSHF_PLUS;
	if (tcp->has_ts && tcp->ts_val == 0)
		quirks |= QUIRK_TS1_MINUS;
	if (tcp->has_ts && tcp->ts_ecr != 0 && (tcp->flags & TCP_ACK) == 0)
		quirks |= QUIRK_TS2_PLUS;
	if (tcp->wscale != 255 && tcp->wscale > WINDOW_SCALE_MAX)
		quirks |= QUIRK_EXWS;
	return quirks;
}

static void
read_options(struct flow_side *side, struct slice options)
{
	struct cur c = cur_slice(options);

	while (cur_left(&c) > 0) {
		uint8_t kind = cur_u8(&c), size;

		if (side->stack.option_count < sizeof(side->stack.option))
			side->stack.option[side->stack.option_count++] = kind;
		if (kind == KIND_NOP)
			continue;
		if (kind == KIND_EOL) {
			side->stack.eol_pad = (uint8_t)cur_left(&c);
			while (cur_left(&c) > 0) {
				if (cur_u8(&c) != 0)
					side->stack.quirks |= QUIRK_OPT_PLUS;
			}
			return;
		}
		size = cur_u8(&c);
		if (!c.bad && size >= 2)
			cur_skip(&c, size - 2u);
		if (c.bad || size < 2) {
			side->stack.quirks |= QUIRK_BAD;
			return;
		}
	}
}

void
stack_read(struct flow_side *side, const struct packet *pkt)
{
	const struct ip_info *ip = &pkt->ip[pkt->ip_count - 1];
	bool df;

	memset(&side->stack, 0, sizeof(side->stack));
	side->stack.quirks = tcp_quirks(&pkt->tcp) | ip_quirks(ip, &df, &side->stack.ip_options);
	side->stack.df = df;
	side->stack.ecn = (ip->tos & 3) != 0 || (pkt->tcp.flags & (TCP_ECE | TCP_CWR)) != 0;
	side->stack.version = ip->version;
	side->stack.ttl = ip->ttl;
	side->stack.window = pkt->tcp.window;
	side->stack.mss = pkt->tcp.mss;
	side->stack.wscale = pkt->tcp.wscale;
	side->stack.payload = pkt->payload.size > 0;
	side->stack.headers = (uint8_t)(TCP_HEADER + pkt->tcp.options.size +
	    (ip->version == 6 ? IP6_HEADER : (size_t)IP4_HEADER + side->stack.ip_options));
	read_options(side, pkt->tcp.options);
	side->has_stack = true;
}

/* ---- text ---- */

static const uint8_t start_ttl[] = {32, 64, 128, 255};

uint8_t
flow_hops(uint8_t ttl)
{
	if (ttl == 0)
		return 255;
	for (size_t i = 0; i < sizeof(start_ttl); i++) {
		if (ttl <= start_ttl[i])
			return (uint8_t)(start_ttl[i] - ttl);
	}
	return 255;
}

struct out {
	char *p;
	size_t used, size;
};

static void __attribute__((format(printf, 2, 3))) put(struct out *out, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->p + out->used, out->size - out->used, format, args);
	va_end(args);
	if (n > 0)
		out->used += (size_t)n < out->size - out->used ? (size_t)n : out->size - out->used - 1;
}

/* The sizes that a window may be a multiple of; the first that fits is told, in p0f's order.  peer_mss: 0: none. */
static void
put_window(struct out *out, const struct flow_side *side, unsigned peer_mss)
{
	const unsigned window = side->stack.window, mss = side->stack.mss;
	const unsigned v4 = ETHERNET_MTU - IP4_HEADER - TCP_HEADER, v6 = ETHERNET_MTU - IP6_HEADER - TCP_HEADER;
	const bool is_6 = side->stack.version == 6;
	const bool ts = memchr(side->stack.option, KIND_TS, side->stack.option_count) != NULL &&
	    (side->stack.quirks & QUIRK_TS1_MINUS) == 0;
	const struct {
		unsigned size;
		bool counts, mtu;
	} unit[] = {
	    {mss, true, false},
	    {mss - TS_OPTION, ts, false},
	    {v4, true, false},
	    {v4 - TS_OPTION, true, false},
	    {v6, is_6, false},
	    {v6 - TS_OPTION, is_6, false},
	    {mss + IP4_HEADER + TCP_HEADER, true, true},
	    {mss + side->stack.headers, true, true},
	    {mss + IP6_HEADER + TCP_HEADER, is_6, true},
	    {ETHERNET_MTU, true, true},
	    {peer_mss, peer_mss >= MSS_MIN, false},
	    {peer_mss - TS_OPTION, peer_mss >= MSS_MIN, false},
	};

	for (size_t i = 0; window > 0 && mss >= MSS_MIN && i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (unit[i].counts && window % unit[i].size == 0) {
			put(out, "%s*%u", unit[i].mtu ? "mtu" : "mss", window / unit[i].size);
			return;
		}
	}
	put(out, "%u", window);
}

static void
put_option(struct out *out, const struct flow_side *side, uint8_t kind)
{
	switch (kind) {
	case KIND_EOL:
		put(out, "eol+%u", side->stack.eol_pad);
		break;
	case KIND_NOP:
		put(out, "nop");
		break;
	case KIND_MSS:
		put(out, "mss");
		break;
	case KIND_WS:
		put(out, "ws");
		break;
	case KIND_SOK:
		put(out, "sok");
		break;
	case KIND_SACK:
		put(out, "sack");
		break;
	case KIND_TS:
		put(out, "ts");
		break;
	default:
		put(out, "?%u", kind);
	}
}

static void
put_quirks(struct out *out, const struct flow_side *side)
{
	size_t start = out->used, i = 0, count = sizeof(quirk_text) / sizeof(quirk_text[0]);

	if (side->stack.df)
		put(out, "df");
	for (; i < count && quirk_text[i].bit < QUIRK_ZERO_PLUS; i++) {
		if (side->stack.quirks & quirk_text[i].bit)
			put(out, "%s%s", out->used > start ? "," : "", quirk_text[i].text);
	}
	if (side->stack.ecn)
		put(out, "%secn", out->used > start ? "," : "");
	for (; i < count; i++) {
		if (side->stack.quirks & quirk_text[i].bit)
			put(out, "%s%s", out->used > start ? "," : "", quirk_text[i].text);
	}
}

char *
flow_stack_text(const struct flow *flow, enum cc_dir dir, char ret_text[128])
{
	const struct flow_side *side = &flow->side[dir], *peer = &flow->side[cc_dir_other(dir)];
	struct out out = {ret_text, 0, 128};

	ret_text[0] = '\0';
	if (!side->has_stack)
		return ret_text;
	put(&out, "%u:%u:%u:%u:", side->stack.version,
	    side->stack.ttl > 0 ? side->stack.ttl + flow_hops(side->stack.ttl) : 0u, side->stack.ip_options,
	    side->stack.mss);
	put_window(&out, side, peer->has_stack && dir == CC_TO_CLIENT ? peer->stack.mss : 0);
	put(&out, ",%u:", side->stack.wscale != 255 ? side->stack.wscale : 0);
	for (unsigned i = 0; i < side->stack.option_count; i++) {
		if (i > 0)
			put(&out, ",");
		put_option(&out, side, side->stack.option[i]);
	}
	put(&out, ":");
	put_quirks(&out, side);
	put(&out, ":%s", side->stack.payload ? "+" : "0");
	return ret_text;
}
