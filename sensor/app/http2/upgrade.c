/*
 * What HTTP/1 hands over with a connection that goes on as HTTP/2 (RFC 7540, 3.2): the request becomes stream 1, whose
 * client has said all; HTTP2-Settings are the client's first settings.
 *
 * The note: "METHOD URI" CR LF, then the request's headers as "name: value" CR LF.
 */
#include "app/http2/own.h"

/* Base64 without padding, in the alphabet for URLs (RFC 4648, 5).  false: it isn't. */
static bool
base64_url(struct slice text, uint8_t *out, size_t room, size_t *ret_size)
{
	uint32_t bits = 0;
	size_t size = 0, n = 0;

	while (text.size > 0 && text.p[text.size - 1] == '=')
		text.size--;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.p[i];
		unsigned v = c >= 'A' && c <= 'Z' ? c - 65u : c >= 'a' && c <= 'z' ? c - 71u :
		    c >= '0' && c <= '9' ? c + 4u : c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : 64;

		if (v == 64)
			return false;
		bits = bits << 6 | v;
		if (++n % 4 == 1)
			continue;
		if (size == room)
			return false;
		out[size++] = (uint8_t)(bits >> (6 - 2 * ((n - 1) % 4)));
	}
	*ret_size = size;
	return n % 4 != 1;
}

static void
take_settings(struct cc_ctx *ctx, struct http2 *http2, struct slice text)
{
	struct http2_frame frame = {.type = T_SETTINGS};
	uint8_t body[384];
	size_t size;

	if (!base64_url(text, body, sizeof(body), &size) || size % 6 != 0) {
		http2_odd(ctx, NULL, A_HTTP1_SETTINGS);
		return;
	}
	frame.length = (uint32_t)size;
	http2_frame_take(ctx, http2, CC_TO_SERVER, &frame, slice_of(body, size));
}

static struct slice
line_take(struct slice *rest)
{
	const uint8_t *lf = rest->size > 0 ? memchr(rest->p, '\n', rest->size) : NULL;
	struct slice line = slice_of(rest->p, lf != NULL ? (size_t)(lf - rest->p) : rest->size);

	*rest = http_drop(*rest, line.size + 1);
	return http_trim(line);
}

static bool
header_split(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
	const uint8_t *colon = line.size > 0 ? memchr(line.p, ':', line.size) : NULL;

	if (colon == NULL)
		return false;
	*ret_name = slice_of(line.p, (size_t)(colon - line.p));
	*ret_value = http_trim(http_drop(line, ret_name->size + 1));
	return true;
}

void
http2_upgrade(struct cc_ctx *ctx, struct http2 *http2, struct slice note)
{
	struct slice line = line_take(&note), rest, settings = {NULL, 0}, name, value;
	const uint8_t *space = line.size > 0 ? memchr(line.p, ' ', line.size) : NULL;
	struct http2_block block = {.stream = 1};
	struct http2_stream *stream;

	if (space == NULL)
		return;
	http2_block_add(ctx, &block, slice_str(":method"), slice_of(line.p, (size_t)(space - line.p)));
	http2_block_add(ctx, &block, slice_str(":path"), http_drop(line, (size_t)(space - line.p) + 1));
	for (rest = note; rest.size > 0;) {
		if (header_split(line_take(&rest), &name, &value) && http_eq(name, "host"))
			http2_block_add(ctx, &block, slice_str(":authority"), value);
	}
	for (rest = note; rest.size > 0;) {
		if (!header_split(line_take(&rest), &name, &value) || http_eq(name, "host"))
			continue;
		if (http_eq(name, "http2-settings"))
			settings = value;
		else
			http2_block_add(ctx, &block, name, value);
	}
	http2->side[CC_TO_SERVER].newest = 1;
	stream = http2_stream_new(ctx, http2, 1);
	if (stream != NULL) {
		http2_head_put(ctx, stream, CC_TO_SERVER, &block);
		cc_tx_update(ctx, stream->tx, CC_TO_SERVER);
		http2_stream_side_done(ctx, http2, stream, CC_TO_SERVER, true);
	}
	http2_block_free(ctx, &block);
	if (settings.size > 0)
		take_settings(ctx, http2, settings);
}
