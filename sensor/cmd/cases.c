/*
 * concert cases: what was determined, ours and what partners published; opinions, closing, publishing, and the requests
 * that would change an answer.
 *
 * Ours come from the correlator (its state, or a file of `concert correlate --out`), others' and all opinions from the
 * topic `cases`, verified, by the desk.  What is refused is refused by a name: unknown_case, foreign_case, closed_case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cases.h"
#include "joint/joint.h"
#include "record/record.h"

int cmd_cases(int argc, char **argv);

const char *
cases_said(const struct cases_room *r, const char *name)
{
	return cmd_value(r->d.words, r->d.word_count, name);
}

int
cases_fail(int code, const char *what, const char *detail)
{
	fprintf(stderr, "concert cases: %s%s%s\n", what, detail[0] != '\0' ? ": " : "", detail);
	return code;
}

/* ---- what there is ---- */

struct casefile *
cases_version(const struct cases_room *r, const char *id, const char *publisher)
{
	for (size_t i = 0; i < r->list.count; i++) {
		if (strcmp(r->list.one[i]->id, id) == 0 && strcmp(r->list.one[i]->publisher, publisher) == 0)
			return r->list.one[i];
	}
	return NULL;
}

const char *
cases_ours(const struct cases_room *r)
{
	return r->d.o.conf->sensor_organisation;
}

/* why: it can't be read; NULL: there is no memory for it. */
static void
leave_out(struct cases_room *r, const char *what, const char *id, const char *organisation, const char *why)
{
	fprintf(stderr, "concert cases: %s%s of %s is left out: %s\n", what, id, organisation,
	    why != NULL ? why : "no memory");
	r->left_out++;
	r->no_memory = r->no_memory || why == NULL;
}

void
cases_take(struct cases_room *r, const struct board_case *from)
{
	struct casefile *one = NULL, *local;
	char *why = NULL;

	if (cases_read(from->document, &one, &why) != CC_OK) {
		leave_out(r, "", from->id, from->organisation, why);
		free(why);
		return;
	}
	/* Whoever it is: what it is called by, and what opinions are on, does not change with whom we trust. */
	if (!cases_set_publisher(one, from->organisation) || cases_drop_opinions(one) != CC_OK) {
		leave_out(r, "", from->id, from->organisation, NULL);
		cases_free(one);
		return;
	}
	one->untrusted =
	    !from->ours && trust_organisation(desk_trust(r->d.desk), slice_str(from->organisation)) == NULL;
	one->made = from->time;
	cases_mark(one, from->tlp);
	/* What another marks stricter than its sightings were stays so. */
	if (!from->ours)
		one->floor = one->tlp;
	one->exercise = one->exercise || from->exercise;
	local = from->ours ? cases_version(r, from->id, "") : NULL;
	if (local != NULL) {
		cases_mark(local, from->tlp);
		local->sent = true;
		(void)cases_join_trace(local, one);
		if (strcmp(one->state, "closed") == 0)
			(void)cases_set_state(local, "closed");
	}
	if (cases_list_add(&r->list, one) != CC_OK) {
		leave_out(r, "", from->id, from->organisation, NULL);
		cases_free(one);
	}
}

static void
take_published(void *ctx, const struct board_case *from)
{
	cases_take(ctx, from);
}

static void
take_opinion(void *ctx, const struct board_opinion *o)
{
	struct cases_room *r = ctx;
	struct case_opinion opinion = {
	    o->organisation, board_view_word[o->view], o->text, o->message, o->about, o->time, o->tlp};

	/* On the determination of the one that it was said of, not on another's of the same case. */
	for (size_t i = 0; i < r->list.count; i++) {
		struct casefile *one = r->list.one[i];

		if (strcmp(one->id, o->id) == 0 &&
		    strcmp(one->publisher[0] != '\0' ? one->publisher : cases_ours(r), o->of) == 0 &&
		    cases_add_opinion(one, &opinion) == CC_NOMEM)
			leave_out(r, "the opinion on ", o->id, o->organisation, NULL);
	}
}

/* ---- the correlator's state ---- */

struct found {
	struct cases_room *r;
	struct joint_state *state;
	char (*id)[48];
	size_t count, room;
	struct casefile *one;
};

