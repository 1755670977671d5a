/* Keywords of single protocols: what their values may be, and what they hold for. */
#include "unit/detect/rig.h"

/* Each is the middle of a rule; why NULL: it loads. */
static const struct {
	const char *protocol, *options, *why;
} table[] = {
    {"dcerpc", "dce_iface:3919286a-b10c-11d0-9ba8-00c04fd92ef5", NULL},
    {"http", "http_header: field User-Agent; content:\"x\"", NULL},
    {"http", "content:\"a\"; http_header:field host; content:\"x\"", NULL},
    {"http", "http_header:field x-odd; content:\"x\"", "no buffer of its own"},
    {"http", "http_header:field host,request; content:\"x\"", "takes no value"},
    {"http", "http_uri:field host; content:\"x\"", "takes no value"},
    {"dcerpc", "dcerpc.iface: 3919286a-b10c-11d0-9ba8-00c04fd92ef5,=1,any_frag", NULL},
    {"dcerpc", "dcerpc.iface; content:\"3919\"", NULL},
    {"dcerpc", "dce_iface:3919286a-b10c-11d0-9ba8", "no UUID"},
    {"dcerpc", "dce_iface:3919286a-b10c-11d0-9ba8-00c04fd92ef5,=x", "may stand a version"},
    {"dcerpc", "dce_opnum:1-9, 12", NULL},
    {"dcerpc", "dcerpc.opnum:!5", NULL},
    {"dcerpc", "dcerpc.opnum:>5", NULL},
    {"dcerpc", "dcerpc.opnum:9-1", "numbers of 0"},
    {"dcerpc", "dcerpc.opnum:65536", "numbers of 0"},
    {"dcerpc", "dce_stub_data; content:\"a\"", NULL},
    {"ftp-data", "ftpdata_command:stor", NULL},
    {"ftp-data", "ftpdata_command:list", "retr or stor"},
    {"ftp", "ftpbounce", NULL},
    {"ssh", "ssh.protoversion:2_compat", NULL},
    {"ssh", "ssh.protoversion:x", "version such as"},
    {"ssh", "ssh.softwareversion:\"OpenSSH\"", NULL},
    {"tls", "ssl_version:tls1.2,tls1.3", NULL},
    {"tls", "ssl_version:!sslv3,!tls1.0", NULL},
    {"tls", "ssl_version:tls9", "none of sslv2"},
    {"tls", "ssl_state:client_hello|server_hello", NULL},
    {"tls", "ssl_state:!client_hello", NULL},
    {"tls", "tls.version:1.2", NULL},
    {"tls", "tls.version:\"1.3\"", NULL},
    {"tls", "tls.version:1.9", "should be 1.0"},
    {"tls", "tls.version; content:\"1.2\"", NULL},
    {"tls", "tls_cert_notafter:<2026-11-23", NULL},
    {"tls", "tls_cert_notbefore:2025-01<>2026-11-23T12:30:15", NULL},
    {"http2", "http2.settings:SETTINGS_ENABLE_PUSH", NULL},
    {"http2", "http2.settings:SETTINGS_ENABLE_PUSH x", "no number"},
    {"tls", "tls_cert_notbefore:2025-13", "should be a date"},
    {"tls", "tls_cert_notbefore:2025-1", "should be a date"},
    {"tls", "tls_cert_expired", NULL},
    {"tls", "tls_cert_valid", NULL},
    {"udp", "rpc:100000,2,3", NULL},
    {"udp", "rpc:100000,*,*", NULL},
    {"udp", "rpc:*,2,3", "program,version,procedure"},
    {"udp", "rpc:1,2,3,4", "program,version,procedure"},
    {"udp", "asn1:bitstring_overflow", NULL},
    {"udp", "content:\"a\"; asn1:oversize_length 100, relative_offset 1", NULL},
    {"udp", "asn1:relative_offset 1", "asks for nothing"},
    {"udp", "asn1:oversize_length x", "none of"},
    {"ip", "geoip:src,US", "detect.geoip"},
    {"ip", "icmpv6.mtu:<1280", NULL},
    {"ip", "l3_proto:ipv6", NULL},
    {"ip", "l3_proto:ipx", "ipv4 or ipv6"},
    {"ip", "alert", NULL},
};

TEST(values)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char rule[256];
		struct rig rig;

		snprintf(rule, sizeof(rule), "alert %s any any -> any any (%s; sid:1;)", table[i].protocol,
		    table[i].options);
		rig_open(&rig, rule);
		if ((rig.report.loaded == 1) != (table[i].why == NULL) ||
		    (table[i].why != NULL && !rig_said(&rig, table[i].why)))
			printf("%s: %.*s\n", rule, (int)rig.report.text.size, (const char *)rig.report.text.p);
		CHECK_UINT(rig.report.loaded, table[i].why == NULL);
		CHECK(table[i].why == NULL || rig_said(&rig, table[i].why));
		rig_close(&rig);
	}
}

