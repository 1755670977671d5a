/*
 * The headers of one head: lines put together (folding), repeated ones merged, each looked at for what it means to us.
 *
 * As the attacker hopes that we and the receiver differ: names are recognised in spite of white space, NULs and control
 * characters in them, a continued line that looks like a header of its own is one, and framing headers are believed
 * only as far as the body bears them out (body.c, coding.c).
 */
#include "app/http1/own.h"

struct header {
	struct slice name, value; /* in the transaction's memory */
	uint8_t id;               /* enum http1_name */
	uint8_t repeats;
	uint16_t hash;            /* of the lower-case name */
	uint16_t next, last;      /* header of the same name, HTTP1_HEADERS: none; last: of the first, its last */
	uint16_t chain;           /* of the same bucket */
	bool plain;               /* stands in the head as "name: value" CR LF */
	bool merged;              /* into an earlier one */
};

struct parse {
	struct cc_ctx *ctx;
	struct http1_side *side;
	enum cc_dir dir;
	struct header header[HTTP1_HEADERS];
	unsigned count;
	uint8_t *fold;            /* lines put together, in the transaction's memory: room for the head */
	size_t fold_size, fold_room;
	bool plain;               /* all of them are, and none was left out */
};

static const struct {
	const char *name;
	uint8_t size, id;
	int16_t field[2];         /* by side; -1: none */
} names[] = {
	{"etag", 4, N_ETAG, {-1, -1}},
	{"host", 4, N_HOST, {F_HOST_RAW, -1}},
	{"cookie", 6, N_COOKIE, {F_REQ_COOKIE, -1}},
	{"accept", 6, N_ACCEPT, {F_ACCEPT, -1}},
	{"server", 6, N_SERVER, {-1, F_SERVER}},
	{"expect", 6, N_EXPECT, {-1, -1}},
	{"referer", 7, N_REFERER, {F_REFERER, -1}},
	{"upgrade", 7, N_UPGRADE, {-1, -1}},
	{"location", 8, N_LOCATION, {-1, F_LOCATION}},
	{"user-agent", 10, N_USER_AGENT, {F_USER_AGENT, -1}},
	{"connection", 10, N_CONNECTION, {F_REQ_CONNECTION, F_RES_CONNECTION}},
	{"set-cookie", 10, N_SET_COOKIE, {-1, F_RES_COOKIE}},
	{"content-type", 12, N_CONTENT_TYPE, {F_REQ_CONTENT_TYPE, F_RES_CONTENT_TYPE}},
	{"authorization", 13, N_AUTHORIZATION, {-1, -1}},
	{"last-modified", 13, N_LAST_MODIFIED, {-1, -1}},
	{"content-range", 13, N_CONTENT_RANGE, {-1, F_RANGE_RAW}},
	{"content-length", 14, N_CONTENT_LEN, {F_REQ_CONTENT_LEN, F_RES_CONTENT_LEN}},
	{"accept-encoding", 15, N_ACCEPT_ENC, {F_ACCEPT_ENC, -1}},
	{"accept-language", 15, N_ACCEPT_LANG, {F_ACCEPT_LANG, -1}},
	{"content-encoding", 16, N_CONTENT_ENC, {-1, -1}},
	{"transfer-encoding", 17, N_TRANSFER_ENC, {-1, -1}},
	{"content-disposition", 19, N_CONTENT_DISP, {-1, -1}},
	{"proxy-authorization", 19, N_PROXY_AUTH, {-1, -1}},
};

#define NAMES (sizeof(names) / sizeof(names[0]))

/* Index into names[], or NAMES. */
static size_t
name_find(struct slice name)
{
	if (name.size < 4 || name.size > 19)
		return NAMES;
	for (size_t i = 0; i < NAMES; i++)
		if (names[i].size == name.size && names[i].name[0] == (char)http_lower(name.p[0]) &&
		    http_prefix(name, names[i].name))
			return i;
	return NAMES;
}

/* Bytes that receivers pass over go; true: some did. */
static bool
clean(struct slice text, uint8_t *out, size_t room, struct slice *ret_text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.size && n < room; i++)
		if ((text.p[i] >= 0x20 && text.p[i] < 0x7f) || text.p[i] == '\t')
			out[n++] = text.p[i];
	*ret_text = http_trim(slice_of(out, n));
	return n != text.size;
}

static uint8_t
name_id(struct slice name)
{
	uint8_t room[64];
	size_t i = name_find(name);

	if (i == NAMES && clean(name, room, sizeof(room), &name))
		i = name_find(name);
	return i < NAMES ? names[i].id : N_OTHER;
}

