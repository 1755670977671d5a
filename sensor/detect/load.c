/*
 * Files to rules, line by line.
 *
 * A rule begins in the first column; a final '\' joins the next line; '#' at the start comments a line out.  A rule
 * that can't be used is refused alone, with file:line:column, keyword and reason.  Not on the packet path.
 *
 * Files are cut into rules by one thread.  Then each rule is taken over from the set before a reload, when its text is
 * there already, or read, by several threads; what they said is put together in the order of the rules.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "detect/kw/kw.h"

#define RULES_FILE_MAX (1ull << 30)

void
report_line(struct ruleset_report *report, const char *file, uint32_t line, uint32_t column, const char *keyword,
    const char *format, ...)
{
	char why[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	buf_printf(&report->text, "%s", file);
	if (line > 0)
		buf_printf(&report->text, ":%u", line);
	if (column > 0)
		buf_printf(&report->text, ":%u", column);
	if (keyword != NULL)
		buf_printf(&report->text, ": %s", keyword);
	buf_printf(&report->text, ": %s\n", why);
}

enum cc_status
text_load(struct store *store, struct ruleset_report *report, const char *path, struct slice *ret_text)
{
	FILE *file = fopen(path, "re");
	struct stat stat;
	uint8_t *text;
	size_t size;

	if (file == NULL) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		return CC_IO;
	}
	if (fstat(fileno(file), &stat) != 0 || !S_ISREG(stat.st_mode) || (uint64_t)stat.st_size > RULES_FILE_MAX) {
		report_line(report, path, 0, 0, NULL, "is no regular file of less than 1 GiB");
		fclose(file);
		return CC_IO;
	}
	text = store_take(store, (size_t)stat.st_size + 1);
	if (text == NULL) {
		fclose(file);
		return CC_NOMEM;
	}
	size = fread(text, 1, (size_t)stat.st_size, file);
	if (ferror(file)) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		fclose(file);
		return CC_IO;
	}
	fclose(file);
	*ret_text = slice_of(text, size);
	return CC_OK;
}

/* ---- lines ---- */

struct slot { /* a rule as it stands in a file, and what became of it */
	struct slice text;
	const char *file;
	uint32_t line;
	uint32_t warnings;
	bool good, skipped, note; /* note: no rule, but something to be said of the file */
	struct buf said;
	char *why;                /* it was refused */
};

struct loader {
	struct ruleset *set;
	struct ruleset *old;      /* NULL: none, or nothing of it can be shared */
	struct ruleset_report *report;
	const char *file;
	struct store text;        /* of the files; each rule has its own copy */
	struct slot *slot;
	struct rule *rule;        /* one for each slot, then only those that are kept */
	size_t count, room;
	uint32_t *by_digest;      /* rules of old, in the order of their digests */
	struct build *build;      /* of each thread */
	struct turns *turns;
	struct map *reasons;
};

static struct slot *
slot_new(struct loader *loader)
{
	struct slot *slot;

	if (loader->count == loader->room) {
		size_t room = loader->room == 0 ? 1024 : loader->room * 2;
		struct slot *p = realloc(loader->slot, room * sizeof(*p));

		if (p == NULL)
			return NULL;
		loader->slot = p;
		loader->room = room;
	}
	slot = &loader->slot[loader->count++];
	*slot = (struct slot){.file = loader->file};
	buf_open(&slot->said, 64u << 20);
	return slot;
}

/* The next rule: lines that end in '\' joined.  *ret_line: its first line. */
static bool
logical_line(struct slice *rest, uint32_t *line, struct slice *ret_text, uint32_t *ret_line)
{
	struct slice part;
	uint8_t *joined = NULL;
	size_t size = 0;

	*ret_line = *line + 1;
	while (slice_split(rest, '\n', &part)) {
		bool more;

		(*line)++;
		if (part.size > 0 && part.p[part.size - 1] == '\r')
			part.size--;
		more = part.size > 0 && part.p[part.size - 1] == '\\' && part.p[0] != '#' && rest->p != NULL;
		if (!more && joined == NULL) {
			*ret_text = part;
			return true;
		}
		if (joined == NULL)
			joined = (uint8_t *)(uintptr_t)part.p; /* in place: the parts move up */
		part.size -= more ? 1 : 0;
		memmove(joined + size, part.p, part.size);
		size += part.size;
		if (!more)
			break;
	}
	*ret_text = slice_of(joined, size);
	return joined != NULL;
}

