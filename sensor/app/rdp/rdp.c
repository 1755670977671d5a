/*
 * RDP up to where it is encrypted (MS-RDPBCGR, 1.3.1.1): negotiation and the client's core data; a transaction for each
 * message.
 *
 *     TPKT: 3, 0, size 2 | X.224: size 1, code 1 (e0 request, d0 confirm, f0 data) …
 *     e0: "Cookie: mstshash=name" CR LF | 1, flags 1, 8 0, protocols 4 d0: 2 (3: refused), flags 1, 8 0, protocol 4
 *     f0 80: MCS Connect-Initial (7f65, BER) with GCC's blocks: type 2, size 2, … little endian
 *
 * When TLS is agreed on the flow is handed over, so that its hello is read by the parser for TLS. One thread, a
 * worker's.
 */
#include "base/base.h"
#include "base/ber.h"
#include "concert/parser.h"

#include <stdio.h>

#define TPKT_SIZE 4
#define CHANNELS_MAX 31     /* MS-RDPBCGR, 2.2.1.3.4 */
#define COOKIE_MAX 256
#define TOKEN "Cookie: "

enum { CODE_REQUEST = 0xe0, CODE_CONFIRM = 0xd0, CODE_DATA = 0xf0 };

enum {
	F_TX_ID, F_EVENT, F_COOKIE, F_VERSION, F_WIDTH, F_HEIGHT, F_DEPTH, F_LAYOUT, F_BUILD, F_NAME, F_KEYBOARD,
	F_KEYS, F_PRODUCT, F_CAPABILITIES, F_ID, F_CHANNELS, F_REQUESTED, F_SELECTED, F_BUILD_NUMBER,
	F_COUNT,
};

static const struct cc_field rdp_fields[F_COUNT] = {
	[F_TX_ID] = {NULL, "tx_id", CC_UINT, CC_REQUEST, "Number of the message in its flow."},
	[F_EVENT] = {NULL, "event_type", CC_BYTES, CC_REQUEST,
	    "\"initial_request\", \"connect_request\", and the answers."},
	[F_COOKIE] = {"rdp.cookie", "cookie", CC_BYTES, CC_REQUEST, "Name that the client gives, mostly the user's."},
	[F_VERSION] = {NULL, "client.version", CC_BYTES, CC_REQUEST, "The client's version, \"v5\"."},
	[F_WIDTH] = {NULL, "client.desktop_width", CC_UINT, CC_REQUEST, "Width that the client wants."},
	[F_HEIGHT] = {NULL, "client.desktop_height", CC_UINT, CC_REQUEST, "Height that the client wants."},
	[F_DEPTH] = {NULL, "client.color_depth", CC_UINT, CC_REQUEST, "Bits of a pixel."},
	[F_LAYOUT] = {NULL, "client.keyboard_layout", CC_BYTES, CC_REQUEST,
	    "The client's keyboard, a language or its number."},
	[F_BUILD] = {NULL, "client.build", CC_BYTES, CC_REQUEST, "The client's system, by its build."},
	[F_NAME] = {"rdp.client_name", "client.client_name", CC_BYTES, CC_REQUEST, "The client's computer."},
	[F_KEYBOARD] = {NULL, "client.keyboard_type", CC_BYTES, CC_REQUEST, "Kind of its keyboard."},
	[F_KEYS] = {NULL, "client.function_keys", CC_UINT, CC_REQUEST, "Its function keys."},
	[F_PRODUCT] = {NULL, "client.product_id", CC_UINT, CC_REQUEST, "Number of the client's product."},
	[F_CAPABILITIES] = {NULL, "client.capabilities", CC_BYTES, CC_REQUEST | CC_MULTI, "What the client can do."},
	[F_ID] = {NULL, "client.id", CC_BYTES, CC_REQUEST, "The client's product id."},
	[F_CHANNELS] = {NULL, "channels", CC_BYTES, CC_REQUEST | CC_MULTI, "Channels that the client asks for."},
	[F_REQUESTED] = {NULL, "concert.requested_protocols", CC_UINT, CC_REQUEST,
	    "Security that the client offers, as bits."},
	[F_SELECTED] = {NULL, "concert.selected_protocol", CC_UINT, CC_REQUEST,
	    "Security that the server chose; 0: RDP's own."},
	[F_BUILD_NUMBER] = {NULL, "concert.build", CC_UINT, CC_REQUEST, "Number of the client's build."},
};

