/* What imap's files share: a session's state, commands, fields and anomalies.  Nobody outside includes it. */
#ifndef IMAP_OWN_H
#define IMAP_OWN_H

#include "app/ntlm/ntlm.h"
#include "app/smtp/mail.h"

#define IMAP_PIPELINE 64      /* commands that may wait for their reply; then the oldest is told */
#define IMAP_DATA_LINES 64    /* untagged lines of a command that are kept */
#define IMAP_DATA_MAX 512     /* bytes of each */
#define IMAP_TAG_MAX 32
#define IMAP_USER_MAX 256
#define IMAP_TAIL 64          /* of a line that was cut: enough to see the literal at its end */

enum imap_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/imap/fields.def"
#undef FIELD
	F_COUNT
};

enum imap_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/imap/anomalies.def"
#undef ANOMALY
	A_COUNT
};

enum imap_word {
	IMAP_OTHER, IMAP_CAPABILITY, IMAP_NOOP, IMAP_LOGOUT, IMAP_STARTTLS, IMAP_AUTHENTICATE, IMAP_LOGIN, IMAP_ENABLE,
	IMAP_SELECT, IMAP_EXAMINE, IMAP_CREATE, IMAP_DELETE, IMAP_RENAME, IMAP_SUBSCRIBE, IMAP_UNSUBSCRIBE, IMAP_LIST,
	IMAP_LSUB, IMAP_NAMESPACE, IMAP_STATUS, IMAP_APPEND, IMAP_IDLE, IMAP_CHECK, IMAP_CLOSE, IMAP_UNSELECT,
	IMAP_EXPUNGE, IMAP_SEARCH, IMAP_FETCH, IMAP_STORE, IMAP_COPY, IMAP_MOVE, IMAP_UID, IMAP_ID, IMAP_SORT,
	IMAP_THREAD, IMAP_COMPRESS, IMAP_GETQUOTA, IMAP_GETQUOTAROOT, IMAP_SETQUOTA, IMAP_GETACL, IMAP_SETACL,
	IMAP_MYRIGHTS, IMAP_XLIST, IMAP_NOTIFY, IMAP_WORDS,
};

struct imap_tx {
	struct cc_tx *next;
	uint8_t word;             /* enum imap_word */
	uint8_t tag_size;
	bool lacks_command;       /* its reply was here before */
	uint8_t tag[IMAP_TAG_MAX];
	uint16_t lines;
};

enum imap_state { S_LINE, S_SKIP, S_LITERAL };
enum imap_use { USE_NOTHING, USE_MAIL, USE_USER }; /* what a literal is for */

struct imap_side {
	uint8_t state;            /* enum imap_state */
	uint8_t use;              /* enum imap_use */
	bool within;              /* a line goes on behind its literal */
	bool lost;                /* where in a line or literal isn't known */
	bool data;                /* the line is untagged data, or a command: it may hold literals */
	uint64_t left;            /* of the literal */
	struct mail *mail;
	struct cc_tx *tx;         /* the mail's */
};

struct imap {
	struct cc_tx *first, *last; /* wait for their replies, oldest first */
	struct imap_side side[2];
	uint32_t count;
	uint32_t reported;        /* bits by anomaly */
	uint8_t auth;             /* enum imap_auth: its lines are not commands */
	uint8_t word;             /* of the command whose line goes on */
	uint8_t args;             /* that were seen of LOGIN and APPEND, up to two */
	bool began;               /* a command was seen */
	bool greeted, starttls, awaits_go; /* awaits_go: a literal that the server has to allow */
	bool finished[2];
	uint8_t user_size;        /* of a LOGIN's literal */
	uint8_t user[IMAP_USER_MAX - 1];
	/* A message that is fetched in pieces, BODY[]<0>, BODY[]<65536>: */
	uint64_t piece_asked, piece_next;
	uint32_t piece_message;
	bool piece_open, piece_last;
};

enum imap_auth { AUTH_NONE, AUTH_OTHER, AUTH_PLAIN, AUTH_LOGIN, AUTH_NTLM };

/* word.c: the command at the line's beginning, in any case; *ret_rest: what follows it and its spaces. */
enum imap_word imap_word_of(struct slice line, struct slice *ret_rest);
const char *imap_word_text(enum imap_word word);
/* Does the command stand alone? */
bool imap_word_bare(enum imap_word word);
/* "tag SP": *ret_rest is what follows. */
bool imap_tag(struct slice line, struct slice *ret_tag, struct slice *ret_rest);
/* A word up to a space; *line moves behind it and its spaces. */
struct slice imap_next(struct slice *line);
/* A quoted string or an atom; a copy without quotes stays within text of room bytes. */
bool imap_astring(struct slice *line, uint8_t *text, size_t room, size_t *ret_size);
/* Does the line end with a literal's size, "{12}", "{12+}", "~{12}"?  *ret_go: the server has to allow it first. */
bool imap_literal(struct slice line, uint64_t *ret_size, bool *ret_go, struct slice *ret_before);

/* auth.c */
void imap_auth_begin(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice arg);
/* A line of the client that answers it. */
void imap_auth_line(struct cc_ctx *ctx, struct imap *imap, struct slice line);
/* A part of LOGIN's arguments, or a literal among them. */
void imap_login(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice arg);
void imap_login_user(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice user);

/* fetch.c: mail in literals, of either side */
void imap_literal_begin(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct slice before);
void imap_literal_data(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct slice bytes);
void imap_literal_gap(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, uint64_t size);
void imap_literal_end(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, bool whole);
void imap_pieces_asked(struct imap *imap, struct slice args);
void imap_pieces_end(struct cc_ctx *ctx, struct imap *imap);

/* imap.c */
extern const struct mail_table imap_mail_table;
void imap_report(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, unsigned anomaly);
/* All ends, another protocol follows. */
void imap_hand_over(struct cc_ctx *ctx, struct imap *imap);
void imap_tell(struct cc_ctx *ctx, struct cc_tx *tx);
struct imap_tx *imap_tx(const struct cc_tx *tx);

/* client.c, server.c */
enum cc_status imap_feed_client(struct cc_ctx *ctx, struct imap *imap, struct cur *in);
enum cc_status imap_feed_server(struct cc_ctx *ctx, struct imap *imap, struct cur *in);

/* stream.c: lines and literals, the same for both sides */
struct imap_line {
	struct slice text;        /* without its end */
	bool cut;                 /* the rest is passed by */
	bool tail;                /* the end of a line that was cut */
};
/* CC_OK: a line; CC_END: something else was consumed, ask again; CC_MORE: not all here. */
enum cc_status imap_next_line(
    struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct cur *in, struct imap_line *ret_line);
/* A line's end: does a literal follow? */
void imap_line_end(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, const struct imap_line *line);

/* list.c: commands that wait */
struct cc_tx *imap_push(struct cc_ctx *ctx, struct imap *imap, struct slice tag);
/* The one of this tag, out of the list; NULL: none.  lacks_command: of those that had their reply first. */
struct cc_tx *imap_pull(struct imap *imap, struct slice tag, bool lacks_command);
/* The one whose line goes on. */
struct cc_tx *imap_current(const struct imap *imap);
void imap_tell_all(struct cc_ctx *ctx, struct imap *imap);

/* probe.c */
enum cc_status imap_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
