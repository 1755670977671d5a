/*
 * The time line: a lane for each organisation, a mark for each entry, with what its clock may be off as whiskers. Times
 * in which an organisation says that it looked are white, all others hatched: 'not seen' means something only on white.
 */
#include "cases/html_own.h"

#include <stdio.h>
#include <stdlib.h>

#define LEFT 176
#define RIGHT (PAGE_WIDTH - 16)
#define ROW 17
#define ROWS 8
#define TOP 46
#define LABEL 17      /* characters of an organisation's name on a line */
#define NAME 128      /* and in all: the trust file has shorter ones only */
#define LINES (NAME / (LABEL / 2 + 1) + 1)
#define LINE 15
#define TALLEST 1100  /* of one picture: a sheet's height at its width */

struct scale {
	uint64_t from, until;
};

struct mark {
	const struct case_sight *sight;
	unsigned row;
};

struct lane {
	const char *organisation;
	struct mark *mark;
	size_t count;
	unsigned rows, lines, y, height;
};

static double
x_of(const struct scale *s, double ns)
{
	double part = (ns - (double)s->from) / (double)(s->until - s->from);

	return LEFT + (part < 0 ? 0 : part > 1 ? 1 : part) * (RIGHT - LEFT);
}

static uint64_t
before(uint64_t time, uint64_t span)
{
	return time > span ? time - span : 0;
}

static uint64_t
after(uint64_t time, uint64_t span)
{
	return span < UINT64_MAX - time ? time + span : UINT64_MAX;
}

static bool
scale_of(const struct casefile *one, struct scale *ret_scale)
{
	uint64_t from = UINT64_MAX, until = 0, room;

	for (size_t i = 0; i < one->sights; i++) {
		const struct case_sight *s = &one->sight[i];
		uint64_t error = s->error > 0 ? (uint64_t)((s->error < 86400 ? s->error : 86400) * 1e9) : 0;

		if (s->from == 0)
			continue;
		from = before(s->from, error) < from ? before(s->from, error) : from;
		until = after(s->until, error) > until ? after(s->until, error) : until;
	}
	if (from > until)
		return false;
	room = (until - from) / 25 > NS_PER_S ? (until - from) / 25 : NS_PER_S;
	*ret_scale = (struct scale){before(from, room), after(until, room)};
	return true;
}

/* ---- the axis ---- */

static uint64_t
step_of(const struct scale *s)
{
	static const uint64_t step[] = {1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200,
	    86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000};
	size_t i = 0;

	while (i + 1 < sizeof(step) / sizeof(step[0]) && (s->until - s->from) / (step[i] * NS_PER_S) > 9)
		i++;
	return step[i] * NS_PER_S;
}

static void
put_axis(struct buf *out, const struct scale *s, unsigned bottom)
{
	uint64_t step = step_of(s), at = (s->from + step - 1) / step * step;
	bool narrow = (double)step / (double)(s->until - s->from) * (RIGHT - LEFT) < 100;
	char text[40], day[11] = "";

	for (unsigned n = 0; at <= s->until && n < 40; at += step, n++) {
		double x = x_of(s, (double)at);
		bool fits = x > LEFT + 8 && x < RIGHT - 24;

		time_rfc3339_text(at, text);
		buf_printf(
		    out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%u\" class=\"grid\"/>", x, TOP - 6, x, bottom);
		if (!fits)
			continue;
		/* The day above, when it is another; the time of day below it. */
		if (memcmp(day, text, 10) != 0) {
			/* Where days stand close, the year is said once. */
			bool whole = !narrow || memcmp(day, text, 4) != 0;

			memcpy(day, text, 10);
			buf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" class=\"day\">%s</text>", x,
			    TOP - 28, whole ? day : day + 5);
		}
		if (step < 86400 * NS_PER_S)
			buf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" class=\"tick\">%.*s</text>",
			    x, TOP - 12, step < 60 * NS_PER_S ? 8 : 5, text + 11);
	}
}

/* ---- lanes ---- */

static int
by_time(const void *a, const void *b)
{
	const struct case_sight *x = ((const struct mark *)a)->sight, *y = ((const struct mark *)b)->sight;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->until != y->until)
		return x->until < y->until ? -1 : 1;
	return strcmp(x->message, y->message);
}

