/*
 * YARA rules: files in, compiled rules out, with what alerts say of each.
 *
 * Files are compiled once, each in a namespace of its own, without includes.  A rule says by metadata where it may be
 * used: scan = "file" (the default), "stream" or "both".  At load only.
 */
#include <errno.h>
#include <stdlib.h>

#include "detect/yara.h"

#define YARA_GID 900 /* group of YARA rules' numbers */

const char *const yara_external[YARA_EXTERNALS] = {"filename", "filepath", "extension", "filetype", "owner"};

struct compile {
	struct ruleset_report *report;
	const char *path;
	bool loud; /* say problems; the second time they are known */
	unsigned errors;
};

static void
compile_told(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *ctx)
{
	struct compile *compile = ctx;

	(void)file, (void)rule;
	if (level == YARA_ERROR_LEVEL_ERROR)
		compile->errors++;
	if (!compile->loud)
		return;
	if (level != YARA_ERROR_LEVEL_ERROR)
		compile->report->warnings++;
	report_line(compile->report, compile->path, (uint32_t)line, 0, NULL, "%s%s",
	    level == YARA_ERROR_LEVEL_ERROR ? "" : "warning: ", message);
}

static YR_COMPILER *
compiler_make(struct compile *compile)
{
	YR_COMPILER *compiler;

	if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_callback(compiler, compile_told, compile);
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	for (size_t i = 0; i < YARA_EXTERNALS; i++)
		yr_compiler_define_string_variable(compiler, yara_external[i], "");
	return compiler;
}

static bool
file_add(YR_COMPILER *compiler, const char *path, size_t number)
{
	char space[32];
	FILE *file = fopen(path, "re");
	int errors;

	if (file == NULL)
		return false;
	snprintf(space, sizeof(space), "f%zu", number);
	errors = yr_compiler_add_file(compiler, file, space, path);
	fclose(file);
	return errors == 0;
}

/* Does this file compile by itself?  A compiler that has seen an error is of no more use, so each is tried alone. */
static enum cc_status
file_try(const char *path, struct ruleset_report *report, bool *ret_good)
{
	struct compile compile = {.report = report, .path = path, .loud = true};
	YR_COMPILER *compiler;
	FILE *file = fopen(path, "re");

	*ret_good = false;
	if (file == NULL) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		return CC_IO;
	}
	fclose(file);
	compiler = compiler_make(&compile);
	if (compiler == NULL)
		return CC_NOMEM;
	*ret_good = file_add(compiler, path, 0);
	yr_compiler_destroy(compiler);
	return CC_OK;
}

static YR_RULES *
compile_all(const struct conf *conf, const bool *good, struct ruleset_report *report)
{
	struct compile compile = {.report = report};
	YR_COMPILER *compiler = compiler_make(&compile);
	YR_RULES *rules = NULL;
	bool ok = compiler != NULL;

	for (size_t i = 0; i < conf->detect_yara.count && ok; i++) {
		compile.path = conf->detect_yara.item[i];
		ok = !good[i] || file_add(compiler, conf->detect_yara.item[i], i);
	}
	if (ok && yr_compiler_get_rules(compiler, &rules) != ERROR_SUCCESS)
		rules = NULL;
	if (compiler != NULL)
		yr_compiler_destroy(compiler);
	return rules;
}

static struct slice
text_copy(struct yara *yara, const char *text)
{
	return store_copy(&yara->store, slice_str(text));
}

static uint8_t
severity_of(struct slice word)
{
	static const char *const words[] = {"", "high", "medium", "low", "info"};

	for (uint8_t i = 1; i < 5; i++) {
		if (slice_is_nocase(word, words[i]) || (word.size == 1 && word.p[0] == '0' + i))
			return i;
	}
	return slice_is_nocase(word, "critical") ? 1 : 0;
}

/* Metadata that we know ourselves; the rest is handed on as it is. */
static void
meta_read(struct yara_rule *rule, struct slice key, struct slice value, uint64_t number)
{
	if (slice_is(key, "scan"))
		rule->on = slice_is(value, "stream") ? ON_STREAM
			   : slice_is(value, "both") ? ON_FILE | ON_STREAM
						     : ON_FILE;
	else if (slice_is(key, "sid") && number > 0 && number <= UINT32_MAX)
		rule->info.sid = (uint32_t)number;
	else if (slice_is(key, "rev") && number > 0 && number <= UINT32_MAX)
		rule->info.rev = (uint32_t)number;
	else if (slice_is(key, "severity") && severity_of(value) != 0)
		rule->info.severity = severity_of(value);
}