static bool
is_blank(struct slice text)
{
	return slice_trim(text).size == 0;
}

static enum cc_status
rules_gather(struct loader *loader, const char *path)
{
	struct ruleset_report note = {0};
	struct slice rest, text, name = store_copy(&loader->set->store, slice_str(path));
	uint32_t line = 0, first;
	struct slot *slot;
	enum cc_status st;

	if (name.p == NULL)
		return CC_NOMEM;
	loader->file = (const char *)name.p;
	buf_open(&note.text, 65536);
	st = text_load(&loader->text, &note, path, &rest);
	if (note.text.size > 0) {
		slot = slot_new(loader);
		if (slot == NULL) {
			buf_close(&note.text);
			return CC_NOMEM;
		}
		slot->note = true;
		slot->said = note.text;
	}
	while (st == CC_OK && logical_line(&rest, &line, &text, &first)) {
		if (is_blank(text) || text.p[0] == '#')
			continue;
		slot = slot_new(loader);
		if (slot == NULL)
			return CC_NOMEM;
		slot->text = text;
		slot->line = first;
	}
	return st;
}

/* ---- rules of the set before ---- */

static int
digest_compare(const void *a, const void *b, void *ctx)
{
	const struct rule *rule = ctx;

	return memcmp(rule[*(const uint32_t *)a].info.digest, rule[*(const uint32_t *)b].info.digest, 32);
}

static enum cc_status
old_index(struct loader *loader)
{
	const struct ruleset *old = loader->old;

	if (old == NULL || old->rule_count == 0)
		return CC_OK;
	loader->by_digest = malloc(old->rule_count * sizeof(loader->by_digest[0]));
	if (loader->by_digest == NULL)
		return CC_NOMEM;
	for (uint32_t i = 0; i < old->rule_count; i++)
		loader->by_digest[i] = i;
	qsort_r(loader->by_digest, old->rule_count, sizeof(loader->by_digest[0]), digest_compare, old->rule);
	return CC_OK;
}

