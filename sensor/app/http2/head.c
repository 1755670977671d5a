/*
 * The lines of a header block to values: pseudo headers first, then the headers that mean something, each and all of
 * them as rules look at them.  RFC 9113, 8.
 *
 * All of it is copied once, into the transaction's memory; nearly all values are slices of that copy.  Names are
 * compared as they are, for HTTP/2 knows none with upper-case letters.
 */
#include <stdio.h>

#include "app/http2/own.h"

struct head {
	struct cc_ctx *ctx;
	struct http2_stream *stream;
	struct cc_tx *tx;
	enum cc_dir dir;
	const struct http2_block *block;
	struct slice text;               /* the lines, in the transaction's memory */
	bool request, regular;           /* regular: a header that is no pseudo header was seen */
	struct slice method, path, authority, status;
	bool names_odd, values_odd, pseudo_odd, connection_odd;
};

static const struct {
	const char *name;
	int16_t field[2];                /* by side; -1: none */
	const char *glue;                /* between the values of several */
} known[] = {
	{"cookie", {F_REQ_COOKIE, -1}, "; "},
	{"accept", {F_ACCEPT, -1}, ", "},
	{"server", {-1, F_SERVER}, ", "},
	{"referer", {F_REFERER, -1}, ", "},
	{"location", {-1, F_LOCATION}, ", "},
	{"user-agent", {F_USER_AGENT, -1}, ", "},
	{"connection", {F_REQ_CONNECTION, F_RES_CONNECTION}, ", "},
	{"set-cookie", {-1, F_RES_COOKIE}, ", "},
	{"content-type", {F_REQ_CONTENT_TYPE, F_RES_CONTENT_TYPE}, ", "},
	{"content-range", {-1, F_RANGE_RAW}, ", "},
	{"content-length", {F_REQ_CONTENT_LEN, F_RES_CONTENT_LEN}, NULL},
	{"accept-encoding", {F_ACCEPT_ENC, -1}, ", "},
	{"accept-language", {F_ACCEPT_LANG, -1}, ", "},
};

static const struct http_auth auth_fields = {
    .mechanism = F_AUTH,
    .user = F_AUTH_USER,
    .ntlm = {.domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION,
	.server = NTLM_NONE},
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static struct slice
line_name(const struct head *head, const struct http2_line *line)
{
	return slice_of(head->text.p + line->at, line->name);
}

static struct slice
line_value(const struct head *head, const struct http2_line *line)
{
	return slice_of(head->text.p + line->at + line->name + 2, line->value);
}

static bool
is_cookie(struct slice name)
{
	return slice_is(name, "cookie") || slice_is(name, "set-cookie");
}

static uint8_t *
put_part(uint8_t *at, struct slice part)
{
	if (part.size > 0)
		memcpy(at, part.p, part.size);
	return at + part.size;
}

/* Up to three parts in a row, in the transaction's memory. */
static struct slice
join(struct head *head, struct slice a, struct slice b, struct slice c)
{
	uint8_t *p = cc_tx_alloc(head->ctx, head->tx, a.size + b.size + c.size);

	if (p == NULL)
		return slice_of(NULL, 0);
	put_part(put_part(put_part(p, a), b), c);
	return slice_of(p, a.size + b.size + c.size);
}

/* ---- what is odd about a line ---- */

static void
pseudo(struct head *head, struct slice name, struct slice value)
{
	const struct {
		const char *name;
		bool request;
		struct slice *to;
	} table[] = {
	    {":method", true, &head->method}, {":path", true, &head->path}, {":authority", true, &head->authority},
	    {":status", false, &head->status}, {":scheme", true, NULL}, {":protocol", true, NULL}};

	head->pseudo_odd = head->pseudo_odd || head->regular;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!slice_is(name, table[i].name))
			continue;
		head->pseudo_odd = head->pseudo_odd || table[i].request != head->request;
		if (table[i].to == NULL)
			return;
		if (table[i].to->p != NULL)
			head->pseudo_odd = true; /* the first counts */
		else
			*table[i].to = value;
		return;
	}
	head->pseudo_odd = true;
}

