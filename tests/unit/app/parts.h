/* Conversations as tables: what client and server say in turn. */
#ifndef APP_PARTS_H
#define APP_PARTS_H

#include "app_rig.h"

struct part {
	enum cc_dir dir;
	const char *bytes;
	size_t size;
};

/* clang-format off */
#define C(text) {CC_TO_SERVER, text, sizeof(text) - 1}
#define S(text) {CC_TO_CLIENT, text, sizeof(text) - 1}
/* clang-format on */

/* How an XMPP stream begins. */
#define ROOT "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'>"

#endif
