/*
 * How TCP sessions begin: SYN, SYN-ACK, ACK in their order or not, both sides at once, one side alone, midstream, anew.
 *
 * In: packets with SYN, and all packets until a session is established.  Out: the streams' first sequence numbers,
 * window scales, the SYN's stack, flow->tcp; events under Suricata's names for what doesn't fit.  Data of a SYN counts
 * once a SYN-ACK has taken it (TCP Fast Open, RFC 7413); what it did not take is forgotten.
 */
#include "flow/own.h"

/* A SYN or SYN-ACK gives its side its numbers. */
static void
take_syn(struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct stream *s = &slot_of(flow)->stream[dir];

	stream_open(s, pkt->tcp.seq + 1);
	s->syn = true;
	s->syn_count = s->syn_count < 255 ? (uint8_t)(s->syn_count + 1) : 255;
	s->wscale = pkt->tcp.wscale;
	s->has_ts = pkt->tcp.has_ts;
	s->ts_recent = pkt->tcp.ts_val;
	s->window = pkt->tcp.window;
	stack_read(&flow->side[dir], pkt);
}

/* What the SYN carried is not what the stream begins with. */
static void
forget_syn_data(struct flows *flows, struct stream *s)
{
	stream_close(flows, s);
	s->cont = s->top = s->base = s->used = s->shown = 0;
	s->syn_data = false;
}

/* ---- SYN ---- */

static bool
first_syn(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct stream *s = &slot_of(flow)->stream[dir];

	take_syn(flow, pkt, dir);
	flow->tcp = TCP_SYN_SENT;
	if (pkt->payload.size > 0) {
		s->syn_data = true;
		stream_data(flows, flow, dir, 0, pkt->payload);
	}
	return false;
}

static bool
syn_while_open(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	bool same = slot->stream[dir].known && slot->stream[dir].first_seq == pkt->tcp.seq + 1;

	if (flow->tcp >= TCP_CLOSING) {
		flow_event(flows, flow, FLOW_EVENT_SHUTDOWN_SYN_RESEND);
		return false;
	}
	if (dir == CC_TO_CLIENT)
		flow_event(flows, flow, FLOW_EVENT_EST_SYN_TOCLIENT);
	else
		flow_event(flows, flow, same ? FLOW_EVENT_EST_SYN_RESEND : FLOW_EVENT_EST_SYN_RESEND_DIFF_SEQ);
	if (!same) { /* a SYN-ACK to it would be the proof that the session is another */
		slot->resyn = true;
		slot->resyn_seq = pkt->tcp.seq + 1;
	} else if (!slot->stream[dir].syn) { /* late: the capture has it behind the first segment */
		take_syn(flow, pkt, dir);
	}
	return false;
}

static bool
take_plain_syn(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir];
	bool same = own->known && own->first_seq == pkt->tcp.seq + 1;

	switch (flow->tcp) {
	case TCP_NONE:
		return first_syn(flows, flow, pkt, dir);
	case TCP_SYN_SENT:
		if (!slot->stream[!dir].syn) {
			if (same)
				return false;
			if (own->syn && own->syn_count >= SYN_FLOOD)
				flow_event(flows, flow, FLOW_EVENT_3WHS_SYN_FLOOD);
			forget_syn_data(flows, own);
			return first_syn(flows, flow, pkt, dir);
		}
		if (own->syn)
			return false;
		slot->crossed = true; /* both sides open, or the server splits its SYN-ACK */
		take_syn(flow, pkt, dir);
		return false;
	case TCP_SYN_RECV:
		if (dir == CC_TO_CLIENT)
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYN_TOCLIENT_ON_SYN_RECV);
		else if (!same && own->syn)
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYN_RESEND_DIFF_SEQ_ON_SYN_RECV);
		else if (same && !own->syn) /* the capture has the SYN behind its answer */
			take_syn(flow, pkt, dir);
		if (!same && own->syn) {
			slot->resyn = true;
			slot->resyn_seq = pkt->tcp.seq + 1;
		}
		return false;
	case TCP_RESET:
		if (!flow->established) { /* refused, and tried again */
			tcp_restart(flows, flow);
			return first_syn(flows, flow, pkt, dir);
		}
		break;
	default:
		break;
	}
	return syn_while_open(flows, flow, pkt, dir);
}

/* ---- SYN-ACK ---- */

