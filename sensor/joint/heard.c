/*
 * What partners say beside sights: whom to ask (contacts), and what they warned of (notices).  Neither is a witness: a
 * case says whom its questions go to, and which of its indicators a notice names.  The newest of each by its own time,
 * whatever comes first.  Bounded: CONTACTS_MAX organisations, NOTICES_MAX notices, of them NOTICES_OF_ONE of each
 * organisation, its newest, so that nobody shuts out another.  README.md, Heard.  One thread.
 */
#include "joint/joint_own.h"

#include <stdio.h>
#include <stdlib.h>

#define CONTACTS_MAX 4096
#define NOTICES_MAX 4096
#define NOTICES_OF_ONE 64
#define TOLD_MAX 32    /* that a case lists */
#define HEARD_MAX (CONTACTS_MAX + NOTICES_MAX)
#define TOUCH_MAX 4096 /* nodes of a value that is named, whose cases are told anew */

/* By time; of one time by their texts, so that the order of arrival does not show. */
static bool
is_newer(const struct joint *joint, uint64_t time, const struct slice text[HEARD_TEXTS], const struct heard *old)
{
	if (time != old->time)
		return time > old->time;
	for (unsigned i = 0; i < HEARD_TEXTS; i++) {
		struct slice was = name_slice(joint, old->text[i]);
		size_t size = was.size < text[i].size ? was.size : text[i].size;
		int order = size > 0 ? memcmp(text[i].p, was.p, size) : 0;

		if (order != 0 || text[i].size != was.size)
			return order > 0 || (order == 0 && text[i].size > was.size);
	}
	return false;
}

static bool
is_older(const struct joint *joint, const struct heard *a, const struct heard *b)
{
	struct slice text[HEARD_TEXTS];

	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		text[i] = name_slice(joint, b->text[i]);
	return is_newer(joint, b->time, text, a);
}

/* The row that it has on disk. */
static uint64_t
row_of(const struct joint *joint, const struct heard *h)
{
	struct slice organisation = name_slice(joint, h->organisation);

	return h->notice ? hash64(name_slice(joint, h->text[HEARD_ID]), hash64(organisation, 2))
			 : hash64(organisation, 1);
}

/* Where this goes: over an older one of it, into a free place, or over its organisation's oldest.  NULL: nowhere. */
static struct heard *
heard_of(struct joint *joint, const struct joint_word *word, uint32_t organisation)
{
	struct heard *oldest = NULL;
	size_t all = 0, own = 0;

	for (size_t i = 0; i < joint->heard_count; i++) {
		struct heard *h = &joint->heard[i];

		if (h->notice != word->notice)
			continue;
		all++;
		if (h->organisation != organisation)
			continue;
		if (!h->notice || slice_eq(name_slice(joint, h->text[HEARD_ID]), word->text[HEARD_ID]))
			return h;
		own++;
		if (oldest == NULL || is_older(joint, h, oldest))
			oldest = h;
	}
	if (own >= NOTICES_OF_ONE) {
		if (!is_newer(joint, word->time, word->text, oldest))
			return NULL;
		/* Its row goes when this is saved; what was not saved yet has none. */
		if (oldest->replaced == 0 && !oldest->unsaved)
			oldest->replaced = row_of(joint, oldest);
		return oldest;
	}
	if (all >= (word->notice ? NOTICES_MAX : CONTACTS_MAX))
		return NULL;
	if (!GROW(joint->heard, joint->heard_count, joint->heard_room)) {
		joint->no_memory = true;
		return NULL;
	}
	joint->heard[joint->heard_count] = (struct heard){.notice = word->notice, .organisation = organisation};
	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		joint->heard[joint->heard_count].text[i] = NONE;
	return &joint->heard[joint->heard_count++];
}

bool
heard_replaced(struct joint *joint, uint64_t *ret_row)
{
	for (size_t i = 0; i < joint->heard_count; i++) {
		if ((*ret_row = joint->heard[i].replaced) != 0) {
			joint->heard[i].replaced = 0;
			return true;
		}
	}
	return false;
}

/* ---- what a notice names ---- */

static const struct {
	const char *word;
	enum feature_type type;
} named_kind[] = {{"addr", FEATURE_ADDR}, {"domain", FEATURE_DOMAIN}, {"domain", FEATURE_SITE},
    {"net", FEATURE_NET}, {"sha256", FEATURE_FILE}, {"sha256", FEATURE_CERT}, {"sha256", FEATURE_KEY}};

#define NAMED_KINDS (sizeof(named_kind) / sizeof(named_kind[0]))

