/* pcre: "/expression/flags" over a buffer, and pcrexform, which leaves the first group of one. */
#include "detect/kw/kw.h"

struct pcre_flag {
	char letter;
	uint32_t option;
	const char *buffer;
};

static const struct pcre_flag flags[] = {
    {'i', PCRE2_CASELESS, NULL},
    {'m', PCRE2_MULTILINE, NULL},
    {'s', PCRE2_DOTALL, NULL},
    {'x', PCRE2_EXTENDED, NULL},
    {'A', PCRE2_ANCHORED, NULL},
    {'E', PCRE2_DOLLAR_ENDONLY, NULL},
    {'G', PCRE2_UNGREEDY, NULL},
    {'u', PCRE2_UTF, NULL},
    {'B', 0, NULL},
    {'R', 0, NULL},
    {'O', 0, NULL},
    {'U', 0, "http.uri"},
    {'I', 0, "http.uri.raw"},
    {'P', 0, "http.request_body"},
    {'Q', 0, "http.response_body"},
    {'H', 0, "http.header"},
    {'D', 0, "http.header.raw"},
    {'M', 0, "http.method"},
    {'C', 0, "http.cookie"},
    {'S', 0, "http.stat_code"},
    {'Y', 0, "http.stat_msg"},
    {'V', 0, "http.user_agent"},
    {'W', 0, "http.host"},
    {'Z', 0, "http.host.raw"},
};

static const struct pcre_flag *
flag_find(uint8_t letter)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (flags[i].letter == letter)
			return &flags[i];
	}
	return NULL;
}

/* The buffer that a letter names; none when a sticky buffer is in force already. */
static enum cc_status
buffer_letter(struct build *build, const struct pcre_flag *flag, struct op *op)
{
	int at = buffer_find(build->set, slice_str(flag->buffer));
	size_t index = (size_t)(op - build->op);

	if (at < 0)
		return build_refuse(build, "the letter %c needs a parser of HTTP", flag->letter);
	/* file.data is the response's body, too: the buffer in force stays. */
	if (build->buffer != 0 && build->set->buffer[build->buffer].source == SRC_FILE &&
	    build->set->buffer[at].source == SRC_FILE && build->set->buffer[build->buffer].parsers == 0)
		return CC_OK;
	if (build->buffer != 0 && build->buffer != at)
		return build_refuse(build, "the letter %c names another buffer than the one in force", flag->letter);
	build->op_buffer[index] = (uint16_t)at;
	if (build->buffer == 0)
		build->op_instance[index] = 0;
	return CC_OK;
}

static enum cc_status
pcre_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	const uint8_t *end;
	struct slice text, kept = {0};
	uint32_t options = 0;
	struct op *op;

	(void)keyword;
	if (value.size > 2 && value.p[0] == 'm' && value.p[1] == '/')
		value = slice_of(value.p + 1, value.size - 1);
	end = value.size > 1 ? memrchr(value.p + 1, '/', value.size - 1) : NULL;
	if (end == NULL || value.p[0] != '/')
		return build_refuse(build, "should be \"/expression/flags\"");
	text = slice_of(value.p + 1, (size_t)(end - value.p) - 1);
	op = build_op(build, DO_PCRE);
	if (op == NULL)
		return CC_BAD;
	op->flags = negated ? OF_NEGATED : 0;
	for (const uint8_t *p = end + 1; p < value.p + value.size; p++) {
		const struct pcre_flag *flag = flag_find(*p);

		if (*p == ',') {
			kept = slice_trim(slice_of(p + 1, (size_t)(value.p + value.size - p) - 1));
			break;
		}
		if (flag == NULL)
			return build_refuse(build, "unknown flag '%c'", *p >= ' ' && *p < 127 ? *p : '?');
		options |= flag->option;
		if (*p == 'R')
			op->flags |= OF_RELATIVE;
		if (flag->buffer != NULL && buffer_letter(build, flag, op) != CC_OK)
			return CC_BAD;
	}
	if (regex_take(build, text, options, &op->regex) != CC_OK)
		return CC_BAD;
	return captures_parse(build, op, kept);
}

static size_t
pcrexform_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform, (void)in, (void)out, (void)room;
	return 0; /* the worker's match data are needed: see buffer_transformed() */
}

static enum cc_status
pcrexform_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct transform *transform = &build->transform[build->transform_count];
	uint32_t groups = 0;

	(void)negated;
	if (build->transform_count == TRANSFORMS_MAX)
		return build_refuse(build, "more than %d transforms", TRANSFORMS_MAX);
	*transform = (struct transform){.run = pcrexform_run, .name = keyword->name, .argument = value};
	if (regex_take(build, value, 0, &transform->regex) != CC_OK)
		return CC_BAD;
	pcre2_pattern_info(transform->regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups != 1)
		return build_refuse(build, "needs exactly one group in parentheses: what it takes is what is left");
	build->transform_count++;
	return CC_OK;
}

const struct keyword kw_pcre = {"pcre", NULL, KW_VALUE | KW_NEGATE, pcre_parse, NULL,
    "A regular expression, \"/expression/flags\"; R: from the match before; U I H D M C P Q S Y V W Z: an HTTP buffer"};
const struct keyword kw_pcrexform = {"pcrexform", NULL, KW_VALUE | KW_QUOTED, pcrexform_parse, NULL,
    "Transform: what the expression's group took is what the rule looks at"};