static void
ends_of(const struct scale *s, const struct case_sight *sight, double ret_x[4])
{
	double error = sight->error > 0 ? sight->error * 1e9 : 0;

	ret_x[0] = x_of(s, (double)sight->from - error);
	ret_x[1] = x_of(s, (double)sight->from);
	ret_x[2] = x_of(s, (double)sight->until);
	ret_x[3] = x_of(s, (double)sight->until + error);
	if (sight->error < 0) {
		ret_x[0] -= 14;
		ret_x[3] += 14;
	}
}

/* The first row that is free there; what fits into none of them stands over others in the last. */
static void
seat_marks(const struct scale *s, struct lane *lane)
{
	double end[ROWS];

	for (unsigned r = 0; r < ROWS; r++)
		end[r] = -1;
	for (size_t i = 0; i < lane->count; i++) {
		double x[4];
		unsigned r = 0;

		ends_of(s, lane->mark[i].sight, x);
		while (r < ROWS - 1 && end[r] > x[0] - 9)
			r++;
		end[r] = x[3] + 9;
		lane->mark[i].row = r;
		if (r + 1 > lane->rows)
			lane->rows = r + 1;
	}
}

static void
put_mark(struct buf *out, const struct scale *s, const struct lane *lane, const struct mark *mark)
{
	const struct case_sight *sight = mark->sight;
	double y = lane->y + 12 + mark->row * ROW + ROW / 2.0, x[4];
	char from[40], until[40];

	ends_of(s, sight, x);
	cases_time(sight->from, from);
	cases_time(sight->until, until);
	buf_add_text(out, "<g><title>");
	page_text(out, sight->item, 200);
	buf_printf(out, " \u2014 %s to %s%s", from, until, sight->positive ? "" : ", looked for and not seen");
	buf_add_text(out, sight->echo ? ", repeats another's report" : "");
	if (sight->error >= 0)
		buf_printf(out, ", clock within %g s", sight->error);
	buf_add_text(out, "</title>");
	/* whiskers */
	buf_printf(out, "<path d=\"M%.1f %.1fH%.1f\" class=\"%s\"/>", x[0], y, x[3], sight->error < 0 ? "wq" : "w");
	if (sight->error >= 0)
		buf_printf(out, "<path d=\"M%.1f %.1fv8M%.1f %.1fv8\" class=\"w\"/>", x[0], y - 4, x[3], y - 4);
	if (!sight->positive)
		buf_printf(out,
		    "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"9\" class=\"neg\"/>"
		    "<path d=\"M%.1f %.1fl7 7m0 -7l-7 7\" class=\"x\"/>",
		    x[1], y - 4.5, x[2] - x[1] < 9 ? 9 : x[2] - x[1],
		    x[1] + (x[2] - x[1] < 9 ? 1 : (x[2] - x[1]) / 2 - 3.5), y - 3.5);
	else if (sight->echo)
		buf_printf(out, "<path d=\"M%.1f %.1fl5.5 5.5l-5.5 5.5l-5.5 -5.5z\" class=\"echo\"/>", x[1], y - 5.5);
	else
		buf_printf(out,
		    "<path d=\"M%.1f %.1fH%.1f\" class=\"span\"/><circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" "
		    "class=\"dot\"/>",
		    x[1], y, x[2] > x[1] ? x[2] : x[1], x[1], y);
	buf_add_text(out, "</g>\n");
}

/*
 * A long name stands on several lines, parted behind a point, a dash or a space where there is one: names of one family
 * differ anywhere.  Cleaned, into ret_name; where each line ends in it.
 */
static unsigned
part_name(const char *organisation, struct buf *ret_name, size_t ret_end[LINES])
{
	unsigned lines = 0;

	cases_clean(ret_name, organisation, NAME);
	for (size_t at = 0; at < ret_name->size && lines < LINES; lines++) {
		size_t end = at, good = 0;

		for (size_t count = 0; end < ret_name->size && (count < LABEL || (ret_name->p[end] & 0xc0) == 0x80);
		     end++) {
			count += (ret_name->p[end] & 0xc0) != 0x80;
			if (count > LABEL / 2 && memchr(".- ", ret_name->p[end], 3) != NULL)
				good = end + 1;
		}
		at = ret_end[lines] = end == ret_name->size || good == 0 ? end : good;
	}
	return lines;
}

