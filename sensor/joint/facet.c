/*
 * Candidates that are one thing under several names: an address, its name, its certificate.  They are no rivals of each
 * other, so that only the leading one stands.  In: candidates, best first.  README.md, Evidence; one thread.
 */
#include "joint/joint_own.h"

static size_t
count_telling(const struct joint *joint, const struct hypothesis *h, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < h->item_count; i++)
		count += node_tells(joint, &joint->node[h->item[i].node], type);
	return count;
}

/* Who looked in vain says of one name that it was not there, and nothing of the other. */
static size_t
count_seen(const struct joint *joint, const struct hypothesis *h)
{
	size_t count = 0;

	for (size_t i = 0; i < h->item_count; i++)
		count += !joint->node[h->item[i].node].negative;
	return count;
}

static void
mark_nodes(struct joint *joint, const struct hypothesis *h, bool as)
{
	for (size_t i = 0; i < h->item_count; i++)
		joint->node[h->item[i].node].of_facet = as;
}

/*
 * Two names of one thing: most nodes that have the rarer one have the other, of those that tell such a thing at all.
 * Who reports addresses only does not say that there was no name.  The nodes of the other are marked.
 */
static bool
is_facet(const struct joint *joint, const struct hypothesis *of, const struct hypothesis *h)
{
	size_t telling = count_telling(joint, h, of->type), other = count_telling(joint, of, h->type);
	size_t both = 0, seen = count_seen(joint, h), least = count_seen(joint, of);

	least = seen < least ? seen : least;
	for (size_t i = 0; i < h->item_count; i++)
		both += joint->node[h->item[i].node].of_facet;
	return both > 0 && both * 4 >= least && both * 2 >= (telling < other ? telling : other);
}

bool
hypothesis_is_facet(struct joint *joint, const struct hypothesis *of, const struct hypothesis *h)
{
	bool is;

	mark_nodes(joint, of, true);
	is = is_facet(joint, of, h);
	mark_nodes(joint, of, false);
	return is;
}

/*
 * One of many addresses of a name has few of the sights of the name, and who tells addresses only has none of the name:
 * of those who tell what it is called there, by organisation, so that who sends most is one of them.
 */
bool
hypothesis_is_named(const struct joint *joint, const struct hypothesis *addr, const struct hypothesis *name)
{
	double sum = 0;
	unsigned telling = 0, both = 0;

	/* By organisation: witness.c has sorted them so. */
	for (size_t i = 0, k; i < addr->item_count; i = k) {
		uint32_t organisation = joint->node[addr->item[i].node].organisation;
		unsigned own = 0, with = 0;

		for (k = i; k < addr->item_count &&
			    joint->node[addr->item[k].node].organisation == organisation; k++) {
			const struct node *node = &joint->node[addr->item[k].node];

			if (node->negative || node->echo || !node_tells(joint, node, name->type))
				continue;
			own++;
			with += node_value(joint, node, name->type) == name->value;
		}
		sum += own > 0 ? (double)with / own : 0;
		telling += own > 0;
		both += with > 0;
	}
	return both >= 2 && 2 * sum >= telling;
}

/*
 * What stands for the leading candidate under another name, or for what does: several addresses of one name.  The nodes
 * of all of them, but for what many have, are marked afterwards.
 */
void
facets_drop(struct joint *joint, struct activity *a)
{
	bool facet[WEIGHED_MAX] = {true};
	size_t line[WEIGHED_MAX] = {0}, count = a->hypothesis_count > 0;

	for (size_t n = 0; n < count; n++) {
		const struct hypothesis *of = &a->hypothesis[line[n]];

		/* What many have leads to what is not of this. */
		if (n > 0 && hypothesis_shared_by(joint, of) > 1)
			continue;
		mark_nodes(joint, of, true);
		for (size_t i = 1; i < a->hypothesis_count && i < WEIGHED_MAX; i++) {
			if (!facet[i] && is_facet(joint, of, &a->hypothesis[i])) {
				facet[i] = true;
				line[count++] = i;
			}
		}
		mark_nodes(joint, of, false);
	}
	for (size_t n = 0; n < count; n++) {
		if (n == 0 || hypothesis_shared_by(joint, &a->hypothesis[line[n]]) <= 1)
			mark_nodes(joint, &a->hypothesis[line[n]], true);
	}
	for (size_t i = a->hypothesis_count; i-- > 1;) {
		if (i < WEIGHED_MAX && facet[i])
			hypothesis_drop(a, i);
	}
}

void
facets_forget(struct joint *joint, const struct activity *a)
{
	for (size_t i = 0; i < a->count; i++)
		joint->node[a->node[i]].of_facet = false;
}
