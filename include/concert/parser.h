/*
 * The contract between the sensor and a protocol parser.
 *
 * A parser is one folder, sensor/app/<name>/, one `const struct cc_parser` and one line in sensor/app/parsers.def.  It
 * is fed the bytes of one flow, side by side, and answers with transactions: lists of typed values, each of a field
 * that the parser's table names.  The table is all that the rest of the sensor knows of the protocol: a field with a
 * `buffer` is a rule buffer of that name, a field with an `eve` path is a member of the EVE event, without further
 * code.
 *
 * Thread: one worker at a time; a flow never changes its worker.  Nothing here calls malloc: memory comes from the
 * worker's pool and runs out by the stated limits (the cc_ functions then return NULL or do nothing, and have counted
 * it).
 */
#ifndef CONCERT_PARSER_H
#define CONCERT_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "concert/addr.h"
#include "concert/slice.h"
#include "concert/status.h"

enum cc_dir { CC_TO_SERVER, CC_TO_CLIENT };

static inline enum cc_dir
cc_dir_other(enum cc_dir dir)
{
	return dir == CC_TO_SERVER ? CC_TO_CLIENT : CC_TO_SERVER;
}

#define CC_FIELDS_MAX 128 /* fields of one parser */

enum cc_type {
	CC_BYTES, /* value.bytes */
	CC_UINT,  /* value.num */
	CC_FLAG,  /* value.num is 0 or 1; true and false in EVE */
	CC_ROW,   /* opens a new element of the array `eve` names ("answers[]"); later values "answers[].x" go in it */
};

enum {
	CC_REQUEST = 1,  /* stands on the side to the server */
	CC_RESPONSE = 2, /* stands on the side to the client */
	CC_MULTI = 4,    /* may occur several times in one transaction: each is a buffer of its own; an array in EVE */
	CC_HEX = 8,      /* bytes are printed as lower-case hex in EVE */
	CC_DETAIL = 16,  /* in EVE only with eve.extended */
	CC_BASE64 = 32,  /* bytes are printed as base64 in EVE */
	CC_ENDS = 64,    /* in rules a range of it has its ends: 2<>4 is 2, 3, 4 */
};

struct cc_field {
	const char *buffer; /* name as a rule buffer or keyword ("http.uri"); NULL: none */
	const char *eve; /* path below the event's own object ("hostname", "ja3.hash", "answers[].ttl"); "/email.from"
			  * stands beside that object; NULL: none */
	enum cc_type type;
	unsigned flags;
	const char *help;   /* one sentence, for the manual */
};

struct cc_value {
	uint16_t field; /* index into the parser's table */
	uint16_t spare;
	uint32_t size;  /* of bytes */
	union {
		const uint8_t *bytes;
		uint64_t num;
	};
};

struct cc_ctx;  /* one call of a parser: flow, time, memory, where its events go; sensor/app/ */
struct cc_file; /* a file on its way; sensor/app/ */

/*
 * One exchange of the protocol: a request and its response, a DNS message, a TLS handshake.  Read-only outside
 * sensor/app/; lives until the batch after cc_tx_done() is through.
 */
struct cc_tx {
	const struct cc_parser *parser;
	uint64_t id;           /* counts from 0 in its flow */
	uint64_t time;         /* ns since 1970, of the packet that began it */
	struct cc_value *value;
	uint16_t count, room;
	bool done[2];          /* by enum cc_dir: that side is complete */
	uint8_t anomalies;     /* how many were reported on it */
	uint64_t present[CC_FIELDS_MAX / 64]; /* bit set: at least one value of that field is here */
	void *own;             /* the parser's, of tx_size bytes, zeroed */
	void *detect;          /* rules half matched; sensor/detect/ */
};

/* Why a parser thinks the protocol was not spoken as it should; its table becomes `anomaly` events. */
struct cc_anomaly {
	const char *name; /* "gzip_bomb"; the EVE event and the rule's app-layer-event say "http.gzip_bomb" */
	const char *help;
};

/*
 * Words for the values of a number field: rules may then say `mqtt.type:CONNECT` for what the wire has as 1.  One name
 * may stand for several values: it is listed once for each.
 */
struct cc_word {
	const char *name;      /* read in any case */
	uint64_t value;
};

enum cc_words_as {
	CC_ONE_OF, /* "CONNECT", "!PINGREQ", "CONNECT,CONNACK", also "1", ">3" */
	CC_BITS,   /* "dup,!retain": these bits are set, and those aren't */
	CC_PAIR,   /* "SETTINGS_ENABLE_PUSH =0": the value is word << 32 | number, and the number is compared */
};

