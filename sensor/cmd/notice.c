/*
 * concert notice: new threats, good practice, rule packs.
 *
 * A pack's rules are another's text: they are checked, and run over the pack's own captures (trial.h), before anything
 * reaches a folder that a sensor reads.  A later version takes the place of the one that is installed there; what its
 * author takes back goes out of that folder at the next look at the topic.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/desk.h"
#include "cmd/trial.h"
#include "record/record.h"

int cmd_notice(int argc, char **argv);

enum { FILES, NEAR }; /* of the words: those that may stand there more than once */
#define PATH_ROOM 5000

static const char *
said(const struct cmd_desk *d, const char *name)
{
	return cmd_value(d->words, d->word_count, name);
}

static bool
ends_with(const char *name, const char *end)
{
	size_t size = strlen(name), tail = strlen(end);

	return size > tail && strcmp(name + size - tail, end) == 0;
}

static bool
is_capture(const char *name)
{
	return ends_with(name, ".pcap") || ends_with(name, ".pcapng");
}

static bool
is_rules(const char *name)
{
	return ends_with(name, ".rules") || ends_with(name, ".yar");
}

/* ---- list, show ---- */

struct listing {
	struct cmd_desk *d;
	size_t count;
	bool all, exercise, whole;
};

static void
print_json(struct listing *l, const struct notice *n)
{
	struct json json = json_into(&l->d->line);
	char time[40];

	json_object(&json, NULL);
	json_text(&json, "id", n->id);
	json_text(&json, "organisation", n->organisation);
	json_text(&json, "kind", notice_kind_word[n->kind]);
	json_text(&json, "title", n->title);
	json_text(&json, "text", n->text);
	json_text(&json, "tlp", record_tlp_text(n->tlp));
	json_bool(&json, "exercise", n->exercise);
	json_bool(&json, "revoked", n->revoked);
	json_text(&json, "created", time_rfc3339_text(n->created, time));
	json_text(&json, "modified", time_rfc3339_text(n->modified, time));
	if (n->installed[0] != '\0')
		json_text(&json, "installed", n->installed);
	json_array(&json, "files");
	for (size_t i = 0; i < n->files; i++) {
		json_object(&json, NULL);
		json_text(&json, "name", n->file[i].name);
		json_text(&json, "sha256", n->file[i].sha256);
		json_uint(&json, "size", n->file[i].bytes.size);
		if (n->file[i].near)
			json_bool(&json, "near_miss", true);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	cmd_put_line(&l->d->line);
}

static void
show_one(struct listing *l, const struct notice *n)
{
	char time[40];

	(void)l;
	printf("id        %s\nby        %s\nkind      %s%s%s\nTLP       %s\ncreated   %s\ntitle     ", n->id,
	    n->organisation, notice_kind_word[n->kind], n->exercise ? ", drill" : "", n->revoked ? ", REVOKED" : "",
	    record_tlp_text(n->tlp), time_rfc3339_text(n->created, time));
	cmd_column(n->title, 0);
	fputs("\ntext      ", stdout);
	cmd_column(n->text, 0);
	putchar('\n');
	for (size_t i = 0; i < n->files; i++)
		printf("file      %s  %zu bytes  %s%s\n", n->file[i].sha256, n->file[i].bytes.size, n->file[i].name,
		    n->file[i].near ? ", a near miss" : "");
	if (n->installed[0] != '\0')
		printf("installed %s\n", n->installed);
}

static void
list_one(void *ctx, const struct notice *n)
{
	struct listing *l = ctx;
	char time[40];

	if (!l->whole && !l->all && (n->revoked || n->exercise != l->exercise))
		return;
	l->count++;
	if (l->d->o.json) {
		print_json(l, n);
		return;
	}
	if (l->whole) {
		show_one(l, n);
		return;
	}
	if (l->count == 1)
		printf("%-8s %-16s %-24s %-8s %-12s %-9s %s\n", "ID", "CREATED", "BY", "KIND", "TLP", "STATE", "TITLE");
	printf("%.8s %.16s ", n->id, time_rfc3339_text(n->created, time));
	cmd_column(n->organisation, 24);
	printf("%-8s %-12s %-9s %s", notice_kind_word[n->kind], record_tlp_text(n->tlp),
	    n->revoked                ? "revoked"
	    : n->installed[0] != '\0' ? "installed"
				      : "-",
	    n->exercise ? "[drill] " : "");
	cmd_column(n->title, 0);
	putchar('\n');
}

/* ---- publish ---- */

static bool
read_file(const char *path, size_t most, struct slice *ret_bytes)
{
	FILE *file = fopen(path, "re");
	uint8_t *bytes = file != NULL ? malloc(most + 1) : NULL;
	size_t size = bytes != NULL ? fread(bytes, 1, most + 1, file) : 0;
	bool good = bytes != NULL && !ferror(file) && size <= most;

	if (!good)
		fprintf(stderr, "concert notice: %s: %s\n", path,
		    file == NULL  ? strerror(errno)
		    : size > most ? "larger than exchange.message_max"
				  : "can't be read");
	if (file != NULL)
		fclose(file);
	if (!good) {
		free(bytes);
		return false;
	}
	*ret_bytes = slice_of(bytes, size);
	return true;
}

static int
add_file(struct cmd_desk *d, struct notice *n, const char *path, bool near)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	struct notice_file *f = &n->file[n->files];

	if (!notice_name_is_good(name) || (near && !is_capture(name))) {
		fprintf(stderr, "concert notice: %s: %s\n", path,
		    near ? "a near miss is a capture, .pcap or .pcapng"
			 : "a name has letters, digits, dots and dashes");
		return EXIT_USAGE;
	}
	if (!read_file(path, d->o.conf->exchange_message_max, &f->bytes))
		return EXIT_FAILED;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->near = near;
	n->files++;
	return EXIT_DONE;
}

