/*
 * What concert cases sends: a case of ours to the topic `cases`, its end, our opinion on one, and a request for what
 * would change it. What is refused is refused by a name: unknown_case, foreign_case, closed_case, weaker_marking,
 * asked_already.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/cases.h"
#include "joint/joint.h"
#include "record/record.h"

#define EVIDENCE_QUIET_MS 3000 /* a broker that says nothing for so long has said all */

/* ---- a case as a post ---- */

static bool
has_seen(const struct case_node *node, const char *organisation)
{
	for (size_t i = 0; i < node->seers; i++) {
		if (strcmp(node->seen_by[i], organisation) == 0)
			return true;
	}
	return false;
}

#define MESSAGES_NAMED 64 /* of one witness */

static void
fill_witness(const struct casefile *one, struct posting *p, size_t at, size_t items)
{
	struct board_witness *w = &p->witness[at];

	*w = (struct board_witness){.organisation = one->organisation[at],
	    .item = p->index + at * CASES_NODES,
	    .message = p->message + at * MESSAGES_NAMED};
	for (size_t i = 0; i < items; i++) {
		if (has_seen(&one->node[i], w->organisation))
			p->index[at * CASES_NODES + w->items++] = i;
	}
	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];

		if (!s->positive || s->echo || s->from == 0 || strcmp(s->organisation, w->organisation) != 0)
			continue;
		w->count++;
		w->first = w->first == 0 || s->from < w->first ? s->from : w->first;
		w->last = s->until > w->last ? s->until : w->last;
		if (w->messages < MESSAGES_NAMED && s->message[0] != '\0')
			p->message[at * MESSAGES_NAMED + w->messages++] = s->message;
	}
	if (w->first == 0) {
		w->first = one->first;
		w->last = one->last;
	}
}

static void
fill_opinions(const struct casefile *one, struct posting *p, const char *of)
{
	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *from = &one->opinion[i];
		struct board_opinion *o = &p->opinion[p->post.opinions++];

		*o = (struct board_opinion){.tlp = from->tlp, .exercise = one->exercise, .time = from->time};
		snprintf(o->id, sizeof(o->id), "%s", one->id);
		snprintf(o->of, sizeof(o->of), "%s", of);
		snprintf(o->organisation, sizeof(o->organisation), "%s", from->organisation);
		snprintf(o->text, sizeof(o->text), "%s", from->text);
		snprintf(o->about, sizeof(o->about), "%s", from->about);
		while (o->view < BOARD_ABSTAIN && strcmp(board_view_word[o->view], from->opinion) != 0)
			o->view++;
	}
}

void
cases_posting_close(struct posting *p)
{
	free(p->item);
	free(p->witness);
	free(p->index);
	free(p->message);
	free(p->opinion);
	free(p->edge);
	buf_close(&p->name);
	buf_close(&p->summary);
	buf_close(&p->document);
}

/* Lists of the first page, so many sentences of each. */
#define SENTENCES 8

static void
add_list(const struct cases_words *w, const struct casefile *one, const char *head,
    bool (*sentence)(const struct cases_words *, const struct casefile *, size_t))
{
	for (size_t i = 0; i < SENTENCES; i++) {
		size_t start = w->out->size;

		if (i == 0)
			buf_printf(w->out, "\n\n%s:", head);
		buf_add_text(w->out, "\n- ");
		if (!sentence(w, one, i)) {
			w->out->size = start;
			return;
		}
	}
}

/* The first page, for the note and the grouping: what reads neither infrastructure nor opinions has this text. */
static void
fill_summary(const struct cases_words *w, const struct casefile *one)
{
	struct cases_tally t = cases_tally(one);

	if (one->exercise)
		buf_add_text(w->out, "EXERCISE: this is a drill, not an incident. ");
	if (cases_say_over(w, one))
		buf_add_u8(w->out, ' ');
	cases_say_answer(w, one);
	buf_add_u8(w->out, ' ');
	cases_say_seen(w, one);
	add_list(w, one, "Warnings", cases_say_notice);
	add_list(w, one, cases_against_head(one), cases_say_against);
	add_list(w, one, "What would change it", cases_say_change);
	if (t.agree + t.disagree + t.abstain > 0)
		buf_printf(w->out, "\n\nOpinions of the organisations: %zu agree, %zu disagree, %zu abstain.", t.agree,
		    t.disagree, t.abstain);
}

