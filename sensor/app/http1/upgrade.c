/* What the protocol after an Upgrade has to know of the request and response that led to it. */
#include "app/http1/own.h"

struct slice
http1_request_note(struct cc_ctx *ctx, struct cc_tx *tx)
{
	const struct cc_value *method = cc_get(tx, F_METHOD), *uri = cc_get(tx, F_URI_RAW);
	const struct cc_value *header = cc_get(tx, F_REQ_HEADER);
	size_t size = 0;
	uint8_t *p;

	if (method == NULL || uri == NULL || header == NULL)
		return slice_of(NULL, 0);
	p = cc_tx_alloc(ctx, tx, method->size + uri->size + header->size + 3);
	if (p == NULL)
		return slice_of(NULL, 0);
	memcpy(p, method->bytes, method->size);
	size = method->size;
	p[size++] = ' ';
	memcpy(p + size, uri->bytes, uri->size);
	size += uri->size;
	memcpy(p + size, "\r\n", 2);
	size += 2;
	memcpy(p + size, header->bytes, header->size);
	return slice_of(p, size + header->size);
}

struct slice
http1_extensions_note(const struct cc_tx *tx)
{
	for (unsigned i = 0; i < tx->count; i++) {
		struct slice text = slice_of(tx->value[i].bytes, tx->value[i].size);

		if (tx->value[i].field == F_RES_ONE && http_prefix(text, "sec-websocket-extensions:"))
			return http_trim(http_drop(text, 25));
	}
	return slice_of(NULL, 0);
}
