/* A worker, as its two files know it: the packet's way (worker.c), and what goes into the ring (emit.c). */
#ifndef ENGINE_WORKER_OWN_H
#define ENGINE_WORKER_OWN_H

#include "engine/seen.h"
#include "engine/stages.h"
#include "engine/worker.h"

struct worker {
	const struct conf *conf;
	struct shared *shared;
	struct shared_worker *mine;
	bool live;
	unsigned index;
	uint64_t key, now, promised;
	uint64_t costs_due; /* of the live worker's list of costly rules */
	struct stages stages;

	struct pool *pool;
	struct decode *decode;
	struct flows *flows;
	struct app *app;
	struct detect *detect;
	struct indicate *indicate;
	struct evidence *evidence;
	struct eve *eve;
	struct batch batch;
	struct packet pkt, outer;
	const struct frame *frame; /* at hand; NULL: a flow ends, or a scan is through */
	struct ring *ring;
	struct flow **ended;
	bool logs, logs_flow, logs_anomaly, logs_file; /* alerts are lines in any case: they are counted */
	bool stores_files;
	bool logs_app[64]; /* by parser */
	bool streams;      /* rules want streams that no parser wants */

	struct ruleset *set, *offered;             /* offered: written by the loader thread */
	const struct watch *watch, *offered_watch; /* the same, by the thread of the partners' list */
	struct seen *seen;                         /* NULL: nothing is remembered */
	uint64_t count[ENGINE_COUNT];
	struct worker_setup setup;
};

/* emit.c */
/* Alerts, events and records of the batch, then its end; flow and pkt may be NULL. */
void worker_emit(struct worker *w, struct flow *flow, const struct packet *pkt, uint64_t sub);
/* Anomalies of a packet and of its flow; flow_events may be NULL. */
void worker_emit_odd(
    struct worker *w, const struct flow *flow, const struct packet *pkt, const uint64_t *flow_events);
void worker_emit_flow(struct worker *w, const struct flow *flow, uint64_t sub); /* that it ended */
void worker_note_seen(struct worker *w, const struct flow *flow);
void worker_push_seen(struct worker *w);

#endif
