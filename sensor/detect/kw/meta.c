/* What a rule says of itself: msg, sid, rev, gid, classtype, reference, metadata, priority, target. */
#include <stdlib.h>

#include "detect/kw/kw.h"

static enum cc_status
msg_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	uint8_t *text = build_take(build, value.size + 1);
	size_t size = 0;

	(void)keyword, (void)negated;
	if (text == NULL)
		return CC_BAD;
	for (size_t i = 0; i < value.size; i++) {
		if (value.p[i] == '\\' && i + 1 < value.size && strchr("\"\\;:", value.p[i + 1]) != NULL)
			i++;
		text[size++] = value.p[i];
	}
	build->rule.info.msg = slice_of(text, size);
	return CC_OK;
}

static enum cc_status
number_parse_once(struct build *build, struct slice value, bool *has, uint32_t *ret_number)
{
	uint64_t number;

	if (*has)
		return build_refuse(build, "stands twice");
	if (!slice_uint(value, UINT32_MAX, &number))
		return build_refuse(build, "\"%.*s\" is no number of 0 to 4294967295",
		    (int)(value.size < 40 ? value.size : 40), value.p);
	*has = true;
	*ret_number = (uint32_t)number;
	return CC_OK;
}

static enum cc_status
sid_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)negated;
	if (number_parse_once(build, value, &build->has_sid, &build->rule.info.sid) != CC_OK)
		return CC_BAD;
	return build->rule.info.sid != 0 ? CC_OK : build_refuse(build, "0 is no sid");
}

static enum cc_status
rev_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)negated;
	return number_parse_once(build, value, &build->has_rev, &build->rule.info.rev);
}

static enum cc_status
gid_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)negated;
	return number_parse_once(build, value, &build->has_gid, &build->rule.info.gid);
}

static enum cc_status
priority_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool has = false;
	uint32_t priority = 0;

	(void)keyword, (void)negated;
	if (number_parse_once(build, value, &has, &priority) != CC_OK)
		return CC_BAD;
	if (priority < 1 || priority > 255)
		return build_refuse(build, "priorities are 1 to 255");
	if (build->has_priority)
		return build_refuse(build, "stands twice");
	build->has_priority = true;
	build->rule.info.priority = priority;
	return CC_OK;
}

static enum cc_status
classtype_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	char name[64];
	const struct class_entry *class;

	(void)keyword, (void)negated;
	if (build->has_class)
		return build_refuse(build, "stands twice");
	if (value.size == 0 || value.size >= sizeof(name))
		return build_refuse(build, "needs the name of a class");
	lower_copy((uint8_t *)name, value);
	build->has_class = true;
	class = map_get(build->set->common->classes, slice_of(name, value.size));
	if (class == NULL) {
		build_warn(build, "class \"%.*s\" is not in the classification; the rule has priority 3",
		    (int)value.size, value.p);
		build->rule.info.class_name = value;
		build->rule.info.class_text = value;
		return CC_OK;
	}
	build->rule.info.class_name = class->name;
	build->rule.info.class_text = class->text;
	if (!build->has_priority)
		build->rule.info.priority = class->priority;
	return CC_OK;
}

/* Room for one more at the end of a list that grows while the rule is read. */
static bool
list_room(void **list, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return true;
	*room = *room == 0 ? 16 : *room * 2;
	void *p = realloc(*list, *room * size);
	if (p == NULL)
		return false;
	*list = p;
	return true;
}

static enum cc_status
reference_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	void *list = build->reference;

	(void)keyword, (void)negated;
	if (memchr(value.p, ',', value.size) == NULL)
		return build_refuse(build, "should be scheme,text as in url,www.example.org/a");
	if (!list_room(&list, &build->reference_room, 2 * build->reference_count + 1, sizeof(struct slice)))
		return build_refuse(build, "no memory");
	build->reference = list;
	build->reference[2 * build->reference_count] = value;
	return reference_resolve(build, value, &build->reference[2 * build->reference_count++ + 1]);
}

