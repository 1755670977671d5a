/*
 * What a case says, in sentences that need no training: used alike by the Markdown and the HTML page, on their first
 * page.
 *
 * They name technical infrastructure and organisations that reported, nothing and nobody else.  Every number in them is
 * the document's own.  No state.
 */
#include "cases/words_own.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/record.h"

#define LIST 200 /* of all names of a list, so that the first page stays one */

void
cases_time(uint64_t ns, char ret_text[40])
{
	if (ns == 0) {
		snprintf(ret_text, 40, "(time not said)");
		return;
	}
	time_rfc3339_text(ns, ret_text);
	ret_text[10] = ' ';
	memcpy(ret_text + 16, " UTC", 5);
}

/* ---- small words ---- */

void
words_say(const struct cases_words *w, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	w->plain(w->out, text);
}

const char *
words_per_cent(double p, char ret_text[24])
{
	if (p > 0.999)
		snprintf(ret_text, 24, "more than 99.9 %%");
	else if (p < 0.001)
		snprintf(ret_text, 24, "less than 0.1 %%");
	else
		snprintf(ret_text, 24, "%.1f %%", p * 100);
	return ret_text;
}

const char *
cases_per_cent(double p, unsigned digits, char ret_text[24])
{
	double least = digits == 1 ? 0.001 : 0.0001;

	if (p > 1 - least)
		snprintf(ret_text, 24, "> %.*f %%", (int)digits, 100 - least * 100);
	else if (p < least)
		snprintf(ret_text, 24, "< %.*f %%", (int)digits, least * 100);
	else
		snprintf(ret_text, 24, "%.*f %%", (int)digits, p * 100);
	return ret_text;
}

const char *
cases_likely(double p)
{
	return p >= 0.9    ? "very likely"
	       : p >= 0.66 ? "likely"
	       : p >= 0.5  ? "more likely than not"
	       : p >= 0.33 ? "about as likely as not"
	       : p >= 0.1  ? "unlikely"
			   : "very unlikely";
}

double
cases_odds_sum(const struct casefile *one, double *ret_highest)
{
	double sum = 0, highest = one->hypotheses > 0 ? one->hypothesis[0].log_odds : 0;

	for (size_t i = 0; i < one->hypotheses; i++)
		highest = fmax(highest, one->hypothesis[i].log_odds);
	for (size_t i = 0; i < one->hypotheses; i++)
		sum += exp(one->hypothesis[i].log_odds - highest);
	*ret_highest = highest;
	return sum;
}

static const struct {
	const char *kind, *with_the, *singular, *plural;
} noun[] = {
    {"addr", "the address", "address", "addresses"},
    {"prefix", "the network", "network", "networks"},
    {"as", "the network operator (AS)", "network operator", "network operators"},
    {"domain", "the domain name", "domain name", "domain names"},
    {"registrable-domain", "the zone of all names below", "zone", "zones"},
    {"url", "the web address", "web address", "web addresses"},
    {"file-sha256", "the file", "file", "files"},
    {"cert-sha256", "the TLS certificate", "TLS certificate", "TLS certificates"},
    {"key-sha256", "the key", "key", "keys"},
    {"ja3", "the client's TLS fingerprint (JA3)", "TLS fingerprint", "TLS fingerprints"},
    {"ja3s", "the server's TLS fingerprint (JA3S)", "TLS fingerprint", "TLS fingerprints"},
    {"ja4", "the client's TLS fingerprint (JA4)", "TLS fingerprint", "TLS fingerprints"},
    {"user-agent", "the program name (user agent)", "program name", "program names"},
    {"email", "the mail address", "mail address", "mail addresses"},
    {"hassh", "the client's SSH fingerprint (HASSH)", "SSH fingerprint", "SSH fingerprints"},
    {"hassh-server", "the server's SSH fingerprint (HASSH)", "SSH fingerprint", "SSH fingerprints"},
    {"ssh-host-key", "the server's SSH key", "SSH key", "SSH keys"},
};
#define NOUNS (sizeof(noun) / sizeof(noun[0]))

