/*
 * From text to a ruleset: a rule while it is read, and what the files that build share.  At load only.
 */
#ifndef DETECT_BUILD_H
#define DETECT_BUILD_H

#include "detect/ruleset.h"

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

#endif
