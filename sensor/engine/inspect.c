/*
 * inspect: the process that parses.  Loads the rules, makes the workers, and runs them over files or interfaces.
 *
 * Over files, one reader hands frames to the workers.  Live, every worker has a ring of its own on every interface (so
 * that both directions of a tap's two ports meet), and the main thread does what takes time: reload, counters.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "engine/dispatch.h"
#include "engine/hearsay.h"
#include "engine/process.h"
#include "engine/sandbox.h"

#define REPORT_LINES 20   /* problems of rules that go to the log */
#define RELOAD_NICE 10
#define REASON_LINES 8    /* reasons of refusal, the most frequent first */
#define INTERFACES_MAX 16
#define ORPHAN_NS (5 * NS_PER_S) /* without the keeper: how long a full ring is waited for */
#define LIVE_BURST 256 /* frames of one interface before the next is looked at */

struct live {
	struct inspect *inspect;
	struct worker *worker;
	struct capture *capture[INTERFACES_MAX];
	uint32_t number[INTERFACES_MAX]; /* its place in capture.interfaces */
	unsigned captures;
	uint32_t at;                     /* number of the interface that is being looked at */
	uint64_t seq;
	unsigned index;
	uint64_t gone[CAPTURE_COUNT];    /* counters of captures that were lost */
	pthread_t thread;
	bool running;
};

struct inspect {
	const struct process *process;
	struct conf *conf;
	struct shared *shared;
	struct ruleset *set;
	char *cache;             /* folder of compiled rules; NULL: none */
	struct threshold_table *thresholds;
	struct worker *worker[WORKERS_MAX];
	unsigned workers;
	unsigned ended;          /* live workers that have no interface any more */
	struct hearsay *hearsay; /* the partners' list */
	struct ruleset *retired; /* not in use by all, and not known to be free */
	uint64_t orphaned;       /* monotonic, since when the keeper is known to be gone */
	bool failed;
};

static void
nap_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* ---- rules ---- */

static void
say_report(const struct ruleset_report *report)
{
	struct cur c = cur_slice(buf_slice(&report->text));

	for (unsigned said = 0; cur_left(&c) > 0; said++) {
		struct slice rest = cur_rest(&c);
		const uint8_t *end = memchr(rest.p, '\n', rest.size);
		size_t size = end != NULL ? (size_t)(end - rest.p) : rest.size;

		if (said == REPORT_LINES) {
			log_warning("more is wrong with the rules; 'concert rules check' says all of it");
			return;
		}
		log_warning("%.*s", (int)size, (const char *)rest.p);
		cur_skip(&c, size + (end != NULL));
	}
}

static uint64_t
cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* What is allocated, MiB; /proc is out of reach once we are confined. */
static unsigned long
memory_now(void)
{
	struct mallinfo2 info = mallinfo2();

	return (unsigned long)((info.uordblks + info.hblkhd) >> 20);
}

static void
say_reasons(const struct ruleset_report *report)
{
	struct slice rest = buf_slice(&report->reasons);

	for (unsigned said = 0; rest.size > 0 && said < REASON_LINES; said++) {
		const uint8_t *end = memchr(rest.p, '\n', rest.size);
		size_t size = end != NULL ? (size_t)(end - rest.p) : rest.size;

		log_notice("rules refused: %.*s", (int)size, (const char *)rest.p);
		rest = slice_of(rest.p + size + (end != NULL), rest.size - size - (end != NULL));
	}
}

static void
say_summary(const struct ruleset_report *report, uint64_t wall, uint64_t cpu, bool again)
{
	log_notice("rules: %llu loaded, %llu refused, %llu warnings; YARA: %llu loaded, %llu refused; %.1f s",
	    (unsigned long long)report->loaded, (unsigned long long)report->refused,
	    (unsigned long long)report->warnings, (unsigned long long)report->yara_loaded,
	    (unsigned long long)report->yara_refused, (double)wall / 1e9);
	say_reasons(report);
	/* Who starts it for the first time has no before to compare with. */
	if (!again && log_level() < LOG_LEVEL_INFO)
		return;
	log_notice("rules: %.2f s of processor time, %lu MiB in use", (double)cpu / 1e9, memory_now());
	log_notice("rules: %llu as before, %llu read; databases: %llu as before, %llu from the cache, %llu compiled",
	    (unsigned long long)report->kept, (unsigned long long)(report->loaded - report->kept),
	    (unsigned long long)report->databases_kept,
	    (unsigned long long)report->databases_cached,
	    (unsigned long long)(report->databases - report->databases_kept - report->databases_cached));
}

