/*
 * HTTP/0.9, 1.0 and 1.1 (RFC 9110, 9112): requests and responses in, transactions and files out.
 *
 * Each side is a small machine over its own bytes; a response belongs to the oldest request that waits for one, or
 * stands alone.  Responses are read as a browser would that wants to show something at all costs: what the headers say
 * of the body is believed only as far as the body bears it out.
 */
#include "app/http1/own.h"

extern const struct cc_parser http2_parser, websocket_parser;

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/http1/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/http1/anomalies.def"
#undef ANOMALY
};

/* Too short to be told from the word. */
static bool
may_be(struct slice text, const char *lower)
{
	size_t i = 0;

	while (i < text.size && lower[i] != '\0' && http_lower(text.p[i]) == (uint8_t)lower[i])
		i++;
	return i == text.size && lower[i] != '\0';
}

static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	if (dir == CC_TO_SERVER)
		return http1_is_request(in);
	while (in.size > 0 && http_is_space(in.p[0]))
		in = http_drop(in, 1);
	if (may_be(in, "http/") || in.size < 6)
		return http_prefix(in, "http/") || may_be(in, "http/") ? CC_MORE : CC_BAD;
	return http_prefix(in, "http/") && http_is_digit(in.p[5]) ? CC_OK : CC_BAD;
}

/* The side is between messages again. */
static void
side_reset(struct http1_side *side, enum http1_state state)
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

static bool
request_open(struct cc_ctx *ctx, struct http1 *http1)
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
static bool
response_open(struct cc_ctx *ctx, struct http1 *http1)
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
	side_reset(side, connect && !tx->done[CC_TO_CLIENT] ? S_WAIT : S_START);
}

static void
response_done(struct cc_ctx *ctx, struct http1 *http1, bool whole)
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
	side_reset(side, S_START);
}

static void
message_done(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, bool whole)
{
	if (dir == CC_TO_SERVER)
		request_done(ctx, http1, whole);
	else
		response_done(ctx, http1, whole);
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
	uint64_t number[3] = {0, 0, 0};
	unsigned count = 0;

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
	if (http_range(value_of(side->tx, F_RANGE_RAW), number, &count) != CC_OK || count != 3) {
		whole->partial = http_prefix(whole->type, "multipart/byteranges");
		return;
	}
	whole->start = number[0];
	whole->end = number[1];
	whole->total = number[2];
}

static void
body_open(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir)
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
static void
body_begin(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir)
{
	struct http1_side *side = &http1->side[dir];

	side->state = (uint8_t)body_state(side, dir);
	if (side->state == S_START)
		message_done(ctx, http1, dir, true);
	else
		body_open(ctx, side, dir);
}

static void
request_body(struct cc_ctx *ctx, struct http1 *http1)
{
	cc_tx_update(ctx, http1->side[CC_TO_SERVER].tx, CC_TO_SERVER);
	body_begin(ctx, http1, CC_TO_SERVER);
}

/* What follows on both sides is another protocol. */
static void
leave_to(struct cc_ctx *ctx, struct http1 *http1, struct cc_tx *tx, unsigned to)
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
		leave_to(ctx, http1, tx, to);
	response_done(ctx, http1, true);
	for (unsigned i = 0; i < 2 && !http1->over; i++) { /* not for us */
		http_body_close(ctx, &http1->side[i].body, false);
		side_reset(&http1->side[i], S_IGNORE);
		cc_enough(ctx, (enum cc_dir)i);
	}
}

