/*
 * The courier: entries of the rings in, spool, topics and EVE log out.  Holds the keys and the broker's credentials,
 * never sees a packet, and takes nothing in the rings on trust.
 *
 * Over files the rings are merged by key and flow, so that the output is the same for any number of workers.  An entry
 * leaves its ring only after what came of it has been written: a courier that dies loses nothing, and says some twice.
 * Nothing waits for that: while one stretch of entries is signed and spooled the next is read.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/courier_own.h"
#include "engine/process.h"
#include "engine/sandbox.h"

#define ENTRIES_AT_ONCE 2048               /* between two releases */
#define FLUSH_NS (200 * NS_PER_MS)         /* an EVE line waits no longer than this */
#define SAY_NS (50 * NS_PER_MS)            /* how often counters go to the shared memory */
#define ORPHAN_NS (10 * NS_PER_S)          /* without the keeper: how long inspect may take to end */

/* ---- rings ---- */

static void
peek(struct courier *c, unsigned i)
{
	struct head *head = &c->head[i];
	struct entry_head front;
	struct slice entry;
	enum cc_status st;

	if (head->here || c->broken[i])
		return;
	st = ring_peek(c->ring[i], &head->kind, &head->key, &entry);
	if (st == CC_OK && entry.size >= sizeof(front)) {
		memcpy(&front, entry.p, sizeof(front));
		head->sub = front.sub;
		head->body = slice_of(entry.p + sizeof(front), entry.size - sizeof(front));
		head->here = true;
	} else if (st != CC_ABSENT) {
		c->broken[i] = true;
		__atomic_store_n(
		    &c->shared->abandon, 1, __ATOMIC_RELEASE); /* over files, who writes to it would wait for ever */
		courier_say_lost(c, "a ring from inspect is broken: it is not read any more");
	}
}

static bool
before(const struct head *a, const struct head *b)
{
	return a->key != b->key ? a->key < b->key : a->sub < b->sub;
}

/* The ring whose entry is next, or -1: a ring that is empty now may still bring something earlier, unless its writer
 * died. */
static int
next_in_order(struct courier *c)
{
	int best = -1;

	for (unsigned i = 0; i < c->shared->workers; i++) {
		uint64_t promised = c->head[i].here ? 0 : ring_promised(c->ring[i]);

		/* Look again after the promise was read: what it covers is visible now. */
		peek(c, i);
		if (c->head[i].here) {
			if (best < 0 || before(&c->head[i], &c->head[best]))
				best = (int)i;
		}
		if (!c->head[i].here && !c->broken[i])
			c->head[i].key = promised;
	}
	for (unsigned i = 0; !c->last && best >= 0 && i < c->shared->workers; i++) {
		if (!c->head[i].here && !c->broken[i] && c->head[i].key <= c->head[best].key)
			return -1;
	}
	return best;
}

/* Live: whoever has something, in turn. */
static int
next_in_turn(struct courier *c, unsigned *turn)
{
	for (unsigned n = 0; n < c->shared->workers; n++) {
		unsigned i = (*turn + n) % c->shared->workers;

		peek(c, i);
		if (c->head[i].here) {
			*turn = i + 1;
			return (int)i;
		}
	}
	return -1;
}

static void
flush_lines(struct courier *c)
{
	if (c->eve != NULL && evelog_flush(c->eve) != CC_OK)
		courier_say_lost(c, "the EVE log could not be written: lines are missing from it");
	c->flushed = time_monotonic();
}

/* What was taken until now may go when it is written.  One mark at a time: what comes later waits for the next. */
static void
set_mark(struct courier *c)
{
	flush_lines(c);
	c->mark.set = true;
	c->mark.messages = exchange_given(c->exchange);
	c->mark.pieces = pieces_given(c->pieces);
	for (unsigned i = 0; i < c->shared->workers; i++)
		c->mark.position[i] = ring_position(c->ring[i]);
	exchange_mark(c->exchange, c->mark.position, c->shared->workers);
	c->taken = 0;
}

/* What was taken is written; only then the rings forget it. */
static void
release_mark(struct courier *c)
{
	if (!c->mark.set || exchange_settled(c->exchange) < c->mark.messages ||
	    pieces_settled(c->pieces) < c->mark.pieces)
		return;
	exchange_keep(c->exchange);
	for (unsigned i = 0; i < c->shared->workers; i++)
		ring_release_to(c->ring[i], c->mark.position[i]);
	c->mark.set = false;
}

/* All of it, at the end. */
static void
release(struct courier *c)
{
	flush_lines(c);
	if (exchange_flush(c->exchange) != CC_OK)
		courier_say_lost(c, "an indicator could not be spooled; see the message before this one");
	pieces_flush(c->pieces);
	for (unsigned i = 0; i < c->shared->workers; i++)
		ring_release(c->ring[i]);
}

