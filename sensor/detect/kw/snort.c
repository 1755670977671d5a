/*
 * Snort 3's way to write what this language has, too: modifiers behind a content's comma, words of no consequence.
 * Buffers that stand before their contents are read in modifiers.c, headers without addresses in header.c.
 */
#include "detect/kw/kw.h"

/* One of "nocase", "offset 4", "fast_pattern_offset 2". */
static enum cc_status
modifier_apply(struct build *build, struct slice text, uint64_t fast[2])
{
	static const char *const words[] = {"nocase", "fast_pattern", "startswith", "endswith", "rawbytes", "depth",
	    "offset", "distance", "within"};
	struct slice rest = text, word;
	const struct keyword *keyword;

	slice_split(&rest, ' ', &word);
	rest = slice_trim(rest);
	if (slice_is(word, "fast_pattern_offset") || slice_is(word, "fast_pattern_length")) {
		if (slice_uint(rest, 65535, &fast[slice_is(word, "fast_pattern_length")]))
			return CC_OK;
		return build_refuse(build, "%.*s needs a number", (int)word.size, word.p);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!slice_is(word, words[i]))
			continue;
		keyword = keyword_find(word);
		build->keyword = keyword->name;
		if ((rest.size > 0) != (i >= 5))
			return build_refuse(build, i >= 5 ? "needs a number" : "takes no value");
		return keyword->parse(build, keyword, rest, false);
	}
	return build_refuse(
	    build, "\"%.*s\" is no modifier of a content", (int)(text.size < 40 ? text.size : 40), text.p);
}

enum cc_status
content_modifiers(struct build *build, struct slice text)
{
	uint64_t fast[2] = {0};
	struct slice word;
	struct op *op;

	while (slice_split(&text, ',', &word)) {
		build->keyword = "content";
		if (modifier_apply(build, slice_trim(word), fast) != CC_OK)
			return CC_BAD;
	}
	op = build_last_content(build);
	if (fast[0] == 0 && fast[1] == 0)
		return CC_OK;
	if (fast[1] == 0)
		fast[1] = op->size > fast[0] ? op->size - fast[0] : 0;
	if (fast[1] == 0 || fast[0] + fast[1] > op->size)
		return build_refuse(build, "the part for the fast pattern lies outside of the content");
	op->flags |= OF_FAST;
	op->fast_at = (uint16_t)fast[0];
	op->fast_size = (uint16_t)fast[1];
	return CC_OK;
}

static enum cc_status
rem_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)build, (void)keyword, (void)value, (void)negated;
	return CC_OK;
}

static enum cc_status
service_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	uint64_t apps = 0;
	struct slice word;

	(void)keyword, (void)negated;
	while (slice_split(&value, ',', &word)) {
		uint64_t one = protocol_apps(slice_trim(word));

		if (one == 0)
			return build_refuse(build, "\"%.*s\" is not one that this sensor parses",
			    (int)(word.size < 40 ? word.size : 40), word.p);
		apps |= one;
	}
	if (build->rule.apps != 0 && (build->rule.apps & apps) == 0)
		return build_refuse(build, "contradicts the rule's protocol");
	build->rule.apps = build->rule.apps != 0 ? build->rule.apps & apps : apps;
	return CC_OK;
}

const struct keyword kw_rem = {"rem", NULL, KW_VALUE, rem_parse, NULL, "A remark; Snort 3's"};
const struct keyword kw_service = {
    "service", NULL, KW_VALUE, service_parse, NULL, "The protocols that the rule is for: http,smtp; Snort 3's"};
