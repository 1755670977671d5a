/*
 * Who wrote it, whether it was changed, and what is missing: the sensor's own key, the organisations that the operator
 * trusts, signatures on messages, and what a reader finds out about each.  Part of exchange.h.
 *
 * Writers: key_open(), jws_sign(); exchange.c does it for sightings.  Readers want inbox_open() and inbox_next():
 * messages of the topics, verified, those that are refused kept in the quarantine.
 */
#ifndef EXCHANGE_SIGN_H
#define EXCHANGE_SIGN_H

#include "base/base.h"
#include "concert/output.h"
#include "concert/record.h"
#include "conf/conf.h"

#define KEY_ID 44        /* 32 bytes as base64url and NUL: a fingerprint, or x of a JWK */
#define KEY_SIGNATURE 64 /* bytes */
#define IDENTITY_ID 80   /* "identity--" and a UUID, with room */

/* ---- key.c: the sensor's own Ed25519 key (RFC 8032), in a file or behind a provider of OpenSSL ---- */

struct key;

/*
 * The key of exchange.key, OUTDIR/keys/sensor.key when that is empty; made when it is missing and make is set.
 * CC_ABSENT: none there; CC_DENIED: its file may be read by others, or is another's; CC_BAD, CC_IO.  *ret_why (malloc)
 * tells.
 */
enum cc_status key_open(const struct conf *conf, const char *outdir, bool make, struct key **ret_key, char **ret_why);
void key_close(struct key *key);
const char *key_kid(const struct key *key); /* its fingerprint: the JWK's thumbprint (RFC 7638, RFC 8037), base64url */
const char *key_x(const struct key *key);  /* the public key as x of a JWK */
enum cc_status key_sign(
    const struct key *key, struct slice bytes, uint8_t ret_signature[KEY_SIGNATURE]); /* any thread */
void key_thumbprint(const uint8_t x[32], char ret_kid[KEY_ID]);
/* CC_BAD: not 32 bytes as base64url. */
enum cc_status key_parse(struct slice text, uint8_t ret_bytes[32]);

/* ---- jwe.c: our key agreement key (X25519, OUTDIR/keys/agreement.key), and what is sealed for one partner ---- */

struct agreement;

/* As key_open().  Beside it agreement.key.old, if it is there, opens what was sealed for the key before, until the time
 * in agreement.until (none: without end). */
enum cc_status agreement_open(const char *outdir, bool make, struct agreement **ret_agreement, char **ret_why);
void agreement_close(struct agreement *agreement);
const char *agreement_kid(const struct agreement *agreement);
const char *agreement_x(const struct agreement *agreement);
/* The key before: "" when there is none, or its time is over; *ret_until 0: without end. */
const char *agreement_old_x(const struct agreement *agreement, uint64_t *ret_until);
/* A new key; the one before opens for exchange.key_overlap more.  CC_ABSENT: there is none yet. */
enum cc_status agreement_rotate(const struct conf *conf, const char *outdir, uint64_t now, char **ret_why);
/* Appends a compact JWE for the owner of x.  apu, apv: who seals, and what it belongs to; the opener has to name the
 * same. */
enum cc_status jwe_seal(const char *x, struct slice apu, struct slice apv, struct slice plain, struct buf *out);
/* *ret_plain is malloc.  CC_BAD: *ret_why (static) says why. */
enum cc_status jwe_open(const struct agreement *agreement, struct slice apu, struct slice apv, struct slice text,
    struct slice *ret_plain, const char **ret_why);

/* One public key with the time in which it signs; times in ns since 1970, 0: without end, or not revoked. */
struct key_entry {
	char kid[KEY_ID], x[KEY_ID];
	uint64_t from, until, revoked;
};

#define KEYS_MAX 32 /* of one organisation */

struct key_list {
	struct key_entry entry[KEYS_MAX]; /* the present one last */
	size_t count;
};

/* keys.c: the list beside the key, keys.json, signed by the present key; CC_ABSENT: none yet. */
enum cc_status keys_load(const struct conf *conf, const char *outdir, struct key_list *ret_list, char **ret_why);
/* A new key, with which the sensor signs from its next start on; the one before is valid for exchange.key_overlap more.
 */
enum cc_status keys_rotate(
    const struct conf *conf, const char *outdir, uint64_t now, struct key **ret_key, char **ret_why);
/* kid: a fingerprint or its beginning, NULL: the present one.  CC_ABSENT: not in the list. */
enum cc_status keys_revoke(const struct conf *conf, const char *outdir, const char *kid, uint64_t at,
    struct key_entry *ret_entry, char **ret_why);
