/*
 * NTP and SNTP, versions 1 to 4 (RFC 5905), control messages (RFC 9327) and the private mode of ntpd: a datagram in, a
 * transaction out.
 *
 *     LI 2, VN 3, mode 3 | stratum 1 | poll 1 | precision 1 | root delay 4 | dispersion 4 | reference id 4 |
 *     times 8 each: reference, origin, receive, transmit | extensions, key, digest
 *
 *     LI 2, VN 3, mode 6 | R E M op | sequence 2 | status 2 | association 2 | offset 2 | count 2 | data       control
 *     R M VN 3, mode 7 | auth, sequence | implementation 1 | request 1 | error 4 bits, items 12 | size 2 | data private
 *
 * A private answer to "monlist" is many times the size of its question: the amplifier of many attacks.  One thread, a
 * worker's.
 */
#include "base/base.h"
#include "concert/parser.h"

#include <stdio.h>

#define BOTH (CC_REQUEST | CC_RESPONSE)
#define NTP_PORT 123
#define PACKET_SIZE 48
#define SECONDS_1995 3000000000u /* since 1900: below, only those of the era that begins in 2036 */
#define SECONDS_ERA_1 1500000000u

enum { MODE_SYMMETRIC = 1, MODE_CLIENT = 3, MODE_SERVER, MODE_BROADCAST, MODE_CONTROL, MODE_PRIVATE };
enum { REQUEST_MONLIST = 20, REQUEST_MONLIST_1 = 42 };

enum { F_VERSION, F_MODE, F_STRATUM, F_REFERENCE, F_OPCODE, F_REQUEST, F_ITEMS, F_COUNT };

static const struct cc_field ntp_fields[F_COUNT] = {
	[F_VERSION] = {NULL, "version", CC_UINT, BOTH, "Version of the protocol."},
	[F_MODE] = {NULL, "mode", CC_UINT, BOTH, "3 client, 4 server, 6 control, 7 private."},
	[F_STRATUM] = {NULL, "stratum", CC_UINT, BOTH, "How far the sender is from a reference clock."},
	[F_REFERENCE] = {NULL, "reference_id", CC_BYTES, BOTH, "What the sender's clock follows, in hex."},
	[F_OPCODE] = {NULL, "concert.opcode", CC_UINT, BOTH, "Of a control message: operation."},
	[F_REQUEST] = {NULL, "concert.request_code", CC_UINT, BOTH, "Of a private message: what is asked."},
	[F_ITEMS] = {NULL, "concert.items", CC_UINT, BOTH, "Of a private message: items in it."},
};

enum {
	A_MALFORMED, A_NOT_REQUEST, A_NOT_RESPONSE, A_CONTROL, A_PRIVATE, A_MONLIST_REQUEST, A_MONLIST_RESPONSE,
	A_AMPLIFIED,
	A_COUNT,
};

static const struct cc_anomaly ntp_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_data", "The message is too short for its mode."},
    [A_NOT_REQUEST] = {"not_request", "A server's message was sent to the server."},
    [A_NOT_RESPONSE] = {"not_response", "A client's message was sent to the client."},
    [A_CONTROL] = {"control_message", "Somebody asks a server for its variables."},
    [A_PRIVATE] = {"private_message", "Somebody uses the private mode of ntpd."},
    [A_MONLIST_REQUEST] = {"monlist_request", "Somebody asks for the list of a server's clients."},
    [A_MONLIST_RESPONSE] = {"monlist_response",
	"A server tells the list of its clients: it can be used as an amplifier."},
    [A_AMPLIFIED] = {"amplified_response", "The answers are more than ten times as large as the questions."},
};

struct ntp_state {
	uint64_t bytes[2];
	uint32_t reported;
	bool odd;           /* a control or private message was seen */
};

struct message {
	uint8_t version, mode, stratum;
	bool response;
	struct slice reference;
	uint8_t opcode, request;
	uint16_t items;
};

/* A time that a clock of our days may show; 0: none. */
static bool
is_time(uint32_t seconds)
{
	return seconds == 0 || seconds > SECONDS_1995 || seconds < SECONDS_ERA_1;
}

static enum cc_status
read_control(struct cur *c, struct message *msg)
{
	uint8_t op = cur_u8(c);
	uint16_t count;

	cur_skip(c, 8);
	count = cur_u16(c);
	msg->opcode = op & 31;
	msg->response = op >> 7 != 0;
	return c->bad || count > cur_left(c) ? CC_BAD : CC_OK;
}

static enum cc_status
read_private(struct cur *c, uint8_t first, struct message *msg)
{
	uint8_t implementation;
	uint16_t items, size;

	cur_skip(c, 1);
	implementation = cur_u8(c);
	msg->request = cur_u8(c);
	items = cur_u16(c);
	size = cur_u16(c) & 0x0fff;
	msg->items = items & 0x0fff;
	msg->response = first >> 7 != 0;
	if (c->bad || (implementation != 0 && implementation != 2 && implementation != 3))
		return CC_BAD;
	return msg->response && (size_t)msg->items * size > cur_left(c) ? CC_BAD : CC_OK;
}

static enum cc_status
read_message(struct slice in, struct message *ret_msg)
{
	struct cur c = cur_slice(in);
	uint8_t first = cur_u8(&c);
	struct message msg = {.version = first >> 3 & 7, .mode = first & 7};

	if (c.bad || msg.version < 1 || msg.version > 4 || msg.mode == 0)
		return CC_BAD;
	*ret_msg = msg;
	if (msg.mode == MODE_CONTROL)
		return read_control(&c, ret_msg);
	if (msg.mode == MODE_PRIVATE)
		return read_private(&c, first, ret_msg);
	ret_msg->stratum = cur_u8(&c);
	cur_skip(&c, 10);
	ret_msg->reference = cur_take(&c, 4);
	cur_skip(&c, 32);
	ret_msg->response = msg.mode == MODE_SERVER || msg.mode == MODE_BROADCAST;
	return c.bad ? CC_BAD : CC_OK;
}

