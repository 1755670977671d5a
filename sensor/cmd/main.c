/* concert: finds the command, or answers what belongs to none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/help.h"
#include "concert/version.h"

/* concert help [COMMAND]; without anything it is wrong usage. */
static int
help(int argc, char **argv)
{
	const struct command *command = argc > 2 ? help_find(argv[2]) : NULL;

	if (argc > 2 && command == NULL) {
		fprintf(stderr, "concert: no command '%s'; 'concert help' lists them\n", argv[2]);
		return EXIT_USAGE;
	}
	if (command != NULL)
		help_command(command, stdout);
	else
		help_commands(argc > 1 ? stdout : stderr);
	return argc > 1 ? EXIT_DONE : EXIT_USAGE;
}

static int
check_config(const char *path, bool print)
{
	struct conf *conf = conf_new();
	char *why = NULL;
	int code = EXIT_DONE;

	if (conf == NULL)
		return EXIT_FAILED;
	if (path != NULL && conf_read(conf, path, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why != NULL ? why : path);
		code = EXIT_USAGE;
	} else if (print) {
		conf_print(conf, stdout);
	} else {
		printf("%s: good\n", path);
	}
	free(why);
	conf_free(conf);
	return code;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	const struct command *command;

	log_open("concert", LOG_LEVEL_NOTICE);
	if ((command = help_find(word)) != NULL) {
		/* Wherever it stands, and however a command reads its words. */
		for (int i = 2; i < argc; i++) {
			if (strcmp(argv[i], "--help") == 0) {
				help_command(command, stdout);
				return EXIT_DONE;
			}
		}
		return command->run(argc - 1, argv + 1);
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
		puts("concert " CC_VERSION);
	} else if (strcmp(word, "--reference") == 0) {
		conf_reference(stdout);
	} else if (strcmp(word, "--print-config") == 0) {
		return check_config(argc > 2 ? argv[2] : NULL, true);
	} else if (strcmp(word, "--check-config") == 0 && argc > 2) {
		return check_config(argv[2], false);
	} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		return help(argc, argv);
	} else if (strcmp(word, "--man") == 0) {
		help_manual(stdout);
	} else {
		fprintf(stderr, "concert: no command '%s'; 'concert help' lists them\n", word);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}
