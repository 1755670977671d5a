/*
 * What a partner's bundle tells: its indicators, each with its value, whether it is seen, not seen or withdrawn, how
 * cheaply it can be forged, and whether the partner saw it by himself.
 *
 * The bundle was verified: its form, depth and size are bounded by then (verify.c), and who signed is known.  What is
 * not said is taken for the least: no proof is spoofable, an unknown origin is a relay.  No state.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/partners_own.h"
#include "exchange/stix_own.h"


#include <stdio.h>
#include <stdlib.h>

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* ---- patterns ---- */

static void
skip_blanks(const char **p)
{
	*p += strspn(*p, " \t");
}

static bool
kind_of(const char *path, size_t size, enum cc_kind *ret_kind)
{
	static const struct {
		const char *path;
		enum cc_kind kind;
	} table[] = {
	    {"ipv4-addr:value", CC_KIND_ADDR},
	    {"ipv6-addr:value", CC_KIND_ADDR},
	    {"domain-name:value", CC_KIND_DOMAIN},
	    {"url:value", CC_KIND_URL},
	    {"file:hashes.'SHA-256'", CC_KIND_FILE_SHA256},
	    {"file:hashes.SHA256", CC_KIND_FILE_SHA256},
	    {"x509-certificate:hashes.'SHA-256'", CC_KIND_CERT_SHA256},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.ja3", CC_KIND_JA3},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.ja3s", CC_KIND_JA3S},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.ja4", CC_KIND_JA4},
	    {"email-addr:value", CC_KIND_EMAIL},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.hassh", CC_KIND_HASSH},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.hassh_server", CC_KIND_HASSH_SERVER},
	    {"network-traffic:extensions.'" STIX_EXTENSION "'.ssh_host_key_sha256", CC_KIND_SSH_HOST_KEY},
	    {"network-traffic:extensions.'" STIX_HTTP_EXT "'.request_header.'User-Agent'[*]", CC_KIND_USER_AGENT},
	    {"network-traffic:extensions.'" STIX_HTTP_EXT "'.request_header.'User-Agent'[0]", CC_KIND_USER_AGENT},
	    {"network-traffic:extensions.'" STIX_HTTP_EXT "'.request_header.'User-Agent'", CC_KIND_USER_AGENT},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strlen(table[i].path) == size && memcmp(table[i].path, path, size) == 0) {
			*ret_kind = table[i].kind;
			return true;
		}
	}
	return false;
}

/* One comparison with "=", as all of ours have; ret_value has room for VALUE_MAX. */
enum cc_status
pattern_read(const char *pattern, enum cc_kind *ret_kind, char *ret_value, size_t *ret_size)
{
	const char *p = pattern, *path;
	size_t size = 0, path_size;

	skip_blanks(&p);
	if (*p++ != '[')
		return CC_BAD;
	skip_blanks(&p);
	path = p;
	while (*p != '\0' && *p != ' ' && *p != '=')
		p++;
	path_size = (size_t)(p - path);
	skip_blanks(&p);
	if (*p++ != '=' || !kind_of(path, path_size, ret_kind))
		return CC_BAD;
	skip_blanks(&p);
	if (*p++ != '\'')
		return CC_BAD;
	for (; *p != '\0' && *p != '\''; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (size == VALUE_MAX)
			return CC_BAD;
		ret_value[size++] = *p;
	}
	if (*p++ != '\'')
		return CC_BAD;
	skip_blanks(&p);
	if (*p++ != ']')
		return CC_BAD;
	skip_blanks(&p);
	*ret_size = size;
	return *p == '\0' && size > 0 ? CC_OK : CC_BAD;
}

/* ---- the bundle ---- */

/* Of the first observed-data that has the basic information. */
static void
read_basics(const json_t *objects, struct told *ret_told)
{
	const json_t *object, *info;
	size_t i;

	ret_told->origin = TOLD_RELAY;
	ret_told->proof = CC_PROOF_SPOOFABLE;
	json_array_foreach((json_t *)(uintptr_t)objects, i, object)
	{
		const char *kind, *level;

		if (strcmp(text_of(object, "type"), "observed-data") != 0 &&
		    strcmp(text_of(object, "type"), "sighting") != 0)
			continue;
		info = json_object_get(json_object_get(object, "extensions"), STIX_EXTENSION);
		if (info == NULL)
			continue;
		kind = text_of(json_object_get(info, "origin"), "kind");
		level = text_of(json_object_get(info, "proof"), "level");
		ret_told->origin = strcmp(kind, "own") == 0      ? TOLD_OWN
				   : strcmp(kind, "answer") == 0 ? TOLD_ANSWER
								 : TOLD_RELAY;
		for (int proof = CC_PROOF_SPOOFABLE; proof <= CC_PROOF_CONTENT; proof++) {
			if (strcmp(level, record_proof_text((enum cc_proof)proof)) == 0)
				ret_told->proof = (enum cc_proof)proof;
		}
		return;
	}
}

/* Is every sighting of this indicator one of nothing? */
static bool
is_negative(const json_t *objects, const char *indicator)
{
	const json_t *object, *count;
	bool negative = false;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)objects, i, object)
	{
		if (strcmp(text_of(object, "type"), "sighting") != 0 ||
		    strcmp(text_of(object, "sighting_of_ref"), indicator) != 0)
			continue;
		count = json_object_get(object, "count");
		if (!json_is_integer(count) || json_integer_value(count) != 0)
			return false;
		negative = true;
	}
	return negative;
}

static void
read_indicator(const json_t *objects, const json_t *object, const struct told *basics, struct told *told)
{
	char value[VALUE_MAX + 1];

	*told = *basics;
	snprintf(told->indicator, sizeof(told->indicator), "%s", text_of(object, "id"));
	told->revoked = json_is_true(json_object_get(object, "revoked"));
	told->negative = is_negative(objects, told->indicator);
	if (time_rfc3339_parse(text_of(object, "valid_until"), &told->until) != CC_OK)
		told->until = 0;
	told->known = strcmp(text_of(object, "pattern_type"), "stix") == 0 &&
	    pattern_read(text_of(object, "pattern"), &told->kind, value, &told->size) == CC_OK;
	told->value = told->known ? strndup(value, told->size) : NULL;
	told->known = told->value != NULL && strlen(told->value) == told->size;
}

enum cc_status
telling_read(struct slice value, struct telling *ret_telling)
{
	json_t *root = json_loadb((const char *)value.p, value.size, JSON_REJECT_DUPLICATES, NULL), *object;
	const json_t *objects = json_object_get(root, "objects");
	struct told basics = {.value = NULL};
	size_t i;

	ret_telling->count = ret_telling->more = 0;
	if (!json_is_array(objects)) {
		json_decref(root);
		return CC_BAD;
	}
	read_basics(objects, &basics);
	json_array_foreach((json_t *)(uintptr_t)objects, i, object)
	{
		if (strcmp(text_of(object, "type"), "indicator") != 0)
			continue;
		if (ret_telling->count < TOLD_MAX)
			read_indicator(objects, object, &basics, &ret_telling->told[ret_telling->count++]);
		else
			ret_telling->more++;
	}
	json_decref(root);
	return CC_OK;
}

void
telling_free(struct telling *telling)
{
	for (size_t i = 0; i < telling->count; i++)
		free(telling->told[i].value);
	telling->count = 0;
}
