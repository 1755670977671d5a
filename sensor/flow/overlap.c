/*
 * Whose copy counts where segments overlap: by the receiver's system (conf flow.overlap_policy, flow.overlap_hosts).
 *
 * In: where an earlier segment and a new one lay, and the policy.  Out: whether the new bytes replace the earlier ones
 * in what both cover.  The decisions are those of Suricata 7 for each of its host policies, found in Novak and Sturges'
 * "Target-Based TCP Stream Reassembly" (2007) and by its tests.  No state but the table of hosts, read at start.
 */
#include <stdlib.h>

#include "flow/own.h"

/* Which of the six ways to lie over an earlier segment let the new one win. */
enum {
	SAME_START_SAME_END = 1,
	SAME_START_LONGER = 2,
	BEFORE_SHORTER = 4, /* starts before, ends within */
	BEFORE_SAME_END = 8,
	BEFORE_LONGER = 16, /* covers all of it and more on both sides */
	AFTER_LONGER = 32,  /* starts within, ends behind */
};

#define BEFORE (BEFORE_SHORTER | BEFORE_SAME_END | BEFORE_LONGER)
#define SUN (SAME_START_SAME_END | SAME_START_LONGER | BEFORE_SAME_END | BEFORE_LONGER | AFTER_LONGER)

static const uint8_t new_wins[OVERLAP_COUNT] = {
    [OVERLAP_FIRST] = 0,
    [OVERLAP_LAST] = 0xff,
    [OVERLAP_BSD] = BEFORE,
    [OVERLAP_BSD_RIGHT] = BEFORE, /* as Suricata 7.0.10 does, though its sources leave the case out */
    [OVERLAP_LINUX] = BEFORE | SAME_START_LONGER,
    [OVERLAP_OLD_LINUX] = BEFORE | SAME_START_SAME_END | SAME_START_LONGER,
    [OVERLAP_SOLARIS] = SUN,
    [OVERLAP_HPUX10] = BEFORE,
    [OVERLAP_HPUX11] = SUN,
    [OVERLAP_IRIX] = BEFORE,
    [OVERLAP_MACOS] = BEFORE,
    [OVERLAP_VISTA] = 0,
    [OVERLAP_WINDOWS] = BEFORE,
    [OVERLAP_WINDOWS2K3] = BEFORE,
};

bool
overlap_takes_new(enum overlap_policy policy, uint64_t old_at, uint64_t old_end, uint64_t at, uint64_t end)
{
	uint8_t wins = new_wins[policy];
	uint8_t way = 0;

	if (wins == 0 || wins == 0xff)
		return wins != 0;
	if (at == old_at)
		way = end == old_end ? SAME_START_SAME_END : end > old_end ? SAME_START_LONGER : 0;
	else if (at < old_at)
		way = end < old_end ? BEFORE_SHORTER : end == old_end ? BEFORE_SAME_END : BEFORE_LONGER;
	else if (end > old_end)
		way = AFTER_LONGER;
	return (wins & way) != 0;
}

static const char *const policy_word[OVERLAP_COUNT] = {
    "first",
    "last",
    "bsd",
    "bsd_right",
    "linux",
    "old_linux",
    "solaris",
    "hpux10",
    "hpux11",
    "irix",
    "macos",
    "vista",
    "windows",
    "windows2k3",
};

static bool
policy_parse(const char *word, enum overlap_policy *ret_policy)
{
	for (unsigned i = 0; i < OVERLAP_COUNT; i++) {
		if (strcmp(word, policy_word[i]) == 0) {
			*ret_policy = (enum overlap_policy)i;
			return true;
		}
	}
	return false;
}

static int
longest_first(const void *a, const void *b)
{
	const struct host_policy *x = a, *y = b;

	return (int)y->prefix.bits - (int)x->prefix.bits;
}

enum cc_status
overlap_read_hosts(struct flows *flows)
{
	const struct conf_map *map = &flows->conf->flow_overlap_hosts;

	if (map->count == 0)
		return CC_OK;
	flows->hosts = calloc(map->count, sizeof(*flows->hosts));
	if (flows->hosts == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < map->count; i++) {
		struct host_policy *host = &flows->hosts[flows->host_count];

		if (cc_prefix_parse(map->pair[i].key, &host->prefix) != CC_OK ||
		    !policy_parse(map->pair[i].value, &host->policy)) {
			log_warning("flow.overlap_hosts: '%s': '%s' is not a prefix and a policy, left out",
			    map->pair[i].key, map->pair[i].value);
			continue;
		}
		flows->host_count++;
	}
	qsort(flows->hosts, flows->host_count, sizeof(*flows->hosts), longest_first);
	return CC_OK;
}

enum overlap_policy
overlap_of(const struct flows *flows, const struct cc_addr *receiver)
{
	for (size_t i = 0; i < flows->host_count; i++) {
		if (cc_prefix_has(&flows->hosts[i].prefix, receiver))
			return flows->hosts[i].policy;
	}
	return (enum overlap_policy)flows->conf->flow_overlap_policy;
}
