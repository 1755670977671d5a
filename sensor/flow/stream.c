/*
 * The bytes of one TCP side: one linear buffer, and records of the segments that have not been handed on.
 *
 *      base        used         shown          cont                     top
 *       | history    | unconsumed  | waits for ACK | hole | out of order  |
 *
 * In: segments at 64-bit offsets.  Out: the buffer up to cont.  In order, acknowledged and consumed at once, a segment
 * costs one copy; the buffer then begins anew at its start.  Records keep the extents that segments had when they came,
 * since the overlap policies decide by them.  Memory is the pool's, bounded by flow.stream_memory and
 * flow.stream_total; the larger a block, the earlier it is refused, so that a few flows with far-off segments don't
 * starve the others.
 */
#include <assert.h>

#include "flow/own.h"

#define ROOM_FIRST 512
#define ROOM_EASY 65536    /* blocks up to this size may use all of the budget */
#define SEG_SIZE_MAX 65535 /* of one record: a scan for overlaps looks no further back */

/* ---- memory ---- */

void
stream_open(struct stream *s, uint32_t first_seq)
{
	s->first_seq = first_seq;
	s->known = true;
}

static void
free_buffer(struct flows *flows, struct stream *s)
{
	if (s->buf == NULL)
		return;
	pool_give(flows->pool, s->buf, s->room);
	flows->count[FLOW_MEMORY] -= s->room;
	s->buf = NULL;
	s->room = 0;
}

void
stream_close(struct flows *flows, struct stream *s)
{
	free_buffer(flows, s);
	if (s->seg != NULL && s->seg != s->own_seg)
		pool_give(flows->pool, s->seg, s->seg_room * sizeof(*s->seg));
	s->seg = NULL;
	s->seg_first = s->seg_count = s->seg_room = 0;
}

void
stream_idle(struct flows *flows, struct stream *s)
{
	if (s->buf == NULL || s->used != s->top || flows->walk.open == s)
		return;
	free_buffer(flows, s);
	s->base = s->used;
}

/* A block of at least size bytes, NULL when limits or the pool say no. */
static uint8_t *
take_block(struct flows *flows, size_t size, uint32_t *ret_room)
{
	uint64_t budget = flows->stream_budget;
	size_t room = pool_room(size);
	uint8_t *block;

	if (room == 0)
		return NULL;
	if (room > ROOM_EASY)
		budget -= room > 1u << 20 ? budget / 2 : budget / 4;
	if (flows->count[FLOW_MEMORY] + room > budget) {
		table_relieve(flows, room);
		if (flows->count[FLOW_MEMORY] + room > budget)
			return NULL;
	}
	block = pool_take(flows->pool, room);
	if (block == NULL) {
		table_relieve(flows, SIZE_MAX / 2); /* whatever it gives: the pool is shared */
		block = pool_take(flows->pool, room);
		if (block == NULL)
			return NULL;
	}
	flows->count[FLOW_MEMORY] += room;
	*ret_room = (uint32_t)room;
	return block;
}

static void
move_base(struct stream *s, uint64_t keep)
{
	if (s->buf != NULL && s->top > keep)
		memmove(s->buf, s->buf + (keep - s->base), s->top - keep);
	s->base = keep;
}

/* Makes the buffer reach to `end`.  History goes first, then it grows. */
static bool
reserve(struct flows *flows, struct stream *s, uint64_t end)
{
	uint64_t keep = s->used > s->base + flows->history ? s->used - flows->history : s->base;
	uint64_t need = end - keep, moved = keep - s->base;
	uint32_t room;
	uint8_t *block;

	if (s->buf != NULL && need <= s->room && (s->top <= keep || moved >= s->room / 2)) {
		move_base(s, keep);
		return true;
	}
	if (need > POOL_BLOCK_MAX && s->used > keep) { /* no room for history */
		keep = s->used;
		need = end - keep;
	}
	block =
	    need <= POOL_BLOCK_MAX ? take_block(flows, need > ROOM_FIRST ? need + need / 2 : ROOM_FIRST, &room) : NULL;
	if (block == NULL)
		block = need <= POOL_BLOCK_MAX && (s->buf == NULL || need > s->room) ? take_block(flows, need, &room)
										     : NULL;
	if (block == NULL) {
		if (s->buf == NULL || end - s->used > s->room)
			return false;
		if (need > s->room)
			keep = end - s->room; /* some history, as much as fits */
		move_base(s, keep);
		return true;
	}
	if (s->buf == NULL) /* it had history alone, and the search for memory took that */
		keep = s->used;
	if (s->buf != NULL && s->top > keep)
		memcpy(block, s->buf + (keep - s->base), s->top - keep);
	free_buffer(flows, s);
	s->buf = block;
	s->room = room;
	s->base = keep;
	return true;
}

