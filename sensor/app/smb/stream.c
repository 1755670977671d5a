/*
 * The stream: NetBIOS session messages (RFC 1002, 4.3; MS-SMB2, 2.1), SMB messages in them, file bytes in those.
 *
 *     type 1 | size 3 | { 0xff or 0xfe or 0xfd or 0xfc | "SMB" | … }
 *
 * The bytes of a read or write are never waited for: the head of their message says where they lie, and they go on as
 * they come.  Of any other message the first 64 KiB are looked at.  A gap that lies within the message being read
 * leaves a hole in its file at most; any other is got over at the next thing that looks like a message's head.
 */
#include "app/smb/own.h"

enum { NETBIOS_MESSAGE = 0x00, NETBIOS_REQUEST = 0x81, NETBIOS_KEEPALIVE = 0x85, NETBIOS_HEADER = 4 };

static bool
is_mark(const uint8_t *p)
{
	return p[0] >= 0xfc && p[1] == 'S' && p[2] == 'M' && p[3] == 'B';
}

/* Moves to the next message's head.  false: none is here; what may be the beginning of one is left. */
static bool
find_message(struct smb_side *side, struct cur *in)
{
	struct slice rest = cur_rest(in);

	for (size_t i = 0; i + 8 <= rest.size; i++) {
		if (rest.p[i] == NETBIOS_MESSAGE && is_mark(rest.p + i + 4)) {
			cur_skip(in, i);
			side->lost = false;
			return true;
		}
	}
	if (rest.size > 7)
		cur_skip(in, rest.size - 7);
	return false;
}

static enum cc_status
next_record(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct cur *in)
{
	struct smb_side *side = &state->side[dir];
	struct cur c = *in;
	uint8_t type = cur_u8(&c);
	uint32_t size = cur_u24(&c);

	if (c.bad)
		return CC_MORE;
	if (type != NETBIOS_MESSAGE && (type < NETBIOS_REQUEST || type > NETBIOS_KEEPALIVE)) {
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		side->lost = true;
		return CC_OK;
	}
	if (type == NETBIOS_MESSAGE) {
		cc_frame(ctx, NULL, dir, SMB_FRAME_NBSS_PDU, in->p, (uint64_t)NETBIOS_HEADER + size);
		cc_frame(ctx, NULL, dir, SMB_FRAME_NBSS_HDR, in->p, NETBIOS_HEADER);
		cc_frame(ctx, NULL, dir, SMB_FRAME_NBSS_DATA, in->p + NETBIOS_HEADER, size);
	}
	*in = c;
	side->record = size;
	side->skip = type == NETBIOS_MESSAGE ? 0 : size;
	side->data = side->after = 0;
	side->first = true;
	return CC_OK;
}

/* Takes what is to be passed by, or goes on to a file, off the record.  A pipe's first bytes say what it speaks. */
static enum cc_status
take_body(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct cur *in)
{
	struct smb_side *side = &state->side[dir];
	uint32_t *part = side->skip > 0 ? &side->skip : &side->data;
	uint32_t size = cur_left(in) < *part ? (uint32_t)cur_left(in) : *part;
	bool data = part == &side->data;
	struct slice bytes;

	if (data && side->target == SMB_TO_PIPE && side->file->pipe && side->file->rpc == NULL && size < *part &&
	    size < DCERPC_HEADER)
		return CC_MORE;
	bytes = cur_take(in, size);
	*part -= size;
	side->record -= size;
	if (!data)
		return CC_OK;
	state->head = &side->head;
	smb_data(ctx, state, dir, bytes);
	if (side->data == 0) {
		smb_data_end(ctx, state, dir);
		side->skip = side->after;
		side->after = 0;
	}
	state->head = NULL;
	return CC_OK;
}

/* A message of size bytes begins, whose data are streamed: at bytes behind its beginning, of which used were taken. */
static void
begin_body(struct smb_side *side, uint32_t size, uint32_t used, uint32_t at, uint32_t data)
{
	side->skip = at - used;
	side->data = data;
	side->after = size - at - data;
	if (data == 0) {
		side->skip += side->after;
		side->after = 0;
	}
}

static void
check_side(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, const struct smb_head *head)
{
	if (head->response && dir == CC_TO_SERVER)
		smb_report(ctx, state, NULL, SMB_RESPONSE_TO_SERVER);
	if (!head->response && dir == CC_TO_CLIENT &&
	    !(head->two ? head->command == SMB2_OPLOCK_BREAK : head->command == 0x24))
		smb_report(ctx, state, NULL, SMB_REQUEST_TO_CLIENT);
}

/* The beginning of the message that lies at in, for the whole of which need not be waited. */
static struct cur
front(const struct cur *in, uint32_t size)
{
	return cur_of(in->p, cur_left(in) < size ? cur_left(in) : size);
}

