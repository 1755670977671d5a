/*
 * Reputation of addresses: files of "address,category,score" to one sorted list of intervals a category, in which a
 * packet's address is looked up for the keyword iprep.  The narrowest prefix speaks; of equal ones the later line.
 *
 * Categories are numbers of 1 to 59 with a short name ("id,name,text"), scores are of 0 to 127.  A line that can't be
 * read is told and left out.  Loading: one thread, not on the packet path; looking up: any thread.
 */
#include <stdlib.h>

#include "detect/own.h"

#define ENTRIES_MAX (4u << 20)
#define WRONG_LINES_SAID 20
#define NESTING_MAX 130

struct iprep_entry {
	struct cc_addr low, high;
	uint32_t line; /* of all files, in order */
	uint8_t bits, category, score;
};

struct iprep_interval { /* up to the next one's start */
	struct cc_addr start;
	int16_t score; /* -1: none */
};

struct iprep_list {
	struct iprep_interval *interval;
	uint32_t count;
};

struct iprep {
	struct slice name[IPREP_CATEGORIES];
	struct iprep_list list[IPREP_CATEGORIES];
};

struct iprep_loader {
	struct ruleset *set;
	struct ruleset_report *report;
	struct iprep_entry *entry;
	size_t count, room;
	unsigned wrong;
	bool nomem;
};

static void
wrong_line(struct iprep_loader *loader, const char *path, uint32_t line, const char *why)
{
	loader->report->warnings++;
	if (loader->wrong++ < WRONG_LINES_SAID)
		report_line(loader->report, path, line, 1, "iprep", "warning: %s", why);
}

static bool
category_line(struct iprep_loader *loader, struct slice line)
{
	struct slice id, name;
	uint64_t number;

	if (!slice_split(&line, ',', &id) || !slice_split(&line, ',', &name) ||
	    !slice_uint(slice_trim(id), IPREP_CATEGORIES - 1, &number) || number == 0 || slice_trim(name).size == 0)
		return false;
	loader->set->iprep->name[number] = slice_trim(name);
	return true;
}

static void
prefix_range(const struct cc_prefix *prefix, struct iprep_entry *ret_entry)
{
	ret_entry->low = ret_entry->high = prefix->addr;
	ret_entry->bits = prefix->bits;
	for (unsigned bit = prefix->bits; bit < 128; bit++) {
		ret_entry->low.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
		ret_entry->high.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	}
}

static bool
entry_line(struct iprep_loader *loader, struct slice line)
{
	struct iprep_entry entry = {.line = (uint32_t)loader->count};
	struct slice addr, category, score;
	struct cc_prefix prefix;
	uint64_t number;
	char text[64];

	if (!slice_split(&line, ',', &addr) || !slice_split(&line, ',', &category) || !slice_split(&line, ',', &score))
		return false;
	addr = slice_trim(addr);
	if (addr.size >= sizeof(text))
		return false;
	memcpy(text, addr.p, addr.size);
	text[addr.size] = '\0';
	if (cc_prefix_parse(text, &prefix) != CC_OK)
		return false;
	if (!slice_uint(slice_trim(category), IPREP_CATEGORIES - 1, &number) || number == 0)
		return false;
	entry.category = (uint8_t)number;
	if (!slice_uint(slice_trim(score), IPREP_SCORE_MAX, &number))
		return false;
	entry.score = (uint8_t)number;
	prefix_range(&prefix, &entry);
	if (loader->count == loader->room) {
		size_t room = loader->room == 0 ? 1024 : loader->room * 2;
		struct iprep_entry *p = room <= ENTRIES_MAX ? realloc(loader->entry, room * sizeof(*p)) : NULL;

		if (p == NULL) {
			loader->nomem = true;
			return true;
		}
		loader->entry = p;
		loader->room = room;
	}
	loader->entry[loader->count++] = entry;
	return true;
}