struct cc_words {
	uint16_t field;
	uint8_t as;            /* enum cc_words_as */
	const struct cc_word *word;
	unsigned count;
};

/* Another spelling of a field's buffer, as older rules have it: {"krb5_cname", "krb5.cname"}. */
struct cc_alias {
	const char *alias, *buffer;
};

/*
 * A kind of frame: a range of a side's bytes that the protocol gives a name to, such as a record or a command line.
 * Rules look at it as at a buffer ("frame:tls.pdu"), be it part of a transaction or not.
 */
struct cc_frame_kind {
	const char *name;      /* "pdu", "smb2.hdr" */
	const char *help;
};

#define CC_FRAME_KINDS 32      /* of one parser */

struct cc_parser {
	const char *name;      /* EVE app_proto and event type; also the protocol word of rules */
	const char *event;     /* event type and its object where they are called otherwise ("ftp_data"); NULL: name */
	const char *ports;     /* "tcp/80 tcp/8080": only breaks a tie between parsers that both could be right */
	const struct cc_field *fields;
	unsigned field_count;
	const struct cc_anomaly *anomalies;
	unsigned anomaly_count;
	const struct cc_words *words;
	unsigned words_count;
	const struct cc_alias *aliases;
	unsigned alias_count;
	const struct cc_frame_kind *frames;
	unsigned frame_count;
	uint32_t state_size;   /* per flow, zeroed */
	uint32_t tx_size;      /* per transaction, zeroed: cc_tx.own */
	uint32_t unit_max;     /* bytes that may wait unconsumed on one side before the parser is told CC_BAD of it */
	bool tcp, udp;
	bool icmp;             /* echoes of ICMP and ICMPv6; each datagram is a message with its header */
	bool server_first;     /* the server may speak before the client has (a greeting) */
	bool one_way; /* a transaction is a message of one side: what is odd in it is not the other side's, too */
	bool own_event;        /* Suricata's EVE has no such event: its object stands under `concert` */
	bool by_message;       /* the same, and its event names the sender as source */

	/*
	 * Does this side of a flow speak my protocol?  `in` is what is here of it from its first byte (a datagram for
	 * UDP).  CC_OK: yes; CC_MORE: may be, too short to say; CC_BAD: no.  Must be strict enough not to take others'
	 * traffic on any port.
	 */
	enum cc_status (*probe)(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

	/*
	 * Takes units off *in until they are used up.  *in moves over what was consumed; what is left is shown again,
	 * with more behind it, next time.  For UDP each call is one datagram, and what is left is dropped. CC_OK,
	 * CC_MORE: go on with the next bytes.  CC_BAD: not this protocol any more, leave the flow alone.
	 */
	enum cc_status (*feed)(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in);

	/* size bytes of this side will never come; what was left unconsumed before them is gone too.  NULL: give up on
	 * gaps. */
	enum cc_status (*gap)(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size);

	/* This side is over (FIN, or the flow ended: both sides are told).  Close what is open.  May be NULL. */
	void (*finish)(struct cc_ctx *ctx, void *state, enum cc_dir dir);

	/* Gives back what state holds of the pool (cc_give).  Transactions and files are the sensor's to free.  May be
	 * NULL. */
	void (*close)(struct cc_ctx *ctx, void *state);
};

static inline const char *
cc_event_name(const struct cc_parser *parser)
{
	return parser->event != NULL ? parser->event : parser->name;
}

/* About the call. */
uint64_t cc_now(const struct cc_ctx *ctx);                     /* ns since 1970, of this packet */
bool cc_is_udp(const struct cc_ctx *ctx);
bool cc_is_midstream(const struct cc_ctx *ctx);                /* TCP whose beginning was not seen */
bool cc_is_ended(const struct cc_ctx *ctx, enum cc_dir dir);    /* TCP: that side has said that it has no more (FIN) */
bool cc_is_last(const struct cc_ctx *ctx); /* in feed(): nothing of this side will come after these bytes */
uint16_t cc_server_port(const struct cc_ctx *ctx);
uint64_t cc_limit(const struct cc_ctx *ctx, const char *name); /* of the configuration, "http.body_limit": must exist */
void *cc_take(struct cc_ctx *ctx, size_t size); /* pool memory, zeroed; NULL when the budget is used up */
void cc_give(struct cc_ctx *ctx, void *p, size_t size);        /* size as taken; p may be NULL */

/* Transactions.  NULL when there is no memory: all of these accept a NULL tx and then do nothing. */
struct cc_tx *cc_tx_new(struct cc_ctx *ctx);
void cc_put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes); /* copies */
/* Borrows: only for a tx that is done in this very feed(). */
void cc_put_ref(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice bytes);
void cc_put_text(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const char *text); /* copies */
void cc_put_uint(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint64_t num);
void cc_put_row(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field);
/* Memory of the transaction's own to build a value in (use with cc_put_ref, at any time). */
void *cc_tx_alloc(struct cc_ctx *ctx, struct cc_tx *tx, size_t size);
/* The first value of a field, or NULL. */
const struct cc_value *cc_get(const struct cc_tx *tx, unsigned field);
/* New values of this side stand: rules that need them may run now. */
void cc_tx_update(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir);
/* This side is complete. */
void cc_tx_side_done(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir);
/* All of it is complete: inspected a last time, logged, then freed.  The parser forgets it. */
void cc_tx_done(struct cc_ctx *ctx, struct cc_tx *tx);

