/*
 * The courier's third thread, live: the desk of a running sensor.  What partners ask is acknowledged, and answered as
 * far as exchange.policy lets a machine answer; requests that are overdue go up the order of escalation; what commands
 * of the desk left in its spool goes out.  Its state is on disk and shared with the commands (sqlite, a lock on the
 * spool), so that both may act at once.  It looks each exchange.serve, and at once when a request has come.  It gives
 * way to the workers (nice 10).
 */
#include "engine/serve.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

#define SERVE_NICE 10
#define LOOK_NS (50 * NS_PER_MS) /* how soon it is seen that somebody wants it */
#define DRAIN_NS (2 * NS_PER_S)  /* of one round: what a broker does not take by then waits for the next */

struct serve {
	struct conf conf;        /* the courier's, with less patience; borrows its strings */
	struct desk *desk;
	struct policy *policy;
	pthread_t thread;
	bool running;
	bool told;               /* that it can't go on; until it can */
	bool left;               /* something waits in the desk's spool */
	uint32_t stop, woken, reload; /* any thread */
	uint64_t counts[EXCHANGE_COUNT]; /* written here, read by any */
};

static void
tell(struct serve *s, enum cc_status st, char *why)
{
	if (st != CC_OK && !s->told)
		log_warning("requests: %s; tried again", why != NULL ? why : cc_status_text(st));
	else if (st == CC_OK && s->told)
		log_notice("requests: are served again");
	s->told = st != CC_OK;
	free(why);
}

static void
overdue(void *ctx, const struct request *r, unsigned rung, const char *call)
{
	struct serve *s = ctx;

	__atomic_fetch_add(&s->counts[EXCHANGE_REQUESTS_OVERDUE], 1, __ATOMIC_RELAXED);
	log_warning("request %s (%s, %s, %s %s) is overdue: call %u., %s", r->id, request_kind_word[r->kind],
	    request_priority_word[r->priority], r->ours ? "to" : "from", r->ours ? r->responder : r->requester, rung,
	    call[0] != '\0' ? call : "no contacts entry");
}

static enum cc_status
round_of(struct serve *s, char **ret_why)
{
	size_t done = 0;
	enum cc_status st = desk_sync(s->desk, ret_why);

	if (st == CC_OK)
		st = requests_serve(s->desk, s->policy, &done, ret_why);
	__atomic_fetch_add(&s->counts[EXCHANGE_REQUESTS_STEPS], done, __ATOMIC_RELAXED);
	if (st == CC_OK)
		st = requests_escalate(s->desk, time_now(), overdue, s);
	/* Sent at once, and the spool is free for commands in between. */
	if (s->left)
		(void)desk_resend(s->desk);
	s->left = desk_flush(s->desk) == CC_MORE;
	return st;
}

static void
read_again(struct serve *s)
{
	struct policy *policy = NULL;
	char *why = NULL;

	if (policy_read(s->conf.exchange_policy, &policy, &why) == CC_OK) {
		policy_free(s->policy);
		s->policy = policy;
	} else {
		log_error("%s; what is answered stays as it was", why != NULL ? why : "exchange.policy");
	}
	free(why);
	why = NULL;
	if (desk_reload(s->desk, &why) != CC_OK)
		log_error("%s; whom the desk trusts stays as it was", why != NULL ? why : "exchange.trust");
	free(why);
}

static void *
run(void *ctx)
{
	static const struct timespec look = {0, LOOK_NS};
	struct serve *s = ctx;
	uint64_t due = 0;

	setpriority(PRIO_PROCESS, (id_t)gettid(), SERVE_NICE);
	s->left = true; /* commands may have left something */
	while (__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE) == 0) {
		char *why = NULL;
		enum cc_status st;

		if (__atomic_exchange_n(&s->reload, 0, __ATOMIC_ACQUIRE) != 0)
			read_again(s);
		else if (__atomic_exchange_n(&s->woken, 0, __ATOMIC_ACQUIRE) == 0 && time_monotonic() < due) {
			nanosleep(&look, NULL);
			continue;
		}
		st = round_of(s, &why);
		tell(s, st, why);
		due = time_monotonic() + s->conf.exchange_serve;
	}
	return NULL;
}

void
serve_wake(struct serve *s)
{
	if (s != NULL)
		__atomic_store_n(&s->woken, 1, __ATOMIC_RELEASE);
}

void
serve_reload(struct serve *s)
{
	if (s != NULL)
		__atomic_store_n(&s->reload, 1, __ATOMIC_RELEASE);
}

void
serve_counts(const struct serve *s, uint64_t *counts)
{
	for (unsigned i = 0; s != NULL && i < EXCHANGE_COUNT; i++)
		counts[i] += __atomic_load_n(&s->counts[i], __ATOMIC_RELAXED);
}

enum cc_status
serve_open(const struct conf *conf, const char *outdir, struct serve **ret_serve, char **ret_why)
{
	struct serve *s;
	enum cc_status st;

	*ret_why = NULL;
	if (conf->exchange_serve == 0 || conf->exchange_trust[0] == '\0' || strcmp(conf->exchange_to, "none") == 0)
		return CC_ABSENT;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return CC_NOMEM;
	s->conf = *conf;
	if (s->conf.exchange_drain > DRAIN_NS)
		s->conf.exchange_drain = DRAIN_NS;
	st = policy_read(conf->exchange_policy, &s->policy, ret_why);
	if (st == CC_OK && (st = desk_open(&s->conf, outdir, &s->desk, ret_why)) != CC_OK && st != CC_NOMEM) {
		/* A sensor goes on without its desk; commands say the same when they are used. */
		log_warning("requests are not served: %s", *ret_why != NULL ? *ret_why : cc_status_text(st));
		free(*ret_why);
		*ret_why = NULL;
		st = CC_ABSENT;
	}
	if (st == CC_OK)
		s->running = pthread_create(&s->thread, NULL, run, s) == 0;
	if (st == CC_OK && s->running) {
		*ret_serve = s;
		return CC_OK;
	}
	serve_close(s);
	return st == CC_OK ? CC_NOMEM : st;
}

void
serve_close(struct serve *s)
{
	if (s == NULL)
		return;
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	if (s->running)
		pthread_join(s->thread, NULL);
	desk_close(s->desk);
	policy_free(s->policy);
	free(s);
}
