/*
 * A message as bytes of a segment file, the same in the spool and in the file exchange.
 *
 *   0        4        8                12                      size + 12
 *   +--------+--------+----------------+--- … ---+------------+
 *   | "CCM1" | size   | CRC-32C        | body of `size` bytes |
 *   +--------+--------+----------------+--- … ---+------------+
 *   body: class:u8 header_count:u8 lane:u16, then topic, key (u16 size each), headers (name u8, value u16), value (u32)
 *
 * The CRC covers the size and the body: a flipped size is noticed before it is believed.  Numbers are big endian.
 * Reading is of hostile bytes: a segment of a file exchange may come from anybody.  Any thread, no state.
 */
#include "output/output.h"

#include "base/digest.h"

#define HEAD 12
#define BODY_MAX (64u << 20) /* more is no size but a flipped bit */

static const char *const header_names[] = {
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_sequence",
    "content-type",
    "tlp",
    "exercise",
    "jws",
    "ce_subject",
    "ce_partitionkey",
    "ce_dataschema",
};

static void
put_number(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes > 0)
		buf_add_u8(out, (uint8_t)(n >> 8 * --bytes));
}

static void
put_text(struct buf *out, struct slice s, unsigned bytes)
{
	put_number(out, s.size, bytes);
	buf_add_slice(out, s);
}

static void
put_body(struct buf *out, const struct cc_message *msg)
{
	buf_add_u8(out, (uint8_t)msg->class);
	buf_add_u8(out, (uint8_t)msg->header_count);
	put_number(out, msg->lane, 2);
	put_text(out, msg->topic, 2);
	put_text(out, msg->key, 2);
	for (unsigned i = 0; i < msg->header_count; i++) {
		put_text(out, slice_str(msg->header[i].name), 1);
		put_text(out, msg->header[i].value, 2);
	}
	put_text(out, msg->value, 4);
}

static bool
fits(const struct cc_message *msg)
{
	if (msg->topic.size > UINT16_MAX || msg->key.size > UINT16_MAX || msg->value.size > BODY_MAX / 2 ||
	    msg->header_count > CC_HEADERS_MAX || msg->lane > UINT16_MAX)
		return false;
	for (unsigned i = 0; i < msg->header_count; i++) {
		if (strlen(msg->header[i].name) > UINT8_MAX || msg->header[i].value.size > UINT16_MAX)
			return false;
	}
	return true;
}

enum cc_status
message_encode(const struct cc_message *msg, struct buf *out)
{
	size_t start = out->size;
	struct buf head;
	uint32_t crc;

	if (!fits(msg))
		return CC_BAD;
	buf_add(out, "CCM1\0\0\0\0\0\0\0\0", HEAD);
	put_body(out, msg);
	if (out->full) {
		out->size = start;
		return CC_FULL;
	}
	buf_over(&head, out->p + start + 4, 8);
	put_number(&head, out->size - start - HEAD, 4);
	crc = crc32c(0, slice_of(out->p + start + 4, 4));
	crc = crc32c(crc, slice_of(out->p + start + HEAD, out->size - start - HEAD));
	put_number(&head, crc, 4);
	return CC_OK;
}

/* A header's name is of those that we know: names are C strings, the bytes in the file are not. */
const char *
message_header_name(struct slice name)
{
	for (size_t i = 0; i < sizeof(header_names) / sizeof(header_names[0]); i++) {
		if (slice_is(name, header_names[i]))
			return header_names[i];
	}
	return NULL;
}

static enum cc_status
take_body(struct cur c, struct cc_message *msg)
{
	uint8_t class = cur_u8(&c), count = cur_u8(&c);

	msg->lane = cur_u16(&c);
	msg->topic = cur_take(&c, cur_u16(&c));
	msg->key = cur_take(&c, cur_u16(&c));
	if (c.bad || class >= CC_CLASS_COUNT || count > CC_HEADERS_MAX)
		return CC_BAD;
	msg->class = (enum cc_class) class;
	for (unsigned i = 0; i < count; i++) {
		const char *name = message_header_name(cur_take(&c, cur_u8(&c)));
		struct slice value = cur_take(&c, cur_u16(&c));

		if (c.bad)
			return CC_BAD;
		/* One of a later version: it says nothing that we act on. */
		if (name != NULL)
			msg->header[msg->header_count++] = (struct cc_header){name, value};
	}
	msg->value = cur_take(&c, cur_u32(&c));
	return c.bad || cur_left(&c) != 0 ? CC_BAD : CC_OK;
}

enum cc_status
message_decode(struct cur *in, struct cc_message *ret_msg)
{
	struct cur c = *in;
	struct cc_message msg = {0};
	struct slice size_bytes, body, magic = cur_take(&c, cur_left(&c) < 4 ? cur_left(&c) : 4);
	uint32_t size, crc;

	if (magic.size > 0 && memcmp(magic.p, "CCM1", magic.size) != 0)
		return CC_BAD;
	size_bytes = (struct slice){c.p, cur_left(&c) < 4 ? cur_left(&c) : 4};
	size = cur_u32(&c);
	crc = cur_u32(&c);
	if (size > BODY_MAX)
		return CC_BAD;
	body = cur_take(&c, size);
	if (c.bad)
		return CC_MORE;
	if (crc32c(crc32c(0, size_bytes), body) != crc)
		return CC_BAD;
	if (take_body(cur_slice(body), &msg) != CC_OK)
		return CC_BAD;
	*in = c;
	*ret_msg = msg;
	return CC_OK;
}

struct slice
message_header(const struct cc_message *msg, const char *name)
{
	for (unsigned i = 0; i < msg->header_count && i < CC_HEADERS_MAX; i++) {
		if (strcmp(msg->header[i].name, name) == 0)
			return msg->header[i].value;
	}
	return (struct slice){NULL, 0};
}
