/*
 * TLS 1.0 to 1.3 (RFC 8446, RFC 5246), SSL 3.0 and SSL 2.0's hellos over TCP: records in, a transaction a handshake
 * out.
 *
 *     type 1 | version 2 | size 2 | fragment                a record
 *     type 1 | size 3    | body                             a handshake message, across records as it likes
 *
 * What can be read is over with the first encrypted record; then both sides are given up, so that nobody assembles what
 * nobody can read.  A message that lies whole in its record is read in place; only one that is cut is copied, into pool
 * memory that grows with what has come, never with what was announced.
 */
#include "app/tls/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field tls_fields[TLS_F_COUNT] = {
#include "app/tls/fields.def"
};

static const struct cc_anomaly tls_anomalies[TLS_ANOMALY_COUNT] = {
#include "app/tls/anomalies.def"
};

static const struct cc_frame_kind tls_frames[TLS_FRAME_COUNT] = {
	[TLS_FRAME_PDU] = {"pdu", "A record, header and fragment."},
	[TLS_FRAME_HDR] = {"hdr", "The 5 bytes of a record's header."},
	[TLS_FRAME_DATA] = {"data", "A record's fragment."},
	[TLS_FRAME_ALERT] = {"alert", "The fragment of an alert."},
	[TLS_FRAME_HEARTBEAT] = {"heartbeat", "The fragment of a heartbeat."},
	[TLS_FRAME_SSL2_HDR] = {"ssl2.hdr", "The 2 bytes before an SSL 2.0 record."},
	[TLS_FRAME_SSL2_PDU] = {"ssl2.pdu", "An SSL 2.0 record, header and all."},
};

enum { STATE_CLIENT_HELLO = 1, STATE_SERVER_HELLO = 2, STATE_CLIENT_KEYX = 4, STATE_SERVER_KEYX = 8 };

static const struct cc_word version_words[] = {
	{"sslv2", TLS_VERSION_SSL2}, {"sslv3", 0x0300}, {"tls1.0", 0x0301}, {"tls1.1", 0x0302}, {"tls1.2", 0x0303},
	{"tls1.3", 0x0304}, {"tls1.3", 0x7f1c}, {"tls1.3", 0x7f1b}, {"tls1.3", 0x7f1a}, {"tls1.3", 0x7f19},
	{"tls1.3", 0x7f18}, {"tls1.3", 0x7f17}, {"tls1.3", 0x7f16}, {"tls1.3", 0x7f15}, {"tls1.3", 0x7f14},
	{"tls1.3", 0x7f13}, {"tls1.3", 0x7f12}, {"tls1.3", 0x7f11}, {"tls1.3", 0x7f10}, {"tls1.3", 0x7f0f},
	{"tls1.3", 0x7f0e},
};

static const struct cc_word state_words[] = {
	{"client_hello", STATE_CLIENT_HELLO}, {"server_hello", STATE_SERVER_HELLO}, {"client_keyx", STATE_CLIENT_KEYX},
	{"server_keyx", STATE_SERVER_KEYX}, {"unknown", 0},
};

static const struct cc_words tls_words[] = {
	{TLS_F_VERSION_NUMBER, CC_ONE_OF, version_words, sizeof(version_words) / sizeof(version_words[0])},
	{TLS_F_CLIENT_VERSION_NUMBER, CC_ONE_OF, version_words, sizeof(version_words) / sizeof(version_words[0])},
	{TLS_F_STATE, CC_ONE_OF, state_words, sizeof(state_words) / sizeof(state_words[0])},
};

/* Each once a flow: a sender who breaks every record is not to fill the log. */
void
tls_report(struct cc_ctx *ctx, struct tls_state *state, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1ull << anomaly;
	cc_anomaly(ctx, state->tx, anomaly);
}

struct cc_tx *
tls_tx(struct cc_ctx *ctx, struct tls_state *state)
{
	if (state->tx == NULL && !state->done)
		state->tx = cc_tx_new(ctx);
	return state->tx;
}

void
tls_set_version(struct cc_ctx *ctx, struct tls_state *state, uint16_t version)
{
	struct cc_tx *tx = tls_tx(ctx, state);
	char room[24];

	state->version = version;
	cc_put_text(ctx, tx, TLS_F_VERSION, tls_version_text(version, room));
	cc_put_uint(ctx, tx, TLS_F_VERSION_NUMBER, version);
	if (version <= TLS_VERSION_11 || version == DTLS_VERSION_10)
		tls_report(ctx, state, TLS_OBSOLETE_VERSION);
}

