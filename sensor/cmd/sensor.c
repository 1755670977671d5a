/* concert read and concert run: the sensor, over files or live. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

int cmd_read(int argc, char **argv);
int cmd_run(int argc, char **argv);

static const struct command *
find(const char *name)
{
	size_t i = 0;

	while (i + 1 < cmd_count && strcmp(cmd_table[i].name, name) != 0)
		i++;
	return &cmd_table[i];
}

static struct engine_job
job_of(const struct cmd_options *o, int argc, char **argv)
{
	return (struct engine_job){.conf = o->conf, .conf_path = o->conf_path, .set = o->set, .set_count = o->set_count,
	    .outdir = o->outdir, .paths = argv + optind, .path_count = (size_t)(argc - optind), .summary = !o->quiet};
}

int
cmd_read(int argc, char **argv)
{
	const struct command *command = find("read");
	struct cmd_options o;
	struct engine_job job;
	int code = EXIT_USAGE;

	if (cmd_options(command, argc, argv, "c:S:Y:W:l:w:vq", &o)) {
		job = job_of(&o, argc, argv);
		if (job.path_count == 0)
			cmd_usage(command);
		else
			code = engine_read(&job);
	}
	cmd_options_close(&o);
	return code;
}

int
cmd_run(int argc, char **argv)
{
	const struct command *command = find("run");
	struct cmd_options o;
	struct engine_job job;
	int code = EXIT_USAGE;

	if (cmd_options(command, argc, argv, "c:S:Y:W:l:w:i:vq", &o)) {
		job = job_of(&o, argc, argv);
		if (job.path_count != 0) {
			fprintf(stderr, "concert run: '%s' is not an option; captures are for 'concert read'\n",
			    job.paths[0]);
			cmd_usage(command);
		} else {
			code = engine_run(&job);
		}
	}
	cmd_options_close(&o);
	return code;
}
