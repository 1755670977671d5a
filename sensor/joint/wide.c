/*
 * Networks (/24, /48) and their operators, and registrable domains, as what an activity comes from: where its
 * addresses rotate within one, or its names below it, that is a better answer than any of them; and what a case calls
 * it.  README.md, Evidence.  One thread.
 */
#include "joint/joint_own.h"

#include <stdio.h>

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
	return node_value(joint, node, within(type));
}

bool
places_are_spread(const uint32_t *place, size_t count)
{
	uint32_t seen[WIDE_PLACES], most = NONE;
	unsigned places = 0;
	size_t votes = 0, with = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned k = 0;

		while (k < places && seen[k] != place[i])
			k++;
		if (k == places && places < WIDE_PLACES)
			seen[places++] = place[i];
		/* What more than half have stays of the votes, in any order (Boyer and Moore). */
		most = votes == 0 ? place[i] : most;
		votes += most == place[i] ? 1 : (size_t)-1;
	}
	for (size_t i = 0; i < count; i++)
		with += place[i] == most;
	return places == WIDE_PLACES && count >= WIDE_NODES && 2 * with <= count;
}

/* That it is seen all over is no one's word: who do not say most of it were at two places and more, too. */
static bool
others_spread(const struct joint *joint, const struct claim *claim, size_t count, uint8_t type)
{
	size_t most = 0, from = 0;
	uint32_t first = NONE;
	bool spread = false;

	for (size_t i = 0, k; i < count; i = k) {
		for (k = i + 1; k < count &&
				joint->node[claim[k].node].organisation == joint->node[claim[i].node].organisation;
		     k++)
			;
		if (k - i > most) {
			most = k - i;
			from = i;
		}
	}
	for (size_t i = 0; i < count && !spread; i++) {
		uint32_t at = i < from || i >= from + most ? place_of(joint, &claim[i], type) : NONE;

		spread = at != NONE && first != NONE && at != first;
		first = first == NONE ? at : first;
	}
	return spread || most == count;
}

/* Is it seen all over, and nowhere in it most of it?  Else an address, or a network, is what there is to say. */
bool
wide_is_spread(const struct joint *joint, const struct claim *claim, size_t count, uint8_t type, uint32_t *place)
{
	size_t nodes = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t at = place_of(joint, &claim[i], type);

		if (at != NONE)
			place[nodes++] = at;
	}
	return places_are_spread(place, nodes) && others_spread(joint, claim, count, type);
}

/* ---- what it is called ---- */

uint32_t
wide_within(const struct joint *joint, const struct claim *claim, size_t count)
{
	struct cc_addr first = {.b = {0}}, at;
	uint32_t within = NONE;

	for (size_t i = 0; i < count; i++) {
		uint32_t place = place_of(joint, &claim[i], FEATURE_NET);

		if (place == NONE)
			continue;
		if (!addr_of(name_slice(joint, joint->value[place].name), &at) || cc_addr_is4(&at) ||
		    (within != NONE && memcmp(first.b, at.b, 8) != 0))
			return NONE;
		if (within == NONE) {
			within = place;
			first = at;
		}
	}
	return within;
}

struct slice
wide_name(const struct joint *joint, uint32_t value, uint32_t within, char room[PREFIX_TEXT])
{
	struct cc_addr net;
	char text[CC_ADDR_TEXT];

	if (within == NONE || !addr_of(name_slice(joint, joint->value[within].name), &net))
		return name_slice(joint, joint->value[value].name);
	memset(net.b + 8, 0, 8);
	snprintf(room, PREFIX_TEXT, "%s/64", cc_addr_text(&net, text));
	return slice_str(room);
}
