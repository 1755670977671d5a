/*
 * Whom the operator trusts: a file of organisations with the fingerprints of their keys, written by his own hand
 * (trust_read.c reads it).  Nothing that comes by a topic adds to it; a contacts entry may only bring the public key
 * that a fingerprint of the file names, or say that it is revoked.
 *
 *   organisations:
 *     - id: cert.example
 *       keys:
 *         - fingerprint: kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k   # RFC 7638
 *           x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo             # or learnt from contacts
 *           from: 2026-01-01T00:00:00Z                                # until, revoked_at: optional, too
 *       agreement: {fingerprint: …, x: …}                              # of the key that answers for it are sealed with
 *       receive: amber
 *       roles: [partner]
 *       policy: { … }
 *
 * JSON is YAML, so it may be that. Read at start and when it is told to; one thread changes it, no other reads
 * meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "exchange/key_own.h"
#include "exchange/stix_own.h"
#include "exchange/trust_own.h"

struct trust {
	const struct conf *conf;
	char *outdir;
	struct trust_content content;
};

void
identity_of(const char *organisation, char ret_id[IDENTITY_ID])
{
	struct slice part = slice_str(organisation);

	stix_own_id("identity", &part, 1, ret_id);
}

/* ---- memory ---- */

static void
content_free(struct trust_content *content)
{
	for (size_t i = 0; i < content->count; i++) {
		struct trust_organisation *o = &content->organisation[i];

		for (size_t k = 0; k < o->roles.count; k++)
			free(o->roles.item[k]);
		for (size_t k = 0; k < o->policy.count; k++) {
			free(o->policy.pair[k].key);
			free(o->policy.pair[k].value);
		}
		free(o->roles.item);
		free(o->policy.pair);
		free(o->id);
	}
	for (size_t i = 0; i < content->key_count; i++)
		EVP_PKEY_free(content->key[i].pkey);
	map_free(content->by_kid, NULL);
	free(content->organisation);
	free(content->owner);
	free(content->key);
	*content = (struct trust_content){0};
}

struct trust_organisation *
trust_add_organisation(struct trust_content *content, const char *id)
{
	struct trust_organisation *o;

	if (content->count == content->room) {
		size_t room = content->room * 2 + 16;
		struct trust_organisation *more = realloc(content->organisation, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		content->organisation = more;
		content->room = room;
	}
	o = &content->organisation[content->count];
	*o = (struct trust_organisation){.id = strdup(id), .receive = CC_TLP_GREEN};
	if (o->id == NULL)
		return NULL;
	identity_of(id, o->identity);
	content->count++;
	return o;
}

bool
trust_set_x(struct trust_key *key, const char *x)
{
	uint8_t bytes[32];

	if (key_parse(slice_str(x), bytes) != CC_OK)
		return false;
	memcpy(key->entry.x, x, KEY_ID);
	if (key->pkey == NULL)
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof(bytes));
	return key->pkey != NULL;
}

bool
trust_add_key(struct trust_content *content, size_t owner, const struct key_entry *entry)
{
	if (content->key_count == content->key_room) {
		size_t room = content->key_room * 2 + 16;
		struct trust_key *more = realloc(content->key, room * sizeof(*more));
		size_t *owners = more != NULL ? realloc(content->owner, room * sizeof(*owners)) : NULL;

		content->key = more != NULL ? more : content->key;
		if (owners == NULL)
			return false;
		content->owner = owners;
		content->key_room = room;
	}
	content->owner[content->key_count] = owner;
	content->key[content->key_count] = (struct trust_key){.entry = *entry};
	content->key_count++;
	return entry->x[0] == '\0' || trust_set_x(&content->key[content->key_count - 1], entry->x);
}

/* The lists are whole: pointers between them. */
static enum cc_status
join(struct trust_content *content)
{
	content->by_kid = map_new(0);
	if (content->by_kid == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < content->key_count; i++) {
		struct trust_key *key = &content->key[i];

		key->organisation = &content->organisation[content->owner[i]];
		if (map_put(content->by_kid, slice_str(key->entry.kid), key, NULL) != CC_OK)
			return CC_NOMEM;
	}
	return CC_OK;
}

/* ---- ourselves ---- */

static enum cc_status
add_own(const struct trust *trust, struct trust_content *content)
{
	const char *id = trust->conf->sensor_organisation;
	struct key_list list;
	char *why = NULL;
	size_t index = 0;
	enum cc_status st = keys_load(trust->conf, trust->outdir, &list, &why);

	if (st != CC_OK && st != CC_ABSENT)
		log_warning("%s: our own messages are not known as such", why != NULL ? why : cc_status_text(st));
	free(why);
	while (index < content->count && strcmp(content->organisation[index].id, id) != 0)
		index++;
	if (index == content->count && trust_add_organisation(content, id) == NULL)
		return CC_NOMEM;
	content->organisation[index].own = true;
	content->organisation[index].receive = CC_TLP_RED;
	for (size_t i = 0; i < list.count; i++) {
		bool known = false;

		for (size_t k = 0; k < content->key_count && !known; k++)
			known = strcmp(content->key[k].entry.kid, list.entry[i].kid) == 0;
		if (!known && !trust_add_key(content, index, &list.entry[i]))
			return CC_NOMEM;
	}
	return CC_OK;
}

