/*
 * TFTP's requests (RFC 1350): datagrams in, a transaction for each out.  The transfer goes on between new ports: it is
 * announced to the core, and is "tftp-data" of data.c; what a server sends from the port of the request is taken here.
 *
 *     client C ---- RRQ, WRQ ----> server 69
 *     client C <--- DATA, ACK ---- server S
 */
#include "app/tftp/own.h"

struct tftp_state {
	struct tftp_transfer transfer; /* of the last request */
};

static const struct cc_field fields[T_REQUEST_COUNT] = {
    [T_COMMAND] = {"tftp.packet", "packet", CC_BYTES, CC_REQUEST, "Kind of the request: \"read\" or \"write\"."},
    [T_FILE] = {"tftp.file", "file", CC_BYTES, CC_REQUEST, "Name of the file."},
    [T_BLOCK_SIZE] = {NULL, "concert.block_size", CC_UINT, CC_RESPONSE, "Size of blocks that was agreed."},
    [T_TRANSFER_SIZE] = {NULL, "concert.transfer_size", CC_UINT, CC_REQUEST, "Size of the file, as an option says."},
    [T_WINDOW_SIZE] = {NULL, "concert.window_size", CC_UINT, CC_RESPONSE, "Blocks before each acknowledgement."},
    [T_ERROR_CODE] = {NULL, "concert.error_code", CC_UINT, CC_RESPONSE, "Code of the error that the server sent."},
    [T_ERROR] = {NULL, "concert.error", CC_BYTES, CC_RESPONSE, "Text of that error."},
    [T_MODE] = {"tftp.mode", "mode", CC_BYTES, CC_REQUEST, "How the file is sent: octet, netascii, mail."},
};

const struct cc_anomaly tftp_anomalies[TFTP_ODD_COUNT] = {
	[TFTP_ODD_MODE] = {"unknown_mode", "A request's mode is none of the standard's."},
	[TFTP_ODD_OPTION] = {"malformed_option", "What follows a request's mode is no list of options."},
	[TFTP_ODD_PATH] = {"path_traversal", "A file name leads out of its folder."},
	[TFTP_ODD_NAME] = {"filename_too_long", "A file name is longer than tftp.name_limit."},
	[TFTP_ODD_BLOCK_SIZE] = {"invalid_block_size", "A size of blocks, or a block, beyond what may be."},
	[TFTP_ODD_MISSING] = {"missing_blocks", "Blocks of a file were not seen."},
	[TFTP_ODD_BOTH_WAYS] = {"data_both_ways", "Both sides of a transfer send data."},
	[TFTP_ODD_OPCODE] = {"invalid_opcode", "A packet is of no known kind."},
};

static enum cc_status
probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct tftp_request request;
	struct slice name, value;
	bool bad = false;

	if (dir == CC_TO_CLIENT) {
		/* Answers have no form of their own: only where the request was seen, or on the port. */
		struct cur c = cur_slice(in);
		uint16_t opcode = cur_u16(&c);

		return cc_other_known(ctx) && opcode >= TFTP_DATA && opcode <= TFTP_OACK ? CC_OK : CC_BAD;
	}
	if (tftp_request_read(in, &request) != CC_OK || !tftp_mode_known(request.mode))
		return CC_BAD;
	while (tftp_next_option(&request.options, &name, &value, &bad))
		;
	/* Some clients leave rubbish behind, but then on the port. */
	return bad && cc_server_port(ctx) != 69 ? CC_BAD : CC_OK;
}

static bool
leads_out(struct slice name)
{
	for (size_t i = 0; i + 1 < name.size; i++)
		if (name.p[i] == '.' && name.p[i + 1] == '.' &&
		    (i == 0 || name.p[i - 1] == '/' || name.p[i - 1] == '\\') &&
		    (i + 2 == name.size || name.p[i + 2] == '/' || name.p[i + 2] == '\\'))
			return true;
	return false;
}

/* The transfer comes from the server's host to the port that the request came from. */
static void
expect(struct cc_ctx *ctx, const struct tftp_request *request, uint16_t asked_size)
{
	struct cc_addr client = cc_side_addr(ctx, CC_TO_SERVER);
	uint8_t note[TFTP_NOTE_SIZE + 1000];
	size_t size = request->name.size < 1000 ? request->name.size : 1000;

	note[0] = (uint8_t)request->opcode;
	note[1] = (uint8_t)(asked_size >> 8);
	note[2] = (uint8_t)asked_size;
	memcpy(note + TFTP_NOTE_SIZE, request->name.p, size);
	cc_expect(ctx, CC_TO_SERVER, &client, cc_side_port(ctx, CC_TO_SERVER), &tftp_data_parser,
	    slice_of(note, TFTP_NOTE_SIZE + size));
}

static void
request_packet(struct cc_ctx *ctx, struct tftp_transfer *t, struct tftp_request *request)
{
	size_t limit = (size_t)cc_limit(ctx, "tftp.name_limit");
	const struct cc_value *before = t->tx != NULL ? cc_get(t->tx, T_FILE) : NULL;

	/* A request that is sent again is the same one. */
	if (before != NULL && !t->began && t->opcode == request->opcode &&
	    slice_eq(slice_of(before->bytes, before->size), request->name))
		return;
	tftp_transfer_end(ctx, t);
	*t = (struct tftp_transfer){.opcode = request->opcode};
	t->tx = cc_tx_new(ctx);
	if (request->name.size > limit) {
		tftp_odd(ctx, t, TFTP_ODD_NAME);
		request->name.size = limit;
	}
	cc_put_text(ctx, t->tx, T_COMMAND, request->opcode == TFTP_RRQ ? "read" : "write");
	cc_put(ctx, t->tx, T_FILE, request->name);
	cc_put(ctx, t->tx, T_MODE, request->mode);
	if (!tftp_mode_known(request->mode))
		tftp_odd(ctx, t, TFTP_ODD_MODE);
	if (leads_out(request->name))
		tftp_odd(ctx, t, TFTP_ODD_PATH);
	tftp_options(ctx, t, &request->options, false);
	expect(ctx, request, t->asked_size);
	cc_tx_side_done(ctx, t->tx, CC_TO_SERVER);
	cc_tx_update(ctx, t->tx, CC_TO_SERVER);
}

static enum cc_status
feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct tftp_state *state = own;
	struct slice all = cur_take(in, cur_left(in)), name = slice_of(NULL, 0);
	const struct cc_value *value = state->transfer.tx != NULL ? cc_get(state->transfer.tx, T_FILE) : NULL;
	struct tftp_request request;

	if (dir == CC_TO_SERVER && tftp_request_read(all, &request) == CC_OK) {
		request_packet(ctx, &state->transfer, &request);
		return CC_OK;
	}
	if (value != NULL)
		name = slice_of(value->bytes, value->size);
	tftp_transfer_packet(ctx, &state->transfer, dir, all, name);
	if (state->transfer.over)
		tftp_transfer_end(ctx, &state->transfer);
	return CC_OK;
}

static void
finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct tftp_state *state = own;

	if (dir == CC_TO_CLIENT)
		tftp_transfer_end(ctx, &state->transfer);
}

const struct cc_parser tftp_parser = {
	.name = "tftp",
	.ports = "udp/69",
	.fields = fields,
	.field_count = T_REQUEST_COUNT,
	.anomalies = tftp_anomalies,
	.anomaly_count = TFTP_ODD_COUNT,
	.state_size = sizeof(struct tftp_state),
	.udp = true,
	.probe = probe,
	.feed = feed,
	.finish = finish,
};