static int
fill(struct cmd_desk *d, struct notice *n)
{
	size_t files = d->words[FILES].count, near = d->words[NEAR].count;
	const char *kind = d->rest[0], *title = said(d, "title"),
		   *tlp = said(d, "tlp") != NULL ? said(d, "tlp") : "green";
	int k = 0;

	while (k < NOTICE_KINDS && strcmp(kind, notice_kind_word[k]) != 0)
		k++;
	if (k == NOTICE_KINDS || title == NULL || title[0] == '\0' ||
	    record_tlp_parse(slice_str(tlp), &n->tlp) != CC_OK || strlen(title) >= sizeof(n->title) ||
	    files + near > NOTICE_FILES || (k == NOTICE_RULES && files == 0)) {
		fprintf(stderr, "concert notice: publish threat|practice|rules --title T [--text T] [--tlp TLP] "
				"[--file FILE]... [--near CAPTURE]..., rules with files, 16 at most\n");
		return EXIT_USAGE;
	}
	n->kind = (enum notice_kind)k;
	if (said(d, "replaces") != NULL && said(d, "replaces")[0] == '\0') {
		fprintf(stderr, "concert notice: --replaces: which one?\n");
		return EXIT_USAGE;
	}
	snprintf(n->id, sizeof(n->id), "%s", said(d, "replaces") != NULL ? said(d, "replaces") : "");
	n->exercise = said(d, "exercise") != NULL;
	snprintf(n->title, sizeof(n->title), "%s", title);
	if (said(d, "text") != NULL &&
	    snprintf(n->text, sizeof(n->text), "%s", said(d, "text")) >= (int)sizeof(n->text)) {
		fprintf(stderr, "concert notice: --text: 4,095 bytes at most\n");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < files + near; i++) {
		bool is_near = i >= files;
		const char *path = is_near ? d->words[NEAR].value[i - files] : d->words[FILES].value[i];
		int code = add_file(d, n, path, is_near);

		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

static int
publish(struct cmd_desk *d)
{
	struct notice *n = calloc(1, sizeof(*n));
	struct listing l = {.d = d, .all = true};
	int code = n != NULL ? fill(d, n) : EXIT_FAILED;

	if (code == EXIT_DONE) {
		enum cc_status st = notice_publish(d->desk, n, &d->why);

		if (st == CC_OK)
			list_one(&l, n);
		else
			code = cmd_desk_fail(d, st);
	}
	for (size_t i = 0; n != NULL && i < n->files; i++)
		free((void *)(uintptr_t)n->file[i].bytes.p);
	free(n);
	return code;
}

/* ---- install ---- */

static bool
write_files(const struct notice *n, const char *folder, bool captures)
{
	char path[PATH_ROOM];
	bool good = mkdir(folder, 0755) == 0 || errno == EEXIST;

	for (size_t i = 0; good && i < n->files; i++) {
		FILE *file;

		if (!captures && !is_rules(n->file[i].name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, n->file[i].name);
		file = fopen(path, "we");
		good =
		    file != NULL && fwrite(n->file[i].bytes.p, 1, n->file[i].bytes.size, file) == n->file[i].bytes.size;
		if (file != NULL)
			good = fclose(file) == 0 && good;
	}
	if (!good)
		fprintf(stderr, "concert notice: %s: %s\n", folder, strerror(errno));
	return good;
}

static bool
has_file(const struct notice *n, const char *name)
{
	size_t i = 0;

	while (i < n->files && strcmp(n->file[i].name, name) != 0)
		i++;
	return i < n->files;
}

/* The folder is the pack's own: rules that keep does not have are of another version of it.  keep NULL: all. */
static bool
remove_rules(const char *folder, const struct notice *keep)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int failed = dir != NULL || errno == ENOENT ? 0 : errno;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!is_rules(entry->d_name) || (keep != NULL && has_file(keep, entry->d_name)))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
			failed = errno;
	}
	if (dir != NULL)
		closedir(dir);
	if (failed != 0)
		fprintf(stderr, "concert notice: %s: %s\n", folder, strerror(failed));
	if (keep == NULL)
		(void)rmdir(folder);
	return failed == 0;
}

