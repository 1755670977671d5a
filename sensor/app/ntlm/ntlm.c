/*
 * NTLMSSP's three messages (MS-NLMP, 2.2.1): see ntlm.h.  Thread: the caller's.
 *
 *     1: "NTLMSSP\0" | 1 | flags 4 | domain 8 | host 8 | version 8
 *     2: "NTLMSSP\0" | 2 | target 8 | flags 4 | challenge 8 | 8 | target info 8 | version 8
 *     3: "NTLMSSP\0" | 3 | LM 8 | NT 8 | domain 8 | user 8 | host 8 | key 8 | flags 4 | version 8
 *
 * A field is size 2, room 2, offset 4, little endian; offsets count from the signature.
 */
#include <stdio.h>

#include "app/ntlm/ntlm.h"
#include "app/smtp/mime.h"

enum {
	FLAG_UNICODE = 1, FLAG_VERSION = 0x02000000,
	FRONT = 72,             /* where a version ends in the third message: the oldest form lacks it, flag or not */
	V1_SIZE = 24,           /* of a response in version 1; version 2's are longer */
	BASE64_ROOM = 4096,     /* a message in base64 beyond this is cut; names stand in front */
};

static struct slice
field(struct cur *c, struct slice message, bool *ret_bad, uint32_t *ret_first)
{
	uint16_t size = cur_u16le(c);
	struct cur at = cur_slice(message);
	uint32_t offset;

	cur_skip(c, 2);
	offset = cur_u32le(c);
	if (size == 0)
		return slice_of(NULL, 0);
	cur_skip(&at, offset);
	if (offset < *ret_first)
		*ret_first = offset;
	*ret_bad |= cur_left(&at) < size;
	return cur_take(&at, size);
}

static void
read_version(struct cur *c, struct ntlm *ntlm)
{
	ntlm->major = cur_u8(c);
	ntlm->minor = cur_u8(c);
	ntlm->build = cur_u16le(c);
	cur_skip(c, 3);
	ntlm->revision = cur_u8(c);
	ntlm->has_version = !c->bad;
}

static enum cc_status
read_challenge(struct cur *c, struct slice message, struct ntlm *ntlm)
{
	uint32_t first = UINT32_MAX;
	bool bad = false;

	ntlm->domain = field(c, message, &bad, &first);
	ntlm->flags = cur_u32le(c);
	ntlm->unicode = (ntlm->flags & FLAG_UNICODE) != 0;
	return c->bad || bad ? CC_BAD : CC_OK;
}

static enum cc_status
read_authenticate(struct cur *c, struct slice message, struct ntlm *ntlm)
{
	uint32_t first = UINT32_MAX;
	bool bad = false, lost = false; /* responses may be cut: their size alone counts */
	struct cur sizes = *c;
	uint16_t lm = cur_u16le(&sizes), nt;

	cur_skip(&sizes, 6);
	nt = cur_u16le(&sizes);
	(void)field(c, message, &lost, &first);
	(void)field(c, message, &lost, &first);
	first = UINT32_MAX;
	ntlm->domain = field(c, message, &bad, &first);
	ntlm->user = field(c, message, &bad, &first);
	ntlm->host = field(c, message, &bad, &first);
	cur_skip(c, 8);
	ntlm->flags = cur_u32le(c);
	if (c->bad || bad)
		return CC_BAD;
	ntlm->unicode = (ntlm->flags & FLAG_UNICODE) != 0;
	ntlm->v1 = ntlm->user.size > 0 && (nt == V1_SIZE || (nt == 0 && lm == V1_SIZE));
	ntlm->anonymous = ntlm->user.size == 0 && nt == 0 && lm <= 1;
	if ((ntlm->flags & FLAG_VERSION) != 0 && first >= FRONT)
		read_version(c, ntlm);
	return CC_OK;
}

bool
ntlm_find(struct slice in, struct slice *ret_message)
{
	const uint8_t *at = in.size >= 12 ? memmem(in.p, in.size, "NTLMSSP", 8) : NULL;

	if (at == NULL)
		return false;
	*ret_message = slice_of(at, in.size - (size_t)(at - in.p));
	return true;
}

enum cc_status
ntlm_read(struct slice message, struct ntlm *ret_ntlm)
{
	struct cur c = cur_slice(message);

	memset(ret_ntlm, 0, sizeof(*ret_ntlm));
	cur_skip(&c, 8);
	ret_ntlm->type = cur_u32le(&c);
	switch (ret_ntlm->type) {
	case NTLM_CHALLENGE:
		return read_challenge(&c, message, ret_ntlm);
	case NTLM_AUTHENTICATE:
		return read_authenticate(&c, message, ret_ntlm);
	default: /* the first one's names are empty with every client that has a version */
		return CC_OK;
	}
}

struct slice
ntlm_text(struct slice raw, bool unicode, char ret_text[NTLM_TEXT_MAX])
{
	size_t size = 0;

	if (unicode)
		return utf16le_text(raw, ret_text, NTLM_TEXT_MAX);
	while (size < raw.size && size < NTLM_TEXT_MAX && raw.p[size] != 0) {
		ret_text[size] = (char)raw.p[size];
		size++;
	}
	return slice_of(ret_text, size);
}

void
ntlm_version(const struct ntlm *ntlm, char ret_text[NTLM_VERSION_MAX])
{
	snprintf(ret_text, NTLM_VERSION_MAX, "%u.%u build %u rev %u", ntlm->major, ntlm->minor, ntlm->build,
	    ntlm->revision);
}

static void
put_name(struct cc_ctx *ctx, struct cc_tx *tx, unsigned number, struct slice raw, bool unicode)
{
	char text[NTLM_TEXT_MAX];

	if (number != NTLM_NONE)
		cc_put(ctx, tx, number, ntlm_text(raw, unicode, text));
}

unsigned
ntlm_put(struct cc_ctx *ctx, struct cc_tx *tx, const struct ntlm_table *table, struct slice in)
{
	struct slice message;
	struct ntlm ntlm;

	if (!ntlm_find(in, &message))
		return 0;
	if (ntlm_read(message, &ntlm) != CC_OK)
		return NTLM_FOUND | NTLM_MALFORMED;
	if (ntlm.type == NTLM_CHALLENGE && ntlm.domain.size > 0)
		put_name(ctx, tx, table->server, ntlm.domain, ntlm.unicode);
	if (ntlm.type != NTLM_AUTHENTICATE)
		return NTLM_FOUND;
	put_name(ctx, tx, table->domain, ntlm.domain, ntlm.unicode);
	put_name(ctx, tx, table->user, ntlm.user, ntlm.unicode);
	put_name(ctx, tx, table->host, ntlm.host, ntlm.unicode);
	if (ntlm.has_version && table->version != NTLM_NONE) {
		char text[NTLM_VERSION_MAX];

		ntlm_version(&ntlm, text);
		cc_put_text(ctx, tx, table->version, text);
	}
	return NTLM_FOUND | (ntlm.v1 ? NTLM_V1 : 0u) | (ntlm.anonymous ? NTLM_ANONYMOUS : 0u);
}

unsigned
ntlm_put_base64(struct cc_ctx *ctx, struct cc_tx *tx, const struct ntlm_table *table, struct slice text)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	uint8_t bytes[BASE64_ROOM];
	size_t size = mime_decode(&code, &text, bytes, sizeof(bytes) - 4);
	unsigned found;

	size += mime_decode_end(&code, bytes + size, sizeof(bytes) - size);
	found = ntlm_put(ctx, tx, table, slice_of(bytes, size));
	memset(bytes, 0, size);
	return found;
}
