/*
 * Rules at work.  Input: memory and a control byte, then parts: the text of a rules file, and Ethernet frames as in
 * packet_fuzz.c that these rules look at.
 */
#include "fuzz/sensor.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur in = cur_of(data, size);
	struct ruleset *set;
	struct slice text;
	struct sensor s;
	uint8_t memory = cur_u8(&in), control;

	if (!fuzz_part(&in, &control, &text))
		return 0;
	set = sensor_rules(text.p, text.size);
	sensor_open(&s, memory, NULL, set);
	sensor_frames(&s, &in, 1);
	sensor_close(&s);
	ruleset_free(set);
	return 0;
}
