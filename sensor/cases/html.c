/*
 * A case as one HTML page: no script, nothing from elsewhere (its own policy forbids both), readable at 1280 pixels and
 * on A4.  The first page is for whoever decides; pictures and tables for whoever checks follow.
 *
 * All that is not ours goes through page_text(): cleaned, cut, and & < > " ' escaped, in text and attributes alike.
 */
#include "cases/html_own.h"

#include <stdio.h>

/* By day, by night (never on paper): all text and marks stand out from what is behind them by 4.5 and 3 (WCAG AA). */
#define DAY                                                                                                            \
	"--ink:#1b1f24;--soft:#57606a;--blue:#00568f;--orange:#c75300;--ground:#fff;--panel:#f2f6fa;--plain:#f5f6f7;"  \
	"--line:#d0d7de;--mid:#8c959f;--rail:#eef1f4;--warm:#fff4ea;--edge:#6e7781;--gap:#f3f4f6;--hatch:#aeb6bf"
#define NIGHT                                                                                                          \
	"--ink:#e6edf3;--soft:#a9b3bd;--blue:#58a6e8;--orange:#f0883e;--ground:#0d1117;--panel:#16202c;"               \
	"--plain:#171c23;--line:#30363d;--mid:#7d8590;--rail:#21262d;--warm:#2d1e10;--edge:#8b949e;--gap:#1c222a;"     \
	"--hatch:#565e68"

