/* What weigh.c, rank.c and rivals.c share. */
#ifndef JOINT_WEIGH_OWN_H
#define JOINT_WEIGH_OWN_H

#include "joint/joint_own.h"

/* Which node has which candidate, those of a candidate side by side. */
struct claims {
	struct claim *claim;
	size_t count, room;
};

/* weigh.c */
/* of: NAN where there is nothing to say. */
void hypothesis_part(struct hypothesis *h, const char *why, double nats, double of);
double hypothesis_parts(const struct hypothesis *h); /* their sum */
bool hypothesis_add(struct activity *a, struct hypothesis h); /* takes its items if true */
int hypothesis_by_odds(const void *a, const void *b); /* best first, whatever the order of arrival */

/* rank.c */
void parties_count(const struct joint *joint, struct activity *a);
/* Bonus and log-odds of the candidates, best first; no more than CANDIDATES_MAX stay. */
void candidates_rank(struct joint *joint, struct activity *a);

/* rivals.c: beside candidates that are ranked; false: no memory */
bool rivals_add(const struct joint *joint, struct activity *a, const struct claims *c);

#endif
