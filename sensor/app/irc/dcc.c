/*
 * DCC SEND's connection, "dcc": no format at all, so it is never identified, only announced by an offer over IRC.  Who
 * offered sends the file; the other answers with counts of what it has (four bytes each), which say nothing new.  The
 * file is whole when it has the size that was offered, or, where none was, at the sender's FIN.
 */
#include "app/irc/own.h"

enum { DCC_F_FILENAME, DCC_F_SIZE, DCC_F_COUNT };

struct dcc_state {
	bool began;
	enum cc_dir dir;       /* that the file takes */
	uint64_t size, seen;   /* size: as offered; UINT64_MAX: it was not said */
	struct cc_tx *tx;
	struct cc_file *file;
};

static const struct cc_field dcc_fields[DCC_F_COUNT] = {
	[DCC_F_FILENAME] = {NULL, "filename", CC_BYTES, CC_REQUEST | CC_RESPONSE, "File that was offered."},
	[DCC_F_SIZE] = {NULL, "size", CC_UINT, CC_REQUEST | CC_RESPONSE, "Its size, as offered."},
};

void
irc_dcc_expect(struct cc_ctx *ctx, enum cc_dir dir, struct slice name, const struct cc_addr *addr, uint16_t port,
    uint64_t size)
{
	uint8_t note[DCC_NOTE_SIZE + 512];
	struct cc_addr client = cc_side_addr(ctx, CC_TO_SERVER);
	size_t kept = name.size < sizeof(note) - DCC_NOTE_SIZE ? name.size : sizeof(note) - DCC_NOTE_SIZE;

	for (unsigned i = 0; i < DCC_NOTE_SIZE; i++)
		note[i] = (uint8_t)(size >> (56 - 8 * i));
	if (kept > 0)
		memcpy(note + DCC_NOTE_SIZE, name.p, kept);
	if (dir == CC_TO_CLIENT) /* the client is to fetch it there */
		cc_expect(ctx, CC_TO_CLIENT, addr, port, &dcc_parser, slice_of(note, DCC_NOTE_SIZE + kept));
	else if (cc_addr_cmp(&client, addr) == 0) /* it awaits whoever reads the offer */
		cc_expect_anyone(ctx, CC_TO_SERVER, port, &dcc_parser, slice_of(note, DCC_NOTE_SIZE + kept));
}

static void
begin(struct cc_ctx *ctx, struct dcc_state *state, enum cc_dir dir)
{
	struct slice note = cc_expected(ctx), name = slice_of(NULL, 0);

	state->began = true;
	state->dir = dir;
	state->size = UINT64_MAX;
	state->tx = cc_tx_new(ctx);
	if (note.size >= DCC_NOTE_SIZE) {
		state->size = 0;
		for (unsigned i = 0; i < DCC_NOTE_SIZE; i++)
			state->size = state->size << 8 | note.p[i];
		name = slice_of(note.p + DCC_NOTE_SIZE, note.size - DCC_NOTE_SIZE);
	}
	if (name.size > 0)
		cc_put(ctx, state->tx, DCC_F_FILENAME, name);
	if (state->size != UINT64_MAX)
		cc_put_uint(ctx, state->tx, DCC_F_SIZE, state->size);
	cc_tx_update(ctx, state->tx, dir);
	state->file = cc_file_open(ctx, state->tx, dir, name);
}

static enum cc_status
dcc_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	(void)dir;
	(void)in;
	return CC_BAD;
}

static enum cc_status
dcc_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dcc_state *state = own;
	struct slice bytes = cur_take(in, cur_left(in));

	if (!state->began)
		begin(ctx, state, dir);
	if (dir != state->dir)
		return CC_OK;
	state->seen += bytes.size;
	cc_file_data(ctx, state->file, bytes);
	return CC_OK;
}

static enum cc_status
dcc_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct dcc_state *state = own;

	if (!state->began)
		begin(ctx, state, dir);
	if (dir != state->dir)
		return CC_OK;
	state->seen += size;
	cc_file_gap(ctx, state->file, size);
	return CC_OK;
}

static void
dcc_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct dcc_state *state = own;
	bool whole;

	if (!state->began || dir != state->dir)
		return;
	whole = state->size != UINT64_MAX ? state->seen == state->size : cc_is_ended(ctx, dir);
	cc_file_close(ctx, state->file, whole && !cc_is_midstream(ctx));
	cc_tx_side_done(ctx, state->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, state->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, state->tx);
	state->file = NULL;
	state->tx = NULL;
}

const struct cc_parser dcc_parser = {
	.name = "dcc",
	.own_event = true,
	.fields = dcc_fields,
	.field_count = DCC_F_COUNT,
	.state_size = sizeof(struct dcc_state),
	.tcp = true,
	.server_first = true,
	.probe = dcc_probe,
	.feed = dcc_feed,
	.gap = dcc_gap,
	.finish = dcc_finish,
};
