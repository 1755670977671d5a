/*
 * The parsers that nothing identifies: each has its connection from another flow that announces it.  What that flow
 * says, so that a test or a fuzz target can have one: the client is 10.0.0.1, the server 10.0.0.2, and the announced
 * connection goes from the client's port 40001 to the server's 1025.
 */
#ifndef APP_ANNOUNCED_H
#define APP_ANNOUNCED_H

#include "app/app.h"

enum { ANNOUNCED_CLIENT = 40001, ANNOUNCED_SERVER = 1025 };

struct announced {
	const char *parser;
	uint8_t proto;
	uint16_t client_port, port; /* of the flow that announces it */
	struct {
		enum cc_dir dir;
		const char *bytes;
		size_t size;
	} said[4];
};

#define ANNOUNCED_SAYS(dir, text) {dir, text, sizeof(text) - 1}

static const struct announced announced[] = {
    {"ftp-data", 6, 40000, 21,
        {ANNOUNCED_SAYS(CC_TO_CLIENT, "220 ftp\r\n"), ANNOUNCED_SAYS(CC_TO_SERVER, "PASV\r\n"),
            ANNOUNCED_SAYS(CC_TO_CLIENT, "227 ok (10,0,0,2,4,1)\r\n"), ANNOUNCED_SAYS(CC_TO_SERVER, "RETR file\r\n")}},
    {"dcc", 6, 40000, 6667,
        {ANNOUNCED_SAYS(CC_TO_SERVER, "NICK bot\r\nUSER bot 0 * :bot\r\n"),
            ANNOUNCED_SAYS(CC_TO_CLIENT, ":srv 001 bot :Welcome\r\n:srv 375 bot :- motd\r\n"),
            ANNOUNCED_SAYS(CC_TO_CLIENT, ":x!y@z PRIVMSG bot :\1DCC SEND f 167772162 1025 40\1\r\n")}},
    {"tftp-data", 17, ANNOUNCED_CLIENT, 69, {ANNOUNCED_SAYS(CC_TO_SERVER, "\0\1file\0octet\0blksize\00016\0")}},
};

/* NULL: that parser is not announced. */
static inline const struct announced *
announced_find(const char *parser)
{
	for (size_t i = 0; i < sizeof(announced) / sizeof(announced[0]); i++)
		if (strcmp(announced[i].parser, parser) == 0)
			return &announced[i];
	return NULL;
}

static inline void
announced_ends(struct flow *flow, uint16_t client_port, uint16_t server_port)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};

	flow->side[CC_TO_SERVER].addr = cc_addr4(client);
	flow->side[CC_TO_SERVER].port = client_port;
	flow->side[CC_TO_CLIENT].addr = cc_addr4(server);
	flow->side[CC_TO_CLIENT].port = server_port;
}

#endif
