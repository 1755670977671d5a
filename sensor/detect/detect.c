/*
 * One worker's detection: a packet and the events that it brought forth, in; matches, out.  The packet's own rules
 * first, then the stream's (detect_stream() has been called for it), then those of transactions and files, event by
 * event.
 */
#include <stdlib.h>

#include "detect/own.h"

#define PCRE_STACK_MIN 32768
#define PCRE_STACK_MAX 524288

const char *const detect_count_name[DETECT_COUNT] = {
#define COUNT(symbol, name, help) [DETECT_##symbol] = name,
#include "detect/counters.def"
#undef COUNT
};

const uint64_t *
detect_counts(const struct detect *detect)
{
	return detect->counts;
}

/*
 * The way between the two ends, for each direction.  A flow's is found once: it has the ruleset's generation beside it,
 * one up, and 0 stands for none yet.
 */
static void
way_open(struct detect *detect, struct flow *flow, const struct packet *pkt, enum cc_dir dir)
{
	const struct addr_kinds *kinds = &detect->set->kinds;
	unsigned src, dst;

	if (flow != NULL && !flow->stray && (pkt == NULL || pkt->proto == 6 || pkt->proto == 17)) {
		if (flow->detect_way >> 4 != detect->generation + 1) {
			flow->detect_way = (detect->generation + 1) << 4 |
					   way_between(addr_kind(kinds, &flow->side[0].addr),
					       addr_kind(kinds, &flow->side[1].addr));
		}
		src = (flow->detect_way & 15) / KINDS;
		dst = (flow->detect_way & 15) % KINDS;
		dir = CC_TO_SERVER;
	} else if (pkt != NULL && pkt->ip_count > 0) {
		src = addr_kind(kinds, &pkt->src);
		dst = addr_kind(kinds, &pkt->dst);
	} else {
		detect->way[0] = detect->way[1] = WAYS_ALL;
		return;
	}
	detect->way[dir] = (uint16_t)(1u << way_between(src, dst));
	detect->way[cc_dir_other(dir)] = (uint16_t)(1u << way_between(dst, src));
}

void
run_open(struct run *run, struct detect *detect, struct flow *flow, const struct packet *pkt, enum cc_dir dir,
    struct batch *batch)
{
	volatile size_t size =
	    offsetof(struct run, mark); /* of a constant gcc makes `rep stos`, slow to begin: half of this function */

	memset(run, 0, size);
	run->detect = detect;
	run->flow = flow;
	run->pkt = pkt;
	run->dir = run->pkt_dir = dir;
	run->batch = batch;
	run->time = pkt != NULL ? pkt->frame->time : flow != NULL ? flow->last : 0;
	if (flow != NULL && flow->detect != NULL)
		flow_state_take(detect, flow); /* forgets what another ruleset's numbers meant */
	run->seq = pkt != NULL ? pkt->frame->seq : flow != NULL ? flow->last_seq : 0;
	if (run->seq != detect->packet_var_seq) {
		detect->packet_var_count = 0;
		detect->packet_var_seq = run->seq;
	}
	way_open(detect, flow, pkt, dir);
}

static bool
holds(struct run *run, const struct rule *rule)
{
	run->rule = rule;
	run->buffer = NULL;
	run->marked = run->captured = 0;
	detect_count_add(run->detect, DETECT_RULES_RUN, 1);
	if (!header_holds(run) || !checks_hold(run))
		return false;
	for (unsigned i = 0; i < rule->segment_count; i++) {
		if (segment_holds(run, &rule->segment[i]) != YES)
			return false;
	}
	return true;
}

bool
rule_holds(struct run *run, const struct rule *rule)
{
	uint64_t began = profile_begin(run->detect);
	bool held = holds(run, rule);

	if (began != 0)
		profile_end(run->detect, rule, began, held);
	return held;
}

static unsigned
group_of(uint8_t proto)
{
	return proto == 6 ? GROUP_TCP : proto == 17 ? GROUP_UDP : GROUP_OTHER;
}

