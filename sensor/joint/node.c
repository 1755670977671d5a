/*
 * Nodes: what one organisation saw of one thing in one day.  Messages fold into them by least, most and union only, so
 * that their order, and repeats, do not matter; a node can leave as bytes and come back, here or at another member.
 *
 * Bounded: joint.messages_max names of messages a node, those with the least hashes; nodes by who settles (joint.c).
 * One thread.
 */
#include "joint/joint_own.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY (86400 * NS_PER_S)
#define CODE_VERSION 1
#define CODE_REVOKED 2

const struct feature_about feature_about[FEATURE_TYPES] = {
#define FEATURE(symbol, word, cap, spread, group) [FEATURE_##symbol] = {word, cap, spread, group},
#include "joint/features.def"
#undef FEATURE
};

bool
joint_grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room > 0 ? *room * 2 : 1024;
	void *p;

	if (count < *room)
		return true;
	if (count >= NONE || (p = realloc(*array, more * size)) == NULL)
		return false;
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

/* ---- features of a sighting ---- */

struct draft {
	struct feature_draft {
		enum feature_type type;
		struct slice text;
		double cap;
		uint64_t hash;
	} feature[NODE_FEATURES];
	unsigned count;
	uint32_t home;       /* of the attacker */
	char port[16], net[32], shape[32], as[24], home_name[256]; /* texts move when more are kept */
};

static void
add_feature(struct draft *draft, enum feature_type type, struct slice text, double cap)
{
	uint64_t hash;

	if (text.size == 0 || draft->count == NODE_FEATURES)
		return;
	hash = value_hash(type, text, false);
	for (unsigned i = 0; i < draft->count; i++) {
		if (draft->feature[i].type == type && draft->feature[i].hash == hash)
			return;
	}
	draft->feature[draft->count++] = (struct feature_draft){type, text, cap, hash};
}

/* The part that somebody registers: two labels, three where the second last is a short word of a registry (co.uk). */
static struct slice
site_of(struct slice domain)
{
	const uint8_t *p = domain.p + domain.size, *dot[3] = {NULL, NULL, NULL};
	unsigned dots = 0;

	while (p > domain.p && dots < 3) {
		if (*--p == '.')
			dot[dots++] = p;
	}
	if (dots < 2)
		return domain;
	if (dot[0] - dot[1] <= 4 && domain.p + domain.size - dot[0] == 3)
		p = dots == 3 ? dot[2] + 1 : domain.p;
	else
		p = dot[1] + 1;
	return slice_of(p, (size_t)(domain.p + domain.size - p));
}

/* Path without query, when it is long enough to mean something. */
static struct slice
path_of(struct slice url)
{
	const uint8_t *p = url.p, *end = url.p != NULL ? url.p + url.size : NULL, *start = NULL;
	unsigned slashes = 0;

	for (; p != NULL && p < end && *p != '?' && *p != '#'; p++) {
		if (*p == '/' && ++slashes == 3)
			start = p;
	}
	return start != NULL && p - start >= 5 ? slice_of(start, (size_t)(p - start)) : slice_of(NULL, 0);
}

static bool
addr_of(struct slice text, struct cc_addr *ret_addr)
{
	char word[CC_ADDR_TEXT];

	if (text.size == 0 || text.size >= sizeof(word))
		return false;
	memcpy(word, text.p, text.size);
	word[text.size] = '\0';
	return cc_addr_parse(word, ret_addr) == CC_OK;
}

static uint32_t
home_at(const struct joint *joint, const struct cc_addr *addr)
{
	for (size_t i = 0; i < joint->home_count; i++) {
		if (cc_prefix_has(&joint->home[i].prefix, addr))
			return joint->home[i].organisation;
	}
	return NONE;
}

/* The /24 or /48 that it is in, as text. */
static struct slice
net_of(struct slice addr, const struct cc_addr *at, char room[32])
{
	for (size_t i = addr.size; i > 0; i--) {
		if (addr.p[i - 1] == '.')
			return slice_of(addr.p, i);
	}
	snprintf(room, 32, "%02x%02x:%02x%02x:%02x%02x", at->b[0], at->b[1], at->b[2], at->b[3], at->b[4], at->b[5]);
	return slice_str(room);
}

/*
 * Names that a program has made look alike: long, hardly a vowel or much of digits, under one registry.  What people
 * register does not look so, and has no shape.
 */
