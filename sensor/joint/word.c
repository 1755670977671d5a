/*
 * How common a value is by what organisations say of it, none of which is taken at its word alone: groups that only one
 * has a node in count as far as others find the same.  README.md, One that lies.  Pure; one thread.
 */
#include "joint/value_own.h"

/* One organisation's word: groups that nobody else is in, and its nodes in them. */
struct word {
	uint32_t organisation;
	unsigned groups, told;
};

static struct word *
word_of(struct word *word, unsigned *count, uint32_t organisation)
{
	unsigned i = 0;

	while (i < *count && word[i].organisation != organisation)
		i++;
	if (i == *count)
		word[(*count)++] = (struct word){.organisation = organisation};
	return &word[i];
}

/* By groups; equal ones by name, whoever came first. */
static bool
says_more(const struct joint *joint, const struct word *a, const struct word *b)
{
	if (a->groups != b->groups)
		return a->groups > b->groups;
	return name_order(&a->organisation, &b->organisation, (void *)(uintptr_t)joint) < 0;
}

/* What the others say: of strong values the most of it, of weak ones, which many tools share, the median. */
static unsigned
usual_word(const struct word *word, unsigned words, unsigned most, bool strong)
{
	unsigned above = strong ? 0 : (words - 1) / 2 - ((words - 1) % 2 == 0), is = UINT32_MAX;

	for (unsigned i = 0; i < words; i++) {
		unsigned more = 0;

		for (unsigned k = 0; k < words; k++)
			more += k != most && word[k].groups > word[i].groups;
		if (i != most && more <= above && word[i].groups < is)
			is = word[i].groups;
	}
	return is;
}

/* What the nodes of a value say, organisation by organisation. */
struct words {
	struct word word[SAMPLE];
	unsigned count, groups, told; /* of all: groups, and nodes that tell */
};

static void
hear(const struct joint *joint, const struct parts *p, struct words *w)
{
	uint32_t owner[SAMPLE]; /* of a group: its only organisation; NONE: there are several */

	w->count = w->groups = w->told = 0;
	for (unsigned i = 0; i < p->nodes; i++) {
		unsigned top = p->informed[i] ? top_of(p->parent, i) : i;
		uint32_t organisation = joint->node[p->node[i]].organisation;

		(void)word_of(w->word, &w->count, organisation);
		if (!p->informed[i])
			continue;
		if (top == i)
			owner[i] = organisation;
		else if (owner[top] != organisation)
			owner[top] = NONE;
		w->groups += top == i;
		w->told++;
	}
	for (unsigned i = 0; i < p->nodes; i++) {
		unsigned top = p->informed[i] ? top_of(p->parent, i) : i;
		struct word *word;

		if (!p->informed[i] || owner[top] == NONE)
			continue;
		word = word_of(w->word, &w->count, owner[top]);
		word->groups += top == i;
		word->told++;
	}
}

/*
 * That a value is common is never one organisation's word.  Where all others see one thing (of what many tools share:
 * as few as have it without losing weight), it stays that.  Else who says most, of groups that only one has a node in,
 * counts twice what the others say at most, and one more where two may have it.  So one that floods a value with
 * unrelated company does not make it more common for others than they find it themselves, whatever it sends; among
 * its own nodes it is.
 */
void
value_count_groups(const struct joint *joint, const struct parts *p, uint8_t type, struct judged *ret_judged)
{
	struct words w;
	unsigned most = 0, cut = 0, cut_told = 0, usual;
	bool strong = is_strong(type);

	hear(joint, p, &w);
	for (unsigned i = 1; i < w.count; i++) {
		if (says_more(joint, &w.word[i], &w.word[most]))
			most = i;
	}
	*ret_judged = (struct judged){.talker = NONE};
	if (w.count > 1) {
		usual = 2 * usual_word(w.word, w.count, most, strong) + (feature_about[type].spread > 1);
		if (w.groups - w.word[most].groups <= (strong ? 1 : feature_about[type].spread))
			usual = 0;
		cut = w.word[most].groups > usual ? w.word[most].groups - usual : 0;
	}
	if (cut > 0) {
		cut_told = w.word[most].told * cut / w.word[most].groups;
		ret_judged->talker = w.word[most].organisation;
	}
	ret_judged->all_groups = w.groups > 0 ? w.groups : 1;
	ret_judged->all_part = w.told > 0 ? (double)w.groups / w.told : 0;
	ret_judged->groups = w.groups > cut ? w.groups - cut : 1;
	ret_judged->part = w.told > cut_told ? (double)(w.groups - cut) / (w.told - cut_told) : 0;
}

/* As it links: of this sight, of its value, whichever is less. */
float
feature_weight(const struct joint *joint, uint32_t feature)
{
	const struct feature *f = &joint->feature[feature];
	const struct value *v = &joint->value[f->value];
	float weight = v->talker != NONE && joint->node[f->node].organisation == v->talker ? v->weight_own : v->weight;

	weight = f->cap < weight ? f->cap : weight;
	return weight >= (float)WEIGHT_LEAST ? weight : 0;
}

double
value_rarity(const struct joint *joint, uint32_t value)
{
	const struct value *v = &joint->value[value];
	const struct feature_about *about = &feature_about[v->type];

	return joint_feature_weight(
		   about->cap, about->spread, (double)v->diversity, (double)v->part, steepness(about->group)) /
	       about->cap;
}
