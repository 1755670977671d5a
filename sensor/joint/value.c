/*
 * What nodes have in common, and what it is worth as a link: a value's weight falls with its diversity, the number of
 * groups that its nodes fall into when it, and its kind, is taken away.  README.md, Linking.
 *
 * Kept with each new node at a cost that does not depend on how many there are: a diversity is estimated from the
 * SAMPLE nodes with the least hashes, a set that changes ever more rarely as nodes come; only what changed is judged
 * again.  Four steps, each standing on those before alone, so that the outcome is a function of the set of nodes:
 * strong values by names and contents, networks and periods by strong ones, other weak ones by all these, strong ones
 * by strong and weak ones.  One thread.
 */
#include "joint/value_own.h"

#include <math.h>
#include <stdlib.h>

/* A fingerprint is one tool's own: few groups have it, or some that have it often. */
#define OWN_SURELY 3.0
#define OWN_MAX 12.0
#define OWN_PART 0.6

/* ---- the table ---- */

uint64_t
value_hash(enum feature_type type, struct slice text, bool exercise)
{
	return hash64(text, type + 100u) ^ exercise;
}

static uint32_t
check_of(enum feature_type type, struct slice text)
{
	uint32_t check = (uint32_t)(hash64(text, hash_seed() + type) >> 32);

	return check != 0 ? check : 1;
}

/* check: of the same text by a secret, so that texts made to have one hash are two values.  0: the first will do. */
static uint32_t
find(const struct joint *joint, uint64_t hash, uint32_t check)
{
	const struct table *t = &joint->values;
	size_t at = t->slots > 0 ? table_home(t, hash * joint->turn) : 0;
	uint32_t index = NONE;
	const struct value *v;

	while (t->slots > 0 && (index = table_next(t, hash * joint->turn, &at)) != NONE &&
	       ((v = &joint->value[index])->hash != hash || (check != 0 && v->check != check)))
		at = table_after(t, at);
	return index;
}

uint32_t
value_find(const struct joint *joint, uint64_t hash)
{
	return find(joint, hash, 0);
}

/* A large table is far away: all that will be looked for is asked for at once. */
void
values_prefetch(const struct joint *joint, const struct draft *d)
{
	for (unsigned i = 0; i < d->count; i++)
		table_prefetch(&joint->values, d->feature[i].hash * joint->turn);
}

uint32_t
value_of(struct joint *joint, enum feature_type type, struct slice text, bool exercise)
{
	uint64_t hash = value_hash(type, text, exercise);
	uint32_t name, check = check_of(type, text), index = find(joint, hash, check);

	if (index != NONE)
		return index;
	if (!table_room(&joint->values) || (name = name_of(joint, text)) == NONE)
		return NONE;
	if ((index = joint->value_free) != NONE) {
		joint->value_free = joint->value[index].head;
	} else {
		if (!GROW(joint->value, joint->value_count, joint->value_room))
			return NONE;
		index = (uint32_t)joint->value_count++;
	}
	joint->value[index] = (struct value){.hash = hash, .check = check, .name = name,
	    .head = NONE, .negative = NONE, .oldest = NONE,
	    .diversity = 1,
	    .weight = (float)feature_about[type].cap, .weight_own = (float)feature_about[type].cap, .talker = NONE,
	    .holder = NONE, .type = (uint8_t)type, .used = true, .holds = true, .holds_own = true,
	    .finds_one = true};
	table_put(&joint->values, hash * joint->turn, index);
	return index;
}

static void
forget(struct joint *joint, uint32_t index)
{
	struct value *v = &joint->value[index];

	table_drop(&joint->values, v->hash * joint->turn, index);
	free(v->sample);
	/* A dirty one is freed by the settling, which has its number in its list. */
	v->sample = NULL;
	v->used = false;
	v->head = joint->value_free;
	if (!v->dirty)
		joint->value_free = index;
}

void
values_forget(struct joint *joint)
{
	for (size_t i = 0; i < joint->value_count; i++)
		free(joint->value[i].used ? joint->value[i].sample : NULL);
	joint->value_count = 0;
	joint->value_free = NONE;
	table_clear(&joint->values);
}

static void
make_dirty(struct joint *joint, uint32_t index)
{
	if (joint->value[index].dirty)
		return;
	joint->value[index].dirty = vector_add(&joint->dirty_values, index);
	joint->no_memory = joint->no_memory || !joint->value[index].dirty;
}

/* ---- lists and samples ---- */

