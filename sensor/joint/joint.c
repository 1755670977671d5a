/*
 * The set of sightings: names once, nodes that repeats fold into, and the activities of the last settling.
 *
 * Folding takes least, most and union only, so that the order of messages does not matter.
 */
#include "joint/joint_own.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY (86400 * NS_PER_S)

const struct feature_about feature_about[FEATURE_TYPES] = {
#define FEATURE(symbol, word, cap, spread, group) [FEATURE_##symbol] = {word, cap, spread, group},
#include "joint/features.def"
#undef FEATURE
};

const char *const rival_word[RIVALS] = {"forged", "relayed", "shared", "cannot say"};

/* ---- memory ---- */

/* Room for one more. */
static bool
grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room > 0 ? *room * 2 : 1024;
	void *p;

	if (count < *room)
		return true;
	if ((p = realloc(*array, more * size)) == NULL)
		return false;
	*array = p;
	*room = more;
	return true;
}

#define GROW(array, count, room) grow((void **)&(array), count, &(room), sizeof(*(array)))

struct slice
name_slice(const struct joint *joint, uint32_t name)
{
	if (name == NONE)
		return slice_of(NULL, 0);
	return slice_of(joint->text.p + (joint->name_at[name] >> 24), joint->name_at[name] & 0xffffff);
}

static bool
wider_names(struct joint *joint)
{
	size_t slots = joint->name_slots > 0 ? joint->name_slots * 2 : 4096;
	uint32_t *table = malloc(slots * sizeof(*table));

	if (table == NULL)
		return false;
	memset(table, 0xff, slots * sizeof(*table));
	for (uint32_t i = 0; i < joint->name_count; i++) {
		size_t at = hash64(name_slice(joint, i), 7) & (slots - 1);

		while (table[at] != NONE)
			at = (at + 1) & (slots - 1);
		table[at] = i;
	}
	free(joint->name_table);
	joint->name_table = table;
	joint->name_slots = slots;
	return true;
}

uint32_t
name_of(struct joint *joint, struct slice text)
{
	size_t room = joint->name_room, at;

	if (text.size == 0)
		return NONE;
	if (text.size > 65535)
		text.size = 65535;
	if (joint->name_count * 2 >= joint->name_slots && !wider_names(joint))
		return NONE;
	at = hash64(text, 7) & (joint->name_slots - 1);
	for (; joint->name_table[at] != NONE; at = (at + 1) & (joint->name_slots - 1)) {
		if (slice_eq(name_slice(joint, joint->name_table[at]), text))
			return joint->name_table[at];
	}
	if (!GROW(joint->name_at, joint->name_count, room))
		return NONE;
	joint->name_room = (uint32_t)room;
	joint->name_at[joint->name_count] = (uint64_t)joint->text.size << 24 | text.size;
	buf_add_slice(&joint->text, text);
	if (joint->text.full)
		return NONE;
	joint->name_table[at] = joint->name_count;
	return joint->name_count++;
}

/* ---- opening ---- */

struct joint *
joint_new(const struct conf *conf)
{
	struct joint *joint = calloc(1, sizeof(*joint));

	if (joint == NULL)
		return NULL;
	joint->conf = conf;
	joint->node_max = conf->joint_nodes_max;
	buf_open(&joint->text, (size_t)1 << 36);
	return joint;
}

static void
forget_activities(struct joint *joint)
{
	for (size_t i = 0; i < joint->activity_count; i++)
		activity_free(&joint->activity[i]);
	free(joint->activity);
	free(joint->order);
	free(joint->parent);
	free(joint->rare_hash);
	free(joint->rare_diversity);
	free(joint->rare_weight);
	joint->activity = NULL;
	joint->order = joint->parent = NULL;
	joint->rare_hash = NULL;
	joint->rare_diversity = joint->rare_weight = NULL;
	joint->activity_count = joint->rare_count = joint->rare_room = 0;
}

void
joint_free(struct joint *joint)
{
	if (joint == NULL)
		return;
	forget_activities(joint);
	buf_close(&joint->text);
	free(joint->name_at);
	free(joint->name_table);
	free(joint->node);
	free(joint->node_table);
	free(joint->feature);
	free(joint->message);
	free(joint->home);
	free(joint);
}

size_t
joint_nodes(const struct joint *joint)
{
	return joint->node_count;
}

uint64_t
joint_dropped(const struct joint *joint)
{
	return joint->dropped;
}

