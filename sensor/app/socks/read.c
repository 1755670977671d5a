/*
 * Messages of SOCKS 4, 4a (no RFC) and 5 (RFC 1928, RFC 1929), and: is this SOCKS? Bytes in, slices of them out; no
 * state.
 *
 *     4: 4 | command 1 | port 2 | address 4 | user NUL | (address 0.0.0.x: name NUL) 0 | reply 1 | port 2 | address 4
 *     5: 5 | methods 1+n                                                                  5 | method 1
 *        1 | user 1+n | password 1+n                                                      1 | status 1
 *        5 | command 1 | 0 | kind 1 | address | port 2 5 | reply 1 | 0 | kind 1 | address | port 2
 */
#include "app/socks/own.h"

enum { NAME_MAX = 255, KIND_IP4 = 1, KIND_NAME = 3, KIND_IP6 = 4, METHODS_MAX = 16 };

enum cc_status
socks_methods(struct cur *in, struct slice *ret_methods)
{
	struct cur c = *in;
	unsigned version = cur_u8(&c);
	struct slice methods = cur_take(&c, cur_u8(&c));

	if (cur_left(in) > 0 && version != 5)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	*in = c;
	*ret_methods = methods;
	return CC_OK;
}

enum cc_status
socks_password(struct cur *in, struct slice *ret_user, struct slice *ret_password)
{
	struct cur c = *in;
	unsigned version = cur_u8(&c);
	struct slice user = cur_take(&c, cur_u8(&c)), password = cur_take(&c, cur_u8(&c));

	if (cur_left(in) > 0 && version != 1)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	*in = c;
	*ret_user = user;
	*ret_password = password;
	return CC_OK;
}

static bool
read_place(struct cur *c, unsigned kind, struct socks_place *place)
{
	const uint8_t *p;

	switch (kind) {
	case KIND_IP4:
		p = cur_bytes(c, 4);
		place->has_addr = p != NULL;
		if (p != NULL)
			place->addr = cc_addr4(p);
		break;
	case KIND_IP6:
		p = cur_bytes(c, 16);
		place->has_addr = p != NULL;
		if (p != NULL)
			place->addr = cc_addr6(p);
		break;
	case KIND_NAME:
		place->name = cur_take(c, cur_u8(c));
		break;
	default:
		return false;
	}
	place->port = cur_u16(c);
	return true;
}

enum cc_status
socks5_message(struct cur *in, bool request, struct socks_message *ret_message)
{
	struct cur c = *in;
	struct socks_message m = {.code = 0};
	size_t here = cur_left(in);
	unsigned version = cur_u8(&c), zero, kind;

	m.code = cur_u8(&c);
	zero = cur_u8(&c);
	kind = cur_u8(&c);
	if ((here > 0 && version != 5) || (here > 1 && request && (m.code < SOCKS_CONNECT || m.code > SOCKS_UDP)) ||
	    (here > 2 && zero != 0))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (!read_place(&c, kind, &m.place))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	*in = c;
	*ret_message = m;
	return CC_OK;
}

/* Text up to its NUL, which is taken, too.  CC_BAD: it has none within NAME_MAX bytes. */
static enum cc_status
text(struct cur *c, struct slice *ret_text)
{
	struct slice rest = cur_rest(c);
	const uint8_t *end = rest.size > 0 ? memchr(rest.p, 0, rest.size) : NULL;

	if (end == NULL)
		return rest.size > NAME_MAX ? CC_BAD : CC_MORE;
	rest.size = (size_t)(end - rest.p);
	if (rest.size > NAME_MAX)
		return CC_BAD;
	cur_skip(c, rest.size + 1);
	*ret_text = rest;
	return CC_OK;
}

enum cc_status
socks4_request(struct cur *in, struct socks_message *ret_message)
{
	struct cur c = *in;
	struct socks_message m = {.code = 0};
	size_t here = cur_left(in);
	unsigned version = cur_u8(&c);
	const uint8_t *p;
	enum cc_status st;

	m.code = cur_u8(&c);
	m.place.port = cur_u16(&c);
	p = cur_bytes(&c, 4);
	if ((here > 0 && version != 4) || (here > 1 && m.code != SOCKS_CONNECT && m.code != SOCKS_BIND))
		return CC_BAD;
	if (p == NULL)
		return CC_MORE;
	if ((st = text(&c, &m.user)) != CC_OK)
		return st;
	if (p[0] == 0 && p[1] == 0 && p[2] == 0 && p[3] != 0) {
		if ((st = text(&c, &m.place.name)) != CC_OK)
			return st;
	} else {
		m.place.addr = cc_addr4(p);
		m.place.has_addr = true;
	}
	*in = c;
	*ret_message = m;
	return CC_OK;
}

