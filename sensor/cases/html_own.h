/* What the files of the HTML page share. */
#ifndef CASES_HTML_OWN_H
#define CASES_HTML_OWN_H

#include "cases/cases.h"

#define PAGE_WIDTH 920 /* of the pictures, in their own units */

/* Colours that differ in lightness, too, and for those who see few of them (Okabe and Ito): html.c has their values, by
 * day and by night. */
#define INK "var(--ink)"
#define SOFT "var(--soft)"
#define BLUE "var(--blue)"
#define ORANGE "var(--orange)"
#define GROUND "var(--ground)"
#define MID "var(--mid)"

/* html.c: text, escaped and cleaned, at most so many characters */
void page_text(struct buf *out, const char *text, size_t most);
struct cases_words page_words(struct buf *out);
/* Begins a part that is wider than a narrow window may be, and can be moved there; </div> ends it. */
void page_scroll(struct buf *out, const char *what);

/* html_time.c, html_graph.c: pictures, as SVG in the page */
void page_timeline(struct buf *out, const struct casefile *one);
void page_graph(struct buf *out, const struct casefile *one);
/* html_bars.c */
void page_bars(struct buf *out, const struct casefile *one);
void page_meter(struct buf *out, const struct casefile *one); /* how sure the answer is */

/* html_tables.c */
void page_evidence(struct buf *out, const struct casefile *one);
void page_opinions(struct buf *out, const struct casefile *one);
void page_annex(struct buf *out, const struct casefile *one);

#endif
