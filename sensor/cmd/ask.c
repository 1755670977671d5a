/*
 * concert ask: requests for assistance, ours and those asked of us; `serve` answers what the policy lets a machine
 * answer.
 */
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/desk.h"
#include "record/record.h"

int cmd_ask(int argc, char **argv);

enum { TO, INDICATOR }; /* of the words: those that may stand there more than once */

#define ROUND_MS 1000 /* between two looks at the topics */
#define HOUR (3600 * NS_PER_S)

static volatile sig_atomic_t stop;

static void
on_stop(int signal)
{
	(void)signal;
	stop = 1;
}

static const char *
said(const struct cmd_desk *d, const char *name)
{
	return cmd_value(d->words, d->word_count, name);
}

static int
wrong(const char *what, const char *value)
{
	fprintf(stderr, "concert ask: %s: %s\n", what, value != NULL ? value : "is missing");
	return EXIT_USAGE;
}

/* ---- list, show ---- */

struct listing {
	struct cmd_desk *d;
	uint64_t now;
	size_t count;
	bool all, exercise, overdue;
	struct contact *contact; /* whom to call */
};

static void
keep_contact(void *ctx, const struct contact *contact)
{
	*(struct contact *)ctx = *contact;
}

/* The point of contact that is to be called about an overdue request; NULL: nobody is known. */
static const struct contact_point *
whom_to_call(struct listing *l, const struct request *r, unsigned rung)
{
	if (rung == 0 || l->contact == NULL ||
	    contacts_visit(l->d->desk, r->responder, keep_contact, l->contact) != CC_OK || l->contact->points == 0)
		return NULL;
	return &l->contact->point[rung <= l->contact->points ? rung - 1 : l->contact->points - 1];
}

static void
put_event(void *ctx, const struct request_event *event)
{
	struct json *json = ctx;

	base_json_object(json, NULL);
	json_time_if(json, "time", event->time);
	json_text(json, "by", event->organisation);
	json_text(json, "state", event->state);
	json_text(json, "status", event->status);
	json_text_if(json, "why", event->why);
	json_text_if(json, "text", event->text);
	json_end_object(json);
}

static void
print_json(struct listing *l, const struct request *r, bool steps)
{
	struct json json = json_into(&l->d->line);
	unsigned rung = request_overdue(r, l->d->o.conf, l->now);
	const struct contact_point *p = whom_to_call(l, r, rung);
	char path[4400];

	base_json_object(&json, NULL);
	json_text(&json, "id", r->id);
	json_text(&json, "requester", r->requester);
	json_text(&json, "responder", r->responder);
	json_bool(&json, "ours", r->ours);
	json_text(&json, "kind", request_kind_word[r->kind]);
	json_text(&json, "state", request_state_word[r->state]);
	json_text(&json, "priority", request_priority_word[r->priority]);
	json_text(&json, "tlp", record_tlp_text(r->tlp));
	json_bool(&json, "exercise", r->exercise);
	json_time_if(&json, "created", r->created);
	json_time_if(&json, "changed", r->changed);
	json_time_if(&json, "deadline", r->deadline);
	json_bool(&json, "overdue", rung > 0);
	if (rung > 0)
		json_uint(&json, "rung", rung);
	if (p != NULL)
		json_printf(&json, "call", "%s, %s %s %s", p->role, p->name, p->telephone, p->email);
	json_text_if(&json, "text", r->text);
	json_text_if(&json, "contact", r->contact);
	if (r->indicators > 0) {
		base_json_array(&json, "indicators");
		for (size_t i = 0; i < r->indicators; i++)
			json_text(&json, NULL, r->indicator[i]);
		json_end_array(&json);
	}
	json_time_if(&json, "from_time", r->from);
	json_time_if(&json, "until_time", r->to);
	json_text_if(&json, "evidence", r->evidence);
	json_text_if(&json, "pseudonym", r->pseudonym);
	json_text_if(&json, "reason", r->state >= REQUEST_ANSWERED ? r->reason : NULL);
	if (r->answer != NULL)
		json_raw(&json, "answer", slice_str(r->answer));
	json_text_if(&json, "verdict", r->verdict);
	if (request_capture(l->d->desk, r, path, sizeof(path)) == CC_OK)
		json_text(&json, "capture", path);
	json_text_if(&json, "held", r->held);
	if (steps) {
		base_json_array(&json, "steps");
		(void)request_events(l->d->desk, r->id, put_event, &json);
		json_end_array(&json);
	}
	json_end_object(&json);
	cmd_put_line(&l->d->line);
}

