/*
 * One worker: the packet's whole way is worker_frame().
 *
 * Everything it needs is sized at start.  What it brings forth goes into its ring (emit.c): records and EVE lines,
 * formatted there so that formatting scales with the workers.
 */
#include "engine/worker_own.h"

#include <stdlib.h>

#define ENDED_SORT_MAX 4096 /* flows that end at one moment and are put in order */
#define COSTS_EVERY (5 * NS_PER_S)

/* ---- counters ---- */

static void
publish(struct worker *w, unsigned at, const uint64_t *counts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		count_set(&w->mine->count[at + i], counts[i]);
}

static void
publish_stages(struct worker *w)
{
	const struct stages *s = &w->stages;
	uint64_t scan = detect_scan_ns(w->detect);

	if (scan > s->ns[STAGE_DETECT])
		scan = s->ns[STAGE_DETECT];
	w->count[ENGINE_STAGE_CAPTURE] = s->ns[STAGE_CAPTURE] * STAGE_EVERY;
	w->count[ENGINE_STAGE_DECODE] = s->ns[STAGE_DECODE] * STAGE_EVERY;
	w->count[ENGINE_STAGE_FLOW] = s->ns[STAGE_FLOW] * STAGE_EVERY;
	w->count[ENGINE_STAGE_APP] = s->ns[STAGE_APP] * STAGE_EVERY;
	w->count[ENGINE_STAGE_PREFILTER] = scan * STAGE_EVERY;
	w->count[ENGINE_STAGE_EVALUATE] = (s->ns[STAGE_DETECT] - scan) * STAGE_EVERY;
	w->count[ENGINE_STAGE_OUTPUT] = s->ns[STAGE_OUTPUT] * STAGE_EVERY;
}

void
worker_publish_counts(struct worker *w)
{
	w->count[ENGINE_MEMORY_REFUSED] = pool_refused(w->pool);
	w->count[ENGINE_MEMORY_USED] = pool_used(w->pool);
	w->count[ENGINE_BATCH_FULL] = w->batch.arena.refused;
	publish(w, AT_DECODE, decode_counts(w->decode), DECODE_COUNT);
	publish(w, AT_FLOW, flow_counts(w->flows), FLOW_COUNT);
	publish(w, AT_APP, app_counts(w->app), APP_COUNT);
	publish(w, AT_DETECT, detect_counts(w->detect), DETECT_COUNT);
	publish(w, AT_INDICATE, indicate_counts(w->indicate), INDICATE_COUNT);
	publish(w, AT_EVIDENCE, evidence_counts(w->evidence), EVIDENCE_COUNT);
	publish_stages(w);
	publish(w, AT_ENGINE, w->count, ENGINE_COUNT);
	count_set(&w->mine->time, w->now);
}

/* The costliest rules: their list is long to look through. */
static void
publish_costs(struct worker *w)
{
	struct detect_cost cost[COSTS_MAX];
	unsigned count = detect_costs(w->detect, cost, COSTS_MAX);

	memcpy(w->mine->cost, cost, count * sizeof(cost[0]));
	__atomic_store_n(&w->mine->cost_count, count, __ATOMIC_RELEASE);
}

/* What app has to keep: for the rules, for the log, for the store. */
static struct app_wants
wants_of(const struct conf *conf, const struct ruleset *set, const struct watch *watch, size_t *ret_history)
{
	struct app_wants wants = {0};

	ruleset_wants(set, &wants, ret_history);
	if (watch_wants_files(watch))
		wants.digests |= DIGEST_SHA256;
	if (conf->files_hashes != 0)
		wants.digests |= conf->files_hashes == 1 ? DIGEST_SHA256 : DIGEST_MD5 | DIGEST_SHA1 | DIGEST_SHA256;
	if (conf->files_store) {
		wants.content = true;
		wants.digests |= DIGEST_SHA256;
	}
	wants.magic = wants.magic || conf->files_magic;
	return wants;
}

/* ---- the packet's way ---- */

/* What no parser can make sense of may still be of interest to rules; what a parser calls encrypted is not. */
static bool
wants_more(const struct worker *w, const struct flow *flow, enum cc_dir dir)
{
	return !app_enough(flow, dir) || (w->streams && app_failed(flow));
}

