/* All counters of all rooms behind one index. */
#include "engine/counts.h"

#include <string.h>

static const char *const engine_name[ENGINE_COUNT] = {
#define COUNT(symbol, name, help) name,
#include "engine/counters.def"
#undef COUNT
};

const char *
counts_name(unsigned i)
{
	static const struct {
		unsigned at;
		const char *const *names;
	} room[] = {{AT_EXCHANGE, exchange_count_name}, {AT_ENGINE, engine_name}, {AT_EVIDENCE, evidence_count_name},
	    {AT_INDICATE, indicate_count_name}, {AT_DETECT, detect_count_name}, {AT_APP, app_count_name},
	    {AT_FLOW, flow_count_name}, {AT_DECODE, decode_count_name}, {AT_CAPTURE, capture_count_name}};

	for (size_t r = 0; r < sizeof(room) / sizeof(room[0]); r++) {
		if (i >= room[r].at)
			return room[r].names[i - room[r].at];
	}
	return "";
}

void
counts_names(const char **ret_names)
{
	for (unsigned i = 0; i < COUNTS_ALL; i++)
		ret_names[i] = counts_name(i);
}