/* The rules are whole, and do what the pack says of its captures. */
static const char *
try_pack(const struct notice *n, const char *folder, const char *conf_path)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	char path[NOTICE_FILES][PATH_ROOM], out[PATH_ROOM];
	const char *why;

	if (trial == NULL)
		return "no memory";
	trial->conf_path = conf_path;
	for (size_t i = 0; i < n->files; i++) {
		const struct notice_file *f = &n->file[i];

		snprintf(path[i], PATH_ROOM, "%s/%s", folder, f->name);
		if (ends_with(f->name, ".rules"))
			trial->rules[trial->rules_count++] = path[i];
		else if (ends_with(f->name, ".yar"))
			trial->yara[trial->yara_count++] = path[i];
		else if (is_capture(f->name))
			trial->capture[trial->captures++] = (struct trial_capture){.path = path[i], .near = f->near};
	}
	snprintf(out, sizeof(out), "%s/.try", folder);
	why = trial_run(trial, out);
	free(trial);
	return why;
}

struct installing {
	struct cmd_desk *d;
	const char *into;
	int code;
};

static void
install_one(void *ctx, const struct notice *n)
{
	struct installing *in = ctx;
	char folder[PATH_ROOM - 200], temporary[PATH_ROOM - 200], *into = NULL, *why = NULL;
	const char *trouble = n->revoked                ? "its author took it back"
			      : n->kind != NOTICE_RULES ? "it is no rule pack"
							: NULL;

	snprintf(temporary, sizeof(temporary), "%s/desk/pack.XXXXXX", in->d->o.outdir);
	if (trouble == NULL && (mkdtemp(temporary) == NULL || !write_files(n, temporary, true)))
		trouble = "its files can't be written";
	if (trouble == NULL)
		trouble = try_pack(n, temporary, in->d->o.conf_path);
	if (trouble == NULL && (dirs_make(in->into, 0755) != CC_OK || (into = realpath(in->into, NULL)) == NULL))
		trouble = "the folder can't be made";
	snprintf(folder, sizeof(folder), "%s/%s", into != NULL ? into : ".", n->id);
	if (trouble == NULL && !write_files(n, folder, false))
		trouble = "its rules can't be written";
	if (trouble == NULL && !remove_rules(folder, n))
		trouble = "rules of an earlier version can't be removed";
	cmd_remove_tree(temporary);
	free(into);
	if (audit_note(in->d->o.outdir, trouble == NULL ? "rules installed" : "rules not installed",
		(const char *const[]){"notice", n->id, "by", n->organisation, "folder", trouble == NULL ? folder : NULL,
		    "why", trouble, NULL},
		&why) != CC_OK)
		fprintf(stderr, "concert notice: audit log: %s\n", why != NULL ? why : "");
	free(why);
	if (trouble != NULL) {
		fprintf(stderr, "concert notice: %s: not installed: %s\n", n->id, trouble);
		return;
	}
	(void)notice_installed(in->d->desk, n->id, folder);
	printf("%s\n", folder);
	in->code = EXIT_DONE;
}

