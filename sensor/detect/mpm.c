/*
 * The multi-pattern stage: one Hyperscan database for the patterns of four bytes and more of a buffer, another for
 * those of two and three, which would slow the first one down for all, and a table for single bytes.  Where few bytes
 * are scanned at a time, one call is worth more than that: then they are together.  A few patterns need no database
 * (few.c).  Built once, read by all workers; scratch is a worker's.
 *
 * Patterns go in as hexadecimal escapes: hs_compile_lit_multi() of Vectorscan takes a leading NUL for an empty string.
 */
#include <stdlib.h>

#include "detect/own.h"

#define FEW_LARGE_MAX 16 /* patterns that are looked for without a database where values are large */

struct single {
	uint8_t byte;
	uint32_t id;
};

/*
 * For values of up to 70 bytes Hyperscan puts a DFA of its own beside the rest, made of a trie of all literals.  On
 * sets such as ours it takes most of the compiler's time and a hundred times its memory, makes databases several times
 * as large, and scans no faster.  A pattern that asks for its start, and is not written as a literal, makes it do
 * without.  This one is of bytes that hardly occur; what it finds is ignored.  Small tries, and such as are too large
 * for the DFA, need none.
 */
#define GUARD "(?:\\xf7|\\xf7)\\xe3\\x9b\\xc1\\xf5\\xd7\\xfe\\xd7"
#define GUARD_ID UINT32_MAX
#define TRIE_SMALL 200
#define TRIE_LARGE 16384

struct mpm { /* a cache line, and the few behind it: see mpm_fetch() */
	struct few *few; /* NULL: too many for that */
	uint32_t shortest, longest;
	struct db *db, *brief;
	struct single *single; /* bytes that are a pattern by themselves */
	uint32_t single_count;
	uint32_t pattern_count;
	uint32_t *first; /* pattern id: rule[first[id]] … rule[first[id + 1]] */
	uint32_t *rule;
};
_Static_assert(sizeof(struct mpm) == MPM_LINE, "a cache line");

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

/* A single byte, in both cases if it has two and they count as one. */
static void
single_add(struct mpm *mpm, const struct mpm_entry *entry, uint32_t id)
{
	uint8_t c = entry->pattern.p[0];

	mpm->single[mpm->single_count++] = (struct single){c, id};
	if (entry->nocase && c >= 'a' && c <= 'z')
		mpm->single[mpm->single_count++] = (struct single){(uint8_t)(c - 32), id};
}

static bool
expressions_open(struct expressions *list, size_t count)
{
	*list = (struct expressions){
	    calloc(count, sizeof(char *)), calloc(count, sizeof(unsigned)), calloc(count, sizeof(unsigned)), 0};
	return list->text != NULL && list->flags != NULL && list->id != NULL;
}

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

/* Nodes that the expressions (sorted) add to a trie, those of one case or the other. */
static size_t
trie_nodes(const struct expressions *list, unsigned nocase)
{
	const char *before = "";
	size_t nodes = 0;

	for (unsigned i = 0; i < list->count; i++) {
		size_t same = 0;

		if ((list->flags[i] & HS_FLAG_CASELESS) != nocase)
			continue;
		while (before[same] != '\0' && before[same] == list->text[i][same])
			same++;
		nodes += strlen(list->text[i]) / 4 - same / 4;
		before = list->text[i];
	}
	return nodes;
}

static enum cc_status
guard_add(struct expressions *list)
{
	size_t exact = trie_nodes(list, 0), nocase = trie_nodes(list, HS_FLAG_CASELESS);

	if ((exact < TRIE_SMALL || exact > TRIE_LARGE) && (nocase < TRIE_SMALL || nocase > TRIE_LARGE))
		return CC_OK;
	list->text[list->count] = strdup(GUARD);
	if (list->text[list->count] == NULL)
		return CC_NOMEM;
	list->flags[list->count] = HS_FLAG_SOM_LEFTMOST;
	list->id[list->count++] = GUARD_ID;
	return CC_OK;
}

static bool
same_pattern(const struct mpm_entry *a, const struct mpm_entry *b)
{
	return a->nocase == b->nocase && slice_eq(a->pattern, b->pattern);
}

/* How many patterns there are, if few enough, and short enough, to go without a database; else 0. */
static size_t
few_count(const struct mpm_builder *builder)
{
	size_t patterns = 0, max = builder->large ? FEW_LARGE_MAX : FEW_MAX;

	for (size_t i = 0; i < builder->count && patterns <= max; i++) {
		if (builder->entry[i].pattern.size > FEW_BYTES)
			return 0;
		patterns += i == 0 || !same_pattern(&builder->entry[i], &builder->entry[i - 1]);
	}
	return patterns <= max ? patterns : 0;
}

