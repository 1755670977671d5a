/*
 * Frames through the whole of a worker's way.  Input: linktype and memory in one byte each, then parts: control byte
 * (how much later it comes, how much of the frame the snap length cut off) and the frame.
 */
#include "fuzz/sensor.h"

static const uint16_t linktypes[] = {1, 0, 12, 101, 105, 108, 113, 127, 228, 229, 276, 14, 9, 50, 117, 163};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size);
	uint16_t linktype = linktypes[cur_u8(&in) % (sizeof(linktypes) / sizeof(linktypes[0]))];
	struct sensor s;

	sensor_open(&s, cur_u8(&in), NULL, sensor_own_rules());
	sensor_frames(&s, &in, linktype);
	sensor_close(&s);
	return 0;
}
