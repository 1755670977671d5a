/*
 * A node, and what an organisation took back, as bytes and back: for the disk (keep.c) and other members (members.c).
 * A node that comes in is merged into what is there.  One thread.
 */
#include "joint/joint_own.h"

#define CODE_BEFORE 1 /* without class and rhythm */
#define CODE_REVOKED 2
#define CODE_VERSION 3

void
gone_encode(const struct node *node, struct buf *out)
{
	buf_add_u8(out, TAG_GONE);
	buf_add_u64(out, node->fold);
}

void
code_put_float(struct buf *out, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	buf_add_u32(out, bits);
}

void
code_put_text(struct buf *out, struct slice text)
{
	size_t size = text.size < UINT16_MAX ? text.size : UINT16_MAX;

	buf_add_u16(out, (uint16_t)size);
	buf_add(out, text.p, size);
}

float
code_get_float(struct cur *c)
{
	uint32_t bits = cur_u32(c);
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

struct slice
code_get_text(struct cur *c)
{
	return cur_take(c, cur_u16(c));
}

#define NODE_TEXTS 14
enum { TEXT_RULE_NAME = 8, TEXT_CLASS = 13 }; /* of them */

/* Big-endian, into room that is there; behind it. */
static uint8_t *
put_number(uint8_t *to, uint64_t n, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = (uint8_t)(n >> 8 * (size - 1 - i));
	return to + size;
}

static uint8_t *
put_float(uint8_t *to, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	return put_number(to, bits, 4);
}

static uint8_t *
put_text(uint8_t *to, struct slice text)
{
	to = put_number(to, text.size, 2);
	if (text.size > 0)
		memcpy(to, text.p, text.size);
	return to + text.size;
}

static struct slice
short_name(const struct joint *joint, uint32_t name, size_t *size)
{
	struct slice text = name_slice(joint, name);

	text.size = text.size < UINT16_MAX ? text.size : UINT16_MAX;
	*size += text.size;
	return text;
}

/* This is done twice for each node that comes, so room is made once: first all texts are looked for. */
void
node_encode(const struct joint *joint, const struct node *n, struct buf *out)
{
	const uint32_t name[NODE_TEXTS] = {n->organisation, n->sensor, n->value, n->key, n->attacker, n->pseudonym,
	    n->victim, n->sector, n->rule_name, n->domain, n->cert, n->key_sha256, n->of, n->class};
	const uint64_t number[] = {n->fold, n->first, n->last, n->count, n->from, n->until};
	const uint8_t small[] = {n->kind, n->proof, n->origin, n->completeness, n->hops,
	    (uint8_t)(
		n->client | n->exercise << 1 | n->negative << 2 | n->echo << 3 | (n->tlp + 1) << 4),
	    n->feature_count};
	struct slice text[NODE_TEXTS], also[NODE_FEATURES];
	unsigned beats = n->beats != NULL ? n->beats->count : 0;
	size_t size = 1 + 6 * 8 + 4 + 4 + 2 + sizeof(small) + 2 * NODE_TEXTS + 7u * n->feature_count + 4 + 4 + 8 + 1 +
		      4 * beats + 2;
	uint8_t *to;

	for (unsigned i = 0; i < NODE_TEXTS; i++)
		text[i] = short_name(joint, name[i], &size);
	for (unsigned i = 0; i < n->feature_count; i++)
		also[i] = short_name(joint, feature_value(joint, n->features + i)->name, &size);
	if (!buf_reserve(out, size))
		return;
	to = out->p + out->size;
	*to++ = CODE_VERSION;
	for (unsigned i = 0; i < 6; i++)
		to = put_number(to, number[i], 8);
	to = put_float(to, n->loss);
	to = put_float(to, n->clock_error);
	to = put_number(to, n->port, 2);
	memcpy(to, small, sizeof(small));
	to += sizeof(small);
	for (unsigned i = 0; i < NODE_TEXTS; i++)
		to = put_text(to, text[i]);
	for (unsigned i = 0; i < n->feature_count; i++) {
		const struct feature *f = &joint->feature[n->features + i];

		*to++ = f->type;
		to = put_float(to, f->cap);
		to = put_text(to, also[i]);
	}
	to = put_float(to, n->period);
	to = put_float(to, n->jitter);
	to = put_number(to, n->period_count, 8);
	*to++ = (uint8_t)beats;
	for (unsigned i = 0; i < beats; i++)
		to = put_number(to, n->beats->at[i], 4);
	to = put_number(to, n->message_count, 2);
	out->size += size;
	for (uint32_t m = n->messages; m != NONE; m = joint->message[m].next)
		code_put_text(out, name_slice(joint, joint->message[m].name));
}

/* Where what was written by us, or by a member whom we trust, is damaged all the same, nothing is read past its end. */
static bool
read_node(struct cur *c, struct node *n, struct slice text[NODE_TEXTS], bool *ret_before)
{
	uint8_t version = cur_u8(c), flags;

	memset(n, 0, sizeof(*n));
	n->fold = cur_u64(c);
	n->first = cur_u64(c);
	n->last = cur_u64(c);
	n->count = cur_u64(c);
	n->from = cur_u64(c);
	n->until = cur_u64(c);
	n->loss = code_get_float(c);
	n->clock_error = code_get_float(c);
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
	n->jitter = -1;
	n->tlp = flags >> 4 > 0 ? (uint8_t)((flags >> 4) - 1) : CC_TLP_AMBER;
	n->feature_count = cur_u8(c);
	*ret_before = version == CODE_BEFORE;
	for (unsigned i = 0; i < NODE_TEXTS - (*ret_before ? 1u : 0u); i++)
		text[i] = code_get_text(c);
	return !c->bad && (version == CODE_VERSION || version == CODE_BEFORE) &&
	       n->feature_count <= NODE_FEATURES && n->kind < CC_KIND_COUNT &&
	       n->proof <= CC_PROOF_CONTENT && n->origin <= JOINT_ANSWER && n->tlp <= CC_TLP_RED && n->loss >= 0 &&
	       n->loss <= 1 && n->clock_error >= -1 && text[0].size > 0;
}

static bool
read_features(struct cur *c, unsigned count, struct feature_draft *ret_feature)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t type = cur_u8(c);
		float cap = code_get_float(c);

		ret_feature[i] = (struct feature_draft){(enum feature_type)type, code_get_text(c), (double)cap, 0};
		if (c->bad || type >= FEATURE_TYPES || !(cap >= 0 && cap <= 20) || ret_feature[i].text.size == 0)
			return false;
	}
	return true;
}