enum cc_status
socks4_reply(struct cur *in, struct socks_message *ret_message)
{
	struct cur c = *in;
	struct socks_message m = {.code = 0};
	size_t here = cur_left(in);
	unsigned version = cur_u8(&c);
	const uint8_t *p;

	m.code = cur_u8(&c);
	m.place.port = cur_u16(&c);
	p = cur_bytes(&c, 4);
	if ((here > 0 && version != 0) || (here > 1 && (m.code < SOCKS4_GRANTED || m.code > SOCKS4_LAST)))
		return CC_BAD;
	if (p == NULL)
		return CC_MORE;
	m.place.addr = cc_addr4(p);
	m.place.has_addr = true;
	*in = c;
	*ret_message = m;
	return CC_OK;
}

/* ---- is this SOCKS? ---- */

static bool
plain(struct slice s)
{
	for (size_t i = 0; i < s.size; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

static bool
methods_known(struct slice methods)
{
	for (size_t i = 0; i < methods.size; i++)
		if (methods.p[i] > 9 && methods.p[i] < 0x80)
			return false;
	return methods.size > 0 && methods.size <= METHODS_MAX;
}

/*
 * Three bytes of methods are too few to be sure, but on its port; the request behind them isn't.  A client that waits
 * for the answer in between makes us wait for it, too.
 */
static enum cc_status
probe_client5(const struct cc_ctx *ctx, struct slice in)
{
	struct cur c = cur_slice(in);
	struct slice methods, user, password;
	struct socks_message m;
	enum cc_status st = socks_methods(&c, &methods);
	bool sure = cc_server_port(ctx) == SOCKS_PORT || cc_other_known(ctx);

	if (st != CC_OK)
		return in.size > 1 && (in.p[1] == 0 || in.p[1] > METHODS_MAX) ? CC_BAD : st;
	if (!methods_known(methods))
		return CC_BAD;
	if (cur_left(&c) == 0)
		return sure ? CC_OK : CC_MORE;
	if (c.p[0] == 1 && memchr(methods.p, SOCKS_PASSWORD, methods.size) != NULL) {
		if ((st = socks_password(&c, &user, &password)) != CC_OK)
			return st;
		if (user.size == 0)
			return CC_BAD;
	}
	if (cur_left(&c) == 0)
		return sure ? CC_OK : CC_MORE;
	if ((st = socks5_message(&c, true, &m)) != CC_OK)
		return st;
	return m.place.has_addr || (m.place.name.size > 0 && plain(m.place.name)) ? CC_OK : CC_BAD;
}

static enum cc_status
probe_client4(const struct cc_ctx *ctx, struct slice in)
{
	struct cur c = cur_slice(in);
	struct socks_message m;
	enum cc_status st = socks4_request(&c, &m);

	if (st != CC_OK)
		return st;
	if (!plain(m.user) || !plain(m.place.name) || m.place.port == 0)
		return CC_BAD;
	return cur_left(&c) == 0 || cc_other_known(ctx) ? CC_OK : CC_BAD;
}

static enum cc_status
probe_server(const struct cc_ctx *ctx, struct slice in)
{
	struct cur c = cur_slice(in);
	struct socks_message m;
	unsigned version = cur_u8(&c), code = cur_u8(&c);
	bool sure = cc_server_port(ctx) == SOCKS_PORT || cc_other_known(ctx);
	enum cc_status st;

	if (version == 0) {
		c = cur_slice(in);
		st = socks4_reply(&c, &m);
		return st == CC_OK && !sure ? CC_BAD : st;
	}
	if (version != 5)
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (code > 9 && code < 0x80)
		return CC_BAD;
	if (sure)
		return CC_OK;
	if (code == SOCKS_PASSWORD && cur_left(&c) > 0 && (cur_u8(&c) != 1 || (cur_left(&c) > 0 && cur_u8(&c) != 0)))
		return CC_BAD;
	if (cur_left(&c) == 0)
		return CC_MORE;
	st = socks5_message(&c, false, &m);
	return st == CC_OK && (m.code > 8 || (m.place.name.size > 0 && !plain(m.place.name))) ? CC_BAD : st;
}

static enum cc_status
probe_role(const struct cc_ctx *ctx, enum cc_dir role, struct slice in)
{
	if (in.size == 0)
		return CC_MORE;
	if (role == CC_TO_CLIENT)
		return probe_server(ctx, in);
	return in.p[0] == 5 ? probe_client5(ctx, in) : in.p[0] == 4 ? probe_client4(ctx, in) : CC_BAD;
}

bool
socks_exchanged(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	return probe_role(ctx, dir, in) == CC_BAD && probe_role(ctx, cc_dir_other(dir), in) != CC_BAD;
}

/* Of exchanged roles version 5 alone is believed: its two messages each way leave less to chance. */
enum cc_status
socks_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	enum cc_status st = probe_role(ctx, dir, in);

	if (st != CC_BAD || in.size == 0 || in.p[0] != 5)
		return st;
	return probe_role(ctx, cc_dir_other(dir), in);
}