static void
response_body(struct cc_ctx *ctx, struct http1 *http1)
{
	struct http1_side *side = &http1->side[CC_TO_CLIENT];
	struct http1_tx *own = http1_tx(side->tx);
	unsigned status = side->status;
	bool body = side->framing.chunked || side->framing.length > 0;

	cc_tx_update(ctx, side->tx, CC_TO_CLIENT);
	if (own->method == M_CONNECT) {
		if (status >= 200 && status < 300) {
			response_done(ctx, http1, true);
			cc_switch(ctx);
			return;
		}
		if (http1->side[CC_TO_SERVER].state == S_WAIT)
			http1->side[CC_TO_SERVER].state = S_START;
	}
	if (status == 101 && (side->framing.upgrade != U_NONE || own->upgrade != U_NONE)) {
		upgrade(ctx, http1, side->framing.upgrade != U_NONE ? side->framing.upgrade : own->upgrade);
	} else if (own->method == M_HEAD || ((status == 204 || status == 304 || status / 100 == 1) && !body)) {
		response_done(ctx, http1, true);
	} else if (status == 204 || status == 304 || status / 100 == 1) {
		side->state = S_MAYBE;
	} else {
		body_begin(ctx, http1, CC_TO_CLIENT);
	}
}

/* 1xx comes before the real response, and leaves no trace but this. */
static bool
is_interim(struct slice head)
{
	struct slice line = head;

	while (line.size > 0 && http_is_space(line.p[0]))
		line = http_drop(line, 1);
	while (line.size > 0 && !http_is_space(line.p[0]))
		line = http_drop(line, 1);
	while (line.size > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		line = http_drop(line, 1);
	return line.size >= 4 && line.p[0] == '1' && http_is_digit(line.p[1]) && http_is_digit(line.p[2]) &&
	    http_is_space(line.p[3]) && memcmp(line.p, "101", 3) != 0 && !http_find(head, "content-length") &&
	    !http_find(head, "transfer-encoding");
}

/* A whole head, or as much of it as is taken. */
static enum cc_status
head_take(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct slice head)
{
	struct http1_side *side = &http1->side[dir];

	if (dir == CC_TO_SERVER) {
		if (!request_open(ctx, http1))
			return CC_BAD;
		http1_head_request(ctx, side, head);
		return CC_OK;
	}
	if (!response_open(ctx, http1))
		return CC_BAD;
	if (is_interim(head)) {
		if (http1_tx(side->tx)->continued && http_find(head, " 100"))
			http1_odd(ctx, side->tx, A_CONTINUE_SEEN);
		http1_tx(side->tx)->continued = true;
		if (side->tx == http1->first)
			side_reset(side, S_START);
		else
			response_done(ctx, http1, true);
		return CC_MORE;
	}
	http1_head_response(ctx, side, head);
	return CC_OK;
}

static void
body_of(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir)
{
	if (dir == CC_TO_SERVER)
		request_body(ctx, http1);
	else
		response_body(ctx, http1);
}

/* "GET /" CR LF and nothing else: HTTP/0.9, unless headers follow. */
static bool
is_09(struct slice in, size_t *ret_size)
{
	const uint8_t *lf;
	struct slice line;
	size_t n = 0;

	lf = in.size > 0 ? memchr(in.p, '\n', in.size) : NULL;
	if (lf == NULL)
		return false;
	*ret_size = (size_t)(lf - in.p) + 1;
	line = http_trim(slice_of(in.p, *ret_size));
	if (line.size == 0)
		return false;
	for (unsigned words = 0; n < line.size; words++) {
		if (words == 2)
			return false;
		while (n < line.size && !http_is_space(line.p[n]))
			n++;
		while (n < line.size && http_is_space(line.p[n]))
			n++;
	}
	return true;
}

static enum cc_status
take_head(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];
	size_t limit = cc_limit(ctx, "http.header_limit"), size;
	enum cc_status st;

	if (dir == CC_TO_SERVER && !side->scan.begun && is_09(cur_rest(in), &size)) {
		st = head_take(ctx, http1, dir, cur_take(in, size));
		side->state = S_AFTER_09;
		return st;
	}
	st = http1_head_find(cur_rest(in), dir == CC_TO_CLIENT, cc_is_last(ctx), &side->scan, &size);
	if (st == CC_OK && size <= limit) {
		st = head_take(ctx, http1, dir, cur_take(in, size));
		if (st == CC_OK)
			body_of(ctx, http1, dir);
		return st == CC_BAD ? CC_BAD : CC_OK;
	}
	if (cur_left(in) < limit)
		return CC_MORE;
	st = head_take(ctx, http1, dir, cur_take(in, limit));
	if (st == CC_OK) {
		http1_odd(ctx, side->tx, dir == CC_TO_SERVER ? A_REQ_TOO_LONG : A_RES_TOO_LONG);
		side->state = S_SKIP_HEAD;
		side->mid_line = true;
	}
	return st == CC_BAD ? CC_BAD : CC_OK;
}