void
cases_say_kind(const struct cases_words *w, const char *kind)
{
	for (size_t i = 0; i < NOUNS; i++) {
		if (strcmp(noun[i].kind, kind) == 0) {
			w->plain(w->out, noun[i].with_the);
			return;
		}
	}
	w->plain(w->out, "the item");
}

void
cases_say_kind_begin(const struct cases_words *w, const char *kind)
{
	struct buf text;
	struct cases_words ours = {&text, buf_add_text, NULL};

	buf_open(&text, 256);
	cases_say_kind(&ours, kind);
	buf_add_u8(&text, '\0');
	if (!text.full) {
		text.p[0] = 'T';
		w->plain(w->out, (const char *)text.p);
	}
	buf_close_part(&text, w->out);
}

static const char *
rival_words(const char *kind)
{
	static const char *const words[][2] = {
	    {"forged", "the traces were forged or planted to point elsewhere"},
	    {"relayed", "somebody else steers it through a host that is a victim itself"},
	    {"shared", "the infrastructure is shared by users who have nothing to do with each other"},
	    {"cannot say", "what is known is not enough to tell"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], kind) == 0)
			return words[i][1];
	}
	return NULL;
}

void
cases_say_hypothesis(const struct cases_words *w, const struct case_hypothesis *h)
{
	const char *words = rival_words(h->kind);

	if (strcmp(h->kind, "source") == 0) {
		w->plain(w->out, "it comes from ");
		cases_say_kind(w, h->what);
		w->plain(w->out, " ");
		w->theirs(w->out, h->value, SHORT);
	} else if (words != NULL) {
		w->plain(w->out, words);
	} else {
		w->theirs(w->out, h->kind, SHORT);
	}
}

void
cases_say_parts(const struct cases_words *w, const struct case_hypothesis *h)
{
	for (size_t i = 0; i < h->parts; i++) {
		const struct case_part *part = &h->part[i];

		w->plain(w->out, i > 0 ? ", " : "");
		w->theirs(w->out, part->why, NAME);
		words_say(w, " %.4f", part->nats);
		if (part->has_of)
			words_say(w, " (of %.6g)", part->of);
	}
}

/* "a, b and c", as many as fit, one in any case. */
void
words_list(const struct cases_words *w, const char *const *name, size_t count)
{
	size_t shown = 0, size = 0;

	while (shown < count && shown < 8 && (shown == 0 || size + strlen(name[shown]) <= LIST))
		size += strlen(name[shown++]);
	for (size_t i = 0; i < shown; i++) {
		if (i > 0)
			w->plain(w->out, i + 1 == count ? " and " : ", ");
		w->theirs(w->out, name[i], NAME);
	}
	if (shown < count)
		words_say(w, " and %zu more", count - shown);
}

/* ---- the first page ---- */

void
cases_say_title(const struct cases_words *w, const struct casefile *one)
{
	words_say(w, "Case %.8s", one->id + 6);
}

/* As FIRST wants it written. */
void
cases_say_marking(const struct cases_words *w, const struct casefile *one)
{
	char text[24];
	size_t size = 0;

	for (const char *tlp = record_tlp_text(cases_marking(one)); *tlp != '\0' && size + 1 < sizeof(text); tlp++)
		text[size++] = *tlp >= 'a' && *tlp <= 'z' ? (char)(*tlp - 32) : *tlp;
	text[size] = '\0';
	words_say(w, "TLP:%s", text);
}

bool
cases_say_over(const struct cases_words *w, const struct casefile *one)
{
	static const char *const over[][2] = {{"closed", "This case is closed"},
	    {"merged", "This case is part of another one now"},
	    {"withdrawn", "This case is withdrawn: the reports that it was made of were taken back"}};
	const char *with = "";
	size_t k = 0;

	while (k < 3 && strcmp(one->state, over[k][0]) != 0)
		k++;
	if (k == 3)
		return false;
	for (size_t i = 0; i < one->traces; i++)
		with = strcmp(one->trace[i].event, one->state) == 0 ? one->trace[i].with : with;
	w->plain(w->out, over[k][1]);
	if (with[0] != '\0' && k < 2) {
		w->plain(w->out, ": ");
		w->theirs(w->out, with, 200);
	}
	w->plain(w->out, ". What follows is how it stood.");
	return true;
}