static void
judge(struct head *head, struct slice name, struct slice value)
{
	static const char *const connection[] = {"connection", "transfer-encoding", "keep-alive", "proxy-connection",
	    "upgrade"};
	bool is_pseudo = name.size > 0 && name.p[0] == ':';

	for (size_t i = is_pseudo; i < name.size; i++)
		if (!http_is_token(name.p[i]) || (name.p[i] >= 'A' && name.p[i] <= 'Z'))
			head->names_odd = true;
	head->names_odd = head->names_odd || name.size == 0;
	for (size_t i = 0; i < value.size; i++)
		if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == 0)
			head->values_odd = true;
	for (size_t i = 0; i < sizeof(connection) / sizeof(connection[0]); i++)
		head->connection_odd = head->connection_odd || slice_is(name, connection[i]);
	if (is_pseudo)
		pseudo(head, name, value);
	else
		head->regular = true;
}

/* ---- values ---- */

static void
put_row(struct head *head, const struct http2_line *line)
{
	struct slice name = line_name(head, line), value = line_value(head, line);
	bool client = head->dir == CC_TO_SERVER;
	struct slice both = slice_of(name.p, name.size + 2 + value.size);

	cc_put_row(head->ctx, head->tx, client ? F_REQ_ROW : F_RES_ROW);
	if (line->update) {
		cc_put_uint(head->ctx, head->tx, client ? F_REQ_ROW_SIZE : F_RES_ROW_SIZE, line->value);
		cc_put_uint(head->ctx, head->tx, client ? F_REQ_SIZE_UPDATE : F_RES_SIZE_UPDATE, line->value);
		return;
	}
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_ROW_NAME : F_RES_ROW_NAME, name);
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_ROW_VALUE : F_RES_ROW_VALUE, value);
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_NAME : F_RES_NAME, name);
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_ONE : F_RES_ONE, both);
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_H2 : F_RES_H2, both);
}

/* All lines as they are, and without the cookies. */
static void
put_headers(struct head *head)
{
	bool client = head->dir == CC_TO_SERVER, cookie = false;
	uint8_t *p, *at;

	cc_put_ref(head->ctx, head->tx, client ? F_REQ_HEADER_RAW : F_RES_HEADER_RAW, head->text);
	for (uint32_t i = 0; i < head->block->line_count; i++)
		cookie = cookie || (!head->block->line[i].update && is_cookie(line_name(head, &head->block->line[i])));
	if (!cookie) {
		cc_put_ref(head->ctx, head->tx, client ? F_REQ_HEADER : F_RES_HEADER, head->text);
		return;
	}
	p = at = cc_tx_alloc(head->ctx, head->tx, head->text.size);
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < head->block->line_count; i++) {
		const struct http2_line *line = &head->block->line[i];

		if (line->update || is_cookie(line_name(head, line)))
			continue;
		at = put_part(at, slice_of(head->text.p + line->at, line->name + line->value + 4));
	}
	cc_put_ref(head->ctx, head->tx, client ? F_REQ_HEADER : F_RES_HEADER, slice_of(p, (size_t)(at - p)));
}

static void
put_names(struct head *head)
{
	uint8_t *p, *at;
	size_t size = 4;

	for (uint32_t i = 0; i < head->block->line_count; i++)
		size += head->block->line[i].name + 2;
	p = at = cc_tx_alloc(head->ctx, head->tx, size);
	if (p == NULL)
		return;
	at = put_part(at, slice_str("\r\n"));
	for (uint32_t i = 0; i < head->block->line_count; i++) {
		if (head->block->line[i].update)
			continue;
		at = put_part(at, line_name(head, &head->block->line[i]));
		at = put_part(at, slice_str("\r\n"));
	}
	at = put_part(at, slice_str("\r\n"));
	cc_put_ref(head->ctx, head->tx, head->dir == CC_TO_SERVER ? F_REQ_NAMES : F_RES_NAMES,
	    slice_of(p, (size_t)(at - p)));
}

