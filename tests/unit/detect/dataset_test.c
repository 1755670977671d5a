/* Sets of values: files, what rules set and ask, limits, reload; the table against a naive one. */
#include "unit/detect/rig.h"

/* The values of a set are those of the packet's addresses: 10.0.0.1 to 10.0.0.2. */
TEST(ask_and_set)
{
	struct rig rig;

	rig_open(&rig,
	    "alert tcp any any -> any any (dsize:1; ip.src; dataset:isset,seen,type ip; sid:1;)\n"
	    "alert tcp any any -> any any (dsize:1; ip.src; dataset:isnotset,seen; sid:2;)\n"
	    "alert tcp any any -> any any (dsize:1; ip.dst; dataset:set,seen; sid:3;)\n"
	    "alert tcp any any -> any any (dsize:2; ip.dst; dataset:unset,seen; sid:4;)\n"
	    "alert tcp any any -> any any (dsize:1; ip.src; content:\"|0a 00 00 01|\"; bsize:4; sid:5;)\n"
	    "alert tcp any any -> any any (dsize:3; ip.src; dataset:set,seen; ip.dst; content:\"no\"; sid:6;)\n");
	CHECK_UINT(rig.report.loaded, 6);
	rig_packet(&rig, CC_TO_SERVER, "xxx", 3); /* the rule doesn't hold: nothing is set */
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 1), 0);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 5), 1);
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	rig_packet(&rig, CC_TO_CLIENT, "x", 1); /* 10.0.0.2 speaks, who was set */
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	rig_packet(&rig, CC_TO_SERVER, "xx", 2);
	rig_packet(&rig, CC_TO_SERVER, "xx", 2);
	CHECK_UINT(rig_alerts(&rig, 4), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 2); /* each of the two once */
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 3), 3);
	rig_close(&rig);
}

TEST(files)
{
	char list[64], rules[1024];
	struct rig rig;

	rig_file(list, "10.0.0.1,100\n10.0.0.9,7\nnonsense,1\n10.0.0.2\n10.0.0.3,65536\n");
	snprintf(rules, sizeof(rules),
	    "alert tcp any any -> any any (ip.src; datarep:a,>,99,load %s,type ipv4; sid:1;)\n"
	    "alert tcp any any -> any any (ip.src; datarep:a,<,100; sid:2;)\n"
	    "alert tcp any any -> any any (ip.src; datarep:a,==,100; sid:3;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,a; sid:4;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,b,type ip,load %s; sid:5;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,b,type md5; sid:6;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,c,type md5,load /nowhere/at/all; sid:7;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,d; sid:8;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:set,d,type ip,save /x; sid:9;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:set,d,type ip,state a/../../x; sid:10;)\n"
	    "alert tcp any any -> any any (dataset:set,d,type ip; sid:11;)\n"
	    "alert tcp any any -> any any (ip.dst; dataset:isset,d e,type ip; sid:12;)\n"
	    "alert tcp any any -> any any (ip.dst; datarep:a,?,1; sid:13;)\n",
	    list, list);
	rig_open(&rig, rules);
	unlink(list);
	CHECK_UINT(rig.report.loaded, 5);
	CHECK_UINT(rig.report.refused, 8);
	CHECK_UINT(rig.report.warnings, 3 + 2); /* in the second, a number may miss */
	rig_packet(&rig, CC_TO_SERVER, "x", 1);
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	CHECK_UINT(rig_alerts(&rig, 2), 0);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 4), 0);
	CHECK_UINT(rig_alerts(&rig, 5), 1);
	rig_close(&rig);
}

static struct dataset *
set_open(struct rig *rig)
{
	static const char *const settings[] = {"detect.dataset_max=100", NULL};

	rig_open_with(rig, "alert dns any any -> any any (dns.query; dataset:set,a,type md5; sid:1;)\n", settings);
	CHECK_UINT(rig->report.loaded, 1);
	return rig->set->dataset;
}

static bool
has(struct run *run, struct dataset *dataset, uint8_t value)
{
	uint8_t key[16] = {value};
	uint16_t rep;

	return dataset_has(run, dataset, key, &rep);
}

/* 128 values come and go in a set of 100. */
TEST(table)
{
	bool there[128] = {false};
	unsigned count = 0;
	uint64_t seed = 7;
	struct run run;
	struct rig rig;
	struct dataset *dataset = set_open(&rig);

	run_open(&run, rig.detect, NULL, NULL, CC_TO_SERVER, &rig.batch);
	for (unsigned round = 0; round < 100000; round++) {
		uint8_t value, key[16] = {0};

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		value = seed >> 33 & 127;
		key[0] = value;
		if ((seed >> 41 & 7) < 7) {
			dataset_set(&run, dataset, key);
			count += !there[value] && count < 100;
			there[value] = there[value] || has(&run, dataset, value);
		} else {
			dataset_unset(&run, dataset, key);
			count -= there[value];
			there[value] = false;
		}
		if (round % 64 == 0) {
			unsigned seen = 0;

			for (unsigned i = 0; i < 128; i++) {
				CHECK(has(&run, dataset, (uint8_t)i) == there[i]);
				seen += there[i];
			}
			CHECK_UINT(seen, count);
		}
	}
	CHECK(detect_counts(rig.detect)[DETECT_DATASET_FULL] > 0);
	rig_close(&rig);
}

TEST(reload)
{
	struct rig rig, other;
	struct dataset *dataset = set_open(&rig);
	uint8_t key[16] = {5};
	struct run run;

	set_open(&other);
	run_open(&run, rig.detect, NULL, NULL, CC_TO_SERVER, &rig.batch);
	dataset_set(&run, dataset, key);
	CHECK(!has(&run, other.set->dataset, 5));
	detect_switch(rig.detect, other.set);
	CHECK(has(&run, other.set->dataset, 5));
	CHECK(!has(&run, other.set->dataset, 6));
	rig_close(&rig);
	rig_close(&other);
}

TESTS(T(ask_and_set), T(files), T(table), T(reload))