/* Of what is part of another case now, or of nothing: what partners were told of, and what is asked for by name. */
static bool
is_wanted(const struct cases_room *r, const struct joint_case *from)
{
	const char *named = r->d.count > 0 ? r->d.rest[0] : "";

	if (from->merged == NULL || from->published > 0 || cases_said(r, "all") != NULL ||
	    cases_said(r, "state") != NULL)
		return true;
	named += strncmp(named, "case--", 6) == 0 ? 6 : 0;
	return named[0] != '\0' && strncmp(from->id + 6, named, strlen(named)) == 0;
}

static void
take_id(void *ctx, const struct joint_case *from)
{
	struct found *f = ctx;

	if (!is_wanted(f->r, from))
		return;
	if (f->count == f->room) {
		size_t room = f->room > 0 ? f->room * 2 : 64;
		char (*more)[48] = realloc(f->id, room * sizeof(*more));

		if (more == NULL) {
			leave_out(f->r, "", from->id, "this machine", NULL);
			return;
		}
		f->id = more;
		f->room = room;
	}
	snprintf(f->id[f->count++], sizeof(*f->id), "%s", from->id);
}

static void
take_own(void *ctx, const struct joint_case *from)
{
	struct found *f = ctx;
	char *why = NULL;

	if (cases_read(from->document, &f->one, &why) != CC_OK)
		fprintf(stderr, "concert cases: %s: %s\n", from->id, why != NULL ? why : "no memory");
	free(why);
	if (f->one == NULL)
		return;
	f->one->made = from->updated;
	f->one->stale = from->published > 0 && from->updated > from->published;
	if (from->merged != NULL && from->merged[0] == '\0')
		(void)cases_set_state(f->one, "withdrawn");
	else if (from->state != NULL && strcmp(from->state, f->one->state) != 0)
		(void)cases_set_state(f->one, from->state);
}

static void
take_trace(void *ctx, const struct joint_trace *from)
{
	struct found *f = ctx;
	struct case_trace trace = {
	    from->event != NULL ? from->event : "", from->with != NULL ? from->with : "", from->time};

	/* The document says by the first sight when it was opened. */
	if (strcmp(trace.event, "opened") == 0 && f->one != NULL && f->one->traces > 0 &&
	    strcmp(f->one->trace[0].event, "opened") == 0)
		return;
	if (f->one != NULL && !cases_has_trace(f->one, &trace))
		(void)cases_add_trace(f->one, &trace);
}

/* Where the correlator keeps its state: --from, when that is a folder, else OUTDIR. */
const char *
cases_state_place(const struct cases_room *r)
{
	struct stat about;
	const char *from = cases_said(r, "from");

	return from != NULL && stat(from, &about) == 0 && S_ISDIR(about.st_mode) ? from : r->d.o.outdir;
}

static int
load_state(struct cases_room *r)
{
	struct found f = {.r = r};
	const char *place = cases_state_place(r);
	enum cc_status st = joint_state_open(r->d.o.conf, place, false, &f.state, &r->d.why);

	if (st == CC_ABSENT && place != r->d.o.outdir)
		return cases_fail(EXIT_FAILED, "no correlator has kept anything there", place);
	if (st == CC_ABSENT) {
		free(r->d.why);
		r->d.why = NULL;
		return EXIT_DONE;
	}
	if (st != CC_OK)
		return cases_fail(EXIT_FAILED, r->d.why != NULL ? r->d.why : cc_status_text(st), "");
	st = joint_state_list(f.state, NULL, take_id, &f);
	if (st == CC_OK)
		st = joint_state_list(f.state, "merged", take_id, &f);
	for (size_t i = 0; st == CC_OK && i < f.count; i++) {
		f.one = NULL;
		st = joint_state_get(f.state, f.id[i], take_own, &f);
		if (st == CC_OK)
			st = joint_state_trace(f.state, f.id[i], take_trace, &f);
		if (f.one != NULL && cases_list_add(&r->list, f.one) != CC_OK) {
			leave_out(r, "", f.id[i], "this machine", NULL);
			cases_free(f.one);
		}
	}
	if (st == CC_IO)
		(void)cases_fail(EXIT_FAILED, joint_state_error(f.state), "");
	joint_state_close(f.state);
	free(f.id);
	return st == CC_OK || st == CC_ABSENT ? EXIT_DONE : EXIT_FAILED;
}