static uint16_t
name_hash(struct slice name)
{
	uint32_t hash = 5381;

	for (size_t i = 0; i < name.size; i++)
		hash = hash * 33 + http_lower(name.p[i]);
	return (uint16_t)(hash ^ hash >> 16);
}

static bool
names_equal(const struct header *a, const struct header *b)
{
	if (a->hash != b->hash || a->name.size != b->name.size)
		return false;
	for (size_t i = 0; i < a->name.size; i++)
		if (http_lower(a->name.p[i]) != http_lower(b->name.p[i]))
			return false;
	return true;
}

static void
odd(struct parse *parse, enum http1_anomaly request, enum http1_anomaly response)
{
	http1_odd(parse->ctx, parse->side->tx, parse->dir == CC_TO_SERVER ? request : response);
}

/* Both, with sep between them, in the transaction's memory; a alone when there is none left. */
static struct slice
join(struct parse *parse, struct slice a, const char *sep, struct slice b)
{
	size_t sep_size = strlen(sep);
	uint8_t *p;

	if (a.size == 0)
		return b;
	if (b.size == 0)
		return a;
	p = cc_tx_alloc(parse->ctx, parse->side->tx, a.size + sep_size + b.size);
	if (p == NULL)
		return a;
	memcpy(p, a.p, a.size);
	memcpy(p + a.size, sep, sep_size);
	memcpy(p + a.size + sep_size, b.p, b.size);
	return slice_of(p, a.size + sep_size + b.size);
}

/*
 * A line and its continuation.  All folded lines of a head share one memory of its size, or a head of many would use up
 * the transaction's.
 */
static struct slice
fold(struct parse *parse, struct slice line, struct slice text)
{
	bool open = parse->fold != NULL && line.p >= parse->fold && line.p < parse->fold + parse->fold_room;

	if (text.size == 0)
		return line;
	if (parse->fold == NULL) {
		parse->fold = cc_tx_alloc(parse->ctx, parse->side->tx, parse->fold_room);
		if (parse->fold == NULL)
			return line;
	}
	if ((open ? 0 : line.size) + 1 + text.size > parse->fold_room - parse->fold_size)
		return line;
	if (!open) {
		if (line.size > 0)
			memcpy(parse->fold + parse->fold_size, line.p, line.size);
		line.p = parse->fold + parse->fold_size;
		parse->fold_size += line.size;
	}
	parse->fold[parse->fold_size++] = ' ';
	memcpy(parse->fold + parse->fold_size, text.p, text.size);
	parse->fold_size += text.size;
	line.size += 1 + text.size;
	return line;
}

/* One header, its folded lines put together. */
static void
header_add(struct parse *parse, struct slice line, bool folded, bool crlf)
{
	const uint8_t *colon = line.size > 0 ? memchr(line.p, ':', line.size) : NULL;
	struct header *header = &parse->header[parse->count];
	bool token = true;

	if (colon == NULL) {
		parse->plain = false;
		if (line.size > 0)
			odd(parse, A_REQ_MISSING_COLON, A_RES_MISSING_COLON);
		return;
	}
	if (parse->count == HTTP1_HEADERS) {
		parse->plain = false;
		return;
	}
	*header = (struct header){.name = slice_of(line.p, (size_t)(colon - line.p))};
	header->value = http_trim(http_drop(line, header->name.size + 1));
	header->plain = !folded && crlf && header->value.size > 0 && header->value.p == colon + 2 && colon[1] == ' ' &&
	    header->value.p + header->value.size == line.p + line.size;
	for (size_t i = 0; i < header->name.size; i++)
		token = token && http_is_token(header->name.p[i]);
	if (!token || header->name.size == 0) {
		odd(parse, A_REQ_HEADER_INVALID, A_RES_HEADER_INVALID);
		header->plain = false;
		header->name = http_trim(header->name);
	}
	header->hash = name_hash(header->name);
	header->id = name_id(header->name);
	parse->plain = parse->plain && header->plain;
	parse->count++;
}

/* A continued line that is a header by itself to many receivers. */
static bool
looks_like_header(struct slice text)
{
	size_t n = 0;

	while (n < text.size && http_is_token(text.p[n]))
		n++;
	return n > 0 && n < text.size && text.p[n] == ':';
}

