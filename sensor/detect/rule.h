/*
 * How a rule looks once it is compiled, and what it is made of: addresses, buffers, ops, checks.
 *
 * A rule is a header (who speaks), checks on the packet and the flow, and segments: each segment is a run of ops over
 * one buffer.  All ops of a rule stand in one array, in the order in which they run.
 */
#ifndef DETECT_RULE_H
#define DETECT_RULE_H

#include <hs/hs.h>
#include <pcre2.h>
#include <pthread.h>

#include "detect/detect.h"

#define RULE_LINE_MAX (1u << 20) /* bytes of one rule; longer ones are refused */
#define RULE_OPS_MAX 200
#define RULE_VARS_MAX 16 /* byte_extract and byte_math results of one rule */
#define RULE_CHECKS_MAX 64
#define MARKS_MAX 4 /* values that a match of one rule brings to sets, or takes from them */
#define SEGMENTS_MAX 32
#define TRANSFORMS_MAX 8
#define TRANSFORM_ROOM 65536 /* bytes of a buffer that transforms look at */
#define STEPS_MAX 20000      /* of one rule's program over one buffer */
#define CAPTURES_MAX 8       /* groups of one rule's pcre that are kept */
#define CAPTURE_SIZE 255     /* bytes that are kept of one */
#define FLOW_VARS_MAX 32     /* of such values that a flow has, */
#define PACKET_VARS_MAX 16   /* that a packet has */
#define PENDING_MAX 256      /* rules half matched of one transaction, or of one side of a stream */
#define FLOWBITS_MAX 65536   /* names; also of flowints, xbits */
#define SHORT_MAX 3          /* patterns up to here have a table of their own */
#define BUFFERS_MAX 8192     /* with all that rules make of them by transforms */

/* Memory that lives as long as the ruleset; zeroed; NULL when there is none. */
struct store_block;
struct store {
	struct store_block *first;
	uint8_t *at;
	size_t left, total;
	size_t block; /* bytes that are taken at once; 0: 1 MiB */
};
void *store_take(struct store *store, size_t size);
struct slice store_copy(struct store *store, struct slice s); /* NUL behind it; p NULL: no memory */
void store_close(struct store *store);

/* ---- addresses and ports ---- */

struct addr_range {
	struct cc_addr low, high;
};
/* Disjoint and sorted. */
struct addr_set {
	bool any;
	bool negated; /* something of it is left out by "!" */
	uint32_t count;
	struct addr_range *range;
};
struct port_range {
	uint16_t low, high;
};
struct port_set {
	bool any;
	uint32_t count;
	struct port_range *range;
};
bool addr_set_has(const struct addr_set *set, const struct cc_addr *addr);
bool port_set_has(const struct port_set *set, uint16_t port);

/* ---- buffers ---- */

enum source {
	SRC_PAYLOAD, /* a packet's payload, or a window of the stream */
	SRC_FIELD,   /* values of a transaction */
	SRC_FILE,    /* the content of a file */
	SRC_FILE_NAME,
	SRC_FILE_TYPE,
	SRC_HEADER, /* bytes of a packet's headers */
	SRC_BASE64, /* what base64_decode of the same rule left */
	SRC_FRAME,  /* a range that a parser named */
};

enum header_part { PART_IPV4, PART_IPV6, PART_TCP, PART_UDP, PART_ICMPV4, PART_ICMPV6, PART_SRC, PART_DST };

enum { DIR_TS = 1, DIR_TC = 2, DIR_BOTH = 3 };

static inline unsigned
dir_bit(enum cc_dir dir)
{
	return dir == CC_TO_SERVER ? DIR_TS : DIR_TC;
}

struct transform;
typedef size_t transform_fn(const struct transform *transform, struct slice in, uint8_t *out, size_t room);
struct transform {
	transform_fn *run; /* NULL for those that work in another way */
	const char *name;
	struct slice argument;
	struct regex *regex;
};

struct buffer_field {
	uint8_t parser; /* index into app_parsers */
	uint8_t field;
	uint8_t dirs;
};

struct mpm;
struct sieve;

/* Addresses are of up to KINDS kinds, by the lists that most rules use; a way is a pair of kinds. */
#define KINDS 4
#define WAYS_MAX (KINDS * KINDS)
#define WAYS_ALL 0xffffu

struct buffer {
	const char *name;
	enum source source;
	enum header_part part;
	uint8_t dirs; /* on which sides it can be */
	bool multi;
	bool number; /* CC_UINT, CC_FLAG */
	bool flag;   /* CC_FLAG */
	bool ends;   /* CC_ENDS */
	const struct cc_words *words; /* for its numbers; NULL: none */
	bool lower;  /* its values are lower case */
	uint8_t field_count;
	struct buffer_field *field;
	uint64_t parsers; /* bits of those that have it */
	uint8_t frame_parser, frame_kind;
	uint8_t transform_count;
	struct transform transform[TRANSFORMS_MAX];
	bool patterns;    /* rules have their fast pattern here */
	struct sieve *by_way[WAYS_MAX]; /* these, by the way of the flow to its server */
	uint32_t *always; /* rules to be looked at whenever the buffer is there */
	uint32_t always_count;
};