/* What stands behind the 48 bytes: nothing, a key and digest, or extensions with them (RFC 7822). */
static bool
trailer_fits(struct slice in, unsigned version)
{
	size_t more = in.size - PACKET_SIZE;

	if (more == 0 || more == 20 || more == 24 || (version < 3 && more == 12))
		return true;
	return version == 4 && more % 4 == 0 && more >= 16 && more <= 1024;
}

/*
 * Only six bits are fixed, so the numbers have to be such as clocks have: a client's may all be zero.  Control and
 * private messages have nothing to go by, and are taken on NTP's port only.
 */
static enum cc_status
ntp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	bool on_port = cc_server_port(ctx) == NTP_PORT;
	struct message msg;
	struct cur c = cur_slice(in);
	uint32_t delay, dispersion, time[4];
	int8_t poll, precision;

	(void)dir;
	if (read_message(in, &msg) != CC_OK)
		return CC_BAD;
	if (msg.mode >= MODE_CONTROL)
		return on_port ? CC_OK : CC_BAD;
	if (!trailer_fits(in, msg.version) || (!on_port && in.size != PACKET_SIZE))
		return CC_BAD;
	cur_skip(&c, 2);
	poll = (int8_t)cur_u8(&c);
	precision = (int8_t)cur_u8(&c);
	delay = cur_u32(&c);
	dispersion = cur_u32(&c);
	cur_skip(&c, 4);
	for (unsigned i = 0; i < 4; i++) {
		time[i] = cur_u32(&c);
		cur_skip(&c, 4);
	}
	if (msg.stratum > 16 || poll > 17 || poll < -6 || precision > 0 || precision < -32 || delay > 64u << 16 ||
	    dispersion > 64u << 16)
		return CC_BAD;
	/* A client may fill its transmit time with anything (data minimization). */
	if (!is_time(time[0]) || (msg.mode == MODE_SERVER && (!is_time(time[2]) || !is_time(time[3]) || time[3] == 0)))
		return CC_BAD;
	if (on_port)
		return CC_OK;
	if (msg.mode == MODE_CLIENT) /* elsewhere: one that says something, or all zero as simple clients do */
		return msg.version >= 3 && (time[3] != 0 || precision != 0) && time[1] == 0 && time[2] == 0 ? CC_OK
													    : CC_BAD;
	return msg.mode == MODE_SERVER && msg.stratum > 0 && time[2] != 0 && precision < 0 ? CC_OK : CC_BAD;
}

static void
report_once(struct cc_ctx *ctx, struct ntp_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

static void
check(struct cc_ctx *ctx, struct ntp_state *state, struct cc_tx *tx, enum cc_dir dir, const struct message *msg)
{
	bool monlist =
	    msg->mode == MODE_PRIVATE && (msg->request == REQUEST_MONLIST || msg->request == REQUEST_MONLIST_1);

	state->odd = state->odd || msg->mode >= MODE_CONTROL;
	if (msg->mode == MODE_CONTROL)
		report_once(ctx, state, tx, A_CONTROL);
	if (msg->mode == MODE_PRIVATE)
		report_once(ctx, state, tx, A_PRIVATE);
	if (monlist)
		report_once(ctx, state, tx, msg->response ? A_MONLIST_RESPONSE : A_MONLIST_REQUEST);
	if (msg->mode == MODE_SERVER && dir == CC_TO_SERVER && state->bytes[CC_TO_CLIENT] > 0)
		report_once(ctx, state, tx, A_NOT_REQUEST);
	if (msg->mode == MODE_CLIENT && dir == CC_TO_CLIENT)
		report_once(ctx, state, tx, A_NOT_RESPONSE);
	if (state->odd && state->bytes[CC_TO_SERVER] > 0 &&
	    state->bytes[CC_TO_CLIENT] > 10 * state->bytes[CC_TO_SERVER])
		report_once(ctx, state, tx, A_AMPLIFIED);
}

static enum cc_status
ntp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct ntp_state *state = own;
	struct slice datagram = cur_take(in, cur_left(in));
	struct message msg;
	struct cc_tx *tx;
	char text[16];

	state->bytes[dir] += datagram.size;
	if (read_message(datagram, &msg) != CC_OK) {
		cc_anomaly(ctx, NULL, A_MALFORMED);
		return CC_OK;
	}
	tx = cc_tx_new(ctx);
	cc_put_uint(ctx, tx, F_VERSION, msg.version);
	cc_put_uint(ctx, tx, F_MODE, msg.mode);
	if (msg.mode == MODE_CONTROL) {
		cc_put_uint(ctx, tx, F_OPCODE, msg.opcode);
	} else if (msg.mode == MODE_PRIVATE) {
		cc_put_uint(ctx, tx, F_REQUEST, msg.request);
		cc_put_uint(ctx, tx, F_ITEMS, msg.items);
	} else {
		cc_put_uint(ctx, tx, F_STRATUM, msg.stratum);
		cc_put_text(ctx, tx, F_REFERENCE, hex_colon_text(msg.reference, text));
	}
	check(ctx, state, tx, dir, &msg);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return CC_OK;
}

const struct cc_parser ntp_parser = {
	.name = "ntp",
	.ports = "udp/123",
	.fields = ntp_fields,
	.field_count = F_COUNT,
	.anomalies = ntp_anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct ntp_state),
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = ntp_probe,
	.feed = ntp_feed,
};
