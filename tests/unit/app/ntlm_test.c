/* NTLMSSP: the three messages, wrapped and bare, each cut at every byte and flipped. */
#include "app/ntlm/ntlm.h"
#include "../test.h"

static const uint8_t challenge[] = "NTLMSSP\0\2\0\0\0\6\0\6\0\x38\0\0\0\1\0\0\2cccccccc\0\0\0\0\0\0\0\0"
				   "\0\0\0\0\x38\0\0\0\x0a\0\x61\x4a\0\0\0\x0fS\0R\0V";
static const uint8_t answer[] = "\x60NTLMSSP\0\3\0\0\0"
				"\x18\0\x18\0\x58\0\0\0\x18\0\x18\0\x70\0\0\0"
				"\6\0\6\0\x48\0\0\0\6\0\6\0\x4e\0\0\0\4\0\4\0\x54\0\0\0"
				"\0\0\0\0\x88\0\0\0\1\0\0\2\x0a\0\x61\x4a\0\0\0\x0f"
				"D\0\xe4\0M\0b\0o\0b\0W\0S\0lmlmlmlmlmlmlmlmlmlmlmlmntntntntntntntntntntntnt";

static void
check_read(struct slice in)
{
	uint8_t *exact = malloc(in.size + 1);
	struct slice message;
	struct ntlm ntlm;
	char text[NTLM_TEXT_MAX];

	if (exact == NULL)
		abort();
	memcpy(exact + 1, in.p, in.size);
	if (ntlm_find(slice_of(exact + 1, in.size), &message) && ntlm_read(message, &ntlm) == CC_OK) {
		(void)ntlm_text(ntlm.domain, ntlm.unicode, text);
		(void)ntlm_text(ntlm.user, ntlm.unicode, text);
		(void)ntlm_text(ntlm.host, ntlm.unicode, text);
		ntlm_version(&ntlm, text);
	}
	free(exact);
}

TEST(messages)
{
	struct slice message;
	struct ntlm ntlm;
	char text[NTLM_TEXT_MAX];
	struct slice name;

	CHECK(ntlm_find(slice_of(answer, sizeof(answer) - 1), &message));
	CHECK_UINT(ntlm_read(message, &ntlm), CC_OK);
	CHECK_UINT(ntlm.type, NTLM_AUTHENTICATE);
	CHECK(ntlm.v1 && ntlm.unicode && ntlm.has_version);
	name = ntlm_text(ntlm.domain, true, text);
	CHECK(slice_is(name, "D\xc3\xa4M"));
	name = ntlm_text(ntlm.user, true, text);
	CHECK(slice_is(name, "bob"));
	name = ntlm_text(ntlm.host, true, text);
	CHECK(slice_is(name, "WS"));
	ntlm_version(&ntlm, text);
	CHECK_TEXT(text, "10.0 build 19041 rev 15");
	CHECK_UINT(ntlm_read(slice_of(challenge, sizeof(challenge)), &ntlm), CC_OK);
	name = ntlm_text(ntlm.domain, ntlm.unicode, text);
	CHECK(slice_is(name, "SRV"));
	CHECK(!ntlm_find(slice_of("NTLMSS", 6), &message));
}

TEST(cut_and_flipped)
{
	struct slice message;
	struct ntlm ntlm;
	uint8_t bytes[sizeof(answer)];
	uint32_t seed = 5;

	for (size_t cut = 0; cut < sizeof(answer); cut++) {
		check_read(slice_of(answer, cut));
		if (ntlm_find(slice_of(answer, cut), &message) && cut > 16 && cut < 0x58)
			CHECK_UINT(ntlm_read(message, &ntlm), CC_BAD);
	}
	for (size_t cut = 0; cut < sizeof(challenge); cut++)
		check_read(slice_of(challenge, cut));
	for (unsigned round = 0; round < 20000; round++) {
		memcpy(bytes, answer, sizeof(bytes));
		for (unsigned n = 0; n < 1 + round % 4; n++) {
			seed = seed * 1103515245 + 12345;
			bytes[8 + (seed >> 8) % (sizeof(bytes) - 8)] ^= (uint8_t)(1u << (seed >> 4 & 7));
		}
		check_read(slice_of(bytes, sizeof(bytes)));
	}
}

TESTS(T(messages), T(cut_and_flipped))
