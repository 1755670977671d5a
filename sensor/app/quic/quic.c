/*
 * QUIC version 1 (RFC 9000, RFC 9001), 2 (RFC 9369), the drafts from 21 on, Google's Q039 to Q046, Q050 and T051:
 * datagrams in, one transaction a flow out, with what the hellos of both sides say.
 *
 * Only Initial packets can be read, for their keys follow from the connection id that the client made up; each is
 * believed only if it authenticates.  A Retry, or another connection between the same ports, changes that id.  The
 * handshake's bytes come in CRYPTO frames, in any order and over several datagrams, and are put together in pool
 * memory.
 */
#include "app/quic/own.h"

static const struct cc_field quic_fields[QUIC_F_COUNT] = {
	[QUIC_F_VERSION] = {NULL, "version", CC_BYTES, CC_REQUEST,
	    "Version of the client's first packet: \"1\", \"v2\", \"ff00001d\", \"Q046\"."},
	[QUIC_F_CLIENT_VERSION] = {"quic.version", NULL, CC_BYTES, CC_REQUEST, "The same as its four bytes."},
	[QUIC_F_SERVER_VERSION] = {"quic.version", NULL, CC_BYTES, CC_RESPONSE,
	    "Version that the server answers in, four bytes."},
	[QUIC_F_SNI] = {"quic.sni", "sni", CC_BYTES, CC_REQUEST, "Server name that the client asks for."},
	[QUIC_F_UA] = {"quic.ua", "ua", CC_BYTES, CC_REQUEST, "User agent, in Google's versions."},
	[QUIC_F_CYU] = {NULL, "cyu[]", CC_ROW, CC_REQUEST, "A fingerprint of a hello in Google's versions."},
	[QUIC_F_CYU_HASH] = {NULL, "cyu[].hash", CC_BYTES, CC_REQUEST, "CYU fingerprint."},
	[QUIC_F_CYU_STRING] = {NULL, "cyu[].string", CC_BYTES, CC_REQUEST, "What CYU is the hash of."},
	[QUIC_F_CYU_HASH_BUFFER] = {"quic.cyu.hash", NULL, CC_BYTES, CC_REQUEST | CC_MULTI, "CYU fingerprint."},
	[QUIC_F_CYU_STRING_BUFFER] = {"quic.cyu.string", NULL, CC_BYTES, CC_REQUEST | CC_MULTI,
	    "What CYU is the hash of: the version and the tags of Google's hello."},
	[QUIC_F_JA3_HASH] = {"ja3.hash", "ja3.hash", CC_BYTES, CC_REQUEST, "JA3 fingerprint of the client hello."},
	[QUIC_F_JA3_STRING] = {"ja3.string", "ja3.string", CC_BYTES, CC_REQUEST, "What JA3 is the hash of."},
	[QUIC_F_JA3S_HASH] = {"ja3s.hash", "ja3s.hash", CC_BYTES, CC_RESPONSE, "JA3S fingerprint of the server hello."},
	[QUIC_F_JA3S_STRING] = {"ja3s.string", "ja3s.string", CC_BYTES, CC_RESPONSE, "What JA3S is the hash of."},
	[QUIC_F_JA4] = {"ja4.hash", "ja4", CC_BYTES, CC_REQUEST, "JA4 fingerprint of the client hello."},
	[QUIC_F_ALPN] = {NULL, "concert.client_alpns", CC_BYTES, CC_REQUEST | CC_MULTI | CC_DETAIL,
	    "Protocols that the client offers."},
};

static const struct cc_anomaly quic_anomalies[QUIC_ANOMALY_COUNT] = {
    [QUIC_FAILED_DECRYPT] = {"failed_decrypt", "An Initial packet does not authenticate."},
    [QUIC_ERROR_ON_DATA] = {"error_on_data", "An Initial packet holds frames that it may not, or broken ones."},
    [QUIC_CRYPTO_TOO_LONG] = {"crypto_frag_too_long", "A side's handshake is longer than is put together."},
    [QUIC_BAD_HELLO] = {"invalid_hello", "The handshake does not begin with a right hello."},
    [QUIC_OBSOLETE_VERSION] = {"obsolete_version", "A draft of QUIC, or one of Google's versions before it."},
    [QUIC_TOO_MANY_VALUES] = {"too_many_values", "A hello has lists too long for a fingerprint."},
};

