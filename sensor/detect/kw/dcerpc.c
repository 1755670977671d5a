/* DCE/RPC, over TCP, UDP or an SMB pipe: the interface that is called or bound, and the operation. */
#include "detect/kw/kw.h"

#define OPNUMS_MAX 64

struct iface {
	char uuid[37];
	bool any_version;
	struct number version; /* of its major part */
};

/* The field holds "uuid major.minor". */
static bool
iface_call(struct run *run, const struct op *op, struct slice bytes)
{
	const struct iface *iface = op->data;
	struct slice rest = bytes, uuid, version, major;
	uint64_t number;

	(void)run;
	if (!slice_split(&rest, ' ', &uuid) || !slice_is_nocase(uuid, iface->uuid))
		return false;
	if (iface->any_version)
		return true;
	version = rest;
	return slice_split(&version, '.', &major) && slice_uint(major, UINT16_MAX, &number) &&
	       number_holds(&iface->version, number);
}

static bool
is_uuid(struct slice text)
{
	if (text.size != 36)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = (uint8_t)(text.p[i] | 32);
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text.p[i] != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static enum cc_status
iface_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct iface *iface = build_take(build, sizeof(*iface));
	struct slice rest = value, word;
	struct op *op;

	(void)negated;
	if (value.size == 0)
		return build_sticky(build, keyword->target);
	if (iface == NULL)
		return CC_BAD;
	slice_split(&rest, ',', &word);
	word = slice_trim(word);
	if (!is_uuid(word))
		return build_refuse(build, "\"%.*s\" is no UUID such as 367abb81-9844-35f1-ad32-98f038001003",
		    (int)(word.size < 60 ? word.size : 60), word.p);
	memcpy(iface->uuid, word.p, 36);
	iface->any_version = true;
	while (slice_split(&rest, ',', &word)) {
		word = slice_trim(word);
		if (slice_is_nocase(word, "any_frag"))
			continue; /* what is shown has been put together of all fragments */
		if (!iface->any_version || word.size < 2 || memchr("<>=!", word.p[0], 4) == NULL ||
		    !number_parse(word, &iface->version) || iface->version.a > UINT16_MAX)
			return build_refuse(build,
			    "behind the UUID may stand a version such as =1, >1, <3 or !2, and any_frag");
		iface->any_version = false;
	}
	op = build_op_in(build, keyword->target, DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->call = iface_call;
	op->data = iface;
	return CC_OK;
}

/* "15", "1-9,12", ">5": ranges with both of their ends. */
static enum cc_status
opnum_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct number *number = build_take(build, sizeof(*number));
	uint64_t *list = build_take(build, 2 * OPNUMS_MAX * sizeof(*list));
	unsigned count = 0;
	struct slice word;
	struct op *op;
	bool not ;

	(void)negated;
	if (number == NULL || list == NULL)
		return CC_BAD;
	not = value.size > 0 && value.p[0] == '!';
	if (not )
		value = slice_of(value.p + 1, value.size - 1);
	if (value.size > 0 && memchr("<>", value.p[0], 2) != NULL) {
		if (not || number_or_refuse(build, value, UINT16_MAX, number) != CC_OK)
			return build_refuse(build, "should be numbers and ranges, such as 15, 1-9,12 or >5");
	} else {
		while (slice_split(&value, ',', &word)) {
			const uint8_t *dash = word.size > 0 ? memchr(word.p, '-', word.size) : NULL;
			struct slice high = word;

			if (dash != NULL) {
				high = slice_of(dash + 1, word.size - (size_t)(dash + 1 - word.p));
				word.size = (size_t)(dash - word.p);
			}
			if (count == OPNUMS_MAX)
				return build_refuse(build, "more than %d ranges", OPNUMS_MAX);
			if (!slice_uint(slice_trim(word), UINT16_MAX, &list[2 * count]) ||
			    !slice_uint(slice_trim(high), UINT16_MAX, &list[2 * count + 1]) ||
			    list[2 * count] > list[2 * count + 1])
				return build_refuse(build,
				    "should be numbers of 0 to 65535 and ranges, such as 15, 1-9,12 or >5");
			count++;
		}
		*number = (struct number){.compare = not ? CMP_NOT_RANGES : CMP_RANGES, .b = count, .list = list};
	}
	op = build_op_in(build, keyword->target, DO_NUMBER);
	if (op == NULL)
		return CC_BAD;
	op->number = number;
	return CC_OK;
}

const struct keyword kw_dcerpc_iface = {"dcerpc.iface", "dce_iface", 0, iface_parse, "dcerpc.iface",
    "The interface that is called or bound: UUID, then perhaps a version (=1, >1, <3, !2) and any_frag"};
const struct keyword kw_dcerpc_opnum = {"dcerpc.opnum", "dce_opnum", KW_VALUE, opnum_parse, "dcerpc.opnum",
    "The operation that is called: 15, or 1-9,12, or >5"};
