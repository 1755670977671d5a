/* The rules that the bytes at hand make worth looking at: each once, in the order in which rules act.  A worker's. */
#include <stdlib.h>

#include "detect/own.h"

#define SCAN_LONGEST 1000000 /* ns; what seems to take longer was interrupted, and is left out */

void
candidates_clear(struct detect *detect)
{
	detect->candidate_count = 0;
	if (++detect->epoch == 0) {
		memset(detect->seen, 0, detect->set->rule_count * sizeof(detect->seen[0]));
		detect->epoch = 1;
	}
}

void
candidates_add(void *ctx, uint32_t rule)
{
	struct detect *detect = ctx;

	if ((detect->set->ways[rule] & detect->ways) != 0 && detect->seen[rule] != detect->epoch) {
		detect->seen[rule] = detect->epoch;
		detect->candidate[detect->candidate_count++] = rule; /* room for all rules */
		__builtin_prefetch(&detect->set->rule[rule]); /* in no near cache: one of many thousands */
		__builtin_prefetch((const char *)&detect->set->rule[rule] + 64);
	}
}

bool
candidates_have(const struct detect *detect, uint32_t rule)
{
	return detect->seen[rule] == detect->epoch;
}

void
candidates_add_list(struct detect *detect, const uint32_t *rule, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		candidates_add(detect, rule[i]);
}

static void
scan_timed(struct detect *detect, uint64_t ns)
{
	if (ns < SCAN_LONGEST)
		detect->scan_ns += ns;
}

void
candidates_scan(struct detect *detect, const struct mpm *mpm, struct slice bytes)
{
	uint32_t before = detect->candidate_count;
	uint64_t began = 0;

	if (mpm == NULL || bytes.size == 0)
		return;
	if (detect->timed)
		began = time_monotonic();
	mpm_scan(mpm, detect->scratch, bytes, candidates_add, detect);
	if (detect->timed)
		scan_timed(detect, time_monotonic() - began);
	detect_count_add(detect, DETECT_MPM_RUNS, 1);
	detect_count_add(detect, DETECT_MPM_BYTES, bytes.size);
	detect_count_add(detect, DETECT_MPM_HITS, detect->candidate_count - before);
}

const struct mpm *
buffer_mpm(const struct detect *detect, const struct buffer *buffer)
{
	const struct sieve *sieve = detect->way[0] != WAYS_ALL ? buffer->by_way[__builtin_ctz(detect->way[0])] : NULL;

	return sieve != NULL ? sieve->all : NULL;
}

static inline void
part_scan(struct detect *detect, const struct mpm *mpm, size_t longest, struct slice bytes, size_t fresh)
{
	size_t at = fresh >= longest ? fresh - longest + 1 : 0;

	if (mpm != NULL && at < bytes.size)
		candidates_scan(detect, mpm, slice_of(bytes.p + at, bytes.size - at));
}

static void
sieve_scan(struct detect *detect, const struct sieve *sieve, struct slice bytes, uint64_t base, size_t fresh)
{
	struct slice head = bytes;

	part_scan(detect, sieve->all, sieve->all_longest, bytes, fresh);
	if (sieve->head == NULL)
		return;
	if (bytes.size > sieve->small_size && base + bytes.size > sieve->head_size)
		head.size = base < sieve->head_size ? sieve->head_size - (size_t)base : 0;
	part_scan(detect, sieve->head, sieve->head_longest, head, fresh);
}

static void
sieve_ask(struct detect *detect, const struct sieve *sieve, struct slice bytes, uint64_t base, size_t fresh)
{
	candidates_add_list(detect, sieve->always, sieve->always_count);
	if (bytes.size == 0)
		return;
	sieve_scan(detect, sieve, bytes, base, fresh);
	if ((sieve->bound_apps & detect->apps) == 0)
		return;
	for (const struct sieve *bound = sieve->bound; bound != NULL; bound = bound->more) {
		if ((bound->apps & detect->apps) != 0)
			sieve_scan(detect, bound, bytes, base, fresh);
	}
}

void
candidates_sieves(struct detect *detect, const struct sieves *sieves, const struct ports *ports, struct slice bytes,
    uint64_t base, size_t fresh)
{
	const struct sieve *sieve[] = {way_sieve(sieves, detect->ways), port_sieve(&sieves->by_dport, ports->to),
	    port_sieve(&sieves->by_sport, ports->from)};

	for (unsigned i = 0; i < 3 && bytes.size > 0; i++) {
		if (sieve[i] == NULL)
			continue;
		mpm_fetch(sieve[i]->all);
		mpm_fetch(sieve[i]->head);
	}
	for (unsigned i = 0; i < 3; i++) {
		if (sieve[i] != NULL)
			sieve_ask(detect, sieve[i], bytes, base, fresh);
	}
}

/* Rules for a protocol hold on flows that are known to be of it; early: one that is not known yet may be of any. */
void
candidates_apps(struct detect *detect, const struct flow *flow, bool early)
{
	const struct cc_parser *parser = flow != NULL ? app_protocol(flow) : NULL;

	if (parser == NULL) {
		detect->apps = early ? UINT64_MAX : 0;
		return;
	}
	if (parser != detect->parser) {
		detect->parser = parser;
		detect->app = 0;
		for (unsigned i = 0; i < app_parser_count && i < 64; i++)
			detect->app |= app_parsers[i] == parser ? 1ull << i : 0;
	}
	detect->apps = detect->app;
}

static int
order_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void
candidates_sort(struct detect *detect)
{
	uint32_t *v = detect->candidate;

	for (uint32_t i = 0; i < detect->candidate_count && i < 32; i++)
		__builtin_prefetch(detect->set->rule[v[i]].segment);
	if (detect->candidate_count > 32) {
		qsort(v, detect->candidate_count, sizeof(v[0]), order_compare);
		return;
	}
	for (uint32_t i = 1; i < detect->candidate_count; i++) {
		uint32_t x = v[i], k = i;

		for (; k > 0 && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}