static unsigned
alerts(const char *rule, const void *payload, size_t size)
{
	struct rig rig;
	unsigned count;

	rig_open(&rig, rule);
	rig.flow.proto = 17;
	rig_packet(&rig, CC_TO_SERVER, payload, size);
	count = rig_alerts(&rig, 1);
	rig_close(&rig);
	return count;
}

TEST(rpc)
{
	static const uint8_t call[] = {0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x86, 0xa0, 0, 0, 0, 2, 0, 0, 0, 3};

	CHECK_UINT(alerts("alert udp any any -> any any (rpc:100000,2,3; sid:1;)", call, sizeof(call)), 1);
	CHECK_UINT(alerts("alert udp any any -> any any (rpc:100000,*,*; sid:1;)", call, sizeof(call)), 1);
	CHECK_UINT(alerts("alert udp any any -> any any (rpc:100000; sid:1;)", call, sizeof(call)), 1);
	CHECK_UINT(alerts("alert udp any any -> any any (rpc:100000,2,4; sid:1;)", call, sizeof(call)), 0);
	CHECK_UINT(alerts("alert udp any any -> any any (rpc:100000,*,*; sid:1;)", call, sizeof(call) - 1), 0);
}

TEST(asn1)
{
	static const uint8_t good[] = {'x', 0x30, 5, 3, 3, 4, 0xf0, 0xf0};
	static const uint8_t bits[] = {'x', 0x30, 4, 3, 2, 9, 0xf0};
	static const uint8_t large[] = {'x', 0x30, 0x84, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t endless[] = {'x', 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff};
	const char *at_one =
	    "alert udp any any -> any any (asn1:bitstring_overflow, oversize_length 1000, absolute_offset 1; sid:1;)";
	const char *behind =
	    "alert udp any any -> any any (content:\"x\"; asn1:oversize_length 1000, relative_offset 0; sid:1;)";

	CHECK_UINT(alerts(at_one, good, sizeof(good)), 0);
	CHECK_UINT(alerts(at_one, bits, sizeof(bits)), 1);
	CHECK_UINT(alerts(at_one, large, sizeof(large)), 1);
	CHECK_UINT(alerts(at_one, endless, sizeof(endless)), 0);
	CHECK_UINT(alerts(behind, large, sizeof(large)), 1);
	CHECK_UINT(alerts(behind, good, sizeof(good)), 0);
	for (size_t i = 0; i < sizeof(large); i++)
		CHECK_UINT(alerts(at_one, large, i), 0);
}

/*
 * A database of one node: addresses below 128 are in "US", the others nowhere.  Tree of 2 records of 24 bits, 16 zeros,
 * the data, the mark and the metadata (MaxMind DB file format 2.0).
 */
static const char database[] =
    "\x00\x00\x11\x00\x00\x01" /* left: 1 + 16 + 0; right: node count, nothing */
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\xe1\x47" "country\xe1\x48iso_code\x42US"
    "\xab\xcd\xefMaxMind.com"
    "\xe9\x5b" "binary_format_major_version\xa1\x02"
    "\x5b" "binary_format_minor_version\xa0"
    "\x4b" "build_epoch\x04\x02\x5f\x5e\x10\x00"
    "\x4d" "database_type\x44Test"
    "\x4b" "description\xe0"
    "\x4a" "ip_version\xa1\x04"
    "\x49" "languages\x00\x04"
    "\x4a" "node_count\xc1\x01"
    "\x4b" "record_size\xa1\x18";

TEST(geoip)
{
	char path[64], setting[128];
	const char *settings[] = {setting, NULL};
	struct rig rig;
	FILE *file;
	int fd;

	strcpy(path, "/tmp/concert-geoip-XXXXXX");
	fd = mkstemp(path);
	file = fdopen(fd, "wb");
	CHECK(file != NULL && fwrite(database, 1, sizeof(database) - 1, file) == sizeof(database) - 1);
	fclose(file);
	snprintf(setting, sizeof(setting), "detect.geoip=%s", path);
	rig_open_with(&rig,
	    "alert ip any any -> any any (geoip:src,us; sid:1;)\nalert ip any any -> any any (geoip:src,!US,CA; "
	    "sid:2;)\n"
	    "alert ip any any -> any any (geoip:both,US,CA; sid:3;)\nalert ip any any -> any any (geoip:DE; sid:4;)\n"
	    "alert ip any any -> any any (geoip:src; sid:5;)\n",
	    settings);
	CHECK_UINT(rig.report.loaded, 4);
	if (rig.detect != NULL) {
		rig_packet(&rig, CC_TO_SERVER, "x", 1);
		CHECK_UINT(rig_alerts(&rig, 1), 1);
		CHECK_UINT(rig_alerts(&rig, 2), 0);
		CHECK_UINT(rig_alerts(&rig, 3), 1);
		CHECK_UINT(rig_alerts(&rig, 4), 0);
	} else {
		printf("%.*s\n", (int)rig.report.text.size, (const char *)rig.report.text.p);
	}
	rig_close(&rig);
	unlink(path);
}

TEST(snort3)
{
	static const struct {
		const char *rule, *why;
	} rules[] = {
	    {"alert http (http_uri; content:\"/a\",nocase,offset 1; http_header; content:\"Host\"; sid:1;)", NULL},
	    {"alert tcp (content:\"abc\",depth 5, offset 2; content:\"d\",distance 1,within 3; sid:1;)", NULL},
	    {"alert tcp (content:\"a\\\"b\",fast_pattern,fast_pattern_offset 1,fast_pattern_length 2; sid:1;)", NULL},
	    {"alert tcp any any -> any any (content:\"abc\"; service:http,smtp; rem:\"x\"; sid:1;)", NULL},
	    {"alert tcp (content:\"abc\",fast_pattern_offset 2,fast_pattern_length 2; sid:1;)", "lies outside"},
	    {"alert tcp (content:\"abc\",offset; sid:1;)", "needs a number"},
	    {"alert tcp (content:\"abc\",nocase 1; sid:1;)", "takes no value"},
	    {"alert tcp (content:\"abc\",bogus; sid:1;)", "no modifier"},
	    {"alert tcp any (content:\"abc\"; sid:1;)", "ends early"},
	    {"alert http any any -> any any (content:\"a\"; http_uri; content:\"b\"; http_header; sid:1;)", NULL},
	    {"alert tcp any any -> any any (contnet:\"a\"; sid:1;)", "is content meant?"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct rig rig;

		rig_open(&rig, rules[i].rule);
		if ((rig.report.loaded == 1) != (rules[i].why == NULL))
			printf("%s: %.*s\n", rules[i].rule, (int)rig.report.text.size, (const char *)rig.report.text.p);
		CHECK_UINT(rig.report.loaded, rules[i].why == NULL);
		CHECK(rules[i].why == NULL || rig_said(&rig, rules[i].why));
		rig_close(&rig);
	}
}

static const struct rule *
rule_by_sid(const struct rig *rig, uint32_t sid)
{
	for (uint32_t i = 0; i < rig->set->rule_count; i++) {
		if (rig->set->rule[i].info.sid == sid)
			return &rig->set->rule[i];
	}
	return NULL;
}

/* One of several marks that isn't set is enough for isnotset, one that is for isset. */
TEST(several_marks)
{
	static const char *const said[] = {"q", "seta", "q", "setb", "q"};
	static const unsigned isnot[] = {1, 0, 1, 0, 0}, is[] = {0, 0, 1, 0, 1};
	struct rig rig;

	rig_open(&rig, "alert udp any any -> any any (content:\"seta\"; flowbits:set,a; sid:1;)\n"
		       "alert udp any any -> any any (content:\"setb\"; flowbits:set,b; sid:2;)\n"
		       "alert udp any any -> any any (content:\"q\"; flowbits:isnotset,a|b; sid:3;)\n"
		       "alert udp any any -> any any (content:\"q\"; flowbits:isset,a|b; sid:4;)\n");
	rig.flow.proto = 17;
	rig.flow.tcp = TCP_NONE;
	for (unsigned i = 0; i < 5; i++) {
		rig_clear(&rig);
		rig_packet(&rig, CC_TO_SERVER, said[i], strlen(said[i]));
		CHECK_UINT(rig_alerts(&rig, 3), isnot[i]);
		CHECK_UINT(rig_alerts(&rig, 4), is[i]);
	}
	rig_close(&rig);
}

TEST(quote_in_a_text)
{
	struct rig rig;

	rig_open(&rig, "alert udp any any -> any any (msg:\"says \\\"x\\\" y: z\"; sid:1;)\n"
		       "alert udp any any -> any any (msg:\"text\" content:\"a\"; sid:2;)\n");
	CHECK_UINT(rig.report.loaded, 2);
	CHECK_UINT(rig.report.warnings, 1);
	CHECK(rig_said(&rig, "is a ';' missing before content?"));
	rig_close(&rig);
}

/* What a rule asks beside its protocol says when it is asked; what is shown in one case may be written in both. */
TEST(what_rules_become)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (app-layer-protocol:!tls; sid:1;)\n"
		       "alert tcp any any -> any any (flow:established; app-layer-protocol:!tls; sid:2;)\n"
		       "alert tcp any any -> any any (flow:to_server; app-layer-protocol:ftp; flowbits:set,x; sid:3;)\n"
		       "alert tcp any any -> any any (app-layer-protocol:ftp; flowbits:isset,x; sid:4;)\n"
		       "alert tcp any any -> any any (byte_test:2,>,5,0,dce; sid:5;)\n"
		       "alert tls any any -> any any (tls.cert_serial; content:\"0a:Bc\"; sid:6;)\n"
		       "alert tls any any -> any any (ja3.hash; content:\"AB12\"; sid:7;)\n");
	CHECK_UINT(rule_by_sid(&rig, 1)->kind, KIND_PROTOCOL);
	CHECK_UINT(rule_by_sid(&rig, 2)->kind, KIND_PACKET);
	CHECK_UINT(rule_by_sid(&rig, 3)->kind, KIND_PROTOCOL);
	CHECK_UINT(rule_by_sid(&rig, 4)->kind, KIND_PACKET);
	CHECK(rule_by_sid(&rig, 5)->apps == protocol_apps(slice_str("dcerpc")));
	CHECK(memcmp(rule_by_sid(&rig, 6)->op[0].bytes, "0A:BC", 5) == 0);
	CHECK(memcmp(rule_by_sid(&rig, 7)->op[0].bytes, "ab12", 4) == 0);
	rig_close(&rig);
}

