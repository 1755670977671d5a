/*
 * concert rules check: every problem of every rule with file:line:column and the place it means, or with --summary by
 * keyword and reason; the sums as the last line.  concert rules test: over captures.  concert rules keywords: the
 * language.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/desk.h"
#include "cmd/trial.h"
#include "detect/detect.h"

int cmd_rules(int argc, char **argv);

#define EXCERPT 100 /* bytes of a rule that are shown with a problem */

/* The rules file that problems are shown of, read once for all that follow each other. */
struct excerpt {
	char path[4096];
	struct slice text;
	size_t at;         /* of line `line` */
	unsigned long line;
};

static void
excerpt_close(struct excerpt *excerpt)
{
	free((void *)(uintptr_t)excerpt->text.p);
	*excerpt = (struct excerpt){.line = 0};
}

static bool
excerpt_open(struct excerpt *excerpt, const char *path)
{
	FILE *file;
	uint8_t *text;
	long size;

	if (strcmp(excerpt->path, path) == 0)
		return excerpt->text.p != NULL;
	excerpt_close(excerpt);
	snprintf(excerpt->path, sizeof(excerpt->path), "%s", path);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0 &&
	    (text = malloc((size_t)size)) != NULL)
		excerpt->text = slice_of(text, fread(text, 1, (size_t)size, file));
	fclose(file);
	excerpt->at = 0;
	excerpt->line = 1;
	return excerpt->text.p != NULL;
}

/* The line, with those that its final backslash joins to it, up to room bytes. */
static size_t
line_copy(struct excerpt *excerpt, unsigned long line, uint8_t *out, size_t room)
{
	const uint8_t *p = excerpt->text.p, *end = p + excerpt->text.size, *lf;
	size_t size = 0;

	if (line < excerpt->line) {
		excerpt->at = 0;
		excerpt->line = 1;
	}
	for (p += excerpt->at; excerpt->line < line && p < end; excerpt->line++) {
		lf = memchr(p, '\n', (size_t)(end - p));
		p = lf != NULL ? lf + 1 : end;
	}
	excerpt->at = (size_t)(p - excerpt->text.p);
	for (; p < end && size < room; p++) {
		if (*p == '\n' && (size == 0 || out[size - 1] != '\\'))
			break;
		if (*p == '\n')
			size--;
		else if (*p != '\r')
			out[size++] = *p;
	}
	return size;
}

/* The rule around a column, and a mark under it. */
static void
excerpt_print(struct excerpt *excerpt, unsigned long line, unsigned long column)
{
	static uint8_t text[65536]; /* of a command that runs once */
	size_t size = line_copy(excerpt, line, text, sizeof(text)), from, to;

	if (column == 0 || column > size)
		return;
	column--;
	from = column > EXCERPT / 2 ? column - EXCERPT / 2 : 0;
	to = from + EXCERPT < size ? from + EXCERPT : size;
	fputs(from > 0 ? "    …" : "    ", stdout);
	for (size_t i = from; i < to; i++)
		putchar(text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '.');
	printf("%s\n%*s^\n", to < size ? "…" : "", (int)(column - from + 4 + (from > 0)), "");
}

/* Each problem; those of rules with the place that is meant. */
static void
problems_print(struct slice rest)
{
	struct excerpt excerpt = {.line = 0};

	while (rest.size > 0) {
		const uint8_t *lf = memchr(rest.p, '\n', rest.size);
		size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;
		char line[4096], *end, *colon;
		unsigned long row, column;

		fwrite(rest.p, 1, size, stdout);
		putchar('\n');
		snprintf(line, sizeof(line), "%.*s", (int)size, (const char *)rest.p);
		rest = slice_of(rest.p + size + (lf != NULL), rest.size - size - (lf != NULL));
		for (colon = strchr(line, ':'); colon != NULL;
		     colon = strchr(colon + 1, ':')) { /* a path may hold some */
			row = strtoul(colon + 1, &end, 10);
			if (row == 0 || *end != ':')
				continue;
			column = strtoul(end + 1, &end, 10);
			*colon = '\0';
			if (*end == ':' && excerpt_open(&excerpt, line))
				excerpt_print(&excerpt, row, column);
			break;
		}
	}
	excerpt_close(&excerpt);
}

