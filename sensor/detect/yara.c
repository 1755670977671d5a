/*
 * YARA over files and streams; nobody else knows libyara.
 *
 * Files of rules are compiled once, each in a namespace of its own, without includes.  A rule says by metadata where it
 * may be used: scan = "file" (the default), "stream" or "both".  Streams are scanned window by window, each overlapping
 * the one before, so that a match across pieces is found, and each rule is told once for each side of a flow.  Files
 * are scanned on the worker, or by threads beside it: those hold the file, and detect_collect() hands out what they
 * found.
 */
#include <errno.h>
#include <semaphore.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <yara.h>

#include "detect/own.h"

#define YARA_GID 900   /* group of YARA rules' numbers */
#define JOB_RESULTS 64 /* rules told of one file */
#define TEXT_MAX 256

enum { ON_FILE = 1, ON_STREAM = 2 };

struct yara_rule {
	struct rule_info info;
	unsigned on;
};

/* Shared by all workers and threads; the last one frees it. */
struct yara {
	atomic_int holds;
	struct store store;
	YR_RULES *files, *streams; /* the same rules; NULL: none is for it */
	struct yara_rule *rule;    /* by place in the rules' table */
	uint32_t count;
	size_t window;
	uint8_t digest[32]; /* over the files */
	bool whole;         /* all of them were read */
};

struct result {
	uint32_t rule;
	uint64_t offset;
	uint32_t size;
	const char *string;
};

/* One scan: what goes in, what was found. */
struct scan {
	const struct yara *yara;
	unsigned on;
	size_t fresh; /* stream: a string must end behind this; 0: any place */
	struct result result[JOB_RESULTS];
	unsigned count;
	bool timeout, error;
};

static const char *const external[] = {"filename", "filepath", "extension", "filetype", "owner"};
#define EXTERNALS (sizeof(external) / sizeof(external[0]))

/* ---- loading ---- */

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
	for (size_t i = 0; i < EXTERNALS; i++)
		yr_compiler_define_string_variable(compiler, external[i], "");
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

static void
yara_release(struct yara *yara)
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

