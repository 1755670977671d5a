/*
 * Kerberos 5 between clients and their KDC (RFC 4120): messages in, a transaction for each out.
 *
 *     UDP: a message a datagram.  TCP: size (32 bits, the highest 0) | message
 *
 * Nothing is decrypted: who asks for what, with which encryption, and what goes wrong. The KDC's answer to a request is
 * the next of its side; a failed one names the request before it.
 */
#include <stdio.h>

#include "app/krb5/own.h"

enum {
	F_TYPE,
	F_TYPE_REPLY,
	F_TYPE_TEXT,
	F_FAILED,
	F_ERROR,
	F_ERROR_TEXT,
	F_E_TEXT,
	F_CNAME,
	F_CNAME_REPLY,
	F_CNAME_TEXT,
	F_REALM,
	F_REALM_REPLY,
	F_REALM_TEXT,
	F_SNAME,
	F_SNAME_REPLY,
	F_SNAME_TEXT,
	F_ETYPE_TEXT,
	F_WEAK,
	F_WEAK_REPLY,
	F_TICKET,
	F_TICKET_TEXT,
	F_TICKET_WEAK,
	F_OFFERED,
	F_OFFERED_TEXT,
	F_COUNT
};

enum { A_MALFORMED, A_WEAK, A_WEAK_TICKET, A_TOO_LONG, A_COUNT };

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field fields[F_COUNT] = {
	[F_TYPE] = {"krb5.msg_type", NULL, CC_UINT, CC_REQUEST,
	    "Type of the message: AS-REQ (10), AS-REP, TGS-REQ, TGS-REP, ERROR (30)."},
	[F_TYPE_REPLY] = {"krb5.msg_type", NULL, CC_UINT, CC_RESPONSE,
	    "Type of the message: AS-REQ (10), AS-REP, TGS-REQ, TGS-REP, ERROR (30)."},
	[F_TYPE_TEXT] = {NULL, "msg_type", CC_BYTES, BOTH, "Type of the message, as a word."},
	[F_FAILED] = {NULL, "failed_request", CC_BYTES, CC_RESPONSE, "Type of the request that an error answers."},
	[F_ERROR] = {"krb5.err_code", NULL, CC_UINT, CC_RESPONSE, "Code of an error."},
	[F_ERROR_TEXT] = {NULL, "error_code", CC_BYTES, CC_RESPONSE, "Code of an error, as a word."},
	[F_E_TEXT] = {NULL, "concert.error_text", CC_BYTES, CC_RESPONSE, "What the KDC says of an error."},
	[F_CNAME] = {"krb5.cname", NULL, CC_BYTES, CC_REQUEST | CC_MULTI, "Each part of the client's name."},
	[F_CNAME_REPLY] = {"krb5.cname", NULL, CC_BYTES, CC_RESPONSE | CC_MULTI, "Each part of the client's name."},
	[F_CNAME_TEXT] = {NULL, "cname", CC_BYTES, BOTH, "Client's name, parts divided by '/'."},
	[F_REALM] = {"krb5.realm", "realm", CC_BYTES, CC_REQUEST, "Realm of the request, or of the client."},
	[F_REALM_REPLY] = {"krb5.realm", "realm", CC_BYTES, CC_RESPONSE, "Realm of the request, or of the client."},
	[F_REALM_TEXT] = {NULL, "realm", CC_BYTES, BOTH, "That there is none."},
	[F_SNAME] = {"krb5.sname", NULL, CC_BYTES, CC_REQUEST | CC_MULTI, "Each part of the service's name."},
	[F_SNAME_REPLY] = {"krb5.sname", NULL, CC_BYTES, CC_RESPONSE | CC_MULTI, "Each part of the service's name."},
	[F_SNAME_TEXT] = {NULL, "sname", CC_BYTES, BOTH, "Service's name, parts divided by '/'."},
	[F_ETYPE_TEXT] = {NULL, "encryption", CC_BYTES, BOTH, "Encryption of a reply."},
	[F_WEAK] = {"krb5.weak_encryption", "weak_encryption", CC_FLAG, CC_REQUEST, "A reply's encryption is weak."},
	[F_WEAK_REPLY] = {"krb5.weak_encryption", "weak_encryption", CC_FLAG, CC_RESPONSE,
	    "A reply's encryption is weak."},
	[F_TICKET] = {"krb5.ticket_encryption", NULL, CC_UINT, CC_RESPONSE, "Encryption type of a reply's ticket."},
	[F_TICKET_TEXT] = {NULL, "ticket_encryption", CC_BYTES, CC_RESPONSE, "Encryption of a reply's ticket."},
	[F_TICKET_WEAK] = {NULL, "ticket_weak_encryption", CC_FLAG, CC_RESPONSE, "A ticket's encryption is weak."},
	[F_OFFERED] = {"krb5.offered_encryption", NULL, CC_UINT, CC_REQUEST | CC_MULTI,
	    "Encryption types that a request offers."},
	[F_OFFERED_TEXT] = {NULL, "concert.offered", CC_BYTES, CC_REQUEST | CC_MULTI, "The same as words."},
};

