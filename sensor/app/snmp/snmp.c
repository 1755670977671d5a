/*
 * SNMP v1, v2c and v3 over UDP (RFC 1157, 3416, 3412, 3414): a datagram in, a transaction out.
 *
 *     SEQUENCE { version, community, PDU }                                                  v1, v2c
 *     SEQUENCE { version, SEQUENCE { id, size, flags, model }, OCTET STRING { USM }, data } v3: data is SEQUENCE
 *                                                                  { engine, name, PDU }, or encrypted OCTET STRING
 *
 * All is BER; a message that breaks off inside is told with what was right of it.  One thread, a worker's.
 */
#include "base/base.h"
#include "base/ber.h"
#include "concert/parser.h"

#include <stdio.h>

#define BOTH (CC_REQUEST | CC_RESPONSE)
#define OID_TEXT 512   /* bytes of an object's name as text */
#define VALUE_TEXT 512 /* bytes of a value that are kept */
#define MODEL_USM 3

/* A buffer has one index for each side, in the order of enum cc_dir. */
enum {
	F_VERSION, F_PDU_TYPE, F_ERROR, F_TRAP_TYPE, F_TRAP_OID, F_TRAP_ADDRESS, F_VARS,
	F_COMMUNITY, F_USM, F_ENGINE, F_VALUES,
	F_VERSION_TS, F_VERSION_TC, F_PDU_TYPE_TS, F_PDU_TYPE_TC, F_COMMUNITY_TS, F_COMMUNITY_TC, F_USM_TS, F_USM_TC,
	F_COUNT,
};

static const struct cc_field snmp_fields[F_COUNT] = {
	[F_VERSION] = {NULL, "version", CC_UINT, BOTH, "1, 2 or 3."},
	[F_PDU_TYPE] = {NULL, "pdu_type", CC_BYTES, BOTH, "What the message is for, \"get_request\"."},
	[F_ERROR] = {NULL, "concert.error", CC_BYTES, BOTH, "What a response reports, \"noSuchName\"."},
	[F_TRAP_TYPE] = {NULL, "trap_type", CC_BYTES, BOTH, "Version 1: what kind of trap."},
	[F_TRAP_OID] = {NULL, "trap_oid", CC_BYTES, BOTH, "Version 1: what the trap comes from."},
	[F_TRAP_ADDRESS] = {NULL, "trap_address", CC_BYTES, BOTH, "Version 1: address of what the trap comes from."},
	[F_VARS] = {NULL, "vars", CC_BYTES, BOTH | CC_MULTI, "Names of the objects."},
	[F_COMMUNITY] = {NULL, "community", CC_BYTES, BOTH, "Versions 1 and 2: the community."},
	[F_USM] = {NULL, "usm", CC_BYTES, BOTH, "Version 3: the user."},
	[F_ENGINE] = {NULL, "concert.engine_id", CC_BYTES, BOTH | CC_HEX | CC_DETAIL, "Version 3: the engine."},
	[F_VALUES] = {NULL, "concert.values", CC_BYTES, BOTH | CC_MULTI | CC_DETAIL, "Values of the objects, as text."},
	[F_VERSION_TS] = {"snmp.version", NULL, CC_UINT, CC_REQUEST, "1, 2 or 3."},
	[F_VERSION_TC] = {"snmp.version", NULL, CC_UINT, CC_RESPONSE, "1, 2 or 3."},
	[F_PDU_TYPE_TS] = {"snmp.pdu_type", NULL, CC_UINT, CC_REQUEST, "Number of the PDU's type, 0 to 8."},
	[F_PDU_TYPE_TC] = {"snmp.pdu_type", NULL, CC_UINT, CC_RESPONSE, "Number of the PDU's type, 0 to 8."},
	[F_COMMUNITY_TS] = {"snmp.community", NULL, CC_BYTES, CC_REQUEST, "Versions 1 and 2: the community."},
	[F_COMMUNITY_TC] = {"snmp.community", NULL, CC_BYTES, CC_RESPONSE, "Versions 1 and 2: the community."},
	[F_USM_TS] = {"snmp.usm", NULL, CC_BYTES, CC_REQUEST, "Version 3: the user."},
	[F_USM_TC] = {"snmp.usm", NULL, CC_BYTES, CC_RESPONSE, "Version 3: the user."},
};

