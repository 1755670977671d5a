/*
 * What speaks against a case's answer, whose word it rests on, and what would change it, in sentences; words.c has the
 * others.  No state.
 */
#include "cases/words_own.h"

#include <math.h>
#include <stdlib.h>

/* ---- what speaks against it ---- */

const char *
cases_against_head(const struct casefile *one)
{
	return strcmp(one->verdict, "source") == 0 ? "What speaks against it" : "Why nobody can say";
}

static int
by_probability(const void *a, const void *b)
{
	const struct case_hypothesis *x = *(const struct case_hypothesis *const *)a,
				     *y = *(const struct case_hypothesis *const *)b;

	if (x->probability > y->probability || x->probability < y->probability)
		return x->probability > y->probability ? -1 : 1;
	return x < y ? -1 : 1;
}

void
cases_sorted(const struct casefile *one, const struct case_hypothesis *ret_list[CASES_HYPOTHESES])
{
	for (size_t i = 0; i < one->hypotheses; i++)
		ret_list[i] = &one->hypothesis[i];
	if (one->hypotheses > 0)
		qsort(ret_list, one->hypotheses, sizeof(ret_list[0]), by_probability);
}

/* Whether this sentence is the one that was asked for. */
static bool
is_next(size_t *index)
{
	return (*index)-- == 0;
}

static bool
has_lack(const struct casefile *one)
{
	struct buf none;
	struct cases_words w = {&none, buf_add_text, NULL};
	bool lack;

	buf_open(&none, 1024);
	lack = words_lack(&w, one);
	buf_close(&none);
	return lack;
}

static void
say_rival(const struct cases_words *w, const struct casefile *one, const struct case_hypothesis *h, bool source)
{
	char text[24];

	words_per_cent(h->probability, text);
	if (strcmp(h->kind, "cannot say") == 0) {
		words_say(w, source ? "What is known may not be enough to tell: %s" : "What is known is not enough: %s",
		    text);
		if (has_lack(one)) {
			w->plain(w->out, "; ");
			(void)words_lack(w, one);
		}
		w->plain(w->out, ".");
		return;
	}
	w->plain(w->out, source ? "It could also be that " : "It could be that ");
	cases_say_hypothesis(w, h);
	words_say(w, ": %s.", text);
}

static bool
against_rivals(const struct cases_words *w, const struct casefile *one, size_t *index)
{
	const struct case_hypothesis *list[CASES_HYPOTHESES];
	bool source = strcmp(one->verdict, "source") == 0;
	double rest = 0;
	char text[24];

	cases_sorted(one, list);
	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = list[i];
		bool answer = source && strcmp(h->kind, "source") == 0 && strcmp(h->value, one->value) == 0 &&
			      strcmp(h->what, one->what) == 0;

		/* Of an open case the best candidate stands in the answer. */
		if (answer || (!source && h == words_best(one, true)) || h->probability < 0.01) {
			rest += answer ? 0 : h->probability;
			continue;
		}
		if (is_next(index)) {
			say_rival(w, one, h, source);
			return true;
		}
	}
	if (source && rest > 0 && is_next(index)) {
		words_say(w, "All other explanations that were weighed have a probability of %s together.",
		    words_per_cent(rest, text));
		return true;
	}
	return false;
}

static bool
against_evidence(const struct cases_words *w, const struct casefile *one, size_t *index)
{
	const struct case_hypothesis *top = words_best(one, true);
	const char *name[CASES_ORGANISATIONS];
	size_t count = 0, cheap = 0, weighty = 0;
	double sum = 0;

	for (size_t i = 0; top != NULL && i < top->againsts; i++) {
		size_t k = 0;

		if (words_part(one, top->against[i].organisation) == DOWN)
			continue;
		while (k < count && strcmp(name[k], top->against[i].organisation) != 0)
			k++;
		if (k == count && count < CASES_ORGANISATIONS)
			name[count++] = top->against[i].organisation;
		sum += top->against[i].llr;
	}
	if (count > 0 && is_next(index)) {
		words_list(w, name, count);
		words_say(w, " looked for it and did not see it, which speaks %sagainst it.",
		    sum > -0.5 ? "a little " : "");
		return true;
	}
	for (size_t i = 0; top != NULL && i < top->supports; i++) {
		weighty += top->support[i].llr > 0;
		cheap += top->support[i].llr > 0 && strcmp(top->support[i].proof, "spoofable") == 0;
	}
	if (cheap > 0 && is_next(index)) {
		if (cheap == weighty)
			w->plain(w->out, "All that speaks for the best candidate rests on");
		else
			words_say(w, "%zu of %zu pieces of evidence rest on", cheap, weighty);
		w->plain(w->out, " single packets, whose sender anybody can forge; they weigh little.");
		return true;
	}
	count = words_those(one, SAW, name);
	if (count > 0 && count < 3 && (count > 1 || !has_lack(one)) && is_next(index)) {
		words_say(w, "Only %s saw it.", count == 2 ? "two organisations" : "one organisation");
		return true;
	}
	return false;
}

