/*
 * What follows the fixed header of each kind of message (MQTT 3.1.1 and 5.0, 3) to values.  Texts and binary data are
 * sizes of two bytes and bytes; version 5 has properties behind the variable header.  No state but the version.
 */
#include "app/mqtt/own.h"

enum property_kind { P_BYTE, P_TWO, P_FOUR, P_VARINT, P_TEXT, P_PAIR, P_NONE };

static enum property_kind
property_kind(unsigned id)
{
	static const uint8_t kind[] = {P_NONE, P_BYTE, P_FOUR, P_TEXT, P_NONE, P_NONE, P_NONE, P_NONE, P_TEXT, P_TEXT,
	    P_NONE, P_VARINT, P_NONE, P_NONE, P_NONE, P_NONE, P_NONE, P_FOUR, P_TEXT, P_TWO, P_NONE, P_TEXT, P_TEXT,
	    P_BYTE, P_FOUR, P_BYTE, P_TEXT, P_NONE, P_TEXT, P_NONE, P_NONE, P_TEXT, P_NONE, P_TWO, P_TWO, P_TWO, P_BYTE,
	    P_BYTE, P_PAIR, P_FOUR, P_BYTE, P_BYTE, P_BYTE};

	return id < sizeof(kind) ? (enum property_kind)kind[id] : P_NONE;
}

/* Properties that are recorded, in the order of the table from MQTT_F_PROPS on. */
static const struct {
	uint8_t type, id;
} recorded[] = {
	{MQTT_CONNECT, 17}, {MQTT_CONNECT, 33}, {MQTT_CONNECT, 39}, {MQTT_CONNECT, 34}, {MQTT_CONNECT, 21},
	{MQTT_CONNACK, 17}, {MQTT_CONNACK, 18}, {MQTT_CONNACK, 34}, {MQTT_CONNACK, 31}, {MQTT_CONNACK, 33},
	{MQTT_PUBLISH, 3}, {MQTT_PUBLISH, 8}, {MQTT_PUBLISH, 2}, {MQTT_PUBLISH, 35}, {MQTT_DISCONNECT, 31},
};

static unsigned
property_field(unsigned type, unsigned id)
{
	for (unsigned i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
		if (recorded[i].type == type && recorded[i].id == id)
			return MQTT_F_PROPS + i;
	return MQTT_F_COUNT;
}

static struct slice
take_text(struct cur *c)
{
	return cur_take(c, cur_u16(c));
}

static uint32_t
take_varint(struct cur *c)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t byte = cur_u8(c);

		value |= (uint32_t)(byte & 0x7f) << 7 * i;
		if ((byte & 0x80) == 0)
			return value;
	}
	c->bad = true;
	return 0;
}

static void
put_property(struct cc_ctx *ctx, struct cc_tx *tx, unsigned type, struct cur *c)
{
	unsigned id = take_varint(c), field = property_field(type, id);
	struct slice text = slice_of(NULL, 0);
	uint64_t number = 0;

	switch (property_kind(id)) {
	case P_BYTE:
		number = cur_u8(c);
		break;
	case P_TWO:
		number = cur_u16(c);
		break;
	case P_FOUR:
		number = cur_u32(c);
		break;
	case P_VARINT:
		number = take_varint(c);
		break;
	case P_PAIR:
		(void)take_text(c);
		text = take_text(c);
		break;
	case P_TEXT:
		text = take_text(c);
		break;
	default:
		c->bad = true;
		break;
	}
	if (c->bad || field == MQTT_F_COUNT || cc_get(tx, field) != NULL)
		return;
	if (mqtt_fields[field].type == CC_BYTES)
		cc_put(ctx, tx, field, text);
	else
		cc_put_uint(ctx, tx, field, number);
}

/* Only version 5 has any.  Those of a will are passed over: type 0. */
static void
properties(struct cc_ctx *ctx, const struct mqtt_state *state, struct cc_tx *tx, unsigned type, struct cur *c)
{
	struct cur props;

	if (state->version != 5)
		return;
	props = cur_sub(c, take_varint(c));
	while (!props.bad && cur_left(&props) > 0)
		put_property(ctx, tx, type, &props);
	c->bad = c->bad || props.bad;
}

static void
connect_values(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *c, unsigned flags, const struct mqtt_state *state)
{
	cc_put(ctx, tx, MQTT_F_CLIENT_ID, take_text(c));
	cc_put_uint(ctx, tx, MQTT_F_HAS_USER, flags >> 7 & 1);
	cc_put_uint(ctx, tx, MQTT_F_HAS_PASSWORD, flags >> 6 & 1);
	cc_put_uint(ctx, tx, MQTT_F_WILL_RETAIN, flags >> 5 & 1);
	cc_put_uint(ctx, tx, MQTT_F_HAS_WILL, flags >> 2 & 1);
	cc_put_uint(ctx, tx, MQTT_F_CLEAN, flags >> 1 & 1);
	if ((flags & 4) != 0) {
		properties(ctx, state, tx, 0, c);
		cc_put(ctx, tx, MQTT_F_WILL_TOPIC, take_text(c));
		cc_put(ctx, tx, MQTT_F_WILL_MESSAGE, take_text(c));
	}
	if ((flags & 0x80) != 0)
		cc_put(ctx, tx, MQTT_F_USER, take_text(c));
	if ((flags & 0x40) != 0) {
		cc_put(ctx, tx, MQTT_F_PASSWORD, take_text(c));
		if (!c->bad)
			cc_anomaly(ctx, tx, MQTT_A_PLAINTEXT);
	}
}

/* name | version 1 | flags 1 | keep alive 2 | properties | client's id, will's properties, topic, message, user,
 * password */
