/*
 * One rule's text to a struct build: header, then options one by one.  The words that keywords use to leave ops and
 * checks behind are here, too.
 *
 * Options end at the first ';' that no '\' stands before, quotes not looked at; names are case-insensitive; the body
 * ends at the last ')'.  That is how the authors' tools have always read them.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "detect/kw/kw.h"

#define KEYWORD(symbol) extern const struct keyword kw_##symbol;
#include "detect/keywords.def"
#undef KEYWORD

const struct keyword *const keyword_table[] = {
#define KEYWORD(symbol) &kw_##symbol,
#include "detect/keywords.def"
#undef KEYWORD
};
const unsigned keyword_count = sizeof(keyword_table) / sizeof(keyword_table[0]);

static bool
alias_has(const char *alias, struct slice name)
{
	struct slice rest = alias != NULL ? slice_str(alias) : slice_of(NULL, 0), word;

	while (slice_split(&rest, ' ', &word)) {
		if (slice_eq(word, name))
			return true;
	}
	return false;
}

const struct keyword *
keyword_find(struct slice name)
{
	char lower[64];

	if (name.size >= sizeof(lower))
		return NULL;
	lower_copy((uint8_t *)lower, name);
	name = slice_of(lower, name.size);
	for (unsigned i = 0; i < keyword_count; i++) {
		if (slice_is(name, keyword_table[i]->name) || alias_has(keyword_table[i]->alias, name))
			return keyword_table[i];
	}
	return NULL;
}

enum cc_status
build_refuse(struct build *build, const char *format, ...)
{
	char why[512];
	va_list args;

	if (build->refused)
		return CC_BAD;
	build->refused = true;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	snprintf(build->why, sizeof(build->why), "%.60s%s%.180s", build->keyword != NULL ? build->keyword : "",
	    build->keyword != NULL ? ": " : "", why);
	report_line(build->report, build->file, build->line, build->column, build->keyword, "%s", why);
	return CC_BAD;
}

void
build_warn(struct build *build, const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (build->body != NULL)
		build->body->bound = true;
	build->report->warnings++;
	report_line(build->report, build->file, build->line, build->column, build->keyword, "warning: %s", why);
}

void *
build_take(struct build *build, size_t size)
{
	void *p = store_take(&build->body->store, size);

	if (p == NULL)
		build_refuse(build, "no memory");
	return p;
}

enum cc_status
build_buffer_settle(struct build *build)
{
	int with;

	if (build->transform_count > 0) {
		if (build->buffer == 0) {
			return build_refuse(build, "the transform %s needs a buffer before it, such as http.uri",
			    build->transform[0].name);
		}
		with = buffer_with(build, build->buffer, build->transform, build->transform_count);
		build->transform_count = 0;
		if (with < 0)
			return build_refuse(build, "no memory");
		build->buffer = (uint16_t)with;
	}
	return CC_OK;
}

struct op *
build_op(struct build *build, enum op_kind kind)
{
	struct op *op;

	if (build_buffer_settle(build) != CC_OK)
		return NULL;
	if (build->op_count == RULE_OPS_MAX) {
		build_refuse(build, "more than %d conditions on content in one rule", RULE_OPS_MAX);
		return NULL;
	}
	op = &build->op[build->op_count];
	*op =
	    (struct op){.kind = (uint8_t)kind, .depth_var = -1, .offset_var = -1, .distance_var = -1, .within_var = -1};
	op->column = (uint16_t)(build->column < UINT16_MAX ? build->column : UINT16_MAX);
	build->op_buffer[build->op_count] = build->buffer;
	build->op_instance[build->op_count] = build->instance;
	build->op_count++;
	build->buffer_used = true;
	return op;
}

struct op *
build_op_in(struct build *build, const char *buffer, enum op_kind kind)
{
	int at = buffer_find(build->set, slice_str(buffer));
	uint16_t before, instance;
	bool used = build->buffer_used;
	struct op *op;

	if (at < 0) {
		build_refuse(build, "needs a parser that this sensor does not have");
		return NULL;
	}
	if (build_buffer_settle(build) != CC_OK)
		return NULL;
	before = build->buffer;
	instance = build->instance;
	build->buffer = (uint16_t)at;
	build->instance = 0;
	op = build_op(build, kind);
	build->buffer = before;
	build->instance = instance;
	build->buffer_used = used;
	return op;
}

struct check *
build_check(struct build *build, bool (*test)(struct run *, const struct check *), unsigned phase)
{
	struct check *check;

	if (build->check_count == RULE_CHECKS_MAX) {
		build_refuse(build, "more than %d conditions on the packet in one rule", RULE_CHECKS_MAX);
		return NULL;
	}
	check = &build->check[build->check_count++];
	*check = (struct check){.test = test, .phase = (uint8_t)phase};
	return check;
}

struct op *
build_last(struct build *build, enum op_kind kind)
{
	for (unsigned i = build->op_count; i-- > 0;) {
		if (build->op_buffer[i] == build->buffer && build->op_instance[i] == build->instance &&
		    build->op[i].kind == kind)
			return &build->op[i];
	}
	return NULL;
}

struct op *
build_last_content(struct build *build)
{
	for (unsigned i = build->op_count; i-- > 0;) {
		if (build->op[i].kind == DO_CONTENT)
			return &build->op[i];
	}
	return NULL;
}

bool
build_follows(const struct build *build)
{
	unsigned last = build->op_count - 1;

	for (unsigned i = 0; i < last; i++) {
		if (build->op_buffer[i] == build->op_buffer[last] && build->op_instance[i] == build->op_instance[last])
			return true;
	}
	return false;
}

int
build_var(struct build *build, struct slice name)
{
	for (unsigned i = 0; i < build->var_count; i++) {
		if (slice_eq(build->var[i], name))
			return (int)i;
	}
	return -1;
}

int
build_var_new(struct build *build, struct slice name)
{
	int at = build_var(build, name);

	if (at >= 0)
		return at;
	if (name.size == 0 || build->var_count == RULE_VARS_MAX) {
		build_refuse(build, name.size == 0 ? "the result needs a name" : "more than %d variables in one rule",
		    RULE_VARS_MAX);
		return -1;
	}
	build->var[build->var_count] = name;
	return (int)build->var_count++;
}

enum cc_status
build_buffer_end(struct build *build)
{
	if (build->buffer_set && !build->buffer_used && build->buffer != 0) {
		build->column = build->buffer_column;
		build->keyword = build->set->buffer[build->buffer].name;
		return build_refuse(
		    build, "nothing is asked of this buffer; put content, pcre, bsize or the like behind it");
	}
	if (build->transform_count > 0)
		return build_refuse(
		    build, "nothing is asked of the buffer after its transform %s", build->transform[0].name);
	return CC_OK;
}

enum cc_status
build_sticky(struct build *build, const char *name)
{
	int at = buffer_find(build->set, slice_str(name));
	uint32_t column = build->column;
	const char *keyword = build->keyword;

	if (at < 0)
		return build_refuse(build, "the buffer %s needs a parser that this sensor does not have", name);
	if (build_buffer_end(build) != CC_OK)
		return CC_BAD;
	build->column = column;
	build->keyword = keyword;
	build->buffer = (uint16_t)at;
	build->buffer_column = column;
	build->buffer_set = at != 0;
	build->buffer_used = false;
	if (build->set->buffer[at].multi)
		build->instance++;
	else
		build->instance = 0;
	return CC_OK;
}

enum cc_status
number_or_refuse(struct build *build, struct slice value, uint64_t max, struct number *ret_number)
{
	if (!number_parse(value, ret_number) || ret_number->a > max ||
	    (ret_number->compare == CMP_RANGE && ret_number->b > max))
		return build_refuse(build, "\"%.*s\" is no number or comparison (5, >5, <5, !5, 3<>9) of 0 to %llu",
		    (int)(value.size < 60 ? value.size : 60), value.p, (unsigned long long)max);
	return CC_OK;
}

enum cc_status
packet_check(struct build *build, const struct keyword *keyword, bool (*test)(struct run *, const struct check *),
    struct slice value, uint64_t max)
{
	struct number *number = build_take(build, sizeof(*number));
	struct check *check;

	if (number == NULL || number_or_refuse(build, value, max, number) != CC_OK)
		return CC_BAD;
	check = build_check(build, test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->data = number;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return CC_OK;
}

/* The number of a name, one up; 0: none, or a new one that could not be made (*ret_st). */
static uintptr_t
name_number(struct build *build, struct slice key, bool make, enum cc_status *ret_st)
{
	struct common *common = build->set->common;
	uintptr_t id;

	*ret_st = CC_OK;
	pthread_mutex_lock(&common->lock);
	id = (uintptr_t)map_get(common->names->map, key);
	if (id == 0 && make && common->names->count == FLOWBITS_MAX) {
		*ret_st = CC_FULL;
	} else if (id == 0 && make) {
		*ret_st = map_put(common->names->map, key, (void *)(uintptr_t)(common->names->count + 1), NULL);
		if (*ret_st == CC_OK)
			id = ++common->names->count;
	}
	pthread_mutex_unlock(&common->lock);
	return id;
}

