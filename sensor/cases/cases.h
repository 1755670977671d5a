/*
 * A case of the joint determination, for people: read from its document (what `concert correlate` writes and what
 * stands on the topic `cases`), and told as text, as Markdown, as one HTML page with pictures.
 *
 * A document may be a partner's: nothing in it is trusted.  Lists are cut at the bounds below, numbers are made finite,
 * and every text is escaped by whoever writes it, with control and direction characters made visible.  One thread, no
 * state.
 */
#ifndef CASES_CASES_H
#define CASES_CASES_H

#include "base/base.h"
#include "concert/record.h"

struct json_t; /* Jansson's */

#define CASES_ORGANISATIONS 64
#define CASES_HYPOTHESES 16
#define CASES_EVIDENCE 256  /* lines of one hypothesis, each way */
#define CASES_SPANS 512     /* of coverage */
#define CASES_MISSING 32
#define CASES_ASKED 8       /* indicators of one request */
#define CASES_NODES 200     /* of the infrastructure */
#define CASES_EDGES 800
#define CASES_SIGHTS 1024   /* of the time line */
#define CASES_RESTINGS 64
#define CASES_PARTS 8       /* of log-odds */
#define CASES_OPINIONS 512
#define CASES_TRACE 512
#define CASES_NOTICES 64
#define CASES_MESSAGES 20000

struct case_evidence {
	const char *organisation, *message, *item, *indicator, *proof;
	double llr, base, rarity, independence, coverage, clock;
	double hours, lost; /* of what was not seen: looked for so long; negative: it was seen */
};

/* What log-odds are made of beside evidence. */
struct case_part {
	const char *why;
	double nats, of; /* of: what its formula takes */
	bool has_of;
};

struct case_hypothesis {
	const char *kind;             /* "source", "forged", "relayed", "shared", "cannot say" */
	const char *what, *value;     /* of a source; "" of a rival */
	double probability, log_odds, witness, bonus;
	bool summed;                  /* witness and bonus are said */
	size_t listed;                /* lines of evidence there are, as far as said */
	struct case_evidence *support, *against;
	size_t supports, againsts;
	struct case_part part[CASES_PARTS];
	size_t parts;
};

struct case_span { /* of coverage */
	const char *organisation;
	uint64_t from, until;         /* ns */
	double lost, clock_error;     /* seconds; negative: not known */
};

struct case_missing {
	const char *item, *ask, *kind; /* kind of request: "have-you-seen", "evidence", "reveal" */
	const char *message;           /* the sighting that it is about; "" */
	const char *name, *email, *telephone; /* who answers there; "" */
	const char *what[CASES_ASKED], *value[CASES_ASKED];
	size_t indicators;
	uint64_t from;
	double bits;
};

/* An organisation that the answer rests on, and what it would be without it. */
struct case_resting {
	const char *organisation, *verdict, *what, *value;
	double confidence;
};

struct case_node {
	const char *id, *kind, *value, *proof;
	const char *seen_by[CASES_ORGANISATIONS];
	size_t seers;
};

struct case_edge {
	unsigned from, to; /* nodes */
	const char *why;
	double weight;
};

struct case_sight {
	const char *organisation, *item, *rule, *message;
	uint64_t from, until;
	double error; /* seconds; negative: not known */
	bool positive, echo;
};

struct case_opinion {
	const char *organisation, *opinion, *text, *message,
	    *about; /* about: the answer that was spoken of, in words; "" */
	uint64_t time;
	enum cc_tlp tlp;
};

struct case_notice { /* of a partner, that names something of the case */
	const char *organisation, *id, *title, *names;
};

struct case_trace {
	const char *event, *with;
	uint64_t time;
};

