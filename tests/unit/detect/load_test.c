/* Loading: any number of threads brings the same; the cache holds against damage; a reload shares what has not changed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "unit/detect/rig.h"

#define RULES 400

static char folder[64];

static void
folder_make(void)
{
	strcpy(folder, "/tmp/concert-load-XXXXXX");
	if (mkdtemp(folder) == NULL)
		abort();
}

static void
folder_remove(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(folder);
}

/* Rules of all kinds that make names, buffers and expressions; changed: every so many says something else. */
static void
rules_write(char path[64], unsigned count, unsigned changed)
{
	FILE *file;

	rig_file(path, "");
	file = fopen(path, "w");
	for (unsigned i = 1; i <= count; i++) {
		fprintf(file, "alert http any any -> any %u (msg:\"%u\"; flow:to_server; ", 80 + i % 3, i);
		fprintf(
		    file, "http.uri; content:\"/path%04u/%s\"; ", i, changed > 0 && i % changed == 0 ? "new" : "old");
		if (i % 3 == 0)
			fprintf(file, "pcre:\"/a{%u}b/R\"; ", i % 20 + 1);
		if (i % 4 == 0)
			fprintf(file, "http.host; dotprefix; content:\".h%u.example\"; ", i);
		if (i % 5 == 0)
			fprintf(file, "flowbits:%s,name%u; ", i % 2 == 0 ? "set" : "isset", i / 2);
		if (i % 50 == 0)
			fprintf(file, "nonsense%u; ", i % 100);
		fprintf(file, "sid:%u;)\n", i);
	}
	fclose(file);
}

static struct conf *
conf_make(const char *path, unsigned threads, const char *cache)
{
	struct conf *conf = conf_new();
	char setting[256];
	char *why = NULL;

	snprintf(setting, sizeof(setting), "detect.rules=[%s]", path);
	CHECK(conf_set(conf, setting, &why) == CC_OK);
	snprintf(setting, sizeof(setting), "detect.load_threads=%u", threads);
	CHECK(conf_set(conf, setting, &why) == CC_OK);
	snprintf(setting, sizeof(setting), "detect.cache=%s", cache);
	CHECK(conf_set(conf, setting, &why) == CC_OK);
	return conf;
}

static struct ruleset *
load(const struct conf *conf, struct ruleset *old, struct ruleset_report *report)
{
	struct ruleset *set = NULL;

	*report = (struct ruleset_report){0};
	buf_open(&report->text, 1 << 24);
	buf_open(&report->reasons, 1 << 20);
	CHECK(ruleset_reload(conf, old, report, &set) == CC_OK);
	return set;
}

static void
report_close(struct ruleset_report *report)
{
	buf_close(&report->text);
	buf_close(&report->reasons);
}

TEST(any_number_of_threads)
{
	static const unsigned threads[] = {1, 2, 3, 8, 32};
	struct ruleset_report first, report;
	struct ruleset *one, *set;
	struct conf *conf;
	char path[64];

	rules_write(path, RULES, 0);
	conf = conf_make(path, 1, "no");
	one = load(conf, NULL, &first);
	conf_free(conf);
	CHECK_UINT(first.loaded, RULES - RULES / 50);
	CHECK_UINT(first.refused, RULES / 50);
	for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
		conf = conf_make(path, threads[t], "no");
		set = load(conf, NULL, &report);
		CHECK(slice_eq(buf_slice(&report.text), buf_slice(&first.text)));
		CHECK(slice_eq(buf_slice(&report.reasons), buf_slice(&first.reasons)));
		CHECK(memcmp(set->digest, one->digest, 32) == 0);
		CHECK_UINT(set->buffer_count, one->buffer_count);
		for (uint32_t b = 0; b < set->buffer_count && b < one->buffer_count; b++)
			CHECK(strcmp(set->buffer[b].name, one->buffer[b].name) == 0);
		CHECK_UINT(set->common->names->count, one->common->names->count);
		for (uint32_t i = 0; i < one->rule_count; i++) {
			CHECK_UINT(set->rule[i].info.sid, one->rule[i].info.sid);
			CHECK_UINT(set->rule[i].check_count, one->rule[i].check_count);
			for (unsigned c = 0; c < one->rule[i].check_count; c++)
				CHECK_UINT(set->rule[i].check[c].a, one->rule[i].check[c].a);
			for (unsigned s = 0; s < one->rule[i].segment_count; s++)
				CHECK_UINT(set->rule[i].segment[s].buffer, one->rule[i].segment[s].buffer);
		}
		CHECK_UINT(set->db_count, one->db_count);
		report_close(&report);
		ruleset_free(set);
		conf_free(conf);
	}
	ruleset_free(one);
	report_close(&first);
	unlink(path);
}