/* "kind:value kind:value …" */
static bool
next_named(struct slice *rest, struct slice *ret_kind, struct slice *ret_value)
{
	const uint8_t *blank = rest->size > 0 ? memchr(rest->p, ' ', rest->size) : NULL, *colon;
	struct slice one = slice_of(rest->p, blank != NULL ? (size_t)(blank - rest->p) : rest->size);

	*rest = blank != NULL ? slice_of(blank + 1, rest->size - one.size - 1) : slice_of(NULL, 0);
	if (one.size == 0 || (colon = memchr(one.p, ':', one.size)) == NULL)
		return false;
	*ret_kind = slice_of(one.p, (size_t)(colon - one.p));
	*ret_value = slice_of(colon + 1, one.size - (size_t)(colon + 1 - one.p));
	return true;
}

/* The value of what is named; of a /64 that of the /48 around it, which a case may call by the /64.  NONE: none. */
static uint32_t
value_named(const struct joint *joint, enum feature_type type, struct slice text)
{
	char room[PREFIX_TEXT], addr[CC_ADDR_TEXT];
	struct cc_prefix net;

	snprintf(room, sizeof(room), "%.*s", (int)(text.size < sizeof(room) ? text.size : 0), (const char *)text.p);
	if (type == FEATURE_NET && cc_prefix_parse(room, &net) == CC_OK && net.bits == 64) {
		memset(net.addr.b + 6, 0, 2);
		snprintf(room, sizeof(room), "%s/48", cc_addr_text(&net.addr, addr));
		text = slice_str(room);
	}
	return value_find(joint, value_hash(type, text, false));
}

/* Cases that have what it names are told anew with the next settling: each value once, however often it is named. */
static bool
touch_named(struct joint *joint, const struct heard *h)
{
	struct slice rest = name_slice(joint, h->text[HEARD_NAMED]), kind, value;

	while (next_named(&rest, &kind, &value)) {
		for (size_t k = 0; k < NAMED_KINDS; k++) {
			uint32_t v = slice_is(kind, named_kind[k].word)
					 ? value_named(joint, named_kind[k].type, value)
					 : NONE;

			if (v == NONE || joint->value[v].named)
				continue;
			if (!vector_add(&joint->named, v))
				return false;
			joint->value[v].named = true;
		}
	}
	return true;
}

/* ---- which notices name a value ---- */

/* A value of a notice; place: of its word in what the notice names. */
struct naming {
	uint64_t hash;
	uint32_t heard, place;
};

static int
by_hash(const void *a, const void *b)
{
	const struct naming *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->heard != y->heard)
		return x->heard < y->heard ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static bool
list_notice(struct joint *joint, uint32_t at)
{
	struct slice rest = name_slice(joint, joint->heard[at].text[HEARD_NAMED]), kind, value;

	for (uint32_t place = 0; next_named(&rest, &kind, &value); place++) {
		for (size_t k = 0; k < NAMED_KINDS; k++) {
			if (!slice_is(kind, named_kind[k].word))
				continue;
			if (!GROW(joint->naming, joint->naming_count, joint->naming_room))
				return false;
			joint->naming[joint->naming_count++] =
			    (struct naming){value_hash(named_kind[k].type, value, false), at, place};
		}
	}
	return true;
}

/* By value; of what one notice names again and again the first. */
static void
sort_naming(struct joint *joint)
{
	size_t kept = 0;

	if (joint->naming_count > 0)
		qsort(joint->naming, joint->naming_count, sizeof(*joint->naming), by_hash);
	for (size_t i = 0; i < joint->naming_count; i++) {
		const struct naming *n = &joint->naming[i], *before = kept > 0 ? &joint->naming[kept - 1] : NULL;

		if (before == NULL || before->hash != n->hash || before->heard != n->heard)
			joint->naming[kept++] = *n;
	}
	joint->naming_count = kept;
}

/* After new ones came: their words by value, so that a case asks once for each value of its own. */
static bool
list_notices(struct joint *joint)
{
	bool good = true;

	if (joint->naming_version == joint->heard_version)
		return true;
	joint->naming_count = 0;
	for (uint32_t i = 0; i < joint->heard_count && good; i++)
		good = !joint->heard[i].notice || list_notice(joint, i);
	sort_naming(joint);
	joint->naming_version = good ? joint->heard_version : joint->naming_version;
	return good;
}

void
heard_clean(struct joint *joint)
{
	for (size_t i = 0; i < joint->named.count; i++)
		joint->value[joint->named.at[i]].named = false;
	joint->named.count = 0;
}

/* ---- who answers ---- */

uint64_t
heard_bit(const struct joint *joint, uint32_t organisation)
{
	return 1ull << (hash64(name_slice(joint, organisation), 3) & 63);
}

