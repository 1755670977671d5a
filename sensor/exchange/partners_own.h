/* What the files of partners share: what a message tells, what is refused, an entry.  One thread. */
#ifndef EXCHANGE_PARTNERS_OWN_H
#define EXCHANGE_PARTNERS_OWN_H

#include "exchange/exchange.h"

#define TOLD_MAX 64     /* indicators of one message that are looked at */
#define ANSWER_MAX 256  /* as struct cc_record's */
#define VALUE_MAX 2048

/* ---- partners_read.c: what a bundle tells ---- */

struct told {
	enum cc_kind kind;
	char *value;        /* as the pattern has it */
	size_t size;
	bool known;         /* the pattern is one that we understand */
	bool revoked, negative;
	enum { TOLD_OWN, TOLD_ANSWER, TOLD_RELAY } origin;
	enum cc_proof proof;
	uint64_t until;     /* ns, 0: not said */
	char indicator[96];
};

struct telling {
	struct told told[TOLD_MAX];
	size_t count, more; /* more: that found no room */
};

/* CC_BAD: no bundle.  What is filled is freed by telling_free(). */
enum cc_status telling_read(struct slice value, struct telling *ret_telling);
void telling_free(struct telling *telling);
/* "[domain-name:value = 'x']": CC_BAD: another pattern. */
enum cc_status pattern_read(const char *pattern, enum cc_kind *ret_kind, char *ret_value, size_t *ret_size);

/* ---- partners_allow.c: what is never watched ---- */

struct allow;

enum cc_status allow_open(const struct conf *conf, const char *outdir, struct allow **ret_allow, char **ret_why);
void allow_close(struct allow *allow);
/* The counter of the reason why not; EXCHANGE_COUNT: nothing speaks against it.  prefix: of an address. */
enum exchange_count allow_judge(
    const struct allow *allow, enum cc_kind kind, struct slice value, const struct cc_prefix *prefix);

/* ---- partners_entry.c: entries, in memory and on disk ---- */

/* A partner, and what the operator's policy lets him do. */
struct source {
	char id[160];
	bool use, answers, negative;
	unsigned kinds; /* bits: 1 << kind */
	bool has_proof;
	enum cc_proof proof;
	uint64_t max, count;
	uint64_t tokens, refilled; /* messages that may still be taken; monotonic */
};

struct entry {
	struct source *source;
	enum cc_kind kind;
	char *value;
	char message[64], indicator[96];
	uint64_t told, until;      /* ns: when it was told last, when it ends */
	uint64_t looked, hit;      /* the quiet window began; the last hit, 0: none */
	bool negative;             /* the partner was told that there was none */
};

struct entries;

enum cc_status entries_open(const struct conf *conf, const char *outdir, struct entries **ret_entries, char **ret_why);
void entries_close(struct entries *entries);
struct source *entries_source(struct entries *entries, const char *id); /* NULL: no memory */
void entries_policy(
    struct entries *entries, const struct trust *trust); /* of all sources anew; who is trusted no more has none */
struct entry *entries_find(struct entries *entries, const struct source *source, enum cc_kind kind, struct slice value);
/* CC_FULL: partners.max. */
enum cc_status entries_add(struct entries *entries, struct source *source, enum cc_kind kind, struct slice value,
    struct entry **ret_entry);
void entries_keep(
    struct entries *entries, const struct entry *entry); /* it has changed: to the disk with the next commit */
void entries_remove(struct entries *entries, struct entry *entry);
bool entries_next(const struct entries *entries, size_t *at, struct entry **ret_entry);
size_t entries_count(const struct entries *entries);
void entries_save_lanes(struct entries *entries, const char *from, struct verifier *verifier);
void entries_restore_lanes(struct entries *entries, const char *from, struct verifier *verifier);
void entries_commit(struct entries *entries);
uint64_t entries_errors(const struct entries *entries);

/* ---- partners_refused.c: the list of what was refused ---- */

struct refused;

struct refused *refused_new(const struct conf *conf, const char *outdir); /* NULL: no memory */
void refused_free(struct refused *refused);
void refused_second(struct refused *refused); /* a new second: as many lines again */
void refused_note(struct refused *refused, enum exchange_count reason, const char *source, const struct cc_message *msg,
    const struct told *told);

/* ---- partners_list.c ---- */

bool list_put(struct buf *list, const struct entry *entry); /* false: no room, list is as before */

/* ---- stix_negative.c ---- */

struct negative {
	enum cc_kind kind;
	struct slice value;
	const char *to, *of;      /* organisation and id of the message that it answers */
	uint64_t from, until;     /* the window */
	uint64_t looked, packets, lost; /* within it; looked in ns */
};
/* CC_FULL: out is too small. */
enum cc_status stix_negative(const struct conf *conf, bool live, const struct negative *what, struct buf *out);

#endif
