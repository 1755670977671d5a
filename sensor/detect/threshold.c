/*
 * What counts across flows: threshold, detection_filter, and marks on addresses (xbits).  One table for all workers.
 *
 * Sets of eight places under a lock for each shard; a full set gives the place that was used longest ago.  Before the
 * table is asked, the engine's order() makes workers that read a file take their turns by packet number, so that the
 * answer does not depend on how many they are.
 */
#include <pthread.h>
#include <stdlib.h>

#include "detect/own.h"

#define SHARDS 64
#define WAYS 8

struct threshold_key {
	uint32_t kind;     /* enum threshold_type, or 'x' */
	uint32_t gid, sid; /* or the mark's id */
	uint32_t spare;
	struct cc_addr a, b;
	uint64_t flow;
};

struct threshold_entry {
	struct threshold_key key;
	uint64_t start, last; /* ns; last 0: free */
	uint64_t until;       /* of a mark; of a rate_filter: in force since then, 0: not */
	uint32_t count;
};

struct shard {
	pthread_mutex_t lock;
	uint64_t evicted;
};

struct threshold_table {
	struct shard shard[SHARDS];
	struct threshold_entry *entry;
	size_t sets;
	uint64_t seed;
};

struct threshold_table *
threshold_table_new(const struct conf *conf)
{
	struct threshold_table *table = calloc(1, sizeof(*table));
	size_t sets = SHARDS;

	while (sets * WAYS < conf->detect_threshold_max)
		sets *= 2;
	if (table == NULL)
		return NULL;
	table->sets = sets;
	table->seed = hash_seed();
	table->entry = calloc(sets * WAYS, sizeof(table->entry[0]));
	if (table->entry == NULL) {
		free(table);
		return NULL;
	}
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&table->shard[i].lock, NULL);
	return table;
}

void
threshold_table_free(struct threshold_table *table)
{
	if (table == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&table->shard[i].lock);
	free(table->entry);
	free(table);
}

/* The entry of key, or a free or oldest place for it (*ret_new). The shard is locked. */
static struct threshold_entry *
entry_find(
    struct threshold_table *table, const struct threshold_key *key, uint64_t hash, bool *ret_new, bool *ret_evicted)
{
	struct threshold_entry *set = table->entry + (hash % table->sets) * WAYS, *oldest = set;

	*ret_new = false;
	*ret_evicted = false;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].last != 0 && memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
		if (set[i].last < oldest->last)
			oldest = &set[i];
	}
	*ret_new = true;
	*ret_evicted = oldest->last != 0;
	return oldest;
}

/* Counts one match; true: it may be told. */
static bool
count_one(const struct threshold *threshold, struct threshold_entry *entry, bool fresh, uint64_t now)
{
	bool within = !fresh && now <= entry->start + threshold->seconds * NS_PER_S;

	if (!within) {
		entry->start = now;
		entry->count = 1;
	} else if (entry->count < UINT32_MAX) {
		entry->count++;
	}
	switch (threshold->type) {
	case TH_LIMIT:
		return entry->count <= threshold->count;
	case TH_BOTH:
		return entry->count == threshold->count;
	case TH_FILTER:
		return entry->count > threshold->count;
	default:
		if (entry->count < threshold->count)
			return false;
		entry->count = 0;
		return true;
	}
}

/* Counts one match; true: the other action is in force, from the first match above the count on, for whole seconds. */
static bool
rate_one(const struct threshold *threshold, uint32_t timeout, struct threshold_entry *entry, bool fresh, uint64_t now)
{
	if (!fresh && entry->until != 0) {
		if (now / NS_PER_S - entry->until / NS_PER_S <= timeout)
			return true;
		entry->until = 0; /* this match is not counted */
		return false;
	}
	if (fresh || now > entry->start + threshold->seconds * NS_PER_S) {
		entry->start = now;
		entry->count = 1;
		return false;
	}
	if (++entry->count <= threshold->count)
		return false;
	entry->until = now;
	entry->count = 0;
	return true;
}

void
order_ask(const struct run *run)
{
	if (run->detect->setup.order != NULL)
		run->detect->setup.order(run->detect->setup.order_ctx, run->seq);
}

