/* DHCP: a discover and an ack, made here. */
#include "torture.h"

extern const struct cc_parser dhcp_parser;

#define ZERO16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZERO192 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16 ZERO16
#define HEAD(op, yiaddr) op "\x01\x06\0" "\x12\x34\x56\x78" "\0\0\0\0" "\0\0\0\0" yiaddr "\0\0\0\0" "\0\0\0\0" \
	"\x02\x00\x00\x00\x00\x09" "\0\0\0\0\0\0\0\0\0\0" ZERO192 "\x63\x82\x53\x63"
#define DISCOVER HEAD("\x01", "\0\0\0\0") "\x35\x01\x01" "\x3d\x07\x01\x02\x00\x00\x00\x00\x09" "\x0c\x04" "host" \
	"\x3c\x08" "MSFT 5.0" "\x37\x03\x01\x03\x06" "\xff"
#define ACK HEAD("\x02", "\x0a\0\0\x05") \
	"\x35\x01\x05" "\x33\x04\0\0\x0e\x10" "\x3a\x04\0\0\x07\x08" "\x3b\x04\0\0\x0c\x4e" \
	"\x06\x08\x0a\0\0\x01\x0a\0\0\x02" "\x36\x04\x0a\0\0\x01" "\0\0\xff"

static const struct said talk[] = {SAID(CC_TO_SERVER, DISCOVER), SAID(CC_TO_CLIENT, ACK)};

TEST(messages)
{
	struct cc_ctx rig;

	rig_open(&rig, &dhcp_parser, true, 67);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_UINT(
		    torture_probe(&dhcp_parser, true, 9, talk[i].dir, slice_of(talk[i].bytes, talk[i].size)), CC_OK);
		rig_feed(&rig, talk[i].dir, slice_of(talk[i].bytes, talk[i].size));
	}
	CHECK_UINT(rig.done_count, 2);
	CHECK_TEXT(rig_value(&rig, 0, "dhcp_type", 0), "discover");
	CHECK_TEXT(rig_value(&rig, 0, "client_mac", 0), "02:00:00:00:00:09");
	CHECK_TEXT(rig_value(&rig, 0, "client_id", 0), "01:02:00:00:00:00:09");
	CHECK_TEXT(rig_value(&rig, 0, "dhcp.hostname", 0), "host");
	CHECK_TEXT(rig_value(&rig, 0, "dhcp.vendor_class", 0), "MSFT 5.0");
	CHECK_TEXT(rig_value(&rig, 0, "dhcp.option_order", 0), "53,61,12,60,55,255");
	CHECK_TEXT(rig_value(&rig, 0, "params", 2), "dns_server");
	CHECK_TEXT(rig_value(&rig, 0, "concert.parameter_list", 0), "1,3,6");
	CHECK_TEXT(rig_value(&rig, 1, "assigned_ip", 0), "10.0.0.5");
	CHECK_TEXT(rig_value(&rig, 1, "dhcp.leasetime", 0), "3600");
	CHECK_TEXT(rig_value(&rig, 1, "dhcp.renewal_time", 0), "1800");
	CHECK_TEXT(rig_value(&rig, 1, "dhcp.rebinding_time", 0), "3150");
	CHECK_TEXT(rig_value(&rig, 1, "dns_servers", 1), "10.0.0.2");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(broken_options)
{
	static const char bad[] = HEAD("\x02", "\x0a\0\0\x05") "\x35\x01\x05" "\x33\x03\0\0\x0e" "\x06\x08\x0a\0";
	struct cc_ctx rig;

	rig_open(&rig, &dhcp_parser, true, 67);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(bad, sizeof(bad) - 1));
	CHECK(rig_has_anomaly(&rig, "malformed_options"));
	CHECK(rig_has_anomaly(&rig, "truncated_options"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(cut_and_flipped)
{
	torture(&dhcp_parser, true, 67, talk, 2);
}

TESTS(T(messages), T(broken_options), T(cut_and_flipped))