/* A word of ours; a document that somebody else wrote may say anything. */
static const char *
why_of(const struct case_edge *edge)
{
	static const char *const word[] = {"resolved to", "presented", "hosted", "connected"};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (strcmp(edge->why, word[i]) == 0)
			return word[i];
	}
	return strcmp(edge->why, "steered") == 0 ? "reached from outside" : "seen with";
}

size_t
cases_edges(const struct casefile *one, struct posting *p)
{
	size_t count = 0;

	for (size_t i = 0; i < one->edges; i++) {
		if (one->edge[i].from < p->post.items && one->edge[i].to < p->post.items)
			p->edge[count++] =
			    (struct board_edge){one->edge[i].from, one->edge[i].to, why_of(&one->edge[i])};
	}
	return count;
}

/* most: bytes of the document; items: of the infrastructure. */
enum cc_status
cases_posting(struct casefile *one, const char *of, uint64_t time, size_t most, size_t items, struct posting *p)
{
	struct cases_words w;
	enum cc_status st;
	uint64_t first, last;

	cases_seen_span(one, &first, &last);
	*p = (struct posting){.item = calloc(CASES_NODES, sizeof(*p->item)),
	    .witness = calloc(CASES_ORGANISATIONS, sizeof(*p->witness)),
	    .index = calloc(CASES_ORGANISATIONS * CASES_NODES, sizeof(*p->index)),
	    .message = calloc(CASES_ORGANISATIONS * MESSAGES_NAMED, sizeof(char *)),
	    .opinion = calloc(one->opinions + 1, sizeof(*p->opinion)),
	    .edge = calloc(one->edges + 1, sizeof(*p->edge))};
	buf_open(&p->name, 4096);
	buf_open(&p->summary, 65536);
	buf_open(&p->document, 64u << 20);
	if (p->item == NULL || p->witness == NULL || p->index == NULL || p->message == NULL || p->opinion == NULL ||
	    p->edge == NULL)
		return CC_NOMEM;
	items = one->nodes < items ? one->nodes : items;
	for (size_t i = 0; i < items; i++)
		p->item[i] = (struct board_item){one->node[i].kind, one->node[i].value};
	for (size_t i = 0; i < one->organisations; i++)
		fill_witness(one, p, i, items);
	/* Platforms show a description as Markdown, and a name as it is: that has our own words, and of the id's. */
	w = (struct cases_words){&p->name, buf_add_text, cases_harmless};
	buf_add_text(&p->name, one->exercise ? "EXERCISE: " : "");
	cases_say_title(&w, one);
	w = (struct cases_words){&p->summary, buf_add_text, cases_code};
	fill_summary(&w, one);
	buf_add_u8(&p->name, '\0');
	buf_add_u8(&p->summary, '\0');
	/* Neither can be as long as that. */
	if (p->name.full || p->summary.full)
		return CC_NOMEM;
	fill_opinions(one, p, of);
	st = cases_document(one, most, &p->document);
	p->post = (struct board_post){.id = one->id, .publisher = of, .name = (const char *)p->name.p,
	    .summary = (const char *)p->summary.p,
	    .document = buf_slice(&p->document), .tlp = cases_marking(one), .exercise = one->exercise, .time = time,
	        .first = first, .last = last,
	    .item = p->item, .items = items, .witness = p->witness, .witnesses = one->organisations,
	        .source_kind = one->what,
	    .source_value = strcmp(one->verdict, "source") == 0 ? one->value : "",
	        .confidence = (unsigned)(one->confidence * 100),
	    .opinion = p->opinion, .opinions = p->post.opinions, .edge = p->edge};
	return st;
}

/* ---- publish, close, opinion ---- */

enum fate { PUBLISHED, CLOSED, REOPENED };

/* The correlator's state is told, where there is one; why: of what is more than published. */
static void
tell_state(struct cases_room *r, const struct casefile *one, enum fate fate, uint64_t time, const char *why)
{
	struct joint_state *state = NULL;
	char *trouble = NULL;
	enum cc_status st = joint_state_open(r->d.o.conf, cases_state_place(r), false, &state, &trouble);

	if (st == CC_OK) {
		joint_state_close(state);
		state = NULL;
		st = joint_state_open(r->d.o.conf, cases_state_place(r), true, &state, &trouble);
	}
	if (st == CC_OK && fate == CLOSED)
		st = joint_state_finish(state, one->id, time, cases_ours(r), why);
	else if (st == CC_OK && fate == REOPENED)
		st = joint_state_reopen(state, one->id, time, why);
	if (state != NULL && (st == CC_OK || st == CC_ABSENT))
		st = joint_state_published(state, one->id, fate == PUBLISHED ? one->made : time_now());
	/* Without a state, and of a case that only a file has, there is nobody to tell. */
	if (st != CC_OK && st != CC_ABSENT)
		fprintf(stderr, "concert cases: it was sent; the correlator's state does not know of it: %s\n",
		    state != NULL     ? joint_state_error(state)
		    : trouble != NULL ? trouble
				      : cc_status_text(st));
	joint_state_close(state);
	free(trouble);
}