static enum cc_status
metadata_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice part;

	(void)keyword, (void)negated;
	while (slice_split(&value, ',', &part)) {
		struct slice item = slice_trim(part);
		const uint8_t *blank = item.size > 0 ? memchr(item.p, ' ', item.size) : NULL;
		void *list = build->meta;

		if (item.size == 0)
			continue;
		if (!list_room(&list, &build->meta_room, build->meta_count, sizeof(struct rule_meta)))
			return build_refuse(build, "no memory");
		build->meta = list;
		build->meta[build->meta_count].key =
		    slice_of(item.p, blank != NULL ? (size_t)(blank - item.p) : item.size);
		build->meta[build->meta_count].value =
		    blank != NULL ? slice_trim(slice_of(blank + 1, item.size - (size_t)(blank + 1 - item.p)))
				  : slice_of(item.p, 0);
		build->meta_count++;
	}
	return CC_OK;
}

static enum cc_status
target_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)negated;
	if (build->has_target)
		build_warn(build, "stands twice: the last one counts");
	build->has_target = true;
	build->rule.info.target_src = slice_is_nocase(value, "src_ip");
	build->rule.info.target_dst = slice_is_nocase(value, "dest_ip");
	if (!build->rule.info.target_src && !build->rule.info.target_dst)
		return build_refuse(build, "should be src_ip or dest_ip: which side is the victim");
	return CC_OK;
}

static enum cc_status
noalert_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)value, (void)negated;
	build->rule.info.noalert = true;
	return CC_OK;
}

static enum cc_status
ignore_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)value, (void)negated;
	if (strcmp(keyword->name, "prefilter") == 0)
		build->prefilter = true;
	return CC_OK;
}

/* "7.0.3" against our 7.0.10; takes it off *rest.  Fewer than, equal, more than 0: ours is older, the same, newer. */
static int
version_order(struct slice *rest)
{
	static const uint32_t ours[3] = {7, 0, 10};
	uint32_t theirs[3] = {0};
	unsigned n = 0;
	int order = 0;

	while (rest->size > 0 && ((rest->p[0] >= '0' && rest->p[0] <= '9') || rest->p[0] == '.')) {
		if (rest->p[0] == '.')
			n++;
		else if (n < 3 && theirs[n] < 100000)
			theirs[n] = theirs[n] * 10 + (rest->p[0] - (uint32_t)'0');
		*rest = slice_of(rest->p + 1, rest->size - 1);
	}
	for (unsigned i = 0; i < 3 && order == 0; i++)
		order = ours[i] < theirs[i] ? -1 : ours[i] > theirs[i];
	return order;
}

/* A chain of comparisons: ">= 7.0.3 < 8". */
static enum cc_status
version_chain(struct build *build, struct slice rest, bool *ret_holds)
{
	bool any = false;

	*ret_holds = true;
	for (rest = slice_trim(rest); rest.size > 0; rest = slice_trim(rest)) {
		struct slice op = slice_of(rest.p, 0);
		int order;

		while (op.size < rest.size && strchr("<>=", rest.p[op.size]) != NULL && rest.p[op.size] != 0)
			op.size++;
		if (op.size == 0)
			return build_refuse(build, "needs a comparison such as version >= 7.0.3");
		rest = slice_trim(slice_of(rest.p + op.size, rest.size - op.size));
		order = version_order(&rest);
		any = true;
		if ((order < 0 && op.p[0] != '<') || (order > 0 && op.p[0] != '>') ||
		    (order == 0 && memchr(op.p, '=', op.size) == NULL))
			*ret_holds = false;
	}
	*ret_holds = *ret_holds && any;
	return CC_OK;
}

static enum cc_status
version_check(struct build *build, struct slice alternatives)
{
	bool holds = false, one;
	struct slice chain;

	while (slice_split(&alternatives, '|', &chain)) {
		if (version_chain(build, chain, &one) != CC_OK)
			return CC_BAD;
		holds = holds || one;
	}
	return holds ? CC_OK
		     : build_refuse(
			   build, "skipped: needs another version than 7.0.10, whose language this sensor speaks");
}

