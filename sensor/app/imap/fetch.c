/*
 * Mail in literals: what FETCH answers with, and what APPEND brings.  Each message is a transaction of its own, since
 * one command may bring thousands.
 *
 *     * 12 FETCH (UID 7 BODY[] {342} ...)      * 12 FETCH (BODY[]<65536> {65536} ...)
 *     a1 APPEND "Sent" (\Seen) {342} ...
 */
#include "app/imap/own.h"

static bool
ends_with(struct slice text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && text_eq_nocase(slice_of(text.p + text.size - size, size), word);
}

/* "<123>" at the end is taken off. */
static bool
take_origin(struct slice *text, uint64_t *ret_origin)
{
	size_t at = text->size;
	uint64_t origin = 0;

	if (at < 3 || text->p[at - 1] != '>')
		return false;
	for (at--; at > 0 && text->p[at - 1] >= '0' && text->p[at - 1] <= '9'; at--)
		;
	if (at == 0 || text->p[at - 1] != '<' || text->size - at > 18)
		return false;
	for (size_t i = at; i + 1 < text->size; i++)
		origin = origin * 10 + (uint64_t)(text->p[i] - '0');
	text->size = at - 1;
	*ret_origin = origin;
	return true;
}

static bool
open_mail(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, const char *command)
{
	struct imap_side *side = &imap->side[dir];

	side->tx = cc_tx_new(ctx);
	side->use = USE_MAIL;
	if (side->tx == NULL)
		return false;
	cc_put_text(ctx, side->tx, F_COMMAND, command);
	side->mail = mail_open(ctx, side->tx, dir, &imap_mail_table);
	return true;
}

static void
close_mail(struct cc_ctx *ctx, struct imap_side *side, bool whole)
{
	mail_close(ctx, side->mail, whole);
	side->mail = NULL;
	if (side->tx != NULL)
		imap_tell(ctx, side->tx);
	side->tx = NULL;
}

void
imap_pieces_end(struct cc_ctx *ctx, struct imap *imap)
{
	if (imap->piece_open)
		close_mail(ctx, &imap->side[CC_TO_CLIENT], false);
	imap->piece_open = false;
}

/* FETCH's "<0.65536>": what comes is shorter only at the end. */
void
imap_pieces_asked(struct imap *imap, struct slice args)
{
	const uint8_t *at = args.size > 0 ? memmem(args.p, args.size, "[]<", 3) : NULL;
	uint64_t asked = 0;
	struct slice rest;

	if (at == NULL)
		return;
	rest = mime_drop(args, (size_t)(at - args.p) + 3);
	while (rest.size > 0 && rest.p[0] != '.' && rest.p[0] != '>')
		rest = mime_drop(rest, 1);
	for (size_t i = 1; i < rest.size && i < 16 && rest.p[i] >= '0' && rest.p[i] <= '9'; i++)
		asked = asked * 10 + (uint64_t)(rest.p[i] - '0');
	imap->piece_asked = asked;
}

static uint32_t
message_number(struct slice line)
{
	uint32_t number = 0;

	line = mime_drop(line, line.size < 2 ? line.size : 2);
	for (size_t i = 0; i < line.size && i < 9 && line.p[i] >= '0' && line.p[i] <= '9'; i++)
		number = number * 10 + (uint32_t)(line.p[i] - '0');
	return number;
}

static void
piece(struct cc_ctx *ctx, struct imap *imap, uint32_t message, uint64_t origin)
{
	struct imap_side *side = &imap->side[CC_TO_CLIENT];
	bool goes_on = imap->piece_open && imap->piece_message == message && imap->piece_next == origin;

	imap->piece_last = imap->piece_asked != 0 && side->left < imap->piece_asked;
	if (goes_on) {
		side->use = USE_MAIL;
	} else {
		imap_pieces_end(ctx, imap);
		if (origin > 0 || !open_mail(ctx, imap, CC_TO_CLIENT, "FETCH"))
			return; /* its beginning wasn't seen */
	}
	imap->piece_open = true;
	imap->piece_message = message;
	imap->piece_next = origin + side->left;
}

static void
fetched(struct cc_ctx *ctx, struct imap *imap, struct slice before)
{
	uint32_t message = message_number(before);
	uint64_t origin = 0;
	bool part = take_origin(&before, &origin);

	if (!ends_with(before, "BODY[]") && !ends_with(before, "RFC822") && !ends_with(before, "BINARY[]") &&
	    !ends_with(before, "RFC822.HEADER") && !ends_with(before, "BODY[HEADER]"))
		return;
	if (part) {
		piece(ctx, imap, message, origin);
		return;
	}
	imap_pieces_end(ctx, imap);
	(void)open_mail(ctx, imap, CC_TO_CLIENT, "FETCH");
}

void
imap_literal_begin(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct slice before)
{
	struct imap_side *side = &imap->side[dir];

	side->use = USE_NOTHING;
	imap->user_size = dir == CC_TO_SERVER ? 0 : imap->user_size;
	if (dir == CC_TO_CLIENT)
		fetched(ctx, imap, before);
	else if (imap->word == IMAP_APPEND && imap->args == 1) /* the name of the box may be one, too */
		(void)open_mail(ctx, imap, dir, "APPEND");
	else if (imap->word == IMAP_LOGIN && imap->args == 0)
		side->use = USE_USER;
}

void
imap_literal_data(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct slice bytes)
{
	struct imap_side *side = &imap->side[dir];

	if (side->use == USE_MAIL) {
		mail_add(ctx, side->mail, bytes);
	} else if (side->use == USE_USER) {
		size_t size = sizeof(imap->user) - imap->user_size;

		size = bytes.size < size ? bytes.size : size;
		if (size > 0)
			memcpy(imap->user + imap->user_size, bytes.p, size);
		imap->user_size = (uint8_t)(imap->user_size + size);
	}
}

void
imap_literal_gap(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, uint64_t size)
{
	if (imap->side[dir].use == USE_MAIL)
		mail_gap(ctx, imap->side[dir].mail, size);
}

void
imap_literal_end(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, bool whole)
{
	struct imap_side *side = &imap->side[dir];

	if (side->use == USE_MAIL && dir == CC_TO_CLIENT && imap->piece_open) {
		if (whole && !imap->piece_last)
			return;
		close_mail(ctx, side, whole);
		imap->piece_open = false;
	} else if (side->use == USE_MAIL) {
		close_mail(ctx, side, whole);
	} else if (dir == CC_TO_SERVER && imap->word == IMAP_LOGIN) {
		imap_login_user(
		    ctx, imap, imap_current(imap), slice_of(imap->user, side->use == USE_USER ? imap->user_size : 0));
	} else if (dir == CC_TO_SERVER && imap->word == IMAP_APPEND) {
		imap->args = 1;
	}
	side->use = USE_NOTHING;
}