/* Organisations with a span that is so, each once; how many. */
static size_t
those_who(const struct casefile *one, bool (*is_so)(const struct case_span *), const char **ret_name)
{
	size_t count = 0;

	for (size_t i = 0; i < one->spans && count < CASES_ORGANISATIONS; i++) {
		size_t k = 0;

		while (k < count && strcmp(ret_name[k], one->span[i].organisation) != 0)
			k++;
		if (k == count && is_so(&one->span[i]))
			ret_name[count++] = one->span[i].organisation;
	}
	return count;
}

static bool
is_lossy(const struct case_span *s)
{
	return s->lost >= 0.05;
}

static bool
is_timeless(const struct case_span *s)
{
	return s->clock_error < 0;
}

static bool
against_coverage(const struct cases_words *w, const struct casefile *one, size_t *index)
{
	const char *name[CASES_ORGANISATIONS];
	size_t count = 0;
	double most = 0;

	for (size_t i = 0, all = those_who(one, is_lossy, name); i < all; i++) {
		if (words_part(one, name[i]) != DOWN)
			name[count++] = name[i];
	}
	if (count > 0 && is_next(index)) {
		for (size_t i = 0; i < one->spans; i++) {
			if (words_part(one, one->span[i].organisation) != DOWN)
				most = fmax(most, one->span[i].lost);
		}
		words_list(w, name, count);
		words_say(w, " lost %s%.0f %% of the traffic that %s should have seen.", count > 1 ? "up to " : "",
		    most * 100, count > 1 ? "they" : "it");
		return true;
	}
	count = 0;
	for (size_t i = 0, all = those_who(one, is_timeless, name); i < all; i++) {
		if (words_part(one, name[i]) == SAW)
			name[count++] = name[i];
	}
	if (count > 0 && is_next(index)) {
		words_say(w, "How far the clock%s of ", count > 1 ? "s" : "");
		words_list(w, name, count);
		words_say(w,
		    " may be off is not known: what %s saw is put into no order with what others saw.",
		    count > 1 ? "they" : "it");
		return true;
	}
	if (one->completeness < 0.5 && is_next(index)) {
		words_say(w, "The reports hold %.0f %% of the information that a report should hold.",
		    one->completeness * 100);
		return true;
	}
	return false;
}

static bool
against_opinions(const struct cases_words *w, const struct casefile *one, size_t *index)
{
	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *o = &one->opinion[i];

		if (strcmp(o->opinion, "disagree") != 0 || !cases_opinion_newest(one, i) || !is_next(index))
			continue;
		w->theirs(w->out, o->organisation, NAME);
		w->plain(w->out, " disagrees");
		if (o->text[0] != '\0') {
			w->plain(w->out, ": \u201c");
			w->theirs(w->out, o->text, 300);
			w->plain(w->out, "\u201d");
		}
		w->plain(w->out, ".");
		return true;
	}
	return false;
}

bool
cases_say_against(const struct cases_words *w, const struct casefile *one, size_t index)
{
	return against_opinions(w, one, &index) || against_rivals(w, one, &index) || against_evidence(w, one, &index) ||
	       against_coverage(w, one, &index);
}

/* ---- whose word it rests on ---- */

static bool
same_without(const struct case_resting *a, const struct case_resting *b)
{
	return strcmp(a->verdict, b->verdict) == 0 && strcmp(a->what, b->what) == 0 && strcmp(a->value, b->value) == 0;
}

/* What it would be then, as one goes on: "nobody could say". */
void
cases_say_then(const struct cases_words *w, const struct case_resting *r)
{
	if (strcmp(r->verdict, "source") != 0) {
		w->plain(w->out, "nobody could say");
		return;
	}
	w->plain(w->out, "it would point to ");
	cases_say_kind(w, r->what);
	w->plain(w->out, " ");
	w->theirs(w->out, r->value, SHORT);
}

static void
say_resting(
    const struct cases_words *w, bool source, const struct case_resting *r, const char *const *name, size_t count)
{
	bool named = strcmp(r->verdict, "source") == 0;

	w->plain(w->out, source || !named ? "It rests on the word of " : "Without what ");
	if (count > 1)
		w->plain(w->out, source || !named ? "each of " : "any one of ");
	words_list(w, name, count);
	if (source || !named)
		words_say(w, ": without what %s reported, ", count > 1 ? "any one of them" : "it");
	else
		w->plain(w->out, " reported, ");
	cases_say_then(w, r);
	w->plain(w->out, ".");
}

