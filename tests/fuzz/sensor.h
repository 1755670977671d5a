/*
 * The sensor's stages in a row, as a worker has them, for the targets: frames or hand-made chunks in; EVE lines out,
 * each held to be JSON, and indicator records, which the courier's side must take.  Half of the files are held beyond
 * their batch, as scans hold them.
 */
#ifndef FUZZ_SENSOR_H
#define FUZZ_SENSOR_H

#include "fuzz/fuzz.h"

#include "app/app.h"
#include "detect/detect.h"
#include "exchange/exchange.h"
#include "indicate/indicate.h"
#include "output/output.h"
#include "record/record.h"

#define SENSOR_HELD 16
#define SENSOR_LINE 65536

struct sensor {
	struct conf *conf;
	struct pool *pool;
	struct decode *decode, *spread, *second; /* the worker's, the dispatcher's, another worker's */
	struct flows *flows;
	struct app *app;
	struct threshold_table *thresholds;
	struct detect *detect;
	struct indicate *indicate;
	struct eve *eve;
	struct batch batch;
	struct cc_file *held[SENSOR_HELD];
	unsigned held_count;
	uint64_t now;
	unsigned records;
	uint8_t line[SENSOR_LINE];
};

/* The configuration in which `only` is the one parser; NULL: all are on. */
static inline struct conf *
sensor_conf(const struct cc_parser *only)
{
	static struct conf *known[64];
	char text[1024], *why = NULL;
	struct conf *conf;
	unsigned index = 0;
	struct buf off;

	while (index < app_parser_count && app_parsers[index] != only)
		index++;
	FUZZ_CHECK(index < 64);
	if (known[index] != NULL)
		return known[index];
	known[index] = conf = fuzz_conf_new();
	buf_over(&off, text, sizeof(text) - 1);
	buf_add_text(&off, "app.off=[");
	for (unsigned i = 0; i < app_parser_count && only != NULL; i++) {
		if (app_parsers[i] != only)
			buf_printf(&off, "%s%s", off.p[off.size - 1] == '[' ? "" : ",", app_parsers[i]->name);
	}
	buf_add(&off, "]", 2);
	FUZZ_CHECK(!off.full && conf_set(conf, text, &why) == CC_OK);
	return conf;
}

/*
 * The formatter and what makes records of events take longer to make than most inputs to run, and keep nothing of what
 * they see; of flows they need the community id's seed alone.
 */
static inline struct flows *
sensor_seed(void)
{
	static struct flows *flows;

	if (flows == NULL)
		flows = flows_new(fuzz_conf(), pool_new(1u << 20), 1);
	FUZZ_CHECK(flows != NULL);
	return flows;
}

static inline struct eve *
sensor_eve(void)
{
	static struct eve *eve;
	char *why = NULL;

	if (eve == NULL)
		FUZZ_CHECK(eve_new(fuzz_conf(), sensor_seed(), &eve, &why) == CC_OK);
	return eve;
}

static inline struct indicate *
sensor_indicate(void)
{
	static struct indicate *indicate;
	char *why = NULL;

	if (indicate == NULL)
		FUZZ_CHECK(indicate_new(fuzz_conf(), sensor_seed(), &indicate, &why) == CC_OK);
	return indicate;
}

/* The rules of this text.  The caller frees them. */
static inline struct ruleset *
sensor_rules(const uint8_t *text, size_t size)
{
	struct ruleset_report report = {.loaded = 0};
	struct ruleset *set = NULL;
	struct conf *conf = fuzz_conf();
	char setting[128], *why = NULL;

	snprintf(setting, sizeof(setting), "detect.rules=%s", fuzz_file(text, size));
	FUZZ_CHECK(conf_set(conf, setting, &why) == CC_OK);
	buf_open(&report.text, 1u << 20);
	FUZZ_CHECK(ruleset_load(conf, &report, &set) == CC_OK && set != NULL);
	FUZZ_CHECK(report.refused == 0 || report.text.size > 0);
	buf_close(&report.text);
	return set;
}

