/*
 * What a reload costs: reload_rules RULES RULES…: loads the first file, then each of the others beside the set in use,
 * as the running sensor does; a line each: CPU seconds, what of the set was kept, memory before, at the peak, and
 * after. Linux tells the peak (VmHWM), and forgets it upon "5" to clear_refs.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cpu.h"
#include "detect/detect.h"

/* KiB. */
static unsigned long
memory_of(const char *what)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtoul(line + strlen(what) + 1, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	return kib;
}

static void
peak_forget(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (file != NULL) {
		fputs("5", file);
		fclose(file);
	}
}

static void
set(struct conf *conf, const char *key, const char *value)
{
	char assignment[4096], *why = NULL;

	snprintf(assignment, sizeof(assignment), "%s=%s", key, value);
	if (conf_set(conf, assignment, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why);
		exit(2);
	}
}

static struct conf *
conf_for(const char *rules)
{
	const char *cache = getenv("CACHE"), *classes = getenv("CLASSES"), *threads = getenv("THREADS");
	struct conf *conf = conf_new();

	if (conf == NULL)
		exit(2);
	set(conf, "detect.rules", rules);
	set(conf, "detect.cache", cache != NULL ? cache : "no");
	if (classes != NULL)
		set(conf, "detect.classification", classes);
	if (threads != NULL)
		set(conf, "detect.load_threads", threads);
	return conf;
}

int
main(int argc, char **argv)
{
	struct ruleset *in_use = NULL;
	struct detect *detect = NULL;

	printf("%-24s %6s %8s %6s %8s %8s %8s %8s %8s\n", "rules", "CPU s", "rules", "kept", "bases", "kept", "MiB",
	    "peak", "after");
	for (int i = 1; i < argc; i++) {
		struct conf *conf = conf_for(argv[i]);
		struct ruleset_report report = {0};
		struct ruleset *fresh = NULL;
		unsigned long before;
		double began;

		buf_open(&report.text, 1u << 24);
		buf_open(&report.reasons, 1u << 20);
		peak_forget();
		before = memory_of("VmRSS:");
		began = cpu();
		if (ruleset_reload(conf, in_use, &report, &fresh) != CC_OK)
			return 1;
		if (detect == NULL)
			detect = detect_new(&(struct detect_setup){.conf = conf, .set = fresh});
		else
			detect_switch(detect, fresh);
		ruleset_free(in_use);
		in_use = fresh;
		printf("%-24.24s %6.2f %8llu %6llu %8llu %8llu %8.1f %8.1f %8.1f\n",
		    strrchr(argv[i], '/') != NULL ? strrchr(argv[i], '/') + 1 : argv[i], cpu() - began,
		    (unsigned long long)report.loaded, (unsigned long long)report.kept,
		    (unsigned long long)report.databases, (unsigned long long)report.databases_kept,
		    (double)before / 1024, (double)memory_of("VmHWM:") / 1024, (double)memory_of("VmRSS:") / 1024);
		buf_close(&report.text);
		buf_close(&report.reasons);
	}
	return 0;
}
