/* The commands of concert: one file each, listed in commands.def.  Each answers with the exit code. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdio.h>

#include "concert/slice.h"
#include "conf/conf.h"
#include "engine/engine.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *usage;                 /* what follows the name */
	const char *help;
};

extern const struct command cmd_table[];
extern const size_t cmd_count;

/* Options that several commands have: -c, --set, -S, -Y, -l, -w, -i, --exchange, -v, -q. */
struct cmd_options {
	struct conf *conf;
	const char *conf_path;
	char *outdir;
	char **set; /* what was set on the command line, as KEY=VALUE, for a reload */
	size_t set_count;
	bool quiet, json, from_start, follow;
	bool unverified, quarantine, trust, health; /* of watch and keys */
	bool outdir_given;
	const char *topic, *from, *to, *since, *ceiling; /* of spool; NULL: not said */
	char *typed;     /* by --exchange, a line each; NULL: nothing */
	bool once;       /* of correlate */
	const char *out; /* --out */
};

/*
 * Reads the options of argv, the configuration first.  letters: those that this command takes.  False: a message and
 * the usage were printed, exit with EXIT_USAGE.  Then optind is at the first operand.
 */
bool cmd_options(
    const struct command *command, int argc, char **argv, const char *letters, struct cmd_options *ret_options);
void cmd_options_close(struct cmd_options *options);
void cmd_usage(const struct command *command);

/* Where to read messages from, a line each, for reader_open(): what was typed, else exchange.from, else exchange.to.
 * malloc; NULL: nowhere. */
char *cmd_sources(const struct cmd_options *options);
/* Says which folders of these are not there, but for our own exchange.to, which the first message makes.  True: one
 * that was typed; of those of exchange.from a partner may not have sent anything yet. */
bool cmd_name_absent(const struct cmd_options *options, const char *command);

/* A terminal acts on control characters: a partner's text reaches it without. */
void cmd_print_clean(struct slice text, FILE *out);

/* A folder of ours with all in it; links are not followed. */
void cmd_remove_tree(const char *path);

#endif