/* Some of every kind, for targets that are not about rules. */
static inline struct ruleset *
sensor_own_rules(void)
{
	static const char text[] =
	    "alert tcp any any -> any any (msg:\"short\"; flow:to_server; content:\"GET\"; sid:1;)\n"
	    "alert http any any -> any any (msg:\"uri\"; http.uri; content:\"/\"; pcre:\"/[a-z]{2}/\"; sid:2;)\n"
	    "alert http any any -> any any (msg:\"body\"; file.data; content:\"e\"; isdataat:2,relative; sid:3;)\n"
	    "alert dns any any -> any any (msg:\"name\"; dns.query; content:\"e\"; nocase; sid:4;)\n"
	    "alert tls any any -> any any (msg:\"sni\"; tls.sni; content:\".\"; sid:5;)\n"
	    "alert ip any any -> any any (msg:\"any\"; threshold:type limit,track by_src,count 1,seconds 9; sid:6;)\n"
	    "alert udp any any -> any any (msg:\"test\"; byte_test:2,>,100,2; sid:7;)\n"
	    "alert pkthdr any any -> any any (msg:\"odd\"; decode-event:ipv4.trunc_pkt; sid:8;)\n";
	static struct ruleset *set;

	if (set == NULL)
		set = sensor_rules((const uint8_t *)text, sizeof(text) - 1);
	return set;
}

