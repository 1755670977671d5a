/*
 * A transfer of TFTP (RFC 1350, 2347 to 2349, 7440): blocks in, one file out.  The server answers a request from a new
 * port, so that the transfer is a flow of its own, "tftp-data", which the request announces; a server that stays on its
 * port has it in the request's flow, by the same functions.
 *
 *     DATA   3 (16 bits) | number of the block | bytes, fewer than a block's in the last
 *     ACK    4 | number of the block
 *     ERROR  5 | code | text NUL
 *     OACK   6 | { option NUL | value NUL }
 *
 * Blocks are numbered from 1 and wrap.  A block that was seen already is passed by, one that is too far on leaves a gap
 * in the file.  Datagrams may be lost on the way to us, so nothing waits for them.
 */
#include "app/tftp/own.h"

struct data_state {
	struct tftp_transfer transfer;
	bool began;
};

static const struct cc_field data_fields[T_TRANSFER_COUNT] = {
    [T_COMMAND] = {NULL, "packet", CC_BYTES, CC_REQUEST | CC_RESPONSE,
	"Request that led to it: \"read\" or \"write\"."},
    [T_FILE] = {NULL, "file", CC_BYTES, CC_REQUEST | CC_RESPONSE, "Name of the file."},
    [T_BLOCK_SIZE] = {NULL, "concert.block_size", CC_UINT, CC_REQUEST | CC_RESPONSE, "Size of blocks that was agreed."},
    [T_TRANSFER_SIZE] = {NULL, "concert.transfer_size", CC_UINT, CC_REQUEST | CC_RESPONSE,
	"Size of the file, as an option says."},
    [T_WINDOW_SIZE] = {NULL, "concert.window_size", CC_UINT, CC_REQUEST | CC_RESPONSE,
	"Blocks before each acknowledgement."},
    [T_ERROR_CODE] = {NULL, "concert.error_code", CC_UINT, CC_REQUEST | CC_RESPONSE,
	"Code of the error that ended it."},
    [T_ERROR] = {NULL, "concert.error", CC_BYTES, CC_REQUEST | CC_RESPONSE, "Text of that error."},
};

void
tftp_odd(struct cc_ctx *ctx, struct tftp_transfer *t, unsigned anomaly)
{
	if ((t->told >> anomaly & 1) != 0)
		return;
	t->told = (uint8_t)(t->told | 1u << anomaly);
	cc_anomaly(ctx, t->tx, anomaly);
}

static void
put_once(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, uint64_t number)
{
	if (tx != NULL && cc_get(tx, field) == NULL)
		cc_put_uint(ctx, tx, field, number);
}

void
tftp_options(struct cc_ctx *ctx, struct tftp_transfer *t, struct cur *options, bool agreed)
{
	struct slice name, value;
	uint64_t n;
	bool bad = false;
	unsigned count = 0;

	while (count++ < TFTP_OPTIONS_MAX && tftp_next_option(options, &name, &value, &bad)) {
		if (text_eq_nocase(name, "blksize")) {
			if (!digits_parse(value, TFTP_BLOCK_MAX, &n) || n < 8) {
				tftp_odd(ctx, t, TFTP_ODD_BLOCK_SIZE);
				continue;
			}
			t->asked_size = (uint16_t)n;
			if (agreed) {
				t->block_size = (uint16_t)n;
				put_once(ctx, t->tx, T_BLOCK_SIZE, n);
			}
		} else if (text_eq_nocase(name, "tsize")) {
			/* A reader asks with 0. */
			if (digits_parse(value, UINT64_MAX, &n) && (agreed || n > 0))
				put_once(ctx, t->tx, T_TRANSFER_SIZE, n);
		} else if (text_eq_nocase(name, "windowsize")) {
			if (agreed && digits_parse(value, 65535, &n))
				put_once(ctx, t->tx, T_WINDOW_SIZE, n);
		}
	}
	if (bad)
		tftp_odd(ctx, t, TFTP_ODD_OPTION);
}

void
tftp_transfer_end(struct cc_ctx *ctx, struct tftp_transfer *t)
{
	cc_file_close(ctx, t->file, false);
	t->file = NULL;
	if (t->tx == NULL)
		return;
	cc_tx_side_done(ctx, t->tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, t->tx, CC_TO_CLIENT);
	cc_tx_done(ctx, t->tx);
	t->tx = NULL;
}

/* Without an OACK blocks have the usual size, unless the first is longer: then the OACK was missed. */
static void
settle_block_size(struct tftp_transfer *t, size_t size)
{
	if (t->block_size != 0)
		return;
	t->block_size = size > TFTP_BLOCK && size <= t->asked_size ? t->asked_size : TFTP_BLOCK;
}

