/*
 * EtherNet/IP (ODVA volume 2) and the Common Industrial Protocol in it: what programmable controllers and their panels
 * say, over TCP and UDP.
 *
 *     command 2 | length 2 | session 4 | status 4 | context 8 | options 4 | data            all little-endian
 *     data of SendRRData, SendUnitData: interface 4 | timeout 2 | items 2 | (type 2 | length 2 | bytes) …
 *     CIP request:  service 1 | words of path 1 | path | data
 *     CIP response: service + 0x80 1 | 0 | status 1 | words of more status 1 | more | data
 *
 * Each message is a transaction of its own side.  A CIP message may hold several (service 10): each is told.  One
 * thread, a worker's.
 */
#include <stdio.h>

#include "base/base.h"
#include "concert/parser.h"

#define HEADER 24
#define ITEMS_MAX 64     /* of one message */
#define SERVICES_MAX 64  /* of one message that are told */
#define ENIP_PORT 44818

enum { LIST_SERVICES = 4, LIST_IDENTITY = 0x63, LIST_INTERFACES, REGISTER, UNREGISTER, SEND_RR = 0x6f, SEND_UNIT,
	INDICATE = 0x72, CANCEL };
enum { MULTIPLE = 10 };  /* CIP's service */

enum {
	F_REQ_COMMAND, F_RES_COMMAND, F_REQ_STATUS, F_RES_STATUS, F_REQ_SERVICE, F_RES_SERVICE, F_CIP_STATUS,
	F_PRODUCT, F_PRODUCT_CODE, F_REVISION, F_SERIAL, F_STATE, F_VERSION, F_SESSION,
	F_COMMAND_TS, F_COMMAND_TC, F_CIP_TS, F_CIP_TC,
	F_COUNT,
};

static const struct cc_field enip_fields[F_COUNT] = {
	[F_REQ_COMMAND] = {NULL, "request.command", CC_BYTES, CC_REQUEST, "What the message is for."},
	[F_RES_COMMAND] = {NULL, "response.command", CC_BYTES, CC_RESPONSE, "What the message is for."},
	[F_REQ_STATUS] = {NULL, "request.status", CC_BYTES, CC_REQUEST, "\"Success\", or a number."},
	[F_RES_STATUS] = {NULL, "response.status", CC_BYTES, CC_RESPONSE, "\"Success\", or a number."},
	[F_REQ_SERVICE] = {NULL, "request.cip.service", CC_BYTES, CC_REQUEST, "CIP: the service asked for."},
	[F_RES_SERVICE] = {NULL, "response.cip.service", CC_BYTES, CC_RESPONSE, "CIP: the service that answers."},
	[F_CIP_STATUS] = {NULL, "response.cip.status", CC_BYTES, CC_RESPONSE, "CIP: \"Success\", or a number."},
	[F_PRODUCT] = {"enip.product_name", "response.identity.product_name", CC_BYTES, CC_RESPONSE,
	    "The device's name."},
	[F_PRODUCT_CODE] = {"enip.product_code", "response.identity.product_code", CC_UINT, CC_RESPONSE,
	    "Number of the product."},
	[F_REVISION] = {NULL, "response.identity.revision", CC_BYTES, CC_RESPONSE, "Its revision, \"20.11\"."},
	[F_SERIAL] = {"enip.serial", "response.identity.serial", CC_UINT, CC_RESPONSE, "The device's serial number."},
	[F_STATE] = {"enip.state", "response.identity.state", CC_UINT, CC_RESPONSE, "The device's state."},
	[F_VERSION] = {NULL, "response.identity.protocol_version", CC_UINT, CC_RESPONSE,
	    "Version of the encapsulation."},
	[F_SESSION] = {NULL, "concert.session", CC_UINT, CC_REQUEST | CC_RESPONSE, "Handle of the session; 0: none."},
	[F_COMMAND_TS] = {"enip_command", NULL, CC_UINT, CC_REQUEST, "Number of the command."},
	[F_COMMAND_TC] = {"enip_command", NULL, CC_UINT, CC_RESPONSE, "Number of the command."},
	[F_CIP_TS] = {"enip.cip", NULL, CC_UINT, CC_REQUEST | CC_MULTI,
	    "Each CIP service: service + class * 256 + attribute * 2^24."},
	[F_CIP_TC] = {"enip.cip", NULL, CC_UINT, CC_RESPONSE | CC_MULTI,
	    "Each CIP service that answers, with its 128."},
};

