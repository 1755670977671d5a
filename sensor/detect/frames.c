/*
 * Rules over frames: ranges of a side's bytes that a parser gave a name to.  Each piece of a frame that is shown is
 * scanned, and the rules whose pattern is in it are held against it; a rule is told once of a frame.  What can only be
 * said at a frame's end (endswith, bsize, absence) waits for its last piece.  A worker's; events in, matches out.
 */
#include "detect/own.h"

/* A rule on several kinds of frames: which of its parts have held in earlier frames of the flow. */
static uint32_t
part_of(const struct rule *rule, unsigned segment)
{
	return 1u << 31 | segment << 26 | rule->index;
}

static bool
suits(const struct buffer *buffer, const struct cc_frame *frame)
{
	return buffer->source == SRC_FRAME && buffer->frame_kind == frame->kind &&
	       app_parsers[buffer->frame_parser] == frame->parser;
}

/* Is there something in the segment that these bytes can't tell? */
static bool
can_tell(const struct run *run, const struct segment *segment, const struct frame_piece *piece)
{
	for (unsigned i = 0; i < segment->count; i++) {
		const struct op *op = &run->rule->op[segment->first + i];
		bool negated = (op->flags & OF_NEGATED) != 0;

		if (negated && piece->partial && (op->kind == DO_CONTENT || op->kind == DO_PCRE))
			return false; /* it may have been in what isn't here any more */
		if (piece->cut && ((op->flags & OF_ENDSWITH) != 0 || op->kind == DO_BSIZE))
			return false; /* the end was not seen */
	}
	return true;
}

static bool
frame_holds(struct run *run, const struct segment *segment, const struct buffer *buffer)
{
	const struct frame_piece *piece = run->piece;
	struct slice bytes = slice_of(piece->bytes, piece->size);

	if ((segment->final && !piece->last) || !can_tell(run, segment, piece))
		return false;
	if (buffer->transform_count > 0)
		bytes = buffer_transformed(run->detect, buffer, bytes);
	run->view = (struct view){
	    .bytes = bytes, .whole = piece->last, .base = buffer->transform_count > 0 ? 0 : piece->base};
	if (!program_run(run, segment))
		return false;
	note_place(run, buffer);
	return true;
}

/* The segments of this kind of frame in this one; those of others in frames before it. */
static bool
segments_hold(struct run *run, const struct rule *rule)
{
	struct flow_state *state = run->flow->detect;
	bool all = true;

	for (unsigned i = 0; i < rule->segment_count; i++) {
		const struct segment *segment = &rule->segment[i];
		const struct buffer *buffer = &run->detect->set->buffer[segment->buffer];
		bool here = suits(buffer, run->frame);

		if (here ? !frame_holds(run, segment, buffer)
			 : buffer->source != SRC_FRAME && segment_holds(run, segment) != YES)
			return false;
		if (!here && buffer->source == SRC_FRAME)
			all = all && state != NULL && list_has(&state->payload, part_of(rule, i));
	}
	return all;
}

static void
parts_note(struct run *run, const struct rule *rule)
{
	struct flow_state *state = rule->frame_kinds > 1 ? flow_state_take(run->detect, run->flow) : NULL;

	for (unsigned i = 0; state != NULL && i < rule->segment_count; i++) {
		const struct segment *segment = &rule->segment[i];
		const struct buffer *buffer = &run->detect->set->buffer[segment->buffer];

		if (suits(buffer, run->frame) && !list_has(&state->payload, part_of(rule, i)) &&
		    frame_holds(run, segment, buffer))
			list_add(run->detect, &state->payload, part_of(rule, i), PENDING_MAX);
	}
}

static bool
was_told(const struct cc_frame *frame, uint32_t rule)
{
	for (unsigned i = 0; i < frame->told_count; i++) {
		if (frame->told[i] == rule)
			return true;
	}
	return false;
}

static void
rule_try(struct run *run, const struct rule *rule)
{
	struct cc_frame *frame = run->frame;

	run->rule = rule;
	run->buffer = NULL;
	run->marked = run->captured = 0;
	if (was_told(frame, rule->index))
		return;
	detect_count_add(run->detect, DETECT_RULES_RUN, 1);
	if (!header_holds(run))
		return;
	parts_note(run, rule);
	run->buffer = NULL;
	if (!segments_hold(run, rule) || !checks_hold(run))
		return;
	if (frame->told_count == APP_FRAME_TOLD) {
		detect_count_add(run->detect, DETECT_CANDIDATES_LOST, 1);
		return;
	}
	frame->told[frame->told_count++] = rule->index;
	alert_rule(run);
}

void
frame_inspect(struct run *run, const struct event *event)
{
	struct detect *detect = run->detect;
	const struct ruleset *set = detect->set;
	const struct frame_piece *piece = event->piece;

	if (run->flow == NULL || piece->size == 0)
		return;
	run->frame = event->frame;
	run->piece = piece;
	run->tx = event->frame->tx;
	run->dir = event->dir;
	if (event->frame->generation != detect->generation) {
		event->frame->generation = detect->generation;
		event->frame->told_count = 0;
	}
	detect_count_add(detect, DETECT_FRAMES, 1);
	candidates_clear(detect);
	detect->ways = detect->way[run->dir];
	for (uint32_t i = 0; i < set->frame_buffer_count; i++) {
		const struct buffer *buffer = &set->buffer[set->frame_buffer[i]];

		if (!suits(buffer, event->frame))
			continue;
		candidates_add_list(detect, buffer->always, buffer->always_count);
		candidates_scan(detect, buffer_mpm(detect, buffer),
		    buffer_transformed(detect, buffer, slice_of(piece->bytes, piece->size)));
	}
	candidates_sort(detect);
	for (uint32_t i = 0; i < detect->candidate_count && !flow_passed(run); i++)
		rule_try(run, &set->rule[detect->candidate[i]]);
	run->frame = NULL;
	run->piece = NULL;
	run->tx = NULL;
}
