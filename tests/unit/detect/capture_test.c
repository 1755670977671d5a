/* Groups of pcre that are kept, and the rules that ask for them. */
#include "unit/detect/rig.h"

#define TCP "alert tcp-pkt any any -> any any "

static void
say(struct rig *rig, const char *text)
{
	rig_packet(rig, CC_TO_SERVER, text, strlen(text));
}

TEST(flow)
{
	struct rig rig;

	rig_open(&rig, TCP "(pcre:\"/user=(?P<flow_user>[a-z]+)/\"; sid:1;)\n" TCP
			   "(pcre:\"/pass=([a-z]+):([0-9]+)/,flow:pass, flow:number\"; noalert; sid:2;)\n" TCP
			   "(content:\"end\"; flowvar:user,\"oo\"; sid:3;)\n" TCP
			   "(content:\"end\"; flowvar:user,!\"oo\"; sid:4;)\n" TCP
			   "(content:\"end\"; flowvar:pass,\"s|65|c\"; flowvar:number,\"42\"; sid:5;)\n");
	CHECK_UINT(rig.report.loaded, 5);
	CHECK_UINT(rig.report.warnings, 0);
	say(&rig, "end");
	CHECK_UINT(rig.batch.match_count, 0);
	say(&rig, "user=root");
	say(&rig, "end");
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 4), 0);
	say(&rig, "user=guest pass=secret:1421");
	say(&rig, "end");
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 4), 1);
	CHECK_UINT(rig_alerts(&rig, 5), 1);
	rig_close(&rig);
}

/* What a rule took that does not hold in the end is not there. */
TEST(half_held)
{
	struct rig rig;

	rig_open(&rig,
	    TCP "(pcre:\"/a(?P<flow_x>.)/\"; content:\"Z\"; distance:0; sid:1;)\n" TCP
		"(content:\"Q\"; flowvar:x,\"3\"; sid:2;)\n" TCP "(content:\"Q\"; flowvar:x,\"1\"; sid:3;)\n");
	say(&rig, "a1a2");
	say(&rig, "Q");
	CHECK_UINT(rig.batch.match_count, 0);
	say(&rig, "a1 Z a3 Q");
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	CHECK_UINT(rig_alerts(&rig, 2), 0);
	CHECK_UINT(rig_alerts(&rig, 3), 1); /* setters act before those that ask */
	rig_close(&rig);
}

TEST(packet)
{
	struct rig rig;

	rig_open(&rig, TCP "(pcre:\"/n=([a-z]+)/,pkt:n\"; sid:1;)\n" TCP "(content:\"n\"; pktvar:n,\"b\"; sid:2;)\n");
	say(&rig, "n=abc");
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	say(&rig, "n");
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	rig_close(&rig);
}

TEST(bounds)
{
	char rules[8192], *p = rules, text[600];
	struct rig rig;

	for (unsigned i = 0; i < 40; i++)
		p += sprintf(p, TCP "(pcre:\"/v%u=(.*)/s,flow:v%u\"; sid:%u;)\n", i, i, i + 1);
	sprintf(p, TCP "(content:\"?\"; flowvar:v39,\"x\"; sid:99;)\n");
	rig_open(&rig, rules);
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < 40; i++) {
		int size = sprintf(text, "v%u=", i);

		text[size] = 'x';
		rig_packet(&rig, CC_TO_SERVER, text, sizeof(text));
	}
	say(&rig, "?");
	CHECK_UINT(rig_alerts(&rig, 40), 1);
	CHECK_UINT(rig_alerts(&rig, 99), 0);
	CHECK_UINT(detect_counts(rig.detect)[DETECT_CAPTURES_LOST], 8);
	rig_close(&rig);
}

TEST(refused)
{
	static const char *const wrong[] = {"pcre:\"/a/,flow:x\";", "pcre:!\"/(a)/,flow:x\";", "pcre:\"/(a)/,flow:\";",
	    "pcre:\"/(a)/,x\";", "flowvar:x;", "flowvar:x,\"|4|\";", "pktvar:,\"a\";",
	    "pcre:\"/(a)(a)(a)(a)(a)(a)(a)(a)(a)/,flow:a,flow:b,flow:c,flow:d,flow:e,flow:f,flow:g,flow:h,flow:i\";"};
	char rule[256];
	struct rig rig;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(rule, sizeof(rule), TCP "(%s sid:1;)\n", wrong[i]);
		rig_open(&rig, rule);
		if (rig.report.refused != 1)
			printf("%s", rule);
		CHECK_UINT(rig.report.refused, 1);
		rig_close(&rig);
	}
}

TESTS(T(flow), T(half_held), T(packet), T(bounds), T(refused))
