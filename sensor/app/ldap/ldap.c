/*
 * LDAP version 3 (RFC 4511) over TCP and UDP (CLDAP, MS-ADTS 6.3.3): messages in, a transaction for each request with
 * all that answers it out.
 *
 *     30 size | 02 size messageID | operation, [APPLICATION n] | [0] controls
 *
 * Behind a bind by SASL a layer may stand around the messages (RFC 4422, 3.7): size 4, then a token that signs or
 * seals.  What is signed alone is still read.  StartTLS hands the flow over to TLS.  Thread: the worker's.
 */
#include "app/ldap/own.h"

enum { SASL_HEAD_MAX = 64, SASL_SIZE_MAX = 1 << 24 };

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/ldap/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
    [A_TOO_MANY] = {"too_many_transactions", "More requests wait for an answer than are remembered."},
    [A_INVALID] = {"invalid_data", "A message is not built as it must be."},
    [A_NOT_FOUND] = {"request_not_found", "An answer to what wasn't asked."},
    [A_TOO_LONG] = {"message_too_long", "A message beyond ldap.message_limit; it was passed by."},
    [A_CREDENTIALS] = {"plaintext_credentials", "A password in the clear."},
    [A_NTLM_V1] = {"ntlm_v1", "A log-on by NTLM's version 1, or LM."},
    [A_NTLM_MALFORMED] = {"malformed_ntlmssp", "An NTLMSSP message is broken."},
    [A_INJECTION] = {"starttls_injection", "Requests in the clear behind StartTLS."},
    [A_ENCRYPTED] = {"encrypted", "The session goes on sealed by SASL."},
    [A_TOO_DEEP] = {"filter_too_deep", "A filter of more than 32 levels; what is deeper was left out."},
};

static const struct cc_words words[] = {
    {F_REQ_OP, CC_ONE_OF, ldap_op_words, LDAP_OP_WORDS},
    {F_RES_OP, CC_ONE_OF, ldap_op_words, LDAP_OP_WORDS},
    {F_RES_CODE, CC_ONE_OF, ldap_code_words, LDAP_CODE_WORDS},
};

