/*
 * DNP3 over TCP and UDP (IEEE 1815): what masters and outstations of the grid and of waterworks say.
 *
 *     link frame:  05 64 | length 1 | control 1 | destination 2 | source 2 | CRC 2 | (16 bytes | CRC 2) …
 *     transport:   FIN, FIR, sequence 1 | part of a message          the first byte of a frame's user data
 *     application: FIR, FIN, CON, UNS, sequence 1 | function 1 | [indications 2, of a response] | objects
 *
 * Each message is a transaction of its own side.  Frames are read whole; a message in several of them is put together
 * in pool memory, one a side, 2 KiB at most.  One thread, a worker's.
 */
#include "app/dnp3/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

enum {
	F_TYPE, F_SRC, F_DST, F_DIR, F_PRI, F_FCB, F_FCV, F_LINK_FUNCTION, F_FIR, F_FIN, F_CON, F_UNS, F_SEQUENCE,
	F_FUNCTION, F_OBJECTS, F_GROUP, F_VARIATION, F_QUALIFIER, F_START, F_STOP, F_COUNT_OF, F_COMPLETE,
	F_INDICATORS, F_FUNCTION_TS, F_FUNCTION_TC, F_DATA_TS, F_DATA_TC, F_OBJECT_TS, F_OBJECT_TC, F_IND,
	F_COUNT,
};

static const struct cc_field dnp3_fields[F_COUNT] = {
	[F_TYPE] = {NULL, "type", CC_BYTES, BOTH, "\"request\", \"response\", \"unsolicited_response\"."},
	[F_SRC] = {NULL, "src", CC_UINT, BOTH, "Who sends: an address of the link."},
	[F_DST] = {NULL, "dst", CC_UINT, BOTH, "Whom it is for: an address of the link."},
	[F_DIR] = {NULL, "control.dir", CC_FLAG, BOTH, "Link: from a master."},
	[F_PRI] = {NULL, "control.pri", CC_FLAG, BOTH, "Link: the sender began it."},
	[F_FCB] = {NULL, "control.fcb", CC_FLAG, BOTH, "Link: the frame count's bit."},
	[F_FCV] = {NULL, "control.fcv", CC_FLAG, BOTH, "Link: that bit is valid."},
	[F_LINK_FUNCTION] = {NULL, "control.function_code", CC_UINT, BOTH, "Link: function."},
	[F_FIR] = {NULL, "application.control.fir", CC_FLAG, BOTH, "First fragment."},
	[F_FIN] = {NULL, "application.control.fin", CC_FLAG, BOTH, "Last fragment."},
	[F_CON] = {NULL, "application.control.con", CC_FLAG, BOTH, "To be confirmed."},
	[F_UNS] = {NULL, "application.control.uns", CC_FLAG, BOTH, "Unsolicited."},
	[F_SEQUENCE] = {NULL, "application.control.sequence", CC_UINT, BOTH, "Sequence number."},
	[F_FUNCTION] = {NULL, "application.function_code", CC_UINT, BOTH, "What is asked or answered."},
	[F_OBJECTS] = {NULL, "application.objects[]", CC_ROW, BOTH, "Objects that the message speaks of."},
	[F_GROUP] = {NULL, "application.objects[].group", CC_UINT, BOTH, "Group of an object."},
	[F_VARIATION] = {NULL, "application.objects[].variation", CC_UINT, BOTH, "Its variation."},
	[F_QUALIFIER] = {NULL, "application.objects[].qualifier", CC_UINT, BOTH, "Its qualifier."},
	[F_START] = {NULL, "application.objects[].start", CC_UINT, BOTH, "First point."},
	[F_STOP] = {NULL, "application.objects[].stop", CC_UINT, BOTH, "Last point."},
	[F_COUNT_OF] = {NULL, "application.objects[].count", CC_UINT, BOTH, "Number of points."},
	[F_COMPLETE] = {NULL, "application.complete", CC_FLAG, BOTH, "All of its objects could be told apart."},
	[F_INDICATORS] = {NULL, "iin.indicators", CC_BYTES, CC_RESPONSE | CC_MULTI, "Internal indications set."},
	[F_FUNCTION_TS] = {"dnp3_func", NULL, CC_UINT, CC_REQUEST, "Function code of a message."},
	[F_FUNCTION_TC] = {"dnp3_func", NULL, CC_UINT, CC_RESPONSE, "Function code of a message."},
	[F_DATA_TS] = {"dnp3.data", NULL, CC_BYTES, CC_REQUEST, "A message, put together, without links' bytes."},
	[F_DATA_TC] = {"dnp3.data", NULL, CC_BYTES, CC_RESPONSE, "A message, put together, without links' bytes."},
	[F_OBJECT_TS] = {"dnp3.object", NULL, CC_UINT, CC_REQUEST | CC_MULTI, "An object: group * 256 + variation."},
	[F_OBJECT_TC] = {"dnp3.object", NULL, CC_UINT, CC_RESPONSE | CC_MULTI, "An object: group * 256 + variation."},
	[F_IND] = {"dnp3_ind", NULL, CC_UINT, CC_RESPONSE | CC_MULTI, "Each internal indication that is set."},
};

