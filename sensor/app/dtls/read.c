/*
 * Records and handshake fragments of DTLS (RFC 6347, 4.1 and 4.2.2; RFC 9147, 4), and: is this DTLS? Bytes in, slices
 * of
 * them out; no state.
 *
 *     type 1 | version 2 | epoch 2 | number 6 | size 2 | fragment          a record; beyond epoch 0 it is encrypted
 *     001..... | ...                                                       one of DTLS 1.3, encrypted
 *     type 1 | size 3 | message number 2 | offset 3 | fragment's size 3    before each handshake fragment
 */
#include "app/dtls/own.h"

static bool
version_known(unsigned version)
{
	return version == DTLS_VERSION_10 || version == DTLS_VERSION_12 || version == DTLS_VERSION_BAD;
}

enum cc_status
dtls_next_record(struct cur *in, struct dtls_record *ret_record)
{
	struct cur c = *in;
	struct dtls_record record = {.type = cur_u8(&c)};
	unsigned version, epoch;

	if (!c.bad && record.type >> 5 == 1) {
		/* Without a size it reaches to the end; with one there may be others, which say no more. */
		record.encrypted = true;
		record.fragment = cur_take(&c, cur_left(&c));
		*in = c;
		*ret_record = record;
		return CC_OK;
	}
	version = cur_u16(&c);
	epoch = cur_u16(&c);
	cur_skip(&c, 6);
	record.fragment = cur_take(&c, cur_u16(&c));
	record.encrypted = epoch > 0;
	if (c.bad || record.type < TLS_CCS || record.type > 26 || !version_known(version) ||
	    record.fragment.size > TLS_RECORD_MAX)
		return CC_BAD;
	*in = c;
	*ret_record = record;
	return CC_OK;
}

enum cc_status
dtls_next_fragment(struct cur *in, struct dtls_fragment *ret_fragment)
{
	struct cur c = *in;
	struct dtls_fragment f = {.type = cur_u8(&c)};

	f.size = cur_u24(&c);
	f.seq = cur_u16(&c);
	f.offset = cur_u24(&c);
	f.bytes = cur_take(&c, cur_u24(&c));
	if (c.bad || f.offset + f.bytes.size > f.size || !tls_type_known(f.type))
		return CC_BAD;
	*in = c;
	*ret_fragment = f;
	return CC_OK;
}

/* Does a record in clear hold what its type demands? */
static bool
clear_right(const struct dtls_record *record)
{
	struct cur c = cur_slice(record->fragment);
	struct dtls_fragment f;
	unsigned level, what;

	switch (record->type) {
	case TLS_HANDSHAKE:
		do {
			if (dtls_next_fragment(&c, &f) != CC_OK)
				return false;
		} while (cur_left(&c) > 0);
		return true;
	case TLS_ALERT:
		level = cur_u8(&c);
		what = cur_u8(&c);
		return !c.bad && cur_left(&c) == 0 && (level == 1 || level == 2) && what <= 120;
	case TLS_CCS: /* OpenSSL's first DTLS had a number in it */
		return record->fragment.size == 1 || record->fragment.size == 3;
	default:
		return false;
	}
}

/* Of one who says it in the first datagram: is it the client? */
static bool
by_client(const struct dtls_record *record)
{
	return record->type == TLS_HANDSHAKE && !record->encrypted && record->fragment.size > 0 &&
	    record->fragment.p[0] == TLS_CLIENT_HELLO;
}

static bool
by_server(const struct dtls_record *record)
{
	return record->type == TLS_HANDSHAKE && !record->encrypted && record->fragment.size > 0 &&
	    (record->fragment.p[0] == TLS_SERVER_HELLO || record->fragment.p[0] == TLS_HELLO_VERIFY);
}

/* STUN (RFC 8489) goes before DTLS between the same ports, in calls of browsers. */
static bool
is_stun(struct slice in)
{
	struct cur c = cur_slice(in);
	unsigned type = cur_u16(&c), size = cur_u16(&c);

	return cur_u32(&c) == 0x2112a442 && !c.bad && type < 0x4000 && in.size == 20 + (size_t)size;
}

/* Records have to lead to the datagram's end; those of a session's middle, encrypted, have a small epoch and number. */
enum cc_status
dtls_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in), number = cur_slice(in);
	struct dtls_record record;
	bool first = true;

	if (is_stun(in))
		return CC_MORE;
	do {
		if (dtls_next_record(&c, &record) != CC_OK)
			return CC_BAD;
		if (!record.encrypted && !clear_right(&record))
			return CC_BAD;
		if (first && cc_may_turn(ctx) && (dir == CC_TO_SERVER ? by_server(&record) : by_client(&record)))
			return CC_BAD;
		if (first && record.encrypted && !cc_other_known(ctx)) {
			if (record.type >> 5 == 1 || record.fragment.size < 16)
				return CC_BAD;
			cur_skip(&number, 3);
			if (cur_u16(&number) > 8 || cur_u16(&number) != 0)
				return CC_BAD;
		}
		first = false;
	} while (cur_left(&c) > 0);
	return CC_OK;
}
