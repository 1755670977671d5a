/* What weigh.c, rank.c, rivals.c, witness.c and without.c share. */
#ifndef JOINT_WEIGH_OWN_H
#define JOINT_WEIGH_OWN_H

#include "joint/joint_own.h"

/*
 * Which node has which candidate, those of a candidate side by side, and what each weighs by itself: by organisation,
 * best first.  Made once for all that is weighed of an activity.
 */
struct claims {
	struct claim *claim, *some; /* some: room for those of one candidate */
	struct item *item;          /* of each claim */
	uint32_t *place;            /* room for one of each */
	size_t count, room;
};

/* weigh.c */
enum cc_status claims_collect(struct joint *joint, const struct activity *a, struct claims *c); /* c: all 0 */
void claims_free(struct claims *c);
/* The hypotheses of one activity as if an organisation, whose nodes are not in it, had said nothing; NONE: of all. */
enum cc_status activity_weigh(struct joint *joint, struct activity *a, const struct claims *c, uint32_t without);
void activity_answer(struct activity *activity); /* probabilities and the answer, by log-odds as they stand */
/* Of a kind that is named anyway or of this wide one, and not this organisation's?  NONE: nobody is left out. */
bool claim_counts(const struct joint *joint, const struct claim *claim, uint8_t wide, uint32_t without);
/* of: NAN where there is nothing to say. */
void hypothesis_part(struct hypothesis *h, const char *why, double nats, double of);
double hypothesis_parts(const struct hypothesis *h); /* their sum */
bool hypothesis_add(struct activity *a, struct hypothesis h); /* takes its items if true */
int hypothesis_by_odds(const void *a, const void *b); /* best first, whatever the order of arrival */

/* witness.c: by organisation, best first; ctx: struct joint */
int item_by_witness(const void *a, const void *b, void *ctx);

/* rank.c */
void parties_count(const struct joint *joint, struct activity *a);
/* Bonus and log-odds of the candidates, best first; no more than CANDIDATES_MAX stay. */
void candidates_rank(struct joint *joint, struct activity *a);
/* Of the sights that are of a sort with its own the part that has it: 1 if nothing takes turns with it. */
double hypothesis_turn(const struct joint *joint, const struct activity *a, struct hypothesis *h);

/* rivals.c: beside candidates that are ranked; CC_NOMEM */
enum cc_status rivals_add(const struct joint *joint, struct activity *a, const struct claims *c, uint32_t without);

#endif