enum cc_status
joint_home(struct joint *joint, const char *organisation, const char *prefix)
{
	struct home *more = realloc(joint->home, (joint->home_count + 1) * sizeof(*more));
	struct home home;
	enum cc_status st = cc_prefix_parse(prefix, &home.prefix);

	if (more == NULL)
		return CC_NOMEM;
	joint->home = more;
	if (st != CC_OK)
		return st;
	home.organisation = name_of(joint, slice_str(organisation));
	joint->home[joint->home_count++] = home;
	return CC_OK;
}

static uint32_t
home_of(const struct joint *joint, struct slice addr)
{
	char text[CC_ADDR_TEXT];
	struct cc_addr at;

	if (addr.size == 0 || addr.size >= sizeof(text))
		return NONE;
	memcpy(text, addr.p, addr.size);
	text[addr.size] = '\0';
	if (cc_addr_parse(text, &at) != CC_OK)
		return NONE;
	for (size_t i = 0; i < joint->home_count; i++) {
		if (cc_prefix_has(&joint->home[i].prefix, &at))
			return joint->home[i].organisation;
	}
	return NONE;
}

/* ---- features of a sighting ---- */

struct draft {
	struct feature feature[NODE_FEATURES];
	unsigned count;
};

static void
add_feature(struct joint *joint, struct draft *draft, enum feature_type type, struct slice value, double cap)
{
	struct feature *f = &draft->feature[draft->count];

	if (value.size == 0 || draft->count == NODE_FEATURES)
		return;
	for (unsigned i = 0; i < draft->count; i++) {
		if (draft->feature[i].type == type && draft->feature[i].hash == hash64(value, type + 100u))
			return;
	}
	*f = (struct feature){.hash = hash64(value, type + 100u), .name = name_of(joint, value), .cap = (float)cap, .type = (uint8_t)type};
	draft->count++;
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

static struct slice
net_of(struct slice addr)
{
	for (size_t i = addr.size; i > 0; i--) {
		if (addr.p[i - 1] == '.')
			return slice_of(addr.p, i);
	}
	return slice_of(NULL, 0);
}

static void
draft_features(struct joint *joint, const struct joint_sighting *s, struct draft *d)
{
	bool keyed = s->proof == CC_PROOF_KEYED, forged = s->proof == CC_PROOF_SPOOFABLE;
	struct slice addr = s->attacker.size > 0 ? s->attacker : s->kind == CC_KIND_ADDR ? s->value : slice_of(NULL, 0);
	char port[16];

#define CAP(type) feature_about[FEATURE_##type].cap
	d->count = 0;
	add_feature(joint, d, FEATURE_KEY, s->key_sha256, keyed ? CAP(KEY) : 4);
	/* A certificate that was shown without its key in use is a copy that anybody can show; named by an indicator it is meant. */
	add_feature(joint, d, FEATURE_CERT, s->cert, keyed || s->kind == CC_KIND_CERT_SHA256 ? CAP(CERT) : 3);
	add_feature(joint, d, FEATURE_DOMAIN, s->domain, CAP(DOMAIN));
	if (s->domain.size > 0)
		add_feature(joint, d, FEATURE_SITE, site_of(s->domain), CAP(SITE));
	add_feature(joint, d, FEATURE_URL, s->url, CAP(URL));
	add_feature(joint, d, FEATURE_FILE, s->file, CAP(FILE));
	add_feature(joint, d, FEATURE_ADDR, addr, forged && s->attacker.size > 0 ? 3.5 : CAP(ADDR));
	if (!forged)
		add_feature(joint, d, FEATURE_NET, net_of(addr), CAP(NET));
	add_feature(joint, d, FEATURE_VICTIM, s->victim, CAP(VICTIM));
	add_feature(joint, d, FEATURE_VICTIM, s->attacker_pseudonym, CAP(VICTIM) + 1.5);
	/* A host of theirs attacks, others say; a host of ours attacks, or is steered from
	 * outside, they say: perhaps the same. */
	if (s->attacker_pseudonym.size > 0 || (s->victim.size > 0 && s->client && s->proof >= CC_PROOF_DIALOGUE && home_of(joint, s->attacker) == NONE))
		add_feature(joint, d, FEATURE_HOME, s->organisation, CAP(HOME));
	else if (!forged && home_of(joint, s->attacker) != NONE)
		add_feature(joint, d, FEATURE_HOME, name_slice(joint, home_of(joint, s->attacker)), CAP(HOME));
	add_feature(joint, d, FEATURE_JA4, s->ja4, CAP(JA4));
	add_feature(joint, d, FEATURE_JA3, s->ja3, CAP(JA3));
	add_feature(joint, d, FEATURE_JA3S, s->ja3s, CAP(JA3S));
	add_feature(joint, d, FEATURE_AGENT, s->agent, CAP(AGENT));
	add_feature(joint, d, FEATURE_RULE, s->rule.size > 0 ? s->rule : s->rule_name, CAP(RULE));
	add_feature(joint, d, FEATURE_PATH, path_of(s->url), CAP(PATH));
	add_feature(joint, d, FEATURE_STACK, s->stack, CAP(STACK));
	if (!s->client && s->port != 0) {
		snprintf(port, sizeof(port), "%u", s->port);
		add_feature(joint, d, FEATURE_PORT, slice_str(port), CAP(PORT));
	}
#undef CAP
}

/* ---- nodes ---- */

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
	return s->origin == JOINT_OWN && s->count > 0 && s->victim.size == 0 && s->attacker_pseudonym.size == 0 && s->attacker.size == 0 &&
	       s->kind != CC_KIND_FILE_SHA256;
}

