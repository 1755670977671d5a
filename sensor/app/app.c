/*
 * A flow's way through its parser: chunks in, identified, fed, closed; and what the rooms above may ask of a flow.
 *
 * A side's bytes wait, unconsumed, until its protocol is known; the first side that is recognised decides for both,
 * since a parser reads either side.  A parser that says CC_BAD, a unit longer than its limit and a gap that it can't
 * stand end its work on this flow: what is open is closed as far as it was seen.  One thread, a worker's.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "app/own.h"

const char *const app_count_name[APP_COUNT] = {
#define COUNT(symbol, name, help) [APP_##symbol] = name,
#include "app/counters.def"
#undef COUNT
};

#define PARSER(folder) extern const struct cc_parser folder##_parser;
#include "app/parsers.def"
#undef PARSER

const struct cc_parser *const app_parsers[] = {
#define PARSER(folder) &folder##_parser,
#include "app/parsers.def"
#undef PARSER
};
const unsigned app_parser_count = sizeof(app_parsers) / sizeof(app_parsers[0]);

enum {
	CORE_MISMATCH,
	CORE_WRONG_DIRECTION,
	CORE_ONE_DIRECTION,
	CORE_SKIPPED,
	CORE_UNEXPECTED,
	CORE_NO_TLS,
	CORE_UNIT_TOO_LONG,
	CORE_GAP,
	CORE_FAILED,
	CORE_ARCHIVE,
	CORE_ARCHIVE_LAST = CORE_ARCHIVE + ARCHIVE_ODD_COUNT - 1,
};

static const struct cc_anomaly core_anomalies[] = {
	[CORE_MISMATCH] = {"applayer_mismatch_protocol_both_directions", "The two sides speak different protocols"},
	[CORE_WRONG_DIRECTION] = {"applayer_wrong_direction_first_data",
	    "The server spoke first where the client should have"},
	[CORE_ONE_DIRECTION] = {"applayer_detect_protocol_only_one_direction",
	    "Only one of the two sides looks like the protocol"},
	[CORE_SKIPPED] = {"applayer_proto_detection_skipped",
	    "One side alone has sent so much that its protocol is left open"},
	[CORE_UNEXPECTED] = {"applayer_unexpected_protocol", "Another protocol than the one that was announced"},
	[CORE_NO_TLS] = {"applayer_no_tls_after_starttls", "TLS was announced, and something else came"},
	[CORE_UNIT_TOO_LONG] = {"applayer_unit_too_long", "A unit is longer than the limit of its protocol"},
	[CORE_GAP] = {"applayer_gap", "Bytes are missing where the parser can't go on without them"},
	[CORE_FAILED] = {"applayer_parser_failed", "What was identified as a protocol stopped to be it"},
	[CORE_ARCHIVE + ARCHIVE_MALFORMED] = {"archive_malformed", "An archive that can't be read to its end"},
	[CORE_ARCHIVE + ARCHIVE_CONTRADICTS] = {"archive_contradictory",
	    "An entry of an archive has another size or checksum than it says, or its directory other entries"},
	[CORE_ARCHIVE + ARCHIVE_BOMB] = {"archive_bomb", "An archive unpacks to more than is reasonable"},
	[CORE_ARCHIVE + ARCHIVE_TOO_MANY] = {"archive_too_many_members",
	    "An archive has more entries than are looked at"},
	[CORE_ARCHIVE + ARCHIVE_ENCRYPTED] = {"archive_encrypted", "An archive has encrypted entries"},
};

const struct cc_parser app_core = {
	.name = "applayer",
	.anomalies = core_anomalies,
	.anomaly_count = sizeof(core_anomalies) / sizeof(core_anomalies[0]),
};

void *
app_take(struct app *app, size_t size)
{
	void *p = pool_take_zero(app->pool, size);

	if (p == NULL)
		app_count_add(app, APP_NOMEM, 1);
	return p;
}

static void
core_anomaly(struct cc_ctx *ctx, enum cc_dir dir, unsigned anomaly)
{
	struct event event = {.kind = EVENT_ANOMALY, .dir = dir, .parser = &app_core, .anomaly = (uint16_t)anomaly};

	app_count_add(ctx->app, APP_ANOMALIES, 1);
	event_push(ctx, &event);
}

void
file_anomaly(struct cc_ctx *ctx, const struct file *file, unsigned odd)
{
	struct event event = {.kind = EVENT_ANOMALY, .dir = file->pub.dir, .parser = &app_core, .tx = file->pub.tx,
	    .anomaly = (uint16_t)(CORE_ARCHIVE + odd)};

	app_count_add(ctx->app, APP_ANOMALIES, 1);
	event_push(ctx, &event);
}

struct app *
app_new(const struct conf *conf, struct pool *pool, const struct app_wants *wants)
{
	struct app *app = calloc(1, sizeof(*app));

	assert(app_parser_count <= APP_PARSERS_MAX);
	if (app == NULL)
		return NULL;
	app->conf = conf;
	app->pool = pool;
	app->file_next = 1;
	probe_setup(app);
	app_want(app, wants);
	app->joins = joins_new(conf);
	return app;
}

void
app_free(struct app *app)
{
	if (app == NULL)
		return;
	expect_free_all(app);
	joins_free(app);
	if (app->magic != NULL)
		magic_close(app->magic);
	free(app->types);
	free(app);
}

void
app_want(struct app *app, const struct app_wants *wants)
{
	app->wants = *wants;
	if (!wants->magic || app->magic != NULL)
		return;
	app->type_seed = hash_seed();
	if (app->types == NULL)
		app->types = calloc(APP_TYPES, sizeof(*app->types));
	app->magic = app->types != NULL ? magic_open(MAGIC_NO_CHECK_COMPRESS) : NULL;
	if (app->magic == NULL || magic_load(app->magic, NULL) != 0) {
		log_warning("libmagic: %s: files will have no type",
		    app->magic != NULL ? magic_error(app->magic) : "no memory");
		if (app->magic != NULL)
			magic_close(app->magic);
		app->magic = NULL;
		app->wants.magic = false;
	}
}

static struct cc_ctx
ctx_of(struct app *app, struct flow *flow, struct batch *batch, uint64_t now)
{
	return (struct cc_ctx){.app = app, .flow = flow, .own = flow->app, .batch = batch, .now = now,
	    .datagram = flow->proto != 6};
}

/* The parser is through with this flow: its state goes, what it left open is closed. */
static void
end_parser(struct cc_ctx *ctx)
{
	struct app_flow *own = ctx->own;

	if (own->parser == NULL)
		return;
	frames_close_all(ctx);
	file_close_all(ctx);
	tx_done_all(ctx);
	if (own->state != NULL) {
		if (own->parser->close != NULL)
			own->parser->close(ctx, own->state);
		pool_give(ctx->app->pool, own->state, own->parser->state_size);
		own->state = NULL;
	}
	tx_free_evicted(ctx);
}

