/*
 * OpenVPN over UDP and TCP: its control channel, as far as it is in clear, to a transaction a flow.
 *
 *     [size 2 over TCP] | kind 5 bits, key 3 bits | session 8 | protection | acks 1+4n | (their session 8) | number 4 |
 *     TLS
 *
 *     none         nothing
 *     tls-auth     HMAC 16 to 64 | number 4 | time 4        what follows is in clear
 *     tls-crypt number 4 | time 4 | HMAC 32 what follows is encrypted; version 2 by a key behind the reset
 *
 * Where the channel is in clear, it carries TLS, which TLS's own files read: the table begins as theirs.
 */
#include "app/tls/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

enum { RESET_CLIENT1 = 1, RESET_SERVER1, SOFT_RESET, CONTROL, ACK, DATA1, RESET_CLIENT2, RESET_SERVER2, DATA2,
    RESET_CLIENT3,
	CONTROL_KEY };
enum { NONE, AUTH, CRYPT, CRYPT2 };
enum { SESSION = 8, RESET_SIZE = 14, CRYPT_SIZE = 54, WAIT_MAX = 16384, ACKS_MAX = 8, CLOCKS_DIFFER = 30 * 86400 };

enum { F_PROTECTION = TLS_F_COUNT, F_HMAC, F_METHOD, F_CLIENT_SESSION, F_SERVER_SESSION, F_COUNT };
enum { A_MISSING = TLS_ANOMALY_COUNT, A_COUNT };

static const struct cc_field openvpn_fields[F_COUNT] = {
#include "app/tls/fields.def"
	[F_PROTECTION] = {"openvpn.protection", "protection", CC_BYTES, BOTH,
	    "How the control channel is protected: none, tls-auth, tls-crypt, tls-crypt-v2."},
	[F_HMAC] = {NULL, "hmac_size", CC_UINT, BOTH, "Bytes of tls-auth's HMAC: 20 is SHA-1, 32 SHA-256, 64 SHA-512."},
	[F_METHOD] = {"openvpn.reset", "reset", CC_UINT, CC_REQUEST, "Version of the client's first packet: 1, 2, 3."},
	[F_CLIENT_SESSION] = {NULL, "client_session", CC_BYTES, CC_REQUEST | CC_HEX, "The client's session."},
	[F_SERVER_SESSION] = {NULL, "server_session", CC_BYTES, CC_RESPONSE | CC_HEX, "The server's session."},
};

static const struct cc_anomaly openvpn_anomalies[A_COUNT] = {
#include "app/tls/anomalies.def"
	[A_MISSING] = {"missing_packets", "Packets of the control channel were not seen: its TLS is not read on."},
};

struct side {
	uint32_t next;             /* number of the packet to come */
	uint8_t *wait;             /* TLS that isn't read yet; pool memory */
	uint32_t size, room;
	bool reset;
};

struct openvpn_state {
	struct tls_state tls;      /* first: what TLS's files work on */
	struct side side[2];
	uint8_t protection, hmac;
	bool known;
};

struct packet {
	uint8_t kind;
	struct slice session;
	uint8_t protection, hmac;
	uint32_t number;
	struct slice tls;
};

/* Behind the protection: what is acknowledged, the packet's number, TLS. */
static bool
read_plain(struct cur *c, struct packet *packet)
{
	unsigned acks = cur_u8(c);

	if (acks > ACKS_MAX)
		return false;
	cur_skip(c, acks * 4 + (acks > 0 ? SESSION : 0));
	if (packet->kind != ACK)
		packet->number = cur_u32(c);
	packet->tls = cur_rest(c);
	return !c->bad && (packet->tls.size == 0 || packet->kind == CONTROL);
}

static bool
read_protected(struct cur c, unsigned protection, unsigned hmac, struct packet *packet)
{
	packet->protection = (uint8_t)protection;
	packet->hmac = (uint8_t)hmac;
	if (protection == AUTH)
		cur_skip(&c, hmac + 8u);
	return read_plain(&c, packet);
}

/* tls-crypt has nothing to hold on to but its size and the sender's clock. */
static bool
clock_right(struct cur c, uint64_t now)
{
	int64_t time, here = (int64_t)(now / NS_PER_S);

	cur_skip(&c, 4);
	time = cur_u32(&c);
	return !c.bad && time - here < CLOCKS_DIFFER && here - time < CLOCKS_DIFFER;
}

