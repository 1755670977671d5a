/*
 * Keys that the operator's trust file names by fingerprint alone are found in the contacts entries of their owners.
 *
 * An entry adds nobody to that file.  What it may bring is the public key for a fingerprint that the file has, which
 * any message may, as the fingerprint tells whether it is the one; and, signed by a trusted key of that organisation,
 * that a key is revoked. The thread of the reader.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/jws_own.h"
#include "exchange/stix_own.h"

#include <stdlib.h>

#define WAIT_MS 100
#define QUIET_MS 3000 /* a broker that says nothing for so long has said all */

static json_t *
keys_of(json_t *bundle)
{
	json_t *objects = json_object_get(bundle, "objects"), *one;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		json_t *found =
		    json_object_get(json_object_get(json_object_get(one, "extensions"), STIX_EXTENSION), "contact");

		if (json_is_object(found))
			return json_object_get(found, "keys");
	}
	return NULL;
}

bool
trust_learn_entry(struct trust *trust, struct slice value, const struct trust_organisation *signer)
{
	json_t *bundle = json_loadb((const char *)value.p, value.size, JSON_REJECT_DUPLICATES, NULL), *one;
	bool learnt = false;
	size_t i;

	json_array_foreach(keys_of(bundle), i, one)
	{
		const char *kid = json_string_value(json_object_get(one, "kid")),
			   *x = json_string_value(json_object_get(one, "x"));
		const char *revoked = json_string_value(json_object_get(one, "revoked_at"));
		const struct trust_key *key = kid != NULL && i < KEYS_MAX ? trust_find(trust, slice_str(kid)) : NULL;
		uint64_t when;

		if (key == NULL)
			continue;
		if (signer != NULL && key->organisation == signer && revoked != NULL &&
		    time_rfc3339_parse(revoked, &when) == CC_OK)
			(void)trust_revoke(trust, kid, when);
		if (key->entry.x[0] == '\0' && x != NULL && trust_learn(trust, kid, x) == CC_OK)
			learnt = true;
	}
	json_decref(bundle);
	return learnt;
}

bool
trust_learn_from(const struct conf *conf, const char *from, struct trust *trust)
{
	static const char *const topics[] = {"contacts"};
	struct inbox *inbox = NULL;
	struct verified verified;
	struct cc_message msg;
	const char *trouble;
	char *why = NULL;
	bool learnt = false;
	enum cc_status st;

	if (!trust_lacks_keys(trust))
		return false;
	st = inbox_open(conf, from, topics, 1, true, trust, NULL, &inbox, &why);
	free(why);
	for (int quiet = 0; st == CC_OK && quiet < QUIET_MS;) {
		enum cc_status next = inbox_next(inbox, WAIT_MS, &msg, &verified, &trouble);

		if (next == CC_OK && verified.verdict == VERDICT_UNKNOWN_KEY)
			learnt = trust_learn_entry(trust, msg.value, NULL) || learnt;
		else if (next == CC_OK && verified.verdict == VERDICT_ACCEPTED)
			learnt = trust_learn_entry(trust, msg.value, verified.key->organisation) || learnt;
		else if (next != CC_MORE && next != CC_OK && next != CC_BAD)
			break;
		quiet = next == CC_MORE ? quiet + WAIT_MS : 0;
	}
	inbox_close(inbox);
	return learnt;
}
