/*
 * A case as Markdown (CommonMark with GitHub's tables). What is not ours stands in code spans, with < > & | and
 * backticks made harmless, so that no text of a partner's is structure, link or HTML.
 */
#include "cases/cases.h"

#include <math.h>
#include <stdio.h>

void
cases_harmless(struct buf *out, const char *text, size_t most)
{
	struct buf clean;

	buf_open(&clean, 1u << 20);
	cases_clean(&clean, text, most);
	/* In a code span nothing is read but its end, and in a table the bar. */
	for (size_t i = 0; i < clean.size; i++) {
		if (clean.p[i] == '`')
			buf_add_u8(out, '\'');
		else if (clean.p[i] == '|')
			buf_add_text(out, "\u00a6");
		else if (clean.p[i] == '<')
			buf_add_text(out, "\u2039");
		else if (clean.p[i] == '>')
			buf_add_text(out, "\u203a");
		else
			buf_add_u8(out, clean.p[i]);
	}
	buf_close_part(&clean, out);
}

void
cases_code(struct buf *out, const char *text, size_t most)
{
	if (text[0] == '\0') {
		buf_add_text(out, "\u2013");
		return;
	}
	buf_add_u8(out, '`');
	cases_harmless(out, text, most);
	buf_add_u8(out, '`');
}

static void
put_list(const struct cases_words *w, const struct casefile *one,
    bool (*sentence)(const struct cases_words *, const struct casefile *, size_t), const char *none)
{
	size_t i;

	for (i = 0; i < CASES_MISSING + CASES_SPANS; i++) {
		size_t start = w->out->size;

		buf_add_text(w->out, "- ");
		if (!sentence(w, one, i)) {
			w->out->size = start;
			break;
		}
		buf_add_text(w->out, "\n");
	}
	if (i == 0)
		buf_printf(w->out, "- %s\n", none);
}

static void
put_evidence(struct buf *out, const struct case_evidence *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct case_evidence *e = &list[i];

		buf_add_text(out, "| ");
		cases_code(out, e->organisation, 60);
		buf_add_text(out, " | ");
		cases_code(out, e->item, 120);
		buf_add_text(out, " ");
		cases_code(out, e->indicator, 120);
		if (e->hours >= 0)
			buf_printf(out, " (looked %.4g h, lost %.3g %%)", e->hours, e->lost * 100);
		buf_add_text(out, " | ");
		cases_code(out, e->hours >= 0 ? "" : e->proof, 20);
		buf_printf(out, " | %.4g \u00d7 %.4g \u00d7 %.4g \u00d7 %.4g \u00d7 %.4g | %.4f |\n", e->base,
		    e->rarity, e->independence, e->coverage, e->clock, e->llr);
	}
}

static void
put_hypotheses(struct buf *out, const struct casefile *one, const struct cases_words *w)
{
	double highest, sum = cases_odds_sum(one, &highest);

	buf_add_text(out, "\n## The explanations that were weighed\n\n| explanation | witness | bonus | log-odds | "
			  "probability |\n|---|---:|---:|---:|---:|\n");
	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		buf_add_text(out, "| ");
		cases_say_hypothesis(w, h);
		if (h->summed)
			buf_printf(out, " | %.4f | %.4f", h->witness, h->bonus);
		else
			buf_add_text(out, " | | ");
		buf_printf(out, " | %.4f | %.6f |\n", h->log_odds, h->probability);
	}
	buf_printf(out, "\nA probability is e^log-odds by the sum of all, %.6g.", sum * exp(highest));
	buf_add_text(out, " What a bonus, or a rival's log-odds, are made of:\n\n");
	for (size_t i = 0; i < one->hypotheses; i++) {
		buf_add_text(out, "- ");
		cases_say_hypothesis(w, &one->hypothesis[i]);
		buf_add_text(out, ": ");
		cases_say_parts(w, &one->hypothesis[i]);
		buf_add_text(out, "\n");
	}
	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		if (h->supports + h->againsts == 0)
			continue;
		buf_add_text(out, "\n### Evidence for ");
		cases_code(out, h->value[0] != '\0' ? h->value : h->kind, 120);
		buf_add_text(out, "\n\n| organisation | what was seen | proof | proof \u00d7 rarity \u00d7 "
				  "independence \u00d7 coverage \u00d7 clock | weight |\n|---|---|---|---|---:|\n");
		put_evidence(out, h->support, h->supports);
		put_evidence(out, h->against, h->againsts);
	}
}

static void
put_resting(struct buf *out, const struct casefile *one, const struct cases_words *w)
{
	if (one->restings == 0)
		return;
	buf_add_text(out, "\n## Without one organisation\n\n| without | the answer | its probability |\n"
			  "|---|---|---:|\n");
	for (size_t i = 0; i < one->restings; i++) {
		buf_add_text(out, "| ");
		cases_code(out, one->resting[i].organisation, 60);
		buf_add_text(out, " | ");
		cases_say_then(w, &one->resting[i]);
		buf_printf(out, " | %.6f |\n", one->resting[i].confidence);
	}
}