/* The "keys" array of the list, as it also stands in a contacts entry. */
void keys_json(struct json *json, const struct key_list *list);
/* A JWK with its kid, and until when it opens (0: not said). */
void agreement_json(struct json *json, const char *name, const char *x, uint64_t until);

/* ---- trust.c: whom the operator trusts ---- */

struct trust_organisation {
	char *id;
	char identity[IDENTITY_ID]; /* its STIX id: what created_by_ref must be */
	enum cc_tlp receive;        /* the highest marking that it may receive */
	struct conf_list roles;
	struct conf_map policy;     /* whatever stands under "policy", keys joined by dots */
	bool own;
	char agreement[KEY_ID];     /* fingerprint of its key agreement key; "": none is pinned */
	char agreement_x[KEY_ID];   /* "": not known yet */
};

struct trust_key {
	struct key_entry entry; /* x is empty as long as only the fingerprint is known */
	const struct trust_organisation *organisation;
	void *pkey;             /* OpenSSL's; NULL: x is not known */
};

struct trust;

/* The file exchange.trust (none: nobody) and our own keys.  CC_BAD, CC_IO: *ret_why (malloc) says file:line for each
 * problem. */
enum cc_status trust_open(const struct conf *conf, const char *outdir, struct trust **ret_trust, char **ret_why);
void trust_close(struct trust *trust);
/* Reads both again; what was learnt stays.  On failure all stays as it was.  Pointers into trust end here. */
enum cc_status trust_reload(struct trust *trust, char **ret_why);
/* From a contacts entry: x for a fingerprint of the operator's file.  CC_DENIED: it has another thumbprint; CC_ABSENT:
 * not trusted. */
enum cc_status trust_learn(struct trust *trust, const char *kid, const char *x);
/* The same for an organisation's key agreement key. */
enum cc_status trust_learn_agreement(struct trust *trust, const char *organisation, const char *x);
/* From a contacts entry of its owner: revoked from then on; an earlier time stays.  CC_ABSENT: not trusted. */
enum cc_status trust_revoke(struct trust *trust, const char *kid, uint64_t at);
bool trust_lacks_keys(const struct trust *trust); /* of some the fingerprint alone is known */
const struct trust_key *trust_find(const struct trust *trust, struct slice kid); /* NULL: not trusted */
const struct trust_organisation *trust_organisation(const struct trust *trust, struct slice id); /* NULL: not there */
size_t trust_count(const struct trust *trust); /* organisations, ourselves included */
const struct trust_organisation *trust_at(const struct trust *trust, size_t index);
void identity_of(const char *organisation, char ret_id[IDENTITY_ID]);

/* ---- jws.c: a detached JWS over a message (RFC 7515, appendix F; RFC 7797) ---- */

/*
 * The value of the header "jws", into ret_jws, which is cleared.  prev: digest of the message before in its lane, NULL
 * for the first.  In two steps for who knows prev last: both with the same ret_jws, empty before.
 */
struct jws_front {
	uint8_t rest[2];
	size_t count;
};
enum cc_status jws_prepare(
    const struct key *key, const struct cc_message *msg, struct jws_front *ret_front, struct buf *ret_jws);
enum cc_status jws_finish(const struct key *key, const struct jws_front *front, struct slice value,
    const uint8_t *prev, struct buf *ret_jws);
enum cc_status jws_sign(const struct key *key, const struct cc_message *msg, const uint8_t *prev, struct buf *ret_jws);
/* What the next message of the lane has as prev: covers the signature, too. */
void jws_digest(const struct cc_message *msg, uint8_t ret_digest[32]);

/* ---- verify.c: what a reader finds out ---- */

enum verdict {
#define VERDICT(symbol, word, help) VERDICT_##symbol,
#define NOTE(symbol, word, help)
#include "exchange/verify.def"
#undef VERDICT
#undef NOTE
	VERDICT_COUNT
};
enum verify_note { /* bits: 1 << VERIFY_GAP */
#define VERDICT(symbol, word, help)
#define NOTE(symbol, word, help) VERIFY_##symbol,
#include "exchange/verify.def"
#undef VERDICT
#undef NOTE
	VERIFY_NOTES
};
extern const char *const verdict_word[VERDICT_COUNT]; /* "accepted", "bad_signature", … */
extern const char *const verdict_help[VERDICT_COUNT];
extern const char *const verify_note_word[VERIFY_NOTES];

