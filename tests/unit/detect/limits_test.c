/* reference.config, and threshold.config: who is kept back, how often others speak, and lines that are wrong. */
#include "unit/detect/rig.h"

static char path[64];

static void
limits_open(struct rig *rig, const char *limits, const char *rules)
{
	char setting[128];
	const char *settings[] = {setting, NULL};

	rig_file(path, limits);
	snprintf(setting, sizeof(setting), "detect.threshold_file=%s", path);
	rig_open_with(rig, rules, settings);
	unlink(path);
}

#define RULE(sid) "alert tcp any any -> any any (dsize:1; sid:" sid ";)\n"

TEST(suppress)
{
	struct rig rig;

	limits_open(&rig,
	    "# a comment\n"
	    "suppress gen_id 1, sig_id 1\n"
	    "suppress gen_id 1, sig_id 2, track by_src, ip 10.0.0.1\n"
	    "suppress gen_id 1, sig_id 3, track by_dst, ip [10.0.0.0/24,!10.0.0.2]\n"
	    "suppress gen_id 1, sig_id 4, track by_either, ip 10.0.0.2/32\n"
	    "suppress gen_id 1, \\\n sig_id 5, track by_src, ip $SERVERS\n"
	    "suppress gen_id 7, sig_id 0\n",
	    RULE("1") RULE("2") RULE("3") RULE("4") "alert tcp any any -> any any (dsize:1; sid:6; gid:7;)\n");
	CHECK_UINT(rig.report.warnings, 1); /* the variable is not there */
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	rig_packet(&rig, CC_TO_CLIENT, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 1), 0);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 4), 0);
	CHECK_UINT(rig_alerts(&rig, 6), 0);
	CHECK_UINT(detect_counts(rig.detect)[DETECT_SUPPRESSED], 2 + 1 + 1 + 2 + 2);
	rig_close(&rig);
}

TEST(rates)
{
	struct rig rig;

	limits_open(&rig,
	    "threshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60\n"
	    "event_filter gen_id 1, sig_id 2, type threshold, track by_rule, count 3, seconds 60\n"
	    "event_filter gen_id 0, sig_id 0, type both, track by_dst, count 2, seconds 60\n"
	    "rate_filter gen_id 1, sig_id 3, track by_rule, count 4, seconds 60, new_action pass, timeout 1\n",
	    RULE("1") RULE("2") RULE("3")
		RULE("4") "alert tcp any any -> any any (dsize:1; threshold:type limit,track by_src,count 5,seconds 9; "
			  "sid:5;)\n");
	CHECK_UINT(rig.report.warnings, 0);
	for (unsigned i = 0; i < 10; i++)
		rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 1), 2);
	CHECK_UINT(rig_alerts(&rig, 2), 3);
	CHECK_UINT(rig_alerts(&rig, 4), 1);
	CHECK_UINT(rig_alerts(&rig, 5), 5); /* its own stays */
	rig_close(&rig);
	/* In force from the fifth match on, for the second at hand and the next; it passes the rules behind, too. */
	limits_open(&rig,
	    "rate_filter gen_id 1, sig_id 3, track by_rule, count 4, seconds 60, new_action pass, timeout 1\n",
	    RULE("2") RULE("3") RULE("4"));
	for (unsigned i = 0; i < 10; i++)
		rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 2), 10);
	CHECK_UINT(rig_alerts(&rig, 3), 4);
	CHECK_UINT(rig_alerts(&rig, 4), 4);
	rig.frame.time += 2 * NS_PER_S;
	for (unsigned i = 0; i < 7; i++)
		rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(
	    rig_alerts(&rig, 3), 4 + 5); /* the first one ends it and isn't counted; the count of before is old */
	rig_close(&rig);
}

TEST(wrong_lines)
{
	static const char *const wrong[] = {"nonsense", "suppress", "suppress gen_id 1", "suppress gen_id x, sig_id 1",
	    "suppress gen_id 1, sig_id 1, track by_src", "suppress gen_id 1, sig_id 1, ip 10.0.0.1",
	    "suppress gen_id 1, sig_id 1, track by_rule, ip 10.0.0.1", "suppress gen_id 1, sig_id 99",
	    "suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.1", "suppress gen_id 1, sig_id 1, count 1",
	    "threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 1",
	    "threshold gen_id 1, sig_id 1, type limit, track by_src, seconds 1",
	    "event_filter gen_id 1, sig_id 1, type , track by_src, count 1, seconds 1",
	    "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, timeout 1",
	    "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action shout, timeout 1"};
	struct rig rig;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		limits_open(&rig, wrong[i], RULE("1"));
		if (rig.report.warnings != 1)
			printf("%s\n", wrong[i]);
		CHECK_UINT(rig.report.warnings, 1);
		CHECK_UINT(rig.report.loaded, 1);
		rig_packet(&rig, CC_TO_SERVER, "x", 1);
		CHECK_UINT(rig_alerts(&rig, 1), 1);
		rig_close(&rig);
	}
}

static bool
url_is(const struct rig *rig, uint32_t sid, size_t at, const char *url)
{
	for (uint32_t i = 0; i < rig->set->rule_count; i++) {
		const struct rule_info *info = &rig->set->rule[i].info;

		if (info->sid == sid)
			return at < info->reference_count && slice_is(info->reference_url[at], url);
	}
	return false;
}

#define REFERS(sid, text) "alert tcp any any -> any any (dsize:1; " text " sid:" sid ";)\n"

TEST(references)
{
	const char *settings[] = {NULL, NULL};
	char setting[128];
	struct rig rig;

	rig_open(&rig, REFERS("1", "reference:url,example.org/a; reference:CVE, 2021-44228; reference:odd,x;"));
	CHECK_UINT(rig.report.warnings, 0);
	CHECK(url_is(&rig, 1, 0, "http://example.org/a"));
	CHECK(url_is(&rig, 1, 1, "https://cve.mitre.org/cgi-bin/cvename.cgi?name=2021-44228"));
	CHECK(url_is(&rig, 1, 2, ""));
	rig_close(&rig);
	rig_file(path, "# schemes\nconfig reference: url\thttps://\nconfig  reference: a b\nconfig reference: none\n");
	snprintf(setting, sizeof(setting), "detect.reference=%s", path);
	settings[0] = setting;
	rig_open_with(&rig,
	    REFERS("1", "reference:url,example.org/a; reference:cve,1;") REFERS("2", "reference:cve,2;")
		REFERS("3", "reference:none,2; reference:url,http://example.org/;"),
	    settings);
	unlink(path);
	CHECK_UINT(rig.report.loaded, 3);
	CHECK_UINT(rig.report.warnings, 2);
	CHECK(rig_said(&rig, ":3:1: warning: should be"));
	CHECK(rig_said(&rig, ":1:69: reference: warning: scheme \"cve\" is not in the file"));
	CHECK(url_is(&rig, 1, 0, "https://example.org/a"));
	CHECK(url_is(&rig, 2, 0, ""));
	CHECK(url_is(&rig, 3, 0, ""));
	CHECK(url_is(&rig, 3, 1, "http://example.org/"));
	rig_close(&rig);
}

TESTS(T(references), T(suppress), T(rates), T(wrong_lines))
