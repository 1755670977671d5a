/*
 * SSH's units, read without state: banner line, KEXINIT, the answer that shows the host key; and is this SSH?
 * RFC 4253 (transport), RFC 4419 (group exchange), RFC 5656 (ECDH), RFC 4432 (RSA).
 */
#include "app/ssh/own.h"

#define NAME_MAX_SIZE 128  /* of a key type; RFC 4251, 6 says 64 */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Up to the byte `end`, which is taken, too; else all that is left. */
static struct slice
take_until(struct cur *c, uint8_t end)
{
	struct slice rest = cur_rest(c);
	const uint8_t *at = rest.size > 0 ? memchr(rest.p, end, rest.size) : NULL;

	if (at == NULL)
		return cur_take(c, rest.size);
	rest.size = (size_t)(at - rest.p);
	cur_skip(c, rest.size + 1);
	return rest;
}

enum cc_status
ssh_banner_read(struct slice line, struct ssh_banner *ret_banner)
{
	struct cur c = cur_slice(line);
	struct slice magic = cur_take(&c, 4), proto;

	if (c.bad || !slice_is(magic, "SSH-"))
		return CC_BAD;
	proto = take_until(&c, '-');
	if (proto.size == 0 || proto.p + proto.size == line.p + line.size)
		return CC_BAD;
	ret_banner->proto = proto;
	ret_banner->software = take_until(&c, ' ');
	ret_banner->comment = cur_rest(&c);
	return ret_banner->software.size > 0 ? CC_OK : CC_BAD;
}

/*
 *     20 | cookie 16 | ten lists: size 4, names | first packet follows 1 | reserved 4
 */
enum cc_status
ssh_kexinit_read(struct slice payload, struct ssh_kexinit *ret_kexinit)
{
	struct cur c = cur_slice(payload);

	cur_skip(&c, 1 + 16);
	for (unsigned i = 0; i < SSH_LISTS; i++)
		ret_kexinit->list[i] = cur_take(&c, cur_u32(&c));
	return c.bad ? CC_BAD : CC_OK;
}

/*
 * "ssh-ed25519", "ecdsa-sha2-nistp256", "x509v3-…", "sk-…@openssh.com": names of keys hold a letter first and only
 * printable characters (RFC 4251, 6).
 */
static bool
is_key_type(struct slice name)
{
	if (name.size < 4 || name.size > NAME_MAX_SIZE || name.p[0] < 'a' || name.p[0] > 'z')
		return false;
	for (size_t i = 0; i < name.size; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ',')
			return false;
	return true;
}

/*
 *     30, 31 or 33 | host key: size 4, (type: size 4, name | …) | …
 *
 * 31 answers DH and ECDH, 33 the group exchange, 30 is RSA's.  But 31 is the group exchange's prime as well, and which
 * method was agreed needs both sides; so the bytes tell: a prime doesn't begin with the size and name of a key type.
 */
enum cc_status
ssh_host_key_read(struct slice payload, struct slice *ret_blob, struct slice *ret_type)
{
	struct cur c = cur_slice(payload), key;
	unsigned type = cur_u8(&c);
	struct slice blob = cur_take(&c, cur_u32(&c)), name;

	if ((type != 30 && type != 31 && type != 33) || c.bad)
		return CC_ABSENT;
	key = cur_slice(blob);
	name = cur_take(&key, cur_u32(&key));
	if (key.bad || cur_left(&key) == 0 || !is_key_type(name))
		return CC_ABSENT;
	*ret_blob = blob;
	*ret_type = name;
	return CC_OK;
}

/* A banner, from its first byte; what a server may say before it (RFC 4253, 4.2) tells nothing, its client does. */
enum cc_status
ssh_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	static const char magic[] = "SSH-";
	size_t size = in.size < 4 ? in.size : 4;

	(void)ctx;
	(void)dir;
	if (size > 0 && memcmp(in.p, magic, size) != 0)
		return CC_BAD;
	if (in.size < 6)
		return in.size == 5 && !is_digit(in.p[4]) ? CC_BAD : CC_MORE;
	return is_digit(in.p[4]) && in.p[5] == '.' ? CC_OK : CC_BAD;
}
