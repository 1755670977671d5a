/*
 * Rules over transactions and files.  Values are scanned for patterns once, as they come; a rule whose pattern was seen
 * is held against the transaction until all of its conditions can be answered, and is told at most once for each side.
 */
#include "detect/own.h"

static uint32_t
entry_of(uint32_t rule, enum cc_dir dir)
{
	return rule << 1 | (uint32_t)dir;
}

static unsigned
parser_index(const struct cc_parser *parser)
{
	unsigned i = 0;

	while (i < app_parser_count && app_parsers[i] != parser)
		i++;
	return i;
}

/* Candidates become pending entries of each way that they are for. */
static void
pend(struct run *run, struct tx_state *state, bool files)
{
	struct detect *detect = run->detect;

	for (uint32_t i = 0; i < detect->candidate_count; i++) {
		const struct rule *rule = &detect->set->rule[detect->candidate[i]];

		for (unsigned dir = 0; dir < 2; dir++) {
			uint32_t entry = entry_of(rule->index, (enum cc_dir)dir);

			if ((rule->dirs & dir_bit((enum cc_dir)dir)) == 0 || (files && dir != (unsigned)run->dir) ||
			    (detect->set->ways[rule->index] & detect->way[dir]) == 0)
				continue;
			if (!list_has(&state->pending, entry) && !list_has(&state->fired, entry))
				list_add(detect, &state->pending, entry, PENDING_MAX);
		}
	}
}

/* Patterns in the values that have come since the last look. */
static void
values_scan(struct run *run, struct cc_tx *tx, struct tx_state *state)
{
	struct detect *detect = run->detect;
	const struct ruleset *set = detect->set;
	unsigned parser = parser_index(tx->parser);

	if (parser >= 64 || set->by_field[parser] == NULL)
		return;
	candidates_clear(detect);
	detect->ways = detect->way[0] | detect->way[1];
	for (; state->scanned < tx->count; state->scanned++) {
		const struct cc_value *value = &tx->value[state->scanned];
		const struct field_buffers *buffers = &set->by_field[parser][value->field];

		for (unsigned i = 0; i < buffers->count; i++) {
			const struct buffer *buffer = &set->buffer[set->field_buffer[buffers->first + i]];

			const struct mpm *mpm = buffer_mpm(detect, buffer);

			candidates_add_list(detect, buffer->always, buffer->always_count);
			if (mpm != NULL && tx->parser->fields[value->field].type == CC_BYTES)
				candidates_scan(detect, mpm,
				    buffer_transformed(detect, buffer, slice_of(value->bytes, value->size)));
		}
	}
	candidates_sort(detect);
	pend(run, state, false);
}

/* All segments; those of files only when a file is at hand. */
static enum verdict
verdict_of(struct run *run, const struct rule *rule)
{
	enum verdict verdict = YES;

	run->rule = rule;
	run->buffer = NULL;
	run->marked = run->captured = 0;
	detect_count_add(run->detect, DETECT_RULES_RUN, 1);
	if (!header_holds(run))
		return rule->flow != 0 && !run->final ? NOT_YET : NO;
	for (unsigned i = 0; i < rule->segment_count; i++) {
		enum verdict one = segment_holds(run, &rule->segment[i]);

		if (one == NO)
			return NO;
		if (one == NOT_YET)
			verdict = NOT_YET;
	}
	if (rule->filed && run->file == NULL)
		return run->final ? NO : NOT_YET;
	if (verdict == YES && !checks_hold(run))
		return run->final || !rule->state ? NO : NOT_YET;
	return verdict;
}

static enum verdict
rule_verdict(struct run *run, const struct rule *rule)
{
	uint64_t began = profile_begin(run->detect);
	enum verdict verdict = verdict_of(run, rule);

	if (began != 0)
		profile_end(run->detect, rule, began, verdict == YES);
	return verdict;
}

static bool
on_file(const struct rule *rule)
{
	return rule->has_file || rule->filed;
}

/* Its pattern is in a value: each file of the transaction is asked, not only the one that brought it up. */
static bool
outlives_file(const struct detect *detect, const struct rule *rule)
{
	return rule->fast_segment >= 0 &&
	       detect->set->buffer[rule->segment[rule->fast_segment].buffer].source == SRC_FIELD;
}

/* Bodies are not files where they hold some, and those are no bodies. */
static bool
buffer_suits(const struct buffer *buffer, const struct cc_file *file)
{
	switch (buffer->source) {
	case SRC_FILE:
		return buffer->parsers != 0 ? !file->part : !file->envelope;
	case SRC_FILE_NAME:
	case SRC_FILE_TYPE:
		return !file->envelope;
	default:
		return true;
	}
}

