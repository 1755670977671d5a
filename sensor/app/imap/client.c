/* IMAP's commands: "tag COMMAND arguments", and the lines that answer AUTHENTICATE and IDLE. */
#include <stdio.h>

#include "app/imap/own.h"

/* A part of a command's arguments: up to a literal, behind one, or all of them. */
static void
put_args(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice args)
{
	struct slice before;
	uint64_t size;
	bool go;

	if (imap_literal(args, &size, &go, &before))
		args = before;
	args = mime_trim(args);
	if (args.size == 0)
		return;
	switch (imap->word) {
	case IMAP_LOGIN:
		imap_login(ctx, imap, tx, args);
		return;
	case IMAP_AUTHENTICATE:
		imap_auth_begin(ctx, imap, tx, args);
		return;
	case IMAP_OTHER: /* who knows what is in it */
		return;
	case IMAP_APPEND:
		imap->args = 1;
		break;
	case IMAP_FETCH:
	case IMAP_UID:
		imap_pieces_asked(imap, args);
		break;
	default:
		break;
	}
	cc_put(ctx, tx, F_ARGS, args);
}

static void
put_word(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice rest, struct slice *ret_args)
{
	enum imap_word word = imap_word_of(rest, ret_args), second = IMAP_OTHER;
	struct slice args = *ret_args;
	char text[40];

	imap->word = (uint8_t)word;
	imap->args = 0;
	imap->auth = AUTH_NONE;
	if (tx != NULL)
		imap_tx(tx)->word = (uint8_t)word;
	if (word == IMAP_UID)
		second = imap_word_of(args, &args);
	if (second != IMAP_OTHER) {
		snprintf(text, sizeof(text), "UID %s", imap_word_text(second));
		cc_put_text(ctx, tx, F_COMMAND, text);
		*ret_args = args;
	} else if (word != IMAP_OTHER) {
		cc_put_text(ctx, tx, F_COMMAND, imap_word_text(word));
	} else {
		struct slice name = imap_next(&rest);
		uint8_t upper[16];
		size_t size = 0;

		for (; size < name.size && size < sizeof(upper); size++)
			upper[size] =
			    name.p[size] >= 'a' && name.p[size] <= 'z' ? (uint8_t)(name.p[size] - 32) : name.p[size];
		cc_put(ctx, tx, F_COMMAND, slice_of(upper, size));
		imap_report(ctx, imap, tx, A_UNKNOWN_COMMAND);
	}
}

/* A command whose reply was here before is told at once.  CC_END: TLS follows. */
static enum cc_status
command(struct cc_ctx *ctx, struct imap *imap, struct slice line)
{
	struct imap_side *side = &imap->side[CC_TO_SERVER];
	struct slice tag, rest, args;
	struct cc_tx *tx;
	bool early, agreed = false;

	if (line.size == 0 || text_eq_nocase(line, "DONE") || slice_is(line, "*"))
		return CC_OK;
	if (!imap_tag(line, &tag, &rest)) {
		if (!side->lost)
			imap_report(ctx, imap, NULL, A_INVALID_COMMAND);
		return CC_OK;
	}
	side->lost = false;
	side->data = imap->began = true;
	tx = imap_pull(imap, tag, true);
	early = tx != NULL;
	if (!early)
		tx = imap_push(ctx, imap, tag);
	put_word(ctx, imap, tx, rest, &args);
	put_args(ctx, imap, tx, args);
	if (imap->starttls)
		imap_report(ctx, imap, tx, A_INJECTION);
	imap->starttls = imap->word == IMAP_STARTTLS;
	if (tx == NULL)
		return CC_OK;
	cc_tx_update(ctx, tx, CC_TO_SERVER);
	if (early) {
		const struct cc_value *status = cc_get(tx, F_STATUS);

		agreed = imap->starttls && status != NULL && slice_is(slice_of(status->bytes, status->size), "OK");
		imap->auth = AUTH_NONE;
		imap_tell(ctx, tx);
	}
	return agreed ? CC_END : CC_OK;
}

static enum cc_status
client_line(struct cc_ctx *ctx, struct imap *imap, const struct imap_line *line)
{
	struct imap_side *side = &imap->side[CC_TO_SERVER];

	if (line->tail)
		return CC_OK;
	if (side->within) {
		put_args(ctx, imap, imap_current(imap), line->text);
		return CC_OK;
	}
	if (imap->auth != AUTH_NONE && memchr(line->text.p, ' ', line->text.size) == NULL) {
		imap_auth_line(ctx, imap, line->text);
		return CC_OK;
	}
	return command(ctx, imap, line->text);
}

enum cc_status
imap_feed_client(struct cc_ctx *ctx, struct imap *imap, struct cur *in)
{
	struct imap_side *side = &imap->side[CC_TO_SERVER];
	struct imap_line line;

	while (cur_left(in) > 0) {
		enum cc_status st;

		if (imap->starttls && side->state == S_LINE && in->p[0] == 0x16) { /* a handshake: it was agreed */
			imap_hand_over(ctx, imap);
			return CC_OK;
		}
		st = imap_next_line(ctx, imap, CC_TO_SERVER, in, &line);
		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_END)
			continue;
		if (line.cut)
			imap_report(ctx, imap, NULL, A_COMMAND_TOO_LONG);
		if (client_line(ctx, imap, &line) == CC_END) {
			imap_hand_over(ctx, imap);
			return CC_OK;
		}
		imap_line_end(ctx, imap, CC_TO_SERVER, &line);
	}
	return CC_OK;
}
