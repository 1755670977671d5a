/* What the people's commands share: contacts, ask, notice. */
#ifndef CMD_DESK_H
#define CMD_DESK_H

#include <stdio.h>

#include "cmd/cmd.h"
#include "exchange/exchange.h"

#define CMD_VALUES 256

/* A long option that only some commands have; those of options.c stay with it. */
struct cmd_word {
	const char *name; /* "to" */
	bool flag;        /* without a value */
	size_t count;
	const char *value[CMD_VALUES];
};

/* Takes "--name VALUE" and "--name=VALUE" of words out of argv.  False: a message was printed. */
bool cmd_words(int *argc, char **argv, struct cmd_word *words, size_t count);
const char *cmd_value(const struct cmd_word *words, size_t count, const char *name); /* NULL: not said */

/* The verb, the words, the common options, the desk: all that such a command begins with.  False: exit with *ret_code.
 */
struct cmd_desk {
	const char *command, *verb;
	struct cmd_options o;
	struct desk *desk;
	bool deaf; /* a place that is read did not answer */
	bool absent; /* or was typed and is not there */
	bool looked; /* whether all are there */
	struct buf line;
	char **rest;
	int count;
	const struct cmd_word *words;
	size_t word_count;
	char *why; /* malloc */
};
bool cmd_desk_open(struct cmd_desk *d, const struct command *command, int argc, char **argv, const char *const *verbs,
    size_t verb_count, struct cmd_word *words, size_t word_count, int *ret_code);
/* The same in two steps: without the desk, then the desk. */
bool cmd_desk_begin(struct cmd_desk *d, const struct command *command, int argc, char **argv, const char *const *verbs,
    size_t verb_count, struct cmd_word *words, size_t word_count, int *ret_code);
bool cmd_desk_start(struct cmd_desk *d, int *ret_code);
/* Says what went wrong, closes; the exit code. */
int cmd_desk_close(struct cmd_desk *d, int code);
/* With d->why, or the status' own word. */
int cmd_desk_fail(struct cmd_desk *d, enum cc_status st);
bool cmd_desk_sync(struct cmd_desk *d); /* false: it was said why not */

/* In a column; a partner's text never brings control characters to the terminal. */
void cmd_column(const char *text, int width);
const char *cmd_ago(uint64_t then, uint64_t now, char ret_text[32]); /* "3 h ago" */
void cmd_put_line(struct buf *line);                                  /* to standard output, with a line's end */

#endif
