/* A case for the terminal: a line of the list, and the whole. */
#include "cases/cases.h"

#include <stdio.h>

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

/* A line each, of at most so many characters: what is longer goes on below, under its own beginning. */
#define WIDTH 79

static void
fold(struct buf *out, const struct buf *text, size_t indent)
{
	const uint8_t *p = text->p, *end = p + text->size;
	size_t column = 0;
	bool first = true;

	out->full = out->full || text->full;
	while (p < end) {
		const uint8_t *word = p;
		size_t size = 0;

		while (p < end && *p != ' ')
			size += (*p++ & 0xc0) != 0x80;
		if (!first && column > indent && column + 1 + size > WIDTH) {
			buf_add_u8(out, '\n');
			for (column = 0; column < indent; column++)
				buf_add_u8(out, ' ');
		} else if (!first) {
			buf_add_u8(out, ' ');
			column++;
		}
		buf_add(out, word, (size_t)(p - word));
		column += size;
		first = false;
		p += p < end; /* the space */
	}
	buf_add_u8(out, '\n');
}

static void
put_sentence(
    struct buf *out, const struct casefile *one, void (*say)(const struct cases_words *, const struct casefile *))
{
	struct buf text;
	struct cases_words w = {&text, buf_add_text, theirs};

	buf_open(&text, 1u << 20);
	say(&w, one);
	if (text.size > 0)
		fold(out, &text, 0);
	buf_close_part(&text, out);
}

static void
say_over(const struct cases_words *w, const struct casefile *one)
{
	(void)cases_say_over(w, one);
}

static void
put_publisher(struct buf *out, const struct casefile *one, size_t most)
{
	cases_clean(out, one->publisher, most);
	buf_add_text(out, one->untrusted ? CASES_UNTRUSTED : "");
}

/* "source" and what; "cannot say" and what it leans to. */
static void
put_answer(struct buf *out, const struct casefile *one, size_t width)
{
	struct buf text;

	buf_open(&text, 1u << 16);
	if (strcmp(one->verdict, "source") == 0) {
		buf_add_text(&text, one->what);
		buf_add_u8(&text, ' ');
		buf_add_text(&text, one->value);
	} else {
		buf_add_text(&text, "cannot say");
		if (one->leaning[0] != '\0' && strcmp(one->leaning, "cannot say") != 0) {
			buf_add_text(&text, ": ");
			buf_add_text(&text, one->leaning);
		}
	}
	buf_add_u8(&text, '\0');
	column(out, text.full ? "" : (const char *)text.p, width);
	buf_close_part(&text, out);
}

void
cases_row(struct buf *out, const struct casefile *one)
{
	char last[40], text[24];
	uint64_t from, until;

	cases_seen_span(one, &from, &until);
	cases_time(until, last);
	buf_printf(out, "%.8s ", one->id + 6);
	column(out, one->state, 12);
	buf_printf(out, "%.16s %3zu ", last, cases_seers(one));
	buf_printf(out, "%8s ",
	    strcmp(one->verdict, "source") == 0 ? cases_per_cent(one->confidence, 1, text) : "");
	put_answer(out, one, 23);
	if (one->exercise)
		buf_add_text(out, "[drill] ");
	if (one->publisher[0] != '\0')
		put_publisher(out, one, 40);
	else
		buf_add_text(out, one->stale  ? "ours, changed since it was published"
				  : one->sent ? "ours, published"
					      : "ours");
	buf_add_u8(out, '\n');
}

static void
put_list(struct buf *out, const struct casefile *one, const char *mark,
    bool (*sentence)(const struct cases_words *, const struct casefile *, size_t))
{
	struct buf text;
	struct cases_words w = {&text, buf_add_text, theirs};

	buf_open(&text, 1u << 20);
	for (size_t i = 0; i < CASES_MISSING + CASES_SPANS; i++) {
		buf_clear(&text);
		buf_add_text(&text, mark);
		if (!sentence(&w, one, i))
			break;
		fold(out, &text, strlen(mark));
	}
	buf_close_part(&text, out);
}

