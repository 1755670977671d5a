/*
 * TCP reassembly as a property: both sides send a text that is known byte by byte; the input chooses sequence numbers,
 * segments, their order, losses, acknowledgements and lies.  Every byte that is handed on must be the one that belongs
 * there, every gap must be stated, and a lie may be told only where a liar spoke.
 */
#include "fuzz/sensor.h"

enum { ANSWER = 1, FIN = 2, LIE = 4, RST = 8, NO_ACK = 16, LAZY = 32, LATER = 64, ACK_ALL = 128 };

struct run {
	struct sensor s;
	struct flow *flow;     /* the one whose handshake was seen */
	uint64_t id;
	uint32_t start[2];     /* sequence number of the first byte */
	uint64_t sent[2];      /* the highest byte sent */
	uint64_t next[2], end[2]; /* what was used and what was shown */
	bool lied[2], over[2];
	bool lazy;             /* half of each chunk is left */
	uint64_t seq;
};

static uint8_t
byte_at(unsigned dir, uint64_t at)
{
	return (uint8_t)(at * 167 + (at >> 8) * 31 + dir * 77);
}

static void
judge(struct run *r, const struct flow *flow, struct chunk *chunk)
{
	unsigned dir = chunk->dir;
	size_t old = chunk->size - chunk->fresh;

	FUZZ_CHECK(chunk->fresh <= chunk->size);
	fuzz_touch(slice_of(chunk->p - chunk->before, chunk->before + chunk->size));
	chunk->used = r->lazy ? chunk->size / 2 : chunk->size;
	if (flow != r->flow || flow->id != r->id)
		return;
	FUZZ_CHECK(!r->over[dir]);
	r->over[dir] = chunk->eof;
	if (chunk->size == 0 && chunk->gap == 0)
		return;
	if (chunk->gap == 0)
		FUZZ_CHECK(chunk->offset == r->next[dir] && chunk->offset + old == r->end[dir]);
	else
		FUZZ_CHECK(chunk->offset >= r->next[dir] + chunk->gap && chunk->offset <= r->end[dir] + chunk->gap);
	for (size_t i = 0; i < chunk->before + chunk->size && !r->lied[dir]; i++)
		FUZZ_CHECK((chunk->p - chunk->before)[i] == byte_at(dir, chunk->offset - chunk->before + i));
	r->next[dir] = chunk->offset + chunk->used;
	r->end[dir] = chunk->offset + chunk->size;
}

static void
take(struct run *r, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;

	while (flow_next_chunk(r->s.flows, flow, pkt, &chunk) == CC_OK)
		judge(r, flow, &chunk);
}

static void
take_ended(struct run *r)
{
	struct flow *flow;

	while ((flow = flow_next_ended(r->s.flows)) != NULL) {
		take(r, flow, NULL);
		flow_free(r->s.flows, flow);
	}
}

static void
send(struct run *r, unsigned dir, uint8_t flags, uint32_t seq, uint32_t ack, struct slice payload)
{
	static const uint8_t host[2][4] = {{10, 1, 0, 1}, {10, 2, 0, 2}};
	struct frame frame = {.time = r->s.now += NS_PER_MS, .seq = ++r->seq, .wire_size = (uint32_t)payload.size + 54};
	struct packet pkt = {.frame = &frame, .ip_count = 1, .src = cc_addr4(host[dir]), .dst = cc_addr4(host[1 - dir]),
	    .sport = dir == 0 ? 40000 : 80, .dport = dir == 0 ? 80 : 40000, .proto = 6, .has_transport = true,
	    .payload = payload, .tcp = {.seq = seq, .ack = ack, .window = 65000, .flags = flags, .wscale = 255}};
	struct flow *flow;
	enum cc_dir way;

	pkt.ip[0] = (struct ip_info){.version = 4, .ttl = 64, .src = pkt.src, .dst = pkt.dst};
	flow = flow_track(r->s.flows, &pkt, &way);
	if (r->flow == NULL) {
		r->flow = flow;
		r->id = flow->id;
	}
	take(r, flow, &pkt);
	take_ended(r);
}

static void
step(struct run *r, uint8_t how, uint32_t at, size_t size)
{
	unsigned dir = how & ANSWER, other = 1 - dir;
	uint8_t text[4096], *copy, flags = (how & NO_ACK) != 0 ? 0 : TCP_ACK;
	uint64_t acked = (how & ACK_ALL) != 0 ? r->sent[other] : r->sent[other] / 2;

	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t)(byte_at(dir, at + i) ^ ((how & LIE) != 0));
	r->lied[dir] |= (how & LIE) != 0 && size > 0;
	if (at + size > r->sent[dir])
		r->sent[dir] = at + size;
	if ((how & FIN) != 0)
		flags |= TCP_FIN;
	if ((how & RST) != 0)
		flags |= TCP_RST;
	if ((how & LATER) != 0)
		r->s.now += 40 * NS_PER_S;
	r->lazy = (how & LAZY) != 0;
	copy = fuzz_copy(slice_of(text, size));
	send(r, dir, flags, r->start[dir] + at, r->start[other] + (uint32_t)acked, slice_of(copy, size));
	fuzz_give(copy, size);
	if ((how & LATER) != 0) {
		flow_tick(r->s.flows, r->s.now);
		take_ended(r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size);
	uint8_t memory = cur_u8(&in);
	struct run r = {.seq = 0};

	r.start[0] = cur_u32(&in);
	r.start[1] = cur_u32(&in);
	sensor_open(&r.s, memory, NULL, sensor_own_rules());
	flows_keep_history(r.s.flows, 64);
	send(&r, 0, TCP_SYN, r.start[0] - 1, 0, slice_of(NULL, 0));
	send(&r, 1, TCP_SYN | TCP_ACK, r.start[1] - 1, r.start[0], slice_of(NULL, 0));
	send(&r, 0, TCP_ACK, r.start[0], r.start[1], slice_of(NULL, 0));
	for (unsigned i = 0; cur_left(&in) >= 5 && i < 400; i++) {
		uint8_t how = cur_u8(&in);
		uint16_t at = cur_u16(&in);

		step(&r, how, at, cur_u16(&in) % 4096);
	}
	flow_end_all(r.s.flows);
	take_ended(&r);
	sensor_close(&r.s);
	return 0;
}