static void
list_one(void *ctx, const struct request *r)
{
	struct listing *l = ctx;
	unsigned rung = request_overdue(r, l->d->o.conf, l->now);
	const struct contact_point *p;
	char when[40], note[700] = "";

	if ((l->overdue && rung == 0) ||
	    (!l->all && !l->overdue &&
		(r->state == REQUEST_CLOSED || (r->exercise && !l->exercise) || (l->exercise && !r->exercise))))
		return;
	l->count++;
	if (l->d->o.json) {
		print_json(l, r, false);
		return;
	}
	if (l->count == 1)
		printf("%-8s %-16s %-4s %-22s %-13s %-12s %-8s %s\n", "ID", "SENT", "WAY", "PARTNER", "KIND", "STATE",
		    "PRIORITY", "NOTE");
	p = whom_to_call(l, r, rung);
	if (rung > 0)
		snprintf(note, sizeof(note), "OVERDUE, call %u.: %s %s", rung,
		    p != NULL ? p->name : "no contacts entry",
		    p == NULL                 ? ""
		    : p->telephone[0] != '\0' ? p->telephone
					      : p->email);
	else
		snprintf(note, sizeof(note), "%.600s",
		    r->held[0] != '\0'      ? r->held
		    : r->verdict[0] != '\0' ? r->verdict
					    : r->text);
	printf("%.8s %.16s %-4s ", r->id, time_rfc3339_text(r->created, when), r->ours ? "to" : "from");
	cmd_column(r->ours ? r->responder : r->requester, 22);
	printf("%-13s %-12s %-8s %s", request_kind_word[r->kind], request_state_word[r->state],
	    request_priority_word[r->priority], r->exercise ? "[drill] " : "");
	cmd_column(note, 0);
	putchar('\n');
}

static void
line(const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	printf("%-12s", name);
	cmd_column(text, 0);
	putchar('\n');
}

static void
print_event(void *ctx, const struct request_event *event)
{
	char when[40];

	(void)ctx;
	printf("  %.19s ", time_rfc3339_text(event->time, when));
	cmd_column(event->organisation, 24);
	cmd_column(event->state, 13);
	if (strcmp(event->status, "applied") != 0)
		printf("%s: ", event->status);
	cmd_column(event->why[0] != '\0' ? event->why : event->text, 0);
	putchar('\n');
}

static void
show_one(void *ctx, const struct request *r)
{
	struct listing *l = ctx;
	char time[40], path[4400];

	l->count++;
	if (l->d->o.json) {
		print_json(l, r, true);
		return;
	}
	line("id", r->id);
	line("requester", r->requester);
	line("responder", r->responder);
	line("kind", request_kind_word[r->kind]);
	line("state", request_state_word[r->state]);
	line("priority", request_priority_word[r->priority]);
	line("TLP", record_tlp_text(r->tlp));
	line("drill", r->exercise ? "yes" : "");
	line("sent", time_rfc3339_text(r->created, time));
	line("deadline", r->deadline != 0 ? time_rfc3339_text(r->deadline, time) : "");
	line("overdue", request_overdue(r, l->d->o.conf, l->now) > 0 ? "yes" : "");
	line("contact", r->contact);
	line("text", r->text);
	for (size_t i = 0; i < r->indicators; i++)
		line("indicator", r->indicator[i]);
	line("from", r->from != 0 ? time_rfc3339_text(r->from, time) : "");
	line("until", r->to != 0 ? time_rfc3339_text(r->to, time) : "");
	line("evidence", r->evidence);
	line("pseudonym", r->pseudonym);
	line("reason", r->state >= REQUEST_ANSWERED ? r->reason : "");
	line("answer", r->answer);
	line("capture", r->verdict);
	line("file", request_capture(l->d->desk, r, path, sizeof(path)) == CC_OK ? path : "");
	line("held", r->held);
	puts("steps");
	(void)request_events(l->d->desk, r->id, print_event, NULL);
}