/* tx may be NULL: the anomaly is the flow's. */
void cc_anomaly(struct cc_ctx *ctx, struct cc_tx *tx, unsigned anomaly);

/* Files.  NULL when there is no memory, and accepted as such. */
struct cc_file *cc_file_open(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice name);
/* A body that holds files of its own (multipart): rules on files look at those, rules on bodies at it alone.  Taken
 * back before it is closed when it held none. */
void cc_file_envelope(struct cc_file *file, bool is_one);
void cc_file_part(struct cc_file *file);
void cc_file_data(struct cc_ctx *ctx, struct cc_file *file, struct slice bytes);
void cc_file_gap(struct cc_ctx *ctx, struct cc_file *file, uint64_t size);
void cc_file_close(struct cc_ctx *ctx, struct cc_file *file, bool whole); /* the parser forgets it */

/*
 * Files that come in ranges, in any order and over several flows between the same two hosts: a download that is
 * resumed, or fetched in pieces.  Bytes that continue go on at once, others wait, within limits; when the last hole is
 * filled the whole is a file of the transaction at hand.  The first copy of a byte counts.
 */
struct cc_range {
	uint64_t at, end;     /* of the range that is coming in: its next byte, and that behind its last */
	uint64_t id;          /* the sensor's; 0: none */
	uint32_t slot;
	bool odd;             /* a contradiction was told */
	void *by;             /* the parser's, for its coder */
};
/*
 * Ranges of coded bytes are put together as they are; the file is what the coder makes of them, in their order.
 * `by` is that of the range whose bytes made it go on.
 */
struct cc_range_coder {
	void *(*open)(struct cc_ctx *ctx, const void *by);     /* at the first range; NULL: no memory */
	/* Gives cc_range_decoded() what it makes of these; last: none come behind them.  CC_BAD: it can't go on. */
	enum cc_status (*add)(struct cc_ctx *ctx, void *coder, const void *by, struct cc_tx *tx, struct cc_file *file,
	    struct slice bytes, bool last);
	size_t (*memory)(const void *coder);
	void (*free)(struct cc_ctx *ctx, void *coder);
};
/*
 * words: what the whole is called by, such as host, path and version; total: its size, CC_RANGE_ANY: not known yet, a
 * later range may tell it.
 */
#define CC_RANGE_ANY UINT64_MAX
void cc_range_open(struct cc_ctx *ctx, struct cc_range *ret_range, const struct slice *words, unsigned count,
    uint64_t at, uint64_t end, uint64_t total, struct slice name);
/* The same of coded bytes. */
void cc_range_open_coded(struct cc_ctx *ctx, struct cc_range *ret_range, const struct slice *words, unsigned count,
    uint64_t at, uint64_t end, uint64_t total, struct slice name, const struct cc_range_coder *coder, void *by);
void cc_range_decoded(struct cc_ctx *ctx, struct cc_file *file, struct slice bytes);
/* The next bytes of the range.  CC_BAD: they were here before, and others; told once a range. */
enum cc_status cc_range_data(
    struct cc_ctx *ctx, struct cc_range *range, struct cc_tx *tx, enum cc_dir dir, struct slice bytes);
