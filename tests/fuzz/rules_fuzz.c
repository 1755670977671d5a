/* A file of signature rules: each is loaded or refused with a line that says why, and what is loaded can be used. */
#include "fuzz/sensor.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset *set = sensor_rules(data, size);
	struct app_wants wants;
	size_t history;

	fuzz_touch(slice_of(ruleset_digest(set), 32));
	ruleset_wants(set, &wants, &history);
	ruleset_free(set);
	return 0;
}
