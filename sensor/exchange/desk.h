/*
 * The people's side of the exchange: the directory of contacts, requests for assistance, notices, and the audit log
 * over all of it.  Part of exchange.h.
 *
 * What people type is sent under a source of its own, urn:concert:<organisation>/desk, from a spool of its own,
 * OUTDIR/desk/spool, so that commands never fight the daemon for its; signed by the same key.  What came is kept in
 * OUTDIR/desk/desk.sqlite.  One thread at a time has a desk; several processes may each have one.
 */
#ifndef EXCHANGE_DESK_H
#define EXCHANGE_DESK_H

#include "base/base.h"
#include "concert/output.h"
#include "concert/record.h"
#include "conf/conf.h"
#include "exchange/sign.h"

/* ---- audit.c: an append-only log whose lines hold each other ---- */

typedef void audit_fn(void *ctx, struct slice line);
/* Appends a line: what happened, and pairs of name and value up to a NULL; empty values are left out.  CC_BAD: the log
 * was changed. */
enum cc_status audit_note(const char *outdir, const char *what, const char *const *pair, char **ret_why);
/* Every line in order, as far as it is good.  CC_BAD: *ret_why (malloc) names the line that is not. */
enum cc_status audit_check(const char *outdir, audit_fn *fn, void *ctx, uint64_t *ret_count, char **ret_why);

/* ---- desk.c ---- */

struct desk;

/* Makes OUTDIR/desk and the key, as far as they are missing.  CC_BAD, CC_IO, …: *ret_why (malloc). */
enum cc_status desk_open(const struct conf *conf, const char *outdir, struct desk **ret_desk, char **ret_why);
/* What was given is sent, as far as that goes within exchange.drain; the rest stays in the spool for the next time. */
void desk_close(struct desk *desk);
/* Takes in what came since the last call; the first call begins at the topics' start.  What is known already changes
 * nothing. */
enum cc_status desk_sync(struct desk *desk, char **ret_why);
/* A place that has not answered yet, so that what came there is not known; NULL: none. */
const char *desk_unheard(const struct desk *desk);
/* CC_MORE: some of what was given is still in the spool. */
enum cc_status desk_flush(struct desk *desk);
/* What an earlier flush left there is offered again by the next. */
enum cc_status desk_resend(struct desk *desk);
/* Reads the trust file again; on failure all stays as it was. */
enum cc_status desk_reload(struct desk *desk, char **ret_why);
const struct trust *desk_trust(const struct desk *desk);
uint64_t desk_refused(const struct desk *desk); /* messages that were not believed, since it was opened */

/* ---- contact.c, directory.c: points of contact ---- */

#define CONTACT_POINTS 16
#define CONTACT_SECTORS 64
#define CONTACT_CRITERIA 8

struct contact_point { /* in order of escalation */
	char role[16];     /* "technical", "policy" */
	char name[128];    /* or function */
	char email[256], telephone[64], languages[64];
	char hours[64];    /* "24/7", "Mo-Fr 08:00-17:00" */
	char zone[64];     /* "Europe/Berlin", "UTC" */
};

struct contact_sector {
	char name[64];
	struct {
		char level[32], text[256];
	} criterion[CONTACT_CRITERIA];
	size_t count;
};

struct contact {
	char organisation[128], country[8], kind[16];
	enum cc_tlp receive;       /* the highest marking that it may receive, by its own word */
	uint64_t published, until; /* ns */
	struct contact_point point[CONTACT_POINTS];
	size_t points;
	struct contact_sector sector[CONTACT_SECTORS];
	size_t sectors;
	struct key_list keys;
	/* x of its key agreement key (X25519), and of the one before, which still opens until that time; "": none */
	char agreement[KEY_ID], agreement_old[KEY_ID];
	uint64_t agreement_until; /* 0: not said */
	/* What the directory knows beside the entry. */
	char kid[KEY_ID];
	uint64_t pinged, answered,
	    took; /* the last ping of ours, the last that was answered, and how long that took: ns */
};

/* An operator's YAML file.  CC_BAD, CC_IO: *ret_why (malloc) says what is wrong, and where. */
enum cc_status contact_read(
    const char *path, const struct conf *conf, uint64_t now, struct contact *ret_contact, char **ret_why);
/* The entry as JSON, as it stands in the message. */
void contact_json(struct json *json, const char *key, const struct contact *contact);
/* Of JSON, as it came.  CC_BAD: why says what is wrong. */
enum cc_status contact_parse(struct slice text, struct contact *ret_contact, char why[160]);
enum cc_status contacts_publish(struct desk *desk, const struct contact *contact, char **ret_why);
typedef void contacts_fn(void *ctx, const struct contact *contact);
/* By organisation; organisation NULL: all.  CC_ABSENT: none. */
enum cc_status contacts_visit(struct desk *desk, const char *organisation, contacts_fn *fn, void *ctx);
/* "good", "expired", "stale" (not renewed for exchange.contact_stale), "no entry" … */
const char *contact_state(const struct contact *contact, const struct conf *conf, uint64_t now);
/* Is the point's time of day within its hours?  minute: of its own week, Monday 00:00 is 0.  CC_BAD: hours that can't
 * be read. */
