/*
 * What an organisation has taken back: its sights of an indicator up to then leave their cases, and count no more when
 * they come again, whatever comes first.  Kept as bytes beside nodes, and told to members as they are.  Bounded by
 * REVOKED_MAX, of one organisation REVOKED_OF_ONE, so that nobody shuts out another; what comes beyond is counted.  One
 * thread.
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

/* Is it in no list of what was taken back?  Nothing is shared by an e-mail address, nor by an address beside that of
 * who attacked. */
static bool
is_unlisted(const struct node *node)
{
	return node->kind == CC_KIND_EMAIL || (node->kind == CC_KIND_ADDR && node->attacker != NONE &&
						  node->attacker != node->value);
}

/* These are looked for at once for all that was taken back since the last time: each time they would be too many. */
void
revoked_settle(struct joint *joint)
{
	for (size_t i = 0; joint->revoked_since && i < joint->node_count; i++) {
		const struct node *node = &joint->node[i];

		if (node->used && is_unlisted(node) &&
		    node->last <= revoked_until(joint, name_slice(joint, node->organisation), node->kind,
				      name_slice(joint, node->value)))
			joint_remove(joint, (uint32_t)i, "revoked");
	}
	joint->revoked_since = false;
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
	if (kind == CC_KIND_EMAIL || kind == CC_KIND_ADDR)
		joint->revoked_since = true;
	if (kind == CC_KIND_EMAIL)
		return CC_OK;
	return remove_nodes(joint, organisation, kind, value, time);
}