/* The rest of a head beyond its limit, up to its empty line. */
static enum cc_status
skip_head(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];

	while (cur_left(in) > 0) {
		uint8_t c = cur_u8(in);

		if (c == '\n' && !side->mid_line) {
			body_of(ctx, http1, dir);
			return CC_OK;
		}
		if (c == '\n')
			side->mid_line = false;
		else if (c != '\r')
			side->mid_line = true;
	}
	return CC_MORE;
}

static enum cc_status
after_09(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct http1_side *side = &http1->side[CC_TO_SERVER];
	struct slice rest = cur_rest(in);
	enum cc_status st;

	if (rest.p[0] == '\n' || (rest.p[0] == '\r' && rest.size > 1 && rest.p[1] == '\n')) {
		cur_skip(in, rest.p[0] == '\n' ? 1 : 2);
		request_body(ctx, http1);
		return CC_OK;
	}
	if (rest.p[0] == '\r' && rest.size == 1)
		return CC_MORE;
	st = http1_goes_on(rest, cc_is_last(ctx));
	if (st == CC_MORE)
		return cur_left(in) < HTTP1_LINE_MAX ? CC_MORE : CC_BAD;
	if (st == CC_OK) {
		side->state = S_HEAD_09;
		side->scan = (struct http1_scan){.begun = true};
	} else {
		request_body(ctx, http1);
	}
	return CC_OK;
}

static enum cc_status
head_09(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct http1_side *side = &http1->side[CC_TO_SERVER];
	size_t limit = cc_limit(ctx, "http.header_limit"), size;

	if (http1_head_find(cur_rest(in), false, cc_is_last(ctx), &side->scan, &size) != CC_OK) {
		if (cur_left(in) < limit)
			return CC_MORE;
		size = limit;
	}
	http1_head_more(ctx, side, cur_take(in, size));
	request_body(ctx, http1);
	return CC_OK;
}

static enum cc_status
request_start(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct http1_side *side = &http1->side[CC_TO_SERVER];
	enum cc_status st;

	while (cur_left(in) > 0 && (in->p[0] == '\r' || in->p[0] == '\n'))
		cur_skip(in, 1);
	if (cur_left(in) == 0)
		return CC_MORE;
	st = http1_is_request(cur_rest(in));
	if (st == CC_BAD && http1->last != NULL && http1_tx(http1->last)->upgrade > U_OTHER) {
		/* The protocol that was asked for, before the answer is here; when none comes, it is believed so. */
		if (cur_left(in) <= HTTP1_LINE_MAX && !cc_is_last(ctx))
			return CC_MORE;
		leave_to(ctx, http1, http1->last, http1_tx(http1->last)->upgrade);
		return CC_OK;
	}
	if (st == CC_MORE)
		return CC_MORE;
	side->state = S_HEAD;
	if (st == CC_BAD) {
		http1_odd(ctx, NULL, http1->requests > 0 ? A_BODY_UNEXPECTED : A_LINE_INVALID);
		side->state = S_LOST;
	}
	return CC_OK;
}

/*
 * Where a status line should begin.  A line of something else is passed over when a status line follows it; otherwise
 * all of it is the body of an HTTP/0.9 answer, which is what a client makes of it.
 */
