/*
 * A TCP packet moves its flow's state on: resets, acknowledgements, windows, bytes, FINs (RFC 9293, 5961, 7323).
 *
 * In: packets of flow_track() and, for SYN, SYN-ACK and the first ACK, what handshake.c makes of them.  Out: streams
 * with what was received and acknowledged, flow->tcp, events under Suricata's names.  What the receiver would not take
 * (outside of its window, an old time stamp, an acknowledgement of what was never sent) leaves no trace but its event.
 * After losses in the capture both sides seem to run far ahead: where one acknowledges what the other sends there, the
 * stream goes on behind a gap.
 */
#include "flow/own.h"

#define PAWS_IDLE (24ull * 86400 * NS_PER_S) /* RFC 7323, 5.5: older time stamps say nothing */
#define UNKNOWN_WINDOW (1ull << 30)
#define FAR_COUNT 4 /* one-sided: so many far segments in a row are believed */

enum phase {
	PHASE_OPEN,
	PHASE_CLOSE_WAIT,
	PHASE_LAST_ACK,
	PHASE_FIN1,
	PHASE_FIN2,
	PHASE_CLOSING,
	PHASE_TIME_WAIT,
	PHASE_COUNT
};

/* As seen from the server, like Suricata's states. */
static const struct {
	enum flow_event wrong_seq, wrong_fin, invalid_ack;
} phase_event[PHASE_COUNT] = {
    [PHASE_OPEN] = {FLOW_EVENT_EST_PACKET_OUT_OF_WINDOW, FLOW_EVENT_FIN_OUT_OF_WINDOW, FLOW_EVENT_EST_INVALID_ACK},
    [PHASE_CLOSE_WAIT] = {FLOW_EVENT_CLOSEWAIT_ACK_OUT_OF_WINDOW, FLOW_EVENT_CLOSEWAIT_FIN_OUT_OF_WINDOW,
	FLOW_EVENT_CLOSEWAIT_INVALID_ACK},
    [PHASE_LAST_ACK] = {FLOW_EVENT_LASTACK_ACK_WRONG_SEQ, FLOW_EVENT_LASTACK_ACK_WRONG_SEQ,
	FLOW_EVENT_LASTACK_INVALID_ACK},
    [PHASE_FIN1] = {FLOW_EVENT_FIN1_ACK_WRONG_SEQ, FLOW_EVENT_FIN1_FIN_WRONG_SEQ, FLOW_EVENT_FIN1_INVALID_ACK},
    [PHASE_FIN2] = {FLOW_EVENT_FIN2_ACK_WRONG_SEQ, FLOW_EVENT_FIN2_FIN_WRONG_SEQ, FLOW_EVENT_FIN2_INVALID_ACK},
    [PHASE_CLOSING] = {FLOW_EVENT_CLOSING_ACK_WRONG_SEQ, FLOW_EVENT_CLOSING_ACK_WRONG_SEQ,
	FLOW_EVENT_CLOSING_INVALID_ACK},
    [PHASE_TIME_WAIT] = {FLOW_EVENT_TIMEWAIT_ACK_WRONG_SEQ, FLOW_EVENT_TIMEWAIT_ACK_WRONG_SEQ,
	FLOW_EVENT_TIMEWAIT_INVALID_ACK},
};

static enum phase
phase_of(const struct slot *slot)
{
	const struct stream *client = &slot->stream[CC_TO_SERVER], *server = &slot->stream[CC_TO_CLIENT];

	if (!client->fin && !server->fin)
		return PHASE_OPEN;
	if (client->fin && !server->fin)
		return PHASE_CLOSE_WAIT;
	if (!client->fin)
		return server->fin_acked ? PHASE_FIN2 : PHASE_FIN1;
	if (client->fin_acked && server->fin_acked)
		return PHASE_TIME_WAIT;
	if (slot->fin_first == CC_TO_SERVER)
		return PHASE_LAST_ACK;
	return server->fin_acked ? PHASE_TIME_WAIT : PHASE_CLOSING;
}

void
tcp_open(struct flows *flows, struct flow *flow)
{
	struct slot *slot = slot_of(flow);

	for (unsigned i = 0; i < 2; i++) {
		flow->side[i].stream = &slot->stream[i];
		slot->stream[i].wscale = 255;
		slot->stream[i].policy =
		    (uint8_t)(flows->host_count > 0 ? overlap_of(flows, &flow->side[!i].addr)
						    : (enum overlap_policy)flows->conf->flow_overlap_policy);
	}
}