/* With less of the lists when a message can't hold all. */
static int
send_case(struct cases_room *r, struct casefile *one, uint64_t time)
{
	size_t most = r->d.o.conf->exchange_message_max / 2, items = CASES_NODES;
	enum cc_status st = CC_FULL;

	(void)cases_drop_opinions(one);
	for (unsigned i = 0; i < 6 && st == CC_FULL; i++, most = most * 2 / 3, items /= 2) {
		struct posting p;

		st = cases_posting(one, cases_ours(r), time, most, items, &p);
		if (st == CC_OK)
			st = board_publish(r->d.desk, &p.post, &r->d.why);
		cases_posting_close(&p);
	}
	if (st == CC_NOMEM)
		return cases_fail(
		    EXIT_FAILED, "no memory: it was not sent, and goes out when it is published again", one->id);
	if (st != CC_OK)
		return cmd_desk_fail(&r->d, st);
	if (!r->d.o.quiet && !r->d.o.json)
		printf("%s: %s, published TLP:%s\n", one->id, one->state, record_tlp_text(one->tlp));
	else if (r->d.o.json)
		cases_row_json(r, one);
	return EXIT_DONE;
}

/* --tlp, which is never below the strictest of the sightings that the case tells of. */
static bool
take_tlp(struct cases_room *r, const struct casefile *one, enum cc_tlp *ret_tlp, int *ret_code)
{
	const char *said = cases_said(r, "tlp");
	enum cc_tlp tlp;

	*ret_tlp = one->tlp;
	if (said == NULL)
		return true;
	if (record_tlp_parse(slice_str(said), &tlp) != CC_OK) {
		*ret_code = cases_fail(EXIT_USAGE, "--tlp is clear, green, amber or amber+strict, not", said);
		return false;
	}
	if (tlp < one->floor) {
		*ret_code = cases_fail(EXIT_FAILED, "weaker_marking: the case is marked as what was seen, TLP",
		    record_tlp_text(one->floor));
		return false;
	}
	*ret_tlp = tlp;
	return true;
}

int
cases_publish(struct cases_room *r)
{
	const char *why = cases_said(r, "why") != NULL ? cases_said(r, "why") : "";
	bool reopens;
	int code = EXIT_DONE;
	uint64_t now = time_now();
	struct casefile *one = cases_pick(r, r->d.rest[0], &code), *earlier;
	bool changed;

	if (one == NULL || !take_tlp(r, one, &one->tlp, &code))
		return code;
	if (one->publisher[0] != '\0')
		return cases_fail(EXIT_FAILED,
		    strcmp(one->publisher, cases_ours(r)) == 0
			? "it is published already, and nothing newer is here: name --from"
			: "foreign_case: it is not ours to publish; an opinion can be given on it",
		    one->publisher);
	reopens = strcmp(one->state, "closed") == 0;
	if (reopens) {
		if (cases_said(r, "reopen") == NULL)
			return cases_fail(EXIT_FAILED, "closed_case: --reopen publishes it again", one->id);
		(void)cases_set_state(one, strcmp(one->verdict, "source") == 0 ? "determined" : "undetermined");
		(void)cases_add_trace(one, &(struct case_trace){"reopened", why, now});
	}
	earlier = cases_version(r, one->id, cases_ours(r));
	if (earlier != NULL)
		(void)cases_note_change(one, earlier, now, &changed);
	code = send_case(r, one, now);
	if (code == EXIT_DONE)
		tell_state(r, one, reopens ? REOPENED : PUBLISHED, now, why);
	return code;
}

