/*
 * Connections that another flow has announced (FTP's PORT and PASV, TFTP's transfers): a table of those awaited, looked
 * up by a flow's first payload.
 *
 * Bounded in number and in time; each announcing flow has one place, until it ends, so that none can push out all
 * others'.  Who announces chooses the port, but not between whom: the connection must come from the other end of the
 * announcing flow.  Else a hostile server could have any stranger's connection taken for a file.  A flow goes to the
 * worker of its address pair, so the announced one comes here, too.  One thread, a worker's.
 */
#include "app/own.h"

static size_t
expect_size(const struct expect *e)
{
	return sizeof(*e) + e->note_size;
}

/* Out of the table, not freed. */
static void
unlink_expect(struct expect_table *table, struct expect *e)
{
	struct expect **link = &table->bucket[e->port % APP_EXPECT_BUCKETS];

	while (*link != e)
		link = &(*link)->next;
	*link = e->next;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		table->oldest = e->newer;
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		table->newest = e->older;
	e->next = e->newer = e->older = NULL;
	table->count--;
	if (e->by != NULL)
		e->by->awaits = NULL;
	e->by = NULL;
}

static void
forget(struct app *app, struct expect *e)
{
	unlink_expect(&app->expect, e);
	pool_give(app->pool, e, expect_size(e));
}

static void
expire(struct app *app, uint64_t now)
{
	while (app->expect.oldest != NULL && app->expect.oldest->expires <= now)
		forget(app, app->expect.oldest);
}

static void
link_expect(struct expect_table *table, struct expect *e)
{
	struct expect **first = &table->bucket[e->port % APP_EXPECT_BUCKETS];

	e->next = *first;
	*first = e;
	e->older = table->newest;
	if (e->older != NULL)
		e->older->newer = e;
	else
		table->oldest = e;
	table->newest = e;
	table->count++;
}

static void
expect_add(struct cc_ctx *ctx, enum cc_dir listener, const struct cc_addr *addr, uint16_t port,
    const struct cc_parser *parser, struct slice note, bool anyone)
{
	struct app *app = ctx->app;
	uint32_t note_size = note.size < APP_EXPECT_NOTE ? (uint32_t)note.size : APP_EXPECT_NOTE;
	struct expect *e;

	if (port == 0 || (app->off >> probe_index(parser) & 1) != 0)
		return;
	app_count_add(app, APP_EXPECTED, 1);
	if (ctx->own->awaits != NULL)
		forget(app, ctx->own->awaits);
	expire(app, ctx->now);
	if (app->expect.count == APP_EXPECT_MAX) {
		app_count_add(app, APP_EXPECTED_LOST, 1);
		forget(app, app->expect.oldest);
	}
	e = app_take(app, sizeof(*e) + note_size);
	if (e == NULL) {
		app_count_add(app, APP_EXPECTED_LOST, 1);
		return;
	}
	*e = (struct expect){
	    .by = ctx->own,
	    .parser = parser,
	    .peer = ctx->flow->side[cc_dir_other(listener)].addr,
	    .addr = {*addr, ctx->flow->side[listener].addr},
	    .port = port,
	    .proto = ctx->flow->proto,
	    .tunnel = ctx->flow->tunnel,
	    .anyone = anyone,
	    .note_size = note_size,
	    .expires = ctx->now + APP_EXPECT_TIME,
	};
	if (note_size > 0)
		memcpy(e + 1, note.p, note_size);
	ctx->own->awaits = e;
	link_expect(&app->expect, e);
}

void
cc_expect(struct cc_ctx *ctx, enum cc_dir listener, const struct cc_addr *addr, uint16_t port,
    const struct cc_parser *parser, struct slice note)
{
	expect_add(ctx, listener, addr, port, parser, note, false);
}

void
cc_expect_anyone(struct cc_ctx *ctx, enum cc_dir listener, uint16_t port, const struct cc_parser *parser,
    struct slice note)
{
	expect_add(ctx, listener, &ctx->flow->side[listener].addr, port, parser, note, true);
}

static bool
is_it(const struct expect *e, const struct flow *flow, enum cc_dir listener)
{
	const struct flow_side *to = &flow->side[listener], *from = &flow->side[cc_dir_other(listener)];

	return e->port == to->port && e->proto == flow->proto && e->tunnel == flow->tunnel &&
	       (e->anyone || cc_addr_cmp(&e->peer, &from->addr) == 0) &&
	       (cc_addr_cmp(&e->addr[0], &to->addr) == 0 || cc_addr_cmp(&e->addr[1], &to->addr) == 0);
}

/*
 * Of a flow that was picked up in its middle, and of any on UDP, nobody knows who was the server: either end may be the
 * announced one.
 */
static struct expect *
find(const struct app *app, const struct flow *flow)
{
	for (unsigned side = 0; side < 2; side++) {
		enum cc_dir listener = side == 0 ? CC_TO_CLIENT : CC_TO_SERVER;
		struct expect *e = app->expect.bucket[flow->side[listener].port % APP_EXPECT_BUCKETS];

		if (listener == CC_TO_SERVER && flow->proto == 6 && !flow->midstream)
			break;
		for (; e != NULL; e = e->next)
			if (is_it(e, flow, listener))
				return e;
	}
	return NULL;
}

void
expect_match(struct app *app, struct flow *flow, uint64_t now)
{
	struct app_flow *own = flow->app;
	struct expect *e;

	if (app->expect.count == 0 || (flow->proto != 6 && flow->proto != 17))
		return;
	expire(app, now);
	e = find(app, flow);
	if (e == NULL)
		return;
	unlink_expect(&app->expect, e);
	app_count_add(app, APP_EXPECTED_CAME, 1);
	own->expected = e;
}

void
expect_flow_end(struct app *app, struct app_flow *own)
{
	if (own->awaits != NULL)
		forget(app, own->awaits);
	if (own->expected != NULL)
		pool_give(app->pool, own->expected, expect_size(own->expected));
	own->expected = NULL;
}

void
expect_free_all(struct app *app)
{
	while (app->expect.oldest != NULL)
		forget(app, app->expect.oldest);
}

void
cc_hand_over(struct cc_ctx *ctx, const struct cc_parser *parser, struct slice note)
{
	struct app_flow *own = ctx->own;
	struct expect *e;

	ctx->switching = true;
	if ((ctx->app->off >> probe_index(parser) & 1) != 0)
		return;
	e = app_take(ctx->app, sizeof(*e) + note.size);
	if (e == NULL)
		return;
	if (own->expected != NULL)
		pool_give(ctx->app->pool, own->expected, expect_size(own->expected));
	*e = (struct expect){.parser = parser, .note_size = (uint32_t)note.size};
	if (note.size > 0)
		memcpy(e + 1, note.p, note.size);
	own->expected = e;
	ctx->handed = true;
}

struct slice
cc_expected(const struct cc_ctx *ctx)
{
	const struct expect *e = ctx->own->expected;

	return e != NULL ? slice_of(e + 1, e->note_size) : slice_of(NULL, 0);
}