static void
ip_candidates(struct run *run)
{
	const struct ruleset *set = run->detect->set;
	const struct packet *pkt = run->pkt;
	const uint32_t *list;
	uint32_t count;

	/* Addresses don't change: the first packet of each way tells all. */
	if (run->known_ends ||
	    (run->flow != NULL && !run->flow->stray && run->flow->side[run->dir].packets > 1))
		return;
	candidates_add_list(run->detect, set->ip_any, set->ip_any_count);
	list = addr_lists_find(&set->ip_src, &pkt->src, &count);
	candidates_add_list(run->detect, list, count);
	list = addr_lists_find(&set->ip_dst, &pkt->dst, &count);
	candidates_add_list(run->detect, list, count);
}

static void
packet_candidates(struct run *run)
{
	const struct packet *pkt = run->pkt;
	const struct group *group = &run->detect->set->group[group_of(pkt->proto)][run->dir];
	bool ignored = run->flow != NULL && run->flow->no_payload;
	struct ports ports = {.from = pkt->sport, .to = pkt->dport};

	candidates_sieves(
	    run->detect, &group->packet, &ports, ignored ? slice_of(pkt->payload.p, 0) : pkt->payload, 0, 0);
	/* TCP that no stream is made of: what waits for a stream looks at the packet. */
	if (pkt->proto == 6 && pkt->payload.size > 0 && !ignored &&
	    (run->flow == NULL || run->flow->stray || run->flow->tcp == TCP_NONE))
		candidates_sieves(run->detect, &group->stream, &ports, pkt->payload, 0, 0);
}

/* A transaction's rule: only its part on the payload is asked here, and remembered. */
static void
payload_part(struct run *run, const struct rule *rule)
{
	struct flow_state *state = run->flow != NULL ? flow_state_take(run->detect, run->flow) : NULL;

	run->rule = rule;
	if (state == NULL || !header_holds(run) || list_has(&state->payload, rule->index))
		return;
	for (unsigned i = 0; i < rule->segment_count; i++) {
		if (run->detect->set->buffer[rule->segment[i].buffer].source == SRC_PAYLOAD &&
		    segment_holds(run, &rule->segment[i]) != YES)
			return;
	}
	list_add(run->detect, &state->payload, rule->index, PENDING_MAX);
}

static void
packet_inspect(struct run *run)
{
	struct detect *detect = run->detect;
	const struct packet *pkt = run->pkt;
	uint64_t odd = 0;

	candidates_clear(detect);
	detect->ways = detect->way[run->dir];
	candidates_apps(detect, run->flow, false);
	run->payload = (struct view){.bytes = pkt->payload, .whole = true};
	for (size_t i = 0; i < sizeof(pkt->events) / sizeof(pkt->events[0]); i++)
		odd |= pkt->events[i];
	if (odd != 0)
		candidates_add_list(detect, detect->set->odd, detect->set->odd_count);
	if (pkt->ip_count > 0) {
		ip_candidates(run);
		packet_candidates(run);
	}
	candidates_sort(detect);
	for (uint32_t i = 0; i < detect->candidate_count && !flow_passed(run); i++) {
		const struct rule *rule = &detect->set->rule[detect->candidate[i]];

		if (rule->has_payload && (rule->flow & FLOW_FOLLOWED) != 0 && pkt->proto == 6)
			continue; /* its stream isn't followed */
		if (rule->kind == KIND_TX)
			payload_part(run, rule);
		else if ((pkt->payload.size > 0 || !rule->has_payload) && rule_holds(run, rule))
			alert_rule(run); /* where there are no bytes nothing is said of them, not even what they lack */
	}
}

/* The protocol became known: rules that ask for it alone, for both ways. */
static void
identified(struct run *run)
{
	const struct ruleset *set = run->detect->set;
	enum cc_dir before = run->dir;

	for (unsigned dir = 0; dir < 2; dir++) {
		run->dir = (enum cc_dir)dir;
		for (uint32_t i = 0; i < set->protocol_count && !flow_passed(run); i++) {
			if (rule_holds(run, &set->rule[set->protocol[i]]))
				alert_rule(run);
		}
	}
	run->dir = before;
}

/* A message of one side alone, of which there is nothing on this way. */
static bool
other_ways(const struct cc_tx *tx, enum cc_dir dir)
{
	return tx->parser->one_way && !tx->done[dir] && tx->done[cc_dir_other(dir)];
}

/*
 * A session that ends while it is open: what a protocol's rule asks of any packet is asked once more each way, so that
 * a way that nothing came on since the protocol is known has its answer (and counts are Suricata's).
 */
