/*
 * What partners say beside sights: whom to ask (contacts), and what they warned of (notices).  Neither is a witness: a
 * case says whom its questions go to, and which of its indicators a notice names.  The newest of each by its own time,
 * whatever comes first.  Bounded: CONTACTS_MAX organisations, NOTICES_MAX notices, of them NOTICES_OF_ONE of each
 * organisation, its newest, so that nobody shuts out another.  README.md, Heard.  One thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define CONTACTS_MAX 4096
#define NOTICES_MAX 4096
#define NOTICES_OF_ONE 64
#define TOLD_MAX 32    /* that a case lists */
#define TOUCH_MAX 4096 /* nodes of a value that is named */

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
	if (all >= (word->notice ? NOTICES_MAX : CONTACTS_MAX) ||
	    !GROW(joint->heard, joint->heard_count, joint->heard_room))
		return NULL;
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
} named_kind[] = {{"addr", FEATURE_ADDR}, {"domain", FEATURE_DOMAIN}, {"sha256", FEATURE_FILE},
    {"sha256", FEATURE_CERT}, {"sha256", FEATURE_KEY}};

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

static void
touch_named(struct joint *joint, const struct heard *h)
{
	struct slice rest = name_slice(joint, h->text[HEARD_NAMED]), kind, value;

	while (next_named(&rest, &kind, &value)) {
		for (size_t k = 0; k < sizeof(named_kind) / sizeof(named_kind[0]); k++) {
			uint32_t v = slice_is(kind, named_kind[k].word)
					 ? value_find(joint, value_hash(named_kind[k].type, value, false))
					 : NONE;
			unsigned touched = 0;

			for (uint32_t f = v != NONE ? joint->value[v].head : NONE; f != NONE && touched++ < TOUCH_MAX;
			     f = joint->feature[f].next)
				node_touch(joint, joint->feature[f].node);
		}
	}
}

enum cc_status
joint_heard(struct joint *joint, const struct joint_word *word)
{
	uint32_t organisation = name_of(joint, word->organisation);
	struct heard *h = NULL;

	if (organisation != NONE)
		h = heard_of(joint, word, organisation);
	if (h == NULL)
		return CC_FULL;
	if (h->time != 0 && !is_newer(joint, word->time, word->text, h))
		return CC_OK;
	touch_named(joint, h);
	h->time = word->time;
	h->tlp = (uint8_t)word->tlp;
	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		h->text[i] = name_of(joint, word->text[i]);
	h->unsaved = true;
	joint->heard_version++;
	touch_named(joint, h);
	return CC_OK;
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

static bool
names_any(const struct joint *joint, const struct activity *a, const struct heard *h, struct slice *ret_value)
{
	struct slice rest = name_slice(joint, h->text[HEARD_NAMED]), kind;

	while (next_named(&rest, &kind, ret_value)) {
		for (size_t k = 0; k < sizeof(named_kind) / sizeof(named_kind[0]); k++) {
			uint32_t v = slice_is(kind, named_kind[k].word)
					 ? value_find(joint, value_hash(named_kind[k].type, *ret_value, false))
					 : NONE;

			for (size_t i = 0; v != NONE && i < a->count; i++) {
				const struct node *node = case_node(joint, a, i);

				for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
					if (joint->feature[f].value == v)
						return true;
				}
			}
		}
	}
	return false;
}

static int
by_id(const void *a, const void *b, void *ctx)
{
	const struct joint *joint = ctx;
	const struct heard *x = &joint->heard[*(const uint32_t *)a], *y = &joint->heard[*(const uint32_t *)b];
	int order = name_order(&x->organisation, &y->organisation, ctx);

	return order != 0 ? order : name_order(&x->text[HEARD_ID], &y->text[HEARD_ID], ctx);
}

void
heard_notices(const struct joint *joint, const struct activity *a, enum cc_tlp tlp, struct json *json)
{
	uint32_t list[TOLD_MAX];
	unsigned count = 0;
	struct slice value;

	for (uint32_t i = 0; i < joint->heard_count && count < TOLD_MAX && !case_node(joint, a, 0)->exercise; i++) {
		const struct heard *h = &joint->heard[i];

		if (h->notice && h->tlp <= tlp && names_any(joint, a, h, &value))
			list[count++] = i;
	}
	qsort_r(list, count, sizeof(*list), by_id, (void *)(uintptr_t)joint);
	json_array(json, "notices");
	for (unsigned i = 0; i < count; i++) {
		const struct heard *h = &joint->heard[list[i]];

		(void)names_any(joint, a, h, &value);
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
	(void)joint_heard(joint, &word);
	return CC_OK;
}