enum { A_MALFORMED, A_ERROR, A_COUNT };

static const struct cc_anomaly enip_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed", "A message's parts don't fit into it, or no message begins where one should."},
	[A_ERROR] = {"cip_error", "A device refuses what was asked of it."},
};

static const struct cc_frame_kind enip_frames[] = {{"pdu", "A message."}};

struct header {
	uint16_t command, size;
	uint32_t session, status;
};

struct enip_state {
	uint32_t reported;
	bool lost[2];
};

static const struct cc_word commands[] = {
	{"NOP", 0}, {"ListServices", LIST_SERVICES}, {"ListIdentity", LIST_IDENTITY},
	{"ListInterfaces", LIST_INTERFACES},
	{"RegisterSession", REGISTER}, {"UnregisterSession", UNREGISTER}, {"SendRRData", SEND_RR},
	{"SendUnitData", SEND_UNIT}, {"IndicateStatus", INDICATE}, {"Cancel", CANCEL},
};

static const struct cc_word services[] = {
	{"GetAttributesAll", 1}, {"SetAttributesAll", 2}, {"GetAttributeList", 3}, {"SetAttributeList", 4},
	{"Reset", 5}, {"Start", 6}, {"Stop", 7}, {"Create", 8}, {"Delete", 9}, {"MultipleService", MULTIPLE},
	{"ApplyAttributes", 13},
	{"GetAttributeSingle", 14}, {"SetAttributeSingle", 16}, {"FindNextObjectInstance", 17}, {"Restore", 21},
	{"Save", 22}, {"NoOperation", 23}, {"GetMember", 24}, {"SetMember", 25}, {"InsertMember", 26},
	{"RemoveMember", 27}, {"GroupSync", 28},
};

/* NULL: none. */
static const char *
name_of(const struct cc_word *words, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i].value == value)
			return words[i].name;
	}
	return NULL;
}

static void
put_named(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const char *name, unsigned value)
{
	char room[16];

	if (name == NULL)
		snprintf(room, sizeof(room), "%u", value);
	cc_put_text(ctx, tx, field, name != NULL ? name : room);
}

#define NAME(table, value) name_of(table, sizeof(table) / sizeof(table[0]), value)

static void
report_once(struct cc_ctx *ctx, struct enip_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) == 0)
		cc_anomaly(ctx, tx, anomaly);
	state->reported |= 1u << anomaly;
}

/* false in *c's bad: it isn't all here. */
static bool
header_read(struct cur *c, struct header *ret_header)
{
	uint32_t options;

	ret_header->command = cur_u16le(c);
	ret_header->size = cur_u16le(c);
	ret_header->session = cur_u32le(c);
	ret_header->status = cur_u32le(c);
	cur_skip(c, 8);
	options = cur_u32le(c);
	return NAME(commands, ret_header->command) != NULL && options == 0 &&
	       (ret_header->status <= 3 || (ret_header->status >= 0x64 && ret_header->status <= 0x6a));
}

/*
 * Much of a header is zero, so what each command asks of it counts: a session where there is one, data of the size
 * that they have.  Zeros alone (NOP) are taken on the port only.
 */
static enum cc_status
enip_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	struct header h;
	bool right = header_read(&c, &h);

	(void)dir;
	if (c.bad) {
		bool may = in.size < 2 || (in.p[1] == 0 && NAME(commands, in.p[0]) != NULL);

		return may && !cc_is_udp(ctx) ? CC_MORE : CC_BAD;
	}
	if (!right || (cc_is_udp(ctx) && in.size != HEADER + (size_t)h.size))
		return CC_BAD;
	switch (h.command) {
	case REGISTER:
		right = h.size == 4;
		break;
	case UNREGISTER:
		right = h.size == 0 && h.session != 0;
		break;
	case SEND_RR:
	case SEND_UNIT:
		right = (h.session != 0 && h.size >= 16) || h.status != 0;
		break;
	case LIST_SERVICES:
	case LIST_IDENTITY:
	case LIST_INTERFACES:
		right = h.session == 0 || cc_server_port(ctx) == ENIP_PORT;
		break;
	default:
		right = cc_server_port(ctx) == ENIP_PORT;
		break;
	}
	return right ? CC_OK : CC_BAD;
}

