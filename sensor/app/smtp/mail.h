/*
 * Mail in a transaction: a message's bytes in, the values and files of the transaction out.  The same for every
 * protocol that carries mail: it says in a table which of its fields is what, and feeds the bytes.  Thread: the
 * worker's.
 */
#ifndef SMTP_MAIL_H
#define SMTP_MAIL_H

#include "app/smtp/mime.h"

enum mail_field {
	MAIL_STATUS,
	MAIL_FROM,
	MAIL_TO,
	MAIL_CC,
	MAIL_SUBJECT,
	MAIL_SUBJECT_TEXT,
	MAIL_DATE,
	MAIL_MESSAGE_ID,
	MAIL_X_MAILER,
	MAIL_RECEIVED,
	MAIL_ATTACHMENT,
	MAIL_URL,
	MAIL_URL_WHOLE,
	MAIL_FIELD_COUNT
};

/* Numbers of the parser's fields and anomalies. */
struct mail_table {
	uint8_t field[MAIL_FIELD_COUNT];
	uint8_t odd[MIME_ODD_COUNT];
};

struct mail;

/* NULL: no memory; the others accept that.  table lives as long as the mail. */
struct mail *mail_open(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct mail_table *table);
void mail_add(struct cc_ctx *ctx, struct mail *mail, struct slice bytes);
void mail_gap(struct cc_ctx *ctx, struct mail *mail, uint64_t size);
/* The message is over; whole: as it should.  Closes its files and frees it. */
void mail_close(struct cc_ctx *ctx, struct mail *mail, bool whole);
/* For cc_parser.close: its files are closed already. */
void mail_forget(struct cc_ctx *ctx, struct mail *mail);

/* ---- mail_url.c: URLs in text ---- */

#define MAIL_URL_MAX 1024 /* bytes of one; longer ones are cut */
#define MAIL_URLS_MAX 64  /* of one message, each once */

struct mail_urls {
	bool html;               /* &amp; is & */
	bool inside;             /* behind the "://" */
	uint8_t word_size;       /* letters before the ':' */
	uint8_t marks;           /* of "://" that have been seen */
	uint8_t word[8];
	uint16_t size, scheme;   /* scheme: bytes up to and with "://" */
	uint16_t count;
	uint8_t url[MAIL_URL_MAX];
	uint64_t seen[MAIL_URLS_MAX]; /* hashes */
};

/* Calls found for every URL that ends in bytes. */
typedef void mail_url_fn(struct cc_ctx *ctx, void *user, struct slice url, size_t scheme);
void mail_urls_add(struct cc_ctx *ctx, struct mail_urls *urls, struct slice bytes, mail_url_fn *found, void *user);
void mail_urls_end(struct cc_ctx *ctx, struct mail_urls *urls, mail_url_fn *found, void *user); /* the text is over */

#endif