static int
show(struct cmd_desk *d, const char *id, request_fn *fn)
{
	struct listing l = {.d = d,
	    .now = time_now(),
	    .all = said(d, "all") != NULL || id != NULL,
	    .exercise = said(d, "exercise") != NULL,
	    .overdue = strcmp(d->verb, "overdue") == 0,
	    .contact = malloc(sizeof(struct contact))};
	enum cc_status st = requests_visit(d->desk, id, fn, &l);

	free(l.contact);
	if (id != NULL && st != CC_OK) {
		fprintf(stderr, "concert ask: %s: %s\n", id,
		    st == CC_DENIED ? "several requests begin so" : "no such request");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* ---- send ---- */

/* A time, or how long from (or before) now. */
static bool
time_of(const char *text, bool back, uint64_t now, uint64_t *ret_time)
{
	uint64_t span;

	if (text == NULL || time_rfc3339_parse(text, ret_time) == CC_OK)
		return true;
	if (duration_parse(text, &span) != CC_OK || (back && span > now))
		return false;
	*ret_time = back ? now - span : now + span;
	return true;
}

static void
own_contact(void *ctx, const struct contact *contact)
{
	struct request *r = ctx;
	const struct contact_point *p = &contact->point[0];

	if (r->contact[0] == '\0' && contact->points > 0)
		snprintf(r->contact, sizeof(r->contact), "%s %s %s", p->name, p->telephone, p->email);
}

static bool
copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from != NULL ? from : "");
	return from == NULL || strlen(from) < room;
}

static int
fill(struct cmd_desk *d, struct request *r, const char *to, const char *kind)
{
	static const uint64_t patience[] = {
	    [REQUEST_ROUTINE] = 72 * HOUR, [REQUEST_URGENT] = 8 * HOUR, [REQUEST_FLASH] = HOUR};
	const char *priority = said(d, "priority") != NULL ? said(d, "priority") : "routine",
		   *tlp = said(d, "tlp") != NULL ? said(d, "tlp") : "green";
	uint64_t now = time_now();
	int k = 0, p = 0;

	while (k < REQUEST_PING && strcmp(kind, request_kind_word[k]) != 0)
		k++;
	while (p < REQUEST_PRIORITIES && strcmp(priority, request_priority_word[p]) != 0)
		p++;
	if (k == REQUEST_PING)
		return wrong("a request is have-you-seen, evidence, reveal, eliminate or explain, not", kind);
	if (p == REQUEST_PRIORITIES)
		return wrong("--priority is routine, urgent or flash, not", priority);
	if (record_tlp_parse(slice_str(tlp), &r->tlp) != CC_OK)
		return wrong("--tlp is clear, green, amber or amber+strict, not", tlp);
	r->kind = (enum request_kind)k;
	r->priority = (enum request_priority)p;
	r->exercise = said(d, "exercise") != NULL;
	r->deadline = now + patience[p];
	if (!time_of(said(d, "deadline"), false, now, &r->deadline))
		return wrong("--deadline is a time, or how long from now, not", said(d, "deadline"));
	if (!time_of(said(d, "from"), true, now, &r->from))
		return wrong("--from is a time, or how long ago, not", said(d, "from"));
	if (!time_of(said(d, "until"), true, now, &r->to))
		return wrong("--until is a time, or how long ago, not", said(d, "until"));
	if (!copy(r->responder, sizeof(r->responder), to) || !copy(r->text, sizeof(r->text), said(d, "text")) ||
	    !copy(r->contact, sizeof(r->contact), said(d, "contact")) ||
	    !copy(r->evidence, sizeof(r->evidence), said(d, "evidence")) ||
	    !copy(r->pseudonym, sizeof(r->pseudonym), said(d, "pseudonym")))
		return wrong("a value is", "too long");
	if (d->words[INDICATOR].count > REQUEST_INDICATORS)
		return wrong("--indicator", "more than 64");
	for (size_t i = 0; i < d->words[INDICATOR].count; i++) {
		const char *colon = strchr(d->words[INDICATOR].value[i], ':');
		enum cc_kind of;

		if (colon == NULL ||
		    record_kind_parse(
			slice_of(d->words[INDICATOR].value[i], (size_t)(colon - d->words[INDICATOR].value[i])), &of) !=
			CC_OK ||
		    !copy(r->indicator[r->indicators], sizeof(r->indicator[0]), d->words[INDICATOR].value[i]))
			return wrong("--indicator is like domain:x.example, not", d->words[INDICATOR].value[i]);
		r->indicators++;
	}
	if (k == REQUEST_HAVE_YOU_SEEN && r->indicators == 0)
		return wrong("have-you-seen: --indicator", NULL);
	if (k == REQUEST_EVIDENCE && strspn(r->evidence, "0123456789abcdef") != 64)
		return wrong("evidence: --evidence, the SHA-256 that the sighting names,",
		    r->evidence[0] != '\0' ? r->evidence : NULL);
	if (k == REQUEST_REVEAL && r->pseudonym[0] == '\0')
		return wrong("reveal: --pseudonym", NULL);
	if (k >= REQUEST_ELIMINATE && r->text[0] == '\0')
		return wrong("eliminate, explain: --text", NULL);
	(void)contacts_visit(d->desk, d->o.conf->sensor_organisation, own_contact, r);
	return EXIT_DONE;
}

