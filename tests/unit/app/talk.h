/*
 * Talks of talks/ (and inputs of tests/fuzz/corpus/parser-NAME, which are written alike: tests/fuzz/parser_fuzz.c), and
 * the playing of one: whole, by its bytes, one side alone, with a hole, cut off, from its middle.
 */
#ifndef APP_TALK_H
#define APP_TALK_H

#include <libgen.h>

#include "announced.h"
#include "app_rig.h"
#include "unit/count_malloc.h"

enum { TALK_PARTS = 400 };

struct talk {
	uint8_t *bytes;
	size_t size;
	uint8_t proto;
	uint16_t port;
	struct {
		enum cc_dir dir;
		struct slice bytes; /* in the bytes above */
	} part[TALK_PARTS];
	unsigned count;
	bool gap;
};

static bool
talk_read(const char *path, struct talk *talk)
{
	FILE *file = fopen(path, "rb");
	struct cur c;
	uint8_t flags;

	memset(talk, 0, sizeof(*talk));
	if (file == NULL)
		return false;
	talk->bytes = malloc(SEED_MAX + 1);
	talk->size = fread(talk->bytes, 1, SEED_MAX, file);
	fclose(file);
	c = cur_of(talk->bytes, talk->size);
	cur_skip(&c, 1);
	flags = cur_u8(&c);
	talk->port = cur_u16(&c);
	talk->proto = (flags & 1) == 0 ? 6 : talk->port == 0 ? 1 : 17;
	while (cur_left(&c) > 0 && talk->count < TALK_PARTS) {
		uint8_t control = cur_u8(&c);
		const uint8_t *next = memmem(c.p, cur_left(&c), "\xc0\xde", 2);
		size_t size = next != NULL ? (size_t)(next - c.p) : cur_left(&c);

		talk->gap |= (control & 0x10) != 0;
		talk->part[talk->count].dir = (enum cc_dir)(control & 1);
		talk->part[talk->count++].bytes = cur_take(&c, size);
		if (next != NULL)
			cur_skip(&c, 2);
	}
	return true;
}

static inline void
talk_path(const char *parser, char *ret_path, size_t size)
{
	char here[] = __FILE__;

	snprintf(ret_path, size, "%s/talks/%s", dirname(here), parser);
}

struct way {
	uint16_t port;
	int only;        /* the side that is seen; -1: both */
	unsigned from;   /* the first part that is seen */
	size_t piece;    /* bytes at a time; 0: parts as they are */
	int hole;        /* the part that has one; -1: none */
	size_t hole_at, hole_size;
	bool silent;     /* nobody says that there is a hole */
	int last;        /* the part that is seen last; -1: all are */
	bool midstream;  /* the connection was there before */
};

#define WAY {.only = -1, .hole = -1, .last = -1}

struct heard {
	char is[2][32];  /* the first parser that had the flow, and the last */
	unsigned txs, odds;
	size_t most;     /* bytes of the pool at a time */
	bool failed;
};

struct play {
	struct rig *rig;
	bool turned;
	size_t most;
};

static void
say(struct play *p, enum cc_dir dir, struct slice bytes, uint64_t gap, bool eof)
{
	struct rig *rig = p->rig;
	enum cc_dir side = p->turned ? cc_dir_other(dir) : dir;
	struct buf *kept = &rig->kept[side];
	struct chunk chunk = {.dir = side, .gap = gap, .fresh = bytes.size, .eof = eof,
	    .datagram = rig->flow.proto != 6};
	uint8_t *exact;

	rig->flow.side[side].packets++;
	rig->flow.side[side].payload_packets += bytes.size > 0;
	if (gap > 0)
		buf_clear(kept);
	buf_add_slice(kept, bytes);
	exact = malloc(kept->size + 1);
	if (kept->size > 0)
		memcpy(exact + 1, kept->p, kept->size); /* + 1: alignment is nothing to count on */
	chunk.p = exact + 1;
	chunk.size = kept->size;
	chunk.offset = rig->offset[side];
	malloc_counting = true;
	app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	malloc_counting = false;
	if (chunk.turn) {
		struct buf was = rig->kept[0];

		CHECK(!p->turned);
		p->turned = !p->turned;
		rig->kept[0] = rig->kept[1];
		rig->kept[1] = was;
		chunk.turn = false;
		chunk.dir = side = cc_dir_other(side);
		kept = &rig->kept[side];
		app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	}
	if (pool_used(rig->pool) - rig->idle > p->most)
		p->most = pool_used(rig->pool) - rig->idle;
	rig_drain(rig);
	free(exact);
	CHECK(chunk.used <= kept->size);
	if (chunk.datagram)
		buf_clear(kept);
	if (chunk.used < kept->size)
		memmove(kept->p, kept->p + chunk.used, kept->size - chunk.used);
	kept->size -= chunk.datagram ? 0 : chunk.used;
	rig->offset[side] += chunk.used;
}

