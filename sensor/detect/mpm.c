/*
 * The multi-pattern stage: one Hyperscan database for the patterns of four bytes and more of a buffer, and a small table
 * for shorter ones, which would slow the database down for all.  Built once, read by all workers; scratch is a worker's.
 *
 * Patterns go in as hexadecimal escapes: hs_compile_lit_multi() of Vectorscan takes a leading NUL for an empty string.
 */
#include <stdlib.h>

#include "detect/own.h"

#define PATTERN_MAX 32 /* bytes of a pattern that are looked for; the program sees to the rest */

struct short_pattern {
	uint8_t byte[SHORT_MAX];
	uint8_t size;
	bool nocase;
	uint32_t id;
};

struct short_table {
	uint8_t pair[65536 / 8];     /* by the first two bytes, folded: may one begin here? */
	uint16_t head[257];          /* by the first byte, folded: pattern[head[c]] … */
	struct short_pattern *pattern;
	uint32_t count;
};

struct mpm {
	hs_database_t *db;
	struct short_table *table;
	uint32_t *first;             /* pattern id: rule[first[id]] … rule[first[id + 1]] */
	uint32_t *rule;
	uint32_t pattern_count;
	size_t longest;
};

static uint8_t
fold(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

enum cc_status
mpm_add(struct mpm_builder *builder, struct slice pattern, bool nocase, uint32_t rule)
{
	if (builder->count == builder->room) {
		size_t room = builder->room == 0 ? 64 : builder->room * 2;
		struct mpm_entry *p = realloc(builder->entry, room * sizeof(*p));

		if (p == NULL)
			return CC_NOMEM;
		builder->entry = p;
		builder->room = room;
	}
	if (pattern.size > PATTERN_MAX)
		pattern.size = PATTERN_MAX;
	builder->entry[builder->count++] = (struct mpm_entry){pattern, nocase, rule};
	return CC_OK;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct mpm_entry *x = a, *y = b;
	size_t size = x->pattern.size < y->pattern.size ? x->pattern.size : y->pattern.size;
	int order;

	if (x->nocase != y->nocase)
		return x->nocase ? 1 : -1;
	order = memcmp(x->pattern.p, y->pattern.p, size);
	if (order == 0 && x->pattern.size != y->pattern.size)
		order = x->pattern.size < y->pattern.size ? -1 : 1;
	return order != 0 ? order : x->rule < y->rule ? -1 : x->rule > y->rule;
}

static int
short_compare(const void *a, const void *b)
{
	const struct short_pattern *x = a, *y = b;
	int order = (int)fold(x->byte[0]) - (int)fold(y->byte[0]);

	return order != 0 ? order : x->id < y->id ? -1 : x->id > y->id;
}

static enum cc_status
short_add(struct mpm *mpm, const struct mpm_entry *entry, uint32_t id)
{
	struct short_pattern *p;

	if (mpm->table == NULL && (mpm->table = calloc(1, sizeof(*mpm->table))) == NULL)
		return CC_NOMEM;
	p = realloc(mpm->table->pattern, (mpm->table->count + 1) * sizeof(*p));
	if (p == NULL)
		return CC_NOMEM;
	mpm->table->pattern = p;
	p += mpm->table->count++;
	*p = (struct short_pattern){.size = (uint8_t)entry->pattern.size, .nocase = entry->nocase, .id = id};
	memcpy(p->byte, entry->pattern.p, entry->pattern.size);
	for (unsigned second = 0; second < 256; second++) {
		unsigned pair = (unsigned)fold(p->byte[0]) << 8 | fold((uint8_t)second);

		if (p->size == 1 || fold(p->byte[1]) == fold((uint8_t)second))
			mpm->table->pair[pair / 8] = (uint8_t)(mpm->table->pair[pair / 8] | 1u << pair % 8);
	}
	return CC_OK;
}

static void
short_finish(struct short_table *table)
{
	uint32_t at = 0;

	qsort(table->pattern, table->count, sizeof(table->pattern[0]), short_compare);
	for (unsigned c = 0; c < 256; c++) {
		table->head[c] = (uint16_t)at;
		while (at < table->count && fold(table->pattern[at].byte[0]) == c)
			at++;
	}
	table->head[256] = (uint16_t)at;
}

struct expressions {
	char **text;
	unsigned *flags, *id;
	unsigned count;
};

static enum cc_status
expression_add(struct expressions *list, const struct mpm_entry *entry, uint32_t id)
{
	char *text = malloc(entry->pattern.size * 4 + 1);

	if (text == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < entry->pattern.size; i++)
		snprintf(text + 4 * i, 5, "\\x%02x", entry->pattern.p[i]);
	list->text[list->count] = text;
	list->flags[list->count] = HS_FLAG_SINGLEMATCH | (entry->nocase ? HS_FLAG_CASELESS : 0u);
	list->id[list->count++] = id;
	return CC_OK;
}

static enum cc_status
database_make(struct mpm *mpm, const struct expressions *list)
{
	hs_compile_error_t *error = NULL;

	if (list->count == 0)
		return CC_OK;
	if (hs_compile_multi((const char *const *)list->text, list->flags, list->id, list->count, HS_MODE_BLOCK, NULL, &mpm->db,
	    &error) != HS_SUCCESS) {
		log_error("hyperscan can't compile %u patterns: %s", list->count, error != NULL ? error->message : "no memory");
		hs_free_compile_error(error);
		return CC_NOMEM;
	}
	return CC_OK;
}

static bool
same_pattern(const struct mpm_entry *a, const struct mpm_entry *b)
{
	return a->nocase == b->nocase && slice_eq(a->pattern, b->pattern);
}

static enum cc_status
patterns_make(struct mpm *mpm, const struct mpm_builder *builder, struct expressions *list)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < builder->count && st == CC_OK; i++) {
		const struct mpm_entry *entry = &builder->entry[i];

		if (i == 0 || !same_pattern(entry, entry - 1)) {
			mpm->first[mpm->pattern_count] = (uint32_t)i;
			if (entry->pattern.size > mpm->longest)
				mpm->longest = entry->pattern.size;
			st = entry->pattern.size <= SHORT_MAX ? short_add(mpm, entry, mpm->pattern_count)
			                                      : expression_add(list, entry, mpm->pattern_count);
			mpm->pattern_count++;
		}
		mpm->rule[i] = entry->rule;
	}
	mpm->first[mpm->pattern_count] = (uint32_t)builder->count;
	return st;
}

