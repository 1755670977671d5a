/*
 * concert evidence: the packets that are kept behind indicators: what there is, whether it is untouched, out to a file,
 * away.  Beside a running sensor, too.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cmd/help.h"
#include "evidence/evidence.h"

int cmd_evidence(int argc, char **argv);

#define LIST_DEFAULT 1000

struct job {
	struct conf *conf;
	const char *outdir, *out, *indicator, *older;
	bool json;
	uint64_t max;
	struct evidence_store *store;
	struct buf line;
	uint64_t seen, damaged;
};

static int
usage(void)
{
	cmd_usage(help_find("evidence"));
	return EXIT_USAGE;
}

static void
print_entry(struct job *job, const struct evidence_entry *entry, const char *state)
{
	struct json json = json_into(&job->line);
	char hex[65], time[40], gone[40], size[32];

	hex_text(slice_of(entry->sha256, 32), hex);
	time_rfc3339_text(entry->time, time);
	time_rfc3339_text(entry->gone, gone);
	if (!job->json) {
		printf("%.19sZ  %-11s  %9s  %s  ", time, state, bytes_text(entry->size, size), hex);
		cmd_print_clean(slice_str(entry->behind), stdout);
		putchar('\n');
		return;
	}
	buf_clear(&job->line);
	json_object(&json, NULL);
	json_text(&json, "sha256", hex);
	json_text(&json, "time", time);
	json_uint(&json, "size", entry->size);
	json_text(&json, "state", state);
	if (entry->gone != 0)
		json_text(&json, "gone", gone);
	if (entry->behind[0] != '\0')
		json_text(&json, "indicator", entry->behind);
	json_end_object(&json);
	buf_add_u8(&job->line, '\n');
	fwrite(job->line.p, 1, job->line.size, stdout);
}

static void
list_one(void *ctx, const struct evidence_entry *entry)
{
	struct job *job = ctx;

	if (job->seen++ == 0 && !job->json)
		printf("%-20s  %-11s  %9s  %-64s  %s\n", "SEEN", "STATE", "SIZE", "SHA-256", "BEHIND");
	print_entry(job, entry, evidence_state_text[entry->state]);
}

static int
list(struct job *job)
{
	struct slice behind = slice_str(job->indicator != NULL ? job->indicator : "");
	char count[32], bytes[32];

	if (evidence_store_list(job->store, behind, job->max, list_one, job) != CC_OK) {
		fprintf(stderr, "concert evidence: %s\n", evidence_store_error(job->store));
		return EXIT_FAILED;
	}
	if (!job->json)
		printf("%s pieces; %s kept\n", thousands_text(job->seen, count),
		    bytes_text(evidence_store_bytes(job->store), bytes));
	return EXIT_DONE;
}

/* ---- verify ---- */

static void
verify_one(void *ctx, const struct evidence_entry *entry)
{
	struct job *job = ctx;
	struct slice bytes;
	enum cc_status st;

	if (entry->state != EVIDENCE_KEPT && entry->state != EVIDENCE_DAMAGED)
		return;
	job->seen++;
	st = entry->state == EVIDENCE_DAMAGED ? CC_BAD : evidence_store_read(job->store, entry->sha256, &bytes);
	if (st == CC_OK)
		free((void *)(uintptr_t)bytes.p);
	else
		job->damaged++;
	if (st != CC_OK || job->json)
		print_entry(job, entry, st == CC_OK ? "kept" : "damaged");
}

/* The listing's own statement is in use while it is walked: digests first, then the files. */
struct digests {
	struct evidence_entry *entry;
	size_t count, room;
};

static void
remember(void *ctx, const struct evidence_entry *entry)
{
	struct digests *all = ctx;

	if (all->count == all->room) {
		size_t room = all->room > 0 ? all->room * 2 : 1024;
		struct evidence_entry *more = realloc(all->entry, room * sizeof(*more));

		if (more == NULL)
			return;
		all->entry = more;
		all->room = room;
	}
	all->entry[all->count] = *entry;
	all->entry[all->count++].behind = "";
}

static bool
parse(const char *text, uint8_t ret_sha256[32])
{
	if (hex_parse(slice_str(text), ret_sha256, 32) == CC_OK)
		return true;
	fprintf(stderr, "concert evidence: '%s' is not a SHA-256 in hexadecimal\n", text);
	return false;
}

static int
verify(struct job *job, char **words, int count)
{
	struct digests all = {0};
	char seen[32], damaged[32];
	int code = EXIT_DONE;

	for (int i = 0; i < count; i++) {
		struct evidence_entry entry;
		uint8_t sha256[32];

		if (!parse(words[i], sha256)) {
			code = EXIT_USAGE;
		} else if (evidence_store_find(job->store, sha256, &entry) != CC_OK) {
			fprintf(stderr, "concert evidence: %s: never kept here\n", words[i]);
			code = EXIT_FAILED;
		} else if (entry.state == EVIDENCE_OVERWRITTEN || entry.state == EVIDENCE_PURGED) {
			char gone[40];

			fprintf(stderr, "concert evidence: %s: %s at %s\n", words[i], evidence_state_text[entry.state],
			    time_rfc3339_text(entry.gone, gone));
			code = EXIT_FAILED;
		} else {
			entry.behind = "";
			remember(&all, &entry);
		}
	}
	if (count == 0 && evidence_store_list(job->store, slice_of(NULL, 0), SIZE_MAX, remember, &all) != CC_OK) {
		fprintf(stderr, "concert evidence: %s\n", evidence_store_error(job->store));
		code = EXIT_FAILED;
	}
	for (size_t i = 0; i < all.count; i++)
		verify_one(job, &all.entry[i]);
	free(all.entry);
	if (!job->json)
		printf("%s pieces verified, %s damaged\n", thousands_text(job->seen, seen),
		    thousands_text(job->damaged, damaged));
	return job->damaged > 0 ? EXIT_FAILED : code;
}