static unsigned
take_some(struct courier *c)
{
	unsigned taken = 0, turn = 0;

	while (taken < ENTRIES_AT_ONCE) {
		int i = c->live ? next_in_turn(c, &turn) : next_in_order(c);

		if (i < 0)
			break;
		courier_take(c, &c->head[i]);
		c->head[i].here = false;
		ring_pass(c->ring[i]);
		taken++;
	}
	c->taken += taken;
	return taken;
}

static bool
rings_empty(const struct courier *c)
{
	for (unsigned i = 0; i < c->shared->workers; i++) {
		if (!c->broken[i] && ring_used(c->ring[i]) > 0)
			return false;
	}
	return true;
}

/* ---- the log of counters ---- */

static void
write_stats(struct courier *c, uint64_t now)
{
	const char *names[COUNTS_ALL];
	uint64_t values[COUNTS_ALL], time = c->live ? now : shared_time(c->shared);
	char *line = malloc(65536);
	struct buf out;

	counts_names(names);
	shared_counts(c->shared, values);
	if (line == NULL)
		return;
	buf_over(&out, line, 65536);
	if (eve_stats(c->stats, names, values, COUNTS_ALL, (now - c->shared->started) / NS_PER_S, time, &out) &&
	    c->eve != NULL && evelog_line(c->eve, buf_slice(&out)) != CC_OK)
		courier_say_lost(c, "the EVE log could not be written: lines are missing from it");
	free(line);
}

static void
say_state(struct courier *c)
{
	uint64_t counts[EXCHANGE_COUNT];

	memcpy(counts, exchange_counts(c->exchange), sizeof(counts));
	listen_counts(c->listen, counts);
	for (unsigned i = 0; i < EXCHANGE_COUNT; i++)
		count_set(&c->shared->courier_count[i], counts[i]);
	if (pieces_failed(c->pieces))
		courier_say_lost(c, "evidence could not be kept; see the message before this one");
	c->shared->waiting = exchange_waiting(c->exchange);
	snprintf(c->shared->courier_state, sizeof(c->shared->courier_state), "%s", exchange_state(c->exchange));
}

/* ---- the loop ---- */

/*
 * Will nothing more come?  SIGTERM alone does not say so: a service manager sends it to all of us, and inspect has yet
 * to write what ends with it.  When the keeper is gone nobody tells of an inspect that died: it is waited for a moment.
 */
static bool
nothing_comes(struct courier *c, uint64_t now)
{
	if (__atomic_load_n(&c->shared->closing, __ATOMIC_ACQUIRE) != 0)
		return true;
	if (!process_stop || getppid() == c->shared->keeper)
		return false;
	if (c->orphaned == 0)
		c->orphaned = now;
	return now - c->orphaned > ORPHAN_NS;
}

static void
beat(struct courier *c, uint64_t now)
{
	if (c->conf->exchange_heartbeat == 0 || now < c->beat_due)
		return;
	c->beat_due = now + c->conf->exchange_heartbeat;
	(void)exchange_beat(c->exchange, time_now(), false); /* its trouble is the spool's, which says so */
}

/* Partners are told what was not seen; the memory, what was looked at. */
static void
listen_last(struct courier *c)
{
	uint64_t counts[COUNTS_ALL], last = shared_time(c->shared), first = c->shared->first_time;

	shared_counts(c->shared, counts);
	if (c->live)
		courier_remember_coverage(c, time_now(), counts[AT_CAPTURE + CAPTURE_PACKETS], courier_lost(counts));
	else if (first != 0)
		listen_coverage(c->listen, first, last, counts[AT_CAPTURE + CAPTURE_PACKETS], courier_lost(counts));
	listen_end(c->listen, first, last, counts[AT_CAPTURE + CAPTURE_PACKETS], courier_lost(counts));
	listen_pump(c->listen, c->exchange);
}

/* What was looked at in all, for whoever reads the silence. */
static void
beat_last(struct courier *c)
{
	uint64_t counts[COUNTS_ALL], time = shared_time(c->shared);

	shared_counts(c->shared, counts);
	if (c->live || time == 0)
		time = time_now();
	else
		courier_coverage_of_files(c, key_frame(counts[AT_CAPTURE + CAPTURE_PACKETS]), time);
	(void)exchange_beat(c->exchange, time, true);
}