static bool
accept_syn_ack(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	uint32_t taken;

	take_syn(flow, pkt, dir);
	if (!peer->known)
		stream_open(peer, pkt->tcp.ack);
	taken = pkt->tcp.ack - peer->first_seq;
	if (peer->syn_data && taken == 0) {
		flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_TFO_DATA_IGNORED);
		forget_syn_data(flows, peer);
	} else if (peer->syn_data) {
		peer->acked = taken;
		peer->syn_data = false;
	}
	flow->tcp = TCP_SYN_RECV;
	tcp_set_window(flows, flow, pkt, dir);
	if (peer->right < pkt->tcp.window)
		peer->right = pkt->tcp.window;
	if (slot->crossed)
		own->right = peer->window;
	else if (own->right < peer->window)
		own->right = peer->window; /* what the SYN offered, unscaled */
	if (pkt->payload.size > 0)
		stream_data(flows, flow, dir, 0, pkt->payload);
	return false;
}

static bool
another_syn_ack(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct stream *own = &slot_of(flow)->stream[dir], *peer = &slot_of(flow)->stream[!dir];

	if (pkt->tcp.ack != peer->first_seq + (uint32_t)peer->acked) {
		flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_RESEND_WITH_DIFFERENT_ACK);
		return false;
	}
	if (pkt->tcp.seq + 1 == own->first_seq)
		return false;
	flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_RESEND_WITH_DIFF_SEQ);
	if (own->syn_count >= SYN_FLOOD) {
		flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_FLOOD);
		return false;
	}
	own->syn_count++;
	own->alt_seq = pkt->tcp.seq + 1; /* the client's ACK will tell which one it took */
	return false;
}

static bool
take_syn_ack(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	uint32_t taken = pkt->tcp.ack - peer->first_seq;

	switch (flow->tcp) {
	case TCP_NONE: /* its SYN was not seen: the session is in its midst */
		if (!flows->conf->flow_midstream && !flows->conf->flow_async) {
			flow_count(flows, FLOW_NO_SESSION, 1);
			return false;
		}
		return accept_syn_ack(flows, flow, pkt, dir);
	case TCP_SYN_SENT:
		if (slot->crossed) {
			if (pkt->tcp.seq + 1 != own->first_seq) {
				flow_event(flows, flow, FLOW_EVENT_4WHS_SYNACK_WITH_WRONG_SYN);
				return false;
			}
			if (taken != 0) {
				flow_event(flows, flow, FLOW_EVENT_4WHS_SYNACK_WITH_WRONG_ACK);
				return false;
			}
			return accept_syn_ack(flows, flow, pkt, dir);
		}
		if (own->syn) {
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_IN_WRONG_DIRECTION);
			return false;
		}
		if (taken != 0 && !(peer->syn_data && taken <= peer->top)) {
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_WITH_WRONG_ACK);
			return false;
		}
		return accept_syn_ack(flows, flow, pkt, dir);
	case TCP_SYN_RECV:
		if (slot->crossed && own->syn && own->first_seq == pkt->tcp.seq + 1)
			return false;
		if (!own->syn || dir == CC_TO_SERVER) {
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_TOSERVER_ON_SYN_RECV);
			return false;
		}
		return another_syn_ack(flows, flow, pkt, dir);
	default:
		break;
	}
	if (!own->syn && own->known && own->first_seq == pkt->tcp.seq + 1) { /* late in the capture */
		take_syn(flow, pkt, dir);
		return false;
	}
	if (dir == CC_TO_SERVER)
		flow_event(flows, flow, FLOW_EVENT_EST_SYNACK_TOSERVER);
	else if (pkt->tcp.seq + 1 != own->first_seq)
		flow_event(flows, flow, FLOW_EVENT_EST_SYNACK_RESEND_WITH_DIFF_SEQ);
	else if (pkt->tcp.ack != peer->first_seq)
		flow_event(flows, flow, FLOW_EVENT_EST_SYNACK_RESEND_WITH_DIFFERENT_ACK);
	else
		flow_event(flows, flow, FLOW_EVENT_EST_SYNACK_RESEND);
	return false;
}

/* ---- what follows ---- */

static bool
midstream(struct flows *flows, struct flow *flow, const struct packet *pkt)
{
	if (pkt->tcp.flags & TCP_FIN)
		flow_event(flows, flow, FLOW_EVENT_FIN_BUT_NO_SESSION);
	if (!flows->conf->flow_midstream) {
		flow_count(flows, FLOW_NO_SESSION, 1);
		return false;
	}
	flow->midstream = true;
	flow->tcp = TCP_ESTABLISHED;
	flow_count(flows, FLOW_MIDSTREAM, 1);
	return true;
}