/* EXIT_DONE, or what was printed. */
static int
load(struct cases_room *r)
{
	const char *from = cases_said(r, "from");

	bool state = from == NULL || cases_state_place(r) == from;

	if (!state && cases_load(from, &r->list, &r->d.why) != CC_OK)
		return cases_fail(EXIT_FAILED, r->d.why != NULL ? r->d.why : from, "");
	if (r->list.left_out > 0)
		fprintf(stderr, "concert cases: %s: %zu cases can't be read\n", from, r->list.left_out);
	if (state && load_state(r) != EXIT_DONE)
		return EXIT_FAILED;
	for (size_t i = 0; i < r->list.count; i++)
		(void)cases_drop_opinions(r->list.one[i]);
	if (r->d.desk == NULL)
		return EXIT_DONE;
	if (!cmd_desk_sync(&r->d))
		return EXIT_FAILED;
	(void)board_cases(r->d.desk, take_published, r);
	(void)board_opinions(r->d.desk, NULL, take_opinion, r);
	if (desk_refused(r->d.desk) > 0)
		fprintf(stderr,
		    "concert cases: messages refused: %llu; concert watch --from-start cases and concert ask audit say "
		    "why\n",
		    (unsigned long long)desk_refused(r->d.desk));
	return EXIT_DONE;
}

struct casefile *
cases_pick(struct cases_room *r, const char *id, int *ret_code)
{
	bool many = false;
	const char *of = cases_said(r, "of");
	struct casefile *one = cases_find(&r->list, id, &many);

	if (one == NULL) {
		*ret_code = cases_fail(EXIT_FAILED, many ? "several cases begin so" : "unknown_case", id);
		fprintf(stderr, "(concert cases list --all shows those that are here: %zu)\n", r->list.count);
		return NULL;
	}
	if (of != NULL && strcmp(one->publisher, of) != 0 && (one = cases_version(r, one->id, of)) == NULL)
		*ret_code = cases_fail(EXIT_FAILED, "unknown_case: it was not published by", of);
	return one;
}

/* ---- list, show, export ---- */

static int
newest_first(const void *a, const void *b)
{
	const struct casefile *x = *(struct casefile *const *)a, *y = *(struct casefile *const *)b;
	int order = (x->last < y->last) - (x->last > y->last);

	if (order == 0)
		order = strcmp(x->id, y->id);
	return order != 0 ? order : strcmp(x->publisher, y->publisher);
}

/* A line of the list, whole, or named and left out. */
static void
put_row(struct cases_room *r, const struct casefile *one, const char *end)
{
	buf_add_text(&r->d.line, end);
	if (r->d.line.full)
		leave_out(r, "", one->id, one->publisher[0] != '\0' ? one->publisher : "this machine", NULL);
	else
		fwrite(r->d.line.p, 1, r->d.line.size, stdout);
	buf_clear(&r->d.line);
}

void
cases_row_json(struct cases_room *r, const struct casefile *one)
{
	struct json json = json_into(&r->d.line);
	struct cases_tally t = cases_tally(one);

	json_object(&json, NULL);
	json_text(&json, "id", one->id);
	json_text(&json, "publisher", one->publisher);
	json_text(&json, "state", one->state);
	json_bool(&json, "exercise", one->exercise);
	json_text(&json, "tlp", record_tlp_text(cases_marking(one)));
	json_time_if(&json, "first_seen", one->first);
	json_time_if(&json, "last_seen", one->last);
	json_uint(&json, "organisations", one->organisations);
	json_uint(&json, "messages", one->messages);
	json_text(&json, "verdict", one->verdict);
	json_text_if(&json, "kind", one->what);
	json_text_if(&json, "value", one->value);
	json_double(&json, "confidence", one->confidence);
	json_uint(&json, "agree", t.agree);
	json_uint(&json, "disagree", t.disagree);
	json_uint(&json, "abstain", t.abstain);
	if (one->untrusted)
		json_bool(&json, "trusted", false);
	if (one->publisher[0] == '\0') {
		json_bool(&json, "published", one->sent);
		json_bool(&json, "changed_since", one->stale);
	}
	json_end_object(&json);
	put_row(r, one, "\n");
}