void
quic_report(struct cc_ctx *ctx, struct quic_state *state, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1u << anomaly;
	cc_anomaly(ctx, state->tx, anomaly);
}

static void
put_version(struct cc_ctx *ctx, struct quic_state *state, bool of_server, uint32_t version)
{
	const uint8_t bytes[4] = {(uint8_t)(version >> 24), (uint8_t)(version >> 16), (uint8_t)(version >> 8),
	    (uint8_t)version};
	char room[12];

	cc_put(ctx, state->tx, of_server ? QUIC_F_SERVER_VERSION : QUIC_F_CLIENT_VERSION, slice_of(bytes, 4));
	if (!of_server)
		cc_put_text(ctx, state->tx, QUIC_F_VERSION, quic_version_text(version, room));
	if (version >> 24 == 0xff || version >> 24 == 'Q' || version >> 24 == 'T')
		quic_report(ctx, state, QUIC_OBSOLETE_VERSION);
}

/* All that will be known is known. */
static void
tell(struct cc_ctx *ctx, struct quic_state *state)
{
	if (state->over)
		return;
	state->over = true;
	cc_tx_done(ctx, state->tx);
	state->tx = NULL;
	cc_enough(ctx, CC_TO_SERVER);
	cc_enough(ctx, CC_TO_CLIENT);
}

static void
stream_drop(struct cc_ctx *ctx, struct quic_stream *stream)
{
	cc_give(ctx, stream->bytes, stream->room + stream->room / 8);
	memset(stream, 0, sizeof(*stream));
}

static bool
stream_grow(struct cc_ctx *ctx, struct quic_stream *stream, uint32_t need)
{
	uint32_t room = stream->room > 0 ? stream->room : QUIC_CRYPTO_FIRST;
	uint8_t *bytes;

	while (room < need)
		room *= 2;
	if (room == stream->room)
		return true;
	bytes = cc_take(ctx, room + room / 8);
	if (bytes == NULL)
		return false;
	if (stream->room > 0) {
		memcpy(bytes, stream->bytes, stream->room);
		memcpy(bytes + room, stream->bytes + stream->room, stream->room / 8);
		cc_give(ctx, stream->bytes, stream->room + stream->room / 8);
	}
	stream->bytes = bytes;
	stream->room = room;
	return true;
}

/* What is here already stays as it is. */
static void
stream_add(struct cc_ctx *ctx, struct quic_state *state, struct quic_stream *stream, uint64_t offset, struct slice data)
{
	uint8_t *map;

	if (stream->over || data.size == 0)
		return;
	if (offset > QUIC_CRYPTO_MAX || data.size > QUIC_CRYPTO_MAX - offset) {
		quic_report(ctx, state, QUIC_CRYPTO_TOO_LONG);
		return;
	}
	if (!stream_grow(ctx, stream, (uint32_t)(offset + data.size))) {
		stream->over = true;
		return;
	}
	map = stream->bytes + stream->room;
	for (size_t i = 0, at = (size_t)offset; i < data.size; i++, at++) {
		if ((map[at / 8] >> at % 8 & 1) != 0)
			continue;
		map[at / 8] = (uint8_t)(map[at / 8] | 1u << at % 8);
		stream->bytes[at] = data.p[i];
	}
	while (stream->have < stream->room && (map[stream->have / 8] >> stream->have % 8 & 1) != 0)
		stream->have++;
}

static void
skip_ack(struct cur *c, bool ecn)
{
	uint64_t ranges;

	(void)quic_varint(c);
	(void)quic_varint(c);
	ranges = quic_varint(c);
	for (uint64_t i = 0; i <= ranges * 2 && !c->bad; i++)
		(void)quic_varint(c);
	for (int i = 0; i < 3 && ecn; i++)
		(void)quic_varint(c);
}

