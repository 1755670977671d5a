/*
 * YARA over files and streams.
 *
 * Streams are scanned window by window, each overlapping the one before, so that a match across pieces is found, and
 * each rule is told once for each side of a flow.  Files are scanned on the worker, or by threads beside it: those hold
 * the file, and detect_collect() hands out what they found.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "detect/yara.h"

#define JOB_RESULTS 64 /* rules told of one file */
#define TEXT_MAX 256

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
	char text[YARA_EXTERNALS][TEXT_MAX];
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
	yara_free(scanner->yara);
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
	for (size_t i = 0; i < YARA_EXTERNALS; i++) {
		if (strcmp(scanner->about.text[i], about->text[i]) != 0) {
			yr_scanner_define_string_variable(scanner->files, yara_external[i], about->text[i]);
			memcpy(scanner->about.text[i], about->text[i], TEXT_MAX);
		}
	}
}

static void
about_file(const struct cc_file *file, struct about *about)
{
	struct slice name = app_file_name(file);
	const char *dot, *type = file->type;
	size_t size = 0;

	memset(about, 0, sizeof(*about));
	for (size_t i = 0; i < name.size && i < TEXT_MAX - 1; i++)
		about->text[0][i] = name.p[i] != 0 ? (char)name.p[i] : '_';
	for (size_t i = 0; i < file->name.size && i < TEXT_MAX - 1; i++)
		about->text[1][i] = file->name.p[i] != 0 ? (char)file->name.p[i] : '_';
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
	yara_free(job->yara);
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
		yara_free(worker->scanner.yara);
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