void
yara_free(struct yara *yara)
{
	yara_release(yara);
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

/* ---- one scan ---- */

/* The first string of a rule that ends behind scan->fresh; false: none does, though there are strings. */
static bool
place_find(YR_SCAN_CONTEXT *context, YR_RULE *rule, const struct scan *scan, struct result *result)
{
	bool any = false, found = false;
	YR_STRING *string;
	const void *next;
	YR_MATCH match;

	yr_rule_strings_foreach(rule, string)
	{
		/* libyara packs its matches without alignment: read from copies. */
		for (next = context->matches[string->idx].head; next != NULL; next = match.next) {
			uint64_t at;

			memcpy(&match, next, sizeof(match));
			if (match.is_private)
				continue;
			at = (uint64_t)(match.base + match.offset);
			any = true;
			if (at + (uint64_t)match.match_length <= scan->fresh || (found && at >= result->offset))
				continue;
			found = true;
			result->offset = at;
			result->size = (uint32_t)match.match_length;
			result->string = string->identifier;
		}
	}
	return found || (!any && scan->fresh == 0);
}

static int
scan_told(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
	struct scan *scan = ctx;
	YR_RULE *rule = data;
	struct result *result;
	uint32_t index;

	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	if (scan->count == JOB_RESULTS)
		return CALLBACK_ABORT;
	index = (uint32_t)(rule - context->rules->rules_table);
	if (index >= scan->yara->count || (scan->yara->rule[index].on & scan->on) == 0)
		return CALLBACK_CONTINUE;
	result = &scan->result[scan->count];
	*result = (struct result){.rule = index, .offset = UINT64_MAX, .string = ""};
	if (place_find(context, rule, scan, result))
		scan->count++;
	return CALLBACK_CONTINUE;
}

/* What rules may ask of a file besides its bytes. */
struct about {
	char text[EXTERNALS][TEXT_MAX];
};

struct scanner {
	struct yara *yara; /* held */
	YR_SCANNER *files, *streams;
	struct about about; /* as set in files */
};

static void
scanner_close(struct scanner *scanner)
{
	if (scanner->files != NULL)
		yr_scanner_destroy(scanner->files);
	if (scanner->streams != NULL)
		yr_scanner_destroy(scanner->streams);
	yara_release(scanner->yara);
	*scanner = (struct scanner){0};
}

static bool
scanner_open(struct scanner *scanner, struct yara *yara, int seconds)
{
	if (yara == scanner->yara)
		return true;
	scanner_close(scanner);
	if (yara == NULL)
		return true;
	atomic_fetch_add(&yara->holds, 1);
	scanner->yara = yara;
	if (yara->files != NULL && yr_scanner_create(yara->files, &scanner->files) != ERROR_SUCCESS)
		scanner->files = NULL;
	if (yara->streams != NULL && yr_scanner_create(yara->streams, &scanner->streams) != ERROR_SUCCESS)
		scanner->streams = NULL;
	if (scanner->files != NULL)
		yr_scanner_set_timeout(scanner->files, seconds);
	if (scanner->streams != NULL)
		yr_scanner_set_timeout(scanner->streams, seconds);
	return (yara->files == NULL) == (scanner->files == NULL) &&
	       (yara->streams == NULL) == (scanner->streams == NULL);
}

/* Only what has changed is set anew: it is not cheap. */
static void
about_set(struct scanner *scanner, const struct about *about)
{
	for (size_t i = 0; i < EXTERNALS; i++) {
		if (strcmp(scanner->about.text[i], about->text[i]) != 0) {
			yr_scanner_define_string_variable(scanner->files, external[i], about->text[i]);
			memcpy(scanner->about.text[i], about->text[i], TEXT_MAX);
		}
	}
}

static void
about_file(const struct cc_file *file, struct about *about)
{
	struct slice name = file->name;
	const char *dot, *type = file->type;
	size_t size = 0;

	memset(about, 0, sizeof(*about));
	for (size_t i = 0; i < name.size && i < TEXT_MAX - 1; i++)
		about->text[0][i] = name.p[i] != 0 ? (char)name.p[i] : '_';
	memcpy(about->text[1], about->text[0], TEXT_MAX);
	dot = strrchr(about->text[0], '.');
	if (dot != NULL && strlen(dot) < 16)
		lower_copy((uint8_t *)about->text[2], slice_of(dot, strlen(dot)));
	if (strncmp(type, "PE32", 4) == 0 || strncmp(type, "MS-DOS", 6) == 0)
		type = "EXE";
	for (; type[size] != '\0' && type[size] != ' ' && type[size] != ',' && size < 15; size++)
		about->text[3][size] = (char)(type[size] >= 'a' && type[size] <= 'z' ? type[size] - 32 : type[size]);
}

static void
scan_run(YR_SCANNER *scanner, struct scan *scan, struct slice bytes)
{
	int error;

	scan->count = 0;
	scan->timeout = scan->error = false;
	yr_scanner_set_callback(scanner, scan_told, scan);
	/* Our own bytes: no signal handlers for memory that may go away, and quick strings first. */
	yr_scanner_set_flags(scanner, SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_NO_TRYCATCH);
	error = yr_scanner_scan_mem(scanner, bytes.p, bytes.size);
	scan->timeout = error == ERROR_SCAN_TIMEOUT;
	scan->error = error != ERROR_SUCCESS && !scan->timeout;
}

/* ---- threads and the worker ---- */

struct job {
	struct yara *yara;    /* held */
	struct cc_file *file; /* held */
	struct flow *flow;    /* held, may be NULL */
	uint64_t time;
	struct about about;
	struct scan scan;
};

struct thread {
	struct yara_worker *worker;
	pthread_t id;
	bool runs;
	struct fifo *in, *out;
	sem_t wake;
	struct scanner scanner;
};

struct yara_worker {
	struct detect *detect;
	struct scanner scanner;
	struct scan scan; /* of the worker's own scans */
	struct about about;
	int seconds;
	struct job *job;
	struct job **idle;
	size_t jobs, idle_count, out; /* out: with the threads */
	struct job **told; /* handed out with the last batch: what they hold is given back at the next collect */
	size_t told_count;
	struct thread *thread;
	size_t threads, next;
	sem_t done;
	atomic_bool stop;
};

static void *
thread_run(void *ctx)
{
	struct thread *thread = ctx;

	for (;;) {
		struct job *job;

		while (sem_wait(&thread->wake) != 0 && errno == EINTR)
			;
		if (atomic_load(&thread->worker->stop))
			break;
		job = fifo_pull(thread->in);
		if (job == NULL)
			continue;
		job->scan.count = 0;
		job->scan.error = job->scan.timeout = false;
		if (scanner_open(&thread->scanner, job->yara, thread->worker->seconds) &&
		    thread->scanner.files != NULL) {
			about_set(&thread->scanner, &job->about);
			scan_run(
			    thread->scanner.files, &job->scan, slice_of(job->file->content, job->file->content_size));
		} else {
			job->scan.error = true;
		}
		while (!fifo_push(thread->out, job)) /* as large as in: never full */
			;
		sem_post(&thread->worker->done);
	}
	scanner_close(&thread->scanner);
	return NULL;
}

static size_t
power_of_two(size_t n)
{
	size_t p = 2;

	while (p < n)
		p *= 2;
	return p;
}

static bool
threads_start(struct yara_worker *worker, const struct conf *conf)
{
	size_t queue = power_of_two(conf->detect_yara_queue);

	worker->threads = conf->detect_yara_threads;
	worker->jobs = queue;
	worker->thread = calloc(worker->threads, sizeof(*worker->thread));
	worker->job = calloc(queue, sizeof(*worker->job));
	worker->idle = calloc(queue, sizeof(struct job *));
	worker->told = calloc(queue, sizeof(struct job *));
	if (worker->thread == NULL || worker->job == NULL || worker->idle == NULL || worker->told == NULL)
		return false;
	for (size_t i = 0; i < queue; i++)
		worker->idle[worker->idle_count++] = &worker->job[i];
	for (size_t i = 0; i < worker->threads; i++) {
		struct thread *thread = &worker->thread[i];

		thread->worker = worker;
		thread->in = fifo_new(queue);
		thread->out = fifo_new(queue);
		sem_init(&thread->wake, 0, 0);
		if (thread->in == NULL || thread->out == NULL ||
		    pthread_create(&thread->id, NULL, thread_run, thread) != 0)
			return false;
		thread->runs = true;
	}
	return true;
}

struct yara_worker *
yara_worker_new(struct detect *detect)
{
	struct yara_worker *worker = calloc(1, sizeof(*worker));
	const struct conf *conf = detect->conf;

	if (worker == NULL)
		return NULL;
	worker->detect = detect;
	worker->seconds = (int)((conf->detect_yara_timeout + NS_PER_S - 1) / NS_PER_S);
	sem_init(&worker->done, 0, 0);
	if (conf->detect_yara_threads > 0 && detect->setup.app != NULL && detect->setup.flows != NULL &&
	    !threads_start(worker, conf)) {
		yara_worker_free(worker);
		return NULL;
	}
	return worker;
}

static void
job_release(struct yara_worker *worker, struct job *job)
{
	file_drop(worker->detect->setup.app, job->file);
	if (job->flow != NULL)
		flow_drop(worker->detect->setup.flows, job->flow);
	yara_release(job->yara);
	worker->idle[worker->idle_count++] = job;
}

void
yara_worker_free(struct yara_worker *worker)
{
	if (worker == NULL)
		return;
	atomic_store(&worker->stop, true);
	for (size_t i = 0; i < worker->threads && worker->thread != NULL; i++) {
		struct thread *thread = &worker->thread[i];
		struct job *job;

		if (thread->runs) {
			sem_post(&thread->wake);
			pthread_join(thread->id, NULL);
			while ((job = fifo_pull(thread->in)) != NULL || (job = fifo_pull(thread->out)) != NULL)
				job_release(worker, job);
			sem_destroy(&thread->wake);
		}
		fifo_free(thread->in);
		fifo_free(thread->out);
	}
	for (size_t i = 0; i < worker->told_count; i++)
		job_release(worker, worker->told[i]);
	scanner_close(&worker->scanner);
	sem_destroy(&worker->done);
	free(worker->thread);
	free(worker->job);
	free(worker->idle);
	free(worker->told);
	free(worker);
}

/* Makes what the set at hand needs; what runs with the old one goes on with it. */
enum cc_status
yara_worker_switch(struct detect *detect, struct yara_worker **worker)
{
	struct yara *yara = detect->set->yara;

	if (yara == NULL && *worker == NULL)
		return CC_OK;
	if (*worker == NULL && (*worker = yara_worker_new(detect)) == NULL)
		return CC_NOMEM;
	return scanner_open(&(*worker)->scanner, yara, (*worker)->seconds) ? CC_OK : CC_NOMEM;
}

static void
scan_count(struct detect *detect, const struct scan *scan)
{
	if (scan->timeout)
		detect_count_add(detect, DETECT_YARA_TIMEOUT, 1);
	if (scan->error)
		detect_count_add(detect, DETECT_YARA_ERROR, 1);
}

static void
result_tell(struct run *run, const struct yara *yara, const struct result *result, uint64_t base)
{
	struct match *match;

	run->buffer = run->stream ? "stream" : "file";
	run->offset = result->offset != UINT64_MAX ? base + result->offset : UINT64_MAX;
	run->size = result->size;
	match = alert_push(run);
	if (match == NULL)
		return;
	detect_count_add(run->detect, DETECT_YARA_MATCHES, 1);
	match->by = MATCH_YARA;
	match->rule = &yara->rule[result->rule].info;
	match->string = slice_str(result->string);
}

/* ---- files ---- */

static bool
job_give(struct yara_worker *worker, struct run *run, struct cc_file *file)
{
	struct thread *thread = &worker->thread[worker->next];
	struct job *job = worker->idle_count > 0 ? worker->idle[worker->idle_count - 1] : NULL;

	if (job == NULL)
		return false;
	about_file(file, &job->about);
	job->yara = worker->scanner.yara;
	job->file = file;
	job->flow = run->flow != NULL && !run->flow->stray ? run->flow : NULL;
	job->time = run->time;
	job->scan.yara = job->yara;
	job->scan.on = ON_FILE;
	job->scan.fresh = 0;
	if (!fifo_push(thread->in, job))
		return false;
	worker->idle_count--;
	worker->out++;
	worker->next = (worker->next + 1) % worker->threads;
	return true;
}

void
yara_file(struct run *run, struct cc_file *file)
{
	struct detect *detect = run->detect;
	struct yara_worker *worker = detect->yara;

	if (worker == NULL || worker->scanner.files == NULL || file->size == 0)
		return;
	if (file->content == NULL || file->content_size == 0) {
		detect_count_add(detect, DETECT_YARA_NO_CONTENT, 1);
		return;
	}
	if (file->content_cut)
		detect_count_add(detect, DETECT_YARA_CUT, 1);
	detect_count_add(detect, DETECT_YARA_FILE_SCANS, 1);
	detect_count_add(detect, DETECT_YARA_FILE_BYTES, file->content_size);
	if (worker->threads > 0) {
		/* Held before it is given away: the thread may be done at once. */
		file_hold(file);
		if (run->flow != NULL && !run->flow->stray)
			flow_hold(run->flow);
		atomic_fetch_add(&worker->scanner.yara->holds, 1);
		if (job_give(worker, run, file)) {
			sem_post(&worker->thread[(worker->next + worker->threads - 1) % worker->threads].wake);
			return;
		}
		detect_count_add(detect, DETECT_YARA_QUEUE_FULL, 1);
		yara_release(worker->scanner.yara);
		file_drop(detect->setup.app, file);
		if (run->flow != NULL && !run->flow->stray)
			flow_drop(detect->setup.flows, run->flow);
		return;
	}
	about_file(file, &worker->about);
	about_set(&worker->scanner, &worker->about);
	worker->scan.yara = worker->scanner.yara;
	worker->scan.on = ON_FILE;
	worker->scan.fresh = 0;
	scan_run(worker->scanner.files, &worker->scan, slice_of(file->content, file->content_size));
	scan_count(detect, &worker->scan);
	for (unsigned i = 0; i < worker->scan.count; i++)
		result_tell(run, worker->scan.yara, &worker->scan.result[i], 0);
}

static void
job_tell(struct yara_worker *worker, struct job *job, struct batch *batch)
{
	struct run run;

	run_open(&run, worker->detect, job->flow, NULL, job->file->dir, batch);
	run.file = job->file;
	run.tx = job->file->tx;
	run.time = job->time;
	scan_count(worker->detect, &job->scan);
	for (unsigned i = 0; i < job->scan.count; i++)
		result_tell(&run, job->yara, &job->scan.result[i], 0);
	worker->told[worker->told_count++] = job;
}

enum cc_status
yara_collect(struct detect *detect, bool wait, struct batch *batch)
{
	struct yara_worker *worker = detect->yara;
	bool some = false;

	if (worker == NULL || worker->threads == 0)
		return CC_END;
	for (size_t i = 0; i < worker->told_count; i++)
		job_release(worker, worker->told[i]);
	worker->told_count = 0;
	while (worker->out > 0) {
		struct job *job = NULL;

		if (wait && !some) {
			while (sem_wait(&worker->done) != 0 && errno == EINTR)
				;
		} else if (sem_trywait(&worker->done) != 0) {
			break;
		}
		for (size_t i = 0; i < worker->threads && job == NULL; i++)
			job = fifo_pull(worker->thread[i].out);
		if (job == NULL)
			break;
		worker->out--;
		job_tell(worker, job, batch);
		some = true;
	}
	return some ? CC_OK : worker->out > 0 ? CC_MORE : CC_END;
}

/* ---- streams ---- */

/*
 * Half the window is overlap, the other half is how much may wait unscanned: small pieces are put together, since
 * starting a scan costs more than a few hundred bytes of it.
 */
void
yara_stream(struct run *run, const struct chunk *chunk)
{
	struct detect *detect = run->detect;
	struct yara_worker *worker = detect->yara;
	struct flow_state *state;
	struct side_state *side;
	uint64_t end = chunk->offset + chunk->size, have, from, base;
	size_t half, behind;

	if (worker == NULL || worker->scanner.streams == NULL)
		return;
	state = flow_state_take(detect, run->flow);
	if (state == NULL)
		return;
	side = &state->side[chunk->dir];
	have = chunk->offset - (chunk->gap > 0 ? 0 : chunk->before);
	half = worker->scanner.yara->window / 2;
	if (end <= side->yara_at || (end - side->yara_at < half && !chunk->eof))
		return;
	from = side->yara_at > have ? side->yara_at : have;
	base = from - have > half ? from - half : have;
	behind = (size_t)(end - base);
	worker->scan.yara = worker->scanner.yara;
	worker->scan.on = ON_STREAM;
	worker->scan.fresh = (size_t)(from - base);
	run->dir = chunk->dir;
	scan_run(worker->scanner.streams, &worker->scan, slice_of(chunk->p + chunk->size - behind, behind));
	detect_count_add(detect, DETECT_YARA_STREAM_SCANS, 1);
	detect_count_add(detect, DETECT_YARA_STREAM_BYTES, behind);
	scan_count(detect, &worker->scan);
	side->yara_at = end;
	for (unsigned i = 0; i < worker->scan.count; i++) {
		uint32_t entry = worker->scan.result[i].rule << 1 | (uint32_t)chunk->dir;

		if (list_has(&state->yara, entry) || !list_add(detect, &state->yara, entry, PENDING_MAX))
			continue;
		result_tell(run, worker->scan.yara, &worker->scan.result[i], base);
	}
}
