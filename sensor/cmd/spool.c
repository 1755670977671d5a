/*
 * concert spool: what is in a spool folder, what is wrong with it, the wish that it be offered again, the way across an
 * air gap, and the list of what was held back.  Beside the folder's owner, without disturbing it.
 */
#include <jansson.h> /* before base/json.h */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/cmd.h"
#include "exchange/exchange.h"

int cmd_spool(int argc, char **argv);

struct job {
	const struct cmd_options *o;
	char *dir, *outdir; /* of the spool, of the sensor */
	struct buf line;
	uint64_t wrong;
};

static unsigned long long
ull(uint64_t n)
{
	return n;
}

static void
print_line(struct job *job)
{
	buf_add_u8(&job->line, '\n');
	fwrite(job->line.p, 1, job->line.size, stdout);
	buf_clear(&job->line);
}

static int
failed(const char *word, enum cc_status st, char *why)
{
	fprintf(stderr, "concert spool %s: %s\n", word, why != NULL ? why : cc_status_text(st));
	free(why);
	return st == CC_BAD ? EXIT_USAGE : EXIT_FAILED;
}

/* ---- dump ---- */

static void
dump_one(void *ctx, const struct cc_message *msg, uint64_t position)
{
	struct job *job = ctx;
	struct json json = json_into(&job->line);

	if (!job->o->json) {
		struct slice cell[] = {
		    msg->topic, message_header(msg, "ce_id"), message_header(msg, "ce_sequence"), msg->key};

		printf("%llu\t%.*s\t%.*s\t%u\t%.*s\t", ull(position), (int)cell[0].size, cell[0].p, (int)cell[1].size,
		    cell[1].p, msg->lane, (int)cell[2].size, cell[2].p);
		cmd_print_clean(cell[3], stdout);
		putchar('\n');
		return;
	}
	base_json_object(&json, NULL);
	json_uint(&json, "position", position);
	base_json_string(&json, "topic", msg->topic);
	json_uint(&json, "lane", msg->lane);
	base_json_string(&json, "key", msg->key);
	base_json_object(&json, "headers");
	for (unsigned i = 0; i < msg->header_count; i++)
		base_json_string(&json, msg->header[i].name, msg->header[i].value);
	json_end_object(&json);
	base_json_string(&json, "value", msg->value);
	json_end_object(&json);
	print_line(job);
}

static int
dump(struct job *job)
{
	char *why = NULL;
	enum cc_status st;

	if (!job->o->json)
		puts("#position\ttopic\tid\tlane\tsequence\tkey");
	st = spool_visit(job->dir, dump_one, job, &why);
	return st == CC_OK ? EXIT_DONE : failed("dump", st, why);
}

/* ---- status, check ---- */

static void
put_figures(struct json *json, const struct spool_figures *f)
{
	char time[40];

	json_uint(json, "segments", f->segments);
	json_uint(json, "bytes", f->bytes);
	json_uint(json, "messages", f->messages);
	json_uint(json, "waiting", f->waiting);
	json_uint(json, "first_position", f->first);
	json_uint(json, "cursor", f->cursor);
	json_uint(json, "next_position", f->next);
	if (f->oldest_waiting != 0)
		json_text(json, "oldest_waiting", time_rfc3339_text(f->oldest_waiting, time));
	json_uint(json, "damaged_bytes", f->damaged);
	json_uint(json, "lost_positions", f->lost);
	json_bool(json, "owned", f->owned);
	json_bool(json, "replay_asked", f->replay_asked);
}

static void
print_figures(const struct spool_figures *f)
{
	char bytes[32], count[32], waiting[32], time[40];

	printf("%s messages in %llu segments, %s on disk\n", thousands_text(f->messages, count), ull(f->segments),
	    bytes_text(f->bytes, bytes));
	printf("%s wait", thousands_text(f->waiting, waiting));
	if (f->oldest_waiting != 0)
		printf(", the oldest of %s", time_rfc3339_text(f->oldest_waiting, time));
	printf("\npositions %llu to %llu, delivered below %llu\n", ull(f->first), ull(f->next) - 1, ull(f->cursor));
	puts(f->owned ? "open in a running sensor" : "no sensor has it open");
	if (f->replay_asked)
		puts("a replay was asked for and has not begun");
	if (f->damaged > 0 || f->lost > 0)
		printf("DAMAGED: %s, %llu positions without a message: concert spool check tells more\n",
		    bytes_text(f->damaged, bytes), ull(f->lost));
}

