/*
 * Packets to flows; TCP segments to the bytes that the other side received, in order.
 *
 * One table, sized at start, symmetric, keyed by addresses, ports, protocol, VLANs and tunnel id.  A TCP side's bytes
 * are handed on once the other side has acknowledged them, so that what the rules see is what the receiver took; where
 * only one side is seen, at once.  Copies that differ are an event: somebody tries to show us another text.  One
 * thread.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "concert/addr.h"
#include "concert/parser.h"
#include "conf/conf.h"
#include "decode/decode.h"

enum flow_count {
#define COUNT(symbol, name, help) FLOW_##symbol,
#include "flow/counters.def"
#undef COUNT
	FLOW_COUNT
};
extern const char *const flow_count_name[FLOW_COUNT];

enum tcp_state { TCP_NONE, TCP_SYN_SENT, TCP_SYN_RECV, TCP_ESTABLISHED, TCP_CLOSING, TCP_CLOSED, TCP_RESET };

/* Odd things of a stream; bits of flow.events (whole life) and packet-wise of flow_events(). flow/events.def,
 * Suricata's names. */
enum flow_event {
#define EVENT(symbol, name, help) FLOW_EVENT_##symbol,
#include "flow/events.def"
#undef EVENT
	FLOW_EVENT_COUNT
};
extern const char *const flow_event_name[FLOW_EVENT_COUNT];

enum flow_end { FLOW_ALIVE, FLOW_END_TIMEOUT, FLOW_END_CLOSED, FLOW_END_EVICTED, FLOW_END_SHUTDOWN, FLOW_END_REUSED };

/* One side of a flow: what this host sent.  What every packet touches stands in the first 64 bytes. */
struct flow_side {
	struct cc_addr addr;
	uint16_t port;
	uint8_t ttl_first, ttl_min, ttl_max;
	uint8_t tcp_flags;            /* all that were seen */
	bool has_stack;               /* the SYN or SYN-ACK's TCP stack: stack is filled */
	uint64_t packets, bytes;      /* bytes: of the whole frames */
	uint64_t payload_packets;     /* with payload */
	struct stream *stream;        /* TCP reassembly; flow's own; NULL: not TCP */
	uint64_t stream_bytes;        /* TCP: handed on so far */
	uint64_t gap_bytes;           /* TCP: never came */
	uint32_t retransmits;
	struct {
		uint16_t window, mss;
		uint8_t wscale, ttl, option_count, version;
		uint8_t option[16];   /* kinds, in order */
		bool df, ecn, payload;
		uint8_t ip_options;   /* bytes of IPv4 options */
		uint8_t eol_pad;      /* bytes behind the end-of-options option */
		uint8_t headers;      /* bytes of the headers of IP and TCP */
		uint16_t quirks;      /* the other oddities that p0f names; flow's own */
	} stack;
};

struct flow {
	uint64_t
	    id; /* for EVE flow_id: 53 bits, which JSON readers keep; same for the same tuple and start in every run */
	uint64_t first, last;         /* ns */
	uint64_t first_seq, last_seq; /* frame.seq of the first and the last packet */
	uint64_t established_seq;     /* frame.seq of the packet that made it established; 0: it isn't */
	uint8_t proto, ip_version;
	uint8_t vlan_count;
	bool reversed; /* what came first was an answer (SYN-ACK first): client and server were swapped */
	bool midstream;               /* TCP without its handshake */
	bool established;             /* both sides were seen; for TCP: the handshake was completed */
	bool no_payload;              /* engine: payload of this flow is of no interest any more */
	bool stray;                   /* stands for all packets that no flow could be made for; no payload, no state */
	bool ended;
	uint8_t icmp_type, icmp_code; /* of the first packet, ICMP and ICMPv6 */
	enum tcp_state tcp;
	enum flow_end end;
	uint32_t tunnel;
	struct flow_side side[2];     /* [CC_TO_SERVER]: the client, [CC_TO_CLIENT]: the server */
	uint64_t events[(FLOW_EVENT_COUNT + 63) / 64];
	uint16_t vlan[DECODE_VLAN_MAX];
	uint32_t interface;           /* of the first frame */
	uint8_t layer_count, layer[DECODE_LAYERS_MAX]; /* of the first frame */

	/* Slots of higher rooms; zero in a new flow, freed by them before flow_free(). */
	void *app, *detect, *indicate;
	uint32_t detect_way;          /* detect: what it found out about the two addresses */
	uint32_t evidence_bytes;      /* evidence: of its packets that were kept since the last piece */
	uint32_t evidence_pieces;     /* evidence: how many were made of it */
	uint64_t evidence;            /* evidence: where its last packet is kept, and one; 0: none is */