/* memory: 0 plenty, else so little that it runs out.  only: the one parser to use, NULL: all. */
static inline void
sensor_open(struct sensor *s, unsigned memory, const struct cc_parser *only, struct ruleset *set)
{
	static const size_t budget[4] = {64u << 20, 256u << 10, 64u << 10, 16u << 10};
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	struct detect_setup setup = {.set = set};

	memset(wants.frames, 0xff, sizeof(wants.frames));
	memset(s, 0, sizeof(*s));
	s->conf = sensor_conf(only);
	s->pool = pool_new(budget[memory & 3]);
	s->decode = decode_new(s->conf);
	s->spread = decode_new(s->conf);
	s->second = decode_new(s->conf);
	FUZZ_CHECK(s->spread != NULL && s->second != NULL);
	s->flows = flows_new(s->conf, s->pool, 1);
	s->app = app_new(s->conf, s->pool, &wants);
	FUZZ_CHECK(s->decode != NULL && s->flows != NULL && s->app != NULL && batch_open(&s->batch, s->conf) == CC_OK);
	setup.conf = s->conf;
	setup.pool = s->pool;
	setup.flows = s->flows;
	setup.thresholds = s->thresholds = threshold_table_new(s->conf);
	s->detect = detect_new(&setup);
	FUZZ_CHECK(s->thresholds != NULL && s->detect != NULL);
	s->indicate = sensor_indicate();
	indicate_switch(s->indicate, set);
	s->eve = sensor_eve();
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

/* What inspect makes of a match or an event is a record that the courier takes, and a message. */
static inline void
sensor_record(struct sensor *s, const struct cc_record *rec)
{
	struct exchange_source source = {.conf = s->conf};
	struct cc_record back;
	struct buf out;

	buf_over(&out, s->line, RECORD_SIZE_MAX);
	FUZZ_CHECK(record_encode(rec, &out) == CC_OK);
	FUZZ_CHECK(record_decode(buf_slice(&out), &back) == CC_OK);
	if (s->records++ > 4) /* slow, and record_fuzz does nothing else */
		return;
	buf_open(&out, 1u << 20);
	FUZZ_CHECK(stix_sighting(&source, &back, false, &out) == CC_OK);
	fuzz_json(buf_slice(&out));
	buf_close(&out);
}

/* The batch of one packet, or of a flow's end (pkt NULL), is looked at as the engine does, and emptied. */
static inline void
sensor_batch(struct sensor *s, struct flow *flow, const struct packet *pkt)
{
	struct cc_record rec;
	struct buf out;

	for (unsigned i = 0; i < s->batch.match_count; i++) {
		buf_over(&out, s->line, sizeof(s->line));
		sensor_line(s, eve_alert(s->eve, s->batch.match[i], pkt, s->now, &out), &out);
	}
	for (unsigned i = 0; i < s->batch.event_count; i++)
		sensor_event(s, flow, &s->batch.event[i], pkt);
	while (indicate_next(s->indicate, flow, pkt, &s->batch, s->now, &rec) == CC_OK)
		sensor_record(s, &rec);
	for (struct cc_tx *tx = app_next_dead(&s->batch, NULL); tx != NULL; tx = app_next_dead(&s->batch, tx))
		detect_tx_free(s->detect, tx);
	for (struct cc_tx *tx = flow != NULL ? app_next_tx(flow, NULL) : NULL; tx != NULL; tx = app_next_tx(flow, tx)) {
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
		detect_stream(s->detect, flow, pkt, &chunk, &s->batch);
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
		detect_run(s->detect, flow, NULL, CC_TO_SERVER, &s->batch);
		sensor_batch(s, flow, NULL);
		buf_over(&out, s->line, sizeof(s->line));
		sensor_line(s, eve_flow(s->eve, flow, s->now, &out), &out);
		detect_flow_free(s->detect, flow);
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

/* One frame, all the way; linktype, size and time are the caller's. */
static inline void
sensor_frame(struct sensor *s, const struct frame *frame)
{
	struct packet pkt;
	struct flow *flow;
	enum cc_dir dir;
	bool fragment = false;

	(void)decode_spread(s->spread, frame, &fragment);
	if (fragment)
		decode_note(s->second, frame);
	if (decode_frame(s->decode, frame, &pkt) != CC_OK) {
		detect_odd(s->detect, &pkt, &s->batch);
		sensor_odd(s, NULL, &pkt, NULL);
		sensor_batch(s, NULL, &pkt);
		return;
	}
	FUZZ_CHECK(
	    pkt.layer_count <= DECODE_LAYERS_MAX && pkt.ip_count <= DECODE_IP_MAX && pkt.vlan_count <= DECODE_VLAN_MAX);
	for (unsigned i = 0; i < pkt.ip_count; i++)
		fuzz_touch(pkt.ip[i].header), fuzz_touch(pkt.ip[i].payload);
	fuzz_touch(pkt.l4), fuzz_touch(pkt.payload), fuzz_touch(pkt.link);
	(void)decode_ip_checksum_ok(&pkt);
	(void)decode_l4_checksum_ok(&pkt);
	flow = flow_track(s->flows, &pkt, &dir);
	sensor_chunks(s, flow, &pkt);
	detect_run(s->detect, flow, &pkt, dir, &s->batch);
	sensor_odd(s, flow, &pkt, flow_packet_events(s->flows));
	sensor_batch(s, flow, &pkt);
	sensor_end_flows(s);
}

/* Parts of an input as frames: the control byte says how much later it comes and what the snap length cut off. */
static inline void
sensor_frames(struct sensor *s, struct cur *in, uint16_t linktype)
{
	static const uint64_t later[4] = {NS_PER_MS, 0, 10 * NS_PER_S, 700 * NS_PER_S};
	struct slice bytes;
	uint8_t control;

	for (uint64_t seq = 1; fuzz_part(in, &control, &bytes) && seq < 64; seq++) {
		uint8_t *copy = fuzz_copy(bytes);
		uint32_t cut = (uint32_t)(control >> 2) * 8;
		struct frame frame = {.p = copy,
		    .size = (uint32_t)bytes.size,
		    .wire_size = (uint32_t)bytes.size + cut,
		    .seq = seq,
		    .linktype = linktype};

		frame.time = s->now += later[control & 3];
		sensor_frame(s, &frame);
		fuzz_give(copy, bytes.size);
		decode_tick(s->decode, s->now);
		decode_tick(s->spread, s->now);
		decode_tick(s->second, s->now);
		flow_tick(s->flows, s->now);
		sensor_end_flows(s);
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
	detect_free(s->detect);
	threshold_table_free(s->thresholds);
	app_free(s->app);
	flows_free(s->flows);
	FUZZ_CHECK(pool_used(s->pool) == 0);
	decode_free(s->decode);
	decode_free(s->spread);
	decode_free(s->second);
	pool_free(s->pool);
}

#endif
