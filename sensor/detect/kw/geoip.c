/* geoip: the countries of the packet's addresses, by the database of detect.geoip. */
#include "detect/kw/kw.h"

#define COUNTRIES_MAX 64

enum side { SIDE_ANY, SIDE_SRC, SIDE_DST, SIDE_BOTH };

struct geoip_check {
	uint8_t side, count;
	bool negated;
	char country[COUNTRIES_MAX][2];
};

static bool
one_of(const struct geoip_check *want, const struct ruleset *set, const struct cc_addr *addr)
{
	char country[2];
	bool found = false;

	if (!geoip_country(set->geoip, addr, country))
		return false; /* of an address that the database doesn't know, nothing is said */
	for (unsigned i = 0; i < want->count; i++)
		found = found || memcmp(want->country[i], country, 2) == 0;
	return found != want->negated;
}

static bool
geoip_test(struct run *run, const struct check *check)
{
	const struct geoip_check *want = check->data;
	const struct ruleset *set = run->detect->set;
	const struct cc_addr *src, *dst;
	bool of_src, of_dst;

	if (!run_addresses(run, &src, &dst))
		return false;
	of_src = want->side != SIDE_DST && one_of(want, set, src);
	of_dst = want->side != SIDE_SRC && one_of(want, set, dst);
	return want->side == SIDE_BOTH ? of_src && of_dst : of_src || of_dst;
}

static enum cc_status
geoip_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const sides[] = {"any", "src", "dst", "both"};
	struct geoip_check *want = build_take(build, sizeof(*want));
	struct slice word;
	struct check *check;
	bool first = true;

	(void)keyword, (void)negated;
	if (want == NULL)
		return CC_BAD;
	if (build->set->geoip == NULL)
		return build_refuse(build, "needs a database of countries: set detect.geoip");
	while (slice_split(&value, ',', &word)) {
		unsigned side = 0;

		word = slice_trim(word);
		while (first && side < 4 && !slice_is_nocase(word, sides[side]))
			side++;
		if (first && side < 4) {
			want->side = (uint8_t)side;
			first = false;
			continue;
		}
		first = false;
		if (word.size == 3 && word.p[0] == '!') {
			want->negated = true;
			word = slice_of(word.p + 1, 2);
		}
		if (word.size != 2 || want->count == COUNTRIES_MAX)
			return build_refuse(build,
			    "should be any, src, dst or both, and up to %d countries of two letters: src,US,CA",
			    COUNTRIES_MAX);
		for (unsigned i = 0; i < 2; i++)
			want->country[want->count][i] =
			    (char)(word.p[i] >= 'a' && word.p[i] <= 'z' ? word.p[i] - 32 : word.p[i]);
		want->count++;
	}
	if (want->count == 0)
		return build_refuse(build, "names no country");
	check = build_check(build, geoip_test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->data = want;
	return CC_OK;
}

const struct keyword kw_geoip = {"geoip", NULL, KW_VALUE, geoip_parse, NULL,
    "Country of the addresses: any, src, dst or both, then codes of two letters, ! before one for none of them"};
