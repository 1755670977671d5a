/*
 * Texts, each kept once and known by a number.  Those that nothing has any more are let go by gathering the others
 * anew, which is done when as many nodes have gone as are left: so memory follows the nodes.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define TEXT_MAX 65535

/* As the newest; the table does not have it yet. */
static uint32_t
append(struct joint *joint, struct slice text)
{
	size_t before = joint->text.room;

	if (!GROW(joint->name_at, joint->name_count, joint->name_room)) {
		joint->no_memory = true;
		return NONE;
	}
	joint->name_at[joint->name_count] = (uint64_t)joint->text.size << 24 | text.size;
	buf_add_slice(&joint->text, text);
	if (joint->text.room != before)
		joint_large(joint->text.p, joint->text.room);
	if (joint->text.full) {
		joint->no_memory = true;
		return NONE;
	}
	return joint->name_count++;
}

/* Where it would be is on its way, while others are looked for. */
void
name_prefetch(const struct joint *joint, struct slice text)
{
	if (text.size > 0)
		table_prefetch(&joint->names, hash64(text, hash_seed()));
}

uint32_t
name_of(struct joint *joint, struct slice text)
{
	uint64_t hash;
	uint32_t name;

	if (text.size == 0)
		return NONE;
	if (text.size > TEXT_MAX)
		text.size = TEXT_MAX;
	if (!table_room(&joint->names)) {
		joint->no_memory = true;
		return NONE;
	}
	hash = hash64(text, hash_seed());
	for (size_t at = table_home(&joint->names, hash); (name = table_next(&joint->names, hash, &at)) != NONE;
	     at = table_after(&joint->names, at)) {
		if (slice_eq(name_slice(joint, name), text))
			return name;
	}
	if ((name = append(joint, text)) != NONE)
		table_put(&joint->names, hash, name);
	return name;
}

/* ---- gathering ---- */

struct gathering {
	struct joint *joint;
	struct buf text;  /* as they were */
	uint64_t *at;
	uint32_t *fresh;  /* by old number */
	bool failed;
};

/* Each was once before, and is asked for once: no other need be looked at. */
static void
keep(struct gathering *g, uint32_t *name)
{
	if (*name == NONE)
		return;
	if (g->fresh[*name] == NONE)
		g->fresh[*name] =
		    append(g->joint, slice_of(g->text.p + (g->at[*name] >> 24), g->at[*name] & 0xffffff));
	g->failed = g->failed || g->fresh[*name] == NONE;
	*name = g->fresh[*name];
}

static void
keep_node(struct gathering *g, struct node *n)
{
	uint32_t *const name[] = {&n->organisation, &n->sensor, &n->value, &n->key, &n->attacker, &n->pseudonym,
	    &n->victim, &n->sector, &n->rule_name, &n->domain, &n->cert, &n->key_sha256, &n->of, &n->home,
	    &n->class};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		keep(g, name[i]);
	for (uint32_t m = n->messages; m != NONE; m = g->joint->message[m].next)
		keep(g, &g->joint->message[m].name);
}

enum cc_status
names_gather(struct joint *joint)
{
	struct gathering g = {.joint = joint, .text = joint->text, .at = joint->name_at};
	struct table before = joint->names;
	uint32_t count = joint->name_count;

	joint->stale = 0;
	g.fresh = malloc(((size_t)count + 1) * sizeof(*g.fresh));
	if (g.fresh == NULL)
		return CC_NOMEM;
	memset(g.fresh, 0xff, ((size_t)count + 1) * sizeof(*g.fresh));
	buf_open(&joint->text, (size_t)1 << 36);
	joint->name_at = NULL;
	joint->name_count = 0;
	joint->name_room = 0;
	for (size_t i = 0; i < joint->node_count; i++) {
		if (joint->node[i].used)
			keep_node(&g, &joint->node[i]);
	}
	for (size_t i = 0; i < joint->value_count; i++) {
		if (!joint->value[i].used)
			continue;
		keep(&g, &joint->value[i].name);
		keep(&g, &joint->value[i].talker);
		keep(&g, &joint->value[i].holder);
		for (unsigned k = 0; joint->value[i].sample != NULL && k < joint->value[i].sample->count; k++)
			keep(&g, &joint->value[i].sample->organisation[k]);
	}
	for (size_t i = 0; i < joint->heard_count; i++) {
		keep(&g, &joint->heard[i].organisation);
		for (unsigned k = 0; k < HEARD_TEXTS; k++)
			keep(&g, &joint->heard[i].text[k]);
	}
	for (size_t i = 0; i < joint->watcher_count; i++)
		keep(&g, &joint->watcher[i].organisation);
	for (size_t i = 0; i < joint->home_count; i++)
		keep(&g, &joint->home[i].organisation);
	for (size_t i = 0; i < joint->revocation_count; i++) {
		keep(&g, &joint->revocation[i].organisation);
		keep(&g, &joint->revocation[i].value);
	}
	/* As many again will come before the next gathering. */
	g.failed = !table_open(&joint->names, joint->name_count) || g.failed;
	for (size_t i = 0; i < before.slots && joint->names.slots > 0; i++) {
		uint32_t name = (uint32_t)before.slot[i];

		if (name != NONE && g.fresh[name] != NONE)
			table_put(&joint->names, before.slot[i], g.fresh[name]);
	}
	buf_close(&g.text);
	free(g.at);
	free(g.fresh);
	table_close(&before);
	return g.failed ? CC_NOMEM : CC_OK;
}
