/*
 * LDAP's operations (RFC 4511, 4): the body of a message into its transaction.
 *
 *     LDAPMessage ::= SEQUENCE { messageID INTEGER, protocolOp [APPLICATION n], controls [0] }
 */
#include <stdio.h>

#include "app/ldap/own.h"

#define STARTTLS_OID "1.3.6.1.4.1.1466.20037"
#define ATTRIBUTES_MAX 128    /* of one message */

static const struct ntlm_table ntlm_table = {
    .domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION, .server = NTLM_NONE,
};

/* A string, put as it is; the string. */
static struct slice
take_text(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *in, unsigned field)
{
	struct slice text = ber_take(in, BER_OCTET_STRING);

	if (!in->bad)
		cc_put(ctx, tx, field, text);
	return text;
}

static bool
is_true(struct slice value)
{
	return value.size > 0 && value.p[0] != 0;
}

static void
credentials(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, struct slice blob)
{
	unsigned found = ntlm_put(ctx, tx, &ntlm_table, blob);

	if ((found & NTLM_V1) != 0)
		ldap_report(ctx, ldap, tx, A_NTLM_V1);
	if ((found & NTLM_MALFORMED) != 0)
		ldap_report(ctx, ldap, tx, A_NTLM_MALFORMED);
}

/* version, name, [0] simple password or [3] { mechanism, credentials }; [9] to [11]: Microsoft's, before SASL. */
static void
read_bind(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, struct cur *c)
{
	struct slice name, body, mechanism;
	struct cur sasl;
	uint8_t tag;

	cc_put_uint(ctx, tx, F_BIND_VERSION, ber_uint(c, BER_INTEGER));
	name = take_text(ctx, tx, c, F_BIND_NAME);
	cc_put(ctx, tx, F_REQ_DN, name);
	body = ber_any(c, &tag);
	if (c->bad)
		return;
	if (tag == BER_CONTEXT(0)) {
		if (body.size > 0)
			ldap_report(ctx, ldap, tx, A_CREDENTIALS);
		return;
	}
	if (tag != BER_IN_CONTEXT(3)) {
		credentials(ctx, ldap, tx, body);
		return;
	}
	sasl = cur_slice(body);
	mechanism = take_text(ctx, tx, &sasl, F_BIND_MECHANISM);
	c->bad |= sasl.bad;
	if (tx != NULL)
		((struct ldap_tx *)tx->own)->sasl = true;
	if (text_eq_nocase(mechanism, "PLAIN"))
		ldap_report(ctx, ldap, tx, A_CREDENTIALS);
	else if (cur_left(&sasl) > 0)
		credentials(ctx, ldap, tx, ber_take(&sasl, BER_OCTET_STRING));
}

static void
read_search(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, struct cur *c)
{
	struct slice base = take_text(ctx, tx, c, F_SEARCH_BASE), filter;
	struct cur names;
	uint8_t tag;
	char text[LDAP_FILTER_MAX];
	const uint8_t *from;
	bool deep;

	cc_put(ctx, tx, F_REQ_DN, base);
	cc_put_uint(ctx, tx, F_SEARCH_SCOPE, ber_uint(c, BER_ENUMERATED));
	cc_put_uint(ctx, tx, F_SEARCH_DEREF, ber_uint(c, BER_ENUMERATED));
	cc_put_uint(ctx, tx, F_SEARCH_SIZE, ber_uint(c, BER_INTEGER));
	cc_put_uint(ctx, tx, F_SEARCH_TIME, ber_uint(c, BER_INTEGER));
	cc_put_uint(ctx, tx, F_SEARCH_TYPES, is_true(ber_take(c, BER_BOOLEAN)));
	from = c->p;
	(void)ber_any(c, &tag);
	if (c->bad)
		return;
	filter = slice_of(from, (size_t)(c->p - from));
	cc_put(ctx, tx, F_SEARCH_FILTER, slice_of(text, ldap_filter_text(filter, text, sizeof(text), &deep)));
	if (deep)
		ldap_report(ctx, ldap, tx, A_TOO_DEEP);
	names = ber_sub(c, BER_SEQUENCE);
	for (unsigned i = 0; i < ATTRIBUTES_MAX && cur_left(&names) > 0; i++) {
		struct slice name = take_text(ctx, tx, &names, F_SEARCH_ATTRIBUTES);

		if (!names.bad)
			cc_put(ctx, tx, F_REQ_ATTRIBUTE, name);
	}
	c->bad |= names.bad;
}