/* Their order, that of the pseudo headers too, tells clients apart that say the same of themselves. */
static void
put_order(struct head *head)
{
	uint8_t *p, *at;
	size_t size = 0;

	for (uint32_t i = 0; i < head->block->line_count; i++)
		size += head->block->line[i].name + 1;
	p = at = size > 0 ? cc_tx_alloc(head->ctx, head->tx, size) : NULL;
	for (uint32_t i = 0; p != NULL && i < head->block->line_count; i++) {
		if (head->block->line[i].update)
			continue;
		if (at > p)
			*at++ = ',';
		at = put_part(at, line_name(head, &head->block->line[i]));
	}
	if (p != NULL)
		cc_put_ref(head->ctx, head->tx, F_ORDER, slice_of(p, (size_t)(at - p)));
}

/* The values of all headers of that name, with the glue between them; NULL glue: the first alone. */
static void
put_known(struct head *head, size_t which)
{
	struct slice all = {NULL, 0};
	unsigned count = 0;

	for (uint32_t i = 0; i < head->block->line_count; i++) {
		const struct http2_line *line = &head->block->line[i];

		if (line->update || !slice_is(line_name(head, line), known[which].name))
			continue;
		if (count++ == 0)
			all = line_value(head, line);
		else if (known[which].glue != NULL && count <= 64)
			all = join(head, all, slice_str(known[which].glue), line_value(head, line));
	}
	if (count > 0)
		cc_put_ref(head->ctx, head->tx, (unsigned)known[which].field[head->dir], all);
}

/* The first header of that name; p NULL: none. */
static struct slice
find(const struct head *head, const char *name)
{
	for (uint32_t i = 0; i < head->block->line_count; i++) {
		const struct http2_line *line = &head->block->line[i];

		if (!line->update && slice_is(line_name(head, line), name))
			return line_value(head, line);
	}
	return slice_of(NULL, 0);
}

/* What the stream has to know to make a file of the body. */
static void
learn_body(struct head *head)
{
	struct http2_stream *stream = head->stream;
	struct slice coding = find(head, "content-encoding"), length = find(head, "content-length");
	struct slice disposition = find(head, "content-disposition");
	bool unknown = false, too_many = false;

	if (coding.size > 0)
		http_codings_add(&stream->codings[head->dir], coding, &unknown, &too_many);
	if (unknown || too_many)
		http2_odd(head->ctx, head->tx, A_CODING);
	if (disposition.size > 0 && http_disposition_name(disposition).size > 0)
		stream->body[head->dir].name = http_disposition_name(disposition);
	if (length.size == 0 || length.size > 18)
		return;
	stream->has_length[head->dir] = true;
	for (size_t i = 0; i < length.size; i++) {
		if (!http_is_digit(length.p[i]))
			stream->has_length[head->dir] = false;
		stream->length[head->dir] = stream->length[head->dir] * 10 + (uint64_t)(length.p[i] & 15);
	}
}

