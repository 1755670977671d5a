/*
 * A whole head to values: the start line here, the headers in header.c.  The head is copied once, into the
 * transaction's memory; nearly all values are slices of that copy.  RFC 9112, 3 and 4, read as leniently as servers
 * and browsers do.
 */
#include "app/http1/own.h"

void
http1_odd(struct cc_ctx *ctx, struct cc_tx *tx, enum http1_anomaly anomaly)
{
	cc_anomaly(ctx, tx, anomaly);
}

/* The head in the transaction's memory, or an empty slice. */
static struct slice
keep(struct cc_ctx *ctx, struct cc_tx *tx, struct slice head)
{
	uint8_t *copy = cc_tx_alloc(ctx, tx, head.size);

	if (copy == NULL)
		return slice_of(NULL, 0);
	memcpy(copy, head.p, head.size);
	return slice_of(copy, head.size);
}

/* The start line, behind empty lines before it; *ret_next is where the headers begin. */
static struct slice
start_line(struct slice head, bool response, struct http1_scan *scan)
{
	struct http1_line line = {.empty = false};

	*scan = (struct http1_scan){.at = 0};
	while (http1_line_next(head, response, true, scan, &line) == CC_OK)
		if (http_trim(line.text).size > 0)
			break;
	scan->begun = true;
	return line.text;
}

/* The next word of text, up to white space; text moves behind it and the space. */
static struct slice
word(struct slice *text, bool *ret_odd)
{
	struct slice w;
	size_t n = 0;

	while (n < text->size && !http_is_space(text->p[n]))
		n++;
	w = slice_of(text->p, n);
	if (n < text->size && text->p[n] != ' ')
		*ret_odd = true;
	while (n < text->size && http_is_space(text->p[n]))
		n++;
	*text = http_drop(*text, n);
	return w;
}

