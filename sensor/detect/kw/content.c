/* content and what modifies it: bytes that must, or must not, be there, and where. */
#include "detect/kw/kw.h"

#define CONTENT_MAX 4096

/* "GET |0d 0a|\"x\"" to bytes. */
enum cc_status
content_bytes(struct build *build, struct slice text, uint8_t *out, uint16_t *ret_size)
{
	bool hex = false;
	int high = -1;
	uint16_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.p[i];

		if (c == '|') {
			if (high >= 0)
				return build_refuse(build, "half a byte in |...|: hexadecimal digits come in pairs");
			hex = !hex;
		} else if (hex) {
			int digit = hex_value(c);

			if (c == ' ')
				continue;
			if (digit < 0)
				return build_refuse(
				    build, "'%c' in |...| is no hexadecimal digit", c >= ' ' && c < 127 ? c : '?');
			if (high >= 0)
				out[size++] = (uint8_t)(high << 4 | digit);
			high = high >= 0 ? -1 : digit;
		} else if (c == '\\') {
			if (i + 1 == text.size || strchr("\"\\;:", text.p[i + 1]) == NULL)
				return build_refuse(
				    build, "\\ stands before \", ;, : or \\ only; write |5c| or \\\\ for itself");
			out[size++] = text.p[++i];
		} else if (c == '"') {
			return build_refuse(build, "a double quote inside must be written \\\" or |22|");
		} else {
			out[size++] = c;
		}
	}
	if (hex)
		return build_refuse(build, "|...| is not closed");
	if (size == 0)
		return build_refuse(build, "an empty content");
	*ret_size = size;
	return CC_OK;
}

/* Numbers and hashes in hexadecimal are written in both cases, and shown in one. */
static void
to_its_case(const struct build *build, uint8_t *bytes, size_t size)
{
	static const struct {
		const char *buffer;
		bool upper;
	} table[] = {
	    {"tls.cert_serial", true}, {"tls.cert_fingerprint", false}, {"ja3.hash", false}, {"ja3s.hash", false}};
	const char *name = build->set->buffer[build->buffer].name;

	for (size_t t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
		for (size_t i = 0; i < size && strcmp(name, table[t].buffer) == 0; i++) {
			if (table[t].upper && bytes[i] >= 'a' && bytes[i] <= 'z')
				bytes[i] = (uint8_t)(bytes[i] - 32);
			else if (!table[t].upper && bytes[i] >= 'A' && bytes[i] <= 'Z')
				bytes[i] = (uint8_t)(bytes[i] + 32);
		}
	}
}

enum cc_status
content_add(struct build *build, struct slice value, bool negated)
{
	struct op *op;
	uint8_t *bytes;

	if (value.size > 8 * CONTENT_MAX)
		return build_refuse(build, "longer than %d bytes", CONTENT_MAX);
	bytes = build_take(build, value.size + 1);
	op = bytes != NULL ? build_op(build, DO_CONTENT) : NULL;
	if (op == NULL || content_bytes(build, value, bytes, &op->size) != CC_OK)
		return CC_BAD;
	if (op->size > CONTENT_MAX)
		return build_refuse(build, "longer than %d bytes", CONTENT_MAX);
	to_its_case(build, bytes, op->size);
	op->bytes = bytes;
	op->flags = negated ? OF_NEGATED : 0;
	return CC_OK;
}

enum cc_status
content_add_in(struct build *build, const char *buffer, struct slice value, bool negated)
{
	uint16_t before = build->buffer, instance = build->instance;
	int at = buffer_find(build->set, slice_str(buffer));
	enum cc_status st;

	if (at < 0)
		return build_refuse(build, "the buffer %s needs a parser that this sensor does not have", buffer);
	build->buffer = (uint16_t)at;
	build->instance = 0;
	st = content_add(build, value, negated);
	build->buffer = before;
	build->instance = instance;
	return st;
}

static enum cc_status
content_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword;
	return content_add(build, value, negated);
}

static struct op *
content_before(struct build *build)
{
	struct op *op = build_last_content(build);

	if (op == NULL)
		build_refuse(build, "needs a content before it");
	return op;
}

static enum cc_status
nocase_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);

	(void)keyword, (void)value, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if ((op->flags & OF_NOCASE) != 0)
		return build_refuse(build, "stands twice behind the same content");
	op->flags |= OF_NOCASE;
	return CC_OK;
}

