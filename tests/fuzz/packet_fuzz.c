/*
 * Frames through the whole of a worker's way.  Input: linktype and memory in one byte each, then parts: control byte (how
 * much later it comes, how much of the frame the snap length cut off) and the frame.
 */
#include "fuzz/sensor.h"

static const uint16_t linktypes[] = {1, 0, 12, 101, 105, 108, 113, 127, 228, 229, 276, 14, 9, 50, 117, 163};

static void
run_frame(struct sensor *s, const struct frame *frame)
{
	struct packet pkt;
	struct flow *flow;
	enum cc_dir dir;

	FUZZ_CHECK(decode_spread(frame) == decode_spread(frame));
	if (decode_frame(s->decode, frame, &pkt) != CC_OK) {
		sensor_odd(s, NULL, &pkt, NULL);
		return;
	}
	FUZZ_CHECK(pkt.layer_count <= DECODE_LAYERS_MAX && pkt.ip_count <= DECODE_IP_MAX && pkt.vlan_count <= DECODE_VLAN_MAX);
	for (unsigned i = 0; i < pkt.ip_count; i++)
		fuzz_touch(pkt.ip[i].header), fuzz_touch(pkt.ip[i].payload);
	fuzz_touch(pkt.l4), fuzz_touch(pkt.payload), fuzz_touch(pkt.link);
	(void)decode_ip_checksum_ok(&pkt);
	(void)decode_l4_checksum_ok(&pkt);
	flow = flow_track(s->flows, &pkt, &dir);
	sensor_chunks(s, flow, &pkt);
	sensor_odd(s, flow, &pkt, flow_packet_events(s->flows));
	sensor_batch(s, flow, &pkt);
	sensor_end_flows(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t later[4] = {NS_PER_MS, 0, 10 * NS_PER_S, 700 * NS_PER_S};
	struct cur in = cur_of(data, size);
	uint16_t linktype = linktypes[cur_u8(&in) % (sizeof(linktypes) / sizeof(linktypes[0]))];
	struct slice bytes;
	struct sensor s;
	uint8_t control;

	sensor_open(&s, cur_u8(&in), NULL);
	for (uint64_t seq = 1; fuzz_part(&in, &control, &bytes) && seq < 64; seq++) {
		uint8_t *copy = fuzz_copy(bytes);
		uint32_t cut = (uint32_t)(control >> 2) * 8;
		struct frame frame = {.p = copy, .size = (uint32_t)bytes.size, .wire_size = (uint32_t)bytes.size + cut, .seq = seq,
		    .linktype = linktype};

		frame.time = s.now += later[control & 3];
		run_frame(&s, &frame);
		fuzz_give(copy, bytes.size);
		decode_tick(s.decode, s.now);
		flow_tick(s.flows, s.now);
		sensor_end_flows(&s);
	}
	sensor_close(&s);
	return 0;
}
