/*
 * What the files of sensor/detect/ share: how a rule looks once it is compiled, the ruleset around it, and one worker's
 * state.  Nobody outside includes it; a keyword (kw/) sees kw/kw.h.
 *
 * A rule is a header (who speaks), checks on the packet and the flow, and segments: each segment is a run of ops over
 * one buffer.  All ops of a rule stand in one array, in the order in which they run.
 */
#ifndef DETECT_OWN_H
#define DETECT_OWN_H

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

/* ---- the multi-pattern stage ---- */

struct dbs;
struct cache;
struct mpm_entry {
	struct slice pattern; /* lower case with nocase */
	bool nocase;
	uint32_t rule;
};
struct mpm_builder {
	struct mpm_entry *entry;
	size_t count, room;
	bool together; /* short patterns, too, in one database */
	bool large;    /* much is scanned at a time */
};
enum cc_status mpm_add(struct mpm_builder *builder, struct slice pattern, bool nocase, uint32_t rule);
/* Sorts and empties the builder; *ret_mpm NULL when there was nothing in it.  It can be used after dbs_make(). */
enum cc_status mpm_build(struct dbs *dbs, struct mpm_builder *builder, struct mpm **ret_mpm);
void mpm_free(struct mpm *mpm);
enum cc_status mpm_scratch(const struct mpm *mpm, hs_scratch_t **scratch);
size_t mpm_longest(const struct mpm *mpm);

/* Soon to be scanned with.  Of the many there are, those of the packet at hand are in no near cache. */
#define MPM_LINE 64
static inline void
mpm_fetch(const struct mpm *mpm)
{
	__builtin_prefetch(mpm);
	__builtin_prefetch((const void *)((uintptr_t)mpm + MPM_LINE)); /* it may be NULL */
	__builtin_prefetch((const void *)((uintptr_t)mpm + 2 * MPM_LINE));
}
/* Each rule of which a pattern is in bytes is told, perhaps several times. */
void mpm_scan(
    const struct mpm *mpm, hs_scratch_t *scratch, struct slice bytes, void (*hit)(void *ctx, uint32_t rule), void *ctx);

/* ---- groups of packet rules ---- */

enum { GROUP_TCP, GROUP_UDP, GROUP_OTHER, GROUP_PROTOS };

struct sieve { /* patterns and rules that one class of packets, or of streams, asks for */
	struct mpm *all;  /* patterns that may lie anywhere */
	struct mpm *head; /* those that end within head_size, and those of rules for payloads of up to small_size */
	uint32_t all_longest, head_longest; /* patterns */
	uint32_t head_size, small_size;
	uint32_t *always; /* rules without a pattern */
	uint32_t always_count;
	struct sieve *bound; /* for flows of some protocols alone: the first of them */
	uint64_t bound_apps; /* of these, all */
	struct sieve *more;  /* of the bound ones */
	uint64_t apps;       /* bits of the protocols; 0: any */
	struct sieve *next;  /* of the ruleset's */
};

#define PORTS_LOW 1024
struct port_sieves {
	uint32_t count;
	uint32_t *start; /* first port of each interval */
	struct sieve **sieve;
	uint16_t page[257]; /* the interval in which each 256 ports begin */
	uint16_t low[PORTS_LOW]; /* that of each of the first: most packets go to or come from them, and most rules name
				    them */
};

struct addr_kinds {
	uint32_t count;
	unsigned kinds;
	struct cc_addr *start;
	uint8_t *kind;
};

static inline unsigned
way_between(unsigned src, unsigned dst)
{
	return src * KINDS + dst;
}

struct sieves { /* of packets or streams of a transport and a way */
	struct sieve *by_way[WAYS_MAX];
	struct port_sieves by_dport, by_sport; /* rules that name few ports */
};
struct group {
	struct sieves packet, stream;
};

/* ways: the one bit of a way, or all of them when there are no addresses: then there is nothing to scan either. */
static inline const struct sieve *
way_sieve(const struct sieves *sieves, unsigned ways)
{
	return ways != WAYS_ALL ? sieves->by_way[__builtin_ctz(ways)] : NULL;
}