static void
last_inspect(struct run *run)
{
	const struct ruleset *set = run->detect->set;

	if (run->flow->proto != 6 || (run->flow->tcp != TCP_ESTABLISHED && run->flow->tcp != TCP_CLOSING))
		return;
	for (unsigned dir = 0; dir < 2; dir++) {
		run->dir = (enum cc_dir)dir;
		for (uint32_t i = 0; i < set->last_count && !flow_passed(run); i++) {
			if (rule_holds(run, &set->rule[set->last[i]]))
				alert_rule(run);
		}
	}
}

static void
event_inspect(struct run *run, const struct event *event)
{
	switch (event->kind) {
	case EVENT_UNKNOWN:
		if (run->pkt == NULL) /* it ended before anybody could tell */
			break;
		/* FALLTHROUGH */
	case EVENT_IDENTIFIED:
		identified(run);
		break;
	case EVENT_UPDATE:
		tx_inspect(run, event->tx, event->dir, false, false);
		break;
	case EVENT_SIDE_DONE:
		tx_inspect(run, event->tx, event->dir, true, false);
		break;
	case EVENT_DONE:
		for (int dir = 0; dir < 2; dir++) {
			if (!other_ways(event->tx, (enum cc_dir)dir))
				tx_inspect(run, event->tx, (enum cc_dir)dir, true, true);
		}
		break;
	case EVENT_FILE_DATA:
		file_inspect(run, event->file, false);
		break;
	case EVENT_FILE_DONE:
		file_inspect(run, event->file, true);
		break;
	case EVENT_ANOMALY:
		tx_anomaly(run, event);
		break;
	case EVENT_FRAME:
		frame_inspect(run, event);
		break;
	}
}

void
detect_run(struct detect *detect, struct flow *flow, const struct packet *pkt, enum cc_dir dir, struct batch *batch)
{
	bool first = pkt != NULL && flow != NULL && !flow->stray && flow->side[0].packets + flow->side[1].packets == 1;
	struct run run;

	if (detect->set->rule_count == 0 && batch->event_count == 0 && !first) {
		detect_count_add(detect, DETECT_PACKETS, pkt != NULL);
		return;
	}
	run_open(&run, detect, flow, pkt, dir, batch);
	detect->events = detect->setup.flows != NULL && pkt != NULL ? flow_packet_events(detect->setup.flows) : NULL;
	if (pkt != NULL) {
		detect_count_add(detect, DETECT_PACKETS, 1);
		if (first)
			watch_flow(&run);
		if (!flow_passed(&run))
			packet_inspect(&run);
	}
	for (unsigned i = 0; i < batch->event_count; i++) {
		run.tx = NULL;
		run.file = NULL;
		run.stream = false;
		run.payload = (struct view){0};
		event_inspect(&run, &batch->event[i]);
	}
	if (pkt == NULL && flow != NULL && flow->ended && detect->set->last_count > 0) {
		run.tx = NULL;
		run.file = NULL;
		run.stream = false;
		last_inspect(&run);
	}
	detect->packet_passed = false;
}

void
detect_odd(struct detect *detect, const struct packet *pkt, struct batch *batch)
{
	struct run run;

	run_open(&run, detect, NULL, pkt, CC_TO_SERVER, batch);
	detect->events = NULL;
	packet_inspect(&run);
	detect->packet_passed = false;
}

void
detect_outer(struct detect *detect, const struct packet *pkt, bool first, struct batch *batch)
{
	struct run run;

	if (detect->set->rule_count == 0)
		return;
	run_open(&run, detect, NULL, pkt, CC_TO_SERVER, batch);
	detect->events = NULL;
	/* A tunnel over UDP is a flow of its own, though none is kept of it; over IP each packet is. */
	run.known_ends = pkt->proto == 17 && !first;
	packet_inspect(&run);
	detect->packet_passed = false;
}

enum cc_status
detect_collect(struct detect *detect, bool wait, struct batch *batch)
{
	return yara_collect(detect, wait, batch);
}

/* Scratch for every database of the set. */
static enum cc_status
scratch_make(const struct ruleset *set, hs_scratch_t **scratch)
{
	enum cc_status st = CC_OK;

	for (const struct sieve *s = set->sieve; s != NULL && st == CC_OK; s = s->next) {
		st = mpm_scratch(s->all, scratch);
		if (st == CC_OK)
			st = mpm_scratch(s->head, scratch);
	}
	return st;
}

