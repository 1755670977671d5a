/*
 * A packet's flow: found or made, its counts and state moved on.
 *
 * In: decoded packets in order of capture.  Out: the flow, the packet's direction in it.  The sender of a flow's first
 * packet is the client, but for a SYN-ACK and for TCP in midstream from a well-known port to a higher one: those are
 * answers.  A flow that is past its time-out ends when its next packet comes, whenever flow_tick() was called last.
 * Fragments that complete no datagram, and transport headers that are not whole, go to the stray flow.
 */
#include "flow/own.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58, PROTO_SCTP = 132 };

#define WELL_KNOWN 1024
#define TIME_BACK (60 * NS_PER_S) /* a capture that goes back in time by more does not age flows */

static bool
is_answer(const struct packet *pkt)
{
	if (pkt->proto != PROTO_TCP)
		return false;
	if (pkt->tcp.flags & TCP_SYN)
		return (pkt->tcp.flags & TCP_ACK) != 0;
	return pkt->sport < WELL_KNOWN && pkt->dport >= WELL_KNOWN;
}

static void
count_proto(struct flows *flows, uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		flow_count(flows, FLOW_TCP, 1);
		break;
	case PROTO_UDP:
		flow_count(flows, FLOW_UDP, 1);
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		flow_count(flows, FLOW_ICMP, 1);
		break;
	case PROTO_SCTP:
		flow_count(flows, FLOW_SCTP, 1);
		break;
	default:
		flow_count(flows, FLOW_OTHER, 1);
	}
}

static struct flow *
make(struct flows *flows, const struct packet *pkt, const struct key *key, struct hashes hash)
{
	const struct frame *frame = pkt->frame;
	struct flow *flow = table_take(flows, key, hash.all, frame->time);
	bool answer;

	if (flow == NULL)
		return NULL;
	answer = is_answer(pkt);
	flow->id = key_id(key, frame->time, frame->seq);
	flow->proto = pkt->proto;
	flow->ip_version = pkt->ip[pkt->ip_count - 1].version;
	flow->vlan_count = pkt->vlan_count;
	memcpy(flow->vlan, pkt->vlan, sizeof(flow->vlan));
	flow->tunnel = pkt->tunnel;
	flow->reversed = answer;
	flow->first = flow->last = frame->time;
	slot_of(flow)->touched = frame->time;
	flow->first_seq = frame->seq;
	flow->interface = frame->interface;
	flow->layer_count = pkt->layer_count;
	memcpy(flow->layer, pkt->layer, sizeof(flow->layer));
	flow->side[answer].addr = pkt->src;
	flow->side[answer].port = pkt->sport;
	flow->side[!answer].addr = pkt->dst;
	flow->side[!answer].port = pkt->dport;
	if (pkt->proto == PROTO_ICMP || pkt->proto == PROTO_ICMP6) {
		flow->icmp_type = pkt->icmp.type;
		flow->icmp_code = pkt->icmp.code;
	} else if (pkt->proto == PROTO_TCP) {
		tcp_open(flows, flow);
		table_note_ends(flows, flow, hash);
	}
	count_proto(flows, pkt->proto);
	return flow;
}

/* Of two equal ends the first sender's way is to the server. */
static enum cc_dir
direction(const struct flow *flow, const struct packet *pkt)
{
	const struct flow_side *client = &flow->side[CC_TO_SERVER];

	return client->port == pkt->sport && memcmp(&client->addr, &pkt->src, sizeof(pkt->src)) == 0 ? CC_TO_SERVER
												     : CC_TO_CLIENT;
}

static void
count_packet(struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct flow_side *side = &flow->side[dir];
	uint8_t ttl = pkt->ip[pkt->ip_count - 1].ttl;

	if (side->packets++ == 0) {
		side->ttl_first = side->ttl_min = side->ttl_max = ttl;
		if (flow->proto != PROTO_TCP && flow->side[!dir].packets > 0)
			flow->established = true;
	}
	if (ttl < side->ttl_min)
		side->ttl_min = ttl;
	if (ttl > side->ttl_max)
		side->ttl_max = ttl;
	side->bytes += pkt->frame->wire_size;
	side->payload_packets += pkt->payload.size > 0;
	if (pkt->frame->time > flow->last)
		flow->last = pkt->frame->time;
	flow->last_seq = pkt->frame->seq;
}

