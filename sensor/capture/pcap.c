/*
 * The pcap format (draft-ietf-opsawg-pcap) in either byte order, with micro- and nanoseconds, and its relatives:
 * records of Kuznetzov's patched libpcap, IXIA's files, and sizes swapped as before version 2.3.
 */
#include "capture/inside.h"

enum {
	MAGIC_US = 0xa1b2c3d4, MAGIC_NS = 0xa1b23c4d, MAGIC_KUZNETZOV = 0xa1b2cd34, MAGIC_IXIA_HW = 0x1c0001ac,
	MAGIC_IXIA_SW = 0x1c0001ab,
};

#define LINKTYPE_MASK 0xffffu /* above it: the size of a checksum at the end of frames */

static bool
magic_known(uint32_t magic)
{
	return magic == MAGIC_US || magic == MAGIC_NS || magic == MAGIC_KUZNETZOV || magic == MAGIC_IXIA_HW ||
	    magic == MAGIC_IXIA_SW;
}

bool
capture_pcap_magic(struct slice in)
{
	struct cur c = cur_slice(in), again = c;

	return magic_known(cur_u32(&c)) || magic_known(cur_u32le(&again));
}

/* magic, version, time zone, accuracy, snap length, link type: 24 bytes; IXIA adds the size of all records */
enum cc_status
capture_pcap_open(struct capture *capture)
{
	struct stream *s = &capture->stream;
	const char *path = capture->path[capture->path_at];
	struct interface *interface;
	struct cur c;
	uint32_t magic, snaplen, linktype;
	uint16_t major, minor;
	bool ixia;
	enum cc_status st = capture_stream_need(s, 24);

	if (s->end - s->p < 24)
		return capture_file_cut(capture, 0, "file header", st);
	c = cur_of(s->p, (size_t)(s->end - s->p));
	capture->file.big = magic_known(cur_u32(&c));
	c = cur_of(s->p, (size_t)(s->end - s->p));
	magic = file_u32(capture, &c);
	major = file_u16(capture, &c);
	minor = file_u16(capture, &c);
	cur_skip(&c, 8);
	snaplen = file_u32(capture, &c);
	linktype = file_u32(capture, &c);
	ixia = magic == MAGIC_IXIA_HW || magic == MAGIC_IXIA_SW;
	if (major != 2 && !(major == 543 && minor == 0)) /* the latter by some writers that muddled their header */
		return capture_file_trouble(capture, "pcap version %u.%u is not known", major, minor);
	capture->file.format = FILE_PCAP;
	capture->file.unit = magic == MAGIC_NS || ixia ? 1 : 1000;
	capture->file.header = magic == MAGIC_KUZNETZOV ? 24 : 16;
	capture->file.swapped_sizes = major == 2 && minor < 3;
	capture->file.first = capture->interface_count;
	capture->file.count = 1;
	if (ixia && (st = capture_stream_need(s, 28)) != CC_OK)
		return capture_file_cut(capture, 0, "file header", st);
	interface = capture_add_interface(capture, path, strlen(path));
	if (interface == NULL)
		return capture_file_trouble(capture, "too many interfaces, or no memory");
	interface->snaplen = snaplen;
	interface->linktype = (uint16_t)(linktype & LINKTYPE_MASK);
	s->p += ixia ? 28 : 24;
	return CC_OK;
}

/* seconds, fraction, bytes here, bytes on the wire; Kuznetzov: interface, protocol, packet type */
enum cc_status
capture_pcap_next(struct capture *capture, struct frame *ret_frame)
{
	struct stream *s = &capture->stream;
	unsigned header = capture->file.header;
	uint32_t seconds, fraction, size, wire;
	enum cc_status st = capture_stream_need(s, header);
	struct cur c;

	if (st != CC_OK)
		return st == CC_END && s->p == s->end ? CC_END : capture_file_cut(capture, capture_stream_at(s),
		    "record header", st);
	c = cur_of(s->p, 16);
	seconds = file_u32(capture, &c);
	fraction = file_u32(capture, &c);
	size = file_u32(capture, &c);
	wire = file_u32(capture, &c);
	if (__builtin_expect(capture->file.swapped_sizes, 0)) {
		uint32_t swap = size;

		size = wire;
		wire = swap;
	}
	if (__builtin_expect(size > capture->conf->capture_record_max, 0)) {
		count_add(&capture->counts[CAPTURE_BAD_RECORDS], 1);
		return capture_file_trouble(capture,
		    "the record at byte %llu says that it has %u bytes; the rest of the file is left out",
		    (unsigned long long)capture_stream_at(s), size);
	}
	if ((size_t)(s->end - s->p) < header + size) {
		st = capture_stream_fill(s, header + size);
		if (st != CC_OK)
			return capture_file_cut(capture, capture_stream_at(s), "record", st);
	}
	ret_frame->p = s->p + header;
	s->p += header + size;
	ret_frame->size = size;
	ret_frame->wire_size = wire > size ? wire : size;
	ret_frame->time = seconds * NS_PER_S + (uint64_t)fraction * capture->file.unit;
	ret_frame->interface = capture->file.first;
	ret_frame->linktype = capture_interface_at(capture, capture->file.first)->linktype;
	return CC_OK;
}
