/*
 * MQTT 3.1, 3.1.1 and 5.0: messages in, a transaction for each exchange out: CONNECT and CONNACK, PUBLISH and what
 * acknowledges it, SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK; the others stand alone.
 *
 *     type 4 bits, flags 4 | remaining length, 1 to 4 bytes | body
 *
 * Messages wait whole up to mqtt.message_limit; of longer ones the header is told and the rest goes by.  What waits for
 * its acknowledgement is bounded by mqtt.pending_limit.  One thread, a worker's.
 */
#include "app/mqtt/own.h"

#define REQ CC_REQUEST

/* Rules are asked when an exchange is complete, as one that went to the server. */
#define HEAD(type, name) \
	[3 * (type - 1)] = {NULL, name ".qos", CC_UINT, REQ, "Quality of service of a " #type "."}, \
	[3 * (type - 1) + 1] = {NULL, name ".retain", CC_FLAG, REQ, "Retain flag of a " #type "."}, \
	[3 * (type - 1) + 2] = {NULL, name ".dup", CC_FLAG, REQ, "Duplicate flag of a " #type "."}
#define ID(symbol, name) [MQTT_F_ID_##symbol] = {NULL, name ".message_id", CC_UINT, REQ, "Number of a " #symbol "."}
#define REASON(symbol, name)                                                                                           \
	[MQTT_F_REASON_##symbol] = {NULL, name ".reason_code", CC_UINT, REQ, "Reason of a " #symbol "."}
#define PROP(at, name, type) [MQTT_F_PROPS + at] = {NULL, name, type, REQ, "A property of version 5."}

const struct cc_field mqtt_fields[MQTT_F_COUNT] = {
    HEAD(MQTT_CONNECT, "connect"),
    HEAD(MQTT_CONNACK, "connack"),
    HEAD(MQTT_PUBLISH, "publish"),
    HEAD(MQTT_PUBACK, "puback"),
    HEAD(MQTT_PUBREC, "pubrec"),
    HEAD(MQTT_PUBREL, "pubrel"),
    HEAD(MQTT_PUBCOMP, "pubcomp"),
    HEAD(MQTT_SUBSCRIBE, "subscribe"),
    HEAD(MQTT_SUBACK, "suback"),
    HEAD(MQTT_UNSUBSCRIBE, "unsubscribe"),
    HEAD(MQTT_UNSUBACK, "unsuback"),
    HEAD(MQTT_PINGREQ, "pingreq"),
    HEAD(MQTT_PINGRESP, "pingresp"),
    HEAD(MQTT_DISCONNECT, "disconnect"),
    ID(PUBLISH, "publish"),
    ID(PUBACK, "puback"),
    ID(PUBREC, "pubrec"),
    ID(PUBREL, "pubrel"),
    ID(PUBCOMP, "pubcomp"),
    ID(SUBSCRIBE, "subscribe"),
    ID(SUBACK, "suback"),
    ID(UNSUBSCRIBE, "unsubscribe"),
    ID(UNSUBACK, "unsuback"),
    REASON(PUBACK, "puback"),
    REASON(PUBREC, "pubrec"),
    REASON(PUBREL, "pubrel"),
    REASON(PUBCOMP, "pubcomp"),
    REASON(DISCONNECT, "disconnect"),
    [MQTT_F_PROTOCOL] = {"mqtt.connect.protocol_string", "connect.protocol_string", CC_BYTES, REQ,
	"\"MQTT\", \"MQIsdp\"."},
    [MQTT_F_VERSION] = {NULL, "connect.protocol_version", CC_UINT, REQ, "3, 4 (3.1.1) or 5."},
    [MQTT_F_CLIENT_ID] = {"mqtt.connect.clientid", "connect.client_id", CC_BYTES, REQ, "How the client calls itself."},
    [MQTT_F_HAS_USER] = {NULL, "connect.flags.username", CC_FLAG, REQ, "CONNECT names a user."},
    [MQTT_F_HAS_PASSWORD] = {NULL, "connect.flags.password", CC_FLAG, REQ, "CONNECT has a password."},
    [MQTT_F_WILL_RETAIN] = {NULL, "connect.flags.will_retain", CC_FLAG, REQ, "The will is to be retained."},
    [MQTT_F_HAS_WILL] = {NULL, "connect.flags.will", CC_FLAG, REQ, "CONNECT has a will."},
    [MQTT_F_CLEAN] = {NULL, "connect.flags.clean_session", CC_FLAG, REQ, "The session begins anew."},
    [MQTT_F_USER] = {"mqtt.connect.username", "connect.username", CC_BYTES, REQ, "The user."},
    [MQTT_F_PASSWORD] = {"mqtt.connect.password", NULL, CC_BYTES, REQ, "The password, in clear."},
    [MQTT_F_WILL_TOPIC] = {"mqtt.connect.willtopic", "connect.will.topic", CC_BYTES, REQ, "Topic of the will."},
    [MQTT_F_WILL_MESSAGE] = {"mqtt.connect.willmessage", "connect.will.message", CC_BYTES, REQ, "The will."},
    [MQTT_F_SESSION] = {"mqtt.connack.session_present", "connack.session_present", CC_FLAG, REQ,
	"The server remembers."},
    [MQTT_F_RETURN_CODE] = {NULL, "connack.return_code", CC_UINT, REQ, "0: accepted."},
    [MQTT_F_TOPIC] = {"mqtt.publish.topic", "publish.topic", CC_BYTES, REQ, "Topic of a PUBLISH."},
    [MQTT_F_MESSAGE] = {NULL, "publish.message", CC_BYTES, REQ, "The beginning of what is published."},
    [MQTT_F_SKIPPED] = {NULL, "publish.skipped_length", CC_UINT, REQ, "Bytes of a message that was too long to read."},
    [MQTT_F_TRUNCATED] = {NULL, "publish.truncated", CC_FLAG, REQ, "The message was too long to read."},
    [MQTT_F_TOPICS] = {NULL, "subscribe.topics[]", CC_ROW, REQ, "Topics of a SUBSCRIBE."},
    [MQTT_F_TOPICS_TOPIC] = {NULL, "subscribe.topics[].topic", CC_BYTES, REQ, "A topic."},
    [MQTT_F_TOPICS_QOS] = {NULL, "subscribe.topics[].qos", CC_UINT, REQ, "Quality of service that is asked for."},
    [MQTT_F_GRANTED] = {NULL, "suback.qos_granted", CC_UINT, REQ | CC_MULTI, "What the server grants, for each topic."},
    [MQTT_F_UNSUB_TOPICS] = {"mqtt.unsubscribe.topic", "unsubscribe.topics", CC_BYTES, REQ | CC_MULTI,
	"Topics to leave."},
    [MQTT_F_UNSUB_REASONS] = {NULL, "unsuback.reason_codes", CC_UINT, REQ | CC_MULTI, "Reasons, for each topic."},
    PROP(0, "connect.properties.session_expiry_interval", CC_UINT),
    PROP(1, "connect.properties.receive_maximum", CC_UINT),
    PROP(2, "connect.properties.maximum_packet_size", CC_UINT),
    PROP(3, "connect.properties.topic_alias_maximum", CC_UINT),
    PROP(4, "connect.properties.authentication_method", CC_BYTES),
    PROP(5, "connack.properties.session_expiry_interval", CC_UINT),
    PROP(6, "connack.properties.assigned_client_identifier", CC_BYTES),
    PROP(7, "connack.properties.topic_alias_maximum", CC_UINT),
    PROP(8, "connack.properties.reason_string", CC_BYTES),
    PROP(9, "connack.properties.receive_maximum", CC_UINT),
    PROP(10, "publish.properties.content_type", CC_BYTES),
    PROP(11, "publish.properties.response_topic", CC_BYTES),
    PROP(12, "publish.properties.message_expiry_interval", CC_UINT),
    PROP(13, "publish.properties.topic_alias", CC_UINT),
    PROP(14, "disconnect.properties.reason_string", CC_BYTES),
    [MQTT_F_B_TOPIC] = {"mqtt.subscribe.topic", NULL, CC_BYTES, REQ | CC_MULTI, "A topic of a SUBSCRIBE."},
    [MQTT_F_B_MESSAGE] = {"mqtt.publish.message", NULL, CC_BYTES, REQ, "What is published."},
    [MQTT_F_B_TYPE] = {"mqtt.type", NULL, CC_UINT, REQ | CC_MULTI, "Type of a message of the exchange."},
    [MQTT_F_B_FLAGS] = {"mqtt.flags", NULL, CC_UINT, REQ | CC_MULTI, "Flags of a message: dup, retain."},
    [MQTT_F_B_QOS] = {"mqtt.qos", NULL, CC_UINT, REQ | CC_MULTI, "Quality of service of a message."},
    [MQTT_F_B_VERSION] = {"mqtt.protocol_version", NULL, CC_UINT, REQ, "3, 4 (3.1.1) or 5."},
    [MQTT_F_B_REASON] = {"mqtt.reason_code", NULL, CC_UINT, REQ | CC_MULTI, "Reason that an answer gives."},
    [MQTT_F_B_CONNECT_FLAGS] = {"mqtt.connect.flags", NULL, CC_UINT, REQ, "Flags of CONNECT."},
};

static const struct cc_word type_words[] = {
	{"CONNECT", 1}, {"CONNACK", 2}, {"PUBLISH", 3}, {"PUBACK", 4}, {"PUBREC", 5}, {"PUBREL", 6}, {"PUBCOMP", 7},
	{"SUBSCRIBE", 8}, {"SUBACK", 9}, {"UNSUBSCRIBE", 10}, {"UNSUBACK", 11}, {"PINGREQ", 12}, {"PINGRESP", 13},
	{"DISCONNECT", 14}, {"AUTH", 15}, {"UNASSIGNED", 0},
};
static const struct cc_word flag_words[] = {{"retain", 1}, {"dup", 8}};
static const struct cc_word connect_words[] = {
	{"clean_session", 2}, {"will", 4}, {"will_retain", 32}, {"password", 64}, {"username", 128},
};

#define WORDS(field, as, words) {field, as, words, sizeof(words) / sizeof(words[0])}

static const struct cc_words mqtt_words[] = {
	WORDS(MQTT_F_B_TYPE, CC_ONE_OF, type_words), WORDS(MQTT_F_B_FLAGS, CC_BITS, flag_words),
	WORDS(MQTT_F_B_CONNECT_FLAGS, CC_BITS, connect_words),
};

static const struct cc_anomaly mqtt_anomalies[MQTT_A_COUNT] = {
	[MQTT_A_MISSING_CONNECT] = {"missing_connect", "A CONNACK answers no CONNECT."},
	[MQTT_A_MISSING_PUBLISH] = {"missing_publish", "An acknowledgement is of no PUBLISH that waits."},
	[MQTT_A_MISSING_SUBSCRIBE] = {"missing_subscribe", "A SUBACK answers no SUBSCRIBE."},
	[MQTT_A_MISSING_UNSUBSCRIBE] = {"missing_unsubscribe", "An UNSUBACK answers no UNSUBSCRIBE."},
	[MQTT_A_DOUBLE_CONNECT] = {"double_connect", "A second CONNECT on one connection."},
	[MQTT_A_UNINTRODUCED] = {"unintroduced_message", "A message before CONNECT and CONNACK were complete."},
	[MQTT_A_INVALID_QOS] = {"invalid_qos_level", "Quality of service 3 doesn't exist."},
	[MQTT_A_MISSING_ID] = {"missing_msg_id", "A message that is to be acknowledged has no number."},
	[MQTT_A_UNASSIGNED] = {"unassigned_msg_type", "Type 0, or one that the version doesn't have."},
	[MQTT_A_TOO_MANY] = {"too_many_transactions", "More messages wait for acknowledgement than are remembered."},
	[MQTT_A_MALFORMED] = {"malformed_traffic", "A message isn't as its type demands."},
	[MQTT_A_PLAINTEXT] = {"plaintext_credentials", "A password goes by in clear."},
};

static const struct cc_frame_kind mqtt_frames[MQTT_FRAME_COUNT] = {
	[MQTT_FRAME_PDU] = {"pdu", "A message."},
	[MQTT_FRAME_HEADER] = {"header", "A message's fixed header."},
	[MQTT_FRAME_DATA] = {"data", "What follows the fixed header."},
};

static enum cc_status
read_head(struct slice in, struct mqtt_head *ret_head)
{
	struct cur c = cur_slice(in);
	uint8_t first = cur_u8(&c), byte = 0x80;
	struct mqtt_head head = {.type = first >> 4, .flags = first & 15, .header = 1};

	for (; head.header < 5 && (byte & 0x80) != 0; head.header++) {
		byte = cur_u8(&c);
		head.size |= (uint32_t)(byte & 0x7f) << 7 * (head.header - 1);
		if (c.bad)
			return CC_MORE;
	}
	*ret_head = head;
	return (byte & 0x80) != 0 ? CC_BAD : CC_OK;
}

/* Could such a message be?  Flags are fixed but for PUBLISH, and most have a least size. */
static bool
is_likely(const struct mqtt_head *head)
{
	static const uint8_t flags[] = {16, 0, 0, 16, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0};
	static const uint8_t least[] = {0, 12, 2, 2, 2, 2, 2, 2, 5, 3, 4, 2, 0, 0, 0, 0};

	if (head->type == 0 || head->size < least[head->type])
		return false;
	return head->type == MQTT_PUBLISH ? (head->flags & 6) != 6 : head->flags == flags[head->type];
}

/* A client begins with CONNECT and the protocol's name; a server's CONNACK is believed where the port or the client say
 * so. */
static enum cc_status
mqtt_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	bool likely = cc_other_known(ctx) || cc_server_port(ctx) == 1883;
	struct mqtt_head head;
	struct cur c = cur_slice(in);
	struct slice name;
	uint8_t version;
	enum cc_status st;

	if (in.size > 0 && in.p[0] != 0x10 && in.p[0] != 0x20)
		return CC_BAD;
	st = read_head(in, &head);
	if (st != CC_OK)
		return st;
	if (!is_likely(&head))
		return CC_BAD;
	cur_skip(&c, head.header);
	if (head.type == MQTT_CONNACK) {
		uint8_t session = cur_u8(&c);

		return !likely || dir != CC_TO_CLIENT || session > 1 ? CC_BAD : c.bad ? CC_MORE : CC_OK;
	}
	name = cur_take(&c, cur_u16(&c));
	version = cur_u8(&c) & 0x7f;
	if (c.bad)
		return in.size >= 64 || (in.size > (size_t)head.header + 1 && in.p[head.header] != 0) ? CC_BAD
												      : CC_MORE;
	return (slice_is(name, "MQTT") && (version == 4 || version == 5)) || (slice_is(name, "MQIsdp") && version == 3)
		   ? CC_OK
		   : CC_BAD;
}

static void
report_once(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

static void
unlink_tx(struct mqtt_state *state, struct cc_tx *tx, struct cc_tx *before)
{
	struct mqtt_tx *own = tx->own;

	if (before != NULL)
		((struct mqtt_tx *)before->own)->next = own->next;
	else
		state->first = own->next;
	if (state->last == tx)
		state->last = before;
	own->next = NULL;
	state->count--;
}

/* The exchange that a message belongs to; take: it is the last message of it. */
static struct cc_tx *
find_tx(struct mqtt_state *state, unsigned type, int dir, uint16_t id, bool take)
{
	struct cc_tx *before = NULL;

	for (struct cc_tx *tx = state->first; tx != NULL; before = tx, tx = ((struct mqtt_tx *)tx->own)->next) {
		struct mqtt_tx *own = tx->own;

		if (own->type != type || own->id != id || own->dir != dir)
			continue;
		if (take)
			unlink_tx(state, tx, before);
		return tx;
	}
	return NULL;
}

/* The exchange waits for an answer. */
static void
wait_tx(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, unsigned type, enum cc_dir dir, uint16_t id)
{
	struct mqtt_tx *own;

	if (tx == NULL)
		return;
	if (state->count >= cc_limit(ctx, "mqtt.pending_limit")) {
		struct cc_tx *oldest = state->first;

		report_once(ctx, state, oldest, MQTT_A_TOO_MANY);
		unlink_tx(state, oldest, NULL);
		cc_tx_done(ctx, oldest);
	}
	own = tx->own;
	*own = (struct mqtt_tx){.id = id, .type = (uint8_t)type, .dir = (uint8_t)dir};
	if (state->last != NULL)
		((struct mqtt_tx *)state->last->own)->next = tx;
	else
		state->first = tx;
	state->last = tx;
	state->count++;
}

static void
put_head(struct cc_ctx *ctx, const struct mqtt_state *state, struct cc_tx *tx, const struct mqtt_head *head)
{
	unsigned qos = head->flags >> 1 & 3;

	if (head->type >= MQTT_CONNECT && head->type <= MQTT_DISCONNECT) {
		cc_put_uint(ctx, tx, 3 * (head->type - 1u), qos);
		cc_put_uint(ctx, tx, 3 * (head->type - 1u) + 1, head->flags & 1);
		cc_put_uint(ctx, tx, 3 * (head->type - 1u) + 2, head->flags >> 3);
	}
	cc_put_uint(ctx, tx, MQTT_F_B_TYPE, head->type);
	cc_put_uint(ctx, tx, MQTT_F_B_FLAGS, head->flags & 9);
	cc_put_uint(ctx, tx, MQTT_F_B_QOS, qos);
	if (state->version != 0 && cc_get(tx, MQTT_F_B_VERSION) == NULL)
		cc_put_uint(ctx, tx, MQTT_F_B_VERSION, state->version);
}

/* Who asked what this type answers; 0: it answers nothing. */
static unsigned
asked_by(unsigned type)
{
	static const uint8_t by[] = {0, 0, MQTT_CONNECT, 0, MQTT_PUBLISH, MQTT_PUBLISH, MQTT_PUBLISH, MQTT_PUBLISH, 0,
	    MQTT_SUBSCRIBE, 0, MQTT_UNSUBSCRIBE, 0, 0, 0, 0};

	return by[type];
}

static unsigned
missing(unsigned asked)
{
	return asked == MQTT_CONNECT     ? MQTT_A_MISSING_CONNECT
	       : asked == MQTT_PUBLISH   ? MQTT_A_MISSING_PUBLISH
	       : asked == MQTT_SUBSCRIBE ? MQTT_A_MISSING_SUBSCRIBE
					 : MQTT_A_MISSING_UNSUBSCRIBE;
}

/* An answer goes to the exchange that it ends, or goes on with. */
static void
answer(struct cc_ctx *ctx, struct mqtt_state *state, enum cc_dir dir, const struct mqtt_head *head, struct slice body)
{
	unsigned asked = asked_by(head->type);
	bool on = head->type == MQTT_PUBREC || head->type == MQTT_PUBREL;
	enum cc_dir from = head->type == MQTT_PUBREL ? dir : cc_dir_other(dir);
	uint16_t id = 0;
	struct cc_tx *tx;
	bool right;

	if (head->type != MQTT_CONNACK)
		mqtt_id(head, body, &id);
	tx = find_tx(state, asked, (int)from, id, !on);
	if (tx == NULL) {
		on = false;
		tx = cc_tx_new(ctx);
		put_head(ctx, state, tx, head);
		/* Who came later, or lost bytes, has seen less than there was. */
		if (!cc_is_midstream(ctx) && !state->lost[from])
			cc_anomaly(ctx, tx, missing(asked));
	} else {
		put_head(ctx, state, tx, head);
	}
	right = mqtt_body(ctx, state, tx, head, body, &id);
	if (!right)
		report_once(ctx, state, tx, MQTT_A_MALFORMED);
	if (head->type == MQTT_CONNACK)
		state->connected = true;
	if (!on)
		cc_tx_done(ctx, tx);
	else
		cc_tx_update(ctx, tx, CC_TO_SERVER);
}

static void
message(struct cc_ctx *ctx, struct mqtt_state *state, enum cc_dir dir, const struct mqtt_head *head, struct slice body)
{
	unsigned qos = head->flags >> 1 & 3;
	bool waits = head->type == MQTT_CONNECT || (head->type == MQTT_PUBLISH && qos > 0) ||
	    head->type == MQTT_SUBSCRIBE || head->type == MQTT_UNSUBSCRIBE;
	struct cc_tx *tx;
	uint16_t id = 0;

	if (asked_by(head->type) != 0) {
		answer(ctx, state, dir, head, body);
		return;
	}
	tx = cc_tx_new(ctx);
	if (head->type == MQTT_CONNECT && (state->connected || state->connecting))
		cc_anomaly(ctx, tx, MQTT_A_DOUBLE_CONNECT);
	state->connecting = state->connecting || head->type == MQTT_CONNECT;
	if (head->type != MQTT_CONNECT && head->type != MQTT_AUTH && !state->connected && !cc_is_midstream(ctx) &&
	    (state->version != 5 || head->type != MQTT_DISCONNECT))
		cc_anomaly(ctx, tx, MQTT_A_UNINTRODUCED);
	if (qos == 3)
		cc_anomaly(ctx, tx, MQTT_A_INVALID_QOS);
	if (head->type == 0 || (head->type == MQTT_AUTH && state->version != 0 && state->version < 5))
		cc_anomaly(ctx, tx, MQTT_A_UNASSIGNED);
	if (!mqtt_body(ctx, state, tx, head, body, &id)) {
		report_once(ctx, state, tx, MQTT_A_MALFORMED);
		waits = head->type == MQTT_CONNECT;
	} else if (waits && head->type != MQTT_CONNECT && id == 0) {
		cc_anomaly(ctx, tx, MQTT_A_MISSING_ID);
	}
	put_head(ctx, state, tx, head);
	if (waits)
		wait_tx(ctx, state, tx, head->type, dir, id);
	else
		cc_tx_done(ctx, tx);
}

/* What is too long to wait for: its header is told, its body goes by. */
static void
long_message(struct cc_ctx *ctx, struct mqtt_state *state, enum cc_dir dir, const struct mqtt_head *head)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	put_head(ctx, state, tx, head);
	if (head->type == MQTT_PUBLISH) {
		cc_put_uint(ctx, tx, MQTT_F_SKIPPED, head->size);
		cc_put_uint(ctx, tx, MQTT_F_TRUNCATED, 1);
	}
	cc_tx_done(ctx, tx);
	state->skip[dir] = head->size;
}

/* After a gap: do messages stand here one behind the other, up to the end of what is here? */
static bool
leads_to_end(struct slice in)
{
	struct cur c = cur_slice(in);
	struct mqtt_head head;

	while (cur_left(&c) > 0) {
		if (read_head(cur_rest(&c), &head) != CC_OK || !is_likely(&head))
			return false;
		cur_skip(&c, (size_t)head.header + head.size);
		if (c.bad)
			return false;
	}
	return true;
}

static enum cc_status
next_message(struct cc_ctx *ctx, struct mqtt_state *state, enum cc_dir dir, struct cur *in)
{
	struct cur c = *in;
	struct mqtt_head head;
	enum cc_status st = read_head(cur_rest(&c), &head);
	struct slice body;

	if (st == CC_BAD) {
		report_once(ctx, state, NULL, MQTT_A_MALFORMED);
		return CC_BAD;
	}
	if (st != CC_OK)
		return st;
	cc_frame(ctx, NULL, dir, MQTT_FRAME_PDU, c.p, (uint64_t)head.header + head.size);
	cc_frame(ctx, NULL, dir, MQTT_FRAME_HEADER, c.p, head.header);
	cur_skip(&c, head.header);
	if (head.size > 0)
		cc_frame(ctx, NULL, dir, MQTT_FRAME_DATA, c.p, head.size);
	if (head.size > cc_limit(ctx, "mqtt.message_limit")) {
		long_message(ctx, state, dir, &head);
		*in = c;
		return CC_OK;
	}
	body = cur_take(&c, head.size);
	if (c.bad)
		return CC_MORE;
	*in = c;
	message(ctx, state, dir, &head, body);
	return CC_OK;
}

static enum cc_status
mqtt_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct mqtt_state *state = own;

	for (;;) {
		size_t pass = state->skip[dir] < cur_left(in) ? (size_t)state->skip[dir] : cur_left(in);
		enum cc_status st;

		cur_skip(in, pass);
		state->skip[dir] -= pass;
		if (cur_left(in) == 0)
			return CC_OK;
		if (state->lost[dir] && !leads_to_end(cur_rest(in))) {
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		state->lost[dir] = false;
		st = next_message(ctx, state, dir, in);
		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD) {
			state->lost[dir] = true;
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
	}
}

static enum cc_status
mqtt_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct mqtt_state *state = own;

	(void)ctx;
	if (size <= state->skip[dir]) {
		state->skip[dir] -= size;
		return CC_OK;
	}
	state->skip[dir] = 0;
	state->lost[dir] = true;
	return CC_OK;
}

const struct cc_parser mqtt_parser = {
	.name = "mqtt",
	.ports = "tcp/1883",
	.fields = mqtt_fields,
	.field_count = MQTT_F_COUNT,
	.anomalies = mqtt_anomalies,
	.anomaly_count = MQTT_A_COUNT,
	.words = mqtt_words,
	.words_count = sizeof(mqtt_words) / sizeof(mqtt_words[0]),
	.frames = mqtt_frames,
	.frame_count = MQTT_FRAME_COUNT,
	.state_size = sizeof(struct mqtt_state),
	.tx_size = sizeof(struct mqtt_tx),
	.unit_max = MQTT_UNIT_MAX + 8,
	.tcp = true,
	.one_way = true,
	.probe = mqtt_probe,
	.feed = mqtt_feed,
	.gap = mqtt_gap,
};