int
cases_close(struct cases_room *r)
{
	const char *why = cases_said(r, "why") != NULL ? cases_said(r, "why") : "";
	int code = EXIT_DONE;
	uint64_t now = time_now();
	struct casefile *one = cases_pick(r, r->d.rest[0], &code), *published;

	if (one == NULL)
		return code;
	published = cases_version(r, one->id, cases_ours(r));
	if (published == NULL)
		return cases_fail(EXIT_FAILED,
		    one->publisher[0] != '\0'
			? "foreign_case: only who published it closes it; an opinion can be given on it"
			: "unknown_case: it was not published yet (concert cases publish)",
		    one->publisher[0] != '\0' ? one->publisher : one->id);
	if (strcmp(published->state, "closed") == 0)
		return cases_fail(EXIT_FAILED, "closed_case: it is closed already", one->id);
	/* What was published is closed, not what has changed since. */
	(void)cases_set_state(published, "closed");
	(void)cases_add_trace(published, &(struct case_trace){"closed", why, now});
	code = send_case(r, published, now);
	if (code == EXIT_DONE)
		tell_state(r, published, CLOSED, now, why);
	return code;
}

/* Whose determination an opinion is on: the named one's, ours, the only other's. */
static const char *
whose(struct cases_room *r, const struct casefile *one, int *ret_code)
{
	const char *named = cases_said(r, "of"), *found = NULL;
	size_t count = 0;

	if (named != NULL)
		return named;
	for (size_t i = 0; i < r->list.count; i++) {
		const struct casefile *other = r->list.one[i];

		if (strcmp(other->id, one->id) != 0 || other->publisher[0] == '\0')
			continue;
		if (strcmp(other->publisher, cases_ours(r)) == 0)
			return other->publisher;
		found = other->publisher;
		count++;
	}
	if (count == 0)
		*ret_code = cases_fail(EXIT_FAILED, "unknown_case: nobody has published it", one->id);
	else if (count > 1)
		*ret_code = cases_fail(EXIT_FAILED,
		    "several organisations have published it: --of names whose determination is meant", one->id);
	return count == 1 ? found : NULL;
}

int
cases_opinion(struct cases_room *r)
{
	int code = EXIT_DONE;
	struct casefile *one = cases_pick(r, r->d.rest[0], &code);
	const char *of, *text = cases_said(r, "text") != NULL ? cases_said(r, "text") : "";
	const struct casefile *meant;
	struct board_opinion *o;
	enum cc_status st;

	if (one == NULL || (of = whose(r, one, &code)) == NULL)
		return code;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return EXIT_FAILED;
	while (o->view < BOARD_VIEWS && strcmp(board_view_word[o->view], r->d.rest[1]) != 0)
		o->view++;
	if (o->view == BOARD_VIEWS)
		code = cases_fail(EXIT_USAGE, "an opinion is agree, disagree or abstain, not", r->d.rest[1]);
	else if (strlen(text) >= sizeof(o->text))
		code = cases_fail(EXIT_USAGE, "--text is too long", "2,047 bytes at most");
	o->exercise = one->exercise;
	meant = cases_version(r, one->id, of);
	if (code == EXIT_DONE && take_tlp(r, meant != NULL ? meant : one, &o->tlp, &code)) {
		snprintf(o->id, sizeof(o->id), "%s", one->id);
		snprintf(o->of, sizeof(o->of), "%s", of);
		snprintf(o->text, sizeof(o->text), "%s", text);
		if (meant != NULL)
			cases_answer_text(meant, o->about);
		st = board_say(r->d.desk, o, &r->d.why);
		code = st == CC_OK ? EXIT_DONE : cmd_desk_fail(&r->d, st);
		if (code == EXIT_DONE && !r->d.o.quiet)
			printf("%s: we %s\n", one->id, board_view_word[o->view]);
	}
	free(o);
	return code;
}

/* ---- ask ---- */