static void
icmp_packet(struct rig *rig, unsigned type)
{
	rig_packet(rig, CC_TO_SERVER, "x", 1);
	rig_clear(rig);
	rig->pkt.icmp.type = (uint8_t)type;
	detect_run(rig->detect, &rig->flow, &rig->pkt, CC_TO_SERVER, &rig->batch);
}

/* ICMP has no ports, and numbers in some of its messages alone. */
TEST(icmp)
{
	struct rig rig;

	rig_open(&rig, "alert icmp any any -> any 0:1023 (itype:>0; sid:1;)\n"
		       "alert ip any any -> any !80 (content:\"x\"; sid:2;)\n"
		       "alert icmp any any -> any any (icmp_seq:0; sid:3;)\n"
		       "alert icmp any any -> any any (icmp_id:0; sid:4;)\n"
		       "alert ip any any -> any any (content:\"x\"; sid:5;)\n");
	rig.flow.proto = 1;
	rig.flow.tcp = TCP_NONE;
	rig.flow.side[0].port = rig.flow.side[1].port = 0;
	for (unsigned type = 8; type <= 11; type += 3) {
		icmp_packet(&rig, type);
		CHECK_UINT(rig_alerts(&rig, 1), 0);
		CHECK_UINT(rig_alerts(&rig, 2), 0);
		CHECK_UINT(rig_alerts(&rig, 3), type == 8);
		CHECK_UINT(rig_alerts(&rig, 4), type == 8);
		CHECK_UINT(rig_alerts(&rig, 5), 1);
		rig_clear(&rig);
	}
	rig_close(&rig);
}