static const struct cc_word functions[] = {
	{"confirm", 0}, {"read", 1}, {"write", 2}, {"select", 3}, {"operate", 4}, {"direct_operate", 5},
	{"direct_operate_nr", 6}, {"immed_freeze", 7}, {"immed_freeze_nr", 8}, {"freeze_clear", 9},
	{"freeze_clear_nr", 10}, {"freeze_at_time", 11}, {"freeze_at_time_nr", 12}, {"cold_restart", 13},
	{"warm_restart", 14}, {"initialize_data", 15}, {"initialize_appl", 16}, {"start_appl", 17}, {"stop_appl", 18},
	{"save_config", 19}, {"enable_unsolicited", 20}, {"disable_unsolicited", 21}, {"assign_class", 22},
	{"delay_measure", 23}, {"record_current_time", 24}, {"open_file", 25}, {"close_file", 26}, {"delete_file", 27},
	{"get_file_info", 28}, {"authenticate_file", 29}, {"abort_file", 30}, {"activate_config", 31},
	{"authenticate_req", 32}, {"authenticate_err", 33}, {"response", 129}, {"unsolicited_response", 130},
	{"authenticate_resp", 131},
};

/* By bit: the second byte's are the lower half. */
static const struct cc_word indications[] = {
	{"no_func_code_support", 0}, {"object_unknown", 1}, {"parameter_error", 2}, {"event_buffer_overflow", 3},
	{"already_executing", 4}, {"config_corrupt", 5}, {"reserved_2", 6}, {"reserved_1", 7}, {"all_stations", 8},
	{"class_1_events", 9}, {"class_2_events", 10}, {"class_3_events", 11}, {"need_time", 12}, {"local_control", 13},
	{"device_trouble", 14}, {"device_restart", 15},
};

static const struct cc_words dnp3_words[] = {
	{F_FUNCTION_TS, CC_ONE_OF, functions, sizeof(functions) / sizeof(functions[0])},
	{F_FUNCTION_TC, CC_ONE_OF, functions, sizeof(functions) / sizeof(functions[0])},
	{F_IND, CC_ONE_OF, indications, 16},
};
static const struct cc_alias dnp3_aliases[] = {{"dnp3_data", "dnp3.data"}};

enum { A_LEN, A_LINK_CRC, A_BLOCK_CRC, A_MALFORMED, A_UNKNOWN, A_TOO_LONG, A_CONTROL, A_RESTART, A_COUNT };

static const struct cc_anomaly dnp3_anomalies[A_COUNT] = {
	[A_LEN] = {"len_too_small", "A link frame is shorter than its own header."},
	[A_LINK_CRC] = {"bad_link_crc", "The CRC of a link frame's header is wrong."},
	[A_BLOCK_CRC] = {"bad_transport_crc", "The CRC of a block of user data is wrong."},
	[A_MALFORMED] = {"malformed", "A message's objects contradict themselves, or end early."},
	[A_UNKNOWN] = {"unknown_object", "An object of a group that has no known size."},
	[A_TOO_LONG] = {"message_too_long", "A message is longer than 2,048 bytes."},
	[A_CONTROL] = {"control_operated", "A master operates an output."},
	[A_RESTART] = {"restart_asked", "A master restarts an outstation, or stops one of its applications."},
};