/* The commitment that a sighting named: its message is looked for on the topic of indicators. */
static bool
evidence_at(struct cases_room *r, const char *from, const char *message, char ret_sha256[65])
{
	static const char *const topic[] = {"indicators"}, mark[] = "\"evidence\":{\"sha256\":\"";
	struct inbox *inbox = NULL;
	struct verified verified;
	struct cc_message msg;
	char *trouble = NULL;
	const char *why;
	bool found = false;
	int quiet = 0;

	if (inbox_open(r->d.o.conf, from, topic, 1, true, desk_trust(r->d.desk), NULL, &inbox, &trouble) != CC_OK)
		quiet = EVIDENCE_QUIET_MS;
	while (!found && quiet < EVIDENCE_QUIET_MS) {
		enum cc_status st = inbox_next(inbox, 100, &msg, &verified, &why);
		const uint8_t *at;

		if (st == CC_MORE)
			quiet += 100;
		if (st != CC_OK && st != CC_MORE && st != CC_BAD)
			break;
		if (st != CC_OK || verified.verdict != VERDICT_ACCEPTED ||
		    !slice_is(message_header(&msg, "ce_id"), message))
			continue;
		at = memmem(msg.value.p, msg.value.size, mark, sizeof(mark) - 1);
		found = at != NULL && (size_t)(msg.value.p + msg.value.size - at) > sizeof(mark) + 64;
		if (found)
			snprintf(ret_sha256, 65, "%.64s", (const char *)at + sizeof(mark) - 1);
		break;
	}
	inbox_close(inbox);
	free(trouble);
	return found && strspn(ret_sha256, "0123456789abcdef") == 64;
}

static bool
evidence_of(struct cases_room *r, const char *message, char ret_sha256[65])
{
	struct exchange_sources sources;
	bool found = false;

	if (exchange_sources(r->d.o.conf, r->d.o.outdir, &sources) != CC_OK)
		return false;
	for (size_t i = 0; i < sources.count && !found; i++)
		found = evidence_at(r, sources.name[i], message, ret_sha256);
	exchange_sources_free(&sources);
	return found;
}

static int
fill_request(struct cases_room *r, const struct casefile *one, const struct case_missing *m, struct request *q)
{
	static const uint64_t hours[] = {[REQUEST_ROUTINE] = 72, [REQUEST_URGENT] = 8, [REQUEST_FLASH] = 1};
	const char *priority = cases_said(r, "priority") != NULL ? cases_said(r, "priority") : "routine",
		   *deadline = cases_said(r, "deadline");
	uint64_t now = time_now(), span;

	q->state = REQUEST_SENT;
	q->exercise = one->exercise;
	while (q->kind < REQUEST_PING && strcmp(m->kind, request_kind_word[q->kind]) != 0)
		q->kind++;
	while (q->priority < REQUEST_PRIORITIES && strcmp(priority, request_priority_word[q->priority]) != 0)
		q->priority++;
	if (q->kind == REQUEST_PING)
		return cases_fail(EXIT_FAILED, "the case asks for what is no request", m->kind);
	if (q->priority == REQUEST_PRIORITIES)
		return cases_fail(EXIT_USAGE, "--priority is routine, urgent or flash, not", priority);
	q->deadline = now + hours[q->priority] * 3600 * NS_PER_S;
	if (deadline != NULL && time_rfc3339_parse(deadline, &q->deadline) != CC_OK) {
		if (duration_parse(deadline, &span) != CC_OK)
			return cases_fail(EXIT_USAGE, "--deadline is a time, or how long from now, not", deadline);
		q->deadline = now + span;
	}
	if (strlen(m->ask) >= sizeof(q->responder))
		return cases_fail(EXIT_FAILED, "no organisation has such a name", m->ask);
	snprintf(q->responder, sizeof(q->responder), "%s", m->ask);
	snprintf(q->text, sizeof(q->text), "%s: %.300s", one->id,
	    cases_said(r, "text") != NULL ? cases_said(r, "text") : m->item);
	q->from = m->from;
	for (size_t i = 0; i < m->indicators; i++) {
		enum cc_kind kind;

		if (record_kind_parse(slice_str(m->what[i]), &kind) == CC_OK &&
		    strlen(m->value[i]) + strlen(m->what[i]) + 2 < sizeof(q->indicator[0]))
			snprintf(
			    q->indicator[q->indicators++], sizeof(q->indicator[0]), "%s:%s", m->what[i], m->value[i]);
	}
	if (q->kind == REQUEST_HAVE_YOU_SEEN && q->indicators == 0)
		return cases_fail(
		    EXIT_FAILED, "no sensor keeps what is asked for by that name", m->indicators > 0 ? m->what[0] : "");
	if (q->kind == REQUEST_EVIDENCE && !evidence_of(r, m->message, q->evidence))
		return cases_fail(EXIT_FAILED, "the sighting commits to no packets, or is not here", m->message);
	return EXIT_DONE;
}

/* ---- whether it was asked before ---- */

struct before {
	const struct request *q;
	char id[40], state[24];
};

