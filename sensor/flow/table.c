/*
 * The flow table: slots in one mapping made at start, buckets of chained slots, the order of use, time-outs, ends.
 *
 * In: keys and times.  Out: flows, and the queue of those that have ended.  When flow.max are in use the one that was
 * idle longest makes room.  Order of use and timers are kept lazily: a flow moves to the young end of the list at most
 * once a second, and its timer fires early and is then set to the true time, so that a packet moves neither.  One
 * thread.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "flow/own.h"

#define TICK (100 * NS_PER_MS)
#define MOVE_AGE NS_PER_S       /* a flow that was touched within it stays where it is in the order of use */
#define IDLE_AGE (5 * NS_PER_S) /* then history goes back to the pool */
#define RELIEVE_STEPS 256       /* slots looked at when memory is short */
#define SPARE_MIN 1024

enum { PROTO_TCP = 6, PROTO_UDP = 17 };

static void *
map_zeroed(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_HUGEPAGE); /* flows are met in no order: each would be a page walk */
	return p;
}

static size_t
bucket_bytes(const struct flows *flows)
{
	return ((size_t)flows->bucket_mask + 1) * sizeof(*flows->buckets);
}

struct flows *
flows_new(const struct conf *conf, struct pool *pool, unsigned workers)
{
	struct flows *flows = NULL;
	uint64_t share = conf->flow_max / (workers > 0 ? workers : 1), spare;
	uint32_t mask = 63;

	if (posix_memalign((void **)&flows, 64, sizeof(*flows)) != 0)
		return NULL;
	memset(flows, 0, sizeof(*flows));
	if (share < 64)
		share = 64;
	spare = share / 16 > SPARE_MIN ? share / 16 : SPARE_MIN;
	while (mask < share)
		mask = mask << 1 | 1;
	flows->conf = conf;
	flows->pool = pool;
	flows->flow_max = (uint32_t)share;
	flows->slot_count = (uint32_t)(share + spare);
	flows->bucket_mask = mask;
	flows->hash_seed = hash_seed() | 1;
	flows->stream_budget = conf->flow_stream_total / (workers > 0 ? workers : 1);
	flows->stream_memory = conf->flow_stream_memory;
	flows->stream_depth = conf->flow_stream_depth > 0 ? conf->flow_stream_depth : UINT64_MAX;
	flows->ended_tail = &flows->ended;
	flows->stray.flow.stray = true;
	flows->slots = map_zeroed((size_t)flows->slot_count * sizeof(struct slot));
	flows->buckets = map_zeroed(bucket_bytes(flows));
	flows->ends = map_zeroed(bucket_bytes(flows));
	flows->wheel = wheel_new(0, TICK);
	if (flows->slots == NULL || flows->buckets == NULL || flows->ends == NULL || flows->wheel == NULL ||
	    overlap_read_hosts(flows) != CC_OK) {
		flows_free(flows);
		return NULL;
	}
	return flows;
}

void
flows_free(struct flows *flows)
{
	if (flows == NULL)
		return;
	for (uint32_t i = 0; i < flows->fresh; i++) {
		stream_close(flows, &flows->slots[i].stream[0]);
		stream_close(flows, &flows->slots[i].stream[1]);
	}
	if (flows->slots != NULL)
		munmap(flows->slots, (size_t)flows->slot_count * sizeof(struct slot));
	if (flows->buckets != NULL)
		munmap(flows->buckets, bucket_bytes(flows));
	if (flows->ends != NULL)
		munmap(flows->ends, bucket_bytes(flows));
	wheel_free(flows->wheel);
	free(flows->hosts);
	free(flows);
}

/* ---- finding ---- */

static inline bool
same_ends(const struct key *a, const struct key *b)
{
	return memcmp(a, b, offsetof(struct key, path)) == 0;
}

static inline bool
same_path(const struct path *a, const struct path *b)
{
	return a->vlan == b->vlan && a->tunnel == b->tunnel && a->vlan_count == b->vlan_count;
}