static const char style[] =
    ":root{color-scheme:light;" DAY "}@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;" NIGHT "}}"
    "*{box-sizing:border-box}body{margin:0;background:" GROUND ";color:" INK ";"
    "font:15px/1.5 system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}"
    "main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}"
    "h1{font-size:28px;line-height:1.2;margin:.2em 0}"
    "h2{font-size:20px;margin:2.2em 0 .5em;border-bottom:1px solid var(--line);padding-bottom:.25em}"
    "h3{font-size:16px;margin:1.6em 0 .4em}p,ul{margin:.4em 0 .8em}li{margin:.25em 0}"
    ".top{display:flex;gap:4px 14px;flex-wrap:wrap;align-items:center;font-size:13px;color:" SOFT "}"
    ".mark{background:#000;font-weight:700;padding:.1em .55em;border-radius:2px;letter-spacing:.03em}"
    ".drill{border:2px dashed " ORANGE ";padding:.5em .9em;font-weight:700;margin:.8em 0}"
    ".answer{border-left:6px solid " BLUE ";background:var(--panel);padding:14px 20px;margin:1em 0;"
    "font-size:18px;line-height:1.45}"
    ".answer.open{border-color:" MID ";background:var(--plain)}"
    ".meter{width:100%;max-width:640px;display:block;margin-top:10px}"
    ".scale{display:flex;justify-content:space-between;max-width:640px;font-size:12px;color:" SOFT "}"
    ".scale span{flex:1}.scale span:nth-child(2){flex:8;text-align:center}.scale span:last-child{text-align:right}"
    ".half{stroke:" INK ";stroke-width:1.5;stroke-dasharray:3 2}"
    ".cols{display:grid;grid-template-columns:1fr 1fr;gap:4px 36px}.cols>div{min-width:0}.cols h2{margin-top:1em}"
    ".v{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}"
    ".v,td,svg text{unicode-bidi:isolate;direction:ltr}"
    ".d{white-space:nowrap}.note{color:" SOFT ";font-size:13px}td .note{font-size:1em}"
    ".picture{width:100%;height:auto;display:block;margin:.6em 0}.scroll{overflow-x:auto}"
    ".legend{display:flex;flex-wrap:wrap;gap:2px 20px;font-size:13px;color:" SOFT ";margin:.2em 0 .8em}"
    ".legend span{display:inline-flex;align-items:center;gap:7px}.legend svg{flex:none}"
    "svg text{font:13px system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;fill:" INK "}"
    "svg .tick{font-size:12px;fill:" SOFT "}svg .day,svg .head{font-size:13px;font-weight:700}svg .who{font-weight:700}"
    "svg .kind{font-size:11.5px;fill:" SOFT "}"
    "svg .value{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px}"
    "#bars{list-style:none;padding:0;margin:.4em 0}#bars li{margin:.7em 0;break-inside:avoid}"
    "#bars .line{display:flex;gap:12px;align-items:center}#bars svg{flex:1;min-width:0}"
    "#bars .line span{width:5.6em;font-variant-numeric:tabular-nums}.defs{position:absolute}"
    ".grid{stroke:var(--line);stroke-width:1}.lane{fill:none;stroke:" MID ";stroke-width:1}"
    ".dot{fill:" BLUE "}.span{stroke:" BLUE ";stroke-width:3.5;fill:none}.w{stroke:" INK ";stroke-width:1.1;fill:none}"
    ".wq{stroke:" INK ";stroke-width:1.4;stroke-dasharray:1.5 3;fill:none}"
    ".echo{fill:" GROUND ";stroke:" ORANGE ";stroke-width:2}.ground{fill:" GROUND "}"
    ".neg{fill:" GROUND ";stroke:" INK ";stroke-width:1.1;stroke-dasharray:3 2}"
    ".x{stroke:" INK ";stroke-width:1.4;fill:none}"
    ".key{stroke:" MID "}.gap{fill:var(--gap)}.gaps{stroke:var(--hatch);stroke-width:2}.hatch{stroke:" SOFT ";stroke-width:3}"
    ".e{fill:none;stroke:var(--edge)}.e2{stroke-dasharray:8 4;stroke:" INK "}"
    ".e3{stroke-dasharray:2 3;stroke:" INK "}.e4{stroke-dasharray:9 3 2 3}.e5{stroke:" ORANGE ";stroke-dasharray:4 2}"
    ".many .e{stroke-opacity:.45}"
    ".box{fill:" GROUND ";stroke:" SOFT ";stroke-width:1.2}"
    ".box.answer{stroke:" ORANGE ";stroke-width:3.5;fill:var(--warm)}"
    ".box.best{stroke:" ORANGE ";stroke-width:2.5;stroke-dasharray:6 3}"
    ".rail{fill:var(--rail);stroke:" MID ";stroke-width:.8}.bar{stroke:" INK ";stroke-width:.8;fill:" BLUE "}"
    ".bar.rival{fill:url(#rival)}.bar.open{fill:" MID "}"
    "table{border-collapse:collapse;width:100%;font-size:13px;margin:.6em 0 1em}"
    "th{text-align:left;border-bottom:2px solid " INK ";padding:4px 8px 4px 0;vertical-align:bottom}"
    "td{border-bottom:1px solid var(--line);padding:4px 8px 4px 0;vertical-align:top;overflow-wrap:anywhere}"
    "td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "td.f{white-space:nowrap;font-variant-numeric:tabular-nums}td.t,.op td:first-child{white-space:nowrap}"
    ".infra td:nth-child(2){width:44%}tr.sum td{font-weight:700;background:var(--plain)}"
    "code{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:.92em}"
    ".ids{font-size:11px;line-height:1.35;columns:2}"
    "@media print{body{font-size:10pt}main{max-width:none;padding:0}.first{break-after:page}h2,h3{break-after:avoid}"
    "tr,svg,li,.legend{break-inside:avoid}.picture{max-height:232mm}.scroll{overflow:visible}"
    "thead{display:table-header-group}.answer{font-size:12.5pt;padding:8px 16px}h1{font-size:20pt}"
    "h2{font-size:14pt;margin-top:1.4em}.first h2{margin-top:1em}table{font-size:8pt}td.f{white-space:normal}"
    ".ids{columns:3;font-size:7.5pt}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}"
    "@media screen and (max-width:760px){.cols,.ids{grid-template-columns:minmax(0,1fr);columns:1}"
    "main{padding:16px 12px 40px}h1{font-size:23px}.answer{font-size:17px;padding:12px 14px}ul{padding-left:1.3em}"
    ".scroll .picture{min-width:760px}.scroll table{min-width:660px}}";

/* The colours of FIRST's standard, on black. */
static const char *const tlp_colour[] = {
    [CC_TLP_CLEAR] = "#fff", [CC_TLP_GREEN] = "#33ff00", [CC_TLP_AMBER] = "#ffc000",
    [CC_TLP_AMBER_STRICT] = "#ffc000", [CC_TLP_RED] = "#ff2b2b"};

/* Sentences of the first page; the annex has the others. */
#define AGAINST 6
#define NOTICES 3

/* ---- text ---- */

void
page_text(struct buf *out, const char *text, size_t most)
{
	struct buf clean;

	buf_open(&clean, 1u << 20);
	cases_clean(&clean, text, most);
	for (size_t i = 0; i < clean.size; i++) {
		switch (clean.p[i]) {
		case '&':
			buf_add_text(out, "&amp;");
			break;
		case '<':
			buf_add_text(out, "&lt;");
			break;
		case '>':
			buf_add_text(out, "&gt;");
			break;
		case '"':
			buf_add_text(out, "&quot;");
			break;
		case '\'':
			buf_add_text(out, "&#39;");
			break;
		default:
			buf_add_u8(out, clean.p[i]);
			break;
		}
	}
	buf_close_part(&clean, out);
}

