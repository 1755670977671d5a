/*
 * HTTP/0.9, 1.0 and 1.1 (RFC 9110, 9112): requests and responses in, transactions and files out.
 *
 * Each side is a small machine over its own bytes; a response belongs to the oldest request that waits for one, or
 * stands alone.  Responses are read as a browser would that wants to show something at all costs: what the headers say
 * of the body is believed only as far as the body bears it out.
 */
#include "app/http1/own.h"

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
		if (!http1_request_open(ctx, http1))
			return CC_BAD;
		http1_head_request(ctx, side, head);
		return CC_OK;
	}
	if (!http1_response_open(ctx, http1))
		return CC_BAD;
	if (is_interim(head)) {
		if (http1_tx(side->tx)->continued && http_find(head, " 100"))
			http1_odd(ctx, side->tx, A_CONTINUE_SEEN);
		http1_tx(side->tx)->continued = true;
		if (side->tx == http1->first)
			http1_reset(side, S_START);
		else
			http1_response_done(ctx, http1, true);
		return CC_MORE;
	}
	http1_head_response(ctx, side, head);
	return CC_OK;
}

static void
body_of(struct cc_ctx *ctx, struct http1 *http1, enum cc_dir dir)
{
	if (dir == CC_TO_SERVER)
		http1_request_body(ctx, http1);
	else
		http1_response_body(ctx, http1);
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
		http1_request_body(ctx, http1);
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
		http1_request_body(ctx, http1);
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
	http1_request_body(ctx, http1);
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
		http1_leave_to(ctx, http1, http1->last, http1_tx(http1->last)->upgrade);
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
	if (!http1_response_open(ctx, http1))
		return CC_BAD;
	if (!http1_tx(side->tx)->no_protocol)
		http1_odd(ctx, side->tx, A_RES_PROTOCOL);
	side->state = S_CLOSE;
	http1_body_open(ctx, side, CC_TO_CLIENT);
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
		http1_response_done(ctx, http1, true);
	else
		http1_body_begin(ctx, http1, CC_TO_CLIENT);
	return CC_OK;
}

static enum cc_status
after_loose(struct cc_ctx *ctx, struct http1 *http1, struct cur *in)
{
	struct slice rest = cur_rest(in);

	if (may_be(rest, "http/") && !cc_is_last(ctx))
		return CC_MORE;
	if (http_prefix(rest, "http/"))
		http1_response_done(ctx, http1, true);
	else
		http1->side[CC_TO_CLIENT].state = S_CLOSE;
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
		return http1_take_length(ctx, http1, dir, in);
	case S_CHUNK_SIZE:
		return http1_take_chunk_size(ctx, http1, dir, in);
	case S_TRAILER:
		return http1_take_trailer(ctx, http1, dir, in);
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
			http1_message_done(ctx, http1, dir, true);
			break;
		}
		/* fall through */
	default:
		if (side->state == S_IGNORE || side->state == S_WAIT)
			break;
		if (side->tx != NULL)
			http1_message_done(ctx, http1, dir, false);
		http1_reset(side, S_LOST);
		break;
	}
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct http1 *http1 = state;
	struct http1_side *side = &http1->side[dir];
	bool whole = (side->state == S_CLOSE && cc_is_ended(ctx, dir)) || side->state == S_MAYBE ||
	    side->state == S_AFTER_LOOSE || side->state == S_TRAILER || side->state == S_AFTER_09;

	side->finished = true;
	if (side->tx != NULL)
		http1_message_done(ctx, http1, dir, whole);
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
