/* Numbers inside the payload: isdataat, byte_test, byte_jump, byte_extract, byte_math; and base64_decode. */
#include "detect/kw/kw.h"

static enum cc_status
isdataat_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, part;
	struct op *op = build_op(build, DO_ISDATAAT);
	int64_t number;
	int var;

	(void)keyword;
	if (op == NULL)
		return CC_BAD;
	op->flags = negated ? OF_NEGATED : 0;
	slice_split(&rest, ',', &part);
	part = slice_trim(part);
	if (slice_int(part, &number)) {
		if (number < 0 || number > 65535)
			return build_refuse(build, "the place is out of range (0 to 65535)");
		op->offset = (int32_t)number;
	} else {
		var = build_var(build, part);
		if (var < 0)
			return build_refuse(build, "\"%.*s\" is neither a number nor a variable",
			    (int)(part.size < 40 ? part.size : 40), part.p);
		op->offset_var = (int8_t)var;
	}
	while (slice_split(&rest, ',', &part)) {
		part = slice_trim(part);
		if (slice_is_nocase(part, "relative"))
			op->flags |= OF_RELATIVE;
		else if (!slice_is_nocase(part, "rawbytes"))
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(part.size < 40 ? part.size : 40), part.p);
	}
	return CC_OK;
}

static unsigned
mask_shift(uint64_t mask)
{
	return mask != 0 ? (unsigned)__builtin_ctzll(mask) : 0;
}

/* A word that all of these keywords know. */
static bool
word_common(struct build *build, struct op *op, struct slice word, bool *ret_based)
{
	struct byte_op *byte = op->byte;

	if (slice_is_nocase(word, "relative"))
		op->flags |= OF_RELATIVE;
	else if (slice_is_nocase(word, "little"))
		op->flags |= OF_LITTLE;
	else if (slice_is_nocase(word, "big"))
		op->flags &= (uint16_t)~OF_LITTLE;
	else if (slice_is_nocase(word, "string"))
		op->flags |= OF_STRING;
	else if (slice_is_nocase(word, "hex") || slice_is_nocase(word, "dec") || slice_is_nocase(word, "oct")) {
		byte->base = slice_is_nocase(word, "hex") ? 16 : slice_is_nocase(word, "dec") ? 10 : 8;
		*ret_based = true;
	} else if (slice_is_nocase(word, "dce")) {
		int order = buffer_find(build->set, slice_str("dcerpc.big_endian"));

		if (build->rule.apps == 0) { /* only there is there a byte order to be told */
			build->rule.apps = protocol_apps(slice_str("dcerpc"));
			build->ip_keyword_only = false;
		}
		byte->dce = order >= 0; /* its headers say the byte order: number_take() */
		byte->order = (uint16_t)(order >= 0 ? order : 0);
		op->flags |= OF_LITTLE;
	} else {
		return false;
	}
	return true;
}

static enum cc_status
value_or_var(struct build *build, struct slice text, const char *what, int64_t *ret_number, int8_t *ret_var)
{
	int var;

	*ret_var = -1;
	if (slice_int(text, ret_number))
		return CC_OK;
	var = build_var(build, text);
	if (var < 0)
		return build_refuse(build, "the %s \"%.*s\" is neither a number nor a variable", what,
		    (int)(text.size < 40 ? text.size : 40), text.p);
	*ret_var = (int8_t)var;
	return CC_OK;
}

static struct op *
byte_op_new(struct build *build, enum op_kind kind)
{
	struct byte_op *byte = build_take(build, sizeof(*byte));
	struct op *op = byte != NULL ? build_op(build, kind) : NULL;

	if (op != NULL) {
		byte->count_var = byte->value_var = byte->offset_var = -1;
		byte->multiplier = 1;
		byte->base = 10;
		op->byte = byte;
	}
	return op;
}

static enum cc_status
count_check(struct build *build, const struct op *op)
{
	unsigned most = (op->flags & OF_STRING) != 0 ? 23 : 8;

	if (op->byte->count_var < 0 && op->byte->count > most)
		return build_refuse(build, "%u bytes are too many; the most are %u", op->byte->count, most);
	return CC_OK;
}

