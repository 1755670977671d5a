/*
 * A flow by hand for tests of protocol parsers: bytes go in side by side, as flow/ would show them (what was not used
 * comes again with more behind it), and all that comes out is written down as text, a line each.
 */
#ifndef APP_RIG_H
#define APP_RIG_H

#include "app/own.h"
#include "../test.h"
#include "seed.h"

struct rig {
	struct conf *conf;
	struct pool *pool;
	struct app *app;
	struct batch batch;
	struct flow flow;
	struct frame frame;
	struct packet pkt;
	struct buf kept[2];     /* not used yet */
	uint64_t offset[2];
	struct buf out;         /* what came out */
	const char *is[2];      /* the first parser that had the flow, and the last */
	bool seeded;            /* its seed has begun: with the first bytes, when the flow is as the test wants it */
	bool quiet;
	bool all_pieces;        /* of frames; else only the last of each */
	bool keep_ranges;       /* from flow to flow */
	size_t idle;            /* pool bytes in use before the flow */
};

static void
rig_text(struct rig *rig, struct slice s)
{
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (c == '\\')
			buf_add_text(&rig->out, "\\\\");
		else if (c >= 0x20 && c < 0x7f)
			buf_add_u8(&rig->out, c);
		else if (c == '\r')
			buf_add_text(&rig->out, "\\r");
		else if (c == '\n')
			buf_add_text(&rig->out, "\\n");
		else
			buf_printf(&rig->out, "\\x%02x", c);
	}
}

static void
rig_tx(struct rig *rig, const struct cc_tx *tx)
{
	for (unsigned i = 0; i < tx->count; i++) {
		const struct cc_field *field = &tx->parser->fields[tx->value[i].field];
		const char *side = field->flags & CC_REQUEST ? "<" : ">";

		buf_printf(&rig->out, "  %s%s ", side, field->buffer != NULL ? field->buffer : field->eve);
		if (field->type == CC_BYTES)
			rig_text(rig, slice_of(tx->value[i].bytes, tx->value[i].size));
		else
			buf_printf(&rig->out, "%llu", (unsigned long long)tx->value[i].num);
		buf_add_u8(&rig->out, '\n');
	}
}

static void
rig_file(struct rig *rig, const struct cc_file *file)
{
	static const char *const state[] = {"open", "whole", "cut"};
	char hex[65] = "-";

	if (file->has_sha256)
		hex_text(slice_of(file->sha256, 8), hex);
	buf_printf(&rig->out, "file %s %s %llu %s%s ", file->dir == CC_TO_SERVER ? "<" : ">", state[file->state],
	    (unsigned long long)file->size, hex, file->gap ? " gap" : "");
	rig_text(rig, app_file_name(file));
	buf_add_text(&rig->out, " [");
	rig_text(rig, slice_of(file->content, file->content_size < 200 ? file->content_size : 200));
	buf_add_text(&rig->out, "]\n");
	if (app_file_name(file).size + 1 < file->name.size) {
		buf_add_text(&rig->out, "path ");
		rig_text(rig, file->name);
		buf_add_text(&rig->out, "\n");
	}
}

static void
rig_piece(struct rig *rig, const struct event *event)
{
	const struct frame_piece *piece = event->piece;

	buf_printf(&rig->out, "frame %s %s at %llu +%llu%s%s [", event->dir == CC_TO_SERVER ? "<" : ">",
	    event->parser->frames[event->frame->kind].name, (unsigned long long)event->frame->at,
	    (unsigned long long)piece->base, piece->partial ? " partial" : "", piece->cut ? " cut" : "");
	rig_text(rig, slice_of(piece->bytes, piece->size));
	buf_add_text(&rig->out, "]\n");
}

/* Events that depend on how the bytes were cut (updates, growth of files) are left out. */
static void
rig_drain(struct rig *rig)
{
	for (unsigned i = 0; i < rig->batch.event_count; i++) {
		const struct event *event = &rig->batch.event[i];

		if (event->kind == EVENT_IDENTIFIED) {
			rig->is[1] = event->parser->name;
			if (rig->is[0] == NULL)
				rig->is[0] = rig->is[1];
		}
		if (rig->quiet)
			continue;
		switch (event->kind) {
		case EVENT_IDENTIFIED:
			buf_printf(&rig->out, "is %s\n", event->parser->name);
			break;
		case EVENT_DONE:
			buf_printf(&rig->out, "tx %llu\n", (unsigned long long)event->tx->id);
			rig_tx(rig, event->tx);
			break;
		case EVENT_FILE_DONE:
			rig_file(rig, event->file);
			break;
		case EVENT_ANOMALY:
			buf_printf(&rig->out, "odd %s\n", event->parser->anomalies[event->anomaly].name);
			break;
		case EVENT_FRAME:
			if (event->piece->last || rig->all_pieces)
				rig_piece(rig, event);
			break;
		default:
			break;
		}
	}
	app_batch_reset(rig->app, &rig->batch);
}