void
tcp_restart(struct flows *flows, struct flow *flow)
{
	struct slot *slot = slot_of(flow);

	for (unsigned i = 0; i < 2; i++) {
		bool told = slot->stream[i].eof_told;

		stream_close(flows, &slot->stream[i]);
		memset(&slot->stream[i], 0, sizeof(slot->stream[i]));
		slot->stream[i].eof_told = told;
	}
	slot->resyn = slot->async = slot->crossed = false;
	tcp_open(flows, flow);
}

/* Does this packet answer what the one side that was seen has sent? */
bool
tcp_answers(const struct slot *slot, const struct packet *pkt)
{
	const struct flow *flow = &slot->flow;
	enum cc_dir dir = flow->side[CC_TO_SERVER].packets == 0 ? CC_TO_SERVER : CC_TO_CLIENT;
	const struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	int64_t off, ack;

	if (flow->side[dir].packets > 0 || !peer->known || (pkt->tcp.flags & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return false;
	if (flow->side[dir].port != pkt->sport || memcmp(&flow->side[dir].addr, &pkt->src, sizeof(pkt->src)) != 0)
		return false;
	ack = stream_offset(peer, pkt->tcp.ack, peer->top);
	if (pkt->tcp.flags & TCP_SYN)
		return flow->tcp == TCP_SYN_SENT && ack >= 0 && ack <= (int64_t)peer->top;
	off = stream_offset(own, pkt->tcp.seq, own->acked);
	return own->known && off >= 0 && off <= (int64_t)own->acked && ack >= 0 &&
	       ack <= (int64_t)(peer->top + peer->fin);
}

/* ---- windows and numbers ---- */

/* The peer may send up to here.  A scale that was not seen is taken as the largest: better too much than a lost stream.
 */
void
tcp_set_window(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	uint8_t scale = own->wscale != 255 && peer->wscale != 255 ? own->wscale
			: own->syn && peer->syn                   ? 0
								  : WINDOW_SCALE_MAX;
	uint32_t window;
	uint64_t right;

	if (pkt->tcp.flags & TCP_SYN)
		scale = 0;
	window = (uint32_t)pkt->tcp.window << (scale <= WINDOW_SCALE_MAX ? scale : WINDOW_SCALE_MAX);
	right = peer->acked + window;
	if (right > peer->right)
		peer->right = right;
	else if (window < own->window && own->window - window > peer->top - peer->acked + pkt->payload.size &&
		 peer->top >= peer->acked && pkt->payload.size == 0 &&
		 (pkt->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0 && peer->right - right > own->window / 2 &&
		 window > 0)
		flow_event(flows, flow, FLOW_EVENT_PKT_BAD_WINDOW_UPDATE);
	own->window = window;
}

/* Where nothing of the receiver was seen its window is not known. */
static uint64_t
right_of(const struct stream *s)
{
	return s->right > 0 ? s->right : s->cont + UNKNOWN_WINDOW;
}

/* Protection against wrapped sequence numbers (RFC 7323, 5): an old time stamp on data makes the receiver drop it. */
static bool
is_old(const struct flow *flow, struct stream *own, const struct packet *pkt, int64_t off, uint64_t last)
{
	if (!pkt->tcp.has_ts)
		return false;
	if (own->has_ts && pkt->payload.size > 0 && (int32_t)(pkt->tcp.ts_val - own->ts_recent) < 0 &&
	    flow->last - last < PAWS_IDLE)
		return true;
	if (off <= (int64_t)own->acked && (!own->has_ts || (int32_t)(pkt->tcp.ts_val - own->ts_recent) > 0)) {
		own->has_ts = true;
		own->ts_recent = pkt->tcp.ts_val;
	}
	return false;
}

/* ---- acknowledgements ---- */

/* Both sides are where the capture has nothing of: go on there. */
static void
resync(struct stream *s)
{
	int64_t from = stream_offset(s, s->far_from, s->top);

	s->far_count = 0;
	if (from <= (int64_t)s->cont)
		return;
	s->skip_to = (uint64_t)from;
	s->force = FORCE_LIMIT;
	if (s->right < s->skip_to + UINT16_MAX)
		s->right = s->skip_to + UINT16_MAX;
}

static bool
acks_far(const struct stream *peer, uint32_t ack)
{
	return peer->far_count > 0 && (int32_t)(ack - peer->far_from) > 0 && (int32_t)(ack - peer->far_to) <= 0;
}

static bool
take_ack(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct stream *peer = &slot_of(flow)->stream[!dir];
	int64_t ack = stream_offset(peer, pkt->tcp.ack, peer->top);
	uint64_t sent = peer->top + peer->fin, most = sent > right_of(peer) ? sent : right_of(peer);

	if (ack > (int64_t)most + 1) {
		if (acks_far(peer, pkt->tcp.ack)) {
			resync(peer);
		} else {
			flow_event(flows, flow, FLOW_EVENT_PKT_INVALID_ACK);
			flow_event(flows, flow, phase_event[phase_of(slot_of(flow))].invalid_ack);
			return false;
		}
	}
	if (ack <= (int64_t)peer->acked)
		return true;
	peer->acked = (uint64_t)ack;
	if (peer->acked > peer->cont) {
		sent = peer->fin ? peer->fin_at + 1 : peer->top;
		peer->lost = peer->acked < sent ? peer->acked : sent;
	}
	if (peer->fin && peer->acked > peer->fin_at)
		peer->fin_acked = true;
	return true;
}

/* ---- bytes ---- */

static void
note_far(struct flows *flows, struct slot *slot, struct stream *own, const struct packet *pkt, bool fin)
{
	enum phase phase = phase_of(slot);
	uint32_t seq = pkt->tcp.seq, size = (uint32_t)pkt->payload.size;

	flow_count(flows, FLOW_OUT_OF_WINDOW, 1);
	flow_event(flows, &slot->flow, fin ? phase_event[phase].wrong_fin : phase_event[phase].wrong_seq);
	if (own->far_count == 0 || own->far_to != seq) {
		own->far_from = seq;
		own->far_count = 0;
	}
	own->far_to = seq + size;
	own->far_count++;
	if (slot->async && own->far_count >= FAR_COUNT)
		resync(own);
}

static void
put_bytes(struct flows *flows, struct slot *slot, const struct packet *pkt, enum cc_dir dir, int64_t off,
    struct slice bytes)
{
	if (bytes.size > 0 && !stream_data(flows, &slot->flow, dir, off, bytes))
		note_far(flows, slot, &slot->stream[dir], pkt, false);
}

static void
put_around(struct flows *flows, struct slot *slot, const struct packet *pkt, enum cc_dir dir, int64_t off, size_t at,
    int64_t tail_off)
{
	struct slice all = pkt->payload;

	put_bytes(flows, slot, pkt, dir, off, slice_of(all.p, at < all.size ? at : all.size));
	if (at + 1 < all.size)
		put_bytes(flows, slot, pkt, dir, tail_off, slice_of(all.p + at + 1, all.size - at - 1));
}

/*
 * Urgent data, where flow.urgent wants it apart.  A socket hands the urgent byte out beside the stream (RFC 6093, 3.1),
 * and so it can hide from who reads it in line, or the other way round.  Beside the stream: the byte has no offset, the
 * numbers behind it move up by one; only in order, since what waits out of order has its offsets already.  True: the
 * segment is dealt with.
 */
static bool
take_urgent(struct flows *flows, struct slot *slot, const struct packet *pkt, enum cc_dir dir, int64_t off)
{
	struct stream *own = &slot->stream[dir];
	uint32_t back = own->urgent_seq - pkt->tcp.seq; /* bytes before the last one that went beside */
	size_t at = pkt->tcp.urgent - 1u;
	bool urgent = (pkt->tcp.flags & TCP_URG) && pkt->tcp.urgent > 0 && at < pkt->payload.size;

	if (own->urgent_count > 0 && back < UINT16_MAX) { /* seen before, at least in part */
		put_around(flows, slot, pkt, dir, off + 1, back, off + 1 + (int64_t)back);
		return true;
	}
	if ((pkt->tcp.flags & TCP_URG) && flows->conf->flow_urgent == URGENT_DROP)
		return true;
	if (!urgent)
		return false;
	if (flows->conf->flow_urgent == URGENT_GAP) {
		put_around(flows, slot, pkt, dir, off, at, off + (int64_t)at + 1);
		return true;
	}
	if (off != (int64_t)own->cont || own->cont != own->top)
		return false;
	if (own->urgent_count == UINT16_MAX) {
		flow_event(flows, &slot->flow, FLOW_EVENT_REASSEMBLY_URGENT_OOB_LIMIT_REACHED);
		return true;
	}
	own->urgent_count++;
	own->urgent_seq = pkt->tcp.seq + (uint32_t)at;
	own->first_seq++;
	put_around(flows, slot, pkt, dir, off, at, off + (int64_t)at);
	return true;
}

static void
take_data(struct flows *flows, struct slot *slot, const struct packet *pkt, enum cc_dir dir, int64_t off)
{
	struct stream *own = &slot->stream[dir];
	struct slice bytes = pkt->payload;
	int64_t end = off + (int64_t)bytes.size;

	if (own->fin && end > (int64_t)own->fin_at) {
		if (!own->fin_acked) {
			own->fin = false; /* nobody took that FIN, and its sender goes on */
		} else if (off >= (int64_t)own->fin_at) {
			return;
		} else {
			bytes.size = own->fin_at - (uint64_t)off;
		}
	}
	if (flows->conf->flow_urgent != URGENT_INLINE && bytes.size == pkt->payload.size &&
	    take_urgent(flows, slot, pkt, dir, off))
		return;
	put_bytes(flows, slot, pkt, dir, off, bytes);
}

static void
take_fin(struct flows *flows, struct slot *slot, enum cc_dir dir, uint64_t at)
{
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];

	if (own->fin) {
		if (own->fin_at != at)
			flow_event(flows, &slot->flow, phase_event[phase_of(slot)].wrong_fin);
		return;
	}
	if (at < own->cont) { /* bytes behind it were seen before */
		flow_event(flows, &slot->flow, phase_event[phase_of(slot)].wrong_fin);
		return;
	}
	own->fin = true;
	own->fin_at = at;
	own->fin_acked = own->acked > at;
	if (!peer->fin)
		slot->fin_first = dir;
}

/* Only one side is seen: nobody will acknowledge anything. */
static void
note_async(struct flows *flows, struct slot *slot, enum cc_dir dir)
{
	struct flow *flow = &slot->flow;

	if (flow->side[!dir].packets > 0) {
		slot->async = false;
	} else if (!slot->async && flows->conf->flow_async && flow->side[dir].payload_packets >= ASYNC_SEGMENTS) {
		slot->async = true;
	}
	if (slot->async && slot->stream[dir].fin)
		slot->stream[dir].fin_acked = true;
}

static void
move_on(struct slot *slot)
{
	struct stream *a = &slot->stream[0], *b = &slot->stream[1];
	struct flow *flow = &slot->flow;

	if (flow->tcp == TCP_RESET)
		return;
	if ((a->fin_acked && b->fin_acked) || (slot->async && (a->fin || b->fin)))
		flow->tcp = TCP_CLOSED;
	else if (a->fin || b->fin)
		flow->tcp = TCP_CLOSING;
	else if (flow->tcp == TCP_CLOSING)
		flow->tcp = TCP_ESTABLISHED;
	if (flow->midstream && flow->side[0].packets > 0 && flow->side[1].packets > 0)
		flow->established = true;
}

static void
take_segment(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir, uint64_t last)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	const struct tcp_info *tcp = &pkt->tcp;
	int64_t off, end;

	if (!own->known)
		stream_open(own, tcp->seq);
	if (!peer->known && (tcp->flags & TCP_ACK))
		stream_open(peer, tcp->ack);
	off = stream_offset(own, tcp->seq, own->cont);
	end = off + (int64_t)pkt->payload.size;
	if (is_old(flow, own, pkt, off, last)) {
		flow_event(flows, flow, FLOW_EVENT_PKT_INVALID_TIMESTAMP);
		return;
	}
	note_async(flows, slot, dir);
	if (end > (int64_t)right_of(own) && off > (int64_t)own->cont) {
		note_far(flows, slot, own, pkt, (tcp->flags & TCP_FIN) != 0);
		return;
	}
	if (tcp->flags & TCP_ACK) {
		if (!take_ack(flows, flow, pkt, dir)) {
			if (tcp->flags & TCP_FIN)
				flow_event(flows, flow, FLOW_EVENT_FIN_INVALID_ACK);
			return;
		}
		tcp_set_window(flows, flow, pkt, dir);
	}
	if (pkt->payload.size > 0) {
		if (own->rst && end > (int64_t)own->cont) { /* it sent a reset, and goes on */
			flow_event(flows, flow, FLOW_EVENT_SUSPECTED_RST_INJECT);
			own->rst = false;
			flow->tcp = TCP_ESTABLISHED;
		}
		if (end <= (int64_t)own->acked && pkt->payload.size > 1)
			flow_event(flows, flow,
			    phase_of(slot) == PHASE_CLOSE_WAIT ? FLOW_EVENT_CLOSEWAIT_PKT_BEFORE_LAST_ACK
							       : FLOW_EVENT_EST_PKT_BEFORE_LAST_ACK);
		take_data(flows, slot, pkt, dir, off);
		end =
		    stream_offset(own, tcp->seq, own->cont) + (int64_t)pkt->payload.size; /* unless numbers moved up */
	}
	if ((tcp->flags & TCP_FIN) && end >= 0)
		take_fin(flows, slot, dir, (uint64_t)end);
	note_async(flows, slot, dir);
	move_on(slot);
}

/* ---- resets ---- */

/* RFC 5961 wants the exact number; many systems take any in the window, and a packet that we missed moves it. */
static bool
believes_rst(const struct slot *slot, const struct packet *pkt, enum cc_dir dir)
{
	const struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	int64_t off = stream_offset(own, pkt->tcp.seq, own->cont);

	if (pkt->tcp.flags & TCP_ACK && peer->known) {
		int64_t ack = stream_offset(peer, pkt->tcp.ack, peer->top);

		if (ack > (int64_t)(peer->top + peer->fin + 1) && ack > (int64_t)right_of(peer) + 1)
			return false;
	}
	if (!own->known || (pkt->tcp.seq == 0 && !own->syn)) /* the answer to a SYN */
		return !peer->known || !(pkt->tcp.flags & TCP_ACK) || slot->flow.tcp != TCP_SYN_SENT ||
		       (int32_t)(pkt->tcp.ack - peer->first_seq) >= 0;
	if (own->policy == OVERLAP_HPUX11 && off >= (int64_t)own->cont)
		return true;
	return off >= -1 && off + 1 >= (int64_t)(own->acked < own->cont ? own->acked : own->cont) &&
	       off <= (int64_t)(right_of(own) > own->top ? right_of(own) : own->top) + 1;
}

static void
take_rst(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir];

	if (flow->tcp == TCP_NONE) {
		flow_event(flows, flow, FLOW_EVENT_RST_BUT_NO_SESSION);
	} else if (!believes_rst(slot, pkt, dir)) {
		flow_count(flows, FLOW_BAD_RST, 1);
		flow_event(flows, flow, FLOW_EVENT_RST_INVALID_ACK);
		return;
	}
	if (own->known && (pkt->tcp.flags & TCP_ACK) && slot->stream[!dir].known)
		take_ack(flows, flow, pkt, dir);
	own->rst = true;
	if (flow->tcp != TCP_CLOSED)
		flow->tcp = TCP_RESET;
	slot->stream[0].force = slot->stream[1].force = FORCE_FLUSH;
}

/* ---- entry ---- */

void
tcp_track(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir, uint64_t last)
{
	const struct tcp_info *tcp = &pkt->tcp;

	flow->side[dir].tcp_flags |= tcp->flags;
	if (tcp->ack != 0 && (tcp->flags & TCP_ACK) == 0)
		flow_event(flows, flow, FLOW_EVENT_PKT_BROKEN_ACK);
	if (tcp->flags & TCP_RST) {
		take_rst(flows, flow, pkt, dir);
		return;
	}
	if ((tcp->flags & TCP_SYN) || flow->tcp < TCP_ESTABLISHED) {
		if (!tcp_handshake(flows, flow, pkt, dir))
			return;
	}
	take_segment(flows, flow, pkt, dir, last);
}