/* ---- export, purge ---- */

static int
export(struct job *job, const char *word)
{
	struct evidence_entry entry;
	uint8_t sha256[32];
	struct slice bytes;
	enum cc_status st;
	FILE *out = stdout;
	bool good;

	if (!parse(word, sha256))
		return EXIT_USAGE;
	st = evidence_store_read(job->store, sha256, &bytes);
	if (st != CC_OK) {
		bool known = evidence_store_find(job->store, sha256, &entry) == CC_OK;
		char gone[40];

		if (known && entry.state != EVIDENCE_KEPT)
			fprintf(stderr, "concert evidence: %s: %s at %s\n", word, evidence_state_text[entry.state],
			    time_rfc3339_text(entry.gone, gone));
		else
			fprintf(stderr, "concert evidence: %s: %s\n", word, known ? "damaged" : "never kept here");
		return EXIT_FAILED;
	}
	if (job->out != NULL && strcmp(job->out, "-") != 0)
		out = fopen(job->out, "wex");
	good = out != NULL && fwrite(bytes.p, 1, bytes.size, out) == bytes.size && fflush(out) == 0;
	if (!good)
		perror(job->out != NULL ? job->out : "standard output");
	if (out != NULL && out != stdout)
		good = fclose(out) == 0 && good;
	free((void *)(uintptr_t)bytes.p);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static int
purge(struct job *job, char **words, int count)
{
	size_t gone = 0, sum = 0;
	char text[32];
	uint64_t age;
	enum cc_status st = CC_OK;

	if ((job->older != NULL) == (count > 0))
		return usage();
	if (job->older != NULL) {
		if (duration_parse(job->older, &age) != CC_OK) {
			fprintf(stderr, "concert evidence: '%s' is no time such as 30d or 12h\n", job->older);
			return EXIT_USAGE;
		}
		st = evidence_store_purge(job->store, NULL, time_now() > age ? time_now() - age : 0, &sum);
	}
	for (int i = 0; i < count && st == CC_OK; i++) {
		uint8_t sha256[32];

		if (!parse(words[i], sha256))
			return EXIT_USAGE;
		st = evidence_store_purge(job->store, sha256, 0, &gone);
		if (st == CC_OK && gone == 0)
			fprintf(stderr, "concert evidence: %s: not kept here\n", words[i]);
		sum += gone;
	}
	if (st != CC_OK)
		fprintf(stderr, "concert evidence: %s\n", evidence_store_error(job->store));
	printf("%s pieces purged\n", thousands_text(sum, text));
	return st == CC_OK ? EXIT_DONE : EXIT_FAILED;
}

static int
run(struct job *job, const char *verb, char **words, int count)
{
	/* Only what changes something asks for the writer's rights; SQLite keeps it apart from a running sensor. */
	bool writes = strcmp(verb, "purge") == 0;
	char *why = NULL;
	int code;

	if (evidence_store_open(job->conf, job->outdir, writes, &job->store, &why) != CC_OK) {
		fprintf(stderr, "concert evidence: %s\n", why != NULL ? why : job->outdir);
		free(why);
		return EXIT_FAILED;
	}
	if (strcmp(verb, "list") == 0)
		code = list(job);
	else if (strcmp(verb, "verify") == 0)
		code = verify(job, words, count);
	else if (writes)
		code = purge(job, words, count);
	else
		code = export(job, words[0]);
	evidence_store_close(job->store);
	return code;
}

int
cmd_evidence(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"indicator", required_argument, NULL, 'i'}, {"max", required_argument, NULL, 'm'},
	    {"older-than", required_argument, NULL, 'O'}, {NULL, 0, NULL, 0}};
	struct job job = {.outdir = ".", .max = LIST_DEFAULT};
	const char *verb = argc > 1 ? argv[1] : "";
	int letter, code;

	if (strcmp(verb, "list") != 0 && strcmp(verb, "verify") != 0 && strcmp(verb, "export") != 0 &&
	    strcmp(verb, "purge") != 0)
		return usage();
	optind = 2;
	while ((letter = getopt_long(argc, argv, "l:o:", options, NULL)) != -1) {
		switch (letter) {
		case 'l':
			job.outdir = optarg;
			break;
		case 'o':
			job.out = optarg;
			break;
		case 'j':
			job.json = true;
			break;
		case 'i':
			job.indicator = optarg;
			break;
		case 'O':
			job.older = optarg;
			break;
		case 'm':
			if (uint_parse(optarg, &job.max) == CC_OK)
				break;
			/* fall through */
		default:
			return usage();
		}
	}
	if ((strcmp(verb, "export") == 0 && argc - optind != 1) || (strcmp(verb, "list") == 0 && argc != optind))
		return usage();
	job.conf = conf_new();
	buf_open(&job.line, 65536);
	code = job.conf != NULL ? run(&job, verb, argv + optind, argc - optind) : EXIT_FAILED;
	buf_close(&job.line);
	conf_free(job.conf);
	return code;
}
