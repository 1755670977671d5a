/*
 * Whom the operator trusts: a file of organisations with the fingerprints of their keys, written by his own hand.
 * Nothing
 * that comes by a topic adds to it; a contacts entry may only bring the public key that a fingerprint of the file
 * names,
 * or say that it is revoked.
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
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include <openssl/evp.h>

#include "exchange/key_own.h"
#include "exchange/stix_own.h"
#include "record/record.h"


#define PROBLEMS_MAX 100
#define DEPTH_MAX 8
#define ORGANISATIONS_MAX 10000

/* All of one reading. */
struct content {
	struct trust_organisation *organisation;
	size_t count, room;
	struct trust_key *key;
	size_t *owner; /* index of each key's organisation: pointers come when the list has stopped growing */
	size_t key_count, key_room;
	struct map *by_kid; /* to the key */
};

struct trust {
	const struct conf *conf;
	char *outdir;
	struct content content;
};

void
identity_of(const char *organisation, char ret_id[IDENTITY_ID])
{
	struct slice part = slice_str(organisation);

	stix_own_id("identity", &part, 1, ret_id);
}

/* ---- memory ---- */

static void
content_free(struct content *content)
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
	*content = (struct content){0};
}

static struct trust_organisation *
add_organisation(struct content *content, const char *id)
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

static bool
set_x(struct trust_key *key, const char *x)
{
	uint8_t bytes[32];

	if (key_parse(slice_str(x), bytes) != CC_OK)
		return false;
	memcpy(key->entry.x, x, KEY_ID);
	if (key->pkey == NULL)
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof(bytes));
	return key->pkey != NULL;
}

/* To the organisation that was added last. */
static bool
add_key(struct content *content, size_t owner, const struct key_entry *entry)
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
	return entry->x[0] == '\0' || set_x(&content->key[content->key_count - 1], entry->x);
}

/* The lists are whole: pointers between them. */
static enum cc_status
join(struct content *content)
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

/* ---- the file ---- */

struct reading {
	struct content *content;
	yaml_document_t *doc;
	const char *path;
	struct buf *why;
	unsigned problems;
};

static void
say(struct reading *r, const yaml_node_t *node, const char *text)
{
	if (r->problems++ >= PROBLEMS_MAX)
		return;
	if (r->why->size > 0)
		buf_add_u8(r->why, '\n');
	buf_printf(r->why, "%s:%zu: %s", r->path, node->start_mark.line + 1, text);
}

static const char *
scalar(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

#define EACH_PAIR(r, node, k, v) \
	for (yaml_node_pair_t *pair = (node)->data.mapping.pairs.start; pair < (node)->data.mapping.pairs.top; pair++) \
		if (((k) = yaml_document_get_node((r)->doc, pair->key)) != NULL && \
		    ((v) = yaml_document_get_node((r)->doc, pair->value)) != NULL)

static void
take_time(struct reading *r, const yaml_node_t *node, uint64_t *ret_time)
{
	if (time_rfc3339_parse(scalar(node), ret_time) != CC_OK)
		say(r, node, "a time is like 2026-01-31T23:59:59Z");
}

static void
take_key(struct reading *r, const yaml_node_t *node, size_t owner)
{
	const yaml_node_t *name, *value;
	struct key_entry entry = {.from = 0};
	uint8_t bytes[32];
	char kid[KEY_ID];

	if (node->type == YAML_SCALAR_NODE) {
		if (key_parse(slice_str(scalar(node)), bytes) != CC_OK)
			say(r, node, "a fingerprint is the 43 characters that 'concert keys show' prints");
		else
			memcpy(entry.kid, scalar(node), KEY_ID);
	} else if (node->type == YAML_MAPPING_NODE) {
		EACH_PAIR(r, node, name, value)
		{
			const char *word = scalar(name), *text = scalar(value);

			if (strcmp(word, "fingerprint") == 0 || strcmp(word, "kid") == 0) {
				if (key_parse(slice_str(text), bytes) != CC_OK)
					say(r, value,
					    "a fingerprint is the 43 characters that 'concert keys show' prints");
				else
					memcpy(entry.kid, text, KEY_ID);
			} else if (strcmp(word, "x") == 0) {
				if (key_parse(slice_str(text), bytes) != CC_OK)
					say(r, value, "x is a public key of 43 characters");
				else
					memcpy(entry.x, text, KEY_ID);
			} else if (strcmp(word, "from") == 0) {
				take_time(r, value, &entry.from);
			} else if (strcmp(word, "until") == 0) {
				take_time(r, value, &entry.until);
			} else if (strcmp(word, "revoked_at") == 0) {
				take_time(r, value, &entry.revoked);
			} else if (strcmp(word, "kty") != 0 && strcmp(word, "crv") != 0) {
				say(r, name, "a key has fingerprint, x, from, until and revoked_at");
			}
		}
	} else {
		say(r, node, "a key is a fingerprint, or a mapping");
	}
	if (entry.kid[0] == '\0') {
		say(r, node, "this key has no fingerprint");
		return;
	}
	if (entry.x[0] != '\0' && key_parse(slice_str(entry.x), bytes) == CC_OK) {
		key_thumbprint(bytes, kid);
		if (strcmp(kid, entry.kid) != 0)
			say(r, node, "x is another key than the fingerprint's");
	}
	for (size_t i = 0; i < r->content->key_count; i++) {
		if (strcmp(r->content->key[i].entry.kid, entry.kid) == 0) {
			say(r, node, "this fingerprint is in the file twice");
			return;
		}
	}
	if (!add_key(r->content, owner, &entry))
		say(r, node, "this key can't be used, or there is no memory");
}

static void
take_policy(struct reading *r, const yaml_node_t *node, struct conf_map *map, const char *above, unsigned depth)
{
	const yaml_node_t *name, *value;
	char path[256];
	struct conf_pair *more;
	struct buf text;

	if (node->type == YAML_MAPPING_NODE && depth < DEPTH_MAX) {
		EACH_PAIR(r, node, name, value)
		{
			if (snprintf(path, sizeof(path), "%s%s%s", above, *above != '\0' ? "." : "", scalar(name)) >=
			    (int)sizeof(path))
				say(r, name, "this key is too long");
			else if (r->problems < PROBLEMS_MAX)
				take_policy(r, value, map, path, depth + 1);
		}
		return;
	}
	if (*above == '\0' || (node->type == YAML_MAPPING_NODE)) {
		say(r, node, "policy is a mapping, not too deep");
		return;
	}
	buf_open(&text, 1u << 16);
	if (node->type == YAML_SEQUENCE_NODE) {
		buf_add_u8(&text, '[');
		for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
		     item++)
			buf_printf(
			    &text, "%s%s", text.size > 1 ? "," : "", scalar(yaml_document_get_node(r->doc, *item)));
		buf_add_u8(&text, ']');
	} else {
		buf_add_text(&text, scalar(node));
	}
	more = map->count < 1000 ? realloc(map->pair, (map->count + 1) * sizeof(*more)) : NULL;
	if (more != NULL) {
		map->pair = more;
		more[map->count] =
		    (struct conf_pair){strdup(above), strndup(text.p != NULL ? (const char *)text.p : "", text.size)};
		map->count++;
	}
	if (more == NULL || text.full || more[map->count - 1].key == NULL || more[map->count - 1].value == NULL)
		say(r, node, "policy is too large");
	buf_close(&text);
}