static enum cc_status
response_start(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct http1_side *side = &http1->side[CC_TO_CLIENT];
	struct slice rest = cur_rest(in);
	const uint8_t *lf;

	while (rest.size > 0 && http_is_space(rest.p[0]))
		rest = http_drop(rest, 1);
	if (rest.size == 0) {
		if (cur_left(in) > HTTP1_LINE_MAX)
			in->p = in->end;
		return CC_MORE;
	}
	if (http1_is_status(rest)) {
		in->p = rest.p;
		side->state = S_HEAD;
		return CC_OK;
	}
	if (may_be(rest, "http") && !cc_is_last(ctx))
		return CC_MORE;
	lf = memchr(rest.p, '\n', rest.size);
	if (lf == NULL && rest.size < HTTP1_LINE_MAX && !cc_is_last(ctx))
		return CC_MORE;
	if (lf != NULL) {
		struct slice next = slice_of(lf + 1, (size_t)(in->end - lf) - 1);

		if (may_be(next, "http") && !cc_is_last(ctx))
			return CC_MORE;
		if (http_prefix(next, "http")) {
			http1_odd(ctx, http1->first, A_RES_PROTOCOL);
			in->p = next.p;
			return CC_OK;
		}
	}
	if (http1->first == NULL) { /* nobody asked */
		http1_odd(ctx, NULL, A_UNASKED);
		side->state = S_LOST;
		return CC_OK;
	}
	if (!response_open(ctx, http1))
		return CC_BAD;
	if (!http1_tx(side->tx)->no_protocol)
		http1_odd(ctx, side->tx, A_RES_PROTOCOL);
	side->state = S_CLOSE;
	body_open(ctx, side, CC_TO_CLIENT);
	return CC_OK;
}

/* Line by line, until one looks like the start of a message. */
static enum cc_status
find_start(struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	while (cur_left(in) > 0) {
		struct slice rest = cur_rest(in);
		const uint8_t *lf = memchr(rest.p, '\n', rest.size);
		enum cc_status st;

		if (dir == CC_TO_SERVER)
			st = http1_is_request(rest);
		else if (may_be(rest, "http/1."))
			st = CC_MORE;
		else
			st = http_prefix(rest, "http/1.") ? CC_OK : CC_BAD;
		if (st == CC_OK) {
			http1->side[dir].state = S_START;
			return CC_OK;
		}
		if (st == CC_MORE && rest.size < HTTP1_LINE_MAX)
			return CC_MORE;
		if (lf == NULL && rest.size < HTTP1_LINE_MAX)
			return CC_MORE;
		in->p = lf != NULL ? lf + 1 : in->end;
	}
	return CC_MORE;
}

/* The status said that no body would come, the headers that one would: what does come decides. */
static enum cc_status
maybe_body(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct slice rest = cur_rest(in);

	if (may_be(rest, "http") && !cc_is_last(ctx))
		return CC_MORE;
	if (http_prefix(rest, "http"))
		response_done(ctx, http1, true);
	else
		body_begin(ctx, http1, CC_TO_CLIENT);
	return CC_OK;
}

static enum cc_status
after_loose(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct slice rest = cur_rest(in);

	if (may_be(rest, "http/") && !cc_is_last(ctx))
		return CC_MORE;
	if (http_prefix(rest, "http/"))
		response_done(ctx, http1, true);
	else
		http1->side[CC_TO_CLIENT].state = S_CLOSE;
	return CC_OK;
}

static enum cc_status
take_length(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];
	size_t size = cur_left(in) < side->left ? cur_left(in) : (size_t)side->left;

	http_body_add(ctx, &side->body, cur_take(in, size));
	side->left -= size;
	if (side->left > 0)
		return CC_MORE;
	if (side->state == S_LOOSE)
		side->state = S_AFTER_LOOSE;
	else if (side->state == S_CHUNK_DATA)
		side->state = S_CHUNK_SIZE;
	else
		message_done(ctx, http1, dir, true);
	return CC_OK;
}

/*
 * A chunk's size line: white space, hex digits, anything, LF (RFC 9112, 7.1, and what browsers make of it).  CC_BAD: no
 * such line.
 */