/* Of one organisation at most this part of a sample: a flood is no larger than a trickle. */
#define SAMPLE_OF_ONE (SAMPLE / 6)

static void
sample_limit(struct sample *s)
{
	s->limit = 0;
	for (unsigned i = 0; i < s->count; i++)
		s->limit = s->fold[i] > s->limit ? s->fold[i] : s->limit;
}

/* The place of the largest hash, of all or of one organisation; *ret_of: how many those are. */
static unsigned
sample_largest(const struct sample *s, uint32_t organisation, unsigned *ret_of)
{
	unsigned at = 0, of = 0;

	for (unsigned i = 0; i < s->count; i++) {
		if (organisation != NONE && s->organisation[i] != organisation)
			continue;
		if (of++ == 0 || s->fold[i] > s->fold[at])
			at = i;
	}
	*ret_of = of;
	return at;
}

/*
 * The sample is the least of each organisation's least: a function of the set, whatever came first.  False: it stays
 * as it was.
 */
static bool
sample_put(const struct joint *joint, struct sample *s, uint32_t node)
{
	const struct node *n = &joint->node[node];
	unsigned of, at = sample_largest(s, n->organisation, &of);

	if (of < SAMPLE_OF_ONE && s->count < SAMPLE) {
		at = s->count++;
		s->most = s->count > s->most ? s->count : s->most;
	} else {
		if (of < SAMPLE_OF_ONE)
			at = sample_largest(s, NONE, &of);
		if (n->fold >= s->fold[at])
			return false;
	}
	s->node[at] = node;
	s->fold[at] = n->fold;
	s->organisation[at] = n->organisation;
	if (s->count == SAMPLE)
		sample_limit(s);
	return true;
}

/*
 * One of it went to disk: the others stay, and who comes is held against the same limit, so that they are still those
 * of the least hashes of what is here.  False: half of it is gone, and it is to be made anew.
 */
static bool
sample_take(struct sample *s, uint32_t node)
{
	unsigned at = 0;

	while (at < s->count && s->node[at] != node)
		at++;
	if (at == s->count)
		return true;
	s->count--;
	s->node[at] = s->node[s->count];
	s->fold[at] = s->fold[s->count];
	s->organisation[at] = s->organisation[s->count];
	return s->count * 2 >= s->most;
}

struct sample *
value_sample(struct joint *joint, struct value *v)
{
	if (v->sample != NULL || (v->sample = malloc(sizeof(*v->sample))) == NULL)
		return v->sample;
	*v->sample = (struct sample){.limit = UINT64_MAX};
	for (uint32_t f = v->head; f != NONE; f = joint->feature[f].next) {
		if (joint->node[joint->feature[f].node].fold <= v->sample->limit)
			(void)sample_put(joint, v->sample, joint->feature[f].node);
	}
	return v->sample;
}

/* Where they belong may have changed. */
static void
touch_negatives(struct joint *joint, const struct value *v)
{
	for (uint32_t f = v->negative; f != NONE; f = joint->feature[f].next)
		node_touch(joint, joint->feature[f].node);
}

/* What one alone has weighs as it did when it was made: most of what comes, and nothing to judge. */
static bool
is_as_new(const struct value *v)
{
	float cap = (float)feature_about[v->type].cap;

	return v->holds && v->holds_own && !v->popular && v->talker == NONE && v->weight >= cap &&
	       v->weight_own >= cap && v->diversity <= 1 && v->part <= 0;
}

/* Whether a host is clean may have changed: what its observed sights say of others is judged again. */
void
host_doubt(struct joint *joint, uint32_t victim)
{
	const struct value *v = &joint->value[victim];

	for (uint32_t f = v->head; v->type == FEATURE_VICTIM && f != NONE && v->count <= CLEAN_MAX + 1;
	     f = joint->feature[f].next) {
		if (joint->node[joint->feature[f].node].observed)
			values_beside(joint, joint->feature[f].node);
	}
}

static bool
in_sample(const struct value *v, const struct node *node)
{
	return v->count <= SAMPLE || v->sample == NULL || node->fold <= v->sample->limit;
}

static bool
is_name(uint8_t type)
{
	return type == FEATURE_DOMAIN || type == FEATURE_URL;
}

/* Whether a hello is one client's hangs on this, too: those that were seen with it are judged again. */
static void
hellos_doubt(struct joint *joint, const struct value *v)
{
	for (uint32_t f = v->head; f != NONE; f = joint->feature[f].next) {
		const struct node *node = &joint->node[joint->feature[f].node];

		for (uint32_t k = node->features; k < node->features + node->feature_count; k++) {
			const struct feature *beside = &joint->feature[k];

			if (feature_about[beside->type].group == 't' && !is_alone(beside) &&
			    in_sample(&joint->value[beside->value], node))
				make_dirty(joint, beside->value);
		}
	}
}

