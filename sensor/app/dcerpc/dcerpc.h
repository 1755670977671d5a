/*
 * DCE/RPC (C706, MS-RPCE) as a reader that two parsers share: dcerpc over TCP, and smb over its named pipes.
 *
 * Who uses it says where the values go (struct dcerpc_user: indices into the user's own field table) and makes the
 * transactions; the reader keeps the bindings, the calls that wait for an answer and the fragments of their stub data.
 * All memory is the flow's, bounded, and goes back with dcerpc_close().  One thread.
 */
#ifndef APP_DCERPC_DCERPC_H
#define APP_DCERPC_DCERPC_H

#include "app/ntlm/ntlm.h"
#include "base/base.h"
#include "concert/parser.h"

enum {
	DCERPC_HEADER = 16,
	DCERPC_UDP_HEADER = 80,
	DCERPC_CALLS_MAX = 32,            /* calls that wait for their answer */
	DCERPC_IFACES_MAX = 32,           /* bindings of a connection that are remembered */
	DCERPC_STUB_MAX = 256 * 1024,     /* bytes of stub data of a side of a call that rules see */
	DCERPC_STUBS_MAX = 1024 * 1024,   /* of all open calls of a connection */
};

enum dcerpc_type {
	DCERPC_REQUEST = 0, DCERPC_PING, DCERPC_RESPONSE, DCERPC_FAULT, DCERPC_WORKING, DCERPC_NOCALL, DCERPC_REJECT,
	DCERPC_ACK, DCERPC_CL_CANCEL, DCERPC_FACK, DCERPC_CANCEL_ACK, DCERPC_BIND, DCERPC_BINDACK, DCERPC_BINDNAK,
	DCERPC_ALTER, DCERPC_ALTER_RESP, DCERPC_AUTH3, DCERPC_SHUTDOWN, DCERPC_CO_CANCEL, DCERPC_ORPHANED, DCERPC_RTS,
	DCERPC_TYPES,
};

/* Where a user of the reader wants its values; 0xffff: nowhere. */
enum dcerpc_field {
	DCERPC_F_REQUEST, DCERPC_F_RESPONSE, DCERPC_F_CALL_ID, DCERPC_F_VERSION, DCERPC_F_OPNUM, DCERPC_F_OPNUM_REQ,
	DCERPC_F_REQ_FRAGS, DCERPC_F_REQ_SIZE, DCERPC_F_RES_FRAGS, DCERPC_F_RES_SIZE, DCERPC_F_STUB_REQ,
	DCERPC_F_STUB_RES, DCERPC_F_BIG_REQ, DCERPC_F_BIG_RES,
	DCERPC_F_IFACES, DCERPC_F_UUID, DCERPC_F_IFACE_VERSION, DCERPC_F_ACK_RESULT, DCERPC_F_ACK_REASON,
	DCERPC_F_IFACE,
	DCERPC_F_REQUEST_IFACES,          /* of type CC_FLAG: a request names its interface in the rows, too */
	DCERPC_F_ACTIVITY, DCERPC_F_SEQUENCE,
	DCERPC_F_COUNT,
};
#define DCERPC_NOWHERE 0xffff

enum dcerpc_wrong { DCERPC_MALFORMED, DCERPC_TOO_MANY_CALLS, DCERPC_STUB_TOO_LONG, DCERPC_NTLM_V1, DCERPC_WRONGS };

struct dcerpc_user {
	uint16_t field[DCERPC_F_COUNT];
	uint16_t anomaly[DCERPC_WRONGS];
	bool head_shown;                  /* rules see a response's eight bytes of head before its stub data */
	const struct ntlm_table *ntlm;    /* who logs on; NULL: it doesn't want to know */
	/* A request begins; NULL where there is no memory. */
	struct cc_tx *(*open)(struct cc_ctx *ctx, void *arg);
	/* Request and answer are complete, or will never be: the user adds what it has to add, and ends it. */
	void (*done)(struct cc_ctx *ctx, void *arg, struct cc_tx *tx);
	void *arg;
};

struct dcerpc_head {
	uint8_t version, minor, type, flags;
	bool little;
	uint16_t size, auth_size;
	uint32_t call_id;
};