static void
courier_loop(struct courier *c)
{
	static const struct timespec idle = {0, 1000000};
	bool closing = false;

	while (!closing) {
		uint64_t now = time_monotonic();
		unsigned taken;
		enum cc_status st;

		closing = c->last = nothing_comes(c, now);
		taken = take_some(c);
		if (!c->mark.set && c->taken > 0 &&
		    (taken == 0 || c->taken >= ENTRIES_AT_ONCE || now - c->flushed > FLUSH_NS))
			set_mark(c);
		else if (c->taken > 0 && now - c->flushed > FLUSH_NS)
			flush_lines(c);
		if (c->live) {
			courier_coverage_live(c, time_now());
			exchange_tick(c->exchange, time_now());
			beat(c, now);
		}
		listen_pump(c->listen, c->exchange);
		st = exchange_pump(c->exchange, 0);
		if (st != CC_OK)
			courier_say_lost(c, st == CC_IO ? "the spool could not be written" :
						  "an indicator could not be spooled; see the message before this one");
		release_mark(c);
		if (c->conf->eve_stats > 0 && now >= c->stats_due) {
			if (c->stats_due != 0)
				write_stats(c, time_now());
			c->stats_due = now + c->conf->eve_stats;
		}
		if (process_reload) {
			process_reload = 0;
			listen_reload(c->listen);
			if (c->eve != NULL && evelog_reopen(c->eve) != CC_OK)
				courier_say_lost(c, "the EVE log could not be opened again");
		}
		if (now - c->said > SAY_NS) {
			c->said = now;
			say_state(c);
		}
		if (taken == 0 && !closing)
			nanosleep(&idle, NULL);
		__atomic_store_n(&c->shared->courier_beat, now, __ATOMIC_RELAXED);
		closing = closing && taken == 0 && rings_empty(c);
	}
}

/* What the courier before this one had counted, and how far in the rings it had settled all. */
static void
resume(struct courier *c)
{
	uint64_t position[WORKERS_MAX];

	if (!exchange_resume(c->exchange, c->shared->started, position, c->shared->workers))
		return;
	for (unsigned i = 0; i < c->shared->workers; i++)
		(void)ring_resume(c->ring[i], position[i]);
}

static enum cc_status
courier_open(struct courier *c, char **ret_why)
{
	char path[4096];
	enum cc_status st;

	for (unsigned i = 0; i < c->shared->workers; i++) {
		c->ring[i] = ring_reader(shared_ring(c->shared, i), c->shared->ring_size);
		if (c->ring[i] == NULL)
			return CC_NOMEM;
	}
	if ((st = eve_new(c->conf, NULL, &c->stats, ret_why)) != CC_OK)
		return st;
	/* The spool first: its lock keeps a second one away from a log that is being written. */
	if ((st = exchange_open(c->conf, c->outdir, c->live, &c->exchange, ret_why)) != CC_OK)
		return st;
	resume(c);
	/* After the exchange, which makes the keys. */
	if ((st = listen_open(c->conf, c->outdir, c->shared, c->live, &c->listen, ret_why)) != CC_OK)
		return st;
	if ((st = pieces_open(c->conf, c->outdir, &c->pieces, ret_why)) != CC_OK)
		return st;
	if (c->conf->files_store)
		c->stored = courier_stored_before(c->outdir);
	if (c->conf->eve_file[0] != '\0') {
		if (strcmp(c->conf->eve_file, "-") == 0)
			snprintf(path, sizeof(path), "-");
		else
			process_path(c->outdir, c->conf->eve_file, path, sizeof(path));
		if ((st = evelog_open(path, &c->eve, ret_why)) != CC_OK)
			return st;
	}
	return CC_OK;
}

static void
courier_close(struct courier *c)
{
	if (c->eve != NULL && evelog_close(c->eve) != CC_OK)
		courier_say_lost(c, "the EVE log could not be written to its end");
	listen_close(c->listen);
	exchange_close(c->exchange);
	pieces_close(c->pieces);
	eve_free(c->stats);
	free(c->copy);
	for (unsigned i = 0; i < c->shared->workers; i++)
		ring_close(c->ring[i]);
}

int
courier_main(const struct process *process)
{
	struct courier c = {.conf = process->job->conf, .outdir = process->job->outdir, .shared = process->shared,
	    .live = process->live};
	char *why = NULL;
	enum cc_status st;
	int code = EXIT_DONE;

	/* Before anything is opened, so that what it makes is that user's, also after a restart. */
	if (process->live && sandbox_user(c.conf->engine_user, "courier") == CC_DENIED)
		return EXIT_FAILED;
	st = courier_open(&c, &why);
	c.failed = false;
	if (st != CC_OK) {
		log_error("%s", why != NULL ? why : cc_status_text(st));
		code = st == CC_BAD ? EXIT_USAGE : EXIT_FAILED;
	} else {
		__atomic_store_n(&c.shared->courier_ready, 1, __ATOMIC_RELEASE);
		courier_loop(&c);
		release(&c);
		if (pieces_failed(c.pieces))
			courier_say_lost(&c, "evidence could not be kept; see the message before this one");
		listen_last(&c);
		beat_last(&c);
		st = exchange_drain(c.exchange, time_monotonic() + c.conf->exchange_drain);
		if (st == CC_MORE)
			log_warning("%llu messages wait in the spool: %s",
			    (unsigned long long)exchange_waiting(c.exchange), exchange_state(c.exchange));
		else if (st != CC_OK)
			courier_say_lost(&c, "what is spooled could not be delivered");
		say_state(&c);
		/* Last, so that it also counts what was delivered in the end. */
		if (c.eve != NULL && eve_wants(c.stats, "stats"))
			write_stats(&c, time_now());
	}
	free(why);
	courier_close(&c);
	return c.failed && code == EXIT_DONE ? EXIT_FAILED : code;
}
