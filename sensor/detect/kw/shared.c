/* Marks that outlive a flow: xbits and hostbits, kept by address in the table that all workers share. */
#include "detect/kw/kw.h"

static bool
xbits_test(struct run *run, const struct check *check)
{
	return shared_bit(run, check->kind, check->a, 0, 0) != check->negated;
}

static bool
xbits_act(struct run *run, const struct check *check)
{
	return shared_bit(run, check->kind, check->a, check->negated ? 'u' : (char)'s', check->b);
}

static enum cc_status
xbits_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const tracks[] = {"ip_src", "ip_dst", "ip_pair", "src", "dst", "both"};
	bool host = strcmp(keyword->name, "hostbits") == 0;
	struct slice rest = value, word, item;
	uint64_t seconds = host ? 300 : 30;
	uint32_t id;
	unsigned track = host ? 0 : UINT8_MAX, i;
	bool test, off;
	struct check *check;

	(void)negated;
	slice_split(&rest, ',', &word);
	word = slice_trim(word);
	if (slice_is_nocase(word, "noalert") && rest.p == NULL) {
		build->rule.info.noalert = true;
		return CC_OK;
	}
	off = slice_is_nocase(word, "isnotset") || slice_is_nocase(word, "unset");
	test = slice_is_nocase(word, "isset") || slice_is_nocase(word, "isnotset");
	if (!test && !off && !slice_is_nocase(word, "set"))
		return build_refuse(build, "\"%.*s\" should be set, unset, isset or isnotset",
		    (int)(word.size < 40 ? word.size : 40), word.p);
	if (!slice_split(&rest, ',', &item) || name_id(build, 'x', slice_trim(item), &id) != CC_OK)
		return build_refuse(build, "needs a name");
	while (slice_split(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.size > 6 && slice_is_nocase(slice_of(item.p, 6), "track "))
			item = slice_trim(slice_of(item.p + 6, item.size - 6));
		if (item.size > 7 && slice_is_nocase(slice_of(item.p, 7), "expire ")) {
			if (!slice_uint(slice_trim(slice_of(item.p + 7, item.size - 7)), UINT32_MAX, &seconds) ||
			    seconds == 0)
				return build_refuse(build, "the time to expire is no number of seconds");
			continue;
		}
		for (i = 0; i < 6 && !slice_is_nocase(item, tracks[i]); i++)
			;
		if (i == 6)
			return build_refuse(
			    build, "\"%.*s\" is not understood", (int)(item.size < 40 ? item.size : 40), item.p);
		track = i % 3;
	}
	if (track == UINT8_MAX)
		return build_refuse(build, "needs track ip_src, ip_dst or ip_pair");
	check = build_check(build, test ? xbits_test : xbits_act, test ? PHASE_STATE : PHASE_POST);
	if (check == NULL)
		return CC_BAD;
	check->a = id;
	check->b = (uint32_t)seconds;
	check->kind = (uint8_t)track;
	check->negated = off;
	return CC_OK;
}

const struct keyword kw_xbits = {"xbits", NULL, KW_VALUE, xbits_parse, NULL,
    "Marks on addresses: set, unset, isset, isnotset, name, track ip_src|ip_dst|ip_pair, expire seconds"};
const struct keyword kw_hostbits = {"hostbits", NULL, KW_VALUE, xbits_parse, NULL,
    "The same by one host: set, unset, isset, isnotset, name, src|dst|both"};
