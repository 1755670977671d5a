/* A rule holds: the marks that it sets, thresholds, pass, and the match that goes to the batch. */
#include "detect/own.h"

#define MATCHES_FIRST 16

/* The array lives in the arena, as all of the batch; it doubles up to detect.alerts_max. */
static bool
match_room(struct run *run)
{
	struct batch *batch = run->batch;
	unsigned room = batch->match_room == 0 ? MATCHES_FIRST : batch->match_room * 2;
	struct match **grown;

	if (batch->match_count >= run->detect->alerts_max)
		return false;
	if (batch->match_count < batch->match_room)
		return true;
	grown = arena_alloc(&batch->arena, room * sizeof(struct match *));
	if (grown == NULL)
		return false;
	if (batch->match_count > 0)
		memcpy(grown, batch->match, batch->match_count * sizeof(struct match *));
	batch->match = grown;
	batch->match_room = room;
	return true;
}

struct match *
alert_push(struct run *run)
{
	struct batch *batch = run->batch;
	struct match *match;

	if (!match_room(run) || (match = arena_alloc(&batch->arena, sizeof(*match))) == NULL) {
		detect_count_add(run->detect, DETECT_ALERTS_LOST, 1);
		return NULL;
	}
	*match = (struct match){
	    .flow = run->flow,
	    .dir = run->dir,
	    .tx = run->lone ? NULL : run->tx,
	    .file = run->file,
	    .has_packet = run->pkt != NULL,
	    .stream = run->stream,
	    .buffer = run->buffer != NULL ? run->buffer : "",
	    .offset = UINT64_MAX,
	};
	if (run->buffer != NULL) {
		match->offset = run->offset;
		match->size = run->size;
	}
	batch->match[batch->match_count++] = match;
	detect_count_add(run->detect, DETECT_ALERTS, 1);
	return match;
}

/* What a pass keeps back: the flow, where the rule spoke of more than one packet. */
static void
pass(struct run *run)
{
	struct flow_state *state;

	detect_count_add(run->detect, DETECT_PASSED, 1);
	run->detect->packet_passed = true;
	if (run->rule->kind == KIND_PACKET && !run->stream && run->rule->apps == 0)
		return;
	state = run->flow != NULL ? flow_state_take(run->detect, run->flow) : NULL;
	if (state != NULL)
		state->pass = true;
}

bool
flow_passed(const struct run *run)
{
	const struct flow_state *state = run->flow != NULL ? run->flow->detect : NULL;

	return run->detect->packet_passed || (state != NULL && state->pass);
}

void
alert_rule(struct run *run)
{
	const struct rule *rule = run->rule;
	enum rule_action action;
	struct match *match;

	detect_count_add(run->detect, DETECT_RULES_MATCHED, 1);
	captures_keep(run);
	for (unsigned i = 0; i < rule->check_count; i++) {
		if (rule->check[i].phase == PHASE_POST)
			rule->check[i].test(run, &rule->check[i]);
	}
	if (rule->info.noalert) {
		detect_count_add(run->detect, DETECT_NOALERT, 1);
		return;
	}
	if (is_suppressed(run)) {
		detect_count_add(run->detect, DETECT_SUPPRESSED, 1);
		return;
	}
	if (!threshold_passes(run)) {
		detect_count_add(run->detect, DETECT_THRESHOLD_HELD, 1);
		return;
	}
	action = action_now(run);
	if (rule->info.action == RULE_PASS || action == RULE_PASS) { /* the rule's, or its rate_filter's */
		pass(run);
		return;
	}
	match = alert_push(run);
	if (match == NULL)
		return;
	match->by = MATCH_SIGNATURE;
	match->rule = &rule->info;
	if (action != RULE_ALERT)
		detect_count_add(run->detect, DETECT_ALERTS_DROP, 1);
}
