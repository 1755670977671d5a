/* Regular expressions (PCRE2, JIT): compiled once for equal text and options, shared by all workers.  Loading only. */
#include "detect/own.h"

#include <stdlib.h>

enum cc_status
regex_take(struct build *build, struct slice pattern, uint32_t options, struct regex **ret_regex)
{
	struct ruleset *set = build->set;
	struct regex *regex;
	struct buf key;
	PCRE2_SIZE at;
	int error;

	buf_open(&key, RULE_LINE_MAX + 16);
	buf_add(&key, &options, sizeof(options));
	buf_add_slice(&key, pattern);
	regex = key.full ? NULL : map_get(set->regexes, buf_slice(&key));
	if (regex != NULL) {
		buf_close(&key);
		*ret_regex = regex;
		return CC_OK;
	}
	regex = store_take(&set->store, sizeof(*regex));
	if (key.full || regex == NULL)
		goto nomem;
	if (set->regex_count == set->regex_room) {
		uint32_t room = set->regex_room == 0 ? 64 : set->regex_room * 2;
		struct regex **p = realloc(set->regex, room * sizeof(struct regex *));

		if (p == NULL)
			goto nomem;
		set->regex = p;
		set->regex_room = room;
	}
	regex->text = store_copy(&set->store, pattern);
	regex->code = pcre2_compile(pattern.p, pattern.size, options, &error, &at, NULL);
	if (regex->code == NULL) {
		uint8_t why[128];

		buf_close(&key);
		pcre2_get_error_message(error, why, sizeof(why));
		return build_refuse(build, "the expression is wrong at its byte %zu: %s", (size_t)at, (char *)why);
	}
	regex->jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
	set->regex[set->regex_count++] = regex;
	if (map_put(set->regexes, buf_slice(&key), regex, NULL) != CC_OK)
		goto nomem;
	buf_close(&key);
	*ret_regex = regex;
	return CC_OK;
nomem:
	buf_close(&key);
	return build_refuse(build, "no memory");
}