static void
take_roles(struct reading *r, const yaml_node_t *node, struct conf_list *list)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		say(r, node, "roles is a list of words");
		return;
	}
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		char **more = list->count < 100 ? realloc(list->item, (list->count + 1) * sizeof(*more)) : NULL;

		if (more == NULL) {
			say(r, node, "too many roles");
			return;
		}
		list->item = more;
		more[list->count] = strdup(scalar(yaml_document_get_node(r->doc, *item)));
		if (more[list->count] != NULL)
			list->count++;
	}
}

static void
take_receive(struct reading *r, const yaml_node_t *node, enum cc_tlp *ret_tlp)
{
	for (int tlp = CC_TLP_CLEAR; tlp <= CC_TLP_RED; tlp++) {
		if (strcasecmp(record_tlp_text((enum cc_tlp)tlp), scalar(node)) == 0) {
			*ret_tlp = (enum cc_tlp)tlp;
			return;
		}
	}
	say(r, node, "receive is clear, green, amber, amber+strict or red");
}

/* A fingerprint, or a mapping with x beside it. */
static void
take_agreement(struct reading *r, const yaml_node_t *node, struct trust_organisation *o)
{
	const yaml_node_t *name, *value;
	const char *kid = scalar(node), *x = "";
	uint8_t bytes[32];
	char is[KEY_ID];

	if (node->type == YAML_MAPPING_NODE) {
		EACH_PAIR(r, node, name, value)
		{
			if (strcmp(scalar(name), "fingerprint") == 0)
				kid = scalar(value);
			else if (strcmp(scalar(name), "x") == 0)
				x = scalar(value);
			else
				say(r, name, "agreement has fingerprint and x");
		}
	}
	if (key_parse(slice_str(kid), bytes) != CC_OK) {
		say(r, node, "agreement: a fingerprint is the 43 characters that 'concert keys show' prints");
		return;
	}
	memcpy(o->agreement, kid, KEY_ID);
	if (*x == '\0')
		return;
	if (key_parse(slice_str(x), bytes) != CC_OK) {
		say(r, node, "agreement: x is a public key of 43 characters");
		return;
	}
	key_thumbprint_of("X25519", bytes, is);
	if (strcmp(is, kid) != 0)
		say(r, node, "agreement: x is another key than the fingerprint's");
	memcpy(o->agreement_x, x, KEY_ID);
}

static bool
good_id(const char *id)
{
	size_t size = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-_");

	return size > 0 && size < 128 && id[size] == '\0';
}