/* Warnings by their text, as the reasons of refusals come counted already. */
static void
warnings_print(struct slice rest)
{
	struct map *counts = map_new(4096);
	const char *mark = "warning: ";
	struct slice key;
	size_t at = 0;
	void *count;

	while (counts != NULL && rest.size > 0) {
		const uint8_t *lf = memchr(rest.p, '\n', rest.size), *warning;
		size_t size = lf != NULL ? (size_t)(lf - rest.p) : rest.size;

		warning = memmem(rest.p, size, mark, strlen(mark));
		if (warning != NULL) {
			uint8_t text[256];
			size_t used = 0;

			/* Numbers differ from rule to rule: "9 revision 9 takes the place". */
			for (const uint8_t *p = warning + strlen(mark); p < rest.p + size && used < sizeof(text); p++) {
				bool digit = *p >= '0' && *p <= '9';

				if (!digit || used == 0 || text[used - 1] != 'N')
					text[used++] = digit ? 'N' : *p;
			}
			key = slice_of(text, used);
			map_put(counts, key, (void *)((uintptr_t)map_get(counts, key) + 1), NULL);
		}
		rest = slice_of(rest.p + size + (lf != NULL), rest.size - size - (lf != NULL));
	}
	while (counts != NULL && map_next(counts, &at, &key, &count))
		printf("%8llu %.*s\n", (unsigned long long)(uintptr_t)count, (int)key.size, (const char *)key.p);
	map_free(counts, NULL);
}

static void
summary_print(const struct ruleset_report *report)
{
	if (report->reasons.size > 0) {
		puts("refused, by keyword and reason:");
		fwrite(report->reasons.p, 1, report->reasons.size, stdout);
	}
	if (report->warnings > 0) {
		puts("warnings:");
		warnings_print(buf_slice(&report->text));
	}
}