/* ---- records ---- */

static inline uint64_t
seg_end(const struct seg *seg)
{
	return seg->at + seg->size;
}

/* Adjacent records become one: only the finest points of overlap policies are lost by it. */
static void
join_records(struct stream *s)
{
	struct seg *to = s->seg, *from = s->seg + s->seg_first;
	unsigned count = s->seg_count;

	*to = *from++;
	while (--count > 0) {
		if (from->at == seg_end(to) && to->size + from->size <= SEG_SIZE_MAX)
			to->size += from->size;
		else
			*++to = *from;
		from++;
	}
	s->seg_first = 0;
	s->seg_count = (uint16_t)(to - s->seg + 1);
}

static bool
grow_records(struct flows *flows, struct stream *s)
{
	unsigned room = s->seg_room * 2;
	struct seg *block;

	if (s->seg == NULL) {
		s->seg = s->own_seg;
		s->seg_room = SEGS_INLINE;
		return true;
	}
	if (s->seg_first > 0) {
		memmove(s->seg, s->seg + s->seg_first, s->seg_count * sizeof(*s->seg));
		s->seg_first = 0;
		return true;
	}
	block = room <= SEGS_MAX ? pool_take(flows->pool, room * sizeof(*s->seg)) : NULL;
	if (block == NULL) {
		join_records(s);
		return s->seg_count < s->seg_room;
	}
	memcpy(block, s->seg, s->seg_count * sizeof(*s->seg));
	if (s->seg != s->own_seg)
		pool_give(flows->pool, s->seg, s->seg_room * sizeof(*s->seg));
	s->seg = block;
	s->seg_room = (uint16_t)room;
	return true;
}