/* All texts borrow from the document and are never NULL. */
struct casefile {
	bool no_memory; /* for a part of it */
	struct json_t *json;
	const char *id, *activity, *state;
	const char *publisher; /* who signed it; "": it is of this machine */
	char *signer;          /* the same, of a case that came; NULL: of this machine */
	bool untrusted;        /* and is not trusted any more */
	bool sent;             /* ours, and published */
	bool stale;            /* and changed since */
	uint64_t made;         /* when it was written or published, 0: not said */
	enum cc_tlp floor; /* the strictest of its sightings: it never goes out below */
	enum cc_tlp tlp;   /* as it goes out, or came */
	bool exercise;
	uint64_t first, last;
	const char *organisation[CASES_ORGANISATIONS];
	size_t organisations;
	const char **message; /* ce_ids */
	size_t messages;
	const char *verdict, *what, *value, *leaning; /* the answer */
	double confidence, completeness;
	struct case_hypothesis *hypothesis;
	struct case_span *span;
	struct case_missing *missing;
	struct case_resting *resting;
	struct case_node *node;
	struct case_edge *edge;
	struct case_sight *sight;
	struct case_opinion *opinion;
	struct case_trace *trace;
	struct case_notice *notice;
	bool tried; /* without each organisation */
	size_t hypotheses, spans, missings, restings, nodes, edges, sights, opinions, traces, notices;
};

#define CASES_UNTRUSTED " (not trusted any more)" /* behind a publisher's name */

/* ---- read.c ---- */

/* One case of its JSON text.  CC_BAD: *ret_why (malloc) says what is wrong. */
enum cc_status cases_read(struct slice text, struct casefile **ret_case, char **ret_why);
void cases_free(struct casefile *one);
bool cases_set_publisher(struct casefile *one, const char *name); /* false: no memory */
/* The cases of a file of `concert correlate`; *ret_list and its cases are the caller's: cases_list_free().  CC_IO,
 * CC_BAD: *ret_why. */
struct cases_list {
	struct casefile **one;
	size_t count, left_out; /* left_out: no case that can be used */
};
enum cc_status cases_load(const char *path, struct cases_list *ret_list, char **ret_why);
enum cc_status cases_list_add(struct cases_list *list, struct casefile *one); /* takes it on CC_OK */
void cases_list_free(struct cases_list *list);
/* By its id or the beginning of it, with or without "case--".  NULL: none, *ret_many: several begin so. */
struct casefile *cases_find(const struct cases_list *list, const char *id, bool *ret_many);
/* Adds an opinion or a line to the trace, in the document, too; all is copied.  CC_FULL: at the bound. */
enum cc_status cases_add_opinion(struct casefile *one, const struct case_opinion *opinion);
enum cc_status cases_add_trace(struct casefile *one, const struct case_trace *trace);
bool cases_has_trace(const struct casefile *one, const struct case_trace *trace);
void cases_mark(struct casefile *one, enum cc_tlp tlp); /* never below its floor */
/* Of all that it tells, the opinions on it among them. */
enum cc_tlp cases_marking(const struct casefile *one);
enum cc_status cases_set_state(struct casefile *one, const char *state);
enum cc_status cases_drop_opinions(struct casefile *one); /* they are messages of their own */
/* Lines of another version's trace that this one has not, in order of time. */
enum cc_status cases_join_trace(struct casefile *one, const struct casefile *other);
/* A line to the trace when the answer is another than the earlier version's; *ret_changed says whether. */
enum cc_status cases_note_change(struct casefile *one, const struct casefile *earlier, uint64_t now, bool *ret_changed);
void cases_answer_text(const struct casefile *one, char ret_text[256]); /* "source addr 192.0.2.7, 93.1 %" */
/* The document as JSON on one line, at most `most` bytes: lists of messages, then evidence, are cut to fit.  CC_FULL:
 * not even so. */
enum cc_status cases_document(struct casefile *one, size_t most, struct buf *out);

/* read.c, for change.c: opinions and trace anew from the document */
void cases_take_words(struct casefile *one);

/* ---- words.c: what a case says, in sentences that need no training ---- */

/* Each appends plain text without marking-up; a partner's strings go through `put`, which escapes. */
struct cases_words {
	struct buf *out;
	void (*plain)(struct buf *out, const char *text);                 /* ours */
	void (*theirs)(
	    struct buf *out, const char *text, size_t most); /* a value of a partner's, at most so many characters */
};
/* Text of a partner's made safe for one line: control and direction characters as <U+XXXX>, at most `most` characters.
 */
