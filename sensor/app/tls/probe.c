/*
 * Is this TLS?  A side has to begin with a hello, or with an alert that refuses the other's.  A capture that sees one
 * side only, or a flow from its middle on a hello, is fine; encrypted records alone say nothing and are not taken.
 */
#include "app/tls/own.h"

static enum cc_status
probe_alert(struct cur *c, unsigned size)
{
	unsigned level, what;

	if (size != 2)
		return CC_BAD;
	level = cur_u8(c);
	what = cur_u8(c);
	if (c->bad)
		return CC_MORE;
	return (level == 1 || level == 2) && what <= 120 ? CC_OK : CC_BAD;
}

/* The beginning of a hello, as far as it is in the first record; a record may hold as little as one byte of it. */
static enum cc_status
probe_hello(struct cur *c, unsigned size)
{
	unsigned type, length, version;
	size_t here = cur_left(c);

	if (size == 0)
		return CC_BAD;
	type = cur_u8(c);
	if (c->bad)
		return CC_MORE;
	if (type != TLS_CLIENT_HELLO && type != TLS_SERVER_HELLO)
		return CC_BAD;
	if (size < 6)
		return CC_OK;
	length = cur_u24(c);
	version = cur_u16(c);
	if (here >= 4 && length < 38)
		return CC_BAD;
	if (c->bad)
		return CC_MORE;
	return version >> 8 == 3 || version >> 8 == 0x7f ? CC_OK : CC_BAD;
}

enum cc_status
tls_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	unsigned type = cur_u8(&c), major = cur_u8(&c), minor = cur_u8(&c), size = cur_u16(&c);

	(void)ctx;
	(void)dir;
	if (in.size > 0 && type != TLS_HANDSHAKE && type != TLS_ALERT)
		return tls_ssl2_probe(in);
	if ((in.size > 1 && major != 3) || (in.size > 2 && minor > 4))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (size > TLS_RECORD_MAX)
		return CC_BAD;
	return type == TLS_ALERT ? probe_alert(&c, size) : probe_hello(&c, size);
}