static bool
rule_describe(struct yara *yara, YR_RULE *source, const char *path, struct yara_rule *rule)
{
	struct rule_meta *meta;
	struct slice *reference;
	struct buf text;
	size_t count = 0;
	YR_META *m;

	yr_rule_metas_foreach(source, m) count++;
	meta = store_take(&yara->store, (count + 1) * sizeof(*meta));
	reference = store_take(&yara->store, (count + 1) * sizeof(*reference));
	if (meta == NULL || reference == NULL)
		return false;
	*rule = (struct yara_rule){.on = ON_FILE};
	rule->info = (struct rule_info){
	    .action = RULE_ALERT, .gid = YARA_GID, .severity = 2, .meta = meta, .reference = reference};
	rule->info.msg = text_copy(yara, source->identifier);
	rule->info.class_name = slice_str("yara");
	rule->info.class_text = slice_str("YARA rule");
	rule->info.file = path;
	buf_open(&text, 1 << 20);
	buf_printf(&text, "rule %s\n", source->identifier);
	yr_rule_metas_foreach(source, m)
	{
		char number[32];
		struct rule_meta *to = &meta[rule->info.meta_count++];

		snprintf(number, sizeof(number), "%lld", (long long)m->integer);
		to->key = text_copy(yara, m->identifier);
		to->value = text_copy(yara, m->type == META_TYPE_STRING ? m->string : number);
		meta_read(rule, to->key, to->value, m->type == META_TYPE_INTEGER ? (uint64_t)m->integer : 0);
		if (slice_is(to->key, "reference"))
			reference[rule->info.reference_count++] = to->value;
		buf_printf(&text, "%s=", m->identifier);
		buf_add_slice(&text, to->value);
		buf_add_text(&text, "\n");
	}
	if (rule->info.sid == 0)
		rule->info.sid = (crc32c(0, slice_str(source->identifier)) & 0x7fffffff) | 1;
	rule->info.priority = rule->info.severity;
	rule->info.text = store_copy(&yara->store, buf_slice(&text));
	buf_close(&text);
	return rule->info.text.p != NULL;
}

/* A rule's digest covers its file's bytes, its name and its metadata: its text alone is not to be had from libyara. */
static void
digest_rule(struct yara_rule *rule)
{
	struct digest digest;
	FILE *file = fopen(rule->info.file, "re");
	uint8_t block[4096];
	size_t size;

	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, rule->info.text);
	while (file != NULL && (size = fread(block, 1, sizeof(block), file)) > 0)
		digest_add(&digest, slice_of(block, size));
	if (file != NULL)
		fclose(file);
	digest_close(&digest, NULL, NULL, rule->info.digest);
}

static enum cc_status
rules_describe(struct yara *yara, const struct conf *conf)
{
	YR_RULE *source;
	uint32_t count = 0, i = 0;

	yr_rules_foreach(yara->files, source) count++;
	yara->rule = calloc(count + 1u, sizeof(*yara->rule));
	if (yara->rule == NULL)
		return CC_NOMEM;
	yr_rules_foreach(yara->files, source)
	{
		size_t number = strtoul(source->ns->name + 1, NULL, 10);
		struct slice path = number < conf->detect_yara.count ? text_copy(yara, conf->detect_yara.item[number])
								     : slice_of(NULL, 0);

		if (path.p == NULL || !rule_describe(yara, source, (const char *)path.p, &yara->rule[i]))
			return CC_NOMEM;
		digest_rule(&yara->rule[i]);
		i++;
	}
	yara->count = count;
	return CC_OK;
}

static bool
any_on(const struct yara *yara, unsigned on)
{
	for (uint32_t i = 0; i < yara->count; i++) {
		if ((yara->rule[i].on & on) != 0)
			return true;
	}
	return false;
}

