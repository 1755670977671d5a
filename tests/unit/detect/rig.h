/* What the tests of detect share: rules from text, a worker, packets and streams made in code. */
#ifndef DETECT_RIG_H
#define DETECT_RIG_H

#include <unistd.h>

#include "detect/own.h"
#include "unit/test.h"

struct rig {
	struct conf *conf;
	struct ruleset_report report;
	struct ruleset *set;
	struct pool *pool;
	struct threshold_table *thresholds;
	struct detect *detect;
	struct batch batch;
	struct frame frame;
	struct packet pkt;
	struct flow flow;
	uint8_t stream[2][8192]; /* what detect has seen of each side */
	size_t stream_size[2];
	char path[64];
};

static inline void
rig_file(char path[64], const char *text)
{
	int fd;

	strcpy(path, "/tmp/concert-detect-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static inline void
rig_set(struct rig *rig, const char *setting)
{
	char *why = NULL;

	if (conf_set(rig->conf, setting, &why) != CC_OK) {
		printf("%s\n", why);
		abort();
	}
}

/* 10.0.0.1:40000 to 10.0.0.2:80, TCP, established. */
static inline void
rig_flow(struct rig *rig)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};

	memset(&rig->flow, 0, sizeof(rig->flow));
	rig->flow.proto = 6;
	rig->flow.ip_version = 4;
	rig->flow.established = true;
	rig->flow.tcp = TCP_ESTABLISHED;
	rig->flow.side[0].addr = cc_addr4(client);
	rig->flow.side[1].addr = cc_addr4(server);
	rig->flow.side[0].port = 40000;
	rig->flow.side[1].port = 80;
	rig->stream_size[0] = rig->stream_size[1] = 0;
}

static inline void
rig_open_with(struct rig *rig, const char *rules, const char *const *settings)
{
	char setting[128];

	memset(rig, 0, sizeof(*rig));
	rig->conf = conf_new();
	for (; settings != NULL && *settings != NULL; settings++)
		rig_set(rig, *settings);
	if (rules != NULL) {
		rig_file(rig->path, rules);
		snprintf(setting, sizeof(setting), "detect.rules=[%s]", rig->path);
		rig_set(rig, setting);
	}
	buf_open(&rig->report.text, 1 << 24);
	if (ruleset_load(rig->conf, &rig->report, &rig->set) != CC_OK)
		return;
	rig->pool = pool_new(16 << 20);
	rig->thresholds = threshold_table_new(rig->conf);
	rig->detect = detect_new(&(struct detect_setup){
	    .conf = rig->conf, .set = rig->set, .pool = rig->pool, .thresholds = rig->thresholds});
	batch_open(&rig->batch, rig->conf);
	rig_flow(rig);
	rig->frame.time = 1000 * NS_PER_S;
}

static inline void
rig_open(struct rig *rig, const char *rules)
{
	rig_open_with(rig, rules, NULL);
}

static inline void
rig_close(struct rig *rig)
{
	if (rig->detect != NULL) {
		detect_flow_free(rig->detect, &rig->flow);
		CHECK_UINT(pool_used(rig->pool), 0);
		batch_close(&rig->batch);
	}
	detect_free(rig->detect);
	threshold_table_free(rig->thresholds);
	pool_free(rig->pool);
	ruleset_free(rig->set);
	buf_close(&rig->report.text);
	conf_free(rig->conf);
	if (rig->path[0] != '\0')
		unlink(rig->path);
}

static inline void
rig_clear(struct rig *rig)
{
	rig->batch.event = NULL;
	rig->batch.match = NULL;
	rig->batch.event_count = rig->batch.event_room = rig->batch.match_count = rig->batch.match_room = 0;
	arena_reset(&rig->batch.arena);
}

static inline bool
rig_said(const struct rig *rig, const char *text)
{
	return rig->report.text.size > 0 &&
	       memmem(rig->report.text.p, rig->report.text.size, text, strlen(text)) != NULL;
}

static inline unsigned
rig_alerts(const struct rig *rig, uint32_t sid)
{
	unsigned count = 0;

	for (unsigned i = 0; i < rig->batch.match_count; i++)
		count += rig->batch.match[i]->rule != NULL && rig->batch.match[i]->rule->sid == sid;
	return count;
}

/* A packet of the flow, through detect_run(). */
static inline void
rig_packet(struct rig *rig, enum cc_dir dir, const char *payload, size_t size)
{
	struct packet *pkt = &rig->pkt;

	memset(pkt, 0, sizeof(*pkt));
	rig->frame.seq++;
	rig->frame.time += NS_PER_MS;
	rig->flow.last = rig->frame.time;
	rig->flow.side[dir].packets++;
	pkt->frame = &rig->frame;
	pkt->ip_count = 1;
	pkt->ip[0].version = 4;
	pkt->ip[0].ttl = 64;
	pkt->src = rig->flow.side[dir].addr;
	pkt->dst = rig->flow.side[!dir].addr;
	pkt->sport = rig->flow.side[dir].port;
	pkt->dport = rig->flow.side[!dir].port;
	pkt->proto = rig->flow.proto;
	pkt->has_transport = true;
	pkt->l4 = pkt->payload = slice_of(payload, size);
	if (pkt->proto == 6)
		pkt->tcp.flags = TCP_ACK | TCP_PSH;
	detect_run(rig->detect, &rig->flow, pkt, dir, &rig->batch);
}

/* The next bytes of a side's stream, through detect_stream(), with what is before them still there. */
static inline void
rig_stream(struct rig *rig, enum cc_dir dir, const char *bytes, size_t size, bool eof)
{
	struct chunk chunk = {.dir = dir, .eof = eof, .size = size, .fresh = size};
	size_t window = rig->set->stream_window;
	uint8_t *copy;

	memcpy(rig->stream[dir] + rig->stream_size[dir], bytes, size);
	chunk.offset = rig->stream_size[dir];
	chunk.before = chunk.offset < window ? (size_t)chunk.offset : window;
	rig->stream_size[dir] += size;
	/* Only what may be read is there, for the sanitizer to watch over. */
	copy = malloc(chunk.before + size + 1);
	memcpy(copy, rig->stream[dir] + chunk.offset - chunk.before, chunk.before + size);
	chunk.p = copy + chunk.before;
	detect_stream(rig->detect, &rig->flow, NULL, &chunk, &rig->batch);
	free(copy);
}

#endif
