/*
 * The tables of the page: evidence with its factors, so that each number can be recomputed by hand, opinions, and the
 * annex.
 */
#include "cases/html_own.h"

#include <math.h>
#include <stdio.h>

#define VALUE 512 /* characters of a value in a table */

static void
cell(struct buf *out, const char *text, size_t most, bool value)
{
	buf_add_text(out, value ? "<td class=\"v\">" : "<td>");
	page_text(out, text, most);
	buf_add_text(out, "</td>");
}

static void
proof_cell(struct buf *out, const char *proof)
{
	buf_add_text(out, "<td class=\"t\">");
	page_text(out, proof, 20);
	buf_add_text(out, "</td>");
}

/* Its head: names of the columns, parted by bars; ">": of numbers. */
static void
begin_table(struct buf *out, const char *what, const char *class, const char *heads)
{
	page_scroll(out, what);
	buf_printf(out, "<table class=\"%s\"><thead><tr>", class);
	while (*heads != '\0') {
		size_t size = strcspn(heads, "|");
		bool number = heads[0] == '>';

		buf_printf(out, "<th scope=\"col\"%s>%.*s</th>", number ? " class=\"n\"" : "", (int)(size - number),
		    heads + number);
		heads += size + (heads[size] == '|');
	}
	buf_add_text(out, "</tr></thead><tbody>\n");
}

static void
end_table(struct buf *out)
{
	buf_add_text(out, "</tbody></table></div>\n");
}

/* ---- evidence ---- */

static void
put_line(struct buf *out, const struct case_evidence *e, size_t number)
{
	char begin[12];

	buf_printf(out, "<tr><td class=\"n\">%zu</td>", number);
	cell(out, e->organisation, 60, false);
	buf_add_text(out, "<td>");
	page_text(out, e->item, 120);
	buf_add_text(out, "<br><span class=\"v\">");
	page_text(out, e->indicator, 44);
	buf_add_text(out, "</span>");
	if (e->message[0] != '\0') {
		buf_add_text(out, " <span class=\"note\">in ");
		snprintf(begin, sizeof(begin), "%.8s", e->message);
		page_text(out, begin, 8);
		buf_add_text(out, "</span>");
	}
	if (e->hours >= 0)
		buf_printf(out, " <span class=\"note\">looked %.4g h, lost %.3g %%</span>", e->hours, e->lost * 100);
	buf_add_text(out, "</td>");
	proof_cell(out, e->hours >= 0 ? "\u2013" : e->proof);
	buf_printf(out,
	    "<td class=\"f\">%.4g \u00d7 %.4g \u00d7 %.4g \u00d7 %.4g \u00d7 %.4g</td><td class=\"n\">%.4f</td></tr>\n",
	    e->base, e->rarity, e->independence, e->coverage, e->clock, e->llr);
}

/* By organisation, in the order of their first line, each with its sum. */
static double
put_lines(struct buf *out, const struct case_evidence *list, size_t count, size_t *number)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		double part = 0;
		size_t before = 0, lines = 0, empty = 0;

		while (before < i && strcmp(list[before].organisation, list[i].organisation) != 0)
			before++;
		if (before < i)
			continue;
		for (size_t k = i; k < count; k++) {
			if (strcmp(list[k].organisation, list[i].organisation) != 0)
				continue;
			lines++;
			part += list[k].llr;
			if (fabs(list[k].llr) < 5e-5)
				empty += list[k].independence <= 0 ? 1 : 0;
			if (fabs(list[k].llr) >= 5e-5 || list[k].independence > 0)
				put_line(out, &list[k], ++*number);
		}
		if (empty > 0)
			buf_printf(out,
			    "<tr><td></td><td></td><td colspan=\"3\">%zu further line%s with independence 0: above "
			    "what one organisation may weigh, "
			    "or an echo</td><td class=\"n\">0.0000</td></tr>\n",
			    empty, empty == 1 ? "" : "s");
		buf_add_text(out, "<tr class=\"sum\"><td></td><td colspan=\"4\">");
		page_text(out, list[i].organisation, 60);
		buf_printf(out, ": sum of %zu</td><td class=\"n\">%.4f</td></tr>\n", lines, part);
		sum += part;
	}
	return sum;
}

