/*
 * The order in which things came upon a victim: page, file, beacon.  Of what one organisation saw of one victim the
 * first sights of different stages make a sequence; each three of it, in their order, are something that the nodes of
 * these stages have in common with those of other victims upon whom the same came in the same order.  Looked for in one
 * cell, so that it is a function of its nodes.  README.md, Linking.  One thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define STEPS_MAX 6                        /* of a sequence; the rest says no more */
#define WEIGHT 2.2f                        /* upon two victims, */
#define WEIGHT_MORE 3.4f                   /* and upon more */
#define PAUSE (168 * 3600 * NS_PER_S)      /* what comes later begins anew */

/* A node at a victim. */
struct visit {
	uint64_t victim, stage;
	uint32_t place;
};

static int
by_victim(const void *a, const void *b)
{
	const struct visit *x = a, *y = b;

	if (x->victim != y->victim)
		return x->victim < y->victim ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static int
by_hash(const void *a, const void *b)
{
	const struct stage *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->victim != y->victim)
		return x->victim < y->victim ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* What kind of thing, who began, at which port, and the class of the rule: nothing that names it. */
static uint64_t
stage_of(const struct joint *joint, const struct node *node)
{
	uint64_t small[3] = {node->kind, node->client, node->client ? 0 : node->port};

	return hash64(slice_of(small, sizeof(small)), hash64(name_slice(joint, node->class), 17));
}

static bool
list_visits(
    const struct joint *joint, const uint32_t *order, size_t nodes, struct visit **ret_visit, size_t *ret_count)
{
	size_t room = 0;

	for (uint32_t i = 0; i < nodes; i++) {
		const struct node *node = &joint->node[order[i]];

		if (node->negative || node->echo || node->origin != JOINT_OWN)
			continue;
		for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
			const struct value *v = &joint->value[joint->feature[f].value];

			if (v->type != FEATURE_VICTIM || v->count < 3)
				continue;
			if (!GROW(*ret_visit, *ret_count, room))
				return false;
			(*ret_visit)[(*ret_count)++] = (struct visit){v->hash, stage_of(joint, node), i};
		}
	}
	return true;
}

struct stages {
	struct stage *stage;
	size_t count, room;
};

static bool
add_stage(struct stages *s, uint64_t hash, const struct visit *visit)
{
	if (!GROW(s->stage, s->count, s->room))
		return false;
	s->stage[s->count++] = (struct stage){hash, visit->victim, visit->place, 0};
	return true;
}

/* Every three of the sequence, to the nodes of each of these stages. */
static bool
add_sequence(struct stages *s, const struct visit *visit, size_t visits, const uint64_t *step, unsigned steps)
{
	bool good = true;

	for (unsigned i = 0; i < steps; i++) {
		for (unsigned j = i + 1; j < steps; j++) {
			for (unsigned k = j + 1; k < steps; k++) {
				uint64_t three[3] = {step[i], step[j], step[k]};
				uint64_t hash = hash64(slice_of(three, sizeof(three)), 19);

				for (size_t n = 0; n < visits && good; n++) {
					if (visit[n].stage == three[0] || visit[n].stage == three[1] ||
					    visit[n].stage == three[2])
						good = add_stage(s, hash, &visit[n]);
				}
			}
		}
	}
	return good;
}

/* One victim's visits, by time. */
static bool
walk(const struct joint *joint, const uint32_t *order, const struct visit *visit, size_t visits, struct stages *s)
{
	uint64_t step[STEPS_MAX];
	bool good = true;

	for (size_t i = 0, k; i < visits && good; i = k) {
		unsigned steps = 0;

		for (k = i; k < visits; k++) {
			unsigned at = 0;

			if (k > i && joint->node[order[visit[k].place]].first -
					     joint->node[order[visit[k - 1].place]].first > PAUSE)
				break;
			while (at < steps && step[at] != visit[k].stage)
				at++;
			if (at == steps && steps < STEPS_MAX)
				step[steps++] = visit[k].stage;
		}
		if (steps >= 3)
			good = add_sequence(s, visit + i, k - i, step, steps);
	}
	return good;
}

/* By how many victims it came upon, of two organisations at least: what one alone tells is no pattern. */
static float
weight_of(const struct joint *joint, const uint32_t *order, const struct stage *stage, size_t count)
{
	uint32_t first = joint->node[order[stage[0].place]].organisation;
	size_t victims = 0;
	bool several = false;

	for (size_t i = 0; i < count; i++) {
		victims += i == 0 || stage[i].victim != stage[i - 1].victim;
		several = several || joint->node[order[stage[i].place]].organisation != first;
	}
	return !several ? 0 : victims >= 3 ? WEIGHT_MORE : WEIGHT;
}

/* Each place once for a sequence, and only sequences that come again. */
static size_t
tidy(const struct joint *joint, const uint32_t *order, struct stage *stage, size_t count)
{
	size_t kept = 0;

	if (count > 0)
		qsort(stage, count, sizeof(*stage), by_hash);
	for (size_t i = 0, k; i < count; i = k) {
		float weight;

		for (k = i; k < count && stage[k].hash == stage[i].hash; k++)
			;
		weight = weight_of(joint, order, stage + i, k - i);
		for (size_t n = i; n < k && weight > 0; n++) {
			if (kept > 0 && stage[kept - 1].hash == stage[n].hash && stage[kept - 1].place == stage[n].place)
				continue;
			stage[kept] = stage[n];
			stage[kept++].weight = weight;
		}
	}
	return kept;
}

bool
stages_list(const struct joint *joint, const uint32_t *order, size_t nodes, struct stage **ret_stage,
    size_t *ret_count)
{
	struct visit *visit = NULL;
	struct stages s = {NULL, 0, 0};
	size_t visits = 0;
	bool good = list_visits(joint, order, nodes, &visit, &visits);

	if (good && visits > 0)
		qsort(visit, visits, sizeof(*visit), by_victim);
	for (size_t i = 0, k; i < visits && good; i = k) {
		for (k = i; k < visits && visit[k].victim == visit[i].victim; k++)
			;
		if (k - i >= 3)
			good = walk(joint, order, visit + i, k - i, &s);
	}
	free(visit);
	*ret_stage = s.stage;
	*ret_count = tidy(joint, order, s.stage, s.count);
	return good;
}
