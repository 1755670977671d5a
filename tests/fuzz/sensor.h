/*
 * The sensor's stages in a row, as a worker has them, for the targets: frames or hand-made chunks in, EVE lines out, each
 * held to be JSON.  Half of the files are held beyond their batch, as scans hold them.
 */
#ifndef FUZZ_SENSOR_H
#define FUZZ_SENSOR_H

#include "fuzz/fuzz.h"

#include "app/app.h"
#include "output/output.h"

#define SENSOR_HELD 16
#define SENSOR_LINE 65536

struct sensor {
	struct conf *conf;
	struct pool *pool;
	struct decode *decode;
	struct flows *flows;
	struct app *app;
	struct eve *eve;
	struct batch batch;
	struct cc_file *held[SENSOR_HELD];
	unsigned held_count;
	uint64_t now;
	uint8_t line[SENSOR_LINE];
};

/* memory: 0 plenty, else so little that it runs out.  only: the one parser to use, NULL: all. */
static inline void
sensor_open(struct sensor *s, unsigned memory, const struct cc_parser *only)
{
	static const size_t budget[4] = {64u << 20, 256u << 10, 64u << 10, 16u << 10};
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	char text[1024], *why = NULL;
	struct buf off;

	memset(s, 0, sizeof(*s));
	s->conf = fuzz_conf();
	buf_over(&off, text, sizeof(text) - 1);
	buf_add_text(&off, "app.off=[");
	for (unsigned i = 0; i < app_parser_count && only != NULL; i++) {
		if (app_parsers[i] != only)
			buf_printf(&off, "%s%s", off.p[off.size - 1] == '[' ? "" : ",", app_parsers[i]->name);
	}
	buf_add(&off, "]", 2);
	FUZZ_CHECK(!off.full && conf_set(s->conf, text, &why) == CC_OK);
	s->pool = pool_new(budget[memory & 3]);
	s->decode = decode_new(s->conf);
	s->flows = flows_new(s->conf, s->pool, 1);
	s->app = app_new(s->conf, s->pool, &wants);
	FUZZ_CHECK(s->decode != NULL && s->flows != NULL && s->app != NULL && batch_open(&s->batch, s->conf) == CC_OK);
	FUZZ_CHECK(eve_new(s->conf, s->flows, &s->eve, &why) == CC_OK);
	s->now = 1700000000 * NS_PER_S;
}

static inline void
sensor_line(struct sensor *s, bool said, const struct buf *out)
{
	(void)s;
	if (said)
		fuzz_json(buf_slice(out));
	else
		FUZZ_CHECK(out->size == 0);
}

static inline void
sensor_event(struct sensor *s, const struct flow *flow, const struct event *event, const struct packet *pkt)
{
	struct buf out;

	buf_over(&out, s->line, sizeof(s->line));
	switch (event->kind) {
	case EVENT_DONE:
		sensor_line(s, eve_tx(s->eve, flow, event->tx, pkt, event->dir, s->now, &out), &out);
		break;
	case EVENT_ANOMALY:
		sensor_line(s, eve_anomaly(s->eve, flow, event, pkt, s->now, &out), &out);
		break;
	case EVENT_FILE_DATA:
		fuzz_touch(slice_of(event->file->content, event->file->content_size));
		break;
	case EVENT_FILE_DONE:
		fuzz_touch(slice_of(event->file->content, event->file->content_size));
		sensor_line(s, eve_file(s->eve, flow, event->file, s->now, &out), &out);
		if (s->held_count < SENSOR_HELD && (event->file->id & 1) != 0) {
			file_hold(event->file);
			s->held[s->held_count++] = event->file;
		}
		break;
	default:
		break;
	}
}

/* The batch of one packet, or of a flow's end (pkt NULL), is looked at as the engine does, and emptied. */
static inline void
sensor_batch(struct sensor *s, const struct flow *flow, const struct packet *pkt)
{
	for (unsigned i = 0; i < s->batch.event_count; i++)
		sensor_event(s, flow, &s->batch.event[i], pkt);
	for (struct cc_tx *tx = app_next_tx(flow, NULL); tx != NULL; tx = app_next_tx(flow, tx)) {
		for (unsigned i = 0; i < tx->count; i++) {
			if (tx->parser->fields[tx->value[i].field].type == CC_BYTES)
				fuzz_touch(slice_of(tx->value[i].bytes, tx->value[i].size));
		}
	}
	app_batch_reset(s->app, &s->batch);
}

static inline void
sensor_chunks(struct sensor *s, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;

	while (flow_next_chunk(s->flows, flow, pkt, &chunk) == CC_OK) {
		fuzz_touch(slice_of(chunk.p - chunk.before, chunk.before + chunk.size));
		FUZZ_CHECK(chunk.fresh <= chunk.size);
		app_feed(s->app, flow, pkt, &chunk, &s->batch);
		FUZZ_CHECK(chunk.used <= chunk.size);
		if (!chunk.datagram && app_enough(flow, chunk.dir))
			flow_ignore(s->flows, flow, chunk.dir);
	}
}

static inline void
sensor_end_flows(struct sensor *s)
{
	struct flow *flow;
	struct buf out;

	while ((flow = flow_next_ended(s->flows)) != NULL) {
		sensor_chunks(s, flow, NULL);
		app_finish(s->app, flow, &s->batch);
		sensor_batch(s, flow, NULL);
		buf_over(&out, s->line, sizeof(s->line));
		sensor_line(s, eve_flow(s->eve, flow, s->now, &out), &out);
		app_flow_free(s->app, flow);
		flow_free(s->flows, flow);
	}
}

static inline void
sensor_odd(struct sensor *s, const struct flow *flow, const struct packet *pkt, const uint64_t *flow_events)
{
	unsigned at = 0;
	bool more = true;

	while (more) {
		struct buf out;

		buf_over(&out, s->line, sizeof(s->line));
		more = eve_odd(s->eve, flow, pkt, flow_events, &at, s->now, &out);
		sensor_line(s, more, &out);
	}
}

/* All that was taken must have been given back. */
static inline void
sensor_close(struct sensor *s)
{
	flow_end_all(s->flows);
	sensor_end_flows(s);
	while (s->held_count > 0)
		file_drop(s->app, s->held[--s->held_count]);
	FUZZ_CHECK(flow_counts(s->flows)[FLOW_MEMORY] == 0);
	batch_close(&s->batch);
	eve_free(s->eve);
	app_free(s->app);
	flows_free(s->flows);
	FUZZ_CHECK(pool_used(s->pool) == 0);
	decode_free(s->decode);
	pool_free(s->pool);
	conf_free(s->conf);
}

#endif
