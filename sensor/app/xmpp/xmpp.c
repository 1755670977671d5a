/*
 * XMPP over TCP (RFC 6120): a stream of XML on each side in, a transaction for each element under its root out, and one
 * for the root; with STARTTLS the flow is handed on to TLS.
 *
 * Only the tags are read: who, to whom, what kind; what people write to each other is not kept, nor are passwords.  XML
 * has no end to its depth, so elements are counted, not remembered.  A gap is made good at the next stanza.
 */
#include "app/smtp/mime.h"
#include "app/xmpp/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field xmpp_fields[XMPP_F_COUNT] = {
    [XMPP_F_ELEMENT] = {"xmpp.element", "element", CC_BYTES, BOTH, "stream, message, iq, presence, auth, starttls ..."},
    [XMPP_F_FROM] = {"xmpp.from", "from", CC_BYTES, BOTH, "Who sends it."},
    [XMPP_F_TO] = {"xmpp.to", "to", CC_BYTES, BOTH, "To whom; of a client's stream the server's domain."},
    [XMPP_F_TYPE] = {"xmpp.type", "type", CC_BYTES, BOTH, "Its type: chat, get, set, result, error ..."},
    [XMPP_F_ID] = {"xmpp.id", "id", CC_BYTES, BOTH, "Its id."},
    [XMPP_F_NS] = {"xmpp.namespace", "namespace", CC_BYTES, BOTH,
	"Its default namespace: jabber:client, jabber:server ..."},
    [XMPP_F_VERSION] = {"xmpp.version", "version", CC_BYTES, BOTH, "Version of a stream."},
    [XMPP_F_LANG] = {NULL, "lang", CC_BYTES, BOTH | CC_DETAIL, "Its language."},
    [XMPP_F_CHILD] = {"xmpp.child", "child", CC_BYTES, BOTH, "Name of the first element in it."},
    [XMPP_F_CHILD_NS] = {"xmpp.child_namespace", "child_namespace", CC_BYTES, BOTH, "And its namespace."},
    [XMPP_F_MECHANISM] = {"xmpp.mechanism", "mechanism", CC_BYTES, BOTH | CC_MULTI,
	"Mechanism of SASL that is used, or those offered."},
    [XMPP_F_USER] = {"xmpp.user", "user", CC_BYTES, BOTH, "Who logs in, where that is said in clear."},
};

static const struct cc_anomaly xmpp_anomalies[XMPP_ANOMALY_COUNT] = {
    [XMPP_CREDENTIALS] = {"plaintext_credentials", "A password went by in clear."},
    [XMPP_INJECTION] = {"starttls_injection", "The client goes on in clear behind its STARTTLS."},
    [XMPP_FORBIDDEN] = {"forbidden_xml", "A comment or a document type, which a stream must not have."},
    [XMPP_MALFORMED] = {"malformed_xml", "A tag is none."},
    [XMPP_TAG_TOO_LONG] = {"tag_too_long", "A tag is longer than xmpp.tag_limit; it was passed by."},
    [XMPP_TOO_DEEP] = {"too_deep", "More than 64 elements in each other."},
};

static void
report(struct cc_ctx *ctx, struct xmpp_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported = (uint8_t)(state->reported | 1u << anomaly);
	cc_anomaly(ctx, tx, anomaly);
}

static void
put_attribute(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const struct xmpp_token *token, const char *name)
{
	struct slice value;

	if (xmpp_attribute(token, name, &value) && value.size > 0)
		cc_put(ctx, tx, field, value);
}

static void
done(struct cc_ctx *ctx, struct xmpp_side *side, enum cc_dir dir)
{
	if (side->tx != NULL) {
		cc_tx_side_done(ctx, side->tx, dir);
		cc_tx_done(ctx, side->tx);
	}
	side->tx = NULL;
	side->secret = side->plain = side->user = side->told_child = false;
}

static struct cc_tx *
begin(struct cc_ctx *ctx, const struct xmpp_token *token)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put(ctx, tx, XMPP_F_ELEMENT, token->name);
	put_attribute(ctx, tx, XMPP_F_FROM, token, "from");
	put_attribute(ctx, tx, XMPP_F_TO, token, "to");
	put_attribute(ctx, tx, XMPP_F_TYPE, token, "type");
	put_attribute(ctx, tx, XMPP_F_ID, token, "id");
	put_attribute(ctx, tx, XMPP_F_NS, token, "xmlns");
	put_attribute(ctx, tx, XMPP_F_VERSION, token, "version");
	put_attribute(ctx, tx, XMPP_F_LANG, token, "xml:lang");
	put_attribute(ctx, tx, XMPP_F_MECHANISM, token, "mechanism");
	return tx;
}