static enum cc_status
whole(struct smb_side *side, struct cur *in, uint32_t size, struct slice *ret_message)
{
	uint32_t want = size < SMB_HEAD_MAX ? size : SMB_HEAD_MAX;

	if (cur_left(in) < want)
		return CC_MORE;
	*ret_message = cur_take(in, want);
	side->record -= want;
	side->skip = size - want;
	return CC_OK;
}

/* A message of SMB 2 or 3, up to the next of its compound. */
static enum cc_status
take_smb2(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct cur *in)
{
	struct smb_side *side = &state->side[dir];
	struct cur c = front(in, side->record);
	struct smb_head head;
	uint32_t size = side->record, at, data, used;
	struct slice message;
	bool write, read;

	if (side->record < SMB2_HEADER || !smb2_header(&c, &head)) {
		if (side->record >= SMB2_HEADER && cur_left(in) < SMB2_HEADER)
			return CC_MORE;
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		side->skip = side->record;
		return CC_OK;
	}
	if (head.next >= SMB2_HEADER && head.next <= side->record)
		size = head.next;
	else if (head.next != 0)
		smb_report(ctx, state, NULL, SMB_RECORD_OVERFLOW);
	write = head.command == SMB2_WRITE && !head.response && size >= SMB2_HEADER + 48;
	read = head.command == SMB2_READ && head.response && size >= SMB2_HEADER + 16 &&
	    (head.status == STATUS_SUCCESS || head.status == STATUS_BUFFER_OVERFLOW);
	if (!write && !read) {
		if (whole(side, in, size, &message) != CC_OK)
			return CC_MORE;
		check_side(ctx, state, dir, &head);
		smb2_message(ctx, state, dir, &head, message);
		return CC_OK;
	}
	used = SMB2_HEADER + (write ? 48 : 16);
	if (cur_left(in) < used)
		return CC_MORE;
	check_side(ctx, state, dir, &head);
	side->head = head;
	state->head = &side->head;
	(write ? smb2_write_request : smb2_read_response)(ctx, state, dir, &side->head, c, size, &at, &data);
	if (at < used) { /* said to lie in their own head */
		smb_data_end(ctx, state, dir);
		at = used;
		data = 0;
	}
	state->head = NULL;
	cur_skip(in, used);
	side->record -= used;
	begin_body(side, size, used, at, data);
	return CC_OK;
}

/*
 * A message of SMB 1, which is a record.  Data of a large read or write that stands alone are streamed; where other
 * commands are chained to it (AndX), or it is small, the record is read as a whole.
 */
static enum cc_status
take_smb1(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct cur *in)
{
	struct smb_side *side = &state->side[dir];
	struct cur c = front(in, side->record);
	uint32_t size = side->record, at, data, used;
	struct smb_head head;
	struct slice message;
	struct cur words;
	bool write, read;

	if (size < SMB1_HEADER + 3 || !smb1_header(&c, &head)) {
		if (size >= SMB1_HEADER + 3 && cur_left(in) < SMB1_HEADER)
			return CC_MORE;
		smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		side->skip = size;
		return CC_OK;
	}
	write = head.command == SMB1_WRITE_ANDX && !head.response;
	read = head.command == SMB1_READ_ANDX && head.response;
	if ((write || read) && size > SMB_HEAD_MAX) {
		unsigned count = cur_u8(&c);

		used = SMB1_HEADER + 1 + count * 2;
		words = c;
		cur_skip(&words, count * 2u);
		if (words.bad)
			return CC_MORE;
		words = cur_of(c.p, count * 2u);
		if (count >= 12 && cur_u8(&c) == SMB1_NONE) {
			check_side(ctx, state, dir, &head);
			side->head = head;
			state->head = &side->head;
			(write ? smb1_write_request : smb1_read_response)(ctx, state, dir, &side->head, words, size,
			    &at, &data);
			state->head = NULL;
			if (at < used) {
				smb_data_end(ctx, state, dir);
				at = used;
				data = 0;
			}
			cur_skip(in, used);
			side->record -= used;
			begin_body(side, size, used, at, data);
			return CC_OK;
		}
	}
	if (whole(side, in, size, &message) != CC_OK)
		return CC_MORE;
	check_side(ctx, state, dir, &head);
	side->head = head;
	smb1_message(ctx, state, dir, &head, message);
	return CC_OK;
}

/*
 * Compressed (MS-SMB2, 2.2.42): size 4 | algorithm 2 | flags 2 | offset 4.  Sizes that overflow when they are added are
 * what SMBGhost is made of (CVE-2020-0796).
 */
