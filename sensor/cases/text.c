/* A case for the terminal: a line of the list, and the whole. */
#include "cases/cases.h"

#include <stdio.h>

#include "record/record.h"

static void
theirs(struct buf *out, const char *text, size_t most)
{
	cases_clean(out, text, most);
}

/* Padded to a width, in characters. */
static void
column(struct buf *out, const char *text, size_t width)
{
	size_t start = out->size, count = 0;

	cases_clean(out, text, width);
	for (size_t i = start; i < out->size; i++)
		count += (out->p[i] & 0xc0) != 0x80;
	while (count++ < width)
		buf_add_u8(out, ' ');
	buf_add_u8(out, ' ');
}

void
cases_row(struct buf *out, const struct casefile *one)
{
	char last[40];

	cases_time(one->last, last);
	buf_printf(out, "%.8s ", one->id + 6);
	column(out, one->state, 12);
	buf_printf(out, "%.16s %4zu %5zu ", last, one->organisations, one->messages);
	if (strcmp(one->verdict, "source") == 0) {
		column(out, one->what, 11);
		column(out, one->value, 40);
		buf_printf(out, "%5.1f %%", one->confidence * 100);
	} else {
		column(out, "cannot say", 11);
		column(out, one->leaning[0] != '\0' ? one->leaning : "", 40);
		buf_add_text(out, "       ");
	}
	buf_add_text(out, one->exercise ? " [drill] " : " ");
	cases_clean(out, one->publisher, 40);
	buf_add_u8(out, '\n');
}

static void
put_list(const struct cases_words *w, const struct casefile *one,
    bool (*sentence)(const struct cases_words *, const struct casefile *, size_t))
{
	for (size_t i = 0; i < CASES_MISSING + CASES_SPANS; i++) {
		size_t start = w->out->size;

		buf_printf(w->out, "  %2zu  ", i + 1);
		if (!sentence(w, one, i)) {
			w->out->size = start;
			return;
		}
		buf_add_u8(w->out, '\n');
	}
}

void
cases_text(struct buf *out, const struct casefile *one)
{
	struct cases_words w = {out, buf_add_text, theirs};
	bool source = strcmp(one->verdict, "source") == 0;
	const struct case_hypothesis *list[CASES_HYPOTHESES];
	char when[40];

	buf_printf(out, "%s  TLP:%s  ", one->id, record_tlp_text(cases_marking(one)));
	cases_clean(out, one->state, 20);
	buf_add_text(out, one->exercise ? "  EXERCISE\n" : "\n");
	if (one->publisher[0] != '\0') {
		cases_time(one->made, when);
		buf_add_text(out, "published by ");
		cases_clean(out, one->publisher, 80);
		buf_printf(out, ", %s\n", when);
	}
	buf_add_u8(out, '\n');
	cases_say_answer(&w, one);
	buf_add_text(out, "\n\n");
	cases_say_seen(&w, one);
	buf_add_text(out, "\n\nexplanations\n");
	cases_sorted(one, list);
	for (size_t i = 0; i < one->hypotheses; i++) {
		buf_printf(out, "  %6.2f %%  ", list[i]->probability * 100);
		cases_say_hypothesis(&w, list[i]);
		buf_add_u8(out, '\n');
	}
	buf_add_text(out, source ? "\nwhat speaks against it\n" : "\nwhy nobody can say\n");
	put_list(&w, one, cases_say_against);
	if (one->missings > 0)
		buf_printf(out, "\nwhat would change it (to send question N: concert cases ask %.8s N)\n", one->id + 6);
	put_list(&w, one, cases_say_question);
	if (one->opinions > 0)
		buf_add_text(out, "\nopinions\n");
	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *o = &one->opinion[i];

		cases_time(o->time, when);
		buf_printf(out, "  %s  ", when);
		column(out, o->organisation, 24);
		column(out, o->opinion, 9);
		cases_clean(out, o->text, 2000);
		buf_add_text(out, cases_opinion_newest(one, i) ? "\n" : " (earlier)\n");
	}
	buf_add_text(out, "\nwhat became of it\n");
	for (size_t i = 0; i < one->traces; i++) {
		cases_time(one->trace[i].time, when);
		buf_printf(out, "  %s  ", when);
		cases_clean(out, one->trace[i].event, 80);
		buf_add_text(out, one->trace[i].with[0] != '\0' ? "  " : "");
		cases_clean(out, one->trace[i].with, 200);
		buf_add_u8(out, '\n');
	}
}