static void
connect_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, struct cur *c)
{
	struct slice name = take_text(c);
	uint8_t version = cur_u8(c) & 0x7f, flags = cur_u8(c); /* the high bit marks a bridge */

	cur_skip(c, 2);
	if (c->bad)
		return;
	state->version = version;
	cc_put(ctx, tx, MQTT_F_PROTOCOL, name);
	cc_put_uint(ctx, tx, MQTT_F_VERSION, version);
	cc_put_uint(ctx, tx, MQTT_F_B_CONNECT_FLAGS, flags);
	properties(ctx, state, tx, MQTT_CONNECT, c);
	if (!c->bad)
		connect_values(ctx, tx, c, flags, state);
}

static void
put_reason(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint8_t code)
{
	cc_put_uint(ctx, tx, field, code);
	cc_put_uint(ctx, tx, MQTT_F_B_REASON, code);
}

static void
publish_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned qos, struct cur *c)
{
	struct slice topic = take_text(c), message;

	if (qos > 0)
		cur_skip(c, 2);
	if (c->bad)
		return;
	cc_put(ctx, tx, MQTT_F_TOPIC, topic);
	properties(ctx, state, tx, MQTT_PUBLISH, c);
	if (c->bad)
		return;
	message = cur_rest(c);
	cc_put(ctx, tx, MQTT_F_B_MESSAGE, message);
	cc_put(
	    ctx, tx, MQTT_F_MESSAGE, slice_of(message.p, message.size < MQTT_TOLD_MAX ? message.size : MQTT_TOLD_MAX));
}

/* A reason code and properties, which may be left off when the reason is 0. */
static void
ack_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned type, struct cur *c)
{
	if (type != MQTT_DISCONNECT)
		cur_skip(c, 2);
	if (state->version == 5 && cur_left(c) == 0 && type == MQTT_DISCONNECT)
		put_reason(ctx, tx, MQTT_F_REASON_DISCONNECT, 0);
	if (state->version != 5 || cur_left(c) == 0)
		return;
	put_reason(ctx, tx,
	    type == MQTT_DISCONNECT ? MQTT_F_REASON_DISCONNECT : MQTT_F_REASON_PUBACK + type - MQTT_PUBACK, cur_u8(c));
	if (cur_left(c) > 0)
		properties(ctx, state, tx, type, c);
}

static void
subscribe_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned type, struct cur *c)
{
	cur_skip(c, 2);
	properties(ctx, state, tx, type, c);
	for (unsigned i = 0; i < MQTT_TOPICS_MAX && !c->bad && cur_left(c) > 0; i++) {
		struct slice topic = take_text(c);
		uint8_t options = type == MQTT_SUBSCRIBE ? cur_u8(c) : 0;

		if (c->bad)
			return;
		if (type == MQTT_UNSUBSCRIBE) {
			cc_put(ctx, tx, MQTT_F_UNSUB_TOPICS, topic);
			continue;
		}
		cc_put(ctx, tx, MQTT_F_B_TOPIC, topic);
		cc_put_row(ctx, tx, MQTT_F_TOPICS);
		cc_put(ctx, tx, MQTT_F_TOPICS_TOPIC, topic);
		cc_put_uint(ctx, tx, MQTT_F_TOPICS_QOS, options & 3);
	}
}

static void
suback_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned type, struct cur *c)
{
	cur_skip(c, 2);
	if (type == MQTT_SUBACK || state->version == 5)
		properties(ctx, state, tx, type, c);
	for (unsigned i = 0; i < MQTT_TOPICS_MAX && !c->bad && cur_left(c) > 0; i++) {
		uint8_t code = cur_u8(c);

		if (type == MQTT_SUBACK)
			cc_put_uint(ctx, tx, MQTT_F_GRANTED, code);
		else
			put_reason(ctx, tx, MQTT_F_UNSUB_REASONS, code);
	}
}

bool
mqtt_id(const struct mqtt_head *head, struct slice body, uint16_t *ret_id)
{
	struct cur c = cur_slice(body);

	if (head->type == MQTT_PUBLISH)
		(void)take_text(&c);
	*ret_id = cur_u16(&c);
	return !c.bad;
}

bool
mqtt_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, const struct mqtt_head *head,
    struct slice body, uint16_t *ret_id)
{
	struct cur c = cur_slice(body);
	unsigned qos = head->flags >> 1 & 3;
	bool has_id =
	    (head->type == MQTT_PUBLISH && qos > 0) || (head->type >= MQTT_PUBACK && head->type <= MQTT_UNSUBACK);

	if (has_id && mqtt_id(head, body, ret_id))
		cc_put_uint(ctx, tx, MQTT_F_ID_PUBLISH + head->type - MQTT_PUBLISH, *ret_id);
	switch (head->type) {
	case MQTT_CONNECT:
		connect_body(ctx, state, tx, &c);
		break;
	case MQTT_CONNACK:
		cc_put_uint(ctx, tx, MQTT_F_SESSION, cur_u8(&c) & 1);
		put_reason(ctx, tx, MQTT_F_RETURN_CODE, cur_u8(&c));
		if (cur_left(&c) > 0)
			properties(ctx, state, tx, MQTT_CONNACK, &c);
		break;
	case MQTT_PUBLISH:
		publish_body(ctx, state, tx, qos, &c);
		break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
	case MQTT_DISCONNECT:
		ack_body(ctx, state, tx, head->type, &c);
		break;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		subscribe_body(ctx, state, tx, head->type, &c);
		break;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
		suback_body(ctx, state, tx, head->type, &c);
		break;
	case MQTT_AUTH:
		if (cur_left(&c) > 0)
			cc_put_uint(ctx, tx, MQTT_F_B_REASON, cur_u8(&c));
		break;
	default:
		break;
	}
	return !c.bad;
}