/* Packets of a session that isn't followed: what waits for a stream looks at them, unless it wants nothing else. */
TEST(only_stream)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (flow:only_stream; content:\"abc\"; sid:1;)\n"
		       "alert tcp-stream any any -> any any (content:\"abc\"; sid:2;)\n"
		       "alert tcp any any -> any any (content:\"abc\"; sid:3;)\n");
	rig.flow.tcp = TCP_NONE;
	rig_packet(&rig, CC_TO_SERVER, "abc", 3);
	CHECK_UINT(rig_alerts(&rig, 1), 0);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	rig_clear(&rig);
	rig.flow.tcp = TCP_ESTABLISHED;
	rig_stream(&rig, CC_TO_SERVER, "abc", 3, false);
	for (unsigned sid = 1; sid <= 3; sid++)
		CHECK_UINT(rig_alerts(&rig, sid), 1);
	rig_close(&rig);
}

/* Digits alone are a time as it is, not a year. */
TEST(dates)
{
	struct rig rig;

	rig_open(&rig, "alert tls any any -> any any (tls_cert_notafter:>2036; sid:1;)\n"
		       "alert tls any any -> any any (tls_cert_notafter:>2000-01; sid:2;)\n");
	CHECK_UINT(rule_by_sid(&rig, 1)->op[0].number->a, 2036);
	CHECK_UINT(rule_by_sid(&rig, 2)->op[0].number->a, 946684800);
	rig_close(&rig);
}

TESTS(T(icmp), T(only_stream), T(dates), T(quote_in_a_text), T(several_marks), T(what_rules_become), T(values),
    T(rpc), T(asn1), T(geoip), T(snort3))