struct group_item {
	uint32_t rule;
	int32_t fast; /* op of the pattern by which it is found; -1: always looked at */
};
enum group_of { OF_PACKETS, OF_STREAMS, OF_VALUES };
struct group_builder {
	struct group_item *item;
	uint32_t count, room;
	enum group_of of;
	bool ported, nomem;
};

struct addr_lists { /* KIND_IP rules, by the address that says most */
	uint32_t interval_count;
	struct cc_addr *start;
	uint32_t *first;
	uint32_t *rule;
	uint32_t *page; /* by the first two bytes of an IPv4 address: its interval; NULL: too few for that */
};

/* ---- the ruleset ---- */

struct class_entry {
	struct slice name, text;
	uint32_t priority;
};

struct field_buffers { /* which buffers a parser's field feeds */
	uint16_t first, count;
};

/*
 * What rules have in common and find by name.  It is passed on from a ruleset to the next as long as the settings are
 * the same that give rules their meaning; what is in it never changes and stays where it is, so that workers may go on
 * with the old set while a new one is read.  Loading threads look things up under the lock.
 */
struct names {
	unsigned users;    /* commons */
	struct map *map;   /* of flowbits and their like; the number stays the name's own over reloads */
	uint32_t count;
};
struct common {
	pthread_mutex_t lock;
	unsigned users;     /* rulesets */
	uint8_t digest[32]; /* over those settings */
	struct store store;
	struct names *names;
	struct map *regexes, *addr_sets, *port_sets, *buffers, *classes, *references;
	struct buffer *buffer; /* as a new set gets them; BUFFERS_MAX of room */
	uint32_t buffer_count;
};

struct MMDB_s;
struct dataset;
struct iprep;
struct watch;
struct yara;
struct db;
struct loading;

struct ruleset {
	struct store store;
	const struct conf *conf;  /* only while loading */
	struct loading *loading;  /* the same */
	struct dbs *dbs;          /* the same */
	struct common *common;
	uint64_t serial;          /* counts reloads */
	uint32_t *moved; /* of the set before: where its rule is now, UINT32_MAX: gone or changed; may be NULL */
	uint32_t moved_count;
	struct rule *rule;
	uint32_t rule_count;
	struct buffer *buffer;    /* while rules are read: the common ones */
	uint32_t buffer_count;
	struct db **db;           /* compiled patterns */
	uint32_t db_count;
	struct map *sids;
	struct field_buffers *by_field[64]; /* by parser index, then field */
	uint16_t *field_buffer;
	uint16_t *file_buffer; /* SRC_FILE buffers with rules */
	uint32_t file_buffer_count;
	uint16_t *meta_buffer; /* SRC_FILE_NAME and _TYPE */
	uint32_t meta_buffer_count;
	uint16_t *frame_buffer; /* SRC_FRAME buffers with rules */
	uint32_t frame_buffer_count;
	struct group group[GROUP_PROTOS][2];
	struct sieve *sieve; /* the first of all */
	struct addr_kinds kinds;
	uint16_t *ways; /* by rule: bits of the ways that its addresses allow */
	struct addr_lists ip_src, ip_dst;
	uint32_t *ip_any, ip_any_count;
	uint32_t *protocol, protocol_count;
	uint32_t *anomaly, anomaly_count; /* rules with app-layer-event */
	uint32_t *odd, odd_count;
	uint32_t *file_any, file_any_count; /* rules on files without a pattern or buffer */
	size_t stream_window;
	bool wants_content, wants_magic, has_stream;
	unsigned wants_digests;
	uint8_t digest[32];
	struct dataset *dataset; /* the first of all */
	uint32_t dataset_count;
	struct iprep *iprep; /* NULL: no lists */
	struct MMDB_s *geoip; /* NULL: none */
	struct watch *watch;
	struct yara *yara;
};

/* ---- building ---- */

struct keyword;

