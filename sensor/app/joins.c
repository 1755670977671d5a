/*
 * Files that come in ranges (RFC 9110, 14), put together: a download that was resumed, or fetched in pieces over
 * several connections at once.
 *
 * A whole is known by the words that its parser gives (host, path, version), its size and the two hosts, so it is a
 * matter of one worker.  Bytes that continue it are hashed and kept as those of any file; bytes ahead of them wait in
 * pieces, sorted, without overlap, since the first copy of a byte counts.  What an attacker could try here is number
 * (tiny ranges, many files), size, and saying two things of one byte: number and size are bounded for a file and for
 * all, and a file of which something was said twice is never told as whole.  One thread, a worker's; memory is the
 * pool's.
 */
#include <stdlib.h>

#include "app/joins.h"

struct joins *
joins_new(const struct conf *conf)
{
	uint32_t count = (uint32_t)conf->http_ranges;
	struct joins *joins = count > 0 ? calloc(1, sizeof(*joins) + count * sizeof(struct join)) : NULL;

	if (joins == NULL)
		return NULL;
	joins->count = joins->oldest = joins->newest = count;
	joins->seed[0] = hash_seed();
	joins->seed[1] = ~joins->seed[0];
	joins->next_id = 1;
	return joins;
}

/* ---- the order of use ---- */

static void
order_remove(struct joins *joins, struct join *join)
{
	if (join->older < joins->count)
		joins->join[join->older].newer = join->newer;
	else
		joins->oldest = join->newer;
	if (join->newer < joins->count)
		joins->join[join->newer].older = join->older;
	else
		joins->newest = join->older;
}

static void
order_push(struct joins *joins, struct join *join)
{
	uint32_t at = (uint32_t)(join - joins->join);

	join->newer = joins->count;
	join->older = joins->newest;
	if (joins->newest < joins->count)
		joins->join[joins->newest].newer = at;
	else
		joins->oldest = at;
	joins->newest = at;
}

/* ---- memory ---- */

static void
coder_free(struct app *app, struct join *join)
{
	struct cc_ctx ctx = {.app = app};

	if (join->coder == NULL || join->coded == NULL)
		return;
	join->coder->free(&ctx, join->coded);
	join->coded = NULL;
	join_memory_drop(app->joins, join, join->coder_memory);
	join->coder_memory = 0;
}

/* All that waits goes, and the file. */
static void
join_empty(struct app *app, struct join *join)
{
	for (uint32_t i = join->first; i < join->count; i++)
		join_piece_free(app, join, join->piece[i]);
	pool_give(app->pool, join->piece, join->room * sizeof(struct piece *));
	join_memory_drop(app->joins, join, join->room * sizeof(struct piece *));
	join->piece = NULL;
	join->first = join->count = join->room = 0;
	coder_free(app, join);
	if (join->file != NULL) {
		join_memory_drop(app->joins, join, join->file->pub.content_room);
		file_free(app, join->file);
	}
	join->file = NULL;
}

static void
join_free(struct app *app, struct join *join)
{
	join_empty(app, join);
	order_remove(app->joins, join);
	join->state = JOIN_FREE;
	app->joins->open--;
}

/* It stays to be told of, and so that it does not begin anew. */
static void
give_up(struct app *app, struct join *join)
{
	join_empty(app, join);
	join->state = JOIN_GIVEN_UP;
	app_count_add(app, APP_JOINS_GIVEN_UP, 1);
}

static void
evict(struct app *app, struct join *join)
{
	app_count_add(app, APP_JOINS_EVICTED, 1);
	join_free(app, join);
}

/* Makes room for size bytes more of this one; false: it can't be had. */
bool
joins_memory_make(struct app *app, struct join *join, size_t size)
{
	struct joins *joins = app->joins;
	uint64_t limit = app->conf->http_range_memory;

	while (joins->memory + size > limit && joins->oldest < joins->count) {
		struct join *oldest = &joins->join[joins->oldest];

		if (oldest == join)
			break;
		evict(app, oldest);
	}
	return joins->memory + size <= limit;
}

void
joins_clear(struct app *app)
{
	while (app->joins != NULL && app->joins->oldest < app->joins->count)
		join_free(app, &app->joins->join[app->joins->oldest]);
}