static void
fail(struct cc_ctx *ctx)
{
	struct event unknown = {.kind = EVENT_UNKNOWN, .dir = ctx->dir};
	bool identified = ctx->own->parser != NULL;

	app_count_add(ctx->app, identified ? APP_FAILED : APP_UNIDENTIFIED, 1);
	end_parser(ctx);
	ctx->own->failed = true;
	if (!identified && ctx->own->began)
		event_push(ctx, &unknown);
}

static bool
begin_parser(struct cc_ctx *ctx, const struct cc_parser *parser, enum cc_dir dir)
{
	struct event event = {.kind = EVENT_IDENTIFIED, .dir = dir, .parser = parser};
	struct app_flow *own = ctx->own;

	if (parser->state_size > 0) {
		own->state = app_take(ctx->app, parser->state_size);
		if (own->state == NULL) {
			fail(ctx);
			return false;
		}
	}
	own->parser = parser;
	own->index = probe_index(parser);
	app_count_add(ctx->app, APP_IDENTIFIED, 1);
	/* the last counters, one for each line of parsers.def */
	app_count_add(ctx->app, APP_COUNT - app_parser_count + own->index, 1);
	own->side[dir].dropped = 0;
	event_push(ctx, &event);
	return true;
}

/* Is it a guess who the client is?  So it is in midstream, and with the first datagram. */
static bool
may_turn(const struct cc_ctx *ctx, enum cc_dir dir)
{
	const struct app_flow *own = ctx->own;
	const struct flow *flow = ctx->flow;

	if (own->turned || own->parser != NULL || own->before != NULL || own->expected != NULL ||
	    own->side[dir].dropped > 0 || own->side[cc_dir_other(dir)].dropped > 0)
		return false;
	return ctx->datagram ? flow->side[0].payload_packets + flow->side[1].payload_packets == 1 : flow->midstream;
}