static struct slice
shape_of(struct slice site, char room[32])
{
	const uint8_t *dot = site.size > 0 ? memchr(site.p, '.', site.size) : NULL;
	size_t size = dot != NULL ? (size_t)(dot - site.p) : 0, vowels = 0, digits = 0;

	for (size_t i = 0; i < size; i++) {
		vowels += memchr("aeiouy", site.p[i] | 0x20, 6) != NULL;
		digits += site.p[i] >= '0' && site.p[i] <= '9';
	}
	if (size < 7 || (vowels * 6 > size && digits * 4 < size))
		return slice_of(NULL, 0);
	snprintf(room, 32, "%s%s%.*s", size < 12 ? "s" : size < 20 ? "m" : "l", digits * 4 >= size ? "d" : "c",
	    (int)(site.size - size < 16 ? site.size - size : 16), (const char *)dot);
	return slice_str(room);
}

#define CAP(type) feature_about[FEATURE_##type].cap

/* A host of theirs attacks, others say; a host of ours attacks, or is steered from outside, they say: perhaps the same.
 */
static void
draft_home(const struct joint *joint, const struct joint_sighting *s, struct draft *d)
{
	struct slice name = name_slice(joint, d->home);

	if (s->attacker_pseudonym.size > 0 ||
	    (s->victim.size > 0 && s->client && s->proof >= CC_PROOF_DIALOGUE && d->home == NONE)) {
		add_feature(d, FEATURE_HOME, s->organisation, CAP(HOME));
	} else if (s->proof != CC_PROOF_SPOOFABLE && d->home != NONE) {
		name.size = name.size < sizeof(d->home_name) ? name.size : sizeof(d->home_name);
		memcpy(d->home_name, name.p, name.size);
		add_feature(d, FEATURE_HOME, slice_of(d->home_name, name.size), CAP(HOME));
	}
}

static void
draft_features(const struct joint *joint, const struct joint_sighting *s, struct draft *d)
{
	bool keyed = s->proof == CC_PROOF_KEYED, forged = s->proof == CC_PROOF_SPOOFABLE;
	struct slice addr = s->attacker.size > 0 ? s->attacker : s->kind == CC_KIND_ADDR ? s->value : slice_of(NULL, 0);
	struct cc_addr at;
	bool known = addr_of(addr, &at);

	d->count = 0;
	d->home = s->attacker.size > 0 && known ? home_at(joint, &at) : NONE;
	add_feature(d, FEATURE_KEY, s->key_sha256, keyed ? CAP(KEY) : 4);
	/* A certificate that was shown without its key in use is a copy that anybody can show; named by an indicator it
	 * is meant. */
	add_feature(d, FEATURE_CERT, s->cert, keyed || s->kind == CC_KIND_CERT_SHA256 ? CAP(CERT) : 3);
	add_feature(d, FEATURE_DOMAIN, s->domain, CAP(DOMAIN));
	if (s->domain.size > 0)
		add_feature(d, FEATURE_SITE, site_of(s->domain), CAP(SITE));
	add_feature(d, FEATURE_URL, s->url, CAP(URL));
	add_feature(d, FEATURE_FILE, s->file, CAP(FILE));
	add_feature(d, FEATURE_ADDR, addr, forged && s->attacker.size > 0 ? 3.5 : CAP(ADDR));
	if (!forged && known)
		add_feature(d, FEATURE_NET, net_of(addr, &at, d->net), CAP(NET));
	add_feature(d, FEATURE_VICTIM, s->victim, CAP(VICTIM));
	add_feature(d, FEATURE_VICTIM, s->attacker_pseudonym, CAP(VICTIM) + 1.5);
	draft_home(joint, s, d);
	add_feature(d, FEATURE_JA4, s->ja4, CAP(JA4));
	add_feature(d, FEATURE_JA3, s->ja3, CAP(JA3));
	add_feature(d, FEATURE_JA3S, s->ja3s, CAP(JA3S));
	add_feature(d, FEATURE_AGENT, s->agent, CAP(AGENT));
	add_feature(d, FEATURE_RULE, s->rule.size > 0 ? s->rule : s->rule_name, CAP(RULE));
	add_feature(d, FEATURE_PATH, path_of(s->url), CAP(PATH));
	add_feature(d, FEATURE_STACK, s->stack, CAP(STACK));
	if (!s->client && s->port != 0) {
		snprintf(d->port, sizeof(d->port), "%u", s->port);
		add_feature(d, FEATURE_PORT, slice_str(d->port), CAP(PORT));
	}
	if (s->domain.size > 0)
		add_feature(d, FEATURE_SHAPE, shape_of(site_of(s->domain), d->shape), CAP(SHAPE));
	add_feature(d, FEATURE_HASSH, s->hassh, CAP(HASSH));
	add_feature(d, FEATURE_HASSHS, s->hassh_server, CAP(HASSHS));
	/* Last, and no part of what a node is: another edition of the database is no other sight. */
	if (!forged && known) {
		as_name(joint, &at, d->as);
		add_feature(d, FEATURE_AS, slice_str(d->as), CAP(AS));
	}
}