static enum cc_status
count_parse(struct build *build, struct op *op, struct slice text, bool may_zero)
{
	int64_t number;

	if (value_or_var(build, text, "number of bytes", &number, &op->byte->count_var) != CC_OK)
		return CC_BAD;
	if (op->byte->count_var >= 0)
		return CC_OK;
	if (number < (may_zero ? 0 : 1) || number > 23)
		return build_refuse(build, "the number of bytes is out of range");
	op->byte->count = (uint8_t)number;
	return CC_OK;
}

static enum cc_status
offset_parse(struct build *build, struct op *op, struct slice text)
{
	int64_t number;

	if (value_or_var(build, text, "offset", &number, &op->byte->offset_var) != CC_OK)
		return CC_BAD;
	if (op->byte->offset_var < 0) {
		if (number < -65535 || number > 65535)
			return build_refuse(build, "the offset is out of range (-65535 to 65535)");
		op->byte->offset = (int32_t)number;
	}
	return CC_OK;
}

static enum cc_status
byte_test_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *word;
		uint8_t compare;
	} words[] = {{"<", CMP_LT}, {">", CMP_GT}, {"=", CMP_EQ}, {"<=", CMP_LE}, {">=", CMP_GE}, {"&", CMP_AND},
	    {"^", CMP_XOR}};
	struct slice rest = value, part[4], word;
	struct op *op = byte_op_new(build, DO_BYTE_TEST);
	bool based = false;
	int64_t number;
	size_t i;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	for (i = 0; i < 4; i++) {
		if (!slice_split(&rest, ',', &part[i]))
			return build_refuse(build, "should be bytes,operator,value,offset");
		part[i] = slice_trim(part[i]);
	}
	if (count_parse(build, op, part[0], true) != CC_OK)
		return CC_BAD;
	if (part[1].size > 0 && part[1].p[0] == '!') {
		op->byte->not = true;
		part[1] = slice_trim(slice_of(part[1].p + 1, part[1].size - 1));
		op->byte->compare = CMP_EQ;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_is(part[1], words[i].word))
			break;
	}
	if (i < sizeof(words) / sizeof(words[0]))
		op->byte->compare = words[i].compare;
	else if (part[1].size > 0 || !op->byte->not )
		return build_refuse(build, "the operator should be one of < > = <= >= & ^, perhaps with ! before it");
	if (value_or_var(build, part[2], "value", &number, &op->byte->value_var) != CC_OK ||
	    offset_parse(build, op, part[3]) != CC_OK)
		return CC_BAD;
	op->byte->value = (uint64_t)number;
	while (slice_split(&rest, ',', &word)) {
		word = slice_trim(word);
		if (word.size > 8 && slice_is_nocase(slice_of(word.p, 7), "bitmask") &&
		    slice_uint(slice_trim(slice_of(word.p + 7, word.size - 7)), UINT64_MAX, &op->byte->mask)) {
			op->byte->shift = (uint8_t)mask_shift(op->byte->mask);
			continue;
		}
		if (!word_common(build, op, word, &based))
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(word.size < 40 ? word.size : 40), word.p);
	}
	return count_check(build, op);
}

/* "multiplier 4", "align 4", "post_offset -3": the number behind the word. */
static bool
word_number(struct slice word, const char *name, int64_t *ret_number)
{
	size_t size = strlen(name);

	return word.size > size + 1 && slice_is_nocase(slice_of(word.p, size), name) &&
	       (word.p[size] == ' ' || word.p[size] == '\t') &&
	       slice_int(slice_trim(slice_of(word.p + size, word.size - size)), ret_number);
}

