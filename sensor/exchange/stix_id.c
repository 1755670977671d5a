/*
 * Ids that come out the same wherever they are made: UUIDv5 (RFC 9562, 5.5).  For cyber-observables over the canonical
 * JSON (RFC 8785) of the properties that STIX 2.1 names for each type (2.9), so that partners' objects converge; for
 * our own objects over what makes them the same thing.  No state.
 */
#include "exchange/stix_own.h"

#include <stdio.h>

#include "base/utf8.h"

/* 00abedb4-aa42-466c-9c01-fed23315a9b7, STIX 2.1, 2.9 */
static const uint8_t sco_space[16] = {
    0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7};
/* 4be42930-4835-423a-9cbd-6970c9d17900, ours */
static const uint8_t own_space[16] = {
    0x4b, 0xe4, 0x29, 0x30, 0x48, 0x35, 0x42, 0x3a, 0x9c, 0xbd, 0x69, 0x70, 0xc9, 0xd1, 0x79, 0x00};

void
stix_uuid5(const uint8_t space[16], struct slice name, char ret_uuid[37])
{
	struct digest digest;
	uint8_t d[20];

	digest_open(&digest, DIGEST_SHA1);
	digest_add(&digest, slice_of(space, 16));
	digest_add(&digest, name);
	digest_close(&digest, NULL, d, NULL);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x50);
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	snprintf(ret_uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2],
	    d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

void
stix_sco_id(const char *type, struct slice canonical, char ret_id[STIX_ID])
{
	char uuid[37];

	stix_uuid5(sco_space, canonical, uuid);
	snprintf(ret_id, STIX_ID, "%s--%s", type, uuid);
}

/* Each part behind its size: no two lists of parts give the same bytes. */
void
stix_own_id(const char *type, const struct slice *part, size_t count, char ret_id[STIX_ID])
{
	struct buf name;
	char uuid[37];

	buf_open(&name, 1u << 20);
	buf_add_text(&name, type);
	for (size_t i = 0; i < count; i++) {
		buf_printf(&name, "\n%zu:", part[i].size);
		buf_add_slice(&name, part[i]);
	}
	stix_uuid5(own_space, buf_slice(&name), uuid);
	buf_close(&name);
	snprintf(ret_id, STIX_ID, "%s--%s", type, uuid);
}

/* The text that json_string() writes, read back and written canonically: a byte that is no UTF-8 is the character of
 * its value. */
void
stix_jcs_string(struct buf *out, struct slice text)
{
	const uint8_t *p = text.p, *end = text.p + text.size;

	buf_add_u8(out, '"');
	while (p < end) {
		size_t size = *p >= 0x80 ? utf8_char_size(p, end) : 1;
		uint8_t two[2] = {(uint8_t)(0xc0 | *p >> 6), (uint8_t)(0x80 | (*p & 0x3f))};

		if (size == 0)
			buf_add(out, two, 2);
		else if (size > 1)
			buf_add(out, p, size);
		else if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p >= 0x20)
			buf_add_u8(out, *p);
		else if (*p == '\b' || *p == '\t' || *p == '\n' || *p == '\f' || *p == '\r')
			buf_printf(out, "\\%c", "btn.fr"[*p - '\b']);
		else
			buf_printf(out, "\\u%04x", *p);
		p += size == 0 ? 1 : size;
	}
	buf_add_u8(out, '"');
}
