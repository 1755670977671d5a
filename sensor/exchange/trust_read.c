/*
 * The operator's trust file (its form: head of trust.c), read whole or not at all: what is wrong is told by file
 * and line.  YAML, so JSON too.  No state.
 */
#include "exchange/trust_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "exchange/key_own.h"
#include "record/record.h"

#define PROBLEMS_MAX 100
#define DEPTH_MAX 8
#define ORGANISATIONS_MAX 10000

struct reading {
	struct trust_content *content;
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
	if (!trust_add_key(r->content, owner, &entry))
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
	snprintf(o->agreement, KEY_ID, "%s", kid);
	if (*x == '\0')
		return;
	if (key_parse(slice_str(x), bytes) != CC_OK) {
		say(r, node, "agreement: x is a public key of 43 characters");
		return;
	}
	key_thumbprint_of("X25519", bytes, is);
	if (strcmp(is, kid) != 0)
		say(r, node, "agreement: x is another key than the fingerprint's");
	snprintf(o->agreement_x, KEY_ID, "%s", x);
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
	o = index < ORGANISATIONS_MAX ? trust_add_organisation(r->content, scalar(id)) : NULL;
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

enum cc_status
trust_read_file(const char *path, struct trust_content *content, struct buf *why)
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