void
tls_done(struct cc_ctx *ctx, struct tls_state *state)
{
	struct cc_tx *tx = state->tx;
	char room[24];

	if (state->done)
		return;
	state->done = true;
	state->tx = NULL;
	if (tx == NULL)
		return;
	if (state->version == 0)
		cc_put_text(ctx, tx, TLS_F_VERSION, tls_version_text(0, room));
	if (state->server_hello && !state->certificate) /* none, or not in clear */
		cc_put_uint(ctx, tx, TLS_F_CHAIN_LENGTH, 0);
	if (state->resumed && !state->certificate)
		cc_put_uint(ctx, tx, TLS_F_SESSION_RESUMED, 1);
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

static void
side_drop(struct cc_ctx *ctx, struct tls_side *side)
{
	cc_give(ctx, side->buf, side->room);
	side->buf = NULL;
	side->room = side->size = side->need = 0;
}

/* What the side said in clear is through: it is given up, and with both over the handshake is complete. */
void
tls_side_over(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir)
{
	if (state->side[dir].over)
		return;
	state->side[dir].over = true;
	if (!cc_frames_wanted(ctx))
		cc_enough(ctx, dir);
	if (state->side[cc_dir_other(dir)].over)
		tls_done(ctx, state);
}

bool
tls_type_known(unsigned type)
{
	return type <= 8 || (type >= 11 && type <= 16) || (type >= 20 && type <= 25) || type == 67 || type == 254;
}

static bool
type_wanted(unsigned type)
{
	return type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO || type == TLS_CERTIFICATE;
}

static enum cc_status
message(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, uint8_t type, struct slice body)
{
	enum cc_status st = tls_message(ctx, state, dir, type, body);

	if (st != CC_OK)
		tls_report(ctx, state, TLS_INVALID_HANDSHAKE);
	return st;
}

/* Room for at least more bytes beyond what is there; doubles, so that it stays near what has really come. */
static bool
grow(struct cc_ctx *ctx, struct tls_side *side, uint32_t more)
{
	uint32_t room = side->room > 0 ? side->room : 4096;
	uint8_t *buf;

	while (room < side->size + more)
		room *= 2;
	if (room == side->room)
		return true;
	buf = cc_take(ctx, room);
	if (buf == NULL)
		return false;
	if (side->size > 0)
		memcpy(buf, side->buf, side->size);
	cc_give(ctx, side->buf, side->room);
	side->buf = buf;
	side->room = room;
	return true;
}

/* Adds to the open message what *c has of it. */
static enum cc_status
continue_message(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *c)
{
	struct tls_side *side = &state->side[dir];
	size_t left = side->need - side->size;
	struct slice part = cur_take(c, left < cur_left(c) ? left : cur_left(c));
	enum cc_status st;

	if (!grow(ctx, side, (uint32_t)part.size)) {
		side->skip = (uint32_t)(left - part.size);
		side_drop(ctx, side);
		return CC_OK;
	}
	memcpy(side->buf + side->size, part.p, part.size);
	side->size += (uint32_t)part.size;
	if (side->size < side->need)
		return CC_OK;
	st = message(ctx, state, dir, side->type, slice_of(side->buf, side->size));
	side_drop(ctx, side);
	return st;
}

/* The rules' ssl_state: which messages have begun. */
void
tls_note_state(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, uint8_t type)
{
	static const uint8_t bit[32] = {[TLS_CLIENT_HELLO] = STATE_CLIENT_HELLO,
	    [TLS_SERVER_HELLO] = STATE_SERVER_HELLO,
	    [12] = STATE_SERVER_KEYX,
	    [16] = STATE_CLIENT_KEYX};

	if (type >= sizeof(bit) || bit[type] == 0 || (state->seen & bit[type]) != 0)
		return;
	state->seen |= bit[type];
	cc_put_uint(ctx, tls_tx(ctx, state), TLS_F_STATE, bit[type]);
	cc_tx_update(ctx, state->tx, dir);
}

/* A message's header at hand; its body follows in *c, whole or in part. */
static enum cc_status
begin_message(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, const uint8_t head[4], struct cur *c)
{
	struct tls_side *side = &state->side[dir];
	uint8_t type = head[0];
	uint32_t size = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3], limit;

	if (!tls_type_known(type)) {
		tls_report(ctx, state, TLS_INVALID_HANDSHAKE);
		return CC_BAD;
	}
	tls_note_state(ctx, state, dir, type);
	if (size <= cur_left(c))
		return message(ctx, state, dir, type, cur_take(c, size));
	limit = (uint32_t)cc_limit(ctx, "tls.handshake_limit");
	if (size > limit)
		tls_report(ctx, state, TLS_HANDSHAKE_TOO_LONG);
	if (size > limit || !type_wanted(type)) {
		side->skip = size - (uint32_t)cur_left(c);
		cur_skip(c, cur_left(c));
		return CC_OK;
	}
	side->type = type;
	side->need = size;
	side->size = 0;
	return continue_message(ctx, state, dir, c);
}