static int
status(struct job *job)
{
	struct spool_figures figures;
	struct json json = json_into(&job->line);
	char *why = NULL;
	enum cc_status st = spool_figures(job->dir, &figures, &why);

	if (st != CC_OK)
		return failed("status", st, why);
	if (!job->o->json) {
		print_figures(&figures);
		return EXIT_DONE;
	}
	base_json_object(&json, NULL);
	json_text(&json, "dir", job->dir);
	put_figures(&json, &figures);
	json_end_object(&json);
	print_line(job);
	return EXIT_DONE;
}

static void
print_finding(void *ctx, const struct spool_finding *f)
{
	struct job *job = ctx;
	struct json json = json_into(&job->line);

	/* A last message that is being written is told, and is nobody's fault. */
	job->wrong += strcmp(f->what, "cut") != 0;
	if (!job->o->json) {
		printf("%s: %s at byte %llu, position %llu", f->segment, f->what, ull(f->offset), ull(f->position));
		if (f->size > 0)
			printf(" (%llu)", ull(f->size));
		fputs(": ", stdout);
		cmd_print_clean(slice_str(f->why), stdout);
		putchar('\n');
		return;
	}
	base_json_object(&json, NULL);
	json_text(&json, "segment", f->segment);
	json_text(&json, "what", f->what);
	json_text(&json, "why", f->why);
	json_uint(&json, "position", f->position);
	json_uint(&json, "offset", f->offset);
	json_uint(&json, "size", f->size);
	json_end_object(&json);
	print_line(job);
}

