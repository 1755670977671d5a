/*
 * RFB, the protocol of VNC (RFC 6143), versions 3.3, 3.7 and 3.8, up to the session's start: one transaction a flow.
 *
 *     server: "RFB 003.008\n"          client: "RFB 003.008\n"
 *     server: count 1, types 1 each    client: type 1                (3.3: the server says the type, in 4 bytes)
 *     VNC authentication: server: challenge 16; client: response 16
 *     server: result 4 (3.8: also where there is no authentication; a failure is followed by its reason)
 *     client: shared 1                 server: width 2, height 2, pixel format 16, size 4, name
 *
 * The two sides take turns, so what a message is hangs on what the other side said; a side that is ahead waits. TLS and
 * VeNCrypt hand the flow over to the parser of what comes inside.  One thread, a worker's.
 */
#include "base/base.h"
#include "concert/parser.h"

#define BANNER_SIZE 12
#define WAIT_MAX 4096      /* bytes of a side that wait for the other; then it isn't there to be seen */
#define REASON_MAX 1024
#define TYPES_MAX 64

enum { TYPE_NONE = 1, TYPE_VNC = 2, TYPE_TLS = 18, TYPE_VENCRYPT = 19 };

enum {
	F_SERVER_MAJOR, F_SERVER_MINOR, F_CLIENT_MAJOR, F_CLIENT_MINOR, F_SECTYPE, F_CHALLENGE, F_RESPONSE,
	F_RESULT_TEXT, F_REASON, F_SHARED, F_WIDTH, F_HEIGHT, F_NAME, F_BITS, F_DEPTH, F_BIG, F_TRUE, F_RED_MAX,
	F_GREEN_MAX, F_BLUE_MAX, F_RED_SHIFT, F_GREEN_SHIFT, F_BLUE_SHIFT, F_TYPES, F_RESULT,
	F_COUNT,
};

static const struct cc_field rfb_fields[F_COUNT] = {
	[F_SERVER_MAJOR] = {NULL, "server_protocol_version.major", CC_BYTES, CC_RESPONSE,
	    "The server's version, \"003\"."},
	[F_SERVER_MINOR] = {NULL, "server_protocol_version.minor", CC_BYTES, CC_RESPONSE,
	    "The server's version, \"008\"."},
	[F_CLIENT_MAJOR] = {NULL, "client_protocol_version.major", CC_BYTES, CC_REQUEST,
	    "The client's version, \"003\"."},
	[F_CLIENT_MINOR] = {NULL, "client_protocol_version.minor", CC_BYTES, CC_REQUEST,
	    "The client's version, \"008\"."},
	[F_SECTYPE] = {"rfb.sectype", "authentication.security_type", CC_UINT, CC_REQUEST,
	    "Security that the client chose: 1 none, 2 VNC, 18 TLS, 19 VeNCrypt."},
	[F_CHALLENGE] = {NULL, "authentication.vnc.challenge", CC_BYTES, CC_RESPONSE | CC_HEX,
	    "VNC: what the client has to encrypt."},
	[F_RESPONSE] = {NULL, "authentication.vnc.response", CC_BYTES, CC_REQUEST | CC_HEX,
	    "VNC: the client's answer."},
	[F_RESULT_TEXT] = {NULL, "authentication.security_result", CC_BYTES, CC_RESPONSE,
	    "\"OK\", \"FAIL\", \"TOOMANY\"."},
	[F_REASON] = {NULL, "server_security_failure_reason", CC_BYTES, CC_RESPONSE, "Why the server refuses."},
	[F_SHARED] = {NULL, "screen_shared", CC_FLAG, CC_REQUEST, "The client shares the desktop with others."},
	[F_WIDTH] = {NULL, "framebuffer.width", CC_UINT, CC_RESPONSE, "Width of the desktop."},
	[F_HEIGHT] = {NULL, "framebuffer.height", CC_UINT, CC_RESPONSE, "Height of the desktop."},
	[F_NAME] = {"rfb.name", "framebuffer.name", CC_BYTES, CC_RESPONSE, "Name of the desktop."},
	[F_BITS] = {NULL, "framebuffer.pixel_format.bits_per_pixel", CC_UINT, CC_RESPONSE, "Bits of a pixel."},
	[F_DEPTH] = {NULL, "framebuffer.pixel_format.depth", CC_UINT, CC_RESPONSE, "Bits of those that count."},
	[F_BIG] = {NULL, "framebuffer.pixel_format.big_endian", CC_FLAG, CC_RESPONSE, "Order of a pixel's bytes."},
	[F_TRUE] = {NULL, "framebuffer.pixel_format.true_color", CC_FLAG, CC_RESPONSE, "Pixels hold colours."},
	[F_RED_MAX] = {NULL, "framebuffer.pixel_format.red_max", CC_UINT, CC_RESPONSE, "Greatest red."},
	[F_GREEN_MAX] = {NULL, "framebuffer.pixel_format.green_max", CC_UINT, CC_RESPONSE, "Greatest green."},
	[F_BLUE_MAX] = {NULL, "framebuffer.pixel_format.blue_max", CC_UINT, CC_RESPONSE, "Greatest blue."},
	[F_RED_SHIFT] = {NULL, "framebuffer.pixel_format.red_shift", CC_UINT, CC_RESPONSE, "Place of red."},
	[F_GREEN_SHIFT] = {NULL, "framebuffer.pixel_format.green_shift", CC_UINT, CC_RESPONSE, "Place of green."},
	[F_BLUE_SHIFT] = {NULL, "framebuffer.pixel_format.blue_shift", CC_UINT, CC_RESPONSE, "Place of blue."},
	[F_TYPES] = {NULL, "concert.security_types", CC_UINT, CC_RESPONSE | CC_MULTI,
	    "Security that the server offers."},
	[F_RESULT] = {"rfb.secresult", NULL, CC_UINT, CC_RESPONSE, "What became of the authentication."},
};

