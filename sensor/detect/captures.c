/*
 * What groups of pcre took: kept for the flow (flow:name) or for the packet (pkt:name), for rules that ask with flowvar
 * and pktvar.  Values are taken aside while a rule is held against bytes, and stand once the whole rule holds.
 */
#include "detect/own.h"

void
captures_take(struct run *run, const struct capture_list *list, const uint8_t *subject)
{
	const PCRE2_SIZE *place = pcre2_get_ovector_pointer(run->detect->match_data);
	uint32_t pairs = pcre2_get_ovector_count(run->detect->match_data);

	for (unsigned i = 0; i < list->count; i++) {
		const struct capture *capture = &list->item[i];
		PCRE2_SIZE from, to;
		struct captured *taken;

		if (capture->group >= pairs || run->captured == CAPTURES_MAX)
			continue;
		from = place[2 * capture->group];
		to = place[2 * capture->group + 1];
		if (from == PCRE2_UNSET || to < from)
			continue;
		taken = &run->detect->captured[run->captured++];
		taken->of_packet = capture->of_packet;
		taken->value.name = capture->name;
		taken->value.size = (uint16_t)(to - from < CAPTURE_SIZE ? to - from : CAPTURE_SIZE);
		memcpy(taken->value.bytes, subject + from, taken->value.size);
	}
}

/* The value of that name, or a new place at the end; NULL: no room. */
static struct var_value *
flow_place(struct run *run, uint32_t name)
{
	struct flow_state *state = run->flow != NULL ? flow_state_take(run->detect, run->flow) : NULL;
	struct var_value *more;

	for (uint32_t i = 0; state != NULL && i < state->var_count; i++) {
		if (state->var[i].name == name)
			return &state->var[i];
	}
	if (state == NULL)
		return NULL;
	if (state->var_count == state->var_room) {
		more = grow(run->detect, state->var, &state->var_room, sizeof(*more), FLOW_VARS_MAX);
		if (more == NULL)
			return NULL;
		state->var = more;
	}
	return &state->var[state->var_count++];
}

static struct var_value *
packet_place(struct detect *detect, uint32_t name)
{
	for (uint32_t i = 0; i < detect->packet_var_count; i++) {
		if (detect->packet_var[i].name == name)
			return &detect->packet_var[i];
	}
	return detect->packet_var_count < PACKET_VARS_MAX ? &detect->packet_var[detect->packet_var_count++] : NULL;
}

void
captures_keep(struct run *run)
{
	for (unsigned i = 0; i < run->captured; i++) {
		const struct captured *taken = &run->detect->captured[i];
		struct var_value *place = taken->of_packet ? packet_place(run->detect, taken->value.name)
							   : flow_place(run, taken->value.name);

		if (place == NULL) {
			detect_count_add(run->detect, DETECT_CAPTURES_LOST, 1);
			continue;
		}
		place->name = taken->value.name;
		place->size = taken->value.size;
		memcpy(place->bytes, taken->value.bytes, taken->value.size);
	}
	run->captured = 0;
}

const struct var_value *
captured_find(const struct run *run, bool of_packet, uint32_t name)
{
	const struct flow_state *state = run->flow != NULL ? run->flow->detect : NULL;
	const struct var_value *var = of_packet ? run->detect->packet_var : state != NULL ? state->var : NULL;
	uint32_t count = of_packet ? run->detect->packet_var_count : state != NULL ? state->var_count : 0;

	for (uint32_t i = 0; i < count; i++) {
		if (var[i].name == name)
			return &var[i];
	}
	return NULL;
}