/* The size of a date, and a time behind it, that begins there; 0: none. */
static size_t
date_size(const char *text)
{
	static const char *const shape[] = {"0000-00-00 00:00 UTC", "0000-00-00"};

	for (unsigned i = 0; i < 2; i++) {
		size_t k = 0;

		while (shape[i][k] != '\0' &&
		       (shape[i][k] == '0' ? text[k] >= '0' && text[k] <= '9' : text[k] == shape[i][k]))
			k++;
		if (shape[i][k] == '\0')
			return k;
	}
	return 0;
}

/* Ours; a date is not parted at the end of a line, nor a number from its sign. */
static void
plain(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t date = date_size(text);

		if (date > 0)
			buf_printf(out, "<span class=\"d\">%.*s</span>", (int)date, text);
		else if (text[0] == ' ' && text[1] == '%')
			buf_add_text(out, "&nbsp;");
		else if (strchr("&<>\"'", *text) != NULL)
			page_text(out, (const char[]){*text, '\0'}, 1);
		else
			buf_add_u8(out, (uint8_t)*text);
		text += date > 0 ? date : 1;
	}
}

static void
theirs(struct buf *out, const char *text, size_t most)
{
	buf_add_text(out, "<span class=\"v\">");
	page_text(out, text, most);
	buf_add_text(out, "</span>");
}

/* In SVG's text no span can stand. */
static void
theirs_bare(struct buf *out, const char *text, size_t most)
{
	page_text(out, text, most);
}

void
page_scroll(struct buf *out, const char *what)
{
	buf_printf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">", what);
}

struct cases_words
page_words(struct buf *out)
{
	return (struct cases_words){out, buf_add_text, theirs_bare};
}

/* ---- the first page ---- */

static void
put_marking(struct buf *out, const struct casefile *one)
{
	struct cases_words w = {out, buf_add_text, NULL};

	cases_say_marking(&w, one);
}

/* On paper the marking stands at the head and the foot of each sheet, as the standard wants it. */
static void
put_sheet(struct buf *out, const struct casefile *one)
{
	static const char *const margin[] = {"top-right", "bottom-right"};

	buf_add_text(out, "@page{size:A4;margin:17mm 13mm 16mm");
	for (unsigned i = 0; i < 2; i++) {
		buf_printf(out, ";@%s{content:\"", margin[i]);
		put_marking(out, one);
		buf_printf(out,
		    "\";font:700 12pt 'DejaVu Sans',Arial,sans-serif;color:%s;background:#000;width:fit-content;"
		    "height:fit-content;padding:1pt 6pt;margin:auto 0}",
		    tlp_colour[cases_marking(one)]);
	}
	buf_printf(out,
	    ";@bottom-left{content:\"Case %.8s%s, page \" counter(page) \" of \" counter(pages);"
	    "font:9pt 'DejaVu Sans',Arial,sans-serif;color:#57606a}}",
	    one->id + 6, one->exercise ? " (exercise)" : "");
}

