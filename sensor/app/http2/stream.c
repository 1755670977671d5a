/*
 * The streams of a connection that are open: found by number, bounded by http2.streams; the one that was silent the
 * longest makes room.  Each is a transaction with a body on either side.
 */
#include "app/http2/own.h"

static const struct http_body_odd body_odd = {A_DECOMPRESSION, A_BOMB, A_MULTIPART, A_MULTIPART_HEADER, A_NO_FILEDATA,
    A_FILE_NAME, A_MEMLIMIT, A_RANGE_CONFLICT};

static void
order_push(struct http2 *http2, struct http2_stream *stream)
{
	stream->newer = NULL;
	stream->older = http2->newest;
	if (stream->older != NULL)
		stream->older->newer = stream;
	else
		http2->oldest = stream;
	http2->newest = stream;
}

static void
order_remove(struct http2 *http2, struct http2_stream *stream)
{
	if (stream->older != NULL)
		stream->older->newer = stream->newer;
	else
		http2->oldest = stream->newer;
	if (stream->newer != NULL)
		stream->newer->older = stream->older;
	else
		http2->newest = stream->older;
}

struct http2_stream *
http2_stream_find(struct http2 *http2, uint32_t id)
{
	struct http2_stream *stream = http2->bucket[id / 2 % HTTP2_BUCKETS];

	while (stream != NULL && stream->id != id)
		stream = stream->next;
	if (stream != NULL && stream != http2->newest) {
		order_remove(http2, stream);
		order_push(http2, stream);
	}
	return stream;
}

struct http2_stream *
http2_stream_new(struct cc_ctx *ctx, struct http2 *http2, uint32_t id)
{
	struct http2_stream *stream;

	if (http2->streams >= cc_limit(ctx, "http2.streams")) {
		http2_odd_once(ctx, http2, http2->oldest->tx, A_TOO_MANY_STREAMS);
		http2_stream_end(ctx, http2, http2->oldest);
	}
	stream = cc_take(ctx, sizeof(*stream));
	if (stream == NULL)
		return NULL;
	stream->id = id;
	stream->tx = cc_tx_new(ctx);
	stream->next = http2->bucket[id / 2 % HTTP2_BUCKETS];
	http2->bucket[id / 2 % HTTP2_BUCKETS] = stream;
	http2->streams++;
	order_push(http2, stream);
	cc_put_text(ctx, stream->tx, F_VERSION, "2");
	cc_put_uint(ctx, stream->tx, F_STREAM, id);
	http2_common_put(ctx, stream->tx, CC_TO_SERVER, NULL);
	return stream;
}

static void
stream_remove(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream)
{
	struct http2_stream **link = &http2->bucket[stream->id / 2 % HTTP2_BUCKETS];

	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
	order_remove(http2, stream);
	http2->streams--;
	if (stream->reset_at != 0)
		http2->late--;
	cc_give(ctx, stream, sizeof(*stream));
}

static void
body_open(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir)
{
	struct http_body *body = &stream->body[dir];

	if (stream->body_open[dir])
		return;
	stream->body_open[dir] = true;
	body->tx = stream->tx;
	body->odd = &body_odd;
	body->dir = dir;
	if (body->name.size == 0)
		body->name = stream->body[CC_TO_SERVER].name;
	http_body_open(ctx, body, &stream->codings[dir],
	    dir == CC_TO_SERVER && stream->tx != NULL ? cc_get(stream->tx, F_REQ_CONTENT_TYPE) : NULL);
	if (!stream->head[dir])
		body->broken = true; /* its beginning was not seen */
}

void
http2_stream_data(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, struct slice bytes)
{
	if (dir == CC_TO_CLIENT)
		stream->answered = true;
	if (stream->tunnel || stream->done[dir] || bytes.size == 0)
		return;
	body_open(ctx, stream, dir);
	http_body_add(ctx, &stream->body[dir], bytes);
}

void
http2_stream_gap(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, uint64_t size)
{
	if (stream->tunnel || stream->done[dir])
		return;
	body_open(ctx, stream, dir);
	http_body_gap(ctx, &stream->body[dir], size);
}

static void
side_close(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, bool whole)
{
	struct http_body *body = &stream->body[dir];

	if (stream->done[dir])
		return;
	stream->done[dir] = true;
	if (whole && stream->has_length[dir] && stream->length[dir] != body->in && !stream->tunnel && !stream->no_body)
		http2_odd(ctx, stream->tx, A_LENGTH);
	if (stream->body_open[dir])
		http_body_close(ctx, body, whole);
	if (dir == CC_TO_CLIENT && stream->head[dir])
		cc_put_uint(ctx, stream->tx, F_LENGTH, body->in);
	cc_tx_side_done(ctx, stream->tx, dir);
}

bool
http2_stream_side_done(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream, enum cc_dir dir,
    bool whole)
{
	side_close(ctx, stream, dir, whole);
	if (!stream->done[cc_dir_other(dir)])
		return false;
	cc_tx_done(ctx, stream->tx);
	stream_remove(ctx, http2, stream);
	return true;
}

void
http2_stream_end(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream)
{
	side_close(ctx, stream, CC_TO_SERVER, false);
	http2_stream_side_done(ctx, http2, stream, CC_TO_CLIENT, false);
}

/*
 * A request that is cancelled is often answered all the same: both were on their way.  What the server said is worth
 * having; what it says on a stream that waits is bounded in number and time.
 */
void
http2_stream_late(struct cc_ctx *ctx, struct http2 *http2, struct http2_stream *stream)
{
	if (stream->reset_at != 0)
		return;
	side_close(ctx, stream, CC_TO_SERVER, false);
	if (http2->side[CC_TO_CLIENT].finished || stream->done[CC_TO_CLIENT]) {
		http2_stream_end(ctx, http2, stream);
		return;
	}
	stream->reset_at = cc_now(ctx) != 0 ? cc_now(ctx) : 1;
	if (http2->late++ == 0)
		http2->late_since = stream->reset_at;
}

void
http2_streams_late_end(struct cc_ctx *ctx, struct http2 *http2)
{
	uint64_t now = cc_now(ctx), since = UINT64_MAX;
	struct http2_stream *next;

	if (now < http2->late_since + HTTP2_LATE_NS)
		return;
	for (struct http2_stream *stream = http2->oldest; stream != NULL; stream = next) {
		next = stream->newer;
		if (stream->reset_at == 0)
			continue;
		if (now >= stream->reset_at + HTTP2_LATE_NS)
			http2_stream_end(ctx, http2, stream);
		else if (stream->reset_at < since)
			since = stream->reset_at;
	}
	http2->late_since = since == UINT64_MAX ? now : since;
}

void
http2_streams_finish(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir)
{
	struct http2_stream *stream = http2->oldest, *next;

	for (; stream != NULL; stream = next) {
		bool whole = stream->has_length[dir] && stream->length[dir] == stream->body[dir].in;

		next = stream->newer;
		http2_stream_side_done(ctx, http2, stream, dir, whole);
	}
}

void
http2_streams_forget(struct cc_ctx *ctx, struct http2 *http2)
{
	while (http2->oldest != NULL) {
		struct http2_stream *stream = http2->oldest;

		http_body_forget(ctx, &stream->body[CC_TO_SERVER]);
		http_body_forget(ctx, &stream->body[CC_TO_CLIENT]);
		stream_remove(ctx, http2, stream);
	}
}
