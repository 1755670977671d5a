/* Keywords of industrial protocols that are more than a number: DNP3's objects, CIP's services. */
#include "detect/kw/kw.h"

static enum cc_status
number_op(struct build *build, const struct keyword *keyword, struct number value)
{
	struct number *number = build_take(build, sizeof(*number));
	struct op *op;

	if (number == NULL)
		return CC_BAD;
	*number = value;
	op = build_op_in(build, keyword->target, DO_NUMBER);
	if (op == NULL)
		return CC_BAD;
	op->number = number;
	return CC_OK;
}

static enum cc_status
dnp3_obj_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, word[2] = {{0}};
	uint64_t group, variation;

	(void)negated;
	if (!slice_split(&rest, ',', &word[0]) || !slice_split(&rest, ',', &word[1]) || rest.p != NULL ||
	    !slice_uint(slice_trim(word[0]), 255, &group) || !slice_uint(slice_trim(word[1]), 255, &variation))
		return build_refuse(build, "should be an object's group and variation, as in 22,1");
	return number_op(build, keyword, (struct number){.compare = CMP_EQ, .a = group << 8 | variation});
}

const struct keyword kw_dnp3_obj = {"dnp3_obj", NULL, KW_VALUE, dnp3_obj_parse, "dnp3.object",
    "An object of a DNP3 message: group,variation"};

/* Service, class and attribute stand in one number (app/enip), of which the rule asks for as much as it names. */
static enum cc_status
cip_service_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		unsigned shift;
		uint64_t max;
	} place[] = {{0, 127}, {8, UINT16_MAX}, {24, UINT16_MAX}};
	struct number number = {.compare = CMP_BITS};
	struct slice rest = value, word;
	unsigned count = 0;

	(void)negated;
	while (slice_split(&rest, ',', &word)) {
		uint64_t part;

		if (count == 3 || !slice_uint(slice_trim(word), place[count].max, &part))
			return build_refuse(
			    build, "should be service[,class[,attribute]], as in 16,246,6");
		number.a |= part << place[count].shift;
		number.b |= (~part & (count == 0 ? 255 : UINT16_MAX)) << place[count].shift;
		count++;
	}
	return number_op(build, keyword, number);
}

const struct keyword kw_cip_service = {"cip_service", NULL, KW_VALUE, cip_service_parse, "enip.cip",
    "A CIP service that is asked for: service[,class[,attribute]]"};
