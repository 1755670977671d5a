/* iprep: what the operator's lists say of the packet's addresses. */
#include "detect/kw/kw.h"

enum side { SIDE_ANY, SIDE_SRC, SIDE_DST, SIDE_BOTH };
enum asks { ASKS_SCORE, ASKS_SET, ASKS_NOT_SET };

struct iprep_check {
	uint8_t side, asks;
	uint8_t category;
	struct number number;
};

static bool
score_holds(const struct iprep_check *iprep, int score)
{
	switch (iprep->asks) {
	case ASKS_SET:
		return score >= 0;
	case ASKS_NOT_SET:
		return score < 0;
	default:
		return score >= 0 && number_holds(&iprep->number, (uint64_t)score);
	}
}

static bool
iprep_test(struct run *run, const struct check *check)
{
	const struct iprep_check *iprep = check->data;
	const struct iprep *lists = run->detect->set->iprep;
	const struct cc_addr *src, *dst;
	bool of_src, of_dst;

	if (!run_addresses(run, &src, &dst))
		return false;
	of_src = iprep->side != SIDE_DST && score_holds(iprep, iprep_score(lists, iprep->category, src));
	of_dst = iprep->side != SIDE_SRC && score_holds(iprep, iprep_score(lists, iprep->category, dst));
	return iprep->side == SIDE_BOTH ? of_src && of_dst : of_src || of_dst;
}

static bool
operator_parse(struct slice op, uint8_t *ret_compare)
{
	static const struct {
		const char *text;
		uint8_t compare;
	} table[] = {
	    {"<", CMP_LT}, {">", CMP_GT}, {"=", CMP_EQ}, {"!=", CMP_NE}, {"!", CMP_NE}, {"<=", CMP_LE}, {">=", CMP_GE}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (slice_is(op, table[i].text)) {
			*ret_compare = table[i].compare;
			return true;
		}
	}
	return false;
}

/* side,category,operator,score or side,category,isset */
static enum cc_status
iprep_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const char *const sides[] = {"any", "src", "dst", "both"};
	struct iprep_check *iprep = build_take(build, sizeof(*iprep));
	struct slice part[5] = {{0}};
	unsigned parts = 0;
	struct check *check;
	bool score;

	(void)keyword, (void)negated;
	while (parts < 5 && slice_split(&value, ',', &part[parts])) {
		part[parts] = slice_trim(part[parts]);
		parts++;
	}
	if (iprep == NULL || parts < 3 || parts > 4)
		return build_refuse(build, "should be side,category,operator,score or side,category,isset|isnotset");
	while (iprep->side < 4 && !slice_is_nocase(part[0], sides[iprep->side]))
		iprep->side++;
	if (iprep->side == 4)
		return build_refuse(build, "the side should be any, src, dst or both");
	iprep->category = (uint8_t)iprep_category(build->set->iprep, part[1]);
	if (iprep->category == 0)
		return build_refuse(build, "the category \"%.*s\" is not in the file of detect.iprep_categories",
		    (int)(part[1].size < 40 ? part[1].size : 40), part[1].p);
	score = parts == 4 && operator_parse(part[2], &iprep->number.compare) &&
		slice_uint(part[3], IPREP_SCORE_MAX, &iprep->number.a);
	if (parts == 3 && slice_is(part[2], "isset"))
		iprep->asks = ASKS_SET;
	else if (parts == 3 && slice_is(part[2], "isnotset"))
		iprep->asks = ASKS_NOT_SET;
	else if (!score)
		return build_refuse(
		    build, "should end with <, >, =, !=, <= or >= and a score of 0 to 127, or with isset, isnotset");
	check = build_check(build, iprep_test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->data = iprep;
	return CC_OK;
}

const struct keyword kw_iprep = {"iprep", NULL, KW_VALUE, iprep_parse, NULL,
    "Reputation of the addresses: any|src|dst|both,category,<|>|=|!=|<=|>=,score; or isset, isnotset"};