static void
put_sums(struct buf *out, const struct casefile *one, const struct case_hypothesis *h, double sum)
{
	double highest, all = cases_odds_sum(one, &highest);
	size_t listed = h->supports + h->againsts;

	if (h->summed) {
		buf_printf(out,
		    "<p>Sum of all lines %.4f, plus the bonus %.4f (its parts are in the annex), gives the "
		    "log-odds %.4f. ",
		    h->witness, h->bonus, h->log_odds);
		if (h->listed > listed)
			buf_printf(out,
			    "The document lists %zu of %zu lines; those that are left out weigh %.4f together. ",
			    listed, h->listed, h->witness - sum);
	} else {
		buf_printf(out, "<p>Log-odds %.4f. ", h->log_odds);
	}
	buf_printf(out,
	    "Its probability is e<sup>%.4f</sup> by the sum of e<sup>log-odds</sup> over all explanations: %.6f.</p>\n",
	    h->log_odds, exp(h->log_odds - highest) / all);
}

static void
put_hypothesis(struct buf *out, const struct casefile *one, const struct case_hypothesis *h)
{
	size_t number = 0;
	double sum;

	if (h->supports + h->againsts == 0) {
		buf_add_text(out, "<p>No lines of evidence are listed.</p>\n");
		return;
	}
	begin_table(out, "Evidence", "evidence",
	    ">#|Organisation|What was seen|Proof|proof \u00d7 rarity \u00d7 independence \u00d7 coverage \u00d7 "
	    "clock|>weight");
	sum = put_lines(out, h->support, h->supports, &number);
	if (h->againsts > 0) {
		buf_add_text(out, "<tr class=\"sum\"><td></td><td colspan=\"5\">Against it</td></tr>\n");
		sum += put_lines(out, h->against, h->againsts, &number);
	}
	end_table(out);
	put_sums(out, one, h, sum);
}

void
page_evidence(struct buf *out, const struct casefile *one)
{
	const struct case_hypothesis *h = cases_leading(one);

	if (h == NULL) {
		buf_add_text(out, "<p>No candidate has any evidence.</p>\n");
		return;
	}
	buf_add_text(out, "<p>For ");
	{
		struct cases_words w = page_words(out);

		cases_say_kind(&w, h->what);
	}
	buf_add_text(out, " <span class=\"v\">");
	page_text(out, h->value, VALUE);
	buf_add_text(out, "</span>. The weight of a line is the product of its factors; <em>proof</em> says what it "
			  "would cost to make it look so: "
			  "<em>spoofable</em> one datagram, <em>handshake</em> the address replied, <em>dialogue</em> "
			  "data both ways, <em>keyed</em> a private key was used, "
			  "<em>content</em> the file itself. <em>In</em> names the message: the annex has its time and its "
			  "whole name.</p>\n");
	put_hypothesis(out, one, h);
}

/* ---- opinions ---- */

void
page_opinions(struct buf *out, const struct casefile *one)
{
	char when[40];

	if (one->opinions == 0) {
		buf_add_text(out, "<p>No organisation has given its opinion yet.</p>\n");
		return;
	}
	begin_table(out, "Opinions", "op", "Time|Organisation|Opinion|Words|On the answer");
	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *o = &one->opinion[i];

		cases_time(o->time, when);
		buf_printf(out, "<tr><td>%s</td>", when);
		cell(out, o->organisation, 80, false);
		buf_add_text(out, "<td>");
		page_text(out, o->opinion, 20);
		buf_add_text(out, cases_opinion_newest(one, i) ? "</td>" : " (earlier)</td>");
		cell(out, o->text, 2000, false);
		cell(out, o->about, 120, false);
		buf_add_text(out, "</tr>\n");
	}
	end_table(out);
	buf_add_text(out, "<p class=\"note\">Each was signed by its organisation and stays. Of one organisation the "
			  "latest counts.</p>\n");
}