struct slot *
table_find(struct flows *flows, const struct key *key, uint32_t hash)
{
	uint32_t link = flows->buckets[hash & flows->bucket_mask];

	while (link != 0) {
		struct slot *slot = &flows->slots[(link >> 1) - 1];

		if (link & 1) {
			if (slot->other_hash == hash && same_ends(&slot->key, key) &&
			    same_path(&slot->other, &key->path))
				return slot;
			link = slot->other_next;
		} else {
			if (slot->hash == hash && same_ends(&slot->key, key) && same_path(&slot->key.path, &key->path))
				return slot;
			link = slot->next;
		}
	}
	return NULL;
}

static uint32_t
number_of(const struct flows *flows, const struct slot *slot)
{
	return (uint32_t)(slot - flows->slots) + 1;
}

/* Takes a link out of its chain. */
static void
unlink_slot(struct flows *flows, uint32_t hash, uint32_t link, uint32_t next)
{
	uint32_t *at = &flows->buckets[hash & flows->bucket_mask];

	while (*at != link) {
		struct slot *slot = &flows->slots[(*at >> 1) - 1];

		at = *at & 1 ? &slot->other_next : &slot->next;
	}
	*at = next;
}

void
table_note_ends(struct flows *flows, const struct flow *flow, struct hashes hash)
{
	struct slot *slot = slot_of(flow);
	uint32_t *youngest = &flows->ends[hash.ends & flows->bucket_mask];

	slot->ends_hash = hash.ends;
	slot->ends_newer = 0;
	slot->ends_older = *youngest;
	*youngest = number_of(flows, slot);
	if (slot->ends_older != 0)
		flows->slots[slot->ends_older - 1].ends_newer = *youngest;
}

static void
ends_out(struct flows *flows, const struct slot *slot)
{
	if (slot->ends_newer != 0)
		flows->slots[slot->ends_newer - 1].ends_older = slot->ends_older;
	else
		flows->ends[slot->ends_hash & flows->bucket_mask] = slot->ends_older;
	if (slot->ends_older != 0)
		flows->slots[slot->ends_older - 1].ends_newer = slot->ends_newer;
}

/*
 * Mirrors often tag one direction only, and tunnels may number their directions apart.  A packet whose numbers answer
 * exactly what the other side sent belongs to the same session; nobody else's would fit.  Only the youngest flow on
 * these ends is asked, so that nobody can make the search long.
 */
struct slot *
table_answer(struct flows *flows, const struct key *key, struct hashes hash, const struct packet *pkt)
{
	uint32_t number = flows->ends[hash.ends & flows->bucket_mask], *bucket;
	struct slot *slot;

	while (number != 0 && !same_ends(&flows->slots[number - 1].key, key))
		number = flows->slots[number - 1].ends_older;
	if (number == 0)
		return NULL;
	slot = &flows->slots[number - 1];
	if (slot->joined || !tcp_answers(slot, pkt))
		return NULL;
	bucket = &flows->buckets[hash.all & flows->bucket_mask];
	slot->joined = true;
	slot->other = key->path;
	slot->other_hash = hash.all;
	slot->other_next = *bucket;
	*bucket = number << 1 | 1;
	return slot;
}

/* ---- order of use ---- */

static void
order_out(struct flows *flows, struct slot *slot)
{
	if (slot->older != 0)
		flows->slots[slot->older - 1].newer = slot->newer;
	else
		flows->oldest = slot->newer;
	if (slot->newer != 0)
		flows->slots[slot->newer - 1].older = slot->older;
	else
		flows->newest = slot->older;
}

static void
order_in(struct flows *flows, struct slot *slot, uint64_t now)
{
	uint32_t number = number_of(flows, slot);

	slot->moved = now;
	slot->newer = 0;
	slot->older = flows->newest;
	if (flows->newest != 0)
		flows->slots[flows->newest - 1].newer = number;
	else
		flows->oldest = number;
	flows->newest = number;
}

void
table_touch(struct flows *flows, struct flow *flow, uint64_t now)
{
	struct slot *slot = slot_of(flow);

	if (now < slot->moved + MOVE_AGE || slot->newer == 0)
		return;
	order_out(flows, slot);
	order_in(flows, slot, now);
}

/* ---- begin and end ---- */

