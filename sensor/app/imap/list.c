/* Commands that wait for their tagged reply, in a list through their transactions. */
#include "app/imap/own.h"

struct imap_tx *
imap_tx(const struct cc_tx *tx)
{
	return tx->own;
}

void
imap_tell(struct cc_ctx *ctx, struct cc_tx *tx)
{
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

/* The one behind `before` (NULL: the first), out of the list. */
static struct cc_tx *
unlink_behind(struct imap *imap, struct cc_tx *before)
{
	struct cc_tx *tx = before != NULL ? imap_tx(before)->next : imap->first;

	if (before != NULL)
		imap_tx(before)->next = imap_tx(tx)->next;
	else
		imap->first = imap_tx(tx)->next;
	if (imap->last == tx)
		imap->last = before;
	imap_tx(tx)->next = NULL;
	imap->count--;
	return tx;
}

struct cc_tx *
imap_pull(struct imap *imap, struct slice tag, bool lacks_command)
{
	struct cc_tx *before = NULL;

	for (struct cc_tx *tx = imap->first; tx != NULL; before = tx, tx = imap_tx(tx)->next)
		if (imap_tx(tx)->lacks_command == lacks_command &&
		    slice_eq(slice_of(imap_tx(tx)->tag, imap_tx(tx)->tag_size), tag))
			return unlink_behind(imap, before);
	return NULL;
}

struct cc_tx *
imap_current(const struct imap *imap)
{
	struct cc_tx *tx = imap->last;

	return tx != NULL && imap_tx(tx)->word == imap->word && !imap_tx(tx)->lacks_command ? tx : NULL;
}

void
imap_tell_all(struct cc_ctx *ctx, struct imap *imap)
{
	while (imap->first != NULL)
		imap_tell(ctx, unlink_behind(imap, NULL));
}

struct cc_tx *
imap_push(struct cc_ctx *ctx, struct imap *imap, struct slice tag)
{
	struct cc_tx *tx;

	if (imap->count == IMAP_PIPELINE) {
		if (!imap_tx(imap->first)->lacks_command)
			imap_report(ctx, imap, NULL, A_PIPELINED);
		imap_tell(ctx, unlink_behind(imap, NULL));
	}
	tx = cc_tx_new(ctx);
	if (tx == NULL)
		return NULL;
	imap_tx(tx)->tag_size = (uint8_t)(tag.size < IMAP_TAG_MAX ? tag.size : IMAP_TAG_MAX);
	if (tag.size > 0)
		memcpy(imap_tx(tx)->tag, tag.p, imap_tx(tx)->tag_size);
	cc_put(ctx, tx, F_TAG, tag);
	if (imap->last != NULL)
		imap_tx(imap->last)->next = tx;
	else
		imap->first = tx;
	imap->last = tx;
	imap->count++;
	return tx;
}
