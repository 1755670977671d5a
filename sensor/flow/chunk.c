/*
 * What a packet made ready, chunk by chunk.
 *
 * In: the streams as flow_track() left them.  Out: first the bytes of the other side that this packet acknowledges,
 * then those of its own side that need no acknowledgement (one-sided flows, after a reset, under pressure of memory).
 * Between two calls the walk remembers which chunk is out, since what the app stage used of it comes with the next
 * call.
 */
#include "flow/own.h"

enum { PROTO_ICMP = 1, PROTO_ICMP6 = 58 };

void
chunk_settle(struct flows *flows, size_t used_bytes)
{
	struct stream *s = flows->walk.open;
	uint64_t used;

	if (s == NULL)
		return;
	flows->walk.open = NULL;
	used = used_bytes < SIZE_MAX ? flows->walk.open_at + used_bytes : s->shown;
	s->used = used < s->shown ? used : s->shown;
	if (s->ignored || s->eof_told) { /* nothing more will be asked of it */
		s->ignored = true;
		s->used = s->shown = s->cont = s->base = s->top;
		stream_close(flows, s);
	} else if (s->shown - s->used > flows->stream_memory) { /* nobody will ever take it */
		s->dropped += s->shown - s->used;
		s->used = s->shown;
		flow_count(flows, FLOW_STREAM_LIMIT, 1);
	}
}

/* How far bytes may be handed on. */
static uint64_t
limit_of(const struct stream *s, bool at_once)
{
	uint64_t limit = s->cont;

	if (!at_once && s->acked < limit)
		limit = s->acked;
	if (s->fin && s->fin_acked && s->fin_at < limit)
		limit = s->fin_at;
	return limit;
}

/* Is the hole at cont to be given up, now that `end` is where bytes go on? */
static bool
gives_up(const struct flows *flows, const struct stream *s, uint64_t end, bool async, bool over)
{
	if (over || end < s->lost || end == s->skip_to)
		return true;
	if (async && s->top > end && s->top - end > ASYNC_HOLE)
		return true;
	return s->force == FORCE_LIMIT && s->top - s->used > flows->stream_memory / 2;
}

/* Bytes at the end that were acknowledged but never seen; one more may be a FIN that was not seen. */
static uint64_t
lost_tail(const struct stream *s)
{
	uint64_t end = s->fin ? s->fin_at : s->acked > 0 ? s->acked - 1 : 0;

	return s->acked > s->cont && end > s->cont ? end : s->cont;
}

static void
skip_hole(struct flows *flows, struct flow *flow, enum cc_dir dir, struct stream *s, uint64_t to, struct chunk *chunk)
{
	uint64_t size = to - s->shown;

	stream_jump(s, to);
	chunk->gap += size;
	flow->side[dir].gap_bytes += size;
	flow_count(flows, FLOW_GAPS, 1);
	flow_count(flows, FLOW_GAP_BYTES, size);
	flow_event(flows, flow, FLOW_EVENT_REASSEMBLY_SEQ_GAP);
}

static void
fill(struct flows *flows, struct flow *flow, enum cc_dir dir, struct stream *s, uint64_t limit, struct chunk *chunk)
{
	static const uint8_t none[1];
	uint64_t fresh = limit - s->shown, before;

	if (s->dropped > 0) {
		chunk->gap += s->dropped;
		s->dropped = 0;
	}
	chunk->dir = dir;
	chunk->p = s->buf != NULL ? s->buf + (s->used - s->base) : none;
	chunk->size = (size_t)(limit - s->used);
	chunk->fresh = (size_t)fresh;
	before = s->buf != NULL && chunk->gap == 0 ? s->used - s->base : 0;
	chunk->before = before < flows->history ? (size_t)before : flows->history;
	chunk->offset = s->used;
	flow->side[dir].stream_bytes += fresh;
	flow_count(flows, FLOW_STREAM_BYTES, fresh);
	stream_shown(s, limit);
	flows->walk.open = s;
	flows->walk.open_at = s->used;
}

static bool
is_over(const struct stream *s, bool ending)
{
	return ending || (s->fin && s->fin_acked && (s->ignored || s->shown >= s->fin_at));
}

/* The next chunk of one side.  False: none. */
static bool
next_of_side(struct flows *flows, struct flow *flow, enum cc_dir dir, bool ending, struct chunk *chunk)
{
	struct slot *slot = slot_of(flow);
	struct stream *s = &slot->stream[dir];
	uint64_t limit, hole;

	if (s->eof_told || (!ending && !s->known))
		return false;
	if (!s->ignored && s->known) {
		limit = limit_of(s, ending || slot->async || s->force != FORCE_NONE);
		if (limit == s->shown && limit == s->cont) {
			hole = stream_hole_end(s);
			if (hole == UINT64_MAX && ending)
				hole = lost_tail(s);
			if (hole > s->cont && hole != UINT64_MAX && gives_up(flows, s, hole, slot->async, ending)) {
				skip_hole(flows, flow, dir, s, hole, chunk);
				limit = limit_of(s, ending || slot->async || s->force != FORCE_NONE);
				if (limit < s->shown)
					limit = s->shown;
			}
		}
		if (limit > s->shown || chunk->gap > 0) {
			fill(flows, flow, dir, s, limit, chunk);
			chunk->eof = !ending && is_over(s, false);
			s->eof_told = chunk->eof;
			return true;
		}
		s->force = FORCE_NONE;
		if (s->depth_told && s->shown >= flows->stream_depth)
			flow_ignore(flows, flow, dir);
	}
	if (!is_over(s, ending))
		return false;
	if (s->ignored || !s->known) {
		chunk->p = (const uint8_t *)"";
		chunk->dir = dir;
		chunk->offset = s->shown;
	} else {
		fill(flows, flow, dir, s, s->shown, chunk);
	}
	chunk->eof = s->eof_told = true;
	return true;
}