enum cc_status
name_id(struct build *build, char kind, struct slice name, uint32_t *ret_id)
{
	enum cc_status st;
	char key[256];
	uintptr_t id;
	int size;

	if (name.size == 0 || name.size > 240)
		return build_refuse(build, "a name of 1 to 240 letters is needed");
	size = snprintf(key, sizeof(key), "%c%.*s", kind, (int)name.size, name.p);
	id = name_number(build, slice_of(key, (size_t)size), false, &st);
	if (id == 0) {
		build_turn(build);
		id = name_number(build, slice_of(key, (size_t)size), true, &st);
	}
	if (id == 0)
		return st == CC_FULL ? build_refuse(build, "more than %d names of flowbits and their like in the rules",
					   FLOWBITS_MAX)
				     : build_refuse(build, "no memory");
	*ret_id = (uint32_t)id - 1;
	return CC_OK;
}

/* What may stand for the numbers of a field, for a message. */
static void
words_print(struct buf *out, const struct cc_words *words)
{
	for (unsigned i = 0; i < words->count; i++) {
		if (i > 0 && strcmp(words->word[i].name, words->word[i - 1].name) == 0)
			continue;
		buf_printf(out, "%s%s", i > 0 ? ", " : "", words->word[i].name);
	}
}

/* The comparison behind the name of a parser's field. */
static enum cc_status
field_number(struct build *build, const struct buffer *buffer, struct slice value, struct number *ret_number)
{
	struct slice wrong;
	char room[300];
	struct buf names;

	if (buffer->flag) {
		bool yes = value.size == 0 || slice_is_nocase(value, "true") ||
			   slice_is_nocase(value, "yes") || slice_is(value, "1");

		if (!yes && !slice_is_nocase(value, "false") && !slice_is_nocase(value, "no") && !slice_is(value, "0"))
			return build_refuse(build, "is true or false");
		*ret_number = (struct number){.compare = yes ? CMP_NE : CMP_EQ};
		return CC_OK;
	}
	if (value.size == 0)
		return build_refuse(build, "needs a number or comparison, such as %s:>1", buffer->name);
	if (number_words_parse(&build->body->store, buffer->words, value, ret_number, &wrong)) {
		if (buffer->ends && ret_number->compare == CMP_RANGE)
			ret_number->compare = CMP_IN;
		return CC_OK;
	}
	buf_over(&names, room, sizeof(room));
	if (buffer->words != NULL)
		words_print(&names, buffer->words);
	return build_refuse(build, "\"%.*s\" is no number or comparison (5, >5, <5, !5, 3<>9)%s%.*s",
	    (int)(wrong.size < 60 ? wrong.size : 60), wrong.p, names.size > 0 ? ", and none of " : "", (int)names.size,
	    (const char *)names.p);
}

