/*
 * The pcapng format (draft-ietf-opsawg-pcapng): sections, each with interfaces of their own, and packet blocks of all
 * three kinds.  Statistics blocks add to the drop counters; all other blocks are skipped.
 *
 *  | block type | total length | body, padded to 4 | total length |
 */
#include "capture/inside.h"

enum {
	BLOCK_INTERFACE = 1, BLOCK_PACKET = 2, BLOCK_SIMPLE = 3, BLOCK_STATISTICS = 5, BLOCK_ENHANCED = 6,
	BLOCK_SECTION = 0x0a0d0d0a,
};

enum {
	OPTION_END = 0, OPTION_NAME = 2, OPTION_ISB_IFDROP = 5, OPTION_ISB_OSDROP = 7, OPTION_TSRESOL = 9,
	OPTION_TSOFFSET = 14,
};

static struct slice
option(const struct capture *capture, struct cur *c, uint16_t *ret_code)
{
	struct slice value;
	uint16_t code = file_u16(capture, c), size = file_u16(capture, c);

	value = cur_take(c, size);
	if (size % 4 != 0 && cur_left(c) >= 4u - size % 4)
		cur_skip(c, 4u - size % 4);
	*ret_code = c->bad ? OPTION_END : code;
	return value;
}

static uint64_t
file_u64(const struct capture *capture, struct slice value)
{
	struct cur c = cur_slice(value);

	return capture->file.big ? cur_u64(&c) : cur_u64le(&c);
}

/* Nanoseconds of one unit where that is whole: all real files. */
static uint64_t
scale_of(uint8_t resolution)
{
	uint64_t scale = 1;

	if (resolution > 9)
		return 0;
	while (resolution++ < 9)
		scale *= 10;
	return scale;
}

static uint64_t
time_of(const struct interface *interface, uint64_t units)
{
	uint64_t ns, divisor = 1;

	if (interface->scale != 0) {
		ns = units * interface->scale;
	} else if ((interface->resolution & 0x80) != 0) {
		unsigned bits = interface->resolution & 0x7f;

		if (bits > 63)
			bits = 63;
		ns = (units >> bits) * NS_PER_S;
		ns += (uint64_t)((unsigned __int128)(units & ((1ull << bits) - 1)) * NS_PER_S >> bits);
	} else {
		for (unsigned power = 9; power < interface->resolution && power < 28; power++)
			divisor *= 10;
		ns = units / divisor;
	}
	return ns + (uint64_t)interface->shift * NS_PER_S;
}

/* link type, reserved, snap length, options */
static enum cc_status
interface_block(struct capture *capture, struct cur *c)
{
	const char *path = capture->path[capture->path_at];
	uint16_t linktype = file_u16(capture, c), code;
	uint8_t resolution = 6;
	struct slice name = slice_str(path), value;
	struct interface *interface;
	uint32_t snaplen;
	int64_t shift = 0;

	cur_skip(c, 2);
	snaplen = file_u32(capture, c);
	if (c->bad)
		return CC_BAD;
	while (cur_left(c) >= 4) {
		value = option(capture, c, &code);
		if (code == OPTION_END)
			break;
		if (code == OPTION_NAME && value.size > 0)
			name = value;
		else if (code == OPTION_TSRESOL && value.size >= 1)
			resolution = value.p[0];
		else if (code == OPTION_TSOFFSET && value.size >= 8)
			shift = (int64_t)file_u64(capture, value);
	}
	interface = capture_add_interface(capture, (const char *)name.p, name.size);
	if (interface == NULL)
		return capture_file_trouble(capture, "too many interfaces, or no memory");
	interface->snaplen = snaplen;
	interface->linktype = linktype;
	interface->resolution = resolution;
	interface->scale = scale_of(resolution);
	interface->shift = shift;
	capture->file.count++;
	return CC_MORE;
}