/* The frames that an Initial packet may hold (RFC 9000, 12.4).  false: broken, or another. */
static bool
read_frames(struct cc_ctx *ctx, struct quic_state *state, struct quic_stream *stream, bool of_q050,
    struct slice plain)
{
	struct cur c = cur_slice(plain);

	for (unsigned i = 0; i < QUIC_FRAMES_MAX && cur_left(&c) > 0 && !c.bad; i++) {
		uint64_t offset, type = quic_varint(&c);

		/* Q050's CRYPTO is where STREAM is now. */
		if (of_q050 && type == 0x08)
			type = 0x06;
		switch (type) {
		case 0x00: /* PADDING */
			while (cur_left(&c) > 0 && c.p[0] == 0)
				cur_skip(&c, 1);
			break;
		case 0x01: /* PING */
			break;
		case 0x02: /* ACK */
		case 0x03:
			skip_ack(&c, type == 0x03);
			break;
		case 0x06: /* CRYPTO */
			offset = quic_varint(&c);
			stream_add(ctx, state, stream, offset, cur_take(&c, (size_t)quic_varint(&c)));
			break;
		case 0x1c: /* CONNECTION_CLOSE */
			(void)quic_varint(&c);
			(void)quic_varint(&c);
			cur_skip(&c, (size_t)quic_varint(&c));
			break;
		default:
			return false;
		}
	}
	return !c.bad;
}

static void
set_cid(struct quic_cid *cid, struct slice bytes)
{
	cid->size = (uint8_t)bytes.size;
	if (bytes.size > 0)
		memcpy(cid->b, bytes.p, bytes.size);
}

static struct slice
cid_slice(const struct quic_cid *cid)
{
	return slice_of(cid->b, cid->size);
}

/* The client's Initial, by the keys in use or by those of its own id: then a connection begins, or begins again. */
static bool
open_client(struct cc_ctx *ctx, struct quic_state *state, enum cc_dir dir, const struct quic_packet *packet,
    uint8_t ret_plain[QUIC_PLAIN_MAX], size_t *ret_size)
{
	if (state->known && quic_unlock(packet, cid_slice(&state->cid), false, ret_plain, ret_size))
		return true;
	if (!quic_unlock(packet, packet->dcid, false, ret_plain, ret_size))
		return false;
	set_cid(&state->cid, packet->dcid);
	stream_drop(ctx, &state->stream[0]);
	if (!state->known) {
		state->known = true;
		state->client = dir;
		state->tx = cc_tx_new(ctx);
		put_version(ctx, state, false, packet->version);
	}
	return true;
}

static bool
open_server(struct quic_state *state, const struct quic_packet *packet, uint8_t ret_plain[QUIC_PLAIN_MAX],
    size_t *ret_size)
{
	if (quic_unlock(packet, cid_slice(&state->cid), true, ret_plain, ret_size))
		return true;
	return state->retry.size > 0 && quic_unlock(packet, cid_slice(&state->retry), true, ret_plain, ret_size);
}

static void
hello_read(struct cc_ctx *ctx, struct quic_state *state, bool of_server, uint32_t version)
{
	if (of_server)
		put_version(ctx, state, true, version);
	cc_tx_update(ctx, state->tx, of_server ? CC_TO_CLIENT : CC_TO_SERVER);
	cc_enough(ctx, of_server ? cc_dir_other(state->client) : state->client);
}

