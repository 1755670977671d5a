/*
 * Regular expressions (PCRE2, JIT): compiled once for equal text and options, shared by all workers, and by the
 * rulesets before and after a reload.  Loading only, any thread.
 */
#include <stdlib.h>

#include "detect/kw/kw.h"

/* Behind it in the same memory: options and text. */
static struct regex *
regex_new(struct slice pattern, uint32_t options)
{
	struct regex *regex = calloc(1, sizeof(*regex) + sizeof(options) + pattern.size + 1);
	uint8_t *key = (uint8_t *)(regex + 1);

	if (regex == NULL)
		return NULL;
	memcpy(key, &options, sizeof(options));
	if (pattern.size > 0)
		memcpy(key + sizeof(options), pattern.p, pattern.size);
	regex->key = slice_of(key, sizeof(options) + pattern.size);
	regex->text = slice_of(key + sizeof(options), pattern.size);
	return regex;
}

static void
regex_drop(struct regex *regex)
{
	pcre2_code_free(regex->code);
	free(regex);
}

void
regex_free(struct common *common, struct regex *regex)
{
	pthread_mutex_lock(&common->lock);
	if (--regex->users == 0) {
		map_remove(common->regexes, regex->key);
		regex_drop(regex);
	}
	pthread_mutex_unlock(&common->lock);
}

/* Another thread may have been faster: then what it made is taken, and regex goes. */
static struct regex *
regex_share(struct common *common, struct regex *regex)
{
	struct regex *there;

	pthread_mutex_lock(&common->lock);
	there = map_get(common->regexes, regex->key);
	if (there == NULL && regex->code != NULL && map_put(common->regexes, regex->key, regex, NULL) == CC_OK)
		there = regex;
	if (there != NULL)
		there->users++;
	pthread_mutex_unlock(&common->lock);
	if (there != regex && (there != NULL || regex->code != NULL))
		regex_drop(regex);
	return there;
}

static enum cc_status
regex_compile(struct build *build, struct regex *regex, uint32_t options)
{
	PCRE2_SIZE at;
	int error;

	regex->code = pcre2_compile(regex->text.p, regex->text.size, options, &error, &at, NULL);
	if (regex->code == NULL) {
		uint8_t why[128];

		pcre2_get_error_message(error, why, sizeof(why));
		return build_refuse(build, "the expression is wrong at its byte %zu: %s", (size_t)at, (char *)why);
	}
	regex->jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
	return CC_OK;
}

enum cc_status
regex_take(struct build *build, struct slice pattern, uint32_t options, struct regex **ret_regex)
{
	struct regex_use *use = build_take(build, sizeof(*use));
	struct regex *regex = use != NULL ? regex_new(pattern, options) : NULL, *there;

	if (regex == NULL)
		return build_refuse(build, "no memory");
	there = regex_share(build->set->common, regex);
	if (there == NULL) {
		if (regex_compile(build, regex, options) != CC_OK) {
			regex_drop(regex);
			return CC_BAD;
		}
		there = regex_share(build->set->common, regex);
		if (there == NULL)
			return build_refuse(build, "no memory");
	}
	*use = (struct regex_use){build->body->regex, there};
	build->body->regex = use;
	*ret_regex = there;
	return CC_OK;
}
