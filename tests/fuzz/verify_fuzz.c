/*
 * What readers judge before they believe: a jws header and a bundle.  Input: parts of a message divided by c0 de: the
 * protected header (once encoded here, as its own bytes are JSON, once as the whole jws header), value, key.
 */
#include "fuzz/fuzz.h"

#include "exchange/jws_own.h"

#include <stdlib.h>

#define PARTS 3

static void
take_parts(struct slice in, struct slice part[PARTS])
{
	for (unsigned i = 0; i < PARTS; i++) {
		const uint8_t *end = in.size > 1 ? memmem(in.p, in.size, "\xc0\xde", 2) : NULL;
		size_t size = end != NULL && i + 1 < PARTS ? (size_t)(end - in.p) : in.size;

		part[i] = slice_of(in.p, size);
		in = end != NULL ? slice_of(in.p + size + 2, in.size - size - (size + 2 <= in.size ? 2 : 0))
				 : slice_of(in.p, 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signature[] =
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct slice part[PARTS];
	struct bundle_owner owner = {"identity--42c160d5-d32b-5499-a5f2-dcc622922203", NULL};
	struct cc_message msg = {.topic = slice_str("concert.indicators")};
	uint8_t *copy = fuzz_copy(slice_of(data, size));
	struct jws jws;
	struct buf memory;
	char why[160], *text;

	take_parts(slice_of(copy, size), part);
	text = malloc(part[0].size * 2 + 200);
	FUZZ_CHECK(text != NULL);
	base64url_text(part[0], text);
	strcat(text, "..");
	strcat(text, signature);
	msg.value = part[1];
	msg.key = part[2];
	msg.header[msg.header_count++] = (struct cc_header){"ce_sequence", slice_str("1")};
	msg.header[msg.header_count++] = (struct cc_header){"jws", slice_str(text)};
	buf_open(&memory, 1u << 24);
	FUZZ_CHECK(jws_read(&msg, &memory, &jws, why) < VERDICT_COUNT);
	msg.header[1].value = part[0];
	FUZZ_CHECK(jws_read(&msg, &memory, &jws, why) < VERDICT_COUNT);
	FUZZ_CHECK(bundle_check(part[1], &owner, why) < VERDICT_COUNT);
	buf_close(&memory);
	free(text);
	fuzz_give(copy, size);
	return 0;
}
