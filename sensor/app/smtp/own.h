/*
 * What the files of sensor/app/smtp/ share: the state of a session, and the names of fields and anomalies.  Nobody
 * outside includes it; mail.h and mime.h are for other protocols that carry mail.
 */
#ifndef SMTP_OWN_H
#define SMTP_OWN_H

#include "app/smtp/mail.h"

enum smtp_field {
#define FIELD(symbol, buffer, eve, type, flags, help) F_##symbol,
#include "app/smtp/fields.def"
#undef FIELD
	F_COUNT
};

enum smtp_anomaly {
#define ANOMALY(symbol, name, help) A_##symbol,
#include "app/smtp/anomalies.def"
#undef ANOMALY
	A_COUNT
};

#define SMTP_PIPELINE 64      /* commands that may wait for their replies; then the oldest is given up */
#define SMTP_HELO_MAX 256     /* of the client's name, for the transactions after the first */
#define SMTP_BANNER_MAX 256
#define SMTP_BAD_MAX 16       /* lines that are nothing of SMTP, before it is believed to be something else */
#define SMTP_RCPT_MAX 4096    /* recipients of one mail that are kept */

enum smtp_command {
	SMTP_OTHER,
	SMTP_HELO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BDAT,
	SMTP_RSET,
	SMTP_STARTTLS,
	SMTP_AUTH,
	SMTP_QUIT,
	SMTP_END, /* not a command: the mail itself, which is replied to as well */
};

enum smtp_client {
	C_COMMAND,
	C_SKIP,                   /* the rest of a line */
	C_DATA, C_BDAT,
	C_REJECTED,               /* mail that the server doesn't take, but the client sends all the same */
};

struct smtp_tx {
	uint32_t recipients;
	bool rejected;            /* the sender was */
	bool mail;                /* has had a MAIL command */
	bool ended;               /* its mail is complete */
};

struct smtp_wait {
	struct cc_tx *tx;         /* that the reply belongs to, or NULL */
	uint8_t command;          /* enum smtp_command */
};

struct smtp {
	uint8_t state;            /* enum smtp_client */
	bool bol, crlf, last_cr;  /* C_DATA: at a line's beginning; the line before had CRLF; the last byte was CR */
	bool data_any;            /* some of the mail has been seen */
	bool data_gap;            /* some of it hasn't: its end may be missing */
	bool bdat_last;
	bool lmtp, starttls;      /* starttls: asked for, and not refused */
	bool auth, auth_login;    /* the client's lines are its answers to AUTH */
	uint8_t auth_step;
	bool client_seen, server_seen, greeted, server_skip;
	bool lost;                /* commands or replies were not seen: they can't be told which belongs to which */
	bool told_reply;
	uint8_t bad;
	bool finished[2];
	uint16_t helo_size, banner_size;
	uint16_t wait_first, wait_count;
	uint64_t bdat_left;
	struct cc_tx *tx;         /* the mail that is prepared or sent */
	struct mail *mail;
	struct smtp_wait wait[SMTP_PIPELINE];
	uint8_t helo[SMTP_HELO_MAX];
	uint8_t banner[SMTP_BANNER_MAX];
};

static inline struct smtp_tx *
smtp_tx(struct cc_tx *tx)
{
	return tx->own;
}

/* smtp.c */
/* smtp->tx, made if there is none; NULL: no memory. */
struct cc_tx *smtp_need_tx(struct cc_ctx *ctx, struct smtp *smtp);
void smtp_tx_finish(struct cc_ctx *ctx, struct smtp *smtp, struct cc_tx *tx); /* both sides are over; tx may be NULL */
/* The mail at hand is over; its transaction waits for the reply. */
void smtp_mail_end(struct cc_ctx *ctx, struct smtp *smtp, bool whole);
void smtp_wait_push(struct cc_ctx *ctx, struct smtp *smtp, enum smtp_command command, struct cc_tx *tx);

/* command.c */
enum cc_status smtp_command(struct cc_ctx *ctx, struct smtp *smtp, struct slice line);

/* reply.c */
enum cc_status smtp_feed_server(struct cc_ctx *ctx, struct smtp *smtp, struct cur *in);
void smtp_server_gap(struct cc_ctx *ctx, struct smtp *smtp);

/* probe.c */
enum cc_status smtp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in);

#endif