/* interface, time, options: what the capture itself lost */
static void
statistics_block(struct capture *capture, struct cur *c)
{
	static const enum capture_count counts[2] = {CAPTURE_KERNEL_DROPS, CAPTURE_INTERFACE_DROPS};
	uint32_t index = file_u32(capture, c);
	struct interface *interface;
	uint16_t code;

	cur_skip(c, 8);
	if (c->bad || index >= capture->file.count)
		return;
	interface = capture_interface_at(capture, capture->file.first + index);
	while (cur_left(c) >= 4) {
		struct slice value = option(capture, c, &code);
		int which = code == OPTION_ISB_OSDROP ? 0 : code == OPTION_ISB_IFDROP ? 1 : -1;
		uint64_t drops;

		if (code == OPTION_END)
			return;
		if (which < 0 || value.size < 8)
			continue;
		drops = file_u64(capture, value);
		if (drops > interface->drops[which] && drops != UINT64_MAX) /* blocks repeat the total so far */
			count_add(&capture->counts[counts[which]], drops - interface->drops[which]);
		interface->drops[which] = drops;
	}
}

static enum cc_status
packet(struct capture *capture, uint32_t index, uint64_t units, uint32_t size, uint32_t wire, struct cur *c,
    struct frame *ret_frame)
{
	const struct interface *interface;

	if (c->bad || index >= capture->file.count || size > cur_left(c)) {
		count_add(&capture->counts[CAPTURE_BAD_RECORDS], 1);
		return CC_BAD;
	}
	interface = capture_interface_at(capture, capture->file.first + index);
	ret_frame->p = cur_bytes(c, size);
	ret_frame->size = size;
	ret_frame->wire_size = wire > size ? wire : size;
	ret_frame->time = time_of(interface, units);
	ret_frame->interface = capture->file.first + index;
	ret_frame->linktype = interface->linktype;
	return CC_OK;
}

/* interface, time (high and low word), bytes here, bytes on the wire; the frame; options */
static enum cc_status
enhanced_block(struct capture *capture, struct cur *c, bool old, struct frame *ret_frame)
{
	uint32_t index = old ? file_u16(capture, c) : file_u32(capture, c), size, wire;
	uint64_t units;

	if (old)
		cur_skip(c, 2); /* a drop count */
	units = (uint64_t)file_u32(capture, c) << 32;
	units |= file_u32(capture, c);
	size = file_u32(capture, c);
	wire = file_u32(capture, c);
	return packet(capture, index, units, size, wire, c, ret_frame);
}

/* bytes on the wire; the frame, as much of it as the snap length of the first interface lets through; no time */
static enum cc_status
simple_block(struct capture *capture, struct cur *c, struct frame *ret_frame)
{
	uint32_t wire = file_u32(capture, c), size = wire, snaplen;
	enum cc_status st;

	if (capture->file.count == 0)
		return packet(capture, 0, 0, 0, 0, c, ret_frame);
	snaplen = capture_interface_at(capture, capture->file.first)->snaplen;
	if (snaplen != 0 && size > snaplen)
		size = snaplen;
	if (size > cur_left(c))
		size = (uint32_t)cur_left(c);
	st = packet(capture, 0, 0, size, wire, c, ret_frame);
	if (st == CC_OK)
		ret_frame->time = 0;
	return st;
}

/* byte-order magic, version, section length, options; the byte order holds for the block's own length too */
static enum cc_status
section_block(struct capture *capture, uint64_t at)
{
	struct stream *s = &capture->stream;
	enum cc_status st = capture_stream_need(s, 16);
	struct cur c;
	uint32_t order;
	uint16_t major;

	if (st != CC_OK)
		return capture_file_cut(capture, at, "section header", st);
	c = cur_of(s->p, 16);
	cur_skip(&c, 8);
	order = cur_u32(&c);
	if (order != 0x1a2b3c4d && order != 0x4d3c2b1a) {
		count_add(&capture->counts[CAPTURE_BAD_RECORDS], 1);
		return capture_file_trouble(capture, "the section at byte %llu has no byte order",
		    (unsigned long long)at);
	}
	capture->file.big = order == 0x1a2b3c4d;
	major = file_u16(capture, &c);
	if (major != 1)
		return capture_file_trouble(capture, "the section at byte %llu is of version %u, which is not known",
		    (unsigned long long)at, major);
	capture->file.first = capture->interface_count;
	capture->file.count = 0;
	capture->file.in_section = true;
	return CC_OK;
}

