/* Addresses, prefixes, numbers with units and times as people write them; addresses against the C library. */
#include "fuzz/fuzz.h"

#include <arpa/inet.h>

#include "concert/addr.h"

static void
addresses(const char *text)
{
	char printed[CC_ADDR_TEXT];
	struct cc_addr addr, again;
	struct cc_prefix prefix;
	uint8_t raw[16];

	if (cc_addr_parse(text, &addr) == CC_OK) {
		FUZZ_CHECK(
		    inet_pton(cc_addr_is4(&addr) && strchr(text, ':') == NULL ? AF_INET : AF_INET6, text, raw) == 1);
		FUZZ_CHECK(
		    cc_addr_parse(cc_addr_text(&addr, printed), &again) == CC_OK && cc_addr_cmp(&addr, &again) == 0);
	} else {
		FUZZ_CHECK(inet_pton(AF_INET, text, raw) != 1 && inet_pton(AF_INET6, text, raw) != 1);
	}
	if (cc_prefix_parse(text, &prefix) == CC_OK)
		FUZZ_CHECK(prefix.bits <= 128 && cc_prefix_has(&prefix, &prefix.addr));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), *to = malloc(size * 3 + 4), printed[40];
	uint64_t n;

	FUZZ_CHECK(text != NULL && to != NULL);
	if (size > 0)
		memcpy(text, data, size);
	addresses(text);
	(void)size_parse(text, &n);
	(void)duration_parse(text, &n);
	(void)uint_parse(text, &n);
	if (time_rfc3339_parse(text, &n) == CC_OK)
		FUZZ_CHECK(time_rfc3339_parse(time_rfc3339_text(n, printed), &n) == CC_OK);
	(void)utf8_valid(slice_of(data, size));
	hex_colon_text(slice_of(data, size), to);
	base64_text(slice_of(data, size / 2), to);
	base64url_text(slice_of(data, size / 2), to);
	hex_text(slice_of(data, size), to);
	FUZZ_CHECK(hex_parse(slice_str(to), (uint8_t *)text, size) == CC_OK);
	free(text);
	free(to);
	return 0;
}
