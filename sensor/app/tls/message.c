/*
 * Whole handshake messages to values of the transaction.  Only hellos and certificates speak; the others are passed by.
 *
 * A HelloRetryRequest (RFC 8446, 4.1.4) makes client and server say hello twice: the fingerprints are those of the
 * first hello of each side, the version and the protocol those of the last.  A hello with broken extensions has a
 * fingerprint of those before the break, as other tools give it, and an anomaly beside it.
 */
#include "app/tls/own.h"

static void
put_randoms(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice random)
{
	cc_put(ctx, tx, TLS_F_RANDOM_TS + dir, random);
	cc_put(ctx, tx, TLS_F_RANDOM_TIME_TS + dir, slice_of(random.p, 4));
	cc_put(ctx, tx, TLS_F_RANDOM_BYTES_TS + dir, slice_of(random.p + 4, 28));
}

static void
put_protocols(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice alpn)
{
	struct cur list = cur_slice(alpn);
	struct slice name;

	for (unsigned i = 0; i < TLS_PROTOCOLS_MAX && cur_left(&list) > 0 && tls_next_protocol(&list, &name); i++) {
		cc_put(ctx, tx, dir == CC_TO_SERVER ? TLS_F_CLIENT_ALPN : TLS_F_SERVER_ALPN, name);
		cc_put(ctx, tx, TLS_F_ALPN_TS + dir, name);
	}
}

static void
put_ja(struct cc_ctx *ctx, struct cc_tx *tx, unsigned hash_field, const char *text, size_t size)
{
	char md5[32];

	tls_md5_text(slice_of(text, size), md5);
	cc_put(ctx, tx, hash_field, slice_of(md5, sizeof(md5)));
	cc_put(ctx, tx, hash_field + 1, slice_of(text, size));
}

static void
report_hello(struct cc_ctx *ctx, struct tls_state *state, const struct tls_hello *hello)
{
	if (hello->broken)
		tls_report(ctx, state, TLS_INVALID_HANDSHAKE);
	if (hello->overflow)
		tls_report(ctx, state, TLS_TOO_MANY_VALUES);
	if (hello->wrong_sni > 0)
		tls_report(ctx, state, hello->wrong_sni - 1);
}

static void
put_version_detail(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint16_t version)
{
	char room[24];

	cc_put_text(ctx, tx, field, tls_version_text(version, room));
}

static enum cc_status
client_hello(struct cc_ctx *ctx, struct tls_state *state, struct slice body)
{
	struct tls_hello hello;
	char ja3[TLS_JA3_MAX], ja4[TLS_JA4_SIZE];
	struct cc_tx *tx;

	if (state->client_hello)
		return CC_OK;
	if (tls_client_hello(body, state->datagram, &hello) != CC_OK)
		return CC_BAD;
	state->client_hello = true;
	tx = tls_tx(ctx, state);
	report_hello(ctx, state, &hello);
	if (hello.sni.size > 0)
		cc_put(ctx, tx, TLS_F_SNI, hello.sni);
	if (!hello.overflow) {
		put_ja(ctx, tx, TLS_F_JA3_HASH, ja3, tls_ja3_text(&hello, ja3));
		tls_ja4_text(&hello, state->datagram ? 'd' : 't', ja4);
		cc_put(ctx, tx, TLS_F_JA4, slice_of(ja4, sizeof(ja4)));
	}
	put_protocols(ctx, tx, CC_TO_SERVER, hello.alpn);
	put_version_detail(ctx, tx, TLS_F_CLIENT_VERSION, hello.has_versions ? hello.chosen : hello.version);
	cc_put_uint(ctx, tx, TLS_F_CLIENT_VERSION_NUMBER, hello.has_versions ? hello.chosen : hello.version);
	put_randoms(ctx, tx, CC_TO_SERVER, hello.random);
	if (hello.has_ech) {
		cc_put_uint(ctx, tx, TLS_F_ECH, 1);
		cc_put_uint(ctx, tx, TLS_F_ECH_CONFIG, hello.ech_config);
	}
	state->client_ticket = hello.ticket.size > 0;
	if (hello.session.size <= sizeof(state->session)) {
		state->session_size = (uint8_t)hello.session.size;
		memcpy(state->session, hello.session.p, hello.session.size);
	}
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	return CC_OK;
}

