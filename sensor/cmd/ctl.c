/* concert ctl: one word to the running daemon. */
#include <unistd.h>

#include "cmd/help.h"

int cmd_ctl(int argc, char **argv);

int
cmd_ctl(int argc, char **argv)
{
	const struct command *command = help_find("ctl");
	struct cmd_options o;
	int code = EXIT_USAGE;

	if (cmd_options(command, argc, argv, "c:v", &o)) {
		if (argc - optind != 1)
			cmd_usage(command);
		else
			code = engine_ctl(o.conf, argv[optind]);
	}
	cmd_options_close(&o);
	return code;
}