static void
say_shapes(const struct cases_words *w, const struct casefile *one)
{
	size_t count[NOUNS] = {0}, kinds = 0, said = 0, all = 0, cheap = 0;

	for (size_t i = 0; i < one->nodes; i++) {
		for (size_t k = 0; k < NOUNS; k++) {
			bool is = strcmp(noun[k].kind, one->node[i].kind) == 0;

			count[k] += is;
			all += is;
			cheap += is && strcmp(one->node[i].proof, "spoofable") == 0;
		}
	}
	for (size_t k = 0; k < NOUNS; k++)
		kinds += count[k] > 0;
	if (kinds == 0)
		return;
	w->plain(w->out, " Involved are ");
	for (size_t k = 0; k < NOUNS; k++) {
		if (count[k] == 0)
			continue;
		if (said > 0)
			w->plain(w->out, said + 1 == kinds ? " and " : ", ");
		words_say(w, "%zu %s", count[k], count[k] == 1 ? noun[k].singular : noun[k].plural);
		said++;
	}
	w->plain(w->out, ".");
	if (cheap > 0 && cheap < all)
		words_say(w, " %zu of them %s seen only in single packets, whose sender anybody can forge.", cheap,
		    cheap == 1 ? "was" : "were");
	else if (cheap > 0)
		w->plain(w->out, " All that was seen are single packets, whose sender anybody can forge.");
}

/* Whether what it says not to have seen it could not have seen: its sensors did not look.  The evidence says so, else
 * the coverage. */
static bool
was_down(const struct casefile *one, const char *organisation)
{
	bool down = false, covered = false;

	for (size_t h = 0; h < one->hypotheses; h++) {
		const struct case_hypothesis *is = &one->hypothesis[h];

		for (size_t i = 0; i < is->supports + is->againsts; i++) {
			const struct case_evidence *e =
			    i < is->supports ? &is->support[i] : &is->against[i - is->supports];

			if (strcmp(e->organisation, organisation) != 0)
				continue;
			if (strcmp(e->item, "looked for and not seen") == 0)
				return false;
			down = down || strcmp(e->item, "not seen, and not looked") == 0;
		}
	}
	for (size_t i = 0; i < one->sights && !down; i++) {
		const struct case_sight *s = &one->sight[i];

		for (size_t k = 0; k < one->spans && strcmp(s->organisation, organisation) == 0; k++) {
			if (strcmp(one->span[k].organisation, organisation) != 0)
				continue;
			if (one->span[k].from <= s->until && one->span[k].until >= s->from)
				return false;
			covered = true;
		}
	}
	return down || covered;
}

enum part
words_part(const struct casefile *one, const char *organisation)
{
	size_t count[PARTS] = {0};

	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];

		if (strcmp(s->organisation, organisation) == 0)
			count[!s->positive ? LOOKED : s->echo ? REPEATS : SAW]++;
	}
	return count[SAW] > 0       ? SAW
	       : count[REPEATS] > 0 ? REPEATS
	       : count[LOOKED] > 0  ? was_down(one, organisation) ? DOWN : LOOKED
				    : SAW;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t
words_those(const struct casefile *one, enum part part, const char *ret_name[CASES_ORGANISATIONS])
{
	size_t count = 0;

	for (size_t i = 0; i < one->organisations; i++) {
		if (words_part(one, one->organisation[i]) == part)
			ret_name[count++] = one->organisation[i];
	}
	if (count > 0)
		qsort(ret_name, count, sizeof(ret_name[0]), by_name);
	return count;
}

size_t
cases_seers(const struct casefile *one)
{
	const char *name[CASES_ORGANISATIONS];

	return words_those(one, SAW, name);
}

void
cases_seen_span(const struct casefile *one, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first = UINT64_MAX, last = 0, other = 0;

	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];

		if (!s->positive || s->echo) {
			other = s->until > other ? s->until : other;
			continue;
		}
		first = s->from != 0 && s->from < first ? s->from : first;
		last = s->until > last ? s->until : last;
	}
	/* A long time line is cut: then the document's own ends stand, but for one that somebody else's entry made. */
	*ret_first = first < UINT64_MAX && first > one->first ? first : one->first;
	*ret_last = last > 0 && other >= one->last ? last : one->last;
}