enum cc_status contact_hours(const char *hours, unsigned minute, bool *ret_within);

/* ---- policy.c: what is answered by machine ---- */

enum request_kind { REQUEST_HAVE_YOU_SEEN, REQUEST_EVIDENCE, REQUEST_REVEAL, REQUEST_ELIMINATE, REQUEST_EXPLAIN,
    REQUEST_PING, REQUEST_KINDS };
extern const char *const request_kind_word[REQUEST_KINDS];

enum policy_answer { POLICY_WAIT, POLICY_MACHINE, POLICY_NEVER };
extern const char *const policy_answer_word[POLICY_NEVER + 1];

struct policy;
/* The file exchange.policy; path "": without any row.  CC_BAD, CC_IO: *ret_why (malloc). */
enum cc_status policy_read(const char *path, struct policy **ret_policy, char **ret_why);
void policy_free(struct policy *policy);
/* The first row that fits; without one a ping is answered and all else waits for a person. */
enum policy_answer policy_of(const struct policy *policy, const char *partner, enum request_kind kind, enum cc_tlp tlp);

/* ---- request.c, requests.c: requests for assistance ---- */

enum request_state { REQUEST_SENT, REQUEST_ACKNOWLEDGED, REQUEST_WORKING, REQUEST_ANSWERED, REQUEST_DECLINED,
    REQUEST_CLOSED, REQUEST_STATES };
enum request_priority { REQUEST_ROUTINE, REQUEST_URGENT, REQUEST_FLASH, REQUEST_PRIORITIES };
extern const char *const request_state_word[REQUEST_STATES], *const request_priority_word[REQUEST_PRIORITIES];

/* The state machine.  from REQUEST_STATES: there is no such request yet.  NULL: legal; else why not, in words. */
const char *request_step(enum request_state from, enum request_state to, bool by_requester);

#define REQUEST_INDICATORS 64

struct request {
	char id[40], requester[128], responder[128];
	enum request_kind kind;
	enum request_state state;
	enum request_priority priority;
	enum cc_tlp tlp;
	bool exercise;
	uint64_t created, changed, deadline; /* ns */
	char text[2048], contact[512];
	char indicator[REQUEST_INDICATORS][512]; /* "domain:x.example" */
	size_t indicators;
	uint64_t from, to;                       /* the time that is asked about */
	char evidence[65], pseudonym[160];
	/* What became of it. */
	char reason[1024];  /* the words of the answer, or why it was declined */
	char *answer;       /* JSON, or NULL; ends with the visit */
	char verdict[200];  /* of evidence that came: does it fit its commitment? */
	char held[200];     /* why the machine leaves it to a person */
	bool ours;          /* we are the requester */
};

/* Sends it; id, requester and created are filled in.  CC_DENIED: marked above what the responder may receive, or the
 * topic. */
enum cc_status request_send(struct desk *desk, struct request *request, char **ret_why);
/* A step of ours, with words (may be NULL).  CC_DENIED: not legal, in *ret_why.  CC_ABSENT: no such request. */
enum cc_status request_move(
    struct desk *desk, const char *id, enum request_state to, const char *words, char **ret_why);
/* Answers with what the kind asks for, and words: by a person's decision, whatever the policy says. */
enum cc_status request_answer(struct desk *desk, const char *id, const char *words, char **ret_why);
typedef void request_fn(void *ctx, const struct request *request);
/* By age; id (or its beginning) NULL: all.  CC_ABSENT: none; CC_DENIED: several begin so. */
enum cc_status requests_visit(struct desk *desk, const char *id, request_fn *fn, void *ctx);
/* Its steps in order, refused ones among them: "applied", "refused" with why, "waiting" for one that is missing. */
struct request_event {
	const char *organisation, *state, *status, *why, *text;
	uint64_t time;
};
typedef void request_event_fn(void *ctx, const struct request_event *event);
enum cc_status request_events(struct desk *desk, const char *id, request_event_fn *fn, void *ctx);
/* Which rung of the responder's order of escalation has to be called: 0 none yet, 1 the first point of contact, … */
unsigned request_overdue(const struct request *request, const struct conf *conf, uint64_t now);
/* Once for each rung of each overdue request: called, and noted in the audit log.  call: whom, "": nobody is known. */
typedef void request_overdue_fn(void *ctx, const struct request *request, unsigned rung, const char *call);
enum cc_status requests_escalate(struct desk *desk, uint64_t now, request_overdue_fn *fn, void *ctx);
/* The capture that came in answer: its path, or CC_ABSENT. */
enum cc_status request_capture(struct desk *desk, const struct request *request, char *ret_path, size_t room);
/* What was asked of us and the policy lets a machine do; *ret_done: how many steps were made. */
enum cc_status requests_serve(struct desk *desk, const struct policy *policy, size_t *ret_done, char **ret_why);