static bool
threshold_ask(struct run *run, const struct threshold *threshold, uint32_t timeout)
{
	struct threshold_table *table = run->detect->setup.thresholds;
	struct threshold_key key = {.kind = threshold->type, .gid = run->rule->info.gid, .sid = run->rule->info.sid};
	const struct cc_addr *src, *dst;
	struct threshold_entry *entry;
	bool fresh, evicted, told;
	struct shard *shard;
	uint64_t hash;

	if (table == NULL)
		return true;
	run_addresses(run, &src, &dst);
	if (threshold->track == TRACK_SRC || threshold->track == TRACK_BOTH)
		key.a = *src;
	if (threshold->track == TRACK_DST || threshold->track == TRACK_BOTH)
		key.b = *dst;
	if (threshold->track == TRACK_FLOW && run->flow != NULL)
		key.flow = run->flow->id;
	else
		order_ask(run);
	hash = hash64(slice_of(&key, sizeof(key)), table->seed);
	shard = &table->shard[hash % table->sets % SHARDS];
	pthread_mutex_lock(&shard->lock);
	entry = entry_find(table, &key, hash, &fresh, &evicted);
	if (fresh)
		entry->until = 0;
	told = threshold->type == TH_RATE ? rate_one(threshold, timeout, entry, fresh, run->time)
					  : count_one(threshold, entry, fresh, run->time);
	entry->key = key;
	entry->last = run->time != 0 ? run->time : 1;
	pthread_mutex_unlock(&shard->lock);
	if (evicted)
		detect_count_add(run->detect, DETECT_THRESHOLD_EVICTED, 1);
	return told;
}

bool
threshold_passes(struct run *run)
{
	if (run->rule->filter.type != TH_NONE && !threshold_ask(run, &run->rule->filter, 0))
		return false;
	return run->rule->threshold.type == TH_NONE || threshold_ask(run, &run->rule->threshold, 0);
}

bool
is_suppressed(const struct run *run)
{
	const struct cc_addr *src, *dst;

	for (const struct suppress *s = run->rule->suppress; s != NULL; s = s->next) {
		if (s->set == NULL)
			return true;
		if (!run_addresses(run, &src, &dst))
			continue;
		if ((s->track != TRACK_DST && addr_set_has(s->set, src)) ||
		    (s->track != TRACK_SRC && addr_set_has(s->set, dst)))
			return true;
	}
	return false;
}

enum rule_action
action_now(struct run *run)
{
	const struct rate_filter *rate = run->rule->rate;

	if (rate == NULL || !threshold_ask(run, &rate->threshold, rate->timeout))
		return run->rule->info.action;
	return rate->action <= RULE_REJECT ? (enum rule_action)rate->action : RULE_ALERT;
}

bool
shared_bit(struct run *run, unsigned track, uint32_t id, char act, uint32_t seconds)
{
	struct threshold_table *table = run->detect->setup.thresholds;
	struct threshold_key key = {.kind = 'x' + (track << 8), .sid = id};
	const struct cc_addr *src, *dst;
	struct threshold_entry *entry;
	bool fresh, evicted = false, set;
	struct shard *shard;
	uint64_t hash;

	if (table == NULL)
		return false;
	run_addresses(run, &src, &dst);
	if (track != 1)
		key.a = *src;
	if (track != 0)
		key.b = *dst;
	if (track == 2 && cc_addr_cmp(&key.a, &key.b) > 0) {
		key.a = *dst;
		key.b = *src;
	} else if (track == 1) {
		key.a = key.b; /* a mark on a host is the same whichever way it is asked for */
		memset(&key.b, 0, sizeof(key.b));
		key.kind = 'x';
	}
	order_ask(run);
	hash = hash64(slice_of(&key, sizeof(key)), table->seed);
	shard = &table->shard[hash % table->sets % SHARDS];
	pthread_mutex_lock(&shard->lock);
	entry = entry_find(table, &key, hash, &fresh, &evicted);
	set = !fresh && entry->until >= run->time;
	if (act == 's') {
		*entry =
		    (struct threshold_entry){.key = key, .start = run->time, .until = run->time + seconds * NS_PER_S};
		entry->last = run->time != 0 ? run->time : 1;
	} else if (act == 'u' && !fresh) {
		entry->last = 0;
	}
	pthread_mutex_unlock(&shard->lock);
	if (evicted && act == 's')
		detect_count_add(run->detect, DETECT_THRESHOLD_EVICTED, 1);
	return set;
}
