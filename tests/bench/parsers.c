/*
 * parsers [--set KEY=VALUE]… [--else CAPTURE] CAPTURE…: what each protocol's parser costs.
 *
 * The sensor's stages in one thread, as a worker has them, over captures; the time stamp counter is read around what
 * app does with each chunk and put down to the flow's protocol.  The captures are gone through RUNS times and the least
 * of each protocol counts: on a shared machine the rest is other people's work.  Protocols that none of them has are
 * taken from --else and marked.  A table in Markdown; shares are of the whole way from frame to formatted line.
 *
 * malloc is this program's own and counts what app asks of it: more than nothing is an error, exit 1.  Files have
 * SHA-256, but no libmagic, which takes memory for each (as in engine/alloc_test.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "app/app.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "detect/detect.h"
#include "flow/flow.h"
#include "indicate/indicate.h"
#include "output/output.h"
#include "unit/count_malloc.h"

#define RUNS 3
#define NOBODY 64 /* chunks of flows whose protocol is not known */
#define LINE_SIZE 65536

struct cost {
	uint64_t ticks, bytes, chunks, flows, mallocs;
};

struct bench {
	struct conf *conf;
	struct pool *pool;
	struct decode *decode;
	struct flows *flows;
	struct app *app;
	struct detect *detect;
	struct threshold_table *thresholds;
	struct indicate *indicate;
	struct eve *eve;
	struct batch batch;
	struct packet pkt;
	uint64_t now;
	struct cost cost[NOBODY + 1];
	uint8_t line[LINE_SIZE];
};

static uint64_t
ticks(void)
{
#ifdef __x86_64__
	return __rdtsc();
#else
	return time_monotonic();
#endif
}

static unsigned
index_of(const struct flow *flow)
{
	const struct cc_parser *parser = app_protocol(flow);
	unsigned index = 0;

	while (index < app_parser_count && app_parsers[index] != parser)
		index++;
	return index < app_parser_count && index < NOBODY ? index : NOBODY;
}

static void
emit(struct bench *b, struct flow *flow, const struct packet *pkt)
{
	struct cc_record rec;
	struct cc_tx *tx = NULL;
	struct buf out;

	for (unsigned i = 0; i < b->batch.event_count; i++) {
		const struct event *event = &b->batch.event[i];

		buf_over(&out, b->line, sizeof(b->line));
		if (event->kind == EVENT_DONE)
			(void)eve_tx(b->eve, flow, event->tx, pkt, event->dir, b->now, &out);
		else if (event->kind == EVENT_FILE_DONE)
			(void)eve_file(b->eve, flow, event->file, b->now, &out);
		else if (event->kind == EVENT_ANOMALY)
			(void)eve_anomaly(b->eve, flow, event, pkt, b->now, &out);
	}
	while (indicate_next(b->indicate, flow, pkt, &b->batch, b->now, &rec) == CC_OK)
		;
	while ((tx = app_next_dead(&b->batch, tx)) != NULL)
		detect_tx_free(b->detect, tx);
	app_batch_reset(b->app, &b->batch);
}

static bool
feed(struct bench *b, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;
	bool turned = false;

	while (flow_next_chunk(b->flows, flow, pkt, &chunk) == CC_OK) {
		uint64_t from = ticks();
		struct cost *cost;

		malloc_count = 0;
		malloc_counting = true;
		app_feed(b->app, flow, pkt, &chunk, &b->batch);
		if (chunk.turn) {
			flow_turn(b->flows, flow, &chunk);
			detect_turn(flow);
			turned = true;
			app_feed(b->app, flow, pkt, &chunk, &b->batch);
		}
		malloc_counting = false;
		cost = &b->cost[index_of(flow)];
		cost->ticks += ticks() - from;
		cost->mallocs += malloc_count;
		cost->bytes += chunk.fresh;
		cost->chunks++;
		detect_stream(b->detect, flow, pkt, &chunk, &b->batch);
		if (!chunk.datagram && app_enough(flow, chunk.dir))
			flow_ignore(b->flows, flow, chunk.dir);
	}
	return turned;
}

