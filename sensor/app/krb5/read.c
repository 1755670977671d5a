/*
 * Messages of Kerberos (RFC 4120, 5.4, 5.9.1): DER in, slices of it out; no state.
 *
 *     KDC-REQ    [APPLICATION 10, 12] SEQUENCE { [1] pvno, [2] msg-type, [3] padata, [4] SEQUENCE {
 *                    [0] options, [1] cname, [2] realm, [3] sname, … [8] SEQUENCE OF etype … } }
 *     KDC-REP    [APPLICATION 11, 13] SEQUENCE { [0] pvno, [1] msg-type, [2] padata, [3] crealm, [4] cname,
 *                    [5] ticket, [6] enc-part }
 *     Ticket     [APPLICATION 1] SEQUENCE { [0] vno, [1] realm, [2] sname, [3] enc-part }
 *     enc-part   SEQUENCE { [0] etype, [1] kvno, [2] cipher }
 *     KRB-ERROR  [APPLICATION 30] SEQUENCE { [0] pvno, [1] msg-type, … [6] error-code, [7] crealm, [8] cname,
 *                    [9] realm, [10] sname, [11] e-text, [12] e-data }
 */
#include "app/krb5/own.h"

#define MEMBERS 16

/* The members of a sequence by their context tags; p NULL: not there.  Order and repetition aren't judged. */
struct members {
	struct slice of[MEMBERS];
	bool bad;
};

static void
read_members(struct cur seq, struct members *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (!seq.bad && cur_left(&seq) > 0) {
		uint8_t tag;
		struct slice value = ber_any(&seq, &tag);

		if (!seq.bad && tag >= BER_IN_CONTEXT(0) && tag < BER_IN_CONTEXT(MEMBERS))
			ret->of[tag - BER_IN_CONTEXT(0)] = value;
	}
	ret->bad = seq.bad;
}

static bool
has(const struct members *m, unsigned i)
{
	return m->of[i].p != NULL;
}

static int64_t
number(struct members *m, unsigned i)
{
	struct cur c = cur_slice(m->of[i]);
	int64_t n = ber_int(&c, BER_INTEGER);

	m->bad |= c.bad;
	return n;
}

static struct slice
text(struct members *m, unsigned i)
{
	struct cur c = cur_slice(m->of[i]);
	uint8_t tag;
	struct slice value = ber_any(&c, &tag); /* GeneralString; some write UTF8String */

	m->bad |= c.bad || (tag & BER_CONSTRUCTED) != 0;
	return value;
}

static void
principal(struct members *m, unsigned i, struct krb5_name *ret_name)
{
	struct cur c = cur_slice(m->of[i]), list;
	struct members name;

	ret_name->count = 0;
	if (!has(m, i))
		return;
	read_members(ber_sub(&c, BER_SEQUENCE), &name);
	c = cur_slice(name.of[1]);
	list = ber_sub(&c, BER_SEQUENCE);
	while (!list.bad && cur_left(&list) > 0) {
		uint8_t tag;
		struct slice part = ber_any(&list, &tag);

		if (!list.bad && ret_name->count < KRB5_PARTS_MAX)
			ret_name->part[ret_name->count++] = part;
	}
	m->bad |= name.bad || list.bad;
}

/* The encryption type of an EncryptedData. */
static int64_t
etype_of(struct members *m, unsigned i, bool *ret_has)
{
	struct cur c = cur_slice(m->of[i]);
	struct members data;
	int64_t n;

	read_members(ber_sub(&c, BER_SEQUENCE), &data);
	n = number(&data, 0);
	m->bad |= data.bad;
	*ret_has = !data.bad;
	return n;
}

static bool
read_request(struct members *m, struct krb5_message *msg)
{
	struct cur c = cur_slice(m->of[4]), list;
	struct members body;

	read_members(ber_sub(&c, BER_SEQUENCE), &body);
	if (has(&body, 2)) {
		msg->realm = text(&body, 2);
		msg->has_realm = true;
	}
	principal(&body, 1, &msg->cname);
	principal(&body, 3, &msg->sname);
	c = cur_slice(body.of[8]);
	list = ber_sub(&c, BER_SEQUENCE);
	while (!list.bad && cur_left(&list) > 0) {
		int64_t n = ber_int(&list, BER_INTEGER);

		if (!list.bad && msg->types_count < KRB5_TYPES_MAX)
			msg->types[msg->types_count++] = n;
	}
	return !m->bad && !body.bad && !list.bad && msg->has_realm;
}

