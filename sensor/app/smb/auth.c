/*
 * Who logs on: the security blob of a session setup (RFC 4178).  Of NTLMSSP the third message says user, domain and
 * workstation (MS-NLMP, 2.2.1.3); of Kerberos the ticket says realm and service (RFC 4120, 5.5.1).
 *
 *     "NTLMSSP\0" | type 4 LE | LM 8 | NT 8 | domain 8 | user 8 | host 8 | key 8 | flags 4 | version 8
 *
 * A field is size 2, room 2, offset 4; offsets count from the signature.
 */
#include <stdio.h>

#include "app/smb/own.h"

enum { NTLM_UNICODE = 1, NTLM_VERSION = 0x02000000, NTLM_FRONT = 72, DER_DEPTH = 12, DER_NAMES = 8 };

static struct slice
ntlm_field(struct cur *c, struct slice message, bool *ret_bad, uint32_t *ret_first)
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
put_text(struct cc_ctx *ctx, struct cc_tx *tx, enum smb_field field, struct slice raw, bool unicode)
{
	char room[SMB_NAME_MAX];

	cc_put(ctx, tx, field, smb_text(raw, unicode, room));
}

static void
read_ntlm(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct slice message)
{
	struct cur c = cur_slice(message);
	struct slice domain, user, host;
	char version[40];
	uint32_t flags, first = UINT32_MAX;
	bool bad = false, unicode;

	cur_skip(&c, 8);
	if (cur_u32le(&c) != 3)
		return;
	cur_skip(&c, 16);
	domain = ntlm_field(&c, message, &bad, &first);
	user = ntlm_field(&c, message, &bad, &first);
	host = ntlm_field(&c, message, &bad, &first);
	cur_skip(&c, 8);
	flags = cur_u32le(&c);
	if (c.bad || bad) {
		smb_report(ctx, state, tx, SMB_MALFORMED_NTLMSSP_REQUEST);
		return;
	}
	unicode = (flags & NTLM_UNICODE) != 0;
	put_text(ctx, tx, SMB_F_NTLM_DOMAIN, domain, unicode);
	put_text(ctx, tx, SMB_F_NTLM_USER, user, unicode);
	put_text(ctx, tx, SMB_F_NTLM_HOST, host, unicode);
	if ((flags & NTLM_VERSION) && first >= NTLM_FRONT) { /* not there in the oldest form, whatever the flag says */
		unsigned major = cur_u8(&c), minor = cur_u8(&c), build = cur_u16le(&c), revision;

		cur_skip(&c, 3);
		revision = cur_u8(&c);
		if (c.bad)
			return;
		snprintf(version, sizeof(version), "%u.%u build %u rev %u", major, minor, build, revision);
		cc_put_text(ctx, tx, SMB_F_NTLM_VERSION, version);
	}
}

/* The next element of DER: false at the end, or where it breaks. */
static bool
der_next(struct cur *c, uint8_t *ret_tag, struct slice *ret_body)
{
	uint8_t tag = cur_u8(c), first = cur_u8(c);
	size_t size = first;

	if (first >= 0x80) {
		if (first > 0x84)
			return false;
		size = 0;
		for (int i = first & 0x7f; i > 0; i--)
			size = size << 8 | cur_u8(c);
	}
	if (c->bad || (tag & 0x1f) == 0x1f)
		return false;
	*ret_tag = tag;
	*ret_body = cur_take(c, size);
	return !c->bad;
}

/* The first element with this tag in body. */
static bool
der_find(struct slice body, uint8_t tag, struct slice *ret_body)
{
	struct cur c = cur_slice(body);
	uint8_t seen;

	while (der_next(&c, &seen, ret_body))
		if (seen == tag)
			return true;
	return false;
}

/* [APPLICATION 1] Ticket { [1] realm, [2] { [0] type, [1] names } } */
static void
read_ticket(struct cc_ctx *ctx, struct cc_tx *tx, struct slice ticket)
{
	struct slice fields, realm, name, names, text;
	struct cur c;
	uint8_t tag;

	if (!der_find(ticket, 0x30, &fields) || !der_find(fields, 0xa1, &realm) || !der_find(realm, 0x1b, &text))
		return;
	cc_put(ctx, tx, SMB_F_KRB_REALM, text);
	if (!der_find(fields, 0xa2, &name) || !der_find(name, 0x30, &names) || !der_find(names, 0xa1, &name) ||
	    !der_find(name, 0x30, &names))
		return;
	c = cur_slice(names);
	for (int i = 0; i < DER_NAMES && der_next(&c, &tag, &text); i++)
		if (tag == 0x1b)
			cc_put(ctx, tx, SMB_F_KRB_SNAMES, text);
}

/* SPNEGO and GSS-API wrap an AP-REQ ([APPLICATION 14]) in a few layers, of which only the nesting matters here. */
static bool
find_ap_req(struct slice in, int depth, struct slice *ret_req)
{
	struct cur c = cur_slice(in);
	struct slice body;
	uint8_t tag;

	while (depth > 0 && der_next(&c, &tag, &body)) {
		if (tag == 0x6e) {
			*ret_req = body;
			return true;
		}
		if ((tag == 0x60 || tag == 0x30 || tag == 0x04 || (tag & 0xe0) == 0xa0) &&
		    find_ap_req(body, depth - 1, ret_req))
			return true;
		if (tag == 0x06 && cur_left(&c) > 2 && c.p[0] == 1 && c.p[1] == 0)
			cur_skip(&c, 2); /* the mechanism's token id stands bare behind its OID */
	}
	return false;
}

void
smb_auth(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct slice blob)
{
	const uint8_t *ntlm = blob.size >= 8 ? memmem(blob.p, blob.size, "NTLMSSP", 8) : NULL;
	struct slice req, fields, ticket;

	if (ntlm != NULL) {
		read_ntlm(ctx, state, tx, slice_of(ntlm, blob.size - (size_t)(ntlm - blob.p)));
		return;
	}
	if (find_ap_req(blob, DER_DEPTH, &req) && der_find(req, 0x30, &fields) && der_find(fields, 0xa3, &ticket) &&
	    der_find(ticket, 0x61, &fields))
		read_ticket(ctx, tx, fields);
}