static uint64_t
fold_of(const struct joint_sighting *s, const struct draft *d)
{
	uint64_t small[4] = {(uint64_t)s->kind, s->first / DAY, (uint64_t)s->origin << 2 | (uint64_t)(s->count == 0) << 1 | s->exercise, s->client};
	uint64_t hash = hash64(slice_of(small, sizeof(small)), 11);

	hash = mix(hash, s->organisation);
	hash = mix(hash, s->value);
	hash = mix(hash, s->attacker);
	hash = mix(hash, s->origin_of);
	for (unsigned i = 0; i < d->count; i++)
		hash = hash64(slice_of(&d->feature[i].hash, 8), hash);
	return hash;
}

static bool
wider_nodes(struct joint *joint)
{
	size_t slots = joint->node_slots > 0 ? joint->node_slots * 2 : 4096;
	uint32_t *table = malloc(slots * sizeof(*table));

	if (table == NULL)
		return false;
	memset(table, 0xff, slots * sizeof(*table));
	for (uint32_t i = 0; i < joint->node_count; i++) {
		size_t at = joint->node[i].fold & (slots - 1);

		while (table[at] != NONE)
			at = (at + 1) & (slots - 1);
		table[at] = i;
	}
	free(joint->node_table);
	joint->node_table = table;
	joint->node_slots = slots;
	return true;
}

static float
larger(float a, double b)
{
	return b > (double)a ? (float)b : a;
}

/* A repeat: everything by least and most. */
static void
fold_in(struct joint *joint, struct node *node, const struct joint_sighting *s)
{
	if (s->first < node->first)
		node->first = s->first;
	if (s->last > node->last)
		node->last = s->last;
	if (s->count > node->count)
		node->count = s->count;
	if (s->proof > node->proof)
		node->proof = (uint8_t)s->proof;
	if (s->from != 0 && (node->from == 0 || s->from < node->from))
		node->from = s->from;
	if (s->until > node->until)
		node->until = s->until;
	node->loss = larger(node->loss, s->loss);
	/* One clock that is not known makes it unknown. */
	node->clock_error = node->clock_error < 0 || s->clock_error < 0 ? -1 : larger(node->clock_error, s->clock_error);
	if (s->completeness > node->completeness)
		node->completeness = (uint8_t)s->completeness;
	(void)joint;
}

static enum cc_status
make_node(struct joint *joint, const struct joint_sighting *s, const struct draft *d, uint64_t fold, struct node *node)
{
	*node = (struct node){.fold = fold, .first = s->first, .last = s->last, .count = s->count, .organisation = name_of(joint, s->organisation),
	    .sensor = name_of(joint, s->sensor), .value = name_of(joint, s->value), .key = name_of(joint, s->key),
	    .attacker = name_of(joint, s->attacker), .pseudonym = name_of(joint, s->attacker_pseudonym), .victim = name_of(joint, s->victim),
	    .sector = name_of(joint, s->sector), .rule_name = name_of(joint, s->rule_name), .domain = name_of(joint, s->domain),
	    .cert = name_of(joint, s->cert), .key_sha256 = name_of(joint, s->key_sha256), .of = name_of(joint, s->origin_of), .messages = NONE,
	    .features = (uint32_t)joint->feature_count, .home = home_of(joint, s->attacker), .loss = (float)s->loss,
	    .clock_error = (float)s->clock_error, .port = s->port, .feature_count = (uint8_t)d->count, .kind = (uint8_t)s->kind,
	    .proof = (uint8_t)s->proof, .origin = (uint8_t)s->origin, .completeness = (uint8_t)s->completeness, .hops = (uint8_t)s->hops,
	    .client = s->client, .exercise = s->exercise, .negative = s->count == 0, .echo = is_echo(s), .from = s->from, .until = s->until};
	for (unsigned i = 0; i < d->count; i++) {
		if (!GROW(joint->feature, joint->feature_count, joint->feature_room))
			return CC_NOMEM;
		joint->feature[joint->feature_count++] = d->feature[i];
	}
	return joint->text.full ? CC_NOMEM : CC_OK;
}