/* A segment on a SYN, without a SYN-ACK that we saw. */
static bool
after_syn(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];

	if ((pkt->tcp.flags & TCP_ACK) == 0) {
		if (pkt->payload.size > 0)
			flow_event(flows, flow, FLOW_EVENT_3WHS_ACK_DATA_INJECT);
		return false;
	}
	if (slot->crossed) { /* no SYN-ACK is needed when both have sent their SYN */
		if (pkt->tcp.seq != own->first_seq) {
			flow_event(flows, flow, FLOW_EVENT_4WHS_WRONG_SEQ);
			return false;
		}
		if (pkt->tcp.ack != peer->first_seq) {
			flow_event(flows, flow, FLOW_EVENT_4WHS_INVALID_ACK);
			return false;
		}
	} else if (own->syn) {
		if (pkt->tcp.seq - own->first_seq > UINT16_MAX) {
			flow_event(flows, flow, FLOW_EVENT_3WHS_ASYNC_WRONG_SEQ);
			return false;
		}
		if (!flows->conf->flow_async)
			return false;
		slot->async = flow->side[!dir].packets == 0;
		if (own->syn_data && pkt->tcp.seq == own->first_seq)
			forget_syn_data(flows, own);
		flow->midstream = true;
	} else { /* its SYN-ACK was lost, or it doesn't know of this session and says what it expects */
		if (pkt->tcp.ack - peer->first_seq > UINT16_MAX) {
			flow_event(flows, flow, FLOW_EVENT_3WHS_SYNACK_WITH_WRONG_ACK);
			return false;
		}
		flow->midstream = true;
	}
	flow->established = flow->side[!dir].packets > 0;
	flow->tcp = TCP_ESTABLISHED;
	return true;
}

/* The handshake's last ACK, or the server's first data. */
static bool
after_syn_ack(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	struct slot *slot = slot_of(flow);
	struct stream *own = &slot->stream[dir], *peer = &slot->stream[!dir];
	bool seq_ok = pkt->tcp.seq - own->first_seq <= UINT16_MAX,
	     ack_ok = pkt->tcp.ack - peer->first_seq <= UINT16_MAX;

	if ((pkt->tcp.flags & TCP_ACK) == 0) {
		if (pkt->payload.size > 0)
			flow_event(flows, flow, FLOW_EVENT_3WHS_ACK_DATA_INJECT);
		return false;
	}
	if (dir == CC_TO_SERVER && peer->syn_count > 1 && pkt->tcp.ack == peer->alt_seq && peer->alt_seq != 0) {
		peer->first_seq = peer->alt_seq;
		ack_ok = true;
	}
	if (!seq_ok || !ack_ok) {
		flow_event(flows, flow,
		    !seq_ok ? FLOW_EVENT_3WHS_WRONG_SEQ_WRONG_ACK : FLOW_EVENT_3WHS_RIGHT_SEQ_WRONG_ACK_EVASION);
		return false;
	}
	if (dir == CC_TO_CLIENT && !slot->crossed && pkt->payload.size == 0 && (pkt->tcp.flags & TCP_FIN) == 0 &&
	    pkt->tcp.ack == peer->first_seq) {
		flow_event(flows, flow, FLOW_EVENT_3WHS_ACK_IN_WRONG_DIR);
		return false;
	}
	flow->established = true;
	flow->tcp = TCP_ESTABLISHED;
	return true;
}

bool
tcp_handshake(struct flows *flows, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	uint8_t flags = pkt->tcp.flags;

	if ((flags & TCP_SYN) && (flags & TCP_FIN))
		flow_event(flows, flow, FLOW_EVENT_FIN_SYN);
	if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return take_syn_ack(flows, flow, pkt, dir);
	if (flags & TCP_SYN)
		return take_plain_syn(flows, flow, pkt, dir);
	if (flow->tcp == TCP_SYN_SENT)
		return after_syn(flows, flow, pkt, dir);
	if (flow->tcp == TCP_SYN_RECV)
		return after_syn_ack(flows, flow, pkt, dir);
	return midstream(flows, flow, pkt);
}

/*
 * Is this packet with SYN the start of another session on the same addresses and ports?  An open session is not given
 * up for a SYN alone, which anybody can forge, but for a SYN-ACK that answers one.
 */
bool
tcp_begins_anew(const struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	const struct slot *slot = slot_of(flow);
	const struct stream *own = &slot->stream[dir];
	bool differs = !own->known || own->first_seq != pkt->tcp.seq + 1;

	if (pkt->tcp.flags & TCP_RST)
		return false;
	if (pkt->tcp.flags & TCP_ACK) {
		if (slot->resyn && pkt->tcp.ack == slot->resyn_seq)
			return differs;
		return differs && (flow->tcp == TCP_CLOSED || (flow->tcp == TCP_RESET && flow->established));
	}
	switch (flow->tcp) {
	case TCP_CLOSED:
	case TCP_CLOSING:
		return differs;
	case TCP_RESET:
		return differs && flow->established;
	case TCP_ESTABLISHED:
		return differs && flow->midstream && !own->syn;
	default:
		return false;
	}
}