struct build {
	struct ruleset *set;
	struct rule_body *body;
	size_t number;     /* place in the order in which rules are written */
	struct ruleset_report *report;
	const char *file;
	uint32_t line;
	struct slice text; /* the rule's */
	uint32_t column;   /* of the option that is read */
	const char *keyword;
	char keyword_text[64];
	bool refused;
	unsigned warnings;
	char why[256];     /* it was refused */

	struct rule rule;
	struct op op[RULE_OPS_MAX];
	uint16_t op_buffer[RULE_OPS_MAX];
	uint16_t op_instance[RULE_OPS_MAX]; /* sticky buffers that were set twice are two, for CC_MULTI */
	unsigned op_count;
	struct check check[RULE_CHECKS_MAX];
	unsigned check_count;
	struct slice var[RULE_VARS_MAX];
	unsigned var_count;
	struct rule_meta *meta;
	size_t meta_count, meta_room;
	struct slice *reference; /* each as written, then its address */
	size_t reference_count, reference_room;

	uint16_t buffer; /* the sticky buffer in force; 0: payload */
	uint16_t instance;
	bool buffer_set, buffer_used; /* a sticky buffer was named; something was said of it */
	uint32_t buffer_column;
	struct transform transform[TRANSFORMS_MAX];
	unsigned transform_count;
	bool has_sid, has_class, has_priority, has_threshold, has_filter, has_fast, has_rev, has_gid;
	bool buffers_first; /* http_uri and its like stand before their contents, as in Snort 3 */
	bool has_target, has_flow, packet_only, stream_only, app_proto;
	bool packet_keyword; /* dsize, flags, ttl …: needs a packet */
	const char *packet_keyword_name;
	bool ip_keyword_only; /* all checks so far fit KIND_IP */
	bool needs_tx;        /* something that only a transaction can tell */
	bool prefilter;
	const struct number *dsize;
	unsigned mark_count; /* values that a match sets */
	bool skipped;     /* requires isn't met: told, but no fault of the rule */
	bool unmatchable; /* loads, but can't be seen here */
};