/* Passes over a block that may be larger than the window. */
static enum cc_status
skip(struct capture *capture, uint64_t at, uint32_t size)
{
	struct stream *s = &capture->stream;

	while (size > 0) {
		uint32_t step;
		enum cc_status st = capture_stream_need(s, 1);

		if (st == CC_MORE && !atomic_load(&capture->stop))
			continue;
		if (st != CC_OK)
			return capture_file_cut(capture, at, "block", st);
		step = (size_t)(s->end - s->p) < size ? (uint32_t)(s->end - s->p) : size;
		s->p += step;
		size -= step;
	}
	return CC_MORE;
}

/* One block.  CC_OK: it was a packet; CC_BAD: wrong within, passed over; CC_MORE: of another kind. */
static enum cc_status
block(struct capture *capture, uint32_t type, struct cur *c, struct frame *ret_frame)
{
	switch (type) {
	case BLOCK_ENHANCED:
		return enhanced_block(capture, c, false, ret_frame);
	case BLOCK_PACKET:
		return enhanced_block(capture, c, true, ret_frame);
	case BLOCK_SIMPLE:
		return simple_block(capture, c, ret_frame);
	case BLOCK_INTERFACE:
		return interface_block(capture, c);
	case BLOCK_STATISTICS:
		statistics_block(capture, c);
		return CC_MORE;
	default:
		return CC_MORE;
	}
}

static bool
wanted(uint32_t type)
{
	return type == BLOCK_ENHANCED || type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_INTERFACE ||
	    type == BLOCK_STATISTICS;
}

enum cc_status
capture_pcapng_next(struct capture *capture, struct frame *ret_frame)
{
	struct stream *s = &capture->stream;

	for (;;) {
		uint64_t at = capture_stream_at(s);
		enum cc_status st = capture_stream_need(s, 8);
		uint32_t type, size;
		struct cur c;

		if (st == CC_MORE)
			return st;
		if (st != CC_OK)
			return st == CC_END && s->p == s->end ? CC_END : capture_file_cut(capture, at, "block header",
			    st);
		c = cur_of(s->p, 8);
		type = file_u32(capture, &c);
		if (type == BLOCK_SECTION && (st = section_block(capture, at)) != CC_OK)
			return st;
		c = cur_of(s->p + 4, 4);
		size = file_u32(capture, &c);
		if (size < 12 || size % 4 != 0 || !capture->file.in_section) {
			count_add(&capture->counts[CAPTURE_BAD_RECORDS], 1);
			return capture_file_trouble(capture,
			    "the block at byte %llu says that it has %u bytes; the rest of the file is left out",
			    (unsigned long long)at, size);
		}
		if (!wanted(type)) {
			st = skip(capture, at, size);
			if (st != CC_MORE)
				return st;
			continue;
		}
		if (size > s->most) {
			count_add(&capture->counts[CAPTURE_BAD_RECORDS], 1);
			return capture_file_trouble(capture,
			    "the block at byte %llu says that it has %u bytes; the rest of the file is left out",
			    (unsigned long long)at, size);
		}
		st = capture_stream_need(s, size);
		if (st != CC_OK)
			return capture_file_cut(capture, at, "block", st);
		c = cur_of(s->p + 8, size - 12);
		s->p += size;
		st = block(capture, type, &c, ret_frame);
		if (st == CC_OK || st == CC_END)
			return st;
	}
}
