/*
 * Names of NetBIOS (RFC 1001, 14; RFC 1002, 4.1): each half of a byte is a letter from 'A' to 'P', the sixteenth byte
 * says what the name is for.  Bytes in, a name out; no state.
 *
 *     32 | 32 letters | label of the scope ... | 0      or      0xc0 | offset
 */
#include "app/netbios/own.h"

static bool
read_scope(struct cur *in, struct netbios_name *ret_name)
{
	uint8_t label;

	while ((label = cur_u8(in)) != 0 && !in->bad) {
		const uint8_t *p = label < 64 ? cur_bytes(in, label) : NULL;

		if (p == NULL || ret_name->scope_size + label + 1u > sizeof(ret_name->scope))
			return false;
		if (ret_name->scope_size > 0)
			ret_name->scope[ret_name->scope_size++] = '.';
		memcpy(ret_name->scope + ret_name->scope_size, p, label);
		ret_name->scope_size = (uint16_t)(ret_name->scope_size + label);
	}
	return !in->bad;
}

bool
netbios_name(struct cur *in, struct slice all, struct netbios_name *ret_name)
{
	struct cur c = *in, at;
	const uint8_t *letters;
	uint8_t size, bytes[16];

	*ret_name = (struct netbios_name){.size = 0};
	size = cur_u8(&c);
	if (size >> 6 == 3) { /* one step back, never more: a name that is pointed to is whole */
		size_t offset = (size_t)(size & 0x3f) << 8 | cur_u8(&c);

		if (c.bad || offset >= all.size)
			return false;
		at = cur_of(all.p + offset, all.size - offset);
		size = cur_u8(&at);
	} else {
		at = c;
	}
	letters = size == 32 ? cur_bytes(&at, 32) : NULL;
	if (letters == NULL)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		uint8_t high = (uint8_t)(letters[2 * i] - 'A'), low = (uint8_t)(letters[2 * i + 1] - 'A');

		if (high > 15 || low > 15)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	ret_name->suffix = bytes[15];
	ret_name->size = NETBIOS_NAME;
	while (ret_name->size > 0 && (bytes[ret_name->size - 1] == ' ' || bytes[ret_name->size - 1] == 0))
		ret_name->size--;
	memcpy(ret_name->name, bytes, ret_name->size);
	if (!read_scope(&at, ret_name))
		return false;
	if (letters == in->p + 1)
		c = at;
	*in = c;
	return true;
}

const char *
netbios_suffix(uint8_t suffix)
{
	switch (suffix) {
	case 0x00:
		return "workstation";
	case 0x03:
		return "messenger";
	case 0x06:
		return "remote access server";
	case 0x1b:
		return "domain master browser";
	case 0x1c:
		return "domain controllers";
	case 0x1d:
		return "master browser";
	case 0x1e:
		return "browser elections";
	case 0x1f:
		return "NetDDE";
	case 0x20:
		return "file server";
	case 0x21:
		return "remote access client";
	case 0xbe:
		return "network monitor agent";
	case 0xbf:
		return "network monitor";
	default:
		return NULL;
	}
}

void
netbios_put(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const struct netbios_name *name)
{
	const char *what = netbios_suffix(name->suffix);

	cc_put(ctx, tx, field, slice_of(name->name, name->size));
	cc_put_uint(ctx, tx, field + 1, name->suffix);
	if (what != NULL)
		cc_put_text(ctx, tx, field + 2, what);
	if (name->scope_size > 0)
		cc_put(ctx, tx, field + 3, slice_of(name->scope, name->scope_size));
}
