/* What a person sees of concert read: how far it is, and at the end what it found and where that went. */
#include "engine/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/process.h"

#define SHOW_NS (200 * NS_PER_MS)
#define BAR 30

void
progress_open(struct progress *progress, bool wanted)
{
	const char *term = getenv("TERM");

	*progress =
	    (struct progress){.on = wanted && isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0),
		.began = time_monotonic()};
}

void
progress_show(struct progress *progress, const struct shared *shared)
{
	uint64_t now = time_monotonic(), packets = count_get(&shared->worker[0].count[AT_CAPTURE + CAPTURE_PACKETS]);
	double seconds = (double)(now - progress->began) / 1e9, part;
	char done[32], rate[32], bar[BAR + 1];

	if (!progress->on || now - progress->shown < SHOW_NS)
		return;
	progress->shown = now;
	progress->drawn = true;
	bytes_text(shared->read_bytes, done);
	thousands_text((uint64_t)((double)packets / seconds), rate);
	if (shared->read_total == 0) {
		fprintf(stderr, "\r\033[K%s, %s packets/s", done, rate);
		return;
	}
	part = (double)shared->read_bytes / (double)shared->read_total;
	part = part > 1 ? 1 : part;
	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(part * BAR));
	bar[BAR] = '\0';
	fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s, %s packets/s", bar, part * 100, done, rate);
	if (part > 0.01)
		fprintf(stderr, ", %.0f s left", seconds / part - seconds);
}

void
progress_close(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
}

static void
say(const char *what, uint64_t n, const char *more)
{
	char text[32];

	fprintf(stderr, "  %-11s %14s  %s\n", what, thousands_text(n, text), more);
}

/* Only what went wrong, by name. */
static void
say_troubles(const uint64_t *counts, const struct shared *shared)
{
	char text[32];

	for (unsigned i = AT_ENGINE; i < AT_ENGINE + ENGINE_MEMORY_USED; i++) {
		if (counts[i] > 0 && i != AT_ENGINE + ENGINE_RELOADS)
			fprintf(stderr, "  ! %s %s\n", thousands_text(counts[i], text), counts_name(i));
	}
	if (shared->read_trouble > 0)
		fprintf(stderr, "  ! %u captures were cut or corrupt; see the messages above\n", shared->read_trouble);
	if (shared->courier_starts > 0)
		fprintf(stderr, "  ! the courier was started again %llu times\n",
		    (unsigned long long)shared->courier_starts);
}

static void
say_costs(const struct conf *conf, const struct shared *shared)
{
	struct buf out;

	buf_open(&out, 1 << 16);
	shared_profile(shared, (unsigned)conf->detect_profile, &out);
	fprintf(stderr, "  stages, and the costliest rules, estimated:\n%.*s", (int)out.size, (const char *)out.p);
	buf_close(&out);
}

void
progress_summary(const struct engine_job *job, const struct shared *shared)
{
	uint64_t counts[COUNTS_ALL];
	char path[4096], size[32], rate[32], extra[256];
	const char *to;
	double seconds = (double)(time_now() - shared->started) / 1e9;
	uint64_t packets;

	shared_counts(shared, counts);
	packets = counts[AT_CAPTURE + CAPTURE_PACKETS];
	bytes_text(counts[AT_CAPTURE + CAPTURE_BYTES], size);
	thousands_text((uint64_t)((double)packets / (seconds > 0 ? seconds : 1)), rate);
	snprintf(extra, sizeof(extra), "%s in %.1f s, %s packets/s", size, seconds, rate);
	say("packets", packets, extra);
	say("flows", counts[AT_FLOW + FLOW_NEW], "");
	say("events", shared->events, "");
	say("alerts", shared->alerts, "");
	to = strcmp(job->conf->exchange_to, "file:") == 0 ? process_path(job->outdir, "exchange", path, sizeof(path)) :
							     job->conf->exchange_to;
	snprintf(extra, sizeof(extra), "in %llu messages to %.200s",
	    (unsigned long long)counts[AT_EXCHANGE + EXCHANGE_MESSAGES], to);
	say("indicators", shared->records, extra);
	if (shared->waiting > 0)
		say("waiting", shared->waiting, shared->courier_state);
	say_troubles(counts, shared);
	if (job->conf->detect_profile > 0)
		say_costs(job->conf, shared);
	if (job->conf->eve_file[0] != '\0')
		fprintf(
		    stderr, "  EVE log     %s\n", process_path(job->outdir, job->conf->eve_file, path, sizeof(path)));
	if (strcmp(job->conf->exchange_to, "none") != 0)
		fprintf(stderr, "  spool       %s\n",
		    process_path(job->outdir, job->conf->spool_dir[0] != '\0' ? job->conf->spool_dir : "spool", path,
			sizeof(path)));
}