static void
initial(struct cc_ctx *ctx, struct quic_state *state, enum cc_dir dir, const struct quic_packet *packet)
{
	bool of_server = state->known && dir != state->client, of_q050 = packet->version == QUIC_Q050, right;
	struct quic_stream *stream = &state->stream[of_server];
	uint8_t plain[QUIC_PLAIN_MAX];
	enum cc_status status;
	size_t size;

	if (stream->over)
		return;
	right = of_server ? open_server(state, packet, plain, &size) :
	    open_client(ctx, state, dir, packet, plain, &size);
	if (!right) {
		if (state->known)
			quic_report(ctx, state, QUIC_FAILED_DECRYPT);
		return;
	}
	/* Frames of Q050 other than the hello's are Google's own. */
	if (!read_frames(ctx, state, stream, of_q050, slice_of(plain, size)) && !of_q050)
		quic_report(ctx, state, QUIC_ERROR_ON_DATA);
	if (stream->over)
		return;
	status = quic_hello(ctx, state, of_server, packet->version, slice_of(stream->bytes, stream->have));
	if (status == CC_MORE)
		return;
	if (status == CC_OK)
		hello_read(ctx, state, of_server, packet->version);
	else
		quic_report(ctx, state, QUIC_BAD_HELLO);
	stream_drop(ctx, stream);
	stream->over = true;
	if (of_server || status != CC_OK || of_q050)
		tell(ctx, state);
}

static void
google(struct cc_ctx *ctx, struct quic_state *state, enum cc_dir dir, uint32_t version, struct slice hello)
{
	bool full = false;

	if (!state->known) {
		state->known = state->google = true;
		state->client = dir;
		state->tx = cc_tx_new(ctx);
		put_version(ctx, state, false, version);
	}
	if (hello.size > 0 && quic_chlo(ctx, state->tx, version, hello, &full) != CC_OK)
		quic_report(ctx, state, QUIC_BAD_HELLO);
	cc_tx_update(ctx, state->tx, CC_TO_SERVER);
	if (full)
		tell(ctx, state);
}

/* Any datagram says yes that only QUIC's rules can make; the answer to one has only to look right. */
static enum cc_status
quic_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t plain[QUIC_PLAIN_MAX];
	struct quic_packet packet;
	bool looks_right = false;
	struct slice hello;
	uint32_t version;
	size_t size;

	(void)dir;
	if (quic_google(in, &version, &hello) == CC_OK)
		return CC_OK;
	for (unsigned i = 0; i < QUIC_PACKETS_MAX && quic_packet(&c, &packet) == CC_OK; i++) {
		looks_right = true;
		if (cc_other_known(ctx) || (packet.kind == QUIC_INITIAL && quic_unlock(&packet, packet.dcid, false,
		    plain, &size)))
			return CC_OK;
	}
	return looks_right ? CC_MORE : CC_BAD;
}

static enum cc_status
quic_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct quic_state *state = own;
	struct slice datagram = cur_rest(in), hello;
	struct quic_packet packet;
	uint32_t version;

	if (!state->over && (!state->known || state->google) && quic_google(datagram, &version, &hello) == CC_OK)
		google(ctx, state, dir, version, hello);
	for (unsigned i = 0; i < QUIC_PACKETS_MAX && !state->over && !state->google; i++) {
		if (quic_packet(in, &packet) != CC_OK)
			break;
		if (packet.kind == QUIC_INITIAL)
			initial(ctx, state, dir, &packet);
		else if (packet.kind == QUIC_RETRY && state->known && dir != state->client && state->retry.size == 0)
			set_cid(&state->retry, packet.scid); /* a client follows only the first (RFC 9000, 17.2.5.2) */
	}
	cur_skip(in, cur_left(in));
	if (++state->datagrams >= QUIC_DATAGRAMS_MAX)
		tell(ctx, state);
	return CC_OK;
}

static void
quic_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	(void)dir;
	tell(ctx, own);
}

static void
quic_close(struct cc_ctx *ctx, void *own)
{
	struct quic_state *state = own;

	stream_drop(ctx, &state->stream[0]);
	stream_drop(ctx, &state->stream[1]);
}

const struct cc_parser quic_parser = {
	.name = "quic",
	.ports = "udp/443 udp/784 udp/853",
	.fields = quic_fields,
	.field_count = QUIC_F_COUNT,
	.anomalies = quic_anomalies,
	.anomaly_count = QUIC_ANOMALY_COUNT,
	.state_size = sizeof(struct quic_state),
	.unit_max = 65536,
	.udp = true,
	.one_way = true,
	.probe = quic_probe,
	.feed = quic_feed,
	.finish = quic_finish,
	.close = quic_close,
};
