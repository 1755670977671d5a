/*
 * What the files of the EVE formatter share: one worker's state, the head of every line, the plan of a parser's fields.
 */
#ifndef OUTPUT_EVE_OWN_H
#define OUTPUT_EVE_OWN_H

#include "output/output.h"

#define EVE_INTERFACES_MAX 64
#define EVE_CACHE 1024    /* community ids kept; a power of two */
#define EVE_CLOCK 64      /* seconds whose text is kept; a power of two */
#define EVE_KEY_ROOM 64   /* a member's name with quotes and colon */
#define EVE_BESIDE 1      /* the node whose members stand beside the event's own object */
#define EVE_NODES_MAX 256 /* members and objects of one parser's event */

enum eve_type { EVE_ALERT, EVE_ANOMALY, EVE_DNS, EVE_FILEINFO, EVE_FLOW, EVE_HTTP, EVE_STATS, EVE_TLS, EVE_TYPE_COUNT };

enum node_kind {
	NODE_OBJECT, /* members follow */
	NODE_VALUE,  /* one value */
	NODE_LIST,   /* the values of a CC_MULTI field */
	NODE_ROWS,   /* an object for each CC_ROW value */
};

/* A member of the event's object; the tree is kept flat, children are linked by index, 0 ends a list. */
struct eve_node {
	enum node_kind kind;
	uint16_t field; /* of NODE_VALUE, NODE_LIST, NODE_ROWS */
	uint16_t child, next;
	uint8_t type; /* enum cc_type */
	bool hex, base64;
	uint8_t key_size;
	char key[EVE_KEY_ROOM];              /* "name": as it is written */
	uint64_t fields[CC_FIELDS_MAX / 64]; /* that stand at or below it */
};

struct eve_plan {
	const struct cc_parser *parser;
	const char *type;     /* event_type and the object's name */
	const char *constant; /* members that never change; "" */
	bool on;
	bool by_packet; /* source and destination as the message went, not as the flow */
	uint16_t count;
	struct eve_node *node; /* [0] is the event's own object, [EVE_BESIDE] what it lies in */
};

struct eve_community {
	const struct flow *flow;
	uint64_t id;
	char text[32];
};

struct eve {
	const struct conf *conf;
	const struct flows *flows;
	bool on[EVE_TYPE_COUNT];
	struct eve_plan *plan; /* one for each of app_parsers */
	char *interface[EVE_INTERFACES_MAX];
	bool live;
	uint64_t lost;       /* lines that did not fit */
	bool cut;            /* something of the last one */
	struct {
		uint64_t second;
		char text[20]; /* "2026-01-31T23:59:59" */
	} clock[EVE_CLOCK];    /* texts of seconds seen lately */
	struct eve_community *community;
};

/* The head of a line up to and with its last common member; no closing brace.  flow, pkt and tx_id may be missing. */
struct eve_head {
	const char *type;
	uint64_t time;
	const struct flow *flow; /* NULL or stray: addresses of pkt */
	const struct packet *pkt;
	enum cc_dir dir; /* source is that side of the flow */
	bool has_tx;
	uint64_t tx_id;
};
void eve_put_head(struct eve *eve, const struct eve_head *head, struct buf *out);
/* Closes the line; false, and out as it was, when something did not fit. */
bool eve_end(struct eve *eve, size_t start, struct buf *out);

void eve_put_time(struct eve *eve, uint64_t time, struct buf *out); /* with quotes */
void eve_put_uint(uint64_t n, struct buf *out);
void eve_put_hex8(uint8_t n, struct buf *out);                  /* two digits */
void eve_put_string(struct slice s, struct buf *out);           /* with quotes */
void eve_put_addr(const struct cc_addr *addr, unsigned ip_version, struct buf *out); /* with quotes */

#define eve_put(out, literal) buf_add((out), (literal), sizeof(literal) - 1)

/* eve_plan.c */
enum cc_status eve_plan_open(struct eve_plan *plan, const struct cc_parser *parser, bool extended);
void eve_plan_close(struct eve_plan *plan);
const struct eve_plan *eve_plan_of(const struct eve *eve, const struct cc_parser *parser);
/* Does it hold anything that is written? */
bool eve_says_any(const struct eve_plan *plan, const struct cc_tx *tx);
/*
 * "type":{…} with a comma before it; nothing when the transaction has nothing to say.  false: its values are cut, which
 * the line says ("concert":{"cut":BYTES}), so that `tail` bytes are left behind them.
 */
bool eve_put_tx(const struct eve_plan *plan, const struct cc_tx *tx, size_t tail, struct buf *out);

#endif