/* ---- programs ---- */

enum op_kind {
	DO_CONTENT,
	DO_PCRE,
	DO_ISDATAAT,
	DO_BSIZE,
	DO_BYTE_TEST,
	DO_BYTE_JUMP,
	DO_BYTE_EXTRACT,
	DO_BYTE_MATH,
	DO_BASE64, /* decodes; the ops up to `skip` run over the result */
	DO_NUMBER, /* compares value.num */
	DO_CALL,   /* op->call(): what needs nothing but the bytes */
};

enum {
	OF_NEGATED = 1,
	OF_NOCASE = 2,
	OF_RELATIVE = 4, /* position counts from the end of the match before */
	OF_DEPTH = 8,
	OF_OFFSET = 16,
	OF_DISTANCE = 32,
	OF_WITHIN = 64,
	OF_STARTSWITH = 128,
	OF_ENDSWITH = 256,
	OF_RAWBYTES = 512,
	OF_FAST = 1024,
	OF_FAST_ONLY = 2048,
	OF_NEXT = 4096, /* a later op counts from this one's end: other occurrences are worth a try */
	OF_LITTLE = 8192,
	OF_STRING = 16384,
	OF_FINAL = 32768, /* can only be said once the buffer is complete */
};

enum compare {
	CMP_EQ,
	CMP_NE,
	CMP_LT,
	CMP_GT,
	CMP_LE,
	CMP_GE,
	CMP_RANGE,
	CMP_AND,
	CMP_XOR,
	CMP_OR,
	CMP_IN,       /* a to b, both included */
	CMP_LIST,     /* one of number.list */
	CMP_NOT_LIST,
	CMP_BITS,     /* those of a are set, those of b aren't */
	CMP_RANGES,   /* in one of the b ranges of number.list, both ends included */
	CMP_NOT_RANGES,
	CMP_PAIR,     /* upper half is a, lower half holds number.pair */
};

struct regex { /* of a struct common; goes with the last that asks for it */
	pcre2_code *code;
	struct slice text;
	bool jit;
	uint32_t users;
	struct slice key; /* options and text */
};

struct number { /* "5", ">5", "3<>9", "3-9" … */
	uint8_t compare;
	uint64_t a, b;
	union {
		const uint64_t *list; /* b of them */
		const struct number *pair;
	};
};
bool number_holds(const struct number *number, uint64_t value);

struct byte_op { /* of byte_test, byte_jump, byte_extract, byte_math */
	uint8_t count;
	uint8_t base;    /* of strings: 8, 10, 16 */
	uint8_t compare; /* enum compare, or the operator of byte_math */
	uint8_t shift;   /* of the bitmask */
	uint8_t result;  /* variable */
	uint8_t align;
	bool not, from_beginning, from_end, dce;
	int32_t offset, post_offset;
	uint32_t multiplier;
	uint64_t value, mask;
	uint16_t order; /* with dce: the buffer that tells of big-endian numbers */
	int8_t count_var, value_var, offset_var;
};

struct capture { /* a group of a pcre that is kept */
	uint32_t name;
	uint16_t group;
	bool of_packet;
};
struct capture_list {
	unsigned count;
	struct capture item[CAPTURES_MAX];
};

struct run;

struct op {
	uint8_t kind;
	uint8_t skip; /* DO_BASE64: how many ops run over what it decoded */
	uint16_t flags;
	uint16_t size;   /* of bytes */
	uint16_t column; /* for messages */
	int32_t depth, offset, distance, within;
	int8_t depth_var, offset_var, distance_var, within_var; /* -1: the number above */
	uint16_t fast_at, fast_size;                            /* fast_pattern:at,size */
	union {
		const uint8_t *bytes; /* lower case with OF_NOCASE */
		struct regex *regex;
		struct byte_op *byte;
		struct number *number;
		const void *data;
	};
	union {
		bool (*call)(struct run *run, const struct op *op, struct slice bytes); /* DO_CALL */
		const struct capture_list *captures; /* DO_PCRE; NULL: nothing is kept */
	};
};

struct segment {
	uint16_t buffer;
	uint16_t first, count; /* ops */
	bool final;            /* holds an op with OF_FINAL */
};