/* A number, or a variable of byte_extract or byte_math. */
static enum cc_status
place_parse(struct build *build, struct slice value, int64_t least, int32_t *ret_number, int8_t *ret_var)
{
	int64_t number;
	int var;

	if (slice_int(value, &number)) {
		if (number < least || number > 1048576)
			return build_refuse(
			    build, "%lld is out of range (%lld to 1048576)", (long long)number, (long long)least);
		*ret_number = (int32_t)number;
		return CC_OK;
	}
	var = build_var(build, value);
	if (var < 0)
		return build_refuse(build, "\"%.*s\" is neither a number nor a byte_extract or byte_math before it",
		    (int)(value.size < 60 ? value.size : 60), value.p);
	*ret_var = (int8_t)var;
	return CC_OK;
}

static enum cc_status
depth_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);
	bool depth = strcmp(keyword->name, "depth") == 0;

	(void)negated;
	if (op == NULL)
		return CC_BAD;
	if ((op->flags & OF_STARTSWITH) != 0)
		return build_refuse(build, "can't stand with startswith");
	if ((op->flags & (depth ? OF_DEPTH : OF_OFFSET)) != 0)
		return build_refuse(build, "stands twice behind the same content");
	if ((op->flags & (OF_WITHIN | OF_DISTANCE)) != 0)
		return build_refuse(build, "can't stand with within or distance on the same content");
	op->flags |= depth ? OF_DEPTH : OF_OFFSET;
	if (place_parse(build, value, 0, depth ? &op->depth : &op->offset, depth ? &op->depth_var : &op->offset_var) !=
	    CC_OK)
		return CC_BAD;
	if (depth && op->depth_var < 0 && op->depth < op->size)
		return build_refuse(
		    build, "%d is smaller than the content's %u bytes: this can never hold", op->depth, op->size);
	return CC_OK;
}

static enum cc_status
distance_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);
	bool within = strcmp(keyword->name, "within") == 0;

	(void)negated;
	if (op == NULL)
		return CC_BAD;
	if ((op->flags & OF_STARTSWITH) != 0)
		return build_refuse(build, "can't stand with startswith");
	if ((op->flags & (within ? OF_WITHIN : OF_DISTANCE)) != 0)
		return build_refuse(build, "stands twice behind the same content");
	if ((op->flags & (OF_DEPTH | OF_OFFSET)) != 0)
		return build_refuse(build, "can't stand with depth or offset on the same content");
	op->flags |= OF_RELATIVE | (within ? OF_WITHIN : OF_DISTANCE);
	if (place_parse(build, value, within ? 0 : -1048576, within ? &op->within : &op->distance,
		within ? &op->within_var : &op->distance_var) != CC_OK)
		return CC_BAD;
	if (within && op->within_var < 0 && op->within < op->size)
		return build_refuse(
		    build, "%d is smaller than the content's %u bytes: this can never hold", op->within, op->size);
	return CC_OK;
}

static enum cc_status
startswith_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);

	(void)keyword, (void)value, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if ((op->flags & (OF_DEPTH | OF_OFFSET | OF_DISTANCE | OF_WITHIN | OF_STARTSWITH)) != 0)
		return build_refuse(build, "can't stand with depth, offset, distance or within, nor twice");
	op->flags |= OF_STARTSWITH | OF_DEPTH | OF_OFFSET;
	op->offset = 0;
	op->depth = op->size;
	return CC_OK;
}

static enum cc_status
endswith_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);

	(void)keyword, (void)value, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if ((op->flags & OF_ENDSWITH) != 0)
		return build_refuse(build, "stands twice behind the same content");
	op->flags |= OF_ENDSWITH;
	return CC_OK;
}

static enum cc_status
rawbytes_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);

	(void)keyword, (void)value, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if (build->buffer != 0)
		return build_refuse(build, "can't stand in a buffer: it speaks of the packet's own bytes");
	if ((op->flags & OF_RAWBYTES) != 0)
		return build_refuse(build, "stands twice behind the same content");
	op->flags |= OF_RAWBYTES;
	return CC_OK;
}