/* The host asked for: the :authority, which a server must believe rather than the host header (8.3.1). */
static void
put_host(struct head *head)
{
	struct slice given = find(head, "host"), raw = head->authority.p != NULL ? head->authority : given;
	struct slice host, port, given_host, given_port, authority = raw;
	const uint8_t *at;
	uint8_t *lower;
	int number;

	if (raw.size == 0)
		return;
	cc_put_ref(head->ctx, head->tx, F_HOST_RAW, raw);
	at = memrchr(authority.p, '@', authority.size);
	if (at != NULL) {
		http2_odd(head->ctx, head->tx, A_USERINFO);
		authority = slice_of(at + 1, authority.size - (size_t)(at + 1 - authority.p));
	}
	http_host_split(authority, &host, &port);
	if (head->authority.p != NULL && given.p != NULL) {
		http_host_split(given, &given_host, &given_port);
		if (!http_same_nocase(host, given_host) ||
		    (port.size > 0 && given_port.size > 0 && !slice_eq(port, given_port)))
			http2_odd(head->ctx, head->tx, A_HOST_MISMATCH);
	}
	while (host.size > 1 && host.p[host.size - 1] == '.')
		host.size--;
	number = http_port(port);
	if (number >= 0)
		cc_put_uint(head->ctx, head->tx, F_PORT, (uint64_t)number);
	lower = host.size > 0 ? cc_tx_alloc(head->ctx, head->tx, host.size) : NULL;
	if (lower == NULL)
		return;
	lower_copy(lower, host);
	cc_put_ref(head->ctx, head->tx, F_HOST, slice_of(lower, host.size));
}

static void
put_path(struct head *head)
{
	uint8_t *normal;
	size_t size, path_size;
	bool twice;

	if (head->path.size == 0)
		return;
	cc_put_ref(head->ctx, head->tx, F_URI_RAW, head->path);
	normal = cc_tx_alloc(head->ctx, head->tx, head->path.size);
	if (normal == NULL)
		return;
	size = http_uri_normal(head->path, normal, &twice, &path_size);
	cc_put_ref(head->ctx, head->tx, F_URI, slice_of(normal, size));
	head->stream->body[CC_TO_SERVER].name = slice_of(normal, path_size);
}

static void
put_request(struct head *head)
{
	uint8_t *p, *at;

	if (head->method.p != NULL)
		cc_put_ref(head->ctx, head->tx, F_METHOD, head->method);
	head->stream->tunnel = slice_is(head->method, "CONNECT");
	head->stream->no_body = slice_is(head->method, "HEAD");
	put_path(head);
	put_host(head);
	p = at = cc_tx_alloc(head->ctx, head->tx, head->method.size + head->path.size + 10);
	if (p == NULL || head->method.p == NULL)
		return;
	at = put_part(put_part(put_part(put_part(at, head->method), slice_str(" ")), head->path),
	    slice_str(" HTTP/2\r\n"));
	cc_put_ref(head->ctx, head->tx, F_REQUEST_LINE, slice_of(p, (size_t)(at - p)));
}

static void
put_range(struct head *head)
{
	static const uint16_t fields[] = {F_RANGE_START, F_RANGE_END, F_RANGE_SIZE};
	struct slice raw = find(head, "content-range");
	uint64_t number[3];
	unsigned count = 0;

	if (raw.p == NULL)
		return;
	if (http_range(raw, number, &count) != CC_OK)
		http2_odd(head->ctx, head->tx, A_RANGE);
	for (unsigned i = 0; i < count; i++)
		cc_put_uint(head->ctx, head->tx, fields[i], number[i]);
}

/* Of what a response is all, or a range. */
static void
learn_whole(struct head *head, unsigned status)
{
	struct http2_stream *stream = head->stream;
	struct http_whole *whole = &stream->body[CC_TO_CLIENT].whole;
	const struct cc_value *host = cc_get(head->tx, F_HOST), *uri = cc_get(head->tx, F_URI_RAW);

	if (host != NULL)
		whole->host = slice_of(host->bytes, host->size);
	if (uri != NULL)
		whole->uri = slice_of(uri->bytes, uri->size);
	whole->type = find(head, "content-type");
	whole->version = find(head, "etag");
	if (whole->version.size == 0)
		whole->version = find(head, "last-modified");
	whole->partial = status == 206;
	if (!whole->partial)
		whole->total = status == 200 && stream->has_length[CC_TO_CLIENT] ? stream->length[CC_TO_CLIENT] : 0;
	else if (!http_ranges_learn(whole, find(head, "content-range")))
		whole->partial = http_prefix(whole->type, "multipart/byteranges");
}