static enum cc_status
byte_jump_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, count, offset, word;
	struct op *op = byte_op_new(build, DO_BYTE_JUMP);
	bool based = false;
	int64_t number;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if (!slice_split(&rest, ',', &count) || !slice_split(&rest, ',', &offset))
		return build_refuse(build, "should be bytes,offset");
	if (count_parse(build, op, slice_trim(count), true) != CC_OK ||
	    offset_parse(build, op, slice_trim(offset)) != CC_OK)
		return CC_BAD;
	while (slice_split(&rest, ',', &word)) {
		word = slice_trim(word);
		if (slice_is_nocase(word, "align"))
			op->byte->align = 4;
		else if (slice_is_nocase(word, "from_beginning"))
			op->byte->from_beginning = true;
		else if (slice_is_nocase(word, "from_end"))
			op->byte->from_end = true;
		else if (word_number(word, "multiplier", &number) && number > 0 && number < 65536)
			op->byte->multiplier = (uint32_t)number;
		else if (word_number(word, "post_offset", &number) && number >= -65535 && number <= 65535)
			op->byte->post_offset = (int32_t)number;
		else if (word_number(word, "bitmask", &number)) {
			op->byte->mask = (uint64_t)number;
			op->byte->shift = (uint8_t)mask_shift(op->byte->mask);
		} else if (!word_common(build, op, word, &based))
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(word.size < 40 ? word.size : 40), word.p);
	}
	return count_check(build, op);
}

static enum cc_status
byte_extract_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, count, offset, name, word;
	struct op *op = byte_op_new(build, DO_BYTE_EXTRACT);
	bool based = false;
	int64_t number;
	int var;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if (!slice_split(&rest, ',', &count) || !slice_split(&rest, ',', &offset) || !slice_split(&rest, ',', &name))
		return build_refuse(build, "should be bytes,offset,name");
	if (count_parse(build, op, slice_trim(count), false) != CC_OK ||
	    offset_parse(build, op, slice_trim(offset)) != CC_OK)
		return CC_BAD;
	while (slice_split(&rest, ',', &word)) {
		word = slice_trim(word);
		if (word_number(word, "multiplier", &number) && number > 0 && number < 65536)
			op->byte->multiplier = (uint32_t)number;
		else if (word_number(word, "align", &number) && (number == 2 || number == 4))
			op->byte->align = (uint8_t)number;
		else if (!word_common(build, op, word, &based))
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(word.size < 40 ? word.size : 40), word.p);
	}
	var = build_var_new(build, slice_trim(name));
	if (var < 0)
		return CC_BAD;
	op->byte->result = (uint8_t)var;
	return count_check(build, op);
}

static enum cc_status
byte_math_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, word, result = slice_of(NULL, 0);
	struct op *op = byte_op_new(build, DO_BYTE_MATH);
	bool based = false, has_value = false, has_oper = false;
	int64_t number;
	int var;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	while (slice_split(&rest, ',', &word)) {
		const uint8_t *blank;
		struct slice name, arg;

		word = slice_trim(word);
		blank = word.size > 0 ? memchr(word.p, ' ', word.size) : NULL;
		name = slice_of(word.p, blank != NULL ? (size_t)(blank - word.p) : word.size);
		arg = blank != NULL ? slice_trim(slice_of(blank, word.size - name.size)) : slice_of(NULL, 0);
		if (slice_is_nocase(name, "bytes")) {
			if (count_parse(build, op, arg, false) != CC_OK)
				return CC_BAD;
		} else if (slice_is_nocase(name, "offset")) {
			if (offset_parse(build, op, arg) != CC_OK)
				return CC_BAD;
		} else if (slice_is_nocase(name, "rvalue")) {
			if (value_or_var(build, arg, "rvalue", &number, &op->byte->value_var) != CC_OK)
				return CC_BAD;
			op->byte->value = (uint64_t)number;
			has_value = true;
		} else if (slice_is_nocase(name, "oper")) {
			has_oper = slice_is(arg, "+") || slice_is(arg, "-") || slice_is(arg, "*") ||
				   slice_is(arg, "/") || slice_is(arg, "<<") || slice_is(arg, ">>");
			op->byte->compare = arg.size > 0 ? arg.p[0] : 0;
		} else if (slice_is_nocase(name, "result")) {
			result = arg;
		} else if (slice_is_nocase(name, "endian") || slice_is_nocase(name, "string")) {
			if (slice_is_nocase(name, "string"))
				op->flags |= OF_STRING;
			if (arg.size > 0 && !word_common(build, op, arg, &based))
				return build_refuse(
				    build, "unknown word \"%.*s\"", (int)(arg.size < 40 ? arg.size : 40), arg.p);
		} else if (slice_is_nocase(name, "bitmask")) {
			if (!slice_uint(arg, UINT64_MAX, &op->byte->mask))
				return build_refuse(build, "the bitmask is no number");
			op->byte->shift = (uint8_t)mask_shift(op->byte->mask);
		} else if (!word_common(build, op, word, &based)) {
			return build_refuse(
			    build, "unknown word \"%.*s\"", (int)(word.size < 40 ? word.size : 40), word.p);
		}
	}
	if (!has_oper || !has_value || result.size == 0 || (op->byte->count == 0 && op->byte->count_var < 0))
		return build_refuse(build, "needs bytes, offset, oper, rvalue and result");
	if ((op->flags & OF_RELATIVE) != 0 && !build_follows(build))
		return build_refuse(build, "relative counts from a match before it in the same buffer: there is none");
	if (op->byte->compare == '/' && op->byte->value_var < 0 && op->byte->value == 0)
		return build_refuse(build, "divides by zero");
	var = build_var_new(build, result);
	if (var < 0)
		return CC_BAD;
	op->byte->result = (uint8_t)var;
	return count_check(build, op);
}