static const struct cc_word result_words[] = {{"ok", 0}, {"fail", 1}, {"toomany", 2}, {"unknown", 3}};
static const struct cc_words rfb_words[] = {{F_RESULT, CC_ONE_OF, result_words, 4}};

enum { A_MALFORMED, A_UNIMPLEMENTED, A_UNKNOWN_RESULT, A_CONFUSED, A_NO_AUTHENTICATION, A_WEAK, A_COUNT };

static const struct cc_anomaly rfb_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_message", "A message isn't what its turn demands."},
    [A_UNIMPLEMENTED] = {"unimplemented_security_type", "A security type whose messages aren't read."},
    [A_UNKNOWN_RESULT] = {"unknown_security_result", "The result of the authentication is none."},
    [A_CONFUSED] = {"confused_state", "A side speaks out of turn."},
    [A_NO_AUTHENTICATION] = {"no_authentication", "A desktop was opened without any authentication."},
    [A_WEAK] = {"weak_authentication",
	"A password of VNC: eight letters at most, an answer of DES that can be tried at leisure, nothing encrypted."},
};

static const struct cc_frame_kind rfb_frames[] = {{"pdu", "A message, up to the session's start."}};

/* Whose turn it is, and for what. */
enum step {
	S_SERVER_BANNER, S_CLIENT_BANNER, S_TYPES, S_CHOICE, S_CHALLENGE, S_RESPONSE, S_RESULT, S_REASON, S_SHARED,
	S_INIT, S_VEN_SERVER, S_VEN_CLIENT, S_VEN_TYPES, S_VEN_CHOICE, S_VEN_OK, S_OVER,
};

struct rfb_state {
	struct cc_tx *tx;
	uint8_t step;
	uint8_t minor;      /* 3, 7 or 8: the lower of both sides' */
	uint8_t type;
	bool ven_tls;       /* VeNCrypt: what was chosen is TLS */
};

static enum cc_dir
turn_of(unsigned step)
{
	switch (step) {
	case S_CLIENT_BANNER:
	case S_CHOICE:
	case S_RESPONSE:
	case S_SHARED:
	case S_VEN_CLIENT:
	case S_VEN_CHOICE:
		return CC_TO_SERVER;
	default:
		return CC_TO_CLIENT;
	}
}