static void
end_flows(struct bench *b)
{
	struct flow *flow;
	struct buf out;

	while ((flow = flow_next_ended(b->flows)) != NULL) {
		struct cost *cost;
		uint64_t from;

		feed(b, flow, NULL);
		cost = &b->cost[index_of(flow)];
		malloc_count = 0;
		malloc_counting = true;
		from = ticks();
		app_finish(b->app, flow, &b->batch);
		cost->ticks += ticks() - from;
		malloc_counting = false;
		cost->mallocs += malloc_count;
		cost->flows++;
		detect_run(b->detect, flow, NULL, CC_TO_SERVER, &b->batch);
		emit(b, flow, NULL);
		buf_over(&out, b->line, sizeof(b->line));
		(void)eve_flow(b->eve, flow, b->now, &out);
		detect_flow_free(b->detect, flow);
		app_flow_free(b->app, flow);
		flow_free(b->flows, flow);
	}
}

static void
on_frame(void *ctx, const struct frame *frame)
{
	struct bench *b = ctx;
	struct flow *flow;
	enum cc_dir dir;

	b->now = frame->time;
	if (decode_frame(b->decode, frame, &b->pkt) != CC_OK)
		return;
	flow = flow_track(b->flows, &b->pkt, &dir);
	if (feed(b, flow, &b->pkt))
		dir = cc_dir_other(dir);
	detect_run(b->detect, flow, &b->pkt, dir, &b->batch);
	emit(b, flow, &b->pkt);
	end_flows(b);
}

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "parsers: %s: %s\n", what, why != NULL ? why : "no memory");
	exit(1);
}

static void
open_stages(struct bench *b, struct ruleset *set)
{
	struct app_wants wants = {.digests = DIGEST_SHA256};
	struct detect_setup setup = {.conf = b->conf, .set = set};
	size_t history = 0;
	char *why = NULL;

	ruleset_wants(set, &wants, &history);
	setup.pool = b->pool = pool_new(1ull << 30);
	b->decode = decode_new(b->conf);
	setup.flows = b->flows = flows_new(b->conf, b->pool, 1);
	b->app = app_new(b->conf, b->pool, &wants);
	setup.thresholds = b->thresholds = threshold_table_new(b->conf);
	if (b->decode == NULL || b->flows == NULL || b->app == NULL || batch_open(&b->batch, b->conf) != CC_OK)
		fail("stages", NULL);
	flows_keep_history(b->flows, history);
	b->detect = detect_new(&setup);
	if (b->detect == NULL || indicate_new(b->conf, b->flows, &b->indicate, &why) != CC_OK ||
	    eve_new(b->conf, b->flows, &b->eve, &why) != CC_OK)
		fail("stages", why);
	indicate_switch(b->indicate, set);
}

static void
close_stages(struct bench *b)
{
	eve_free(b->eve);
	indicate_free(b->indicate);
	detect_free(b->detect);
	threshold_table_free(b->thresholds);
	batch_close(&b->batch);
	app_free(b->app);
	flows_free(b->flows);
	decode_free(b->decode);
	pool_free(b->pool);
}

/* All captures, each with flows of its own, once.  Returns the ticks of the whole. */
static uint64_t
run(struct bench *b, char **paths, int count, struct ruleset *set)
{
	uint64_t whole = 0;

	memset(b->cost, 0, sizeof(b->cost));
	for (int i = 0; i < count; i++) {
		struct capture *capture;
		char *why = NULL;
		uint64_t from;

		open_stages(b, set);
		if (capture_open_files(b->conf, &paths[i], 1, &capture, &why) != CC_OK)
			fail(paths[i], why);
		from = ticks();
		while (capture_dispatch(capture, 256, on_frame, b) == CC_OK) {
			flow_tick(b->flows, b->now);
			end_flows(b);
		}
		flow_end_all(b->flows);
		end_flows(b);
		whole += ticks() - from;
		capture_close(capture);
		close_stages(b);
	}
	return whole;
}

