/*
 * What the correlator keeps on disk: OUTDIR/joint.sqlite (WAL).  One correlator writes; `concert cases` reads beside
 * it, and writes closings and what was published.  Part of joint.h; README.md, State, has the tables.
 *
 * A case's document is its member of CASES.json as it stands; trace and closing are kept apart, since they outlive a
 * document, and are put beside it by who prints it.  Opinions are on the exchange's board.  One thread a handle.
 */
#ifndef JOINT_STATE_H
#define JOINT_STATE_H

#include "base/base.h"
#include "conf/conf.h"

struct joint_state;

/* write false: CC_ABSENT where there is none yet.  *ret_why (malloc) names the file.  A file that is damaged is CC_IO:
 * nothing is begun anew. */
enum cc_status joint_state_open(
    const struct conf *conf, const char *outdir, bool write, struct joint_state **ret_state, char **ret_why);
void joint_state_close(struct joint_state *state);
const char *joint_state_error(const struct joint_state *state); /* after CC_IO */

/* Transactions of several calls below; without, each is one by itself. */
enum cc_status joint_state_begin(struct joint_state *state);
enum cc_status joint_state_commit(struct joint_state *state);
void joint_state_rollback(struct joint_state *state);

/* Texts are borrowed for the call.  NULL: none. */
struct joint_case {
	const char *id, *activity;      /* "case--UUID", "activity--UUID" */
	const char *state;              /* determined, undetermined, closed, merged */
	const char *verdict, *kind, *value; /* of the answer; kind and value NULL: cannot say */
	double confidence;
	bool exercise;
	uint64_t first, last;           /* seen, ns */
	uint64_t updated, published;    /* ns; published: the `updated` that was sent last, 0: never */
	uint64_t closed;                /* ns, 0: open */
	const char *closed_by, *closed_why;
	const char *merged;             /* into which case; NULL: none */
	uint64_t organisations, sightings;
	struct slice document;          /* JSON */
};
typedef void joint_case_fn(void *ctx, const struct joint_case *one);
/* Newest last_seen first.  which: a state, or NULL: all but merged ones.  document is empty: ask for it by
 * joint_state_get(). */
enum cc_status joint_state_list(struct joint_state *state, const char *which, joint_case_fn *fn, void *ctx);
/* Whole, oldest first, without those that merged. */
enum cc_status joint_state_all(struct joint_state *state, joint_case_fn *fn, void *ctx);
/* id: whole, or the beginning of one, with or without "case--".  CC_ABSENT: none; CC_DENIED: several begin so. */
enum cc_status joint_state_get(struct joint_state *state, const char *id, joint_case_fn *fn, void *ctx);
/* Those that changed since they were published, whole, oldest change first. */
enum cc_status joint_state_unpublished(struct joint_state *state, joint_case_fn *fn, void *ctx);
enum cc_status joint_state_published(struct joint_state *state, const char *id, uint64_t updated);
/* Made or replaced; closing and published stay, and `updated` only moves where the document has changed. */
enum cc_status joint_state_put(struct joint_state *state, const struct joint_case *one);
/* The day of a case, since 1970, by its first sight: where it is on disk.  Who knows it need not look for it. */
uint64_t joint_state_day(uint64_t first);
/* The case is part of another now: its row stays, so that its id is known. */
enum cc_status joint_state_merged(
    struct joint_state *state, uint64_t day, const char *id, const char *into, uint64_t time);
/* All that it was made of is gone. */
enum cc_status joint_state_dropped(struct joint_state *state, uint64_t day, const char *id, uint64_t time);
enum cc_status joint_state_finish(
    struct joint_state *state, const char *id, uint64_t time, const char *by, const char *why);

/* Open again what was closed.  CC_ABSENT: it is not. */
enum cc_status joint_state_reopen(struct joint_state *state, const char *id, uint64_t time, const char *why);

struct joint_trace {
	uint64_t time;
	const char *event; /* opened, merged, split, answer changed, revoked, closed, … */
	const char *with;  /* the other case, or what it was; may be NULL */
};
enum cc_status joint_state_note(
    struct joint_state *state, uint64_t day, const char *case_id, const struct joint_trace *trace);
typedef void joint_trace_fn(void *ctx, const struct joint_trace *trace);
enum cc_status joint_state_trace(
    struct joint_state *state, const char *case_id, joint_trace_fn *fn, void *ctx); /* oldest first */

#endif