static enum cc_status
handshake(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct slice fragment)
{
	struct tls_side *side = &state->side[dir];
	struct cur c = cur_slice(fragment);
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(&c) > 0 && !side->over) {
		if (side->skip > 0) {
			size_t size = side->skip < cur_left(&c) ? side->skip : cur_left(&c);

			cur_skip(&c, size);
			side->skip -= (uint32_t)size;
		} else if (side->need > 0) {
			st = continue_message(ctx, state, dir, &c);
		} else {
			while (side->head_size < sizeof(side->head) && cur_left(&c) > 0)
				side->head[side->head_size++] = cur_u8(&c);
			if (side->head_size < sizeof(side->head))
				break;
			side->head_size = 0;
			st = begin_message(ctx, state, dir, side->head, &c);
		}
	}
	return st;
}

/* RFC 6520: type 1, size 2, that many bytes, padding of 16 at least. */
static void
heartbeat(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct slice fragment)
{
	struct cur c = cur_slice(fragment);
	unsigned type = cur_u8(&c), size = cur_u16(&c);

	tls_report(ctx, state, TLS_HEARTBEAT_MESSAGE);
	if (c.bad || (type != 1 && type != 2))
		tls_report(ctx, state, TLS_INVALID_HEARTBEAT);
	else if (size > cur_left(&c))
		tls_report(ctx, state, TLS_OVERFLOW_HEARTBEAT);
	/* Whatever they say of their sizes: an answer gives back what was asked with. */
	if (type == 2 && state->heartbeat > 0 && dir != state->heartbeat_dir) {
		if (fragment.size > state->heartbeat)
			tls_report(ctx, state, TLS_DATALEAK_HEARTBEAT);
		state->heartbeat = 0;
	} else if (type == 1) {
		state->heartbeat = (uint16_t)fragment.size;
		state->heartbeat_dir = dir;
	}
}

struct tls_record {
	uint8_t type;
	struct slice fragment;
};

/* What is wrong with a record's header; TLS_ANOMALY_COUNT: nothing. */
static unsigned
header_wrong(unsigned type, unsigned version, unsigned size)
{
	if (type < TLS_CCS || type > TLS_HEARTBEAT)
		return TLS_INVALID_RECORD_TYPE;
	if (version >> 8 != 3)
		return TLS_INVALID_RECORD_VERSION;
	return size > TLS_RECORD_MAX ? TLS_INVALID_RECORD_LENGTH : TLS_ANOMALY_COUNT;
}

static void
record_frames(
    struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, const uint8_t *p, unsigned type, unsigned size)
{
	if (state->inner)
		return;
	cc_frame(ctx, state->tx, dir, TLS_FRAME_PDU, p, TLS_RECORD_HEADER + size);
	cc_frame(ctx, state->tx, dir, TLS_FRAME_HDR, p, TLS_RECORD_HEADER);
	cc_frame(ctx, state->tx, dir, TLS_FRAME_DATA, p + TLS_RECORD_HEADER, size);
	if (type == TLS_ALERT)
		cc_frame(ctx, state->tx, dir, TLS_FRAME_ALERT, p + TLS_RECORD_HEADER, size);
	else if (type == TLS_HEARTBEAT)
		cc_frame(ctx, state->tx, dir, TLS_FRAME_HEARTBEAT, p + TLS_RECORD_HEADER, size);
}

/* The next record.  CC_OK: it is here; or it is encrypted, and all that matters of it is.  CC_BAD has been reported. */
static enum cc_status
next_record(
    struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in, struct tls_record *ret_record)
{
	struct cur c = *in;
	struct tls_record rec;
	unsigned version, size, wrong;

	rec.type = cur_u8(&c);
	version = cur_u16(&c);
	size = cur_u16(&c);
	if (c.bad)
		return CC_MORE;
	wrong = header_wrong(rec.type, version, size);
	if (wrong != TLS_ANOMALY_COUNT) {
		tls_report(ctx, state, TLS_INVALID_HEADER);
		tls_report(ctx, state, wrong);
		tls_report(ctx, state, TLS_INVALID_RECORD);
		return CC_BAD;
	}
	record_frames(ctx, state, dir, in->p, rec.type, size);
	state->side[dir].left = rec.type == TLS_APPLICATION_DATA && cur_left(&c) < size ? size : 0;
	rec.fragment = state->side[dir].left > 0 ? slice_of(NULL, 0) : cur_take(&c, size);
	if (c.bad)
		return CC_MORE;
	*in = c;
	*ret_record = rec;
	return CC_OK;
}

