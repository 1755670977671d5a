/* How often a rule may speak: threshold and detection_filter. */
#include "detect/kw/kw.h"

static enum cc_status
rate_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool filter = strcmp(keyword->name, "detection_filter") == 0;
	struct threshold threshold = {.type = filter ? TH_FILTER : TH_NONE, .track = UINT8_MAX};
	bool has_count = false, has_seconds = false;
	struct slice rest = value, item;
	uint64_t number;

	(void)negated;
	if (filter ? build->has_threshold : build->has_filter)
		return build_refuse(build, "threshold and detection_filter exclude one another");
	if (filter ? build->has_filter : build->has_threshold)
		return build_refuse(build, "stands twice");
	while (slice_split(&rest, ',', &item)) {
		static const char *const types[] = {"", "limit", "threshold", "both"};
		static const char *const tracks[] = {"by_src", "by_dst", "by_rule", "by_both", "by_flow"};
		const uint8_t *blank;
		struct slice name, arg;
		unsigned i;

		item = slice_trim(item);
		blank = item.size > 0 ? memchr(item.p, ' ', item.size) : NULL;
		if (blank == NULL)
			return build_refuse(build, "\"%.*s\" should be a word and its value",
			    (int)(item.size < 40 ? item.size : 40), item.p);
		name = slice_of(item.p, (size_t)(blank - item.p));
		arg = slice_trim(slice_of(blank, item.size - name.size));
		if (slice_is_nocase(name, "type") && !filter) {
			for (i = 1; i < 4 && !slice_is_nocase(arg, types[i]); i++)
				;
			if (i == 4)
				return build_refuse(build, "the type should be limit, threshold or both");
			threshold.type = (uint8_t)i;
		} else if (slice_is_nocase(name, "track")) {
			for (i = 0; i < 5 && !slice_is_nocase(arg, tracks[i]); i++)
				;
			if (i == 5)
				return build_refuse(build, "should track by_src, by_dst, by_both, by_rule or by_flow");
			threshold.track = (uint8_t)i;
		} else if (slice_is_nocase(name, "count") && slice_uint(arg, UINT32_MAX, &number) && number > 0) {
			threshold.count = (uint32_t)number;
			has_count = true;
		} else if (slice_is_nocase(name, "seconds") && slice_uint(arg, UINT32_MAX, &number) && number > 0) {
			threshold.seconds = (uint32_t)number;
			has_seconds = true;
		} else {
			return build_refuse(
			    build, "\"%.*s\" is not understood", (int)(item.size < 40 ? item.size : 40), item.p);
		}
	}
	if (threshold.type == TH_NONE || threshold.track == UINT8_MAX || !has_count || !has_seconds)
		return build_refuse(build, "needs %strack, count and seconds", filter ? "" : "type, ");
	if (filter) {
		build->has_filter = true;
		build->rule.filter = threshold;
	} else {
		build->has_threshold = true;
		build->rule.threshold = threshold;
	}
	return CC_OK;
}

const struct keyword kw_threshold = {"threshold", NULL, KW_VALUE, rate_parse, NULL,
    "How often the rule may speak: type limit|threshold|both, track by_src|by_dst|by_both|by_rule|by_flow, count N, "
    "seconds N"};
const struct keyword kw_detection_filter = {"detection_filter", NULL, KW_VALUE, rate_parse, NULL,
    "The rule speaks once it held more often than that: track by_src|by_dst, count N, seconds N"};
