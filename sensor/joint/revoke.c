/*
 * What an organisation has taken back: its sights of an indicator up to then leave their cases, and count no more when
 * they come again, whatever comes first.  It costs by what is taken back: a table here has all nodes by who says them,
 * of what.  Kept as bytes beside nodes, and told to members as they are.  Bounded by REVOKED_MAX, of one organisation
 * REVOKED_OF_ONE, so that nobody shuts out another, long texts for more than one; what comes beyond is counted.  One
 * thread.
 */
#include <stdlib.h>

#include "joint/joint_own.h"

#define REVOKED_MAX 200000
#define REVOKED_OF_ONE 50000
#define REVOKED_TEXT 256 /* bytes of its text, for each of which beyond the first it counts as one more */

static uint64_t
hash_of(struct slice organisation, unsigned kind, struct slice value)
{
	return hash64(value, hash64(organisation, kind + 31));
}

uint64_t
revoked_until(const struct joint *joint, struct slice organisation, unsigned kind, struct slice value)
{
	uint64_t hash;
	uintptr_t at;

	if (joint->revocation_count == 0)
		return 0;
	hash = hash_of(organisation, kind, value);
	at = (uintptr_t)map_get(joint->revoked, slice_of(&hash, sizeof(hash)));
	return at > 0 ? joint->revocation[at - 1].time : 0;
}

/* ---- who says what of what ---- */

static uint64_t
said_hash(struct slice organisation, unsigned kind, struct slice value)
{
	return hash64(value, hash64(organisation, hash_seed() + kind));
}

static uint64_t
hash_of_node(const struct joint *joint, const struct node *node)
{
	return said_hash(name_slice(joint, node->organisation), node->kind, name_slice(joint, node->value));
}

/* The first of those that say so; NONE. */
static uint32_t
said_first(const struct joint *joint, uint64_t hash, struct slice organisation, unsigned kind, struct slice value)
{
	const struct table *t = &joint->revocable;
	size_t at = t->slots > 0 ? table_home(t, hash) : 0;
	uint32_t index = NONE;

	for (; t->slots > 0 && (index = table_next(t, hash, &at)) != NONE; at = table_after(t, at)) {
		const struct node *node = &joint->node[index];

		if (node->kind == kind && slice_eq(name_slice(joint, node->organisation), organisation) &&
		    slice_eq(name_slice(joint, node->value), value))
			break;
	}
	return index;
}

bool
revocable_add(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	uint64_t hash;
	uint32_t first;

	if (!table_room(&joint->revocable))
		return false;
	hash = hash_of_node(joint, node);
	first = said_first(joint, hash, name_slice(joint, node->organisation), node->kind,
	    name_slice(joint, node->value));
	/* Behind the first, for which the table stands. */
	node->beside_prev = first;
	node->beside_next = first != NONE ? joint->node[first].beside_next : NONE;
	if (first == NONE)
		table_put(&joint->revocable, hash, index);
	else
		joint->node[first].beside_next = index;
	if (node->beside_next != NONE)
		joint->node[node->beside_next].beside_prev = index;
	node->revocable = true;
	return true;
}

void
revocable_drop(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	uint64_t hash;

	if (!node->revocable)
		return;
	node->revocable = false;
	if (node->beside_next != NONE)
		joint->node[node->beside_next].beside_prev = node->beside_prev;
	if (node->beside_prev != NONE) {
		joint->node[node->beside_prev].beside_next = node->beside_next;
		return;
	}
	hash = hash_of_node(joint, node);
	table_drop(&joint->revocable, hash, index);
	if (node->beside_next != NONE)
		table_put(&joint->revocable, hash, node->beside_next);
}

/* ---- taking back ---- */

/* Their nodes in memory, "not seen" among them; what is on disk is left out when it comes back. */
static void
remove_all(struct joint *joint, const struct revocation *r)
{
	struct slice organisation = name_slice(joint, r->organisation), value = name_slice(joint, r->value);
	uint32_t at = said_first(joint, said_hash(organisation, r->kind, value), organisation, r->kind, value), next;

	for (; at != NONE; at = next) {
		next = joint->node[at].beside_next;
		if (joint->node[at].last <= r->time)
			joint_remove(joint, at, "revoked");
	}
}

/* What was taken back more than once since the last settling. */
enum cc_status
revoked_settle(struct joint *joint)
{
	for (size_t i = 0; i < joint->taken_back.count; i++) {
		struct revocation *r = &joint->revocation[joint->taken_back.at[i]];

		if (r->again)
			remove_all(joint, r);
		r->taken = r->again = false;
	}
	joint->taken_back.count = 0;
	return joint->no_memory ? CC_NOMEM : CC_OK;
}

/* Room for one more of this organisation.  CC_FULL: there is none for it. */
static enum cc_status
take_room(struct joint *joint, struct slice organisation, size_t size)
{
	uintptr_t own, more = 1 + size / REVOKED_TEXT;

	if ((joint->revoked == NULL && (joint->revoked = map_new(REVOKED_MAX)) == NULL) ||
	    (joint->revokers == NULL && (joint->revokers = map_new(REVOKED_MAX)) == NULL))
		return CC_NOMEM;
	own = (uintptr_t)map_get(joint->revokers, organisation) + more;
	if (joint->revocations_held + more > REVOKED_MAX || own > REVOKED_OF_ONE) {
		joint->dropped++;
		return CC_FULL;
	}
	joint->revocations_held += more;
	return map_put(joint->revokers, organisation, (void *)own, NULL);
}

/* A row for what was not taken back before; *ret_at: its place. */
static enum cc_status
make_revocation(struct joint *joint, const struct revocation *like, size_t *ret_at)
{
	if (like->organisation == NONE || like->value == NONE ||
	    !GROW(joint->revocation, joint->revocation_count, joint->revocation_room) ||
	    map_put(joint->revoked, slice_of(&like->hash, sizeof(like->hash)),
		(void *)(joint->revocation_count + 1), NULL) != CC_OK)
		return CC_NOMEM;
	*ret_at = joint->revocation_count++;
	joint->revocation[*ret_at] = *like;
	return CC_OK;
}

/* At once; who says so again and again, each time of a later one, costs no look at all that has it. */
static enum cc_status
take_back(struct joint *joint, size_t at, uint64_t time)
{
	struct revocation *r = &joint->revocation[at];

	if (time <= r->time)
		return CC_OK;
	if (!r->taken && !vector_add(&joint->taken_back, (uint32_t)at))
		return CC_NOMEM;
	r->time = time;
	r->unsaved = joint->revocations_unsaved = true;
	if (!r->taken)
		remove_all(joint, r);
	r->again = r->taken;
	r->taken = true;
	return joint->no_memory ? CC_NOMEM : CC_OK;
}

enum cc_status
joint_revoke(struct joint *joint, struct slice organisation, enum cc_kind kind, struct slice value, uint64_t time)
{
	struct revocation like = {.hash = hash_of(organisation, kind, value), .kind = (uint8_t)kind};
	uintptr_t is = joint->revocation_count > 0
			   ? (uintptr_t)map_get(joint->revoked, slice_of(&like.hash, sizeof(like.hash)))
			   : 0;
	size_t at = is - 1;
	enum cc_status st = is > 0 ? CC_OK : take_room(joint, organisation, value.size);

	if (is == 0 && st == CC_OK) {
		like.organisation = name_of(joint, organisation);
		like.value = name_of(joint, value);
		st = make_revocation(joint, &like, &at);
	}
	if (st == CC_OK)
		st = take_back(joint, at, time);
	joint->no_memory = joint->no_memory || st == CC_NOMEM;
	return st;
}