static bool
is_over(const struct casefile *one)
{
	static const char *const over[] = {"closed", "merged", "withdrawn"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(one->state, over[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_state(const char *state)
{
	static const char *const known[] = {"determined", "undetermined", "closed", "merged", "withdrawn"};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(state, known[i]) == 0)
			return true;
	}
	return false;
}

static int
list(struct cases_room *r)
{
	const char *state = cases_said(r, "state"), *from = cases_said(r, "from");
	bool all = cases_said(r, "all") != NULL;
	size_t shown = 0, stale = 0;

	if (state != NULL && !is_state(state))
		return cases_fail(
		    EXIT_USAGE, "--state is determined, undetermined, closed, merged or withdrawn, not", state);
	if (r->list.count > 0)
		qsort(r->list.one, r->list.count, sizeof(*r->list.one), newest_first);
	for (size_t i = 0; i < r->list.count; i++) {
		const struct casefile *one = r->list.one[i];

		stale += one->stale;
		/* What we published is ours already. */
		if (one->publisher[0] != '\0' && strcmp(one->publisher, cases_ours(r)) == 0 &&
		    cases_version(r, one->id, "") != NULL)
			continue;
		if (state != NULL ? strcmp(one->state, state) != 0 : !all && is_over(one))
			continue;
		if (r->d.o.json) {
			cases_row_json(r, one);
			continue;
		}
		if (shown++ == 0)
			printf("%-8s %-12s %-16s %3s %8s %-23s %s\n", "CASE", "STATE", "LAST SEEN", "SAW", "PROB.",
			    "ANSWER", "WHOSE");
		cases_row(&r->d.line, one);
		put_row(r, one, "");
	}
	if (stale > 0 && !r->d.o.json)
		fprintf(stderr,
		    "%zu published %s changed since (concert cases publish tells partners; --all shows merged ones)\n",
		    stale, stale == 1 ? "case has" : "cases have");
	if (shown == 0 && !r->d.o.json)
		fprintf(stderr,
		    "%s in %s: concert correlate finds them; --from names its place, --all shows closed ones\n",
		    r->list.count > 0 ? "no such cases" : "no cases", from != NULL ? from : r->d.o.outdir);
	return EXIT_DONE;
}

static int
show(struct cases_room *r)
{
	int code = EXIT_DONE;
	struct casefile *one = cases_pick(r, r->d.rest[0], &code);

	if (one == NULL)
		return code;
	if (r->d.o.json) {
		if (cases_document(one, SIZE_MAX, &r->d.line) == CC_OK)
			cmd_put_line(&r->d.line);
		return EXIT_DONE;
	}
	cases_text(&r->d.line, one);
	if (r->d.line.full)
		return cases_fail(EXIT_FAILED, "no memory", one->id);
	fwrite(r->d.line.p, 1, r->d.line.size, stdout);
	for (size_t i = 0; i < r->list.count; i++) {
		const struct casefile *other = r->list.one[i];
		struct cases_tally t;
		char answer[256];

		if (other == one || strcmp(other->id, one->id) != 0 ||
		    (strcmp(other->publisher, cases_ours(r)) == 0 && one->publisher[0] == '\0'))
			continue;
		cases_answer_text(other, answer);
		t = cases_tally(other);
		printf("\nby ");
		cmd_column(other->publisher, 24);
		printf("%s%s (%zu agree, %zu disagree)\n", other->untrusted ? CASES_UNTRUSTED ": " : "", answer,
		    t.agree, t.disagree);
	}
	return EXIT_DONE;
}

static int
write_file(const char *path, const struct buf *text)
{
	char *beside = NULL;
	FILE *out;
	bool good;
	int failed;

	if (path == NULL || strcmp(path, "-") == 0)
		return fwrite(text->p, 1, text->size, stdout) == text->size && fflush(stdout) == 0
			   ? EXIT_DONE
			   : cases_fail(EXIT_FAILED, "standard output", strerror(errno));
	if (asprintf(&beside, "%s.new", path) < 0)
		return cases_fail(EXIT_FAILED, path, "no memory");
	out = fopen(beside, "we");
	good = out != NULL && fwrite(text->p, 1, text->size, out) == text->size;
	good = out != NULL && fclose(out) == 0 && good && rename(beside, path) == 0;
	failed = errno;
	if (!good && out != NULL)
		(void)unlink(beside);
	free(beside);
	return good ? EXIT_DONE : cases_fail(EXIT_FAILED, path, strerror(failed));
}

static const char *
form_of(const struct cases_room *r)
{
	const char *as = cases_said(r, "as"), *out = cases_said(r, "out"),
		   *end = out != NULL ? strrchr(out, '.') : NULL;

	static const char *const by_end[][2] = {{".html", "html"}, {".htm", "html"}, {".json", "stix"},
	    {".md", "markdown"}, {".markdown", "markdown"}, {".txt", "markdown"}};

	if (as != NULL || end == NULL || strchr(end, '/') != NULL)
		return as != NULL ? as : "markdown";
	for (size_t i = 0; i < sizeof(by_end) / sizeof(by_end[0]); i++) {
		if (strcmp(end, by_end[i][0]) == 0)
			return by_end[i][1];
	}
	return end;
}

static int
export(struct cases_room *r)
{
	const char *as = form_of(r);
	int code = EXIT_DONE;
	struct casefile *one = cases_pick(r, r->d.rest[0], &code);
	struct buf out;
	enum cc_status st = CC_OK;

	if (one == NULL)
		return code;
	if (as[0] == '.')
		return cases_fail(
		    EXIT_USAGE, "a file's name ends with .html, .md or .json, or --as says the form; not", as);
	buf_open(&out, 256u << 20);
	if (strcmp(as, "html") == 0) {
		cases_html(&out, one);
	} else if (strcmp(as, "markdown") == 0 || strcmp(as, "md") == 0) {
		cases_markdown(&out, one);
	} else if (strcmp(as, "stix") == 0) {
		struct posting p;

		st = cases_posting(one, one->publisher[0] != '\0' ? one->publisher : cases_ours(r),
		    one->made != 0 ? one->made : one->last, SIZE_MAX, CASES_NODES, &p);
		p.post.edges = st == CC_OK ? cases_edges(one, &p) : 0;
		if (st == CC_OK)
			st = board_stix(r->d.o.conf, &p.post, &out);
		buf_add_u8(&out, '\n');
		cases_posting_close(&p);
	} else {
		buf_close(&out);
		return cases_fail(EXIT_USAGE, "--as is html, markdown or stix, not", as);
	}
	code = st != CC_OK || out.full ? cases_fail(EXIT_FAILED, "it can't be written", cc_status_text(st))
				       : write_file(cases_said(r, "out"), &out);
	buf_close(&out);
	return code;
}

/* ---- the command ---- */

static int
act(struct cases_room *r, const struct command *command)
{
	static const struct {
		const char *verb;
		int (*run)(struct cases_room *r);
		int least, most;
	} verb[] = {{"list", list, 0, 0}, {"show", show, 1, 1}, {"export", export, 1, 1},
	    {"publish", cases_publish, 1, 1}, {"close", cases_close, 1, 1}, {"opinion", cases_opinion, 2, 2},
	    {"ask", cases_ask, 1, 2}};
	int code;

	for (size_t i = 0; i < sizeof(verb) / sizeof(verb[0]); i++) {
		if (strcmp(verb[i].verb, r->d.verb) != 0)
			continue;
		if (r->d.count < verb[i].least || r->d.count > verb[i].most)
			break;
		code = load(r);
		return code == EXIT_DONE ? verb[i].run(r) : code;
	}
	cmd_usage(command);
	return EXIT_USAGE;
}

/* A file alone can be looked at without a place of ours: nothing is made, nothing is read from the topic. */
static bool
is_file_alone(const struct cases_room *r, bool placed)
{
	return cases_said(r, "from") != NULL && !placed &&
	       (strcmp(r->d.verb, "list") == 0 || strcmp(r->d.verb, "show") == 0 || strcmp(r->d.verb, "export") == 0);
}

int
cmd_cases(int argc, char **argv)
{
	static const char *const verbs[] = {"list", "show", "export", "publish", "close", "opinion", "ask"};
	struct cmd_word words[] = {{.name = "from"}, {.name = "as"}, {.name = "out"}, {.name = "state"},
	    {.name = "tlp"}, {.name = "text"}, {.name = "why"}, {.name = "of"}, {.name = "priority"},
	    {.name = "deadline"}, {.name = "all", .flag = true}, {.name = "reopen", .flag = true},
	    {.name = "again", .flag = true}};
	const struct command *command = &cmd_table[0];
	struct cases_room r = {.list = {NULL, 0, 0}};
	bool placed = false;
	int code;

	while (command->run != cmd_cases)
		command++;
	for (int i = 1; i < argc; i++)
		placed = placed || strcmp(argv[i], "-l") == 0 || strcmp(argv[i], "-c") == 0 ||
			 strncmp(argv[i], "--exchange", 10) == 0;
	if (!cmd_desk_begin(&r.d, command, argc, argv, verbs, sizeof(verbs) / sizeof(verbs[0]), words,
		sizeof(words) / sizeof(words[0]), &code))
		return code;
	if (!is_file_alone(&r, placed) && !cmd_desk_start(&r.d, &code))
		return code;
	code = act(&r, command);
	if (r.left_out > 0)
		fprintf(stderr, "concert cases: left out: %zu\n", r.left_out);
	code = code == EXIT_DONE && r.no_memory ? EXIT_FAILED : code;
	cases_list_free(&r.list);
	return cmd_desk_close(&r.d, code);
}