static void
read_modify(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	static const char *const ops[] = {"add", "delete", "replace", "increment"};
	struct cur changes;

	cc_put(ctx, tx, F_REQ_DN, take_text(ctx, tx, c, F_MODIFY_OBJECT));
	changes = ber_sub(c, BER_SEQUENCE);
	for (unsigned i = 0; i < ATTRIBUTES_MAX && cur_left(&changes) > 0 && !changes.bad; i++) {
		struct cur change = ber_sub(&changes, BER_SEQUENCE), what;
		uint64_t op = ber_uint(&change, BER_ENUMERATED);
		struct slice type;

		what = ber_sub(&change, BER_SEQUENCE);
		cc_put_row(ctx, tx, F_MODIFY_ROW);
		if (op < 4)
			cc_put_text(ctx, tx, F_MODIFY_OP, ops[op]);
		type = take_text(ctx, tx, &what, F_MODIFY_TYPE);
		if (!what.bad)
			cc_put(ctx, tx, F_REQ_ATTRIBUTE, type);
		c->bad |= what.bad;
	}
	c->bad |= changes.bad;
}

static void
read_add(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	struct cur list;

	cc_put(ctx, tx, F_REQ_DN, take_text(ctx, tx, c, F_ADD_ENTRY));
	list = ber_sub(c, BER_SEQUENCE);
	for (unsigned i = 0; i < ATTRIBUTES_MAX && cur_left(&list) > 0 && !list.bad; i++) {
		struct cur one = ber_sub(&list, BER_SEQUENCE);
		struct slice name;

		cc_put_row(ctx, tx, F_ADD_ROW);
		name = take_text(ctx, tx, &one, F_ADD_NAME);
		if (!one.bad)
			cc_put(ctx, tx, F_REQ_ATTRIBUTE, name);
		c->bad |= one.bad;
	}
	c->bad |= list.bad;
}

static void
read_mod_dn(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	cc_put(ctx, tx, F_REQ_DN, take_text(ctx, tx, c, F_MOD_DN_ENTRY));
	(void)take_text(ctx, tx, c, F_MOD_DN_NEW);
	cc_put_uint(ctx, tx, F_MOD_DN_DELETE, is_true(ber_take(c, BER_BOOLEAN)));
	if (ber_is(c, BER_CONTEXT(0)))
		cc_put(ctx, tx, F_MOD_DN_SUPERIOR, ber_take(c, BER_CONTEXT(0)));
}

static void
read_compare(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	struct cur pair;

	cc_put(ctx, tx, F_REQ_DN, take_text(ctx, tx, c, F_COMPARE_ENTRY));
	pair = ber_sub(c, BER_SEQUENCE);
	cc_put(ctx, tx, F_REQ_ATTRIBUTE, take_text(ctx, tx, &pair, F_COMPARE_TYPE));
	(void)take_text(ctx, tx, &pair, F_COMPARE_VALUE);
	c->bad |= pair.bad;
}