static void
lines(struct parse *parse, struct slice head, struct http1_scan scan)
{
	bool response = parse->dir == CC_TO_CLIENT, open = false, folded = false, crlf = false;
	struct slice line = {NULL, 0};
	struct http1_line next;

	while (http1_line_next(head, response, true, &scan, &next) == CC_OK) {
		if (next.empty)
			break;
		if (next.text.size == 0) { /* nothing but CRs */
			odd(parse, A_REQ_MISSING_COLON, A_RES_MISSING_COLON);
			parse->plain = false;
			continue;
		}
		if (next.text.size > 0 && http_is_space(next.text.p[0])) {
			struct slice text = http_trim(next.text);

			if (open && !(response && looks_like_header(text))) {
				line = fold(parse, line, text);
				folded = true;
				continue;
			}
			if (text.size == 0)
				continue;
			odd(parse, A_REQ_FOLDING, A_RES_FOLDING);
			parse->plain = false;
			next.text = text;
		}
		if (open)
			header_add(parse, line, folded, crlf);
		line = next.text;
		crlf = next.crlf;
		open = true;
		folded = false;
	}
	if (open)
		header_add(parse, line, folded, crlf);
}

/* The values of all headers of one name, in order, with commas (RFC 9110, 5.3). */
static void
merge_values(struct parse *parse, struct header *first)
{
	size_t size = first->value.size;
	uint8_t *p, *at;

	for (unsigned i = first->next; i < HTTP1_HEADERS; i = parse->header[i].next)
		size += parse->header[i].value.size + 2;
	p = at = cc_tx_alloc(parse->ctx, parse->side->tx, size);
	if (p == NULL)
		return;
	for (const struct header *header = first;; header = &parse->header[header->next]) {
		if (header->value.size > 0)
			memcpy(at, header->value.p, header->value.size);
		at += header->value.size;
		if (header->next == HTTP1_HEADERS)
			break;
		*at++ = ',';
		*at++ = ' ';
	}
	first->value = slice_of(p, (size_t)(at - p));
}

static void
merge_into(struct parse *parse, struct header *first, unsigned index)
{
	parse->plain = false;
	parse->header[index].merged = true;
	if (first->repeats < UINT8_MAX)
		first->repeats++;
	if (first->repeats == 64)
		odd(parse, A_REQ_REPETITION, A_RES_REPETITION);
	if (first->id == N_CONTENT_LEN) {
		if (first->repeats == 1)
			odd(parse, A_REQ_CONTENT_LEN_TWICE, A_RES_CONTENT_LEN_TWICE);
		return; /* the first counts */
	}
	if (first->id == N_HOST)
		return;
	parse->header[first->last].next = (uint16_t)index;
	first->last = (uint16_t)index;
}

static void
merge(struct parse *parse)
{
	uint16_t bucket[64];

	for (unsigned i = 0; i < 64; i++)
		bucket[i] = HTTP1_HEADERS;
	for (unsigned i = 0; i < parse->count; i++) {
		struct header *header = &parse->header[i];
		uint16_t *head = &bucket[header->hash % 64];
		unsigned j = *head;

		header->next = HTTP1_HEADERS;
		header->last = (uint16_t)i;
		while (j < HTTP1_HEADERS && !names_equal(&parse->header[j], header))
			j = parse->header[j].chain;
		if (j < HTTP1_HEADERS) {
			merge_into(parse, &parse->header[j], i);
			continue;
		}
		header->chain = *head;
		*head = (uint16_t)i;
	}
	for (unsigned i = 0; i < parse->count && !parse->plain; i++)
		if (parse->header[i].next < HTTP1_HEADERS && !parse->header[i].merged)
			merge_values(parse, &parse->header[i]);
}

/* The digits, wherever they are; anything around them makes the length doubtful. */
static void
content_length(struct parse *parse, struct slice value)
{
	struct http1_framing *framing = &parse->side->framing;
	uint64_t length = 0;
	size_t n = 0, from;

	while (n < value.size && !http_is_digit(value.p[n]))
		n++;
	from = n;
	while (n < value.size && http_is_digit(value.p[n]) && n - from < 18)
		length = length * 10 + (uint64_t)(value.p[n++] - '0');
	if (n == from || (n < value.size && http_is_digit(value.p[n]))) { /* none, or beyond all bounds */
		odd(parse, A_REQ_CONTENT_LEN, A_RES_CONTENT_LEN);
		framing->loose = true;
		return;
	}
	if (from > 0 || n < value.size) {
		http1_odd(parse->ctx, parse->side->tx, A_AMBIGUOUS_LENGTH);
		framing->loose = true;
	}
	if (framing->has_length && framing->length != length)
		framing->loose = true;
	else
		framing->length = length;
	framing->has_length = true;
}

static void
codings(struct parse *parse, struct slice value, bool transfer)
{
	bool unknown = false, too_many = false;

	http_codings_add(&parse->side->framing.codings, value, &unknown, &too_many);
	if (too_many)
		http1_odd(parse->ctx, parse->side->tx, A_TOO_MANY_CODINGS);
	if (unknown && !transfer)
		http1_odd(parse->ctx, parse->side->tx, A_ABNORMAL_CODING);
}