/* What a host in somebody's networks is, and who was seen at it: how a relay looks. */
static void
say_inside(const struct cases_words *w, const struct casefile *one)
{
	static const char *const why[] = {
	    "in the networks of an organisation", "steers a host that others saw attack"};
	static const char *const what[] = {" is in the networks of one of the organisations: it is more likely a "
					   "relay, and a victim itself, than where it all begins.",
	    " was seen reaching such a host from outside at that time."};

	for (unsigned k = 0; k < 2; k++) {
		for (size_t i = 0, said = 0; i < one->hypotheses && said < 3; i++) {
			const struct case_hypothesis *h = &one->hypothesis[i];
			size_t part = 0;

			while (part < h->parts && strcmp(h->part[part].why, why[k]) != 0)
				part++;
			if (part == h->parts || strcmp(h->kind, "source") != 0)
				continue;
			w->plain(w->out, " ");
			cases_say_kind_begin(w, h->what);
			w->plain(w->out, " ");
			w->theirs(w->out, h->value, SHORT);
			w->plain(w->out, what[k]);
			said++;
		}
	}
}

void
cases_say_seen(const struct cases_words *w, const struct casefile *one)
{
	const char *name[CASES_ORGANISATIONS];
	size_t count = words_those(one, SAW, name);
	char first[40], last[40];
	uint64_t from, until;

	cases_seen_span(one, &from, &until);
	cases_time(from, first);
	cases_time(until, last);
	if (count > 0)
		words_say(w, "Between %s and %s, ", first, last);
	if (count == 0) {
		w->plain(w->out, "No organisation saw it itself.");
	} else {
		words_say(w, "%zu organisation%s saw it: ", count, count == 1 ? "" : "s");
		words_list(w, name, count);
		w->plain(w->out, ".");
	}
	if ((count = words_those(one, LOOKED, name)) > 0) {
		w->plain(w->out, " ");
		words_list(w, name, count);
		w->plain(w->out, " looked for it and did not see it.");
	}
	if ((count = words_those(one, DOWN, name)) > 0) {
		w->plain(w->out, " ");
		words_list(w, name, count);
		w->plain(w->out, " did not see it either, but did not look at that time, which says nothing.");
	}
	if ((count = words_those(one, REPEATS, name)) > 0) {
		w->plain(w->out, " ");
		words_list(w, name, count);
		words_say(w, " only repeated what others had reported, which adds no weight.");
	}
	words_say(
	    w, " %zu signed report%s to one activity.", one->messages, one->messages == 1 ? " belongs" : "s belong");
	say_shapes(w, one);
	say_inside(w, one);
}

bool
cases_say_notice(const struct cases_words *w, const struct casefile *one, size_t index)
{
	const struct case_notice *n;

	if (index >= one->notices)
		return false;
	n = &one->notice[index];
	w->theirs(w->out, n->organisation, NAME);
	w->plain(w->out, " has published a warning that names ");
	w->theirs(w->out, n->names, SHORT);
	if (n->title[0] != '\0') {
		w->plain(w->out, ": \u201c");
		w->theirs(w->out, n->title, 120);
		w->plain(w->out, "\u201d");
	}
	w->plain(w->out, ".");
	return true;
}

const struct case_hypothesis *
words_best(const struct casefile *one, bool source)
{
	const struct case_hypothesis *found = NULL;

	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		if ((strcmp(h->kind, "source") == 0) == source &&
		    (found == NULL || h->probability > found->probability))
			found = h;
	}
	return found;
}

const struct case_hypothesis *
cases_leading(const struct casefile *one)
{
	return words_best(one, true);
}