static void
say_part(struct play *p, const struct talk *talk, unsigned i, const struct way *way)
{
	struct slice s = talk->part[i].bytes;
	enum cc_dir dir = talk->part[i].dir;

	if (way->hole == (int)i) {
		size_t behind = way->hole_at + way->hole_size;

		if (way->hole_at > 0)
			say(p, dir, slice_of(s.p, way->hole_at), 0, false);
		if (behind < s.size)
			say(p, dir, slice_of(s.p + behind, s.size - behind), way->silent ? 0 : way->hole_size, false);
		return;
	}
	for (size_t at = 0; at < s.size;) {
		size_t size =
		    way->piece == 0 || talk->proto != 6 || way->piece > s.size - at ? s.size - at : way->piece;

		say(p, dir, slice_of(s.p + at, size), 0, false);
		at += size;
	}
}

/* The flow that announces the one of this parser, if it is such a one; it stays open in *ret_flow. */
static bool
announce(struct rig *rig, const char *parser, struct flow *ret_flow)
{
	const struct announced *a = announced_find(parser);
	struct play p = {.rig = rig};

	if (a == NULL)
		return false;
	rig_begin(rig);
	rig->flow.proto = a->proto;
	announced_ends(&rig->flow, a->client_port, a->port);
	for (size_t i = 0; i < sizeof(a->said) / sizeof(a->said[0]) && a->said[i].size > 0; i++)
		say(&p, a->said[i].dir, slice_of(a->said[i].bytes, a->said[i].size), 0, false);
	*ret_flow = rig->flow;
	return true;
}

static unsigned
count_of(const char *text, const char *what)
{
	unsigned count = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

/* The flow at hand is over. */
static void
finish(struct rig *rig)
{
	malloc_counting = true;
	app_finish(rig->app, &rig->flow, &rig->batch);
	malloc_counting = false;
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);
}

/* All memory of the flow, and of the one that announced it, must be back at the end. */
static struct heard
play(struct rig *rig, const struct talk *talk, const char *parser, const struct way *way)
{
	struct heard heard = {.failed = false};
	struct play p = {.rig = rig};
	size_t idle = pool_used(rig->pool);
	struct flow announcer;
	bool is_announced = announce(rig, parser, &announcer);

	rig_begin(rig);
	rig->flow.proto = talk->proto;
	rig->flow.side[CC_TO_CLIENT].port = way->port;
	if (is_announced)
		announced_ends(&rig->flow, ANNOUNCED_CLIENT, ANNOUNCED_SERVER);
	rig->flow.midstream = way->from > 0 || way->midstream;
	rig->flow.established = way->only < 0;
	rig->seeded = true;
	for (unsigned i = way->from; i < talk->count && (way->last < 0 || (int)i <= way->last); i++)
		if (way->only < 0 || way->only == (int)talk->part[i].dir)
			say_part(&p, talk, i, way);
	heard.failed = app_failed(&rig->flow);
	for (unsigned dir = 0; dir < 2; dir++)
		say(&p, (enum cc_dir)dir, slice_of(NULL, 0), 0, true);
	finish(rig);
	if (is_announced) {
		rig->flow = announcer;
		finish(rig);
	}
	joins_clear(rig->app);
	CHECK_UINT(pool_used(rig->pool), idle);
	buf_add_u8(&rig->out, 0);
	for (unsigned i = 0; i < 2; i++)
		snprintf(heard.is[i], sizeof(heard.is[i]), "%s", rig->is[0] != NULL ? rig->is[i] : "");
	heard.most = p.most;
	heard.txs = count_of((const char *)rig->out.p, "tx ");
	heard.odds = count_of((const char *)rig->out.p, "odd ");
	return heard;
}

static bool
is_heard(const struct heard *heard, const char *parser)
{
	return strcmp(heard->is[0], parser) == 0 || strcmp(heard->is[1], parser) == 0;
}

#endif