/* True: client and server have changed places. */
static bool
feed_chunks(struct worker *w, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;
	bool turned = false;

	while (flow_next_chunk(w->flows, flow, pkt, &chunk) == CC_OK) {
		stage_end(&w->stages, STAGE_FLOW);
		app_feed(w->app, flow, pkt, &chunk, &w->batch);
		if (chunk.turn) { /* at most once in a flow's life */
			flow_turn(w->flows, flow, &chunk);
			detect_turn(flow);
			turned = true;
			app_feed(w->app, flow, pkt, &chunk, &w->batch);
		}
		stage_end(&w->stages, STAGE_APP);
		detect_stream(w->detect, flow, pkt, &chunk, &w->batch);
		stage_end(&w->stages, STAGE_DETECT);
		if (!chunk.datagram && !wants_more(w, flow, chunk.dir))
			flow_ignore(w->flows, flow, chunk.dir);
	}
	return turned;
}

static void
end_flow(struct worker *w, struct flow *flow)
{
	uint64_t sub = flow->first_seq;

	feed_chunks(w, flow, NULL);
	app_finish(w->app, flow, &w->batch);
	detect_run(w->detect, flow, NULL, CC_TO_SERVER, &w->batch);
	worker_emit(w, flow, NULL, sub);
	worker_emit_flow(w, flow, sub);
	worker_note_seen(w, flow);
	detect_flow_free(w->detect, flow);
	app_flow_free(w->app, flow);
	flow_free(w->flows, flow);
}

