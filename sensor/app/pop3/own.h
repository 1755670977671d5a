/* What pop3's files share: a session's state, commands, fields and anomalies.  Nobody outside includes it. */
#ifndef POP3_OWN_H
#define POP3_OWN_H

#include "app/ntlm/ntlm.h"
#include "app/smtp/mail.h"

#define POP3_PIPELINE 64      /* commands that may wait for their reply; then the oldest is told */
#define POP3_LINES 512        /* of a reply's list that are kept */

enum pop3_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/pop3/fields.def"
#undef FIELD
	F_COUNT
};

enum pop3_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/pop3/anomalies.def"
#undef ANOMALY
	A_COUNT
};

enum pop3_word {
	POP3_OTHER, POP3_USER, POP3_PASS, POP3_APOP, POP3_AUTH, POP3_STLS, POP3_CAPA, POP3_STAT, POP3_LIST, POP3_UIDL,
	POP3_RETR, POP3_TOP, POP3_DELE, POP3_NOOP, POP3_RSET, POP3_LAST, POP3_QUIT, POP3_UTF8, POP3_LANG, POP3_XTND,
	POP3_WORDS,
};

struct pop3_tx {
	struct cc_tx *next;
	uint8_t word;             /* enum pop3_word */
	bool several;             /* a good reply is followed by lines up to a dot */
	bool lacks_command;       /* its reply was here before */
	uint16_t lines;
};

enum pop3_server { S_LINE, S_SKIP, S_LIST, S_MAIL };

struct pop3 {
	struct cc_tx *first, *last; /* wait for their replies, oldest first */
	struct cc_tx *reply;      /* whose lines come; not in the list */
	struct mail *mail;
	uint16_t count;
	uint16_t reported;        /* bits by anomaly */
	uint8_t server;           /* enum pop3_server */
	uint8_t auth, auth_left;  /* mechanism, and client's lines that belong to it */
	bool client_skip, client_began, greeted, stls;
	bool bol;                 /* S_MAIL: at a line's beginning */
	bool flawed;              /* S_MAIL: a part is missing, perhaps its end */
	bool finished[2];
};

/* The word at a line's beginning, in any case; *ret_rest: what follows it and its spaces. */
enum pop3_word pop3_word_of(struct slice line, struct slice *ret_rest);
/* May this beginning of a line become a command? */
bool pop3_word_may_begin(struct slice text);
const char *pop3_word_text(enum pop3_word word);

/* auth.c */
enum { POP3_AUTH_NONE, POP3_AUTH_OTHER, POP3_AUTH_PLAIN, POP3_AUTH_LOGIN };
/* AUTH's argument: mechanism and perhaps the first answer. */
void pop3_auth_begin(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, struct slice arg);
/* A line of the client that answers it. */
void pop3_auth_line(struct cc_ctx *ctx, struct pop3 *pop3, struct slice line);

/* pop3.c */
void pop3_report(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, unsigned anomaly);

/* probe.c */
enum cc_status pop3_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
