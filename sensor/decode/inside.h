/*
 * What the files of decode/ share.  Each layer is one function: it takes the bytes from its header on, pushes its
 * layer, fills its part of the packet and calls the next.  They call each other to a bounded depth: DECODE_LAYERS_MAX
 * headers.
 *
 * CC_BAD means that this header, or one behind it that was needed, can't be read: an outer layer that stands on its own
 * (UDP around a tunnel, GRE in IP) then takes the frame back and keeps what is whole.
 */
#ifndef DECODE_INSIDE_H
#define DECODE_INSIDE_H

#include "base/base.h"
#include "decode/decode.h"

struct defrag;

#define DECODE_UDP_TUNNELS 32

enum udp_tunnel_kind { UDP_NO_TUNNEL, UDP_VXLAN, UDP_VXLAN_GPE, UDP_GENEVE, UDP_GTP, UDP_TEREDO, UDP_MPLS };

struct decode {
	unsigned depth;
	bool check;                      /* conf decode.checksums */
	struct udp_tunnel {
		uint16_t port;
		uint8_t kind;            /* enum udp_tunnel_kind */
	} tunnel[DECODE_UDP_TUNNELS];    /* conf decode.udp_tunnels */
	unsigned tunnel_count;
	uint64_t missing;                /* bytes at the end of this frame that the capture did not keep */
	struct defrag *defrag;
	/* one reassembled datagram for each level of tunnels; DECODE_WHOLE bytes each */
	uint8_t *whole[DECODE_IP_MAX];
	unsigned whole_used;
	bool noting;                     /* decode_note(): another worker's frame */
	uint64_t counts[DECODE_COUNT];
};

#define DECODE_WHOLE (65535 + 256 + 40) /* the largest datagram, and headers before an IPv6 fragment */

/* Where a tunnel began, to take back what was found inside. */
struct mark {
	uint32_t tunnel, tunnel_flow;
	uint16_t vlan[DECODE_VLAN_MAX];
	uint8_t vlan_count, layer_count, ip_count;
};

/* A byte, or two, of what may not be there: then 0. */
static inline uint8_t
byte_at(struct slice in, size_t at)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, at);
	return cur_u8(&c);
}

static inline uint16_t
u16_at(struct slice in, size_t at)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, at);
	return cur_u16(&c);
}

/* What follows the first size bytes: nothing, when there are no more. */
static inline struct slice
behind(struct slice in, size_t size)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, size);
	return cur_rest(&c);
}

static inline void
decode_count(struct decode *d, enum decode_count count)
{
	count_add(&d->counts[count], 1);
}

static inline void
decode_event(struct decode *d, struct packet *pkt, enum decode_event event)
{
	pkt->events[event / 64] |= 1ull << (event % 64);
	count_add(&d->counts[DECODE_SAW_IPV4_PKT_TOO_SMALL + event], 1);
}

/* Says what is wrong and gives this layer up. */
static inline enum cc_status
decode_bad(struct decode *d, struct packet *pkt, enum decode_event event)
{
	decode_event(d, pkt, event);
	return CC_BAD;
}

/* false: the frame has too many headers; the event is set. */
static inline bool
decode_layer(struct decode *d, struct packet *pkt, enum layer layer)
{
	if (pkt->layer_count >= DECODE_LAYERS_MAX) {
		decode_event(d, pkt, DECODE_EVENT_TOO_MANY_LAYERS);
		return false;
	}
	pkt->layer[pkt->layer_count++] = (uint8_t)layer;
	count_add(&d->counts[DECODE_LAYER_ETH + layer], 1);
	return true;
}