TEST(reload_shares_what_is_the_same)
{
	struct ruleset_report report;
	struct ruleset *set, *next;
	struct conf *conf;
	char path[64], more[64];

	rules_write(path, RULES, 0);
	conf = conf_make(path, 2, "no");
	set = load(conf, NULL, &report);
	CHECK_UINT(report.kept, 0);
	report_close(&report);

	next = load(conf, set, &report); /* nothing has changed */
	CHECK_UINT(report.loaded, RULES - RULES / 50);
	CHECK_UINT(report.kept, report.loaded);
	CHECK(report.databases > 0);
	CHECK_UINT(report.databases_kept, report.databases);
	CHECK(memcmp(set->digest, next->digest, 32) == 0);
	ruleset_free(set);
	report_close(&report);
	set = next;

	rules_write(more, RULES, 40); /* ten rules have, of which eight can be read */
	conf_free(conf);
	conf = conf_make(more, 2, "no");
	next = load(conf, set, &report);
	CHECK_UINT(report.loaded - report.kept, 8);
	CHECK(report.databases_kept < report.databases);
	for (uint32_t i = 0; i < set->rule_count; i++) {
		uint32_t now = next->moved[i];

		CHECK_UINT(set->rule[i].info.sid % 40 == 0, now == UINT32_MAX);
		if (now != UINT32_MAX) {
			CHECK_UINT(next->rule[now].info.sid, set->rule[i].info.sid);
			CHECK(next->rule[now].body == set->rule[i].body);
			CHECK(strcmp(next->rule[now].info.file, more) == 0);
		}
	}
	ruleset_free(set);
	report_close(&report);
	set = next;

	rig_set(&(struct rig){.conf = conf}, "vars.port.HTTP_PORTS=8080"); /* rules mean something else */
	next = load(conf, set, &report);
	CHECK_UINT(report.kept, 0);
	CHECK(next->common != set->common && next->common->names == set->common->names);
	ruleset_free(next);
	ruleset_free(set);
	report_close(&report);
	conf_free(conf);
	unlink(path);
	unlink(more);
}

static bool
text_has(const struct buf *text, const char *what)
{
	struct slice s = buf_slice(text);

	return memmem(s.p, s.size, what, strlen(what)) != NULL;
}

static void
text_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static int
severity_at(struct ruleset *set, uint32_t sid)
{
	for (uint32_t i = 0; i < set->rule_count; i++) {
		if (set->rule[i].info.sid == sid)
			return (int)set->rule[i].info.priority;
	}
	return -1;
}

/* What stands beside the rules is read again; a file that is of no use keeps the set that is there. */
TEST(reload_reads_what_stands_beside_the_rules)
{
	static const char *const key[] = {"detect.iprep_categories", "detect.iprep_files", "detect.threshold_file",
	    "detect.classification", "detect.reference"};
	static const char *const first[] = {"1,bad,Bad\n", "10.0.0.1,1,50\n", "suppress gen_id 1, sig_id 1\n",
	    "config classification: misc,Misc,3\n", "config reference: x http://one/\n"};
	static const char *const later[] = {"1,bad,Bad\n2,worse,Worse\n", "10.0.0.1,1,90\n",
	    "suppress gen_id 1, sig_id 2\n", "config classification: misc,Misc,2\n",
	    "config reference: x http://two/\n"};
	struct ruleset_report report;
	struct ruleset *set, *next;
	char rules[64], path[5][64], setting[256], *why = NULL;
	struct conf *conf;
	struct cc_addr addr = {{0}};

	rig_file(rules, "alert ip any any -> any any (iprep:src,bad,>,60; classtype:misc; reference:x,a; sid:1;)\n"
			"alert ip any any -> any any (iprep:src,bad,>,60; classtype:misc; reference:x,a; sid:2;)\n");
	conf = conf_make(rules, 1, "no");
	for (unsigned i = 0; i < 5; i++) {
		rig_file(path[i], first[i]);
		snprintf(setting, sizeof(setting), i == 1 ? "%s=[%s]" : "%s=%s", key[i], path[i]);
		CHECK(conf_set(conf, setting, &why) == CC_OK);
	}
	CHECK(cc_addr_parse("10.0.0.1", &addr) == CC_OK);
	set = load(conf, NULL, &report);
	report_close(&report);
	CHECK_UINT(iprep_score(set->iprep, 1, &addr), 50);
	CHECK_UINT(severity_at(set, 1), 3);
	CHECK(set->rule[0].suppress != NULL && set->rule[1].suppress == NULL);

	for (unsigned i = 0; i < 5; i++)
		text_write(path[i], later[i]);
	next = load(conf, set, &report);
	report_close(&report);
	CHECK_UINT(iprep_score(next->iprep, 1, &addr), 90);
	CHECK_UINT(iprep_category(next->iprep, slice_str("worse")), 2);
	CHECK_UINT(severity_at(next, 1), 2);
	CHECK(next->rule[0].suppress == NULL && next->rule[1].suppress != NULL);
	CHECK(slice_eq(next->rule[0].info.reference_url[0], slice_str("http://two/a")));
	CHECK(slice_eq(set->rule[0].info.reference_url[0], slice_str("http://one/a")));
	ruleset_free(set);
	set = next;

	for (unsigned i = 0; i < 5; i++) {
		for (unsigned gone = 0; gone < 2; gone++) {
			if (gone)
				unlink(path[i]);
			else
				text_write(path[i], "# half written\n<html>\nnothing\n");
			report = (struct ruleset_report){0};
			buf_open(&report.text, 1 << 20);
			buf_open(&report.reasons, 1 << 20);
			next = NULL;
			CHECK(ruleset_reload(conf, set, &report, &next) != CC_OK);
			CHECK(next == NULL);
			CHECK(text_has(&report.text, path[i]));
			report_close(&report);
		}
		text_write(path[i], later[i]);
		next = load(conf, set, &report);
		report_close(&report);
		ruleset_free(set);
		set = next;
	}
	CHECK_UINT(iprep_score(set->iprep, 1, &addr), 90);
	ruleset_free(set);
	conf_free(conf);
	unlink(rules);
	for (unsigned i = 0; i < 5; i++)
		unlink(path[i]);
}