static void
put_explanations(struct buf *out, const struct casefile *one)
{
	const struct case_hypothesis *list[CASES_HYPOTHESES];
	struct buf text;
	struct cases_words w = {&text, buf_add_text, theirs};
	char p[24];

	buf_open(&text, 1u << 16);
	cases_sorted(one, list);
	for (size_t i = 0; i < one->hypotheses; i++) {
		buf_clear(&text);
		buf_printf(&text, "  %9s  ", cases_per_cent(list[i]->probability, 2, p));
		cases_say_hypothesis(&w, list[i]);
		fold(out, &text, 13);
	}
	buf_close_part(&text, out);
}

static void
put_opinions(struct buf *out, const struct casefile *one)
{
	struct buf text;
	char when[40];

	if (one->opinions == 0)
		return;
	buf_open(&text, 1u << 20);
	buf_add_text(out, "\nopinions\n");
	for (size_t i = 0; i < one->opinions; i++) {
		const struct case_opinion *o = &one->opinion[i];

		buf_clear(&text);
		cases_time(o->time, when);
		buf_printf(&text, "  %s  ", when);
		cases_clean(&text, o->organisation, 80);
		buf_add_text(&text, ": ");
		cases_clean(&text, o->opinion, 20);
		buf_add_text(&text, cases_opinion_newest(one, i) ? "" : " (earlier)");
		buf_add_text(&text, o->text[0] != '\0' ? ": " : "");
		cases_clean(&text, o->text, 2000);
		fold(out, &text, 24);
	}
	buf_close_part(&text, out);
}

static void
put_head(struct buf *out, const struct casefile *one)
{
	char when[40];

	buf_printf(out, "%s  ", one->id);
	cases_say_marking(&(struct cases_words){out, buf_add_text, theirs}, one);
	buf_add_text(out, "  ");
	cases_clean(out, one->state, 20);
	buf_add_text(out, one->exercise ? "  EXERCISE\n" : "\n");
	if (one->publisher[0] != '\0') {
		cases_time(one->made, when);
		buf_add_text(out, "published by ");
		put_publisher(out, one, 80);
		buf_printf(out, ", %s\n", when);
	}
	buf_add_u8(out, '\n');
}

static void
put_trace(struct buf *out, const struct casefile *one)
{
	struct buf text;
	char when[40];

	buf_open(&text, 1u << 16);
	buf_add_text(out, "\nwhat became of it\n");
	for (size_t i = 0; i < one->traces; i++) {
		buf_clear(&text);
		cases_time(one->trace[i].time, when);
		buf_printf(&text, "  %s  ", when);
		cases_clean(&text, one->trace[i].event, 80);
		buf_add_text(&text, one->trace[i].with[0] != '\0' ? ": " : "");
		cases_clean(&text, one->trace[i].with, 200);
		fold(out, &text, 24);
	}
	buf_close_part(&text, out);
}

void
cases_text(struct buf *out, const struct casefile *one)
{
	put_head(out, one);
	put_sentence(out, one, say_over);
	put_sentence(out, one, cases_say_answer);
	buf_add_u8(out, '\n');
	put_sentence(out, one, cases_say_seen);
	if (one->notices > 0)
		buf_add_u8(out, '\n');
	put_list(out, one, "", cases_say_notice);
	buf_add_text(out, "\nexplanations\n");
	put_explanations(out, one);
	buf_printf(
	    out, "\n%s\n", strcmp(one->verdict, "source") == 0 ? "what speaks against it" : "why nobody can say");
	put_list(out, one, "  - ", cases_say_against);
	if (one->missings > 0)
		buf_printf(out, "\nwhat would change it (to send question N: concert cases ask %.8s N)\n", one->id + 6);
	put_list(out, one, "  ", cases_say_questions);
	put_opinions(out, one);
	put_trace(out, one);
}