static void
on_root(struct cc_ctx *ctx, struct xmpp_side *side, enum cc_dir dir, const struct xmpp_token *token)
{
	done(ctx, side, dir);
	side->tx = begin(ctx, token);
	done(ctx, side, dir);
	side->began = true;
	side->depth = 1;
}

/* An element right under the root.  true: TLS follows. */
static bool
on_stanza(struct cc_ctx *ctx, struct xmpp_state *state, enum cc_dir dir, const struct xmpp_token *token)
{
	struct xmpp_side *side = &state->side[dir];
	struct slice mechanism;

	if (slice_is(token->name, "proceed") && dir == CC_TO_CLIENT && state->tls == XMPP_ASKED)
		return true;
	done(ctx, side, dir);
	side->tx = begin(ctx, token);
	if (dir == CC_TO_SERVER && state->tls == XMPP_ASKED)
		report(ctx, state, side->tx, XMPP_INJECTION);
	if (dir == CC_TO_SERVER && slice_is(token->name, "starttls"))
		state->tls = XMPP_ASKED;
	if (dir == CC_TO_CLIENT && slice_is(token->name, "failure"))
		state->tls = XMPP_NO_TLS;
	if (dir == CC_TO_SERVER && slice_is(token->name, "auth") && xmpp_attribute(token, "mechanism", &mechanism))
		side->plain = side->secret = slice_is(mechanism, "PLAIN");
	return false;
}

/* What is deeper: its first name, mechanisms, and the old way to log in. */
static void
on_child(struct cc_ctx *ctx, struct xmpp_state *state, enum cc_dir dir, const struct xmpp_token *token)
{
	struct xmpp_side *side = &state->side[dir];

	if (side->depth >= XMPP_DEPTH)
		report(ctx, state, side->tx, XMPP_TOO_DEEP);
	if (!side->told_child) {
		side->told_child = true;
		cc_put(ctx, side->tx, XMPP_F_CHILD, token->name);
		put_attribute(ctx, side->tx, XMPP_F_CHILD_NS, token, "xmlns");
	}
	side->user = dir == CC_TO_SERVER && slice_is(token->name, "username");
	side->secret = dir == CC_TO_SERVER && slice_is(token->name, "password");
	if (dir == CC_TO_CLIENT && slice_is(token->name, "mechanism"))
		side->user = true; /* of SASL, to be told */
}

/* base64 of "authorised NUL user NUL password" (RFC 4616) */
static void
plain_login(struct cc_ctx *ctx, struct cc_tx *tx, struct slice text)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	uint8_t bytes[512];
	size_t size = mime_decode(&code, &text, bytes, sizeof(bytes) - 4);
	const uint8_t *from, *end;

	size += mime_decode_end(&code, bytes + size, sizeof(bytes) - size);
	from = size > 0 ? memchr(bytes, 0, size) : NULL;
	end = from != NULL ? memchr(from + 1, 0, size - (size_t)(from + 1 - bytes)) : NULL;
	if (end != NULL && end > from + 1 && cc_get(tx, XMPP_F_USER) == NULL)
		cc_put(ctx, tx, XMPP_F_USER, slice_of(from + 1, (size_t)(end - from - 1)));
	memset(bytes, 0, sizeof(bytes));
}

static void
on_text(struct cc_ctx *ctx, struct xmpp_state *state, enum cc_dir dir, struct slice text)
{
	struct xmpp_side *side = &state->side[dir];

	if (side->tx == NULL || text.size == 0)
		return;
	if (side->secret) {
		if (side->plain)
			plain_login(ctx, side->tx, text);
		report(ctx, state, side->tx, XMPP_CREDENTIALS);
	} else if (side->user) {
		cc_put(ctx, side->tx, dir == CC_TO_SERVER ? XMPP_F_USER : XMPP_F_MECHANISM, text);
	}
	side->secret = side->user = false;
}

/* One piece of XML.  CC_END: TLS follows. */
static enum cc_status
on_token(struct cc_ctx *ctx, struct xmpp_state *state, enum cc_dir dir, const struct xmpp_token *token)
{
	struct xmpp_side *side = &state->side[dir];

	switch (token->kind) {
	case XMPP_TEXT:
		on_text(ctx, state, dir, token->rest);
		return CC_OK;
	case XMPP_DECLARE:
		return CC_OK;
	case XMPP_OTHER:
		report(ctx, state, side->tx, XMPP_FORBIDDEN);
		return CC_OK;
	case XMPP_CLOSE:
		side->user = side->secret = false;
		side->depth = (uint16_t)(side->depth - (side->depth > 0));
		if (side->depth <= 1)
			done(ctx, side, dir);
		return CC_OK;
	default:
		break;
	}
	if (slice_is(token->name, "stream") && token->kind == XMPP_OPEN) {
		on_root(ctx, side, dir, token);
		return CC_OK;
	}
	if (!side->began) { /* in midstream the root was before */
		side->began = true;
		side->depth = 1;
	}
	if (side->depth <= 1) {
		side->depth = 1;
		if (on_stanza(ctx, state, dir, token))
			return CC_END;
	} else {
		on_child(ctx, state, dir, token);
	}
	if (token->kind == XMPP_OPEN)
		side->depth = (uint16_t)(side->depth + (side->depth < UINT16_MAX));
	else if (side->depth == 1)
		done(ctx, side, dir);
	return CC_OK;
}

