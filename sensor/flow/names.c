/* Names of counters and events, and the community id of a flow (https://github.com/corelight/community-id-spec, version
 * 1). */
#include "flow/own.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

const char *const flow_count_name[FLOW_COUNT] = {
#define COUNT(symbol, name, help) [FLOW_##symbol] = name,
#include "flow/counters.def"
#undef COUNT
};

const char *const flow_event_name[FLOW_EVENT_COUNT] = {
#define EVENT(symbol, name, help) [FLOW_EVENT_##symbol] = name,
#include "flow/events.def"
#undef EVENT
};

static uint8_t *
put16(uint8_t *p, uint16_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return p + 2;
}

static uint8_t *
put_addr(uint8_t *p, const struct cc_addr *a, uint8_t version)
{
	size_t skip = version == 4 ? 12 : 0;

	memcpy(p, a->b + skip, sizeof(a->b) - skip);
	return p + sizeof(a->b) - skip;
}

/* The numbers in the place of ports, client's first.  False: the protocol has none. */
static bool
ports_of(const struct flow *flow, uint16_t *ret_sport, uint16_t *ret_dport, bool *ret_one_way)
{
	*ret_one_way = false;
	switch (flow->proto) {
	case PROTO_ICMP:
	case PROTO_ICMP6:
		*ret_one_way = !icmp_ports(flow->proto, flow->icmp_type, flow->icmp_code, ret_sport, ret_dport);
		return true;
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
		*ret_sport = flow->side[CC_TO_SERVER].port;
		*ret_dport = flow->side[CC_TO_CLIENT].port;
		return true;
	default:
		*ret_sport = *ret_dport = 0;
		return false;
	}
}

char *
flow_community_id(const struct flows *flows, const struct flow *flow, char ret_text[32])
{
	const struct cc_addr *src = &flow->side[CC_TO_SERVER].addr, *dst = &flow->side[CC_TO_CLIENT].addr;
	uint8_t bytes[2 + 16 + 16 + 2 + 4], *p = bytes, sha1[20];
	uint16_t sport, dport;
	bool one_way, ports = ports_of(flow, &sport, &dport, &one_way);
	int order = cc_addr_cmp(src, dst);

	if (!one_way && (order > 0 || (order == 0 && sport > dport))) {
		const struct cc_addr *addr = src;
		uint16_t port = sport;

		src = dst;
		dst = addr;
		sport = dport;
		dport = port;
	}
	p = put16(p, (uint16_t)flows->conf->flow_seed);
	p = put_addr(p, src, flow->ip_version);
	p = put_addr(p, dst, flow->ip_version);
	*p++ = flow->proto;
	*p++ = 0;
	if (ports) {
		p = put16(p, sport);
		p = put16(p, dport);
	}
	sha1_of(slice_of(bytes, (size_t)(p - bytes)), sha1);
	memcpy(ret_text, "1:", 2);
	base64_text(slice_of(sha1, sizeof(sha1)), ret_text + 2);
	return ret_text;
}