static enum cc_status
fast_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct op *op = content_before(build);
	struct slice at, rest = value;
	uint64_t start, size;

	(void)keyword, (void)negated;
	if (op == NULL)
		return CC_BAD;
	if (build->has_fast)
		return build_refuse(build, "only one content of a rule can be the fast pattern");
	if ((op->flags & OF_NEGATED) != 0 && (op->flags & (OF_DISTANCE | OF_WITHIN | OF_DEPTH | OF_OFFSET)) != 0)
		return build_refuse(build, "a negated content with a place can't be the fast pattern");
	build->has_fast = true;
	op->flags |= OF_FAST;
	if (value.size == 0)
		return CC_OK;
	if (slice_is_nocase(value, "only")) {
		if ((op->flags & OF_NEGATED) != 0)
			return build_refuse(build, "a negated content can't be the only thing of it");
		if ((op->flags & (OF_DISTANCE | OF_WITHIN | OF_DEPTH | OF_OFFSET)) != 0)
			return build_refuse(
			    build, "fast_pattern:only has no place: leave out distance, within, depth and offset");
		op->flags |= OF_FAST_ONLY;
		return CC_OK;
	}
	if ((op->flags & OF_NEGATED) != 0)
		return build_refuse(build, "a negated content can't be cut for the fast pattern");
	if (!slice_split(&rest, ',', &at) || !slice_uint(slice_trim(at), 65535, &start) || rest.p == NULL ||
	    !slice_uint(slice_trim(rest), 65535, &size) || size == 0 || start + size > op->size)
		return build_refuse(build,
		    "\"%.*s\" should be \"only\", or offset,length inside the content's %u bytes",
		    (int)(value.size < 60 ? value.size : 60), value.p, op->size);
	op->fast_at = (uint16_t)start;
	op->fast_size = (uint16_t)size;
	return CC_OK;
}

static enum cc_status
uricontent_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	int at = buffer_find(build->set, slice_str(keyword->target));

	if (at < 0)
		return build_refuse(build, "needs a parser of HTTP");
	if (content_add(build, value, negated) != CC_OK)
		return CC_BAD;
	build->op_buffer[build->op_count - 1] = (uint16_t)at;
	build->op_instance[build->op_count - 1] = 0;
	return CC_OK;
}

static enum cc_status
replace_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)value, (void)negated;
	return build_refuse(build, "changes packets; a passive sensor can't");
}

const struct keyword kw_content = {"content", NULL, KW_VALUE | KW_QUOTED | KW_NEGATE, content_parse, NULL,
    "Bytes that must be in the buffer, or with ! must not; |0d 0a| is hexadecimal"};
const struct keyword kw_uricontent = {"uricontent", NULL, KW_VALUE | KW_QUOTED | KW_NEGATE, uricontent_parse,
    "http.uri", "The old way to write content in http.uri"};
const struct keyword kw_nocase = {
    "nocase", NULL, KW_NO_VALUE, nocase_parse, NULL, "Letters of the content before match in either case"};
const struct keyword kw_depth = {"depth", NULL, KW_VALUE, depth_parse, NULL,
    "The content before lies within so many bytes, counted from its offset"};
const struct keyword kw_offset = {
    "offset", NULL, KW_VALUE, depth_parse, NULL, "The content before lies behind so many bytes of the buffer"};
const struct keyword kw_distance = {"distance", NULL, KW_VALUE, distance_parse, NULL,
    "The content before begins at least so many bytes behind the match before it"};
const struct keyword kw_within = {"within", NULL, KW_VALUE, distance_parse, NULL,
    "The content before ends within so many bytes behind the match before it"};
const struct keyword kw_startswith = {"startswith", NULL, KW_NO_VALUE, startswith_parse, NULL,
    "The content before stands at the very start of the buffer"};
const struct keyword kw_endswith = {
    "endswith", NULL, KW_NO_VALUE, endswith_parse, NULL, "The content before stands at the very end of the buffer"};
const struct keyword kw_rawbytes = {"rawbytes", NULL, KW_NO_VALUE, rawbytes_parse, NULL,
    "Accepted for old rules: the packet's bytes are always the raw ones here"};
const struct keyword kw_fast_pattern = {"fast_pattern", NULL, 0, fast_parse, NULL,
    "The content before is the one that the multi-pattern stage looks for: fast_pattern, fast_pattern:only, "
    "fast_pattern:offset,length"};
const struct keyword kw_replace = {"replace", NULL, KW_VALUE, replace_parse, NULL, "Not for a passive sensor"};
