/*
 * Files that go over several connections at once (SMB 3's multichannel, MS-SMB2 3.2.4.20): a session is bound to more
 * of them, and a file that was opened on one is read and written on all.
 *
 * Each connection sees a part.  Where one lacks what is before its data, or knows of a file no more than its number,
 * its bytes go to the core as ranges of a whole, too, which is known by session and number; the two hosts are the same,
 * so it is a matter of one worker.  The connection that has the name and the size, since the file was opened there,
 * ends it.  What an attacker could try is to have bytes kept for files that never end: the core bounds them
 * (http.ranges, http.range_memory).
 */
#include "app/smb/own.h"

static unsigned
name_key(uint64_t session, const uint8_t key[16], enum cc_dir dir, uint8_t room[8], struct slice ret_words[4])
{
	for (unsigned i = 0; i < 8; i++)
		room[i] = (uint8_t)(session >> 8 * i);
	ret_words[0] = slice_str("smb");
	ret_words[1] = slice_of(room, 8);
	ret_words[2] = slice_of(key, 16);
	ret_words[3] = slice_str(dir == CC_TO_SERVER ? "write" : "read");
	return 4;
}

static unsigned
name_whole(const struct smb_file *file, enum cc_dir dir, uint8_t room[8], struct slice ret_words[4])
{
	return name_key(file->session, file->key, dir, room, ret_words);
}

/* The parts of a connection that can't have all of it. */
static bool
is_shared(const struct smb_state *state, const struct smb_file *file)
{
	return file->two && !file->pipe && state->channels;
}

void
smb_channel_begin(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir)
{
	struct smb_side *side = &state->side[dir];
	struct smb_file *file = side->file;
	struct smb_way *way = &file->way[dir];
	struct slice words[4];
	uint8_t room[8];
	unsigned count;

	if (!is_shared(state, file) || (!way->shared && !file->stranger && side->offset <= way->next))
		return;
	count = name_whole(file, dir, room, words);
	cc_range_open(ctx, &side->range, words, count, side->offset, CC_RANGE_ANY, CC_RANGE_ANY,
	    smb_name_slice(&file->name));
	side->ranged = true;
	if (!way->shared && !file->stranger) /* what was here so far is its beginning */
		cc_range_begin(ctx, &side->range, way->file);
	way->shared = true;
}

void
smb_channel_closed(struct cc_ctx *ctx, struct smb_state *state, uint64_t session, const uint8_t key[16])
{
	struct slice words[4];
	struct cc_range range;
	uint8_t room[8];
	unsigned count;

	if (!state->channels)
		return;
	count = name_key(session, key, CC_TO_SERVER, room, words);
	cc_range_open(ctx, &range, words, count, 0, CC_RANGE_ANY, CC_RANGE_ANY, slice_str(""));
	cc_range_mark(ctx, &range);
}

bool
smb_channel_was_closed(const struct cc_ctx *ctx, const struct smb_state *state, const struct smb_file *file)
{
	struct slice words[4];
	uint8_t room[8];

	return is_shared(state, file) && !file->stranger &&
	    cc_range_marked(ctx, words, name_whole(file, CC_TO_SERVER, room, words));
}

bool
smb_channel_has_more(const struct cc_ctx *ctx, const struct smb_state *state, const struct smb_file *file)
{
	struct slice words[4];
	uint8_t room[8];

	return is_shared(state, file) && !file->stranger && !file->way[CC_TO_SERVER].shared &&
	    cc_range_filled(ctx, words, name_whole(file, CC_TO_SERVER, room, words));
}

void
smb_channel_data(struct cc_ctx *ctx, struct smb_side *side, enum cc_dir dir, struct slice bytes)
{
	(void)cc_range_data(ctx, &side->range, side->file->way[dir].tx, dir, bytes);
}

void
smb_channel_end(struct cc_ctx *ctx, struct smb_state *state, struct smb_file *file, enum cc_dir dir, bool whole)
{
	struct smb_way *way = &file->way[dir];
	struct cc_tx *tx = way->tx;
	struct slice words[4];
	struct cc_range range;
	uint64_t least = file->has_size ? file->size : 1;
	uint8_t room[8];
	unsigned count;

	if (!is_shared(state, file) || file->stranger)
		return;
	count = name_whole(file, dir, room, words);
	if (!cc_range_known(ctx, words, count))
		return;
	if (!way->began && !cc_range_filled(ctx, words, count)) { /* closed elsewhere, no more: nothing to tell */
		(void)cc_range_end(ctx, words, count, UINT64_MAX, smb_name_slice(&file->name), NULL, dir);
		return;
	}
	if (whole || (dir == CC_TO_SERVER && !file->closing))
		least = UINT64_MAX; /* not wanted, or nobody knows whether that is all */
	if (way->began && !way->shared && !way->gap && !whole) { /* others have the rest */
		cc_range_open(ctx, &range, words, count, 0, CC_RANGE_ANY, CC_RANGE_ANY, smb_name_slice(&file->name));
		cc_range_begin(ctx, &range, way->file);
	}
	if (!way->began)
		tx = smb_file_tx(ctx, state, file, dir);
	(void)cc_range_end(ctx, words, count, least, smb_name_slice(&file->name), tx, dir);
	if (!way->began)
		smb_tx_close(ctx, state, tx, state->head);
}
