/*
 * A rule's ops over one buffer's bytes.
 *
 * Ops run in order.  One that counts from the end of the match before it is tried at every place of that match: a
 * search that goes back, bounded by STEPS_MAX.  What does not depend on an earlier place ends the search at once when
 * it fails.
 */
#include <stdlib.h>

#include "detect/own.h"

enum answer { FAILS, HOLDS, STOPS }; /* STOPS: fails, whatever places were taken before */

static enum answer ops_run(struct run *run, const struct op *op, const struct op *end, size_t at, size_t furthest);

static int64_t
number_of(const struct run *run, int32_t number, int8_t var)
{
	uint64_t value;

	if (var < 0)
		return number;
	value = run->var[var];
	return value < INT32_MAX ? (int64_t)value : INT32_MAX;
}

/* The first place of the content in [from, to), SIZE_MAX: none. */
static size_t
content_find(const struct slice bytes, const struct op *op, size_t from, size_t to)
{
	const uint8_t *at;

	if ((op->flags & OF_ENDSWITH) != 0) {
		if (to < bytes.size || bytes.size < op->size)
			return SIZE_MAX;
		if (bytes.size - op->size > from)
			from = bytes.size - op->size;
	}
	if (from > to || to - from < op->size)
		return SIZE_MAX;
	at = bytes_find(
	    slice_of(bytes.p + from, to - from), slice_of(op->bytes, op->size), (op->flags & OF_NOCASE) != 0);
	return at != NULL ? (size_t)(at - bytes.p) : SIZE_MAX;
}

/* Where the content may lie.  Places are counted in the stream, of which the view is a window. */
static bool
content_range(const struct run *run, const struct op *op, size_t at, size_t *ret_from, size_t *ret_to)
{
	int64_t size = (int64_t)run->view.bytes.size, from = 0, to = size;

	if ((op->flags & OF_RELATIVE) != 0) {
		int64_t distance = (op->flags & OF_DISTANCE) != 0 ? number_of(run, op->distance, op->distance_var) : 0;

		from = (int64_t)at + distance;
		if ((op->flags & OF_WITHIN) != 0)
			to = from + number_of(run, op->within, op->within_var);
	} else if ((op->flags & (OF_DEPTH | OF_OFFSET)) != 0) {
		int64_t base = run->view.base < INT64_MAX ? (int64_t)run->view.base : INT64_MAX;
		int64_t offset = (op->flags & OF_OFFSET) != 0 ? number_of(run, op->offset, op->offset_var) : 0;

		from = offset - base;
		if ((op->flags & OF_DEPTH) != 0)
			to = offset + number_of(run, op->depth, op->depth_var) - base;
	}
	if (from < 0)
		from = 0;
	if (to > size)
		to = size;
	if (from > to)
		return false;
	*ret_from = (size_t)from;
	*ret_to = (size_t)to;
	return true;
}

/* An op fails: does it make sense to try other places of those before? */
static enum answer
fails(const struct run *run, const struct op *op)
{
	return (op->flags & OF_RELATIVE) != 0 || run->rule->has_vars || run->view.fresh > 0 ? FAILS : STOPS;
}

static bool
step(struct run *run)
{
	if (++run->steps < STEPS_MAX)
		return true;
	if (run->steps == STEPS_MAX)
		detect_count_add(run->detect, DETECT_STEPS_LIMIT, 1);
	return false;
}

static enum answer
content_run(struct run *run, const struct op *op, const struct op *end, size_t at, size_t furthest)
{
	bool again = (op->flags & OF_NEXT) != 0 || run->view.fresh > 0;
	size_t from, to;

	if (!content_range(run, op, at, &from, &to))
		return (op->flags & OF_NEGATED) != 0 ? ops_run(run, op + 1, end, at, furthest) : fails(run, op);
	if ((op->flags & OF_NEGATED) != 0) {
		if (content_find(run->view.bytes, op, from, to) != SIZE_MAX)
			return fails(run, op);
		return ops_run(run, op + 1, end, at, furthest);
	}
	for (;;) {
		size_t place = content_find(run->view.bytes, op, from, to), behind;
		enum answer answer;

		if (place == SIZE_MAX)
			return fails(run, op);
		if (!step(run))
			return STOPS;
		behind = place + op->size;
		answer = ops_run(run, op + 1, end, behind, behind > furthest ? behind : furthest);
		if (answer == HOLDS) {
			run->match_at = place;
			run->match_end = behind;
			return HOLDS;
		}
		if (answer == STOPS)
			return STOPS;
		if (!again)
			return fails(run, op);
		from = place + 1;
	}
}