static enum cc_status
load_rules(const struct conf *conf, struct shared *shared, struct ruleset *old, struct ruleset **ret_set)
{
	struct ruleset_report report = {0};
	uint64_t began = time_monotonic(), cpu = cpu_now();
	enum cc_status st;

	buf_open(&report.text, 64u << 20);
	buf_open(&report.reasons, 1u << 20);
	st = old != NULL ? ruleset_reload(conf, old, &report, ret_set) : ruleset_load(conf, &report, ret_set);
	say_report(&report);
	if (st != CC_OK)
		log_error("the rules can't be used: %s", cc_status_text(st));
	else if (conf->detect_rules.count + conf->detect_yara.count > 0)
		say_summary(&report, time_monotonic() - began, cpu_now() - cpu, old != NULL);
	if (st == CC_OK) { /* else those before stay */
		shared->rules_loaded = report.loaded;
		shared->rules_refused = report.refused;
		shared->yara_loaded = report.yara_loaded;
	}
	buf_close(&report.text);
	buf_close(&report.reasons);
	return st;
}

/* ---- workers ---- */

static void
order(void *ctx, uint64_t key)
{
	struct inspect *in = ctx;

	for (unsigned i = 0; i < in->workers; i++) {
		while (worker_progress(in->worker[i]) < key)
			nap_ms(0);
	}
}