static int
by_first_packet(const void *a, const void *b)
{
	const struct flow *x = *(struct flow *const *)a, *y = *(struct flow *const *)b;

	return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

/* Flows that end at one moment go out in the order of their first packets, as the courier merges them. */
static void
end_flows(struct worker *w)
{
	struct flow *flow = flow_next_ended(w->flows);
	size_t count;

	while (flow != NULL) {
		for (count = 0; flow != NULL && count < ENDED_SORT_MAX; flow = flow_next_ended(w->flows))
			w->ended[count++] = flow;
		if (count > 1)
			qsort(w->ended, count, sizeof(struct flow *), by_first_packet);
		for (size_t i = 0; i < count; i++)
			end_flow(w, w->ended[i]);
	}
}

/* Rules see each packet of a tunnel: what carries, and what is carried. */
static void
inspect_outer(struct worker *w, const struct packet *pkt, const struct flow *flow, enum cc_dir dir)
{
	bool first = flow->stray || flow->side[dir].packets <= 1;

	for (unsigned level = 0; level + 1 < pkt->ip_count; level++) {
		decode_outer(pkt, level, &w->outer);
		detect_outer(w->detect, &w->outer, first, &w->batch);
		worker_emit(w, NULL, &w->outer, 0);
	}
}

static bool
any_bit(const uint64_t *bits, size_t count)
{
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all |= bits[i];
	return all != 0;
}

/* The first frame of all: several workers that listen have one each. */
static void
note_first(struct shared *shared, uint64_t time)
{
	uint64_t was = __atomic_load_n(&shared->first_time, __ATOMIC_RELAXED);

	while ((was == 0 || time < was) &&
	       !__atomic_compare_exchange_n(&shared->first_time, &was, time, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void
frame_go(struct worker *w, const struct frame *frame)
{
	struct packet *pkt = &w->pkt;
	struct flow *flow;
	enum cc_dir dir;

	w->key = key_frame(frame->seq);
	w->now = frame->time;
	if (frame->seq == 1)
		note_first(w->shared, frame->time);
	if (decode_frame(w->decode, frame, pkt) != CC_OK) { /* decode has counted why */
		stage_end(&w->stages, STAGE_DECODE);
		detect_odd(w->detect, pkt, &w->batch);
		stage_end(&w->stages, STAGE_DETECT);
		worker_emit_odd(w, NULL, pkt, NULL);
		worker_emit(w, NULL, pkt, 0);
		return;
	}
	stage_end(&w->stages, STAGE_DECODE);
	flow = flow_track(w->flows, pkt, &dir);
	stage_end(&w->stages, STAGE_FLOW);
	evidence_keep(w->evidence, flow, frame);
	if (pkt->ip_count > 1)
		inspect_outer(w, pkt, flow, dir);
	if (decode_last_fragment(pkt, &w->outer)) {
		detect_outer(w->detect, &w->outer, true, &w->batch);
		worker_emit(w, NULL, &w->outer, 0);
	}
	stage_end(&w->stages, STAGE_DETECT);
	if (feed_chunks(w, flow, pkt))
		dir = cc_dir_other(dir);
	if (pkt->cut)
		detect_odd(w->detect, pkt, &w->batch);
	else
		detect_run(w->detect, flow, pkt, dir, &w->batch);
	stage_end(&w->stages, STAGE_DETECT);
	if (any_bit(pkt->events, sizeof(pkt->events) / sizeof(uint64_t)) ||
	    any_bit(flow_packet_events(w->flows), sizeof(flow->events) / sizeof(uint64_t)))
		worker_emit_odd(w, flow, pkt, flow_packet_events(w->flows));
	w->frame = frame;
	worker_emit(w, flow, pkt, 0);
	w->frame = NULL;
	stage_end(&w->stages, STAGE_OUTPUT);
	end_flows(w);
}

void
worker_frame(void *worker, const struct frame *frame)
{
	struct worker *w = worker;
	bool timed = stages_open(&w->stages);

	if (timed)
		detect_timed(w->detect, true);
	frame_go(w, frame);
	if (timed) {
		detect_timed(w->detect, false);
		stage_end(&w->stages, STAGE_FLOW); /* flows that have ended */
		w->stages.ended = w->stages.began;
		w->stages.began = 0;
	}
}

void
worker_note(struct worker *w, const struct frame *frame)
{
	decode_note(w->decode, frame);
}

static void
collect_scans(struct worker *w, bool wait)
{
	while (detect_collect(w->detect, wait, &w->batch) == CC_OK)
		worker_emit(w, NULL, NULL, 0);
}

/* What other threads made ready is taken up here, between two packets. */
static void
take_up(struct worker *w)
{
	struct ruleset *offered = __atomic_load_n(&w->offered, __ATOMIC_ACQUIRE);
	const struct watch *watch = __atomic_load_n(&w->offered_watch, __ATOMIC_ACQUIRE);
	struct app_wants wants;
	size_t history = 0;

	if (offered == w->set && watch == w->watch)
		return;
	wants = wants_of(w->conf, offered, watch, &history);
	app_want(w->app, &wants);
	if (offered != w->set) {
		flows_keep_history(w->flows, history);
		w->streams = history > 0;
		detect_switch(w->detect, offered);
		indicate_switch(w->indicate, offered);
		w->count[ENGINE_RELOADS]++;
		__atomic_store_n(&w->set, offered, __ATOMIC_RELEASE);
	}
	detect_watch(w->detect, watch);
	__atomic_store_n(&w->watch, watch, __ATOMIC_RELEASE);
}

void
worker_tick(struct worker *w, uint64_t key, uint64_t now)
{
	w->key = key;
	w->now = now;
	take_up(w);
	decode_tick(w->decode, now);
	flow_tick(w->flows, now);
	end_flows(w);
	collect_scans(w, false);
	if (w->seen != NULL && seen_due(w->seen, now))
		worker_push_seen(w);
	if (w->live && now >= w->costs_due) {
		publish_costs(w);
		w->costs_due = now + COSTS_EVERY;
	}
	worker_publish_counts(w);
	worker_promise(w, key + 1);
}

void
worker_interface(struct worker *w, uint32_t number, const char *name, uint32_t snaplen)
{
	eve_interface(w->eve, number, name);
	indicate_interface(w->indicate, number, name, snaplen);
}

void
worker_promise(struct worker *w, uint64_t key)
{
	if (key > w->promised) {
		__atomic_store_n(&w->promised, key, __ATOMIC_RELEASE);
		ring_watermark(w->ring, key);
	}
}

void
worker_end(struct worker *w, uint64_t now)
{
	w->key = KEY_END;
	w->now = now;
	w->live = false; /* no packet has to be kept up with any more: from here on a full ring is waited for */
	worker_promise(w, KEY_END);
	flow_end_all(w->flows);
	end_flows(w);
	collect_scans(w, true);
	if (w->seen != NULL)
		worker_push_seen(w);
	publish_costs(w);
	worker_publish_counts(w);
	worker_promise(w, UINT64_MAX);
}

/* ---- from other threads ---- */

void
worker_offer(struct worker *w, struct ruleset *set)
{
	__atomic_store_n(&w->offered, set, __ATOMIC_RELEASE);
}

struct ruleset *
worker_set(const struct worker *w)
{
	return __atomic_load_n(&w->set, __ATOMIC_ACQUIRE);
}

void
worker_offer_watch(struct worker *w, const struct watch *watch)
{
	__atomic_store_n(&w->offered_watch, watch, __ATOMIC_RELEASE);
}

const struct watch *
worker_watch(const struct worker *w)
{
	return __atomic_load_n(&w->watch, __ATOMIC_ACQUIRE);
}

uint64_t
worker_progress(const struct worker *w)
{
	return __atomic_load_n(&w->promised, __ATOMIC_ACQUIRE);
}

/* ---- life ---- */

/* detect asks what other workers may have counted before this moment. */
static void
order_here(void *worker, uint64_t seq)
{
	struct worker *w = worker;

	(void)seq;
	worker_promise(w, w->key);
	w->setup.order(w->setup.order_ctx, w->key);
}

static enum cc_status
worker_build(struct worker *w, char **ret_why)
{
	const struct conf *conf = w->conf;
	unsigned workers = w->shared->workers;
	size_t history = 0;
	struct app_wants wants = wants_of(conf, w->setup.set, w->setup.watch, &history);
	struct detect_setup detect = {.conf = conf, .set = w->setup.set, .thresholds = w->setup.thresholds,
	    .order = w->setup.order != NULL ? order_here : NULL, .order_ctx = w};
	enum cc_status st;

	w->pool = pool_new(conf->memory_limit / workers);
	w->decode = decode_new(conf);
	w->ring = ring_writer(shared_ring(w->shared, w->index), w->shared->ring_size);
	w->ended = calloc(ENDED_SORT_MAX, sizeof(struct flow *));
	if (w->pool == NULL || w->decode == NULL || w->ring == NULL || w->ended == NULL)
		return CC_NOMEM;
	detect.pool = w->pool;
	w->flows = flows_new(conf, w->pool, workers);
	w->app = app_new(conf, w->pool, &wants);
	detect.flows = w->flows;
	detect.app = w->app;
	w->detect = w->flows != NULL && w->app != NULL ? detect_new(&detect) : NULL;
	if (w->flows == NULL || w->app == NULL || w->detect == NULL || batch_open(&w->batch, conf) != CC_OK)
		return CC_NOMEM;
	flows_keep_history(w->flows, history);
	if ((st = indicate_new(conf, w->flows, &w->indicate, ret_why)) != CC_OK ||
	    (st = evidence_new(conf, workers, &w->evidence)) != CC_OK ||
	    (st = eve_new(conf, w->flows, &w->eve, ret_why)) != CC_OK)
		return st;
	if (conf->store_days > 0 && (st = seen_new(conf, &w->seen, ret_why)) != CC_OK)
		return st;
	indicate_switch(w->indicate, w->setup.set);
	detect_watch(w->detect, w->setup.watch);
	w->logs = conf->eve_file[0] != '\0';
	w->logs_flow = w->logs && eve_wants(w->eve, "flow");
	w->logs_anomaly = w->logs && eve_wants(w->eve, "anomaly");
	w->logs_file = w->logs && eve_wants(w->eve, "fileinfo");
	for (unsigned i = 0; i < app_parser_count && i < 64; i++)
		w->logs_app[i] = w->logs && eve_wants(w->eve, cc_event_name(app_parsers[i]));
	w->stores_files = conf->files_store;
	w->streams = history > 0;
	return CC_OK;
}

enum cc_status
worker_new(const struct worker_setup *setup, struct worker **ret_worker, char **ret_why)
{
	struct worker *w = calloc(1, sizeof(*w));
	enum cc_status st;

	*ret_why = NULL;
	if (w == NULL)
		return CC_NOMEM;
	w->setup = *setup;
	w->conf = setup->conf;
	w->shared = setup->shared;
	w->mine = &setup->shared->worker[setup->index];
	w->index = setup->index;
	w->live = setup->live;
	w->set = w->offered = setup->set;
	w->watch = w->offered_watch = setup->watch;
	st = worker_build(w, ret_why);
	if (st != CC_OK) {
		worker_free(w);
		return st;
	}
	*ret_worker = w;
	return CC_OK;
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	eve_free(w->eve);
	evidence_free(w->evidence);
	indicate_free(w->indicate);
	detect_free(w->detect);
	app_free(w->app);
	flows_free(w->flows);
	decode_free(w->decode);
	batch_close(&w->batch);
	pool_free(w->pool);
	ring_close(w->ring);
	seen_free(w->seen);
	free(w->ended);
	free(w);
}