enum { A_MALFORMED, A_STANDARD_SECURITY, A_REFUSED, A_COUNT };

static const struct cc_anomaly rdp_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed_data", "A message isn't as its kind demands."},
	[A_STANDARD_SECURITY] = {"standard_security", "No TLS: RDP's own encryption, which can be broken, or none."},
	[A_REFUSED] = {"negotiation_failed", "The server refuses what the client offers."},
};

struct rdp_state {
	bool over[2];
};

/* A packet; the payload borrows.  CC_BAD: it is none. */
static enum cc_status
next_packet(struct cur *in, uint8_t *ret_code, struct slice *ret_rest)
{
	struct cur c = *in, x224;
	uint8_t version = cur_u8(&c), reserved = cur_u8(&c);
	uint16_t size = cur_u16(&c);
	struct cur body;

	if (cur_left(in) > 0 && (version != 3 || reserved != 0))
		return CC_BAD;
	if (c.bad)
		return CC_MORE;
	if (size < TPKT_SIZE + 3)
		return CC_BAD;
	body = cur_sub(&c, size - TPKT_SIZE);
	if (c.bad)
		return CC_MORE;
	x224 = cur_sub(&body, cur_u8(&body));
	*ret_code = cur_u8(&x224);
	if (body.bad || x224.bad)
		return CC_BAD;
	if (*ret_code != CODE_DATA)
		cur_skip(&x224, 5);
	*ret_rest = *ret_code == CODE_DATA ? cur_rest(&body) : cur_rest(&x224);
	*in = c;
	return x224.bad ? CC_BAD : CC_OK;
}

/* A connection request or its confirmation, whole: TPKT's size, X.224's and the class have to agree. */
static enum cc_status
rdp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t code = dir == CC_TO_SERVER ? CODE_REQUEST : CODE_CONFIRM;
	uint16_t size;

	(void)ctx;
	if ((in.size > 0 && in.p[0] != 3) || (in.size > 1 && in.p[1] != 0) || (in.size > 5 && in.p[5] != code))
		return CC_BAD;
	cur_skip(&c, 2);
	size = cur_u16(&c);
	if (in.size >= 4 && (size < 11 || size > 512))
		return CC_BAD;
	if (in.size < 11)
		return CC_MORE;
	if (in.p[4] != size - 5 || in.p[10] != 0)
		return CC_BAD;
	if (size == 11) /* ISO transport of others begins so, too */
		return cc_server_port(ctx) == 3389 || cc_other_known(ctx) ? CC_OK : CC_BAD;
	if (in.size < 13)
		return CC_MORE;
	if (in.p[11] == 'C') {
		size_t here = in.size - 11 < sizeof(TOKEN) - 1 ? in.size - 11 : sizeof(TOKEN) - 1;

		return memcmp(in.p + 11, TOKEN, here) != 0 ? CC_BAD : here < sizeof(TOKEN) - 1 ? CC_MORE : CC_OK;
	}
	if (in.size < 15)
		return CC_MORE;
	return in.p[11] >= 1 && in.p[11] <= 3 && in.p[13] == 8 && in.p[14] == 0 ? CC_OK : CC_BAD;
}

static struct cc_tx *
open_tx(struct cc_ctx *ctx, const char *event)
{
	struct cc_tx *tx = cc_tx_new(ctx);

	if (tx == NULL)
		return NULL;
	cc_put_uint(ctx, tx, F_TX_ID, tx->id + 1);
	cc_put_text(ctx, tx, F_EVENT, event);
	return tx;
}

