/* concert: finds the command, or answers what belongs to none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "concert/version.h"

static void
usage(FILE *out)
{
	fputs("concert, a network sensor and an exchange for CERTs\n\nusage: concert COMMAND ...\n\n", out);
	for (size_t i = 0; i < cmd_count; i++)
		fprintf(out, "  %-8s %s\n", cmd_table[i].name, cmd_table[i].help);
	fputs("\n  concert COMMAND --help         the options of a command\n"
	      "  concert --check-config FILE    what is wrong with a configuration, by file and line\n"
	      "  concert --print-config [FILE]  the whole configuration as it would be used\n"
	      "  concert --reference            every key of the configuration, as Markdown\n"
	      "  concert --version\n",
	    out);
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

	log_open("concert", LOG_LEVEL_NOTICE);
	for (size_t i = 0; i < cmd_count; i++) {
		if (strcmp(cmd_table[i].name, word) == 0)
			return cmd_table[i].run(argc - 1, argv + 1);
	}
	if (strcmp(word, "--version") == 0) {
		puts("concert " CC_VERSION);
	} else if (strcmp(word, "--reference") == 0) {
		conf_reference(stdout);
	} else if (strcmp(word, "--print-config") == 0) {
		return check_config(argc > 2 ? argv[2] : NULL, true);
	} else if (strcmp(word, "--check-config") == 0 && argc > 2) {
		return check_config(argv[2], false);
	} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
		usage(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_DONE : EXIT_USAGE;
	} else {
		fprintf(stderr, "concert: no command '%s'; 'concert --help' lists them\n", word);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}
