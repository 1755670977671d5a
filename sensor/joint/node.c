/*
 * Nodes: what one organisation saw of one thing in one day.  Messages fold into them by least, most and union only, so
 * that their order, and repeats, do not matter.
 *
 * Bounded: joint.messages_max names of messages a node, those with the least hashes; nodes by who settles (joint.c).
 * One thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>
#include <sys/mman.h>

const struct feature_about feature_about[FEATURE_TYPES] = {
#define FEATURE(symbol, word, cap, spread, group) [FEATURE_##symbol] = {word, cap, spread, group},
#include "joint/features.def"
#undef FEATURE
};

/* By cache lines; large tables on large pages: what is looked for is anywhere in them, and a small page's address would
 * have to be looked for, too. */
#define BULK 2048 /* bytes of texts, as much as a node takes else: as many more it counts for */
#define LINE ((size_t)64)
#define LARGE ((size_t)2 << 20)

void
joint_large(void *p, size_t bytes)
{
	uintptr_t from = ((uintptr_t)p + LARGE - 1) & ~(LARGE - 1), end = ((uintptr_t)p + bytes) & ~(LARGE - 1);

	if (end > from)
		(void)madvise((void *)from, end - from, MADV_HUGEPAGE);
}

void *
joint_table(size_t bytes)
{
	void *p;

	if (bytes < LARGE)
		return aligned_alloc(LINE, (bytes + LINE - 1) & ~(LINE - 1));
	bytes = (bytes + LARGE - 1) & ~(LARGE - 1);
	if ((p = aligned_alloc(LARGE, bytes)) != NULL)
		joint_large(p, bytes);
	return p;
}

bool
joint_grow(void **array, size_t count, size_t *room, size_t size)
{
	/* What is not used of a large one takes no memory; what is moved is copied to pages that are to be cleared. */
	size_t more = *room == 0 ? 1024 : *room * size < LARGE ? *room * 2 : *room * 8;
	void *p;

	if (count < *room)
		return true;
	if (count >= NONE)
		return false;
	p = joint_table(more * size);
	if (p == NULL && more == *room * 8) /* where addresses are bounded, or memory is promised but once */
		p = joint_table((more = *room * 2) * size);
	if (p == NULL)
		return false;
	if (count > 0)
		memcpy(p, *array, count * size);
	free(*array);
	*array = p;
	*room = more;
	return true;
}

bool
vector_add(struct vector *vector, uint32_t one)
{
	if (!GROW(vector->at, vector->count, vector->room))
		return false;
	vector->at[vector->count++] = one;
	return true;
}

int
node_by_time(const struct node *a, const struct node *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return (a->fold > b->fold) - (a->fold < b->fold);
}

/* ---- the table ---- */

uint32_t
node_find(const struct joint *joint, uint64_t fold)
{
	const struct table *t = &joint->nodes;
	size_t at = t->slots > 0 ? table_home(t, fold * joint->turn) : 0;
	uint32_t index = NONE;

	while (t->slots > 0 && (index = table_next(t, fold * joint->turn, &at)) != NONE &&
	       joint->node[index].fold != fold)
		at = table_after(t, at);
	return index;
}

/* ---- on their way ---- */

/* Lines of it that are on their way; what is behind its end may be asked for, so it is reckoned as a number. */
static void
fetch(const void *p, size_t size)
{
	for (size_t at = 0; at < size; at += LINE)
		__builtin_prefetch((const void *)((uintptr_t)p + at));
}

/* NULL: it is at the end, or went. */
static const struct node *
node_listed(const struct joint *joint, const uint32_t *node, size_t at, size_t count)
{
	return at < count && node[at] != NONE && joint->node[node[at]].used ? &joint->node[node[at]] : NULL;
}