static unsigned
lines_of(struct buf *out, const char *organisation)
{
	struct buf name;
	size_t end[LINES];
	unsigned lines;

	buf_open(&name, 4096);
	lines = part_name(organisation, &name, end);
	buf_close_part(&name, out);
	return lines;
}

static void
put_who(struct buf *out, const struct lane *lane, unsigned y)
{
	struct buf name;
	size_t end[LINES], at = 0;
	unsigned lines;

	buf_open(&name, 4096);
	lines = part_name(lane->organisation, &name, end);
	buf_printf(out, "<g><title>");
	page_text(out, lane->organisation, 300);
	buf_printf(out, "</title><text x=\"%d\" y=\"%u\" text-anchor=\"end\" class=\"who\">", LEFT - 12, y);
	for (unsigned i = 0; i < lines; at = end[i++]) {
		char line[4 * (LABEL + 2)];

		snprintf(line, sizeof(line), "%.*s", (int)(end[i] - at), (const char *)name.p + at);
		if (i > 0)
			buf_printf(out, "<tspan x=\"%d\" dy=\"%d\">", LEFT - 12, LINE);
		page_text(out, line, SIZE_MAX);
		buf_add_text(out, i > 0 ? "</tspan>" : "");
	}
	buf_add_text(out, "</text></g>");
	buf_close_part(&name, out);
}

static void
put_label(struct buf *out, const struct lane *lane, const char *note)
{
	unsigned middle = lane->y + lane->height / 2, more = lane->lines > 1 ? (LINE * (lane->lines - 1) + 1) / 2 : 0;

	put_who(out, lane, middle - 1 - more);
	buf_printf(out, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\" class=\"tick\">%s</text>\n", LEFT - 12,
	    middle + 13 + more, note);
}

static void
put_coverage(struct buf *out, const struct scale *s, const struct casefile *one, const struct lane *lane)
{
	double lost = 0, error = 0;
	bool any = false, unknown = false;
	char note[80];

	buf_printf(out, "<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" fill=\"url(#gap)\"/>", LEFT, lane->y,
	    RIGHT - LEFT, lane->height);
	for (size_t i = 0; i < one->spans; i++) {
		const struct case_span *span = &one->span[i];
		double a, b;

		if (strcmp(span->organisation, lane->organisation) != 0)
			continue;
		any = true;
		unknown = unknown || span->clock_error < 0;
		error = span->clock_error > error ? span->clock_error : error;
		lost = span->lost > lost ? span->lost : lost;
		a = x_of(s, (double)span->from);
		b = x_of(s, (double)span->until);
		if (b > a)
			buf_printf(out, "<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%u\" class=\"ground\"/>", a,
			    lane->y, b - a, lane->height);
	}
	if (!any)
		snprintf(note, sizeof(note), "coverage not said");
	else if (unknown)
		snprintf(note, sizeof(note), "lost %.1f %%, clock unknown", lost * 100);
	else if (error < 120)
		snprintf(note, sizeof(note), "lost %.1f %%, clock \u00b1%.4g s", lost * 100, error);
	else if (error < 7200)
		snprintf(note, sizeof(note), "lost %.1f %%, clock \u00b1%.3g min", lost * 100, error / 60);
	else
		snprintf(note, sizeof(note), "lost %.1f %%, clock \u00b1%.3g h", lost * 100, error / 3600);
	put_label(out, lane, note);
}

static size_t
make_lanes(struct buf *out, const struct casefile *one, const struct scale *s, struct lane *lane, struct mark *mark)
{
	size_t lanes = 0;

	for (size_t i = 0; i < one->sights; i++) {
		size_t l = 0;

		while (l < lanes && strcmp(lane[l].organisation, one->sight[i].organisation) != 0)
			l++;
		if (l == lanes && lanes < CASES_ORGANISATIONS)
			lane[lanes++] = (struct lane){.organisation = one->sight[i].organisation};
	}
	for (size_t l = 0; l < lanes; l++) {
		lane[l].mark = mark;
		for (size_t i = 0; i < one->sights; i++) {
			if (one->sight[i].from != 0 && strcmp(lane[l].organisation, one->sight[i].organisation) == 0)
				lane[l].mark[lane[l].count++] = (struct mark){&one->sight[i], 0};
		}
		mark += lane[l].count;
		if (lane[l].count > 0)
			qsort(lane[l].mark, lane[l].count, sizeof(*mark), by_time);
		seat_marks(s, &lane[l]);
		lane[l].lines = lines_of(out, lane[l].organisation);
		lane[l].height = 24 + (lane[l].rows > 1 ? lane[l].rows : 1) * ROW;
		if (lane[l].lines > 1 && lane[l].height < 24 + lane[l].lines * LINE)
			lane[l].height = 24 + lane[l].lines * LINE;
	}
	return lanes;
}