static void
put_infrastructure(struct buf *out, const struct casefile *one)
{
	buf_add_text(out, "\n## Infrastructure\n\n| kind | value | best proof | seen by |\n|---|---|---|---|\n");
	for (size_t i = 0; i < one->nodes; i++) {
		buf_add_text(out, "| ");
		cases_code(out, one->node[i].kind, 30);
		buf_add_text(out, " | ");
		cases_code(out, one->node[i].value, 512);
		buf_add_text(out, " | ");
		cases_code(out, one->node[i].proof, 20);
		buf_add_text(out, " | ");
		for (size_t k = 0; k < one->node[i].seers; k++) {
			buf_add_text(out, k > 0 ? ", " : "");
			cases_code(out, one->node[i].seen_by[k], 60);
		}
		buf_add_text(out, " |\n");
	}
}

static void
put_timeline(struct buf *out, const struct casefile *one)
{
	char a[40], b[40];

	buf_add_text(out, "\n## Time line\n\n| organisation | from | until | clock | what | message |\n"
			  "|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];

		cases_time(s->from, a);
		cases_time(s->until, b);
		buf_add_text(out, "| ");
		cases_code(out, s->organisation, 60);
		buf_printf(out, " | %s | %s | ", a, b);
		if (s->error < 0)
			buf_add_text(out, "unknown");
		else
			buf_printf(out, "\u00b1%g s", s->error);
		buf_add_text(out, " | ");
		cases_code(out, s->item, 120);
		buf_printf(
		    out, "%s%s | ", s->positive ? "" : " not seen", s->echo ? " repeats another's report" : "");
		cases_code(out, s->message, 60);
		buf_add_text(out, " |\n");
	}
}

static void
put_coverage(struct buf *out, const struct casefile *one)
{
	char a[40], b[40];

	buf_add_text(
	    out, "\n## Coverage\n\n| organisation | looked from | until | lost | clock |\n|---|---|---|---:|---|\n");
	for (size_t i = 0; i < one->spans; i++) {
		const struct case_span *s = &one->span[i];

		cases_time(s->from, a);
		cases_time(s->until, b);
		buf_add_text(out, "| ");
		cases_code(out, s->organisation, 60);
		buf_printf(out, " | %s | %s | %.2f %% | ", a, b, s->lost * 100);
		if (s->clock_error < 0)
			buf_add_text(out, "unknown |\n");
		else
			buf_printf(out, "\u00b1%g s |\n", s->clock_error);
	}
}

static void
put_trace(struct buf *out, const struct casefile *one)
{
	char a[40];

	buf_add_text(out, "\n## What became of the case\n\n");
	for (size_t i = 0; i < one->traces; i++) {
		cases_time(one->trace[i].time, a);
		buf_printf(out, "- %s ", a);
		cases_code(out, one->trace[i].event, 80);
		if (one->trace[i].with[0] != '\0') {
			buf_add_text(out, " ");
			cases_code(out, one->trace[i].with, 300);
		}
		buf_add_text(out, "\n");
	}
}

void
cases_markdown(struct buf *out, const struct casefile *one)
{
	struct cases_words w = {out, buf_add_text, cases_code};
	struct cases_tally t = cases_tally(one);
	size_t start;
	char when[40];

	buf_add_text(out, "# ");
	cases_say_title(&w, one);
	buf_add_text(out, "\n\n**");
	cases_say_marking(&w, one);
	buf_add_text(out, "** ");
	cases_code(out, one->state, 20);
	buf_printf(out, " `%s`\n", one->id);
	if (one->publisher[0] != '\0') {
		cases_time(one->made, when);
		buf_add_text(out, "\nPublished by ");
		cases_code(out, one->publisher, 80);
		buf_add_text(out, one->untrusted ? CASES_UNTRUSTED : "");
		buf_printf(out, ", %s.\n", when);
	}
	if (one->exercise)
		buf_add_text(out, "\n**EXERCISE: this is a drill, not an incident.**\n");
	buf_add_text(out, "\n");
	start = out->size;
	buf_add_text(out, "**");
	if (cases_say_over(&w, one))
		buf_add_text(out, "**\n\n");
	else
		out->size = start;
	buf_add_text(out, "## The answer\n\n");
	cases_say_answer(&w, one);
	buf_add_text(out, "\n\n## What was seen\n\n");
	cases_say_seen(&w, one);
	for (size_t i = 0; i < one->notices; i++) {
		buf_add_text(out, i == 0 ? "\n\n- " : "\n- ");
		(void)cases_say_notice(&w, one, i);
	}
	buf_printf(out, "\n\n## %s\n\n", cases_against_head(one));
	put_list(&w, one, cases_say_against, "Nothing that is known.");
	buf_add_text(out, "\n## What would change it\n\n");
	put_list(&w, one, cases_say_change, "Nothing that could be asked for now would change the answer much.");
	if (one->opinions > 0) {
		buf_printf(out,
		    "\n## Opinions\n\n%zu agree, %zu disagree, %zu abstain.\n\n| time | organisation | opinion | words "
		    "|\n|---|---|---|---|\n",
		    t.agree, t.disagree, t.abstain);
		for (size_t i = 0; i < one->opinions; i++) {
			cases_time(one->opinion[i].time, when);
			buf_printf(out, "| %s | ", when);
			cases_code(out, one->opinion[i].organisation, 60);
			buf_add_text(out, " | ");
			cases_code(out, one->opinion[i].opinion, 20);
			buf_add_text(out, cases_opinion_newest(one, i) ? " | " : " (earlier) | ");
			cases_code(out, one->opinion[i].text, 2000);
			buf_add_text(out, " |\n");
		}
	}
	put_hypotheses(out, one, &w);
	put_resting(out, one, &w);
	put_infrastructure(out, one);
	put_timeline(out, one);
	put_coverage(out, one);
	put_trace(out, one);
}
