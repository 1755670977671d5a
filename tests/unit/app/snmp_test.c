/* SNMP: messages of the three versions, made here byte by byte. */
#include "torture.h"

extern const struct cc_parser snmp_parser;

#define GET "\x30\x27\x02\x01\x01\x04\x06" "public" "\xa0\x1a\x02\x02\x12\x34\x02\x01\x00\x02\x01\x00" \
	"\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"
#define RESPONSE "\x30\x2b\x02\x01\x01\x04\x06" "public" "\xa2\x1e\x02\x02\x12\x34\x02\x01\x02\x02\x01\x00" \
	"\x30\x12\x30\x10\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x04\x04" "unix"
#define TRAP                                                                                                           \
	"\x30\x27\x02\x01\x00\x04\x04"                                                                                 \
	"secr"                                                                                                         \
	"\xa4\x1c\x06\x08\x2b\x06\x01\x04\x01\x0b\x02\x03\x40\x04\x0a\x00\x00\x01"                                     \
	"\x02\x01\x02\x02\x01\x00\x43\x02\x10\x00\x30\x00"
#define SECRET "\x30\x34\x02\x01\x03\x30\x0d\x02\x01\x07\x02\x02\x05\xdc\x04\x01\x03\x02\x01\x03" \
	"\x04\x1a\x30\x18\x04\x05\x80\x00\x01\x02\x03\x02\x01\x01\x02\x01\x02\x04\x05" "admin" "\x04\x00\x04\x00" \
	"\x04\x04" "\xde\xad\xbe\xef"

static const struct said talk[] = {
	SAID(CC_TO_SERVER, GET), SAID(CC_TO_CLIENT, RESPONSE), SAID(CC_TO_SERVER, TRAP), SAID(CC_TO_SERVER, SECRET),
};

TEST(messages)
{
	struct cc_ctx rig;

	rig_open(&rig, &snmp_parser, true, 161);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_UINT(
		    torture_probe(&snmp_parser, true, 9, talk[i].dir, slice_of(talk[i].bytes, talk[i].size)), CC_OK);
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	}
	CHECK_UINT(rig.done_count, 4);
	CHECK_TEXT(rig_value(&rig, 0, "snmp.version", 0), "2");
	CHECK_TEXT(rig_value(&rig, 0, "pdu_type", 0), "get_request");
	CHECK_TEXT(rig_value(&rig, 0, "snmp.community", 0), "public");
	CHECK_TEXT(rig_value(&rig, 0, "vars", 0), "1.3.6.1.2.1.1.1.0");
	CHECK_TEXT(rig_value(&rig, 1, "concert.error", 0), "noSuchName");
	CHECK_TEXT(rig_value(&rig, 1, "concert.values", 0), "unix");
	CHECK_TEXT(rig_value(&rig, 2, "trap_type", 0), "linkDown");
	CHECK_TEXT(rig_value(&rig, 2, "trap_address", 0), "10.0.0.1");
	CHECK_TEXT(rig_value(&rig, 3, "pdu_type", 0), "encrypted");
	CHECK_TEXT(rig_value(&rig, 3, "snmp.usm", 0), "admin");
	CHECK(rig_value(&rig, 3, "snmp.pdu_type", 0) == NULL);
	CHECK(rig_has_anomaly(&rig, "default_community"));
	CHECK(rig_has_anomaly(&rig, "version_mismatch"));
	CHECK_UINT(rig.anomaly_count, 3);
	CHECK(rig_has_anomaly(&rig, "plaintext_credentials"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(others_are_not_taken)
{
	static const struct said ldap = SAID(CC_TO_SERVER, "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00");

	CHECK_UINT(torture_probe(&snmp_parser, true, 161, ldap.dir, slice_of(ldap.bytes, ldap.size)), CC_BAD);
	for (size_t cut = 0; cut < talk[0].size; cut++)
		CHECK(torture_probe(&snmp_parser, true, 161, CC_TO_SERVER, slice_of(talk[0].bytes, cut)) != CC_OK);
}

TEST(cut_and_flipped)
{
	torture(&snmp_parser, true, 161, talk, 4);
}

TESTS(T(messages), T(others_are_not_taken), T(cut_and_flipped))
