/*
 * A message on its way into a transaction: headers become values, attachments files, URLs in texts values again.
 *
 * What is a file: a part with a name, one that says it is an attachment, and any leaf that is no text; with
 * mail.text_files also the texts, with mail.message_files the message as it went by.  One part is open at a time, so
 * one file beside the message's.
 */
#include "app/smtp/mail.h"

#define ADDRESSES_MAX 1024 /* of one header */
#define RECEIVED_MAX 64

struct mail {
	struct mime *mime;
	struct cc_tx *tx;
	struct cc_file *file;      /* of the part that is open */
	struct cc_file *message;   /* of all of it */
	const struct mail_table *table;
	enum cc_dir dir;
	bool flawed;               /* bytes of the message are missing */
	bool text;                 /* the part is searched for URLs */
	unsigned received;
	struct mail_urls urls;
};

static void
put(struct cc_ctx *ctx, struct mail *mail, enum mail_field field, struct slice value)
{
	cc_put(ctx, mail->tx, mail->table->field[field], value);
}

static bool
has(const struct mail *mail, enum mail_field field)
{
	return cc_get(mail->tx, mail->table->field[field]) != NULL;
}

static void
put_addresses(struct cc_ctx *ctx, struct mail *mail, enum mail_field field, struct slice list)
{
	struct slice address;

	for (unsigned i = 0; i < ADDRESSES_MAX && mime_next_address(&list, &address); i++)
		put(ctx, mail, field, address);
}

/* As it was written for rules and Suricata's readers, and as a person would read it. */
static void
put_subject(struct cc_ctx *ctx, struct mail *mail, struct slice value)
{
	uint8_t *text = cc_tx_alloc(ctx, mail->tx, value.size * 2 + 1);

	put(ctx, mail, MAIL_SUBJECT, value);
	if (text != NULL) {
		size_t size = mime_words(value, text, value.size * 2 + 1);

		if (!slice_eq(slice_of(text, size), value))
			cc_put_ref(ctx, mail->tx, mail->table->field[MAIL_SUBJECT_TEXT], slice_of(text, size));
	}
}

static void
on_header(struct cc_ctx *ctx, void *user, struct slice name, struct slice value)
{
	static const struct {
		const char *name;
		enum mail_field field;
	} single[] = {
	    {"from", MAIL_FROM}, {"date", MAIL_DATE}, {"message-id", MAIL_MESSAGE_ID}, {"x-mailer", MAIL_X_MAILER},
	};
	struct mail *mail = user;

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		if (mime_is(name, single[i].name) && !has(mail, single[i].field))
			put(ctx, mail, single[i].field, value);
	if (mime_is(name, "subject") && !has(mail, MAIL_SUBJECT))
		put_subject(ctx, mail, value);
	else if (mime_is(name, "to") && !has(mail, MAIL_TO))
		put_addresses(ctx, mail, MAIL_TO, value);
	else if (mime_is(name, "cc") && !has(mail, MAIL_CC))
		put_addresses(ctx, mail, MAIL_CC, value);
	else if (mime_is(name, "received") && mail->received++ < RECEIVED_MAX)
		put(ctx, mail, MAIL_RECEIVED, value);
}

static void
on_part(struct cc_ctx *ctx, void *user, const struct mime_part *part)
{
	struct mail *mail = user;
	bool named = part->name.size > 0;
	bool file = named || part->attachment || part->text == MIME_TEXT_NONE || cc_limit(ctx, "mail.text_files") != 0;

	if (named)
		put(ctx, mail, MAIL_ATTACHMENT, part->name);
	cc_tx_update(ctx, mail->tx, mail->dir);
	mail->text = part->text != MIME_TEXT_NONE && !named;
	mail->urls.html = part->text == MIME_TEXT_HTML;
	if (file)
		mail->file = cc_file_open(ctx, mail->tx, mail->dir, part->name);
}