static enum cc_status
lines_load(struct iprep_loader *loader, const char *path, bool (*take)(struct iprep_loader *, struct slice),
    const char *should)
{
	struct slice text, line;
	uint32_t number = 0;
	size_t good = 0, wrong = 0;
	enum cc_status st = text_load(&loader->set->store, loader->report, path, &text);

	while (st == CC_OK && !loader->nomem && slice_split(&text, '\n', &line)) {
		number++;
		line = slice_trim(line);
		if (line.size == 0 || line.p[0] == '#')
			continue;
		if (take(loader, line)) {
			good++;
		} else {
			wrong++;
			wrong_line(loader, path, number, should);
		}
	}
	return st == CC_OK ? lines_verdict(loader->set, loader->report, path, good, wrong) : st;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct iprep_entry *x = a, *y = b;
	int order;

	if (x->category != y->category)
		return x->category < y->category ? -1 : 1;
	order = cc_addr_cmp(&x->low, &y->low);
	if (order != 0)
		return order;
	if (x->bits != y->bits)
		return x->bits < y->bits ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void
interval_add(struct iprep_list *list, struct cc_addr start, int16_t score)
{
	/* What begins at the same place is narrower, or later: it takes the place. */
	if (list->count > 0 && cc_addr_cmp(&list->interval[list->count - 1].start, &start) == 0)
		list->count--;
	list->interval[list->count++] = (struct iprep_interval){start, score};
}

/* Behind the end of the innermost one, the one around it speaks again. */
static void
nest_close(struct iprep_list *list, const struct iprep_entry *const *nest, unsigned depth)
{
	struct cc_addr after = nest[depth - 1]->high;
	int k = 15;

	while (k >= 0 && ++after.b[k] == 0)
		k--;
	if (k >= 0)
		interval_add(list, after, depth > 1 ? nest[depth - 2]->score : -1);
}

/* Prefixes nest or are disjoint: a walk with a stack of those that are open makes intervals of them. */
static enum cc_status
list_make(struct ruleset *set, struct iprep_list *list, const struct iprep_entry *entry, size_t count)
{
	const struct iprep_entry *nest[NESTING_MAX];
	unsigned depth = 0;

	list->interval = store_take(&set->store, (2 * count + 1) * sizeof(list->interval[0]));
	if (list->interval == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		while (depth > 0 && cc_addr_cmp(&nest[depth - 1]->high, &entry[i].low) < 0)
			nest_close(list, nest, depth--);
		if (depth > 0 && nest[depth - 1]->bits == entry[i].bits)
			depth--; /* the same prefix again */
		interval_add(list, entry[i].low, entry[i].score);
		nest[depth++] = &entry[i];
	}
	while (depth > 0)
		nest_close(list, nest, depth--);
	return CC_OK;
}

static enum cc_status
lists_make(struct iprep_loader *loader)
{
	enum cc_status st = CC_OK;

	if (loader->count > 0)
		qsort(loader->entry, loader->count, sizeof(loader->entry[0]), entry_compare);
	for (size_t first = 0, end; first < loader->count && st == CC_OK; first = end) {
		uint8_t category = loader->entry[first].category;

		for (end = first; end < loader->count && loader->entry[end].category == category; end++)
			;
		st = list_make(loader->set, &loader->set->iprep->list[category], loader->entry + first, end - first);
	}
	return st;
}

enum cc_status
iprep_load(struct ruleset *set, const struct conf *conf, struct ruleset_report *report)
{
	struct iprep_loader loader = {.set = set, .report = report};
	enum cc_status st, all;

	if (conf->detect_iprep_categories[0] == '\0')
		return CC_OK;
	set->iprep = store_take(&set->store, sizeof(*set->iprep));
	if (set->iprep == NULL)
		return CC_NOMEM;
	all = lines_load(
	    &loader, conf->detect_iprep_categories, category_line, "should be \"number of 1 to 59,name,text\"");
	for (size_t i = 0; i < conf->detect_iprep_files.count && !loader.nomem; i++) {
		st = lines_load(&loader, conf->detect_iprep_files.item[i], entry_line,
		    "should be \"address or prefix,category,score of 0 to 127\"");
		all = all != CC_OK ? all : st;
	}
	if (loader.wrong > WRONG_LINES_SAID)
		report_line(report, conf->detect_iprep_categories, 0, 0, "iprep", "warning: %u lines more are wrong",
		    loader.wrong - WRONG_LINES_SAID);
	if (loader.nomem)
		report_line(report, conf->detect_iprep_categories, 0, 0, "iprep",
		    "more than %u reputations, or no memory for them", ENTRIES_MAX);
	st = loader.nomem ? CC_NOMEM : lists_make(&loader);
	free(loader.entry);
	return st == CC_NOMEM ? CC_NOMEM : all;
}

unsigned
iprep_category(const struct iprep *iprep, struct slice name)
{
	for (unsigned i = 1; iprep != NULL && i < IPREP_CATEGORIES; i++) {
		if (iprep->name[i].size > 0 && slice_eq(iprep->name[i], name))
			return i;
	}
	return 0;
}

int
iprep_score(const struct iprep *iprep, unsigned category, const struct cc_addr *addr)
{
	const struct iprep_list *list = &iprep->list[category];
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (cc_addr_cmp(&list->interval[mid].start, addr) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? list->interval[low - 1].score : -1;
}
