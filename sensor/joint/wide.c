/*
 * Networks (/24, /48) and their operators, and registrable domains, as what an activity comes from: where its
 * addresses rotate within one, or its names below it, that is a better answer than any of them.  README.md,
 * Evidence.  One thread.
 */
#include "joint/joint_own.h"

/* What of a type a node has; NONE: nothing. */
static uint32_t
value_at(const struct joint *joint, const struct node *node, uint8_t type)
{
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		if (joint->value[joint->feature[f].value].type == type)
			return joint->feature[f].value;
	}
	return NONE;
}

/* What of a kind is in it. */
static uint8_t
within(uint8_t type)
{
	return type == FEATURE_NET ? FEATURE_ADDR : type == FEATURE_SITE ? FEATURE_DOMAIN : FEATURE_NET;
}

const char *
wide_why(uint8_t type)
{
	return type == FEATURE_NET    ? "a network, for want of an address"
	       : type == FEATURE_SITE ? "a zone, for want of a name"
				      : "an operator, for want of a network";
}

/* Where in it a sight is of; NONE: nowhere.  A name that nobody was seen to answer for anybody can say. */
static uint32_t
place_of(const struct joint *joint, const struct claim *claim, uint8_t type)
{
	const struct node *node = &joint->node[claim->node];

	if (node->negative || node->echo || (type == FEATURE_SITE && node->proof == CC_PROOF_SPOOFABLE))
		return NONE;
	return value_at(joint, node, within(type));
}

/* Is it seen all over, and nowhere in it most of it?  Else an address, or a network, is what there is to say. */
bool
wide_is_spread(const struct joint *joint, const struct claim *claim, size_t count, uint8_t type)
{
	uint32_t place[WIDE_PLACES], most = NONE;
	unsigned places = 0;
	size_t nodes = 0, votes = 0, with = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t at = place_of(joint, &claim[i], type);
		unsigned k = 0;

		if (at == NONE)
			continue;
		nodes++;
		while (k < places && place[k] != at)
			k++;
		if (k == places && places < WIDE_PLACES)
			place[places++] = at;
		/* What more than half have stays of the votes, in any order (Boyer and Moore). */
		most = votes == 0 ? at : most;
		votes += most == at ? 1 : (size_t)-1;
	}
	for (size_t i = 0; i < count; i++)
		with += most != NONE && place_of(joint, &claim[i], type) == most;
	return places == WIDE_PLACES && nodes >= WIDE_NODES && 2 * with <= nodes;
}
