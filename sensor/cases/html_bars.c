/*
 * How probable each explanation is, as bars: words as text of the page, so that they are as large on a telephone as on
 * paper; of the bars only the width is drawn.
 */
#include "cases/html_own.h"

#include <stdio.h>

static void
put_bar(struct buf *out, const struct case_hypothesis *h)
{
	bool source = strcmp(h->kind, "source") == 0;
	char text[24];
	struct cases_words w = page_words(out);

	buf_add_text(out, "<li><div>");
	if (source) {
		buf_add_text(out, "It comes from ");
		cases_say_kind(&w, h->what);
		buf_add_text(out, " <span class=\"v\">");
		page_text(out, h->value, 70);
		buf_add_text(out, "</span>");
	} else {
		buf_add_text(out, strcmp(h->kind, "cannot say") == 0 ? "Nobody can say: " : "Rival: ");
		cases_say_hypothesis(&w, h);
	}
	buf_add_text(out, "</div><div class=\"line\"><svg height=\"17\" aria-hidden=\"true\">"
			  "<rect x=\"0\" y=\"1\" width=\"100%\" height=\"15\" class=\"rail\"/>");
	if (h->probability >= 0.0005)
		buf_printf(out, "<rect x=\"0\" y=\"1\" width=\"%.2f%%\" height=\"15\" class=\"%s\"/>",
		    h->probability * 100, source ? "bar" : "bar rival");
	buf_add_text(out, "</svg><span>");
	page_text(out, cases_per_cent(h->probability, 2, text), 24);
	buf_add_text(out, "</span></div></li>\n");
}

void
page_bars(struct buf *out, const struct casefile *one)
{
	const struct case_hypothesis *list[CASES_HYPOTHESES];

	if (one->hypotheses == 0) {
		buf_add_text(out, "<p>The document lists no hypotheses.</p>\n");
		return;
	}
	cases_sorted(one, list);
	buf_add_text(out, "<svg width=\"0\" height=\"0\" class=\"defs\" aria-hidden=\"true\"><defs>"
			  "<pattern id=\"rival\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
			  "<rect width=\"6\" height=\"6\" class=\"ground\"/><path d=\"M0 0v6\" class=\"hatch\"/>"
			  "</pattern></defs></svg><ol id=\"bars\">\n");
	for (size_t i = 0; i < one->hypotheses; i++)
		put_bar(out, list[i]);
	buf_add_text(out, "</ol>\n<p class=\"note\">They add up to 100 %: one of them is so, as far as they were "
			  "thought of.</p>\n");
}

void
page_meter(struct buf *out, const struct casefile *one)
{
	const struct case_hypothesis *lead = cases_leading(one);
	bool source = strcmp(one->verdict, "source") == 0;
	double p = source ? one->confidence : lead != NULL ? lead->probability : 0;
	char text[24];

	buf_printf(out, "<svg class=\"meter\" height=\"26\" role=\"img\" aria-label=\"%s: ",
	    source ? "probability of the answer" : "probability of the best candidate");
	page_text(out, cases_per_cent(p, 1, text), 24);
	buf_printf(out,
	    "\"><rect x=\"0\" y=\"4\" width=\"100%%\" height=\"18\" class=\"rail\"/>"
	    "<rect x=\"0\" y=\"4\" width=\"%.2f%%\" height=\"18\" class=\"%s\"/>",
	    p * 100, source ? "bar" : "bar open");
	buf_add_text(out, "<line x1=\"50%\" x2=\"50%\" y1=\"0\" y2=\"26\" class=\"half\"/></svg>"
			  "<div class=\"scale\" aria-hidden=\"true\"><span>0</span><span>50&nbsp;%: from here on a source is "
			  "named</span><span>100&nbsp;%</span></div>\n");
}
