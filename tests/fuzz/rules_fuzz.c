/* A file of signature rules: each is loaded or refused with a line that says why, and what is loaded can be used. */
#include "fuzz/fuzz.h"

#include "detect/detect.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = fuzz_conf();
	struct ruleset_report report = {.loaded = 0};
	struct ruleset *set = NULL;
	char setting[128], *why = NULL;
	struct app_wants wants;
	size_t history;
	enum cc_status st;

	snprintf(setting, sizeof(setting), "detect.rules=%s", fuzz_file(data, size));
	FUZZ_CHECK(conf_set(conf, setting, &why) == CC_OK && conf->detect_rules.count == 1);
	buf_open(&report.text, 1u << 20);
	st = ruleset_load(conf, &report, &set);
	FUZZ_CHECK(st == CC_OK && set != NULL);
	FUZZ_CHECK(report.refused == 0 || report.text.size > 0);
	fuzz_touch(slice_of(ruleset_digest(set), 32));
	ruleset_wants(set, &wants, &history);
	ruleset_free(set);
	buf_close(&report.text);
	conf_free(conf);
	return 0;
}