/* ---- annex ---- */

static void
put_all(struct buf *out, const struct casefile *one)
{
	double highest, sum = cases_odds_sum(one, &highest), check = 0;

	buf_add_text(out, "<h3>All explanations</h3>\n");
	begin_table(out, "All explanations", "",
	    "Explanation|>witness|>bonus|>log-odds|>e<sup>log-odds</sup>|>probability");
	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		buf_add_text(out, "<tr><td>");
		page_text(out, h->kind, 20);
		if (h->value[0] != '\0') {
			buf_add_text(out, ": ");
			page_text(out, h->what, 20);
			buf_add_text(out, " <span class=\"v\">");
			page_text(out, h->value, VALUE);
			buf_add_text(out, "</span>");
		}
		if (h->parts > 0) {
			struct cases_words w = page_words(out);

			buf_add_text(out, "<br><span class=\"note\">");
			cases_say_parts(&w, h);
			buf_add_text(out, "</span>");
		}
		if (h->summed)
			buf_printf(
			    out, "</td><td class=\"n\">%.4f</td><td class=\"n\">%.4f</td>", h->witness, h->bonus);
		else
			buf_add_text(out, "</td><td class=\"n\">\u2013</td><td class=\"n\">\u2013</td>");
		buf_printf(out, "<td class=\"n\">%.4f</td><td class=\"n\">%.6g</td><td class=\"n\">%.6f</td></tr>\n",
		    h->log_odds, exp(h->log_odds), h->probability);
		check += h->probability;
	}
	buf_printf(out,
	    "<tr class=\"sum\"><td colspan=\"4\">Sum</td><td class=\"n\">%.6g</td><td "
	    "class=\"n\">%.6f</td></tr>",
	    sum * exp(highest), check);
	end_table(out);
}

static void
put_others(struct buf *out, const struct casefile *one)
{
	const struct case_hypothesis *lead = cases_leading(one);

	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		if (h == lead || h->supports + h->againsts == 0)
			continue;
		buf_add_text(out, "<h3>Evidence for <span class=\"v\">");
		page_text(out, h->value[0] != '\0' ? h->value : h->kind, 80);
		buf_add_text(out, "</span></h3>\n");
		put_hypothesis(out, one, h);
	}
}

static void
put_resting(struct buf *out, const struct casefile *one)
{
	struct cases_words w = page_words(out);

	if (one->restings == 0)
		return;
	buf_add_text(out, "<h3>Without one organisation</h3>\n<p>Weighed again as if an organisation had reported "
			  "nothing of it, the answer is another:</p>\n");
	begin_table(out, "Without one organisation", "", "Without|The answer|>its probability");
	for (size_t i = 0; i < one->restings; i++) {
		buf_add_text(out, "<tr>");
		cell(out, one->resting[i].organisation, 80, false);
		buf_add_text(out, "<td>");
		cases_say_then(&w, &one->resting[i]);
		buf_printf(out, "</td><td class=\"n\">%.6f</td></tr>\n", one->resting[i].confidence);
	}
	end_table(out);
}