static enum cc_status
chunk_line(struct slice in, uint64_t *ret_size, size_t *ret_line, bool *ret_extension)
{
	const uint8_t *lf;
	size_t n = 0, from;
	uint64_t size = 0;

	while (n < in.size && (http_is_space(in.p[n]) || in.p[n] == 0))
		n++;
	if (n > 256)
		return CC_BAD;
	if (n == in.size)
		return CC_MORE;
	from = n;
	for (; n < in.size && http_hex(in.p[n]) >= 0; n++) {
		if (size >> 56 != 0)
			return CC_BAD;
		size = size << 4 | (uint64_t)http_hex(in.p[n]);
	}
	if (n == from)
		return CC_BAD;
	lf = n < in.size ? memchr(in.p + n, '\n', in.size - n) : NULL;
	if (lf == NULL)
		return in.size - from < HTTP1_LINE_MAX ? CC_MORE : CC_BAD;
	*ret_size = size;
	*ret_line = (size_t)(lf - in.p) + 1;
	*ret_extension = memchr(in.p + n, ';', (size_t)(lf - in.p) - n) != NULL;
	return CC_OK;
}

static enum cc_status
take_chunk_size(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];
	bool extension = false;
	size_t line = 0;
	uint64_t size = 0;
	enum cc_status st = chunk_line(cur_rest(in), &size, &line, &extension);

	if (st == CC_MORE && !(cc_is_last(ctx) && side->first_chunk))
		return CC_MORE;
	if (st != CC_OK) { /* it isn't chunked, or not any more */
		if (!side->first_chunk && in->p[0] == '\r') /* the end of the chunk before */
			cur_skip(in, 1);
		if (!side->first_chunk && cur_left(in) > 0 && in->p[0] == '\n')
			cur_skip(in, 1);
		http1_odd(ctx, side->tx, dir == CC_TO_SERVER ? A_REQ_CHUNK_LEN : A_RES_CHUNK_LEN);
		if (side->first_chunk && side->framing.has_length) {
			side->left = side->framing.length;
			side->state = side->left > 0 ? S_LENGTH : S_CLOSE;
		} else {
			side->state = S_CLOSE;
		}
		return CC_OK;
	}
	if (extension && dir == CC_TO_SERVER && side->first_chunk)
		http1_odd(ctx, side->tx, A_CHUNK_EXTENSION);
	side->first_chunk = false;
	cur_skip(in, line);
	side->left = size;
	side->state = size > 0 ? S_CHUNK_DATA : S_TRAILER;
	return CC_OK;
}

/* Trailers are passed over; the next message, where the empty line should be, ends them too. */
static enum cc_status
take_trailer(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);

	if (lf == NULL && rest.size < HTTP1_LINE_MAX)
		return CC_MORE;
	if (lf == NULL) {
		in->p = in->end;
		return CC_OK;
	}
	if (dir == CC_TO_CLIENT && http_prefix(rest, "http/1.")) {
		message_done(ctx, http1, dir, true);
		return CC_OK;
	}
	in->p = lf + 1;
	if (lf == rest.p || (lf == rest.p + 1 && rest.p[0] == '\r'))
		message_done(ctx, http1, dir, true);
	else if (memchr(rest.p, ':', (size_t)(lf - rest.p)) == NULL)
		http1_odd(ctx, http1->side[dir].tx, dir == CC_TO_SERVER ? A_REQ_MISSING_COLON : A_RES_MISSING_COLON);
	return CC_OK;
}

static enum cc_status
step(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir, struct cur *in)
{
	struct http1_side *side = &http1->side[dir];

	switch (side->state) {
	case S_START:
		return dir == CC_TO_SERVER ? request_start(ctx, http1, in) : response_start(ctx, http1, in);
	case S_HEAD:
		return take_head(ctx, http1, dir, in);
	case S_SKIP_HEAD:
		return skip_head(ctx, http1, dir, in);
	case S_AFTER_09:
		return after_09(ctx, http1, in);
	case S_HEAD_09:
		return head_09(ctx, http1, in);
	case S_MAYBE:
		return maybe_body(ctx, http1, in);
	case S_AFTER_LOOSE:
		return after_loose(ctx, http1, in);
	case S_LENGTH:
	case S_LOOSE:
	case S_CHUNK_DATA:
		return take_length(ctx, http1, dir, in);
	case S_CHUNK_SIZE:
		return take_chunk_size(ctx, http1, dir, in);
	case S_TRAILER:
		return take_trailer(ctx, http1, dir, in);
	case S_CLOSE:
		http_body_add(ctx, &side->body, cur_take(in, cur_left(in)));
		return CC_MORE;
	case S_LOST:
		return find_start(http1, dir, in);
	case S_WAIT:
		if (cur_left(in) > HTTP1_LINE_MAX) /* no answer is seen, and it talks on: tunnelled */
			cc_switch(ctx);
		return CC_MORE;
	default:
		in->p = in->end;
		return CC_MORE;
	}
}

