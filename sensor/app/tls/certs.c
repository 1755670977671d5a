/*
 * The Certificate message (RFC 5246, 7.4.2) to values of the transaction: the leaf's words, everybody's hashes, and
 * what speaks against the leaf.  In TLS 1.3 it is encrypted and never comes here.
 *
 *     certificates 3+n { certificate 3+n, ... }
 */
#include <string.h>

#include "app/tls/own.h"

#define TLS_KEY_BITS 2048 /* fewer are short: NIST SP 800-131A, BSI TR-02102 */

enum { NAME_ROOM = 2048, SERIAL_ROOM = 3 * 64 };

static void
put_hash(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice der)
{
	uint8_t sha[32];
	char text[65];

	sha256_of(der, sha);
	cc_put_text(ctx, tx, field, hex_text(slice_of(sha, sizeof(sha)), text));
}

static void
put_fingerprint(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice der)
{
	uint8_t sha[20];
	char text[3 * 20];

	sha1_of(der, sha);
	cc_put_text(ctx, tx, field, hex_colon_text(slice_of(sha, sizeof(sha)), text));
}

static unsigned
put_name(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice name, unsigned whose)
{
	uint8_t room[NAME_ROOM];
	struct buf text;
	unsigned wrong = 0;

	if (name.p == NULL)
		return 0;
	buf_over(&text, room, sizeof(room));
	if (!x509_name_text(name, &text))
		wrong = X509_INVALID_NAME | whose;
	cc_put(ctx, tx, field, buf_slice(&text));
	return wrong;
}

static void
put_time(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, bool is_there, int64_t seconds)
{
	char text[20];

	if (is_there && x509_time_text(seconds, text))
		cc_put_text(ctx, tx, field, text);
}

static void
put_alt_names(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice names)
{
	struct cur c = cur_slice(names);
	struct slice name;
	char room[48];

	for (unsigned i = 0; i < TLS_NAMES_MAX && x509_next_alt_name(&c, room, &name); i++)
		cc_put(ctx, tx, field, name);
}

/* Validity is judged by the packet's time, not by ours: captures are old. */
static void
judge(struct cc_ctx *ctx, struct tls_state *state, const struct x509 *cert, bool of_client)
{
	int64_t now = (int64_t)(cc_now(ctx) / NS_PER_S);

	if (cert->has_not_after && cert->not_after < now)
		tls_report(ctx, state, TLS_CERT_EXPIRED);
	if (cert->has_not_before && cert->not_before > now)
		tls_report(ctx, state, TLS_CERT_NOT_YET_VALID);
	if (!of_client && cert->subject.p != NULL && slice_eq(cert->subject, cert->issuer))
		tls_report(ctx, state, TLS_CERT_SELF_SIGNED);
	if (cert->weak_signature)
		tls_report(ctx, state, TLS_CERT_WEAK_SIGNATURE);
	if (cert->key_bits > 0 && cert->key_bits < TLS_KEY_BITS)
		tls_report(ctx, state, TLS_CERT_SHORT_KEY);
}

/* The certificate of the side itself, the first of its chain. */
void
tls_leaf(struct cc_ctx *ctx, struct tls_state *state, bool of_client, struct slice der)
{
	unsigned base = of_client ? TLS_F_CLIENT_SUBJECT : TLS_F_SUBJECT, wrong;
	struct cc_tx *tx = tls_tx(ctx, state);
	uint8_t room[SERIAL_ROOM];
	struct buf serial;
	struct x509 cert;

	wrong = x509_read(der, &cert);
	wrong |= put_name(ctx, tx, base, cert.subject, X509_INVALID_SUBJECT);
	wrong |= put_name(ctx, tx, base + 1, cert.issuer, X509_INVALID_ISSUER);
	buf_over(&serial, room, sizeof(room));
	x509_serial_text(cert.serial, &serial);
	if (serial.size > 0)
		cc_put(ctx, tx, base + 2, buf_slice(&serial));
	put_fingerprint(ctx, tx, base + 3, der);
	put_time(ctx, tx, base + 4, cert.has_not_before, cert.not_before);
	put_time(ctx, tx, base + 5, cert.has_not_after, cert.not_after);
	if (!of_client && cert.has_not_before)
		cc_put_uint(ctx, tx, TLS_F_NOT_BEFORE_TIME, cert.not_before > 0 ? (uint64_t)cert.not_before : 0);
	if (!of_client && cert.has_not_after)
		cc_put_uint(ctx, tx, TLS_F_NOT_AFTER_TIME, cert.not_after > 0 ? (uint64_t)cert.not_after : 0);
	put_alt_names(ctx, tx, base + 6, cert.alt_names);
	put_hash(ctx, tx, of_client ? TLS_F_CLIENT_CERT_SHA256 : TLS_F_CERT_SHA256, der);
	for (unsigned bit = 0; wrong >> bit != 0; bit++)
		if ((wrong >> bit & 1) != 0)
			tls_report(ctx, state, TLS_CERT_MISSING_ELEMENT + bit);
	judge(ctx, state, &cert, of_client);
}

void
tls_certificates(struct cc_ctx *ctx, struct tls_state *state, bool of_client, struct slice body)
{
	struct cur c = cur_slice(body), list;
	struct cc_tx *tx = tls_tx(ctx, state);
	unsigned count = 0;
	size_t bytes = 0;

	list = cur_sub(&c, cur_u24(&c));
	while (!list.bad && cur_left(&list) > 0) {
		struct slice der = cur_take(&list, cur_u24(&list));

		if (list.bad || der.size == 0)
			break;
		bytes += der.size;
		count++;
		if (count > TLS_CERTS_MAX || bytes > TLS_CERTS_BYTES)
			continue;
		if (count == 1)
			tls_leaf(ctx, state, of_client, der);
		cc_put(ctx, tx, of_client ? TLS_F_CLIENT_CERTS : TLS_F_CERTS, der);
		if (!of_client)
			put_hash(ctx, tx, TLS_F_CHAIN_SHA256, der);
	}
	if (list.bad || cur_left(&list) > 0 || cur_left(&c) > 0)
		tls_report(ctx, state, TLS_INVALID_CERTIFICATE);
	if (!of_client)
		cc_put_uint(ctx, tx, TLS_F_CHAIN_LENGTH, count);
}