/* ---- notices.c: new threats, good practice, rule packs ---- */

enum notice_kind { NOTICE_THREAT, NOTICE_PRACTICE, NOTICE_RULES, NOTICE_KINDS };
extern const char *const notice_kind_word[NOTICE_KINDS]; /* "threat", "practice", "rules" */

#define NOTICE_FILES 16

struct notice_file {
	char name[96]; /* letters, digits, dots and dashes; its end says what it is: .rules, .yar, .pcap, … */
	char sha256[65];
	struct slice bytes; /* borrowed */
	bool near;          /* a capture on which nothing may fire */
};

struct notice {
	char id[40], organisation[128], title[256], text[4096];
	enum notice_kind kind;
	enum cc_tlp tlp;
	bool exercise, revoked, ours;
	uint64_t created, modified; /* ns */
	char installed[1024];       /* the folder where its rules went; "": none */
	struct notice_file file[NOTICE_FILES];
	size_t files;
};

bool notice_name_is_good(const char *name);
/* Sends it; organisation and times are filled in.  id: "", and it is filled in, too; else of ours (or its beginning)
 * that it takes the place of. */
enum cc_status notice_publish(struct desk *desk, struct notice *notice, char **ret_why);
/* Our own, taken back: CC_ABSENT: no such notice of ours. */
enum cc_status notice_revoke(struct desk *desk, const char *id, const char *words, char **ret_why);
typedef void notice_fn(void *ctx, const struct notice *notice);
/* By age; id (or its beginning) NULL: all.  CC_ABSENT: none; CC_DENIED: several begin so. */
enum cc_status notices_visit(struct desk *desk, const char *id, notice_fn *fn, void *ctx);
enum cc_status notice_installed(struct desk *desk, const char *id, const char *folder); /* "": not any more */

/* ---- board.c, board_stix.c: cases of the joint determination, and opinions on them ---- */

/* What a case names, as observables; kinds that STIX has no observable for stay in the document alone. */
struct board_item {
	const char *kind, *value;
};

struct board_witness { /* an organisation and what it saw of the case */
	const char *organisation;
	uint64_t first, last, count;
	const size_t *item; /* of items */
	size_t items;
	const char *const *message; /* its messages, as far as the case lists them */
	size_t messages;
};

enum board_view { BOARD_AGREE, BOARD_DISAGREE, BOARD_ABSTAIN, BOARD_VIEWS };
extern const char *const board_view_word[BOARD_VIEWS]; /* "agree", "disagree", "abstain" */

struct board_opinion {
	char id[48], of[128];   /* the case, and whose determination of it */
	char organisation[128]; /* who says it */
	enum board_view view;
	char text[2048], about[256]; /* about: the answer that it speaks of, in words */
	char message[80];       /* id of the bundle */
	enum cc_tlp tlp;
	bool exercise;
	uint64_t time;
};

struct board_edge { /* between items, by their index; why: "resolved to", or any words */
	size_t from, to;
	const char *why;
};

struct board_post {
	const char *id, *name, *summary;          /* "case--…"; words for people */
	const char *publisher;                    /* whose determination it is */
	struct slice document;                    /* JSON object */
	enum cc_tlp tlp;
	bool exercise;
	uint64_t time, first, last;
	const struct board_item *item;
	size_t items;
	const struct board_witness *witness;
	size_t witnesses;
	const char *source_kind, *source_value;   /* what is named as the source; "": nothing */
	unsigned confidence;                      /* per cent */
	const struct board_opinion *opinion;      /* all that are known; in a message only our own */
	size_t opinions;
	const struct board_edge *edge;            /* in an export alone: a message has them in its document */
	size_t edges;
};

/* A published case as it came. */
struct board_case {
	const char *id, *organisation, *message;
	enum cc_tlp tlp;
	bool exercise, ours;
	uint64_t time;
	struct slice document; /* JSON; ends with the visit */
};

/* Signed and sent.  CC_DENIED: marked above the topic's ceiling; CC_FULL: larger than exchange.message_max. */
enum cc_status board_publish(struct desk *desk, const struct board_post *post, char **ret_why);
/* Ours on a case that was published; message, organisation and time are filled in.  CC_ABSENT: nobody has published it.
 */
enum cc_status board_say(struct desk *desk, struct board_opinion *opinion, char **ret_why);
typedef void board_case_fn(void *ctx, const struct board_case *one);
enum cc_status board_cases(struct desk *desk, board_case_fn *fn, void *ctx);
typedef void board_opinion_fn(void *ctx, const struct board_opinion *one);
/* By time; id NULL: of all cases. */
enum cc_status board_opinions(struct desk *desk, const char *id, board_opinion_fn *fn, void *ctx);
/* The bundle alone, for who carries it elsewhere: its publisher's objects, with the opinions of all, and what hangs
 * together. */
enum cc_status board_stix(const struct conf *conf, const struct board_post *post, struct buf *out);
bool board_id_is_good(const char *id);

#endif