/* A step further each time, since each says where the next is: the node, its features, and what these lead to. */
void
nodes_fetch(const struct joint *joint, const uint32_t *node, size_t at, size_t count)
{
	const struct node *n;

	if (at + 6 < count && node[at + 6] != NONE)
		fetch(&joint->node[node[at + 6]], sizeof(*n));
	if ((n = node_listed(joint, node, at + 4, count)) != NULL) {
		if (n->feature_count > 0)
			fetch(&joint->feature[n->features], n->feature_count * sizeof(*joint->feature));
		if (n->value != NONE)
			fetch(&joint->name_at[n->value], LINE);
	}
	if ((n = node_listed(joint, node, at + 2, count)) == NULL)
		return;
	if (n->value != NONE)
		fetch(name_slice(joint, n->value).p, 2 * LINE);
	for (uint32_t f = n->features; f < n->features + n->feature_count; f++) {
		const struct feature *feature = &joint->feature[f];

		__builtin_prefetch(&joint->value[feature->value]);
		if (feature->next != NONE)
			__builtin_prefetch(&joint->feature[feature->next]);
		if (feature->prev != NONE)
			__builtin_prefetch(&joint->feature[feature->prev]);
	}
}

/* ---- by use ---- */

static void
unlink_use(struct joint *joint, struct node *node)
{
	*(node->newer != NONE ? &joint->node[node->newer].older : &joint->node_newest) = node->older;
	*(node->older != NONE ? &joint->node[node->older].newer : &joint->node_oldest) = node->newer;
}

static void
link_use(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	node->used_at = ++joint->uses;
	node->newer = NONE;
	node->older = joint->node_newest;
	*(joint->node_newest != NONE ? &joint->node[joint->node_newest].newer : &joint->node_oldest) = index;
	joint->node_newest = index;
}

void
node_touch(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (node->dirty)
		return;
	node->dirty = vector_add(&joint->dirty, index);
	joint->no_memory = joint->no_memory || !node->dirty;
}

void
node_doubt(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (node->dirty || node->doubted)
		return;
	node->doubted = vector_add(&joint->doubted, index);
	joint->no_memory = joint->no_memory || !node->doubted;
}

void
node_changed(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (joint->keeps && !node->unsaved) {
		node->unsaved = vector_add(&joint->unsaved, index);
		joint->no_memory = joint->no_memory || !node->unsaved;
	}
	node->version = ++joint->versions;
	node_touch(joint, index);
}

void
node_use(struct joint *joint, uint32_t index)
{
	if (joint->node_newest == index)
		return;
	unlink_use(joint, &joint->node[index]);
	link_use(joint, index);
}

/* ---- making and ending ---- */

static uint32_t
feature_block(struct joint *joint, unsigned count)
{
	uint32_t block = joint->feature_free[count];

	if (count == 0)
		return 0;
	if (block != NONE) {
		joint->feature_free[count] = joint->feature[block].next;
		return block;
	}
	block = (uint32_t)joint->feature_count;
	for (unsigned i = 0; i < count; i++) {
		if (!GROW(joint->feature, joint->feature_count + i, joint->feature_room))
			return NONE;
	}
	joint->feature_count += count;
	return block;
}

static void
free_block(struct joint *joint, uint32_t block, unsigned count)
{
	if (count == 0)
		return;
	joint->feature[block].next = joint->feature_free[count];
	joint->feature_free[count] = block;
}

/* A slot in the table for a node with this fold; its features are linked by who calls. */
static uint32_t
node_new(struct joint *joint, const struct node *like)
{
	uint32_t index = joint->node_free;

	if (!table_room(&joint->nodes))
		return NONE;
	if (index == NONE) {
		if (!GROW(joint->node, joint->node_count, joint->node_room))
			return NONE;
		index = (uint32_t)joint->node_count++;
		joint->node[index].newer = NONE;
	}
	joint->node_free = joint->node[index].newer;
	joint->node[index] = *like;
	joint->node[index].used = true;
	joint->node[index].dirty = false;
	joint->node[index].messages = NONE;
	joint->node[index].message_count = 0;
	joint->node[index].activity = NONE;
	joint->node[index].saved_size = 0;
	joint->node[index].mark = 0;
	joint->node[index].beats = NULL;
	table_put(&joint->nodes, like->fold * joint->turn, index);
	joint->node_live++;
	joint->bulk += like->bytes / BULK;
	link_use(joint, index);
	return index;
}

static bool
link_feature(struct joint *joint, uint32_t index, enum feature_type type, struct slice text, double cap, unsigned at)
{
	struct node *node = &joint->node[index];
	uint32_t value = value_of(joint, type, text, node->exercise);

	if (value == NONE)
		return false;
	joint->feature[node->features + at] =
	    (struct feature){.value = value, .node = index, .cap = (float)cap, .type = (uint8_t)type};
	value_link(joint, node->features + at, node->negative);
	node->feature_count = (uint8_t)(at + 1);
	return true;
}

