/* SSH: older words for what stands in a banner. */
#include "detect/kw/kw.h"

static bool
version_call(struct run *run, const struct op *op, struct slice bytes)
{
	const struct slice *want = op->data;

	(void)run;
	if (slice_is_nocase(*want, "2_compat"))
		return slice_is(bytes, "2.0") || slice_is(bytes, "2") || slice_is(bytes, "1.99");
	return slice_eq(bytes, *want);
}

static enum cc_status
protoversion_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice *want = build_take(build, sizeof(*want));
	struct op *op;

	(void)negated;
	if (want == NULL)
		return CC_BAD;
	if (!slice_is_nocase(value, "2_compat") && (value.size == 0 || value.p[0] < '0' || value.p[0] > '9'))
		return build_refuse(build, "should be a version such as 2.0, or 2_compat for all that speak version 2");
	*want = value;
	op = build_op_in(build, keyword->target, DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->call = version_call;
	op->data = want;
	return CC_OK;
}

static bool
software_call(struct run *run, const struct op *op, struct slice bytes)
{
	(void)run;
	return slice_eq(bytes, *(const struct slice *)op->data);
}

static enum cc_status
software_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice *want = build_take(build, sizeof(*want));
	struct op *op;

	(void)negated;
	if (want == NULL)
		return CC_BAD;
	if (value.size >= 2 && value.p[0] == '"' && value.p[value.size - 1] == '"')
		value = slice_of(value.p + 1, value.size - 2);
	if (value.size == 0)
		return build_refuse(build, "needs the software's whole name, as in OpenSSH_9.2p1");
	*want = value;
	op = build_op_in(build, keyword->target, DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->call = software_call;
	op->data = want;
	return CC_OK;
}

const struct keyword kw_ssh_protoversion = {"ssh.protoversion", "ssh_protoversion", KW_VALUE, protoversion_parse,
    "ssh.proto", "The version in a banner: 2.0, or 2_compat for 2.0 and 1.99"};
const struct keyword kw_ssh_softwareversion = {"ssh.softwareversion", "ssh_softwareversion", KW_VALUE, software_parse,
    "ssh.software", "The whole of ssh.software, to the last byte"};