/* A keyword that no file of kw/ has: the name of a parser's field. */
static enum cc_status
field_keyword(struct build *build, struct slice name, struct slice value, bool has_value)
{
	int at = buffer_find(build->set, name);
	struct number *number;
	struct op *op;

	if (at < 0)
		return unknown_refuse(build, name);
	if (!build->set->buffer[at].number) {
		if (has_value)
			return build_refuse(
			    build, "takes no value: it names the buffer that the next content looks at");
		return build_sticky(build, build->set->buffer[at].name);
	}
	number = build_take(build, sizeof(*number));
	if (number == NULL || field_number(build, &build->set->buffer[at], value, number) != CC_OK ||
	    build_sticky(build, build->set->buffer[at].name) != CC_OK || (op = build_op(build, DO_NUMBER)) == NULL)
		return CC_BAD;
	op->number = number;
	build->buffer = 0;
	build->buffer_set = false;
	return CC_OK;
}

/* msg:"text" content:"x": a text that goes on behind a quote with what looks like the next option. */
static void
quote_warn(struct build *build, struct slice text)
{
	for (size_t i = 1; i + 2 < text.size; i++) {
		size_t at = i + 1;

		if (text.p[i] != '"' || text.p[i - 1] == '\\')
			continue;
		while (at < text.size && text.p[at] == ' ')
			at++;
		if (at == i + 1)
			continue;
		for (i = at;
		     at < text.size && (strchr("_.", text.p[at]) != NULL || (text.p[at] >= 'a' && text.p[at] <= 'z'));)
			at++;
		if (at > i && at < text.size && text.p[at] == ':') {
			build_warn(build, "a quote stands in the text; is a ';' missing before %.*s?", (int)(at - i),
			    text.p + i);
			return;
		}
	}
}