/* The value without the bytes that receivers pass over; true: there were some. */
static bool
clean_value(struct parse *parse, struct slice value, struct slice *ret_text)
{
	uint8_t *room;
	size_t n = 0;

	while (n < value.size && value.p[n] >= 0x20 && value.p[n] < 0x7f)
		n++;
	*ret_text = value;
	if (n == value.size)
		return false;
	room = cc_tx_alloc(parse->ctx, parse->side->tx, value.size);
	if (room == NULL)
		return true;
	return clean(value, room, value.size, ret_text);
}

static void
transfer_encoding(struct parse *parse, struct slice value)
{
	struct slice text;
	bool cleaned = clean_value(parse, value, &text);

	if (http_find(text, "chunked")) {
		parse->side->framing.chunked = true;
		if (parse->dir == CC_TO_CLIENT && (cleaned || !http_eq(text, "chunked")))
			http1_odd(parse->ctx, parse->side->tx, A_RES_ABNORMAL_TE);
	} else if (!http_eq(text, "identity")) {
		odd(parse, A_REQ_TRANSFER_ENC, A_RES_TRANSFER_ENC);
	}
	codings(parse, text, true);
}

static const struct http_auth auth_fields = {
    .mechanism = F_AUTH,
    .user = F_AUTH_USER,
    .ntlm = {.domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION,
	.server = NTLM_NONE},
};

/* Odd ones are told once a side: browsers send them with every request. */
static void
authorization(struct parse *parse, struct slice value)
{
	unsigned found = http_auth_put(parse->ctx, parse->side->tx, &auth_fields, value),
		 fresh = found & ~parse->side->auth;

	if (found == 0)
		http1_odd(parse->ctx, parse->side->tx, A_AUTH_UNKNOWN);
	if ((fresh & HTTP_AUTH_PLAINTEXT) != 0)
		http1_odd(parse->ctx, parse->side->tx, A_CREDENTIALS);
	if ((fresh & HTTP_AUTH_NTLM_V1) != 0)
		http1_odd(parse->ctx, parse->side->tx, A_NTLM_V1);
	parse->side->auth |= (uint8_t)found;
}

static void
meaning(struct parse *parse, const struct header *header)
{
	struct http1_side *side = parse->side;
	struct slice text;

	switch (header->id) {
	case N_CONTENT_LEN:
		content_length(parse, header->value);
		break;
	case N_TRANSFER_ENC:
		transfer_encoding(parse, header->value);
		break;
	case N_UPGRADE:
		side->framing.upgrade = http_find(header->value, "h2c") ? U_H2C :
		    http_find(header->value, "websocket") ? U_WEBSOCKET : U_OTHER;
		break;
	case N_EXPECT:
		side->framing.expect = true;
		break;
	case N_AUTHORIZATION:
	case N_PROXY_AUTH:
		if (parse->dir == CC_TO_SERVER)
			authorization(parse, header->value);
		break;
	case N_CONTENT_DISP:
		text = http_disposition_name(header->value);
		if (text.size > 0)
			side->body.name = text;
		break;
	case N_ETAG:
		side->body.whole.version = header->value;
		break;
	case N_LAST_MODIFIED:
		if (side->body.whole.version.size == 0)
			side->body.whole.version = header->value;
		break;
	case N_CONTENT_ENC:
		if (clean_value(parse, header->value, &text) || (text.size > 0 && text.p[0] == ':'))
			http1_odd(parse->ctx, side->tx, A_ABNORMAL_CODING);
		codings(parse, text, false);
		break;
	default:
		break;
	}
}

static void
put_fields(struct parse *parse, const struct header *header)
{
	struct cc_tx *tx = parse->side->tx;
	bool server = parse->dir == CC_TO_SERVER;
	unsigned one = server ? F_REQ_ONE : F_RES_ONE;

	if (header->id != N_OTHER)
		for (size_t i = 0; i < NAMES; i++)
			if (names[i].id == header->id && names[i].field[parse->dir] >= 0)
				cc_put_ref(parse->ctx, tx, (unsigned)names[i].field[parse->dir], header->value);
	if (header->plain && header->repeats == 0)
		cc_put_ref(parse->ctx, tx, one,
		    slice_of(header->name.p, (size_t)(header->value.p - header->name.p) + header->value.size));
	else
		cc_put_ref(parse->ctx, tx, one, join(parse, header->name, ": ", header->value));
}