/* Up to TLS 1.2 resumption shows when the server leaves its certificate out; was it asked for (RFC 5246, RFC 5077)? */
static bool
resumption_offered(const struct tls_state *state, const struct tls_hello *hello)
{
	bool same_id = hello->session.size > 0 && slice_eq(hello->session, slice_of(state->session,
	    state->session_size));

	return state->client_hello && (same_id || state->client_ticket);
}

void
tls_check_cipher(struct cc_ctx *ctx, struct tls_state *state, uint16_t cipher)
{
	if (tls_cipher_is_export(cipher))
		tls_report(ctx, state, TLS_EXPORT_CIPHER);
	if (tls_cipher_is_null(cipher))
		tls_report(ctx, state, TLS_NULL_CIPHER);
	if (tls_cipher_is_anonymous(cipher))
		tls_report(ctx, state, TLS_ANONYMOUS_CIPHER);
	if (tls_cipher_is_weak(cipher))
		tls_report(ctx, state, TLS_WEAK_CIPHER);
}

static bool
is_tls13(uint16_t version)
{
	return version == TLS_VERSION_13 || version == DTLS_VERSION_13 || version >> 8 == 0x7f || version >> 8 == 0xfb;
}

static enum cc_status
server_hello(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct slice body)
{
	struct tls_hello hello;
	char ja3s[TLS_JA3_MAX];
	struct cc_tx *tx;
	uint16_t version;

	if (state->server_hello)
		return CC_OK;
	if (tls_server_hello(body, &hello) != CC_OK)
		return CC_BAD;
	tx = tls_tx(ctx, state);
	report_hello(ctx, state, &hello);
	if (!state->fingerprinted && !hello.overflow) {
		state->fingerprinted = true;
		put_ja(ctx, tx, TLS_F_JA3S_HASH, ja3s, tls_ja3s_text(&hello, ja3s));
	}
	if (tls_is_retry(&hello)) {
		state->retry = true;
		return CC_OK;
	}
	state->server_hello = true;
	version = hello.chosen != 0 ? hello.chosen : hello.version;
	tls_set_version(ctx, state, version);
	put_version_detail(ctx, tx, TLS_F_SERVER_VERSION, version);
	cc_put_uint(ctx, tx, TLS_F_SERVER_CIPHER, hello.cipher[0]);
	put_protocols(ctx, tx, CC_TO_CLIENT, hello.alpn);
	put_randoms(ctx, tx, CC_TO_CLIENT, hello.random);
	tls_check_cipher(ctx, state, hello.cipher[0]);
	state->resumed = is_tls13(version) ? hello.has_psk : resumption_offered(state, &hello);
	cc_tx_update(ctx, tx, CC_TO_CLIENT);
	if (is_tls13(version)) {
		/* All that follows is encrypted, on both sides. */
		tls_side_over(ctx, state, dir);
		if (state->client_hello)
			tls_side_over(ctx, state, cc_dir_other(dir));
	}
	return CC_OK;
}

enum cc_status
tls_message(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, uint8_t type, struct slice body)
{
	bool of_client;

	switch (type) {
	case TLS_CLIENT_HELLO:
		state->turned = dir == CC_TO_CLIENT;
		return client_hello(ctx, state, body);
	case TLS_SERVER_HELLO:
		if (!state->client_hello)
			state->turned = dir == CC_TO_SERVER;
		return server_hello(ctx, state, dir, body);
	case TLS_HELLO_RETRY_DRAFT:
		state->retry = true;
		return CC_OK;
	case TLS_CERTIFICATE:
		of_client = (dir == CC_TO_SERVER) != state->turned;
		if (of_client ? state->client_certificate : state->certificate)
			return CC_OK;
		tls_certificates(ctx, state, of_client, body);
		*(of_client ? &state->client_certificate : &state->certificate) = true;
		cc_tx_update(ctx, state->tx, of_client ? CC_TO_SERVER : CC_TO_CLIENT);
		return CC_OK;
	default:
		return CC_OK;
	}
}