/* What came behind the features since; beats in room. */
static bool
read_rhythm(struct cur *c, struct node *n, struct beats *room)
{
	n->period = code_get_float(c);
	n->jitter = code_get_float(c);
	n->period_count = cur_u64(c);
	room->count = cur_u8(c);
	if (room->count > BEATS_MAX)
		return false;
	for (unsigned i = 0; i < room->count; i++)
		room->at[i] = cur_u32(c);
	n->beats = room->count > 0 ? room : NULL;
	return !c->bad && n->period >= 0 && n->jitter >= -1 && n->jitter <= 1;
}

/* Of a period nothing is taken over: it is told from the rhythm again. */
static unsigned
without_period(struct feature_draft *feature, unsigned count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		if (feature[i].type != FEATURE_PERIOD)
			feature[kept++] = feature[i];
	}
	return kept;
}

/* Texts by their numbers here, and in whose networks it is by our own list. */
static uint32_t
make_decoded(
    struct joint *joint, struct node *n, const struct slice text[NODE_TEXTS], const struct feature_draft *feature)
{
	uint32_t *const name[NODE_TEXTS] = {&n->organisation, &n->sensor, &n->value, &n->key, &n->attacker,
	    &n->pseudonym, &n->victim, &n->sector, &n->rule_name, &n->domain, &n->cert, &n->key_sha256, &n->of,
	    &n->class};

	for (unsigned i = 0; i < NODE_TEXTS; i++)
		name_prefetch(joint, text[i]);
	for (unsigned i = 0; i < NODE_TEXTS; i++)
		*name[i] = text[i].size > 0 ? name_of(joint, text[i]) : NONE;
	n->home = home_named(joint, text[4]);
	return node_make(joint, n, feature, n->feature_count);
}

void
revocation_encode(const struct joint *joint, const struct revocation *r, struct buf *out)
{
	buf_add_u8(out, CODE_REVOKED);
	buf_add_u8(out, r->kind);
	buf_add_u64(out, r->time);
	code_put_text(out, name_slice(joint, r->organisation));
	code_put_text(out, name_slice(joint, r->value));
}

bool
revocation_next(struct joint *joint, size_t *at, struct buf *out)
{
	while (joint->revocations_unsaved && *at < joint->revocation_count) {
		struct revocation *r = &joint->revocation[(*at)++];

		if (!r->unsaved)
			continue;
		revocation_encode(joint, r, out);
		r->unsaved = false;
		return true;
	}
	joint->revocations_unsaved = false;
	return false;
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
	organisation = code_get_text(&c);
	value = code_get_text(&c);
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
	struct slice text[NODE_TEXTS] = {{NULL, 0}};
	struct feature_draft feature[NODE_FEATURES];
	struct beats beats = {.count = 0};
	uint32_t index;
	unsigned count, steady;
	bool changed = true, before;

	*ret_node = NONE;
	if (cur_left(&c) > 0 && c.p[0] == CODE_REVOKED)
		return decode_revocation(joint, in);
	if (cur_left(&c) > 0 && c.p[0] == CODE_WATCH)
		return watch_decode(joint, in);
	if (cur_left(&c) > 0 && c.p[0] == CODE_HEARD)
		return heard_decode(joint, in);
	if (!read_node(&c, &n, text, &before) || !read_features(&c, n.feature_count, feature) ||
	    (!before && !read_rhythm(&c, &n, &beats)))
		return CC_BAD;
	steady = without_period(feature, n.feature_count);
	n.feature_count = (uint8_t)steady;
	if (n.last <= revoked_until(joint, text[0], n.kind, text[2])) {
		for (count = cur_u16(&c); count > 0 && !c.bad; count--)
			(void)code_get_text(&c);
		*in = c;
		return c.bad ? CC_BAD : CC_OK;
	}
	if ((index = node_find(joint, n.fold)) != NONE) {
		changed = node_merge(joint, index, &n, feature, steady);
		changed = node_told(joint, index, text[TEXT_RULE_NAME], text[TEXT_CLASS]) || changed;
	} else if ((index = make_decoded(joint, &n, text, feature)) == NONE || !node_rhythm(joint, index, &n)) {
		return CC_NOMEM;
	}
	for (count = cur_u16(&c); count > 0 && !c.bad; count--) {
		struct slice id = code_get_text(&c);
		enum cc_status st = c.bad || id.size == 0 ? CC_BAD : node_message(joint, index, id);

		if (st == CC_NOMEM)
			return st;
		changed = changed || st == CC_OK;
	}
	if (changed)
		node_changed(joint, index);
	*in = c;
	*ret_node = index;
	return joint->no_memory ? CC_NOMEM : c.bad ? CC_BAD : CC_OK;
}