/* ---- the table ---- */

static uint64_t
mix(uint64_t hash, struct slice text)
{
	return hash64(text, hash * 0x9e3779b97f4a7c15ull + 1);
}

/* A copy of another's list has the value, and nothing that its own wire would have told. */
static bool
is_echo(const struct joint_sighting *s)
{
	if (s->origin == JOINT_RELAY)
		return true;
	return s->origin == JOINT_OWN && s->count > 0 && s->victim.size == 0 && s->attacker_pseudonym.size == 0 &&
	       s->attacker.size == 0 && s->kind != CC_KIND_FILE_SHA256;
}

static uint64_t
fold_of(const struct joint_sighting *s, const struct draft *d)
{
	uint64_t small[4] = {(uint64_t)s->kind, s->first / DAY,
	    (uint64_t)s->origin << 2 | (uint64_t)(s->count == 0) << 1 | s->exercise, s->client};
	uint64_t hash = hash64(slice_of(small, sizeof(small)), 11);

	hash = mix(hash, s->organisation);
	hash = mix(hash, s->value);
	hash = mix(hash, s->attacker);
	hash = mix(hash, s->origin_of);
	for (unsigned i = 0; i < d->count; i++) {
		if (d->feature[i].type != FEATURE_AS)
			hash = hash64(slice_of(&d->feature[i].hash, 8), hash);
	}
	return hash;
}

static size_t
slot_of(const struct joint *joint, uint64_t fold)
{
	size_t at = fold & (joint->node_slots - 1);

	while (joint->node_table[at] != NONE && joint->node[joint->node_table[at]].fold != fold)
		at = (at + 1) & (joint->node_slots - 1);
	return at;
}

static bool
wider(struct joint *joint)
{
	size_t slots = joint->node_slots > 0 ? joint->node_slots * 2 : 4096;
	uint32_t *table = malloc(slots * sizeof(*table));

	if (table == NULL)
		return false;
	memset(table, 0xff, slots * sizeof(*table));
	free(joint->node_table);
	joint->node_table = table;
	joint->node_slots = slots;
	for (uint32_t i = 0; i < joint->node_count; i++) {
		if (joint->node[i].used)
			table[slot_of(joint, joint->node[i].fold)] = i;
	}
	return true;
}

uint32_t
node_find(const struct joint *joint, uint64_t fold)
{
	return joint->node_slots > 0 ? joint->node_table[slot_of(joint, fold)] : NONE;
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

	if (!node->dirty && vector_add(&joint->dirty, index))
		node->dirty = true;
}

void
node_changed(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];

	if (joint->keeps && !node->unsaved && vector_add(&joint->unsaved, index))
		node->unsaved = true;
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

static void
put_u64(struct buf *out, uint64_t n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(n >> 8 * (7 - i));
	buf_add(out, b, 8);
}

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
		if (!GROW(joint->feature, joint->feature_count, joint->feature_room))
			return NONE;
		joint->feature_count++;
	}
	return block;
}

/* A slot in the table for a node with this fold; its features are linked by who calls. */
static uint32_t
node_new(struct joint *joint, const struct node *like)
{
	uint32_t index = joint->node_free;

	if (joint->node_live * 2 >= joint->node_slots && !wider(joint))
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
	joint->node[index].mark = 0;
	joint->node_table[slot_of(joint, like->fold)] = index;
	joint->node_live++;
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
	joint->feature[node->features + at] = (struct feature){.value = value, .node = index, .cap = (float)cap};
	value_link(joint, node->features + at, node->negative);
	node->feature_count = (uint8_t)(at + 1);
	return true;
}