/* Says why, once; always CC_BAD. */
enum cc_status build_refuse(struct build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));
void build_warn(struct build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* parse.c */
enum cc_status rule_parse(struct build *build, struct slice text); /* the whole rule; result in build->rule */
/* finish.c: contradictions, segments, fast pattern. */
enum cc_status rule_finish(struct build *build);
unsigned pattern_worth(struct slice bytes); /* how much it tells */
/* header.c */
enum cc_status header_parse(struct build *build, struct cur *in);
uint64_t protocol_apps(struct slice word); /* bits of the parsers that a protocol's name means */
/* vars.c: lists of addresses and ports with variables, nesting, negation.  Shared by text. */
enum cc_status addr_set_parse(struct build *build, struct slice text, const struct addr_set **ret_set);
enum cc_status port_set_parse(struct build *build, struct slice text, const struct port_set **ret_set);

enum cc_status build_buffer_end(struct build *build); /* parse.c: a sticky buffer must have been used */

/* common.c */
/* That of the set before (may be NULL) when the settings are the same, else a new one with its names. */
enum cc_status common_take(const struct conf *conf, struct ruleset *old, struct common **ret_common);
void common_free(struct common *common);
struct rule_body *body_new(void);
void body_free(struct common *common, struct rule_body *body); /* one user less; accepts NULL */

/* spread.c: work(ctx, thread, at) for each at below count, by so many threads; the caller's is the first. */
#define SPREAD_MAX 256
void spread(unsigned threads, size_t count, void (*work)(void *ctx, unsigned thread, size_t at), void *ctx);
unsigned spread_threads(const struct conf *conf);
/*
 * Rules are read side by side, but what one of them makes that others then find (a name, a buffer, a set) is made in
 * the order of the rules, so that any number of threads brings the same: who wants to make something waits here until
 * all rules before his have been read.
 */
struct turns;
struct turns *turns_new(size_t count);
void turns_free(struct turns *turns);
void turns_wait(struct turns *turns, size_t at);
void turns_done(struct turns *turns, size_t at);
void build_turn(struct build *build);

/* dbs.c: Hyperscan databases; compiled side by side, taken over from the set before, or from the cache. */
struct expressions { /* a database's patterns */
	char **text;
	unsigned *flags, *id;
	unsigned count;
};
void expressions_free(struct expressions *list);
struct dbs *dbs_new(const struct ruleset *old, struct cache *cache);
void dbs_free(struct dbs *dbs);
/* *ret_db is there after dbs_make(), one user more; of *expressions takes what it needs. */
enum cc_status dbs_add(struct dbs *dbs, struct expressions *expressions, struct db **ret_db);
enum cc_status dbs_make(struct dbs *dbs, unsigned threads, struct ruleset *set, struct ruleset_report *report);
const hs_database_t *db_hs(const struct db *db);
void db_key(const struct db *db, uint8_t ret_key[32]); /* by which the cache has it */
void db_free(struct db *db); /* one user less; accepts NULL */

/* cache.c: compiled databases on disk, by the digest of what they were compiled of. */
struct cache;
struct cache *cache_open(const struct conf *conf, bool write); /* NULL: none */
void cache_close(struct cache *cache);                          /* what is too much goes; accepts NULL */
/* The bytes that were put under key, whole and by nobody else; free() them.  CC_ABSENT: none that can be used. */
enum cc_status cache_get(struct cache *cache, const uint8_t key[32], uint8_t **ret_bytes, size_t *ret_size);
void cache_put(struct cache *cache, const uint8_t key[32], struct slice bytes);
void cache_bad(struct cache *cache, const uint8_t key[32], const char *why); /* told and removed */

/* buffers.c */
enum cc_status buffers_open(struct common *common);
int buffer_find(const struct ruleset *set, struct slice name); /* -1: none */
/* -1: no memory, or too many */
int buffer_with(struct build *build, unsigned buffer, const struct transform *transform, unsigned count);
enum cc_status buffers_settle(struct ruleset *set); /* the set's own from the common ones */
enum cc_status buffers_index(struct ruleset *set);
/* The buffer of a kind of frame, made when it is new; -1: no memory. */
int buffer_of_frame(struct build *build, unsigned parser, unsigned kind);

/* regex.c: compiled once for equal text and options. */
enum cc_status regex_take(struct build *build, struct slice pattern, uint32_t options, struct regex **ret_regex);
void regex_free(struct common *common, struct regex *regex); /* one user less */

/* number.c */
bool number_parse(struct slice text, struct number *ret_number);
/* With words of a field, and lists.  false: *ret_why says what is wrong. */
bool number_words_parse(struct store *store, const struct cc_words *words, struct slice text, struct number *ret_number,
    struct slice *ret_wrong);
bool slice_uint(struct slice text, uint64_t max, uint64_t *ret_value); /* decimal */
bool slice_int(struct slice text, int64_t *ret_value);
struct slice slice_trim(struct slice s);
/* Takes what stands before the next sep off *rest; false: nothing left. */
bool slice_split(struct slice *rest, uint8_t sep, struct slice *ret_part);
bool slice_is_nocase(struct slice s, const char *text);

/* index.c: groups, lists, multi-pattern databases. */
void ruleset_order(struct ruleset *set); /* rules to the order in which they act */
enum cc_status ruleset_index(struct ruleset *set, struct dbs *dbs);
void ruleset_index_free(struct ruleset *set);
/* sieves.c */
enum cc_status packet_patterns_choose(struct ruleset *set);
/* A sieve for the listed items; of an empty list: NULL. */
enum cc_status sieve_new(struct ruleset *set, const struct group_builder *builder, const uint32_t *list, uint32_t count,
    struct sieve **ret_sieve);
void sieves_free(struct ruleset *set);
enum cc_status pattern_add(struct mpm_builder *builder, const struct rule *rule, int32_t fast);
/* groups.c */
enum cc_status ways_make(struct ruleset *set);
unsigned addr_kind(const struct addr_kinds *kinds, const struct cc_addr *addr);
void group_add(struct group_builder *builder, uint32_t rule, int32_t fast);
enum cc_status group_make(struct ruleset *set, struct group_builder *builder, struct sieves *ret); /* empties builder */
enum cc_status buffer_group_make(struct ruleset *set, struct group_builder *builder, struct buffer *buffer);
const struct sieve *port_sieve(const struct port_sieves *ports, uint16_t port); /* NULL: none */

const uint32_t *addr_lists_find(const struct addr_lists *lists, const struct cc_addr *addr, uint32_t *ret_count);

/* ---- running ---- */

/* Bytes under inspection. */
struct view {
	struct slice bytes;
	uint64_t base;   /* of bytes.p in its stream; 0 for all else */
	size_t fresh;    /* a match must end behind this; 0: any */
	bool whole;      /* nothing will follow */
	uint64_t number; /* DO_NUMBER */
};

/* What rules see of it: a fragment of IPv6 is one (44), its transport stands in the first alone. */
static inline uint8_t
packet_proto(const struct packet *pkt)
{
	return pkt->is_fragment && pkt->ip[pkt->ip_count - 1].version == 6 ? 44 : pkt->proto;
}

struct u32_list {
	uint32_t *item;
	uint32_t count, room;
};

struct stream_wait { /* a stream rule whose pattern was seen, that may hold later */
	uint32_t rule;
	uint64_t hit;   /* stream offset before which its pattern was found */
	uint64_t fresh; /* its match must end behind this */
};

struct side_state {
	struct stream_wait *wait;
	uint32_t wait_count, wait_room;
	uint64_t yara_at; /* stream offset up to which YARA has looked */
	uint64_t end;     /* stream offset up to which rules have looked */
};

struct flow_int {
	uint32_t name;
	uint32_t value;
};

struct var_value { /* what a group of a pcre took */
	uint32_t name;
	uint16_t size;
	uint8_t bytes[CAPTURE_SIZE];
};
struct captured { /* the same of a rule that may yet hold */
	bool of_packet;
	struct var_value value;
};

struct flow_state {
	uint64_t *bits;
	uint32_t bit_words;
	bool pass;
	struct side_state side[2];
	struct u32_list payload; /* rules whose payload part has held, and that wait for a transaction */
	struct u32_list yara;    /* stream YARA rules told already: rule << 1 | dir */
	struct flow_int *integer;
	uint32_t integer_count, integer_room;
	struct var_value *var;
	uint32_t var_count, var_room;
	uint32_t generation;
};

struct tx_state {
	uint32_t scanned;        /* values looked at */
	struct u32_list pending; /* rule << 1 | dir */
	struct u32_list fired;   /* the same, told */
	uint32_t generation;     /* of the ruleset that this state speaks of */
	uint32_t asked;          /* bytes of the file when what waits was asked last */
	bool told[2];            /* by way: that side is complete, */
	uint64_t told_at[2];     /* and so many of its packets had been inspected by then */
};

struct run { /* what a rule is being held against */
	struct detect *detect;
	struct flow *flow;
	const struct packet *pkt;
	struct batch *batch;
	enum cc_dir dir, pkt_dir; /* of what is looked at; of the packet */
	struct cc_tx *tx;
	struct cc_file *file;
	struct cc_frame *frame;
	const struct frame_piece *piece; /* of frame */
	bool stream;
	uint64_t time;
	uint64_t seq;
	const struct rule *rule;
	struct view payload; /* what payload ops look at */
	/* of the program */
	struct view view;
	unsigned steps;
	size_t at; /* of an op that calls: the end of the match before it */
	size_t match_at, match_end; /* of the first op that took bytes */
	/* of the match, for the alert */
	const char *buffer;
	uint64_t offset;
	uint32_t size;
	bool final; /* nothing more will come of this side */
	bool known_ends; /* rules on addresses alone have been asked of these before */
	unsigned captured;       /* how many of detect->captured[] are this rule's */
	unsigned marked;         /* which of mark[] are there, a bit each */
	/* Written before they are read; run_open() leaves them as they are. */
	uint8_t mark[MARKS_MAX][16]; /* values for sets, should the rule hold */
	uint64_t var[RULE_VARS_MAX]; /* of byte_extract and byte_math */
};

struct detect {
	struct detect_setup setup;
	const struct ruleset *set;
	const struct watch *live; /* the partners' list, beside the set's; NULL: none */
	const struct conf *conf;
	hs_scratch_t *scratch;
	pcre2_match_data *match_data;
	pcre2_match_context *match_context;
	pcre2_jit_stack *jit_stack;
	uint32_t *seen; /* by rule: epoch in which it became a candidate */
	uint32_t epoch;
	uint32_t generation;       /* counts the sets that this worker has had */
	uint32_t yara_generation;  /* since when the YARA rules are the same */
	uint32_t names_generation; /* since when names of marks have the same numbers */
	bool carried;              /* set->moved speaks of the set that this worker had before */
	struct rule_cost { uint64_t checks, matches, ns; } *cost; /* by rule: of the runs that were timed */
	uint32_t profile_gap, profile_seed;
	bool timed;       /* scans are timed, */
	uint64_t scan_ns; /* and took so long */
	uint32_t *candidate;
	uint32_t candidate_count;
	uint16_t way[2]; /* bit of the way of the flow at hand, for each direction; all bits: not known */
	uint16_t ways;   /* of those that candidates may have */
	uint64_t
	    apps; /* the protocol of the flow at hand; none: rules for one can't hold yet; all: it may still come */
	const struct cc_parser *parser; /* of which app is the bit */
	uint64_t app;
	uint8_t *room[2]; /* TRANSFORM_ROOM each */
	uint8_t *base64;
	struct yara_worker *yara;
	bool has_hosts;
	struct captured captured[CAPTURES_MAX];
	struct var_value packet_var[PACKET_VARS_MAX];
	uint32_t packet_var_count;
	uint64_t packet_var_seq; /* the packet that they are of */
	const uint64_t *events; /* enum flow_event bits of this packet, or NULL */
	bool packet_passed;     /* a pass rule spoke of this packet */
	unsigned alerts_max;
	uint64_t counts[DETECT_COUNT];
};

static inline void
detect_count_add(struct detect *detect, enum detect_count which, uint64_t n)
{
	count_add(&detect->counts[which], n);
}

/* The patterns that are looked for in a buffer of the flow at hand; NULL: none. */
const struct mpm *buffer_mpm(const struct detect *detect, const struct buffer *buffer);

/* state.c: pool memory behind flows and transactions.  NULL: none. */
struct flow_state *flow_state_take(struct detect *detect, struct flow *flow);
struct tx_state *tx_state_take(struct detect *detect, struct cc_tx *tx);
/* After a reload: entries (rule << shift | rest) of rules that are still there, by their new numbers. */
void list_carry(const struct detect *detect, struct u32_list *list, unsigned shift);
bool is_carried(const struct detect *detect, uint32_t generation); /* numbers of then can be carried over */
bool list_has(const struct u32_list *list, uint32_t item);
bool list_add(struct detect *detect, struct u32_list *list, uint32_t item, uint32_t max);
void list_free(struct detect *detect, struct u32_list *list);
void *grow(struct detect *detect, void *old, uint32_t *room, size_t size, uint32_t max); /* doubles; NULL: can't */

/* find.c: the first place of what (lower case with nocase) in the bytes, NULL: none. */
const uint8_t *bytes_find(struct slice in, struct slice what, bool nocase);
bool bytes_equal(const uint8_t *p, struct slice what, bool nocase);

/* few.c: up to FEW_MAX patterns of up to FEW_BYTES; bit i of what few_find() gives: the pattern added as number i is
 * there. */
#define FEW_MAX 48
#define FEW_BYTES 32
struct few;
size_t few_size(size_t count); /* of zeroed memory, to begin with */
void few_add(struct few *few, struct slice pattern, bool nocase);
void few_finish(struct few *few);
uint64_t few_find(const struct few *few, struct slice bytes);

/* program.c */
enum verdict { NO, YES, NOT_YET };
/* RFC 4648 up to the first byte that can't be of it; line breaks are skipped. */
size_t base64_decode(struct slice in, uint8_t *out, size_t room);
bool program_run(struct run *run, const struct segment *segment); /* over run->view */

/* inspect.c */
bool header_holds(struct run *run);
bool checks_hold(struct run *run);
enum verdict segment_holds(struct run *run, const struct segment *segment);
/* The bytes after the buffer's transforms. */
struct slice buffer_transformed(struct detect *detect, const struct buffer *buffer, struct slice in);
bool flag_is_set(const struct run *run, unsigned buffer); /* of the transaction at hand, on the way at hand */
/* What matched first is what the alert names. */
void note_place(struct run *run, const struct buffer *buffer);
struct slice header_part(const struct packet *pkt, enum header_part part);

/* profile.c: around a rule's run.  profile_begin() 0: it is not timed. */
#define PROFILE_EVERY 32
uint64_t profile_begin(struct detect *detect);
void profile_end(struct detect *detect, const struct rule *rule, uint64_t began, bool held);

/* candidates.c: rules to be looked at, each once, in order. */
void candidates_apps(struct detect *detect, const struct flow *flow, bool early);
void candidates_clear(struct detect *detect);
void candidates_add(void *detect, uint32_t rule);
bool candidates_have(const struct detect *detect, uint32_t rule);
void candidates_add_list(struct detect *detect, const uint32_t *rule, uint32_t count);
void candidates_scan(struct detect *detect, const struct mpm *mpm, struct slice bytes);
struct ports {
	uint16_t from, to;
};
/* What bytes ask for of their way's sieve and their ports': bytes.p is at base in its stream, from fresh on they are
 * new. */
void candidates_sieves(struct detect *detect, const struct sieves *sieves, const struct ports *ports,
    struct slice bytes, uint64_t base, size_t fresh);
void candidates_sort(struct detect *detect);

/* captures.c */
void captures_take(struct run *run, const struct capture_list *list, const uint8_t *subject); /* after a match */
void captures_keep(struct run *run); /* the rule holds */
const struct var_value *captured_find(const struct run *run, bool of_packet, uint32_t name); /* NULL: none */

/* alert.c: the rule of run holds: what it brings about, thresholds, the match. */
void alert_rule(struct run *run);
struct match *alert_push(struct run *run);

/* detect.c */
void run_open(struct run *run, struct detect *detect, struct flow *flow, const struct packet *pkt, enum cc_dir dir,
    struct batch *batch);
/* Header, checks and all segments hold; payload ops look at run->payload. */
bool rule_holds(struct run *run, const struct rule *rule);
bool flow_passed(const struct run *run);

/* tx.c */
void tx_inspect(struct run *run, struct cc_tx *tx, enum cc_dir dir, bool side_done, bool all_done);
void tx_anomaly(struct run *run, const struct event *event);
void file_inspect(struct run *run, struct cc_file *file, bool done);

/* frames.c */
void frame_inspect(struct run *run, const struct event *event);

/* The way's source and destination: the packet's own, or the flow's; false: there are none. */
bool run_addresses(const struct run *run, const struct cc_addr **ret_src, const struct cc_addr **ret_dst);

/* dataset.c */
enum dataset_type { DATASET_NO_TYPE, DATASET_STRING, DATASET_MD5, DATASET_SHA256, DATASET_IPV4, DATASET_IP };
struct dataset_want {
	struct slice name;
	enum dataset_type type;
	struct slice path; /* of the file that fills it, NUL-terminated; empty: none */
	bool wants_rep;
};
/* The set of that name, made and filled when it is new. */
enum cc_status dataset_take(struct build *build, const struct dataset_want *want, struct dataset **ret_dataset);
void dataset_changes(struct dataset *dataset); /* a rule will set or unset values */
enum cc_status datasets_settle(struct ruleset *set, const struct conf *conf); /* when all rules are read */
void datasets_free(struct ruleset *set);
void datasets_digest(const struct ruleset *set, struct digest *digest); /* over the files that fill them */
void datasets_inherit(struct ruleset *set, const struct ruleset *old);
bool dataset_key(const struct dataset *dataset, struct slice value, uint8_t ret_key[16]); /* false: not of its type */
bool dataset_has(struct run *run, struct dataset *dataset, const uint8_t key[16], uint16_t *ret_rep);
void dataset_set(struct run *run, struct dataset *dataset, const uint8_t key[16]);
void dataset_unset(struct run *run, struct dataset *dataset, const uint8_t key[16]);

/* iprep.c */
#define IPREP_CATEGORIES 60
#define IPREP_SCORE_MAX 127
enum cc_status iprep_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
unsigned iprep_category(const struct iprep *iprep, struct slice name); /* 0: none of that name */
int iprep_score(const struct iprep *iprep, unsigned category, const struct cc_addr *addr); /* -1: none */

void digest_file(struct digest *digest, const char *path); /* common.c: its name and its content */
void files_digest(const struct conf_list *list, uint8_t ret_digest[32]);
/* geoip.c */
enum cc_status geoip_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
void geoip_free(struct MMDB_s *geoip); /* accepts NULL */
bool geoip_country(const struct MMDB_s *geoip, const struct cc_addr *addr, char ret_country[2]); /* false: not known */

/* threshold.c */
void order_ask(const struct run *run); /* before a table that workers share: their turns when files are read */
bool threshold_passes(struct run *run);
bool is_suppressed(const struct run *run);
/* What the rule does: its own action, or that of its rate_filter while that is in force. */
enum rule_action action_now(struct run *run);
/* A mark on addresses; act: 0 asks, 's' sets for so many seconds, 'u' unsets; track: 0 source, 1 destination, 2 the
 * pair. */
bool shared_bit(struct run *run, unsigned track, uint32_t id, char act, uint32_t seconds);

/* watch.c */
enum cc_status watch_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
void watch_flow(struct run *run);
void watch_tx(struct run *run, struct cc_tx *tx, uint32_t from);
void watch_file(struct run *run, struct cc_file *file);

/* yara.c */
enum cc_status yara_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
void yara_free(struct yara *yara);
bool yara_wants_files(const struct yara *yara);
bool yara_wants_stream(const struct yara *yara);
void yara_digest(const struct yara *yara, struct digest *digest);
struct yara_worker *yara_worker_new(struct detect *detect);
void yara_worker_free(struct yara_worker *worker);
enum cc_status yara_worker_switch(struct detect *detect, struct yara_worker **worker);
void yara_stream(struct run *run, const struct chunk *chunk);
void yara_file(struct run *run, struct cc_file *file);
enum cc_status yara_collect(struct detect *detect, bool wait, struct batch *batch);

/* classes.c */
/* Every line of a "….config" file to fn; false of it is a warning that tells the form.  In classes.c. */
typedef bool config_line_fn(struct ruleset *set, struct slice line);
enum cc_status config_load(struct ruleset *set, struct ruleset_report *report, const char *path, config_line_fn *fn,
    const char *form);
enum cc_status lines_verdict(
    const struct ruleset *set, struct ruleset_report *report, const char *path, size_t good, size_t wrong);
enum cc_status classes_load(struct ruleset *set, struct ruleset_report *report, const char *path);
enum cc_status classes_standard(struct ruleset *set);

/* references.c */
enum cc_status references_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);
/* "scheme,text" with the scheme's prefix in the place of it; empty when there is none. */
enum cc_status reference_resolve(struct build *build, struct slice reference, struct slice *ret_url);

/* limits.c */
enum cc_status limits_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report);

/* load.c */
/* A whole file into memory; what is wrong is told. */
/* All rules of conf's files into set; old: whose rules of the same text are taken over; may be NULL. */
enum cc_status rules_load(
    struct ruleset *set, struct ruleset *old, const struct conf *conf, struct ruleset_report *report);
enum cc_status worse(enum cc_status a, enum cc_status b); /* what is told of two */
enum cc_status text_load(
    struct store *store, struct ruleset_report *report, const char *path, struct slice *ret_text);
void report_line(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column, const char *keyword,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