/* The same text in the set before, of which nothing had to be said; NULL: none. */
static const struct rule *
old_find(const struct loader *loader, struct slice text)
{
	uint32_t low = 0, high = loader->by_digest != NULL ? loader->old->rule_count : 0;
	uint8_t digest[32];

	if (high > 0)
		sha256_of(text, digest);
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		const struct rule *rule = &loader->old->rule[loader->by_digest[mid]];
		int order = memcmp(digest, rule->info.digest, 32);

		if (order == 0)
			return rule->body->bound ? NULL : rule;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* ---- reading ---- */

void
build_turn(struct build *build)
{
	if (build->set->loading != NULL)
		turns_wait(((struct loader *)build->set->loading)->turns, build->number);
}

static void
build_open(struct build *build)
{
	struct rule_meta *meta = build->meta;
	struct slice *reference = build->reference;
	size_t meta_room = build->meta_room, reference_room = build->reference_room;

	/* Only what must be: the arrays of ops are large, and are written before they are read. */
	memset((uint8_t *)build + offsetof(struct build, meta), 0, sizeof(*build) - offsetof(struct build, meta));
	memset(&build->rule, 0, sizeof(build->rule));
	build->op_count = build->check_count = build->var_count = 0;
	build->meta = meta;
	build->meta_room = meta_room;
	build->reference = reference;
	build->reference_room = reference_room;
	build->column = 1;
	build->keyword = NULL;
	build->refused = false;
	build->ip_keyword_only = true;
	build->rule.kind = KIND_PACKET;
	build->rule.dirs = DIR_BOTH;
	build->rule.anomaly = -1;
	build->rule.fast = build->rule.payload_fast = build->rule.fast_segment = -1;
}

static bool
build_read(struct build *build, struct slice text)
{
	if (build->body == NULL) {
		build_refuse(build, "no memory");
	} else if (text.size > RULE_LINE_MAX) {
		build_refuse(build, "longer than %u bytes", RULE_LINE_MAX);
	} else if (text.p[0] == ' ' || text.p[0] == '\t') {
		build_refuse(build, "a rule begins in the first column; this one stands behind blanks");
	} else {
		text = store_copy(&build->body->store, text);
		if (text.p == NULL)
			build_refuse(build, "no memory");
		else if (rule_parse(build, text) == CC_OK)
			return true;
	}
	return false;
}

static void
slot_read(struct loader *loader, unsigned thread, size_t at)
{
	struct build *build = &loader->build[thread];
	struct slot *slot = &loader->slot[at];
	struct ruleset_report report = {.text = slot->said};

	build_open(build);
	build->set = loader->set;
	build->report = &report;
	build->file = slot->file;
	build->line = slot->line;
	build->number = at;
	build->body = body_new();
	slot->good = build_read(build, slot->text);
	slot->skipped = build->skipped;
	slot->said = report.text;
	slot->warnings = (uint32_t)report.warnings;
	if (slot->good) {
		build->body->threshold = build->rule.threshold;
		build->body->filter = build->rule.filter;
		loader->rule[at] = build->rule;
		loader->rule[at].body = build->body;
		loader->rule[at].before = UINT32_MAX;
	} else {
		body_free(loader->set->common, build->body);
		slot->why = build->refused ? strdup(build->why) : NULL;
	}
}

/* A rule that is taken over: what threshold.config said of it is another matter. */
static void
slot_keep(struct loader *loader, size_t at, const struct rule *old)
{
	struct rule *rule = &loader->rule[at];

	*rule = *old;
	rule->before = old->index;
	rule->threshold = old->body->threshold;
	rule->filter = old->body->filter;
	rule->suppress = NULL;
	rule->rate = NULL;
	rule->info.file = loader->slot[at].file;
	rule->info.line = loader->slot[at].line;
	loader->slot[at].good = true;
}

static void
slot_work(void *ctx, unsigned thread, size_t at)
{
	struct loader *loader = ctx;
	const struct rule *old = loader->slot[at].note ? NULL : old_find(loader, loader->slot[at].text);

	if (old != NULL)
		slot_keep(loader, at, old);
	else if (!loader->slot[at].note)
		slot_read(loader, thread, at);
	turns_done(loader->turns, at);
}

/* ---- putting together ---- */

/* gid:sid is there already: the higher revision stays. */
static bool
duplicate_keep(struct loader *loader, const struct rule *rule, size_t *ret_at)
{
	uint32_t key[2] = {rule->info.gid, rule->info.sid};
	uintptr_t at = (uintptr_t)map_get(loader->set->sids, slice_of(key, sizeof(key)));
	const struct rule_info *old;

	*ret_at = loader->set->rule_count;
	if (at == 0)
		return true;
	old = &loader->rule[at - 1].info;
	*ret_at = at - 1;
	if (rule->info.rev > old->rev) {
		loader->report->warnings++;
		loader->report->loaded--;
		report_line(loader->report, rule->info.file, rule->info.line, 1, "sid",
		    "warning: %u revision %u takes the place of revision %u in %s:%u", rule->info.sid, rule->info.rev,
		    old->rev, old->file, old->line);
		return true;
	}
	report_line(loader->report, rule->info.file, rule->info.line, 1, "sid",
	    "%u is there already, revision %u in %s:%u; only a higher revision takes its place", rule->info.sid,
	    old->rev, old->file, old->line);
	loader->report->refused++;
	return false;
}

static void
reason_count(struct loader *loader, const char *why)
{
	uintptr_t count = (uintptr_t)map_get(loader->reasons, slice_str(why));

	map_put(loader->reasons, slice_str(why), (void *)(count + 1), NULL); /* without memory: not told */
}

/* The rule goes to the next free place, which is its own or one before it. */
static enum cc_status
rule_keep(struct loader *loader, size_t from)
{
	struct ruleset *set = loader->set;
	struct rule rule = loader->rule[from];
	uint32_t key[2] = {rule.info.gid, rule.info.sid};
	bool kept = rule.before != UINT32_MAX;
	size_t at;

	if (kept)
		rule.body->users++;
	if (!duplicate_keep(loader, &rule, &at)) {
		reason_count(loader, "sid: is there already");
		body_free(set->common, rule.body);
		return CC_OK;
	}
	if (at < set->rule_count) {
		loader->report->kept -= loader->rule[at].before != UINT32_MAX;
		body_free(set->common, loader->rule[at].body);
	} else {
		set->rule_count++;
	}
	rule.index = (uint32_t)at;
	loader->rule[at] = rule;
	loader->report->loaded++;
	loader->report->kept += kept;
	return map_put(set->sids, slice_of(key, sizeof(key)), (void *)(uintptr_t)(at + 1), NULL);
}

static enum cc_status
slots_join(struct loader *loader)
{
	enum cc_status st = CC_OK;

	for (size_t i = 0; i < loader->count; i++) {
		struct slot *slot = &loader->slot[i];

		buf_add_slice(&loader->report->text, buf_slice(&slot->said));
		loader->report->warnings += slot->warnings + slot->skipped;
		if (slot->good && st == CC_OK)
			st = rule_keep(loader, i);
		else if (slot->good && loader->rule[i].before == UINT32_MAX)
			body_free(loader->set->common, loader->rule[i].body);
		else if (!slot->good && !slot->skipped && !slot->note)
			loader->report->refused++;
		if (slot->why != NULL && !slot->skipped)
			reason_count(loader, slot->why);
		buf_close(&slot->said);
		free(slot->why);
	}
	return st;
}

struct reason {
	struct slice text;
	uintptr_t count;
	size_t number;
};

static int
reason_compare(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void
reasons_tell(const struct loader *loader)
{
	size_t count = map_count(loader->reasons), at = 0, i = 0;
	struct reason *list = count > 0 ? calloc(count, sizeof(*list)) : NULL;
	void *value;

	if (list == NULL)
		return;
	for (; i < count && map_next(loader->reasons, &at, &list[i].text, &value); i++) {
		list[i].count = (uintptr_t)value;
		list[i].number = i;
	}
	qsort(list, i, sizeof(list[0]), reason_compare);
	for (size_t k = 0; k < i; k++)
		buf_printf(&loader->report->reasons, "%zu %.*s\n", (size_t)list[k].count, (int)list[k].text.size,
		    (const char *)list[k].text.p);
	free(list);
}

static enum cc_status
loader_open(struct loader *loader, unsigned threads)
{
	loader->rule = calloc(loader->count + 1, sizeof(loader->rule[0]));
	loader->build = calloc(threads, sizeof(loader->build[0]));
	loader->turns = turns_new(loader->count);
	loader->reasons = map_new(0);
	if (loader->rule == NULL || loader->build == NULL || loader->turns == NULL || loader->reasons == NULL)
		return CC_NOMEM;
	return old_index(loader);
}

static void
loader_close(struct loader *loader, unsigned threads)
{
	for (unsigned i = 0; i < threads && loader->build != NULL; i++) {
		free(loader->build[i].meta);
		free(loader->build[i].reference);
	}
	free(loader->build);
	free(loader->slot);
	free(loader->by_digest);
	turns_free(loader->turns);
	map_free(loader->reasons, NULL);
	store_close(&loader->text);
}

enum cc_status
rules_load(struct ruleset *set, struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	struct loader loader = {.set = set, .report = report};
	unsigned threads = spread_threads(conf);
	enum cc_status st = CC_OK, open;

	if (old != NULL && old->common == set->common)
		loader.old = old;
	for (size_t i = 0; i < conf->detect_rules.count && st != CC_NOMEM; i++)
		st = worse(st, rules_gather(&loader, conf->detect_rules.item[i]));
	open = st != CC_NOMEM ? loader_open(&loader, threads) : CC_NOMEM;
	if (open == CC_OK) {
		set->loading = (struct loading *)&loader;
		spread(threads, loader.count, slot_work, &loader);
		set->loading = NULL;
		st = worse(st, slots_join(&loader));
		reasons_tell(&loader);
		set->rule = realloc(loader.rule, (set->rule_count + 1) * sizeof(loader.rule[0]));
		if (set->rule == NULL)
			set->rule = loader.rule;
	} else {
		for (size_t i = 0; i < loader.count; i++)
			buf_close(&loader.slot[i].said);
		free(loader.rule);
	}
	loader_close(&loader, threads);
	return worse(st, open);
}