/*
 * Works out what this side speaks.  CC_OK: the flow has a parser; CC_MORE: these bytes have to wait; CC_BAD: the flow
 * has failed; CC_ABSENT: client and server have to change places first.
 */
static enum cc_status
identify(struct cc_ctx *ctx, enum cc_dir dir, struct slice in, bool last)
{
	struct app_flow *own = ctx->own;
	struct app_side *side = &own->side[dir], *other = &own->side[cc_dir_other(dir)];
	const struct cc_parser *parser = NULL;
	enum cc_status st;

	ctx->may_turn = may_turn(ctx, dir);
	st = probe_side(ctx, dir, in, last, &parser);
	if (st != CC_OK && ctx->may_turn && probe_turned(ctx, dir, in)) {
		struct app_side was = *side;

		*side = *other;
		*other = was;
		own->turned = true;
		other->out = 0;
		return CC_ABSENT;
	}
	ctx->may_turn = false;
	if (st == CC_MORE)
		return CC_MORE;
	side->state = st == CC_OK ? SIDE_KNOWN : SIDE_MISSED;
	if (own->parser != NULL) { /* the other side has decided already: this one only confirms */
		if (st == CC_OK && parser != own->parser)
			core_anomaly(ctx, dir, CORE_MISMATCH);
		else if (st != CC_OK && side->dropped == 0 && !ctx->flow->midstream)
			core_anomaly(ctx, dir, CORE_ONE_DIRECTION);
		return CC_OK;
	}
	if (st != CC_OK) {
		if (other->state != SIDE_MISSED && !other->finished && !last)
			return CC_OK; /* the other side may still tell */
		fail(ctx);
		return CC_BAD;
	}
	if (!begin_parser(ctx, parser, dir))
		return CC_BAD;
	if (own->wanted != NULL && strcmp(own->wanted, parser->name) != 0) {
		core_anomaly(ctx, dir, CORE_UNEXPECTED);
		if (strcmp(own->wanted, "tls") == 0)
			core_anomaly(ctx, dir, CORE_NO_TLS);
	}
	if (own->server_first && !parser->server_first)
		core_anomaly(ctx, CC_TO_CLIENT, CORE_WRONG_DIRECTION);
	if (other->state == SIDE_MISSED && other->dropped == 0 && !ctx->flow->midstream)
		core_anomaly(ctx, dir, CORE_ONE_DIRECTION);
	return CC_OK;
}

/* An announced connection, or one that was handed over, isn't asked what it is. */
static void
begin_expected(struct cc_ctx *ctx)
{
	struct app_flow *own = ctx->own;

	if (begin_parser(ctx, own->expected->parser, ctx->dir))
		own->side[CC_TO_SERVER].state = own->side[CC_TO_CLIENT].state = SIDE_KNOWN;
}