/* Of ICMP echoes alone are shown, with their header; an error quotes somebody else's packet. */
static struct slice
datagram_of(const struct packet *pkt)
{
	static const uint8_t echo4[] = {0, 8}, echo6[] = {128, 129};

	if (pkt->proto == PROTO_ICMP && memchr(echo4, pkt->icmp.type, sizeof(echo4)) != NULL)
		return pkt->l4;
	if (pkt->proto == PROTO_ICMP6 && memchr(echo6, pkt->icmp.type, sizeof(echo6)) != NULL)
		return pkt->l4;
	if (pkt->proto == PROTO_ICMP || pkt->proto == PROTO_ICMP6)
		return slice_of(NULL, 0);
	return pkt->payload;
}

static bool
next_datagram(struct flows *flows, const struct packet *pkt, struct chunk *chunk)
{
	struct walk *walk = &flows->walk;
	struct slice bytes;

	chunk->datagram = true;
	chunk->p = (const uint8_t *)"";
	if (pkt == NULL) {
		if (walk->step > 1)
			return false;
		chunk->dir = (enum cc_dir)walk->step++;
		chunk->eof = true;
		return true;
	}
	bytes = walk->step == 0 ? datagram_of(pkt) : slice_of(NULL, 0);
	if (bytes.size == 0)
		return false;
	walk->step = 2;
	chunk->dir = walk->dir;
	chunk->p = bytes.p;
	chunk->size = chunk->fresh = bytes.size;
	return true;
}

enum cc_status
flow_next_chunk(struct flows *flows, struct flow *flow, const struct packet *pkt, struct chunk *chunk)
{
	struct walk *walk = &flows->walk;

	if (flow->stray)
		return CC_END;
	if (walk->flow != flow || walk->pkt != pkt) {
		if (pkt != NULL) /* not the packet that flow_track() saw last */
			return CC_END;
		chunk_settle(flows, SIZE_MAX);
		*walk = (struct walk){.flow = flow, .dir = CC_TO_CLIENT};
	}
	chunk_settle(flows, chunk->used);
	if (walk->step > 1)
		return CC_END;
	memset(chunk, 0, sizeof(*chunk));
	if (flow->side[0].stream == NULL)
		return next_datagram(flows, pkt, chunk) ? CC_OK : CC_END;
	for (; walk->step < 2; walk->step++) {
		enum cc_dir dir = walk->step == 0 ? cc_dir_other(walk->dir) : walk->dir;

		if (next_of_side(flows, flow, dir, pkt == NULL, chunk))
			return CC_OK;
	}
	return CC_END;
}

static void
swap_streams(struct stream *a, struct stream *b)
{
	struct stream was = *a;

	*a = *b;
	*b = was;
	if (a->seg == b->own_seg) /* records lie in the stream itself as long as they are few */
		a->seg = a->own_seg;
	if (b->seg == a->own_seg && was.seg == a->own_seg)
		b->seg = b->own_seg;
}

void
flow_turn(struct flows *flows, struct flow *flow, struct chunk *chunk)
{
	struct slot *slot = slot_of(flow);
	struct walk *walk = &flows->walk;
	struct flow_side side = flow->side[0];

	flow->side[0] = flow->side[1];
	flow->side[1] = side;
	flow->reversed = !flow->reversed;
	chunk->dir = cc_dir_other(chunk->dir);
	chunk->turn = false;
	if (walk->flow == flow) {
		walk->dir = cc_dir_other(walk->dir);
		if (walk->open != NULL)
			walk->open = walk->open == &slot->stream[0] ? &slot->stream[1] : &slot->stream[0];
	}
	if (side.stream == NULL)
		return;
	swap_streams(&slot->stream[0], &slot->stream[1]);
	flow->side[0].stream = &slot->stream[0];
	flow->side[1].stream = &slot->stream[1];
	slot->fin_first = !slot->fin_first;
}

void
flow_ignore(struct flows *flows, struct flow *flow, enum cc_dir dir)
{
	struct stream *s = flow->side[dir].stream;

	if (s == NULL || s->ignored)
		return;
	s->ignored = true;
	if (flows->walk.open == s)
		return; /* its chunk is still being looked at: chunk_settle() frees it */
	s->used = s->shown = s->cont = s->base = s->top;
	stream_close(flows, s);
}

uint64_t
flow_sequence(const struct flow *flow, enum cc_dir dir)
{
	const struct flow_side *side = &flow->side[dir];
	const struct stream *s = side->stream;
	uint64_t told = side->stream_bytes + side->gap_bytes;

	if (s == NULL || !s->known)
		return 0;
	return (s->top > told ? s->top : told) + 1;
}
