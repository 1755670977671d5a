/*
 * Several organisations' sightings put together: to activities, and for each to an answer on the infrastructure that it
 * comes from, or to 'cannot say'.  README.md has the formulas.
 *
 * All that comes out is a function of the set of messages that went in, not of their order.  One thread; memory is
 * bounded by joint.nodes_max.
 */
#ifndef JOINT_JOINT_H
#define JOINT_JOINT_H

#include "base/base.h"
#include "concert/output.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "exchange/exchange.h"
#include "joint/state.h"

#include <signal.h>

/* ---- joint_read.c: a verified message as a sighting ---- */

enum joint_origin { JOINT_OWN, JOINT_RELAY, JOINT_ANSWER };

/* All texts borrow from the message, or from the scratch that joint_read() was given. */
struct joint_sighting {
	struct slice message, organisation, sensor; /* ce_id; who signed */
	struct slice key;                           /* of the record: "kind:value" */
	enum cc_kind kind;
	struct slice value;
	uint64_t first, last, count;                /* ns; count 0: looked for and not seen */
	enum cc_tlp tlp;                            /* as its message is marked */
	bool exercise;
	enum joint_origin origin;
	struct slice origin_of;                     /* the message that it repeats */
	enum cc_proof proof;
	uint64_t from, until;                       /* what the sensor's coverage speaks of; 0: not said */
	double loss;                                /* 0..1, what the sensor did not see of what it looked at */
	double clock_error;                         /* seconds; negative: not known */
	unsigned completeness, hops;                /* per cent; 255: cannot say */
	bool one_sided, client;                     /* client: the attacker began */
	bool revoked;                               /* the indicator is taken back: no sight */
	uint16_t port;
	struct slice attacker, attacker_pseudonym, victim, sector;
	double period, jitter;                      /* between repeats: seconds, 0: not said; part of it */
	struct slice stack, ja3, ja3s, ja4, hassh, hassh_server, cert, key_sha256, agent, headers;
	struct slice rule_name, rule, rule_class;
	struct slice domain, url, file;
};

#define JOINT_TEXT_MAX 4096 /* of a sighting; no sensor writes longer ones, and they are not taken */
#define JOINT_NAME_MAX 255  /* of a message, a sensor */

/* CC_ABSENT: no sighting; CC_BAD: not a bundle that can be used.  organisation: who signed.  scratch is cleared. */
enum cc_status joint_read(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    struct joint_sighting *ret_sighting);

/*
 * What an answer to have-you-seen tells, a call for each result that means something.  CC_ABSENT: no such answer, or
 * one that is sealed and does not open.  open (may be NULL) opens what responder sealed for request id; *ret_plain is
 * malloc.
 */
typedef void joint_sighting_fn(void *ctx, const struct joint_sighting *sighting);
typedef enum cc_status joint_open_fn(
    void *ctx, struct slice responder, struct slice id, struct slice sealed, struct slice *ret_plain);
enum cc_status joint_answers(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    joint_sighting_fn *fn, joint_open_fn *open, void *ctx);

/* A heartbeat: that a sensor looked, and what it lost. */
struct joint_heartbeat {
	struct slice organisation; /* who signed */
	uint64_t from, until;      /* ns */
	double lost;               /* 0..1 */
	double clock_error;        /* seconds; negative: not known */
	uint64_t read;             /* ns: when it was read; 0: not known */
};
/* CC_ABSENT: no heartbeat.  scratch is cleared. */
enum cc_status joint_read_heartbeat(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    struct joint_heartbeat *ret_heartbeat);

/* heard_read.c: a contacts entry, or a notice.  CC_ABSENT: neither; CC_FULL: of a drill. */
enum { HEARD_ROLE, HEARD_NAME, HEARD_EMAIL, HEARD_TELEPHONE, HEARD_TEXTS };
enum { HEARD_ID, HEARD_TITLE, HEARD_NAMED }; /* of a notice; named: "kind:value kind:value" */
struct joint_word {
	struct slice organisation; /* who signed */
	bool notice;
	enum cc_tlp tlp;
	uint64_t time;
	struct slice text[HEARD_TEXTS];
};
enum cc_status joint_read_word(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    struct joint_word *ret_word);

/* ---- joint.c: the set of sightings ---- */

struct joint;

struct joint *joint_new(const struct conf *conf); /* NULL: no memory */
void joint_free(struct joint *joint);
/* A network that organisation speaks for, from the operator's trust file: what attacks from there is one of its victims
 * first. */
enum cc_status joint_home(struct joint *joint, const char *organisation, const char *prefix);
/* CC_FULL: joint.nodes_max is reached; counted. */
enum cc_status joint_add(struct joint *joint, const struct joint_sighting *sighting);
/* The organisation takes back what it said of this until then: its sights leave their cases.  CC_FULL: counted. */
enum cc_status joint_revoke(
    struct joint *joint, struct slice organisation, enum cc_kind kind, struct slice value, uint64_t time);
/* watch.c.  CC_FULL: of too many organisations; CC_BAD: of a time to come.  Each is counted. */
enum cc_status joint_watched(struct joint *joint, const struct joint_heartbeat *heartbeat);
/* heard.c.  CC_FULL: too many. */
enum cc_status joint_heard(struct joint *joint, const struct joint_word *word);
size_t joint_nodes(const struct joint *joint);
uint64_t joint_dropped(const struct joint *joint);
uint64_t joint_unnamed(const struct joint *joint); /* messages that a node has and does not name */
uint64_t joint_ahead(const struct joint *joint);   /* heartbeats of a time to come */
uint64_t joint_linked(const struct joint *joint); /* nodes that were linked anew, over all settlings */

