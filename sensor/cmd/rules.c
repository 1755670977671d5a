/* concert rules check: every problem of every rule with file:line:column, and the sums as the last line. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "detect/detect.h"

int cmd_rules(int argc, char **argv);

static int
check(struct conf *conf, bool summary)
{
	struct ruleset_report report = {0};
	struct ruleset *set = NULL;
	enum cc_status st;

	buf_open(&report.text, 1u << 28);
	st = ruleset_load(conf, &report, &set);
	if (!summary || st != CC_OK)
		fwrite(report.text.p, 1, report.text.size, stdout);
	if (conf->detect_yara.count > 0)
		printf("YARA: %llu loaded, %llu refused\n", (unsigned long long)report.yara_loaded,
		    (unsigned long long)report.yara_refused);
	printf("%llu loaded, %llu refused, %llu warnings\n", (unsigned long long)report.loaded,
	    (unsigned long long)report.refused, (unsigned long long)report.warnings);
	ruleset_free(set);
	buf_close(&report.text);
	if (st != CC_OK)
		return st == CC_NOMEM ? EXIT_FAILED : EXIT_USAGE;
	return report.refused + report.yara_refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_rules(int argc, char **argv)
{
	const struct command command = {"rules", cmd_rules, "check [-c FILE] [--summary] [-S RULES]... [-Y YARA]... RULES...", ""};
	struct cmd_options o = {0};
	char setting[4096];
	int code = EXIT_USAGE;
	bool good;

	if (argc < 2 || strcmp(argv[1], "check") != 0) {
		cmd_usage(&command);
		return code;
	}
	good = cmd_options(&command, argc - 1, argv + 1, "c:S:Y:W:v", &o);
	for (int i = optind; good && i < argc - 1; i++) {
		struct buf list;
		char *why = NULL;

		buf_over(&list, setting, sizeof(setting) - 1);
		buf_add_text(&list, "detect.rules=[");
		for (size_t k = 0; k < o.conf->detect_rules.count; k++)
			buf_printf(&list, "%s,", o.conf->detect_rules.item[k]);
		buf_printf(&list, "%s]", argv[1 + i]);
		setting[list.size] = '\0';
		good = !list.full && conf_set(o.conf, setting, &why) == CC_OK;
	}
	if (good && o.conf->detect_rules.count + o.conf->detect_yara.count + o.conf->detect_watch.count == 0)
		cmd_usage(&command);
	else if (good)
		code = check(o.conf, o.quiet);
	cmd_options_close(&o);
	return code;
}
