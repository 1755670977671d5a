/*
 * concert watchlist: what partners told and the workers look for; and what was refused, and why.  Beside a running
 * sensor, too.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/help.h"
#include "exchange/exchange.h"

int cmd_watchlist(int argc, char **argv);

struct job {
	bool json;
	uint64_t count;
};

static void
print_entry(void *ctx, const struct partners_entry *entry)
{
	struct job *job = ctx;
	char told[40], until[40], hit[40] = "", memory[8192];
	struct buf out;
	struct json json = json_into(&out);

	time_rfc3339_text(entry->told, told);
	time_rfc3339_text(entry->until, until);
	if (entry->hit != 0)
		time_rfc3339_text(entry->hit, hit);
	job->count++;
	if (!job->json) {
		if (job->count == 1)
			printf("%-20s  %-20s  %-20s  %-24s  %s\n", "TOLD", "UNTIL", "LAST HIT", "PARTNER", "INDICATOR");
		printf("%.19sZ  %.19sZ  %-20.19s  %-24s  %s:", told, until, hit, entry->source,
		    record_kind_text(entry->kind));
		cmd_print_clean(slice_str(entry->value), stdout);
		putchar('\n');
		return;
	}
	buf_over(&out, memory, sizeof(memory));
	json_object(&json, NULL);
	json_text(&json, "source", entry->source);
	json_text(&json, "kind", record_kind_text(entry->kind));
	json_text(&json, "value", entry->value);
	json_text(&json, "message", entry->message);
	json_text(&json, "told", told);
	json_text(&json, "until", until);
	if (entry->hit != 0)
		json_text(&json, "hit", hit);
	json_end_object(&json);
	buf_add_u8(&out, '\n');
	if (!out.full)
		fwrite(memory, 1, out.size, stdout);
}

/* The older file first; lines are as they were written. */
static int
print_refused(const char *outdir)
{
	static const char *const names[] = {"partners-refused.jsonl.1", "partners-refused.jsonl"};
	char path[4200], bytes[65536];
	size_t size;

	for (unsigned i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", outdir, names[i]);
		file = fopen(path, "re");
		if (file == NULL && errno != ENOENT) {
			fprintf(stderr, "concert watchlist: %s: %s\n", path, strerror(errno));
			return EXIT_FAILED;
		}
		while (file != NULL && (size = fread(bytes, 1, sizeof(bytes), file)) > 0)
			fwrite(bytes, 1, size, stdout);
		if (file != NULL)
			fclose(file);
	}
	return EXIT_DONE;
}

int
cmd_watchlist(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {"refused", no_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	struct job job = {.json = false};
	const char *outdir = ".";
	bool refused = false;
	char *why = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "l:", options, NULL)) != -1) {
		if (option == 'l') {
			outdir = optarg;
		} else if (option == 'j') {
			job.json = true;
		} else if (option == 'r') {
			refused = true;
		} else {
			cmd_usage(help_find("watchlist"));
			return EXIT_USAGE;
		}
	}
	if (refused)
		return print_refused(outdir);
	if (partners_visit(outdir, print_entry, &job, &why) != CC_OK) {
		fprintf(stderr, "concert watchlist: %s\n", why != NULL ? why : "no memory");
		free(why);
		return EXIT_FAILED;
	}
	if (!job.json)
		printf("%llu entries\n", (unsigned long long)job.count);
	return EXIT_DONE;
}
