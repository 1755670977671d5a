/*
 * SIP over UDP and TCP (RFC 3261): each message, request or response, is a transaction.
 *
 *     METHOD SP uri SP SIP/2.0 CRLF        or        SIP/2.0 SP code SP reason CRLF
 *     Name: value CRLF …  CRLF  body
 *
 * Over TCP a message is read when its head is here; its body goes by, counted by Content-Length. Peers call each other
 * on
 * one flow, so either side may send either kind: buffers stand on the side that the message went. One thread, a
 * worker's.
 */
#include "base/base.h"
#include "concert/parser.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)
#define METHOD_MAX 32
#define PROBE_LINE_MAX 1024 /* of a first line that is waited for */

/* SIDES: a buffer has one index for each side, in the order of enum cc_dir. */
#define SIDES(symbol) symbol##_TS, symbol##_TC
enum {
	F_METHOD, F_URI, F_VERSION, F_REQUEST_LINE, F_CODE, F_REASON, F_RESPONSE_LINE, F_FROM, F_TO, F_CALL_ID,
	F_CONTACT, F_AGENT, F_TYPE, F_USER,
	SIDES(B_METHOD), SIDES(B_URI), SIDES(B_PROTOCOL), SIDES(B_REQUEST_LINE), SIDES(B_CODE), SIDES(B_REASON),
	SIDES(B_RESPONSE_LINE), SIDES(B_FROM), SIDES(B_TO), SIDES(B_VIA), SIDES(B_AGENT), SIDES(B_TYPE),
	SIDES(B_LENGTH),
	F_COUNT,
};
#undef SIDES