void cases_clean(struct buf *out, const char *text, size_t most);
/* And nothing of HTML's structure in it; as a code span of Markdown. */
void cases_harmless(struct buf *out, const char *text, size_t most);
void cases_code(struct buf *out, const char *text, size_t most);
void cases_say_title(const struct cases_words *w, const struct casefile *one);
void cases_say_marking(const struct cases_words *w, const struct casefile *one); /* "TLP:AMBER" */
/* Of a case that is closed, merged or withdrawn: that it is.  false: it is none of these, and nothing was said. */
bool cases_say_over(const struct cases_words *w, const struct casefile *one);
void cases_say_seen(const struct cases_words *w, const struct casefile *one);
void cases_say_answer(const struct cases_words *w, const struct casefile *one);
const char *cases_against_head(const struct casefile *one); /* above the sentences of cases_say_against() */
/* Sentences of a list; each returns whether there was an index-th. */
bool cases_say_against(const struct cases_words *w, const struct casefile *one, size_t index);
/* Whose word the answer rests on, or that it would stand without anybody's; cases_say_answer() says the first few. */
bool cases_say_resting(const struct cases_words *w, const struct casefile *one, size_t index);
void cases_say_then(const struct cases_words *w, const struct case_resting *r); /* "nobody could say" */
bool cases_say_change(const struct cases_words *w, const struct casefile *one, size_t index);
/* As cases_say_change(), with the number of each question before whom it is for. */
bool cases_say_questions(const struct cases_words *w, const struct casefile *one, size_t index);
bool cases_say_notice(const struct cases_words *w, const struct casefile *one, size_t index);
void cases_say_kind(const struct cases_words *w, const char *kind);             /* "addr": "the address" */
void cases_say_kind_begin(const struct cases_words *w, const char *kind);       /* "The address" */
void cases_say_hypothesis(const struct cases_words *w, const struct case_hypothesis *h);
/* From the first to the last own sight: what others repeat, or did not see, is not of account. */
void cases_seen_span(const struct casefile *one, uint64_t *ret_first, uint64_t *ret_last);
size_t cases_seers(const struct casefile *one); /* organisations that saw it themselves */
/* "97.0 %", "> 99.99 %": never 0 or 100 of what is not certain; digits: 1 or 2. */
const char *cases_per_cent(double p, unsigned digits, char ret_text[24]);
/* The newest opinion of each organisation: how many agree, disagree, abstain. */
struct cases_tally {
	size_t agree, disagree, abstain;
};
struct cases_tally cases_tally(const struct casefile *one);
bool cases_opinion_newest(const struct casefile *one, size_t index); /* its organisation has said nothing later */
const char *cases_likely(double probability);                       /* "very likely" */
/* "agreement 0.0976 (of 1), …"; nothing where the document lists no parts. */
void cases_say_parts(const struct cases_words *w, const struct case_hypothesis *h);
/* The likeliest candidate, named or not; NULL: none. */
const struct case_hypothesis *cases_leading(const struct casefile *one);
/* Likeliest first; one->hypotheses of them. */
void cases_sorted(const struct casefile *one, const struct case_hypothesis *ret_list[CASES_HYPOTHESES]);
double cases_odds_sum(
    const struct casefile *one, double *ret_highest); /* sum of e^(log_odds - highest) over all hypotheses */
void cases_time(uint64_t ns, char ret_text[40]);                     /* "2026-03-01 12:00 UTC" */

/* ---- text.c, markdown.c, html.c: the forms ---- */

void cases_row(struct buf *out, const struct casefile *one);  /* a line of the list */
void cases_text(struct buf *out, const struct casefile *one); /* for the terminal */
void cases_markdown(struct buf *out, const struct casefile *one);
void cases_html(struct buf *out, const struct casefile *one);

/* ---- graph.c: places for the infrastructure's nodes; pure ---- */

#define CASES_DRAWN 24 /* nodes in one column of the picture: what fits on a sheet */
#define CASES_COLUMNS 4

struct cases_place {
	bool drawn;
	unsigned column, row;
};
/* Names, addresses, certificates and keys, files from the left; rows so that few lines cross.  Deterministic. */
bool cases_layout(
    const struct casefile *one, struct cases_place *ret_place, unsigned ret_rows[CASES_COLUMNS], size_t *ret_left_out);

#endif
