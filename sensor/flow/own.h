/*
 * What the files of sensor/flow/ share: the table, the streams and the words between them.  Nobody else includes it.
 *
 * Offsets are 64-bit positions in a stream, 0 the first byte after the SYN; sequence numbers are turned into them at
 * once (stream_offset) and never compared themselves, so that wrap-around is one function's matter.
 */
#ifndef FLOW_OWN_H
#define FLOW_OWN_H

#include "flow/flow.h"

#define SEGS_INLINE 4
#define SEGS_MAX 4096       /* records of segments that wait, of one side; beyond, the oldest hole is given up */
#define ASYNC_SEGMENTS 4    /* segments of one side, and nothing of the other: one-sided */
#define ASYNC_HOLE 65536    /* one-sided: bytes behind a hole before it is given up */
#define WINDOW_SCALE_MAX 14 /* RFC 7323, 2.3 */
#define SYN_FLOOD 5 /* different SYNs or SYN-ACKs of one handshake before it is an event */

enum overlap_policy { /* in the order of conf flow.overlap_policy */
	OVERLAP_FIRST,
	OVERLAP_LAST,
	OVERLAP_BSD,
	OVERLAP_BSD_RIGHT,
	OVERLAP_LINUX,
	OVERLAP_OLD_LINUX,
	OVERLAP_SOLARIS,
	OVERLAP_HPUX10,
	OVERLAP_HPUX11,
	OVERLAP_IRIX,
	OVERLAP_MACOS,
	OVERLAP_VISTA,
	OVERLAP_WINDOWS,
	OVERLAP_WINDOWS2K3,
	OVERLAP_COUNT
};

/* A segment that waits: what it covered when it came.  Records may lie over each other; the buffer holds who won. */
struct seg {
	uint64_t at;
	uint64_t size;
};

/* Hand on what is here without waiting for an acknowledgement: after a reset; or, holes too, because too much waits. */
enum force { FORCE_NONE, FORCE_FLUSH, FORCE_LIMIT };

/* What one side sent.  base <= used <= shown <= cont <= top. */
struct stream {
	uint8_t *buf; /* buf[0] is byte `base`; NULL: none is kept */
	uint64_t base;
	uint64_t used;      /* the app stage has consumed up to here */
	uint64_t shown;     /* handed on up to here */
	uint64_t cont;      /* came without a hole up to here */
	uint64_t top;       /* nothing came beyond */
	uint64_t acked;     /* the other side says that it has all up to here (the FIN counts as one) */
	uint32_t room;      /* bytes of buf */
	uint32_t first_seq; /* the sequence number of offset 0 */

	uint64_t right;  /* the other side's window never reached beyond */
	uint64_t lost;   /* holes before this were acknowledged with bytes behind them: they are gaps */
	uint64_t fin_at; /* offset of the FIN, if fin */
	struct seg *seg; /* sorted by at, then size; own_seg or a block of the pool */
	uint16_t seg_first, seg_count, seg_room; /* in use: seg[seg_first] … seg_count of them */
	uint8_t wscale;                          /* this side's own; 255: its SYN had none, or was not seen */
	uint8_t policy;                          /* enum overlap_policy of the receiver */
	bool known;                              /* first_seq is */
	bool syn;                                /* its SYN or SYN-ACK was seen */
	bool fin, fin_acked;
	bool rst; /* it sent a reset that was believed */
	bool eof_told;
	bool ignored;  /* count only */
	uint8_t force; /* enum force */
	bool has_ts;
	bool syn_data; /* offset 0 on: data of the SYN, not yet taken by a SYN-ACK */
	bool depth_told;
	uint8_t syn_count; /* different SYNs or SYN-ACKs so far */
	uint32_t alt_seq;  /* first_seq of the other SYN or SYN-ACK of this side, if syn_count > 1 */
	uint32_t ts_recent;
	uint32_t window;           /* as last advertised, scaled */
	uint64_t dropped;          /* bytes that the app stage would not consume, thrown away: told as a gap */
	uint32_t far_from, far_to; /* sequence numbers of segments that lay beyond the window, one behind the other */
	uint32_t far_count;
	uint32_t urgent_seq;   /* of the last byte that went beside the stream, if urgent_count > 0 */
	uint16_t urgent_count;
	uint64_t skip_to; /* both sides agree that the stream goes on here: what lies between is a gap */
	struct seg own_seg[SEGS_INLINE];
};

