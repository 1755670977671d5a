/* The table of keys: defaults, ranges, YAML with every problem told by line, and printing that reads back the same. */
#include <unistd.h>

#include "base/base.h"
#include "conf/conf.h"
#include "unit/test.h"

static char *
file_of(const char *text)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/concert-conf-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	return path;
}

static enum cc_status
read_text(struct conf *conf, const char *text, char **ret_why)
{
	char *path = file_of(text);
	enum cc_status st = conf_read(conf, path, ret_why);

	unlink(path);
	return st;
}

TEST(defaults_hold)
{
	struct conf *conf = conf_new();

	CHECK(conf != NULL);
	CHECK_UINT(conf->flow_max, 262144);
	CHECK_UINT(conf->memory_limit, 1ull << 30);
	CHECK_UINT(conf->flow_timeout_new, 30 * NS_PER_S);
	CHECK_TEXT(conf->exchange_prefix, "concert");
	conf_free(conf);
	conf_free(NULL);
}

TEST(set_takes_units_and_refuses_the_rest)
{
	struct conf *conf = conf_new();
	static const char *const bad[] = {"flow.max=0", "flow.max=many", "flow.max", "=3",
	    "flow.max=99999999999999999999", "flow.timeout_new=3 parsecs", "exchange.ceiling=purple",
	    "eve.extended=maybe", "flow.maxx=3", "vars.address=[1.2.3.4]", "memory.limit=1", "capture.ring=1q"};
	char *why;

	CHECK(conf_set(conf, "memory.limit=2g", &why) == CC_OK && conf->memory_limit == 2ull << 30);
	CHECK(conf_set(conf, "flow.timeout_new=200ms", &why) == CC_BAD);
	free(why);
	CHECK(conf_set(conf, "flow.timeout_new=2m", &why) == CC_OK && conf->flow_timeout_new == 120 * NS_PER_S);
	CHECK(conf_set(conf, "exchange.ceiling=green", &why) == CC_OK && conf->exchange_ceiling == 1);
	CHECK(conf_set(conf, "eve.types=[alert, dns]", &why) == CC_OK && conf->eve_types.count == 2);
	CHECK_TEXT(conf->eve_types.item[1], "dns");
	CHECK(conf_set(conf, "vars.address.HOME_NET=[10.0.0.0/8,!10.1.0.0/16]", &why) == CC_OK);
	CHECK_TEXT(conf_map_get(&conf->detect_vars_address, "HOME_NET"), "[10.0.0.0/8,!10.1.0.0/16]");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(conf_set(conf, bad[i], &why) == CC_BAD);
		CHECK(why != NULL);
		free(why);
	}
	CHECK_UINT(conf->flow_max, 262144);
	conf_free(conf);
}

TEST(unknown_key_has_a_hint)
{
	struct conf *conf = conf_new();
	char *why;

	CHECK(conf_set(conf, "flow.mox=3", &why) == CC_BAD);
	CHECK_TEXT(why, "no key named 'flow.mox' (did you mean 'flow.max'?)");
	free(why);
	conf_free(conf);
}

TEST(yaml_nested_and_dotted_are_one)
{
	struct conf *conf = conf_new();
	char *why = NULL;

	CHECK(read_text(conf,
		  "flow:\n  max: 1000\nflow.seed: 1\n", &why) == CC_BAD); /* flow.seed is no key */
	free(why);
	CHECK(read_text(conf,
		  "flow:\n  max: 1000\ndecode.depth: 3\nvars:\n  address:\n    HOME_NET: [10.0.0.0/8, 192.168.0.0/16]\n"
		  "kafka:\n  security.protocol: ssl\n  ssl.ca.location: /etc/ca.pem\neve.types: [alert]\n",
		  &why) == CC_OK);
	CHECK(why == NULL || *why == '\0');
	free(why);
	CHECK_UINT(conf->flow_max, 1000);
	CHECK_UINT(conf->decode_depth, 3);
	CHECK_TEXT(conf_map_get(&conf->detect_vars_address, "HOME_NET"), "[10.0.0.0/8,192.168.0.0/16]");
	CHECK_TEXT(conf_map_get(&conf->kafka, "ssl.ca.location"), "/etc/ca.pem");
	conf_free(conf);
}

TEST(every_problem_is_told_by_line)
{
	struct conf *conf = conf_new();
	char *why = NULL;

	CHECK(read_text(conf, "flow.max: 0\ndecode.depth: 2\nnonsense: 1\nexchange.ceiling: blue\n", &why) == CC_BAD);
	CHECK(why != NULL && strstr(why, ":1: flow.max: 0 is out of range") != NULL);
	CHECK(why != NULL && strstr(why, ":3: no key named 'nonsense'") != NULL);
	CHECK(why != NULL && strstr(why, ":4: exchange.ceiling: 'blue' is none of") != NULL);
	CHECK_UINT(conf->decode_depth, 2);
	free(why);
	CHECK(read_text(conf, "a: [b\n", &why) == CC_BAD && why != NULL);
	free(why);
	CHECK(read_text(conf, "- a\n- b\n", &why) == CC_BAD && why != NULL);
	free(why);
	CHECK(conf_read(conf, "/nonexistent/concert.yaml", &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "/nonexistent/concert.yaml") != NULL);
	free(why);
	conf_free(conf);
}

TEST(printed_configuration_reads_back)
{
	struct conf *conf = conf_new(), *again = conf_new();
	char *text = NULL, *second = NULL, *why = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK(conf_set(conf, "vars.address.HOME_NET=[10.0.0.0/8]", &why) == CC_OK);
	CHECK(conf_set(conf, "sensor.site=it's a \"site\"", &why) == CC_OK);
	conf_print(conf, out);
	fclose(out);
	CHECK(read_text(again, text, &why) == CC_OK);
	free(why);
	out = open_memstream(&second, &size);
	conf_print(again, out);
	fclose(out);
	CHECK_TEXT(second, text);
	free(text);
	free(second);
	conf_free(conf);
	conf_free(again);
}

TEST(numbers_by_name)
{
	struct conf *conf = conf_new();
	uint64_t value = 0;

	CHECK(conf_number(conf, "http.header_limit", &value) == CC_OK && value == 65536);
	CHECK(conf_number(conf, "http.nothing", &value) == CC_ABSENT && value == 65536);
	CHECK(conf_number(conf, "exchange.prefix", &value) == CC_ABSENT);
	conf_free(conf);
}

TESTS(T(defaults_hold), T(set_takes_units_and_refuses_the_rest), T(unknown_key_has_a_hint),
    T(yaml_nested_and_dotted_are_one), T(every_problem_is_told_by_line), T(printed_configuration_reads_back),
    T(numbers_by_name))