static void
on_url(struct cc_ctx *ctx, void *user, struct slice url, size_t scheme)
{
	struct mail *mail = user;
	uint8_t *copy = cc_tx_alloc(ctx, mail->tx, url.size);

	if (copy == NULL)
		return;
	memcpy(copy, url.p, url.size);
	cc_put_ref(ctx, mail->tx, mail->table->field[MAIL_URL], slice_of(copy + scheme, url.size - scheme));
	cc_put_ref(ctx, mail->tx, mail->table->field[MAIL_URL_WHOLE], slice_of(copy, url.size));
}

static void
on_body(struct cc_ctx *ctx, void *user, struct slice bytes)
{
	struct mail *mail = user;

	cc_file_data(ctx, mail->file, bytes);
	if (mail->text)
		mail_urls_add(ctx, &mail->urls, bytes, on_url, mail);
}

static void
on_part_gap(struct cc_ctx *ctx, void *user, uint64_t size)
{
	struct mail *mail = user;

	cc_file_gap(ctx, mail->file, size);
	if (mail->text)
		mail_urls_end(ctx, &mail->urls, on_url, mail);
}

static void
on_part_end(struct cc_ctx *ctx, void *user, bool whole)
{
	struct mail *mail = user;

	if (mail->text)
		mail_urls_end(ctx, &mail->urls, on_url, mail);
	mail->text = false;
	cc_file_close(ctx, mail->file, whole);
	mail->file = NULL;
}

static void
on_odd(struct cc_ctx *ctx, void *user, enum mime_odd odd)
{
	struct mail *mail = user;

	cc_anomaly(ctx, mail->tx, mail->table->odd[odd]);
}

static const struct mime_sink sink = {on_header, on_part, on_body, on_part_gap, on_part_end, on_odd};

struct mail *
mail_open(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct mail_table *table)
{
	struct mime_limits limits = {
	    .head = cc_limit(ctx, "mail.header_limit"),
	    .depth = cc_limit(ctx, "mail.depth"),
	    .parts = cc_limit(ctx, "mail.parts"),
	};
	struct mail *mail = cc_take(ctx, sizeof(*mail));

	if (mail == NULL)
		return NULL;
	mail->tx = tx;
	mail->dir = dir;
	mail->table = table;
	mail->mime = mime_open(ctx, &limits, &sink, mail);
	if (cc_limit(ctx, "mail.message_files") != 0)
		mail->message = cc_file_open(ctx, tx, dir, slice_str("message.eml"));
	return mail;
}

void
mail_add(struct cc_ctx *ctx, struct mail *mail, struct slice bytes)
{
	if (mail == NULL || bytes.size == 0)
		return;
	cc_file_data(ctx, mail->message, bytes);
	mime_add(ctx, mail->mime, bytes);
}

void
mail_gap(struct cc_ctx *ctx, struct mail *mail, uint64_t size)
{
	if (mail == NULL)
		return;
	mail->flawed = true;
	cc_file_gap(ctx, mail->message, size);
	mime_gap(ctx, mail->mime, size);
}

void
mail_forget(struct cc_ctx *ctx, struct mail *mail)
{
	if (mail == NULL)
		return;
	if (mail->mime != NULL)
		mime_free(ctx, mail->mime);
	cc_give(ctx, mail, sizeof(*mail));
}

void
mail_close(struct cc_ctx *ctx, struct mail *mail, bool whole)
{
	const char *status = "PARSE_DONE";

	if (mail == NULL)
		return;
	if (!whole)
		status = mime_in_body(mail->mime) ? "BODY_STARTED" : "HEADER_STARTED";
	mime_end(ctx, mail->mime, whole);
	if (mail->tx != NULL && !has(mail, MAIL_STATUS))
		cc_put_text(ctx, mail->tx, mail->table->field[MAIL_STATUS], status);
	cc_file_close(ctx, mail->message, whole);
	mail_forget(ctx, mail);
}