static void
request(struct cc_ctx *ctx, struct slice rest)
{
	static const char hash[] = "mstshash=";
	struct cc_tx *tx = open_tx(ctx, "initial_request");
	const uint8_t *end = rest.size > 0 ? memmem(rest.p, rest.size, "\r\n", 2) : NULL;
	struct cur c = cur_slice(rest);

	if (end != NULL) {
		struct slice line = cur_take(&c, (size_t)(end - rest.p)), name = line;

		cur_skip(&c, 2);
		if (line.size >= sizeof(TOKEN) - 1 && memcmp(line.p, TOKEN, sizeof(TOKEN) - 1) == 0)
			name = slice_of(line.p + sizeof(TOKEN) - 1, line.size - (sizeof(TOKEN) - 1));
		if (name.size >= sizeof(hash) - 1 && memcmp(name.p, hash, sizeof(hash) - 1) == 0)
			name = slice_of(name.p + sizeof(hash) - 1, name.size - (sizeof(hash) - 1));
		cc_put(ctx, tx, F_COOKIE, slice_of(name.p, name.size < COOKIE_MAX ? name.size : COOKIE_MAX));
	}
	if (cur_u8(&c) == 1) {
		cur_skip(&c, 3);
		cc_put_uint(ctx, tx, F_REQUESTED, cur_u32le(&c));
	}
	cc_tx_done(ctx, tx);
}

/* True: what follows on both sides is TLS. */
static bool
confirm(struct cc_ctx *ctx, struct slice rest)
{
	struct cc_tx *tx = open_tx(ctx, "initial_response");
	struct cur c = cur_slice(rest);
	uint8_t type = cur_u8(&c);
	uint32_t value;

	cur_skip(&c, 3);
	value = cur_u32le(&c);
	if (c.bad)
		type = 0, value = 0; /* an old server answers nothing */
	if (type == 3)
		cc_anomaly(ctx, tx, A_REFUSED);
	else
		cc_put_uint(ctx, tx, F_SELECTED, value);
	if (type != 3 && value == 0)
		cc_anomaly(ctx, tx, A_STANDARD_SECURITY);
	cc_tx_done(ctx, tx);
	return type == 2 && value != 0;
}

/* UTF-16 up to its NUL; what isn't in the basic plane becomes a question mark. */
static void
put_wide(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice wide)
{
	struct cur c = cur_slice(wide);
	char text[3 * 32 + 1];
	struct buf out;
	uint16_t unit;

	buf_over(&out, text, sizeof(text));
	while (cur_left(&c) >= 2 && (unit = cur_u16le(&c)) != 0) {
		if (unit < 0x80) {
			buf_add_u8(&out, (uint8_t)unit);
		} else if (unit < 0x800) {
			buf_add_u8(&out, (uint8_t)(0xc0 | unit >> 6));
			buf_add_u8(&out, (uint8_t)(0x80 | (unit & 0x3f)));
		} else if (unit >> 11 == 0x1b) {
			buf_add_u8(&out, '?');
		} else {
			buf_add_u8(&out, (uint8_t)(0xe0 | unit >> 12));
			buf_add_u8(&out, (uint8_t)(0x80 | (unit >> 6 & 0x3f)));
			buf_add_u8(&out, (uint8_t)(0x80 | (unit & 0x3f)));
		}
	}
	if (out.size > 0)
		cc_put(ctx, tx, field, buf_slice(&out));
}

struct word {
	uint32_t value;
	const char *text;
};

/* The word for a value; none: its number in hex. */
static void
put_word(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, const struct word *words, uint32_t value)
{
	char text[16];

	while (words->text != NULL && words->value != value)
		words++;
	snprintf(text, sizeof(text), "0x%x", value);
	cc_put_text(ctx, tx, field, words->text != NULL ? words->text : text);
}

static const struct word versions[] = {{0x80001, "v4"}, {0x80004, "v5"}, {0x80005, "v10.0"}, {0x80006, "v10.1"},
    {0x80007, "v10.2"}, {0x80008, "v10.3"}, {0x80009, "v10.4"}, {0x8000a, "v10.5"}, {0x8000b, "v10.6"},
    {0x8000c, "v10.7"}, {0, NULL}};
