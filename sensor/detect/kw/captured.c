/* Groups of pcre under a name, by the expression's own words or behind its flags; flowvar and pktvar ask for them. */
#include "detect/kw/kw.h"

static enum cc_status
capture_add(struct build *build, struct capture_list *list, struct slice name, unsigned group, bool of_packet)
{
	struct capture *capture = &list->item[list->count];

	if (list->count == CAPTURES_MAX)
		return build_refuse(build, "more than %d groups are to be kept", CAPTURES_MAX);
	if (name_id(build, of_packet ? 'P' : 'V', name, &capture->name) != CC_OK)
		return CC_BAD;
	capture->group = (uint16_t)group;
	capture->of_packet = of_packet;
	list->count++;
	return CC_OK;
}

static bool
begins(struct slice text, const char *with)
{
	return text.size > strlen(with) && memcmp(text.p, with, strlen(with)) == 0;
}

/* (?P<flow_x>…), (?P<pkt_x>…): other names are the author's own. */
static enum cc_status
named_groups(struct build *build, const struct regex *regex, struct capture_list *list)
{
	uint32_t count = 0, entry = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &count);
	if (count == 0)
		return CC_OK;
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &table);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &entry);
	for (uint32_t i = 0; i < count; i++, table += entry) {
		unsigned group = (unsigned)(table[0] << 8 | table[1]);
		struct slice name = slice_str((const char *)table + 2);
		bool flow = begins(name, "flow_"), packet = begins(name, "pkt_");
		size_t prefix = flow ? 5 : 4;

		if ((flow || packet) &&
		    capture_add(build, list, slice_of(name.p + prefix, name.size - prefix), group, packet) != CC_OK)
			return CC_BAD;
	}
	return CC_OK;
}

/* "flow:a, pkt:b": the first group, the second one. */
static enum cc_status
listed_groups(struct build *build, struct slice text, uint32_t groups, struct capture_list *list)
{
	struct slice word;
	unsigned group = 0;

	while (slice_split(&text, ',', &word)) {
		word = slice_trim(word);
		if (++group > groups)
			return build_refuse(build, "names %u groups, and the expression has %u", group, groups);
		if (begins(word, "alert:"))
			continue; /* for the alert's own record alone, where nobody asks for it */
		if (!begins(word, "flow:") && !begins(word, "pkt:"))
			return build_refuse(build, "\"%.*s\" should be flow:name, pkt:name or alert:name",
			    (int)(word.size < 40 ? word.size : 40), word.p);
		size_t prefix = word.p[0] == 'f' ? 5 : 4;
		if (capture_add(build, list, slice_of(word.p + prefix, word.size - prefix), group, word.p[0] == 'p') !=
		    CC_OK)
			return CC_BAD;
	}
	return CC_OK;
}

enum cc_status
captures_parse(struct build *build, struct op *op, struct slice text)
{
	struct capture_list *list;
	uint32_t groups = 0, names = 0;

	pcre2_pattern_info(op->regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pcre2_pattern_info(op->regex->code, PCRE2_INFO_NAMECOUNT, &names);
	if (text.size == 0 && names == 0)
		return CC_OK;
	list = build_take(build, sizeof(*list));
	if (list == NULL)
		return CC_BAD;
	if (named_groups(build, op->regex, list) != CC_OK ||
	    (text.size > 0 && listed_groups(build, text, groups, list) != CC_OK))
		return CC_BAD;
	if (list->count == 0)
		return CC_OK;
	if ((op->flags & OF_NEGATED) != 0)
		return build_refuse(build, "groups of an expression that must not match take nothing");
	op->captures = list;
	build->rule.captures = true;
	return CC_OK;
}

struct asked {
	uint16_t size;
	uint8_t bytes[];
};

static bool
captured_test(struct run *run, const struct check *check)
{
	const struct var_value *value = captured_find(run, check->kind != 0, check->a);
	const struct asked *asked = check->data;

	return value != NULL &&
	       (memmem(value->bytes, value->size, asked->bytes, asked->size) != NULL) != check->negated;
}

/* name,"content": the value holds these bytes. */
static enum cc_status
captured_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool of_packet = keyword->name[0] == 'p';
	struct slice rest = value, name;
	struct asked *asked;
	struct check *check;
	uint32_t id;

	(void)negated;
	slice_split(&rest, ',', &name);
	rest = slice_trim(rest);
	negated = rest.size > 0 && rest.p[0] == '!';
	if (negated)
		rest = slice_trim(slice_of(rest.p + 1, rest.size - 1));
	if (rest.size >= 2 && rest.p[0] == '"' && rest.p[rest.size - 1] == '"')
		rest = slice_of(rest.p + 1, rest.size - 2);
	if (rest.size == 0 || rest.size > 4 * CAPTURE_SIZE)
		return build_refuse(build, "should be name,\"content\"");
	asked = build_take(build, sizeof(*asked) + rest.size);
	if (asked == NULL || name_id(build, of_packet ? 'P' : 'V', slice_trim(name), &id) != CC_OK ||
	    content_bytes(build, rest, asked->bytes, &asked->size) != CC_OK)
		return CC_BAD;
	check = build_check(build, captured_test, PHASE_STATE);
	if (check == NULL)
		return CC_BAD;
	check->kind = of_packet;
	check->a = id;
	check->data = asked;
	check->negated = negated;
	build->ip_keyword_only = false;
	return CC_OK;
}

const struct keyword kw_flowvar = {"flowvar", NULL, KW_VALUE, captured_parse, NULL,
    "What a group of pcre kept for the flow holds these bytes: name,\"content\""};
const struct keyword kw_pktvar = {"pktvar", NULL, KW_VALUE, captured_parse, NULL,
    "What a group of pcre kept for the packet holds these bytes: name,\"content\""};