/* link.c: by LINKTYPE_, by Ethernet type, and what is behind LLC */
enum cc_status decode_link(struct decode *d, struct packet *pkt, uint16_t linktype, struct slice in);
enum cc_status decode_eth(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_ethertype(struct decode *d, struct packet *pkt, uint16_t type, struct slice in);
enum cc_status decode_llc(struct decode *d, struct packet *pkt, struct slice in);
/* tag.c: what stands between an Ethernet type and IP */
enum cc_status decode_vlan(struct decode *d, struct packet *pkt, uint16_t type, struct slice in);
enum cc_status decode_pbb(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_vntag(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_cmd(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_cfp(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_mpls(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_nsh(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_arp(struct decode *d, struct packet *pkt, struct slice in);
/* ppp.c */
enum cc_status decode_ppp(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_pppoe(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_pppoe_discovery(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_chdlc(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_frame_relay(struct decode *d, struct packet *pkt, struct slice in);
/* wlan.c */
enum cc_status decode_radiotap(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_prism(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_wlan(struct decode *d, struct packet *pkt, struct slice in, bool pad);
/* ip4.c, ip6.c */
enum cc_status decode_ip4(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_ip6(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_ip(struct decode *d, struct packet *pkt, struct slice in); /* by the version field */
enum cc_status decode_ah(struct decode *d, struct packet *pkt, struct cur *c, uint8_t *proto);
/* Keeps how the fragment looked that completes the datagram: rules are to see it, too. */
static inline void
decode_keep_last(struct packet *pkt, const struct ip_info *ip)
{
	pkt->last_fragment = *ip;
	pkt->last_level = (uint8_t)(ip - pkt->ip);
	pkt->has_last = true;
}
/* transport.c: what an IP packet carries */
enum cc_status decode_transport(struct decode *d, struct packet *pkt, struct slice in);
/* The innermost packet's addresses and protocol to where users look for them. */
void decode_settle(struct packet *pkt, struct slice l4);
/* decode.c: a packet cut before it came to us: goes on without its bytes if it is the outermost; else false. */
bool decode_slice(struct decode *d, struct packet *pkt, uint64_t missing, enum decode_event why);
/* The first fragment of a datagram that can't be completed: its transport header is all there will be. */
enum cc_status decode_cut_fragment(struct decode *d, struct packet *pkt, struct slice l4);
/* icmp.c */
enum cc_status decode_icmp(struct decode *d, struct packet *pkt, struct slice in);
enum cc_status decode_icmp6(struct decode *d, struct packet *pkt, struct slice in);
/* tunnel.c */
struct mark decode_mark(const struct packet *pkt);
void decode_back(struct decode *d, struct packet *pkt, const struct mark *mark);
enum cc_status decode_gre(struct decode *d, struct packet *pkt, struct slice in);
/* What an IP packet carries right in it: IP, Ethernet, MPLS. */
enum cc_status decode_ip_in_ip(struct decode *d, struct packet *pkt, uint8_t proto, struct slice in);
/* CC_ABSENT: this datagram is no tunnel. */
void decode_read_tunnels(struct decode *d, const struct conf *conf);
enum cc_status decode_udp_tunnel(struct decode *d, struct packet *pkt, uint16_t sport, uint16_t dport, struct slice in);

/* defrag.c */
struct fragment {
	const struct ip_info *ip;
	uint32_t id;
	uint8_t proto;       /* IPv4: of the header; IPv6: the fragment header's next header */
	uint32_t off;        /* in the datagram's payload */
	bool more;
	struct slice data;
};

struct defrag *decode_defrag_new(const struct conf *conf);
void decode_defrag_free(struct defrag *defrag);
/*
 * CC_OK: the datagram is whole: *ret_whole, its header before its payload, in out (DECODE_WHOLE bytes), *ret_header the
 * header's size, *ret_proto what its first fragment says.  CC_MORE: kept.  CC_BAD: not kept, an event says why.
 */
enum cc_status decode_defrag_put(struct decode *d, struct packet *pkt, const struct fragment *frag, uint8_t *out,
    struct slice *ret_whole, size_t *ret_header, uint8_t *ret_proto);
void decode_defrag_tick(struct decode *d, uint64_t now);

#endif
