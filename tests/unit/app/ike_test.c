/* IKE: openings of both versions, weak parameters, the marker of port 4500 and what goes beside it. */
#include "torture.h"

extern const struct cc_parser ike_parser;

#define SPI "\x61\xd3\x69\x3c\xe1\x2a\xf5\x28"
#define NONE "\0\0\0\0\0\0\0\0"
/* Version 2, IKE_SA_INIT: nonce, key, association with AES-CBC-256, SHA-1 as PRF, SHA2-256 and a group of 1024 bits. */
#define SA2 \
	"\x00\x00\x00\x30\x00\x00\x00\x2c\x01\x01\x00\x04" "\x03\x00\x00\x0c\x01\x00\x00\x0c\x80\x0e\x01\x00" \
	"\x03\x00\x00\x08\x02\x00\x00\x02" "\x03\x00\x00\x08\x03\x00\x00\x0c" "\x00\x00\x00\x08\x04\x00\x00\x02"
#define INIT2 SPI NONE "\x28\x20\x22\x08\0\0\0\0\0\0\0\x64" "\x22\0\0\x0cnonce123" "\x21\0\0\x0c\0\x02\0\0kkkk" SA2
/* Version 1, aggressive: association with 3DES, MD5, shared key, group 2, then a vendor's mark. */
#define SA1                                                                                                            \
	"\x0d\0\0\x34\0\0\0\x01\0\0\0\x01"                                                                             \
	"\0\0\0\x28\x01\x01\0\x01"                                                                                     \
	"\0\0\0\x20\x01\x01\0\0"                                                                                       \
	"\x80\x01\0\x05\x80\x02\0\x01\x80\x03\0\x01"                                                                   \
	"\x80\x04\0\x02\x80\x0b\0\x01\x80\x0c\x0e\x10"
#define INIT1 SPI NONE "\x01\x10\x04\0\0\0\0\0\0\0\0\x58" SA1 "\0\0\0\x08\x4a\x13\x1c\x81"
#define ANSWER1 SPI SPI "\x01\x10\x02\0\0\0\0\0\0\0\0\x58" SA1 "\0\0\0\x08\x4a\x13\x1c\x81"

static const struct said talk[] = {
    SAID(CC_TO_SERVER, INIT2),
    SAID(CC_TO_SERVER, INIT1),
    SAID(CC_TO_CLIENT, ANSWER1),
    SAID(CC_TO_SERVER, "\0\0\0\0" INIT2),
    SAID(CC_TO_SERVER, "\x12\x34\x56\x78"
		       "encrypted"),
    SAID(CC_TO_CLIENT, "\xff"),
};

TEST(both_versions)
{
	struct cc_ctx rig;

	rig_open(&rig, &ike_parser, true, 500);
	for (size_t i = 0; i < 3; i++)
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	CHECK_UINT(rig.done_count, 3);
	CHECK_TEXT(rig_value(&rig, 0, "ike.init_spi", 0), "61d3693ce12af528");
	CHECK_TEXT(rig_value(&rig, 0, "exchange_type_verbose", 0), "IKE_SA_INIT");
	CHECK_TEXT(rig_value(&rig, 0, "role", 0), "initiator");
	CHECK_TEXT(rig_value(&rig, 0, "payload", 2), "SecurityAssociation");
	CHECK_TEXT(rig_value(&rig, 0, "ike.nonce_payload", 0), "nonce123");
	CHECK_TEXT(rig_value(&rig, 0, "ike.key_exchange_payload_length", 0), "4");
	CHECK(rig_has_anomaly(&rig, "weak_crypto_dh"));
	CHECK(rig_has_anomaly(&rig, "weak_crypto_prf"));
	CHECK(rig_has_anomaly(&rig, "weak_crypto_enc"));
	CHECK(rig_has_anomaly(&rig, "weak_crypto_auth"));
	CHECK(rig_has_anomaly(&rig, "aggressive_mode"));
	CHECK(!rig_has_anomaly(&rig, "malformed_data"));
	CHECK(!rig_has_anomaly(&rig, "weak_crypto_no_auth"));
	CHECK_TEXT(rig_value(&rig, 1, "ikev1.client.proposals[].value", 0), "EncTripleDesCbc");
	CHECK_TEXT(rig_value(&rig, 1, "ike.vendor", 0), "4a131c81");
	CHECK_TEXT(rig_value(&rig, 2, "attributes[].key", 1), "alg_hash");
	CHECK_TEXT(rig_value(&rig, 2, "ike.chosen_sa_attribute", 0), "4294967301"); /* alg_enc = 5 */
	rig_end(&rig);
	rig_free(&rig);
}

TEST(beside_esp)
{
	struct cc_ctx rig;

	rig_open(&rig, &ike_parser, true, 4500);
	for (size_t i = 3; i < 6; i++)
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	CHECK_UINT(rig.done_count, 1);
	CHECK(!rig_has_anomaly(&rig, "malformed_data"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(only_what_fits_is_taken)
{
	CHECK(torture_probe(&ike_parser, true, 9, CC_TO_SERVER, slice_of(talk[0].bytes, talk[0].size)) == CC_OK);
	CHECK(torture_probe(&ike_parser, true, 9, CC_TO_CLIENT, slice_of(talk[2].bytes, talk[2].size)) == CC_OK);
	CHECK(torture_probe(&ike_parser, true, 4500, CC_TO_SERVER, slice_of(talk[3].bytes, talk[3].size)) == CC_OK);
	CHECK(torture_probe(&ike_parser, true, 500, CC_TO_SERVER, slice_of(talk[0].bytes, talk[0].size - 1)) == CC_BAD);
	CHECK(torture_probe(&ike_parser, true, 4500, CC_TO_SERVER, slice_of(talk[4].bytes, talk[4].size)) == CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&ike_parser, true, 500, talk, sizeof(talk) / sizeof(talk[0]));
}

TESTS(T(both_versions), T(beside_esp), T(only_what_fits_is_taken), T(cut_and_flipped))
