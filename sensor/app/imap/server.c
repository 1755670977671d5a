/* IMAP's replies: "* untagged", "+ go on", "tag OK text". */
#include "app/imap/own.h"

static bool
is_status(struct slice word, bool tagged)
{
	return text_eq_nocase(word, "OK") || text_eq_nocase(word, "NO") || text_eq_nocase(word, "BAD") ||
	       (!tagged && (text_eq_nocase(word, "BYE") || text_eq_nocase(word, "PREAUTH")));
}

static void
put_status(struct cc_ctx *ctx, struct cc_tx *tx, struct slice status, struct slice text)
{
	static const char *const names[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_eq_nocase(status, names[i]))
			cc_put_text(ctx, tx, F_STATUS, names[i]);
	if (text.size > 0)
		cc_put(ctx, tx, F_REPLY, text);
	cc_tx_update(ctx, tx, CC_TO_CLIENT);
}

static void
put_data(struct cc_ctx *ctx, struct imap *imap, struct slice text)
{
	struct cc_tx *tx = imap->first;

	while (tx != NULL && imap_tx(tx)->lacks_command)
		tx = imap_tx(tx)->next;
	if (tx == NULL || imap_tx(tx)->lines >= IMAP_DATA_LINES)
		return;
	imap_tx(tx)->lines++;
	cc_put(ctx, tx, F_DATA, slice_of(text.p, text.size < IMAP_DATA_MAX ? text.size : IMAP_DATA_MAX));
}

static void
untagged(struct cc_ctx *ctx, struct imap *imap, struct slice line)
{
	struct slice rest = mime_drop(line, 2), text = rest, status = imap_next(&text);
	bool greeting = !imap->greeted && !imap->began && !cc_is_midstream(ctx);

	imap->side[CC_TO_CLIENT].lost = false;
	if (!is_status(status, false)) {
		imap->side[CC_TO_CLIENT].data = true;
		put_data(ctx, imap, rest);
	} else if (greeting) {
		struct cc_tx *tx = cc_tx_new(ctx);

		put_status(ctx, tx, status, text);
		if (tx != NULL)
			imap_tell(ctx, tx);
	} else {
		put_data(ctx, imap, rest);
	}
	imap->greeted = true;
}

/* The command was refused before its literal came. */
static void
literal_refused(struct cc_ctx *ctx, struct imap *imap)
{
	struct imap_side *side = &imap->side[CC_TO_SERVER];

	imap_literal_end(ctx, imap, CC_TO_SERVER, false);
	side->state = S_LINE;
	side->within = side->data = imap->awaits_go = false;
	side->left = 0;
}

/* CC_END: TLS follows. */
static enum cc_status
tagged(struct cc_ctx *ctx, struct imap *imap, struct slice tag, struct slice status, struct slice text)
{
	struct cc_tx *current = imap_current(imap), *tx = imap_pull(imap, tag, false);
	bool good = text_eq_nocase(status, "OK");
	enum imap_word word;

	imap->greeted = true;
	if (tx == NULL) { /* its command is still on the way to here */
		tx = imap_push(ctx, imap, tag);
		if (tx != NULL)
			imap_tx(tx)->lacks_command = true;
		put_status(ctx, tx, status, text);
		return CC_OK;
	}
	put_status(ctx, tx, status, text);
	word = (enum imap_word)imap_tx(tx)->word;
	if (word == IMAP_AUTHENTICATE)
		imap->auth = AUTH_NONE;
	if (!good && tx == current && imap->awaits_go)
		literal_refused(ctx, imap);
	if (!good && word == IMAP_STARTTLS)
		imap->starttls = false;
	if (good && word == IMAP_COMPRESS) {
		imap_report(ctx, imap, tx, A_COMPRESSED);
		cc_enough(ctx, CC_TO_SERVER);
		cc_enough(ctx, CC_TO_CLIENT);
	}
	imap_tell(ctx, tx);
	return good && word == IMAP_STARTTLS ? CC_END : CC_OK;
}

static enum cc_status
server_line(struct cc_ctx *ctx, struct imap *imap, const struct imap_line *line)
{
	struct imap_side *side = &imap->side[CC_TO_CLIENT];
	struct slice tag, rest, status;

	if (line->tail || side->within)
		return CC_OK;
	if (mime_begins(line->text, "* ")) {
		untagged(ctx, imap, line->text);
		return CC_OK;
	}
	if (line->text.size == 0 || line->text.p[0] == '+')
		return CC_OK;
	if (imap_tag(line->text, &tag, &rest)) {
		status = imap_next(&rest);
		if (is_status(status, true)) {
			side->lost = false;
			return tagged(ctx, imap, tag, status, rest);
		}
	}
	if (!side->lost)
		imap_report(ctx, imap, imap->first, A_INVALID_REPLY);
	return CC_OK;
}

enum cc_status
imap_feed_server(struct cc_ctx *ctx, struct imap *imap, struct cur *in)
{
	struct imap_line line;

	while (cur_left(in) > 0) {
		enum cc_status st = imap_next_line(ctx, imap, CC_TO_CLIENT, in, &line);

		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_END)
			continue;
		if (line.cut)
			imap_report(ctx, imap, NULL, A_REPLY_TOO_LONG);
		if (server_line(ctx, imap, &line) == CC_END) {
			imap_hand_over(ctx, imap);
			return CC_OK;
		}
		imap_line_end(ctx, imap, CC_TO_CLIENT, &line);
	}
	return CC_OK;
}
