/*
 * IMAP4 (RFC 3501, 9051): lines and literals in, a transaction for each command and its reply and one for each message
 * out; messages go through smtp's MIME reader.
 *
 *     client: tag COMMAND arguments CR LF      server: "* OK text" CR LF, first of all
 *             an answer, "DONE" CR LF                  "* untagged data" CR LF
 *                                                      "+ go on" CR LF
 *                                                      tag "OK|NO|BAD text" CR LF
 *
 * STARTTLS hands the flow over to TLS.  Thread: the worker's.
 */
#include "app/imap/own.h"

static const struct cc_field fields[F_COUNT] = {
#define FIELD(symbol, buffer, eve, type, flags, help) [F_##symbol] = {buffer, eve, type, flags, help},
#include "app/imap/fields.def"
#undef FIELD
};

static const struct cc_anomaly anomalies[A_COUNT] = {
#define ANOMALY(symbol, name, help) [A_##symbol] = {name, help},
#include "app/imap/anomalies.def"
#undef ANOMALY
};

const struct mail_table imap_mail_table = {
    .field = {[MAIL_STATUS] = F_MAIL_STATUS, [MAIL_FROM] = F_FROM, [MAIL_TO] = F_TO, [MAIL_CC] = F_CC,
	[MAIL_SUBJECT] = F_SUBJECT, [MAIL_SUBJECT_TEXT] = F_SUBJECT_TEXT, [MAIL_DATE] = F_DATE,
	[MAIL_MESSAGE_ID] = F_MESSAGE_ID, [MAIL_X_MAILER] = F_X_MAILER, [MAIL_RECEIVED] = F_RECEIVED,
	[MAIL_ATTACHMENT] = F_ATTACHMENT, [MAIL_URL] = F_URL, [MAIL_URL_WHOLE] = F_URL_WHOLE},
    .odd = {[MIME_BAD_HEADER] = A_MIME_MALFORMED, [MIME_LONG_NAME] = A_MIME_NAME, [MIME_LONG_VALUE] = A_MIME_VALUE,
	[MIME_LONG_HEAD] = A_MIME_HEAD, [MIME_LONG_LINE] = A_MIME_LINE, [MIME_LONG_ENCODED] = A_MIME_ENC_LINE,
	[MIME_LONG_BOUNDARY] = A_MIME_BOUNDARY, [MIME_LONG_FILENAME] = A_MIME_FILENAME,
	[MIME_BAD_BASE64] = A_MIME_BASE64, [MIME_BAD_QP] = A_MIME_QP, [MIME_BAD_MULTIPART] = A_MIME_FAILED,
	[MIME_TOO_DEEP] = A_MIME_DEEP, [MIME_TOO_MANY] = A_MIME_MANY},
};

_Static_assert(A_COUNT <= 32, "imap.reported has a bit for each");

/* Once a flow. */
void
imap_report(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, unsigned anomaly)
{
	if ((imap->reported >> anomaly & 1) != 0)
		return;
	imap->reported |= 1u << anomaly;
	cc_anomaly(ctx, tx, anomaly);
}

/* What is open of a side's literal, in its middle. */
static void
abandon_literal(struct cc_ctx *ctx, struct imap *imap, enum cc_dir dir)
{
	struct imap_side *side = &imap->side[dir];

	if (side->state == S_LITERAL)
		imap_literal_end(ctx, imap, dir, false);
	if (dir == CC_TO_CLIENT)
		imap_pieces_end(ctx, imap);
	side->state = S_LINE;
	side->within = side->data = false;
}

void
imap_hand_over(struct cc_ctx *ctx, struct imap *imap)
{
	abandon_literal(ctx, imap, CC_TO_SERVER);
	abandon_literal(ctx, imap, CC_TO_CLIENT);
	imap_tell_all(ctx, imap);
	cc_switch_to(ctx, "tls");
}

static enum cc_status
feed(struct cc_ctx *ctx, void *state, enum cc_dir dir, struct cur *in)
{
	struct imap *imap = state;

	if ((imap->reported >> A_COMPRESSED & 1) != 0) { /* bytes that were under way when enough was said */
		cur_skip(in, cur_left(in));
		return CC_OK;
	}
	return dir == CC_TO_SERVER ? imap_feed_client(ctx, state, in) : imap_feed_server(ctx, state, in);
}

static enum cc_status
gap(struct cc_ctx *ctx, void *state, enum cc_dir dir, uint64_t size)
{
	struct imap *imap = state;
	struct imap_side *side = &imap->side[dir];

	imap->greeted = true;
	if (dir == CC_TO_SERVER)
		imap->auth = AUTH_NONE;
	if (side->state == S_LITERAL && size <= side->left) {
		imap_literal_gap(ctx, imap, dir, size);
		side->left -= size;
		if (side->left > 0)
			return CC_OK;
		side->state = S_LINE;
		imap_literal_end(ctx, imap, dir, true);
		return CC_OK;
	}
	abandon_literal(ctx, imap, dir);
	side->state = S_SKIP;
	side->lost = side->data = true;
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *state, enum cc_dir dir)
{
	struct imap *imap = state;

	imap->finished[dir] = true;
	abandon_literal(ctx, imap, dir);
	if (imap->finished[CC_TO_SERVER] && imap->finished[CC_TO_CLIENT])
		imap_tell_all(ctx, imap);
}

static void
end(struct cc_ctx *ctx, void *state)
{
	struct imap *imap = state;

	mail_forget(ctx, imap->side[CC_TO_SERVER].mail);
	mail_forget(ctx, imap->side[CC_TO_CLIENT].mail);
}

const struct cc_parser imap_parser = {
	.name = "imap",
	.own_event = true,
	.ports = "tcp/143",
	.fields = fields,
	.field_count = F_COUNT,
	.anomalies = anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct imap),
	.tx_size = sizeof(struct imap_tx),
	.tcp = true,
	.server_first = true,
	.probe = imap_probe,
	.feed = feed,
	.gap = gap,
	.finish = finish,
	.close = end,
};
