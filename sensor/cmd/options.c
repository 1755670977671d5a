/* What commands have in common: options, in getopt's order over the configuration file, and small services. */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "exchange/exchange.h"

#define COMMAND(word, usage, help) extern int cmd_##word(int argc, char **argv);
#include "cmd/commands.def"
#undef COMMAND

const struct command cmd_table[] = {
#define COMMAND(word, usage, help) {#word, cmd_##word, usage, help},
#include "cmd/commands.def"
#undef COMMAND
};
const size_t cmd_count = sizeof(cmd_table) / sizeof(cmd_table[0]);

enum { OPT_SET = 256, OPT_EXCHANGE, OPT_FROM_START, OPT_FOLLOW, OPT_JSON, OPT_UNVERIFIED, OPT_QUARANTINE, OPT_TRUST,
    OPT_HEALTH, OPT_TOPIC, OPT_FROM, OPT_TO,
	OPT_SINCE, OPT_CEILING, OPT_ONCE, OPT_OUT };

static const struct option longs[] = {{"set", required_argument, NULL, OPT_SET},
    {"exchange", required_argument, NULL, OPT_EXCHANGE}, {"from-start", no_argument, NULL, OPT_FROM_START},
    {"follow", no_argument, NULL, OPT_FOLLOW}, {"json", no_argument, NULL, OPT_JSON},
    {"unverified", no_argument, NULL, OPT_UNVERIFIED},
    {"quarantine", no_argument, NULL, OPT_QUARANTINE}, {"trust", no_argument, NULL, OPT_TRUST},
    {"topic", required_argument, NULL, OPT_TOPIC}, {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO}, {"since", required_argument, NULL, OPT_SINCE},
    {"ceiling", required_argument, NULL, OPT_CEILING}, {"once", no_argument, NULL, OPT_ONCE},
    {"out", required_argument, NULL, OPT_OUT}, {"health", no_argument, NULL, OPT_HEALTH},
    {"config", required_argument, NULL, 'c'}, {"summary", no_argument, NULL, 'q'}, {NULL, 0, NULL, 0}};

void
cmd_usage(const struct command *command)
{
	fprintf(stderr, "usage: concert %s %s\n(concert help %s explains it)\n", command->name, command->usage,
	    command->name);
}

/* Remembers "key=value" for a reload, and sets it now.  A list grows: "detect.rules" of two -S is "[a,b]". */
static bool
set(struct cmd_options *o, const char *assignment)
{
	char **grown = realloc(o->set, (o->set_count + 1) * sizeof(*grown));
	char *why = NULL;
	bool good;

	if (grown == NULL)
		return false;
	o->set = grown;
	if ((o->set[o->set_count] = strdup(assignment)) == NULL)
		return false;
	o->set_count++;
	good = conf_set(o->conf, assignment, &why) == CC_OK;
	if (!good)
		fprintf(stderr, "concert: %s\n", why != NULL ? why : assignment);
	free(why);
	return good;
}

static bool
set_value(struct cmd_options *o, const char *key, const char *value)
{
	size_t size = strlen(key) + strlen(value) + 2;
	char *text = malloc(size);
	bool good;

	if (text == NULL)
		return false;
	snprintf(text, size, "%s=%s", key, value);
	good = set(o, text);
	free(text);
	return good;
}

/* A folder that somebody types is meant from where he stands; in a file it is below OUTDIR.  The last is where messages
 * go, all of them are where a reader's come from. */
static bool
set_exchange(struct cmd_options *o, const char *arg)
{
	bool from_here = strncmp(arg, "file:", 5) == 0 && arg[5] != '\0' && arg[5] != '/', good;
	char *here = from_here ? getcwd(NULL, 0) : NULL, *whole = NULL, *typed = NULL;

	if (!from_here)
		whole = strdup(arg);
	else if (here == NULL || asprintf(&whole, "file:%s/%s", here, arg + 5) < 0)
		whole = NULL;
	good = whole != NULL &&
	       asprintf(&typed, "%s%s%s", o->typed != NULL ? o->typed : "", o->typed != NULL ? "\n" : "", whole) >= 0 &&
	       set_value(o, "exchange.to", whole);
	if (good) {
		free(o->typed);
		o->typed = typed;
	}
	free(whole);
	free(here);
	return good;
}

static bool
is_no_place(const struct cmd_options *o, const char *name)
{
	return strcmp(name, "none") == 0 || (strcmp(name, "file:") == 0 && !o->outdir_given);
}

char *
cmd_sources(const struct cmd_options *o)
{
	const struct conf_list *from = &o->conf->exchange_from;
	const char *next = o->typed != NULL ? o->typed : o->conf->exchange_to;
	bool listed = o->typed == NULL && from->count > 0;
	struct buf text;
	char *all = NULL;

	buf_open(&text, 1u << 20);
	for (size_t i = 0; listed ? i < from->count : *next != '\0'; i++) {
		size_t size = listed ? 0 : strcspn(next, "\n");
		char *name = listed ? strdup(from->item[i]) : strndup(next, size);
		char *place = name != NULL && !is_no_place(o, name) ? exchange_place(o->outdir, name) : NULL;

		if (place != NULL)
			buf_printf(&text, "%s%s", text.size > 0 ? "\n" : "", place);
		next += size + (next[size] == '\n');
		free(place);
		free(name);
	}
	buf_add_u8(&text, '\0');
	if (text.size > 1 && !text.full)
		all = strdup((const char *)text.p);
	buf_close(&text);
	return all;
}

