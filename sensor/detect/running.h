/*
 * Rules against traffic: one worker's state, what flows and transactions remember, and what the stages of inspection
 * share.  Nothing here takes memory per packet.
 */
#ifndef DETECT_RUNNING_H
#define DETECT_RUNNING_H

#include "detect/ruleset.h"

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
	bool lone;                /* tx stands for one that the file lacks */
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

#endif