/* What contacts entries told of keys that are still trusted. */
static void
keep_learnt(struct trust_content *fresh, const struct trust_content *old)
{
	for (size_t i = 0; i < fresh->key_count; i++) {
		struct trust_key *key = &fresh->key[i];
		const struct trust_key *was =
		    old->by_kid != NULL ? map_get(old->by_kid, slice_str(key->entry.kid)) : NULL;

		if (was == NULL || strcmp(was->organisation->id, key->organisation->id) != 0)
			continue;
		if (key->entry.x[0] == '\0' && was->entry.x[0] != '\0')
			(void)trust_set_x(key, was->entry.x);
		if (was->entry.revoked != 0 && (key->entry.revoked == 0 || was->entry.revoked < key->entry.revoked))
			key->entry.revoked = was->entry.revoked;
	}
	for (size_t i = 0; i < fresh->count; i++) {
		struct trust_organisation *o = &fresh->organisation[i];

		for (size_t k = 0; k < old->count && o->agreement_x[0] == '\0'; k++) {
			if (strcmp(old->organisation[k].id, o->id) == 0 &&
			    strcmp(old->organisation[k].agreement, o->agreement) == 0)
				memcpy(o->agreement_x, old->organisation[k].agreement_x, KEY_ID);
		}
	}
}

enum cc_status
trust_reload(struct trust *trust, char **ret_why)
{
	struct trust_content fresh = {0};
	struct buf why;
	enum cc_status st = CC_OK;

	*ret_why = NULL;
	buf_open(&why, 65536);
	if (trust->conf->exchange_trust[0] != '\0')
		st = trust_read_file(trust->conf->exchange_trust, &fresh, &why);
	if (st == CC_OK)
		st = add_own(trust, &fresh);
	if (st == CC_OK)
		st = join(&fresh);
	if (st == CC_OK) {
		keep_learnt(&fresh, &trust->content);
		content_free(&trust->content);
		trust->content = fresh;
	} else {
		content_free(&fresh);
		if (why.size > 0)
			*ret_why = strndup((const char *)why.p, why.size);
	}
	buf_close(&why);
	return st;
}

enum cc_status
trust_open(const struct conf *conf, const char *outdir, struct trust **ret_trust, char **ret_why)
{
	struct trust *trust = calloc(1, sizeof(*trust));
	enum cc_status st;

	*ret_why = NULL;
	if (trust == NULL)
		return CC_NOMEM;
	trust->conf = conf;
	trust->outdir = strdup(outdir);
	st = trust->outdir != NULL ? trust_reload(trust, ret_why) : CC_NOMEM;
	if (st != CC_OK) {
		trust_close(trust);
		return st;
	}
	*ret_trust = trust;
	return CC_OK;
}

void
trust_close(struct trust *trust)
{
	if (trust == NULL)
		return;
	content_free(&trust->content);
	free(trust->outdir);
	free(trust);
}

/* ---- learning and asking ---- */

enum cc_status
trust_learn(struct trust *trust, const char *kid, const char *x)
{
	struct trust_key *key = map_get(trust->content.by_kid, slice_str(kid));
	uint8_t bytes[32];
	char is[KEY_ID];

	if (key == NULL)
		return CC_ABSENT;
	if (key_parse(slice_str(x), bytes) != CC_OK)
		return CC_BAD;
	key_thumbprint(bytes, is);
	if (strcmp(is, kid) != 0)
		return CC_DENIED;
	return trust_set_x(key, x) ? CC_OK : CC_NOMEM;
}

enum cc_status
trust_learn_agreement(struct trust *trust, const char *organisation, const char *x)
{
	uint8_t bytes[32];
	char is[KEY_ID];

	for (size_t i = 0; i < trust->content.count; i++) {
		struct trust_organisation *o = &trust->content.organisation[i];

		if (strcmp(o->id, organisation) != 0)
			continue;
		if (o->agreement[0] == '\0')
			return CC_ABSENT;
		if (key_parse(slice_str(x), bytes) != CC_OK)
			return CC_BAD;
		key_thumbprint_of("X25519", bytes, is);
		if (strcmp(is, o->agreement) != 0)
			return CC_DENIED;
		memcpy(o->agreement_x, x, KEY_ID);
		return CC_OK;
	}
	return CC_ABSENT;
}

enum cc_status
trust_revoke(struct trust *trust, const char *kid, uint64_t at)
{
	struct trust_key *key = map_get(trust->content.by_kid, slice_str(kid));

	if (key == NULL)
		return CC_ABSENT;
	if (key->entry.revoked == 0 || at < key->entry.revoked)
		key->entry.revoked = at;
	return CC_OK;
}

bool
trust_lacks_keys(const struct trust *trust)
{
	struct slice kid;
	void *box;
	size_t at = 0;

	while (map_next(trust->content.by_kid, &at, &kid, &box)) {
		if (((const struct trust_key *)box)->pkey == NULL)
			return true;
	}
	return false;
}

const struct trust_key *
trust_find(const struct trust *trust, struct slice kid)
{
	return map_get(trust->content.by_kid, kid);
}

const struct trust_organisation *
trust_organisation(const struct trust *trust, struct slice id)
{
	for (size_t i = 0; i < trust->content.count; i++) {
		if (slice_is(id, trust->content.organisation[i].id))
			return &trust->content.organisation[i];
	}
	return NULL;
}

size_t
trust_count(const struct trust *trust)
{
	return trust->content.count;
}

const struct trust_organisation *
trust_at(const struct trust *trust, size_t index)
{
	return index < trust->content.count ? &trust->content.organisation[index] : NULL;
}