static const struct word layouts[] = {{0x407, "de-DE"}, {0x409, "en-US"}, {0x809, "en-GB"}, {0x40a, "es-ES"},
    {0x40c, "fr-FR"}, {0x410, "it-IT"}, {0x411, "ja-JP"}, {0x412, "ko-KR"}, {0x413, "nl-NL"}, {0x415, "pl-PL"},
    {0x416, "pt-BR"}, {0x419, "ru-RU"}, {0x41f, "tr-TR"}, {0x422, "uk-UA"}, {0x429, "fa-IR"}, {0x804, "zh-CN"},
    {0x404, "zh-TW"}, {0x401, "ar-SA"}, {0x40d, "he-IL"}, {0, NULL}};
static const struct word builds[] = {{2195, "Windows 2000"}, {2600, "Windows XP"}, {3790, "Windows Server 2003"},
    {6000, "Windows Vista"}, {6001, "Windows Vista SP1"}, {6002, "Windows Vista SP2"}, {7600, "Windows 7"},
    {7601, "Windows 7 SP1"}, {9200, "Windows 8"}, {9600, "Windows 8.1"}, {10240, "Windows 10"}, {22000, "Windows 11"},
    {0, NULL}};
static const struct word keyboards[] = {{1, "xt"}, {2, "ico"}, {3, "at"}, {4, "enhanced"}, {5, "1050"}, {6, "9140"},
    {7, "jp"}, {0, NULL}};
static const struct word capabilities[] = {{1, "support_errinfo_pdf"}, {2, "want_32bpp_session"},
    {4, "support_statusinfo_pdu"}, {8, "strong_asymmetric_keys"}, {0x20, "valid_connection_type"},
    {0x40, "support_monitor_layout_pdu"}, {0x80, "support_netchar_autodetect"}, {0x100, "support_dynvc_gfx_protocol"},
    {0x200, "support_dynamic_time_zone"}, {0x400, "support_heartbeat_pdu"}, {0, NULL}};

/* CS_CORE (MS-RDPBCGR, 2.2.1.3.2); from the 16-bit depths on all may be missing. */
static void
core_data(struct cc_ctx *ctx, struct cc_tx *tx, struct cur c)
{
	uint32_t version = cur_u32le(&c), layout, build, keyboard, keys, flags;
	uint16_t width = cur_u16le(&c), height = cur_u16le(&c), product, depth;
	struct slice name;

	cur_skip(&c, 4);
	layout = cur_u32le(&c);
	build = cur_u32le(&c);
	name = cur_take(&c, 32);
	keyboard = cur_u32le(&c);
	cur_skip(&c, 4);
	keys = cur_u32le(&c);
	if (c.bad) {
		cc_anomaly(ctx, tx, A_MALFORMED);
		return;
	}
	put_word(ctx, tx, F_VERSION, versions, version);
	cc_put_uint(ctx, tx, F_WIDTH, width);
	cc_put_uint(ctx, tx, F_HEIGHT, height);
	put_word(ctx, tx, F_LAYOUT, layouts, layout);
	put_word(ctx, tx, F_BUILD, builds, build);
	cc_put_uint(ctx, tx, F_BUILD_NUMBER, build);
	put_wide(ctx, tx, F_NAME, name);
	put_word(ctx, tx, F_KEYBOARD, keyboards, keyboard);
	cc_put_uint(ctx, tx, F_KEYS, keys);
	cur_skip(&c, 64 + 2);
	product = cur_u16le(&c);
	cur_skip(&c, 4);
	depth = cur_u16le(&c);
	cur_skip(&c, 2);
	flags = cur_u16le(&c);
	if (c.bad)
		return;
	cc_put_uint(ctx, tx, F_PRODUCT, product);
	cc_put_uint(ctx, tx, F_DEPTH, depth);
	for (const struct word *word = capabilities; word->text != NULL; word++)
		if ((flags & word->value) != 0)
			cc_put_text(ctx, tx, F_CAPABILITIES, word->text);
	put_wide(ctx, tx, F_ID, cur_take(&c, 64));
}

static void
network_data(struct cc_ctx *ctx, struct cc_tx *tx, struct cur c)
{
	uint32_t count = cur_u32le(&c);

	for (uint32_t i = 0; i < count && i < CHANNELS_MAX; i++) {
		struct slice name = cur_take(&c, 8);
		const uint8_t *end;

		cur_skip(&c, 4);
		if (c.bad)
			return;
		end = memchr(name.p, 0, name.size);
		cc_put(ctx, tx, F_CHANNELS, slice_of(name.p, end != NULL ? (size_t)(end - name.p) : name.size));
	}
}

