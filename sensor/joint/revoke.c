/*
 * What an organisation has taken back: its sights of an indicator up to then leave their cases, and count no more when
 * they come again, whatever comes first.  It costs by what is taken back: sights are found by what they share, and
 * those that share nothing of it in a table here.  Kept as bytes beside nodes, and told to members as they are.
 * Bounded by REVOKED_MAX, of one organisation REVOKED_OF_ONE, so that nobody shuts out another; what comes beyond is
 * counted.  One thread.
 */
#include <stdlib.h>

#include "joint/joint_own.h"

#define REVOKED_MAX 200000
#define REVOKED_OF_ONE 50000

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

static enum feature_type
type_of(enum cc_kind kind)
{
	static const enum feature_type type[CC_KIND_COUNT] = {[CC_KIND_ADDR] = FEATURE_ADDR,
	    [CC_KIND_DOMAIN] = FEATURE_DOMAIN,
	    [CC_KIND_URL] = FEATURE_URL, [CC_KIND_FILE_SHA256] = FEATURE_FILE, [CC_KIND_JA3] = FEATURE_JA3,
	    [CC_KIND_JA3S] = FEATURE_JA3S,
	    [CC_KIND_JA4] = FEATURE_JA4, [CC_KIND_CERT_SHA256] = FEATURE_CERT, [CC_KIND_USER_AGENT] = FEATURE_AGENT,
	    [CC_KIND_HASSH] = FEATURE_HASSH, [CC_KIND_HASSH_SERVER] = FEATURE_HASSHS,
	    [CC_KIND_SSH_HOST_KEY] = FEATURE_KEY};

	return type[kind];
}

/* Of one list of a value those that are taken back. */
static bool
find_nodes(const struct joint *joint, uint32_t head, struct slice organisation, enum cc_kind kind, struct slice text,
    uint64_t time, struct vector *found)
{
	bool good = true;

	for (uint32_t f = head; f != NONE && good; f = joint->feature[f].next) {
		const struct node *node = &joint->node[joint->feature[f].node];

		if (node->kind == (uint8_t)kind && node->last <= time &&
		    slice_eq(name_slice(joint, node->organisation), organisation) &&
		    slice_eq(name_slice(joint, node->value), text))
			good = vector_add(found, joint->feature[f].node);
	}
	return good;
}

/* Their nodes in memory, "not seen" among them; what is on disk is left out when it comes back. */
static enum cc_status
remove_nodes(struct joint *joint, struct slice organisation, enum cc_kind kind, struct slice text, uint64_t time)
{
	struct vector found = {NULL, 0, 0};
	enum cc_status st = CC_OK;

	for (int exercise = 0; exercise < 2; exercise++) {
		uint32_t value = value_find(joint, value_hash(type_of(kind), text, exercise != 0));

		if (value != NONE &&
		    (!find_nodes(joint, joint->value[value].head, organisation, kind, text, time, &found) ||
			!find_nodes(joint, joint->value[value].negative, organisation, kind, text, time, &found)))
			st = CC_NOMEM;
	}
	for (size_t i = 0; i < found.count; i++)
		joint_remove(joint, found.at[i], "revoked");
	free(found.at);
	return st;
}

/* ---- what stands in no list ---- */

/* Nothing is shared by an e-mail address, nor by an address beside that of who attacked: these nodes are listed here,
 * by who says it, of what. */
static bool
is_unlisted(const struct node *node)
{
	return node->kind == CC_KIND_EMAIL || (node->kind == CC_KIND_ADDR && node->attacker != NONE &&
						  node->attacker != node->value);
}

static uint64_t
unlisted_hash(struct slice organisation, unsigned kind, struct slice value)
{
	return hash64(value, hash64(organisation, hash_seed() + kind));
}

static uint64_t
hash_of_node(const struct joint *joint, const struct node *node)
{
	return unlisted_hash(name_slice(joint, node->organisation), node->kind, name_slice(joint, node->value));
}

