/*
 * threshold.config: what the operator says of rules that others wrote.  suppress keeps their alerts back, threshold and
 * event_filter tell how often they may speak, rate_filter changes what they do when they hold too often.
 *
 *   suppress gen_id 1, sig_id 2, track by_src, ip [10.0.0.0/8,!10.1.0.0/16]
 *   event_filter gen_id 1, sig_id 2, type limit, track by_src, count 1, seconds 60
 *   rate_filter gen_id 1, sig_id 2, track by_rule, count 10, seconds 60, new_action pass, timeout 600
 *
 * sig_id 0 speaks of every rule of gen_id, and gen_id 0 of all.  A line that names one rule goes before the rule's own
 * threshold, one for many after it.  A line that can't be used is a warning.  While loading; one thread.
 */
#include <stdlib.h>

#include "detect/kw/kw.h"

enum line_kind { LINE_SUPPRESS, LINE_FILTER, LINE_RATE };

struct limit_line {
	uint8_t kind;
	bool has_gid, has_sid, has_track, has_count, has_seconds, has_timeout, has_action;
	uint32_t gid, sid;
	struct threshold threshold;
	struct suppress suppress;
	struct rate_filter rate;
};

/* One of words, by its place. */
static bool
word_of(struct slice text, const char *const *words, unsigned count, uint8_t *ret_at)
{
	for (unsigned i = 0; i < count; i++) {
		if (slice_is_nocase(text, words[i])) {
			*ret_at = (uint8_t)i;
			return true;
		}
	}
	return false;
}

static bool
number_take(struct slice text, uint32_t *ret_number, bool *has)
{
	uint64_t number;

	if (*has || !slice_uint(text, UINT32_MAX, &number))
		return false;
	*has = true;
	*ret_number = (uint32_t)number;
	return true;
}

static bool
track_take(struct limit_line *line, struct slice arg)
{
	static const char *const tracks[] = {"by_src", "by_dst", "by_rule", "by_both", "by_flow"};

	if (line->has_track)
		return false;
	line->has_track = true;
	if (line->kind == LINE_SUPPRESS && slice_is_nocase(arg, "by_either")) {
		line->suppress.track = TRACK_BOTH;
		return true;
	}
	if (!word_of(arg, tracks, line->kind == LINE_SUPPRESS ? 2 : 5, &line->threshold.track))
		return false;
	line->suppress.track = line->threshold.track;
	return true;
}

static bool
item_take(struct limit_line *line, struct slice name, struct slice arg)
{
	static const char *const types[] = {"", "limit", "threshold", "both"};
	static const char *const actions[] = {"alert", "pass", "drop", "reject", "log", "sdrop"};

	if (slice_is_nocase(name, "gen_id"))
		return number_take(arg, &line->gid, &line->has_gid);
	if (slice_is_nocase(name, "sig_id"))
		return number_take(arg, &line->sid, &line->has_sid);
	if (slice_is_nocase(name, "track"))
		return track_take(line, arg);
	if (line->kind == LINE_SUPPRESS)
		return false;
	if (slice_is_nocase(name, "count"))
		return number_take(arg, &line->threshold.count, &line->has_count) && line->threshold.count > 0;
	if (slice_is_nocase(name, "seconds"))
		return number_take(arg, &line->threshold.seconds, &line->has_seconds) && line->threshold.seconds > 0;
	if (line->kind == LINE_FILTER)
		return slice_is_nocase(name, "type") && arg.size > 0 && word_of(arg, types, 4, &line->threshold.type);
	if (slice_is_nocase(name, "timeout"))
		return number_take(arg, &line->rate.timeout, &line->has_timeout);
	line->has_action = true;
	return slice_is_nocase(name, "new_action") && word_of(arg, actions, 6, &line->rate.action);
}

static bool
is_complete(const struct limit_line *line)
{
	if (!line->has_gid || !line->has_sid)
		return false;
	switch (line->kind) {
	case LINE_SUPPRESS:
		return line->has_track == (line->suppress.set != NULL);
	case LINE_FILTER:
		return line->threshold.type != TH_NONE && line->has_track && line->has_count && line->has_seconds;
	default:
		return line->has_track && line->has_count && line->has_seconds && line->has_timeout && line->has_action;
	}
}

