/*
 * Objects of DNP3 messages (IEEE 1815, 11.3 and annex A), as far as their sizes: what is inside points isn't read.
 *
 *     group 1 | variation 1 | qualifier 1 | range 0 to 8 | points
 *
 * The qualifier's high half says what stands before each point, its low half what the range is.
 */
#include "app/dnp3/own.h"

/* Bits of a point.  Groups of single bits are packed; 0 bits: there is nothing but the header. */
static const struct {
	uint8_t group, variation;
	uint16_t bits;
} sizes[] = {
	{1, 1, 1}, {1, 2, 8}, {2, 1, 8}, {2, 2, 56}, {2, 3, 24}, {3, 1, 2}, {3, 2, 8}, {4, 1, 8}, {4, 2, 56},
	{4, 3, 24},
	{10, 1, 1}, {10, 2, 8}, {11, 1, 8}, {11, 2, 56}, {12, 1, 88}, {12, 2, 88}, {12, 3, 1}, {13, 1, 8}, {13, 2, 56},
	{20, 1, 40}, {20, 2, 24}, {20, 3, 40}, {20, 4, 24}, {20, 5, 32}, {20, 6, 16}, {20, 7, 32}, {20, 8, 16},
	{21, 1, 40}, {21, 2, 24}, {21, 3, 40}, {21, 4, 24}, {21, 5, 88}, {21, 6, 72}, {21, 7, 88}, {21, 8, 72},
	{21, 9, 32}, {21, 10, 16}, {21, 11, 32}, {21, 12, 16}, {22, 1, 40}, {22, 2, 24}, {22, 3, 40}, {22, 4, 24},
	{22, 5, 88}, {22, 6, 72}, {22, 7, 88}, {22, 8, 72}, {23, 1, 40}, {23, 2, 24}, {23, 3, 40}, {23, 4, 24},
	{23, 5, 88}, {23, 6, 72}, {23, 7, 88}, {23, 8, 72}, {30, 1, 40}, {30, 2, 24}, {30, 3, 32}, {30, 4, 16},
	{30, 5, 40}, {30, 6, 72}, {31, 1, 40}, {31, 2, 24}, {31, 3, 88}, {31, 4, 72}, {31, 5, 32}, {31, 6, 16},
	{31, 7, 40}, {31, 8, 72}, {32, 1, 40}, {32, 2, 24}, {32, 3, 88}, {32, 4, 72}, {32, 5, 40}, {32, 6, 72},
	{32, 7, 88}, {32, 8, 120}, {33, 1, 40}, {33, 2, 24}, {33, 3, 88}, {33, 4, 72}, {33, 5, 40}, {33, 6, 72},
	{33, 7, 88}, {33, 8, 120}, {34, 1, 16}, {34, 2, 32}, {34, 3, 32}, {40, 1, 40}, {40, 2, 24}, {40, 3, 40},
	{40, 4, 72}, {41, 1, 40}, {41, 2, 24}, {41, 3, 40}, {41, 4, 72}, {42, 1, 40}, {42, 2, 24}, {42, 3, 88},
	{42, 4, 72}, {42, 5, 40}, {42, 6, 72}, {42, 7, 88}, {42, 8, 120}, {43, 1, 40}, {43, 2, 24}, {43, 3, 88},
	{43, 4, 72}, {43, 5, 40}, {43, 6, 72}, {43, 7, 88}, {43, 8, 120}, {50, 1, 48}, {50, 2, 80}, {50, 3, 48},
	{50, 4, 88}, {51, 1, 48}, {51, 2, 48}, {52, 1, 16}, {52, 2, 16}, {60, 1, 0}, {60, 2, 0}, {60, 3, 0}, {60, 4, 0},
	{80, 1, 1}, {81, 1, 24}, {86, 2, 8}, {102, 1, 8}, {120, 3, 48}, {120, 4, 48}, {121, 1, 56}, {122, 1, 104},
	{122, 2, 152},
};

static bool
point_bits(const struct dnp3_object *object, uint16_t *ret_bits)
{
	if (object->group >= 110 && object->group <= 113) { /* strings: the variation is their size */
		*ret_bits = (uint16_t)(object->variation * 8u);
		return true;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].group == object->group && sizes[i].variation == object->variation) {
			*ret_bits = sizes[i].bits;
			return true;
		}
	}
	return false;
}

/* Points that each tell their own size before them. */
static bool
sized_points(struct cur *in, unsigned prefix, uint32_t count)
{
	for (; count > 0 && !in->bad; count--)
		cur_skip(in, prefix == 4 ? cur_u8(in) : prefix == 5 ? cur_u16le(in) : cur_u32le(in));
	return !in->bad;
}

static enum cc_status
points_skip(struct cur *in, const struct dnp3_object *object)
{
	static const uint8_t index_size[] = {0, 1, 2, 4};
	unsigned prefix = object->qualifier >> 4 & 7;
	uint64_t bytes;
	uint16_t bits;

	if (object->count == 0 || object->variation == 0)
		return CC_OK;
	if (prefix >= 4)
		return prefix == 7 ? CC_ABSENT : sized_points(in, prefix, object->count) ? CC_OK : CC_BAD;
	if (!point_bits(object, &bits))
		return CC_ABSENT;
	bytes = prefix == 0 ? ((uint64_t)object->count * bits + 7) / 8
			    : (uint64_t)object->count * (index_size[prefix] + (bits + 7u) / 8);
	if (bytes > cur_left(in))
		return CC_BAD;
	cur_skip(in, (size_t)bytes);
	return CC_OK;
}

enum cc_status
dnp3_object_read(struct cur *in, bool with_points, struct dnp3_object *ret_object)
{
	struct dnp3_object object = {.group = 0};
	struct cur c = *in;

	if (cur_left(in) == 0)
		return CC_MORE;
	object.group = cur_u8(&c);
	object.variation = cur_u8(&c);
	object.qualifier = cur_u8(&c);
	object.has_range = (object.qualifier & 15) <= 5;
	switch (object.qualifier & 15) {
	case 0: case 3:
		object.start = cur_u8(&c);
		object.stop = cur_u8(&c);
		break;
	case 1: case 4:
		object.start = cur_u16le(&c);
		object.stop = cur_u16le(&c);
		break;
	case 2: case 5:
		object.start = cur_u32le(&c);
		object.stop = cur_u32le(&c);
		break;
	case 6:
		break;
	case 7: case 11:
		object.count = cur_u8(&c);
		break;
	case 8:
		object.count = cur_u16le(&c);
		break;
	case 9:
		object.count = cur_u32le(&c);
		break;
	default:
		return CC_BAD;
	}
	if (object.has_range) {
		if (object.stop < object.start || object.stop - object.start == UINT32_MAX)
			return CC_BAD;
		object.count = object.stop - object.start + 1;
	}
	if (c.bad)
		return CC_BAD;
	*ret_object = object;
	*in = c;
	return with_points ? points_skip(in, &object) : CC_OK;
}

uint16_t
dnp3_crc(struct slice bytes)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < bytes.size; i++) {
		crc ^= bytes.p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xa6bc : 0));
	}
	return (uint16_t)~crc;
}