void
node_drop(struct joint *joint, uint32_t index)
{
	struct node *node = &joint->node[index];
	size_t at = slot_of(joint, node->fold), mask = joint->node_slots - 1;
	unsigned count = node->feature_count;

	if (joint->keeps) {
		buf_add_u8(&joint->gone, TAG_GONE);
		put_u64(&joint->gone, node->fold);
	}
	joint->node_table[at] = NONE;
	for (size_t next = (at + 1) & mask; joint->node_table[next] != NONE; next = (next + 1) & mask) {
		uint32_t moved = joint->node_table[next];

		joint->node_table[next] = NONE;
		joint->node_table[slot_of(joint, joint->node[moved].fold)] = moved;
	}
	for (uint32_t f = node->features; f < node->features + count; f++)
		value_unlink(joint, f, node->negative);
	if (count > 0) {
		joint->feature[node->features].next = joint->feature_free[count];
		joint->feature_free[count] = node->features;
	}
	while (node->messages != NONE) {
		uint32_t m = node->messages;

		node->messages = joint->message[m].next;
		joint->message[m].next = joint->message_free;
		joint->message_free = m;
	}
	unlink_use(joint, node);
	node->used = false;
	joint->node_live--;
	joint->stale++;
	/* A dirty one is freed by the settling, which has its number in a list. */
	if (!node->dirty) {
		node->newer = joint->node_free;
		joint->node_free = index;
	}
}

/* ---- messages of a node ---- */

static uint32_t
message_hash(struct slice id)
{
	return (uint32_t)hash64(id, 5);
}

/* False: it is there already, or left out.  Beyond the limit those with the least hashes stay, whatever came first. */
static enum cc_status
add_message(struct joint *joint, struct node *node, struct slice id)
{
	uint32_t hash = message_hash(id), most = NONE, at;

	for (uint32_t m = node->messages; m != NONE; m = joint->message[m].next) {
		if (joint->message[m].hash == hash && slice_eq(name_slice(joint, joint->message[m].name), id))
			return CC_ABSENT;
		if (most == NONE || joint->message[m].hash > joint->message[most].hash)
			most = m;
	}
	if (node->message_count >= joint->conf->joint_messages_max) {
		joint->messages_left_out++;
		if (most == NONE || hash >= joint->message[most].hash)
			return CC_ABSENT;
		joint->message[most].hash = hash;
		joint->message[most].name = name_of(joint, id);
		return joint->message[most].name != NONE ? CC_OK : CC_NOMEM;
	}
	if ((at = joint->message_free) != NONE) {
		joint->message_free = joint->message[at].next;
	} else {
		if (!GROW(joint->message, joint->message_count, joint->message_room))
			return CC_NOMEM;
		at = (uint32_t)joint->message_count++;
	}
	joint->message[at] = (struct message_ref){name_of(joint, id), node->messages, hash};
	node->messages = at;
	node->message_count++;
	return joint->message[at].name != NONE ? CC_OK : CC_NOMEM;
}

/* ---- folding ---- */

/* A repeat: everything by least and most.  True: something of it changed. */
static bool
fold_in(struct joint *joint, uint32_t index, const struct node *more)
{
	struct node *node = &joint->node[index], was = *node;

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
	return memcmp(&was, node, sizeof(was)) != 0;
}

/* What was shown without proof first, and with it later, is shown with it. */
static bool
raise_caps(struct joint *joint, uint32_t index, const struct feature_draft *feature, unsigned count)
{
	const struct node *node = &joint->node[index];
	bool raised = false;

	for (unsigned i = 0; i < count && i < node->feature_count; i++) {
		struct feature *f = &joint->feature[node->features + i];

		if ((float)feature[i].cap > f->cap) {
			f->cap = (float)feature[i].cap;
			raised = true;
		}
	}
	if (raised && !node->negative)
		values_beside(joint, index);
	return raised;
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
	node->loss = (float)s->loss;
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
	node->echo = is_echo(s);
	node->home = d->home;
	(void)joint;
}

static void
name_node(struct joint *joint, const struct joint_sighting *s, struct node *node)
{
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
	fold = fold_of(s, &d);
	fill_node(joint, s, &d, fold, &like);
	if ((index = node_find(joint, fold)) != NONE) {
		changed = fold_in(joint, index, &like);
		changed = raise_caps(joint, index, d.feature, d.count) || changed;
		node_use(joint, index);
	} else {
		if (joint->node_live >= joint->node_max) {
			joint->dropped++;
			return CC_FULL;
		}
		name_node(joint, s, &like);
		if ((like.features = feature_block(joint, d.count)) == NONE || (index = node_new(joint, &like)) == NONE)
			return CC_NOMEM;
		for (unsigned i = 0; i < d.count; i++) {
			if (!link_feature(joint, index, d.feature[i].type, d.feature[i].text, d.feature[i].cap, i))
				return CC_NOMEM;
		}
		if (joint->keeps && !vector_add(&joint->fresh, index))
			return CC_NOMEM;
	}
	st = add_message(joint, &joint->node[index], s->message);
	if (changed || st == CC_OK)
		node_changed(joint, index);
	return st == CC_ABSENT ? CC_OK : joint->text.full ? CC_NOMEM : st;
}