static void
put_head(struct buf *out, const struct casefile *one)
{
	buf_add_text(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width\">\n<title>");
	buf_printf(out, "Case %.8s, ", one->id + 6);
	put_marking(out, one);
	buf_printf(out, "%s</title>\n<style>", one->exercise ? " (exercise)" : "");
	buf_add_text(out, style);
	put_sheet(out, one);
	buf_add_text(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void
put_top(struct buf *out, const struct casefile *one)
{
	char time[40];

	buf_printf(out, "<div class=\"top\"><span class=\"mark\" style=\"color:%s\">",
	    tlp_colour[cases_marking(one)]);
	put_marking(out, one);
	buf_add_text(out, "</span><span>State: ");
	page_text(out, one->state[0] != '\0' ? one->state : "open", 20);
	buf_add_text(out, "</span><span>");
	if (one->publisher[0] != '\0') {
		buf_add_text(out, "Published by ");
		page_text(out, one->publisher, 80);
		buf_add_text(out, one->untrusted ? CASES_UNTRUSTED : "");
	} else {
		buf_add_text(out, one->stale  ? "Published, and changed since"
				  : one->sent ? "Published"
					      : "Not published");
	}
	cases_time(one->made, time);
	if (one->made != 0)
		buf_printf(out, "; as of %s", time);
	buf_printf(out, "</span><span class=\"v\">%s</span></div>\n", one->id);
	buf_printf(out, "<h1>Case %.8s: where an activity comes from</h1>\n", one->id + 6);
	if (one->exercise)
		buf_add_text(out, "<div class=\"drill\">EXERCISE: this is a drill, not an incident.</div>\n");
}

static void
put_list(const struct cases_words *w, const struct casefile *one,
    bool (*sentence)(const struct cases_words *, const struct casefile *, size_t), size_t most, const char *none)
{
	size_t i, more = 0;

	buf_add_text(w->out, "<ul>");
	for (i = 0; i < CASES_MISSING + CASES_SPANS; i++) {
		size_t start = w->out->size;

		buf_add_text(w->out, "<li>");
		if (!sentence(w, one, i)) {
			w->out->size = start;
			break;
		}
		buf_add_text(w->out, "</li>\n");
		if (i >= most) {
			w->out->size = start;
			more++;
		}
	}
	if (i == 0)
		buf_printf(w->out, "<li>%s</li>", none);
	if (more > 0)
		buf_printf(w->out, "<li class=\"note\">%zu more: see the annex.</li>", more);
	buf_add_text(w->out, "</ul>\n");
}

static void
put_first(struct buf *out, const struct casefile *one)
{
	struct cases_words w = {out, plain, theirs};
	struct cases_tally t = cases_tally(one);
	size_t start;

	buf_add_text(out, "<section class=\"first\">\n");
	put_top(out, one);
	start = out->size;
	buf_add_text(out, "<div class=\"drill\">");
	if (cases_say_over(&w, one))
		buf_add_text(out, "</div>\n");
	else
		out->size = start;
	buf_printf(out, "<div class=\"answer%s\">", strcmp(one->verdict, "source") == 0 ? "" : " open");
	cases_say_answer(&w, one);
	page_meter(out, one);
	buf_add_text(out, "</div>\n<h2>What was seen</h2>\n<p>");
	cases_say_seen(&w, one);
	buf_add_text(out, "</p>\n");
	if (one->notices > 0)
		put_list(&w, one, cases_say_notice, NOTICES, "");
	buf_printf(out, "<div class=\"cols\"><div><h2>%s</h2>\n", cases_against_head(one));
	put_list(&w, one, cases_say_against, AGAINST, "Nothing that is known.");
	buf_add_text(out, "</div><div><h2>What would change it</h2>\n");
	put_list(&w, one, cases_say_change, 5, "Nothing that could be asked for now would change the answer much.");
	buf_add_text(out, "</div></div>\n");
	if (t.agree + t.disagree + t.abstain > 0)
		buf_printf(out,
		    "<p><strong>Opinions of the organisations:</strong> %zu agree, %zu disagree, %zu abstain.</p>\n",
		    t.agree, t.disagree, t.abstain);
	buf_add_text(out, "<p class=\"note\">This page names technical infrastructure alone: addresses, names, "
			  "certificates, keys. Who used it is not asked "
			  "here, and cannot be concluded from it. Probabilities follow from the evidence listed below "
			  "by a published method; the annex shows how to "
			  "recompute each of them.</p>\n</section>\n");
}

/* What the first page had no room for. */
static void
put_whole_lists(struct buf *out, const struct casefile *one)
{
	struct cases_words w = {out, plain, theirs};
	struct buf none;

	buf_open(&none, 1u << 20);
	w.out = &none;
	if (cases_say_against(&w, one, AGAINST)) {
		w.out = out;
		buf_printf(out, "<h3>%s, all</h3>\n", cases_against_head(one));
		put_list(&w, one, cases_say_against, SIZE_MAX, "");
	}
	w.out = out;
	if (one->notices > NOTICES) {
		buf_add_text(out, "<h3>All warnings</h3>\n");
		put_list(&w, one, cases_say_notice, SIZE_MAX, "");
	}
	buf_close(&none);
}

void
cases_html(struct buf *out, const struct casefile *one)
{
	put_head(out, one);
	put_first(out, one);
	buf_add_text(out, "<section>\n<h2>Who saw it when</h2>\n");
	page_timeline(out, one);
	buf_add_text(out, "</section>\n<section>\n<h2>Infrastructure</h2>\n");
	page_graph(out, one);
	buf_add_text(out, "</section>\n<section>\n<h2>The explanations that were weighed</h2>\n");
	page_bars(out, one);
	buf_add_text(out, "</section>\n<section>\n<h2>The evidence</h2>\n");
	page_evidence(out, one);
	buf_add_text(out, "</section>\n<section>\n<h2>Opinions</h2>\n");
	page_opinions(out, one);
	buf_add_text(out, "</section>\n<section>\n<h2>Technical annex</h2>\n");
	put_whole_lists(out, one);
	page_annex(out, one);
	buf_add_text(out, "</section>\n</main>\n</body>\n</html>\n");
}
