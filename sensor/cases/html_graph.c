/*
 * The graph of the infrastructure, as SVG.  Widths of labels are known: values stand in
 * a monospaced face, cut to their box; the whole value is in the table of the annex and in the label's title.
 */
#include "cases/html_own.h"

#include <stdio.h>
#include <stdlib.h>

#define BOX_HEIGHT 40
#define PITCH 48
#define MANY 60 /* lines, that hide each other */
#define SMALL_LETTER 6.4
#define LETTER 7.3 /* width of a monospaced character of 12 units, with some reserve */

static bool
is_value(const char *kind, const char *value, const char *what, const char *is)
{
	return value[0] != '\0' && strcmp(kind, what) == 0 && strcmp(value, is) == 0;
}

static const char *
kind_word(const char *kind)
{
	static const char *const word[][2] = {{"addr", "address"}, {"prefix", "network"}, {"as", "AS"},
	    {"domain", "domain name"}, {"url", "web address"}, {"registrable-domain", "zone"},
	    {"cert-sha256", "TLS certificate"}, {"key-sha256", "key"}, {"file-sha256", "file"}};

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (strcmp(word[i][0], kind) == 0)
			return word[i][1];
	}
	return "item";
}

struct drawing {
	const struct casefile *one;
	struct cases_place *place;
	unsigned rows[CASES_COLUMNS], most;
	double x[CASES_COLUMNS], width, gap;
	size_t left_out;
};

static double
y_of(const struct drawing *d, const struct cases_place *p)
{
	return 30 + (d->most - d->rows[p->column]) * PITCH / 2.0 + p->row * PITCH;
}

static const char *
line_class(const char *why)
{
	return strcmp(why, "resolved to") == 0 ? "e1"
	       : strcmp(why, "presented") == 0 ? "e2"
	       : strcmp(why, "hosted") == 0    ? "e3"
	       : strcmp(why, "steered") == 0   ? "e5"
					       : "e4";
}

/* A line over a column that follows from two others is left out. */
static bool
follows(const struct drawing *d, const struct case_edge *edge)
{
	unsigned a = d->place[edge->from].column, b = d->place[edge->to].column;

	if (a + 1 >= b && b + 1 >= a)
		return false;
	for (size_t i = 0; i < d->one->edges; i++) {
		const struct case_edge *first = &d->one->edge[i];

		if (first->from != edge->from || !d->place[first->to].drawn)
			continue;
		for (size_t k = 0; k < d->one->edges; k++) {
			if (d->one->edge[k].from == first->to && d->one->edge[k].to == edge->to)
				return true;
		}
	}
	return false;
}

static bool
is_drawn(const struct drawing *d, const struct case_edge *edge)
{
	return d->place[edge->from].drawn && d->place[edge->to].drawn && !follows(d, edge);
}

static void
put_edge(struct buf *out, const struct drawing *d, const struct case_edge *edge)
{
	const struct cases_place *from = &d->place[edge->from], *to = &d->place[edge->to], *swap;
	double x1, y1, x2, y2, bend = d->gap * 0.55, width = edge->weight < 2 ? 1.3 : edge->weight < 6 ? 2 : 2.8;

	if (!is_drawn(d, edge))
		return;
	if (from->column > to->column) {
		swap = from;
		from = to;
		to = swap;
	}
	y1 = y_of(d, from) + BOX_HEIGHT / 2.0;
	y2 = y_of(d, to) + BOX_HEIGHT / 2.0;
	x1 = d->x[from->column] + d->width;
	x2 = d->x[to->column];
	if (from->column == to->column) {
		x2 = x1;
		buf_printf(out,
		    "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" class=\"e %s\" stroke-width=\"%.1f\"><title>",
		    x1, y1, x1 + bend, y1, x2 + bend, y2, x2, y2, line_class(edge->why), width);
	} else {
		buf_printf(out,
		    "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" class=\"e %s\" stroke-width=\"%.1f\"><title>",
		    x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2, line_class(edge->why), width);
	}
	page_text(out, edge->why, 40);
	if (strcmp(edge->why, "steered") != 0)
		buf_printf(out, ", in %.0f entries", edge->weight);
	buf_add_text(out, "</title></path>\n");
}

/* In the networks of an organisation: rather a victim than a source. */
static bool
is_inside(const struct casefile *one, const struct case_node *node)
{
	for (size_t i = 0; i < one->hypotheses; i++) {
		const struct case_hypothesis *h = &one->hypothesis[i];

		for (size_t k = 0; k < h->parts; k++) {
			if (strcmp(h->part[k].why, "in the networks of an organisation") == 0 &&
			    is_value(node->kind, node->value, h->what, h->value))
				return true;
		}
	}
	return false;
}