static void
read_compressed(struct cc_ctx *ctx, struct smb_state *state, struct cur c)
{
	uint32_t size, offset;
	uint16_t flags;

	cur_skip(&c, 4);
	size = cur_u32le(&c);
	cur_skip(&c, 2);
	flags = cur_u16le(&c);
	offset = cur_u32le(&c);
	if (!c.bad && flags == 0 && (size > UINT32_MAX - offset || offset > SMB_LENGTH_MAX))
		smb_report(ctx, state, NULL, SMB_COMPRESSION_OVERFLOW);
}

/* To the end of the record: where a compound holds more messages, each is within the one before. */
static void
message_frames(struct cc_ctx *ctx, enum cc_dir dir, const uint8_t *p, uint32_t size)
{
	static const struct {
		uint8_t mark, header, pdu;
	} table[] = {
		{0xff, SMB1_HEADER, SMB_FRAME_SMB1_PDU},
		{0xfe, SMB2_HEADER, SMB_FRAME_SMB2_PDU},
		{0xfd, 52, SMB_FRAME_SMB3_PDU},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (p[0] != table[i].mark)
			continue;
		cc_frame(ctx, NULL, dir, table[i].pdu, p, size);
		if (size < table[i].header)
			continue;
		/* hdr and data stand behind pdu in the list */
		cc_frame(ctx, NULL, dir, table[i].pdu + 1u, p, table[i].header);
		if (size > table[i].header)
			cc_frame(ctx, NULL, dir, table[i].pdu + 2u, p + table[i].header, size - table[i].header);
	}
}

static enum cc_status
take_message(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, struct cur *in)
{
	struct smb_side *side = &state->side[dir];
	struct cur c = front(in, side->record);
	const uint8_t *mark = cur_bytes(&c, 4);

	if (mark == NULL && side->record >= 4)
		return CC_MORE;
	if (mark == NULL || !is_mark(mark)) {
		if (side->record > 8 || side->first) /* a compound may end with padding */
			smb_report(ctx, state, NULL, SMB_MALFORMED_DATA);
		side->skip = side->record;
		return CC_OK;
	}
	message_frames(ctx, dir, in->p, side->record);
	if (mark[0] >= 0xfe)
		side->encrypted = 0;
	if (mark[0] == 0xfe)
		return take_smb2(ctx, state, dir, in);
	if (mark[0] == 0xff)
		return take_smb1(ctx, state, dir, in);
	if (mark[0] == 0xfc) {
		if (side->record >= 16 && cur_left(in) < 16)
			return CC_MORE;
		read_compressed(ctx, state, front(in, side->record));
	} else if (++side->encrypted == SMB_ENCRYPTED_ENOUGH &&
	    state->side[cc_dir_other(dir)].encrypted > 0) { /* nobody can read on */
		cc_enough(ctx, CC_TO_SERVER);
		cc_enough(ctx, CC_TO_CLIENT);
	}
	if (mark[0] == 0xfd)
		smb_report(ctx, state, NULL, SMB_ENCRYPTED);
	side->skip = side->record;
	return CC_OK;
}

enum cc_status
smb_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct smb_state *state = own;
	struct smb_side *side = &state->side[dir];
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(in) > 0) {
		if (side->lost) {
			if (!find_message(side, in))
				break;
		} else if (side->record == 0) {
			st = next_record(ctx, state, dir, in);
		} else if (side->skip > 0 || side->data > 0) {
			st = take_body(ctx, state, dir, in);
		} else {
			st = take_message(ctx, state, dir, in);
		}
	}
	side->waiting = (uint32_t)cur_left(in);
	return CC_OK;
}

/* Takes size bytes off the parts of a record as they would have come. */
static void
lose(struct cc_ctx *ctx, struct smb_state *state, enum cc_dir dir, uint32_t size)
{
	struct smb_side *side = &state->side[dir];
	uint32_t part = size < side->skip ? size : side->skip;

	side->record -= size;
	side->skip -= part;
	size -= part;
	part = size < side->data ? size : side->data;
	if (part > 0) {
		side->data -= part;
		size -= part;
		state->head = &side->head;
		smb_data_gap(ctx, state, dir, part);
		if (side->data == 0) {
			smb_data_end(ctx, state, dir);
			side->skip = side->after;
			side->after = 0;
		}
		state->head = NULL;
	}
	if (size == 0)
		return;
	if (size < side->skip) /* behind the data */
		side->skip -= size;
	else /* the head of another message is gone, and so is the way to the next */
		side->skip = side->record;
}

enum cc_status
smb_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct smb_state *state = own;
	struct smb_side *side = &state->side[dir];

	size += side->waiting;
	side->waiting = 0;
	if (side->lost)
		return CC_OK;
	if (side->record > 0 && size <= side->record) {
		lose(ctx, state, dir, (uint32_t)size);
		return CC_OK;
	}
	if (side->record > 0)
		lose(ctx, state, dir, side->record);
	side->record = side->skip = side->data = side->after = 0;
	side->lost = true;
	return CC_OK;
}