static enum cc_status
base64_decode_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, word;
	struct op *op = build_op(build, DO_BASE64);
	int64_t number;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if (build->buffer == (uint16_t)buffer_find(build->set, slice_str("base64_data")))
		return build_refuse(build, "can't decode what it has decoded");
	while (value.size > 0 && slice_split(&rest, ',', &word)) {
		word = slice_trim(word);
		if (slice_is_nocase(word, "relative"))
			op->flags |= OF_RELATIVE;
		else if (word_number(word, "bytes", &number) && number > 0 && number <= 65535)
			op->size = (uint16_t)number;
		else if (word_number(word, "offset", &number) && number >= 0 && number <= 65535)
			op->offset = (int32_t)number;
		else
			return build_refuse(build, "unknown word \"%.*s\"; it is bytes N, offset N, relative",
			    (int)(word.size < 40 ? word.size : 40), word.p);
	}
	return CC_OK;
}

static enum cc_status
base64_data_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)value, (void)negated;
	for (unsigned i = 0; i < build->op_count; i++) {
		if (build->op[i].kind == DO_BASE64)
			return build_sticky(build, "base64_data");
	}
	return build_refuse(build, "needs base64_decode before it");
}

const struct keyword kw_isdataat = {"isdataat", NULL, KW_VALUE | KW_NEGATE, isdataat_parse, NULL,
    "There are bytes at that place; isdataat:!1,relative: the match before is the end"};
const struct keyword kw_byte_test = {"byte_test", NULL, KW_VALUE, byte_test_parse, NULL,
    "Reads a number and compares it: bytes,operator,value,offset[,relative][,little][,string,dec]…"};
const struct keyword kw_byte_jump = {"byte_jump", NULL, KW_VALUE, byte_jump_parse, NULL,
    "Reads a number and moves on by it: bytes,offset[,relative][,multiplier N][,align][,from_beginning][,post_offset "
    "N]…"};
const struct keyword kw_byte_extract = {"byte_extract", NULL, KW_VALUE, byte_extract_parse, NULL,
    "Reads a number that later conditions can use: bytes,offset,name[,relative][,multiplier N]…"};
const struct keyword kw_byte_math = {"byte_math", NULL, KW_VALUE, byte_math_parse, NULL,
    "Reads a number, counts with it, and keeps the result: bytes N, offset N, oper +, rvalue V, result name"};
const struct keyword kw_base64_decode = {"base64_decode", NULL, 0, base64_decode_parse, NULL,
    "Decodes Base64 at that place for base64_data: bytes N, offset N, relative"};
const struct keyword kw_base64_data = {
    "base64_data", NULL, KW_NO_VALUE, base64_data_parse, NULL, "What follows looks at what base64_decode left"};
