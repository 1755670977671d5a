/*
 * What rulesets share: names, buffers, lists of addresses and ports, expressions (struct common), and the rules'
 * bodies.
 *
 * A reload takes the common things over when the settings are the same by which rules get their meaning: variables,
 * classification, categories of reputation.  Else new ones are made, and only the numbers of names go on, so that
 * marks of flows keep theirs.  When too much has piled up of rules that are long gone, all is made anew.
 */
#include <stdlib.h>

#include "detect/own.h"

#define NAMES_KEPT (FLOWBITS_MAX / 2)
#define BUFFERS_KEPT (BUFFERS_MAX / 2)
#define STORE_KEPT (64u << 20)
#define BODY_BLOCK 512

/* ---- bodies ---- */

struct rule_body *
body_new(void)
{
	struct rule_body *body = calloc(1, sizeof(*body));

	if (body != NULL) {
		body->users = 1;
		body->store.block = BODY_BLOCK;
	}
	return body;
}

void
body_free(struct common *common, struct rule_body *body)
{
	if (body == NULL || --body->users > 0)
		return;
	for (struct regex_use *use = body->regex; use != NULL; use = use->next)
		regex_free(common, use->regex);
	store_close(&body->store);
	free(body);
}

/* ---- names ---- */

static void
names_free(struct names *names)
{
	if (names == NULL || --names->users > 0)
		return;
	map_free(names->map, NULL);
	free(names);
}

static struct names *
names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->users = 1;
	names->map = map_new(0);
	if (names->map == NULL) {
		names_free(names);
		return NULL;
	}
	return names;
}

/* ---- settings ---- */

static void
digest_text(struct digest *digest, const char *text)
{
	digest_add(digest, slice_of(text, strlen(text) + 1));
}

static void
digest_map(struct digest *digest, const struct conf_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		digest_text(digest, map->pair[i].key);
		digest_text(digest, map->pair[i].value);
	}
	digest_text(digest, "");
}

/* The file's content; one that can't be read is told by who needs it. */
void
digest_file(struct digest *digest, const char *path)
{
	FILE *file = path[0] != '\0' ? fopen(path, "re") : NULL;
	uint8_t room[4096];
	size_t size;

	digest_text(digest, path);
	while (file != NULL && (size = fread(room, 1, sizeof(room), file)) > 0)
		digest_add(digest, slice_of(room, size));
	if (file != NULL)
		fclose(file);
}

void
files_digest(const struct conf_list *list, uint8_t ret_digest[32])
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	for (size_t i = 0; i < list->count; i++)
		digest_file(&digest, list->item[i]);
	digest_close(&digest, NULL, NULL, ret_digest);
}

static void
settings_digest(const struct conf *conf, uint8_t ret_digest[32])
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	digest_map(&digest, &conf->detect_vars_address);
	digest_map(&digest, &conf->detect_vars_port);
	digest_file(&digest, conf->detect_classification);
	digest_file(&digest, conf->detect_reference);
	digest_file(&digest, conf->detect_iprep_categories);
	digest_text(&digest, conf->detect_geoip);
	digest_close(&digest, NULL, NULL, ret_digest);
}

/* ---- all of it ---- */

void
common_free(struct common *common)
{
	struct slice key;
	void *regex;

	if (common == NULL || --common->users > 0)
		return;
	for (size_t at = 0; common->regexes != NULL && map_next(common->regexes, &at, &key, &regex);) {
		pcre2_code_free(((struct regex *)regex)->code); /* of transforms: the rules' are gone */
		free(regex);
	}
	map_free(common->regexes, NULL);
	map_free(common->addr_sets, NULL);
	map_free(common->port_sets, NULL);
	map_free(common->buffers, NULL);
	map_free(common->classes, NULL);
	map_free(common->references, NULL);
	names_free(common->names);
	free(common->buffer);
	store_close(&common->store);
	pthread_mutex_destroy(&common->lock);
	free(common);
}

static enum cc_status
common_new(struct names *names, struct common **ret_common)
{
	struct common *common = calloc(1, sizeof(*common));

	if (common == NULL)
		return CC_NOMEM;
	common->users = 1;
	pthread_mutex_init(&common->lock, NULL);
	common->regexes = map_new(0);
	common->addr_sets = map_new(0);
	common->port_sets = map_new(0);
	common->buffers = map_new(0);
	common->classes = map_new(0);
	common->references = map_new(0);
	common->buffer = calloc(BUFFERS_MAX, sizeof(common->buffer[0]));
	if (names != NULL)
		names->users++;
	common->names = names != NULL ? names : names_new();
	if (common->regexes == NULL || common->addr_sets == NULL || common->port_sets == NULL ||
	    common->buffers == NULL || common->classes == NULL || common->references == NULL ||
	    common->buffer == NULL || common->names == NULL || buffers_open(common) != CC_OK) {
		common_free(common);
		return CC_NOMEM;
	}
	*ret_common = common;
	return CC_OK;
}

enum cc_status
common_take(const struct conf *conf, struct ruleset *old, struct common **ret_common)
{
	struct common *common = old != NULL ? old->common : NULL;
	bool names_full = common != NULL && common->names->count > NAMES_KEPT;
	uint8_t digest[32];
	enum cc_status st;

	settings_digest(conf, digest);
	if (common != NULL && memcmp(common->digest, digest, sizeof(digest)) == 0 && !names_full &&
	    common->buffer_count <= BUFFERS_KEPT && common->store.total <= STORE_KEPT) {
		common->users++;
		*ret_common = common;
		return CC_OK;
	}
	st = common_new(common != NULL && !names_full ? common->names : NULL, ret_common);
	if (st == CC_OK)
		memcpy((*ret_common)->digest, digest, sizeof(digest));
	return st;
}