struct flow *
table_take(struct flows *flows, const struct key *key, uint32_t hash, uint64_t now)
{
	uint32_t *bucket = &flows->buckets[hash & flows->bucket_mask];
	struct slot *slot;

	if (flows->count[FLOW_ACTIVE] >= flows->flow_max) { /* before *bucket is read: the chain may change */
		table_end(flows, &flows->slots[flows->oldest - 1].flow, FLOW_END_EVICTED);
		flow_count(flows, FLOW_EVICTED, 1);
	}
	if (flows->free != NULL) {
		slot = slot_of(flows->free);
		flows->free = flows->free->next;
		memset(slot, 0, sizeof(*slot));
	} else if (flows->fresh < flows->slot_count) {
		slot = &flows->slots[flows->fresh++];
	} else {
		flow_count(flows, FLOW_TABLE_FULL, 1);
		return NULL;
	}
	slot->key = *key;
	slot->hash = slot->flow.hash = hash;
	slot->next = *bucket;
	*bucket = number_of(flows, slot) << 1;
	order_in(flows, slot, now);
	flow_count(flows, FLOW_NEW, 1);
	flow_count(flows, FLOW_ACTIVE, 1);
	if (flows->count[FLOW_ACTIVE_MAX] < flows->count[FLOW_ACTIVE])
		flows->count[FLOW_ACTIVE_MAX] = flows->count[FLOW_ACTIVE];
	return &slot->flow;
}

void
table_end(struct flows *flows, struct flow *flow, enum flow_end end)
{
	struct slot *slot = slot_of(flow);
	uint32_t number = number_of(flows, slot);

	unlink_slot(flows, slot->hash, number << 1, slot->next);
	if (slot->joined)
		unlink_slot(flows, slot->other_hash, number << 1 | 1, slot->other_next);
	if (flow->proto == PROTO_TCP)
		ends_out(flows, slot);
	order_out(flows, slot);
	wheel_cancel(flows->wheel, &flow->timer);
	flow->ended = true;
	flow->end = end;
	flow->next = NULL;
	*flows->ended_tail = flow;
	flows->ended_tail = &flow->next;
	flows->count[FLOW_ACTIVE]--;
	if (end == FLOW_END_TIMEOUT || end == FLOW_END_CLOSED || end == FLOW_END_REUSED)
		flow_count(flows,
		    end == FLOW_END_TIMEOUT  ? FLOW_TIMEOUT
		    : end == FLOW_END_CLOSED ? FLOW_CLOSED
					     : FLOW_REUSED,
		    1);
}

struct flow *
flow_next_ended(struct flows *flows)
{
	struct flow *flow = flows->ended;

	if (flow == NULL)
		return NULL;
	flows->ended = flow->next;
	if (flows->ended == NULL)
		flows->ended_tail = &flows->ended;
	flow->next = NULL;
	return flow;
}

static void
give_back(struct flows *flows, struct flow *flow)
{
	flow->next = flows->free;
	flows->free = flow;
}

void
flow_free(struct flows *flows, struct flow *flow)
{
	struct slot *slot = slot_of(flow);

	if (flow->stray)
		return;
	if (flows->walk.flow == flow)
		flows->walk = (struct walk){.flow = NULL};
	stream_close(flows, &slot->stream[0]);
	stream_close(flows, &slot->stream[1]);
	if (flow->holds > 0)
		slot->freed = true;
	else
		give_back(flows, flow);
}

void
flow_hold(struct flow *flow)
{
	flow->holds++;
}

void
flow_drop(struct flows *flows, struct flow *flow)
{
	if (--flow->holds == 0 && slot_of(flow)->freed)
		give_back(flows, flow);
}

size_t
flow_active(const struct flows *flows)
{
	return flows->count[FLOW_ACTIVE];
}

/* ---- time ---- */

uint64_t
flow_due(const struct flows *flows, const struct flow *flow)
{
	const struct conf *conf = flows->conf;
	uint64_t touched = slot_of(flow)->touched;

	if (flow->proto == PROTO_TCP) {
		if (flow->tcp == TCP_CLOSED || flow->tcp == TCP_RESET)
			return touched + conf->flow_timeout_closed;
		return touched + (flow->established ? conf->flow_timeout_tcp : conf->flow_timeout_new);
	}
	if (flow->proto == PROTO_UDP)
		return touched + (flow->established ? conf->flow_timeout_udp : conf->flow_timeout_new);
	return touched + conf->flow_timeout_other;
}