/* A reset: nothing behind the number, which is 0; so its size says how it is protected. */
static bool
read_reset(struct cur c, size_t size, uint64_t now, struct packet *packet)
{
	static const uint8_t hmacs[] = {20, 32, 64, 16, 48, 28};
	bool from_server = packet->kind == RESET_SERVER1 || packet->kind == RESET_SERVER2;

	if (packet->kind == RESET_CLIENT3) {
		packet->protection = CRYPT2;
		return size > CRYPT_SIZE + 100 && size < CRYPT_SIZE + 1100 && clock_right(c, now);
	}
	if (read_protected(c, NONE, 0, packet) && packet->number == 0 && packet->tls.size == 0)
		return true;
	for (size_t i = 0; i < sizeof(hmacs); i++)
		if (read_protected(c, AUTH, hmacs[i], packet) && packet->number == 0 && packet->tls.size == 0 &&
		    size >= (size_t)RESET_SIZE + 8 + hmacs[i])
			return true;
	packet->protection = CRYPT;
	return size >= CRYPT_SIZE && size <= CRYPT_SIZE + (from_server ? 44 : 0) && clock_right(c, now);
}

static bool
read_packet(struct slice in, const struct openvpn_state *state, uint64_t now, struct packet *ret_packet)
{
	struct cur c = cur_slice(in);
	struct packet packet = {.kind = (uint8_t)(cur_u8(&c) >> 3)};
	bool reset = packet.kind == RESET_CLIENT1 || packet.kind == RESET_SERVER1 || packet.kind == RESET_CLIENT2 ||
	    packet.kind == RESET_SERVER2 || packet.kind == RESET_CLIENT3;

	packet.session = cur_take(&c, SESSION);
	if (c.bad)
		return false;
	if (reset ? !read_reset(c, in.size, now, &packet)
		  : state == NULL || (packet.kind != CONTROL && packet.kind != ACK))
		return false;
	if (!reset && state->protection > AUTH)
		return false;
	if (!reset && !read_protected(c, state->protection, state->hmac, &packet))
		return false;
	*ret_packet = packet;
	return true;
}

static enum cc_status
openvpn_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	struct packet packet;
	bool server;

	if (!cc_is_udp(ctx)) {
		unsigned size = cur_u16(&c), kind = cur_u8(&c);

		if ((in.size > 1 && (size < RESET_SIZE || size > 1500)) ||
		    (in.size > 2 && kind != RESET_CLIENT2 << 3 && kind != RESET_SERVER2 << 3 &&
			kind != RESET_CLIENT3 << 3))
			return CC_BAD;
		c = cur_of(in.p, in.size);
		cur_skip(&c, 2);
		in = cur_take(&c, size);
		if (c.bad)
			return CC_MORE;
	}
	/* A key's number is 0 in a reset. */
	if (in.size == 0 || (in.p[0] & 7) != 0 || !read_packet(in, NULL, cc_now(ctx), &packet))
		return CC_BAD;
	server = packet.kind == RESET_SERVER1 || packet.kind == RESET_SERVER2;
	return server == (dir == CC_TO_CLIENT) ? CC_OK : CC_BAD;
}

static void
wait_drop(struct cc_ctx *ctx, struct side *side)
{
	cc_give(ctx, side->wait, side->room);
	side->wait = NULL;
	side->size = side->room = 0;
}

static bool
wait_add(struct cc_ctx *ctx, struct side *side, struct slice bytes)
{
	uint32_t room = side->room > 0 ? side->room : 2048;
	uint8_t *wait;

	if (side->size + bytes.size > WAIT_MAX)
		return false;
	while (room < side->size + bytes.size)
		room *= 2;
	if (room != side->room) {
		wait = cc_take(ctx, room);
		if (wait == NULL)
			return false;
		if (side->size > 0)
			memcpy(wait, side->wait, side->size);
		cc_give(ctx, side->wait, side->room);
		side->wait = wait;
		side->room = room;
	}
	memcpy(side->wait + side->size, bytes.p, bytes.size);
	side->size += (uint32_t)bytes.size;
	return true;
}

