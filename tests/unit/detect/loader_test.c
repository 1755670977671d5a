/* Reading rules: lines, quotes, lists, contradictions; each refusal with its place. */
#include "unit/detect/rig.h"

static bool
loads(const char *rule)
{
	struct rig rig;
	bool loaded;

	rig_open(&rig, rule);
	loaded = rig.report.loaded == 1 && rig.report.refused == 0;
	if (!loaded && rig.report.loaded + rig.report.refused != 1)
		printf("%.*s", (int)rig.report.text.size, (const char *)rig.report.text.p);
	rig_close(&rig);
	return loaded;
}

#define OPTIONS(text) loads("alert tcp any any -> any any (" text " sid:1;)\n")

TEST(lines)
{
	struct rig rig;

	rig_open(&rig,
	    "# a comment\r\n\r\nalert tcp any any -> any any (msg:\"one\"; \\\r\n  content:\"a\"; sid:1;)\r\n"
	    "#alert tcp any any -> any any (sid:9;)\n alert tcp any any -> any any (sid:2;)\n"
	    "alert tcp any any -> any any (msg:\"\xe9\"; sid:3;)");
	CHECK_UINT(rig.report.loaded, 2);
	CHECK_UINT(rig.report.refused, 1);
	CHECK(rig_said(&rig, ":6:1: a rule begins in the first column"));
	CHECK_UINT(rig.set->rule[0].info.line, 3);
	rig_close(&rig);
}

TEST(places)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (msg:\"x\"; content:\"a|4|\"; sid:1;)\n");
	CHECK(rig_said(&rig, ":1:40: content: half a byte"));
	rig_close(&rig);
	rig_open(&rig, "alert tcp $NONE any -> any any (sid:1;)\n");
	CHECK(rig_said(&rig, ":1:11: variable $NONE is not defined"));
	rig_close(&rig);
	rig_open(&rig, "alert quux any any -> any any (sid:1;)\n");
	CHECK(rig_said(&rig, ":1:7: protocol \"quux\""));
	rig_close(&rig);
	rig_open(&rig, "alert tcp any any -> any any (nonsense:1; sid:1;)\n");
	CHECK(rig_said(&rig, ":1:31: nonsense: unknown keyword"));
	rig_close(&rig);
}

TEST(quotes)
{
	CHECK(OPTIONS("msg:\"a \\\"b\\\" \\; \\\\ (c)\"; content:\"a\";"));
	CHECK(!OPTIONS("msg:\"a ; b\";"));
	CHECK(!OPTIONS("content:abc;"));
	CHECK(!OPTIONS("content:\"a\\nb\";"));
	CHECK(!OPTIONS("content:\"a\"b\";"));
	CHECK(!OPTIONS("content:\"|41 4|\";"));
	CHECK(!OPTIONS("content:\"|41\";"));
	CHECK(!OPTIONS("content:\"\";"));
	CHECK(OPTIONS("content:\"|414243|\"; CONTENT : \"x\" ; NoCase;"));
	CHECK(OPTIONS("content:\"a\\;b\\:\"; pcre:\"/a\\;b\\\"c\\//Ri\";"));
	CHECK(!loads("alert tcp any any -> any any (sid:1;) # no\n"));
	CHECK(!loads("alert tcp any any -> any any (content:\"a\"; sid:1)\n"));
	CHECK(!loads("alert tcp any any -> any any content:\"a\"; sid:1;\n"));
	CHECK(!loads("alert tcp any any -> any any (content:\"a\";)\n"));
}

TEST(contradictions)
{
	CHECK(!OPTIONS("content:\"abcdef\"; depth:3;"));
	CHECK(!OPTIONS("content:\"x\"; content:\"abcdef\"; within:3;"));
	CHECK(!OPTIONS("content:\"abc\"; startswith; offset:3;"));
	CHECK(!OPTIONS("content:\"abc\"; depth:3; within:5;"));
	CHECK(!OPTIONS("content:\"a\"; fast_pattern; content:\"b\"; fast_pattern;"));
	CHECK(!OPTIONS("content:\"abc\"; fast_pattern:only; offset:2;"));
	CHECK(!OPTIONS("content:\"abc\"; fast_pattern:2,3;"));
	CHECK(!OPTIONS("pcre:\"/a/R\";"));
	CHECK(!OPTIONS("pcre:\"/a(/\";"));
	CHECK(!OPTIONS("dsize:2; content:\"abc\";"));
	CHECK(!OPTIONS("flow:to_server,to_client;"));
	CHECK(!OPTIONS("flow:only_stream; dsize:3; content:\"a\";"));
	CHECK(!OPTIONS("http.uri; content:\"a\"; http.stat_code; content:\"200\";"));
	CHECK(!OPTIONS("http.host; content:\"ABC\";"));
	CHECK(!OPTIONS("http.uri; content:\"abc\"; bsize:2;"));
	CHECK(!OPTIONS("http.uri; http.method; content:\"GET\";"));
	CHECK(!OPTIONS("threshold:type limit, track by_src, count 1, seconds 1; detection_filter:track by_src, count "
		       "1, seconds 1;"));
	CHECK(!OPTIONS("dns.query; content:\"a\"; http.uri; content:\"b\";"));
	CHECK(OPTIONS("content:\"a\"; http_uri; content:\"b\"; http_header; content:\"c\";"));
}