static const struct cc_frame_kind dnp3_frames[] = {{"link", "A link frame, its CRCs and all."}};

struct dnp3_link {
	uint8_t control;
	uint16_t src, dst;
};

struct dnp3_side {
	uint8_t *message;      /* DNP3_MESSAGE_MAX bytes, of one that isn't over */
	uint32_t size;
	uint8_t sequence;      /* of its last part */
	bool lost;             /* bytes are passed by up to the next frame */
};

struct dnp3_state {
	struct dnp3_side side[2];
	uint32_t reported;
};

static void
report_once(struct cc_ctx *ctx, struct dnp3_state *state, struct cc_tx *tx, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) == 0)
		cc_anomaly(ctx, tx, anomaly);
	state->reported |= 1u << anomaly;
}

static bool
header_right(struct slice header)
{
	struct cur crc = cur_of(header.p + 8, 2);

	return header.p[0] == 5 && header.p[1] == 0x64 && header.p[2] >= 5 &&
	       dnp3_crc(slice_of(header.p, 8)) == cur_u16le(&crc);
}

/* A header with its CRC says it all.  Masters set a bit, so that even one side alone tells who it is. */
static enum cc_status
dnp3_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	if ((in.size > 0 && in.p[0] != 5) || (in.size > 1 && in.p[1] != 0x64))
		return CC_BAD;
	if (in.size < DNP3_LINK_HEADER)
		return cc_is_udp(ctx) ? CC_BAD : CC_MORE;
	if (!header_right(in))
		return CC_BAD;
	return cc_may_turn(ctx) && (in.p[3] & 0x80) != (dir == CC_TO_SERVER ? 0x80 : 0) ? CC_BAD : CC_OK;
}

/* ---- messages ---- */

static void
put_object(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct dnp3_object *object)
{
	cc_put_uint(ctx, tx, F_OBJECT_TS + dir, object->group * 256u + object->variation);
	cc_put_row(ctx, tx, F_OBJECTS);
	cc_put_uint(ctx, tx, F_GROUP, object->group);
	cc_put_uint(ctx, tx, F_VARIATION, object->variation);
	cc_put_uint(ctx, tx, F_QUALIFIER, object->qualifier);
	if (object->has_range) {
		cc_put_uint(ctx, tx, F_START, object->start);
		cc_put_uint(ctx, tx, F_STOP, object->stop);
	}
	cc_put_uint(ctx, tx, F_COUNT_OF, object->count);
}

/* Requests that read, freeze or assign name points without bytes of theirs. */
static bool
brings_points(uint8_t function)
{
	return function != 1 && !(function >= 7 && function <= 10) && !(function >= 20 && function <= 22);
}

static void
put_objects(struct cc_ctx *ctx, struct dnp3_state *state, struct cc_tx *tx, enum cc_dir dir, uint8_t function,
    struct cur *in)
{
	struct dnp3_object object;
	enum cc_status st = CC_OK;

	for (unsigned i = 0; st == CC_OK && i < DNP3_OBJECTS_MAX; i++) {
		struct cur before = *in;

		st = dnp3_object_read(in, brings_points(function), &object);
		if (st == CC_OK || st == CC_ABSENT || (st == CC_BAD && in->p != before.p))
			put_object(ctx, tx, dir, &object);
	}
	cc_put_uint(ctx, tx, F_COMPLETE, st == CC_MORE);
	if (st == CC_BAD)
		report_once(ctx, state, tx, A_MALFORMED);
	else if (st == CC_ABSENT)
		report_once(ctx, state, tx, A_UNKNOWN);
}

