/*
 * The life of an exchange: requests that wait for their responses, bodies that begin and end, and where a response
 * leads to another protocol.  A response belongs to the oldest request that waits for one, or stands alone.
 */
#include "app/http1/own.h"

extern const struct cc_parser http2_parser, websocket_parser;

/* The side is between messages again. */
void
http1_reset(struct http1_side *side, enum http1_state state)
{
	bool finished = side->finished;

	memset(side, 0, sizeof(*side));
	side->state = (uint8_t)state;
	side->finished = finished;
}

static void
queue_push(struct cc_ctx *ctx, struct http1 *http1, struct cc_tx *tx)
{
	if (http1->waiting == HTTP1_PIPELINE && http1->first != http1->side[CC_TO_CLIENT].tx) {
		struct cc_tx *oldest = http1->first; /* no response will come any more: its own, at least */

		http1->first = http1_tx(oldest)->next;
		http1->waiting--;
		cc_tx_done(ctx, oldest);
	}
	if (http1->first == NULL)
		http1->first = tx;
	else
		http1_tx(http1->last)->next = tx;
	http1->last = tx;
	http1->waiting++;
}

bool
http1_request_open(struct cc_ctx *ctx, struct http1 *http1)
{
	struct http1_side *side = &http1->side[CC_TO_SERVER];

	side->tx = cc_tx_new(ctx);
	if (side->tx == NULL)
		return false;
	http1->requests++;
	queue_push(ctx, http1, side->tx);
	return true;
}

/* The response's transaction: the oldest request's, or its own. */
bool
http1_response_open(struct cc_ctx *ctx, struct http1 *http1)
{
	struct http1_side *side = &http1->side[CC_TO_CLIENT];

	if (http1->first != NULL) {
		side->tx = http1->first;
		return true;
	}
	side->tx = cc_tx_new(ctx);
	if (side->tx == NULL)
		return false;
	side->tx->done[CC_TO_SERVER] = true; /* never seen */
	if (http1->requests > 0)
		http1_odd(ctx, side->tx, A_UNMATCHED_RESPONSE);
	return true;
}

static void
request_done(struct cc_ctx *ctx, struct http1 *http1, bool whole)
{
	struct http1_side *side = &http1->side[CC_TO_SERVER];
	struct cc_tx *tx = side->tx;
	bool connect = tx != NULL && http1_tx(tx)->method == M_CONNECT;

	if (tx == NULL)
		return;
	http_body_close(ctx, &side->body, whole);
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	if (tx->done[CC_TO_CLIENT])
		cc_tx_done(ctx, tx);
	http1_reset(side, connect && !tx->done[CC_TO_CLIENT] ? S_WAIT : S_START);
}

void
http1_response_done(struct cc_ctx *ctx, struct http1 *http1, bool whole)
{
	struct http1_side *side = &http1->side[CC_TO_CLIENT], *other = &http1->side[CC_TO_SERVER];
	struct cc_tx *tx = side->tx;

	if (tx == NULL)
		return;
	http_body_close(ctx, &side->body, whole);
	cc_put_uint(ctx, tx, F_LENGTH, side->body.in);
	if (tx == http1->first) {
		http1->first = http1_tx(tx)->next;
		if (http1->first == NULL)
			http1->last = NULL;
		http1->waiting--;
	}
	if (other->state == S_AFTER_09 && other->tx == tx)
		request_done(ctx, http1, true);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	if (tx->done[CC_TO_SERVER])
		cc_tx_done(ctx, tx);
	http1_reset(side, S_START);
}

void
http1_message_done(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, bool whole)
{
	if (dir == CC_TO_SERVER)
		request_done(ctx, http1, whole);
	else
		http1_response_done(ctx, http1, whole);
}

/* The state that the framing leads to. */
static enum http1_state
body_state(struct http1_side *side, enum cc_dir dir)
{
	const struct http1_framing *framing = &side->framing;

	side->first_chunk = true;
	side->left = framing->has_length ? framing->length : 0;
	if (framing->chunked)
		return S_CHUNK_SIZE;
	if (framing->has_length && (side->left > 0 || framing->loose))
		return framing->loose && dir == CC_TO_CLIENT ? S_LOOSE : S_LENGTH;
	if (dir == CC_TO_CLIENT && !framing->has_length)
		return S_CLOSE;
	return S_START; /* none */
}

static struct slice
value_of(const struct cc_tx *tx, unsigned field)
{
	const struct cc_value *value = cc_get(tx, field);

	return value != NULL ? slice_of(value->bytes, value->size) : slice_of(NULL, 0);
}

