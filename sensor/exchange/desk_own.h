/* What the files of the desk share.  Jansson's header comes first: see base/json.h. */
#ifndef EXCHANGE_DESK_OWN_H
#define EXCHANGE_DESK_OWN_H

#include <jansson.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/sql.h"
#include "exchange/exchange.h"
#include "exchange/stix_own.h"

#define DESK_NAME "desk" /* the last word of our ce_source */

struct desk {
	const struct conf *given;
	struct conf conf;  /* the same, under the desk's name and with its spool; borrows given's strings */
	char *outdir;
	char dir[4096], kid[KEY_ID]; /* of our key */
	struct exchange *exchange; /* NULL: nothing was sent yet */
	struct trust *trust;
	struct agreement *agreement; /* opens what is sealed for us */
	struct stat agreement_file;  /* as it was when it was read */
	struct exchange_sources source; /* where it reads, and its inboxes there */
	struct inbox *contacts[EXCHANGE_SOURCES], *others[EXCHANGE_SOURCES];
	struct victims *victims; /* opened when first asked */
	sqlite3 *db;
	struct buf value;
	bool learnt; /* a public key, by an entry: what was refused for the lack of it is read again */
	bool synced;
	uint64_t refused, flooded;
	char error[512];
};

/* A message that is believed. */
struct came {
	const char *organisation, *kid;
	bool own, exercise;
	uint64_t time; /* ce_time, ns */
	enum cc_tlp tlp;
	struct slice key;
	json_t *bundle;
	const char *id; /* of the bundle */
};

/* ---- desk.c ---- */

enum cc_status desk_fail(struct desk *desk, enum cc_status st, char **ret_why, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* As sql_ask() and sql_do(); what fails is logged. */
sqlite3_stmt *desk_ask(struct desk *desk, const char *sql, const char *format, ...);
enum cc_status desk_do(struct desk *desk, const char *sql, const char *format, ...);
uint64_t desk_number(struct desk *desk, const char *sql, const char *format, ...); /* 0: no row */

struct draft {
	const char *topic, *type, *key, *word; /* word: makes the bundle's id, with key and time */
	enum cc_tlp tlp;
	bool exercise;
	uint64_t time;
	char when[40], id[STIX_ID], organisation[STIX_ID], self[STIX_ID];
	struct json json; /* in the array of objects */
};
/* The bundle's head; frame: the identity of the organisation, too. */
void draft_begin(struct desk *desk, struct draft *draft, bool frame);
/* The head of an object of ours. */
void draft_object(struct draft *draft, const char *type, const char *id, const char *created);
/* A note about ourselves, its extension's member as JSON. */
void draft_note(struct draft *draft, const char *abstract, const char *content, const char *member, struct slice json);
void draft_artifact(
    struct draft *draft, struct slice bytes, const char *mime); /* SEALED_MIME: what is in it is encrypted */
#define SEALED_MIME "application/jose"
/* Sent, and taken in as if it had come.  CC_DENIED: above the topic's ceiling; CC_FULL: too large. */
enum cc_status draft_end(struct desk *desk, struct draft *draft, char **ret_why);

enum cc_tlp desk_ceiling(const struct desk *desk, const char *topic);
void desk_audit(struct desk *desk, const char *what, const char *const *pair); /* trouble is logged */
/* The member of our extension on any object of the bundle; NULL: none. */
json_t *desk_extension(json_t *bundle, const char *member);
/* A string member, bounded and without control characters; "" when it is none.  False: it did not fit. */
bool desk_member(const json_t *object, const char *name, char *ret_text, size_t room);
/* The bytes of an artifact object (malloc, the caller's).  CC_ABSENT: it is none; CC_BAD: no base64. */
enum cc_status desk_artifact(const json_t *object, struct slice *ret_bytes);
enum cc_status desk_random_id(char ret_uuid[37]);

/* ---- desk_yaml.c ---- */

/* A YAML file as JSON: mappings, lists and strings, bounded in size and depth.  CC_BAD, CC_IO: *ret_why. */
enum cc_status desk_yaml(const char *path, json_t **ret_value, char **ret_why);

/* ---- what takes messages in ---- */

void contact_came(struct desk *desk, const struct came *came);
void contact_learn(struct desk *desk, struct slice value);
enum cc_status contacts_table(struct desk *desk);
void request_came(struct desk *desk, const struct came *came);
enum cc_status requests_table(struct desk *desk);
enum cc_status overdue_table(struct desk *desk); /* overdue.c */
void notice_came(struct desk *desk, const struct came *came);
enum cc_status notices_table(struct desk *desk);
void board_came(struct desk *desk, const struct came *came);
enum cc_status board_table(struct desk *desk);
/* board_stix.c: the objects of a case, of an opinion; author: our identity's id. */
void board_objects(
    struct json *json, const struct board_post *post, const char *author, const char *own, bool all_opinions);
void board_opinion_object(struct json *json, const struct board_opinion *opinion, bool document);

/* ---- request.c: the messages ---- */

struct evidence_part {
	unsigned n, of;
	struct slice bytes;
};

struct step { /* one message of a request */
	char id[40], requester[128], responder[128], state[16], after[STIX_ID], text[2048];
	json_t *answer; /* borrowed from the bundle */
	json_t *part;
};
/* Of a message that came.  CC_BAD: none, *ret_why (static) says why. */
enum cc_status step_parse(const struct came *came, struct step *ret_step, const char **ret_why);
/* What was asked, of the extension's object. */
enum cc_status request_parse(const json_t *from, struct request *ret_request, const char **ret_why);
void request_id(const char *requester, const char *nonce, char ret_id[40]);
struct step_out {
	const char *state;          /* or "part" */
	const char *after, *nonce;  /* nonce: of the first message, which asks */
	const char *words, *answer; /* may be NULL; answer: JSON */
	const struct evidence_part *part;
	enum cc_tlp tlp;
	const char
	    *seal_for; /* x of the key that words and answer, or the part, are sealed for; NULL: they go in clear */
};
/* What a sealed part belongs to: apv. */
void part_name(const char *request, unsigned n, char ret_name[64]);
enum cc_status step_send(struct desk *desk, const struct request *request, const struct step_out *out, char **ret_why);

/* ---- requests.c ---- */

/* The next message of a request, behind the step that was applied last; tlp is held against what the other side may
 * receive. */
enum cc_status request_deliver(struct desk *desk, const struct request *request, struct step_out *out, char **ret_why);
/* The machine can't: a person has to look at it. */
void request_hold(struct desk *desk, const char *id, const char *why);
/* answer.c: what the kind asks for, sent.  CC_ABSENT, CC_DENIED: it can't be had, or may not leave: *ret_why. */
enum cc_status answer_send(struct desk *desk, const struct request *request, const char *words, char **ret_why);

#endif