bool
cmd_name_absent(const struct cmd_options *o, const char *command)
{
	bool listed = o->typed == NULL, any = false;
	char *all = !listed || o->conf->exchange_from.count > 0 ? cmd_sources(o) : NULL;

	for (char *rest = all, *one; (one = strsep(&rest, "\n")) != NULL;) {
		if (strncmp(one, "file:", 5) != 0 || access(one + 5, F_OK) == 0)
			continue;
		fprintf(stderr, "concert %s: %sfile exchange %s: %s\n", command, listed ? "exchange.from: " : "",
		    one + 5, strerror(errno));
		any = true;
	}
	free(all);
	return any && !listed;
}

/* What the configuration lists already, and one more. */
static bool
add_value(struct cmd_options *o, const char *key, const struct conf_list *list, const char *value)
{
	struct buf text;
	bool good;

	buf_open(&text, 1u << 20);
	buf_printf(&text, "%s=[", key);
	for (size_t i = 0; i < list->count; i++)
		buf_printf(&text, "%s,", list->item[i]);
	buf_printf(&text, "%s]", value);
	buf_add_u8(&text, '\0');
	good = !text.full && set(o, (const char *)text.p);
	buf_close(&text);
	return good;
}

static bool
take(struct cmd_options *o, int letter, const char *arg)
{
	switch (letter) {
	case 'c':
		return true; /* read before all others */
	case 'S':
		return add_value(o, "detect.rules", &o->conf->detect_rules, arg);
	case 'Y':
		return add_value(o, "detect.yara", &o->conf->detect_yara, arg);
	case 'W':
		return add_value(o, "detect.watch", &o->conf->detect_watch, arg);
	case 'i':
		return add_value(o, "capture.interfaces", &o->conf->capture_interfaces, arg);
	case 'l':
		free(o->outdir);
		o->outdir_given = true;
		return (o->outdir = strdup(arg)) != NULL;
	case 'w':
		return set_value(o, "engine.workers", arg);
	case 'v':
		log_open("concert", LOG_LEVEL_DEBUG);
		return true;
	case 'q':
		return o->quiet = true;
	case OPT_SET:
		return set(o, arg);
	case OPT_EXCHANGE:
		return set_exchange(o, arg);
	case OPT_FROM_START:
		return o->from_start = true;
	case OPT_FOLLOW:
		return o->follow = true;
	case OPT_JSON:
		return o->json = true;
	case OPT_UNVERIFIED:
		return o->unverified = true;
	case OPT_QUARANTINE:
		return o->quarantine = true;
	case OPT_HEALTH:
		o->from_start = true; /* the newest heartbeat may be old */
		return o->health = true;
	case OPT_TRUST:
		return o->trust = true;
	case OPT_TOPIC:
		o->topic = arg;
		return true;
	case OPT_FROM:
		o->from = arg;
		return true;
	case OPT_TO:
		o->to = arg;
		return true;
	case OPT_SINCE:
		o->since = arg;
		return true;
	case OPT_CEILING:
		o->ceiling = arg;
		return true;
	case OPT_ONCE:
		return o->once = true;
	case OPT_OUT:
		o->out = arg;
		return true;
	default:
		return false;
	}
}

/* -c first, wherever it stands: the command line overrules the file. */
static bool
read_config(struct cmd_options *o, int argc, char **argv, const char *letters)
{
	char *why = NULL;
	int letter;
	bool good = true;

	optind = 1;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (letter == 'c')
			o->conf_path = optarg;
	}
	if (o->conf_path != NULL && conf_read(o->conf, o->conf_path, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why != NULL ? why : o->conf_path);
		good = false;
	}
	free(why);
	return good;
}

bool
cmd_options(const struct command *command, int argc, char **argv, const char *letters, struct cmd_options *ret_options)
{
	struct cmd_options *o = ret_options;
	int letter;

	*o = (struct cmd_options){.conf = conf_new()};
	if (o->conf == NULL || !read_config(o, argc, argv, letters))
		return false;
	o->outdir = strdup(o->conf->engine_outdir);
	optind = 1;
	opterr = 1;
	while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (!take(o, letter, optarg)) {
			cmd_usage(command);
			return false;
		}
	}
	return o->outdir != NULL;
}

void
cmd_options_close(struct cmd_options *options)
{
	for (size_t i = 0; i < options->set_count; i++)
		free(options->set[i]);
	free(options->set);
	free(options->outdir);
	free(options->typed);
	conf_free(options->conf);
}

void
cmd_print_clean(struct slice text, FILE *out)
{
	for (size_t i = 0; i < text.size; i++)
		putc(text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i], out);
}

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
cmd_remove_tree(const char *path)
{
	(void)nftw(path, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}
