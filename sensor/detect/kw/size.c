/* How long a buffer or a packet's payload is: bsize, urilen, dsize. */
#include "detect/kw/kw.h"

static enum cc_status
bsize_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct number *number = build_take(build, sizeof(*number));
	struct op *op;

	(void)keyword, (void)negated;
	if (number == NULL || number_or_refuse(build, value, UINT32_MAX, number) != CC_OK)
		return CC_BAD;
	op = build_op(build, DO_BSIZE);
	if (op == NULL)
		return CC_BAD;
	op->number = number;
	return CC_OK;
}

static enum cc_status
urilen_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct number *number = build_take(build, sizeof(*number));
	struct slice rest = value, size, which;
	const char *buffer = "http.uri";
	struct op *op;
	int at;

	(void)keyword, (void)negated;
	slice_split(&rest, ',', &size);
	if (slice_split(&rest, ',', &which)) {
		if (slice_is_nocase(slice_trim(which), "raw"))
			buffer = "http.uri.raw";
		else if (!slice_is_nocase(slice_trim(which), "norm"))
			return build_refuse(build, "should end with raw or norm");
	}
	at = buffer_find(build->set, slice_str(buffer));
	if (at < 0)
		return build_refuse(build, "needs a parser of HTTP");
	if (number == NULL || number_or_refuse(build, slice_trim(size), 65535, number) != CC_OK ||
	    (op = build_op(build, DO_BSIZE)) == NULL)
		return CC_BAD;
	op->number = number;
	build->op_buffer[op - build->op] = (uint16_t)at;
	build->op_instance[op - build->op] = 0;
	return CC_OK;
}

static bool
dsize_test(struct run *run, const struct check *check)
{
	const struct number *number = check->data;

	if (run->pkt == NULL)
		return false;
	/* "not 9" and "at least 0" speak of a payload, as in Suricata: an empty one is none. */
	if ((number->compare == CMP_NE || number->compare == CMP_GE) && run->pkt->payload.size == 0)
		return false;
	return number_holds(number, run->pkt->payload.size) != check->negated;
}

static enum cc_status
dsize_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)negated;
	if (build->dsize != NULL)
		return build_refuse(build, "stands twice");
	if (packet_check(build, keyword, dsize_test, value, 65535) != CC_OK)
		return CC_BAD;
	build->dsize = build->check[build->check_count - 1].data;
	return CC_OK;
}

const struct keyword kw_bsize = {
    "bsize", NULL, KW_VALUE, bsize_parse, NULL, "The whole buffer's size: 5, >5, <5, 3<>9"};
const struct keyword kw_urilen = {
    "urilen", NULL, KW_VALUE, urilen_parse, NULL, "The size of http.uri, or with ,raw of http.uri.raw"};
const struct keyword kw_dsize = {"dsize", NULL, KW_VALUE, dsize_parse, NULL, "The size of the packet's payload"};
