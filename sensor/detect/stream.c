/*
 * Rules over the assembled stream.  Each new piece is looked at with detect.stream_window bytes before it.  A match
 * must end in the new piece, so that it is told once; a rule whose pattern was seen but whose other conditions weren't
 * waits until that pattern leaves the window.
 */
#include "detect/own.h"

static struct stream_wait *
wait_find(struct side_state *side, uint32_t rule)
{
	for (uint32_t i = 0; i < side->wait_count; i++) {
		if (side->wait[i].rule == rule)
			return &side->wait[i];
	}
	return NULL;
}

static void
wait_set(struct detect *detect, struct side_state *side, struct stream_wait wait)
{
	struct stream_wait *old = wait_find(side, wait.rule);

	if (old != NULL) {
		*old = wait;
		return;
	}
	if (side->wait_count == side->wait_room) {
		struct stream_wait *more = grow(detect, side->wait, &side->wait_room, sizeof(*more), PENDING_MAX);

		if (more == NULL) {
			detect_count_add(detect, DETECT_CANDIDATES_LOST, 1);
			return;
		}
		side->wait = more;
	}
	side->wait[side->wait_count++] = wait;
}

static void
wait_drop(struct side_state *side, uint32_t rule)
{
	for (uint32_t i = 0; i < side->wait_count; i++) {
		if (side->wait[i].rule == rule) {
			side->wait[i] = side->wait[--side->wait_count];
			return;
		}
	}
}

struct piece { /* what of the stream is looked at */
	struct slice bytes;
	uint64_t base, fresh; /* stream offsets of bytes.p and of the new part */
};

static bool
is_known(const struct flow *flow)
{
	return app_protocol(flow) != NULL || app_failed(flow);
}

/* Holds the rule's payload part, and all else of it, in this piece. */
static bool
stream_holds(struct run *run, const struct rule *rule, const struct piece *piece, uint64_t fresh)
{
	struct slice bytes = piece->bytes;
	size_t new_at = (size_t)(piece->fresh - piece->base);

	if (!rule->takes) { /* nothing to say what is new by: the new part alone */
		run->payload =
		    (struct view){.bytes = slice_of(bytes.p + new_at, bytes.size - new_at), .base = piece->fresh};
		return rule_holds(run, rule);
	}
	run->payload = (struct view){.bytes = bytes, .base = piece->base};
	run->payload.fresh = fresh > piece->base ? (size_t)(fresh - piece->base) : 0;
	return rule_holds(run, rule);
}

/* A transaction's rule: its part on the stream is remembered.  False: it has not held. */
static bool
stream_part(struct run *run, const struct rule *rule, const struct piece *piece, struct flow_state *state)
{
	run->rule = rule;
	run->buffer = NULL;
	run->payload = (struct view){.bytes = piece->bytes, .base = piece->base};
	if (state == NULL || list_has(&state->payload, rule->index))
		return true;
	for (unsigned i = 0; i < rule->segment_count; i++) {
		if (run->detect->set->buffer[rule->segment[i].buffer].source == SRC_PAYLOAD &&
		    segment_holds(run, &rule->segment[i]) != YES)
			return false;
	}
	list_add(run->detect, &state->payload, rule->index, PENDING_MAX);
	return true;
}

static void
rule_try(struct run *run, const struct rule *rule, const struct piece *piece)
{
	struct detect *detect = run->detect;
	struct flow_state *state = run->flow->detect;
	struct stream_wait *wait = state != NULL ? wait_find(&state->side[run->dir], rule->index) : NULL;
	uint64_t end = piece->base + piece->bytes.size;
	uint64_t fresh = wait != NULL ? wait->fresh : piece->fresh;
	bool part = rule->kind == KIND_TX, early = !part && rule->apps != 0 && !is_known(run->flow);

	if (part && stream_part(run, rule, piece, flow_state_take(detect, run->flow))) {
		if (wait != NULL)
			wait_drop(&state->side[run->dir], rule->index);
		return;
	}
	if (!part && !early && stream_holds(run, rule, piece, fresh)) {
		if (wait != NULL)
			wait_drop(&state->side[run->dir], rule->index);
		alert_rule(run);
		return;
	}
	/* Other conditions may come; with one content alone, all of which is looked for, there is nothing to wait for.
	 */
	if (!early && (part ? rule->payload_fast < 0 : rule->fast < 0 || (rule->op_count < 2 && !rule->fast_part)))
		return;
	if (!early && wait == NULL && !header_holds(run))
		return;
	state = flow_state_take(detect, run->flow);
	if (state != NULL) {
		wait_set(detect, &state->side[run->dir],
		    (struct stream_wait){rule->index, wait != NULL ? wait->hit : end, early ? fresh : end});
	}
}

static void
waiting_add(struct run *run, const struct piece *piece)
{
	struct flow_state *state = run->flow->detect;
	struct side_state *side;

	if (state == NULL)
		return;
	side = &state->side[run->dir];
	for (uint32_t i = 0; i < side->wait_count;) {
		if (candidates_have(run->detect, side->wait[i].rule)) /* seen again */
			side->wait[i].hit = piece->base + piece->bytes.size;
		if (side->wait[i].hit < piece->base)
			side->wait[i] = side->wait[--side->wait_count]; /* left the window */
		else
			candidates_add(run->detect, side->wait[i++].rule);
	}
}

static void
piece_inspect(struct run *run, const struct piece *piece)
{
	struct detect *detect = run->detect;
	const struct sieves *sieves = &detect->set->group[GROUP_TCP][run->dir].stream;
	const struct flow_side *side = run->flow->side;
	struct ports ports = {.from = side[run->dir].port, .to = side[cc_dir_other(run->dir)].port};
	size_t fresh = (size_t)(piece->fresh - piece->base);

	candidates_clear(detect);
	detect->ways = detect->way[run->dir];
	candidates_apps(detect, run->flow, !is_known(run->flow));
	candidates_sieves(detect, sieves, &ports, piece->bytes, piece->base, fresh);
	waiting_add(run, piece);
	candidates_sort(detect);
	for (uint32_t i = 0; i < detect->candidate_count && !flow_passed(run); i++)
		rule_try(run, &detect->set->rule[detect->candidate[i]], piece);
}

void
detect_stream(
    struct detect *detect, struct flow *flow, const struct packet *pkt, const struct chunk *chunk, struct batch *batch)
{
	size_t old = chunk->size - chunk->fresh, window;
	struct piece piece;
	struct run run;

	if (chunk->datagram || flow == NULL || flow->stray || flow->no_payload)
		return;
	run_open(&run, detect, flow, pkt, chunk->dir, batch);
	run.stream = true;
	if (flow_passed(&run))
		return;
	detect->events = NULL;
	if (chunk->fresh == 0) { /* the end, perhaps: what waited for more is scanned */
		yara_stream(&run, chunk);
		return;
	}
	detect_count_add(detect, DETECT_CHUNKS, 1);
	/* Bytes before a gap are not before it in the stream. */
	window = chunk->gap > 0 ? old : chunk->before + old;
	if (window > detect->set->stream_window)
		window = detect->set->stream_window;
	piece.bytes = slice_of(chunk->p + old - window, window + chunk->fresh);
	piece.fresh = chunk->offset + old;
	piece.base = piece.fresh - window;
	if (detect->set->has_stream)
		piece_inspect(&run, &piece);
	yara_stream(&run, chunk);
}