/* One call of the parser.  CC_OK: go on with what is left in *in; CC_MORE: it wants more; CC_BAD: it is over. */
static enum cc_status
feed(struct cc_ctx *ctx, enum cc_dir dir, struct cur *in)
{
	struct app_flow *own = ctx->own;
	uint32_t unit_max = own->parser->unit_max != 0 ? own->parser->unit_max : APP_UNIT_MAX;
	enum cc_status st = own->parser->feed(ctx, own->state, dir, in);

	if (st == CC_BAD) {
		core_anomaly(ctx, dir, CORE_FAILED);
		fail(ctx);
		return CC_BAD;
	}
	if (ctx->switching) {
		ctx->switching = false;
		end_parser(ctx);
		own->before = own->parser;
		own->parser = NULL;
		own->wanted = ctx->wanted;
		own->server_first = false; /* that was the outer protocol's greeting */
		own->side[CC_TO_SERVER] = own->side[CC_TO_CLIENT] = (struct app_side){.state = SIDE_PROBING};
		app_count_add(ctx->app, APP_SWITCHED, 1);
		if (ctx->handed)
			begin_expected(ctx);
		ctx->handed = false;
		return own->failed ? CC_BAD : CC_OK;
	}
	if (!ctx->datagram && cur_left(in) > unit_max) {
		app_count_add(ctx->app, APP_UNIT_TOO_LONG, 1);
		core_anomaly(ctx, dir, CORE_UNIT_TOO_LONG);
		fail(ctx);
		return CC_BAD;
	}
	return CC_MORE;
}

static enum cc_status
gap(struct cc_ctx *ctx, enum cc_dir dir, uint64_t size)
{
	struct app_flow *own = ctx->own;
	struct app_side *side = &own->side[dir];

	if (own->parser == NULL) { /* what follows is looked at as if it were the beginning */
		side->out = 0;
		side->state = SIDE_PROBING;
		side->dropped += size;
		return CC_OK;
	}
	if (side->state == SIDE_PROBING)
		side->state = SIDE_MISSED;
	if (own->parser->gap != NULL && own->parser->gap(ctx, own->state, dir, size) != CC_BAD) {
		app_count_add(ctx->app, APP_GAPS, 1);
		return CC_OK;
	}
	app_count_add(ctx->app, APP_GAPS_FATAL, 1);
	core_anomaly(ctx, dir, CORE_GAP);
	fail(ctx);
	return CC_BAD;
}

static void
finish(struct cc_ctx *ctx, enum cc_dir dir)
{
	struct app_flow *own = ctx->own;

	if (own->side[dir].finished)
		return;
	own->side[dir].finished = true;
	if (!own->failed && own->parser != NULL && own->parser->finish != NULL)
		own->parser->finish(ctx, own->state, dir);
	frames_close(ctx, dir);
}

/* Bytes of a side that doesn't tell wait, up to a limit; beyond, they are given up for the other side to tell. */
static void
wait_for_other(struct cc_ctx *ctx, struct app_side *side, struct cur *in)
{
	uint64_t limit = ctx->app->conf->app_probe_limit;

	if (cur_left(in) <= limit)
		return;
	side->dropped += cur_left(in);
	in->p = in->end;
	if (side->dropped > limit * APP_DROP_FACTOR) {
		core_anomaly(ctx, ctx->dir, CORE_SKIPPED);
		fail(ctx);
	}
}

/* All that the chunk holds, as far as it goes; *in moves over what needn't be shown again.
 * False: client and server have to change places. */
static bool
take_bytes(struct cc_ctx *ctx, const struct chunk *chunk, struct cur *in)
{
	struct app_flow *own = ctx->own;
	enum cc_dir dir = chunk->dir;
	struct app_side *side = &own->side[dir];
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(in) > 0) {
		if (chunk->datagram && own->parser != NULL)
			side->state = SIDE_KNOWN;
		if (side->state == SIDE_PROBING) {
			st = identify(ctx, dir, cur_rest(in), chunk->eof);
			if (st != CC_OK)
				return st != CC_ABSENT;
		}
		if (own->parser == NULL) {
			wait_for_other(ctx, side, in);
			return true;
		}
		if (side->dropped > 0) {
			uint64_t dropped = side->dropped;

			side->dropped = 0;
			if (gap(ctx, dir, dropped) != CC_OK)
				return true;
		}
		st = feed(ctx, dir, in);
	}
	return true;
}