enum { DCERPC_FIRST = 1, DCERPC_LAST = 2, DCERPC_HAS_OBJECT = 0x80 };

/* One side of a call. */
struct dcerpc_part {
	uint8_t *stub;                    /* pool memory of room bytes; NULL where one fragment is all */
	uint32_t size, room, frags;
	uint64_t total;
	bool done, cut;
};

struct dcerpc_call {
	struct dcerpc_call *next;
	struct cc_tx *tx;
	uint32_t id;
	uint8_t type;
	uint8_t activity[16];             /* UDP */
	struct dcerpc_part part[2];       /* by enum cc_dir: request, response */
};

struct dcerpc_iface {
	uint16_t context, major, minor, result, reason;
	uint8_t uuid[16];                 /* in the order of its text */
	bool acked;
};

struct dcerpc_side {
	uint8_t *wait;                    /* of a pipe: a PDU that is not all here */
	uint32_t size, room;
};

struct dcerpc_conn {
	struct dcerpc_call *calls;        /* newest first */
	unsigned call_count, iface_count;
	uint32_t stub_bytes;              /* of all calls */
	uint32_t bind_id;                 /* call id of the last bind: its contexts begin at bind_first */
	unsigned bind_first;
	struct dcerpc_iface iface[DCERPC_IFACES_MAX];
	struct dcerpc_side side[2];
	uint8_t *log_on;                  /* NTLMSSP of an auth3, which has no answer: told with the next call */
	uint32_t log_on_size;
};

/* The common header.  CC_MORE: right so far; CC_BAD: this is none. */
enum cc_status dcerpc_header(struct slice in, struct dcerpc_head *ret_head);
/* One whole PDU, header and all. */
void dcerpc_pdu(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    const struct dcerpc_head *head, struct slice pdu);
/* Bytes of a pipe, PDUs cut as they come.  false: this is no DCE/RPC. */
bool dcerpc_pipe(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, enum cc_dir dir,
    struct slice bytes);
/* Bytes of a pipe are missing: what was begun there is given up. */
void dcerpc_pipe_gap(struct cc_ctx *ctx, struct dcerpc_conn *conn, enum cc_dir dir);
/* A datagram (C706, 12.5: connectionless).  CC_BAD: none. */
enum cc_status dcerpc_datagram_probe(struct slice in);
void dcerpc_datagram(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct slice in);
/* Ends all calls as they are, and gives the memory back.  conn can be used again. */
void dcerpc_close(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn);
/* "REQUEST"; a number in room where the type has no name. */
const char *dcerpc_type_text(unsigned type, char room[8]);
/* "367abb81-9844-35f1-ad32-98f038001003" of the 16 bytes in their text's order. */
void dcerpc_uuid_text(const uint8_t uuid[16], char ret_text[37]);
/* Bytes of the wire to the text's order. */
void dcerpc_uuid_order(const uint8_t wire[16], bool little, uint8_t ret_uuid[16]);

/* call.c, for the reader's own files */
/* type DCERPC_TYPES: its request was not seen. */
struct dcerpc_call *dcerpc_call_new(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    uint32_t id, uint8_t type);
struct dcerpc_call *dcerpc_call_find(struct dcerpc_conn *conn, uint32_t id, bool bind);
void dcerpc_call_end(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    struct dcerpc_call *call);
/* The call ends without an answer. */
void dcerpc_call_miss(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    struct dcerpc_call *call);
/* pdu.c: what a bind asked for, and as far as it was answered. */
void dcerpc_put_bindings(struct cc_ctx *ctx, const struct dcerpc_user *user, const struct dcerpc_conn *conn,
    const struct dcerpc_call *call);
/* A fragment: what rules see of it, and how much of that is stub data.  last: the side of the call is complete, its
 * buffer is told. */
void dcerpc_call_stub(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    struct dcerpc_call *call, enum cc_dir dir, struct slice shown, size_t size, bool last);
void dcerpc_put_uint(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_field field,
    uint64_t num);
void dcerpc_put_text(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_field field,
    const char *text);
void dcerpc_report(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_wrong wrong);

#endif