enum { FRAME_REQUEST, FRAME_RESPONSE, FRAME_COUNT };

static const struct cc_frame_kind frames[FRAME_COUNT] = {
	[FRAME_REQUEST] = {"request", "A request: line, headers, body and trailers as sent."},
	[FRAME_RESPONSE] = {"response", "A response: line, headers, body and trailers as sent."},
};

static bool
between(unsigned state)
{
	return state == S_START || state == S_IGNORE || state == S_WAIT || state == S_LOST;
}

/* A message begins where a step has left the start, and ends where one has come back to it. */
static void
message_frame(struct cc_ctx *ctx, enum cc_dir dir, unsigned before, unsigned after, const uint8_t *p)
{
	unsigned kind = dir == CC_TO_SERVER ? FRAME_REQUEST : FRAME_RESPONSE;

	if (before == S_START && !between(after))
		cc_frame(ctx, NULL, dir, kind, p, CC_FRAME_OPEN);
	else if (!between(before) && between(after))
		cc_frame_end(ctx, dir, kind, p);
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	struct http1 *http1 = state;
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(in) > 0) {
		bool connect = dir == CC_TO_CLIENT && http1->first != NULL &&
		    http1_tx(http1->first)->method == M_CONNECT;
		unsigned before;

		before = http1->side[dir].state;
		st = step(ctx, http1, dir, in);
		message_frame(ctx, dir, before, http1->side[dir].state, in->p);
		if (http1->over || (connect && http1->first == NULL && http1->side[CC_TO_SERVER].state == S_WAIT))
			break; /* granted: what follows is another protocol's */
	}
	return st;
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct http1 *http1 = state;
	struct http1_side *side = &http1->side[dir];

	switch (side->state) {
	case S_CLOSE:
		http_body_gap(ctx, &side->body, size);
		break;
	case S_LENGTH:
	case S_LOOSE:
	case S_CHUNK_DATA:
		if (size < side->left) {
			http_body_gap(ctx, &side->body, size);
			side->left -= size;
			break;
		}
		if (size == side->left && side->state == S_LENGTH) {
			http_body_gap(ctx, &side->body, size);
			message_done(ctx, http1, dir, true);
			break;
		}
		/* fall through */
	default:
		if (side->state == S_IGNORE || side->state == S_WAIT)
			break;
		if (side->tx != NULL)
			message_done(ctx, http1, dir, false);
		side_reset(side, S_LOST);
		break;
	}
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct http1 *http1 = state;
	struct http1_side *side = &http1->side[dir];
	bool whole = side->state == S_CLOSE || side->state == S_MAYBE || side->state == S_AFTER_LOOSE ||
	    side->state == S_TRAILER || side->state == S_AFTER_09;

	side->finished = true;
	if (side->tx != NULL)
		message_done(ctx, http1, dir, whole);
	/* Nothing more comes: the requests that still wait have no response. */
	if (!http1->side[cc_dir_other(dir)].finished)
		return;
	while (http1->first != NULL) {
		struct cc_tx *tx = http1->first;

		http1->first = http1_tx(tx)->next;
		cc_tx_done(ctx, tx);
	}
}

static void
close_flow(struct cc_ctx *ctx, void *state)
{
	struct http1 *http1 = state;

	for (unsigned i = 0; i < 2; i++) {
		http_body_forget(ctx, &http1->side[i].body);
	}
}

const struct cc_parser http1_parser = {
	.name = "http",
	.ports = "tcp/80 tcp/8080 tcp/8000 tcp/3128",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.frames = frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct http1),
	.tx_size = sizeof(struct http1_tx),
	.unit_max = HTTP1_UNIT_MAX,
	.tcp = true,
	.probe = probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = close_flow,
};