static enum cc_status
value_unquote(struct build *build, const struct keyword *keyword, struct slice *value, bool *ret_negated)
{
	bool quoted;

	*ret_negated = false;
	if (keyword != NULL && (keyword->flags & KW_NEGATE) != 0 && value->size > 0 && value->p[0] == '!') {
		*ret_negated = true;
		*value = slice_trim(slice_of(value->p + 1, value->size - 1));
	}
	quoted = value->size > 0 && value->p[0] == '"';
	if (quoted) {
		if (value->size < 2 || value->p[value->size - 1] != '"')
			return build_refuse(
			    build, "the quotes are not closed before ';' (write \\; for a semicolon inside)");
		*value = slice_of(value->p + 1, value->size - 2);
		if (keyword != NULL && strcmp(keyword->name, "msg") == 0)
			quote_warn(build, *value);
	} else if (keyword != NULL && (keyword->flags & KW_QUOTED) != 0) {
		return build_refuse(build, "the value must stand in double quotes");
	}
	return CC_OK;
}

/* content:"x",nocase,offset 4: what is behind the quotes goes to *ret_modifiers. */
static void
modifiers_split(struct slice *value, struct slice *ret_modifiers)
{
	const uint8_t *quote = value->size > 0 ? memrchr(value->p, '"', value->size) : NULL;
	struct slice rest;

	*ret_modifiers = slice_of(NULL, 0);
	if (quote == NULL || value->p[value->size - 1] == '"')
		return;
	rest = slice_trim(slice_of(quote + 1, value->size - (size_t)(quote + 1 - value->p)));
	if (rest.size < 2 || rest.p[0] != ',')
		return;
	*ret_modifiers = slice_of(rest.p + 1, rest.size - 1);
	*value = slice_of(value->p, (size_t)(quote + 1 - value->p));
}

