/*
 * A flow by hand through every parser and the core around them.  Input: which parser (0: all), UDP, midstream and
 * memory, the server's port, then parts: control byte (side, size of pieces, a gap before, the side's end behind) and
 * the bytes of that side.
 *
 * UDP without a port is ICMP.
 *
 * FUZZ_PARSER=NAME in the environment makes of it the target of that parser: a first byte that is not 0 means that one.
 * Of a parser that is only announced a flow goes before that announces this one, and all parsers are on.
 */
#include "fuzz/sensor.h"

#include "unit/app/announced.h"

#define PIECES 200 /* then the rest at once: thousands of single bytes take long and show nothing new */

struct side {
	struct buf kept; /* not used yet, shown again */
	uint64_t offset;
	bool over;
};

static void
feed(struct sensor *s, struct flow *flow, const struct packet *pkt, struct side *side, struct chunk *chunk,
    struct slice bytes)
{
	uint8_t *copy;

	if (side->over)
		return;
	if (chunk->gap > 0) {
		side->offset += side->kept.size + chunk->gap;
		buf_clear(&side->kept);
	}
	buf_add_slice(&side->kept, bytes);
	copy = fuzz_copy(buf_slice(&side->kept));
	chunk->p = copy;
	chunk->size = side->kept.size;
	chunk->fresh = bytes.size;
	chunk->offset = side->offset;
	app_feed(s->app, flow, pkt, chunk, &s->batch);
	FUZZ_CHECK(chunk->used <= chunk->size);
	detect_stream(s->detect, flow, pkt, chunk, &s->batch);
	detect_run(s->detect, flow, pkt, chunk->dir, &s->batch);
	sensor_batch(s, flow, pkt);
	fuzz_give(copy, side->kept.size);
	if (chunk->used > 0)
		memmove(side->kept.p, side->kept.p + chunk->used, side->kept.size - chunk->used);
	side->kept.size -= chunk->used;
	side->offset += chunk->used;
	side->over = chunk->eof;
}

static void
feed_part(struct sensor *s, struct flow *flow, const struct packet *pkt, struct side *side, uint8_t control,
    struct slice bytes)
{
	static const uint16_t pieces[8] = {65535, 1, 2, 3, 7, 64, 300, 1460};
	size_t piece = pieces[control >> 1 & 7], at = 0, pieces_fed = 0;
	bool datagram = flow->proto != 6;

	while (at < bytes.size) {
		size_t left = bytes.size - at, size = datagram || left < piece || pieces_fed++ == PIECES ? left : piece;
		struct chunk chunk = {.dir = (enum cc_dir)(control & 1), .datagram = datagram};

		if (at == 0 && !datagram && (control & 0x10) != 0)
			chunk.gap = (control & 0x20) != 0 ? 5000 : 11;
		feed(s, flow, pkt, side, &chunk, slice_of(bytes.p + at, size));
		if (datagram) {
			FUZZ_CHECK(side->kept.size == 0);
			side->offset = 0;
		}
		at += size;
	}
	if ((control & 0x40) != 0) {
		struct chunk chunk = {.dir = (enum cc_dir)(control & 1), .datagram = datagram, .eof = true};

		feed(s, flow, pkt, side, &chunk, slice_of(NULL, 0));
	}
}

/* The parser that the input is about; NULL: all are. */
static const struct cc_parser *
parser_of(uint8_t which)
{
	const char *name = getenv("FUZZ_PARSER");
	const struct cc_parser *parser;

	if (name == NULL)
		return which > 0 && which <= app_parser_count ? app_parsers[which - 1] : NULL;
	parser = app_parser_by_name(slice_str(name));
	if (parser == NULL) {
		fprintf(stderr, "FUZZ_PARSER=%s: no such parser\n", name);
		abort();
	}
	return which > 0 || announced_find(name) != NULL ? parser : NULL;
}

/* The flow that announces the one of the input; NULL: nothing does. */
static struct flow *
announce(struct sensor *s, const struct announced *a, struct packet *pkt, struct flow *flow)
{
	static const struct flow none;

	if (a == NULL)
		return NULL;
	*flow = none;
	flow->id = 2;
	flow->proto = pkt->proto = a->proto;
	flow->ip_version = 4;
	flow->established = true;
	flow->last = pkt->frame->time;
	announced_ends(flow, a->client_port, a->port);
	for (size_t i = 0; i < sizeof(a->said) / sizeof(a->said[0]) && a->said[i].size > 0; i++) {
		struct slice text = slice_of(a->said[i].bytes, a->said[i].size);
		struct chunk chunk = {.dir = a->said[i].dir, .datagram = a->proto != 6, .p = text.p, .size = text.size};

		chunk.fresh = text.size;
		app_feed(s->app, flow, pkt, &chunk, &s->batch);
		FUZZ_CHECK(chunk.used == text.size);
		sensor_batch(s, flow, pkt);
	}
	return flow;
}

static void
end_flow(struct sensor *s, struct flow *flow)
{
	app_finish(s->app, flow, &s->batch);
	detect_run(s->detect, flow, NULL, CC_TO_SERVER, &s->batch);
	sensor_batch(s, flow, NULL);
	detect_flow_free(s->detect, flow);
	app_flow_free(s->app, flow);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size);
	uint8_t which = cur_u8(&in), control = cur_u8(&in);
	struct frame frame = {.seq = 1, .time = 1700000000 * NS_PER_S};
	struct packet pkt = {.frame = &frame, .proto = control & 1 ? 17 : 6};
	struct flow flow = {.id = 1, .proto = pkt.proto, .ip_version = 4, .established = true, .last = frame.time};
	struct side side[2] = {{.over = false}};
	const struct cc_parser *parser = parser_of(which);
	const struct announced *a = parser != NULL ? announced_find(parser->name) : NULL;
	struct flow first, *announcer;
	struct slice bytes;
	struct sensor s;

	flow.midstream = (control & 2) != 0;
	flow.side[CC_TO_SERVER].port = 50000;
	flow.side[CC_TO_CLIENT].port = cur_u16(&in);
	if ((control & 1) != 0 && flow.side[CC_TO_CLIENT].port == 0)
		flow.proto = pkt.proto = 1;
	sensor_open(&s, control >> 2, a != NULL ? NULL : parser, sensor_own_rules());
	announcer = announce(&s, a, &pkt, &first);
	if (announcer != NULL) {
		flow.proto = a->proto;
		announced_ends(&flow, ANNOUNCED_CLIENT, ANNOUNCED_SERVER);
	}
	pkt.proto = flow.proto;
	buf_open(&side[0].kept, 1u << 20);
	buf_open(&side[1].kept, 1u << 20);
	while (fuzz_part(&in, &control, &bytes)) {
		frame.time += NS_PER_MS;
		feed_part(&s, &flow, &pkt, &side[control & 1], control, bytes);
	}
	end_flow(&s, &flow);
	if (announcer != NULL)
		end_flow(&s, announcer);
	sensor_close(&s);
	buf_close(&side[0].kept);
	buf_close(&side[1].kept);
	return 0;
}