static enum cc_status
patterns_make(struct mpm *mpm, const struct mpm_builder *builder, struct expressions *list, struct expressions *brief)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < builder->count && st == CC_OK; i++) {
		const struct mpm_entry *entry = &builder->entry[i];

		if (i == 0 || !same_pattern(entry, entry - 1)) {
			mpm->first[mpm->pattern_count] = (uint32_t)i;
			if (entry->pattern.size > mpm->longest)
				mpm->longest = (uint32_t)entry->pattern.size;
			if (entry->pattern.size < mpm->shortest || mpm->pattern_count == 0)
				mpm->shortest = (uint32_t)entry->pattern.size;
			if (mpm->few != NULL)
				few_add(mpm->few, entry->pattern, entry->nocase);
			else if (entry->pattern.size == 1 && !builder->together)
				single_add(mpm, entry, mpm->pattern_count);
			else
				st = expression_add(
				    entry->pattern.size <= SHORT_MAX && !builder->together ? brief : list, entry,
				    mpm->pattern_count);
			mpm->pattern_count++;
		}
		mpm->rule[i] = entry->rule;
	}
	mpm->first[mpm->pattern_count] = (uint32_t)builder->count;
	if (mpm->few != NULL)
		few_finish(mpm->few);
	return st;
}

static struct mpm *
mpm_take(size_t few)
{
	size_t size = sizeof(struct mpm) + (few > 0 ? few_size(few) : 0);
	struct mpm *mpm = aligned_alloc(MPM_LINE, (size + MPM_LINE - 1) / MPM_LINE * MPM_LINE);

	if (mpm == NULL)
		return NULL;
	memset(mpm, 0, size);
	mpm->few = few > 0 ? (struct few *)(mpm + 1) : NULL;
	return mpm;
}

static enum cc_status
mpm_make(struct dbs *dbs, struct mpm_builder *builder, struct mpm **ret_mpm)
{
	struct expressions list, brief;
	size_t singles = 0;
	bool room = expressions_open(&list, builder->count + 1), room_brief = expressions_open(&brief, builder->count);
	enum cc_status st = CC_NOMEM;
	struct mpm *mpm;

	qsort(builder->entry, builder->count, sizeof(builder->entry[0]), entry_compare);
	mpm = mpm_take(few_count(builder));
	if (mpm == NULL)
		goto out;
	for (size_t i = 0; i < builder->count; i++)
		singles += builder->entry[i].pattern.size == 1;
	mpm->single = calloc(2 * singles + 1, sizeof(struct single)); /* in both cases */
	mpm->first = calloc(builder->count + 1, sizeof(uint32_t));
	mpm->rule = calloc(builder->count, sizeof(uint32_t));
	if (mpm->single == NULL || mpm->first == NULL || mpm->rule == NULL || !room || !room_brief)
		goto out;
	st = patterns_make(mpm, builder, &list, &brief);
	if (st == CC_OK)
		st = guard_add(&list);
	if (st == CC_OK && list.count > 0)
		st = dbs_add(dbs, &list, &mpm->db);
	if (st == CC_OK && brief.count > 0)
		st = dbs_add(dbs, &brief, &mpm->brief);
	if (st == CC_OK) {
		*ret_mpm = mpm;
		mpm = NULL;
	}
out:
	expressions_free(&list);
	expressions_free(&brief);
	mpm_free(mpm);
	return st;
}

enum cc_status
mpm_build(struct dbs *dbs, struct mpm_builder *builder, struct mpm **ret_mpm)
{
	enum cc_status st = CC_OK;

	*ret_mpm = NULL;
	if (builder->count > 0)
		st = mpm_make(dbs, builder, ret_mpm);
	free(builder->entry);
	*builder = (struct mpm_builder){0};
	return st;
}

void
mpm_free(struct mpm *mpm)
{
	if (mpm == NULL)
		return;
	db_free(mpm->db);
	db_free(mpm->brief);
	free(mpm->single);
	free(mpm->first);
	free(mpm->rule);
	free(mpm);
}

enum cc_status
mpm_scratch(const struct mpm *mpm, hs_scratch_t **scratch)
{
	if (mpm != NULL && mpm->db != NULL && hs_alloc_scratch(db_hs(mpm->db), scratch) != HS_SUCCESS)
		return CC_NOMEM;
	if (mpm != NULL && mpm->brief != NULL && hs_alloc_scratch(db_hs(mpm->brief), scratch) != HS_SUCCESS)
		return CC_NOMEM;
	return CC_OK;
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
	if (id == GUARD_ID)
		return 0;
	for (uint32_t i = scan->mpm->first[id]; i < scan->mpm->first[id + 1]; i++)
		scan->hit(scan->ctx, scan->mpm->rule[i]);
	return 0;
}

void
mpm_scan(
    const struct mpm *mpm, hs_scratch_t *scratch, struct slice bytes, void (*hit)(void *ctx, uint32_t rule), void *ctx)
{
	struct scan scan = {mpm, hit, ctx};

	if (bytes.size == 0 || bytes.size < mpm->shortest)
		return;
	if (mpm->few != NULL) {
		for (uint64_t found = few_find(mpm->few, bytes); found != 0; found &= found - 1)
			scan_hit((unsigned)__builtin_ctzll(found), 0, 0, 0, &scan);
		return;
	}
	if (mpm->db != NULL)
		hs_scan(db_hs(mpm->db), (const char *)bytes.p, (unsigned)bytes.size, 0, scratch, scan_hit, &scan);
	if (mpm->brief != NULL)
		hs_scan(db_hs(mpm->brief), (const char *)bytes.p, (unsigned)bytes.size, 0, scratch, scan_hit, &scan);
	for (uint32_t i = 0; i < mpm->single_count; i++) {
		if (memchr(bytes.p, mpm->single[i].byte, bytes.size) != NULL)
			scan_hit(mpm->single[i].id, 0, 0, 0, &scan);
	}
}