/* Links all that was added to activities.  The cases stay until the next call. */
enum cc_status joint_settle(struct joint *joint);
size_t joint_cases(const struct joint *joint);
/* Weighs one case and appends it as JSON: README.md has its members.  CC_NOMEM: what was appended is no case to show.
 */
enum cc_status joint_case_json(struct joint *joint, size_t index, struct json *json, const char *key);

/* The same at a cost by what was added since, and not by all: the largest activities wait until they have grown by a
 * part. */
enum cc_status joint_settle_some(struct joint *joint);
struct joint_change {
	char id[64], with[64]; /* of cases; with: into which it merged, from which it split; "": none */
	const char *event;     /* opened, merged, split, gone; NULL: what the case says may be another */
	uint32_t activity;     /* for joint_change_json(); of an event, nothing */
	uint64_t first, with_first; /* ns: their first sights, of which the day is told for good */
};
/* What changed since the last settling; false: no more. */
bool joint_next_change(struct joint *joint, struct joint_change *ret_change);

/* ---- keep.c: the running correlator's memory, in the database of state.h ---- */

struct joint_keep;

/* What was kept is read into joint, which is new; state and joint are borrowed. */
enum cc_status joint_keep_open(
    struct joint_state *state, struct joint *joint, struct joint_keep **ret_keep, char **ret_why);
void joint_keep_close(struct joint_keep *keep);
bool joint_keep_next(struct joint_keep *keep, const char *place, uint64_t *ret_next); /* how far a place was read */
enum cc_status joint_keep_restore(struct joint_keep *keep, struct verifier *verifier); /* the state of chains */
uint64_t joint_keep_count(struct joint_keep *keep, const char *name);
uint64_t joint_keep_cold(const struct joint_keep *keep); /* activities that went to disk, ever */

struct joint_progress {
	const struct reader_position *position; /* those that changed are kept */
	size_t positions;
	const struct reader_position *second; /* one more; NULL */
	struct verifier *verifier; /* knows of no message beyond the positions; NULL: none */
	struct joint_count {
		const char *name;
		uint64_t value;
	} *count;
	size_t counts;
	bool all;      /* nothing more is there for now: leave no cell waiting */
	bool later;    /* more is at hand: only keep what came, if it can wait to be linked and told */
	uint64_t now;
	void (*fault)(void *ctx, const char *point); /* of fault.def; NULL */
	void *ctx;
};
/* Settles, writes what changed, and all of progress, in one transaction. */
enum cc_status joint_keep_commit(struct joint_keep *keep, const struct joint_progress *progress);
bool joint_keep_waits(const struct joint_keep *keep); /* what was kept last is not linked and told yet */

/* ---- members.c: several correlators as one ---- */

struct joint_members;

/* from: "kafka:HOST:PORT"; resume: where joint.nodes_topic was read to.  Borrows trust. */
enum cc_status joint_members_open(const struct conf *conf, const char *outdir, const char *from,
    const struct trust *trust, const struct reader_resume *resume, struct joint_members **ret_members, char **ret_why);
void joint_members_close(struct joint_members *members);
/* Once it is set, nothing is waited for beyond a few seconds. */
void joint_members_hear(struct joint_members *members, const volatile sig_atomic_t *stop);
/* To it goes what this member reads of the shared topics; then to all, until it is delivered or the time (monotonic) is
 * reached: CC_IO. */
struct joint *joint_members_first(struct joint_members *members);
enum cc_status joint_members_send(struct joint_members *members, uint64_t until);
/* What there is of it, if it is much, on its way before that. */
enum cc_status joint_members_send_some(struct joint_members *members, uint64_t until);
const char *joint_members_state(const struct joint_members *members);
/* Into joint, what all have sent, where that topic is ours: JOINT_TAKE nodes at once, about. */
#define JOINT_TAKE 4096
enum cc_status joint_members_take(struct joint_members *members, struct joint *joint, int ms, size_t *ret_count);
struct reader_position *joint_members_position(
    struct joint_members *members);                       /* to be kept with joint; place NULL: none yet */
void joint_members_commit(struct joint_members *members); /* it is kept */
enum joint_refused {
#define REFUSED(symbol, word, sentence) JOINT_REFUSED_##symbol,
#include "joint/members.def"
#undef REFUSED
	JOINT_REFUSED_COUNT,
};
extern const char *const joint_refused_word[JOINT_REFUSED_COUNT];
uint64_t joint_members_refused(const struct joint_members *members, enum joint_refused why);

/* ---- evidence.c: the algebra; pure ---- */

#define JOINT_STRONG 6.5       /* a link */
#define JOINT_TELLS 5.0        /* a link of a feature that tells whom else a thing is seen with */
#define JOINT_WITNESS_CAP 3.0  /* nats, the most that one organisation moves one hypothesis */
#define JOINT_AGAIN 0.3        /* what another sight by the same organisation counts of the one before */

/* What a sight is worth as evidence for the attacker's address: by proof and by who began. */
double joint_proof_llr(enum cc_proof proof, bool client);
/* Of one organisation's sights, best first: a geometric sum, capped. */
double joint_witness_sum(const double *llr, size_t count);
/* Not seen by who looked with this loss: negative. */
double joint_negative_llr(double loss, double hours);
/* Weight of a shared feature whose nodes fall into diversity unrelated groups, which is this part of them; steep: how
 * much that part says: 4 of what is let to whoever pays (addresses, certificates), 2 of names, which can be popular,
 * else 0. */
double joint_feature_weight(double cap, double spread, double diversity, double part, double steep);
/* A class of rules that say what is there, not that it is bad. */
bool joint_class_observes(struct slice class);
/* a before b, surely: false inside their error bounds (seconds; negative: not known, never sure). */
bool joint_before(uint64_t a, double a_error, uint64_t b, double b_error);

#endif
