/*
 * Rules over what the wire showed: signatures, YARA, the partners' watch list; events and bytes in, matches out.
 *
 * A struct ruleset is compiled once, immutable, and shared by all workers; a struct detect is one worker's: scratch,
 * half matched rules, counters.  A reload makes a new ruleset and hands it over by pointer between two packets.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "app/app.h"
#include "base/base.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "flow/flow.h"

enum detect_count {
#define COUNT(symbol, name, help) DETECT_##symbol,
#include "detect/counters.def"
#undef COUNT
	DETECT_COUNT
};
extern const char *const detect_count_name[DETECT_COUNT];

/* Suricata's actions; a passive sensor alerts for drop and reject, and says so. */
enum rule_action { RULE_ALERT, RULE_PASS, RULE_DROP, RULE_REJECT };

struct rule_meta {
	struct slice key, value;
};

/* What a matched rule says of itself, whoever made it; strings belong to the ruleset. */
struct rule_info {
	enum rule_action action;
	uint32_t gid, sid, rev;
	uint8_t severity; /* 1 to 4: Suricata's priority, cut to 4 for indicators */
	uint32_t priority;
	struct slice msg, class_name, class_text; /* msg "" when the rule has none */
	const struct rule_meta *meta;             /* metadata: key value pairs, in order */
	size_t meta_count;
	const struct slice *reference; /* "url,example.org/x" */
	size_t reference_count;
	const struct slice *reference_url; /* the same as addresses; empty where the scheme has none */
	bool target_src, target_dst; /* target:src_ip, target:dest_ip say who the victim is */
	bool noalert;
	uint8_t digest[32]; /* SHA-256 of the rule's text as written */
	struct slice text;  /* as written, borrowed from the ruleset */
	const char *file;
	uint32_t line;
};

/* An entry of the watch list that was hit: an indicator of a partner's, or of the operator's file. */
struct watch_info {
	uint8_t kind; /* enum cc_kind */
	struct slice value, source, comment;
	struct slice answer_to; /* "ORGANISATION MESSAGE" of the partner's message, empty: nobody's */
};

enum match_by { MATCH_SIGNATURE, MATCH_YARA, MATCH_WATCH };

struct match {
	enum match_by by;
	const struct rule_info *rule; /* signature or YARA */
	const struct watch_info *watch;
	struct flow *flow;
	enum cc_dir dir;      /* the way of what matched */
	struct cc_tx *tx;     /* NULL: not in a transaction */
	struct cc_file *file; /* NULL: not in a file */
	bool has_packet;      /* false at a flow's end */
	bool stream;          /* matched in the assembled stream */
	const char *buffer;   /* "http.uri", "payload", "stream", "file" */
	uint64_t offset;      /* of the first match in it; stream: in the whole stream; UINT64_MAX: not said */
	uint32_t size;        /* of what matched there, 0: not said */
	struct slice string;  /* YARA: the string's name ("$a") */
};

/* What loading said: one line for each problem, file:line:column: keyword: reason; and the sums. */
struct ruleset_report {
	struct buf text;    /* problems, a line each; opened by the caller */
	struct buf
	    reasons; /* "3 keyword: reason", a line for each reason of refusal, the most frequent first; the same */
	uint64_t loaded, refused, warnings;
	uint64_t kept;      /* of the loaded: taken over from the set before */
	uint64_t databases, databases_kept, databases_cached; /* the others were compiled */
	uint64_t yara_loaded, yara_refused;
};

struct ruleset;

/*
 * Compiles the files of conf (detect.rules, detect.yara, detect.watch).  A rule that can't be used is refused alone and
 * told in *report; CC_IO: a file could not be read (it is named in the report), CC_NOMEM.  Not on the packet path.
 */
enum cc_status ruleset_load(const struct conf *conf, struct ruleset_report *report, struct ruleset **ret_set);
/*
 * The same beside a set that is in use: what has not changed is shared with it, the rest is compiled.  From a process
 * that is confined: the cache is read and not written.
 */
enum cc_status ruleset_reload(
    const struct conf *conf, struct ruleset *old, struct ruleset_report *report, struct ruleset **ret_set);
char *ruleset_cache_path(const struct conf *conf);        /* where a reload reads, to be freed; NULL: nowhere */
void ruleset_free(struct ruleset *set);                   /* when no detect uses it any more; accepts NULL */
const uint8_t *ruleset_digest(const struct ruleset *set); /* SHA-256 over the digests of all its rules, in order */
void detect_manual(FILE *out);                            /* the language, as Markdown */
/* What app has to keep for these rules. */
void ruleset_wants(const struct ruleset *set, struct app_wants *ret_wants, size_t *ret_history);

