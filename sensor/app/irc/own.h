/* What irc's files share: a line as read, a flow's state.  Nobody outside includes it. */
#ifndef APP_IRC_OWN_H
#define APP_IRC_OWN_H

#include "base/base.h"
#include "concert/parser.h"

enum { IRC_PARAMS = 15, IRC_NAME_MAX = 64 /* of a nick or user that is remembered */ };

enum irc_field {
	IRC_F_COMMAND, IRC_F_SOURCE, IRC_F_NICK, IRC_F_USER, IRC_F_REALNAME, IRC_F_TARGET, IRC_F_PARAMS, IRC_F_TEXT,
	IRC_F_TAGS, IRC_F_CTCP, IRC_F_DCC, IRC_F_DCC_FILE, IRC_F_DCC_ADDR, IRC_F_DCC_PORT, IRC_F_DCC_SIZE, IRC_F_COUNT
};

enum irc_anomaly { IRC_CREDENTIALS, IRC_LINE_TOO_LONG, IRC_INVALID_LINE, IRC_INVALID_DCC, IRC_INJECTION,
    IRC_ANOMALY_COUNT };

/* [@tags ] [:source ] command {middle} [:text] */
struct irc_line {
	struct slice tags, source, command;
	struct slice param[IRC_PARAMS]; /* the last may be the text */
	unsigned count;
	bool has_text;                  /* it is */
	unsigned number;                /* of a reply, 0: a word */
};

struct irc_name {
	uint8_t size;
	uint8_t b[IRC_NAME_MAX];
};

struct irc_state {
	struct irc_name nick, user;
	bool skip[2];                   /* the rest of a line is passed by */
	bool secret;                    /* AUTHENTICATE's answer is a password */
	bool starttls;                  /* the client has asked for it */
	uint8_t reported;               /* bits by anomaly */
};

/* line.c */
/* false: not a line of IRC. */
bool irc_read(struct slice line, struct irc_line *ret_line);
struct slice irc_text(const struct irc_line *line);
/* The next word, of the bytes before the first space; *text moves behind it. */
struct slice irc_word(struct slice *text);
enum cc_status irc_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

/* irc.c */
extern const struct cc_parser dcc_parser;
enum { DCC_NOTE_SIZE = 8 }; /* the size offered; the name follows */
/* Somebody offers a file at that place; size UINT64_MAX: not said.  dir: of the offer. */
void irc_dcc_expect(struct cc_ctx *ctx, enum cc_dir dir, struct slice name, const struct cc_addr *addr, uint16_t port,
    uint64_t size);

void irc_report(struct cc_ctx *ctx, struct irc_state *state, struct cc_tx *tx, unsigned anomaly);

/* message.c: a line to a transaction.  true: the server agrees that TLS follows. */
bool irc_message(struct cc_ctx *ctx, struct irc_state *state, enum cc_dir dir, const struct irc_line *line);

#endif