static const struct cc_anomaly anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed_data", "A message isn't built as it must be."},
	[A_WEAK] = {"weak_encryption", "A reply is encrypted by a weak cipher."},
	[A_WEAK_TICKET] = {"weak_ticket_encryption", "A ticket is encrypted by a weak cipher."},
	[A_TOO_LONG] = {"message_too_long", "A message is longer than krb5.message_limit; it was passed by."},
};

static const struct cc_words words[] = {
    {F_TYPE, CC_ONE_OF, krb5_type_words, KRB5_TYPE_WORDS},
    {F_TYPE_REPLY, CC_ONE_OF, krb5_type_words, KRB5_TYPE_WORDS},
    {F_TICKET, CC_ONE_OF, krb5_etype_words, KRB5_ETYPE_WORDS},
    {F_OFFERED, CC_ONE_OF, krb5_etype_words, KRB5_ETYPE_WORDS},
};

static const struct cc_alias aliases[] = {
    {"krb5_msg_type", "krb5.msg_type"}, {"krb5_err_code", "krb5.err_code"},
    {"krb5_cname", "krb5.cname"}, {"krb5_sname", "krb5.sname"},
};

struct krb5_side {
	uint64_t skip;              /* bytes of a message that is too long */
	bool lost;                  /* behind a gap: where a message begins isn't known */
};

struct krb5_state {
	struct krb5_side side[2];
	uint8_t request;            /* the last one's type */
};

static void
put_name(struct cc_ctx *ctx, struct cc_tx *tx, unsigned parts, unsigned whole, const struct krb5_name *name)
{
	size_t size = 0, at = 0;
	uint8_t *text;

	for (unsigned i = 0; i < name->count; i++) {
		cc_put(ctx, tx, parts, name->part[i]);
		size += name->part[i].size + 1;
	}
	if (name->count == 0) {
		cc_put_text(ctx, tx, whole, "<empty>");
		return;
	}
	text = cc_tx_alloc(ctx, tx, size);
	if (text == NULL)
		return;
	for (unsigned i = 0; i < name->count; i++) {
		if (i > 0)
			text[at++] = '/';
		if (name->part[i].size > 0)
			memcpy(text + at, name->part[i].p, name->part[i].size);
		at += name->part[i].size;
	}
	cc_put_ref(ctx, tx, whole, slice_of(text, at));
}

static void
put_word(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const char *text, int64_t number)
{
	char room[32];

	if (text == NULL) {
		snprintf(room, sizeof(room), "%lld", (long long)number);
		text = room;
	}
	cc_put_text(ctx, tx, field, text);
}

static void
put_error(struct cc_ctx *ctx, struct cc_tx *tx, const struct krb5_message *msg, uint8_t request)
{
	cc_put_text(ctx, tx, F_FAILED, krb5_type_text(request));
	cc_put_uint(ctx, tx, F_ERROR, (uint64_t)msg->error);
	put_word(ctx, tx, F_ERROR_TEXT, krb5_error_text(msg->error), msg->error);
	if (msg->error_text.size > 0)
		cc_put(ctx, tx, F_E_TEXT, msg->error_text);
}

