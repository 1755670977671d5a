/*
 * A frame's headers, from the link to the innermost transport, to one struct packet.
 *
 * Goes through tunnels to a stated depth, puts IP fragments together, and says for every frame that it gives up on,
 * why.  The packet borrows from the frame or from decode's own reassembly memory: valid until the next decode_frame().
 * One thread.
 */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"
#include "concert/addr.h"
#include "concert/slice.h"
#include "conf/conf.h"

enum decode_count {
#define COUNT(symbol, name, help) DECODE_##symbol,
#include "decode/counters.def"
#undef COUNT
	DECODE_COUNT
};
extern const char *const decode_count_name[DECODE_COUNT];

/* What a layer of the stack was; texts as tshark's frame.protocols has them, for `packet.layer`. */
enum layer {
#define LAYER(symbol, text) LAYER_##symbol,
#include "decode/layers.def"
#undef LAYER
	LAYER_COUNT
};
const char *layer_text(enum layer layer);

#define DECODE_LAYERS_MAX 32 /* layers of one frame */
#define DECODE_IP_MAX 8      /* IP headers in one frame: more is DECODE_TOO_DEEP (conf decode.depth is at most this) */
#define DECODE_VLAN_MAX 4

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32, TCP_ECE = 64, TCP_CWR = 128 };

/* Problems of a packet that is decoded all the same: bits of packet.events, named in decode/events.def for rules. */
enum decode_event {
#define EVENT(symbol, name, help) DECODE_EVENT_##symbol,
#include "decode/events.def"
#undef EVENT
	DECODE_EVENT_COUNT
};
extern const char
    *const decode_event_name[DECODE_EVENT_COUNT]; /* "ipv4.opt_pad_required", Suricata's names where there is one */

struct ip_info {
	struct cc_addr src, dst;
	struct slice header; /* with options or extension headers; empty slice tail is not included */
	struct slice payload;
	uint16_t id;         /* IPv4 */
	uint16_t frag_off;   /* IPv4: raw flags and offset field; of an IPv6 fragment: its offset in bytes */
	uint8_t version;     /* 4 or 6 */
	uint8_t proto;       /* the transport protocol, behind IPv6 extension headers */
	uint8_t ttl, tos;
	bool reassembled;
};

struct tcp_info {
	uint32_t seq, ack;
	uint16_t window, urgent;
	uint8_t flags;       /* TCP_ */
	uint8_t wscale;      /* 255: no such option */
	uint16_t mss;        /* 0: no such option */
	bool sack_ok, has_ts;
	uint32_t ts_val, ts_ecr;
	struct slice options; /* raw */
};

struct packet {
	const struct frame *frame;
	struct ip_info ip[DECODE_IP_MAX];
	uint8_t ip_count;    /* 0: not IP (ARP, …) */
	/* The innermost, copied for quick use; ip_count > 0. */
	struct cc_addr src, dst;
	uint16_t sport,
	    dport; /* 0 where there are none; ICMP: type and code as community id wants them are flow's business */
	uint8_t proto;       /* 6, 17, 1, 58, 132, … */
	bool is_fragment;    /* a fragment that did not complete its datagram: no transport header */
	bool reassembled;
	bool has_last; /* reassembled: last_fragment is the one that completed the datagram, of IP level last_level */
	uint8_t last_level;
	struct ip_info last_fragment;
	bool cut; /* shorter than its headers say, and not by the capture's doing: counts for its flow, bytes are no
		     one's */
	bool has_transport;  /* l4 was there and whole */
	struct slice l4;     /* transport header and payload */
	struct slice payload; /* behind the transport header; trimmed to the IP length */
	union {
		struct tcp_info tcp;
		struct { uint8_t type, code; uint16_t id, seq; } icmp;
		struct { uint32_t vtag; uint8_t first_chunk; } sctp;
	};
	uint16_t vlan[DECODE_VLAN_MAX]; /* of the innermost packet's encapsulation, outermost first: ids, 12 bits */
	uint8_t vlan_count;
	uint8_t layer_count;
	uint8_t layer[DECODE_LAYERS_MAX]; /* enum layer, outermost first */
	uint32_t tunnel; /* id of the innermost tunnel that has one: VNI, TEID, GRE key, ERSPAN session, PPPoE session,
			    MPLS label */
	uint32_t tunnel_flow; /* tunnel where both directions have the same id (VNI, GRE key, PPPoE session), else 0
				 (TEID, ERSPAN, MPLS): for keys */
	uint64_t events[(DECODE_EVENT_COUNT + 63) / 64];
	uint16_t ethertype;  /* of the outermost link header, 0: none */
	struct slice link;   /* link header: source and destination MAC at 0 and 6 when the layer is eth */
};

struct decode;

struct decode *decode_new(const struct conf *conf); /* NULL: no memory */
void decode_free(struct decode *d);

/*
 * CC_OK: *ret_packet is whole (perhaps not IP: ip_count 0; perhaps a fragment: is_fragment).
 * CC_BAD: given up, counted under the reason in decode_counts(); *ret_packet holds the layers up to there, for
 * decode-event rules, and has ip_count of what was whole.
 */
enum cc_status decode_frame(struct decode *d, const struct frame *frame, struct packet *ret_packet);

/*
 * A tunnel's own packet: that of IP header `level` of a decoded one, level < ip_count - 1.  Over UDP all that it
 * carries is its payload, else it has none.  It borrows what pkt does; events are the whole frame's and not repeated.
 */
void decode_outer(const struct packet *pkt, unsigned level, struct packet *ret_packet);

/* The fragment that completed a datagram, as it was on the wire; false: there was none. */
bool decode_last_fragment(const struct packet *pkt, struct packet *ret_packet);

/* The engine moves time on when no frame comes: fragments time out. */
void decode_tick(struct decode *d, uint64_t now);

/*
 * Which of several workers should see this frame: equal for all frames of one pair of innermost IP addresses, either
 * direction.  d is a decoder of the caller's own that is asked about every frame, in order, and ticks as the workers'
 * do.  *ret_fragment: the frame holds an IP fragment; then the other workers' decoders see it by decode_note(), since
 * which worker gets the whole datagram is not known before its last fragment.
 */
uint32_t decode_spread(struct decode *d, const struct frame *frame, bool *ret_fragment);

/* A frame that another worker decodes: its fragments are kept as by decode_frame(), but it is not counted. */
void decode_note(struct decode *d, const struct frame *frame);

/* Recomputes the checksums of a decoded packet; for rules and for conf decode.checksums.  True: right, or not
 * checkable. */
bool decode_ip_checksum_ok(const struct packet *pkt);
bool decode_l4_checksum_ok(const struct packet *pkt);

const uint64_t *decode_counts(const struct decode *d); /* DECODE_COUNT of them */

#endif