static uint8_t
method_of(struct slice method)
{
	static const struct {
		const char *name;
		uint8_t method;
	} known[] = {{"get", M_GET}, {"post", M_POST}, {"head", M_HEAD}, {"put", M_PUT}, {"connect", M_CONNECT},
	    {"options", M_OPTIONS}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (http_eq(method, known[i].name))
			return known[i].method;
	return M_OTHER;
}

/* The host asked for: of the URI before the header's (RFC 9112, 3.2.2). */
static void
put_host(struct cc_ctx *ctx, struct cc_tx *tx, struct slice authority, bool connect)
{
	const struct cc_value *header = cc_get(tx, F_HOST_RAW);
	struct slice given = header != NULL ? slice_of(header->bytes, header->size) : slice_of(NULL, 0);
	struct slice host, port, header_host, header_port;
	uint8_t *lower;
	int number;

	http_host_split(given, &header_host, &header_port);
	if (given.size > 0 && !http_host_valid(header_host))
		http1_odd(ctx, tx, A_HOST_INVALID);
	if (authority.size > 0) {
		http_host_split(authority, &host, &port);
		if (!http_host_valid(host))
			http1_odd(ctx, tx, A_URI_HOST_INVALID);
		if (port.size > 0 && http_port(port) < 0)
			http1_odd(ctx, tx, connect ? A_AUTHORITY_PORT : A_BAD_PORT);
		if (header != NULL && !connect && !http_same_nocase(host, header_host))
			http1_odd(ctx, tx, A_HOST_AMBIGUOUS);
		if (header == NULL)
			cc_put_ref(ctx, tx, F_HOST_RAW, authority);
	} else {
		host = header_host;
		port = header_port;
	}
	while (host.size > 1 && host.p[host.size - 1] == '.')
		host.size--;
	number = http_port(port);
	if (number >= 0) {
		cc_put_uint(ctx, tx, F_PORT, (uint64_t)number);
		if (!connect && number != cc_server_port(ctx))
			http1_odd(ctx, tx, A_PORT_MISMATCH);
	}
	lower = host.size > 0 ? cc_tx_alloc(ctx, tx, host.size) : NULL;
	if (lower == NULL)
		return;
	lower_copy(lower, host);
	cc_put_ref(ctx, tx, F_HOST, slice_of(lower, host.size));
}

/* The path, without its query, is also what files are called by. */
static void
put_uri(struct cc_ctx *ctx, struct cc_tx *tx, struct slice uri, struct slice path)
{
	uint8_t *normal = path.size > 0 ? cc_tx_alloc(ctx, tx, path.size) : NULL;
	bool twice = false;
	size_t size, path_size;

	cc_put_ref(ctx, tx, F_URI_RAW, uri);
	if (normal == NULL)
		return;
	size = http_uri_normal(path, normal, &twice, &path_size);
	http1_tx(tx)->name = slice_of(normal, http1_tx(tx)->method != M_CONNECT ? path_size : 0);
	cc_put_ref(ctx, tx, F_URI, slice_of(normal, size));
	if (twice)
		http1_odd(ctx, tx, A_DOUBLE_ENCODED);
}

void
http1_head_request(struct cc_ctx *ctx, struct http1_side *side, struct slice head)
{
	struct cc_tx *tx = side->tx;
	struct slice line, rest, method, uri, protocol, host, path;
	bool method_odd = false, uri_odd = false;
	struct http1_scan scan;
	size_t begin;

	head = keep(ctx, tx, head);
	if (head.size == 0)
		return;
	line = start_line(head, false, &scan);
	begin = (size_t)(line.p - head.p);
	rest = line;
	if (rest.size > 0 && http_is_space(rest.p[0])) {
		http1_odd(ctx, tx, A_LEADING_SPACE);
		rest = http_trim(rest);
	}
	method = word(&rest, &method_odd);
	uri = word(&rest, &uri_odd);
	protocol = http_trim(rest);
	if (method_odd)
		http1_odd(ctx, tx, A_METHOD_DELIM);
	if (uri_odd)
		http1_odd(ctx, tx, A_URI_DELIM);
	cc_put_ref(ctx, tx, F_REQUEST_LINE, line);
	cc_put_ref(ctx, tx, F_METHOD, method);
	http1_tx(tx)->method = method_of(method);
	if (uri.size == 0)
		http1_odd(ctx, tx, A_LINE_INCOMPLETE);
	if (protocol.size > 0) {
		cc_put_ref(ctx, tx, F_REQ_PROTOCOL, protocol);
		cc_put_ref(ctx, tx, F_PROTOCOL, protocol);
		if (!http_prefix(protocol, "http/"))
			http1_odd(ctx, tx, A_LINE_INVALID);
	} else {
		http1_odd(ctx, tx, A_NO_PROTOCOL);
		http1_tx(tx)->no_protocol = true;
	}
	if (http1_tx(tx)->method == M_CONNECT) {
		host = uri;
		path = slice_of(NULL, 0);
		put_uri(ctx, tx, uri, uri);
	} else {
		http_uri_split(uri, &host, &path);
		put_uri(ctx, tx, uri, path);
	}
	side->body.name = http1_tx(tx)->name;
	cc_put_ref(ctx, tx, F_REQ_START, http_drop(head, begin));
	http1_headers(ctx, side, CC_TO_SERVER, head, scan.at);
	http1_tx(tx)->upgrade = side->framing.upgrade;
	put_host(ctx, tx, host, http1_tx(tx)->method == M_CONNECT);
	if (cc_get(tx, F_HOST_RAW) == NULL && protocol.size >= 8 && protocol.p[7] == '1')
		http1_odd(ctx, tx, A_MISSING_HOST);
}

void
http1_head_more(struct cc_ctx *ctx, struct http1_side *side, struct slice head)
{
	head = keep(ctx, side->tx, head);
	if (head.size == 0)
		return;
	http1_headers(ctx, side, CC_TO_SERVER, head, 0);
	put_host(ctx, side->tx, slice_of(NULL, 0), false);
}

static void
put_range(struct cc_ctx *ctx, struct cc_tx *tx)
{
	static const uint16_t fields[] = {F_RANGE_START, F_RANGE_END, F_RANGE_SIZE};
	const struct cc_value *raw = cc_get(tx, F_RANGE_RAW);
	uint64_t number[3];
	unsigned count;

	if (raw == NULL)
		return;
	if (http_range(slice_of(raw->bytes, raw->size), number, &count) != CC_OK)
		http1_odd(ctx, tx, A_RANGE_INVALID);
	for (unsigned i = 0; i < count; i++)
		cc_put_uint(ctx, tx, fields[i], number[i]);
}

static void
put_status(struct cc_ctx *ctx, struct cc_tx *tx, struct slice code, unsigned *ret_status)
{
	unsigned status = 0;

	if (code.size == 0) {
		http1_odd(ctx, tx, A_RES_STATUS);
		return;
	}
	cc_put_ref(ctx, tx, F_STAT_CODE, code);
	for (size_t i = 0; i < code.size && i < 6; i++) {
		if (!http_is_digit(code.p[i])) {
			cc_put_ref(ctx, tx, F_STATUS_STRING, code);
			http1_odd(ctx, tx, A_RES_STATUS);
			return;
		}
		status = status * 10 + (unsigned)(code.p[i] - '0');
	}
	cc_put_uint(ctx, tx, F_STATUS, status);
	if (status < 100 || status > 999)
		http1_odd(ctx, tx, A_RES_STATUS);
	*ret_status = status;
}

void
http1_head_response(struct cc_ctx *ctx, struct http1_side *side, struct slice head)
{
	struct cc_tx *tx = side->tx;
	struct slice line, rest, protocol, code, type;
	const struct cc_value *value;
	struct http1_scan scan;
	bool odd = false;
	size_t begin;

	side->status = 0;
	head = keep(ctx, tx, head);
	if (head.size == 0)
		return;
	line = start_line(head, true, &scan);
	begin = (size_t)(line.p - head.p);
	rest = http_trim(line);
	protocol = word(&rest, &odd);
	code = word(&rest, &odd);
	if (protocol.size != 8 || memcmp(protocol.p, "HTTP/1.", 7) != 0)
		http1_odd(ctx, tx, A_RES_PROTOCOL);
	cc_put_ref(ctx, tx, F_RESPONSE_LINE, line);
	cc_put_ref(ctx, tx, F_RES_PROTOCOL, protocol);
	if (cc_get(tx, F_PROTOCOL) == NULL)
		cc_put_ref(ctx, tx, F_PROTOCOL, protocol);
	put_status(ctx, tx, code, &side->status);
	cc_put_ref(ctx, tx, F_STAT_MSG, http_trim(rest));
	cc_put_ref(ctx, tx, F_RES_START, http_drop(head, begin));
	http1_headers(ctx, side, CC_TO_CLIENT, head, scan.at);
	put_range(ctx, tx);
	value = cc_get(tx, F_RES_CONTENT_TYPE);
	if (value != NULL) {
		const uint8_t *semicolon = value->size > 0 ? memchr(value->bytes, ';', value->size) : NULL;

		type = slice_of(value->bytes, semicolon != NULL ? (size_t)(semicolon - value->bytes) : value->size);
		cc_put_ref(ctx, tx, F_MEDIA_TYPE, http_trim(type));
		if (http_prefix(type, "multipart/byteranges"))
			http1_odd(ctx, tx, A_BYTERANGES);
	}
	value = cc_get(tx, F_LOCATION);
	if (value != NULL && side->status >= 300 && side->status < 400)
		cc_put_ref(ctx, tx, F_REDIRECT, slice_of(value->bytes, value->size));
	if (side->framing.chunked && !slice_is(protocol, "HTTP/1.1"))
		http1_odd(ctx, tx, A_CHUNKED_OLD);
}