enum cc_status
joint_add(struct joint *joint, const struct joint_sighting *s)
{
	struct draft d;
	struct node *node = NULL;
	uint64_t fold;
	size_t at;

	draft_features(joint, s, &d);
	fold = fold_of(s, &d);
	if (joint->node_count * 2 >= joint->node_slots && !wider_nodes(joint))
		return CC_NOMEM;
	for (at = fold & (joint->node_slots - 1); joint->node_table[at] != NONE; at = (at + 1) & (joint->node_slots - 1)) {
		if (joint->node[joint->node_table[at]].fold == fold) {
			node = &joint->node[joint->node_table[at]];
			fold_in(joint, node, s);
			break;
		}
	}
	if (node == NULL) {
		enum cc_status st;

		if (joint->node_count >= joint->node_max) {
			joint->dropped++;
			return CC_FULL;
		}
		if (!GROW(joint->node, joint->node_count, joint->node_room))
			return CC_NOMEM;
		node = &joint->node[joint->node_count];
		if ((st = make_node(joint, s, &d, fold, node)) != CC_OK)
			return st;
		joint->node_table[at] = (uint32_t)joint->node_count++;
	}
	if (!GROW(joint->message, joint->message_count, joint->message_room))
		return CC_NOMEM;
	joint->message[joint->message_count] = (struct message_ref){name_of(joint, s->message), node->messages};
	node->messages = (uint32_t)joint->message_count++;
	return CC_OK;
}

/* ---- settling ---- */

static size_t
messages_of(const struct joint *joint, const struct activity *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->count; i++) {
		for (uint32_t m = joint->node[a->node[i]].messages; m != NONE; m = joint->message[m].next)
			count++;
	}
	return count;
}

/* Places in order, gathered by root; activities come in the order of their oldest node. */
static enum cc_status
gather(struct joint *joint)
{
	uint32_t *slot = malloc((joint->node_count + 1) * sizeof(*slot));
	size_t room = 0, kept = 0;
	enum cc_status st = slot != NULL ? CC_OK : CC_NOMEM;

	for (uint32_t i = 0; i < joint->node_count && st == CC_OK; i++) {
		uint32_t root = joint_root(joint, i);
		struct activity *a;

		if (root == i) {
			if (!GROW(joint->activity, joint->activity_count, room)) {
				st = CC_NOMEM;
				break;
			}
			slot[i] = (uint32_t)joint->activity_count;
			joint->activity[joint->activity_count++] = (struct activity){.count = 0};
		}
		a = &joint->activity[slot[root]];
		if ((a->count & (a->count - 1)) == 0) {
			uint32_t *more = realloc(a->node, (a->count > 0 ? a->count * 2 : 1) * sizeof(*more));

			if (more == NULL) {
				st = CC_NOMEM;
				break;
			}
			a->node = more;
		}
		a->node[a->count++] = joint->order[i];
	}
	free(slot);
	/* One message alone is no case. */
	for (size_t i = 0; i < joint->activity_count; i++) {
		if (st == CC_OK && messages_of(joint, &joint->activity[i]) >= 2)
			joint->activity[kept++] = joint->activity[i];
		else
			activity_free(&joint->activity[i]);
	}
	joint->activity_count = kept;
	return st;
}

enum cc_status
joint_settle(struct joint *joint)
{
	enum cc_status st;

	forget_activities(joint);
	if ((st = joint_link(joint)) == CC_OK)
		st = gather(joint);
	for (size_t i = 0; i < joint->activity_count && st == CC_OK; i++)
		st = joint_weigh(joint, &joint->activity[i]);
	return st;
}

size_t
joint_cases(const struct joint *joint)
{
	return joint->activity_count;
}