static void
put_response(struct head *head)
{
	struct slice type = find(head, "content-type"), location = find(head, "location");
	bool digits = head->status.size > 0 && head->status.size < 6;
	unsigned status = 0;

	for (size_t i = 0; i < head->status.size && digits; i++) {
		digits = http_is_digit(head->status.p[i]);
		status = status * 10 + (unsigned)(head->status.p[i] & 15);
	}
	if (head->status.p != NULL) {
		cc_put_ref(head->ctx, head->tx, F_STAT_CODE, head->status);
		if (digits)
			cc_put_uint(head->ctx, head->tx, F_STATUS, status);
		else
			cc_put_ref(head->ctx, head->tx, F_STATUS_STRING, head->status);
		cc_put_ref(head->ctx, head->tx, F_RESPONSE_LINE,
		    join(head, slice_str("HTTP/2 "), head->status, slice_str("\r\n")));
	}
	if (type.size > 0) {
		const uint8_t *semicolon = memchr(type.p, ';', type.size);

		if (semicolon != NULL)
			type.size = (size_t)(semicolon - type.p);
		cc_put_ref(head->ctx, head->tx, F_MEDIA_TYPE, http_trim(type));
	}
	if (digits && status >= 300 && status < 400 && location.size > 0)
		cc_put_ref(head->ctx, head->tx, F_REDIRECT, location);
	head->stream->no_body = head->stream->no_body || status == 204 || status == 304;
	learn_whole(head, digits ? status : 0);
	put_range(head);
}

static void
report(struct head *head)
{
	if (head->names_odd)
		http2_odd(head->ctx, head->tx, A_NAME);
	if (head->values_odd)
		http2_odd(head->ctx, head->tx, A_VALUE);
	if (head->pseudo_odd)
		http2_odd(head->ctx, head->tx, A_PSEUDO);
	if (head->connection_odd)
		http2_odd(head->ctx, head->tx, A_CONNECTION);
}

static void
put_auth(struct head *head)
{
	for (uint32_t i = 0; i < head->block->line_count; i++) {
		const struct http2_line *line = &head->block->line[i];
		struct slice name = line_name(head, line);
		unsigned found;

		if (line->update || (!slice_is(name, "authorization") && !slice_is(name, "proxy-authorization")))
			continue;
		found = http_auth_put(head->ctx, head->tx, &auth_fields, line_value(head, line));
		if ((found & HTTP_AUTH_PLAINTEXT) != 0)
			http2_odd(head->ctx, head->tx, A_CREDENTIALS);
		if ((found & HTTP_AUTH_NTLM_V1) != 0)
			http2_odd(head->ctx, head->tx, A_NTLM_V1);
	}
}

/* 1xx comes before the real response, and leaves no trace. */
static bool
is_interim(const struct head *head)
{
	return !head->request && head->status.size == 3 && head->status.p[0] == '1';
}

void
http2_head_put(struct cc_ctx *ctx, struct http2_stream *stream, enum cc_dir dir, const struct http2_block *block)
{
	struct head head = {.ctx = ctx, .stream = stream, .tx = stream->tx, .dir = dir, .block = block,
	    .request = dir == CC_TO_SERVER};
	uint8_t *copy = block->text_size > 0 ? cc_tx_alloc(ctx, stream->tx, block->text_size) : NULL;

	if (dir == CC_TO_CLIENT)
		stream->answered = true;
	if (copy == NULL)
		return;
	memcpy(copy, block->text, block->text_size);
	head.text = slice_of(copy, block->text_size);
	for (uint32_t i = 0; i < block->line_count; i++)
		if (!block->line[i].update)
			judge(&head, line_name(&head, &block->line[i]), line_value(&head, &block->line[i]));
	if (is_interim(&head))
		return;
	for (uint32_t i = 0; i < block->line_count; i++)
		put_row(&head, &block->line[i]);
	if (stream->id != 1 || cc_expected(ctx).size == 0 || dir == CC_TO_CLIENT)
		report(&head); /* of an upgraded request it says nothing that HTTP/1's headers have other names */
	if (stream->head[dir])
		return; /* trailers */
	stream->head[dir] = true;
	learn_body(&head);
	put_headers(&head);
	put_names(&head);
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].field[dir] >= 0)
			put_known(&head, i);
	if (head.request) {
		put_order(&head);
		put_request(&head);
		put_auth(&head);
	} else {
		put_response(&head);
	}
}

