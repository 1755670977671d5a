/*
 * concert help, and --help of every command: the usage, the options that stand in it, examples, exit codes; and all of
 * it as one manual page (roff, man(7)).  The texts: commands.def, help.def.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/help.h"
#include "concert/version.h"

static const struct help_option {
	const char *option, *command, *text;
} option[] = {
#define OPTION(option, command, text) {option, command, text},
#define EXAMPLE(command, line, text)
#include "cmd/help.def"
#undef OPTION
#undef EXAMPLE
};

static const struct {
	const char *command, *line, *text;
} example[] = {
#define OPTION(option, command, text)
#define EXAMPLE(command, line, text) {command, line, text},
#include "cmd/help.def"
#undef OPTION
#undef EXAMPLE
};

#define OPTIONS (sizeof(option) / sizeof(option[0]))
#define EXAMPLES (sizeof(example) / sizeof(example[0]))

static const char codes[] = "0 done, 1 something failed, 2 wrong usage, configuration or rules";

/* As a whole word: "--from" is not "--from-start". */
static bool
stands_in(const char *usage, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = usage; (at = strstr(at, word)) != NULL; at++) {
		if ((at == usage || strchr(" [(|", at[-1]) != NULL) && strchr(" ]|.\n", at[size]) != NULL)
			return true;
	}
	return false;
}

/* What a command has of its own stands before what all have. */
static bool
concerns(const struct help_option *o, const struct command *command)
{
	if ((o->command[0] != '\0' && strcmp(o->command, command->name) != 0) || !stands_in(command->usage, o->option))
		return false;
	for (const struct help_option *before = option; before < o; before++) {
		if (strcmp(before->option, o->option) == 0 && strcmp(before->command, command->name) == 0)
			return false;
	}
	return true;
}

static int
columns(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

#define WIDTH 24 /* of the column of options */

void
help_commands(FILE *out)
{
	fputs("concert, a network sensor and an exchange for CERTs\n\nusage: concert COMMAND ...\n\n", out);
	for (size_t i = 0; i < cmd_count; i++)
		fprintf(out, "  %-10s %s\n", cmd_table[i].name, cmd_table[i].help);
	fputs("\n  concert help COMMAND           its options, with examples; concert COMMAND --help, too\n"
	      "  concert --check-config FILE    what is wrong with a configuration, by file and line\n"
	      "  concert --print-config [FILE]  the whole configuration as it would be used\n"
	      "  concert --reference            every key of the configuration, as Markdown\n"
	      "  concert --man                  all of the help as a manual page: concert --man | man -l -\n"
	      "  concert --version\n",
	    out);
}

const struct command *
help_find(const char *name)
{
	for (size_t i = 0; i < cmd_count; i++) {
		if (strcmp(cmd_table[i].name, name) == 0)
			return &cmd_table[i];
	}
	return NULL;
}

/* The sentence beside it, or below what is long. */
static void
put_option(const struct help_option *o, FILE *out)
{
	int left = WIDTH - columns(o->option);

	fprintf(out, "  %s%s%*s%s\n", o->option, left < 0 ? "\n" : "", left < 0 ? WIDTH + 3 : left + 1, "", o->text);
}

void
help_command(const struct command *command, FILE *out)
{
	bool any = false;

	fprintf(out, "concert %s: %s\n\nusage: concert %s %s\n\n", command->name, command->help, command->name,
	    command->usage);
	for (size_t i = 0; i < OPTIONS; i++) {
		if (concerns(&option[i], command))
			put_option(&option[i], out);
	}
	for (size_t i = 0; i < EXAMPLES; i++) {
		if (strcmp(example[i].command, command->name) != 0)
			continue;
		fprintf(out, "%s  %s\n      %s\n", any ? "" : "\nexamples\n", example[i].line, example[i].text);
		any = true;
	}
	fprintf(out, "\nexit code: %s\n", codes);
}

/* ---- as a manual page ---- */

/* A line of text: no character of it is a request or an escape. */
static void
roff(FILE *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\')
			fputs("\\e", out);
		else if (*p == '-')
			fputs("\\-", out);
		else if (strncmp(p, "\u2026", 3) == 0 && (p += 2) != NULL)
			fputs("...", out);
		else if (*p == '\n')
			fputs("\n.br\n", out);
		else if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
			fprintf(out, "\\&%c", *p);
		else if (*p != ' ' || p == text || p[-1] != ' ')
			putc(*p, out);
	}
	putc('\n', out);
}

static void
put_page(FILE *out, const struct command *command)
{
	fprintf(out, ".SS %s\n", command->name);
	roff(out, command->help);
	fprintf(out, ".PP\n.nh\n.B concert %s\n", command->name);
	roff(out, command->usage);
	fputs(".hy\n", out);
	for (size_t i = 0; i < OPTIONS; i++) {
		if (!concerns(&option[i], command))
			continue;
		fputs(".TP\n.B ", out);
		roff(out, option[i].option);
		roff(out, option[i].text);
	}
	for (size_t i = 0; i < EXAMPLES; i++) {
		if (strcmp(example[i].command, command->name) != 0)
			continue;
		fputs(".PP\n.EX\n", out);
		roff(out, example[i].line);
		fputs(".EE\n", out);
		roff(out, example[i].text);
	}
}

void
help_manual(FILE *out)
{
	fputs(".TH CONCERT 1 \"\" \"concert " CC_VERSION "\"\n.SH NAME\nconcert \\- network sensor and exchange for "
	      "CERTs\n.SH SYNOPSIS\n.B concert\n.I command\n[options]\n.SH DESCRIPTION\n",
	    out);
	roff(out, "A sensor reads packets, applies signature and YARA rules, turns what it finds into technical "
		  "indicators with the evidence behind them, and streams them, signed and marked, to topics that partners share. "
		  "The correlator finds together, from what several organisations saw, which infrastructure an activity "
		  "comes from, or that nobody can say.");
	fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; i < cmd_count; i++)
		put_page(out, &cmd_table[i]);
	fputs(".SH EXIT STATUS\n", out);
	roff(out, codes);
	fputs(".SH FILES\n.TP\n", out);
	roff(out, "OUTDIR/eve.json, OUTDIR/exchange, OUTDIR/spool, OUTDIR/evidence, OUTDIR/keys");
	roff(out, "the log, the messages, those on their way out, kept packets, the keys");
}