static enum cc_status
set_take(struct detect *detect, struct ruleset *set)
{
	uint32_t *seen = calloc(set->rule_count + 1u, sizeof(*seen));
	uint32_t *candidate = calloc(set->rule_count + 1u, sizeof(*candidate));
	struct rule_cost *cost = calloc(set->rule_count + 1u, sizeof(*cost));
	hs_scratch_t *scratch = NULL;

	if (seen == NULL || candidate == NULL || cost == NULL || scratch_make(set, &scratch) != CC_OK) {
		free(seen);
		free(candidate);
		free(cost);
		hs_free_scratch(scratch);
		return CC_NOMEM;
	}
	free(detect->seen);
	free(detect->candidate);
	free(detect->cost);
	hs_free_scratch(detect->scratch);
	detect->cost = cost;
	detect->seen = seen;
	detect->candidate = candidate;
	detect->scratch = scratch;
	detect->candidate_count = 0;
	detect->epoch = 0;
	detect->set = set;
	detect->setup.set = set;
	return CC_OK;
}

static enum cc_status
pcre_open(struct detect *detect)
{
	detect->match_data = pcre2_match_data_create(64, NULL);
	detect->match_context = pcre2_match_context_create(NULL);
	detect->jit_stack = pcre2_jit_stack_create(PCRE_STACK_MIN, PCRE_STACK_MAX, NULL);
	if (detect->match_data == NULL || detect->match_context == NULL || detect->jit_stack == NULL)
		return CC_NOMEM;
	pcre2_jit_stack_assign(detect->match_context, NULL, detect->jit_stack);
	pcre2_set_match_limit(detect->match_context, (uint32_t)detect->conf->detect_pcre_match_limit);
	pcre2_set_depth_limit(detect->match_context, (uint32_t)detect->conf->detect_pcre_depth_limit);
	return CC_OK;
}

struct detect *
detect_new(const struct detect_setup *setup)
{
	struct detect *detect = calloc(1, sizeof(*detect));

	if (detect == NULL)
		return NULL;
	detect->setup = *setup;
	detect->conf = setup->conf;
	detect->alerts_max = (unsigned)setup->conf->detect_alerts_max;
	detect->room[0] = malloc(TRANSFORM_ROOM);
	detect->room[1] = malloc(TRANSFORM_ROOM);
	detect->base64 = malloc(TRANSFORM_ROOM);
	if (detect->room[0] == NULL || detect->room[1] == NULL || detect->base64 == NULL ||
	    pcre_open(detect) != CC_OK || set_take(detect, setup->set) != CC_OK ||
	    yara_worker_switch(detect, &detect->yara) != CC_OK) {
		detect_free(detect);
		return NULL;
	}
	return detect;
}

void
detect_free(struct detect *detect)
{
	if (detect == NULL)
		return;
	yara_worker_free(detect->yara);
	hs_free_scratch(detect->scratch);
	pcre2_match_data_free(detect->match_data);
	pcre2_match_context_free(detect->match_context);
	pcre2_jit_stack_free(detect->jit_stack);
	free(detect->seen);
	free(detect->candidate);
	free(detect->cost);
	free(detect->room[0]);
	free(detect->room[1]);
	free(detect->base64);
	free(detect);
}

/* Rules have other numbers in another set: flows and transactions learn it from the generation in their state. */
void
detect_switch(struct detect *detect, struct ruleset *set)
{
	const struct ruleset *old = detect->set;

	if (set_take(detect, set) != CC_OK || yara_worker_switch(detect, &detect->yara) != CC_OK) {
		log_error("no memory for the new rules; the old ones stay");
		if (detect->set != old)
			set_take(detect, (struct ruleset *)(uintptr_t)old);
		return;
	}
	datasets_inherit(set, old);
	detect->generation++;
	detect->carried = set->moved != NULL && set->serial == old->serial + 1;
	if (set->yara != old->yara)
		detect->yara_generation = detect->generation;
	if (set->common->names != old->common->names)
		detect->names_generation = detect->generation;
}

void
detect_watch(struct detect *detect, const struct watch *watch)
{
	detect->live = watch;
}
