/*
 * asn1: lengths in BER (X.690) that no sane sender writes.
 *
 *     tag 1 or more | length 1 to 5 | contents, for a constructed one more of these
 *
 * What is read is bounded: ELEMENTS_MAX elements.  An attacker's lengths go nowhere but into comparisons.
 */
#include "detect/kw/kw.h"

#define ELEMENTS_MAX 256

struct asn1 {
	bool bitstring_overflow, double_overflow, oversize, relative;
	uint32_t oversize_length;
	int64_t offset;
};

struct element {
	bool constructed;
	uint8_t class;
	uint32_t tag;
	uint64_t size;
};

static bool
element_read(struct cur *c, struct element *ret)
{
	uint8_t first = cur_u8(c), length;

	ret->class = first >> 6;
	ret->constructed = (first & 0x20) != 0;
	ret->tag = first & 31u;
	if (ret->tag == 31) {
		uint8_t b;

		ret->tag = 0;
		do {
			b = cur_u8(c);
			ret->tag = ret->tag << 7 | (b & 127u);
		} while (!c->bad && (b & 128) != 0);
	}
	length = cur_u8(c);
	ret->size = length;
	if (length == 0x80)
		ret->size = 0; /* to be ended by two zeros: goes on with what is inside */
	if (length > 0x80) {
		ret->size = 0;
		for (unsigned i = length & 127u; i > 0 && !c->bad; i--)
			ret->size = ret->size > UINT32_MAX ? ret->size : ret->size << 8 | cur_u8(c);
	}
	return !c->bad;
}

static bool
element_odd(const struct asn1 *asn1, const struct element *e, struct cur contents)
{
	uint8_t first = cur_left(&contents) > 0 ? cur_u8(&contents) : 0;

	if (asn1->oversize && e->size > asn1->oversize_length)
		return true;
	if (e->class != 0 || e->constructed || e->size == 0 || contents.bad)
		return false;
	if (asn1->bitstring_overflow && e->tag == 3 && (e->size - 1) * 8 < first)
		return true; /* more unused bits than there are bits */
	return asn1->double_overflow && e->tag == 9 && (first & 0xc0) == 0 && e->size > 256;
}

static bool
asn1_call(struct run *run, const struct op *op, struct slice bytes)
{
	const struct asn1 *asn1 = op->data;
	int64_t at = asn1->offset + (asn1->relative ? (int64_t)run->at : 0);
	struct cur c = cur_slice(bytes);

	if (at < 0 || at >= (int64_t)bytes.size)
		return false;
	cur_skip(&c, (size_t)at);
	for (unsigned i = 0; i < ELEMENTS_MAX && cur_left(&c) > 0; i++) {
		struct element e;

		if (!element_read(&c, &e))
			return false;
		if (element_odd(asn1, &e, c))
			return true;
		if (!e.constructed)
			cur_skip(&c, e.size < cur_left(&c) ? (size_t)e.size : cur_left(&c));
	}
	return false;
}

static bool
word_parse(struct asn1 *asn1, struct slice word)
{
	struct slice rest = word, name, text;
	int64_t number = 0;
	bool has;

	if (!slice_split(&rest, ' ', &name))
		return false;
	text = slice_trim(rest);
	has = text.size > 0 && slice_int(text, &number);
	if (slice_is_nocase(name, "bitstring_overflow") && text.size == 0) {
		asn1->bitstring_overflow = true;
	} else if (slice_is_nocase(name, "double_overflow") && text.size == 0) {
		asn1->double_overflow = true;
	} else if (slice_is_nocase(name, "oversize_length") && has && number >= 0 && number <= UINT32_MAX) {
		asn1->oversize = true;
		asn1->oversize_length = (uint32_t)number;
	} else if (slice_is_nocase(name, "absolute_offset") && has && number >= 0 && number <= 65535) {
		asn1->offset = number;
		asn1->relative = false;
	} else if (slice_is_nocase(name, "relative_offset") && has && number >= -65535 && number <= 65535) {
		asn1->offset = number;
		asn1->relative = true;
	} else {
		return false;
	}
	return true;
}

static enum cc_status
asn1_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct asn1 *asn1 = build_take(build, sizeof(*asn1));
	struct slice word;
	struct op *op;

	(void)keyword, (void)negated;
	if (asn1 == NULL)
		return CC_BAD;
	while (slice_split(&value, ',', &word)) {
		if (!word_parse(asn1, slice_trim(word)))
			return build_refuse(build,
			    "\"%.*s\" is none of bitstring_overflow, double_overflow, oversize_length N, "
			    "absolute_offset N, relative_offset N",
			    (int)(word.size < 60 ? word.size : 60), word.p);
	}
	if (!asn1->bitstring_overflow && !asn1->double_overflow && !asn1->oversize)
		return build_refuse(
		    build, "asks for nothing: name bitstring_overflow, double_overflow or oversize_length N");
	op = build_op(build, DO_CALL);
	if (op == NULL)
		return CC_BAD;
	op->flags = asn1->relative ? OF_RELATIVE : 0;
	op->call = asn1_call;
	op->data = asn1;
	return CC_OK;
}

const struct keyword kw_asn1 = {"asn1", NULL, KW_VALUE, asn1_parse, NULL,
    "BER lengths that overflow: bitstring_overflow, double_overflow, oversize_length N; from absolute_offset N or "
    "relative_offset N"};