static void
put_link(struct cc_ctx *ctx, struct cc_tx *tx, const struct dnp3_link *link)
{
	cc_put_uint(ctx, tx, F_SRC, link->src);
	cc_put_uint(ctx, tx, F_DST, link->dst);
	cc_put_uint(ctx, tx, F_DIR, link->control >> 7);
	cc_put_uint(ctx, tx, F_PRI, link->control >> 6 & 1);
	cc_put_uint(ctx, tx, F_FCB, link->control >> 5 & 1);
	cc_put_uint(ctx, tx, F_FCV, link->control >> 4 & 1);
	cc_put_uint(ctx, tx, F_LINK_FUNCTION, link->control & 15);
}

static void
message(struct cc_ctx *ctx, struct dnp3_state *state, enum cc_dir dir, const struct dnp3_link *link, struct slice bytes)
{
	struct cur c = cur_slice(bytes);
	uint8_t control = cur_u8(&c), function = cur_u8(&c);
	bool answers = function >= 129;
	uint16_t set = answers ? cur_u16(&c) : 0;
	struct cc_tx *tx = cc_tx_new(ctx);

	cc_put_text(ctx, tx, F_TYPE, !answers ? "request" : function == 130 ? "unsolicited_response" : "response");
	put_link(ctx, tx, link);
	cc_put(ctx, tx, F_DATA_TS + dir, bytes);
	if (c.bad) {
		report_once(ctx, state, tx, A_MALFORMED);
		cc_tx_side_done(ctx, tx, dir);
		cc_tx_done(ctx, tx);
		return;
	}
	cc_put_uint(ctx, tx, F_FIR, control >> 7);
	cc_put_uint(ctx, tx, F_FIN, control >> 6 & 1);
	cc_put_uint(ctx, tx, F_CON, control >> 5 & 1);
	cc_put_uint(ctx, tx, F_UNS, control >> 4 & 1);
	cc_put_uint(ctx, tx, F_SEQUENCE, control & 15);
	cc_put_uint(ctx, tx, F_FUNCTION, function);
	cc_put_uint(ctx, tx, F_FUNCTION_TS + dir, function);
	for (unsigned bit = 0; bit < 16; bit++) {
		if ((set >> bit & 1) != 0) {
			cc_put_uint(ctx, tx, F_IND, bit);
			cc_put_text(ctx, tx, F_INDICATORS, indications[bit].name);
		}
	}
	put_objects(ctx, state, tx, dir, function, &c);
	if (function >= 3 && function <= 6)
		report_once(ctx, state, tx, A_CONTROL);
	if (function == 13 || function == 14 || function == 18)
		report_once(ctx, state, tx, A_RESTART);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

/* ---- frames ---- */

static void
forget(struct cc_ctx *ctx, struct dnp3_side *side)
{
	cc_give(ctx, side->message, DNP3_MESSAGE_MAX);
	side->message = NULL;
	side->size = 0;
}

/* A frame's user data: a part of a message, behind the transport's byte. */
static void
part(struct cc_ctx *ctx, struct dnp3_state *state, enum cc_dir dir, const struct dnp3_link *link, struct slice user)
{
	struct dnp3_side *side = &state->side[dir];
	uint8_t transport = user.p[0];
	bool first = (transport & 0x40) != 0, last = (transport & 0x80) != 0;

	user = slice_of(user.p + 1, user.size - 1);
	if (first) {
		forget(ctx, side);
		if (last) {
			message(ctx, state, dir, link, user);
			return;
		}
		side->message = cc_take(ctx, DNP3_MESSAGE_MAX);
	} else if (side->message == NULL || (transport & 63) != ((side->sequence + 1) & 63)) {
		forget(ctx, side);
	}
	if (side->message == NULL)
		return;
	side->sequence = transport & 63;
	if (user.size > DNP3_MESSAGE_MAX - side->size) {
		report_once(ctx, state, NULL, A_TOO_LONG);
		forget(ctx, side);
		return;
	}
	memcpy(side->message + side->size, user.p, user.size);
	side->size += (uint32_t)user.size;
	if (last) {
		message(ctx, state, dir, link, slice_of(side->message, side->size));
		forget(ctx, side);
	}
}

/* The user data of a whole frame, without CRCs, in out; false: one is wrong. */
static bool
user_data(struct cur *in, size_t size, uint8_t out[DNP3_USER_MAX])
{
	while (size > 0) {
		struct slice block = cur_take(in, size < DNP3_BLOCK ? size : DNP3_BLOCK);

		if (cur_u16le(in) != dnp3_crc(block) || in->bad)
			return false;
		memcpy(out, block.p, block.size);
		out += block.size;
		size -= block.size;
	}
	return true;
}

/* One link frame.  CC_MORE: it isn't all here.  CC_BAD: none begins here. */
static enum cc_status
frame(struct cc_ctx *ctx, struct dnp3_state *state, enum cc_dir dir, struct cur *in)
{
	struct cur c = *in;
	struct slice header = cur_take(&c, DNP3_LINK_HEADER), whole;
	uint8_t user[DNP3_USER_MAX];
	struct dnp3_link link;
	struct cur h;
	size_t size;

	if (c.bad)
		return CC_MORE;
	if (header.p[0] != 5 || header.p[1] != 0x64)
		return CC_BAD;
	if (header.p[2] < 5) {
		report_once(ctx, state, NULL, A_LEN);
		return CC_BAD;
	}
	if (!header_right(header)) {
		report_once(ctx, state, NULL, A_LINK_CRC);
		return CC_BAD;
	}
	h = cur_of(header.p + 3, 5);
	link.control = cur_u8(&h);
	link.dst = cur_u16le(&h);
	link.src = cur_u16le(&h);
	size = header.p[2] - 5u;
	whole = cur_take(&c, size + (size + DNP3_BLOCK - 1) / DNP3_BLOCK * 2);
	if (c.bad)
		return CC_MORE;
	cc_frame(ctx, NULL, dir, 0, in->p, (uint64_t)(c.p - in->p));
	*in = c;
	c = cur_slice(whole);
	if (!user_data(&c, size, user))
		report_once(ctx, state, NULL, A_BLOCK_CRC);
	else if (size > 0)
		part(ctx, state, dir, &link, slice_of(user, size));
	return CC_OK;
}

static enum cc_status
dnp3_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dnp3_state *state = own;
	struct dnp3_side *side = &state->side[dir];

	while (cur_left(in) > 0) {
		enum cc_status st = frame(ctx, state, dir, in);

		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD) { /* the next frame is looked for by its first byte */
			const uint8_t *next = memchr(in->p + 1, 5, cur_left(in) - 1);

			if (!side->lost)
				report_once(ctx, state, NULL, A_MALFORMED);
			cur_skip(in, next != NULL ? (size_t)(next - in->p) : cur_left(in));
		}
		side->lost = st == CC_BAD;
	}
	return CC_OK;
}

static enum cc_status
dnp3_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct dnp3_state *state = own;

	(void)size;
	forget(ctx, &state->side[dir]);
	state->side[dir].lost = true;
	return CC_OK;
}

static void
dnp3_close(struct cc_ctx *ctx, void *own)
{
	struct dnp3_state *state = own;

	forget(ctx, &state->side[CC_TO_SERVER]);
	forget(ctx, &state->side[CC_TO_CLIENT]);
}

const struct cc_parser dnp3_parser = {
	.name = "dnp3",
	.ports = "tcp/20000 udp/20000",
	.fields = dnp3_fields,
	.field_count = F_COUNT,
	.anomalies = dnp3_anomalies,
	.anomaly_count = A_COUNT,
	.words = dnp3_words,
	.words_count = sizeof(dnp3_words) / sizeof(dnp3_words[0]),
	.aliases = dnp3_aliases,
	.alias_count = 1,
	.frames = dnp3_frames,
	.frame_count = 1,
	.state_size = sizeof(struct dnp3_state),
	.unit_max = 512,
	.tcp = true,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = dnp3_probe,
	.feed = dnp3_feed,
	.gap = dnp3_gap,
	.close = dnp3_close,
};
