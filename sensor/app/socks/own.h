/* What socks's files share: the sides' steps, requests and replies as read.  Nobody outside includes it. */
#ifndef APP_SOCKS_OWN_H
#define APP_SOCKS_OWN_H

#include "concert/parser.h"

enum { SOCKS_PORT = 1080, SOCKS_WAIT = 16384 /* bytes behind a request after which no answer is waited for */ };
enum { SOCKS_CONNECT = 1, SOCKS_BIND, SOCKS_UDP };
enum { SOCKS_NO_AUTH = 0, SOCKS_GSSAPI = 1, SOCKS_PASSWORD = 2, SOCKS_NO_METHOD = 0xff };
enum { SOCKS4_GRANTED = 0x5a, SOCKS4_LAST = 0x5d };

/* Whom a message names: a host's name, or an address. */
struct socks_place {
	struct slice name;
	struct cc_addr addr;
	bool has_addr;
	uint16_t port;
};

struct socks_message {
	uint8_t code;               /* command or reply */
	struct socks_place place;
	struct slice user;          /* of version 4 */
};

/* read.c: each takes one message off *in.  CC_MORE: it isn't here yet; CC_BAD: it is none. */
enum cc_status socks_methods(struct cur *in, struct slice *ret_methods);
enum cc_status socks_password(struct cur *in, struct slice *ret_user, struct slice *ret_password);
enum cc_status socks5_message(struct cur *in, bool request, struct socks_message *ret_message);
enum cc_status socks4_request(struct cur *in, struct socks_message *ret_message);
enum cc_status socks4_reply(struct cur *in, struct socks_message *ret_message);

/* Does the side that is the connection's server ask, and its client answer? */
bool socks_exchanged(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);
enum cc_status socks_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
