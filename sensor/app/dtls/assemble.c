/*
 * A handshake message put together out of fragments that come in any order, again, and not at all.  What is here
 * already stays as it is.  Memory grows with what has come: a fragment far behind the rest is not kept, so that one
 * datagram can't claim a whole message.
 */
#include "app/dtls/own.h"

void
dtls_drop(struct cc_ctx *ctx, struct dtls_message *message)
{
	cc_give(ctx, message->bytes, message->room + message->room / 8);
	memset(message, 0, sizeof(*message));
}

static bool
grow(struct cc_ctx *ctx, struct dtls_message *message, uint32_t need)
{
	uint32_t room = message->room > 0 ? message->room : DTLS_FIRST;
	uint8_t *bytes;

	while (room < need)
		room *= 2;
	if (room == message->room)
		return true;
	bytes = cc_take(ctx, room + room / 8);
	if (bytes == NULL)
		return false;
	if (message->room > 0) {
		memcpy(bytes, message->bytes, message->room);
		memcpy(bytes + room, message->bytes + message->room, message->room / 8);
		cc_give(ctx, message->bytes, message->room + message->room / 8);
	}
	message->bytes = bytes;
	message->room = room;
	return true;
}

enum cc_status
dtls_assemble(struct cc_ctx *ctx, struct dtls_state *state, struct dtls_message *message,
    const struct dtls_fragment *fragment, struct slice *ret_body)
{
	uint8_t *map;
	bool differs = false;

	/* The client's second hello, behind the cookie, takes the first one's place. */
	if (message->bytes != NULL && message->seq != fragment->seq)
		dtls_drop(ctx, message);
	if (message->bytes != NULL && message->size != fragment->size) {
		tls_report(ctx, &state->tls, DTLS_FRAGMENT_MISMATCH);
		return CC_BAD;
	}
	if (fragment->offset > message->have + DTLS_WINDOW) {
		tls_report(ctx, &state->tls, DTLS_FRAGMENT_TOO_FAR);
		return CC_BAD;
	}
	if (!grow(ctx, message, fragment->offset + (uint32_t)fragment->bytes.size))
		return CC_BAD;
	message->seq = fragment->seq;
	message->size = fragment->size;
	map = message->bytes + message->room;
	for (size_t i = 0, at = fragment->offset; i < fragment->bytes.size; i++, at++) {
		if ((map[at / 8] >> at % 8 & 1) != 0) {
			differs = differs || message->bytes[at] != fragment->bytes.p[i];
			continue;
		}
		map[at / 8] = (uint8_t)(map[at / 8] | 1u << at % 8);
		message->bytes[at] = fragment->bytes.p[i];
	}
	if (differs)
		tls_report(ctx, &state->tls, DTLS_FRAGMENT_OVERLAP);
	while (message->have < message->size && message->have < message->room &&
	    (map[message->have / 8] >> message->have % 8 & 1) != 0)
		message->have++;
	if (message->have < message->size)
		return CC_MORE;
	*ret_body = slice_of(message->bytes, message->size);
	return CC_OK;
}