/* A length of the packed encoding: one byte, or two with the high bit set. */
static size_t
per_length(struct cur *c)
{
	uint8_t first = cur_u8(c);

	return (first & 0x80) != 0 ? (size_t)(first & 0x7f) << 8 | cur_u8(c) : first;
}

/* Connect-Initial: tag, size, two selectors, a flag, three sets of parameters, then GCC's request with the blocks. */
static bool
connect_blocks(struct cur *c, struct cur *ret_blocks)
{
	uint8_t size, tag;
	struct cur user;

	cur_skip(c, 2);
	size = cur_u8(c);
	if ((size & 0x80) != 0)
		cur_skip(c, size & 0x7f);
	for (unsigned i = 0; i < 6; i++)
		(void)ber_any(c, &tag);
	user = cur_slice(ber_take(c, BER_OCTET_STRING));
	cur_skip(&user, 7);
	(void)per_length(&user);
	cur_skip(&user, 8);
	if (c->bad || !slice_is(cur_take(&user, 4), "Duca"))
		return false;
	(void)per_length(&user);
	*ret_blocks = user;
	return !user.bad;
}

static void
data(struct cc_ctx *ctx, struct rdp_state *state, enum cc_dir dir, struct slice rest)
{
	struct cur c = cur_slice(rest), blocks;
	bool client = dir == CC_TO_SERVER;
	struct cc_tx *tx;

	state->over[dir] = true; /* what follows are channels */
	if (rest.size < 2 || rest.p[0] != 0x7f || rest.p[1] != (client ? 0x65 : 0x66))
		return;
	tx = open_tx(ctx, client ? "connect_request" : "connect_response");
	if (client && !connect_blocks(&c, &blocks)) {
		cc_anomaly(ctx, tx, A_MALFORMED);
		client = false;
	}
	while (client && cur_left(&blocks) >= 4) {
		uint16_t type = cur_u16le(&blocks), size = cur_u16le(&blocks);
		struct cur block = cur_sub(&blocks, size >= 4 ? size - 4u : 0);

		if (blocks.bad || size < 4)
			break;
		if (type == 0xc001)
			core_data(ctx, tx, block);
		if (type == 0xc003)
			network_data(ctx, tx, block);
	}
	cc_tx_done(ctx, tx);
}

static enum cc_status
rdp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct rdp_state *state = own;
	struct slice rest;
	uint8_t code;

	while (!state->over[dir] && cur_left(in) > 0) {
		enum cc_status st;

		if (*in->p == 0x16) { /* the answer wasn't seen, but TLS it was */
			cc_switch(ctx);
			return CC_OK;
		}
		st = next_packet(in, &code, &rest);
		if (st == CC_MORE)
			return CC_MORE;
		if (st == CC_BAD) {
			cc_anomaly(ctx, NULL, A_MALFORMED);
			state->over[dir] = true;
			break;
		}
		if (code == CODE_REQUEST)
			request(ctx, rest);
		else if (code == CODE_CONFIRM && confirm(ctx, rest)) {
			cc_switch_to(ctx, "tls");
			return CC_OK;
		} else if (code == CODE_DATA) {
			data(ctx, state, dir, rest);
		}
	}
	if (state->over[dir]) {
		cur_skip(in, cur_left(in));
		cc_enough(ctx, dir);
	}
	return CC_OK;
}

static enum cc_status
rdp_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct rdp_state *state = own;

	(void)size;
	state->over[dir] = true;
	cc_enough(ctx, dir);
	return CC_OK;
}

const struct cc_parser rdp_parser = {
	.name = "rdp",
	.ports = "tcp/3389",
	.fields = rdp_fields,
	.field_count = F_COUNT,
	.anomalies = rdp_anomalies,
	.anomaly_count = A_COUNT,
	.state_size = sizeof(struct rdp_state),
	.unit_max = 65536 + 64,
	.tcp = true,
	.one_way = true,
	.by_message = true,
	.probe = rdp_probe,
	.feed = rdp_feed,
	.gap = rdp_gap,
};