/* It comes and goes no longer, or again. */
static void
place_doubt(struct joint *joint, const struct value *v)
{
	if (v->type == FEATURE_ADDR || is_name(v->type))
		hellos_doubt(joint, v);
}

void
value_link(struct joint *joint, uint32_t feature, bool negative)
{
	struct feature *f = &joint->feature[feature];
	struct value *v = &joint->value[f->value];
	uint32_t *head = negative ? &v->negative : &v->head;

	f->prev = NONE;
	f->next = *head;
	if (*head != NONE)
		joint->feature[*head].prev = feature;
	*head = feature;
	if (negative)
		return;
	if (v->count++ == 0)
		touch_negatives(joint, v);
	else
		host_doubt(joint, f->value);
	/* It has company for the first time. */
	if (v->count == 2)
		node_doubt(joint, joint->feature[f->next].node);
	if (v->count == PASSING_MAX + 1)
		place_doubt(joint, v);
	/* What they do may join them now. */
	for (uint32_t k = v->type == FEATURE_NET && v->count == WIDE_NODES ? f->next : NONE; k != NONE;
	     k = joint->feature[k].next)
		node_doubt(joint, joint->feature[k].node);
	if (v->count == 1 || (v->oldest != NONE && node_by_time(&joint->node[f->node], &joint->node[v->oldest]) < 0))
		v->oldest = f->node;
	if (v->count <= SAMPLE) {
		if (v->count > 1 || !is_as_new(v))
			make_dirty(joint, f->value);
	} else if (v->count == SAMPLE + 1 || v->sample == NULL) {
		free(v->sample);
		v->sample = NULL;
		make_dirty(joint, f->value);
	} else if (joint->node[f->node].fold < v->sample->limit && sample_put(joint, v->sample, f->node)) {
		make_dirty(joint, f->value);
	}
}

/* What went to disk counts on in what its values weigh, until they are judged again because something came. */
static void
drop_sampled(struct joint *joint, struct value *v, const struct feature *f)
{
	bool sampled = v->sample != NULL && joint->node[f->node].fold <= v->sample->limit;

	if (!sampled && v->count > SAMPLE)
		return;
	if (!joint->leaving)
		make_dirty(joint, f->value);
	if (v->count > SAMPLE && joint->leaving && sample_take(v->sample, f->node))
		return;
	free(v->sample);
	v->sample = NULL;
}

void
value_unlink(struct joint *joint, uint32_t feature, bool negative)
{
	struct feature *f = &joint->feature[feature];
	struct value *v = &joint->value[f->value];
	uint32_t *head = negative ? &v->negative : &v->head;

	if (f->next != NONE)
		joint->feature[f->next].prev = f->prev;
	*(f->prev != NONE ? &joint->feature[f->prev].next : head) = f->next;
	if (!negative) {
		v->count--;
		if (!joint->leaving)
			host_doubt(joint, f->value);
		if (!joint->leaving && v->count == PASSING_MAX)
			place_doubt(joint, v);
		drop_sampled(joint, v, f);
		if (v->oldest == f->node) {
			touch_negatives(joint, v);
			v->oldest = NONE;
		}
	}
	if (v->head == NONE && v->negative == NONE)
		forget(joint, f->value);
}

void
value_older(struct joint *joint, uint32_t node)
{
	const struct node *n = &joint->node[node];

	for (uint32_t f = n->features; f < n->features + n->feature_count && !n->negative; f++) {
		struct value *v = &joint->value[joint->feature[f].value];

		if (v->oldest != NONE && node_by_time(n, &joint->node[v->oldest]) < 0)
			v->oldest = node;
	}
}

uint32_t
value_oldest(struct joint *joint, uint32_t value)
{
	struct value *v = &joint->value[value];

	for (uint32_t f = v->oldest == NONE ? v->head : NONE; f != NONE; f = joint->feature[f].next) {
		if (v->oldest == NONE ||
		    node_by_time(&joint->node[joint->feature[f].node], &joint->node[v->oldest]) < 0)
			v->oldest = joint->feature[f].node;
	}
	return v->oldest;
}

/* ---- what follows from a change ---- */