/* ---- CIP ---- */

/* Class and attribute of a path: logical segments of 8 or 16 bits (volume 1, appendix C); others are passed by. */
static void
path_read(struct cur path, uint16_t *ret_class, uint16_t *ret_attribute)
{
	while (cur_left(&path) > 0 && !path.bad) {
		uint8_t segment = cur_u8(&path);
		uint16_t value = 0;

		if (segment >> 5 == 1 && (segment & 3) == 0) {
			value = cur_u8(&path);
		} else if (segment >> 5 == 1 && (segment & 3) == 1) {
			cur_skip(&path, 1);
			value = cur_u16le(&path);
		} else if (segment >> 5 == 4) { /* data: its size in words, or a symbol's in bytes */
			uint8_t size = cur_u8(&path);

			cur_skip(&path, segment == 0x91 ? (size + 1u) & ~1u : size * 2u);
			continue;
		} else {
			return;
		}
		if ((segment & 0x1c) == 0)
			*ret_class = value;
		else if ((segment & 0x1c) == 0x10)
			*ret_attribute = value;
	}
}

static void
cip_response(struct cc_ctx *ctx, struct enip_state *state, struct cc_tx *tx, struct cur *c, uint8_t service)
{
	uint8_t status;

	cur_skip(c, 1);
	status = cur_u8(c);
	cur_skip(c, (size_t)cur_u8(c) * 2);
	cc_put_uint(ctx, tx, F_CIP_TC, service);
	if (cc_get(tx, F_RES_SERVICE) == NULL) {
		put_named(ctx, tx, F_RES_SERVICE, NAME(services, service & 127), service & 127);
		if (!c->bad)
			put_named(ctx, tx, F_CIP_STATUS, status == 0 ? "Success" : NULL, status);
	}
	if (!c->bad && status != 0)
		report_once(ctx, state, tx, A_ERROR);
}

static void
cip_request(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c, uint8_t service)
{
	uint16_t class = 0, attribute = 0;

	path_read(cur_sub(c, (size_t)cur_u8(c) * 2), &class, &attribute);
	cc_put_uint(ctx, tx, F_CIP_TS, service | (uint64_t)class << 8 | (uint64_t)attribute << 24);
	if (cc_get(tx, F_REQ_SERVICE) == NULL)
		put_named(ctx, tx, F_REQ_SERVICE, NAME(services, service), service);
}

/* A CIP message; those of service 10 hold others, found by offsets from their count: one level of it. */
static void
cip(struct cc_ctx *ctx, struct enip_state *state, struct cc_tx *tx, enum cc_dir dir, struct slice in, bool outer)
{
	struct cur c = cur_slice(in), offsets;
	uint8_t service = cur_u8(&c);
	struct slice inner;
	uint16_t count;

	if (c.bad)
		return;
	if (service >> 7 != 0 && dir == CC_TO_CLIENT)
		cip_response(ctx, state, tx, &c, service);
	else if (dir == CC_TO_SERVER)
		cip_request(ctx, tx, &c, service);
	if (c.bad) {
		report_once(ctx, state, tx, A_MALFORMED);
		return;
	}
	if ((service & 127) != MULTIPLE || !outer)
		return;
	inner = cur_rest(&c);
	offsets = c;
	count = cur_u16le(&offsets);
	for (unsigned i = 0; i < count && i < SERVICES_MAX; i++) {
		size_t at = cur_u16le(&offsets);

		if (offsets.bad || at >= inner.size) {
			if (inner.size > 0)
				report_once(ctx, state, tx, A_MALFORMED);
			return;
		}
		cip(ctx, state, tx, dir, slice_of(inner.p + at, inner.size - at), false);
	}
}

