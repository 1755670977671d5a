/*
 * An indicator record as the courier takes it from a ring.  What decodes must encode to the very same bytes, print, and
 * become JSON.
 */
#include "fuzz/fuzz.h"

#include "exchange/exchange.h"
#include "record/record.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	uint8_t *copy = fuzz_copy(slice_of(data, size)), key[32];
	struct conf *conf = fuzz_conf();
	struct exchange_source source = {.conf = conf, .live = true};
	struct cc_record rec;
	struct buf out;

	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "w");
	buf_open(&out, 4u << 20);
	if (record_decode(slice_of(copy, size), &rec) == CC_OK) {
		FUZZ_CHECK(record_encode(&rec, &out) == CC_OK && slice_eq(buf_slice(&out), slice_of(data, size)));
		record_key(&rec, key);
		record_print(&rec, nowhere);
		buf_clear(&out);
		FUZZ_CHECK(stix_sighting(&source, &rec, false, &out) == CC_OK);
		fuzz_json(buf_slice(&out));
	}
	buf_close(&out);
	fuzz_give(copy, size);
	return 0;
}