static int
check(struct job *job)
{
	struct spool_figures figures;
	struct trust *trust = NULL;
	struct json json = json_into(&job->line);
	char *why = NULL, count[32];
	enum cc_status st = trust_open(job->o->conf, job->outdir, &trust, &why);

	if (st == CC_OK)
		st = spool_check(job->o->conf, trust, job->dir, print_finding, job, &figures, &why);
	trust_close(trust);
	if (st != CC_OK)
		return failed("check", st, why);
	if (job->o->json) {
		base_json_object(&json, NULL);
		base_json_object(&json, "sum");
		json_text(&json, "dir", job->dir);
		put_figures(&json, &figures);
		json_uint(&json, "refused", figures.refused);
		json_uint(&json, "repeated", figures.repeated);
		json_uint(&json, "findings", job->wrong);
		json_end_object(&json);
		json_end_object(&json);
		print_line(job);
	} else if (job->wrong == 0) {
		printf("%s messages: checksums, form, signatures and lanes are right\n",
		    thousands_text(figures.messages, count));
	} else {
		printf("%s messages, %llu findings: %llu bytes damaged, %llu positions lost, %llu messages that "
		       "readers would refuse\n",
		    thousands_text(figures.messages, count), ull(job->wrong), ull(figures.damaged), ull(figures.lost),
		    ull(figures.refused));
	}
	return job->wrong == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- replay ---- */

static bool
number_option(const char *name, const char *text, uint64_t *ret_number)
{
	if (text == NULL || (uint_parse(text, ret_number) == CC_OK && *ret_number > 0))
		return true;
	fprintf(stderr, "concert spool: %s wants a position from 1, not '%s'\n", name, text);
	return false;
}

static int
replay(struct job *job)
{
	uint64_t position = 0, time = 0, from = 0;
	struct json json = json_into(&job->line);
	bool owned = false;
	char *why = NULL;
	enum cc_status st;

	if ((job->o->from == NULL) == (job->o->since == NULL)) {
		fputs("concert spool replay: wants --from POSITION or --since TIME (2026-01-31T12:00:00Z)\n", stderr);
		return EXIT_USAGE;
	}
	if (!number_option("--from", job->o->from, &position))
		return EXIT_USAGE;
	if (job->o->since != NULL && time_rfc3339_parse(job->o->since, &time) != CC_OK) {
		fprintf(stderr, "concert spool replay: --since wants a time as 2026-01-31T12:00:00Z, not '%s'\n",
		    job->o->since);
		return EXIT_USAGE;
	}
	st = spool_replay_from(job->o->conf, job->dir, position, time, &from, &owned, &why);
	if (st == CC_ABSENT) {
		fprintf(stderr, "concert spool replay: nothing in %s is of that time or later\n", job->dir);
		return EXIT_FAILED;
	}
	if (st != CC_OK)
		return failed("replay", st, why);
	if (job->o->json) {
		base_json_object(&json, NULL);
		json_uint(&json, "position", from);
		json_bool(&json, "owned", owned);
		json_end_object(&json);
		print_line(job);
	} else {
		printf("delivered messages from position %llu on are offered again %s\n", ull(from),
		    owned ? "by the running sensor" : "when the sensor starts");
	}
	return EXIT_DONE;
}

/* ---- export, import ---- */

static void
print_sums(struct job *job, const struct airgap_sums *s, bool import)
{
	struct json json = json_into(&job->line);
	char bytes[32], count[32];

	if (job->o->json) {
		base_json_object(&json, NULL);
		base_json_object(&json, "sum");
		json_uint(&json, "files", s->files);
		json_uint(&json, "bytes", s->bytes);
		json_uint(&json, "messages", s->messages);
		json_uint(&json, import ? "known" : "not_chosen", import ? s->known : s->left_out);
		json_uint(&json, import ? "refused" : "above_ceiling", import ? s->refused : s->above);
		if (import)
			json_uint(&json, "damaged", s->damaged);
		json_end_object(&json);
		json_end_object(&json);
		print_line(job);
		return;
	}
	printf("%s messages %s, %llu files, %s\n", thousands_text(s->messages, count), import ? "are new" : "exported",
	    ull(s->files), bytes_text(s->bytes, bytes));
	if (import)
		printf("%llu known already, %llu refused, %llu damaged places\n", ull(s->known), ull(s->refused),
		    ull(s->damaged));
	else
		printf("%llu not chosen, %llu marked above the ceiling stay here\n", ull(s->left_out), ull(s->above));
}

static int
export(struct job *job, const char *to)
{
	struct airgap_choice choice = {.topic = job->o->topic, .ceiling = (enum cc_tlp)job->o->conf->exchange_ceiling};
	struct airgap_sums sums;
	char *why = NULL;
	enum cc_status st;

	if (!number_option("--from", job->o->from, &choice.from) || !number_option("--to", job->o->to, &choice.to))
		return EXIT_USAGE;
	if (job->o->ceiling != NULL && record_tlp_parse(slice_str(job->o->ceiling), &choice.ceiling) != CC_OK) {
		fprintf(stderr, "concert spool export: --ceiling wants a TLP 2.0 marking, not '%s'\n", job->o->ceiling);
		return EXIT_USAGE;
	}
	st = airgap_export(job->o->conf, job->dir, to, &choice, &sums, &why);
	if (st != CC_OK)
		return failed("export", st, why);
	print_sums(job, &sums, false);
	return EXIT_DONE;
}

static void
print_refused(void *ctx, const struct cc_message *msg, const char *verdict, const char *why)
{
	struct job *job = ctx;
	struct json json = json_into(&job->line);
	struct slice id = msg != NULL ? message_header(msg, "ce_id") : slice_str("");

	job->wrong++;
	if (!job->o->json) {
		printf("refused %s: ", verdict);
		cmd_print_clean(slice_str(why), stdout);
		if (msg != NULL) {
			fputs(", ", stdout);
			cmd_print_clean(message_header(msg, "ce_source"), stdout);
			putchar(' ');
			cmd_print_clean(id, stdout);
		}
		putchar('\n');
		return;
	}
	base_json_object(&json, NULL);
	json_text(&json, "refused", verdict);
	json_text(&json, "why", why);
	if (msg != NULL) {
		base_json_string(&json, "topic", msg->topic);
		base_json_string(&json, "source", message_header(msg, "ce_source"));
		base_json_string(&json, "id", id);
	}
	json_end_object(&json);
	print_line(job);
}

static int
import(struct job *job, const char *from)
{
	const struct conf *conf = job->o->conf;
	const char *to = conf->exchange_to;
	struct quarantine *quarantine = NULL;
	struct trust *trust = NULL;
	struct airgap_sums sums;
	char *why = NULL, *target = NULL;
	enum cc_status st;

	if (strncmp(to, "file:", 5) != 0) {
		fprintf(stderr,
		    "concert spool import: exchange.to is %s: name a file exchange by --exchange file:DIR\n", to);
		return EXIT_USAGE;
	}
	to = to[5] != '\0' ? to + 5 : "exchange";
	if ((target = dirs_under(job->outdir, to)) == NULL)
		return failed("import", CC_NOMEM, NULL);
	st = trust_open(conf, job->outdir, &trust, &why);
	if (st == CC_OK)
		st = quarantine_open(conf, job->outdir, &quarantine, &why);
	if (st == CC_OK)
		st = airgap_import(conf, trust, quarantine, from, target, print_refused, job, &sums, &why);
	quarantine_close(quarantine);
	trust_close(trust);
	free(target);
	if (st != CC_OK) {
		(void)failed("import", st, why);
		return EXIT_FAILED;
	}
	print_sums(job, &sums, true);
	return job->wrong == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- held ---- */

static const char *
text_of(json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text != NULL ? text : "";
}

static void
print_held(const char *line, uint64_t number)
{
	json_t *json = json_loads(line, 0, NULL);

	if (number == 0)
		printf("%-20s  %-12s  %-12s  %-40s  %s\n", "LAST SEEN", "TLP", "TOPIC", "WHY", "INDICATOR");
	printf("%.19s%s  %-12.12s  %-12.12s  %-40.40s  ", text_of(json, "time"), json != NULL ? "Z" : "",
	    text_of(json, "tlp"), text_of(json, "topic"), text_of(json, "reason"));
	cmd_print_clean(slice_str(text_of(json, "kind")), stdout);
	putchar(' ');
	cmd_print_clean(slice_str(text_of(json, "value")), stdout);
	putchar('\n');
	json_decref(json);
}

/* The older file first. */
static int
held(struct job *job)
{
	static const char *const names[] = {"held-back.jsonl.1", "held-back.jsonl"};
	char *line = NULL, path[4096], count[32];
	size_t room = 0;
	uint64_t seen = 0;

	for (size_t i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", job->outdir, names[i]);
		file = fopen(path, "re");
		while (file != NULL && getline(&line, &room, file) > 0) {
			if (job->o->json)
				fputs(line, stdout);
			else
				print_held(line, seen);
			seen++;
		}
		if (file != NULL)
			fclose(file);
	}
	free(line);
	if (!job->o->json)
		printf("%s held back\n", thousands_text(seen, count));
	return EXIT_DONE;
}

/* ---- which ---- */

static char *
spool_dir(const struct cmd_options *o)
{
	return dirs_under(o->outdir, o->conf->spool_dir[0] != '\0' ? o->conf->spool_dir : "spool");
}

/* DIR's sensor, when -l does not name it: the folder around, where its key lies. */
static char *
outdir_of(const struct cmd_options *o, const char *dir)
{
	char *around;

	if (o->outdir_given || dir == NULL)
		return strdup(o->outdir);
	return asprintf(&around, "%s/..", dir) < 0 ? NULL : around;
}

static int
act(struct job *job, const char *word, char *const *rest, int count)
{
	static const struct {
		const char *word;
		int (*act)(struct job *);
	} plain[] = {{"status", status}, {"check", check}, {"dump", dump}, {"replay", replay}, {"held", held}};
	bool exports = strcmp(word, "export") == 0, imports = strcmp(word, "import") == 0;
	const char *dir = !imports && count > (exports ? 1 : 0) ? rest[0] : NULL;
	int code = EXIT_USAGE;

	job->dir = dir != NULL ? strdup(dir) : spool_dir(job->o);
	job->outdir = outdir_of(job->o, dir);
	if (job->dir == NULL || job->outdir == NULL)
		return EXIT_FAILED;
	buf_open(&job->line, 256u << 20);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && count < 2; i++) {
		if (strcmp(word, plain[i].word) == 0)
			code = plain[i].act(job);
	}
	if (exports && count > 0 && count < 3)
		code = export(job, rest[count - 1]);
	else if (imports && count == 1)
		code = import(job, rest[0]);
	buf_close(&job->line);
	return code;
}

int
cmd_spool(int argc, char **argv)
{
	static const char *const words[] = {"status", "check", "dump", "replay", "export", "import", "held"};
	const struct command *command = &cmd_table[0];
	struct cmd_options o;
	struct job job = {.o = &o};
	bool known = false;
	int code = EXIT_USAGE, count;

	while (command->run != cmd_spool)
		command++;
	if (cmd_options(command, argc, argv, "c:l:v", &o)) {
		count = argc - optind - 1;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && count >= 0; i++)
			known = known || strcmp(argv[optind], words[i]) == 0;
		if (!known || count > 2 || (count == 2 && strcmp(argv[optind], "export") != 0) ||
		    (count < 1 && (strcmp(argv[optind], "export") == 0 || strcmp(argv[optind], "import") == 0)))
			cmd_usage(command);
		else
			code = act(&job, argv[optind], argv + optind + 1, count);
	}
	free(job.dir);
	free(job.outdir);
	cmd_options_close(&o);
	return code;
}