/*
 * A watch list beside the rule set's: what partners tell, made by whoever gets it, immutable once a detect has it.
 * Values are copied.  watch_add(): CC_BAD: no value of that kind; CC_FULL: max; CC_NOMEM.  What is there already stays
 * as it was.
 */
struct watch;
struct watch_entry {
	enum cc_kind kind;
	struct slice value, source, comment, answer_to;
};
struct watch *watch_new(size_t max); /* NULL: no memory */
enum cc_status watch_add(struct watch *watch, const struct watch_entry *entry);
size_t watch_count(const struct watch *watch);
bool watch_wants_files(const struct watch *watch); /* NULL: false */
void watch_free(struct watch *watch);              /* when no detect uses it any more; accepts NULL */
/* The value as lists write it: names in lower case, hashes in hex, an address or prefix without host bits.  CC_BAD:
 * none of that kind.  *ret_prefix: of an address. */
enum cc_status watch_value(enum cc_kind kind, struct slice value, struct buf *ret_out, struct cc_prefix *ret_prefix);

/* A table that several workers share for what counts across flows (threshold by_src …); in order when order is given.
 */
struct threshold_table;
struct threshold_table *threshold_table_new(const struct conf *conf);
void threshold_table_free(struct threshold_table *table);

struct detect_setup {
	const struct conf *conf;
	struct ruleset *set;
	struct pool *pool;
	struct threshold_table *thresholds;
	/*
	 * For stream-event rules, and to give back what a YARA thread held; may be NULL: then those rules can't hold,
	 * and files are scanned on the worker.
	 */
	struct flows *flows;
	struct app *app;
	/* Called before the shared table is asked, so that files give the same answer with any number of workers; may
	 * be NULL. */
	void (*order)(void *ctx, uint64_t seq);
	void *order_ctx;
};

struct detect;

/*
 * The rules that cost this worker most since it has its rule set, costliest first: an estimate, of the few runs that
 * are timed. Returns how many, at most max.
 */
struct detect_cost {
	uint32_t gid, sid;
	uint64_t checks, matches, ns;
};
unsigned detect_costs(const struct detect *detect, struct detect_cost *ret_costs, unsigned max);

struct detect *detect_new(const struct detect_setup *setup); /* NULL: no memory */
void detect_free(struct detect *detect);
/* From the next packet on; the caller frees the old one once every worker has switched. */
void detect_switch(struct detect *detect, struct ruleset *set);

/* The partners' list from the next packet on; NULL: none.  The caller frees the old one once every worker has switched.
 */
/* While on, the time that is spent on looking for patterns is added up: for one packet in many. */
void detect_timed(struct detect *detect, bool on);
uint64_t detect_scan_ns(const struct detect *detect);
void detect_watch(struct detect *detect, const struct watch *watch);

/* Bytes of a stream, after app_feed(), while the chunk is valid. */
void detect_stream(
    struct detect *detect, struct flow *flow, const struct packet *pkt, const struct chunk *chunk, struct batch *batch);
/* The packet and the events of its batch.  pkt NULL: the flow's end.  Matches are appended to batch, at most
 * detect.alerts_max. */
void detect_run(
    struct detect *detect, struct flow *flow, const struct packet *pkt, enum cc_dir dir, struct batch *batch);
/* A packet that decode gave up on, for decode-event rules. */
void detect_odd(struct detect *detect, const struct packet *pkt, struct batch *batch);
/* A tunnel's own packet (decode_outer()), of no flow.  first: what it carries is the first of its flow and way. */
void detect_outer(struct detect *detect, const struct packet *pkt, bool first, struct batch *batch);
/*
 * Files whose YARA scan has ended since: their matches go to batch with the file's flow facts (match.file; flow may be
 * NULL when it is gone).  CC_OK: some; CC_MORE: scans are running; CC_END: none.  With wait, blocks until one is ready.
 */
enum cc_status detect_collect(struct detect *detect, bool wait, struct batch *batch);
void detect_turn(struct flow *flow); /* its client and server have changed places */
void detect_flow_free(struct detect *detect, struct flow *flow);
void detect_tx_free(struct detect *detect, struct cc_tx *tx);

const uint64_t *detect_counts(const struct detect *detect); /* DETECT_COUNT */

#endif