/* interface 4 | timeout 2 | items: addresses, then what is sent to them. */
static void
items(struct cc_ctx *ctx, struct enip_state *state, struct cc_tx *tx, enum cc_dir dir, struct cur c)
{
	uint16_t count;

	cur_skip(&c, 6);
	count = cur_u16le(&c);
	for (unsigned i = 0; i < count && i < ITEMS_MAX && !c.bad; i++) {
		uint16_t type = cur_u16le(&c);
		struct cur item = cur_sub(&c, cur_u16le(&c));

		if (type == 0xb1) /* connected: a sequence number before it */
			cur_skip(&item, 2);
		if ((type == 0xb1 || type == 0xb2) && !item.bad)
			cip(ctx, state, tx, dir, cur_rest(&item), true);
	}
	if (c.bad)
		report_once(ctx, state, tx, A_MALFORMED);
}

/* items 2 | type 2 | size 2 | version 2 | socket address 16 | vendor 2 | type 2 | product 2 | revision 1 + 1 | status 2
 * | serial 4 | name 1 + n | state 1 */
static void
identity(struct cc_ctx *ctx, struct enip_state *state, struct cc_tx *tx, struct cur c)
{
	uint16_t version, product;
	struct slice name;
	uint8_t major, minor, device;
	uint32_t serial;
	char text[16];

	if (cur_left(&c) == 0 || cur_u16le(&c) == 0)
		return;
	cur_skip(&c, 4);
	version = cur_u16le(&c);
	cur_skip(&c, 16 + 4);
	product = cur_u16le(&c);
	major = cur_u8(&c);
	minor = cur_u8(&c);
	cur_skip(&c, 2);
	serial = cur_u32le(&c);
	name = cur_take(&c, cur_u8(&c));
	device = cur_u8(&c);
	if (c.bad) {
		report_once(ctx, state, tx, A_MALFORMED);
		return;
	}
	snprintf(text, sizeof(text), "%u.%u", major, minor);
	cc_put_uint(ctx, tx, F_VERSION, version);
	cc_put_uint(ctx, tx, F_PRODUCT_CODE, product);
	cc_put_text(ctx, tx, F_REVISION, text);
	cc_put_uint(ctx, tx, F_SERIAL, serial);
	cc_put(ctx, tx, F_PRODUCT, name);
	cc_put_uint(ctx, tx, F_STATE, device);
}

static void
message(struct cc_ctx *ctx, struct enip_state *state, enum cc_dir dir, const struct header *h, struct cur body)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	put_named(ctx, tx, F_REQ_COMMAND + dir, NAME(commands, h->command), h->command);
	put_named(ctx, tx, F_REQ_STATUS + dir, h->status == 0 ? "Success" : NULL, h->status);
	cc_put_uint(ctx, tx, F_COMMAND_TS + dir, h->command);
	cc_put_uint(ctx, tx, F_SESSION, h->session);
	if ((h->command == SEND_RR || h->command == SEND_UNIT) && h->size > 0)
		items(ctx, state, tx, dir, body);
	else if (h->command == LIST_IDENTITY && dir == CC_TO_CLIENT)
		identity(ctx, state, tx, body);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

static enum cc_status
enip_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct enip_state *state = own;

	while (cur_left(in) > 0) {
		struct cur c = *in, body;
		struct header h;
		bool right = header_read(&c, &h);

		if (c.bad)
			return CC_MORE;
		if (!right) { /* the next piece may begin with a message again */
			if (!state->lost[dir])
				report_once(ctx, state, NULL, A_MALFORMED);
			state->lost[dir] = true;
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		body = cur_sub(&c, h.size);
		if (c.bad)
			return CC_MORE;
		state->lost[dir] = false;
		cc_frame(ctx, NULL, dir, 0, in->p, (uint64_t)(c.p - in->p));
		*in = c;
		message(ctx, state, dir, &h, body);
	}
	return CC_OK;
}

static enum cc_status
enip_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct enip_state *state = own;

	(void)ctx;
	(void)size;
	state->lost[dir] = true;
	return CC_OK;
}

const struct cc_parser enip_parser = {
	.name = "enip",
	.ports = "tcp/44818 udp/44818",
	.fields = enip_fields,
	.field_count = F_COUNT,
	.anomalies = enip_anomalies,
	.anomaly_count = A_COUNT,
	.frames = enip_frames,
	.frame_count = 1,
	.state_size = sizeof(struct enip_state),
	.unit_max = 65536 + HEADER,
	.tcp = true,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = enip_probe,
	.feed = enip_feed,
	.gap = enip_gap,
};