/* Of what a response is all, or a range. */
static void
learn_whole(const struct http1_side *side, struct http_whole *whole)
{
	whole->host = value_of(side->tx, F_HOST);
	whole->uri = value_of(side->tx, F_URI_RAW);
	whole->type = value_of(side->tx, F_RES_CONTENT_TYPE);
	whole->partial = side->status == 206;
	if (!whole->partial) {
		whole->total = side->status == 200 && side->framing.has_length && !side->framing.chunked
				   ? side->framing.length
				   : 0;
		return;
	}
	if (!http_ranges_learn(whole, value_of(side->tx, F_RANGE_RAW)))
		whole->partial = http_prefix(whole->type, "multipart/byteranges");
}

void
http1_body_open(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir)
{
	static const struct http_body_odd body_odd = {A_DECOMPRESSION_FAILED, A_BOMB, A_MULTIPART_ERROR,
	    A_MULTIPART_HEADER, A_NO_FILEDATA, A_FILE_NAME, A_MEMLIMIT, A_RANGE_CONFLICT};
	struct http_body *body = &side->body;

	body->tx = side->tx;
	body->odd = &body_odd;
	body->dir = dir;
	if (body->name.size == 0)
		body->name = http1_tx(side->tx)->name;
	if (dir == CC_TO_CLIENT)
		learn_whole(side, &body->whole);
	http_body_open(ctx, body, &side->framing.codings,
	    dir == CC_TO_SERVER ? cc_get(side->tx, F_REQ_CONTENT_TYPE) : NULL);
}

/* Begins the body, or ends the message if there is none. */
void
http1_body_begin(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir)
{
	struct http1_side *side = &http1->side[dir];

	side->state = (uint8_t)body_state(side, dir);
	if (side->state == S_START)
		http1_message_done(ctx, http1, dir, true);
	else
		http1_body_open(ctx, side, dir);
}

void
http1_request_body(struct cc_ctx *ctx, struct http1 *http1)
{
	cc_tx_update(ctx, http1->side[CC_TO_SERVER].tx, CC_TO_SERVER);
	http1_body_begin(ctx, http1, CC_TO_SERVER);
}

/* What follows on both sides is another protocol. */
void
http1_leave_to(struct cc_ctx *ctx, struct http1 *http1, struct cc_tx *tx, unsigned to)
{
	http1->over = true;
	if (to == U_H2C)
		cc_hand_over(ctx, &http2_parser, http1_request_note(ctx, tx));
	else
		cc_hand_over(ctx, &websocket_parser, http1_extensions_note(tx));
}

/* 101: the request is answered, in HTTP/2 by what follows. */
static void
upgrade(struct cc_ctx *ctx, struct http1 *http1, unsigned to)
{
	struct cc_tx *tx = http1->side[CC_TO_CLIENT].tx;

	if (to == U_H2C || to == U_WEBSOCKET)
		http1_leave_to(ctx, http1, tx, to);
	http1_response_done(ctx, http1, true);
	for (unsigned i = 0; i < 2 && !http1->over; i++) { /* not for us */
		http_body_close(ctx, &http1->side[i].body, false);
		http1_reset(&http1->side[i], S_IGNORE);
		cc_enough(ctx, (enum cc_dir)i);
	}
}

void
http1_response_body(struct cc_ctx *ctx, struct http1 *http1)
{
	struct http1_side *side = &http1->side[CC_TO_CLIENT];
	struct http1_tx *own = http1_tx(side->tx);
	unsigned status = side->status;
	bool body = side->framing.chunked || side->framing.length > 0;

	cc_tx_update(ctx, side->tx, CC_TO_CLIENT);
	if (own->method == M_CONNECT) {
		if (status >= 200 && status < 300) {
			http1_response_done(ctx, http1, true);
			cc_switch(ctx);
			return;
		}
		if (http1->side[CC_TO_SERVER].state == S_WAIT)
			http1->side[CC_TO_SERVER].state = S_START;
	}
	if (status == 101 && (side->framing.upgrade != U_NONE || own->upgrade != U_NONE)) {
		upgrade(ctx, http1, side->framing.upgrade != U_NONE ? side->framing.upgrade : own->upgrade);
	} else if (own->method == M_HEAD || ((status == 204 || status == 304 || status / 100 == 1) && !body)) {
		http1_response_done(ctx, http1, true);
	} else if (status == 204 || status == 304 || status / 100 == 1) {
		side->state = S_MAYBE;
	} else {
		http1_body_begin(ctx, http1, CC_TO_CLIENT);
	}
}