static int
with_one(struct cmd_desk *d, notice_fn *fn, void *ctx, int code)
{
	enum cc_status st = notices_visit(d->desk, d->rest[0], fn, ctx);

	if (st == CC_OK)
		return code;
	fprintf(stderr, "concert notice: %s: %s\n", d->rest[0],
	    st == CC_DENIED ? "several notices begin so" : "no such notice");
	return EXIT_FAILED;
}

/* What its author took back goes out of the folder where it was installed. */
static void
take_back(void *ctx, const struct notice *n)
{
	struct cmd_desk *d = ctx;
	char *why = NULL;

	/* What can't be removed is tried again at the next look. */
	if (!n->revoked || n->installed[0] == '\0' || !remove_rules(n->installed, NULL))
		return;
	if (audit_note(d->o.outdir, "rules taken back",
		(const char *const[]){"notice", n->id, "folder", n->installed, "why", n->text, NULL}, &why) != CC_OK)
		fprintf(stderr, "concert notice: audit log: %s\n", why != NULL ? why : "");
	free(why);
	fprintf(
	    stderr, "concert notice: %s was taken back by %s: %s is removed\n", n->id, n->organisation, n->installed);
	(void)notice_installed(d->desk, n->id, "");
}

static int
act(struct cmd_desk *d)
{
	struct listing l = {.d = d,
	    .all = said(d, "all") != NULL,
	    .exercise = said(d, "exercise") != NULL,
	    .whole = strcmp(d->verb, "show") == 0};
	struct installing in = {.d = d, .into = said(d, "into"), .code = EXIT_FAILED};

	if (!cmd_desk_sync(d))
		return EXIT_FAILED;
	(void)notices_visit(d->desk, NULL, take_back, d);
	if (strcmp(d->verb, "publish") == 0)
		return publish(d);
	if (strcmp(d->verb, "show") == 0)
		return with_one(d, list_one, &l, EXIT_DONE);
	if (strcmp(d->verb, "install") == 0) {
		if (in.into == NULL) {
			fprintf(stderr, "concert notice: install ID --into FOLDER\n");
			return EXIT_USAGE;
		}
		return with_one(d, install_one, &in, EXIT_DONE) == EXIT_DONE ? in.code : EXIT_FAILED;
	}
	if (strcmp(d->verb, "revoke") == 0) {
		enum cc_status st = notice_revoke(d->desk, d->rest[0], said(d, "why"), &d->why);

		return st == CC_OK ? EXIT_DONE : cmd_desk_fail(d, st);
	}
	(void)notices_visit(d->desk, NULL, list_one, &l);
	return EXIT_DONE;
}

int
cmd_notice(int argc, char **argv)
{
	static const char *const verbs[] = {"publish", "list", "show", "revoke", "install"};
	static const int operands[] = {1, 0, 1, 1, 1};
	struct cmd_word words[] = {[FILES] = {.name = "file"}, [NEAR] = {.name = "near"}, {.name = "title"},
	    {.name = "text"}, {.name = "tlp"},
	    {.name = "why"}, {.name = "into"}, {.name = "replaces"},
	    {.name = "exercise", .flag = true}, {.name = "all", .flag = true}};
	const struct command *command = &cmd_table[0];
	struct cmd_desk d;
	int code;

	while (command->run != cmd_notice)
		command++;
	if (!cmd_desk_open(&d, command, argc, argv, verbs, 5, words, sizeof(words) / sizeof(words[0]), &code))
		return code;
	code = EXIT_USAGE;
	for (size_t i = 0; i < 5; i++) {
		if (strcmp(d.verb, verbs[i]) != 0)
			continue;
		if (d.count != operands[i])
			cmd_usage(command);
		else
			code = act(&d);
	}
	return cmd_desk_close(&d, code);
}