static void
take_organisation(struct reading *r, const yaml_node_t *node)
{
	const yaml_node_t *name, *value, *id = NULL, *keys = NULL;
	struct trust_organisation *o;
	size_t index = r->content->count;

	if (node->type != YAML_MAPPING_NODE) {
		say(r, node, "an organisation is a mapping with id and keys");
		return;
	}
	EACH_PAIR(r, node, name, value)
	{
		if (strcmp(scalar(name), "id") == 0)
			id = value;
		else if (strcmp(scalar(name), "keys") == 0)
			keys = value;
	}
	if (id == NULL || !good_id(scalar(id))) {
		say(r, node, "this organisation has no id of lower-case letters, digits, dots and dashes");
		return;
	}
	for (size_t i = 0; i < index; i++) {
		if (strcmp(r->content->organisation[i].id, scalar(id)) == 0) {
			say(r, id, "this organisation is in the file twice");
			return;
		}
	}
	o = index < ORGANISATIONS_MAX ? add_organisation(r->content, scalar(id)) : NULL;
	if (o == NULL) {
		say(r, node, "too many organisations, or no memory");
		return;
	}
	EACH_PAIR(r, node, name, value)
	{
		const char *word = scalar(name);

		if (strcmp(word, "receive") == 0)
			take_receive(r, value, &o->receive);
		else if (strcmp(word, "agreement") == 0)
			take_agreement(r, value, o);
		else if (strcmp(word, "roles") == 0)
			take_roles(r, value, &o->roles);
		else if (strcmp(word, "policy") == 0)
			take_policy(r, value, &o->policy, "", 0);
		else if (strcmp(word, "id") != 0 && strcmp(word, "keys") != 0)
			say(r, name, "an organisation has id, keys, agreement, receive, roles and policy");
	}
	if (keys == NULL || keys->type != YAML_SEQUENCE_NODE) {
		say(r, node, "this organisation has no list of keys");
		return;
	}
	for (yaml_node_item_t *item = keys->data.sequence.items.start; item < keys->data.sequence.items.top; item++)
		take_key(r, yaml_document_get_node(r->doc, *item), index);
}

static void
take_document(struct reading *r)
{
	const yaml_node_t *root = yaml_document_get_root_node(r->doc), *name, *value;

	if (root == NULL)
		return; /* empty: nobody */
	if (root->type != YAML_MAPPING_NODE) {
		say(r, root, "'organisations:' is missing");
		return;
	}
	EACH_PAIR(r, root, name, value)
	{
		if (strcmp(scalar(name), "organisations") != 0) {
			say(r, name, "only 'organisations' stands here");
		} else if (value->type != YAML_SEQUENCE_NODE) {
			say(r, value, "organisations is a list");
		} else {
			for (yaml_node_item_t *item = value->data.sequence.items.start;
			     item < value->data.sequence.items.top && r->problems < PROBLEMS_MAX; item++)
				take_organisation(r, yaml_document_get_node(r->doc, *item));
		}
	}
}

static enum cc_status
read_file(const char *path, struct content *content, struct buf *why)
{
	struct reading r = {.content = content, .path = path, .why = why};
	FILE *file = fopen(path, "re");
	yaml_parser_t parser;
	yaml_document_t doc;

	if (file == NULL) {
		buf_printf(why, "exchange.trust: %s: %s", path, strerror(errno));
		return CC_IO;
	}
	if (!yaml_parser_initialize(&parser)) {
		fclose(file);
		return CC_NOMEM;
	}
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &doc)) {
		buf_printf(why, "%s:%zu: %s", path, parser.problem_mark.line + 1,
		    parser.problem != NULL ? parser.problem : "is no YAML");
		r.problems = 1;
	} else {
		r.doc = &doc;
		take_document(&r);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	fclose(file);
	return r.problems == 0 ? CC_OK : CC_BAD;
}

/* ---- ourselves ---- */

static enum cc_status
add_own(const struct trust *trust, struct content *content)
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
	if (index == content->count && add_organisation(content, id) == NULL)
		return CC_NOMEM;
	content->organisation[index].own = true;
	content->organisation[index].receive = CC_TLP_RED;
	for (size_t i = 0; i < list.count; i++) {
		bool known = false;

		for (size_t k = 0; k < content->key_count && !known; k++)
			known = strcmp(content->key[k].entry.kid, list.entry[i].kid) == 0;
		if (!known && !add_key(content, index, &list.entry[i]))
			return CC_NOMEM;
	}
	return CC_OK;
}

/* What contacts entries told of keys that are still trusted. */
static void
keep_learnt(struct content *fresh, const struct content *old)
{
	for (size_t i = 0; i < fresh->key_count; i++) {
		struct trust_key *key = &fresh->key[i];
		const struct trust_key *was =
		    old->by_kid != NULL ? map_get(old->by_kid, slice_str(key->entry.kid)) : NULL;

		if (was == NULL || strcmp(was->organisation->id, key->organisation->id) != 0)
			continue;
		if (key->entry.x[0] == '\0' && was->entry.x[0] != '\0')
			(void)set_x(key, was->entry.x);
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
	struct content fresh = {0};
	struct buf why;
	enum cc_status st = CC_OK;

	*ret_why = NULL;
	buf_open(&why, 65536);
	if (trust->conf->exchange_trust[0] != '\0')
		st = read_file(trust->conf->exchange_trust, &fresh, &why);
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
	return set_x(key, x) ? CC_OK : CC_NOMEM;
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