/* Through what a flow's packets came. */
struct path {
	uint64_t vlan;   /* four ids; 0 when flow.vlan is off */
	uint32_t tunnel; /* only ids that both directions share: packet.tunnel_flow */
	uint32_t vlan_count;
};

/* Canonical: the smaller end first, whatever the way of the packet. */
struct key {
	uint64_t addr[4];
	uint32_t ports;
	uint32_t kind; /* protocol, IP version, and for one-way ICMP the way; no padding: keys are compared as bytes */
	struct path path;
};

struct hashes {
	uint32_t all, ends; /* of the whole key; without its path */
};

/* A flow with all that belongs to it.  The first line finds it, the next ones are what every packet touches. */
struct slot {
	struct key key;
	uint32_t hash;
	uint32_t next;         /* in its bucket: see struct flows */
	uint32_t older, newer; /* by last packet, index + 1; moved at most once a second */
	uint64_t moved;        /* when it was */
	struct flow flow;
	struct stream stream[2];
	struct path other; /* if joined: of the side whose packets come through another path */
	uint32_t other_hash, other_next;
	uint32_t ends_hash, ends_older, ends_newer; /* TCP: see struct flows */
	uint64_t touched; /* time of the last packet, or now if that lies far behind: captures may go back in time */
	bool joined;
	uint32_t resyn_seq; /* a SYN with another number came while the flow was open */
	bool resyn;
	bool freed;     /* given back by the engine while it is held */
	bool async;     /* one side only is seen */
	bool crossed;   /* both sides sent a SYN (4-way handshake) */
	bool fin_first; /* enum cc_dir whose FIN came first */
} __attribute__((aligned(64)));

enum urgent_policy { URGENT_INLINE, URGENT_OUT, URGENT_GAP, URGENT_DROP }; /* in the order of conf flow.urgent */

struct host_policy {
	struct cc_prefix prefix;
	enum overlap_policy policy;
};

/* Where flow_next_chunk() is. */
struct walk {
	struct flow *flow; /* NULL: nowhere */
	const struct packet *pkt;
	unsigned step;       /* 0: the side that was acknowledged, 1: the side that sent, 2: over */
	enum cc_dir dir;     /* of the packet */
	struct stream *open; /* its chunk was handed out and chunk->used is to be taken */
	uint64_t open_at;    /* offset of that chunk */
};

struct flows {
	const struct conf *conf;
	struct pool *pool;
	struct slot *slots;
	/* Links of bucket chains: (index + 1) * 2, and 1 more where the flow is found by its other path; 0: none. */
	uint32_t *buckets;
	uint32_t *ends; /* TCP flows by their ends alone, the youngest first, index + 1: for table_answer() */
	uint32_t bucket_mask;
	uint32_t slot_count; /* flow_max and some to spare for those that have ended */
	uint32_t flow_max;
	uint32_t fresh; /* slots that were never used begin here */
	struct flow *free;
	uint32_t oldest, newest; /* index + 1 */
	struct flow *ended, **ended_tail;
	struct wheel *wheel;
	uint64_t hash_seed;
	uint64_t now;
	size_t history;
	uint64_t stream_budget;
	uint64_t stream_memory; /* of one side */
	uint64_t stream_depth;
	struct host_policy *hosts;
	size_t host_count;
	struct walk walk;
	struct slot stray;
	uint64_t packet_events[(FLOW_EVENT_COUNT + 63) / 64];
	uint64_t count[FLOW_COUNT];
	uint32_t hand;          /* table_relieve() goes on here */
	uint8_t scratch[65536]; /* a segment whose bytes are mixed with earlier copies */
};

static inline struct slot *
slot_of(const struct flow *flow)
{
	return (struct slot *)((uintptr_t)flow - offsetof(struct slot, flow));
}

static inline void
flow_count(struct flows *flows, enum flow_count which, uint64_t n)
{
	flows->count[which] += n;
}

