/*
 * IMAP as lines and literals (RFC 9051, 2.2; 7888), the same for both sides:
 *
 *     a1 LOGIN {5} CR LF      a line's part, and a literal's size at its end
 *     robin                   the literal: any bytes
 *     " secret" CR LF         the line goes on
 */
#include "app/imap/own.h"

static enum cc_status
take_literal(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct cur *in)
{
	struct imap_side *side = &imap->side[dir];
	size_t size = cur_left(in) < side->left ? cur_left(in) : (size_t)side->left;

	if (dir == CC_TO_SERVER)
		imap->awaits_go = false;
	imap_literal_data(ctx, imap, dir, cur_take(in, size));
	side->left -= size;
	if (side->left == 0) {
		side->state = S_LINE;
		imap_literal_end(ctx, imap, dir, true);
	}
	return CC_END;
}

/* The rest of a line that was cut, up to its end, of which a literal's size may be the last. */
static enum cc_status
take_tail(struct imap_side *side, struct cur *in, struct imap_line *ret_line)
{
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);
	size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;

	if (lf == NULL) {
		if (size <= IMAP_TAIL)
			return CC_MORE;
		cur_skip(in, size - IMAP_TAIL);
		return CC_END;
	}
	ret_line->text = size > IMAP_TAIL ? slice_of(rest.p + size - IMAP_TAIL, IMAP_TAIL) : slice_of(rest.p, size);
	ret_line->tail = true;
	side->state = S_LINE;
	cur_skip(in, size + 1);
	return CC_OK;
}

static enum cc_status
take_line(struct cc_ctx *ctx, struct imap_side *side, struct cur *in, struct imap_line *ret_line)
{
	size_t limit = (size_t)cc_limit(ctx, "imap.line_limit");
	struct slice rest = cur_rest(in);
	const uint8_t *lf = memchr(rest.p, '\n', rest.size);
	size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;

	if (lf == NULL && size < limit)
		return CC_MORE;
	if (size > limit || lf == NULL) { /* what is left of it has its end, and perhaps a literal's size */
		ret_line->text = slice_of(rest.p, limit);
		ret_line->cut = true;
		side->state = S_SKIP;
		cur_skip(in, limit);
		return CC_OK;
	}
	ret_line->text = slice_of(rest.p, size);
	cur_skip(in, size + 1);
	return CC_OK;
}

enum cc_status
imap_next_line(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, struct cur *in, struct imap_line *ret_line)
{
	struct imap_side *side = &imap->side[dir];
	enum cc_status st;

	memset(ret_line, 0, sizeof(*ret_line));
	if (side->state == S_LITERAL)
		return take_literal(ctx, imap, dir, in);
	st = side->state == S_SKIP ? take_tail(side, in, ret_line) : take_line(ctx, side, in, ret_line);
	if (st == CC_OK && ret_line->text.size > 0 && ret_line->text.p[ret_line->text.size - 1] == '\r')
		ret_line->text.size--;
	return st;
}

void
imap_line_end(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir, const struct imap_line *line)
{
	struct imap_side *side = &imap->side[dir];
	struct slice before;
	uint64_t size;
	bool go;

	if (line->cut)
		return;
	side->within = side->data && imap_literal(line->text, &size, &go, &before);
	side->data = side->within;
	if (!side->within)
		return;
	if (size > cc_limit(ctx, "imap.literal_limit")) { /* not believed: who names it would blind us */
		imap_report(ctx, imap, NULL, A_LITERAL_TOO_LONG);
		side->within = side->data = false;
		return;
	}
	side->left = size;
	imap_literal_begin(ctx, imap, dir, before);
	if (size == 0) {
		imap_literal_end(ctx, imap, dir, true);
		return;
	}
	side->state = S_LITERAL;
	if (dir == CC_TO_SERVER)
		imap->awaits_go = go;
}
