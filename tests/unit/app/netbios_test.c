/* NetBIOS: names asked for, registered, answered; a host's list; datagrams; who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser nbns_parser, nbdgm_parser;

/* "WPAD" for a workstation, "FRED" for a file server */
#define WPAD " FHFAEBEECACACACACACACACACACACAAA\0"
#define FRED " EGFCEFEECACACACACACACACACACACACA\0"

static const char question[] = "\0\1\1\x10\0\1\0\0\0\0\0\0" WPAD "\0\x20\0\1";
static const char answer[] = "\0\1\x85\0\0\0\0\1\0\0\0\0" WPAD "\0\x20\0\1\0\0\0\x3c\0\6\0\0\xc0\0\2\x42";
static const char registers[] =
    "\0\2\x29\x10\0\1\0\0\0\0\0\1" FRED "\0\x20\0\1\xc0\x0c\0\x20\0\1\0\4\x93\xe0\0\6\0\0\x0a\0\0\7";
static const char status[] = "\0\3\x84\0\0\0\0\1\0\0\0\0" WPAD "\0\x21\0\1\0\0\0\0\0\x2b\2FRED           \x20\4\0"
			     "HOME           \x1c\x84\0\0\1\2\3\4\5";
static const char datagram[] =
    "\x11\2\0\4\xc0\0\2\1\0\x8a\0\x76\0\0" FRED WPAD
    "\xffSMB\x25\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\\MAILSLOT\\BROWSE\0";

#define ALL(text) slice_of(text, sizeof(text) - 1)

static bool
is(const struct cc_ctx *rig, unsigned tx, const char *name, const char *want)
{
	const char *value = rig_value(rig, tx, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

TEST(names)
{
	struct cc_ctx rig;

	rig_open(&rig, &nbns_parser, true, 137);
	rig_feed(&rig, CC_TO_SERVER, ALL(question));
	CHECK(is(&rig, 0, "nbns.name", "WPAD") && is(&rig, 0, "nbns.suffix", "0") && is(&rig, 0, "type", "request"));
	CHECK(
	    is(&rig, 0, "service", "workstation") && is(&rig, 0, "nbns.rrtype", "NB") && is(&rig, 0, "broadcast", "1"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_feed(&rig, CC_TO_SERVER, ALL(registers));
	CHECK(is(&rig, 1, "nbns.name", "FRED") && is(&rig, 1, "nbns.opcode", "5") &&
	      is(&rig, 1, "service", "file server"));
	CHECK(is(&rig, 1, "nbns.address", "10.0.0.7") && is(&rig, 1, "ttl", "300000"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_feed(&rig, CC_TO_CLIENT, ALL(answer));
	CHECK(is(&rig, 2, "nbns.address", "192.0.2.66") && rig_has_anomaly(&rig, "wpad_answer"));
	rig_feed(&rig, CC_TO_CLIENT, ALL(status));
	CHECK_TEXT(rig_value(&rig, 3, "names[].name", 1), "HOME");
	CHECK_TEXT(rig_value(&rig, 3, "names[].service", 1), "domain controllers");
	CHECK_TEXT(rig_value(&rig, 3, "nbns.mac", 0), "00:01:02:03:04:05");
	CHECK(!rig_has_anomaly(&rig, "malformed_message"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(datagrams)
{
	static const uint8_t here[] = {192, 0, 2, 1}, there[] = {192, 0, 2, 9};
	struct cc_ctx rig;

	rig_open(&rig, &nbdgm_parser, true, 138);
	rig.addr[CC_TO_SERVER] = cc_addr4(here);
	rig_feed(&rig, CC_TO_SERVER, ALL(datagram));
	CHECK(is(&rig, 0, "nbdgm.source", "FRED") && is(&rig, 0, "nbdgm.name", "WPAD"));
	CHECK(is(&rig, 0, "nbdgm.mailslot", "\\MAILSLOT\\BROWSE") && is(&rig, 0, "nbdgm.source_ip", "192.0.2.1"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig.addr[CC_TO_SERVER] = cc_addr4(there);
	rig_feed(&rig, CC_TO_SERVER, ALL(datagram));
	CHECK(rig_has_anomaly(&rig, "source_differs"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	char copy[sizeof(question)];

	CHECK(torture_probe(&nbns_parser, true, 9, CC_TO_SERVER, ALL(question)) == CC_OK);
	CHECK(torture_probe(&nbns_parser, true, 9, CC_TO_SERVER, ALL(registers)) == CC_OK);
	CHECK(torture_probe(&nbns_parser, true, 9, CC_TO_CLIENT, ALL(status)) == CC_OK);
	CHECK(torture_probe(&nbdgm_parser, true, 9, CC_TO_SERVER, ALL(datagram)) == CC_OK);
	CHECK(torture_probe(&nbdgm_parser, true, 138, CC_TO_SERVER, ALL(question)) == CC_BAD);
	memcpy(copy, question, sizeof(copy));
	copy[13] = 'Q'; /* no letter of such a name */
	CHECK(torture_probe(&nbns_parser, true, 137, CC_TO_SERVER, ALL(copy)) == CC_BAD);
}

TEST(cut_and_flipped)
{
	static const struct said ns[] = {SAID(CC_TO_SERVER, question), SAID(CC_TO_CLIENT, answer),
	    SAID(CC_TO_SERVER, registers), SAID(CC_TO_CLIENT, status)};
	static const struct said dgm[] = {SAID(CC_TO_SERVER, datagram)};

	torture(&nbns_parser, true, 137, ns, sizeof(ns) / sizeof(ns[0]));
	torture(&nbdgm_parser, true, 138, dgm, 1);
}

TESTS(T(names), T(datagrams), T(who_is_taken), T(cut_and_flipped))
