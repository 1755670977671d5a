/* Schemes of references: what goes before the text of "reference:cve,2021-44228", by a file of the operator's or as
 * rule sets have them.  While loading; a scheme that rules alone know is made under the lock. */
#include "detect/kw/kw.h"

/* A line of reference.config: "config reference: name prefix"; the prefix may be empty. */
static bool
scheme_line(struct ruleset *set, struct slice line)
{
	static const char head[] = "config reference:";
	struct store *store = &set->common->store;
	struct slice rest, name, *prefix;
	uint8_t *lower;

	if (line.size < sizeof(head) || memcmp(line.p, head, sizeof(head) - 1) != 0)
		return false;
	rest = slice_trim(slice_of(line.p + sizeof(head) - 1, line.size - sizeof(head) + 1));
	name = slice_of(rest.p, 0);
	while (name.size < rest.size && rest.p[name.size] != ' ' && rest.p[name.size] != '\t')
		name.size++;
	rest = slice_trim(slice_of(rest.p + name.size, rest.size - name.size));
	if (name.size == 0 || memchr(name.p, ',', name.size) != NULL ||
	    (rest.size > 0 && memchr(rest.p, ' ', rest.size) != NULL))
		return false;
	if (set->common->users > 1)
		return true; /* taken over, as the file is the same */
	lower = store_take(store, name.size + 1);
	prefix = store_take(store, sizeof(*prefix));
	if (lower == NULL || prefix == NULL)
		return false;
	lower_copy(lower, name);
	*prefix = rest;
	return map_put(set->common->references, slice_of(lower, name.size), prefix, NULL) == CC_OK;
}

enum cc_status
references_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report)
{
	static const char *const standard[] = {"url http://", "cve https://cve.mitre.org/cgi-bin/cvename.cgi?name=",
	    "bugtraq https://www.securityfocus.com/bid/", "bid https://www.securityfocus.com/bid/",
	    "exploitdb https://www.exploit-db.com/exploits/", "md5 https://www.virustotal.com/gui/file/",
	    "sha1 https://www.virustotal.com/gui/file/", "sha256 https://www.virustotal.com/gui/file/",
	    "nessus https://www.tenable.com/plugins/nessus/"};

	if (conf->detect_reference[0] != '\0')
		return config_load(set, report, conf->detect_reference, scheme_line, "config reference: name prefix");
	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]) && set->common->users == 1; i++) {
		char line[128];
		int size = snprintf(line, sizeof(line), "config reference: %s", standard[i]);
		struct slice copy = store_copy(&set->common->store, slice_of(line, (size_t)size));

		if (copy.p == NULL || !scheme_line(set, copy))
			return CC_NOMEM;
	}
	return CC_OK;
}

/* NULL: the scheme is in no file. */
static const struct slice *
prefix_find(struct common *common, struct slice lower)
{
	const struct slice *prefix;

	pthread_mutex_lock(&common->lock);
	prefix = map_get(common->references, lower);
	pthread_mutex_unlock(&common->lock);
	return prefix;
}

/* Known from now on, without a prefix: a warning for each scheme is enough.  false: somebody else was first. */
static bool
scheme_add(struct common *common, struct slice lower)
{
	struct slice copy, *prefix;
	bool added = false;

	pthread_mutex_lock(&common->lock);
	if (map_get(common->references, lower) == NULL) {
		copy = store_copy(&common->store, lower);
		prefix = store_take(&common->store, sizeof(*prefix));
		added = copy.p != NULL && prefix != NULL && map_put(common->references, copy, prefix, NULL) == CC_OK;
	}
	pthread_mutex_unlock(&common->lock);
	return added;
}

enum cc_status
reference_resolve(struct build *build, struct slice reference, struct slice *ret_url)
{
	const struct slice *prefix;
	struct slice rest = reference, scheme;
	uint8_t lower[64], *url;
	size_t before;

	*ret_url = slice_of(reference.p, 0);
	slice_split(&rest, ',', &scheme);
	scheme = slice_trim(scheme);
	rest = slice_trim(rest);
	if (scheme.size == 0 || scheme.size > sizeof(lower))
		return build_refuse(build, "should be scheme,text as in url,www.example.org/a");
	lower_copy(lower, scheme);
	prefix = prefix_find(build->set->common, slice_of(lower, scheme.size));
	if (prefix == NULL && build->set->conf->detect_reference[0] != '\0') {
		build_turn(build);
		if (scheme_add(build->set->common, slice_of(lower, scheme.size)))
			build_warn(build, "scheme \"%.*s\" is not in the file of references; said once",
			    (int)scheme.size, scheme.p);
		return CC_OK;
	}
	if (prefix == NULL || prefix->size == 0)
		return CC_OK;
	/* Some write the whole address where the prefix would go before it. */
	before = rest.size > 0 && memmem(rest.p, rest.size, "://", 3) != NULL ? 0 : prefix->size;
	url = build_take(build, before + rest.size + 1);
	if (url == NULL)
		return CC_BAD;
	memcpy(url, prefix->p, before);
	if (rest.size > 0)
		memcpy(url + before, rest.p, rest.size);
	*ret_url = slice_of(url, before + rest.size);
	return CC_OK;
}
