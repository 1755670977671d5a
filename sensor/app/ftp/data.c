/*
 * FTP's data connection, "ftp-data": no format at all, so it is never identified, only announced by a control
 * connection.  Its stream is one file, with the name and the command of the note; a directory's listing is none.  The
 * stream's end is the file's (RFC 959, 3.4.1), so without the sender's FIN it is a file as far as it was seen.
 */
#include "app/ftp/own.h"

enum { DATA_F_COMMAND, DATA_F_FILENAME, DATA_F_COUNT };

struct data_state {
	bool began;
	bool part;             /* REST went before, or the beginning was not seen */
	enum cc_dir dir;       /* that the data take */
	struct cc_tx *tx;
	struct cc_file *file;
};

static const struct cc_field data_fields[DATA_F_COUNT] = {
	[DATA_F_COMMAND] = {"ftpdata.command", "command", CC_BYTES, CC_REQUEST | CC_RESPONSE,
	    "Command that the data belong to."},
	[DATA_F_FILENAME] = {NULL, "filename", CC_BYTES, CC_REQUEST | CC_RESPONSE, "File that the command names."},
};

static bool
is_listing(enum ftp_word word)
{
	return word == FTP_LIST || word == FTP_NLST || word == FTP_MLSD;
}

static void
begin(struct cc_ctx *ctx, struct data_state *state, enum cc_dir dir)
{
	struct slice note = cc_expected(ctx), name = slice_of(NULL, 0);
	enum ftp_word word = FTP_UNKNOWN;

	state->began = true;
	state->dir = dir;
	state->part = cc_is_midstream(ctx);
	state->tx = cc_tx_new(ctx);
	if (note.size >= FTP_NOTE_SIZE) {
		word = (enum ftp_word)note.p[FTP_NOTE_WORD];
		state->part |= note.p[FTP_NOTE_PART] != 0;
		name = slice_of(note.p + FTP_NOTE_SIZE, note.size - FTP_NOTE_SIZE);
	}
	if (word != FTP_UNKNOWN)
		cc_put_text(ctx, state->tx, DATA_F_COMMAND, ftp_word_text(word));
	if (name.size > 0)
		cc_put(ctx, state->tx, DATA_F_FILENAME, name);
	cc_tx_update(ctx, state->tx, dir);
	if (!is_listing(word))
		state->file = cc_file_open(ctx, state->tx, dir, name);
}

static enum cc_status
data_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	(void)dir;
	(void)in;
	return CC_BAD;
}

static enum cc_status
data_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct data_state *state = own;
	struct slice bytes = cur_take(in, cur_left(in));

	if (!state->began)
		begin(ctx, state, dir);
	if (dir == state->dir) /* data go one way only */
		cc_file_data(ctx, state->file, bytes);
	return CC_OK;
}

static enum cc_status
data_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct data_state *state = own;

	if (!state->began)
		begin(ctx, state, dir);
	if (dir == state->dir)
		cc_file_gap(ctx, state->file, size);
	return CC_OK;
}

static void
data_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct data_state *state = own;

	if (!state->began || dir != state->dir)
		return;
	cc_file_close(ctx, state->file, !state->part && cc_is_ended(ctx, dir));
	cc_tx_side_done(ctx, state->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, state->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, state->tx);
	state->file = NULL;
	state->tx = NULL;
}

const struct cc_parser ftp_data_parser = {
	.name = "ftp-data",
	.event = "ftp_data",
	.fields = data_fields,
	.field_count = DATA_F_COUNT,
	.state_size = sizeof(struct data_state),
	.tcp = true,
	.server_first = true,
	.probe = data_probe,
	.feed = data_feed,
	.gap = data_gap,
	.finish = data_finish,
};