static bool
is_same_question(const struct request *a, const struct request *b)
{
	/* Its text begins with the case's id. */
	bool same = a->kind == b->kind && strcmp(a->responder, b->responder) == 0 && a->indicators == b->indicators &&
		    strncmp(a->text, b->text, sizeof("case--01234567-0123-0123-0123-0123456789ab") - 1) == 0 &&
		    strcmp(a->evidence, b->evidence) == 0 && a->from == b->from;

	for (size_t i = 0; same && i < a->indicators; i++)
		same = strcmp(a->indicator[i], b->indicator[i]) == 0;
	return same;
}

/* What is under way, or was answered. */
static void
look_before(void *ctx, const struct request *old)
{
	struct before *b = ctx;

	if (old->ours && old->state <= REQUEST_ANSWERED && is_same_question(old, b->q)) {
		snprintf(b->id, sizeof(b->id), "%s", old->id);
		snprintf(b->state, sizeof(b->state), "%s", request_state_word[old->state]);
	}
}

static int
refuse_twice(struct cases_room *r, const struct request *q)
{
	struct before before = {.q = q};

	if (cases_said(r, "again") != NULL)
		return EXIT_DONE;
	(void)requests_visit(r->d.desk, NULL, look_before, &before);
	if (before.id[0] == '\0')
		return EXIT_DONE;
	fprintf(stderr,
	    "concert cases: asked_already: %s has this question (%s): concert ask show %.8s; --again sends it once "
	    "more\n",
	    q->responder, before.state, before.id);
	return EXIT_FAILED;
}

/* The question meant: the one named, else the first that is not for ourselves.  NULL: *ret_code. */
static const struct case_missing *
question_of(struct cases_room *r, const struct casefile *one, int *ret_code)
{
	char *end = NULL, text[80];
	unsigned long n = 1;

	if (one->missings == 0) {
		*ret_code = cases_fail(
		    EXIT_FAILED, "nothing that could be asked for would change this case", one->id);
		return NULL;
	}
	while (r->d.count < 2 && n < one->missings && strcmp(one->missing[n - 1].ask, cases_ours(r)) == 0)
		n++;
	if (r->d.count > 1)
		n = strtoul(r->d.rest[1], &end, 10);
	if (end != NULL && (end == r->d.rest[1] || *end != '\0')) {
		*ret_code = cases_fail(EXIT_USAGE, "a question is named by its number, not by", r->d.rest[1]);
		return NULL;
	}
	if (n == 0 || n > one->missings) {
		snprintf(text, sizeof(text), "the case has %zu question%s; there is no number", one->missings,
		    one->missings == 1 ? "" : "s");
		*ret_code = cases_fail(EXIT_FAILED, text, r->d.rest[1]);
		return NULL;
	}
	if (strcmp(one->missing[n - 1].ask, cases_ours(r)) == 0) {
		snprintf(text, sizeof(text), "question %lu is for ourselves; nothing is sent", n);
		*ret_code = cases_fail(EXIT_FAILED, text, "");
		return NULL;
	}
	return &one->missing[n - 1];
}

static void
say_asked(const struct cases_room *r, const struct request *q)
{
	char until[40];

	if (r->d.o.json) {
		printf("{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"sent\"}\n", q->id, request_kind_word[q->kind]);
		return;
	}
	cases_time(q->deadline, until);
	printf("%s is asked (%s", q->responder, request_kind_word[q->kind]);
	for (size_t i = 0; i < q->indicators; i++) {
		printf("%s", i == 0 ? " " : ", ");
		cmd_column(q->indicator[i], 0);
	}
	printf("), by %s, TLP:%s: concert ask show %.8s\n", until, record_tlp_text(q->tlp), q->id);
}

int
cases_ask(struct cases_room *r)
{
	int code = EXIT_DONE;
	struct casefile *one = cases_pick(r, r->d.rest[0], &code);
	const struct case_missing *m;
	struct request *q;
	enum cc_status st;

	if (one == NULL || (m = question_of(r, one, &code)) == NULL)
		return code;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return EXIT_FAILED;
	if (take_tlp(r, one, &q->tlp, &code) && (code = fill_request(r, one, m, q)) == EXIT_DONE &&
	    (code = refuse_twice(r, q)) == EXIT_DONE) {
		st = request_send(r->d.desk, q, &r->d.why);
		if (st != CC_OK)
			code = cmd_desk_fail(&r->d, st);
		else
			say_asked(r, q);
	}
	free(q);
	return code;
}
