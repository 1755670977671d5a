/*
 * Requests and options of TFTP (RFC 1350, 2347).  Bytes in, slices of them out; no state.
 *
 *     opcode (16 bits) | file name NUL | mode NUL | { option NUL | value NUL }
 */
#include "app/tftp/own.h"

/* Text up to its NUL, which is taken, too; of bytes that a name may have. */
static struct slice
string(struct cur *c)
{
	struct slice rest = cur_rest(c);
	const uint8_t *end = rest.size > 0 ? memchr(rest.p, 0, rest.size) : NULL;

	if (end == NULL) {
		c->bad = true;
		return slice_of(NULL, 0);
	}
	rest.size = (size_t)(end - rest.p);
	cur_skip(c, rest.size + 1);
	for (size_t i = 0; i < rest.size; i++)
		if (rest.p[i] < 0x20 || rest.p[i] == 0x7f)
			c->bad = true;
	return rest;
}

enum cc_status
tftp_request_read(struct slice in, struct tftp_request *ret_request)
{
	struct cur c = cur_slice(in);
	struct tftp_request r;

	r.opcode = cur_u16(&c);
	r.name = string(&c);
	r.mode = string(&c);
	if (c.bad || (r.opcode != TFTP_RRQ && r.opcode != TFTP_WRQ) || r.name.size == 0 || r.mode.size == 0)
		return CC_BAD;
	r.options = c;
	*ret_request = r;
	return CC_OK;
}

bool
tftp_mode_known(struct slice mode)
{
	return text_eq_nocase(mode, "octet") || text_eq_nocase(mode, "netascii") || text_eq_nocase(mode, "mail");
}

bool
tftp_next_option(struct cur *options, struct slice *ret_name, struct slice *ret_value, bool *ret_bad)
{
	*ret_bad = false;
	if (cur_left(options) == 0 || options->bad)
		return false;
	*ret_name = string(options);
	*ret_value = string(options);
	if (options->bad || ret_name->size == 0) {
		*ret_bad = true;
		return false;
	}
	return true;
}