#define SIDES(symbol, flags, name, help) \
	[symbol##_TS] = {name, NULL, CC_BYTES, CC_REQUEST | flags, help}, \
	[symbol##_TC] = {name, NULL, CC_BYTES, CC_RESPONSE | flags, help}

static const struct cc_field sip_fields[F_COUNT] = {
	[F_METHOD] = {NULL, "method", CC_BYTES, BOTH, "Method of a request."},
	[F_URI] = {NULL, "uri", CC_BYTES, BOTH, "Whom the request is for."},
	[F_VERSION] = {NULL, "version", CC_BYTES, BOTH, "\"SIP/2.0\"."},
	[F_REQUEST_LINE] = {NULL, "request_line", CC_BYTES, BOTH, "First line of a request."},
	[F_CODE] = {NULL, "code", CC_BYTES, BOTH, "Status of a response."},
	[F_REASON] = {NULL, "reason", CC_BYTES, BOTH, "What the response says of it."},
	[F_RESPONSE_LINE] = {NULL, "response_line", CC_BYTES, BOTH, "First line of a response."},
	[F_FROM] = {NULL, "concert.from", CC_BYTES, BOTH, "Who calls."},
	[F_TO] = {NULL, "concert.to", CC_BYTES, BOTH, "Who is called."},
	[F_CALL_ID] = {NULL, "concert.call_id", CC_BYTES, BOTH, "What the messages of a call have in common."},
	[F_CONTACT] = {NULL, "concert.contact", CC_BYTES, BOTH, "Where the sender can be reached."},
	[F_AGENT] = {NULL, "concert.user_agent", CC_BYTES, BOTH, "The sender's software."},
	[F_TYPE] = {NULL, "concert.content_type", CC_BYTES, BOTH, "What the body is."},
	[F_USER] = {NULL, "concert.auth_user", CC_BYTES, BOTH, "Name that the sender proves, of Authorization."},
	SIDES(B_METHOD, 0, "sip.method", "Method of a request."),
	SIDES(B_URI, 0, "sip.uri", "Whom the request is for."),
	SIDES(B_PROTOCOL, 0, "sip.protocol", "\"SIP/2.0\"."),
	SIDES(B_REQUEST_LINE, 0, "sip.request_line", "First line of a request."),
	SIDES(B_CODE, 0, "sip.stat_code", "Status of a response."),
	SIDES(B_REASON, 0, "sip.stat_msg", "What a response says of its status."),
	SIDES(B_RESPONSE_LINE, 0, "sip.response_line", "First line of a response."),
	SIDES(B_FROM, CC_MULTI, "sip.from", "Value of From."),
	SIDES(B_TO, CC_MULTI, "sip.to", "Value of To."),
	SIDES(B_VIA, CC_MULTI, "sip.via", "Value of Via."),
	SIDES(B_AGENT, CC_MULTI, "sip.user_agent", "Value of User-Agent."),
	SIDES(B_TYPE, CC_MULTI, "sip.content_type", "Value of Content-Type."),
	SIDES(B_LENGTH, CC_MULTI, "sip.content_length", "Value of Content-Length."),
};
#undef SIDES

enum { A_INCOMPLETE, A_INVALID, A_HEADER_TOO_LONG, A_BODY_TOO_LONG, A_PLAINTEXT, A_COUNT };

static const struct cc_anomaly sip_anomalies[A_COUNT] = {
	[A_INCOMPLETE] = {"incomplete_data", "A datagram ends before the message's head does."},
	[A_INVALID] = {"invalid_data", "A message has no first line, or a header no colon."},
	[A_HEADER_TOO_LONG] = {"header_too_long", "A message's head is longer than sip.header_limit."},
	[A_BODY_TOO_LONG] = {"body_too_long", "A message over TCP announces a body beyond sip.body_limit."},
	[A_PLAINTEXT] = {"plaintext_credentials", "A password goes by in clear (Basic authentication)."},
};

enum {
	FRAME_PDU, FRAME_REQUEST_LINE, FRAME_RESPONSE_LINE, FRAME_REQUEST_HEADERS, FRAME_RESPONSE_HEADERS,
	FRAME_REQUEST_BODY, FRAME_RESPONSE_BODY,
	FRAME_COUNT,
};

static const struct cc_frame_kind sip_frames[FRAME_COUNT] = {
	[FRAME_PDU] = {"pdu", "A message."},
	[FRAME_REQUEST_LINE] = {"request.line", "First line of a request."},
	[FRAME_RESPONSE_LINE] = {"response.line", "First line of a response."},
	[FRAME_REQUEST_HEADERS] = {"request.headers", "A request's headers."},
	[FRAME_RESPONSE_HEADERS] = {"response.headers", "A response's headers."},
	[FRAME_REQUEST_BODY] = {"request.body", "A request's body."},
	[FRAME_RESPONSE_BODY] = {"response.body", "A response's body."},
};

struct sip_state {
	bool lost[2];       /* by enum cc_dir: after a gap, no message's beginning found yet */
	uint64_t skip[2];   /* bytes of a body, still to come */
};

struct start {
	bool response;
	struct slice line, method, uri, version, code, reason;
};

/* One message's head: the first line, and where the headers and the body begin. */
struct head {
	struct start start;
	struct slice headers;
	size_t size; /* with the empty line */
	bool whole;
};

/* The next line, without CR LF; false: its end isn't here, and the line is all that is left. */
static bool
next_line(struct cur *c, struct slice *ret_line)
{
	struct slice rest = cur_rest(c);
	const uint8_t *end = rest.size > 0 ? memchr(rest.p, '\n', rest.size) : NULL;

	if (end != NULL)
		rest.size = (size_t)(end - rest.p);
	*ret_line = rest;
	cur_skip(c, rest.size + (end != NULL ? 1 : 0));
	if (ret_line->size > 0 && ret_line->p[ret_line->size - 1] == '\r')
		ret_line->size--;
	return end != NULL;
}

static struct slice
take_word(struct slice *rest)
{
	const uint8_t *space = rest->size > 0 ? memchr(rest->p, ' ', rest->size) : NULL;
	struct slice word = slice_of(rest->p, space != NULL ? (size_t)(space - rest->p) : rest->size);

	*rest = space != NULL ? slice_of(space + 1, rest->size - word.size - 1) : slice_of(NULL, 0);
	return word;
}

static bool
is_version(struct slice word)
{
	return word.size == 7 && memcmp(word.p, "SIP/", 4) == 0 && word.p[4] >= '0' && word.p[4] <= '9' &&
	    word.p[5] == '.' && word.p[6] >= '0' && word.p[6] <= '9';
}

static bool
is_method(struct slice word)
{
	if (word.size == 0 || word.size > METHOD_MAX)
		return false;
	for (size_t i = 0; i < word.size; i++)
		if (word.p[i] < 'A' || word.p[i] > 'Z')
			return false;
	return true;
}

static bool
is_code(struct slice word)
{
	return word.size == 3 && word.p[0] >= '1' && word.p[0] <= '7' && word.p[1] >= '0' && word.p[1] <= '9' &&
	    word.p[2] >= '0' && word.p[2] <= '9';
}

static enum cc_status
read_start(struct slice line, struct start *ret_start)
{
	struct start start = {.line = line};
	struct slice rest = line;

	start.method = take_word(&rest);
	if (is_version(start.method)) {
		start.response = true;
		start.version = start.method;
		start.code = take_word(&rest);
		start.reason = rest;
		*ret_start = start;
		return is_code(start.code) ? CC_OK : CC_BAD;
	}
	start.uri = take_word(&rest);
	start.version = rest;
	*ret_start = start;
	return is_method(start.method) && start.uri.size > 0 && is_version(rest) ? CC_OK : CC_BAD;
}

/* CC_MORE: right so far, with ret_head->whole false and what is here of the headers.  CC_BAD: no message's beginning.
 */
static enum cc_status
read_head(struct slice in, struct head *ret_head)
{
	struct cur c = cur_slice(in);
	struct head head = {.size = 0};
	struct slice line;
	bool ended = next_line(&c, &line);

	if (read_start(line, &head.start) != CC_OK)
		return ended ? CC_BAD : CC_MORE;
	head.headers = cur_rest(&c);
	while (cur_left(&c) > 0) {
		struct slice before = cur_rest(&c);

		if (!next_line(&c, &line))
			break;
		if (line.size == 0) {
			head.headers.size = (size_t)(before.p - head.headers.p);
			head.size = (size_t)(c.p - in.p);
			head.whole = true;
			break;
		}
	}
	*ret_head = head;
	return head.whole ? CC_OK : CC_MORE;
}

/* Some keep a connection open with empty lines or NULs. */
static size_t
idle_bytes(struct slice in)
{
	size_t size = 0;

	while (size < in.size && (in.p[size] == '\r' || in.p[size] == '\n' || in.p[size] == 0))
		size++;
	return size;
}

static enum cc_status
sip_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	struct slice line;
	struct start start;

	(void)ctx;
	(void)dir;
	cur_skip(&c, idle_bytes(in) <= 4 ? idle_bytes(in) : 0);
	if (cur_left(&c) == 0)
		return CC_MORE;
	if (next_line(&c, &line))
		return read_start(line, &start);
	if (line.size > PROBE_LINE_MAX)
		return CC_BAD;
	/* As far as it is here: a method, or the version. */
	for (size_t i = 0; i < line.size; i++) {
		if (line.p[i] == ' ')
			return CC_MORE;
		if ((line.p[i] < 'A' || line.p[i] > 'Z' || i >= METHOD_MAX) && (i < 3 || i > 6 || line.p[0] != 'S'))
			return CC_BAD;
	}
	return CC_MORE;
}

static struct slice
trimmed(struct slice text)
{
	while (text.size > 0 && (text.p[0] == ' ' || text.p[0] == '\t' || text.p[0] == '\r' || text.p[0] == '\n'))
		text = slice_of(text.p + 1, text.size - 1);
	while (text.size > 0 && (text.p[text.size - 1] == ' ' || text.p[text.size - 1] == '\t' ||
		text.p[text.size - 1] == '\r' || text.p[text.size - 1] == '\n'))
		text.size--;
	return text;
}

/* The next header; its value may be folded over several lines.  CC_BAD: a line without a colon; CC_END: none is left.
 */
static enum cc_status
next_header(struct cur *c, struct slice *ret_name, struct slice *ret_value)
{
	struct slice line;
	const uint8_t *colon, *end;

	if (cur_left(c) == 0)
		return CC_END;
	next_line(c, &line);
	end = line.p + line.size;
	while (cur_left(c) > 0 && (*c->p == ' ' || *c->p == '\t')) {
		struct slice more;

		next_line(c, &more);
		end = more.p + more.size;
	}
	colon = line.size > 0 ? memchr(line.p, ':', line.size) : NULL;
	if (colon == NULL)
		return CC_BAD;
	*ret_name = trimmed(slice_of(line.p, (size_t)(colon - line.p)));
	*ret_value = trimmed(slice_of(colon + 1, (size_t)(end - colon - 1)));
	return CC_OK;
}

/* user="name" of a Digest; of Basic, that there is one is enough. */
static void
put_authorization(struct cc_ctx *ctx, struct cc_tx *tx, struct slice value)
{
	static const char word[] = "username=\"";
	const uint8_t *at, *end;
	size_t size;

	if (value.size > 6 && text_eq_nocase(slice_of(value.p, 6), "basic "))
		cc_anomaly(ctx, tx, A_PLAINTEXT);
	at = value.size > 0 ? memmem(value.p, value.size, word, sizeof(word) - 1) : NULL;
	if (at == NULL)
		return;
	at += sizeof(word) - 1;
	size = (size_t)(value.p + value.size - at);
	end = size > 0 ? memchr(at, '"', size) : NULL;
	if (end != NULL)
		cc_put_ref(ctx, tx, F_USER, slice_of(at, (size_t)(end - at)));
}

/* Digits to a number; anything else, or too much, is 0 and says so. */
static bool
read_length(struct slice value, uint64_t *ret_length)
{
	uint64_t length = 0;

	for (size_t i = 0; i < value.size; i++) {
		if (value.p[i] < '0' || value.p[i] > '9' || i > 12)
			return false;
		length = length * 10 + (uint64_t)(value.p[i] - '0');
	}
	*ret_length = length;
	return value.size > 0;
}

struct known_header {
	const char *name;
	char compact;
	uint8_t field, buffer; /* F_COUNT: none */
};

static const struct known_header known_headers[] = {
	{"from", 'f', F_FROM, B_FROM_TS}, {"to", 't', F_TO, B_TO_TS}, {"via", 'v', F_COUNT, B_VIA_TS},
	{"call-id", 'i', F_CALL_ID, F_COUNT}, {"contact", 'm', F_CONTACT, F_COUNT},
	{"user-agent", 0, F_AGENT, B_AGENT_TS}, {"server", 0, F_AGENT, F_COUNT},
	{"content-type", 'c', F_TYPE, B_TYPE_TS}, {"content-length", 'l', F_COUNT, B_LENGTH_TS},
};

static const struct known_header *
find_header(struct slice name)
{
	for (size_t i = 0; i < sizeof(known_headers) / sizeof(known_headers[0]); i++)
		if (text_eq_nocase(name, known_headers[i].name) || (name.size == 1 && known_headers[i].compact != 0 &&
			(name.p[0] | 32) == known_headers[i].compact))
			return &known_headers[i];
	return NULL;
}

/* Returns the body's length as announced; 0: none. */
static uint64_t
put_headers(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice headers)
{
	struct cur c = cur_slice(headers);
	struct slice name, value;
	uint64_t length = 0;
	bool invalid = false;
	enum cc_status st;

	while ((st = next_header(&c, &name, &value)) != CC_END) {
		const struct known_header *known = st == CC_OK ? find_header(name) : NULL;

		invalid = invalid || st != CC_OK;
		if (st != CC_OK)
			continue;
		if (text_eq_nocase(name, "authorization") || text_eq_nocase(name, "proxy-authorization"))
			put_authorization(ctx, tx, value);
		if (known == NULL)
			continue;
		if (known->field != F_COUNT && cc_get(tx, known->field) == NULL)
			cc_put_ref(ctx, tx, known->field, value);
		if (known->buffer != F_COUNT)
			cc_put_ref(ctx, tx, known->buffer + dir, value);
		if (known->buffer == B_LENGTH_TS && !read_length(value, &length))
			invalid = true;
	}
	if (invalid)
		cc_anomaly(ctx, tx, A_INVALID);
	return length;
}

static void
put_both(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, unsigned field, unsigned buffer, struct slice value)
{
	cc_put_ref(ctx, tx, field, value);
	cc_put_ref(ctx, tx, buffer + dir, value);
}

static void
tell_frames(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct head *head, const uint8_t *from,
    uint64_t body)
{
	bool response = head->start.response;
	size_t line = head->start.line.size; /* with its end: the headers begin there */

	if (head->headers.p != NULL && head->headers.p > from)
		line = (size_t)(head->headers.p - from);
	cc_frame(ctx, tx, dir, FRAME_PDU, from, head->size + body);
	cc_frame(ctx, tx, dir, response ? FRAME_RESPONSE_LINE : FRAME_REQUEST_LINE, from, line);
	cc_frame(ctx, tx, dir, response ? FRAME_RESPONSE_HEADERS : FRAME_REQUEST_HEADERS, head->headers.p,
	    head->headers.size);
	if (body > 0)
		cc_frame(ctx, tx, dir, response ? FRAME_RESPONSE_BODY : FRAME_REQUEST_BODY, from + head->size, body);
}

/* Makes a transaction of a message whose head is here.  Returns the announced length of its body. */
static uint64_t
message(struct cc_ctx *ctx, enum cc_dir dir, const struct head *head, const uint8_t *from, size_t left)
{
	const struct start *start = &head->start;
	struct cc_tx *tx = cc_tx_new(ctx);
	uint64_t length;

	if (start->response) {
		put_both(ctx, tx, dir, F_VERSION, B_PROTOCOL_TS, start->version);
		put_both(ctx, tx, dir, F_CODE, B_CODE_TS, start->code);
		if (start->reason.size > 0)
			put_both(ctx, tx, dir, F_REASON, B_REASON_TS, start->reason);
		put_both(ctx, tx, dir, F_RESPONSE_LINE, B_RESPONSE_LINE_TS, start->line);
	} else {
		put_both(ctx, tx, dir, F_METHOD, B_METHOD_TS, start->method);
		put_both(ctx, tx, dir, F_URI, B_URI_TS, start->uri);
		put_both(ctx, tx, dir, F_VERSION, B_PROTOCOL_TS, start->version);
		put_both(ctx, tx, dir, F_REQUEST_LINE, B_REQUEST_LINE_TS, start->line);
	}
	length = put_headers(ctx, tx, dir, head->headers);
	if (!head->whole)
		cc_anomaly(ctx, tx, A_INCOMPLETE);
	else if (cc_is_udp(ctx))
		tell_frames(ctx, tx, dir, head, from, left - head->size);
	else
		tell_frames(ctx, tx, dir, head, from, length);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return length;
}

static void
datagram(struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	size_t idle = idle_bytes(in);
	struct head head = {.size = 0};

	if (idle == in.size)
		return;
	in = slice_of(in.p + idle, in.size - idle);
	if (in.size <= 4) /* keep-alives of some telephones */
		return;
	if (read_head(in, &head) == CC_BAD || read_start(head.start.line, &head.start) != CC_OK)
		cc_anomaly(ctx, NULL, A_INVALID);
	else
		message(ctx, dir, &head, in.p, in.size);
}

/* One message off *in.  CC_MORE: it isn't here yet. */
static enum cc_status
stream_message(struct cc_ctx *ctx, struct sip_state *state, enum cc_dir dir, struct cur *in)
{
	struct slice rest = cur_rest(in);
	struct head head = {.size = 0};
	enum cc_status st = read_head(rest, &head);
	uint64_t body;

	if (st == CC_MORE && rest.size > cc_limit(ctx, "sip.header_limit")) {
		cc_anomaly(ctx, NULL, A_HEADER_TOO_LONG);
		return CC_BAD;
	}
	if (st == CC_BAD)
		cc_anomaly(ctx, NULL, A_INVALID);
	if (st != CC_OK)
		return st;
	body = message(ctx, dir, &head, rest.p, rest.size);
	if (body > cc_limit(ctx, "sip.body_limit")) {
		cc_anomaly(ctx, NULL, A_BODY_TOO_LONG);
		body = 0;
		state->lost[dir] = true;
	}
	cur_skip(in, head.size);
	state->skip[dir] = body;
	return CC_OK;
}

static void
pass_by(struct cur *in, uint64_t *skip)
{
	size_t size = *skip < cur_left(in) ? (size_t)*skip : cur_left(in);

	cur_skip(in, size);
	*skip -= size;
}

static enum cc_status
sip_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct sip_state *state = own;

	if (cc_is_udp(ctx)) {
		datagram(ctx, dir, cur_take(in, cur_left(in)));
		return CC_OK;
	}
	for (;;) {
		enum cc_status st;

		pass_by(in, &state->skip[dir]);
		cur_skip(in, idle_bytes(cur_rest(in)));
		if (cur_left(in) == 0)
			return CC_OK;
		if (state->lost[dir]) { /* senders mostly begin a segment with a message */
			if (sip_probe(ctx, dir, cur_rest(in)) != CC_OK) {
				cur_skip(in, cur_left(in));
				return CC_OK;
			}
			state->lost[dir] = false;
		}
		st = stream_message(ctx, state, dir, in);
		if (st == CC_BAD) {
			state->lost[dir] = true;
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		if (st == CC_MORE)
			return CC_MORE;
	}
}

static enum cc_status
sip_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct sip_state *state = own;

	(void)ctx;
	if (size <= state->skip[dir]) {
		state->skip[dir] -= size;
		return CC_OK;
	}
	state->skip[dir] = 0;
	state->lost[dir] = true;
	return CC_OK;
}

const struct cc_parser sip_parser = {
	.name = "sip",
	.ports = "udp/5060 udp/5061 tcp/5060 tcp/5061",
	.fields = sip_fields,
	.field_count = F_COUNT,
	.anomalies = sip_anomalies,
	.anomaly_count = A_COUNT,
	.frames = sip_frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct sip_state),
	.unit_max = (1u << 20) + 65536,
	.tcp = true,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = sip_probe,
	.feed = sip_feed,
	.gap = sip_gap,
};