/* ---- as bytes ---- */

static void
put_u16(struct buf *out, size_t n)
{
	uint8_t b[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	buf_add(out, b, 2);
}

static void
put_float(struct buf *out, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	put_u16(out, bits >> 16);
	put_u16(out, bits & 0xffff);
}

static void
put_text(struct buf *out, struct slice text)
{
	put_u16(out, text.size);
	buf_add_slice(out, text);
}

static float
get_float(struct cur *c)
{
	uint32_t bits = cur_u32(c);
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

static struct slice
get_text(struct cur *c)
{
	size_t size = cur_u16(c);
	const uint8_t *p = cur_bytes(c, size);

	return slice_of(p, p != NULL ? size : 0);
}

#define NODE_TEXTS 13

void
node_encode(const struct joint *joint, const struct node *n, struct buf *out)
{
	const uint32_t name[NODE_TEXTS] = {n->organisation, n->sensor, n->value, n->key, n->attacker, n->pseudonym,
	    n->victim, n->sector, n->rule_name, n->domain, n->cert, n->key_sha256, n->of};
	const uint64_t number[] = {n->fold, n->first, n->last, n->count, n->from, n->until};
	const uint8_t small[] = {n->kind, n->proof, n->origin, n->completeness, n->hops,
	    (uint8_t)(
		n->client | n->exercise << 1 | n->negative << 2 | n->echo << 3 | (n->tlp + 1) << 4),
	    n->feature_count};

	buf_add_u8(out, CODE_VERSION);
	for (unsigned i = 0; i < 6; i++)
		put_u64(out, number[i]);
	put_float(out, n->loss);
	put_float(out, n->clock_error);
	put_u16(out, n->port);
	buf_add(out, small, sizeof(small));
	for (unsigned i = 0; i < NODE_TEXTS; i++)
		put_text(out, name_slice(joint, name[i]));
	for (uint32_t f = n->features; f < n->features + n->feature_count; f++) {
		const struct value *v = &joint->value[joint->feature[f].value];

		buf_add_u8(out, v->type);
		put_float(out, joint->feature[f].cap);
		put_text(out, name_slice(joint, v->name));
	}
	put_u16(out, n->message_count);
	for (uint32_t m = n->messages; m != NONE; m = joint->message[m].next)
		put_text(out, name_slice(joint, joint->message[m].name));
}

/* Where what was written by us, or by a member whom we trust, is damaged all the same, nothing is read past its end. */
static bool
read_node(struct cur *c, struct node *n, struct slice text[NODE_TEXTS])
{
	uint8_t version = cur_u8(c), flags;

	memset(n, 0, sizeof(*n));
	n->fold = cur_u64(c);
	n->first = cur_u64(c);
	n->last = cur_u64(c);
	n->count = cur_u64(c);
	n->from = cur_u64(c);
	n->until = cur_u64(c);
	n->loss = get_float(c);
	n->clock_error = get_float(c);
	n->port = cur_u16(c);
	n->kind = cur_u8(c);
	n->proof = cur_u8(c);
	n->origin = cur_u8(c);
	n->completeness = cur_u8(c);
	n->hops = cur_u8(c);
	flags = cur_u8(c);
	n->client = (flags & 1) != 0;
	n->exercise = (flags & 2) != 0;
	n->negative = (flags & 4) != 0;
	n->echo = (flags & 8) != 0;
	/* Written before markings were kept: what is marked by nobody goes as AMBER. */
	n->tlp = flags >> 4 > 0 ? (uint8_t)((flags >> 4) - 1) : CC_TLP_AMBER;
	n->feature_count = cur_u8(c);
	for (unsigned i = 0; i < NODE_TEXTS; i++)
		text[i] = get_text(c);
	return !c->bad && version == CODE_VERSION && n->feature_count <= NODE_FEATURES && n->kind < CC_KIND_COUNT &&
	       n->proof <= CC_PROOF_CONTENT && n->origin <= JOINT_ANSWER && n->tlp <= CC_TLP_RED && n->loss >= 0 &&
	       n->loss <= 1 && n->clock_error >= -1 && text[0].size > 0;
}

static bool
read_features(struct cur *c, unsigned count, struct feature_draft *ret_feature)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t type = cur_u8(c);
		float cap = get_float(c);

		ret_feature[i] = (struct feature_draft){(enum feature_type)type, get_text(c), (double)cap, 0};
		if (c->bad || type >= FEATURE_TYPES || !(cap >= 0 && cap <= 20) || ret_feature[i].text.size == 0)
			return false;
	}
	return true;
}