void
values_beside(struct joint *joint, uint32_t index)
{
	const struct node *node = &joint->node[index];

	for (uint32_t f = node->features; f < node->features + node->feature_count; f++) {
		if (!is_alone(&joint->feature[f]) && in_sample(&joint->value[joint->feature[f].value], node))
			make_dirty(joint, joint->feature[f].value);
	}
}

/* It holds nodes together that it didn't, or no longer: values beside it are to be judged again. */
static void
flipped(struct joint *joint, uint32_t index, bool strong_only)
{
	for (uint32_t f = joint->value[index].head; f != NONE; f = joint->feature[f].next) {
		const struct node *node = &joint->node[joint->feature[f].node];

		for (uint32_t k = node->features; k < node->features + node->feature_count; k++) {
			const struct feature *beside = &joint->feature[k];

			/* What one alone has falls into one group, whatever holds. */
			if (!is_alone(beside) && (!strong_only || is_strong(beside->type)) &&
			    in_sample(&joint->value[beside->value], node))
				make_dirty(joint, beside->value);
		}
	}
}

/* A case says what it is worth: of what is named as a source; of a network only where it weighs anything. */
static bool
is_told(const struct value *v, float was)
{
	return is_candidate(v->type) ||
	       (is_wide(v->type) && (was >= (float)WEIGHT_LEAST || v->weight >= (float)WEIGHT_LEAST));
}

/*
 * A value weighs otherwise: what may be linked otherwise are nodes that have it and could link, if there are two; and
 * whoever can now, or no longer.  Cases that say what it is worth say so anew, "not seen" among their nodes.
 */
static void
touch_users(struct joint *joint, const struct value *v, float was)
{
	bool links = was >= (float)WEIGHT_LEAST || v->weight >= (float)WEIGHT_LEAST, told = is_told(v, was);
	unsigned linkers = 0;

	if (!links && !told)
		return;
	for (uint32_t f = v->head; links && f != NONE && linkers < 2; f = joint->feature[f].next)
		linkers += joint->node[joint->feature[f].node].can_link;
	for (uint32_t f = v->head; f != NONE; f = joint->feature[f].next) {
		const struct node *node = &joint->node[joint->feature[f].node];

		if ((told && node->activity != NONE) || (links && linkers >= 2 && node->can_link))
			node_touch(joint, joint->feature[f].node);
		else if (links && (node->can_link || v->weight > was))
			node_doubt(joint, joint->feature[f].node);
	}
	for (uint32_t f = told ? v->negative : NONE; f != NONE; f = joint->feature[f].next) {
		if (joint->node[joint->feature[f].node].activity != NONE)
			node_touch(joint, joint->feature[f].node);
	}
}

/* What else is about its weight: nodes that it links, and cases that list it as evidence. */
static void
weigh(struct joint *joint, struct value *v, const struct judged *is)
{
	const struct feature_about *about = &feature_about[v->type];
	double steep = steepness(about->group);
	const struct value was = *v;

	v->diversity = (float)is->groups;
	v->part = (float)is->part;
	v->weight = (float)joint_feature_weight(about->cap, about->spread, is->groups, is->part, steep);
	v->weight_own = (float)joint_feature_weight(about->cap, about->spread, is->all_groups, is->all_part, steep);
	v->talker = is->talker;
	v->sole = is->sole;
	if (v->weight < v->weight_own)
		v->weight = v->weight_own;
	if (fabsf(v->weight - was.weight) <= 0 && fabsf(v->weight_own - was.weight_own) <= 0 &&
	    fabsf(v->diversity - was.diversity) <= 0 && fabsf(v->part - was.part) <= 0 && v->talker == was.talker &&
	    v->sole == was.sole)
		return;
	touch_users(joint, v, was.weight);
}

void
values_clean(struct joint *joint)
{
	struct vector *list = &joint->dirty_values;

	for (size_t i = 0; i < list->count; i++) {
		struct value *v = &joint->value[list->at[i]];

		v->dirty = false;
		if (!v->used) {
			v->head = joint->value_free;
			joint->value_free = list->at[i];
		}
	}
	list->count = 0;
}

static bool
is_own(double groups, double part)
{
	return groups <= OWN_SURELY || (groups <= OWN_MAX && part <= OWN_PART);
}

/* What holds nodes together, from now on; values beside it are judged again. */
static void
hold(struct joint *joint, uint32_t index, bool all, bool own, uint32_t holder, bool strong_only)
{
	struct value *v = &joint->value[index];

	if (all == v->holds && own == v->holds_own && (holder == v->holder || all == own))
		return;
	v->holds = all;
	v->holds_own = own;
	v->holder = all == own ? NONE : holder;
	if (is_strong(v->type) || can_hold(v->type) || is_early(v->type))
		flipped(joint, index, strong_only);
}