/* CC_BAD: the line is not understood.  A list of addresses stands last, as it may hold commas. */
static enum cc_status
line_parse(struct build *build, struct slice text, struct limit_line *line)
{
	static const char *const kinds[] = {"suppress", "threshold", "event_filter", "rate_filter"};
	struct slice kind, item;
	uint8_t at;

	slice_split(&text, ' ', &kind);
	if (!word_of(kind, kinds, 4, &at))
		return CC_BAD;
	line->kind = at == 0 ? LINE_SUPPRESS : at == 3 ? LINE_RATE : LINE_FILTER;
	while (text.size > 0) {
		struct slice name;

		text = slice_trim(text);
		if (line->kind == LINE_SUPPRESS && text.size > 3 && slice_is_nocase(slice_of(text.p, 3), "ip ")) {
			struct slice list = slice_trim(slice_of(text.p + 3, text.size - 3));

			if (addr_set_parse(build, list, &line->suppress.set) != CC_OK)
				return CC_BAD;
			break;
		}
		slice_split(&text, ',', &item);
		item = slice_trim(item);
		if (!slice_split(&item, ' ', &name) || !item_take(line, name, slice_trim(item)))
			return CC_BAD;
	}
	return is_complete(line) ? CC_OK : CC_BAD;
}

static enum cc_status
rule_limit(struct ruleset *set, struct rule *rule, const struct limit_line *line)
{
	struct suppress *suppress;
	struct rate_filter *rate;

	switch (line->kind) {
	case LINE_SUPPRESS:
		suppress = store_take(&set->store, sizeof(*suppress));
		if (suppress == NULL)
			return CC_NOMEM;
		*suppress = line->suppress;
		suppress->next = rule->suppress;
		rule->suppress = suppress;
		return CC_OK;
	case LINE_RATE:
		rate = store_take(&set->store, sizeof(*rate));
		if (rate == NULL)
			return CC_NOMEM;
		*rate = line->rate;
		rate->threshold = line->threshold;
		rate->threshold.type = TH_RATE;
		rule->rate = rate;
		return CC_OK;
	default:
		if (line->sid == 0 && (rule->threshold.type != TH_NONE || rule->filter.type != TH_NONE))
			return CC_OK;
		rule->threshold = line->threshold;
		rule->filter.type = TH_NONE;
		return CC_OK;
	}
}

static enum cc_status
line_apply(struct build *build, const struct limit_line *line)
{
	struct ruleset *set = build->set;
	uint32_t key[2] = {line->gid, line->sid};
	enum cc_status st = CC_OK;
	uintptr_t at;

	if (line->sid != 0) {
		at = (uintptr_t)map_get(set->sids, slice_of(key, sizeof(key)));
		if (at == 0) {
			build_warn(build, "there is no rule %u:%u", line->gid, line->sid);
			return CC_OK;
		}
		return rule_limit(set, &set->rule[at - 1], line);
	}
	for (uint32_t i = 0; i < set->rule_count && st == CC_OK; i++) {
		if (line->gid == 0 || set->rule[i].info.gid == line->gid)
			st = rule_limit(set, &set->rule[i], line);
	}
	return st;
}

/* A final '\' joins the next line; the bytes are the ruleset's, so they may be changed in place. */
static void
lines_join(struct slice text)
{
	uint8_t *p = (uint8_t *)(uintptr_t)text.p;

	for (size_t i = 0; i + 1 < text.size; i++) {
		size_t end = i + 1 + (p[i + 1] == '\r');

		if (p[i] == '\\' && end < text.size && p[end] == '\n')
			memset(p + i, ' ', end + 1 - i);
		else if (p[i] == '\t')
			p[i] = ' ';
	}
}

enum cc_status
limits_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report)
{
	const char *path = conf->detect_threshold_file;
	struct build *build = path[0] != '\0' ? calloc(1, sizeof(*build)) : NULL;
	struct slice text, line;
	size_t good = 0, wrong = 0;
	enum cc_status st;

	if (path[0] == '\0')
		return CC_OK;
	if (build == NULL)
		return CC_NOMEM;
	*build = (struct build){.set = set, .report = report, .file = path, .column = 1, .keyword = "threshold"};
	st = text_load(&set->store, report, path, &text);
	if (st == CC_OK)
		lines_join(text);
	while (st == CC_OK && slice_split(&text, '\n', &line)) {
		struct limit_line limit = {.suppress = {.track = TRACK_RULE}};

		build->line++;
		build->refused = false;
		line = slice_trim(line);
		if (line.size == 0 || line.p[0] == '#')
			continue;
		if (line_parse(build, line, &limit) == CC_OK) {
			good++;
			st = line_apply(build, &limit);
		} else {
			wrong++;
			build_warn(build, "not understood, and left out");
		}
	}
	free(build);
	return st == CC_OK ? lines_verdict(set, report, path, good, wrong) : st;
}