static bool
open_flow(struct app *app, struct flow *flow)
{
	flow->app = app_take(app, sizeof(struct app_flow));
	if (flow->app != NULL)
		app_count_add(app, APP_FLOWS, 1);
	return flow->app != NULL;
}

void
app_feed(struct app *app, struct flow *flow, const struct packet *pkt, struct chunk *chunk, struct batch *batch)
{
	struct app_flow *own = flow->app;
	struct cur in = cur_of(chunk->p, chunk->size);
	struct cc_ctx ctx;

	chunk->used = chunk->size;
	app_count_add(app, APP_CHUNKS, 1);
	app_count_add(app, APP_BYTES, chunk->fresh);
	if (own == NULL) {
		if ((chunk->size == 0 && chunk->gap == 0) || flow->stray || !open_flow(app, flow))
			return;
		own = flow->app;
		expect_match(app, flow, pkt != NULL ? pkt->frame->time : flow->last);
	}
	if (own->failed)
		return;
	ctx = ctx_of(app, flow, batch, pkt != NULL ? pkt->frame->time : flow->last);
	ctx.datagram = chunk->datagram;
	ctx.last = chunk->eof;
	ctx.dir = chunk->dir;
	ctx.chunk = chunk;
	frames_chunk(&ctx, chunk);
	if (!own->began && chunk->size > 0) {
		own->began = true;
		/* Few protocols let the server begin: with others, where the start was seen, somebody wants to mislead.
		 */
		own->server_first = chunk->dir == CC_TO_CLIENT && !chunk->datagram && chunk->gap == 0 &&
		    flow->established && !flow->midstream;
	}
	if (own->expected != NULL && own->parser == NULL && own->before == NULL)
		begin_expected(&ctx);
	if (chunk->gap > 0 && !own->failed)
		gap(&ctx, chunk->dir, chunk->gap);
	if (!own->failed && !take_bytes(&ctx, chunk, &in)) {
		own->began = false;
		chunk->turn = true;
		return;
	}
	if (!own->failed && !chunk->datagram && !chunk->eof)
		chunk->used = chunk->size - cur_left(&in);
	if (chunk->datagram)
		frames_close(&ctx, chunk->dir);
	if (chunk->eof)
		finish(&ctx, chunk->dir);
}

void
app_finish(struct app *app, struct flow *flow, struct batch *batch)
{
	struct app_flow *own = flow->app;
	struct cc_ctx ctx;

	if (own == NULL)
		return;
	ctx = ctx_of(app, flow, batch, flow->last);
	finish(&ctx, CC_TO_SERVER);
	finish(&ctx, CC_TO_CLIENT);
	if (!own->failed && own->parser == NULL)
		fail(&ctx);
	joins_flow_end(&ctx);
	end_parser(&ctx);
}

void
app_flow_free(struct app *app, struct flow *flow)
{
	struct batch none = {.event = NULL};
	struct cc_ctx ctx;

	if (flow->app == NULL)
		return;
	ctx = ctx_of(app, flow, &none, flow->last);
	end_parser(&ctx); /* nothing is left of it after app_finish() */
	app_batch_reset(app, &none);
	expect_flow_end(app, flow->app);
	pool_give(app->pool, flow->app, sizeof(struct app_flow));
	flow->app = NULL;
}

const struct cc_parser *
app_protocol(const struct flow *flow)
{
	const struct app_flow *own = flow->app;

	if (own == NULL)
		return NULL;
	return own->parser != NULL ? own->parser : own->before;
}

