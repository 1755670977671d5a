/* What concert says of itself: help.c. */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "cmd/cmd.h"

void help_commands(FILE *out);                                 /* all of them, a line each */
void help_command(const struct command *command, FILE *out);   /* one: usage, options, examples */
void help_manual(FILE *out);                                   /* man(7) */
const struct command *help_find(const char *name);             /* NULL: no such command */

#endif