enum { A_MALFORMED, A_MODEL, A_MISMATCH, A_DEFAULT_COMMUNITY, A_CREDENTIALS, A_TOO_MANY_VARS, A_COUNT };

static const struct cc_anomaly snmp_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_data", "The message breaks off, or is not what its type demands."},
    [A_MODEL] = {"unknown_security_model", "Version 3 with a security model other than the user-based one."},
    [A_MISMATCH] = {"version_mismatch", "The version is not the one that the flow began with."},
    [A_DEFAULT_COMMUNITY] = {"default_community", "The community is one that devices are delivered with."},
    [A_CREDENTIALS] = {"plaintext_credentials", "A community went by in clear: versions 1 and 2 know no other way."},
    [A_TOO_MANY_VARS] = {"too_many_variables", "More objects than are recorded; the rest was left out."},
};

struct snmp_state {
	uint8_t version;    /* of the first message; 0: none was seen */
	uint32_t reported;  /* bits of anomalies that are told once a flow */
};

/* A message's frame, as far as all versions have it; slices borrow. */
struct message {
	uint8_t version;
	struct slice community; /* 1, 2 */
	uint8_t model;          /* 3 */
	struct slice engine, user;
	bool encrypted;
	uint8_t pdu;            /* the tag */
	struct cur body;        /* of the PDU */
};

static const char *
pdu_text(unsigned pdu)
{
	static const char *const text[] = {"get_request", "get_next_request", "response", "set_request", "trap_v1",
	    "get_bulk_request", "inform_request", "trap_v2", "report"};

	return pdu < sizeof(text) / sizeof(text[0]) ? text[pdu] : NULL;
}

static const char *
error_text(uint64_t error)
{
	static const char *const text[] = {"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr",
	    "noAccess", "wrongType", "wrongLength", "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue",
	    "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError", "notWritable",
	    "inconsistentName"};

	return error < sizeof(text) / sizeof(text[0]) ? text[error] : "unknown";
}

static const char *
trap_text(uint64_t trap)
{
	static const char *const text[] = {"coldStart", "warmStart", "linkDown", "linkUp", "authenticationFailure",
	    "egpNeighborLoss", "enterpriseSpecific"};

	return trap < sizeof(text) / sizeof(text[0]) ? text[trap] : "unknown";
}

/* Version 3's head and user; what is behind is left on *seq. */
static bool
read_v3(struct cur *seq, struct message *msg)
{
	struct cur head = ber_sub(seq, BER_SEQUENCE), security, usm;
	struct slice flags;

	(void)ber_int(&head, BER_INTEGER);
	(void)ber_int(&head, BER_INTEGER);
	flags = ber_take(&head, BER_OCTET_STRING);
	msg->model = (uint8_t)ber_uint(&head, BER_INTEGER);
	security = cur_slice(ber_take(seq, BER_OCTET_STRING));
	if (head.bad || seq->bad || flags.size != 1)
		return false;
	if (msg->model != MODEL_USM)
		return true;
	usm = ber_sub(&security, BER_SEQUENCE);
	msg->engine = ber_take(&usm, BER_OCTET_STRING);
	(void)ber_int(&usm, BER_INTEGER);
	(void)ber_int(&usm, BER_INTEGER);
	msg->user = ber_take(&usm, BER_OCTET_STRING);
	return !usm.bad;
}

