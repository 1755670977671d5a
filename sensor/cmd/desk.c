/* What the people's commands share: their options, the desk, columns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/desk.h"

bool
cmd_words(int *argc, char **argv, struct cmd_word *words, size_t count)
{
	int to = 1;

	for (int i = 1; i < *argc; i++) {
		const char *name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : "", *value = strchr(name, '=');
		size_t size = value != NULL ? (size_t)(value - name) : strlen(name), w = 0;

		while (w < count && (strlen(words[w].name) != size || strncmp(words[w].name, name, size) != 0))
			w++;
		if (w == count || (words[w].flag && value != NULL)) {
			argv[to++] = argv[i];
			continue;
		}
		value = words[w].flag ? "" : value != NULL ? value + 1 : i + 1 < *argc ? argv[++i] : NULL;
		if (value == NULL) {
			fprintf(stderr, "concert: --%s needs a value\n", words[w].name);
			return false;
		}
		if (words[w].count == CMD_VALUES) {
			fprintf(stderr, "concert: --%s stands there more than %d times\n", words[w].name, CMD_VALUES);
			return false;
		}
		words[w].value[words[w].count++] = value;
	}
	*argc = to;
	argv[to] = NULL;
	return true;
}

const char *
cmd_value(const struct cmd_word *words, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i].name, name) == 0)
			return words[i].count > 0 ? words[i].value[words[i].count - 1] : NULL;
	}
	return NULL;
}

bool
cmd_desk_begin(struct cmd_desk *d, const struct command *command, int argc, char **argv, const char *const *verbs,
    size_t verb_count, struct cmd_word *words, size_t word_count, int *ret_code)
{
	*d = (struct cmd_desk){.command = command->name, .verb = "", .words = words, .word_count = word_count};
	*ret_code = EXIT_USAGE;
	buf_open(&d->line, 64u << 20);
	for (size_t i = 0; argc > 1 && i < verb_count; i++) {
		if (strcmp(argv[1], verbs[i]) == 0)
			d->verb = verbs[i];
	}
	if (argc > 1 && d->verb[0] != '\0') {
		argc--;
		argv++;
	}
	if (!cmd_words(&argc, argv, words, word_count) || !cmd_options(command, argc, argv, "c:l:v", &d->o)) {
		(void)cmd_desk_close(d, 0);
		return false;
	}
	if (d->verb[0] == '\0') {
		if (optind < argc)
			fprintf(stderr, "concert %s: no '%s' here\n", command->name, argv[optind]);
		cmd_usage(command);
		(void)cmd_desk_close(d, 0);
		return false;
	}
	d->rest = argv + optind;
	d->count = argc - optind;
	return true;
}

/* Verbs of all four that send nothing. */
static bool
only_reads(const struct cmd_desk *d)
{
	static const char *const verb[] = {"list", "show", "export", "verify", "compare", "overdue", "audit"};

	for (size_t i = 0; i < sizeof(verb) / sizeof(verb[0]); i++) {
		if (strcmp(d->verb, verb[i]) == 0)
			return true;
	}
	return false;
}

bool
cmd_desk_start(struct cmd_desk *d, int *ret_code)
{
	enum cc_status st;

	/* Whoever looks, at a name that he mistyped, makes no new place with keys of its own. */
	if (only_reads(d) && access(d->o.outdir, F_OK) != 0) {
		fprintf(stderr, "concert %s: %s: %s; it is where a sensor or a correlator writes (-l)\n", d->command,
		    d->o.outdir, strerror(errno));
		*ret_code = cmd_desk_close(d, EXIT_FAILED);
		return false;
	}
	st = desk_open(d->o.conf, d->o.outdir, &d->desk, &d->why);
	if (st != CC_OK)
		*ret_code = cmd_desk_close(d, cmd_desk_fail(d, st));
	return st == CC_OK;
}

bool
cmd_desk_open(struct cmd_desk *d, const struct command *command, int argc, char **argv, const char *const *verbs,
    size_t verb_count, struct cmd_word *words, size_t word_count, int *ret_code)
{
	return cmd_desk_begin(d, command, argc, argv, verbs, verb_count, words, word_count, ret_code) &&
	       cmd_desk_start(d, ret_code);
}

int
cmd_desk_fail(struct cmd_desk *d, enum cc_status st)
{
	fprintf(stderr, "concert %s: %s\n", d->command, d->why != NULL ? d->why : cc_status_text(st));
	return st == CC_BAD ? EXIT_USAGE : EXIT_FAILED;
}

bool
cmd_desk_sync(struct cmd_desk *d)
{
	enum cc_status st;
	const char *unheard;

	/* What is sent makes the folder that it goes to. */
	if (!d->looked && (only_reads(d) || d->o.typed == NULL))
		d->absent = cmd_name_absent(&d->o, d->command);
	d->looked = true;
	st = desk_sync(d->desk, &d->why);
	unheard = desk_unheard(d->desk);
	if (st != CC_OK)
		(void)cmd_desk_fail(d, st);
	else if (unheard != NULL && !d->deaf)
		fprintf(stderr, "concert %s: %s has not answered: what came there since the last time is not here\n",
		    d->command, unheard);
	d->deaf = unheard != NULL;
	return st == CC_OK;
}

int
cmd_desk_close(struct cmd_desk *d, int code)
{
	if (d->desk != NULL && desk_flush(d->desk) == CC_MORE)
		fprintf(stderr,
		    "concert %s: not delivered yet: it waits in %s/desk/spool and goes out with the next command\n",
		    d->command, d->o.outdir);
	/* Less was shown than there may be. */
	if (code == EXIT_DONE && ((d->deaf && only_reads(d)) || d->absent))
		code = EXIT_FAILED;
	desk_close(d->desk);
	buf_close(&d->line);
	free(d->why);
	cmd_options_close(&d->o);
	return code;
}

void
cmd_column(const char *text, int width)
{
	int used = 0;

	for (const char *p = text; *p != '\0'; p++) {
		bool begins = ((unsigned char)*p & 0xc0) != 0x80;

		if (begins && width > 0 && used == width - 1 && p[1] != '\0') {
			fputs("\u2026", stdout);
			used++;
			break;
		}
		putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
		used += begins;
	}
	if (width > 0)
		printf("%*s ", used < width ? width - used : 0, "");
}

const char *
cmd_ago(uint64_t then, uint64_t now, char ret_text[32])
{
	uint64_t s = now > then ? (now - then) / NS_PER_S : 0;

	if (then == 0)
		return "-";
	if (s < 120)
		snprintf(ret_text, 32, "%llu s ago", (unsigned long long)s);
	else if (s < 7200)
		snprintf(ret_text, 32, "%llu min ago", (unsigned long long)(s / 60));
	else if (s < 48 * 3600)
		snprintf(ret_text, 32, "%llu h ago", (unsigned long long)(s / 3600));
	else
		snprintf(ret_text, 32, "%llu days ago", (unsigned long long)(s / 86400));
	return ret_text;
}

void
cmd_put_line(struct buf *line)
{
	buf_add_u8(line, '\n');
	fwrite(line->p, 1, line->size, stdout);
	buf_clear(line);
}