static void
put_legend(struct buf *out)
{
	static const struct {
		const char *size, *drawing, *words;
	} key[] = {
	    {"width=\"30\" height=\"12\"",
		"<circle cx=\"6\" cy=\"6\" r=\"4.5\" class=\"dot\"/><path d=\"M6 6h22\" class=\"span\"/>",
		"seen, from first to last"},
	    {"width=\"30\" height=\"12\"", "<path d=\"M1 6h28m-28 -4v8m28 -8v8\" class=\"w\"/>",
		"what the clock may be off"},
	    {"width=\"30\" height=\"12\"", "<path d=\"M1 6h28\" class=\"wq\"/>", "unknown clock"},
	    {"width=\"13\" height=\"13\"", "<path d=\"M6.5 1l5.5 5.5l-5.5 5.5l-5.5 -5.5z\" class=\"echo\"/>",
		"repeats another"},
	    {"width=\"11\" height=\"11\"",
		"<rect x=\"1\" y=\"1\" width=\"9\" height=\"9\" class=\"neg\"/><path d=\"M2 2l7 7m0 -7l-7 7\" "
		"class=\"x\"/>",
		"not seen (where it is hatched: not looked)"},
	    {"width=\"24\" height=\"13\"",
		"<rect x=\"1\" y=\"1\" width=\"22\" height=\"11\" fill=\"url(#gap)\" class=\"key\"/>",
		"did not look, or did not say so"},
	};

	buf_add_text(out, "<div class=\"legend\">");
	for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++)
		buf_printf(out, "<span><svg %s aria-hidden=\"true\">%s</svg>%s</span>", key[i].size, key[i].drawing,
		    key[i].words);
	buf_add_text(out, "</div>\n");
}

/* Of these lanes as many as fit on a sheet; how many. */
static size_t
put_picture(struct buf *out, const struct scale *scale, const struct casefile *one, struct lane *lane, size_t lanes,
    bool first)
{
	unsigned y = TOP;
	size_t count = 0;

	while (count < lanes && (count == 0 || y + lane[count].height < TALLEST)) {
		lane[count].y = y;
		y += lane[count++].height + 4;
	}
	page_scroll(out, "Time line");
	buf_printf(out,
	    "<svg class=\"picture\"%s viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"Time line by organisation; the "
	    "annex has the same as a table, All sightings\">\n",
	    first ? " id=\"timeline\"" : "", PAGE_WIDTH, y);
	if (first)
		buf_add_text(out, "<defs><pattern id=\"gap\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
				  "patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" class=\"gap\"/>"
				  "<path d=\"M0 0v7\" class=\"gaps\"/></pattern></defs>\n");
	for (size_t l = 0; l < count; l++)
		put_coverage(out, scale, one, &lane[l]);
	put_axis(out, scale, y - 4);
	for (size_t l = 0; l < count; l++) {
		buf_printf(out, "<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" class=\"lane\"/>\n", LEFT,
		    lane[l].y, RIGHT - LEFT, lane[l].height);
		for (size_t i = 0; i < lane[l].count; i++)
			put_mark(out, scale, &lane[l], &lane[l].mark[i]);
	}
	buf_add_text(out, "</svg></div>\n");
	return count;
}

void
page_timeline(struct buf *out, const struct casefile *one)
{
	struct lane *lane = calloc(CASES_ORGANISATIONS, sizeof(*lane));
	struct mark *mark = calloc(one->sights + 1, sizeof(*mark));
	struct scale scale;

	if (lane == NULL || mark == NULL) {
		out->full = true;
	} else if (!scale_of(one, &scale)) {
		buf_add_text(out, "<p>The document holds no time line.</p>\n");
	} else {
		size_t lanes = make_lanes(out, one, &scale, lane, mark);

		for (size_t at = 0; at < lanes;)
			at += put_picture(out, &scale, one, lane + at, lanes - at, at == 0);
		put_legend(out);
	}
	free(lane);
	free(mark);
}