struct verified {
	enum verdict verdict;        /* act on it only when it is VERDICT_ACCEPTED */
	unsigned notes;              /* 1 << VERIFY_… */
	const struct trust_key *key; /* who signed; NULL: not known.  Of a refused message it may be only a claim. */
	uint64_t sequence, missing;  /* missing: with VERIFY_GAP, how many messages before this one */
	uint32_t lane;
	char why[160];               /* of a refusal, in words */
};

struct verifier;

enum cc_status verifier_new(const struct conf *conf, const struct trust *trust, struct verifier **ret_verifier);
void verifier_free(struct verifier *verifier);
/*
 * Judges count messages, in the order in which they came.  seen: the time, for keys' validity, where the message has
 * none of the broker's (msg.appended).  Many at once are cheaper: one signature vouches for the run before it.
 */
void verifier_check(struct verifier *verifier, const struct cc_message *msg, size_t count, uint64_t seen,
    struct verified *ret_verified);
uint64_t verifier_count(const struct verifier *verifier, enum verdict verdict);
uint64_t verifier_note_count(const struct verifier *verifier, enum verify_note note);
uint64_t verifier_signatures(const struct verifier *verifier); /* that were computed: the rest was vouched for */
/* What is known of lanes, to be kept by whoever must not accept a message twice over a restart.  Only what changed
 * since. */
typedef void verifier_lane_fn(void *ctx, struct slice key, struct slice state);
void verifier_save(struct verifier *verifier, verifier_lane_fn *fn, void *ctx);
enum cc_status verifier_restore(struct verifier *verifier, struct slice key, struct slice state);

/* ---- quarantine.c: what was refused, on disk, bounded by exchange.quarantine_max ---- */

struct quarantine;

enum cc_status quarantine_open(
    const struct conf *conf, const char *outdir, struct quarantine **ret_quarantine, char **ret_why);
void quarantine_close(struct quarantine *quarantine);
void quarantine_put(
    struct quarantine *quarantine, const struct cc_message *msg, const struct verified *verified, uint64_t now);
uint64_t quarantine_kept(const struct quarantine *quarantine); /* since it was opened */
uint64_t quarantine_lost(const struct quarantine *quarantine); /* the disk would not take them */
struct quarantined {
	struct slice verdict, why, notes; /* words */
	struct slice seen;                /* RFC 3339 */
};
typedef void quarantine_visit_fn(void *ctx, const struct quarantined *why, const struct cc_message *msg);
enum cc_status quarantine_visit(const char *outdir, quarantine_visit_fn *fn, void *ctx, char **ret_why);

/* ---- inbox.c: reader, verifier and quarantine in one ---- */

struct inbox;

/* As reader_open().  quarantine NULL: what is refused is kept nowhere.  trust and quarantine are borrowed. */
enum cc_status inbox_open(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    bool from_start, const struct trust *trust, struct quarantine *quarantine, struct inbox **ret_inbox,
    char **ret_why);
struct reader_resume;
struct reader_position;
/* As reader_open_at(). */
enum cc_status inbox_open_at(const struct conf *conf, const char *from, const char *const *topics, size_t count,
    const struct reader_resume *resume, const struct trust *trust, struct quarantine *quarantine,
    struct inbox **ret_inbox, char **ret_why);
/* How far inbox_next() has come, by place.  Only while inbox_drained() does the verifier know of no message beyond. */
struct reader_position *inbox_positions(struct inbox *inbox, size_t *ret_count);
bool inbox_drained(const struct inbox *inbox);
bool inbox_full(const struct inbox *inbox); /* more was there than is judged at once, when it was looked at last */
struct reader *inbox_reader(struct inbox *inbox);
void inbox_since(struct inbox *inbox, uint64_t since); /* as reader_since() */
/* As reader_next(), with what was found out; refused ones come, too: look at the verdict. */
enum cc_status inbox_next(struct inbox *inbox, int ms, struct cc_message *ret_msg, struct verified *ret_verified,
    const char **ret_why);
struct verifier *inbox_verifier(struct inbox *inbox);
void inbox_close(struct inbox *inbox);

/* ---- learn.c: public keys for fingerprints of the trust file, from contacts entries ---- */

/* What one entry brings; signer: of a message that was accepted, whose own keys it may revoke; NULL: nobody known.
 * True: a key. */
bool trust_learn_entry(struct trust *trust, struct slice value, const struct trust_organisation *signer);
/* Reads the topic of contacts where some key is known by its fingerprint alone; a silent broker is waited for three
 * seconds. */
bool trust_learn_from(const struct conf *conf, const char *from, struct trust *trust);

#endif