static bool
file_suits(const struct run *run, const struct rule *rule)
{
	if (rule->filed && run->file->envelope)
		return false;
	for (unsigned i = 0; i < rule->segment_count; i++) {
		if (!buffer_suits(&run->detect->set->buffer[rule->segment[i].buffer], run->file))
			return false;
	}
	return true;
}

/* Every pending rule of this way is asked; what is answered for good is taken off. */
static void
pending_run(struct run *run, struct tx_state *state, bool files)
{
	struct detect *detect = run->detect;
	uint32_t out = 0;

	for (uint32_t i = 0; i < state->pending.count; i++) {
		uint32_t entry = state->pending.item[i];
		const struct rule *rule = &detect->set->rule[entry >> 1];
		enum verdict verdict = NOT_YET;

		if ((entry & 1) == (uint32_t)run->dir && on_file(rule) == files && !flow_passed(run) &&
		    !(files && (list_has(&state->fired, entry) || !file_suits(run, rule)))) {
			verdict = rule_verdict(run, rule);
			if (verdict == YES) {
				list_add(detect, &state->fired, entry, PENDING_MAX);
				alert_rule(run);
			}
		}
		if (verdict == NOT_YET || (files && outlives_file(detect, rule)))
			state->pending.item[out++] = entry;
	}
	state->pending.count = out;
}

/* A rule on files may be told of the next file, too. */
static void
fired_forget(struct detect *detect, struct tx_state *state)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < state->fired.count; i++) {
		if (!on_file(&detect->set->rule[state->fired.item[i] >> 1]))
			state->fired.item[out++] = state->fired.item[i];
	}
	state->fired.count = out;
	state->asked = 0;
}

static struct tx_state *
state_take(struct run *run, struct cc_tx *tx)
{
	struct tx_state *state = tx_state_take(run->detect, tx);

	if (state != NULL && state->generation != run->detect->generation) {
		if (!is_carried(run->detect, state->generation))
			state->pending.count = state->fired.count = 0;
		list_carry(run->detect, &state->pending, 1);
		list_carry(run->detect, &state->fired, 1);
		state->generation = run->detect->generation;
		state->scanned = 0; /* rules that are new look at all that has come */
	}
	return state;
}

/* Packets of that way before this one. */
static uint64_t
packets_before(const struct run *run, enum cc_dir dir)
{
	return run->flow->side[dir].packets - (run->pkt != NULL && run->pkt_dir == dir);
}

void
tx_inspect(struct run *run, struct cc_tx *tx, enum cc_dir dir, bool side_done, bool all_done)
{
	struct tx_state *state;
	uint32_t from;

	if (tx == NULL || tx->parser == NULL)
		return;
	state = state_take(run, tx);
	if (state == NULL)
		return;
	detect_count_add(run->detect, DETECT_TX_RUNS, 1);
	run->tx = tx;
	run->dir = dir;
	run->file = NULL;
	run->final = side_done || all_done || tx->done[dir];
	if (run->final && !state->told[dir]) {
		state->told[dir] = true;
		state->told_at[dir] = packets_before(run, dir);
	}
	from = state->scanned;
	values_scan(run, tx, state);
	watch_tx(run, tx, from);
	if (flow_passed(run))
		return;
	pending_run(run, state, false);
	/* Files of a complete transaction have all been seen: what still waits for one, waits in vain. */
	if (all_done)
		state->pending.count = dir == CC_TO_CLIENT ? 0 : state->pending.count;
	run->tx = NULL;
}

/*
 * Does an odd thing of one side concern the other, too?  It is the transaction's, and the transaction is looked at on
 * both ways; but a side that is complete, and was looked at since, is not looked at again.
 */
static bool
concerns_other(const struct run *run, const struct event *event)
{
	const struct tx_state *state = event->tx != NULL ? event->tx->detect : NULL;
	enum cc_dir other = cc_dir_other(event->dir);

	if (event->parser == &app_core || event->parser->one_way || run->pkt == NULL || run->flow == NULL)
		return false;
	return state == NULL || !state->told[other] || packets_before(run, other) == state->told_at[other];
}

static void
anomaly_rule(struct run *run, const struct rule *rule, const struct event *event, enum cc_dir dir)
{
	struct tx_state *state = event->tx != NULL ? state_take(run, event->tx) : NULL;
	uint32_t entry = entry_of(rule->index, dir);

	if ((rule->dirs & dir_bit(dir)) == 0 || (state != NULL && list_has(&state->fired, entry)))
		return;
	run->tx = event->tx;
	run->dir = dir;
	run->stream = event->tx == NULL; /* the flow's ends, not the packet's */
	run->final = true;
	if (rule_verdict(run, rule) != YES)
		return;
	if (state != NULL)
		list_add(run->detect, &state->fired, entry, PENDING_MAX);
	alert_rule(run);
}

