/*
 * A registrable domain as what an activity comes from: where names below it are seen once each, or seldom (data in
 * names, a name for each victim, a server for each country), the zone is what stays.  A platform's tenant has a zone of
 * his own (draft.c), whose server is the platform's; what a registry lets is nobody's.  README.md, Evidence.  One
 * thread.
 */
#include "joint/joint_own.h"

/* Who floods a zone asks for names that nobody gave it: it is the victim. */
static bool
is_flood(struct slice class)
{
	return slice_is(class, "attempted-dos") || slice_is(class, "successful-dos") ||
	       slice_is(class, "denial-of-service");
}

bool
zone_stands(struct joint *joint, const struct claim *claim, size_t count)
{
	const struct value *v = &joint->value[claim->value];

	if ((double)v->diversity > feature_about[FEATURE_SITE].spread)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct node *node = &joint->node[claim[i].node];

		if (!node->negative && !node->echo && is_flood(name_slice(joint, node->class)))
			return false;
	}
	/* Read only where somebody asks: most correlators' cases never do.  Without it nothing of it can be told. */
	if (joint->suffixes == NULL && !joint->no_memory && (joint->suffixes = suffixes_open(joint->conf)) == NULL) {
		log_error("partners.suffixes: %s can't be held", joint->conf->partners_suffixes);
		joint->no_memory = true;
	}
	return joint->suffixes != NULL && !suffixes_have(joint->suffixes, name_slice(joint, v->name));
}

/* A mean over organisations: what one says of a server does not make it a platform's. */
bool
zone_hosts(const struct joint *joint, const struct claim *claim, size_t count)
{
	double sum = 0;
	unsigned parties = 0;

	for (size_t i = 0, k; i < count; i = k) {
		uint32_t organisation = joint->node[claim[i].node].organisation;
		unsigned own = 0, hosted = 0;

		for (k = i; k < count && joint->node[claim[k].node].organisation == organisation; k++) {
			const struct node *node = &joint->node[claim[k].node];

			if (node->negative || node->echo)
				continue;
			own++;
			hosted += node->hosted;
		}
		sum += own > 0 ? (double)hosted / own : 0;
		parties += own > 0;
	}
	return 2 * sum > parties;
}

bool
zone_says(const struct joint *joint, const struct claim *claim)
{
	const struct node *node = &joint->node[claim->node];

	/* That one name below it was not seen says nothing of the others. */
	return !node->negative || node->domain == joint->value[claim->value].name;
}
