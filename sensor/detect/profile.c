/*
 * What rules cost: of every PROFILE_EVERY runs of a rule's program, on average, one is timed.  A worker's own; it
 * tells the costliest, for others to add up.
 */
#include <stdlib.h>

#include "base/time.h"
#include "detect/own.h"

/* 0: this run is not looked at.  Gaps vary, so that nothing periodic hides between them. */
uint64_t
profile_begin(struct detect *detect)
{
	if (detect->profile_gap-- > 0)
		return 0;
	detect->profile_seed = detect->profile_seed * 1103515245u + 12345u;
	detect->profile_gap = (detect->profile_seed >> 16) % (2 * PROFILE_EVERY - 1);
	return time_monotonic();
}

void
profile_end(struct detect *detect, const struct rule *rule, uint64_t began, bool held)
{
	struct rule_cost *cost = &detect->cost[rule->index];

	cost->ns += time_monotonic() - began;
	cost->checks++;
	cost->matches += held;
}

unsigned
detect_costs(const struct detect *detect, struct detect_cost *ret_costs, unsigned max)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < detect->set->rule_count; i++) {
		const struct rule_cost *cost = &detect->cost[i];
		const struct rule *rule = &detect->set->rule[i];
		unsigned at = count;

		if (cost->checks == 0 || (count == max && cost->ns * PROFILE_EVERY <= ret_costs[max - 1].ns))
			continue;
		count += count < max;
		for (at = count - 1; at > 0 && ret_costs[at - 1].ns < cost->ns * PROFILE_EVERY; at--)
			ret_costs[at] = ret_costs[at - 1];
		ret_costs[at] = (struct detect_cost){.gid = rule->info.gid,
		    .sid = rule->info.sid,
		    .checks = cost->checks * PROFILE_EVERY,
		    .matches = cost->matches * PROFILE_EVERY,
		    .ns = cost->ns * PROFILE_EVERY};
	}
	return count;
}

void
detect_timed(struct detect *detect, bool on)
{
	detect->timed = on;
}

uint64_t
detect_scan_ns(const struct detect *detect)
{
	return detect->scan_ns;
}