static void
put_method(struct buf *out)
{
	buf_add_text(out, "<h3>How the numbers are made</h3>\n<ul>"
			  "<li>Weights are log-likelihood ratios in nats: 0 says nothing, 1 makes it 2.7 times as "
			  "likely, 3 twenty times.</li>"
			  "<li><em>Rarity</em> falls when unrelated activities show the same thing; "
			  "<em>independence</em> is below 1 for a further sight by the same "
			  "organisation and for one that looked because it was told, and 0 for an echo; "
			  "<em>coverage</em> falls with what the sensor lost; <em>clock</em> "
			  "is below 1 where its bound is not known. Of what was looked for in vain <em>proof</em> is "
			  "ln(1 \u2212 (1 \u2212 lost) (1 \u2212 e<sup>\u2212hours/24</sup>) / 6).</li>"
			  "<li>All lines of one organisation together move an explanation by 3 at most, so that none "
			  "decides alone.</li>"
			  "<li>The rival explanations (forged, relayed through a victim, shared infrastructure, cannot "
			  "say) are always weighed.</li>"
			  "<li>Below each explanation stands what its bonus, or a rival's log-odds, are made of, each "
			  "with the number that its formula takes. The formulas: sensor/joint/README.md of the "
			  "program.</li></ul>\n");
}

static void
put_coverage(struct buf *out, const struct casefile *one)
{
	char from[40], until[40];

	buf_add_text(out, "<h3>Coverage</h3>\n");
	begin_table(out, "Coverage", "", "Organisation|Looked from|until|>lost|>clock bound");
	for (size_t i = 0; i < one->spans; i++) {
		const struct case_span *s = &one->span[i];

		cases_time(s->from, from);
		cases_time(s->until, until);
		buf_add_text(out, "<tr>");
		cell(out, s->organisation, 80, false);
		buf_printf(out, "<td>%s</td><td>%s</td><td class=\"n\">%.2f %%</td>", from, until, s->lost * 100);
		if (s->clock_error < 0)
			buf_add_text(out, "<td class=\"n\">unknown</td></tr>\n");
		else
			buf_printf(out, "<td class=\"n\">\u00b1%g s</td></tr>\n", s->clock_error);
	}
	end_table(out);
	buf_printf(out,
	    "<p>Of the information that a report should hold, these hold %.0f %% on average.</p>\n",
	    one->completeness * 100);
}

/* What the lines of the picture are. */
static void
put_edges(struct buf *out, const struct casefile *one)
{
	if (one->edges == 0)
		return;
	buf_add_text(out, "<h3>How it hangs together</h3>\n");
	begin_table(out, "How it hangs together", "", "From|How|To|>entries");
	for (size_t i = 0; i < one->edges; i++) {
		const struct case_edge *e = &one->edge[i];
		bool steered = strcmp(e->why, "steered") == 0;

		buf_add_text(out, "<tr>");
		cell(out, one->node[e->from].value, VALUE, true);
		cell(out, steered ? "reached from outside" : e->why, 40, false);
		cell(out, one->node[e->to].value, VALUE, true);
		if (steered)
			buf_add_text(out, "<td class=\"n\">\u2013</td></tr>\n");
		else
			buf_printf(out, "<td class=\"n\">%.0f</td></tr>\n", e->weight);
	}
	end_table(out);
}

static void
put_infrastructure(struct buf *out, const struct casefile *one)
{
	buf_add_text(out, "<h3>Infrastructure in full</h3>\n");
	begin_table(out, "Infrastructure in full", "infra", "Kind|Value|Best proof|Seen by");
	for (size_t i = 0; i < one->nodes; i++) {
		const struct case_node *n = &one->node[i];

		buf_add_text(out, "<tr>");
		cell(out, n->kind, 30, false);
		cell(out, n->value, VALUE, true);
		proof_cell(out, n->proof);
		buf_add_text(out, "<td>");
		for (size_t k = 0; k < n->seers; k++) {
			buf_add_text(out, k > 0 ? ", " : "");
			page_text(out, n->seen_by[k], 60);
		}
		buf_add_text(out, "</td></tr>\n");
	}
	end_table(out);
	put_edges(out, one);
}

