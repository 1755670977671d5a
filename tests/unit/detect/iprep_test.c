/* Reputation lists: the narrowest prefix speaks, wrong lines are told, and the keyword's sides and operators. */
#include "unit/detect/rig.h"

static char category_path[64], entry_path[64], setting[2][128];

static void
lists_open(struct rig *rig, const char *categories, const char *entries, const char *rules)
{
	const char *settings[] = {setting[0], setting[1], NULL};

	rig_file(category_path, categories);
	rig_file(entry_path, entries);
	snprintf(setting[0], sizeof(setting[0]), "detect.iprep_categories=%s", category_path);
	snprintf(setting[1], sizeof(setting[1]), "detect.iprep_files=[%s]", entry_path);
	rig_open_with(rig, rules, settings);
	unlink(category_path);
	unlink(entry_path);
}

static int
score(const struct rig *rig, unsigned category, const char *text)
{
	struct cc_addr addr;

	CHECK(cc_addr_parse(text, &addr) == CC_OK);
	return iprep_score(rig->set->iprep, category, &addr);
}

TEST(narrowest_prefix)
{
	struct rig rig;

	lists_open(&rig, "# what we know\n1,bad,Bad hosts\n2,good,Good hosts\n0,none,x\n60,none,x\n",
	    "10.0.0.0/8,1,10\n10.1.0.7/16,1,20\n10.1.2.3,1,30\n10.1.2.3,1,31\n10.0.0.1,2,127\n255.255.255.255,1,1\n"
	    "2001:db8::/32,1,40\n10.0.0.0/8\n10.0.0.300,1,1\n10.0.0.1,1,128\n10.0.0.1,99,1\nffff::/16,1,5\n",
	    NULL);
	CHECK(iprep_category(rig.set->iprep, slice_str("bad")) == 1);
	CHECK(iprep_category(rig.set->iprep, slice_str("none")) == 0);
	CHECK_UINT(rig.report.warnings, 6);
	CHECK(score(&rig, 1, "9.255.255.255") == -1);
	CHECK(score(&rig, 1, "10.0.0.0") == 10);
	CHECK(score(&rig, 1, "10.1.0.0") == 20);
	CHECK(score(&rig, 1, "10.1.2.2") == 20);
	CHECK(score(&rig, 1, "10.1.2.3") == 31);
	CHECK(score(&rig, 1, "10.1.2.4") == 20);
	CHECK(score(&rig, 1, "10.2.0.0") == 10);
	CHECK(score(&rig, 1, "11.0.0.0") == -1);
	CHECK(score(&rig, 1, "255.255.255.255") == 1);
	CHECK(score(&rig, 1, "2001:db8:1::1") == 40);
	CHECK(score(&rig, 1, "2001:db9::") == -1);
	CHECK(score(&rig, 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == 5);
	CHECK(score(&rig, 2, "10.0.0.1") == 127 && score(&rig, 2, "10.0.0.2") == -1);
	rig_close(&rig);
}

/* Client 10.0.0.1 has a score, server 10.0.0.2 none in "bad". */
TEST(sides)
{
	struct rig rig;

	lists_open(&rig, "1,bad,Bad\n2,net,Net\n", "10.0.0.1,1,50\n10.0.0.0/24,2,0\n",
	    "alert tcp any any -> any any (dsize:1; iprep:src,bad,>,10; sid:1;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:dst,bad,>,10; sid:2;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:any,bad,>=,50; sid:3;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:both,bad,<,51; sid:4;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:both,net,=,0; sid:5;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:dst,bad,isnotset; sid:6;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:any,bad,isnotset; sid:7;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:both,bad,isnotset; sid:8;)\n"
	    "alert tcp any any -> any any (dsize:1; iprep:src,bad,isset; sid:9;)\n"
	    "alert ip any any -> any any (iprep:src,bad,!=,0; sid:10;)\n"
	    "alert ip any any -> any any (iprep:src,other,isset; sid:11;)\n"
	    "alert ip any any -> any any (iprep:src,bad,>,128; sid:12;)\n"
	    "alert ip any any -> any any (iprep:src,bad; sid:13;)\n"
	    "alert ip any any -> any any (iprep:left,bad,isset; sid:14;)\n");
	CHECK_UINT(rig.report.loaded, 10);
	CHECK_UINT(rig.report.refused, 4);
	CHECK(rig_said(&rig, "the category \"other\" is not in the file"));
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	for (uint32_t sid = 1; sid <= 10; sid++) {
		bool holds = sid == 1 || sid == 3 || sid == 5 || sid == 6 || sid == 7 || sid == 9 || sid == 10;

		CHECK_UINT(rig_alerts(&rig, sid), holds);
	}
	rig_close(&rig);
}

TESTS(T(narrowest_prefix), T(sides))
