/*
 * Where something is, by a hash that nobody outside knows: open addressing without tombstones.  A slot has the first
 * half of the hash beside the place, so that what is another is passed, a table made wider and a gap closed without a
 * look at anything else: what things themselves say of them is anywhere in memory.  One thread.
 */
#include "joint/joint_own.h"

#include <stdlib.h>

#define SLOTS_LEAST 4096

bool
table_open(struct table *t, size_t count)
{
	size_t slots = SLOTS_LEAST;

	while (slots < 2 * count)
		slots *= 2;
	*t = (struct table){.slot = joint_table(slots * sizeof(*t->slot)), .slots = slots};
	if (t->slot == NULL)
		t->slots = 0;
	else
		memset(t->slot, 0xff, slots * sizeof(*t->slot));
	return t->slot != NULL;
}

void
table_close(struct table *t)
{
	free(t->slot);
	*t = (struct table){NULL, 0, 0};
}

void
table_clear(struct table *t)
{
	if (t->slots > 0)
		memset(t->slot, 0xff, t->slots * sizeof(*t->slot));
	t->count = 0;
}

void
table_put(struct table *t, uint64_t hash, uint32_t place)
{
	size_t at = table_home(t, hash);

	while ((uint32_t)t->slot[at] != NONE)
		at = table_after(t, at);
	t->slot[at] = (hash & ~(uint64_t)NONE) | place;
	t->count++;
}

bool
table_room(struct table *t)
{
	struct table wider;

	/* Two thirds: the slots of a look are on one line, or two. */
	if (t->slots * 2 > t->count * 3)
		return true;
	if (!table_open(&wider, t->slots))
		return false;
	for (size_t i = 0; i < t->slots; i++) {
		if ((uint32_t)t->slot[i] != NONE)
			table_put(&wider, t->slot[i], (uint32_t)t->slot[i]);
	}
	table_close(t);
	*t = wider;
	return true;
}

/* What follows in the run, and had passed the gap on its way, moves up (Knuth 6.4, R). */
void
table_drop(struct table *t, uint64_t hash, uint32_t place)
{
	size_t gap = table_home(t, hash), at, mask = t->slots - 1;

	while ((uint32_t)t->slot[gap] != place)
		gap = table_after(t, gap);
	for (at = table_after(t, gap); (uint32_t)t->slot[at] != NONE; at = table_after(t, at)) {
		if (((at - table_home(t, t->slot[at])) & mask) < ((at - gap) & mask))
			continue;
		t->slot[gap] = t->slot[at];
		gap = at;
	}
	t->slot[gap] = UINT64_MAX;
	t->count--;
}
