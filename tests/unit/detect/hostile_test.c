/* Rules that somebody wrote to hurt: refused with a reason, or bounded; never more than their share of memory. */
#include "unit/detect/rig.h"

static struct buf text;

static void
open_text(void)
{
	if (text.max == 0)
		buf_open(&text, 64u << 20);
}

/* Loads what stands in text; the number of rules that loaded. */
static uint64_t
loads(const char *why, uint64_t rules)
{
	struct rig rig;
	uint64_t loaded, refused;
	bool said;

	buf_add_u8(&text, 0);
	rig_open(&rig, (const char *)text.p);
	loaded = rig.report.loaded;
	refused = rig.report.refused;
	said = why == NULL || rig_said(&rig, why);
	if (!said)
		printf("wanted: %s\n%.*s\n", why, (int)(rig.report.text.size < 500 ? rig.report.text.size : 500),
		    (const char *)rig.report.text.p);
	CHECK(said);
	CHECK_UINT(loaded + refused, rules);
	CHECK(rig.report.text.size < 100000);
	rig_close(&rig);
	buf_clear(&text);
	return loaded;
}

TEST(long_lines)
{
	open_text();
	buf_add_text(&text, "alert tcp any any -> any any (content:\"");
	for (unsigned i = 0; i < 10u << 20; i++)
		buf_add_u8(&text, 'a');
	buf_add_text(&text, "\"; sid:1;)\nalert tcp any any -> any any (content:\"x\"; sid:2;)\n");
	CHECK_UINT(loads("longer than 1048576 bytes", 2), 1);
	for (unsigned i = 0; i < 200000; i++) /* one rule over many lines */
		buf_add_text(&text, "alert tcp \\\n");
	buf_add_text(&text, "\nalert tcp any any -> any any (content:\"x\"; sid:2;)\n");
	CHECK_UINT(loads("longer than", 2), 1);
}

TEST(many_options)
{
	open_text();
	buf_add_text(&text, "alert tcp any any -> any any (");
	for (unsigned i = 0; i < 60000; i++)
		buf_add_text(&text, "content:\"a\";");
	buf_add_text(&text, "sid:1;)\n");
	CHECK_UINT(loads("more than 200 conditions", 1), 0);
	buf_add_text(&text, "alert tcp any any -> any any (content:\"a\";");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&text, "byte_math:bytes 1,offset 0,oper +,rvalue 1,result v%u;", i);
	buf_add_text(&text, "sid:1;)\n");
	CHECK_UINT(loads("more than 16 variables", 1), 0);
	buf_add_text(&text, "alert tcp any any -> any any (content:\"a\";");
	for (unsigned i = 0; i < 1000; i++)
		buf_add_text(&text, "ttl:>1;");
	buf_add_text(&text, "sid:1;)\n");
	CHECK_UINT(loads("more than 64 conditions", 1), 0);
	buf_add_text(&text, "alert http any any -> any any (");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&text, "http.uri;%.*s content:\"a\";", (int)(i % 9) * 13,
		    "to_lowercase;to_uppercase;to_lowercase;to_uppercase;"
		    "to_lowercase;to_uppercase;to_lowercase;to_uppercase;");
	buf_add_text(&text, "sid:1;)\n");
	CHECK_UINT(loads(NULL, 1), 0);
}

TEST(deep_lists)
{
	open_text();
	for (unsigned turn = 0; turn < 2; turn++) {
		buf_add_text(&text, turn == 0 ? "alert tcp " : "alert tcp any ");
		for (unsigned i = 0; i < 10000; i++)
			buf_add_u8(&text, '[');
		buf_add_text(&text, turn == 0 ? "10.0.0.1" : "80");
		for (unsigned i = 0; i < 10000; i++)
			buf_add_u8(&text, ']');
		buf_add_text(&text, turn == 0 ? " any -> any any (sid:1;)\n" : " -> any any (sid:1;)\n");
		CHECK_UINT(loads("nested deeper", 1), 0);
	}
	buf_add_text(&text, "alert tcp any any -> any any (pcre:\"/");
	for (unsigned i = 0; i < 100000; i++)
		buf_add_u8(&text, '(');
	buf_add_text(&text, "/\"; sid:1;)\n");
	CHECK_UINT(loads("pcre", 1), 0);
}

TEST(many_names)
{
	open_text();
	for (unsigned i = 0; i < 66000; i++)
		buf_printf(&text, "alert ip 10.0.0.%u any -> any any (flowbits:set,n%u; noalert; sid:%u;)\n", i % 250,
		    i, i + 1);
	CHECK(loads(NULL, 66000) <= 65536);
}

/* Expressions and programs that go back over and over end at their limits. */
TEST(endless_searches)
{
	char payload[1400];
	struct rig rig;

	memset(payload, 'a', sizeof(payload));
	rig_open(&rig, "alert udp any any -> any any (pcre:\"/^(a+)+$/\"; sid:1;)\n"
		       "alert udp any any -> any any (content:\"a\"; fast_pattern; content:\"a\"; distance:0; "
		       "content:\"a\"; distance:0; "
		       "content:\"a\"; distance:0; content:\"b\"; distance:0; sid:2;)\n"
		       "alert udp any any -> any any (pcre:\"/(a*)*(a*)*(a*)*b/\"; content:\"a\"; sid:3;)\n");
	rig.flow.proto = 17;
	payload[sizeof(payload) - 1] = '!';
	for (unsigned i = 0; i < 3; i++)
		rig_packet(&rig, CC_TO_SERVER, payload, sizeof(payload));
	CHECK_UINT(rig.batch.match_count, 0);
	CHECK(detect_counts(rig.detect)[DETECT_STEPS_LIMIT] >= 1);
	rig_close(&rig);
}

/* An expression that explodes is given up at its limit, told by a counter, and other rules go on. */
TEST(limits_of_expressions)
{
	static const char *const settings[] = {"detect.pcre_match_limit=1000", NULL};
	static const char bytes[] = "needle aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad";
	struct rig rig;

	rig_open_with(&rig,
	    "alert tcp any any -> any any (content:\"needle\"; pcre:\"/(a+)+[bc]/\"; sid:1;)\n"
	    "alert tcp any any -> any any (content:\"needle\"; pcre:!\"/(a+)+[bc]/\"; sid:2;)\n"
	    "alert tcp any any -> any any (content:\"needle\"; pcre:\"/a+d/\"; sid:3;)\n",
	    settings);
	CHECK_UINT(rig.report.loaded, 3);
	rig_stream(&rig, CC_TO_SERVER, bytes, sizeof(bytes) - 1, false);
	CHECK_UINT(detect_counts(rig.detect)[DETECT_PCRE_LIMIT], 2);
	CHECK_UINT(rig_alerts(&rig, 1), 0);
	CHECK_UINT(rig_alerts(&rig, 2), 0); /* nobody knows */
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	rig_close(&rig);
}

TESTS(T(limits_of_expressions), T(long_lines), T(many_options), T(deep_lists), T(many_names), T(endless_searches))