/* The first of those that say so; NONE. */
static uint32_t
unlisted_first(const struct joint *joint, uint64_t hash, struct slice organisation, unsigned kind, struct slice value)
{
	const struct table *t = &joint->unlisted;
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
unlisted_add(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	uint64_t hash;
	uint32_t first;

	if (!is_unlisted(node))
		return true;
	if (!table_room(&joint->unlisted))
		return false;
	hash = hash_of_node(joint, node);
	first = unlisted_first(joint, hash, name_slice(joint, node->organisation), node->kind,
	    name_slice(joint, node->value));
	/* Behind the first, for which the table stands. */
	node->beside_prev = first;
	node->beside_next = first != NONE ? joint->node[first].beside_next : NONE;
	if (first == NONE)
		table_put(&joint->unlisted, hash, index);
	else
		joint->node[first].beside_next = index;
	if (node->beside_next != NONE)
		joint->node[node->beside_next].beside_prev = index;
	node->unlisted = true;
	return true;
}

void
unlisted_drop(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	uint64_t hash;

	if (!node->unlisted)
		return;
	node->unlisted = false;
	if (node->beside_next != NONE)
		joint->node[node->beside_next].beside_prev = node->beside_prev;
	if (node->beside_prev != NONE) {
		joint->node[node->beside_prev].beside_next = node->beside_next;
		return;
	}
	hash = hash_of_node(joint, node);
	table_drop(&joint->unlisted, hash, index);
	if (node->beside_next != NONE)
		table_put(&joint->unlisted, hash, node->beside_next);
}

static void
remove_unlisted(struct joint *joint, struct slice organisation, enum cc_kind kind, struct slice value, uint64_t time)
{
	uint32_t at = unlisted_first(joint, unlisted_hash(organisation, kind, value), organisation, kind, value), next;

	for (; at != NONE; at = next) {
		next = joint->node[at].beside_next;
		if (joint->node[at].last <= time)
			joint_remove(joint, at, "revoked");
	}
}

/* ---- taking back ---- */

static enum cc_status
remove_all(struct joint *joint, const struct revocation *r)
{
	struct slice organisation = name_slice(joint, r->organisation), value = name_slice(joint, r->value);

	if (r->kind == CC_KIND_EMAIL || r->kind == CC_KIND_ADDR)
		remove_unlisted(joint, organisation, (enum cc_kind)r->kind, value, r->time);
	return r->kind == CC_KIND_EMAIL ? CC_OK
					: remove_nodes(joint, organisation, (enum cc_kind)r->kind, value, r->time);
}

/* What was taken back more than once since the last settling. */
enum cc_status
revoked_settle(struct joint *joint)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < joint->taken_back.count; i++) {
		struct revocation *r = &joint->revocation[joint->taken_back.at[i]];

		if (r->again && st == CC_OK)
			st = remove_all(joint, r);
		r->taken = r->again = false;
	}
	joint->taken_back.count = 0;
	return st;
}

/* One more of this organisation.  CC_FULL: there is no room for it. */
static enum cc_status
take_room(struct joint *joint, struct slice organisation)
{
	uintptr_t own;

	if (joint->revokers == NULL && (joint->revokers = map_new(REVOKED_MAX)) == NULL)
		return CC_NOMEM;
	own = (uintptr_t)map_get(joint->revokers, organisation);
	if (joint->revocation_count >= REVOKED_MAX || own >= REVOKED_OF_ONE) {
		joint->dropped++;
		return CC_FULL;
	}
	return map_put(joint->revokers, organisation, (void *)(own + 1), NULL);
}

enum cc_status
joint_revoke(struct joint *joint, struct slice organisation, enum cc_kind kind, struct slice value, uint64_t time)
{
	uint64_t hash = hash_of(organisation, kind, value);
	uintptr_t at;
	struct revocation *r;
	enum cc_status st;

	if (joint->revoked == NULL && (joint->revoked = map_new(REVOKED_MAX)) == NULL)
		return CC_NOMEM;
	at = (uintptr_t)map_get(joint->revoked, slice_of(&hash, sizeof(hash)));
	if (at == 0) {
		if ((st = take_room(joint, organisation)) != CC_OK)
			return st;
		if (!GROW(joint->revocation, joint->revocation_count, joint->revocation_room))
			return CC_NOMEM;
		at = ++joint->revocation_count;
		joint->revocation[at - 1] =
		    (struct revocation){.hash = hash, .organisation = name_of(joint, organisation),
			.value = name_of(joint, value), .kind = (uint8_t)kind, .unsaved = true};
		if (map_put(joint->revoked, slice_of(&hash, sizeof(hash)), (void *)at, NULL) != CC_OK)
			return CC_NOMEM;
	}
	r = &joint->revocation[at - 1];
	if (time <= r->time)
		return CC_OK;
	r->time = time;
	r->unsaved = true;
	joint->revocations_unsaved = true;
	/* At once; who says so again and again, each time of a later one, costs no look at all that has it. */
	if (r->taken) {
		r->again = true;
		return CC_OK;
	}
	r->taken = vector_add(&joint->taken_back, (uint32_t)(at - 1));
	return r->taken ? remove_all(joint, r) : CC_NOMEM;
}