/* When, by whom, what, in which message: what the time line draws. */
static void
put_sights(struct buf *out, const struct casefile *one)
{
	char from[40], until[40];

	if (one->sights == 0)
		return;
	buf_add_text(out, "<h3>All sightings</h3>\n");
	begin_table(out, "All sightings", "sights", "From|until|>clock bound|Organisation|What|Rule|Message");
	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];

		cases_time(s->from, from);
		cases_time(s->until, until);
		buf_printf(out, "<tr><td class=\"t\">%s</td><td class=\"t\">%s</td>", from, until);
		if (s->error < 0)
			buf_add_text(out, "<td class=\"n\">unknown</td>");
		else
			buf_printf(out, "<td class=\"n\">\u00b1%g s</td>", s->error);
		cell(out, s->organisation, 80, false);
		buf_add_text(out, "<td class=\"v\">");
		page_text(out, s->item, 120);
		buf_printf(out, "%s%s</td>", s->positive ? "" : " (not seen)", s->echo ? " (repeats another)" : "");
		cell(out, s->rule, 120, false);
		cell(out, s->message, 80, true);
		buf_add_text(out, "</tr>\n");
	}
	end_table(out);
	buf_add_text(out, "<p class=\"note\">Sights of one thing by one organisation on one day are one line; of a "
			  "long time line each organisation has a part.</p>\n");
}

static void
put_missing(struct buf *out, const struct casefile *one)
{
	if (one->missings == 0)
		return;
	buf_add_text(out, "<h3>Requests that would change the answer</h3>\n");
	begin_table(out, "Requests that would change the answer", "", ">#|To whom|Request|About|>worth, bits");
	for (size_t i = 0; i < one->missings; i++) {
		const struct case_missing *m = &one->missing[i];

		buf_printf(out, "<tr><td class=\"n\">%zu</td>", i + 1);
		buf_add_text(out, "<td>");
		page_text(out, m->ask, 80);
		for (unsigned k = 0; k < 3; k++) {
			const char *const way[] = {m->name, m->email, m->telephone};

			if (way[k][0] != '\0')
				buf_add_text(out, "<br>");
			page_text(out, way[k], 80);
		}
		buf_add_text(out, "</td><td>");
		page_text(out, m->kind, 20);
		buf_add_text(out, ": ");
		page_text(out, m->item, 120);
		buf_add_text(out, "</td><td class=\"v\">");
		page_text(out, m->message, 120);
		for (size_t k = 0; k < m->indicators; k++) {
			buf_add_text(out, k > 0 ? ", " : "");
			page_text(out, m->what[k], 20);
			buf_add_text(out, ":");
			page_text(out, m->value[k], VALUE);
		}
		buf_printf(out, "</td><td class=\"n\">%.3f</td></tr>\n", m->bits);
	}
	end_table(out);
	buf_printf(out,
	    "<p class=\"note\"><code>concert cases ask %.8s N</code> sends one of them.</p>\n",
	    one->id + 6);
}

static void
put_trace(struct buf *out, const struct casefile *one)
{
	char when[40];

	buf_add_text(out, "<h3>What became of the case</h3>\n");
	begin_table(out, "What became of the case", "", "Time|Event|Detail");
	for (size_t i = 0; i < one->traces; i++) {
		cases_time(one->trace[i].time, when);
		buf_printf(out, "<tr><td>%s</td>", when);
		cell(out, one->trace[i].event, 80, false);
		cell(out, one->trace[i].with, 300, false);
		buf_add_text(out, "</tr>\n");
	}
	end_table(out);
}

#define IDS 400

void
page_annex(struct buf *out, const struct casefile *one)
{
	put_method(out);
	put_all(out, one);
	put_others(out, one);
	put_resting(out, one);
	put_coverage(out, one);
	put_infrastructure(out, one);
	put_sights(out, one);
	put_missing(out, one);
	put_trace(out, one);
	buf_printf(out, "<h3>Messages</h3>\n<p>%zu signed messages belong to the activity%s.</p>\n<p class=\"ids v\">",
	    one->messages, one->messages > IDS ? "; the first are" : "");
	for (size_t i = 0; i < one->messages && i < IDS; i++) {
		page_text(out, one->message[i], 80);
		buf_add_text(out, "<br>");
	}
	buf_add_text(out, "</p>\n");
}