/* All of them, as "name: value" CR LF. */
static void
put_normal(struct parse *parse, unsigned field)
{
	size_t size = 0;
	uint8_t *p, *at;

	for (unsigned i = 0; i < parse->count; i++)
		size += parse->header[i].name.size + parse->header[i].value.size + 4;
	p = at = cc_tx_alloc(parse->ctx, parse->side->tx, size);
	if (p == NULL)
		return;
	for (unsigned i = 0; i < parse->count; i++) {
		const struct header *header = &parse->header[i];

		if (header->merged || header->id == N_COOKIE || header->id == N_SET_COOKIE)
			continue;
		memcpy(at, header->name.p, header->name.size);
		at += header->name.size;
		*at++ = ':';
		*at++ = ' ';
		if (header->value.size > 0)
			memcpy(at, header->value.p, header->value.size);
		at += header->value.size;
		*at++ = '\r';
		*at++ = '\n';
	}
	cc_put_ref(parse->ctx, parse->side->tx, field, slice_of(p, (size_t)(at - p)));
}

static void
put_names(struct parse *parse, unsigned field)
{
	size_t size = 4;
	uint8_t *p, *at;

	for (unsigned i = 0; i < parse->count; i++)
		size += parse->header[i].name.size + 2;
	p = at = cc_tx_alloc(parse->ctx, parse->side->tx, size);
	if (p == NULL)
		return;
	*at++ = '\r';
	*at++ = '\n';
	for (unsigned i = 0; i < parse->count; i++) {
		if (parse->header[i].merged)
			continue;
		memcpy(at, parse->header[i].name.p, parse->header[i].name.size);
		at += parse->header[i].name.size;
		*at++ = '\r';
		*at++ = '\n';
	}
	*at++ = '\r';
	*at++ = '\n';
	cc_put_ref(parse->ctx, parse->side->tx, field, slice_of(p, (size_t)(at - p)));
}

/* Their order tells clients apart that say the same of themselves. */
static void
put_order(struct parse *parse)
{
	size_t size = 0;
	uint8_t *p, *at;

	for (unsigned i = 0; i < parse->count; i++)
		size += parse->header[i].name.size + 1;
	p = at = cc_tx_alloc(parse->ctx, parse->side->tx, size);
	if (p == NULL)
		return;
	for (unsigned i = 0; i < parse->count; i++) {
		if (at > p)
			*at++ = ',';
		lower_copy(at, parse->header[i].name);
		at += parse->header[i].name.size;
	}
	cc_put_ref(parse->ctx, parse->side->tx, F_ORDER, slice_of(p, (size_t)(at - p)));
}

void
http1_headers(struct cc_ctx *ctx, struct http1_side *side, enum cc_dir dir, struct slice head, size_t start)
{
	bool server = dir == CC_TO_SERVER;
	struct http1_scan scan = {.at = start, .begun = true,
	    .after_lf = start >= 2 && head.p[start - 1] == '\n' && head.p[start - 2] != '\r'};
	struct slice raw = http_drop(head, start);
	struct parse parse;
	bool cookie = false;

	parse.ctx = ctx;
	parse.side = side;
	parse.dir = dir;
	parse.count = 0;
	parse.plain = true;
	if (raw.size == 0)
		return;
	parse.fold = NULL;
	parse.fold_size = 0;
	parse.fold_room = raw.size;
	lines(&parse, head, scan);
	if (parse.count == HTTP1_HEADERS)
		odd(&parse, A_REQ_TOO_MANY, A_RES_TOO_MANY);
	merge(&parse);
	for (unsigned i = 0; i < parse.count; i++)
		if (!parse.header[i].merged || parse.header[i].id == N_CONTENT_LEN)
			meaning(&parse, &parse.header[i]);
	for (unsigned i = 0; i < parse.count; i++)
		cookie = cookie || parse.header[i].id == N_COOKIE || parse.header[i].id == N_SET_COOKIE;
	cc_put_ref(ctx, side->tx, server ? F_REQ_HEADER_RAW : F_RES_HEADER_RAW, raw);
	if (parse.count == 0)
		return;
	if (parse.plain && !cookie && raw.size > 2)
		cc_put_ref(ctx, side->tx, server ? F_REQ_HEADER : F_RES_HEADER, slice_of(raw.p, raw.size - 2));
	else
		put_normal(&parse, server ? F_REQ_HEADER : F_RES_HEADER);
	put_names(&parse, server ? F_REQ_NAMES : F_RES_NAMES);
	if (server)
		put_order(&parse);
	for (unsigned i = 0; i < parse.count; i++)
		if (!parse.header[i].merged)
			put_fields(&parse, &parse.header[i]);
}