/* Up to the PDU.  CC_BAD: it isn't SNMP. */
static enum cc_status
read_message(struct slice in, struct message *ret_msg)
{
	struct cur c = cur_slice(in), seq = ber_sub(&c, BER_SEQUENCE), scoped;
	struct message msg = {.version = 0};
	int64_t version = ber_int(&seq, BER_INTEGER);
	struct slice body;

	if (c.bad || seq.bad || (version != 0 && version != 1 && version != 3))
		return CC_BAD;
	msg.version = version == 3 ? 3 : (uint8_t)(version + 1);
	if (version != 3) {
		msg.community = ber_take(&seq, BER_OCTET_STRING);
		body = ber_any(&seq, &msg.pdu);
	} else {
		if (!read_v3(&seq, &msg))
			return CC_BAD;
		msg.encrypted = ber_is(&seq, BER_OCTET_STRING);
		if (msg.encrypted) {
			(void)ber_take(&seq, BER_OCTET_STRING);
			msg.body = cur_slice(slice_of(NULL, 0));
			*ret_msg = msg;
			return seq.bad ? CC_BAD : CC_OK;
		}
		scoped = ber_sub(&seq, BER_SEQUENCE);
		(void)ber_take(&scoped, BER_OCTET_STRING);
		(void)ber_take(&scoped, BER_OCTET_STRING);
		body = ber_any(&scoped, &msg.pdu);
		seq.bad = seq.bad || scoped.bad;
	}
	if (seq.bad || msg.pdu < BER_IN_CONTEXT(0) || msg.pdu > BER_IN_CONTEXT(8))
		return CC_BAD;
	msg.body = cur_slice(body);
	*ret_msg = msg;
	return CC_OK;
}

/* The datagram is the message, no more and no less, and its elements fit into each other: nobody else's is so. */
static enum cc_status
snmp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct message msg;
	size_t size = 0;

	(void)ctx;
	(void)dir;
	if (ber_measure(in, &size) != CC_OK || size != in.size || read_message(in, &msg) != CC_OK)
		return CC_BAD;
	return ber_tree(in, 8) ? CC_OK : CC_BAD;
}

static void
report_once(struct cc_ctx *ctx, struct snmp_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

/* A variable's value for people; binary octets as hex. */
static void
put_value(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *bind)
{
	static const uint8_t null_tag = BER_NULL;
	struct cur whole = *bind;
	uint8_t tag = 0;
	struct slice value = ber_any(bind, &tag);
	char text[VALUE_TEXT * 2 + 1];
	bool plain = true;

	if (bind->bad || tag == null_tag)
		return;
	if (value.size > VALUE_TEXT)
		value.size = VALUE_TEXT;
	switch (tag) {
	case BER_INTEGER:
		snprintf(text, sizeof(text), "%lld", (long long)ber_int(&whole, tag));
		break;
	case BER_OID:
		if (!ber_oid_text(value, text, sizeof(text)))
			return;
		break;
	case 0x40: /* IpAddress */
		if (value.size != 4)
			return;
		snprintf(text, sizeof(text), "%u.%u.%u.%u", value.p[0], value.p[1], value.p[2], value.p[3]);
		break;
	case 0x41: /* Counter32, Gauge32, TimeTicks, Counter64 */
	case 0x42:
	case 0x43:
	case 0x46:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)ber_int(&whole, tag));
		break;
	default:
		for (size_t i = 0; i < value.size; i++)
			plain =
			    plain && (value.p[i] >= ' ' || (value.p[i] >= 9 && value.p[i] <= 13)) && value.p[i] != 0x7f;
		if (plain) {
			cc_put(ctx, tx, F_VALUES, value);
			return;
		}
		hex_text(value, text);
		break;
	}
	cc_put_text(ctx, tx, F_VALUES, text);
}

static bool
put_vars(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *body)
{
	struct cur binds = ber_sub(body, BER_SEQUENCE);
	uint64_t most = cc_limit(ctx, "snmp.vars_limit");
	char text[OID_TEXT];

	if (body->bad)
		return false;
	for (uint64_t count = 0; cur_left(&binds) > 0; count++) {
		struct cur bind = ber_sub(&binds, BER_SEQUENCE);
		struct slice oid = ber_take(&bind, BER_OID);

		if (binds.bad || bind.bad)
			return false;
		if (count == most) {
			cc_anomaly(ctx, tx, A_TOO_MANY_VARS);
			return true;
		}
		if (ber_oid_text(oid, text, sizeof(text)))
			cc_put_text(ctx, tx, F_VARS, text);
		put_value(ctx, tx, &bind);
	}
	return true;
}