enum cc_status
mpm_build(struct mpm_builder *builder, struct mpm **ret_mpm)
{
	struct expressions list = {0};
	enum cc_status st = CC_NOMEM;
	struct mpm *mpm;

	*ret_mpm = NULL;
	if (builder->count == 0)
		return CC_OK;
	qsort(builder->entry, builder->count, sizeof(builder->entry[0]), entry_compare);
	mpm = calloc(1, sizeof(*mpm));
	if (mpm == NULL)
		goto out;
	mpm->first = calloc(builder->count + 1, sizeof(uint32_t));
	mpm->rule = calloc(builder->count, sizeof(uint32_t));
	list.text = calloc(builder->count, sizeof(char *));
	list.flags = calloc(builder->count, sizeof(unsigned));
	list.id = calloc(builder->count, sizeof(unsigned));
	if (mpm->first == NULL || mpm->rule == NULL || list.text == NULL || list.flags == NULL || list.id == NULL)
		goto out;
	st = patterns_make(mpm, builder, &list);
	if (st == CC_OK)
		st = database_make(mpm, &list);
	if (st == CC_OK && mpm->table != NULL)
		short_finish(mpm->table);
	if (st == CC_OK) {
		*ret_mpm = mpm;
		mpm = NULL;
	}
out:
	for (unsigned i = 0; i < list.count; i++)
		free(list.text[i]);
	free(list.text);
	free(list.flags);
	free(list.id);
	free(builder->entry);
	*builder = (struct mpm_builder){0};
	mpm_free(mpm);
	return st;
}

void
mpm_free(struct mpm *mpm)
{
	if (mpm == NULL)
		return;
	hs_free_database(mpm->db);
	if (mpm->table != NULL)
		free(mpm->table->pattern);
	free(mpm->table);
	free(mpm->first);
	free(mpm->rule);
	free(mpm);
}

enum cc_status
mpm_scratch(const struct mpm *mpm, hs_scratch_t **scratch)
{
	if (mpm == NULL || mpm->db == NULL)
		return CC_OK;
	return hs_alloc_scratch(mpm->db, scratch) == HS_SUCCESS ? CC_OK : CC_NOMEM;
}

size_t
mpm_longest(const struct mpm *mpm)
{
	return mpm != NULL ? mpm->longest : 0;
}

struct scan {
	const struct mpm *mpm;
	void (*hit)(void *ctx, uint32_t rule);
	void *ctx;
};

static int
scan_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	const struct scan *scan = ctx;

	(void)from, (void)to, (void)flags;
	for (uint32_t i = scan->mpm->first[id]; i < scan->mpm->first[id + 1]; i++)
		scan->hit(scan->ctx, scan->mpm->rule[i]);
	return 0;
}

static bool
short_equal(const struct short_pattern *pattern, const uint8_t *p)
{
	for (unsigned i = 0; i < pattern->size; i++) {
		if ((pattern->nocase ? fold(p[i]) : p[i]) != pattern->byte[i])
			return false;
	}
	return true;
}

static void
short_scan(const struct short_table *table, struct slice bytes, struct scan *scan)
{
	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t c = fold(bytes.p[i]);
		size_t left = bytes.size - i;

		if (left > 1) {
			unsigned pair = (unsigned)c << 8 | fold(bytes.p[i + 1]);

			if ((table->pair[pair / 8] >> pair % 8 & 1) == 0)
				continue;
		}
		for (unsigned k = table->head[c]; k < table->head[c + 1u]; k++) {
			const struct short_pattern *pattern = &table->pattern[k];

			if (pattern->size <= left && short_equal(pattern, bytes.p + i))
				scan_hit(pattern->id, 0, 0, 0, scan);
		}
	}
}

void
mpm_scan(const struct mpm *mpm, hs_scratch_t *scratch, struct slice bytes, void (*hit)(void *ctx, uint32_t rule), void *ctx)
{
	struct scan scan = {mpm, hit, ctx};

	if (bytes.size == 0)
		return;
	if (mpm->db != NULL)
		hs_scan(mpm->db, (const char *)bytes.p, (unsigned)bytes.size, 0, scratch, scan_hit, &scan);
	if (mpm->table != NULL)
		short_scan(mpm->table, bytes, &scan);
}