static int
check(struct conf *conf, bool summary)
{
	struct ruleset_report report = {0};
	struct ruleset *set = NULL;
	enum cc_status st;

	buf_open(&report.text, 1u << 28);
	buf_open(&report.reasons, 1u << 24);
	st = ruleset_load(conf, &report, &set);
	if (st != CC_OK)
		fwrite(report.text.p, 1, report.text.size, stdout);
	else if (summary)
		summary_print(&report);
	else
		problems_print(buf_slice(&report.text));
	if (conf->detect_yara.count > 0)
		printf("YARA: %llu loaded, %llu refused\n", (unsigned long long)report.yara_loaded,
		    (unsigned long long)report.yara_refused);
	printf("%llu loaded, %llu refused, %llu warnings\n", (unsigned long long)report.loaded,
	    (unsigned long long)report.refused, (unsigned long long)report.warnings);
	ruleset_free(set);
	buf_close(&report.text);
	buf_close(&report.reasons);
	if (st != CC_OK)
		return st == CC_NOMEM ? EXIT_FAILED : EXIT_USAGE;
	return report.refused + report.yara_refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- test ---- */

enum { ON, NEAR };

static void
trial_json(const struct trial *trial, const char *wrong)
{
	struct json json;
	struct buf line;

	buf_open(&line, 1u << 20);
	json = json_into(&line);
	json_object(&json, NULL);
	json_bool(&json, "passed", wrong == NULL);
	json_text_if(&json, "why", wrong);
	json_array(&json, "captures");
	for (size_t i = 0; i < trial->captures; i++) {
		const struct trial_capture *c = &trial->capture[i];

		json_object(&json, NULL);
		json_text(&json, "path", c->path);
		json_bool(&json, "near_miss", c->near);
		json_uint(&json, "alerts", c->alerts);
		json_array(&json, "sids");
		for (size_t k = 0; k < c->sids; k++)
			json_uint(&json, NULL, c->sid[k]);
		json_end_array(&json);
		json_text_if(&json, "why", c->wrong);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	printf("%.*s\n", (int)line.size, (const char *)line.p);
	buf_close(&line);
}

static void
trial_text(const struct trial *trial, const char *wrong)
{
	for (size_t i = 0; i < trial->captures; i++) {
		const struct trial_capture *c = &trial->capture[i];

		if (!c->ran && c->wrong == NULL)
			continue; /* the rules were refused before */
		printf("%-4s %s%s: %llu alerts", c->wrong == NULL ? "good" : "BAD", c->path,
		    c->near ? " (near miss)" : "", (unsigned long long)c->alerts);
		for (size_t k = 0; k < c->sids; k++)
			printf("%s%llu", k == 0 ? ", sid " : " ", (unsigned long long)c->sid[k]);
		putchar('\n');
	}
	if (wrong != NULL)
		fprintf(stderr, "concert rules test: %s\n", wrong);
}

static int
test(const struct command *command, int argc, char **argv)
{
	struct cmd_word words[] = {[ON] = {.name = "on"}, [NEAR] = {.name = "near"}};
	char folder[] = "/tmp/concert-rules.XXXXXX", out[sizeof(folder) + 8];
	struct trial *trial = calloc(1, sizeof(*trial));
	struct cmd_options o = {0};
	int code = EXIT_USAGE;

	if (trial != NULL && cmd_words(&argc, argv, words, 2) && cmd_options(command, argc, argv, "c:S:Y:v", &o)) {
		struct conf *conf = o.conf;

		for (size_t i = 0; i < conf->detect_rules.count && i < TRIAL_FILES; i++)
			trial->rules[trial->rules_count++] = conf->detect_rules.item[i];
		for (size_t i = 0; i < conf->detect_yara.count && i < TRIAL_FILES; i++)
			trial->yara[trial->yara_count++] = conf->detect_yara.item[i];
		for (size_t k = ON; k <= NEAR; k++) {
			for (size_t i = 0; i < words[k].count && trial->captures < TRIAL_FILES; i++)
				trial->capture[trial->captures++] =
				    (struct trial_capture){.path = words[k].value[i], .near = k == NEAR};
		}
		trial->conf_path = o.conf_path;
		if (trial->rules_count + trial->yara_count == 0 || optind != argc) {
			cmd_usage(command);
		} else if (mkdtemp(folder) == NULL) {
			fprintf(stderr, "concert rules test: %s: %s\n", folder, strerror(errno));
			code = EXIT_FAILED;
		} else {
			const char *wrong;

			snprintf(out, sizeof(out), "%s/run", folder);
			wrong = trial_run(trial, out);
			(void)rmdir(folder);
			(o.json ? trial_json : trial_text)(trial, wrong);
			code = wrong == NULL ? EXIT_DONE : EXIT_FAILED;
		}
	}
	cmd_options_close(&o);
	free(trial);
	return code;
}

int
cmd_rules(int argc, char **argv)
{
	const struct command command = {
	    "rules", cmd_rules, "check [-c FILE] [--summary] [-S RULES]... [-Y YARA]... RULES... | keywords |\n"
	    "       test [-c FILE] [-S RULES]... [-Y YARA]... [--on CAPTURE]... [--near CAPTURE]... [--json]", ""};
	struct cmd_options o = {0};
	char setting[4096];
	int code = EXIT_USAGE;
	bool good;

	if (argc == 2 && strcmp(argv[1], "keywords") == 0) {
		detect_manual(stdout);
		return EXIT_DONE;
	}
	if (argc > 2 && strcmp(argv[1], "test") == 0)
		return test(&command, argc - 1, argv + 1);
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