/* enterprise | agent's address | generic | specific | time ticks | variables */
static bool
put_trap(struct cc_ctx *ctx, struct cc_tx *tx, struct cur *body)
{
	char text[OID_TEXT];
	struct slice oid = ber_take(body, BER_OID), addr = ber_take(body, 0x40);
	uint64_t generic = ber_uint(body, BER_INTEGER);

	(void)ber_int(body, BER_INTEGER);
	(void)ber_take(body, 0x43);
	if (body->bad)
		return false;
	cc_put_text(ctx, tx, F_TRAP_TYPE, trap_text(generic));
	if (ber_oid_text(oid, text, sizeof(text)))
		cc_put_text(ctx, tx, F_TRAP_OID, text);
	if (addr.size == 4) {
		snprintf(text, sizeof(text), "%u.%u.%u.%u", addr.p[0], addr.p[1], addr.p[2], addr.p[3]);
		cc_put_text(ctx, tx, F_TRAP_ADDRESS, text);
	}
	return put_vars(ctx, tx, body);
}

static bool
put_pdu(struct cc_ctx *ctx, struct cc_tx *tx, struct message *msg)
{
	uint64_t error;

	if (msg->pdu == BER_IN_CONTEXT(4))
		return put_trap(ctx, tx, &msg->body);
	(void)ber_int(&msg->body, BER_INTEGER);
	error = ber_uint(&msg->body, BER_INTEGER);
	(void)ber_int(&msg->body, BER_INTEGER);
	if (msg->body.bad)
		return false;
	if (error != 0 && msg->pdu != BER_IN_CONTEXT(5)) /* there it is a number of objects */
		cc_put_text(ctx, tx, F_ERROR, error_text(error));
	return put_vars(ctx, tx, &msg->body);
}

static void
check_community(struct cc_ctx *ctx, struct snmp_state *state, struct cc_tx *tx, struct slice community)
{
	static const char *const known[] = {
	    "public", "private", "cisco", "manager", "admin", "snmp", "write", "default"};

	if (community.size > 0)
		report_once(ctx, state, tx, A_CREDENTIALS);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_is(community, known[i]))
			report_once(ctx, state, tx, A_DEFAULT_COMMUNITY);
}

static void
message(struct cc_ctx *ctx, struct snmp_state *state, enum cc_dir dir, struct message *msg)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put_uint(ctx, tx, F_VERSION, msg->version);
	cc_put_uint(ctx, tx, F_VERSION_TS + dir, msg->version);
	cc_put_text(ctx, tx, F_PDU_TYPE, msg->encrypted ? "encrypted" : pdu_text(msg->pdu - BER_IN_CONTEXT(0)));
	if (!msg->encrypted)
		cc_put_uint(ctx, tx, F_PDU_TYPE_TS + dir, msg->pdu - BER_IN_CONTEXT(0));
	if (msg->version < 3) {
		cc_put_ref(ctx, tx, F_COMMUNITY, msg->community);
		cc_put_ref(ctx, tx, F_COMMUNITY_TS + dir, msg->community);
		check_community(ctx, state, tx, msg->community);
	} else if (msg->model == MODEL_USM) {
		cc_put_ref(ctx, tx, F_USM, msg->user);
		cc_put_ref(ctx, tx, F_USM_TS + dir, msg->user);
		cc_put_ref(ctx, tx, F_ENGINE, msg->engine);
	} else {
		cc_anomaly(ctx, tx, A_MODEL);
	}
	if (!msg->encrypted && !put_pdu(ctx, tx, msg))
		cc_anomaly(ctx, tx, A_MALFORMED);
	if (state->version != 0 && state->version != msg->version)
		report_once(ctx, state, tx, A_MISMATCH);
	state->version = msg->version;
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

static enum cc_status
snmp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice datagram = cur_take(in, cur_left(in));
	struct message msg;

	if (read_message(datagram, &msg) != CC_OK)
		cc_anomaly(ctx, NULL, A_MALFORMED);
	else
		message(ctx, own, dir, &msg);
	return CC_OK;
}

const struct cc_parser snmp_parser = {
	.name = "snmp",
	.ports = "udp/161 udp/162",
	.fields = snmp_fields,
	.field_count = F_COUNT,
	.anomalies = snmp_anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct snmp_state),
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = snmp_probe,
	.feed = snmp_feed,
};