static inline void
flow_event(struct flows *flows, struct flow *flow, enum flow_event event)
{
	uint64_t bit = 1ull << ((unsigned)event & 63);

	flows->packet_events[(unsigned)event / 64] |= bit;
	flow->events[(unsigned)event / 64] |= bit;
}

/* table.c */
struct slot *table_find(struct flows *flows, const struct key *key, uint32_t hash);
/* A flow on the same ends, seen from one side alone so far and on another path, which this TCP packet answers; or NULL.
 */
struct slot *table_answer(struct flows *flows, const struct key *key, struct hashes hash, const struct packet *pkt);
void table_note_ends(struct flows *flows, const struct flow *flow, struct hashes hash);
struct flow *table_take(struct flows *flows, const struct key *key, uint32_t hash, uint64_t now); /* NULL: full */
void table_touch(struct flows *flows, struct flow *flow, uint64_t now);
void table_end(struct flows *flows, struct flow *flow, enum flow_end end);
uint64_t flow_due(const struct flows *flows, const struct flow *flow); /* when it times out if nothing more comes */
void table_arm(struct flows *flows, struct flow *flow);                /* the timer must not be later than that */
void table_relieve(struct flows *flows, size_t size);                  /* frees idle flows' history until size fits */

/* key.c */
bool key_of(const struct flows *flows, const struct packet *pkt, struct key *ret_key, bool *ret_swapped);
struct hashes key_hash(const struct flows *flows, const struct key *key);
uint64_t key_id(const struct key *key, uint64_t time, uint64_t seq);
/* The two numbers that stand for ports of ICMP and ICMPv6.  False: one-way. */
bool icmp_ports(uint8_t proto, uint8_t type, uint8_t code, uint16_t *ret_sport, uint16_t *ret_dport);

/* tcp.c */
bool tcp_begins_anew(const struct flow *flow, const struct packet *pkt, enum cc_dir dir);
void tcp_open(struct flows *flows, struct flow *flow);
void tcp_restart(struct flows *flows, struct flow *flow); /* forgets all that was of the session */
bool tcp_answers(const struct slot *slot, const struct packet *pkt);
/* last: time of the flow's packet before this one. */
void tcp_track(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir, uint64_t last);
/* handshake.c: true, go on with the segment's bytes; false: this packet is settled. */
bool tcp_handshake(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir);
void tcp_set_window(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir);

/* stack.c */
void stack_read(struct flow_side *side, const struct packet *pkt);

/* stream.c */
void stream_open(struct stream *s, uint32_t first_seq);
void stream_close(struct flows *flows, struct stream *s); /* frees buffer and records */
void stream_idle(struct flows *flows, struct stream *s);  /* frees the buffer if nothing in it waits */
/* Takes a segment's bytes; off < 0: it begins before the stream.  False: too far to be kept. */
bool stream_data(struct flows *flows, struct flow *flow, enum cc_dir dir, int64_t off, struct slice bytes);
void stream_shown(struct stream *s, uint64_t to); /* handed on up to `to`: records before it go */
void stream_jump(struct stream *s, uint64_t to);  /* gives up what lies before `to` */
uint64_t stream_hole_end(const struct stream *s); /* where the hole at cont ends; UINT64_MAX: open */
void stream_find_cont(struct stream *s);

/* chunk.c */
void chunk_settle(
    struct flows *flows, size_t used_bytes); /* the chunk that is out is done with; SIZE_MAX: all was used */

/* overlap.c */
bool overlap_takes_new(enum overlap_policy policy, uint64_t old_at, uint64_t old_end, uint64_t at, uint64_t end);
enum cc_status overlap_read_hosts(struct flows *flows);
enum overlap_policy overlap_of(const struct flows *flows, const struct cc_addr *receiver);

/* The offset of a sequence number, nearest to `near`; negative: before the first byte. */
static inline int64_t
stream_offset(const struct stream *s, uint32_t seq, uint64_t near)
{
	uint32_t at = s->first_seq + (uint32_t)near;

	return (int64_t)near + (int32_t)(seq - at);
}

#endif