/* Passes by what is no tag: the rest of one that is too long, a CDATA section, all up to a stanza behind a gap. */
static enum cc_status
pass_by(struct xmpp_side *side, struct cur *in)
{
	static const char *const stanzas[] = {"<message", "<iq", "<presence", "<stream:stream"};
	struct slice rest = cur_rest(in);
	const uint8_t *to = NULL;
	size_t keep = 0;

	if (side->in_cdata) {
		to = memmem(rest.p, rest.size, "]]>", 3);
		keep = 2;
	} else if (side->in_tag) {
		to = memchr(rest.p, '>', rest.size);
	} else {
		keep = 14;
		for (size_t i = 0; i < sizeof(stanzas) / sizeof(stanzas[0]); i++) {
			const uint8_t *p = memmem(rest.p, rest.size, stanzas[i], strlen(stanzas[i]));

			to = p != NULL && (to == NULL || p < to) ? p : to;
		}
	}
	if (to == NULL) {
		cur_skip(in, rest.size > keep ? rest.size - keep : 0);
		return CC_MORE;
	}
	cur_skip(in, (size_t)(to - rest.p) + (side->in_cdata ? 3 : side->in_tag ? 1 : 0));
	side->in_cdata = side->in_tag = side->lost = false;
	return CC_OK;
}

static bool
is_cdata(const struct cur *in)
{
	return cur_left(in) >= 9 && memcmp(in->p, "<![CDATA[", 9) == 0;
}

/* What may yet become "<![CDATA[". */
static bool
may_be_cdata(const struct cur *in)
{
	return cur_left(in) < 9 && memcmp(in->p, "<![CDATA[", cur_left(in)) == 0;
}

static enum cc_status
xmpp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	size_t limit = (size_t)cc_limit(ctx, "xmpp.tag_limit");
	struct xmpp_state *state = own;
	struct xmpp_side *side = &state->side[dir];
	struct xmpp_token token;
	enum cc_status st;

	while (cur_left(in) > 0) {
		if (side->lost || side->in_cdata || side->in_tag) {
			if (pass_by(side, in) != CC_OK)
				return CC_MORE;
			continue;
		}
		/* A handshake, though the server's consent wasn't seen. */
		if (state->tls == XMPP_ASKED && dir == CC_TO_SERVER && in->p[0] == 0x16) {
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
		if (may_be_cdata(in))
			return CC_MORE;
		if (is_cdata(in)) {
			cur_skip(in, 9);
			side->in_cdata = true;
			continue;
		}
		/* A login's text is wanted whole. */
		if ((side->secret || side->user) && in->p[0] != '<' && memchr(in->p, '<', cur_left(in)) == NULL &&
		    cur_left(in) < limit)
			return CC_MORE;
		st = xmpp_token(in, limit, &token);
		if (st == CC_MORE && cur_left(in) >= limit) {
			report(ctx, state, side->tx, XMPP_TAG_TOO_LONG);
			side->in_tag = true;
			continue;
		}
		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD) { /* "<" and no name behind it */
			report(ctx, state, side->tx, XMPP_MALFORMED);
			side->in_tag = true;
			continue;
		}
		if (on_token(ctx, state, dir, &token) == CC_END) {
			cc_switch_to(ctx, "tls");
			return CC_OK;
		}
	}
	return CC_OK;
}

static enum cc_status
xmpp_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct xmpp_state *state = own;
	struct xmpp_side *side = &state->side[dir];

	(void)size;
	done(ctx, side, dir);
	*side = (struct xmpp_side){.lost = true, .began = true, .depth = 1};
	return CC_OK;
}

static void
xmpp_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct xmpp_state *state = own;

	done(ctx, &state->side[dir], dir);
}

const struct cc_parser xmpp_parser = {
    .name = "xmpp",
    .ports = "tcp/5222 tcp/5269",
    .fields = xmpp_fields,
    .field_count = XMPP_F_COUNT,
    .anomalies = xmpp_anomalies,
    .anomaly_count = XMPP_ANOMALY_COUNT,
    .state_size = sizeof(struct xmpp_state),
    .tcp = true,
    .one_way = true,
    .by_message = true,
    .own_event = true,
    .probe = xmpp_probe,
    .feed = xmpp_feed,
    .gap = xmpp_gap,
    .finish = xmpp_finish,
};