bool
ldap_request(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, enum ldap_op op, struct slice body)
{
	struct cur c = cur_slice(body);
	struct slice name;

	switch (op) {
	case OP_BIND:
		read_bind(ctx, ldap, tx, &c);
		break;
	case OP_SEARCH:
		read_search(ctx, ldap, tx, &c);
		break;
	case OP_MODIFY:
		read_modify(ctx, tx, &c);
		break;
	case OP_ADD:
		read_add(ctx, tx, &c);
		break;
	case OP_DEL:
		cc_put(ctx, tx, F_DEL_DN, body);
		cc_put(ctx, tx, F_REQ_DN, body);
		break;
	case OP_MOD_DN:
		read_mod_dn(ctx, tx, &c);
		break;
	case OP_COMPARE:
		read_compare(ctx, tx, &c);
		break;
	case OP_EXTENDED:
		name = ber_take(&c, BER_CONTEXT(0));
		cc_put(ctx, tx, F_EXTENDED_NAME, name);
		if (tx != NULL)
			((struct ldap_tx *)tx->own)->starttls = slice_is(name, STARTTLS_OID);
		ldap->starttls = slice_is(name, STARTTLS_OID);
		break;
	default:
		break;
	}
	return !c.bad;
}

/* ---- responses ---- */

static void
read_entry(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c)
{
	struct cur list;

	cc_put(ctx, tx, F_RES_DN, take_text(ctx, tx, c, F_ENTRY_BASE));
	list = ber_sub(c, BER_SEQUENCE);
	for (unsigned i = 0; i < ATTRIBUTES_MAX && cur_left(&list) > 0 && !list.bad; i++) {
		struct cur one = ber_sub(&list, BER_SEQUENCE);

		(void)take_text(ctx, tx, &one, F_RES_ATTRIBUTE);
		c->bad |= one.bad;
	}
	c->bad |= list.bad;
}

/* code, matched DN, message */
static void
read_result(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c, unsigned first, int64_t *ret_code)
{
	int64_t code = ber_int(c, BER_ENUMERATED);
	struct slice dn = ber_take(c, BER_OCTET_STRING), message = ber_take(c, BER_OCTET_STRING);
	const char *word = ldap_code_text(code);
	char number[24];

	if (c->bad)
		return;
	snprintf(number, sizeof(number), "%lld", (long long)code);
	cc_put_text(ctx, tx, first, word != NULL ? word : number);
	cc_put(ctx, tx, first + 1, dn);
	cc_put(ctx, tx, first + 2, message);
	cc_put_uint(ctx, tx, F_RES_CODE, (uint64_t)code);
	if (dn.size > 0)
		cc_put(ctx, tx, F_RES_DN, dn);
	if (message.size > 0)
		cc_put(ctx, tx, F_RES_MESSAGE, message);
	*ret_code = code;
}

bool
ldap_response(struct cc_ctx *ctx, struct cc_tx *tx, enum ldap_op op, struct slice body, int64_t *ret_code)
{
	static const uint8_t result[LDAP_OPS] = {
	    [OP_BIND_RESPONSE] = F_BIND_RESULT_CODE, [OP_SEARCH_DONE] = F_SEARCH_RESULT_CODE,
	    [OP_MODIFY_RESPONSE] = F_MODIFY_RESULT_CODE, [OP_ADD_RESPONSE] = F_ADD_RESULT_CODE,
	    [OP_DEL_RESPONSE] = F_DEL_RESULT_CODE, [OP_MOD_DN_RESPONSE] = F_MOD_DN_RESULT_CODE,
	    [OP_COMPARE_RESPONSE] = F_COMPARE_RESULT_CODE, [OP_EXTENDED_RESPONSE] = F_EXTENDED_RESULT_CODE,
	};
	struct cur c = cur_slice(body);

	*ret_code = -1;
	if (op == OP_ENTRY)
		read_entry(ctx, tx, &c);
	else if (op == OP_INTERMEDIATE && ber_is(&c, BER_CONTEXT(0)))
		cc_put(ctx, tx, F_INTERMEDIATE_NAME, ber_take(&c, BER_CONTEXT(0)));
	else if (result[op] != 0)
		read_result(ctx, tx, &c, result[op], ret_code);
	if (op == OP_EXTENDED_RESPONSE && !c.bad) {
		uint8_t tag;

		while (cur_left(&c) > 0 && !c.bad) {
			struct slice part = ber_any(&c, &tag);

			if (tag == BER_CONTEXT(10) && !c.bad)
				cc_put(ctx, tx, F_EXTENDED_RESPONSE, part);
		}
	}
	return !c.bad;
}
