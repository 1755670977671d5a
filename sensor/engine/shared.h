/*
 * engine's own: the memory that keeper, inspect and courier share.  Mapped once before the first fork, so that a
 * process that is started again finds it as it was.  The courier takes nothing in it on trust.
 */
#ifndef ENGINE_SHARED_H
#define ENGINE_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"
#include "conf/conf.h"
#include "detect/detect.h"
#include "engine/counts.h"

#define WORKERS_MAX 256

/* Moments are counted by a key: frame n is 2n + 1, the tick before it 2n; so the entries of all rings have one order.
 */
#define KEY_END (UINT64_MAX - 1) /* the moment after the last frame */

static inline uint64_t
key_frame(uint64_t seq)
{
	return 2 * seq + 1;
}

static inline uint64_t
key_tick(uint64_t seq)
{
	return 2 * seq;
}

/* What precedes the bytes of every ring entry: orders entries of the same moment (a flow's first packet number). */
struct entry_head {
	uint64_t sub;
};

#define COSTS_MAX 64 /* rules that a worker tells of */

struct shared_worker {
	uint64_t count[COUNTS_WORKER];
	uint64_t time;       /* of its last packet, ns */
	uint32_t cost_count; /* its costliest rules, now and then; a reader may see them half written */
	struct detect_cost cost[COSTS_MAX];
} __attribute__((aligned(64)));

struct shared {
	size_t size;         /* of the whole mapping */
	unsigned workers;
	size_t ring_size;
	bool live;
	pid_t keeper;        /* whose children the others are, as long as it lives */
	uint32_t closing;    /* inspect, keeper: nothing more will be pushed */
	uint32_t drain;      /* keeper: the daemon stops; deliver what there is, then end */
	uint32_t inspect_ready, courier_ready;
	uint32_t
	    courier_failed;  /* courier: a message of it was logged, and something was lost or could not be written */
	uint64_t first_time; /* of the first packet */
	uint64_t started;    /* time_now() at start */
	uint64_t courier_beat; /* monotonic, moved on at each round of the courier's loop */
	uint64_t courier_starts, inspect_starts;
	uint32_t abandon;    /* keeper: the courier won't come back; don't wait for it */
	uint64_t read_bytes, read_total; /* inspect: how far in the files */
	uint64_t rules_loaded, rules_refused, yara_loaded, reloads; /* inspect */
	uint32_t read_trouble; /* files that were cut or corrupt */
	uint64_t alerts, records, messages, waiting, events; /* courier, for the summary */
	char courier_state[256];
	uint64_t courier_count[EXCHANGE_COUNT];
	uint64_t drops_kernel, drops_interface;
	/* The watch list from partners, courier to inspect: slot version % 2 is the newest; the other is being written.
	 */
	uint64_t list_version;
	struct {
		uint64_t turn, size; /* turn: odd while it is written */
	} list[2];
	size_t list_room;
	struct shared_worker worker[]; /* workers of them, then the rings, then the two lists */
};

struct shared *shared_new(const struct conf *conf, unsigned workers, bool live); /* NULL: no memory */
void shared_free(struct shared *shared);
void *shared_ring(struct shared *shared, unsigned worker);
/* Courier: the list anew.  Inspect: the newest if it is not *version, copied; false: nothing new.  out takes
 * partners.list. */
void shared_list_put(struct shared *shared, struct slice list);
bool shared_list_take(const struct shared *shared, uint64_t *version, struct buf *out);
/* The costliest rules of all workers, a line each. */
void shared_profile(const struct shared *shared, unsigned max, struct buf *out);
/* The latest time that a worker has come to. */
uint64_t shared_time(const struct shared *shared);
/* The sum over all workers, and the courier's, into ret_counts[COUNTS_ALL]. */
void shared_counts(const struct shared *shared, uint64_t *ret_counts);

#endif