static enum cc_status
record(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, const struct tls_record *rec)
{
	switch (rec->type) {
	case TLS_HANDSHAKE:
		return handshake(ctx, state, dir, rec->fragment);
	case TLS_CCS:
		/* After a HelloRetryRequest it is a dummy, and a hello still to come (RFC 8446, D.4). */
		if (!state->retry || state->server_hello)
			tls_side_over(ctx, state, dir);
		return CC_OK;
	case TLS_APPLICATION_DATA:
		tls_side_over(ctx, state, dir);
		return CC_OK;
	case TLS_HEARTBEAT:
		heartbeat(ctx, state, dir, rec->fragment);
		return CC_OK;
	default:
		return CC_OK;
	}
}

/* Is the side's first record one of SSL 2.0?  CC_ABSENT: no. */
static enum cc_status
first_record(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in)
{
	enum cc_status st = (in->p[0] & 0x80) != 0 && !state->inner ? tls_ssl2_feed(ctx, state, dir, in) : CC_ABSENT;

	if (st == CC_OK || st == CC_ABSENT)
		state->side[dir].began = true;
	return st;
}

enum cc_status
tls_records(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in)
{
	struct tls_side *side = &state->side[dir];
	enum cc_status st = CC_OK;
	unsigned count = 0;

	while (st == CC_OK && cur_left(in) > 0 && !side->over) {
		struct tls_record rec;

		if (!side->began && (st = first_record(ctx, state, dir, in)) != CC_ABSENT)
			continue;
		st = next_record(ctx, state, dir, in, &rec);
		if (st == CC_OK)
			st = record(ctx, state, dir, &rec);
		if (++count == TLS_RECORDS_PER_FEED)
			tls_report(ctx, state, TLS_TOO_MANY_RECORDS);
	}
	return st;
}

/* Records that nobody can read, for rules that look at frames: from header to header. */
static void
skim(struct cc_ctx *ctx, struct tls_state *state, enum cc_dir dir, struct cur *in)
{
	struct tls_side *side = &state->side[dir];

	while (cur_left(in) > 0 && !side->blind) {
		struct cur c = *in;
		unsigned type, version, size;

		if (side->left > 0) {
			uint32_t part = cur_left(in) < side->left ? (uint32_t)cur_left(in) : side->left;

			cur_skip(in, part);
			side->left -= part;
			continue;
		}
		type = cur_u8(&c);
		version = cur_u16(&c);
		size = cur_u16(&c);
		if (c.bad)
			return;
		side->blind = header_wrong(type, version, size) != TLS_ANOMALY_COUNT;
		if (side->blind)
			break;
		record_frames(ctx, state, dir, in->p, type, size);
		*in = c;
		side->left = size;
	}
	if (side->blind) {
		cur_skip(in, cur_left(in));
		cc_enough(ctx, dir);
	}
}

static enum cc_status
tls_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct tls_state *state = own;
	enum cc_status st = tls_records(ctx, state, dir, in);

	if (state->side[dir].over && cc_frames_wanted(ctx))
		skim(ctx, state, dir, in);
	else if (state->side[dir].over)
		cur_skip(in, cur_left(in));
	/* Not TLS any more: what was right is told now, for nobody will ask again. */
	if (st == CC_BAD)
		tls_done(ctx, state);
	return st;
}

/* Behind a gap records can't be found again: what the side has said is all. */
static enum cc_status
tls_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct tls_state *state = own;
	struct tls_side *side = &state->side[dir];

	tls_side_over(ctx, state, dir);
	side->blind = side->blind || size > side->left;
	if (side->blind)
		cc_enough(ctx, dir);
	else
		side->left -= (uint32_t)size;
	side_drop(ctx, side);
	return CC_OK;
}

static void
tls_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct tls_state *state = own;
	const struct tls_side *other = &state->side[cc_dir_other(dir)];

	state->side[dir].finished = true;
	if (other->finished || other->over)
		tls_done(ctx, state);
}

void
tls_drop(struct cc_ctx *ctx, struct tls_state *state)
{
	side_drop(ctx, &state->side[0]);
	side_drop(ctx, &state->side[1]);
}

static void
tls_close(struct cc_ctx *ctx, void *own)
{
	tls_drop(ctx, own);
}

const struct cc_parser tls_parser = {
	.name = "tls",
	.ports = "tcp/443 tcp/465 tcp/563 tcp/636 tcp/853 tcp/989 tcp/990 tcp/993 tcp/995 tcp/5061 tcp/8443",
	.fields = tls_fields,
	.field_count = TLS_F_COUNT,
	.anomalies = tls_anomalies,
	.anomaly_count = TLS_ANOMALY_COUNT,
	.words = tls_words,
	.words_count = sizeof(tls_words) / sizeof(tls_words[0]),
	.frames = tls_frames,
	.frame_count = TLS_FRAME_COUNT,
	.state_size = sizeof(struct tls_state),
	.unit_max = TLS_RECORD_HEADER + 32768,
	.tcp = true,
	.probe = tls_probe,
	.feed = tls_feed,
	.gap = tls_gap,
	.finish = tls_finish,
	.close = tls_close,
};