/* What the channel carries, in order; a packet that was seen is passed by. */
static void
control(struct cc_ctx *ctx, struct openvpn_state *state, enum cc_dir dir, const struct packet *packet)
{
	struct side *side = &state->side[dir];
	struct cur in;

	if (packet->kind != CONTROL || state->tls.side[dir].over || (int32_t)(packet->number - side->next) < 0)
		return;
	if (packet->number != side->next || !wait_add(ctx, side, packet->tls)) {
		tls_report(ctx, &state->tls, A_MISSING);
		tls_side_over(ctx, &state->tls, dir);
		wait_drop(ctx, side);
		return;
	}
	side->next++;
	in = cur_of(side->wait, side->size);
	if (tls_records(ctx, &state->tls, dir, &in) == CC_BAD)
		tls_side_over(ctx, &state->tls, dir);
	side->size = (uint32_t)cur_left(&in);
	if (side->size > 0)
		memmove(side->wait, in.p, side->size);
	if (state->tls.side[dir].over)
		wait_drop(ctx, side);
}

static void
packet_in(struct cc_ctx *ctx, struct openvpn_state *state, enum cc_dir dir, struct slice bytes)
{
	static const char *const protections[] = {"none", "tls-auth", "tls-crypt", "tls-crypt-v2"};
	struct cc_tx *tx = tls_tx(ctx, &state->tls);
	struct packet packet;

	if (tx == NULL || !read_packet(bytes, state->known ? state : NULL, cc_now(ctx), &packet))
		return;
	if (packet.kind == CONTROL || packet.kind == ACK) {
		control(ctx, state, dir, &packet);
		return;
	}
	if (state->side[dir].reset)
		return;
	state->side[dir].reset = true;
	state->side[dir].next = 1;
	cc_put(ctx, tx, dir == CC_TO_SERVER ? F_CLIENT_SESSION : F_SERVER_SESSION, packet.session);
	if (dir == CC_TO_SERVER)
		cc_put_uint(ctx, tx, F_METHOD, packet.kind == RESET_CLIENT1 ? 1 : packet.kind == RESET_CLIENT2 ? 2 : 3);
	if (!state->known) {
		state->known = true;
		state->protection = packet.protection;
		state->hmac = packet.hmac;
		cc_put_text(ctx, tx, F_PROTECTION, protections[packet.protection]);
		if (packet.protection == AUTH)
			cc_put_uint(ctx, tx, F_HMAC, packet.hmac);
	}
	cc_tx_update(ctx, tx, dir);
	/* Nothing more of it can be read. */
	if (state->protection > AUTH && state->side[cc_dir_other(dir)].reset) {
		tls_side_over(ctx, &state->tls, CC_TO_SERVER);
		tls_side_over(ctx, &state->tls, CC_TO_CLIENT);
	}
}

static enum cc_status
openvpn_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct openvpn_state *state = own;

	state->tls.inner = true;
	if (cc_is_udp(ctx)) {
		if (!state->tls.side[dir].over)
			packet_in(ctx, state, dir, cur_rest(in));
		cur_skip(in, cur_left(in));
		return CC_OK;
	}
	while (cur_left(in) > 0 && !state->tls.side[dir].over) {
		struct cur c = *in;
		struct slice packet = cur_take(&c, cur_u16(&c));

		if (c.bad)
			return CC_MORE;
		*in = c;
		packet_in(ctx, state, dir, packet);
	}
	if (state->tls.side[dir].over)
		cur_skip(in, cur_left(in));
	return CC_OK;
}

/* Behind a gap of TCP no packet's beginning can be found. */
static enum cc_status
openvpn_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct openvpn_state *state = own;

	(void)size;
	tls_side_over(ctx, &state->tls, dir);
	return CC_OK;
}

static void
openvpn_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct openvpn_state *state = own;
	const struct tls_side *other = &state->tls.side[cc_dir_other(dir)];

	state->tls.side[dir].finished = true;
	if (other->finished || other->over)
		tls_done(ctx, &state->tls);
}

static void
openvpn_close(struct cc_ctx *ctx, void *own)
{
	struct openvpn_state *state = own;

	wait_drop(ctx, &state->side[0]);
	wait_drop(ctx, &state->side[1]);
	tls_drop(ctx, &state->tls);
}

const struct cc_parser openvpn_parser = {
	.name = "openvpn",
	.ports = "udp/1194 tcp/1194",
	.fields = openvpn_fields,
	.field_count = F_COUNT,
	.anomalies = openvpn_anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct openvpn_state),
	.tcp = true,
	.udp = true,
	.own_event = true,
	.probe = openvpn_probe,
	.feed = openvpn_feed,
	.gap = openvpn_gap,
	.finish = openvpn_finish,
	.close = openvpn_close,
};