static void
unlink_block(struct joint *joint, uint32_t index, uint32_t block, unsigned count)
{
	for (uint32_t f = block; f < block + count; f++)
		value_unlink(joint, f, joint->node[index].negative);
}

static void
node_grows(struct joint *joint, struct node *node, size_t more, size_t less)
{
	joint->bulk -= node->bytes / BULK;
	node->bytes = (uint32_t)(node->bytes + more - less);
	joint->bulk += node->bytes / BULK;
}

uint32_t
node_make(struct joint *joint, struct node *like, const struct feature_draft *feature, unsigned count)
{
	const uint32_t name[] = {like->value, like->key, like->rule_name, like->sector, like->sensor, like->class,
	    like->pseudonym, like->of};
	size_t bytes = 0;
	uint32_t index;

	for (unsigned i = 0; i < count; i++)
		bytes += feature[i].text.size;
	for (unsigned i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		bytes += name_slice(joint, name[i]).size;
	like->bytes = (uint32_t)bytes;
	like->feature_count = 0;
	like->hosted = like->domain != NONE && name_is_hosted(name_slice(joint, like->domain));
	like->observed = joint_class_observes(name_slice(joint, like->class));
	if ((like->features = feature_block(joint, count)) == NONE)
		return NONE;
	if ((index = node_new(joint, like)) == NONE) {
		free_block(joint, like->features, count);
		return NONE;
	}
	for (unsigned i = 0; i < count; i++) {
		if (link_feature(joint, index, feature[i].type, feature[i].text, feature[i].cap, i))
			continue;
		unlink_block(joint, index, like->features, i);
		free_block(joint, like->features, count);
		joint->node[index].feature_count = 0;
		node_drop(joint, index);
		return NONE;
	}
	if (revocable_add(joint, index))
		return index;
	node_drop(joint, index);
	return NONE;
}

void
node_drop(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	unsigned count = node->feature_count;

	if (joint->keeps)
		gone_encode(node, &joint->gone);
	table_drop(&joint->nodes, node->fold * joint->turn, index);
	revocable_drop(joint, index);
	unlink_block(joint, index, node->features, count);
	free_block(joint, node->features, count);
	while (node->messages != NONE) {
		uint32_t m = node->messages;

		node->messages = joint->message[m].next;
		joint->message[m].next = joint->message_free;
		joint->message_free = m;
	}
	free(node->beats);
	node->beats = NULL;
	unlink_use(joint, node);
	joint->saved_size -= node->saved_size;
	node->used = false;
	joint->node_live--;
	joint->bulk -= node->bytes / BULK;
	joint->stale++;
	/* A dirty one is freed by the settling, which has its number in a list. */
	if (!node->dirty) {
		node->newer = joint->node_free;
		joint->node_free = index;
	}
}

void
nodes_forget(struct joint *joint)
{
	for (size_t i = 0; i < joint->node_count; i++)
		free(joint->node[i].used ? joint->node[i].beats : NULL);
	joint->stale += joint->node_live;
	joint->node_count = joint->node_live = joint->feature_count = joint->message_count = 0;
	joint->bulk = joint->saved_size = 0;
	joint->node_free = joint->node_newest = joint->node_oldest = joint->message_free = NONE;
	memset(joint->feature_free, 0xff, sizeof(joint->feature_free));
	table_clear(&joint->nodes);
	table_clear(&joint->revocable);
	values_forget(joint);
}

/* ---- its rhythm, which repeats change ---- */

static unsigned
steady_features(const struct joint *joint, const struct node *node)
{
	unsigned count = 0;

	while (count < node->feature_count &&
	       joint->feature[node->features + count].type != FEATURE_PERIOD)
		count++;
	return count;
}

static bool
same_rhythm(const struct joint *joint, const struct node *node, unsigned steady, const struct feature_draft *feature,
    unsigned count)
{
	bool same = node->feature_count == steady + count;

	for (unsigned i = 0; i < count && same; i++) {
		const struct feature *f = &joint->feature[node->features + steady + i];

		same = joint->value[f->value].hash == value_hash(FEATURE_PERIOD, feature[i].text, node->exercise) &&
		       !(f->cap < (float)feature[i].cap) && !(f->cap > (float)feature[i].cap);
	}
	return same;
}

/* The features of a period stand behind all others.  Where they change, the node gets another block: linked before the
 * old one goes, so that no value is forgotten between. */
static bool
set_rhythm(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	struct feature_draft feature[RHYTHM_FEATURES];
	char room[RHYTHM_FEATURES][16];
	unsigned count = rhythm_features(node, feature, room), steady = steady_features(joint, node);
	uint32_t before = node->features, had = node->feature_count, block;

	if (same_rhythm(joint, node, steady, feature, count))
		return true;
	if (steady + count > NODE_FEATURES)
		count = NODE_FEATURES - steady;
	if ((block = feature_block(joint, steady + count)) == NONE)
		return false;
	node->features = block;
	for (unsigned i = 0; i < steady; i++) {
		joint->feature[block + i] = (struct feature){.value = joint->feature[before + i].value, .node = index,
		    .cap = joint->feature[before + i].cap, .type = joint->feature[before + i].type};
		/* Linking looks at what the node has: at what is linked already. */
		node->feature_count = (uint8_t)i;
		value_link(joint, block + i, node->negative);
	}
	node->feature_count = (uint8_t)steady;
	for (unsigned i = 0; i < count; i++) {
		if (link_feature(joint, index, FEATURE_PERIOD, feature[i].text, feature[i].cap, steady + i))
			continue;
		/* As it was. */
		unlink_block(joint, index, block, steady + i);
		free_block(joint, block, steady + count);
		node->features = before;
		node->feature_count = (uint8_t)had;
		return false;
	}
	unlink_block(joint, index, before, had);
	free_block(joint, before, had);
	node_touch(joint, index);
	return true;
}

/* ---- messages of a node ---- */

static uint32_t
message_hash(struct slice id)
{
	return (uint32_t)hash64(id, 5);
}

#define MESSAGE_BYTES (sizeof(struct message_ref) + 24) /* and 24 for the place of its name, beside that */

/* Is it one more than it may name, or than there is memory for where nothing goes to disk? */
static bool
is_full(const struct joint *joint, const struct node *node)
{
	return node->message_count >= joint->conf->joint_messages_max ||
	       (!joint->keeps && node->message_count > 0 && joint_held(joint) >= joint->node_max);
}

/* Beyond the limit those with the least hashes stay, whatever came first. */
static enum cc_status
replace_message(struct joint *joint, struct node *node, uint32_t most, struct slice id)
{
	struct message_ref *m = most != NONE ? &joint->message[most] : NULL;
	uint32_t hash = message_hash(id);

	joint->messages_left_out++;
	if (m == NULL || hash >= m->hash)
		return CC_ABSENT;
	node_grows(joint, node, id.size, name_slice(joint, m->name).size);
	m->hash = hash;
	m->name = name_of(joint, id);
	return m->name != NONE ? CC_OK : CC_NOMEM;
}

/* CC_ABSENT: it is there already, or left out. */
enum cc_status
node_message(struct joint *joint, uint32_t index, struct slice id)
{
	struct node *node = &joint->node[index];
	uint32_t hash = message_hash(id), most = NONE, last = NONE, at;

	for (uint32_t m = node->messages; m != NONE; m = joint->message[m].next) {
		last = m;
		if (joint->message[m].hash == hash && slice_eq(name_slice(joint, joint->message[m].name), id))
			return CC_ABSENT;
		if (most == NONE || joint->message[m].hash > joint->message[most].hash)
			most = m;
	}
	if (is_full(joint, node))
		return replace_message(joint, node, most, id);
	if ((at = joint->message_free) != NONE) {
		joint->message_free = joint->message[at].next;
	} else {
		if (!GROW(joint->message, joint->message_count, joint->message_room))
			return CC_NOMEM;
		at = (uint32_t)joint->message_count++;
	}
	/* Behind the last, so that what is read back from bytes is in its order. */
	joint->message[at] = (struct message_ref){name_of(joint, id), NONE, hash};
	if (last != NONE)
		joint->message[last].next = at;
	else
		node->messages = at;
	node->message_count++;
	node_grows(joint, node, id.size + MESSAGE_BYTES, 0);
	return joint->message[at].name != NONE ? CC_OK : CC_NOMEM;
}

/* ---- folding ---- */

bool
node_rhythm(struct joint *joint, uint32_t index, const struct node *like)
{
	(void)rhythm_fold(&joint->node[index], like);
	return set_rhythm(joint, index);
}


/* A repeat: everything by least and most.  True: something of it changed. */
static bool
fold_in(struct joint *joint, uint32_t index, const struct node *more)
{
	struct node *node = &joint->node[index], was = *node;
	bool beats = rhythm_fold(node, more); /* knows of the first sights of both */
	bool told = more->first != was.first || more->beats != NULL;

	if (told && node->beats == NULL && !node->negative && !node->echo)
		joint->no_memory = true;

	/* All that is taken over is least or most. */
	node->first = more->first < node->first ? more->first : node->first;
	node->last = more->last > node->last ? more->last : node->last;
	node->count = more->count > node->count ? more->count : node->count;
	node->proof = more->proof > node->proof ? more->proof : node->proof;
	if (more->from != 0 && (node->from == 0 || more->from < node->from))
		node->from = more->from;
	node->until = more->until > node->until ? more->until : node->until;
	node->loss = more->loss > node->loss ? more->loss : node->loss;
	/* One clock that is not known makes it unknown. */
	node->clock_error = node->clock_error < 0 || more->clock_error < 0 ? -1
			    : more->clock_error > node->clock_error        ? more->clock_error
									   : node->clock_error;
	node->completeness = more->completeness > node->completeness ? more->completeness : node->completeness;
	node->tlp = more->tlp > node->tlp ? more->tlp : node->tlp;
	if (node->first < was.first && !node->negative)
		value_older(joint, index);
	return beats || memcmp(&was, node, sizeof(was)) != 0;
}

/* It says more than before: what is judged by it is judged anew, and so is what others at its host say. */
static void
judge_beside(struct joint *joint, uint32_t index)
{
	const struct node *node = &joint->node[index];

	values_beside(joint, index);
	for (uint32_t f = node->features; f < node->features + node->feature_count; f++)
		host_doubt(joint, joint->feature[f].value);
}

/* What was shown without proof first, and with it later, is shown with it. */
static bool
raise_caps(struct joint *joint, uint32_t index, const struct feature_draft *feature, unsigned count)
{
	const struct node *node = &joint->node[index];
	bool raised = false;

	for (unsigned i = 0; i < count && i < node->feature_count; i++) {
		struct feature *f = &joint->feature[node->features + i];

		if (joint->value[f->value].type == feature[i].type && feature[i].type != FEATURE_PERIOD &&
		    (float)feature[i].cap > f->cap) {
			f->cap = (float)feature[i].cap;
			raised = true;
		}
	}
	if (raised && !node->negative)
		judge_beside(joint, index);
	return raised;
}

bool
node_merge(struct joint *joint, uint32_t index, const struct node *more, const struct feature_draft *feature,
    unsigned count)
{
	bool changed = fold_in(joint, index, more);

	joint->no_memory = !set_rhythm(joint, index) || joint->no_memory;
	changed = raise_caps(joint, index, feature, count) || changed;
	node_use(joint, index);
	return changed;
}

/* NONE is the least wanted; of two the least. */
static bool
is_before(const struct joint *joint, uint32_t name, struct slice text)
{
	struct slice was = name_slice(joint, name);
	size_t size = was.size < text.size ? was.size : text.size;
	int order = name != NONE && text.size > 0 ? memcmp(text.p, was.p, size) : 0;

	if (name == NONE || text.size == 0)
		return text.size > 0;
	return order < 0 || (order == 0 && text.size < was.size);
}

/* What it shows beside what it is: of several names of a rule, or classes (one that says more than that it is there, if
 * any does), the same stays, whichever came first. */
bool
node_told(struct joint *joint, uint32_t index, struct slice rule_name, struct slice class)
{
	struct node *node = &joint->node[index];
	struct slice was = name_slice(joint, node->class);
	bool more = is_before(joint, node->rule_name, rule_name), other = is_before(joint, node->class, class);

	if (node->class != NONE && class.size > 0 && node->observed != joint_class_observes(class))
		other = node->observed;
	if (more) {
		node_grows(joint, node, rule_name.size, name_slice(joint, node->rule_name).size);
		node->rule_name = name_of(joint, rule_name);
	}
	if (other) {
		node_grows(joint, node, class.size, was.size);
		node->class = name_of(joint, class);
		node->observed = joint_class_observes(class);
		if (!node->negative)
			judge_beside(joint, index);
	}
	joint->no_memory = joint->no_memory || (more && node->rule_name == NONE) || (other && node->class == NONE);
	return more || other;
}

static void
fill_node(struct joint *joint, const struct joint_sighting *s, const struct draft *d, uint64_t fold, struct node *node)
{
	memset(node, 0, sizeof(*node));
	node->fold = fold;
	node->first = s->first;
	node->last = s->last;
	node->count = s->count;
	node->from = s->from;
	node->until = s->until;
	/* As code.c reads it back. */
	node->loss = s->loss > 0 ? s->loss < 1 ? (float)s->loss : 1 : 0;
	node->clock_error = s->clock_error < 0 ? -1 : (float)s->clock_error;
	node->port = s->port;
	node->kind = (uint8_t)s->kind;
	node->proof = (uint8_t)s->proof;
	node->origin = (uint8_t)s->origin;
	node->completeness = (uint8_t)s->completeness;
	node->hops = (uint8_t)s->hops;
	node->tlp = (uint8_t)s->tlp;
	node->client = s->client;
	node->exercise = s->exercise;
	node->negative = s->count == 0;
	node->echo = draft_is_echo(s);
	node->home = d->home;
	rhythm_said(node, s);
	(void)joint;
}

static void
name_node(struct joint *joint, const struct joint_sighting *s, struct node *node)
{
	name_prefetch(joint, s->value);
	name_prefetch(joint, s->key);
	name_prefetch(joint, s->victim);
	name_prefetch(joint, s->domain);
	name_prefetch(joint, s->message);
	node->organisation = name_of(joint, s->organisation);
	node->sensor = name_of(joint, s->sensor);
	node->value = name_of(joint, s->value);
	node->key = name_of(joint, s->key);
	node->attacker = name_of(joint, s->attacker);
	node->pseudonym = name_of(joint, s->attacker_pseudonym);
	node->victim = name_of(joint, s->victim);
	node->sector = name_of(joint, s->sector);
	node->rule_name = name_of(joint, s->rule_name);
	node->domain = name_of(joint, s->domain);
	node->cert = name_of(joint, s->cert);
	node->key_sha256 = name_of(joint, s->key_sha256);
	node->of = name_of(joint, s->origin_of);
	node->class = name_of(joint, s->rule_class);
}

enum cc_status
joint_add(struct joint *joint, const struct joint_sighting *s)
{
	struct draft d;
	struct node like;
	uint64_t fold;
	uint32_t index;
	enum cc_status st;
	bool changed = true;

	if (s->revoked)
		return joint_revoke(joint, s->organisation, s->kind, s->value, s->last);
	if (s->last <= revoked_until(joint, s->organisation, s->kind, s->value))
		return CC_OK;
	draft_features(joint, s, &d);
	values_prefetch(joint, &d);
	fold = draft_fold(s, &d);
	fill_node(joint, s, &d, fold, &like);
	if ((index = node_find(joint, fold)) != NONE) {
		changed = node_merge(joint, index, &like, d.feature, d.count);
		changed = node_told(joint, index, s->rule_name, s->rule_class) || changed;
	} else {
		if (joint_held(joint) >= joint->node_max) {
			joint->dropped++;
			return CC_FULL;
		}
		name_node(joint, s, &like);
		if ((index = node_make(joint, &like, d.feature, d.count)) == NONE || !set_rhythm(joint, index))
			return CC_NOMEM;
		if (joint->keeps && !vector_add(&joint->fresh, index))
			return CC_NOMEM;
	}
	st = node_message(joint, index, s->message);
	if (changed || st == CC_OK)
		node_changed(joint, index);
	return joint->no_memory ? CC_NOMEM : st == CC_ABSENT ? CC_OK : st;
}