static int
ask(struct cmd_desk *d, const char *kind)
{
	struct request *r = malloc(sizeof(*r));
	int code = r != NULL && d->words[TO].count > 0 ? EXIT_DONE : wrong("--to", NULL);

	for (size_t i = 0; code == EXIT_DONE && i < d->words[TO].count; i++) {
		enum cc_status st;

		*r = (struct request){.state = REQUEST_SENT};
		if ((code = fill(d, r, d->words[TO].value[i], kind)) != EXIT_DONE)
			break;
		st = request_send(d->desk, r, &d->why);
		code = st == CC_OK ? show(d, r->id, list_one) : cmd_desk_fail(d, st);
	}
	free(r);
	return code;
}

/* ---- steps ---- */

static int
move(struct cmd_desk *d, enum request_state to)
{
	const char *text = said(d, "why") != NULL ? said(d, "why") : said(d, "text");
	enum cc_status st = to == REQUEST_ANSWERED ? request_answer(d->desk, d->rest[0], text, &d->why) :
						     request_move(d->desk, d->rest[0], to, text, &d->why);

	return st == CC_OK ? show(d, d->rest[0], list_one) : cmd_desk_fail(d, st);
}

/* ---- export ---- */

struct exporting {
	struct cmd_desk *d;
	FILE *out;
	bool capture, good;
};

static void
export_one(void *ctx, const struct request *r)
{
	struct exporting *e = ctx;
	struct listing l = {.d = e->d, .now = time_now()};
	char path[4400], bytes[65536];
	FILE *in = request_capture(e->d->desk, r, path, sizeof(path)) == CC_OK ? fopen(path, "re") : NULL;
	size_t size;

	e->good = true;
	if (in == NULL) {
		if (r->kind == REQUEST_EVIDENCE && r->ours && r->verdict[0] != '\0')
			fprintf(stderr, "concert ask: the capture %s\n", r->verdict);
		print_json(&l, r, true);
		return;
	}
	while ((size = fread(bytes, 1, sizeof(bytes), in)) > 0)
		e->good = e->good && fwrite(bytes, 1, size, e->out) == size;
	e->good = e->good && !ferror(in) && fflush(e->out) == 0;
	fclose(in);
}

/* The capture that came, or all that is known of the request, as JSON. */
static int
export(struct cmd_desk *d)
{
	const char *to = said(d, "out");
	struct exporting e = {.d = d, .out = to != NULL ? fopen(to, "wex") : stdout};
	enum cc_status st;

	if (e.out == NULL) {
		perror(to);
		return EXIT_FAILED;
	}
	st = requests_visit(d->desk, d->rest[0], export_one, &e);
	if (st != CC_OK)
		fprintf(stderr, "concert ask: %s: %s\n", d->rest[0],
		    st == CC_DENIED ? "several requests begin so" : "no such request");
	if (e.out != stdout && fclose(e.out) != 0)
		e.good = false;
	return st == CC_OK && e.good ? EXIT_DONE : EXIT_FAILED;
}

/* ---- serve, audit ---- */