/* Index of the first record with at >= at. */
static unsigned
first_from(const struct stream *s, uint64_t at)
{
	unsigned low = s->seg_first, high = low + s->seg_count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (s->seg[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Keeps where a segment lay.  False: no room for the record. */
static bool
record(struct flows *flows, struct stream *s, uint64_t at, uint64_t size)
{
	unsigned i;

	if (s->seg_first + s->seg_count == s->seg_room && !grow_records(flows, s))
		return false;
	i = s->seg_first + s->seg_count;
	if (s->seg_count > 0 && s->seg[i - 1].at >= at) {
		i = first_from(s, at);
		while (i < s->seg_first + s->seg_count && s->seg[i].at == at && s->seg[i].size < size)
			i++;
		if (i < s->seg_first + s->seg_count && s->seg[i].at == at && s->seg[i].size == size)
			return true;
		memmove(s->seg + i + 1, s->seg + i, (s->seg_first + s->seg_count - i) * sizeof(*s->seg));
	}
	s->seg[i].at = at;
	s->seg[i].size = size;
	s->seg_count++;
	return true;
}

void
stream_find_cont(struct stream *s)
{
	for (unsigned i = s->seg_first; i < s->seg_first + s->seg_count && s->seg[i].at <= s->cont; i++) {
		if (seg_end(&s->seg[i]) > s->cont)
			s->cont = seg_end(&s->seg[i]);
	}
}

uint64_t
stream_hole_end(const struct stream *s)
{
	uint64_t end = UINT64_MAX;
	unsigned i;

	if (s->top > s->cont) {
		i = first_from(s, s->cont);
		if (i < s->seg_first + s->seg_count)
			end = s->seg[i].at;
	}
	if (s->fin && s->fin_at > s->cont && s->fin_at < end)
		end = s->fin_at;
	if (end == UINT64_MAX && s->skip_to > s->cont)
		end = s->skip_to;
	return end;
}

void
stream_shown(struct stream *s, uint64_t to)
{
	s->shown = to;
	while (s->seg_count > 0 && seg_end(&s->seg[s->seg_first]) <= to) {
		s->seg_first++;
		s->seg_count--;
	}
	if (s->seg_count == 0)
		s->seg_first = 0;
}

void
stream_jump(struct stream *s, uint64_t to)
{
	if (s->top > to) {
		move_base(s, to);
	} else {
		s->base = to;
		s->top = to;
	}
	s->used = to;
	if (s->cont < to)
		s->cont = to;
	stream_shown(s, to);
	stream_find_cont(s);
}

/* ---- segments ---- */

/* The part of a segment that repeats what was handed on: is it the same as far as it is still here? */
static bool
differs_from_shown(const struct stream *s, int64_t off, struct slice bytes)
{
	int64_t from = off > (int64_t)s->base ? off : (int64_t)s->base;
	int64_t to = off + (int64_t)bytes.size < (int64_t)s->shown ? off + (int64_t)bytes.size : (int64_t)s->shown;

	if (s->buf == NULL || from >= to)
		return false;
	return memcmp(s->buf + ((uint64_t)from - s->base), bytes.p + (from - off), (size_t)(to - from)) != 0;
}

/*
 * Lays bytes [at, at + size) over what waits; `start` is where their segment really began.  Where the policy keeps the
 * earlier copy it is first copied into the new one, so that the whole can then be written.
 */
static bool
lay_over(struct flows *flows, struct stream *s, uint64_t start, uint64_t at, struct slice bytes)
{
	uint64_t end = at + bytes.size;
	bool differs = false;
	unsigned i = first_from(s, at > SEG_SIZE_MAX ? at - SEG_SIZE_MAX : 0);

	assert(bytes.size <= sizeof(flows->scratch));
	memcpy(flows->scratch, bytes.p, bytes.size);
	for (; i < s->seg_first + s->seg_count && s->seg[i].at < end; i++) {
		uint64_t from = s->seg[i].at > at ? s->seg[i].at : at;
		uint64_t to = seg_end(&s->seg[i]) < end ? seg_end(&s->seg[i]) : end;

		if (from >= to)
			continue;
		if (memcmp(s->buf + (from - s->base), bytes.p + (from - at), to - from) == 0)
			continue;
		differs = true;
		if (!overlap_takes_new((enum overlap_policy)s->policy, s->seg[i].at, seg_end(&s->seg[i]), start, end))
			memcpy(flows->scratch + (from - at), s->buf + (from - s->base), to - from);
	}
	memcpy(s->buf + (at - s->base), flows->scratch, bytes.size);
	return differs;
}

static void
note_overlap(
    struct flows *flows, struct flow *flow, struct stream *s, uint64_t end, bool repeats, bool differs, size_t size)
{
	if (size == 1 && end == s->cont && repeats) /* a keep-alive, whose byte may be any (RFC 9293, 3.8.4) */
		return;
	flow_count(flows, FLOW_OVERLAPS, 1);
	if (differs) {
		flow_count(flows, FLOW_OVERLAPS_DIFFERENT, 1);
		flow_event(flows, flow, FLOW_EVENT_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
	}
	if (repeats) {
		flow_event(flows, flow,
		    end <= s->acked ? FLOW_EVENT_PKT_SPURIOUS_RETRANSMISSION : FLOW_EVENT_PKT_RETRANSMISSION);
		flow_count(flows, FLOW_RETRANSMITS, 1);
		flow->side[s == &slot_of(flow)->stream[1]].retransmits++;
	}
}

/* The segment does not simply follow: out of order, or over what is here. */
static bool
out_of_order(struct flows *flows, struct flow *flow, struct stream *s, int64_t off, struct slice bytes)
{
	uint64_t end = (uint64_t)(off + (int64_t)bytes.size), start = off > 0 ? (uint64_t)off : 0;
	uint64_t at = start > s->shown ? start : s->shown;
	bool overlaps = start < s->top, differs = off < (int64_t)s->shown && differs_from_shown(s, off, bytes);
	bool repeats = end <= s->cont;
	struct slice rest;

	if (end > s->shown) {
		rest = slice_of(bytes.p + ((int64_t)at - off), (size_t)(end - at));
		if (end > s->base + s->room && !reserve(flows, s, end)) {
			flow_count(flows, FLOW_MEMORY_REFUSED, 1);
			s->force = FORCE_LIMIT;
			return true;
		}
		if (at > s->cont)
			flow_count(flows, FLOW_OUT_OF_ORDER, 1);
		if (at < s->top)
			differs |= lay_over(flows, s, start, at, rest);
		else
			memcpy(s->buf + (at - s->base), rest.p, rest.size);
		if (!record(flows, s, start, end - start)) {
			flow_count(flows, FLOW_MEMORY_REFUSED, 1);
			s->force = FORCE_LIMIT;
			return true;
		}
		if (end > s->top)
			s->top = end;
		if (at <= s->cont)
			stream_find_cont(s);
	}
	if (overlaps)
		note_overlap(flows, flow, s, end, repeats, differs, bytes.size);
	return true;
}

/* Nothing of this side is wanted: the numbers move on, no byte is kept. */
static void
pass_by(struct flows *flows, struct stream *s, int64_t off, size_t size)
{
	int64_t end = off + (int64_t)size;

	if (end <= (int64_t)s->top)
		return;
	flow_count(
	    flows, FLOW_IGNORED_BYTES, (uint64_t)(off > (int64_t)s->top ? (int64_t)size : end - (int64_t)s->top));
	s->base = s->used = s->shown = s->cont = s->top = (uint64_t)end;
}

static bool
cut_to_depth(struct flows *flows, struct flow *flow, struct stream *s, int64_t off, struct slice *bytes)
{
	uint64_t depth = flows->stream_depth;

	if (off + (int64_t)bytes->size <= (int64_t)depth)
		return true;
	if (!s->depth_told) {
		s->depth_told = true;
		flow_event(flows, flow, FLOW_EVENT_REASSEMBLY_DEPTH_REACHED);
	}
	if (off >= (int64_t)depth) {
		flow_count(flows, FLOW_DEPTH, bytes->size);
		return false;
	}
	flow_count(flows, FLOW_DEPTH, (uint64_t)off + bytes->size - depth);
	bytes->size = depth - (uint64_t)off;
	return true;
}

bool
stream_data(struct flows *flows, struct flow *flow, enum cc_dir dir, int64_t off, struct slice bytes)
{
	struct stream *s = &slot_of(flow)->stream[dir];
	uint64_t end;

	flow_count(flows, FLOW_SEGMENTS, 1);
	if (s->ignored) {
		pass_by(flows, s, off, bytes.size);
		return true;
	}
	if (off + (int64_t)bytes.size <= 0) {
		flow_event(flows, flow, FLOW_EVENT_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
		return true;
	}
	if (flows->stream_depth != UINT64_MAX && !cut_to_depth(flows, flow, s, off, &bytes))
		return true;
	end = (uint64_t)(off + (int64_t)bytes.size);
	if (end > s->used + flows->stream_memory) {
		if (s->force != FORCE_LIMIT)
			flow_count(flows, FLOW_STREAM_LIMIT, 1);
		s->force = FORCE_LIMIT;
		if (end > s->used + flows->stream_memory + SEG_SIZE_MAX)
			return false;
	}
	if (off != (int64_t)s->cont || s->cont != s->top)
		return out_of_order(flows, flow, s, off, bytes);
	if (end > s->base + s->room && !reserve(flows, s, end)) {
		flow_count(flows, FLOW_MEMORY_REFUSED, 1);
		s->force = FORCE_LIMIT;
		return true;
	}
	if (!record(flows, s, (uint64_t)off, bytes.size)) {
		s->force = FORCE_LIMIT;
		flow_count(flows, FLOW_MEMORY_REFUSED, 1);
		return true;
	}
	memcpy(s->buf + ((uint64_t)off - s->base), bytes.p, bytes.size);
	s->cont = s->top = end;
	return true;
}