static enum answer
pcre_run(struct run *run, const struct op *op, const struct op *end, size_t at, size_t furthest)
{
	struct detect *detect = run->detect;
	size_t from = (op->flags & OF_RELATIVE) != 0 ? at : 0;
	bool again = (op->flags & OF_NEXT) != 0 || run->view.fresh > 0;
	unsigned captured = run->captured;

	for (;;) {
		struct slice subject = slice_of(run->view.bytes.p + from, run->view.bytes.size - from);
		const PCRE2_SIZE *place;
		size_t start, behind;
		enum answer answer;
		int found;

		if (!step(run))
			return STOPS;
		detect_count_add(detect, DETECT_PCRE_RUNS, 1);
		found = pcre2_match(
		    op->regex->code, subject.p, subject.size, 0, 0, detect->match_data, detect->match_context);
		if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
			detect_count_add(detect, DETECT_PCRE_LIMIT, 1);
			return fails(run, op);
		}
		if ((op->flags & OF_NEGATED) != 0)
			return found >= 0 ? fails(run, op) : ops_run(run, op + 1, end, at, furthest);
		if (found < 0)
			return fails(run, op);
		place = pcre2_get_ovector_pointer(detect->match_data);
		start = from + place[0];
		behind = from + place[1];
		if (op->captures != NULL)
			captures_take(run, op->captures, subject.p);
		answer = ops_run(run, op + 1, end, behind, behind > furthest ? behind : furthest);
		if (answer == HOLDS) {
			run->match_at = start;
			run->match_end = behind;
			return HOLDS;
		}
		run->captured = captured;
		if (answer == STOPS)
			return STOPS;
		if (!again || start + 1 > run->view.bytes.size)
			return fails(run, op);
		from = start + 1;
	}
}

/* ---- numbers ---- */

struct taken {
	uint64_t value;
	size_t start, size;
};

static bool
digits_read(struct slice text, unsigned base, uint64_t *ret_value)
{
	char copy[32], *stop;

	if (text.size == 0 || text.size >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.size);
	copy[text.size] = '\0';
	*ret_value = strtoull(copy, &stop, (int)base);
	return stop != copy;
}

/* The number that a byte_ op speaks of. */
static bool
number_take(const struct run *run, const struct op *op, size_t at, struct taken *ret)
{
	const struct byte_op *byte = op->byte;
	int64_t count = number_of(run, byte->count, byte->count_var);
	int64_t start =
	    ((op->flags & OF_RELATIVE) != 0 ? (int64_t)at : 0) + number_of(run, byte->offset, byte->offset_var);
	bool little = (op->flags & OF_LITTLE) != 0 && !(byte->dce && flag_is_set(run, byte->order));
	struct cur in;

	if (start < 0 || start > (int64_t)run->view.bytes.size || count < 0)
		return false;
	in = cur_slice(run->view.bytes);
	cur_skip(&in, (size_t)start);
	if (count == 0 && (op->flags & OF_STRING) != 0)
		count = cur_left(&in) < 23 ? (int64_t)cur_left(&in) : 23;
	ret->start = (size_t)start;
	ret->size = (size_t)count;
	ret->value = 0;
	if ((op->flags & OF_STRING) != 0) {
		struct slice text = cur_take(&in, (size_t)count);

		return !in.bad && digits_read(text, byte->base, &ret->value);
	}
	if (count > 8)
		return false;
	for (int64_t i = 0; i < count; i++) {
		uint64_t b = cur_u8(&in);

		ret->value = little ? ret->value | b << 8 * i : ret->value << 8 | b;
	}
	return !in.bad;
}