/* A condition on packet and flow, or what a match brings about. */
struct check {
	bool (*test)(struct run *run, const struct check *check); /* PHASE_POST: the answer is ignored */
	uint8_t phase;
	uint8_t kind;
	bool negated;
	uint32_t a, b;
	const void *data;
};
enum { PHASE_PACKET, PHASE_STATE, PHASE_POST };

enum { /* rule.flow */
	FLOW_IS_ESTABLISHED = 1,
	FLOW_NOT_ESTABLISHED = 2,
	FLOW_STATELESS = 4,
	FLOW_NO_STREAM = 8,
	FLOW_ONLY_STREAM = 16,
	FLOW_NO_FRAG = 32,
	FLOW_ONLY_FRAG = 64,
	FLOW_FOLLOWED = 128, /* with FLOW_ONLY_STREAM: nor packets of a session that isn't followed */
};

enum {
	PROTO_TCP = 1,
	PROTO_UDP = 2,
	PROTO_ICMP4 = 4,
	PROTO_ICMP6 = 8,
	PROTO_SCTP = 16,
	PROTO_OTHER = 32,
	PROTO_ALL = 63,
	PROTO_NONIP = 64
};

enum rule_kind {
	KIND_IP,       /* addresses alone: once for each way of a flow */
	KIND_PROTOCOL, /* the protocol alone: once for each way of a flow */
	KIND_PACKET,   /* packets, stream, or both */
	KIND_TX,       /* transactions and files */
	KIND_FRAME,    /* frames */
	KIND_ODD,      /* decode-event: packets that may not even be IP */
};

enum threshold_type { TH_NONE, TH_LIMIT, TH_THRESHOLD, TH_BOTH, TH_FILTER, TH_RATE };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_FLOW };

struct threshold {
	uint8_t type, track;
	uint32_t count, seconds;
};

struct suppress { /* alerts with these addresses are kept back */
	const struct suppress *next;
	const struct addr_set *set; /* NULL: all */
	uint8_t track;              /* TRACK_SRC, TRACK_DST, TRACK_BOTH: either */
};

struct rate_filter { /* another action for so long, once the rule held that often */
	struct threshold threshold;
	uint32_t timeout; /* seconds */
	uint8_t action;   /* as enum rule_action; what follows is an alert here */
};

struct regex_use {
	struct regex_use *next;
	struct regex *regex;
};

/*
 * What the text of a rule alone says: everything that its struct rule points to.  Immutable once read, and shared by
 * the rulesets before and after a reload.
 */
struct rule_body {
	struct store store;
	uint32_t users;
	bool bound;        /* something was said of it, or it has to do with a file: to be read anew each time */
	uint8_t digests;   /* DIGEST_ bits of files that it asks for */
	struct regex_use *regex;
	struct threshold threshold, filter; /* as written: threshold.config may say another for one set */
};

struct rule {
	struct rule_body *body;
	uint32_t before; /* its index in the set before; UINT32_MAX: not taken over */
	uint32_t index;   /* place in ruleset.rule: the order in which rules act */
	uint8_t kind;     /* enum rule_kind */
	uint8_t dirs;     /* DIR_ bits */
	uint8_t protos;   /* PROTO_ bits */
	uint8_t versions; /* bit 0: IPv4, bit 1: IPv6 */
	uint8_t flow;
	bool on_packet, on_stream; /* KIND_PACKET: where its payload ops look */
	bool at_end;               /* of a protocol's packets, whatever they hold: asked at the flow's end, too */
	bool both_ways;            /* <> */
	bool has_payload, has_tx, has_file, has_header;
	uint8_t frame_kinds; /* how many kinds of frames it looks at */
	bool state; /* reads flowbits and their like: not final while the transaction lives */
	bool dead;  /* loads, but asks for something that this sensor never sees */
	bool has_vars;
	bool fast_part; /* only a part of the fast content is looked for */
	bool takes; /* its payload part takes bytes: a place can be told, and be new */
	bool captures; /* a pcre's groups are kept */
	bool filed; /* asks for file.name, size, hash or type */
	uint16_t segment_count, check_count, op_count;
	uint64_t apps; /* parsers it is for; 0: any */
	struct segment *segment;
	struct check *check;
	struct op *op;
	const struct addr_set *src, *dst;
	const struct port_set *sport, *dport;
	struct threshold threshold, filter;
	const struct suppress *suppress;
	const struct rate_filter *rate;
	int32_t fast; /* op with the fast pattern, -1: none */
	int32_t fast_segment;
	int32_t packet_fast;  /* on packets: fast, or a pattern that must lie at the beginning */
	int32_t payload_fast; /* KIND_TX with a part on the payload: the pattern of that part */
	uint32_t payload_max; /* dsize: no larger payload can match */
	int32_t anomaly;      /* app-layer-event: index, -1: none */
	uint8_t anomaly_parser;
	struct rule_info info;
};

#endif
