/* Packets made in code for the tests of flow/, and what comes out of a flow gathered side by side. */
#ifndef FLOW_RIG_H
#define FLOW_RIG_H

#include <stdarg.h>

#include "flow/flow.h"
#include "unit/test.h"

#define RIG_TEXT 65536

struct rig {
	struct conf *conf;
	struct pool *pool;
	struct flows *flows;
	struct frame frame;
	struct packet pkt;
	uint64_t time, seq;
	bool v6;
	struct flow *flow; /* of the last packet */
	enum cc_dir dir;
	uint8_t text[2][RIG_TEXT]; /* what was handed on; a gap is one '?' for each byte */
	size_t size[2];
	bool eof[2];
	unsigned chunks[2];
	size_t leave; /* bytes that the app stage leaves unconsumed of each chunk */
	bool wrong;   /* a chunk contradicted what was shown before */
};

static inline void
rig_conf(struct rig *rig, const char *assignment)
{
	char *why = NULL;

	if (conf_set(rig->conf, assignment, &why) != CC_OK) {
		printf("conf_set(%s): %s\n", assignment, why);
		test_failures++;
	}
	free(why);
}

/* assignments: of conf, NULL at the end. */
static inline struct rig *
rig_new(const char *assignment, ...)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	va_list args;

	rig->conf = conf_new();
	va_start(args, assignment);
	for (; assignment != NULL; assignment = va_arg(args, const char *))
		rig_conf(rig, assignment);
	va_end(args);
	rig->pool = pool_new(64u << 20);
	rig->flows = flows_new(rig->conf, rig->pool, 1);
	rig->time = 1700000000ull * NS_PER_S;
	return rig;
}

static inline void
rig_clear(struct rig *rig)
{
	rig->size[0] = rig->size[1] = 0;
	rig->eof[0] = rig->eof[1] = false;
	rig->chunks[0] = rig->chunks[1] = 0;
	rig->wrong = false;
}

static inline void
rig_take(struct rig *rig, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;

	while (flow_next_chunk(rig->flows, flow, pkt, &chunk) == CC_OK) {
		uint8_t *text = rig->text[chunk.dir];
		size_t *size = &rig->size[chunk.dir], old = chunk.size - chunk.fresh;

		rig->chunks[chunk.dir]++;
		rig->wrong |= rig->eof[chunk.dir];
		for (uint64_t i = 0; i < chunk.gap && *size < RIG_TEXT; i++)
			text[(*size)++] = '?';
		if (chunk.gap == 0 && !chunk.datagram && chunk.before + old <= *size) {
			rig->wrong |=
			    memcmp(chunk.p - chunk.before, text + *size - old - chunk.before, chunk.before + old) != 0;
			rig->wrong |= chunk.offset + old != *size;
		}
		if (*size + chunk.fresh <= RIG_TEXT) {
			memcpy(text + *size, chunk.p + old, chunk.fresh);
			*size += chunk.fresh;
		}
		rig->eof[chunk.dir] = chunk.eof;
		chunk.used = chunk.size > rig->leave ? chunk.size - rig->leave : 0;
	}
}

static inline void
rig_drain(struct rig *rig)
{
	struct flow *flow;

	while ((flow = flow_next_ended(rig->flows)) != NULL) {
		rig_take(rig, flow, NULL);
		flow_free(rig->flows, flow);
	}
}

static inline void
rig_end(struct rig *rig)
{
	flow_end_all(rig->flows);
	rig_drain(rig);
}

static inline void
rig_free(struct rig *rig)
{
	rig_end(rig);
	CHECK_UINT(flow_counts(rig->flows)[FLOW_MEMORY], 0);
	flows_free(rig->flows);
	CHECK_UINT(pool_used(rig->pool), 0);
	pool_free(rig->pool);
	conf_free(rig->conf);
	free(rig);
}

static inline struct packet *
rig_packet(struct rig *rig, bool answer, uint8_t proto, uint16_t sport, uint16_t dport, struct slice payload)
{
	static const uint8_t client[4] = {10, 1, 0, 1}, server[4] = {10, 2, 0, 2};
	struct packet *pkt = &rig->pkt;

	rig->time += NS_PER_MS;
	rig->frame = (struct frame){.time = rig->time, .seq = ++rig->seq, .wire_size = (uint32_t)payload.size + 54};
	memset(pkt, 0, sizeof(*pkt));
	pkt->frame = &rig->frame;
	pkt->ip_count = 1;
	pkt->src = cc_addr4(answer ? server : client);
	pkt->dst = cc_addr4(answer ? client : server);
	pkt->sport = answer ? dport : sport;
	pkt->dport = answer ? sport : dport;
	pkt->proto = proto;
	pkt->has_transport = true;
	pkt->payload = payload;
	pkt->ip[0].version = 4;
	pkt->ip[0].ttl = answer ? 57 : 64;
	pkt->ip[0].src = pkt->src;
	pkt->ip[0].dst = pkt->dst;
	return pkt;
}

static inline struct flow *
rig_track(struct rig *rig)
{
	rig->flow = flow_track(rig->flows, &rig->pkt, &rig->dir);
	rig_take(rig, rig->flow, &rig->pkt);
	rig_drain(rig);
	return rig->flow;
}

/* A TCP packet between port 40000 of the client and 80 of the server. */
static inline struct flow *
rig_tcp_n(struct rig *rig, bool answer, uint8_t flags, uint32_t seq, uint32_t ack, const void *bytes, size_t size)
{
	struct packet *pkt = rig_packet(rig, answer, 6, 40000, 80, slice_of(bytes, size));

	pkt->tcp.flags = flags;
	pkt->tcp.seq = seq;
	pkt->tcp.ack = ack;
	pkt->tcp.window = 65000;
	pkt->tcp.wscale = 255;
	return rig_track(rig);
}

static inline struct flow *
rig_tcp(struct rig *rig, bool answer, uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
	return rig_tcp_n(rig, answer, flags, seq, ack, text, strlen(text));
}

/* Client's first byte is at c, the server's at s. */
static inline void
rig_shake(struct rig *rig, uint32_t c, uint32_t s)
{
	rig_tcp(rig, false, TCP_SYN, c - 1, 0, "");
	rig_tcp(rig, true, TCP_SYN | TCP_ACK, s - 1, c, "");
	rig_tcp(rig, false, TCP_ACK, c, s, "");
}

static inline bool
rig_has(const struct rig *rig, const struct flow *flow, enum flow_event event)
{
	(void)rig;
	return flow->events[(unsigned)event / 64] >> ((unsigned)event & 63) & 1;
}

static inline const char *
rig_text(struct rig *rig, enum cc_dir dir)
{
	rig->text[dir][rig->size[dir] < RIG_TEXT ? rig->size[dir] : RIG_TEXT - 1] = '\0';
	return (const char *)rig->text[dir];
}

#endif