/* One sentence for all without whom it would be the same. */
bool
cases_say_resting(const struct cases_words *w, const struct casefile *one, size_t index)
{
	const char *name[CASES_RESTINGS];
	bool source = strcmp(one->verdict, "source") == 0;

	for (size_t i = 0; i < one->restings; i++) {
		const struct case_resting *r = &one->resting[i];
		size_t k = 0, count = 0;

		while (k < i && !same_without(&one->resting[k], r))
			k++;
		if (k < i || !is_next(&index))
			continue;
		for (k = i; k < one->restings; k++) {
			if (same_without(&one->resting[k], r))
				name[count++] = one->resting[k].organisation;
		}
		say_resting(w, source, r, name, count);
		return true;
	}
	if (source && one->tried && one->restings == 0 && is_next(&index)) {
		w->plain(w->out, "It would stand without what any one organisation reported.");
		return true;
	}
	return false;
}

/* ---- what would change it ---- */

static bool
same_question(const struct case_missing *a, const struct case_missing *b)
{
	bool same = strcmp(a->kind, b->kind) == 0 && strcmp(a->item, b->item) == 0 &&
		    strcmp(a->message, b->message) == 0 && a->indicators == b->indicators && a->from == b->from;

	for (size_t i = 0; same && i < a->indicators; i++)
		same = strcmp(a->what[i], b->what[i]) == 0 && strcmp(a->value[i], b->value[i]) == 0;
	return same;
}

/* Who answers there, where that is known. */
static void
say_contact(const struct cases_words *w, const struct case_missing *m)
{
	const char *const way[] = {m->name, m->email, m->telephone};
	unsigned said = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (way[i][0] == '\0')
			continue;
		w->plain(w->out, said++ > 0 ? ", " : " Contact: ");
		w->theirs(w->out, way[i], SHORT);
	}
	w->plain(w->out, said > 0 ? "." : "");
}

static void
say_question(const struct cases_words *w, const struct case_missing *m)
{
	char when[40];

	if (strcmp(m->kind, "evidence") == 0) {
		w->plain(w->out,
		    " can be asked for the packets kept behind a report, to see whether the address really answered");
	} else if (strcmp(m->kind, "reveal") == 0) {
		w->plain(w->out, " can be asked which host stands behind a pseudonym");
	} else {
		w->plain(w->out, strcmp(m->item, "who controls this host") == 0 ? " can be asked who reaches "
										: " can be asked about sights of ");
		for (size_t i = 0; i < m->indicators; i++) {
			w->plain(w->out, i == 0 ? "" : i + 1 < m->indicators ? ", " : " and ");
			cases_say_kind(w, m->what[i]);
			w->plain(w->out, " ");
			w->theirs(w->out, m->value[i], SHORT);
		}
		if (m->from != 0) {
			cases_time(m->from, when);
			words_say(w, " since %.10s", when);
		}
	}
	words_say(w, ". A reply could move the answer %s.",
	    m->bits >= 0.3   ? "strongly"
	    : m->bits >= 0.1 ? "noticeably"
			     : "a little");
}

/* One sentence for all who are asked the same. */
static bool
say_change(const struct cases_words *w, const struct casefile *one, size_t index, bool numbered)
{
	const char *name[CASES_MISSING];
	size_t number[CASES_MISSING], count = 0;

	for (size_t i = 0; i < one->missings; i++) {
		size_t k = 0;

		while (k < i && !same_question(&one->missing[k], &one->missing[i]))
			k++;
		if (k < i || !is_next(&index))
			continue;
		for (k = i; k < one->missings; k++) {
			if (!same_question(&one->missing[k], &one->missing[i]))
				continue;
			name[count] = one->missing[k].ask;
			number[count++] = k + 1;
		}
		for (k = 0; numbered && k < count; k++) {
			words_say(w, "%s[%zu] ", k == 0 ? "" : k + 1 < count ? ", " : " and ", number[k]);
			w->theirs(w->out, name[k], NAME);
		}
		if (!numbered)
			words_list(w, name, count);
		say_question(w, &one->missing[i]);
		if (count == 1)
			say_contact(w, &one->missing[i]);
		return true;
	}
	return false;
}

bool
cases_say_change(const struct cases_words *w, const struct casefile *one, size_t index)
{
	return say_change(w, one, index, false);
}

bool
cases_say_questions(const struct cases_words *w, const struct casefile *one, size_t index)
{
	return say_change(w, one, index, true);
}