static bool
read_reply(struct members *m, struct krb5_message *msg)
{
	struct cur c = cur_slice(m->of[5]), inner;
	struct members ticket;

	if (has(m, 3)) {
		msg->realm = text(m, 3);
		msg->has_realm = true;
	}
	principal(m, 4, &msg->cname);
	msg->etype = etype_of(m, 6, &msg->has_etype);
	inner = ber_sub(&c, BER_IN_APPLICATION(1));
	read_members(ber_sub(&inner, BER_SEQUENCE), &ticket);
	principal(&ticket, 2, &msg->sname);
	msg->ticket_etype = etype_of(&ticket, 3, &msg->has_ticket_etype);
	return !m->bad && !ticket.bad;
}

static bool
read_error(struct members *m, struct krb5_message *msg)
{
	msg->error = number(m, 6);
	if (has(m, 7)) {
		msg->realm = text(m, 7);
		msg->has_realm = true;
	}
	principal(m, 8, &msg->cname);
	principal(m, 10, &msg->sname);
	if (has(m, 11))
		msg->error_text = text(m, 11);
	return !m->bad;
}

enum cc_status
krb5_read(struct slice in, struct krb5_message *ret_message)
{
	struct cur c = cur_slice(in), inner;
	struct members m;
	uint8_t tag = in.size > 0 ? in.p[0] : 0;
	bool right;

	memset(ret_message, 0, sizeof(*ret_message));
	inner = ber_sub(&c, tag);
	read_members(ber_sub(&inner, BER_SEQUENCE), &m);
	ret_message->type = tag & 0x1f;
	switch (ret_message->type) {
	case KRB5_AS_REQ:
	case KRB5_TGS_REQ:
		right = read_request(&m, ret_message);
		break;
	case KRB5_AS_REP:
	case KRB5_TGS_REP:
		right = read_reply(&m, ret_message);
		break;
	case KRB5_ERROR:
		right = read_error(&m, ret_message);
		break;
	default:
		right = !m.bad;
		break;
	}
	return right ? CC_OK : CC_BAD;
}

enum cc_status
krb5_begins(struct slice in, size_t *ret_size)
{
	struct cur c = cur_slice(in);
	size_t outer, inner;
	uint8_t tag = cur_u8(&c), type = tag & 0x1f;
	unsigned first = type == KRB5_AS_REQ || type == KRB5_TGS_REQ ? 1 : 0;
	enum cc_status st;

	if (c.bad)
		return CC_MORE;
	if (tag != BER_IN_APPLICATION(type) ||
	    ((type < KRB5_AS_REQ || type > KRB5_AP_REP) && type != KRB5_ERROR))
		return CC_BAD;
	if ((st = ber_measure(in, &outer)) != CC_OK)
		return st;
	cur_skip(&c, in.size > 1 && in.p[1] >= 0x80 ? (size_t)(in.p[1] & 0x7f) + 1 : 1);
	if (cur_left(&c) > 0 && c.p[0] != BER_SEQUENCE)
		return CC_BAD;
	if ((st = ber_measure(cur_rest(&c), &inner)) != CC_OK)
		return st;
	if (inner > outer)
		return CC_BAD;
	*ret_size = outer;
	cur_skip(&c, 1);
	cur_skip(&c, cur_left(&c) > 0 && c.p[0] >= 0x80 ? (size_t)(c.p[0] & 0x7f) + 1 : 1);
	/* [n] { INTEGER 5 } [n + 1] { INTEGER type } */
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t want[5] = {
		    (uint8_t)BER_IN_CONTEXT(first + i), 3, BER_INTEGER, 1, i == 0 ? KRB5_VERSION : type};

		for (unsigned k = 0; k < sizeof(want); k++) {
			uint8_t is = cur_u8(&c);

			if (c.bad)
				return CC_MORE;
			if (is != want[k])
				return CC_BAD;
		}
	}
	return CC_OK;
}