static bool
waiting(void *ctx)
{
	struct inspect *in = ctx;
	uint64_t now, since = 0;

	if (__atomic_load_n(&in->shared->abandon, __ATOMIC_RELAXED) != 0)
		return false;
	if (getppid() == in->shared->keeper)
		return true;
	now = time_monotonic();
	if (__atomic_compare_exchange_n(&in->orphaned, &since, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		since = now;
	return now - since < ORPHAN_NS;
}

static enum cc_status
make_workers(struct inspect *in)
{
	struct worker_setup setup = {.conf = in->conf, .shared = in->shared, .live = in->process->live, .set = in->set,
	    .watch = hearsay_first(in->hearsay), .thresholds = in->thresholds, .waiting = waiting, .waiting_ctx = in};
	char *why = NULL;

	if (!setup.live && in->shared->workers > 1) {
		setup.order = order;
		setup.order_ctx = in;
	}
	for (unsigned i = 0; i < in->shared->workers; i++) {
		enum cc_status st;

		setup.index = i;
		st = worker_new(&setup, &in->worker[i], &why);
		if (st != CC_OK) {
			log_error("%s",
			    why != NULL ? why : "not enough memory for the workers; see memory.limit and flow.max");
			free(why);
			return st;
		}
	}
	in->workers = in->shared->workers;
	return CC_OK;
}

static void
publish_capture(
    struct shared *shared, unsigned worker, struct capture *const *capture, unsigned count, const uint64_t *more)
{
	uint64_t counts[CAPTURE_COUNT], sums[CAPTURE_COUNT] = {0};

	for (unsigned k = 0; more != NULL && k < CAPTURE_COUNT; k++)
		sums[k] = more[k];
	for (unsigned i = 0; i < count; i++) {
		capture_counts(capture[i], counts);
		for (unsigned k = 0; k < CAPTURE_COUNT; k++)
			sums[k] += counts[k];
	}
	for (unsigned k = 0; k < CAPTURE_COUNT; k++)
		count_set(&shared->worker[worker].count[AT_CAPTURE + k], sums[k]);
}

/* ---- files ---- */

static bool
file_go(void *ctx, struct capture *capture)
{
	struct inspect *in = ctx;

	capture_progress(capture, &in->shared->read_bytes, &in->shared->read_total);
	publish_capture(in->shared, 0, &capture, 1, NULL);
	return !process_stop;
}

static enum cc_status
run_files(struct inspect *in)
{
	const struct engine_job *job = in->process->job;
	struct capture *capture = NULL;
	char *why = NULL;
	enum cc_status st = capture_open_files(in->conf, job->paths, job->path_count, &capture, &why);

	if (st != CC_OK) {
		log_error("%s", why != NULL ? why : cc_status_text(st));
		free(why);
		return st;
	}
	if (in->workers == 1)
		st = dispatch_one(capture, in->worker[0], file_go, in);
	else
		st = dispatch_many(in->conf, capture, in->worker, in->workers, file_go, in);
	file_go(in, capture);
	in->shared->read_trouble = capture_trouble(capture);
	if (in->shared->read_trouble > 0)
		in->failed = true;
	capture_close(capture);
	return st;
}

/* ---- interfaces ---- */

static void
live_poll(struct live *live)
{
	struct pollfd fds[INTERFACES_MAX];

	for (unsigned i = 0; i < live->captures; i++)
		fds[i] = (struct pollfd){.fd = capture_fd(live->capture[i]), .events = POLLIN};
	poll(fds, live->captures, (int)(live->inspect->conf->capture_poll / NS_PER_MS));
}

/* An interface that went away is left; the others go on, and what it counted stays counted. */
static void
live_lose(struct live *live, unsigned i)
{
	uint64_t counts[CAPTURE_COUNT];

	capture_counts(live->capture[i], counts);
	for (unsigned k = 0; k < CAPTURE_COUNT; k++)
		live->gone[k] += counts[k];
	log_error("%s: the interface went away", live->inspect->conf->capture_interfaces.item[live->number[i]]);
	__atomic_store_n(&live->inspect->failed, true, __ATOMIC_RELAXED); /* other threads may lose theirs */
	capture_close(live->capture[i]);
	live->capture[i] = live->capture[--live->captures];
	live->number[i] = live->number[live->captures];
}

/* Each capture knows itself alone: here its frames get the worker's own count and the interface's number. */
static void
live_frame(void *ctx, const struct frame *frame)
{
	struct live *live = ctx;
	struct frame mine = *frame;

	mine.interface = live->at;
	mine.seq = ++live->seq;
	worker_frame(live->worker, &mine);
}

/* Ticks come by the monotonic clock: the other one may be set back. */
static void *
live_run(void *ctx)
{
	struct live *live = ctx;
	uint64_t due = 0, tick = 0;

	for (unsigned i = 0; live->captures > 1 && i < live->captures; i++)
		capture_no_wait(live->capture[i]);
	while (!process_stop && live->captures > 0) {
		bool busy = false;
		uint64_t now;

		for (unsigned i = 0; i < live->captures; i++) {
			enum cc_status st;

			live->at = live->number[i];
			st = capture_dispatch(live->capture[i], LIVE_BURST, live_frame, live);
			busy = busy || st == CC_OK;
			if (st == CC_IO)
				live_lose(live, i--);
		}
		now = time_monotonic();
		if (now >= due) {
			due = now + TICK_NS;
			publish_capture(live->inspect->shared, live->index, live->capture, live->captures, live->gone);
			worker_tick(live->worker, key_tick(++tick), time_now());
		}
		if (!busy)
			live_poll(live);
	}
	publish_capture(live->inspect->shared, live->index, live->capture, live->captures, live->gone);
	worker_end(live->worker, time_now());
	__atomic_fetch_add(&live->inspect->ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static enum cc_status
live_open(struct inspect *in, struct live *live)
{
	if (in->conf->capture_interfaces.count > INTERFACES_MAX) {
		log_error("capture.interfaces: at most %d of them", INTERFACES_MAX);
		return CC_BAD;
	}
	for (unsigned w = 0; w < in->workers; w++) {
		live[w] = (struct live){.inspect = in, .worker = in->worker[w], .index = w};
		for (size_t i = 0; i < in->conf->capture_interfaces.count; i++) {
			char *why = NULL;

			if (capture_open_live(in->conf, in->conf->capture_interfaces.item[i], w, in->workers,
				&live[w].capture[i], &why) != CC_OK) {
				log_error("%s", why != NULL ? why : in->conf->capture_interfaces.item[i]);
				free(why);
				return CC_IO;
			}
			live[w].number[i] = (uint32_t)i;
			live[w].captures++;
			worker_interface(in->worker[w], (uint32_t)i, in->conf->capture_interfaces.item[i],
			    capture_snaplen(live[w].capture[i], 0));
		}
	}
	return CC_OK;
}

static bool
all_took(struct inspect *in, const struct ruleset *set)
{
	for (unsigned i = 0; i < in->workers; i++) {
		while (worker_set(in->worker[i]) != set) {
			if (process_stop || __atomic_load_n(&in->ended, __ATOMIC_ACQUIRE) > 0)
				return false;
			nap_ms(10);
		}
	}
	return true;
}

/* Who we are has changed since the start, and with it what "auto" means; and no other folder can be read now. */
static enum cc_status
cache_set(const struct inspect *in, struct conf *conf, char **ret_why)
{
	char setting[PATH_MAX + 32];

	snprintf(setting, sizeof(setting), "detect.cache=%s", in->cache != NULL ? in->cache : "no");
	return conf_set(conf, setting, ret_why);
}

/*
 * The configuration anew.  Its file may be out of reach by now, as root's alone or as a new file under the old name,
 * which Landlock does not know: then what it said at start holds.
 */
static bool
reload_conf(const struct inspect *in, struct conf *conf, const struct conf **ret_conf, char **ret_why)
{
	const struct engine_job *job = in->process->job;
	enum cc_status st = job->conf_path != NULL ? conf_read(conf, job->conf_path, ret_why) : CC_OK;

	*ret_conf = conf;
	if (st == CC_IO && errno == EACCES) {
		log_warning("reload: %s; the rules are read again as it named them at start",
		    *ret_why != NULL ? *ret_why : job->conf_path);
		free(*ret_why);
		*ret_why = NULL;
		*ret_conf = in->conf;
		return true;
	}
	for (size_t i = 0; st == CC_OK && i < job->set_count; i++)
		st = conf_set(conf, job->set[i], ret_why);
	if (st == CC_OK)
		st = cache_set(in, conf, ret_why);
	return st == CC_OK;
}

struct reloading {
	const struct conf *conf;
	struct inspect *inspect;
	struct ruleset *set;
	enum cc_status st;
};

/* Packets go first: a thread of its own, and those that it starts, with what the workers leave. */
static void *
reloading_run(void *ctx)
{
	struct reloading *r = ctx;

	setpriority(PRIO_PROCESS, (id_t)gettid(), RELOAD_NICE);
	r->st = load_rules(r->conf, r->inspect->shared, r->inspect->set, &r->set);
	return NULL;
}

static enum cc_status
reload_rules(struct inspect *in, const struct conf *conf, struct ruleset **ret_set)
{
	struct reloading r = {.conf = conf, .inspect = in, .st = CC_NOMEM};
	pthread_t thread;

	if (pthread_create(&thread, NULL, reloading_run, &r) != 0)
		return CC_NOMEM;
	pthread_join(thread, NULL);
	*ret_set = r.set;
	return r.st;
}

/* A new rule set beside the old one; every worker takes it up between two packets, then the old one goes. */
static void
reload(struct inspect *in)
{
	struct ruleset *old = in->set, *set = NULL;
	struct conf *conf = conf_new();
	const struct conf *now = NULL;
	char *why = NULL;
	bool good = conf != NULL && reload_conf(in, conf, &now, &why);

	if (!good || reload_rules(in, now, &set) != CC_OK) {
		log_error("reload: %s%sthe rules in use stay", why != NULL ? why : "", why != NULL ? "; " : "");
	} else {
		for (unsigned i = 0; i < in->workers; i++)
			worker_offer(in->worker[i], set);
		in->set = set;
		if (all_took(in, set))
			ruleset_free(old);
		else
			in->retired = old;
		log_notice("reload: the new rules are in use");
		__atomic_fetch_add(&in->shared->reloads, 1, __ATOMIC_RELEASE);
	}
	free(why);
	conf_free(conf);
}

/* Where a reload may read: the configuration and the folders of the rules. */
static enum cc_status
confine(struct inspect *in)
{
	const struct conf_list *lists[] = {&in->conf->detect_rules, &in->conf->detect_yara, &in->conf->detect_watch,
	    &in->conf->detect_iprep_files};
	const char *files[] = {in->conf->detect_reference, in->conf->detect_classification,
	    in->conf->detect_threshold_file, in->conf->detect_iprep_categories, in->conf->detect_geoip};
	const char *paths[256];
	char *copies[256];
	unsigned count = 0, copied = 0;
	enum cc_status st;

	for (unsigned l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		for (size_t i = 0; i < lists[l]->count && count < 220; i++) {
			copies[copied] = strdup(lists[l]->item[i]);
			if (copies[copied] == NULL)
				return CC_NOMEM;
			paths[count++] = dirname(copies[copied++]);
		}
	}
	if (in->process->job->conf_path != NULL)
		paths[count++] = in->process->job->conf_path;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i][0] == '\0')
			continue;
		copies[copied] = strdup(files[i]);
		if (copies[copied] == NULL)
			return CC_NOMEM;
		paths[count++] =
		    dirname(copies[copied++]); /* who writes them anew makes another file of the old name */
	}
	for (size_t i = 0; i < in->conf->capture_interfaces.count;
	     i++) { /* libpcap asks there for what the interface dropped */
		if (asprintf(&copies[copied], "/sys/class/net/%s/statistics", in->conf->capture_interfaces.item[i]) < 0)
			return CC_NOMEM;
		paths[count++] = copies[copied++];
	}
	if (in->cache != NULL)
		paths[count++] = in->cache;
	paths[count++] = "/usr/share/misc"; /* libmagic opens its table lazily */
	paths[count] = NULL;
	st = sandbox_user(in->conf->engine_user, "inspect");
	if (st == CC_DENIED || (in->conf->engine_sandbox && sandbox_inspect(paths) != CC_OK))
		st = CC_DENIED;
	while (copied > 0)
		free(copies[--copied]);
	return st == CC_DENIED ? CC_DENIED : CC_OK;
}

static enum cc_status
run_live(struct inspect *in)
{
	struct live *live = calloc(in->workers, sizeof(*live));
	enum cc_status st = live == NULL ? CC_NOMEM : live_open(in, live);

	if (st == CC_OK) {
		char *why = NULL;

		in->cache = ruleset_cache_path(in->conf);
		st = cache_set(in, in->conf, &why);
		free(why);
	}
	if (st == CC_OK)
		st = confine(in);
	if (st == CC_OK)
		st = hearsay_start(in->hearsay, in->worker, in->workers);
	for (unsigned w = 0; st == CC_OK && w < in->workers; w++) {
		live[w].running = pthread_create(&live[w].thread, NULL, live_run, &live[w]) == 0;
		if (!live[w].running)
			st = CC_NOMEM;
	}
	if (st == CC_OK) {
		__atomic_store_n(&in->shared->inspect_ready, 1, __ATOMIC_RELEASE);
		log_notice(
		    "listening on %zu interfaces with %u workers", in->conf->capture_interfaces.count, in->workers);
	} else {
		process_stop = 1;
	}
	while (!process_stop) {
		nap_ms(50);
		if (!process_stop && __atomic_load_n(&in->ended, __ATOMIC_ACQUIRE) == in->workers) {
			log_error("no interface is left");
			break;
		}
		if (process_reload) {
			process_reload = 0;
			reload(in);
		}
	}
	for (unsigned w = 0; live != NULL && w < in->workers; w++) {
		if (live[w].running)
			pthread_join(live[w].thread, NULL);
		for (unsigned i = 0; i < live[w].captures; i++)
			capture_close(live[w].capture[i]);
	}
	free(live);
	return st;
}

/* ---- life ---- */

static int
exit_code(const struct inspect *in, enum cc_status st)
{
	if (st == CC_BAD)
		return EXIT_USAGE;
	return st == CC_OK && !in->failed ? EXIT_DONE : EXIT_FAILED;
}

int
inspect_main(const struct process *process)
{
	struct inspect in = {.process = process, .conf = process->job->conf, .shared = process->shared};
	enum cc_status st = load_rules(in.conf, in.shared, NULL, &in.set);
	int code = st == CC_NOMEM ? EXIT_FAILED : EXIT_USAGE;

	if (st == CC_OK) {
		in.thresholds = threshold_table_new(in.conf);
		in.hearsay = hearsay_new(in.conf, in.shared);
		st = in.thresholds != NULL && in.hearsay != NULL ? make_workers(&in) : CC_NOMEM;
		if (st == CC_OK)
			st = process->live ? run_live(&in) : run_files(&in);
		code = exit_code(&in, st);
	}
	hearsay_stop(in.hearsay);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		worker_free(in.worker[i]);
	hearsay_free(in.hearsay);
	threshold_table_free(in.thresholds);
	ruleset_free(in.set);
	ruleset_free(in.retired);
	free(in.cache);
	__atomic_store_n(&in.shared->closing, 1, __ATOMIC_RELEASE);
	return code;
}
