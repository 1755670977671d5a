/*
 * The little of XML that a stream of XMPP is made of (RFC 6120, 4 and 11): tags and what is between them; and: is this
 * XMPP?  Bytes in, slices of them out; no state, no entities, no memory.
 */
#include "app/xmpp/own.h"

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.' || c == ':' || c >= 0x80;
}

/* Bytes of a tag with its '>', which may stand in a value; 0: not all here. */
static size_t
tag_size(struct slice s)
{
	uint8_t quote = 0;

	for (size_t i = 1; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '>')
			return i + 1;
	}
	return 0;
}

static struct slice
local_name(struct slice tag)
{
	size_t size = 0, from = 0;

	while (size < tag.size && is_name(tag.p[size])) {
		if (tag.p[size] == ':')
			from = size + 1;
		size++;
	}
	return slice_of(tag.p + from, size - from);
}

enum cc_status
xmpp_token(struct cur *in, size_t limit, struct xmpp_token *ret_token)
{
	struct slice s = cur_rest(in), inner;
	struct xmpp_token token = {.kind = XMPP_TEXT};
	const uint8_t *p;
	size_t size;

	if (s.size == 0)
		return CC_MORE;
	if (s.p[0] != '<') {
		p = memchr(s.p, '<', s.size);
		token.rest = slice_of(s.p, p != NULL ? (size_t)(p - s.p) : s.size);
		cur_skip(in, token.rest.size);
		*ret_token = token;
		return CC_OK;
	}
	size = tag_size(slice_of(s.p, s.size < limit ? s.size : limit));
	if (size == 0)
		return CC_MORE;
	inner = slice_of(s.p + 1, size - 2);
	if (inner.size > 0 && (inner.p[0] == '!' || inner.p[0] == '?')) {
		token.kind = inner.p[0] == '?' ? XMPP_DECLARE : XMPP_OTHER;
		token.rest = inner;
	} else {
		token.kind = XMPP_OPEN;
		if (inner.size > 0 && inner.p[0] == '/') {
			token.kind = XMPP_CLOSE;
			inner = slice_of(inner.p + 1, inner.size - 1);
		} else if (inner.size > 0 && inner.p[inner.size - 1] == '/') {
			token.kind = XMPP_EMPTY;
			inner.size--;
		}
		token.name = local_name(inner);
		if (token.name.size == 0)
			return CC_BAD;
		token.rest = slice_of(
		    token.name.p + token.name.size, inner.size - (size_t)(token.name.p + token.name.size - inner.p));
	}
	cur_skip(in, size);
	*ret_token = token;
	return CC_OK;
}

bool
xmpp_attribute(const struct xmpp_token *token, const char *name, struct slice *ret_value)
{
	struct cur c = cur_slice(token->rest);

	while (cur_left(&c) > 0) {
		struct slice word, value;
		const uint8_t *end;
		size_t size = 0;
		uint8_t quote;

		while (cur_left(&c) > 0 && !is_name(c.p[0]))
			cur_skip(&c, 1);
		while (size < cur_left(&c) && is_name(c.p[size]))
			size++;
		word = cur_take(&c, size);
		while (cur_left(&c) > 0 && (is_space(c.p[0]) || c.p[0] == '='))
			cur_skip(&c, 1);
		quote = cur_u8(&c);
		if (c.bad || (quote != '"' && quote != '\''))
			return false;
		end = memchr(c.p, quote, cur_left(&c));
		if (end == NULL)
			return false;
		value = cur_take(&c, (size_t)(end - c.p));
		cur_skip(&c, 1);
		if (slice_is(word, name) ||
		    (strchr(name, ':') == NULL && word.size > strlen(name) + 1 &&
			word.p[word.size - strlen(name) - 1] == ':' && memcmp(word.p, "xmlns", 5) != 0 &&
			slice_is(slice_of(word.p + word.size - strlen(name), strlen(name)), name))) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

/* ---- is this XMPP? ---- */

static bool
has(struct slice s, const char *text)
{
	return memmem(s.p, s.size, text, strlen(text)) != NULL;
}

/* A stanza of a stream whose beginning was not seen. */
static bool
is_stanza(const struct xmpp_token *token)
{
	struct slice from, to, type, id, ns;
	bool has_from = xmpp_attribute(token, "from", &from), has_to = xmpp_attribute(token, "to", &to);
	bool has_type = xmpp_attribute(token, "type", &type), has_id = xmpp_attribute(token, "id", &id);

	if (slice_is(token->name, "iq"))
		return has_id && has_type &&
		       (slice_is(type, "get") || slice_is(type, "set") || slice_is(type, "result") ||
			   slice_is(type, "error"));
	if (slice_is(token->name, "message"))
		return (has_to || has_from) && (has_id || has_type);
	if (slice_is(token->name, "presence"))
		return has_from && (has_to || has_type);
	if (xmpp_attribute(token, "xmlns", &ns))
		return slice_is(ns, "urn:ietf:params:xml:ns:xmpp-tls") ||
		       slice_is(ns, "urn:ietf:params:xml:ns:xmpp-sasl");
	return false;
}

enum cc_status
xmpp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	static const char *const begins[] = {"<?xml", "<stream:stream", "<iq", "<message", "<presence", "<auth",
	    "<starttls", "<proceed", "<success", "<failure"};
	struct cur c = cur_slice(in);
	struct xmpp_token token;
	bool may = false;
	size_t size;
	enum cc_status st;

	(void)ctx;
	(void)dir;
	while (cur_left(&c) > 0 && is_space(c.p[0])) /* what keeps a connection alive */
		cur_skip(&c, 1);
	if (cur_left(&c) == 0)
		return in.size > 64 ? CC_BAD : CC_MORE;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]) && !may; i++) {
		size = strlen(begins[i]);
		size = size < cur_left(&c) ? size : cur_left(&c);
		may = memcmp(c.p, begins[i], size) == 0;
	}
	if (!may)
		return CC_BAD;
	st = xmpp_token(&c, 2048, &token);
	while (st == CC_OK && (token.kind == XMPP_DECLARE || token.kind == XMPP_TEXT))
		st = xmpp_token(&c, 2048, &token);
	if (st == CC_MORE)
		return in.size < 2048 ? CC_MORE : CC_BAD;
	if (st != CC_OK || (token.kind != XMPP_OPEN && token.kind != XMPP_EMPTY))
		return CC_BAD;
	if (slice_is(token.name, "stream") && token.kind == XMPP_OPEN)
		return has(token.rest, "http://etherx.jabber.org/streams") || has(token.rest, "jabber:client") ||
			       has(token.rest, "jabber:server")
			   ? CC_OK
			   : CC_BAD;
	return is_stanza(&token) ? CC_OK : CC_BAD;
}