void
tx_anomaly(struct run *run, const struct event *event)
{
	const struct ruleset *set = run->detect->set;
	unsigned parser = parser_index(event->parser);
	enum cc_dir dir = run->dir;

	for (uint32_t i = 0; i < set->anomaly_count && !flow_passed(run); i++) {
		const struct rule *rule = &set->rule[set->anomaly[i]];

		if (rule->anomaly != event->anomaly || rule->anomaly_parser != parser)
			continue;
		anomaly_rule(run, rule, event, event->dir);
		if (concerns_other(run, event))
			anomaly_rule(run, rule, event, cc_dir_other(event->dir));
	}
	run->tx = NULL;
	run->stream = false;
	run->dir = dir;
}

/* Patterns in the part of the content that is new, with enough before it that none is cut in two. */
static void
content_scan(struct run *run, const struct cc_file *file, bool done)
{
	struct detect *detect = run->detect;
	const struct ruleset *set = detect->set;

	for (uint32_t i = 0; i < set->file_buffer_count; i++) {
		const struct buffer *buffer = &set->buffer[set->file_buffer[i]];
		const struct mpm *mpm = buffer_mpm(detect, buffer);
		size_t longest = mpm_longest(mpm), at = file->inspected;

		if ((buffer->dirs & dir_bit(file->dir)) == 0 || file->content == NULL || !buffer_suits(buffer, file) ||
		    (buffer->parsers != 0 && (buffer->parsers >> parser_index(file->parser) & 1) == 0))
			continue;
		if (done && file->late && buffer->parsers == 0)
			at = 0; /* what was not looked at as long as it seemed to hold others */
		if (at == 0)
			candidates_add_list(detect, buffer->always, buffer->always_count);
		if (buffer->transform_count > 0) { /* a transform wants the whole */
			if (done && mpm != NULL)
				candidates_scan(detect, mpm,
				    buffer_transformed(detect, buffer, slice_of(file->content, file->content_size)));
			continue;
		}
		at = longest > 0 && at > longest - 1 ? at - (longest - 1) : 0;
		if (file->content_size > file->inspected || at == 0)
			candidates_scan(detect, mpm, slice_of(file->content + at, file->content_size - at));
	}
}

static void
description_scan(struct run *run, const struct cc_file *file, bool first, bool done)
{
	struct detect *detect = run->detect;
	const struct ruleset *set = detect->set;

	for (uint32_t i = 0; i < set->meta_buffer_count; i++) {
		const struct buffer *buffer = &set->buffer[set->meta_buffer[i]];
		bool name = buffer->source == SRC_FILE_NAME;
		struct slice text = name ? file->name : slice_str(file->type);

		if (file->envelope || (name ? !first && !(done && file->late) : !done))
			continue;
		candidates_add_list(detect, buffer->always, buffer->always_count);
		candidates_scan(detect, buffer_mpm(detect, buffer), buffer_transformed(detect, buffer, text));
	}
	if ((first || (done && file->late)) && !file->envelope)
		candidates_add_list(detect, set->file_any, set->file_any_count);
}

/*
 * A file may have no transaction: where memory or places for one were lacking, or it was left by its flow.  Rules look
 * at it at its end, beside a transaction that says nothing.
 */
void
file_inspect(struct run *run, struct cc_file *file, bool done)
{
	struct detect *detect = run->detect;
	bool first = file->inspected == 0, lone = file->tx == NULL;
	struct cc_tx none = {.parser = file->parser, .done = {true, true}};
	struct tx_state *state;

	if (lone && !done)
		return;
	state = lone && file->parser == NULL ? NULL : state_take(run, lone ? &none : file->tx);
	run->file = file;
	run->tx = lone ? &none : file->tx;
	run->lone = lone;
	run->dir = file->dir;
	if (done)
		watch_file(run, file);
	if (state != NULL && !flow_passed(run) && file->archive == ARCHIVE_NONE) {
		candidates_clear(detect);
		detect->ways = detect->way[run->dir];
		content_scan(run, file, done);
		description_scan(run, file, first, done);
		candidates_sort(detect);
		pend(run, state, true);
		run->final = done;
		/* What waits is asked when there is twice as much: each byte is looked at a bounded number of times. */
		if (done || detect->candidate_count > 0 || file->content_size >= state->asked * 2) {
			state->asked = (uint32_t)file->content_size;
			pending_run(run, state, true);
		}
		if (done)
			fired_forget(detect, state);
	}
	file->inspected = file->content_size > 0 ? file->content_size : file->inspected;
	if (done)
		yara_file(run, file);
	if (lone)
		detect_tx_free(detect, &none);
	run->file = NULL;
	run->tx = NULL;
	run->lone = false;
}