TEST(lists)
{
	static const char *const vars[] = {"vars.address.HOME=[10.0.0.0/8,192.168.1.1]", "vars.address.OUT=!$HOME",
	    "vars.port.WEB=[80,8000:8010]", NULL};
	struct cc_addr a;
	struct rig rig;

	rig_open_with(
	    &rig, "alert tcp [$OUT,!1.2.3.0/24] ![$WEB,1:10] <> [$HOME,!10.0.0.5] [1024:,!2000] (sid:1;)\n", vars);
	CHECK_UINT(rig.report.loaded, 1);
	if (rig.report.loaded == 1) {
		const struct rule *rule = &rig.set->rule[0];
		static const struct {
			const char *text;
			bool src, dst;
		} table[] = {{"10.0.0.1", false, true}, {"10.0.0.5", false, false}, {"192.168.1.1", false, true},
		    {"192.168.1.2", true, false}, {"1.2.3.4", false, false}, {"1.2.4.0", true, false},
		    {"2001:db8::1", true, false}, {"255.255.255.255", true, false}, {"0.0.0.0", true, false}};

		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			CHECK(cc_addr_parse(table[i].text, &a) == CC_OK);
			CHECK(addr_set_has(rule->src, &a) == table[i].src);
			CHECK(addr_set_has(rule->dst, &a) == table[i].dst);
		}
		for (unsigned port = 0; port < 65536; port++) {
			CHECK(port_set_has(rule->sport, (uint16_t)port) ==
			      !(port == 80 || (port >= 8000 && port <= 8010) || (port >= 1 && port <= 10)));
			CHECK(port_set_has(rule->dport, (uint16_t)port) == (port >= 1024 && port != 2000));
		}
	}
	rig_close(&rig);
	CHECK(!loads("alert tcp [1.1.1.1,!1.1.1.1] any -> any any (sid:1;)\n"));
	CHECK(!loads("alert tcp any any <- any any (sid:1;)\n"));
	CHECK(!loads("alert tcp [1.1.1.1 any -> any any (sid:1;)\n"));
	CHECK(!loads("alert tcp 1.1.1.256 any -> any any (sid:1;)\n"));
	CHECK(!loads("alert tcp any 70000 -> any any (sid:1;)\n"));
	CHECK(loads("alert tcp 10.0.0.0/255.0.0.0 any -> 1.1.1.1-1.1.1.9 any (sid:1;)\n"));
}

TEST(duplicates)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (content:\"a\"; sid:1; rev:2;)\n"
		       "alert tcp any any -> any any (content:\"b\"; sid:1; rev:2;)\n"
		       "alert tcp any any -> any any (content:\"c\"; sid:1; rev:3;)\n"
		       "alert tcp any any -> any any (content:\"d\"; gid:2; sid:1;)\n");
	CHECK_UINT(rig.report.loaded, 2);
	CHECK_UINT(rig.report.refused, 1);
	CHECK_UINT(rig.report.warnings, 1);
	CHECK_UINT(rig.set->rule_count, 2);
	rig_close(&rig);
}

TEST(requirements)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (content:\"a\"; requires: version >= 7.0.3 < 8 | >= 9; sid:1;)\n"
		       "alert tcp any any => any any (quux:1; requires: version >= 8; sid:2;)\n");
	CHECK_UINT(rig.report.loaded, 1);
	CHECK_UINT(rig.report.refused, 0);
	CHECK_UINT(rig.report.warnings, 1);
	rig_close(&rig);
}

TEST(every_cut)
{
	static const char rule[] =
	    "alert http [1.1.1.1,!2.0.0.0/8] any -> any [80,90:] (msg:\"a\\\"b\"; flow:established,to_server; "
	    "content:\"a|20 0d|b\"; nocase; offset:1; depth:9; http_uri; pcre:\"/a.b/Ui\"; "
	    "byte_test:1,>,3,0,relative; flowbits:set,x; threshold:type limit,track by_src,count 1,seconds 3; sid:1;)";
	char cut[sizeof(rule)];

	for (size_t size = 1; size < sizeof(rule) - 1; size++) {
		memcpy(cut, rule, size);
		cut[size] = '\0';
		CHECK(!loads(cut));
	}
}

TEST(long_line)
{
	size_t size = RULE_LINE_MAX + 100;
	char *rule = malloc(size + 64);
	struct rig rig;

	memset(rule, 'x', size);
	memcpy(rule, "alert tcp any any -> any any (msg:\"", 35);
	strcpy(rule + size, "\"; sid:1;)\n");
	rig_open(&rig, rule);
	CHECK_UINT(rig.report.refused, 1);
	CHECK(rig_said(&rig, "longer than"));
	rig_close(&rig);
	free(rule);
}

TESTS(T(lines), T(places), T(quotes), T(contradictions), T(lists), T(duplicates), T(requirements), T(every_cut),
    T(long_line))