bool
words_lack(const struct cases_words *w, const struct casefile *one)
{
	const struct case_hypothesis *h = NULL;
	bool said = false;

	for (size_t i = 0; i < one->hypotheses; i++)
		h = strcmp(one->hypothesis[i].kind, "cannot say") == 0 ? &one->hypothesis[i] : h;
	for (size_t i = 0; h != NULL && i < h->parts; i++) {
		const struct case_part *part = &h->part[i];
		const char *also = said ? ", and " : "";

		if (strcmp(part->why, "fewer than two witnesses") == 0)
			words_say(w, "%s%s", also,
			    part->of >= 1
				? "only one organisation saw it in a way that is hard to forge"
				: "no organisation saw it in a way that is hard to forge");
		else if (strcmp(part->why, "fewer witnesses than are asked for") == 0)
			words_say(w, "%sfewer organisations than are asked for saw it in a way that is hard to forge",
			    also);
		else if (strcmp(part->why, "rests on one organisation's word") == 0)
			words_say(w, "%sone organisation's word alone would decide it", also);
		else if (strcmp(part->why, "two witnesses of a name, in no common network") == 0)
			words_say(w, "%sthe two organisations that saw the name found it in different networks", also);
		else if (strcmp(part->why, "who steers it is one organisation's word") == 0)
			words_say(w, "%sonly one organisation saw who steers the host", also);
		else if (strcmp(part->why, "reports that lack too much") == 0)
			words_say(w, "%sthe reports hold only %.0f %% of what a report should hold", also,
			    part->of * 100);
		else
			continue;
		said = true;
	}
	return said;
}

static void
say_answer(const struct cases_words *w, const struct casefile *one)
{
	const struct case_hypothesis *source = words_best(one, true), *rival = words_best(one, false);
	char text[24];

	if (strcmp(one->verdict, "source") == 0) {
		w->plain(w->out, "What the organisations saw points to ");
		cases_say_kind(w, one->what);
		w->plain(w->out, " ");
		w->theirs(w->out, one->value, SHORT * 2);
		words_say(w,
		    " as where the activity comes from. That is %s: the probability that this answer is right is %s.",
		    cases_likely(one->confidence), words_per_cent(one->confidence, text));
		return;
	}
	w->plain(w->out, "On what is known today, nobody can say where the activity comes from.");
	if (source != NULL) {
		w->plain(w->out, " The best candidate, ");
		cases_say_kind(w, source->what);
		w->plain(w->out, " ");
		w->theirs(w->out, source->value, SHORT * 2);
		words_say(w, ", reaches a probability of %s, which is not enough to name it.",
		    words_per_cent(source->probability, text));
	}
	if (rival != NULL) {
		bool lacks = strcmp(rival->kind, "cannot say") == 0;

		w->plain(w->out, lacks ? " The weightiest reason: " : " The strongest other explanation: ");
		if (!lacks || !words_lack(w, one))
			cases_say_hypothesis(w, rival);
		words_say(w, " (%s).", words_per_cent(rival->probability, text));
	}
}

#define RESTS 3 /* sentences of whom it rests on */

void
cases_say_answer(const struct cases_words *w, const struct casefile *one)
{
	say_answer(w, one);
	for (size_t i = 0; i < RESTS; i++) {
		size_t start = w->out->size;

		w->plain(w->out, " ");
		if (cases_say_resting(w, one, i))
			continue;
		w->out->size = start;
		break;
	}
}

/* ---- opinions ---- */

bool
cases_opinion_newest(const struct casefile *one, size_t index)
{
	const struct case_opinion *o = &one->opinion[index];

	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *other = &one->opinion[i];

		if (i != index && strcmp(o->organisation, other->organisation) == 0 &&
		    (other->time > o->time || (other->time == o->time && i > index)))
			return false;
	}
	return true;
}

struct cases_tally
cases_tally(const struct casefile *one)
{
	struct cases_tally t = {0, 0, 0};

	for (size_t i = 0; i < one->opinions; i++) {
		if (!cases_opinion_newest(one, i))
			continue;
		t.agree += strcmp(one->opinion[i].opinion, "agree") == 0;
		t.disagree += strcmp(one->opinion[i].opinion, "disagree") == 0;
		t.abstain += strcmp(one->opinion[i].opinion, "abstain") == 0;
	}
	return t;
}