void
joins_free(struct app *app)
{
	joins_clear(app);
	free(app->joins);
	app->joins = NULL;
}

/* ---- which whole ---- */

static void
name_of(const struct cc_ctx *ctx, const struct slice *words, unsigned count, uint64_t total, uint64_t ret_name[2])
{
	const struct flow *flow = ctx->flow;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t hash = ctx->app->joins->seed[i] ^ total;

		for (unsigned j = 0; j < 2; j++)
			hash = hash64(slice_of(&flow->side[j].addr, sizeof(flow->side[j].addr)), hash);
		hash = hash64(slice_of(&flow->tunnel, sizeof(flow->tunnel)), hash);
		for (unsigned j = 0; j < count; j++)
			hash = hash64(words[j], hash + j);
		ret_name[i] = hash;
	}
}

static struct join *
join_find(struct joins *joins, const uint64_t name[2])
{
	for (uint32_t i = joins->newest; i < joins->count; i = joins->join[i].older)
		if (joins->join[i].name[0] == name[0] && joins->join[i].name[1] == name[1])
			return &joins->join[i];
	return NULL;
}

/* One whose size was not known when it began: this range says it, unless bytes beyond it are here. */
static struct join *
join_sized(struct joins *joins, const uint64_t name[2], const uint64_t words[2], uint64_t total)
{
	struct join *join = join_find(joins, words);
	const struct piece *last;

	if (join == NULL || join->state != JOIN_OPEN || join->next >= total)
		return NULL;
	last = join->first < join->count ? join->piece[join->count - 1] : NULL;
	if (last != NULL && last->at + last->size > total)
		return NULL;
	join->total = total;
	memcpy(join->name, name, sizeof(join->name));
	return join;
}

/* The size that another range has told. */
static struct join *
join_of_words(struct joins *joins, const uint64_t words[2])
{
	for (uint32_t i = joins->newest; i < joins->count; i = joins->join[i].older)
		if (joins->join[i].words[0] == words[0] && joins->join[i].words[1] == words[1])
			return &joins->join[i];
	return NULL;
}

static struct join *
join_new(struct app *app, const uint64_t name[2], uint64_t total, uint64_t now, struct slice file_name)
{
	struct joins *joins = app->joins;
	struct join *join;
	uint32_t i = 0;

	if (joins->open == joins->count)
		evict(app, &joins->join[joins->oldest]);
	while (joins->join[i].state != JOIN_FREE)
		i++;
	join = &joins->join[i];
	*join = (struct join){.name = {name[0], name[1]}, .total = total, .id = joins->next_id++};
	join->file = file_new(app, file_name, now);
	if (join->file == NULL)
		return NULL;
	join->state = JOIN_OPEN;
	joins->open++;
	order_push(joins, join);
	app_count_add(app, APP_JOINS, 1);
	return join;
}

static void
touch(struct cc_ctx *ctx, struct join *join)
{
	struct joins *joins = ctx->app->joins;

	join->used = ctx->now;
	join->flow = ctx->own;
	if (join->newer < joins->count) {
		order_remove(joins, join);
		order_push(joins, join);
	}
}

/* Those that nobody came back to. */
static void
expire(struct cc_ctx *ctx)
{
	struct joins *joins = ctx->app->joins;

	while (joins->oldest < joins->count) {
		struct join *oldest = &joins->join[joins->oldest];

		if (ctx->now < oldest->used || ctx->now - oldest->used < ctx->app->conf->http_range_timeout)
			break;
		evict(ctx->app, oldest);
	}
}

void
cc_range_open(struct cc_ctx *ctx, struct cc_range *ret_range, const struct slice *words, unsigned count, uint64_t at,
    uint64_t end, uint64_t total, struct slice name)
{
	cc_range_open_coded(ctx, ret_range, words, count, at, end, total, name, NULL, NULL);
}