/* "version >= 7.0.3 < 8, feature x": what the author's engine must be; we speak the language of 7.0.10. */
static enum cc_status
requires_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice part;

	(void)keyword, (void)negated;
	while (slice_split(&value, ',', &part)) {
		struct slice item = slice_trim(part), word, name;

		word = slice_of(item.p, item.size);
		word.size = item.size > 0 && memchr(item.p, ' ', item.size) != NULL
				? (size_t)((const uint8_t *)memchr(item.p, ' ', item.size) - item.p)
				: item.size;
		name = slice_trim(slice_of(item.p + word.size, item.size - word.size));
		if (slice_is_nocase(word, "version")) {
			if (version_check(build, name) != CC_OK)
				return CC_BAD;
		} else if (slice_is_nocase(word, "keyword")) {
			if (keyword_find(name) == NULL && buffer_find(build->set, name) < 0)
				return build_refuse(
				    build, "skipped: needs the keyword \"%.*s\"", (int)name.size, name.p);
		} else if (slice_is_nocase(word, "feature")) {
			return build_refuse(build,
			    "skipped: needs the feature \"%.*s\", which this sensor does not have", (int)name.size,
			    name.p);
		} else {
			return build_refuse(build, "skipped: \"%.*s\" is not understood, and so not fulfilled",
			    (int)(item.size < 60 ? item.size : 60), item.p);
		}
	}
	return CC_OK;
}

const struct keyword kw_msg = {"msg", NULL, KW_VALUE | KW_QUOTED, msg_parse, NULL, "What is told when the rule holds"};
const struct keyword kw_sid = {"sid", NULL, KW_VALUE, sid_parse, NULL, "The rule's number, unique with its gid"};
const struct keyword kw_rev = {"rev", NULL, KW_VALUE, rev_parse, NULL, "The rule's revision"};
const struct keyword kw_gid = {"gid", NULL, KW_VALUE, gid_parse, NULL, "The group of the rule's number; 1 without it"};
const struct keyword kw_classtype = {
    "classtype", NULL, KW_VALUE, classtype_parse, NULL, "The class of the classification that the rule belongs to"};
const struct keyword kw_reference = {
    "reference", NULL, KW_VALUE, reference_parse, NULL, "Where to read more: url,www.example.org/a or cve,2021-44228"};
const struct keyword kw_metadata = {
    "metadata", NULL, KW_VALUE, metadata_parse, NULL, "Words for people and tools: key value, key value"};
const struct keyword kw_priority = {
    "priority", NULL, KW_VALUE, priority_parse, NULL, "1 (high) to 255, instead of its class's"};
const struct keyword kw_target = {
    "target", NULL, KW_VALUE, target_parse, NULL, "Which side is the victim: src_ip or dest_ip"};
const struct keyword kw_noalert = {
    "noalert", NULL, KW_NO_VALUE, noalert_parse, NULL, "Nothing is told; only its state is set"};
const struct keyword kw_alert = {
    "alert", NULL, KW_NO_VALUE, ignore_parse, NULL, "Accepted: every rule without noalert is told"};
const struct keyword kw_requires = {"requires", NULL, KW_VALUE, requires_parse, NULL,
    "The rule loads only where the language's version, feature or keyword is there"};
const struct keyword kw_prefilter = {
    "prefilter", NULL, 0, ignore_parse, NULL, "Accepted: this engine orders a rule's conditions itself"};
const struct keyword kw_tag = {"tag", NULL, KW_VALUE, ignore_parse, NULL,
    "Accepted: packets behind an indicator are a matter of the evidence store"};
const struct keyword kw_bypass = {
    "bypass", NULL, KW_NO_VALUE, ignore_parse, NULL, "Accepted: nothing is bypassed by a passive sensor"};
const struct keyword kw_tls_store = {
    "tls_store", "tls.store", KW_NO_VALUE, ignore_parse, NULL, "Accepted: certificates are told by their hash"};
const struct keyword kw_nfq_set_mark = {
    "nfq_set_mark", NULL, KW_VALUE, ignore_parse, NULL, "Accepted: nothing is marked by a passive sensor"};
