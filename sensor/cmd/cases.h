/* What the files of concert cases share. */
#ifndef CMD_CASES_H
#define CMD_CASES_H

#include "cases/cases.h"
#include "cmd/desk.h"

struct cases_room {
	struct cmd_desk d;      /* its desk may be NULL: a file alone is looked at */
	struct cases_list list; /* those of this machine first */
	size_t left_out;        /* cases and opinions: each was named */
	bool no_memory;         /* for one of them: what is shown is not all */
};

/* ---- cases.c ---- */

const char *cases_said(const struct cases_room *r, const char *name);
int cases_fail(int code, const char *what, const char *detail); /* says it; code */
const char *cases_ours(const struct cases_room *r);             /* our organisation */
/* The version of a case by who published it, "" for this machine's; NULL: none. */
struct casefile *cases_version(const struct cases_room *r, const char *id, const char *publisher);
/* By an id, or the beginning of one, as it was typed; NULL: it was said why not, and *ret_code is set. */
struct casefile *cases_pick(struct cases_room *r, const char *id, int *ret_code);
const char *cases_state_place(const struct cases_room *r);
/* One that was published comes into the list, or is named and left out. */
void cases_take(struct cases_room *r, const struct board_case *from);
void cases_row_json(struct cases_room *r, const struct casefile *one);

/* ---- cases_send.c ---- */

struct posting {
	struct board_post post;
	struct board_item *item;
	struct board_witness *witness;
	size_t *index;
	const char **message;
	struct board_opinion *opinion;
	struct board_edge *edge;
	struct buf name, summary, document;
};
/* The case as the exchange wants it; of: whose determination it is; most: bytes of the document; items: of the
 * infrastructure. */
enum cc_status cases_posting(
    struct casefile *one, const char *of, uint64_t time, size_t most, size_t items, struct posting *ret_posting);
size_t cases_edges(const struct casefile *one, struct posting *posting); /* those between its items, for an export */
void cases_posting_close(struct posting *posting);
int cases_publish(struct cases_room *r);
int cases_close(struct cases_room *r);
int cases_opinion(struct cases_room *r);
int cases_ask(struct cases_room *r);

#endif
