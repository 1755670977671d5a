/* What the files of sensor/app/mqtt/ share: fields, anomalies, frames, a flow's state.  Nobody outside includes it. */
#ifndef MQTT_OWN_H
#define MQTT_OWN_H

#include "base/base.h"
#include "concert/parser.h"

#define MQTT_UNIT_MAX (1u << 20)  /* the most that mqtt.message_limit may be */
#define MQTT_TOLD_MAX 1024        /* bytes of a published message that stand in the log */
#define MQTT_TOPICS_MAX 256       /* of a SUBSCRIBE or UNSUBSCRIBE that are recorded */

enum mqtt_type {
	MQTT_CONNECT = 1, MQTT_CONNACK, MQTT_PUBLISH, MQTT_PUBACK, MQTT_PUBREC, MQTT_PUBREL, MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK, MQTT_UNSUBSCRIBE, MQTT_UNSUBACK, MQTT_PINGREQ, MQTT_PINGRESP, MQTT_DISCONNECT, MQTT_AUTH,
};

/* The table begins with three members for each type up to DISCONNECT, in the order of types. */
enum mqtt_field {
	MQTT_F_HEADS, MQTT_F_HEADS_END = 3 * MQTT_DISCONNECT - 1,
	/* of each acknowledged type, from PUBLISH to UNSUBACK */
	MQTT_F_ID_PUBLISH, MQTT_F_ID_PUBACK, MQTT_F_ID_PUBREC, MQTT_F_ID_PUBREL, MQTT_F_ID_PUBCOMP, MQTT_F_ID_SUBSCRIBE,
	MQTT_F_ID_SUBACK, MQTT_F_ID_UNSUBSCRIBE, MQTT_F_ID_UNSUBACK,
	MQTT_F_REASON_PUBACK, MQTT_F_REASON_PUBREC, MQTT_F_REASON_PUBREL, MQTT_F_REASON_PUBCOMP,
	MQTT_F_REASON_DISCONNECT, MQTT_F_PROTOCOL, MQTT_F_VERSION, MQTT_F_CLIENT_ID, MQTT_F_HAS_USER,
	MQTT_F_HAS_PASSWORD, MQTT_F_WILL_RETAIN, MQTT_F_HAS_WILL, MQTT_F_CLEAN, MQTT_F_USER, MQTT_F_PASSWORD,
	MQTT_F_WILL_TOPIC, MQTT_F_WILL_MESSAGE, MQTT_F_SESSION, MQTT_F_RETURN_CODE, MQTT_F_TOPIC, MQTT_F_MESSAGE,
	MQTT_F_SKIPPED, MQTT_F_TRUNCATED, MQTT_F_TOPICS, MQTT_F_TOPICS_TOPIC, MQTT_F_TOPICS_QOS, MQTT_F_GRANTED,
	MQTT_F_UNSUB_TOPICS, MQTT_F_UNSUB_REASONS,
	/* properties, see message.c */
	MQTT_F_PROPS, MQTT_F_PROPS_END = MQTT_F_PROPS + 14,
	/* what only rules see */
	MQTT_F_B_TOPIC, MQTT_F_B_MESSAGE, MQTT_F_B_TYPE, MQTT_F_B_FLAGS, MQTT_F_B_QOS, MQTT_F_B_VERSION,
	MQTT_F_B_REASON, MQTT_F_B_CONNECT_FLAGS,
	MQTT_F_COUNT,
};

enum mqtt_anomaly {
	MQTT_A_MISSING_CONNECT, MQTT_A_MISSING_PUBLISH, MQTT_A_MISSING_SUBSCRIBE, MQTT_A_MISSING_UNSUBSCRIBE,
	MQTT_A_DOUBLE_CONNECT, MQTT_A_UNINTRODUCED, MQTT_A_INVALID_QOS, MQTT_A_MISSING_ID, MQTT_A_UNASSIGNED,
	MQTT_A_TOO_MANY, MQTT_A_MALFORMED, MQTT_A_PLAINTEXT,
	MQTT_A_COUNT,
};

enum { MQTT_FRAME_PDU, MQTT_FRAME_HEADER, MQTT_FRAME_DATA, MQTT_FRAME_COUNT };

/* Beside a transaction that waits for its acknowledgement. */
struct mqtt_tx {
	struct cc_tx *next;
	uint16_t id;
	uint8_t type;     /* of the message that began it */
	uint8_t dir;      /* enum cc_dir, of that message */
};

struct mqtt_state {
	struct cc_tx *first, *last; /* that wait, oldest first */
	unsigned count;
	uint8_t version;  /* 3, 4 or 5; 0: no CONNECT was seen */
	bool connected, connecting;
	bool lost[2];     /* by enum cc_dir: after a gap, no message's beginning found yet */
	uint64_t skip[2]; /* bytes of a message that is too long, still to come */
	uint32_t reported;
};

/* The fixed header (MQTT 5.0, 2.1): type 4 bits, dup 1, qos 2, retain 1 | remaining length, 1 to 4 bytes of 7 bits. */
struct mqtt_head {
	uint8_t type, flags;
	uint32_t size;    /* of what follows the header */
	uint8_t header;   /* bytes of the header */
};

extern const struct cc_field mqtt_fields[MQTT_F_COUNT];

/* message.c: what follows the header to values.  False: it isn't as its type demands. */
bool mqtt_body(struct cc_ctx *ctx, struct mqtt_state *state, struct cc_tx *tx, const struct mqtt_head *head,
    struct slice body, uint16_t *ret_id);
/* The message's id, which tells whose answer it is; false: there is none. */
bool mqtt_id(const struct mqtt_head *head, struct slice body, uint16_t *ret_id);

#endif