static uint64_t
masked(const struct byte_op *byte, uint64_t value)
{
	return byte->mask != 0 ? (value & byte->mask) >> byte->shift : value;
}

/* *ret_end: behind the bytes that were read. */
static bool
byte_test_holds(const struct run *run, const struct op *op, size_t at, size_t *ret_end)
{
	const struct byte_op *byte = op->byte;
	uint64_t value = byte->value_var >= 0 ? run->var[byte->value_var] : byte->value, x;
	struct taken taken;
	bool holds;

	if (!number_take(run, op, at, &taken))
		return false;
	*ret_end = taken.start + taken.size;
	x = masked(byte, taken.value);
	switch (byte->compare) {
	case CMP_LT:
		holds = x < value;
		break;
	case CMP_GT:
		holds = x > value;
		break;
	case CMP_LE:
		holds = x <= value;
		break;
	case CMP_GE:
		holds = x >= value;
		break;
	case CMP_AND:
		holds = (x & value) != 0;
		break;
	case CMP_XOR:
		holds = (x ^ value) != 0;
		break;
	default:
		holds = x == value;
		break;
	}
	return holds != byte->not ;
}

/* Where byte_jump lands; false: outside. */
static bool
byte_jump_lands(const struct run *run, const struct op *op, size_t at, size_t *ret_at)
{
	const struct byte_op *byte = op->byte;
	struct taken taken;
	int64_t value, place;

	if (!number_take(run, op, at, &taken))
		return false;
	taken.value = masked(byte, taken.value);
	if (taken.value > UINT32_MAX)
		return false;
	value = (int64_t)(taken.value * byte->multiplier);
	if (byte->align != 0 && value % 4 != 0)
		value += 4 - value % 4;
	value += byte->post_offset;
	if (byte->from_beginning)
		place = value;
	else if (byte->from_end)
		place = (int64_t)run->view.bytes.size + value;
	else
		place = (int64_t)(taken.start + taken.size) + value;
	if (place < 0 || place >= (int64_t)run->view.bytes.size)
		return false;
	*ret_at = (size_t)place;
	return true;
}

static bool
byte_extract_run(struct run *run, const struct op *op, size_t at, size_t *ret_at)
{
	const struct byte_op *byte = op->byte;
	struct taken taken;

	if (!number_take(run, op, at, &taken))
		return false;
	taken.value *= byte->multiplier;
	if (byte->align > 1 && taken.value % byte->align != 0)
		taken.value += byte->align - taken.value % byte->align;
	run->var[byte->result] = taken.value;
	*ret_at = taken.start + taken.size;
	return true;
}

static bool
byte_math_run(struct run *run, const struct op *op, size_t at, size_t *ret_at)
{
	const struct byte_op *byte = op->byte;
	uint64_t b = byte->value_var >= 0 ? run->var[byte->value_var] : byte->value, x;
	struct taken taken;

	if (!number_take(run, op, at, &taken))
		return false;
	x = taken.value;
	switch (byte->compare) {
	case '+':
		x += b;
		break;
	case '-':
		x -= b;
		break;
	case '*':
		x *= b;
		break;
	case '/':
		if (b == 0)
			return false;
		x /= b;
		break;
	case '<':
		x = b < 64 ? x << b : 0;
		break;
	default:
		x = b < 64 ? x >> b : 0;
		break;
	}
	run->var[byte->result] = masked(byte, x);
	*ret_at = taken.start + taken.size;
	return true;
}

/* ---- Base64 (RFC 4648, 4): up to the first byte that can't be of it; line breaks are skipped. ---- */

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t
base64_decode(struct slice in, uint8_t *out, size_t room)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t size = 0;

	for (size_t i = 0; i < in.size && size < room; i++) {
		int value = base64_value(in.p[i]);

		if (in.p[i] == '\r' || in.p[i] == '\n')
			continue;
		if (value < 0)
			break;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[size++] = (uint8_t)(bits >> have);
		}
	}
	return size;
}