static struct flow *
stray(struct flows *flows, const struct packet *pkt, enum cc_dir *ret_dir)
{
	struct flow *flow = &flows->stray.flow;

	flow_count(flows, FLOW_STRAY, 1);
	if (pkt->ip_count == 0)
		flow_count(flows, FLOW_NOT_IP, 1);
	if (flow->first_seq == 0) {
		flow->first = pkt->frame->time;
		flow->first_seq = pkt->frame->seq;
	}
	flow->last = pkt->frame->time;
	flow->last_seq = pkt->frame->seq;
	flow->side[CC_TO_SERVER].packets++;
	flow->side[CC_TO_SERVER].bytes += pkt->frame->wire_size;
	flows->walk.flow = NULL;
	*ret_dir = CC_TO_SERVER;
	return flow;
}

/* Most of the slot will be needed: ask for its lines at once, not one after the other. */
static inline void
fetch(const struct slot *slot, bool tcp)
{
	const char *p = (const char *)slot;
	size_t streams = offsetof(struct slot, stream);

	for (size_t at = 64; at < streams; at += 64)
		__builtin_prefetch(p + at, 1, 3);
	for (size_t at = streams; tcp && at < sizeof(slot->stream) + streams; at += 64)
		__builtin_prefetch(p + at, 1, 3);
	__builtin_prefetch(&slot->touched, 1, 3);
}

/* The live flow of a key; one whose time has passed, or whose ports begin anew, ends here. */
static struct flow *
find(struct flows *flows, const struct packet *pkt, const struct key *key, struct hashes hash)
{
	struct slot *slot = table_find(flows, key, hash.all);
	struct flow *flow;

	if (slot == NULL && pkt->proto == PROTO_TCP)
		slot = table_answer(flows, key, hash, pkt);
	if (slot == NULL)
		return NULL;
	flow = &slot->flow;
	fetch(slot, pkt->proto == PROTO_TCP);
	if (pkt->frame->time > flow_due(flows, flow)) {
		table_end(flows, flow,
		    flow->tcp == TCP_CLOSED || flow->tcp == TCP_RESET ? FLOW_END_CLOSED : FLOW_END_TIMEOUT);
		return NULL;
	}
	if (flow->proto == PROTO_TCP && !pkt->cut && (pkt->tcp.flags & TCP_SYN) &&
	    tcp_begins_anew(flow, pkt, direction(flow, pkt))) {
		table_end(flows, flow, FLOW_END_REUSED);
		return NULL;
	}
	return flow;
}

struct flow *
flow_track(struct flows *flows, const struct packet *pkt, enum cc_dir *ret_dir)
{
	struct flow *flow;
	struct key key;
	bool swapped;
	struct hashes hash;
	uint64_t last;

	flow_count(flows, FLOW_PACKETS, 1);
	memset(flows->packet_events, 0, sizeof(flows->packet_events));
	chunk_settle(flows, SIZE_MAX); /* nobody asked on: all of the last chunk was used */
	if (pkt->frame->time > flows->now)
		flows->now = pkt->frame->time;
	if (!key_of(flows, pkt, &key, &swapped))
		return stray(flows, pkt, ret_dir);
	hash = key_hash(flows, &key);
	flow = find(flows, pkt, &key, hash);
	if (flow == NULL)
		flow = make(flows, pkt, &key, hash);
	if (flow == NULL)
		return stray(flows, pkt, ret_dir);
	*ret_dir = direction(flow, pkt);
	last = flow->last;
	count_packet(flow, pkt, *ret_dir);
	if (flow->proto == PROTO_TCP && !pkt->cut) /* no receiver takes a packet that is cut: it moves no state */
		tcp_track(flows, flow, pkt, *ret_dir, last);
	__builtin_prefetch(flow->app); /* whose they are looks at them next */
	__builtin_prefetch((const void *)((uintptr_t)flow->app + 64)); /* it may be NULL */
	__builtin_prefetch(flow->detect);
	if (!flow->established)
		flow->established_seq = 0;
	else if (flow->established_seq == 0)
		flow->established_seq = pkt->frame->seq;
	slot_of(flow)->touched = flows->now - pkt->frame->time > TIME_BACK ? flows->now : pkt->frame->time;
	table_touch(flows, flow, flows->now);
	table_arm(flows, flow);
	flows->walk = (struct walk){.flow = pkt->cut ? NULL : flow, .pkt = pkt, .dir = *ret_dir};
	return flow;
}