static bool
is_digits(struct slice s)
{
	for (size_t i = 0; i < s.size; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static enum cc_status
rfb_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	static const char magic[] = "RFB 00";
	size_t size = in.size < 6 ? in.size : 6;

	(void)ctx;
	(void)dir;
	if (size > 0 && memcmp(in.p, magic, size) != 0)
		return CC_BAD;
	if (in.size < BANNER_SIZE)
		return CC_MORE;
	return is_digits(slice_of(in.p + 4, 3)) && in.p[7] == '.' && is_digits(slice_of(in.p + 8, 3)) &&
		       in.p[11] == '\n'
		   ? CC_OK
		   : CC_BAD;
}

static void
tell(struct cc_ctx *ctx, struct rfb_state *state)
{
	struct cc_tx *tx = state->tx;

	state->step = S_OVER;
	state->tx = NULL;
	cc_tx_done(ctx, tx);
	cc_enough(ctx, CC_TO_SERVER);
	cc_enough(ctx, CC_TO_CLIENT);
}

static void
fail(struct cc_ctx *ctx, struct rfb_state *state, unsigned anomaly)
{
	cc_anomaly(ctx, state->tx, anomaly);
	tell(ctx, state);
}

/* 3.5 was never; what is neither 3.7 nor 3.8 is spoken to as 3.3 (RFC 6143, 7.1.1), Apple's 3.889 as 3.8. */
static uint8_t
minor_of(struct slice digits)
{
	unsigned minor = (digits.p[0] - 48u) * 100 + (digits.p[1] - 48u) * 10 + (digits.p[2] - 48u);

	return minor >= 8 ? 8 : minor == 7 ? 7 : 3;
}

static void
banner(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	bool server = state->step == S_SERVER_BANNER;
	struct slice line = cur_take(c, BANNER_SIZE), minor;

	if (c->bad)
		return;
	if (rfb_probe(ctx, CC_TO_CLIENT, line) != CC_OK) {
		fail(ctx, state, A_MALFORMED);
		return;
	}
	minor = slice_of(line.p + 8, 3);
	cc_put(ctx, state->tx, server ? F_SERVER_MAJOR : F_CLIENT_MAJOR, slice_of(line.p + 4, 3));
	cc_put(ctx, state->tx, server ? F_SERVER_MINOR : F_CLIENT_MINOR, minor);
	if (server || minor_of(minor) < state->minor)
		state->minor = minor_of(minor);
	state->step = server ? S_CLIENT_BANNER : S_TYPES;
}

static void
begin_type(struct cc_ctx *ctx, struct rfb_state *state, unsigned type)
{
	state->type = (uint8_t)type;
	cc_put_uint(ctx, state->tx, F_SECTYPE, type);
	cc_tx_update(ctx, state->tx, CC_TO_SERVER);
	switch (type) {
	case TYPE_NONE:
		state->step = state->minor == 8 ? S_RESULT : S_SHARED;
		break;
	case TYPE_VNC:
		cc_anomaly(ctx, state->tx, A_WEAK);
		state->step = S_CHALLENGE;
		break;
	case TYPE_VENCRYPT:
		state->step = S_VEN_SERVER;
		break;
	case TYPE_TLS:
		tell(ctx, state);
		cc_switch_to(ctx, "tls");
		break;
	default:
		fail(ctx, state, A_UNIMPLEMENTED);
		break;
	}
}

static void
types(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	struct slice list;

	if (state->minor == 3) {
		uint32_t type = cur_u32(c);

		if (c->bad)
			return;
		if (type == 0)
			state->step = S_REASON;
		else if (type > 255)
			fail(ctx, state, A_MALFORMED);
		else
			begin_type(ctx, state, type);
		return;
	}
	list = cur_take(c, cur_u8(c));
	if (c->bad)
		return;
	for (size_t i = 0; i < list.size && i < TYPES_MAX; i++)
		cc_put_uint(ctx, state->tx, F_TYPES, list.p[i]);
	state->step = list.size > 0 ? S_CHOICE : S_REASON;
}

static void
result(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	static const char *const text[] = {"OK", "FAIL", "TOOMANY", "UNKNOWN"};
	uint32_t value = cur_u32(c);

	if (c->bad)
		return;
	if (value > 2) {
		cc_anomaly(ctx, state->tx, A_UNKNOWN_RESULT);
		value = 3;
	}
	cc_put_uint(ctx, state->tx, F_RESULT, value);
	cc_put_text(ctx, state->tx, F_RESULT_TEXT, text[value]);
	cc_tx_update(ctx, state->tx, CC_TO_CLIENT);
	if (value == 0)
		state->step = S_SHARED;
	else if (state->minor == 8)
		state->step = S_REASON;
	else
		tell(ctx, state);
}

static void
reason(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	uint32_t size = cur_u32(c);
	struct slice text;

	if (!c->bad && size > REASON_MAX) {
		fail(ctx, state, A_MALFORMED);
		return;
	}
	text = cur_take(c, size);
	if (c->bad)
		return;
	cc_put(ctx, state->tx, F_REASON, text);
	tell(ctx, state);
}

/* width 2, height 2 | pixel format: bits 1, depth 1, big 1, true 1, maxima 2 each, shifts 1 each, padding 3 | size 4,
 * name */
static void
init(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	static const uint8_t field[] = {F_BITS, F_DEPTH, F_BIG, F_TRUE, F_RED_MAX, F_GREEN_MAX, F_BLUE_MAX, F_RED_SHIFT,
	    F_GREEN_SHIFT, F_BLUE_SHIFT};
	uint16_t width = cur_u16(c), height = cur_u16(c), value[10];
	uint64_t most = cc_limit(ctx, "rfb.name_limit");
	uint32_t size;
	struct slice name;

	for (unsigned i = 0; i < 10; i++)
		value[i] = i >= 4 && i < 7 ? cur_u16(c) : cur_u8(c);
	cur_skip(c, 3);
	size = cur_u32(c);
	name = cur_take(c, size < most ? size : (size_t)most); /* of a longer one the beginning is enough */
	if (c->bad)
		return;
	cc_put_uint(ctx, state->tx, F_WIDTH, width);
	cc_put_uint(ctx, state->tx, F_HEIGHT, height);
	cc_put(ctx, state->tx, F_NAME, name);
	for (unsigned i = 0; i < 10; i++)
		cc_put_uint(ctx, state->tx, field[i], i == 2 || i == 3 ? value[i] != 0 : value[i]);
	if (state->type == TYPE_NONE)
		cc_anomaly(ctx, state->tx, A_NO_AUTHENTICATION);
	tell(ctx, state);
}

/* VeNCrypt: versions, subtypes, the client's choice, then TLS, or plain text that nobody should use. */
static void
vencrypt(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	uint32_t value;

	switch (state->step) {
	case S_VEN_SERVER:
	case S_VEN_CLIENT:
		cur_skip(c, 2);
		state->step = (uint8_t)(state->step + !c->bad);
		break;
	case S_VEN_TYPES:
		value = cur_u8(c);
		cur_skip(c, (size_t)cur_u8(c) * 4);
		if (!c->bad && value != 0)
			fail(ctx, state, A_MALFORMED);
		else
			state->step = (uint8_t)(state->step + !c->bad);
		break;
	case S_VEN_CHOICE:
		value = cur_u32(c);
		state->ven_tls = value >= 257 && value <= 264;
		state->step = (uint8_t)(state->step + !c->bad);
		break;
	default:
		value = state->ven_tls ? cur_u8(c) : 0;
		if (c->bad)
			break;
		if (!state->ven_tls || value != 1) {
			fail(ctx, state, A_UNIMPLEMENTED);
			break;
		}
		tell(ctx, state);
		cc_switch_to(ctx, "tls");
		break;
	}
}

/* One message of the side whose turn it is; *c is bad when it isn't all here. */
static void
step(struct cc_ctx *ctx, struct rfb_state *state, struct cur *c)
{
	struct slice bytes;

	switch (state->step) {
	case S_SERVER_BANNER:
	case S_CLIENT_BANNER:
		banner(ctx, state, c);
		break;
	case S_TYPES:
		types(ctx, state, c);
		break;
	case S_CHOICE: {
		uint8_t type = cur_u8(c);

		if (!c->bad)
			begin_type(ctx, state, type);
		break;
	}
	case S_CHALLENGE:
	case S_RESPONSE:
		bytes = cur_take(c, 16);
		if (c->bad)
			break;
		cc_put(ctx, state->tx, state->step == S_CHALLENGE ? F_CHALLENGE : F_RESPONSE, bytes);
		state->step++;
		break;
	case S_RESULT:
		result(ctx, state, c);
		break;
	case S_REASON:
		reason(ctx, state, c);
		break;
	case S_SHARED: {
		uint8_t shared = cur_u8(c);

		if (c->bad)
			break;
		cc_put_uint(ctx, state->tx, F_SHARED, shared != 0);
		state->step = S_INIT;
		break;
	}
	case S_INIT:
		init(ctx, state, c);
		break;
	default:
		vencrypt(ctx, state, c);
		break;
	}
}

static enum cc_status
rfb_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct rfb_state *state = own;

	while (state->step != S_OVER && cur_left(in) > 0) {
		struct cur c = *in;

		if (state->tx == NULL)
			state->tx = cc_tx_new(ctx);
		if (turn_of(state->step) != dir) {
			if (cur_left(in) <= WAIT_MAX)
				return CC_MORE;
			fail(ctx, state, A_CONFUSED);
			break;
		}
		step(ctx, state, &c);
		if (c.bad && state->step != S_OVER)
			return CC_MORE;
		if (!c.bad)
			cc_frame(ctx, state->tx, dir, 0, in->p, (uint64_t)(c.p - in->p));
		*in = c;
		if (state->step == S_OVER && !c.bad && (state->type == TYPE_TLS || state->ven_tls))
			return CC_OK; /* what is left is TLS */
	}
	if (state->step == S_OVER)
		cur_skip(in, cur_left(in));
	return CC_OK;
}

static enum cc_status
rfb_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct rfb_state *state = own;

	(void)dir;
	(void)size;
	if (state->step != S_OVER)
		tell(ctx, state);
	return CC_OK;
}

const struct cc_parser rfb_parser = {
	.name = "rfb",
	.ports = "tcp/5900 tcp/5901 tcp/5902",
	.fields = rfb_fields,
	.field_count = F_COUNT,
	.anomalies = rfb_anomalies,
	.anomaly_count = A_COUNT,
	.words = rfb_words,
	.words_count = 1,
	.frames = rfb_frames,
	.frame_count = 1,
	.state_size = sizeof(struct rfb_state),
	.unit_max = 65536 + 64,
	.tcp = true,
	.server_first = true,
	.probe = rfb_probe,
	.feed = rfb_feed,
	.gap = rfb_gap,
};