void
cc_range_open_coded(struct cc_ctx *ctx, struct cc_range *ret_range, const struct slice *words, unsigned count,
    uint64_t at, uint64_t end, uint64_t total, struct slice name, const struct cc_range_coder *coder, void *by)
{
	struct app *app = ctx->app;
	uint64_t hash[2], any[2];
	struct join *join;

	*ret_range = (struct cc_range){.at = at, .end = end, .by = by};
	if (app->joins == NULL || at >= end || end > total)
		return;
	expire(ctx);
	name_of(ctx, words, count, total, hash);
	name_of(ctx, words, count, CC_RANGE_ANY, any);
	join = join_find(app->joins, hash);
	if (join == NULL)
		join = total != CC_RANGE_ANY ? join_sized(app->joins, hash, any, total)
		                             : join_of_words(app->joins, any);
	if (join == NULL)
		join = join_new(app, hash, total, ctx->now, name);
	if (join == NULL)
		return;
	if (join->words[0] == 0) {
		memcpy(join->words, any, sizeof(any));
		join->coder = coder;
		join->endless = end == CC_RANGE_ANY;
	}
	touch(ctx, join);
	if (join->ranges < UINT32_MAX)
		join->ranges++;
	app_count_add(app, APP_RANGES, 1);
	ret_range->slot = (uint32_t)(join - app->joins->join);
	ret_range->id = join->id;
}

/* NULL: forgotten, or given up. */
static struct join *
join_of(const struct cc_ctx *ctx, const struct cc_range *range)
{
	struct joins *joins = ctx->app->joins;

	if (range->id == 0 || joins == NULL || joins->join[range->slot].id != range->id ||
	    joins->join[range->slot].state != JOIN_OPEN)
		return NULL;
	return &joins->join[range->slot];
}

static void
join_done(struct cc_ctx *ctx, struct join *join, struct cc_tx *tx, enum cc_dir dir)
{
	struct app *app = ctx->app;
	struct file *file = join->file;

	join->file = NULL;
	join_memory_drop(app->joins, join, file->pub.content_room);
	file_attach(ctx, file, tx, dir);
	file->pub.last = ctx->now;
	file->pub.ranges = join->ranges;
	if (!join->odd && !join->broken)
		app_count_add(app, APP_JOINS_WHOLE, 1);
	cc_file_close(ctx, &file->pub, !join->odd && !join->broken);
	join_free(app, join);
}

enum cc_status
cc_range_data(struct cc_ctx *ctx, struct cc_range *range, struct cc_tx *tx, enum cc_dir dir, struct slice bytes)
{
	struct join *join = join_of(ctx, range);
	uint64_t at = range->at;

	if (bytes.size > range->end - range->at)
		bytes.size = (size_t)(range->end - range->at);
	range->at += bytes.size;
	if (join == NULL || bytes.size == 0)
		return CC_OK;
	touch(ctx, join);
	if (range->end > join->total) /* another range has told a size since, and less than this one's end */
		join->odd = true;
	while (bytes.size > 0) {
		size_t size = bytes.size;

		if (!join_add(ctx, join, range, tx, at, &bytes)) {
			give_up(ctx->app, join);
			return CC_OK;
		}
		at += size - bytes.size;
	}
	if (join->odd && !range->odd) {
		range->odd = true;
		app_count_add(ctx->app, APP_RANGES_ODD, 1);
		if (join->next == join->total)
			join_done(ctx, join, tx, dir);
		return CC_BAD;
	}
	if (join->next == join->total)
		join_done(ctx, join, tx, dir);
	return CC_OK;
}

void
cc_range_gap(struct cc_range *range, uint64_t size)
{
	range->at = size < range->end - range->at ? range->at + size : range->end;
}

/* What so many of its bytes made is the whole's beginning. */
static bool
begin(struct cc_ctx *ctx, struct join *join, const struct cc_file *from, uint64_t size)
{
	struct app *app = ctx->app;

	if (join == NULL || from == NULL || from->gap || from->size == 0 || join->next > 0 ||
	    (join->have > 0 && (join->total != CC_RANGE_ANY || join->piece[join->first]->at < size)) ||
	    size >= join->total || from->digest.which != join->file->pub.digest.which)
		return false;
	if (!joins_memory_make(app, join, from->content_room)) {
		give_up(app, join);
		return false;
	}
	file_copy(app, join->file, from);
	archive_gap(join->file); /* it was begun elsewhere */
	join->next = size;
	join_memory_add(app->joins, join, join->file->pub.content_room);
	return true;
}

void
cc_range_begin(struct cc_ctx *ctx, const struct cc_range *range, const struct cc_file *from)
{
	struct join *join = join_of(ctx, range);

	/* What waits is of one that has no size yet, so it isn't done by this. */
	if (begin(ctx, join, from, from != NULL ? from->size : 0) && join->have > 0)
		join_drain(ctx, join, range, NULL);
}