/* Once a flow. */
void
ldap_report(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx, unsigned anomaly)
{
	if ((ldap->reported >> anomaly & 1) != 0)
		return;
	ldap->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

/* ---- messages ---- */

struct message {
	int64_t id;
	enum ldap_op op;
	struct slice body;
};

static bool
is_op(enum cc_dir dir, uint8_t tag)
{
	static const uint8_t tags[2][12] = {
	    {0x60, 0x42, 0x63, 0x66, 0x68, 0x4a, 0x6c, 0x6e, 0x50, 0x77},
	    {0x61, 0x64, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79},
	};

	return tag != 0 && memchr(tags[dir], tag, sizeof(tags[dir])) != NULL;
}

/* What an operation's body begins with; 0: anything. */
static uint8_t
first_tag(uint8_t tag)
{
	switch (tag) {
	case 0x60:
		return BER_INTEGER;
	case 0x63:
	case 0x64:
	case 0x66:
	case 0x68:
	case 0x6c:
	case 0x6e:
	case 0x73:
		return BER_OCTET_STRING;
	case 0x61:
	case 0x65:
	case 0x67:
	case 0x69:
	case 0x6b:
	case 0x6d:
	case 0x6f:
	case 0x78:
		return BER_ENUMERATED;
	case 0x77:
		return BER_CONTEXT(0);
	default:
		return 0;
	}
}

/*
 * Is this the beginning of a message of that side?  CC_MORE: too short to say.  *ret_size: of the message, which need
 * not all be here.
 */
static enum cc_status
begins(struct slice in, enum cc_dir dir, size_t *ret_size)
{
	enum cc_status st = in.size == 0 ? CC_MORE : in.p[0] != BER_SEQUENCE ? CC_BAD : ber_measure(in, ret_size);
	struct cur c = cur_slice(in);
	size_t inner = 0, left;
	uint8_t id_size;

	if (st != CC_OK)
		return st;
	cur_skip(&c, 1);
	id_size = cur_u8(&c);
	if (id_size >= 0x80)
		cur_skip(&c, id_size & 0x7f);
	left = *ret_size - (size_t)(c.p - in.p);
	if (cur_left(&c) > 0 && c.p[0] != BER_INTEGER)
		return CC_BAD;
	cur_skip(&c, 1);
	id_size = cur_u8(&c);
	if (!c.bad && (id_size == 0 || id_size > 5))
		return CC_BAD;
	cur_skip(&c, id_size);
	if (c.bad || cur_left(&c) == 0)
		return left < 7 && dir == CC_TO_CLIENT ? CC_BAD : CC_MORE;
	if (left < id_size + 4u || !is_op(dir, c.p[0]))
		return CC_BAD;
	st = ber_measure(cur_rest(&c), &inner);
	if (st != CC_OK)
		return st;
	if (inner > left - id_size - 2u)
		return CC_BAD;
	id_size = first_tag(c.p[0]);
	if (id_size == 0)
		return CC_OK;
	cur_skip(&c, 1);
	left = cur_u8(&c);
	if (left >= 0x80)
		cur_skip(&c, left & 0x7f);
	if (c.bad || cur_left(&c) == 0)
		return left == 0 ? CC_BAD : CC_MORE;
	return c.p[0] == id_size ? CC_OK : CC_BAD;
}

static bool
read_message(struct slice in, struct message *ret_message)
{
	struct cur c = cur_slice(in), message = ber_sub(&c, BER_SEQUENCE);
	uint8_t tag;

	ret_message->id = ber_int(&message, BER_INTEGER);
	ret_message->body = ber_any(&message, &tag);
	ret_message->op = (enum ldap_op)(tag & 0x1f);
	return !message.bad && !c.bad && (tag & 0xc0) == 0x40;
}

/* ---- transactions ---- */

static struct ldap_tx *
own_of(const struct cc_tx *tx)
{
	return tx->own;
}

static void
tell(struct cc_ctx *ctx, struct cc_tx *tx)
{
	if (tx == NULL)
		return;
	if (own_of(tx)->responses > 0)
		cc_put_uint(ctx, tx, F_RES_COUNT, own_of(tx)->responses);
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

static struct cc_tx *
find(const struct ldap *ldap, int64_t id)
{
	struct cc_tx *tx = ldap->first;

	while (tx != NULL && own_of(tx)->id != id)
		tx = own_of(tx)->next;
	return tx;
}

static void
end_tx(struct cc_ctx *ctx, struct ldap *ldap, struct cc_tx *tx)
{
	struct cc_tx *before = NULL;

	for (struct cc_tx *at = ldap->first; at != tx; at = own_of(at)->next)
		before = at;
	if (before != NULL)
		own_of(before)->next = own_of(tx)->next;
	else
		ldap->first = own_of(tx)->next;
	if (ldap->last == tx)
		ldap->last = before;
	ldap->count--;
	tell(ctx, tx);
}

static void
tell_all(struct cc_ctx *ctx, struct ldap *ldap)
{
	while (ldap->first != NULL)
		end_tx(ctx, ldap, ldap->first);
}

static struct cc_tx *
push(struct cc_ctx *ctx, struct ldap *ldap, int64_t id)
{
	struct cc_tx *tx;

	if (ldap->count == LDAP_WAITING) {
		ldap_report(ctx, ldap, NULL, A_TOO_MANY);
		end_tx(ctx, ldap, ldap->first);
	}
	tx = cc_tx_new(ctx);
	if (tx == NULL)
		return NULL;
	own_of(tx)->id = id;
	if (ldap->last != NULL)
		own_of(ldap->last)->next = tx;
	else
		ldap->first = tx;
	ldap->last = tx;
	ldap->count++;
	return tx;
}

static void
request(struct cc_ctx *ctx, struct ldap *ldap, const struct message *message)
{
	struct cc_tx *tx = find(ldap, message->id);
	struct cur c = cur_slice(message->body);

	if (ldap->starttls)
		ldap_report(ctx, ldap, NULL, A_INJECTION);
	ldap->starttls = false;
	if (tx != NULL && !own_of(tx)->alone) /* its number is used again: the answer to the old one didn't come */
		end_tx(ctx, ldap, tx);
	tx = push(ctx, ldap, message->id);
	if (tx != NULL)
		own_of(tx)->op = (uint8_t)message->op;
	cc_put_uint(ctx, tx, F_REQ_OP, message->op);
	if (ldap_op_text(message->op) != NULL)
		cc_put_text(ctx, tx, F_REQ_OP_TEXT, ldap_op_text(message->op));
	cc_put_uint(ctx, tx, F_REQ_ID, (uint64_t)message->id);
	if (message->op == OP_ABANDON) {
		int64_t id = 0;

		for (size_t i = 0; i < message->body.size && i < 4; i++)
			id = id << 8 | cur_u8(&c);
		cc_put_uint(ctx, tx, F_ABANDON_ID, (uint64_t)id);
	}
	if (!ldap_request(ctx, ldap, tx, message->op, message->body))
		ldap_report(ctx, ldap, tx, A_INVALID);
	if (tx == NULL)
		return;
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	if (message->op == OP_UNBIND || message->op == OP_ABANDON)
		end_tx(ctx, ldap, tx);
	else
		cc_tx_side_done(ctx, tx, CC_TO_SERVER);
}

/* CC_END: TLS follows. */
static enum cc_status
response(struct cc_ctx *ctx, struct ldap *ldap, const struct message *message)
{
	struct cc_tx *tx = find(ldap, message->id);
	bool sasl = false, starttls = false, recorded;
	int64_t code;

	if (tx == NULL) {
		if (ldap->side[CC_TO_SERVER].seen && message->id != 0 && !ldap->side[CC_TO_SERVER].lost)
			ldap_report(ctx, ldap, NULL, A_NOT_FOUND);
		tx = push(ctx, ldap, message->id);
		if (tx != NULL)
			own_of(tx)->alone = true;
	}
	recorded = tx != NULL && own_of(tx)->responses++ < cc_limit(ctx, "ldap.responses_limit");
	if (tx != NULL) {
		sasl = own_of(tx)->sasl;
		starttls = own_of(tx)->starttls;
	}
	if (recorded) {
		cc_put_row(ctx, tx, F_RES_ROW);
		cc_put_uint(ctx, tx, F_RES_OP, message->op);
		if (ldap_op_text(message->op) != NULL)
			cc_put_text(ctx, tx, F_RES_OP_TEXT, ldap_op_text(message->op));
		cc_put_uint(ctx, tx, F_RES_ID, (uint64_t)message->id);
	}
	if (!ldap_response(ctx, recorded ? tx : NULL, message->op, message->body, &code))
		ldap_report(ctx, ldap, tx, A_INVALID);
	if (message->op == OP_ENTRY || message->op == OP_REFERENCE || message->op == OP_INTERMEDIATE)
		return CC_OK;
	if (tx != NULL) {
		cc_tx_update(ctx, tx, CC_TO_CLIENT);
		end_tx(ctx, ldap, tx);
	}
	if (message->op == OP_BIND_RESPONSE && code == 0)
		ldap->wrapped = sasl;
	if (message->op != OP_EXTENDED_RESPONSE || !starttls)
		return CC_OK;
	ldap->starttls = false;
	return code == 0 ? CC_END : CC_OK;
}

static enum cc_status
message(struct cc_ctx *ctx, struct ldap *ldap, enum cc_dir dir, struct slice in)
{
	struct message message;

	ldap->side[dir].seen = true;
	memset(&message, 0, sizeof(message));
	if (!read_message(in, &message) || message.op >= LDAP_OPS) {
		ldap_report(ctx, ldap, NULL, A_INVALID);
		return CC_OK;
	}
	if (dir == CC_TO_SERVER) {
		request(ctx, ldap, &message);
		return CC_OK;
	}
	return response(ctx, ldap, &message);
}

/* ---- the stream ---- */

/* In SASL's layer: messages behind a signature, or what is sealed. */
static enum cc_status
unwrap(struct cc_ctx *ctx, struct ldap *ldap, enum cc_dir dir, struct slice in)
{
	for (size_t at = 0; at < SASL_HEAD_MAX && at < in.size; at++) {
		struct cur c = cur_of(in.p + at, in.size - at);
		size_t size;
		bool found = false;

		while (begins(cur_rest(&c), dir, &size) == CC_OK && size <= cur_left(&c)) {
			found = true;
			if (message(ctx, ldap, dir, cur_take(&c, size)) == CC_END)
				return CC_END;
		}
		if (found)
			return CC_OK;
	}
	ldap_report(ctx, ldap, NULL, A_ENCRYPTED);
	return CC_OK;
}

/* The size of what comes next, with its head.  CC_BAD: nothing of ours. */
static enum cc_status
measure(const struct ldap *ldap, enum cc_dir dir, struct slice in, size_t *ret_size)
{
	struct cur c = cur_slice(in);
	uint32_t size;

	if (!ldap->wrapped || in.p[0] == BER_SEQUENCE)
		return begins(in, dir, ret_size);
	size = cur_u32(&c);
	if (c.bad)
		return in.p[0] == 0 ? CC_MORE : CC_BAD;
	*ret_size = (size_t)size + 4;
	return size > 0 && size < SASL_SIZE_MAX ? CC_OK : CC_BAD;
}

static void
hand_over(struct cc_ctx *ctx, struct ldap *ldap)
{
	tell_all(ctx, ldap);
	cc_switch_to(ctx, "tls");
}

static bool
take_skip(struct ldap_side *side, struct cur *in)
{
	size_t size = cur_left(in) < side->skip ? cur_left(in) : (size_t)side->skip;

	cur_skip(in, size);
	side->skip -= size;
	return size > 0;
}

static enum cc_status
feed_stream(struct cc_ctx *ctx, struct ldap *ldap, enum cc_dir dir, struct cur *in)
{
	struct ldap_side *side = &ldap->side[dir];

	while (cur_left(in) > 0) {
		struct slice unit;
		size_t size = 0;
		bool wrapped = ldap->wrapped && in->p[0] != BER_SEQUENCE;
		enum cc_status st;

		if (take_skip(side, in))
			continue;
		if (dir == CC_TO_SERVER && ldap->starttls && in->p[0] == 0x16) { /* a handshake: it was agreed */
			hand_over(ctx, ldap);
			return CC_OK;
		}
		st = measure(ldap, dir, cur_rest(in), &size);
		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD &&
		    (side->lost || cc_is_midstream(ctx))) { /* the next piece may begin with a message */
			in->p = in->end;
			return CC_OK;
		}
		if (st == CC_BAD) {
			ldap_report(ctx, ldap, NULL, A_INVALID);
			return CC_BAD;
		}
		side->lost = false;
		if (size > cc_limit(ctx, "ldap.message_limit")) {
			ldap_report(ctx, ldap, NULL, A_TOO_LONG);
			side->skip = size;
			continue;
		}
		if (size > cur_left(in))
			return CC_MORE;
		unit = cur_take(in, size);
		st = wrapped ? unwrap(ctx, ldap, dir, slice_of(unit.p + 4, unit.size - 4))
			     : message(ctx, ldap, dir, unit);
		if (st == CC_END) {
			hand_over(ctx, ldap);
			return CC_OK;
		}
	}
	return CC_OK;
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	struct ldap *ldap = state;
	size_t size;

	if (!cc_is_udp(ctx))
		return feed_stream(ctx, ldap, dir, in);
	while (cur_left(in) > 0) {
		if (begins(cur_rest(in), dir, &size) != CC_OK || size > cur_left(in)) {
			ldap_report(ctx, ldap, NULL, A_INVALID);
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		(void)message(ctx, ldap, dir, cur_take(in, size));
	}
	return CC_OK;
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct ldap_side *side = &((struct ldap *)state)->side[dir];

	(void)ctx;
	if (side->skip >= size && size > 0) {
		side->skip -= size;
		return CC_OK;
	}
	side->skip = 0;
	side->lost = true;
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct ldap *ldap = state;

	ldap->finished[dir] = true;
	if (ldap->finished[CC_TO_SERVER] && ldap->finished[CC_TO_CLIENT])
		tell_all(ctx, ldap);
}

static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	size_t size = 0;
	enum cc_status st = begins(in, dir, &size);

	if (!cc_is_udp(ctx))
		return st;
	return st == CC_OK && size <= in.size && ber_tree(slice_of(in.p, size), 16) ? CC_OK : CC_BAD;
}

const struct cc_parser ldap_parser = {
	.name = "ldap",
	.ports = "tcp/389 udp/389 tcp/3268",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.words = words,
	.words_count = sizeof(words) / sizeof(words[0]),
	.state_size = sizeof(struct ldap),
	.tx_size = sizeof(struct ldap_tx),
	.unit_max = 1u << 20,
	.tcp = true,
	.udp = true,
	.probe = probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
};