static void
print_row(const char *name, const char *mark, const struct cost *cost, uint64_t whole, const struct cc_parser *parser)
{
	printf("| %s%s | %llu | %llu | %llu | %.1f | %.0f |", name, mark, (unsigned long long)cost->flows,
	    (unsigned long long)cost->chunks, (unsigned long long)cost->bytes,
	    cost->bytes > 0 ? (double)cost->ticks / (double)cost->bytes : 0.0,
	    cost->chunks > 0 ? (double)cost->ticks / (double)cost->chunks : 0.0);
	if (mark[0] == 0)
		printf(" %.2f %% |", 100.0 * (double)cost->ticks / (double)whole);
	else
		printf(" - |");
	if (parser != NULL)
		printf(" %u | %zu |", parser->state_size, sizeof(struct cc_tx) + parser->tx_size);
	else
		printf(" - | - |");
	printf(MALLOC_OWN ? " %llu |\n" : " - |\n", (unsigned long long)cost->mallocs);
}

struct costs {
	struct cost least[NOBODY + 1];
	uint64_t whole;
};

static void
measure(struct bench *b, char **paths, int count, struct ruleset *set, struct costs *ret_costs)
{
	ret_costs->whole = UINT64_MAX;
	for (int i = 0; i < RUNS && count > 0; i++) {
		uint64_t took = run(b, paths, count, set);

		ret_costs->whole = took < ret_costs->whole ? took : ret_costs->whole;
		for (unsigned k = 0; k <= NOBODY; k++)
			if (i == 0 || b->cost[k].ticks < ret_costs->least[k].ticks)
				ret_costs->least[k] = b->cost[k];
	}
}

/* The table; returns how often malloc was asked. */
static uint64_t
print_table(const struct costs *costs, const struct costs *others)
{
	uint64_t mallocs = costs->least[NOBODY].mallocs;

	printf("| protocol | flows | chunks | bytes | cycles a byte | cycles a chunk | of the whole way | state of a "
	       "flow, bytes | of a transaction | malloc |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
	for (unsigned k = 0; k < app_parser_count && k < NOBODY; k++) {
		bool here = costs->least[k].chunks > 0;
		const struct costs *of = here ? costs : others;

		print_row(app_parsers[k]->name, here ? "" : " \\*", &of->least[k], of->whole, app_parsers[k]);
		mallocs += costs->least[k].mallocs + others->least[k].mallocs;
		if (of->least[k].chunks == 0)
			fprintf(stderr, "parsers: no capture has %s\n", app_parsers[k]->name);
	}
	print_row("(not known)", "", &costs->least[NOBODY], costs->whole, NULL);
	return mallocs;
}

int
main(int argc, char **argv)
{
	static struct costs costs, others;
	struct bench *b = calloc(1, sizeof(*b));
	struct ruleset_report report = {.loaded = 0};
	struct ruleset *set = NULL;
	char *why = NULL, *otherwise = NULL;
	int at = 1;

	if (b == NULL || (b->conf = conf_new()) == NULL)
		fail("start", NULL);
	log_open("parsers", LOG_LEVEL_ERROR);
	for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
		if (strcmp(argv[at], "--else") == 0)
			otherwise = argv[at + 1];
		else if (strcmp(argv[at], "--set") != 0 || conf_set(b->conf, argv[at + 1], &why) != CC_OK)
			fail(argv[at + 1], why);
	}
	if (at >= argc) {
		fprintf(stderr, "usage: parsers [--set KEY=VALUE]... [--else CAPTURE] CAPTURE...\n");
		return 2;
	}
	buf_open(&report.text, 1u << 24);
	if (ruleset_load(b->conf, &report, &set) != CC_OK)
		fail("rules", (const char *)report.text.p);
	measure(b, argv + at, argc - at, set, &costs);
	measure(b, &otherwise, otherwise != NULL, set, &others);
	if (print_table(&costs, &others) > 0) {
		fprintf(stderr, "parsers: app asks malloc\n");
		return 1;
	}
	return 0;
}
