/* What to say of a keyword that this sensor doesn't have: why, or which one may be meant.  At load time. */
#include "detect/kw/kw.h"

#define NEAR 2        /* letters that may differ */
#define NAME_SIZE 48

static const struct {
	const char *name, *reason;
} known[] = {
    {"lua", "scripts are not run here; say it with pcre, byte_math, flowint or a dataset"},
    {"luajit", "scripts are not run here; say it with pcre, byte_math, flowint or a dataset"},
    {"config", "what is logged is a matter of the configuration here: eve.types"},
    {"modbus", "needs a parser of Modbus that this sensor does not have"},
};

/* Letters to change, add or leave out, or to swap with the next one; gives up above NEAR. */
static unsigned
distance(struct slice a, const char *b)
{
	unsigned row[3][NAME_SIZE + 1];
	size_t size = strlen(b);

	if (a.size > NAME_SIZE || size > NAME_SIZE || a.size > size + NEAR || size > a.size + NEAR)
		return NEAR + 1;
	for (size_t k = 0; k <= size; k++)
		row[0][k] = (unsigned)k;
	for (size_t i = 1; i <= a.size; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *second = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t k = 1; k <= size; k++) {
			bool same = (a.p[i - 1] | 32) == (b[k - 1] | 32);
			unsigned best = before[k - 1] + (same ? 0 : 1);

			best = before[k] + 1 < best ? before[k] + 1 : best;
			best = now[k - 1] + 1 < best ? now[k - 1] + 1 : best;
			if (i > 1 && k > 1 && a.p[i - 1] == (uint8_t)b[k - 2] && a.p[i - 2] == (uint8_t)b[k - 1] &&
			    second[k - 2] + 1 < best)
				best = second[k - 2] + 1;
			now[k] = best;
		}
	}
	return row[a.size % 3][size];
}

static void
nearer(struct slice name, const char *other, const char **ret_name, unsigned *best)
{
	unsigned far = distance(name, other);

	if (far < *best && far < name.size / 2) {
		*best = far;
		*ret_name = other;
	}
}

enum cc_status
unknown_refuse(struct build *build, struct slice name)
{
	const char *near = NULL;
	unsigned best = NEAR + 1;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (slice_is_nocase(name, known[i].name))
			return build_refuse(build, "%s", known[i].reason);
	}
	for (unsigned i = 0; i < keyword_count; i++)
		nearer(name, keyword_table[i]->name, &near, &best);
	for (unsigned i = 0; i < app_parser_count; i++) {
		for (unsigned f = 0; f < app_parsers[i]->field_count; f++) {
			if (app_parsers[i]->fields[f].buffer != NULL)
				nearer(name, app_parsers[i]->fields[f].buffer, &near, &best);
		}
	}
	if (near != NULL)
		return build_refuse(build, "unknown keyword; is %s meant?", near);
	return build_refuse(build, "unknown keyword; 'concert rules keywords' lists those that are there");
}
