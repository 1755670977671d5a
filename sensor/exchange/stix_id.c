/*
 * Ids that come out the same wherever they are made: UUIDv5 (RFC 9562, 5.5).  For cyber-observables over the canonical
 * JSON (RFC 8785) of the properties that STIX 2.1 names for each type (2.9), so that partners' objects converge; for
 * our own objects over what makes them the same thing.  No state.
 */
#include "exchange/stix_own.h"

#include "base/utf8.h"

/* 00abedb4-aa42-466c-9c01-fed23315a9b7, STIX 2.1, 2.9 */
static const uint8_t sco_space[16] = {
    0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7};
/* 4be42930-4835-423a-9cbd-6970c9d17900, ours */
static const uint8_t own_space[16] = {
    0x4b, 0xe4, 0x29, 0x30, 0x48, 0x35, 0x42, 0x3a, 0x9c, 0xbd, 0x69, 0x70, 0xc9, 0xd1, 0x79, 0x00};

static void
uuid5_of(const uint8_t sha1[20], char ret_uuid[37])
{
	uint8_t d[16];
	char hex[33];

	memcpy(d, sha1, 16);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x50);
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	hex_text(slice_of(d, 16), hex);
	for (unsigned from = 0, to = 0; from < 32; from++) {
		if (from == 8 || from == 12 || from == 16 || from == 20)
			ret_uuid[to++] = '-';
		ret_uuid[to++] = hex[from];
	}
	ret_uuid[36] = '\0';
}

/* "type--uuid" */
static void
put_id(const char *type, const char uuid[37], char ret_id[STIX_ID])
{
	size_t size = strlen(type);

	size = size < STIX_ID - 40 ? size : STIX_ID - 40;
	memcpy(ret_id, type, size);
	memcpy(ret_id + size, "--", 2);
	memcpy(ret_id + size + 2, uuid, 37);
}

void
stix_uuid5(const uint8_t space[16], struct slice name, char ret_uuid[37])
{
	struct digest digest;
	uint8_t d[20];

	digest_open(&digest, DIGEST_SHA1);
	digest_add(&digest, slice_of(space, 16));
	digest_add(&digest, name);
	digest_close(&digest, NULL, d, NULL);
	uuid5_of(d, ret_uuid);
}

void
stix_sco_id(const char *type, struct slice canonical, char ret_id[STIX_ID])
{
	char uuid[37];

	stix_uuid5(sco_space, canonical, uuid);
	put_id(type, uuid, ret_id);
}

/* Each part behind its size: no two lists of parts give the same bytes. */
void
stix_own_id(const char *type, const struct slice *part, size_t count, char ret_id[STIX_ID])
{
	struct digest digest;
	uint8_t d[20];
	char uuid[37];

	digest_open(&digest, DIGEST_SHA1);
	digest_add(&digest, slice_of(own_space, 16));
	digest_add(&digest, slice_str(type));
	for (size_t i = 0; i < count; i++) {
		char size[24], *p = size + sizeof(size);
		size_t n = part[i].size;

		*--p = ':';
		do
			*--p = (char)('0' + n % 10);
		while ((n /= 10) > 0);
		*--p = '\n';
		digest_add(&digest, slice_of(p, (size_t)(size + sizeof(size) - p)));
		digest_add(&digest, part[i]);
	}
	digest_close(&digest, NULL, d, NULL);
	uuid5_of(d, uuid);
	put_id(type, uuid, ret_id);
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
			buf_add(out, (const uint8_t[]){'\\', *p}, 2);
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