/* Is another one to be asked now, or one where none was? */
static bool
is_another(const struct joint *joint, const struct heard *h, const struct joint_word *word)
{
	bool another = h->time == 0 || h->tlp != (uint8_t)word->tlp;

	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		another = another || !slice_eq(name_slice(joint, h->text[i]), word->text[i]);
	return another;
}

/* Their questions have another contact: nothing is linked otherwise, nor weighed. */
static bool
tell_asking(struct joint *joint)
{
	uint64_t those = joint->recontacted;
	bool good = true;

	joint->recontacted = 0;
	for (size_t i = 0; those != 0 && i < joint->activity_count && good; i++)
		good = joint->activity[i].node == NULL || (joint->activity[i].asks & those) == 0 ||
		       activity_tell(joint, (uint32_t)i);
	return good;
}

/* Once for each notice that came, or several at once. */
static bool
tell_warned(struct joint *joint, uint32_t index)
{
	struct activity *a = index != NONE ? &joint->activity[index] : NULL;

	if (a == NULL || a->heard == joint->heard_version)
		return true;
	a->heard = joint->heard_version;
	return activity_retell(joint, index);
}

bool
heard_settle(struct joint *joint)
{
	bool good = true;

	for (size_t i = 0; i < joint->named.count; i++) {
		const struct value *v = &joint->value[joint->named.at[i]];
		unsigned touched = 0;

		for (uint32_t f = v->used ? v->head : NONE; f != NONE && touched++ < TOUCH_MAX;
		     f = joint->feature[f].next)
			good = tell_warned(joint, joint->node[joint->feature[f].node].activity) && good;
	}
	heard_clean(joint);
	return good && tell_asking(joint) && list_notices(joint);
}

enum cc_status
joint_heard(struct joint *joint, const struct joint_word *word)
{
	uint32_t organisation = name_of(joint, word->organisation);
	struct heard *h = NULL;

	if (organisation != NONE)
		h = heard_of(joint, word, organisation);
	if (h == NULL) {
		joint->dropped += !joint->no_memory;
		return joint->no_memory ? CC_NOMEM : CC_FULL;
	}
	if (h->time != 0 && !is_newer(joint, word->time, word->text, h))
		return CC_OK;
	if (!touch_named(joint, h))
		return CC_NOMEM;
	if (!word->notice && is_another(joint, h, word))
		joint->recontacted |= heard_bit(joint, organisation);
	h->time = word->time;
	h->tlp = (uint8_t)word->tlp;
	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		h->text[i] = name_of(joint, word->text[i]);
	h->unsaved = true;
	joint->heard_version++;
	return touch_named(joint, h) && !joint->no_memory ? CC_OK : CC_NOMEM;
}

/* ---- in a case ---- */

void
heard_contact(const struct joint *joint, uint32_t organisation, enum cc_tlp tlp, struct json *json)
{
	static const char *const word[] = {"role", "name", "email", "telephone"};

	for (size_t i = 0; i < joint->heard_count; i++) {
		const struct heard *h = &joint->heard[i];

		if (h->notice || h->organisation != organisation || h->tlp > tlp)
			continue;
		json_object(json, "contact");
		for (unsigned k = 0; k < 4; k++) {
			if (h->text[k] != NONE)
				case_name(joint, json, word[k], h->text[k]);
		}
		json_end_object(json);
	}
}

/* A notice that names something of a case. */
struct told {
	uint32_t heard, place; /* of the first word that does */
	uint64_t away;         /* from the case, in time */
};

/* Those that name this, in the first of their words that names anything of the case. */
static void
look_up(const struct joint *joint, uint64_t hash, uint32_t first_place[HEARD_MAX])
{
	size_t low = 0, high = joint->naming_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (joint->naming[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < joint->naming_count && joint->naming[low].hash == hash; low++) {
		const struct naming *n = &joint->naming[low];

		if (n->place < first_place[n->heard])
			first_place[n->heard] = n->place;
	}
}

/* What its sights are of; a network or a zone only where the case names it, by the name that it has there, too. */
static void
look_up_all(const struct joint *joint, const struct activity *a, uint32_t first_place[HEARD_MAX])
{
	for (size_t i = 0; i < a->count; i++) {
		const struct node *node = case_node(joint, a, i);

		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct value *v = feature_value(joint, f);

			if (is_candidate(v->type) || v->type == FEATURE_FILE)
				look_up(joint, v->hash, first_place);
		}
	}
	for (size_t i = 0; i < a->hypothesis_count; i++) {
		const struct hypothesis *h = &a->hypothesis[i];
		char room[PREFIX_TEXT];

		if (h->rival >= 0 || !is_wide(h->type))
			continue;
		look_up(joint, h->hash, first_place);
		if (h->within != NONE)
			look_up(joint,
			    value_hash(FEATURE_NET, wide_name(joint, h->value, h->within, room), false), first_place);
	}
}

