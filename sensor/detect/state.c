/* What detect keeps of flows and transactions between packets, in the worker's pool.  No memory: counted, and done
 * without. */
#include "detect/own.h"

bool
is_carried(const struct detect *detect, uint32_t generation)
{
	return detect->carried && generation + 1 == detect->generation;
}

/* The rule's number in the new set, UINT32_MAX: it has changed or is gone. */
static uint32_t
moved_to(const struct detect *detect, uint32_t rule)
{
	return rule < detect->set->moved_count ? detect->set->moved[rule] : UINT32_MAX;
}

void
list_carry(const struct detect *detect, struct u32_list *list, unsigned shift)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t item = list->item[i], rule = moved_to(detect, item >> shift);

		if (rule != UINT32_MAX)
			list->item[out++] = rule << shift | (item & ((1u << shift) - 1));
	}
	list->count = out;
}

static void
waits_carry(const struct detect *detect, struct side_state *side)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < side->wait_count; i++) {
		uint32_t rule = moved_to(detect, side->wait[i].rule);

		if (rule == UINT32_MAX)
			continue;
		side->wait[out] = side->wait[i];
		side->wait[out++].rule = rule;
	}
	side->wait_count = out;
}

/*
 * Rules have other numbers since a reload.  What is half matched goes on for rules that have not changed, when the flow
 * was last seen under the set just before; marks are kept as long as their names have the same numbers.
 */
static void
state_renew(struct detect *detect, struct flow_state *state)
{
	bool carried = is_carried(detect, state->generation);

	if (state->generation < detect->names_generation) {
		if (state->bits != NULL)
			memset(state->bits, 0, state->bit_words * sizeof(state->bits[0]));
		state->integer_count = state->var_count = 0;
	}
	if (!carried)
		state->payload.count = state->side[0].wait_count = state->side[1].wait_count = 0;
	list_carry(detect, &state->payload, 0);
	waits_carry(detect, &state->side[0]);
	waits_carry(detect, &state->side[1]);
	if (state->generation < detect->yara_generation)
		state->yara.count = 0;
	state->generation = detect->generation;
}

struct flow_state *
flow_state_take(struct detect *detect, struct flow *flow)
{
	if (flow->detect == NULL && !flow->stray) {
		flow->detect = pool_take_zero(detect->setup.pool, sizeof(struct flow_state));
		if (flow->detect == NULL)
			detect_count_add(detect, DETECT_STATE_NOMEM, 1);
		else
			((struct flow_state *)flow->detect)->generation = detect->generation;
	}
	if (flow->detect != NULL && ((struct flow_state *)flow->detect)->generation != detect->generation)
		state_renew(detect, flow->detect);
	return flow->detect;
}

void
detect_turn(struct flow *flow)
{
	struct flow_state *state = flow->detect;
	struct side_state side;

	if (state == NULL)
		return;
	side = state->side[0];
	state->side[0] = state->side[1];
	state->side[1] = side;
}

struct tx_state *
tx_state_take(struct detect *detect, struct cc_tx *tx)
{
	if (tx->detect == NULL) {
		tx->detect = pool_take_zero(detect->setup.pool, sizeof(struct tx_state));
		if (tx->detect == NULL)
			detect_count_add(detect, DETECT_STATE_NOMEM, 1);
		else
			((struct tx_state *)tx->detect)->generation = detect->generation;
	}
	return tx->detect;
}

void *
grow(struct detect *detect, void *old, uint32_t *room, size_t size, uint32_t max)
{
	uint32_t more = *room == 0 ? 8 : *room * 2;
	uint8_t *p;

	if (more > max)
		more = max;
	if (more <= *room)
		return NULL;
	p = pool_take(detect->setup.pool, more * size);
	if (p == NULL) {
		detect_count_add(detect, DETECT_STATE_NOMEM, 1);
		return NULL;
	}
	if (old != NULL) {
		memcpy(p, old, *room * size);
		pool_give(detect->setup.pool, old, *room * size);
	}
	memset(p + *room * size, 0, (more - *room) * size);
	*room = more;
	return p;
}

bool
list_has(const struct u32_list *list, uint32_t item)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->item[i] == item)
			return true;
	}
	return false;
}

bool
list_add(struct detect *detect, struct u32_list *list, uint32_t item, uint32_t max)
{
	if (list->count == list->room) {
		uint32_t *p = grow(detect, list->item, &list->room, sizeof(*p), max);

		if (p == NULL) {
			if (list->room >= max)
				detect_count_add(detect, DETECT_CANDIDATES_LOST, 1);
			return false;
		}
		list->item = p;
	}
	list->item[list->count++] = item;
	return true;
}

void
list_free(struct detect *detect, struct u32_list *list)
{
	pool_give(detect->setup.pool, list->item, list->room * sizeof(list->item[0]));
	*list = (struct u32_list){0};
}

void
detect_flow_free(struct detect *detect, struct flow *flow)
{
	struct flow_state *state = flow->detect;
	struct pool *pool = detect->setup.pool;

	if (state == NULL)
		return;
	pool_give(pool, state->bits, state->bit_words * sizeof(state->bits[0]));
	pool_give(pool, state->integer, state->integer_room * sizeof(state->integer[0]));
	pool_give(pool, state->var, state->var_room * sizeof(state->var[0]));
	for (unsigned i = 0; i < 2; i++)
		pool_give(pool, state->side[i].wait, state->side[i].wait_room * sizeof(state->side[i].wait[0]));
	list_free(detect, &state->payload);
	list_free(detect, &state->yara);
	pool_give(pool, state, sizeof(*state));
	flow->detect = NULL;
}

void
detect_tx_free(struct detect *detect, struct cc_tx *tx)
{
	struct tx_state *state = tx->detect;

	if (state == NULL)
		return;
	list_free(detect, &state->pending);
	list_free(detect, &state->fired);
	pool_give(detect->setup.pool, state, sizeof(*state));
	tx->detect = NULL;
}