static uint32_t
make_decoded(
    struct joint *joint, struct node *n, const struct slice text[NODE_TEXTS], const struct feature_draft *feature)
{
	uint32_t *const name[NODE_TEXTS] = {&n->organisation, &n->sensor, &n->value, &n->key, &n->attacker,
	    &n->pseudonym, &n->victim, &n->sector, &n->rule_name, &n->domain, &n->cert, &n->key_sha256, &n->of};
	unsigned count = n->feature_count;
	struct cc_addr at;
	uint32_t index;

	for (unsigned i = 0; i < NODE_TEXTS; i++)
		*name[i] = name_of(joint, text[i]);
	n->home = addr_of(text[4], &at) ? home_at(joint, &at) : NONE;
	n->feature_count = 0;
	if ((n->features = feature_block(joint, count)) == NONE || (index = node_new(joint, n)) == NONE)
		return NONE;
	for (unsigned i = 0; i < count; i++) {
		if (!link_feature(joint, index, feature[i].type, feature[i].text, feature[i].cap, i))
			return NONE;
	}
	return index;
}

void
revocations_encode(struct joint *joint, bool all, uint8_t tag, struct buf *out)
{
	for (size_t i = 0; (all || joint->revocations_unsaved) && i < joint->revocation_count; i++) {
		struct revocation *r = &joint->revocation[i];

		if (!all && !r->unsaved)
			continue;
		r->unsaved = false;
		if (tag != 0)
			buf_add_u8(out, tag);
		buf_add_u8(out, CODE_REVOKED);
		buf_add_u8(out, r->kind);
		put_u64(out, r->time);
		put_text(out, name_slice(joint, r->organisation));
		put_text(out, name_slice(joint, r->value));
	}
	joint->revocations_unsaved = false;
}

static enum cc_status
decode_revocation(struct joint *joint, struct cur *in)
{
	struct cur c = *in;
	uint8_t kind;
	uint64_t time;
	struct slice organisation, value;

	(void)cur_u8(&c);
	kind = cur_u8(&c);
	time = cur_u64(&c);
	organisation = get_text(&c);
	value = get_text(&c);
	if (c.bad || kind >= CC_KIND_COUNT || organisation.size == 0 || value.size == 0)
		return CC_BAD;
	*in = c;
	return joint_revoke(joint, organisation, (enum cc_kind)kind, value, time) == CC_NOMEM ? CC_NOMEM : CC_OK;
}

enum cc_status
node_decode(struct joint *joint, struct cur *in, uint32_t *ret_node)
{
	struct cur c = *in;
	struct node n;
	struct slice text[NODE_TEXTS];
	struct feature_draft feature[NODE_FEATURES];
	uint32_t index;
	unsigned count;
	bool changed = true;

	*ret_node = NONE;
	if (cur_left(&c) > 0 && c.p[0] == CODE_REVOKED)
		return decode_revocation(joint, in);
	if (!read_node(&c, &n, text) || !read_features(&c, n.feature_count, feature))
		return CC_BAD;
	if (n.last <= revoked_until(joint, text[0], n.kind, text[2])) {
		for (count = cur_u16(&c); count > 0 && !c.bad; count--)
			(void)get_text(&c);
		*in = c;
		return c.bad ? CC_BAD : CC_OK;
	}
	if ((index = node_find(joint, n.fold)) != NONE) {
		changed = fold_in(joint, index, &n);
		changed = raise_caps(joint, index, feature, n.feature_count) || changed;
		node_use(joint, index);
	} else if ((index = make_decoded(joint, &n, text, feature)) == NONE) {
		return CC_NOMEM;
	}
	for (count = cur_u16(&c); count > 0 && !c.bad; count--) {
		struct slice id = get_text(&c);
		enum cc_status st = c.bad ? CC_BAD : add_message(joint, &joint->node[index], id);

		if (st == CC_NOMEM)
			return st;
		changed = changed || st == CC_OK;
	}
	if (changed)
		node_changed(joint, index);
	*in = c;
	*ret_node = index;
	return c.bad ? CC_BAD : CC_OK;
}