static enum answer
base64_run(struct run *run, const struct op *op, const struct op *end, size_t at, size_t furthest)
{
	struct view view = run->view;
	size_t start = ((op->flags & OF_RELATIVE) != 0 ? at : 0) + (size_t)op->offset, size, match_at, match_end;
	enum answer answer;

	if (start >= view.bytes.size)
		return fails(run, op);
	size = view.bytes.size - start;
	if (op->size != 0 && op->size < size)
		size = op->size;
	size = base64_decode(slice_of(view.bytes.p + start, size), run->detect->base64, TRANSFORM_ROOM);
	if (size == 0)
		return fails(run, op);
	if (op->skip > 0) {
		run->view = (struct view){.bytes = slice_of(run->detect->base64, size), .whole = true};
		answer = ops_run(run, op + 1, op + 1 + op->skip, 0, 0);
		match_at = run->match_at;
		match_end = run->match_end;
		run->view = view;
		if (answer != HOLDS)
			return fails(run, op);
		run->match_at = match_at;
		run->match_end = match_end;
	}
	size = start + size / 3 * 4;
	return ops_run(run, op + 1 + op->skip, end, at, size > furthest && size <= view.bytes.size ? size : furthest);
}

static bool
data_at(const struct run *run, const struct op *op, size_t at)
{
	int64_t place = number_of(run, op->offset, op->offset_var);

	if ((op->flags & OF_RELATIVE) != 0)
		return (int64_t)at + place <= (int64_t)run->view.bytes.size;
	return place < (int64_t)run->view.bytes.size;
}

static enum answer
ops_run(struct run *run, const struct op *op, const struct op *end, size_t at, size_t furthest)
{
	size_t behind = at, end_read = 0;
	bool holds;

	if (op == end)
		return run->view.fresh == 0 || furthest > run->view.fresh ? HOLDS : FAILS;
	switch (op->kind) {
	case DO_CONTENT:
		return content_run(run, op, end, at, furthest);
	case DO_PCRE:
		return pcre_run(run, op, end, at, furthest);
	case DO_BASE64:
		return base64_run(run, op, end, at, furthest);
	case DO_ISDATAAT:
		holds = data_at(run, op, at) != ((op->flags & OF_NEGATED) != 0);
		if ((op->flags & OF_NEGATED) == 0)
			end_read = (size_t)number_of(run, op->offset, op->offset_var) +
				   ((op->flags & OF_RELATIVE) != 0 ? at : 1);
		break;
	case DO_BSIZE:
		/* Of a frame, bytes before this piece count, too. */
		holds = number_holds(op->number, run->view.bytes.size + (run->frame != NULL ? run->view.base : 0));
		break;
	case DO_NUMBER:
		holds = number_holds(op->number, run->view.number);
		break;
	case DO_BYTE_TEST:
		holds = byte_test_holds(run, op, at, &end_read);
		break;
	case DO_BYTE_JUMP:
		holds = byte_jump_lands(run, op, at, &behind);
		break;
	case DO_BYTE_EXTRACT:
		holds = byte_extract_run(run, op, at, &behind);
		break;
	case DO_BYTE_MATH:
		holds = byte_math_run(run, op, at, &behind);
		break;
	default:
		run->at = at;
		holds = op->call(run, op, run->view.bytes);
		break;
	}
	if (!holds)
		return fails(run, op);
	/* What was read makes the match new as well as what was taken. */
	if (end_read < behind)
		end_read = behind;
	return ops_run(run, op + 1, end, behind, end_read > furthest ? end_read : furthest);
}

bool
program_run(struct run *run, const struct segment *segment)
{
	static const uint8_t nothing[1];
	const struct op *op = run->rule->op + segment->first;

	if (run->view.bytes.p == NULL)
		run->view.bytes = slice_of(nothing, 0);
	run->steps = 0;
	run->match_at = run->match_end = 0;
	return ops_run(run, op, op + segment->count, 0, 0) == HOLDS;
}