bool
cc_range_begin_coded(struct cc_ctx *ctx, const struct cc_range *range, const struct cc_file *from, uint64_t size,
    void *coder)
{
	struct join *join = join_of(ctx, range);

	if (join == NULL || join->coder == NULL || !begin(ctx, join, from, size))
		return false;
	join->coded = coder;
	join->coder_memory = join->coder->memory(coder);
	join_memory_add(ctx->app->joins, join, join->coder_memory);
	if (join->have > 0)
		join_drain(ctx, join, range, NULL);
	return true;
}

void
cc_range_mark(struct cc_ctx *ctx, const struct cc_range *range)
{
	struct join *join = join_of(ctx, range);

	if (join != NULL)
		join->marked = true;
}

/* One whose size was not known; NULL: there is none. */
static const struct join *
endless_of(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	uint64_t hash[2];

	if (ctx->app->joins == NULL || ctx->app->joins->open == 0)
		return NULL;
	name_of(ctx, words, count, CC_RANGE_ANY, hash);
	return join_find(ctx->app->joins, hash);
}

bool
cc_range_marked(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	const struct join *join = endless_of(ctx, words, count);

	return join != NULL && join->marked;
}

bool
cc_range_filled(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	const struct join *join = endless_of(ctx, words, count);

	return join != NULL && (join->have > 0 || join->next > 0);
}

bool
cc_range_known(const struct cc_ctx *ctx, const struct slice *words, unsigned count)
{
	return endless_of(ctx, words, count) != NULL;
}

/* The file, under another name; NULL: no memory. */
static struct file *
renamed(struct app *app, struct join *join, struct slice name)
{
	struct file *file = file_new(app, name, join->file->pub.first);

	if (file == NULL)
		return NULL;
	file_copy(app, file, &join->file->pub);
	file->archive = join->file->archive;
	file->no_archive = join->file->no_archive;
	join->file->archive = NULL;
	return file;
}

bool
cc_range_end(struct cc_ctx *ctx, const struct slice *words, unsigned count, uint64_t least, struct slice name,
    struct cc_tx *tx, enum cc_dir dir)
{
	struct app *app = ctx->app;
	struct join *join;
	struct file *file;
	uint64_t hash[2];
	bool all;

	if (app->joins == NULL)
		return false;
	name_of(ctx, words, count, CC_RANGE_ANY, hash);
	join = join_find(app->joins, hash);
	if (join == NULL)
		return false;
	all = join->state == JOIN_OPEN && join->have == 0 && join->next > 0 && join->next >= least;
	file = all ? renamed(app, join, name) : NULL;
	if (file == NULL) {
		join_free(app, join);
		return false;
	}
	join_memory_drop(app->joins, join, join->file->pub.content_room);
	join_memory_add(app->joins, join, file->pub.content_room);
	file_free(app, join->file);
	join->file = file;
	join_done(ctx, join, tx, dir);
	return true;
}

/* What came of it so far is told as that, once for each flow that leaves it with holes. */
static void
tell_part(struct cc_ctx *ctx, struct join *join)
{
	struct slice name = join->file != NULL ? join->file->pub.name : slice_of(NULL, 0);
	struct file *file = file_new(ctx->app, name, ctx->now);

	if (file == NULL)
		return;
	file_attach(ctx, file, NULL, CC_TO_CLIENT);
	file->pub.gap = join->have > 0 || join->state == JOIN_GIVEN_UP;
	file->pub.size = (join->coder != NULL && join->file != NULL ? join->file->pub.size : join->next) + join->have;
	file->pub.ranges = join->ranges;
	file->pub.content_cut = true;
	file->pub.digest.which = 0;
	cc_file_close(ctx, &file->pub, false);
}

void
joins_flow_end(struct cc_ctx *ctx)
{
	struct joins *joins = ctx->app->joins;

	if (joins == NULL || joins->open == 0)
		return;
	for (uint32_t i = joins->newest; i < joins->count; i = joins->join[i].older) {
		struct join *join = &joins->join[i];

		if (join->flow != ctx->own)
			continue;
		join->flow = NULL;
		if (join->ranges > 1 && !join->endless) /* else other flows go on with it */
			tell_part(ctx, join);
	}
}