/* Rules that are for another thing sleep: their strings cost a little, their conditions nothing. */
static void
others_sleep(const struct yara *yara, YR_RULES *rules, unsigned on)
{
	YR_RULE *rule;
	uint32_t i = 0;

	yr_rules_foreach(rules, rule)
	{
		if (i < yara->count && (yara->rule[i].on & on) == 0 &&
		    (rule->flags & (RULE_FLAGS_GLOBAL | RULE_FLAGS_PRIVATE)) == 0)
			yr_rule_disable(rule);
		i++;
	}
}

void
yara_free(struct yara *yara)
{
	if (yara == NULL || atomic_fetch_sub(&yara->holds, 1) != 1)
		return;
	if (yara->files != NULL)
		yr_rules_destroy(yara->files);
	if (yara->streams != NULL)
		yr_rules_destroy(yara->streams);
	free(yara->rule);
	store_close(&yara->store);
	free(yara);
	yr_finalize();
}

static enum cc_status
yara_compile(struct yara *yara, const struct conf *conf, const bool *good, struct ruleset_report *report)
{
	enum cc_status st;

	yara->files = compile_all(conf, good, report);
	if (yara->files == NULL)
		return CC_NOMEM;
	st = rules_describe(yara, conf);
	if (st != CC_OK)
		return st;
	report->yara_loaded += yara->count;
	if (any_on(yara, ON_STREAM)) {
		yara->streams = compile_all(conf, good, report);
		if (yara->streams == NULL)
			return CC_NOMEM;
		others_sleep(yara, yara->streams, ON_STREAM);
	}
	if (any_on(yara, ON_FILE)) {
		others_sleep(yara, yara->files, ON_FILE);
	} else {
		yr_rules_destroy(yara->files);
		yara->files = NULL;
	}
	return CC_OK;
}

/* The set before has the same files: it is this one's, too. */
static bool
yara_share(struct ruleset *set, const struct ruleset *old, const uint8_t digest[32], struct ruleset_report *report)
{
	struct yara *yara = old != NULL ? old->yara : NULL;

	if (yara == NULL || !yara->whole || yara->window != set->stream_window ||
	    memcmp(yara->digest, digest, sizeof(yara->digest)) != 0)
		return false;
	atomic_fetch_add(&yara->holds, 1);
	set->yara = yara;
	report->yara_loaded += yara->count;
	return true;
}

enum cc_status
yara_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	enum cc_status st = CC_OK, one;
	struct yara *yara;
	uint64_t refused = report->yara_refused;
	uint8_t digest[32];
	bool *good;

	if (conf->detect_yara.count == 0)
		return CC_OK;
	files_digest(&conf->detect_yara, digest);
	if (yara_share(set, old, digest, report))
		return CC_OK;
	if (yr_initialize() != ERROR_SUCCESS)
		return CC_NOMEM;
	yara = calloc(1, sizeof(*yara));
	good = calloc(conf->detect_yara.count, sizeof(*good));
	if (yara == NULL || good == NULL) {
		free(yara);
		free(good);
		yr_finalize();
		return CC_NOMEM;
	}
	atomic_init(&yara->holds, 1);
	yara->window = conf->detect_stream_window;
	set->yara = yara;
	for (size_t i = 0; i < conf->detect_yara.count && st != CC_NOMEM; i++) {
		one = file_try(conf->detect_yara.item[i], report, &good[i]);
		if (!good[i])
			report->yara_refused++;
		st = one != CC_OK ? one : st;
	}
	one = st != CC_NOMEM ? yara_compile(yara, conf, good, report) : CC_OK;
	free(good);
	memcpy(yara->digest, digest, sizeof(digest));
	yara->whole = one == CC_OK && st == CC_OK && report->yara_refused == refused;
	return one != CC_OK ? one : st;
}

bool
yara_wants_files(const struct yara *yara)
{
	return yara != NULL && yara->files != NULL;
}

bool
yara_wants_stream(const struct yara *yara)
{
	return yara != NULL && yara->streams != NULL;
}

void
yara_digest(const struct yara *yara, struct digest *digest)
{
	for (uint32_t i = 0; yara != NULL && i < yara->count; i++)
		digest_add(digest, slice_of(yara->rule[i].info.digest, sizeof(yara->rule[i].info.digest)));
}