static void
say_overdue(void *ctx, const struct request *r, unsigned rung, const char *call)
{
	(void)ctx;
	fprintf(stderr, "concert ask: %s (%s, %s %s) is overdue: call %u., %s\n", r->id, request_kind_word[r->kind],
	    r->ours ? "to" : "from", r->ours ? r->responder : r->requester, rung,
	    call[0] != '\0' ? call : "no contacts entry");
}

static int
serve(struct cmd_desk *d)
{
	struct sigaction act = {.sa_handler = on_stop};
	struct policy *policy = NULL;
	enum cc_status st = policy_read(d->o.conf->exchange_policy, &policy, &d->why);
	size_t done = 0, sum = 0;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (st == CC_OK) {
		st = requests_serve(d->desk, policy, &done, &d->why);
		sum += done;
		if (st == CC_OK)
			st = requests_escalate(d->desk, time_now(), say_overdue, NULL);
		/* Sent at once, and the spool is free for others in between. */
		(void)desk_flush(d->desk);
		if (st != CC_OK || said(d, "once") != NULL || stop)
			break;
		usleep(ROUND_MS * 1000);
		st = desk_sync(d->desk, &d->why);
	}
	policy_free(policy);
	if (st != CC_OK)
		return cmd_desk_fail(d, st);
	if (!d->o.json)
		printf("%zu steps\n", sum);
	return EXIT_DONE;
}

static void
print_audit(void *ctx, struct slice text)
{
	(void)ctx;
	printf("%.*s\n", (int)text.size, (const char *)text.p);
}

static int
audit(struct cmd_desk *d)
{
	uint64_t count;
	enum cc_status st = audit_check(d->o.outdir, print_audit, NULL, &count, &d->why);

	if (st != CC_OK)
		{
		(void)cmd_desk_fail(d, st);
		return EXIT_FAILED;
	}
	if (!d->o.json)
		fprintf(stderr, "%llu lines, unchanged\n", (unsigned long long)count);
	return EXIT_DONE;
}

static int
act(struct cmd_desk *d)
{
	static const struct {
		const char *verb;
		enum request_state to;
	} step[] = {{"ack", REQUEST_ACKNOWLEDGED}, {"working", REQUEST_WORKING}, {"answer", REQUEST_ANSWERED},
	    {"decline", REQUEST_DECLINED}, {"close", REQUEST_CLOSED}};

	if (strcmp(d->verb, "audit") == 0)
		return audit(d);
	if (!cmd_desk_sync(d))
		return EXIT_FAILED;
	if (strcmp(d->verb, "send") == 0)
		return ask(d, d->rest[0]);
	if (strcmp(d->verb, "serve") == 0)
		return serve(d);
	if (strcmp(d->verb, "export") == 0)
		return export(d);
	for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		if (strcmp(d->verb, step[i].verb) == 0)
			return move(d, step[i].to);
	}
	return show(d, d->count > 0 ? d->rest[0] : NULL, strcmp(d->verb, "show") == 0 ? show_one : list_one);
}

int
cmd_ask(int argc, char **argv)
{
	static const char *const verbs[] = {"send", "list", "show", "ack", "working", "answer", "decline", "close",
	    "export", "overdue", "serve", "audit"};
	static const int operands[] = {1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
	struct cmd_word words[] = {[TO] = {.name = "to"}, [INDICATOR] = {.name = "indicator"}, {.name = "from"},
	    {.name = "until"}, {.name = "evidence"},
	    {.name = "pseudonym"}, {.name = "priority"}, {.name = "deadline"}, {.name = "tlp"}, {.name = "text"},
	    {.name = "why"},
	    {.name = "contact"}, {.name = "out"}, {.name = "exercise", .flag = true}, {.name = "all", .flag = true},
	    {.name = "once", .flag = true}};
	const struct command *command = &cmd_table[0];
	struct cmd_desk d;
	int code;

	while (command->run != cmd_ask)
		command++;
	if (!cmd_desk_open(&d, command, argc, argv, verbs, sizeof(verbs) / sizeof(verbs[0]), words,
		sizeof(words) / sizeof(words[0]), &code))
		return code;
	code = EXIT_USAGE;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(d.verb, verbs[i]) != 0)
			continue;
		if (d.count != operands[i])
			cmd_usage(command);
		else
			code = act(&d);
	}
	return cmd_desk_close(&d, code);
}