static void
put_node(struct buf *out, const struct drawing *d, size_t at)
{
	const struct case_node *node = &d->one->node[at];
	const struct cases_place *p = &d->place[at];
	const struct case_hypothesis *lead = cases_leading(d->one);
	bool answer = is_value(node->kind, node->value, d->one->what, d->one->value);
	bool best = !answer && d->one->value[0] == '\0' && lead != NULL &&
		    is_value(node->kind, node->value, lead->what, lead->value);
	double x = d->x[p->column], y = y_of(d, p), room;

	buf_add_text(out, "<g><title>");
	page_text(out, node->value, 300);
	buf_add_text(out, node->seers > 0 ? " \u2014 seen by " : "");
	for (size_t i = 0; i < node->seers; i++) {
		buf_add_text(out, i > 0 ? ", " : "");
		page_text(out, node->seen_by[i], 60);
	}
	buf_printf(out, "</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"%d\" class=\"%s\"/>", x,
	    y, d->width, BOX_HEIGHT,
	    p->column == 1 ? 2 : p->column == 0 ? 14 : 7, answer ? "box answer" : best ? "box best" : "box");
	buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"kind\">%s%s", x + 11, y + 15,
	    answer ? "ANSWER \u00b7 "
	    : best ? "LEADING \u00b7 "
		   : "",
	    kind_word(node->kind));
	/* What still fits beside the kind. */
	room = (d->width - 22) / SMALL_LETTER -
	       (double)(strlen(kind_word(node->kind)) + (answer ? 9 : best ? 10 : 0) + 9);
	if (room >= 0)
		buf_printf(out, " \u00b7 %zu org.", node->seers);
	if (room >= (double)strlen(node->proof) + 3 && node->proof[0] != '\0') {
		buf_add_text(out, " \u00b7 ");
		page_text(out, node->proof, 12);
		room -= (double)strlen(node->proof) + 3;
	}
	/* Whose, a case does not say: a partner's, or our own. */
	if (is_inside(d->one, node) && room >= 22)
		buf_add_text(out, " \u00b7 organisation's host");
	buf_printf(out, "</text><text x=\"%.1f\" y=\"%.1f\" class=\"value\">", x + 11, y + 31);
	page_text(out, node->value, (size_t)((d->width - 22) / LETTER));
	buf_add_text(out, "</text></g>\n");
}

static void
put_heads(struct buf *out, const struct drawing *d)
{
	static const char *const head[CASES_COLUMNS] = {"Names", "Addresses", "Certificates, keys", "Files"};

	for (unsigned c = 0; c < CASES_COLUMNS; c++) {
		if (d->rows[c] > 0)
			buf_printf(out, "<text x=\"%.1f\" y=\"16\" class=\"head\">%s</text>", d->x[c], head[c]);
	}
}

/* Of the kinds of lines that are drawn. */
static void
put_key(struct buf *out, const struct drawing *d)
{
	static const char *const why[] = {
	    "name resolved to address", "showed this certificate or key", "gave out this file", "in one connection",
	    "reached this host from outside"};
	bool drawn[5] = {false, false, false, false, false};

	for (size_t e = 0; e < d->one->edges; e++) {
		const struct case_edge *edge = &d->one->edge[e];

		if (is_drawn(d, edge))
			drawn[line_class(edge->why)[1] - '1'] = true;
	}
	buf_add_text(out, "<div class=\"legend\">");
	for (unsigned i = 0; i < 5; i++) {
		if (drawn[i])
			buf_printf(out,
			    "<span><svg width=\"42\" height=\"8\" aria-hidden=\"true\"><path d=\"M1 4h40\" class=\"e e%u\" "
			    "stroke-width=\"2\"/></svg>%s</span>",
			    i + 1, why[i]);
	}
	buf_add_text(out, "</div>\n");
}

void
page_graph(struct buf *out, const struct casefile *one)
{
	struct drawing d = {.one = one, .place = calloc(one->nodes + 1, sizeof(*d.place))};
	unsigned columns = 0, at = 0, height;

	if (one->nodes == 0)
		buf_add_text(out, "<p>The document lists no infrastructure.</p>\n");
	else if (d.place == NULL || !cases_layout(one, d.place, d.rows, &d.left_out))
		out->full = true;
	if (one->nodes == 0 || out->full) {
		free(d.place);
		return;
	}
	for (unsigned c = 0; c < CASES_COLUMNS; c++) {
		columns += d.rows[c] > 0;
		d.most = d.rows[c] > d.most ? d.rows[c] : d.most;
	}
	d.gap = columns > 3 ? 48 : columns > 2 ? 80 : 140;
	d.width = (PAGE_WIDTH - 6 - d.gap * (columns - 1)) / columns;
	if (d.width > 400)
		d.width = 400;
	for (unsigned c = 0; c < CASES_COLUMNS; c++) {
		d.x[c] = 3 + at * (d.width + d.gap);
		at += d.rows[c] > 0;
	}
	height = 30 + d.most * PITCH;
	page_scroll(out, "Infrastructure");
	buf_printf(out,
	    "<svg class=\"picture\" id=\"graph\" viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"Infrastructure and "
	    "how it hangs together; the annex has the same as tables\">\n",
	    PAGE_WIDTH, height);
	put_heads(out, &d);
	buf_printf(out, "<g%s>", one->edges > MANY ? " class=\"many\"" : "");
	for (size_t e = 0; e < one->edges; e++)
		put_edge(out, &d, &one->edge[e]);
	buf_add_text(out, "</g>");
	for (size_t i = 0; i < one->nodes; i++) {
		if (d.place[i].drawn)
			put_node(out, &d, i);
	}
	buf_add_text(out, "</svg></div>\n");
	put_key(out, &d);
	if (d.left_out > 0)
		buf_printf(out,
		    "<p class=\"note\">%zu more, which fewer organisations saw, are in the table of the annex.</p>\n",
		    d.left_out);
	free(d.place);
}
