/*
 * How regularly a thing comes again: the period of a beacon, which stays where its addresses move.  From what a sensor
 * says of the repeats that it counted, else from when an organisation's own sights of the thing began, else from how
 * many there were in what time.  All of it by least, most and union, as a node folds.  README.md, Linking.  One thread.
 */
#include "joint/joint_own.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAST 20.0        /* seconds: what comes faster is one session */
#define MOST 172800.0
#define TIMES_LEAST 6     /* of which a period is told */
/* Median distance from the period, as a part of it, in the float that nodes keep: 0.1 is not more than 0.1. */
#define REGULAR ((double)0.1F)
#define LOOSE ((double)0.35F) /* more is no period */
#define FINE 0.06         /* widths of a step: logarithms */
#define WIDE 0.25
#define BY_LOOSE 1.6      /* caps: of two that wobble, */
#define BY_MEAN 1.2       /* of two of which only the mean is known */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The earliest ones, each once. */
static bool
beats_add(struct node *node, uint32_t ms)
{
	struct beats *b = node->beats;
	unsigned at = 0;

	while (at < b->count && b->at[at] < ms)
		at++;
	if (at == BEATS_MAX || (at < b->count && b->at[at] == ms))
		return false;
	if (b->count < BEATS_MAX)
		b->count++;
	memmove(&b->at[at + 1], &b->at[at], (b->count - at - 1) * sizeof(*b->at));
	b->at[at] = ms;
	return true;
}

static uint32_t
ms_of_day(uint64_t ns)
{
	return (uint32_t)(ns % (86400 * NS_PER_S) / (NS_PER_S / 1000));
}

void
rhythm_said(struct node *node, const struct joint_sighting *s)
{
	double span = (double)(s->last - s->first) / 1e9;

	node->period_count = 0;
	node->period = 0;
	node->jitter = -1;
	if (s->count == 0 || s->origin != JOINT_OWN)
		return;
	if (s->period > 0) {
		node->period = (float)s->period;
		node->jitter = s->jitter >= 0 && s->jitter < 1 ? (float)s->jitter : 1;
		node->period_count = s->count;
	} else if (s->count >= TIMES_LEAST) {
		node->period = (float)(span / (double)(s->count - 1));
		node->period_count = s->count;
	}
}

/* Which of two says more: with its jitter, of more repeats; then any order will do. */
static bool
says_more(const struct node *a, const struct node *b)
{
	if ((a->jitter >= 0) != (b->jitter >= 0))
		return a->jitter >= 0;
	if (a->period_count != b->period_count)
		return a->period_count > b->period_count;
	return a->period < b->period || (a->period <= b->period && a->jitter < b->jitter);
}

bool
rhythm_fold(struct node *node, const struct node *more)
{
	bool changed = false;

	if (node->negative || node->echo)
		return false;
	if (more->period_count > 0 && (node->period_count == 0 || says_more(more, node))) {
		changed = node->period_count != more->period_count || node->period < more->period ||
			  node->period > more->period;
		node->period = more->period;
		node->jitter = more->jitter;
		node->period_count = more->period_count;
	}
	if (more->first == node->first && more->beats == NULL && node->beats == NULL)
		return changed;
	/* Without memory none is there, which who calls sees; never some of them. */
	if (node->beats == NULL && (node->beats = calloc(1, sizeof(*node->beats))) == NULL)
		return changed;
	changed = beats_add(node, ms_of_day(node->first)) || changed;
	changed = beats_add(node, ms_of_day(more->first)) || changed;
	for (unsigned i = 0; more->beats != NULL && i < more->beats->count; i++)
		changed = beats_add(node, more->beats->at[i]) || changed;
	return changed;
}

/* Median of the gaps between sights, and median of their distance from it. */
static bool
of_beats(const struct node *node, double *ret_period, double *ret_jitter)
{
	const struct beats *b = node->beats;
	double gap[BEATS_MAX];
	unsigned count;

	/* Where a sensor has counted repeats in a window, the next sight comes when that is over: that period is its
	 * own. */
	if (b == NULL || b->count < TIMES_LEAST || node->count > 1)
		return false;
	count = b->count - 1;
	for (unsigned i = 0; i < count; i++)
		gap[i] = (b->at[i + 1] - b->at[i]) / 1e3;
	qsort(gap, count, sizeof(*gap), by_size);
	*ret_period = gap[count / 2];
	for (unsigned i = 0; i < count; i++)
		gap[i] = fabs(gap[i] - *ret_period);
	qsort(gap, count, sizeof(*gap), by_size);
	*ret_jitter = gap[count / 2] / (*ret_period > 0 ? *ret_period : 1);
	return true;
}

/* Two that are nearer than half a step share one of two grids. */
static unsigned
steps(double period, double width, char name, double cap, struct feature_draft *ret_feature, char (*room)[16])
{
	for (int half = 0; half < 2; half++) {
		snprintf(room[half], sizeof(room[half]), "%c%d", half ? name - 32 : name,
		    (int)floor(log(period) / width + half / 2.0));
		ret_feature[half] = (struct feature_draft){.type = FEATURE_PERIOD, .text = slice_str(room[half]),
		    .cap = cap};
	}
	return 2;
}

unsigned
rhythm_features(const struct node *node, struct feature_draft ret_feature[RHYTHM_FEATURES],
    char room[RHYTHM_FEATURES][16])
{
	double period = (double)node->period, jitter = (double)node->jitter;
	unsigned count = 0;

	if (node->negative || node->echo)
		return 0;
	if (jitter < 0 && !of_beats(node, &period, &jitter) && node->period_count == 0)
		return 0;
	if (!(period >= LEAST && period <= MOST) || jitter > LOOSE)
		return 0;
	if (jitter <= REGULAR)
		count = steps(period, FINE, 'f', jitter < 0 ? BY_MEAN : feature_about[FEATURE_PERIOD].cap, ret_feature,
		    room);
	if (jitter >= 0)
		count += steps(period, WIDE, 'w', BY_LOOSE, ret_feature + count, room + count);
	return count;
}