/* The newest feature of a value that will be judged; NONE: none will. */
static uint32_t
newest_of(const struct joint *joint, size_t at)
{
	const struct vector *list = &joint->dirty_values;

	return at < list->count && joint->value[list->at[at]].used ? joint->value[list->at[at]].head : NONE;
}

/* Values that are judged soon, and the two nodes that came last, are on their way to the cache, a step further each
 * time. */
static void
fetch_dirty(const struct joint *joint, size_t at)
{
	const struct vector *list = &joint->dirty_values;
	const struct feature *feature = joint->feature;
	uint32_t f;

	if (at + 8 < list->count)
		__builtin_prefetch(&joint->value[list->at[at + 8]]);
	if ((f = newest_of(joint, at + 6)) != NONE)
		__builtin_prefetch(&feature[f]);
	if ((f = newest_of(joint, at + 4)) != NONE) {
		__builtin_prefetch(&joint->node[feature[f].node]);
		if (feature[f].next != NONE)
			__builtin_prefetch(&feature[feature[f].next]);
	}
	if ((f = newest_of(joint, at + 2)) != NONE && (f = feature[f].next) != NONE)
		__builtin_prefetch(&joint->node[feature[f].node]);
}

/* Early ones by strong ones alone; the others by these, too. */
static void
settle_weak(struct joint *joint, bool early)
{
	struct vector *list = &joint->dirty_values;
	struct judged is;

	for (size_t i = 0; i < list->count; i++) {
		struct value *v = &joint->value[list->at[i]];

		fetch_dirty(joint, i);
		if (!v->used || is_strong(v->type) || is_early(v->type) != early)
			continue;
		value_diversity(joint, v, early ? BY_STRONG : BY_PLACE, &is);
		/* A network holds no more than an address would: one popular name in it is no owner of all. */
		if (v->type == FEATURE_NET)
			hold(joint, list->at[i], is.groups <= 2, is.all_groups <= 2, is.talker, false);
		else
			hold(joint, list->at[i], is_own(is.groups, is.part), is_own(is.all_groups, is.all_part),
			    is.talker, !early);
		weigh(joint, v, &is);
	}
}

/* Names by who asks for them; and where they lead, by the names that not everybody visits. */
static void
settle_strong(struct joint *joint, bool names)
{
	struct vector *list = &joint->dirty_values;
	struct judged is;

	for (size_t i = 0; i < list->count; i++) {
		struct value *v = &joint->value[list->at[i]];
		bool popular;

		if (!v->used || !is_strong(v->type) || is_name(v->type) != names)
			continue;
		value_diversity(joint, v, BY_ALL, &is);
		weigh(joint, v, &is);
		popular = names && is.groups > 2 * feature_about[v->type].spread;
		if (popular == v->popular)
			continue;
		v->popular = popular;
		flipped(joint, list->at[i], true);
	}
}

/* Whether a rule finds one client says what a hello is, so it is told first. */
static void
settle_rules(struct joint *joint)
{
	struct vector *list = &joint->dirty_values;

	for (size_t i = 0; i < list->count; i++) {
		struct value *v = &joint->value[list->at[i]];
		bool is = v->used && v->type == FEATURE_RULE && value_finds_one(joint, v);

		if (!v->used || v->type != FEATURE_RULE || is == v->finds_one)
			continue;
		v->finds_one = is;
		hellos_doubt(joint, &joint->value[list->at[i]]);
	}
}

enum cc_status
values_settle(struct joint *joint)
{
	struct vector *list = &joint->dirty_values;
	struct judged is;

	if (!value_scratch(joint))
		return CC_NOMEM;
	/* What goes on at the end while one walks is walked, too. */
	for (size_t i = 0; i < list->count; i++) {
		struct value *v = &joint->value[list->at[i]];
		double most = 2 * feature_about[v->type].spread;

		fetch_dirty(joint, i);
		if (!v->used || !is_strong(v->type))
			continue;
		value_diversity(joint, v, BY_CONTENT, &is);
		hold(joint, list->at[i], is.groups <= most, is.all_groups <= most, is.talker, false);
	}
	settle_weak(joint, true);
	settle_rules(joint);
	settle_weak(joint, false);
	settle_strong(joint, true);
	settle_strong(joint, false);
	values_clean(joint);
	return CC_OK;
}
