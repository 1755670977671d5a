/*
 * Who logs on: the security blob of a session setup (RFC 4178).  Of NTLMSSP the third message says user, domain and
 * workstation (../ntlm/); of Kerberos the ticket says realm and service (RFC 4120, 5.5.1).
 */
#include "app/ntlm/ntlm.h"
#include "app/smb/own.h"

enum { DER_DEPTH = 12, DER_NAMES = 8 };

static const struct ntlm_table ntlm_table = {
    .domain = SMB_F_NTLM_DOMAIN, .user = SMB_F_NTLM_USER, .host = SMB_F_NTLM_HOST, .version = SMB_F_NTLM_VERSION,
    .server = NTLM_NONE,
};

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

/*
 * SMB 1 without a blob: LM's response and NTLM's, of 24 bytes in version 1; NTLM's longer in version 2; or, where the
 * server asked for no challenge, the password.
 */
void
smb_auth_bare(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, bool user, uint16_t lm, uint16_t nt)
{
	enum { RESPONSE = 24 };

	if (!user && lm <= 1 && nt <= 1)
		smb_report(ctx, state, tx, SMB_ANONYMOUS);
	else if (user && (nt == RESPONSE || (nt <= 1 && lm == RESPONSE)))
		smb_report(ctx, state, tx, SMB_NTLM_V1);
	else if (user && lm < RESPONSE && nt < RESPONSE && (lm > 1 || nt > 2))
		smb_report(ctx, state, tx, SMB_PLAINTEXT);
}

void
smb_auth(struct cc_ctx *ctx, struct smb_state *state, struct cc_tx *tx, struct slice blob)
{
	unsigned ntlm = ntlm_put(ctx, tx, &ntlm_table, blob);
	struct slice req, fields, ticket;

	if ((ntlm & NTLM_MALFORMED) != 0)
		smb_report(ctx, state, tx, SMB_MALFORMED_NTLMSSP_REQUEST);
	if ((ntlm & NTLM_V1) != 0)
		smb_report(ctx, state, tx, SMB_NTLM_V1);
	if ((ntlm & NTLM_ANONYMOUS) != 0)
		smb_report(ctx, state, tx, SMB_ANONYMOUS);
	if (ntlm != 0)
		return;
	if (find_ap_req(blob, DER_DEPTH, &req) && der_find(req, 0x30, &fields) && der_find(fields, 0xa3, &ticket) &&
	    der_find(ticket, 0x61, &fields))
		read_ticket(ctx, tx, fields);
}
