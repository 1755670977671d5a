/* rpc: what a SUN RPC call asks for (RFC 5531), read off the packet. */
#include "detect/kw/kw.h"

struct rpc {
	uint32_t program, version, procedure;
	bool any_version, any_procedure;
};

static bool
rpc_test(struct run *run, const struct check *check)
{
	const struct rpc *rpc = check->data;
	struct cur c;
	uint32_t type, program, version, procedure;

	if (run->pkt == NULL || !run->pkt->has_transport)
		return false;
	c = cur_slice(run->pkt->payload);
	cur_skip(&c, run->pkt->proto == 6 ? 8 : 4); /* over TCP a record's mark stands before the id */
	type = cur_u32(&c);
	cur_skip(&c, 4);
	program = cur_u32(&c);
	version = cur_u32(&c);
	procedure = cur_u32(&c);
	return !c.bad && type == 0 && program == rpc->program && (rpc->any_version || version == rpc->version) &&
	       (rpc->any_procedure || procedure == rpc->procedure);
}

static bool
number_or_any(struct slice text, uint32_t *ret_number, bool *ret_any)
{
	uint64_t number = 0;

	text = slice_trim(text);
	*ret_any = slice_is(text, "*");
	if (!*ret_any && !slice_uint(text, UINT32_MAX, &number))
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

static enum cc_status
rpc_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct rpc *rpc = build_take(build, sizeof(*rpc));
	struct slice part[3] = {{0}}, rest = value;
	unsigned parts = 0;
	struct check *check;
	bool any = false;

	(void)negated;
	if (rpc == NULL)
		return CC_BAD;
	while (parts < 3 && slice_split(&rest, ',', &part[parts]))
		parts++;
	rpc->any_version = rpc->any_procedure = true;
	if (rest.p != NULL || !number_or_any(part[0], &rpc->program, &any) || any ||
	    (parts > 1 && !number_or_any(part[1], &rpc->version, &rpc->any_version)) ||
	    (parts > 2 && !number_or_any(part[2], &rpc->procedure, &rpc->any_procedure)))
		return build_refuse(
		    build, "should be program,version,procedure; version and procedure may be * or left out");
	check = build_check(build, rpc_test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->data = rpc;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return CC_OK;
}

const struct keyword kw_rpc = {
    "rpc", NULL, KW_VALUE, rpc_parse, NULL, "A SUN RPC call: program,version,procedure, * for any"};