void
table_arm(struct flows *flows, struct flow *flow)
{
	uint64_t due = flow_due(flows, flow) + 1; /* at its due time itself a flow is still alive */

	if (flow->timer.link == NULL || flow->timer.due > due)
		wheel_set(flows->wheel, &flow->timer, due);
}

static bool
comes_before(const struct flow *a, const struct flow *b)
{
	if (a->timer.due != b->timer.due)
		return a->timer.due < b->timer.due;
	return a->first_seq < b->first_seq;
}

static struct flow *
merge(struct flow *a, struct flow *b)
{
	struct flow *list = NULL, **tail = &list;

	while (a != NULL && b != NULL) {
		struct flow **least = comes_before(b, a) ? &b : &a;

		*tail = *least;
		tail = &(*least)->next;
		*least = *tail;
	}
	*tail = a != NULL ? a : b;
	return list;
}

/* Merge sort of a list, bottom-up: run[i] holds 2^i flows or none. */
static struct flow *
sort(struct flow *list)
{
	struct flow *run[32] = {NULL}, *one;
	unsigned i;

	while (list != NULL) {
		one = list;
		list = list->next;
		one->next = NULL;
		for (i = 0; run[i] != NULL; i++) {
			one = merge(run[i], one);
			run[i] = NULL;
		}
		run[i] = one;
	}
	one = NULL;
	for (i = 0; i < 32; i++)
		one = merge(run[i], one);
	return one;
}

static enum flow_end
end_of(const struct flow *flow)
{
	return flow->tcp == TCP_CLOSED || flow->tcp == TCP_RESET ? FLOW_END_CLOSED : FLOW_END_TIMEOUT;
}

void
flow_tick(struct flows *flows, uint64_t now)
{
	struct flow *list = NULL, *next;
	struct wheel_node *node;

	if (now > flows->now)
		flows->now = now;
	while ((node = wheel_expire(flows->wheel, flows->now)) != NULL) {
		struct flow *flow = (struct flow *)((uintptr_t)node - offsetof(struct flow, timer));
		uint64_t due = flow_due(flows, flow);

		if (due >= flows->now) {
			if (slot_of(flow)->touched + IDLE_AGE < flows->now) {
				stream_idle(flows, &slot_of(flow)->stream[0]);
				stream_idle(flows, &slot_of(flow)->stream[1]);
			}
			wheel_set(flows->wheel, node, due + 1);
			continue;
		}
		node->due = due;
		flow->next = list;
		list = flow;
	}
	for (list = sort(list); list != NULL; list = next) {
		next = list->next;
		table_end(flows, list, end_of(list));
	}
}

void
flow_end_all(struct flows *flows)
{
	struct flow *list = NULL, *next;

	for (uint32_t at = flows->oldest; at != 0; at = flows->slots[at - 1].newer) {
		struct flow *flow = &flows->slots[at - 1].flow;

		wheel_cancel(flows->wheel, &flow->timer);
		flow->timer.due = 0;
		flow->next = list;
		list = flow;
	}
	for (list = sort(list); list != NULL; list = next) {
		next = list->next;
		table_end(flows, list, FLOW_END_SHUTDOWN);
	}
}

/* Memory is short: buffers in which nothing waits go, those of flows that were idle for a second. */
void
table_relieve(struct flows *flows, size_t size)
{
	for (unsigned i = 0; i < RELIEVE_STEPS && flows->fresh > 0; i++) {
		struct slot *slot = &flows->slots[flows->hand < flows->fresh ? flows->hand : 0];

		flows->hand = flows->hand + 1 < flows->fresh ? flows->hand + 1 : 0;
		if (slot->touched + MOVE_AGE > flows->now)
			continue;
		stream_idle(flows, &slot->stream[0]);
		stream_idle(flows, &slot->stream[1]);
		if (flows->count[FLOW_MEMORY] + size <= flows->stream_budget)
			return;
	}
}

void
flows_keep_history(struct flows *flows, size_t size)
{
	flows->history = size;
}

const uint64_t *
flow_counts(const struct flows *flows)
{
	return flows->count;
}

const uint64_t *
flow_packet_events(const struct flows *flows)
{
	return flows->packet_events;
}