static void
data_block(struct cc_ctx *ctx, struct tftp_transfer *t, enum cc_dir dir, struct cur *c, struct slice name)
{
	uint16_t number = cur_u16(c);
	struct slice bytes = cur_rest(c);
	uint16_t ahead;

	if (c->bad || t->over)
		return;
	if (!t->began) {
		t->began = true;
		t->dir = dir;
		t->next = 1;
		t->file = cc_file_open(ctx, t->tx, dir, name);
	} else if (dir != t->dir) {
		tftp_odd(ctx, t, TFTP_ODD_BOTH_WAYS);
		return;
	}
	settle_block_size(t, bytes.size);
	ahead = (uint16_t)(number - t->next);
	if (ahead >= 0x8000)
		return; /* seen before */
	if (ahead > 0) {
		tftp_odd(ctx, t, TFTP_ODD_MISSING);
		cc_file_gap(ctx, t->file, (uint64_t)ahead * t->block_size);
	}
	if (bytes.size > t->block_size) {
		tftp_odd(ctx, t, TFTP_ODD_BLOCK_SIZE);
		bytes.size = t->block_size;
	}
	cc_file_data(ctx, t->file, bytes);
	t->next = (uint16_t)(number + 1);
	if (bytes.size < t->block_size) {
		cc_file_close(ctx, t->file, true);
		t->file = NULL;
		t->over = true;
		cc_tx_update(ctx, t->tx, dir);
	}
}

static void
error_packet(struct cc_ctx *ctx, struct tftp_transfer *t, enum cc_dir dir, struct cur *c)
{
	uint16_t code = cur_u16(c);
	struct slice text = cur_rest(c);
	const uint8_t *end = text.size > 0 ? memchr(text.p, 0, text.size) : NULL;

	if (c->bad)
		return;
	if (end != NULL)
		text.size = (size_t)(end - text.p);
	put_once(ctx, t->tx, T_ERROR_CODE, code);
	if (t->tx != NULL && text.size > 0 && cc_get(t->tx, T_ERROR) == NULL)
		cc_put(ctx, t->tx, T_ERROR, text);
	cc_file_close(ctx, t->file, false);
	t->file = NULL;
	t->over = true;
	cc_tx_update(ctx, t->tx, dir);
}

void
tftp_transfer_packet(struct cc_ctx *ctx, struct tftp_transfer *t, enum cc_dir dir, struct slice in, struct slice name)
{
	struct cur c = cur_slice(in);

	switch (cur_u16(&c)) {
	case TFTP_DATA:
		data_block(ctx, t, dir, &c, name);
		break;
	case TFTP_ACK:
		break;
	case TFTP_ERROR:
		error_packet(ctx, t, dir, &c);
		break;
	case TFTP_OACK:
		if (!t->began)
			tftp_options(ctx, t, &c, true);
		break;
	default:
		tftp_odd(ctx, t, TFTP_ODD_OPCODE);
		break;
	}
}

/* ---- the flow of a transfer ---- */

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
	struct slice note = cc_expected(ctx), name = slice_of(NULL, 0);

	if (note.size >= TFTP_NOTE_SIZE)
		name = slice_of(note.p + TFTP_NOTE_SIZE, note.size - TFTP_NOTE_SIZE);
	if (!state->began) {
		state->began = true;
		state->transfer.tx = cc_tx_new(ctx);
		if (note.size >= TFTP_NOTE_SIZE) {
			state->transfer.opcode = note.p[0];
			state->transfer.asked_size = (uint16_t)(note.p[1] << 8 | note.p[2]);
			cc_put_text(ctx, state->transfer.tx, T_COMMAND, note.p[0] == TFTP_RRQ ? "read" : "write");
		}
		if (name.size > 0)
			cc_put(ctx, state->transfer.tx, T_FILE, name);
		cc_tx_update(ctx, state->transfer.tx, dir);
	}
	tftp_transfer_packet(ctx, &state->transfer, dir, cur_take(in, cur_left(in)), name);
	return CC_OK;
}

static void
data_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct data_state *state = own;

	if (dir == CC_TO_CLIENT)
		tftp_transfer_end(ctx, &state->transfer);
}

const struct cc_parser tftp_data_parser = {
	.name = "tftp-data",
	.event = "tftp_data",
	.fields = data_fields,
	.field_count = T_TRANSFER_COUNT,
	.anomalies = tftp_anomalies,
	.anomaly_count = TFTP_ODD_COUNT,
	.state_size = sizeof(struct data_state),
	.udp = true,
	.server_first = true,
	.probe = data_probe,
	.feed = data_feed,
	.finish = data_finish,
};