void cc_range_gap(struct cc_range *range, uint64_t size);
/* The same of a file that ends too early: what it has is the whole's beginning. */
void cc_range_begin(struct cc_ctx *ctx, const struct cc_range *range, const struct cc_file *file);
/* Of coded bytes: so many made this file, by a coder that is the whole's own now if true is returned. */
bool cc_range_begin_coded(struct cc_ctx *ctx, const struct cc_range *range, const struct cc_file *file, uint64_t size,
    void *coder);
/* Somebody who does not have all of it says that it is over; and has anybody? */
void cc_range_mark(struct cc_ctx *ctx, const struct cc_range *range);
bool cc_range_marked(const struct cc_ctx *ctx, const struct slice *words, unsigned count);
/* Are bytes of it here? */
bool cc_range_filled(const struct cc_ctx *ctx, const struct slice *words, unsigned count);
/* A whole whose size was not known: is anything of it here? */
bool cc_range_known(const struct cc_ctx *ctx, const struct slice *words, unsigned count);
/*
 * It ends here, under this name: a file of tx if it has no hole and at least so many bytes.  Else what there is of it
 * is forgotten.
 */
bool cc_range_end(struct cc_ctx *ctx, const struct slice *words, unsigned count, uint64_t least, struct slice name,
    struct cc_tx *tx, enum cc_dir dir);
/* For the log: this file is but a range of a whole. */
void cc_file_range(struct cc_file *file, uint64_t start, uint64_t end);

/*
 * Frames: call these wherever the parser knows that one begins; they do nothing while no rule asks for frames of that
 * kind. `from` lies within the bytes that this feed() was given; size may go beyond them, the rest is taken as it
 * comes, whether or not the parser still wants to see it.  CC_FRAME_OPEN: the size isn't known; cc_frame_end() tells
 * it, or the side's end does.  A frame that was told already is known by its kind and place: to tell it again, when a
 * unit is shown again with more behind it, does no harm.  tx: whose it is, or NULL; frames may lie within others.
 */
#define CC_FRAME_OPEN UINT64_MAX
void cc_frame(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, unsigned kind, const uint8_t *from, uint64_t size);
/* The last frame of that kind, if it is open, ends before `end`, which lies within this feed()'s bytes. */
void cc_frame_end(struct cc_ctx *ctx, enum cc_dir dir, unsigned kind, const uint8_t *end);
/* Do rules ask for any frame of this parser?  Then it is worth going through bytes that hold nothing else (encrypted
 * records). */
bool cc_frames_wanted(const struct cc_ctx *ctx);

/* What follows on both sides is another protocol (CONNECT, STARTTLS): identify anew from the next byte. */
void cc_switch(struct cc_ctx *ctx);
/* The same, where it is to be the protocol of that name: else it is an anomaly. */
void cc_switch_to(struct cc_ctx *ctx, const char *name);
/* The same, where there is nothing to identify: it is parser's, with a note for cc_expected(), which is copied. */
void cc_hand_over(struct cc_ctx *ctx, const struct cc_parser *parser, struct slice note);
/* Nothing more of this side is wanted (encrypted from here): it may be left unassembled. */
void cc_enough(struct cc_ctx *ctx, enum cc_dir dir);
/*
 * In probe(): nobody knows yet who is the client of this flow.  Answer for dir alone: should the bytes be the other
 * side's, the flow is turned round.
 */
bool cc_may_turn(const struct cc_ctx *ctx);
/* In probe(): the other side has been recognised already as the protocol of this parser. */
bool cc_other_known(const struct cc_ctx *ctx);

/* The address of a side of the flow. */
struct cc_addr cc_side_addr(const struct cc_ctx *ctx, enum cc_dir side);
uint16_t cc_side_port(const struct cc_ctx *ctx, enum cc_dir side);
/*
 * Soon the host at the one side of this flow connects to a port of the host at side `listener`, or at addr when it
 * named another: that connection is parser's, whatever it looks like; on UDP a flow between those two, whichever end is
 * seen first.  It is of this flow's transport.  The note is copied and shown to it.  One is awaited per flow: another
 * call takes the place of the one before.
 */
void cc_expect(struct cc_ctx *ctx, enum cc_dir listener, const struct cc_addr *addr, uint16_t port,
    const struct cc_parser *parser, struct slice note);
/* The same of one that listens at its own address, and for anyone. */
void cc_expect_anyone(struct cc_ctx *ctx, enum cc_dir listener, uint16_t port, const struct cc_parser *parser,
    struct slice note);
/* What cc_expect() or cc_hand_over() noted for this flow; empty when neither did. */
struct slice cc_expected(const struct cc_ctx *ctx);

#endif
