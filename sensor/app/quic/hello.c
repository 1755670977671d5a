/*
 * The hello that a side's CRYPTO frames began with, to values: TLS 1.3's (RFC 9001, 4), as the tls parser reads them,
 * or Google's in the version that encrypts it.
 */
#include "app/quic/own.h"
#include "app/tls/own.h"

static void
put_ja3(struct cc_ctx *ctx, struct cc_tx *tx, unsigned hash_field, const char *text, size_t size)
{
	char md5[32];

	tls_md5_text(slice_of(text, size), md5);
	cc_put(ctx, tx, hash_field, slice_of(md5, sizeof(md5)));
	cc_put(ctx, tx, hash_field + 1, slice_of(text, size));
}

static enum cc_status
client_hello(struct cc_ctx *ctx, struct quic_state *state, struct slice body)
{
	struct tls_hello hello;
	char ja3[TLS_JA3_MAX], ja4[TLS_JA4_SIZE];
	struct slice name;
	struct cur list;

	if (tls_client_hello(body, false, &hello) != CC_OK)
		return CC_BAD;
	if (hello.broken || hello.wrong_sni > 0)
		quic_report(ctx, state, QUIC_BAD_HELLO);
	if (hello.sni.size > 0)
		cc_put(ctx, state->tx, QUIC_F_SNI, hello.sni);
	if (hello.overflow) {
		quic_report(ctx, state, QUIC_TOO_MANY_VALUES);
	} else {
		put_ja3(ctx, state->tx, QUIC_F_JA3_HASH, ja3, tls_ja3_text(&hello, ja3));
		tls_ja4_text(&hello, 'q', ja4);
		cc_put(ctx, state->tx, QUIC_F_JA4, slice_of(ja4, sizeof(ja4)));
	}
	list = cur_slice(hello.alpn);
	for (unsigned i = 0; i < QUIC_PROTOCOLS_MAX && cur_left(&list) > 0 && tls_next_protocol(&list, &name); i++)
		cc_put(ctx, state->tx, QUIC_F_ALPN, name);
	return CC_OK;
}

static enum cc_status
server_hello(struct cc_ctx *ctx, struct quic_state *state, struct slice body)
{
	struct tls_hello hello;
	char ja3s[TLS_JA3_MAX];

	if (tls_server_hello(body, &hello) != CC_OK)
		return CC_BAD;
	if (hello.broken)
		quic_report(ctx, state, QUIC_BAD_HELLO);
	if (!hello.overflow)
		put_ja3(ctx, state->tx, QUIC_F_JA3S_HASH, ja3s, tls_ja3s_text(&hello, ja3s));
	return CC_OK;
}

enum cc_status
quic_hello(struct cc_ctx *ctx, struct quic_state *state, bool of_server, uint32_t version, struct slice bytes)
{
	struct cur c = cur_slice(bytes);
	struct slice body;
	uint32_t size;
	uint8_t type;
	bool full;

	if (version == QUIC_Q050)
		return of_server ? CC_BAD : quic_chlo(ctx, state->tx, version, bytes, &full);
	if (bytes.size == 0)
		return CC_MORE;
	type = cur_u8(&c);
	if (type != (of_server ? TLS_SERVER_HELLO : TLS_CLIENT_HELLO))
		return CC_BAD;
	size = cur_u24(&c);
	if (size > QUIC_CRYPTO_MAX - 4)
		return CC_BAD;
	body = cur_take(&c, size);
	if (c.bad)
		return CC_MORE;
	return of_server ? server_hello(ctx, state, body) : client_hello(ctx, state, body);
}