static int
by_id(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct heard *x = &joint->heard[((const struct told *)a)->heard],
			   *y = &joint->heard[((const struct told *)b)->heard];
	int order = name_order(&x->organisation, &y->organisation, ctx);

	return order != 0 ? order : name_order(&x->text[HEARD_ID], &y->text[HEARD_ID], ctx);
}

static int
by_distance(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct told *x = a, *y = b;
	const struct heard *one = &joint->heard[x->heard], *other = &joint->heard[y->heard];

	if (x->away != y->away)
		return x->away < y->away ? -1 : 1;
	if (one->time != other->time)
		return one->time > other->time ? -1 : 1;
	return by_id(a, b, ctx);
}

/* Those nearest to the case in time, of these the newest: what warned of an address that others have now comes last. */
static unsigned
nearest(struct joint *joint, const struct activity *a, enum cc_tlp tlp, struct told ret_told[TOLD_MAX])
{
	uint64_t from = a->first, until = case_last(joint, a);
	uint32_t first_place[HEARD_MAX];
	struct told *all = NULL;
	size_t count = 0, room = 0;

	memset(first_place, 0xff, sizeof(first_place));
	look_up_all(joint, a, first_place);
	for (uint32_t i = 0; i < joint->heard_count; i++) {
		const struct heard *h = &joint->heard[i];

		if (first_place[i] == NONE || h->tlp > tlp)
			continue;
		if (!GROW(all, count, room)) {
			joint->no_memory = true;
			break;
		}
		all[count++] = (struct told){i, first_place[i],
		    h->time < from ? from - h->time : h->time > until ? h->time - until : 0};
	}
	if (count > 0)
		qsort_r(all, count, sizeof(*all), by_distance, joint);
	count = count < TOLD_MAX ? count : TOLD_MAX;
	for (size_t i = 0; i < count; i++)
		ret_told[i] = all[i];
	free(all);
	qsort_r(ret_told, count, sizeof(*ret_told), by_id, joint);
	return (unsigned)count;
}

void
heard_notices(struct joint *joint, const struct activity *a, enum cc_tlp tlp, struct json *json)
{
	bool asks = joint->naming_count > 0 && !case_node(joint, a, 0)->exercise;
	struct told told[TOLD_MAX];
	unsigned count = asks ? nearest(joint, a, tlp, told) : 0;

	json_array(json, "notices");
	for (unsigned i = 0; i < count; i++) {
		const struct heard *h = &joint->heard[told[i].heard];
		struct slice rest = name_slice(joint, h->text[HEARD_NAMED]), kind, value;

		for (uint32_t place = 0; next_named(&rest, &kind, &value) && place < told[i].place; place++)
			;
		json_object(json, NULL);
		case_name(joint, json, "organisation", h->organisation);
		case_name(joint, json, "id", h->text[HEARD_ID]);
		case_name(joint, json, "title", h->text[HEARD_TITLE]);
		json_string(json, "names", value);
		json_end_object(json);
	}
	json_end_array(json);
}

/* ---- as bytes ---- */

bool
said_next(struct joint *joint, struct buf *out, uint64_t *ret_hash)
{
	if (watch_next(joint, out, ret_hash))
		return true;
	for (size_t i = 0; i < joint->heard_count; i++) {
		struct heard *h = &joint->heard[i];
		struct slice organisation = name_slice(joint, h->organisation);

		if (!h->unsaved)
			continue;
		h->unsaved = false;
		buf_add_u8(out, CODE_HEARD);
		buf_add_u8(out, h->notice);
		buf_add_u8(out, h->tlp);
		buf_add_u64(out, h->time);
		code_put_text(out, organisation);
		for (unsigned k = 0; k < HEARD_TEXTS; k++)
			code_put_text(out, name_slice(joint, h->text[k]));
		*ret_hash = row_of(joint, h);
		return true;
	}
	return false;
}

enum cc_status
heard_decode(struct joint *joint, struct cur *in)
{
	struct cur c = *in;
	struct joint_word word;

	(void)cur_u8(&c);
	word.notice = cur_u8(&c) != 0;
	word.tlp = (enum cc_tlp)cur_u8(&c);
	word.time = cur_u64(&c);
	word.organisation = code_get_text(&c);
	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		word.text[i] = code_get_text(&c);
	if (c.bad || word.organisation.size == 0 || word.tlp > CC_TLP_RED)
		return CC_BAD;
	*in = c;
	return joint_heard(joint, &word) == CC_NOMEM ? CC_NOMEM : CC_OK;
}