void
http2_common_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct http2_frame *frame)
{
	static const char text[] = "HTTP/2";

	if (frame != NULL) {
		uint16_t field = dir == CC_TO_SERVER ? F_REQ_TYPE : F_RES_TYPE;

		/* DATA after DATA says nothing new. */
		if (frame->type != T_DATA || tx == NULL || tx->count == 0 || tx->value[tx->count - 1].field != field)
			cc_put_uint(ctx, tx, field, frame->type);
		return;
	}
	cc_put_ref(ctx, tx, F_REQ_PROTOCOL, slice_of(text, 6));
	cc_put_ref(ctx, tx, F_RES_PROTOCOL, slice_of(text, 6));
	cc_put_ref(ctx, tx, F_STAT_MSG, slice_of(text, 0));
}

void
http2_settings_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice body)
{
	static const char *const name[] = {[SETTING_TABLE_SIZE] = "SETTINGSHEADERTABLESIZE",
	    [SETTING_PUSH] = "SETTINGSENABLEPUSH", [SETTING_STREAMS] = "SETTINGSMAXCONCURRENTSTREAMS",
	    [SETTING_WINDOW] = "SETTINGSINITIALWINDOWSIZE", [SETTING_FRAME_SIZE] = "SETTINGSMAXFRAMESIZE",
	    [SETTING_LIST_SIZE] = "SETTINGSMAXHEADERLISTSIZE"};
	bool client = dir == CC_TO_SERVER;
	struct cur c = cur_slice(body);

	if (body.size > 0) {
		cc_put_text(ctx, tx, F_VERSION, "2");
		cc_put_uint(ctx, tx, F_STREAM, 0);
	}
	for (unsigned i = 0; i < 64 && cur_left(&c) >= 6; i++) {
		uint16_t id = cur_u16(&c);
		uint32_t value = cur_u32(&c);
		char other[24];

		snprintf(other, sizeof(other), "SETTINGS%u", id);
		cc_put_row(ctx, tx, client ? F_REQ_SET : F_RES_SET);
		cc_put_text(ctx, tx, client ? F_REQ_SET_ID : F_RES_SET_ID,
		    id > 0 && id <= SETTING_LIST_SIZE ? name[id] : other);
		cc_put_uint(ctx, tx, client ? F_REQ_SET_VALUE : F_RES_SET_VALUE, value);
		cc_put_uint(ctx, tx, client ? F_REQ_SETTINGS : F_RES_SETTINGS, (uint64_t)id << 32 | value);
	}
}

void
http2_error_put(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, uint32_t code)
{
	static const char *const name[] = {"NoError", "ProtocolError", "InternalError", "FlowControlError",
	    "SettingsTimeout", "StreamClosed", "FrameSizeError", "RefusedStream", "Cancel", "CompressionError",
	    "ConnectError", "EnhanceYourCalm", "InadequateSecurity", "Http11Required"};
	char other[24];

	snprintf(other, sizeof(other), "%u", code);
	if (tx != NULL && cc_get(tx, F_VERSION) == NULL) {
		cc_put_text(ctx, tx, F_VERSION, "2");
		cc_put_uint(ctx, tx, F_STREAM, 0);
	}
	cc_put_uint(ctx, tx, dir == CC_TO_SERVER ? F_REQ_ERROR : F_RES_ERROR, code);
	cc_put_text(ctx, tx, dir == CC_TO_SERVER ? F_REQ_ERROR_TEXT : F_RES_ERROR_TEXT,
	    code < sizeof(name) / sizeof(name[0]) ? name[code] : other);
}
