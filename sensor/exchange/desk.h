/*
 * The people's side of the exchange: the directory of contacts, requests for assistance, notices, and the audit log over all of
 * it.  Part of exchange.h.
 *
 * What people type is sent under a source of its own, urn:concert:<organisation>/desk, from a spool of its own, OUTDIR/desk/spool, so that
 * commands never fight the daemon for its; signed by the same key.  What came is kept in OUTDIR/desk/desk.sqlite.  One thread at a
 * time has a desk; several processes may each have one.
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
/* Appends a line: what happened, and pairs of name and value up to a NULL; empty values are left out.  CC_BAD: the log was changed. */
enum cc_status audit_note(const char *outdir, const char *what, const char *const *pair, char **ret_why);
/* Every line in order, as far as it is good.  CC_BAD: *ret_why (malloc) names the line that is not. */
enum cc_status audit_check(const char *outdir, audit_fn *fn, void *ctx, uint64_t *ret_count, char **ret_why);

/* ---- desk.c ---- */

struct desk;

/* Makes OUTDIR/desk and the key, as far as they are missing.  CC_BAD, CC_IO, …: *ret_why (malloc). */
enum cc_status desk_open(const struct conf *conf, const char *outdir, struct desk **ret_desk, char **ret_why);
/* What was given is sent, as far as that goes within exchange.drain; the rest stays in the spool for the next time. */
void desk_close(struct desk *desk);
/* Takes in what came since the last call; the first call begins at the topics' start.  What is known already changes nothing. */
enum cc_status desk_sync(struct desk *desk, char **ret_why);
/* CC_MORE: some of what was given is still in the spool. */
enum cc_status desk_flush(struct desk *desk);
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
	/* What the directory knows beside the entry. */
	char kid[KEY_ID];
	uint64_t pinged, answered, took; /* the last ping of ours, the last that was answered, and how long that took: ns */
};

/* An operator's YAML file.  CC_BAD, CC_IO: *ret_why (malloc) says what is wrong, and where. */
enum cc_status contact_read(const char *path, const struct conf *conf, uint64_t now, struct contact *ret_contact, char **ret_why);
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
/* Is the point's time of day within its hours?  minute: of its own week, Monday 00:00 is 0.  CC_BAD: hours that can't be read. */
enum cc_status contact_hours(const char *hours, unsigned minute, bool *ret_within);

#endif