static void
rig_begin(struct rig *rig)
{
	memset(&rig->flow, 0, sizeof(rig->flow));
	rig->flow.proto = 6;
	rig->flow.established = true;
	rig->flow.side[CC_TO_SERVER].port = 50000;
	rig->flow.side[CC_TO_CLIENT].port = 80;
	for (unsigned i = 0; i < 2; i++) {
		rig->flow.side[i].tcp_flags = TCP_SYN | TCP_ACK | TCP_FIN;
		buf_clear(&rig->kept[i]);
		rig->offset[i] = 0;
	}
	buf_clear(&rig->out);
	rig->idle = pool_used(rig->pool);
	rig->is[0] = NULL;
	rig->seeded = false;
}

static void
rig_open(struct rig *rig, const char *const *settings)
{
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	char *why = NULL;

	memset(rig, 0, sizeof(*rig));
	rig->conf = conf_new();
	for (; settings != NULL && *settings != NULL; settings++)
		if (conf_set(rig->conf, *settings, &why) != CC_OK) {
			printf("%s: %s\n", *settings, why);
			abort();
		}
	rig->pool = pool_new(64u << 20);
	rig->app = app_new(rig->conf, rig->pool, &wants);
	if (rig->app == NULL || batch_open(&rig->batch, rig->conf) != CC_OK)
		abort();
	rig->frame.time = NS_PER_S;
	rig->pkt.frame = &rig->frame;
	buf_open(&rig->kept[0], 16u << 20);
	buf_open(&rig->kept[1], 16u << 20);
	buf_open(&rig->out, 16u << 20);
	rig_begin(rig);
}

static void
rig_close(struct rig *rig)
{
	batch_close(&rig->batch);
	app_free(rig->app);
	pool_free(rig->pool);
	conf_free(rig->conf);
	buf_close(&rig->kept[0]);
	buf_close(&rig->kept[1]);
	buf_close(&rig->out);
}

/* The bytes are written down as a seed for fuzzing, when that is asked for. */
static void
rig_seed(struct rig *rig, enum cc_dir dir, struct slice bytes, bool gap)
{
	if (!rig->seeded)
		seed_begin(false, rig->flow.proto == 17, rig->flow.midstream, rig->flow.side[CC_TO_CLIENT].port);
	rig->seeded = true;
	seed_add((int)dir, bytes.p, bytes.size, gap);
}

/* One chunk; exact memory, so that a sanitizer sees a read past its end. */
static void
rig_chunk(struct rig *rig, enum cc_dir dir, struct slice bytes, uint64_t gap, bool eof)
{
	struct buf *kept = &rig->kept[dir];
	struct chunk chunk = {.dir = dir, .gap = gap, .eof = eof, .fresh = bytes.size};
	uint8_t *exact;

	rig_seed(rig, dir, bytes, gap > 0);
	if (gap > 0) {
		rig->offset[dir] += kept->size + gap;
		buf_clear(kept);
	}
	buf_add_slice(kept, bytes);
	exact = malloc(kept->size + 1);
	if (exact == NULL)
		abort();
	if (kept->size > 0)
		memcpy(exact + 1, kept->p, kept->size); /* + 1: alignment is nothing to count on */
	chunk.p = exact + 1;
	chunk.size = kept->size;
	chunk.offset = rig->offset[dir];
	app_feed(rig->app, &rig->flow, &rig->pkt, &chunk, &rig->batch);
	rig_drain(rig);
	memset(exact, 0xaa, kept->size + 1);
	free(exact);
	if (chunk.used > kept->size)
		abort();
	if (chunk.used < kept->size)
		memmove(kept->p, kept->p + chunk.used, kept->size - chunk.used);
	kept->size -= chunk.used;
	rig->offset[dir] += chunk.used;
}

static void
rig_add(struct rig *rig, enum cc_dir dir, struct slice bytes)
{
	rig_chunk(rig, dir, bytes, 0, false);
}

/* The flow ends; returns what came out, as text.  All memory must be back. */
static const char *
rig_end(struct rig *rig)
{
	rig_chunk(rig, CC_TO_SERVER, slice_of(NULL, 0), 0, true);
	rig_chunk(rig, CC_TO_CLIENT, slice_of(NULL, 0), 0, true);
	app_finish(rig->app, &rig->flow, &rig->batch);
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);
	seed_end(rig->is[0], rig->is[1]);
	if (!rig->keep_ranges) {
		joins_clear(rig->app);
		CHECK_UINT(pool_used(rig->pool), rig->idle);
	}
	buf_add_u8(&rig->out, 0);
	return (const char *)rig->out.p;
}

/* The same, in pieces of `piece` bytes of each side (0: whole). */
static inline const char *
rig_run(struct rig *rig, struct slice request, struct slice response, size_t piece)
{
	rig_begin(rig);
	for (unsigned dir = 0; dir < 2; dir++) {
		struct slice in = dir == CC_TO_SERVER ? request : response;

		while (in.size > 0) {
			size_t size = piece == 0 || piece > in.size ? in.size : piece;

			rig_add(rig, (enum cc_dir)dir, slice_of(in.p, size));
			in = slice_of(in.p + size, in.size - size);
		}
	}
	return rig_end(rig);
}

#endif