bool
app_failed(const struct flow *flow)
{
	const struct app_flow *own = flow->app;

	return own != NULL && own->failed;
}

bool
app_enough(const struct flow *flow, enum cc_dir dir)
{
	const struct app_flow *own = flow->app;

	return own != NULL && (own->failed || own->side[dir].enough);
}

struct cc_tx *
app_next_tx(const struct flow *flow, const struct cc_tx *tx)
{
	const struct app_flow *own = flow->app;
	struct tx *next;

	if (own == NULL)
		return NULL;
	next = tx == NULL ? own->first : ((const struct tx *)tx)->next;
	return next != NULL ? &next->pub : NULL;
}

const struct cc_parser *
app_parser_by_name(struct slice name)
{
	for (unsigned i = 0; i < app_parser_count; i++)
		if (slice_is(name, app_parsers[i]->name))
			return app_parsers[i];
	return NULL;
}

int
app_field_by_buffer(const struct cc_parser *parser, struct slice name)
{
	for (unsigned i = 0; i < parser->field_count; i++)
		if (parser->fields[i].buffer != NULL && slice_is(name, parser->fields[i].buffer))
			return (int)i;
	return -1;
}

const uint64_t *
app_counts(const struct app *app)
{
	return app->counts;
}

uint64_t
cc_now(const struct cc_ctx *ctx)
{
	return ctx->now;
}

bool
cc_is_udp(const struct cc_ctx *ctx)
{
	return ctx->datagram;
}

bool
cc_is_midstream(const struct cc_ctx *ctx)
{
	return ctx->flow->midstream;
}

bool
cc_is_ended(const struct cc_ctx *ctx, enum cc_dir dir)
{
	return (ctx->flow->side[dir].tcp_flags & TCP_FIN) != 0;
}

bool
cc_is_last(const struct cc_ctx *ctx)
{
	return ctx->last;
}

uint16_t
cc_server_port(const struct cc_ctx *ctx)
{
	return ctx->flow->side[ctx->turned ? CC_TO_SERVER : CC_TO_CLIENT].port;
}

/* Names are string constants: the pointer nearly always finds them. */
uint64_t
cc_limit(const struct cc_ctx *ctx, const char *name)
{
	struct app *app = ctx->app;
	uint64_t value = 0;
	enum cc_status st;

	for (unsigned i = 0; i < app->limit_count; i++)
		if (app->limit[i].name == name)
			return app->limit[i].value;
	st = conf_number(app->conf, name, &value);
	assert(st == CC_OK);
	(void)st;
	if (app->limit_count < APP_LIMITS) {
		app->limit[app->limit_count].name = name;
		app->limit[app->limit_count++].value = value;
	}
	return value;
}

void *
cc_take(struct cc_ctx *ctx, size_t size)
{
	return app_take(ctx->app, size);
}

void
cc_give(struct cc_ctx *ctx, void *p, size_t size)
{
	pool_give(ctx->app->pool, p, size);
}

void
cc_switch(struct cc_ctx *ctx)
{
	ctx->switching = true;
}

void
cc_switch_to(struct cc_ctx *ctx, const char *name)
{
	ctx->switching = true;
	ctx->wanted = name;
}

bool
cc_may_turn(const struct cc_ctx *ctx)
{
	return ctx->may_turn;
}

bool
cc_other_known(const struct cc_ctx *ctx)
{
	return ctx->own->parser != NULL && ctx->own->parser == ctx->asked;
}

struct cc_addr
cc_side_addr(const struct cc_ctx *ctx, enum cc_dir side)
{
	return ctx->flow->side[ctx->turned ? cc_dir_other(side) : side].addr;
}

uint16_t
cc_side_port(const struct cc_ctx *ctx, enum cc_dir side)
{
	return ctx->flow->side[ctx->turned ? cc_dir_other(side) : side].port;
}

void
cc_enough(struct cc_ctx *ctx, enum cc_dir dir)
{
	ctx->own->side[dir].enough = true;
}