	/* flow's own */
	struct wheel_node timer;
	struct flow *next;            /* in the free list or among the ended */
	uint32_t hash;
	uint32_t holds; /* flow_hold()s: a flow given back while it is held stays readable until the last flow_drop() */
};

/* Bytes of one side that the receiver has taken, in order. */
struct chunk {
	enum cc_dir dir;
	const uint8_t *p; /* what the app stage has not consumed yet, the new bytes at its end; for UDP the datagram */
	size_t size;
	size_t fresh;                 /* how many at the end are new: size - fresh were shown before */
	size_t before; /* bytes at p - before … p that were consumed already and are still there (flow.history) */
	uint64_t offset;              /* of p in the stream, 0 the first byte after the SYN */
	uint64_t gap;                 /* > 0: this many bytes before p[0] never came (then size may be 0) */
	bool eof;                     /* the side is over: FIN taken, reset, or the flow ends */
	bool datagram;                /* UDP and others: a packet's payload, no stream */
	size_t used;                  /* result of app: how many of size are consumed */
	bool turn; /* result of app: client and server are the other way round; flow_turn(), and show it again */
};

struct flows;

struct flows *flows_new(
    const struct conf *conf, struct pool *pool, unsigned workers); /* limits are divided by workers; NULL: no memory */
void flows_free(struct flows *flows);

/*
 * The flow of a packet, made if need be, with its counts and TCP state moved on.  Never NULL: packets that no flow can
 * be made for (not IP, table full and nothing to evict) get the stray flow.  *ret_dir: the way this packet goes.
 */
struct flow *flow_track(struct flows *flows, const struct packet *pkt, enum cc_dir *ret_dir);

/* Odd things that this packet showed, bits by enum flow_event; valid until the next flow_track(). */
const uint64_t *flow_packet_events(const struct flows *flows);

/*
 * The bytes that this packet made ready, chunk by chunk; CC_END when there are none left.  Set chunk->used before the
 * next call: what is not used is shown again with more behind it.  p is valid until the next call for the same flow.
 * pkt NULL: the flow ends, all that is pending comes out, then each side once with eof.
 */
enum cc_status flow_next_chunk(struct flows *flows, struct flow *flow, const struct packet *pkt, struct chunk *chunk);

/*
 * Client and server change places, where their roles were guessed (midstream; the first datagram).  The chunk at hand
 * and those to come have the other direction, and so has the packet.
 */
void flow_turn(struct flows *flows, struct flow *flow, struct chunk *chunk);

/* Nothing of this side is wanted any more: count its bytes only. */
void flow_ignore(struct flows *flows, struct flow *flow, enum cc_dir dir);

/* How many sequence numbers a side of TCP has used so far, its SYN among them. */
uint64_t flow_sequence(const struct flow *flow, enum cc_dir dir);

/* Bytes consumed by app that shall stay readable before each chunk (detect's windows); for all flows. */
void flows_keep_history(struct flows *flows, size_t size);

/* Moves time on.  Then flow_next_ended() gives the flows that timed out, closed, were evicted or replaced; NULL: none.
 */
void flow_tick(struct flows *flows, uint64_t now);
struct flow *flow_next_ended(struct flows *flows);
/* All that are left end, in order of their first packet; then flow_next_ended(). */
void flow_end_all(struct flows *flows);
/* Gives an ended flow back, after the engine has drained its chunks and every room has freed its slot. */
void flow_free(struct flows *flows, struct flow *flow);
/* For who needs a flow's facts beyond its end: a file that waits for its scan. */
void flow_hold(struct flow *flow);
void flow_drop(struct flows *flows, struct flow *flow);

/* Community id version 1, seed by conf; ret_text has room for 32. */
char *flow_community_id(const struct flows *flows, const struct flow *flow, char ret_text[32]);
/* The TCP stack of a side in p0f's notation ("4:64:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0"); ret_text has room for
 * 128; "" when not seen. */
char *flow_stack_text(const struct flow *flow, enum cc_dir side, char ret_text[128]);
/* Estimated hops from the first TTL to the nearest start value above it (64, 128, 255, 32); 255: cannot say. */
uint8_t flow_hops(uint8_t ttl);

const uint64_t *flow_counts(const struct flows *flows); /* FLOW_COUNT */
size_t flow_active(const struct flows *flows);

#endif