static enum cc_status
option_parse(struct build *build, struct slice option)
{
	const uint8_t *colon = memchr(option.p, ':', option.size);
	struct slice name = slice_trim(slice_of(option.p, colon != NULL ? (size_t)(colon - option.p) : option.size));
	struct slice value = slice_of(NULL, 0), modifiers = slice_of(NULL, 0);
	const struct keyword *keyword;
	enum cc_status st;
	bool negated;

	snprintf(
	    build->keyword_text, sizeof(build->keyword_text), "%.*s", (int)(name.size < 60 ? name.size : 60), name.p);
	build->keyword = build->keyword_text;
	if (name.size == 0)
		return build_refuse(build, "an option without a name");
	if (colon != NULL)
		value = slice_trim(slice_of(colon + 1, option.size - (size_t)(colon + 1 - option.p)));
	keyword = keyword_find(name);
	if (keyword != NULL) {
		build->keyword = keyword->name;
		if ((keyword->flags & KW_VALUE) != 0 && value.size == 0)
			return build_refuse(build, "needs a value: %s", keyword->help);
		if ((keyword->flags & KW_NO_VALUE) != 0 && value.size > 0)
			return build_refuse(build, "takes no value: %s", keyword->help);
	}
	if (keyword != NULL && strcmp(keyword->name, "content") == 0)
		modifiers_split(&value, &modifiers);
	if (value_unquote(build, keyword, &value, &negated) != CC_OK)
		return CC_BAD;
	if (keyword == NULL)
		return field_keyword(build, name, value, value.size > 0);
	st = keyword->parse(build, keyword, value, negated);
	return st == CC_OK && modifiers.p != NULL ? content_modifiers(build, modifiers) : st;
}

/*
 * A rule may require what the language doesn't have yet, and then be written in words that we can't read: so this
 * option is looked for before all others.
 */
static bool
requirements_met(struct build *build, struct slice text)
{
	const uint8_t *at = memmem(text.p, text.size, "requires:", 9), *end;

	while (at != NULL && at > text.p && at[-1] != ' ' && at[-1] != ';' && at[-1] != '(')
		at = memmem(at + 9, text.size - (size_t)(at + 9 - text.p), "requires:", 9);
	end = at != NULL ? memchr(at, ';', text.size - (size_t)(at - text.p)) : NULL;
	if (end == NULL)
		return true;
	build->column = (uint32_t)(at - text.p) + 1;
	if (option_parse(build, slice_of(at, (size_t)(end - at))) == CC_OK)
		return true;
	build->skipped = true;
	return false;
}

enum cc_status
rule_parse(struct build *build, struct slice text)
{
	struct cur in = cur_slice(text);
	struct slice body, option;
	const uint8_t *end;

	build->text = text;
	if (!requirements_met(build, text))
		return CC_BAD;
	if (header_parse(build, &in) != CC_OK)
		return CC_BAD;
	while (cur_left(&in) > 0 && (*in.p == ' ' || *in.p == '\t'))
		cur_skip(&in, 1);
	build->column = (uint32_t)(in.p - text.p) + 1;
	if (cur_u8(&in) != '(')
		return build_refuse(build, "options in parentheses are missing behind the header");
	body = cur_rest(&in);
	end = memrchr(body.p, ')', body.size);
	if (end == NULL) {
		build->column = (uint32_t)text.size;
		return build_refuse(build, "the closing ) is missing");
	}
	if (slice_trim(slice_of(end + 1, body.size - (size_t)(end + 1 - body.p))).size > 0) {
		build->column = (uint32_t)(end - text.p) + 2;
		return build_refuse(build, "text behind the closing )");
	}
	body.size = (size_t)(end - body.p);
	while (body.size > 0) {
		size_t size = 0, blank = 0;

		while (blank < body.size && (body.p[blank] == ' ' || body.p[blank] == '\t'))
			blank++;
		build->column = (uint32_t)(body.p + blank - text.p) + 1;
		build->keyword = NULL;
		while (size < body.size && (body.p[size] != ';' || (size > 0 && body.p[size - 1] == '\\')))
			size++;
		option = slice_trim(slice_of(body.p, size));
		if (size == body.size) {
			if (option.size == 0)
				break;
			return build_refuse(build, "the last option is not closed by ';'");
		}
		body = slice_of(body.p + size + 1, body.size - size - 1);
		if (option_parse(build, option) != CC_OK)
			return CC_BAD;
	}
	return rule_finish(build);
}
