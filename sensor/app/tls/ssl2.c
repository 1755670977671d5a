/*
 * SSL 2.0 (Hickman, 1995), and the TLS client hello in its form (RFC 5246, E.2), which old clients begin with.
 *
 *     0x80 | size 2 | 1 client hello | version 2 | cipher specs' size 2 | session id's 2 | challenge's 2 | the three
 *     0x80 | size 2 | 4 server hello | id hit 1 | certificate type 1 | version 2 | certificate's size 2 | specs' 2 |
 *                     connection id's 2 | the three
 */
#include "app/tls/own.h"

struct record {
	uint8_t type;
	struct slice body; /* behind the type */
};

/* CC_MORE: begins like one; CC_BAD: no record without padding, which is all that hellos come in. */
static enum cc_status
next_record(struct cur *in, struct record *ret_record)
{
	struct cur c = *in;
	unsigned size = cur_u16(&c);

	if (cur_left(in) > 0 && (in->p[0] & 0x80) == 0)
		return CC_BAD;
	ret_record->type = cur_u8(&c);
	if (c.bad)
		return CC_MORE;
	size &= 0x7fff;
	if (size < 9)
		return CC_BAD;
	ret_record->body = cur_take(&c, size - 1);
	if (c.bad)
		return CC_MORE;
	*in = c;
	return CC_OK;
}

static bool
version_right(uint16_t version)
{
	return version == TLS_VERSION_SSL2 || (version >= TLS_VERSION_SSL3 && version <= TLS_VERSION_13);
}

/* Sizes are redundant in both hellos: they have to add up. */
static bool
client_hello_right(struct slice body, unsigned size, uint16_t *ret_version)
{
	struct cur c = cur_slice(body);
	unsigned specs, session, challenge;

	*ret_version = cur_u16(&c);
	specs = cur_u16(&c);
	session = cur_u16(&c);
	challenge = cur_u16(&c);
	return !c.bad && version_right(*ret_version) && specs > 0 && specs % 3 == 0 && (session == 0 ||
	    session == 16) &&
	    challenge >= 16 && challenge <= 32 && specs + session + challenge + 8 == size;
}

struct server_hello {
	uint16_t version;
	struct slice certificate, specs;
};

static bool
server_hello_right(struct slice body, unsigned size, struct server_hello *ret_hello)
{
	struct cur c = cur_slice(body);
	unsigned hit = cur_u8(&c), type = cur_u8(&c), certificate, specs, id;

	ret_hello->version = cur_u16(&c);
	certificate = cur_u16(&c);
	specs = cur_u16(&c);
	id = cur_u16(&c);
	if (c.bad || hit > 1 || type > 1 || ret_hello->version != TLS_VERSION_SSL2 || specs % 3 != 0 ||
	    certificate + specs + id + 10 != size)
		return false;
	ret_hello->certificate = cur_take(&c, certificate);
	ret_hello->specs = cur_take(&c, specs);
	return true;
}

enum cc_status
tls_ssl2_probe(struct slice in)
{
	struct cur c = cur_slice(in);
	unsigned size = cur_u16(&c), type = cur_u8(&c);
	struct server_hello hello;
	uint16_t version;

	if (in.size > 0 && (in.p[0] & 0x80) == 0)
		return CC_BAD;
	if (in.size >= 3 && type != 1 && type != 4)
		return CC_BAD;
	if (in.size < 13)
		return CC_MORE;
	size = (size & 0x7fff) - 1;
	if (type == 1)
		return client_hello_right(cur_rest(&c), size, &version) ? CC_OK : CC_BAD;
	return server_hello_right(cur_rest(&c), size, &hello) ? CC_OK : CC_BAD;
}

enum cc_status
tls_ssl2_feed(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in)
{
	struct record record = {0, {NULL, 0}};
	struct server_hello hello;
	enum cc_status st = tls_ssl2_probe(cur_rest(in));
	struct cc_tx *tx;
	uint16_t version;

	/* size 3, type 0, a code: why a server does not take the hello, or the other way round. */
	if (cur_left(in) >= 5 && memcmp(in->p, "\x80\x03\x00\x00", 4) == 0) {
		tls_report(ctx, state, TLS_ERROR_MESSAGE);
		cur_skip(in, 5);
		tls_side_over(ctx, state, dir);
		return CC_OK;
	}
	if (st == CC_OK) {
		unsigned size = (in->p[0] & 0x7fu) << 8 | in->p[1]; /* the probe has seen them */

		cc_frame(ctx, state->tx, dir, TLS_FRAME_SSL2_PDU, in->p, 2 + size);
		cc_frame(ctx, state->tx, dir, TLS_FRAME_SSL2_HDR, in->p, 2);
		st = next_record(in, &record);
	}
	if (st == CC_MORE)
		return CC_MORE;
	if (st != CC_OK)
		return CC_ABSENT;
	tx = tls_tx(ctx, state);
	if (record.type == 1 && client_hello_right(record.body, (unsigned)record.body.size, &version)) {
		char room[24];

		state->client_hello = true;
		cc_put_uint(ctx, tx, TLS_F_CLIENT_VERSION_NUMBER, version);
		cc_put_text(ctx, tx, TLS_F_CLIENT_VERSION, tls_version_text(version, room));
		cc_tx_update(ctx, tx, CC_TO_SERVER);
		/* A TLS client goes on in TLS's records; any other encrypts what follows. */
		if (version == TLS_VERSION_SSL2)
			tls_side_over(ctx, state, dir);
		return CC_OK;
	}
	if (!server_hello_right(record.body, (unsigned)record.body.size, &hello)) {
		tls_report(ctx, state, TLS_INVALID_SSL2_HEADER);
		return CC_ABSENT;
	}
	state->server_hello = true;
	tls_set_version(ctx, state, TLS_VERSION_SSL2);
	if (hello.certificate.size > 0) {
		state->certificate = true;
		tls_leaf(ctx, state, false, hello.certificate);
		cc_put(ctx, tx, TLS_F_CERTS, hello.certificate);
		cc_put_uint(ctx, tx, TLS_F_CHAIN_LENGTH, 1);
	}
	cc_tx_update(ctx, tx, CC_TO_CLIENT);
	/* The client's key follows, and then all is encrypted. */
	tls_side_over(ctx, state, dir);
	tls_side_over(ctx, state, cc_dir_other(dir));
	return CC_OK;
}