/* The path of the one file in the cache. */
static void
cached(char path[512])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	path[0] = '\0';
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			snprintf(path, 512, "%s/%s", folder, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

TEST(cache_holds_against_damage)
{
	static const uint8_t key[32] = {1, 2, 3}, other[32] = {9};
	static const char bytes[] = "what Hyperscan has made of patterns";
	struct conf *conf;
	struct cache *cache;
	uint8_t content[512], *got;
	size_t size, got_size;
	char path[512], aside[300];
	FILE *file;

	folder_make();
	conf = conf_make("x", 1, folder);
	cache = cache_open(conf, true);
	CHECK(cache != NULL);
	CHECK(cache_get(cache, key, &got, &got_size) == CC_ABSENT);
	cache_put(cache, key, slice_str(bytes));
	CHECK(cache_get(cache, other, &got, &got_size) == CC_ABSENT);
	CHECK(cache_get(cache, key, &got, &got_size) == CC_OK && slice_is(slice_of(got, got_size), bytes));
	free(got);
	cached(path);
	file = fopen(path, "r");
	size = fread(content, 1, sizeof(content), file);
	fclose(file);
	log_open("load_test", (enum log_level)-1);
	for (size_t i = 0; i < 2 * size; i++) { /* each byte flipped; then cut at each */
		uint8_t bad[512];

		memcpy(bad, content, size);
		bad[i % size] ^= (uint8_t)(i < size ? 0x20 : 0);
		file = fopen(path, "w");
		fwrite(bad, 1, i < size ? size : i - size, file);
		fclose(file);
		chmod(path, 0600);
		CHECK(cache_get(cache, key, &got, &got_size) == CC_ABSENT);
		CHECK(access(path, F_OK) != 0);
	}
	cache_put(cache, key, slice_str(bytes));
	chmod(path, 0622);
	CHECK(cache_get(cache, key, &got, &got_size) == CC_ABSENT);
	cache_put(cache, key, slice_str(bytes));
	snprintf(aside, sizeof(aside), "%s/aside", folder);
	CHECK(rename(path, aside) == 0 && symlink(aside, path) == 0);
	CHECK(cache_get(cache, key, &got, &got_size) == CC_ABSENT);
	unlink(aside);
	cache_close(cache);

	chmod(folder, 0777);
	CHECK(cache_open(conf, true) == NULL);
	chmod(folder, 0700);
	conf_free(conf);
	snprintf(aside, sizeof(aside), "%s-link", folder);
	CHECK(symlink(folder, aside) == 0);
	conf = conf_make("x", 1, aside);
	CHECK(cache_open(conf, true) == NULL);
	unlink(aside);
	conf_free(conf);
	folder_remove();
}

TEST(cache_is_bounded)
{
	struct conf *conf;
	struct cache *cache;
	uint8_t big[4000] = {0}, key[32] = {0}, *got;
	size_t size;

	folder_make();
	conf = conf_make("x", 1, folder);
	rig_set(&(struct rig){.conf = conf}, "detect.cache_max=10k");
	cache = cache_open(conf, true);
	for (key[0] = 1; key[0] <= 4; key[0]++) {
		cache_put(cache, key, slice_of(big, sizeof(big)));
		usleep(20000); /* an order of age that the file system tells */
	}
	cache_close(cache);
	cache = cache_open(conf, false);
	for (key[0] = 1; key[0] <= 4; key[0]++) {
		bool there = cache_get(cache, key, &got, &size) == CC_OK;

		CHECK_UINT(there, key[0] >= 3);
		if (there)
			free(got);
	}
	cache_close(cache);
	conf_free(conf);
	folder_remove();
}

/* A whole load from the cache; a database that is no database, under the right digest, is compiled anew. */
TEST(databases_from_the_cache)
{
	struct ruleset_report report;
	struct ruleset *set;
	struct conf *conf;
	struct cache *cache;
	char path[64];
	uint8_t key[32];
	uint64_t there;

	folder_make();
	rules_write(path, RULES, 0);
	conf = conf_make(path, 2, folder);
	set = load(conf, NULL, &report);
	CHECK_UINT(report.databases_cached, 0);
	report_close(&report);
	memset(key, 0, sizeof(key));
	ruleset_free(set);
	set = load(conf, NULL, &report);
	there = report.databases_cached;
	CHECK(there > 0);
	report_close(&report);
	log_open("load_test", (enum log_level)-1);
	cache = cache_open(conf, true);
	for (uint32_t i = 0; i < set->db_count; i++) {
		db_key(set->db[i], key);
		cache_put(cache, key, slice_str("not what hs_serialize_database() writes"));
	}
	cache_close(cache);
	ruleset_free(set);
	set = load(conf, NULL, &report);
	CHECK_UINT(report.databases_cached, 0);
	CHECK_UINT(report.loaded, RULES - RULES / 50);
	report_close(&report);
	ruleset_free(set);
	set = load(conf, NULL, &report);
	CHECK_UINT(report.databases_cached, there);
	report_close(&report);
	ruleset_free(set);
	conf_free(conf);
	unlink(path);
	folder_remove();
}

static void
reload(struct rig *rig, const char *rules)
{
	struct ruleset_report report;
	struct ruleset *set;
	FILE *file = fopen(rig->path, "w");

	fputs(rules, file);
	fclose(file);
	set = load(rig->conf, rig->set, &report);
	detect_switch(rig->detect, set);
	ruleset_free(rig->set);
	rig->set = set;
	report_close(&report);
}

#define MARK "alert tcp any any -> any any (content:\"one\"; flowbits:set,seen; sid:1;)\n"
#define ASK "alert tcp any any -> any any (flowbits:isset,seen; content:\"two\"; sid:2;)\n"
#define HALF "alert tcp any any -> any any (flow:only_stream; content:\"abc\"; content:\"xyz\"; distance:0; sid:3;)\n"

/* Flowbits stay; a stream rule that is half matched goes on when it has not changed, whatever its number is now. */
TEST(flows_remember_over_a_reload)
{
	static const char first[] = "pass tcp any any -> any 1 (content:\"never\"; sid:9;)\n";
	static const char more[] = "pass tcp any any -> any 1 (content:\"new\"; flowbits:set,other; sid:8;)\n";
	struct rig rig;
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s", MARK, ASK, HALF);
	rig_open(&rig, text);
	CHECK_UINT(rig.report.loaded, 3);
	rig_stream(&rig, CC_TO_SERVER, "one abc", 7, false);
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	rig_clear(&rig);
	snprintf(text, sizeof(text), "%s%s%s%s%s", first, more, HALF, MARK, ASK);
	reload(&rig, text);
	rig_stream(&rig, CC_TO_SERVER, " xyz two", 8, false);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 1);
	CHECK_UINT(rig_alerts(&rig, 1), 0);
	rig_clear(&rig);

	reload(&rig, MARK ASK); /* a rule goes; another set in between, too */
	reload(&rig, ASK MARK);
	rig_stream(&rig, CC_TO_SERVER, " xyz two", 8, false);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	CHECK_UINT(rig_alerts(&rig, 3), 0);
	rig_close(&rig);
}

TESTS(T(reload_reads_what_stands_beside_the_rules), T(any_number_of_threads), T(reload_shares_what_is_the_same),
    T(cache_holds_against_damage), T(cache_is_bounded), T(databases_from_the_cache), T(flows_remember_over_a_reload))