static void
message(struct cc_ctx *ctx, struct krb5_state *state, enum cc_dir dir, struct slice in)
{
	struct krb5_message msg;
	enum cc_status st = krb5_read(in, &msg);
	struct cc_tx *tx = cc_tx_new(ctx);
	unsigned r = dir == CC_TO_CLIENT; /* fields that stand on both sides are two, the client's first */
	bool weak = msg.has_etype && krb5_etype_weak(msg.etype);

	cc_put_uint(ctx, tx, F_TYPE + r, msg.type);
	cc_put_text(ctx, tx, F_TYPE_TEXT, krb5_type_text(msg.type));
	if (msg.type == KRB5_AS_REQ || msg.type == KRB5_TGS_REQ)
		state->request = msg.type;
	if (msg.type == KRB5_ERROR)
		put_error(ctx, tx, &msg, state->request);
	put_name(ctx, tx, F_CNAME + r, F_CNAME_TEXT, &msg.cname);
	if (msg.has_realm)
		cc_put(ctx, tx, F_REALM + r, msg.realm);
	else
		cc_put_text(ctx, tx, F_REALM_TEXT, "<empty>");
	put_name(ctx, tx, F_SNAME + r, F_SNAME_TEXT, &msg.sname);
	if (msg.has_etype)
		put_word(ctx, tx, F_ETYPE_TEXT, krb5_etype_text(msg.etype), msg.etype);
	else
		cc_put_text(ctx, tx, F_ETYPE_TEXT, "<none>");
	cc_put_uint(ctx, tx, F_WEAK + r, weak);
	if (msg.has_ticket_etype) {
		cc_put_uint(ctx, tx, F_TICKET, (uint64_t)msg.ticket_etype);
		put_word(ctx, tx, F_TICKET_TEXT, krb5_etype_text(msg.ticket_etype), msg.ticket_etype);
		cc_put_uint(ctx, tx, F_TICKET_WEAK, krb5_etype_weak(msg.ticket_etype));
	}
	for (unsigned i = 0; i < msg.types_count; i++) {
		cc_put_uint(ctx, tx, F_OFFERED, (uint64_t)msg.types[i]);
		put_word(ctx, tx, F_OFFERED_TEXT, krb5_etype_text(msg.types[i]), msg.types[i]);
	}
	if (st != CC_OK)
		cc_anomaly(ctx, tx, A_MALFORMED);
	if (weak)
		cc_anomaly(ctx, tx, A_WEAK);
	if (msg.has_ticket_etype && krb5_etype_weak(msg.ticket_etype))
		cc_anomaly(ctx, tx, A_WEAK_TICKET);
	cc_tx_update(ctx, tx, dir);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

/* A stream's size and the message's beginning behind it. */
static enum cc_status
record_begins(struct slice in, size_t *ret_size)
{
	struct cur c = cur_slice(in);
	uint32_t size = cur_u32(&c);
	size_t inner = 0;
	enum cc_status st;

	if (in.size > 0 && (in.p[0] & 0x80) != 0)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	st = krb5_begins(cur_rest(&c), &inner);
	if (st == CC_OK && inner != size)
		return CC_BAD;
	*ret_size = size;
	return st;
}

static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	size_t size = 0;
	enum cc_status st;

	(void)dir;
	if (!cc_is_udp(ctx))
		return record_begins(in, &size);
	st = krb5_begins(in, &size);
	return st == CC_OK && size == in.size ? CC_OK : CC_BAD;
}

static enum cc_status
feed_stream(struct cc_ctx *ctx, struct krb5_state *state, enum cc_dir dir, struct cur *in)
{
	struct krb5_side *side = &state->side[dir];
	uint64_t limit = cc_limit(ctx, "krb5.message_limit");

	while (cur_left(in) > 0) {
		struct cur c = *in;
		size_t size;

		if (side->skip > 0) {
			size = cur_left(in) < side->skip ? cur_left(in) : (size_t)side->skip;
			cur_skip(in, size);
			side->skip -= size;
			continue;
		}
		if (side->lost) {
			enum cc_status st = record_begins(cur_rest(in), &size);

			if (st == CC_MORE)
				return CC_MORE;
			if (st == CC_BAD) { /* somewhere in a message: the next piece may begin with one */
				in->p = in->end;
				return CC_OK;
			}
			side->lost = false;
		}
		size = cur_u32(&c);
		if (c.bad)
			return CC_MORE;
		if (size > limit) {
			cc_anomaly(ctx, NULL, A_TOO_LONG);
			side->skip = (uint64_t)size + 4;
			continue;
		}
		cur_skip(&c, size);
		if (c.bad)
			return CC_MORE;
		message(ctx, state, dir, slice_of(in->p + 4, size));
		*in = c;
	}
	return CC_OK;
}

static enum cc_status
feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	if (!cc_is_udp(ctx))
		return feed_stream(ctx, own, dir, in);
	message(ctx, own, dir, cur_take(in, cur_left(in)));
	return CC_OK;
}

static enum cc_status
gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct krb5_side *side = &((struct krb5_state *)own)->side[dir];

	(void)ctx;
	if (side->skip >= size) {
		side->skip -= size;
		side->lost |= size > 0 && side->skip == 0;
	} else {
		side->skip = 0;
		side->lost = true;
	}
	return CC_OK;
}

const struct cc_parser krb5_parser = {
	.name = "krb5",
	.ports = "udp/88 tcp/88",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.words = words,
	.words_count = sizeof(words) / sizeof(words[0]),
	.aliases = aliases,
	.alias_count = sizeof(aliases) / sizeof(aliases[0]),
	.state_size = sizeof(struct krb5_state),
	.unit_max = 1u << 20,
	.tcp = true,
	.udp = true,
	.one_way = true,
	.probe = probe,
	.feed = feed,
	.gap = gap,
};
