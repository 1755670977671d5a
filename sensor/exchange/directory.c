/*
 * The directory of contacts: the newest entry of every organisation that the operator trusts, and when it last answered
 * a ping.
 *
 * An entry is believed because a key of the operator's trust file signed it; it adds nobody to that file.  What it may
 * bring: the public key for a fingerprint that the file names (which any message may, as the fingerprint tells whether
 * it is the one), and from its owner, signed, that a key is revoked.
 */
#include "exchange/desk_own.h"

#include <stdio.h>
#include <stdlib.h>

enum cc_status
contacts_table(struct desk *desk)
{
	return desk_do(desk,
	    "CREATE TABLE IF NOT EXISTS contact (organisation TEXT PRIMARY KEY, published INTEGER, kid TEXT, "
	    "entry TEXT) WITHOUT ROWID",
	    "");
}

/* A message of which we know the fingerprint alone: does it bring the key? */
void
contact_learn(struct desk *desk, struct slice value)
{
	desk->learnt = trust_learn_entry(desk->trust, value, NULL) || desk->learnt;
}

/* The owner's own word on his keys. */
static void
take_keys(struct desk *desk, const struct came *came, const struct contact *contact)
{
	for (size_t i = 0; i < contact->keys.count; i++) {
		const struct key_entry *e = &contact->keys.entry[i];
		const struct trust_key *key = trust_find(desk->trust, slice_str(e->kid));

		if (key == NULL || strcmp(key->organisation->id, came->organisation) != 0)
			continue;
		if (key->entry.x[0] == '\0' && trust_learn(desk->trust, e->kid, e->x) == CC_OK)
			desk->learnt = true;
		if (e->revoked != 0)
			(void)trust_revoke(desk->trust, e->kid, e->revoked);
	}
	/* Who has pinned the key before seals with that, as long as its owner opens it. */
	if (contact->agreement[0] != '\0' &&
	    trust_learn_agreement(desk->trust, came->organisation, contact->agreement) == CC_DENIED &&
	    (contact->agreement_old[0] == '\0' ||
		(contact->agreement_until != 0 && time_now() > contact->agreement_until) ||
		trust_learn_agreement(desk->trust, came->organisation, contact->agreement_old) == CC_DENIED))
		log_warning(
		    "contacts: the key agreement key of %s is another than the trust file's: nothing is sealed with it",
		    came->organisation);
}

void
contact_came(struct desk *desk, const struct came *came)
{
	json_t *entry = desk_extension(came->bundle, "contact");
	char why[160], *text = entry != NULL ? json_dumps(entry, JSON_COMPACT) : NULL;
	struct contact *contact = malloc(sizeof(*contact));

	if (text == NULL || contact == NULL || contact_parse(slice_str(text), contact, why) != CC_OK ||
	    strcmp(contact->organisation, came->organisation) != 0 || !slice_is(came->key, came->organisation)) {
		log_warning("contacts: the entry of %s is left out: %s", came->organisation,
		    text == NULL || contact == NULL ? "it has none"
		    : why[0] != '\0'                ? why
						    : "it is under another organisation's name");
	} else {
		if (!came->own)
			take_keys(desk, came, contact);
		(void)desk_do(desk,
		    "INSERT INTO contact VALUES (?1, ?2, ?3, ?4) ON CONFLICT (organisation) DO UPDATE SET "
		    "published = ?2, kid = ?3, entry = ?4 WHERE published < ?2",
		    "siss", came->organisation, came->time, came->kid, text);
	}
	free(contact);
	free(text);
}

/* From a revoked entry's key on, or of whoever is trusted no more: not shown. */
static bool
is_believed(const struct desk *desk, const char *organisation)
{
	return trust_organisation(desk->trust, slice_str(organisation)) != NULL;
}

/* How it stands with drills of ours. */
static void
find_pings(struct desk *desk, struct contact *c)
{
	sqlite3_stmt *stmt = desk_ask(desk,
	    "SELECT created, changed, state FROM request WHERE kind = 5 AND requester = ?1 AND responder = ?2 "
	    "ORDER BY created DESC LIMIT 100",
	    "ss", desk->conf.sensor_organisation, c->organisation);

	while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW && c->answered == 0) {
		uint64_t sent = (uint64_t)sqlite3_column_int64(stmt, 0),
			 changed = (uint64_t)sqlite3_column_int64(stmt, 1);

		if (c->pinged == 0)
			c->pinged = sent;
		if (sqlite3_column_int(stmt, 2) != REQUEST_ANSWERED)
			continue;
		c->answered = changed;
		c->took = changed > sent ? changed - sent : 0;
	}
	sqlite3_finalize(stmt);
}

enum cc_status
contacts_visit(struct desk *desk, const char *organisation, contacts_fn *fn, void *ctx)
{
	struct contact *contact = malloc(sizeof(*contact));
	sqlite3_stmt *stmt =
	    organisation != NULL
		? desk_ask(desk, "SELECT organisation, published, kid, entry FROM contact WHERE organisation = ?1", "s",
		      organisation)
		: desk_ask(desk, "SELECT organisation, published, kid, entry FROM contact ORDER BY organisation", "");
	enum cc_status st = stmt != NULL && contact != NULL ? CC_ABSENT : CC_IO;
	char why[160];

	while (st != CC_IO && sqlite3_step(stmt) == SQLITE_ROW) {
		const char *id = sql_text(stmt, 0);

		if (!is_believed(desk, id) || contact_parse(slice_str(sql_text(stmt, 3)), contact, why) != CC_OK)
			continue;
		contact->published = (uint64_t)sqlite3_column_int64(stmt, 1);
		snprintf(contact->kid, sizeof(contact->kid), "%s", sql_text(stmt, 2));
		find_pings(desk, contact);
		fn(ctx, contact);
		st = CC_OK;
	}
	sqlite3_finalize(stmt);
	free(contact);
	return st;
}

const char *
contact_state(const struct contact *contact, const struct conf *conf, uint64_t now)
{
	if (now >= contact->until)
		return "expired";
	if (now > contact->published && now - contact->published > conf->exchange_contact_stale)
		return "stale";
	return "good";
}
